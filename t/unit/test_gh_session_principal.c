/*
 * Who a session says somebody is: claims are what a provider lets people say
 * about themselves. Names beginning with e and a number are rows of the
 * table of logins in docs/threat-model.md.
 */

#include "gh_test.h"

#include "gh_session.h"

#include <stdio.h>

#define MAX 4


static const gh_session_claims_t plain = {
    .provider = { "staff", 5 },
    .name_claim = { "name", 4 },
    .email_claim = { "email", 5 },
    .groups_claim = { "groups", 6 },
    .scope_claim = { "scope", 5 },
};

static gh_str_t lists[2 * MAX];


static gh_rc_t
principal(json_t *claims, const gh_session_claims_t *means,
          gh_principal_t *out)
{
    const gh_session_t s = { .id = GH_STR("staff:2482"),
                             .sub = GH_STR("2482"),
                             .issuer = GH_STR("https://idp.test"),
                             .claims = claims };

    return gh_session_principal(&s, means, lists, MAX, out);
}


static json_t *
claims_of(const char *text)
{
    json_t *claims = json_loads(text, 0, NULL);

    assert_non_null(claims);

    return claims;
}


static void
a_person_is_who_the_session_says(void **state)
{
    json_t *claims =
        claims_of("{\"name\":\"Alice\",\"email\":\"alice@example.com\","
                  "\"groups\":[\"staff\",\"\",7,null,\"admin\"],"
                  "\"scope\":\"openid  email \"}");
    gh_principal_t p;

    (void) state;
    assert_int_equal(principal(claims, &plain, &p), GH_OK);
    assert_int_equal(p.type, GH_PRINCIPAL_USER);
    assert_int_equal(p.method, GH_METHOD_OIDC);
    assert_str(p.id, "staff:2482");
    assert_str(p.name, "Alice");
    assert_str(p.email, "alice@example.com");
    assert_str(p.issuer, "https://idp.test");
    assert_str(p.credential, "2482");
    assert_int_equal(p.consumer.len, 0);
    assert_int_equal(p.n_groups, 2);
    assert_str(p.groups[0], "staff");
    assert_str(p.groups[1], "admin");
    assert_int_equal(p.n_scopes, 2);
    assert_str(p.scopes[0], "openid");
    assert_str(p.scopes[1], "email");
    assert_ptr_equal(p.claims, claims);
    json_decref(claims);
}


static void
nested_roles_become_groups_by_a_pointer(void **state)
{
    gh_session_claims_t means = plain;
    json_t *claims = claims_of("{\"realm_access\":{\"roles\":[\"a\",\"b c\"]},"
                               "\"scp\":[\"x\",\"y z\"],\"g\":\"one group\"}");
    gh_principal_t p;

    (void) state;
    means.groups_claim = GH_STR("/realm_access/roles");
    means.scope_claim = GH_STR("scp");
    assert_int_equal(principal(claims, &means, &p), GH_OK);
    assert_int_equal(p.n_groups, 2);
    assert_str(p.groups[1], "b c");
    assert_int_equal(p.n_scopes, 2);
    assert_str(p.scopes[1], "y z");

    means.groups_claim = GH_STR("g");
    assert_int_equal(principal(claims, &means, &p), GH_OK);
    assert_int_equal(p.n_groups, 1);
    assert_str(p.groups[0], "one group");
    json_decref(claims);
}


static void
what_is_not_there_or_not_text_is_left_out(void **state)
{
    static const char *const texts[] = {
        "{}",
        "{\"name\":1,\"email\":[1],\"groups\":{\"a\":\"b\"},\"scope\":7}",
        "{\"name\":null,\"email\":null,\"groups\":null}",
        "{\"name\":\"\",\"email\":\"\",\"groups\":\"\",\"scope\":\"  \"}",
        "{\"groups\":[[\"a\"],{\"b\":1},true],\"scope\":[]}",
    };
    gh_session_claims_t none = { .provider = GH_STR("staff") };
    gh_principal_t p;

    (void) state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        json_t *claims = claims_of(texts[i]);

        assert_int_equal(principal(claims, &plain, &p), GH_OK);
        assert_int_equal(p.name.len + p.email.len, 0);
        assert_int_equal(p.n_groups + p.n_scopes, 0);
        json_decref(claims);
    }

    /* no claim named is no claim, not the whole document */
    json_t *claims = claims_of("{\"\":\"x\",\"name\":\"x\"}");

    assert_int_equal(principal(claims, &none, &p), GH_OK);
    assert_int_equal(p.name.len + p.email.len, 0);
    assert_int_equal(p.n_groups + p.n_scopes, 0);
    json_decref(claims);
}


static void
more_groups_than_there_is_room_for_are_said(void **state)
{
    json_t *claims = claims_of("{\"groups\":[\"1\",\"2\",\"3\",\"4\",\"5\"],"
                               "\"scope\":\"a b c d\"}");
    gh_principal_t p;

    (void) state;
    assert_int_equal(principal(claims, &plain, &p), GH_TOO_LONG);
    assert_int_equal(p.n_groups, 4);
    assert_int_equal(p.n_scopes, 4);
    assert_str(p.groups[3], "4");
    assert_str(p.scopes[0], "a");
    json_decref(claims);
}


static void
e34_only_one_address_that_is_verified_counts(void **state)
{
    static const struct {
        const char *email;    /* JSON */
        const char *verified; /* JSON; NULL: not said */
        bool counts;
    } rows[] = {
        { "\"a@example.com\"", NULL, true },
        { "\"a@example.com\"", "true", true },
        { "\"a@example.com\"", "\"true\"", true },
        { "\"a@example.com\"", "false", false },
        { "\"a@example.com\"", "\"false\"", false },
        { "\"a@example.com\"", "0", false },
        { "\"a@example.com\"", "1", false },
        { "\"a@example.com\"", "null", false },
        { "\"a@example.com\"", "[true]", false },
        { "\"attacker@evil.com@corp.com\"", "true", false },
        { "\"a@@example.com\"", "true", false },
        { "\"@example.com\"", "true", false },
        { "\"a@\"", "true", false },
        { "\"a\"", "true", false },
        { "\"\"", "true", false },
        { "\"a@example.com.\"", "true", false },
        { "\"a@.example.com\"", "true", false },
        { "\"a@example..com\"", "true", false },
        { "\"a@ex\\u0430mple.com\"", "true", false },
        { "\"\\u00e4@example.com\"", "true", false },
        { "\"a@example.com\\n\"", "true", false },
        { "\"a@example.com\\r\\nX: y\"", "true", false },
        { "\"a\\u0001@example.com\"", "true", false },
        { "\"a@example.com\\u007f\"", "true", false },
        { "\" a@example.com\"", "true", false },
        { "\"a@evil.com,b@corp.com\"", "true", false },
        { "\"<a@evil.com>b\"", "true", false },
        { "\"\\\"a@corp.com\\\"@evil.com\"", "true", false },
        { "\"a(x)@corp.com\"", "true", false },
        { "\"a@[127.0.0.1]\"", "true", false },
        { "\"a+b.c_d-e@sub.example.co\"", "true", true },
        { "\"O'Neil!#$%&*/=?^`{|}~@example.com\"", "true", true },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[256];
        gh_principal_t p;
        gh_session_claims_t lax = plain;

        (void) snprintf(text, sizeof(text), "{\"email\":%s%s%s}",
                        rows[i].email,
                        rows[i].verified == NULL ? "" : ",\"email_verified\":",
                        rows[i].verified == NULL ? "" : rows[i].verified);

        json_t *claims = claims_of(text);

        assert_int_equal(principal(claims, &plain, &p), GH_OK);

        if ((p.email.len > 0) != rows[i].counts) {
            fail_msg("%s", text);
        }

        /* when told so, unverified ones count, but not malformed ones */
        lax.email_unverified = true;
        assert_int_equal(principal(claims, &lax, &p), GH_OK);
        assert_int_equal(p.email.len > 0, rows[i].counts || i < 9);
        json_decref(claims);
    }
}


static void
a_session_without_an_id_is_nobodys(void **state)
{
    const gh_session_t s = { .sub = GH_STR("1") };
    gh_principal_t p;

    (void) state;
    assert_int_equal(gh_session_principal(&s, &plain, lists, MAX, &p),
                     GH_INVALID);
    assert_int_equal(p.type, GH_PRINCIPAL_ANONYMOUS);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_person_is_who_the_session_says),
        cmocka_unit_test(nested_roles_become_groups_by_a_pointer),
        cmocka_unit_test(what_is_not_there_or_not_text_is_left_out),
        cmocka_unit_test(more_groups_than_there_is_room_for_are_said),
        cmocka_unit_test(e34_only_one_address_that_is_verified_counts),
        cmocka_unit_test(a_session_without_an_id_is_nobodys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
