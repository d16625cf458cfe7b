/*
 * The shared memory of one node: limit cells, metric slots, the policy
 * generation in force, key sets of issuers, and the claims by which workers
 * agree on who does a job. Made once, kept over reloads of equal size and
 * layout. Holds nothing that configuration could rebuild.
 */

#ifndef NGX_GATEHOUSE_SHM_H
#define NGX_GATEHOUSE_SHM_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "gh_bytes.h"
#include "gh_cells.h"
#include "gh_limit.h"
#include "gh_metrics.h"
#include "gh_replay.h"
#include "ngx_gatehouse_node.h"

#define NGX_GATEHOUSE_SHM_MIN (4 * 1024 * 1024)
#define NGX_GATEHOUSE_SLOTS_MAX 64
#define NGX_GATEHOUSE_SERIES_NAME 200
#define NGX_GATEHOUSE_SERIES_NONE 0 /* a request of no service */
#define NGX_GATEHOUSE_SERIES_REST 1 /* all that found no room */
#define NGX_GATEHOUSE_LOGINS_MAX 16 /* providers that are counted */
#define NGX_GATEHOUSE_LOGIN_NAME 40


/* A job that one worker of the node does at a time. Lock-free: pid and the
 * end of its claim in one word. */
typedef struct {
    ngx_atomic_t word;
} ngx_gatehouse_claim_t;

/* Name of one series of metrics: service, version, deployment. */
typedef struct {
    ngx_atomic_t used; /* 0 free, 1 in use */
    u_short service_len, version_len, deployment_len;
    char name[NGX_GATEHOUSE_SERIES_NAME]; /* the three, joined */
} ngx_gatehouse_series_name_t;

/* Plain adds by the slot's owner only; everybody may read. */
typedef struct {
    uint64_t reasons[GH_REASON_COUNT][GH_METHOD_COUNT];
    uint64_t dry_run[GH_REASON_COUNT];
    uint64_t degraded[8]; /* see ngx_gatehouse_degraded_t */
    uint64_t token_cache_hits, token_cache_misses;
    uint64_t headers_removed;
    uint64_t logins[NGX_GATEHOUSE_LOGINS_MAX][4]; /* see ..._logins.h */
    uint64_t refreshes[3];
    uint64_t padding[8];
} ngx_gatehouse_counters_t;

typedef enum {
    NGX_GATEHOUSE_DEGRADED_STORE = 0, /* served from what was known */
    NGX_GATEHOUSE_DEGRADED_KEYS,      /* last good key set, out of date */
    NGX_GATEHOUSE_DEGRADED_LIMITS,    /* quota counted locally */
    NGX_GATEHOUSE_DEGRADED_POLICIES   /* newest set is invalid */
} ngx_gatehouse_degraded_t;

/* How far a worker is; both 0 in a slot without one. Written by its owner. */
typedef struct {
    ngx_atomic_t sequence;   /* of the change log, followed to here */
    ngx_atomic_t generation; /* of the policies that it decides by */
} ngx_gatehouse_progress_t;

typedef struct {
    uint64_t magic;
    gh_sipkey_t sip; /* per boot, secret */

    ngx_atomic_t policy_serial;  /* +1 after each published image */
    ngx_atomic_t policy_invalid; /* 1: the newest set was refused */
    uint64_t policy_generation;
    int64_t policy_applied_at_s;
    ngx_gatehouse_claim_t policy_claim;
    ngx_atomic_t policy_judged; /* 1: somebody looked since the start */
    ngx_atomic_t policy_wanted; /* 1: a worker could not map it */
    char policy_error[4096];    /* under the mutex */

    gh_cells_t *rates, *quotas;
    gh_replay_t *replay; /* nonces of signatures, ids of logout tokens */
    gh_cells_t *seen;    /* sessions: epoch s of the last request */

    /* Counting: a slot belongs to one live process, found by its pid, so
     * that an old worker of a reload and its successor never add to one
     * word. There are two slots per worker that was configured when the zone
     * was made; a slot of a dead process is taken over with its counts. */
    ngx_uint_t slots;
    ngx_atomic_t owners[NGX_GATEHOUSE_SLOTS_MAX]; /* pids */
    size_t series_max;
    ngx_gatehouse_series_name_t *series_names; /* [series_max] */
    gh_series_t *series;                /* [slot * series_max + series] */
    ngx_gatehouse_counters_t *counters; /* [slot] */
    ngx_gatehouse_progress_t *progress; /* [slot] */
    ngx_atomic_t degraded_since[8];     /* epoch s, 0: not degraded */

    ngx_atomic_t n_logins; /* providers with a place in the counters */
    char login_names[NGX_GATEHOUSE_LOGINS_MAX][NGX_GATEHOUSE_LOGIN_NAME];

    ngx_gatehouse_node_t node; /* among those that share a store */

    uint64_t bad_until_ns; /* monotonic: the last bad credential is forgiven */

    ngx_atomic_t keys_serial;
    void *keys; /* of ngx_gatehouse_keys.c; slab */
} ngx_gatehouse_shm_t;


/*
 * Configuration time. `tag` is the module's address. NULL after a message
 * when it is smaller than NGX_GATEHOUSE_SHM_MIN. A zone of another size or
 * another module binary begins empty; the old workers keep theirs.
 */
ngx_shm_zone_t *ngx_gatehouse_shm_add(ngx_conf_t *cf, size_t bytes, void *tag);

/* After the zone is there (init_process, requests). */
ngx_gatehouse_shm_t *ngx_gatehouse_shm(ngx_shm_zone_t *zone);
ngx_slab_pool_t *ngx_gatehouse_shm_pool(ngx_shm_zone_t *zone);

/* Lock for inserts into cells: the slab mutex, which the master releases
 * for a dead worker. */
gh_lock_t ngx_gatehouse_shm_lock(ngx_shm_zone_t *zone);

/* The caller does the job until `span` ms from now, or until it gives it up;
 * claiming again renews. NGX_OK or NGX_BUSY. A holder that died is replaced
 * at once, a stuck one when its span is over. */
ngx_int_t ngx_gatehouse_claim(ngx_gatehouse_claim_t *claim, ngx_msec_t span);
void ngx_gatehouse_claim_release(ngx_gatehouse_claim_t *claim);
/* Somebody alive, perhaps the caller, holds it now. */
ngx_uint_t ngx_gatehouse_claimed(const ngx_gatehouse_claim_t *claim);

/* The caller's own slot, cheap enough for every request. Never NULL. */
ngx_gatehouse_counters_t *ngx_gatehouse_counters(ngx_gatehouse_shm_t *shm);
/* Adds up all slots, for metrics and status. */
void ngx_gatehouse_counters_sum(const ngx_gatehouse_shm_t *shm,
                                ngx_gatehouse_counters_t *out);

/* The caller's own slot. Never NULL. */
ngx_gatehouse_progress_t *ngx_gatehouse_progress(ngx_gatehouse_shm_t *shm);
/* What the live worker of a slot wrote there; NGX_DECLINED: there is none. */
ngx_int_t ngx_gatehouse_progress_of(const ngx_gatehouse_shm_t *shm,
                                    ngx_uint_t slot, ngx_pid_t *pid,
                                    ngx_gatehouse_progress_t *out);

/* Index of a series, made when absent; NGX_GATEHOUSE_SERIES_REST when the
 * room is used up. Takes the mutex when it makes one: at image load, not per
 * request. Names are kept until the zone ends. */
ngx_uint_t ngx_gatehouse_series_index(ngx_shm_zone_t *zone, gh_str_t service,
                                      gh_str_t version, gh_str_t deployment);
/* The caller's own slot of it; an index out of range counts as the rest. */
gh_series_t *ngx_gatehouse_series(ngx_gatehouse_shm_t *shm, ngx_uint_t series);
/* The name of a series in use, borrowed; NGX_DECLINED when it is free. */
ngx_int_t ngx_gatehouse_series_name(const ngx_gatehouse_shm_t *shm,
                                    ngx_uint_t series, gh_str_t *service,
                                    gh_str_t *version, gh_str_t *deployment);
void ngx_gatehouse_series_sum(const ngx_gatehouse_shm_t *shm,
                              ngx_uint_t series, gh_series_t *out);

/* Marks or clears a degradation; the first mark keeps its time. */
void ngx_gatehouse_degraded(ngx_gatehouse_shm_t *shm,
                            ngx_gatehouse_degraded_t what, ngx_uint_t on);

/* Nanoseconds of CLOCK_MONOTONIC, read once per event loop turn at most by
 * callers that cache it. */
uint64_t ngx_gatehouse_monotonic_ns(void);


#endif
