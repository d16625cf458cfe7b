/*
 * Calls to providers, off the event loop: on nginx's default thread pool,
 * under our own caps, deadlines, sizes and a circuit breaker per provider.
 * What a call promises stands in gh_call.h.
 */

#ifndef NGX_GATEHOUSE_FETCH_H
#define NGX_GATEHOUSE_FETCH_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "gh_call.h"

#define NGX_GATEHOUSE_FETCH_IN_FLIGHT 16 /* per worker */
#define NGX_GATEHOUSE_FETCH_PER_HOST 4
#define NGX_GATEHOUSE_FETCH_HOSTS 256 /* providers known at once */
#define NGX_GATEHOUSE_FETCH_TOTAL_MS 5000
#define NGX_GATEHOUSE_FETCH_CONNECT_MS 2000


/* A worker's. */
typedef struct ngx_gatehouse_fetcher_s ngx_gatehouse_fetcher_t;
typedef struct ngx_gatehouse_fetch_s ngx_gatehouse_fetch_t;

/*
 * One call: own heap block that outlives whoever asked. handler runs in the
 * event loop when it is over, unless it was abandoned. The texts are copies
 * on the heap (ngx_gatehouse_fetch_text), freed and wiped with the call.
 */
struct ngx_gatehouse_fetch_s {
    char *url;
    char *post;          /* NULL: GET */
    char *accept;        /* NULL: anything */
    char *authorization; /* NULL: none */
    char *ca_file;       /* NULL: the system's */
    size_t max_bytes;    /* of the body; 512 KB */
    ngx_msec_t deadline; /* of all of it; NGX_GATEHOUSE_FETCH_TOTAL_MS */
    unsigned allow_loopback_http : 1;
    unsigned abandoned : 1;

    void (*handler)(ngx_gatehouse_fetch_t *f);
    void *data;

    /* results */
    gh_rc_t rc; /* OK: an HTTP answer came; TOO_LONG; UNAVAILABLE: no
                           answer; INVALID: the URL is not allowed; FULL: caps
                           or breaker */
    long status;
    char *content_type; /* NUL-terminated; may be NULL */
    char *body;         /* NUL behind body_len bytes; may be NULL */
    size_t body_len;
    char why[GH_CALL_WHY_MAX]; /* for the log; no secrets */
};


/* At configuration: nginx's default thread pool must exist. */
ngx_int_t ngx_gatehouse_fetch_configure(ngx_conf_t *cf);

/* In init_process and exit_process. NULL only without memory. What is still
 * under way at close is freed; no handler is called. */
ngx_gatehouse_fetcher_t *ngx_gatehouse_fetch_open(ngx_cycle_t *cycle);
void ngx_gatehouse_fetch_close(ngx_gatehouse_fetcher_t *fetcher);

/* NULL without memory. url is copied; post, accept, authorization and ca_file
 * are set by the caller with copies made by ngx_gatehouse_fetch_text. */
ngx_gatehouse_fetch_t *ngx_gatehouse_fetch_create(gh_str_t url);
char *ngx_gatehouse_fetch_text(gh_str_t s);

/*
 * NGX_OK: the handler will be called later, once, from the event loop, not
 * after the deadline; then the call is the handler's to destroy. NGX_BUSY:
 * caps or an open breaker, rc is GH_FULL. NGX_ERROR: rc is GH_INVALID (the
 * URL is not allowed) or GH_UNAVAILABLE. After these two the caller still
 * owns it. A call under way keeps a non-cancelable timer, so that an exiting
 * worker waits for it.
 */
ngx_int_t ngx_gatehouse_fetch_start(ngx_gatehouse_fetcher_t *fetcher,
                                    ngx_gatehouse_fetch_t *f);

/* The asker is gone: the handler is not called, the call frees itself. */
void ngx_gatehouse_fetch_abandon(ngx_gatehouse_fetch_t *f);
void ngx_gatehouse_fetch_destroy(ngx_gatehouse_fetch_t *f);


#endif
