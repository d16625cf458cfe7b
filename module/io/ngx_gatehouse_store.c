/*
 * The store's vocabulary in the worker: operations with their deadlines and
 * guards. Who asks is never called before its question returned, nor after
 * it went away.
 */

#include "ngx_gatehouse_store_backend.h"
#include "ngx_gatehouse_redis.h"
#include "gh_lmdb.h"


#define STORE_WORDS 400
#define STORE_DEADLINE 1000
#define STORE_FOLLOW 200
#define STORE_FOLLOW_REDIS 500
#define STORE_QUEUE 4096
#define STORE_LATE 3     /* ms: so much a timer may be late */
#define STORE_LATE_MAX 2 /* times that a deadline is put off for it */


/* An operation and what others do not see of it. */
typedef struct {
    ngx_gatehouse_store_op_t op; /* first */
    ngx_gatehouse_store_t *store;
    ngx_queue_t queue; /* of what is pending */
    ngx_event_t guard;
    char *result; /* what op.result shows */
    ngx_msec_t deadline, due;
    unsigned late : 4;
    unsigned pending : 1;
    u_char bytes[1];
} store_block_t;


static void store_defaults(ngx_gatehouse_store_conf_t *sc);
static ngx_int_t store_check(ngx_gatehouse_store_op_t *op);
static void store_count(ngx_gatehouse_store_t *store,
                        ngx_gatehouse_store_op_t *op);
static void store_guard(ngx_event_t *ev);
static void store_settle(store_block_t *b);
static void store_free(store_block_t *b);
#if (NGX_DEBUG)
static void store_left(store_block_t *b);
#endif
static gh_lmdb_options_t store_options(ngx_gatehouse_store_conf_t *sc,
                                       ngx_gatehouse_store_spec_t *spec);


char *
ngx_gatehouse_store_parse(ngx_conf_t *cf, ngx_gatehouse_store_conf_t *sc)
{
    char *rv;
    u_char *why;
    ngx_gatehouse_store_spec_t spec;

    if (ngx_gatehouse_redis_spec(&sc->spec)) {
        rv = ngx_gatehouse_redis_find(cf, &sc->spec, sc->blocks, &sc->redis);

        if (rv == NGX_CONF_OK) {
            store_defaults(sc);
        }

        return rv;
    }

    why = ngx_pnalloc(cf->pool, STORE_WORDS);
    if (why == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_gatehouse_store_spec_parse(&sc->spec, &spec, why, STORE_WORDS - 1)
        != NGX_OK)
    {
        why[STORE_WORDS - 1] = '\0';
        return (char *) why;
    }

    store_defaults(sc);

    return NGX_CONF_OK;
}


static void
store_defaults(ngx_gatehouse_store_conf_t *sc)
{
    if (sc->deadline == 0) {
        sc->deadline = sc->redis ? sc->redis->timeout : STORE_DEADLINE;
    }

    if (sc->follow == 0) {
        sc->follow = sc->redis ? STORE_FOLLOW_REDIS : STORE_FOLLOW;
    }

    if (sc->queue == 0) {
        sc->queue = STORE_QUEUE;
    }
}


ngx_int_t
ngx_gatehouse_store_prepare(ngx_gatehouse_store_conf_t *sc, ngx_log_t *log)
{
    u_char words[STORE_WORDS];
    char why[GH_LMDB_WHY];
    gh_lmdb_options_t options;
    ngx_gatehouse_store_spec_t spec;

    ngx_memzero(&spec, sizeof(ngx_gatehouse_store_spec_t));

    if (sc->redis != NULL) {
        spec.directory = sc->redis->state;

    } else if (ngx_gatehouse_store_spec_parse(&sc->spec, &spec, words,
                                              sizeof(words))
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    options = store_options(sc, &spec);

    if (gh_lmdb_prepare(&options, why, sizeof(why)) != GH_OK) {
        ngx_log_error(NGX_LOG_EMERG, log, 0, "gatehouse_store: %s", why);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static gh_lmdb_options_t
store_options(ngx_gatehouse_store_conf_t *sc, ngx_gatehouse_store_spec_t *spec)
{
    gh_lmdb_options_t options;

    ngx_memzero(&options, sizeof(gh_lmdb_options_t));

    options.directory.data = (char *) spec->directory.data;
    options.directory.len = spec->directory.len;
    options.map_bytes = spec->size;
    options.uid = sc->user;
    options.gid = sc->group;

    return options;
}


ngx_gatehouse_store_t *
ngx_gatehouse_store_open(ngx_cycle_t *cycle, ngx_gatehouse_store_conf_t *sc)
{
    u_char words[STORE_WORDS];
    ngx_gatehouse_store_t *store;

    store = ngx_calloc(sizeof(ngx_gatehouse_store_t), cycle->log);
    if (store == NULL) {
        return NULL;
    }

    store->cycle = cycle;
    store->log = cycle->log;
    store->conf = *sc;
    store->dummy.fd = (ngx_socket_t) -1;
    store->dummy.data = store;
    store->since = ngx_current_msec;
    store->heard_at = ngx_current_msec;
    ngx_queue_init(&store->followers);
    ngx_queue_init(&store->pending);

    if (sc->redis == NULL
        && ngx_gatehouse_store_spec_parse(&sc->spec, &store->spec, words,
                                          sizeof(words))
               != NGX_OK)
    {
        ngx_free(store);
        return NULL;
    }

    store->backend = sc->redis          ? &ngx_gatehouse_store_redis
                     : store->spec.test ? &ngx_gatehouse_store_test
                                        : &ngx_gatehouse_store_lmdb;

    if (store->backend->open(store) != NGX_OK) {
        ngx_free(store);
        return NULL;
    }

    return store;
}


void
ngx_gatehouse_store_close(ngx_gatehouse_store_t *store)
{
    ngx_queue_t *q;
    store_block_t *b;

    store->backend->close(store);

    while (!ngx_queue_empty(&store->pending)) {
        q = ngx_queue_head(&store->pending);
        b = ngx_queue_data(q, store_block_t, queue);

        b->op.rc = GH_UNAVAILABLE;
        store_settle(b);

        if (b->op.abandoned) {
            store_free(b);
        }
    }

    ngx_gatehouse_store_unsubscribe_all(store);
    ngx_free(store);
}


ngx_gatehouse_store_op_t *
ngx_gatehouse_store_op_create(ngx_gatehouse_store_type_e type, gh_kind_t kind,
                              gh_str_t name, gh_str_t value)
{
    store_block_t *b;
    ngx_gatehouse_store_op_t *op;

    b = ngx_alloc(sizeof(store_block_t) + name.len + value.len,
                  ngx_cycle->log);
    if (b == NULL) {
        return NULL;
    }

    ngx_memzero(b, sizeof(store_block_t));

    op = &b->op;
    op->type = type;
    op->kind = kind;
    op->if_version = GH_VERSION_ANY;
    op->rc = GH_UNAVAILABLE;

    op->name.data = (char *) b->bytes;
    op->name.len = name.len;
    op->value.data = (char *) b->bytes + name.len;
    op->value.len = value.len;

    if (name.len > 0) {
        ngx_memcpy(b->bytes, name.data, name.len);
    }

    if (value.len > 0) {
        ngx_memcpy(b->bytes + name.len, value.data, value.len);
    }

    return op;
}


void
ngx_gatehouse_store_op_destroy(ngx_gatehouse_store_op_t *op)
{
    ngx_gatehouse_store_op_abandon(op);
}


void
ngx_gatehouse_store_op_abandon(ngx_gatehouse_store_op_t *op)
{
    store_block_t *b;

    b = (store_block_t *) op;

    if (b->pending) {

#if (NGX_DEBUG)
        if (op->handler != NULL) {
            store_left(b);
        }
#endif

        op->abandoned = 1;
        op->data = NULL;
        return;
    }

    store_free(b);
}


#if (NGX_DEBUG)

/* Of a claim, what it claims, where its name begins with that word. */

static void
store_left(store_block_t *b)
{
    size_t n = 0;
    gh_str_t name = b->op.name, what = gh_kind_word(b->op.kind);

    static const char *const types[] = { "get", "put", "delete", "claim",
                                         "take" };

    while (n < name.len
           && (name.data[n] == '-'
               || (name.data[n] >= 'a' && name.data[n] <= 'z')))
    {
        n++;
    }

    if (b->op.kind == GH_KIND_CLAIM && n < name.len && name.data[n] == ':') {
        what = (gh_str_t){ name.data, n };
    }

    ngx_log_debug3(NGX_LOG_DEBUG_CORE, b->store->log, 0,
                   "gatehouse: nobody waits any more for %s %*s",
                   types[b->op.type], what.len, what.data);
}

#endif


static void
store_free(store_block_t *b)
{
    ngx_free(b->result);
    ngx_free(b);
}


void
ngx_gatehouse_store_op_result(ngx_gatehouse_store_op_t *op, char *data,
                              size_t len)
{
    store_block_t *b;

    b = (store_block_t *) op;

    ngx_free(b->result);
    b->result = data;

    op->result.data = data;
    op->result.len = len;
}


void
ngx_gatehouse_store_op_move(ngx_gatehouse_store_op_t *to,
                            ngx_gatehouse_store_op_t *from)
{
    store_block_t *b;

    b = (store_block_t *) from;

    to->rc = from->rc;
    to->version = from->version;
    to->expires_at_s = from->expires_at_s;
    to->granted = from->granted;
    to->left = from->left;

    ngx_gatehouse_store_op_result(to, b->result, from->result.len);
    b->result = NULL;
}


ngx_int_t
ngx_gatehouse_store_submit(ngx_gatehouse_store_t *store,
                           ngx_gatehouse_store_op_t *op)
{
    ngx_int_t rc;
    ngx_msec_t deadline;
    store_block_t *b;

    b = (store_block_t *) op;

    if (b->pending) {
        ngx_log_error(NGX_LOG_ALERT, store->log, 0,
                      "gatehouse: an operation was submitted twice");
        return NGX_AGAIN;
    }

    rc = store_check(op);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (op->type == NGX_GATEHOUSE_STORE_GET) {
        store->reads++;
    } else {
        store->writes++;
    }

    if (store->available) {
        rc = store->backend->submit(store, op);
    } else {
        op->rc = GH_UNAVAILABLE;
        rc = NGX_ERROR;
    }

    if (rc != NGX_AGAIN) {
        store_count(store, op);
        return rc;
    }

    deadline = op->deadline ? op->deadline : store->conf.deadline;

    if (op->leased && op->deadline == 0) {
        deadline = ngx_gatehouse_store_lease_deadline(store);
    }

    b->store = store;
    b->pending = 1;
    ngx_queue_insert_tail(&store->pending, &b->queue);

    b->guard.handler = store_guard;
    b->guard.data = &store->dummy;
    b->guard.log = store->log;
    b->deadline = deadline;
    b->due = ngx_current_msec + deadline;
    b->late = 0;
    ngx_add_timer(&b->guard, deadline);

    return NGX_AGAIN;
}


ngx_msec_t
ngx_gatehouse_store_lease_deadline(const ngx_gatehouse_store_t *store)
{
    return ngx_max(store->conf.deadline / 2, 1);
}


ngx_uint_t
ngx_gatehouse_store_shared(const ngx_gatehouse_store_t *store)
{
    return store->conf.redis != NULL;
}


/* NGX_DECLINED: refused, op->rc is set. */

static ngx_int_t
store_check(ngx_gatehouse_store_op_t *op)
{
    ngx_gatehouse_store_op_result(op, NULL, 0);
    op->version = 0;
    op->expires_at_s = 0;
    op->granted = 0;
    op->left = 0;
    op->lost = 0;

    if (op->name.len > GH_STORE_NAME_MAX || op->value.len > GH_STORE_VALUE_MAX)
    {
        op->rc = GH_TOO_LONG;
        return NGX_DECLINED;
    }

    if (op->name.len == 0 || !gh_kind_valid(op->kind)
        || (op->type == NGX_GATEHOUSE_STORE_CLAIM && op->ttl_s <= 0)
        || (op->leased && op->lease.rule.interval_ns == 0) || op->ttl_s < 0)
    {
        op->rc = GH_INVALID;
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
store_count(ngx_gatehouse_store_t *store, ngx_gatehouse_store_op_t *op)
{
    if (op->type == NGX_GATEHOUSE_STORE_GET) {
        return;
    }

    if (op->rc == GH_UNAVAILABLE || op->rc == GH_FULL || op->rc == GH_NOMEM) {
        store->write_failures++;
    }
}


/*
 * A loop that did not turn, as when its process was stopped, looks at its
 * timers before it reads: the reply may lie there.
 */

static void
store_guard(ngx_event_t *ev)
{
    ngx_msec_t late;
    store_block_t *b;

    b = (store_block_t *) ((u_char *) ev - offsetof(store_block_t, guard));

    late = ngx_min(ngx_current_msec - b->due, b->deadline);

    if (late > STORE_LATE && b->late < STORE_LATE_MAX) {
        b->late++;
        b->due = ngx_current_msec + late;
        ngx_add_timer(&b->guard, late);
        return;
    }

    b->store->backend->cancel(b->store, &b->op);
    b->op.rc = GH_UNAVAILABLE;

    ngx_gatehouse_store_complete(b->store, &b->op);
}


void
ngx_gatehouse_store_complete(ngx_gatehouse_store_t *store,
                             ngx_gatehouse_store_op_t *op)
{
    store_block_t *b;

    b = (store_block_t *) op;

    store_settle(b);
    store_count(store, op);

    if (op->abandoned) {
        store_free(b);
        return;
    }

    op->handler(op);
}


static void
store_settle(store_block_t *b)
{
    if (b->guard.timer_set) {
        ngx_del_timer(&b->guard);
    }

    ngx_queue_remove(&b->queue);
    b->pending = 0;
}


ngx_int_t
ngx_gatehouse_store_each(ngx_gatehouse_store_t *store, gh_kind_t kind,
                         bool (*each)(void *ctx, gh_str_t name, gh_str_t value,
                                      uint64_t version),
                         void *ctx)
{
    if (!store->available) {
        return NGX_ERROR;
    }

    return store->backend->each(store, kind, each, ctx);
}


ngx_int_t
ngx_gatehouse_store_names(ngx_gatehouse_store_t *store, gh_kind_t kind,
                          bool (*each)(void *ctx, gh_str_t name), void *ctx)
{
    if (!store->available) {
        return NGX_ERROR;
    }

    return store->backend->names(store, kind, each, ctx);
}
