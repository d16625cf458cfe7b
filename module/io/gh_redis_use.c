/*
 * Names that are used once, in a Redis that all nodes ask. All of them and
 * the mark are in one slot, so that who has lost one has lost the mark.
 */

#include "gh_redis_use.h"

#include "gh_bytes.h"

#define MARK_KEY "gh:{replay}"

/*
 * KEYS: the mark, a name or none; ARGV: "1" to look whose the mark is, ttl.
 * Nothing is written over: what is there was used, or is not ours.
 */
#define SCRIPT                                                                \
    "local m, k = KEYS[1], KEYS[2]\n"                                         \
    "local now = tonumber(redis.call('TIME')[1])\n"                           \
    "local h = {}\n"                                                          \
    "if redis.call('TYPE', m).ok == 'hash' then\n"                            \
    "  h = redis.call('HMGET', m, 'server', 'since')\n"                       \
    "end\n"                                                                   \
    "local server = h[1]\n"                                                   \
    "local since = tonumber(string.match(h[2] or '', '^%d+$') or '')\n"       \
    "if ARGV[1] == '1' or not since or since > now then\n"                    \
    "  local text = redis.call('INFO', 'server') .. '\\n'\n"                  \
    "    .. redis.call('INFO', 'replication')\n"                              \
    "  server = string.match(text, 'run_id:(%x+)') .. '-'\n"                  \
    "    .. string.match(text, 'master_replid:(%x+)')\n"                      \
    "end\n"                                                                   \
    "if server ~= h[1] or not since or since > now then\n"                    \
    "  redis.call('DEL', m)\n"                                                \
    "  redis.call('HSET', m, 'server', server, "                              \
    "'since', string.format('%.0f', now))\n"                                  \
    "  since = now\n"                                                         \
    "end\n"                                                                   \
    "local word = 'ok'\n"                                                     \
    "if k then\n"                                                             \
    "  local t = redis.call('TYPE', k).ok\n"                                  \
    "  if t == 'none' then redis.call('SET', k, '1', 'EX', ARGV[2])\n"        \
    "  elseif t == 'string' and redis.call('GET', k) == '1' then\n"           \
    "    word = 'conflict'\n"                                                 \
    "  else word = 'invalid' end\n"                                           \
    "end\n"                                                                   \
    "return {word, string.format('%.0f', now - since)}\n"


static gh_str_t text_of(const redisReply *reply);


gh_str_t
gh_redis_use_script(void)
{
    return GH_STR(SCRIPT);
}


gh_rc_t
gh_redis_use_command(gh_str_t sha, bool look, gh_str_t name, int64_t ttl_s,
                     gh_redis_bytes_t *out)
{
    char room[GH_REDIS_KEY_MAX], digits[24];
    uint8_t hash[GH_SHA256_LEN];
    gh_buf_t key = GH_BUF(room), ttl = GH_BUF(digits);
    gh_str_t args[7];
    size_t n = 0;

    args[n++] = GH_STR("EVALSHA");
    args[n++] = sha;
    args[n++] = name.len == 0 ? GH_STR("1") : GH_STR("2");
    args[n++] = GH_STR(MARK_KEY);

    if (name.len != 0) {
        gh_sha256(name, hash);
        (void) gh_buf_add(&key, GH_STR(MARK_KEY ":"));
        (void) gh_hex_encode((gh_str_t){ (const char *) hash, 16 }, &key);
        args[n++] = gh_buf_str(&key);
    }

    (void) gh_buf_add_u64(&ttl, (uint64_t) ttl_s);
    args[n++] = look ? GH_STR("1") : GH_STR("0");
    args[n++] = gh_buf_str(&ttl);

    return gh_redis_command(args, n, out);
}


gh_redis_verdict_t
gh_redis_use_judge(const redisReply *reply, gh_redis_use_t *use)
{
    gh_str_t code, word;
    uint64_t remembers_s;
    gh_redis_verdict_t verdict = gh_redis_error(reply, &code);

    if (verdict != GH_REDIS_DONE) {
        return verdict;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
        || gh_str_to_u64(text_of(reply->element[1]), INT32_MAX, &remembers_s)
               != GH_OK)
    {
        return GH_REDIS_DOUBT;
    }

    word = text_of(reply->element[0]);
    use->remembers_s = (int64_t) remembers_s;

    if (gh_str_eq(word, GH_STR("ok"))) {
        use->rc = GH_OK;

    } else if (gh_str_eq(word, GH_STR("conflict"))) {
        use->rc = GH_CONFLICT;

    } else if (gh_str_eq(word, GH_STR("invalid"))) {
        use->rc = GH_INVALID;

    } else {
        return GH_REDIS_DOUBT;
    }

    return GH_REDIS_DONE;
}


static gh_str_t
text_of(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STRING) {
        return GH_STR("");
    }

    return (gh_str_t){ reply->str, (size_t) reply->len };
}
