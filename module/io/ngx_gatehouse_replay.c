/*
 * Replay memory of one node, under the slab's mutex, which the master
 * releases for a dead worker.
 */

#include "ngx_gatehouse_replay.h"


gh_rc_t
ngx_gatehouse_replay_claim(ngx_shm_zone_t *zone, const gh_replay_use_t *use)
{
    gh_lock_t lock = ngx_gatehouse_shm_lock(zone);

    return gh_replay_claim(ngx_gatehouse_shm(zone)->replay, &lock, use,
                           ngx_time());
}
