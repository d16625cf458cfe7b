/*
 * Header fields that the header filter adds, see ..._answer_fields.c.
 */

#ifndef NGX_HTTP_GATEHOUSE_ANSWER_H
#define NGX_HTTP_GATEHOUSE_ANSWER_H

#include "ngx_http_gatehouse.h"


/* RateLimit and RateLimit-Policy of what was charged. */
ngx_int_t ngx_http_gatehouse_answer_limits(ngx_http_gatehouse_request_t *gr);
/* Deprecation, Sunset and Link of the version that was chosen. */
ngx_int_t ngx_http_gatehouse_answer_version(ngx_http_gatehouse_request_t *gr);
/* Cache-Control of one principal's answer, where the service is silent. */
ngx_int_t ngx_http_gatehouse_answer_private(ngx_http_gatehouse_request_t *gr);


#endif
