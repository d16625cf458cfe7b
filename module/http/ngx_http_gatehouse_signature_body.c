/*
 * The body of a signed request: read whole while the request waits in its
 * access phase, hashed piece by piece as it comes, whatever carries it and
 * wherever nginx keeps it.
 */

#include "ngx_http_gatehouse_signature.h"


static void ngx_http_gatehouse_signature_read(ngx_http_request_t *r);
static ngx_int_t ngx_http_gatehouse_signature_filter(ngx_http_request_t *r,
                                                     ngx_chain_t *in);


static ngx_http_request_body_filter_pt ngx_http_next_request_body_filter;


void
ngx_http_gatehouse_signature_init(void)
{
    ngx_http_next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = ngx_http_gatehouse_signature_filter;
}


ngx_uint_t
ngx_http_gatehouse_has_body(ngx_http_request_t *r)
{
    return r->headers_in.chunked || r->headers_in.content_length_n > 0;
}


ngx_int_t
ngx_http_gatehouse_signature_body(ngx_http_gatehouse_request_t *gr)
{
    ngx_int_t rc;
    ngx_http_request_t *r;
    ngx_http_gatehouse_signature_t *sig;

    r = gr->request;
    sig = gr->signature;

    if (sig->read) {
        return NGX_OK;
    }

    if (r->request_body != NULL || r->discard_body) {
        /* somebody else has read it, and we have not seen it */
        return ngx_http_gatehouse_refuse(gr, GH_REASON_SIGNATURE_DIGEST);
    }

    rc = ngx_http_read_client_request_body(r,
                                           ngx_http_gatehouse_signature_read);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    if (sig->read) {
        return NGX_OK;
    }

    sig->awaited = 1;

    return NGX_DONE;
}


/* Also called before ngx_http_read_client_request_body returns. */

static void
ngx_http_gatehouse_signature_read(ngx_http_request_t *r)
{
    ngx_http_gatehouse_request_t *gr;

    r->main->count--;

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    gr = ngx_http_gatehouse_request_find(r);

    if (gr == NULL || gr->signature == NULL) {
        return;
    }

    gr->signature->read = 1;

    if (gr->signature->awaited) {
        gr->signature->awaited = 0;
        ngx_http_core_run_phases(r);
    }
}


static ngx_int_t
ngx_http_gatehouse_signature_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    gh_str_t piece;
    ngx_chain_t *cl;
    ngx_http_gatehouse_request_t *gr;
    ngx_http_gatehouse_signature_t *sig;

    gr = ngx_http_get_module_ctx(r, ngx_http_gatehouse_module);
    sig = (r == r->main && gr != NULL) ? gr->signature : NULL;

    if (sig != NULL && sig->digested && !sig->read) {

        for (cl = in; cl; cl = cl->next) {

            if (!ngx_buf_in_memory(cl->buf)) {
                continue;
            }

            piece.data = (const char *) cl->buf->pos;
            piece.len = (size_t) (cl->buf->last - cl->buf->pos);

            gh_digest_update(&sig->digest, piece);
        }
    }

    return ngx_http_next_request_body_filter(r, in);
}
