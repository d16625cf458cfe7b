/*
 * Quotas: reservations are spent to the last request and never beyond, by
 * any number of threads; periods do not mix.
 */

#include "gh_test.h"

#include "gh_limit.h"

#include <pthread.h>

#define THREADS 8
#define JUNE (GH_PERIOD_MONTHS + 677) /* of 2026 */
#define JULY (JUNE + 1)


static const gh_limit_t monthly = { .kind = GH_LIMIT_QUOTA,
                                    .period = GH_PERIOD_MONTH,
                                    .amount = 4000,
                                    .unit_s = 2592000 };


static void
nothing_is_taken_before_something_is_reserved(void **state)
{
    (void) state;
    gh_quota_cell_t cell = 0;
    uint64_t left = 77;

    assert_int_equal(gh_quota_take(&cell, &monthly, JUNE, 1, &left),
                     GH_QUOTA_EMPTY);
    assert_int_equal(left, 0);
    assert_int_equal(cell, 0);
}


static void
a_reservation_is_spent_to_the_last_request(void **state)
{
    (void) state;
    gh_quota_cell_t cell = 0;
    uint64_t left;

    assert_int_equal(gh_quota_reservation(&monthly), 40);
    gh_quota_grant(&cell, JUNE, 40);

    for (uint64_t i = 1; i <= 40; i++) {
        /* the last quarter asks for more in time */
        assert_int_equal(gh_quota_take(&cell, &monthly, JUNE, 1, &left),
                         i <= 30 ? GH_QUOTA_TAKEN : GH_QUOTA_LOW);
        assert_int_equal(left, 40 - i);
    }

    assert_int_equal(gh_quota_take(&cell, &monthly, JUNE, 1, &left),
                     GH_QUOTA_EMPTY);
}


static void
a_second_reservation_adds_to_the_first(void **state)
{
    (void) state;
    gh_quota_cell_t cell = 0;
    uint64_t left;

    gh_quota_grant(&cell, JUNE, 40);
    gh_quota_take(&cell, &monthly, JUNE, 35, &left);
    gh_quota_grant(&cell, JUNE, 40);
    assert_int_equal(gh_quota_take(&cell, &monthly, JUNE, 1, &left),
                     GH_QUOTA_TAKEN);
    assert_int_equal(left, 44);
}


static void
a_cost_is_taken_whole_or_not_at_all(void **state)
{
    (void) state;
    gh_quota_cell_t cell = 0;
    uint64_t left;

    gh_quota_grant(&cell, JUNE, 40);
    assert_int_equal(gh_quota_take(&cell, &monthly, JUNE, 41, &left),
                     GH_QUOTA_EMPTY);
    assert_int_equal(left, 40);
    assert_int_equal(gh_quota_take(&cell, &monthly, JUNE, 40, &left),
                     GH_QUOTA_LOW);
    assert_int_equal(left, 0);
}


static void
an_exhausted_period_spends_what_is_left_and_then_refuses(void **state)
{
    (void) state;
    gh_quota_cell_t cell = 0;
    uint64_t left;

    gh_quota_grant(&cell, JUNE, 2);
    gh_quota_grant(&cell, JUNE, 0); /* the store has no more */
    assert_int_equal(gh_quota_take(&cell, &monthly, JUNE, 1, &left),
                     GH_QUOTA_TAKEN); /* not LOW: asking is no use */
    assert_int_equal(gh_quota_take(&cell, &monthly, JUNE, 2, &left),
                     GH_QUOTA_EXHAUSTED);
    assert_int_equal(left, 1);
    assert_int_equal(gh_quota_take(&cell, &monthly, JUNE, 1, &left),
                     GH_QUOTA_TAKEN);
    assert_int_equal(gh_quota_take(&cell, &monthly, JUNE, 1, &left),
                     GH_QUOTA_EXHAUSTED);

    /* the operator raised the amount, or a late answer had some */
    gh_quota_grant(&cell, JUNE, 5);
    assert_int_equal(gh_quota_take(&cell, &monthly, JUNE, 5, &left),
                     GH_QUOTA_LOW);
}


static void
a_new_month_starts_empty_whatever_was_left(void **state)
{
    (void) state;
    gh_quota_cell_t cell = 0;
    uint64_t left = 77;

    gh_quota_grant(&cell, JUNE, 40);
    assert_int_equal(gh_quota_take(&cell, &monthly, JULY, 1, &left),
                     GH_QUOTA_EMPTY);
    assert_int_equal(left, 0);
    gh_quota_grant(&cell, JUNE, 0);
    assert_int_equal(gh_quota_take(&cell, &monthly, JULY, 1, &left),
                     GH_QUOTA_EMPTY); /* June is exhausted, July is not */
    gh_quota_grant(&cell, JULY, 10);
    assert_int_equal(gh_quota_take(&cell, &monthly, JULY, 10, &left),
                     GH_QUOTA_LOW);
    assert_int_equal(left, 0);
}


static void
a_grant_for_an_old_period_is_ignored(void **state)
{
    (void) state;
    gh_quota_cell_t cell = 0;
    uint64_t left;

    gh_quota_grant(&cell, JULY, 10);

    uint64_t before = cell;

    gh_quota_grant(&cell, JUNE, 40);
    gh_quota_grant(&cell, JUNE, 0);
    assert_int_equal(cell, before);

    /* nor does it serve July when July has nothing left */
    gh_quota_take(&cell, &monthly, JULY, 10, &left);
    gh_quota_grant(&cell, JUNE, 40);
    assert_int_equal(gh_quota_take(&cell, &monthly, JULY, 1, &left),
                     GH_QUOTA_EMPTY);
}


static void
a_late_clock_spends_from_the_new_period(void **state)
{
    (void) state;
    gh_quota_cell_t cell = 0;
    uint64_t left;

    gh_quota_grant(&cell, JULY, 40);
    assert_int_equal(gh_quota_take(&cell, &monthly, JUNE, 4, &left),
                     GH_QUOTA_TAKEN);
    assert_int_equal(left, 36);
    assert_int_equal(gh_quota_take(&cell, &monthly, JULY, 36, &left),
                     GH_QUOTA_LOW);
}


static void
a_clock_that_was_a_period_ahead_locks_nobody_out(void **state)
{
    (void) state;
    gh_quota_cell_t cell = 0;
    uint64_t left;

    /* July was granted, and used up, by a clock that was wrong */
    gh_quota_grant(&cell, JULY, 1);
    gh_quota_grant(&cell, JULY, 0);
    gh_quota_take(&cell, &monthly, JULY, 1, &left);
    assert_int_equal(gh_quota_take(&cell, &monthly, JUNE, 1, &left),
                     GH_QUOTA_EMPTY); /* not exhausted: ask for June */
    gh_quota_grant(&cell, JUNE, 40);
    assert_int_equal(gh_quota_take(&cell, &monthly, JUNE, 1, &left),
                     GH_QUOTA_TAKEN);
}


static void
a_huge_grant_does_not_spill_into_the_period(void **state)
{
    (void) state;
    gh_quota_cell_t cell = 0;
    uint64_t left;

    gh_quota_grant(&cell, JUNE, UINT64_MAX);
    gh_quota_grant(&cell, JUNE, UINT64_MAX);
    gh_quota_grant(&cell, JUNE, 1);
    assert_int_equal(gh_quota_take(&cell, &monthly, JUNE, 1, &left),
                     GH_QUOTA_TAKEN);
    assert_true(left >= GH_QUOTA_MAX);
    assert_int_equal(cell >> 40, JUNE);

    /* never the value that cells reserve */
    gh_quota_grant(&cell, UINT32_C(0xffffff), UINT64_MAX);
    gh_quota_grant(&cell, UINT32_C(0xffffff), 0);
    assert_true(cell != UINT64_MAX);
}


static void
reservations_are_a_hundredth_and_at_most_a_thousand(void **state)
{
    (void) state;
    static const uint64_t pairs[][2] = { { 1, 1 },         { 99, 1 },
                                         { 100, 1 },       { 250, 2 },
                                         { 99999, 999 },   { 100000, 1000 },
                                         { 1000000, 1000 } };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        gh_limit_t limit = { .kind = GH_LIMIT_QUOTA, .amount = pairs[i][0] };

        assert_int_equal(gh_quota_reservation(&limit), pairs[i][1]);
    }
}


static void
a_word_is_idle_when_its_period_is_over_or_it_holds_nothing(void **state)
{
    (void) state;
    uint64_t june_ns = UINT64_C(1781000000) * GH_NS_PER_S; /* 9 June 2026 */
    uint64_t july_ns = UINT64_C(1783000000) * GH_NS_PER_S;
    uint32_t day = gh_period_number(GH_PERIOD_DAY, 1781000000);

    assert_true(gh_quota_idle(0, june_ns));
    assert_false(gh_quota_idle(gh_quota_grant_step(0, JUNE, 1), june_ns));
    assert_false(gh_quota_idle(gh_quota_grant_step(0, JUNE, 0), june_ns));
    assert_true(gh_quota_idle(gh_quota_grant_step(0, JUNE, 1), july_ns));
    assert_true(gh_quota_idle(gh_quota_grant_step(0, JUNE, 0), july_ns));
    assert_false(gh_quota_idle(gh_quota_grant_step(0, JULY, 1), june_ns));

    /* days and months side by side */
    assert_false(gh_quota_idle(gh_quota_grant_step(0, day, 1), june_ns));
    assert_true(gh_quota_idle(gh_quota_grant_step(0, day - 1, 1), june_ns));
}


typedef struct {
    gh_quota_cell_t *cell;
    _Atomic uint64_t *store; /* what the store still has for the period */
    uint64_t took;
} worker_t;


/* As the gateway does: takes, and asks the store when it must or should. */
static void *
work(void *data)
{
    worker_t *w = data;

    for (;;) {
        uint64_t left;
        gh_quota_verdict_t v =
            gh_quota_take(w->cell, &monthly, JUNE, 1, &left);

        w->took += v == GH_QUOTA_TAKEN || v == GH_QUOTA_LOW;

        if (v == GH_QUOTA_EXHAUSTED) {
            return NULL;
        }

        if (v != GH_QUOTA_TAKEN) {
            uint64_t has = atomic_load(w->store), granted;

            do {
                granted = has < 40 ? has : 40;
            } while (
                !atomic_compare_exchange_weak(w->store, &has, has - granted));

            gh_quota_grant(w->cell, JUNE, granted);
        }
    }
}


static void
eight_threads_spend_exactly_the_amount(void **state)
{
    (void) state;
    gh_quota_cell_t cell = 0;
    _Atomic uint64_t store = 200001;
    worker_t workers[THREADS];
    pthread_t threads[THREADS];
    uint64_t took = 0, left;

    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker_t){ &cell, &store, 0 };
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]),
                         0);
    }

    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        took += workers[i].took;
    }

    /* a grant may have come in after everybody had gone */
    while (gh_quota_take(&cell, &monthly, JUNE, 1, &left) <= GH_QUOTA_LOW) {
        took++;
    }

    assert_int_equal(atomic_load(&store), 0);
    assert_int_equal(took, 200001);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_taken_before_something_is_reserved),
        cmocka_unit_test(a_reservation_is_spent_to_the_last_request),
        cmocka_unit_test(a_second_reservation_adds_to_the_first),
        cmocka_unit_test(a_cost_is_taken_whole_or_not_at_all),
        cmocka_unit_test(
            an_exhausted_period_spends_what_is_left_and_then_refuses),
        cmocka_unit_test(a_new_month_starts_empty_whatever_was_left),
        cmocka_unit_test(a_grant_for_an_old_period_is_ignored),
        cmocka_unit_test(a_late_clock_spends_from_the_new_period),
        cmocka_unit_test(a_clock_that_was_a_period_ahead_locks_nobody_out),
        cmocka_unit_test(a_huge_grant_does_not_spill_into_the_period),
        cmocka_unit_test(reservations_are_a_hundredth_and_at_most_a_thousand),
        cmocka_unit_test(
            a_word_is_idle_when_its_period_is_over_or_it_holds_nothing),
        cmocka_unit_test(eight_threads_spend_exactly_the_amount),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
