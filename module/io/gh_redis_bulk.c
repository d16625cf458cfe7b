/*
 * Records by the hundred. Two scripts of its own, which gateways do not
 * need: one writes a record with the expiry it had elsewhere, one changes
 * the seal alone.
 */

#include "gh_redis_bulk.h"
#include "gh_redis_client_inside.h"

#include "gh_bytes.h"
#include "gh_redis_scripts.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#define SCAN_COUNT "500"
#define LOG_KEY "gh:{log}"

/* ARGV: expiry, 0 never, data; put looks at the clock again, which may have
 * gone on to the next second: the expiry is set once more */
#define LUA_RESTORE                                                           \
    GH_REDIS_LUA_LOOK GH_REDIS_LUA_PUT                                        \
        "local at, ttl = tonumber(ARGV[1]), 0\n"                              \
        "if at > 0 then\n"                                                    \
        "  ttl = at - tonumber(redis.call('TIME')[1])\n"                      \
        "  if ttl <= 0 then redis.call('DEL', k) return {'ok', '0'} end\n"    \
        "end\n"                                                               \
        "local n = put(ARGV[2], ttl)\n"                                       \
        "redis.call('HSET', k, 'e', ARGV[1])\n"                               \
        "return {'ok', n}\n"

/* ARGV: version, data */
#define LUA_RESEAL                                                            \
    GH_REDIS_LUA_LOOK                                                         \
    "if v ~= ARGV[1] then return {'conflict', v or '0'} end\n"                \
    "redis.call('HSET', k, 'd', ARGV[2])\n"                                   \
    "return {'ok', v}\n"


static gh_rc_t load(gh_redis_client_t *client, gh_str_t text, char sha[41],
                    char *why);
static gh_rc_t walk_some(gh_redis_bulk_t *b, char cursor[32],
                         void (*each)(void *ctx, gh_kind_t kind, gh_str_t key),
                         void *ctx, char *why);
static gh_rc_t read_reply(gh_redis_bulk_t *b, const gh_redis_at_t *at,
                          gh_redis_found_t *out, char *why);
static uint32_t key_id_of(const redisReply *reply);
static gh_rc_t add(gh_redis_bytes_t *b, const gh_str_t *args, size_t n);
static gh_rc_t add_write(const gh_redis_bulk_t *b, const gh_redis_restore_t *w,
                         gh_redis_bytes_t *out);
static gh_rc_t add_line(const gh_redis_bulk_t *b, const gh_redis_restore_t *w,
                        gh_redis_bytes_t *out);
static gh_rc_t seal(const gh_redis_bulk_t *b, gh_str_t key, gh_str_t name,
                    gh_str_t value, gh_buf_t *out);
static gh_rc_t replies(gh_redis_bulk_t *b, unsigned n, char *why);
static gh_rc_t silent(char *why);


gh_rc_t
gh_redis_bulk_begin(gh_redis_client_t *client, gh_redis_bulk_t *out, char *why)
{
    gh_rc_t rc;

    memset(out, 0, sizeof(*out));
    out->client = client;

    rc = load(client, GH_STR(LUA_RESTORE), out->restore, why);

    return rc == GH_OK ? load(client, GH_STR(LUA_RESEAL), out->reseal, why)
                       : rc;
}


static gh_rc_t
load(gh_redis_client_t *client, gh_str_t text, char sha[41], char *why)
{
    gh_str_t code;
    gh_str_t args[] = { GH_STR("SCRIPT"), GH_STR("LOAD"), text };
    redisReply *reply = gh_redis_client_ask(client, args, 3);
    gh_rc_t rc = GH_UNAVAILABLE;

    if (reply == NULL) {
        return silent(why);
    }

    if (reply->type == REDIS_REPLY_STRING && reply->len == 40) {
        memcpy(sha, reply->str, 40);
        sha[40] = '\0';
        rc = GH_OK;
    } else {
        (void) gh_redis_error(reply, &code);
        (void) snprintf(why, GH_LMDB_WHY, "Redis %s",
                        gh_redis_error_words(code));
    }

    freeReplyObject(reply);

    return rc;
}


static gh_rc_t
silent(char *why)
{
    (void) snprintf(why, GH_LMDB_WHY, "Redis does not answer");

    return GH_UNAVAILABLE;
}


bool
gh_redis_bulk_kind(gh_str_t key, gh_kind_t *kind)
{
    gh_str_t hash, word;

    if (!gh_str_starts(key, GH_STR("gh:{")) || key.data[key.len - 1] != '}') {
        return false;
    }

    word = gh_str_cut((gh_str_t){ key.data + 4, key.len - 5 }, ':', &hash);

    if (hash.len != 32) {
        return false;
    }

    for (int i = GH_KIND_KEY; i <= GH_KIND_FORM; i++) {
        if (gh_str_eq(word, gh_kind_word((gh_kind_t) i))) {
            *kind = (gh_kind_t) i;
            return true;
        }
    }

    return false;
}


gh_rc_t
gh_redis_bulk_walk(gh_redis_bulk_t *b,
                   void (*each)(void *ctx, gh_kind_t kind, gh_str_t key),
                   void *ctx, char *why)
{
    char cursor[32] = "0";
    gh_rc_t rc;

    do {
        rc = walk_some(b, cursor, each, ctx, why);
    } while (rc == GH_OK && strcmp(cursor, "0") != 0);

    return rc;
}


static gh_rc_t
walk_some(gh_redis_bulk_t *b, char cursor[32],
          void (*each)(void *ctx, gh_kind_t kind, gh_str_t key), void *ctx,
          char *why)
{
    gh_str_t args[] = {
        GH_STR("SCAN"),   gh_str(cursor),  GH_STR("MATCH"),
        GH_STR("gh:{*}"), GH_STR("COUNT"), GH_STR(SCAN_COUNT)
    };
    redisReply *reply = gh_redis_client_ask(b->client, args, 6);
    gh_str_t code;
    gh_kind_t kind;

    if (reply == NULL) {
        return silent(why);
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
        || reply->element[0]->type != REDIS_REPLY_STRING
        || reply->element[0]->len >= 32
        || reply->element[1]->type != REDIS_REPLY_ARRAY)
    {
        (void) gh_redis_error(reply, &code);
        (void) snprintf(why, GH_LMDB_WHY, "Redis %s",
                        gh_redis_error_words(code));
        freeReplyObject(reply);
        return GH_UNAVAILABLE;
    }

    (void) snprintf(cursor, 32, "%s", reply->element[0]->str);

    for (size_t i = 0; i < reply->element[1]->elements; i++) {
        const redisReply *key = reply->element[1]->element[i];
        gh_str_t text = { key->str, (size_t) key->len };

        if (key->type == REDIS_REPLY_STRING && key->len < GH_REDIS_KEY_MAX
            && gh_redis_bulk_kind(text, &kind))
        {
            each(ctx, kind, text);
        }
    }

    freeReplyObject(reply);

    return GH_OK;
}


gh_rc_t
gh_redis_bulk_read(gh_redis_bulk_t *b, const gh_redis_at_t *at, size_t n,
                   gh_redis_found_t *out, char *why)
{
    gh_redis_bytes_t bytes = { NULL, 0, 0 };
    gh_rc_t rc = GH_OK;

    if (n == 0 || n > GH_REDIS_BULK) {
        return n == 0 ? GH_OK : GH_TOO_LONG;
    }

    memset(out, 0, n * sizeof(*out));

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        gh_str_t args[] = { GH_STR("HMGET"), at[i].key, GH_STR("v"),
                            GH_STR("d"), GH_STR("e") };

        rc = add(&bytes, args, 5);
    }

    if (rc != GH_OK) {
        (void) snprintf(why, GH_LMDB_WHY, "no memory");
        return rc;
    }

    (void) gh_redis_client_send(b->client, &bytes);

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        rc = read_reply(b, &at[i], &out[i], why);
    }

    if (rc != GH_OK) {
        gh_redis_bulk_free(out, n);
    }

    return rc;
}


static gh_rc_t
read_reply(gh_redis_bulk_t *b, const gh_redis_at_t *at, gh_redis_found_t *out,
           char *why)
{
    redisReply *reply = gh_redis_client_reply(b->client);
    gh_redis_verdict_t verdict;
    gh_str_t code;

    if (reply == NULL) {
        return silent(why);
    }

    verdict = gh_redis_found_judge(&b->client->words, reply, at->kind, at->key,
                                   &out->record, &out->rc);
    out->sealed_by = at->kind != GH_KIND_QUOTA ? key_id_of(reply) : 0;
    (void) gh_redis_error(reply, &code);
    freeReplyObject(reply);

    if (verdict != GH_REDIS_DONE || out->rc == GH_NOMEM) {
        (void) snprintf(why, GH_LMDB_WHY, "Redis %s",
                        verdict == GH_REDIS_DOUBT
                            ? "answers something else than it was asked"
                            : gh_redis_error_words(code));
        return GH_UNAVAILABLE;
    }

    /* a counter's name is its key's hash: it is one already */

    if (out->rc == GH_OK && at->kind == GH_KIND_QUOTA) {
        memcpy(out->quota, at->key.data + at->key.len - 33, 32);
        out->record.name = (gh_str_t){ out->quota, 32 };
    }

    return GH_OK;
}


static uint32_t
key_id_of(const redisReply *reply)
{
    const redisReply *data;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3) {
        return 0;
    }

    data = reply->element[1];

    return data->type == REDIS_REPLY_STRING ? gh_secret_sealed_by(
               (gh_str_t){ data->str, (size_t) data->len })
                                            : 0;
}


void
gh_redis_bulk_free(gh_redis_found_t *found, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (found[i].record.value != NULL) {
            OPENSSL_cleanse(found[i].record.value, found[i].record.len);
            free(found[i].record.value);
            found[i].record.value = NULL;
        }
    }
}


gh_rc_t
gh_redis_bulk_write(gh_redis_bulk_t *b, const gh_redis_restore_t *w, size_t n,
                    char *why)
{
    static const gh_str_t multi = { "MULTI", 5 }, exec = { "EXEC", 4 };
    gh_redis_bytes_t bytes = { NULL, 0, 0 };
    gh_rc_t rc = n <= GH_REDIS_BULK ? add(&bytes, &multi, 1) : GH_TOO_LONG;

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        rc = add_line(b, &w[i], &bytes);
        rc = rc == GH_OK ? add_write(b, &w[i], &bytes) : rc;
    }

    rc = rc == GH_OK ? add(&bytes, &exec, 1) : rc;

    if (rc != GH_OK) {
        free(bytes.data);
        (void) snprintf(why, GH_LMDB_WHY, "no memory");
        return rc;
    }

    n = bytes.replies;
    (void) gh_redis_client_send(b->client, &bytes);

    return replies(b, (unsigned) n, why);
}


/* On failure all is released already. */
static gh_rc_t
add(gh_redis_bytes_t *b, const gh_str_t *args, size_t n)
{
    gh_redis_bytes_t one;
    char *more;

    if (gh_redis_command(args, n, &one) != GH_OK) {
        free(b->data);
        memset(b, 0, sizeof(*b));
        return GH_NOMEM;
    }

    more = realloc(b->data, b->len + one.len);

    if (more == NULL) {
        free(one.data);
        free(b->data);
        memset(b, 0, sizeof(*b));
        return GH_NOMEM;
    }

    memcpy(more + b->len, one.data, one.len);
    b->data = more;
    b->len += one.len;
    b->replies += one.replies;
    free(one.data);

    return GH_OK;
}


static gh_rc_t
add_line(const gh_redis_bulk_t *b, const gh_redis_restore_t *w,
         gh_redis_bytes_t *out)
{
    const gh_redis_t *words = &b->client->words;
    char line[40], kept[24];
    gh_str_t args[9] = { GH_STR("EVALSHA"), gh_str(words->sha[GH_REDIS_LOG]),
                         GH_STR("1"), GH_STR(LOG_KEY),
                         /* no lines are wanted back */
                         GH_STR("9007199254740992"), GH_STR("1") };

    (void) snprintf(line, sizeof(line), "%d:%016" PRIx64, (int) w->kind,
                    gh_store_name_hash(w->kind, w->name));
    (void) snprintf(kept, sizeof(kept), "%d", GH_LMDB_LOG_KEPT);

    args[6] = gh_str(line);
    args[7] = gh_str(words->channel);
    args[8] = gh_str(kept);

    return add(out, args, 9);
}


static gh_rc_t
add_write(const gh_redis_bulk_t *b, const gh_redis_restore_t *w,
          gh_redis_bytes_t *out)
{
    char room[GH_REDIS_KEY_MAX], at[24];
    gh_buf_t key = GH_BUF(room), data = { NULL, 0, 0 };
    gh_str_t args[6] = { GH_STR("EVALSHA"), GH_STR(""), GH_STR("1") };
    gh_rc_t rc = GH_OK;

    (void) gh_redis_key(w->kind, w->name, &key);
    args[3] = gh_buf_str(&key);

    if (w->remove) {
        args[1] = gh_str(b->client->words.sha[GH_REDIS_DELETE]);
        args[4] = GH_STR("*");
        return add(out, args, 5);
    }

    if (w->kind != GH_KIND_QUOTA) {
        rc = seal(b, gh_buf_str(&key), w->name, w->value, &data);
    }

    if (rc != GH_OK) {
        free(data.data);
        free(out->data);
        memset(out, 0, sizeof(*out));
        return rc;
    }

    (void) snprintf(at, sizeof(at), "%" PRId64, w->expires_at_s);
    args[1] = gh_str(b->restore);
    args[4] = gh_str(at);
    args[5] = w->kind == GH_KIND_QUOTA ? w->value : gh_buf_str(&data);

    rc = add(out, args, 6);
    free(data.data);

    return rc;
}


/* As every record is: a byte, so long the name, the name, the value. */
static gh_rc_t
seal(const gh_redis_bulk_t *b, gh_str_t key, gh_str_t name, gh_str_t value,
     gh_buf_t *out)
{
    uint8_t nonce[12];
    size_t len = 1 + name.len + value.len;
    gh_buf_t plain = { malloc(len), 0, len };
    gh_rc_t rc = GH_NOMEM;

    *out = (gh_buf_t){ malloc(len + GH_SEAL_OVERHEAD), 0,
                       len + GH_SEAL_OVERHEAD };

    if (plain.data != NULL && out->data != NULL
        && RAND_bytes(nonce, sizeof(nonce)) == 1)
    {
        (void) gh_buf_add_char(&plain, (char) name.len);
        (void) gh_buf_add(&plain, name);
        (void) gh_buf_add(&plain, value);

        rc = gh_secret_seal(b->client->words.secret, GH_PURPOSE_STORE, key,
                            nonce, gh_buf_str(&plain), out);
        OPENSSL_cleanse(plain.data, len);
    }

    free(plain.data);

    return rc;
}


/* The first error is the one that says what is wrong. */
static gh_rc_t
replies(gh_redis_bulk_t *b, unsigned n, char *why)
{
    gh_rc_t rc = GH_OK;

    for (unsigned i = 0; i < n; i++) {
        redisReply *reply = gh_redis_client_reply(b->client);
        gh_redis_verdict_t verdict;
        gh_str_t code;

        if (reply == NULL) {
            (void) snprintf(why, GH_LMDB_WHY,
                            "Redis does not answer; what was written last "
                            "may have been done");
            return GH_UNAVAILABLE;
        }

        verdict = gh_redis_error(reply, &code);

        /* inside the last one are those of the scripts */

        for (size_t k = 0;
             verdict == GH_REDIS_DONE && i + 1 == n
             && reply->type == REDIS_REPLY_ARRAY && k < reply->elements;
             k++)
        {
            verdict = gh_redis_error(reply->element[k], &code);
        }

        if (verdict != GH_REDIS_DONE && rc == GH_OK) {
            (void) snprintf(why, GH_LMDB_WHY, "Redis %s",
                            gh_redis_error_words(code));
            rc = verdict == GH_REDIS_FULL ? GH_FULL : GH_UNAVAILABLE;
        }

        freeReplyObject(reply);
    }

    return rc;
}


gh_rc_t
gh_redis_bulk_reseal(gh_redis_bulk_t *b, const gh_redis_at_t *at,
                     const gh_redis_found_t *found, gh_str_t value, bool *done,
                     char *why)
{
    const gh_redis_record_t *r = &found->record;
    gh_write_t judged = { .type = GH_WRITE_PUT };
    char version[24];
    gh_str_t args[6] = { GH_STR("EVALSHA"), gh_str(b->reseal), GH_STR("1"),
                         at->key };
    gh_buf_t data;
    redisReply *reply;
    gh_rc_t rc;

    if (value.data == NULL) {
        value = (gh_str_t){ r->value, r->len };
    }

    rc = seal(b, at->key, r->name, value, &data);

    if (rc != GH_OK) {
        free(data.data);
        (void) snprintf(why, GH_LMDB_WHY, "no memory");
        return rc;
    }

    (void) snprintf(version, sizeof(version), "%" PRIu64, r->version);
    args[4] = gh_str(version);
    args[5] = gh_buf_str(&data);

    reply = gh_redis_client_ask(b->client, args, 6);
    free(data.data);

    if (reply == NULL) {
        return silent(why);
    }

    if (gh_redis_script_judge(reply, &judged) != GH_REDIS_DONE) {
        gh_str_t code;

        rc = gh_redis_error(reply, &code) == GH_REDIS_FULL ? GH_FULL
                                                           : GH_UNAVAILABLE;
        (void) snprintf(why, GH_LMDB_WHY, "Redis %s",
                        gh_redis_error_words(code));
    }

    *done = judged.rc == GH_OK;
    freeReplyObject(reply);

    return rc;
}


gh_rc_t
gh_redis_bulk_clear(gh_redis_bulk_t *b, gh_str_t key, char *why)
{
    gh_str_t args[] = { GH_STR("EVALSHA"),
                        gh_str(b->client->words.sha[GH_REDIS_DELETE]),
                        GH_STR("1"), key, GH_STR("*") };

    return gh_redis_client_say(b->client, args, 5, why);
}


/* A message that tells of no new line is heard by all and does nothing. */
gh_rc_t
gh_redis_bulk_listeners(gh_redis_bulk_t *b, uint64_t *n, char *why)
{
    gh_str_t args[] = { GH_STR("PUBLISH"), gh_str(b->client->words.channel),
                        GH_STR("0:0") };
    redisReply *reply = gh_redis_client_ask(b->client, args, 3);
    gh_str_t code;
    gh_rc_t rc = GH_OK;

    *n = 0;

    if (reply == NULL) {
        return silent(why);
    }

    if (reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0) {
        *n = (uint64_t) reply->integer;
    } else {
        (void) gh_redis_error(reply, &code);
        (void) snprintf(why, GH_LMDB_WHY, "Redis %s",
                        gh_redis_error_words(code));
        rc = GH_UNAVAILABLE;
    }

    freeReplyObject(reply);

    return rc;
}
