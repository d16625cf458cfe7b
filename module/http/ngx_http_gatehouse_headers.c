/*
 * The list of request headers: finding, taking out without leaving holes, and
 * adding. nginx's proxies send every element of the list whatever its hash,
 * so a header goes away only by a new list without it.
 */

#include "ngx_http_gatehouse.h"


/*
 * Drops every header that drop() wants gone. Nothing is copied when there is
 * none, which is the rule.
 */

ngx_int_t
ngx_http_gatehouse_headers_drop(ngx_http_request_t *r,
                                ngx_http_gatehouse_drop_pt drop, void *data)
{
    ngx_list_t kept;
    ngx_uint_t i, n;
    ngx_list_part_t *part;
    ngx_table_elt_t *h, *to;
    ngx_http_gatehouse_main_conf_t *gmcf;

    n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (drop(data, &h[i])) {
                n++;
            }
        }
    }

    if (n == 0) {
        return NGX_OK;
    }

    if (ngx_list_init(&kept, r->pool, 20, sizeof(ngx_table_elt_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (drop(data, &h[i])) {
                ngx_http_gatehouse_headers_forget(r, &h[i]);
                continue;
            }

            to = ngx_list_push(&kept);
            if (to == NULL) {
                return NGX_ERROR;
            }

            *to = h[i];
        }
    }

    r->headers_in.headers = kept;

    if (r->headers_in.headers.last == &kept.part) {
        r->headers_in.headers.last = &r->headers_in.headers.part;
    }

    gmcf = ngx_http_get_module_main_conf(r, ngx_http_gatehouse_module);
    gmcf->counters->headers_removed += n;

    return NGX_OK;
}


/*
 * nginx's own pointers to a header that went away. Those to headers that
 * stayed keep pointing at the old list, which lives as long as the request.
 */

void
ngx_http_gatehouse_headers_forget(ngx_http_request_t *r, ngx_table_elt_t *h)
{
    ngx_http_header_t *known;
    ngx_http_core_main_conf_t *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    known = ngx_hash_find(&cmcf->headers_in_hash, h->hash, h->lowcase_key,
                          h->key.len);

    if (known == NULL || known->handler == NULL) {
        return;
    }

#if (nginx_version < 1023000)

    if (ngx_strcmp(known->name.data, "Cookie") == 0) {
        r->headers_in.cookies.nelts = 0;
        return;
    }

#if (NGX_HTTP_X_FORWARDED_FOR)
    if (ngx_strcmp(known->name.data, "X-Forwarded-For") == 0) {
        r->headers_in.x_forwarded_for.nelts = 0;
        return;
    }
#endif

#endif

    *(ngx_table_elt_t **) ((char *) &r->headers_in + known->offset) = NULL;
}


ngx_table_elt_t *
ngx_http_gatehouse_header_named(ngx_http_request_t *r, ngx_str_t *name)
{
    ngx_uint_t i;
    ngx_list_part_t *part;
    ngx_table_elt_t *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            h = part->elts;
            i = 0;

            if (part->nelts == 0) {
                return NULL;
            }
        }

        if (h[i].key.len == name->len
            && ngx_strncasecmp(h[i].key.data, name->data, name->len) == 0)
        {
            return &h[i];
        }
    }
}
