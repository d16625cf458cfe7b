/*
 * The table of cells under many hands: threads and processes lose no
 * increment, and none lands in a cell of somebody else, not even when
 * processes are killed at random.
 */

#include "gh_test.h"

#include "gh_test_cells.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 8
#define KEPT (UINT64_C(1) << 63) /* a value that is live, and no small one */


/*
 * Threads add to hashes that stay while others come and go around them. Each
 * value carries in its middle bits whose it is, so that a word which lands
 * in a cell of another is seen.
 */
enum {
    STAY = 8,
    ROUNDS = 40000,
    COME_AND_GO = 64
};

#define OWNER_SHIFT 32
#define COUNT_MASK UINT64_C(0xffffffff)


typedef struct {
    gh_test_cells_t *table;
    uint64_t seed;
    uint64_t added[STAY];
    uint64_t strays; /* values of somebody else that were seen */
} worker_t;

typedef struct {
    uint64_t owner;
    uint64_t flag; /* KEPT for those that stay */
    uint64_t last; /* what the step saw, for the one that took hold */
} bump_t;


static uint64_t
random64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);

    return z ^ (z >> 31);
}


static uint64_t
step_bump(uint64_t old, void *data, gh_rc_t *rc)
{
    bump_t *b = data;

    *rc = GH_OK;
    b->last = old;

    return old == 0 ? b->flag | b->owner << OWNER_SHIFT | 1 : old + 1;
}


static bool
idle_unless_kept(uint64_t value, uint64_t now_ns)
{
    (void) now_ns;

    return (value & KEPT) == 0;
}


static void
bump(worker_t *w, uint64_t owner)
{
    bump_t b = { owner, owner <= STAY ? KEPT : 0, 0 };
    uint64_t expected = b.flag | owner << OWNER_SHIFT;

    (void) gh_cells_move(w->table->cells, owner, 0, &w->table->lock.lock,
                         idle_unless_kept, step_bump, &b);
    w->strays += b.last != 0 && (b.last & ~COUNT_MASK) != expected;
    b.last = gh_cells_get(w->table->cells, owner);
    w->strays += b.last != 0 && (b.last & ~COUNT_MASK) != expected;
}


static void *
work(void *data)
{
    worker_t *w = data;

    for (int i = 0; i < ROUNDS; i++) {
        uint64_t r = random64(&w->seed);

        if (r % 4 == 0) {
            w->added[(r >> 8) % STAY]++;
            bump(w, 1 + (r >> 8) % STAY);

        } else {
            bump(w, 100 + (r >> 8) % COME_AND_GO);
        }
    }

    return NULL;
}


static void
threads_lose_no_increment_of_a_hash_that_stays(void **state)
{
    (void) state;
    gh_test_cells_t *t =
        gh_test_cells_create(24); /* 32 cells, 8 stay, 64 want the others */
    worker_t workers[THREADS];
    pthread_t threads[THREADS];
    uint64_t strays = 0;

    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker_t){ .table = t, .seed = (uint64_t) i };
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]),
                         0);
    }

    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        strays += workers[i].strays;
    }

    for (uint64_t s = 0; s < STAY; s++) {
        uint64_t sum = 0;

        for (int i = 0; i < THREADS; i++) {
            sum += workers[i].added[s];
        }

        assert_int_equal(gh_cells_get(t->cells, 1 + s),
                         KEPT | (1 + s) << OWNER_SHIFT | sum);
    }

    assert_int_equal(strays, 0);
    assert_int_equal(gh_test_cells_stats(t).evictions, 0);
    assert_true(gh_test_cells_stats(t).used <= 32);
    gh_test_cells_destroy(t);
}


/*
 * Processes are killed at random in the middle of it. What they had done,
 * they had written down after it; at most one increment each is unwritten.
 */
enum {
    PROCESSES = 4,
    KILLS = 60
};

typedef struct {
    _Atomic uint64_t added[STAY];
    _Atomic uint64_t rounds;
    _Atomic uint64_t strays;
} journal_t;


static void
work_until_killed(gh_test_cells_t *t, journal_t *journal, uint64_t seed)
{
    worker_t w = { .table = t, .seed = seed };

    for (;;) {
        uint64_t r = random64(&w.seed);

        if (r % 4 == 0) {
            bump(&w, 1 + (r >> 8) % STAY);
            atomic_fetch_add(&journal->added[(r >> 8) % STAY], 1);

        } else {
            bump(&w, 100 + (r >> 8) % COME_AND_GO);
        }

        atomic_store(&journal->strays,
                     atomic_load(&journal->strays) + w.strays);
        w.strays = 0;
        atomic_fetch_add(&journal->rounds, 1);
    }
}


static pid_t
start(gh_test_cells_t *t, journal_t *journal, uint64_t seed)
{
    pid_t pid = fork();

    assert_true(pid >= 0);

    if (pid == 0) {
        work_until_killed(t, journal, seed);
    }

    return pid;
}


static void
killed_processes_lose_nothing_they_had_finished(void **state)
{
    (void) state;
    gh_test_cells_t *t = gh_test_cells_create(24);
    journal_t *journal = mmap(NULL, sizeof(*journal), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pids[PROCESSES];
    uint64_t seed = 1;

    assert_true(journal != MAP_FAILED);

    for (uint64_t i = 0; i < PROCESSES; i++) {
        pids[i] = start(t, journal, 1000 + i);
    }

    for (uint64_t k = 0; k < KILLS + PROCESSES; k++) {
        uint64_t until = atomic_load(&journal->rounds) + random64(&seed) % 500;

        while (k < KILLS && atomic_load(&journal->rounds) < until) {
            sched_yield();
        }

        assert_int_equal(kill(pids[k % PROCESSES], SIGKILL), 0);
        assert_int_equal(waitpid(pids[k % PROCESSES], NULL, 0),
                         pids[k % PROCESSES]);

        if (k < KILLS) {
            pids[k % PROCESSES] = start(t, journal, 2000 + k);
        }
    }

    for (uint64_t s = 0; s < STAY; s++) {
        uint64_t value = gh_cells_get(t->cells, 1 + s);
        uint64_t written = atomic_load(&journal->added[s]);

        assert_int_equal(value & ~COUNT_MASK, KEPT | (1 + s) << OWNER_SHIFT);
        assert_true((value & COUNT_MASK) >= written);
        assert_true((value & COUNT_MASK) <= written + KILLS + PROCESSES);
    }

    assert_int_equal(atomic_load(&journal->strays), 0);
    assert_in_range(gh_test_cells_stats(t).used, STAY, 32 + KILLS + PROCESSES);

    /* and the table goes on */
    worker_t w = { .table = t, .seed = 5 };

    for (uint64_t h = 100; h < 100 + COME_AND_GO; h++) {
        bump(&w, h);
        assert_int_not_equal(gh_cells_get(t->cells, h), 0);
    }

    assert_int_equal(w.strays, 0);
    munmap(journal, sizeof(*journal));
    gh_test_cells_destroy(t);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_lose_no_increment_of_a_hash_that_stays),
        cmocka_unit_test(killed_processes_lose_nothing_they_had_finished),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
