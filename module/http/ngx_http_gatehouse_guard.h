/*
 * What the parts of the configuration walk share.
 */

#ifndef NGX_HTTP_GATEHOUSE_GUARD_H
#define NGX_HTTP_GATEHOUSE_GUARD_H

#include "ngx_http_gatehouse.h"

#define NGX_HTTP_GATEHOUSE_GUARD_NAME 512


/* "location ~ "^/a" of server "x"" in buf, which is returned. */
u_char *ngx_http_gatehouse_guard_name(ngx_http_gatehouse_place_t *place,
                                      u_char *buf, size_t size);

/* Refuses a `return 2xx` beside the block's own lines; warns of others that
 * answer before those lines are asked. */
ngx_int_t ngx_http_gatehouse_guard_return(ngx_conf_t *cf,
                                          ngx_http_gatehouse_place_t *place);

/* Says aloud what weakens protection by accident. */
void ngx_http_gatehouse_guard_warn(ngx_conf_t *cf,
                                   ngx_http_gatehouse_place_t *place);
/* The same of lines that keep from a service what we tell it. */
void ngx_http_gatehouse_guard_headers(ngx_conf_t *cf,
                                      ngx_http_gatehouse_place_t *place);


#endif
