/*
 * Histograms: every duration is in the bucket whose bounds hold it, and what
 * is read while somebody writes is consistent.
 */

#include "gh_test.h"

#include "gh_metrics.h"

#include <pthread.h>

#define LAST (GH_HISTOGRAM_BUCKETS - 1)


static void
every_duration_is_in_the_bucket_that_bounds_it(void **state)
{
    (void) state;

    for (uint64_t us = 0; us < UINT64_C(1) << 30; us += 1 + us / 1000) {
        unsigned b = gh_histogram_bucket(us);

        assert_true(b < GH_HISTOGRAM_BUCKETS);
        assert_true(us <= gh_histogram_bound_us(b));
        assert_true(b == 0 || us > gh_histogram_bound_us(b - 1));
    }
}


static void
bounds_are_inclusive_and_quarter_each_power_of_two(void **state)
{
    (void) state;
    static const uint64_t first[] = { 64,  80,  96,  112, 128,
                                      160, 192, 224, 256, 320 };

    for (unsigned b = 0; b < sizeof(first) / sizeof(first[0]); b++) {
        assert_int_equal(gh_histogram_bound_us(b), first[b]);
    }

    for (unsigned b = 0; b < LAST; b++) {
        uint64_t bound = gh_histogram_bound_us(b);

        assert_int_equal(gh_histogram_bucket(bound), b);
        assert_int_equal(gh_histogram_bucket(bound + 1), b + 1);
    }

    assert_int_equal(gh_histogram_bucket(0), 0);
    assert_int_equal(gh_histogram_bound_us(LAST - 1), UINT64_C(1) << 28);
    assert_int_equal(gh_histogram_bucket(UINT64_MAX), LAST);
    assert_int_equal(gh_histogram_bound_us(LAST), UINT64_MAX);
    assert_int_equal(gh_histogram_bound_us(1000), UINT64_MAX);
}


static void
sums_of_slots_are_sums(void **state)
{
    (void) state;
    gh_histogram_t a = { 0 }, b = { 0 }, sum = { 0 };

    gh_histogram_add(&a, 10);
    gh_histogram_add(&a, 1000);
    gh_histogram_add(&b, 1000);
    gh_histogram_add(&b, UINT64_C(1) << 40);
    gh_histogram_merge(&sum, &a);
    gh_histogram_merge(&sum, &b);
    assert_int_equal(sum.count, 4);
    assert_int_equal(sum.sum_us, 2010 + (UINT64_C(1) << 40));
    assert_int_equal(sum.counts[0], 1);
    assert_int_equal(sum.counts[gh_histogram_bucket(1000)], 2);
    assert_int_equal(sum.counts[LAST], 1);
    assert_int_equal(a.count, 2);
}


static void
quantiles_are_bounds_at_most_a_quarter_too_high(void **state)
{
    (void) state;
    gh_histogram_t h = { 0 };

    assert_int_equal(gh_histogram_quantile_us(&h, 50), 0);

    for (uint64_t i = 1; i <= 1000; i++) {
        gh_histogram_add(&h, i * 100);
    }

    for (unsigned percent = 1; percent <= 100; percent++) {
        uint64_t exact = percent * 1000;
        uint64_t told = gh_histogram_quantile_us(&h, percent);

        assert_true(told >= exact);
        assert_true(told <= exact + exact / 4);
    }
}


static void
quantiles_of_one_are_that_one_and_of_giants_the_last_bound(void **state)
{
    (void) state;
    gh_histogram_t h = { 0 };

    gh_histogram_add(&h, 1);
    assert_int_equal(gh_histogram_quantile_us(&h, 1), 64);
    assert_int_equal(gh_histogram_quantile_us(&h, 100), 64);
    gh_histogram_add(&h, UINT64_MAX / 2);
    assert_int_equal(gh_histogram_quantile_us(&h, 50), 64);
    assert_int_equal(gh_histogram_quantile_us(&h, 51), UINT64_C(1) << 28);
    assert_int_equal(gh_histogram_quantile_us(&h, 100), UINT64_C(1) << 28);
}


enum {
    ADDS = 200000
};


static void *
write_durations(void *data)
{
    gh_histogram_t *h = data;

    for (uint64_t i = 0; i < ADDS; i++) {
        gh_histogram_add(h, i * 7 % 100000);
    }

    return NULL;
}


static void
a_reader_sees_only_growing_and_whole_counts(void **state)
{
    (void) state;
    static gh_histogram_t shared;
    pthread_t writer;
    uint64_t last = 0;

    memset(&shared, 0, sizeof(shared));
    assert_int_equal(pthread_create(&writer, NULL, write_durations, &shared),
                     0);

    while (last < ADDS) {
        gh_histogram_t sum = { 0 };
        uint64_t total = 0;

        gh_histogram_merge(&sum, &shared);

        for (unsigned i = 0; i < GH_HISTOGRAM_BUCKETS; i++) {
            total += sum.counts[i];
        }

        assert_int_equal(sum.count, total);
        assert_true(sum.count >= last);
        last = sum.count;
    }

    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_int_equal(last, ADDS);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_duration_is_in_the_bucket_that_bounds_it),
        cmocka_unit_test(bounds_are_inclusive_and_quarter_each_power_of_two),
        cmocka_unit_test(sums_of_slots_are_sums),
        cmocka_unit_test(quantiles_are_bounds_at_most_a_quarter_too_high),
        cmocka_unit_test(
            quantiles_of_one_are_that_one_and_of_giants_the_last_bound),
        cmocka_unit_test(a_reader_sees_only_growing_and_whole_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
