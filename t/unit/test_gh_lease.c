/*
 * Leases: what a node may spend without asking is never more than what the
 * store counts as out, whoever asks, answers late, or gives back.
 */

#include "gh_test.h"

#include "gh_cells.h"
#include "gh_lease.h"

#include <stdlib.h>

#define NOW (UINT64_C(7654321) * GH_NS_PER_S)
#define MS (GH_NS_PER_S / 1000)


static const gh_limit_t rate = { .kind = GH_LIMIT_RATE,
                                 .amount = 100,
                                 .unit_s = 1,
                                 .burst = 200,
                                 .interval_ns = 10 * MS };


/* A word after one asking that was answered. */
static uint64_t
leased(uint64_t word, uint64_t granted, uint64_t now_ns)
{
    gh_lease_asked_t asked;
    bool used;

    word = gh_lease_ask_step(word, now_ns, &asked);
    assert_true(asked.begun);
    word = gh_lease_grant_step(word, asked.serial, granted,
                               now_ns + GH_LEASE_LIFE_NS, &used);
    assert_true(used);

    return word;
}


static unsigned
spend(uint64_t *word, uint64_t now_ns)
{
    gh_lease_taken_t taken;
    unsigned n = 0;

    for (;;) {
        *word = gh_lease_take_step(*word, now_ns, 1, &taken);

        if (taken.verdict == GH_LEASE_EMPTY) {
            return n;
        }

        n++;
    }
}


static void
nothing_is_held_before_it_is_given(void **state)
{
    (void) state;
    gh_lease_taken_t taken;

    assert_int_equal(gh_lease_take_step(0, NOW, 1, &taken), 0);
    assert_int_equal(taken.verdict, GH_LEASE_EMPTY);
    assert_false(taken.asking);
}


static void
a_lease_is_spent_to_the_last_token_and_not_beyond(void **state)
{
    (void) state;

    for (uint64_t n = 0; n <= GH_LEASE_HELD_MAX; n++) {
        uint64_t word = leased(0, n, NOW);

        assert_int_equal(spend(&word, NOW + MS), n);
    }
}


static void
what_the_word_cannot_say_is_lost(void **state)
{
    (void) state;
    uint64_t word = leased(0, UINT64_MAX, NOW);

    assert_int_equal(spend(&word, NOW), GH_LEASE_HELD_MAX);

    word = leased(leased(0, 500, NOW), 500, NOW);
    assert_int_equal(spend(&word, NOW), GH_LEASE_HELD_MAX);
}


static void
it_ends_a_second_after_it_was_asked_for_and_not_later(void **state)
{
    (void) state;
    uint64_t end = NOW + GH_LEASE_LIFE_NS;
    uint64_t word = leased(0, 10, NOW);
    uint64_t late = word;

    assert_int_equal(spend(&word, end - GH_LEASE_STEP_NS), 10);
    assert_int_equal(spend(&late, end), 0);
}


static void
one_asks_at_a_time(void **state)
{
    (void) state;
    gh_lease_asked_t first, second;
    gh_lease_taken_t taken;
    uint64_t word = gh_lease_ask_step(leased(0, 7, NOW), NOW, &first);

    assert_true(first.begun);
    assert_int_equal(first.unspent, 7);

    word = gh_lease_ask_step(word, NOW, &second);
    assert_false(second.begun);
    assert_int_equal(second.serial, first.serial);

    word = gh_lease_fail_step(word, first.serial);
    word = gh_lease_take_step(word, NOW, 1, &taken);
    assert_false(taken.asking);
    assert_int_equal(taken.left, 6);
}


static void
what_has_ended_is_not_told_as_unspent(void **state)
{
    (void) state;
    gh_lease_asked_t asked;
    bool used;
    uint64_t later = NOW + 2 * GH_NS_PER_S;
    uint64_t word = gh_lease_ask_step(leased(0, 7, NOW), later, &asked);

    assert_int_equal(asked.unspent, 0);

    /* nor does the answer bring it back */
    word = gh_lease_grant_step(word, asked.serial, 3, later + GH_LEASE_LIFE_NS,
                               &used);
    assert_true(used);
    assert_int_equal(spend(&word, later), 3);
}


static void
an_answer_that_was_given_up_is_not_used(void **state)
{
    (void) state;
    gh_lease_asked_t stopped, next;
    bool used;
    uint64_t word = gh_lease_ask_step(0, NOW, &stopped);

    word = gh_lease_fail_step(word, stopped.serial);
    word = gh_lease_grant_step(word, stopped.serial, 50,
                               NOW + GH_LEASE_LIFE_NS, &used);
    assert_false(used);

    word = gh_lease_ask_step(word, NOW, &next);
    word = gh_lease_grant_step(word, stopped.serial, 50,
                               NOW + GH_LEASE_LIFE_NS, &used);
    assert_false(used);

    word = gh_lease_fail_step(word, stopped.serial);
    word = gh_lease_grant_step(word, next.serial, 5, NOW + GH_LEASE_LIFE_NS,
                               &used);
    assert_true(used);
    assert_int_equal(spend(&word, NOW), 5);
}


static void
what_is_given_back_after_an_asking_is_lost(void **state)
{
    (void) state;
    gh_lease_taken_t taken;
    gh_lease_asked_t asked;
    uint64_t word = gh_lease_take_step(leased(0, 5, NOW), NOW, 1, &taken);
    uint64_t back = gh_lease_give_back_step(word, NOW + MS, taken.serial, 1);

    assert_int_equal(spend(&back, NOW + MS), 5);

    word = gh_lease_ask_step(word, NOW, &asked);
    assert_int_equal(asked.unspent, 4);
    word = gh_lease_give_back_step(word, NOW + MS, taken.serial, 1);
    assert_int_equal(spend(&word, NOW + MS), 4);
}


static void
nothing_comes_back_into_what_has_ended(void **state)
{
    (void) state;
    gh_lease_taken_t taken;
    uint64_t word = gh_lease_take_step(leased(0, 5, NOW), NOW, 1, &taken);

    assert_int_equal(
        gh_lease_give_back_step(word, NOW + GH_LEASE_LIFE_NS, taken.serial, 1),
        word);
    assert_int_equal(gh_lease_give_back_step(leased(0, 511, NOW), NOW, 1, 1),
                     leased(0, 511, NOW));
}


static void
more_is_asked_for_before_it_is_used_up(void **state)
{
    (void) state;
    gh_lease_taken_t taken;
    uint64_t word = leased(0, 50, NOW);

    for (int i = 1; i <= 50; i++) {
        word = gh_lease_take_step(word, NOW, 1, &taken);
        assert_int_equal(taken.verdict,
                         50 - i < 12 ? GH_LEASE_LOW : GH_LEASE_TAKEN);
    }

    /* or before it ends */
    (void) gh_lease_take_step(leased(0, 50, NOW), NOW + 900 * MS, 1, &taken);
    assert_int_equal(taken.verdict, GH_LEASE_LOW);

    /* a little one is not worth it */
    (void) gh_lease_take_step(leased(0, 3, NOW), NOW + 900 * MS, 1, &taken);
    assert_int_equal(taken.verdict, GH_LEASE_TAKEN);
}


static void
while_somebody_asks_nobody_is_told_to(void **state)
{
    (void) state;
    gh_lease_taken_t taken;
    gh_lease_asked_t asked;
    uint64_t word = gh_lease_ask_step(leased(0, 50, NOW), NOW, &asked);

    for (int i = 1; i <= 50; i++) {
        word = gh_lease_take_step(word, NOW, 1, &taken);
        assert_int_equal(taken.verdict, GH_LEASE_TAKEN);
    }
}


static void
a_cell_is_kept_while_somebody_asks_and_let_go_later(void **state)
{
    (void) state;
    gh_lease_asked_t asked;
    uint64_t word = gh_lease_ask_step(0, NOW, &asked);

    assert_false(gh_gcra_idle(word, NOW + 5 * GH_NS_PER_S));
    assert_true(gh_gcra_idle(word, NOW + 11 * GH_NS_PER_S));
    assert_true(gh_gcra_idle(leased(0, 50, NOW), NOW + 12 * GH_NS_PER_S));
}


/*
 * A node against a store that counts: answers come late, twice never, or not
 * at all; askings are given up and begun anew; what is taken is given back.
 */
static void
a_node_never_holds_what_the_store_does_not_count(void **state)
{
    (void) state;
    uint64_t word = 0, now = NOW, out = 0, until = 0;
    gh_lease_asked_t asked = { false, 0, 0 };
    gh_lease_taken_t taken = { GH_LEASE_EMPTY, 0, 0, false };
    uint64_t granted = 0, asked_at = 0;
    bool waits = false, held = false;

    srand(20260711);

    for (int i = 0; i < 200000; i++) {
        bool used;

        now += (uint64_t) (rand() % 20) * MS;

        switch (rand() % 8) {
        case 0:
            if (!waits) {
                word = gh_lease_ask_step(word, now, &asked);
                assert_true(asked.begun);
                waits = true;
                asked_at = now;
                granted = (uint64_t) (rand() % 60);

                /* the store takes the asking, or it never arrives */
                if (rand() % 4 > 0) {
                    out = asked.unspent + granted;
                    until = now + GH_LEASE_LIFE_NS;
                } else {
                    granted = UINT64_MAX;
                }
            }
            break;

        case 1:
            if (waits && granted != UINT64_MAX && rand() % 3 > 0) {
                word = gh_lease_grant_step(word, asked.serial, granted,
                                           asked_at + GH_LEASE_LIFE_NS, &used);
                assert_true(used);
                waits = false;
            } else if (waits) {
                word = gh_lease_fail_step(word, asked.serial);
                waits = false;
            }
            break;

        case 2:
            if (held) {
                word = gh_lease_give_back_step(word, now, taken.serial, 1);
                held = false;
            }
            break;

        default:
            word = gh_lease_take_step(word, now, 1, &taken);
            held = taken.verdict != GH_LEASE_EMPTY;
            break;
        }

        uint64_t copy = word, holds = spend(&copy, now);

        if (now >= until) {
            out = 0;
        }

        if (holds > out) {
            fail_msg("step %d: holds %lu of %lu", i, (unsigned long) holds,
                     (unsigned long) out);
        }
    }
}


static void
a_share_is_a_part_of_the_rate_and_of_the_burst(void **state)
{
    (void) state;
    gh_limit_t share;

    gh_lease_share(&rate, 4, &share);
    assert_int_equal(share.burst, 50);
    assert_int_equal(share.interval_ns, 40 * MS);

    gh_lease_share(&rate, 1000, &share);
    assert_int_equal(share.burst, 1);

    gh_lease_share(&rate, 0, &share);
    assert_int_equal(share.burst, 200);
    assert_int_equal(share.interval_ns, 10 * MS);
}


static void
what_the_store_has_is_known_until_it_is_asked_again(void **state)
{
    (void) state;
    gh_limit_state_t s;
    gh_gcra_cell_t cell = gh_lease_level(&rate, 37500, NOW, 5 * MS);

    assert_int_equal(gh_gcra_peek(&cell, &rate, NOW, 1, &s), GH_OK);
    assert_int_equal(s.remaining, 37);

    assert_int_equal(gh_gcra_peek(&cell, &rate, NOW + 5 * MS, 1, &s), GH_OK);
    assert_int_equal(s.remaining, 38);

    cell = gh_lease_level(&rate, 200000, NOW, 5 * MS);
    (void) gh_gcra_peek(&cell, &rate, NOW, 1, &s);
    assert_int_equal(s.remaining, 200);

    cell = gh_lease_level(&rate, UINT64_MAX, NOW, 5 * MS);
    (void) gh_gcra_peek(&cell, &rate, NOW, 1, &s);
    assert_int_equal(s.remaining, 200);
}


static void
an_empty_store_is_not_asked_before_the_gap_is_over(void **state)
{
    (void) state;
    gh_limit_state_t s;
    gh_gcra_cell_t cell = gh_lease_level(&rate, 0, NOW, 5 * MS);

    assert_int_equal(gh_gcra_peek(&cell, &rate, NOW, 1, &s), GH_DENIED);
    assert_int_equal(s.retry_ns, 10 * MS);

    /* nearly there, but just asked */
    cell = gh_lease_level(&rate, 990, NOW, 5 * MS);
    assert_int_equal(gh_gcra_peek(&cell, &rate, NOW, 1, &s), GH_DENIED);
    assert_int_equal(s.retry_ns, 5 * MS);

    gh_limit_t fast = rate;

    fast.interval_ns = MS / 10;
    cell = gh_lease_level(&fast, 0, NOW, 5 * MS);
    assert_int_equal(gh_gcra_peek(&cell, &fast, NOW, 1, &s), GH_DENIED);
    assert_int_equal(s.retry_ns, 5 * MS);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_held_before_it_is_given),
        cmocka_unit_test(a_lease_is_spent_to_the_last_token_and_not_beyond),
        cmocka_unit_test(what_the_word_cannot_say_is_lost),
        cmocka_unit_test(
            it_ends_a_second_after_it_was_asked_for_and_not_later),
        cmocka_unit_test(one_asks_at_a_time),
        cmocka_unit_test(what_has_ended_is_not_told_as_unspent),
        cmocka_unit_test(an_answer_that_was_given_up_is_not_used),
        cmocka_unit_test(what_is_given_back_after_an_asking_is_lost),
        cmocka_unit_test(nothing_comes_back_into_what_has_ended),
        cmocka_unit_test(more_is_asked_for_before_it_is_used_up),
        cmocka_unit_test(while_somebody_asks_nobody_is_told_to),
        cmocka_unit_test(a_cell_is_kept_while_somebody_asks_and_let_go_later),
        cmocka_unit_test(a_node_never_holds_what_the_store_does_not_count),
        cmocka_unit_test(a_share_is_a_part_of_the_rate_and_of_the_burst),
        cmocka_unit_test(what_the_store_has_is_known_until_it_is_asked_again),
        cmocka_unit_test(an_empty_store_is_not_asked_before_the_gap_is_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
