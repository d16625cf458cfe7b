/*
 * The target that goes on to the service: without the key that came in its
 * query, and without the version when the service wants it so.
 */

#include "ngx_http_gatehouse_forward.h"


static size_t ngx_http_gatehouse_without_argument(ngx_str_t *args,
                                                  ngx_str_t *name,
                                                  u_char *out);
static ngx_int_t ngx_http_gatehouse_cut(ngx_pool_t *pool, ngx_str_t *s,
                                        size_t at, size_t len);


/* A key that came in the query does not go on in it. */

ngx_int_t
ngx_http_gatehouse_forward_query(ngx_http_gatehouse_request_t *gr)
{
    size_t path;
    u_char *p, *q;
    ngx_str_t value, *name, *target;
    ngx_http_request_t *r;
    ngx_http_gatehouse_loc_conf_t *glcf;

    r = gr->request;
    glcf = ngx_http_get_module_loc_conf(r, ngx_http_gatehouse_module);
    name = &glcf->api_key_query;

    if (name->len == 0 || r->args.len == 0 || glcf->forward_credentials
        || glcf->authenticate == NULL || !glcf->authenticate->api_key
        || ngx_http_gatehouse_argument(r->args, name, &value) == 0)
    {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, r->args.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    r->args.len = ngx_http_gatehouse_without_argument(&r->args, name, p);
    r->args.data = p;

    target = &r->unparsed_uri;
    q = ngx_strlchr(target->data, target->data + target->len, '?');

    if (q == NULL) {
        return NGX_OK;
    }

    path = (size_t) (q - target->data);

    p = ngx_pnalloc(r->pool, path + 1 + r->args.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, target->data, path);
    target->data = p;
    target->len = path;

    if (r->args.len != 0) {
        p[path] = '?';
        ngx_memcpy(p + path + 1, r->args.data, r->args.len);
        target->len += 1 + r->args.len;
    }

    return NGX_OK;
}


static size_t
ngx_http_gatehouse_without_argument(ngx_str_t *args, ngx_str_t *name,
                                    u_char *out)
{
    u_char *p;
    gh_str_t rest, item, text, key;

    p = out;
    rest = ngx_http_gatehouse_gh(*args);

    while (rest.data != NULL) {
        item = gh_str_cut(rest, '&', &rest);
        key = gh_str_cut(item, '=', &text);

        if (key.len == name->len
            && ngx_memcmp(key.data, name->data, name->len) == 0) {
            continue;
        }

        if (p != out) {
            *p++ = '&';
        }

        p = ngx_cpymem(p, item.data, item.len);
    }

    return (size_t) (p - out);
}


/* "/api/v1/x" goes on as "/api/x" when the service wants it so. */

ngx_int_t
ngx_http_gatehouse_forward_strip(ngx_http_gatehouse_request_t *gr)
{
    size_t i, at, end, slashes;
    ngx_str_t *target;
    ngx_http_request_t *r;

    r = gr->request;

    if (gr->strip == 0 || gr->strip_at + gr->strip > r->uri.len) {
        return NGX_OK;
    }

    slashes = 0;

    for (i = 0; i <= gr->strip_at; i++) {
        slashes += (r->uri.data[i] == '/');
    }

    target = &r->unparsed_uri;

    for (at = 0; at < target->len && target->data[at] != '?'; at++) {
        if (target->data[at] == '/' && --slashes == 0) {
            break;
        }
    }

    end = at + gr->strip;

    /* where the raw target is written otherwise, the decoded path goes on */

    if (r->valid_unparsed_uri && end <= target->len
        && (end == target->len || target->data[end] == '/'
            || target->data[end] == '?')
        && ngx_memcmp(target->data + at, r->uri.data + gr->strip_at, gr->strip)
               == 0)
    {
        if (ngx_http_gatehouse_cut(r->pool, target, at, gr->strip) != NGX_OK) {
            return NGX_ERROR;
        }

    } else {
        r->valid_unparsed_uri = 0;
    }

    if (ngx_http_gatehouse_cut(r->pool, &r->uri, gr->strip_at, gr->strip)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    gr->strip = 0;

    return NGX_OK;
}


/* Takes len bytes at `at` out; what is left of a path begins with a slash. */

static ngx_int_t
ngx_http_gatehouse_cut(ngx_pool_t *pool, ngx_str_t *s, size_t at, size_t len)
{
    u_char *p, *start;

    start = ngx_pnalloc(pool, s->len - len + 1);
    if (start == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(start, s->data, at);

    if (at + len == s->len || s->data[at + len] != '/') {
        *p++ = '/';
    }

    p = ngx_cpymem(p, s->data + at + len, s->len - at - len);

    s->data = start;
    s->len = (size_t) (p - start);

    return NGX_OK;
}
