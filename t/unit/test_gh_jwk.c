/*
 * Key sets as a whole: what is one, how large it may be, what a bad key in
 * it spoils (nothing), what it does with memory and secrets, and keys of our
 * own as others may read them.
 */

#include "gh_test_jwt.h"

#include <stdlib.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>


/* Parses {"keys":[json_keys]} for its result alone. */
static gh_rc_t
parse_keys(const char *json_keys, unsigned *skipped)
{
    gh_str_t text = gh_test_text("{\"keys\":[%s]}", json_keys);
    gh_jwks_t *set = NULL;
    gh_rc_t rc = gh_jwks_parse(text, gh_alloc_libc(), &set, skipped);

    assert_true((rc == GH_OK) == (set != NULL));
    assert_int_equal(ERR_peek_error(), 0);
    gh_jwks_destroy(set);
    return rc;
}


static void
keys_of_one_kid_are_all_kept(void **state)
{
    (void) state;
    gh_jwks_t *set = gh_test_jwks(
        gh_test_text(
            "%s,%s",
            gh_test_jwk(gh_test_key(GH_ALG_ES256), GH_ALG_NONE, "twin"),
            gh_test_jwk(gh_test_key(GH_ALG_EDDSA), GH_ALG_NONE, "twin"))
            .data);

    assert_int_equal(gh_jwks_count(set), 2);
    assert_true(gh_jwks_has_kid(set, GH_STR("twin")));
    assert_false(gh_jwks_has_kid(set, GH_STR("twi")));
    assert_false(gh_jwks_has_kid(set, GH_STR("Twin")));
    assert_false(gh_jwks_has_kid(set, GH_STR("")));
    assert_false(gh_jwks_any_kid(set));
    gh_jwks_destroy(set);
}


static void
what_is_not_a_key_set_is_invalid(void **state)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "null",
        "{\"keys\"}",
        "{\"keys\":null}",
        "<html>",
        "{\"keys\":{}}",
        "[{}]",
        "{\"keys\":\"\"}",
        "{\"KEYS\":[]}",
        "{\"keys\":[],\"keys\":[]}",
        "{\"keys\":[]} ,",
    };
    (void) state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        gh_jwks_t *set = NULL;
        unsigned skipped = 77;

        assert_int_equal(
            gh_jwks_parse(gh_str(texts[i]), gh_alloc_libc(), &set, &skipped),
            GH_INVALID);
        assert_null(set);
        assert_int_equal(skipped, 77);
    }
}


static void
a_set_without_a_usable_key_is_absent_not_invalid(void **state)
{
    (void) state;
    unsigned skipped = 77;

    assert_int_equal(parse_keys("", &skipped), GH_ABSENT);
    assert_int_equal(skipped, 0);
    assert_int_equal(parse_keys("{},[],7,null,\"EC\",{\"kty\":1}", &skipped),
                     GH_ABSENT);
    assert_int_equal(skipped, 6);
}


static void
a_set_has_at_most_64_keys(void **state)
{
    (void) state;
    char text[1024] = "";
    unsigned skipped = 0;

    for (size_t i = 0; i < GH_JWKS_KEYS_MAX; i++) {
        strcat(text, i == 0 ? "{}" : ",{}");
    }

    assert_int_equal(parse_keys(text, &skipped), GH_ABSENT);
    assert_int_equal(skipped, 64);
    strcat(text, ",{}");
    assert_int_equal(parse_keys(text, NULL), GH_TOO_LONG);
}


static void
a_set_has_at_most_half_a_megabyte(void **state)
{
    (void) state;
    size_t len = GH_JWKS_BYTES_MAX;
    char *text = malloc(len + 1);
    gh_jwks_t *set = NULL;

    assert_non_null(text);
    memset(text, ' ', len + 1);
    memcpy(text, "{\"keys\":[]}", 11);
    assert_int_equal(
        gh_jwks_parse((gh_str_t){ text, len }, gh_alloc_libc(), &set, NULL),
        GH_ABSENT);
    assert_int_equal(gh_jwks_parse((gh_str_t){ text, len + 1 },
                                   gh_alloc_libc(), &set, NULL),
                     GH_TOO_LONG);
    free(text);
}


static void
d18_a_secret_in_a_published_set_is_never_a_key(void **state)
{
    (void) state;
    static const char oct[] =
        "{\"kty\":\"oct\",\"alg\":\"HS256\",\"kid\":\"k1\",\"k\":"
        "\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0i"
        "PS4hcgUuTwjAzZr1Z9CAow\"}";
    unsigned skipped = 0;

    assert_int_equal(parse_keys(oct, NULL), GH_ABSENT);

    /* and beside others it disturbs nobody */
    const char *ec = gh_test_jwk(gh_test_key(GH_ALG_ES256), GH_ALG_NONE, "k1");
    gh_str_t both = gh_test_text("{\"keys\":[%s,%s]}", oct, ec);
    gh_jwks_t *set = NULL;

    assert_int_equal(gh_jwks_parse(both, gh_alloc_libc(), &set, &skipped),
                     GH_OK);
    assert_int_equal(skipped, 1);
    assert_int_equal(gh_jwks_count(set), 1);
    assert_int_equal(gh_jwks_at(set, 0)->algs, 1u << GH_ALG_ES256);
    gh_jwks_destroy(set);
}


static void
d34_one_bad_key_never_poisons_the_set(void **state)
{
    (void) state;
    unsigned skipped = 0;
    const char *rsa = gh_test_jwk(gh_test_key(GH_ALG_RS256), GH_ALG_NONE, "");
    gh_str_t text = gh_test_text(
        "{\"keys\":[{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\",\"pub\":\"AAAA\"},"
        "{\"kty\":\"MADE-UP\",\"x\":\"!\"},{},null,"
        "{\"kty\":\"EC\",\"crv\":\"P-999\",\"x\":\"AA\",\"y\":\"AA\"},"
        "{\"kty\":\"RSA\",\"n\":7,\"e\":\"AQAB\"},{\"kty\":\"RSA\"},"
        "{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"\"},"
        "{\"alg\":\"RSA-OAEP-256\",%s,%s],\"unknown\":[[{}]]}",
        rsa + 1, gh_test_jwk(gh_test_key(GH_ALG_ES256), GH_ALG_NONE, "good"));
    gh_jwks_t *set = NULL;

    assert_int_equal(gh_jwks_parse(text, gh_alloc_libc(), &set, &skipped),
                     GH_OK);
    assert_int_equal(skipped, 9);
    assert_int_equal(gh_jwks_count(set), 1);
    assert_str(gh_jwks_at(set, 0)->kid, "good");
    gh_jwks_destroy(set);
}


static void
d17_a_short_secret_is_refused(void **state)
{
    (void) state;
    char bytes[GH_HS_SECRET_MAX + 1] = { 0 };
    gh_jwks_t *set = NULL;

    static const struct {
        size_t len;
        gh_algs_t algs;
    } cases[] = {
        { 32, 1u << GH_ALG_HS256 },
        { 47, 1u << GH_ALG_HS256 },
        { 48, 1u << GH_ALG_HS256 | 1u << GH_ALG_HS384 },
        { 63, 1u << GH_ALG_HS256 | 1u << GH_ALG_HS384 },
        { 64, 1u << GH_ALG_HS256 | 1u << GH_ALG_HS384 | 1u << GH_ALG_HS512 },
        { GH_HS_SECRET_MAX,
          1u << GH_ALG_HS256 | 1u << GH_ALG_HS384 | 1u << GH_ALG_HS512 },
    };

    for (size_t len = 0; len < 32; len++) {
        assert_int_equal(gh_jwks_from_secret((gh_str_t){ bytes, len },
                                             gh_alloc_libc(), &set),
                         GH_INVALID);
    }

    assert_int_equal(gh_jwks_from_secret((gh_str_t){ bytes, sizeof(bytes) },
                                         gh_alloc_libc(), &set),
                     GH_TOO_LONG);
    assert_null(set);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(gh_jwks_from_secret((gh_str_t){ bytes, cases[i].len },
                                             gh_alloc_libc(), &set),
                         GH_OK);
        assert_int_equal(gh_jwks_at(set, 0)->algs, cases[i].algs);
        assert_null(gh_jwks_at(set, 0)->pkey);
        assert_true(gh_jwks_any_kid(set));
        gh_jwks_destroy(set);
    }
}


static void
no_allocation_that_fails_is_taken_for_a_bad_key(void **state)
{
    (void) state;
    gh_str_t text =
        gh_test_text("{\"keys\":[%s,{},%s]}",
                     gh_test_jwk(gh_test_key(GH_ALG_ES256), GH_ALG_NONE, "a"),
                     gh_test_jwk(gh_test_key(GH_ALG_EDDSA), GH_ALG_NONE, "b"));
    bool more = true;

    for (size_t n = 1; more; n++) {
        gh_test_alloc_t *t = gh_test_alloc(n);
        gh_jwks_t *set = NULL;
        gh_rc_t rc = gh_jwks_parse(text, &t->alloc, &set, NULL);

        assert_int_equal(rc, t->failed ? GH_NOMEM : GH_OK);
        assert_int_equal(set == NULL, t->failed);
        gh_jwks_destroy(set);
        more = gh_test_alloc_end(t);
    }
}


static void
a_set_of_a_secret_survives_no_memory(void **state)
{
    (void) state;
    bool more = true;

    for (size_t n = 1; more; n++) {
        gh_test_alloc_t *t = gh_test_alloc(n);
        gh_jwks_t *set = NULL;
        gh_rc_t rc = gh_jwks_from_secret(gh_test_secret(), &t->alloc, &set);

        assert_int_equal(rc, t->failed ? GH_NOMEM : GH_OK);
        gh_jwks_destroy(set);
        more = gh_test_alloc_end(t);
    }
}


/* An allocator that looks for the secret in what it is given back. */
static size_t secrets_seen;


static void
look_and_free(void *ctx, void *p)
{
    gh_str_t secret = gh_test_secret();
    (void) ctx;

    /* the set itself is larger, a kid there is none */
    if (p != NULL && memcmp(p, secret.data, 16) == 0) {
        secrets_seen++;
    }

    free(p);
}


static void *
alloc_enough(void *ctx, size_t size)
{
    (void) ctx;
    return malloc(size < 64 ? 64 : size);
}


static void
a_secret_is_wiped_before_it_is_given_back(void **state)
{
    (void) state;
    gh_alloc_t a = { alloc_enough, look_and_free, NULL };
    gh_jwks_t *set = NULL;

    assert_int_equal(gh_jwks_from_secret(gh_test_secret(), &a, &set), GH_OK);
    assert_true(gh_str_eq(gh_jwks_at(set, 0)->secret, gh_test_secret()));
    assert_ptr_not_equal(gh_jwks_at(set, 0)->secret.data,
                         gh_test_secret().data);
    gh_jwks_destroy(set);
    assert_int_equal(secrets_seen, 0);
    gh_jwks_destroy(NULL);
}


static void
only_what_would_be_taken_is_published(void **state)
{
    (void) state;
    char room[1024];
    gh_buf_t out = GH_BUF(room);
    gh_str_t kid = GH_STR("a \"kid\"");
    EVP_PKEY *ec = gh_test_key(GH_ALG_ES256);
    EVP_PKEY *small = EVP_RSA_gen(1024);

    assert_int_equal(gh_jwk_build(ec, GH_ALG_RS256, kid, &out), GH_INVALID);
    assert_int_equal(gh_jwk_build(small, GH_ALG_NONE, kid, &out), GH_INVALID);
    assert_int_equal(
        gh_jwk_build(gh_test_key(GH_ALG_HS256), GH_ALG_NONE, kid, &out),
        GH_INVALID);
    assert_int_equal(out.len, 0);
    EVP_PKEY_free(small);

    /* nothing or all of it */
    assert_int_equal(gh_jwk_build(ec, GH_ALG_ES256, kid, &out), GH_OK);
    for (size_t cap = 0; cap < out.len; cap++) {
        gh_buf_t less = { room + 512, 0, cap };

        assert_int_equal(gh_jwk_build(ec, GH_ALG_ES256, kid, &less),
                         GH_TOO_LONG);
        assert_int_equal(less.len, 0);
    }

    gh_jwks_t *set =
        gh_test_jwks(gh_test_text("%.*s", (int) out.len, out.data).data);
    assert_true(gh_str_eq(gh_jwks_at(set, 0)->kid, kid));
    gh_jwks_destroy(set);
}


static void
a_short_coordinate_is_published_in_full_length(void **state)
{
    (void) state;

    /* one key in 256 has a zero on top of x */
    for (unsigned tries = 0; tries < 20000; tries++) {
        EVP_PKEY *ec = EVP_EC_gen("P-256");
        BIGNUM *x = NULL;

        assert_int_equal(
            EVP_PKEY_get_bn_param(ec, OSSL_PKEY_PARAM_EC_PUB_X, &x), 1);
        bool is_short = BN_num_bytes(x) < 32;
        BN_free(x);

        if (is_short) {
            assert_int_equal(
                parse_keys(gh_test_jwk(ec, GH_ALG_NONE, ""), NULL), GH_OK);
            EVP_PKEY_free(ec);
            return;
        }

        EVP_PKEY_free(ec);
    }

    fail_msg("no key with a short coordinate came up");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_one_kid_are_all_kept),
        cmocka_unit_test(what_is_not_a_key_set_is_invalid),
        cmocka_unit_test(a_set_without_a_usable_key_is_absent_not_invalid),
        cmocka_unit_test(a_set_has_at_most_64_keys),
        cmocka_unit_test(a_set_has_at_most_half_a_megabyte),
        cmocka_unit_test(d18_a_secret_in_a_published_set_is_never_a_key),
        cmocka_unit_test(d34_one_bad_key_never_poisons_the_set),
        cmocka_unit_test(d17_a_short_secret_is_refused),
        cmocka_unit_test(no_allocation_that_fails_is_taken_for_a_bad_key),
        cmocka_unit_test(a_set_of_a_secret_survives_no_memory),
        cmocka_unit_test(a_secret_is_wiped_before_it_is_given_back),
        cmocka_unit_test(only_what_would_be_taken_is_published),
        cmocka_unit_test(a_short_coordinate_is_published_in_full_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
