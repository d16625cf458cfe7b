/*
 * The beat of a node in the shared store: which run of the server answers,
 * how many nodes there are, and what time it is there. A server that was
 * started anew may have lost counters, and one whose clock was set must not
 * fill buckets by it.
 */

#include "ngx_gatehouse_store_redis.h"
#include "ngx_gatehouse_shm.h"


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

    redis->words.node.run = run != 0 ? run : NGX_GATEHOUSE_REDIS_RUN_HIDDEN;
    redis->beating = 0;

    if (ngx_gatehouse_store_redis_beat(store, 0, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_gatehouse_store_redis_ask_changes(store, 0, 1);
}


ngx_int_t
ngx_gatehouse_store_redis_beat(ngx_gatehouse_store_t *store, ngx_uint_t again,
                               uint64_t ended)
{
    gh_redis_bytes_t bytes;
    ngx_gatehouse_redis_slot_t *slot;
    ngx_gatehouse_redis_t *redis = store->ctx;

    if (redis->beating) {
        return NGX_OK;
    }

    if (gh_redis_beat_command(&redis->words, store->conf.node->run, ended,
                              &bytes)
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
                   ? ngx_gatehouse_store_redis_beat(store, 1, 0)
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


/*
 * The server looked at its clock between our sending and now: so much is
 * known of how far it is from ours. What lies outside of that has jumped,
 * and begins an epoch. The epoch is there before the clock that belongs to
 * it: no bucket may be filled by the jump.
 */

static void
beat_take(ngx_gatehouse_store_t *store, const gh_redis_beat_t *beat)
{
    int64_t least, most, clock;
    ngx_uint_t jumped;
    ngx_gatehouse_redis_t *redis = store->ctx;
    ngx_gatehouse_node_t *node = store->conf.node;

    least = (int64_t) (beat->now_us - beat_clock_us());
    most = (int64_t) (beat->now_us - redis->beat_us);
    clock = (int64_t) node->clock;

    jumped = clock < least - GH_REDIS_CLOCK_SLACK_US
             || clock > most + GH_REDIS_CLOCK_SLACK_US;

    if (node->run == redis->words.node.run && node->epoch == beat->epoch
        && jumped) {
        (void) ngx_gatehouse_store_redis_beat(store, 0, beat->epoch);
        return;
    }

    clock = ngx_max(least, ngx_min(most, clock));

    node->nodes = (ngx_atomic_uint_t) beat->nodes;
    node->since = (ngx_atomic_uint_t) beat->since_us;
    node->epoch = (ngx_atomic_uint_t) beat->epoch;
    ngx_memory_barrier();
    node->clock = (ngx_atomic_uint_t) clock;
    node->run = (ngx_atomic_uint_t) redis->words.node.run;
}


void
ngx_gatehouse_store_redis_node(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_redis_t *redis = store->ctx;
    ngx_gatehouse_node_t *node = store->conf.node;

    redis->words.node.clock_us = (int64_t) node->clock;
    ngx_memory_barrier();
    redis->words.node.epoch = node->epoch;
    redis->words.node.since_us = node->since;
}


static uint64_t
beat_clock_us(void)
{
    return ngx_gatehouse_monotonic_ns() / 1000;
}
