/*
 * Any bytes as a JSON string of one harmless line.
 */

#include "gh_test.h"
#include "gh_json.h"

#include <stdlib.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define MAX 65536


static void
quoting_escapes_what_could_break_a_line_or_a_terminal(void **state)
{
    (void) state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "", "\"\"" },
        { "plain text", "\"plain text\"" },
        { "a\"b\\c/", "\"a\\\"b\\\\c/\"" },
        { "\r\n\t", "\"\\r\\n\\t\"" },
        { "\x01\x1b[31m\x1f\x7f", "\"\\u0001\\u001b[31m\\u001f\\u007f\"" },
        { "\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0",
          "\"\\u0080\\u009b\\u009f\xc2\xa0\"" },
        { "\xef\xbb\xbf", "\"\\ufeff\"" },
        { "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa",
          "\"\\u2028\\u2029\xe2\x80\xaa\"" },
        { "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
          "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\"" },
        { "\xf4\x8f\xbf\xbf\xee\x80\x80", "\"\xf4\x8f\xbf\xbf\xee\x80\x80\"" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char room[128];
        gh_buf_t out = GH_BUF(room);

        assert_int_equal(gh_json_quote(gh_str(cases[i].in), &out), GH_OK);
        assert_str(gh_buf_str(&out), cases[i].out);
    }

    char room[16];
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_json_quote(GH_STR("a\0b"), &out), GH_OK);
    assert_str(gh_buf_str(&out), "\"a\\u0000b\"");
    out.len = 0;
    assert_int_equal(gh_json_quote(GH_STR("\xc3(\xe2\x82z"), &out),
                     GH_TOO_LONG);
    out.len = 0;
    assert_int_equal(gh_json_quote(GH_STR("\xc3("), &out), GH_OK);
    assert_str(gh_buf_str(&out), "\"\\ufffd(\"");
    out.len = 0;
    assert_int_equal(gh_json_quote((gh_str_t){ NULL, 0 }, &out), GH_OK);
    assert_str(gh_buf_str(&out), "\"\"");
}


static void
bytes_that_are_not_utf8_become_replacement_characters(void **state)
{
    (void) state;
    static const struct {
        const char *in;
        unsigned replaced;
    } cases[] = {
        { "\x80", 1 },
        { "\xff", 1 },
        { "\xc3", 1 },
        { "\xc0\x80", 2 },
        { "\xc1\xbf", 2 },
        { "\xe0\x80\x80", 3 },
        { "\xe2\x82", 2 },
        { "\xe2\xc2", 2 },
        { "\xed\xa0\x80", 3 },
        { "\xed\xbf\xbf", 3 },
        { "\xf0\x80\x80\x80", 4 },
        { "\xf4\x90\x80\x80", 4 },
        { "\xf8\x88\x80\x80\x80", 5 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char room[64], expected_room[64];
        gh_buf_t out = GH_BUF(room), expected = GH_BUF(expected_room);
        size_t len = strlen(cases[i].in);
        char *exact = gh_test_exact(gh_str(cases[i].in));

        assert_int_equal(gh_buf_add_char(&expected, '"'), GH_OK);
        for (unsigned r = 0; r < cases[i].replaced; r++) {
            assert_int_equal(gh_buf_add(&expected, GH_STR("\\ufffd")), GH_OK);
        }

        assert_int_equal(gh_buf_add_char(&expected, '"'), GH_OK);
        assert_int_equal(gh_json_quote((gh_str_t){ exact, len }, &out), GH_OK);
        assert_true(gh_str_eq(gh_buf_str(&out), gh_buf_str(&expected)));
        free(exact);
    }
}


static void
what_was_quoted_reads_back_the_same(void **state)
{
    (void) state;
    char text[127], room[1024];
    gh_buf_t out = GH_BUF(room);
    json_t *root;
    gh_str_t s;

    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char) (i + 1);
    }

    assert_int_equal(gh_buf_add(&out, GH_STR("{\"a\":")), GH_OK);
    assert_int_equal(gh_json_quote((gh_str_t){ text, sizeof(text) }, &out),
                     GH_OK);
    assert_int_equal(gh_buf_add_char(&out, '}'), GH_OK);
    assert_int_equal(gh_json_parse(gh_buf_str(&out), MAX, &root, NULL), GH_OK);
    assert_int_equal(gh_json_str(root, "a", &s), GH_OK);
    assert_true(gh_str_eq(s, (gh_str_t){ text, sizeof(text) }));
    json_decref(root);
}


static void
a_quoted_string_is_appended_whole_or_not_at_all(void **state)
{
    (void) state;
    gh_str_t in = GH_STR("ab\n\x1b");
    size_t needs = 1 + 2 + 2 + 6 + 1;

    for (size_t cap = 1; cap <= 1 + needs; cap++) {
        char room[32] = "x";
        gh_buf_t out = { room, 1, cap };

        assert_int_equal(gh_json_quote(in, &out),
                         cap == 1 + needs ? GH_OK : GH_TOO_LONG);
        assert_int_equal(out.len, cap == 1 + needs ? cap : 1);
        assert_int_equal(room[0], 'x');
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            quoting_escapes_what_could_break_a_line_or_a_terminal),
        cmocka_unit_test(
            bytes_that_are_not_utf8_become_replacement_characters),
        cmocka_unit_test(what_was_quoted_reads_back_the_same),
        cmocka_unit_test(a_quoted_string_is_appended_whole_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
