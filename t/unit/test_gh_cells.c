/*
 * The table of cells: what is kept, what is given away and to whom, what a
 * killed process leaves behind, and that no increment is lost among threads
 * and processes.
 */

#include "gh_test.h"

#include "gh_cells.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 8
#define KEPT (UINT64_C(1) << 63) /* a value that is live, and no small one */
#define GIVING UINT64_MAX


typedef struct {
    gh_lock_t lock;
    pthread_mutex_t mutex;
    unsigned taken;
} test_lock_t;

typedef struct {
    gh_cells_t *cells;
    test_lock_t lock;
    size_t n;
} table_t;


static void
take_lock(void *ctx)
{
    test_lock_t *l = ctx;

    if (pthread_mutex_lock(&l->mutex) == EOWNERDEAD) {
        pthread_mutex_consistent(&l->mutex);
    }

    l->taken++;
}


static void
release_lock(void *ctx)
{
    test_lock_t *l = ctx;

    pthread_mutex_unlock(&l->mutex);
}


/* In memory that children share; the lock outlives a dead holder. */
static table_t *
table_create(size_t n)
{
    size_t size = gh_cells_size(n);
    table_t *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t attr;

    assert_true(t != MAP_FAILED && memory != MAP_FAILED);
    assert_int_equal(pthread_mutexattr_init(&attr), 0);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    assert_int_equal(pthread_mutex_init(&t->lock.mutex, &attr), 0);
    pthread_mutexattr_destroy(&attr);

    t->lock.lock = (gh_lock_t){ take_lock, release_lock, &t->lock };
    t->n = n;
    t->cells = gh_cells_init(memory, n);
    assert_non_null(t->cells);

    return t;
}


static void
table_destroy(table_t *t)
{
    munmap(t->cells, gh_cells_size(t->n));
    munmap(t, sizeof(*t));
}


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
set(table_t *t, uint64_t hash, uint64_t value, uint64_t now_ns)
{
    return gh_cells_move(t->cells, hash, now_ns, &t->lock.lock, idle_below,
                         step_set, &value);
}


static void
add(table_t *t, uint64_t hash, uint64_t n)
{
    assert_int_equal(gh_cells_move(t->cells, hash, 0, &t->lock.lock,
                                   idle_below, step_add, &n),
                     GH_OK);
}


static gh_cells_stats_t
stats(const table_t *t)
{
    gh_cells_stats_t s;

    gh_cells_stats(t->cells, &s);

    return s;
}


static void
an_absent_cell_is_zero_and_is_made_by_its_first_move(void **state)
{
    (void) state;
    table_t *t = table_create(100);

    assert_int_equal(gh_cells_get(t->cells, 7), 0);
    assert_int_equal(set(t, 7, 70, 0), GH_ABSENT);
    assert_int_equal(gh_cells_get(t->cells, 7), 70);
    assert_int_equal(gh_cells_get(t->cells, 8), 0);
    assert_int_equal(set(t, 7, 71, 0), GH_OK);
    assert_int_equal(gh_cells_get(t->cells, 7), 71);
    assert_int_equal(stats(t).used, 1);
    table_destroy(t);
}


static void
small_neighbouring_and_zero_hashes_are_told_apart(void **state)
{
    (void) state;
    table_t *t = table_create(4000);

    for (uint64_t h = 0; h < 1000; h++) {
        set(t, h, h + 1, 0);
        set(t, UINT64_MAX - h, h + 5000, 0);
    }

    for (uint64_t h = 0; h < 1000; h++) {
        assert_int_equal(gh_cells_get(t->cells, h), h + 1);
        assert_int_equal(gh_cells_get(t->cells, UINT64_MAX - h), h + 5000);
    }

    assert_int_equal(stats(t).evictions, 0);
    table_destroy(t);
}


static void
only_an_insert_takes_the_lock(void **state)
{
    (void) state;
    table_t *t = table_create(100);
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
    assert_int_equal(stats(t).used, 1);
    table_destroy(t);
}


static void
a_table_holds_what_it_was_made_for(void **state)
{
    (void) state;
    static const size_t sizes[] = { 1, 2, 3, 10, 1000, 30000 };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t n = sizes[i];
        table_t *t = table_create(n);

        for (size_t h = 0; h < n * 2 / 3; h++) {
            set(t, h, KEPT + h, 0);
        }

        assert_true(stats(t).evictions <= n / 5000);

        for (size_t h = n * 2 / 3; h < n; h++) {
            set(t, h, KEPT + h, 0);
        }

        assert_true(stats(t).evictions <= n / 100);
        assert_int_equal(stats(t).used + stats(t).evictions, n);
        table_destroy(t);
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
    table_t *t = table_create(100);
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
    table_destroy(t);
}


static void
idle_cells_are_given_away_before_any_live_one(void **state)
{
    (void) state;
    table_t *t = table_create(30);

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

    assert_int_equal(stats(t).evictions, 0);
    assert_true(stats(t).used <= 40);
    table_destroy(t);
}


static void
of_live_cells_the_smallest_goes_and_is_counted(void **state)
{
    (void) state;
    table_t *t = table_create(6); /* two buckets: every cell is a neighbour */

    for (uint64_t h = 1; h <= 8; h++) {
        set(t, h, 100 + h, 0);
    }

    assert_int_equal(stats(t).used, 8);
    assert_int_equal(stats(t).evictions, 0);
    set(t, 3, 900, 0);
    set(t, 50, 500, 0);
    assert_int_equal(stats(t).used, 8);
    assert_int_equal(stats(t).evictions, 1);
    assert_int_equal(gh_cells_get(t->cells, 1), 0);
    set(t, 51, 501, 0);
    assert_int_equal(gh_cells_get(t->cells, 2), 0);
    set(t, 52, 502, 0);
    assert_int_equal(gh_cells_get(t->cells, 3), 900);
    assert_int_equal(gh_cells_get(t->cells, 4), 0);
    assert_int_equal(stats(t).evictions, 3);

    /* who was given up starts from zero */
    assert_int_equal(set(t, 1, 600, 0), GH_ABSENT);
    table_destroy(t);
}


/*
 * What a process that was killed while it gave a cell away leaves behind.
 * The words are found by what changes in the memory: a cell is a pair of
 * words, tag and stored.
 */
static size_t
word_of_tag(table_t *t, uint64_t hash)
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
    table_t *t = table_create(6);
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
    assert_int_equal(stats(t).used, 8);
    assert_int_equal(stats(t).evictions, 0);

    for (uint64_t h = 1; h <= 8; h++) {
        assert_int_equal(gh_cells_get(t->cells, h), h == 5 ? 14 : 100 + h);
    }

    table_destroy(t);
}


static void
a_cell_left_by_a_dead_giver_is_taken_by_the_next_insert(void **state)
{
    (void) state;
    table_t *t = table_create(6);
    uint64_t *words = (uint64_t *) (void *) t->cells;

    for (uint64_t h = 1; h <= 8; h++) {
        set(t, h, 100 + h, 0);
    }

    /* killed after the tag: 5 has become 50, which was never answered */
    table_t *spare = table_create(6);

    set(spare, 50, 1, 0);

    size_t at = word_of_tag(t, 5);
    uint64_t *spare_words = (uint64_t *) (void *) spare->cells;

    words[at + 1] = GIVING;
    words[at] = spare_words[word_of_tag(spare, 50)];
    table_destroy(spare);

    assert_int_equal(gh_cells_get(t->cells, 50), 0);
    assert_int_equal(gh_cells_get(t->cells, 5), 0);
    set(t, 60, 600, 0);
    assert_int_equal(gh_cells_get(t->cells, 60), 600);
    assert_int_equal(stats(t).evictions, 0); /* it was free */
    assert_int_equal(stats(t).used, 8);
    assert_int_equal(gh_cells_get(t->cells, 50), 0);
    add(t, 50, 1000);
    add(t, 50, 1000);
    assert_int_equal(gh_cells_get(t->cells, 50), 2000);
    assert_int_equal(stats(t).evictions, 1);
    table_destroy(t);
}


static void
a_free_cell_left_by_a_dead_giver_is_free_again(void **state)
{
    (void) state;
    table_t *t = table_create(6);
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

    assert_int_equal(stats(t).used, 8);
    table_destroy(t);
}


/*
 * Between reading a value and exchanging it, the cell goes to another hash
 * with the very same value. The step is where a mover stands in between.
 */
typedef struct {
    table_t *table;
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
    table_t *t = table_create(6);
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
    assert_int_equal(stats(t).evictions, 0);
    table_destroy(t);
}


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
    table_t *table;
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
    table_t *t = table_create(24); /* 32 cells, 8 stay, 64 want the others */
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
    assert_int_equal(stats(t).evictions, 0);
    assert_true(stats(t).used <= 32);
    table_destroy(t);
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
work_until_killed(table_t *t, journal_t *journal, uint64_t seed)
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
start(table_t *t, journal_t *journal, uint64_t seed)
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
    table_t *t = table_create(24);
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

    /* and the table goes on */
    worker_t w = { .table = t, .seed = 5 };

    for (uint64_t h = 100; h < 100 + COME_AND_GO; h++) {
        bump(&w, h);
        assert_int_not_equal(gh_cells_get(t->cells, h), 0);
    }

    assert_int_equal(w.strays, 0);
    munmap(journal, sizeof(*journal));
    table_destroy(t);
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
        cmocka_unit_test(threads_lose_no_increment_of_a_hash_that_stays),
        cmocka_unit_test(killed_processes_lose_nothing_they_had_finished),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
