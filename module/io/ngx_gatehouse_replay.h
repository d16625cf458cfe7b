/*
 * What may be used once: nonces of signatures. One node remembers in shared
 * memory; nodes that share a store ask it, off the loop.
 */

#ifndef NGX_GATEHOUSE_REPLAY_H
#define NGX_GATEHOUSE_REPLAY_H

#include "ngx_gatehouse_shm.h"
#include "ngx_gatehouse_store.h"


/* One asking; in the asker's memory, zeroed before its first use. */
typedef struct {
    gh_replay_use_t use;         /* what is used */
    void (*handler)(void *data); /* claim it again now */
    void *data;
    ngx_gatehouse_store_op_t *op; /* under way, or answered */
    unsigned answered : 1;
} ngx_gatehouse_replay_ask_t;


/*
 * Uses a name for all workers, and for all nodes that share the store. The
 * caller refuses whatever is not GH_OK: GH_CONFLICT as a bad credential, the
 * rest with 503, for it may have been used.
 *
 * GH_OK           nobody has used it before, and nobody can again
 * GH_CONFLICT     it was used
 * GH_AGAIN        the store is asked: the handler is called when it answers,
 *                 or is given up
 * GH_FULL         there is no room to remember it
 * GH_UNAVAILABLE  the store does not answer, or this memory began too late
 *                 to vouch for it, or it has expired
 * GH_INVALID, GH_NOMEM
 */
gh_rc_t ngx_gatehouse_replay_claim(ngx_shm_zone_t *zone,
                                   ngx_gatehouse_store_t *store,
                                   ngx_gatehouse_replay_ask_t *ask);
/* The asker goes away; what it has claimed stays used. */
void ngx_gatehouse_replay_leave(ngx_gatehouse_replay_ask_t *ask);


#endif
