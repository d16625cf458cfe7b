/*
 * When a key set is asked for again, by a clock that the story moves.
 */

#include "gh_test.h"

#include "gh_refresh.h"

#define T0 INT64_C(5000000)

static const gh_refresh_rules_t rules = { .refresh_ms = 3600000,
                                          .min_interval_ms = 30000,
                                          .stale_max_ms = 86400000 };


/* Asked for and had at T0, without any spread. */

static gh_refresh_t
fetched_at_t0(void)
{
    gh_refresh_t r = { 0 };

    gh_refresh_begin(&r, T0);
    gh_refresh_succeed(&r, &rules, T0, 360000);

    return r;
}


static void
what_was_never_asked_for_is_due_and_not_usable(void **state)
{
    gh_refresh_t r = { 0 };

    (void) state;

    assert_true(gh_refresh_is_due(&r, 0));
    assert_true(gh_refresh_is_due(&r, T0));
    assert_false(gh_refresh_is_usable(&r, &rules, 0));
    assert_true(gh_refresh_may_ask(&r, &rules, 0));
    assert_false(gh_refresh_is_failing(&r));
}


static void
a_success_is_due_again_after_the_interval(void **state)
{
    gh_refresh_t r = fetched_at_t0();

    (void) state;

    assert_false(gh_refresh_is_due(&r, T0 + rules.refresh_ms - 1));
    assert_true(gh_refresh_is_due(&r, T0 + rules.refresh_ms));
}


static void
the_interval_is_spread_by_a_tenth_both_ways(void **state)
{
    (void) state;

    for (uint64_t random = 0; random < 2000000; random += 997) {
        gh_refresh_t r = { 0 };

        gh_refresh_begin(&r, T0);
        gh_refresh_succeed(&r, &rules, T0, random);
        assert_true(r.due_ms >= T0 + 3240000);
        assert_true(r.due_ms <= T0 + 3960000);
    }
}


static void
a_failure_pauses_longer_each_time_up_to_half_a_minute(void **state)
{
    static const int64_t pauses[] = { 500,  1000,  2000,  4000,
                                      8000, 15000, 15000, 15000 };
    int64_t now = T0;
    gh_refresh_t r = fetched_at_t0();

    (void) state;

    for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
        gh_refresh_begin(&r, now);
        gh_refresh_fail(&r, now, 0);
        assert_true(gh_refresh_is_failing(&r));
        assert_false(gh_refresh_is_due(&r, now + pauses[i] - 1));
        now += pauses[i];
        assert_true(gh_refresh_is_due(&r, now));
    }
}


static void
a_success_after_failures_is_a_success(void **state)
{
    gh_refresh_t r = { 0 };

    (void) state;

    gh_refresh_begin(&r, T0);
    gh_refresh_fail(&r, T0, 0);
    gh_refresh_begin(&r, T0 + 500);
    gh_refresh_succeed(&r, &rules, T0 + 600, 0);

    assert_false(gh_refresh_is_failing(&r));
    assert_false(gh_refresh_is_due(&r, T0 + 60000));
    assert_true(gh_refresh_is_usable(&r, &rules, T0 + 600));
}


static void
failures_do_not_shorten_the_life_of_what_is_there(void **state)
{
    gh_refresh_t r = fetched_at_t0();

    (void) state;

    gh_refresh_begin(&r, T0 + rules.refresh_ms);
    gh_refresh_fail(&r, T0 + rules.refresh_ms, 0);

    assert_true(gh_refresh_is_usable(&r, &rules, T0 + rules.stale_max_ms));
    assert_false(
        gh_refresh_is_usable(&r, &rules, T0 + rules.stale_max_ms + 1));
}


static void
age_counts_from_when_the_answer_was_asked_for(void **state)
{
    gh_refresh_t r = { 0 };

    (void) state;

    gh_refresh_begin(&r, T0);
    gh_refresh_succeed(&r, &rules, T0 + 5000, 0);
    assert_false(
        gh_refresh_is_usable(&r, &rules, T0 + rules.stale_max_ms + 1));
}


static void
outsiders_cause_one_attempt_per_interval_whatever_comes_of_it(void **state)
{
    gh_refresh_t r = fetched_at_t0();

    (void) state;

    gh_refresh_begin_outside(&r, T0 + 1);
    assert_false(gh_refresh_may_ask(&r, &rules, T0 + 2));
    gh_refresh_succeed(&r, &rules, T0 + 1000, 0);
    assert_false(gh_refresh_may_ask(&r, &rules, T0 + 30000));
    assert_true(gh_refresh_may_ask(&r, &rules, T0 + 30001));

    gh_refresh_begin_outside(&r, T0 + 30001);
    gh_refresh_fail(&r, T0 + 31000, 0);
    assert_false(gh_refresh_may_ask(&r, &rules, T0 + 60000));
    assert_true(gh_refresh_may_ask(&r, &rules, T0 + 60001));
}


static void
keys_that_move_right_after_our_own_attempt_may_be_asked_for(void **state)
{
    gh_refresh_t r = fetched_at_t0();

    (void) state;

    assert_true(gh_refresh_may_ask(&r, &rules, T0));

    gh_refresh_begin_outside(&r, T0);
    gh_refresh_succeed(&r, &rules, T0 + 10, 0);

    /* our own next attempt gives outsiders no further one */
    gh_refresh_begin(&r, T0 + 20000);
    gh_refresh_fail(&r, T0 + 20000, 0);
    assert_false(gh_refresh_may_ask(&r, &rules, T0 + 29999));
    assert_true(gh_refresh_may_ask(&r, &rules, T0 + 30000));
}


static void
an_attempt_whose_maker_died_is_due_again(void **state)
{
    gh_refresh_t r = { 0 };

    (void) state;

    gh_refresh_begin(&r, T0);
    assert_false(gh_refresh_is_due(&r, T0 + 29999));
    assert_true(gh_refresh_is_due(&r, T0 + 30000));
}


static void
an_attempt_that_is_known_to_be_lost_is_due_at_once(void **state)
{
    gh_refresh_t r = { 0 };

    (void) state;

    gh_refresh_begin_outside(&r, T0);
    gh_refresh_lapse(&r);
    assert_true(gh_refresh_is_due(&r, T0));
    assert_false(gh_refresh_may_ask(&r, &rules, T0 + 1));
    assert_false(gh_refresh_is_failing(&r));

    /* one that has ended cannot be lost */
    gh_refresh_begin(&r, T0);
    gh_refresh_succeed(&r, &rules, T0, 0);
    gh_refresh_lapse(&r);
    assert_false(gh_refresh_is_due(&r, T0 + 60000));

    gh_refresh_begin(&r, T0 + 60000);
    gh_refresh_fail(&r, T0 + 60000, 0);
    gh_refresh_lapse(&r);
    assert_false(gh_refresh_is_due(&r, T0 + 60001));
}


static void
what_was_restored_has_its_age_and_is_due(void **state)
{
    gh_refresh_t r = { 0 };

    (void) state;

    /* older than this machine is up: the time lies before 0 */
    gh_refresh_restore(&r, 1000, 3600000);
    assert_true(gh_refresh_is_due(&r, 1000));
    assert_true(gh_refresh_is_usable(&r, &rules, 1000));
    assert_false(gh_refresh_is_usable(&r, &rules, 1000 + 82800001));

    /* a clock that went back makes nothing younger than now */
    gh_refresh_restore(&r, T0, -3600000);
    assert_false(
        gh_refresh_is_usable(&r, &rules, T0 + rules.stale_max_ms + 1));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_never_asked_for_is_due_and_not_usable),
        cmocka_unit_test(a_success_is_due_again_after_the_interval),
        cmocka_unit_test(the_interval_is_spread_by_a_tenth_both_ways),
        cmocka_unit_test(
            a_failure_pauses_longer_each_time_up_to_half_a_minute),
        cmocka_unit_test(a_success_after_failures_is_a_success),
        cmocka_unit_test(failures_do_not_shorten_the_life_of_what_is_there),
        cmocka_unit_test(age_counts_from_when_the_answer_was_asked_for),
        cmocka_unit_test(
            outsiders_cause_one_attempt_per_interval_whatever_comes_of_it),
        cmocka_unit_test(
            keys_that_move_right_after_our_own_attempt_may_be_asked_for),
        cmocka_unit_test(an_attempt_whose_maker_died_is_due_again),
        cmocka_unit_test(an_attempt_that_is_known_to_be_lost_is_due_at_once),
        cmocka_unit_test(what_was_restored_has_its_age_and_is_due),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
