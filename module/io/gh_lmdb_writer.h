/*
 * The thread that opens the embedded store and writes to it, for a caller
 * who must never wait for a disk or for another process: a bounded queue in,
 * a file descriptor that is readable when there is something to collect.
 * Knows nothing of nginx. All functions are for one thread, the owner.
 */

#ifndef GH_LMDB_WRITER_H
#define GH_LMDB_WRITER_H

#include "gh_lmdb.h"

typedef struct gh_lmdb_writer_s gh_lmdb_writer_t;
typedef struct gh_lmdb_job_s gh_lmdb_job_t;

/* One write. The caller's memory, lent from put until collect, cancel or
 * stop give it back; so is what its strings point to. */
struct gh_lmdb_job_s {
    gh_lmdb_job_t *next, *prev; /* the writer's; next: of what was collected */
    bool in_flight;             /* the writer's */
    gh_write_t write;           /* group must be 0 */
    void *data;                 /* the caller's */
};

typedef struct {
    gh_lmdb_options_t store;
    size_t queue_max;  /* jobs that wait, those being written not counted */
    unsigned retry_ms; /* between attempts to open */
    unsigned tidy_ms;  /* between gh_lmdb_tidy */
} gh_lmdb_writer_options_t;

/* How the store stands. */
typedef struct {
    gh_lmdb_t *db;  /* to read from until the next collect; NULL: away */
    unsigned opens; /* how often it was opened: a change is a gap */
    gh_rc_t rc;     /* of the last open, write or tidy */
    char why[GH_LMDB_WHY];    /* if that failed */
    uint64_t written, failed; /* jobs, since the start */
    uint64_t cleared;         /* slots of dead readers */
} gh_lmdb_writer_report_t;


/*
 * Starts the thread, which opens the store by itself, again and again until
 * it can. No signal is ever delivered to it. o->store.directory is copied.
 * GH_UNAVAILABLE: no thread, no descriptor; GH_NOMEM.
 */
gh_rc_t gh_lmdb_writer_start(const gh_lmdb_writer_options_t *o,
                             gh_lmdb_writer_t **out);

/* Readable when gh_lmdb_writer_collect has something to tell. */
int gh_lmdb_writer_fd(const gh_lmdb_writer_t *w);

/* GH_FULL: the queue is; GH_UNAVAILABLE: the store is away. Else GH_OK and
 * the job is lent. */
gh_rc_t gh_lmdb_writer_put(gh_lmdb_writer_t *w, gh_lmdb_job_t *job);

/*
 * True: the job was still waiting, will never be done and is given back.
 * False: it is being written; it comes back by collect.
 */
bool gh_lmdb_writer_cancel(gh_lmdb_writer_t *w, gh_lmdb_job_t *job);

/* What is done, in the order of its writing, linked by next; NULL: nothing.
 * From here on report->db is the only one to read from. */
gh_lmdb_job_t *gh_lmdb_writer_collect(gh_lmdb_writer_t *w,
                                      gh_lmdb_writer_report_t *report);

/* The owner found the store broken, and does not read from it any more:
 * close it and open it again. */
void gh_lmdb_writer_reopen(gh_lmdb_writer_t *w);

/* How many jobs wait, and for how long the one being written has been. */
void gh_lmdb_writer_load(gh_lmdb_writer_t *w, size_t *waiting,
                         unsigned *stuck_ms);

/*
 * Writes what waits, closes the store, ends the thread; waits at most
 * wait_ms for that. *left: all jobs that come back now. True: w is gone.
 * False: the thread is stuck (another process holds the store's lock, or
 * the disk hangs) and keeps w and the jobs in its hands for ever: for a
 * process that ends.
 */
bool gh_lmdb_writer_stop(gh_lmdb_writer_t *w, unsigned wait_ms,
                         gh_lmdb_job_t **left);


#endif
