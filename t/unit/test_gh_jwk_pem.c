/*
 * Key sets of one local key or certificate in PEM: which files are taken,
 * and that nothing private, doubled or weak is.
 */

#include "gh_test_jwt.h"

#include <stdlib.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>


static gh_rc_t
from_pem(gh_str_t pem)
{
    gh_jwks_t *set = NULL;
    gh_rc_t rc = gh_jwks_from_pem(pem, gh_alloc_libc(), &set);

    assert_true((rc == GH_OK) == (set != NULL));
    assert_int_equal(ERR_peek_error(), 0);
    gh_jwks_destroy(set);
    return rc;
}


/* What was written to the BIO, which is freed. */
static gh_str_t
written(BIO *bio)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    gh_str_t text = gh_test_text("%.*s", (int) len, data);

    BIO_free(bio);
    return text;
}


static gh_str_t
public_pem(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
    return written(bio);
}


static gh_str_t
private_pem(EVP_PKEY *pkey, const EVP_CIPHER *cipher)
{
    BIO *bio = BIO_new(BIO_s_mem());
    unsigned char pass[] = "pass";

    assert_int_equal(PEM_write_bio_PrivateKey(
                         bio, pkey, cipher, cipher != NULL ? pass : NULL,
                         cipher != NULL ? 4 : 0, NULL, NULL),
                     1);
    return written(bio);
}


static gh_str_t
certificate_pem(EVP_PKEY *pkey, const EVP_MD *md)
{
    BIO *bio = BIO_new(BIO_s_mem());
    X509 *cert = X509_new();

    assert_non_null(cert);
    assert_int_equal(X509_set_pubkey(cert, pkey), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), -200));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), -100));
    assert_true(X509_sign(cert, pkey, md) > 0);
    assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
    X509_free(cert);
    return written(bio);
}


static void
a_public_key_of_each_kind_is_taken(void **state)
{
    static const gh_alg_t algs[] = { GH_ALG_RS256, GH_ALG_ES256, GH_ALG_ES384,
                                     GH_ALG_ES512, GH_ALG_EDDSA };
    (void) state;

    for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
        gh_str_t pem = public_pem(gh_test_key(algs[i]));
        gh_jwks_t *set = NULL;

        assert_int_equal(gh_jwks_from_pem(pem, gh_alloc_libc(), &set), GH_OK);
        assert_int_equal(gh_jwks_count(set), 1);
        assert_true((gh_jwks_at(set, 0)->algs & 1u << algs[i]) != 0);
        assert_true(gh_jwks_any_kid(set));
        assert_int_equal(
            EVP_PKEY_eq(gh_jwks_at(set, 0)->pkey, gh_test_key(algs[i])), 1);
        gh_jwks_destroy(set);
    }
}


static void
a_certificate_is_taken_for_its_key(void **state)
{
    (void) state;
    EVP_PKEY *pkey = gh_test_key(GH_ALG_ES384);
    gh_jwks_t *set = NULL;

    /* it has run out: the file says which key, not until when */
    gh_str_t pem = certificate_pem(pkey, EVP_sha384());

    assert_int_equal(gh_jwks_from_pem(pem, gh_alloc_libc(), &set), GH_OK);
    assert_int_equal(EVP_PKEY_eq(gh_jwks_at(set, 0)->pkey, pkey), 1);
    gh_jwks_destroy(set);
}


static void
text_around_the_block_and_crlf_do_not_matter(void **state)
{
    (void) state;
    gh_str_t pem = public_pem(gh_test_key(GH_ALG_EDDSA));
    gh_str_t around =
        gh_test_text("# the issuer's key\n%s\n\nbye\n", pem.data);
    char crlf[1024];
    size_t len = 0;

    assert_int_equal(from_pem(around), GH_OK);

    for (size_t i = 0; i < pem.len; i++) {
        if (pem.data[i] == '\n') {
            crlf[len++] = '\r';
        }
        crlf[len++] = pem.data[i];
    }

    assert_int_equal(from_pem((gh_str_t){ crlf, len }), GH_OK);
}


static void
a_private_key_is_refused(void **state)
{
    (void) state;
    EVP_PKEY *ec = gh_test_key(GH_ALG_ES256);
    EVP_PKEY *rsa = gh_test_key(GH_ALG_RS256);
    BIO *bio = BIO_new(BIO_s_mem());

    assert_int_equal(from_pem(private_pem(ec, NULL)), GH_INVALID);
    assert_int_equal(from_pem(private_pem(rsa, NULL)), GH_INVALID);
    assert_int_equal(from_pem(private_pem(rsa, EVP_aes_128_cbc())),
                     GH_INVALID);

    assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, ec, NULL, NULL,
                                                          0, NULL, NULL),
                     1);
    assert_int_equal(from_pem(written(bio)), GH_INVALID);
}


static void
a_private_key_beside_the_public_one_is_refused(void **state)
{
    (void) state;
    EVP_PKEY *pkey = gh_test_key(GH_ALG_ES256);
    gh_str_t public = public_pem(pkey), private = private_pem(pkey, NULL);

    assert_int_equal(from_pem(gh_test_text("%s%s", public.data, private.data)),
                     GH_INVALID);
    assert_int_equal(from_pem(gh_test_text("%s%s", private.data, public.data)),
                     GH_INVALID);
}


static void
two_blocks_are_refused(void **state)
{
    (void) state;
    EVP_PKEY *pkey = gh_test_key(GH_ALG_ES256);
    gh_str_t key = public_pem(pkey);
    gh_str_t cert = certificate_pem(pkey, EVP_sha256());

    assert_int_equal(from_pem(gh_test_text("%s%s", key.data, key.data)),
                     GH_INVALID);
    assert_int_equal(from_pem(gh_test_text("%s%s", cert.data, cert.data)),
                     GH_INVALID);
    assert_int_equal(
        from_pem(gh_test_text("%s-----BEGIN PUBLIC KEY-----\nAA", key.data)),
        GH_INVALID);
}


static void
what_is_no_pem_is_refused(void **state)
{
    (void) state;
    char *long_one = malloc(GH_PEM_BYTES_MAX + 1);

    assert_int_equal(from_pem(GH_STR("")), GH_INVALID);
    assert_int_equal(from_pem((gh_str_t){ NULL, 0 }), GH_INVALID);
    assert_int_equal(from_pem(GH_STR("{\"keys\":[]}")), GH_INVALID);
    assert_int_equal(from_pem(GH_STR("-----BEGIN PUBLIC KEY-----\n"
                                     "-----END PUBLIC KEY-----\n")),
                     GH_INVALID);
    assert_int_equal(from_pem(GH_STR("-----BEGIN PUBLIC KEY-----\nAAAA\n"
                                     "-----END PUBLIC KEY-----\n")),
                     GH_INVALID);
    assert_int_equal(from_pem(GH_STR("-----BEGIN CERTIFICATE-----\nMAA=\n"
                                     "-----END CERTIFICATE-----\n")),
                     GH_INVALID);

    assert_non_null(long_one);
    memset(long_one, '\n', GH_PEM_BYTES_MAX + 1);
    assert_int_equal(from_pem((gh_str_t){ long_one, GH_PEM_BYTES_MAX }),
                     GH_INVALID);
    assert_int_equal(from_pem((gh_str_t){ long_one, GH_PEM_BYTES_MAX + 1 }),
                     GH_TOO_LONG);
    free(long_one);
}


static void
an_encrypted_block_is_refused_and_nobody_is_asked(void **state)
{
    (void) state;
    gh_str_t pem = public_pem(gh_test_key(GH_ALG_EDDSA));
    const char *body = strchr(pem.data, '\n');

    assert_non_null(body);
    assert_int_equal(from_pem(gh_test_text("-----BEGIN PUBLIC KEY-----\n"
                                           "Proc-Type: 4,ENCRYPTED\n"
                                           "DEK-Info: AES-128-CBC,00\n%s",
                                           body)),
                     GH_INVALID);
}


/* PEM of a SubjectPublicKeyInfo with bytes after it. */
static void
bytes_after_the_key_are_refused(void **state)
{
    (void) state;
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(gh_test_key(GH_ALG_ES256), &der);
    unsigned char longer[256] = { 0 };
    BIO *bio = BIO_new(BIO_s_mem());

    assert_true(len > 0 && len < 200);
    memcpy(longer, der, (size_t) len);
    OPENSSL_free(der);
    assert_true(PEM_write_bio(bio, "PUBLIC KEY", "", longer, len + 1) > 0);
    assert_int_equal(from_pem(written(bio)), GH_INVALID);

    bio = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio(bio, "PUBLIC KEY", "", longer, len) > 0);
    assert_int_equal(from_pem(written(bio)), GH_OK);
}


static void
d13_a_curve_spelled_out_or_not_ours_is_refused(void **state)
{
    (void) state;
    EVP_PKEY *ec = EVP_EC_gen("P-256"), *k1 = EVP_EC_gen("secp256k1");

    assert_int_equal(from_pem(public_pem(k1)), GH_INVALID);
    assert_int_equal(
        EVP_PKEY_set_utf8_string_param(ec, OSSL_PKEY_PARAM_EC_ENCODING,
                                       OSSL_PKEY_EC_ENCODING_EXPLICIT),
        1);
    assert_int_equal(from_pem(public_pem(ec)), GH_INVALID);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(k1);
}


static void
d13_the_point_at_infinity_is_refused(void **state)
{
    (void) state;
    /* id-ecPublicKey, prime256v1, BIT STRING 00 */
    char bytes[64];
    gh_buf_t room = GH_BUF(bytes);
    BIO *bio = BIO_new(BIO_s_mem());

    gh_str_t der = gh_test_hex("3019 3013 06072a8648ce3d0201"
                               "06082a8648ce3d030107 0302 0000",
                               &room);
    assert_true(PEM_write_bio(bio, "PUBLIC KEY", "",
                              (const unsigned char *) der.data, (long) der.len)
                > 0);
    assert_int_equal(from_pem(written(bio)), GH_INVALID);
}


static void
d14_a_key_of_small_order_is_refused(void **state)
{
    (void) state;
    unsigned char one[32] = { 1 };
    EVP_PKEY *pkey =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, one, sizeof(one));

    assert_non_null(pkey);
    assert_int_equal(from_pem(public_pem(pkey)), GH_INVALID);
    EVP_PKEY_free(pkey);
}


static void
d15_a_weak_or_restricted_rsa_key_is_refused(void **state)
{
    (void) state;
    EVP_PKEY *small = EVP_RSA_gen(1024);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    EVP_PKEY *pss = NULL;

    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_generate(ctx, &pss), 1);
    EVP_PKEY_CTX_free(ctx);

    assert_int_equal(from_pem(public_pem(small)), GH_INVALID);
    assert_int_equal(from_pem(public_pem(pss)), GH_INVALID);
    EVP_PKEY_free(small);
    EVP_PKEY_free(pss);
}


static void
a_key_for_agreement_is_refused(void **state)
{
    (void) state;
    EVP_PKEY *x25519 = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");

    assert_int_equal(from_pem(public_pem(x25519)), GH_INVALID);
    EVP_PKEY_free(x25519);
}


static void
a_token_may_call_the_one_local_key_anything(void **state)
{
    (void) state;
    gh_str_t pem = public_pem(gh_test_key(GH_ALG_EDDSA));
    gh_jwt_policy_t policy = gh_test_policy();
    gh_jwks_t *set = NULL;

    gh_str_t token =
        gh_test_token(GH_ALG_EDDSA, "{\"alg\":\"EdDSA\",\"kid\":\"whatever\"}",
                      GH_TEST_CLAIMS);
    gh_str_t forged = gh_test_token_by(
        gh_test_other_key(GH_ALG_EDDSA), GH_ALG_EDDSA,
        "{\"alg\":\"EdDSA\",\"kid\":\"whatever\"}", GH_TEST_CLAIMS);

    assert_int_equal(gh_jwks_from_pem(pem, gh_alloc_libc(), &set), GH_OK);
    assert_judged(token, set, &policy, GH_REASON_OK);
    assert_judged(forged, set, &policy, GH_REASON_TOKEN_SIGNATURE);
    gh_jwks_destroy(set);
}


static void
a_set_of_a_file_survives_no_memory(void **state)
{
    (void) state;
    gh_str_t pem = public_pem(gh_test_key(GH_ALG_ES256));
    bool more = true;

    for (size_t n = 1; more; n++) {
        gh_test_alloc_t *t = gh_test_alloc(n);
        gh_jwks_t *set = NULL;
        gh_rc_t rc = gh_jwks_from_pem(pem, &t->alloc, &set);

        assert_int_equal(rc, t->failed ? GH_NOMEM : GH_OK);
        gh_jwks_destroy(set);
        more = gh_test_alloc_end(t);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_public_key_of_each_kind_is_taken),
        cmocka_unit_test(a_certificate_is_taken_for_its_key),
        cmocka_unit_test(text_around_the_block_and_crlf_do_not_matter),
        cmocka_unit_test(a_private_key_is_refused),
        cmocka_unit_test(a_private_key_beside_the_public_one_is_refused),
        cmocka_unit_test(two_blocks_are_refused),
        cmocka_unit_test(what_is_no_pem_is_refused),
        cmocka_unit_test(an_encrypted_block_is_refused_and_nobody_is_asked),
        cmocka_unit_test(bytes_after_the_key_are_refused),
        cmocka_unit_test(d13_a_curve_spelled_out_or_not_ours_is_refused),
        cmocka_unit_test(d13_the_point_at_infinity_is_refused),
        cmocka_unit_test(d14_a_key_of_small_order_is_refused),
        cmocka_unit_test(d15_a_weak_or_restricted_rsa_key_is_refused),
        cmocka_unit_test(a_key_for_agreement_is_refused),
        cmocka_unit_test(a_token_may_call_the_one_local_key_anything),
        cmocka_unit_test(a_set_of_a_file_survives_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
