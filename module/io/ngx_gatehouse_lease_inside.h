/*
 * What the files of leases share. Each counter has three cells in shared
 * memory: the lease (gh_lease.h), what the store said it holds beyond it,
 * and the bucket of this node's own share.
 */

#ifndef NGX_GATEHOUSE_LEASE_INSIDE_H
#define NGX_GATEHOUSE_LEASE_INSIDE_H

#include "ngx_gatehouse_lease.h"

#include "gh_breaker.h"
#include "gh_lease.h"

#include <ngx_event.h>

#define NGX_GATEHOUSE_LEASE_LEVEL UINT64_C(0xa5a5a5a5a5a5a5a5)
#define NGX_GATEHOUSE_LEASE_SHARE UINT64_C(0x3c3c3c3c3c3c3c3c)
#define NGX_GATEHOUSE_LEASE_TURN 2 /* ms: timers go by the loop's turns */


struct ngx_gatehouse_leases_s {
    ngx_gatehouse_shm_t *shm;
    ngx_gatehouse_store_t *store;
    gh_lock_t lock;
    ngx_log_t *log;
    ngx_rbtree_t asks;
    ngx_rbtree_node_t sentinel;
    ngx_queue_t unsent;
    ngx_event_t flush;
    gh_breaker_t breaker;
    ngx_msec_t answered_at; /* the store, anything; 0: not yet */
    ngx_connection_t dummy;
};

/* What a step needs and says. */
typedef struct {
    const gh_limit_t *rule;
    uint64_t now_ns, cost, granted, ends_ns, held_ns, word;
    unsigned serial;
    bool used;
    gh_limit_state_t *state;
    gh_lease_taken_t taken;
    gh_lease_asked_t asked;
} ngx_gatehouse_lease_step_t;


/*
 * GH_AGAIN: somebody asks, and waiter is linked (NULL: nobody waits).
 * GH_UNAVAILABLE: it would be in vain. A store that did not answer is probed
 * now and then, and nobody waits for that.
 */
gh_rc_t ngx_gatehouse_lease_ask(ngx_gatehouse_leases_t *l,
                                const ngx_gatehouse_limit_key_t *key,
                                uint64_t cost, ngx_gatehouse_waiter_t *waiter);
/* The end of a turn of the loop: so many wait for each. */
void ngx_gatehouse_lease_flush(ngx_event_t *ev);
/* All askings of this worker end; nobody is woken. */
void ngx_gatehouse_lease_drop(ngx_gatehouse_leases_t *l);

/* One step of a cell in shared memory; data->now_ns is set. */
gh_rc_t ngx_gatehouse_lease_move(ngx_gatehouse_leases_t *l, uint64_t hash,
                                 gh_cells_step_pt step,
                                 ngx_gatehouse_lease_step_t *data);
uint64_t ngx_gatehouse_lease_take_cell(uint64_t old, void *data, gh_rc_t *rc);
uint64_t ngx_gatehouse_lease_back_cell(uint64_t old, void *data, gh_rc_t *rc);
uint64_t ngx_gatehouse_lease_ask_cell(uint64_t old, void *data, gh_rc_t *rc);
uint64_t ngx_gatehouse_lease_grant_cell(uint64_t old, void *data, gh_rc_t *rc);
uint64_t ngx_gatehouse_lease_fail_cell(uint64_t old, void *data, gh_rc_t *rc);
uint64_t ngx_gatehouse_lease_word_cell(uint64_t old, void *data, gh_rc_t *rc);
uint64_t ngx_gatehouse_lease_rate_cell(uint64_t old, void *data, gh_rc_t *rc);
uint64_t ngx_gatehouse_lease_rate_back_cell(uint64_t old, void *data,
                                            gh_rc_t *rc);


#endif
