/*
 * The end of a session: at the gateway, and from there at the provider; by
 * the provider's back channel; by a frame on its logout page. Another site
 * cannot log anybody out, and what the store did not take is not called done.
 */

#include "ngx_http_gatehouse_oidc.h"

#include <openssl/crypto.h>

#define LOGOUT_BODY_MAX 32768
#define LOGOUT_URL_MAX 20480
#define LOGOUT_JTI_TTL_S 600
#define LOGOUT_TOKEN_LEN 22 /* base64url of 16 bytes */


/* Of one request, at gr->endpoint. */
typedef struct {
    ngx_gatehouse_store_op_t *op;
    ngx_uint_t step;
    gh_jwt_t jwt;
    json_t *claims;
    gh_logout_token_t token;
    gh_str_t list; /* sessions that are to end */
    size_t at;
    unsigned key; /* the root key of the index that is looked at */
    ngx_uint_t tries;
    unsigned parsed : 1;
} ngx_http_gatehouse_logout_t;

typedef ngx_int_t (*ngx_http_gatehouse_logout_pt)(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_oidc_t *oidc,
    ngx_http_gatehouse_logout_t *lo);


static ngx_http_gatehouse_logout_t *logout_state(
    ngx_http_gatehouse_request_t *gr);
static void logout_cleanup(void *data);
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
static ngx_int_t backchannel_token(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_oidc_t *oidc,
                                   ngx_http_gatehouse_logout_t *lo);
static ngx_int_t backchannel_parse(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_oidc_t *oidc,
                                   ngx_http_gatehouse_logout_t *lo,
                                   gh_str_t body);
static ngx_int_t backchannel_verify(ngx_http_gatehouse_request_t *gr,
                                    ngx_http_gatehouse_oidc_t *oidc,
                                    ngx_http_gatehouse_logout_t *lo);
static ngx_int_t backchannel_once(ngx_http_gatehouse_request_t *gr,
                                  ngx_http_gatehouse_oidc_t *oidc,
                                  ngx_http_gatehouse_logout_t *lo);
static ngx_int_t backchannel_find(ngx_http_gatehouse_request_t *gr,
                                  ngx_http_gatehouse_oidc_t *oidc,
                                  ngx_http_gatehouse_logout_t *lo);
static ngx_int_t backchannel_end(ngx_http_gatehouse_request_t *gr,
                                 ngx_http_gatehouse_oidc_t *oidc,
                                 ngx_http_gatehouse_logout_t *lo);
static ngx_int_t backchannel_refuse(ngx_http_gatehouse_request_t *gr,
                                    const char *why);


static const ngx_http_gatehouse_logout_pt steps[] = {
    backchannel_token, backchannel_verify, backchannel_once, backchannel_find,
    backchannel_end
};


static ngx_http_gatehouse_logout_t *
logout_state(ngx_http_gatehouse_request_t *gr)
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
    lo = logout_state(gr);

    if (lo == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (lo->step == 0) {
        rc = ngx_http_gatehouse_session_peek(gr, oidc);

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        if (rc == NGX_DECLINED) {
            return logout_leave(gr, oidc);
        }

        if (rc != NGX_OK) {
            return logout_away(gr);
        }

        rc = logout_allowed(gr, oidc);

        if (rc == NGX_DECLINED) {
            return logout_confirm(gr, oidc);
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
    logout_revoke(gr, oidc);

    return logout_leave(gr, oidc);
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

    rc = ngx_http_gatehouse_body(gr, LOGOUT_BODY_MAX, &body);

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


/* OpenID Connect Back-Channel Logout 1.0 section 2.5. */

ngx_int_t
ngx_http_gatehouse_backchannel(ngx_http_gatehouse_request_t *gr,
                               ngx_http_gatehouse_oidc_t *oidc)
{
    ngx_int_t rc;
    ngx_http_gatehouse_logout_t *lo;

    gr->reason = GH_REASON_PUBLIC;
    lo = logout_state(gr);

    if (lo == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    while (lo->step < sizeof(steps) / sizeof(steps[0])) {
        rc = steps[lo->step](gr, oidc, lo);

        if (rc != NGX_DECLINED) {
            return rc;
        }

        lo->step++;
    }

    return ngx_http_gatehouse_send_empty(gr, NGX_HTTP_OK);
}


static ngx_int_t
backchannel_token(ngx_http_gatehouse_request_t *gr,
                  ngx_http_gatehouse_oidc_t *oidc,
                  ngx_http_gatehouse_logout_t *lo)
{
    ngx_int_t rc;
    ngx_str_t body;

    if (gr->request->method != NGX_HTTP_POST) {
        return backchannel_refuse(gr, "the method is not POST");
    }

    rc = ngx_http_gatehouse_body(gr, LOGOUT_BODY_MAX, &body);

    if (rc == NGX_DECLINED) {
        return backchannel_refuse(gr, "the body is too long");
    }

    return (rc == NGX_OK)
               ? backchannel_parse(gr, oidc, lo, ngx_http_gatehouse_gh(body))
               : rc;
}


static ngx_int_t
backchannel_parse(ngx_http_gatehouse_request_t *gr,
                  ngx_http_gatehouse_oidc_t *oidc,
                  ngx_http_gatehouse_logout_t *lo, gh_str_t body)
{
    gh_buf_t room;
    gh_str_t text;
    gh_form_t *form;
    const char *what = "its claims are malformed";
    gh_reason_t reason;
    gh_id_token_rules_t rules;

    form = ngx_palloc(gr->request->pool, sizeof(gh_form_t));
    room.len = 0;
    room.cap = body.len;
    room.data = ngx_pnalloc(gr->request->pool, body.len + 1);

    if (form == NULL || room.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (gh_form_parse(body, &room, form) != GH_OK
        || gh_form_one(form, GH_STR("logout_token"), &text) != GH_OK
        || gh_jwt_parse(text, &lo->jwt, &reason) != GH_OK)
    {
        return backchannel_refuse(gr, "not one logout_token");
    }

    lo->parsed = 1;

    ngx_memzero(&rules, sizeof(gh_id_token_rules_t));
    rules.issuer = oidc->client.issuer;
    rules.client_id = oidc->client.client_id;
    rules.algs = oidc->issuer.policy.algs;
    rules.skew_s = oidc->issuer.policy.skew_s;

    if (gh_jwt_peek(&lo->jwt, &lo->claims, &reason) != GH_OK
        || gh_logout_token_check(&lo->jwt, lo->claims, &rules, ngx_time(),
                                 &lo->token, &what)
               != GH_OK)
    {
        return backchannel_refuse(gr, what);
    }

    return NGX_DECLINED;
}


static ngx_int_t
backchannel_verify(ngx_http_gatehouse_request_t *gr,
                   ngx_http_gatehouse_oidc_t *oidc,
                   ngx_http_gatehouse_logout_t *lo)
{
    gr->keys_waiter.handler = ngx_http_gatehouse_wake;
    gr->keys_waiter.data = gr;

    switch (ngx_http_gatehouse_oidc_verify(gr->gmcf, oidc, &lo->jwt,
                                           &gr->keys_waiter))
    {

    case GH_OK:
        return NGX_DECLINED;

    case GH_AGAIN:
        if (lo->tries++ < 3) {
            return NGX_AGAIN;
        }

        ngx_gatehouse_waiter_cancel(&gr->keys_waiter);
        break;

    case GH_UNAVAILABLE:
        gr->reason = GH_REASON_KEYS_UNAVAILABLE;
        return ngx_http_gatehouse_send_empty(gr, NGX_HTTP_SERVICE_UNAVAILABLE);

    default:
        break;
    }

    return backchannel_refuse(gr, "its signature is wrong");
}


/* A logout token counts once. */

static ngx_int_t
backchannel_once(ngx_http_gatehouse_request_t *gr,
                 ngx_http_gatehouse_oidc_t *oidc,
                 ngx_http_gatehouse_logout_t *lo)
{
    char text[sizeof("logout:") + 2 * GH_SHA256_LEN];
    gh_rc_t rc;
    uint8_t hash[GH_SHA256_LEN];
    gh_buf_t name = GH_BUF(text);

    if (lo->op == NULL) {
        gh_sha256(lo->token.jti, hash);
        (void) gh_buf_add(&name, GH_STR("logout:"));
        (void) gh_hex_encode((gh_str_t){ (char *) hash, sizeof(hash) }, &name);

        lo->op = ngx_gatehouse_store_op_create(NGX_GATEHOUSE_STORE_CLAIM,
                                               GH_KIND_CLAIM,
                                               gh_buf_str(&name), GH_STR(""));
        if (lo->op == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        lo->op->ttl_s = LOGOUT_JTI_TTL_S;

        if (ngx_http_gatehouse_submit(gr, lo->op) == NGX_AGAIN) {
            return NGX_AGAIN;
        }
    }

    rc = lo->op->rc;
    ngx_gatehouse_store_op_destroy(lo->op);
    lo->op = NULL;

    if (rc == GH_CONFLICT) {
        return backchannel_refuse(gr, "it came before");
    }

    if (rc != GH_OK) {
        gr->reason = GH_REASON_STORE_UNAVAILABLE;
        return ngx_http_gatehouse_send_empty(gr, NGX_HTTP_SERVICE_UNAVAILABLE);
    }

    return NGX_DECLINED;
}


/* The sessions of that sid, else of that subject, under each root key. */

static ngx_int_t
backchannel_find(ngx_http_gatehouse_request_t *gr,
                 ngx_http_gatehouse_oidc_t *oidc,
                 ngx_http_gatehouse_logout_t *lo)
{
    char name[GH_SESSION_NAME_LEN];
    u_char *p;
    gh_str_t *list = &lo->list;
    gh_session_index_t what;

    while (lo->op != NULL || lo->key < gr->gmcf->secret->n) {

        if (lo->op == NULL) {
            what.kind = lo->token.sid.len ? GH_STR("sid") : GH_STR("sub");
            what.value = lo->token.sid.len ? lo->token.sid : lo->token.sub;
            what.issuer = oidc->client.issuer;
            what.client_id = oidc->client.client_id;

            if (gh_session_index_name(gr->gmcf->secret, lo->key, &what, name)
                != GH_OK) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            lo->op = ngx_gatehouse_store_op_create(
                NGX_GATEHOUSE_STORE_GET, GH_KIND_SESSION_INDEX,
                (gh_str_t){ name, GH_SESSION_NAME_LEN }, GH_STR(""));
            if (lo->op == NULL) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            if (ngx_http_gatehouse_submit(gr, lo->op) == NGX_AGAIN) {
                return NGX_AGAIN;
            }
        }

        if (lo->op->rc != GH_OK && lo->op->rc != GH_ABSENT) {
            gr->reason = GH_REASON_STORE_UNAVAILABLE;
            return ngx_http_gatehouse_send_empty(gr,
                                                 NGX_HTTP_SERVICE_UNAVAILABLE);
        }

        if (lo->op->rc == GH_OK) {
            p = ngx_pnalloc(gr->request->pool,
                            list->len + lo->op->result.len + 1);
            if (p == NULL) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            if (list->len != 0) {
                ngx_memcpy(p, list->data, list->len);
            }

            ngx_memcpy(p + list->len, lo->op->result.data, lo->op->result.len);
            list->data = (char *) p;
            list->len += lo->op->result.len;
        }

        ngx_gatehouse_store_op_destroy(lo->op);
        lo->op = NULL;
        lo->key++;
    }

    return NGX_DECLINED;
}


static ngx_int_t
backchannel_end(ngx_http_gatehouse_request_t *gr,
                ngx_http_gatehouse_oidc_t *oidc,
                ngx_http_gatehouse_logout_t *lo)
{
    gh_rc_t rc;

    while (lo->at < gh_session_index_count(lo->list)) {

        if (lo->op == NULL) {
            lo->op = ngx_gatehouse_store_op_create(
                NGX_GATEHOUSE_STORE_DELETE, GH_KIND_SESSION,
                gh_session_index_at(lo->list, lo->at), GH_STR(""));
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

        if (rc != GH_OK && rc != GH_ABSENT) {
            gr->reason = GH_REASON_STORE_UNAVAILABLE;
            return ngx_http_gatehouse_send_empty(gr,
                                                 NGX_HTTP_SERVICE_UNAVAILABLE);
        }

        lo->at++;
    }

    return NGX_DECLINED;
}


static ngx_int_t
backchannel_refuse(ngx_http_gatehouse_request_t *gr, const char *why)
{
    gr->reason = GH_REASON_LOGIN_FAILED;
    gr->refused = gr->reason;

    ngx_log_error(NGX_LOG_NOTICE, gr->request->connection->log, 0,
                  "gatehouse: a logout token is refused: %s", why);

    return ngx_http_gatehouse_send_empty(gr, NGX_HTTP_BAD_REQUEST);
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
    lo = logout_state(gr);

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
        rc = ngx_http_gatehouse_session_peek(gr, oidc);

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        if (rc != NGX_OK || !gh_str_eq(iss, oidc->client.issuer)
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
