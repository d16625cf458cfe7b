/*
 * What the service behind gets to prove itself with elsewhere: the token of
 * the caller's session, or the caller's own.
 */

#ifndef NGX_HTTP_GATEHOUSE_HANDOVER_H
#define NGX_HTTP_GATEHOUSE_HANDOVER_H

#include "ngx_http_gatehouse.h"


/* gatehouse_forward: which token goes on as Bearer. */
typedef enum {
    NGX_HTTP_GATEHOUSE_HANDOVER_NONE = 0,
    NGX_HTTP_GATEHOUSE_HANDOVER_ACCESS,
    NGX_HTTP_GATEHOUSE_HANDOVER_ID
} ngx_http_gatehouse_handover_e;


/* "Bearer TOKEN", in the request's pool; NGX_DECLINED: there is none. */
ngx_int_t ngx_http_gatehouse_handover(ngx_http_gatehouse_request_t *gr,
                                      ngx_uint_t what, ngx_str_t *value);


#endif
