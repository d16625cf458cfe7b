/*
 * Strings that end nowhere, buffers that are full or not, and numbers at
 * their bounds.
 */

#include "gh_test.h"


/* The empty string in both its forms. */
static const gh_str_t nothing = { NULL, 0 };


static void
strings_are_equal_by_length_and_bytes(void **state)
{
    (void) state;

    assert_true(gh_str_eq(GH_STR("abc"), GH_STR("abc")));
    assert_false(gh_str_eq(GH_STR("abc"), GH_STR("abd")));
    assert_false(gh_str_eq(GH_STR("abc"), GH_STR("ab")));
    assert_false(gh_str_eq(GH_STR("a\0b"), GH_STR("a\0c")));
    assert_false(gh_str_eq(GH_STR("Abc"), GH_STR("abc")));
    assert_true(gh_str_eq(nothing, GH_STR("")));
    assert_true(gh_str_eq(nothing, nothing));
}


static void
only_ascii_letters_have_a_second_case(void **state)
{
    (void) state;

    assert_true(gh_str_eq_nocase(GH_STR("Bearer"), GH_STR("bEARER")));
    assert_true(gh_str_eq_nocase(GH_STR("az AZ"), GH_STR("AZ az")));
    assert_false(gh_str_eq_nocase(GH_STR("bearer"), GH_STR("bearer ")));
    assert_false(gh_str_eq_nocase(GH_STR("bearer"), GH_STR("beader")));
    assert_false(gh_str_eq_nocase(GH_STR("@"), GH_STR("`")));
    assert_false(gh_str_eq_nocase(GH_STR("["), GH_STR("{")));
    assert_false(gh_str_eq_nocase(GH_STR("\xc4"), GH_STR("\xe4")));
    assert_true(gh_str_eq_nocase(nothing, GH_STR("")));
}


static void
order_is_bytewise_and_a_prefix_comes_first(void **state)
{
    (void) state;

    assert_int_equal(gh_str_cmp(GH_STR("abc"), GH_STR("abc")), 0);
    assert_true(gh_str_cmp(GH_STR("ab"), GH_STR("abc")) < 0);
    assert_true(gh_str_cmp(GH_STR("abc"), GH_STR("ab")) > 0);
    assert_true(gh_str_cmp(GH_STR("abc"), GH_STR("abd")) < 0);
    assert_true(gh_str_cmp(GH_STR("z"), GH_STR("\xff")) < 0);
    assert_true(gh_str_cmp(nothing, GH_STR("a")) < 0);
    assert_int_equal(gh_str_cmp(nothing, GH_STR("")), 0);
}


static void
a_string_starts_with_what_is_not_longer_than_itself(void **state)
{
    (void) state;

    assert_true(gh_str_starts(GH_STR("gh_key"), GH_STR("gh_")));
    assert_true(gh_str_starts(GH_STR("gh_"), GH_STR("gh_")));
    assert_false(gh_str_starts(GH_STR("gh"), GH_STR("gh_")));
    assert_false(gh_str_starts(GH_STR("GH_key"), GH_STR("gh_")));
    assert_true(gh_str_starts(GH_STR("x"), nothing));
    assert_true(gh_str_starts(nothing, nothing));
}


static void
trimming_takes_spaces_and_tabs_from_both_ends_only(void **state)
{
    (void) state;

    assert_str(gh_str_trim(GH_STR(" \t a b\t ")), "a b");
    assert_str(gh_str_trim(GH_STR("\na\r")), "\na\r");
    assert_str(gh_str_trim(GH_STR(" \t ")), "");
    assert_str(gh_str_trim(nothing), "");
}


static void
cutting_tells_no_separator_from_nothing_behind_it(void **state)
{
    (void) state;
    gh_str_t rest;

    assert_str(gh_str_cut(GH_STR("a.b.c"), '.', &rest), "a");
    assert_str(rest, "b.c");

    assert_str(gh_str_cut(GH_STR("a."), '.', &rest), "a");
    assert_str(rest, "");
    assert_non_null(rest.data);

    assert_str(gh_str_cut(GH_STR("a"), '.', &rest), "a");
    assert_null(rest.data);

    assert_str(gh_str_cut(GH_STR("."), '.', &rest), "");
    assert_non_null(rest.data);

    assert_str(gh_str_cut(nothing, '.', &rest), "");
    assert_null(rest.data);
}


static void
a_string_may_be_cut_into_itself(void **state)
{
    (void) state;
    gh_str_t s = GH_STR("a/b");

    assert_str(gh_str_cut(s, '/', &s), "a");
    assert_str(s, "b");
}


static void
numbers_are_digits_and_nothing_else(void **state)
{
    (void) state;
    static const char *const not_numbers[] = {
        "",
        "+1",
        "-1",
        " 1",
        "1 ",
        "1a",
        "0x1",
        "1.0",
        "\xd9\xa1",
        "1,000",
        "99999999999999999999999x",
    };
    uint64_t n = 7;

    for (size_t i = 0; i < sizeof(not_numbers) / sizeof(*not_numbers); i++) {
        assert_int_equal(gh_str_to_u64(gh_str(not_numbers[i]), 100, &n),
                         GH_INVALID);
    }

    assert_int_equal(gh_str_to_u64(nothing, 100, &n), GH_INVALID);
    assert_int_equal(gh_str_to_u64(GH_STR("1\0"), 100, &n), GH_INVALID);
    assert_int_equal(n, 7);

    assert_int_equal(gh_str_to_u64(GH_STR("0042"), 100, &n), GH_OK);
    assert_int_equal(n, 42);
}


static void
a_number_is_refused_just_above_its_bound(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        uint64_t max;
        gh_rc_t rc;
    } cases[] = {
        { "0", 0, GH_OK },
        { "1", 0, GH_TOO_LONG },
        { "9", 9, GH_OK },
        { "10", 9, GH_TOO_LONG },
        { "5", 4, GH_TOO_LONG },
        { "65535", 65535, GH_OK },
        { "65536", 65535, GH_TOO_LONG },
        { "18446744073709551615", UINT64_MAX, GH_OK },
        { "18446744073709551616", UINT64_MAX, GH_TOO_LONG },
        { "18446744073709551619", UINT64_MAX, GH_TOO_LONG },
        { "28446744073709551615", UINT64_MAX, GH_TOO_LONG },
        { "184467440737095516150", UINT64_MAX, GH_TOO_LONG },
        { "99999999999999999999999999999999", UINT64_MAX, GH_TOO_LONG },
        { "100000000000000000000", 1, GH_TOO_LONG },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint64_t n = 12345;

        assert_int_equal(
            gh_str_to_u64(gh_str(cases[i].text), cases[i].max, &n),
            cases[i].rc);

        if (cases[i].rc == GH_OK) {
            assert_true(n == cases[i].max);

        } else {
            assert_int_equal(n, 12345);
        }
    }
}


static void
what_does_not_fit_leaves_the_buffer_as_it_was(void **state)
{
    (void) state;
    char room[4];
    gh_buf_t b = GH_BUF(room);

    assert_int_equal(gh_buf_add(&b, GH_STR("ab")), GH_OK);
    assert_int_equal(gh_buf_add(&b, GH_STR("cde")), GH_TOO_LONG);
    assert_int_equal(gh_buf_add_u64(&b, 100), GH_TOO_LONG);
    assert_int_equal(gh_buf_add_fmt(&b, "%s", "cde"), GH_TOO_LONG);
    assert_str(gh_buf_str(&b), "ab");

    assert_int_equal(gh_buf_add(&b, GH_STR("cd")), GH_OK);
    assert_int_equal(gh_buf_add_char(&b, 'e'), GH_TOO_LONG);
    assert_int_equal(gh_buf_add(&b, GH_STR("e")), GH_TOO_LONG);
    assert_int_equal(gh_buf_add_fmt(&b, "%s", ""), GH_TOO_LONG);
    assert_int_equal(gh_buf_add(&b, nothing), GH_OK);
    assert_str(gh_buf_str(&b), "abcd");
}


static void
a_length_that_would_wrap_does_not_fit(void **state)
{
    (void) state;
    char room[4];
    gh_buf_t b = GH_BUF(room);

    assert_int_equal(gh_buf_add_char(&b, 'a'), GH_OK);
    assert_int_equal(gh_buf_add(&b, (gh_str_t){ "x", SIZE_MAX }), GH_TOO_LONG);
    assert_str(gh_buf_str(&b), "a");
}


static void
a_buffer_without_room_takes_nothing(void **state)
{
    (void) state;
    gh_buf_t b = { NULL, 0, 0 };

    assert_int_equal(gh_buf_add(&b, nothing), GH_OK);
    assert_int_equal(gh_buf_add(&b, GH_STR("a")), GH_TOO_LONG);
    assert_int_equal(gh_buf_add_char(&b, 'a'), GH_TOO_LONG);
    assert_int_equal(gh_buf_add_fmt(&b, "%d", 1), GH_TOO_LONG);
    assert_int_equal(b.len, 0);
}


static void
numbers_are_written_up_to_the_largest(void **state)
{
    (void) state;
    char room[32];
    gh_buf_t b = GH_BUF(room);

    assert_int_equal(gh_buf_add_u64(&b, 0), GH_OK);
    assert_int_equal(gh_buf_add_char(&b, ' '), GH_OK);
    assert_int_equal(gh_buf_add_u64(&b, UINT64_MAX), GH_OK);
    assert_str(gh_buf_str(&b), "0 18446744073709551615");
}


static void
formatted_text_needs_one_byte_more_than_it_has(void **state)
{
    (void) state;
    char room[5];
    gh_buf_t b = GH_BUF(room);

    assert_int_equal(gh_buf_add_fmt(&b, "%d-%s", 12, "34"), GH_TOO_LONG);
    assert_int_equal(gh_buf_add_fmt(&b, "%d-%s", 1, "34"), GH_OK);
    assert_str(gh_buf_str(&b), "1-34");
    assert_int_equal(gh_buf_add_fmt(&b, "%s", ""), GH_OK);
}


static void
an_allocation_of_nothing_is_not_a_failure(void **state)
{
    (void) state;
    const gh_alloc_t *a = gh_alloc_libc();
    void *p = a->alloc(a->ctx, 0);

    assert_non_null(p);
    a->free(a->ctx, p);
    a->free(a->ctx, NULL);
}


static void
the_test_allocator_fails_when_told_and_counts(void **state)
{
    (void) state;
    gh_test_alloc_t *t = gh_test_alloc(2);
    void *first = t->alloc.alloc(t->alloc.ctx, 8);
    void *second = t->alloc.alloc(t->alloc.ctx, 8);
    void *third = t->alloc.alloc(t->alloc.ctx, 8);

    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    assert_int_equal(t->live, 2);

    t->alloc.free(t->alloc.ctx, first);
    t->alloc.free(t->alloc.ctx, second);
    t->alloc.free(t->alloc.ctx, third);
    assert_true(gh_test_alloc_end(t));
    assert_false(gh_test_alloc_end(gh_test_alloc(1)));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_equal_by_length_and_bytes),
        cmocka_unit_test(only_ascii_letters_have_a_second_case),
        cmocka_unit_test(order_is_bytewise_and_a_prefix_comes_first),
        cmocka_unit_test(a_string_starts_with_what_is_not_longer_than_itself),
        cmocka_unit_test(trimming_takes_spaces_and_tabs_from_both_ends_only),
        cmocka_unit_test(cutting_tells_no_separator_from_nothing_behind_it),
        cmocka_unit_test(a_string_may_be_cut_into_itself),
        cmocka_unit_test(numbers_are_digits_and_nothing_else),
        cmocka_unit_test(a_number_is_refused_just_above_its_bound),
        cmocka_unit_test(what_does_not_fit_leaves_the_buffer_as_it_was),
        cmocka_unit_test(a_length_that_would_wrap_does_not_fit),
        cmocka_unit_test(a_buffer_without_room_takes_nothing),
        cmocka_unit_test(numbers_are_written_up_to_the_largest),
        cmocka_unit_test(formatted_text_needs_one_byte_more_than_it_has),
        cmocka_unit_test(an_allocation_of_nothing_is_not_a_failure),
        cmocka_unit_test(the_test_allocator_fails_when_told_and_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
