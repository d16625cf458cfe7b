/*
 * Calls of a provider's endpoints, made ready: what core says is to be
 * posted, as a job of the fetcher. Texts that hold secrets are wiped here and
 * with the job.
 */

#include "ngx_http_gatehouse_oidc.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#define CALL_FORM_MAX 40960
#define CALL_AUTHORIZATION_MAX 8192


/* What a call is made of; wiped at its end. */
typedef struct {
    gh_oidc_client_t client;
    gh_oidc_post_t post;
    gh_buf_t form, authorization;
    uint8_t jti[16];
} ngx_http_gatehouse_call_t;


static ngx_int_t call_begin(ngx_http_gatehouse_call_t *call,
                            ngx_http_gatehouse_oidc_t *oidc,
                            const gh_provider_t *provider);
static ngx_gatehouse_fetch_t *call_end(ngx_http_gatehouse_call_t *call,
                                       ngx_http_gatehouse_oidc_t *oidc,
                                       gh_rc_t rc, gh_str_t url);
static ngx_gatehouse_fetch_t *call_fetch(ngx_http_gatehouse_oidc_t *oidc,
                                         gh_str_t url);


ngx_gatehouse_fetch_t *
ngx_http_gatehouse_oidc_grant(ngx_http_gatehouse_oidc_t *oidc,
                              const gh_provider_t *provider,
                              const ngx_http_gatehouse_grant_t *grant)
{
    gh_rc_t rc;
    ngx_http_gatehouse_call_t call;

    if (call_begin(&call, oidc, provider) != NGX_OK) {
        return NULL;
    }

    call.client.redirect_uri = grant->redirect_uri;

    rc = (grant->refresh_token.len != 0)
             ? gh_oidc_post_refresh(&call.client, grant->refresh_token,
                                    &call.post)
             : gh_oidc_post_code(&call.client, grant->code, grant->verifier,
                                 &call.post);

    return call_end(&call, oidc, rc, provider->token_endpoint);
}


ngx_gatehouse_fetch_t *
ngx_http_gatehouse_oidc_revoke(ngx_http_gatehouse_oidc_t *oidc,
                               const gh_provider_t *provider, gh_str_t token,
                               gh_str_t hint)
{
    gh_rc_t rc;
    ngx_http_gatehouse_call_t call;

    if (provider->revocation_endpoint.len == 0
        || call_begin(&call, oidc, provider) != NGX_OK)
    {
        return NULL;
    }

    rc = gh_oidc_post_revoke(&call.client, token, hint, &call.post);

    return call_end(&call, oidc, rc, provider->revocation_endpoint);
}


ngx_gatehouse_fetch_t *
ngx_http_gatehouse_oidc_userinfo(ngx_http_gatehouse_oidc_t *oidc,
                                 const gh_provider_t *provider,
                                 gh_str_t access_token)
{
    size_t len;
    gh_buf_t header;
    ngx_gatehouse_fetch_t *f;

    f = call_fetch(oidc, provider->userinfo_endpoint);
    len = sizeof("Bearer ") + access_token.len;
    header.data = ngx_alloc(len, ngx_cycle->log);

    if (f == NULL || header.data == NULL) {
        ngx_free(header.data);

        if (f != NULL) {
            ngx_gatehouse_fetch_destroy(f);
        }

        return NULL;
    }

    header.len = 0;
    header.cap = len;
    (void) gh_buf_add(&header, GH_STR("Bearer "));
    (void) gh_buf_add(&header, access_token);

    f->authorization = ngx_gatehouse_fetch_text(gh_buf_str(&header));
    OPENSSL_cleanse(header.data, len);
    ngx_free(header.data);

    if (f->authorization == NULL) {
        ngx_gatehouse_fetch_destroy(f);
        return NULL;
    }

    return f;
}


static ngx_int_t
call_begin(ngx_http_gatehouse_call_t *call, ngx_http_gatehouse_oidc_t *oidc,
           const gh_provider_t *provider)
{
    ngx_memzero(call, sizeof(ngx_http_gatehouse_call_t));

    call->client = oidc->client;

    if (gh_oidc_client_auth(provider, oidc->client.auth,
                            oidc->client.key != NULL, &call->client.auth)
        != GH_OK)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "gatehouse: provider \"%V\" knows no way of client "
                      "authentication that is configured here",
                      &oidc->name);
        return NGX_ERROR;
    }

    call->form.cap = CALL_FORM_MAX;
    call->authorization.cap = CALL_AUTHORIZATION_MAX;
    call->form.data =
        ngx_alloc(CALL_FORM_MAX + CALL_AUTHORIZATION_MAX, ngx_cycle->log);

    if (call->form.data == NULL
        || RAND_bytes(call->jti, sizeof(call->jti)) != 1) {
        ngx_free(call->form.data);
        return NGX_ERROR;
    }

    call->authorization.data = call->form.data + CALL_FORM_MAX;
    call->post.form = &call->form;
    call->post.authorization = &call->authorization;
    call->post.jti = call->jti;
    call->post.now_s = ngx_time();

    return NGX_OK;
}


static ngx_gatehouse_fetch_t *
call_end(ngx_http_gatehouse_call_t *call, ngx_http_gatehouse_oidc_t *oidc,
         gh_rc_t rc, gh_str_t url)
{
    ngx_gatehouse_fetch_t *f;

    f = (rc == GH_OK) ? call_fetch(oidc, url) : NULL;

    if (f != NULL) {
        f->post = ngx_gatehouse_fetch_text(gh_buf_str(&call->form));

        if (call->authorization.len != 0) {
            f->authorization =
                ngx_gatehouse_fetch_text(gh_buf_str(&call->authorization));
        }

        if (f->post == NULL
            || (call->authorization.len != 0 && f->authorization == NULL))
        {
            ngx_gatehouse_fetch_destroy(f);
            f = NULL;
        }
    }

    OPENSSL_cleanse(call->form.data, CALL_FORM_MAX + CALL_AUTHORIZATION_MAX);
    ngx_free(call->form.data);

    return f;
}


static ngx_gatehouse_fetch_t *
call_fetch(ngx_http_gatehouse_oidc_t *oidc, gh_str_t url)
{
    ngx_gatehouse_fetch_t *f;

    f = ngx_gatehouse_fetch_create(url);
    if (f == NULL) {
        return NULL;
    }

    f->max_bytes = GH_OIDC_REPLY_MAX;
    f->allow_loopback_http = oidc->rules.loopback_http;
    f->accept = ngx_gatehouse_fetch_text(GH_STR("application/json"));

    if (oidc->issuer.keys.ca_file.len != 0) {
        f->ca_file = ngx_gatehouse_fetch_text(
            ngx_http_gatehouse_gh(oidc->issuer.keys.ca_file));
    }

    if (f->accept == NULL
        || (oidc->issuer.keys.ca_file.len != 0 && f->ca_file == NULL))
    {
        ngx_gatehouse_fetch_destroy(f);
        return NULL;
    }

    return f;
}


gh_rc_t
ngx_http_gatehouse_oidc_verify(ngx_http_gatehouse_main_conf_t *gmcf,
                               ngx_http_gatehouse_oidc_t *oidc,
                               const gh_jwt_t *jwt,
                               ngx_gatehouse_waiter_t *waiter)
{
    gh_rc_t rc;
    uint64_t version;
    gh_jwks_t *set;
    gh_reason_t reason;

    rc = ngx_gatehouse_keys_get(gmcf->keys, &oidc->issuer.keys, &set, &version,
                                waiter);
    if (rc != GH_OK) {
        return rc;
    }

    rc = gh_jwt_verify(jwt, set, oidc->issuer.policy.algs, &reason);

    return (rc == GH_ABSENT) ? ngx_gatehouse_keys_unknown_kid(
               gmcf->keys, &oidc->issuer.keys, waiter)
                             : rc;
}
