/*
 * One id per request and its W3C trace: the caller's from trusted peers,
 * else 128 random bits, drawn for many requests at once since asking costs
 * more than the bits do. nginx's own $request_id becomes the same.
 */

#include "ngx_http_gatehouse.h"
#include "ngx_http_gatehouse_peer.h"

#include <openssl/rand.h>


static ngx_int_t ngx_http_gatehouse_draw(ngx_http_gatehouse_request_t *gr);
static ngx_int_t ngx_http_gatehouse_trace(ngx_http_gatehouse_request_t *gr,
                                          gh_str_t from);


ngx_int_t
ngx_http_gatehouse_receive_id(ngx_http_gatehouse_request_t *gr)
{
    ngx_table_elt_t *h;
    ngx_http_request_t *r;
    ngx_http_variable_value_t *vv;
    ngx_http_gatehouse_loc_conf_t *glcf;

    r = gr->request;
    glcf = ngx_http_get_module_loc_conf(r, ngx_http_gatehouse_module);

    if (ngx_http_gatehouse_draw(gr) != NGX_OK
        || ngx_http_gatehouse_trace(gr, GH_STR("")) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (glcf->request_id_trusted != NULL
        && ngx_http_gatehouse_peer_among(r, glcf->request_id_trusted))
    {
        h = ngx_http_gatehouse_header_named(r, &glcf->request_id_header);

        if (h != NULL && gh_request_id_valid(ngx_http_gatehouse_gh(h->value)))
        {
            gr->request_id = h->value;
            return NGX_OK;
        }
    }

    vv = &r->variables[gr->gmcf->request_id_index];

    if (!vv->valid) {
        /* the trace has the request's own number */
        ngx_memcpy(gr->own_id, gr->traceparent + sizeof("00-") - 1,
                   sizeof(gr->own_id));

        vv->data = gr->own_id;
        vv->len = sizeof(gr->own_id);
        vv->valid = 1;
        vv->no_cacheable = 0;
        vv->not_found = 0;
    }

    gr->request_id.data = vv->data;
    gr->request_id.len = vv->len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_gatehouse_draw(ngx_http_gatehouse_request_t *gr)
{
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = gr->gmcf;

    if (gmcf->ids_left == 0) {

        if (RAND_bytes(gmcf->ids[0], sizeof(gmcf->ids)) != 1) {
            return NGX_ERROR;
        }

        gmcf->ids_left = NGX_HTTP_GATEHOUSE_IDS;
    }

    ngx_memcpy(gr->id_bytes, gmcf->ids[--gmcf->ids_left],
               NGX_HTTP_GATEHOUSE_ID_LEN);

    return NGX_OK;
}


/*
 * The caller's trace goes on from trusted peers only, so that nobody outside
 * can join ours; else the trace has the request's own number.
 */

ngx_int_t
ngx_http_gatehouse_receive_trace(ngx_http_gatehouse_request_t *gr,
                                 ngx_uint_t trusted)
{
    gh_str_t from;
    ngx_table_elt_t *h;

    static ngx_str_t name = ngx_string("traceparent");

    if (!trusted) {
        return NGX_OK;
    }

    h = ngx_http_gatehouse_header_named(gr->request, &name);
    if (h == NULL) {
        return NGX_OK;
    }

    from = ngx_http_gatehouse_gh(h->value);
    gr->trace_continued = gh_traceparent_valid(from);

    return ngx_http_gatehouse_trace(gr, from);
}


static ngx_int_t
ngx_http_gatehouse_trace(ngx_http_gatehouse_request_t *gr, gh_str_t from)
{
    gh_buf_t out;

    out.data = (char *) gr->traceparent;
    out.len = 0;
    out.cap = GH_TRACEPARENT_LEN;

    return (gh_traceparent_build(from, gr->id_bytes, &out) == GH_OK)
               ? NGX_OK
               : NGX_ERROR;
}
