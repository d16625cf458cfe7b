/*
 * A worker's table of verified tokens.
 */

#ifndef NGX_HTTP_GATEHOUSE_TOKENS_H
#define NGX_HTTP_GATEHOUSE_TOKENS_H

#include "ngx_http_gatehouse.h"


ngx_http_gatehouse_tokens_t *ngx_http_gatehouse_tokens_create(
    ngx_cycle_t *cycle, ngx_uint_t max);
void ngx_http_gatehouse_tokens_destroy(ngx_http_gatehouse_tokens_t *t);
/* For gh_jwt_parse_like. */
gh_jwt_last_t *ngx_http_gatehouse_tokens_last(ngx_http_gatehouse_tokens_t *t);
/* Borrowed; NULL when none of these issuers' policies has accepted it yet. */
ngx_http_gatehouse_token_entry_t *ngx_http_gatehouse_tokens_find(
    ngx_http_gatehouse_tokens_t *t, const gh_sipkey_t *sip, gh_str_t text,
    ngx_http_gatehouse_authenticate_t *auth);
/* Takes claims over, also on failure (NULL: no memory). */
ngx_http_gatehouse_token_entry_t *ngx_http_gatehouse_tokens_add(
    ngx_http_gatehouse_tokens_t *t, const gh_sipkey_t *sip, gh_str_t text,
    json_t *claims, ngx_http_gatehouse_issuer_t *issuer);
void ngx_http_gatehouse_tokens_drop(ngx_http_gatehouse_tokens_t *t,
                                    ngx_http_gatehouse_token_entry_t *entry);
void ngx_http_gatehouse_token_release(ngx_http_gatehouse_token_entry_t *entry);


#endif
