/*
 * The state of one request: made at its first station, found again after
 * internal redirects (which wipe module contexts), suspended at an await and
 * woken from it, also when the client has gone meanwhile.
 */

#include "ngx_http_gatehouse.h"
#include "ngx_http_gatehouse_signature.h"
#include "ngx_http_gatehouse_tokens.h"


static ngx_http_gatehouse_request_t *ngx_http_gatehouse_request_anew(
    ngx_http_request_t *r) __attribute__((noinline));
static void ngx_http_gatehouse_request_cleanup(void *data);
#if (NGX_DEBUG)
static void ngx_http_gatehouse_request_left(ngx_http_gatehouse_request_t *gr);
#endif


ngx_http_gatehouse_request_t *
ngx_http_gatehouse_request_find(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t *cln;
    ngx_http_gatehouse_request_t *gr;

    gr = ngx_http_get_module_ctx(r->main, ngx_http_gatehouse_module);

    if (gr != NULL) {
        return gr;
    }

    for (cln = r->main->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_gatehouse_request_cleanup) {
            return cln->data;
        }
    }

    return NULL;
}


ngx_http_gatehouse_request_t *
ngx_http_gatehouse_request(ngx_http_request_t *r)
{
    ngx_http_gatehouse_request_t *gr;

    gr = ngx_http_get_module_ctx(r->main, ngx_http_gatehouse_module);

    return (gr != NULL) ? gr : ngx_http_gatehouse_request_anew(r);
}


/* Found again after a redirect, or made. */

static ngx_http_gatehouse_request_t *
ngx_http_gatehouse_request_anew(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t *cln;
    ngx_http_gatehouse_request_t *gr;

    gr = ngx_http_gatehouse_request_find(r);

    if (gr != NULL) {
        ngx_http_set_ctx(r->main, gr, ngx_http_gatehouse_module);
        return gr;
    }

    cln = ngx_pool_cleanup_add(r->main->pool, 0);
    gr = ngx_pcalloc(r->main->pool, sizeof(ngx_http_gatehouse_request_t));

    if (cln == NULL || gr == NULL) {
        return NULL;
    }

    cln->data = gr;
    cln->handler = ngx_http_gatehouse_request_cleanup;

    gr->request = r->main;
    gr->gmcf = ngx_http_get_module_main_conf(r, ngx_http_gatehouse_module);
    gr->began_ns = ngx_gatehouse_monotonic_ns();

    if (gr->gmcf->policies != NULL) {
        gr->image = ngx_gatehouse_policies_current(gr->gmcf->policies);

        if (gr->image != NULL) {
            ngx_gatehouse_image_hold(gr->image);
        }
    }

    ngx_http_set_ctx(r->main, gr, ngx_http_gatehouse_module);

    return gr;
}


static void
ngx_http_gatehouse_request_cleanup(void *data)
{
    ngx_http_gatehouse_request_t *gr = data;

#if (NGX_DEBUG)
    if (gr->waiting) {
        ngx_http_gatehouse_request_left(gr);
    }
#endif

    ngx_http_gatehouse_stream_end(gr);
    ngx_gatehouse_waiter_cancel(&gr->record_waiter);
    ngx_gatehouse_waiter_cancel(&gr->keys_waiter);
    ngx_gatehouse_waiter_cancel(&gr->limit_waiter);

    ngx_gatehouse_waiter_cancel(&gr->session_waiter);

    if (gr->session != NULL) {
        ngx_http_gatehouse_session_release(gr->session);
    }

    if (gr->signature != NULL) {
        ngx_gatehouse_replay_leave(&gr->signature->ask);
    }

    if (gr->token != NULL) {
        ngx_http_gatehouse_token_release(gr->token);
    }

    if (gr->known != NULL) {
        ngx_http_gatehouse_known_release(gr->known);
    }

    if (gr->image != NULL) {
        ngx_gatehouse_image_release(gr->gmcf->policies, gr->image);
    }
}


#if (NGX_DEBUG)

/* An await ends without its request. At debug_core, where little else is
 * said: who counts them does so by the thousand. */

static void
ngx_http_gatehouse_request_left(ngx_http_gatehouse_request_t *gr)
{
    const char *what;
    ngx_http_request_t *r = gr->request;

    what = gr->record_waiter.linked    ? "a record"
           : gr->keys_waiter.linked    ? "a provider's keys or metadata"
           : gr->session_waiter.linked ? "a refresh"
           : gr->limit_waiter.linked   ? "a limit"
                                       : "what it asked for";

    ngx_log_debug2(NGX_LOG_DEBUG_CORE, r->connection->log, 0,
                   "gatehouse: \"%V\" is left while it waits for %s", &r->uri,
                   what);
}

#endif


ngx_int_t
ngx_http_gatehouse_suspend(ngx_http_gatehouse_request_t *gr)
{
    ngx_event_t *rev;

    /* without it a client that goes away is not noticed; one that has gone
     * already sends no other event */

    rev = gr->request->connection->read;

    if (rev->ready || rev->pending_eof) {
        ngx_post_event(rev, &ngx_posted_events);

    } else if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* a write event may come with any read event of a connection that was
     * used before: it must not run the phases, we might go on twice */

    gr->request->read_event_handler = ngx_http_test_reading;
    gr->request->write_event_handler = ngx_http_request_empty_handler;
    gr->waiting = 1;

    return NGX_AGAIN;
}


/* A waiter's handler: runs the phases again from where they stopped. */

void
ngx_http_gatehouse_wake(void *data)
{
    ngx_http_gatehouse_request_t *gr = data;

    ngx_connection_t *c;
    ngx_http_request_t *r;

    if (!gr->waiting) {
        return;
    }

    gr->waiting = 0;

    r = gr->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
    ngx_http_run_posted_requests(c);
}


ngx_int_t
ngx_http_gatehouse_refuse(ngx_http_gatehouse_request_t *gr, gh_reason_t reason)
{
    ngx_http_gatehouse_loc_conf_t *glcf;

    glcf =
        ngx_http_get_module_loc_conf(gr->request, ngx_http_gatehouse_module);

    gr->reason = reason;
    gr->refused = reason;
    gr->refused_by = glcf->authenticate;
    ngx_http_gatehouse_signature_wanted(gr, glcf);
    gr->page = 1;

    return (ngx_int_t) gh_reason_info(reason)->status;
}


/*
 * An error_page of the user leads through another location, which has its own
 * word: the answer is still that of the refusal, unless it was turned into a
 * success.
 */

gh_reason_t
ngx_http_gatehouse_outcome(ngx_http_gatehouse_request_t *gr)
{
    ngx_uint_t status;
    ngx_http_request_t *r;

    r = gr->request;
    status = r->err_status ? r->err_status : r->headers_out.status;

    return (gr->refused != GH_REASON_NONE && status >= 300) ? gr->refused
                                                            : gr->reason;
}


/* IPv4, IPv4 in IPv6 as IPv4, and the /64 of IPv6: what one source can
 * change at will is not part of it. */

ngx_str_t
ngx_http_gatehouse_source(ngx_connection_t *c,
                          u_char buf[NGX_HTTP_GATEHOUSE_SOURCE_LEN])
{
    ngx_str_t s;
    struct sockaddr_in *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6 *sin6;
#endif

    s.data = buf;
    s.len = 0;

    switch (c->sockaddr->sa_family) {

    case AF_INET:
        sin = (struct sockaddr_in *) c->sockaddr;
        ngx_memcpy(buf, &sin->sin_addr, 4);
        s.len = 4;
        break;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) c->sockaddr;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            ngx_memcpy(buf, &sin6->sin6_addr.s6_addr[12], 4);
            s.len = 4;

        } else {
            ngx_memcpy(buf, &sin6->sin6_addr, 8);
            s.len = 8;
        }
        break;
#endif

    default:
        /* a unix socket is one source */
        buf[0] = 'u';
        s.len = 1;
        break;
    }

    return s;
}
