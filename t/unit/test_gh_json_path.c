/*
 * Where a JSON pointer leads, in the tree and in the text.
 */

#include "gh_test.h"
#include "gh_json.h"

#include <stdlib.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define MAX 1048576


static json_t *
parsed(const char *text)
{
    json_t *root;

    assert_int_equal(gh_json_parse(gh_str(text), MAX, &root, NULL), GH_OK);
    return root;
}


/* RFC 6901 section 5, its members in its order, and cases of our own. */
static const char document[] = "{\n"
                               "  \"foo\": [\"bar\", \"baz\"],\n"
                               "  \"\": 0,\n"
                               "  \"a/b\": 1,\n"
                               "  \"c%d\": 2,\n"
                               "  \"e^f\": 3,\n"
                               "  \"g|h\": 4,\n"
                               "  \"i\\\\j\": 5,\n"
                               "  \"k\\\"l\": 6,\n"
                               "  \" \": 7,\n"
                               "  \"m~n\": 8,\n"
                               "  \"deep\": {\"x\": [{}, [], {\"y\": 9}]},\n"
                               "  \"\\u00e9\\ud83d\\ude00\\n\": 10,\n"
                               "  \"\xe2\x82\xac\": 11,\n"
                               "  \"/slash\": 12,\n"
                               "  \"}]\": \"{[\", \"last\": 13,\n"
                               "  \"\\b\\f\\r\\t\\/\": 14,\n"
                               "  \"\\u0061\\u0080\\u07fF\\u0800\": 15,\n"
                               "  \"\\ud800\\udc00\": 16,\n"
                               "  \"\\uDBFF\\uDFFF\": 17\n"
                               "}\n";

static const struct {
    const char *pointer;
    int value; /* -1: not a number */
    unsigned line, column, name_line, name_column;
} places[] = {
    { "", -1, 1, 1, 1, 1 },
    { "/foo", -1, 2, 10, 2, 3 },
    { "/foo/0", -1, 2, 11, 2, 11 },
    { "/foo/1", -1, 2, 18, 2, 18 },
    { "/", 0, 3, 7, 3, 3 },
    { "/a~1b", 1, 4, 10, 4, 3 },
    { "/c%d", 2, 5, 10, 5, 3 },
    { "/e^f", 3, 6, 10, 6, 3 },
    { "/g|h", 4, 7, 10, 7, 3 },
    { "/i\\j", 5, 8, 11, 8, 3 },
    { "/k\"l", 6, 9, 11, 9, 3 },
    { "/ ", 7, 10, 8, 10, 3 },
    { "/m~0n", 8, 11, 10, 11, 3 },
    { "/deep", -1, 12, 11, 12, 3 },
    { "/deep/x", -1, 12, 17, 12, 12 },
    { "/deep/x/0", -1, 12, 18, 12, 18 },
    { "/deep/x/1", -1, 12, 22, 12, 22 },
    { "/deep/x/2/y", 9, 12, 32, 12, 27 },
    { "/\xc3\xa9\xf0\x9f\x98\x80\n", 10, 13, 27, 13, 3 },
    { "/\xe2\x82\xac", 11, 14, 10, 14, 3 },
    { "/~1slash", 12, 15, 13, 15, 3 },
    { "/}]", -1, 16, 9, 16, 3 },
    { "/last", 13, 16, 23, 16, 15 },
    { "/\b\f\r\t~1", 14, 17, 17, 17, 3 },
    { "/a\xc2\x80\xdf\xbf\xe0\xa0\x80", 15, 18, 31, 18, 3 },
    { "/\xf0\x90\x80\x80", 16, 19, 19, 19, 3 },
    { "/\xf4\x8f\xbf\xbf", 17, 20, 19, 20, 3 },
    { "last", 13, 16, 23, 16, 15 },
    { " ", 7, 10, 8, 10, 3 },
    { "foo", -1, 2, 10, 2, 3 },
    { "a/b", 1, 4, 10, 4, 3 },
    { "m~n", 8, 11, 10, 11, 3 },
};

static const char *const nowhere[] = {
    "/nope",
    "/fo",
    "/fooo",
    "/foo/2",
    "/foo/-",
    "/foo/00",
    "/foo/01",
    "/foo/+1",
    "/foo/1x",
    "/foo/",
    "/foo/0/0",
    "/foo/bar",
    "/last/0",
    "/last/",
    "/m~n",
    "/m~2n",
    "/a~2b",
    "/m~",
    "/~",
    "/deep/x/3",
    "/deep/x/0/y",
    "/deep/x/1/0",
    "/deep/y",
    "//",
    "a~1b",
    "foo/0",
    "/foo/18446744073709551616",
    "/foo/99999999999",
    "/\xc3\xa9",
    "/\xc3\xa9\xf0\x9f\x98\x80",
    "/deep/x/2/y/z",
};


static json_t *
pointed(json_t *root, const char *pointer)
{
    char *exact = gh_test_exact(gh_str(pointer));
    json_t *value =
        gh_json_pointer(root, (gh_str_t){ exact, strlen(pointer) });

    free(exact);
    return value;
}


static void
pointers_lead_where_rfc6901_says(void **state)
{
    (void) state;
    json_t *root = parsed(document);

    for (size_t i = 0; i < COUNT(places); i++) {
        json_t *value = pointed(root, places[i].pointer);

        assert_non_null(value);
        assert_int_equal(
            json_is_integer(value) ? json_integer_value(value) : -1,
            places[i].value);
    }

    assert_ptr_equal(gh_json_pointer(root, GH_STR("")), root);
    assert_ptr_equal(gh_json_pointer(root, (gh_str_t){ NULL, 0 }), root);
    json_decref(root);
}


static void
pointers_that_lead_nowhere_are_no_value(void **state)
{
    (void) state;
    json_t *root = parsed(document);

    for (size_t i = 0; i < COUNT(nowhere); i++) {
        assert_null(pointed(root, nowhere[i]));
    }

    assert_null(gh_json_pointer(root, GH_STR("/foo\0")));
    assert_null(gh_json_pointer(NULL, GH_STR("/foo")));
    json_decref(root);
}


static void
a_value_is_found_again_in_the_text(void **state)
{
    (void) state;
    unsigned line, column;

    for (size_t i = 0; i < COUNT(places); i++) {
        gh_str_t pointer = gh_str(places[i].pointer);

        assert_int_equal(
            gh_json_locate(gh_str(document), pointer, false, &line, &column),
            GH_OK);
        assert_int_equal(line, places[i].line);
        assert_int_equal(column, places[i].column);

        assert_int_equal(
            gh_json_locate(gh_str(document), pointer, true, &line, &column),
            GH_OK);
        assert_int_equal(line, places[i].name_line);
        assert_int_equal(column, places[i].name_column);
    }
}


static void
what_leads_nowhere_is_nowhere_in_the_text_either(void **state)
{
    (void) state;
    unsigned line, column;

    for (size_t i = 0; i < COUNT(nowhere); i++) {
        assert_int_equal(gh_json_locate(gh_str(document), gh_str(nowhere[i]),
                                        false, &line, &column),
                         GH_ABSENT);
    }
}


/* Not promised to be JSON by the caller then, but it must not hurt. */
static void
every_cut_of_a_text_is_walked_without_a_step_off(void **state)
{
    (void) state;
    unsigned line, column;

    for (size_t n = 0; n < sizeof(document); n++) {
        char *exact = gh_test_exact((gh_str_t){ document, n });

        for (size_t i = 0; i < COUNT(places); i++) {
            (void) gh_json_locate((gh_str_t){ exact, n },
                                  gh_str(places[i].pointer), i % 2 == 0, &line,
                                  &column);
        }

        free(exact);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointers_lead_where_rfc6901_says),
        cmocka_unit_test(pointers_that_lead_nowhere_are_no_value),
        cmocka_unit_test(a_value_is_found_again_in_the_text),
        cmocka_unit_test(what_leads_nowhere_is_nowhere_in_the_text_either),
        cmocka_unit_test(every_cut_of_a_text_is_walked_without_a_step_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
