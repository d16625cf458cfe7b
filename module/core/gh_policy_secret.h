/*
 * What the files named in policies hold: secrets for HMAC and public keys,
 * each fit for its algorithm of RFC 9421 section 3.3.
 */

#ifndef GH_POLICY_SECRET_H
#define GH_POLICY_SECRET_H

#include "gh_policy_error.h"

#define GH_POLICY_SECRET_MIN 32    /* bytes for hmac-sha256 */
#define GH_POLICY_SECRET_MAX 16384 /* bytes of a file */


/* *hmac is set on true. */
bool gh_policy_algorithm_known(gh_str_t name, bool *hmac);
void gh_policy_algorithm_choices(gh_policy_choices_t *choices);

/*
 * Looks at what a file holds. White space at both ends does not count; *key
 * is the rest, borrowed. GH_INVALID: *why (static) says what is wrong;
 * GH_NOMEM.
 */
gh_rc_t gh_policy_secret_check(gh_str_t algorithm, gh_str_t text,
                               const gh_alloc_t *a, gh_str_t *key,
                               const char **why);


#endif
