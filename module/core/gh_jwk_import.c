/*
 * Which JSON Web Keys are usable, and the bounds every public key is held to
 * (RFC 7517 section 4, RFC 7518 section 6, RFC 8037). A key that is not
 * exactly as it must be is passed over; what it costs to find out is bounded.
 */

#include "gh_bytes.h"
#include "gh_jwk_set.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192
#define RSA_E_BITS_MAX 32 /* e is odd: at most 2^32 - 1 */
#define ED25519_LEN 32


static bool is_for_verifying(const json_t *jwk);
static bool has_private_part(const json_t *jwk);
static gh_rc_t narrow(const json_t *jwk, gh_algs_t *algs);
static gh_rc_t member(const json_t *jwk, const char *name, gh_buf_t *out);
static gh_rc_t import_rsa(const json_t *jwk, EVP_PKEY **out);
static gh_rc_t import_ec(const json_t *jwk, EVP_PKEY **out);
static gh_rc_t import_okp(const json_t *jwk, EVP_PKEY **out);
static gh_rc_t from_params(const char *type, OSSL_PARAM_BLD *bld,
                           EVP_PKEY **out);
static gh_rc_t admit_rsa(const EVP_PKEY *pkey, gh_algs_t *algs);
static bool is_sound_rsa(const BIGNUM *n, const BIGNUM *e);
static bool is_roca(const BIGNUM *n);
static gh_rc_t admit_ec(EVP_PKEY *pkey, gh_algs_t *algs);
static gh_rc_t admit_ed25519(const EVP_PKEY *pkey, gh_algs_t *algs);
static bool is_small_order(const uint8_t y[ED25519_LEN]);


static const struct {
    gh_str_t kty;
    gh_rc_t (*import)(const json_t *jwk, EVP_PKEY **out);
} kinds[] = {
    { { "RSA", 3 }, import_rsa },
    { { "EC", 2 }, import_ec },
    { { "OKP", 3 }, import_okp },
};

/* RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1 */
static const char *const private_parts[] = { "d",  "p",  "q",   "dp",
                                             "dq", "qi", "oth", "k" };


gh_rc_t
gh_jwk_import(const json_t *jwk, gh_jwk_t *out)
{
    gh_str_t kty, kid = { NULL, 0 };
    EVP_PKEY *pkey = NULL;
    gh_algs_t algs = 0;

    if (gh_json_str(jwk, "kty", &kty) != GH_OK
        || gh_json_str(jwk, "kid", &kid) == GH_INVALID || kid.len > GH_KID_MAX
        || !is_for_verifying(jwk) || has_private_part(jwk))
    {
        return GH_INVALID;
    }

    gh_rc_t rc = GH_INVALID;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (gh_str_eq(kty, kinds[i].kty)) {
            rc = kinds[i].import(jwk, &pkey);
        }
    }

    if (rc == GH_OK) {
        rc = gh_jwk_admit(pkey, &algs);
    }

    if (rc == GH_OK) {
        rc = narrow(jwk, &algs);
    }

    if (rc != GH_OK) {
        EVP_PKEY_free(pkey);
        return rc;
    }

    *out = (gh_jwk_t){ .kid = kid, .algs = algs, .pkey = pkey };
    return GH_OK;
}


/* RFC 7517 sections 4.2 and 4.3; where both are there, both must allow it. */
static bool
is_for_verifying(const json_t *jwk)
{
    const json_t *ops = json_object_get(jwk, "key_ops");
    gh_str_t word;

    gh_rc_t rc = gh_json_str(jwk, "use", &word);

    if (rc == GH_INVALID || (rc == GH_OK && !gh_str_eq(word, GH_STR("sig")))) {
        return false;
    }

    if (ops == NULL) {
        return true;
    }

    for (size_t i = 0; i < json_array_size(ops); i++) {
        const char *op = json_string_value(json_array_get(ops, i));

        if (op != NULL && strcmp(op, "verify") == 0) {
            return true;
        }
    }

    return false;
}


static bool
has_private_part(const json_t *jwk)
{
    size_t n = sizeof(private_parts) / sizeof(private_parts[0]);

    for (size_t i = 0; i < n; i++) {
        if (json_object_get(jwk, private_parts[i]) != NULL) {
            return true;
        }
    }

    return false;
}


/* A key that says what it is for is for nothing else (section 4.4). */
static gh_rc_t
narrow(const json_t *jwk, gh_algs_t *algs)
{
    gh_str_t name;
    gh_rc_t rc = gh_json_str(jwk, "alg", &name);

    if (rc == GH_ABSENT) {
        return GH_OK;
    }

    if (rc != GH_OK) {
        return GH_INVALID;
    }

    *algs &= 1u << gh_alg_parse(name);
    return *algs != 0 ? GH_OK : GH_INVALID;
}


static gh_rc_t
member(const json_t *jwk, const char *name, gh_buf_t *out)
{
    gh_str_t text;

    if (gh_json_str(jwk, name, &text) != GH_OK || text.len == 0) {
        return GH_INVALID;
    }

    return gh_base64url_decode(text, out) == GH_OK ? GH_OK : GH_INVALID;
}


static gh_rc_t
import_rsa(const json_t *jwk, EVP_PKEY **out)
{
    char n_bytes[RSA_BITS_MAX / 8 + 1]; /* some write a zero before it */
    char e_bytes[RSA_E_BITS_MAX / 8 + 1];
    gh_buf_t n_buf = GH_BUF(n_bytes), e_buf = GH_BUF(e_bytes);

    if (member(jwk, "n", &n_buf) != GH_OK || member(jwk, "e", &e_buf) != GH_OK)
    {
        return GH_INVALID;
    }

    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    BIGNUM *n = BN_bin2bn((unsigned char *) n_buf.data, (int) n_buf.len, NULL);
    BIGNUM *e = BN_bin2bn((unsigned char *) e_buf.data, (int) e_buf.len, NULL);

    gh_rc_t rc = GH_NOMEM;

    if (bld != NULL && n != NULL && e != NULL
        && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) == 1
        && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) == 1)
    {
        rc = from_params("RSA", bld, out);
    }

    OSSL_PARAM_BLD_free(bld);
    BN_free(n);
    BN_free(e);
    return rc;
}


static gh_rc_t
import_ec(const json_t *jwk, EVP_PKEY **out)
{
    char point[1 + 2 * GH_COORDINATE_MAX];
    gh_buf_t buf = GH_BUF(point);
    gh_str_t crv;

    if (gh_json_str(jwk, "crv", &crv) != GH_OK) {
        return GH_INVALID;
    }

    const gh_curve_t *curve = gh_curve_by_crv(crv);

    /* SEC 1 section 2.3.3, uncompressed; each coordinate in full length */
    if (curve == NULL
        || gh_buf_add_char(&buf, POINT_CONVERSION_UNCOMPRESSED) != GH_OK
        || member(jwk, "x", &buf) != GH_OK || buf.len != 1 + curve->len
        || member(jwk, "y", &buf) != GH_OK || buf.len != 1 + 2 * curve->len)
    {
        return GH_INVALID;
    }

    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    gh_rc_t rc = GH_NOMEM;

    if (bld != NULL
        && OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
                                           curve->group, 0)
               == 1
        && OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY,
                                            buf.data, buf.len)
               == 1)
    {
        rc = from_params("EC", bld, out);
    }

    OSSL_PARAM_BLD_free(bld);
    return rc;
}


static gh_rc_t
import_okp(const json_t *jwk, EVP_PKEY **out)
{
    char x[ED25519_LEN];
    gh_buf_t buf = GH_BUF(x);
    gh_str_t crv;

    if (gh_json_str(jwk, "crv", &crv) != GH_OK
        || !gh_str_eq(crv, GH_STR("Ed25519"))
        || member(jwk, "x", &buf) != GH_OK || buf.len != ED25519_LEN)
    {
        return GH_INVALID;
    }

    *out = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL,
                                          (unsigned char *) buf.data, buf.len);

    return *out != NULL ? GH_OK : gh_openssl_nomem();
}


static gh_rc_t
from_params(const char *type, OSSL_PARAM_BLD *bld, EVP_PKEY **out)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    gh_rc_t rc = GH_OK;

    if (params == NULL || ctx == NULL) {
        rc = GH_NOMEM;

    } else if (EVP_PKEY_fromdata_init(ctx) <= 0
               || EVP_PKEY_fromdata(ctx, out, EVP_PKEY_PUBLIC_KEY, params)
                      <= 0)
    {
        rc = gh_openssl_failure(ERR_LIB_EC); /* RSA refuses nothing here */
    }

    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);
    return rc;
}


gh_rc_t
gh_jwk_admit(EVP_PKEY *pkey, gh_algs_t *algs)
{
    /* EVP_PKEY_is_a() allocates, and says "no" when it cannot */
    switch (EVP_PKEY_get_base_id(pkey)) {

    case EVP_PKEY_RSA:
        return admit_rsa(pkey, algs);

    case EVP_PKEY_EC:
        return admit_ec(pkey, algs);

    case EVP_PKEY_ED25519:
        return admit_ed25519(pkey, algs);

    default:
        return GH_INVALID;
    }
}


static gh_rc_t
admit_rsa(const EVP_PKEY *pkey, gh_algs_t *algs)
{
    BIGNUM *n = NULL, *e = NULL;
    gh_rc_t rc = GH_OK;

    if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) != 1
        || EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
    {
        rc = gh_openssl_nomem();

    } else if (!is_sound_rsa(n, e) || is_roca(n)) {
        rc = GH_INVALID;
    }

    BN_free(n);
    BN_free(e);

    *algs = 1u << GH_ALG_RS256 | 1u << GH_ALG_RS384 | 1u << GH_ALG_RS512
            | 1u << GH_ALG_PS256 | 1u << GH_ALG_PS384 | 1u << GH_ALG_PS512;
    return rc;
}


/*
 * EVP_PKEY_public_check would also ask whether n is composite: seconds for a
 * set of large ones, and whoever publishes a prime n only forges himself.
 */
static bool
is_sound_rsa(const BIGNUM *n, const BIGNUM *e)
{
    return BN_num_bits(n) >= RSA_BITS_MIN && BN_num_bits(n) <= RSA_BITS_MAX
           && BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e)
           && BN_num_bits(e) <= RSA_E_BITS_MAX;
}


/*
 * CVE-2017-15361: the primes of some smart cards are powers of 65537 modulo
 * many small primes, so their product is too. Of sound keys one in
 * 2^28 looks the same.
 */
static bool
is_roca(const BIGNUM *n)
{
    static const uint8_t primes[] = { 11, 13, 17,  19,  37,  53,  61,  71, 73,
                                      79, 97, 103, 107, 109, 127, 151, 157 };

    for (size_t i = 0; i < sizeof(primes); i++) {
        BN_ULONG rest = BN_mod_word(n, primes[i]);
        BN_ULONG power = 1;
        bool found = false;

        for (unsigned k = 0; k < primes[i] && !found; k++) {
            found = power == rest;
            power = power * (65537 % primes[i]) % primes[i];
        }

        if (!found) {
            return false;
        }
    }

    return true;
}


static gh_rc_t
admit_ec(EVP_PKEY *pkey, gh_algs_t *algs)
{
    char group[32];
    size_t len = 0;
    int explicit_params = 0;

    if (EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) != 1) {
        return gh_openssl_refusal();
    }

    const gh_curve_t *curve = gh_curve_by_group((gh_str_t){ group, len });

    /* CVE-2020-0601: a curve is named, never spelled out */
    (void) EVP_PKEY_get_int_param(
        pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
        &explicit_params);

    if (curve == NULL || explicit_params != 0) {
        return GH_INVALID;
    }

    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

    /* on the curve and not the point at infinity, which verifies a lot */
    bool sound = ctx != NULL && EVP_PKEY_public_check(ctx) == 1;

    EVP_PKEY_CTX_free(ctx);

    *algs = 1u << curve->alg;
    return sound ? GH_OK : gh_openssl_failure(ERR_LIB_EC);
}


static gh_rc_t
admit_ed25519(const EVP_PKEY *pkey, gh_algs_t *algs)
{
    uint8_t y[ED25519_LEN];
    size_t len = sizeof(y);

    if (EVP_PKEY_get_raw_public_key(pkey, y, &len) != 1 || len != sizeof(y)) {
        return gh_openssl_nomem();
    }

    *algs = 1u << GH_ALG_EDDSA;
    return is_small_order(y) ? GH_INVALID : GH_OK;
}


/*
 * The eight points whose order divides 8 (RFC 7748 section 7 tells why), by
 * their y, little-endian: 0, 1, -1 and the two of order 8; and every y that
 * is not below p = 2^255 - 19 (RFC 8032 section 5.1.3). The sign of x is the
 * top bit and does not matter.
 */
static bool
is_small_order(const uint8_t y[ED25519_LEN])
{
    /* clang-format off */
    static const uint8_t points[][ED25519_LEN] = {
        { 0 },
        { 1 },
        { 0xc7,0x17,0x6a,0x70, 0x3d,0x4d,0xd8,0x4f, 0xba,0x3c,0x0b,0x76,
          0x0d,0x10,0x67,0x0f, 0x2a,0x20,0x53,0xfa, 0x2c,0x39,0xcc,0xc6,
          0x4e,0xc7,0xfd,0x77, 0x92,0xac,0x03,0x7a },
        { 0x26,0xe8,0x95,0x8f, 0xc2,0xb2,0x27,0xb0, 0x45,0xc3,0xf4,0x89,
          0xf2,0xef,0x98,0xf0, 0xd5,0xdf,0xac,0x05, 0xd3,0xc6,0x33,0x39,
          0xb1,0x38,0x02,0x88, 0x6d,0x53,0xfc,0x05 },
    };
    /* clang-format on */

    uint8_t plain[ED25519_LEN];
    bool high = true;

    memcpy(plain, y, sizeof(plain));
    plain[ED25519_LEN - 1] &= 0x7f;

    /* p - 1 = ec ff .. ff 7f, and everything from p on */
    for (size_t i = 1; i < ED25519_LEN - 1; i++) {
        high = high && plain[i] == 0xff;
    }

    if (high && plain[ED25519_LEN - 1] == 0x7f && plain[0] >= 0xec) {
        return true;
    }

    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        if (memcmp(plain, points[i], sizeof(plain)) == 0) {
            return true;
        }
    }

    return false;
}
