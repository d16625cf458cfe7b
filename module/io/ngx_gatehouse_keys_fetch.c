/*
 * One attempt to get an issuer's keys: claim it for the node, ask for the
 * discovery document unless jwks_uri is configured, ask for the set, and
 * publish it. A set without one usable key, or an answer that is no set,
 * changes nothing.
 */

#include "ngx_gatehouse_keys_inner.h"

#include "gh_discovery.h"
#include "gh_provider.h"

/* Two calls, and time to spare; the holder's death ends it at once. */
#define FETCH_CLAIM_MS (2 * NGX_GATEHOUSE_FETCH_TOTAL_MS + 2000)


static ngx_uint_t fetch_is_here(const ngx_gatehouse_keys_issuer_t *issuer);
static ngx_uint_t fetch_is_lost(const ngx_gatehouse_keys_slot_t *slot);
static ngx_uint_t fetch_may(const ngx_gatehouse_keys_issuer_t *issuer,
                            ngx_gatehouse_keys_cause_e cause, int64_t now);
static ngx_int_t fetch_begin(ngx_gatehouse_keys_issuer_t *issuer,
                             ngx_gatehouse_keys_cause_e cause);
static ngx_int_t fetch_call(ngx_gatehouse_keys_issuer_t *issuer, gh_str_t url,
                            size_t max_bytes);
static ngx_gatehouse_fetch_t *fetch_create(
    const ngx_gatehouse_keys_issuer_t *issuer, gh_str_t url);
static ngx_int_t fetch_discovery(ngx_gatehouse_keys_issuer_t *issuer);
static void fetch_done(ngx_gatehouse_fetch_t *f);
static ngx_int_t fetch_discovered(ngx_gatehouse_keys_issuer_t *issuer,
                                  const ngx_gatehouse_fetch_t *f);
static gh_rc_t fetch_read(ngx_gatehouse_keys_issuer_t *issuer,
                          const ngx_gatehouse_fetch_t *f, gh_buf_t *uri,
                          const char **why);
static ngx_int_t fetch_set(ngx_gatehouse_keys_issuer_t *issuer,
                           const ngx_gatehouse_fetch_t *f);
static ngx_int_t fetch_publish(ngx_gatehouse_keys_issuer_t *issuer,
                               gh_str_t text, uint64_t keys);
static ngx_int_t fetch_fail(ngx_gatehouse_keys_issuer_t *issuer,
                            const char *what, const char *why);
static void fetch_end(ngx_gatehouse_keys_issuer_t *issuer);
static void fetch_degraded(ngx_gatehouse_keys_t *keys);
static gh_str_t fetch_str(const ngx_str_t *s);


ngx_int_t
ngx_gatehouse_keys_fetch(ngx_gatehouse_keys_issuer_t *issuer,
                         ngx_gatehouse_keys_cause_e cause)
{
    ngx_int_t rc;

    if (issuer->slot == NULL) {
        return NGX_DECLINED;
    }

    if (fetch_is_here(issuer)) {
        return NGX_BUSY;
    }

    /* without a lock, and looked at again under it */
    if (!fetch_is_lost(issuer->slot)
        && !fetch_may(issuer, cause, ngx_gatehouse_keys_now_ms()))
    {
        return ngx_gatehouse_claimed(&issuer->slot->claim) ? NGX_BUSY
                                                           : NGX_DECLINED;
    }

    if (ngx_gatehouse_claim(&issuer->slot->claim, FETCH_CLAIM_MS) != NGX_OK) {
        return NGX_BUSY;
    }

    rc = fetch_begin(issuer, cause);
    if (rc != NGX_OK) {
        ngx_gatehouse_claim_release(&issuer->slot->claim);
        return rc;
    }

    if (issuer->source->jwks_uri.len > 0 && issuer->source->metadata == NULL) {
        issuer->discovering = 0;
        return fetch_call(issuer, fetch_str(&issuer->source->jwks_uri),
                          GH_JWKS_BYTES_MAX);
    }

    return fetch_discovery(issuer);
}


/* A claim does not keep its own holder out; two blocks may share a slot. */

static ngx_uint_t
fetch_is_here(const ngx_gatehouse_keys_issuer_t *issuer)
{
    ngx_uint_t i;
    const ngx_gatehouse_keys_t *keys = issuer->keys;

    for (i = 0; i < keys->n; i++) {
        if (keys->issuers[i].slot == issuer->slot
            && keys->issuers[i].fetch != NULL) {
            return 1;
        }
    }

    return 0;
}


/* Who makes an attempt says that it has ended before it lets the claim go. */

static ngx_uint_t
fetch_is_lost(const ngx_gatehouse_keys_slot_t *slot)
{
    return slot->refresh.under_way && !ngx_gatehouse_claimed(&slot->claim);
}


static ngx_uint_t
fetch_may(const ngx_gatehouse_keys_issuer_t *issuer,
          ngx_gatehouse_keys_cause_e cause, int64_t now)
{
    const gh_refresh_t *refresh = &issuer->slot->refresh;

    return (cause == NGX_GATEHOUSE_KEYS_ASKED)
               ? gh_refresh_may_ask(refresh, &issuer->rules, now)
               : gh_refresh_is_due(refresh, now);
}


/* Another worker may have been faster. */

static ngx_int_t
fetch_begin(ngx_gatehouse_keys_issuer_t *issuer,
            ngx_gatehouse_keys_cause_e cause)
{
    ngx_uint_t may;
    int64_t now = ngx_gatehouse_keys_now_ms();

    ngx_gatehouse_keys_slot_lock(issuer->keys->zone);

    /* with the claim in hand, an attempt under way has no maker any more */
    if (issuer->slot->id == issuer->id) {
        gh_refresh_lapse(&issuer->slot->refresh);
    }

    may = issuer->slot->id == issuer->id && fetch_may(issuer, cause, now);

    if (may) {
        if (cause == NGX_GATEHOUSE_KEYS_ASKED) {
            gh_refresh_begin_outside(&issuer->slot->refresh, now);

        } else {
            gh_refresh_begin(&issuer->slot->refresh, now);
        }

        issuer->slot->fetches++;
    }

    ngx_gatehouse_keys_slot_unlock(issuer->keys->zone);

    return may ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
fetch_discovery(ngx_gatehouse_keys_issuer_t *issuer)
{
    char room[GH_URL_MAX + 64];
    gh_buf_t url = GH_BUF(room);

    issuer->discovering = 1;

    if (gh_url_discovery(fetch_str(&issuer->source->issuer), &url) != GH_OK) {
        return fetch_fail(issuer, "discovery", "the issuer is too long");
    }

    return fetch_call(issuer, gh_buf_str(&url), GH_DISCOVERY_BYTES_MAX);
}


static ngx_int_t
fetch_call(ngx_gatehouse_keys_issuer_t *issuer, gh_str_t url, size_t max_bytes)
{
    char why[GH_CALL_WHY_MAX];
    ngx_gatehouse_fetch_t *f;

    f = fetch_create(issuer, url);
    if (f == NULL) {
        return fetch_fail(issuer, "call", "no memory");
    }

    f->max_bytes = max_bytes;

    if (ngx_gatehouse_fetch_start(issuer->keys->fetcher, f) != NGX_OK) {
        ngx_memcpy(why, f->why, sizeof(why));
        ngx_gatehouse_fetch_destroy(f);
        return fetch_fail(issuer, "call", why);
    }

    issuer->fetch = f;

    return NGX_OK;
}


static ngx_gatehouse_fetch_t *
fetch_create(const ngx_gatehouse_keys_issuer_t *issuer, gh_str_t url)
{
    const ngx_str_t *ca_file = &issuer->source->ca_file;
    const ngx_str_t *base;
    ngx_gatehouse_fetch_t *f;

    f = ngx_gatehouse_fetch_create(url);
    if (f == NULL) {
        return NULL;
    }

    f->accept = ngx_gatehouse_fetch_text(GH_STR("application/json"));

    if (ca_file->len > 0) {
        f->ca_file = ngx_gatehouse_fetch_text(fetch_str(ca_file));
    }

    if (f->accept == NULL || (ca_file->len > 0 && f->ca_file == NULL)) {
        ngx_gatehouse_fetch_destroy(f);
        return NULL;
    }

    /* http only where the configuration itself says http */
    base = (issuer->source->jwks_uri.len > 0 && !issuer->discovering)
               ? &issuer->source->jwks_uri
               : &issuer->source->issuer;

    f->allow_loopback_http = gh_str_starts(fetch_str(base), GH_STR("http:"));
    f->handler = fetch_done;
    f->data = (void *) (uintptr_t) issuer;

    return f;
}


static void
fetch_done(ngx_gatehouse_fetch_t *f)
{
    ngx_gatehouse_keys_issuer_t *issuer = f->data;

    issuer->fetch = NULL;

    if (issuer->discovering) {
        (void) fetch_discovered(issuer, f);
    } else {
        (void) fetch_set(issuer, f);
    }

    ngx_gatehouse_fetch_destroy(f);
}


/*
 * A provider that does not answer is asked where its keys were the last time;
 * one that answers wrongly is not.
 */

static ngx_int_t
fetch_discovered(ngx_gatehouse_keys_issuer_t *issuer,
                 const ngx_gatehouse_fetch_t *f)
{
    char room[GH_URL_MAX + 1];
    gh_buf_t uri = GH_BUF(room);
    const char *why = "";
    ngx_shm_zone_t *zone = issuer->keys->zone;
    ngx_gatehouse_keys_slot_t *slot = issuer->slot;

    if (f->rc == GH_OK && f->status == 200) {
        if (fetch_read(issuer, f, &uri, &why) != GH_OK) {
            return fetch_fail(issuer, "the discovery document", why);
        }
    }

    ngx_gatehouse_keys_slot_lock(zone);

    if (uri.len == 0) {
        (void) gh_buf_add(&uri, gh_str(slot->uri));

    } else if (slot->id == issuer->id && uri.len < sizeof(slot->uri)) {
        ngx_memcpy(slot->uri, room, uri.len);
        slot->uri[uri.len] = '\0';
    }

    ngx_gatehouse_keys_slot_unlock(zone);

    if (uri.len == 0) {
        return fetch_fail(issuer, "the discovery document",
                          (f->rc == GH_OK) ? "its status is not 200" : f->why);
    }

    issuer->discovering = 0;

    return fetch_call(issuer, gh_buf_str(&uri), GH_JWKS_BYTES_MAX);
}


/* Where the keys are; of a provider, all that it says is published. */

static gh_rc_t
fetch_read(ngx_gatehouse_keys_issuer_t *issuer, const ngx_gatehouse_fetch_t *f,
           gh_buf_t *uri, const char **why)
{
    gh_rc_t rc;
    gh_str_t document = { f->body, f->body_len };
    gh_provider_t provider;
    ngx_gatehouse_keys_slot_t *slot = issuer->slot;
    const ngx_gatehouse_keys_source_t *source = issuer->source;

    if (source->metadata == NULL) {
        return gh_discovery_keys(document, fetch_str(&source->issuer),
                                 f->allow_loopback_http, uri, why);
    }

    rc = gh_provider_parse(document, source->metadata, &provider, why);
    if (rc != GH_OK) {
        return rc;
    }

    rc = gh_buf_add(uri, (source->jwks_uri.len > 0)
                             ? fetch_str(&source->jwks_uri)
                             : provider.jwks_uri);
    gh_provider_clear(&provider);

    if (rc != GH_OK) {
        return rc;
    }

    ngx_gatehouse_keys_slot_lock(issuer->keys->zone);

    rc = GH_CONFLICT;

    if (slot->id == issuer->id) {
        rc = ngx_gatehouse_keys_slot_put(issuer->keys->zone, &slot->metadata,
                                         document);
    }

    ngx_gatehouse_keys_slot_unlock(issuer->keys->zone);

    if (rc != GH_OK) {
        *why = "shared memory has no room for it; raise gatehouse_memory";
        return rc;
    }

    ngx_gatehouse_keys_keep(issuer, GH_KIND_METADATA, document,
                            (int64_t) ngx_time());

    return GH_OK;
}


static ngx_int_t
fetch_set(ngx_gatehouse_keys_issuer_t *issuer, const ngx_gatehouse_fetch_t *f)
{
    gh_rc_t rc;
    gh_str_t text = { f->body, f->body_len };
    uint64_t count;
    gh_jwks_t *set;

    if (f->rc != GH_OK) {
        return fetch_fail(issuer, "the key set", f->why);
    }

    if (f->status != 200) {
        return fetch_fail(issuer, "the key set", "its status is not 200");
    }

    rc = gh_jwks_parse(text, gh_alloc_libc(), &set, NULL);

    if (rc != GH_OK) {
        return fetch_fail(issuer, "the key set",
                          (rc == GH_ABSENT)     ? "it has no key that could "
                                                  "verify a token"
                          : (rc == GH_TOO_LONG) ? "it is too long"
                          : (rc == GH_NOMEM)    ? "no memory"
                                                : "it is not a key set");
    }

    count = gh_jwks_count(set);
    gh_jwks_destroy(set);

    return fetch_publish(issuer, text, count);
}


static ngx_int_t
fetch_publish(ngx_gatehouse_keys_issuer_t *issuer, gh_str_t text,
              uint64_t keys)
{
    gh_rc_t rc = GH_CONFLICT;
    int64_t now_s = (int64_t) ngx_time();
    ngx_uint_t level = NGX_LOG_INFO;
    ngx_gatehouse_keys_slot_t *slot = issuer->slot;

    ngx_gatehouse_keys_slot_lock(issuer->keys->zone);

    if (slot->id == issuer->id) {
        rc = ngx_gatehouse_keys_slot_put(issuer->keys->zone, &slot->set, text);
    }

    if (rc == GH_OK) {
        if (gh_refresh_is_failing(&slot->refresh)) {
            level = NGX_LOG_NOTICE;
        }

        gh_refresh_succeed(&slot->refresh, &issuer->rules,
                           ngx_gatehouse_keys_now_ms(),
                           (uint64_t) ngx_random());
        slot->fetched_at_s = now_s;
        slot->keys = keys;
    }

    ngx_gatehouse_keys_slot_unlock(issuer->keys->zone);

    if (rc != GH_OK) {
        return fetch_fail(issuer, "the key set",
                          "shared memory has no room for it; raise "
                          "gatehouse_memory");
    }

    ngx_log_error(level, issuer->keys->log, 0,
                  "gatehouse: %uL keys of issuer \"%V\" fetched", keys,
                  &issuer->source->name);

    ngx_gatehouse_keys_keep(issuer, GH_KIND_KEYS, text, now_s);
    fetch_end(issuer);

    return NGX_OK;
}


/* Loud the first time, then a line per attempt for those who look closer. */

static ngx_int_t
fetch_fail(ngx_gatehouse_keys_issuer_t *issuer, const char *what,
           const char *why)
{
    ngx_uint_t level = NGX_LOG_INFO, have = 0;
    ngx_gatehouse_keys_slot_t *slot = issuer->slot;

    ngx_gatehouse_keys_slot_lock(issuer->keys->zone);

    if (slot->id == issuer->id) {
        if (!gh_refresh_is_failing(&slot->refresh)) {
            level = NGX_LOG_ERR;
        }

        have = slot->set.version != 0;
        gh_refresh_fail(&slot->refresh, ngx_gatehouse_keys_now_ms(),
                        (uint64_t) ngx_random());
        slot->failures++;
        (void) ngx_snprintf((u_char *) slot->why, sizeof(slot->why) - 1,
                            "%s: %s%Z", what, why);
        slot->why[sizeof(slot->why) - 1] = '\0';
    }

    ngx_gatehouse_keys_slot_unlock(issuer->keys->zone);

    ngx_log_error(level, issuer->keys->log, 0,
                  "gatehouse: keys of issuer \"%V\" could not be had: %s: "
                  "%s; %s",
                  &issuer->source->name, what, why,
                  have ? "the set from before is used"
                       : "its tokens cannot be verified");

    fetch_end(issuer);

    return NGX_ERROR;
}


static void
fetch_end(ngx_gatehouse_keys_issuer_t *issuer)
{
    (void) ngx_atomic_fetch_add(&issuer->slot->ended, 1);
    ngx_gatehouse_claim_release(&issuer->slot->claim);

    fetch_degraded(issuer->keys);
    ngx_gatehouse_keys_wake(issuer);
}


static void
fetch_degraded(ngx_gatehouse_keys_t *keys)
{
    ngx_uint_t i, failing = 0;
    ngx_gatehouse_keys_slot_t *slot;

    ngx_gatehouse_keys_slot_lock(keys->zone);

    for (i = 0; i < keys->n; i++) {
        slot = keys->issuers[i].slot;

        if (slot != NULL && slot->id == keys->issuers[i].id
            && gh_refresh_is_failing(&slot->refresh))
        {
            failing = 1;
        }
    }

    ngx_gatehouse_keys_slot_unlock(keys->zone);

    ngx_gatehouse_degraded(keys->shm, NGX_GATEHOUSE_DEGRADED_KEYS, failing);
}


/* At the end of the worker: another one may try at once. */

void
ngx_gatehouse_keys_fetch_cancel(ngx_gatehouse_keys_issuer_t *issuer)
{
    if (issuer->fetch != NULL) {
        ngx_gatehouse_fetch_abandon(issuer->fetch);
        issuer->fetch = NULL;
        ngx_gatehouse_claim_release(&issuer->slot->claim);
    }
}


static gh_str_t
fetch_str(const ngx_str_t *s)
{
    return (gh_str_t){ (const char *) s->data, s->len };
}
