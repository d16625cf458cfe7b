/*
 * One id per request and W3C Trace Context beside it (level 1).
 */

#ifndef GH_TRACE_H
#define GH_TRACE_H

#include "gh.h"

#define GH_REQUEST_ID_MAX 128
#define GH_TRACEPARENT_LEN 55


/* [A-Za-z0-9._~+/=@:-], 1 to 128 bytes. */
bool gh_request_id_valid(gh_str_t id);

/* Version 00 form, lower-case hex, ids not all zero (section 3.2). Later
 * versions are not continued: a new trace begins. */
bool gh_traceparent_valid(gh_str_t value);

/*
 * Ours for the service behind: the caller's trace id and sampled flag when
 * `from` is valid (other flags are not defined in level 1 and go), else a
 * trace id from random[0..15] and flags 00; a new parent id from
 * random[16..23]. Appends GH_TRACEPARENT_LEN bytes.
 *
 * GH_TOO_LONG: no room; out is unchanged
 */
gh_rc_t gh_traceparent_build(gh_str_t from, const uint8_t random[24],
                             gh_buf_t *out);


#endif
