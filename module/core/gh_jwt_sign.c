/*
 * Makes signatures and the tokens that hold them (RFC 7515 section 5.1).
 */

#include "gh_alg.h"
#include "gh_bytes.h"
#include "gh_jwk_set.h"
#include "gh_jwt.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#define HEADER_MAX (GH_KID_MAX * 6 + 64) /* a kid of nothing but escapes */


static gh_rc_t build_header(gh_alg_t alg, gh_str_t kid, gh_buf_t *out);
static bool goes_with(const gh_alg_info_t *info, const EVP_PKEY *pkey);
static gh_rc_t make_signature(const gh_alg_info_t *info, EVP_PKEY *pkey,
                              gh_str_t input, gh_buf_t *out);
static gh_rc_t set_up(EVP_MD_CTX *ctx, const gh_alg_info_t *info,
                      EVP_PKEY *pkey);


gh_rc_t
gh_jwt_sign(gh_alg_t alg, gh_str_t kid, EVP_PKEY *pkey, gh_str_t claims_json,
            gh_buf_t *out)
{
    char room[HEADER_MAX];
    gh_buf_t header = GH_BUF(room);

    gh_rc_t rc = build_header(alg, kid, &header);

    if (rc != GH_OK) {
        return rc;
    }

    return gh_jwt_sign_header(alg, gh_buf_str(&header), pkey, claims_json,
                              out);
}


static gh_rc_t
build_header(gh_alg_t alg, gh_str_t kid, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add(out, GH_STR("{\"alg\":"));

    if (rc == GH_OK) {
        rc = gh_json_quote(gh_alg_name(alg), out);
    }

    if (rc == GH_OK) {
        rc = gh_buf_add(out, GH_STR(",\"typ\":\"JWT\""));
    }

    if (rc == GH_OK && kid.len > 0) {
        rc = gh_buf_add(out, GH_STR(",\"kid\":"));
    }

    if (rc == GH_OK && kid.len > 0) {
        rc = gh_json_quote(kid, out);
    }

    return rc == GH_OK ? gh_buf_add_char(out, '}') : rc;
}


gh_rc_t
gh_jwt_sign_header(gh_alg_t alg, gh_str_t header_json, EVP_PKEY *pkey,
                   gh_str_t claims_json, gh_buf_t *out)
{
    char bytes[GH_SIGNATURE_MAX];
    gh_buf_t signature = GH_BUF(bytes);
    size_t mark = out->len;

    gh_rc_t rc = gh_base64url_encode(header_json, out);

    if (rc == GH_OK) {
        rc = gh_buf_add_char(out, '.');
    }

    if (rc == GH_OK) {
        rc = gh_base64url_encode(claims_json, out);
    }

    if (rc == GH_OK) {
        gh_str_t input = { out->data + mark, out->len - mark };

        rc = gh_jwk_sign(alg, pkey, input, &signature);
    }

    if (rc == GH_OK) {
        rc = gh_buf_add_char(out, '.');
    }

    if (rc == GH_OK) {
        rc = gh_base64url_encode(gh_buf_str(&signature), out);
    }

    if (rc != GH_OK) {
        out->len = mark;
    }

    return rc;
}


static bool
goes_with(const gh_alg_info_t *info, const EVP_PKEY *pkey)
{
    char group[32];
    size_t len = 0;

    int type = EVP_PKEY_get_base_id(pkey);

    switch (info->family) {

    case GH_FAMILY_RSA:
    case GH_FAMILY_PSS:
        return type == EVP_PKEY_RSA;

    case GH_FAMILY_EC:
        return type == EVP_PKEY_EC
               && EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len)
                      == 1
               && gh_str_eq((gh_str_t){ group, len },
                            gh_str(info->curve->group));

    case GH_FAMILY_EDDSA:
        return type == EVP_PKEY_ED25519;

    case GH_FAMILY_HMAC:
        return type == EVP_PKEY_HMAC || EVP_PKEY_is_a(pkey, "HMAC");

    default:
        return false;
    }
}


gh_rc_t
gh_jwk_sign(gh_alg_t alg, EVP_PKEY *pkey, gh_str_t input, gh_buf_t *out)
{
    const gh_alg_info_t *info = gh_alg_info(alg);
    char bytes[GH_SIGNATURE_MAX];
    gh_buf_t made = GH_BUF(bytes);

    if (!goes_with(info, pkey)) {
        return GH_INVALID;
    }

    ERR_clear_error();

    gh_rc_t rc = make_signature(info, pkey, input, &made);

    if (rc != GH_OK) {
        return rc;
    }

    return info->family == GH_FAMILY_EC
               ? gh_ecdsa_from_der(info->curve, gh_buf_str(&made), out)
               : gh_buf_add(out, gh_buf_str(&made));
}


static gh_rc_t
make_signature(const gh_alg_info_t *info, EVP_PKEY *pkey, gh_str_t input,
               gh_buf_t *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t len = out->cap;

    if (ctx == NULL) {
        return gh_openssl_nomem();
    }

    gh_rc_t rc = set_up(ctx, info, pkey);

    if (rc == GH_OK
        && EVP_DigestSign(ctx, (unsigned char *) out->data, &len,
                          (const unsigned char *) input.data, input.len)
               != 1)
    {
        rc = gh_openssl_refusal();
    }

    EVP_MD_CTX_free(ctx);

    if (rc == GH_OK) {
        out->len = len;
    }

    return rc;
}


static gh_rc_t
set_up(EVP_MD_CTX *ctx, const gh_alg_info_t *info, EVP_PKEY *pkey)
{
    const char *hash =
        info->hash != GH_HASH_NONE ? gh_hash_name(info->hash) : NULL;
    EVP_PKEY_CTX *pkey_ctx;

    if (EVP_DigestSignInit_ex(ctx, &pkey_ctx, hash, NULL, NULL, pkey, NULL)
        != 1) {
        return gh_openssl_refusal();
    }

    if (info->family == GH_FAMILY_PSS
        && (EVP_PKEY_CTX_set_rsa_padding(pkey_ctx, RSA_PKCS1_PSS_PADDING) <= 0
            || EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_ctx,
                                                RSA_PSS_SALTLEN_DIGEST)
                   <= 0))
    {
        return gh_openssl_refusal();
    }

    return GH_OK;
}
