/*
 * gatehouse_redis and the address of gatehouse_store: where Redis is and who
 * asks it. Names are resolved when the configuration is read.
 */

#ifndef NGX_GATEHOUSE_REDIS_H
#define NGX_GATEHOUSE_REDIS_H

#include "ngx_gatehouse_redis_connection.h"


/* "redis://", "rediss://" or "redis=" stands before. */
ngx_uint_t ngx_gatehouse_redis_spec(ngx_str_t *spec);

/*
 * The address of a gatehouse_store line, or the block that it names out of
 * blocks (of ngx_gatehouse_redis_conf_t *, may be NULL). NGX_CONF_OK, or a
 * message that begins after "directive ", or NGX_CONF_ERROR after one.
 */
char *ngx_gatehouse_redis_find(ngx_conf_t *cf, ngx_str_t *spec,
                               ngx_array_t *blocks,
                               ngx_gatehouse_redis_conf_t **out);

/* The resolver of http, for blocks that have none of their own. */
void ngx_gatehouse_redis_resolver(ngx_array_t *blocks,
                                  ngx_resolver_t *resolver);

/* A whole block: cf stands at its beginning. As above. */
char *ngx_gatehouse_redis_block(ngx_conf_t *cf, ngx_array_t *blocks);


#endif
