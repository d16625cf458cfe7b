/*
 * What the files that read words about Redis share.
 */

#ifndef NGX_GATEHOUSE_REDIS_INSIDE_H
#define NGX_GATEHOUSE_REDIS_INSIDE_H

#include "ngx_gatehouse_redis.h"
#include "gh_redis_sentinel.h"


/* With the defaults, as declared where cf stands; NULL: no memory. */
ngx_gatehouse_redis_conf_t *ngx_gatehouse_redis_create(ngx_conf_t *cf);

ngx_uint_t ngx_gatehouse_redis_starts(ngx_str_t *s, const char *word);
ngx_uint_t ngx_gatehouse_redis_is(ngx_str_t *s, const char *word);
/* A message; fmt has one %V for word. */
char *ngx_gatehouse_redis_say(ngx_conf_t *cf, const char *fmt,
                              ngx_str_t *word);

/* Takes "redis://" or "rediss://" off; 1: it is the second one. */
ngx_uint_t ngx_gatehouse_redis_scheme(ngx_str_t *s);

/* [redis[s]://]HOST[:PORT][/DATABASE][?NAME=VALUE...], unix:/PATH for HOST */
char *ngx_gatehouse_redis_address(ngx_conf_t *cf, ngx_str_t s,
                                  ngx_gatehouse_redis_conf_t *rc);
/* HOST[:PORT] alone, into addrs, where and ssl_name. */
char *ngx_gatehouse_redis_resolve(ngx_conf_t *cf, ngx_str_t *address,
                                  in_port_t port,
                                  ngx_gatehouse_redis_conf_t *rc);
/* What stands in an address as in a block. */
char *ngx_gatehouse_redis_value(ngx_conf_t *cf, ngx_str_t *name,
                                ngx_str_t *value,
                                ngx_gatehouse_redis_conf_t *rc);
/* Nothing is missing, and the words go together. */
char *ngx_gatehouse_redis_finish(ngx_conf_t *cf,
                                 ngx_gatehouse_redis_conf_t *rc);


#endif
