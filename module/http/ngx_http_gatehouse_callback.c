/*
 * The callback: the end of a login. The state says whose login it is, one
 * store claim makes it count once, the provider is asked for tokens off the
 * loop, what it says is checked, and a new session begins. A step that waits
 * is taken up again by the phase handler; a client that goes away leaves its
 * login behind.
 */

#include "ngx_http_gatehouse_callback.h"
#include "ngx_gatehouse_logins.h"

#include <openssl/crypto.h>

#define CALLBACK_ARGS_MAX 16384


typedef ngx_int_t (*ngx_http_gatehouse_callback_pt)(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_callback_t *cb);


static ngx_http_gatehouse_callback_t *callback_begin(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_oidc_t *oidc);
static ngx_int_t callback_metadata(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_claim(ngx_http_gatehouse_request_t *gr,
                                ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_former(ngx_http_gatehouse_request_t *gr,
                                 ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_answer(ngx_http_gatehouse_request_t *gr,
                                 ngx_http_gatehouse_callback_t *cb);
static void callback_cleanup(void *data);


static const ngx_http_gatehouse_callback_pt steps[] = {
    callback_metadata,
    callback_claim,
    ngx_http_gatehouse_callback_exchange,
    ngx_http_gatehouse_callback_verify,
    ngx_http_gatehouse_callback_userinfo,
    callback_former,
    ngx_http_gatehouse_callback_session,
    ngx_http_gatehouse_callback_index,
    ngx_http_gatehouse_callback_form,
    callback_answer
};


/* Each step answers NGX_OK to go on, NGX_AGAIN when it waits, else what ends
 * the request. The last one never answers NGX_OK to go on. */

ngx_int_t
ngx_http_gatehouse_callback(ngx_http_gatehouse_request_t *gr,
                            ngx_http_gatehouse_oidc_t *oidc)
{
    ngx_int_t rc;
    ngx_http_gatehouse_callback_t *cb;

    cb = gr->endpoint;

    if (cb == NULL) {
        cb = callback_begin(gr, oidc);

        if (cb == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (!cb->known) {
        rc = ngx_http_gatehouse_callback_state(gr, cb);

        if (rc != NGX_DECLINED) {
            return rc;
        }

        cb->known = 1;
    }

    for (;;) {
        rc = steps[cb->step](gr, cb);

        if (rc != NGX_DECLINED) {
            return rc;
        }

        cb->step++;
    }
}


/* The arguments are copied: code and state are secrets of a sort, and from
 * here on nobody sees them. */

static ngx_http_gatehouse_callback_t *
callback_begin(ngx_http_gatehouse_request_t *gr,
               ngx_http_gatehouse_oidc_t *oidc)
{
    gh_buf_t room;
    gh_str_t args;
    ngx_http_request_t *r;
    ngx_pool_cleanup_t *cln;
    ngx_http_gatehouse_callback_t *cb;

    r = gr->request;
    args = ngx_http_gatehouse_gh(r->args);

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_gatehouse_callback_t));
    room.data = ngx_pnalloc(r->pool, args.len + 1);

    if (cln == NULL || room.data == NULL) {
        return NULL;
    }

    room.len = 0;
    room.cap = args.len;

    cb = cln->data;
    ngx_memzero(cb, sizeof(ngx_http_gatehouse_callback_t));
    cln->handler = callback_cleanup;
    cb->oidc = oidc;
    cb->form = ngx_pcalloc(r->pool, sizeof(gh_form_t));

    if (cb->form == NULL) {
        return NULL;
    }

    cb->malformed = args.len > CALLBACK_ARGS_MAX
                    || gh_form_parse(args, &room, cb->form) != GH_OK;

    gr->endpoint = cb;

    return (ngx_http_gatehouse_blank(gr) == NGX_OK) ? cb : NULL;
}


static ngx_int_t
callback_metadata(ngx_http_gatehouse_request_t *gr,
                  ngx_http_gatehouse_callback_t *cb)
{
    gh_rc_t rc;
    const gh_provider_t *provider;

    gr->keys_waiter.handler = ngx_http_gatehouse_wake;
    gr->keys_waiter.data = gr;

    rc = ngx_gatehouse_keys_metadata(gr->gmcf->keys, &cb->oidc->issuer.keys,
                                     &provider, &gr->keys_waiter);
    if (rc == GH_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc != GH_OK) {
        return ngx_http_gatehouse_callback_refuse(
            gr, cb, GH_PAGE_LOGIN_AWAY,
            "the provider's metadata cannot be had");
    }

    if (provider->sends_iss && cb->iss.len == 0) {
        return ngx_http_gatehouse_callback_refuse(gr, cb, GH_PAGE_LOGIN_FAILED,
                                                  "iss is missing");
    }

    if (gh_login_proofs(gr->gmcf->secret, cb->cookie, &cb->login, &cb->proofs)
        != GH_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_DECLINED;
}


/* A callback counts once. */

static ngx_int_t
callback_claim(ngx_http_gatehouse_request_t *gr,
               ngx_http_gatehouse_callback_t *cb)
{
    char room[sizeof("login:") + 2 * GH_LOGIN_ID_LEN];
    gh_rc_t rc;
    gh_buf_t name = GH_BUF(room);
    ngx_int_t peeked;

    if (cb->op == NULL) {
        (void) gh_buf_add(&name, GH_STR("login:"));
        ngx_http_gatehouse_form_name(cb->login.id, &name);

        cb->op = ngx_gatehouse_store_op_create(NGX_GATEHOUSE_STORE_CLAIM,
                                               GH_KIND_CLAIM,
                                               gh_buf_str(&name), GH_STR(""));
        if (cb->op == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        cb->op->ttl_s = GH_LOGIN_TTL_S;

        if (ngx_http_gatehouse_submit(gr, cb->op) == NGX_AGAIN) {
            return NGX_AGAIN;
        }
    }

    rc = cb->op->rc;
    ngx_gatehouse_store_op_destroy(cb->op);
    cb->op = NULL;

    if (rc == GH_OK) {
        return NGX_DECLINED;
    }

    if (rc != GH_CONFLICT) {
        return ngx_http_gatehouse_callback_refuse(
            gr, cb, GH_PAGE_LOGIN_AWAY, "the store could not be asked");
    }

    peeked = ngx_http_gatehouse_session_peek(gr, cb->oidc);

    if (peeked == NGX_AGAIN) {
        /* the claim is asked for again, and lost again */
        return NGX_AGAIN;
    }

    return (peeked == NGX_OK)
               ? ngx_http_gatehouse_callback_return(gr, cb)
               : ngx_http_gatehouse_callback_refuse(
                   gr, cb, GH_PAGE_LOGIN_EXPIRED, "the callback came before");
}


/* The session that this browser has had until now, at gr->session. */

static ngx_int_t
callback_former(ngx_http_gatehouse_request_t *gr,
                ngx_http_gatehouse_callback_t *cb)
{
    return (ngx_http_gatehouse_session_peek(gr, cb->oidc) == NGX_AGAIN)
               ? NGX_AGAIN
               : NGX_DECLINED;
}


static ngx_int_t
callback_answer(ngx_http_gatehouse_request_t *gr,
                ngx_http_gatehouse_callback_t *cb)
{
    if (ngx_http_gatehouse_callback_cookies(gr, cb) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    gr->reason = GH_REASON_OK;

    return ngx_http_gatehouse_callback_return(gr, cb);
}


/* The session begins, the login's cookie goes; a session from before ends. */

ngx_int_t
ngx_http_gatehouse_callback_cookies(ngx_http_gatehouse_request_t *gr,
                                    ngx_http_gatehouse_callback_t *cb)
{
    ngx_http_request_t *r;
    ngx_http_gatehouse_cookie_t cookie;

    r = gr->request;

    ngx_gatehouse_login_count(gr->gmcf->zone, &cb->oidc->name,
                              NGX_GATEHOUSE_LOGIN_OK);

    if (gr->session != NULL) {
        gr->session->ended = 1;
        ngx_http_gatehouse_session_end(gr->session);
    }

    cookie.name = cb->oidc->cookie_name;
    cookie.value.data = (u_char *) cb->session_cookie;
    cookie.value.len = GH_SESSION_COOKIE_LEN;
    cookie.max_age = 0;

    if (ngx_http_gatehouse_set_cookie(r, cb->oidc, &cookie) != NGX_OK) {
        return NGX_ERROR;
    }

    cookie.name = cb->oidc->login_cookie_name;
    ngx_str_null(&cookie.value);

    return ngx_http_gatehouse_set_cookie(r, cb->oidc, &cookie);
}


ngx_int_t
ngx_http_gatehouse_callback_return(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_callback_t *cb)
{
    ngx_str_t url;

    if (ngx_http_gatehouse_callback_url(gr, cb, &url) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_gatehouse_send_redirect(gr, NGX_HTTP_SEE_OTHER, &url);
}


/* Where the login began: sealed by us, and never another site's. */

ngx_int_t
ngx_http_gatehouse_callback_url(ngx_http_gatehouse_request_t *gr,
                                ngx_http_gatehouse_callback_t *cb,
                                ngx_str_t *url)
{
    u_char *p;
    gh_str_t *origin = &cb->login.origin, *target = &cb->login.target;
    ngx_str_t own;

    if (ngx_http_gatehouse_origin(gr->request, &own) == NGX_OK
        && gh_str_eq(ngx_http_gatehouse_gh(own), *origin))
    {
        *url = ngx_http_gatehouse_ngx(*target);
        return NGX_OK;
    }

    if (cb->oidc->cookie_domain.len == 0) {
        ngx_str_set(url, "/");
        return NGX_OK;
    }

    p = ngx_pnalloc(gr->request->pool, origin->len + target->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    url->data = p;
    url->len = origin->len + target->len;
    p = ngx_cpymem(p, origin->data, origin->len);
    ngx_memcpy(p, target->data, target->len);

    return NGX_OK;
}


/* What it was stands in our log; a person is told that it did not work, and
 * where to begin again. */

ngx_int_t
ngx_http_gatehouse_callback_refuse(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_callback_t *cb,
                                   gh_page_t page, const char *why)
{
    ngx_http_request_t *r;
    gh_page_values_t values;
    ngx_http_gatehouse_cookie_t cookie;

    r = gr->request;

    gr->reason = (page == GH_PAGE_LOGIN_AWAY) ? GH_REASON_LOGIN_UNAVAILABLE
                                              : GH_REASON_LOGIN_FAILED;
    gr->refused = gr->reason;

    if (cb->known || page != GH_PAGE_LOGIN_FAILED) {
        /* anybody may ask for a callback; of a login we know whose it is */
        ngx_gatehouse_login_count(
            gr->gmcf->zone, &cb->oidc->name,
            page == GH_PAGE_LOGIN_AWAY      ? NGX_GATEHOUSE_LOGIN_AWAY
            : page == GH_PAGE_LOGIN_EXPIRED ? NGX_GATEHOUSE_LOGIN_EXPIRED
                                            : NGX_GATEHOUSE_LOGIN_FAILED);
    }

    ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                  "gatehouse: a login at \"%V\" ends: %s", &cb->oidc->name,
                  why);

    /* a login that failed at its state may be another's: its cookie stays */

    if (cb->known && page == GH_PAGE_LOGIN_FAILED) {
        ngx_memzero(&cookie, sizeof(ngx_http_gatehouse_cookie_t));
        cookie.name = cb->oidc->login_cookie_name;

        if (ngx_http_gatehouse_set_cookie(r, cb->oidc, &cookie) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    ngx_memzero(&values, sizeof(gh_page_values_t));
    values.link = (cb->login.target.len != 0) ? cb->login.target : GH_STR("/");

    return ngx_http_gatehouse_send_page(gr, page, &values, GH_STR(""));
}


static void
callback_cleanup(void *data)
{
    ngx_http_gatehouse_callback_t *cb = data;

    if (cb->op != NULL) {
        ngx_gatehouse_store_op_abandon(cb->op);
    }

    if (cb->fetch != NULL) {

        if (cb->fetched) {
            ngx_gatehouse_fetch_destroy(cb->fetch);

        } else {
            ngx_gatehouse_fetch_abandon(cb->fetch);
        }
    }

    if (cb->parsed) {
        gh_jwt_clear(&cb->jwt);
    }

    gh_oidc_reply_clear(&cb->reply);
    json_decref(cb->claims);
    OPENSSL_cleanse(cb->session_cookie, sizeof(cb->session_cookie));
    OPENSSL_cleanse(&cb->proofs, sizeof(cb->proofs));
}
