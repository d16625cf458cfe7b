/*
 * Limits as people write them, what is refused with which words, and the
 * fields that answers carry.
 */

#include "gh_test.h"

#include "gh_limit.h"

#include <stdlib.h>


static gh_limit_t
limit_of(const char *text)
{
    gh_limit_t limit;
    const char *message = "untouched";

    if (gh_limit_parse(gh_str(text), &limit, &message) != GH_OK) {
        fail_msg("%s: %s", text, message);
    }

    assert_null(message);
    assert_true(gh_limit_valid(&limit));

    return limit;
}


static gh_limit_text_t
text_of(const char *name, const gh_limit_t *limit, gh_buf_t *made)
{
    gh_limit_text_t text;

    assert_int_equal(gh_limit_text(gh_str(name), limit, made, &text), GH_OK);

    return text;
}


static void
the_text_of_any_limit_fits_its_bound(void **state)
{
    (void) state;
    gh_limit_t most = limit_of("100000000000r/month");
    char room[GH_LIMIT_TEXT_MAX(3)];
    gh_buf_t out = GH_BUF(room);
    gh_limit_text_t text;

    most.amount = UINT64_MAX;
    most.unit_s = UINT64_MAX;

    assert_int_equal(gh_limit_text(GH_STR("\"\\\""), &most, &out, &text),
                     GH_OK);

    size_t needs = out.len;

    out.len = 0;

    for (out.cap = 0; out.cap < needs; out.cap++) {
        assert_int_equal(gh_limit_text(GH_STR("\"\\\""), &most, &out, &text),
                         GH_TOO_LONG);
        assert_int_equal(text.policy.len, 0);
        assert_int_equal(out.len, 0);
    }
}


static void
assert_refused(const char *text, const char *because)
{
    gh_limit_t limit = { .amount = 77 };
    const char *message = NULL;

    if (gh_limit_parse(gh_str(text), &limit, &message) != GH_INVALID) {
        fail_msg("'%s' was taken for a limit", text);
    }

    assert_non_null(message);
    assert_non_null(strstr(message, because));
    assert_int_equal(limit.amount, 77);
}


static void
rates_are_read_with_their_burst(void **state)
{
    (void) state;
    gh_limit_t l = limit_of("100r/s burst=200");

    assert_int_equal(l.kind, GH_LIMIT_RATE);
    assert_int_equal(l.amount, 100);
    assert_int_equal(l.unit_s, 1);
    assert_int_equal(l.burst, 200);
    assert_int_equal(l.interval_ns, 10000000);

    l = limit_of("60r/m");
    assert_int_equal(l.burst, 60);
    assert_int_equal(l.interval_ns, 1000000000);

    l = limit_of("5000r/h");
    assert_int_equal(l.burst, 5000);
    assert_int_equal(l.interval_ns, 720000000);

    l = limit_of(" \t3r/s \t burst=1 ");
    assert_int_equal(l.burst, 1);
    assert_int_equal(l.interval_ns, 333333334); /* up */
}


static void
quotas_are_read_with_their_period(void **state)
{
    (void) state;
    gh_limit_t l = limit_of("100000r/day");

    assert_int_equal(l.kind, GH_LIMIT_QUOTA);
    assert_int_equal(l.period, GH_PERIOD_DAY);
    assert_int_equal(l.amount, 100000);
    assert_int_equal(l.unit_s, 86400);

    l = limit_of("1000000r/month");
    assert_int_equal(l.period, GH_PERIOD_MONTH);
    assert_int_equal(l.unit_s, 2592000);
}


static void
other_words_are_refused_with_an_example(void **state)
{
    (void) state;
    static const char *bad[] = { "",
                                 "100",
                                 "100r",
                                 "100/s",
                                 "r/s",
                                 "100r/",
                                 "100r/d",
                                 "100r/S",
                                 "100R/s",
                                 "100r/s/s",
                                 "100r /s",
                                 "-1r/s",
                                 "1.5r/s",
                                 "1e3r/s",
                                 "0x10r/s",
                                 "100r/s 200",
                                 "100r/s burst",
                                 "100r/s burst=",
                                 "100r/s burst=x",
                                 "100r/s burst=-1",
                                 "100r/s burst=2 burst=3",
                                 "burst=2 100r/s",
                                 "100r/s,burst=2",
                                 "100r/s nodelay" };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_refused(bad[i], "such as 100r/s");
    }
}


static void
limits_that_cannot_be_kept_are_refused_in_words(void **state)
{
    (void) state;

    assert_refused("0r/s", "deny");
    assert_refused("0r/day", "deny");
    assert_refused("10r/s burst=0", "every request");
    assert_refused("100r/day burst=5", "no burst");
    assert_refused("10000001r/s", "per second");
    assert_refused("600000001r/m", "per second");
    assert_refused("100000000001r/month", "per period");
    assert_refused("99999999999999999999999r/s", "per second");
    assert_refused("1r/h burst=8785", "a year");
    assert_refused("1r/h burst=99999999999999999999999", "a year");
    (void) limit_of("1r/h burst=8784");
    (void) limit_of("10000000r/s");
    (void) limit_of("600000000r/m");
    (void) limit_of("100000000000r/month");
}


static void
limits_of_an_image_are_checked(void **state)
{
    (void) state;
    gh_limit_t good = limit_of("100r/s"), l;

    l = good;
    l.kind = 7;
    assert_false(gh_limit_valid(&l));
    l = good;
    l.burst = 0;
    assert_false(gh_limit_valid(&l));
    l = good;
    l.interval_ns = 0;
    assert_false(gh_limit_valid(&l));
    l = good;
    l.burst = UINT64_MAX / 2;
    assert_false(gh_limit_valid(&l));
    l = good;
    l.unit_s = 0;
    assert_false(gh_limit_valid(&l));

    good = limit_of("100r/day");
    l = good;
    l.period = 2;
    assert_false(gh_limit_valid(&l));
    l = good;
    l.amount = 0;
    assert_false(gh_limit_valid(&l));
    l = good;
    l.amount = UINT64_MAX;
    assert_false(gh_limit_valid(&l));
}


static void
answers_show_every_limit_by_its_name(void **state)
{
    (void) state;
    gh_limit_t second = limit_of("100r/s burst=200");
    gh_limit_t month = limit_of("1000000r/month");
    char texts[128], room[256];
    gh_buf_t made = GH_BUF(texts);
    gh_limit_shown_t shown[] = {
        { text_of("second", &second, &made), { 1, 1, 0 } },
        { text_of("month", &month, &made), { 999, 5 * GH_NS_PER_S, 0 } },
    };
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_limit_policy_field(shown, 2, &out), GH_OK);
    assert_str(gh_buf_str(&out),
               "\"second\";q=200;w=2, \"month\";q=1000000;w=2592000");

    out.len = 0;
    assert_int_equal(gh_limit_field(shown, 2, &out), GH_OK);
    assert_str(gh_buf_str(&out), "\"second\";r=1;t=1, \"month\";r=999;t=5");
}


static void
a_quick_limit_still_has_a_window_of_a_second(void **state)
{
    (void) state;
    gh_limit_t quick = limit_of("1000r/s burst=1");
    char texts[64], room[64];
    gh_buf_t made = GH_BUF(texts);
    gh_limit_shown_t shown = { text_of("q", &quick, &made), { 1, 0, 0 } };
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_limit_policy_field(&shown, 1, &out), GH_OK);
    assert_str(gh_buf_str(&out), "\"q\";q=1;w=1");

    out.len = 0;
    assert_int_equal(gh_limit_field(&shown, 1, &out), GH_OK);
    assert_str(gh_buf_str(&out), "\"q\";r=1;t=0");
}


static void
names_are_quoted_and_numbers_cut_as_structured_fields_ask(void **state)
{
    (void) state;
    gh_limit_t l = limit_of("1r/s");
    char texts[64], room[64];
    gh_buf_t made = GH_BUF(texts);
    gh_limit_shown_t shown = { text_of("a\"b\\c", &l, &made),
                               { UINT64_MAX, UINT64_MAX, 0 } };
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_limit_field(&shown, 1, &out), GH_OK);
    assert_str(gh_buf_str(&out),
               "\"a\\\"b\\\\c\";r=999999999999999;t=18446744074");

    made.len = 0;
    assert_int_equal(
        gh_limit_text(GH_STR("caf\xc3\xa9"), &l, &made, &shown.text),
        GH_INVALID);
    assert_int_equal(gh_limit_text(GH_STR("a\r\nb"), &l, &made, &shown.text),
                     GH_INVALID);
    assert_int_equal(made.len, 0);
    assert_int_equal(gh_limit_field(&shown, 1, &out), GH_INVALID);
    assert_int_equal(gh_limit_policy_field(&shown, 1, &out), GH_INVALID);
    assert_str(gh_buf_str(&out),
               "\"a\\\"b\\\\c\";r=999999999999999;t=18446744074");
}


static void
no_limit_gives_no_text_and_no_room_writes_nothing(void **state)
{
    (void) state;
    gh_limit_t l = limit_of("1r/s");
    char texts[64], room[64] = "x";
    gh_buf_t made = GH_BUF(texts);
    gh_limit_shown_t shown[] = { { text_of("a\\", &l, &made), { 1, 0, 0 } },
                                 { text_of("b", &l, &made), { 1, 0, 0 } } };

    for (size_t cap = 1;; cap++) {
        gh_buf_t out = { room, 1, cap };

        assert_int_equal(gh_limit_policy_field(shown, 0, &out), GH_OK);
        assert_int_equal(out.len, 1);

        if (gh_limit_policy_field(shown, 2, &out) == GH_OK) {
            assert_str(gh_buf_str(&out), "x\"a\\\\\";q=1;w=1, \"b\";q=1;w=1");
            assert_int_equal(out.len, cap); /* the first that fits */
            break;
        }

        assert_int_equal(out.len, 1);
    }
}


static void
a_cost_is_a_whole_number_and_never_without_bound(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        gh_rc_t rc;
        uint64_t cost;
    } cases[] = {
        { "", GH_OK, 1 },
        { "0", GH_OK, 0 },
        { "1", GH_OK, 1 },
        { "255", GH_OK, 255 },
        { "256", GH_TOO_LONG, 255 },
        { "99999999999999999999999", GH_TOO_LONG, 255 },
        { "-1", GH_INVALID, 1 },
        { "+1", GH_INVALID, 1 },
        { " 1", GH_INVALID, 1 },
        { "1 ", GH_INVALID, 1 },
        { "1.5", GH_INVALID, 1 },
        { "0x10", GH_INVALID, 1 },
        { "many", GH_INVALID, 1 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t cost = 77;

        assert_int_equal(gh_cost_parse(gh_str(cases[i].text), &cost),
                         cases[i].rc);
        assert_int_equal(cost, cases[i].cost);
    }
}


static void
the_most_at_once_is_the_burst_or_the_amount(void **state)
{
    (void) state;
    const char *message;
    gh_limit_t rate, quota;

    assert_int_equal(gh_limit_parse(GH_STR("5r/s burst=9"), &rate, &message),
                     GH_OK);
    assert_int_equal(gh_limit_parse(GH_STR("7r/day"), &quota, &message),
                     GH_OK);
    assert_int_equal(gh_limit_most(&rate), 9);
    assert_int_equal(gh_limit_most(&quota), 7);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_read_with_their_burst),
        cmocka_unit_test(quotas_are_read_with_their_period),
        cmocka_unit_test(other_words_are_refused_with_an_example),
        cmocka_unit_test(limits_that_cannot_be_kept_are_refused_in_words),
        cmocka_unit_test(limits_of_an_image_are_checked),
        cmocka_unit_test(answers_show_every_limit_by_its_name),
        cmocka_unit_test(the_text_of_any_limit_fits_its_bound),
        cmocka_unit_test(a_quick_limit_still_has_a_window_of_a_second),
        cmocka_unit_test(
            names_are_quoted_and_numbers_cut_as_structured_fields_ask),
        cmocka_unit_test(no_limit_gives_no_text_and_no_room_writes_nothing),
        cmocka_unit_test(a_cost_is_a_whole_number_and_never_without_bound),
        cmocka_unit_test(the_most_at_once_is_the_burst_or_the_amount),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
