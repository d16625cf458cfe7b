/*
 * What the module's tables point at: one handler per phase, and what a
 * worker opens and closes.
 */

#ifndef NGX_HTTP_GATEHOUSE_CORRIDOR_H
#define NGX_HTTP_GATEHOUSE_CORRIDOR_H

#include "ngx_http_gatehouse.h"


ngx_int_t ngx_http_gatehouse_server_rewrite_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_gatehouse_rewrite_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_gatehouse_access_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_gatehouse_precontent_handler(ngx_http_request_t *r);

/* Loads the root key, or makes it once with a local store (in the master). */
ngx_int_t ngx_http_gatehouse_secret_init(ngx_cycle_t *cycle,
                                         ngx_http_gatehouse_main_conf_t *gmcf);

ngx_int_t ngx_http_gatehouse_worker_open(ngx_cycle_t *cycle,
                                         ngx_http_gatehouse_main_conf_t *gmcf);
void ngx_http_gatehouse_worker_close(ngx_http_gatehouse_main_conf_t *gmcf);


#endif
