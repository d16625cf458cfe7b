/*
 * Files of a set come, change, break and go; complaints about them have a
 * place, are collected, and are bounded.
 */

#include "gh_test_policies.h"


static bool keep_plans(void *ctx, gh_str_t path);


#define HASH_OF_ZEROS                                                         \
    "sha256:00000000000000000000000000000000000000000000000000000000000000"
#define HASH_A HASH_OF_ZEROS "0a"
#define HASH_B HASH_OF_ZEROS "0b"


/* Declared twice, in this file and in that: each kind of name. */
static void
a_name_declared_twice_names_both_places(void **state)
{
    static const struct {
        const char *first, *second;
        const char *complaint;
    } cases[] = {
        { "{'plans':{'gold':{}}}", "{'plans':\n {'gold':{}}}",
          "b.json:2:3: plan \"gold\" is declared twice; the first is at "
          "dir/a.json:1:11" },
        { "{'consumers':{'acme':{}}}", "{'consumers':{'acme':{}}}",
          "b.json:1:15: consumer \"acme\" is declared twice; the first is at "
          "dir/a.json:1:15" },
        { "{'services':{'s':{'versions':{'v1':{'deployments':{'a':"
          "{'upstream':'blue'}}}}}}}",
          "{'services':{'s':{'versions':{'v1':{'deployments':{'a':"
          "{'upstream':'blue'}}}}}}}",
          "b.json:1:14: service \"s\" is declared twice; the first is at "
          "dir/a.json:1:14" },
        { "{'consumers':{'a':{'credentials':{'api_keys':[{'id':'k1',"
          "'hash':'" HASH_A "'}]}}}}",
          "{'consumers':{'b':{'credentials':{'api_keys':[{'id':'k1',"
          "'hash':'" HASH_B "'}]}}}}",
          "b.json:1:47: API key \"k1\" is declared twice; the first is at "
          "dir/a.json:1:47" },
        { "{'consumers':{'a':{'credentials':{'api_keys':[{'id':'k1',"
          "'hash':'" HASH_A "'}]}}}}",
          "{'consumers':{'b':{'credentials':{'api_keys':[{'id':'k2',"
          "'hash':'" HASH_A "'}]}}}}",
          "b.json:1:47: API key \"k2\" has the hash of another key; the "
          "first is at dir/a.json:1:47" },
        { "{'consumers':{'a':{'credentials':{'signatures':[{'keyid':'k',"
          "'algorithm':'hmac-sha256','secret':'file:/s/good'}]}}}}",
          "{'consumers':{'b':{'credentials':{'signatures':[{'keyid':'k',"
          "'algorithm':'hmac-sha256','secret':'file:/s/good'}]}}}}",
          "b.json:1:49: keyid \"k\" is declared twice; the first is at "
          "dir/a.json:1:49" },
        { "{'consumers':{'a':{'credentials':{'tokens':[{'issuer':'partners',"
          "'claims':{'azp':'x','/sub':'y'}}]}}}}",
          "{'consumers':{'b':{'credentials':{'tokens':[{'issuer':'partners',"
          "'claims':{'sub':'y','azp':'x'}}]}}}}",
          "b.json:1:45: consumer \"b\" is known by the same claims as "
          "another token; the first is at dir/a.json:1:45" },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gh_test_policies_t *t = gh_test_policies();

        (void) gh_test_policies_file(t, "dir/b.json", cases[i].second);
        (void) gh_test_policies_file(t, "dir/a.json", cases[i].first);
        assert_int_equal(gh_test_policies_compile(t, &gh_test_policy_env),
                         GH_INVALID);
        assert_int_equal(t->errors.n, 1);
        assert_string_equal(gh_test_policies_error(t, 0) + strlen("dir/"),
                            cases[i].complaint);
        gh_test_policies_end(t);
    }
}


static void
the_same_name_in_one_file_is_found_too(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies();

    (void) gh_test_policies_file(t, "p.json",
                                 "{'plans':{'gold':{},\n'gold':{}}}");
    assert_int_equal(gh_test_policies_compile(t, NULL), GH_INVALID);
    assert_string_equal(gh_test_policies_error(t, 0),
                        "p.json:2:1: plan \"gold\" is declared twice; the "
                        "first is at p.json:1:11");

    gh_test_policies_end(t);
}


static void
a_broken_file_breaks_the_set_until_it_is_mended(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies();

    (void) gh_test_policies_file(t, "c",
                                 "{'consumers':{'a':{'plan':'gold'}}}");
    assert_int_equal(gh_test_policies_file(t, "p", "{'plans':{'gold':{},}"),
                     GH_INVALID);
    assert_int_equal(t->errors.n, 1);

    /* the plan may well be in what could not be read */
    assert_int_equal(gh_test_policies_compile(t, NULL), GH_INVALID);
    assert_int_equal(t->errors.n, 1);
    assert_string_equal(gh_test_policies_error(t, 0),
                        "p:1:21: not JSON: expected a name in double quotes");

    /* a wrong shape hides no names: other complaints are heard */
    assert_int_equal(
        gh_test_policies_file(t, "p", "{'plans':{'golf':{'x':1}}}"),
        GH_INVALID);
    assert_int_equal(gh_test_policies_compile(t, NULL), GH_INVALID);
    assert_int_equal(t->errors.n, 2);
    assert_string_equal(
        gh_test_policies_error(t, 1),
        "c:1:27: unknown plan \"gold\"; did you mean \"golf\"? "
        "plans are: golf");

    assert_int_equal(gh_test_policies_file(t, "p", "{'plans':{'gold':{}}}"),
                     GH_OK);
    assert_int_equal(gh_test_policies_compile(t, NULL), GH_OK);
    assert_non_null(gh_image_plan_named(&t->im, GH_STR("gold")));
    assert_null(gh_image_plan_named(&t->im, GH_STR("golf")));

    gh_test_policies_end(t);
}


static void
files_that_are_gone_say_nothing_more(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies();

    (void) gh_test_policies_file(t, "consumers", "not JSON");
    (void) gh_test_policies_file(t, "plans", "{'plans':{'p':{}}}");
    (void) gh_test_policies_file(t, "services", "{");
    assert_int_equal(gh_policy_set_stamp(t->set, GH_STR("services")), 1);

    gh_policy_set_retain(t->set, keep_plans, NULL);

    assert_int_equal(gh_policy_set_stamp(t->set, GH_STR("services")), 0);
    assert_int_equal(gh_policy_set_stamp(t->set, GH_STR("plans")), 1);
    assert_int_equal(gh_test_policies_compile(t, NULL), GH_OK);
    assert_int_equal(t->im.n_plans, 1);

    gh_test_policies_end(t);
}


static bool
keep_plans(void *ctx, gh_str_t path)
{
    (void) ctx;
    return gh_str_eq(path, GH_STR("plans"));
}


static void
all_complaints_are_collected_and_bounded(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies();
    char text[4096];
    gh_buf_t out = GH_BUF(text);

    (void) gh_buf_add(&out, GH_STR("{'plans':{"));

    for (int i = 0; i < 60; i++) {
        (void) gh_buf_add_fmt(&out, "%s'p%d':{'per':\n'x'}", i == 0 ? "" : ",",
                              i);
    }

    (void) gh_buf_add(&out, GH_STR("}}"));
    text[out.len] = '\0';

    assert_int_equal(gh_test_policies_file(t, "p", text), GH_INVALID);
    assert_int_equal(t->errors.n, GH_POLICY_ERRORS_MAX);
    assert_int_equal(t->errors.more, 10);
    assert_int_equal(t->errors.items[49].line, 51);

    assert_int_equal(gh_test_policies_compile(t, NULL), GH_INVALID);
    assert_int_equal(t->errors.n, GH_POLICY_ERRORS_MAX);
    assert_int_equal(t->errors.more, 10);

    /* nobody need listen */
    gh_str_t image;

    assert_int_equal(gh_policy_set_compile(
                         t->set, NULL, 1, 1,
                         (const uint8_t *) "0123456789abcdef", &image, NULL),
                     GH_INVALID);

    gh_test_policies_end(t);
}


static void
a_complaint_shows_the_end_of_a_long_path_and_no_control_bytes(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies();
    char path[400];

    memset(path, 'a', sizeof(path));
    memcpy(path + sizeof(path) - 10, "/p\n.json\0", 10);

    (void) gh_test_policies_file(t, path, "{'plans':{'\x1b[2J\xc3\xa9':{}}}");

    const char *text = gh_test_policies_error(t, 0);

    assert_int_equal(strlen(t->errors.items[0].file), 255);
    assert_true(strncmp(text, "...aaa", 6) == 0);
    assert_non_null(strstr(text, "a/p?.json:1:11: \"?[2J??\" cannot be"));

    gh_test_policies_end(t);
}


static void
a_file_beyond_the_bound_is_refused_unread(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies();
    gh_str_t endless = { "{", GH_POLICY_FILE_MAX + 1 };

    assert_int_equal(
        gh_policy_set_file(t->set, GH_STR("p"), endless, 1, &t->errors),
        GH_INVALID);
    assert_string_equal(gh_test_policies_error(t, 0),
                        "p: larger than 256 MiB; split it into several files");

    gh_test_policies_end(t);
}


static void
nesting_is_bounded(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies();

    assert_int_equal(
        gh_test_policies_file(
            t, "p", "{'labels':{'a':[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}}"),
        GH_INVALID);
    assert_string_equal(gh_test_policies_error(t, 0),
                        "p:1:31: not JSON: nested too deeply");

    gh_test_policies_end(t);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_declared_twice_names_both_places),
        cmocka_unit_test(the_same_name_in_one_file_is_found_too),
        cmocka_unit_test(a_broken_file_breaks_the_set_until_it_is_mended),
        cmocka_unit_test(files_that_are_gone_say_nothing_more),
        cmocka_unit_test(all_complaints_are_collected_and_bounded),
        cmocka_unit_test(
            a_complaint_shows_the_end_of_a_long_path_and_no_control_bytes),
        cmocka_unit_test(a_file_beyond_the_bound_is_refused_unread),
        cmocka_unit_test(nesting_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
