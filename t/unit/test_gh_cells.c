/*
 * The table of cells: what is kept, what is given away and to whom, and what
 * a killed process leaves behind. Threads and processes at work are in
 * test_gh_cells_shared.c.
 */

#include "gh_test.h"

#include "gh_test_cells.h"

#include <stdlib.h>

#define KEPT (UINT64_C(1) << 63) /* a value that is live, and no small one */
#define GIVING UINT64_MAX


/* Values below now_ns are idle. */
static bool
idle_below(uint64_t value, uint64_t now_ns)
{
    return value < now_ns;
}


static uint64_t
step_set(uint64_t old, void *data, gh_rc_t *rc)
{
    *rc = old == 0 ? GH_ABSENT : GH_OK;

    return *(uint64_t *) data;
}


static uint64_t
step_add(uint64_t old, void *data, gh_rc_t *rc)
{
    *rc = GH_OK;

    return old + *(uint64_t *) data;
}


static gh_rc_t
set(gh_test_cells_t *t, uint64_t hash, uint64_t value, uint64_t now_ns)
{
    return gh_cells_move(t->cells, hash, now_ns, &t->lock.lock, idle_below,
                         step_set, &value);
}


static void
add(gh_test_cells_t *t, uint64_t hash, uint64_t n)
{
    assert_int_equal(gh_cells_move(t->cells, hash, 0, &t->lock.lock,
                                   idle_below, step_add, &n),
                     GH_OK);
}


static void
an_absent_cell_is_zero_and_is_made_by_its_first_move(void **state)
{
    (void) state;
    gh_test_cells_t *t = gh_test_cells_create(100);

    assert_int_equal(gh_cells_get(t->cells, 7), 0);
    assert_int_equal(set(t, 7, 70, 0), GH_ABSENT);
    assert_int_equal(gh_cells_get(t->cells, 7), 70);
    assert_int_equal(gh_cells_get(t->cells, 8), 0);
    assert_int_equal(set(t, 7, 71, 0), GH_OK);
    assert_int_equal(gh_cells_get(t->cells, 7), 71);
    assert_int_equal(gh_test_cells_stats(t).used, 1);
    gh_test_cells_destroy(t);
}


static void
small_neighbouring_and_zero_hashes_are_told_apart(void **state)
{
    (void) state;
    gh_test_cells_t *t = gh_test_cells_create(4000);

    for (uint64_t h = 0; h < 1000; h++) {
        set(t, h, h + 1, 0);
        set(t, UINT64_MAX - h, h + 5000, 0);
    }

    for (uint64_t h = 0; h < 1000; h++) {
        assert_int_equal(gh_cells_get(t->cells, h), h + 1);
        assert_int_equal(gh_cells_get(t->cells, UINT64_MAX - h), h + 5000);
    }

    assert_int_equal(gh_test_cells_stats(t).evictions, 0);
    gh_test_cells_destroy(t);
}


static void
only_an_insert_takes_the_lock(void **state)
{
    (void) state;
    gh_test_cells_t *t = gh_test_cells_create(100);
    uint64_t nothing = 0;

    set(t, 7, 70, 0);
    assert_int_equal(t->lock.taken, 1);
    set(t, 7, 71, 0);
    set(t, 7, 71, 0);
    (void) gh_cells_get(t->cells, 7);
    (void) gh_cells_get(t->cells, 8);
    add(t, 7, 0);
    assert_int_equal(t->lock.taken, 1);

    /* a step that leaves an absent cell at 0 inserts nothing */
    assert_int_equal(gh_cells_move(t->cells, 8, 0, &t->lock.lock, idle_below,
                                   step_set, &nothing),
                     GH_ABSENT);
    assert_int_equal(t->lock.taken, 1);
    assert_int_equal(gh_test_cells_stats(t).used, 1);
    gh_test_cells_destroy(t);
}


static void
a_table_holds_what_it_was_made_for(void **state)
{
    (void) state;
    static const size_t sizes[] = { 1, 2, 3, 10, 1000, 30000 };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t n = sizes[i];
        gh_test_cells_t *t = gh_test_cells_create(n);

        for (size_t h = 0; h < n * 2 / 3; h++) {
            set(t, h, KEPT + h, 0);
        }

        assert_true(gh_test_cells_stats(t).evictions <= n / 5000);

        for (size_t h = n * 2 / 3; h < n; h++) {
            set(t, h, KEPT + h, 0);
        }

        assert_true(gh_test_cells_stats(t).evictions <= n / 100);
        assert_int_equal(
            gh_test_cells_stats(t).used + gh_test_cells_stats(t).evictions, n);
        gh_test_cells_destroy(t);
    }
}


static void
sizes_out_of_range_make_no_table(void **state)
{
    (void) state;
    static _Alignas(64) char memory[4096];

    assert_int_equal(gh_cells_size(0), 0);
    assert_int_equal(gh_cells_size((size_t) GH_CELLS_MAX + 1), 0);
    assert_true(gh_cells_size(GH_CELLS_MAX) > GH_CELLS_MAX);
    assert_null(gh_cells_init(memory, 0));
    assert_null(gh_cells_init(memory + 8, 1));
    assert_true(gh_cells_size(1) <= sizeof(memory));
    assert_non_null(gh_cells_init(memory, 1));
}


static void
the_same_memory_is_the_same_table_at_any_address(void **state)
{
    (void) state;
    gh_test_cells_t *t = gh_test_cells_create(100);
    size_t size = gh_cells_size(100);
    char *other = aligned_alloc(64, (size + 63) / 64 * 64);

    assert_non_null(other);
    memset(other, 0, size);
    assert_null(gh_cells_attach(other));
    set(t, 7, 70, 0);
    memcpy(other, t->cells, size);

    gh_cells_t *copy = gh_cells_attach(other);

    assert_non_null(copy);
    assert_int_equal(gh_cells_get(copy, 7), 70);
    assert_null(gh_cells_attach(other + 8));
    free(other);
    gh_test_cells_destroy(t);
}


static void
idle_cells_are_given_away_before_any_live_one(void **state)
{
    (void) state;
    gh_test_cells_t *t = gh_test_cells_create(30);

    /* ten that stay, then a thousand that come and go */
    for (uint64_t h = 0; h < 10; h++) {
        set(t, h, KEPT + h, 0);
    }

    for (uint64_t h = 1000; h < 2000; h++) {
        set(t, h, h, h - 5); /* five of them are live at a time */
    }

    for (uint64_t h = 0; h < 10; h++) {
        assert_int_equal(gh_cells_get(t->cells, h), KEPT + h);
    }

    for (uint64_t h = 1995; h < 2000; h++) {
        assert_int_equal(gh_cells_get(t->cells, h), h);
    }

    assert_int_equal(gh_test_cells_stats(t).evictions, 0);
    assert_true(gh_test_cells_stats(t).used <= 40);
    gh_test_cells_destroy(t);
}


static void
of_live_cells_the_smallest_goes_and_is_counted(void **state)
{
    (void) state;
    gh_test_cells_t *t =
        gh_test_cells_create(6); /* two buckets: every cell is a neighbour */

    for (uint64_t h = 1; h <= 8; h++) {
        set(t, h, 100 + h, 0);
    }

    assert_int_equal(gh_test_cells_stats(t).used, 8);
    assert_int_equal(gh_test_cells_stats(t).evictions, 0);
    set(t, 3, 900, 0);
    set(t, 50, 500, 0);
    assert_int_equal(gh_test_cells_stats(t).used, 8);
    assert_int_equal(gh_test_cells_stats(t).evictions, 1);
    assert_int_equal(gh_cells_get(t->cells, 1), 0);
    set(t, 51, 501, 0);
    assert_int_equal(gh_cells_get(t->cells, 2), 0);
    set(t, 52, 502, 0);
    assert_int_equal(gh_cells_get(t->cells, 3), 900);
    assert_int_equal(gh_cells_get(t->cells, 4), 0);
    assert_int_equal(gh_test_cells_stats(t).evictions, 3);

    /* who was given up starts from zero */
    assert_int_equal(set(t, 1, 600, 0), GH_ABSENT);
    gh_test_cells_destroy(t);
}


/*
 * What a process that was killed while it gave a cell away leaves behind.
 * The words are found by what changes in the memory: a cell is a pair of
 * words, tag and stored.
 */
static size_t
word_of_tag(gh_test_cells_t *t, uint64_t hash)
{
    size_t size = gh_cells_size(t->n) / 8;
    uint64_t *before = malloc(size * 8);
    const uint64_t *now = (const uint64_t *) (const void *) t->cells;
    size_t at = 0;
    uint64_t value = gh_cells_get(t->cells, hash);
    uint64_t other = value ^ 1;

    assert_non_null(before);
    memcpy(before, now, size * 8);
    set(t, hash, other, 0);

    for (size_t i = 0; i < size; i++) {
        if (before[i] != now[i]) {
            assert_int_equal(at, 0);
            at = i;
        }
    }

    assert_true(at > 0);
    set(t, hash, value, 0);
    free(before);

    return at - 1;
}


static void
a_cell_left_by_a_dead_giver_starts_again_for_its_old_owner(void **state)
{
    (void) state;
    gh_test_cells_t *t = gh_test_cells_create(6);
    uint64_t *words = (uint64_t *) (void *) t->cells;

    for (uint64_t h = 1; h <= 8; h++) {
        set(t, h, 100 + h, 0);
    }

    /* killed after the first word */
    words[word_of_tag(t, 5) + 1] = GIVING;
    assert_int_equal(gh_cells_get(t->cells, 5), 0);
    add(t, 5, 7);
    add(t, 5, 7);
    assert_int_equal(gh_cells_get(t->cells, 5), 14);
    assert_int_equal(gh_test_cells_stats(t).used, 8);
    assert_int_equal(gh_test_cells_stats(t).evictions, 0);

    for (uint64_t h = 1; h <= 8; h++) {
        assert_int_equal(gh_cells_get(t->cells, h), h == 5 ? 14 : 100 + h);
    }

    gh_test_cells_destroy(t);
}


static void
a_cell_left_by_a_dead_giver_is_taken_by_the_next_insert(void **state)
{
    (void) state;
    gh_test_cells_t *t = gh_test_cells_create(6);
    uint64_t *words = (uint64_t *) (void *) t->cells;

    for (uint64_t h = 1; h <= 8; h++) {
        set(t, h, 100 + h, 0);
    }

    /* killed after the tag: 5 has become 50, which was never answered */
    gh_test_cells_t *spare = gh_test_cells_create(6);

    set(spare, 50, 1, 0);

    size_t at = word_of_tag(t, 5);
    uint64_t *spare_words = (uint64_t *) (void *) spare->cells;

    words[at + 1] = GIVING;
    words[at] = spare_words[word_of_tag(spare, 50)];
    gh_test_cells_destroy(spare);

    assert_int_equal(gh_cells_get(t->cells, 50), 0);
    assert_int_equal(gh_cells_get(t->cells, 5), 0);
    set(t, 60, 600, 0);
    assert_int_equal(gh_cells_get(t->cells, 60), 600);
    assert_int_equal(gh_test_cells_stats(t).evictions, 0); /* it was free */
    assert_int_equal(gh_test_cells_stats(t).used, 8);
    assert_int_equal(gh_cells_get(t->cells, 50), 0);
    add(t, 50, 1000);
    add(t, 50, 1000);
    assert_int_equal(gh_cells_get(t->cells, 50), 2000);
    assert_int_equal(gh_test_cells_stats(t).evictions, 1);
    gh_test_cells_destroy(t);
}


static void
a_free_cell_left_by_a_dead_giver_is_free_again(void **state)
{
    (void) state;
    gh_test_cells_t *t = gh_test_cells_create(6);
    uint64_t *words = (uint64_t *) (void *) t->cells;

    set(t, 1, 101, 0);

    /* every free cell: stored, of tag 0 */
    size_t at = word_of_tag(t, 1);

    for (size_t i = 8; i < gh_cells_size(6) / 8; i += 2) {
        if (i != at) {
            words[i + 1] = GIVING;
        }
    }

    for (uint64_t h = 2; h <= 8; h++) {
        set(t, h, 100 + h, 0);
    }

    for (uint64_t h = 1; h <= 8; h++) {
        assert_int_equal(gh_cells_get(t->cells, h), 100 + h);
    }

    assert_int_equal(gh_test_cells_stats(t).used, 8);
    gh_test_cells_destroy(t);
}


/*
 * Between reading a value and exchanging it, the cell goes to another hash
 * with the very same value. The step is where a mover stands in between.
 */
typedef struct {
    gh_test_cells_t *table;
    unsigned calls;
    uint64_t saw[3];
} interrupted_t;


static bool
idle_equal(uint64_t value, uint64_t now_ns)
{
    return value == now_ns;
}


static uint64_t
step_interrupted(uint64_t old, void *data, gh_rc_t *rc)
{
    interrupted_t *i = data;

    *rc = GH_OK;
    i->saw[i->calls] = old;

    if (i->calls++ == 0) {
        uint64_t same = old;

        (void) gh_cells_move(i->table->cells, 99, old, &i->table->lock.lock,
                             idle_equal, step_set, &same);
    }

    return old + 1000;
}


static void
a_cell_that_changed_hands_keeps_an_equal_value_of_its_new_owner(void **state)
{
    (void) state;
    gh_test_cells_t *t = gh_test_cells_create(6);
    interrupted_t i = { .table = t };

    for (uint64_t h = 1; h <= 8; h++) {
        set(t, h, 10 * h, 0);
    }

    /* 99 takes the cell of 5, and 5 then that of 3 */
    assert_int_equal(gh_cells_move(t->cells, 5, 30, &t->lock.lock, idle_equal,
                                   step_interrupted, &i),
                     GH_OK);
    assert_int_equal(i.saw[0], 50);
    assert_int_equal(i.saw[1], 0); /* absent by then */
    assert_int_equal(gh_cells_get(t->cells, 99), 50);
    assert_int_equal(gh_cells_get(t->cells, 5), 1000);
    assert_int_equal(gh_cells_get(t->cells, 3), 0);
    assert_int_equal(gh_test_cells_stats(t).evictions, 0);
    gh_test_cells_destroy(t);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_absent_cell_is_zero_and_is_made_by_its_first_move),
        cmocka_unit_test(small_neighbouring_and_zero_hashes_are_told_apart),
        cmocka_unit_test(only_an_insert_takes_the_lock),
        cmocka_unit_test(a_table_holds_what_it_was_made_for),
        cmocka_unit_test(sizes_out_of_range_make_no_table),
        cmocka_unit_test(the_same_memory_is_the_same_table_at_any_address),
        cmocka_unit_test(idle_cells_are_given_away_before_any_live_one),
        cmocka_unit_test(of_live_cells_the_smallest_goes_and_is_counted),
        cmocka_unit_test(
            a_cell_left_by_a_dead_giver_starts_again_for_its_old_owner),
        cmocka_unit_test(
            a_cell_left_by_a_dead_giver_is_taken_by_the_next_insert),
        cmocka_unit_test(a_free_cell_left_by_a_dead_giver_is_free_again),
        cmocka_unit_test(
            a_cell_that_changed_hands_keeps_an_equal_value_of_its_new_owner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
