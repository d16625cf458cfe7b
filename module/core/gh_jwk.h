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
#define GH_JWKS_KEYS_MAX 64
#define GH_KID_MAX 256
#define GH_PEM_BYTES_MAX 65536
#define GH_HS_SECRET_MIN 32
#define GH_HS_SECRET_MAX 4096
#define GH_SIGNATURE_MAX 1024 /* bytes; RSA of 8192 bits */


typedef enum {
    GH_ALG_NONE = 0, /* never verifies anything */
    GH_ALG_RS256,
    GH_ALG_RS384,
    GH_ALG_RS512,
    GH_ALG_PS256,
    GH_ALG_PS384,
    GH_ALG_PS512,
    GH_ALG_ES256,
    GH_ALG_ES384,
    GH_ALG_ES512,
    GH_ALG_EDDSA,
    GH_ALG_HS256,
    GH_ALG_HS384,
    GH_ALG_HS512,
    GH_ALG_COUNT
} gh_alg_t;

/* A set of algorithms: bit 1u << alg. */
typedef uint32_t gh_algs_t;

#define GH_ALGS_DEFAULT                                                       \
    ((1u << GH_ALG_RS256) | (1u << GH_ALG_RS384) | (1u << GH_ALG_RS512)       \
     | (1u << GH_ALG_PS256) | (1u << GH_ALG_PS384) | (1u << GH_ALG_PS512)     \
     | (1u << GH_ALG_ES256) | (1u << GH_ALG_ES384) | (1u << GH_ALG_ES512)     \
     | (1u << GH_ALG_EDDSA))

/*
 * Read-only once made, so threads may share one. OpenSSL's error queue of
 * the calling thread is empty after each call here that can fail.
 */
typedef struct gh_jwks_s gh_jwks_t;

typedef struct {
    gh_str_t kid;    /* empty when the key has none; owned by the set */
    gh_algs_t algs;  /* what this key may verify: kty, crv and "alg" */
    EVP_PKEY *pkey;  /* NULL for a secret */
    gh_str_t secret; /* HS only */
} gh_jwk_t;


/*
 * Exact case; GH_ALG_NONE if there is no such algorithm. "Ed25519", the name
 * RFC 9864 gives it, is EdDSA, because we know no other curve for it.
 */
gh_alg_t gh_alg_parse(gh_str_t name);
gh_str_t gh_alg_name(gh_alg_t alg); /* empty for none */

/*
 * Parses a remote or file key set. "oct" keys in it are ignored, as are
 * "use":"enc", key_ops without "verify", private keys, weak (bounds above,
 * ROCA, small order) and malformed ones; duplicate kids are kept.
 *
 * GH_OK        at least one usable key; owned by the caller: gh_jwks_destroy
 * GH_ABSENT    a key set, but none of its keys is usable
 * GH_INVALID   not a key set
 * GH_TOO_LONG  beyond GH_JWKS_BYTES_MAX or GH_JWKS_KEYS_MAX
 * GH_NOMEM     some key could not be looked at
 *
 * *skipped (may be NULL) counts the ignored when GH_OK or GH_ABSENT.
 */
gh_rc_t gh_jwks_parse(gh_str_t text, const gh_alloc_t *a, gh_jwks_t **out,
                      unsigned *skipped);

/*
 * A set of one secret, at least 32 bytes (RFC 7518 section 3.2; an HS384 or
 * HS512 is only allowed by 48 and 64). Tokens may call it by any kid.
 * GH_INVALID when shorter, GH_TOO_LONG above GH_HS_SECRET_MAX, GH_NOMEM.
 */
gh_rc_t gh_jwks_from_secret(gh_str_t secret, const gh_alloc_t *a,
                            gh_jwks_t **out);
/*
 * A set of one public key or certificate in PEM, held to the same bounds.
 * Tokens may call it by any kid. Of a certificate only the key is looked at:
 * who names the file vouches for it. GH_INVALID: anything else, also a
 * private key or a second block (and what OpenSSL's decoders could not read
 * for want of memory, which they do not tell apart); GH_TOO_LONG, GH_NOMEM.
 */
gh_rc_t gh_jwks_from_pem(gh_str_t pem, const gh_alloc_t *a, gh_jwks_t **out);
void gh_jwks_destroy(gh_jwks_t *set); /* NULL is fine; wipes secrets */

size_t gh_jwks_count(const gh_jwks_t *set);
const gh_jwk_t *gh_jwks_at(const gh_jwks_t *set, size_t i);
/* True when some key carries that kid. */
bool gh_jwks_has_kid(const gh_jwks_t *set, gh_str_t kid);
/* True for a set of one local key, which no kid can name. */
bool gh_jwks_any_kid(const gh_jwks_t *set);

/*
 * How long a signature by this key is, in bytes, as JWS writes it; 0 when
 * the key does not allow alg.
 */
size_t gh_jwk_signature_len(const gh_jwk_t *key, gh_alg_t alg);

/*
 * Whether key i of the set verifies signature (as JWS writes it: ECDSA is
 * r || s) over input. GH_OK; GH_DENIED, also for an algorithm the key does
 * not allow and for another length; GH_NOMEM.
 */
gh_rc_t gh_jwk_verify(const gh_jwks_t *set, size_t i, gh_alg_t alg,
                      gh_str_t input, gh_str_t signature);

/*
 * Signs input as JWS writes it (ECDSA is r || s); appends the bytes. pkey is
 * borrowed, for HS* it is an HMAC key.
 * GH_INVALID: alg and key do not go together, or OpenSSL would not sign;
 * GH_TOO_LONG, GH_NOMEM.
 */
gh_rc_t gh_jwk_sign(gh_alg_t alg, EVP_PKEY *pkey, gh_str_t input,
                    gh_buf_t *out);

/*
 * Appends the public half of pkey as a JSON Web Key with "use":"sig"; kid
 * and alg are left out when empty and GH_ALG_NONE. GH_INVALID: a key that
 * gh_jwks_parse would not take, or that does not allow alg; GH_TOO_LONG.
 */
gh_rc_t gh_jwk_build(EVP_PKEY *pkey, gh_alg_t alg, gh_str_t kid,
                     gh_buf_t *out);


#endif
