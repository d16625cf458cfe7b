/*
 * The signed assertion of a principal for the service behind. A signature
 * costs more than all the rest of a request, so what was signed for a
 * principal is sent again within the same second. The keys by which services
 * verify it are served as a page.
 */

#include "ngx_http_gatehouse_assertion.h"
#include "ngx_http_gatehouse_answer.h"
#include "ngx_http_gatehouse_conf.h"

#include <openssl/rand.h>

#define ASSERTED_SLOTS 256
#define ASSERTED_SUBJECT_MAX 1024
#define ASSERTED_TEXT_MAX 2048
#define ASSERTION_JWKS_MAX 16384


struct ngx_http_gatehouse_asserted_s {
    ngx_http_gatehouse_assertion_t *by;
    time_t at_s;
    size_t subject_len, len;
    char subject[ASSERTED_SUBJECT_MAX]; /* compared whole */
    char text[ASSERTED_TEXT_MAX];
};


static ngx_http_gatehouse_asserted_t *assertion_slot(
    ngx_http_gatehouse_main_conf_t *gmcf, gh_str_t subject);
static ngx_int_t assertion_sign(ngx_http_gatehouse_request_t *gr,
                                ngx_http_gatehouse_assertion_t *a,
                                ngx_str_t *value);
static gh_rc_t assertion_jwks(ngx_http_gatehouse_main_conf_t *gmcf,
                              gh_buf_t *out);


ngx_int_t
ngx_http_gatehouse_assertion(ngx_http_gatehouse_request_t *gr,
                             ngx_http_gatehouse_assertion_t *a,
                             ngx_str_t *value)
{
    char room[ASSERTED_SUBJECT_MAX];
    ngx_int_t rc;
    gh_buf_t subject = GH_BUF(room);
    ngx_http_gatehouse_asserted_t *slot;

    if (a->n_keys == 0 || gr->principal.type == GH_PRINCIPAL_ANONYMOUS) {
        return NGX_DECLINED;
    }

    slot = NULL;

    if (gh_assertion_subject(&gr->principal, &subject) == GH_OK) {
        slot = assertion_slot(gr->gmcf, gh_buf_str(&subject));
    }

    if (slot != NULL && slot->by == a && slot->at_s == ngx_time()
        && slot->subject_len == subject.len
        && ngx_memcmp(slot->subject, subject.data, subject.len) == 0)
    {
        value->len = slot->len;
        value->data = ngx_pnalloc(gr->request->pool, slot->len);
        if (value->data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(value->data, slot->text, slot->len);

        return NGX_OK;
    }

    rc = assertion_sign(gr, a, value);

    if (rc == NGX_OK && slot != NULL && value->len <= ASSERTED_TEXT_MAX) {
        slot->by = a;
        slot->at_s = ngx_time();
        slot->subject_len = subject.len;
        slot->len = value->len;
        ngx_memcpy(slot->subject, subject.data, subject.len);
        ngx_memcpy(slot->text, value->data, value->len);
    }

    return rc;
}


static ngx_http_gatehouse_asserted_t *
assertion_slot(ngx_http_gatehouse_main_conf_t *gmcf, gh_str_t subject)
{
    if (gmcf->asserted == NULL) {
        gmcf->asserted = ngx_pcalloc(
            ngx_cycle->pool,
            ASSERTED_SLOTS * sizeof(ngx_http_gatehouse_asserted_t));
    }

    return gmcf->asserted ? &gmcf->asserted[gh_siphash(&gmcf->sip, subject)
                                            % ASSERTED_SLOTS]
                          : NULL;
}


static ngx_int_t
assertion_sign(ngx_http_gatehouse_request_t *gr,
               ngx_http_gatehouse_assertion_t *a, ngx_str_t *value)
{
    char room[GH_ASSERTION_MAX];
    gh_rc_t rc;
    uint8_t jti[16];
    gh_buf_t out = GH_BUF(room);

    if (RAND_bytes(jti, sizeof(jti)) != 1) {
        return NGX_ERROR;
    }

    rc = gh_assertion_build(&a->signer, &gr->principal, jti, ngx_time(), &out);

    if (rc != GH_OK) {
        ngx_log_error(NGX_LOG_ERR, gr->request->connection->log, 0,
                      "gatehouse: the assertion of a principal could not be "
                      "signed (%s); the request is refused",
                      rc == GH_TOO_LONG ? "it is too long" : "by OpenSSL");
        return (rc == GH_ABSENT) ? NGX_DECLINED : NGX_ERROR;
    }

    value->len = out.len;
    value->data = ngx_pnalloc(gr->request->pool, out.len);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(value->data, out.data, out.len);

    return NGX_OK;
}


ngx_int_t
ngx_http_gatehouse_assertion_jwks_handler(ngx_http_request_t *r)
{
    gh_buf_t out;
    ngx_int_t rc;
    ngx_str_t age;
    ngx_http_gatehouse_main_conf_t *gmcf;

    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    gmcf = ngx_http_get_module_main_conf(r, ngx_http_gatehouse_module);

    out.len = 0;
    out.cap = ASSERTION_JWKS_MAX;
    out.data = ngx_pnalloc(r->pool, out.cap);

    if (out.data == NULL || assertion_jwks(gmcf, &out) != GH_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = (off_t) out.len;
    ngx_str_set(&r->headers_out.content_type, "application/jwk-set+json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    ngx_str_set(&age, "public, max-age=60");

    if (ngx_http_gatehouse_answer_add(r, "Cache-Control", 13, &age) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_gatehouse_answer_body(r, gh_buf_str(&out));
}


/* Keys of all locations, each once. */

static gh_rc_t
assertion_jwks(ngx_http_gatehouse_main_conf_t *gmcf, gh_buf_t *out)
{
    size_t n, k;
    ngx_uint_t i, j;
    gh_assertion_key_t keys[GH_ASSERTION_KEYS_MAX];
    ngx_http_gatehouse_assertion_t **a;

    n = 0;
    a = gmcf->assertions ? gmcf->assertions->elts : NULL;

    for (i = 0; a != NULL && i < gmcf->assertions->nelts; i++) {
        for (j = 0; j < a[i]->n_keys; j++) {

            for (k = 0; k < n; k++) {
                if (gh_str_eq(keys[k].kid, a[i]->keys[j].kid)) {
                    break;
                }
            }

            if (k == n && n < GH_ASSERTION_KEYS_MAX) {
                keys[n++] = a[i]->keys[j];
            }
        }
    }

    return (n == 0) ? gh_buf_add(out, GH_STR("{\"keys\":[]}\n"))
                    : gh_assertion_jwks(keys, n, out);
}
