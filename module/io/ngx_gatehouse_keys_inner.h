/*
 * One worker's view of the issuers, shared by the files that ask, fetch and
 * keep key sets.
 */

#ifndef NGX_GATEHOUSE_KEYS_INNER_H
#define NGX_GATEHOUSE_KEYS_INNER_H

#include "ngx_gatehouse_keys_slot.h"


struct ngx_gatehouse_keys_issuer_s {
    ngx_gatehouse_keys_t *keys;
    ngx_gatehouse_keys_source_t *source;
    gh_refresh_rules_t rules;
    uint64_t id;
    ngx_gatehouse_keys_slot_t *slot; /* NULL: no room in shared memory */

    gh_jwks_t *set; /* parsed here, of `version` */
    uint64_t version;

    gh_provider_t provider; /* the same of the metadata */
    uint64_t provider_version;

    ngx_queue_t waiters;
    uint64_t ended; /* the slot's, when the first of them was linked */
    ngx_event_t wake, poll;
    ngx_connection_t dummy;

    ngx_gatehouse_fetch_t *fetch; /* the attempt is ours */
    ngx_gatehouse_store_op_t *restoring;
    gh_kind_t restoring_kind; /* the metadata first, then the set */
    unsigned discovering : 1; /* fetch asks for the discovery document */
    unsigned restored : 1;    /* the store was asked and has answered */
};

struct ngx_gatehouse_keys_s {
    ngx_cycle_t *cycle;
    ngx_log_t *log;
    ngx_shm_zone_t *zone;
    ngx_gatehouse_shm_t *shm;
    ngx_gatehouse_store_t *store;
    ngx_gatehouse_fetcher_t *fetcher;

    ngx_gatehouse_keys_issuer_t *issuers; /* those that are fetched */
    ngx_uint_t n;
    ngx_event_t tick;
    ngx_connection_t dummy;
};


typedef enum {
    NGX_GATEHOUSE_KEYS_DUE = 0, /* by its own interval */
    NGX_GATEHOUSE_KEYS_ASKED    /* an unknown kid */
} ngx_gatehouse_keys_cause_e;


/*
 * NGX_OK: an attempt began here. NGX_BUSY: one is under way, here or in
 * another worker. NGX_DECLINED: it is too early. NGX_ERROR: it has failed
 * already.
 */
ngx_int_t ngx_gatehouse_keys_fetch(ngx_gatehouse_keys_issuer_t *issuer,
                                   ngx_gatehouse_keys_cause_e cause);
void ngx_gatehouse_keys_fetch_cancel(ngx_gatehouse_keys_issuer_t *issuer);

/* Asks the store for the last good set, if there is none yet. */
void ngx_gatehouse_keys_restore(ngx_gatehouse_keys_issuer_t *issuer);
void ngx_gatehouse_keys_restore_cancel(ngx_gatehouse_keys_issuer_t *issuer);
/* Gives the store what was just fetched, a set (GH_KIND_KEYS) or metadata
 * (GH_KIND_METADATA); nobody waits for it. */
void ngx_gatehouse_keys_keep(ngx_gatehouse_keys_issuer_t *issuer,
                             gh_kind_t kind, gh_str_t text,
                             int64_t fetched_at_s);

/* Calls the waiters back, from a posted event. */
void ngx_gatehouse_keys_wake(ngx_gatehouse_keys_issuer_t *issuer);


#endif
