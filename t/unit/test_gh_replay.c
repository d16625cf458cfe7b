/*
 * Replay memory: a name is used once, in every process, and whatever the
 * memory cannot vouch for is refused (THREATS F10, K7, and clocks that go
 * back).
 */

#include "gh_test.h"

#include "gh_replay.h"
#include "gh_test_cells.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BEGAN INT64_C(1800000000)
#define T0 (BEGAN + 100)

static const gh_sipkey_t key = { 1, 2 };

static gh_test_cells_t *table; /* for its lock */


static gh_replay_t *
memory_of(size_t n)
{
    size_t size = gh_replay_size(n);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(memory, MAP_FAILED);

    return gh_replay_init(memory, n, &key, BEGAN);
}


static void
forget(gh_replay_t *r, size_t n)
{
    assert_int_equal(munmap(r, gh_replay_size(n)), 0);
}


/* Made at made_s, kept for a minute from then. */
static gh_rc_t
used(gh_replay_t *r, unsigned n, int64_t made_s, int64_t now_s)
{
    gh_replay_use_t use = { .made_at_s = made_s,
                            .expires_at_s = made_s + 60,
                            .ahead_s = 5 };
    char once[16];
    gh_buf_t text = GH_BUF(once);

    assert_int_equal(gh_buf_add_u64(&text, n), GH_OK);
    gh_replay_name(GH_STR("signature"), GH_STR("acme-1"), gh_buf_str(&text),
                   use.name);

    return gh_replay_claim(r, &table->lock.lock, &use, now_s);
}


static void
F10_a_name_is_used_once(void **state)
{
    gh_replay_t *r = memory_of(100);

    (void) state;
    assert_int_equal(used(r, 1, T0, T0), GH_OK);
    assert_int_equal(used(r, 1, T0, T0), GH_CONFLICT);
    assert_int_equal(used(r, 1, T0, T0 + 59), GH_CONFLICT);
    assert_int_equal(used(r, 2, T0, T0), GH_OK);
    forget(r, 100);
}


static void
parts_of_a_name_are_framed(void **state)
{
    uint8_t a[GH_REPLAY_NAME_LEN], b[GH_REPLAY_NAME_LEN];

    (void) state;
    gh_replay_name(GH_STR("jti"), GH_STR("ab"), GH_STR("c"), a);
    gh_replay_name(GH_STR("jti"), GH_STR("a"), GH_STR("bc"), b);
    assert_memory_not_equal(a, b, sizeof(a));
    gh_replay_name(GH_STR("signature"), GH_STR("ab"), GH_STR("c"), b);
    assert_memory_not_equal(a, b, sizeof(a));
    gh_replay_name(GH_STR("jti"), GH_STR("ab"), GH_STR("c"), b);
    assert_memory_equal(a, b, sizeof(a));
}


static void
K7_full_is_refused_and_nothing_is_forgotten(void **state)
{
    enum {
        ROOM = 4000
    };
    gh_replay_t *r = memory_of(ROOM);
    gh_replay_stats_t stats;
    unsigned n = 0, refused = 0;

    (void) state;

    /* as many as were asked for fit */
    for (; n < ROOM; n++) {
        assert_int_equal(used(r, n, T0, T0), GH_OK);
    }

    for (; n < 2 * ROOM; n++) {
        gh_rc_t rc = used(r, n, T0, T0);

        assert_true(rc == GH_OK || rc == GH_FULL);
        refused += rc == GH_FULL;
    }

    gh_replay_stats(r, T0, &stats);
    assert_true(refused >= 2 * ROOM - stats.room);
    assert_int_equal(stats.full, refused);
    assert_int_equal(stats.live, 2 * ROOM - refused);

    for (n = 0; n < ROOM; n++) {
        assert_int_equal(used(r, n, T0, T0), GH_CONFLICT);
    }

    /* what has expired makes room again */
    gh_replay_stats(r, T0 + 60, &stats);
    assert_int_equal(stats.live, 0);

    for (n = 0; n < ROOM; n++) {
        assert_int_equal(used(r, n, T0 + 60, T0 + 60), GH_OK);
    }

    forget(r, ROOM);
}


static void
F10_what_may_have_been_used_before_the_start_is_refused(void **state)
{
    gh_replay_t *r = memory_of(100);

    (void) state;
    assert_int_equal(used(r, 1, BEGAN - 1, BEGAN), GH_UNAVAILABLE);
    assert_int_equal(used(r, 2, BEGAN, BEGAN), GH_UNAVAILABLE);
    assert_int_equal(used(r, 3, BEGAN + 5, BEGAN + 1), GH_UNAVAILABLE);
    assert_int_equal(used(r, 3, BEGAN + 5, BEGAN + 30), GH_UNAVAILABLE);
    assert_int_equal(used(r, 4, BEGAN + 6, BEGAN + 1), GH_OK);
    assert_int_equal(used(r, 4, BEGAN + 6, BEGAN + 7), GH_CONFLICT);
    forget(r, 100);
}


static void
a_clock_that_goes_back_makes_nothing_usable_again(void **state)
{
    gh_replay_t *r = memory_of(16);

    (void) state;
    assert_int_equal(used(r, 1, T0, T0), GH_OK);

    /* an hour later its slot is free, and taken by others */
    for (unsigned n = 100; n < 110; n++) {
        assert_int_equal(used(r, n, T0 + 3600, T0 + 3600), GH_OK);
    }

    assert_int_equal(used(r, 1, T0, T0 + 1), GH_UNAVAILABLE);
    assert_int_equal(used(r, 2, T0 + 10, T0 + 10), GH_UNAVAILABLE);
    assert_int_equal(used(r, 100, T0 + 3600, T0 + 3590), GH_CONFLICT);
    forget(r, 16);
}


static void
F10_of_many_processes_one_wins(void **state)
{
    enum {
        PROCESSES = 4,
        NAMES = 2000
    };
    gh_replay_t *r = memory_of(2 * NAMES);
    unsigned *won =
        mmap(NULL, PROCESSES * sizeof(unsigned), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned sum = 0;
    int status;

    (void) state;
    assert_ptr_not_equal(won, MAP_FAILED);

    for (unsigned p = 0; p < PROCESSES; p++) {
        pid_t pid = fork();

        assert_true(pid >= 0);

        if (pid == 0) {
            for (unsigned n = 0; n < NAMES; n++) {
                won[p] += used(r, n, T0, T0) == GH_OK;
            }
            _exit(0);
        }
    }

    for (unsigned p = 0; p < PROCESSES; p++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }

    for (unsigned p = 0; p < PROCESSES; p++) {
        sum += won[p];
    }

    assert_int_equal(sum, NAMES);
    (void) munmap(won, PROCESSES * sizeof(unsigned));
    forget(r, 2 * NAMES);
}


static void
sizes_out_of_range_are_refused(void **state)
{
    static _Alignas(64) char memory[4096];

    (void) state;
    assert_int_equal(gh_replay_size(0), 0);
    assert_int_equal(gh_replay_size((size_t) GH_REPLAY_MAX + 1), 0);
    assert_null(gh_replay_init(memory, 0, &key, BEGAN));
    assert_null(gh_replay_init(memory + 8, 8, &key, BEGAN));
    assert_true(gh_replay_size(1) <= sizeof(memory));
    assert_non_null(gh_replay_init(memory, 1, &key, BEGAN));
    assert_true(gh_replay_size(100000) < 100000 * 24);
}


static int
make_lock(void **state)
{
    (void) state;
    table = gh_test_cells_create(1);

    return table == NULL;
}


static int
drop_lock(void **state)
{
    (void) state;
    gh_test_cells_destroy(table);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(F10_a_name_is_used_once),
        cmocka_unit_test(parts_of_a_name_are_framed),
        cmocka_unit_test(K7_full_is_refused_and_nothing_is_forgotten),
        cmocka_unit_test(
            F10_what_may_have_been_used_before_the_start_is_refused),
        cmocka_unit_test(a_clock_that_goes_back_makes_nothing_usable_again),
        cmocka_unit_test(F10_of_many_processes_one_wins),
        cmocka_unit_test(sizes_out_of_range_are_refused),
    };

    return cmocka_run_group_tests(tests, make_lock, drop_lock);
}
