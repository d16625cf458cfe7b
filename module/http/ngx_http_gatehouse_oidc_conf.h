/*
 * What the files that read gatehouse_oidc_provider blocks share.
 */

#ifndef NGX_HTTP_GATEHOUSE_OIDC_CONF_H
#define NGX_HTTP_GATEHOUSE_OIDC_CONF_H

#include "ngx_http_gatehouse_conf.h"
#include "ngx_http_gatehouse_oidc.h"


/* Members that name a file; value: the line's words. NGX_CONF_OK or an error
 * that has been said. */
char *ngx_http_gatehouse_oidc_secret(ngx_conf_t *cf,
                                     ngx_http_gatehouse_oidc_t *oidc,
                                     ngx_str_t *value);
char *ngx_http_gatehouse_oidc_key(ngx_conf_t *cf,
                                  ngx_http_gatehouse_oidc_t *oidc,
                                  ngx_str_t *value);

/* Letters, digits, '-' and '_', at most max. */
ngx_uint_t ngx_http_gatehouse_oidc_name_ok(ngx_str_t *name, size_t max);

/* NGX_CONF_OK, or a message that begins after the directive's name. */
char *ngx_http_gatehouse_oidc_finish(ngx_conf_t *cf,
                                     ngx_http_gatehouse_oidc_t *oidc);
/* The issuer that a finished block is: its keys, and its access tokens where
 * an audience is named. */
char *ngx_http_gatehouse_oidc_issuer(ngx_conf_t *cf,
                                     ngx_http_gatehouse_main_conf_t *gmcf,
                                     ngx_http_gatehouse_oidc_t *oidc);


#endif
