/*
 * Station forward: the service behind learns who is calling, gets the
 * request's id, and does not get our credentials unless the location says so.
 * A header that goes away gives its slot to one that comes.
 */

#include "ngx_http_gatehouse.h"
#include "ngx_http_gatehouse_assertion.h"
#include "ngx_http_gatehouse_forward.h"
#include "ngx_http_gatehouse_handover.h"

#define NGX_HTTP_GATEHOUSE_SLOTS 8
#define NGX_HTTP_GATEHOUSE_VALUES_ROOM 512


/* Headers that go away, and where values are written. */
typedef struct {
    ngx_http_request_t *r;
    ngx_http_gatehouse_request_t *gr;
    ngx_http_gatehouse_loc_conf_t *glcf;
    ngx_table_elt_t *slots[NGX_HTTP_GATEHOUSE_SLOTS];
    ngx_uint_t n_slots;
    ngx_uint_t left; /* dropped beyond the slots */
    gh_buf_t values;
} ngx_http_gatehouse_forward_t;


static void ngx_http_gatehouse_forward_take(ngx_http_gatehouse_forward_t *f);
static ngx_uint_t ngx_http_gatehouse_forward_goes(
    ngx_http_gatehouse_forward_t *f, ngx_table_elt_t *h);
static ngx_int_t ngx_http_gatehouse_forward_principal(
    ngx_http_gatehouse_forward_t *f);
static ngx_int_t ngx_http_gatehouse_forward_known(
    ngx_http_gatehouse_forward_t *f, ngx_http_gatehouse_sent_t *sent);
static ngx_table_elt_t *ngx_http_gatehouse_forward_place(
    ngx_http_gatehouse_forward_t *f);
static ngx_int_t ngx_http_gatehouse_forward_add(
    ngx_http_gatehouse_forward_t *f, ngx_http_gatehouse_header_t *header,
    ngx_str_t *value);
static ngx_int_t ngx_http_gatehouse_forward_value(
    ngx_http_gatehouse_forward_t *f, ngx_http_gatehouse_header_t *header,
    ngx_str_t *value);
static ngx_int_t ngx_http_gatehouse_forward_empty(void *data,
                                                  ngx_table_elt_t *h);
static ngx_int_t ngx_http_gatehouse_forward_token(
    ngx_http_gatehouse_forward_t *f);
static ngx_int_t ngx_http_gatehouse_forward_assertion(
    ngx_http_gatehouse_forward_t *f);


ngx_int_t
ngx_http_gatehouse_forward(ngx_http_gatehouse_request_t *gr)
{
    ngx_str_t value;
    ngx_http_gatehouse_forward_t f = { 0 };

    f.r = gr->request;
    f.gr = gr;
    f.glcf = ngx_http_get_module_loc_conf(f.r, ngx_http_gatehouse_module);

    if (ngx_http_gatehouse_cookies_forward(gr) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_gatehouse_forward_take(&f);

    if (ngx_http_gatehouse_forward_add(&f, &f.glcf->request_id_out,
                                       &gr->request_id)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    value.data = gr->traceparent;
    value.len = GH_TRACEPARENT_LEN;

    if (ngx_http_gatehouse_forward_add(&f, &gr->gmcf->trace_header, &value)
            != NGX_OK
        || ngx_http_gatehouse_forward_principal(&f) != NGX_OK
        || ngx_http_gatehouse_forward_token(&f) != NGX_OK
        || ngx_http_gatehouse_forward_assertion(&f) != NGX_OK
        || ngx_http_gatehouse_forward_query(gr) != NGX_OK
        || ngx_http_gatehouse_forward_strip(gr) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_gatehouse_forward_variables(gr);

    if (f.n_slots == 0 && f.left == 0) {
        return NGX_OK;
    }

    while (f.n_slots > 0) {
        f.slots[--f.n_slots]->key.len = 0;
    }

    if (ngx_http_gatehouse_headers_drop(f.r, ngx_http_gatehouse_forward_empty,
                                        NULL)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_gatehouse_forward_empty(void *data, ngx_table_elt_t *h)
{
    return h->key.len == 0;
}


/* Collects the headers that must not reach the service. */

static void
ngx_http_gatehouse_forward_take(ngx_http_gatehouse_forward_t *f)
{
    ngx_uint_t i;
    ngx_list_part_t *part;
    ngx_table_elt_t *h;

    for (part = &f->r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (!ngx_http_gatehouse_forward_goes(f, &h[i])) {
                continue;
            }

            ngx_http_gatehouse_headers_forget(f->r, &h[i]);

            if (f->n_slots < NGX_HTTP_GATEHOUSE_SLOTS) {
                f->slots[f->n_slots++] = &h[i];

            } else {
                h[i].key.len = 0;
                f->left++;
            }
        }
    }
}


static ngx_uint_t
ngx_http_gatehouse_forward_goes(ngx_http_gatehouse_forward_t *f,
                                ngx_table_elt_t *h)
{
    ngx_http_gatehouse_loc_conf_t *glcf;
    ngx_http_gatehouse_authenticate_t *auth;

    glcf = f->glcf;
    auth = glcf->authenticate;

    switch (h->key.len) {

    case sizeof("traceparent") - 1:
        if (ngx_http_gatehouse_header_called(h, "traceparent")) {
            return 1;
        }
        break;

    case sizeof("tracestate") - 1:
        /* vendors' state of a trace that is not ours to continue */
        if (!f->gr->trace_continued
            && ngx_http_gatehouse_header_called(h, "tracestate"))
        {
            return 1;
        }
        break;

    case sizeof("Signature") - 1:
    case sizeof("Signature-Input") - 1:
        if (auth != NULL && auth->signature && !glcf->forward_credentials
            && (ngx_http_gatehouse_header_called(h, "signature")
                || ngx_http_gatehouse_header_called(h, "signature-input")))
        {
            return 1;
        }
        break;

    case sizeof("Authorization") - 1:
        if (!ngx_http_gatehouse_header_called(h, "authorization")) {
            break;
        }

        if (glcf->forward_token != NGX_HTTP_GATEHOUSE_HANDOVER_NONE) {
            /* what the service finds there is from us, or nothing */
            return 1;
        }

        if (auth != NULL && auth->n_issuers != 0 && !glcf->forward_credentials
            && ngx_http_gatehouse_bearer(&h->value))
        {
            return 1;
        }
        break;

    case sizeof("Cookie") - 1:
        /* it held nothing but our own */
        if (h->value.len == 0 && ngx_http_gatehouse_header_called(h, "cookie"))
        {
            return 1;
        }
        break;

    default:
        break;
    }

    if (h->key.len == glcf->request_id_header.len
        && ngx_strncasecmp(h->key.data, glcf->request_id_header.data,
                           h->key.len)
               == 0)
    {
        return 1;
    }

    return auth != NULL && auth->api_key && !glcf->forward_credentials
           && ngx_http_gatehouse_header_is(h, &glcf->api_key_in);
}


static ngx_int_t
ngx_http_gatehouse_forward_principal(ngx_http_gatehouse_forward_t *f)
{
    ngx_int_t rc;
    ngx_str_t value;
    ngx_uint_t i, anonymous;
    ngx_http_gatehouse_sent_t *sent;
    ngx_http_gatehouse_known_t *known;
    ngx_http_gatehouse_header_t *header;

    anonymous = (f->gr->principal.type == GH_PRINCIPAL_ANONYMOUS);

    if (f->glcf->headers == NULL
        || (anonymous
            && (f->glcf->authenticate == NULL || f->glcf->authenticate->off)))
    {
        return NGX_OK;
    }

    known = ngx_http_gatehouse_known(f->gr);
    sent = known ? ngx_http_gatehouse_known_headers(known, f->glcf->headers)
                 : NULL;

    if (sent != NULL) {
        return ngx_http_gatehouse_forward_known(f, sent);
    }

    header = f->glcf->headers->elts;

    for (i = 0; i < f->glcf->headers->nelts; i++) {

        if (anonymous && header[i].part != GH_PART_ANONYMOUS) {
            continue;
        }

        rc = ngx_http_gatehouse_forward_value(f, &header[i], &value);

        if (rc == NGX_DECLINED) {
            continue;
        }

        if (rc != NGX_OK
            || ngx_http_gatehouse_forward_add(f, &header[i], &value) != NGX_OK)
        {
            return NGX_ERROR;
        }

        f->gr->n_forwarded++;
    }

    return NGX_OK;
}


/* Slots first; what is left goes behind the list's last in one piece, if its
 * part has the room. */

static ngx_int_t
ngx_http_gatehouse_forward_known(ngx_http_gatehouse_forward_t *f,
                                 ngx_http_gatehouse_sent_t *sent)
{
    ngx_uint_t i, n;
    ngx_list_t *headers;
    ngx_table_elt_t *h;

    for (i = 0; i < sent->n && f->n_slots > 0; i++) {
        *f->slots[--f->n_slots] = sent->elts[i];
    }

    headers = &f->r->headers_in.headers;
    n = sent->n - i;

    if (headers->last->nelts + n <= headers->nalloc) {
        h = headers->last->elts;
        ngx_memcpy(&h[headers->last->nelts], &sent->elts[i],
                   n * sizeof(ngx_table_elt_t));
        headers->last->nelts += n;
        i = sent->n;
    }

    for (/* void */; i < sent->n; i++) {

        h = ngx_list_push(headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = sent->elts[i];
    }

    f->gr->n_forwarded += sent->n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_gatehouse_forward_value(ngx_http_gatehouse_forward_t *f,
                                 ngx_http_gatehouse_header_t *header,
                                 ngx_str_t *value)
{
    size_t before, room;
    gh_rc_t rc;

    for (room = NGX_HTTP_GATEHOUSE_VALUES_ROOM;
         room <= NGX_HTTP_GATEHOUSE_VALUE_MAX * 2;
         room = NGX_HTTP_GATEHOUSE_VALUE_MAX * 2)
    {
        if (f->values.data == NULL) {
            f->values.data = ngx_pnalloc(f->r->pool, room);
            if (f->values.data == NULL) {
                return NGX_ERROR;
            }

            f->values.len = 0;
            f->values.cap = room;
        }

        before = f->values.len;
        rc = (header->claim.len != 0)
                 ? gh_principal_claim(&f->gr->principal, header->claim,
                                      &f->values)
                 : gh_principal_part(&f->gr->principal, header->part,
                                     &f->values);

        if (rc == GH_ABSENT) {
            return NGX_DECLINED;
        }

        if (rc == GH_OK) {
            value->data = (u_char *) f->values.data + before;
            value->len = f->values.len - before;
            return NGX_OK;
        }

        if (rc != GH_TOO_LONG
            || f->values.cap == NGX_HTTP_GATEHOUSE_VALUE_MAX * 2) {
            return NGX_ERROR;
        }

        f->values.data = NULL;
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_gatehouse_forward_token(ngx_http_gatehouse_forward_t *f)
{
    ngx_int_t rc;
    ngx_str_t value;

    if (f->glcf->forward_token == NGX_HTTP_GATEHOUSE_HANDOVER_NONE) {
        return NGX_OK;
    }

    rc = ngx_http_gatehouse_handover(f->gr, f->glcf->forward_token, &value);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    f->gr->token_forwarded = 1;
    f->gr->n_forwarded++;

    return ngx_http_gatehouse_forward_add(f, &f->gr->gmcf->token_header,
                                          &value);
}


static ngx_int_t
ngx_http_gatehouse_forward_assertion(ngx_http_gatehouse_forward_t *f)
{
    ngx_int_t rc;
    ngx_str_t value;

    if (f->glcf->assertion == NULL) {
        return NGX_OK;
    }

    rc = ngx_http_gatehouse_assertion(f->gr, f->glcf->assertion, &value);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    f->gr->n_forwarded++;

    return ngx_http_gatehouse_forward_add(f, &f->gr->gmcf->assertion_header,
                                          &value);
}


static ngx_int_t
ngx_http_gatehouse_forward_add(ngx_http_gatehouse_forward_t *f,
                               ngx_http_gatehouse_header_t *header,
                               ngx_str_t *value)
{
    ngx_table_elt_t *h;

    h = ngx_http_gatehouse_forward_place(f);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = header->hash;
    h->key = header->name;
    h->lowcase_key = header->lowcase;
    h->value = *value;

    return NGX_OK;
}


static ngx_table_elt_t *
ngx_http_gatehouse_forward_place(ngx_http_gatehouse_forward_t *f)
{
    return (f->n_slots > 0) ? f->slots[--f->n_slots]
                            : ngx_list_push(&f->r->headers_in.headers);
}
