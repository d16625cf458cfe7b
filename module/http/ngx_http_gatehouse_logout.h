/*
 * One logout under way, as the files that end sessions share it.
 */

#ifndef NGX_HTTP_GATEHOUSE_LOGOUT_H
#define NGX_HTTP_GATEHOUSE_LOGOUT_H

#include "ngx_http_gatehouse_oidc.h"

#define NGX_HTTP_GATEHOUSE_LOGOUT_BODY 32768


/* Of one request, at gr->endpoint. */
typedef struct {
    ngx_gatehouse_store_op_t *op;
    ngx_uint_t step;
    gh_jwt_t jwt;
    json_t *claims;
    gh_logout_token_t token;
    ngx_http_gatehouse_oidc_t *oidc; /* whose token or session it is */
    gh_str_t list;                   /* sessions that are to end */
    size_t at;
    unsigned key; /* the root key of the index that is looked at */
    ngx_uint_t tries;
    unsigned parsed : 1;
    unsigned again : 1; /* the logout token came before */
} ngx_http_gatehouse_logout_t;


/* Made on first use; NULL without memory. */
ngx_http_gatehouse_logout_t *ngx_http_gatehouse_logout_state(
    ngx_http_gatehouse_request_t *gr);


#endif
