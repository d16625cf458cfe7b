/*
 * A policy image bound to one cycle: upstream names become the cycle's
 * upstreams, deployments get their series of metrics, versions the place
 * where their weights stand. An image that names what this cycle lacks is not
 * taken up by it.
 */

#include "ngx_http_gatehouse.h"


static ngx_int_t ngx_http_gatehouse_bind_service(
    ngx_http_gatehouse_main_conf_t *gmcf, const gh_image_t *im,
    const gh_image_service_t *service, ngx_http_gatehouse_bound_t *bound);
static ngx_int_t ngx_http_gatehouse_bind_version(
    ngx_http_gatehouse_main_conf_t *gmcf, const gh_image_t *im,
    const gh_image_service_t *service, const gh_image_version_t *version,
    ngx_http_gatehouse_bound_t *bound);
static ngx_http_upstream_srv_conf_t *ngx_http_gatehouse_upstream(
    ngx_http_gatehouse_main_conf_t *gmcf, gh_str_t name);


ngx_int_t
ngx_http_gatehouse_bind(void *data, ngx_gatehouse_image_t *image)
{
    ngx_http_gatehouse_main_conf_t *gmcf = data;

    uint32_t i;
    ngx_pool_t *pool;
    const gh_image_t *im;
    ngx_http_gatehouse_bound_t *bound;

    im = &image->im;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    bound = ngx_pcalloc(pool, sizeof(ngx_http_gatehouse_bound_t));
    if (bound == NULL) {
        goto failed;
    }

    bound->pool = pool;
    bound->deployments = ngx_pcalloc(
        pool, (im->n_deployments + 1) * sizeof(*bound->deployments));
    bound->weights =
        ngx_pcalloc(pool, (im->n_versions + 1) * sizeof(*bound->weights));

    if (bound->deployments == NULL || bound->weights == NULL) {
        goto failed;
    }

    bound->plans =
        ngx_pcalloc(pool, (im->n_plans + 1) * sizeof(*bound->plans));
    if (bound->plans == NULL) {
        goto failed;
    }

    for (i = 0; i < im->n_plans; i++) {
        if (ngx_http_gatehouse_bind_plan(gmcf, im, i, bound) != NGX_OK) {
            goto failed;
        }
    }

    bound->n_versions = im->n_versions;

    for (i = 0; i < im->n_services; i++) {
        if (ngx_http_gatehouse_bind_service(gmcf, im,
                                            gh_image_service_at(im, i), bound)
            != NGX_OK)
        {
            goto failed;
        }
    }

    image->bound = bound;
    ngx_queue_insert_tail(&gmcf->bound, &bound->queue);

    return NGX_OK;

failed:

    ngx_destroy_pool(pool);

    return NGX_ERROR;
}


void
ngx_http_gatehouse_unbind(void *data, ngx_gatehouse_image_t *image)
{
    ngx_http_gatehouse_bound_t *bound;

    bound = image->bound;

    if (bound == NULL) {
        return;
    }

    ngx_queue_remove(&bound->queue);
    ngx_destroy_pool(bound->pool);
    image->bound = NULL;
}


static ngx_int_t
ngx_http_gatehouse_bind_service(ngx_http_gatehouse_main_conf_t *gmcf,
                                const gh_image_t *im,
                                const gh_image_service_t *service,
                                ngx_http_gatehouse_bound_t *bound)
{
    uint32_t i;
    const gh_image_version_t *versions;

    versions = gh_image_at(im, service->versions);

    for (i = 0; i < service->versions.n; i++) {
        if (ngx_http_gatehouse_bind_version(gmcf, im, service, &versions[i],
                                            bound)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_gatehouse_bind_version(ngx_http_gatehouse_main_conf_t *gmcf,
                                const gh_image_t *im,
                                const gh_image_service_t *service,
                                const gh_image_version_t *version,
                                ngx_http_gatehouse_bound_t *bound)
{
    char name[GH_STORE_NAME_MAX];
    uint32_t i;
    gh_buf_t out;
    gh_str_t upstream, service_name, version_name;
    ngx_http_gatehouse_weights_t *weights;
    const gh_image_deployment_t *deployments;
    ngx_http_gatehouse_deployment_t *d;

    service_name = gh_image_str(im, service->name);
    version_name = gh_image_str(im, version->name);
    deployments = gh_image_at(im, version->deployments);

    for (i = 0; i < version->deployments.n; i++) {

        d = &bound->deployments[deployments[i].index];
        upstream = gh_image_str(im, deployments[i].upstream);

        d->upstream = ngx_http_gatehouse_upstream(gmcf, upstream);

        if (d->upstream == NULL) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "gatehouse: policies name the upstream \"%*s\", "
                          "which this configuration has not: the set is not "
                          "taken up; add it to nginx.conf and reload",
                          upstream.len, upstream.data);
            return NGX_ERROR;
        }

        d->series =
            ngx_gatehouse_series_index(gmcf->zone, service_name, version_name,
                                       gh_image_str(im, deployments[i].name));
    }

    weights = &bound->weights[version->index];
    weights->series = ngx_gatehouse_series_index(gmcf->zone, service_name,
                                                 version_name, GH_STR(""));

    weights->choices = ngx_pcalloc(
        bound->pool, (version->deployments.n + 1) * sizeof(gh_choice_t));
    if (weights->choices == NULL) {
        return NGX_ERROR;
    }

    out.data = name;
    out.len = 0;
    out.cap = sizeof(name);

    if (gh_buf_add(&out, service_name) != GH_OK
        || gh_buf_add_char(&out, '/') != GH_OK
        || gh_buf_add(&out, version_name) != GH_OK)
    {
        return NGX_ERROR;
    }

    weights->name_hash = gh_store_name_hash(GH_KIND_TRAFFIC, gh_buf_str(&out));

    return NGX_OK;
}


static ngx_http_upstream_srv_conf_t *
ngx_http_gatehouse_upstream(ngx_http_gatehouse_main_conf_t *gmcf,
                            gh_str_t name)
{
    ngx_uint_t i;
    ngx_http_upstream_srv_conf_t **uscfp;

    uscfp = gmcf->umcf->upstreams.elts;

    for (i = 0; i < gmcf->umcf->upstreams.nelts; i++) {

        /* explicit ones only: implicit upstreams have no srv_conf */

        if (uscfp[i]->srv_conf != NULL && uscfp[i] != gmcf->router
            && uscfp[i]->host.len == name.len
            && ngx_strncasecmp(uscfp[i]->host.data,
                               ngx_http_gatehouse_ngx(name).data, name.len)
                   == 0)
        {
            return uscfp[i];
        }
    }

    return NULL;
}


/* A line of the change log about weights: they are read again when asked
 * for next. */

void
ngx_http_gatehouse_weights_follow(void *data, const gh_store_change_t *line)
{
    ngx_http_gatehouse_main_conf_t *gmcf = data;

    uint32_t i;
    ngx_queue_t *q;
    ngx_http_gatehouse_bound_t *bound;

    if (line != NULL && line->kind != GH_KIND_TRAFFIC) {
        return;
    }

    for (q = ngx_queue_head(&gmcf->bound);
         q != ngx_queue_sentinel(&gmcf->bound); q = ngx_queue_next(q))
    {
        bound = ngx_queue_data(q, ngx_http_gatehouse_bound_t, queue);

        for (i = 0; i < bound->n_versions; i++) {
            if (line == NULL || bound->weights[i].name_hash == line->name_hash)
            {
                bound->weights[i].fresh = 0;
            }
        }
    }
}
