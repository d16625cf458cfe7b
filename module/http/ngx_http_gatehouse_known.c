/*
 * Principals that a worker remembers, and what every request of one would
 * make anew: its strings, the hash of its id, the headers that locations
 * send. Who remembers one says for how long it is right; requests that use it
 * keep it until they end, and with it whatever its claims belong to.
 */

#include "ngx_http_gatehouse.h"


static ngx_int_t ngx_http_gatehouse_known_copy(ngx_pool_t *pool,
                                               const gh_principal_t *from,
                                               gh_principal_t *to);
static ngx_int_t ngx_http_gatehouse_known_strings(ngx_pool_t *pool,
                                                  const gh_str_t **list,
                                                  size_t n);
static ngx_int_t ngx_http_gatehouse_known_string(ngx_pool_t *pool,
                                                 gh_str_t *s);
static ngx_int_t ngx_http_gatehouse_known_render(
    ngx_http_gatehouse_known_t *known, ngx_http_gatehouse_sent_t *sent);


ngx_http_gatehouse_known_t *
ngx_http_gatehouse_known_create(ngx_http_gatehouse_main_conf_t *gmcf,
                                const gh_principal_t *principal)
{
    ngx_pool_t *pool;
    ngx_http_gatehouse_known_t *known;

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    known = ngx_pcalloc(pool, sizeof(ngx_http_gatehouse_known_t));

    if (known == NULL
        || ngx_http_gatehouse_known_copy(pool, principal, &known->principal)
               != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    known->pool = pool;
    known->refs = 1;
    known->subject = gh_siphash(&gmcf->shm->sip, known->principal.id);

    return known;
}


static ngx_int_t
ngx_http_gatehouse_known_copy(ngx_pool_t *pool, const gh_principal_t *from,
                              gh_principal_t *to)
{
    *to = *from;

    if (ngx_http_gatehouse_known_string(pool, &to->id) != NGX_OK
        || ngx_http_gatehouse_known_string(pool, &to->name) != NGX_OK
        || ngx_http_gatehouse_known_string(pool, &to->email) != NGX_OK
        || ngx_http_gatehouse_known_string(pool, &to->issuer) != NGX_OK
        || ngx_http_gatehouse_known_string(pool, &to->consumer) != NGX_OK
        || ngx_http_gatehouse_known_string(pool, &to->credential) != NGX_OK
        || ngx_http_gatehouse_known_strings(pool, &to->groups, to->n_groups)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_gatehouse_known_strings(pool, &to->scopes, to->n_scopes);
}


static ngx_int_t
ngx_http_gatehouse_known_strings(ngx_pool_t *pool, const gh_str_t **list,
                                 size_t n)
{
    size_t i;
    gh_str_t *copy;

    if (n == 0) {
        return NGX_OK;
    }

    copy = ngx_palloc(pool, n * sizeof(gh_str_t));
    if (copy == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        copy[i] = (*list)[i];

        if (ngx_http_gatehouse_known_string(pool, &copy[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    *list = copy;

    return NGX_OK;
}


static ngx_int_t
ngx_http_gatehouse_known_string(ngx_pool_t *pool, gh_str_t *s)
{
    u_char *copy;

    if (s->len == 0) {
        return NGX_OK;
    }

    copy = ngx_pnalloc(pool, s->len);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy, s->data, s->len);
    s->data = (const char *) copy;

    return NGX_OK;
}


/* The request acts for it; consumer, of the request's image, may be NULL. */

void
ngx_http_gatehouse_known_use(ngx_http_gatehouse_request_t *gr,
                             ngx_http_gatehouse_known_t *known,
                             const gh_image_consumer_t *consumer)
{
    if (gr->known != known) {

        if (gr->known != NULL) {
            ngx_http_gatehouse_known_release(gr->known);
        }

        known->refs++;
        gr->known = known;
    }

    gr->principal = known->principal;
    gr->consumer = consumer;
}


void
ngx_http_gatehouse_known_release(ngx_http_gatehouse_known_t *known)
{
    if (--known->refs == 0) {
        ngx_destroy_pool(known->pool);
    }
}


/* What is remembered of the principal that the request acts for now. */

ngx_http_gatehouse_known_t *
ngx_http_gatehouse_known(ngx_http_gatehouse_request_t *gr)
{
    return (gr->known != NULL
            && gr->known->principal.id.data == gr->principal.id.data)
               ? gr->known
               : NULL;
}


/* NULL: they cannot be remembered. */

ngx_http_gatehouse_sent_t *
ngx_http_gatehouse_known_headers(ngx_http_gatehouse_known_t *known,
                                 ngx_array_t *headers)
{
    ngx_uint_t i;
    ngx_http_gatehouse_sent_t *sent;

    for (i = 0; i < known->n_sent; i++) {
        sent = &known->sent[i];

        if (sent->headers == headers) {
            return sent->elts ? sent : NULL;
        }
    }

    if (known->n_sent == NGX_HTTP_GATEHOUSE_SENT) {
        return NULL;
    }

    /* tried once: it would fail again */

    sent = &known->sent[known->n_sent++];
    sent->headers = headers;

    return (ngx_http_gatehouse_known_render(known, sent) == NGX_OK) ? sent
                                                                    : NULL;
}


static ngx_int_t
ngx_http_gatehouse_known_render(ngx_http_gatehouse_known_t *known,
                                ngx_http_gatehouse_sent_t *sent)
{
    char room[NGX_HTTP_GATEHOUSE_VALUE_MAX];
    gh_rc_t rc;
    gh_str_t value;
    gh_buf_t out = GH_BUF(room);
    ngx_uint_t i;
    ngx_table_elt_t *h, *first;
    ngx_http_gatehouse_header_t *header;

    header = sent->headers->elts;

    first = ngx_pcalloc(known->pool,
                        (sent->headers->nelts + 1) * sizeof(ngx_table_elt_t));
    if (first == NULL) {
        return NGX_ERROR;
    }

    h = first;

    for (i = 0; i < sent->headers->nelts; i++) {

        out.len = 0;
        rc = header[i].claim.len
                 ? gh_principal_claim(&known->principal, header[i].claim, &out)
                 : gh_principal_part(&known->principal, header[i].part, &out);

        if (rc == GH_ABSENT) {
            continue;
        }

        value = gh_buf_str(&out);

        if (rc != GH_OK
            || ngx_http_gatehouse_known_string(known->pool, &value) != NGX_OK)
        {
            return NGX_ERROR;
        }

        h->hash = header[i].hash;
        h->key = header[i].name;
        h->lowcase_key = header[i].lowcase;
        h->value = ngx_http_gatehouse_ngx(value);

        h++;
    }

    sent->n = (ngx_uint_t) (h - first);
    sent->elts = first;

    return NGX_OK;
}
