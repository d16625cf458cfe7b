/*
 * Header fields that the header filter adds, see ..._answer_fields.c, and
 * answers of our own.
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
/* Sends an answer of our own whose header is made: text, which may be empty,
 * lives as long as the request. What a content handler returns. */
ngx_int_t ngx_http_gatehouse_answer_body(ngx_http_request_t *r, gh_str_t text);


#endif
