/*
 * What may be used once on this node: nonces of signatures, ids of tokens.
 * One node remembers in shared memory; many will in a store they share.
 */

#ifndef NGX_GATEHOUSE_REPLAY_H
#define NGX_GATEHOUSE_REPLAY_H

#include "ngx_gatehouse_shm.h"


/*
 * Uses a name for all workers, answers as gh_replay_claim does, and the
 * caller refuses whatever is not GH_OK: GH_CONFLICT as a bad credential, the
 * rest with 503. Where nodes share a store this is its claim(name,
 * expires_at_s - now) and may answer GH_AGAIN: the caller is written to ask
 * again when it is woken.
 */
gh_rc_t ngx_gatehouse_replay_claim(ngx_shm_zone_t *zone,
                                   const gh_replay_use_t *use);


#endif
