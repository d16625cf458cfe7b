/*
 * Logout by the provider's back channel (Back-Channel Logout 1.0): a token
 * that is checked like an id_token and counts once ends the sessions of its
 * sid, or all of its subject.
 */

#include "ngx_http_gatehouse_logout.h"
#include "gh_replay.h"

#define LOGOUT_JTI_TTL_S 600


typedef ngx_int_t (*ngx_http_gatehouse_logout_pt)(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_oidc_t *oidc,
    ngx_http_gatehouse_logout_t *lo);


static ngx_int_t backchannel_token(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_oidc_t *oidc,
                                   ngx_http_gatehouse_logout_t *lo);
static ngx_int_t backchannel_parse(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_oidc_t *oidc,
                                   ngx_http_gatehouse_logout_t *lo,
                                   gh_str_t body);
static ngx_uint_t backchannel_whose(ngx_http_gatehouse_request_t *gr,
                                    ngx_http_gatehouse_oidc_t *found,
                                    ngx_http_gatehouse_logout_t *lo,
                                    const char **what);
static ngx_int_t backchannel_verify(ngx_http_gatehouse_request_t *gr,
                                    ngx_http_gatehouse_oidc_t *oidc,
                                    ngx_http_gatehouse_logout_t *lo);
static ngx_int_t backchannel_once(ngx_http_gatehouse_request_t *gr,
                                  ngx_http_gatehouse_oidc_t *oidc,
                                  ngx_http_gatehouse_logout_t *lo);
static ngx_int_t backchannel_again(ngx_http_gatehouse_request_t *gr,
                                   ngx_http_gatehouse_oidc_t *oidc,
                                   ngx_http_gatehouse_logout_t *lo);
static ngx_gatehouse_store_op_t *backchannel_op(
    ngx_http_gatehouse_oidc_t *oidc, ngx_http_gatehouse_logout_t *lo,
    ngx_gatehouse_store_type_e type, gh_str_t what);
static ngx_int_t backchannel_find(ngx_http_gatehouse_request_t *gr,
                                  ngx_http_gatehouse_oidc_t *oidc,
                                  ngx_http_gatehouse_logout_t *lo);
static ngx_int_t backchannel_end(ngx_http_gatehouse_request_t *gr,
                                 ngx_http_gatehouse_oidc_t *oidc,
                                 ngx_http_gatehouse_logout_t *lo);
static ngx_int_t backchannel_done(ngx_http_gatehouse_request_t *gr,
                                  ngx_http_gatehouse_oidc_t *oidc,
                                  ngx_http_gatehouse_logout_t *lo);
static gh_rc_t backchannel_answered(ngx_http_gatehouse_logout_t *lo);
static ngx_int_t backchannel_away(ngx_http_gatehouse_request_t *gr);
static ngx_int_t backchannel_refuse(ngx_http_gatehouse_request_t *gr,
                                    const char *why);


static const ngx_http_gatehouse_logout_pt steps[] = {
    backchannel_token, backchannel_verify, backchannel_once, backchannel_again,
    backchannel_find,  backchannel_end,    backchannel_done
};


/* OpenID Connect Back-Channel Logout 1.0 section 2.5. */

ngx_int_t
ngx_http_gatehouse_backchannel(ngx_http_gatehouse_request_t *gr,
                               ngx_http_gatehouse_oidc_t *oidc)
{
    ngx_int_t rc;
    ngx_http_gatehouse_logout_t *lo;

    gr->reason = GH_REASON_PUBLIC;
    lo = ngx_http_gatehouse_logout_state(gr);

    if (lo == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    while (lo->step < sizeof(steps) / sizeof(steps[0])) {
        rc = steps[lo->step](gr, lo->oidc ? lo->oidc : oidc, lo);

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

    rc = ngx_http_gatehouse_body(gr, NGX_HTTP_GATEHOUSE_LOGOUT_BODY, &body);

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

    return (gh_jwt_peek(&lo->jwt, &lo->claims, &reason) == GH_OK
            && backchannel_whose(gr, oidc, lo, &what))
               ? NGX_DECLINED
               : backchannel_refuse(gr, what);
}


/* Its claims must be right for a provider that has this address here too;
 * that provider's keys say then whether they are its own. */

static ngx_uint_t
backchannel_whose(ngx_http_gatehouse_request_t *gr,
                  ngx_http_gatehouse_oidc_t *found,
                  ngx_http_gatehouse_logout_t *lo, const char **what)
{
    ngx_uint_t i;
    const char *why;
    gh_id_token_rules_t rules;
    ngx_http_gatehouse_oidc_t **oidc = gr->gmcf->providers.elts;

    for (i = 0; i < gr->gmcf->providers.nelts; i++) {

        if (oidc[i] != found
            && (!gh_str_eq(
                    ngx_http_gatehouse_gh(oidc[i]->backchannel_logout_uri),
                    ngx_http_gatehouse_gh(found->backchannel_logout_uri))
                || !ngx_http_gatehouse_endpoint_here(gr->request, oidc[i])))
        {
            continue;
        }

        ngx_memzero(&rules, sizeof(gh_id_token_rules_t));
        rules.issuer = oidc[i]->client.issuer;
        rules.client_id = oidc[i]->client.client_id;
        rules.algs = oidc[i]->issuer.policy.algs;
        rules.skew_s = oidc[i]->issuer.policy.skew_s;

        if (gh_logout_token_check(&lo->jwt, lo->claims, &rules, ngx_time(),
                                  &lo->token, &why)
            == GH_OK)
        {
            lo->oidc = oidc[i];
            return 1;
        }

        if (oidc[i] == found) {
            *what = why;
        }
    }

    return 0;
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


/*
 * A logout token counts once on all gateways. A store that may have forgotten
 * it, because it was emptied since the token was made, vouches for nothing.
 * That it came is remembered before anything ends by it, that all has ended
 * only then: one whose work the store broke off is taken up when the provider
 * repeats it.
 */

static ngx_int_t
backchannel_once(ngx_http_gatehouse_request_t *gr,
                 ngx_http_gatehouse_oidc_t *oidc,
                 ngx_http_gatehouse_logout_t *lo)
{
    gh_rc_t rc;

    if (lo->op == NULL) {
        lo->op = backchannel_op(oidc, lo, NGX_GATEHOUSE_STORE_CLAIM,
                                GH_STR("logout"));
        if (lo->op == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        lo->op->needs_s = ngx_max(ngx_time() - lo->token.made_at_s, 0);
        lo->op->once = 1;

        if (ngx_http_gatehouse_submit(gr, lo->op) == NGX_AGAIN) {
            return NGX_AGAIN;
        }
    }

    rc = backchannel_answered(lo);
    lo->again = (rc == GH_CONFLICT);

    return (rc == GH_OK || rc == GH_CONFLICT) ? NGX_DECLINED
                                              : backchannel_away(gr);
}


static ngx_int_t
backchannel_again(ngx_http_gatehouse_request_t *gr,
                  ngx_http_gatehouse_oidc_t *oidc,
                  ngx_http_gatehouse_logout_t *lo)
{
    gh_rc_t rc;

    if (!lo->again) {
        return NGX_DECLINED;
    }

    if (lo->op == NULL) {
        lo->op = backchannel_op(oidc, lo, NGX_GATEHOUSE_STORE_GET,
                                GH_STR("logged-out"));
        if (lo->op == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (ngx_http_gatehouse_submit(gr, lo->op) == NGX_AGAIN) {
            return NGX_AGAIN;
        }
    }

    rc = backchannel_answered(lo);

    if (rc == GH_OK) {
        return backchannel_refuse(gr, "it came before");
    }

    return (rc == GH_ABSENT) ? NGX_DECLINED : backchannel_away(gr);
}


/* An issuer's token ids are its own: another's may be the same. */

static ngx_gatehouse_store_op_t *
backchannel_op(ngx_http_gatehouse_oidc_t *oidc,
               ngx_http_gatehouse_logout_t *lo,
               ngx_gatehouse_store_type_e type, gh_str_t what)
{
    char text[32 + 2 * GH_REPLAY_NAME_LEN];
    uint8_t use[GH_REPLAY_NAME_LEN];
    gh_buf_t name = GH_BUF(text);
    ngx_gatehouse_store_op_t *op;

    gh_replay_name(what, oidc->client.issuer, lo->token.jti, use);
    (void) gh_buf_add(&name, what);
    (void) gh_buf_add_char(&name, ':');
    (void) gh_hex_encode((gh_str_t){ (char *) use, sizeof(use) }, &name);

    op = ngx_gatehouse_store_op_create(type, GH_KIND_CLAIM, gh_buf_str(&name),
                                       GH_STR(""));
    if (op != NULL) {
        op->ttl_s = LOGOUT_JTI_TTL_S;
    }

    return op;
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
            return backchannel_away(gr);
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

        rc = backchannel_answered(lo);

        if (rc != GH_OK && rc != GH_ABSENT) {
            return backchannel_away(gr);
        }

        lo->at++;
    }

    return NGX_DECLINED;
}


/* From now on it came before. */

static ngx_int_t
backchannel_done(ngx_http_gatehouse_request_t *gr,
                 ngx_http_gatehouse_oidc_t *oidc,
                 ngx_http_gatehouse_logout_t *lo)
{
    gh_rc_t rc;

    if (lo->op == NULL) {
        lo->op = backchannel_op(oidc, lo, NGX_GATEHOUSE_STORE_CLAIM,
                                GH_STR("logged-out"));
        if (lo->op == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (ngx_http_gatehouse_submit(gr, lo->op) == NGX_AGAIN) {
            return NGX_AGAIN;
        }
    }

    rc = backchannel_answered(lo);

    return (rc == GH_OK || rc == GH_CONFLICT) ? NGX_DECLINED
                                              : backchannel_away(gr);
}


static gh_rc_t
backchannel_answered(ngx_http_gatehouse_logout_t *lo)
{
    gh_rc_t rc;

    rc = lo->op->rc;
    ngx_gatehouse_store_op_destroy(lo->op);
    lo->op = NULL;

    return rc;
}


/* The provider may repeat it. */

static ngx_int_t
backchannel_away(ngx_http_gatehouse_request_t *gr)
{
    gr->reason = GH_REASON_STORE_UNAVAILABLE;

    return ngx_http_gatehouse_send_empty(gr, NGX_HTTP_SERVICE_UNAVAILABLE);
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
