/*
 * Logout tokens: each row is named by the certification's module or by the
 * row of docs/threat-model.md (e29) that it plays. Nobody is logged out by
 * less than a whole one.
 */

#include "gh_test_jwt.h"

#include "gh_oidc.h"

#include <stdio.h>

#define ISSUER "https://idp.test"
#define CLIENT "gatehouse"
#define EVENT "\"http://schemas.openid.net/event/backchannel-logout\""
#define NOW GH_TEST_NOW


static gh_id_token_rules_t
rules(void)
{
    return (gh_id_token_rules_t){ .issuer = GH_STR(ISSUER),
                                  .client_id = GH_STR(CLIENT),
                                  .skew_s = 10 };
}


static json_t *
sound(void)
{
    return json_loads("{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\","
                      "\"iat\":1800000000,\"jti\":\"j1\",\"sid\":\"s1\","
                      "\"sub\":\"2482\",\"events\":{" EVENT ":{}}}",
                      0, NULL);
}


static gh_rc_t
check(gh_alg_t alg, const char *typ, const json_t *claims,
      gh_logout_token_t *out, const char **what)
{
    gh_jwt_t jwt = { .alg = alg, .header = json_object() };
    gh_id_token_rules_t r = rules();

    if (typ != NULL) {
        (void) json_object_set_new(jwt.header, "typ", json_string(typ));
    }

    gh_rc_t rc = gh_logout_token_check(&jwt, claims, &r, NOW, out, what);

    gh_jwt_clear(&jwt);
    assert_true((rc == GH_OK) == (*what == NULL));

    return rc;
}


static void
a_logout_token_says_who_is_to_leave(void **state)
{
    json_t *claims = sound();
    gh_logout_token_t out;
    const char *what;

    (void) state;
    assert_int_equal(check(GH_ALG_RS256, "logout+jwt", claims, &out, &what),
                     GH_OK);
    assert_str(out.sid, "s1");
    assert_str(out.sub, "2482");
    assert_str(out.jti, "j1");

    (void) json_object_del(claims, "sid");
    assert_int_equal(check(GH_ALG_RS256, NULL, claims, &out, &what), GH_OK);
    assert_int_equal(out.sid.len, 0);
    assert_str(out.sub, "2482");
    json_decref(claims);
}


static void
e29_nothing_less_logs_anybody_out(void **state)
{
    static const struct {
        const char *name, *member, *value, *what; /* value: JSON, or NULL */
    } rows[] = {
        { "-wrong-iss", "iss", "\"https://evil.test\"", "iss" },
        { "-wrong-iss", "iss", NULL, "iss" },
        { "-wrong-aud", "aud", "\"other\"", "aud" },
        { "-wrong-aud", "aud", NULL, "aud" },
        { "aud as an array", "aud", "[\"" CLIENT "\"]", NULL },
        { "-no-event", "events", NULL, "events" },
        { "-no-event", "events", "{}", "events" },
        { "-no-event", "events", "[" EVENT "]", "events" },
        { "-no-event", "events", EVENT, "events" },
        { "-wrong-event", "events", "{\"http://x\":{}}", "events" },
        { "-wrong-event", "events", "{" EVENT ":true}", "events" },
        { "-wrong-event", "events", "{" EVENT ":null}", "events" },
        { "events beside it", "events", "{" EVENT ":{\"a\":1},\"x\":1}",
          NULL },
        { "-with-nonce", "nonce", "\"n\"", "nonce" },
        { "-with-nonce", "nonce", "\"\"", "nonce" },
        { "-with-nonce", "nonce", "null", "nonce" },
        { "no iat", "iat", NULL, "iat, exp or nbf" },
        { "old", "iat", "1799999870", NULL },
        { "old", "iat", "1799999869", "iat, exp or nbf" },
        { "ahead", "iat", "1800000010", NULL },
        { "ahead", "iat", "1800000011", "iat, exp or nbf" },
        { "iat no number", "iat", "\"now\"", "iat, exp or nbf" },
        { "exp", "exp", "1800000060", NULL },
        { "exp", "exp", "1799999990", "iat, exp or nbf" },
        { "exp", "exp", "\"x\"", "iat, exp or nbf" },
        { "nbf", "nbf", "1800000011", "iat, exp or nbf" },
        { "no jti", "jti", NULL, "jti" },
        { "no jti", "jti", "\"\"", "jti" },
        { "no jti", "jti", "7", "jti" },
        { "sid no text", "sid", "7", "sid" },
        { "sid no text", "sid", "\"\"", "sid" },
        { "sid alone", "sub", NULL, NULL },
        { "sub no text", "sub", "\"\"", "sub" },
        { "sub no text", "sub", "[\"2482\"]", "iat, exp or nbf" },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *claims = sound();
        gh_logout_token_t out;
        const char *what;

        if (rows[i].value == NULL) {
            (void) json_object_del(claims, rows[i].member);
        } else {
            (void) json_object_set_new(
                claims, rows[i].member,
                json_loads(rows[i].value, JSON_DECODE_ANY, NULL));
        }

        gh_rc_t rc = check(GH_ALG_RS256, NULL, claims, &out, &what);

        if (rc != (rows[i].what == NULL ? GH_OK : GH_DENIED)
            || (what != NULL && strcmp(what, rows[i].what) != 0))
        {
            fail_msg("%s: %s: result %d, %s", rows[i].name,
                     rows[i].value == NULL ? "absent" : rows[i].value,
                     (int) rc, what == NULL ? "accepted" : what);
        }

        if (rc != GH_OK) {
            assert_int_equal(out.sid.len + out.sub.len + out.jti.len, 0);
        }

        json_decref(claims);
    }
}


static void
e29_neither_sid_nor_sub_is_nobody(void **state)
{
    json_t *claims = sound();
    gh_logout_token_t out;
    const char *what;

    (void) state;
    (void) json_object_del(claims, "sid");
    (void) json_object_del(claims, "sub");
    assert_int_equal(check(GH_ALG_RS256, NULL, claims, &out, &what),
                     GH_DENIED);
    assert_string_equal(what, "sid and sub");
    json_decref(claims);
}


static void
e29_the_kind_and_the_algorithm_are_as_they_must_be(void **state)
{
    static const struct {
        const char *typ;
        gh_alg_t alg;
        gh_rc_t rc;
    } rows[] = {
        { "logout+jwt", GH_ALG_ES256, GH_OK },
        { "application/logout+jwt", GH_ALG_PS256, GH_OK },
        { "JWT", GH_ALG_EDDSA, GH_OK },
        { NULL, GH_ALG_RS256, GH_OK },
        { "at+jwt", GH_ALG_RS256, GH_DENIED },
        { "secevent+jwt", GH_ALG_RS256, GH_DENIED },
        { "", GH_ALG_RS256, GH_DENIED },
        { "logout+jwt", GH_ALG_NONE, GH_DENIED },  /* -alg-none */
        { "logout+jwt", GH_ALG_HS256, GH_DENIED }, /* -wrong-alg */
    };

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *claims = sound();
        gh_logout_token_t out;
        const char *what;

        assert_int_equal(check(rows[i].alg, rows[i].typ, claims, &out, &what),
                         rows[i].rc);
        json_decref(claims);
    }
}


/* An id_token that somebody caught is signed by the same key. */
static void
e28_an_id_token_logs_nobody_out(void **state)
{
    json_t *claims = json_loads(
        "{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\",\"iat\":1800000000,"
        "\"exp\":1800000300,\"sub\":\"2482\",\"sid\":\"s1\",\"jti\":\"j\"}",
        0, NULL);
    gh_logout_token_t out;
    const char *what;

    (void) state;
    assert_int_equal(check(GH_ALG_RS256, "JWT", claims, &out, &what),
                     GH_DENIED);
    assert_string_equal(what, "events");
    json_decref(claims);
}


/* And the other way round: it has no exp and no nonce of ours. */
static void
a_logout_token_logs_nobody_in(void **state)
{
    json_t *claims = sound();
    gh_jwt_t jwt = { .alg = GH_ALG_RS256,
                     .header = json_pack("{s:s}", "typ", "logout+jwt") };
    gh_id_token_rules_t r = rules();
    const char *what;

    (void) state;
    r.nonce = GH_STR("n");
    assert_int_equal(gh_id_token_check(&jwt, claims, &r, NOW, &what),
                     GH_DENIED);
    assert_string_equal(what, "typ");
    (void) json_object_del(jwt.header, "typ");
    assert_int_equal(gh_id_token_check(&jwt, claims, &r, NOW, &what),
                     GH_DENIED);
    gh_jwt_clear(&jwt);
    json_decref(claims);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_logout_token_says_who_is_to_leave),
        cmocka_unit_test(e29_nothing_less_logs_anybody_out),
        cmocka_unit_test(e29_neither_sid_nor_sub_is_nobody),
        cmocka_unit_test(e29_the_kind_and_the_algorithm_are_as_they_must_be),
        cmocka_unit_test(e28_an_id_token_logs_nobody_out),
        cmocka_unit_test(a_logout_token_logs_nobody_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
