/*
 * A key set from inside, for the files that fill and use one. Contexts are
 * prepared once per key and algorithm and duplicated per call, which saves
 * OpenSSL's fetches: a fifth of an RS256 verification.
 */

#ifndef GH_JWK_SET_H
#define GH_JWK_SET_H

#include "gh_alg.h"


typedef struct {
    gh_jwk_t jwk;
    EVP_PKEY_CTX *ready[GH_ALG_COUNT]; /* RSA, PSS and ECDSA; else NULL */
} gh_jwk_entry_t;

struct gh_jwks_s {
    gh_alloc_t alloc;
    bool any_kid; /* one local key: tokens may call it anything */
    size_t n, cap;
    EVP_MD *md[GH_HASH_COUNT];
    gh_jwk_entry_t keys[];
};


/*
 * Room for cap keys. GH_NOMEM. Call with OpenSSL's error queue empty, as
 * everything below.
 */
gh_rc_t gh_jwks_create(const gh_alloc_t *a, size_t cap, gh_jwks_t **out);

/*
 * Adds a key whose contexts it prepares; kid and secret are copied, pkey is
 * handed over. GH_FULL, GH_NOMEM.
 */
gh_rc_t gh_jwks_add(gh_jwks_t *set, const gh_jwk_t *key);

/*
 * One JSON Web Key as a public key with its algorithms (RFC 7517 section 4):
 * out->kid is borrowed from jwk, out->pkey is owned by the caller.
 * GH_INVALID: not for verifying with, or not sound; GH_NOMEM.
 */
gh_rc_t gh_jwk_import(const json_t *jwk, gh_jwk_t *out);

/*
 * The bounds every public key is held to, wherever it came from; *algs is
 * what its type allows. GH_INVALID or GH_NOMEM.
 */
gh_rc_t gh_jwk_admit(EVP_PKEY *pkey, gh_algs_t *algs);

/*
 * What a failure of OpenSSL was; each empties the error queue.
 *
 *   _nomem    what can only fail for want of memory: GH_NOMEM
 *   _failure  GH_INVALID when `lib` (ERR_LIB_EC, ...) gave a reason, else
 *             GH_NOMEM: it does not always say that memory ran out, but it
 *             says why it refuses
 *   _refusal  GH_INVALID unless it says that memory ran out
 */
gh_rc_t gh_openssl_nomem(void);
gh_rc_t gh_openssl_failure(int lib);
gh_rc_t gh_openssl_refusal(void);


#endif
