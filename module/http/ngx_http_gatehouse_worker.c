/*
 * What a worker opens at its start and closes at its end, in the order in
 * which one needs the other. A store, policies or providers that are away
 * never keep a worker from starting.
 */

#include "ngx_http_gatehouse_corridor.h"
#include "ngx_http_gatehouse_status.h"
#include "ngx_http_gatehouse_tokens.h"

#include <openssl/rand.h>

#define NGX_HTTP_GATEHOUSE_RECORDS 65536
#define NGX_HTTP_GATEHOUSE_TOKENS 4096
#define NGX_HTTP_GATEHOUSE_STALE 30000


ngx_int_t
ngx_http_gatehouse_worker_open(ngx_cycle_t *cycle,
                               ngx_http_gatehouse_main_conf_t *gmcf)
{
    ngx_queue_init(&gmcf->bound);

    gmcf->shm = ngx_gatehouse_shm(gmcf->zone);
    gmcf->cells_lock = ngx_gatehouse_shm_lock(gmcf->zone);
    gmcf->counters = ngx_gatehouse_counters(gmcf->shm);

    if (RAND_bytes((u_char *) &gmcf->sip, sizeof(gmcf->sip)) != 1) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "gatehouse: no random numbers");
        return NGX_ERROR;
    }

    ngx_http_gatehouse_limits_open(gmcf);

    gmcf->store_conf.secret = gmcf->secret;
    gmcf->store_conf.node = &gmcf->shm->node;
    gmcf->store = ngx_gatehouse_store_open(cycle, &gmcf->store_conf);
    if (gmcf->store == NULL) {
        return NGX_ERROR;
    }

    gmcf->records = ngx_gatehouse_records_create(cycle, gmcf->store,
                                                 NGX_HTTP_GATEHOUSE_RECORDS,
                                                 NGX_HTTP_GATEHOUSE_STALE);
    if (gmcf->records == NULL
        || ngx_gatehouse_records_subscribe(
               gmcf->records, ngx_http_gatehouse_weights_follow, gmcf)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_gatehouse_streams_open(gmcf) != NGX_OK) {
        return NGX_ERROR;
    }

    gmcf->quota = ngx_gatehouse_quota_create(cycle, gmcf->zone, gmcf->store);

    if (ngx_gatehouse_store_shared(gmcf->store)) {
        gmcf->leases =
            ngx_gatehouse_leases_create(cycle, gmcf->zone, gmcf->store);
        if (gmcf->leases == NULL) {
            return NGX_ERROR;
        }
    }

    gmcf->tokens =
        ngx_http_gatehouse_tokens_create(cycle, NGX_HTTP_GATEHOUSE_TOKENS);
    gmcf->fetcher = ngx_gatehouse_fetch_open(cycle);

    if (ngx_http_gatehouse_known_open(cycle, gmcf) != NGX_OK
        || ngx_http_gatehouse_signature_open(cycle, gmcf) != NGX_OK
        || ngx_http_gatehouse_sessions_open(cycle, gmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (gmcf->quota == NULL || gmcf->tokens == NULL || gmcf->fetcher == NULL) {
        return NGX_ERROR;
    }

    gmcf->keys = ngx_gatehouse_keys_open(cycle, gmcf->zone, gmcf->store,
                                         gmcf->fetcher, &gmcf->key_sources);
    gmcf->policies = ngx_gatehouse_policies_open(cycle, &gmcf->policies_conf);

    if (gmcf->keys == NULL || gmcf->policies == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_gatehouse_progress_open(cycle, gmcf);
}


void
ngx_http_gatehouse_worker_close(ngx_http_gatehouse_main_conf_t *gmcf)
{
    ngx_http_gatehouse_progress_close(gmcf);
    ngx_http_gatehouse_streams_close(gmcf);
    ngx_http_gatehouse_signature_close(gmcf);
    ngx_http_gatehouse_sessions_close(gmcf);

    if (gmcf->policies != NULL) {
        ngx_gatehouse_policies_close(gmcf->policies);
    }

    if (gmcf->keys != NULL) {
        ngx_gatehouse_keys_close(gmcf->keys);
    }

    if (gmcf->fetcher != NULL) {
        ngx_gatehouse_fetch_close(gmcf->fetcher);
    }

    if (gmcf->tokens != NULL) {
        ngx_http_gatehouse_tokens_destroy(gmcf->tokens);
    }

    ngx_http_gatehouse_known_close(gmcf);

    if (gmcf->leases != NULL) {
        ngx_gatehouse_leases_destroy(gmcf->leases);
    }

    if (gmcf->quota != NULL) {
        ngx_gatehouse_quota_destroy(gmcf->quota);
    }

    if (gmcf->records != NULL) {
        ngx_gatehouse_records_destroy(gmcf->records);
    }

    if (gmcf->store != NULL) {
        ngx_gatehouse_store_close(gmcf->store);
    }
}
