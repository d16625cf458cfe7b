/*
 * The texts a scraper reads, byte for byte.
 */

#include "gh_test.h"

#include "gh_metrics.h"

#include <stdlib.h>


static void
a_family_is_announced_with_its_help_and_type(void **state)
{
    (void) state;
    char room[256];
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_metrics_family("gatehouse_requests_total", "counter",
                                       "Requests \"seen\"\nby \\ us.", &out),
                     GH_OK);
    assert_str(gh_buf_str(&out),
               "# HELP gatehouse_requests_total Requests \"seen\"\\nby \\\\ "
               "us.\n"
               "# TYPE gatehouse_requests_total counter\n");
}


static void
a_sample_is_one_line(void **state)
{
    (void) state;
    gh_label_t labels[] = { { "service", GH_STR("orders") },
                            { "version", GH_STR("") } };
    char room[256];
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_metrics_sample("up", NULL, 0, 1, &out), GH_OK);
    assert_int_equal(gh_metrics_sample("n", labels, 1, UINT64_MAX, &out),
                     GH_OK);
    assert_int_equal(gh_metrics_sample("n", labels, 2, 0, &out), GH_OK);
    assert_str(gh_buf_str(&out), "up 1\n"
                                 "n{service=\"orders\"} 18446744073709551615\n"
                                 "n{service=\"orders\",version=\"\"} 0\n");
}


static void
label_values_cannot_leave_their_quotes(void **state)
{
    (void) state;
    gh_label_t label = { "l", GH_STR("a\"b\\c\nd\te{},=") };
    char room[256];
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_metrics_sample("n", &label, 1, 7, &out), GH_OK);
    assert_str(gh_buf_str(&out), "n{l=\"a\\\"b\\\\c\\nd\te{},=\"} 7\n");
}


static void
a_histogram_is_written_as_prometheus_reads_it(void **state)
{
    (void) state;
    static const char expected[] = "t_bucket{s=\"x\",le=\"0.000064\"} 2\n"
                                   "t_bucket{s=\"x\",le=\"0.000128\"} 3\n"
                                   "t_bucket{s=\"x\",le=\"0.000256\"} 3\n"
                                   "t_bucket{s=\"x\",le=\"0.000512\"} 3\n"
                                   "t_bucket{s=\"x\",le=\"0.001024\"} 4\n"
                                   "t_bucket{s=\"x\",le=\"0.002048\"} 5\n"
                                   "t_bucket{s=\"x\",le=\"0.004096\"} 5\n"
                                   "t_bucket{s=\"x\",le=\"0.008192\"} 5\n"
                                   "t_bucket{s=\"x\",le=\"0.016384\"} 5\n"
                                   "t_bucket{s=\"x\",le=\"0.032768\"} 5\n"
                                   "t_bucket{s=\"x\",le=\"0.065536\"} 5\n"
                                   "t_bucket{s=\"x\",le=\"0.131072\"} 5\n"
                                   "t_bucket{s=\"x\",le=\"0.262144\"} 5\n"
                                   "t_bucket{s=\"x\",le=\"0.524288\"} 5\n"
                                   "t_bucket{s=\"x\",le=\"1.048576\"} 5\n"
                                   "t_bucket{s=\"x\",le=\"2.097152\"} 6\n"
                                   "t_bucket{s=\"x\",le=\"4.194304\"} 6\n"
                                   "t_bucket{s=\"x\",le=\"8.388608\"} 6\n"
                                   "t_bucket{s=\"x\",le=\"16.777216\"} 6\n"
                                   "t_bucket{s=\"x\",le=\"33.554432\"} 6\n"
                                   "t_bucket{s=\"x\",le=\"67.108864\"} 6\n"
                                   "t_bucket{s=\"x\",le=\"134.217728\"} 6\n"
                                   "t_bucket{s=\"x\",le=\"268.435456\"} 6\n"
                                   "t_bucket{s=\"x\",le=\"+Inf\"} 7\n"
                                   "t_sum{s=\"x\"} 302.002263\n"
                                   "t_count{s=\"x\"} 7\n";
    static const uint64_t durations_us[] = { 0,    64,      100,      1024,
                                             1025, 2000000, 300000050 };
    gh_label_t label = { "s", GH_STR("x") };
    gh_histogram_t h = { 0 };
    char room[4096];
    gh_buf_t out = GH_BUF(room);

    for (size_t i = 0; i < sizeof(durations_us) / 8; i++) {
        gh_histogram_add(&h, durations_us[i]);
    }

    assert_int_equal(gh_metrics_histogram("t", &label, 1, &h, &out), GH_OK);
    assert_str(gh_buf_str(&out), expected);
}


static void
a_histogram_without_labels_has_only_le(void **state)
{
    (void) state;
    gh_histogram_t h = { 0 };
    char room[4096];
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_metrics_histogram("t", NULL, 0, &h, &out), GH_OK);
    assert_true(gh_str_starts(gh_buf_str(&out),
                              GH_STR("t_bucket{le=\"0.000064\"} 0\n")));

    static const char end[] =
        "t_bucket{le=\"+Inf\"} 0\nt_sum 0.000000\nt_count 0\n";
    gh_str_t tail = { room + out.len - strlen(end), strlen(end) };

    assert_str(tail, end);
}


static void
the_count_is_that_of_the_buckets_even_if_read_at_another_time(void **state)
{
    (void) state;
    gh_histogram_t h = { .counts = { 3 }, .count = 99 };
    char room[4096];
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_metrics_histogram("t", NULL, 0, &h, &out), GH_OK);
    room[out.len] = '\0';
    assert_non_null(strstr(room, "le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(room, "t_count 3\n"));
}


static void
no_half_line_is_ever_written(void **state)
{
    (void) state;
    gh_label_t label = { "l", GH_STR("a\nb") };
    gh_histogram_t h = { 0 };
    char *room = malloc(4096);
    bool family = false, sample = false, histogram = false;

    assert_non_null(room);
    gh_histogram_add(&h, 5);

    for (size_t cap = 0; !(family && sample && histogram); cap++) {
        gh_buf_t out = { room, 0, cap };

        assert_true(cap <= 4096);
        family = gh_metrics_family("n", "counter", "a\nb", &out) == GH_OK;
        assert_true(family || out.len == 0);
        out.len = 0;
        sample = gh_metrics_sample("n", &label, 1, 7, &out) == GH_OK;
        assert_true(sample || out.len == 0);
        out.len = 0;
        histogram = gh_metrics_histogram("n", &label, 1, &h, &out) == GH_OK;
        assert_true(histogram || out.len == 0);
    }

    free(room);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_family_is_announced_with_its_help_and_type),
        cmocka_unit_test(a_sample_is_one_line),
        cmocka_unit_test(label_values_cannot_leave_their_quotes),
        cmocka_unit_test(a_histogram_is_written_as_prometheus_reads_it),
        cmocka_unit_test(a_histogram_without_labels_has_only_le),
        cmocka_unit_test(
            the_count_is_that_of_the_buckets_even_if_read_at_another_time),
        cmocka_unit_test(no_half_line_is_ever_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
