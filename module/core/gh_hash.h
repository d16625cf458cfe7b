/*
 * The hashes used inside: SipHash-2-4 for tables that outsiders can fill,
 * SHA-256 and HMAC for everything that proves something. None allocates and
 * none can fail.
 */

#ifndef GH_HASH_H
#define GH_HASH_H

#include "gh.h"


/* 16 random bytes made once per process or per table. */
typedef struct {
    uint64_t k0, k1;
} gh_sipkey_t;


uint64_t gh_siphash(const gh_sipkey_t *key, gh_str_t s);
/* The same with twice the output, its authors' variant of their own: for
 * what is known again by its hash alone. */
void gh_siphash_128(const gh_sipkey_t *key, gh_str_t s, uint64_t out[2]);

/* Low-level SHA-256: no fetch, no allocation, cannot fail. */
void gh_sha256(gh_str_t s, uint8_t out[GH_SHA256_LEN]);
/* HMAC-SHA-256 (RFC 2104), same properties. */
void gh_hmac_sha256(gh_str_t key, gh_str_t s, uint8_t out[GH_SHA256_LEN]);

/*
 * The same for a key that is used often: what the key alone decides, made
 * once. As secret as the key; wiped by whoever holds it.
 */
typedef struct {
    uint32_t inner[8], outer[8];
} gh_hmac_key_t;

void gh_hmac_key_init(gh_hmac_key_t *k, gh_str_t key);
void gh_hmac_keyed(const gh_hmac_key_t *k, gh_str_t s,
                   uint8_t out[GH_SHA256_LEN]);

/*
 * HKDF-SHA-256 (RFC 5869): len bytes made from key for the purpose `info`.
 * GH_TOO_LONG above 255 * 32 bytes.
 */
gh_rc_t gh_hkdf_sha256(gh_str_t salt, gh_str_t key, gh_str_t info,
                       uint8_t *out, size_t len);

/* Constant time over len. */
bool gh_equal_secret(const void *a, const void *b, size_t len);


#endif
