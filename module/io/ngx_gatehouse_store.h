/*
 * One store vocabulary for every station: get, put, claim, take, changes.
 * Every operation answers at once (NGX_OK: look at op->rc), later (NGX_AGAIN:
 * op->handler is called from the event loop, never before the call returned),
 * or could not be asked (NGX_ERROR, which sets op->rc to GH_UNAVAILABLE or GH_FULL). Backends: LMDB, and a test
 * backend that delays, reorders and fails by seed; Redis comes behind the same header.
 */

#ifndef NGX_GATEHOUSE_STORE_H
#define NGX_GATEHOUSE_STORE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "gh_store.h"


typedef struct ngx_gatehouse_store_s    ngx_gatehouse_store_t;
typedef struct ngx_gatehouse_store_op_s ngx_gatehouse_store_op_t;

typedef enum {
    NGX_GATEHOUSE_STORE_GET = 0,
    NGX_GATEHOUSE_STORE_PUT,
    NGX_GATEHOUSE_STORE_DELETE,
    NGX_GATEHOUSE_STORE_CLAIM,
    NGX_GATEHOUSE_STORE_TAKE
} ngx_gatehouse_store_type_e;

/*
 * One operation: own heap block, made by _op_create with copies of name and
 * value, so it outlives whoever asked. An asker that goes away calls
 * _op_abandon (from its pool cleanup): the operation still completes, its
 * handler is not called, and it frees itself. Otherwise the handler's owner
 * calls _op_destroy.
 */
struct ngx_gatehouse_store_op_s {
    ngx_gatehouse_store_type_e type;
    gh_kind_t                  kind;
    gh_str_t                   name, value;  /* copies inside the block */
    uint64_t                   if_version;   /* PUT, DELETE */
    ngx_msec_t                 deadline;     /* span, ms; 0: the store's own */
    int64_t                    ttl_s;        /* CLAIM; PUT: 0 no expiry */
    uint64_t                   n, limit;     /* TAKE */
    unsigned                   log:1;        /* append to the change log */
    unsigned                   abandoned:1;

    void                     (*handler)(ngx_gatehouse_store_op_t *op);
    void                      *data;         /* the asker's */

    /* results */
    gh_rc_t                    rc; /* OK ABSENT CONFLICT FULL INVALID
                                      UNAVAILABLE */
    gh_str_t                   result;       /* GET: owned by the op */
    uint64_t                   version, granted;

    void                      *private_data; /* the backend's */
};

/* How the store stands, for status, metrics and /ready. */
typedef struct {
    const char *backend;       /* "lmdb", "test" */
    unsigned    available:1;
    ngx_msec_t  since;         /* ngx_current_msec of the last change of it */
    char        why[300];      /* when it is not */
    uint64_t    sequence;      /* of the change log, as followed */
    uint64_t    writes, write_failures, reads, queue, dropped;
    uint64_t    records, used_bytes, map_bytes;
} ngx_gatehouse_store_state_t;

/* From configuration; borrowed for the cycle. */
typedef struct {
    ngx_str_t   spec;        /* "lmdb:/var/lib/gatehouse?size=16g", "test:lmdb:/d?seed=7&delay=20&fail=5" */
    ngx_msec_t  deadline;    /* of a write; default 1000 ms */
    ngx_msec_t  follow;      /* change log poll; default 200 ms */
    ngx_uint_t  queue;       /* bound of waiting writes; default 4096 */
    ngx_uid_t   user;        /* of the workers */
    ngx_gid_t   group;
} ngx_gatehouse_store_conf_t;

/*
 * Called in the event loop for every line of the change log, in order; with
 * line NULL when lines were lost (gap, store back after being away): drop
 * everything cached.
 */
typedef void (*ngx_gatehouse_store_follow_pt)(void *data,
    const gh_store_change_t *line);


/* Configuration time, also in `nginx -t`: checks the words only. NGX_CONF_OK or a message. */
char *ngx_gatehouse_store_parse(ngx_conf_t *cf,
    ngx_gatehouse_store_conf_t *sc);
/* In the master before workers start (never in -t): makes the directory and
 * gives it to the workers' user. Looks at owner and mode, opens nothing. */
ngx_int_t ngx_gatehouse_store_prepare(ngx_gatehouse_store_conf_t *sc,
    ngx_log_t *log);

/*
 * In init_process of workers and single processes. A store that cannot be
 * opened is not an error of the worker: it stays away, retries every second,
 * and operations answer NGX_ERROR meanwhile. NULL only without memory.
 */
ngx_gatehouse_store_t *ngx_gatehouse_store_open(ngx_cycle_t *cycle,
    ngx_gatehouse_store_conf_t *sc);
/* In exit_process: what was queued is written first. */
void ngx_gatehouse_store_close(ngx_gatehouse_store_t *store);

ngx_int_t ngx_gatehouse_store_subscribe(ngx_gatehouse_store_t *store,
    ngx_gatehouse_store_follow_pt follow, void *data);

ngx_gatehouse_store_op_t *ngx_gatehouse_store_op_create(
    ngx_gatehouse_store_type_e type, gh_kind_t kind, gh_str_t name,
    gh_str_t value);
void ngx_gatehouse_store_op_destroy(ngx_gatehouse_store_op_t *op);
void ngx_gatehouse_store_op_abandon(ngx_gatehouse_store_op_t *op);

/* Starts it. Guard: each operation that answers NGX_AGAIN keeps a
 * non-cancelable timer, so an exiting worker waits for it. */
ngx_int_t ngx_gatehouse_store_submit(ngx_gatehouse_store_t *store,
    ngx_gatehouse_store_op_t *op);

/* Calls each() for every record of a kind, synchronously and bounded, at
 * worker start and for status pages only. NGX_DECLINED: backend cannot. */
ngx_int_t ngx_gatehouse_store_each(ngx_gatehouse_store_t *store,
    gh_kind_t kind,
    bool (*each)(void *ctx, gh_str_t name, gh_str_t value, uint64_t version),
    void *ctx);

void ngx_gatehouse_store_state(ngx_gatehouse_store_t *store,
    ngx_gatehouse_store_state_t *out);


#endif
