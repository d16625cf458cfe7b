/*
 * Keys and tokens while memory runs out inside OpenSSL and jansson: "could
 * not ask" is never an answer. A good token is not refused, a bad one not
 * let through, and no key silently left out of its set.
 */

#include "gh_test_jwt.h"

#include <stdlib.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

typedef gh_rc_t (*story_t)(void *arg);

static size_t calls, fails_at;
static bool json_is_scarce; /* jansson, too */


static bool
fails(void)
{
    return fails_at > 0 && ++calls == fails_at;
}


static void *
scarce_malloc(size_t size, const char *file, int line)
{
    (void) file, (void) line;
    return fails() ? NULL : malloc(size);
}


static void *
scarce_realloc(void *p, size_t size, const char *file, int line)
{
    (void) file, (void) line;
    return fails() ? NULL : realloc(p, size);
}


static void
plain_free(void *p, const char *file, int line)
{
    (void) file, (void) line;
    free(p);
}


static void *
json_scarce_malloc(size_t size)
{
    return json_is_scarce && fails() ? NULL : malloc(size);
}


/*
 * Tells the story with the first, the second, ... allocation failing. Each
 * time it ends as it should, or with GH_NOMEM, or with what `also` says.
 */
static void
tell(story_t story, void *arg, gh_rc_t expected, gh_rc_t also)
{
    bool came = true;
    size_t scarce = 0;

    /* what is made once per process is made before */
    assert_int_equal(story(arg), expected);

    for (size_t n = 1; came; n++) {
        calls = 0;
        fails_at = n;
        gh_rc_t rc = story(arg);
        came = calls >= n;
        fails_at = 0;

        if (rc == GH_NOMEM) {
            assert_true(came);
            scarce++;

        } else if (rc != expected && rc != also) {
            fail_msg("allocation %zu: result %d, expected %d", n, (int) rc,
                     (int) expected);
        }

        ERR_clear_error();
    }

    assert_true(scarce > 0);
}


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
        tell(verify, &v, expected,
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

    tell(parse_set, &text, GH_OK, GH_OK);
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
        tell(read_file, &pem, GH_OK, GH_INVALID);
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

    json_is_scarce = true;
    tell(read_token, &token, GH_OK, GH_OK);
    json_is_scarce = false;
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

        tell(sign, &alg, GH_OK, GH_INVALID);
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

    /* before anything of theirs allocates */
    if (CRYPTO_set_mem_functions(scarce_malloc, scarce_realloc, plain_free)
        != 1) {
        return 1;
    }

    json_set_alloc_funcs(json_scarce_malloc, free);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
