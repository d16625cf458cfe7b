/*
 * Commands for Redis as it reads them (RESP, arrays of bulk strings): every
 * argument stands behind its length, so no byte of it can be taken for
 * anything else. Replies are read by hiredis.
 */

#ifndef GH_REDIS_COMMAND_H
#define GH_REDIS_COMMAND_H

#include "gh.h"


/* How many bytes a command of these arguments takes. */
size_t gh_redis_command_len(const gh_str_t *args, size_t n);

/* Appends it; GH_TOO_LONG: does not fit, GH_INVALID: no argument at all. */
gh_rc_t gh_redis_command_build(const gh_str_t *args, size_t n, gh_buf_t *out);


#endif
