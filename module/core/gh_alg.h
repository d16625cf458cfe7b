/*
 * What each JOSE algorithm is made of (RFC 7518 section 3.1, RFC 8037): its
 * family, hash and curve. Inside of the key and token files only; everybody
 * else says gh_alg_t.
 */

#ifndef GH_ALG_H
#define GH_ALG_H

#include "gh_jwk.h"

#define GH_COORDINATE_MAX 66 /* P-521 */
#define GH_HASH_LEN_MAX 64


typedef enum {
    GH_FAMILY_NONE = 0,
    GH_FAMILY_RSA, /* RSASSA-PKCS1-v1_5 */
    GH_FAMILY_PSS, /* RSASSA-PSS, salt as long as the hash */
    GH_FAMILY_EC,  /* r and s, each as long as a coordinate */
    GH_FAMILY_EDDSA,
    GH_FAMILY_HMAC
} gh_family_t;

typedef enum {
    GH_HASH_NONE = 0,
    GH_HASH_SHA256,
    GH_HASH_SHA384,
    GH_HASH_SHA512,
    GH_HASH_COUNT
} gh_hash_t;

typedef struct {
    gh_alg_t alg;      /* the only one that uses this curve */
    gh_str_t crv;      /* RFC 7518 section 6.2.1.1 */
    const char *group; /* OpenSSL's name */
    size_t len;        /* bytes of a coordinate, and of r and s */
    uint8_t order[GH_COORDINATE_MAX]; /* big-endian, len bytes */
} gh_curve_t;

typedef struct {
    gh_str_t name;
    gh_family_t family;
    gh_hash_t hash;
    const gh_curve_t *curve; /* ECDSA only */
} gh_alg_info_t;


/* Never NULL; what is out of range has the family NONE. */
const gh_alg_info_t *gh_alg_info(gh_alg_t alg);

const char *gh_hash_name(gh_hash_t hash); /* OpenSSL's */
size_t gh_hash_len(gh_hash_t hash);

/* NULL when there is no such curve here. */
const gh_curve_t *gh_curve_by_crv(gh_str_t crv);
const gh_curve_t *gh_curve_by_group(gh_str_t group);

/*
 * Between r || s of exactly 2 * curve->len bytes (RFC 7518 section 3.4) and
 * the DER that OpenSSL speaks. Both append. GH_INVALID: not that long, or r
 * or s not in 1 .. n-1; GH_TOO_LONG: does not fit out->cap.
 */
gh_rc_t gh_ecdsa_to_der(const gh_curve_t *curve, gh_str_t raw, gh_buf_t *out);
gh_rc_t gh_ecdsa_from_der(const gh_curve_t *curve, gh_str_t der,
                          gh_buf_t *out);


#endif
