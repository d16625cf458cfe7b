/*
 * Cookies as a request carries them and as we set them: a name may come
 * twice, and whoever planted one of two is not believed.
 */

#include "ngx_http_gatehouse_oidc.h"


typedef ngx_int_t (*ngx_http_gatehouse_cookie_pt)(void *data, gh_str_t name,
                                                  gh_str_t value);

typedef struct {
    ngx_str_t *name;
    ngx_str_t value;
    ngx_uint_t n, differ;
} ngx_http_gatehouse_cookie_search_t;


static void ngx_http_gatehouse_cookie_search(
    ngx_http_request_t *r, ngx_http_gatehouse_cookie_search_t *search);
static ngx_uint_t ngx_http_gatehouse_cookie_header(ngx_table_elt_t *h);
static ngx_uint_t ngx_http_gatehouse_cookie_own(
    ngx_http_gatehouse_main_conf_t *gmcf, gh_str_t name);
static ngx_int_t ngx_http_gatehouse_cookie_filter(
    ngx_http_gatehouse_request_t *gr, ngx_table_elt_t *h);


/* How many cookies have that name; *value is the first one's. */

ngx_uint_t
ngx_http_gatehouse_cookie(ngx_http_request_t *r, ngx_str_t *name,
                          ngx_str_t *value)
{
    ngx_http_gatehouse_cookie_search_t search;

    search.name = name;
    ngx_http_gatehouse_cookie_search(r, &search);

    if (search.n != 0) {
        *value = search.value;
    }

    return search.n;
}


/* NGX_DECLINED: there is none, or there are several that differ. */

ngx_int_t
ngx_http_gatehouse_cookie_one(ngx_http_request_t *r, ngx_str_t *name,
                              ngx_str_t *value)
{
    ngx_http_gatehouse_cookie_search_t search;

    search.name = name;
    ngx_http_gatehouse_cookie_search(r, &search);

    if (search.n == 0 || search.differ) {
        return NGX_DECLINED;
    }

    *value = search.value;

    return NGX_OK;
}


static void
ngx_http_gatehouse_cookie_search(ngx_http_request_t *r,
                                 ngx_http_gatehouse_cookie_search_t *search)
{
    gh_str_t rest, item, text;
    ngx_uint_t i;
    ngx_list_part_t *part;
    ngx_table_elt_t *h;

    search->n = 0;
    search->differ = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (!ngx_http_gatehouse_cookie_header(&h[i])) {
                continue;
            }

            rest = ngx_http_gatehouse_gh(h[i].value);

            while (rest.data != NULL) {
                item = gh_str_trim(gh_str_cut(rest, ';', &rest));
                item = gh_str_cut(item, '=', &text);

                if (text.data == NULL
                    || !gh_str_eq(item, ngx_http_gatehouse_gh(*search->name)))
                {
                    continue;
                }

                if (search->n++ == 0) {
                    search->value = ngx_http_gatehouse_ngx(text);

                } else if (!gh_str_eq(text,
                                      ngx_http_gatehouse_gh(search->value))) {
                    search->differ = 1;
                }
            }
        }
    }
}


static ngx_uint_t
ngx_http_gatehouse_cookie_header(ngx_table_elt_t *h)
{
    return ngx_http_gatehouse_header_called(h, "cookie");
}


/*
 * The service behind gets everything but our own cookies: a session is
 * nobody's business there.
 */

ngx_int_t
ngx_http_gatehouse_cookies_forward(ngx_http_gatehouse_request_t *gr)
{
    ngx_uint_t i;
    ngx_list_part_t *part;
    ngx_table_elt_t *h;

    part = &gr->request->headers_in.headers.part;

    for (/* void */; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (ngx_http_gatehouse_cookie_header(&h[i])
                && ngx_http_gatehouse_cookie_filter(gr, &h[i]) != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* Copied only when there is something of ours in it. */

static ngx_int_t
ngx_http_gatehouse_cookie_filter(ngx_http_gatehouse_request_t *gr,
                                 ngx_table_elt_t *h)
{
    u_char *p, *start;
    gh_str_t rest, item, value, name;
    ngx_uint_t found;

    found = 0;
    rest = ngx_http_gatehouse_gh(h->value);

    while (rest.data != NULL && !found) {
        item = gh_str_trim(gh_str_cut(rest, ';', &rest));
        name = gh_str_cut(item, '=', &value);
        found = ngx_http_gatehouse_cookie_own(gr->gmcf, name);
    }

    if (!found) {
        return NGX_OK;
    }

    if (rest.data == NULL && name.data == (char *) h->value.data) {
        /* and nothing else */
        h->value.len = 0;
        return NGX_OK;
    }

    start = ngx_pnalloc(gr->request->pool, h->value.len + 1);
    if (start == NULL) {
        return NGX_ERROR;
    }

    p = start;
    rest = ngx_http_gatehouse_gh(h->value);

    while (rest.data != NULL) {
        item = gh_str_trim(gh_str_cut(rest, ';', &rest));
        name = gh_str_cut(item, '=', &value);

        if (item.len == 0 || ngx_http_gatehouse_cookie_own(gr->gmcf, name)) {
            continue;
        }

        if (p != start) {
            *p++ = ';';
            *p++ = ' ';
        }

        p = ngx_cpymem(p, item.data, item.len);
    }

    *p = '\0';
    h->value.data = start;
    h->value.len = (size_t) (p - start);

    return NGX_OK;
}


static ngx_uint_t
ngx_http_gatehouse_cookie_own(ngx_http_gatehouse_main_conf_t *gmcf,
                              gh_str_t name)
{
    ngx_uint_t i;
    ngx_http_gatehouse_oidc_t **oidc;

    if (gh_str_starts(name, GH_STR("__Host-gh-"))
        || gh_str_starts(name, GH_STR("__Secure-gh-")))
    {
        return 1;
    }

    oidc = gmcf->providers.elts;

    for (i = 0; i < gmcf->providers.nelts; i++) {
        if (gh_str_eq(name, ngx_http_gatehouse_gh(oidc[i]->cookie_name))) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_gatehouse_make_cookie(ngx_http_request_t *r,
                               ngx_http_gatehouse_oidc_t *oidc,
                               ngx_http_gatehouse_cookie_t *cookie,
                               ngx_str_t *out)
{
    u_char *p;
    size_t len;

    len = cookie->name.len + cookie->value.len + oidc->cookie_domain.len
          + NGX_INT64_LEN
          + sizeof("=; Path=/; Domain=; Max-Age=; Secure; HttpOnly; "
                   "SameSite=Lax");

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    out->data = p;
    p = ngx_sprintf(p, "%V=%V; Path=/", &cookie->name, &cookie->value);

    if (oidc->cookie_domain.len != 0) {
        p = ngx_sprintf(p, "; Domain=%V", &oidc->cookie_domain);
    }

    if (cookie->max_age != 0 || cookie->value.len == 0) {
        p = ngx_sprintf(p, "; Max-Age=%T", cookie->max_age);
    }

    p = ngx_cpymem(p, "; Secure; HttpOnly; SameSite=Lax", 32);
    out->len = (size_t) (p - out->data);

    return NGX_OK;
}


ngx_int_t
ngx_http_gatehouse_set_cookie(ngx_http_request_t *r,
                              ngx_http_gatehouse_oidc_t *oidc,
                              ngx_http_gatehouse_cookie_t *cookie)
{
    ngx_str_t value;

    if (ngx_http_gatehouse_make_cookie(r, oidc, cookie, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_gatehouse_answer_add(r, "Set-Cookie", 10, &value);
}
