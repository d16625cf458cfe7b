/*
 * A principal that is a registered consumer: its names and memberships from
 * the policy image, and whether the store says that it is suspended.
 */

#include "ngx_http_gatehouse.h"


static gh_rc_t ngx_http_gatehouse_strings(ngx_http_gatehouse_request_t *gr,
                                          gh_span_t span, const gh_str_t **out,
                                          size_t *n);


gh_rc_t
ngx_http_gatehouse_lookup(ngx_http_gatehouse_request_t *gr, gh_kind_t kind,
                          gh_str_t name, gh_str_t *value, uint64_t *stamp)
{
    gr->record_waiter.handler = ngx_http_gatehouse_wake;
    gr->record_waiter.data = gr;

    return ngx_gatehouse_records_get(gr->gmcf->records, kind, name, value,
                                     stamp, &gr->record_waiter);
}


/* A store that could not be asked: waiting, or 503. Never a guess. */

ngx_int_t
ngx_http_gatehouse_not_asked(ngx_http_gatehouse_request_t *gr, gh_rc_t rc)
{
    if (rc == GH_AGAIN) {
        return NGX_AGAIN;
    }

    return ngx_http_gatehouse_refuse(gr, (rc == GH_NOMEM)
                                             ? GH_REASON_INTERNAL
                                             : GH_REASON_STORE_UNAVAILABLE);
}


/* GH_AGAIN, GH_UNAVAILABLE, GH_NOMEM as said. */

gh_rc_t
ngx_http_gatehouse_consumer_stands(ngx_http_gatehouse_request_t *gr,
                                   const gh_image_consumer_t *consumer)
{
    gh_rc_t rc;
    gh_str_t record;

    rc = ngx_http_gatehouse_lookup(
        gr, GH_KIND_SUSPENDED, gh_image_str(&gr->image->im, consumer->name),
        &record, NULL);

    return (rc == GH_OK) ? GH_DENIED : (rc == GH_ABSENT) ? GH_OK : rc;
}


gh_rc_t
ngx_http_gatehouse_be_consumer(ngx_http_gatehouse_request_t *gr,
                               const gh_image_consumer_t *consumer)
{
    gh_rc_t rc;
    u_char *id;
    gh_str_t name;
    gh_principal_t *p;
    const gh_image_t *im;

    im = &gr->image->im;
    name = gh_image_str(im, consumer->name);

    rc = ngx_http_gatehouse_consumer_stands(gr, consumer);
    if (rc != GH_OK) {
        return rc;
    }

    gr->consumer = consumer;

    p = &gr->principal;

    p->type = GH_PRINCIPAL_CONSUMER;
    p->consumer = name;
    p->name = gh_image_str(im, consumer->display_name);
    p->email = gh_image_str(im, consumer->email);

    id = ngx_pnalloc(gr->request->pool, sizeof("consumer:") - 1 + name.len);
    if (id == NULL) {
        return GH_NOMEM;
    }

    p->id.data = (char *) id;
    p->id.len = sizeof("consumer:") - 1 + name.len;

    id = ngx_cpymem(id, "consumer:", sizeof("consumer:") - 1);
    ngx_memcpy(id, name.data, name.len);

    rc = ngx_http_gatehouse_strings(gr, consumer->groups, &p->groups,
                                    &p->n_groups);
    if (rc != GH_OK) {
        return rc;
    }

    return ngx_http_gatehouse_strings(gr, consumer->scopes, &p->scopes,
                                      &p->n_scopes);
}


/* References of the image as strings; the image is held for the request. */

static gh_rc_t
ngx_http_gatehouse_strings(ngx_http_gatehouse_request_t *gr, gh_span_t span,
                           const gh_str_t **out, size_t *n)
{
    uint32_t i;
    gh_str_t *list;
    const gh_ref_t *refs;

    *out = NULL;
    *n = span.n;

    if (span.n == 0) {
        return GH_OK;
    }

    list = ngx_palloc(gr->request->pool, span.n * sizeof(gh_str_t));
    if (list == NULL) {
        *n = 0;
        return GH_NOMEM;
    }

    refs = gh_image_at(&gr->image->im, span);

    for (i = 0; i < span.n; i++) {
        list[i] = gh_image_str(&gr->image->im, refs[i]);
    }

    *out = list;

    return GH_OK;
}
