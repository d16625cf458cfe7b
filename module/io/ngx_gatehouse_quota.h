/*
 * Quotas of a node: cells in shared memory spent at once, refilled by
 * reservations that the store hands out in advance. A crash loses what was
 * reserved and not spent; it never gives more than the amount.
 */

#ifndef NGX_GATEHOUSE_QUOTA_H
#define NGX_GATEHOUSE_QUOTA_H

#include "ngx_gatehouse_shm.h"
#include "ngx_gatehouse_store.h"
#include "ngx_gatehouse_waiter.h"


typedef struct ngx_gatehouse_quota_s ngx_gatehouse_quota_t;

/* One counter of one limit, by the names that all nodes know it by. */
typedef struct {
    uint64_t hash; /* of the cell: secret hash of all of them */
    gh_str_t scope, name, service; /* plan, limit; each may be empty */
    gh_str_t subject;              /* who is counted */
    const gh_limit_t *rule;
} ngx_gatehouse_limit_key_t;


ngx_gatehouse_quota_t *ngx_gatehouse_quota_create(
    ngx_cycle_t *cycle, ngx_shm_zone_t *zone, ngx_gatehouse_store_t *store);
void ngx_gatehouse_quota_destroy(ngx_gatehouse_quota_t *q);

/* Its name in the store, in room of 32 characters; GH_TOO_LONG. */
gh_rc_t ngx_gatehouse_limit_name(const ngx_gatehouse_limit_key_t *key,
                                 uint32_t period, gh_buf_t *out);

/*
 * Spends `cost` of the current period. state->remaining is what is left of
 * this node's reservation and, when it was last asked, in the store; reset_ns
 * until the period ends.
 *
 * GH_OK      spent (a refill is started when it runs low)
 * GH_DENIED  the period's amount is used up: retry_ns is its end
 * GH_AGAIN   waiter is linked: a reservation is asked for
 *
 * A store that cannot be asked grants a bounded credit of a tenth of the
 * amount per period and marks the node degraded; beyond it GH_DENIED.
 */
gh_rc_t ngx_gatehouse_quota_take(ngx_gatehouse_quota_t *q,
                                 const ngx_gatehouse_limit_key_t *key,
                                 uint64_t cost, gh_limit_state_t *state,
                                 ngx_gatehouse_waiter_t *waiter);
/* Gives back what was taken at taken_at_s and another limit refused. */
void ngx_gatehouse_quota_give_back(ngx_gatehouse_quota_t *q,
                                   const ngx_gatehouse_limit_key_t *key,
                                   uint64_t cost, int64_t taken_at_s);


#endif
