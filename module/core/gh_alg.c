/*
 * The tables of JOSE algorithms, hashes and curves (RFC 7518, RFC 8037, SEC 2
 * for the orders), and ECDSA signatures from one writing to the other.
 */

#include "gh_alg.h"

#include <openssl/ecdsa.h>


static bool in_range(const gh_curve_t *curve, const uint8_t *n);
static gh_rc_t add_integer(gh_buf_t *out, const uint8_t *n, size_t len);


/* clang-format off */
static const gh_curve_t p256 = {
    GH_ALG_ES256, { "P-256", 5 }, "prime256v1", 32,
    { 0xff,0xff,0xff,0xff, 0x00,0x00,0x00,0x00, 0xff,0xff,0xff,0xff,
      0xff,0xff,0xff,0xff, 0xbc,0xe6,0xfa,0xad, 0xa7,0x17,0x9e,0x84,
      0xf3,0xb9,0xca,0xc2, 0xfc,0x63,0x25,0x51 }
};

static const gh_curve_t p384 = {
    GH_ALG_ES384, { "P-384", 5 }, "secp384r1", 48,
    { 0xff,0xff,0xff,0xff, 0xff,0xff,0xff,0xff, 0xff,0xff,0xff,0xff,
      0xff,0xff,0xff,0xff, 0xff,0xff,0xff,0xff, 0xff,0xff,0xff,0xff,
      0xc7,0x63,0x4d,0x81, 0xf4,0x37,0x2d,0xdf, 0x58,0x1a,0x0d,0xb2,
      0x48,0xb0,0xa7,0x7a, 0xec,0xec,0x19,0x6a, 0xcc,0xc5,0x29,0x73 }
};

static const gh_curve_t p521 = {
    GH_ALG_ES512, { "P-521", 5 }, "secp521r1", 66,
    { 0x01,0xff, 0xff,0xff,0xff,0xff, 0xff,0xff,0xff,0xff,
      0xff,0xff,0xff,0xff, 0xff,0xff,0xff,0xff, 0xff,0xff,0xff,0xff,
      0xff,0xff,0xff,0xff, 0xff,0xff,0xff,0xff, 0xff,0xff,0xff,0xfa,
      0x51,0x86,0x87,0x83, 0xbf,0x2f,0x96,0x6b, 0x7f,0xcc,0x01,0x48,
      0xf7,0x09,0xa5,0xd0, 0x3b,0xb5,0xc9,0xb8, 0x89,0x9c,0x47,0xae,
      0xbb,0x6f,0xb7,0x1e, 0x91,0x38,0x64,0x09 }
};

static const gh_curve_t *const curves[] = { &p256, &p384, &p521 };

static const gh_alg_info_t algs[GH_ALG_COUNT] = {
    [GH_ALG_NONE] = { { "", 0 }, GH_FAMILY_NONE, GH_HASH_NONE, NULL },
    [GH_ALG_RS256] = { { "RS256", 5 }, GH_FAMILY_RSA, GH_HASH_SHA256, NULL },
    [GH_ALG_RS384] = { { "RS384", 5 }, GH_FAMILY_RSA, GH_HASH_SHA384, NULL },
    [GH_ALG_RS512] = { { "RS512", 5 }, GH_FAMILY_RSA, GH_HASH_SHA512, NULL },
    [GH_ALG_PS256] = { { "PS256", 5 }, GH_FAMILY_PSS, GH_HASH_SHA256, NULL },
    [GH_ALG_PS384] = { { "PS384", 5 }, GH_FAMILY_PSS, GH_HASH_SHA384, NULL },
    [GH_ALG_PS512] = { { "PS512", 5 }, GH_FAMILY_PSS, GH_HASH_SHA512, NULL },
    [GH_ALG_ES256] = { { "ES256", 5 }, GH_FAMILY_EC, GH_HASH_SHA256, &p256 },
    [GH_ALG_ES384] = { { "ES384", 5 }, GH_FAMILY_EC, GH_HASH_SHA384, &p384 },
    [GH_ALG_ES512] = { { "ES512", 5 }, GH_FAMILY_EC, GH_HASH_SHA512, &p521 },
    [GH_ALG_EDDSA] = { { "EdDSA", 5 }, GH_FAMILY_EDDSA, GH_HASH_NONE, NULL },
    [GH_ALG_HS256] = { { "HS256", 5 }, GH_FAMILY_HMAC, GH_HASH_SHA256, NULL },
    [GH_ALG_HS384] = { { "HS384", 5 }, GH_FAMILY_HMAC, GH_HASH_SHA384, NULL },
    [GH_ALG_HS512] = { { "HS512", 5 }, GH_FAMILY_HMAC, GH_HASH_SHA512, NULL },
};

static const struct {
    const char *name;
    size_t      len;
} hashes[GH_HASH_COUNT] = {
    [GH_HASH_NONE]   = { "",       0 },
    [GH_HASH_SHA256] = { "SHA256", 32 },
    [GH_HASH_SHA384] = { "SHA384", 48 },
    [GH_HASH_SHA512] = { "SHA512", 64 },
};
/* clang-format on */


gh_alg_t
gh_alg_parse(gh_str_t name)
{
    for (gh_alg_t alg = GH_ALG_NONE + 1; alg < GH_ALG_COUNT; alg++) {
        if (gh_str_eq(name, algs[alg].name)) {
            return alg;
        }
    }

    /* RFC 9864 gives the only curve of ours a name of its own */
    return gh_str_eq(name, GH_STR("Ed25519")) ? GH_ALG_EDDSA : GH_ALG_NONE;
}


gh_str_t
gh_alg_name(gh_alg_t alg)
{
    return gh_alg_info(alg)->name;
}


const gh_alg_info_t *
gh_alg_info(gh_alg_t alg)
{
    return &algs[(unsigned) alg < GH_ALG_COUNT ? alg : GH_ALG_NONE];
}


const char *
gh_hash_name(gh_hash_t hash)
{
    return hashes[hash].name;
}


size_t
gh_hash_len(gh_hash_t hash)
{
    return hashes[hash].len;
}


const gh_curve_t *
gh_curve_by_crv(gh_str_t crv)
{
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        if (gh_str_eq(crv, curves[i]->crv)) {
            return curves[i];
        }
    }

    return NULL;
}


const gh_curve_t *
gh_curve_by_group(gh_str_t group)
{
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        if (gh_str_eq(group, gh_str(curves[i]->group))) {
            return curves[i];
        }
    }

    return NULL;
}


gh_rc_t
gh_ecdsa_to_der(const gh_curve_t *curve, gh_str_t raw, gh_buf_t *out)
{
    char room[2 * (GH_COORDINATE_MAX + 3)];
    gh_buf_t integers = GH_BUF(room);
    size_t len = curve->len;

    if (raw.len != 2 * len) {
        return GH_INVALID;
    }

    const uint8_t *r = (const uint8_t *) raw.data;

    /* CVE-2022-21449: zero is a multiple of everything */
    if (!in_range(curve, r) || !in_range(curve, r + len)) {
        return GH_INVALID;
    }

    if (add_integer(&integers, r, len) != GH_OK
        || add_integer(&integers, r + len, len) != GH_OK
        || integers.len + 3 > out->cap - out->len)
    {
        return GH_TOO_LONG;
    }

    (void) gh_buf_add_char(out, 0x30);

    if (integers.len > 127) {
        (void) gh_buf_add_char(out, (char) (uint8_t) 0x81);
    }

    (void) gh_buf_add_char(out, (char) (uint8_t) integers.len);
    return gh_buf_add(out, gh_buf_str(&integers));
}


/* 1 .. n-1. Nothing here is secret. */
static bool
in_range(const gh_curve_t *curve, const uint8_t *n)
{
    static const uint8_t zero[GH_COORDINATE_MAX];

    return memcmp(n, zero, curve->len) != 0
           && memcmp(n, curve->order, curve->len) < 0;
}


/* A positive INTEGER of at most 127 bytes, in as few as there can be. */
static gh_rc_t
add_integer(gh_buf_t *out, const uint8_t *n, size_t len)
{
    while (len > 1 && n[0] == 0) {
        n++;
        len--;
    }

    size_t sign = n[0] >= 0x80 ? 1 : 0;

    if (gh_buf_add_char(out, 0x02) != GH_OK
        || gh_buf_add_char(out, (char) (uint8_t) (len + sign)) != GH_OK
        || (sign == 1 && gh_buf_add_char(out, 0) != GH_OK))
    {
        return GH_TOO_LONG;
    }

    return gh_buf_add(out, (gh_str_t){ (const char *) n, len });
}


gh_rc_t
gh_ecdsa_from_der(const gh_curve_t *curve, gh_str_t der, gh_buf_t *out)
{
    const unsigned char *p = (const unsigned char *) der.data;
    unsigned char raw[2 * GH_COORDINATE_MAX];
    int len = (int) curve->len;

    if (der.len > 2 * GH_COORDINATE_MAX + 16) {
        return GH_INVALID;
    }

    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long) der.len);

    if (sig == NULL) {
        return GH_INVALID;
    }

    bool done = BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, len) == len
                && BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + len, len) == len;

    ECDSA_SIG_free(sig);

    if (!done) {
        return GH_INVALID;
    }

    return gh_buf_add(out, (gh_str_t){ (char *) raw, 2 * curve->len });
}
