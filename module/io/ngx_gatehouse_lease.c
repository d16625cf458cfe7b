/*
 * Leases in a worker. Each counter has three cells in shared memory: the
 * lease (gh_lease.h), what the store said it holds beyond it, and the bucket
 * of this node's own share. One worker asks at a time; askings of one turn
 * of the loop are sent at its end, when it is known how many wait.
 */

#include "ngx_gatehouse_lease.h"

#include "gh_breaker.h"
#include "gh_lease.h"

#include <ngx_event.h>

#define LEASE_LEVEL UINT64_C(0xa5a5a5a5a5a5a5a5) /* cells beside its own */
#define LEASE_SHARE UINT64_C(0x3c3c3c3c3c3c3c3c)

#define LEASE_NAME 40
#define LEASE_GAP_NS UINT64_C(5000000)   /* an empty bucket is not asked */
#define LEASE_POLL 1                     /* ms: somebody else asks */
#define LEASE_ALONE NGX_MAX_UINT32_VALUE /* serial: taken from our share */


/* One asking, of this worker, or of another that somebody here waits for. */
typedef struct {
    ngx_rbtree_node_t node; /* first: key is the hash */
    ngx_queue_t queue;      /* those to be sent */
    ngx_queue_t waiters;
    ngx_gatehouse_leases_t *owner;
    ngx_gatehouse_store_op_t *op;
    ngx_event_t poll;
    uint64_t hash;
    char name[LEASE_NAME];
    size_t name_len;
    gh_limit_t rule;
    uint64_t need, unspent, asked_ns;
    unsigned serial;
    ngx_msec_t deadline, most; /* of this asking, of any */
    unsigned ours : 1;
} lease_ask_t;

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
} lease_step_t;


static gh_rc_t lease_empty(ngx_gatehouse_leases_t *l,
                           const ngx_gatehouse_limit_key_t *key, uint64_t cost,
                           gh_limit_state_t *state,
                           ngx_gatehouse_waiter_t *waiter, unsigned *serial);
static gh_rc_t lease_alone(ngx_gatehouse_leases_t *l,
                           const ngx_gatehouse_limit_key_t *key, uint64_t cost,
                           gh_limit_state_t *state, unsigned *serial);
static gh_rc_t lease_beyond(ngx_gatehouse_leases_t *l,
                            const ngx_gatehouse_limit_key_t *key,
                            uint64_t cost, gh_limit_state_t *state);
static gh_rc_t lease_ask(ngx_gatehouse_leases_t *l,
                         const ngx_gatehouse_limit_key_t *key, uint64_t cost,
                         ngx_gatehouse_waiter_t *waiter);
static gh_rc_t lease_begin(ngx_gatehouse_leases_t *l,
                           const ngx_gatehouse_limit_key_t *key,
                           lease_ask_t **out);
static void lease_wait(lease_ask_t *ask, ngx_gatehouse_waiter_t *waiter);
static lease_ask_t *lease_ask_create(ngx_gatehouse_leases_t *l,
                                     const ngx_gatehouse_limit_key_t *key);
static lease_ask_t *lease_ask_find(ngx_gatehouse_leases_t *l, uint64_t hash);
static void lease_flush(ngx_event_t *ev);
static ngx_int_t lease_send(lease_ask_t *ask);
static void lease_done(ngx_gatehouse_store_op_t *op);
static void lease_answered(lease_ask_t *ask);
static ngx_uint_t lease_grant(lease_ask_t *ask);
static void lease_failed(lease_ask_t *ask);
static void lease_poll(ngx_event_t *ev);
static void lease_finish(lease_ask_t *ask, ngx_uint_t alone);
static void lease_free(lease_ask_t *ask);
static gh_rc_t lease_move(ngx_gatehouse_leases_t *l, uint64_t hash,
                          gh_cells_step_pt step, lease_step_t *data);

static uint64_t lease_take_cell(uint64_t old, void *data, gh_rc_t *rc);
static uint64_t lease_back_cell(uint64_t old, void *data, gh_rc_t *rc);
static uint64_t lease_ask_cell(uint64_t old, void *data, gh_rc_t *rc);
static uint64_t lease_grant_cell(uint64_t old, void *data, gh_rc_t *rc);
static uint64_t lease_fail_cell(uint64_t old, void *data, gh_rc_t *rc);
static uint64_t lease_word_cell(uint64_t old, void *data, gh_rc_t *rc);
static uint64_t lease_rate_cell(uint64_t old, void *data, gh_rc_t *rc);
static uint64_t lease_rate_back_cell(uint64_t old, void *data, gh_rc_t *rc);


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
    l->flush.handler = lease_flush;
    l->flush.data = &l->dummy;
    l->flush.log = cycle->log;
    ngx_queue_init(&l->unsent);
    ngx_rbtree_init(&l->asks, &l->sentinel, ngx_rbtree_insert_value);

    return l;
}


void
ngx_gatehouse_leases_destroy(ngx_gatehouse_leases_t *l)
{
    lease_ask_t *ask;

    if (l->flush.posted) {
        ngx_delete_posted_event(&l->flush);
    }

    while (l->asks.root != &l->sentinel) {
        ask = (lease_ask_t *) l->asks.root;

        if (ask->ours) {
            lease_failed(ask);
        }

        if (ask->op != NULL) {
            ngx_gatehouse_store_op_abandon(ask->op);
            ask->op = NULL;
        }

        lease_free(ask);
    }
}


gh_rc_t
ngx_gatehouse_lease_take(ngx_gatehouse_leases_t *l,
                         const ngx_gatehouse_limit_key_t *key, uint64_t cost,
                         gh_limit_state_t *state,
                         ngx_gatehouse_waiter_t *waiter, unsigned *serial)
{
    gh_rc_t rc;
    lease_step_t step;

    step.now_ns = ngx_gatehouse_monotonic_ns();
    step.cost = cost;

    rc = lease_move(l, key->hash, lease_take_cell, &step);
    if (rc != GH_OK) {
        return rc;
    }

    if (step.taken.verdict == GH_LEASE_EMPTY) {
        return lease_empty(l, key, cost, state, waiter, serial);
    }

    /* whoever was stopped in between decides now, not then */

    if (ngx_gatehouse_monotonic_ns() >= step.taken.ends_ns) {
        return lease_empty(l, key, cost, state, waiter, serial);
    }

    waiter->alone = 0;
    waiter->since = 0;
    *serial = step.taken.serial;

    if (step.taken.verdict == GH_LEASE_LOW) {
        (void) lease_ask(l, key, 0, NULL);
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
            ngx_gatehouse_waiter_t *waiter, unsigned *serial)
{
    gh_rc_t rc;

    if (waiter->alone) {
        waiter->alone = 0;
        waiter->since = 0;
        return lease_alone(l, key, cost, state, serial);
    }

    if (lease_beyond(l, key, cost, state) == GH_DENIED) {
        waiter->since = 0;
        return GH_DENIED;
    }

    rc = lease_ask(l, key, cost, waiter);

    if (rc == GH_UNAVAILABLE) {
        waiter->since = 0;
        return lease_alone(l, key, cost, state, serial);
    }

    return rc;
}


/* By the part of the limit that is this node's when each counts alone. */

static gh_rc_t
lease_alone(ngx_gatehouse_leases_t *l, const ngx_gatehouse_limit_key_t *key,
            uint64_t cost, gh_limit_state_t *state, unsigned *serial)
{
    gh_limit_t share;
    lease_step_t step;

    gh_lease_share(key->rule, l->shm->node.nodes, &share);
    *serial = LEASE_ALONE;

    step.rule = &share;
    step.now_ns = ngx_gatehouse_monotonic_ns();
    step.cost = cost;
    step.state = state;

    ngx_gatehouse_degraded(l->shm, NGX_GATEHOUSE_DEGRADED_LIMITS, 1);
    ngx_gatehouse_counters(l->shm)->degraded[NGX_GATEHOUSE_DEGRADED_LIMITS]++;

    return lease_move(l, key->hash ^ LEASE_SHARE, lease_rate_cell, &step);
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

    cell = gh_cells_get(l->shm->rates, key->hash ^ LEASE_LEVEL);

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
        (void) lease_ask(l, key, cost, NULL);
    }
}


void
ngx_gatehouse_lease_give_back(ngx_gatehouse_leases_t *l,
                              const ngx_gatehouse_limit_key_t *key,
                              uint64_t cost, unsigned serial, uint64_t held_ns)
{
    gh_limit_t share;
    lease_step_t step;

    step.now_ns = ngx_gatehouse_monotonic_ns();
    step.cost = cost;
    step.serial = serial;
    step.held_ns = held_ns;
    step.rule = &share;

    if (serial == LEASE_ALONE) {
        gh_lease_share(key->rule, l->shm->node.nodes, &share);
        (void) lease_move(l, key->hash ^ LEASE_SHARE, lease_rate_back_cell,
                          &step);
        return;
    }

    (void) lease_move(l, key->hash, lease_back_cell, &step);
}


/*
 * GH_AGAIN: somebody asks, and waiter is linked (NULL: nobody waits).
 * GH_UNAVAILABLE: it would be in vain. A store that did not answer is probed
 * now and then, and nobody waits for that.
 */

static gh_rc_t
lease_ask(ngx_gatehouse_leases_t *l, const ngx_gatehouse_limit_key_t *key,
          uint64_t cost, ngx_gatehouse_waiter_t *waiter)
{
    gh_rc_t rc;
    ngx_uint_t open;
    lease_ask_t *ask;

    open = l->breaker.pause_ms != 0;
    ask = lease_ask_find(l, key->hash);

    if (ask == NULL) {

        if (!gh_breaker_admit(&l->breaker, ngx_current_msec)) {
            return GH_UNAVAILABLE;
        }

        rc = lease_begin(l, key, &ask);

        if (rc != GH_OK) {
            return rc;
        }
    }

    ask->need = ngx_min(ask->need + cost, GH_LEASE_NEED_MAX);

    if (open) {
        return GH_UNAVAILABLE;
    }

    if (waiter != NULL) {
        lease_wait(ask, waiter);
    }

    return GH_AGAIN;
}


static gh_rc_t
lease_begin(ngx_gatehouse_leases_t *l, const ngx_gatehouse_limit_key_t *key,
            lease_ask_t **out)
{
    lease_ask_t *ask;
    lease_step_t step;

    step.now_ns = ngx_gatehouse_monotonic_ns();
    ask = lease_ask_create(l, key);

    if (ask == NULL
        || lease_move(l, key->hash, lease_ask_cell, &step) != GH_OK) {
        gh_breaker_done(&l->breaker, false, ngx_current_msec, 0);

        if (ask != NULL) {
            lease_free(ask);
        }

        return GH_NOMEM;
    }

    ask->asked_ns = step.now_ns;
    ask->serial = step.asked.serial;
    ask->unspent = step.asked.unspent;

    if (step.asked.begun) {
        ask->ours = 1;
        ngx_queue_insert_tail(&l->unsent, &ask->queue);
        ngx_post_event(&l->flush, &ngx_posted_events);

    } else {
        /* another worker asks: we look whether it has an answer */
        ngx_add_timer(&ask->poll, LEASE_POLL);
    }

    *out = ask;

    return GH_OK;
}


/* All of its waiting together is bounded, not each. */

static void
lease_wait(lease_ask_t *ask, ngx_gatehouse_waiter_t *waiter)
{
    ngx_msec_t waited;

    if (waiter->since == 0) {
        waiter->since = ngx_max(ngx_current_msec, 1);
    }

    waited = ngx_current_msec - waiter->since;

    ask->deadline = (waited < ask->deadline)
                        ? ngx_min(ask->deadline, ask->most - waited)
                        : 1;

    ngx_gatehouse_waiter_link(&ask->waiters, waiter);
}


static lease_ask_t *
lease_ask_create(ngx_gatehouse_leases_t *l,
                 const ngx_gatehouse_limit_key_t *key)
{
    lease_ask_t *ask;
    gh_buf_t name;
    gh_rc_t rc;

    ask = ngx_calloc(sizeof(lease_ask_t), l->log);
    if (ask == NULL) {
        return NULL;
    }

    name = (gh_buf_t) GH_BUF(ask->name);

    rc = ngx_gatehouse_limit_name(key, 0, &name);

    if (rc != GH_OK) {
        ngx_free(ask);
        return NULL;
    }

    ask->name_len = name.len;
    ask->owner = l;
    ask->hash = key->hash;
    ask->rule = *key->rule;
    ask->most = ngx_gatehouse_store_lease_deadline(l->store);
    ask->deadline = ask->most;
    ask->poll.handler = lease_poll;
    ask->poll.data = &l->dummy;
    ask->poll.log = l->log;
    ngx_queue_init(&ask->waiters);

    ask->node.key = (ngx_rbtree_key_t) key->hash;
    ngx_rbtree_insert(&l->asks, &ask->node);

    return ask;
}


static lease_ask_t *
lease_ask_find(ngx_gatehouse_leases_t *l, uint64_t hash)
{
    ngx_rbtree_node_t *node;

    node = l->asks.root;

    while (node != &l->sentinel && node->key != (ngx_rbtree_key_t) hash) {
        node =
            ((ngx_rbtree_key_t) hash < node->key) ? node->left : node->right;
    }

    return (node != &l->sentinel) ? (lease_ask_t *) node : NULL;
}


/* The end of a turn of the loop: so many wait for each. */

static void
lease_flush(ngx_event_t *ev)
{
    lease_ask_t *ask;
    ngx_connection_t *dummy = ev->data;
    ngx_gatehouse_leases_t *l = dummy->data;

    while (!ngx_queue_empty(&l->unsent)) {
        ask = ngx_queue_data(ngx_queue_head(&l->unsent), lease_ask_t, queue);
        ngx_queue_remove(&ask->queue);

        if (lease_send(ask) != NGX_AGAIN) {
            lease_answered(ask);
        }
    }
}


static ngx_int_t
lease_send(lease_ask_t *ask)
{
    gh_str_t name;
    ngx_gatehouse_store_op_t *op;

    name = (gh_str_t){ ask->name, ask->name_len };
    op = ngx_gatehouse_store_op_create(NGX_GATEHOUSE_STORE_TAKE, GH_KIND_LIMIT,
                                       name, GH_STR(""));
    ask->op = op;

    if (op == NULL) {
        return NGX_ERROR;
    }

    op->leased = 1;
    op->lease.rule = ask->rule;
    op->lease.need = ask->need;
    op->lease.unspent = ask->unspent;
    op->lease.asked_ns = ask->asked_ns;
    op->n = GH_LEASE_NEED_MAX + GH_LEASE_TOKENS;
    op->deadline = ask->deadline;
    op->handler = lease_done;
    op->data = ask;

    return ngx_gatehouse_store_submit(ask->owner->store, op);
}


static void
lease_done(ngx_gatehouse_store_op_t *op)
{
    lease_answered(op->data);
}


/* Whoever is woken may ask again, and must not find this asking. */

static void
lease_answered(lease_ask_t *ask)
{
    ngx_uint_t known, answered;
    ngx_gatehouse_leases_t *l = ask->owner;

    known = (ask->op != NULL && ask->op->rc == GH_OK && lease_grant(ask));

    /* a clock that was set is no reason not to ask */

    answered = known || (ask->op != NULL && ask->op->rc == GH_ABSENT);

    if (!known) {
        lease_failed(ask);
    }

    gh_breaker_done(&l->breaker, answered, ngx_current_msec, ngx_random());

    if (known) {
        ngx_gatehouse_degraded(l->shm, NGX_GATEHOUSE_DEGRADED_LIMITS, 0);
    }

    lease_finish(ask, !known);
}


/* 0: it took so long that others may have given it up and asked anew. */

static ngx_uint_t
lease_grant(lease_ask_t *ask)
{
    lease_step_t step;
    ngx_gatehouse_leases_t *l = ask->owner;

    step.now_ns = ngx_gatehouse_monotonic_ns();
    step.serial = ask->serial;
    step.granted = ask->op->granted;
    step.ends_ns = ask->asked_ns + GH_LEASE_LIFE_NS;

    if (step.now_ns - ask->asked_ns
        > (uint64_t) ask->most * (GH_NS_PER_S / 1000)) {
        return 0;
    }

    if (lease_move(l, ask->hash, lease_grant_cell, &step) != GH_OK
        || !step.used) {
        return 0;
    }

    step.word =
        gh_lease_level(&ask->rule, ask->op->left, step.now_ns, LEASE_GAP_NS);

    (void) lease_move(l, ask->hash ^ LEASE_LEVEL, lease_word_cell, &step);

    return 1;
}


static void
lease_failed(lease_ask_t *ask)
{
    lease_step_t step;

    step.now_ns = ngx_gatehouse_monotonic_ns();
    step.serial = ask->serial;

    (void) lease_move(ask->owner, ask->hash, lease_fail_cell, &step);
}


/*
 * Another worker asks. It may have been stopped or killed: after as long as
 * an asking may take nobody counts on it any more, and its answer is void.
 */

static void
lease_poll(ngx_event_t *ev)
{
    uint64_t now_ns;
    lease_ask_t *ask;
    gh_lease_taken_t taken;
    ngx_gatehouse_leases_t *l;

    ask = (lease_ask_t *) ((u_char *) ev - offsetof(lease_ask_t, poll));
    l = ask->owner;
    now_ns = ngx_gatehouse_monotonic_ns();

    (void) gh_lease_take_step(gh_cells_get(l->shm->rates, ask->hash), now_ns,
                              1, &taken);

    if (!taken.asking || taken.serial != ask->serial) {
        gh_breaker_done(&l->breaker, true, ngx_current_msec, 0);
        lease_finish(ask, 0);
        return;
    }

    if (now_ns - ask->asked_ns
        > ((uint64_t) ask->most + LEASE_POLL) * (GH_NS_PER_S / 1000))
    {
        lease_failed(ask);
        gh_breaker_done(&l->breaker, false, ngx_current_msec, ngx_random());
        lease_finish(ask, 1);
        return;
    }

    ngx_add_timer(&ask->poll, LEASE_POLL);
}


static void
lease_finish(lease_ask_t *ask, ngx_uint_t alone)
{
    ngx_queue_t waiters;
    ngx_gatehouse_waiter_t *waiter;

    ngx_queue_init(&waiters);

    if (!ngx_queue_empty(&ask->waiters)) {
        ngx_queue_add(&waiters, &ask->waiters);
        ngx_queue_init(&ask->waiters);
    }

    lease_free(ask);

    while (!ngx_queue_empty(&waiters)) {
        waiter = ngx_gatehouse_waiter_first(&waiters);
        waiter->alone = alone ? 1 : 0;
        waiter->handler(waiter->data);
    }
}


static void
lease_free(lease_ask_t *ask)
{
    ngx_rbtree_delete(&ask->owner->asks, &ask->node);

    if (ask->poll.timer_set) {
        ngx_del_timer(&ask->poll);
    }

    if (ask->op != NULL) {
        ngx_gatehouse_store_op_destroy(ask->op);
    }

    ngx_free(ask);
}


static gh_rc_t
lease_move(ngx_gatehouse_leases_t *l, uint64_t hash, gh_cells_step_pt step,
           lease_step_t *data)
{
    return gh_cells_move(l->shm->rates, hash, data->now_ns, &l->lock,
                         gh_gcra_idle, step, data);
}


static uint64_t
lease_take_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    lease_step_t *step = data;

    *rc = GH_OK;

    return gh_lease_take_step(old, step->now_ns, step->cost, &step->taken);
}


static uint64_t
lease_back_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    lease_step_t *step = data;

    *rc = GH_OK;

    return gh_lease_give_back_step(old, step->now_ns, step->serial,
                                   step->cost);
}


static uint64_t
lease_ask_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    lease_step_t *step = data;

    *rc = GH_OK;

    return gh_lease_ask_step(old, step->now_ns, &step->asked);
}


static uint64_t
lease_grant_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    lease_step_t *step = data;

    *rc = GH_OK;

    return gh_lease_grant_step(old, step->serial, step->granted, step->ends_ns,
                               &step->used);
}


static uint64_t
lease_fail_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    lease_step_t *step = data;

    *rc = GH_OK;

    return gh_lease_fail_step(old, step->serial);
}


static uint64_t
lease_word_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    lease_step_t *step = data;

    *rc = GH_OK;

    return step->word;
}


static uint64_t
lease_rate_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    lease_step_t *step = data;

    return gh_gcra_step(old, step->rule, step->now_ns, step->cost, step->state,
                        rc);
}


static uint64_t
lease_rate_back_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    lease_step_t *step = data;

    *rc = GH_OK;

    return gh_gcra_give_back_step(old, step->rule, step->cost, step->held_ns);
}
