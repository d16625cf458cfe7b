/*
 * The provider's part of a refresh: new tokens for the old ones, believed
 * only for the same person, and what it says about that person now. What ends
 * the session there ends it here.
 */

#include "ngx_http_gatehouse_update.h"
#include "ngx_gatehouse_logins.h"


static ngx_gatehouse_fetch_t *update_post(ngx_http_gatehouse_update_t *u,
                                          const gh_provider_t *provider);
static void update_asked(ngx_gatehouse_fetch_t *f);
static void update_answer(ngx_http_gatehouse_update_t *u,
                          const ngx_gatehouse_fetch_t *f);
static void update_verify(void *data);
static gh_rc_t update_id_token(ngx_http_gatehouse_update_t *u,
                               const char **what);
static gh_rc_t update_claims(gh_str_t id_token, json_t **claims);
static void update_userinfo(ngx_http_gatehouse_update_t *u);
static void update_told(ngx_gatehouse_fetch_t *f);
static const char *update_merge(ngx_http_gatehouse_update_t *u,
                                const ngx_gatehouse_fetch_t *f);
static void update_replied(ngx_http_gatehouse_update_t *u);
static void update_over(ngx_http_gatehouse_update_t *u, const char *why);


void
ngx_http_gatehouse_update_ask(ngx_http_gatehouse_update_t *u)
{
    const gh_provider_t *provider;

    if (ngx_gatehouse_keys_metadata(u->gmcf->keys, &u->oidc->issuer.keys,
                                    &provider, NULL)
        != GH_OK)
    {
        ngx_http_gatehouse_update_fail(
            u, "the provider's metadata could not be had");
        return;
    }

    u->fetch = update_post(u, provider);

    if (u->fetch == NULL) {
        ngx_http_gatehouse_update_fail(u, "no memory");
        return;
    }

    u->fetch->handler = update_asked;
    u->fetch->data = u;

    if (ngx_gatehouse_fetch_start(u->gmcf->fetcher, u->fetch) != NGX_OK) {
        ngx_gatehouse_fetch_destroy(u->fetch);
        u->fetch = NULL;
        ngx_http_gatehouse_update_fail(
            u, "the provider is not asked for the moment");
    }
}


static ngx_gatehouse_fetch_t *
update_post(ngx_http_gatehouse_update_t *u, const gh_provider_t *provider)
{
    ngx_http_gatehouse_grant_t grant;

    ngx_memzero(&grant, sizeof(ngx_http_gatehouse_grant_t));
    grant.refresh_token = u->session.refresh_token;

    return ngx_http_gatehouse_oidc_grant(u->oidc, provider, &grant);
}


static void
update_asked(ngx_gatehouse_fetch_t *f)
{
    ngx_http_gatehouse_update_t *u = f->data;

    u->fetch = NULL;
    update_answer(u, f);
    ngx_gatehouse_fetch_destroy(f);
}


static void
update_answer(ngx_http_gatehouse_update_t *u, const ngx_gatehouse_fetch_t *f)
{
    char room[65];
    gh_rc_t rc;
    gh_buf_t out = GH_BUF(room);
    gh_str_t error, body;

    if (f->rc != GH_OK) {
        ngx_http_gatehouse_update_fail(u, "the provider could not be reached");
        return;
    }

    body.data = f->body;
    body.len = f->body_len;

    rc = gh_oidc_reply_parse(f->status, body, false, &out, &u->reply, &error);

    if (rc == GH_DENIED && gh_str_eq(error, GH_STR("invalid_grant"))) {
        update_over(u, "the provider ended it");
        return;
    }

    if (rc != GH_OK) {
        ngx_http_gatehouse_update_fail(
            u, "the provider refused, or its answer is none");
        return;
    }

    update_verify(u);
}


/* A new id_token must be of the same person and provider. */

static void
update_verify(void *data)
{
    gh_rc_t rc;
    const char *what = "";
    ngx_http_gatehouse_update_t *u = data;

    rc = (u->reply.id_token.len != 0) ? update_id_token(u, &what) : GH_OK;

    if (rc == GH_AGAIN) {
        return;
    }

    if (rc == GH_UNAVAILABLE || rc == GH_NOMEM) {
        ngx_http_gatehouse_update_fail(
            u, "the new id_token could not be verified");
        return;
    }

    if (rc != GH_OK) {
        update_over(u, what);
        return;
    }

    rc = update_claims(
        u->reply.id_token.len != 0 ? u->reply.id_token : u->session.id_token,
        &u->claims);
    if (rc == GH_NOMEM) {
        ngx_http_gatehouse_update_fail(u, "no memory");
        return;
    }

    update_userinfo(u);
}


static gh_rc_t
update_id_token(ngx_http_gatehouse_update_t *u, const char **what)
{
    gh_rc_t rc;
    gh_jwt_t jwt;
    json_t *claims;
    gh_reason_t reason;
    gh_id_token_rules_t rules;

    ngx_memzero(&rules, sizeof(gh_id_token_rules_t));
    rules.issuer = u->oidc->client.issuer;
    rules.client_id = u->oidc->client.client_id;
    rules.algs = u->oidc->issuer.policy.algs;
    rules.skew_s = u->oidc->issuer.policy.skew_s;
    rules.subject = u->session.sub;
    rules.access_token = u->reply.access_token;
    (void) gh_json_str(u->session.claims, "nonce", &rules.nonce);

    *what = "its id_token is malformed";
    rc = gh_jwt_parse_long(u->reply.id_token, &jwt, &reason);
    if (rc != GH_OK) {
        return rc;
    }

    rc = gh_jwt_peek(&jwt, &claims, &reason);

    if (rc == GH_OK) {
        rc = gh_id_token_check(&jwt, claims, &rules, ngx_time(), what);
        json_decref(claims);
    }

    if (rc == GH_OK) {
        *what = "its id_token's signature is wrong";
        u->keys_waiter.handler = update_verify;
        u->keys_waiter.data = u;
        rc = ngx_http_gatehouse_oidc_verify(u->gmcf, u->oidc, &jwt,
                                            &u->keys_waiter);
    }

    gh_jwt_clear(&jwt);

    return rc;
}


/* Of a token that has been verified; what it says was believed already. */

static gh_rc_t
update_claims(gh_str_t id_token, json_t **claims)
{
    gh_rc_t rc;
    gh_jwt_t jwt;
    gh_reason_t reason;

    rc = gh_jwt_parse_long(id_token, &jwt, &reason);
    if (rc != GH_OK) {
        return rc;
    }

    rc = gh_jwt_peek(&jwt, claims, &reason);

    if (rc != GH_OK) {
        *claims = NULL;
    }

    gh_jwt_clear(&jwt);

    return rc;
}


/* Groups may have changed, and some providers tell them there only. */

static void
update_userinfo(ngx_http_gatehouse_update_t *u)
{
    const gh_provider_t *provider;

    if (u->claims == NULL || !u->oidc->userinfo
        || ngx_gatehouse_keys_metadata(u->gmcf->keys, &u->oidc->issuer.keys,
                                       &provider, NULL)
               != GH_OK
        || provider->userinfo_endpoint.len == 0)
    {
        update_replied(u);
        return;
    }

    u->fetch = ngx_http_gatehouse_oidc_userinfo(u->oidc, provider,
                                                u->reply.access_token);

    if (u->fetch != NULL) {
        u->fetch->handler = update_told;
        u->fetch->data = u;

        if (ngx_gatehouse_fetch_start(u->gmcf->fetcher, u->fetch) == NGX_OK) {
            return;
        }

        ngx_gatehouse_fetch_destroy(u->fetch);
        u->fetch = NULL;
    }

    (void) update_merge(u, NULL);
    update_replied(u);
}


static void
update_told(ngx_gatehouse_fetch_t *f)
{
    const char *why;
    ngx_http_gatehouse_update_t *u = f->data;

    u->fetch = NULL;
    why = update_merge(u, f);
    ngx_gatehouse_fetch_destroy(f);

    if (why != NULL) {
        update_over(u, why);

    } else {
        update_replied(u);
    }
}


/* Without an answer what was known before stands, under what the id_token
 * says. Not NULL: it answers for somebody else. */

static const char *
update_merge(ngx_http_gatehouse_update_t *u, const ngx_gatehouse_fetch_t *f)
{
    gh_rc_t rc = GH_UNAVAILABLE;
    json_t *userinfo = NULL;
    gh_str_t body, type;
    const char *what;

    if (f != NULL && f->rc == GH_OK) {
        body = (gh_str_t){ f->body, f->body_len };
        type = gh_str(f->content_type ? f->content_type : "");
        rc = gh_userinfo_parse(f->status, type, body, u->session.sub,
                               &userinfo, &what);
    }

    if (rc == GH_DENIED) {
        return "its userinfo is about somebody else";
    }

    if (json_object_update_missing(u->claims,
                                   rc == GH_OK ? userinfo : u->session.claims)
        != 0)
    {
        /* no memory: what was known stands whole */
        json_decref(u->claims);
        u->claims = NULL;
    }

    if (rc == GH_OK) {
        json_decref(userinfo);
    }

    return NULL;
}


static void
update_replied(ngx_http_gatehouse_update_t *u)
{
    u->replied = 1;
    u->tries = 0;
    ngx_http_gatehouse_update_write(u);
}


/* The provider says that this session is over, or answers for another. */

static void
update_over(ngx_http_gatehouse_update_t *u, const char *why)
{
    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "gatehouse: a session of provider \"%V\" ends at its "
                  "refresh: %s",
                  &u->oidc->name, why);

    u->gmcf->counters->refreshes[NGX_GATEHOUSE_REFRESH_ENDED]++;

    u->entry->refresh_after =
        (ngx_current_msec + NGX_HTTP_GATEHOUSE_UPDATE_RETRY_MS) | 1;
    u->entry->ended = 1;
    ngx_http_gatehouse_session_end(u->entry);
    ngx_http_gatehouse_update_end(u);
}
