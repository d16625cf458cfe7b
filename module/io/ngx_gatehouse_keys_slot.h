/*
 * What the node knows of an issuer, in shared memory: the text of its key set
 * and, of a provider, of its metadata, when they were fetched, what came of
 * the last attempts, and who makes one now. Workers parse for themselves.
 */

#ifndef NGX_GATEHOUSE_KEYS_SLOT_H
#define NGX_GATEHOUSE_KEYS_SLOT_H

#include "gh_refresh.h"
#include "gh_url.h"
#include "ngx_gatehouse_keys.h"

#define NGX_GATEHOUSE_KEYS_SLOTS 128


typedef struct {
    ngx_atomic_t version; /* never the same twice; 0: there is none */
    u_char *text;         /* slab */
    size_t len;
} ngx_gatehouse_keys_text_t;

/* What is not atomic stands under the slab's mutex. */
typedef struct {
    ngx_atomic_t id;             /* of the source; 0: free */
    ngx_gatehouse_claim_t claim; /* an attempt is under way */
    ngx_atomic_t ended;          /* attempts that came to an end */
    gh_refresh_t refresh;        /* fetched_ms is also read without it */

    ngx_gatehouse_keys_text_t set, metadata;
    int64_t fetched_at_s;
    uint64_t keys, fetches, failures;
    uint64_t used_ms; /* when a worker had this source last */
    char why[GH_CALL_WHY_MAX];
    char uri[GH_URL_MAX + 1]; /* where discovery led last; "" */
} ngx_gatehouse_keys_slot_t;


typedef struct ngx_gatehouse_keys_issuer_s ngx_gatehouse_keys_issuer_t;

/* The source as one number, never 0. */
uint64_t ngx_gatehouse_keys_slot_id(const ngx_gatehouse_shm_t *shm,
                                    const ngx_gatehouse_keys_source_t *source);

/*
 * The slot of that source, made when absent; one that no worker has used for
 * a day may be given to another source, so look at its id under the lock.
 * NULL when there is no room.
 */
ngx_gatehouse_keys_slot_t *ngx_gatehouse_keys_slot(ngx_shm_zone_t *zone,
                                                   uint64_t id);

void ngx_gatehouse_keys_slot_lock(ngx_shm_zone_t *zone);
void ngx_gatehouse_keys_slot_unlock(ngx_shm_zone_t *zone);

/*
 * A copy of one of the issuer's texts (the slot's set or metadata) on the
 * heap (owned) and its version. GH_ABSENT: there is none; GH_CONFLICT: the
 * slot is another source's now; GH_NOMEM.
 */
gh_rc_t ngx_gatehouse_keys_slot_copy(const ngx_gatehouse_keys_issuer_t *issuer,
                                     const ngx_gatehouse_keys_text_t *from,
                                     gh_str_t *text, uint64_t *version);

/*
 * Puts a text in, under the lock; equal ones keep their version. GH_FULL: the
 * zone has no room, the old one stays.
 */
gh_rc_t ngx_gatehouse_keys_slot_put(ngx_shm_zone_t *zone,
                                    ngx_gatehouse_keys_text_t *to,
                                    gh_str_t text);

int64_t ngx_gatehouse_keys_now_ms(void);


#endif
