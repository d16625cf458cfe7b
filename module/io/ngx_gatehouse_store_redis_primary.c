/*
 * The shared store follows its primary: sentinels say where it is, and what
 * was a primary and is none any more is left. Operations that it refused
 * wait for the next one, each within its own deadline.
 */

#include "ngx_gatehouse_store_redis.h"


static void primary_found(ngx_gatehouse_redis_finder_t *finder);
static void primary_none(ngx_gatehouse_redis_finder_t *finder,
                         const char *why);
static void primary_away(ngx_gatehouse_redis_finder_t *finder,
                         ngx_str_t *where, const char *why);


ngx_int_t
ngx_gatehouse_store_redis_find(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_redis_t *redis = store->ctx;

    redis->finder.conf = redis->conf;
    redis->finder.log = store->log;
    redis->finder.data = store;
    redis->finder.found = primary_found;
    redis->finder.none = primary_none;
    redis->finder.away = primary_away;

    return ngx_gatehouse_redis_find_start(&redis->finder);
}


static void
primary_found(ngx_gatehouse_redis_finder_t *finder)
{
    ngx_gatehouse_store_t *store = finder->data;
    ngx_gatehouse_redis_t *redis = store->ctx;

    ngx_gatehouse_redis_go(&redis->ops, finder->addrs, finder->naddrs);
    ngx_gatehouse_redis_go(&redis->channel, finder->addrs, finder->naddrs);
}


static void
primary_none(ngx_gatehouse_redis_finder_t *finder, const char *why)
{
    ngx_gatehouse_store_t *store = finder->data;
    ngx_gatehouse_redis_t *redis = store->ctx;

    if (redis->ready) {
        return;
    }

    redis->hopeful = 0;
    ngx_gatehouse_store_stands(store, 0, 0,
                               ngx_gatehouse_store_redis_say(store, why));
    ngx_gatehouse_store_redis_fail(store);
}


static void
primary_away(ngx_gatehouse_redis_finder_t *finder, ngx_str_t *where,
             const char *why)
{
    u_char words[300];
    ngx_gatehouse_store_t *store = finder->data;

    ngx_snprintf(words, sizeof(words) - 1, "the sentinel at %V %s%Z", where,
                 why);

    ngx_gatehouse_store_complain(store, NGX_LOG_WARN, (char *) words);
}


/* Not from here: this may be within a reply of the one that is left. */

void
ngx_gatehouse_store_redis_demoted(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_redis_t *redis = store->ctx;

    if (redis->conf->sentinels == NULL || !redis->ready) {
        return;
    }

    redis->ready = 0;
    redis->hopeful = 1;
    redis->draining = 1;
    redis->demoted = 1;
    redis->demoted_at = ngx_current_msec;
}


/*
 * What closes may be back at once; what is silent is not asked twice. All
 * attempts together have the time that one operation has.
 */

ngx_uint_t
ngx_gatehouse_store_redis_hope(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_redis_t *redis = store->ctx;

    if (redis->ready) {
        redis->lost = ngx_gatehouse_store_redis_silent(store) ? 0 : 1;
        redis->lost_at = ngx_current_msec;
    }

    if (redis->ops.moved) {
        redis->lost = 0; /* as long as it takes to find it there, or not */
        return 1;
    }

    if (redis->demoted) {
        return ngx_current_msec - redis->demoted_at < store->conf.deadline;
    }

    return redis->lost && ngx_gatehouse_store_redis_waits(store);
}


ngx_uint_t
ngx_gatehouse_store_redis_waits(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_redis_t *redis = store->ctx;

    return !redis->lost
           || ngx_current_msec - redis->lost_at < store->conf.deadline;
}
