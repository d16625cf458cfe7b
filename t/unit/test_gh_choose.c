/*
 * Who is sent where: shares are what the weights say, a change of weights
 * moves nobody the wrong way, and every node answers the same.
 */

#include "gh_test.h"

#include "gh_choose.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define KEYS 20000


static const char *names[] = { "blue", "green", "canary", "red", "white" };


static void
set_up(gh_choice_t *c, size_t n, const uint32_t *weights)
{
    for (size_t i = 0; i < n; i++) {
        c[i] = (gh_choice_t){ gh_choose_hash(gh_str(names[i])), weights[i] };
    }
}


static uint64_t
key(unsigned i)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "staff:%u", i);

    return gh_choose_hash((gh_str_t){ text, (size_t) len });
}


/* Every share is within four standard deviations of its weight. */
static void
assert_shares(const uint32_t *weights, size_t n)
{
    gh_choice_t c[5];
    unsigned count[5] = { 0 };
    double sum = 0;

    set_up(c, n, weights);

    for (unsigned i = 0; i < KEYS; i++) {
        int winner = gh_choose(c, n, key(i));

        assert_true(winner >= 0 && (size_t) winner < n);
        count[winner]++;
    }

    for (size_t i = 0; i < n; i++) {
        sum += weights[i];
    }

    for (size_t i = 0; i < n; i++) {
        double p = weights[i] / sum;
        double off = fabs(count[i] - KEYS * p);

        if (off > 4 * sqrt(KEYS * p * (1 - p))) {
            fail_msg("%s got %u of %u for a weight of %u", names[i], count[i],
                     KEYS, weights[i]);
        }
    }
}


static void
equal_weights_get_equal_shares(void **state)
{
    (void) state;

    assert_shares((uint32_t[]){ 5000, 5000 }, 2);
    assert_shares((uint32_t[]){ 3334, 3333, 3333 }, 3);
    assert_shares((uint32_t[]){ 2000, 2000, 2000, 2000, 2000 }, 5);
}


static void
unequal_weights_get_their_shares(void **state)
{
    (void) state;

    assert_shares((uint32_t[]){ 9900, 100 }, 2);
    assert_shares((uint32_t[]){ 9990, 10 }, 2);
    assert_shares((uint32_t[]){ 100, 100, 9600, 100, 100 }, 5);
    assert_shares((uint32_t[]){ 7000, 2000, 1000 }, 3);
    assert_shares((uint32_t[]){ 1, 2, 3, 4, 5 }, 5);
}


static void
a_hundredth_of_a_percent_is_served(void **state)
{
    (void) state;
    gh_choice_t c[2];
    unsigned won = 0;

    set_up(c, 2, (uint32_t[]){ 9999, 1 });

    for (unsigned i = 0; i < 100 * KEYS; i++) {
        won += gh_choose(c, 2, i * UINT64_C(0x9e3779b97f4a7c15)) == 1;
    }

    assert_in_range(won, 200 - 4 * 15, 200 + 4 * 15);
}


static void
zero_is_never_chosen(void **state)
{
    (void) state;
    gh_choice_t c[3];

    set_up(c, 3, (uint32_t[]){ 0, 10000, 0 });

    for (unsigned i = 0; i < KEYS; i++) {
        assert_int_equal(gh_choose(c, 3, key(i)), 1);
    }

    set_up(c, 3, (uint32_t[]){ 0, 0, 0 });
    assert_int_equal(gh_choose(c, 3, 1), -1);
    assert_int_equal(gh_choose(c, 0, 1), -1);
}


static void
of_two_sides_keys_move_only_to_the_raised_one(void **state)
{
    (void) state;
    gh_choice_t before[2], after[2];
    unsigned moved = 0;

    set_up(before, 2, (uint32_t[]){ 9000, 1000 });
    set_up(after, 2, (uint32_t[]){ 7000, 3000 });

    for (unsigned i = 0; i < KEYS; i++) {
        int from = gh_choose(before, 2, key(i));
        int to = gh_choose(after, 2, key(i));

        if (from != to) {
            assert_int_equal(from, 0);
            assert_int_equal(to, 1);
            moved++;
        }
    }

    /* a fifth of all, no more than must */
    assert_in_range(moved, KEYS / 5 - 4 * 57, KEYS / 5 + 4 * 57);
}


/* Whatever changes: who moves came from a lowered side or went to a raised. */
static void
no_key_moves_between_sides_that_did_not_call_for_it(void **state)
{
    (void) state;

    for (unsigned round = 0; round < 60; round++) {
        uint32_t w[5], v[5];
        gh_choice_t before[5], after[5];
        bool raised = false, lowered = false;

        for (unsigned i = 0; i < 5; i++) {
            uint64_t r = key(1000000 + round * 5 + i);

            w[i] = (uint32_t) (r % 5000);
            v[i] = r >> 60 < 6 ? w[i] : (uint32_t) ((r >> 20) % 5000);
            raised = raised || v[i] > w[i];
            lowered = lowered || v[i] < w[i];
        }

        set_up(before, 5, w);
        set_up(after, 5, v);

        for (unsigned k = 0; k < 1000; k++) {
            int from = gh_choose(before, 5, key(k));
            int to = gh_choose(after, 5, key(k));

            if (from == to) {
                continue;
            }

            assert_true(v[to] > w[to] || v[from] < w[from]);

            if (!lowered) {
                assert_true(v[to] > w[to]);
            }

            if (!raised) {
                assert_true(v[from] < w[from]);
            }
        }
    }
}


static void
moving_weight_between_two_of_five_obeys_the_header(void **state)
{
    (void) state;
    gh_choice_t before[5], after[5];
    unsigned moves[5][5] = { { 0 } };

    set_up(before, 5, (uint32_t[]){ 4000, 1000, 2000, 2000, 1000 });
    set_up(after, 5, (uint32_t[]){ 2000, 3000, 2000, 2000, 1000 });

    for (unsigned i = 0; i < KEYS; i++) {
        moves[gh_choose(before, 5, key(i))][gh_choose(after, 5, key(i))]++;
    }

    for (unsigned i = 0; i < 5; i++) {
        /* nobody leaves 1, nobody arrives at 0, the rest keep to themselves */
        assert_true(i == 1 || moves[1][i] == 0);
        assert_true(i == 0 || moves[i][0] == 0);

        for (unsigned j = 2; j < 5; j++) {
            assert_true(i == 0 || i == j || moves[i][j] == 0);
        }
    }

    assert_true(moves[0][1] > 0 && moves[0][2] > 0 && moves[2][1] > 0);
}


static void
a_new_side_takes_from_all_and_leaves_the_others_alone(void **state)
{
    (void) state;
    gh_choice_t before[4], after[5];

    set_up(before, 4, (uint32_t[]){ 2500, 2500, 2500, 2500 });
    set_up(after, 5, (uint32_t[]){ 2500, 2500, 2500, 2500, 2500 });

    for (unsigned i = 0; i < KEYS; i++) {
        int to = gh_choose(after, 5, key(i));

        assert_true(to == 4 || to == gh_choose(before, 4, key(i)));
    }
}


static void
raising_one_while_others_shrink_alike_moves_only_to_it(void **state)
{
    (void) state;
    gh_choice_t before[3], after[3];

    set_up(before, 3, (uint32_t[]){ 6000, 4000, 0 });
    set_up(after, 3, (uint32_t[]){ 5400, 3600, 1000 });

    for (unsigned i = 0; i < KEYS; i++) {
        int to = gh_choose(after, 3, key(i));

        assert_true(to == 2 || to == gh_choose(before, 3, key(i)));
    }
}


static void
neither_order_nor_a_common_factor_moves_anybody(void **state)
{
    (void) state;
    gh_choice_t a[3], b[3];

    set_up(a, 3, (uint32_t[]){ 1000, 2000, 300 });

    for (unsigned i = 0; i < 3; i++) {
        b[2 - i] = (gh_choice_t){ a[i].name_hash, a[i].weight * 3 };
    }

    for (unsigned i = 0; i < KEYS; i++) {
        assert_int_equal(gh_choose(a, 3, key(i)), 2 - gh_choose(b, 3, key(i)));
    }
}


static void
weights_above_all_count_as_all(void **state)
{
    (void) state;
    gh_choice_t a[2], b[2];

    set_up(a, 2, (uint32_t[]){ GH_WEIGHT_ALL, 5000 });
    set_up(b, 2, (uint32_t[]){ UINT32_MAX, 5000 });

    for (unsigned i = 0; i < KEYS; i++) {
        assert_int_equal(gh_choose(a, 2, key(i)), gh_choose(b, 2, key(i)));
    }
}


/* A later release must send the same people to the same place. */
static void
every_node_of_every_release_answers_the_same(void **state)
{
    (void) state;
    static const char expected[] =
        "2201220110000011110000001012002010201102020100100012010002100020";
    gh_choice_t c[3];
    char got[sizeof(expected)] = { 0 };

    assert_int_equal(gh_choose_hash(GH_STR("")), UINT64_C(0x1e924b9d737700d7));
    assert_int_equal(gh_choose_hash(GH_STR("staff:2482")),
                     UINT64_C(0xcdb63f0d304c7690));
    set_up(c, 3, (uint32_t[]){ 5000, 3000, 2000 });

    for (unsigned i = 0; i < sizeof(got) - 1; i++) {
        got[i] = (char) ('0' + gh_choose(c, 3, key(i)));
    }

    assert_string_equal(got, expected);
}


static void
percentages_are_read_to_the_hundredth(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        uint32_t weight;
    } good[] = { { "10%", 1000 },    { "12.5%", 1250 }, { "0.01%", 1 },
                 { "100%", 10000 },  { "0%", 0 },       { "0.00%", 0 },
                 { "99.99%", 9999 }, { "1.05%", 105 },  { "100.00%", 10000 },
                 { "007%", 700 } };
    static const char *bad[] = { "",
                                 "%",
                                 "10",
                                 "10 %",
                                 " 10%",
                                 "+10%",
                                 "-1%",
                                 "101%",
                                 "100.1%",
                                 "100.01%",
                                 "12.345%",
                                 "0.001%",
                                 "12.%",
                                 ".5%",
                                 "1e1%",
                                 "10%%",
                                 "1.2.3%",
                                 "1,5%",
                                 "9999999999999999999999%" };
    uint32_t w = 77;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(gh_weight_parse(gh_str(good[i].text), &w), GH_OK);
        assert_int_equal(w, good[i].weight);
    }

    w = 77;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (gh_weight_parse(gh_str(bad[i]), &w) != GH_INVALID) {
            fail_msg("'%s' was taken for a weight", bad[i]);
        }
    }

    assert_int_equal(w, 77);
}


static void
every_weight_is_written_and_read_back(void **state)
{
    (void) state;
    char room[16];

    for (uint32_t w = 0; w <= GH_WEIGHT_ALL; w++) {
        gh_buf_t out = GH_BUF(room);
        uint32_t back = 77777;

        assert_int_equal(gh_weight_text(w, &out), GH_OK);
        assert_int_equal(gh_weight_parse(gh_buf_str(&out), &back), GH_OK);
        assert_int_equal(back, w);
    }

    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_weight_text(1250, &out), GH_OK);
    assert_int_equal(gh_weight_text(105, &out), GH_OK);
    assert_int_equal(gh_weight_text(10000, &out), GH_OK);
    assert_str(gh_buf_str(&out), "12.5%1.05%100%");
    assert_int_equal(gh_weight_text(105, &out), GH_TOO_LONG);
    assert_str(gh_buf_str(&out), "12.5%1.05%100%");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_weights_get_equal_shares),
        cmocka_unit_test(unequal_weights_get_their_shares),
        cmocka_unit_test(a_hundredth_of_a_percent_is_served),
        cmocka_unit_test(zero_is_never_chosen),
        cmocka_unit_test(of_two_sides_keys_move_only_to_the_raised_one),
        cmocka_unit_test(no_key_moves_between_sides_that_did_not_call_for_it),
        cmocka_unit_test(moving_weight_between_two_of_five_obeys_the_header),
        cmocka_unit_test(
            a_new_side_takes_from_all_and_leaves_the_others_alone),
        cmocka_unit_test(
            raising_one_while_others_shrink_alike_moves_only_to_it),
        cmocka_unit_test(neither_order_nor_a_common_factor_moves_anybody),
        cmocka_unit_test(weights_above_all_count_as_all),
        cmocka_unit_test(every_node_of_every_release_answers_the_same),
        cmocka_unit_test(percentages_are_read_to_the_hundredth),
        cmocka_unit_test(every_weight_is_written_and_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
