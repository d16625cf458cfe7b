/*
 * The callback's end: the session's record, the index by which the provider
 * can end it, and the form that the login interrupted.
 */

#include "ngx_http_gatehouse_callback.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#define CALLBACK_INDEX_TRIES 5


static ngx_int_t callback_seal(ngx_http_gatehouse_request_t *gr,
                               ngx_http_gatehouse_callback_t *cb,
                               gh_buf_t *out, int64_t *ttl);
static ngx_int_t callback_person(ngx_http_gatehouse_request_t *gr,
                                 ngx_http_gatehouse_callback_t *cb,
                                 const gh_session_t *s);
static ngx_int_t callback_index_put(ngx_http_gatehouse_request_t *gr,
                                    ngx_http_gatehouse_callback_t *cb,
                                    gh_str_t name);
static ngx_int_t callback_index_end(ngx_http_gatehouse_request_t *gr,
                                    ngx_http_gatehouse_callback_t *cb,
                                    gh_str_t name, gh_str_t list);
static ngx_int_t callback_resume(ngx_http_gatehouse_request_t *gr,
                                 ngx_http_gatehouse_callback_t *cb,
                                 gh_str_t text);


ngx_int_t
ngx_http_gatehouse_callback_session(ngx_http_gatehouse_request_t *gr,
                                    ngx_http_gatehouse_callback_t *cb)
{
    gh_rc_t rc;
    gh_buf_t sealed;
    gh_str_t name;
    int64_t ttl;

    if (cb->op == NULL) {

        if (callback_seal(gr, cb, &sealed, &ttl) != NGX_OK) {
            return ngx_http_gatehouse_callback_refuse(
                gr, cb, GH_PAGE_LOGIN_FAILED,
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

    return (rc == GH_OK)
               ? NGX_DECLINED
               : ngx_http_gatehouse_callback_refuse(
                   gr, cb, GH_PAGE_LOGIN_AWAY, "the store did not take it");
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

    if (callback_person(gr, cb, &s) != NGX_OK) {
        return NGX_ERROR;
    }

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


/* Somebody of more groups than we keep would lose some of them, and with
 * them perhaps what a rule denies. */

static ngx_int_t
callback_person(ngx_http_gatehouse_request_t *gr,
                ngx_http_gatehouse_callback_t *cb, const gh_session_t *s)
{
    gh_str_t *room;
    gh_session_t named = *s;
    gh_principal_t principal;

    named.id = s->sub;
    room = ngx_palloc(gr->request->pool,
                      2 * NGX_HTTP_GATEHOUSE_LISTS_MAX * sizeof(gh_str_t));

    if (room == NULL
        || gh_session_principal(&named, &cb->oidc->claims, room,
                                NGX_HTTP_GATEHOUSE_LISTS_MAX, &principal)
               == GH_OK)
    {
        return (room == NULL) ? NGX_ERROR : NGX_OK;
    }

    ngx_log_error(NGX_LOG_ERR, gr->request->connection->log, 0,
                  "gatehouse: a person of provider \"%V\" has more than %d "
                  "groups or scopes and cannot be logged in: let the "
                  "provider send only those that this client needs",
                  &cb->oidc->name, NGX_HTTP_GATEHOUSE_LISTS_MAX);

    return NGX_ERROR;
}


/* Under sid and sub, so that the provider can end the session. What cannot
 * be written ends the login: a session that nobody could end is none. */

ngx_int_t
ngx_http_gatehouse_callback_index(ngx_http_gatehouse_request_t *gr,
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
            return ngx_http_gatehouse_callback_refuse(
                gr, cb, GH_PAGE_LOGIN_AWAY, "the store did not take it");
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

    if (cb->op != NULL && cb->op->type == NGX_GATEHOUSE_STORE_DELETE) {
        rc = cb->op->rc;
        ngx_gatehouse_store_op_destroy(cb->op);
        cb->op = NULL;

        if (rc != GH_OK && rc != GH_ABSENT) {
            return ngx_http_gatehouse_callback_refuse(
                gr, cb, GH_PAGE_LOGIN_AWAY, "the store did not take it");
        }
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
        return ngx_http_gatehouse_callback_refuse(
            gr, cb, GH_PAGE_LOGIN_AWAY, "the store could not be asked");
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

    if (rc == GH_FULL
        && ngx_memcmp(cb->oldest, old.data, GH_SESSION_NAME_LEN) != 0)
    {
        return callback_index_end(gr, cb, name, old);
    }

    if (rc == GH_FULL) {
        /* the oldest has ended and leaves the index */
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


/* Of more sessions than an index holds the oldest ends: the provider could
 * not end it any more. */

static ngx_int_t
callback_index_end(ngx_http_gatehouse_request_t *gr,
                   ngx_http_gatehouse_callback_t *cb, gh_str_t name,
                   gh_str_t list)
{
    ngx_memcpy(cb->oldest, list.data, GH_SESSION_NAME_LEN);

    ngx_gatehouse_store_op_destroy(cb->op);
    cb->op = ngx_gatehouse_store_op_create(
        NGX_GATEHOUSE_STORE_DELETE, GH_KIND_SESSION,
        (gh_str_t){ cb->oldest, GH_SESSION_NAME_LEN }, GH_STR(""));

    if (cb->op == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cb->op->log = 1;

    return (ngx_http_gatehouse_submit(gr, cb->op) == NGX_AGAIN)
               ? NGX_AGAIN
               : callback_index_put(gr, cb, name);
}


/* The form that this login interrupted. */

ngx_int_t
ngx_http_gatehouse_callback_form(ngx_http_gatehouse_request_t *gr,
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
        || ngx_http_gatehouse_callback_url(gr, cb, &url) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (ngx_http_gatehouse_callback_cookies(gr, cb) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    gr->reason = GH_REASON_OK;

    ngx_memzero(&values, sizeof(gh_page_values_t));
    values.link = ngx_http_gatehouse_gh(url);
    values.form = form;

    return ngx_http_gatehouse_send_page(gr, GH_PAGE_FORM_RESUME, &values,
                                        cb->login.origin);
}
