/*
 * What a provider says about itself: only what is about our issuer is
 * believed, and only endpoints at hosts that somebody named are called.
 * Names beginning with e or j and a number are rows of the tables of logins
 * and outbound calls in docs/threat-model.md; oidcc ones are modules of the
 * certification's Basic and Config plans.
 */

#include "gh_test.h"

#include "gh_provider.h"

#include <stdio.h>
#include <stdlib.h>

#define ISSUER "https://idp.test/realms/a"
#define ENDPOINTS                                                             \
    "\"authorization_endpoint\":\"https://idp.test/auth\","                   \
    "\"token_endpoint\":\"https://idp.test/token\","                          \
    "\"jwks_uri\":\"https://idp.test/certs\""


static const gh_provider_rules_t plain = { .issuer = { ISSUER,
                                                       sizeof(ISSUER) - 1 } };


static gh_rc_t
parse(const char *document, const gh_provider_rules_t *rules,
      gh_provider_t *out, const char **why)
{
    gh_rc_t rc = gh_provider_parse(gh_str(document), rules, out, why);

    if (rc != GH_OK) {
        assert_non_null(*why);
        assert_null(out->document);
        assert_int_equal(out->token_endpoint.len, 0);
    }

    return rc;
}


/* A sound document in which one member is `value`, JSON; NULL: left out. */
static gh_rc_t
with(const char *member, const char *value, const gh_provider_rules_t *rules,
     gh_provider_t *out, const char **why)
{
    json_t *doc =
        json_loads("{\"issuer\":\"" ISSUER "\"," ENDPOINTS "}", 0, NULL);

    if (value != NULL) {
        (void) json_object_set_new(doc, member,
                                   json_loads(value, JSON_DECODE_ANY, NULL));
    } else {
        (void) json_object_del(doc, member);
    }

    char *text = json_dumps(doc, 0);
    gh_rc_t rc = parse(text, rules, out, why);

    free(text);
    json_decref(doc);

    return rc;
}


static gh_rc_t
judged(const char *member, const char *value, const char **why)
{
    gh_provider_t p;
    gh_rc_t rc = with(member, value, &plain, &p, why);

    gh_provider_clear(&p);

    return rc;
}


static void
oidcc_discovery_openid_config_is_used(void **state)
{
    gh_provider_t p;
    const char *why;

    (void) state;
    assert_int_equal(
        parse("{\"issuer\":\"" ISSUER "\"," ENDPOINTS ","
              "\"userinfo_endpoint\":\"https://idp.test/me\","
              "\"end_session_endpoint\":\"https://idp.test:443/out?a=b\","
              "\"revocation_endpoint\":\"https://idp.test/revoke\","
              "\"response_types_supported\":[\"id_token\",\"code\"],"
              "\"token_endpoint_auth_methods_supported\":"
              "[\"client_secret_post\",\"private_key_jwt\",\"tls\",1],"
              "\"authorization_response_iss_parameter_supported\":true,"
              "\"code_challenge_methods_supported\":[\"plain\",\"S256\"],"
              "\"x\":{\"y\":null}}",
              &plain, &p, &why),
        GH_OK);
    assert_null(why);
    assert_str(p.authorization_endpoint, "https://idp.test/auth");
    assert_str(p.token_endpoint, "https://idp.test/token");
    assert_str(p.jwks_uri, "https://idp.test/certs");
    assert_str(p.userinfo_endpoint, "https://idp.test/me");
    assert_str(p.end_session_endpoint, "https://idp.test:443/out?a=b");
    assert_str(p.revocation_endpoint, "https://idp.test/revoke");
    assert_int_equal(p.client_auth,
                     1u << GH_CLIENT_AUTH_POST | 1u << GH_CLIENT_AUTH_KEY);
    assert_true(p.sends_iss && p.s256);
    gh_provider_clear(&p);
    gh_provider_clear(&p);
}


static void
what_a_provider_does_not_say_it_cannot(void **state)
{
    gh_provider_t p;
    const char *why;

    (void) state;
    assert_int_equal(with("x", "1", &plain, &p, &why), GH_OK);
    assert_null(why);
    assert_int_equal(p.userinfo_endpoint.len, 0);
    assert_int_equal(p.end_session_endpoint.len, 0);
    assert_int_equal(p.client_auth, 1u << GH_CLIENT_AUTH_BASIC);
    assert_false(p.sends_iss || p.s256);
    gh_provider_clear(&p);

    assert_int_equal(
        with("token_endpoint_auth_methods_supported", "[]", &plain, &p, &why),
        GH_OK);
    assert_int_equal(p.client_auth, 0);
    gh_provider_clear(&p);

    assert_int_equal(with("authorization_response_iss_parameter_supported",
                          "\"true\"", &plain, &p, &why),
                     GH_OK);
    assert_false(p.sends_iss);
    gh_provider_clear(&p);
}


static void
e37_oidcc_discovery_issuer_mismatch_stops(void **state)
{
    static const char *const issuers[] = {
        NULL,
        "\"\"",
        "\"https://idp.test/realms/b\"",
        "\"https://idp.test/realms/a/\"",
        "\"https://IDP.test/realms/a\"",
        "\"https://idp.test:443/realms/a\"",
        "\"http://idp.test/realms/a\"",
        "\"https://idp.test/realms/A\"",
        "\"https://idp.test/realms/%61\"",
        "[\"https://idp.test/realms/a\"]",
        "null",
    };
    const char *why;

    (void) state;

    for (size_t i = 0; i < sizeof(issuers) / sizeof(issuers[0]); i++) {
        assert_int_equal(judged("issuer", issuers[i], &why), GH_INVALID);
        assert_string_equal(why, "its issuer is not the configured one");
    }

    gh_provider_rules_t none = { .issuer = GH_STR("") };
    gh_provider_t p;

    assert_int_equal(with("issuer", "\"\"", &none, &p, &why), GH_INVALID);
}


static void
j3_required_endpoints_elsewhere_refuse_the_document(void **state)
{
    static const char *const names[] = { "authorization_endpoint",
                                         "token_endpoint", "jwks_uri" };
    static const char *const values[] = {
        NULL,
        "\"\"",
        "1",
        "[\"https://idp.test/auth\"]",
        "\"http://idp.test/auth\"",
        "\"http://169.254.169.254/latest\"",
        "\"https://169.254.169.254/latest\"",
        "\"file:///etc/passwd\"",
        "\"gopher://idp.test/\"",
        "\"unix:/run/x.sock\"",
        "\"javascript:alert(1)\"",
        "\"/auth\"",
        "\"//idp.test/auth\"",
        "\"https://evil.test/auth\"",
        "\"https://idp.test.evil.test/auth\"",
        "\"https://idp.test@evil.test/auth\"",
        "\"https://idp.test:8443/auth\"",
        "\"https://sub.idp.test/auth\"",
        "\"https://idp.test\\\\@evil.test/\"",
        "\"https://idp.test/a b\"",
        "\"https://idp.test/a\\nb\"",
        "\"https://idp.test/#x\"",
        "\"HTTPS://idp.test/auth\"",
    };
    const char *why;

    (void) state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
            assert_int_equal(judged(names[i], values[j], &why), GH_INVALID);
            assert_non_null(strstr(why, names[i]));
        }
    }
}


static void
j3_an_optional_endpoint_elsewhere_is_left_out(void **state)
{
    static const char *const values[] = { "\"http://idp.test/me\"",
                                          "\"https://evil.test/me\"",
                                          "\"file:///me\"" };
    gh_provider_t p;
    const char *why;

    (void) state;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        assert_int_equal(
            with("userinfo_endpoint", values[i], &plain, &p, &why), GH_OK);
        assert_int_equal(p.userinfo_endpoint.len, 0);
        assert_non_null(strstr(why, "userinfo_endpoint"));
        gh_provider_clear(&p);
    }

    assert_int_equal(with("userinfo_endpoint", "null", &plain, &p, &why),
                     GH_OK);
    assert_null(why);
    gh_provider_clear(&p);
}


static void
named_hosts_may_hold_endpoints(void **state)
{
    const gh_str_t hosts[] = { GH_STR("Tokens.test"), GH_STR("keys.test:8443"),
                               GH_STR("[2001:db8::1]"),
                               GH_STR("odd.test/path") };
    const gh_provider_rules_t rules = { .issuer = GH_STR(ISSUER),
                                        .hosts = hosts,
                                        .n_hosts = 4 };
    static const struct {
        const char *uri;
        gh_rc_t rc;
    } cases[] = {
        { "\"https://tokens.test/t\"", GH_OK },
        { "\"https://tokens.test:443/t\"", GH_OK },
        { "\"https://keys.test:8443/t\"", GH_OK },
        { "\"https://[2001:db8::1]/t\"", GH_OK },
        { "\"https://idp.test/t\"", GH_OK },
        { "\"https://tokens.test:8443/t\"", GH_INVALID },
        { "\"https://keys.test/t\"", GH_INVALID },
        { "\"http://tokens.test/t\"", GH_INVALID },
        { "\"https://x.tokens.test/t\"", GH_INVALID },
        { "\"https://eviltokens.test/t\"", GH_INVALID },
        { "\"https://odd.test/path\"", GH_INVALID },
        { "\"https://odd.test/\"", GH_INVALID },
    };
    const char *why;
    gh_provider_t p;

    (void) state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(
            with("token_endpoint", cases[i].uri, &rules, &p, &why),
            cases[i].rc);
        gh_provider_clear(&p);
    }
}


static void
http_is_for_this_machine_alone(void **state)
{
    static const char local[] =
        "{\"issuer\":\"http://127.0.0.1:3000\","
        "\"authorization_endpoint\":\"http://127.0.0.1:3000/a\","
        "\"token_endpoint\":\"http://127.0.0.1:3000/t\","
        "\"jwks_uri\":\"http://127.0.0.1:3000/k\"}";
    static const char away[] =
        "{\"issuer\":\"http://10.0.0.1\","
        "\"authorization_endpoint\":\"http://10.0.0.1/a\","
        "\"token_endpoint\":\"http://10.0.0.1/t\","
        "\"jwks_uri\":\"http://10.0.0.1/k\"}";
    gh_provider_rules_t rules = { .issuer = GH_STR("http://127.0.0.1:3000"),
                                  .loopback_http = true };
    gh_provider_t p;
    const char *why;

    (void) state;
    assert_int_equal(parse(local, &rules, &p, &why), GH_OK);
    gh_provider_clear(&p);
    rules.loopback_http = false;
    assert_int_equal(parse(local, &rules, &p, &why), GH_INVALID);
    rules.loopback_http = true;
    rules.issuer = GH_STR("http://10.0.0.1");
    assert_int_equal(parse(away, &rules, &p, &why), GH_INVALID);
}


static void
what_is_no_document_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "<html>",
        "[]",
        "{}",
        "null",
        "{\"issuer\":\"" ISSUER "\"," ENDPOINTS,
        "{\"issuer\":\"" ISSUER "\"," ENDPOINTS "}x",
        "{\"issuer\":\"" ISSUER "\",\"issuer\":\"" ISSUER "\"," ENDPOINTS "}",
        "{\"issuer\":\"" ISSUER "\"," ENDPOINTS
        ",\"response_types_supported\":[\"id_token\"]}",
        "{\"issuer\":\"" ISSUER "\"," ENDPOINTS
        ",\"response_types_supported\":\"code\"}",
    };
    gh_provider_t p;
    const char *why;

    (void) state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(parse(texts[i], &plain, &p, &why), GH_INVALID);
    }

    gh_str_t huge = { calloc(1, 200000), 200000 };

    assert_int_equal(gh_provider_parse(huge, &plain, &p, &why), GH_TOO_LONG);
    free((void *) (uintptr_t) huge.data);
}


static void
ways_to_prove_oneself_have_words(void **state)
{
    (void) state;
    assert_int_equal(gh_client_auth_parse(GH_STR("client_secret_basic")),
                     GH_CLIENT_AUTH_BASIC);
    assert_int_equal(gh_client_auth_parse(GH_STR("client_secret_post")),
                     GH_CLIENT_AUTH_POST);
    assert_int_equal(gh_client_auth_parse(GH_STR("private_key_jwt")),
                     GH_CLIENT_AUTH_KEY);
    assert_int_equal(gh_client_auth_parse(GH_STR("none")),
                     GH_CLIENT_AUTH_NONE);
    assert_int_equal(gh_client_auth_parse(GH_STR("client_secret_jwt")),
                     GH_CLIENT_AUTH_AUTO);
    assert_int_equal(gh_client_auth_parse(GH_STR("")), GH_CLIENT_AUTH_AUTO);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oidcc_discovery_openid_config_is_used),
        cmocka_unit_test(what_a_provider_does_not_say_it_cannot),
        cmocka_unit_test(e37_oidcc_discovery_issuer_mismatch_stops),
        cmocka_unit_test(j3_required_endpoints_elsewhere_refuse_the_document),
        cmocka_unit_test(j3_an_optional_endpoint_elsewhere_is_left_out),
        cmocka_unit_test(named_hosts_may_hold_endpoints),
        cmocka_unit_test(http_is_for_this_machine_alone),
        cmocka_unit_test(what_is_no_document_is_refused),
        cmocka_unit_test(ways_to_prove_oneself_have_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
