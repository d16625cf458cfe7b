/*
 * Rates that several nodes share: tokens leased from the shared store, spent
 * by all workers of the node without asking. While the store cannot be asked
 * the node decides by its own share of the limit.
 */

#ifndef NGX_GATEHOUSE_LEASE_H
#define NGX_GATEHOUSE_LEASE_H

#include "ngx_gatehouse_quota.h"


typedef struct ngx_gatehouse_leases_s ngx_gatehouse_leases_t;

/* What was taken: when, by the clock that decided, and of which lease. */
typedef struct {
    uint64_t taken_ns; /* monotonic */
    unsigned serial;
} ngx_gatehouse_leased_t;


/* NULL without memory. The store is one that nodes share. */
ngx_gatehouse_leases_t *ngx_gatehouse_leases_create(
    ngx_cycle_t *cycle, ngx_shm_zone_t *zone, ngx_gatehouse_store_t *store);
void ngx_gatehouse_leases_destroy(ngx_gatehouse_leases_t *l);

/*
 * Takes `cost` of a rate. state->remaining is what the node holds and what
 * the store had beyond that when it was last asked.
 *
 * GH_OK      taken: *out says of what
 * GH_DENIED  there is none: state->retry_ns is when there may be
 * GH_AGAIN   waiter is linked: tokens are asked for. It waits no longer than
 *            ngx_gatehouse_store_lease_deadline in all, but for the time in
 *            which this process was stopped
 */
gh_rc_t ngx_gatehouse_lease_take(ngx_gatehouse_leases_t *l,
                                 const ngx_gatehouse_limit_key_t *key,
                                 uint64_t cost, gh_limit_state_t *state,
                                 ngx_gatehouse_waiter_t *waiter,
                                 ngx_gatehouse_leased_t *out);

/* Asks in advance if nothing is held, for a request that will take `cost`
 * when another of its limits has answered. */
void ngx_gatehouse_lease_prepare(ngx_gatehouse_leases_t *l,
                                 const ngx_gatehouse_limit_key_t *key,
                                 uint64_t cost);

/* What was taken, and another limit refused. */
void ngx_gatehouse_lease_give_back(ngx_gatehouse_leases_t *l,
                                   const ngx_gatehouse_limit_key_t *key,
                                   uint64_t cost,
                                   const ngx_gatehouse_leased_t *taken);


#endif
