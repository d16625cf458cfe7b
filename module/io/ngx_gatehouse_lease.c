/*
 * Leases in a worker: taking from what the node holds, from what the store
 * is asked for, or, while it cannot be asked, from the node's own share.
 */

#include "ngx_gatehouse_lease_inside.h"

#define LEASE_SMALL 4 /* a burst of so many a node is a small one */
#define LEASE_ALONE NGX_MAX_UINT32_VALUE /* serial: taken from our share */


static gh_rc_t lease_empty(ngx_gatehouse_leases_t *l,
                           const ngx_gatehouse_limit_key_t *key, uint64_t cost,
                           gh_limit_state_t *state,
                           ngx_gatehouse_waiter_t *waiter,
                           ngx_gatehouse_leased_t *out);
static ngx_uint_t lease_heard(const ngx_gatehouse_leases_t *l,
                              ngx_msec_t since);
static gh_rc_t lease_alone(ngx_gatehouse_leases_t *l,
                           const ngx_gatehouse_limit_key_t *key, uint64_t cost,
                           gh_limit_state_t *state,
                           ngx_gatehouse_leased_t *out);
static uint64_t lease_lacks(ngx_gatehouse_leases_t *l,
                            const ngx_gatehouse_limit_key_t *key,
                            uint64_t cost);
static gh_rc_t lease_beyond(ngx_gatehouse_leases_t *l,
                            const ngx_gatehouse_limit_key_t *key,
                            uint64_t cost, gh_limit_state_t *state);
static void lease_follow(void *data, const gh_store_change_t *line);


ngx_gatehouse_leases_t *
ngx_gatehouse_leases_create(ngx_cycle_t *cycle, ngx_shm_zone_t *zone,
                            ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_leases_t *l;

    l = ngx_pcalloc(cycle->pool, sizeof(ngx_gatehouse_leases_t));
    if (l == NULL) {
        return NULL;
    }

    l->shm = ngx_gatehouse_shm(zone);
    l->lock = ngx_gatehouse_shm_lock(zone);
    l->store = store;
    l->log = cycle->log;
    l->dummy.fd = (ngx_socket_t) -1;
    l->dummy.data = l;
    l->flush.handler = ngx_gatehouse_lease_flush;
    l->flush.data = &l->dummy;
    l->flush.log = cycle->log;
    ngx_queue_init(&l->unsent);
    ngx_rbtree_init(&l->asks, &l->sentinel, ngx_rbtree_insert_value);

    if (ngx_gatehouse_store_subscribe(store, lease_follow, l) != NGX_OK) {
        return NULL;
    }

    return l;
}


void
ngx_gatehouse_leases_destroy(ngx_gatehouse_leases_t *l)
{
    ngx_gatehouse_store_unsubscribe(l->store, lease_follow, l);
    ngx_gatehouse_lease_drop(l);
}


gh_rc_t
ngx_gatehouse_lease_take(ngx_gatehouse_leases_t *l,
                         const ngx_gatehouse_limit_key_t *key, uint64_t cost,
                         gh_limit_state_t *state,
                         ngx_gatehouse_waiter_t *waiter,
                         ngx_gatehouse_leased_t *out)
{
    gh_rc_t rc;
    ngx_gatehouse_lease_step_t step;

    step.now_ns = ngx_gatehouse_monotonic_ns();
    step.cost = cost;

    rc = ngx_gatehouse_lease_move(l, key->hash, ngx_gatehouse_lease_take_cell,
                                  &step);
    if (rc != GH_OK) {
        return rc;
    }

    if (step.taken.verdict == GH_LEASE_EMPTY) {
        return lease_empty(l, key, cost, state, waiter, out);
    }

    out->taken_ns = step.now_ns;
    out->serial = step.taken.serial;

    waiter->alone = 0;
    waiter->since = 0;

    /* of a small burst what is spent counts, and comes back when it is told */

    if (step.taken.verdict == GH_LEASE_LOW
        || (step.taken.left == 0 && !step.taken.asking
            && key->rule->burst < LEASE_SMALL * l->shm->node.nodes))
    {
        (void) ngx_gatehouse_lease_ask(l, key, 0, NULL);
    }

    (void) lease_beyond(l, key, 0, state);
    state->remaining += step.taken.left;

    if (state->remaining > key->rule->burst) {
        state->remaining = key->rule->burst;
    }

    state->retry_ns = 0;

    return GH_OK;
}


static gh_rc_t
lease_empty(ngx_gatehouse_leases_t *l, const ngx_gatehouse_limit_key_t *key,
            uint64_t cost, gh_limit_state_t *state,
            ngx_gatehouse_waiter_t *waiter, ngx_gatehouse_leased_t *out)
{
    gh_rc_t rc;
    ngx_msec_t since;

    since = waiter->since;

    if (lease_beyond(l, key, lease_lacks(l, key, cost), state) == GH_DENIED
        && !waiter->alone)
    {
        waiter->since = 0;
        return GH_DENIED;
    }

    if (waiter->alone
        || (since != 0
            && ngx_current_msec - since + NGX_GATEHOUSE_LEASE_TURN
                   >= ngx_gatehouse_store_lease_deadline(l->store)))
    {
        rc = !waiter->alone && lease_heard(l, since) ? GH_DENIED : GH_OK;
        waiter->alone = 0;
        waiter->since = 0;

        if (rc == GH_DENIED) {
            state->retry_ns = cost * key->rule->interval_ns;
            return GH_DENIED;
        }

        return lease_alone(l, key, cost, state, out);
    }

    rc = ngx_gatehouse_lease_ask(l, key, cost, waiter);

    if (rc == GH_UNAVAILABLE) {
        waiter->since = 0;
        return lease_alone(l, key, cost, state, out);
    }

    return rc;
}


/*
 * The time to wait is over, and the last asking was not in vain: either the
 * store answers, only others took what it gave, or nobody has heard of it.
 */

static ngx_uint_t
lease_heard(const ngx_gatehouse_leases_t *l, ngx_msec_t since)
{
    return l->answered_at != 0
           && (ngx_msec_int_t) (l->answered_at - since) >= 0;
}


/* By the part of the limit that is this node's when each counts alone. */

static gh_rc_t
lease_alone(ngx_gatehouse_leases_t *l, const ngx_gatehouse_limit_key_t *key,
            uint64_t cost, gh_limit_state_t *state,
            ngx_gatehouse_leased_t *out)
{
    gh_limit_t share;
    ngx_gatehouse_lease_step_t step;

    gh_lease_share(key->rule, l->shm->node.nodes, &share);

    step.rule = &share;
    step.now_ns = ngx_gatehouse_monotonic_ns();
    step.cost = cost;
    step.state = state;

    out->serial = LEASE_ALONE;
    out->taken_ns = step.now_ns;

    ngx_gatehouse_degraded(l->shm, NGX_GATEHOUSE_DEGRADED_LIMITS, 1);
    ngx_gatehouse_counters(l->shm)->degraded[NGX_GATEHOUSE_DEGRADED_LIMITS]++;

    return ngx_gatehouse_lease_move(l, key->hash ^ NGX_GATEHOUSE_LEASE_SHARE,
                                    ngx_gatehouse_lease_rate_cell, &step);
}


/* How much of a cost the node does not hold. */

static uint64_t
lease_lacks(ngx_gatehouse_leases_t *l, const ngx_gatehouse_limit_key_t *key,
            uint64_t cost)
{
    uint64_t word;
    gh_lease_taken_t taken;

    word = gh_cells_get(l->shm->rates, key->hash);
    (void) gh_lease_take_step(word, ngx_gatehouse_monotonic_ns(), cost,
                              &taken);

    return (taken.verdict == GH_LEASE_EMPTY) ? cost - taken.left : 0;
}


/*
 * What the store can have at most: what it said it had, and what has come
 * back since. Who asks for more than that would be refused.
 */

static gh_rc_t
lease_beyond(ngx_gatehouse_leases_t *l, const ngx_gatehouse_limit_key_t *key,
             uint64_t cost, gh_limit_state_t *state)
{
    gh_gcra_cell_t cell;

    cell = gh_cells_get(l->shm->rates, key->hash ^ NGX_GATEHOUSE_LEASE_LEVEL);

    return gh_gcra_peek(&cell, key->rule, ngx_gatehouse_monotonic_ns(), cost,
                        state);
}


void
ngx_gatehouse_lease_prepare(ngx_gatehouse_leases_t *l,
                            const ngx_gatehouse_limit_key_t *key,
                            uint64_t cost)
{
    uint64_t word;
    gh_limit_state_t state;
    gh_lease_taken_t taken;

    word = gh_cells_get(l->shm->rates, key->hash);
    (void) gh_lease_take_step(word, ngx_gatehouse_monotonic_ns(), cost,
                              &taken);

    if (taken.verdict == GH_LEASE_EMPTY && !taken.asking
        && lease_beyond(l, key, cost, &state) == GH_OK)
    {
        (void) ngx_gatehouse_lease_ask(l, key, cost, NULL);
    }
}


void
ngx_gatehouse_lease_give_back(ngx_gatehouse_leases_t *l,
                              const ngx_gatehouse_limit_key_t *key,
                              uint64_t cost,
                              const ngx_gatehouse_leased_t *taken)
{
    gh_limit_t share;
    ngx_gatehouse_lease_step_t step;

    step.now_ns = ngx_gatehouse_monotonic_ns();
    step.cost = cost;
    step.serial = taken->serial;
    step.held_ns = step.now_ns - taken->taken_ns;
    step.rule = &share;

    if (taken->serial == LEASE_ALONE) {
        gh_lease_share(key->rule, l->shm->node.nodes, &share);
        (void) ngx_gatehouse_lease_move(
            l, key->hash ^ NGX_GATEHOUSE_LEASE_SHARE,
            ngx_gatehouse_lease_rate_back_cell, &step);
        return;
    }

    (void) ngx_gatehouse_lease_move(l, key->hash,
                                    ngx_gatehouse_lease_back_cell, &step);
}


/* The store is there again, or was lost sight of: it is worth asking. */

static void
lease_follow(void *data, const gh_store_change_t *line)
{
    ngx_gatehouse_leases_t *l = data;

    if (line == NULL && !l->breaker.probing) {
        ngx_memzero(&l->breaker, sizeof(gh_breaker_t));
        ngx_gatehouse_degraded(l->shm, NGX_GATEHOUSE_DEGRADED_LIMITS, 0);
    }
}
