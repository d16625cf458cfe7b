/*
 * Whether one key of a set verifies a signature (RFC 7518 section 3, RFC 8037
 * section 3.1). The key says which algorithms there are; a signature of
 * another length is refused before any arithmetic.
 */

#include "gh_bytes.h"
#include "gh_jwk_set.h"

#include <openssl/err.h>
#include <openssl/hmac.h>

#define ED25519_SIGNATURE_LEN 64
#define DER_MAX (2 * (GH_COORDINATE_MAX + 3) + 3)


static gh_rc_t verify_hash(const gh_jwks_t *set, const gh_jwk_entry_t *e,
                           gh_alg_t alg, gh_str_t input, gh_str_t signature);
static gh_rc_t digest(const EVP_MD *md, gh_str_t input, unsigned char *out);
static gh_rc_t verify_ecdsa(const gh_jwks_t *set, const gh_jwk_entry_t *e,
                            gh_alg_t alg, gh_str_t input, gh_str_t signature);
static gh_rc_t verify_eddsa(EVP_PKEY *pkey, gh_str_t input,
                            gh_str_t signature);
static gh_rc_t verify_hmac(const gh_jwk_t *key, const EVP_MD *md,
                           gh_str_t input, gh_str_t signature);
static gh_rc_t verdict(int verified, gh_family_t family);
static bool is_bare_no(int verified, unsigned long first);
static const unsigned char *bytes(gh_str_t s);


size_t
gh_jwk_signature_len(const gh_jwk_t *key, gh_alg_t alg)
{
    const gh_alg_info_t *info = gh_alg_info(alg);

    if (info->family == GH_FAMILY_NONE || (key->algs & 1u << alg) == 0) {
        return 0;
    }

    switch (info->family) {

    case GH_FAMILY_RSA:
    case GH_FAMILY_PSS:
        return (size_t) EVP_PKEY_get_size(key->pkey);

    case GH_FAMILY_EC:
        return 2 * info->curve->len;

    case GH_FAMILY_EDDSA:
        return ED25519_SIGNATURE_LEN;

    default:
        return gh_hash_len(info->hash);
    }
}


gh_rc_t
gh_jwk_verify(const gh_jwks_t *set, size_t i, gh_alg_t alg, gh_str_t input,
              gh_str_t signature)
{
    if (i >= set->n || signature.len == 0) {
        return GH_DENIED;
    }

    const gh_alg_info_t *info = gh_alg_info(alg);
    const gh_jwk_entry_t *e = &set->keys[i];

    if (signature.len != gh_jwk_signature_len(&e->jwk, alg)) {
        return GH_DENIED;
    }

    ERR_clear_error();

    switch (info->family) {

    case GH_FAMILY_RSA:
    case GH_FAMILY_PSS:
        return verify_hash(set, e, alg, input, signature);

    case GH_FAMILY_EC:
        return verify_ecdsa(set, e, alg, input, signature);

    case GH_FAMILY_EDDSA:
        return verify_eddsa(e->jwk.pkey, input, signature);

    default:
        return verify_hmac(&e->jwk, set->md[info->hash], input, signature);
    }
}


static gh_rc_t
verify_hash(const gh_jwks_t *set, const gh_jwk_entry_t *e, gh_alg_t alg,
            gh_str_t input, gh_str_t signature)
{
    gh_hash_t hash = gh_alg_info(alg)->hash;
    unsigned char sum[GH_HASH_LEN_MAX];

    gh_rc_t rc = digest(set->md[hash], input, sum);

    if (rc != GH_OK) {
        return rc;
    }

    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(e->ready[alg]);

    if (ctx == NULL) {
        return gh_openssl_nomem();
    }

    int verified = EVP_PKEY_verify(ctx, bytes(signature), signature.len, sum,
                                   gh_hash_len(hash));

    EVP_PKEY_CTX_free(ctx);

    return verdict(verified, gh_alg_info(alg)->family);
}


static gh_rc_t
digest(const EVP_MD *md, gh_str_t input, unsigned char *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    bool done = ctx != NULL && EVP_DigestInit_ex2(ctx, md, NULL) == 1
                && EVP_DigestUpdate(ctx, input.data, input.len) == 1
                && EVP_DigestFinal_ex(ctx, out, NULL) == 1;

    EVP_MD_CTX_free(ctx);

    return done ? GH_OK : gh_openssl_nomem();
}


static gh_rc_t
verify_ecdsa(const gh_jwks_t *set, const gh_jwk_entry_t *e, gh_alg_t alg,
             gh_str_t input, gh_str_t signature)
{
    char room[DER_MAX];
    gh_buf_t der = GH_BUF(room);

    if (gh_ecdsa_to_der(gh_alg_info(alg)->curve, signature, &der) != GH_OK) {
        return GH_DENIED;
    }

    return verify_hash(set, e, alg, input, gh_buf_str(&der));
}


/* OpenSSL refuses an S that is not below the group's order. */
static gh_rc_t
verify_eddsa(EVP_PKEY *pkey, gh_str_t input, gh_str_t signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (ctx == NULL
        || EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, pkey, NULL)
               != 1)
    {
        EVP_MD_CTX_free(ctx);
        return gh_openssl_nomem();
    }

    int verified = EVP_DigestVerify(ctx, bytes(signature), signature.len,
                                    bytes(input), input.len);

    EVP_MD_CTX_free(ctx);

    return verdict(verified, GH_FAMILY_EDDSA);
}


static gh_rc_t
verify_hmac(const gh_jwk_t *key, const EVP_MD *md, gh_str_t input,
            gh_str_t signature)
{
    unsigned char mac[GH_HASH_LEN_MAX];

    if (HMAC(md, key->secret.data, (int) key->secret.len, bytes(input),
             input.len, mac, NULL)
        == NULL)
    {
        return gh_openssl_nomem();
    }

    /* the length has been compared */
    return gh_equal_secret(mac, signature.data, signature.len) ? GH_OK
                                                               : GH_DENIED;
}


/*
 * A wrong signature or no memory to look at it? RSA says what is wrong with
 * one; the others say no without a word.
 */
static gh_rc_t
verdict(int verified, gh_family_t family)
{
    if (verified == 1) {
        return GH_OK;
    }

    if (is_bare_no(verified, ERR_peek_error())) {
        ERR_clear_error();
        return family == GH_FAMILY_RSA || family == GH_FAMILY_PSS ? GH_NOMEM
                                                                  : GH_DENIED;
    }

    return gh_openssl_failure(ERR_LIB_RSA) == GH_INVALID ? GH_DENIED
                                                         : GH_NOMEM;
}


/* From OpenSSL 3.5 on there is a word for it; who could not look has -1. */
static bool
is_bare_no(int verified, unsigned long first)
{
#ifdef EVP_R_PROVIDER_SIGNATURE_FAILURE
    if (verified == 0 && ERR_GET_LIB(first) == ERR_LIB_EVP
        && ERR_GET_REASON(first) == EVP_R_PROVIDER_SIGNATURE_FAILURE)
    {
        return true;
    }
#else
    (void) verified;
#endif

    return first == 0;
}


static const unsigned char *
bytes(gh_str_t s)
{
    return (const unsigned char *) s.data;
}
