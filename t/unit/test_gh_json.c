/*
 * What is taken for JSON, where its faults are, and what its members are.
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
        text[0] = '[';
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
