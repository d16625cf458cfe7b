/*
 * A module of nginx for tests: the five operations of the store, the change
 * log and the record cache, each as a location. Uses the objects of the
 * Gatehouse module that is loaded before it.
 */

#ifndef STORE_PROBE_H
#define STORE_PROBE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_gatehouse_records.h"
#include "ngx_gatehouse_redis.h"
#include "ngx_gatehouse_store.h"


typedef struct {
    ngx_gatehouse_store_conf_t conf;
    ngx_uint_t set, records_max;
    ngx_msec_t records_stale;
    gh_secret_t secret;

    /* of the worker */
    ngx_gatehouse_store_t *store;
    ngx_gatehouse_records_t *records;
    ngx_uint_t lines, gaps;
    uint64_t last;        /* sequences of lines since the start */
    ngx_uint_t disorder;  /* lines out of their order */
    ngx_uint_t under_way; /* operations */
    ngx_uint_t too_early; /* handlers called before submit returned */
    ngx_uint_t too_late;  /* handlers called after their asker went away */
} probe_main_conf_t;


extern ngx_module_t ngx_http_store_probe_module;

probe_main_conf_t *probe_conf(ngx_http_request_t *r);

/* The argument of the request, "" if there is none. */
ngx_str_t probe_arg(ngx_http_request_t *r, const char *name);
ngx_int_t probe_arg_number(ngx_http_request_t *r, const char *name,
                           ngx_int_t otherwise);

const char *probe_word(gh_rc_t rc);
ngx_int_t probe_send(ngx_http_request_t *r, u_char *text, size_t len);
/* From outside of a content handler: sends, and ends the request. */
void probe_finish(ngx_http_request_t *r, u_char *text, size_t len);

/* Content handlers by the last part of the path. */
ngx_int_t probe_operation(ngx_http_request_t *r,
                          ngx_gatehouse_store_type_e type);
ngx_int_t probe_many(ngx_http_request_t *r);
ngx_int_t probe_record(ngx_http_request_t *r);


#endif
