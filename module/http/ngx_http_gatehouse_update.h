/*
 * One change of a session's record under way, as the files that make it share
 * it.
 */

#ifndef NGX_HTTP_GATEHOUSE_UPDATE_H
#define NGX_HTTP_GATEHOUSE_UPDATE_H

#include "ngx_http_gatehouse_oidc.h"

#define NGX_HTTP_GATEHOUSE_UPDATE_RETRY_MS 5000


typedef void (*ngx_http_gatehouse_update_pt)(ngx_http_gatehouse_update_t *u);

struct ngx_http_gatehouse_update_s {
    ngx_queue_t queue;                         /* of the worker's */
    ngx_http_gatehouse_session_entry_t *entry; /* held */
    ngx_http_gatehouse_main_conf_t *gmcf;
    ngx_http_gatehouse_oidc_t *oidc;

    ngx_gatehouse_store_op_t *op;
    ngx_gatehouse_fetch_t *fetch;
    ngx_gatehouse_waiter_t keys_waiter;
    ngx_http_gatehouse_update_pt next; /* when op is done */
    ngx_event_t timer;
    ngx_connection_t dummy;
    ngx_msec_t until;

    uint64_t version; /* of the record in session */
    gh_session_t session;
    gh_oidc_reply_t reply;
    json_t *claims;  /* as they are now; NULL: as they were */
    gh_buf_t sealed; /* what is being written */
    ngx_uint_t tries;
    unsigned refresh : 1;
    unsigned claimed : 1; /* this refresh is ours to make */
    unsigned opened : 1;  /* session */
    unsigned replied : 1; /* reply: verified, to be written */
};


/* The next step of a refresh whose turn it is: asks the provider. */
void ngx_http_gatehouse_update_ask(ngx_http_gatehouse_update_t *u);
/* Writes what u->reply, once it is verified, and the clock make of it. */
void ngx_http_gatehouse_update_write(ngx_http_gatehouse_update_t *u);
/* Both end the job, which is gone then, and call who waits. why is static. */
void ngx_http_gatehouse_update_end(ngx_http_gatehouse_update_t *u);
void ngx_http_gatehouse_update_fail(ngx_http_gatehouse_update_t *u,
                                    const char *why);


#endif
