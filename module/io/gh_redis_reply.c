/*
 * What Redis answered. Everything here comes from outside: a reply of
 * another shape than asked for is a doubt, and who has one leaves the
 * connection, so that no reply can reach another question.
 */

#include "gh_redis_inside.h"

#include "gh_bytes.h"

#include <openssl/crypto.h>
#include <stdlib.h>


static bool line_parse(gh_str_t text, gh_store_change_t *line);
static gh_rc_t open_record(const gh_redis_t *r, gh_str_t sealed, gh_str_t key,
                           gh_redis_record_t *record);
static bool contains(gh_str_t text, const char *word);


static const struct {
    const char *code;
    gh_redis_verdict_t verdict;
    const char *words;
} errors[] = {
    { "NOSCRIPT", GH_REDIS_NOSCRIPT, "has lost the scripts" },
    { "OOM", GH_REDIS_FULL, "has no memory left (maxmemory)" },
    { "READONLY", GH_REDIS_REPLICA, "is a replica and takes no writes" },
    { "MISCONF", GH_REDIS_READONLY,
      "takes no writes because it cannot write to its disk" },
    { "NOREPLICAS", GH_REDIS_READONLY,
      "takes no writes because replicas are missing" },
    { "WRONGTYPE", GH_REDIS_DAMAGED, "has something else under our key" },
    { "LOADING", GH_REDIS_LOADING, "is loading its data" },
    { "MASTERDOWN", GH_REDIS_REPLICA, "is a replica without its master" },
    { "BUSY", GH_REDIS_REFUSED, "is busy with a script of somebody's" },
    { "NOAUTH", GH_REDIS_REFUSED, "wants a user and a password" },
    { "WRONGPASS", GH_REDIS_REFUSED, "refuses the user or the password" },
    { "NOPERM", GH_REDIS_REFUSED,
      "does not allow its user what the store needs" },
    { "MOVED", GH_REDIS_REFUSED,
      "is a cluster, which this store cannot use yet" },
    { "CLUSTERDOWN", GH_REDIS_REFUSED,
      "is a cluster, which this store cannot use yet" },
    { "DENIED", GH_REDIS_REFUSED, "is protected from this address" },
};


gh_redis_verdict_t
gh_redis_error(const redisReply *reply, gh_str_t *code)
{
    gh_str_t text, word, rest;

    *code = GH_STR("ERR");

    if (reply->type != REDIS_REPLY_ERROR) {
        return GH_REDIS_DONE;
    }

    text = gh_redis_text_of(reply);
    word = gh_str_cut(text, ' ', &rest);

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (gh_str_eq(word, gh_str(errors[i].code))) {
            *code = gh_str(errors[i].code);
            return errors[i].verdict;
        }
    }

    /* before version 7 a script's error stands inside another */

    if (contains(text, "-OOM ") || contains(text, "OOM command not allowed")) {
        *code = GH_STR("OOM");
        return GH_REDIS_FULL;
    }

    if (contains(text, "-READONLY ")) {
        *code = GH_STR("READONLY");
        return GH_REDIS_REPLICA;
    }

    if (contains(text, "-MISCONF ")) {
        *code = GH_STR("MISCONF");
        return GH_REDIS_READONLY;
    }

    if (contains(text, "WRONGTYPE ")) {
        *code = GH_STR("WRONGTYPE");
        return GH_REDIS_DAMAGED;
    }

    return GH_REDIS_REFUSED;
}


gh_str_t
gh_redis_code(const redisReply *reply, gh_str_t code)
{
    gh_str_t within;

    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements;
         i++)
    {
        if (gh_redis_error(reply->element[i], &within) != GH_REDIS_DONE) {
            return within;
        }
    }

    return code;
}


/* The reply's own words may repeat what was sent: they are not shown. */

const char *
gh_redis_error_words(gh_str_t code)
{
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (gh_str_eq(code, gh_str(errors[i].code))) {
            return errors[i].words;
        }
    }

    return "answers with an error";
}


static bool
contains(gh_str_t text, const char *word)
{
    return memmem(text.data, text.len, word, strlen(word)) != NULL;
}


gh_str_t
gh_redis_text_of(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS
        && reply->type != REDIS_REPLY_ERROR)
    {
        return GH_STR("");
    }

    return (gh_str_t){ reply->str, (size_t) reply->len };
}


bool
gh_redis_number_of(const redisReply *reply, uint64_t *n)
{
    return reply->type == REDIS_REPLY_STRING
           && gh_str_to_u64(gh_redis_text_of(reply), UINT64_MAX, n) == GH_OK;
}


gh_redis_verdict_t
gh_redis_queued_judge(const redisReply *reply, unsigned index)
{
    gh_str_t code;
    gh_redis_verdict_t verdict = gh_redis_error(reply, &code);

    if (verdict != GH_REDIS_DONE) {
        return verdict;
    }

    if (reply->type != REDIS_REPLY_STATUS
        || !gh_str_eq(gh_redis_text_of(reply),
                      index == 0 ? GH_STR("OK") : GH_STR("QUEUED")))
    {
        return GH_REDIS_DOUBT;
    }

    return GH_REDIS_DONE;
}


gh_redis_verdict_t
gh_redis_write_judge(const redisReply *reply, gh_write_t *w,
                     gh_redis_changes_t *changes)
{
    gh_str_t code;
    gh_redis_verdict_t verdict = gh_redis_error(reply, &code);

    if (verdict != GH_REDIS_DONE) {
        return verdict;
    }

    if (!w->log) {
        return gh_redis_script_judge(reply, w);
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
        return GH_REDIS_DOUBT;
    }

    verdict = gh_redis_changes_judge(reply->element[0], changes);

    return verdict == GH_REDIS_DONE
               ? gh_redis_script_judge(reply->element[1], w)
               : verdict;
}


gh_redis_verdict_t
gh_redis_script_judge(const redisReply *reply, gh_write_t *w)
{
    gh_str_t code;
    gh_redis_verdict_t verdict = gh_redis_error(reply, &code);
    size_t want = w->type == GH_WRITE_TAKE ? 4 : 2;

    static const struct {
        const char *word;
        gh_rc_t rc;
    } words[] = {
        { "ok", GH_OK },
        { "conflict", GH_CONFLICT },
        { "absent", GH_ABSENT },
        { "invalid", GH_INVALID },
    };

    if (verdict != GH_REDIS_DONE) {
        return verdict;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != want
        || !gh_redis_number_of(reply->element[1], &w->version)
        || (want == 4
            && (!gh_redis_number_of(reply->element[2], &w->granted)
                || !gh_redis_number_of(reply->element[3], &w->left)
                || w->granted > w->n)))
    {
        return GH_REDIS_DOUBT;
    }

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (gh_str_eq(gh_redis_text_of(reply->element[0]),
                      gh_str(words[i].word))) {
            w->rc = words[i].rc;
            return GH_REDIS_DONE;
        }
    }

    return GH_REDIS_DOUBT;
}


gh_redis_verdict_t
gh_redis_changes_judge(const redisReply *reply, gh_redis_changes_t *changes)
{
    gh_str_t code;
    gh_redis_verdict_t verdict = gh_redis_error(reply, &code);

    if (verdict != GH_REDIS_DONE) {
        return verdict;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 1
        || reply->elements > GH_REDIS_LINES + 1
        || !gh_redis_number_of(reply->element[0], &changes->last))
    {
        return GH_REDIS_DOUBT;
    }

    for (size_t i = 1; i < reply->elements; i++) {
        if (reply->element[i]->type != REDIS_REPLY_STRING) {
            return GH_REDIS_DOUBT;
        }
    }

    changes->n = 0;

    while (changes->n < reply->elements - 1
           && line_parse(gh_redis_text_of(reply->element[changes->n + 1]),
                         &changes->lines[changes->n]))
    {
        changes->n++;
    }

    return GH_REDIS_DONE;
}


/* sequence:kind:hash */

static bool
line_parse(gh_str_t text, gh_store_change_t *line)
{
    uint8_t hash[8];
    uint64_t kind;
    gh_str_t rest, sequence = gh_str_cut(text, ':', &rest);
    gh_str_t word = gh_str_cut(rest, ':', &rest);
    gh_buf_t out = { (char *) hash, 0, sizeof(hash) };

    if (gh_str_to_u64(sequence, UINT64_MAX, &line->sequence) != GH_OK
        || gh_str_to_u64(word, GH_KIND_MAX - 1, &kind) != GH_OK
        || gh_hex_decode(rest, &out) != GH_OK || out.len != sizeof(hash))
    {
        return false;
    }

    line->kind = (gh_kind_t) kind;
    line->name_hash = 0;

    for (size_t i = 0; i < sizeof(hash); i++) {
        line->name_hash = line->name_hash << 8 | hash[i];
    }

    return true;
}


bool
gh_redis_message_sequence(gh_str_t text, uint64_t *sequence)
{
    gh_str_t rest;

    return gh_str_to_u64(gh_str_cut(text, ':', &rest), UINT64_MAX, sequence)
           == GH_OK;
}


gh_redis_verdict_t
gh_redis_get_judge(const gh_redis_t *r, const redisReply *reply,
                   gh_kind_t kind, gh_str_t name, gh_redis_record_t *record,
                   gh_rc_t *rc)
{
    char room[GH_REDIS_KEY_MAX];
    gh_buf_t key = GH_BUF(room);
    gh_redis_verdict_t verdict;

    (void) gh_redis_key(kind, name, &key);
    verdict =
        gh_redis_found_judge(r, reply, kind, gh_buf_str(&key), record, rc);

    if (verdict == GH_REDIS_DONE && *rc == GH_OK && kind != GH_KIND_QUOTA
        && !gh_str_eq(record->name, name))
    {
        OPENSSL_cleanse(record->value, record->len);
        free(record->value);
        record->value = NULL;
        *rc = GH_INVALID;
    }

    return verdict;
}


gh_redis_verdict_t
gh_redis_found_judge(const gh_redis_t *r, const redisReply *reply,
                     gh_kind_t kind, gh_str_t key, gh_redis_record_t *record,
                     gh_rc_t *rc)
{
    uint64_t expires;
    gh_str_t code;
    gh_redis_verdict_t verdict = gh_redis_error(reply, &code);

    memset(record, 0, sizeof(*record));
    *rc = GH_INVALID;

    if (verdict != GH_REDIS_DONE) {
        return verdict == GH_REDIS_DAMAGED ? GH_REDIS_DONE : verdict;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3) {
        return GH_REDIS_DOUBT;
    }

    if (reply->element[0]->type == REDIS_REPLY_NIL
        && reply->element[1]->type == REDIS_REPLY_NIL
        && reply->element[2]->type == REDIS_REPLY_NIL)
    {
        *rc = GH_ABSENT;
        return GH_REDIS_DONE;
    }

    if (!gh_redis_number_of(reply->element[0], &record->version)
        || reply->element[1]->type != REDIS_REPLY_STRING
        || !gh_redis_number_of(reply->element[2], &expires)
        || expires > INT64_MAX)
    {
        return GH_REDIS_DONE;
    }

    record->expires_at_s = (int64_t) expires;

    if (kind == GH_KIND_QUOTA) {
        gh_str_t text = gh_redis_text_of(reply->element[1]);

        record->value = malloc(text.len + 1);
        record->len = text.len;
        *rc = record->value != NULL ? GH_OK : GH_NOMEM;

        if (record->value != NULL) {
            memcpy(record->value, text.data, text.len);
        }

        return GH_REDIS_DONE;
    }

    *rc = open_record(r, gh_redis_text_of(reply->element[1]), key, record);

    return GH_REDIS_DONE;
}


/* The value first and the name behind it, in one block. */

static gh_rc_t
open_record(const gh_redis_t *r, gh_str_t sealed, gh_str_t key,
            gh_redis_record_t *record)
{
    gh_buf_t plain = { malloc(sealed.len + 1), 0, sealed.len + 1 };
    size_t name_len = 0;
    gh_rc_t rc;

    if (plain.data == NULL) {
        return GH_NOMEM;
    }

    rc = gh_secret_open(r->secret, GH_PURPOSE_STORE, key, sealed, &plain);

    if (rc == GH_OK && plain.len > 0) {
        name_len = (unsigned char) plain.data[0];
    }

    if (rc != GH_OK || plain.len < 1 + name_len) {
        free(plain.data);
        return rc == GH_NOMEM ? GH_NOMEM : GH_INVALID;
    }

    record->len = plain.len - 1 - name_len;
    record->value = malloc(record->len + name_len + 1);

    if (record->value != NULL) {
        memcpy(record->value, plain.data + 1 + name_len, record->len);
        memcpy(record->value + record->len, plain.data + 1, name_len);
        record->name.data = record->value + record->len;
        record->name.len = name_len;
    }

    OPENSSL_cleanse(plain.data, plain.len);
    free(plain.data);

    return record->value != NULL ? GH_OK : GH_NOMEM;
}


#if HIREDIS_MAJOR < 1

/* Version 0.14 takes the word of a reply for how long an array is. What it
 * creates otherwise stands beside the reader. */

static const redisReplyObjectFunctions *
functions_of(const redisReadTask *task)
{
    return task->privdata;
}


static void *
create_string(const redisReadTask *task, char *text, size_t len)
{
    return functions_of(task)->createString(task, text, len);
}


static void *
create_array(const redisReadTask *task, int elements)
{
    if (elements > GH_REDIS_ELEMENTS_MAX) {
        return NULL;
    }

    return functions_of(task)->createArray(task, elements);
}


static void *
create_integer(const redisReadTask *task, long long value)
{
    return functions_of(task)->createInteger(task, value);
}


static void *
create_nil(const redisReadTask *task)
{
    return functions_of(task)->createNil(task);
}


redisReader *
gh_redis_reader_create(void)
{
    static const redisReplyObjectFunctions bounded = {
        .createString = create_string,
        .createArray = create_array,
        .createInteger = create_integer,
        .createNil = create_nil,
        .freeObject = freeReplyObject,
    };

    redisReader *reader = redisReaderCreate();

    if (reader != NULL) {
        reader->privdata = reader->fn;
        /* it is never written */
        reader->fn = (redisReplyObjectFunctions *) (uintptr_t) &bounded;
    }

    return reader;
}

#else

redisReader *
gh_redis_reader_create(void)
{
    redisReader *reader = redisReaderCreate();

    if (reader != NULL) {
        reader->maxelements = GH_REDIS_ELEMENTS_MAX;
    }

    return reader;
}

#endif
