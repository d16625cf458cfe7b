/*
 * The worker's table of open sessions, for the files that look into it.
 */

#ifndef NGX_HTTP_GATEHOUSE_SESSION_H
#define NGX_HTTP_GATEHOUSE_SESSION_H

#include "ngx_http_gatehouse_oidc.h"


/* Listed in the table, made when absent; NULL: not a cookie of ours, or no
 * memory. Borrowed until the next event. */
ngx_http_gatehouse_session_entry_t *ngx_http_gatehouse_session_find(
    ngx_http_gatehouse_main_conf_t *gmcf, ngx_http_gatehouse_oidc_t *oidc,
    gh_str_t cookie);
/* Another entry for the same cookie, nothing opened, not listed. NULL without
 * memory. */
ngx_http_gatehouse_session_entry_t *ngx_http_gatehouse_session_copy(
    const ngx_http_gatehouse_session_entry_t *entry);
/* Puts an entry into the table, which holds it then; takes it out. */
void ngx_http_gatehouse_session_list(
    ngx_http_gatehouse_session_entry_t *entry);
void ngx_http_gatehouse_session_unlist(
    ngx_http_gatehouse_session_entry_t *entry);
/* How many a worker has open. */
ngx_uint_t ngx_http_gatehouse_sessions_open_now(
    ngx_http_gatehouse_main_conf_t *gmcf);


#endif
