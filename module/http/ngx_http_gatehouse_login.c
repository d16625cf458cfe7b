/*
 * The begin of a login: a person's request that has no credential is sent to
 * the provider. Programs, fetches, images and frames never are. The redirect
 * is made ready here and takes the place of the final 401 in the header
 * filter, so that other access modules are still asked.
 */

#include "ngx_http_gatehouse_oidc.h"

#include <openssl/rand.h>

#include "gh_problem.h"

#define LOGIN_URL_MAX 8192


static ngx_uint_t login_is_person(ngx_http_request_t *r);
static ngx_uint_t login_header_is(ngx_http_request_t *r, const char *name,
                                  const char *value);
static ngx_table_elt_t *login_header(ngx_http_request_t *r, const char *name);
static ngx_int_t login_cookie(ngx_http_gatehouse_request_t *gr,
                              ngx_http_gatehouse_oidc_t *oidc,
                              ngx_str_t *cookie);
static ngx_int_t login_location(ngx_http_gatehouse_request_t *gr,
                                ngx_http_gatehouse_oidc_t *oidc,
                                const gh_provider_t *provider,
                                const gh_oidc_ask_t *ask);


ngx_int_t
ngx_http_gatehouse_login_prepare(ngx_http_gatehouse_request_t *gr,
                                 ngx_http_gatehouse_oidc_t *oidc)
{
    gh_rc_t rc;
    ngx_int_t kept;
    gh_login_t login;
    ngx_str_t origin;
    const gh_provider_t *provider;

    if (!login_is_person(gr->request)) {
        return NGX_OK;
    }

    if (ngx_http_gatehouse_origin(gr->request, &origin) != NGX_OK
        || (oidc->cookie_domain.len != 0
            && !gh_login_host_within(
                ngx_http_gatehouse_gh(gr->request->headers_in.server),
                ngx_http_gatehouse_gh(oidc->cookie_domain))))
    {
        ngx_log_error(NGX_LOG_WARN, gr->request->connection->log, 0,
                      "gatehouse: no login begins here: the request came "
                      "without TLS, or its host is outside of cookie_domain");
        return NGX_OK;
    }

    gr->keys_waiter.handler = ngx_http_gatehouse_wake;
    gr->keys_waiter.data = gr;

    rc = ngx_gatehouse_keys_metadata(gr->gmcf->keys, &oidc->issuer.keys,
                                     &provider, &gr->keys_waiter);
    if (rc == GH_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc != GH_OK) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_LOGIN_UNAVAILABLE);
    }

    ngx_memzero(&login, sizeof(gh_login_t));
    login.origin = ngx_http_gatehouse_gh(origin);
    login.target =
        gh_login_target(ngx_http_gatehouse_gh(gr->request->unparsed_uri));

    kept = ngx_http_gatehouse_form_keep(gr, oidc, &login);

    if (kept == NGX_AGAIN || kept == NGX_DONE) {
        return kept;
    }

    /* the metadata may have moved during the wait */

    if (kept != NGX_DECLINED
        && ngx_gatehouse_keys_metadata(gr->gmcf->keys, &oidc->issuer.keys,
                                       &provider, NULL)
               != GH_OK)
    {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_LOGIN_UNAVAILABLE);
    }

    if (ngx_http_gatehouse_login_begin(gr, oidc, provider, &login) != NGX_OK) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_INTERNAL);
    }

    return NGX_OK;
}


/* A browser that navigates a whole page, by its fetch metadata where it sends
 * any (all current ones do), else by what it accepts. */

static ngx_uint_t
login_is_person(ngx_http_request_t *r)
{
    ngx_table_elt_t *h;

    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD | NGX_HTTP_POST))
        || r->headers_in.upgrade != NULL || r->headers_in.authorization != NULL
        || login_header(r, "X-Requested-With") != NULL
        || login_header_is(r, "Sec-Purpose", "prefetch")
        || login_header_is(r, "Purpose", "prefetch"))
    {
        return 0;
    }

    if (login_header(r, "Sec-Fetch-Mode") != NULL) {
        return login_header_is(r, "Sec-Fetch-Mode", "navigate")
               && (login_header(r, "Sec-Fetch-Dest") == NULL
                   || login_header_is(r, "Sec-Fetch-Dest", "document"));
    }

    h = login_header(r, "Accept");

    return h != NULL && gh_problem_wants_html(ngx_http_gatehouse_gh(h->value));
}


static ngx_table_elt_t *
login_header(ngx_http_request_t *r, const char *name)
{
    ngx_str_t key;

    key.data = (u_char *) (uintptr_t) name;
    key.len = ngx_strlen(name);

    return ngx_http_gatehouse_header_named(r, &key);
}


/* The value is that word, or begins with it and ';'. */

static ngx_uint_t
login_header_is(ngx_http_request_t *r, const char *name, const char *value)
{
    gh_str_t word, rest;
    ngx_table_elt_t *h;

    h = login_header(r, name);
    if (h == NULL) {
        return 0;
    }

    word = gh_str_cut(ngx_http_gatehouse_gh(h->value), ';', &rest);

    return gh_str_eq_nocase(gh_str_trim(word), gh_str(value));
}


ngx_int_t
ngx_http_gatehouse_login_begin(ngx_http_gatehouse_request_t *gr,
                               ngx_http_gatehouse_oidc_t *oidc,
                               const gh_provider_t *provider,
                               gh_login_t *login)
{
    char room[GH_LOGIN_STATE_MAX];
    gh_buf_t state = GH_BUF(room);
    uint8_t nonce[12];
    ngx_str_t cookie;
    gh_oidc_ask_t ask;
    gh_login_proofs_t proofs;

    if (login_cookie(gr, oidc, &cookie) != NGX_OK
        || RAND_bytes(nonce, sizeof(nonce)) != 1
        || (!login->form && RAND_bytes(login->id, sizeof(login->id)) != 1))
    {
        return NGX_ERROR;
    }

    login->provider = ngx_http_gatehouse_gh(oidc->name);
    login->began_at_s = ngx_time();
    login->key = 0;

    if (gh_login_seal(gr->gmcf->secret, login, ngx_http_gatehouse_gh(cookie),
                      nonce, &state)
            != GH_OK
        || gh_login_proofs(gr->gmcf->secret, ngx_http_gatehouse_gh(cookie),
                           login, &proofs)
               != GH_OK)
    {
        return NGX_ERROR;
    }

    ask.state = gh_buf_str(&state);
    ask.nonce = (gh_str_t){ proofs.nonce, sizeof(proofs.nonce) };
    ask.challenge = (gh_str_t){ proofs.challenge, sizeof(proofs.challenge) };

    if (login_location(gr, oidc, provider, &ask) != NGX_OK) {
        return NGX_ERROR;
    }

    gr->login.status = (gr->request->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))
                           ? NGX_HTTP_MOVED_TEMPORARILY
                           : NGX_HTTP_SEE_OTHER;

    return NGX_OK;
}


/* One for all logins of a browser that are under way. */

static ngx_int_t
login_cookie(ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_oidc_t *oidc,
             ngx_str_t *text)
{
    uint8_t random[32];
    ngx_http_request_t *r;
    ngx_http_gatehouse_cookie_t cookie;

    r = gr->request;

    if (ngx_http_gatehouse_cookie_one(r, &oidc->login_cookie_name, text)
            != NGX_OK
        || !gh_login_cookie_valid(ngx_http_gatehouse_gh(*text)))
    {
        text->len = GH_LOGIN_COOKIE_LEN;
        text->data = ngx_pnalloc(r->pool, text->len);

        if (text->data == NULL || RAND_bytes(random, sizeof(random)) != 1) {
            return NGX_ERROR;
        }

        gh_login_cookie(random, (char *) text->data);
    }

    cookie.name = oidc->login_cookie_name;
    cookie.value = *text;
    cookie.max_age = GH_LOGIN_TTL_S;

    return ngx_http_gatehouse_make_cookie(r, oidc, &cookie, &gr->login.cookie);
}


static ngx_int_t
login_location(ngx_http_gatehouse_request_t *gr,
               ngx_http_gatehouse_oidc_t *oidc, const gh_provider_t *provider,
               const gh_oidc_ask_t *ask)
{
    gh_buf_t url;
    ngx_str_t redirect_uri;
    gh_oidc_client_t client;

    if (ngx_http_gatehouse_redirect_uri(gr->request, oidc, &redirect_uri)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    client = oidc->client;
    client.redirect_uri = ngx_http_gatehouse_gh(redirect_uri);

    url.cap = LOGIN_URL_MAX;
    url.len = 0;
    url.data = ngx_pnalloc(gr->request->pool, url.cap);

    if (url.data == NULL
        || gh_oidc_authorize_url(provider, &client, ask, oidc->arguments->elts,
                                 oidc->arguments->nelts, &url)
               != GH_OK)
    {
        return NGX_ERROR;
    }

    gr->login.location = ngx_http_gatehouse_ngx(gh_buf_str(&url));

    return NGX_OK;
}


ngx_int_t
ngx_http_gatehouse_redirect_uri(ngx_http_request_t *r,
                                ngx_http_gatehouse_oidc_t *oidc,
                                ngx_str_t *uri)
{
    u_char *p;
    ngx_str_t origin;

    if (oidc->redirect_origin.len != 0) {
        *uri = oidc->redirect_uri;
        return NGX_OK;
    }

    if (ngx_http_gatehouse_origin(r, &origin) != NGX_OK) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, origin.len + oidc->redirect_path.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    uri->data = p;
    uri->len = origin.len + oidc->redirect_path.len;

    p = ngx_cpymem(p, origin.data, origin.len);
    ngx_memcpy(p, oidc->redirect_path.data, oidc->redirect_path.len);

    return NGX_OK;
}


ngx_int_t
ngx_http_gatehouse_origin(ngx_http_request_t *r, ngx_str_t *origin)
{
    u_char *p;
    ngx_str_t *host;
    ngx_uint_t https, here;
    ngx_http_gatehouse_srv_conf_t *gscf;

    if (r->headers_in.host == NULL || r->headers_in.server.len == 0) {
        return NGX_DECLINED;
    }

    gscf = ngx_http_get_module_srv_conf(r, ngx_http_gatehouse_module);
    host = &r->headers_in.host->value;

#if (NGX_HTTP_SSL)
    https = r->connection->ssl != NULL;
#else
    https = 0;
#endif

    if (!https && gscf->trusted != NULL
        && ngx_cidr_match(r->connection->sockaddr, gscf->trusted) == NGX_OK)
    {
        https = login_header_is(r, "X-Forwarded-Proto", "https");
    }

    /* a browser takes Secure cookies over http from its own machine only */

    here =
        (r->headers_in.server.len == 9
         && (ngx_strncmp(r->headers_in.server.data, "localhost", 9) == 0
             || ngx_strncmp(r->headers_in.server.data, "127.0.0.1", 9) == 0));

    if (!https && !here) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, sizeof("https://") + host->len);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    origin->data = p;
    p = ngx_sprintf(p, "%s://", https ? "https" : "http");
    ngx_strlow(p, host->data, host->len);
    origin->len = (size_t) (p + host->len - origin->data);

    return NGX_OK;
}


/* Origin (RFC 6454) is this request's own; without one it is no browser. */

ngx_int_t
ngx_http_gatehouse_own_origin(ngx_http_request_t *r)
{
    ngx_str_t origin;
    ngx_table_elt_t *h;

    h = login_header(r, "Origin");

    return (h == NULL
            || (ngx_http_gatehouse_origin(r, &origin) == NGX_OK
                && gh_str_eq_nocase(ngx_http_gatehouse_gh(h->value),
                                    ngx_http_gatehouse_gh(origin))))
               ? NGX_OK
               : NGX_DECLINED;
}


ngx_int_t
ngx_http_gatehouse_login_answer(ngx_http_gatehouse_request_t *gr)
{
    ngx_str_t value;
    ngx_http_request_t *r;

    r = gr->request;

    r->headers_out.status = gr->login.status;
    r->headers_out.status_line.len = 0;

    ngx_str_set(&value, "no-store");

    if (ngx_http_gatehouse_answer_add(r, "Location", 8, &gr->login.location)
            != NGX_OK
        || ngx_http_gatehouse_answer_add(r, "Set-Cookie", 10,
                                         &gr->login.cookie)
               != NGX_OK
        || ngx_http_gatehouse_answer_add(r, "Cache-Control", 13, &value)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);
    ngx_str_null(&r->headers_out.content_type);
    r->headers_out.content_type_len = 0;
    r->headers_out.content_length_n = 0;

    /* the body filter puts nothing in place of nginx's page */

    gr->body.data = (char *) gr->login.location.data;
    gr->body.len = 0;

    return NGX_OK;
}


/* A login that another page or the provider asks for (Core section 4). */

ngx_int_t
ngx_http_gatehouse_login(ngx_http_gatehouse_request_t *gr,
                         ngx_http_gatehouse_oidc_t *oidc)
{
    gh_rc_t rc;
    gh_str_t target, own;
    ngx_str_t argument, origin;
    gh_login_t login;
    const gh_provider_t *provider;
    gh_page_values_t values;

    gr->reason = GH_REASON_PUBLIC;

    ngx_memzero(&login, sizeof(gh_login_t));
    ngx_memzero(&values, sizeof(gh_page_values_t));
    values.link = GH_STR("/");

    if (ngx_http_gatehouse_origin(gr->request, &origin) != NGX_OK
        || (ngx_http_gatehouse_plain_argument(gr->request, "iss", &argument)
                == NGX_OK
            && !gh_str_eq(ngx_http_gatehouse_gh(argument),
                          oidc->client.issuer)))
    {
        gr->reason = GH_REASON_LOGIN_FAILED;
        gr->refused = gr->reason;
        return ngx_http_gatehouse_send_page(gr, GH_PAGE_LOGIN_FAILED, &values,
                                            GH_STR(""));
    }

    gr->keys_waiter.handler = ngx_http_gatehouse_wake;
    gr->keys_waiter.data = gr;

    rc = ngx_gatehouse_keys_metadata(gr->gmcf->keys, &oidc->issuer.keys,
                                     &provider, &gr->keys_waiter);
    if (rc == GH_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc != GH_OK) {
        gr->reason = GH_REASON_LOGIN_UNAVAILABLE;
        gr->refused = gr->reason;
        return ngx_http_gatehouse_send_page(gr, GH_PAGE_LOGIN_AWAY, &values,
                                            GH_STR(""));
    }

    target = GH_STR("/");
    own = ngx_http_gatehouse_gh(origin);

    if (ngx_http_gatehouse_plain_argument(gr->request, "target_link_uri",
                                          &argument)
        == NGX_OK)
    {
        target = ngx_http_gatehouse_gh(argument);

        if (gh_str_starts(target, own)) {
            target.data += own.len;
            target.len -= own.len;
        }
    }

    login.origin = own;
    login.target = gh_login_target(target);

    if (ngx_http_gatehouse_login_begin(gr, oidc, provider, &login) != NGX_OK
        || ngx_http_gatehouse_answer_add(gr->request, "Set-Cookie", 10,
                                         &gr->login.cookie)
               != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_gatehouse_send_redirect(gr, NGX_HTTP_SEE_OTHER,
                                            &gr->login.location);
}
