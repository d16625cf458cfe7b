/*
 * A circuit breaker by a clock that the story moves.
 */

#include "gh_test.h"

#include "gh_breaker.h"

#define T0 UINT64_C(1000000)


/* Opens b at T0 with the shortest spread: until T0 + half the pause. */

static void
open_at_t0(gh_breaker_t *b)
{
    memset(b, 0, sizeof(*b));

    for (int i = 0; i < GH_BREAKER_FAILURES; i++) {
        assert_true(gh_breaker_admit(b, T0));
        gh_breaker_done(b, false, T0, 0);
    }
}


static void
two_failures_do_not_open_it(void **state)
{
    gh_breaker_t b = { 0 };

    (void) state;

    gh_breaker_done(&b, false, T0, 0);
    gh_breaker_done(&b, false, T0, 0);
    assert_true(gh_breaker_admit(&b, T0));
}


static void
an_answer_between_failures_starts_the_count_again(void **state)
{
    gh_breaker_t b = { 0 };

    (void) state;

    gh_breaker_done(&b, false, T0, 0);
    gh_breaker_done(&b, false, T0, 0);
    gh_breaker_done(&b, true, T0, 0);
    gh_breaker_done(&b, false, T0, 0);
    gh_breaker_done(&b, false, T0, 0);
    assert_true(gh_breaker_admit(&b, T0));
}


static void
three_failures_in_a_row_let_nobody_ask(void **state)
{
    gh_breaker_t b;

    (void) state;

    open_at_t0(&b);
    assert_false(gh_breaker_admit(&b, T0));
    assert_false(gh_breaker_admit(&b, T0 + 499));
}


static void
after_the_pause_one_probe_at_a_time_may_ask(void **state)
{
    gh_breaker_t b;

    (void) state;

    open_at_t0(&b);
    assert_true(gh_breaker_admit(&b, T0 + 500));
    assert_false(gh_breaker_admit(&b, T0 + 501));
    assert_false(gh_breaker_admit(&b, T0 + 60000));
}


static void
a_probe_that_is_answered_closes_it(void **state)
{
    gh_breaker_t b;

    (void) state;

    open_at_t0(&b);
    assert_true(gh_breaker_admit(&b, T0 + 500));
    gh_breaker_done(&b, true, T0 + 600, 0);
    assert_true(gh_breaker_admit(&b, T0 + 600));
    assert_true(gh_breaker_admit(&b, T0 + 600));
}


static void
each_failed_probe_doubles_the_pause_up_to_half_a_minute(void **state)
{
    static const uint64_t halves[] = { 500,  1000,  2000,  4000,
                                       8000, 15000, 15000, 15000 };
    uint64_t now = T0;
    gh_breaker_t b;

    (void) state;

    open_at_t0(&b);

    for (size_t i = 0; i < sizeof(halves) / sizeof(halves[0]); i++) {
        assert_false(gh_breaker_admit(&b, now + halves[i] - 1));
        now += halves[i];
        assert_true(gh_breaker_admit(&b, now));
        gh_breaker_done(&b, false, now, 0);
    }
}


static void
the_spread_stays_between_half_and_all_of_the_pause(void **state)
{
    gh_breaker_t b;

    (void) state;

    for (uint64_t random = 0; random < 5000; random++) {
        memset(&b, 0, sizeof(b));
        gh_breaker_done(&b, false, T0, random);
        gh_breaker_done(&b, false, T0, random);
        gh_breaker_done(&b, false, T0, random);

        assert_true(b.open_until_ms >= T0 + 500);
        assert_true(b.open_until_ms <= T0 + 1000);
    }
}


static void
calls_that_were_under_way_when_it_opened_do_not_lengthen_the_pause(
    void **state)
{
    gh_breaker_t b;

    (void) state;

    open_at_t0(&b);
    gh_breaker_done(&b, false, T0 + 400, 0);
    gh_breaker_done(&b, false, T0 + 450, 0);
    assert_true(gh_breaker_admit(&b, T0 + 500));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_failures_do_not_open_it),
        cmocka_unit_test(an_answer_between_failures_starts_the_count_again),
        cmocka_unit_test(three_failures_in_a_row_let_nobody_ask),
        cmocka_unit_test(after_the_pause_one_probe_at_a_time_may_ask),
        cmocka_unit_test(a_probe_that_is_answered_closes_it),
        cmocka_unit_test(
            each_failed_probe_doubles_the_pause_up_to_half_a_minute),
        cmocka_unit_test(the_spread_stays_between_half_and_all_of_the_pause),
        cmocka_unit_test(
            calls_that_were_under_way_when_it_opened_do_not_lengthen_the_pause),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
