/*
 * Rates: how many pass, when the next may come, and that the promised bound
 * holds for every window, whatever schedule, clock and number of threads.
 */

#include "gh_test.h"

#include "gh_limit.h"

#include <pthread.h>
#include <stdlib.h>

#define T0 (UINT64_C(5000) * GH_NS_PER_S)
#define MS UINT64_C(1000000)
#define THREADS 8


/* One accepted request: when, by its caller's clock, and how much. */
typedef struct {
    uint64_t at_ns, cost;
} accepted_t;


static uint64_t
random64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);

    return z ^ (z >> 31);
}


static gh_limit_t
limit_of(const char *text)
{
    gh_limit_t limit;
    const char *message;

    assert_int_equal(gh_limit_parse(gh_str(text), &limit, &message), GH_OK);

    return limit;
}


static void
third_request_in_one_instant_waits_half_a_second(void **state)
{
    (void) state;
    gh_limit_t silver = limit_of("2r/s");
    gh_gcra_cell_t alice = 0;
    gh_limit_state_t s;

    assert_int_equal(gh_gcra_take(&alice, &silver, T0, 1, &s), GH_OK);
    assert_int_equal(s.remaining, 1);
    assert_int_equal(s.reset_ns, 500 * MS);
    assert_int_equal(s.retry_ns, 0);
    assert_int_equal(gh_gcra_take(&alice, &silver, T0, 1, &s), GH_OK);
    assert_int_equal(s.remaining, 0);
    assert_int_equal(s.reset_ns, 1000 * MS);
    assert_int_equal(gh_gcra_take(&alice, &silver, T0, 1, &s), GH_DENIED);
    assert_int_equal(s.remaining, 0);
    assert_int_equal(s.reset_ns, 1000 * MS);
    assert_int_equal(s.retry_ns, 500 * MS);
}


static void
retry_is_the_first_instant_that_passes(void **state)
{
    (void) state;
    gh_limit_t limit = limit_of("7r/m burst=3");
    gh_gcra_cell_t cell = 0;
    gh_limit_state_t s;

    for (uint64_t cost = 1; cost <= 3; cost++) {
        uint64_t now_ns = T0;

        while (gh_gcra_take(&cell, &limit, now_ns, cost, &s) == GH_OK) {
        }

        now_ns += s.retry_ns;
        assert_int_equal(gh_gcra_take(&cell, &limit, now_ns - 1, cost, &s),
                         GH_DENIED);
        assert_int_equal(s.retry_ns, 1);
        assert_int_equal(gh_gcra_take(&cell, &limit, now_ns, cost, &s), GH_OK);
        cell = 0;
    }
}


static void
a_refusal_charges_nothing(void **state)
{
    (void) state;
    gh_limit_t limit = limit_of("10r/s");
    gh_gcra_cell_t cell = 0;

    assert_int_equal(gh_gcra_take(&cell, &limit, T0, 8, NULL), GH_OK);

    uint64_t before = cell;

    assert_int_equal(gh_gcra_take(&cell, &limit, T0, 3, NULL), GH_DENIED);
    assert_int_equal(cell, before);
    assert_int_equal(gh_gcra_take(&cell, &limit, T0, 2, NULL), GH_OK);
}


static void
more_than_the_burst_never_passes(void **state)
{
    (void) state;
    gh_limit_t limit = limit_of("10r/s burst=4");
    gh_gcra_cell_t cell = 0;
    gh_limit_state_t s;

    assert_int_equal(gh_gcra_take(&cell, &limit, T0, 5, &s), GH_DENIED);
    assert_int_equal(s.retry_ns, UINT64_MAX);
    assert_int_equal(s.remaining, 4);
    assert_int_equal(gh_gcra_take(&cell, &limit, T0, UINT64_MAX, &s),
                     GH_DENIED);
    assert_int_equal(s.retry_ns, UINT64_MAX);
    assert_int_equal(cell, 0);
}


static void
a_limit_that_was_never_parsed_refuses(void **state)
{
    (void) state;
    gh_limit_t nothing = { 0 };
    gh_gcra_cell_t cell = 0;
    gh_limit_state_t s;

    assert_int_equal(gh_gcra_take(&cell, &nothing, T0, 1, &s), GH_DENIED);
    nothing.burst = 1;
    assert_int_equal(gh_gcra_take(&cell, &nothing, T0, 1, &s), GH_DENIED);
    assert_int_equal(s.remaining, 0);
}


static void
looking_tells_the_same_and_takes_nothing(void **state)
{
    (void) state;
    gh_limit_t limit = limit_of("3r/s burst=5");
    uint64_t seed = 4;
    gh_gcra_cell_t cell = 0;
    uint64_t now_ns = T0;

    for (int i = 0; i < 10000; i++) {
        gh_limit_state_t seen, got;
        uint64_t cost = random64(&seed) % 7;
        uint64_t before = cell;

        now_ns += random64(&seed) % (700 * MS);

        gh_rc_t rc = gh_gcra_peek(&cell, &limit, now_ns, cost, &seen);

        assert_int_equal(cell, before);
        assert_int_equal(gh_gcra_take(&cell, &limit, now_ns, cost, &got), rc);
        assert_int_equal(seen.remaining, got.remaining + (rc ? 0 : cost));
        assert_int_equal(seen.retry_ns, got.retry_ns);
        assert_int_equal(gh_gcra_peek(&cell, &limit, now_ns, cost, NULL),
                         got.remaining >= cost ? GH_OK : GH_DENIED);
    }
}


static void
an_idle_bucket_is_full_and_not_fuller(void **state)
{
    (void) state;
    gh_limit_t limit = limit_of("100r/s burst=3");
    gh_gcra_cell_t cell = 0;
    gh_limit_state_t s;

    assert_int_equal(gh_gcra_take(&cell, &limit, T0, 3, NULL), GH_OK);
    assert_int_equal(
        gh_gcra_peek(&cell, &limit, T0 + 3600 * GH_NS_PER_S, 1, &s), GH_OK);
    assert_int_equal(s.remaining, 3);
    assert_int_equal(s.reset_ns, 0);
}


/*
 * The claim of the header: costs accepted by clocks in [a, b] add up to at
 * most burst + (b - a) / interval. Every window that begins and ends with an
 * accepted request is looked at; no other can be worse.
 */
static void
assert_bound(accepted_t *list, size_t n, const gh_limit_t *limit)
{
    /* schedules step back only a little: insertion sort */
    for (size_t i = 1; i < n; i++) {
        accepted_t x = list[i];
        size_t j = i;

        for (; j > 0 && list[j - 1].at_ns > x.at_ns; j--) {
            list[j] = list[j - 1];
        }

        list[j] = x;
    }

    for (size_t from = 0; from < n; from++) {
        uint64_t sum = 0;

        for (size_t to = from; to < n; to++) {
            uint64_t window_ns = list[to].at_ns - list[from].at_ns;
            uint64_t allowed = limit->burst + window_ns / limit->interval_ns;

            sum += list[to].cost;

            if (sum > allowed) {
                fail_msg("%ju in %ju ns, allowed are %ju", (uintmax_t) sum,
                         (uintmax_t) window_ns, (uintmax_t) allowed);
            }
        }
    }
}


/* Requests of random costs at random instants; some clocks are late. */
static void
run_schedule(const gh_limit_t *limit, uint64_t seed, bool give_back)
{
    enum {
        REQUESTS = 1500
    };
    static accepted_t accepted[REQUESTS];
    gh_gcra_cell_t cell = 0;
    uint64_t now_ns = T0;
    size_t n = 0;

    for (int i = 0; i < REQUESTS; i++) {
        uint64_t r = random64(&seed);
        uint64_t cost = r % 8 == 0 ? 1 + (r >> 8) % limit->burst : 1;
        uint64_t late_ns = r % 4 == 0 ? (r >> 16) % (GH_GCRA_SKEW_NS / 2) : 0;
        uint64_t pause_ns = (r >> 3) % (2 * limit->interval_ns);

        switch (r >> 60) { /* bursts, steps, the odd long pause */
        case 0:
            pause_ns = limit->burst * limit->interval_ns / 2;
            break;

        case 1:
        case 2:
        case 3:
        case 4:
            break;

        default:
            pause_ns = 0;
        }

        now_ns += pause_ns;

        if (gh_gcra_take(&cell, limit, now_ns - late_ns, cost, NULL) != GH_OK)
        {
            continue;
        }

        if (give_back && r % 3 == 0) {
            uint64_t held_ns =
                late_ns + (r >> 20) % (2 * cost * limit->interval_ns);

            now_ns += held_ns - late_ns;
            gh_gcra_give_back(&cell, limit, cost, held_ns);
            continue;
        }

        accepted[n++] = (accepted_t){ now_ns - late_ns, cost };
    }

    assert_true(n > REQUESTS / 100);
    assert_bound(accepted, n, limit);
}


static const char *schedule_limits[] = {
    "1r/s",         "2r/s burst=1", "100r/s burst=20",
    "3r/s burst=7", "7r/m",         "999r/m burst=13",
    "5000r/h",      "1r/h",         "9999991r/s burst=3",
    "333333r/s"
};


static void
no_window_of_any_schedule_gets_more_than_promised(void **state)
{
    (void) state;

    for (size_t l = 0; l < sizeof(schedule_limits) / sizeof(char *); l++) {
        gh_limit_t limit = limit_of(schedule_limits[l]);

        for (uint64_t seed = 1; seed <= 10; seed++) {
            run_schedule(&limit, seed, false);
        }
    }
}


static void
what_is_given_back_does_not_loosen_the_bound(void **state)
{
    (void) state;

    for (size_t l = 0; l < sizeof(schedule_limits) / sizeof(char *); l++) {
        gh_limit_t limit = limit_of(schedule_limits[l]);

        for (uint64_t seed = 100; seed <= 105; seed++) {
            run_schedule(&limit, seed, true);
        }
    }
}


static void
the_rate_is_served_to_99_percent_and_never_exceeded(void **state)
{
    (void) state;
    static const char *limits[] = { "1r/s",        "3r/s",         "100r/s",
                                    "9900991r/s",  "10000000r/s",  "7r/m",
                                    "59999999r/m", "100000000r/h", "13r/h" };

    for (size_t l = 0; l < sizeof(limits) / sizeof(char *); l++) {
        gh_limit_t limit = limit_of(limits[l]);
        uint64_t span_ns = limit.unit_s * GH_NS_PER_S;

        /* what a caller who never rests gets in a unit, after the burst */
        uint64_t served = span_ns / limit.interval_ns;

        assert_true(served <= limit.amount);
        assert_true(served >= limit.amount / 100 * 99);
        assert_true((served + 1) * 100 >= limit.amount * 99);
    }
}


static void
a_caller_who_never_rests_gets_the_whole_rate(void **state)
{
    (void) state;
    gh_limit_t limit = limit_of("100r/s burst=20");
    gh_gcra_cell_t cell = 0;
    unsigned served = 0;

    for (uint64_t ms = 0; ms <= 20000; ms++) {
        served += gh_gcra_take(&cell, &limit, T0 + ms * MS, 1, NULL) == GH_OK;
    }

    assert_int_equal(served, 20 + 20 * 100);
}


static void
a_clock_that_jumped_ahead_locks_nobody_out(void **state)
{
    (void) state;
    gh_limit_t limit = limit_of("10r/s burst=5");
    gh_gcra_cell_t cell = 0;
    gh_limit_state_t s;
    uint64_t day_ns = 86400 * GH_NS_PER_S;

    /* once a day ahead, then right again: the bucket is empty, not locked */
    assert_int_equal(gh_gcra_take(&cell, &limit, T0 + day_ns, 1, NULL), GH_OK);
    assert_int_equal(gh_gcra_take(&cell, &limit, T0, 1, &s), GH_DENIED);
    assert_int_equal(s.retry_ns, 100 * MS);
    assert_int_equal(gh_gcra_take(&cell, &limit, T0 + s.retry_ns, 1, &s),
                     GH_OK);
    assert_int_equal(gh_gcra_take(&cell, &limit, T0 + 500 * MS, 5, NULL),
                     GH_DENIED);
}


static void
a_torn_or_foreign_word_becomes_an_empty_bucket(void **state)
{
    (void) state;
    gh_limit_t limit = limit_of("10r/s burst=5");
    static const uint64_t words[] = { UINT64_MAX, UINT64_MAX - 1,
                                      UINT64_C(1) << 63, T0 * 1000 };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        gh_gcra_cell_t cell = words[i];

        assert_int_equal(gh_gcra_take(&cell, &limit, T0, 1, NULL), GH_DENIED);
        assert_int_equal(gh_gcra_take(&cell, &limit, T0 + 100 * MS, 1, NULL),
                         GH_OK);
        assert_int_equal(gh_gcra_take(&cell, &limit, T0 + 100 * MS, 1, NULL),
                         GH_DENIED);
    }
}


static void
a_stopped_caller_who_wakes_up_late_resets_nothing(void **state)
{
    (void) state;
    gh_limit_t limit = limit_of("1000r/s burst=10");
    gh_gcra_cell_t cell = 0;
    uint64_t later_ns = T0 + GH_GCRA_SKEW_NS;

    assert_int_equal(gh_gcra_take(&cell, &limit, later_ns, 10, NULL), GH_OK);

    /* it read its clock long ago */
    assert_int_equal(gh_gcra_take(&cell, &limit, T0, 1, NULL), GH_DENIED);
    assert_int_equal(gh_gcra_take(&cell, &limit, later_ns, 1, NULL),
                     GH_DENIED);
}


static void
a_limit_made_smaller_is_in_force_from_an_empty_bucket(void **state)
{
    (void) state;
    gh_limit_t slow = limit_of("10r/h");
    gh_limit_t quick = limit_of("100r/s");
    gh_gcra_cell_t cell = 0;
    gh_limit_state_t s;

    assert_int_equal(gh_gcra_take(&cell, &slow, T0, 10, NULL), GH_OK);
    assert_int_equal(gh_gcra_take(&cell, &quick, T0, 1, &s), GH_DENIED);
    assert_int_equal(s.retry_ns, 10 * MS);
}


static void
what_is_given_back_can_be_taken_again_at_once(void **state)
{
    (void) state;
    gh_limit_t limit = limit_of("10r/s burst=5");
    gh_gcra_cell_t cell = 0;

    assert_int_equal(gh_gcra_take(&cell, &limit, T0, 5, NULL), GH_OK);
    gh_gcra_give_back(&cell, &limit, 2, 0);
    assert_int_equal(gh_gcra_take(&cell, &limit, T0, 3, NULL), GH_DENIED);
    assert_int_equal(gh_gcra_take(&cell, &limit, T0, 2, NULL), GH_OK);
    assert_int_equal(gh_gcra_take(&cell, &limit, T0, 1, NULL), GH_DENIED);
}


static void
what_came_back_by_itself_is_not_given_twice(void **state)
{
    (void) state;
    gh_limit_t limit = limit_of("10r/s burst=1");
    gh_gcra_cell_t cell = 0;

    /* held for a whole interval, in which somebody else took it */
    assert_int_equal(gh_gcra_take(&cell, &limit, T0, 1, NULL), GH_OK);
    assert_int_equal(gh_gcra_take(&cell, &limit, T0 + 100 * MS, 1, NULL),
                     GH_OK);
    gh_gcra_give_back(&cell, &limit, 1, 100 * MS);
    assert_int_equal(gh_gcra_take(&cell, &limit, T0 + 100 * MS, 1, NULL),
                     GH_DENIED);

    cell = 0;
    gh_gcra_give_back(&cell, &limit, 1, 0); /* to a bucket given away */
    assert_int_equal(cell, 0);
}


static void
a_word_is_idle_when_every_clock_has_passed_it(void **state)
{
    (void) state;

    assert_true(gh_gcra_idle(0, 0));
    assert_true(gh_gcra_idle(T0, T0 + GH_GCRA_SKEW_NS));
    assert_false(gh_gcra_idle(T0, T0 + GH_GCRA_SKEW_NS - 1));
    assert_false(gh_gcra_idle(T0, T0));
    assert_false(gh_gcra_idle(UINT64_MAX - 1, T0));
}


typedef struct {
    gh_gcra_cell_t *cell;
    const gh_limit_t *limit;
    uint64_t seed;
    bool advance;
    uint64_t took;
    accepted_t *accepted; /* per thread, room for all it asks */
    _Atomic uint64_t *clock;
} worker_t;


enum {
    ASKS = 20000
};


static void *
work(void *data)
{
    worker_t *w = data;

    for (int i = 0; i < ASKS; i++) {
        uint64_t now_ns = w->advance ? atomic_fetch_add(w->clock, 1000) : T0;

        if (gh_gcra_take(w->cell, w->limit, now_ns, 1, NULL) == GH_OK) {
            w->accepted[w->took++] = (accepted_t){ now_ns, 1 };
        }
    }

    return NULL;
}


/* Everybody's accepted requests, in `all`. */
static size_t
run_threads(const gh_limit_t *limit, bool advance, accepted_t *all)
{
    gh_gcra_cell_t cell = 0;
    _Atomic uint64_t clock = T0;
    worker_t workers[THREADS];
    pthread_t threads[THREADS];
    size_t n = 0;

    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker_t){ .cell = &cell,
                                 .limit = limit,
                                 .advance = advance,
                                 .clock = &clock,
                                 .accepted = malloc(ASKS * sizeof(*all)) };
        assert_non_null(workers[i].accepted);
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]),
                         0);
    }

    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        memcpy(all + n, workers[i].accepted, workers[i].took * sizeof(*all));
        n += workers[i].took;
        free(workers[i].accepted);
    }

    return n;
}


static int
by_time(const void *a, const void *b)
{
    uint64_t x = ((const accepted_t *) a)->at_ns;
    uint64_t y = ((const accepted_t *) b)->at_ns;

    return x < y ? -1 : x > y;
}


static void
eight_threads_in_one_instant_get_exactly_the_burst(void **state)
{
    (void) state;
    gh_limit_t limit = limit_of("100r/s burst=77777");
    accepted_t *all = malloc(THREADS * ASKS * sizeof(*all));

    assert_non_null(all);
    assert_int_equal(run_threads(&limit, false, all), 77777);
    free(all);
}


static void
eight_threads_on_a_running_clock_hold_the_bound(void **state)
{
    (void) state;
    gh_limit_t limit = limit_of("40000r/s burst=500");
    accepted_t *all = malloc(THREADS * ASKS * sizeof(*all));

    assert_non_null(all);

    size_t n = run_threads(&limit, true, all);
    uint64_t span_ns = (THREADS * ASKS - 1) * UINT64_C(1000);

    /* the windows of a sample: all of them would be some 10^7 */
    qsort(all, n, sizeof(*all), by_time);
    assert_true(n <= 500 + span_ns / limit.interval_ns);
    assert_true(n >= (500 + span_ns / limit.interval_ns) * 99 / 100);

    for (size_t at = 0; at + 700 <= n; at += 350) {
        assert_bound(all + at, 700, &limit);
    }

    free(all);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(third_request_in_one_instant_waits_half_a_second),
        cmocka_unit_test(retry_is_the_first_instant_that_passes),
        cmocka_unit_test(a_refusal_charges_nothing),
        cmocka_unit_test(more_than_the_burst_never_passes),
        cmocka_unit_test(a_limit_that_was_never_parsed_refuses),
        cmocka_unit_test(looking_tells_the_same_and_takes_nothing),
        cmocka_unit_test(an_idle_bucket_is_full_and_not_fuller),
        cmocka_unit_test(no_window_of_any_schedule_gets_more_than_promised),
        cmocka_unit_test(what_is_given_back_does_not_loosen_the_bound),
        cmocka_unit_test(the_rate_is_served_to_99_percent_and_never_exceeded),
        cmocka_unit_test(a_caller_who_never_rests_gets_the_whole_rate),
        cmocka_unit_test(a_clock_that_jumped_ahead_locks_nobody_out),
        cmocka_unit_test(a_torn_or_foreign_word_becomes_an_empty_bucket),
        cmocka_unit_test(a_stopped_caller_who_wakes_up_late_resets_nothing),
        cmocka_unit_test(
            a_limit_made_smaller_is_in_force_from_an_empty_bucket),
        cmocka_unit_test(what_is_given_back_can_be_taken_again_at_once),
        cmocka_unit_test(what_came_back_by_itself_is_not_given_twice),
        cmocka_unit_test(a_word_is_idle_when_every_clock_has_passed_it),
        cmocka_unit_test(eight_threads_in_one_instant_get_exactly_the_burst),
        cmocka_unit_test(eight_threads_on_a_running_clock_hold_the_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
