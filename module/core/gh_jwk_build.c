/*
 * The public half of a key as a JSON Web Key (RFC 7518 section 6, RFC 8037
 * section 2): the reverse of gh_jwk_import.c, for publishing keys of our own.
 */

#include "gh_bytes.h"
#include "gh_jwk_set.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>

#define ED25519_LEN 32


static gh_rc_t add_head(gh_alg_t alg, gh_str_t kid, gh_buf_t *out);
static gh_rc_t add_text(const char *name, gh_str_t text, gh_buf_t *out);
static gh_rc_t add_rsa(const EVP_PKEY *pkey, gh_buf_t *out);
static gh_rc_t add_ec(const EVP_PKEY *pkey, gh_algs_t algs, gh_buf_t *out);
static gh_rc_t add_ed25519(const EVP_PKEY *pkey, gh_buf_t *out);
static gh_rc_t add_number(const EVP_PKEY *pkey, const char *param,
                          const char *name, size_t len, gh_buf_t *out);
static gh_rc_t add_base64url(const char *name, const unsigned char *p,
                             size_t len, gh_buf_t *out);


gh_rc_t
gh_jwk_build(EVP_PKEY *pkey, gh_alg_t alg, gh_str_t kid, gh_buf_t *out)
{
    size_t mark = out->len;
    gh_algs_t algs;

    ERR_clear_error();

    gh_rc_t rc = gh_jwk_admit(pkey, &algs);

    if (rc == GH_OK && alg != GH_ALG_NONE && (algs & 1u << alg) == 0) {
        rc = GH_INVALID;
    }

    if (rc == GH_OK) {
        rc = add_head(alg, kid, out);
    }

    if (rc != GH_OK) {
        out->len = mark;
        return rc;
    }

    int type = EVP_PKEY_get_base_id(pkey);

    if (type == EVP_PKEY_RSA) {
        rc = add_rsa(pkey, out);

    } else if (type == EVP_PKEY_EC) {
        rc = add_ec(pkey, algs, out);

    } else {
        rc = add_ed25519(pkey, out);
    }

    if (rc == GH_OK) {
        rc = gh_buf_add_char(out, '}');
    }

    if (rc != GH_OK) {
        out->len = mark;
    }

    return rc;
}


static gh_rc_t
add_head(gh_alg_t alg, gh_str_t kid, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add(out, GH_STR("{\"use\":\"sig\""));

    if (rc == GH_OK && alg != GH_ALG_NONE) {
        rc = add_text("alg", gh_alg_name(alg), out);
    }

    if (rc == GH_OK && kid.len > 0) {
        rc = add_text("kid", kid, out);
    }

    return rc;
}


static gh_rc_t
add_text(const char *name, gh_str_t text, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add_fmt(out, ",\"%s\":", name);

    return rc == GH_OK ? gh_json_quote(text, out) : rc;
}


static gh_rc_t
add_rsa(const EVP_PKEY *pkey, gh_buf_t *out)
{
    gh_rc_t rc = add_text("kty", GH_STR("RSA"), out);

    if (rc == GH_OK) {
        rc = add_number(pkey, OSSL_PKEY_PARAM_RSA_N, "n", 0, out);
    }

    if (rc == GH_OK) {
        rc = add_number(pkey, OSSL_PKEY_PARAM_RSA_E, "e", 0, out);
    }

    return rc;
}


static gh_rc_t
add_ec(const EVP_PKEY *pkey, gh_algs_t algs, gh_buf_t *out)
{
    gh_alg_t alg = GH_ALG_ES256;

    while ((algs & 1u << alg) == 0) {
        alg++;
    }

    const gh_curve_t *curve = gh_alg_info(alg)->curve;
    gh_rc_t rc = add_text("kty", GH_STR("EC"), out);

    if (rc == GH_OK) {
        rc = add_text("crv", curve->crv, out);
    }

    if (rc == GH_OK) {
        rc = add_number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, "x", curve->len, out);
    }

    if (rc == GH_OK) {
        rc = add_number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, "y", curve->len, out);
    }

    return rc;
}


static gh_rc_t
add_ed25519(const EVP_PKEY *pkey, gh_buf_t *out)
{
    unsigned char x[ED25519_LEN];
    size_t len = sizeof(x);

    if (EVP_PKEY_get_raw_public_key(pkey, x, &len) != 1) {
        return gh_openssl_nomem();
    }

    gh_rc_t rc = add_text("kty", GH_STR("OKP"), out);

    if (rc == GH_OK) {
        rc = add_text("crv", GH_STR("Ed25519"), out);
    }

    return rc == GH_OK ? add_base64url("x", x, len, out) : rc;
}


/* In len bytes, or when that is 0 in as few as there can be. */
static gh_rc_t
add_number(const EVP_PKEY *pkey, const char *param, const char *name,
           size_t len, gh_buf_t *out)
{
    unsigned char bytes[GH_SIGNATURE_MAX];
    BIGNUM *n = NULL;

    if (EVP_PKEY_get_bn_param(pkey, param, &n) != 1) {
        return gh_openssl_nomem();
    }

    int size = len == 0 ? BN_num_bytes(n) : (int) len;
    gh_rc_t rc = GH_INVALID;

    if (size <= (int) sizeof(bytes) && BN_bn2binpad(n, bytes, size) == size) {
        rc = add_base64url(name, bytes, (size_t) size, out);
    }

    BN_free(n);
    return rc;
}


static gh_rc_t
add_base64url(const char *name, const unsigned char *p, size_t len,
              gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add_fmt(out, ",\"%s\":\"", name);

    if (rc == GH_OK) {
        rc = gh_base64url_encode((gh_str_t){ (const char *) p, len }, out);
    }

    return rc == GH_OK ? gh_buf_add_char(out, '"') : rc;
}
