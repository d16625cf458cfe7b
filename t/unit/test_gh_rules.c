/*
 * Authorize lines as they are judged. How lines are typed:
 * test_gh_rules_line.c. Names beginning with a or b and a number are rows of
 * docs/threat-model.md.
 */

#include "gh_test_rules.h"


static void assert_admit(gh_str_t block, const gh_subject_t *s,
                         gh_reason_t expected);


static void
assert_admit(gh_str_t block, const gh_subject_t *s, gh_reason_t expected)
{
    gh_reason_t reason = gh_rules_admit(block, s);

    if (reason != expected) {
        gh_str_t word = gh_reason_info(reason)->word;

        fail_msg("judged %.*s", (int) word.len, word.data);
    }
}


static gh_subject_t
asks(const gh_principal_t *p, const char *http_method)
{
    return (gh_subject_t){ p, gh_str(http_method), GH_STR("v2") };
}


static void
without_lines_everybody_is_admitted(void **state)
{
    static const char *const none[] = { NULL };
    gh_str_t block = gh_test_rules(none);
    gh_subject_t s = asks(NULL, "GET");

    (void) state;

    assert_int_equal(block.len, 0);
    assert_admit(block, &s, GH_REASON_OK);
    assert_int_equal(gh_rules_require(block, &s), GH_REASON_OK);
}


static void
all_names_of_a_line_must_hold(void **state)
{
    static const char *const line[] = { "group=staff scope=orders:read",
                                        NULL };
    gh_str_t block = gh_test_rules(line);
    gh_subject_t s = asks(&gh_test_alice, "GET");
    gh_principal_t without = gh_test_alice;

    (void) state;

    assert_admit(block, &s, GH_REASON_OK);

    without.n_scopes = 0;
    s.principal = &without;
    assert_admit(block, &s, GH_REASON_RULE_NONE);
    gh_test_rules_free(block);
}


static void
a_comma_or_a_repeated_name_means_any_of(void **state)
{
    static const char *const
        comma[] = { "group=admin,night", NULL },
        *const repeated[] = { "group=admin scope=orders:read group=night",
                              NULL },
        *const neither[] = { "group=admin,nigh", NULL };
    gh_subject_t s = asks(&gh_test_alice, "GET");
    gh_str_t block = gh_test_rules(comma);

    (void) state;

    assert_admit(block, &s, GH_REASON_OK);
    gh_test_rules_free(block);

    block = gh_test_rules(repeated);
    assert_admit(block, &s, GH_REASON_OK);
    gh_test_rules_free(block);

    block = gh_test_rules(neither);
    assert_admit(block, &s, GH_REASON_RULE_NONE);
    gh_test_rules_free(block);
}


static void
any_line_admits(void **state)
{
    static const char *const two[] = { "method=GET,PUT scope=orders:read",
                                       "consumer=acme", NULL };
    gh_str_t block = gh_test_rules(two);
    gh_subject_t s = asks(&gh_test_alice, "GET");

    (void) state;

    assert_admit(block, &s, GH_REASON_OK);

    s = asks(&gh_test_alice, "POST");
    assert_admit(block, &s, GH_REASON_RULE_NONE);

    s = asks(&gh_test_acme, "POST");
    assert_admit(block, &s, GH_REASON_OK);

    gh_test_rules_free(block);
}


static void
deny_beats_every_admit_wherever_it_stands(void **state)
{
    static const char *const before[] = { "deny group=night", "group=staff",
                                          NULL },
                             *const after[] = { "group=staff",
                                                "deny group=night", NULL };
    gh_subject_t s = asks(&gh_test_alice, "GET");
    gh_principal_t by_day = gh_test_alice;
    gh_str_t block = gh_test_rules(before);

    (void) state;

    assert_admit(block, &s, GH_REASON_RULE_DENY);
    gh_test_rules_free(block);

    block = gh_test_rules(after);
    assert_admit(block, &s, GH_REASON_RULE_DENY);

    by_day.n_groups = 1;
    s.principal = &by_day;
    assert_admit(block, &s, GH_REASON_OK);
    gh_test_rules_free(block);
}


static void
deny_alone_refuses_everybody(void **state)
{
    static const char *const line[] = { "group=staff", "deny", NULL },
                             *const only[] = { "deny group=admin", NULL };
    gh_str_t block = gh_test_rules(line);
    gh_subject_t s = asks(&gh_test_alice, "GET");

    (void) state;

    assert_admit(block, &s, GH_REASON_RULE_DENY);
    s.principal = NULL;
    assert_admit(block, &s, GH_REASON_RULE_DENY);
    gh_test_rules_free(block);

    /* and deny lines that do not match admit nobody */
    block = gh_test_rules(only);
    s.principal = &gh_test_alice;
    assert_admit(block, &s, GH_REASON_RULE_NONE);
    gh_test_rules_free(block);
}


static void
the_anonymous_principal_has_no_group_scope_consumer_or_claim(void **state)
{
    static const char *const wants[][2] = { { "group=staff", NULL },
                                            { "scope=orders:read", NULL },
                                            { "consumer=acme", NULL },
                                            { "claim:sub=2482", NULL } };
    json_t *claims = json_pack("{s:s}", "sub", "2482");
    gh_principal_t nobody = gh_test_alice;

    (void) state;

    /* whatever was left in it */
    nobody.type = GH_PRINCIPAL_ANONYMOUS;
    nobody.consumer = GH_STR("acme");
    nobody.claims = claims;

    for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
        gh_str_t block = gh_test_rules(wants[i]);
        gh_subject_t s = asks(&nobody, "GET");

        assert_admit(block, &s, GH_REASON_RULE_NONE);
        s.principal = NULL;
        assert_admit(block, &s, GH_REASON_RULE_NONE);
        nobody.type = GH_PRINCIPAL_CONSUMER;
        s.principal = &nobody;
        assert_admit(block, &s, GH_REASON_OK);
        nobody.type = GH_PRINCIPAL_ANONYMOUS;
        gh_test_rules_free(block);
    }

    json_decref(claims);
}


static void
b13_a_line_for_get_is_for_no_other_method(void **state)
{
    static const char *const others[] = { "POST",     "FOO",   "get",
                                          "PROPFIND", "TRACE", "CONNECT",
                                          "OPTIONS",  "GETS",  "GE",
                                          "" };
    static const char *const line[] = { "method=GET group=staff", NULL };
    gh_str_t block = gh_test_rules(line);

    (void) state;

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        gh_subject_t s = asks(&gh_test_alice, others[i]);

        assert_admit(block, &s, GH_REASON_RULE_NONE);
    }

    gh_test_rules_free(block);
}


static void
b13_head_is_judged_as_get(void **state)
{
    static const char *const admit[] = { "method=GET", NULL },
                             *const deny[] = { "deny method=GET",
                                               "group=staff", NULL },
                             *const head[] = { "method=HEAD", NULL };
    gh_subject_t s = asks(&gh_test_alice, "HEAD");
    gh_str_t block = gh_test_rules(admit);

    (void) state;

    assert_admit(block, &s, GH_REASON_OK);
    gh_test_rules_free(block);

    block = gh_test_rules(deny);
    assert_admit(block, &s, GH_REASON_RULE_DENY);
    gh_test_rules_free(block);

    /* but not the other way round */
    block = gh_test_rules(head);
    assert_admit(block, &s, GH_REASON_OK);
    s = asks(&gh_test_alice, "GET");
    assert_admit(block, &s, GH_REASON_RULE_NONE);
    gh_test_rules_free(block);
}


static void
a5_a_member_is_a_whole_name(void **state)
{
    static const gh_str_t odd[] = { { "user,admin", 10 },
                                    { "admin ", 6 },
                                    { "Admin", 5 },
                                    { "", 0 },
                                    { "admin\0", 6 } };
    static const char *const line[] = { "group=admin", NULL };
    gh_str_t block = gh_test_rules(line);
    gh_principal_t p = gh_test_alice;
    gh_subject_t s = asks(&p, "GET");

    (void) state;

    p.groups = odd;
    p.n_groups = sizeof(odd) / sizeof(odd[0]);
    assert_admit(block, &s, GH_REASON_RULE_NONE);
    gh_test_rules_free(block);
}


static bool
claim_admits(json_t *claims, const char *word)
{
    const char *const line[] = { word, NULL };
    gh_str_t block = gh_test_rules(line);
    gh_principal_t p = gh_test_alice;
    gh_subject_t s = asks(&p, "GET");

    p.claims = claims;
    gh_reason_t reason = gh_rules_admit(block, &s);
    gh_test_rules_free(block);

    return reason == GH_REASON_OK;
}


static void
claims_are_compared_by_their_text(void **state)
{
    json_t *c = json_loads("{ \"s\": \"x=y z\", \"i\": 42, \"n\": -7,"
                           " \"r\": 1.5, \"w\": 2.0, \"t\": true,"
                           " \"f\": false, \"z\": null, \"o\": {\"a\": \"b\"},"
                           " \"min\": -9223372036854775808,"
                           " \"roles\": [\"a\", 7, true, [\"deep\"], null] }",
                           0, NULL);

    (void) state;
    assert_non_null(c);

    assert_true(claim_admits(c, "claim:i=42"));
    assert_true(claim_admits(c, "claim:n=-7"));
    assert_true(claim_admits(c, "claim:r=1.5"));
    assert_true(claim_admits(c, "claim:r=15e-1"));
    assert_true(claim_admits(c, "claim:w=2"));
    assert_true(claim_admits(c, "claim:t=true"));
    assert_true(claim_admits(c, "claim:f=false"));
    assert_true(claim_admits(c, "claim:/o/a=b"));
    assert_true(claim_admits(c, "claim:min=-9223372036854775808"));
    assert_true(claim_admits(c, "claim:s=no,x=y"
                                " claim:s=maybe")
                == false);

    assert_true(claim_admits(c, "claim:/roles=a"));
    assert_true(claim_admits(c, "claim:roles=x,7"));
    assert_true(claim_admits(c, "claim:roles=true"));
    assert_true(claim_admits(c, "claim:/roles/1=7"));

    assert_false(claim_admits(c, "claim:i=042"));
    assert_false(claim_admits(c, "claim:i=42.0"));
    assert_false(claim_admits(c, "claim:i=4"));
    assert_false(claim_admits(c, "claim:r=0x1.8"));
    assert_false(claim_admits(c, "claim:r=1.5."));
    assert_false(claim_admits(c, "claim:r=nan"));
    assert_false(claim_admits(c, "claim:t=1"));
    assert_false(claim_admits(c, "claim:t=TRUE"));
    assert_false(claim_admits(c, "claim:z=null"));
    assert_false(claim_admits(c, "claim:o=b"));
    assert_false(claim_admits(c, "claim:roles=deep"));
    assert_false(claim_admits(c, "claim:roles=null"));
    assert_false(claim_admits(c, "claim:missing=x"));
    assert_false(claim_admits(c, "claim:/s/deeper=x"));
    assert_false(claim_admits(NULL, "claim:i=42"));

    json_decref(c);
}


/* Not a pointer, but a name that issuers use. */
static void
a_claim_may_be_named_by_a_url(void **state)
{
    json_t *c = json_pack("{s:[s]}", "https://example.com/roles", "admin");

    (void) state;

    assert_true(claim_admits(c, "claim:https://example.com/roles=admin"));
    assert_false(claim_admits(c, "claim:/https://example.com/roles=admin"));
    json_decref(c);
}


static void
claims_of_different_pointers_must_all_hold(void **state)
{
    json_t *c = json_pack("{s:s,s:s}", "a", "1", "b", "2");

    (void) state;

    assert_true(claim_admits(c, "claim:a=1 claim:b=2"));
    assert_true(claim_admits(c, "claim:a=9 claim:b=2 claim:a=1"));
    assert_false(claim_admits(c, "claim:a=1 claim:b=9"));
    json_decref(c);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_lines_everybody_is_admitted),
        cmocka_unit_test(all_names_of_a_line_must_hold),
        cmocka_unit_test(a_comma_or_a_repeated_name_means_any_of),
        cmocka_unit_test(any_line_admits),
        cmocka_unit_test(deny_beats_every_admit_wherever_it_stands),
        cmocka_unit_test(deny_alone_refuses_everybody),
        cmocka_unit_test(
            the_anonymous_principal_has_no_group_scope_consumer_or_claim),
        cmocka_unit_test(b13_a_line_for_get_is_for_no_other_method),
        cmocka_unit_test(b13_head_is_judged_as_get),
        cmocka_unit_test(a5_a_member_is_a_whole_name),
        cmocka_unit_test(claims_are_compared_by_their_text),
        cmocka_unit_test(a_claim_may_be_named_by_a_url),
        cmocka_unit_test(claims_of_different_pointers_must_all_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
