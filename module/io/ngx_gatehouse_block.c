/*
 * Blocks of our own in nginx.conf, by nginx's parser.
 */

#include "ngx_gatehouse_block.h"


char *
ngx_gatehouse_block_parse(ngx_conf_t *cf, ngx_conf_handler_pt member,
                          void *conf)
{
    char *rv;
    ngx_str_t *value, directive;
    ngx_conf_t save;

    value = cf->args->elts;
    directive = value[0];
    save = *cf;

    cf->handler = member;
    cf->handler_conf = conf;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    /* the words of the last member stand there, and may stand elsewhere */

    value = cf->args->elts;
    value[0] = directive;

    return rv;
}
