/*
 * Where browsers are sent, and how a client proves who it is. Names
 * beginning with e and a number are rows of the table of logins in
 * docs/threat-model.md.
 */

#include "gh_test.h"

#include "gh_oidc.h"

#include <stdlib.h>


static const gh_oidc_client_t client = {
    .issuer = { "https://idp.test", 16 },
    .client_id = { "gate house", 10 },
    .redirect_uri = { "https://app.test/cb?x=1", 23 },
    .scope = { "openid profile", 14 },
};

static const gh_oidc_ask_t ask = { .state = { "st-1", 4 },
                                   .nonce = { "no_1", 4 },
                                   .challenge = { "ch-1", 4 } };


static gh_provider_t
provider(const char *authorize, const char *logout)
{
    return (gh_provider_t){ .authorization_endpoint = gh_str(authorize),
                            .end_session_endpoint = gh_str(logout) };
}


static void
e7_a_login_is_asked_for_with_state_nonce_and_pkce(void **state)
{
    char room[1024];
    gh_buf_t out = GH_BUF(room);
    gh_provider_t p = provider("https://idp.test/auth", "");

    (void) state;
    assert_int_equal(gh_oidc_authorize_url(&p, &client, &ask, NULL, 0, &out),
                     GH_OK);
    assert_str(gh_buf_str(&out),
               "https://idp.test/auth?response_type=code&client_id=gate+house"
               "&redirect_uri=https%3A%2F%2Fapp.test%2Fcb%3Fx%3D1"
               "&scope=openid+profile&state=st-1&nonce=no_1"
               "&code_challenge=ch-1&code_challenge_method=S256");
}


static void
the_endpoints_own_query_is_kept(void **state)
{
    static const char *const endpoints[][2] = {
        { "https://idp.test/auth?p=b2c", "https://idp.test/auth?p=b2c&" },
        { "https://idp.test/auth?", "https://idp.test/auth?" },
        { "https://idp.test/auth?p=1&", "https://idp.test/auth?p=1&" },
        { "https://idp.test", "https://idp.test?" },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        char room[1024];
        gh_buf_t out = GH_BUF(room);
        gh_provider_t p = provider(endpoints[i][0], endpoints[i][0]);

        assert_int_equal(
            gh_oidc_authorize_url(&p, &client, &ask, NULL, 0, &out), GH_OK);
        out.len = strlen(endpoints[i][1]) + 13;
        assert_true(gh_str_starts(gh_buf_str(&out), gh_str(endpoints[i][1])));
        assert_memory_equal(room + out.len - 13, "response_type", 13);

        out.len = 0;
        assert_int_equal(gh_oidc_logout_url(&p, GH_STR("c"), GH_STR(""),
                                            GH_STR(""), GH_STR(""), &out),
                         GH_OK);
        assert_true(gh_str_starts(gh_buf_str(&out), gh_str(endpoints[i][1])));
        assert_memory_equal(room + out.len - 11, "client_id=c", 11);
    }
}


static void
extras_come_along_but_replace_nothing(void **state)
{
    const gh_form_field_t extra[] = {
        { GH_STR("prompt"), GH_STR("login") },
        { GH_STR("code_challenge_method"), GH_STR("plain") },
        { GH_STR("response_type"), GH_STR("token") },
        { GH_STR("state"), GH_STR("x") },
        { GH_STR("nonce"), GH_STR("x") },
        { GH_STR("redirect_uri"), GH_STR("https://evil.test") },
        { GH_STR("request_uri"), GH_STR("https://evil.test") },
        { GH_STR("request"), GH_STR("x") },
        { GH_STR("response_mode"), GH_STR("fragment") },
        { GH_STR("a&b"), GH_STR("c=d#") },
    };
    char room[1024];
    gh_buf_t out = GH_BUF(room);
    gh_provider_t p = provider("https://idp.test/auth", "");
    size_t plain;

    (void) state;
    assert_int_equal(gh_oidc_authorize_url(&p, &client, &ask, NULL, 0, &out),
                     GH_OK);
    plain = out.len;
    out.len = 0;
    assert_int_equal(gh_oidc_authorize_url(&p, &client, &ask, extra, 10, &out),
                     GH_OK);
    assert_int_equal(out.len, plain + 28);
    assert_memory_equal(room + plain, "&prompt=login&a%26b=c%3Dd%23", 28);
}


static void
an_address_that_does_not_fit_is_not_begun(void **state)
{
    gh_provider_t p =
        provider("https://idp.test/auth", "https://idp.test/out");
    gh_rc_t rc;

    (void) state;

    for (size_t cap = 0; cap < 300; cap++) {
        char *room = malloc(cap + 1);
        gh_buf_t out = { room, 0, cap };

        rc = gh_oidc_authorize_url(&p, &client, &ask, NULL, 0, &out);
        assert_int_equal(rc, out.len == 0 ? GH_TOO_LONG : GH_OK);

        out.len = 0;
        rc =
            gh_oidc_logout_url(&p, GH_STR("c"), GH_STR("token"),
                               GH_STR("https://app.test/"), GH_STR("s"), &out);
        assert_int_equal(rc, out.len == 0 ? GH_TOO_LONG : GH_OK);
        free(room);
    }

    assert_int_equal(rc, GH_OK);
}


static void
a_logout_says_who_and_whereto(void **state)
{
    char room[1024];
    gh_buf_t out = GH_BUF(room);
    gh_provider_t p = provider("", "https://idp.test/out");
    gh_provider_t none = provider("", "");

    (void) state;
    assert_int_equal(
        gh_oidc_logout_url(&p, GH_STR("c"), GH_STR("e.y.J"),
                           GH_STR("https://app.test/bye"), GH_STR("s1"), &out),
        GH_OK);
    assert_str(gh_buf_str(&out),
               "https://idp.test/out?id_token_hint=e.y.J&client_id=c"
               "&post_logout_redirect_uri=https%3A%2F%2Fapp.test%2Fbye"
               "&state=s1");
    assert_int_equal(gh_oidc_logout_url(&none, GH_STR("c"), GH_STR(""),
                                        GH_STR(""), GH_STR(""), &out),
                     GH_ABSENT);
}


static void
a_client_proves_itself_as_configured_or_as_well_as_it_can(void **state)
{
    static const struct {
        unsigned offered;
        gh_client_auth_t wanted;
        bool has_key;
        gh_rc_t rc;
        gh_client_auth_t out;
    } cases[] = {
        { 0, GH_CLIENT_AUTH_POST, false, GH_OK, GH_CLIENT_AUTH_POST },
        { 0, GH_CLIENT_AUTH_NONE, true, GH_OK, GH_CLIENT_AUTH_NONE },
        { 0, GH_CLIENT_AUTH_KEY, true, GH_OK, GH_CLIENT_AUTH_KEY },
        { 0, GH_CLIENT_AUTH_KEY, false, GH_ABSENT, GH_CLIENT_AUTH_KEY },
        { 1u << GH_CLIENT_AUTH_BASIC | 1u << GH_CLIENT_AUTH_POST
              | 1u << GH_CLIENT_AUTH_KEY,
          GH_CLIENT_AUTH_AUTO, true, GH_OK, GH_CLIENT_AUTH_KEY },
        { 1u << GH_CLIENT_AUTH_BASIC | 1u << GH_CLIENT_AUTH_POST
              | 1u << GH_CLIENT_AUTH_KEY,
          GH_CLIENT_AUTH_AUTO, false, GH_OK, GH_CLIENT_AUTH_BASIC },
        { 1u << GH_CLIENT_AUTH_POST, GH_CLIENT_AUTH_AUTO, true, GH_OK,
          GH_CLIENT_AUTH_POST },
        { 1u << GH_CLIENT_AUTH_KEY, GH_CLIENT_AUTH_AUTO, false, GH_ABSENT,
          GH_CLIENT_AUTH_KEY },
        { 1u << GH_CLIENT_AUTH_NONE, GH_CLIENT_AUTH_AUTO, false, GH_ABSENT,
          GH_CLIENT_AUTH_NONE },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gh_provider_t p = { .client_auth = cases[i].offered };
        gh_client_auth_t got = GH_CLIENT_AUTH_AUTO;

        assert_int_equal(
            gh_oidc_client_auth(&p, cases[i].wanted, cases[i].has_key, &got),
            cases[i].rc);

        if (cases[i].rc == GH_OK) {
            assert_int_equal(got, cases[i].out);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(e7_a_login_is_asked_for_with_state_nonce_and_pkce),
        cmocka_unit_test(the_endpoints_own_query_is_kept),
        cmocka_unit_test(extras_come_along_but_replace_nothing),
        cmocka_unit_test(an_address_that_does_not_fit_is_not_begun),
        cmocka_unit_test(a_logout_says_who_and_whereto),
        cmocka_unit_test(
            a_client_proves_itself_as_configured_or_as_well_as_it_can),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
