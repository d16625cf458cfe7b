/*
 * A worker's memory of store records: what is known and how long it holds,
 * one get for all who ask for a record, and waiters that are called from an
 * event of their own. The change log says what is not true any more.
 */

#include "ngx_gatehouse_records.h"
#include "ngx_gatehouse_records_table.h"
#include "ngx_gatehouse_records_whole.h"


#define RECORDS_FAILED 100 /* ms: so long one failure answers everybody */
#define RECORDS_HEARD 2000 /* ms: silence of the store that is counted */


typedef ngx_gatehouse_record_t record_t;

typedef struct {
    ngx_queue_t queue;
    ngx_gatehouse_store_follow_pt follow;
    void *data;
} records_follower_t;

struct ngx_gatehouse_records_s {
    ngx_gatehouse_records_table_t table; /* first: found from a record */
    ngx_gatehouse_store_t *store;
    ngx_log_t *log;
    ngx_msec_t stale;
    uint64_t stamp;
    ngx_gatehouse_records_whole_t revoked, suspended;

    ngx_queue_t woken; /* waiters to be called */
    ngx_event_t wake;
    ngx_connection_t dummy;

    ngx_queue_t followers;
    uint64_t hits, fetches, silent;
    uint64_t version;  /* of what credentials depend on */
    unsigned ends : 1; /* one of these has an end that no line tells */
};


static ngx_uint_t records_none(ngx_gatehouse_records_t *rec, gh_kind_t kind,
                               uint64_t hash, uint64_t *stamp);
static gh_rc_t records_known(ngx_gatehouse_records_t *rec, record_t *r,
                             gh_str_t *value, uint64_t *stamp);
static ngx_uint_t records_fresh(ngx_gatehouse_records_t *rec,
                                ngx_msec_t loaded_at);
static gh_rc_t records_fetch(ngx_gatehouse_records_t *rec, gh_kind_t kind,
                             uint64_t hash, gh_str_t name, record_t **out);
static void records_fetched(ngx_gatehouse_store_op_t *op);
static void records_fill(record_t *r);
static void records_wake_waiters(ngx_gatehouse_records_t *rec, record_t *r);
static void records_wake(ngx_event_t *ev);
static void records_follow(void *data, const gh_store_change_t *line);
static ngx_uint_t records_of_credentials(gh_kind_t kind);


ngx_gatehouse_records_t *
ngx_gatehouse_records_create(ngx_cycle_t *cycle, ngx_gatehouse_store_t *store,
                             ngx_uint_t max_records, ngx_msec_t stale)
{
    ngx_gatehouse_records_t *rec;

    rec = ngx_calloc(sizeof(ngx_gatehouse_records_t), cycle->log);
    if (rec == NULL) {
        return NULL;
    }

    rec->store = store;
    rec->version = 1;
    rec->log = cycle->log;
    rec->stale = stale;
    rec->revoked.kind = GH_KIND_REVOKED;
    rec->suspended.kind = GH_KIND_SUSPENDED;

    ngx_queue_init(&rec->woken);
    ngx_queue_init(&rec->followers);

    rec->dummy.fd = (ngx_socket_t) -1;
    rec->dummy.data = rec;
    rec->wake.handler = records_wake;
    rec->wake.data = &rec->dummy;
    rec->wake.log = cycle->log;

    if (ngx_gatehouse_records_table_init(&rec->table, max_records, cycle->log)
        != NGX_OK)
    {
        ngx_free(rec);
        return NULL;
    }

    if (ngx_gatehouse_store_subscribe(store, records_follow, rec) != NGX_OK) {
        ngx_gatehouse_records_table_clear(&rec->table);
        ngx_free(rec);
        return NULL;
    }

    return rec;
}


void
ngx_gatehouse_records_destroy(ngx_gatehouse_records_t *rec)
{
    ngx_queue_t *q;

    ngx_gatehouse_store_unsubscribe(rec->store, records_follow, rec);

    /* nobody is called any more */

    for (q = ngx_queue_head(&rec->table.fetching.queue);
         q != ngx_queue_sentinel(&rec->table.fetching.queue);
         q = ngx_queue_next(q))
    {
        records_wake_waiters(rec, ngx_queue_data(q, record_t, queue));
    }

    while (!ngx_queue_empty(&rec->woken)) {
        (void) ngx_gatehouse_waiter_first(&rec->woken);
    }

    if (rec->wake.posted) {
        ngx_delete_posted_event(&rec->wake);
    }

    while (!ngx_queue_empty(&rec->followers)) {
        q = ngx_queue_head(&rec->followers);
        ngx_queue_remove(q);
        ngx_free(ngx_queue_data(q, records_follower_t, queue));
    }

    ngx_gatehouse_records_whole_free(&rec->revoked);
    ngx_gatehouse_records_whole_free(&rec->suspended);
    ngx_gatehouse_records_table_clear(&rec->table);
    ngx_free(rec);
}


gh_rc_t
ngx_gatehouse_records_get(ngx_gatehouse_records_t *rec, gh_kind_t kind,
                          gh_str_t name, gh_str_t *value, uint64_t *stamp,
                          ngx_gatehouse_waiter_t *waiter)
{
    ngx_gatehouse_name_t hashed;

    hashed.text = name;
    hashed.hash = gh_store_name_hash(kind, name);

    return ngx_gatehouse_records_get_hashed(rec, kind, &hashed, value, stamp,
                                            waiter);
}


gh_rc_t
ngx_gatehouse_records_get_hashed(ngx_gatehouse_records_t *rec, gh_kind_t kind,
                                 const ngx_gatehouse_name_t *name,
                                 gh_str_t *value, uint64_t *stamp,
                                 ngx_gatehouse_waiter_t *waiter)
{
    gh_rc_t rc;
    record_t *r;

    if (records_none(rec, kind, name->hash, stamp)) {
        return GH_ABSENT;
    }

    r = ngx_gatehouse_record_find(&rec->table, kind, name->hash, name->text);

    if (r != NULL && r->state != NGX_GATEHOUSE_RECORD_FETCHING) {
        rc = records_known(rec, r, value, stamp);

        if (rc != GH_AGAIN) {
            return rc;
        }

        ngx_gatehouse_record_drop(r);
        r = NULL;
    }

    if (r == NULL) {
        rc = records_fetch(rec, kind, name->hash, name->text, &r);

        if (rc != GH_AGAIN) {
            return rc == GH_OK ? records_known(rec, r, value, stamp) : rc;
        }
    }

    if (waiter != NULL) {
        ngx_gatehouse_waiter_link(&r->waiters, waiter);
    }

    return GH_AGAIN;
}


/* Of a kind whose names are all known, none is this one. */

static ngx_uint_t
records_none(ngx_gatehouse_records_t *rec, gh_kind_t kind, uint64_t hash,
             uint64_t *stamp)
{
    ngx_gatehouse_records_whole_t *w;

    w = (kind == GH_KIND_REVOKED)     ? &rec->revoked
        : (kind == GH_KIND_SUSPENDED) ? &rec->suspended
                                      : NULL;

    if (w == NULL || !ngx_gatehouse_records_whole_load(w, rec->store)
        || ngx_gatehouse_records_whole_has(w, hash)
        || !records_fresh(rec, w->loaded_at))
    {
        return 0;
    }

    rec->hits++;

    if (stamp != NULL) {
        *stamp = rec->stamp;
    }

    return 1;
}


/* GH_AGAIN: what is known does not hold any more. */

static gh_rc_t
records_known(ngx_gatehouse_records_t *rec, record_t *r, gh_str_t *value,
              uint64_t *stamp)
{
    if (r->state == NGX_GATEHOUSE_RECORD_FAILED) {
        return ngx_current_msec - r->loaded_at < RECORDS_FAILED
                   ? GH_UNAVAILABLE
                   : GH_AGAIN;
    }

    if (r->expires_at_s != 0 && ngx_time() >= r->expires_at_s) {
        return GH_AGAIN;
    }

    if (!records_fresh(rec, r->loaded_at)) {
        return GH_AGAIN;
    }

    r->used = 1;
    rec->hits++;

    if (stamp != NULL) {
        *stamp = r->stamp;
    }

    if (r->state == NGX_GATEHOUSE_RECORD_ABSENT) {
        return GH_ABSENT;
    }

    *value = r->value;

    return GH_OK;
}


/* Right as of when it was loaded, and as of when the log was last read. */

static ngx_uint_t
records_fresh(ngx_gatehouse_records_t *rec, ngx_msec_t loaded_at)
{
    ngx_msec_t age, heard;

    age = ngx_current_msec - loaded_at;
    heard = ngx_gatehouse_store_age(rec->store);

    if (heard > RECORDS_HEARD && age > RECORDS_HEARD) {
        rec->silent++;
    }

    return ngx_min(age, heard) <= rec->stale;
}


/* GH_OK: *out is known now. GH_AGAIN: *out is being fetched. */

static gh_rc_t
records_fetch(ngx_gatehouse_records_t *rec, gh_kind_t kind, uint64_t hash,
              gh_str_t name, record_t **out)
{
    record_t *r;

    if (rec->table.fetching.n >= rec->table.fetching.max) {
        return GH_UNAVAILABLE;
    }

    r = ngx_gatehouse_record_add(&rec->table, kind, hash, name);
    if (r == NULL) {
        return GH_NOMEM;
    }

    *out = r;
    r->op->handler = records_fetched;
    rec->fetches++;

    if (ngx_gatehouse_store_submit(rec->store, r->op) == NGX_AGAIN) {
        return GH_AGAIN;
    }

    records_fill(r);

    return r->state == NGX_GATEHOUSE_RECORD_FAILED ? GH_UNAVAILABLE : GH_OK;
}


static void
records_fetched(ngx_gatehouse_store_op_t *op)
{
    records_fill(op->data);
}


static void
records_fill(record_t *r)
{
    ngx_gatehouse_records_t *rec = (ngx_gatehouse_records_t *) r->table;

    ngx_gatehouse_record_state_e state;

    switch (r->op->rc) {

    case GH_OK:
        state = NGX_GATEHOUSE_RECORD_PRESENT;
        break;

    case GH_ABSENT:
        state = NGX_GATEHOUSE_RECORD_ABSENT;
        break;

    default:
        state = NGX_GATEHOUSE_RECORD_FAILED;
    }

    r->value = r->op->result;
    r->expires_at_s = r->op->expires_at_s;
    r->loaded_at = ngx_current_msec;
    r->stamp = ++rec->stamp;

    if (r->expires_at_s != 0 && records_of_credentials(r->kind)) {
        rec->ends = 1;
    }

    records_wake_waiters(rec, r);
    ngx_gatehouse_record_settle(r, state);

    if (r->stale) {
        /* of before a change: whoever waits asks again */
        ngx_gatehouse_record_drop(r);
    }
}


/* A waiter may free what the caller stands on: they have their own event. */

static void
records_wake_waiters(ngx_gatehouse_records_t *rec, record_t *r)
{
    if (ngx_queue_empty(&r->waiters)) {
        return;
    }

    ngx_queue_add(&rec->woken, &r->waiters);
    ngx_queue_init(&r->waiters);

    ngx_post_event(&rec->wake, &ngx_posted_events);
}


static void
records_wake(ngx_event_t *ev)
{
    ngx_connection_t *dummy = ev->data;
    ngx_gatehouse_records_t *rec = dummy->data;

    ngx_gatehouse_waiter_t *waiter;

    while (!ngx_queue_empty(&rec->woken)) {
        waiter = ngx_gatehouse_waiter_first(&rec->woken);
        waiter->handler(waiter->data);
    }
}


ngx_int_t
ngx_gatehouse_records_subscribe(ngx_gatehouse_records_t *rec,
                                ngx_gatehouse_store_follow_pt follow,
                                void *data)
{
    records_follower_t *f;

    f = ngx_alloc(sizeof(records_follower_t), rec->log);
    if (f == NULL) {
        return NGX_ERROR;
    }

    f->follow = follow;
    f->data = data;
    ngx_queue_insert_tail(&rec->followers, &f->queue);

    return NGX_OK;
}


uint64_t
ngx_gatehouse_records_version(ngx_gatehouse_records_t *rec)
{
    return (rec->ends || ngx_gatehouse_store_age(rec->store) > RECORDS_HEARD)
               ? 0
               : rec->version;
}


static ngx_uint_t
records_of_credentials(gh_kind_t kind)
{
    switch (kind) {

    case GH_KIND_KEY:
    case GH_KIND_KEY_HASH:
    case GH_KIND_REVOKED:
    case GH_KIND_SUSPENDED:
        return 1;

    default:
        return 0;
    }
}


static void
records_follow(void *data, const gh_store_change_t *line)
{
    ngx_gatehouse_records_t *rec = data;

    ngx_queue_t *q;
    records_follower_t *f;

    ngx_gatehouse_records_whole_follow(&rec->revoked, line);
    ngx_gatehouse_records_whole_follow(&rec->suspended, line);

    if (line == NULL) {
        ngx_gatehouse_records_table_forget_all(&rec->table);
    } else {
        ngx_gatehouse_records_table_forget(&rec->table, line->kind,
                                           line->name_hash);
    }

    if (line == NULL || records_of_credentials(line->kind)) {
        rec->version++;
    }

    for (q = ngx_queue_head(&rec->followers);
         q != ngx_queue_sentinel(&rec->followers); q = ngx_queue_next(q))
    {
        f = ngx_queue_data(q, records_follower_t, queue);
        f->follow(f->data, line);
    }
}


void
ngx_gatehouse_records_state(ngx_gatehouse_records_t *rec,
                            ngx_gatehouse_records_state_t *out)
{
    ngx_memzero(out, sizeof(ngx_gatehouse_records_state_t));

    out->present = rec->table.present.n;
    out->absent = rec->table.absent.n;
    out->fetching = rec->table.fetching.n;
    out->bytes = rec->table.bytes;
    out->evictions = rec->table.evictions;
    out->hits = rec->hits;
    out->fetches = rec->fetches;
    out->stale = rec->silent;
}
