/*
 * What is posted to a provider, and how the client proves who it is. Names
 * beginning with e and a number are rows of the table of logins in
 * docs/threat-model.md.
 */

#include "gh_test_jwt.h"

#include "gh_oidc.h"

#include <stdlib.h>

#define NOW GH_TEST_NOW
#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


static const uint8_t jti[16] = { 1, 2, 3 };


typedef struct {
    char form_room[8192], authorization_room[1024], form_text[8192];
    gh_buf_t form, authorization;
    gh_form_t fields;
    gh_oidc_client_t client;
    gh_oidc_post_t post;
} scene_t;


static void
begin(scene_t *s, gh_client_auth_t auth)
{
    s->form = (gh_buf_t){ s->form_room, 0, sizeof(s->form_room) };
    s->authorization =
        (gh_buf_t){ s->authorization_room, 0, sizeof(s->authorization_room) };
    s->client =
        (gh_oidc_client_t){ .issuer = GH_STR("https://idp.test/a"),
                            .client_id = GH_STR("gate:house"),
                            .client_secret = GH_STR("s&c r%t\xc3\xa9"),
                            .auth = auth,
                            .redirect_uri = GH_STR("https://app.test/cb") };
    s->post = (gh_oidc_post_t){ .form = &s->form,
                                .authorization = &s->authorization,
                                .jti = jti,
                                .now_s = NOW };
}


/* The value of a field of what is posted; NULL: there is none. */
static gh_str_t
field(scene_t *s, const char *name)
{
    gh_buf_t room = { s->form_text, 0, sizeof(s->form_text) };
    gh_str_t value = GH_STR("absent");

    assert_int_equal(gh_form_parse(gh_buf_str(&s->form), &room, &s->fields),
                     GH_OK);

    gh_rc_t rc = gh_form_one(&s->fields, gh_str(name), &value);

    assert_true(rc == GH_OK || rc == GH_ABSENT);

    return value;
}


static void
client_secret_basic_encodes_each_half(void **state)
{
    scene_t s;

    (void) state;
    begin(&s, GH_CLIENT_AUTH_BASIC);
    assert_int_equal(
        gh_oidc_post_code(&s.client, GH_STR("c+d"), GH_STR("ver"), &s.post),
        GH_OK);
    assert_str(gh_buf_str(&s.form),
               "grant_type=authorization_code&code=c%2Bd"
               "&redirect_uri=https%3A%2F%2Fapp.test%2Fcb&code_verifier=ver");
    /* gate%3Ahouse:s%26c+r%25t%C3%A9 */
    assert_str(gh_buf_str(&s.authorization),
               "Basic Z2F0ZSUzQWhvdXNlOnMlMjZjK3IlMjV0JUMzJUE5");
}


static void
client_secret_post_is_in_the_form(void **state)
{
    scene_t s;

    (void) state;
    begin(&s, GH_CLIENT_AUTH_POST);
    assert_int_equal(gh_oidc_post_refresh(&s.client, GH_STR("r=t"), &s.post),
                     GH_OK);
    assert_str(gh_buf_str(&s.form),
               "grant_type=refresh_token&refresh_token=r%3Dt"
               "&client_id=gate%3Ahouse&client_secret=s%26c+r%25t%C3%A9");
    assert_int_equal(s.authorization.len, 0);
}


static void
a_public_client_has_no_secret_to_send(void **state)
{
    scene_t s;

    (void) state;
    begin(&s, GH_CLIENT_AUTH_NONE);
    assert_int_equal(
        gh_oidc_post_code(&s.client, GH_STR("c"), GH_STR("v"), &s.post),
        GH_OK);
    assert_str(field(&s, "client_id"), "gate:house");
    assert_str(field(&s, "client_secret"), "absent");
    assert_int_equal(s.authorization.len, 0);
}


static void
a_token_is_revoked_with_its_hint(void **state)
{
    scene_t s;

    (void) state;
    begin(&s, GH_CLIENT_AUTH_NONE);
    assert_int_equal(gh_oidc_post_revoke(&s.client, GH_STR("t"),
                                         GH_STR("refresh_token"), &s.post),
                     GH_OK);
    assert_str(gh_buf_str(&s.form), "token=t&token_type_hint=refresh_token"
                                    "&client_id=gate%3Ahouse");
    s.form.len = 0;
    assert_int_equal(
        gh_oidc_post_revoke(&s.client, GH_STR("t"), GH_STR(""), &s.post),
        GH_OK);
    assert_str(gh_buf_str(&s.form), "token=t&client_id=gate%3Ahouse");
}


static void
e36_an_assertion_is_for_the_issuer_alone_and_for_a_minute(void **state)
{
    static const gh_alg_t algs[] = { GH_ALG_ES256, GH_ALG_RS256, GH_ALG_PS256,
                                     GH_ALG_EDDSA };

    (void) state;

    for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
        scene_t s;
        gh_jwt_t jwt;
        gh_reason_t reason;
        json_t *claims;
        gh_jwks_t *keys = gh_test_jwks_of(algs[i], "key \"1\"");

        begin(&s, GH_CLIENT_AUTH_KEY);
        s.client.key = gh_test_key(algs[i]);
        s.client.key_alg = algs[i];
        s.client.kid = GH_STR("key \"1\"");
        assert_int_equal(
            gh_oidc_post_code(&s.client, GH_STR("c"), GH_STR("v"), &s.post),
            GH_OK);
        assert_int_equal(s.authorization.len, 0);
        assert_str(field(&s, "client_id"), "gate:house");
        assert_str(field(&s, "client_secret"), "absent");
        assert_str(field(&s, "client_assertion_type"), ASSERTION_TYPE);

        assert_int_equal(
            gh_jwt_parse(field(&s, "client_assertion"), &jwt, &reason), GH_OK);
        assert_int_equal(gh_jwt_verify(&jwt, keys, 1u << algs[i], &reason),
                         GH_OK);
        assert_int_equal(gh_jwt_peek(&jwt, &claims, &reason), GH_OK);

        json_t *expected =
            json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "iss", "gate:house",
                      "sub", "gate:house", "aud", "https://idp.test/a", "jti",
                      "AQIDAAAAAAAAAAAAAAAAAA", "iat", (json_int_t) NOW, "exp",
                      (json_int_t) (NOW + 60));
        json_t *header =
            json_pack("{s:s, s:s, s:s}", "alg", gh_alg_name(algs[i]).data,
                      "typ", "client-authentication+jwt", "kid", "key \"1\"");

        assert_true(json_equal(claims, expected));
        assert_true(json_equal(jwt.header, header));
        json_decref(header);
        json_decref(expected);
        json_decref(claims);
        gh_jwt_clear(&jwt);
        gh_jwks_destroy(keys);
    }
}


static void
a_key_that_does_not_sign_posts_nothing(void **state)
{
    scene_t s;

    (void) state;
    begin(&s, GH_CLIENT_AUTH_KEY);
    assert_int_equal(
        gh_oidc_post_code(&s.client, GH_STR("c"), GH_STR("v"), &s.post),
        GH_INVALID);
    assert_int_equal(s.form.len, 0);

    s.client.key = gh_test_key(GH_ALG_RS256);
    s.client.key_alg = GH_ALG_ES256;
    assert_int_equal(
        gh_oidc_post_code(&s.client, GH_STR("c"), GH_STR("v"), &s.post),
        GH_INVALID);
    assert_int_equal(s.form.len, 0);

    s.client.auth = GH_CLIENT_AUTH_AUTO;
    assert_int_equal(
        gh_oidc_post_code(&s.client, GH_STR("c"), GH_STR("v"), &s.post),
        GH_INVALID);
    assert_int_equal(s.form.len, 0);
}


static void
what_does_not_fit_posts_nothing(void **state)
{
    static const gh_client_auth_t auths[] = { GH_CLIENT_AUTH_BASIC,
                                              GH_CLIENT_AUTH_POST,
                                              GH_CLIENT_AUTH_NONE,
                                              GH_CLIENT_AUTH_KEY };

    (void) state;

    for (size_t i = 0; i < sizeof(auths) / sizeof(auths[0]); i++) {
        scene_t s;
        gh_rc_t rc = GH_TOO_LONG;

        begin(&s, auths[i]);
        s.client.key = gh_test_key(GH_ALG_EDDSA);
        s.client.key_alg = GH_ALG_EDDSA;

        for (size_t cap = 0; rc == GH_TOO_LONG && cap < 4096; cap++) {
            s.form.cap = cap;
            s.authorization.cap = cap;
            rc = gh_oidc_post_code(&s.client, GH_STR("c"), GH_STR("v"),
                                   &s.post);

            if (rc != GH_OK) {
                assert_int_equal(s.form.len, 0);
                assert_int_equal(s.authorization.len, 0);
            }
        }

        assert_int_equal(rc, GH_OK);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_secret_basic_encodes_each_half),
        cmocka_unit_test(client_secret_post_is_in_the_form),
        cmocka_unit_test(a_public_client_has_no_secret_to_send),
        cmocka_unit_test(a_token_is_revoked_with_its_hint),
        cmocka_unit_test(
            e36_an_assertion_is_for_the_issuer_alone_and_for_a_minute),
        cmocka_unit_test(a_key_that_does_not_sign_posts_nothing),
        cmocka_unit_test(what_does_not_fit_posts_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
