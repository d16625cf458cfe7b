/*
 * Structured fields: what is read, what is refused, and the one form in
 * which they are written (RFC 9651, RFC 9421 section 2.1.1).
 */

#include "gh_test.h"

#include "gh_sfv.h"

#include <stdio.h>
#include <stdlib.h>


static void
assert_canonical(gh_sfv_kind_t kind, const char *text, const char *expected)
{
    char room[1024];
    gh_buf_t out = GH_BUF(room);

    if (gh_sfv_canonical(kind, gh_str(text), &out) != GH_OK) {
        fail_msg("%s was refused", text);
    }

    assert_str(gh_buf_str(&out), expected);
}


static void
assert_refused(gh_sfv_kind_t kind, const char *text)
{
    char room[1024];
    gh_buf_t out = GH_BUF(room);

    if (gh_sfv_canonical(kind, gh_str(text), &out) != GH_INVALID) {
        fail_msg("%s was taken", text);
    }

    assert_int_equal(out.len, 0);
}


static void
every_kind_of_item_is_read(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        gh_sfv_type_t type;
        const char *inside;
        int64_t number;
    } items[] = {
        { "42", GH_SFV_INTEGER, "42", 42 },
        { "-0", GH_SFV_INTEGER, "-0", 0 },
        { "-999999999999999", GH_SFV_INTEGER, "-999999999999999",
          INT64_C(-999999999999999) },
        { "4.5", GH_SFV_DECIMAL, "4.5", 4500 },
        { "-4.125", GH_SFV_DECIMAL, "-4.125", -4125 },
        { "999999999999.999", GH_SFV_DECIMAL, "999999999999.999",
          INT64_C(999999999999999) },
        { "\"a \\\" b\"", GH_SFV_STRING, "a \\\" b", 0 },
        { "\"\"", GH_SFV_STRING, "", 0 },
        { "foo123/456", GH_SFV_TOKEN, "foo123/456", 0 },
        { "*a:b", GH_SFV_TOKEN, "*a:b", 0 },
        { ":cHJldGVuZA==:", GH_SFV_BYTES, "cHJldGVuZA==", 0 },
        { "::", GH_SFV_BYTES, "", 0 },
        { "?1", GH_SFV_BOOLEAN, "1", 1 },
        { "?0", GH_SFV_BOOLEAN, "0", 0 },
        { "@1659578233", GH_SFV_DATE, "1659578233", 1659578233 },
        { "@-1", GH_SFV_DATE, "-1", -1 },
        { "%\"f%c3%bc %25\"", GH_SFV_DISPLAY, "f%c3%bc %25", 0 },
    };

    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        gh_sfv_t item;

        if (gh_sfv_item(gh_str(items[i].text), &item) != GH_OK) {
            fail_msg("%s was refused", items[i].text);
        }

        assert_int_equal(item.type, items[i].type);
        assert_int_equal(item.number, items[i].number);

        if (item.type != GH_SFV_DATE) {
            assert_str(item.text, items[i].inside);
        }
    }
}


static void
what_is_no_item_is_refused(void **state)
{
    (void) state;
    static const char *const texts[] = {
        "",
        " ",
        "-",
        "1.",
        ".5",
        "1.2345",
        "1234567890123456",
        "--1",
        "1a",
        "1234567890123.1",
        "\"a",
        "a\"",
        "\"\\a\"",
        "\"\\",
        "\"\t\"",
        "\"\xc3\xbc\"",
        ":a:",
        ":YQ:",
        ":YR==:",
        ":YQ==",
        ":Y-==:",
        ":====:",
        ":=:",
        ":YQ= =:",
        "?",
        "?2",
        "?true",
        "@",
        "@1.5",
        "@a",
        "%",
        "%\"",
        "%\"%C3%BC\"",
        "%\"%c3\"",
        "%\"%61\"",
        "%\"\xc3\xbc\"",
        "a b",
        "a,b",
        "(a)",
        "a;",
        "a;B",
        "a;b=",
        "a;b;b",
        "a; b=1;b",
        "a ;b",
        "{a}",
        "\x7f",
        "1;a=(b)",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_refused(GH_SFV_ITEM, texts[i]);
    }
}


static void
items_are_written_in_one_form(void **state)
{
    (void) state;
    assert_canonical(GH_SFV_ITEM, "  007 ", "7");
    assert_canonical(GH_SFV_ITEM, "-0", "0");
    assert_canonical(GH_SFV_ITEM, "1.50", "1.5");
    assert_canonical(GH_SFV_ITEM, "1.000", "1.0");
    assert_canonical(GH_SFV_ITEM, "-0.0", "0.0");
    assert_canonical(GH_SFV_ITEM, "-00.125", "-0.125");
    assert_canonical(GH_SFV_ITEM, "12.003", "12.003");
    assert_canonical(GH_SFV_ITEM, "\"a\\\\b\"", "\"a\\\\b\"");
    assert_canonical(GH_SFV_ITEM, "a;  b=?1;c;d=?0", "a;b;c;d=?0");
    assert_canonical(GH_SFV_ITEM, "@007", "@7");
    assert_canonical(GH_SFV_ITEM, "%\"%e2%82%ac\"", "%\"%e2%82%ac\"");
}


static void
lists_and_dictionaries_are_written_in_one_form(void **state)
{
    (void) state;
    assert_canonical(GH_SFV_LIST, "a,b ,\t c", "a, b, c");
    assert_canonical(GH_SFV_LIST, "", "");
    assert_canonical(GH_SFV_LIST, "( a  \"b\";x ); y=1,()",
                     "(a \"b\";x);y=1, ()");
    assert_canonical(GH_SFV_LIST, "1, 2.50;q=?1", "1, 2.5;q");
}


/* RFC 9421 section 2.1.1. */
static void
the_signed_form_of_a_dictionary_is_the_specifications(void **state)
{
    (void) state;
    assert_canonical(GH_SFV_DICTIONARY,
                     "  a=1,    b=2;x=1;y=2,   c=(a   b   c)",
                     "a=1, b=2;x=1;y=2, c=(a b c)");
    assert_canonical(GH_SFV_DICTIONARY, "a=?1, b, c=?0;d", "a, b, c=?0;d");
    assert_canonical(GH_SFV_DICTIONARY, "a;x=?1;y", "a;x;y");
    assert_canonical(GH_SFV_DICTIONARY, "sig=(\"a\";sf  \"b\");created=1",
                     "sig=(\"a\";sf \"b\");created=1");
}


static void
what_is_no_list_or_dictionary_is_refused(void **state)
{
    (void) state;
    static const char *const lists[] = {
        ",",     "a,",    ",a",           "a,,b", "a b", "(a",     "a)",
        "((a))", "(a,b)", "(\"a\"\"b\")", "(a)b", "a=1", "(a\tb)", "(a;)",
    };
    static const char *const dictionaries[] = {
        ",",  "a,",      "A=1", "a=",      "a=1,a=2", "a, a",  "a =1", "a= 1",
        "=1", "a=1 b=2", "1=a", "a=((b))", "a=(b",    "a;b;b", "a=1;",
    };

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        assert_refused(GH_SFV_LIST, lists[i]);
    }

    for (size_t i = 0; i < sizeof(dictionaries) / sizeof(dictionaries[0]); i++)
    {
        assert_refused(GH_SFV_DICTIONARY, dictionaries[i]);
    }
}


static void
a_member_is_found_by_its_key(void **state)
{
    gh_str_t text = GH_STR("sha-256=:YQ==:, sha-512=:Yg==:;x, c=(1 2)");
    gh_sfv_t m;
    size_t n = 0;

    (void) state;
    assert_int_equal(gh_sfv_check(GH_SFV_DICTIONARY, text, &n), GH_OK);
    assert_int_equal(n, 3);
    assert_int_equal(gh_sfv_dictionary_get(text, GH_STR("sha-512"), &m),
                     GH_OK);
    assert_str(m.text, "Yg==");
    assert_str(m.params, ";x");
    assert_int_equal(gh_sfv_dictionary_get(text, GH_STR("c"), &m), GH_OK);
    assert_int_equal(m.type, GH_SFV_INNER_LIST);
    assert_str(m.text, "1 2");
    assert_int_equal(gh_sfv_dictionary_get(text, GH_STR("md5"), &m),
                     GH_ABSENT);
}


static void
counts_are_bounded(void **state)
{
    char *text = malloc(8192);
    size_t len = 0, n;

    (void) state;
    assert_non_null(text);

    for (int i = 0; i < GH_SFV_MEMBERS_MAX; i++) {
        len += (size_t) snprintf(text + len, 32, "%sk%d", i ? "," : "", i);
    }

    assert_int_equal(
        gh_sfv_check(GH_SFV_DICTIONARY, (gh_str_t){ text, len }, &n), GH_OK);
    assert_int_equal(n, GH_SFV_MEMBERS_MAX);
    len += (size_t) snprintf(text + len, 32, ",z");
    assert_int_equal(
        gh_sfv_check(GH_SFV_DICTIONARY, (gh_str_t){ text, len }, &n),
        GH_TOO_LONG);

    len = (size_t) snprintf(text, 32, "a");

    for (int i = 0; i <= GH_SFV_PARAMS_MAX; i++) {
        len += (size_t) snprintf(text + len, 32, ";p%d", i);
    }

    gh_sfv_t item;

    assert_int_equal(gh_sfv_item((gh_str_t){ text, len }, &item), GH_TOO_LONG);

    len = (size_t) snprintf(text, 32, "(");

    for (int i = 0; i <= GH_SFV_MEMBERS_MAX; i++) {
        len += (size_t) snprintf(text + len, 32, "a ");
    }

    len += (size_t) snprintf(text + len, 32, ")");
    assert_int_equal(gh_sfv_check(GH_SFV_LIST, (gh_str_t){ text, len }, &n),
                     GH_TOO_LONG);
    free(text);
}


static void
what_does_not_fit_is_not_begun(void **state)
{
    static const char text[] = "a=1, b=(1 \"c\";d=:YQ==:);e=@5, f=1.5;g=?0";
    char room[64];

    (void) state;

    for (size_t cap = 0; cap < sizeof(text) - 1; cap++) {
        gh_buf_t out = { room, 0, cap };

        assert_int_equal(
            gh_sfv_canonical(GH_SFV_DICTIONARY, gh_str(text), &out),
            GH_TOO_LONG);
        assert_int_equal(out.len, 0);
    }

    assert_canonical(GH_SFV_DICTIONARY, text, text);
}


static void
strings_are_written_with_their_escapes(void **state)
{
    char room[32];
    gh_buf_t out = GH_BUF(room);

    (void) state;
    assert_int_equal(gh_sfv_add_string(GH_STR("a\"b\\c"), &out), GH_OK);
    assert_str(gh_buf_str(&out), "\"a\\\"b\\\\c\"");
    assert_int_equal(gh_sfv_add_string(GH_STR("a\n"), &out), GH_INVALID);
    assert_int_equal(gh_sfv_add_string(GH_STR("\xc3\xbc"), &out), GH_INVALID);
    assert_int_equal(out.len, 9);
}


/* Nothing is read behind the end, wherever a text is cut. */
static void
a_cut_text_is_never_read_beyond(void **state)
{
    static const char text[] =
        "a=(\"x\\\"\";sf :YQ==: ?1 @12 %\"%c3%bc\" 1.5 t/*);k=\"v\", b;c=1";

    (void) state;

    for (size_t len = 0; len < sizeof(text); len++) {
        char *exact = gh_test_exact((gh_str_t){ text, len });

        (void) gh_sfv_check(GH_SFV_DICTIONARY, (gh_str_t){ exact, len }, NULL);
        (void) gh_sfv_check(GH_SFV_LIST, (gh_str_t){ exact, len }, NULL);
        (void) gh_sfv_check(GH_SFV_ITEM, (gh_str_t){ exact, len }, NULL);
        free(exact);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_item_is_read),
        cmocka_unit_test(what_is_no_item_is_refused),
        cmocka_unit_test(items_are_written_in_one_form),
        cmocka_unit_test(lists_and_dictionaries_are_written_in_one_form),
        cmocka_unit_test(
            the_signed_form_of_a_dictionary_is_the_specifications),
        cmocka_unit_test(what_is_no_list_or_dictionary_is_refused),
        cmocka_unit_test(a_member_is_found_by_its_key),
        cmocka_unit_test(counts_are_bounded),
        cmocka_unit_test(what_does_not_fit_is_not_begun),
        cmocka_unit_test(strings_are_written_with_their_escapes),
        cmocka_unit_test(a_cut_text_is_never_read_beyond),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
