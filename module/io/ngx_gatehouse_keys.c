/*
 * Asking for an issuer's keys. A worker parses the node's text when its
 * version moves; who needs a set that is not there waits for the attempt that
 * is under way, whichever worker makes it.
 */

#include "ngx_gatehouse_keys_inner.h"
#include "ngx_gatehouse_event.h"

#define KEYS_TICK_MS 1000
#define KEYS_POLL_MS 20 /* for the end of another worker's attempt */


static void keys_init_issuer(ngx_gatehouse_keys_t *keys,
                             ngx_gatehouse_keys_issuer_t *issuer,
                             ngx_gatehouse_keys_source_t *source);
static void keys_check_ca(const ngx_gatehouse_keys_t *keys,
                          ngx_gatehouse_keys_source_t *source);
static void keys_tick(ngx_event_t *ev);
static ngx_gatehouse_keys_issuer_t *keys_issuer(
    ngx_gatehouse_keys_t *keys, const ngx_gatehouse_keys_source_t *source);
static void keys_attach(ngx_gatehouse_keys_issuer_t *issuer);
static ngx_uint_t keys_usable(ngx_gatehouse_keys_issuer_t *issuer);
static void keys_sync(ngx_gatehouse_keys_issuer_t *issuer);
static void keys_sync_metadata(ngx_gatehouse_keys_issuer_t *issuer);
static gh_rc_t keys_wait(ngx_gatehouse_keys_issuer_t *issuer,
                         ngx_gatehouse_waiter_t *waiter);
static void keys_poll(ngx_event_t *ev);
static void keys_woken(ngx_event_t *ev);
static void keys_close_issuer(ngx_gatehouse_keys_issuer_t *issuer);


ngx_gatehouse_keys_t *
ngx_gatehouse_keys_open(ngx_cycle_t *cycle, ngx_shm_zone_t *zone,
                        ngx_gatehouse_store_t *store,
                        ngx_gatehouse_fetcher_t *fetcher, ngx_array_t *sources)
{
    ngx_uint_t i;
    ngx_gatehouse_keys_t *keys;
    ngx_gatehouse_keys_source_t **source = sources->elts;

    keys = ngx_pcalloc(cycle->pool, sizeof(ngx_gatehouse_keys_t));
    if (keys == NULL) {
        return NULL;
    }

    keys->cycle = cycle;
    keys->log = cycle->log;
    keys->zone = zone;
    keys->shm = ngx_gatehouse_shm(zone);
    keys->store = store;
    keys->fetcher = fetcher;

    keys->issuers =
        ngx_pcalloc(cycle->pool, (sources->nelts + 1)
                                     * sizeof(ngx_gatehouse_keys_issuer_t));
    if (keys->issuers == NULL) {
        return NULL;
    }

    for (i = 0; i < sources->nelts; i++) {
        if (source[i]->fixed == NULL) {
            keys_check_ca(keys, source[i]);
            keys_init_issuer(keys, &keys->issuers[keys->n++], source[i]);
        }
    }

    if (keys->n > 0) {
        ngx_gatehouse_event_init(&keys->tick, &keys->dummy, keys, keys_tick,
                                 keys->log);
        keys->tick.cancelable = 1;
        ngx_add_timer(&keys->tick, 1);
    }

    return keys;
}


static void
keys_init_issuer(ngx_gatehouse_keys_t *keys,
                 ngx_gatehouse_keys_issuer_t *issuer,
                 ngx_gatehouse_keys_source_t *source)
{
    issuer->keys = keys;
    issuer->source = source;
    issuer->rules.refresh_ms = (int64_t) source->refresh;
    issuer->rules.min_interval_ms = (int64_t) source->min_interval;
    issuer->rules.stale_max_ms = (int64_t) source->stale_max;

    ngx_queue_init(&issuer->waiters);
    ngx_gatehouse_event_init(&issuer->wake, &issuer->dummy, issuer, keys_woken,
                             keys->log);
    ngx_gatehouse_event_init(&issuer->poll, &issuer->dummy, issuer, keys_poll,
                             keys->log);

    issuer->id = ngx_gatehouse_keys_slot_id(keys->shm, source);
    issuer->slot = ngx_gatehouse_keys_slot(keys->zone, issuer->id);

    if (issuer->slot == NULL) {
        ngx_log_error(NGX_LOG_ERR, keys->log, 0,
                      "gatehouse: shared memory has no room for the keys of "
                      "issuer \"%V\"; raise gatehouse_memory",
                      &source->name);
    }

    ngx_gatehouse_keys_restore(issuer);
}


/* nginx -t and the master read it as root; each call is made by a worker. */

static void
keys_check_ca(const ngx_gatehouse_keys_t *keys,
              ngx_gatehouse_keys_source_t *source)
{
    if (ngx_worker != 0 || source->ca_file.len == 0
        || access((char *) source->ca_file.data, R_OK) == 0)
    {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, keys->log, ngx_errno,
                  "gatehouse: the workers cannot read the "
                  "ssl_trusted_certificate \"%V\" of issuer \"%V\", and no "
                  "call of it will succeed; let their user read the file and "
                  "enter its directories (chmod o+r and o+x, or by a group)",
                  &source->ca_file, &source->name);
}


void
ngx_gatehouse_keys_close(ngx_gatehouse_keys_t *keys)
{
    ngx_uint_t i;

    if (keys == NULL) {
        return;
    }

    if (keys->tick.timer_set) {
        ngx_del_timer(&keys->tick);
    }

    for (i = 0; i < keys->n; i++) {
        keys_close_issuer(&keys->issuers[i]);
    }

    keys->n = 0;
}


static void
keys_close_issuer(ngx_gatehouse_keys_issuer_t *issuer)
{
    ngx_gatehouse_keys_fetch_cancel(issuer);
    ngx_gatehouse_keys_restore_cancel(issuer);

    while (!ngx_queue_empty(&issuer->waiters)) {
        (void) ngx_gatehouse_waiter_first(&issuer->waiters);
    }

    if (issuer->poll.timer_set) {
        ngx_del_timer(&issuer->poll);
    }

    if (issuer->wake.posted) {
        ngx_delete_posted_event(&issuer->wake);
    }

    gh_jwks_destroy(issuer->set);
    issuer->set = NULL;

    if (issuer->provider_version != 0) {
        gh_provider_clear(&issuer->provider);
        issuer->provider_version = 0;
    }
}


/* Whoever comes first asks for what is due. */

static void
keys_tick(ngx_event_t *ev)
{
    ngx_uint_t i;
    ngx_gatehouse_keys_t *keys = ngx_gatehouse_event_data(ev);
    ngx_gatehouse_keys_issuer_t *issuer;

    if (ngx_exiting) {
        return;
    }

    for (i = 0; i < keys->n; i++) {
        issuer = &keys->issuers[i];

        keys_attach(issuer);
        ngx_gatehouse_keys_restore(issuer);
        (void) ngx_gatehouse_keys_fetch(issuer, NGX_GATEHOUSE_KEYS_DUE);
    }

    ngx_add_timer(ev, KEYS_TICK_MS);
}


/* Says that the slot is in use; an attempt keeps the one it began with. */

static void
keys_attach(ngx_gatehouse_keys_issuer_t *issuer)
{
    if (issuer->fetch == NULL) {
        issuer->slot = ngx_gatehouse_keys_slot(issuer->keys->zone, issuer->id);
    }
}


gh_rc_t
ngx_gatehouse_keys_get(ngx_gatehouse_keys_t *keys,
                       ngx_gatehouse_keys_source_t *source, gh_jwks_t **set,
                       uint64_t *version, ngx_gatehouse_waiter_t *waiter)
{
    ngx_int_t rc;
    ngx_gatehouse_keys_issuer_t *issuer;

    if (source->fixed != NULL) {
        *set = source->fixed;
        *version = 1;
        return GH_OK;
    }

    issuer = keys_issuer(keys, source);

    if (issuer == NULL) {
        return GH_UNAVAILABLE;
    }

    if (!keys_usable(issuer)) {
        rc = ngx_gatehouse_keys_fetch(issuer, NGX_GATEHOUSE_KEYS_DUE);

        if (rc == NGX_OK || rc == NGX_BUSY) {
            return keys_wait(issuer, waiter);
        }

        /* an attempt may have ended just now */
        if (!keys_usable(issuer)) {
            return GH_UNAVAILABLE;
        }
    }

    *set = issuer->set;
    *version = issuer->version;

    return GH_OK;
}


gh_rc_t
ngx_gatehouse_keys_metadata(ngx_gatehouse_keys_t *keys,
                            ngx_gatehouse_keys_source_t *source,
                            const gh_provider_t **provider,
                            ngx_gatehouse_waiter_t *waiter)
{
    ngx_int_t rc;
    ngx_gatehouse_keys_issuer_t *issuer;

    issuer = keys_issuer(keys, source);

    if (issuer == NULL || issuer->slot == NULL) {
        return GH_UNAVAILABLE;
    }

    keys_sync_metadata(issuer);

    if (issuer->provider_version == 0) {
        rc = ngx_gatehouse_keys_fetch(issuer, NGX_GATEHOUSE_KEYS_DUE);

        if (rc == NGX_OK || rc == NGX_BUSY) {
            return keys_wait(issuer, waiter);
        }

        keys_sync_metadata(issuer);

        if (issuer->provider_version == 0) {
            return GH_UNAVAILABLE;
        }
    }

    *provider = &issuer->provider;

    return GH_OK;
}


static void
keys_sync_metadata(ngx_gatehouse_keys_issuer_t *issuer)
{
    gh_rc_t rc;
    gh_str_t text;
    uint64_t version;
    const char *why;
    gh_provider_t provider;

    if (issuer->slot->metadata.version == issuer->provider_version) {
        return;
    }

    rc = ngx_gatehouse_keys_slot_copy(issuer, &issuer->slot->metadata, &text,
                                      &version);

    if (rc == GH_CONFLICT) {
        keys_attach(issuer);
    }

    if (rc != GH_OK) {
        return;
    }

    rc = gh_provider_parse(text, issuer->source->metadata, &provider, &why);
    ngx_free((void *) (uintptr_t) text.data);

    if (rc != GH_OK) {
        return;
    }

    if (issuer->provider_version != 0) {
        gh_provider_clear(&issuer->provider);
    }

    issuer->provider = provider;
    issuer->provider_version = version;
}


static ngx_gatehouse_keys_issuer_t *
keys_issuer(ngx_gatehouse_keys_t *keys,
            const ngx_gatehouse_keys_source_t *source)
{
    ngx_uint_t i;

    for (i = 0; i < keys->n; i++) {
        if (keys->issuers[i].source == source) {
            return &keys->issuers[i];
        }
    }

    return NULL;
}


static ngx_uint_t
keys_usable(ngx_gatehouse_keys_issuer_t *issuer)
{
    if (issuer->slot != NULL && issuer->slot->set.version != issuer->version) {
        keys_sync(issuer);
    }

    return issuer->slot != NULL && issuer->set != NULL
           && gh_refresh_is_usable(&issuer->slot->refresh, &issuer->rules,
                                   ngx_gatehouse_keys_now_ms());
}


/* What cannot be parsed now (no memory) is tried again; the old set stays. */

static void
keys_sync(ngx_gatehouse_keys_issuer_t *issuer)
{
    gh_rc_t rc;
    gh_str_t text;
    uint64_t version;
    gh_jwks_t *set;

    rc = ngx_gatehouse_keys_slot_copy(issuer, &issuer->slot->set, &text,
                                      &version);

    if (rc == GH_CONFLICT) {
        keys_attach(issuer);
    }

    if (rc != GH_OK) {
        return;
    }

    rc = gh_jwks_parse(text, gh_alloc_libc(), &set, NULL);
    ngx_free((void *) (uintptr_t) text.data);

    if (rc == GH_OK) {
        gh_jwks_destroy(issuer->set);
        issuer->set = set;
        issuer->version = version;
    }
}


gh_rc_t
ngx_gatehouse_keys_unknown_kid(ngx_gatehouse_keys_t *keys,
                               ngx_gatehouse_keys_source_t *source,
                               ngx_gatehouse_waiter_t *waiter)
{
    ngx_int_t rc;
    ngx_gatehouse_keys_issuer_t *issuer;

    issuer = (source->fixed == NULL) ? keys_issuer(keys, source) : NULL;

    if (issuer == NULL || issuer->slot == NULL) {
        return GH_DENIED;
    }

    if (issuer->slot->set.version != issuer->version) {
        /* what was looked at is not the newest set */
        (void) keys_wait(issuer, waiter);
        ngx_gatehouse_keys_wake(issuer);
        return GH_AGAIN;
    }

    rc = ngx_gatehouse_keys_fetch(issuer, NGX_GATEHOUSE_KEYS_ASKED);

    return (rc == NGX_OK || rc == NGX_BUSY) ? keys_wait(issuer, waiter)
                                            : GH_DENIED;
}


/*
 * The poll's timer holds an exiting worker: requests wait for it. It ends
 * with the attempt, which has a deadline.
 */

static gh_rc_t
keys_wait(ngx_gatehouse_keys_issuer_t *issuer, ngx_gatehouse_waiter_t *waiter)
{
    if (waiter == NULL) {
        return GH_AGAIN;
    }

    if (ngx_queue_empty(&issuer->waiters)) {
        issuer->ended = issuer->slot->ended;
    }

    ngx_gatehouse_waiter_link(&issuer->waiters, waiter);

    if (!issuer->poll.timer_set) {
        ngx_add_timer(&issuer->poll, KEYS_POLL_MS);
    }

    return GH_AGAIN;
}


/* Ends when the attempt has ended, or its maker has. */

static void
keys_poll(ngx_event_t *ev)
{
    ngx_gatehouse_keys_issuer_t *issuer = ngx_gatehouse_event_data(ev);

    if (ngx_queue_empty(&issuer->waiters)) {
        return;
    }

    if (issuer->slot == NULL || issuer->slot->ended != issuer->ended
        || !ngx_gatehouse_claimed(&issuer->slot->claim))
    {
        ngx_gatehouse_keys_wake(issuer);
        return;
    }

    ngx_add_timer(ev, KEYS_POLL_MS);
}


void
ngx_gatehouse_keys_wake(ngx_gatehouse_keys_issuer_t *issuer)
{
    if (!ngx_queue_empty(&issuer->waiters)) {
        ngx_post_event(&issuer->wake, &ngx_posted_events);
    }
}


/* Those who wait again while they are called are not called twice. */

static void
keys_woken(ngx_event_t *ev)
{
    ngx_queue_t woken;
    ngx_gatehouse_keys_issuer_t *issuer = ngx_gatehouse_event_data(ev);
    ngx_gatehouse_waiter_t *waiter;

    if (ngx_queue_empty(&issuer->waiters)) {
        return;
    }

    ngx_queue_init(&woken);
    ngx_queue_add(&woken, &issuer->waiters);
    ngx_queue_init(&issuer->waiters);

    while (!ngx_queue_empty(&woken)) {
        waiter = ngx_gatehouse_waiter_first(&woken);
        waiter->handler(waiter->data);
    }
}


void
ngx_gatehouse_keys_state(ngx_gatehouse_keys_t *keys,
                         ngx_gatehouse_keys_source_t *source,
                         ngx_gatehouse_keys_state_t *out)
{
    ngx_gatehouse_keys_slot_t *slot;
    ngx_gatehouse_keys_issuer_t *issuer;

    ngx_memzero(out, sizeof(ngx_gatehouse_keys_state_t));

    if (source->fixed != NULL) {
        out->keys = gh_jwks_count(source->fixed);
        return;
    }

    issuer = keys_issuer(keys, source);
    slot = (issuer != NULL) ? issuer->slot : NULL;

    if (slot == NULL) {
        out->stale = 1;
        (void) ngx_cpystrn((u_char *) out->why,
                           (u_char *) "no room in shared memory",
                           sizeof(out->why));
        return;
    }

    ngx_gatehouse_keys_slot_lock(keys->zone);

    out->fetched_at_s = slot->fetched_at_s;
    out->keys = slot->keys;
    out->fetches = slot->fetches;
    out->failures = slot->failures;
    out->stale = gh_refresh_is_failing(&slot->refresh);
    out->metadata = (slot->metadata.len != 0);
    ngx_memcpy(out->why, slot->why, sizeof(out->why));

    ngx_gatehouse_keys_slot_unlock(keys->zone);
}
