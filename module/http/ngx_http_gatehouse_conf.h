/*
 * What reading the configuration takes: the setters of the directives, and
 * the helpers that they share.
 */

#ifndef NGX_HTTP_GATEHOUSE_CONF_H
#define NGX_HTTP_GATEHOUSE_CONF_H

#include "ngx_http_gatehouse.h"


char *ngx_http_gatehouse_cidrs(ngx_conf_t *cf, ngx_uint_t first,
                               ngx_array_t **out);
ngx_array_t *ngx_http_gatehouse_default_headers(ngx_conf_t *cf);
ngx_int_t ngx_http_gatehouse_header_add(ngx_conf_t *cf, ngx_str_t *name,
                                        gh_part_t part, ngx_array_t *headers);
ngx_int_t ngx_http_gatehouse_header_name_ok(ngx_str_t *name);
ngx_int_t ngx_http_gatehouse_header_make(ngx_pool_t *pool, ngx_str_t *name,
                                         ngx_http_gatehouse_header_t *header);
ngx_int_t ngx_http_gatehouse_headers_own(ngx_pool_t *pool,
                                         ngx_http_gatehouse_main_conf_t *gmcf);
char *ngx_http_gatehouse_rules_take(ngx_conf_t *cf,
                                    gh_rules_builder_t *builder,
                                    gh_str_t *out);
/* "file:PATH": true and the path. */
ngx_uint_t ngx_http_gatehouse_file_word(ngx_str_t *word, ngx_str_t *path);
/* The text of "file:PATH" without the line's end, and the private key in PEM
 * that it is; both wiped with the cycle. name is for messages. An error was
 * said. */
char *ngx_http_gatehouse_file_text(ngx_conf_t *cf, ngx_str_t *name,
                                   ngx_str_t *word, ngx_str_t *text);
EVP_PKEY *ngx_http_gatehouse_file_key(ngx_conf_t *cf, ngx_str_t *name,
                                      ngx_str_t *word);
/* Empty, wiped with the pool. */
gh_secret_t *ngx_http_gatehouse_secret_create(ngx_pool_t *pool);
/* "name=value" words: true when value[i] begins with name and '='; *rest is
 * what follows. */
ngx_uint_t ngx_http_gatehouse_option(ngx_str_t *word, const char *name,
                                     ngx_str_t *rest);
void *ngx_http_gatehouse_create_main_conf(ngx_conf_t *cf);
char *ngx_http_gatehouse_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_http_gatehouse_create_srv_conf(ngx_conf_t *cf);
char *ngx_http_gatehouse_merge_srv_conf(ngx_conf_t *cf, void *parent,
                                        void *child);
void *ngx_http_gatehouse_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_gatehouse_merge_loc_conf(ngx_conf_t *cf, void *parent,
                                        void *child);
ngx_int_t ngx_http_gatehouse_guard(ngx_conf_t *cf);
ngx_int_t ngx_http_gatehouse_add_variables(ngx_conf_t *cf);
ngx_int_t ngx_http_gatehouse_status_handler(ngx_http_request_t *r);

char *ngx_http_gatehouse_set_authenticate(ngx_conf_t *cf, ngx_command_t *cmd,
                                          void *conf);
char *ngx_http_gatehouse_set_authorize(ngx_conf_t *cf, ngx_command_t *cmd,
                                       void *conf);
char *ngx_http_gatehouse_set_limit(ngx_conf_t *cf, ngx_command_t *cmd,
                                   void *conf);
char *ngx_http_gatehouse_set_bad_credentials(ngx_conf_t *cf,
                                             ngx_command_t *cmd, void *conf);
char *ngx_http_gatehouse_set_service(ngx_conf_t *cf, ngx_command_t *cmd,
                                     void *conf);
char *ngx_http_gatehouse_set_api_key(ngx_conf_t *cf, ngx_command_t *cmd,
                                     void *conf);
char *ngx_http_gatehouse_set_signature(ngx_conf_t *cf, ngx_command_t *cmd,
                                       void *conf);
char *ngx_http_gatehouse_merge_signature(ngx_conf_t *cf,
                                         ngx_http_gatehouse_loc_conf_t *prev,
                                         ngx_http_gatehouse_loc_conf_t *conf);
char *ngx_http_gatehouse_set_principal_headers(ngx_conf_t *cf,
                                               ngx_command_t *cmd, void *conf);
char *ngx_http_gatehouse_set_forward(ngx_conf_t *cf, ngx_command_t *cmd,
                                     void *conf);
char *ngx_http_gatehouse_set_dev(ngx_conf_t *cf, ngx_command_t *cmd,
                                 void *conf);
char *ngx_http_gatehouse_set_pages(ngx_conf_t *cf, ngx_command_t *cmd,
                                   void *conf);
char *ngx_http_gatehouse_set_assertion(ngx_conf_t *cf, ngx_command_t *cmd,
                                       void *conf);
char *ngx_http_gatehouse_set_assertion_jwks(ngx_conf_t *cf, ngx_command_t *cmd,
                                            void *conf);
ngx_int_t ngx_http_gatehouse_assertion_jwks_handler(ngx_http_request_t *r);
char *ngx_http_gatehouse_set_request_id(ngx_conf_t *cf, ngx_command_t *cmd,
                                        void *conf);
char *ngx_http_gatehouse_set_target(ngx_conf_t *cf, ngx_command_t *cmd,
                                    void *conf);
char *ngx_http_gatehouse_set_trusted_proxies(ngx_conf_t *cf,
                                             ngx_command_t *cmd, void *conf);
char *ngx_http_gatehouse_set_status(ngx_conf_t *cf, ngx_command_t *cmd,
                                    void *conf);
char *ngx_http_gatehouse_set_token_issuer(ngx_conf_t *cf, ngx_command_t *cmd,
                                          void *conf);
char *ngx_http_gatehouse_set_streams(ngx_conf_t *cf, ngx_command_t *cmd,
                                     void *conf);
char *ngx_http_gatehouse_set_oidc_provider(ngx_conf_t *cf, ngx_command_t *cmd,
                                           void *conf);
char *ngx_http_gatehouse_set_secret(ngx_conf_t *cf, ngx_command_t *cmd,
                                    void *conf);
char *ngx_http_gatehouse_set_policies(ngx_conf_t *cf, ngx_command_t *cmd,
                                      void *conf);
char *ngx_http_gatehouse_set_redis(ngx_conf_t *cf, ngx_command_t *cmd,
                                   void *conf);
char *ngx_http_gatehouse_set_store(ngx_conf_t *cf, ngx_command_t *cmd,
                                   void *conf);


#endif
