/*
 * What is taken for JSON, where its faults are, and how values are found
 * again in tree and text.
 */

#include "gh_test.h"
#include "gh_json.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define MAX 1048576


/* From a block of exactly its size, so that every step off is seen. */
static gh_rc_t
parse(gh_str_t text, json_t **out, gh_json_error_t *err)
{
    char *exact = gh_test_exact(text);
    gh_rc_t rc = gh_json_parse((gh_str_t){ exact, text.len }, MAX, out, err);

    assert_int_equal(*out != NULL, rc == GH_OK);
    free(exact);

    return rc;
}


static json_t *
parsed(const char *text)
{
    json_t *root;

    assert_int_equal(parse(gh_str(text), &root, NULL), GH_OK);
    return root;
}


static void
objects_and_arrays_are_documents(void **state)
{
    (void) state;
    static const char *const good[] = {
        "{}",
        "[]",
        " \t\r\n{ } \n",
        "[1, -2, 3.5e-7, true, false, null]",
        "{\"a\": {\"b\": [\"\\u00e9\\ud83d\\ude00\\n\"]}}",
        "[9223372036854775807, -9223372036854775808]",
    };

    for (size_t i = 0; i < COUNT(good); i++) {
        json_decref(parsed(good[i]));
    }
}


static void
faults_are_named_with_the_place_of_their_token(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        unsigned line, column;
        const char *message;
    } cases[] = {
        { "", 1, 1, "the text ends too early" },
        { "\n\n", 1, 1, "the text ends too early" },
        { "12", 1, 1, "'[' or '{' expected near '12'" },
        { "\"a\"", 1, 1, "'[' or '{' expected near '\"a\"'" },
        { "{\"a\":1,\n \"a\":2}", 2, 2, "member \"a\" appears twice" },
        { "{\"a\":1,\n \"\\u0061\":2}", 2, 2,
          "member \"\\u0061\" appears twice" },
        { "{\n \"b\": [{\"a\": 1, \"c\": {}, \"a\":1}]}", 2, 26,
          "member \"a\" appears twice" },
        { "{\"a\":1 \"b\":2}", 1, 8, "'}' expected near '\"b\"'" },
        { "{\"a\":1,}", 1, 8, "string or '}' expected near '}'" },
        { "[1,2,]", 1, 6, "unexpected token near ']'" },
        { "{\n\t\"a\": tru}", 2, 7, "invalid token near 'tru'" },
        { "{\"a\":01}", 1, 6, "invalid token near '0'" },
        { "{\"a\":1\n\n", 1, 7, "the text ends too early" },
        { "{\"a\":\n\"open", 2, 1, "the text ends too early" },
        { "{\"a\":1} x", 1, 9, "something follows the end" },
        { "{\"~\":1, \"~\":2}", 1, 9, "member \"~\" appears twice" },
        { "{}{}", 1, 3, "something follows the end" },
        { "{}\n\n]", 3, 1, "something follows the end" },
        { "{\"a\":\"x\xff\"}", 1, 8, "not UTF-8" },
        { "{\"a\":\"x\xed\xa0\x80\"}", 1, 8, "not UTF-8" },
        { "{\"a\":\"x\xc0\x80\"}", 1, 8, "not UTF-8" },
        { "{\"a\":\"\\ud800\"}", 1, 6,
          "invalid Unicode '\\uD800' near '\"\\ud800\"'" },
        { "{\"a\":\"\\u0000\"}", 1, 6, "\\u0000 is not allowed" },
        { "{\"\\u0000\":1}", 1, 2, "\\u0000 is not allowed" },
        { "{\"a\":9223372036854775808}", 1, 6, "the number is too large" },
        { "{\"a\":-9223372036854775809}", 1, 6, "the number is too large" },
        { "{\"a\":1e999}", 1, 6, "the number is too large" },
        { "\xef\xbb\xbf{}", 1, 1, "'[' or '{' expected near '?\?\?'" },
        { "{\"a\":\"\x1b[31m\"}", 1, 6, "control character 0x1b near '\"'" },
        { "{\xc3\xa9:1}", 1, 2, "string or '}' expected near '?\?'" },
        { "{\"\xc3\xa9\":x}", 1, 7, "invalid token near 'x'" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        gh_json_error_t err;
        json_t *root;

        assert_int_equal(parse(gh_str(cases[i].text), &root, &err),
                         GH_INVALID);
        assert_string_equal(err.message, cases[i].message);
        assert_int_equal(err.line, cases[i].line);
        assert_int_equal(err.column, cases[i].column);
    }
}


static void
a_nul_byte_is_no_end_of_text(void **state)
{
    (void) state;
    json_t *root;

    assert_int_equal(parse(GH_STR("{}\0"), &root, NULL), GH_INVALID);
    assert_int_equal(parse(GH_STR("{}\0garbage"), &root, NULL), GH_INVALID);
    assert_int_equal(parse(GH_STR("{\"a\":\"b\0c\"}"), &root, NULL),
                     GH_INVALID);
    assert_int_equal(parse((gh_str_t){ NULL, 0 }, &root, NULL), GH_INVALID);
}


static void
a_long_name_that_appears_twice_is_cut_in_the_message(void **state)
{
    (void) state;
    char text[2000], name[901];
    gh_json_error_t err;
    json_t *root;

    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    (void) snprintf(text, sizeof(text), "{\"%s\":1,\"%s\":2}", name, name);

    assert_int_equal(parse(gh_str(text), &root, &err), GH_INVALID);
    assert_true(strlen(err.message) < sizeof(err.message));
    assert_non_null(strstr(err.message, "appears twice"));
    assert_int_equal(err.column, 907);
}


static void
sixteen_levels_are_read_and_the_seventeenth_refused(void **state)
{
    (void) state;
    gh_json_error_t err;
    json_t *root;

    json_decref(parsed("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"));
    json_decref(parsed("[[], [], {\"a\": {}}, [], [], [], [], [], [], [], [],"
                       " [], [], [], [], [], [], [], []]"));
    json_decref(parsed("[\"[[[[[[[[[[[[[[[[[[[{{{{{{{{{{{{{{{{{{{{\"]"));

    json_decref(parsed("[1,[2,[3,[4,[5,[6,[7,[8,[9,[10,[11,[12,[13,[14,[15,[16"
                       "]]]]]]]]]]]]]]]]"));
    assert_int_equal(
        parse(GH_STR("[1,[2,[3,[4,[5,[6,[7,[8,[9,[10,[11,[12,[13,[14,[15,[16,"
                     "[17]]]]]]]]]]]]]]]]]"),
              &root, &err),
        GH_INVALID);
    assert_int_equal(err.column, 56);
    assert_int_equal(
        parse(GH_STR("[[[[[[[[[[[[[[[[\n []]]]]]]]]]]]]]]]]"), &root, &err),
        GH_INVALID);
    assert_string_equal(err.message, "nested too deeply");
    assert_int_equal(err.line, 2);
    assert_int_equal(err.column, 2);
}


static void
D31_ten_thousand_levels_are_refused_without_recursion(void **state)
{
    (void) state;
    static const char *const units[] = { "[",  "{\"a\":", "[{\"a\":",
                                         "]{", "[1,",     "{\"a\":1,\"b\":" };
    char text[120000];
    json_t *root;

    for (size_t u = 0; u < COUNT(units); u++) {
        size_t len = strlen(units[u]), all = 0;

        for (unsigned i = 0; i < 10000; i++) {
            memcpy(text + all, units[u], len);
            all += len;
        }

        assert_int_equal(parse((gh_str_t){ text, all }, &root, NULL),
                         GH_INVALID);
    }
}


static void
D31_a_megabyte_of_digits_is_an_answer_not_a_hang(void **state)
{
    (void) state;
    static const char starts[] = { '1', '.' };
    char *text = malloc(MAX);
    json_t *root;

    assert_non_null(text);

    for (size_t i = 0; i < sizeof(starts); i++) {
        memset(text, '1', MAX);
        memcpy(text, "[1", 2);
        text[2] = starts[i];
        text[MAX - 1] = ']';

        gh_rc_t rc = gh_json_parse((gh_str_t){ text, MAX }, MAX, &root, NULL);

        assert_int_equal(rc, starts[i] == '.' ? GH_OK : GH_INVALID);
        json_decref(root);
    }

    free(text);
}


static void
a_text_above_its_bound_is_not_read(void **state)
{
    (void) state;
    gh_json_error_t err;
    json_t *root;

    assert_int_equal(gh_json_parse(GH_STR("[1] "), 4, &root, &err), GH_OK);
    json_decref(root);
    assert_int_equal(gh_json_parse(GH_STR("[12] "), 4, &root, &err),
                     GH_TOO_LONG);
    assert_null(root);
    assert_int_equal(err.line, 1);
    assert_int_equal(err.column, 1);
}


static size_t allocations_left;


static void *
failing_malloc(size_t size)
{
    return allocations_left-- == 0 ? NULL : malloc(size);
}


/* jansson has an allocator of its own, one for the process. */
static void
no_memory_is_not_a_fault_of_the_text(void **state)
{
    (void) state;
    gh_str_t text = GH_STR("{\"a\": [1, 2.5, \"\\u00e9\", {\"c\": null}],"
                           " \"b\": {\"d\": \"text\"}}");
    gh_json_error_t err;
    json_t *root;
    gh_rc_t rc;
    size_t n = 0;

    do {
        allocations_left = n++;
        json_set_alloc_funcs(failing_malloc, free);
        rc = gh_json_parse(text, MAX, &root, &err);
        json_set_alloc_funcs(malloc, free);
        assert_true(rc == GH_OK || rc == GH_NOMEM);
    } while (rc == GH_NOMEM);

    assert_true(n > 10);
    json_decref(root);
}


static void
a_member_is_there_or_not_or_of_another_type(void **state)
{
    (void) state;
    json_t *root = parsed("{\"s\":\"text\",\"t\":true,\"f\":false,\"n\":null,"
                          "\"i\":1,\"e\":\"\"}");
    json_t *array = parsed("[]");
    gh_str_t s = GH_STR("before");
    bool b = true;

    assert_int_equal(gh_json_str(root, "s", &s), GH_OK);
    assert_str(s, "text");
    assert_int_equal(gh_json_str(root, "none", &s), GH_ABSENT);
    assert_int_equal(gh_json_str(root, "i", &s), GH_INVALID);
    assert_int_equal(gh_json_str(root, "n", &s), GH_INVALID);
    assert_int_equal(gh_json_str(array, "s", &s), GH_INVALID);
    assert_int_equal(gh_json_str(NULL, "s", &s), GH_INVALID);
    assert_str(s, "text");
    assert_int_equal(gh_json_str(root, "e", &s), GH_OK);
    assert_str(s, "");

    assert_int_equal(gh_json_bool(root, "f", &b), GH_OK);
    assert_false(b);
    assert_int_equal(gh_json_bool(root, "t", &b), GH_OK);
    assert_true(b);
    assert_int_equal(gh_json_bool(root, "none", &b), GH_ABSENT);
    assert_int_equal(gh_json_bool(root, "s", &b), GH_INVALID);
    assert_int_equal(gh_json_bool(root, "n", &b), GH_INVALID);
    assert_int_equal(gh_json_bool(array, "t", &b), GH_INVALID);

    json_decref(root);
    json_decref(array);
}


static void
D23_dates_are_numbers_from_0_to_2_to_the_53(void **state)
{
    (void) state;
    static const struct {
        const char *value;
        gh_rc_t rc;
        int64_t seconds;
    } cases[] = {
        { "0", GH_OK, 0 },
        { "-0", GH_OK, 0 },
        { "1700000000", GH_OK, 1700000000 },
        { "1700000000.999", GH_OK, 1700000000 },
        { "1.7e9", GH_OK, 1700000000 },
        { "0.5", GH_OK, 0 },
        { "-0.0", GH_OK, 0 },
        { "9007199254740992", GH_OK, INT64_C(9007199254740992) },
        { "9007199254740992.0", GH_OK, INT64_C(9007199254740992) },
        { "9007199254740993", GH_INVALID, 0 },
        { "9007199254740994.0", GH_INVALID, 0 },
        { "9223372036854775807", GH_INVALID, 0 },
        { "1e300", GH_INVALID, 0 },
        { "-1", GH_INVALID, 0 },
        { "-0.001", GH_INVALID, 0 },
        { "-1e300", GH_INVALID, 0 },
        { "\"1700000000\"", GH_INVALID, 0 },
        { "null", GH_INVALID, 0 },
        { "true", GH_INVALID, 0 },
        { "[1700000000]", GH_INVALID, 0 },
    };
    int64_t s = -1;

    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[64];

        (void) snprintf(text, sizeof(text), "{\"exp\": %s}", cases[i].value);

        json_t *root = parsed(text);

        s = -1;
        assert_int_equal(gh_json_date(root, "exp", &s), cases[i].rc);
        assert_true(s == (cases[i].rc == GH_OK ? cases[i].seconds : -1));
        assert_int_equal(gh_json_date(root, "nbf", &s), GH_ABSENT);
        json_decref(root);
    }

    json_t *array = parsed("[1]");

    assert_int_equal(gh_json_date(array, "exp", &s), GH_INVALID);
    json_decref(array);
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
        char exact_room[64], expected[64] = "\"";
        gh_buf_t out = GH_BUF(exact_room);
        size_t len = strlen(cases[i].in);
        char *exact = gh_test_exact(gh_str(cases[i].in));

        for (unsigned r = 0; r < cases[i].replaced; r++) {
            strcat(expected, "\\ufffd");
        }

        strcat(expected, "\"");
        assert_int_equal(gh_json_quote((gh_str_t){ exact, len }, &out), GH_OK);
        assert_str(gh_buf_str(&out), expected);
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
    assert_int_equal(parse(gh_buf_str(&out), &root, NULL), GH_OK);
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
        cmocka_unit_test(objects_and_arrays_are_documents),
        cmocka_unit_test(faults_are_named_with_the_place_of_their_token),
        cmocka_unit_test(a_nul_byte_is_no_end_of_text),
        cmocka_unit_test(a_long_name_that_appears_twice_is_cut_in_the_message),
        cmocka_unit_test(sixteen_levels_are_read_and_the_seventeenth_refused),
        cmocka_unit_test(
            D31_ten_thousand_levels_are_refused_without_recursion),
        cmocka_unit_test(D31_a_megabyte_of_digits_is_an_answer_not_a_hang),
        cmocka_unit_test(a_text_above_its_bound_is_not_read),
        cmocka_unit_test(no_memory_is_not_a_fault_of_the_text),
        cmocka_unit_test(a_member_is_there_or_not_or_of_another_type),
        cmocka_unit_test(D23_dates_are_numbers_from_0_to_2_to_the_53),
        cmocka_unit_test(pointers_lead_where_rfc6901_says),
        cmocka_unit_test(pointers_that_lead_nowhere_are_no_value),
        cmocka_unit_test(a_value_is_found_again_in_the_text),
        cmocka_unit_test(what_leads_nowhere_is_nowhere_in_the_text_either),
        cmocka_unit_test(every_cut_of_a_text_is_walked_without_a_step_off),
        cmocka_unit_test(
            quoting_escapes_what_could_break_a_line_or_a_terminal),
        cmocka_unit_test(
            bytes_that_are_not_utf8_become_replacement_characters),
        cmocka_unit_test(what_was_quoted_reads_back_the_same),
        cmocka_unit_test(a_quoted_string_is_appended_whole_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
