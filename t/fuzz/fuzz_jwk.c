/*
 * A key set in JSON, or a key in PEM: whatever is taken is within the bounds,
 * verifies no signature of zeros, and can be published and taken again.
 */

#include "fuzz.h"

#include "gh_jwk.h"

#include <openssl/core_names.h>
#include <openssl/err.h>


static void check_set(gh_rc_t rc, gh_jwks_t *set);
static void check_key(const gh_jwks_t *set, size_t i);
static void check_bounds(EVP_PKEY *pkey);
static void check_again(const gh_jwk_t *key);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_str_t text = { (const char *) data, size };
    gh_jwks_t *set = NULL;
    gh_rc_t rc;

    if (size > 0 && data[0] == '-') {
        rc = gh_jwks_from_pem(text, gh_alloc_libc(), &set);
        require(rc == GH_OK || rc == GH_INVALID || rc == GH_TOO_LONG);

    } else {
        rc = gh_jwks_parse(text, gh_alloc_libc(), &set, NULL);
        require(rc == GH_OK || rc == GH_ABSENT || rc == GH_INVALID
                || rc == GH_TOO_LONG);
    }

    require(ERR_peek_error() == 0);
    check_set(rc, set);
    gh_jwks_destroy(set);
    return 0;
}


static void
check_set(gh_rc_t rc, gh_jwks_t *set)
{
    require((rc == GH_OK) == (set != NULL));

    if (set == NULL) {
        return;
    }

    require(gh_jwks_count(set) > 0 && gh_jwks_count(set) <= GH_JWKS_KEYS_MAX);

    for (size_t i = 0; i < gh_jwks_count(set); i++) {
        check_key(set, i);
    }
}


static void
check_key(const gh_jwks_t *set, size_t i)
{
    static const char zeros[GH_SIGNATURE_MAX];
    const gh_jwk_t *key = gh_jwks_at(set, i);

    require(key->pkey != NULL && key->secret.len == 0);
    require(key->kid.len <= GH_KID_MAX);
    require(key->algs != 0 && (key->algs & ~GH_ALGS_DEFAULT) == 0);
    require(key->kid.len == 0 || gh_jwks_has_kid(set, key->kid));
    check_bounds(key->pkey);

    for (gh_alg_t alg = GH_ALG_NONE; alg < GH_ALG_COUNT; alg++) {
        size_t len = gh_jwk_signature_len(key, alg);

        require((len > 0) == ((key->algs >> alg & 1) == 1));
        require(len <= GH_SIGNATURE_MAX);
        require(gh_jwk_verify(set, i, alg, GH_STR("text"),
                              (gh_str_t){ zeros, len })
                == GH_DENIED);
    }

    check_again(key);
}


static void
check_bounds(EVP_PKEY *pkey)
{
    int bits = EVP_PKEY_get_bits(pkey);
    BIGNUM *e = NULL;

    if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA) {
        require(bits == 253 || bits == 256 || bits == 384 || bits == 521);
        return;
    }

    require(bits >= 2048 && bits <= 8192);
    require(EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1);
    require(BN_is_odd(e) && !BN_is_one(e) && BN_num_bits(e) <= 32);
    BN_free(e);
}


static void
check_again(const gh_jwk_t *key)
{
    char room[8192];
    gh_buf_t out = GH_BUF(room);
    gh_jwks_t *set = NULL;

    require(gh_buf_add(&out, GH_STR("{\"keys\":[")) == GH_OK);
    require(gh_jwk_build(key->pkey, GH_ALG_NONE, key->kid, &out) == GH_OK);
    require(gh_buf_add(&out, GH_STR("]}")) == GH_OK);
    require(gh_jwks_parse(gh_buf_str(&out), gh_alloc_libc(), &set, NULL)
            == GH_OK);

    const gh_jwk_t *again = gh_jwks_at(set, 0);

    require(gh_str_eq(again->kid, key->kid));
    require((key->algs & ~again->algs) == 0);
    require(EVP_PKEY_eq(again->pkey, key->pkey) == 1);
    gh_jwks_destroy(set);
}
