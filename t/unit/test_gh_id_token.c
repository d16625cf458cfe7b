/*
 * What is believed of an id_token. Each row of the tables is named by the
 * module of the certification plans (Basic, Config, FAPI 2.0) or the row of
 * docs/threat-model.md that it plays.
 */

#include "gh_test_jwt.h"

#include "gh_bytes.h"
#include "gh_oidc.h"

#include <stdio.h>
#include <stdlib.h>

#define ISSUER "https://idp.test"
#define CLIENT "gatehouse"
#define NONCE "n-0S6_WzA2Mj"
/* The example of Core section A.3, and of A.4 for the code. */
#define ACCESS_TOKEN "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
#define AT_HASH "77QmUPtjPfzWtF2AnpK9RQ"
#define CODE "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk"
#define C_HASH "LDktKdoQak3Pk0cnXxCltA"
#define NOW GH_TEST_NOW


typedef struct {
    const char *name;
    const char *member; /* of the claims */
    const char *value;  /* JSON; NULL: left out */
    const char *what;   /* NULL: accepted */
} row_t;


static gh_id_token_rules_t
rules(void)
{
    return (gh_id_token_rules_t){ .issuer = GH_STR(ISSUER),
                                  .client_id = GH_STR(CLIENT),
                                  .nonce = GH_STR(NONCE),
                                  .access_token = GH_STR(ACCESS_TOKEN),
                                  .code = GH_STR(CODE),
                                  .skew_s = 10 };
}


static json_t *
sound(void)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "iss", ISSUER, "aud",
                     CLIENT, "sub", "2482", "exp", (json_int_t) (NOW + 300),
                     "iat", (json_int_t) NOW, "nonce", NONCE);
}


static void
set(json_t *object, const char *member, const char *value)
{
    if (value == NULL) {
        (void) json_object_del(object, member);
        return;
    }

    json_t *json = json_loads(value, JSON_DECODE_ANY, NULL);

    assert_non_null(json);
    (void) json_object_set_new(object, member, json);
}


static gh_rc_t
check(gh_alg_t alg, const char *typ, const json_t *claims,
      const gh_id_token_rules_t *r, const char **what)
{
    gh_jwt_t jwt = { .alg = alg, .header = json_object() };

    if (typ != NULL) {
        (void) json_object_set_new(jwt.header, "typ", json_string(typ));
    }

    gh_rc_t rc = gh_id_token_check(&jwt, claims, r, NOW, what);

    gh_jwt_clear(&jwt);

    return rc;
}


static void
tell(const row_t *rows, size_t n, const gh_id_token_rules_t *r)
{
    for (size_t i = 0; i < n; i++) {
        json_t *claims = sound();
        const char *what = NULL;

        set(claims, rows[i].member, rows[i].value);

        gh_rc_t rc = check(GH_ALG_RS256, "JWT", claims, r, &what);

        if (rc != (rows[i].what == NULL ? GH_OK : GH_DENIED)
            || (what == NULL) != (rows[i].what == NULL)
            || (what != NULL && strcmp(what, rows[i].what) != 0))
        {
            fail_msg("%s: %s %s: result %d, %s", rows[i].name, rows[i].member,
                     rows[i].value == NULL ? "absent" : rows[i].value,
                     (int) rc, what == NULL ? "accepted" : what);
        }

        json_decref(claims);
    }
}

#define TELL(rows, r) tell(rows, sizeof(rows) / sizeof((rows)[0]), r)


static void
every_claim_is_as_it_must_be(void **state)
{
    static const row_t rows[] = {
        { "oidcc-client-test", "x", "1", NULL },
        { "-invalid-iss", "iss", "\"https://evil.test\"", "iss" },
        { "-invalid-iss", "iss", "\"" ISSUER "/\"", "iss" },
        { "-invalid-iss", "iss", "[\"" ISSUER "\"]", "iss" },
        { "fapi invalid-missing-iss", "iss", NULL, "iss" },
        { "-missing-sub", "sub", NULL, "sub" },
        { "-missing-sub", "sub", "\"\"", "sub" },
        { "-missing-sub", "sub", "7", "exp, nbf or sub" },
        { "-missing-sub", "sub", "null", "exp, nbf or sub" },
        { "-invalid-aud", "aud", "\"other\"", "aud" },
        { "-invalid-aud", "aud", "[]", "aud" },
        { "-invalid-aud", "aud", "[\"other\"]", "aud" },
        { "-invalid-aud", "aud", "[1]", "aud" },
        { "-invalid-aud", "aud", "[\"" CLIENT "\",1]", "aud" },
        { "-invalid-aud", "aud", "\"\"", "aud" },
        { "-invalid-aud", "aud", "{\"" CLIENT "\":1}", "aud" },
        { "-missing-aud", "aud", NULL, "aud" },
        { "fapi invalid-secondary-aud", "aud", "[\"" CLIENT "\",\"other\"]",
          "aud" },
        { "fapi valid-aud-as-array", "aud", "[\"" CLIENT "\"]", NULL },
        { "the same twice", "aud", "[\"" CLIENT "\",\"" CLIENT "\"]", NULL },
        { "2.4 azp is another", "azp", "\"other\"", "azp" },
        { "2.4 azp is another", "azp", "\"\"", "azp" },
        { "2.4 azp is another", "azp", "[\"" CLIENT "\"]", "azp" },
        { "2.4 azp is ours", "azp", "\"" CLIENT "\"", NULL },
        { "-missing-iat", "iat", NULL, "iat" },
        { "-missing-iat", "iat", "\"1800000000\"", "iat" },
        { "-missing-iat", "iat", "-1", "iat" },
        { "2.4 iat ahead", "iat", "1800000010", NULL },
        { "2.4 iat ahead", "iat", "1800000011", "iat or nbf" },
        { "2.4 iat long ago", "iat", "1700000000", NULL },
        { "fapi invalid-missing-exp", "exp", NULL, "exp, nbf or sub" },
        { "fapi invalid-expired-exp", "exp", "1799999700", "exp" },
        { "exp within the skew", "exp", "1799999991", NULL },
        { "exp within the skew", "exp", "1799999990", "exp" },
        { "exp no number", "exp", "\"never\"", "exp, nbf or sub" },
        { "nbf ahead", "nbf", "1800000011", "iat or nbf" },
        { "nbf ahead", "nbf", "1800000010", NULL },
        { "nbf no number", "nbf", "true", "exp, nbf or sub" },
        { "e1 -nonce-invalid", "nonce", "\"n-0S6_WzA2Mk\"", "nonce" },
        { "e1 -nonce-invalid", "nonce", "\"\"", "nonce" },
        { "e1 -nonce-invalid", "nonce", "[\"" NONCE "\"]", "nonce" },
        { "e1 fapi invalid-missing-nonce", "nonce", NULL, "nonce" },
        { "at_hash", "at_hash", "\"" AT_HASH "\"", NULL },
        { "-invalid-athash", "at_hash", "\"77QmUPtjPfzWtF2AnpK9RA\"",
          "at_hash" },
        { "-invalid-athash", "at_hash", "\"\"", "at_hash" },
        { "-invalid-athash", "at_hash", "null", "at_hash" },
        { "-invalid-athash", "at_hash", "\"" AT_HASH "==\"", "at_hash" },
        { "c_hash", "c_hash", "\"" C_HASH "\"", NULL },
        { "-invalid-chash", "c_hash", "\"" AT_HASH "\"", "c_hash" },
        { "-invalid-chash", "c_hash", "1", "c_hash" },
    };
    gh_id_token_rules_t r = rules();

    (void) state;
    TELL(rows, &r);
}


static void
other_audiences_need_an_azp_of_ours(void **state)
{
    gh_id_token_rules_t r = rules();
    json_t *claims = sound();
    const char *what;

    (void) state;
    set(claims, "aud", "[\"other\",\"" CLIENT "\"]");
    assert_int_equal(check(GH_ALG_RS256, NULL, claims, &r, &what), GH_DENIED);
    set(claims, "azp", "\"" CLIENT "\"");
    assert_int_equal(check(GH_ALG_RS256, NULL, claims, &r, &what), GH_OK);
    set(claims, "azp", "\"other\"");
    assert_int_equal(check(GH_ALG_RS256, NULL, claims, &r, &what), GH_DENIED);
    json_decref(claims);
}


static void
a_subject_is_at_most_255_bytes(void **state)
{
    gh_id_token_rules_t r = rules();
    json_t *claims = sound();
    char sub[257];
    const char *what;

    (void) state;
    memset(sub, 'x', sizeof(sub));
    (void) json_object_set_new(claims, "sub", json_stringn(sub, 255));
    assert_int_equal(check(GH_ALG_RS256, NULL, claims, &r, &what), GH_OK);
    (void) json_object_set_new(claims, "sub", json_stringn(sub, 256));
    assert_int_equal(check(GH_ALG_RS256, NULL, claims, &r, &what), GH_DENIED);
    assert_string_equal(what, "sub");
    json_decref(claims);
}


static void
only_what_is_an_id_token_is_one(void **state)
{
    static const struct {
        const char *typ;
        gh_rc_t rc;
    } rows[] = {
        { NULL, GH_OK },
        { "JWT", GH_OK },
        { "jwt", GH_OK },
        { "application/jwt", GH_OK },
        { "at+jwt", GH_DENIED },
        { "logout+jwt", GH_DENIED },
        { "secevent+jwt", GH_DENIED },
        { "", GH_DENIED },
    };
    gh_id_token_rules_t r = rules();
    json_t *claims = sound();
    const char *what;

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(check(GH_ALG_RS256, rows[i].typ, claims, &r, &what),
                         rows[i].rc);
    }

    json_decref(claims);
}


static void
fapi_invalid_alternate_alg_is_refused(void **state)
{
    gh_id_token_rules_t r = rules();
    json_t *claims = sound();
    const char *what;

    (void) state;
    assert_int_equal(check(GH_ALG_HS256, NULL, claims, &r, &what), GH_DENIED);
    assert_string_equal(what, "alg");
    assert_int_equal(check(GH_ALG_NONE, NULL, claims, &r, &what), GH_DENIED);
    assert_int_equal(check(GH_ALG_EDDSA, NULL, claims, &r, &what), GH_OK);

    r.algs = 1u << GH_ALG_PS256;
    assert_int_equal(check(GH_ALG_RS256, NULL, claims, &r, &what), GH_DENIED);
    assert_int_equal(check(GH_ALG_PS256, NULL, claims, &r, &what), GH_OK);
    json_decref(claims);
}


/* RS256 above is Core's own example; these halves are openssl dgst's. */
static void
the_hash_is_the_algorithms_own(void **state)
{
    static const struct {
        gh_alg_t alg;
        const char *at_hash;
    } rows[] = {
        { GH_ALG_ES256, AT_HASH },
        { GH_ALG_PS256, AT_HASH },
        { GH_ALG_ES384, "jtAeDp945y1dDqU3nkIVGNZP1HjH_MFs" },
        { GH_ALG_ES512, "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM" },
        { GH_ALG_EDDSA, "q7nS86GgvvFaZkzALLWqJYaJIKw2wCDAVfCAsm5CrBM" },
    };
    gh_id_token_rules_t r = rules();
    json_t *claims = sound();
    const char *what;

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void) json_object_set_new(claims, "at_hash",
                                   json_string(rows[i].at_hash));
        assert_int_equal(check(rows[i].alg, NULL, claims, &r, &what), GH_OK);
    }

    assert_int_equal(check(GH_ALG_RS256, NULL, claims, &r, &what), GH_DENIED);
    json_decref(claims);
}


static void
a_hash_of_nothing_we_have_is_not_looked_at(void **state)
{
    gh_id_token_rules_t r = rules();
    json_t *claims = sound();
    const char *what;

    (void) state;
    r.access_token = r.code = GH_STR("");
    set(claims, "at_hash", "\"x\"");
    set(claims, "c_hash", "\"x\"");
    assert_int_equal(check(GH_ALG_RS256, NULL, claims, &r, &what), GH_OK);
    json_decref(claims);
}


static void
e1_a_login_without_a_nonce_of_ours_is_none(void **state)
{
    gh_id_token_rules_t r = rules();
    json_t *claims = sound();
    const char *what;

    (void) state;
    r.nonce = GH_STR("");
    assert_int_equal(check(GH_ALG_RS256, NULL, claims, &r, &what), GH_DENIED);
    set(claims, "nonce", "\"\"");
    assert_int_equal(check(GH_ALG_RS256, NULL, claims, &r, &what), GH_DENIED);
    set(claims, "nonce", NULL);
    assert_int_equal(check(GH_ALG_RS256, NULL, claims, &r, &what), GH_DENIED);
    json_decref(claims);
}


static void
e26_a_refresh_is_about_the_same_person(void **state)
{
    static const row_t rows[] = {
        { "-refresh-token", "sub", "\"2482\"", NULL },
        { "-refresh-token-invalid-sub", "sub", "\"2483\"", "sub" },
        { "-refresh-token-invalid-sub", "sub", "\"248\"", "sub" },
        { "-refresh-token-invalid-sub", "sub", NULL, "sub" },
        { "-refresh-token-invalid-issuer", "iss", "\"https://b\"", "iss" },
        { "aud", "aud", "\"other\"", "aud" },
        { "no nonce", "nonce", NULL, NULL },
        { "the same nonce", "nonce", "\"" NONCE "\"", NULL },
        { "another nonce", "nonce", "\"other\"", "nonce" },
    };
    gh_id_token_rules_t r = rules();
    json_t *claims = sound();
    const char *what;

    (void) state;
    r.subject = GH_STR("2482");
    TELL(rows, &r);

    r.nonce = GH_STR(""); /* no longer known */
    set(claims, "nonce", "\"other\"");
    assert_int_equal(check(GH_ALG_RS256, NULL, claims, &r, &what), GH_OK);
    json_decref(claims);
}


static void
a_login_is_as_recent_and_as_strong_as_asked(void **state)
{
    static const row_t rows[] = {
        { "2.4 auth_time", "auth_time", "1799999390", NULL },
        { "2.4 auth_time", "auth_time", "1799999389", "auth_time" },
        { "2.4 auth_time", "auth_time", "1800000010", NULL },
        { "2.4 auth_time", "auth_time", "1800000011", "auth_time" },
        { "2.4 auth_time", "auth_time", NULL, "auth_time" },
        { "2.4 auth_time", "auth_time", "\"x\"", "auth_time" },
    };
    static const row_t strong[] = {
        { "2.4 acr", "acr", "\"gold\"", NULL },
        { "2.4 acr", "acr", "\"silver\"", NULL },
        { "2.4 acr", "acr", "\"Gold\"", "acr" },
        { "2.4 acr", "acr", "\"\"", "acr" },
        { "2.4 acr", "acr", "[\"gold\"]", "acr" },
        { "2.4 acr", "acr", NULL, "acr" },
    };
    const gh_str_t acr[] = { GH_STR("gold"), GH_STR("silver") };
    gh_id_token_rules_t r = rules();

    (void) state;
    r.max_age_s = 600;
    TELL(rows, &r);
    r.max_age_s = 0;
    r.acr = acr;
    r.n_acr = 2;
    TELL(strong, &r);
}


static void
a_skew_above_a_minute_is_a_minute(void **state)
{
    static const row_t rows[] = {
        { "exp", "exp", "1799999941", NULL },
        { "exp", "exp", "1799999940", "exp" },
        { "iat", "iat", "1800000060", NULL },
        { "iat", "iat", "1800000061", "iat or nbf" },
    };
    gh_id_token_rules_t r = rules();

    (void) state;
    r.skew_s = 3600;
    TELL(rows, &r);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_claim_is_as_it_must_be),
        cmocka_unit_test(other_audiences_need_an_azp_of_ours),
        cmocka_unit_test(a_subject_is_at_most_255_bytes),
        cmocka_unit_test(only_what_is_an_id_token_is_one),
        cmocka_unit_test(fapi_invalid_alternate_alg_is_refused),
        cmocka_unit_test(the_hash_is_the_algorithms_own),
        cmocka_unit_test(a_hash_of_nothing_we_have_is_not_looked_at),
        cmocka_unit_test(e1_a_login_without_a_nonce_of_ours_is_none),
        cmocka_unit_test(e26_a_refresh_is_about_the_same_person),
        cmocka_unit_test(a_login_is_as_recent_and_as_strong_as_asked),
        cmocka_unit_test(a_skew_above_a_minute_is_a_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
