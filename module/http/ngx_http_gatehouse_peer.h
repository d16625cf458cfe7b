/*
 * Who is at the other end of the connection, whatever nginx's realip module
 * made of it.
 */

#ifndef NGX_HTTP_GATEHOUSE_PEER_H
#define NGX_HTTP_GATEHOUSE_PEER_H

#include "ngx_http_gatehouse.h"


/* Is the peer's own address one of those (ngx_cidr_t)? The realip module may
 * have put the client's in its place, and a client that happens to have a
 * trusted address is no trusted proxy. */
ngx_uint_t ngx_http_gatehouse_peer_among(ngx_http_request_t *r,
                                         ngx_array_t *cidrs);


#endif
