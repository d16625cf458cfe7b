/*
 * The peer's own address, from the realip module's variable where that is
 * part of nginx. Without the variable the connection's address is the peer's.
 */

#include "ngx_http_gatehouse_peer.h"


ngx_uint_t
ngx_http_gatehouse_peer_among(ngx_http_request_t *r, ngx_array_t *cidrs)
{
    ngx_addr_t addr;
    ngx_str_t text;
    struct sockaddr local;
    ngx_http_variable_value_t *v;

    static ngx_str_t name = ngx_string("realip_remote_addr");

    v = ngx_http_get_variable(r, &name, ngx_hash_key(name.data, name.len));

    if (v == NULL || v->not_found) {
        return ngx_cidr_match(r->connection->sockaddr, cidrs) == NGX_OK;
    }

    text.data = v->data;
    text.len = v->len;

    if (text.len == 5 && ngx_strncmp(text.data, "unix:", 5) == 0) {
        ngx_memzero(&local, sizeof(struct sockaddr));
        local.sa_family = AF_UNIX;

        return ngx_cidr_match(&local, cidrs) == NGX_OK;
    }

    return ngx_parse_addr(r->pool, &addr, text.data, text.len) == NGX_OK
           && ngx_cidr_match(addr.sockaddr, cidrs) == NGX_OK;
}
