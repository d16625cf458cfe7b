/*
 * The writer thread of the embedded store: its owner never waits, whatever
 * happens to disks and to other processes, and nothing is lost or done twice.
 * Run under the thread sanitizer too (configure --sanitize=thread).
 */

#include "gh_test_lmdb.h"
#include "gh_lmdb_writer.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>


#define PATIENCE_MS 20000


/* The owner: a writer and what was last said about the store. */
typedef struct {
    gh_lmdb_writer_t *w;
    gh_lmdb_writer_report_t report;
    gh_lmdb_job_t *done; /* collected, newest first */
    size_t n;
} owner_t;


static gh_lmdb_job_t *
job(const char *name, const char *value)
{
    gh_lmdb_job_t *j = calloc(1, sizeof(*j));
    char *copy = strdup(name);

    assert_non_null(j);
    assert_non_null(copy);
    j->write = gh_test_put(copy, value);
    j->data = copy;

    return j;
}


static void
job_free(gh_lmdb_job_t *j)
{
    free(j->data);
    free(j);
}


static void
free_all(gh_lmdb_job_t *list)
{
    while (list != NULL) {
        gh_lmdb_job_t *next = list->next;

        job_free(list);
        list = next;
    }
}


static void
owner_begin(owner_t *o, size_t queue_max, unsigned retry_ms)
{
    gh_lmdb_writer_options_t options = { 0 };

    memset(o, 0, sizeof(*o));
    options.store = gh_test_lmdb_options();
    options.queue_max = queue_max;
    options.retry_ms = retry_ms;
    options.tidy_ms = 50;

    assert_int_equal(gh_lmdb_writer_start(&options, &o->w), GH_OK);
}


static void
collect(owner_t *o)
{
    gh_lmdb_job_t *next, *j = gh_lmdb_writer_collect(o->w, &o->report);

    for (; j != NULL; j = next) {
        next = j->next;
        j->next = o->done;
        o->done = j;
        o->n++;
    }
}


/* Collects when the descriptor says so, until `n` jobs are done. */
static void
await_jobs(owner_t *o, size_t n)
{
    struct pollfd p = { gh_lmdb_writer_fd(o->w), POLLIN, 0 };

    while (o->n < n) {
        assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
        collect(o);
    }
}


static void
await_open(owner_t *o, bool open)
{
    struct pollfd p = { gh_lmdb_writer_fd(o->w), POLLIN, 0 };

    while ((o->report.db != NULL) != open) {
        assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
        collect(o);
    }
}


static void
owner_end(owner_t *o)
{
    gh_lmdb_job_t *left;

    assert_true(gh_lmdb_writer_stop(o->w, PATIENCE_MS, &left));
    free_all(left);
    free_all(o->done);
}


static void
put(owner_t *o, const char *name, gh_rc_t expected)
{
    gh_lmdb_job_t *j = job(name, "v");
    gh_rc_t rc = gh_lmdb_writer_put(o->w, j);

    if (rc != GH_OK) {
        job_free(j);
    }

    assert_int_equal(rc, expected);
}


static void
what_is_put_is_written_and_comes_back(void **state)
{
    (void) state;
    owner_t o;

    owner_begin(&o, 100, 1000);
    await_open(&o, true);
    assert_int_equal(o.report.rc, GH_OK);
    assert_string_equal(o.report.why, "");

    put(&o, "a", GH_OK);
    put(&o, "b", GH_OK);
    await_jobs(&o, 2);

    /* newest first */
    assert_str(o.done->write.name, "b");
    assert_int_equal(o.done->write.rc, GH_OK);
    assert_true(o.done->write.version > o.done->next->write.version);
    assert_int_equal(o.report.written, 2);

    /* and is read by the owner without asking anybody */
    gh_test_assert_value(o.report.db, "a", "v");
    gh_test_assert_value(o.report.db, "b", "v");

    owner_end(&o);
}


static void
a_refused_write_is_told_from_one_that_failed(void **state)
{
    (void) state;
    owner_t o;
    gh_lmdb_job_t *j = job("a", "v");

    owner_begin(&o, 100, 1000);
    await_open(&o, true);

    j->write.if_version = 99;
    assert_int_equal(gh_lmdb_writer_put(o.w, j), GH_OK);
    await_jobs(&o, 1);

    assert_int_equal(o.done->write.rc, GH_CONFLICT);
    assert_int_equal(o.report.rc, GH_OK);
    assert_int_equal(o.report.failed, 0);

    owner_end(&o);
}


/* A process that holds the lock that writers share. Forked before the first
 * thread is there: a child of a threaded process may do little. */
typedef struct {
    gh_test_steps_t steps;
    pid_t pid;
} holder_t;


static void
holder_fork(holder_t *h)
{
    gh_test_steps_begin(&h->steps);
    h->pid = gh_test_fork(gh_test_hold_lock, &h->steps);
}


static void
holder_takes_and_stops(holder_t *h)
{
    gh_test_step(h->steps.to_child);
    assert_true(gh_test_await(h->steps.to_parent));
    assert_int_equal(kill(h->pid, SIGSTOP), 0);
}


static void
holder_goes_on(holder_t *h)
{
    assert_int_equal(kill(h->pid, SIGCONT), 0);
    gh_test_step(h->steps.to_child);
    assert_int_equal(gh_test_wait(h->pid), 0);
    gh_test_steps_end(&h->steps);
}


/* Until the thread has begun with what was put. */
static void
await_in_flight(owner_t *o)
{
    size_t waiting = 1;
    unsigned stuck_ms = 0;

    for (unsigned i = 0; waiting > 0 || stuck_ms == 0; i++) {
        assert_true(i < PATIENCE_MS);
        gh_lmdb_writer_load(o->w, &waiting, &stuck_ms);
        (void) poll(NULL, 0, 1);
    }
}


static void
a_stopped_process_that_holds_the_lock_makes_nobody_wait(void **state)
{
    (void) state;
    gh_lmdb_job_t *waiting, *flying;
    holder_t h;
    owner_t o;

    holder_fork(&h);
    owner_begin(&o, 3, 1000);
    await_open(&o, true);
    put(&o, "before", GH_OK);
    await_jobs(&o, 1);

    holder_takes_and_stops(&h);

    flying = job("flying", "v");
    assert_int_equal(gh_lmdb_writer_put(o.w, flying), GH_OK);
    await_in_flight(&o);

    /* none of these returns late: the queue fills, and that is said */
    put(&o, "b", GH_OK);
    put(&o, "c", GH_OK);
    waiting = job("waiting", "v");
    assert_int_equal(gh_lmdb_writer_put(o.w, waiting), GH_OK);
    put(&o, "d", GH_FULL);

    /* reads go on */
    gh_test_assert_value(o.report.db, "before", "v");

    /* past its deadline: one that waits is dropped, one in flight is not */
    assert_true(gh_lmdb_writer_cancel(o.w, waiting));
    job_free(waiting);
    assert_false(gh_lmdb_writer_cancel(o.w, flying));
    put(&o, "d", GH_OK);

    holder_goes_on(&h);
    await_jobs(&o, 5);

    gh_test_assert_value(o.report.db, "flying", "v");
    gh_test_assert_value(o.report.db, "d", "v");
    assert_int_equal(gh_test_get(o.report.db, GH_KIND_KEY, "waiting"),
                     GH_ABSENT);

    owner_end(&o);
}


static void
stopping_writes_what_waits(void **state)
{
    (void) state;
    gh_lmdb_job_t *left;
    size_t n = 0;
    owner_t o;

    owner_begin(&o, 100, 1000);
    await_open(&o, true);

    for (unsigned i = 0; i < 50; i++) {
        char name[16];

        (void) snprintf(name, sizeof(name), "n%u", i);
        put(&o, name, GH_OK);
    }

    assert_true(gh_lmdb_writer_stop(o.w, PATIENCE_MS, &left));

    for (gh_lmdb_job_t *j = left; j != NULL; j = j->next) {
        assert_int_equal(j->write.rc, GH_OK);
        n++;
    }

    assert_int_equal(n, 50);
    free_all(left);

    gh_lmdb_t *db = gh_test_lmdb_open();

    gh_test_assert_value(db, "n0", "v");
    gh_test_assert_value(db, "n49", "v");
    gh_lmdb_close(db);
}


/* In a child: what is stuck is never freed, as in a process that ends. */
static int
stop_while_stuck(void *ctx)
{
    holder_t *h = ctx;
    gh_lmdb_writer_options_t options = { gh_test_lmdb_options(), 8, 9, 9000 };
    struct pollfd p = { 0 };
    gh_lmdb_writer_report_t report = { 0 };
    gh_lmdb_job_t jobs[2] = { { 0 }, { 0 } }, *left = NULL;
    gh_lmdb_writer_t *w;
    unsigned stuck_ms = 0;
    size_t waiting = 1;

    if (gh_lmdb_writer_start(&options, &w) != GH_OK) {
        return 1;
    }

    p.fd = gh_lmdb_writer_fd(w);
    p.events = POLLIN;

    while (report.db == NULL) {
        (void) poll(&p, 1, PATIENCE_MS);
        (void) gh_lmdb_writer_collect(w, &report);
    }

    gh_test_step(h->steps.to_child);
    if (!gh_test_await(h->steps.to_parent)) {
        return 2;
    }

    jobs[0].write = gh_test_put("flying", "v");
    jobs[1].write = gh_test_put("waiting", "v");
    (void) gh_lmdb_writer_put(w, &jobs[0]);

    while (waiting > 0 || stuck_ms == 0) {
        gh_lmdb_writer_load(w, &waiting, &stuck_ms);
    }

    (void) gh_lmdb_writer_put(w, &jobs[1]);

    /* does not come back by itself, but in its time */
    if (gh_lmdb_writer_stop(w, 50, &left)) {
        return 3;
    }

    return left == &jobs[1] && left->next == NULL ? 0 : 4;
}


static void
stopping_ends_in_time_though_the_lock_is_held(void **state)
{
    (void) state;
    holder_t h;
    pid_t child;

    holder_fork(&h);
    child = gh_test_fork(stop_while_stuck, &h);

    assert_int_equal(gh_test_wait(child), 0);

    gh_test_step(h.steps.to_child);
    assert_int_equal(gh_test_wait(h.pid), 0);
    gh_test_steps_end(&h.steps);
}


static void
a_store_that_cannot_be_opened_heals_by_itself(void **state)
{
    (void) state;
    owner_t o;

    assert_int_equal(mkdir(gh_test_path("store"), 0700), 0);
    assert_int_equal(chmod(gh_test_path("store"), 0777), 0);

    owner_begin(&o, 100, 20);

    struct pollfd p = { gh_lmdb_writer_fd(o.w), POLLIN, 0 };

    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    collect(&o);
    assert_null(o.report.db);
    assert_int_equal(o.report.rc, GH_UNAVAILABLE);
    assert_non_null(strstr(o.report.why, "writable by others"));
    put(&o, "a", GH_UNAVAILABLE);

    assert_int_equal(chmod(gh_test_path("store"), 0700), 0);
    await_open(&o, true);
    assert_int_equal(o.report.opens, 1);
    put(&o, "a", GH_OK);
    await_jobs(&o, 1);
    assert_int_equal(o.done->write.rc, GH_OK);

    owner_end(&o);
}


static void
a_restored_backup_is_opened_when_its_owner_has_let_go(void **state)
{
    (void) state;
    owner_t o;

    owner_begin(&o, 100, 20);
    await_open(&o, true);
    put(&o, "old", GH_OK);
    await_jobs(&o, 1);

    /* the directory begins anew under its feet */
    assert_int_equal(rename(gh_test_path("store"), gh_test_path("away")), 0);
    gh_lmdb_close(gh_test_lmdb_open());

    /* until it is collected that it is away, reading is still safe */
    struct pollfd p = { gh_lmdb_writer_fd(o.w), POLLIN, 0 };

    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    gh_test_assert_value(o.report.db, "old", "v");

    await_open(&o, false);
    await_open(&o, true);
    assert_int_equal(o.report.opens, 2);
    assert_int_equal(gh_test_get(o.report.db, GH_KIND_KEY, "old"), GH_ABSENT);

    owner_end(&o);
}


static void
an_owner_who_finds_it_broken_has_it_opened_again(void **state)
{
    (void) state;
    owner_t o;

    owner_begin(&o, 100, 20);
    await_open(&o, true);

    o.report.db = NULL;
    gh_lmdb_writer_reopen(o.w);
    await_open(&o, true);
    assert_int_equal(o.report.opens, 2);

    put(&o, "a", GH_OK);
    await_jobs(&o, 1);
    assert_int_equal(o.done->write.rc, GH_OK);

    owner_end(&o);
}


static void
signals_are_left_to_the_owner(void **state)
{
    (void) state;
    sigset_t usr1, before, pending;
    owner_t o;

    assert_int_equal(sigemptyset(&usr1), 0);
    assert_int_equal(sigaddset(&usr1, SIGUSR1), 0);

    owner_begin(&o, 100, 1000);
    await_open(&o, true);

    /* would end the process if the thread took it */
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &usr1, &before), 0);
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    put(&o, "a", GH_OK);
    await_jobs(&o, 1);

    assert_int_equal(sigpending(&pending), 0);
    assert_int_equal(sigismember(&pending, SIGUSR1), 1);
    assert_int_equal(sigismember(&before, SIGUSR1), 0);

    /* gone before it is unblocked */
    assert_true(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    assert_true(signal(SIGUSR1, SIG_DFL) != SIG_ERR);

    owner_end(&o);
}


static void
of_many_writes_some_withdrawn_each_is_done_once_or_never(void **state)
{
    (void) state;
    enum {
        N = 1500
    };
    static gh_lmdb_job_t *jobs[N];
    static bool withdrawn[N];
    uint64_t seed = 7;
    size_t given_back = 0, counted = 0;
    owner_t o;

    owner_begin(&o, N, 1000);
    await_open(&o, true);

    for (size_t i = 0; i < N; i++) {
        char name[16];

        (void) snprintf(name, sizeof(name), "n%zu", i);
        jobs[i] = job(name, "");
        jobs[i]->write.type = GH_WRITE_TAKE;
        jobs[i]->write.n = 1;
        jobs[i]->write.limit = 5;
        jobs[i]->write.log = true;
        withdrawn[i] = false;
        assert_int_equal(gh_lmdb_writer_put(o.w, jobs[i]), GH_OK);

        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;

        if ((seed >> 60) < 5) {
            size_t k = i - (size_t) (seed >> 32) % (i < 20 ? i + 1 : 20);

            /* a job that was collected is not lent any more */
            if (!withdrawn[k] && gh_lmdb_writer_cancel(o.w, jobs[k])) {
                withdrawn[k] = true;
                given_back++;
            }
        }
    }

    await_jobs(&o, N - given_back);
    assert_true(given_back > 0);

    for (gh_lmdb_job_t *j = o.done; j != NULL; j = j->next) {
        assert_int_equal(j->write.rc, GH_OK);
        assert_int_equal(j->write.granted, 1);
    }

    for (size_t i = 0; i < N; i++) {
        char name[16];

        (void) snprintf(name, sizeof(name), "n%zu", i);

        if (withdrawn[i]) {
            assert_int_equal(gh_test_get(o.report.db, GH_KIND_KEY, name),
                             GH_ABSENT);
            job_free(jobs[i]);
        } else {
            gh_test_assert_value(o.report.db, name, "1");
            counted++;
        }
    }

    assert_int_equal(counted, N - given_back);
    assert_int_equal(o.report.written, counted);

    owner_end(&o);
}


#define STORY(name)                                                           \
    cmocka_unit_test_setup_teardown(name, gh_test_dir_setup,                  \
                                    gh_test_dir_teardown)


int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(what_is_put_is_written_and_comes_back),
        STORY(a_refused_write_is_told_from_one_that_failed),
        STORY(a_stopped_process_that_holds_the_lock_makes_nobody_wait),
        STORY(stopping_writes_what_waits),
        STORY(stopping_ends_in_time_though_the_lock_is_held),
        STORY(a_store_that_cannot_be_opened_heals_by_itself),
        STORY(a_restored_backup_is_opened_when_its_owner_has_let_go),
        STORY(an_owner_who_finds_it_broken_has_it_opened_again),
        STORY(signals_are_left_to_the_owner),
        STORY(of_many_writes_some_withdrawn_each_is_done_once_or_never),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
