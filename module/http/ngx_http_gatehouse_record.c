/*
 * Station record: counters and histograms of what was decided and how long
 * it took, per service, version and deployment, in this worker's own slot.
 */

#include "ngx_http_gatehouse.h"


static void ngx_http_gatehouse_record_tries(ngx_http_request_t *r,
                                            gh_series_t *series);
static void ngx_http_gatehouse_record_refusal(ngx_http_gatehouse_request_t *gr,
                                              gh_reason_t reason);


ngx_int_t
ngx_http_gatehouse_record(ngx_http_request_t *r)
{
    uint64_t us;
    gh_reason_t outcome;
    gh_series_t *series;
    ngx_uint_t index, class;
    ngx_http_gatehouse_bound_t *bound;
    ngx_http_gatehouse_srv_conf_t *gscf;
    ngx_http_gatehouse_request_t *gr;

    gscf = ngx_http_get_module_srv_conf(r, ngx_http_gatehouse_module);

    if (r != r->main || !gscf->used) {
        return NGX_OK;
    }

    gr = ngx_http_gatehouse_request_find(r);

    if (gr == NULL || gr->recorded) {
        return NGX_OK;
    }

    gr->recorded = 1;

    us = (ngx_gatehouse_monotonic_ns() - gr->began_ns) / 1000;
    gr->duration_us = us;

    outcome = ngx_http_gatehouse_outcome(gr);
    gr->gmcf->counters->reasons[outcome][gr->principal.method]++;

    index = 0;

    if (gr->deployment != NULL) {
        bound = gr->image->bound;
        index = bound->deployments[gr->deployment->index].series;

    } else if (gr->version != NULL) {
        bound = gr->image->bound;
        index = bound->weights[gr->version->index].series;
    }

    series = ngx_gatehouse_series(gr->gmcf->shm, index);

    class =
        (r->headers_out.status ? r->headers_out.status : r->err_status) / 100;

    series->requests[class > 5 ? 0 : class]++;

    if (gh_reason_admits(outcome)) {
        series->methods[gr->principal.method]++;
    }

    gh_histogram_add(&series->duration, us);

    if (r->upstream_states != NULL) {
        ngx_http_gatehouse_record_tries(r, series);
    }

    if (!gh_reason_admits(outcome) && outcome != GH_REASON_NONE) {
        ngx_http_gatehouse_record_refusal(gr, outcome);
    }

    return NGX_OK;
}


/* Each try by itself: a retry that succeeded hides a failure otherwise. */

static void
ngx_http_gatehouse_record_tries(ngx_http_request_t *r, gh_series_t *series)
{
    ngx_uint_t i;
    ngx_http_upstream_state_t *state;

    state = r->upstream_states->elts;

    for (i = 0; i < r->upstream_states->nelts; i++) {

        if (state[i].peer == NULL) {
            continue;
        }

        if (state[i].status >= 500 || state[i].status == 0) {
            series->upstream_failures++;
        }

        if (state[i].response_time != (ngx_msec_t) -1) {
            gh_histogram_add(&series->upstream,
                             (uint64_t) state[i].response_time * 1000);
        }
    }
}


/* Refusals also go to the error log, at a bounded rate: an attacker must not
 * fill the disk. */

static void
ngx_http_gatehouse_record_refusal(ngx_http_gatehouse_request_t *gr,
                                  gh_reason_t reason)
{
    ngx_str_t word, consumer, credential;
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = gr->gmcf;

    if (gmcf->refusals_second != ngx_time()) {

        if (gmcf->refusals_silent != 0) {
            ngx_log_error(NGX_LOG_INFO, gr->request->connection->log, 0,
                          "gatehouse: %ui more refusals were not logged",
                          gmcf->refusals_silent);
        }

        gmcf->refusals_second = ngx_time();
        gmcf->refusals_logged = 0;
        gmcf->refusals_silent = 0;
    }

    if (gmcf->refusals_logged++ >= 20) {
        gmcf->refusals_silent++;
        return;
    }

    word = ngx_http_gatehouse_ngx(gh_reason_info(reason)->word);
    consumer = ngx_http_gatehouse_ngx(gr->principal.consumer);
    credential = ngx_http_gatehouse_ngx(gr->principal.credential);

    ngx_log_error(NGX_LOG_INFO, gr->request->connection->log, 0,
                  "gatehouse: refused reason=%V consumer=%V credential=%V "
                  "request_id=%V",
                  &word, &consumer, &credential, &gr->request_id);
}


gh_str_t
ngx_http_gatehouse_successor(ngx_http_gatehouse_request_t *gr)
{
    gh_buf_t out;
    gh_str_t name, uri;
    ngx_str_t target;
    const gh_image_t *im;
    const gh_image_version_from_t *from;

    im = &gr->image->im;
    name = gh_image_str(im, gr->version->successor);
    from = gh_image_at(im, gr->service->version_from);

    if (name.len == 0 || gr->service->version_from.n == 0
        || from[0].from != GH_VERSION_FROM_PATH || gr->version_end == 0)
    {
        return GH_STR("");
    }

    target = gr->resolved_uri;

    if (gr->version_end > target.len) {
        return GH_STR("");
    }

    out.cap = target.len + name.len;
    out.len = 0;
    out.data = ngx_pnalloc(gr->request->pool, out.cap);
    if (out.data == NULL) {
        return GH_STR("");
    }

    /* only the base of the version: the rest may hold anything */

    uri.data = (const char *) target.data;
    uri.len = gr->version_end - gh_image_str(im, gr->version->name).len;

    (void) gh_buf_add(&out, uri);
    (void) gh_buf_add(&out, name);

    return gh_buf_str(&out);
}
