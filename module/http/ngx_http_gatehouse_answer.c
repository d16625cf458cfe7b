/*
 * Station answer: what every answer carries (request id, limits, announced
 * ends of versions), and what a refused caller is told. Works as a header and
 * a body filter, so it also sees answers of requests that never reached a
 * phase.
 */

#include "ngx_http_gatehouse_answer.h"

#include "gh_problem.h"


static ngx_int_t ngx_http_gatehouse_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_gatehouse_body_filter(ngx_http_request_t *r,
                                                ngx_chain_t *in);
static ngx_http_gatehouse_request_t *ngx_http_gatehouse_answer_state(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_gatehouse_answer_retry(
    ngx_http_gatehouse_request_t *gr);
static ngx_int_t ngx_http_gatehouse_answer_challenge(
    ngx_http_gatehouse_request_t *gr);
static ngx_int_t ngx_http_gatehouse_answer_cookie(
    ngx_http_gatehouse_request_t *gr);
static ngx_int_t ngx_http_gatehouse_answer_page(
    ngx_http_gatehouse_request_t *gr);
static ngx_uint_t ngx_http_gatehouse_answer_own(
    ngx_http_request_t *r, ngx_http_gatehouse_request_t *gr);
static ngx_uint_t ngx_http_gatehouse_answer_refuses(
    ngx_http_request_t *r, ngx_http_gatehouse_request_t *gr);


static ngx_http_output_header_filter_pt ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt ngx_http_next_body_filter;


void
ngx_http_gatehouse_answer_init(void)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_gatehouse_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_gatehouse_body_filter;
}


static ngx_int_t
ngx_http_gatehouse_header_filter(ngx_http_request_t *r)
{
    ngx_http_gatehouse_loc_conf_t *glcf;
    ngx_http_gatehouse_request_t *gr;

    gr = ngx_http_gatehouse_answer_state(r);

    if (gr == NULL) {
        return ngx_http_next_header_filter(r);
    }

    gr->answered = 1;

    glcf = ngx_http_get_module_loc_conf(r, ngx_http_gatehouse_module);

    if (gr->request_id.len != 0
        && ngx_http_gatehouse_answer_set(r, &glcf->request_id_header,
                                         &gr->request_id)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    if ((gr->charges.nelts != 0
         && ngx_http_gatehouse_answer_limits(gr) != NGX_OK)
        || (gr->version != NULL
            && ngx_http_gatehouse_answer_version(gr) != NGX_OK)
        || (gr->sticky_cookie.len != 0
            && ngx_http_gatehouse_answer_cookie(gr) != NGX_OK)
        || (gr->principal.type != GH_PRINCIPAL_ANONYMOUS
            && ngx_http_gatehouse_answer_private(gr) != NGX_OK))
    {
        return NGX_ERROR;
    }

    if (gr->login.location.len != 0 && ngx_http_gatehouse_answer_own(r, gr)) {

        if (ngx_http_gatehouse_login_answer(gr) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_http_next_header_filter(r);
    }

    if (ngx_http_gatehouse_answer_refuses(r, gr)
        && (ngx_http_gatehouse_answer_retry(gr) != NGX_OK
            || ngx_http_gatehouse_answer_challenge(gr) != NGX_OK))
    {
        return NGX_ERROR;
    }

    if (ngx_http_gatehouse_answer_own(r, gr)
        && ngx_http_gatehouse_answer_page(gr) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


/* NULL when this answer is not ours to touch. */

static ngx_http_gatehouse_request_t *
ngx_http_gatehouse_answer_state(ngx_http_request_t *r)
{
    ngx_http_gatehouse_srv_conf_t *gscf;
    ngx_http_gatehouse_request_t *gr;

    if (r != r->main) {
        return NULL;
    }

    gscf = ngx_http_get_module_srv_conf(r, ngx_http_gatehouse_module);

    if (!gscf->used) {
        return NULL;
    }

    gr = ngx_http_gatehouse_request_find(r);

    if (gr == NULL) {
        /* failed before the phases: it still gets its id */
        gr = ngx_http_gatehouse_request(r);

        if (gr != NULL && gr->request_id.data == NULL) {
            (void) ngx_http_gatehouse_receive_id(gr);
            (void) ngx_http_gatehouse_receive_trace(gr, 0);
        }
    }

    return (gr == NULL || gr->answered) ? NULL : gr;
}


/* Our refusal, and nobody (error_page, satisfy any) has replaced it. */

static ngx_uint_t
ngx_http_gatehouse_answer_own(ngx_http_request_t *r,
                              ngx_http_gatehouse_request_t *gr)
{
    return gr->page
           && ngx_http_get_module_ctx(r, ngx_http_gatehouse_module) == gr
           && r->headers_out.status == gh_reason_info(gr->reason)->status;
}


/* The same, also where the page is one of the user's error_page. */

static ngx_uint_t
ngx_http_gatehouse_answer_refuses(ngx_http_request_t *r,
                                  ngx_http_gatehouse_request_t *gr)
{
    return gr->refused != GH_REASON_NONE
           && (r->error_page || ngx_http_gatehouse_answer_own(r, gr))
           && r->headers_out.status == gh_reason_info(gr->refused)->status;
}


ngx_int_t
ngx_http_gatehouse_answer_add(ngx_http_request_t *r, const char *name,
                              size_t len, ngx_str_t *value)
{
    ngx_table_elt_t *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.data = (u_char *) (uintptr_t) name;
    h->key.len = len;
    h->value = *value;

    return NGX_OK;
}


ngx_int_t
ngx_http_gatehouse_answer_body(ngx_http_request_t *r, gh_str_t text)
{
    ngx_int_t rc;
    ngx_buf_t *b;
    ngx_chain_t out;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    if (text.len != 0) {
        b->pos = (u_char *) (uintptr_t) text.data;
        b->last = b->pos + text.len;
        b->memory = 1;
    }

    b->last_buf = 1;
    b->last_in_chain = 1;
    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/* One header of that name, ours: what the service sent under it goes. */

ngx_int_t
ngx_http_gatehouse_answer_set(ngx_http_request_t *r, ngx_str_t *name,
                              ngx_str_t *value)
{
    ngx_uint_t i;
    ngx_list_part_t *part;
    ngx_table_elt_t *h;

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == name->len
                && ngx_strncasecmp(h[i].key.data, name->data, name->len) == 0)
            {
                h[i].hash = 0;
            }
        }
    }

    return ngx_http_gatehouse_answer_add(r, (char *) name->data, name->len,
                                         value);
}


static ngx_int_t
ngx_http_gatehouse_answer_retry(ngx_http_gatehouse_request_t *gr)
{
    u_char *p;
    uint64_t seconds;
    ngx_str_t value;
    ngx_uint_t status;

    status = gh_reason_info(gr->refused)->status;

    if (gr->refused == GH_REASON_COST_ABOVE_LIMIT) {
        return NGX_OK;
    }

    if (status == NGX_HTTP_TOO_MANY_REQUESTS) {
        seconds = gr->retry_ns / GH_NS_PER_S + 1;

    } else if (status == NGX_HTTP_SERVICE_UNAVAILABLE) {
        seconds = 5;

    } else {
        return NGX_OK;
    }

    p = ngx_pnalloc(gr->request->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    value.len = (size_t) (ngx_sprintf(p, "%uL", seconds) - p);

    return ngx_http_gatehouse_answer_add(gr->request, "Retry-After", 11,
                                         &value);
}


/* A challenge per scheme, the same whatever was wrong. */

static ngx_int_t
ngx_http_gatehouse_answer_challenge(ngx_http_gatehouse_request_t *gr)
{
    ngx_str_t value;
    ngx_uint_t i;
    ngx_http_gatehouse_authenticate_t *auth;

    auth = gr->refused_by;

    if (gh_reason_info(gr->refused)->status != NGX_HTTP_UNAUTHORIZED
        || auth == NULL)
    {
        return NGX_OK;
    }

    for (i = 0; i < auth->n_methods; i++) {

        if (auth->methods[i] == GH_METHOD_OIDC) {
            /* there is no scheme for it: browsers are sent to the provider */
            continue;
        }

        if (auth->methods[i] == GH_METHOD_TOKEN) {

            if (gr->refused == GH_REASON_CREDENTIAL_MISSING) {
                ngx_str_set(&value, "Bearer realm=\"gatehouse\"");

            } else {
                ngx_str_set(&value, "Bearer realm=\"gatehouse\", "
                                    "error=\"invalid_token\"");
            }

        } else {
            ngx_str_set(&value, "ApiKey realm=\"gatehouse\"");
        }

        if (auth->methods[i] == GH_METHOD_SIGNATURE) {

            ngx_str_set(&value, "Signature realm=\"gatehouse\"");

            if (ngx_http_gatehouse_answer_add(gr->request, "Accept-Signature",
                                              16, &gr->accept_signature)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }

        if (ngx_http_gatehouse_answer_add(gr->request, "WWW-Authenticate", 16,
                                          &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_gatehouse_answer_cookie(ngx_http_gatehouse_request_t *gr)
{
    u_char *p;
    size_t len;
    ngx_str_t value;

    static const char before[] = NGX_HTTP_GATEHOUSE_STICKY_NAME "=";
    static const char after[] = "; Path=/; Secure; HttpOnly; SameSite=Lax";

    len = sizeof(before) - 1 + gr->sticky_cookie.len + sizeof(after) - 1;

    p = ngx_pnalloc(gr->request->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    value.len = len;

    p = ngx_cpymem(p, before, sizeof(before) - 1);
    p = ngx_cpymem(p, gr->sticky_cookie.data, gr->sticky_cookie.len);
    ngx_memcpy(p, after, sizeof(after) - 1);

    return ngx_http_gatehouse_answer_add(gr->request, "Set-Cookie", 10,
                                         &value);
}


/* The page is made here; the body filter puts it in place of nginx's. */

static ngx_int_t
ngx_http_gatehouse_answer_page(ngx_http_gatehouse_request_t *gr)
{
    gh_rc_t rc;
    ngx_int_t html;
    ngx_str_t value, accept_name;
    ngx_table_elt_t *accept;
    ngx_http_request_t *r;

    r = gr->request;

    gr->body.cap = GH_PROBLEM_MAX;
    gr->body.len = 0;
    gr->body.data = ngx_pnalloc(r->pool, gr->body.cap);
    if (gr->body.data == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&accept_name, "Accept");
    accept = ngx_http_gatehouse_header_named(r, &accept_name);

    html = accept != NULL
           && gh_problem_wants_html(ngx_http_gatehouse_gh(accept->value));

    rc = html
             ? gh_problem_html(
                 gr->reason, ngx_http_gatehouse_gh(gr->request_id), &gr->body)
             : gh_problem_json(
                 gr->reason, ngx_http_gatehouse_gh(gr->request_id), &gr->body);
    if (rc != GH_OK) {
        gr->body.data = NULL;
        return NGX_OK;
    }

    if (html) {
        ngx_str_set(&r->headers_out.content_type, "text/html");
        ngx_str_set(&r->headers_out.charset, "utf-8");
        value = ngx_http_gatehouse_ngx(gh_problem_csp());

        if (ngx_http_gatehouse_answer_add(r, "Content-Security-Policy", 23,
                                          &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else {
        ngx_str_set(&r->headers_out.content_type, "application/problem+json");
        ngx_str_null(&r->headers_out.charset);
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    r->headers_out.content_length_n = (off_t) gr->body.len;

    ngx_str_set(&value, "no-store");

    if (ngx_http_gatehouse_answer_add(r, "Cache-Control", 13, &value)
        != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_set(&value, "nosniff");

    if (ngx_http_gatehouse_answer_add(r, "X-Content-Type-Options", 22, &value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&value, "no-referrer");

    return ngx_http_gatehouse_answer_add(r, "Referrer-Policy", 15, &value);
}


static ngx_int_t
ngx_http_gatehouse_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t *b;
    ngx_chain_t *cl, out;
    ngx_http_gatehouse_request_t *gr;

    gr = ngx_http_get_module_ctx(r, ngx_http_gatehouse_module);

    if (in == NULL || r != r->main || gr == NULL || gr->body.data == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    /* nginx's own page is dropped, ours goes out once */

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }

    if (gr->body_sent) {
        return NGX_OK;
    }

    gr->body_sent = 1;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->start = (u_char *) gr->body.data;
    b->pos = b->start;
    b->last = b->start + gr->body.len;
    b->end = b->last;
    b->memory = gr->body.len != 0;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_next_body_filter(r, &out);
}
