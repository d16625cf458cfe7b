/*
 * The principal as a signed assertion (RFC 7519), for a service behind that
 * does not want to trust whoever reaches it: short-lived, for one audience,
 * and the key set by which it is verified (RFC 7517).
 */

#ifndef GH_ASSERTION_H
#define GH_ASSERTION_H

#include "gh_jwt.h"
#include "gh_principal.h"

#define GH_ASSERTION_LIFE_MAX_S 60
#define GH_ASSERTION_MAX 24576 /* room in which any assertion fits */
#define GH_ASSERTION_KEYS_MAX 16


/* A private key of ES256 or EdDSA; borrowed. */
typedef struct {
    EVP_PKEY *pkey;
    gh_alg_t alg;
    gh_str_t kid; /* 1 to GH_KID_MAX bytes */
} gh_assertion_key_t;

/* What is the same for all assertions of a location; borrowed. */
typedef struct {
    gh_assertion_key_t key;
    gh_str_t issuer, audience; /* required */
    int64_t life_s;            /* 1 to GH_ASSERTION_LIFE_MAX_S */
} gh_assertion_signer_t;


/*
 * Appends the assertion: iss, aud, sub (the principal's id), iat, exp, jti
 * (base64url of 16 random bytes handed in), method, and name, email,
 * consumer, groups and scopes as far as there are any. Names and emails above
 * GH_PRINCIPAL_VALUE_MAX are left out, and list members from where
 * GH_PRINCIPAL_LIST_MAX is passed: whole ones only.
 *
 * GH_ABSENT    nobody is anonymous here: p is NULL or anonymous
 * GH_INVALID   the signer is not as above, or OpenSSL would not sign
 * GH_TOO_LONG  no room, or the id is above GH_PRINCIPAL_VALUE_MAX: it is
 *              never cut
 * GH_NOMEM
 */
gh_rc_t gh_assertion_build(const gh_assertion_signer_t *signer,
                           const gh_principal_t *p, const uint8_t jti[16],
                           int64_t now_s, gh_buf_t *out);

/*
 * Appends what an assertion would say about the principal, and nothing of the
 * rest: two principals of equal text have equal assertions. GH_ABSENT,
 * GH_TOO_LONG.
 */
gh_rc_t gh_assertion_subject(const gh_principal_t *p, gh_buf_t *out);

/*
 * Appends the key set: the public halves of the key that signs and of those
 * that are next (published before they are used) or were last. GH_INVALID: no
 * key, two of one kid, or one that is not as above; GH_TOO_LONG; GH_NOMEM.
 */
gh_rc_t gh_assertion_jwks(const gh_assertion_key_t *keys, size_t n,
                          gh_buf_t *out);


#endif
