/*
 * Arguments in and plain text out, for the probe.
 */

#include "probe.h"


ngx_str_t
probe_arg(ngx_http_request_t *r, const char *name)
{
    u_char *src, *dst, copy[64];
    size_t len;
    ngx_str_t value;

    len = ngx_strlen(name);
    ngx_memcpy(copy, name, len);

    if (ngx_http_arg(r, copy, len, &value) != NGX_OK) {
        ngx_str_set(&value, "");
        return value;
    }

    src = value.data;
    dst = ngx_pnalloc(r->pool, value.len ? value.len : 1);

    if (dst == NULL) {
        ngx_str_set(&value, "");
        return value;
    }

    value.data = dst;
    ngx_unescape_uri(&dst, &src, value.len, NGX_UNESCAPE_URI);
    value.len = dst - value.data;

    return value;
}


ngx_int_t
probe_arg_number(ngx_http_request_t *r, const char *name, ngx_int_t otherwise)
{
    ngx_int_t n;
    ngx_str_t value;

    value = probe_arg(r, name);

    if (value.len == 0) {
        return otherwise;
    }

    n = ngx_atoi(value.data, value.len);

    return n == NGX_ERROR ? otherwise : n;
}


const char *
probe_word(gh_rc_t rc)
{
    static const char *const words[] = {
        [GH_OK] = "ok",
        [GH_AGAIN] = "again",
        [GH_ABSENT] = "absent",
        [GH_DENIED] = "denied",
        [GH_INVALID] = "invalid",
        [GH_TOO_LONG] = "too_long",
        [GH_CONFLICT] = "conflict",
        [GH_FULL] = "full",
        [GH_UNAVAILABLE] = "unavailable",
        [GH_NOMEM] = "nomem",
    };

    return words[rc];
}


ngx_int_t
probe_send(ngx_http_request_t *r, u_char *text, size_t len)
{
    ngx_int_t rc;
    ngx_buf_t *b;
    ngx_chain_t out;

    b = ngx_create_temp_buf(r->pool, len + 1);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_cpymem(b->pos, text, len);
    b->last_buf = 1;
    out.buf = b;
    out.next = NULL;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = len;
    ngx_str_set(&r->headers_out.content_type, "text/plain");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, &out);
}


void
probe_finish(ngx_http_request_t *r, u_char *text, size_t len)
{
    ngx_connection_t *c;

    c = r->connection;

    ngx_http_finalize_request(r, probe_send(r, text, len));
    ngx_http_run_posted_requests(c);
}
