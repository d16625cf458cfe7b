/*
 * The sticky cookie: a random name for a browser, signed, so that a client
 * cannot pick its deployment; it says nothing and opens nothing.
 */

#include "ngx_http_gatehouse.h"

#include <openssl/rand.h>

#define NGX_HTTP_GATEHOUSE_STICKY_ID 22 /* base64url of 16 bytes */
#define NGX_HTTP_GATEHOUSE_STICKY_LEN (22 + 1 + 22)


static ngx_uint_t ngx_http_gatehouse_sticky_good(
    ngx_http_gatehouse_main_conf_t *gmcf, gh_str_t text);
static ngx_int_t ngx_http_gatehouse_sticky_sign(gh_secret_t *secret,
                                                unsigned i, gh_str_t id,
                                                gh_buf_t *out);


/* NGX_OK: *key is the cookie's id, a new one when the request had none (then
 * the answer sets it). NGX_ERROR: no random numbers or memory. */

ngx_int_t
ngx_http_gatehouse_sticky_cookie(ngx_http_gatehouse_request_t *gr,
                                 gh_str_t *key)
{
    gh_buf_t out;
    gh_str_t id, sent;
    ngx_str_t value, name;
    uint8_t random[16];
    ngx_http_request_t *r;

    r = gr->request;
    ngx_str_set(&name, NGX_HTTP_GATEHOUSE_STICKY_NAME);

    if (ngx_http_gatehouse_cookie(r, &name, &value) == 1) {

        sent = ngx_http_gatehouse_gh(value);

        if (ngx_http_gatehouse_sticky_good(gr->gmcf, sent)) {
            key->data = sent.data;
            key->len = NGX_HTTP_GATEHOUSE_STICKY_ID;
            return NGX_OK;
        }
    }

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }

    out.cap = NGX_HTTP_GATEHOUSE_STICKY_LEN;
    out.len = 0;
    out.data = ngx_pnalloc(r->pool, out.cap);
    if (out.data == NULL) {
        return NGX_ERROR;
    }

    id.data = (const char *) random;
    id.len = sizeof(random);

    if (gh_base64url_encode(id, &out) != GH_OK) {
        return NGX_ERROR;
    }

    id = gh_buf_str(&out);

    if (gh_buf_add_char(&out, '.') != GH_OK
        || ngx_http_gatehouse_sticky_sign(gr->gmcf->secret, 0, id, &out)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    gr->sticky_cookie = ngx_http_gatehouse_ngx(gh_buf_str(&out));
    *key = id;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_gatehouse_sticky_good(ngx_http_gatehouse_main_conf_t *gmcf,
                               gh_str_t text)
{
    char mac[NGX_HTTP_GATEHOUSE_STICKY_ID];
    gh_buf_t out;
    gh_str_t id;
    unsigned i;

    if (text.len != NGX_HTTP_GATEHOUSE_STICKY_LEN
        || text.data[NGX_HTTP_GATEHOUSE_STICKY_ID] != '.')
    {
        return 0;
    }

    id.data = text.data;
    id.len = NGX_HTTP_GATEHOUSE_STICKY_ID;

    for (i = 0; i < gmcf->secret->n; i++) {

        out.data = mac;
        out.len = 0;
        out.cap = sizeof(mac);

        if (ngx_http_gatehouse_sticky_sign(gmcf->secret, i, id, &out) == NGX_OK
            && gh_equal_secret(mac, text.data + id.len + 1, sizeof(mac)))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_gatehouse_sticky_sign(gh_secret_t *secret, unsigned i, gh_str_t id,
                               gh_buf_t *out)
{
    gh_str_t half;
    uint8_t mac[GH_SHA256_LEN];

    if (gh_secret_mac(secret, i, GH_PURPOSE_STICKY, id, mac) != GH_OK) {
        return NGX_ERROR;
    }

    half.data = (const char *) mac;
    half.len = 16;

    return (gh_base64url_encode(half, out) == GH_OK) ? NGX_OK : NGX_ERROR;
}
