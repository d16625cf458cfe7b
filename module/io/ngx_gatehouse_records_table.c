/*
 * The table behind the record cache. Found by a keyed hash of the name's
 * public one. Records that are not there have their own bound, so that
 * asking for a million of them does not push out one that is.
 */

#include "ngx_gatehouse_records_table.h"

#include <openssl/rand.h>


#define RECORDS_MIN_BITS 6
#define RECORDS_MIN (1 << RECORDS_MIN_BITS)
#define RECORDS_BYTES 1024 /* a record, on average */


typedef ngx_gatehouse_record_t record_t;
typedef ngx_gatehouse_records_table_t table_t;
typedef ngx_gatehouse_records_clock_t clock_of_t;


static void clock_init(clock_of_t *clock, ngx_uint_t max);
static clock_of_t *clock_of(record_t *r);
static record_t **table_bucket(table_t *t, uint64_t hash);
static void table_evict(table_t *t);
static void table_evict_one(table_t *t, clock_of_t *clock);
static void table_bury_handler(ngx_event_t *ev);
static void table_bury(table_t *t);
static void table_drop_all(clock_of_t *clock);
static size_t record_size(record_t *r);


ngx_int_t
ngx_gatehouse_records_table_init(table_t *t, ngx_uint_t max, ngx_log_t *log)
{
    ngx_uint_t n;

    max = ngx_max(max, RECORDS_MIN);

    t->log = log;
    t->max_bytes = max * RECORDS_BYTES;

    clock_init(&t->present, max);
    clock_init(&t->absent, max / 2);
    clock_init(&t->fetching, max);
    ngx_queue_init(&t->graves);

    t->dummy.fd = (ngx_socket_t) -1;
    t->dummy.data = t;
    t->bury.handler = table_bury_handler;
    t->bury.data = &t->dummy;
    t->bury.log = log;

    t->shift = 64 - RECORDS_MIN_BITS;

    for (n = RECORDS_MIN; n < max; n *= 2) {
        t->shift--;
    }

    t->buckets = ngx_calloc(n * sizeof(record_t *), log);

    if (t->buckets == NULL
        || RAND_bytes((u_char *) &t->key, sizeof(t->key)) != 1) {
        ngx_free(t->buckets);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
clock_init(clock_of_t *clock, ngx_uint_t max)
{
    ngx_queue_init(&clock->queue);
    clock->n = 0;
    clock->max = max;
}


void
ngx_gatehouse_records_table_clear(table_t *t)
{
    table_drop_all(&t->fetching);
    table_drop_all(&t->present);
    table_drop_all(&t->absent);
    table_bury(t);

    if (t->bury.posted) {
        ngx_delete_posted_event(&t->bury);
    }

    ngx_free(t->buckets);
}


record_t *
ngx_gatehouse_record_find(table_t *t, gh_kind_t kind, uint64_t hash,
                          gh_str_t name)
{
    record_t *r;

    for (r = *table_bucket(t, hash); r != NULL; r = r->next) {

        if (r->hash == hash && r->kind == kind && gh_str_eq(r->name, name)) {
            return r;
        }
    }

    return NULL;
}


/* Multiply-shift by a secret odd number: two hashes that somebody chose fall
 * together no more often than two at random. */

static record_t **
table_bucket(table_t *t, uint64_t hash)
{
    return &t->buckets[((hash ^ t->key.k0) * (t->key.k1 | 1)) >> t->shift];
}


record_t *
ngx_gatehouse_record_add(table_t *t, gh_kind_t kind, uint64_t hash,
                         gh_str_t name)
{
    record_t *r, **bucket;

    r = ngx_alloc(sizeof(record_t) + name.len, t->log);
    if (r == NULL) {
        return NULL;
    }

    ngx_memzero(r, sizeof(record_t));

    r->op = ngx_gatehouse_store_op_create(NGX_GATEHOUSE_STORE_GET, kind, name,
                                          GH_STR(""));
    if (r->op == NULL) {
        ngx_free(r);
        return NULL;
    }

    r->op->data = r;
    r->table = t;
    r->kind = kind;
    r->hash = hash;
    r->name.data = r->bytes;
    r->name.len = name.len;
    ngx_queue_init(&r->waiters);

    if (name.len > 0) {
        ngx_memcpy(r->bytes, name.data, name.len);
    }

    bucket = table_bucket(t, hash);
    r->next = *bucket;
    *bucket = r;

    ngx_queue_insert_tail(&t->fetching.queue, &r->queue);
    t->fetching.n++;

    return r;
}


void
ngx_gatehouse_record_settle(record_t *r, ngx_gatehouse_record_state_e state)
{
    table_t *t = r->table;

    clock_of_t *clock;

    ngx_queue_remove(&r->queue);
    t->fetching.n--;

    r->state = state;
    r->used = 1;
    t->bytes += record_size(r);

    clock = clock_of(r);
    ngx_queue_insert_tail(&clock->queue, &r->queue);
    clock->n++;

    table_evict(t);
}


static clock_of_t *
clock_of(record_t *r)
{
    switch (r->state) {

    case NGX_GATEHOUSE_RECORD_FETCHING:
        return &r->table->fetching;

    case NGX_GATEHOUSE_RECORD_PRESENT:
        return &r->table->present;

    case NGX_GATEHOUSE_RECORD_ABSENT:
    case NGX_GATEHOUSE_RECORD_FAILED:
        break;
    }

    return &r->table->absent;
}


static size_t
record_size(record_t *r)
{
    return sizeof(record_t) + sizeof(ngx_gatehouse_store_op_t)
           + 2 * r->name.len + r->value.len;
}


static void
table_evict(table_t *t)
{
    if (t->absent.n > t->absent.max) {
        table_evict_one(t, &t->absent);
    }

    if (t->present.n > t->present.max) {
        table_evict_one(t, &t->present);
    }

    /* the last one stays: somebody waits for it */

    while (t->bytes > t->max_bytes && t->present.n > 1) {
        table_evict_one(t, &t->present);
    }
}


/* Second chance: what was asked for since the hand last passed stays. */

static void
table_evict_one(table_t *t, clock_of_t *clock)
{
    record_t *r;
    ngx_queue_t *q;

    for (;;) {
        q = ngx_queue_head(&clock->queue);
        r = ngx_queue_data(q, record_t, queue);

        if (!r->used) {
            break;
        }

        r->used = 0;
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&clock->queue, q);
    }

    t->evictions++;
    ngx_gatehouse_record_drop(r);
}


void
ngx_gatehouse_record_drop(record_t *r)
{
    table_t *t = r->table;

    record_t **p;

    for (p = table_bucket(t, r->hash); *p != r; p = &(*p)->next) {
        /* its predecessor */
    }

    *p = r->next;

    ngx_queue_remove(&r->queue);
    clock_of(r)->n--;

    if (r->state != NGX_GATEHOUSE_RECORD_FETCHING) {
        t->bytes -= record_size(r);
    }

    ngx_queue_insert_tail(&t->graves, &r->queue);
    ngx_post_event(&t->bury, &ngx_posted_events);
}


static void
table_bury_handler(ngx_event_t *ev)
{
    ngx_connection_t *dummy = ev->data;

    table_bury(dummy->data);
}


static void
table_bury(table_t *t)
{
    record_t *r;
    ngx_queue_t *q;

    while (!ngx_queue_empty(&t->graves)) {
        q = ngx_queue_head(&t->graves);
        r = ngx_queue_data(q, record_t, queue);
        ngx_queue_remove(q);

        /* one that is under way completes for nobody */

        ngx_gatehouse_store_op_abandon(r->op);
        ngx_free(r);
    }
}


void
ngx_gatehouse_records_table_forget(table_t *t, gh_kind_t kind, uint64_t hash)
{
    record_t *r, *next;

    for (r = *table_bucket(t, hash); r != NULL; r = next) {
        next = r->next;

        if (r->hash != hash || r->kind != kind) {
            continue;
        }

        if (r->state == NGX_GATEHOUSE_RECORD_FETCHING) {
            r->stale = 1;
        } else {
            ngx_gatehouse_record_drop(r);
        }
    }
}


void
ngx_gatehouse_records_table_forget_all(table_t *t)
{
    record_t *r;
    ngx_queue_t *q;

    table_drop_all(&t->present);
    table_drop_all(&t->absent);

    for (q = ngx_queue_head(&t->fetching.queue);
         q != ngx_queue_sentinel(&t->fetching.queue); q = ngx_queue_next(q))
    {
        r = ngx_queue_data(q, record_t, queue);
        r->stale = 1;
    }
}


static void
table_drop_all(clock_of_t *clock)
{
    ngx_queue_t *q;

    while (!ngx_queue_empty(&clock->queue)) {
        q = ngx_queue_head(&clock->queue);
        ngx_gatehouse_record_drop(ngx_queue_data(q, record_t, queue));
    }
}
