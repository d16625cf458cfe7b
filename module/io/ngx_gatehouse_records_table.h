/*
 * The table behind the record cache: entries by kind and name, bounds on how
 * many and how much, and a graveyard, because what was borrowed from an
 * entry stays until the event is over. Knows nothing of the store but that an
 * entry owns an operation.
 */

#ifndef NGX_GATEHOUSE_RECORDS_TABLE_H
#define NGX_GATEHOUSE_RECORDS_TABLE_H

#include "ngx_gatehouse_store.h"
#include "gh_bytes.h"


typedef struct ngx_gatehouse_record_s ngx_gatehouse_record_t;
typedef struct ngx_gatehouse_records_table_s ngx_gatehouse_records_table_t;

typedef enum {
    NGX_GATEHOUSE_RECORD_FETCHING = 0,
    NGX_GATEHOUSE_RECORD_PRESENT,
    NGX_GATEHOUSE_RECORD_ABSENT,
    NGX_GATEHOUSE_RECORD_FAILED
} ngx_gatehouse_record_state_e;

struct ngx_gatehouse_record_s {
    ngx_gatehouse_record_t *next; /* in its bucket */
    ngx_queue_t queue;            /* fetching, a clock, or the graveyard */
    ngx_gatehouse_records_table_t *table;

    ngx_gatehouse_record_state_e state;
    unsigned used : 1;  /* since the clock's hand passed */
    unsigned stale : 1; /* invalidated while it was fetched */

    gh_kind_t kind;
    uint64_t hash;  /* gh_store_name_hash */
    gh_str_t name;  /* inside */
    gh_str_t value; /* PRESENT: in op */

    uint64_t stamp;
    int64_t expires_at_s; /* 0: never */
    ngx_msec_t loaded_at; /* or failed */

    ngx_gatehouse_store_op_t *op; /* owned: under way, or holds the value */
    ngx_queue_t waiters;
    char bytes[1];
};

/* Entries, oldest first, and how many there may be. */
typedef struct {
    ngx_queue_t queue;
    ngx_uint_t n, max;
} ngx_gatehouse_records_clock_t;

struct ngx_gatehouse_records_table_s {
    ngx_log_t *log;

    gh_sipkey_t key; /* outsiders choose names */
    ngx_gatehouse_record_t **buckets;
    unsigned shift; /* leaves a bucket's number of 64 bits */

    ngx_gatehouse_records_clock_t present;
    ngx_gatehouse_records_clock_t absent; /* and failed */
    ngx_gatehouse_records_clock_t fetching;
    size_t bytes, max_bytes;
    uint64_t evictions;

    ngx_queue_t graves;
    ngx_event_t bury;
    ngx_connection_t dummy;
};


ngx_int_t ngx_gatehouse_records_table_init(ngx_gatehouse_records_table_t *t,
                                           ngx_uint_t max, ngx_log_t *log);
/* Everything goes, also what is being fetched, and the graves. */
void ngx_gatehouse_records_table_clear(ngx_gatehouse_records_table_t *t);

ngx_gatehouse_record_t *ngx_gatehouse_record_find(
    ngx_gatehouse_records_table_t *t, gh_kind_t kind, uint64_t hash,
    gh_str_t name);
/* FETCHING, with an operation to submit. NULL without memory. */
ngx_gatehouse_record_t *ngx_gatehouse_record_add(
    ngx_gatehouse_records_table_t *t, gh_kind_t kind, uint64_t hash,
    gh_str_t name);
/* No longer FETCHING; may push out others. */
void ngx_gatehouse_record_settle(ngx_gatehouse_record_t *r,
                                 ngx_gatehouse_record_state_e state);
/* Is found no more; freed when the event is over. */
void ngx_gatehouse_record_drop(ngx_gatehouse_record_t *r);

/* A change of that name: known ones are dropped, FETCHING ones are stale. */
void ngx_gatehouse_records_table_forget(ngx_gatehouse_records_table_t *t,
                                        gh_kind_t kind, uint64_t hash);
void ngx_gatehouse_records_table_forget_all(ngx_gatehouse_records_table_t *t);


#endif
