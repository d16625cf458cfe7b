/*
 * The store's operations for the tool. A batch watches what it depends on,
 * so that it is done whole and on what was read, or not at all.
 */

#include "gh_redis_client_inside.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#define SCAN_COUNT "200"


typedef struct {
    gh_redis_record_t *all;
    size_t n, cap;
} records_t;


static gh_rc_t compare(gh_redis_client_t *c, gh_write_t *batch, size_t n,
                       char *why);
static gh_rc_t compare_one(gh_redis_client_t *c, gh_write_t *w, char *why);
static bool seen_before(const gh_write_t *batch, size_t i);
static gh_rc_t execute(gh_redis_client_t *c, gh_write_t *batch, size_t n,
                       char *why);
static gh_rc_t judge(const redisReply *reply, gh_write_t *batch, size_t n,
                     char *why);
static gh_rc_t scan(gh_redis_client_t *c, gh_kind_t kind, records_t *records);
static gh_rc_t collect(gh_redis_client_t *c, gh_kind_t kind, gh_str_t key,
                       records_t *records);
static int by_name(const void *a, const void *b);


gh_rc_t
gh_redis_client_get(gh_redis_client_t *c, gh_kind_t kind, gh_str_t name,
                    gh_buf_t *out, uint64_t *version, size_t *need)
{
    char room[GH_REDIS_KEY_MAX];
    gh_buf_t key = GH_BUF(room);
    gh_str_t args[] = {
        GH_STR("HMGET"), { NULL, 0 }, GH_STR("v"), GH_STR("d"), GH_STR("e")
    };
    gh_redis_record_t record = { 0 };
    redisReply *reply;
    gh_rc_t rc = GH_UNAVAILABLE;

    (void) gh_redis_key(kind, name, &key);
    args[1] = gh_buf_str(&key);
    reply = gh_redis_client_ask(c, args, 5);

    if (reply == NULL) {
        return GH_UNAVAILABLE;
    }

    if (gh_redis_get_judge(&c->words, reply, kind, name, &record, &rc)
        != GH_REDIS_DONE)
    {
        rc = GH_UNAVAILABLE;
    }

    freeReplyObject(reply);

    if (rc == GH_OK) {
        if (version != NULL) {
            *version = record.version;
        }

        if (need != NULL) {
            *need = record.len;
        }

        rc = gh_buf_add(out, (gh_str_t){ record.value, record.len });
        OPENSSL_cleanse(record.value, record.len);
    }

    free(record.value);

    return rc;
}


gh_rc_t
gh_redis_client_write(gh_redis_client_t *c, gh_write_t *batch, size_t n,
                      char *why)
{
    gh_rc_t rc;

    why[0] = '\0';

    for (size_t i = 0; i < n; i++) {
        batch[i].rc = GH_CONFLICT;
        batch[i].version = 0;
    }

    rc = compare(c, batch, n, why);

    if (rc == GH_OK) {
        rc = execute(c, batch, n, why);
    } else if (rc == GH_CONFLICT) {
        gh_str_t unwatch = GH_STR("UNWATCH");

        rc = gh_redis_client_say(c, &unwatch, 1, why);
    }

    for (size_t i = 0; i < n && rc != GH_OK; i++) {
        batch[i].rc = rc;
    }

    return rc;
}


/* GH_CONFLICT: one of them is not as it was read. */

static gh_rc_t
compare(gh_redis_client_t *c, gh_write_t *batch, size_t n, char *why)
{
    gh_rc_t rc = GH_OK;

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        if (batch[i].if_version != GH_VERSION_ANY && !seen_before(batch, i)) {
            rc = compare_one(c, &batch[i], why);
        }
    }

    return rc;
}


static bool
seen_before(const gh_write_t *batch, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (batch[k].kind == batch[i].kind
            && gh_str_eq(batch[k].name, batch[i].name)) {
            return true;
        }
    }

    return false;
}


static gh_rc_t
compare_one(gh_redis_client_t *c, gh_write_t *w, char *why)
{
    char room[GH_REDIS_KEY_MAX];
    gh_buf_t key = GH_BUF(room);
    gh_str_t args[3];
    redisReply *reply;
    gh_rc_t rc;
    uint64_t version = 0;

    (void) gh_redis_key(w->kind, w->name, &key);
    args[0] = GH_STR("WATCH");
    args[1] = gh_buf_str(&key);
    rc = gh_redis_client_say(c, args, 2, why);

    if (rc != GH_OK) {
        return rc;
    }

    args[0] = GH_STR("HGET");
    args[2] = GH_STR("v");
    reply = gh_redis_client_ask(c, args, 3);

    if (reply == NULL) {
        (void) snprintf(why, GH_LMDB_WHY, "Redis does not answer");
        return GH_UNAVAILABLE;
    }

    if (reply->type == REDIS_REPLY_STRING) {
        (void) gh_str_to_u64((gh_str_t){ reply->str, (size_t) reply->len },
                             UINT64_MAX, &version);
    }

    freeReplyObject(reply);
    w->version = version;

    return version == w->if_version ? GH_OK : GH_CONFLICT;
}


static gh_rc_t
execute(gh_redis_client_t *c, gh_write_t *batch, size_t n, char *why)
{
    gh_write_t plain[GH_REDIS_CLIENT_WRITES];
    gh_redis_bytes_t bytes;
    redisReply *reply = NULL;
    gh_str_t code;
    unsigned replies;
    gh_rc_t rc = GH_OK;

    if (n > GH_REDIS_CLIENT_WRITES) {
        return GH_TOO_LONG;
    }

    for (size_t i = 0; i < n; i++) {
        plain[i] = batch[i];
        plain[i].if_version = GH_VERSION_ANY;
    }

    if (gh_redis_batch_command(&c->words, plain, n, &bytes) != GH_OK) {
        return GH_NOMEM;
    }

    replies = bytes.replies;
    (void) gh_redis_client_send(c, &bytes);

    /* the first error is the one that says what is wrong */

    for (unsigned i = 0; i < replies; i++) {
        reply = gh_redis_client_reply(c);

        if (reply == NULL) {
            (void) snprintf(why, GH_LMDB_WHY,
                            "Redis does not answer; the change may have been "
                            "made");
            return GH_UNAVAILABLE;
        }

        if (i + 1 < replies || rc != GH_OK) {
            gh_redis_verdict_t verdict = gh_redis_error(reply, &code);

            if (verdict != GH_REDIS_DONE && rc == GH_OK) {
                (void) snprintf(why, GH_LMDB_WHY, "Redis %s",
                                gh_redis_error_words(code));
                rc = verdict == GH_REDIS_FULL ? GH_FULL : GH_UNAVAILABLE;
            }

        } else {
            rc = judge(reply, batch, n, why);
        }

        freeReplyObject(reply);
    }

    return rc;
}


/* Nothing: somebody else changed what was watched. */

static gh_rc_t
judge(const redisReply *reply, gh_write_t *batch, size_t n, char *why)
{
    size_t k = 0;

    if (reply->type == REDIS_REPLY_NIL) {
        return GH_OK;
    }

    (void) snprintf(why, GH_LMDB_WHY,
                    "Redis answers something else than it was asked; the "
                    "change may have been made");

    if (reply->type != REDIS_REPLY_ARRAY) {
        return GH_UNAVAILABLE;
    }

    for (size_t i = 0; i < n; i++) {
        k += batch[i].log ? 1 : 0;

        if (k >= reply->elements
            || gh_redis_script_judge(reply->element[k++], &batch[i])
                   != GH_REDIS_DONE)
        {
            return GH_UNAVAILABLE;
        }
    }

    return GH_OK;
}


gh_rc_t
gh_redis_client_each(gh_redis_client_t *c, gh_kind_t kind,
                     bool (*each)(void *ctx, gh_str_t name, gh_str_t value,
                                  uint64_t version),
                     void *ctx)
{
    records_t records = { NULL, 0, 0 };
    gh_rc_t rc = scan(c, kind, &records);
    bool more = rc == GH_OK;

    if (records.n > 0) {
        qsort(records.all, records.n, sizeof(records.all[0]), by_name);
    }

    for (size_t i = 0; i < records.n; i++) {
        const gh_redis_record_t *r = &records.all[i];

        /* a walk may come by a key twice */

        if (more && (i == 0 || by_name(r - 1, r) != 0)) {
            more =
                each(ctx, r->name, (gh_str_t){ r->value, r->len }, r->version);
        }
    }

    for (size_t i = 0; i < records.n; i++) {
        free(records.all[i].value);
    }

    free(records.all);

    return rc;
}


static int
by_name(const void *a, const void *b)
{
    const gh_redis_record_t *left = a, *right = b;

    return gh_str_cmp(left->name, right->name);
}


static gh_rc_t
scan(gh_redis_client_t *c, gh_kind_t kind, records_t *records)
{
    char pattern[48], cursor[32] = "0";
    gh_str_t word = gh_kind_word(kind);
    gh_rc_t rc = GH_OK;

    (void) snprintf(pattern, sizeof(pattern), "gh:{%.*s:*", (int) word.len,
                    word.data);

    do {
        gh_str_t args[] = { GH_STR("SCAN"),  gh_str(cursor),
                            GH_STR("MATCH"), gh_str(pattern),
                            GH_STR("COUNT"), GH_STR(SCAN_COUNT) };
        redisReply *reply = gh_redis_client_ask(c, args, 6);

        if (reply == NULL) {
            return GH_UNAVAILABLE;
        }

        if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
            || reply->element[0]->type != REDIS_REPLY_STRING
            || (size_t) reply->element[0]->len >= sizeof(cursor)
            || reply->element[1]->type != REDIS_REPLY_ARRAY)
        {
            freeReplyObject(reply);
            return GH_UNAVAILABLE;
        }

        (void) snprintf(cursor, sizeof(cursor), "%s", reply->element[0]->str);

        for (size_t i = 0; i < reply->element[1]->elements && rc == GH_OK; i++)
        {
            const redisReply *key = reply->element[1]->element[i];

            rc = key->type != REDIS_REPLY_STRING
                     ? GH_UNAVAILABLE
                     : collect(c, kind,
                               (gh_str_t){ key->str, (size_t) key->len },
                               records);
        }

        freeReplyObject(reply);
    } while (rc == GH_OK && strcmp(cursor, "0") != 0);

    return rc;
}


/* What cannot be opened is passed over, like what has gone meanwhile. */

static gh_rc_t
collect(gh_redis_client_t *c, gh_kind_t kind, gh_str_t key, records_t *records)
{
    gh_str_t args[] = { GH_STR("HMGET"), key, GH_STR("v"), GH_STR("d"),
                        GH_STR("e") };
    redisReply *reply;
    gh_redis_record_t record;
    gh_rc_t rc;

    if (records->n == records->cap) {
        size_t cap = records->cap == 0 ? 64 : 2 * records->cap;
        gh_redis_record_t *more =
            realloc(records->all, cap * sizeof(gh_redis_record_t));

        if (more == NULL) {
            return GH_NOMEM;
        }

        records->all = more;
        records->cap = cap;
    }

    reply = gh_redis_client_ask(c, args, 5);

    if (reply == NULL) {
        return GH_UNAVAILABLE;
    }

    if (gh_redis_found_judge(&c->words, reply, kind, key, &record, &rc)
        != GH_REDIS_DONE)
    {
        rc = GH_UNAVAILABLE;
    }

    freeReplyObject(reply);

    if (rc == GH_OK) {
        records->all[records->n++] = record;
    }

    return rc == GH_UNAVAILABLE || rc == GH_NOMEM ? rc : GH_OK;
}


gh_rc_t
gh_redis_client_sequence(gh_redis_client_t *c, uint64_t *sequence)
{
    gh_redis_changes_t changes;
    gh_redis_bytes_t bytes;
    redisReply *reply;
    gh_rc_t rc = GH_UNAVAILABLE;

    if (gh_redis_changes_command(&c->words, UINT32_MAX * UINT64_C(100000),
                                 &bytes)
            != GH_OK
        || !gh_redis_client_send(c, &bytes))
    {
        return GH_UNAVAILABLE;
    }

    reply = gh_redis_client_reply(c);

    if (reply != NULL
        && gh_redis_changes_judge(reply, &changes) == GH_REDIS_DONE) {
        *sequence = changes.last;
        rc = GH_OK;
    }

    if (reply != NULL) {
        freeReplyObject(reply);
    }

    return rc;
}
