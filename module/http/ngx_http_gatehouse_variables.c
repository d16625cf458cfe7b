/*
 * Variables: what was decided, for people's own log formats and conditions,
 * and the two ready-made decision lines of log.conf.
 */

#include "ngx_http_gatehouse_conf.h"


typedef enum {
    NGX_HTTP_GATEHOUSE_VAR_PRINCIPAL = 0,
    NGX_HTTP_GATEHOUSE_VAR_CONSUMER,
    NGX_HTTP_GATEHOUSE_VAR_METHOD,
    NGX_HTTP_GATEHOUSE_VAR_SERVICE,
    NGX_HTTP_GATEHOUSE_VAR_VERSION,
    NGX_HTTP_GATEHOUSE_VAR_DEPLOYMENT,
    NGX_HTTP_GATEHOUSE_VAR_DECISION,
    NGX_HTTP_GATEHOUSE_VAR_REASON,
    NGX_HTTP_GATEHOUSE_VAR_REQUEST_ID,
    NGX_HTTP_GATEHOUSE_VAR_SOURCE
} ngx_http_gatehouse_var_e;


static ngx_int_t ngx_http_gatehouse_variable(ngx_http_request_t *r,
                                             ngx_http_variable_value_t *v,
                                             uintptr_t data);
static gh_str_t ngx_http_gatehouse_variable_text(
    ngx_http_request_t *r, ngx_http_gatehouse_request_t *gr, uintptr_t data);
static gh_str_t ngx_http_gatehouse_variable_source(ngx_http_request_t *r);
static ngx_int_t ngx_http_gatehouse_variable_claim(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_gatehouse_variable_limited(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_gatehouse_variable_line(ngx_http_request_t *r,
                                                  ngx_http_variable_value_t *v,
                                                  uintptr_t data);
static gh_str_t ngx_http_gatehouse_who(ngx_http_gatehouse_request_t *gr,
                                       const gh_logline_t *line,
                                       ngx_uint_t json);
static void ngx_http_gatehouse_line(ngx_http_request_t *r,
                                    ngx_http_gatehouse_request_t *gr,
                                    gh_logline_t *line);


static ngx_http_variable_t ngx_http_gatehouse_vars[] = {

    { ngx_string("gatehouse_principal"), NULL, ngx_http_gatehouse_variable,
      NGX_HTTP_GATEHOUSE_VAR_PRINCIPAL, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("gatehouse_consumer"), NULL, ngx_http_gatehouse_variable,
      NGX_HTTP_GATEHOUSE_VAR_CONSUMER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("gatehouse_method"), NULL, ngx_http_gatehouse_variable,
      NGX_HTTP_GATEHOUSE_VAR_METHOD, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("gatehouse_service"), NULL, ngx_http_gatehouse_variable,
      NGX_HTTP_GATEHOUSE_VAR_SERVICE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("gatehouse_version"), NULL, ngx_http_gatehouse_variable,
      NGX_HTTP_GATEHOUSE_VAR_VERSION, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("gatehouse_deployment"), NULL, ngx_http_gatehouse_variable,
      NGX_HTTP_GATEHOUSE_VAR_DEPLOYMENT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("gatehouse_decision"), NULL, ngx_http_gatehouse_variable,
      NGX_HTTP_GATEHOUSE_VAR_DECISION, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("gatehouse_reason"), NULL, ngx_http_gatehouse_variable,
      NGX_HTTP_GATEHOUSE_VAR_REASON, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("gatehouse_request_id"), NULL, ngx_http_gatehouse_variable,
      NGX_HTTP_GATEHOUSE_VAR_REQUEST_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("gatehouse_source"), NULL, ngx_http_gatehouse_variable,
      NGX_HTTP_GATEHOUSE_VAR_SOURCE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("gatehouse_claim_"), NULL, ngx_http_gatehouse_variable_claim,
      0, NGX_HTTP_VAR_PREFIX | NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("gatehouse_limited_us"), NULL,
      ngx_http_gatehouse_variable_limited, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("gatehouse_log_text"), NULL, ngx_http_gatehouse_variable_line,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("gatehouse_log_json"), NULL, ngx_http_gatehouse_variable_line,
      1, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    ngx_http_null_variable
};


ngx_int_t
ngx_http_gatehouse_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t *var, *v;

    for (v = ngx_http_gatehouse_vars; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_gatehouse_variable(ngx_http_request_t *r,
                            ngx_http_variable_value_t *v, uintptr_t data)
{
    gh_str_t s;
    ngx_http_gatehouse_request_t *gr;

    gr = ngx_http_gatehouse_request_find(r);

    s = ngx_http_gatehouse_variable_text(r, gr, data);

    if (s.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = (u_char *) (uintptr_t) s.data;
    v->len = s.len;

    return NGX_OK;
}


static gh_str_t
ngx_http_gatehouse_variable_text(ngx_http_request_t *r,
                                 ngx_http_gatehouse_request_t *gr,
                                 uintptr_t data)
{
    const gh_image_t *im;

    if (data == NGX_HTTP_GATEHOUSE_VAR_SOURCE) {
        return ngx_http_gatehouse_variable_source(r);
    }

    if (gr == NULL) {
        return GH_STR("");
    }

    im = gr->image ? &gr->image->im : NULL;

    switch (data) {

    case NGX_HTTP_GATEHOUSE_VAR_PRINCIPAL:
        return gr->principal.id;

    case NGX_HTTP_GATEHOUSE_VAR_CONSUMER:
        return gr->principal.consumer;

    case NGX_HTTP_GATEHOUSE_VAR_METHOD:
        return gr->principal.method ? gh_method_word(gr->principal.method)
                                    : GH_STR("");

    case NGX_HTTP_GATEHOUSE_VAR_SERVICE:
        return gr->service ? gh_image_str(im, gr->service->name) : GH_STR("");

    case NGX_HTTP_GATEHOUSE_VAR_VERSION:
        return gr->version ? gh_image_str(im, gr->version->name) : GH_STR("");

    case NGX_HTTP_GATEHOUSE_VAR_DEPLOYMENT:
        return gr->deployment ? gh_image_str(im, gr->deployment->name)
                              : GH_STR("");

    case NGX_HTTP_GATEHOUSE_VAR_DECISION:
        if (gr->reason == GH_REASON_NONE) {
            return GH_STR("");
        }

        return gh_reason_admits(ngx_http_gatehouse_outcome(gr))
                   ? GH_STR("allowed")
                   : GH_STR("refused");

    case NGX_HTTP_GATEHOUSE_VAR_REASON:
        return gr->reason
                   ? gh_reason_info(ngx_http_gatehouse_outcome(gr))->word
                   : GH_STR("");

    default:
        return ngx_http_gatehouse_gh(gr->request_id);
    }
}


/* As limits see it: an IPv4 address, or the /64 of an IPv6 one. */

static gh_str_t
ngx_http_gatehouse_variable_source(ngx_http_request_t *r)
{
    u_char *p, buf[NGX_HTTP_GATEHOUSE_SOURCE_LEN];
    gh_str_t s;
    ngx_str_t source;

    source = ngx_http_gatehouse_source(r->connection, buf);

    p = ngx_pnalloc(r->pool, 48);
    if (p == NULL) {
        return GH_STR("");
    }

    s.data = (const char *) p;

    switch (source.len) {

    case 4:
        p = ngx_sprintf(p, "%ud.%ud.%ud.%ud", buf[0], buf[1], buf[2], buf[3]);
        break;

    case 8:
        p = ngx_sprintf(p,
                        "%02xd%02xd:%02xd%02xd:%02xd%02xd:%02xd%02xd"
                        "::/64",
                        buf[0], buf[1], buf[2], buf[3], buf[4], buf[5], buf[6],
                        buf[7]);
        break;

    default:
        p = ngx_sprintf(p, "unix:");
        break;
    }

    s.len = (size_t) ((const char *) p - s.data);

    return s;
}


/* $gatehouse_claim_NAME: a claim as a header would carry it, so that a line
 * that is made of it stays one line. */

static ngx_int_t
ngx_http_gatehouse_variable_claim(ngx_http_request_t *r,
                                  ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t *var = (ngx_str_t *) data;

    char room[GH_PRINCIPAL_LIST_MAX];
    u_char *p;
    gh_str_t name;
    gh_buf_t out = GH_BUF(room);
    ngx_http_gatehouse_request_t *gr;

    v->not_found = 1;

    gr = ngx_http_gatehouse_request_find(r);

    name.data = (char *) var->data + (sizeof("gatehouse_claim_") - 1);
    name.len = var->len - (sizeof("gatehouse_claim_") - 1);

    if (gr == NULL || name.len == 0
        || gh_principal_claim(&gr->principal, name, &out) != GH_OK)
    {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, out.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, out.data, out.len);

    v->data = p;
    v->len = (unsigned) out.len;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}


/* By the clock that the rates go by: what gateways of one machine decided can
 * be put in order. */

static ngx_int_t
ngx_http_gatehouse_variable_limited(ngx_http_request_t *r,
                                    ngx_http_variable_value_t *v,
                                    uintptr_t data)
{
    u_char *p;
    ngx_uint_t i;
    ngx_http_gatehouse_charge_t *charge;
    ngx_http_gatehouse_request_t *gr;

    v->not_found = 1;

    gr = ngx_http_gatehouse_request_find(r);

    if (gr == NULL || gr->charges.nelts == 0) {
        return NGX_OK;
    }

    v->data = ngx_pnalloc(r->pool, gr->charges.nelts * (NGX_INT64_LEN + 1));
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    p = v->data;
    charge = gr->charges.elts;

    for (i = 0; i < gr->charges.nelts; i++) {
        if (charge[i].limit->kind == GH_LIMIT_RATE) {
            p = ngx_sprintf(p, (p == v->data) ? "%uL" : ",%uL",
                            charge[i].leased.taken_ns / 1000);
        }
    }

    v->len = (unsigned) (p - v->data);
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = (v->len == 0);

    return NGX_OK;
}


static ngx_int_t
ngx_http_gatehouse_variable_line(ngx_http_request_t *r,
                                 ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char *copy;
    gh_rc_t rc;
    gh_buf_t out;
    gh_logline_t line = { 0 };
    ngx_http_gatehouse_request_t *gr;

    gr = ngx_http_gatehouse_request_find(r);

    if (gr == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    ngx_http_gatehouse_line(r, gr, &line);
    line.who = ngx_http_gatehouse_who(gr, &line, data);

    out.data = gr->gmcf->line;
    out.len = 0;
    out.cap = GH_LOGLINE_MAX;

    rc = data ? gh_logline_json(&line, &out) : gh_logline_text(&line, &out);

    if (rc != GH_OK) {
        v->not_found = 1;
        return NGX_OK;
    }

    copy = ngx_pnalloc(r->pool, out.len);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy, out.data, out.len);

    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;
    v->data = copy;
    v->len = (unsigned) out.len;

    return NGX_OK;
}


/* Of a principal that is remembered, so is what lines say of it. */

static gh_str_t
ngx_http_gatehouse_who(ngx_http_gatehouse_request_t *gr,
                       const gh_logline_t *line, ngx_uint_t json)
{
    u_char *copy;
    gh_buf_t out;
    ngx_http_gatehouse_known_t *known;

    known = ngx_http_gatehouse_known(gr);

    if (known == NULL) {
        return GH_STR("");
    }

    if (known->who[json].len != 0) {
        return known->who[json];
    }

    out.data = gr->gmcf->line;
    out.len = 0;
    out.cap = GH_LOGLINE_WHO_MAX;

    if (gh_logline_who(line, json != 0, &out) != GH_OK) {
        return GH_STR("");
    }

    copy = ngx_pnalloc(known->pool, out.len);

    if (copy != NULL) {
        ngx_memcpy(copy, out.data, out.len);
        known->who[json].data = (const char *) copy;
        known->who[json].len = out.len;
    }

    return known->who[json];
}


static void
ngx_http_gatehouse_line(ngx_http_request_t *r,
                        ngx_http_gatehouse_request_t *gr, gh_logline_t *line)
{
    gh_buf_t masked;
    gh_str_t extra;
    ngx_uint_t i;
    const gh_image_t *im;
    ngx_http_upstream_state_t *state;
    ngx_http_gatehouse_loc_conf_t *glcf;

    glcf = ngx_http_get_module_loc_conf(r, ngx_http_gatehouse_module);

    line->at_ms = (int64_t) ngx_cached_time->sec * 1000
                  + (int64_t) ngx_cached_time->msec;
    line->last = &gr->gmcf->line_last;
    line->request_id = ngx_http_gatehouse_gh(gr->request_id);
    line->source = ngx_http_gatehouse_gh(r->connection->addr_text);
    line->http_method = ngx_http_gatehouse_gh(r->method_name);
    line->host = ngx_http_gatehouse_gh(r->headers_in.server);
    line->target = ngx_http_gatehouse_gh(r->unparsed_uri);
    line->status =
        (unsigned) (r->err_status ? r->err_status : r->headers_out.status);
    line->reason = ngx_http_gatehouse_outcome(gr);
    line->method = gr->principal.method;
    line->principal = gr->principal.id;
    line->consumer = gr->principal.consumer;
    line->credential = gr->principal.credential;
    line->duration_us = gr->duration_us;
    line->bytes_sent = (uint64_t) r->connection->sent;

    if (r->args.len != 0 || gr->original_target.len != line->target.len) {

        masked.cap = line->target.len + 64;
        masked.len = 0;
        masked.data = ngx_pnalloc(r->pool, masked.cap);
        extra = ngx_http_gatehouse_gh(glcf->api_key_query);

        line->target = GH_STR("");

        if (masked.data != NULL
            && gh_logline_mask_query(ngx_http_gatehouse_gh(r->unparsed_uri),
                                     &extra, extra.len ? 1 : 0, &masked)
                   == GH_OK)
        {
            line->target = gh_buf_str(&masked);
        }
    }

    if (gr->image != NULL) {
        im = &gr->image->im;
        line->generation = im->generation;

        if (gr->service != NULL) {
            line->service = gh_image_str(im, gr->service->name);
        }

        if (gr->version != NULL) {
            line->version = gh_image_str(im, gr->version->name);
        }

        if (gr->deployment != NULL) {
            line->deployment = gh_image_str(im, gr->deployment->name);
        }
    }

    if (r->upstream_states != NULL) {
        state = r->upstream_states->elts;

        for (i = 0; i < r->upstream_states->nelts; i++) {
            if (state[i].peer != NULL
                && state[i].response_time != (ngx_msec_t) -1) {
                line->upstream_us += (uint64_t) state[i].response_time * 1000;
            }
        }
    }
}
