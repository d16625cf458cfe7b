/*
 * What a refused caller is told: a problem document for programs (RFC 9457),
 * a plain, script-free page for browsers. Both name the family of the reason
 * only, and the request id under which our log says more.
 */

#ifndef GH_PROBLEM_H
#define GH_PROBLEM_H

#include "gh_reason.h"

/* With this much room either always fits; a request id above 256 bytes is
 * left out. */
#define GH_PROBLEM_MAX 4096


/*
 * True when Accept (RFC 9110 section 12.5.1) names text/html or
 * application/xhtml+xml with a greater weight than JSON has: a navigating
 * browser. An absent Accept, wildcards alone, and a draw are programs.
 */
bool gh_problem_wants_html(gh_str_t accept);

/*
 * The document: type, title, status, detail, and request_id when there is
 * one. Appends.
 *
 * type is "urn:gatehouse:problem:" and the family's word, such as
 * "rate-limited": a name to compare, which leads nowhere on the web, since
 * there is no host that every installation could link to. A reason that lets
 * a request through is written as an internal error.
 *
 * GH_TOO_LONG: out has no room; it is unchanged
 */
gh_rc_t gh_problem_json(gh_reason_t reason, gh_str_t request_id,
                        gh_buf_t *out);

/* The page, in UTF-8; same rules. To be sent with gh_problem_csp(). */
gh_rc_t gh_problem_html(gh_reason_t reason, gh_str_t request_id,
                        gh_buf_t *out);

/* Content-Security-Policy of the page: nothing but its own style, known by
 * its hash. Borrowed for ever. */
gh_str_t gh_problem_csp(void);


#endif
