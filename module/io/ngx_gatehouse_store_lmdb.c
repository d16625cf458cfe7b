/*
 * The embedded store in a worker: reads in the event loop, everything that
 * may wait on the writer thread, whose descriptor is one connection of the
 * worker. The change log is polled; what the worker wrote itself it sees
 * before the writer of it is told.
 */

#include "ngx_gatehouse_store_lmdb.h"

#include <poll.h>


#define LMDB_RETRY_MS 1000
#define LMDB_TIDY_MS 10000
#define LMDB_START_MS 2000 /* a worker waits so long for the first open */
#define LMDB_STOP_MIN 1000 /* and at its end so long at least, */
#define LMDB_STOP_MAX 5000 /* and so long at most */
#define LMDB_LINES 256
#define LMDB_ROUNDS 16 /* of so many lines before others have their turn */


static ngx_int_t lmdb_open(ngx_gatehouse_store_t *store);
static gh_rc_t lmdb_start(ngx_gatehouse_store_t *store);
static ngx_int_t lmdb_connect(ngx_gatehouse_store_t *store);
static void lmdb_close(ngx_gatehouse_store_t *store);
static void lmdb_disconnect(ngx_gatehouse_lmdb_t *lmdb);

static void lmdb_collect_handler(ngx_event_t *ev);
static void lmdb_collect(ngx_gatehouse_store_t *store);
static void lmdb_report(ngx_gatehouse_store_t *store,
                        gh_lmdb_writer_report_t *report);

static void lmdb_follow_handler(ngx_event_t *ev);
static void lmdb_follow(ngx_gatehouse_store_t *store);
static ngx_int_t lmdb_follow_lines(ngx_gatehouse_store_t *store,
                                   uint64_t last);
static void lmdb_gap(ngx_gatehouse_store_t *store, uint64_t last);
static void lmdb_look_at_load(ngx_gatehouse_store_t *store);

static ngx_int_t lmdb_each(ngx_gatehouse_store_t *store, gh_kind_t kind,
                           bool (*each)(void *ctx, gh_str_t name,
                                        gh_str_t value, uint64_t version),
                           void *ctx);
static ngx_int_t lmdb_names(ngx_gatehouse_store_t *store, gh_kind_t kind,
                            bool (*each)(void *ctx, gh_str_t name), void *ctx);
static ngx_int_t lmdb_walked(ngx_gatehouse_store_t *store, gh_rc_t rc);
static void lmdb_state(ngx_gatehouse_store_t *store,
                       ngx_gatehouse_store_state_t *out);


const ngx_gatehouse_store_backend_t ngx_gatehouse_store_lmdb = {
    "lmdb",
    lmdb_open,
    lmdb_close,
    ngx_gatehouse_store_lmdb_submit,
    ngx_gatehouse_store_lmdb_cancel,
    lmdb_each,
    lmdb_names,
    lmdb_state,
};


static ngx_int_t
lmdb_open(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_lmdb_t *lmdb;
    struct pollfd ready;

    lmdb = ngx_calloc(sizeof(ngx_gatehouse_lmdb_t), store->log);
    if (lmdb == NULL) {
        return NGX_ERROR;
    }

    store->ctx = lmdb;

    lmdb->follow.handler = lmdb_follow_handler;
    lmdb->follow.data = &store->dummy;
    lmdb->follow.log = store->log;
    lmdb->follow.cancelable = 1;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        ngx_gatehouse_store_stands(store, 0, 0,
                                   "only workers may open the store");
        return NGX_OK;
    }

    if (lmdb_start(store) != GH_OK || lmdb_connect(store) != NGX_OK) {
        ngx_gatehouse_store_stands(store, 0, 0,
                                   "no thread or no connection for the "
                                   "store; it stays away until a reload");
        return NGX_OK;
    }

    /* most stores are open in a millisecond: before the first request */

    ready.fd = gh_lmdb_writer_fd(lmdb->writer);
    ready.events = POLLIN;

    if (poll(&ready, 1, LMDB_START_MS) == 1) {
        lmdb_collect(store);
    } else {
        ngx_gatehouse_store_stands(store, 0, 0, "the store is being opened");
    }

    ngx_add_timer(&lmdb->follow, store->conf.follow);

    return NGX_OK;
}


static gh_rc_t
lmdb_start(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_lmdb_t *lmdb = store->ctx;

    gh_lmdb_writer_options_t options;

    ngx_memzero(&options, sizeof(gh_lmdb_writer_options_t));

    options.store.directory.data = (char *) store->spec.directory.data;
    options.store.directory.len = store->spec.directory.len;
    options.store.map_bytes = store->spec.size;
    options.store.uid = store->conf.user;
    options.store.gid = store->conf.group;
    options.queue_max = store->conf.queue;
    options.retry_ms = LMDB_RETRY_MS;
    options.tidy_ms = LMDB_TIDY_MS;

    return gh_lmdb_writer_start(&options, &lmdb->writer);
}


static ngx_int_t
lmdb_connect(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_lmdb_t *lmdb = store->ctx;

    ngx_connection_t *c;

    c = ngx_get_connection(gh_lmdb_writer_fd(lmdb->writer), store->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    lmdb->connection = c;

    c->data = store;
    c->log = store->log;
    c->read->log = store->log;
    c->write->log = store->log;
    c->read->handler = lmdb_collect_handler;

    /* level-triggered: collecting is what reads the descriptor */

    return ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT);
}


static void
lmdb_close(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_lmdb_t *lmdb = store->ctx;

    ngx_msec_t wait;
    gh_lmdb_job_t *job, *next;

    if (lmdb->follow.timer_set) {
        ngx_del_timer(&lmdb->follow);
    }

    lmdb_disconnect(lmdb);

    if (lmdb->writer != NULL) {
        wait = ngx_min(ngx_max(store->conf.deadline, LMDB_STOP_MIN),
                       LMDB_STOP_MAX);
        lmdb->db = NULL;

        if (!gh_lmdb_writer_stop(lmdb->writer, wait, &job)) {
            ngx_log_error(NGX_LOG_WARN, store->log, 0,
                          "gatehouse: writes were under way at exit and did "
                          "not come back in %M ms; they may be lost",
                          wait);
        }

        for (; job != NULL; job = next) {
            next = job->next;
            ngx_free(job);
        }
    }

    ngx_free(lmdb);
}


static void
lmdb_disconnect(ngx_gatehouse_lmdb_t *lmdb)
{
    ngx_connection_t *c;

    c = lmdb->connection;

    if (c == NULL) {
        return;
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->read->active) {
        ngx_del_event(c->read, NGX_READ_EVENT, 0);
    }

    /* the descriptor is the writer's */

    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;
    lmdb->connection = NULL;
}


static void
lmdb_collect_handler(ngx_event_t *ev)
{
    ngx_connection_t *c;

    c = ev->data;

    lmdb_collect(c->data);
}


static void
lmdb_collect(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_lmdb_t *lmdb = store->ctx;

    gh_lmdb_job_t *job, *next;
    gh_lmdb_writer_report_t report;

    job = gh_lmdb_writer_collect(lmdb->writer, &report);

    lmdb_report(store, &report);

    /* whoever asks next must not find what this batch has changed */

    if (job != NULL) {
        lmdb_follow(store);
    }

    for (; job != NULL; job = next) {
        next = job->next;
        ngx_gatehouse_store_lmdb_finish(store, job);
    }
}


static void
lmdb_report(ngx_gatehouse_store_t *store, gh_lmdb_writer_report_t *report)
{
    ngx_gatehouse_lmdb_t *lmdb = store->ctx;

    ngx_uint_t gap;

    gap = 0;
    lmdb->db = report->db;

    if (lmdb->db == NULL) {
        ngx_gatehouse_store_stands(store, 0, 0, report->why);
        return;
    }

    if (lmdb->opens != report->opens) {
        lmdb->opens = report->opens;

        /* another store, or the same after others wrote to it */

        if (gh_lmdb_sequence(lmdb->db, &lmdb->sequence) != GH_OK) {
            ngx_gatehouse_store_lmdb_let_go(store);
            return;
        }

        /* who was told that it is away is told by that it is back */

        gap = store->available;
        store->sequence = lmdb->sequence;
        ngx_gatehouse_store_heard(store);
    }

    ngx_gatehouse_store_stands(store, 1, report->rc == GH_OK, report->why);

    if (gap) {
        ngx_gatehouse_store_line(store, NULL);
    }
}


void
ngx_gatehouse_store_lmdb_let_go(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_lmdb_t *lmdb = store->ctx;

    lmdb->db = NULL;
    gh_lmdb_writer_reopen(lmdb->writer);
    ngx_gatehouse_store_stands(store, 0, 0,
                               "the store could not be read; it is opened "
                               "again");
}


static void
lmdb_follow_handler(ngx_event_t *ev)
{
    ngx_gatehouse_lmdb_t *lmdb;
    ngx_connection_t *dummy;
    ngx_gatehouse_store_t *store;

    dummy = ev->data;
    store = dummy->data;
    lmdb = store->ctx;

    lmdb_follow(store);
    lmdb_look_at_load(store);

    /* cancelable: an exiting worker does not wait for it, and follows on as
     * long as something else keeps it */

    ngx_add_timer(&lmdb->follow, store->conf.follow);
}


static void
lmdb_follow(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_lmdb_t *lmdb = store->ctx;

    uint64_t last;
    ngx_uint_t i;

    if (lmdb->db == NULL) {
        return;
    }

    if (gh_lmdb_sequence(lmdb->db, &last) != GH_OK) {
        if (gh_lmdb_broken(lmdb->db)) {
            ngx_gatehouse_store_lmdb_let_go(store);
        }
        return;
    }

    for (i = 0; lmdb->sequence != last; i++) {

        if (i == LMDB_ROUNDS) {
            lmdb_gap(store, last);
            break;
        }

        if (lmdb_follow_lines(store, last) != NGX_OK) {
            return;
        }
    }

    ngx_gatehouse_store_heard(store);
}


/* Listeners may read, and find the store broken: then there is no db. */

static ngx_int_t
lmdb_follow_lines(ngx_gatehouse_store_t *store, uint64_t last)
{
    ngx_gatehouse_lmdb_t *lmdb = store->ctx;

    size_t i, n;
    gh_rc_t rc;
    gh_store_change_t lines[LMDB_LINES];

    rc = gh_lmdb_changes(lmdb->db, lmdb->sequence, lines, LMDB_LINES, &n);

    if (rc == GH_ABSENT || (rc == GH_OK && n == 0)) {
        lmdb_gap(store, last);
        return NGX_OK;
    }

    if (rc != GH_OK) {
        if (gh_lmdb_broken(lmdb->db)) {
            ngx_gatehouse_store_lmdb_let_go(store);
        }
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        lmdb->sequence = lines[i].sequence;
        ngx_gatehouse_store_line(store, &lines[i]);

        if (lmdb->db == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
lmdb_gap(ngx_gatehouse_store_t *store, uint64_t last)
{
    ngx_gatehouse_lmdb_t *lmdb = store->ctx;

    lmdb->sequence = last;
    store->sequence = last;
    ngx_gatehouse_store_line(store, NULL);
}


/* Another process holds the lock, or the disk hangs: said, not waited for. */

static void
lmdb_look_at_load(ngx_gatehouse_store_t *store)
{
    ngx_gatehouse_lmdb_t *lmdb = store->ctx;

    size_t waiting;
    unsigned stuck_ms;

    gh_lmdb_writer_load(lmdb->writer, &waiting, &stuck_ms);

    if (lmdb->db != NULL && stuck_ms > store->conf.deadline) {
        ngx_gatehouse_store_stands(store, 1, 0,
                                   "a write to the store does not come back: "
                                   "another process holds its lock (is one "
                                   "stopped?), or the disk hangs");
    }
}


static ngx_int_t
lmdb_each(ngx_gatehouse_store_t *store, gh_kind_t kind,
          bool (*each)(void *ctx, gh_str_t name, gh_str_t value,
                       uint64_t version),
          void *ctx)
{
    ngx_gatehouse_lmdb_t *lmdb = store->ctx;

    return lmdb_walked(store,
                       gh_lmdb_each(lmdb->db, kind, GH_STR(""), each, ctx));
}


static ngx_int_t
lmdb_names(ngx_gatehouse_store_t *store, gh_kind_t kind,
           bool (*each)(void *ctx, gh_str_t name), void *ctx)
{
    ngx_gatehouse_lmdb_t *lmdb = store->ctx;

    return lmdb_walked(store, gh_lmdb_names(lmdb->db, kind, each, ctx));
}


static ngx_int_t
lmdb_walked(ngx_gatehouse_store_t *store, gh_rc_t rc)
{
    ngx_gatehouse_lmdb_t *lmdb = store->ctx;

    if (rc == GH_OK) {
        return NGX_OK;
    }

    if (lmdb->db != NULL && gh_lmdb_broken(lmdb->db)) {
        ngx_gatehouse_store_lmdb_let_go(store);
    }

    return NGX_ERROR;
}


static void
lmdb_state(ngx_gatehouse_store_t *store, ngx_gatehouse_store_state_t *out)
{
    ngx_gatehouse_lmdb_t *lmdb = store->ctx;

    size_t waiting;
    unsigned stuck_ms;
    gh_lmdb_stats_t stats;

    if (lmdb->writer != NULL) {
        gh_lmdb_writer_load(lmdb->writer, &waiting, &stuck_ms);
        out->queue = waiting;
    }

    if (lmdb->db != NULL && gh_lmdb_stats(lmdb->db, &stats) == GH_OK) {
        out->records = stats.records;
        out->used_bytes = stats.used_bytes;
        out->map_bytes = stats.map_bytes;
    }
}
