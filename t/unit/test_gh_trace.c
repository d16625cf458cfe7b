/*
 * Request ids from outside, and traces that go on behind us. Vectors are
 * those of W3C Trace Context level 1, section 3.2.
 */

#include "gh_test.h"

#include "gh_trace.h"


#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

static const uint8_t some[24] = { 1,  2,  3,  4,  5,  6,  7,  8,
                                  9,  10, 11, 12, 13, 14, 15, 16,
                                  17, 18, 19, 20, 21, 22, 23, 0xff };


static void
assert_built(const char *from, const uint8_t *random, const char *expected)
{
    char room[GH_TRACEPARENT_LEN];
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_traceparent_build(gh_str(from), random, &out), GH_OK);
    assert_str(gh_buf_str(&out), expected);
    assert_true(gh_traceparent_valid(gh_buf_str(&out)));
}


static void
ordinary_request_ids_are_valid(void **state)
{
    (void) state;

    assert_true(gh_request_id_valid(GH_STR("f")));
    assert_true(
        gh_request_id_valid(GH_STR("7d9f8c0a1b2c3d4e5f60718293a4b5c6")));
    assert_true(gh_request_id_valid(
        GH_STR("Root=1-67891233-abcdef012345678912345678")));
    assert_true(gh_request_id_valid(GH_STR("a._~+/=@:-Z9")));
}


static void
m2_request_ids_that_could_forge_a_log_line_are_not(void **state)
{
    static const char *const ids[] = { "",     "a b", "a\nb", "a\"b",
                                       "a\\b", "<b>", "a%0a", "\xc3\xa9",
                                       "a;b",  "a,b", "a\tb", "{}" };
    char longest[GH_REQUEST_ID_MAX + 1];

    (void) state;

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        assert_false(gh_request_id_valid(gh_str(ids[i])));
    }

    assert_false(gh_request_id_valid(GH_STR("a\0b")));

    memset(longest, 'a', sizeof(longest));
    assert_true(gh_request_id_valid((gh_str_t){ longest, GH_REQUEST_ID_MAX }));
    assert_false(
        gh_request_id_valid((gh_str_t){ longest, GH_REQUEST_ID_MAX + 1 }));
}


static void
a_traceparent_of_version_00_is_valid(void **state)
{
    (void) state;

    assert_true(gh_traceparent_valid(GH_STR("00-" TRACE "-" PARENT "-01")));
    assert_true(gh_traceparent_valid(GH_STR("00-" TRACE "-" PARENT "-ff")));
}


static void
anything_else_is_no_traceparent(void **state)
{
    static const char *const values[] = {
        "",
        "00-" TRACE "-" PARENT,
        "00-" TRACE "-" PARENT "-1",
        "00-" TRACE "-" PARENT "-01-",
        "00-" TRACE "-" PARENT "-0g",
        "00-" TRACE "-" PARENT "-0A",
        "01-" TRACE "-" PARENT "-01",
        "ff-" TRACE "-" PARENT "-01",
        "00_" TRACE "-" PARENT "-01",
        "00-" TRACE "_" PARENT "-01",
        "00-" TRACE "-" PARENT "_01",
        "00-00000000000000000000000000000000-" PARENT "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-" PARENT "-01",
        "00-" TRACE "-00F067AA0BA902B7-01",
        " 0-" TRACE "-" PARENT "-01",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        assert_false(gh_traceparent_valid(gh_str(values[i])));
    }
}


static void
a_valid_trace_goes_on_with_our_parent_id(void **state)
{
    (void) state;

    assert_built("00-" TRACE "-" PARENT "-01", some,
                 "00-" TRACE "-11121314151617ff-01");
    assert_built("00-" TRACE "-" PARENT "-00", some,
                 "00-" TRACE "-11121314151617ff-00");
}


static void
only_the_sampled_flag_is_passed_on(void **state)
{
    (void) state;

    assert_built("00-" TRACE "-" PARENT "-fe", some,
                 "00-" TRACE "-11121314151617ff-00");
    assert_built("00-" TRACE "-" PARENT "-0b", some,
                 "00-" TRACE "-11121314151617ff-01");
    assert_built("00-" TRACE "-" PARENT "-0a", some,
                 "00-" TRACE "-11121314151617ff-00");
}


static void
without_a_valid_trace_a_new_one_begins(void **state)
{
    (void) state;

    assert_built("", some,
                 "00-0102030405060708090a0b0c0d0e0f10-11121314151617ff-00");
    assert_built("00-" TRACE "-" PARENT "-0x", some,
                 "00-0102030405060708090a0b0c0d0e0f10-11121314151617ff-00");
}


static void
an_id_of_zeros_is_never_built(void **state)
{
    static const uint8_t zeros[24];

    (void) state;

    assert_built("", zeros,
                 "00-00000000000000000000000000000001-0000000000000001-00");
}


static void
no_room_leaves_the_buffer_alone(void **state)
{
    char room[GH_TRACEPARENT_LEN - 1];
    gh_buf_t out = GH_BUF(room);

    (void) state;

    assert_int_equal(gh_traceparent_build(GH_STR(""), some, &out),
                     GH_TOO_LONG);
    assert_int_equal(out.len, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_request_ids_are_valid),
        cmocka_unit_test(m2_request_ids_that_could_forge_a_log_line_are_not),
        cmocka_unit_test(a_traceparent_of_version_00_is_valid),
        cmocka_unit_test(anything_else_is_no_traceparent),
        cmocka_unit_test(a_valid_trace_goes_on_with_our_parent_id),
        cmocka_unit_test(only_the_sampled_flag_is_passed_on),
        cmocka_unit_test(without_a_valid_trace_a_new_one_begins),
        cmocka_unit_test(an_id_of_zeros_is_never_built),
        cmocka_unit_test(no_room_leaves_the_buffer_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
