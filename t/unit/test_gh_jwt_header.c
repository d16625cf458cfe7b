/*
 * What a token's header may say (THREATS 1.D): an algorithm we know, a kid,
 * and nothing that changes what a signature means.
 */

#include "gh_test_jwt.h"


/* A token under that header, signed with the key of ES256. */
static gh_str_t
under(const char *header)
{
    return gh_test_token(GH_ALG_ES256, header, GH_TEST_CLAIMS);
}


static void
d1_unsigned_tokens_are_refused(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}", "{\"alg\":\"None\"}",  "{\"alg\":\"NONE\"}",
        "{\"alg\":\"nOnE\"}", "{\"alg\":\"\"}",      "{}",
        "{\"alg\":null}",     "{\"alg\":0}",         "{\"alg\":[\"none\"]}",
        "{\"alg\":false}",    "{\"alg\":{\"a\":1}}", "{\"ALG\":\"ES256\"}",
        "{\"typ\":\"JWT\"}",  "{\"alg\":\"es256\"}", "{\"alg\":\"ES256 \"}",
    };
    (void) state;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        gh_str_t signed_one = under(headers[i]);
        gh_str_t rest, header = gh_str_cut(signed_one, '.', &rest);
        gh_str_t payload = gh_str_cut(rest, '.', &rest);

        gh_str_t with_dot =
            gh_test_text("%.*s.%.*s.", (int) header.len, header.data,
                         (int) payload.len, payload.data);
        gh_str_t without_dot = { with_dot.data, with_dot.len - 1 };

        assert_parsed(signed_one, GH_REASON_TOKEN_ALGORITHM);
        assert_parsed(with_dot, GH_REASON_TOKEN_ALGORITHM);
        assert_parsed(without_dot, GH_REASON_TOKEN_MALFORMED);
    }
}


static void
d4_three_parts_that_speak_of_encryption_are_refused(void **state)
{
    (void) state;

    assert_parsed(under("{\"alg\":\"ES256\",\"enc\":\"A256GCM\"}"),
                  GH_REASON_TOKEN_ENCRYPTED);
    assert_parsed(under("{\"alg\":\"dir\",\"enc\":\"A256GCM\"}"),
                  GH_REASON_TOKEN_ENCRYPTED);
    assert_parsed(under("{\"alg\":\"ES256\",\"enc\":null}"),
                  GH_REASON_TOKEN_ENCRYPTED);
}


static void
d7_a_kid_that_is_not_a_short_string_is_refused(void **state)
{
    char kid[GH_KID_MAX + 2];
    (void) state;

    assert_parsed(under("{\"alg\":\"ES256\",\"kid\":7}"),
                  GH_REASON_TOKEN_MALFORMED);
    assert_parsed(under("{\"alg\":\"ES256\",\"kid\":{\"a\":1}}"),
                  GH_REASON_TOKEN_MALFORMED);
    assert_parsed(under("{\"alg\":\"ES256\",\"kid\":[\"k1\"]}"),
                  GH_REASON_TOKEN_MALFORMED);
    assert_parsed(under("{\"alg\":\"ES256\",\"kid\":null}"),
                  GH_REASON_TOKEN_MALFORMED);
    assert_parsed(under("{\"alg\":\"ES256\",\"kid\":\"a\\u0000b\"}"),
                  GH_REASON_TOKEN_MALFORMED);

    memset(kid, 'k', sizeof(kid));
    kid[GH_KID_MAX + 1] = '\0';
    assert_parsed(
        under(gh_test_text("{\"alg\":\"ES256\",\"kid\":\"%s\"}", kid).data),
        GH_REASON_TOKEN_MALFORMED);

    kid[GH_KID_MAX] = '\0';
    assert_parsed(
        under(gh_test_text("{\"alg\":\"ES256\",\"kid\":\"%s\"}", kid).data),
        GH_REASON_OK);
}


static void
d7_d8_a_kid_is_compared_and_nothing_else(void **state)
{
    static const char *const kids[] = {
        "../../../../dev/null",
        "/etc/hostname",
        "x' UNION SELECT 'k1",
        "http://evil.example/k1",
        "../../evil",
        "@evil.test/",
        "$(reboot)",
        "k1 ",
        " k1",
        "K1",
        "k1%00",
        "%s%s%s%n",
    };
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_ES256, "k1");
    gh_jwt_policy_t policy = gh_test_policy();

    for (size_t i = 0; i < sizeof(kids) / sizeof(kids[0]); i++) {
        const char *header =
            gh_test_text("{\"alg\":\"ES256\",\"kid\":\"%s\"}", kids[i]).data;

        assert_judged(under(header), keys, &policy,
                      GH_REASON_TOKEN_KEY_UNKNOWN);
    }

    assert_judged(under("{\"alg\":\"ES256\",\"kid\":\"k1\"}"), keys, &policy,
                  GH_REASON_OK);
    gh_jwks_destroy(keys);
}


static void
d9_d10_a_token_that_brings_its_key_is_refused(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_ES256, "");
    gh_jwt_policy_t policy = gh_test_policy();
    const char *jwk = gh_test_jwk(gh_test_key(GH_ALG_ES256), GH_ALG_NONE, "");

    /* it would be a good one: we have that key */
    const char *headers[] = {
        "{\"alg\":\"ES256\",\"jku\":\"https://keys.example/\"}",
        "{\"alg\":\"ES256\",\"x5u\":\"https://keys.example/\"}",
        "{\"alg\":\"ES256\",\"x5c\":[\"MIIB\"]}",
        "{\"alg\":\"ES256\",\"jwk\":null}",
        gh_test_text("{\"alg\":\"ES256\",\"jwk\":%s}", jwk).data,
    };

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        assert_judged(under(headers[i]), keys, &policy,
                      GH_REASON_TOKEN_MALFORMED);
    }

    gh_jwks_destroy(keys);
}


static void
d10_a_thumbprint_is_no_key(void **state)
{
    static const char header[] = "{\"alg\":\"ES256\",\"x5t\":\"AAAA\","
                                 "\"x5t#S256\":\"AAAA\"}";
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_ES256, "");
    gh_jwt_policy_t policy = gh_test_policy();

    assert_judged(under(header), keys, &policy, GH_REASON_OK);
    assert_judged(gh_test_token_by(gh_test_other_key(GH_ALG_ES256),
                                   GH_ALG_ES256, header, GH_TEST_CLAIMS),
                  keys, &policy, GH_REASON_TOKEN_SIGNATURE);
    gh_jwks_destroy(keys);
}


static void
d20_critical_members_are_refused_because_none_is_known(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"ES256\",\"crit\":[\"exp2\"],\"exp2\":1}",
        "{\"alg\":\"ES256\",\"crit\":[]}",
        "{\"alg\":\"ES256\",\"crit\":\"b64\"}",
        "{\"alg\":\"ES256\",\"crit\":null}",
        "{\"alg\":\"ES256\",\"crit\":[\"alg\"]}",
        "{\"alg\":\"ES256\",\"crit\":[\"b64\"],\"b64\":false}",
        "{\"alg\":\"ES256\",\"b64\":false}",
        "{\"alg\":\"ES256\",\"b64\":true}",
    };
    (void) state;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        assert_parsed(under(headers[i]), GH_REASON_TOKEN_CRITICAL);
    }
}


static void
d21_a_member_that_appears_twice_is_refused(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"ES256\",\"alg\":\"none\"}",
        "{\"alg\":\"none\",\"alg\":\"ES256\"}",
        "{\"alg\":\"ES256\",\"kid\":\"a\",\"kid\":\"a\"}",
        "{\"alg\":\"ES256\",\"\\u0061lg\":\"none\"}",
    };
    static const char *const claims[] = {
        "{\"sub\":\"alice\",\"sub\":\"admin\"}",
        "{\"exp\":1,\"exp\":1800000300}",
        "{\"aud\":\"a\",\"aud\":\"b\"}",
        "{\"r\":{\"role\":\"user\",\"role\":\"admin\"}}",
    };
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_ES256, "");
    gh_jwt_policy_t policy = gh_test_policy();

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        assert_parsed(under(headers[i]), GH_REASON_TOKEN_MALFORMED);
    }

    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        assert_judged(gh_test_token(GH_ALG_ES256, NULL, claims[i]), keys,
                      &policy, GH_REASON_TOKEN_MALFORMED);
    }

    gh_jwks_destroy(keys);
}


static void
d28_compression_is_refused_unopened(void **state)
{
    (void) state;

    assert_parsed(under("{\"alg\":\"ES256\",\"zip\":\"DEF\"}"),
                  GH_REASON_TOKEN_ENCRYPTED);
}


static void
d29_d30_algorithms_of_encryption_are_not_known(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"PBES2-HS256+A128KW\",\"p2c\":2147483648,\"p2s\":\"AA\"}",
        "{\"alg\":\"RSA1_5\"}",
        "{\"alg\":\"RSA-OAEP\"}",
        "{\"alg\":\"dir\"}",
        "{\"alg\":\"ECDH-ES\"}",
        "{\"alg\":\"A128KW\"}",
        "{\"alg\":\"ES256K\"}",
        "{\"alg\":\"RS1\"}",
    };
    (void) state;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        assert_parsed(under(headers[i]), GH_REASON_TOKEN_ALGORITHM);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(d1_unsigned_tokens_are_refused),
        cmocka_unit_test(d4_three_parts_that_speak_of_encryption_are_refused),
        cmocka_unit_test(d7_a_kid_that_is_not_a_short_string_is_refused),
        cmocka_unit_test(d7_d8_a_kid_is_compared_and_nothing_else),
        cmocka_unit_test(d9_d10_a_token_that_brings_its_key_is_refused),
        cmocka_unit_test(d10_a_thumbprint_is_no_key),
        cmocka_unit_test(
            d20_critical_members_are_refused_because_none_is_known),
        cmocka_unit_test(d21_a_member_that_appears_twice_is_refused),
        cmocka_unit_test(d28_compression_is_refused_unopened),
        cmocka_unit_test(d29_d30_algorithms_of_encryption_are_not_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
