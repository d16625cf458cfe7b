/*
 * Strict texts of bytes (RFC 4648) and the hashes used inside: SipHash-2-4
 * (Aumasson and Bernstein), SHA-256 (FIPS 180-4), HMAC (RFC 2104) and HKDF
 * (RFC 5869) on it.
 */

/*
 * The low-level SHA-256 neither fetches nor allocates and costs a seventh of
 * the one-shot call; OpenSSL 3 deprecates it in favour of EVP, so this file
 * alone is told not to warn.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "gh_bytes.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>


typedef struct {
    uint64_t v0, v1, v2, v3;
} sip_t;


static void sip_rounds(sip_t *s, unsigned n);
static uint64_t rotate(uint64_t x, unsigned bits);
static uint64_t load_le64(const char *p);
static gh_rc_t decode64(gh_str_t text, uint8_t own, gh_buf_t *out);
static void write64(const unsigned char *in, size_t len, char *out);
static gh_rc_t encode64(gh_str_t bytes, const char *letters, bool pad,
                        gh_buf_t *out);
static void add_letters(gh_buf_t *out, const char *letters,
                        const unsigned char *in, size_t n);
static int digit16(char c);
static void absorb(const uint8_t block[SHA256_CBLOCK], uint8_t pad,
                   uint32_t state[8]);
static void resume(SHA256_CTX *ctx, const uint32_t state[8]);
static void finish(SHA256_CTX *ctx, const gh_hmac_key_t *k,
                   uint8_t out[GH_SHA256_LEN]);


static const char url_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789-_";
static const char classic_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "abcdefghijklmnopqrstuvwxyz0123456789+/";

/*
 * Letter to digit for both alphabets of RFC 4648: sections 4 and 5 share all
 * but the last two, which carry the mark of theirs. Neither: both marks.
 */
enum {
    URL_ONLY = 64,
    CLASSIC_ONLY = 128
};

/* clang-format off */
static const uint8_t digits64[256] = {
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,190,255,126,255,191,
     52, 53, 54, 55, 56, 57, 58, 59, 60, 61,255,255,255,255,255,255,
    255,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
     15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,255,255,255,255,127,
    255, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
     41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
    255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,255,
};
/* clang-format on */


uint64_t
gh_siphash(const gh_sipkey_t *key, gh_str_t s)
{
    sip_t s4 = { UINT64_C(0x736f6d6570736575) ^ key->k0,
                 UINT64_C(0x646f72616e646f6d) ^ key->k1,
                 UINT64_C(0x6c7967656e657261) ^ key->k0,
                 UINT64_C(0x7465646279746573) ^ key->k1 };

    size_t whole = s.len - s.len % 8;
    uint64_t last = (uint64_t) s.len << 56;

    for (size_t i = 0; i < whole; i += 8) {
        uint64_t m = load_le64(s.data + i);

        s4.v3 ^= m;
        sip_rounds(&s4, 2);
        s4.v0 ^= m;
    }

    for (size_t i = whole; i < s.len; i++) {
        last |= (uint64_t) (unsigned char) s.data[i] << (8 * (i - whole));
    }

    s4.v3 ^= last;
    sip_rounds(&s4, 2);
    s4.v0 ^= last;

    s4.v2 ^= 0xff;
    sip_rounds(&s4, 4);

    return s4.v0 ^ s4.v1 ^ s4.v2 ^ s4.v3;
}


static void
sip_rounds(sip_t *s, unsigned n)
{
    while (n-- > 0) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 = rotate(s->v0, 32);

        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v2 = rotate(s->v2, 32);
    }
}


static uint64_t
rotate(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}


static uint64_t
load_le64(const char *p)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < 8; i++) {
        n |= (uint64_t) (unsigned char) p[i] << (8 * i);
    }

    return n;
}


gh_rc_t
gh_base64url_decode(gh_str_t text, gh_buf_t *out)
{
    return decode64(text, URL_ONLY, out);
}


gh_rc_t
gh_base64url_encode(gh_str_t bytes, gh_buf_t *out)
{
    return encode64(bytes, url_letters, false, out);
}


gh_rc_t
gh_base64_decode(gh_str_t text, gh_buf_t *out)
{
    if (text.len % 4 != 0) {
        return GH_INVALID;
    }

    if (text.len > 0 && text.data[text.len - 1] == '=') {
        text.len -= text.data[text.len - 2] == '=' ? 2 : 1;
    }

    return decode64(text, CLASSIC_ONLY, out);
}


gh_rc_t
gh_base64_encode(gh_str_t bytes, gh_buf_t *out)
{
    return encode64(bytes, classic_letters, true, out);
}


/* Without padding; `own` marks the letters that only this alphabet has. */
static gh_rc_t
decode64(gh_str_t text, uint8_t own, gh_buf_t *out)
{
    const unsigned char *in = (const unsigned char *) text.data;
    size_t tail = text.len % 4;
    size_t len = text.len / 4 * 3 + (tail == 0 ? 0 : tail - 1);
    uint8_t seen = 0;
    uint32_t bits = 0;

    for (size_t i = 0; i < text.len; i++) {
        seen |= digits64[in[i]];
    }

    for (size_t i = text.len - tail; i < text.len; i++) {
        bits = bits << 6 | (digits64[in[i]] & 63u);
    }

    /* one text per value: the bits that no byte takes must be zero */
    if (tail == 1 || (seen & ~(63 | own)) != 0
        || (bits
            & (tail == 2   ? 15u
               : tail == 3 ? 3u
                           : 0))
               != 0)
    {
        return GH_INVALID;
    }

    if (len > out->cap - out->len) {
        return GH_TOO_LONG;
    }

    if (len > 0) {
        write64(in, text.len, out->data + out->len);
        out->len += len;
    }

    return GH_OK;
}


/* in has been looked at. */
static void
write64(const unsigned char *in, size_t len, char *out)
{
    uint32_t bits = 0;
    unsigned n = 0;

    for (; len >= 4; len -= 4, in += 4) {
        bits = (digits64[in[0]] & 63u) << 18 | (digits64[in[1]] & 63u) << 12
               | (digits64[in[2]] & 63u) << 6 | (digits64[in[3]] & 63u);

        *out++ = (char) (uint8_t) (bits >> 16);
        *out++ = (char) (uint8_t) (bits >> 8 & 255);
        *out++ = (char) (uint8_t) (bits & 255);
    }

    for (bits = 0; len > 0; len--, in++) {
        bits = bits << 6 | (digits64[*in] & 63u);
        n += 6;

        if (n >= 8) {
            n -= 8;
            *out++ = (char) (uint8_t) (bits >> n & 255);
        }
    }
}


static gh_rc_t
encode64(gh_str_t bytes, const char *letters, bool pad, gh_buf_t *out)
{
    const unsigned char *in = (const unsigned char *) bytes.data;
    size_t room = out->cap - out->len;
    size_t tail = bytes.len % 3;

    if (bytes.len / 3 > room / 4
        || (tail == 0 ? 0
            : pad     ? 4
                      : tail + 1)
               > room - bytes.len / 3 * 4)
    {
        return GH_TOO_LONG;
    }

    for (size_t i = 0; i < bytes.len - tail; i += 3) {
        add_letters(out, letters, in + i, 3);
    }

    if (tail > 0) {
        add_letters(out, letters, in + bytes.len - tail, tail);
    }

    for (; pad && tail % 3 != 0; tail++) {
        out->data[out->len++] = '=';
    }

    return GH_OK;
}


/* One more letter than the 1 to 3 bytes in `in`. */
static void
add_letters(gh_buf_t *out, const char *letters, const unsigned char *in,
            size_t n)
{
    uint32_t bits = (uint32_t) in[0] << 16;

    if (n > 1) {
        bits |= (uint32_t) in[1] << 8;
    }

    if (n > 2) {
        bits |= in[2];
    }

    for (size_t i = 0; i <= n; i++) {
        out->data[out->len++] = letters[bits >> (18 - 6 * i) & 63];
    }
}


gh_rc_t
gh_hex_decode(gh_str_t text, gh_buf_t *out)
{
    bool fits = text.len / 2 <= out->cap - out->len;
    size_t at = out->len;

    if (text.len % 2 != 0) {
        return GH_INVALID;
    }

    for (size_t i = 0; i < text.len; i += 2) {
        int high = digit16(text.data[i]);
        int low = digit16(text.data[i + 1]);

        if (high < 0 || low < 0) {
            return GH_INVALID;
        }

        if (fits) {
            out->data[at++] = (char) (uint8_t) (high << 4 | low);
        }
    }

    if (!fits) {
        return GH_TOO_LONG;
    }

    out->len = at;
    return GH_OK;
}


static int
digit16(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}


gh_rc_t
gh_hex_encode(gh_str_t bytes, gh_buf_t *out)
{
    static const char digits[] = "0123456789abcdef";

    if (bytes.len > (out->cap - out->len) / 2) {
        return GH_TOO_LONG;
    }

    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char) bytes.data[i];

        out->data[out->len++] = digits[c >> 4];
        out->data[out->len++] = digits[c & 15];
    }

    return GH_OK;
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


bool
gh_equal_secret(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}
