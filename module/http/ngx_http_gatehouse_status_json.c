/*
 * The /status page: what the person on call asks first, as JSON. Built with
 * jansson; read rarely.
 */

#include "ngx_http_gatehouse_status.h"


static json_t *ngx_http_gatehouse_status_policies(
    ngx_http_gatehouse_main_conf_t *gmcf);
static json_t *ngx_http_gatehouse_status_store(
    ngx_http_gatehouse_main_conf_t *gmcf);
static json_t *ngx_http_gatehouse_status_issuers(
    ngx_http_gatehouse_main_conf_t *gmcf);
static json_t *ngx_http_gatehouse_status_traffic(
    ngx_http_gatehouse_main_conf_t *gmcf);
static json_t *ngx_http_gatehouse_status_version(
    ngx_http_gatehouse_main_conf_t *gmcf, const gh_image_t *im,
    const gh_image_version_t *version, const ngx_http_gatehouse_weights_t *w);
static json_t *ngx_http_gatehouse_status_degraded(
    ngx_http_gatehouse_main_conf_t *gmcf);
static json_t *ngx_http_gatehouse_json_text(gh_str_t s);
static json_t *ngx_http_gatehouse_json_time(int64_t at_s);


ngx_int_t
ngx_http_gatehouse_status_json(ngx_http_request_t *r, gh_buf_t *out,
                               ngx_uint_t *status)
{
    char fingerprint[17];
    size_t n;
    json_t *root;
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = ngx_http_get_module_main_conf(r, ngx_http_gatehouse_module);

    gh_secret_fingerprint(gmcf->secret, fingerprint);

    root = json_pack("{s:s, s:s, s:s, s:o*, s:o*, s:o*, s:o*, s:o*, s:o*, "
                     "s:o*, s:o*}",
                     "gatehouse", GH_VERSION, "nginx", NGINX_VERSION,
                     "root_key", fingerprint, "workers",
                     ngx_http_gatehouse_progress_json(gmcf), "policies",
                     ngx_http_gatehouse_status_policies(gmcf), "store",
                     ngx_http_gatehouse_status_store(gmcf), "issuers",
                     ngx_http_gatehouse_status_issuers(gmcf), "providers",
                     ngx_http_gatehouse_status_providers(gmcf), "sessions",
                     ngx_http_gatehouse_status_sessions(gmcf), "traffic",
                     ngx_http_gatehouse_status_traffic(gmcf), "degraded",
                     ngx_http_gatehouse_status_degraded(gmcf));
    if (root == NULL) {
        return NGX_ERROR;
    }

    n = json_dumpb(root, out->data, out->cap, JSON_INDENT(2));
    json_decref(root);

    if (n == 0) {
        return NGX_ERROR;
    }

    if (n + 1 > out->cap) {
        return NGX_DECLINED;
    }

    out->len = n;
    out->data[out->len++] = '\n';

    return NGX_OK;
}


static json_t *
ngx_http_gatehouse_status_policies(ngx_http_gatehouse_main_conf_t *gmcf)
{
    char error[sizeof(gmcf->shm->policy_error)];
    json_t *o;
    ngx_slab_pool_t *pool;
    ngx_gatehouse_shm_t *shm;
    ngx_gatehouse_image_t *image;

    shm = gmcf->shm;
    pool = ngx_gatehouse_shm_pool(gmcf->zone);

    ngx_shmtx_lock(&pool->mutex);
    ngx_memcpy(error, shm->policy_error, sizeof(error));
    ngx_shmtx_unlock(&pool->mutex);

    error[sizeof(error) - 1] = '\0';

    image = ngx_gatehouse_policies_current(gmcf->policies);

    o = json_pack("{s:s%, s:b, s:I, s:o}", "directory",
                  gmcf->policies_conf.directory.len
                      ? (char *) gmcf->policies_conf.directory.data
                      : "",
                  gmcf->policies_conf.directory.len, "invalid",
                  (int) (shm->policy_invalid != 0), "generation",
                  (json_int_t) (image ? image->im.generation : 0), "applied",
                  ngx_http_gatehouse_json_time(shm->policy_applied_at_s));

    if (o != NULL && shm->policy_invalid) {
        (void) json_object_set_new(
            o, "error", ngx_http_gatehouse_json_text(gh_str(error)));
    }

    if (o != NULL && image != NULL) {
        (void) json_object_set_new(o, "consumers",
                                   json_integer(image->im.n_consumers));
        (void) json_object_set_new(o, "keys", json_integer(image->im.n_keys));
        (void) json_object_set_new(o, "services",
                                   json_integer(image->im.n_services));
    }

    return o;
}


static json_t *
ngx_http_gatehouse_status_store(ngx_http_gatehouse_main_conf_t *gmcf)
{
    json_t *o;
    ngx_gatehouse_store_state_t s;

    ngx_gatehouse_store_state(gmcf->store, &s);

    o = json_pack("{s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
                  "backend", s.backend, "available", (int) s.available,
                  "writable", (int) s.writable, "sequence",
                  (json_int_t) s.sequence, "records", (json_int_t) s.records,
                  "used_bytes", (json_int_t) s.used_bytes, "map_bytes",
                  (json_int_t) s.map_bytes, "writes", (json_int_t) s.writes,
                  "write_failures", (json_int_t) s.write_failures, "queue",
                  (json_int_t) s.queue, "dropped", (json_int_t) s.dropped);

    if (o != NULL && (!s.available || !s.writable)) {
        (void) json_object_set_new(
            o, "why", ngx_http_gatehouse_json_text(gh_str(s.why)));
    }

    return o;
}


static json_t *
ngx_http_gatehouse_status_issuers(ngx_http_gatehouse_main_conf_t *gmcf)
{
    json_t *list, *o;
    ngx_uint_t i;
    ngx_http_gatehouse_issuer_t **issuer;
    ngx_gatehouse_keys_state_t state;

    list = json_object();
    issuer = gmcf->issuers.elts;

    for (i = 0; i < gmcf->issuers.nelts; i++) {

        ngx_gatehouse_keys_state(gmcf->keys, &issuer[i]->keys, &state);

        o = json_pack("{s:s%, s:I, s:I, s:I, s:b, s:o}", "issuer",
                      issuer[i]->issuer.data, issuer[i]->issuer.len, "keys",
                      (json_int_t) state.keys, "fetches",
                      (json_int_t) state.fetches, "failures",
                      (json_int_t) state.failures, "stale", (int) state.stale,
                      "fetched",
                      ngx_http_gatehouse_json_time(state.fetched_at_s));

        if (o != NULL && state.why[0] != '\0') {
            (void) json_object_set_new(
                o, "why", ngx_http_gatehouse_json_text(gh_str(state.why)));
        }

        (void) json_object_set_new_nocheck(list, (char *) issuer[i]->name.data,
                                           o);
    }

    return list;
}


/* Weights as the store has them; "as_of" says when that was known. */

static json_t *
ngx_http_gatehouse_status_traffic(ngx_http_gatehouse_main_conf_t *gmcf)
{
    char name[GH_STORE_NAME_MAX + 1];
    json_t *list;
    uint32_t i, k;
    gh_buf_t out;
    const gh_image_t *im;
    ngx_gatehouse_image_t *image;
    const gh_image_service_t *service;
    const gh_image_version_t *versions;

    list = json_object();
    image = ngx_gatehouse_policies_current(gmcf->policies);

    if (image == NULL) {
        return list;
    }

    im = &image->im;

    for (i = 0; i < im->n_services && i < 1000; i++) {

        service = gh_image_service_at(im, i);
        versions = gh_image_at(im, service->versions);

        for (k = 0; k < service->versions.n; k++) {

            if (versions[k].deployments.n < 2) {
                continue;
            }

            out.data = name;
            out.len = 0;
            out.cap = sizeof(name) - 1;

            (void) gh_buf_add(&out, gh_image_str(im, service->name));
            (void) gh_buf_add_char(&out, '/');
            (void) gh_buf_add(&out, gh_image_str(im, versions[k].name));
            name[out.len] = '\0';

            (void) json_object_set_new_nocheck(
                list, name,
                ngx_http_gatehouse_status_version(
                    gmcf, im, &versions[k],
                    ngx_http_gatehouse_weights_now(gmcf, image, service,
                                                   &versions[k])));
        }
    }

    return list;
}


static json_t *
ngx_http_gatehouse_status_version(ngx_http_gatehouse_main_conf_t *gmcf,
                                  const gh_image_t *im,
                                  const gh_image_version_t *version,
                                  const ngx_http_gatehouse_weights_t *w)
{
    json_t *o, *weights;
    time_t as_of;
    uint32_t i;
    gh_str_t name;
    const gh_image_deployment_t *d;

    weights = json_object();
    d = gh_image_at(im, version->deployments);

    for (i = 0; i < version->deployments.n; i++) {
        char text[GH_NAME_MAX + 1];

        name = gh_image_str(im, d[i].name);

        if (name.len > GH_NAME_MAX) {
            continue;
        }

        ngx_memcpy(text, name.data, name.len);
        text[name.len] = '\0';

        (void) json_object_set_new_nocheck(
            weights, text,
            json_integer(w->loaded ? w->choices[i].weight
                                   : d[i].initial_weight));
    }

    /* right as of when the change log was last read to its end */

    as_of = w->fresh
                ? ngx_time()
                      - (time_t) (ngx_gatehouse_store_age(gmcf->store) / 1000)
                : w->loaded_at;

    o = json_pack("{s:I, s:o, s:o}", "change",
                  (json_int_t) (w->loaded ? w->change : 0), "as_of",
                  ngx_http_gatehouse_json_time((int64_t) as_of), "weights",
                  weights);

    return o;
}


static json_t *
ngx_http_gatehouse_status_degraded(ngx_http_gatehouse_main_conf_t *gmcf)
{
    size_t i;
    json_t *o;

    static const char *what[] = { "store", "keys", "limits", "policies" };

    o = json_object();

    for (i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
        if (gmcf->shm->degraded_since[i] != 0) {
            (void) json_object_set_new(
                o, what[i],
                ngx_http_gatehouse_json_time(
                    (int64_t) gmcf->shm->degraded_since[i]));
        }
    }

    return o;
}


static json_t *
ngx_http_gatehouse_json_text(gh_str_t s)
{
    json_t *text;

    text = json_stringn(s.data, s.len);

    return text ? text : json_string("(not UTF-8)");
}


static json_t *
ngx_http_gatehouse_json_time(int64_t at_s)
{
    char text[40];
    gh_buf_t out = GH_BUF(text);

    if (at_s == 0 || gh_time_rfc3339(at_s, &out) != GH_OK) {
        return json_null();
    }

    return json_stringn(out.data, out.len);
}
