/*
 * Which version a request asks for, in path, header and Accept, and what is
 * announced about one that is going away.
 */

#include "gh_test.h"

#include "gh_version.h"


static void
names_are_short_small_and_begin_with_a_letter_or_digit(void **state)
{
    (void) state;
    static const char *good[] = { "v1",
                                  "2",
                                  "2026-06-01",
                                  "v2.1",
                                  "a_b",
                                  "v1.0.0-rc.1",
                                  "a2345678901234567890123456789012" };
    static const char *bad[] = { "",
                                 "V1",
                                 ".v1",
                                 "-1",
                                 "_x",
                                 "v 1",
                                 "v1 ",
                                 "v1/",
                                 "v1\n",
                                 "v+1",
                                 "v%31",
                                 "v\xc3\xa9",
                                 "a23456789012345678901234567890123" };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(gh_version_name_valid(gh_str(good[i])));
    }

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (gh_version_name_valid(gh_str(bad[i]))) {
            fail_msg("'%s' was taken for a version name", bad[i]);
        }
    }

    assert_false(gh_version_name_valid((gh_str_t){ "v1\0x", 4 }));
}


static void
a_v_before_the_number_makes_no_other_version(void **state)
{
    (void) state;

    assert_true(gh_version_same(GH_STR("2"), GH_STR("v2")));
    assert_true(gh_version_same(GH_STR("v2.1"), GH_STR("2.1")));
    assert_false(gh_version_same(GH_STR("v2"), GH_STR("v20")));
    assert_false(gh_version_same(GH_STR("vv2"), GH_STR("v2")));
    assert_false(gh_version_same(GH_STR("beta"), GH_STR("vbeta")));
    assert_false(gh_version_same(GH_STR("v"), GH_STR("")));
    assert_false(gh_version_same(GH_STR("v-1"), GH_STR("-1")));
}


static void
the_first_segment_after_the_prefix_is_the_version(void **state)
{
    (void) state;
    static const char *cases[][4] = {
        { "/api/v1/x", "/api/", "v1", "/x" },
        { "/api/v1/x/y?z", "/api/", "v1", "/x/y?z" },
        { "/api/v1", "/api/", "v1", "/" },
        { "/api/v1/", "/api/", "v1", "/" },
        { "/api/v1//", "/api/", "v1", "//" },
        { "/api/v1/x", "/api", "v1", "/x" },
        { "/v1/x", "/", "v1", "/x" },
        { "/v1/x", "", "v1", "/x" },
        { "/api/orders/5", "/api/", "orders", "/5" }, /* the caller knows */
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gh_str_t name, rest;

        assert_int_equal(
            gh_version_from_path(gh_str(cases[i][0]), gh_str(cases[i][1]),
                                 &name, &rest),
            GH_OK);
        assert_str(name, cases[i][2]);
        assert_str(rest, cases[i][3]);
    }
}


static void
a_path_without_a_version_has_none(void **state)
{
    (void) state;
    static const char *cases[][2] = {
        { "/api/", "/api/" },
        { "/api", "/api" },
        { "/api", "/api/" },
        { "/apiary/v1", "/api" },
        { "/other/v1", "/api/" },
        { "/api//v1", "/api/" },
        { "/api/V1/x", "/api/" },
        { "/api/v1%2fx", "/api/" },
        { "/api/../v1", "/api/" },
        { "", "/api/" },
        { "v1", "" },
        { "/api/v1;x=1/y", "/api/" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gh_str_t name, rest;

        assert_int_equal(
            gh_version_from_path(gh_str(cases[i][0]), gh_str(cases[i][1]),
                                 &name, &rest),
            GH_ABSENT);
    }

    gh_str_t nothing = { NULL, 0 }, name, rest;

    assert_int_equal(gh_version_from_path(nothing, nothing, &name, &rest),
                     GH_ABSENT);
}


static void
a_header_value_is_trimmed_and_checked(void **state)
{
    (void) state;
    static const char *bad[] = { "", "  ", "v1, v2", "v1 v2", "../x", "V1" };
    gh_str_t name;

    assert_int_equal(gh_version_from_header(GH_STR(" \t2026-06-01 "), &name),
                     GH_OK);
    assert_str(name, "2026-06-01");

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(gh_version_from_header(gh_str(bad[i]), &name),
                         GH_INVALID);
    }

    assert_str(name, "2026-06-01");
}


/* expected NULL: rc says what comes instead. */
static void
assert_accept(const char *accept, const char *expected, gh_rc_t rc)
{
    gh_str_t name = GH_STR("untouched");
    gh_rc_t got = gh_version_from_accept(gh_str(accept), &name);

    if (got != rc) {
        fail_msg("Accept: %s gave %d instead of %d", accept, got, rc);
    }

    assert_str(name, expected == NULL ? "untouched" : expected);
}


static void
media_types_say_their_version_before_the_suffix(void **state)
{
    (void) state;

    assert_accept("application/vnd.example.orders.v2+json", "v2", GH_OK);
    assert_accept("application/vnd.example.orders-v2+json", "v2", GH_OK);
    assert_accept("application/vnd.example.orders.v2", "v2", GH_OK);
    assert_accept("application/vnd.example.v2.1+json", "v2.1", GH_OK);
    assert_accept("application/vnd.example.v10+json;q=0.5", "v10", GH_OK);
    assert_accept("text/html, application/vnd.example.v3+json", "v3", GH_OK);
    assert_accept(" application/vnd.x.v2+json ,\t*/*;q=0.1", "v2", GH_OK);

    assert_accept("application/vnd.example.v2.raw+json", NULL, GH_ABSENT);
    assert_accept("application/vnd.example.v2x+json", NULL, GH_ABSENT);
    assert_accept("application/vnd.example.v+json", NULL, GH_ABSENT);
    assert_accept("application/vnd.example.v2.+json", NULL, GH_ABSENT);
    assert_accept("application/vnd.example.v2..1+json", NULL, GH_ABSENT);
    assert_accept("application/vnd.examplev2+json", NULL, GH_ABSENT);
    assert_accept("application/json+vnd.v2", NULL, GH_ABSENT);
    assert_accept("application/v2", NULL, GH_ABSENT);
}


static void
the_version_parameter_says_it_quoted_or_not(void **state)
{
    (void) state;

    assert_accept("application/json;version=2", "2", GH_OK);
    assert_accept("application/json; Version=v2", "v2", GH_OK);
    assert_accept("application/json ;\tcharset=utf-8 ; version=\"2.1\"", "2.1",
                  GH_OK);
    assert_accept("*/*;version=beta", "beta", GH_OK);
    assert_accept("application/json;q=0.2;version=2", "2", GH_OK);
    assert_accept("application/json;a=\";version=1\";version=2", "2", GH_OK);
    assert_accept("application/json;a=\"x,\\\"y;\";version=2", "2", GH_OK);
    assert_accept("application/json;a=\"b, text/plain;version=1\"", NULL,
                  GH_ABSENT);
    assert_accept("application/json;xversion=2", NULL, GH_ABSENT);
}


static void
ranges_with_a_q_of_zero_count_for_nothing(void **state)
{
    (void) state;

    assert_accept("application/json;version=1;q=0", NULL, GH_ABSENT);
    assert_accept("application/json;version=1;Q=0.000, */*;version=2", "2",
                  GH_OK);
    assert_accept("application/json;q=0;version=\"%\", a/b;version=2", "2",
                  GH_OK);
    assert_accept("application/vnd.x.v1+json;q=0, a/vnd.x.v2+json", "v2",
                  GH_OK);
    assert_accept("application/json;version=1;q=0.001", "1", GH_OK);
    assert_accept("application/json;version=1;q=0x", "1", GH_OK);
    assert_accept("application/json;version=1;q=", "1", GH_OK);
}


static void
different_versions_conflict_and_equal_ones_do_not(void **state)
{
    (void) state;

    assert_accept("a/b;version=1, a/b;version=2", NULL, GH_CONFLICT);
    assert_accept("a/b;version=1;version=2", NULL, GH_CONFLICT);
    assert_accept("a/vnd.x.v1+json, a/vnd.x.v2+json", NULL, GH_CONFLICT);
    assert_accept("a/vnd.x.v1+json;version=2", NULL, GH_CONFLICT);
    assert_accept("a/vnd.x.v2+json;version=2", "2", GH_OK);
    assert_accept("a/vnd.x.v2+json, a/vnd.x.v2+xml;q=0.5", "v2", GH_OK);
    assert_accept("a/b;version=2, text/html, a/b;version=v2", "2", GH_OK);
}


static void
what_is_no_version_name_is_invalid(void **state)
{
    (void) state;

    assert_accept("a/b;version=", NULL, GH_INVALID);
    assert_accept("a/b;version", NULL, GH_INVALID);
    assert_accept("a/b;version=../x", NULL, GH_INVALID);
    assert_accept("a/b;version=\"a\\b\"", NULL, GH_INVALID);
    assert_accept("a/b;version=V2", NULL, GH_INVALID);
    assert_accept("a/b;version=\"2", NULL, GH_INVALID);
    assert_accept("a/b;x=\"\\", NULL, GH_INVALID);
    assert_accept("a/b.v111111111111111111111111111111111", NULL, GH_INVALID);
}


static void
what_is_no_media_range_is_passed_over(void **state)
{
    (void) state;

    assert_accept("", NULL, GH_ABSENT);
    assert_accept(",,, ,", NULL, GH_ABSENT);
    assert_accept(";version=1", NULL, GH_ABSENT);
    assert_accept("json;version=1", NULL, GH_ABSENT);
    assert_accept("text/html, image/gif, *; q=.2, */*; q=.2", NULL, GH_ABSENT);
    assert_accept("*; q=.2, a/b;;; ;version=2", "2", GH_OK);

    gh_str_t nothing = { NULL, 0 }, name;

    assert_int_equal(gh_version_from_accept(nothing, &name), GH_ABSENT);
}


static void
a_deprecated_version_is_announced_as_the_rfcs_ask(void **state)
{
    (void) state;
    char room[256];
    gh_buf_t out = GH_BUF(room);

    /* RFC 9745 section 2.1 */
    assert_int_equal(gh_version_deprecation(1688169599, &out), GH_OK);
    assert_str(gh_buf_str(&out), "@1688169599");

    /* RFC 8594 section 3 */
    out.len = 0;
    assert_int_equal(gh_version_sunset(1546300799, &out), GH_OK);
    assert_str(gh_buf_str(&out), "Mon, 31 Dec 2018 23:59:59 GMT");

    out.len = 0;
    assert_int_equal(
        gh_version_link(GH_STR("/api/v2/"),
                        GH_STR("https://docs.example.com/v2"), &out),
        GH_OK);
    assert_str(gh_buf_str(&out),
               "</api/v2/>; rel=\"successor-version\", "
               "<https://docs.example.com/v2>; rel=\"deprecation\"");

    out.len = 0;
    assert_int_equal(gh_version_link(GH_STR(""), GH_STR("/d"), &out), GH_OK);
    assert_str(gh_buf_str(&out), "</d>; rel=\"deprecation\"");
}


static void
what_is_not_known_is_left_out(void **state)
{
    (void) state;
    char room[256];
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_version_deprecation(0, &out), GH_OK);
    assert_int_equal(gh_version_sunset(0, &out), GH_OK);
    assert_int_equal(gh_version_sunset(-1, &out), GH_OK);
    assert_int_equal(gh_version_link(GH_STR(""), GH_STR(""), &out), GH_OK);
    assert_int_equal(out.len, 0);
}


static void
nothing_that_would_break_the_header_is_written(void **state)
{
    (void) state;
    static const char *bad[] = { "/a>b",      "/a b",
                                 "/a\r\nb",   "/a\nSet-Cookie:",
                                 "/a\"b",     "<a>",
                                 "/\xc3\xa9", "/\x7f" };
    char room[256];
    gh_buf_t out = GH_BUF(room);

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(gh_version_link(gh_str(bad[i]), GH_STR("/d"), &out),
                         GH_INVALID);
        assert_int_equal(gh_version_link(GH_STR("/s"), gh_str(bad[i]), &out),
                         GH_INVALID);
    }

    assert_int_equal(gh_version_deprecation(INT64_MAX, &out), GH_INVALID);
    assert_int_equal(gh_version_sunset(INT64_MAX, &out), GH_INVALID);
    assert_int_equal(out.len, 0);

    /* nor half of it, when there is no room */
    out.cap = 40;
    assert_int_equal(gh_version_link(GH_STR("/api/v2/"), GH_STR("/d"), &out),
                     GH_TOO_LONG);
    out.cap = 5;
    assert_int_equal(gh_version_deprecation(1688169599, &out), GH_TOO_LONG);
    assert_int_equal(gh_version_sunset(1688169599, &out), GH_TOO_LONG);
    assert_int_equal(out.len, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            names_are_short_small_and_begin_with_a_letter_or_digit),
        cmocka_unit_test(a_v_before_the_number_makes_no_other_version),
        cmocka_unit_test(the_first_segment_after_the_prefix_is_the_version),
        cmocka_unit_test(a_path_without_a_version_has_none),
        cmocka_unit_test(a_header_value_is_trimmed_and_checked),
        cmocka_unit_test(media_types_say_their_version_before_the_suffix),
        cmocka_unit_test(the_version_parameter_says_it_quoted_or_not),
        cmocka_unit_test(ranges_with_a_q_of_zero_count_for_nothing),
        cmocka_unit_test(different_versions_conflict_and_equal_ones_do_not),
        cmocka_unit_test(what_is_no_version_name_is_invalid),
        cmocka_unit_test(what_is_no_media_range_is_passed_over),
        cmocka_unit_test(a_deprecated_version_is_announced_as_the_rfcs_ask),
        cmocka_unit_test(what_is_not_known_is_left_out),
        cmocka_unit_test(nothing_that_would_break_the_header_is_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
