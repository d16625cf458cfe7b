/*
 * Station choose: the deployment of the version, by weight and sticky key.
 * It can change the deployment, never the version. A weight in the store
 * stands while its deployments exist; else the file's.
 */

#include "ngx_http_gatehouse.h"


static ngx_int_t ngx_http_gatehouse_weights(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_weights_t **out);
static gh_str_t ngx_http_gatehouse_weights_name(
    const gh_image_t *im, const gh_image_service_t *service,
    const gh_image_version_t *version, gh_buf_t *out);
static void ngx_http_gatehouse_weights_take(const gh_image_t *im,
                                            const gh_image_version_t *version,
                                            gh_rc_t rc, gh_str_t record,
                                            ngx_http_gatehouse_weights_t *w);
static void ngx_http_gatehouse_weights_load(const gh_image_t *im,
                                            const gh_image_version_t *version,
                                            const gh_traffic_t *traffic,
                                            ngx_http_gatehouse_weights_t *w);
static ngx_uint_t ngx_http_gatehouse_weights_fit(
    const gh_image_t *im, const gh_image_version_t *version,
    const gh_traffic_t *traffic);
static uint64_t ngx_http_gatehouse_sticky_key(
    ngx_http_gatehouse_request_t *gr);


ngx_int_t
ngx_http_gatehouse_choose(ngx_http_gatehouse_request_t *gr)
{
    int winner;
    ngx_int_t rc;
    const gh_image_deployment_t *deployments;
    ngx_http_gatehouse_weights_t *w;

    if (gr->version == NULL || gr->deployment != NULL) {
        return NGX_OK;
    }

    deployments = gh_image_at(&gr->image->im, gr->version->deployments);

    if (gr->version->deployments.n == 1) {
        gr->deployment = &deployments[0];
        return NGX_OK;
    }

    rc = ngx_http_gatehouse_weights(gr, &w);
    if (rc != NGX_OK) {
        return rc;
    }

    winner = gh_choose(w->choices, gr->version->deployments.n,
                       ngx_http_gatehouse_sticky_key(gr));

    if (winner < 0) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_NO_DEPLOYMENT);
    }

    gr->deployment = &deployments[winner];

    return NGX_OK;
}


static ngx_int_t
ngx_http_gatehouse_weights(ngx_http_gatehouse_request_t *gr,
                           ngx_http_gatehouse_weights_t **out)
{
    char room[GH_STORE_NAME_MAX];
    gh_rc_t rc;
    gh_buf_t name = GH_BUF(room);
    gh_str_t record;
    const gh_image_t *im;
    ngx_http_gatehouse_bound_t *bound;
    ngx_http_gatehouse_weights_t *w;

    im = &gr->image->im;
    bound = gr->image->bound;
    w = &bound->weights[gr->version->index];
    *out = w;

    if (w->fresh) {
        return NGX_OK;
    }

    rc = ngx_http_gatehouse_lookup(
        gr, GH_KIND_TRAFFIC,
        ngx_http_gatehouse_weights_name(im, gr->service, gr->version, &name),
        &record, NULL);

    if (rc == GH_AGAIN) {
        return NGX_AGAIN;
    }

    ngx_http_gatehouse_weights_take(im, gr->version, rc, record, w);

    return NGX_OK;
}


ngx_http_gatehouse_weights_t *
ngx_http_gatehouse_weights_now(ngx_http_gatehouse_main_conf_t *gmcf,
                               ngx_gatehouse_image_t *image,
                               const gh_image_service_t *service,
                               const gh_image_version_t *version)
{
    char room[GH_STORE_NAME_MAX];
    gh_rc_t rc;
    gh_buf_t name = GH_BUF(room);
    gh_str_t record;
    ngx_http_gatehouse_bound_t *bound;
    ngx_http_gatehouse_weights_t *w;

    bound = image->bound;
    w = &bound->weights[version->index];

    if (w->fresh) {
        return w;
    }

    rc = ngx_gatehouse_records_get(
        gmcf->records, GH_KIND_TRAFFIC,
        ngx_http_gatehouse_weights_name(&image->im, service, version, &name),
        &record, NULL, NULL);

    if (rc != GH_AGAIN) {
        ngx_http_gatehouse_weights_take(&image->im, version, rc, record, w);
    }

    return w;
}


static gh_str_t
ngx_http_gatehouse_weights_name(const gh_image_t *im,
                                const gh_image_service_t *service,
                                const gh_image_version_t *version,
                                gh_buf_t *out)
{
    (void) gh_buf_add(out, gh_image_str(im, service->name));
    (void) gh_buf_add_char(out, '/');
    (void) gh_buf_add(out, gh_image_str(im, version->name));

    return gh_buf_str(out);
}


/* What the store answered becomes what is in force. */

static void
ngx_http_gatehouse_weights_take(const gh_image_t *im,
                                const gh_image_version_t *version, gh_rc_t rc,
                                gh_str_t record,
                                ngx_http_gatehouse_weights_t *w)
{
    gh_traffic_t traffic;

    if (rc == GH_OK && gh_traffic_decode(record, &traffic) == GH_OK
        && ngx_http_gatehouse_weights_fit(im, version, &traffic))
    {
        ngx_http_gatehouse_weights_load(im, version, &traffic, w);

    } else if (rc == GH_OK || rc == GH_ABSENT) {
        ngx_http_gatehouse_weights_load(im, version, NULL, w);

    } else {

        /* it cannot be asked: what was in force stays in force */

        if (!w->loaded) {
            ngx_http_gatehouse_weights_load(im, version, NULL, w);
        }

        return;
    }

    w->loaded_at = ngx_time();
    w->fresh = 1;
}


static void
ngx_http_gatehouse_weights_load(const gh_image_t *im,
                                const gh_image_version_t *version,
                                const gh_traffic_t *traffic,
                                ngx_http_gatehouse_weights_t *w)
{
    size_t k;
    uint32_t i;
    gh_str_t name;
    const gh_image_deployment_t *d;

    d = gh_image_at(im, version->deployments);

    for (i = 0; i < version->deployments.n; i++) {

        w->choices[i].name_hash = d[i].name_hash;
        w->choices[i].weight = traffic ? 0 : d[i].initial_weight;

        if (traffic == NULL) {
            continue;
        }

        name = gh_image_str(im, d[i].name);

        for (k = 0; k < traffic->n; k++) {
            if (gh_str_eq(name, gh_str(traffic->weights[k].name))) {
                w->choices[i].weight = traffic->weights[k].weight;
            }
        }
    }

    w->change = traffic ? traffic->change : 0;
    w->loaded = 1;
}


static ngx_uint_t
ngx_http_gatehouse_weights_fit(const gh_image_t *im,
                               const gh_image_version_t *version,
                               const gh_traffic_t *traffic)
{
    uint32_t i;
    gh_str_t names[GH_DEPLOYMENTS_MAX];
    const gh_image_deployment_t *d;

    d = gh_image_at(im, version->deployments);

    for (i = 0; i < version->deployments.n && i < GH_DEPLOYMENTS_MAX; i++) {
        names[i] = gh_image_str(im, d[i].name);
    }

    return gh_traffic_fits(traffic, names, i);
}


/* Principal, else a signed cookie, else the source address. */

static uint64_t
ngx_http_gatehouse_sticky_key(ngx_http_gatehouse_request_t *gr)
{
    u_char source[NGX_HTTP_GATEHOUSE_SOURCE_LEN];
    gh_str_t key;

    switch (gr->version->sticky) {

    case GH_STICKY_NONE:
        return gh_siphash(&gr->gmcf->sip,
                          ngx_http_gatehouse_gh(gr->request_id));

    case GH_STICKY_COOKIE:
        if (ngx_http_gatehouse_sticky_cookie(gr, &key) == NGX_OK) {
            return gh_choose_hash(key);
        }
        break;

    case GH_STICKY_PRINCIPAL:
        if (gr->principal.type != GH_PRINCIPAL_ANONYMOUS) {
            return gh_choose_hash(gr->principal.id);
        }
        break;

    default:
        break;
    }

    return gh_choose_hash(ngx_http_gatehouse_gh(
        ngx_http_gatehouse_source(gr->request->connection, source)));
}
