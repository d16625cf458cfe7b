/*
 * Quotas of a node. A cell in shared memory holds what is left of the node's
 * reservation for the current period; the store hands out reservations. One
 * reservation per cell and worker is asked for at a time; everybody who needs
 * it waits for it.
 */

#include "ngx_gatehouse_quota.h"

#include "gh_traffic.h"

#include <ngx_event.h>

#define NGX_GATEHOUSE_QUOTA_NAME 128

/* Cells beside a quota's own: what the store has left, and that a credit was
 * given. */
#define NGX_GATEHOUSE_QUOTA_LEFT UINT64_C(0x5a5a5a5a5a5a5a5a)
#define NGX_GATEHOUSE_QUOTA_CREDIT UINT64_MAX


/* One reservation under way. */
typedef struct {
    ngx_queue_t queue;
    ngx_queue_t waiters;
    ngx_gatehouse_quota_t *owner;
    ngx_gatehouse_store_op_t *op;
    uint64_t hash;
    uint32_t period;
    gh_limit_t rule;
    uint64_t asked;
    unsigned denied : 1; /* the store is away and the credit is spent */
    unsigned told : 1;   /* it said what is left */
} ngx_gatehouse_quota_ask_t;

struct ngx_gatehouse_quota_s {
    ngx_shm_zone_t *zone;
    ngx_gatehouse_shm_t *shm;
    ngx_gatehouse_store_t *store;
    ngx_queue_t asks;
    gh_lock_t lock;
    ngx_log_t *log;
};

/* What a step needs and says. */
typedef struct {
    const gh_limit_t *rule;
    uint32_t period;
    uint64_t cost, granted, left;
    gh_quota_verdict_t verdict;
} ngx_gatehouse_quota_step_t;


static gh_rc_t ngx_gatehouse_quota_ask(ngx_gatehouse_quota_t *q,
                                       const ngx_gatehouse_limit_key_t *key,
                                       uint32_t period, uint64_t lacks,
                                       ngx_gatehouse_waiter_t *waiter);
static void ngx_gatehouse_quota_done(ngx_gatehouse_store_op_t *op);
static void ngx_gatehouse_quota_settle(ngx_gatehouse_quota_ask_t *ask,
                                       ngx_gatehouse_store_op_t *op);
static void ngx_gatehouse_quota_finish(ngx_gatehouse_quota_ask_t *ask);
static ngx_gatehouse_quota_ask_t *ngx_gatehouse_quota_find(
    ngx_gatehouse_quota_t *q, uint64_t hash);
static void ngx_gatehouse_quota_grant(ngx_gatehouse_quota_t *q, uint64_t hash,
                                      uint32_t period, uint64_t granted);
static uint64_t ngx_gatehouse_quota_take_cell(uint64_t old, void *data,
                                              gh_rc_t *rc);
static uint64_t ngx_gatehouse_quota_grant_cell(uint64_t old, void *data,
                                               gh_rc_t *rc);
static uint64_t ngx_gatehouse_quota_credit_cell(uint64_t old, void *data,
                                                gh_rc_t *rc);
static void ngx_gatehouse_quota_note(ngx_gatehouse_quota_ask_t *ask,
                                     uint64_t left);
static uint64_t ngx_gatehouse_quota_note_cell(uint64_t old, void *data,
                                              gh_rc_t *rc);
static uint64_t ngx_gatehouse_quota_noted(ngx_gatehouse_quota_t *q,
                                          const ngx_gatehouse_limit_key_t *key,
                                          uint32_t period);
static uint64_t ngx_gatehouse_quota_credit(ngx_gatehouse_quota_ask_t *ask);
static uint64_t ngx_gatehouse_quota_now(void);


ngx_gatehouse_quota_t *
ngx_gatehouse_quota_create(ngx_cycle_t *cycle, ngx_shm_zone_t *zone,
                           ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_quota_t *q;

    q = ngx_pcalloc(cycle->pool, sizeof(ngx_gatehouse_quota_t));
    if (q == NULL) {
        return NULL;
    }

    q->zone = zone;
    q->shm = ngx_gatehouse_shm(zone);
    q->lock = ngx_gatehouse_shm_lock(zone);
    q->store = store;
    q->log = cycle->log;
    ngx_queue_init(&q->asks);

    return q;
}


void
ngx_gatehouse_quota_destroy(ngx_gatehouse_quota_t *q)
{
    ngx_queue_t *item;
    ngx_gatehouse_quota_ask_t *ask;

    while (!ngx_queue_empty(&q->asks)) {
        item = ngx_queue_head(&q->asks);
        ask = ngx_queue_data(item, ngx_gatehouse_quota_ask_t, queue);

        ngx_gatehouse_store_op_abandon(ask->op);
        ngx_queue_remove(item);
        ngx_free(ask);
    }
}


gh_rc_t
ngx_gatehouse_quota_take(ngx_gatehouse_quota_t *q,
                         const ngx_gatehouse_limit_key_t *key, uint64_t cost,
                         gh_limit_state_t *state,
                         ngx_gatehouse_waiter_t *waiter)
{
    int64_t left_s;
    gh_rc_t rc;
    uint64_t lacks, noted;
    ngx_uint_t tries, told;
    ngx_gatehouse_quota_step_t step;

    if (waiter->denied) {
        waiter->denied = 0;
        state->remaining = 0;
        state->reset_ns = GH_NS_PER_S;
        state->retry_ns = GH_NS_PER_S;
        return GH_DENIED;
    }

    told = waiter->told;
    waiter->told = 0;

    /* what no period ever admits is not taken from this one */

    step.rule = key->rule;
    step.cost = (cost > key->rule->amount) ? 0 : cost;
    step.period = gh_period_number(key->rule->period, ngx_time());

    for (tries = 0; tries < 3; tries++) {

        rc = gh_cells_move(q->shm->quotas, key->hash,
                           ngx_gatehouse_quota_now(), &q->lock, gh_quota_idle,
                           ngx_gatehouse_quota_take_cell, &step);
        if (rc != GH_OK) {
            return rc;
        }

        left_s = gh_period_end(key->rule->period, step.period) - ngx_time();

        noted = ngx_gatehouse_quota_noted(q, key, step.period);

        state->remaining = step.left + noted;
        state->reset_ns = (uint64_t) (left_s > 0 ? left_s : 0) * GH_NS_PER_S;
        state->retry_ns = 0;

        if (cost > key->rule->amount) {
            state->retry_ns = UINT64_MAX;
            return GH_DENIED;
        }

        switch (step.verdict) {

        case GH_QUOTA_TAKEN:
            return GH_OK;

        case GH_QUOTA_LOW:
            /* the next reservation is asked for while this one lasts; of a
             * small quota that would be its last requests, and other workers
             * would find it used up before they are spent */

            if (gh_quota_reservation(key->rule) > 1) {
                (void) ngx_gatehouse_quota_ask(q, key, step.period, 0, NULL);
            }

            return GH_OK;

        case GH_QUOTA_EXHAUSTED:
            state->retry_ns = state->reset_ns;
            return GH_DENIED;

        case GH_QUOTA_EMPTY:
            break;
        }

        lacks = cost - step.left;

        if (told && lacks > noted) {
            break; /* it stays there for those whom it is enough for */
        }

        rc = ngx_gatehouse_quota_ask(q, key, step.period, lacks, waiter);

        if (rc != GH_OK) {
            return rc;
        }
    }

    state->retry_ns = state->reset_ns;

    return GH_DENIED;
}


void
ngx_gatehouse_quota_give_back(ngx_gatehouse_quota_t *q,
                              const ngx_gatehouse_limit_key_t *key,
                              uint64_t cost, int64_t taken_at_s)
{
    ngx_gatehouse_quota_grant(
        q, key->hash, gh_period_number(key->rule->period, taken_at_s), cost);
}


gh_rc_t
ngx_gatehouse_limit_name(const ngx_gatehouse_limit_key_t *key, uint32_t period,
                         gh_buf_t *out)
{
    size_t i;
    char room[3 * GH_NAME_MAX + 2];
    gh_buf_t limit = GH_BUF(room);

    const gh_str_t parts[] = { key->scope, key->name, key->service };

    for (i = 0; i < 3; i++) {
        if ((i > 0 && gh_buf_add_char(&limit, '/') != GH_OK)
            || gh_buf_add(&limit, parts[i]) != GH_OK)
        {
            return GH_TOO_LONG;
        }
    }

    return gh_store_quota_name(gh_buf_str(&limit), key->subject, period, out);
}


/* GH_OK: look at the cell again. GH_AGAIN: the waiter is linked. */

static gh_rc_t
ngx_gatehouse_quota_ask(ngx_gatehouse_quota_t *q,
                        const ngx_gatehouse_limit_key_t *key, uint32_t period,
                        uint64_t lacks, ngx_gatehouse_waiter_t *waiter)
{
    char room[NGX_GATEHOUSE_QUOTA_NAME];
    gh_buf_t name = GH_BUF(room);
    ngx_int_t rc;
    ngx_gatehouse_store_op_t *op;
    ngx_gatehouse_quota_ask_t *ask;

    ask = ngx_gatehouse_quota_find(q, key->hash);

    if (ask == NULL) {

        if (ngx_gatehouse_limit_name(key, period, &name) != GH_OK) {
            return GH_NOMEM;
        }

        op = ngx_gatehouse_store_op_create(NGX_GATEHOUSE_STORE_TAKE,
                                           GH_KIND_QUOTA, gh_buf_str(&name),
                                           GH_STR(""));
        ask = ngx_calloc(sizeof(ngx_gatehouse_quota_ask_t), q->log);

        if (op == NULL || ask == NULL) {
            if (op != NULL) {
                ngx_gatehouse_store_op_destroy(op);
            }

            ngx_free(ask);
            return GH_NOMEM;
        }

        ask->owner = q;
        ask->op = op;
        ask->hash = key->hash;
        ask->period = period;
        ask->rule = *key->rule;
        ask->asked = ngx_max(gh_quota_reservation(key->rule), lacks);
        ngx_queue_init(&ask->waiters);

        op->n = ask->asked;
        op->least = lacks;
        op->limit = key->rule->amount;
        op->ttl_s =
            gh_period_end(key->rule->period, period) - ngx_time() + 86400;
        op->handler = ngx_gatehouse_quota_done;
        op->data = ask;

        ngx_queue_insert_tail(&q->asks, &ask->queue);

        rc = ngx_gatehouse_store_submit(q->store, op);

        if (rc != NGX_AGAIN) {
            ngx_gatehouse_quota_settle(ask, op);
            ngx_gatehouse_quota_finish(ask);
            return GH_OK;
        }
    }

    if (waiter == NULL) {
        return GH_OK;
    }

    ngx_gatehouse_waiter_link(&ask->waiters, waiter);

    return GH_AGAIN;
}


static void
ngx_gatehouse_quota_done(ngx_gatehouse_store_op_t *op)
{
    ngx_gatehouse_quota_ask_t *ask = op->data;
    ngx_gatehouse_waiter_t *waiter;

    ngx_gatehouse_quota_settle(ask, op);

    /* a waiter that asks again must not find this one */

    ngx_queue_remove(&ask->queue);

    while (!ngx_queue_empty(&ask->waiters)) {
        waiter = ngx_gatehouse_waiter_first(&ask->waiters);
        waiter->denied = ask->denied;
        waiter->told = ask->told;
        waiter->handler(waiter->data);
    }

    ngx_gatehouse_store_op_destroy(op);
    ngx_free(ask);
}


/*
 * What the store said becomes the cell's. A store that could not be asked
 * grants one bounded credit a period, so that limits neither stop an API nor
 * stop counting.
 */

static void
ngx_gatehouse_quota_settle(ngx_gatehouse_quota_ask_t *ask,
                           ngx_gatehouse_store_op_t *op)
{
    uint64_t credit;
    ngx_gatehouse_quota_t *q;

    q = ask->owner;

    if (op->rc == GH_OK || op->rc == GH_DENIED) {
        ngx_gatehouse_degraded(q->shm, NGX_GATEHOUSE_DEGRADED_LIMITS, 0);
        ngx_gatehouse_quota_note(ask, op->left);
        ask->told = 1;

        /* nothing marks the quota as used up: not while something is left,
         * too little for who asked */

        if (op->granted != 0 || op->left == 0) {
            ngx_gatehouse_quota_grant(q, ask->hash, ask->period, op->granted);
        }

        return;
    }

    ngx_gatehouse_degraded(q->shm, NGX_GATEHOUSE_DEGRADED_LIMITS, 1);
    ngx_gatehouse_counters(q->shm)->degraded[NGX_GATEHOUSE_DEGRADED_LIMITS]++;

    /* what is left there is not to be had now */
    ngx_gatehouse_quota_note(ask, 0);

    credit = ngx_gatehouse_quota_credit(ask);

    if (credit != 0) {
        ngx_gatehouse_quota_grant(q, ask->hash, ask->period, credit);

    } else {
        /* not marked as used up: the store may come back */
        ask->denied = 1;
    }
}


static void
ngx_gatehouse_quota_finish(ngx_gatehouse_quota_ask_t *ask)
{
    ngx_queue_remove(&ask->queue);
    ngx_gatehouse_store_op_destroy(ask->op);
    ngx_free(ask);
}


static ngx_gatehouse_quota_ask_t *
ngx_gatehouse_quota_find(ngx_gatehouse_quota_t *q, uint64_t hash)
{
    ngx_queue_t *item;
    ngx_gatehouse_quota_ask_t *ask;

    for (item = ngx_queue_head(&q->asks); item != ngx_queue_sentinel(&q->asks);
         item = ngx_queue_next(item))
    {

        ask = ngx_queue_data(item, ngx_gatehouse_quota_ask_t, queue);

        if (ask->hash == hash) {
            return ask;
        }
    }

    return NULL;
}


static void
ngx_gatehouse_quota_grant(ngx_gatehouse_quota_t *q, uint64_t hash,
                          uint32_t period, uint64_t granted)
{
    gh_rc_t rc;
    ngx_gatehouse_quota_step_t step;

    step.period = period;
    step.granted = granted;

    rc = gh_cells_move(q->shm->quotas, hash, ngx_gatehouse_quota_now(),
                       &q->lock, gh_quota_idle, ngx_gatehouse_quota_grant_cell,
                       &step);
    (void) rc;
}


static uint64_t
ngx_gatehouse_quota_take_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    ngx_gatehouse_quota_step_t *step = data;

    *rc = GH_OK;

    return gh_quota_take_step(old, step->rule, step->period, step->cost,
                              &step->verdict, &step->left);
}


static uint64_t
ngx_gatehouse_quota_grant_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    ngx_gatehouse_quota_step_t *step = data;

    *rc = GH_OK;

    return gh_quota_grant_step(old, step->period, step->granted);
}


/*
 * What callers are told is left: the reservation and what the store had
 * beyond it when it was last asked.
 */

static void
ngx_gatehouse_quota_note(ngx_gatehouse_quota_ask_t *ask, uint64_t left)
{
    gh_rc_t rc;
    ngx_gatehouse_quota_t *q;
    ngx_gatehouse_quota_step_t step;

    q = ask->owner;

    step.period = ask->period;
    step.granted = left;

    rc = gh_cells_move(q->shm->quotas, ask->hash ^ NGX_GATEHOUSE_QUOTA_LEFT,
                       ngx_gatehouse_quota_now(), &q->lock, gh_quota_idle,
                       ngx_gatehouse_quota_note_cell, &step);
    (void) rc;
}


static uint64_t
ngx_gatehouse_quota_note_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    ngx_gatehouse_quota_step_t *step = data;

    *rc = GH_OK;

    return gh_quota_grant_step(0, step->period, step->granted);
}


static uint64_t
ngx_gatehouse_quota_noted(ngx_gatehouse_quota_t *q,
                          const ngx_gatehouse_limit_key_t *key,
                          uint32_t period)
{
    uint64_t left, word;
    gh_quota_verdict_t verdict;

    word = gh_cells_get(q->shm->quotas, key->hash ^ NGX_GATEHOUSE_QUOTA_LEFT);

    (void) gh_quota_take_step(word, key->rule, period, 0, &verdict, &left);

    return left;
}


/*
 * A tenth of the amount, once a period and node: a cell beside the quota's
 * own remembers that it was given.
 */

static uint64_t
ngx_gatehouse_quota_credit(ngx_gatehouse_quota_ask_t *ask)
{
    uint64_t hash;
    ngx_gatehouse_quota_t *q;
    ngx_gatehouse_quota_step_t step;

    q = ask->owner;
    hash = ask->hash ^ NGX_GATEHOUSE_QUOTA_CREDIT;

    step.rule = &ask->rule;
    step.period = ask->period;

    if (gh_cells_move(q->shm->quotas, hash, ngx_gatehouse_quota_now(),
                      &q->lock, gh_quota_idle, ngx_gatehouse_quota_credit_cell,
                      &step)
        != GH_OK)
    {
        return 0;
    }

    return ask->rule.amount / 10 + 1;
}


static uint64_t
ngx_gatehouse_quota_credit_cell(uint64_t old, void *data, gh_rc_t *rc)
{
    uint64_t left;
    gh_quota_verdict_t verdict;
    ngx_gatehouse_quota_step_t *step = data;

    (void) gh_quota_take_step(old, step->rule, step->period, 1, &verdict,
                              &left);

    if (verdict == GH_QUOTA_EXHAUSTED) {
        *rc = GH_DENIED;
        return old;
    }

    *rc = GH_OK;

    return gh_quota_grant_step(old, step->period, 0);
}


static uint64_t
ngx_gatehouse_quota_now(void)
{
    return (uint64_t) ngx_time() * GH_NS_PER_S;
}
