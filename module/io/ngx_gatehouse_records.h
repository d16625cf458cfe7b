/*
 * The worker's memory of store records: a bounded cache in front of the
 * store's get, absent ones included, kept right by the change log. What was
 * loaded before the store went away is served for at most `stale`; then the
 * answer is "could not ask".
 */

#ifndef NGX_GATEHOUSE_RECORDS_H
#define NGX_GATEHOUSE_RECORDS_H

#include "ngx_gatehouse_store.h"
#include "ngx_gatehouse_waiter.h"


typedef struct ngx_gatehouse_records_s ngx_gatehouse_records_t;

typedef struct {
    ngx_uint_t present, absent; /* records known to be there, or not */
    ngx_uint_t fetching;
    uint64_t hits, fetches, evictions;
    uint64_t stale; /* served although the store had not been heard of */
    size_t bytes;
} ngx_gatehouse_records_state_t;


/* A record's name and its gh_store_name_hash. */
typedef struct {
    gh_str_t text;
    uint64_t hash;
} ngx_gatehouse_name_t;


/*
 * At most max_records that are there, half as many that are not, and 1 KB a
 * record on average. stale in ms. NULL without memory. Destroy it before
 * the store is closed; waiters are not called then.
 */
ngx_gatehouse_records_t *ngx_gatehouse_records_create(
    ngx_cycle_t *cycle, ngx_gatehouse_store_t *store, ngx_uint_t max_records,
    ngx_msec_t stale);
void ngx_gatehouse_records_destroy(ngx_gatehouse_records_t *rec);

/*
 * GH_OK       value is borrowed until the next event of this worker
 * GH_ABSENT   there is none
 * GH_AGAIN    waiter is linked; its handler is called when to ask again
 * GH_UNAVAILABLE  could not ask (and nothing fresh enough is known), or the
 *             record is damaged
 * GH_NOMEM
 *
 * Several askers of one record cause one get. waiter may be NULL: then
 * GH_AGAIN means "being fetched, ask later".
 * *stamp (may be NULL) changes whenever the value may have: for derived
 * caches. Set on GH_OK and GH_ABSENT.
 */
gh_rc_t ngx_gatehouse_records_get(ngx_gatehouse_records_t *rec, gh_kind_t kind,
                                  gh_str_t name, gh_str_t *value,
                                  uint64_t *stamp,
                                  ngx_gatehouse_waiter_t *waiter);

/* The same for who keeps the name's gh_store_name_hash. */
gh_rc_t ngx_gatehouse_records_get_hashed(ngx_gatehouse_records_t *rec,
                                         gh_kind_t kind,
                                         const ngx_gatehouse_name_t *name,
                                         gh_str_t *value, uint64_t *stamp,
                                         ngx_gatehouse_waiter_t *waiter);

/*
 * The same number as long as no key, revocation or suspension can have
 * changed: what records_get said of them before still holds, so that a
 * cache need not ask. 0: ask (the store was not heard of lately, or one of
 * these records ends by itself).
 */
uint64_t ngx_gatehouse_records_version(ngx_gatehouse_records_t *rec);

/* Called after each applied line of the change log, for caches derived from
 * records (weights); line NULL: drop all. */
ngx_int_t ngx_gatehouse_records_subscribe(ngx_gatehouse_records_t *rec,
                                          ngx_gatehouse_store_follow_pt follow,
                                          void *data);

void ngx_gatehouse_records_state(ngx_gatehouse_records_t *rec,
                                 ngx_gatehouse_records_state_t *out);


#endif
