/*
 * The callback: the end of a login. The state says whose login it is, one
 * store claim makes it count once, the provider is asked for tokens off the
 * loop, what it says is checked, and a new session begins. A step that waits
 * is taken up again by the phase handler; a client that goes away leaves its
 * login behind.
 */

#include "ngx_http_gatehouse_oidc.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#define CALLBACK_CODE_MAX 4096
#define CALLBACK_ARGS_MAX 16384
#define CALLBACK_INDEX_TRIES 5


typedef struct ngx_http_gatehouse_callback_s ngx_http_gatehouse_callback_t;

typedef ngx_int_t (*ngx_http_gatehouse_callback_pt)(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_callback_t *cb);

struct ngx_http_gatehouse_callback_s {
    ngx_http_gatehouse_oidc_t *oidc;
    ngx_uint_t step;
    gh_login_t login;
    char room[GH_LOGIN_STATE_MAX]; /* login's strings */
    gh_str_t cookie, code, iss;
    gh_login_proofs_t proofs;

    ngx_gatehouse_store_op_t *op;
    ngx_gatehouse_fetch_t *fetch;
    gh_oidc_reply_t reply;
    gh_jwt_t jwt;
    json_t *claims; /* of the id_token, then userinfo's too */

    char session_cookie[GH_SESSION_COOKIE_LEN];
    char session_name[GH_SESSION_NAME_LEN];
    ngx_uint_t index; /* 0: sid, 1: sub */
    ngx_uint_t tries;
    uint64_t index_version;

    gh_form_t *form;        /* the arguments */
    unsigned malformed : 1; /* they are */
    unsigned known : 1;     /* whose login it is */
    unsigned fetched : 1;   /* fetch is over */
    unsigned parsed : 1;    /* jwt is to be cleared */
};


static ngx_http_gatehouse_callback_t *callback_begin(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_oidc_t *oidc);
static ngx_int_t callback_state(ngx_http_gatehouse_request_t *gr,
                                ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_stranger(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_metadata(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_claim(ngx_http_gatehouse_request_t *gr,
                                ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_exchange(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_verify(ngx_http_gatehouse_request_t *gr,
                                 ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_id_token(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_signature(ngx_http_gatehouse_request_t *gr,
                                    ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_userinfo(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_merge(ngx_http_gatehouse_request_t *gr,
                                ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_session(ngx_http_gatehouse_request_t *gr,
                                  ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_seal(ngx_http_gatehouse_request_t *gr,
                               ngx_http_gatehouse_callback_t *cb,
                               gh_buf_t *out, int64_t *ttl);
static ngx_int_t callback_index(ngx_http_gatehouse_request_t *gr,
                                ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_index_put(ngx_http_gatehouse_request_t *gr,
                                    ngx_http_gatehouse_callback_t *cb,
                                    gh_str_t name);
static ngx_int_t callback_form(ngx_http_gatehouse_request_t *gr,
                               ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_resume(ngx_http_gatehouse_request_t *gr,
                                 ngx_http_gatehouse_callback_t *cb,
                                 gh_str_t form);
static ngx_int_t callback_answer(ngx_http_gatehouse_request_t *gr,
                                 ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_cookies(ngx_http_gatehouse_request_t *gr,
                                  ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_return(ngx_http_gatehouse_request_t *gr,
                                 ngx_http_gatehouse_callback_t *cb);
static ngx_int_t callback_url(ngx_http_gatehouse_request_t *gr,
                              ngx_http_gatehouse_callback_t *cb,
                              ngx_str_t *url);
static ngx_int_t callback_start(ngx_http_gatehouse_request_t *gr,
                                ngx_http_gatehouse_callback_t *cb,
                                ngx_gatehouse_fetch_t *f);
static void callback_fetched(ngx_gatehouse_fetch_t *f);
static ngx_int_t callback_refuse(ngx_http_gatehouse_request_t *gr,
                                 ngx_http_gatehouse_callback_t *cb,
                                 gh_page_t page, const char *why);
static void callback_cleanup(void *data);


static const ngx_http_gatehouse_callback_pt steps[] = {
    callback_metadata, callback_claim,    callback_exchange,
    callback_verify,   callback_userinfo, callback_session,
    callback_index,    callback_form,     callback_answer
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
        rc = callback_state(gr, cb);

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
callback_state(ngx_http_gatehouse_request_t *gr,
               ngx_http_gatehouse_callback_t *cb)
{
    gh_rc_t rc;
    gh_buf_t room = GH_BUF(cb->room);
    gh_str_t state, error;
    ngx_str_t cookie;
    ngx_http_gatehouse_oidc_t *oidc = cb->oidc, *named;
    const gh_form_t *form = cb->form;

    if (gr->request->method != NGX_HTTP_GET || cb->malformed) {
        return callback_refuse(gr, cb, GH_PAGE_LOGIN_FAILED,
                               "the method is not GET, or the arguments are "
                               "malformed");
    }

    if (gh_form_one(form, GH_STR("state"), &state) != GH_OK) {
        return callback_refuse(gr, cb, GH_PAGE_LOGIN_FAILED,
                               "not exactly one state");
    }

    cb->cookie = GH_STR("");

    if (ngx_http_gatehouse_cookie_one(gr->request, &oidc->login_cookie_name,
                                      &cookie)
        == NGX_OK)
    {
        cb->cookie = ngx_http_gatehouse_gh(cookie);
    }

    rc = gh_login_open(gr->gmcf->secret, state, cb->cookie, ngx_time(), &room,
                       &cb->login);

    if (cb->login.provider.len != 0) {
        /* several providers may share one callback: the state names it */
        cookie = ngx_http_gatehouse_ngx(cb->login.provider);
        named = ngx_http_gatehouse_oidc_find(gr->gmcf, &cookie);

        if (named == NULL
            || !gh_str_eq(ngx_http_gatehouse_gh(named->redirect_path),
                          ngx_http_gatehouse_gh(oidc->redirect_path)))
        {
            return callback_refuse(gr, cb, GH_PAGE_LOGIN_FAILED,
                                   "the login is another provider's");
        }

        cb->oidc = named;
    }

    if (rc == GH_CONFLICT) {
        return callback_stranger(gr, cb);
    }

    if (rc != GH_OK || cb->login.logout) {
        return callback_refuse(gr, cb,
                               cb->login.provider.len != 0
                                   ? GH_PAGE_LOGIN_EXPIRED
                                   : GH_PAGE_LOGIN_FAILED,
                               "the state is not ours, or too old");
    }

    rc = gh_form_one(form, GH_STR("iss"), &cb->iss);

    if (rc == GH_CONFLICT
        || (rc == GH_OK && !gh_str_eq(cb->iss, cb->oidc->client.issuer)))
    {
        return callback_refuse(gr, cb, GH_PAGE_LOGIN_FAILED,
                               "iss is not the provider's");
    }

    if (gh_form_one(form, GH_STR("error"), &error) != GH_ABSENT) {
        return callback_refuse(gr, cb, GH_PAGE_LOGIN_FAILED,
                               "the provider answers with an error");
    }

    if (gh_form_one(form, GH_STR("code"), &cb->code) != GH_OK
        || cb->code.len == 0 || cb->code.len > CALLBACK_CODE_MAX)
    {
        return callback_refuse(gr, cb, GH_PAGE_LOGIN_FAILED,
                               "not exactly one code");
    }

    return NGX_DECLINED;
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
        return callback_return(gr, cb);
    }

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (cb->login.again || !gh_login_cookie_valid(cb->cookie)
        || ngx_gatehouse_keys_metadata(gr->gmcf->keys, &cb->oidc->issuer.keys,
                                       &provider, NULL)
               != GH_OK)
    {
        return callback_refuse(gr, cb, GH_PAGE_LOGIN_EXPIRED,
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
        return callback_refuse(gr, cb, GH_PAGE_LOGIN_AWAY,
                               "the provider's metadata cannot be had");
    }

    if (provider->sends_iss && cb->iss.len == 0) {
        return callback_refuse(gr, cb, GH_PAGE_LOGIN_FAILED, "iss is missing");
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
        return callback_refuse(gr, cb, GH_PAGE_LOGIN_AWAY,
                               "the store could not be asked");
    }

    return (ngx_http_gatehouse_session_peek(gr, cb->oidc) == NGX_OK)
               ? callback_return(gr, cb)
               : callback_refuse(gr, cb, GH_PAGE_LOGIN_EXPIRED,
                                 "the callback came before");
}


static ngx_int_t
callback_exchange(ngx_http_gatehouse_request_t *gr,
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
            return callback_refuse(gr, cb, GH_PAGE_LOGIN_FAILED,
                                   "it did not come over TLS");
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
        return callback_refuse(gr, cb, GH_PAGE_LOGIN_AWAY, cb->fetch->why);
    }

    body = (gh_str_t){ cb->fetch->body, cb->fetch->body_len };
    rc = gh_oidc_reply_parse(cb->fetch->status, body, true, &room, &cb->reply,
                             &error);

    if (rc != GH_OK) {
        ngx_log_error(NGX_LOG_NOTICE, gr->request->connection->log, 0,
                      "gatehouse: the token endpoint of \"%V\" answered: "
                      "%*s",
                      &cb->oidc->name, error.len, error.data);

        return callback_refuse(gr, cb,
                               cb->fetch->status >= 500 ? GH_PAGE_LOGIN_AWAY
                                                        : GH_PAGE_LOGIN_FAILED,
                               "the token endpoint gave no tokens");
    }

    ngx_gatehouse_fetch_destroy(cb->fetch);
    cb->fetch = NULL;

    return NGX_DECLINED;
}


static ngx_int_t
callback_verify(ngx_http_gatehouse_request_t *gr,
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

    if (gh_jwt_parse(cb->reply.id_token, &cb->jwt, &reason) != GH_OK) {
        return callback_refuse(gr, cb, GH_PAGE_LOGIN_FAILED,
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

        return callback_refuse(gr, cb, GH_PAGE_LOGIN_FAILED,
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
        return callback_refuse(gr, cb, GH_PAGE_LOGIN_AWAY,
                               "the provider's keys cannot be had");

    default:
        break;
    }

    return callback_refuse(gr, cb, GH_PAGE_LOGIN_FAILED,
                           "the id_token's signature is wrong");
}


static ngx_int_t
callback_userinfo(ngx_http_gatehouse_request_t *gr,
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
        return callback_refuse(gr, cb, GH_PAGE_LOGIN_AWAY, cb->fetch->why);
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

        return callback_refuse(gr, cb,
                               cb->fetch->status >= 500 ? GH_PAGE_LOGIN_AWAY
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
callback_session(ngx_http_gatehouse_request_t *gr,
                 ngx_http_gatehouse_callback_t *cb)
{
    gh_rc_t rc;
    gh_buf_t sealed;
    gh_str_t name;
    int64_t ttl;

    if (cb->op == NULL) {

        if (callback_seal(gr, cb, &sealed, &ttl) != NGX_OK) {
            return callback_refuse(gr, cb, GH_PAGE_LOGIN_FAILED,
                                   "the session's record could not be made");
        }

        name = (gh_str_t){ cb->session_name, GH_SESSION_NAME_LEN };
        cb->op = ngx_gatehouse_store_op_create(NGX_GATEHOUSE_STORE_PUT,
                                               GH_KIND_SESSION, name,
                                               gh_buf_str(&sealed));
        if (cb->op == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        cb->op->if_version = 0;
        cb->op->ttl_s = ttl;

        if (ngx_http_gatehouse_submit(gr, cb->op) == NGX_AGAIN) {
            return NGX_AGAIN;
        }
    }

    rc = cb->op->rc;
    ngx_gatehouse_store_op_destroy(cb->op);
    cb->op = NULL;
    cb->tries = 0;

    return (rc == GH_OK) ? NGX_DECLINED
                         : callback_refuse(gr, cb, GH_PAGE_LOGIN_AWAY,
                                           "the store did not take it");
}


static ngx_int_t
callback_seal(ngx_http_gatehouse_request_t *gr,
              ngx_http_gatehouse_callback_t *cb, gh_buf_t *out, int64_t *ttl)
{
    gh_rc_t rc;
    gh_str_t name, cookie;
    uint8_t id[GH_SESSION_ID_LEN], nonce[12];
    int64_t now;
    gh_session_t s;
    ngx_http_gatehouse_oidc_t *oidc = cb->oidc;

    now = ngx_time();
    ngx_memzero(&s, sizeof(gh_session_t));

    s.provider = ngx_http_gatehouse_gh(oidc->name);
    s.issuer = oidc->client.issuer;
    s.client_id = oidc->client.client_id;
    s.host = ngx_http_gatehouse_session_host(gr->request, oidc);
    (void) gh_json_str(cb->claims, "sub", &s.sub);
    (void) gh_json_str(cb->claims, "sid", &s.sid);
    s.created_at_s = now;
    s.seen_at_s = now;
    s.expires_at_s = cb->reply.expires_in_s ? now + cb->reply.expires_in_s : 0;
    s.refreshed_at_s = now;
    s.access_token = cb->reply.access_token;
    s.refresh_token = cb->reply.refresh_token;
    s.id_token = cb->reply.id_token;
    s.claims = cb->claims;

    *ttl = gh_session_ttl(&s, &oidc->times, now);

    out->len = 0;
    out->cap = GH_SESSION_BYTES_MAX + GH_SEAL_OVERHEAD;
    out->data = ngx_pnalloc(gr->request->pool, out->cap);

    if (out->data == NULL || RAND_bytes(id, sizeof(id)) != 1
        || RAND_bytes(nonce, sizeof(nonce)) != 1)
    {
        return NGX_ERROR;
    }

    rc = gh_session_cookie(gr->gmcf->secret, id, cb->session_cookie);
    OPENSSL_cleanse(id, sizeof(id));

    cookie = (gh_str_t){ cb->session_cookie, GH_SESSION_COOKIE_LEN };
    name = (gh_str_t){ cb->session_name, GH_SESSION_NAME_LEN };

    return (rc == GH_OK
            && gh_session_name(gr->gmcf->secret, cookie, cb->session_name)
                   == GH_OK
            && gh_session_seal(gr->gmcf->secret, name, &s, nonce, out)
                   == GH_OK)
               ? NGX_OK
               : NGX_ERROR;
}


/* Under sid and sub, so that the provider can end the session. What cannot
 * be written ends the login: a session that nobody could end is none. */

static ngx_int_t
callback_index(ngx_http_gatehouse_request_t *gr,
               ngx_http_gatehouse_callback_t *cb)
{
    char name[GH_SESSION_NAME_LEN];
    gh_rc_t rc;
    ngx_int_t put;
    gh_session_index_t what;

    static const char *const kinds[] = { "sid", "sub" };

    while (cb->index < 2) {
        what.kind = gh_str(kinds[cb->index]);
        what.issuer = cb->oidc->client.issuer;
        what.client_id = cb->oidc->client.client_id;

        if (gh_json_str(cb->claims, kinds[cb->index], &what.value) != GH_OK) {
            cb->index++;
            continue;
        }

        if (gh_session_index_name(gr->gmcf->secret, 0, &what, name) != GH_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        put = callback_index_put(gr, cb,
                                 (gh_str_t){ name, GH_SESSION_NAME_LEN });

        if (put != NGX_OK) {
            return put;
        }

        rc = cb->op->rc;
        ngx_gatehouse_store_op_destroy(cb->op);
        cb->op = NULL;

        if (rc == GH_OK) {
            cb->index++;
            cb->tries = 0;

        } else if (rc != GH_CONFLICT || cb->tries++ > CALLBACK_INDEX_TRIES) {
            return callback_refuse(gr, cb, GH_PAGE_LOGIN_AWAY,
                                   "the store did not take it");
        }
    }

    return NGX_DECLINED;
}


/* NGX_OK: cb->op is a put that is over. */

static ngx_int_t
callback_index_put(ngx_http_gatehouse_request_t *gr,
                   ngx_http_gatehouse_callback_t *cb, gh_str_t name)
{
    gh_rc_t rc;
    gh_buf_t list;
    gh_str_t old;
    uint64_t version;

    if (cb->op != NULL && cb->op->type == NGX_GATEHOUSE_STORE_PUT) {
        return NGX_OK;
    }

    if (cb->op == NULL) {
        cb->op = ngx_gatehouse_store_op_create(
            NGX_GATEHOUSE_STORE_GET, GH_KIND_SESSION_INDEX, name, GH_STR(""));
        if (cb->op == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (ngx_http_gatehouse_submit(gr, cb->op) == NGX_AGAIN) {
            return NGX_AGAIN;
        }
    }

    rc = cb->op->rc;

    if (rc != GH_OK && rc != GH_ABSENT) {
        return callback_refuse(gr, cb, GH_PAGE_LOGIN_AWAY,
                               "the store could not be asked");
    }

    old = (rc == GH_OK) ? cb->op->result : GH_STR("");
    version = (rc == GH_OK) ? cb->op->version : 0;

    list.len = 0;
    list.cap = old.len + GH_SESSION_NAME_LEN;
    list.data = ngx_pnalloc(gr->request->pool, list.cap);
    if (list.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = gh_session_index_add(old, cb->session_name, &list);

    if (rc == GH_FULL) {
        /* the oldest falls out of the index, and ends by its own limits */
        old.data += GH_SESSION_NAME_LEN;
        old.len -= GH_SESSION_NAME_LEN;
        list.len = 0;
        rc = gh_session_index_add(old, cb->session_name, &list);
    }

    ngx_gatehouse_store_op_destroy(cb->op);
    cb->op = (rc == GH_OK) ? ngx_gatehouse_store_op_create(
                 NGX_GATEHOUSE_STORE_PUT, GH_KIND_SESSION_INDEX, name,
                 gh_buf_str(&list))
                           : NULL;
    if (cb->op == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cb->op->if_version = version;
    cb->op->ttl_s = cb->oidc->times.absolute_s + 60;

    return ngx_http_gatehouse_submit(gr, cb->op);
}


/* The form that this login interrupted. */

static ngx_int_t
callback_form(ngx_http_gatehouse_request_t *gr,
              ngx_http_gatehouse_callback_t *cb)
{
    char room[2 * GH_LOGIN_ID_LEN];
    gh_buf_t name = GH_BUF(room), text;

    if (!cb->login.form) {
        return NGX_DECLINED;
    }

    ngx_http_gatehouse_form_name(cb->login.id, &name);

    if (cb->op == NULL) {
        cb->op = ngx_gatehouse_store_op_create(NGX_GATEHOUSE_STORE_GET,
                                               GH_KIND_FORM, gh_buf_str(&name),
                                               GH_STR(""));
        if (cb->op == NULL) {
            return NGX_DECLINED;
        }

        if (ngx_http_gatehouse_submit(gr, cb->op) == NGX_AGAIN) {
            return NGX_AGAIN;
        }
    }

    if (cb->op->rc != GH_OK) {
        return NGX_DECLINED;
    }

    text.len = 0;
    text.cap = cb->op->result.len;
    text.data = ngx_pnalloc(gr->request->pool, text.cap + 1);

    if (text.data == NULL
        || gh_secret_open(gr->gmcf->secret, GH_PURPOSE_SESSION,
                          gh_buf_str(&name), cb->op->result, &text)
               != GH_OK)
    {
        return NGX_DECLINED;
    }

    return callback_resume(gr, cb, gh_buf_str(&text));
}


static ngx_int_t
callback_resume(ngx_http_gatehouse_request_t *gr,
                ngx_http_gatehouse_callback_t *cb, gh_str_t text)
{
    gh_buf_t room;
    gh_form_t *form;
    ngx_str_t url;
    gh_page_values_t values;

    room.len = 0;
    room.cap = text.len;
    room.data = ngx_pnalloc(gr->request->pool, text.len + 1);
    form = ngx_palloc(gr->request->pool, sizeof(gh_form_t));

    if (room.data == NULL || form == NULL
        || gh_form_parse(text, &room, form) != GH_OK
        || callback_url(gr, cb, &url) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (callback_cookies(gr, cb) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    gr->reason = GH_REASON_OK;

    ngx_memzero(&values, sizeof(gh_page_values_t));
    values.link = ngx_http_gatehouse_gh(url);
    values.form = form;

    return ngx_http_gatehouse_send_page(gr, GH_PAGE_FORM_RESUME, &values,
                                        cb->login.origin);
}


static ngx_int_t
callback_answer(ngx_http_gatehouse_request_t *gr,
                ngx_http_gatehouse_callback_t *cb)
{
    if (callback_cookies(gr, cb) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    gr->reason = GH_REASON_OK;

    return callback_return(gr, cb);
}


/* The session begins, the login's cookie goes; a session from before ends. */

static ngx_int_t
callback_cookies(ngx_http_gatehouse_request_t *gr,
                 ngx_http_gatehouse_callback_t *cb)
{
    ngx_http_request_t *r;
    ngx_http_gatehouse_cookie_t cookie;

    r = gr->request;

    if (ngx_http_gatehouse_session_peek(gr, cb->oidc) == NGX_OK) {
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


static ngx_int_t
callback_return(ngx_http_gatehouse_request_t *gr,
                ngx_http_gatehouse_callback_t *cb)
{
    ngx_str_t url;

    if (callback_url(gr, cb, &url) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_gatehouse_send_redirect(gr, NGX_HTTP_SEE_OTHER, &url);
}


/* Where the login began: sealed by us, and never another site's. */

static ngx_int_t
callback_url(ngx_http_gatehouse_request_t *gr,
             ngx_http_gatehouse_callback_t *cb, ngx_str_t *url)
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
        return callback_refuse(gr, cb, GH_PAGE_LOGIN_AWAY, f->why);
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


/* What it was stands in our log; a person is told that it did not work, and
 * where to begin again. */

static ngx_int_t
callback_refuse(ngx_http_gatehouse_request_t *gr,
                ngx_http_gatehouse_callback_t *cb, gh_page_t page,
                const char *why)
{
    ngx_http_request_t *r;
    gh_page_values_t values;
    ngx_http_gatehouse_cookie_t cookie;

    r = gr->request;

    gr->reason = (page == GH_PAGE_LOGIN_AWAY) ? GH_REASON_LOGIN_UNAVAILABLE
                                              : GH_REASON_LOGIN_FAILED;
    gr->refused = gr->reason;

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
