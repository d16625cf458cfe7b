/*
 * The list of request headers: finding, taking out without leaving holes, and
 * adding. nginx's proxies send every element of the list whatever its hash,
 * so a header goes away only by a new list without it.
 */

#include "ngx_http_gatehouse.h"


/* Headers on their way into a new list, in their order. */
typedef struct {
    ngx_http_request_t *r;
#if (nginx_version < 1023000)
    ngx_uint_t cookies, forwarded; /* arrays' elements that were passed */
#endif
} ngx_http_gatehouse_moved_t;


static void ngx_http_gatehouse_headers_moved(ngx_http_gatehouse_moved_t *moved,
                                             ngx_table_elt_t *from,
                                             ngx_table_elt_t *to);
static ngx_http_header_t *ngx_http_gatehouse_headers_known(
    ngx_http_request_t *r, ngx_table_elt_t *h);
static void ngx_http_gatehouse_headers_left(ngx_table_elt_t *from,
                                            ngx_table_elt_t *to);
static void ngx_http_gatehouse_headers_chain(ngx_http_request_t *r,
                                             ngx_list_t *kept);
#if (nginx_version < 1023000)
static ngx_array_t *ngx_http_gatehouse_headers_lines(ngx_http_request_t *r,
                                                     ngx_http_header_t *known);
#endif


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
    ngx_http_gatehouse_moved_t moved;
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

    ngx_memzero(&moved, sizeof(ngx_http_gatehouse_moved_t));
    moved.r = r;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (drop(data, &h[i])) {
                ngx_http_gatehouse_headers_forget(r, &h[i]);
                ngx_http_gatehouse_headers_left(&h[i], NULL);
                continue;
            }

            to = ngx_list_push(&kept);
            if (to == NULL) {
                return NGX_ERROR;
            }

            *to = h[i];
            ngx_http_gatehouse_headers_moved(&moved, &h[i], to);
            ngx_http_gatehouse_headers_left(&h[i], to);
        }
    }

    ngx_http_gatehouse_headers_chain(r, &kept);
    r->headers_in.headers = kept;

    if (r->headers_in.headers.last == &kept.part) {
        r->headers_in.headers.last = &r->headers_in.headers.part;
    }

    gmcf = ngx_http_get_module_main_conf(r, ngx_http_gatehouse_module);
    gmcf->counters->headers_removed += n;

    return NGX_OK;
}


/*
 * nginx's own pointers follow a header into the new list: what becomes of it
 * there is what its variables say ($http_cookie, $cookie_...).
 */

static void
ngx_http_gatehouse_headers_moved(ngx_http_gatehouse_moved_t *moved,
                                 ngx_table_elt_t *from, ngx_table_elt_t *to)
{
    ngx_http_header_t *known;
    ngx_table_elt_t **p;
#if (nginx_version < 1023000)
    ngx_uint_t *at;
    ngx_array_t *lines;
#endif

    known = ngx_http_gatehouse_headers_known(moved->r, from);

    if (known == NULL) {
        return;
    }

#if (nginx_version < 1023000)

    lines = ngx_http_gatehouse_headers_lines(moved->r, known);

    if (lines != NULL) {
        at = (lines == &moved->r->headers_in.cookies) ? &moved->cookies
                                                      : &moved->forwarded;
        p = lines->elts;

        while (*at < lines->nelts && p[*at] != from) {
            (*at)++;
        }

        if (*at < lines->nelts) {
            p[(*at)++] = to;
        }

        return;
    }

#endif

    p = (ngx_table_elt_t **) ((char *) &moved->r->headers_in + known->offset);

    if (*p == from) {
        *p = to;
    }
}


/* From 1.23 on headers of one name are a chain too: an old one says where it
 * is now. */

static void
ngx_http_gatehouse_headers_left(ngx_table_elt_t *from, ngx_table_elt_t *to)
{
#if (nginx_version >= 1023000)
    from->next = to;
#endif
}


/* Each names its old successor, and that one where it is now. */

static void
ngx_http_gatehouse_headers_chain(ngx_http_request_t *r, ngx_list_t *kept)
{
#if (nginx_version >= 1023000)
    ngx_uint_t i;
    ngx_list_part_t *part;
    ngx_table_elt_t *h;

    for (part = &kept->part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (ngx_http_gatehouse_headers_known(r, &h[i]) == NULL) {
                /* nginx leaves it as the memory was */
                h[i].next = NULL;

            } else if (h[i].next != NULL) {
                h[i].next = h[i].next->next;
            }
        }
    }
#endif
}


/* nginx's own pointers to a header that went away; of several of its name to
 * all of them. */

void
ngx_http_gatehouse_headers_forget(ngx_http_request_t *r, ngx_table_elt_t *h)
{
    ngx_http_header_t *known;
#if (nginx_version < 1023000)
    ngx_array_t *lines;
#endif

    known = ngx_http_gatehouse_headers_known(r, h);

    if (known == NULL) {
        return;
    }

#if (nginx_version < 1023000)

    lines = ngx_http_gatehouse_headers_lines(r, known);

    if (lines != NULL) {
        lines->nelts = 0;
        return;
    }

#endif

    *(ngx_table_elt_t **) ((char *) &r->headers_in + known->offset) = NULL;
}


/* NULL: nginx keeps no pointer to it. */

static ngx_http_header_t *
ngx_http_gatehouse_headers_known(ngx_http_request_t *r, ngx_table_elt_t *h)
{
    ngx_http_header_t *known;
    ngx_http_core_main_conf_t *cmcf;

    if (h->lowcase_key == NULL) {
        return NULL;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    known = ngx_hash_find(&cmcf->headers_in_hash, h->hash, h->lowcase_key,
                          h->key.len);

    return (known == NULL || known->handler == NULL) ? NULL : known;
}


#if (nginx_version < 1023000)

/* Those that nginx kept in arrays then; NULL: one pointer. */

static ngx_array_t *
ngx_http_gatehouse_headers_lines(ngx_http_request_t *r,
                                 ngx_http_header_t *known)
{
    if (known->offset == offsetof(ngx_http_headers_in_t, cookies)) {
        return &r->headers_in.cookies;
    }

#if (NGX_HTTP_X_FORWARDED_FOR)
    if (known->offset == offsetof(ngx_http_headers_in_t, x_forwarded_for)) {
        return &r->headers_in.x_forwarded_for;
    }
#endif

    return NULL;
}

#endif


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
