/*
 * Texts and numbers of time: vectors of RFC 3339 and RFC 9110, every day the
 * calendar has, and what is not a time.
 */

#include "gh_test.h"

#include "gh_time.h"

#include <stdio.h>
#include <time.h>


static int64_t
parsed(const char *text)
{
    int64_t at_s = -1;

    if (gh_time_parse(gh_str(text), &at_s) != GH_OK) {
        fail_msg("%s was refused", text);
    }

    return at_s;
}


static void
assert_no_time(const char *text)
{
    int64_t at_s = 77;

    if (gh_time_parse(gh_str(text), &at_s) != GH_INVALID) {
        fail_msg("%s was taken for a time", text);
    }

    assert_int_equal(at_s, 77);
}


static void
the_examples_of_rfc_3339_are_read(void **state)
{
    (void) state;

    /* section 5.8 */
    assert_int_equal(parsed("1985-04-12T23:20:50.52Z"), 482196050);
    assert_int_equal(parsed("1996-12-19T16:39:57-08:00"), 851042397);
    assert_int_equal(parsed("1990-12-31T23:59:60Z"), 662688000);
    assert_int_equal(parsed("1990-12-31T15:59:60-08:00"), 662688000);
    assert_no_time("1937-01-01T12:00:27.87+00:20"); /* before 1970 */
}


static void
a_date_alone_is_midnight(void **state)
{
    (void) state;

    assert_int_equal(parsed("2027-06-01"), parsed("2027-06-01T00:00:00Z"));
    assert_int_equal(parsed("1970-01-01"), 0);
}


static void
offsets_are_applied(void **state)
{
    (void) state;

    assert_int_equal(parsed("1970-01-01T05:30:00+05:30"), 0);
    assert_int_equal(parsed("1969-12-31T23:00:00-01:00"), 0);
    assert_int_equal(parsed("1970-01-02T00:00:00-00:00"), 86400);
    assert_no_time("1970-01-01T00:00:00+00:01"); /* is in 1969 */
    assert_no_time("9999-12-31T23:59:59-00:01"); /* is in 10000 */
    assert_no_time("2027-06-01T00:00:00+24:00");
    assert_no_time("2027-06-01T00:00:00+01:60");
    assert_no_time("2027-06-01T00:00:00+0100");
    assert_no_time("2027-06-01T00:00:00+01");
}


static void
small_letters_and_long_fractions_are_the_same_time(void **state)
{
    (void) state;

    assert_int_equal(parsed("2027-06-01t00:00:01z"),
                     parsed("2027-06-01T00:00:01.999999999999999999999Z"));
}


static void
a_leap_second_is_only_at_the_end_of_a_month(void **state)
{
    (void) state;

    assert_int_equal(parsed("2016-12-31T23:59:60Z"), parsed("2017-01-01"));
    assert_int_equal(parsed("2016-06-30T23:59:60.5Z"), parsed("2016-07-01"));
    assert_no_time("2016-12-30T23:59:60Z");
    assert_no_time("2016-12-31T22:59:60Z");
    assert_no_time("2016-12-31T23:58:60Z");
    assert_no_time("2016-12-31T23:59:61Z");
    assert_no_time("9999-12-31T23:59:60Z");
    assert_no_time("0000-01-01T23:59:60Z");
}


static void
days_that_no_calendar_has_are_refused(void **state)
{
    (void) state;

    assert_int_equal(parsed("2024-02-29"), 1709164800);
    assert_int_equal(parsed("2000-02-29"), 951782400);
    assert_no_time("2023-02-29");
    assert_no_time("2100-02-29");
    assert_no_time("2024-02-30");
    assert_no_time("2024-04-31");
    assert_no_time("2024-00-01");
    assert_no_time("2024-13-01");
    assert_no_time("2024-01-00");
    assert_no_time("2024-01-32");
    assert_no_time("2024-01-01T24:00:00Z");
    assert_no_time("2024-01-01T23:60:00Z");
}


static void
other_texts_are_no_time(void **state)
{
    (void) state;

    assert_no_time("");
    assert_no_time("2024");
    assert_no_time("2024-1-1");
    assert_no_time("24-01-01");
    assert_no_time(" 2024-01-01");
    assert_no_time("2024-01-01 ");
    assert_no_time("2024-01-01T");
    assert_no_time("2024-01-01T00:00:00");
    assert_no_time("2024-01-01 00:00:00Z");
    assert_no_time("2024-01-01T00:00Z");
    assert_no_time("2024-01-01T00:00:00.Z");
    assert_no_time("2024-01-01T00:00:00ZZ");
    assert_no_time("-024-01-01");
    assert_no_time("+2024-01-01");
    assert_no_time("10000-01-01");
    assert_no_time("1969-12-31T23:59:59Z");
}


static void
every_day_until_9999_is_written_and_read_back(void **state)
{
    (void) state;

    /* some second of each day, another one every day */
    for (int64_t at_s = 0; at_s <= GH_TIME_MAX_S; at_s += 86400 + 7) {
        char ours[32], theirs[32];
        gh_buf_t out = GH_BUF(ours);
        time_t t = (time_t) at_s;
        struct tm tm;
        int64_t back = -1;

        assert_non_null(gmtime_r(&t, &tm));
        assert_true(strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%SZ", &tm)
                    > 0);
        assert_int_equal(gh_time_rfc3339(at_s, &out), GH_OK);
        assert_str(gh_buf_str(&out), theirs);
        assert_int_equal(gh_time_parse(gh_buf_str(&out), &back), GH_OK);
        assert_int_equal(back, at_s);
    }
}


static void
http_dates_are_in_the_form_of_rfc_9110(void **state)
{
    (void) state;
    char room[64];
    gh_buf_t out = GH_BUF(room);

    /* section 5.6.7 */
    assert_int_equal(gh_time_http(784111777, &out), GH_OK);
    assert_str(gh_buf_str(&out), "Sun, 06 Nov 1994 08:49:37 GMT");

    out.len = 0;
    assert_int_equal(gh_time_http(0, &out), GH_OK);
    assert_str(gh_buf_str(&out), "Thu, 01 Jan 1970 00:00:00 GMT");

    out.len = 0;
    assert_int_equal(gh_time_http(GH_TIME_MAX_S, &out), GH_OK);
    assert_str(gh_buf_str(&out), "Fri, 31 Dec 9999 23:59:59 GMT");
}


static void
times_outside_the_range_and_full_buffers_write_nothing(void **state)
{
    (void) state;
    char room[8];
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_time_http(-1, &out), GH_INVALID);
    assert_int_equal(gh_time_rfc3339(-1, &out), GH_INVALID);
    assert_int_equal(gh_time_rfc3339(GH_TIME_MAX_S + 1, &out), GH_INVALID);
    assert_int_equal(gh_time_rfc3339(0, &out), GH_TOO_LONG);
    assert_int_equal(gh_time_http(0, &out), GH_TOO_LONG);
    assert_int_equal(out.len, 0);
}


static void
periods_touch_and_never_overlap(void **state)
{
    (void) state;

    for (int kind = GH_PERIOD_DAY; kind <= GH_PERIOD_MONTH; kind++) {
        gh_period_t period = (gh_period_t) kind;
        uint32_t number = gh_period_number(period, 0);
        int64_t end_s = 0;

        while (end_s < parsed("2401-01-01")) {
            assert_int_equal(gh_period_number(period, end_s), number);
            end_s = gh_period_end(period, number);
            assert_int_equal(gh_period_number(period, end_s - 1), number);
            assert_int_equal(gh_period_of(number), period);
            number++;
        }

        assert_int_equal(end_s, parsed("2401-01-01"));
    }
}


static void
a_month_ends_with_its_last_second(void **state)
{
    (void) state;
    uint32_t leap = gh_period_number(GH_PERIOD_MONTH, parsed("2024-02-29"));

    assert_int_equal(leap, gh_period_number(GH_PERIOD_MONTH,
                                            parsed("2024-02-01T00:00:00Z")));
    assert_int_equal(gh_period_end(GH_PERIOD_MONTH, leap),
                     parsed("2024-03-01"));
    assert_int_equal(
        gh_period_end(
            GH_PERIOD_MONTH,
            gh_period_number(GH_PERIOD_MONTH, parsed("2026-12-31T23:59:59Z"))),
        parsed("2027-01-01"));
}


static void
clocks_outside_the_calendar_count_in_its_first_or_last_period(void **state)
{
    (void) state;

    assert_int_equal(gh_period_number(GH_PERIOD_DAY, INT64_MIN), 0);
    assert_int_equal(gh_period_number(GH_PERIOD_MONTH, -1), GH_PERIOD_MONTHS);
    assert_int_equal(gh_period_number(GH_PERIOD_MONTH, INT64_MAX),
                     gh_period_number(GH_PERIOD_MONTH, GH_TIME_MAX_S));
    assert_true(gh_period_number(GH_PERIOD_DAY, INT64_MAX) < GH_PERIOD_MONTHS);
}


static void
spans_are_read_in_their_unit(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        int64_t s;
    } good[] = {
        { "90s", 90 },    { "30m", 1800 }, { "2h", 7200 },
        { "7d", 604800 }, { "15", 15 },    { "0", 0 },
        { "0d", 0 },      { "007", 7 },    { "253402300799", GH_TIME_MAX_S }
    };
    static const char *bad[] = { "",    "s",   "1.5h", "-1s", "+1s",
                                 " 1s", "1 s", "1w",   "1ms", "1S" };
    int64_t s = 77;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(gh_duration_parse(gh_str(good[i].text), &s), GH_OK);
        assert_int_equal(s, good[i].s);
    }

    s = 77;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(gh_duration_parse(gh_str(bad[i]), &s), GH_INVALID);
    }

    assert_int_equal(gh_duration_parse(GH_STR("253402300800"), &s),
                     GH_TOO_LONG);
    assert_int_equal(gh_duration_parse(GH_STR("2932897d"), &s), GH_TOO_LONG);
    assert_int_equal(gh_duration_parse(GH_STR("99999999999999999999999d"), &s),
                     GH_TOO_LONG);
    assert_int_equal(s, 77);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_rfc_3339_are_read),
        cmocka_unit_test(a_date_alone_is_midnight),
        cmocka_unit_test(offsets_are_applied),
        cmocka_unit_test(small_letters_and_long_fractions_are_the_same_time),
        cmocka_unit_test(a_leap_second_is_only_at_the_end_of_a_month),
        cmocka_unit_test(days_that_no_calendar_has_are_refused),
        cmocka_unit_test(other_texts_are_no_time),
        cmocka_unit_test(every_day_until_9999_is_written_and_read_back),
        cmocka_unit_test(http_dates_are_in_the_form_of_rfc_9110),
        cmocka_unit_test(
            times_outside_the_range_and_full_buffers_write_nothing),
        cmocka_unit_test(periods_touch_and_never_overlap),
        cmocka_unit_test(a_month_ends_with_its_last_second),
        cmocka_unit_test(
            clocks_outside_the_calendar_count_in_its_first_or_last_period),
        cmocka_unit_test(spans_are_read_in_their_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
