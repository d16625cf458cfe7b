/*
 * The corridor: one handler per phase calls the stations in their order. A
 * station answers NGX_OK to go on, NGX_AGAIN when it waits, or the status
 * that ends the request.
 */

#include "ngx_http_gatehouse_corridor.h"


static ngx_int_t ngx_http_gatehouse_access_stations(
    ngx_http_gatehouse_request_t *gr);


ngx_int_t
ngx_http_gatehouse_server_rewrite_handler(ngx_http_request_t *r)
{
    return ngx_http_gatehouse_receive(r, 1);
}


ngx_int_t
ngx_http_gatehouse_rewrite_handler(ngx_http_request_t *r)
{
    return ngx_http_gatehouse_receive(r, 0);
}


ngx_int_t
ngx_http_gatehouse_access_handler(ngx_http_request_t *r)
{
    ngx_int_t rc;
    ngx_http_gatehouse_loc_conf_t *glcf;
    ngx_http_gatehouse_request_t *gr;

    glcf = ngx_http_get_module_loc_conf(r, ngx_http_gatehouse_module);

    if (glcf->authenticate == NULL && glcf->rules.len == 0
        && glcf->service == NULL)
    {
        return NGX_DECLINED;
    }

    gr = ngx_http_gatehouse_request(r);
    if (gr == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    gr->page = 0;

    rc = ngx_http_gatehouse_access_stations(gr);

    if (rc == NGX_AGAIN) {
        return ngx_http_gatehouse_suspend(gr);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    gr->judged = 1;

    /* with no word on who may enter, others decide (allow, auth_basic) */

    return (glcf->authenticate == NULL || glcf->authenticate->off)
               ? NGX_DECLINED
               : NGX_OK;
}


static ngx_int_t
ngx_http_gatehouse_access_stations(ngx_http_gatehouse_request_t *gr)
{
    ngx_int_t rc;
    ngx_uint_t i;

    static ngx_int_t (*const stations[])(ngx_http_gatehouse_request_t *) = {
        ngx_http_gatehouse_resolve, ngx_http_gatehouse_authenticate,
        ngx_http_gatehouse_authorize
    };

    for (i = 0; i < sizeof(stations) / sizeof(stations[0]); i++) {
        rc = stations[i](gr);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/*
 * Everything that presumes admission. Reached only when every access module
 * has had its say; a request that another module admitted (satisfy any) has
 * no principal of ours.
 */

ngx_int_t
ngx_http_gatehouse_precontent_handler(ngx_http_request_t *r)
{
    ngx_int_t rc;
    ngx_uint_t i;
    ngx_http_gatehouse_srv_conf_t *gscf;
    ngx_http_gatehouse_request_t *gr;

    static ngx_int_t (*const stations[])(ngx_http_gatehouse_request_t *) = {
        ngx_http_gatehouse_admit, ngx_http_gatehouse_limit,
        ngx_http_gatehouse_choose, ngx_http_gatehouse_forward
    };

    gscf = ngx_http_get_module_srv_conf(r, ngx_http_gatehouse_module);

    if (r != r->main || !gscf->used) {
        return NGX_DECLINED;
    }

    gr = ngx_http_gatehouse_request(r);
    if (gr == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (i = 0; i < sizeof(stations) / sizeof(stations[0]); i++) {
        rc = stations[i](gr);

        if (rc == NGX_AGAIN) {
            return ngx_http_gatehouse_suspend(gr);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_http_gatehouse_stream_begin(gr);

    /* NGX_OK would skip try_files and mirror */

    return NGX_DECLINED;
}
