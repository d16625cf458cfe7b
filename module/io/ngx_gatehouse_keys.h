/*
 * Key sets of token issuers, and metadata of providers, for the whole node:
 * from a file, or over https with background refresh, one fetch at a time per
 * issuer and node, a bound on refreshes that unknown kids ask for, what was
 * good last kept in the store.
 */

#ifndef NGX_GATEHOUSE_KEYS_H
#define NGX_GATEHOUSE_KEYS_H

#include "gh_provider.h"
#include "ngx_gatehouse_fetch.h"
#include "ngx_gatehouse_shm.h"
#include "ngx_gatehouse_store.h"
#include "ngx_gatehouse_waiter.h"


/* One issuer's source of keys, from configuration. */
typedef struct {
    ngx_str_t name;   /* of the issuer block */
    ngx_str_t issuer; /* https URL: for discovery when jwks_uri is empty */
    ngx_str_t jwks_uri;
    ngx_str_t jwks_file;   /* instead: JWKS or PEM, read at configuration */
    ngx_str_t secret_file; /* instead: an HS secret, read at configuration */
    ngx_str_t ca_file;
    ngx_msec_t refresh;      /* 1 h */
    ngx_msec_t min_interval; /* 30 s: unknown kids */
    ngx_msec_t stale_max;    /* 24 h: age up to which a set is used */
    const gh_provider_rules_t *metadata; /* what a provider's may say; NULL:
                                            only keys are wanted */
    gh_jwks_t *fixed; /* of a file or secret; owned by the cycle */
    ngx_uint_t index; /* of all issuers */
} ngx_gatehouse_keys_source_t;

typedef struct ngx_gatehouse_keys_s ngx_gatehouse_keys_t;


/* Reads the file or secret of a source; a message for nginx -t or NULL. */
char *ngx_gatehouse_keys_load(ngx_conf_t *cf,
                              ngx_gatehouse_keys_source_t *source);

/* init_process / exit_process; sources: ngx_gatehouse_keys_source_t *[]; the
 * store may be NULL. NULL only without memory. Close it before the fetcher and
 * the store. */
ngx_gatehouse_keys_t *ngx_gatehouse_keys_open(ngx_cycle_t *cycle,
                                              ngx_shm_zone_t *zone,
                                              ngx_gatehouse_store_t *store,
                                              ngx_gatehouse_fetcher_t *fetcher,
                                              ngx_array_t *sources);
void ngx_gatehouse_keys_close(ngx_gatehouse_keys_t *keys);

/*
 * The set of a source now. GH_OK: *set is borrowed until the next event;
 * *version changes with its content. GH_AGAIN: none is there yet and one is
 * being fetched: the waiter (may be NULL) is linked, for at most as long as a
 * fetch may take. GH_UNAVAILABLE: none could be had (503).
 */
gh_rc_t ngx_gatehouse_keys_get(ngx_gatehouse_keys_t *keys,
                               ngx_gatehouse_keys_source_t *source,
                               gh_jwks_t **set, uint64_t *version,
                               ngx_gatehouse_waiter_t *waiter);

/*
 * What a provider says about itself, of a source that has rules for it. As
 * above; *provider is borrowed until the next event. However old it is, the
 * last that was good is used.
 */
gh_rc_t ngx_gatehouse_keys_metadata(ngx_gatehouse_keys_t *keys,
                                    ngx_gatehouse_keys_source_t *source,
                                    const gh_provider_t **provider,
                                    ngx_gatehouse_waiter_t *waiter);

/*
 * A token named a kid that the set lacks. GH_AGAIN: a refresh was started or
 * is under way and the waiter is linked; then ask _get again. GH_DENIED: the
 * set was asked for a moment ago, the token is refused.
 */
gh_rc_t ngx_gatehouse_keys_unknown_kid(ngx_gatehouse_keys_t *keys,
                                       ngx_gatehouse_keys_source_t *source,
                                       ngx_gatehouse_waiter_t *waiter);

/* For status and metrics. */
typedef struct {
    int64_t fetched_at_s; /* 0: never */
    ngx_uint_t keys, failures, fetches;
    unsigned stale : 1;    /* past its refresh because fetches fail */
    unsigned metadata : 1; /* what the provider says of itself is there */
    char why[200];         /* the last failure */
} ngx_gatehouse_keys_state_t;

void ngx_gatehouse_keys_state(ngx_gatehouse_keys_t *keys,
                              ngx_gatehouse_keys_source_t *source,
                              ngx_gatehouse_keys_state_t *out);


#endif
