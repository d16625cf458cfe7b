/*
 * The hashes used inside: SipHash-2-4 (Aumasson and Bernstein), SHA-256
 * (FIPS 180-4), HMAC (RFC 2104) and HKDF (RFC 5869) on it.
 */

/*
 * The low-level SHA-256 neither fetches nor allocates and costs a seventh of
 * the one-shot call; OpenSSL 3 deprecates it in favour of EVP, so this file
 * alone is told not to warn.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "gh_hash.h"

#include <endian.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>


typedef struct {
    uint64_t v0, v1, v2, v3;
} sip_t;


static inline sip_t sip_start(const gh_sipkey_t *key);
static inline sip_t sip_text(sip_t sip, gh_str_t s);
static inline sip_t sip_word(sip_t sip, uint64_t m);
static inline sip_t sip_4_rounds(sip_t sip);
static inline uint64_t sip_out(sip_t sip);
static inline sip_t sip_round(sip_t s);
static inline uint64_t rotate(uint64_t x, unsigned bits);
static inline uint64_t load_le64(const char *p);
static void absorb(const uint8_t block[SHA256_CBLOCK], uint8_t pad,
                   uint32_t state[8]);
static void resume(SHA256_CTX *ctx, const uint32_t state[8]);
static void finish(SHA256_CTX *ctx, const gh_hmac_key_t *k,
                   uint8_t out[GH_SHA256_LEN]);


uint64_t
gh_siphash(const gh_sipkey_t *key, gh_str_t s)
{
    sip_t sip = sip_text(sip_start(key), s);

    sip.v2 ^= 0xff;

    return sip_out(sip_4_rounds(sip));
}


void
gh_siphash_128(const gh_sipkey_t *key, gh_str_t s, uint64_t out[2])
{
    sip_t sip = sip_start(key);

    sip.v1 ^= 0xee;
    sip = sip_text(sip, s);

    sip.v2 ^= 0xee;
    sip = sip_4_rounds(sip);
    out[0] = sip_out(sip);

    sip.v1 ^= 0xdd;
    sip = sip_4_rounds(sip);
    out[1] = sip_out(sip);
}


static inline sip_t
sip_start(const gh_sipkey_t *key)
{
    return (sip_t){ UINT64_C(0x736f6d6570736575) ^ key->k0,
                    UINT64_C(0x646f72616e646f6d) ^ key->k1,
                    UINT64_C(0x6c7967656e657261) ^ key->k0,
                    UINT64_C(0x7465646279746573) ^ key->k1 };
}


static inline sip_t
sip_text(sip_t sip, gh_str_t s)
{
    size_t whole = s.len - s.len % 8;
    uint64_t last = (uint64_t) s.len << 56;

    for (size_t i = 0; i < whole; i += 8) {
        sip = sip_word(sip, load_le64(s.data + i));
    }

    if (whole != 0 && s.len != whole) {
        /* the last 8 bytes, without those already taken */
        last |= load_le64(s.data + s.len - 8) >> (8 * (8 - (s.len - whole)));

    } else {
        for (size_t i = whole; i < s.len; i++) {
            last |= (uint64_t) (unsigned char) s.data[i] << (8 * (i - whole));
        }
    }

    return sip_word(sip, last);
}


static inline sip_t
sip_word(sip_t sip, uint64_t m)
{
    sip.v3 ^= m;
    sip = sip_round(sip_round(sip));
    sip.v0 ^= m;

    return sip;
}


static inline sip_t
sip_4_rounds(sip_t sip)
{
    return sip_round(sip_round(sip_round(sip_round(sip))));
}


static inline uint64_t
sip_out(sip_t sip)
{
    return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}


/* By value: the four words stay in registers. */

static inline sip_t
sip_round(sip_t s)
{
    s.v0 += s.v1;
    s.v2 += s.v3;
    s.v1 = rotate(s.v1, 13) ^ s.v0;
    s.v3 = rotate(s.v3, 16) ^ s.v2;
    s.v0 = rotate(s.v0, 32);

    s.v2 += s.v1;
    s.v0 += s.v3;
    s.v1 = rotate(s.v1, 17) ^ s.v2;
    s.v3 = rotate(s.v3, 21) ^ s.v0;
    s.v2 = rotate(s.v2, 32);

    return s;
}


static inline uint64_t
rotate(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}


static inline uint64_t
load_le64(const char *p)
{
    uint64_t n;

    memcpy(&n, p, sizeof(n));

    return le64toh(n);
}


void
gh_sha256(gh_str_t s, uint8_t out[GH_SHA256_LEN])
{
    SHA256_CTX ctx;

    (void) SHA256_Init(&ctx);
    (void) SHA256_Update(&ctx, s.data, s.len);
    (void) SHA256_Final(out, &ctx);
    OPENSSL_cleanse(&ctx, sizeof(ctx));
}


void
gh_hmac_sha256(gh_str_t key, gh_str_t s, uint8_t out[GH_SHA256_LEN])
{
    gh_hmac_key_t k;

    gh_hmac_key_init(&k, key);
    gh_hmac_keyed(&k, s, out);
    OPENSSL_cleanse(&k, sizeof(k));
}


void
gh_hmac_key_init(gh_hmac_key_t *k, gh_str_t key)
{
    uint8_t block[SHA256_CBLOCK] = { 0 };

    if (key.len > sizeof(block)) {
        gh_sha256(key, block);

    } else if (key.len > 0) {
        memcpy(block, key.data, key.len);
    }

    absorb(block, 0x36, k->inner);
    absorb(block, 0x5c, k->outer);
    OPENSSL_cleanse(block, sizeof(block));
}


/* The state of SHA-256 behind the first block, which is all key. */
static void
absorb(const uint8_t block[SHA256_CBLOCK], uint8_t pad, uint32_t state[8])
{
    uint8_t padded[SHA256_CBLOCK];
    SHA256_CTX ctx;

    for (size_t i = 0; i < sizeof(padded); i++) {
        padded[i] = block[i] ^ pad;
    }

    (void) SHA256_Init(&ctx);
    (void) SHA256_Update(&ctx, padded, sizeof(padded));
    memcpy(state, ctx.h, sizeof(ctx.h));
    OPENSSL_cleanse(&ctx, sizeof(ctx));
    OPENSSL_cleanse(padded, sizeof(padded));
}


void
gh_hmac_keyed(const gh_hmac_key_t *k, gh_str_t s, uint8_t out[GH_SHA256_LEN])
{
    SHA256_CTX ctx;

    resume(&ctx, k->inner);
    (void) SHA256_Update(&ctx, s.data, s.len);
    finish(&ctx, k, out);
}


static void
resume(SHA256_CTX *ctx, const uint32_t state[8])
{
    (void) SHA256_Init(ctx);
    memcpy(ctx->h, state, sizeof(ctx->h));
    ctx->Nl = SHA256_CBLOCK * 8; /* bits so far */
}


static void
finish(SHA256_CTX *ctx, const gh_hmac_key_t *k, uint8_t out[GH_SHA256_LEN])
{
    (void) SHA256_Final(out, ctx);
    resume(ctx, k->outer);
    (void) SHA256_Update(ctx, out, GH_SHA256_LEN);
    (void) SHA256_Final(out, ctx);
    OPENSSL_cleanse(ctx, sizeof(*ctx));
}


gh_rc_t
gh_hkdf_sha256(gh_str_t salt, gh_str_t key, gh_str_t info, uint8_t *out,
               size_t len)
{
    uint8_t prk[GH_SHA256_LEN], block[GH_SHA256_LEN];
    gh_hmac_key_t extracted;
    SHA256_CTX ctx;

    if (len > 255 * sizeof(block)) {
        return GH_TOO_LONG;
    }

    gh_hmac_sha256(salt, key, prk);
    gh_hmac_key_init(&extracted, (gh_str_t){ (char *) prk, sizeof(prk) });

    for (uint8_t i = 1; len > 0; i++) {
        size_t n = len < sizeof(block) ? len : sizeof(block);

        resume(&ctx, extracted.inner);
        (void) SHA256_Update(&ctx, block, i > 1 ? sizeof(block) : 0);
        (void) SHA256_Update(&ctx, info.data, info.len);
        (void) SHA256_Update(&ctx, &i, 1);
        finish(&ctx, &extracted, block);

        memcpy(out, block, n);
        out += n;
        len -= n;
    }

    OPENSSL_cleanse(prk, sizeof(prk));
    OPENSSL_cleanse(block, sizeof(block));
    OPENSSL_cleanse(&extracted, sizeof(extracted));
    return GH_OK;
}


/* OpenSSL compares sixteen bytes at once, and any other number one by one. */
bool
gh_equal_secret(const void *a, const void *b, size_t len)
{
    const uint8_t *x = a, *y = b;
    int differs = 0;

    for (/* void */; len >= 16; len -= 16) {
        differs |= CRYPTO_memcmp(x, y, 16);
        x += 16;
        y += 16;
    }

    return (differs | CRYPTO_memcmp(x, y, len)) == 0;
}
