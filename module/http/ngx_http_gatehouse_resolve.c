/*
 * Station resolve: which service and which version, before any rule, so that
 * no header can pick one version's rules and another's deployment.
 */

#include "ngx_http_gatehouse_conf.h"


static ngx_int_t ngx_http_gatehouse_resolve_version(
    ngx_http_gatehouse_request_t *gr);
static gh_rc_t ngx_http_gatehouse_resolve_from(
    ngx_http_gatehouse_request_t *gr, const gh_image_version_from_t *from,
    const gh_image_version_t **version);
static gh_rc_t ngx_http_gatehouse_resolve_path(
    ngx_http_gatehouse_request_t *gr, const gh_image_version_t **version);
static gh_rc_t ngx_http_gatehouse_resolve_header(
    ngx_http_gatehouse_request_t *gr, ngx_str_t *name, ngx_uint_t accept,
    const gh_image_version_t **version);
static const gh_image_version_t *ngx_http_gatehouse_version_named(
    ngx_http_gatehouse_request_t *gr, gh_str_t name);


/* gatehouse_service NAME | $variable; */

char *
ngx_http_gatehouse_set_service(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_gatehouse_loc_conf_t *glcf = conf;

    ngx_str_t *value;
    ngx_http_compile_complex_value_t ccv;
    ngx_http_gatehouse_main_conf_t *gmcf;

    if (glcf->service != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);
    gmcf->used = 1;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        glcf->service = NULL;
        return NGX_CONF_OK;
    }

    glcf->service = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (glcf->service == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));
    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = glcf->service;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_gatehouse_resolve(ngx_http_gatehouse_request_t *gr)
{
    ngx_str_t name;
    ngx_http_request_t *r;
    ngx_http_core_loc_conf_t *clcf;
    ngx_http_gatehouse_loc_conf_t *glcf;

    const gh_image_service_t *before;
    const gh_image_version_t *version;

    r = gr->request;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    glcf = ngx_http_get_module_loc_conf(r, ngx_http_gatehouse_module);

    if (glcf->service == NULL) {
        gr->service = NULL;
        gr->version = NULL;
        gr->deployment = NULL;
        gr->strip = 0;
        gr->version_end = 0;
        gr->resolved_for = glcf;
        return NGX_OK;
    }

    if (gr->resolved_for == glcf && gr->version != NULL) {
        /* resumed after an await */
        return NGX_OK;
    }

    before = gr->service;
    version = gr->version;

    gr->service = NULL;
    gr->version = NULL;
    gr->deployment = NULL;
    gr->strip = 0;
    gr->version_end = 0;

    if (gr->image == NULL) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_POLICIES_UNAVAILABLE);
    }

    if (ngx_http_complex_value(r, glcf->service, &name) != NGX_OK) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_INTERNAL);
    }

    gr->service =
        gh_image_service(&gr->image->im, ngx_http_gatehouse_gh(name));

    if (clcf->named && gr->service != NULL && gr->service == before
        && version != NULL)
    {
        /* error_page 502 = @fallback: the path may have lost its version,
         * the request has not */
        gr->version = version;
        gr->resolved_for = glcf;
        return NGX_OK;
    }

    if (gr->service == NULL) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_SERVICE_UNKNOWN);
    }

    gr->resolved_for = glcf;

    return ngx_http_gatehouse_resolve_version(gr);
}


/*
 * The places are looked at in the order the service gives them; the first
 * that names a version decides. What a later place says must agree.
 */

static ngx_int_t
ngx_http_gatehouse_resolve_version(ngx_http_gatehouse_request_t *gr)
{
    gh_rc_t rc;
    uint32_t i;
    const gh_image_t *im;
    const gh_image_version_t *found, *versions;
    const gh_image_version_from_t *from;

    im = &gr->image->im;
    from = gh_image_at(im, gr->service->version_from);

    for (i = 0; i < gr->service->version_from.n; i++) {

        found = NULL;
        rc = ngx_http_gatehouse_resolve_from(gr, &from[i], &found);

        if (rc == GH_ABSENT) {
            continue;
        }

        if (rc == GH_CONFLICT
            || (rc == GH_OK && gr->version != NULL && found != gr->version))
        {
            return ngx_http_gatehouse_refuse(gr, GH_REASON_VERSION_CONFLICT);
        }

        if (rc != GH_OK) {
            return ngx_http_gatehouse_refuse(gr, GH_REASON_VERSION_UNKNOWN);
        }

        gr->version = found;
    }

    if (gr->version == NULL) {

        if (gr->service->default_version == GH_IMAGE_ABSENT) {
            return ngx_http_gatehouse_refuse(gr, GH_REASON_VERSION_UNKNOWN);
        }

        versions = gh_image_at(im, gr->service->versions);
        gr->version = &versions[gr->service->default_version];
    }

    if (gr->version->sunset_at_s != 0
        && ngx_time() >= gr->version->sunset_at_s) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_VERSION_SUNSET);
    }

    return NGX_OK;
}


static gh_rc_t
ngx_http_gatehouse_resolve_from(ngx_http_gatehouse_request_t *gr,
                                const gh_image_version_from_t *from,
                                const gh_image_version_t **version)
{
    ngx_str_t name;

    switch (from->from) {

    case GH_VERSION_FROM_PATH:
        return ngx_http_gatehouse_resolve_path(gr, version);

    case GH_VERSION_FROM_HEADER:
        name =
            ngx_http_gatehouse_ngx(gh_image_str(&gr->image->im, from->header));
        return ngx_http_gatehouse_resolve_header(gr, &name, 0, version);

    default:
        ngx_str_set(&name, "Accept");
        return ngx_http_gatehouse_resolve_header(gr, &name, 1, version);
    }
}


/*
 * The first segment after the location's prefix. One that is no version of
 * this service is absent here when another place or a default can say, and
 * unknown when it looks like a version.
 */

static gh_rc_t
ngx_http_gatehouse_resolve_path(ngx_http_gatehouse_request_t *gr,
                                const gh_image_version_t **version)
{
    gh_rc_t rc;
    gh_str_t path, prefix, name, rest;
    ngx_http_request_t *r;

    r = gr->request;

    path = ngx_http_gatehouse_gh(r->uri);
    prefix = ngx_http_gatehouse_gh(gr->prefix);

    if (prefix.len == 0 || !gh_str_starts(path, prefix)) {
        prefix = GH_STR("/");
    }

    rc = gh_version_from_path(path, prefix, &name, &rest);

    if (rc != GH_OK) {
        return GH_ABSENT;
    }

    *version = gh_image_version(&gr->image->im, gr->service, name);

    if (*version == NULL) {
        return (name.len >= 2 && name.data[0] == 'v' && name.data[1] >= '0'
                && name.data[1] <= '9')
                   ? GH_INVALID
                   : GH_ABSENT;
    }

    gr->resolved_uri = r->uri;
    gr->version_end = (size_t) (name.data - path.data) + name.len;

    if (gr->service->strip_version) {
        gr->strip = name.len + 1;
        gr->strip_at = (size_t) (name.data - path.data) - 1;
    }

    return GH_OK;
}


static gh_rc_t
ngx_http_gatehouse_resolve_header(ngx_http_gatehouse_request_t *gr,
                                  ngx_str_t *name, ngx_uint_t accept,
                                  const gh_image_version_t **version)
{
    gh_rc_t rc;
    gh_str_t value;
    ngx_uint_t i;
    ngx_list_part_t *part;
    ngx_table_elt_t *h;
    ngx_http_request_t *r;

    const gh_image_version_t *found;

    r = gr->request;
    found = NULL;

    /* every line of that name: a second one with another value is refused */

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != name->len
                || ngx_strncasecmp(h[i].key.data, name->data, name->len) != 0)
            {
                continue;
            }

            rc = accept ? gh_version_from_accept(
                     ngx_http_gatehouse_gh(h[i].value), &value)
                        : gh_version_from_header(
                            ngx_http_gatehouse_gh(h[i].value), &value);

            if (rc == GH_ABSENT) {
                continue;
            }

            if (rc != GH_OK) {
                return rc;
            }

            found = ngx_http_gatehouse_version_named(gr, value);

            if (found == NULL) {
                return GH_INVALID;
            }

            if (*version != NULL && *version != found) {
                return GH_CONFLICT;
            }

            *version = found;
        }
    }

    return found ? GH_OK : GH_ABSENT;
}


/* "2" is as good as "v2" where only that exists. */

static const gh_image_version_t *
ngx_http_gatehouse_version_named(ngx_http_gatehouse_request_t *gr,
                                 gh_str_t name)
{
    char with_v[40];
    gh_str_t s;
    const gh_image_version_t *version;

    version = gh_image_version(&gr->image->im, gr->service, name);

    if (version != NULL || name.len >= sizeof(with_v)) {
        return version;
    }

    with_v[0] = 'v';
    ngx_memcpy(with_v + 1, name.data, name.len);

    s.data = with_v;
    s.len = name.len + 1;

    return gh_image_version(&gr->image->im, gr->service, s);
}
