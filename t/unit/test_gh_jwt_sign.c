/*
 * Tokens of our own making: what they say, that they verify, and that keys
 * and algorithms which do not go together make none.
 */

#include "gh_test_jwt.h"

#include "gh_bytes.h"


static void
what_is_signed_verifies(void **state)
{
    (void) state;

    for (gh_alg_t alg = GH_ALG_RS256; alg < GH_ALG_COUNT; alg++) {
        gh_jwt_policy_t policy = gh_test_policy();
        gh_jwks_t *keys = NULL;

        if (alg >= GH_ALG_HS256) {
            assert_int_equal(
                gh_jwks_from_secret(gh_test_secret(), gh_alloc_libc(), &keys),
                GH_OK);
            policy.algs = 1u << alg;

        } else {
            keys = gh_test_jwks_of(alg, "k1");
        }

        assert_judged(gh_test_token(alg, NULL, GH_TEST_CLAIMS), keys, &policy,
                      GH_REASON_OK);
        gh_jwks_destroy(keys);
    }
}


static void
assert_header(gh_alg_t alg, const char *kid, const char *expected)
{
    char room[2048], header_room[1024];
    gh_buf_t out = GH_BUF(room), header = GH_BUF(header_room);
    gh_str_t rest;

    assert_int_equal(
        gh_jwt_sign(alg, gh_str(kid), gh_test_key(alg), GH_STR("{}"), &out),
        GH_OK);
    assert_int_equal(
        gh_base64url_decode(gh_str_cut(gh_buf_str(&out), '.', &rest), &header),
        GH_OK);
    assert_str(gh_buf_str(&header), expected);
    assert_str(gh_str_cut(rest, '.', &rest), "e30");
}


static void
the_header_says_algorithm_type_and_key(void **state)
{
    (void) state;

    assert_header(GH_ALG_ES256, "", "{\"alg\":\"ES256\",\"typ\":\"JWT\"}");
    assert_header(GH_ALG_EDDSA, "k1",
                  "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"k1\"}");
    assert_header(GH_ALG_HS256, "\"\\",
                  "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"\\\"\\\\\"}");
}


static void
the_longest_kid_fits_however_it_is_escaped(void **state)
{
    (void) state;
    char room[4096], kid[GH_KID_MAX];
    gh_buf_t out = GH_BUF(room);

    memset(kid, 1, sizeof(kid));
    assert_int_equal(
        gh_jwt_sign(GH_ALG_ES256, (gh_str_t){ kid, sizeof(kid) },
                    gh_test_key(GH_ALG_ES256), GH_STR("{}"), &out),
        GH_OK);

    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_ES256, "");
    assert_verified(gh_buf_str(&out), keys, 0, GH_REASON_OK);
    gh_jwks_destroy(keys);
}


static void
keys_and_algorithms_must_go_together(void **state)
{
    (void) state;
    char room[2048];
    gh_buf_t out = GH_BUF(room);
    gh_str_t kid = GH_STR("k1"), claims = GH_STR("{}");

    for (gh_alg_t key = GH_ALG_RS256; key < GH_ALG_COUNT; key++) {
        for (gh_alg_t alg = GH_ALG_NONE; alg <= GH_ALG_COUNT; alg++) {
            bool rsa = key <= GH_ALG_PS512 && alg <= GH_ALG_PS512;
            bool hmac = key >= GH_ALG_HS256 && alg >= GH_ALG_HS256;
            bool both = alg != GH_ALG_NONE && alg != GH_ALG_COUNT
                        && (key == alg || rsa || hmac);

            out.len = 0;
            assert_int_equal(
                gh_jwt_sign(alg, kid, gh_test_key(key), claims, &out),
                both ? GH_OK : GH_INVALID);
            assert_int_equal(out.len > 0, both);
        }
    }
}


static void
a_public_key_signs_nothing(void **state)
{
    (void) state;
    char room[2048];
    gh_buf_t out = GH_BUF(room);
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_ES256, "");
    gh_str_t none = { NULL, 0 };

    assert_int_equal(gh_jwt_sign(GH_ALG_ES256, none, gh_jwks_at(keys, 0)->pkey,
                                 GH_STR("{}"), &out),
                     GH_INVALID);
    assert_int_equal(out.len, 0);
    gh_jwks_destroy(keys);
}


static void
a_token_is_appended_whole_or_not_at_all(void **state)
{
    (void) state;
    char room[1024];
    gh_str_t none = { NULL, 0 };
    gh_str_t whole = gh_test_token(GH_ALG_EDDSA, NULL, "{}");

    for (size_t cap = 7; cap <= 7 + whole.len; cap++) {
        gh_buf_t out = { room, 0, cap };

        assert_int_equal(gh_buf_add(&out, GH_STR("Bearer ")), GH_OK);

        gh_rc_t rc = gh_jwt_sign(GH_ALG_EDDSA, none, gh_test_key(GH_ALG_EDDSA),
                                 GH_STR("{}"), &out);

        assert_int_equal(rc, cap == 7 + whole.len ? GH_OK : GH_TOO_LONG);
        assert_int_equal(out.len, rc == GH_OK ? cap : 7);
    }

    assert_memory_equal(room, "Bearer ", 7);
    assert_memory_equal(room + 7, whole.data, whole.len);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_signed_verifies),
        cmocka_unit_test(the_header_says_algorithm_type_and_key),
        cmocka_unit_test(the_longest_kid_fits_however_it_is_escaped),
        cmocka_unit_test(keys_and_algorithms_must_go_together),
        cmocka_unit_test(a_public_key_signs_nothing),
        cmocka_unit_test(a_token_is_appended_whole_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
