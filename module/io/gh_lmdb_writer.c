/*
 * The writer thread. Whatever may take long happens outside the lock, so the
 * owner never waits; the store is closed only when the owner no longer reads
 * from it. All that waits is one transaction and one sync.
 */

#include "gh_lmdb_writer.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>


#define BATCH_JOBS 256
#define BATCH_BYTES (8u << 20)


typedef struct {
    gh_lmdb_job_t *first, *last;
    size_t n;
} list_t;

struct gh_lmdb_writer_s {
    gh_lmdb_writer_options_t options; /* directory: the copy below */
    char directory[PATH_MAX];
    pthread_t thread;
    int fd;

    /* the thread's own */
    gh_lmdb_t *db;
    uint64_t open_at_ms, tidy_at_ms; /* monotonic */
    gh_write_t batch[BATCH_JOBS];

    pthread_mutex_t lock; /* everything below */
    pthread_cond_t wake;  /* the thread: something to do */
    pthread_cond_t ended; /* the owner: the thread has ended */
    list_t waiting, in_flight, done;
    uint64_t began_at_ms; /* the batch in flight; 0: none */
    bool told;            /* fd is readable */
    bool stopping, finished;
    bool owner_reads; /* from db */
    bool reopen;
    gh_lmdb_writer_report_t report;
};


static bool init_sync(gh_lmdb_writer_t *w);
static int start_thread(gh_lmdb_writer_t *w);
static void *run(void *arg);
static void wait_for_work(gh_lmdb_writer_t *w);
static void open_store(gh_lmdb_writer_t *w);
static bool half_copied(gh_lmdb_t *db);
static void close_store(gh_lmdb_writer_t *w);
static void write_waiting(gh_lmdb_writer_t *w);
static size_t take_batch(gh_lmdb_writer_t *w);
static gh_rc_t write_batch(gh_lmdb_writer_t *w, size_t n, char *why);
static void tidy(gh_lmdb_writer_t *w);
static void fail_waiting(gh_lmdb_writer_t *w);
static void tell(gh_lmdb_writer_t *w);
static void append(list_t *list, gh_lmdb_job_t *job);
static void unlink_job(list_t *list, gh_lmdb_job_t *job);
static void move_all(list_t *to, list_t *from);
static uint64_t now_ms(void);
static struct timespec at(uint64_t ms);


gh_rc_t
gh_lmdb_writer_start(const gh_lmdb_writer_options_t *o, gh_lmdb_writer_t **out)
{
    gh_lmdb_writer_t *w;

    *out = NULL;

    if (o->store.directory.len >= sizeof(w->directory)) {
        return GH_UNAVAILABLE;
    }

    w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return GH_NOMEM;
    }

    w->options = *o;
    memcpy(w->directory, o->store.directory.data, o->store.directory.len);
    w->options.store.directory.data = w->directory;
    w->report.rc = GH_UNAVAILABLE;
    (void) snprintf(w->report.why, sizeof(w->report.why),
                    "the store in %.200s is being opened", w->directory);

    w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (w->fd == -1) {
        free(w);
        return GH_UNAVAILABLE;
    }

    if (!init_sync(w) || start_thread(w) != 0) {
        (void) close(w->fd);
        free(w);
        return GH_UNAVAILABLE;
    }

    *out = w;

    return GH_OK;
}


static bool
init_sync(gh_lmdb_writer_t *w)
{
    pthread_condattr_t attr;

    /* the wall clock may be set */
    return pthread_mutex_init(&w->lock, NULL) == 0
           && pthread_condattr_init(&attr) == 0
           && pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0
           && pthread_cond_init(&w->wake, &attr) == 0
           && pthread_cond_init(&w->ended, &attr) == 0
           && pthread_condattr_destroy(&attr) == 0;
}


/* A signal that came to the thread would be missed by the owner's loop. */
static int
start_thread(gh_lmdb_writer_t *w)
{
    sigset_t all, before;
    int err;

    (void) sigfillset(&all);

    err = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (err != 0) {
        return err;
    }

    err = pthread_create(&w->thread, NULL, run, w);

    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);

    return err;
}


int
gh_lmdb_writer_fd(const gh_lmdb_writer_t *w)
{
    return w->fd;
}


gh_rc_t
gh_lmdb_writer_put(gh_lmdb_writer_t *w, gh_lmdb_job_t *job)
{
    gh_rc_t rc = GH_OK;

    (void) pthread_mutex_lock(&w->lock);

    if (w->report.db == NULL || w->stopping) {
        rc = GH_UNAVAILABLE;
    } else if (w->waiting.n >= w->options.queue_max) {
        rc = GH_FULL;
    } else {
        job->in_flight = false;
        append(&w->waiting, job);
        (void) pthread_cond_signal(&w->wake);
    }

    (void) pthread_mutex_unlock(&w->lock);

    return rc;
}


bool
gh_lmdb_writer_cancel(gh_lmdb_writer_t *w, gh_lmdb_job_t *job)
{
    bool waits;

    (void) pthread_mutex_lock(&w->lock);

    waits = !job->in_flight;

    if (waits) {
        unlink_job(&w->waiting, job);
    }

    (void) pthread_mutex_unlock(&w->lock);

    return waits;
}


gh_lmdb_job_t *
gh_lmdb_writer_collect(gh_lmdb_writer_t *w, gh_lmdb_writer_report_t *report)
{
    gh_lmdb_job_t *first;
    uint64_t count;

    (void) pthread_mutex_lock(&w->lock);

    if (w->told) {
        (void) !read(w->fd, &count, sizeof(count));
        w->told = false;
    }

    first = w->done.first;
    w->done = (list_t){ 0 };

    *report = w->report;
    w->owner_reads = report->db != NULL;
    (void) pthread_cond_signal(&w->wake);

    (void) pthread_mutex_unlock(&w->lock);

    return first;
}


void
gh_lmdb_writer_reopen(gh_lmdb_writer_t *w)
{
    (void) pthread_mutex_lock(&w->lock);

    w->report.db = NULL;
    w->owner_reads = false;
    w->reopen = true;
    (void) pthread_cond_signal(&w->wake);

    (void) pthread_mutex_unlock(&w->lock);
}


void
gh_lmdb_writer_load(gh_lmdb_writer_t *w, size_t *waiting, unsigned *stuck_ms)
{
    (void) pthread_mutex_lock(&w->lock);

    *waiting = w->waiting.n;
    *stuck_ms =
        w->began_at_ms == 0 ? 0 : (unsigned) (now_ms() - w->began_at_ms);

    (void) pthread_mutex_unlock(&w->lock);
}


bool
gh_lmdb_writer_stop(gh_lmdb_writer_t *w, unsigned wait_ms,
                    gh_lmdb_job_t **left)
{
    struct timespec until = at(now_ms() + wait_ms);
    list_t back = { 0 };
    bool finished;

    (void) pthread_mutex_lock(&w->lock);

    w->stopping = true;
    w->owner_reads = false;
    (void) pthread_cond_signal(&w->wake);

    while (!w->finished
           && pthread_cond_timedwait(&w->ended, &w->lock, &until) == 0)
    {
        /* until it has ended or the time is over */
    }

    finished = w->finished;
    move_all(&back, &w->done);
    move_all(&back, &w->waiting);

    (void) pthread_mutex_unlock(&w->lock);

    *left = back.first;

    if (!finished) {
        (void) pthread_detach(w->thread);
        return false;
    }

    (void) pthread_join(w->thread, NULL);
    (void) pthread_cond_destroy(&w->wake);
    (void) pthread_cond_destroy(&w->ended);
    (void) pthread_mutex_destroy(&w->lock);
    (void) close(w->fd);
    free(w);

    return true;
}


static void *
run(void *arg)
{
    gh_lmdb_writer_t *w = arg;

    (void) pthread_mutex_lock(&w->lock);

    while (!w->stopping || (w->waiting.n > 0 && w->db != NULL)) {

        if (w->db != NULL && (w->reopen || gh_lmdb_broken(w->db))) {
            close_store(w);
        } else if (w->db == NULL && now_ms() >= w->open_at_ms) {
            open_store(w);
        } else if (w->db != NULL && now_ms() >= w->tidy_at_ms && !w->stopping)
        {
            tidy(w);
        } else if (w->db != NULL && w->waiting.n > 0) {
            write_waiting(w);
        } else {
            wait_for_work(w);
        }
    }

    w->report.db = NULL;
    fail_waiting(w);
    (void) pthread_mutex_unlock(&w->lock);

    gh_lmdb_close(w->db);

    (void) pthread_mutex_lock(&w->lock);
    w->finished = true;
    (void) pthread_cond_signal(&w->ended);
    (void) pthread_mutex_unlock(&w->lock);

    return NULL;
}


static void
wait_for_work(gh_lmdb_writer_t *w)
{
    struct timespec until = at(w->db == NULL ? w->open_at_ms : w->tidy_at_ms);

    (void) pthread_cond_timedwait(&w->wake, &w->lock, &until);
}


static void
open_store(gh_lmdb_writer_t *w)
{
    char why[GH_LMDB_WHY] = "";
    gh_lmdb_t *db;
    gh_rc_t rc;

    (void) pthread_mutex_unlock(&w->lock);
    rc = gh_lmdb_open(&w->options.store, &db, why, sizeof(why));

    if (rc == GH_OK && half_copied(db)) {
        gh_lmdb_close(db);
        db = NULL;
        rc = GH_UNAVAILABLE;
        (void) snprintf(why, sizeof(why),
                        "the store in %.180s is a copy that was not "
                        "finished: run the same gatehouse store copy again",
                        w->directory);
    }

    (void) pthread_mutex_lock(&w->lock);

    w->db = db;
    w->open_at_ms = now_ms() + w->options.retry_ms;
    w->tidy_at_ms = now_ms(); /* dead readers of the last run */
    w->reopen = false;

    w->report.db = db;
    w->report.rc = rc;
    w->report.opens += rc == GH_OK;
    memcpy(w->report.why, why, sizeof(why));
    tell(w);
}


/* What is there may be less than what was revoked. */

static bool
half_copied(gh_lmdb_t *db)
{
    char room[64];
    gh_buf_t value = GH_BUF(room);
    uint64_t version;
    size_t need;
    gh_rc_t rc = gh_lmdb_get(db, GH_KIND_META, GH_STR(GH_STORE_COPY), 0,
                             &value, &version, &need);

    return rc == GH_OK || rc == GH_TOO_LONG || rc == GH_INVALID;
}


static void
close_store(gh_lmdb_writer_t *w)
{
    w->report.db = NULL;

    if (w->report.rc == GH_OK) {
        w->report.rc = GH_UNAVAILABLE;
        (void) snprintf(w->report.why, sizeof(w->report.why),
                        "the store in %.200s was replaced or could not be "
                        "read; it is opened again",
                        w->directory);
    }

    fail_waiting(w);
    tell(w);

    while (w->owner_reads && !w->stopping) {
        (void) pthread_cond_wait(&w->wake, &w->lock);
    }

    (void) pthread_mutex_unlock(&w->lock);
    gh_lmdb_close(w->db);
    (void) pthread_mutex_lock(&w->lock);

    w->db = NULL;
    w->reopen = false;
}


static void
write_waiting(gh_lmdb_writer_t *w)
{
    char why[GH_LMDB_WHY] = "";
    size_t n = take_batch(w), i = 0;
    gh_rc_t rc;

    w->began_at_ms = now_ms();
    (void) pthread_mutex_unlock(&w->lock);
    rc = write_batch(w, n, why);
    (void) pthread_mutex_lock(&w->lock);
    w->began_at_ms = 0;

    for (gh_lmdb_job_t *job = w->in_flight.first; job != NULL; job = job->next)
    {
        gh_write_t *result = &w->batch[i++];

        job->write.rc = result->rc;
        job->write.version = result->version;
        job->write.granted = result->granted;
        job->write.left = result->left;

        if (result->rc == GH_UNAVAILABLE || result->rc == GH_FULL) {
            w->report.failed++;
        } else {
            w->report.written++;
        }
    }

    w->report.rc = rc;
    memcpy(w->report.why, why, sizeof(why));

    move_all(&w->done, &w->in_flight);
    tell(w);
}


static size_t
take_batch(gh_lmdb_writer_t *w)
{
    size_t n = 0, bytes = 0;

    gh_lmdb_job_t *job;

    while ((job = w->waiting.first) != NULL && n < BATCH_JOBS
           && bytes < BATCH_BYTES)
    {

        unlink_job(&w->waiting, job);
        append(&w->in_flight, job);
        job->in_flight = true;

        w->batch[n++] = job->write;
        bytes += job->write.value.len;
    }

    return n;
}


/* A batch that is too much for a full disk may hold a write that is not. */
static gh_rc_t
write_batch(gh_lmdb_writer_t *w, size_t n, char *why)
{
    gh_rc_t rc = gh_lmdb_write(w->db, w->batch, n, why, GH_LMDB_WHY);

    if (rc != GH_FULL) {
        return rc;
    }

    for (size_t i = 0; i < n && n > 1; i++) {
        (void) gh_lmdb_write(w->db, &w->batch[i], 1, why, GH_LMDB_WHY);
    }

    return rc;
}


static void
tidy(gh_lmdb_writer_t *w)
{
    int cleared = 0;

    w->began_at_ms = now_ms();
    (void) pthread_mutex_unlock(&w->lock);

    /* a broken store is closed next; any other failure comes again */
    (void) gh_lmdb_tidy(w->db, (int64_t) time(NULL), &cleared);

    (void) pthread_mutex_lock(&w->lock);
    w->began_at_ms = 0;
    w->tidy_at_ms = now_ms() + w->options.tidy_ms;
    w->report.cleared += (unsigned) cleared;
    tell(w);
}


static void
fail_waiting(gh_lmdb_writer_t *w)
{
    for (gh_lmdb_job_t *job = w->waiting.first; job != NULL; job = job->next) {
        job->write.rc = GH_UNAVAILABLE;
        job->in_flight = true;
        w->report.failed++;
    }

    move_all(&w->done, &w->waiting);
}


static void
tell(gh_lmdb_writer_t *w)
{
    const uint64_t one = 1;

    if (!w->told) {
        w->told = write(w->fd, &one, sizeof(one)) == sizeof(one);
    }
}


static void
append(list_t *list, gh_lmdb_job_t *job)
{
    job->next = NULL;
    job->prev = list->last;

    if (list->last == NULL) {
        list->first = job;
    } else {
        list->last->next = job;
    }

    list->last = job;
    list->n++;
}


static void
unlink_job(list_t *list, gh_lmdb_job_t *job)
{
    if (job->prev == NULL) {
        list->first = job->next;
    } else {
        job->prev->next = job->next;
    }

    if (job->next == NULL) {
        list->last = job->prev;
    } else {
        job->next->prev = job->prev;
    }

    job->next = job->prev = NULL;
    list->n--;
}


static void
move_all(list_t *to, list_t *from)
{
    if (from->first == NULL) {
        return;
    }

    from->first->prev = to->last;

    if (to->last == NULL) {
        to->first = from->first;
    } else {
        to->last->next = from->first;
    }

    to->last = from->last;
    to->n += from->n;
    *from = (list_t){ 0 };
}


static uint64_t
now_ms(void)
{
    struct timespec now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}


static struct timespec
at(uint64_t ms)
{
    return (struct timespec){ (time_t) (ms / 1000),
                              (long) (ms % 1000) * 1000000 };
}
