/*
 * Keys and tokens while memory runs out inside OpenSSL and jansson: "could
 * not ask" is never an answer. A good token is not refused, a bad one not
 * let through, and no key silently left out of its set.
 */

#include "gh_test_jwt.h"
#include "gh_test_scarce.h"

#include <stdlib.h>
#include <openssl/pem.h>


typedef struct {
    gh_jwks_t *keys;
    gh_jwt_t jwt;
    gh_algs_t algs;
} verify_t;


static gh_rc_t
verify(void *arg)
{
    const verify_t *v = arg;
    gh_reason_t reason = GH_REASON_NONE;
    gh_rc_t rc = gh_jwt_verify(&v->jwt, v->keys, v->algs, &reason);

    assert_int_equal(rc == GH_NOMEM, reason == GH_REASON_INTERNAL);
    return rc;
}


static const gh_alg_t algs[] = { GH_ALG_RS256, GH_ALG_PS256, GH_ALG_ES256,
                                 GH_ALG_ES512, GH_ALG_EDDSA, GH_ALG_HS256,
                                 GH_ALG_HS512 };


static void
verify_under_scarcity(bool forged, gh_rc_t expected)
{
    for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
        verify_t v = { .algs = 1u << algs[i] };
        gh_reason_t reason;
        gh_str_t token = gh_test_token_kid(algs[i], NULL);

        if (algs[i] >= GH_ALG_HS256) {
            assert_int_equal(gh_jwks_from_secret(gh_test_secret(),
                                                 gh_alloc_libc(), &v.keys),
                             GH_OK);
        } else {
            v.keys = gh_test_jwks_of(algs[i], "");
        }

        assert_int_equal(gh_jwt_parse(token, &v.jwt, &reason), GH_OK);

        if (forged) {
            v.jwt.signature[v.jwt.signature_len / 2] ^= 1;
        }

        /*
         * ED25519_verify() has one allocation whose failure looks like a
         * wrong signature.
         */
        gh_test_scarce(verify, &v, expected,
                       algs[i] == GH_ALG_EDDSA ? GH_DENIED : expected);
        gh_jwt_clear(&v.jwt);
        gh_jwks_destroy(v.keys);
    }
}


static void
a_good_token_is_not_refused(void **state)
{
    (void) state;

    verify_under_scarcity(false, GH_OK);
}


static void
a_forged_token_is_not_let_through(void **state)
{
    (void) state;

    verify_under_scarcity(true, GH_DENIED);
}


static gh_rc_t
parse_set(void *arg)
{
    const gh_str_t *text = arg;
    gh_jwks_t *set = NULL;
    unsigned skipped = 0;
    gh_rc_t rc = gh_jwks_parse(*text, gh_alloc_libc(), &set, &skipped);

    if (rc == GH_OK) {
        assert_int_equal(gh_jwks_count(set), 5);
        assert_int_equal(skipped, 2);
    }

    gh_jwks_destroy(set);
    return rc;
}


/* jansson has all it wants: it drops letters where a buffer cannot grow. */
static void
no_good_key_is_left_out_of_its_set(void **state)
{
    (void) state;
    gh_str_t text = gh_test_text(
        "{\"keys\":[%s,{},%s,%s,{\"kty\":\"EC\",\"crv\":\"P-256\","
        "\"x\":\"AA\",\"y\":\"AA\"},%s,%s]}",
        gh_test_jwk(gh_test_key(GH_ALG_RS256), GH_ALG_NONE, "a"),
        gh_test_jwk(gh_test_key(GH_ALG_ES256), GH_ALG_NONE, "b"),
        gh_test_jwk(gh_test_key(GH_ALG_ES384), GH_ALG_NONE, "c"),
        gh_test_jwk(gh_test_key(GH_ALG_ES512), GH_ALG_NONE, "d"),
        gh_test_jwk(gh_test_key(GH_ALG_EDDSA), GH_ALG_NONE, "e"));

    gh_test_scarce(parse_set, &text, GH_OK, GH_OK);
}


static gh_rc_t
read_file(void *arg)
{
    const gh_str_t *pem = arg;
    gh_jwks_t *set = NULL;
    gh_rc_t rc = gh_jwks_from_pem(*pem, gh_alloc_libc(), &set);

    gh_jwks_destroy(set);
    return rc;
}


static void
a_file_is_read_whole_or_not_at_all(void **state)
{
    static const gh_alg_t kinds[] = { GH_ALG_RS256, GH_ALG_ES256,
                                      GH_ALG_EDDSA };
    (void) state;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *data;

        assert_int_equal(PEM_write_bio_PUBKEY(bio, gh_test_key(kinds[i])), 1);
        gh_str_t pem = { NULL, (size_t) BIO_get_mem_data(bio, &data) };
        pem.data = data;
        gh_test_scarce(read_file, &pem, GH_OK, GH_INVALID);
        BIO_free(bio);
    }
}


static gh_rc_t
read_token(void *arg)
{
    const gh_str_t *token = arg;
    gh_reason_t reason = GH_REASON_NONE;
    json_t *claims = NULL;
    gh_jwt_t jwt;

    gh_rc_t rc = gh_jwt_parse(*token, &jwt, &reason);

    if (rc == GH_OK) {
        rc = gh_jwt_peek(&jwt, &claims, &reason);
    }

    assert_int_equal(rc == GH_NOMEM, reason == GH_REASON_INTERNAL);
    json_decref(claims);
    gh_jwt_clear(&jwt);
    return rc;
}


static void
a_good_token_is_not_called_malformed(void **state)
{
    (void) state;
    gh_str_t token =
        gh_test_token(GH_ALG_ES256, "{\"alg\":\"ES256\",\"kid\":\"k1\"}",
                      "{\"a\":[1,2.5,\"x\",{\"b\":null}],\"aud\":[\"x\"]}");

    gh_test_json_is_scarce(true);
    gh_test_scarce(read_token, &token, GH_OK, GH_OK);
    gh_test_json_is_scarce(false);
}


static gh_rc_t
sign(void *arg)
{
    const gh_alg_t *alg = arg;
    char room[2048];
    gh_buf_t out = GH_BUF(room);
    gh_rc_t rc = gh_jwt_sign(*alg, GH_STR("k1"), gh_test_key(*alg),
                             GH_STR(GH_TEST_CLAIMS), &out);

    assert_int_equal(rc == GH_OK, out.len > 0);
    return rc;
}


static void
a_token_is_signed_whole_or_not_at_all(void **state)
{
    (void) state;

    for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
        gh_alg_t alg = algs[i];

        gh_test_scarce(sign, &alg, GH_OK, GH_INVALID);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_token_is_not_refused),
        cmocka_unit_test(a_forged_token_is_not_let_through),
        cmocka_unit_test(no_good_key_is_left_out_of_its_set),
        cmocka_unit_test(a_file_is_read_whole_or_not_at_all),
        cmocka_unit_test(a_good_token_is_not_called_malformed),
        cmocka_unit_test(a_token_is_signed_whole_or_not_at_all),
    };

    if (!gh_test_scarce_begin()) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
