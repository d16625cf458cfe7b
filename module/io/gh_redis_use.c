/*
 * Names that are used once, in a Redis that all nodes ask. All of them and
 * the mark are in one slot, so that who has lost one has lost the mark.
 */

#include "gh_redis_use.h"

#include "gh_bytes.h"

#define MARK_KEY "gh:{replay}"

/*
 * KEYS: the mark, a name or none; ARGV: "1" to look whose the mark is, ttl,
 * needed age. Nothing is written over: what is there was used, or is not
 * ours.
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
    "if not k then return 'new' end\n"                                        \
    "local t = redis.call('TYPE', k).ok\n"                                    \
    "if t == 'string' and redis.call('GET', k) == '1' then\n"                 \
    "  return 'used'\n"                                                       \
    "end\n"                                                                   \
    "if t ~= 'none' then return 'damaged' end\n"                              \
    "if now - since <= tonumber(ARGV[3]) then return 'young' end\n"           \
    "redis.call('SET', k, '1', 'EX', ARGV[2])\n"                              \
    "return 'new'\n"


gh_str_t
gh_redis_use_script(void)
{
    return GH_STR(SCRIPT);
}


gh_rc_t
gh_redis_use_command(gh_str_t sha, const gh_redis_use_t *use,
                     gh_redis_bytes_t *out)
{
    char room[GH_REDIS_KEY_MAX], digits[2][24];
    uint8_t hash[GH_SHA256_LEN];
    gh_buf_t key = GH_BUF(room), ttl = GH_BUF(digits[0]);
    gh_buf_t needs = GH_BUF(digits[1]);
    gh_str_t args[8];
    size_t n = 0;

    args[n++] = GH_STR("EVALSHA");
    args[n++] = sha;
    args[n++] = use->name.len == 0 ? GH_STR("1") : GH_STR("2");
    args[n++] = GH_STR(MARK_KEY);

    if (use->name.len != 0) {
        gh_sha256(use->name, hash);
        (void) gh_buf_add(&key, GH_STR(MARK_KEY ":"));
        (void) gh_hex_encode((gh_str_t){ (const char *) hash, 16 }, &key);
        args[n++] = gh_buf_str(&key);
    }

    (void) gh_buf_add_u64(&ttl, (uint64_t) use->ttl_s);
    (void) gh_buf_add_u64(&needs,
                          (uint64_t) (use->needs_s > 0 ? use->needs_s : 0));

    args[n++] = use->look ? GH_STR("1") : GH_STR("0");
    args[n++] = gh_buf_str(&ttl);
    args[n++] = gh_buf_str(&needs);

    return gh_redis_command(args, n, out);
}


gh_redis_verdict_t
gh_redis_use_judge(const redisReply *reply, gh_rc_t *rc)
{
    gh_str_t code, word;
    gh_redis_verdict_t verdict = gh_redis_error(reply, &code);

    static const struct {
        const char *word;
        gh_rc_t rc;
    } words[] = {
        { "new", GH_OK },
        { "used", GH_CONFLICT },
        { "damaged", GH_INVALID },
        { "young", GH_UNAVAILABLE },
    };

    if (verdict != GH_REDIS_DONE) {
        return verdict;
    }

    if (reply->type != REDIS_REPLY_STRING) {
        return GH_REDIS_DOUBT;
    }

    word = (gh_str_t){ reply->str, (size_t) reply->len };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (gh_str_eq(word, gh_str(words[i].word))) {
            *rc = words[i].rc;
            return GH_REDIS_DONE;
        }
    }

    return GH_REDIS_DOUBT;
}
