/*
 * Forms: what is written is read back, and what two readers could read in
 * two ways is not read at all.
 */

#include "gh_test.h"

#include "gh_form.h"

#include <stdio.h>
#include <stdlib.h>


static gh_rc_t
parse(const char *text, gh_form_t *form)
{
    static char room[65536];
    gh_buf_t buf = GH_BUF(room);

    return gh_form_parse(gh_str(text), &buf, form);
}


static void
names_and_values_are_decoded(void **state)
{
    gh_form_t form;

    (void) state;

    assert_int_equal(parse("a=1&b+c=%c3%A9%2B+&&d&=e&f=x=y&", &form), GH_OK);
    assert_int_equal(form.n, 5);
    assert_str(form.fields[0].name, "a");
    assert_str(form.fields[0].value, "1");
    assert_str(form.fields[1].name, "b c");
    assert_str(form.fields[1].value, "\xc3\xa9+ ");
    assert_str(form.fields[2].name, "d");
    assert_str(form.fields[2].value, "");
    assert_str(form.fields[3].name, "");
    assert_str(form.fields[3].value, "e");
    assert_str(form.fields[4].value, "x=y");
}


static void
an_empty_form_has_no_fields(void **state)
{
    gh_form_t form;
    gh_buf_t none = { NULL, 0, 0 };

    (void) state;

    assert_int_equal(parse("", &form), GH_OK);
    assert_int_equal(form.n, 0);
    assert_int_equal(parse("&&&", &form), GH_OK);
    assert_int_equal(form.n, 0);
    assert_int_equal(gh_form_parse((gh_str_t){ NULL, 0 }, &none, &form),
                     GH_OK);
    assert_int_equal(form.n, 0);
}


static void
what_is_no_form_is_refused_whole(void **state)
{
    static const char *const texts[] = {
        "a=%",         "a=%4",           "a=%4g",
        "a=%g4",       "a=%-1",          "a=% 1",
        "%=1",         "a=1&b=%zz",      "a=%00",
        "%00=a",       "a=%ff",          "a=\xff",
        "a=%c3",       "a=%c3&b=%a9",    "a=%c0%80",
        "a=%ed%a0%80", "a=%f4%90%80%80", "a=%e2%82",
        "a=x%80",      "a%c0%af=1",
    };
    gh_form_t form;

    (void) state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char room[64];
        gh_buf_t buf = GH_BUF(room);

        assert_int_equal(gh_form_parse(gh_str(texts[i]), &buf, &form),
                         GH_INVALID);
        assert_int_equal(form.n, 0);
        assert_int_equal(buf.len, 0);
    }

    char room[8];
    gh_buf_t buf = GH_BUF(room);

    assert_int_equal(gh_form_parse((gh_str_t){ "a=\0b", 4 }, &buf, &form),
                     GH_INVALID);
}


static void
fields_are_bounded(void **state)
{
    char text[4 * GH_FORM_FIELDS_MAX + 8];
    gh_buf_t buf = GH_BUF(text);
    gh_form_t form;

    (void) state;

    for (int i = 0; i < GH_FORM_FIELDS_MAX; i++) {
        assert_int_equal(gh_buf_add(&buf, GH_STR("a=1&")), GH_OK);
    }

    text[buf.len] = '\0';
    assert_int_equal(parse(text, &form), GH_OK);
    assert_int_equal(form.n, GH_FORM_FIELDS_MAX);

    assert_int_equal(gh_buf_add(&buf, GH_STR("b")), GH_OK);
    text[buf.len] = '\0';
    assert_int_equal(parse(text, &form), GH_FULL);
    assert_int_equal(form.n, 0);
}


static void
a_text_longer_than_its_room_is_too_long(void **state)
{
    char room[5];
    gh_buf_t buf = GH_BUF(room);
    gh_form_t form;

    (void) state;

    assert_int_equal(gh_form_parse(GH_STR("a=1234"), &buf, &form),
                     GH_TOO_LONG);
    assert_int_equal(gh_form_parse(GH_STR("a=123"), &buf, &form), GH_OK);
    assert_int_equal(buf.len, 4);
    assert_int_equal(gh_form_parse(GH_STR("a="), &buf, &form), GH_TOO_LONG);
}


static void
e5_a_parameter_that_came_twice_is_no_parameter(void **state)
{
    gh_form_t form;
    gh_str_t value = GH_STR("untouched");

    (void) state;

    assert_int_equal(parse("state=a&code=1&st%61te=b&code=", &form), GH_OK);
    assert_int_equal(gh_form_one(&form, GH_STR("state"), &value), GH_CONFLICT);
    assert_int_equal(gh_form_one(&form, GH_STR("code"), &value), GH_CONFLICT);
    assert_int_equal(gh_form_one(&form, GH_STR("Code"), &value), GH_ABSENT);
    assert_str(value, "untouched");

    assert_int_equal(parse("state=a&code", &form), GH_OK);
    assert_int_equal(gh_form_one(&form, GH_STR("state"), &value), GH_OK);
    assert_str(value, "a");
    assert_int_equal(gh_form_one(&form, GH_STR("code"), &value), GH_OK);
    assert_str(value, "");
}


static void
every_byte_is_encoded_so_that_it_comes_back(void **state)
{
    (void) state;

    for (int c = 1; c < 256; c++) {
        char one[2] = { (char) c, (char) c }, text[32], room[32];
        gh_buf_t out = GH_BUF(text), back = GH_BUF(room);
        gh_form_t form;
        gh_str_t bytes = { one, 2 };

        assert_int_equal(gh_form_add(&out, bytes, bytes), GH_OK);

        for (size_t i = 0; i < out.len; i++) {
            assert_non_null(
                strchr("0123456789abcdefghijklmnopqrstuvwxyz*-._=+%"
                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                       text[i]));
        }

        gh_rc_t rc = gh_form_parse(gh_buf_str(&out), &back, &form);

        assert_int_equal(rc, c < 0x80 ? GH_OK : GH_INVALID);

        if (rc == GH_OK) {
            assert_true(gh_str_eq(form.fields[0].name, bytes));
            assert_true(gh_str_eq(form.fields[0].value, bytes));
        }
    }
}


static void
fields_follow_each_other_behind_a_question_mark(void **state)
{
    char room[64];
    gh_buf_t out = GH_BUF(room);

    (void) state;

    assert_int_equal(gh_form_add(&out, GH_STR("a"), GH_STR("1 2")), GH_OK);
    assert_int_equal(gh_form_add(&out, GH_STR("b&"), GH_STR("=")), GH_OK);
    assert_str(gh_buf_str(&out), "a=1+2&b%26=%3D");

    out.len = 0;
    assert_int_equal(gh_buf_add(&out, GH_STR("https://a/?")), GH_OK);
    assert_int_equal(gh_form_add(&out, GH_STR("a"), GH_STR("")), GH_OK);
    assert_int_equal(gh_form_add(&out, GH_STR("b"), GH_STR("~")), GH_OK);
    assert_str(gh_buf_str(&out), "https://a/?a=&b=%7E");
}


static void
what_does_not_fit_leaves_the_form_as_it_was(void **state)
{
    (void) state;

    for (size_t cap = 0; cap < 13; cap++) {
        char *room = malloc(cap + 1);
        gh_buf_t out = { room, 0, cap };

        assert_int_equal(gh_form_encode(GH_STR("\xc3\xa9 a/1"), &out),
                         cap < 12 ? GH_TOO_LONG : GH_OK);
        assert_int_equal(out.len, cap < 12 ? 0 : 12);
        free(room);
    }

    for (size_t cap = 3; cap < 10; cap++) {
        char room[10];
        gh_buf_t out = { room, 0, cap };

        assert_int_equal(gh_form_add(&out, GH_STR("x"), GH_STR("y")), GH_OK);
        assert_int_equal(gh_form_add(&out, GH_STR("a"), GH_STR("b=")),
                         cap < 10 ? GH_TOO_LONG : GH_OK);
        assert_str(gh_buf_str(&out), "x=y");
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_values_are_decoded),
        cmocka_unit_test(an_empty_form_has_no_fields),
        cmocka_unit_test(what_is_no_form_is_refused_whole),
        cmocka_unit_test(fields_are_bounded),
        cmocka_unit_test(a_text_longer_than_its_room_is_too_long),
        cmocka_unit_test(e5_a_parameter_that_came_twice_is_no_parameter),
        cmocka_unit_test(every_byte_is_encoded_so_that_it_comes_back),
        cmocka_unit_test(fields_follow_each_other_behind_a_question_mark),
        cmocka_unit_test(what_does_not_fit_leaves_the_form_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
