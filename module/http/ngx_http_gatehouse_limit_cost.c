/*
 * What a request costs, before it is charged. Who writes a cost that cannot
 * be read has made a mistake: nobody is refused for it, nobody goes free,
 * and the log says where.
 */

#include "ngx_http_gatehouse.h"

#define NGX_HTTP_GATEHOUSE_COST_SAID 60 /* s: no more often */


ngx_int_t
ngx_http_gatehouse_limit_cost(ngx_http_request_t *r,
                              const ngx_http_gatehouse_limit_t *limit,
                              uint64_t *cost)
{
    ngx_str_t text;
    ngx_http_gatehouse_main_conf_t *gmcf;

    *cost = 1;

    if (limit->cost == NULL) {
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, limit->cost, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (gh_cost_parse(ngx_http_gatehouse_gh(text), cost) == GH_OK) {
        return NGX_OK;
    }

    gmcf = ngx_http_get_module_main_conf(r, ngx_http_gatehouse_module);

    if (gmcf->cost_said_at == 0
        || ngx_time() - gmcf->cost_said_at >= NGX_HTTP_GATEHOUSE_COST_SAID)
    {
        gmcf->cost_said_at = ngx_time();

        /* not what it is: it may come from outside */

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "gatehouse: cost_unreadable: the cost= of the limit in "
                      "%s:%ui is no whole number from 0 to %uL; it counts as "
                      "%uL",
                      limit->file, limit->line, GH_COST_MAX, *cost);
    }

    return NGX_OK;
}
