/*
 * What a token's text may look like (THREATS 1.D): three parts, one text for
 * each token, of bounded size.
 */

#include "gh_test_jwt.h"

#include <stdlib.h>


/* A token under that header, signed with the key of ES256. */
static gh_str_t
under(const char *header)
{
    return gh_test_token(GH_ALG_ES256, header, GH_TEST_CLAIMS);
}


static void
a_token_is_taken_apart(void **state)
{
    (void) state;
    gh_reason_t reason;
    gh_jwt_t jwt;
    json_t *claims;
    gh_str_t text =
        under("{\"kid\":\"k1\",\"alg\":\"ES256\",\"typ\":\"JWT\"}");

    assert_int_equal(gh_jwt_parse(text, &jwt, &reason), GH_OK);
    assert_int_equal(jwt.alg, GH_ALG_ES256);
    assert_str(jwt.kid, "k1");
    assert_int_equal(jwt.signature_len, 64);
    assert_ptr_equal(jwt.signing_input.data, text.data);
    assert_int_equal(jwt.signing_input.len + 1 + jwt.signature_b64.len,
                     text.len);
    assert_true(
        gh_str_eq(jwt.payload_b64, gh_test_base64url(GH_STR(GH_TEST_CLAIMS))));

    assert_int_equal(gh_jwt_peek(&jwt, &claims, &reason), GH_OK);
    assert_string_equal(json_string_value(json_object_get(claims, "sub")),
                        "alice");
    json_decref(claims);
    gh_jwt_clear(&jwt);
    gh_jwt_clear(&jwt); /* twice does no harm */
}


static void
a_header_like_the_last_one_says_the_same(void **state)
{
    (void) state;
    static const struct {
        const char *header, *kid;
        gh_alg_t alg;
        gh_rc_t rc;
        gh_reason_t reason;
    } tokens[] = {
        { "{\"alg\":\"ES256\",\"kid\":\"a\"}", "a", GH_ALG_ES256, GH_OK,
          GH_REASON_NONE },
        { "{\"alg\":\"ES256\",\"kid\":\"a\"}", "a", GH_ALG_ES256, GH_OK,
          GH_REASON_NONE },
        { "{\"alg\":\"ES256\",\"kid\":\"b\"}", "b", GH_ALG_ES256, GH_OK,
          GH_REASON_NONE },
        { "{\"alg\":\"ES256\",\"crit\":[]}", "", GH_ALG_NONE, GH_INVALID,
          GH_REASON_TOKEN_CRITICAL },
        { "{\"alg\":\"ES256\",\"crit\":[]}", "", GH_ALG_NONE, GH_INVALID,
          GH_REASON_TOKEN_CRITICAL },
        { "{\"alg\":\"ES256\",\"kid\":\"b\"}", "b", GH_ALG_ES256, GH_OK,
          GH_REASON_NONE },
        { "{\"alg\":\"ES384\",\"kid\":\"b\"}", "b", GH_ALG_ES384, GH_OK,
          GH_REASON_NONE },
    };
    gh_jwt_last_t last = { .len = 0 };

    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        gh_jwt_t jwt;
        gh_reason_t reason = GH_REASON_NONE;
        gh_str_t text = under(tokens[i].header);

        assert_int_equal(gh_jwt_parse_like(text, &last, &jwt, &reason),
                         tokens[i].rc);
        assert_int_equal(reason, tokens[i].reason);

        if (tokens[i].rc == GH_OK) {
            assert_int_equal(jwt.alg, tokens[i].alg);
            assert_str(jwt.kid, tokens[i].kid);
            assert_non_null(json_object_get(jwt.header, "alg"));
        }

        /* the next one is like it, though this one is gone */
        gh_jwt_clear(&jwt);
    }

    gh_jwt_last_clear(&last);
    assert_null(last.header);
}


static void
d1_a_signed_tokens_signature_cannot_be_left_out(void **state)
{
    (void) state;
    gh_str_t token = under("{\"alg\":\"ES256\"}");
    const char *dot = memrchr(token.data, '.', token.len);
    gh_str_t bare = { token.data, (size_t) (dot - token.data) + 1 };

    assert_parsed(token, GH_REASON_OK);
    assert_parsed(bare, GH_REASON_TOKEN_MALFORMED);
    bare.len--;
    assert_parsed(bare, GH_REASON_TOKEN_MALFORMED);
}


static void
d4_five_parts_are_an_encrypted_token(void **state)
{
    (void) state;
    gh_str_t header =
        gh_test_base64url(GH_STR("{\"alg\":\"dir\",\"enc\":\"A256GCM\"}"));

    assert_parsed(
        gh_test_text("%.*s..AAAA.AAAA.AAAA", (int) header.len, header.data),
        GH_REASON_TOKEN_ENCRYPTED);
    assert_parsed(GH_STR("...."), GH_REASON_TOKEN_ENCRYPTED);
    assert_parsed(GH_STR("a.b.c.d.e"), GH_REASON_TOKEN_ENCRYPTED);
    assert_parsed(GH_STR("a.b.c.d"), GH_REASON_TOKEN_MALFORMED);
    assert_parsed(GH_STR("a.b.c.d.e.f"), GH_REASON_TOKEN_MALFORMED);
    assert_parsed(GH_STR("....."), GH_REASON_TOKEN_MALFORMED);
}


static void
d5_no_encrypted_token_is_ever_opened(void **state)
{
    static const char *const tails[] = {
        "..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA", /* dir, tag of 16 */
        "..AAAAAAAAAAAAAAAA.AAAA.",                       /* no tag */
        "..AAAAAAAAAAAAAAAA.AAAA.AAAAAA",                 /* tag of 4 */
        ".AAAA...",
    };
    (void) state;
    gh_str_t header = gh_test_base64url(
        GH_STR("{\"alg\":\"RSA-OAEP\",\"enc\":\"A128CBC-HS256\"}"));

    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        assert_parsed(
            gh_test_text("%.*s%s", (int) header.len, header.data, tails[i]),
            GH_REASON_TOKEN_ENCRYPTED);
    }
}


static void
d6_encryption_never_stands_for_a_signature(void **state)
{
    (void) state;
    gh_str_t inner = gh_test_base64url(GH_STR(GH_TEST_CLAIMS));
    gh_str_t header = gh_test_base64url(
        GH_STR("{\"alg\":\"RSA-OAEP\",\"enc\":\"A256GCM\",\"cty\":\"JWT\"}"));

    assert_parsed(gh_test_text("%.*s.AAAA.AAAA.%.*s.AAAA", (int) header.len,
                               header.data, (int) inner.len, inner.data),
                  GH_REASON_TOKEN_ENCRYPTED);
}


static void
d19_only_the_compact_form_is_a_token(void **state)
{
    (void) state;
    gh_str_t token = under("{\"alg\":\"ES256\"}");
    gh_str_t rest, header = gh_str_cut(token, '.', &rest);
    gh_str_t payload = gh_str_cut(rest, '.', &rest);

    gh_str_t flat = gh_test_text(
        "{\"payload\":\"%.*s\",\"protected\":\"%.*s\",\"signature\":\"%.*s\"}",
        (int) payload.len, payload.data, (int) header.len, header.data,
        (int) rest.len, rest.data);
    gh_str_t general = gh_test_text(
        "{\"payload\":\"%.*s\",\"signatures\":[{\"protected\":\"%.*s\","
        "\"signature\":\"%.*s\"},{\"header\":{\"alg\":\"none\"},"
        "\"signature\":\"\"}]}",
        (int) payload.len, payload.data, (int) header.len, header.data,
        (int) rest.len, rest.data);
    gh_str_t polyglot =
        gh_test_text("{\"a\":\"%.*s\"}", (int) token.len, token.data);

    assert_parsed(flat, GH_REASON_TOKEN_MALFORMED);
    assert_parsed(general, GH_REASON_TOKEN_MALFORMED);
    assert_parsed(polyglot, GH_REASON_TOKEN_MALFORMED);
}


static void
d22_a_token_has_one_text(void **state)
{
    static const struct {
        const char *before, *after;
    } cases[] = {
        { " ", "" },  { "", " " },    { "", "=" },   { "", "\n" },
        { "\n", "" }, { "", "\t" },   { "", "." },   { ".", "" },
        { "=", "" },  { "\"", "\"" }, { "", "%3D" },
    };
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_ES256, "");
    gh_jwt_policy_t policy = gh_test_policy();
    gh_str_t token = under("{\"alg\":\"ES256\"}");

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_judged(
            gh_test_text("%s%.*s%s", cases[i].before, (int) token.len,
                         token.data, cases[i].after),
            keys, &policy, GH_REASON_TOKEN_MALFORMED);
    }

    assert_judged(token, keys, &policy, GH_REASON_OK);
    gh_jwks_destroy(keys);
}


/* The alphabets' last letters, and bits that belong to no byte. */
static void
d22_padding_and_loose_bits_are_refused(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_ES256, "");
    gh_jwt_policy_t policy = gh_test_policy();
    gh_str_t token = under("{\"alg\":\"ES256\"}"); /* 15 bytes: no tail */
    gh_str_t rest, header = gh_str_cut(token, '.', &rest);
    gh_str_t payload = gh_str_cut(rest, '.', &rest);

    /* 64 bytes end in four loose bits, which are zero */
    char last = rest.data[rest.len - 1];
    assert_true(last == 'A' || last == 'Q' || last == 'g' || last == 'w');

    gh_str_t loose =
        gh_test_text("%.*s%c", (int) token.len - 1, token.data, last + 1);
    assert_judged(loose, keys, &policy, GH_REASON_TOKEN_MALFORMED);

    gh_str_t padded = gh_test_text("%.*s=.%.*s=.%.*s==", (int) header.len,
                                   header.data, (int) payload.len,
                                   payload.data, (int) rest.len, rest.data);
    assert_parsed(padded, GH_REASON_TOKEN_MALFORMED);

    /* the payload is looked at when it is read */
    gh_str_t spoilt = gh_test_text("%.*s.%.*s=.%.*s", (int) header.len,
                                   header.data, (int) payload.len,
                                   payload.data, (int) rest.len, rest.data);
    assert_judged(spoilt, keys, &policy, GH_REASON_TOKEN_MALFORMED);

    static const char strange[] = { '+', '/', '\0', '\n', '%', ' ', '=' };

    for (size_t i = 0; i < sizeof(strange); i++) {
        gh_str_t part[3] = { header, payload, rest };

        for (size_t k = 0; k < 3; k++) {
            char text[1024];

            memcpy(text, token.data, token.len);
            text[part[k].data - token.data + 5] = strange[i];
            assert_judged(((gh_str_t){ text, token.len }), keys, &policy,
                          GH_REASON_TOKEN_MALFORMED);
        }
    }

    gh_jwks_destroy(keys);
}


static void
d31_huge_and_deep_tokens_are_refused(void **state)
{
    (void) state;
    char json[4096];
    size_t len = 1u << 20;
    char *huge = malloc(len);

    assert_non_null(huge);
    memset(huge, 'A', len);
    assert_parsed(((gh_str_t){ huge, len }), GH_REASON_TOKEN_MALFORMED);
    huge[100] = huge[200] = '.';
    assert_parsed(((gh_str_t){ huge, len }), GH_REASON_TOKEN_MALFORMED);
    memset(huge, '.', len);
    assert_parsed(((gh_str_t){ huge, len }), GH_REASON_TOKEN_MALFORMED);
    assert_parsed(((gh_str_t){ huge, GH_JWT_BYTES_MAX }),
                  GH_REASON_TOKEN_MALFORMED);
    free(huge);

    /* a header of nothing but brackets, and one number of 4000 digits */
    memset(json, '[', sizeof(json));
    memcpy(json, "{\"alg\":\"ES256\",\"a\":", 19);
    json[4095] = '\0';
    assert_parsed(under(json), GH_REASON_TOKEN_MALFORMED);

    memset(json + 19, '9', 4000);
    memcpy(json + 4019, "}", 2);
    assert_parsed(under(json), GH_REASON_TOKEN_MALFORMED);
}


static void
d31_a_token_of_8_kilobytes_is_read_and_not_one_byte_more(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_ES256, "");
    gh_jwt_policy_t policy = gh_test_policy();
    char pad[GH_JWT_BYTES_MAX];
    gh_str_t token = { NULL, 0 };
    int n = 5000;

    memset(pad, 'x', sizeof(pad));

    /* the longest that fits, then the first that does not */
    while (token.len <= GH_JWT_BYTES_MAX) {
        gh_reason_t expected = GH_REASON_OK;

        token = gh_test_token(GH_ALG_ES256, "{\"alg\":\"ES256\"}",
                              gh_test_text("%.*s,\"pad\":\"%.*s\"}",
                                           (int) sizeof(GH_TEST_CLAIMS) - 2,
                                           GH_TEST_CLAIMS, n++, pad)
                                  .data);

        if (token.len > GH_JWT_BYTES_MAX) {
            expected = GH_REASON_TOKEN_MALFORMED;

        } else if (token.len < GH_JWT_BYTES_MAX - 3) {
            continue;
        }

        assert_judged(token, keys, &policy, expected);
    }

    gh_jwks_destroy(keys);
}


/* The claims of GH_TEST_CLAIMS and n bytes more, as a token. */
static gh_str_t
padded(size_t n)
{
    static char json[GH_JWT_LONG_MAX];
    size_t at = sizeof(GH_TEST_CLAIMS) - 2;

    assert_true(at + n + 10 < sizeof(json));
    memcpy(json, GH_TEST_CLAIMS, at);
    memcpy(json + at, ",\"pad\":\"", 8);
    memset(json + at + 8, 'x', n);
    memcpy(json + at + 8 + n, "\"}", 3);

    return gh_test_token(GH_ALG_ES256, "{\"alg\":\"ES256\"}", json);
}


static void
a_providers_own_token_may_be_twice_as_long_and_no_more(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_ES256, "");
    gh_str_t token = { NULL, 0 };
    size_t n = 11700, read = 0;
    gh_reason_t reason;
    gh_jwt_t jwt;
    json_t *claims;

    while (token.len <= GH_JWT_LONG_MAX) {
        token = padded(n++);
        assert_parsed(token, GH_REASON_TOKEN_MALFORMED); /* of anybody else */

        if (token.len > GH_JWT_LONG_MAX) {
            reason = GH_REASON_NONE;
            assert_int_equal(gh_jwt_parse_long(token, &jwt, &reason),
                             GH_INVALID);
            assert_int_equal(reason, GH_REASON_TOKEN_MALFORMED);
            break;
        }

        assert_int_equal(gh_jwt_parse_long(token, &jwt, &reason), GH_OK);

        if (token.len >= GH_JWT_LONG_MAX - 1) {
            /* whole, and still signed */
            assert_int_equal(gh_jwt_peek(&jwt, &claims, &reason), GH_OK);
            assert_int_equal(
                json_string_length(json_object_get(claims, "pad")), n - 1);
            json_decref(claims);
            assert_int_equal(
                gh_jwt_verify(&jwt, keys, GH_ALGS_DEFAULT, &reason), GH_OK);
            read++;
        }

        gh_jwt_clear(&jwt);
    }

    assert_in_range(read, 1, 2);
    gh_jwks_destroy(keys);
}


static void
what_is_long_is_judged_like_what_is_short(void **state)
{
    static char five[GH_JWT_LONG_MAX], dots[GH_JWT_LONG_MAX];

    (void) state;
    gh_str_t token = padded(9000);
    const char *dot = memrchr(token.data, '.', token.len);
    gh_str_t bare = { token.data, (size_t) (dot - token.data) + 1 };
    gh_reason_t reason;
    gh_jwt_t jwt;

    assert_int_equal(gh_jwt_parse_long(bare, &jwt, &reason), GH_INVALID);
    assert_int_equal(reason, GH_REASON_TOKEN_MALFORMED);

    memset(five, 'A', sizeof(five));
    five[10] = five[20] = five[30] = five[40] = '.';
    assert_int_equal(
        gh_jwt_parse_long((gh_str_t){ five, sizeof(five) }, &jwt, &reason),
        GH_INVALID);
    assert_int_equal(reason, GH_REASON_TOKEN_ENCRYPTED);

    memset(dots, '.', sizeof(dots));
    assert_int_equal(
        gh_jwt_parse_long((gh_str_t){ dots, sizeof(dots) }, &jwt, &reason),
        GH_INVALID);
    assert_int_equal(reason, GH_REASON_TOKEN_MALFORMED);
}


static void
a_signature_longer_than_any_is_refused(void **state)
{
    (void) state;
    char bytes[GH_SIGNATURE_MAX + 1] = { 0 };
    gh_str_t token = under("{\"alg\":\"ES256\"}");

    assert_parsed(gh_test_resigned(token, (gh_str_t){ bytes, 1024 }),
                  GH_REASON_OK);
    assert_parsed(gh_test_resigned(token, (gh_str_t){ bytes, 1025 }),
                  GH_REASON_TOKEN_MALFORMED);
}


static void
what_is_not_a_token_at_all_is_malformed(void **state)
{
    static const char *const texts[] = {
        "",
        ".",
        "..",
        "a",
        "a.b",
        "e30.e30.",
        "e30.e30",
        "W10.e30.AAAA",
        "bnVsbA.e30.AAAA",
        "IiI.e30.AAAA",
        "AAAA.AAAA.AAAA",
    };
    (void) state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        gh_reason_t reason = gh_test_parse(gh_str(texts[i]));

        assert_true(reason == GH_REASON_TOKEN_MALFORMED
                    || reason == GH_REASON_TOKEN_ALGORITHM);
    }

    assert_parsed(((gh_str_t){ NULL, 0 }), GH_REASON_TOKEN_MALFORMED);
}


static void
a_payload_is_one_object(void **state)
{
    static const char *const payloads[] = { "",     "[]",       "null",
                                            "7",    "\"",       "{} ,",
                                            "{}{}", "{\"a\":}", "[{}]" };
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_ES256, "");
    gh_jwt_policy_t policy = gh_test_policy();

    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        assert_judged(gh_test_token(GH_ALG_ES256, NULL, payloads[i]), keys,
                      &policy, GH_REASON_TOKEN_MALFORMED);
    }

    gh_jwks_destroy(keys);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_taken_apart),
        cmocka_unit_test(a_header_like_the_last_one_says_the_same),
        cmocka_unit_test(d1_a_signed_tokens_signature_cannot_be_left_out),
        cmocka_unit_test(d4_five_parts_are_an_encrypted_token),
        cmocka_unit_test(d5_no_encrypted_token_is_ever_opened),
        cmocka_unit_test(d6_encryption_never_stands_for_a_signature),
        cmocka_unit_test(d19_only_the_compact_form_is_a_token),
        cmocka_unit_test(d22_a_token_has_one_text),
        cmocka_unit_test(d22_padding_and_loose_bits_are_refused),
        cmocka_unit_test(d31_huge_and_deep_tokens_are_refused),
        cmocka_unit_test(
            d31_a_token_of_8_kilobytes_is_read_and_not_one_byte_more),
        cmocka_unit_test(
            a_providers_own_token_may_be_twice_as_long_and_no_more),
        cmocka_unit_test(what_is_long_is_judged_like_what_is_short),
        cmocka_unit_test(a_signature_longer_than_any_is_refused),
        cmocka_unit_test(what_is_not_a_token_at_all_is_malformed),
        cmocka_unit_test(a_payload_is_one_object),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
