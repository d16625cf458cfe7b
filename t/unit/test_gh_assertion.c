/*
 * Assertions: a service behind that has our key set and nothing else knows
 * who asks, and nobody else can say so.
 */

#include "gh_test_jwt.h"

#include "gh_assertion.h"

#include <stdlib.h>

#define NOW GH_TEST_NOW


static const uint8_t jti[16] = { 1, 2, 3 };


static gh_assertion_signer_t
signer(gh_alg_t alg)
{
    return (gh_assertion_signer_t){
        .key = { gh_test_key(alg), alg, GH_STR("k1") },
        .issuer = GH_STR("https://gw.example.com"),
        .audience = GH_STR("https://orders.internal"),
        .life_s = 60,
    };
}


static gh_principal_t
alice(void)
{
    static const gh_str_t groups[] = { { "staff", 5 },
                                       { "", 0 },
                                       { "a\"b,c", 5 } };
    static const gh_str_t scopes[] = { { "orders:read", 11 } };

    return (gh_principal_t){ .type = GH_PRINCIPAL_USER,
                             .method = GH_METHOD_OIDC,
                             .id = GH_STR("staff:2482"),
                             .name = GH_STR("Alice \xc3\x84"),
                             .email = GH_STR("alice@example.com"),
                             .groups = groups,
                             .n_groups = 3,
                             .scopes = scopes,
                             .n_scopes = 1 };
}


static json_t *
verified(gh_str_t token, gh_alg_t alg)
{
    const gh_assertion_key_t keys[] = {
        { gh_test_key(alg), alg, GH_STR("k1") },
        { gh_test_other_key(alg), alg, GH_STR("k2") },
    };
    const gh_str_t audience = GH_STR("https://orders.internal");
    const gh_jwt_policy_t policy = { .issuer =
                                         GH_STR("https://gw.example.com"),
                                     .audiences = &audience,
                                     .n_audiences = 1,
                                     .max_age_s = 60 };
    char room[2048];
    gh_buf_t page = GH_BUF(room);
    gh_jwks_t *set = NULL;
    gh_jwt_t jwt;
    gh_reason_t reason;
    unsigned skipped;
    json_t *claims;

    assert_int_equal(gh_assertion_jwks(keys, 2, &page), GH_OK);
    assert_int_equal(
        gh_jwks_parse(gh_buf_str(&page), gh_alloc_libc(), &set, &skipped),
        GH_OK);
    assert_int_equal(gh_jwks_count(set), 2);
    assert_int_equal(skipped, 0);
    assert_null(memmem(room, page.len, "\"d\"", 3));

    assert_judged(token, set, &policy, GH_REASON_OK);
    assert_int_equal(gh_jwt_parse(token, &jwt, &reason), GH_OK);
    assert_int_equal(gh_jwt_peek(&jwt, &claims, &reason), GH_OK);
    gh_jwt_clear(&jwt);
    gh_jwks_destroy(set);

    return claims;
}


static void
a_service_reads_who_asks(void **state)
{
    static const gh_alg_t algs[] = { GH_ALG_ES256, GH_ALG_EDDSA };

    (void) state;

    for (size_t i = 0; i < 2; i++) {
        gh_assertion_signer_t s = signer(algs[i]);
        gh_principal_t p = alice();
        char room[GH_ASSERTION_MAX];
        gh_buf_t out = GH_BUF(room);

        assert_int_equal(gh_assertion_build(&s, &p, jti, NOW, &out), GH_OK);

        json_t *claims = verified(gh_buf_str(&out), algs[i]);
        json_t *expected = json_pack(
            "{s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:s, s:[s, s], s:[s]}",
            "iss", "https://gw.example.com", "aud", "https://orders.internal",
            "sub", "staff:2482", "iat", (json_int_t) NOW, "exp",
            (json_int_t) (NOW + 60), "jti", "AQIDAAAAAAAAAAAAAAAAAA", "method",
            "oidc", "name", "Alice \xc3\x84", "email", "alice@example.com",
            "groups", "staff", "a\"b,c", "scopes", "orders:read");

        assert_true(json_equal(claims, expected));
        json_decref(claims);
        json_decref(expected);
    }
}


static void
a_consumer_is_named(void **state)
{
    gh_assertion_signer_t s = signer(GH_ALG_ES256);
    gh_principal_t p = { .type = GH_PRINCIPAL_CONSUMER,
                         .method = GH_METHOD_API_KEY,
                         .id = GH_STR("consumer:acme"),
                         .consumer = GH_STR("acme") };
    char room[GH_ASSERTION_MAX];
    gh_buf_t out = GH_BUF(room);
    gh_str_t word;

    (void) state;
    assert_int_equal(gh_assertion_build(&s, &p, jti, NOW, &out), GH_OK);

    json_t *claims = verified(gh_buf_str(&out), GH_ALG_ES256);

    assert_int_equal(gh_json_str(claims, "consumer", &word), GH_OK);
    assert_str(word, "acme");
    assert_int_equal(gh_json_str(claims, "method", &word), GH_OK);
    assert_str(word, "api_key");
    assert_null(json_object_get(claims, "groups"));
    assert_null(json_object_get(claims, "scopes"));
    assert_null(json_object_get(claims, "name"));
    json_decref(claims);
}


static void
nobody_gets_no_assertion(void **state)
{
    gh_assertion_signer_t s = signer(GH_ALG_ES256);
    gh_principal_t p = { .type = GH_PRINCIPAL_ANONYMOUS, .id = GH_STR("x") };
    char room[GH_ASSERTION_MAX];
    gh_buf_t out = GH_BUF(room);

    (void) state;
    assert_int_equal(gh_assertion_build(&s, NULL, jti, NOW, &out), GH_ABSENT);
    assert_int_equal(gh_assertion_build(&s, &p, jti, NOW, &out), GH_ABSENT);
    assert_int_equal(out.len, 0);
}


static void
a_signer_must_be_as_promised(void **state)
{
    gh_principal_t p = alice();
    char room[GH_ASSERTION_MAX];
    gh_buf_t out = GH_BUF(room);
    gh_assertion_signer_t bad[8];

    (void) state;

    for (size_t i = 0; i < 8; i++) {
        bad[i] = signer(GH_ALG_ES256);
    }

    bad[0].life_s = 61;
    bad[1].life_s = 0;
    bad[2].issuer.len = 0;
    bad[3].audience.len = 0;
    bad[4].key.kid.len = 0;
    bad[5].key.pkey = NULL;
    bad[6].key.alg = GH_ALG_EDDSA;
    bad[7] = signer(GH_ALG_RS256);

    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(gh_assertion_build(&bad[i], &p, jti, NOW, &out),
                         GH_INVALID);
        assert_int_equal(out.len, 0);
    }
}


static void
long_parts_are_left_out_but_never_the_id(void **state)
{
    gh_assertion_signer_t s = signer(GH_ALG_EDDSA);
    gh_principal_t p = alice();
    char room[GH_ASSERTION_MAX], text[2048];
    gh_buf_t out = GH_BUF(room);
    gh_str_t groups[10];

    (void) state;
    memset(text, '\x02', sizeof(text)); /* six bytes each in JSON */

    for (size_t i = 0; i < 10; i++) {
        groups[i] = (gh_str_t){ "0123456789", 10 };
    }

    p.name = (gh_str_t){ text, GH_PRINCIPAL_VALUE_MAX + 1 };
    groups[1] = (gh_str_t){ text, 500 };
    groups[2] = (gh_str_t){ room, GH_PRINCIPAL_LIST_MAX };
    p.groups = groups;
    p.n_groups = 10;
    assert_int_equal(gh_assertion_build(&s, &p, jti, NOW, &out), GH_OK);

    json_t *claims = verified(gh_buf_str(&out), GH_ALG_EDDSA);

    assert_null(json_object_get(claims, "name"));
    assert_int_equal(json_array_size(json_object_get(claims, "groups")), 2);
    json_decref(claims);

    out.len = 0;
    p = alice();
    p.id = (gh_str_t){ text, GH_PRINCIPAL_VALUE_MAX + 1 };
    assert_int_equal(gh_assertion_build(&s, &p, jti, NOW, &out), GH_TOO_LONG);

    p = alice();
    out.cap = 400;
    assert_int_equal(gh_assertion_build(&s, &p, jti, NOW, &out), GH_TOO_LONG);
    assert_int_equal(out.len, 0);
}


static void
a_key_set_has_each_kid_once(void **state)
{
    gh_assertion_key_t keys[] = {
        { gh_test_key(GH_ALG_ES256), GH_ALG_ES256, GH_STR("a") },
        { gh_test_key(GH_ALG_EDDSA), GH_ALG_EDDSA, GH_STR("a") },
    };
    char room[1024];
    gh_buf_t out = GH_BUF(room);

    (void) state;
    assert_int_equal(gh_assertion_jwks(keys, 2, &out), GH_INVALID);
    assert_int_equal(gh_assertion_jwks(keys, 0, &out), GH_INVALID);
    assert_int_equal(out.len, 0);

    keys[1].kid = GH_STR("b");
    assert_int_equal(gh_assertion_jwks(keys, 2, &out), GH_OK);

    for (size_t cap = 0; cap < out.len; cap += 7) {
        char small[1024];
        gh_buf_t little = { small, 0, cap };

        assert_int_equal(gh_assertion_jwks(keys, 2, &little), GH_TOO_LONG);
        assert_int_equal(little.len, 0);
    }
}


static void
assert_other(const gh_principal_t *p)
{
    char first[2048], second[2048];
    gh_buf_t one = GH_BUF(first), other = GH_BUF(second);
    gh_principal_t a = alice();

    assert_int_equal(gh_assertion_subject(&a, &one), GH_OK);
    assert_int_equal(gh_assertion_subject(p, &other), GH_OK);
    assert_false(gh_str_eq(gh_buf_str(&one), gh_buf_str(&other)));
}


static void
nobody_is_told_from_another_by_less_than_all(void **state)
{
    (void) state;
    const gh_str_t joined[] = { { "staff,a\"b,c", 11 } };
    gh_principal_t p = alice();

    p.id = GH_STR("staff:2483");
    assert_other(&p);

    p = alice();
    p.method = GH_METHOD_TOKEN;
    assert_other(&p);

    p = alice();
    p.name = GH_STR("");
    assert_other(&p);

    p = alice();
    p.groups = joined;
    p.n_groups = 1;
    assert_other(&p);

    p = alice();
    p.n_scopes = 0;
    assert_other(&p);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_reads_who_asks),
        cmocka_unit_test(a_consumer_is_named),
        cmocka_unit_test(nobody_gets_no_assertion),
        cmocka_unit_test(a_signer_must_be_as_promised),
        cmocka_unit_test(long_parts_are_left_out_but_never_the_id),
        cmocka_unit_test(a_key_set_has_each_kid_once),
        cmocka_unit_test(nobody_is_told_from_another_by_less_than_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
