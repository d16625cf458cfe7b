/*
 * What limits are made of: the lines of the configuration, the limits of a
 * plan, and what one request has been charged.
 */

#ifndef NGX_HTTP_GATEHOUSE_LIMIT_H
#define NGX_HTTP_GATEHOUSE_LIMIT_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "gh_limit.h"
#include "ngx_gatehouse_lease.h"

#define NGX_HTTP_GATEHOUSE_CHARGES_MAX 16


/* gatehouse_limit name=... or plan */
typedef struct {
    unsigned plan : 1;
    ngx_str_t name;
    gh_limit_t limit;
    gh_limit_text_t text;
    uint64_t hash;                  /* of its counters: the name's part */
    ngx_http_complex_value_t *key;  /* NULL: the source address */
    ngx_http_complex_value_t *cost; /* NULL: 1 */
    u_char *file;                   /* where the name was first used */
    ngx_uint_t line;
} ngx_http_gatehouse_limit_t;

/* What every charge of one limit of a plan needs. */
typedef struct {
    gh_limit_text_t text;
    uint64_t hash; /* of its counters: the limit's part */
} ngx_http_gatehouse_plan_limit_t;

/* A charge already made, so that it is made once per request. */
typedef struct {
    uint64_t hash;
    ngx_gatehouse_leased_t leased; /* of a rate, shared or not: when */
    int64_t taken_at_s;
    uint64_t cost;
    const gh_limit_t *limit;
    gh_limit_shown_t shown;
    unsigned taken : 1;
    unsigned pending : 1; /* until all limits admit */
} ngx_http_gatehouse_charge_t;


/* What the request takes of that limit, 0 nothing. NGX_ERROR: no memory. */
ngx_int_t ngx_http_gatehouse_limit_cost(
    ngx_http_request_t *r, const ngx_http_gatehouse_limit_t *limit,
    uint64_t *cost);


#endif
