/*
 * What a provider says about itself (OpenID Connect Discovery 1.0 section 3),
 * as far as verifying tokens needs it: that it is the one we mean, and where
 * its keys are.
 */

#ifndef GH_DISCOVERY_H
#define GH_DISCOVERY_H

#include "gh_url.h"

#define GH_DISCOVERY_BYTES_MAX 131072


/*
 * Reads the document of `issuer`, which was configured. Appends jwks_uri.
 *
 * GH_INVALID   not such a document; its issuer is not exactly ours (section
 *              4.3); jwks_uri is missing, not callable, or at another origin
 *              than the issuer: then jwks_uri must be configured. *why is
 *              static text.
 * GH_TOO_LONG  the document, or jwks_uri for out
 */
gh_rc_t gh_discovery_keys(gh_str_t document, gh_str_t issuer,
                          bool loopback_http, gh_buf_t *jwks_uri,
                          const char **why);


#endif
