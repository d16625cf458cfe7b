/*
 * Whether a request that was let in would be let in now: its credential by
 * the clock and the store, its consumer and the rules by the policies that
 * are in force. What cannot be asked stands until the next look.
 */

#include "ngx_http_gatehouse.h"


static gh_rc_t ngx_http_gatehouse_stands_key(ngx_http_gatehouse_request_t *gr,
                                             ngx_gatehouse_image_t *image);
static gh_rc_t ngx_http_gatehouse_stands_unless(
    ngx_http_gatehouse_request_t *gr, gh_kind_t kind, gh_str_t name);
static gh_rc_t ngx_http_gatehouse_stands_policies(
    ngx_http_gatehouse_request_t *gr, const gh_image_t *im);
static const gh_image_consumer_t *ngx_http_gatehouse_stands_consumer(
    ngx_http_gatehouse_request_t *gr, const gh_image_t *im);
static gh_rc_t ngx_http_gatehouse_stands_principal(
    ngx_http_gatehouse_request_t *gr, const gh_image_t *im,
    const gh_image_consumer_t *consumer, ngx_pool_t *pool, gh_principal_t *p);
static gh_str_t *ngx_http_gatehouse_stands_names(const gh_image_t *im,
                                                 gh_span_t span,
                                                 gh_str_t *out);
static gh_rc_t ngx_http_gatehouse_stands_rules(
    ngx_http_gatehouse_request_t *gr, const gh_image_t *im,
    const gh_image_consumer_t *consumer, const gh_principal_t *p);
static ngx_uint_t ngx_http_gatehouse_stands_signature(
    ngx_http_gatehouse_request_t *gr, const gh_image_t *im);


gh_rc_t
ngx_http_gatehouse_stands(ngx_http_gatehouse_request_t *gr)
{
    gh_rc_t rc;
    gh_reason_t reason;
    ngx_gatehouse_image_t *image;

    if (gr->token != NULL
        && gh_jwt_recheck(gr->token->claims, &gr->token->issuer->policy,
                          ngx_time(), &reason)
               != GH_OK)
    {
        return GH_DENIED;
    }

    if (gr->session != NULL && gr->principal.method == GH_METHOD_OIDC) {

        rc = ngx_http_gatehouse_session_stands(gr);

        if (rc != GH_OK) {
            return rc;
        }
    }

    image = (gr->gmcf->policies != NULL)
                ? ngx_gatehouse_policies_current(gr->gmcf->policies)
                : NULL;

    if (gr->principal.method == GH_METHOD_API_KEY) {

        rc = ngx_http_gatehouse_stands_key(gr, image);

        if (rc != GH_OK) {
            return rc;
        }
    }

    if (gr->principal.method == GH_METHOD_SIGNATURE && image != NULL
        && !ngx_http_gatehouse_stands_signature(gr, &image->im))
    {
        return GH_DENIED;
    }

    if (gr->principal.consumer.len != 0) {

        rc = ngx_http_gatehouse_stands_unless(gr, GH_KIND_SUSPENDED,
                                              gr->principal.consumer);
        if (rc != GH_OK) {
            return rc;
        }
    }

    return (image == NULL)
               ? GH_OK
               : ngx_http_gatehouse_stands_policies(gr, &image->im);
}


/* The key is still that consumer's. */

static ngx_uint_t
ngx_http_gatehouse_stands_signature(ngx_http_gatehouse_request_t *gr,
                                    const gh_image_t *im)
{
    const gh_image_consumer_t *consumer;
    const gh_image_signature_t *key;

    key = gh_image_signature(im, gr->principal.credential);

    if (key == NULL) {
        return 0;
    }

    consumer = gh_image_consumer_at(im, key->consumer);

    return gh_str_eq(gh_image_str(im, consumer->name), gr->principal.consumer);
}


static gh_rc_t
ngx_http_gatehouse_stands_key(ngx_http_gatehouse_request_t *gr,
                              ngx_gatehouse_image_t *image)
{
    void *doc;
    gh_rc_t rc;
    gh_str_t record;
    gh_store_key_t key;
    const gh_image_key_t *declared;
    const gh_image_consumer_t *consumer;

    rc = ngx_gatehouse_records_get(gr->gmcf->records, GH_KIND_KEY,
                                   gr->principal.credential, &record, NULL,
                                   &gr->stream_waiter);

    if (rc == GH_OK) {

        if (gh_store_key_decode(record, &key, &doc) != GH_OK) {
            return GH_OK;
        }

        rc = ((key.revoked_at_s == 0 || key.revoked_at_s > ngx_time())
              && (key.expires_at_s == 0 || key.expires_at_s > ngx_time()))
                 ? GH_OK
                 : GH_DENIED;

        gh_store_doc_free(doc);

        return rc;
    }

    if (rc != GH_ABSENT) {
        return (rc == GH_AGAIN) ? GH_AGAIN : GH_OK;
    }

    rc = ngx_http_gatehouse_stands_unless(gr, GH_KIND_REVOKED,
                                          gr->principal.credential);
    if (rc != GH_OK || image == NULL) {
        return rc;
    }

    declared = gh_image_key_by_id(&image->im, gr->principal.credential);

    if (declared == NULL
        || (declared->expires_at_s != 0
            && declared->expires_at_s <= ngx_time()))
    {
        return GH_DENIED;
    }

    consumer = gh_image_consumer_at(&image->im, declared->consumer);

    return gh_str_eq(gh_image_str(&image->im, consumer->name),
                     gr->principal.consumer)
               ? GH_OK
               : GH_DENIED;
}


/* GH_DENIED: there is such a record. */

static gh_rc_t
ngx_http_gatehouse_stands_unless(ngx_http_gatehouse_request_t *gr,
                                 gh_kind_t kind, gh_str_t name)
{
    gh_rc_t rc;
    gh_str_t record;

    rc = ngx_gatehouse_records_get(gr->gmcf->records, kind, name, &record,
                                   NULL, &gr->stream_waiter);

    return (rc == GH_OK) ? GH_DENIED : (rc == GH_AGAIN) ? GH_AGAIN : GH_OK;
}


static gh_rc_t
ngx_http_gatehouse_stands_policies(ngx_http_gatehouse_request_t *gr,
                                   const gh_image_t *im)
{
    gh_rc_t rc;
    ngx_pool_t *pool;
    gh_principal_t p;
    const gh_image_consumer_t *consumer;

    /* one who is somebody else by now has to come again */

    consumer = ngx_http_gatehouse_stands_consumer(gr, im);

    if (!gh_str_eq(
            (consumer != NULL) ? gh_image_str(im, consumer->name) : GH_STR(""),
            gr->principal.consumer))
    {
        return GH_DENIED;
    }

    pool = ngx_create_pool(1024, gr->request->connection->log);
    if (pool == NULL) {
        return GH_OK;
    }

    rc = ngx_http_gatehouse_stands_principal(gr, im, consumer, pool, &p);

    if (rc == GH_OK) {
        rc = ngx_http_gatehouse_stands_rules(gr, im, consumer, &p);
    }

    ngx_destroy_pool(pool);

    return (rc == GH_DENIED) ? GH_DENIED : GH_OK;
}


static const gh_image_consumer_t *
ngx_http_gatehouse_stands_consumer(ngx_http_gatehouse_request_t *gr,
                                   const gh_image_t *im)
{
    const gh_image_token_t *binding;

    if (gr->token == NULL) {
        return gh_image_consumer(im, gr->principal.consumer);
    }

    binding = gh_image_token(
        im, ngx_http_gatehouse_gh(gr->token->issuer->name), gr->token->claims);

    return (binding != NULL) ? gh_image_consumer_at(im, binding->consumer)
                             : NULL;
}


/* The same caller with the memberships that its consumer has now. */

static gh_rc_t
ngx_http_gatehouse_stands_principal(ngx_http_gatehouse_request_t *gr,
                                    const gh_image_t *im,
                                    const gh_image_consumer_t *consumer,
                                    ngx_pool_t *pool, gh_principal_t *p)
{
    size_t n;
    gh_str_t *groups, *scopes, *end;

    *p = gr->principal;

    if (consumer == NULL) {
        return GH_OK;
    }

    n = consumer->groups.n;

    if (gr->token != NULL) {
        n += gr->token->principal.n_groups;
    }

    groups = ngx_palloc(pool, (n + 1) * sizeof(gh_str_t));
    scopes = ngx_palloc(pool, (consumer->scopes.n + 1) * sizeof(gh_str_t));

    if (groups == NULL || scopes == NULL) {
        return GH_NOMEM;
    }

    end = ngx_http_gatehouse_stands_names(im, consumer->groups, groups);

    if (n > consumer->groups.n) {
        ngx_memcpy(end, gr->token->principal.groups,
                   (n - consumer->groups.n) * sizeof(gh_str_t));
    }

    p->groups = groups;
    p->n_groups = n;

    if (gr->token == NULL || gr->token->principal.n_scopes == 0) {
        (void) ngx_http_gatehouse_stands_names(im, consumer->scopes, scopes);
        p->scopes = scopes;
        p->n_scopes = consumer->scopes.n;
    }

    return GH_OK;
}


static gh_str_t *
ngx_http_gatehouse_stands_names(const gh_image_t *im, gh_span_t span,
                                gh_str_t *out)
{
    uint32_t i;
    const gh_ref_t *refs;

    refs = gh_image_at(im, span);

    for (i = 0; i < span.n; i++) {
        *out++ = gh_image_str(im, refs[i]);
    }

    return out;
}


/* As stations resolve and authorize would have it. */

static gh_rc_t
ngx_http_gatehouse_stands_rules(ngx_http_gatehouse_request_t *gr,
                                const gh_image_t *im,
                                const gh_image_consumer_t *consumer,
                                const gh_principal_t *p)
{
    gh_subject_t subject;
    const gh_image_plan_t *plan;
    const gh_image_service_t *service;
    const gh_image_version_t *version;
    ngx_http_gatehouse_loc_conf_t *glcf;

    glcf =
        ngx_http_get_module_loc_conf(gr->request, ngx_http_gatehouse_module);

    ngx_memzero(&subject, sizeof(gh_subject_t));
    subject.principal = p;
    subject.http_method = ngx_http_gatehouse_gh(gr->request->method_name);

    if (gr->service == NULL) {
        return gh_reason_admits(gh_rules_admit(glcf->rules, &subject))
                   ? GH_OK
                   : GH_DENIED;
    }

    service =
        gh_image_service(im, gh_image_str(&gr->image->im, gr->service->name));
    version = (service != NULL) ? gh_image_version(
                  im, service, gh_image_str(&gr->image->im, gr->version->name))
                                : NULL;

    if (version == NULL
        || (version->sunset_at_s != 0 && ngx_time() >= version->sunset_at_s))
    {
        return GH_DENIED;
    }

    subject.version = gh_image_str(im, version->name);

    plan = gh_image_plan(
        im, (consumer != NULL && consumer->plan != GH_IMAGE_ABSENT)
                ? consumer->plan
                : im->plan_default);

    return (gh_reason_admits(gh_rules_admit(glcf->rules, &subject))
            && gh_reason_admits(
                gh_rules_require(gh_image_str(im, service->access), &subject))
            && (plan == NULL || gh_image_plan_allows(im, plan, service)))
               ? GH_OK
               : GH_DENIED;
}
