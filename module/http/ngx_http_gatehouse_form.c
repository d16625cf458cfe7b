/*
 * A form that was sent when its session had ended: it is kept, sealed and for
 * as long as a login may take, and given back to the person afterwards.
 * Only for browsers that had a session here, and forms of our own pages.
 */

#include "ngx_http_gatehouse_oidc.h"

#include <openssl/rand.h>

#define FORM_NAME_LEN (2 * GH_LOGIN_ID_LEN)


/* Of one request, at gr->endpoint. */
typedef struct {
    ngx_gatehouse_store_op_t *op;
    uint8_t id[GH_LOGIN_ID_LEN];
    unsigned over : 1;
    unsigned kept : 1;
} ngx_http_gatehouse_form_t;


static ngx_uint_t form_may(ngx_http_gatehouse_request_t *gr,
                           ngx_http_gatehouse_oidc_t *oidc,
                           const gh_login_t *login);
static ngx_uint_t form_is_own(ngx_http_request_t *r, const gh_login_t *login);
static ngx_int_t form_put(ngx_http_gatehouse_request_t *gr,
                          ngx_http_gatehouse_form_t *form, ngx_str_t *body);
static void form_abandon(void *data);


/* The record's name: hex of the login's id. */

void
ngx_http_gatehouse_form_name(const uint8_t id[GH_LOGIN_ID_LEN], gh_buf_t *name)
{
    (void) gh_hex_encode((gh_str_t){ (const char *) id, GH_LOGIN_ID_LEN },
                         name);
}


ngx_int_t
ngx_http_gatehouse_form_keep(ngx_http_gatehouse_request_t *gr,
                             ngx_http_gatehouse_oidc_t *oidc,
                             gh_login_t *login)
{
    ngx_int_t rc;
    ngx_str_t body;
    ngx_pool_cleanup_t *cln;
    ngx_http_gatehouse_form_t *form;

    form = gr->endpoint;

    if (form == NULL) {

        if (!form_may(gr, oidc, login)) {
            return NGX_DECLINED;
        }

        cln = ngx_pool_cleanup_add(gr->request->pool,
                                   sizeof(ngx_http_gatehouse_form_t));
        if (cln == NULL) {
            return NGX_DECLINED;
        }

        form = cln->data;
        ngx_memzero(form, sizeof(ngx_http_gatehouse_form_t));
        cln->handler = form_abandon;
        gr->endpoint = form;
    }

    if (gr->storing) {
        return NGX_AGAIN;
    }

    if (!form->over && form->op == NULL) {

        rc = ngx_http_gatehouse_body(gr, NGX_HTTP_GATEHOUSE_FORM_MAX, &body);

        if (rc == NGX_DONE) {
            return NGX_DONE;
        }

        form->over = 1;

        if (rc == NGX_OK && body.len != 0) {
            rc = form_put(gr, form, &body);

            if (rc == NGX_AGAIN) {
                form->over = 0;
                return NGX_AGAIN;
            }
        }
    }

    if (form->op != NULL) {
        form->kept = (form->op->rc == GH_OK);
        form->over = 1;
        ngx_gatehouse_store_op_destroy(form->op);
        form->op = NULL;
    }

    if (!form->kept) {
        return NGX_DECLINED;
    }

    login->form = true;
    ngx_memcpy(login->id, form->id, sizeof(form->id));

    return NGX_OK;
}


static ngx_uint_t
form_may(ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_oidc_t *oidc,
         const gh_login_t *login)
{
    char name[GH_SESSION_NAME_LEN];
    gh_str_t cookie, type, rest;
    ngx_http_request_t *r;

    r = gr->request;

    if (r->method != NGX_HTTP_POST || r->headers_in.content_type == NULL
        || r->headers_in.content_length_n > NGX_HTTP_GATEHOUSE_FORM_MAX
        || ngx_http_gatehouse_session_cookie(r, oidc, &cookie) != NGX_OK
        || gh_session_name(gr->gmcf->secret, cookie, name) != GH_OK)
    {
        return 0;
    }

    type = gh_str_cut(ngx_http_gatehouse_gh(r->headers_in.content_type->value),
                      ';', &rest);

    return gh_str_eq_nocase(gh_str_trim(type),
                            GH_STR("application/x-www-form-urlencoded"))
           && form_is_own(r, login);
}


/* Another site's page must not have a form sent in this person's name. */

static ngx_uint_t
form_is_own(ngx_http_request_t *r, const gh_login_t *login)
{
    ngx_str_t name;
    ngx_table_elt_t *h;

    ngx_str_set(&name, "Sec-Fetch-Site");
    h = ngx_http_gatehouse_header_named(r, &name);

    if (h != NULL) {
        return gh_str_eq(ngx_http_gatehouse_gh(h->value),
                         GH_STR("same-origin"));
    }

    ngx_str_set(&name, "Origin");
    h = ngx_http_gatehouse_header_named(r, &name);

    return h != NULL
           && gh_str_eq(ngx_http_gatehouse_gh(h->value), login->origin);
}


static ngx_int_t
form_put(ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_form_t *form,
         ngx_str_t *body)
{
    char room[FORM_NAME_LEN];
    gh_buf_t name = GH_BUF(room), sealed;
    uint8_t nonce[12];

    sealed.len = 0;
    sealed.cap = body->len + GH_SEAL_OVERHEAD;
    sealed.data = ngx_pnalloc(gr->request->pool, sealed.cap);

    if (sealed.data == NULL || RAND_bytes(nonce, sizeof(nonce)) != 1
        || RAND_bytes(form->id, sizeof(form->id)) != 1)
    {
        return NGX_ERROR;
    }

    ngx_http_gatehouse_form_name(form->id, &name);

    if (gh_secret_seal(gr->gmcf->secret, GH_PURPOSE_SESSION, gh_buf_str(&name),
                       nonce, ngx_http_gatehouse_gh(*body), &sealed)
        != GH_OK)
    {
        return NGX_ERROR;
    }

    form->op =
        ngx_gatehouse_store_op_create(NGX_GATEHOUSE_STORE_PUT, GH_KIND_FORM,
                                      gh_buf_str(&name), gh_buf_str(&sealed));
    if (form->op == NULL) {
        return NGX_ERROR;
    }

    form->op->ttl_s = GH_LOGIN_TTL_S;

    return ngx_http_gatehouse_submit(gr, form->op);
}


static void
form_abandon(void *data)
{
    ngx_http_gatehouse_form_t *form = data;

    if (form->op != NULL) {
        ngx_gatehouse_store_op_abandon(form->op);
    }
}
