/*
 * Replay memory: of one node, under the slab's mutex, which the master
 * releases for a dead worker; of many, a claim in the store.
 *
 * A shared store keeps a claim by its own clock, and knows for how long it
 * has lost none: what a signer made before that may have been used, and
 * forgotten.
 */

#include "ngx_gatehouse_replay.h"

/* How far the clocks of nodes may be apart. */
#define NGX_GATEHOUSE_REPLAY_APART_S 3
/* Claims outlive what they stand for by this, for a clock that is set. */
#define NGX_GATEHOUSE_REPLAY_SPARE_S 60


static gh_rc_t replay_ask(ngx_gatehouse_store_t *store,
                          ngx_gatehouse_replay_ask_t *ask);
static void replay_answered(ngx_gatehouse_store_op_t *op);
static gh_rc_t replay_judge(ngx_gatehouse_replay_ask_t *ask);


gh_rc_t
ngx_gatehouse_replay_claim(ngx_shm_zone_t *zone, ngx_gatehouse_store_t *store,
                           ngx_gatehouse_replay_ask_t *ask)
{
    gh_lock_t lock;

    if (!ngx_gatehouse_store_shared(store)) {
        lock = ngx_gatehouse_shm_lock(zone);

        return gh_replay_claim(ngx_gatehouse_shm(zone)->replay, &lock,
                               &ask->use, ngx_time());
    }

    if (ask->op == NULL) {
        return replay_ask(store, ask);
    }

    return ask->answered ? replay_judge(ask) : GH_AGAIN;
}


void
ngx_gatehouse_replay_leave(ngx_gatehouse_replay_ask_t *ask)
{
    if (ask->op != NULL) {
        ngx_gatehouse_store_op_abandon(ask->op);
        ask->op = NULL;
    }
}


static gh_rc_t
replay_ask(ngx_gatehouse_store_t *store, ngx_gatehouse_replay_ask_t *ask)
{
    gh_str_t name;
    int64_t left_s, age_s;

    left_s = ask->use.expires_at_s - ngx_time();
    age_s = ngx_time() - ask->use.made_at_s;

    if (left_s <= 0) {
        return GH_UNAVAILABLE;
    }

    name.data = (const char *) ask->use.name;
    name.len = GH_REPLAY_NAME_LEN;

    ask->answered = 0;
    ask->op = ngx_gatehouse_store_op_create(NGX_GATEHOUSE_STORE_CLAIM,
                                            GH_KIND_CLAIM, name, GH_STR(""));
    if (ask->op == NULL) {
        return GH_NOMEM;
    }

    ask->op->once = 1;
    ask->op->ttl_s = left_s + NGX_GATEHOUSE_REPLAY_SPARE_S;
    ask->op->needs_s = age_s + ask->use.ahead_s + NGX_GATEHOUSE_REPLAY_APART_S;
    ask->op->handler = replay_answered;
    ask->op->data = ask;

    return ngx_gatehouse_store_submit(store, ask->op) == NGX_AGAIN
               ? GH_AGAIN
               : replay_judge(ask);
}


static void
replay_answered(ngx_gatehouse_store_op_t *op)
{
    ngx_gatehouse_replay_ask_t *ask = op->data;

    ask->answered = 1;
    ask->handler(ask->data);
}


static gh_rc_t
replay_judge(ngx_gatehouse_replay_ask_t *ask)
{
    gh_rc_t rc;

    rc = ask->op->rc;

    ngx_gatehouse_store_op_destroy(ask->op);
    ask->op = NULL;

    return rc == GH_OK && ask->use.expires_at_s <= ngx_time() ? GH_UNAVAILABLE
                                                              : rc;
}
