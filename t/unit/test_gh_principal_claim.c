/*
 * Claims as header values: whatever a provider lets people choose, one line
 * of visible ASCII leaves, whole or not at all.
 */

#include "gh_test.h"

#include "gh_principal.h"


static char room[8192];


static gh_rc_t
claim_of(const char *document, const char *pointer, gh_buf_t *out)
{
    json_t *claims = NULL;

    assert_int_equal(gh_json_parse(gh_str(document), 65536, &claims, NULL),
                     GH_OK);

    gh_principal_t p = { .type = GH_PRINCIPAL_USER, .claims = claims };
    gh_rc_t rc = gh_principal_claim(&p, gh_str(pointer), out);

    json_decref(claims);

    return rc;
}


static void
assert_claim(const char *document, const char *pointer, const char *expected)
{
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(claim_of(document, pointer, &out), GH_OK);
    assert_str(gh_buf_str(&out), expected);
}


static void
assert_none(const char *document, const char *pointer)
{
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(claim_of(document, pointer, &out), GH_ABSENT);
    assert_int_equal(out.len, 0);
}


static void
texts_numbers_and_truths_stand_as_they_are(void **state)
{
    (void) state;

    assert_claim("{\"a\": \"Alice Archer\"}", "a", "Alice Archer");
    assert_claim("{\"a\": 42}", "a", "42");
    assert_claim("{\"a\": -1.5}", "a", "-1.5");
    assert_claim("{\"a\": true}", "a", "true");
    assert_claim("{\"a\": false}", "/a", "false");
}


static void
a_pointer_leads_inside(void **state)
{
    (void) state;

    assert_claim("{\"a\": {\"b/c\": [7, {\"~d\": \"x\"}]}}", "/a/b~1c/1/~0d",
                 "x");
    assert_claim("{\"https://x.test/a\": 1}", "https://x.test/a", "1");
}


static void
no_byte_of_a_claim_ends_a_line(void **state)
{
    (void) state;

    assert_claim("{\"a\": \"x\\r\\nX-Principal: root\"}", "a",
                 "x%0D%0AX-Principal: root");
    assert_claim("{\"a\": \"J\u00fcrgen\"}", "a", "J%C3%BCrgen");
    assert_claim("{\"a\": \"100%\\u007f\"}", "a", "100%25%7F");
}


static void
a_list_is_separated_by_commas_and_has_none_within(void **state)
{
    (void) state;

    assert_claim("{\"a\": [\"staff\", \"a,b\", 3, true, \"\"]}", "a",
                 "staff,a%2Cb,3,true");
}


static void
what_is_nested_is_json_on_one_line(void **state)
{
    (void) state;

    assert_claim("{\"a\": {\"z\": [1, 2], \"b\": \"\\n\u00fc\"}}", "a",
                 "{\"b\":\"\\n\\u00FC\",\"z\":[1,2]}");
    assert_claim("{\"a\": [[1], null]}", "a", "[[1],null]");
}


static void
what_says_nothing_is_absent(void **state)
{
    (void) state;

    assert_none("{\"a\": null}", "a");
    assert_none("{\"a\": \"\"}", "a");
    assert_none("{\"a\": []}", "a");
    assert_none("{\"a\": {}}", "a");
    assert_none("{\"a\": [\"\"]}", "a");
    assert_none("{\"a\": 1}", "b");
    assert_none("{\"a\": 1}", "/a/b");
    assert_none("{\"a\": 1}", "");
}


static void
a_text_is_whole_or_absent(void **state)
{
    (void) state;
    char document[GH_PRINCIPAL_VALUE_MAX + 64];
    gh_buf_t text, out = GH_BUF(room);

    for (size_t extra = 0; extra < 20; extra++) {
        text = (gh_buf_t){ document, 0, sizeof(document) - 1 };
        (void) gh_buf_add(&text, GH_STR("{\"a\": \""));

        for (size_t i = 0; i < GH_PRINCIPAL_VALUE_MAX - 10; i++) {
            (void) gh_buf_add_char(&text, 'a');
        }

        for (size_t i = 0; i < extra; i++) {
            (void) gh_buf_add_char(&text, i % 2 == 0 ? ' ' : 'b');
        }

        (void) gh_buf_add(&text, GH_STR("\xf0\x9f\x8e\x89\"}"));
        document[text.len] = '\0';
        out.len = 0;

        /* the last character takes twelve bytes: none of these fits */
        assert_int_equal(claim_of(document, "a", &out), GH_ABSENT);
        assert_int_equal(out.len, 0);
    }
}


static void
a_full_buffer_is_told_and_left_as_it_was(void **state)
{
    (void) state;
    char small[4] = "x";
    gh_buf_t out = { small, 1, sizeof(small) };

    assert_int_equal(claim_of("{\"a\": \"four\"}", "a", &out), GH_TOO_LONG);
    assert_int_equal(claim_of("{\"a\": [1, 2, 3]}", "a", &out), GH_TOO_LONG);
    assert_int_equal(claim_of("{\"a\": {\"b\": 1}}", "a", &out), GH_TOO_LONG);
    assert_int_equal(out.len, 1);
}


static void
a_pointer_that_is_none_is_told(void **state)
{
    (void) state;

    assert_true(gh_principal_claim_valid(GH_STR("name")));
    assert_true(gh_principal_claim_valid(GH_STR("/a/b~1c")));
    assert_false(gh_principal_claim_valid(GH_STR("")));
    assert_false(gh_principal_claim_valid(GH_STR("/a~2")));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_numbers_and_truths_stand_as_they_are),
        cmocka_unit_test(a_pointer_leads_inside),
        cmocka_unit_test(no_byte_of_a_claim_ends_a_line),
        cmocka_unit_test(a_list_is_separated_by_commas_and_has_none_within),
        cmocka_unit_test(what_is_nested_is_json_on_one_line),
        cmocka_unit_test(what_says_nothing_is_absent),
        cmocka_unit_test(a_text_is_whole_or_absent),
        cmocka_unit_test(a_full_buffer_is_told_and_left_as_it_was),
        cmocka_unit_test(a_pointer_that_is_none_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
