/*
 * gatehouse_redis NAME { ... }: a Redis that gatehouse_store can name.
 */

#include "ngx_http_gatehouse_conf.h"
#include "ngx_gatehouse_redis.h"


char *
ngx_http_gatehouse_set_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_gatehouse_main_conf_t *gmcf = conf;

    gmcf->used = 1;

    if (gmcf->store_conf.blocks == NULL) {
        gmcf->store_conf.blocks = ngx_array_create(
            cf->pool, 1, sizeof(ngx_gatehouse_redis_conf_t *));

        if (gmcf->store_conf.blocks == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    return ngx_gatehouse_redis_block(cf, gmcf->store_conf.blocks);
}
