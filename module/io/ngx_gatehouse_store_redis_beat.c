/*
 * The beat of a node in the shared store: which run of the server answers,
 * how many nodes there are, and what time it is there. A server that was
 * started anew may have lost counters, and a step of its clock is no time.
 */

#include "ngx_gatehouse_store_redis.h"
#include "ngx_gatehouse_shm.h"


static ngx_int_t beat_send(ngx_gatehouse_store_t *store, ngx_uint_t again,
                           uint64_t ended, uint64_t step_us);
static void beat_take(ngx_gatehouse_store_t *store,
                      const gh_redis_beat_t *beat);
static uint64_t beat_clock_us(void);


ngx_int_t
ngx_gatehouse_store_redis_run(ngx_gatehouse_store_t *store,
                              const redisReply *reply)
{
    uint64_t run;
    ngx_gatehouse_redis_t *redis = store->ctx;

    if (gh_redis_run_judge(reply, &run) != GH_REDIS_DONE) {
        return NGX_ERROR;
    }

    run = (run != 0) ? run : NGX_GATEHOUSE_REDIS_RUN_HIDDEN;

    if (run != redis->words.node.run) {
        redis->words.node.epoch = 0; /* and what time it is there */
    }

    redis->words.node.run = run;
    redis->beating = 0;

    if (ngx_gatehouse_store_redis_beat(store) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_gatehouse_store_redis_ask_changes(store, 0, 1);
}


ngx_int_t
ngx_gatehouse_store_redis_beat(ngx_gatehouse_store_t *store)
{
    return beat_send(store, 0, 0, 0);
}


static ngx_int_t
beat_send(ngx_gatehouse_store_t *store, ngx_uint_t again, uint64_t ended,
          uint64_t step_us)
{
    gh_redis_bytes_t bytes;
    ngx_gatehouse_redis_slot_t *slot;
    ngx_gatehouse_redis_t *redis = store->ctx;

    if (redis->beating) {
        return NGX_OK;
    }

    if (gh_redis_beat_command(&redis->words, store->conf.node->run, ended,
                              step_us, &bytes)
        != GH_OK)
    {
        return NGX_ERROR;
    }

    slot = ngx_gatehouse_store_redis_ask(store, NGX_GATEHOUSE_REDIS_BEAT,
                                         &bytes, NULL);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    slot->again = again ? 1 : 0;
    redis->beat_us = beat_clock_us();
    redis->beating = 1;

    return NGX_OK;
}


ngx_int_t
ngx_gatehouse_store_redis_beaten(ngx_gatehouse_store_t *store,
                                 ngx_gatehouse_redis_slot_t *slot,
                                 const redisReply *reply, const char **why)
{
    ngx_uint_t again;
    gh_str_t code;
    gh_redis_beat_t beat;
    gh_redis_verdict_t verdict;
    ngx_gatehouse_redis_t *redis = store->ctx;

    ngx_memzero(&beat, sizeof(gh_redis_beat_t));
    verdict = gh_redis_beat_judge(reply, &beat);
    again = slot->again;
    redis->beating = 0;
    ngx_gatehouse_store_redis_free(store, slot);

    switch (verdict) {

    case GH_REDIS_DONE:
        beat_take(store, &beat);
        return NGX_OK;

    case GH_REDIS_NOSCRIPT:
        if (again) {
            break;
        }

        return ngx_gatehouse_store_redis_load(store) == NGX_OK
                   ? beat_send(store, 1, 0, 0)
                   : NGX_ERROR;

    case GH_REDIS_REPLICA:
        ngx_gatehouse_store_redis_demoted(store);
        return NGX_OK;

    case GH_REDIS_FULL:
    case GH_REDIS_READONLY:
        /* reads go on; leases will not be given, which is said there */
        return NGX_OK;

    default:
        break;
    }

    *why = "answers something else than it was asked";

    if (verdict != GH_REDIS_DOUBT) {
        (void) gh_redis_error(reply, &code);
        *why = gh_redis_error_words(code);
    }

    return NGX_ERROR;
}


/* A step is told at once, and until it is in the epoch nothing else is. */

static void
beat_take(ngx_gatehouse_store_t *store, const gh_redis_beat_t *beat)
{
    uint64_t step_us;
    ngx_gatehouse_redis_t *redis = store->ctx;
    ngx_gatehouse_node_t *node = store->conf.node;

    step_us = gh_redis_beat_step(&redis->words, beat, redis->beat_us,
                                 beat_clock_us());

    if (step_us != 0) {
        (void) beat_send(store, 0, beat->epoch, step_us);
        return;
    }

    node->nodes = (ngx_atomic_uint_t) beat->nodes;
    node->run = (ngx_atomic_uint_t) redis->words.node.run;
}


static uint64_t
beat_clock_us(void)
{
    return ngx_gatehouse_monotonic_ns() / 1000;
}
