/*
 * The end of a session at the gateway, and from there at the provider; and by
 * a frame on the provider's page. Another site cannot log anybody out, and
 * what the store did not take is not called done.
 */

#include "ngx_http_gatehouse_logout.h"

#define LOGOUT_URL_MAX 20480
#define LOGOUT_TOKEN_LEN 22 /* base64url of 16 bytes */


static void logout_cleanup(void *data);
static ngx_int_t logout_peek(ngx_http_gatehouse_request_t *gr,
                             ngx_http_gatehouse_oidc_t *oidc,
                             ngx_http_gatehouse_logout_t *lo);
static ngx_int_t logout_allowed(ngx_http_gatehouse_request_t *gr,
                                ngx_http_gatehouse_oidc_t *oidc);
static ngx_int_t logout_confirmed(ngx_http_gatehouse_request_t *gr,
                                  ngx_http_gatehouse_oidc_t *oidc);
static ngx_int_t logout_token(ngx_http_gatehouse_request_t *gr,
                              ngx_http_gatehouse_oidc_t *oidc,
                              char out[LOGOUT_TOKEN_LEN]);
static ngx_int_t logout_confirm(ngx_http_gatehouse_request_t *gr,
                                ngx_http_gatehouse_oidc_t *oidc);
static ngx_int_t logout_delete(ngx_http_gatehouse_request_t *gr,
                               ngx_http_gatehouse_logout_t *lo, gh_str_t name);
static void logout_revoke(ngx_http_gatehouse_request_t *gr,
                          ngx_http_gatehouse_oidc_t *oidc);
static ngx_int_t logout_leave(ngx_http_gatehouse_request_t *gr,
                              ngx_http_gatehouse_oidc_t *oidc);
static ngx_int_t logout_provider(ngx_http_gatehouse_request_t *gr,
                                 ngx_http_gatehouse_oidc_t *oidc,
                                 ngx_str_t *back, ngx_str_t *url);
static ngx_int_t logout_away(ngx_http_gatehouse_request_t *gr);


ngx_http_gatehouse_logout_t *
ngx_http_gatehouse_logout_state(ngx_http_gatehouse_request_t *gr)
{
    ngx_pool_cleanup_t *cln;

    if (gr->endpoint == NULL) {
        cln = ngx_pool_cleanup_add(gr->request->pool,
                                   sizeof(ngx_http_gatehouse_logout_t));
        if (cln == NULL) {
            return NULL;
        }

        ngx_memzero(cln->data, sizeof(ngx_http_gatehouse_logout_t));
        cln->handler = logout_cleanup;
        gr->endpoint = cln->data;
    }

    return gr->endpoint;
}


static void
logout_cleanup(void *data)
{
    ngx_http_gatehouse_logout_t *lo = data;

    if (lo->op != NULL) {
        ngx_gatehouse_store_op_abandon(lo->op);
    }

    if (lo->parsed) {
        gh_jwt_clear(&lo->jwt);
    }

    json_decref(lo->claims);
}


ngx_int_t
ngx_http_gatehouse_logout(ngx_http_gatehouse_request_t *gr,
                          ngx_http_gatehouse_oidc_t *oidc)
{
    ngx_int_t rc;
    gh_str_t name;
    ngx_http_gatehouse_logout_t *lo;

    gr->reason = GH_REASON_PUBLIC;
    lo = ngx_http_gatehouse_logout_state(gr);

    if (lo == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (lo->step == 0) {
        rc = logout_peek(gr, oidc, lo);

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        if (rc == NGX_DECLINED) {
            return logout_leave(gr, oidc);
        }

        if (rc != NGX_OK) {
            return logout_away(gr);
        }

        rc = logout_allowed(gr, lo->oidc);

        if (rc == NGX_DECLINED) {
            return logout_confirm(gr, lo->oidc);
        }

        if (rc != NGX_OK) {
            return rc;
        }

        lo->step = 1;
    }

    name = (gh_str_t){ (char *) gr->session->name, GH_SESSION_NAME_LEN };
    rc = logout_delete(gr, lo, name);

    if (rc != NGX_OK) {
        return rc;
    }

    gr->session->ended = 1;
    logout_revoke(gr, lo->oidc);

    return logout_leave(gr, lo->oidc);
}


/* The first of those that share the address whose session the browser still
 * has, as lo->oidc; NGX_DECLINED: no session of any. */

static ngx_int_t
logout_peek(ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_oidc_t *oidc,
            ngx_http_gatehouse_logout_t *lo)
{
    ngx_int_t rc;
    ngx_http_gatehouse_oidc_t *next;

    next = lo->oidc ? lo->oidc : oidc;

    do {
        lo->oidc = next;
        rc = ngx_http_gatehouse_session_peek(gr, next);

        if (rc != NGX_DECLINED) {
            return rc;
        }

        next = ngx_http_gatehouse_endpoint_next(gr, next);

    } while (next != NULL);

    return NGX_DECLINED;
}


/*
 * NGX_OK: the person means it: the request comes from a page of ours or was
 * typed, or carries the token of our own form. NGX_DECLINED: ask.
 */

static ngx_int_t
logout_allowed(ngx_http_gatehouse_request_t *gr,
               ngx_http_gatehouse_oidc_t *oidc)
{
    gh_str_t site;
    ngx_str_t name;
    ngx_table_elt_t *h;

    ngx_str_set(&name, "Sec-Fetch-Site");
    h = ngx_http_gatehouse_header_named(gr->request, &name);

    if (h != NULL) {
        site = ngx_http_gatehouse_gh(h->value);

        if (gh_str_eq(site, GH_STR("same-origin"))
            || gh_str_eq(site, GH_STR("none"))) {
            return NGX_OK;
        }
    }

    if (gr->request->method != NGX_HTTP_POST) {
        return NGX_DECLINED;
    }

    return logout_confirmed(gr, oidc);
}


static ngx_int_t
logout_confirmed(ngx_http_gatehouse_request_t *gr,
                 ngx_http_gatehouse_oidc_t *oidc)
{
    char token[LOGOUT_TOKEN_LEN];
    gh_buf_t room;
    gh_str_t sent;
    ngx_int_t rc;
    ngx_str_t body;
    gh_form_t *form;

    rc = ngx_http_gatehouse_body(gr, NGX_HTTP_GATEHOUSE_LOGOUT_BODY, &body);

    if (rc != NGX_OK) {
        return rc;
    }

    form = ngx_palloc(gr->request->pool, sizeof(gh_form_t));
    room.len = 0;
    room.cap = body.len;
    room.data = ngx_pnalloc(gr->request->pool, body.len + 1);

    if (form == NULL || room.data == NULL
        || logout_token(gr, oidc, token) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return (gh_form_parse(ngx_http_gatehouse_gh(body), &room, form) == GH_OK
            && gh_form_one(form, GH_STR("token"), &sent) == GH_OK
            && sent.len == LOGOUT_TOKEN_LEN
            && gh_equal_secret(sent.data, token, LOGOUT_TOKEN_LEN))
               ? NGX_OK
               : NGX_DECLINED;
}


/* Nobody but this session's browser can know it. */

static ngx_int_t
logout_token(ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_oidc_t *oidc,
             char out[LOGOUT_TOKEN_LEN])
{
    char text[sizeof("logout:") + GH_SESSION_NAME_LEN];
    gh_buf_t room = GH_BUF(text), token = { out, 0, LOGOUT_TOKEN_LEN };
    uint8_t mac[GH_SHA256_LEN];

    (void) gh_buf_add(&room, GH_STR("logout:"));
    (void) gh_buf_add(
        &room, (gh_str_t){ (char *) gr->session->name, GH_SESSION_NAME_LEN });

    if (gh_secret_mac(gr->gmcf->secret, 0, GH_PURPOSE_SESSION,
                      gh_buf_str(&room), mac)
        != GH_OK)
    {
        return NGX_ERROR;
    }

    return (gh_base64url_encode((gh_str_t){ (char *) mac, 16 }, &token)
            == GH_OK)
               ? NGX_OK
               : NGX_ERROR;
}


static ngx_int_t
logout_confirm(ngx_http_gatehouse_request_t *gr,
               ngx_http_gatehouse_oidc_t *oidc)
{
    char token[LOGOUT_TOKEN_LEN];
    gh_page_values_t values;

    if (logout_token(gr, oidc, token) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(&values, sizeof(gh_page_values_t));
    values.link = ngx_http_gatehouse_gh(oidc->logout_uri);
    values.token = (gh_str_t){ token, LOGOUT_TOKEN_LEN };

    return ngx_http_gatehouse_send_page(gr, GH_PAGE_LOGOUT_CONFIRM, &values,
                                        GH_STR(""));
}


/* NGX_OK: it is gone; NGX_AGAIN; or an answer that says that it is not. */

static ngx_int_t
logout_delete(ngx_http_gatehouse_request_t *gr,
              ngx_http_gatehouse_logout_t *lo, gh_str_t name)
{
    gh_rc_t rc;

    if (lo->op == NULL) {
        lo->op = ngx_gatehouse_store_op_create(
            NGX_GATEHOUSE_STORE_DELETE, GH_KIND_SESSION, name, GH_STR(""));
        if (lo->op == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        lo->op->log = 1;

        if (ngx_http_gatehouse_submit(gr, lo->op) == NGX_AGAIN) {
            return NGX_AGAIN;
        }
    }

    rc = lo->op->rc;
    ngx_gatehouse_store_op_destroy(lo->op);
    lo->op = NULL;

    return (rc == GH_OK || rc == GH_ABSENT) ? NGX_OK : logout_away(gr);
}


/* Nobody waits for it, and it outlives the request. */

static void
logout_revoke(ngx_http_gatehouse_request_t *gr,
              ngx_http_gatehouse_oidc_t *oidc)
{
    ngx_uint_t i;
    ngx_gatehouse_fetch_t *f;
    const gh_provider_t *provider;

    const struct {
        gh_str_t token, hint;
    } tokens[] = {
        { gr->session->session.refresh_token, GH_STR("refresh_token") },
        { gr->session->session.access_token, GH_STR("access_token") },
    };

    if (ngx_gatehouse_keys_metadata(gr->gmcf->keys, &oidc->issuer.keys,
                                    &provider, NULL)
        != GH_OK)
    {
        return;
    }

    for (i = 0; i < 2; i++) {

        if (tokens[i].token.len == 0) {
            continue;
        }

        f = ngx_http_gatehouse_oidc_revoke(oidc, provider, tokens[i].token,
                                           tokens[i].hint);
        if (f == NULL) {
            continue;
        }

        if (ngx_gatehouse_fetch_start(gr->gmcf->fetcher, f) == NGX_OK) {
            ngx_gatehouse_fetch_abandon(f);

        } else {
            ngx_gatehouse_fetch_destroy(f);
        }
    }
}


static ngx_int_t
logout_leave(ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_oidc_t *oidc)
{
    ngx_str_t back, url;
    ngx_http_gatehouse_cookie_t cookie;

    ngx_memzero(&cookie, sizeof(ngx_http_gatehouse_cookie_t));
    cookie.name = oidc->cookie_name;

    if (ngx_http_gatehouse_set_cookie(gr->request, oidc, &cookie) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    back = oidc->post_logout_uri;

    if (gr->session != NULL
        && logout_provider(gr, oidc, &back, &url) == NGX_OK) {
        return ngx_http_gatehouse_send_redirect(gr, NGX_HTTP_SEE_OTHER, &url);
    }

    return ngx_http_gatehouse_send_redirect(gr, NGX_HTTP_SEE_OTHER, &back);
}


static ngx_int_t
logout_provider(ngx_http_gatehouse_request_t *gr,
                ngx_http_gatehouse_oidc_t *oidc, ngx_str_t *back,
                ngx_str_t *url)
{
    u_char *p;
    gh_buf_t out;
    gh_str_t absolute;
    ngx_str_t origin;
    const gh_provider_t *provider;

    if (ngx_gatehouse_keys_metadata(gr->gmcf->keys, &oidc->issuer.keys,
                                    &provider, NULL)
            != GH_OK
        || ngx_http_gatehouse_origin(gr->request, &origin) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(gr->request->pool, origin.len + back->len);
    out.len = 0;
    out.cap = LOGOUT_URL_MAX;
    out.data = ngx_pnalloc(gr->request->pool, out.cap);

    if (p == NULL || out.data == NULL) {
        return NGX_DECLINED;
    }

    absolute.data = (char *) p;
    absolute.len = origin.len + back->len;
    p = ngx_cpymem(p, origin.data, origin.len);
    ngx_memcpy(p, back->data, back->len);

    if (gh_oidc_logout_url(provider, oidc->client.client_id,
                           gr->session->session.id_token, absolute, GH_STR(""),
                           &out)
        != GH_OK)
    {
        return NGX_DECLINED;
    }

    *url = ngx_http_gatehouse_ngx(gh_buf_str(&out));

    return NGX_OK;
}


static ngx_int_t
logout_away(ngx_http_gatehouse_request_t *gr)
{
    gh_page_values_t values;

    gr->reason = GH_REASON_STORE_UNAVAILABLE;
    gr->refused = gr->reason;

    ngx_memzero(&values, sizeof(gh_page_values_t));
    values.link = ngx_http_gatehouse_gh(gr->request->uri);

    return ngx_http_gatehouse_send_page(gr, GH_PAGE_LOGIN_AWAY, &values,
                                        GH_STR(""));
}


ngx_int_t
ngx_http_gatehouse_logged_out(ngx_http_gatehouse_request_t *gr,
                              ngx_http_gatehouse_oidc_t *oidc)
{
    gh_page_values_t values;

    gr->reason = GH_REASON_PUBLIC;

    ngx_memzero(&values, sizeof(gh_page_values_t));
    values.link = GH_STR("/");

    return ngx_http_gatehouse_send_page(gr, GH_PAGE_LOGGED_OUT, &values,
                                        GH_STR(""));
}


/*
 * Front-Channel Logout 1.0: a frame on the provider's page. It ends the
 * session of the browser that shows it and no other; without its cookie
 * (which a browser keeps back from another site's frame) nothing happens.
 */

ngx_int_t
ngx_http_gatehouse_frontchannel(ngx_http_gatehouse_request_t *gr,
                                ngx_http_gatehouse_oidc_t *oidc)
{
    gh_str_t iss, sid, name;
    ngx_int_t rc;
    ngx_str_t argument;
    ngx_http_gatehouse_logout_t *lo;

    gr->reason = GH_REASON_PUBLIC;
    lo = ngx_http_gatehouse_logout_state(gr);

    if (lo == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (lo->step == 0) {

        if (ngx_http_gatehouse_plain_argument(gr->request, "iss", &argument)
            != NGX_OK) {
            return ngx_http_gatehouse_send_empty(gr, NGX_HTTP_BAD_REQUEST);
        }

        iss = ngx_http_gatehouse_gh(argument);

        if (ngx_http_gatehouse_plain_argument(gr->request, "sid", &argument)
            != NGX_OK) {
            return ngx_http_gatehouse_send_empty(gr, NGX_HTTP_BAD_REQUEST);
        }

        sid = ngx_http_gatehouse_gh(argument);
        rc = logout_peek(gr, oidc, lo);

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        if (rc != NGX_OK || !gh_str_eq(iss, lo->oidc->client.issuer)
            || sid.len == 0 || !gh_str_eq(sid, gr->session->session.sid))
        {
            return ngx_http_gatehouse_send_empty(gr, NGX_HTTP_OK);
        }

        lo->step = 1;
    }

    name = (gh_str_t){ (char *) gr->session->name, GH_SESSION_NAME_LEN };
    rc = logout_delete(gr, lo, name);

    if (rc != NGX_OK) {
        return rc;
    }

    gr->session->ended = 1;

    return ngx_http_gatehouse_send_empty(gr, NGX_HTTP_OK);
}
