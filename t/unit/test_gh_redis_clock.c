/*
 * What a node makes of the time that Redis tells it: drift is followed, a
 * step forward is told, and a step back is nobody's gain.
 */

#include "gh_test_redis.h"

#define SENT 1000000
#define NOW_THERE UINT64_C(1700000000000000)

/* The step that is found by a beat which was 2 ms under way, sent at SENT. */
static uint64_t
step_at(gh_redis_t *r, uint64_t epoch, int64_t ahead_us)
{
    gh_redis_beat_t beat = { .since_us = 7,
                             .epoch = epoch,
                             .nodes = 1,
                             .now_us = NOW_THERE + (uint64_t) ahead_us,
                             .set_us = 9 };

    return gh_redis_beat_step(r, &beat, SENT, SENT + 2000);
}


static int64_t
clock_of(const gh_redis_t *r)
{
    return r->node.clock_us - ((int64_t) NOW_THERE - SENT);
}


static void
the_first_beat_says_what_time_it_is_at_most(void **state)
{
    gh_redis_t r = { .node = { .epoch = 0 } };

    (void) state;

    assert_int_equal(step_at(&r, 5000, 0), 0);
    assert_int_equal(clock_of(&r), 0);
    assert_int_equal(r.node.since_us, 7);
    assert_int_equal(r.node.epoch, 5000);
    assert_int_equal(r.node.set_us, 9);
}


static void
clocks_that_drift_apart_are_followed(void **state)
{
    gh_redis_t r = { .node = { .epoch = 0 } };

    (void) state;

    assert_int_equal(step_at(&r, 5000, 0), 0);

    /* it may be so: it looked at its clock later than we thought */
    assert_int_equal(step_at(&r, 5000, 2000), 0);
    assert_int_equal(clock_of(&r), 0);

    assert_int_equal(step_at(&r, 5000, 7000), 0);
    assert_int_equal(clock_of(&r), 5000);
    assert_int_equal(step_at(&r, 5000, -1), 0);
    assert_int_equal(clock_of(&r), -1);
}


static void
a_step_forward_is_told_and_not_followed(void **state)
{
    gh_redis_t r = { .node = { .epoch = 0 } };

    (void) state;

    assert_int_equal(step_at(&r, 5000, 0), 0);
    assert_int_equal(step_at(&r, 5001, 7001), 7001);
    assert_int_equal(clock_of(&r), 0);
    assert_int_equal(r.node.epoch, 5000);

    /* as it is told that it was */
    assert_int_equal(step_at(&r, 5001, 0), 0);
    assert_int_equal(clock_of(&r), 0);
    assert_int_equal(r.node.epoch, 5001);
}


static void
a_step_back_is_followed_however_far(void **state)
{
    gh_redis_t r = { .node = { .epoch = 0 } };

    (void) state;

    assert_int_equal(step_at(&r, 5000, 0), 0);
    assert_int_equal(step_at(&r, 5000, -INT64_C(3600000000)), 0);
    assert_int_equal(clock_of(&r), -INT64_C(3600000000));
}


static void
in_another_thousand_of_epochs_it_is_another_time(void **state)
{
    gh_redis_t r = { .node = { .epoch = 0 } };

    (void) state;

    assert_int_equal(step_at(&r, 5999, 0), 0);
    assert_int_equal(step_at(&r, 6000, INT64_C(3600000000)), 0);
    assert_int_equal(clock_of(&r), INT64_C(3600000000));
}


static void
who_is_later_than_his_way_was_long_has_missed_a_step(void **state)
{
    gh_store_lease_t lease = { .sent_ns = SENT * UINT64_C(1000) };
    gh_write_t w = { .rc = GH_OK, .lease = &lease };
    uint64_t answered = lease.sent_ns + 2000000;

    (void) state;

    assert_false(gh_redis_lease_stepped(&w, answered));
    w.version = 7000; /* two on the way, five of drift */
    assert_false(gh_redis_lease_stepped(&w, answered));
    w.version = 7001;
    assert_true(gh_redis_lease_stepped(&w, answered));
    assert_false(gh_redis_lease_stepped(&w, answered + 1000));
    w.rc = GH_CONFLICT;
    assert_false(gh_redis_lease_stepped(&w, answered));
    w.rc = GH_ABSENT;
    w.version = 0;
    assert_true(gh_redis_lease_stepped(&w, answered));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_beat_says_what_time_it_is_at_most),
        cmocka_unit_test(clocks_that_drift_apart_are_followed),
        cmocka_unit_test(a_step_forward_is_told_and_not_followed),
        cmocka_unit_test(a_step_back_is_followed_however_far),
        cmocka_unit_test(in_another_thousand_of_epochs_it_is_another_time),
        cmocka_unit_test(who_is_later_than_his_way_was_long_has_missed_a_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
