/*
 * The status listener: /metrics for Prometheus, /status as JSON for people
 * and the tool, /ready for load balancers. Loopback only unless told, and
 * only under a name that a foreign web page cannot take.
 */

#include "ngx_http_gatehouse_conf.h"
#include "ngx_http_gatehouse_status.h"
#include "ngx_http_gatehouse_answer.h"


typedef struct {
    ngx_str_t suffix;
    ngx_int_t (*make)(ngx_http_request_t *r, gh_buf_t *out,
                      ngx_uint_t *status);
    ngx_str_t type;
    size_t room;
} ngx_http_gatehouse_status_page_t;


static ngx_int_t ngx_http_gatehouse_status_allowed(ngx_http_request_t *r);
static ngx_int_t ngx_http_gatehouse_status_send(
    ngx_http_request_t *r, ngx_http_gatehouse_status_page_t *page);
static ngx_int_t ngx_http_gatehouse_ready(ngx_http_request_t *r, gh_buf_t *out,
                                          ngx_uint_t *status);


static ngx_http_gatehouse_status_page_t pages[] = {

    { ngx_string("/metrics"), ngx_http_gatehouse_metrics,
      ngx_string("text/plain; version=0.0.4; charset=utf-8"), 262144 },

    { ngx_string("/status"), ngx_http_gatehouse_status_json,
      ngx_string("application/json"), 262144 },

    { ngx_string("/ready"), ngx_http_gatehouse_ready, ngx_string("text/plain"),
      1024 }
};


/* gatehouse_status [allow=CIDR ...]; */

char *
ngx_http_gatehouse_set_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_gatehouse_loc_conf_t *glcf = conf;

    ngx_str_t *value, rest;
    ngx_uint_t i;
    ngx_cidr_t *cidr;
    ngx_http_core_loc_conf_t *clcf;
    ngx_http_gatehouse_main_conf_t *gmcf;

    if (glcf->status != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    glcf->status = 1;
    glcf->status_allow = NULL;

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);
    gmcf->used = 1;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (glcf->status_allow == NULL) {
            glcf->status_allow =
                ngx_array_create(cf->pool, 2, sizeof(ngx_cidr_t));
            if (glcf->status_allow == NULL) {
                return NGX_CONF_ERROR;
            }
        }

        cidr = ngx_array_push(glcf->status_allow);
        if (cidr == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memzero(cidr, sizeof(ngx_cidr_t));

        if (!ngx_http_gatehouse_option(&value[i], "allow", &rest)
            || ngx_ptocidr(&rest, cidr) == NGX_ERROR)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unexpected \"%V\"; write "
                               "\"gatehouse_status;\" for loopback only, or "
                               "\"gatehouse_status allow=10.0.0.0/8;\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_gatehouse_status_handler;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_gatehouse_status_handler(ngx_http_request_t *r)
{
    ngx_int_t rc;
    ngx_str_t *suffix;
    ngx_uint_t i;

    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_gatehouse_status_allowed(r);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        suffix = &pages[i].suffix;

        if (r->uri.len >= suffix->len
            && ngx_memcmp(r->uri.data + r->uri.len - suffix->len, suffix->data,
                          suffix->len)
                   == 0)
        {
            return ngx_http_gatehouse_status_send(r, &pages[i]);
        }
    }

    return NGX_HTTP_NOT_FOUND;
}


static ngx_int_t
ngx_http_gatehouse_status_allowed(ngx_http_request_t *r)
{
    u_char buf[NGX_HTTP_GATEHOUSE_SOURCE_LEN];
    ngx_str_t source, *host;
    ngx_uint_t i, numeric;
    struct sockaddr *sa;
    ngx_http_gatehouse_loc_conf_t *glcf;

    glcf = ngx_http_get_module_loc_conf(r, ngx_http_gatehouse_module);
    sa = r->connection->sockaddr;

    if (glcf->status_allow != NULL) {
        return (ngx_cidr_match(sa, glcf->status_allow) == NGX_OK)
                   ? NGX_OK
                   : NGX_HTTP_FORBIDDEN;
    }

    source = ngx_http_gatehouse_source(r->connection, buf);

    switch (source.len) {

    case 4:
        if (buf[0] != 127) {
            return NGX_HTTP_FORBIDDEN;
        }
        break;

#if (NGX_HAVE_INET6)
    case 8:
        if (!IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *) sa)->sin6_addr)) {
            return NGX_HTTP_FORBIDDEN;
        }
        break;
#endif

    default:
        break;
    }

    /* a page of evil.test that resolves to 127.0.0.1 is same-origin to it */

    host = &r->headers_in.server;

    if (host->len == 0
        || (host->len == 9
            && ngx_strncasecmp(host->data, (u_char *) "localhost", 9) == 0)
        || host->data[0] == '[')
    {
        return NGX_OK;
    }

    numeric = 1;

    for (i = 0; i < host->len; i++) {
        if ((host->data[i] < '0' || host->data[i] > '9')
            && host->data[i] != '.') {
            numeric = 0;
        }
    }

    return numeric ? NGX_OK : NGX_HTTP_FORBIDDEN;
}


static ngx_int_t
ngx_http_gatehouse_status_send(ngx_http_request_t *r,
                               ngx_http_gatehouse_status_page_t *page)
{
    size_t room;
    gh_buf_t text;
    ngx_int_t rc;
    ngx_str_t no_store;
    ngx_uint_t status;

    rc = NGX_DECLINED;
    ngx_memzero(&text, sizeof(gh_buf_t));
    status = NGX_HTTP_OK;

    /* what does not fit is made again with more room */

    for (room = page->room; room <= 64 * 1024 * 1024; room *= 4) {

        text.data = ngx_palloc(r->pool, room);
        if (text.data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        text.len = 0;
        text.cap = room;

        rc = page->make(r, &text, &status);

        if (rc != NGX_DECLINED) {
            break;
        }

        (void) ngx_pfree(r->pool, text.data);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = status;
    r->headers_out.content_length_n = (off_t) text.len;
    r->headers_out.content_type = page->type;
    r->headers_out.content_type_len = page->type.len;
    r->headers_out.content_type_lowcase = NULL;

    ngx_str_set(&no_store, "no-store");

    if (ngx_http_gatehouse_answer_add(r, "Cache-Control", 13, &no_store)
        != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_gatehouse_answer_body(r, gh_buf_str(&text));
}


/* Ready: this worker can decide. Not ready: it would answer 503 to all. */

static ngx_int_t
ngx_http_gatehouse_ready(ngx_http_request_t *r, gh_buf_t *out,
                         ngx_uint_t *status)
{
    gh_str_t word;
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = ngx_http_get_module_main_conf(r, ngx_http_gatehouse_module);

    word = GH_STR("ready\n");

    if (gmcf->policies_conf.directory.len != 0
        && ngx_gatehouse_policies_current(gmcf->policies) == NULL)
    {
        word = GH_STR("not ready: no policies are in force yet\n");
        *status = NGX_HTTP_SERVICE_UNAVAILABLE;

    } else if (ngx_exiting) {
        word = GH_STR("not ready: this worker is leaving\n");
        *status = NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    return (gh_buf_add(out, word) == GH_OK) ? NGX_OK : NGX_DECLINED;
}
