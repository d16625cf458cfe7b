/*
 * The router upstream behind "proxy_pass http://gatehouse": it has no servers
 * of its own, but hands each request to the upstream of the deployment that
 * was chosen for it, with that upstream's own balancing and keepalive.
 */

#include "ngx_http_gatehouse_conf.h"


static ngx_int_t ngx_http_gatehouse_router_init_upstream(
    ngx_conf_t *cf, ngx_http_upstream_srv_conf_t *us);
static ngx_int_t ngx_http_gatehouse_router_init_peer(
    ngx_http_request_t *r, ngx_http_upstream_srv_conf_t *us);


ngx_int_t
ngx_http_gatehouse_router_init(ngx_conf_t *cf)
{
    ngx_url_t u;
    ngx_http_upstream_srv_conf_t *us;
    ngx_http_gatehouse_main_conf_t *gmcf;

    ngx_memzero(&u, sizeof(ngx_url_t));

    ngx_str_set(&u.host, "gatehouse");
    u.no_resolve = 1;
    u.no_port = 1;

    us = ngx_http_upstream_add(cf, &u, NGX_HTTP_UPSTREAM_CREATE);
    if (us == NULL) {
        return NGX_ERROR;
    }

    us->peer.init_upstream = ngx_http_gatehouse_router_init_upstream;

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);
    gmcf->router = us;
    gmcf->umcf =
        ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);

    return NGX_OK;
}


static ngx_int_t
ngx_http_gatehouse_router_init_upstream(ngx_conf_t *cf,
                                        ngx_http_upstream_srv_conf_t *us)
{
    us->peer.init = ngx_http_gatehouse_router_init_peer;

    return NGX_OK;
}


static ngx_int_t
ngx_http_gatehouse_router_init_peer(ngx_http_request_t *r,
                                    ngx_http_upstream_srv_conf_t *us)
{
    ngx_http_gatehouse_bound_t *bound;
    ngx_http_gatehouse_request_t *gr;
    ngx_http_upstream_srv_conf_t *target;

    gr = ngx_http_gatehouse_request_find(r);

    if (gr == NULL || gr->deployment == NULL || gr->image == NULL) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "gatehouse: no deployment was chosen: a location with "
                      "\"proxy_pass http://gatehouse\" needs "
                      "\"gatehouse_service NAME;\"");
        return NGX_ERROR;
    }

    bound = gr->image->bound;
    target = bound->deployments[gr->deployment->index].upstream;

    r->upstream->upstream = target;

#if (NGX_HTTP_SSL)
    r->upstream->ssl_name = target->host;
#endif

    return target->peer.init(r, target);
}
