/*
 * The shared store in a worker: one pipelined connection for operations. It
 * is ready when the scripts are loaded, the root key is that of the other
 * gateways, and it is known where the change log stands.
 */

#include "ngx_gatehouse_store_redis.h"


#define REDIS_ROOT_KEY "gh:{root}"
#define REDIS_SAME_MAX 2000 /* ms */


static ngx_int_t redis_open(ngx_gatehouse_store_t *store);
static void redis_close(ngx_gatehouse_store_t *store);

static void redis_opened(ngx_gatehouse_redis_connection_t *conn);
static ngx_int_t redis_begin(ngx_gatehouse_store_t *store);
static ngx_int_t redis_ask_whole(ngx_gatehouse_store_t *store);
static ngx_gatehouse_redis_slot_t *redis_ask_args(
    ngx_gatehouse_store_t *store, ngx_gatehouse_redis_question_e type,
    gh_str_t *args, size_t n);
static ngx_int_t redis_reply(ngx_gatehouse_redis_connection_t *conn,
                             const redisReply *reply, const char **why);
static ngx_int_t redis_next(ngx_gatehouse_store_t *store,
                            const redisReply *reply, const char **why);
static ngx_int_t redis_greeted(ngx_gatehouse_store_t *store,
                               ngx_gatehouse_redis_slot_t *slot,
                               const redisReply *reply, const char **why);
static ngx_int_t redis_root(ngx_gatehouse_store_t *store,
                            const redisReply *reply, const char **why);
static ngx_int_t redis_whole(const redisReply *reply, const char **why);
static ngx_int_t redis_changes(ngx_gatehouse_store_t *store,
                               ngx_gatehouse_redis_slot_t *slot,
                               const redisReply *reply, const char **why);
static void redis_ready(ngx_gatehouse_store_t *store,
                        const gh_redis_changes_t *changes);
static void redis_lost(ngx_gatehouse_redis_connection_t *conn,
                       const char *why);

static ngx_int_t redis_each(ngx_gatehouse_store_t *store, gh_kind_t kind,
                            bool (*each)(void *ctx, gh_str_t name,
                                         gh_str_t value, uint64_t version),
                            void *ctx);
static ngx_int_t redis_names(ngx_gatehouse_store_t *store, gh_kind_t kind,
                             bool (*each)(void *ctx, gh_str_t name),
                             void *ctx);
static void redis_state(ngx_gatehouse_store_t *store,
                        ngx_gatehouse_store_state_t *out);


const ngx_gatehouse_store_backend_t ngx_gatehouse_store_redis = {
    "redis",
    redis_open,
    redis_close,
    ngx_gatehouse_store_redis_submit,
    ngx_gatehouse_store_redis_cancel,
    redis_each,
    redis_names,
    redis_state,
};

static const ngx_gatehouse_redis_owner_t redis_owner = {
    redis_opened,
    redis_reply,
    redis_lost,
};


static ngx_int_t
redis_open(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_redis_t *redis;

    redis = ngx_calloc(sizeof(ngx_gatehouse_redis_t), store->log);
    if (redis == NULL) {
        return NGX_ERROR;
    }

    store->ctx = redis;
    redis->conf = store->conf.redis;
    gh_redis_init(&redis->words, store->conf.secret,
                  (unsigned) redis->conf->database);
    if (store->conf.node == NULL) {
        /* nobody here leases */
        ngx_memset(redis->alone.id, '0', sizeof(redis->alone.id) - 1);
        store->conf.node = &redis->alone;
    }

    if (store->conf.node->nodes == 0) {
        store->conf.node->nodes = redis->conf->nodes;
    }

    ngx_memcpy(redis->words.node.id, store->conf.node->id,
               sizeof(redis->words.node.id));

    ngx_queue_init(&redis->asked);
    ngx_queue_init(&redis->waiting);

    /* until the first attempt has failed */

    redis->hopeful = 1;
    store->available = 1;
    store->writable = 1;

    ngx_gatehouse_redis_start(&redis->ops, &redis_owner, store, redis->conf,
                              store->log);
    ngx_gatehouse_store_redis_follow(store);

    return redis->conf->sentinels != NULL
               ? ngx_gatehouse_store_redis_find(store)
               : NGX_OK;
}


static void
redis_close(ngx_gatehouse_store_t *store)
{
    ngx_queue_t *q;
    ngx_gatehouse_redis_t *redis = store->ctx;

    if (redis->follow.timer_set) {
        ngx_del_timer(&redis->follow);
    }

    ngx_gatehouse_redis_find_stop(&redis->finder);
    ngx_gatehouse_redis_stop(&redis->ops);
    ngx_gatehouse_redis_stop(&redis->channel);

    if (!ngx_queue_empty(&redis->waiting)) {
        ngx_queue_add(&redis->asked, &redis->waiting);
    }

    while (!ngx_queue_empty(&redis->asked)) {
        q = ngx_queue_head(&redis->asked);
        ngx_gatehouse_store_redis_free(
            store, ngx_queue_data(q, ngx_gatehouse_redis_slot_t, queue));
    }

    ngx_free(redis);
}


const char *
ngx_gatehouse_store_redis_say(ngx_gatehouse_store_t *store, const char *words)
{
    ngx_gatehouse_redis_t *redis = store->ctx;
    ngx_uint_t named = redis->conf->sentinels == NULL;

    if (!named && redis->finder.where.len == 0) {
        ngx_snprintf((u_char *) redis->why, sizeof(redis->why) - 1,
                     "Redis \"%V\" %s%Z", &redis->conf->primary, words);
    } else {
        ngx_snprintf(
            (u_char *) redis->why, sizeof(redis->why) - 1, "Redis at %V %s%Z",
            named ? &redis->conf->where : &redis->finder.where, words);
    }

    return redis->why;
}


static void
redis_opened(ngx_gatehouse_redis_connection_t *conn)
{
    ngx_gatehouse_store_t *store = conn->data;

    if (redis_begin(store) != NGX_OK) {
        ngx_gatehouse_redis_leave(conn, "cannot be asked: no memory");
    }
}


/* What stands in front of the first operation. */

static ngx_int_t
redis_begin(ngx_gatehouse_store_t *store)
{
    char fingerprint[17];
    gh_str_t args[4];
    gh_redis_bytes_t bytes;
    ngx_gatehouse_redis_t *redis = store->ctx;

    redis->loading = 0;
    redis->unsure = 1;
    gh_secret_fingerprint(store->conf.secret, fingerprint);

    args[0] = GH_STR("SET");
    args[1] = GH_STR(REDIS_ROOT_KEY);
    args[2] = gh_str(fingerprint);
    args[3] = GH_STR("NX");

    if (ngx_gatehouse_store_redis_load(store) != NGX_OK
        || redis_ask_args(store, NGX_GATEHOUSE_REDIS_ROOT_SET, args, 4)
               == NULL)
    {
        return NGX_ERROR;
    }

    args[0] = GH_STR("GET");

    if (redis_ask_args(store, NGX_GATEHOUSE_REDIS_ROOT_GET, args, 2) == NULL
        || redis_ask_whole(store) != NGX_OK
        || ngx_gatehouse_store_redis_mark(store) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (gh_redis_run_command(&bytes) != GH_OK) {
        return NGX_ERROR;
    }

    return ngx_gatehouse_store_redis_ask(store, NGX_GATEHOUSE_REDIS_RUN,
                                         &bytes, NULL)
                   != NULL
               ? NGX_OK
               : NGX_ERROR;
}


/* A copy that was not finished may have less than what was revoked. */

static ngx_int_t
redis_ask_whole(ngx_gatehouse_store_t *store)
{
    char room[GH_REDIS_KEY_MAX];
    gh_buf_t key = GH_BUF(room);
    gh_str_t args[2];

    (void) gh_redis_key(GH_KIND_META, GH_STR(GH_STORE_COPY), &key);

    args[0] = GH_STR("TYPE");
    args[1] = gh_buf_str(&key);

    return redis_ask_args(store, NGX_GATEHOUSE_REDIS_WHOLE, args, 2) != NULL
               ? NGX_OK
               : NGX_ERROR;
}


ngx_int_t
ngx_gatehouse_store_redis_load(ngx_gatehouse_store_t *store)
{
    gh_str_t args[3];
    ngx_uint_t i;
    ngx_gatehouse_redis_t *redis = store->ctx;
    ngx_gatehouse_redis_slot_t *slot;

    for (i = 0; i < GH_REDIS_SCRIPTS && !redis->loading; i++) {
        args[0] = GH_STR("SCRIPT");
        args[1] = GH_STR("LOAD");
        args[2] = gh_redis_script_text((gh_redis_script_t) i);

        slot = redis_ask_args(store, NGX_GATEHOUSE_REDIS_SCRIPT, args, 3);
        if (slot == NULL) {
            return NGX_ERROR;
        }

        slot->script = i;
    }

    redis->loading = 1;

    return NGX_OK;
}


static ngx_gatehouse_redis_slot_t *
redis_ask_args(ngx_gatehouse_store_t *store,
               ngx_gatehouse_redis_question_e type, gh_str_t *args, size_t n)
{
    gh_redis_bytes_t bytes;

    if (gh_redis_command(args, n, &bytes) != GH_OK) {
        return NULL;
    }

    return ngx_gatehouse_store_redis_ask(store, type, &bytes, NULL);
}


ngx_int_t
ngx_gatehouse_store_redis_ask_changes(ngx_gatehouse_store_t *store,
                                      ngx_uint_t again, ngx_uint_t first)
{
    gh_redis_bytes_t bytes;
    ngx_gatehouse_redis_slot_t *slot;
    ngx_gatehouse_redis_t *redis = store->ctx;

    if (gh_redis_changes_command(&redis->words, redis->sequence, &bytes)
        != GH_OK) {
        return NGX_ERROR;
    }

    slot = ngx_gatehouse_store_redis_ask(store, NGX_GATEHOUSE_REDIS_CHANGES,
                                         &bytes, NULL);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    slot->again = again ? 1 : 0;
    slot->first = first ? 1 : 0;
    redis->polling = 1;

    return NGX_OK;
}


static ngx_int_t
redis_reply(ngx_gatehouse_redis_connection_t *conn, const redisReply *reply,
            const char **why)
{
    ngx_gatehouse_store_t *store = conn->data;
    ngx_gatehouse_redis_t *redis = store->ctx;

    ngx_int_t rc;

    if (ngx_queue_empty(&redis->asked)) {
        return NGX_ERROR;
    }

    rc = redis_next(store, reply, why);

    if (rc == NGX_OK && redis->draining && ngx_queue_empty(&redis->asked)) {
        *why = "is a replica and takes no writes";
        return NGX_ERROR;
    }

    return rc;
}


static ngx_int_t
redis_next(ngx_gatehouse_store_t *store, const redisReply *reply,
           const char **why)
{
    ngx_gatehouse_redis_t *redis = store->ctx;

    ngx_gatehouse_redis_slot_t *slot;

    slot = ngx_queue_data(ngx_queue_head(&redis->asked),
                          ngx_gatehouse_redis_slot_t, queue);

    if (++slot->got < slot->replies) {

        /* the first error is the one that says what is wrong */

        if (slot->verdict == GH_REDIS_DONE) {
            slot->verdict = gh_redis_queued_judge(reply, slot->got - 1);

            if (slot->verdict != GH_REDIS_DONE) {
                (void) gh_redis_error(reply, &slot->code);
            }
        }

        return slot->verdict == GH_REDIS_DOUBT ? NGX_ERROR : NGX_OK;
    }

    switch (slot->type) {

    case NGX_GATEHOUSE_REDIS_GET:
    case NGX_GATEHOUSE_REDIS_WRITE:
    case NGX_GATEHOUSE_REDIS_USE:
        return ngx_gatehouse_store_redis_answer(store, slot, reply, why);

    case NGX_GATEHOUSE_REDIS_CHANGES:
        return redis_changes(store, slot, reply, why);

    case NGX_GATEHOUSE_REDIS_BEAT:
        return ngx_gatehouse_store_redis_beaten(store, slot, reply, why);

    default:
        return redis_greeted(store, slot, reply, why);
    }
}


static ngx_int_t
redis_greeted(ngx_gatehouse_store_t *store, ngx_gatehouse_redis_slot_t *slot,
              const redisReply *reply, const char **why)
{
    gh_str_t code;
    gh_redis_verdict_t verdict;
    ngx_gatehouse_redis_t *redis = store->ctx;
    ngx_uint_t script = slot->script;
    ngx_gatehouse_redis_question_e type = slot->type;

    ngx_gatehouse_store_redis_free(store, slot);

    if (type == NGX_GATEHOUSE_REDIS_RUN) {
        return ngx_gatehouse_store_redis_run(store, reply);
    }

    verdict = gh_redis_error(reply, &code);

    if (type == NGX_GATEHOUSE_REDIS_ROOT_SET
        && (verdict == GH_REDIS_FULL || verdict == GH_REDIS_READONLY))
    {
        return NGX_OK; /* it takes no writes now: what is there decides */
    }

    if (verdict != GH_REDIS_DONE) {
        *why = gh_redis_error_words(code);
        return NGX_ERROR;
    }

    switch (type) {

    case NGX_GATEHOUSE_REDIS_SCRIPT:
        if (script == GH_REDIS_SCRIPTS - 1) {
            redis->loading = 0;
        }

        return reply->type == REDIS_REPLY_STRING
                       && gh_str_eq(
                           (gh_str_t){ reply->str, (size_t) reply->len },
                           gh_str(redis->words.sha[script]))
                   ? NGX_OK
                   : NGX_ERROR;

    case NGX_GATEHOUSE_REDIS_ROOT_SET:
        return reply->type == REDIS_REPLY_STATUS
                       || reply->type == REDIS_REPLY_NIL
                   ? NGX_OK
                   : NGX_ERROR;

    case NGX_GATEHOUSE_REDIS_WHOLE:
        return redis_whole(reply, why);

    default:
        return redis_root(store, reply, why);
    }
}


/*
 * A node that has another root key can open nothing that is there, and what
 * it would seal nobody else could: it stays away. One that has the key of
 * the others but seals with a newer one says so, which ends a rotation.
 */

static ngx_int_t
redis_root(ngx_gatehouse_store_t *store, const redisReply *reply,
           const char **why)
{
    char fingerprint[17];
    gh_str_t known, args[3];

    gh_secret_fingerprint(store->conf.secret, fingerprint);

    if (reply->type != REDIS_REPLY_STRING || reply->len > 64) {
        return NGX_ERROR;
    }

    known.data = reply->str;
    known.len = (size_t) reply->len;

    if (!gh_secret_knows(store->conf.secret, known)) {
        *why = "belongs to gateways of another root key: give this one the "
               "same gatehouse_secret";
        return NGX_ERROR;
    }

    if (gh_str_eq(known, gh_str(fingerprint))) {
        return NGX_OK;
    }

    args[0] = GH_STR("SET");
    args[1] = GH_STR(REDIS_ROOT_KEY);
    args[2] = gh_str(fingerprint);

    return redis_ask_args(store, NGX_GATEHOUSE_REDIS_ROOT_SET, args, 3) != NULL
               ? NGX_OK
               : NGX_ERROR;
}


static ngx_int_t
redis_whole(const redisReply *reply, const char **why)
{
    if (reply->type != REDIS_REPLY_STATUS) {
        return NGX_ERROR;
    }

    if (gh_str_eq((gh_str_t){ reply->str, (size_t) reply->len },
                  GH_STR("none"))) {
        return NGX_OK;
    }

    *why = "has a copy that was not finished: run the same gatehouse store "
           "copy again";

    return NGX_ERROR;
}


static ngx_int_t
redis_changes(ngx_gatehouse_store_t *store, ngx_gatehouse_redis_slot_t *slot,
              const redisReply *reply, const char **why)
{
    gh_str_t code;
    ngx_uint_t first, again;
    gh_redis_changes_t changes;
    gh_redis_verdict_t verdict;

    verdict = gh_redis_changes_judge(reply, &changes);
    first = slot->first;
    again = slot->again;
    ngx_gatehouse_store_redis_free(store, slot);

    if (verdict == GH_REDIS_NOSCRIPT && !again) {
        return ngx_gatehouse_store_redis_load(store) == NGX_OK
                   ? ngx_gatehouse_store_redis_ask_changes(store, 1, first)
                   : NGX_ERROR;
    }

    if (verdict != GH_REDIS_DONE) {
        *why = "answers something else than it was asked";

        if (verdict != GH_REDIS_DOUBT) {
            (void) gh_redis_error(reply, &code);
            *why = gh_redis_error_words(code);
        }

        return NGX_ERROR;
    }

    if (first) {
        redis_ready(store, &changes);
        return NGX_OK;
    }

    ngx_gatehouse_store_redis_lines(store, &changes);

    return NGX_OK;
}


/*
 * Lines that came while no connection was there are in the log of a server
 * that has run on, and was the primary all the time: two failovers take
 * longer. What another one may have lost is lost: all that is cached goes.
 */

static void
redis_ready(ngx_gatehouse_store_t *store, const gh_redis_changes_t *changes)
{
    ngx_uint_t told, same;
    ngx_gatehouse_redis_t *redis = store->ctx;

    /* who was told that it is away is told by that it is back */

    told = !store->available;
    same = redis->followed == redis->words.node.run
           && redis->followed > NGX_GATEHOUSE_REDIS_RUN_HIDDEN
           && ngx_gatehouse_store_age(store) <= REDIS_SAME_MAX;

    redis->followed = redis->words.node.run;
    redis->ready = 1;
    redis->hopeful = 0;
    redis->lost = 0;
    redis->demoted = 0;
    redis->finder.content = 1;

    if (!same) {
        redis->sequence = changes->last;
        store->sequence = changes->last;
        ngx_gatehouse_store_heard(store);
    }

    ngx_gatehouse_redis_settled(&redis->ops);
    ngx_gatehouse_store_stands(store, 1, 1, "");

    if (same) {
        ngx_gatehouse_store_redis_lines(store, changes);

    } else if (!told) {
        ngx_gatehouse_store_line(store, NULL);
    }

    ngx_gatehouse_store_redis_release(store);
}


static void
redis_lost(ngx_gatehouse_redis_connection_t *conn, const char *why)
{
    ngx_gatehouse_store_t *store = conn->data;
    ngx_gatehouse_redis_t *redis = store->ctx;

    redis->hopeful = ngx_gatehouse_store_redis_hope(store);

    if (conn->moved || redis->demoted) {
        redis->followed = 0; /* what comes back may have been another's */
    }

    redis->ready = 0;
    redis->draining = 0;
    redis->finder.content = 0;

    if (!redis->hopeful) {
        ngx_gatehouse_store_stands(store, 0, 0,
                                   ngx_gatehouse_store_redis_say(store, why));
    }

    ngx_gatehouse_store_redis_fail(store);

    if (redis->conf->sentinels != NULL && !conn->moved) {
        ngx_gatehouse_redis_find_again(&redis->finder);
    }
}


/* Not at hand: whoever needs it asks record by record. */

static ngx_int_t
redis_each(ngx_gatehouse_store_t *store, gh_kind_t kind,
           bool (*each)(void *ctx, gh_str_t name, gh_str_t value,
                        uint64_t version),
           void *ctx)
{
    return NGX_DECLINED;
}


static ngx_int_t
redis_names(ngx_gatehouse_store_t *store, gh_kind_t kind,
            bool (*each)(void *ctx, gh_str_t name), void *ctx)
{
    return NGX_DECLINED;
}


static void
redis_state(ngx_gatehouse_store_t *store, ngx_gatehouse_store_state_t *out)
{
    ngx_gatehouse_redis_t *redis = store->ctx;

    out->queue = redis->n;

    if (store->available && !redis->ready) {
        out->available = 0;
        out->writable = 0;
        (void) snprintf(
            out->why, sizeof(out->why), "%s",
            ngx_gatehouse_store_redis_say(store, "is being connected to"));
    }
}
