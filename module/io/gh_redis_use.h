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
    gh_rc_t rc;          /* OK, CONFLICT: it was used; INVALID: not ours */
    int64_t remembers_s; /* for so long no use was forgotten; counts whole
                            seconds, and may be one too many */
} gh_redis_use_t;


/* For SCRIPT LOAD. */
gh_str_t gh_redis_use_script(void);

/*
 * sha: of the script. look: compare the mark with the server's run and the
 * history of its data, which costs it an INFO; needed once on a connection,
 * before the first use. An empty name uses nothing. ttl_s from 1.
 */
gh_rc_t gh_redis_use_command(gh_str_t sha, bool look, gh_str_t name,
                             int64_t ttl_s, gh_redis_bytes_t *out);

/* DONE: *use is set. */
gh_redis_verdict_t gh_redis_use_judge(const redisReply *reply,
                                      gh_redis_use_t *use);


#endif
