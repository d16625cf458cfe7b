/*
 * What may be used once on all nodes (gh_replay.h), as Redis is asked for
 * it: the script, its command and what its answer means. A mark beside the
 * names says since when this Redis has kept all of them: one that was
 * restarted, emptied or failed over to may have forgotten some, whatever it
 * still has, and begins anew.
 */

#ifndef GH_REDIS_USE_H
#define GH_REDIS_USE_H

#include "gh_redis.h"

typedef struct {
    gh_str_t name;   /* borrowed; empty: only the mark is seen to */
    int64_t ttl_s;   /* from 1 */
    int64_t needs_s; /* used only if for longer than so nothing was lost;
                        by whole seconds, so that one more may be missing */
    bool look; /* compare the mark with the server's run and the history of
                  its data, which costs it an INFO; needed once on each
                  connection, before the first use */
} gh_redis_use_t;


/* For SCRIPT LOAD. */
gh_str_t gh_redis_use_script(void);

/* sha: of the script. GH_NOMEM, else GH_OK and bytes to send. */
gh_rc_t gh_redis_use_command(gh_str_t sha, const gh_redis_use_t *use,
                             gh_redis_bytes_t *out);

/* DONE: *rc is GH_OK, GH_CONFLICT (it was used), GH_INVALID (what is there
 * is not ours) or GH_UNAVAILABLE (not used; it may have been, and lost). */
gh_redis_verdict_t gh_redis_use_judge(const redisReply *reply, gh_rc_t *rc);


#endif
