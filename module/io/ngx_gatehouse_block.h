/*
 * Blocks of our own in nginx.conf: DIRECTIVE NAME { members }.
 */

#ifndef NGX_GATEHOUSE_BLOCK_H
#define NGX_GATEHOUSE_BLOCK_H

#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Reads what stands between the braces: cf->args holds the words of a member
 * while member(cf, NULL, conf) is called. Afterwards messages name the
 * directive again. NGX_CONF_OK, or an error that has been said.
 */
char *ngx_gatehouse_block_parse(ngx_conf_t *cf, ngx_conf_handler_pt member,
                                void *conf);


#endif
