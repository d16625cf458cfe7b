/*
 * Station forward, as its files share it.
 */

#ifndef NGX_HTTP_GATEHOUSE_FORWARD_H
#define NGX_HTTP_GATEHOUSE_FORWARD_H

#include "ngx_http_gatehouse.h"


ngx_int_t ngx_http_gatehouse_forward_query(ngx_http_gatehouse_request_t *gr);
ngx_int_t ngx_http_gatehouse_forward_strip(ngx_http_gatehouse_request_t *gr);
/* Before workers start, and for each request: variables of what came in are
 * read anew. */
ngx_int_t ngx_http_gatehouse_forward_variables_init(
    ngx_cycle_t *cycle, ngx_http_gatehouse_main_conf_t *gmcf);
void ngx_http_gatehouse_forward_variables(ngx_http_gatehouse_request_t *gr);


#endif
