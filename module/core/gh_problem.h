/*
 * What a refused caller is told: a problem document for programs (RFC 9457),
 * a plain, script-free page for browsers.
 */

#ifndef GH_PROBLEM_H
#define GH_PROBLEM_H

#include "gh_reason.h"

#define GH_PROBLEM_MAX 4096


/* True when Accept prefers text/html to JSON (a navigating browser);
 * an absent Accept or "*" "/" "*" alone is a program. */
bool gh_problem_wants_html(gh_str_t accept);

/* The document: type, title, status, detail, request_id. Appends. */
gh_rc_t gh_problem_json(gh_reason_t reason, gh_str_t request_id,
                        gh_buf_t *out);
gh_rc_t gh_problem_html(gh_reason_t reason, gh_str_t request_id,
                        gh_buf_t *out);


#endif
