/*
 * Station forward, as its files share it.
 */

#ifndef NGX_HTTP_GATEHOUSE_FORWARD_H
#define NGX_HTTP_GATEHOUSE_FORWARD_H

#include "ngx_http_gatehouse.h"


ngx_int_t ngx_http_gatehouse_forward_query(ngx_http_gatehouse_request_t *gr);
ngx_int_t ngx_http_gatehouse_forward_strip(ngx_http_gatehouse_request_t *gr);


#endif
