/*
 * Key sets for verification (RFC 7517, 7518, 8037): each key that can be
 * used becomes one OpenSSL key with the algorithms it allows; unusable ones
 * are passed over. Key material is bounded (RSA 2048-8192 bits, e odd and
 * at most 2^32; P-256, P-384, P-521; Ed25519; oct only from a local secret).
 */

#ifndef GH_JWK_H
#define GH_JWK_H

#include <openssl/evp.h>

#include "gh_json.h"

#define GH_JWKS_BYTES_MAX 524288
#define GH_JWKS_KEYS_MAX  64
#define GH_KID_MAX        256


typedef enum {
    GH_ALG_NONE = 0, /* never verifies anything */
    GH_ALG_RS256, GH_ALG_RS384, GH_ALG_RS512,
    GH_ALG_PS256, GH_ALG_PS384, GH_ALG_PS512,
    GH_ALG_ES256, GH_ALG_ES384, GH_ALG_ES512,
    GH_ALG_EDDSA,
    GH_ALG_HS256, GH_ALG_HS384, GH_ALG_HS512,
    GH_ALG_COUNT
} gh_alg_t;

/* A set of algorithms: bit 1u << alg. */
typedef uint32_t gh_algs_t;

#define GH_ALGS_DEFAULT                                                       \
    ((1u << GH_ALG_RS256) | (1u << GH_ALG_RS384) | (1u << GH_ALG_RS512)       \
     | (1u << GH_ALG_PS256) | (1u << GH_ALG_PS384) | (1u << GH_ALG_PS512)     \
     | (1u << GH_ALG_ES256) | (1u << GH_ALG_ES384) | (1u << GH_ALG_ES512)     \
     | (1u << GH_ALG_EDDSA))

typedef struct gh_jwks_s gh_jwks_t;

typedef struct {
    gh_str_t   kid;  /* empty when the key has none; owned by the set */
    gh_algs_t  algs; /* what this key may verify: kty, crv and "alg" */
    EVP_PKEY  *pkey; /* NULL for a secret */
    gh_str_t   secret; /* HS only */
} gh_jwk_t;


gh_alg_t gh_alg_parse(gh_str_t name);    /* exact case; GH_ALG_NONE if not */
gh_str_t gh_alg_name(gh_alg_t alg);

/*
 * Parses a remote or file key set. "oct" keys in it are ignored, as are
 * "use":"enc", key_ops without "verify", private keys, malformed ones; GH_OK with at least
 * one usable key, GH_ABSENT with none, GH_INVALID when it is not a key set,
 * GH_TOO_LONG beyond the bounds. *skipped (may be NULL) counts the ignored.
 * Owned by the caller: gh_jwks_destroy.
 */
gh_rc_t gh_jwks_parse(gh_str_t text, const gh_alloc_t *a, gh_jwks_t **out,
                      unsigned *skipped);

/* A set of one secret, at least 32 bytes (RFC 7518 section 3.2; an HS384 or
 * HS512 is only allowed by 48 and 64). GH_INVALID when shorter. */
gh_rc_t gh_jwks_from_secret(gh_str_t secret, const gh_alloc_t *a,
                            gh_jwks_t **out);
/* A set of one public key or certificate in PEM. */
gh_rc_t gh_jwks_from_pem(gh_str_t pem, const gh_alloc_t *a, gh_jwks_t **out);
void gh_jwks_destroy(gh_jwks_t *set); /* NULL is fine; wipes secrets */

size_t gh_jwks_count(const gh_jwks_t *set);
const gh_jwk_t *gh_jwks_at(const gh_jwks_t *set, size_t i);
/* True when some key carries that kid. */
bool gh_jwks_has_kid(const gh_jwks_t *set, gh_str_t kid);


#endif
