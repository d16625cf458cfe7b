/*
 * Asking the store for leases. One worker of a node asks at a time; askings
 * of one turn of the loop are sent at its end, when it is known how many
 * wait.
 */

#include "ngx_gatehouse_lease_inside.h"

#define LEASE_NAME 40
#define LEASE_GAP_NS UINT64_C(5000000) /* an empty bucket is not asked */
#define LEASE_PAUSE 100      /* ms between two probes of a silent store, */
#define LEASE_PAUSE_MAX 2000 /* doubled up to this */
#define LEASE_POLL 1         /* ms: somebody else asks */
#define LEASE_STOPPED 3      /* ms: so late is only who was stopped */


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
    uint64_t need, least, unspent, asked_ns;
    unsigned serial;
    ngx_msec_t deadline, most; /* of this asking, of all waiting */
    ngx_msec_t due, late;      /* poll; what we were stopped for */
    unsigned ours : 1;
    unsigned refused : 1; /* it could not even be asked */
} lease_ask_t;


static void lease_begin(lease_ask_t *ask);
static void lease_unused(ngx_gatehouse_leases_t *l);
static void lease_wait(lease_ask_t *ask, ngx_gatehouse_waiter_t *waiter);
static lease_ask_t *lease_ask_create(ngx_gatehouse_leases_t *l,
                                     const ngx_gatehouse_limit_key_t *key);
static lease_ask_t *lease_ask_find(ngx_gatehouse_leases_t *l, uint64_t hash);
static ngx_int_t lease_send(lease_ask_t *ask);
static void lease_done(ngx_gatehouse_store_op_t *op);
static void lease_answered(lease_ask_t *ask);
static uint64_t lease_age_ms(const lease_ask_t *ask);
static void lease_silent(ngx_gatehouse_leases_t *l);
static ngx_uint_t lease_grant(lease_ask_t *ask);
static void lease_failed(lease_ask_t *ask);
static void lease_poll(ngx_event_t *ev);
static void lease_look(lease_ask_t *ask);
static void lease_finish(lease_ask_t *ask, ngx_uint_t alone);
static void lease_free(lease_ask_t *ask);


/*
 * GH_AGAIN: somebody asks, and waiter is linked (NULL: nobody waits).
 * GH_UNAVAILABLE: it would be in vain. A store that did not answer is probed
 * now and then, and nobody waits for that.
 */

gh_rc_t
ngx_gatehouse_lease_ask(ngx_gatehouse_leases_t *l,
                        const ngx_gatehouse_limit_key_t *key, uint64_t cost,
                        ngx_gatehouse_waiter_t *waiter)
{
    ngx_uint_t open;
    lease_ask_t *ask;

    open = l->breaker.pause_ms != 0;
    ask = lease_ask_find(l, key->hash);

    if (ask == NULL) {

        if (!gh_breaker_admit(&l->breaker, ngx_current_msec)) {
            return GH_UNAVAILABLE;
        }

        ask = lease_ask_create(l, key);

        if (ask == NULL) {
            lease_unused(l);
            return GH_NOMEM;
        }

        ngx_queue_insert_tail(&l->unsent, &ask->queue);
        ngx_post_event(&l->flush, &ngx_posted_events);
    }

    ask->need = ngx_min(ask->need + cost, GH_LEASE_NEED_MAX);

    if (cost != 0 && (ask->least == 0 || cost < ask->least)) {
        ask->least = cost;
    }

    if (open) {
        return GH_UNAVAILABLE;
    }

    if (waiter != NULL) {
        lease_wait(ask, waiter);
    }

    return GH_AGAIN;
}


/*
 * What is unspent is looked at when the turn ends: until then somebody may
 * give back what another of his limits refused.
 */

static void
lease_begin(lease_ask_t *ask)
{
    ngx_gatehouse_lease_step_t step;
    ngx_gatehouse_leases_t *l = ask->owner;

    step.now_ns = ngx_gatehouse_monotonic_ns();

    if (ngx_gatehouse_lease_move(l, ask->hash, ngx_gatehouse_lease_ask_cell,
                                 &step)
        != GH_OK)
    {
        lease_unused(l);
        lease_finish(ask, 1);
        return;
    }

    ask->asked_ns = step.now_ns;
    ask->serial = step.asked.serial;
    ask->unspent = step.asked.unspent;

    if (!step.asked.begun) {
        /* another worker asks: we look whether it has an answer */
        lease_unused(l);
        lease_look(ask);
        return;
    }

    ask->ours = 1;

    if (lease_send(ask) != NGX_AGAIN) {
        ask->refused = 1;
        lease_answered(ask);
    }
}


/* An asking that was admitted and is not made says nothing of the store. */

static void
lease_unused(ngx_gatehouse_leases_t *l)
{
    l->breaker.probing = false;
}


/* All waiting for the store together is bounded, not each. */

static void
lease_wait(lease_ask_t *ask, ngx_gatehouse_waiter_t *waiter)
{
    ngx_msec_t waited;

    if (waiter->since == 0) {
        waiter->since = ngx_max(ngx_current_msec, 1);
    }

    waited = ngx_current_msec - waiter->since;

    if (ask->op == NULL && waited < ask->most) {
        ask->deadline = ngx_min(ask->deadline, ask->most - waited);
    }

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

void
ngx_gatehouse_lease_flush(ngx_event_t *ev)
{
    lease_ask_t *ask;
    ngx_connection_t *dummy = ev->data;
    ngx_gatehouse_leases_t *l = dummy->data;

    while (!ngx_queue_empty(&l->unsent)) {
        ask = ngx_queue_data(ngx_queue_head(&l->unsent), lease_ask_t, queue);
        ngx_queue_remove(&ask->queue);
        lease_begin(ask);
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
    op->lease.least = ask->least;
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


/*
 * Only a store that was silent while we went on counts as away: then this
 * node decides alone. One whose answer is of no use, or lay there while we
 * were stopped, is asked again.
 */

static void
lease_answered(lease_ask_t *ask)
{
    uint64_t age_ms;
    ngx_uint_t answered, alone;
    ngx_gatehouse_leases_t *l = ask->owner;

    alone = 0;
    age_ms = lease_age_ms(ask);

    if (age_ms > ask->deadline) {
        ask->late = (ngx_msec_t) age_ms - ask->deadline;
    }

    /* ABSENT: its clock was set; CONFLICT: another asking came before */

    answered = ask->op != NULL
               && (ask->op->rc == GH_OK || ask->op->rc == GH_ABSENT
                   || ask->op->rc == GH_CONFLICT);

    if (!answered || ask->op->rc != GH_OK || age_ms >= 2 * (uint64_t) ask->most
        || !lease_grant(ask))
    {
        lease_failed(ask);
    }

    if (answered) {
        l->answered_at = ngx_max(ngx_current_msec, 1);
        gh_breaker_done(&l->breaker, true, ngx_current_msec, 0);
        ngx_gatehouse_degraded(l->shm, NGX_GATEHOUSE_DEGRADED_LIMITS, 0);

    } else if (ask->refused || !ask->op->lost || l->breaker.pause_ms != 0) {
        lease_silent(l);
        alone = 1;
    }

    /* otherwise its connection was lost: the store is about to be there
     * again, or says at once that it is not */

    lease_finish(ask, alone);
}


static uint64_t
lease_age_ms(const lease_ask_t *ask)
{
    return (ngx_gatehouse_monotonic_ns() - ask->asked_ns)
           / (GH_NS_PER_S / 1000);
}


/*
 * Every pause is one in which this node counts alone: the first are short,
 * and none is long.
 */

static void
lease_silent(ngx_gatehouse_leases_t *l)
{
    uint64_t before;
    gh_breaker_t *b = &l->breaker;

    before = b->pause_ms;
    gh_breaker_done(b, false, ngx_current_msec, ngx_random());

    if (b->pause_ms == 0) {
        return;
    }

    b->pause_ms =
        before == 0 ? LEASE_PAUSE : ngx_min(b->pause_ms, LEASE_PAUSE_MAX);
    b->open_until_ms = ngx_current_msec + b->pause_ms / 2
                       + (uint64_t) ngx_random() % (b->pause_ms / 2);
}


/* 0: others have given it up and asked anew. */

static ngx_uint_t
lease_grant(lease_ask_t *ask)
{
    uint64_t sent_ns;
    ngx_gatehouse_lease_step_t step;
    ngx_gatehouse_leases_t *l = ask->owner;

    step.now_ns = ngx_gatehouse_monotonic_ns();
    step.serial = ask->serial;
    step.granted = ask->op->granted;
    step.ends_ns = ask->asked_ns + GH_LEASE_LIFE_NS;

    if (ngx_gatehouse_lease_move(l, ask->hash, ngx_gatehouse_lease_grant_cell,
                                 &step)
            != GH_OK
        || !step.used)
    {
        return 0;
    }

    /* so much was left when it was sent */

    sent_ns = ask->op->lease.sent_ns;
    step.word = gh_lease_level(&ask->rule, ask->op->left, sent_ns,
                               step.now_ns - sent_ns + LEASE_GAP_NS);

    (void) ngx_gatehouse_lease_move(l, ask->hash ^ NGX_GATEHOUSE_LEASE_LEVEL,
                                    ngx_gatehouse_lease_word_cell, &step);

    return 1;
}


static void
lease_failed(lease_ask_t *ask)
{
    ngx_gatehouse_lease_step_t step;

    step.now_ns = ngx_gatehouse_monotonic_ns();
    step.serial = ask->serial;

    (void) ngx_gatehouse_lease_move(ask->owner, ask->hash,
                                    ngx_gatehouse_lease_fail_cell, &step);
}


/*
 * Another worker asks. It may have been stopped or killed: after half of the
 * time nobody counts on it any more, and we ask.
 */

static void
lease_poll(ngx_event_t *ev)
{
    lease_ask_t *ask;
    gh_lease_taken_t taken;
    ngx_gatehouse_leases_t *l;

    ask = (lease_ask_t *) ((u_char *) ev - offsetof(lease_ask_t, poll));
    l = ask->owner;

    if (ngx_current_msec - ask->due > LEASE_STOPPED) {
        ask->late += ngx_current_msec - ask->due;
    }

    (void) gh_lease_take_step(gh_cells_get(l->shm->rates, ask->hash),
                              ngx_gatehouse_monotonic_ns(), 1, &taken);

    if (!taken.asking || taken.serial != ask->serial) {
        lease_finish(ask, 0);
        return;
    }

    if (lease_age_ms(ask) > ask->most / 2) {
        lease_failed(ask);
        lease_finish(ask, 0);
        return;
    }

    lease_look(ask);
}


static void
lease_look(lease_ask_t *ask)
{
    ask->due = ngx_current_msec + LEASE_POLL;
    ngx_add_timer(&ask->poll, LEASE_POLL);
}


/*
 * Whoever is woken takes, or asks with what is left of his time, and must not
 * find this asking. The time in which we did not go on is nobody's.
 */

static void
lease_finish(lease_ask_t *ask, ngx_uint_t alone)
{
    ngx_msec_t late;
    ngx_queue_t waiters;
    ngx_gatehouse_waiter_t *waiter;

    ngx_queue_init(&waiters);

    if (!ngx_queue_empty(&ask->waiters)) {
        ngx_queue_add(&waiters, &ask->waiters);
        ngx_queue_init(&ask->waiters);
    }

    late = ask->late;
    lease_free(ask);

    while (!ngx_queue_empty(&waiters)) {
        waiter = ngx_gatehouse_waiter_first(&waiters);
        waiter->alone = alone ? 1 : 0;
        waiter->since += ngx_min(late, ngx_current_msec - waiter->since);
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


void
ngx_gatehouse_lease_drop(ngx_gatehouse_leases_t *l)
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
