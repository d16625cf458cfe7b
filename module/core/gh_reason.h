/*
 * Why a request was let through or refused. Inside, a reason says exactly
 * which; outside, reasons of one family look alike. One table says for each
 * its word (log, metrics, variables), HTTP status, and what a caller is told.
 */

#ifndef GH_REASON_H
#define GH_REASON_H

#include "gh.h"


typedef enum {
    GH_REASON_NONE = 0, /* no decision yet */

    /* let through */
    GH_REASON_OK,        /* a verified principal, rules hold */
    GH_REASON_PUBLIC,    /* gatehouse_authenticate off */
    GH_REASON_ANONYMOUS, /* optional, and no credential came */
    GH_REASON_ADMITTED,  /* another module admitted it (satisfy any) */

    /* receive: 400, 421 */
    GH_REASON_TARGET_AMBIGUOUS,
    GH_REASON_HEADER_AMBIGUOUS,
    GH_REASON_HOST_MISMATCH,

    /* resolve: 404, 410 */
    GH_REASON_SERVICE_UNKNOWN,
    GH_REASON_VERSION_UNKNOWN,
    GH_REASON_VERSION_CONFLICT, /* two places name different versions: 400 */
    GH_REASON_VERSION_SUNSET,

    /* authenticate: 401, one look for all of them */
    GH_REASON_CREDENTIAL_MISSING,
    GH_REASON_CREDENTIAL_DUPLICATE,
    GH_REASON_CREDENTIAL_MALFORMED,
    GH_REASON_KEY_UNKNOWN,
    GH_REASON_KEY_EXPIRED,
    GH_REASON_KEY_REVOKED,
    GH_REASON_CONSUMER_UNKNOWN,
    GH_REASON_CONSUMER_SUSPENDED,
    GH_REASON_TOKEN_MALFORMED,
    GH_REASON_TOKEN_ENCRYPTED,
    GH_REASON_TOKEN_ALGORITHM,
    GH_REASON_TOKEN_CRITICAL,
    GH_REASON_TOKEN_KEY_UNKNOWN,
    GH_REASON_TOKEN_SIGNATURE,
    GH_REASON_TOKEN_ISSUER,
    GH_REASON_TOKEN_AUDIENCE,
    GH_REASON_TOKEN_TYPE,
    GH_REASON_TOKEN_EXPIRED,
    GH_REASON_TOKEN_NOT_YET,
    GH_REASON_TOKEN_CLAIM,
    GH_REASON_SIGNATURE_MALFORMED,
    GH_REASON_SIGNATURE_COMPONENT, /* covers what cannot be had or signed */
    GH_REASON_SIGNATURE_COVERAGE,  /* does not cover what is required */
    GH_REASON_SIGNATURE_KEY_UNKNOWN,
    GH_REASON_SIGNATURE_ALGORITHM,
    GH_REASON_SIGNATURE_EXPIRED,
    GH_REASON_SIGNATURE_NOT_YET,
    GH_REASON_SIGNATURE_NONCE,    /* missing, empty or too long */
    GH_REASON_SIGNATURE_WRONG,    /* not by that key over this request */
    GH_REASON_SIGNATURE_DIGEST,   /* the body is another one */
    GH_REASON_SIGNATURE_REPLAYED, /* the nonce was used before */

    GH_REASON_LOGIN_FAILED, /* a callback that ends no login: 403 */

    /* authorize: 403 */
    GH_REASON_ORIGIN_FOREIGN, /* a websocket of another site, by a session */
    GH_REASON_RULE_NONE,      /* no line admits */
    GH_REASON_RULE_DENY,      /* a deny line matches */
    GH_REASON_SERVICE_RULE,   /* the service's access rules do not hold */
    GH_REASON_PLAN_SERVICE,   /* the plan does not include this service */

    /* limit: 429 */
    GH_REASON_RATE_LIMITED,
    GH_REASON_QUOTA_EXHAUSTED,
    GH_REASON_COST_ABOVE_LIMIT, /* it would not be let in by a full bucket */
    GH_REASON_BAD_CREDENTIALS_LIMITED,

    /* could not decide: 503 */
    GH_REASON_STORE_UNAVAILABLE,
    GH_REASON_KEYS_UNAVAILABLE,  /* no key set of the issuer could be had */
    GH_REASON_LOGIN_UNAVAILABLE, /* the provider could not be asked */
    GH_REASON_POLICIES_UNAVAILABLE,
    GH_REASON_REPLAY_UNAVAILABLE, /* replay memory full, or younger than the
                                     signature */
    GH_REASON_NO_DEPLOYMENT,
    GH_REASON_OVERLOADED,
    GH_REASON_INTERNAL, /* 500: no memory and the like */

    GH_REASON_COUNT
} gh_reason_t;


/* What the family of a reason has in common on the wire. */
typedef struct {
    gh_str_t word;   /* snake_case, stable: log, metrics, variables */
    unsigned status; /* 0 when the request is let through; 500 for NONE, so
                        that forgetting to decide never admits */
    gh_str_t type;   /* last segment of the problem type URI */
    gh_str_t title;  /* RFC 9457 title; equal within a family */
    gh_str_t detail; /* for the caller: what to do; equal within 401 */
} gh_reason_info_t;


/* Never NULL; an out-of-range value gives GH_REASON_INTERNAL's entry. */
const gh_reason_info_t *gh_reason_info(gh_reason_t reason);

/* GH_REASON_NONE when there is no such word. */
gh_reason_t gh_reason_parse(gh_str_t word);

/* True for reasons that let a request through. */
bool gh_reason_admits(gh_reason_t reason);


#endif
