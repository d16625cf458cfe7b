/*
 * What stands between the store's vocabulary and its backends. A backend
 * answers operations, follows the change log by its own means, and says
 * whether it is available; deadlines, guards and listeners are the
 * vocabulary's.
 */

#ifndef NGX_GATEHOUSE_STORE_BACKEND_H
#define NGX_GATEHOUSE_STORE_BACKEND_H

#include "ngx_gatehouse_store.h"

#define NGX_GATEHOUSE_STORE_SAID 8


/* The words of gatehouse_store; borrowed from the text. */
typedef struct {
    ngx_uint_t test; /* "test:" stands before */
    ngx_str_t inner; /* without "test:" */
    ngx_str_t directory;
    size_t size; /* of the map; 0: the default */

    uint64_t seed;
    ngx_uint_t delay, late; /* ms */
    ngx_uint_t kind;        /* the only one that is delayed; 0: all are */
    ngx_uint_t fail, lose, hang, refuse, now, gap; /* percent */
} ngx_gatehouse_store_spec_t;

typedef struct {
    const char *name;

    /* NGX_ERROR only without memory: what cannot be opened is away. */
    ngx_int_t (*open)(ngx_gatehouse_store_t *store);
    void (*close)(ngx_gatehouse_store_t *store);

    /* As ngx_gatehouse_store_submit; NGX_AGAIN promises _complete or
     * waits for cancel. */
    ngx_int_t (*submit)(ngx_gatehouse_store_t *store,
                        ngx_gatehouse_store_op_t *op);
    /* Its deadline has come: never touch op again. */
    void (*cancel)(ngx_gatehouse_store_t *store, ngx_gatehouse_store_op_t *op);

    ngx_int_t (*each)(ngx_gatehouse_store_t *store, gh_kind_t kind,
                      bool (*each)(void *ctx, gh_str_t name, gh_str_t value,
                                   uint64_t version),
                      void *ctx);
    ngx_int_t (*names)(ngx_gatehouse_store_t *store, gh_kind_t kind,
                       bool (*each)(void *ctx, gh_str_t name), void *ctx);
    void (*state)(ngx_gatehouse_store_t *store,
                  ngx_gatehouse_store_state_t *out);
} ngx_gatehouse_store_backend_t;

struct ngx_gatehouse_store_s {
    ngx_cycle_t *cycle;
    ngx_log_t *log;
    ngx_gatehouse_store_conf_t conf;
    ngx_gatehouse_store_spec_t spec;
    const ngx_gatehouse_store_backend_t *backend;
    void *ctx; /* the backend's */

    ngx_gatehouse_store_t *outer; /* the test store around this one */
    ngx_queue_t followers;
    ngx_queue_t pending; /* answered NGX_AGAIN */

    unsigned available : 1;
    unsigned writable : 1;
    ngx_msec_t since, heard_at; /* ngx_current_msec */
    char why[300];
    uint64_t sequence, reads, writes, write_failures, dropped;

    /* what was said in the log, when; so that it is bounded */
    struct {
        uint64_t words;
        ngx_msec_t at;
    } said[NGX_GATEHOUSE_STORE_SAID];
    unsigned complained : 1; /* and not yet taken back */

    ngx_connection_t dummy; /* for timers: their debug log wants one */
};


extern const ngx_gatehouse_store_backend_t ngx_gatehouse_store_lmdb;
extern const ngx_gatehouse_store_backend_t ngx_gatehouse_store_redis;
extern const ngx_gatehouse_store_backend_t ngx_gatehouse_store_test;


/* NGX_ERROR writes a sentence, NUL-terminated, into why. */
ngx_int_t ngx_gatehouse_store_spec_parse(ngx_str_t *text,
                                         ngx_gatehouse_store_spec_t *spec,
                                         u_char *why, size_t why_len);

/* What a get found; data is handed over (ngx_alloc). */
void ngx_gatehouse_store_op_result(ngx_gatehouse_store_op_t *op, char *data,
                                   size_t len);
/* All results of one become those of another. */
void ngx_gatehouse_store_op_move(ngx_gatehouse_store_op_t *to,
                                 ngx_gatehouse_store_op_t *from);

/* An operation that answered NGX_AGAIN has its results: the handler is
 * called, or the op is freed. From the event loop only. */
void ngx_gatehouse_store_complete(ngx_gatehouse_store_t *store,
                                  ngx_gatehouse_store_op_t *op);

/* A line of the change log for all followers; NULL: lines were lost. */
void ngx_gatehouse_store_line(ngx_gatehouse_store_t *store,
                              const gh_store_change_t *line);
void ngx_gatehouse_store_unsubscribe_all(ngx_gatehouse_store_t *store);
/* The change log was seen to its end now. */
void ngx_gatehouse_store_heard(ngx_gatehouse_store_t *store);

/* why is a sentence if one of both is 0. What changes is logged, and told
 * to the followers when the store becomes available. */
void ngx_gatehouse_store_stands(ngx_gatehouse_store_t *store,
                                ngx_uint_t available, ngx_uint_t writable,
                                const char *why);

/* Rate-bounded: the same words once a minute, of all words a few. */
void ngx_gatehouse_store_complain(ngx_gatehouse_store_t *store,
                                  ngx_uint_t level, const char *words);


#endif
