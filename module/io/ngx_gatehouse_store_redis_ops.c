/*
 * Operations on Redis: what is asked for each, and what the reply to it
 * means.
 */

#include "ngx_gatehouse_store_redis.h"

#include "gh_redis_use.h"
#include "ngx_gatehouse_shm.h"


#define REDIS_TRIES 4 /* of one question, within its deadline */


static ngx_gatehouse_redis_question_e redis_question(
    const ngx_gatehouse_store_op_t *op);
static gh_rc_t redis_use_command(ngx_gatehouse_store_t *store,
                                 ngx_gatehouse_store_op_t *op,
                                 gh_redis_bytes_t *bytes);
static void redis_write_of(ngx_gatehouse_store_op_t *op, gh_write_t *write);
static gh_redis_verdict_t redis_got(ngx_gatehouse_store_t *store,
                                    ngx_gatehouse_store_op_t *op,
                                    const redisReply *reply);
static gh_redis_verdict_t redis_written(ngx_gatehouse_store_t *store,
                                        ngx_gatehouse_redis_slot_t *slot,
                                        const redisReply *reply);
static gh_redis_verdict_t redis_used(ngx_gatehouse_store_t *store,
                                     ngx_gatehouse_redis_slot_t *slot,
                                     const redisReply *reply);
static gh_rc_t redis_refused(ngx_gatehouse_store_t *store,
                             gh_redis_verdict_t verdict, gh_str_t code);
static ngx_int_t redis_again(ngx_gatehouse_store_t *store,
                             ngx_gatehouse_store_op_t *op, ngx_uint_t tries);
static ngx_int_t redis_repeat(ngx_gatehouse_store_t *store,
                              ngx_gatehouse_store_op_t *op, ngx_uint_t tries,
                              ngx_uint_t again);


ngx_int_t
ngx_gatehouse_store_redis_submit(ngx_gatehouse_store_t *store,
                                 ngx_gatehouse_store_op_t *op)
{
    ngx_gatehouse_redis_t *redis = store->ctx;

    gh_redis_bytes_t bytes;

    /* one who does not answer is not asked more: nobody waits behind */

    if ((!redis->ready
         && !(redis->hopeful && ngx_gatehouse_store_redis_waits(store)))
        || ngx_gatehouse_store_redis_late(store))
    {
        op->rc = GH_UNAVAILABLE;
        return NGX_ERROR;
    }

    if (redis->n >= store->conf.queue) {
        op->rc = GH_FULL;
        store->dropped++;
        ngx_gatehouse_store_complain(store, NGX_LOG_ERR,
                                     "too many operations wait for Redis");
        return NGX_ERROR;
    }

    if (op->ttl_s > UINT32_MAX) {
        op->rc = GH_INVALID;
        return NGX_OK;
    }

    op->rc = ngx_gatehouse_store_redis_command(store, op, &bytes);

    if (op->rc != GH_OK
        || ngx_gatehouse_store_redis_ask(store, redis_question(op), &bytes, op)
               == NULL)
    {
        op->rc = GH_NOMEM;
        return NGX_ERROR;
    }

    op->rc = GH_UNAVAILABLE; /* until it is known */

    return NGX_AGAIN;
}


static ngx_gatehouse_redis_question_e
redis_question(const ngx_gatehouse_store_op_t *op)
{
    if (op->type == NGX_GATEHOUSE_STORE_GET) {
        return NGX_GATEHOUSE_REDIS_GET;
    }

    return op->once ? NGX_GATEHOUSE_REDIS_USE : NGX_GATEHOUSE_REDIS_WRITE;
}


gh_rc_t
ngx_gatehouse_store_redis_command(ngx_gatehouse_store_t *store,
                                  ngx_gatehouse_store_op_t *op,
                                  gh_redis_bytes_t *bytes)
{
    ngx_gatehouse_redis_t *redis = store->ctx;

    gh_write_t write;

    if (op->type == NGX_GATEHOUSE_STORE_GET) {
        return gh_redis_get_command(op->kind, op->name, bytes);
    }

    if (op->once) {
        return redis_use_command(store, op, bytes);
    }

    if (op->leased) {
        op->lease.sent_ns = ngx_gatehouse_monotonic_ns();
    }

    redis_write_of(op, &write);

    return gh_redis_write_command(&redis->words, &write, redis->sequence,
                                  bytes);
}


/* The answer may be as late as the deadline, and the age with it. */

static gh_rc_t
redis_use_command(ngx_gatehouse_store_t *store, ngx_gatehouse_store_op_t *op,
                  gh_redis_bytes_t *bytes)
{
    gh_redis_use_t use;
    ngx_gatehouse_redis_t *redis = store->ctx;

    ngx_memzero(&use, sizeof(gh_redis_use_t));
    use.ttl_s = 1;
    use.look = 1;

    if (op != NULL) {
        use.name = op->name;
        use.ttl_s = op->ttl_s;
        use.needs_s = op->needs_s + (int64_t) store->conf.deadline / 1000 + 2;
        use.look = redis->unsure;
    }

    return gh_redis_use_command(gh_str(redis->words.sha[GH_REDIS_USE]), &use,
                                bytes);
}


static void
redis_write_of(ngx_gatehouse_store_op_t *op, gh_write_t *write)
{
    static const gh_write_type_t types[] = {
        [NGX_GATEHOUSE_STORE_PUT] = GH_WRITE_PUT,
        [NGX_GATEHOUSE_STORE_DELETE] = GH_WRITE_DELETE,
        [NGX_GATEHOUSE_STORE_CLAIM] = GH_WRITE_CLAIM,
        [NGX_GATEHOUSE_STORE_TAKE] = GH_WRITE_TAKE,
    };

    ngx_memzero(write, sizeof(gh_write_t));
    write->type = types[op->type];
    write->kind = op->kind;
    write->name = op->name;
    write->value = op->value;
    write->if_version = op->if_version;
    write->log = op->log;
    write->ttl_s = op->ttl_s;
    write->n = op->n;
    write->limit = op->limit;
    write->least = op->least;
    write->lease = op->leased ? &op->lease : NULL;
}


ngx_int_t
ngx_gatehouse_store_redis_mark(ngx_gatehouse_store_t *store)
{
    gh_redis_bytes_t bytes;

    if (redis_use_command(store, NULL, &bytes) != GH_OK) {
        return NGX_ERROR;
    }

    return ngx_gatehouse_store_redis_ask(store, NGX_GATEHOUSE_REDIS_USE,
                                         &bytes, NULL)
                   != NULL
               ? NGX_OK
               : NGX_ERROR;
}


ngx_int_t
ngx_gatehouse_store_redis_answer(ngx_gatehouse_store_t *store,
                                 ngx_gatehouse_redis_slot_t *slot,
                                 const redisReply *reply, const char **why)
{
    ngx_uint_t again, tries;
    gh_redis_verdict_t verdict;
    gh_str_t code;
    ngx_gatehouse_store_op_t *op = slot->op;
    ngx_gatehouse_redis_t *redis = store->ctx;

    verdict = slot->verdict;
    code = slot->code;

    if (verdict == GH_REDIS_DONE) {
        verdict = gh_redis_error(reply, &code);
    }

    if (verdict == GH_REDIS_DONE && redis->draining
        && slot->type == NGX_GATEHOUSE_REDIS_GET)
    {
        verdict = GH_REDIS_REPLICA; /* and may know less than the primary */
    }

    if (verdict == GH_REDIS_DONE) {
        verdict = slot->type == NGX_GATEHOUSE_REDIS_GET
                      ? redis_got(store, op, reply)
                  : slot->type == NGX_GATEHOUSE_REDIS_USE
                      ? redis_used(store, slot, reply)
                      : redis_written(store, slot, reply);
    }

    if (verdict == GH_REDIS_DOUBT) {
        *why = "answers something else than it was asked";
        return NGX_ERROR;
    }

    if (verdict == GH_REDIS_LOADING) {
        *why = gh_redis_error_words(GH_STR("LOADING"));
        return NGX_ERROR;
    }

    again = slot->again;
    tries = slot->tries;
    ngx_gatehouse_store_redis_free(store, slot);

    if (verdict == GH_REDIS_REPLICA) {
        ngx_gatehouse_store_redis_demoted(store);
    }

    if (op == NULL) {
        return NGX_OK;
    }

    if (verdict == GH_REDIS_REPLICA && redis->draining
        && ngx_gatehouse_store_redis_elsewhere(store, op, tries) == NGX_OK)
    {
        return NGX_OK;
    }

    if (verdict == GH_REDIS_NOSCRIPT && !again
        && redis_again(store, op, tries) == NGX_OK)
    {
        return NGX_OK;
    }

    if (verdict != GH_REDIS_DONE) {
        op->rc = redis_refused(store, verdict, gh_redis_code(reply, code));
    }

    ngx_gatehouse_store_complete(store, op);

    return NGX_OK;
}


/* The scripts were flushed: nothing was done, and is asked once more. */

static ngx_int_t
redis_again(ngx_gatehouse_store_t *store, ngx_gatehouse_store_op_t *op,
            ngx_uint_t tries)
{
    return ngx_gatehouse_store_redis_load(store) == NGX_OK
               ? redis_repeat(store, op, tries, 1)
               : NGX_ERROR;
}


/*
 * Nothing was done, and is asked once more as soon as there is a connection,
 * to the next primary or the same. Not for ever: what it answers may be why
 * connections are left.
 */

ngx_int_t
ngx_gatehouse_store_redis_elsewhere(ngx_gatehouse_store_t *store,
                                    ngx_gatehouse_store_op_t *op,
                                    ngx_uint_t tries)
{
    return tries + 1 < REDIS_TRIES ? redis_repeat(store, op, tries + 1, 0)
                                   : NGX_ERROR;
}


static ngx_int_t
redis_repeat(ngx_gatehouse_store_t *store, ngx_gatehouse_store_op_t *op,
             ngx_uint_t tries, ngx_uint_t again)
{
    gh_redis_bytes_t bytes;
    ngx_gatehouse_redis_slot_t *slot;

    if (ngx_gatehouse_store_redis_command(store, op, &bytes) != GH_OK) {
        return NGX_ERROR;
    }

    slot =
        ngx_gatehouse_store_redis_ask(store, redis_question(op), &bytes, op);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    slot->tries = tries;
    slot->again = again ? 1 : 0;

    return NGX_OK;
}


static gh_redis_verdict_t
redis_got(ngx_gatehouse_store_t *store, ngx_gatehouse_store_op_t *op,
          const redisReply *reply)
{
    ngx_gatehouse_redis_t *redis = store->ctx;

    gh_rc_t rc;
    gh_redis_record_t record;
    gh_redis_verdict_t verdict;

    if (op == NULL) {
        return reply->type == REDIS_REPLY_ARRAY ? GH_REDIS_DONE
                                                : GH_REDIS_DOUBT;
    }

    verdict = gh_redis_get_judge(&redis->words, reply, op->kind, op->name,
                                 &record, &rc);

    if (verdict != GH_REDIS_DONE) {
        return verdict;
    }

    op->rc = rc;

    if (rc == GH_OK) {
        op->version = record.version;
        op->expires_at_s = record.expires_at_s;
        ngx_gatehouse_store_op_result(op, record.value, record.len);
    }

    if (rc == GH_INVALID) {
        ngx_gatehouse_store_complain(store, NGX_LOG_ERR,
                                     "a record of the store is damaged; it "
                                     "counts as unreadable until it is "
                                     "written again");
    }

    return GH_REDIS_DONE;
}


/* Whoever asks next must not find what this write has changed: lines of the
 * log come first. */

static gh_redis_verdict_t
redis_written(ngx_gatehouse_store_t *store, ngx_gatehouse_redis_slot_t *slot,
              const redisReply *reply)
{
    gh_write_t write;
    gh_redis_changes_t changes;
    gh_redis_verdict_t verdict;
    ngx_gatehouse_store_op_t *op = slot->op;

    if (op == NULL) {
        return reply->type == REDIS_REPLY_ARRAY ? GH_REDIS_DONE
                                                : GH_REDIS_DOUBT;
    }

    redis_write_of(op, &write);
    verdict = gh_redis_write_judge(reply, &write, &changes);

    if (verdict == GH_REDIS_DAMAGED) {
        op->rc = GH_INVALID;
        return GH_REDIS_DONE;
    }

    if (verdict != GH_REDIS_DONE) {
        return verdict;
    }

    op->rc = write.rc;
    op->version = write.version;
    op->granted = write.granted;
    op->left = write.left;

    if (op->leased
        && gh_redis_lease_stepped(&write, ngx_gatehouse_monotonic_ns())) {
        (void) ngx_gatehouse_store_redis_beat(store);
    }

    if (write.log) {
        ngx_gatehouse_store_redis_lines(store, &changes);
    }

    if (!store->writable) {
        ngx_gatehouse_store_stands(store, 1, 1, "");
    }

    return GH_REDIS_DONE;
}


static gh_redis_verdict_t
redis_used(ngx_gatehouse_store_t *store, ngx_gatehouse_redis_slot_t *slot,
           const redisReply *reply)
{
    gh_rc_t rc;
    gh_redis_verdict_t verdict;
    ngx_gatehouse_redis_t *redis = store->ctx;

    verdict = gh_redis_use_judge(reply, &rc);

    if (verdict != GH_REDIS_DONE) {
        return verdict;
    }

    if (slot->look) {
        redis->unsure = 0;
    }

    if (slot->op != NULL) {
        slot->op->rc = rc;
    }

    if (!store->writable) {
        ngx_gatehouse_store_stands(store, 1, 1, "");
    }

    return GH_REDIS_DONE;
}


static gh_rc_t
redis_refused(ngx_gatehouse_store_t *store, gh_redis_verdict_t verdict,
              gh_str_t code)
{
    const char *words;
    ngx_gatehouse_redis_t *redis = store->ctx;

    words = ngx_gatehouse_store_redis_say(store, gh_redis_error_words(code));

    switch (verdict) {

    case GH_REDIS_FULL:
        ngx_gatehouse_store_stands(store, 1, 0, words);
        return GH_FULL;

    case GH_REDIS_REPLICA:
    case GH_REDIS_READONLY:
        redis->unsure = 1; /* what a replica has is another's */
        ngx_gatehouse_store_stands(store, 1, 0, words);
        return GH_UNAVAILABLE;

    case GH_REDIS_DAMAGED:
        return GH_INVALID;

    default:
        ngx_gatehouse_store_complain(store, NGX_LOG_ERR, words);
        return GH_UNAVAILABLE;
    }
}
