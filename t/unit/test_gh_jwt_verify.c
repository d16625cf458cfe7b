/*
 * Which key may verify a token (THREATS 1.D): the key chooses the algorithm;
 * keys are tried by kid, and only so many.
 */

#include "gh_test_jwt.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define ALL_ALGS (~(gh_algs_t) 1)


static void
every_algorithm_verifies_what_it_signed(void **state)
{
    (void) state;

    for (gh_alg_t alg = GH_ALG_RS256; alg <= GH_ALG_EDDSA; alg++) {
        gh_jwks_t *keys = gh_test_jwks_of(alg, "k1");

        assert_verified(gh_test_token_kid(alg, "k1"), keys, 0, GH_REASON_OK);
        assert_verified(gh_test_token_by(gh_test_other_key(alg), alg, NULL,
                                         GH_TEST_CLAIMS),
                        keys, 0, GH_REASON_TOKEN_SIGNATURE);
        gh_jwks_destroy(keys);
    }
}


static gh_str_t
from_bio(BIO *bio)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    gh_str_t text = gh_test_text("%.*s", (int) len, data);

    BIO_free(bio);
    return text;
}


/* A token of HS256 whose secret is whatever those bytes are. */
static gh_str_t
hmac_token(gh_str_t secret)
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key_ex(
        NULL, "HMAC", NULL, (const unsigned char *) secret.data, secret.len);

    assert_non_null(pkey);
    gh_str_t token =
        gh_test_token_by(pkey, GH_ALG_HS256, NULL, GH_TEST_CLAIMS);
    EVP_PKEY_free(pkey);
    return token;
}


static void
assert_no_secret(gh_str_t secret, const gh_jwks_t *keys)
{
    assert_verified(hmac_token(secret), keys, ALL_ALGS,
                    GH_REASON_TOKEN_ALGORITHM);
    assert_verified(hmac_token(secret), keys, 0, GH_REASON_TOKEN_ALGORITHM);
}


/* Also where the allow-list, wrongly, has HS256 in it. */
static void
d2_a_public_key_is_never_a_secret(void **state)
{
    static const gh_alg_t algs[] = { GH_ALG_RS256, GH_ALG_ES256 };
    (void) state;

    for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
        EVP_PKEY *pkey = gh_test_key(algs[i]);
        gh_jwks_t *keys = gh_test_jwks_of(algs[i], "");
        const char *jwk = gh_test_jwk(pkey, GH_ALG_NONE, "");
        BIO *bio = BIO_new(BIO_s_mem());
        unsigned char *der = NULL, *pkcs1 = NULL;

        assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
        gh_str_t pem = from_bio(bio);
        int der_len = i2d_PUBKEY(pkey, &der);
        int pkcs1_len = i2d_PublicKey(pkey, &pkcs1);

        assert_no_secret(pem, keys);
        assert_no_secret((gh_str_t){ pem.data, pem.len - 1 }, keys);
        assert_no_secret(gh_test_text(" %s", pem.data), keys);
        assert_no_secret(gh_test_text("\n%s", pem.data), keys);
        assert_no_secret(gh_test_text("%s\r\n", pem.data), keys);
        assert_no_secret(gh_str(jwk), keys);
        assert_no_secret((gh_str_t){ (char *) der, (size_t) der_len }, keys);
        assert_no_secret((gh_str_t){ (char *) pkcs1, (size_t) pkcs1_len },
                         keys);

        OPENSSL_free(der);
        OPENSSL_free(pkcs1);
        gh_jwks_destroy(keys);
    }
}


static void
d2_neither_are_a_modulus_or_a_certificate(void **state)
{
    (void) state;
    EVP_PKEY *pkey = gh_test_key(GH_ALG_RS256);
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_RS256, "");
    unsigned char modulus[256];
    BIO *bio = BIO_new(BIO_s_mem());
    X509 *cert = X509_new();
    BIGNUM *n = NULL;

    assert_int_equal(EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n),
                     1);
    assert_int_equal(BN_bn2bin(n, modulus), 256);
    BN_free(n);
    assert_no_secret((gh_str_t){ (char *) modulus, 256 }, keys);

    assert_int_equal(X509_set_pubkey(cert, pkey), 1);
    assert_true(X509_sign(cert, pkey, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
    X509_free(cert);
    assert_no_secret(from_bio(bio), keys);
    gh_jwks_destroy(keys);
}


static void
d3_the_key_and_the_allow_list_choose_the_algorithm(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_RS256, ""); /* no "alg" */

    for (gh_alg_t alg = GH_ALG_RS256; alg < GH_ALG_COUNT; alg++) {
        bool is_rsa = alg <= GH_ALG_PS512;
        gh_str_t token = gh_test_token_kid(alg, NULL);

        assert_verified(token, keys, ALL_ALGS,
                        is_rsa ? GH_REASON_OK : GH_REASON_TOKEN_ALGORITHM);
        assert_verified(
            token, keys, 1u << GH_ALG_PS384,
            alg == GH_ALG_PS384 ? GH_REASON_OK : GH_REASON_TOKEN_ALGORITHM);
        assert_verified(token, keys, ~(1u << alg), GH_REASON_TOKEN_ALGORITHM);
    }

    gh_jwks_destroy(keys);
}


static void
d3_a_key_for_one_algorithm_verifies_no_other(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks(
        gh_test_jwk(gh_test_key(GH_ALG_RS256), GH_ALG_RS256, "k1"));

    assert_verified(gh_test_token_kid(GH_ALG_RS256, "k1"), keys, 0,
                    GH_REASON_OK);
    assert_verified(gh_test_token_kid(GH_ALG_PS256, "k1"), keys, 0,
                    GH_REASON_TOKEN_ALGORITHM);
    assert_verified(gh_test_token_kid(GH_ALG_RS512, "k1"), keys, 0,
                    GH_REASON_TOKEN_ALGORITHM);
    gh_jwks_destroy(keys);
}


/* The token says one algorithm and is signed with another. */
static void
d3_a_header_that_lies_does_not_help(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_RS256, "");

    assert_verified(
        gh_test_token(GH_ALG_RS512, "{\"alg\":\"RS256\"}", GH_TEST_CLAIMS),
        keys, 0, GH_REASON_TOKEN_SIGNATURE);
    assert_verified(
        gh_test_token(GH_ALG_PS256, "{\"alg\":\"RS256\"}", GH_TEST_CLAIMS),
        keys, 0, GH_REASON_TOKEN_SIGNATURE);
    assert_verified(
        gh_test_token(GH_ALG_RS256, "{\"alg\":\"PS256\"}", GH_TEST_CLAIMS),
        keys, 0, GH_REASON_TOKEN_SIGNATURE);
    gh_jwks_destroy(keys);
}


static void
d13_an_algorithm_belongs_to_one_curve(void **state)
{
    (void) state;

    for (gh_alg_t key = GH_ALG_ES256; key <= GH_ALG_ES512; key++) {
        gh_jwks_t *keys = gh_test_jwks_of(key, "");

        for (gh_alg_t alg = GH_ALG_ES256; alg <= GH_ALG_ES512; alg++) {
            assert_verified(
                gh_test_token_kid(alg, NULL), keys, 0,
                alg == key ? GH_REASON_OK : GH_REASON_TOKEN_ALGORITHM);
        }

        gh_jwks_destroy(keys);
    }
}


static void
d17_hmac_needs_a_local_secret_and_to_be_asked_for(void **state)
{
    (void) state;
    gh_str_t secret = gh_test_secret();
    gh_jwks_t *keys = NULL;

    assert_int_equal(gh_jwks_from_secret(secret, gh_alloc_libc(), &keys),
                     GH_OK);

    for (gh_alg_t alg = GH_ALG_HS256; alg <= GH_ALG_HS512; alg++) {
        assert_verified(gh_test_token_kid(alg, "any"), keys, 1u << alg,
                        GH_REASON_OK);
        assert_verified(gh_test_token_kid(alg, NULL), keys, 0,
                        GH_REASON_TOKEN_ALGORITHM);
    }

    assert_verified(hmac_token((gh_str_t){ secret.data, 63 }), keys, ALL_ALGS,
                    GH_REASON_TOKEN_SIGNATURE);
    gh_jwks_destroy(keys);

    /* 32 bytes are enough for HS256 only */
    secret.len = 32;
    assert_int_equal(gh_jwks_from_secret(secret, gh_alloc_libc(), &keys),
                     GH_OK);
    assert_verified(hmac_token(secret), keys, ALL_ALGS, GH_REASON_OK);
    assert_verified(gh_test_token_kid(GH_ALG_HS384, NULL), keys, ALL_ALGS,
                    GH_REASON_TOKEN_ALGORITHM);
    gh_jwks_destroy(keys);
}


static void
d18_a_published_secret_verifies_nothing(void **state)
{
    (void) state;
    gh_str_t k = gh_test_base64url(gh_test_secret());
    gh_jwks_t *keys = gh_test_jwks(
        gh_test_text("{\"kty\":\"oct\",\"kid\":\"k1\",\"k\":\"%.*s\"},%s",
                     (int) k.len, k.data,
                     gh_test_jwk(gh_test_key(GH_ALG_RS256), GH_ALG_NONE, "k1"))
            .data);

    assert_verified(gh_test_token_kid(GH_ALG_HS256, "k1"), keys, ALL_ALGS,
                    GH_REASON_TOKEN_ALGORITHM);
    assert_verified(gh_test_token_kid(GH_ALG_RS256, "k1"), keys, ALL_ALGS,
                    GH_REASON_OK);
    gh_jwks_destroy(keys);
}


static void
d32_an_unknown_kid_is_not_a_bad_signature(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_ES256, "old");

    /* absent: the caller may look for a newer set and ask again */
    assert_verified(gh_test_token_kid(GH_ALG_ES256, "new"), keys, 0,
                    GH_REASON_TOKEN_KEY_UNKNOWN);
    assert_verified(gh_test_token_kid(GH_ALG_ES256, "old"), keys, 0,
                    GH_REASON_OK);
    assert_verified(gh_test_token_kid(GH_ALG_ES256, NULL), keys, 0,
                    GH_REASON_OK);
    gh_jwks_destroy(keys);
}


static void
with_a_kid_only_keys_of_that_kid_count(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks(
        gh_test_text(
            "%s,%s,%s",
            gh_test_jwk(gh_test_key(GH_ALG_ES256), GH_ALG_NONE, "a"),
            gh_test_jwk(gh_test_other_key(GH_ALG_ES256), GH_ALG_NONE, "b"),
            gh_test_jwk(gh_test_key(GH_ALG_ES256), GH_ALG_NONE, ""))
            .data);

    assert_verified(gh_test_token_kid(GH_ALG_ES256, "a"), keys, 0,
                    GH_REASON_OK);
    assert_verified(gh_test_token_kid(GH_ALG_ES256, "b"), keys, 0,
                    GH_REASON_TOKEN_SIGNATURE);
    gh_jwks_destroy(keys);
}


static void
a_key_without_a_kid_serves_for_kids_nobody_has(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_ES256, "");

    assert_verified(gh_test_token_kid(GH_ALG_ES256, "k1"), keys, 0,
                    GH_REASON_OK);
    assert_verified(
        gh_test_token_by(gh_test_other_key(GH_ALG_ES256), GH_ALG_ES256,
                         "{\"alg\":\"ES256\",\"kid\":\"k1\"}", GH_TEST_CLAIMS),
        keys, 0, GH_REASON_TOKEN_KEY_UNKNOWN);
    gh_jwks_destroy(keys);
}


static void
d18_keys_of_one_kid_are_tried_in_turn(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks(
        gh_test_text(
            "%s,%s,%s",
            gh_test_jwk(gh_test_other_key(GH_ALG_ES256), GH_ALG_NONE, "twin"),
            gh_test_jwk(gh_test_key(GH_ALG_RS256), GH_ALG_NONE, "twin"),
            gh_test_jwk(gh_test_key(GH_ALG_ES256), GH_ALG_NONE, "twin"))
            .data);

    assert_verified(gh_test_token_kid(GH_ALG_ES256, "twin"), keys, 0,
                    GH_REASON_OK);
    assert_verified(gh_test_token_kid(GH_ALG_PS256, "twin"), keys, 0,
                    GH_REASON_OK);
    gh_jwks_destroy(keys);
}


/* `before` strangers' keys, then the right one. */
static gh_jwks_t *
behind(size_t before, const char *kid)
{
    char text[4096] = "";

    for (size_t i = 0; i < before; i++) {
        strcat(text,
               gh_test_jwk(gh_test_other_key(GH_ALG_ES256), GH_ALG_NONE, kid));
        strcat(text, ",");
    }

    strcat(text, gh_test_jwk(gh_test_key(GH_ALG_ES256), GH_ALG_NONE, kid));
    return gh_test_jwks(text);
}


static void
so_many_keys_are_tried_and_no_more(void **state)
{
    (void) state;
    static const char *const kids[] = { "", "twin" };

    for (size_t i = 0; i < 2; i++) {
        gh_str_t token =
            gh_test_token_kid(GH_ALG_ES256, i == 0 ? NULL : kids[i]);
        gh_jwks_t *within = behind(GH_JWT_TRIES_MAX - 1, kids[i]);
        gh_jwks_t *beyond = behind(GH_JWT_TRIES_MAX, kids[i]);

        assert_verified(token, within, 0, GH_REASON_OK);
        assert_verified(token, beyond, 0, GH_REASON_TOKEN_SIGNATURE);
        gh_jwks_destroy(within);
        gh_jwks_destroy(beyond);
    }
}


static void
keys_of_another_kind_are_not_tries(void **state)
{
    (void) state;
    char text[8192] = "";

    for (size_t i = 0; i < 3; i++) {
        strcat(text, gh_test_jwk(gh_test_key(GH_ALG_RS256), GH_ALG_NONE, ""));
        strcat(text, ",");
        strcat(text, gh_test_jwk(gh_test_key(GH_ALG_ES384), GH_ALG_NONE, ""));
        strcat(text, ",");
    }

    strcat(text, gh_test_jwk(gh_test_key(GH_ALG_ES256), GH_ALG_NONE, ""));

    gh_jwks_t *keys = gh_test_jwks(text);
    assert_verified(gh_test_token_kid(GH_ALG_ES256, NULL), keys, 0,
                    GH_REASON_OK);
    gh_jwks_destroy(keys);
}


static void
d34_decoys_do_not_hide_the_good_key(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks(
        gh_test_text(
            "{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"pub\":\"AAAA\"},"
            "{\"kty\":\"NEW\",\"kid\":\"good\"},"
            "{\"kty\":\"EC\",\"crv\":\"P-999\",\"kid\":\"good\"},%s",
            gh_test_jwk(gh_test_key(GH_ALG_ES256), GH_ALG_ES256, "good"))
            .data);

    assert_verified(gh_test_token_kid(GH_ALG_ES256, "good"), keys, 0,
                    GH_REASON_OK);
    gh_jwks_destroy(keys);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm_verifies_what_it_signed),
        cmocka_unit_test(d2_a_public_key_is_never_a_secret),
        cmocka_unit_test(d2_neither_are_a_modulus_or_a_certificate),
        cmocka_unit_test(d3_the_key_and_the_allow_list_choose_the_algorithm),
        cmocka_unit_test(d3_a_key_for_one_algorithm_verifies_no_other),
        cmocka_unit_test(d3_a_header_that_lies_does_not_help),
        cmocka_unit_test(d13_an_algorithm_belongs_to_one_curve),
        cmocka_unit_test(d17_hmac_needs_a_local_secret_and_to_be_asked_for),
        cmocka_unit_test(d18_a_published_secret_verifies_nothing),
        cmocka_unit_test(d32_an_unknown_kid_is_not_a_bad_signature),
        cmocka_unit_test(with_a_kid_only_keys_of_that_kid_count),
        cmocka_unit_test(a_key_without_a_kid_serves_for_kids_nobody_has),
        cmocka_unit_test(d18_keys_of_one_kid_are_tried_in_turn),
        cmocka_unit_test(so_many_keys_are_tried_and_no_more),
        cmocka_unit_test(keys_of_another_kind_are_not_tries),
        cmocka_unit_test(d34_decoys_do_not_hide_the_good_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
