/*
 * The callback's begin: whose login this is, whether it is this browser's,
 * and what the provider sent back. Nothing is believed of a state that is not
 * ours.
 */

#include "ngx_http_gatehouse_callback.h"

#define CALLBACK_CODE_MAX 4096
#define CALLBACK_ERROR_MAX 64


static gh_rc_t callback_open(ngx_http_gatehouse_request_t *gr,
                             ngx_http_gatehouse_callback_t *cb,
                             gh_str_t state);
static ngx_int_t callback_provider(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_callback_t *cb,
                                   gh_str_t state, gh_rc_t *rc);
static void callback_error(ngx_http_gatehouse_request_t *gr,
                           ngx_http_gatehouse_callback_t *cb, gh_str_t code);
static ngx_int_t callback_stranger(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_callback_t *cb);


ngx_int_t
ngx_http_gatehouse_callback_state(ngx_http_gatehouse_request_t *gr,
                                  ngx_http_gatehouse_callback_t *cb)
{
    gh_rc_t rc;
    gh_str_t state, error;
    const gh_form_t *form = cb->form;

    if (gr->request->method != NGX_HTTP_GET || cb->malformed) {
        return ngx_http_gatehouse_callback_refuse(
            gr, cb, GH_PAGE_LOGIN_FAILED,
            "the method is not GET, or the arguments are "
            "malformed");
    }

    if (gh_form_one(form, GH_STR("state"), &state) != GH_OK) {
        return ngx_http_gatehouse_callback_refuse(gr, cb, GH_PAGE_LOGIN_FAILED,
                                                  "not exactly one state");
    }

    rc = callback_open(gr, cb, state);

    if (cb->login.provider.len != 0
        && callback_provider(gr, cb, state, &rc) != NGX_OK)
    {
        return ngx_http_gatehouse_callback_refuse(
            gr, cb, GH_PAGE_LOGIN_FAILED, "the login is another provider's");
    }

    if (rc == GH_CONFLICT) {
        return callback_stranger(gr, cb);
    }

    if (rc != GH_OK || cb->login.logout) {
        return ngx_http_gatehouse_callback_refuse(
            gr, cb,
            cb->login.provider.len != 0 ? GH_PAGE_LOGIN_EXPIRED
                                        : GH_PAGE_LOGIN_FAILED,
            "the state is not ours, or too old");
    }

    rc = gh_form_one(form, GH_STR("iss"), &cb->iss);

    if (rc == GH_CONFLICT
        || (rc == GH_OK && !gh_str_eq(cb->iss, cb->oidc->client.issuer)))
    {
        return ngx_http_gatehouse_callback_refuse(gr, cb, GH_PAGE_LOGIN_FAILED,
                                                  "iss is not the provider's");
    }

    rc = gh_form_one(form, GH_STR("error"), &error);

    if (rc != GH_ABSENT) {
        callback_error(gr, cb, (rc == GH_OK) ? error : GH_STR(""));

        return ngx_http_gatehouse_callback_refuse(
            gr, cb, GH_PAGE_LOGIN_FAILED,
            "the provider answers with an error");
    }

    if (gh_form_one(form, GH_STR("code"), &cb->code) != GH_OK
        || cb->code.len == 0 || cb->code.len > CALLBACK_CODE_MAX)
    {
        return ngx_http_gatehouse_callback_refuse(gr, cb, GH_PAGE_LOGIN_FAILED,
                                                  "not exactly one code");
    }

    return NGX_DECLINED;
}


/* With the cookie of cb's provider, which cb keeps. */

static gh_rc_t
callback_open(ngx_http_gatehouse_request_t *gr,
              ngx_http_gatehouse_callback_t *cb, gh_str_t state)
{
    gh_buf_t room = GH_BUF(cb->room);
    ngx_str_t cookie;

    cb->cookie = GH_STR("");

    if (ngx_http_gatehouse_cookie_one(gr->request,
                                      &cb->oidc->login_cookie_name, &cookie)
        == NGX_OK)
    {
        cb->cookie = ngx_http_gatehouse_gh(cookie);
    }

    return gh_login_open(gr->gmcf->secret, state, cb->cookie, ngx_time(),
                         &room, &cb->login);
}


/*
 * Several providers may share one callback: the state names its own, which
 * must be served here too, and whose cookie may have another name.
 */

static ngx_int_t
callback_provider(ngx_http_gatehouse_request_t *gr,
                  ngx_http_gatehouse_callback_t *cb, gh_str_t state,
                  gh_rc_t *rc)
{
    ngx_str_t name;
    ngx_http_gatehouse_oidc_t *found = cb->oidc, *named;

    name = ngx_http_gatehouse_ngx(cb->login.provider);
    named = ngx_http_gatehouse_oidc_find(gr->gmcf, &name);

    if (named == found) {
        return NGX_OK;
    }

    if (named == NULL
        || !gh_str_eq(ngx_http_gatehouse_gh(named->redirect_path),
                      ngx_http_gatehouse_gh(found->redirect_path))
        || !ngx_http_gatehouse_endpoint_here(gr->request, named))
    {
        return NGX_DECLINED;
    }

    cb->oidc = named;

    if (!gh_str_eq(ngx_http_gatehouse_gh(named->login_cookie_name),
                   ngx_http_gatehouse_gh(found->login_cookie_name)))
    {
        *rc = callback_open(gr, cb, state);
    }

    return NGX_OK;
}


/* The code that a provider sent instead, if it is one (RFC 6749 section
 * 4.1.2.1): who is on call wants to know it. */

static void
callback_error(ngx_http_gatehouse_request_t *gr,
               ngx_http_gatehouse_callback_t *cb, gh_str_t code)
{
    size_t i;

    for (i = 0; i < code.len; i++) {
        if ((code.data[i] < 'a' || code.data[i] > 'z') && code.data[i] != '_')
        {
            break;
        }
    }

    if (i < code.len || code.len == 0 || code.len > CALLBACK_ERROR_MAX) {
        code = GH_STR("no code that can be written here");
    }

    ngx_log_error(NGX_LOG_NOTICE, gr->request->connection->log, 0,
                  "gatehouse: provider \"%V\" answers a login with: %*s",
                  &cb->oidc->name, code.len, code.data);
}


/*
 * A login of ours, but bound to another cookie than the one that came. Two
 * tabs began at once, or the callback is somebody else's: nobody is logged in
 * by it. Who is in already goes to the page; who has begun a login here
 * begins once more.
 */

static ngx_int_t
callback_stranger(ngx_http_gatehouse_request_t *gr,
                  ngx_http_gatehouse_callback_t *cb)
{
    ngx_int_t rc;
    gh_login_t login;
    const gh_provider_t *provider;

    rc = ngx_http_gatehouse_session_peek(gr, cb->oidc);

    if (rc == NGX_OK) {
        gr->reason = GH_REASON_OK;
        return ngx_http_gatehouse_callback_return(gr, cb);
    }

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (cb->login.again || !gh_login_cookie_valid(cb->cookie)
        || ngx_gatehouse_keys_metadata(gr->gmcf->keys, &cb->oidc->issuer.keys,
                                       &provider, NULL)
               != GH_OK)
    {
        return ngx_http_gatehouse_callback_refuse(
            gr, cb, GH_PAGE_LOGIN_EXPIRED,
            "the login began in another browser");
    }

    login = cb->login;
    login.again = true;
    login.form = false;

    if (ngx_http_gatehouse_login_begin(gr, cb->oidc, provider, &login)
            != NGX_OK
        || ngx_http_gatehouse_answer_add(gr->request, "Set-Cookie", 10,
                                         &gr->login.cookie)
               != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_gatehouse_send_redirect(gr, gr->login.status,
                                            &gr->login.location);
}
