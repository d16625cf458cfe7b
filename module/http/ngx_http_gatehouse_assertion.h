/*
 * gatehouse_assertion: who signs what for whom, and the header that goes to
 * the service behind.
 */

#ifndef NGX_HTTP_GATEHOUSE_ASSERTION_H
#define NGX_HTTP_GATEHOUSE_ASSERTION_H

#include "ngx_http_gatehouse.h"

#include "gh_assertion.h"


struct ngx_http_gatehouse_assertion_s {
    gh_assertion_signer_t signer;
    gh_assertion_key_t keys[GH_ASSERTION_KEYS_MAX]; /* published */
    ngx_uint_t n_keys;                              /* 0: off */
};


/* The value of X-Principal-Assertion, in the request's pool; NGX_DECLINED:
 * off, or nobody is there. */
ngx_int_t ngx_http_gatehouse_assertion(ngx_http_gatehouse_request_t *gr,
                                       ngx_http_gatehouse_assertion_t *a,
                                       ngx_str_t *value);


#endif
