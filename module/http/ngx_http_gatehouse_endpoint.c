/*
 * Addresses of our own: a provider's callback, the logout pages. They are
 * served in server rewrite, before any location is looked for, so that no
 * location has to be written for them and none can stand in their way.
 */

#include "ngx_http_gatehouse_oidc.h"
#include "ngx_http_gatehouse_answer.h"
#include "ngx_http_gatehouse_pages.h"


static ngx_http_gatehouse_oidc_t *endpoint_find(
    ngx_http_gatehouse_request_t *gr, ngx_uint_t *what);
static ngx_uint_t endpoint_of(ngx_http_request_t *r,
                              ngx_http_gatehouse_oidc_t *oidc);
static ngx_uint_t endpoint_is(ngx_str_t *uri, ngx_str_t *path);
static ngx_uint_t endpoint_meant(ngx_http_request_t *r,
                                 ngx_http_gatehouse_oidc_t *oidc,
                                 ngx_uint_t what);
static ngx_int_t endpoint_send(ngx_http_gatehouse_request_t *gr);
static ngx_int_t endpoint_header(ngx_http_request_t *r, const char *name,
                                 const char *value);
static void endpoint_body_read(ngx_http_request_t *r);
static ngx_int_t endpoint_body_text(ngx_http_request_t *r, size_t max,
                                    ngx_str_t *body);
static void endpoint_stored(ngx_gatehouse_store_op_t *op);


typedef ngx_int_t (*ngx_http_gatehouse_endpoint_pt)(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_oidc_t *oidc);


ngx_int_t
ngx_http_gatehouse_endpoint(ngx_http_gatehouse_request_t *gr)
{
    ngx_int_t rc;
    ngx_uint_t what;
    ngx_http_gatehouse_oidc_t *oidc;

    static const ngx_http_gatehouse_endpoint_pt endpoints[] = {
        [NGX_HTTP_GATEHOUSE_ENDPOINT_CALLBACK] = ngx_http_gatehouse_callback,
        [NGX_HTTP_GATEHOUSE_ENDPOINT_LOGIN] = ngx_http_gatehouse_login,
        [NGX_HTTP_GATEHOUSE_ENDPOINT_LOGGED_OUT] =
            ngx_http_gatehouse_logged_out,
        [NGX_HTTP_GATEHOUSE_ENDPOINT_LOGOUT] = ngx_http_gatehouse_logout,
        [NGX_HTTP_GATEHOUSE_ENDPOINT_BACKCHANNEL] =
            ngx_http_gatehouse_backchannel,
        [NGX_HTTP_GATEHOUSE_ENDPOINT_FRONTCHANNEL] =
            ngx_http_gatehouse_frontchannel,
    };

    oidc = endpoint_find(gr, &what);

    if (oidc == NULL) {
        return NGX_DECLINED;
    }

    if (gr->storing) {
        /* woken by something else that it waited for */
        return NGX_DONE;
    }

    rc = endpoints[what](gr, oidc);

    if (rc == NGX_AGAIN) {
        (void) ngx_http_gatehouse_suspend(gr);
        return NGX_DONE;
    }

    return rc;
}


/* Of several providers that share the address, the one that the request is
 * about; else the first. */

static ngx_http_gatehouse_oidc_t *
endpoint_find(ngx_http_gatehouse_request_t *gr, ngx_uint_t *what)
{
    ngx_uint_t i, kind;
    ngx_http_request_t *r;
    ngx_http_gatehouse_oidc_t **oidc, *first;

    r = gr->request;
    first = NULL;

    if (r->internal) {
        return NULL;
    }

    oidc = gr->gmcf->providers.elts;

    for (i = 0; i < gr->gmcf->providers.nelts; i++) {
        kind = endpoint_of(r, oidc[i]);

        if (kind == NGX_HTTP_GATEHOUSE_ENDPOINT_NONE
            || (first != NULL && kind != *what)
            || !ngx_http_gatehouse_endpoint_here(r, oidc[i]))
        {
            continue;
        }

        *what = kind;

        if (endpoint_meant(r, oidc[i], kind)) {
            return oidc[i];
        }

        if (first == NULL) {
            first = oidc[i];
        }
    }

    return first;
}


/* A cookie may be of a session that is over: then it is about the next one
 * that shares the address and that the request may be about. */

ngx_http_gatehouse_oidc_t *
ngx_http_gatehouse_endpoint_next(ngx_http_gatehouse_request_t *gr,
                                 ngx_http_gatehouse_oidc_t *before)
{
    ngx_uint_t i, kind;
    ngx_http_request_t *r;
    ngx_http_gatehouse_oidc_t **oidc;

    r = gr->request;
    kind = endpoint_of(r, before);
    oidc = gr->gmcf->providers.elts;

    for (i = 0; i < gr->gmcf->providers.nelts && oidc[i] != before; i++) {
        /* void */
    }

    for (i++; i < gr->gmcf->providers.nelts; i++) {

        if (endpoint_of(r, oidc[i]) == kind
            && ngx_http_gatehouse_endpoint_here(r, oidc[i])
            && endpoint_meant(r, oidc[i], kind))
        {
            return oidc[i];
        }
    }

    return NULL;
}


/* By the session that a browser has, and by the issuer that is named. A
 * callback's state and a logout token say it themselves, later. */

static ngx_uint_t
endpoint_meant(ngx_http_request_t *r, ngx_http_gatehouse_oidc_t *oidc,
               ngx_uint_t what)
{
    gh_str_t cookie;
    ngx_str_t iss;

    if ((what == NGX_HTTP_GATEHOUSE_ENDPOINT_LOGOUT
         || what == NGX_HTTP_GATEHOUSE_ENDPOINT_FRONTCHANNEL)
        && ngx_http_gatehouse_session_cookie(r, oidc, &cookie) != NGX_OK)
    {
        return 0;
    }

    if (what == NGX_HTTP_GATEHOUSE_ENDPOINT_LOGIN
        || what == NGX_HTTP_GATEHOUSE_ENDPOINT_FRONTCHANNEL)
    {
        return ngx_http_gatehouse_plain_argument(r, "iss", &iss) == NGX_OK
               && gh_str_eq(ngx_http_gatehouse_gh(iss), oidc->client.issuer);
    }

    return 1;
}


static ngx_uint_t
endpoint_of(ngx_http_request_t *r, ngx_http_gatehouse_oidc_t *oidc)
{
    size_t i;
    ngx_str_t *path;

    static const struct {
        ngx_uint_t what;
        size_t offset;
    } paths[] = {
        { NGX_HTTP_GATEHOUSE_ENDPOINT_CALLBACK,
          offsetof(ngx_http_gatehouse_oidc_t, redirect_path) },
        { NGX_HTTP_GATEHOUSE_ENDPOINT_LOGIN,
          offsetof(ngx_http_gatehouse_oidc_t, login_uri) },
        { NGX_HTTP_GATEHOUSE_ENDPOINT_LOGOUT,
          offsetof(ngx_http_gatehouse_oidc_t, logout_uri) },
        { NGX_HTTP_GATEHOUSE_ENDPOINT_LOGGED_OUT,
          offsetof(ngx_http_gatehouse_oidc_t, logged_out_uri) },
        { NGX_HTTP_GATEHOUSE_ENDPOINT_BACKCHANNEL,
          offsetof(ngx_http_gatehouse_oidc_t, backchannel_logout_uri) },
        { NGX_HTTP_GATEHOUSE_ENDPOINT_FRONTCHANNEL,
          offsetof(ngx_http_gatehouse_oidc_t, frontchannel_logout_uri) },
    };

    for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        path = (ngx_str_t *) ((u_char *) oidc + paths[i].offset);

        if (endpoint_is(&r->uri, path)) {
            return paths[i].what;
        }
    }

    return NGX_HTTP_GATEHOUSE_ENDPOINT_NONE;
}


static ngx_uint_t
endpoint_is(ngx_str_t *uri, ngx_str_t *path)
{
    return uri->len == path->len
           && ngx_memcmp(uri->data, path->data, path->len) == 0;
}


/* In servers where a location asks for this provider; of an absolute
 * redirect_uri, in the server that it names. */

ngx_uint_t
ngx_http_gatehouse_endpoint_here(ngx_http_request_t *r,
                                 ngx_http_gatehouse_oidc_t *oidc)
{
    ngx_uint_t i;
    ngx_str_t origin;
    ngx_http_gatehouse_oidc_t **used;
    ngx_http_gatehouse_srv_conf_t *gscf;

    gscf = ngx_http_get_module_srv_conf(r, ngx_http_gatehouse_module);

    if (gscf->providers != NULL) {
        used = gscf->providers->elts;

        for (i = 0; i < gscf->providers->nelts; i++) {
            if (used[i] == oidc) {
                return 1;
            }
        }
    }

    return oidc->redirect_origin.len != 0
           && ngx_http_gatehouse_origin(r, &origin) == NGX_OK
           && endpoint_is(&origin, &oidc->redirect_origin);
}


ngx_int_t
ngx_http_gatehouse_send_page(ngx_http_gatehouse_request_t *gr, gh_page_t page,
                             const gh_page_values_t *values,
                             gh_str_t form_origin)
{
    size_t size;
    gh_rc_t rc;
    gh_buf_t csp;
    gh_str_t template;
    gh_page_values_t v;
    ngx_str_t value;
    ngx_http_request_t *r;
    ngx_http_gatehouse_pages_t *pages;

    r = gr->request;
    pages = gr->gmcf->pages;
    template = pages ? pages->templates[page] : GH_STR("");
    v = *values;
    v.request_id = ngx_http_gatehouse_gh(gr->request_id);

    size = (page == GH_PAGE_FORM_RESUME || template.len != 0) ? GH_PAGE_MAX
                                                              : 16384;

    csp.len = 0;
    csp.cap = 1024;
    csp.data = ngx_pnalloc(r->pool, csp.cap);

    gr->body.len = 0;
    gr->body.cap = size;
    gr->body.data = ngx_pnalloc(r->pool, size);

    if (csp.data == NULL || gr->body.data == NULL) {
        gr->body.data = NULL;
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = template.len
             ? gh_page_csp_style(pages->styles[page], form_origin, &csp)
             : gh_page_csp(form_origin, &csp);

    if (rc != GH_OK || gh_page_make(page, template, &v, &gr->body) != GH_OK) {
        gr->body.data = NULL;
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    value = ngx_http_gatehouse_ngx(gh_buf_str(&csp));

    if (ngx_http_gatehouse_answer_add(r, "Content-Security-Policy", 23, &value)
            != NGX_OK
        || endpoint_header(r, "X-Frame-Options", "DENY") != NGX_OK
        || endpoint_header(r, "X-Content-Type-Options", "nosniff") != NGX_OK
        || endpoint_header(r, "Cross-Origin-Opener-Policy", "same-origin")
               != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = gh_page_status(page);
    ngx_str_set(&r->headers_out.content_type, "text/html");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    ngx_str_set(&r->headers_out.charset, "utf-8");
    r->headers_out.content_length_n = (off_t) gr->body.len;

    if (page == GH_PAGE_LOGIN_AWAY
        && endpoint_header(r, "Retry-After", "5") != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return endpoint_send(gr);
}


ngx_int_t
ngx_http_gatehouse_send_redirect(ngx_http_gatehouse_request_t *gr,
                                 ngx_uint_t status, ngx_str_t *location)
{
    /* not nginx's own pointer: it would complete the address by what it
     * thinks our port is */

    if (ngx_http_gatehouse_answer_add(gr->request, "Location", 8, location)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_gatehouse_send_empty(gr, status);
}


ngx_int_t
ngx_http_gatehouse_send_empty(ngx_http_gatehouse_request_t *gr,
                              ngx_uint_t status)
{
    ngx_http_request_t *r = gr->request;

    r->headers_out.status = status;
    r->headers_out.content_length_n = 0;
    gr->body.len = 0;

    return endpoint_send(gr);
}


static ngx_int_t
endpoint_header(ngx_http_request_t *r, const char *name, const char *value)
{
    ngx_str_t text;

    text.data = (u_char *) (uintptr_t) value;
    text.len = ngx_strlen(value);

    return ngx_http_gatehouse_answer_add(r, name, ngx_strlen(name), &text);
}


/* gr->body holds what is to be sent; the body filter is not needed for it.
 * Whoever is answered has been: no result of sending, of which there are OK
 * and AGAIN, may be taken for one of a step. */

static ngx_int_t
endpoint_send(ngx_http_gatehouse_request_t *gr)
{
    gh_str_t text;
    ngx_int_t rc;
    ngx_http_request_t *r;

    r = gr->request;
    text = gh_buf_str(&gr->body);
    gr->body.data = NULL;

    if (endpoint_header(r, "Cache-Control", "no-store") != NGX_OK
        || endpoint_header(r, "Referrer-Policy", "no-referrer") != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_finalize_request(r, ngx_http_gatehouse_answer_body(r, text));

    return NGX_DONE;
}


/* NGX_DONE: it comes later, and the phases run again then; the request may
 * be gone. */

ngx_int_t
ngx_http_gatehouse_body(ngx_http_gatehouse_request_t *gr, size_t max,
                        ngx_str_t *body)
{
    ngx_int_t rc;
    ngx_http_request_t *r;

    r = gr->request;

    if (gr->body_read) {
        return endpoint_body_text(r, max, body);
    }

    if (r->headers_in.content_length_n > (off_t) max
        || r->request_body != NULL) {
        return NGX_DECLINED;
    }

    if (r->headers_in.content_length_n <= 0 && !r->headers_in.chunked
        && r->http_version < NGX_HTTP_VERSION_20)
    {
        ngx_str_null(body);
        return NGX_OK;
    }

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, endpoint_body_read);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


static void
endpoint_body_read(ngx_http_request_t *r)
{
    ngx_http_gatehouse_request_t *gr;

    gr = ngx_http_gatehouse_request_find(r);
    gr->body_read = 1;

    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}


static ngx_int_t
endpoint_body_text(ngx_http_request_t *r, size_t max, ngx_str_t *body)
{
    u_char *p;
    size_t len;
    ngx_chain_t *cl;

    len = 0;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        if (cl->buf->in_file) {
            return NGX_DECLINED;
        }

        len += (size_t) (cl->buf->last - cl->buf->pos);
    }

    if (len > max) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, len + 1);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body->data = p;
    body->len = len;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        p = ngx_cpymem(p, cl->buf->pos, cl->buf->last - cl->buf->pos);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_gatehouse_submit(ngx_http_gatehouse_request_t *gr,
                          ngx_gatehouse_store_op_t *op)
{
    op->handler = endpoint_stored;
    op->data = gr;

    if (ngx_gatehouse_store_submit(gr->gmcf->store, op) != NGX_AGAIN) {
        return NGX_OK;
    }

    gr->storing = 1;

    return NGX_AGAIN;
}


static void
endpoint_stored(ngx_gatehouse_store_op_t *op)
{
    ngx_http_gatehouse_request_t *gr = op->data;

    gr->storing = 0;
    ngx_http_gatehouse_wake(gr);
}


/* What stood in the query is not for logs. */

ngx_int_t
ngx_http_gatehouse_blank(ngx_http_gatehouse_request_t *gr)
{
    u_char *p, *last, *query;
    ngx_http_request_t *r;

    r = gr->request;
    r->args.len = 0;
    r->unparsed_uri = r->uri;
    gr->original_target = r->uri;

    last = r->request_line.data + r->request_line.len;
    query = ngx_strlchr(r->request_line.data, last, '?');

    if (query == NULL) {
        return NGX_OK;
    }

    for (p = last; p > query && p[-1] != ' '; p--) { /* void */
    }

    query = ngx_pnalloc(r->pool, r->request_line.len);
    if (query == NULL) {
        return NGX_ERROR;
    }

    r->request_line.len =
        (size_t) (ngx_sprintf(query, "%V %V %*s", &r->method_name, &r->uri,
                              (size_t) (last - p), p)
                  - query);
    r->request_line.data = query;

    return NGX_OK;
}


/* One argument of that name, decoded; NGX_DECLINED: none, several, or the
 * query is malformed. */

ngx_int_t
ngx_http_gatehouse_plain_argument(ngx_http_request_t *r, const char *name,
                                  ngx_str_t *value)
{
    gh_buf_t room;
    gh_str_t text;
    gh_form_t *form;

    form = ngx_palloc(r->pool, sizeof(gh_form_t));
    room.len = 0;
    room.cap = r->args.len;
    room.data = ngx_pnalloc(r->pool, r->args.len + 1);

    if (form == NULL || room.data == NULL
        || gh_form_parse(ngx_http_gatehouse_gh(r->args), &room, form) != GH_OK
        || gh_form_one(form, gh_str(name), &text) != GH_OK)
    {
        return NGX_DECLINED;
    }

    *value = ngx_http_gatehouse_ngx(text);

    return NGX_OK;
}
