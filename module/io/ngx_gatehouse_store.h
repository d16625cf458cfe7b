/*
 * One store vocabulary for every station: get, put, claim, take, changes.
 * Every operation answers at once (NGX_OK: look at op->rc), later (NGX_AGAIN:
 * op->handler is called from the event loop, never before the call returned),
 * or could not be asked (NGX_ERROR, which sets op->rc to GH_UNAVAILABLE,
 * GH_FULL or GH_NOMEM). Backends: LMDB, and a test backend that delays,
 * reorders and fails by seed, and Redis.
 */

#ifndef NGX_GATEHOUSE_STORE_H
#define NGX_GATEHOUSE_STORE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "gh_secret.h"
#include "gh_store.h"
#include "ngx_gatehouse_node.h"


typedef struct ngx_gatehouse_store_s ngx_gatehouse_store_t;
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
 * calls _op_destroy; it may do so in the handler.
 *
 * GH_UNAVAILABLE of a write past its deadline means "not known": it may have
 * been done, or be done still.
 */
struct ngx_gatehouse_store_op_s {
    ngx_gatehouse_store_type_e type;
    gh_kind_t kind;
    gh_str_t name, value;   /* copies inside the block */
    uint64_t if_version;    /* PUT, DELETE: GH_VERSION_ANY from _op_create,
                             0 is "must be absent" */
    ngx_msec_t deadline;    /* span, ms; 0: the store's own */
    int64_t ttl_s;          /* CLAIM; PUT, TAKE: 0 no expiry */
    int64_t needs_s;        /* CLAIM, once: GH_UNAVAILABLE unless the store
                               has lost no claim for longer than that */
    uint64_t n, limit;      /* TAKE */
    uint64_t least;         /* TAKE: with less left, nothing is taken */
    gh_store_lease_t lease; /* TAKE with `leased`; n: at most */
    unsigned leased : 1;    /* of a rate that nodes share; its deadline is half
                             of the others'. GH_CONFLICT, GH_ABSENT: nothing
                             was given, ask anew */
    unsigned log : 1;       /* append to the change log */
    unsigned once : 1;      /* CLAIM in a shared store: whatever is there, even
                             damaged, is not claimed again */
    unsigned abandoned : 1;
    unsigned lost : 1; /* GH_UNAVAILABLE: with the connection; it may have
                        been done or not */

    void (*handler)(ngx_gatehouse_store_op_t *op);
    void *data; /* the asker's */

    /* results */
    gh_rc_t rc;           /* OK ABSENT CONFLICT FULL INVALID TOO_LONG
                             UNAVAILABLE NOMEM */
    gh_str_t result;      /* GET: owned by the op */
    uint64_t version;     /* CONFLICT: of what stands there, 0: nothing */
    int64_t expires_at_s; /* GET: 0 never */
    uint64_t granted;     /* TAKE: 0, least..n, also with OK */
    uint64_t left;        /* TAKE: of the limit, after this; `leased`: in
                             thousandths of a token */

    void *private_data; /* the backend's */
};

/* How the store stands, for status, metrics and /ready. */
typedef struct {
    const char *backend;     /* "lmdb", "redis", "test" */
    unsigned available : 1;  /* operations are asked at all */
    unsigned writable : 1;   /* the last write that was tried went well */
    ngx_msec_t since;        /* ngx_current_msec of the last change of it */
    char why[300];           /* when either is not; else "" */
    uint64_t sequence;       /* of the change log, as followed */
    uint64_t writes, reads;  /* asked */
    uint64_t write_failures; /* FULL, UNAVAILABLE, NOMEM */
    uint64_t queue;          /* writes that wait now */
    uint64_t dropped;        /* for want of room in the queue, or past
                                their deadline before they were begun */
    uint64_t records, used_bytes, map_bytes;
} ngx_gatehouse_store_state_t;

/* From configuration; borrowed for the cycle. */
typedef struct {
    /*
     * redis://HOST[:PORT][/DATABASE][?timeout=100ms&state=/DIRECTORY],
     *   rediss:// with TLS, unix:/PATH for HOST; or redis=NAME of a block
     * lmdb:/DIRECTORY[?size=16g]
     * test:lmdb:/DIRECTORY[?size=16g&seed=7&...], each chance in percent:
     *   seed=N     what happens is the same again for the same questions
     *   delay=MS   up to so long before, and again after, what is asked is
     *              done; so answers come in another order
     *   kind=N     only questions about records of that gh_kind_t are delayed
     *   late=MS    the same for lines of the change log, which keep theirs
     *   fail=N     not done, and answered with UNAVAILABLE
     *   lose=N     done, and answered with UNAVAILABLE
     *   hang=N     never answered: its deadline comes; half of them are done
     *   refuse=N   NGX_ERROR at once
     *   now=N      answered at once where LMDB would
     *   gap=N      a line of the change log becomes a gap
     */
    ngx_str_t spec;
    ngx_msec_t deadline; /* of an operation; default 1000 ms, or Redis's */
    ngx_msec_t follow;   /* change log poll; default 200 ms, Redis 500 ms */
    ngx_uint_t queue;    /* bound of waiting writes; default 4096 */
    ngx_uid_t user;      /* of the workers; -1: whoever runs */
    ngx_gid_t group;
    ngx_array_t *blocks; /* of gatehouse_redis; NULL: none */
    struct ngx_gatehouse_redis_conf_s *redis; /* NULL: another backend */
    const gh_secret_t *secret;  /* set before _open: seals what Redis gets */
    ngx_gatehouse_node_t *node; /* set before _open by who leases */
} ngx_gatehouse_store_conf_t;

/*
 * Called in the event loop for every line of the change log, in order; with
 * line NULL when lines were lost (gap), and whenever the store has become
 * available: drop everything cached.
 */
typedef void (*ngx_gatehouse_store_follow_pt)(void *data,
                                              const gh_store_change_t *line);


/*
 * Configuration time, also in `nginx -t`: checks the words only, fills in
 * defaults. NGX_CONF_OK or a message that begins after "directive ".
 */
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
ngx_gatehouse_store_t *ngx_gatehouse_store_open(
    ngx_cycle_t *cycle, ngx_gatehouse_store_conf_t *sc);
/* In exit_process: what was queued is written first. Handlers of what was
 * still under way are not called; their owners may still destroy or abandon
 * the operations. */
void ngx_gatehouse_store_close(ngx_gatehouse_store_t *store);

ngx_int_t ngx_gatehouse_store_subscribe(ngx_gatehouse_store_t *store,
                                        ngx_gatehouse_store_follow_pt follow,
                                        void *data);
void ngx_gatehouse_store_unsubscribe(ngx_gatehouse_store_t *store,
                                     ngx_gatehouse_store_follow_pt follow,
                                     void *data);

/* NULL without memory. */
ngx_gatehouse_store_op_t *ngx_gatehouse_store_op_create(
    ngx_gatehouse_store_type_e type, gh_kind_t kind, gh_str_t name,
    gh_str_t value);
void ngx_gatehouse_store_op_destroy(ngx_gatehouse_store_op_t *op);
void ngx_gatehouse_store_op_abandon(ngx_gatehouse_store_op_t *op);

/*
 * Starts it; an operation that has completed may be submitted again. Guard:
 * each operation that answers NGX_AGAIN keeps a non-cancelable timer, so an
 * exiting worker waits for it, and completes with GH_UNAVAILABLE at its
 * deadline.
 */
ngx_int_t ngx_gatehouse_store_submit(ngx_gatehouse_store_t *store,
                                     ngx_gatehouse_store_op_t *op);

/* Calls each() for every record of a kind in name order, synchronously, at
 * worker start and for status pages only. NGX_DECLINED: backend cannot;
 * NGX_ERROR: the store is away. */
ngx_int_t ngx_gatehouse_store_each(
    ngx_gatehouse_store_t *store, gh_kind_t kind,
    bool (*each)(void *ctx, gh_str_t name, gh_str_t value, uint64_t version),
    void *ctx);

/* The same of names alone, of records that cannot be read too. */
ngx_int_t ngx_gatehouse_store_names(ngx_gatehouse_store_t *store,
                                    gh_kind_t kind,
                                    bool (*each)(void *ctx, gh_str_t name),
                                    void *ctx);

/* How long ago the change log was last seen to its end: what was loaded
 * since then, or followed since, is known to be right as of then. */
ngx_msec_t ngx_gatehouse_store_age(ngx_gatehouse_store_t *store);

/* How long an asking for a lease may take. */
ngx_msec_t ngx_gatehouse_store_lease_deadline(
    const ngx_gatehouse_store_t *store);

/* Nodes share it: rates are leased, what may be used once is claimed. */
ngx_uint_t ngx_gatehouse_store_shared(const ngx_gatehouse_store_t *store);

/* The last line of the change log that was followed; 0: none yet. */
uint64_t ngx_gatehouse_store_sequence(const ngx_gatehouse_store_t *store);

void ngx_gatehouse_store_state(ngx_gatehouse_store_t *store,
                               ngx_gatehouse_store_state_t *out);


#endif
