/*
 * JSON Web Tokens, compact form, three parts (RFC 7515, 7519, 8725): cheap
 * checks first, the key chooses the algorithm, then the signature, then the
 * claims. Everything that is not exactly as it must be is refused, and the
 * reason says which.
 */

#ifndef GH_JWT_H
#define GH_JWT_H

#include "gh_jwk.h"
#include "gh_reason.h"

#define GH_JWT_BYTES_MAX 8192
#define GH_JWT_LONG_MAX 16384 /* of one that a provider gave us itself */
#define GH_JWT_TRIES_MAX 4    /* keys tried for one token */
#define GH_JWT_SKEW_MAX 60    /* seconds; a larger skew counts as this */
#define GH_JWT_LAST_MAX 512   /* of a header's text that is remembered */


/* What a verifier accepts; borrowed for the call. */
typedef struct {
    gh_str_t issuer;           /* exact; required */
    const gh_str_t *audiences; /* any of; at least one */
    size_t n_audiences;
    gh_algs_t algs;        /* allow-list; 0 means GH_ALGS_DEFAULT */
    const gh_str_t *types; /* allowed "typ", in any case, with or
                                    without "application/"; an empty one
                                    allows tokens without typ.
                                    NULL: absent, JWT, at+jwt */
    size_t n_types;
    int64_t skew_s;        /* at most GH_JWT_SKEW_MAX */
    int64_t max_age_s;     /* of iat, then required; 0: not looked at */
    bool refuse_id_tokens; /* nonce, at_hash, c_hash, s_hash or
                                         events present: another kind of JWT
                                         (RFC 8725 section 3.11) */
    bool exp_optional; /* logout tokens may have none; if there it counts */
} gh_jwt_policy_t;

/* A parsed token, not yet believed. Views are borrowed from the text. */
typedef struct {
    gh_str_t signing_input; /* header.payload */
    gh_str_t payload_b64;
    gh_str_t signature_b64;
    gh_alg_t alg;
    gh_str_t kid;   /* empty when absent; points into header */
    json_t *header; /* owned; gh_jwt_clear */
    size_t signature_len;
    char signature[GH_SIGNATURE_MAX];
} gh_jwt_t;

/* The header of the last good token: an issuer's tokens share theirs, byte
 * for byte. All zero in the beginning; one thread's. */
typedef struct {
    size_t len;
    char b64[GH_JWT_LAST_MAX];
    gh_alg_t alg;
    gh_str_t kid;   /* points into header */
    json_t *header; /* owned; gh_jwt_last_clear */
} gh_jwt_last_t;


/*
 * Splits and reads the header. Refuses: not three parts (five parts are
 * GH_REASON_TOKEN_ENCRYPTED), unknown or "none" alg, crit, b64, zip, enc,
 * jwk, jku, x5u, x5c members, kid that is not a string or longer than
 * GH_KID_MAX, duplicates, strict base64url violations, more than
 * GH_JWT_BYTES_MAX.
 *
 * Other members are ignored; x5t is a hint like kid and no key.
 *
 * GH_OK       out is to be cleared with gh_jwt_clear
 * GH_INVALID  refused, *reason says why; nothing to clear (but one may)
 * GH_NOMEM    *reason is GH_REASON_INTERNAL
 */
gh_rc_t gh_jwt_parse(gh_str_t text, gh_jwt_t *out, gh_reason_t *reason);
/* The same up to GH_JWT_LONG_MAX: an id_token that names hundreds of groups
 * is fetched from its provider, no stranger can make us read it. */
gh_rc_t gh_jwt_parse_long(gh_str_t text, gh_jwt_t *out, gh_reason_t *reason);
/* As gh_jwt_parse; a header equal to the last one is not read again. */
gh_rc_t gh_jwt_parse_like(gh_str_t text, gh_jwt_last_t *last, gh_jwt_t *out,
                          gh_reason_t *reason);
void gh_jwt_last_clear(gh_jwt_last_t *last);
void gh_jwt_clear(gh_jwt_t *jwt);

/*
 * Reads iss, exp and aud of the payload without believing them, so that the
 * caller can choose the issuer and refuse the hopeless before any public-key
 * operation. *claims is one JSON object, owned by the caller (json_decref).
 * GH_INVALID and GH_NOMEM as above.
 */
gh_rc_t gh_jwt_peek(const gh_jwt_t *jwt, json_t **claims, gh_reason_t *reason);

/*
 * The claims against the policy at now_s: typ, iss exact, aud any of, exp
 * required and later than now, nbf and iat not in the future, sub a string,
 * each within the skew. Cheap; called before the signature and again on
 * every cache hit. GH_DENIED, and *reason says which.
 */
gh_rc_t gh_jwt_check_claims(const gh_jwt_t *jwt, const json_t *claims,
                            const gh_jwt_policy_t *p, int64_t now_s,
                            gh_reason_t *reason);
/*
 * All of it but typ, for a cached token whose header is gone: a cache entry
 * is bound to the policy whose types it passed.
 */
gh_rc_t gh_jwt_recheck(const json_t *claims, const gh_jwt_policy_t *p,
                       int64_t now_s, gh_reason_t *reason);
/*
 * When a token that passed once passes again: at now_s from *from_s on and
 * before *until_s. Nothing else that _recheck looks at changes with time.
 */
void gh_jwt_span(const json_t *claims, const gh_jwt_policy_t *p,
                 int64_t *from_s, int64_t *until_s);

/*
 * The signature with the set's keys. With a kid only keys of that kid, or,
 * when none carries it, keys that have no kid at all; at most
 * GH_JWT_TRIES_MAX are tried, and only those whose signatures are that long.
 *
 * GH_OK      some key verifies it
 * GH_ABSENT  no key carries the kid (GH_REASON_TOKEN_KEY_UNKNOWN): the
 *            caller may refresh the set and ask again
 * GH_DENIED  GH_REASON_TOKEN_SIGNATURE, or GH_REASON_TOKEN_ALGORITHM when
 *            neither algs nor any of these keys allows the algorithm
 * GH_NOMEM   could not look (GH_REASON_INTERNAL)
 */
gh_rc_t gh_jwt_verify(const gh_jwt_t *jwt, const gh_jwks_t *keys,
                      gh_algs_t algs, gh_reason_t *reason);

/*
 * Signs for tests, `make run` and the tool: appends header.payload.sig with
 * the header {"alg":...,"typ":"JWT","kid":...}. kid may be empty; pkey is
 * borrowed, for HS* it is an HMAC key. All or nothing.
 *
 * GH_INVALID   alg and key do not go together, or OpenSSL would not sign
 * GH_TOO_LONG  does not fit out->cap
 * GH_NOMEM
 */
gh_rc_t gh_jwt_sign(gh_alg_t alg, gh_str_t kid, EVP_PKEY *pkey,
                    gh_str_t claims_json, gh_buf_t *out);
/* The same under a header that is taken as it is, whatever it says. */
gh_rc_t gh_jwt_sign_header(gh_alg_t alg, gh_str_t header_json, EVP_PKEY *pkey,
                           gh_str_t claims_json, gh_buf_t *out);


#endif
