/*
 * Pages of the status listener. Each writes into out and answers NGX_OK, or
 * NGX_DECLINED when it does not fit (it is called again with more room).
 */

#ifndef NGX_HTTP_GATEHOUSE_STATUS_H
#define NGX_HTTP_GATEHOUSE_STATUS_H

#include <jansson.h>

#include "ngx_http_gatehouse.h"


ngx_int_t ngx_http_gatehouse_metrics(ngx_http_request_t *r, gh_buf_t *out,
                                     ngx_uint_t *status);
ngx_int_t ngx_http_gatehouse_status_json(ngx_http_request_t *r, gh_buf_t *out,
                                         ngx_uint_t *status);

/* How far each worker is: told while it runs, and all of them for /status. */
ngx_int_t ngx_http_gatehouse_progress_open(
    ngx_cycle_t *cycle, ngx_http_gatehouse_main_conf_t *gmcf);
void ngx_http_gatehouse_progress_close(ngx_http_gatehouse_main_conf_t *gmcf);
json_t *ngx_http_gatehouse_progress_json(ngx_http_gatehouse_main_conf_t *gmcf);

/* of people who log in, see ..._status_oidc.c */
json_t *ngx_http_gatehouse_status_providers(
    ngx_http_gatehouse_main_conf_t *gmcf);
json_t *ngx_http_gatehouse_status_sessions(
    ngx_http_gatehouse_main_conf_t *gmcf);
gh_rc_t ngx_http_gatehouse_metrics_oidc(ngx_http_gatehouse_main_conf_t *gmcf,
                                        const ngx_gatehouse_counters_t *sum,
                                        gh_buf_t *out);


#endif
