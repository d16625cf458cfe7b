/*
 * The callback's middle: the code becomes tokens, off the loop, and what they
 * and userinfo say is believed only after every check.
 */

#include "ngx_http_gatehouse_callback.h"


static ngx_int_t callback_id_token(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_signature(ngx_http_gatehouse_request_t *gr,
                                    ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_merge(ngx_http_gatehouse_request_t *gr,
                                ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_start(ngx_http_gatehouse_request_t *gr,
                                ngx_http_gatehouse_callback_t *cb,
                                ngx_gatehouse_fetch_t *f);
static void callback_fetched(ngx_gatehouse_fetch_t *f);


ngx_int_t
ngx_http_gatehouse_callback_exchange(ngx_http_gatehouse_request_t *gr,
                                     ngx_http_gatehouse_callback_t *cb)
{
    char text[65];
    gh_rc_t rc;
    gh_buf_t room = GH_BUF(text);
    gh_str_t error, body;
    ngx_str_t redirect_uri;
    const gh_provider_t *provider;
    ngx_http_gatehouse_grant_t grant;

    if (cb->fetch == NULL) {
        ngx_memzero(&grant, sizeof(ngx_http_gatehouse_grant_t));

        if (ngx_http_gatehouse_redirect_uri(gr->request, cb->oidc,
                                            &redirect_uri)
                != NGX_OK
            || ngx_gatehouse_keys_metadata(
                   gr->gmcf->keys, &cb->oidc->issuer.keys, &provider, NULL)
                   != GH_OK)
        {
            return ngx_http_gatehouse_callback_refuse(
                gr, cb, GH_PAGE_LOGIN_FAILED, "it did not come over TLS");
        }

        grant.code = cb->code;
        grant.verifier =
            (gh_str_t){ cb->proofs.verifier, sizeof(cb->proofs.verifier) };
        grant.redirect_uri = ngx_http_gatehouse_gh(redirect_uri);

        return callback_start(
            gr, cb, ngx_http_gatehouse_oidc_grant(cb->oidc, provider, &grant));
    }

    if (!cb->fetched) {
        return NGX_AGAIN;
    }

    if (cb->fetch->rc != GH_OK) {
        return ngx_http_gatehouse_callback_refuse(gr, cb, GH_PAGE_LOGIN_AWAY,
                                                  cb->fetch->why);
    }

    body = (gh_str_t){ cb->fetch->body, cb->fetch->body_len };
    rc = gh_oidc_reply_parse(cb->fetch->status, body, true, &room, &cb->reply,
                             &error);

    if (rc != GH_OK) {
        ngx_log_error(NGX_LOG_NOTICE, gr->request->connection->log, 0,
                      "gatehouse: the token endpoint of \"%V\" answered: "
                      "%*s",
                      &cb->oidc->name, error.len, error.data);

        return ngx_http_gatehouse_callback_refuse(
            gr, cb,
            cb->fetch->status >= 500 ? GH_PAGE_LOGIN_AWAY
                                     : GH_PAGE_LOGIN_FAILED,
            "the token endpoint gave no tokens");
    }

    ngx_gatehouse_fetch_destroy(cb->fetch);
    cb->fetch = NULL;

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_gatehouse_callback_verify(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_callback_t *cb)
{
    ngx_int_t rc;

    if (!cb->parsed) {
        rc = callback_id_token(gr, cb);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    return callback_signature(gr, cb);
}


static ngx_int_t
callback_id_token(ngx_http_gatehouse_request_t *gr,
                  ngx_http_gatehouse_callback_t *cb)
{
    gh_reason_t reason;
    const char *what = "its claims are malformed";
    gh_id_token_rules_t rules;
    ngx_http_gatehouse_oidc_t *oidc = cb->oidc;

    if (gh_jwt_parse_long(cb->reply.id_token, &cb->jwt, &reason) != GH_OK) {
        return ngx_http_gatehouse_callback_refuse(gr, cb, GH_PAGE_LOGIN_FAILED,
                                                  "the id_token is malformed");
    }

    cb->parsed = 1;

    ngx_memzero(&rules, sizeof(gh_id_token_rules_t));
    rules.issuer = oidc->client.issuer;
    rules.client_id = oidc->client.client_id;
    rules.algs = oidc->issuer.policy.algs;
    rules.skew_s = oidc->issuer.policy.skew_s;
    rules.nonce = (gh_str_t){ cb->proofs.nonce, sizeof(cb->proofs.nonce) };
    rules.access_token = cb->reply.access_token;
    rules.code = cb->code;
    rules.max_age_s = oidc->max_age;

    if (oidc->acr != NULL) {
        rules.acr = oidc->acr->elts;
        rules.n_acr = oidc->acr->nelts;
    }

    if (gh_jwt_peek(&cb->jwt, &cb->claims, &reason) != GH_OK
        || gh_id_token_check(&cb->jwt, cb->claims, &rules, ngx_time(), &what)
               != GH_OK)
    {
        ngx_log_error(NGX_LOG_NOTICE, gr->request->connection->log, 0,
                      "gatehouse: an id_token of \"%V\" is refused: %s",
                      &oidc->name, what);

        return ngx_http_gatehouse_callback_refuse(gr, cb, GH_PAGE_LOGIN_FAILED,
                                                  "the id_token is refused");
    }

    return NGX_DECLINED;
}


static ngx_int_t
callback_signature(ngx_http_gatehouse_request_t *gr,
                   ngx_http_gatehouse_callback_t *cb)
{
    gh_rc_t rc;

    gr->keys_waiter.handler = ngx_http_gatehouse_wake;
    gr->keys_waiter.data = gr;

    rc = ngx_http_gatehouse_oidc_verify(gr->gmcf, cb->oidc, &cb->jwt,
                                        &gr->keys_waiter);

    switch (rc) {

    case GH_OK:
        return NGX_DECLINED;

    case GH_AGAIN:
        if (cb->tries++ < 3) {
            return NGX_AGAIN;
        }

        ngx_gatehouse_waiter_cancel(&gr->keys_waiter);
        break;

    case GH_UNAVAILABLE:
        return ngx_http_gatehouse_callback_refuse(
            gr, cb, GH_PAGE_LOGIN_AWAY, "the provider's keys cannot be had");

    default:
        break;
    }

    return ngx_http_gatehouse_callback_refuse(
        gr, cb, GH_PAGE_LOGIN_FAILED, "the id_token's signature is wrong");
}


ngx_int_t
ngx_http_gatehouse_callback_userinfo(ngx_http_gatehouse_request_t *gr,
                                     ngx_http_gatehouse_callback_t *cb)
{
    const gh_provider_t *provider;

    if (!cb->oidc->userinfo) {
        return NGX_DECLINED;
    }

    if (cb->fetch != NULL) {
        return cb->fetched ? callback_merge(gr, cb) : NGX_AGAIN;
    }

    if (ngx_gatehouse_keys_metadata(gr->gmcf->keys, &cb->oidc->issuer.keys,
                                    &provider, NULL)
            != GH_OK
        || provider->userinfo_endpoint.len == 0)
    {
        return NGX_DECLINED;
    }

    return callback_start(gr, cb,
                          ngx_http_gatehouse_oidc_userinfo(
                              cb->oidc, provider, cb->reply.access_token));
}


/* What the id_token says stands; userinfo adds to it. */

static ngx_int_t
callback_merge(ngx_http_gatehouse_request_t *gr,
               ngx_http_gatehouse_callback_t *cb)
{
    gh_str_t sub, body, type;
    json_t *userinfo;
    const char *what = "";

    if (cb->fetch->rc != GH_OK) {
        return ngx_http_gatehouse_callback_refuse(gr, cb, GH_PAGE_LOGIN_AWAY,
                                                  cb->fetch->why);
    }

    body = (gh_str_t){ cb->fetch->body, cb->fetch->body_len };
    type = gh_str(cb->fetch->content_type ? cb->fetch->content_type : "");

    if (gh_json_str(cb->claims, "sub", &sub) != GH_OK
        || gh_userinfo_parse(cb->fetch->status, type, body, sub, &userinfo,
                             &what)
               != GH_OK)
    {
        ngx_log_error(NGX_LOG_NOTICE, gr->request->connection->log, 0,
                      "gatehouse: userinfo of \"%V\" is refused: %s",
                      &cb->oidc->name, what);

        return ngx_http_gatehouse_callback_refuse(gr, cb,
                                                  cb->fetch->status >= 500
                                                      ? GH_PAGE_LOGIN_AWAY
                                                      : GH_PAGE_LOGIN_FAILED,
                                                  "userinfo is refused");
    }

    ngx_gatehouse_fetch_destroy(cb->fetch);
    cb->fetch = NULL;

    if (json_object_update_missing(cb->claims, userinfo) != 0) {
        json_decref(userinfo);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    json_decref(userinfo);

    return NGX_DECLINED;
}


static ngx_int_t
callback_start(ngx_http_gatehouse_request_t *gr,
               ngx_http_gatehouse_callback_t *cb, ngx_gatehouse_fetch_t *f)
{
    if (f == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cb->fetch = f;
    cb->fetched = 0;
    f->handler = callback_fetched;
    f->data = gr;

    if (ngx_gatehouse_fetch_start(gr->gmcf->fetcher, f) != NGX_OK) {
        cb->fetched = 1;
        return ngx_http_gatehouse_callback_refuse(gr, cb, GH_PAGE_LOGIN_AWAY,
                                                  f->why);
    }

    return NGX_AGAIN;
}


static void
callback_fetched(ngx_gatehouse_fetch_t *f)
{
    ngx_http_gatehouse_request_t *gr = f->data;
    ngx_http_gatehouse_callback_t *cb = gr->endpoint;

    cb->fetched = 1;
    ngx_http_gatehouse_wake(gr);
}
