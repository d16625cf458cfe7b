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
#define GH_JWT_TRIES_MAX 4 /* keys tried when the token names none */


/* What a verifier accepts; borrowed for the call. */
typedef struct {
    gh_str_t        issuer;      /* exact; required */
    const gh_str_t *audiences;   /* any of; at least one */
    size_t          n_audiences;
    gh_algs_t       algs;        /* allow-list; 0 means GH_ALGS_DEFAULT */
    const gh_str_t *types;       /* allowed "typ", NULL: absent, JWT, at+jwt */
    size_t          n_types;
    int64_t         skew_s;      /* at most 60 */
    int64_t         max_age_s;   /* of iat; 0: not looked at */
    bool            refuse_id_tokens; /* nonce, at_hash, c_hash, s_hash or
                                         events present: another kind of JWT
                                         (RFC 8725 section 3.11) */
} gh_jwt_policy_t;

/* A parsed token, not yet believed. Views are borrowed from the text. */
typedef struct {
    gh_str_t signing_input; /* header.payload */
    gh_str_t payload_b64;
    gh_str_t signature_b64;
    gh_alg_t alg;
    gh_str_t kid;           /* empty when absent; points into header_json */
    json_t  *header;        /* owned; gh_jwt_clear */
} gh_jwt_t;


/*
 * Splits and reads the header. Refuses: not three parts (five parts are
 * GH_REASON_TOKEN_ENCRYPTED), unknown or "none" alg, crit, b64, zip, enc,
 * jwk, jku, x5u, x5c members, kid that is not a string, duplicates, strict
 * base64url violations. GH_INVALID sets *reason.
 */
gh_rc_t gh_jwt_parse(gh_str_t text, gh_jwt_t *out, gh_reason_t *reason);
void gh_jwt_clear(gh_jwt_t *jwt);

/*
 * Reads iss, exp and aud of the payload without believing them, so that the
 * caller can choose the issuer and refuse the hopeless before any public-key
 * operation. *claims is owned by the caller (json_decref).
 */
gh_rc_t gh_jwt_peek(const gh_jwt_t *jwt, json_t **claims,
                    gh_reason_t *reason);

/*
 * The claims against the policy at now_s: iss exact, aud any of, exp
 * required, nbf, iat not in the future, typ. Cheap; called before the
 * signature and again on every cache hit.
 */
gh_rc_t gh_jwt_check_claims(const gh_jwt_t *jwt, const json_t *claims,
                            const gh_jwt_policy_t *p, int64_t now_s,
                            gh_reason_t *reason);
/* Only what can change with time or policy: for a cached token. */
gh_rc_t gh_jwt_recheck(const json_t *claims, const gh_jwt_policy_t *p,
                       int64_t now_s, gh_reason_t *reason);

/*
 * The signature with the set's keys. With a kid only keys of that kid; a
 * kid that is unknown is GH_ABSENT (GH_REASON_TOKEN_KEY_UNKNOWN), so the
 * caller may refresh the set. Exact signature length is checked first.
 * GH_DENIED: no key verifies it.
 */
gh_rc_t gh_jwt_verify(const gh_jwt_t *jwt, const gh_jwks_t *keys,
                      gh_algs_t algs, gh_reason_t *reason);

/* Signs for tests, `make run` and the tool: appends header.payload.sig. */
gh_rc_t gh_jwt_sign(gh_alg_t alg, gh_str_t kid, EVP_PKEY *pkey,
                    gh_str_t claims_json, gh_buf_t *out);


#endif
