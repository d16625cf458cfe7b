/*
 * The /metrics page: the workers' slots summed up in Prometheus's exposition
 * format. Labels are declared names only.
 */

#include "ngx_http_gatehouse_status.h"


typedef struct {
    ngx_http_gatehouse_main_conf_t *gmcf;
    gh_buf_t *out;
    gh_rc_t rc; /* the first that did not fit */
} ngx_http_gatehouse_page_t;


static void ngx_http_gatehouse_metrics_family(ngx_http_gatehouse_page_t *p,
                                              const char *name,
                                              const char *type,
                                              const char *help);
static void ngx_http_gatehouse_metrics_sample(ngx_http_gatehouse_page_t *p,
                                              const char *name,
                                              const gh_label_t *labels,
                                              size_t n, uint64_t value);
static void ngx_http_gatehouse_metrics_build(ngx_http_gatehouse_page_t *p);
static void ngx_http_gatehouse_metrics_decisions(ngx_http_gatehouse_page_t *p);
static void ngx_http_gatehouse_metrics_series(ngx_http_gatehouse_page_t *p);
static void ngx_http_gatehouse_metrics_policies(ngx_http_gatehouse_page_t *p);
static void ngx_http_gatehouse_metrics_store(ngx_http_gatehouse_page_t *p);
static void ngx_http_gatehouse_metrics_memory(ngx_http_gatehouse_page_t *p);
static void ngx_http_gatehouse_metrics_replay(ngx_http_gatehouse_page_t *p);


ngx_int_t
ngx_http_gatehouse_metrics(ngx_http_request_t *r, gh_buf_t *out,
                           ngx_uint_t *status)
{
    ngx_http_gatehouse_page_t p;

    p.gmcf = ngx_http_get_module_main_conf(r, ngx_http_gatehouse_module);
    p.out = out;
    p.rc = GH_OK;

    ngx_http_gatehouse_metrics_build(&p);
    ngx_http_gatehouse_metrics_decisions(&p);
    ngx_http_gatehouse_metrics_series(&p);
    ngx_http_gatehouse_metrics_policies(&p);
    ngx_http_gatehouse_metrics_store(&p);
    ngx_http_gatehouse_metrics_memory(&p);

    return (p.rc == GH_OK) ? NGX_OK : NGX_DECLINED;
}


static void
ngx_http_gatehouse_metrics_family(ngx_http_gatehouse_page_t *p,
                                  const char *name, const char *type,
                                  const char *help)
{
    if (p->rc == GH_OK) {
        p->rc = gh_metrics_family(name, type, help, p->out);
    }
}


static void
ngx_http_gatehouse_metrics_sample(ngx_http_gatehouse_page_t *p,
                                  const char *name, const gh_label_t *labels,
                                  size_t n, uint64_t value)
{
    if (p->rc == GH_OK) {
        p->rc = gh_metrics_sample(name, labels, n, value, p->out);
    }
}


static void
ngx_http_gatehouse_metrics_build(ngx_http_gatehouse_page_t *p)
{
    gh_label_t labels[2];

    labels[0].name = "version";
    labels[0].value = GH_STR(GH_VERSION);
    labels[1].name = "nginx";
    labels[1].value = GH_STR(NGINX_VERSION);

    ngx_http_gatehouse_metrics_family(p, "gatehouse_build_info", "gauge",
                                      "What runs here.");
    ngx_http_gatehouse_metrics_sample(p, "gatehouse_build_info", labels, 2, 1);
}


static void
ngx_http_gatehouse_metrics_decisions(ngx_http_gatehouse_page_t *p)
{
    uint64_t n;
    gh_label_t labels[3];
    ngx_uint_t reason, method;
    ngx_gatehouse_counters_t sum;

    ngx_gatehouse_counters_sum(p->gmcf->shm, &sum);

    ngx_http_gatehouse_metrics_family(p, "gatehouse_decisions_total",
                                      "counter",
                                      "Requests by decision, reason and "
                                      "method.");

    for (reason = 1; reason < GH_REASON_COUNT; reason++) {
        for (method = 0; method < GH_METHOD_COUNT; method++) {

            n = sum.reasons[reason][method];

            if (n == 0) {
                continue;
            }

            labels[0].name = "decision";
            labels[0].value = gh_reason_admits(reason) ? GH_STR("allowed")
                                                       : GH_STR("refused");
            labels[1].name = "reason";
            labels[1].value = gh_reason_info(reason)->word;
            labels[2].name = "method";
            labels[2].value = method ? gh_method_word(method) : GH_STR("none");

            ngx_http_gatehouse_metrics_sample(p, "gatehouse_decisions_total",
                                              labels, 3, n);
        }
    }

    labels[0].name = "result";
    labels[0].value = GH_STR("hit");

    ngx_http_gatehouse_metrics_family(p, "gatehouse_token_cache_total",
                                      "counter",
                                      "Bearer tokens by whether they were "
                                      "verified before.");
    ngx_http_gatehouse_metrics_sample(p, "gatehouse_token_cache_total", labels,
                                      1, sum.token_cache_hits);
    labels[0].value = GH_STR("miss");
    ngx_http_gatehouse_metrics_sample(p, "gatehouse_token_cache_total", labels,
                                      1, sum.token_cache_misses);

    ngx_http_gatehouse_metrics_family(p, "gatehouse_headers_removed_total",
                                      "counter",
                                      "Request headers taken away.");
    ngx_http_gatehouse_metrics_sample(p, "gatehouse_headers_removed_total",
                                      NULL, 0, sum.headers_removed);

    if (p->rc == GH_OK) {
        p->rc = ngx_http_gatehouse_metrics_oidc(p->gmcf, &sum, p->out);
    }
}


static void
ngx_http_gatehouse_metrics_series(ngx_http_gatehouse_page_t *p)
{
    size_t i;
    gh_label_t labels[4];
    gh_series_t sum;
    ngx_uint_t pass, class;
    ngx_gatehouse_shm_t *shm;

    static const gh_str_t classes[] = { { "other", 5 }, { "1xx", 3 },
                                        { "2xx", 3 },   { "3xx", 3 },
                                        { "4xx", 3 },   { "5xx", 3 } };

    shm = p->gmcf->shm;

    for (pass = 0; pass < 4 && p->rc == GH_OK; pass++) {

        switch (pass) {

        case 0:
            ngx_http_gatehouse_metrics_family(
                p, "gatehouse_requests_total", "counter",
                "Requests by service, version, deployment and status.");
            break;

        case 1:
            ngx_http_gatehouse_metrics_family(
                p, "gatehouse_request_duration_seconds", "histogram",
                "From the first byte read to the last one sent.");
            break;

        case 2:
            ngx_http_gatehouse_metrics_family(
                p, "gatehouse_upstream_duration_seconds", "histogram",
                "What the deployments took, each try by itself.");
            break;

        default:
            ngx_http_gatehouse_metrics_family(
                p, "gatehouse_upstream_failures_total", "counter",
                "Tries that failed or answered 5xx.");
            break;
        }

        for (i = 0; i < shm->series_max && p->rc == GH_OK; i++) {

            if (ngx_gatehouse_series_name(shm, i, &labels[0].value,
                                          &labels[1].value, &labels[2].value)
                != NGX_OK)
            {
                continue;
            }

            ngx_gatehouse_series_sum(shm, i, &sum);

            if (sum.duration.count == 0) {
                continue;
            }

            labels[0].name = "service";
            labels[1].name = "version";
            labels[2].name = "deployment";

            switch (pass) {

            case 0:
                labels[3].name = "status";

                for (class = 0; class < 6; class ++) {
                    labels[3].value = classes[class];

                    if (sum.requests[class] != 0) {
                        ngx_http_gatehouse_metrics_sample(
                            p, "gatehouse_requests_total", labels, 4,
                            sum.requests[class]);
                    }
                }
                break;

            case 1:
                p->rc =
                    gh_metrics_histogram("gatehouse_request_duration_seconds",
                                         labels, 3, &sum.duration, p->out);
                break;

            case 2:
                p->rc =
                    gh_metrics_histogram("gatehouse_upstream_duration_seconds",
                                         labels, 3, &sum.upstream, p->out);
                break;

            default:
                ngx_http_gatehouse_metrics_sample(
                    p, "gatehouse_upstream_failures_total", labels, 3,
                    sum.upstream_failures);
                break;
            }
        }
    }
}


static void
ngx_http_gatehouse_metrics_policies(ngx_http_gatehouse_page_t *p)
{
    ngx_gatehouse_shm_t *shm;

    shm = p->gmcf->shm;

    ngx_http_gatehouse_metrics_family(p, "gatehouse_policies_generation",
                                      "gauge", "The policy set in force.");
    ngx_http_gatehouse_metrics_sample(p, "gatehouse_policies_generation", NULL,
                                      0, shm->policy_generation);
    ngx_http_gatehouse_metrics_family(p, "gatehouse_policies_invalid", "gauge",
                                      "1 while the newest set is refused.");
    ngx_http_gatehouse_metrics_sample(p, "gatehouse_policies_invalid", NULL, 0,
                                      shm->policy_invalid);
}


static void
ngx_http_gatehouse_metrics_store(ngx_http_gatehouse_page_t *p)
{
    size_t i;
    gh_label_t label;
    ngx_gatehouse_counters_t sum;
    ngx_gatehouse_store_state_t state;

    static const char *what[] = { "store", "keys", "limits", "policies" };

    ngx_gatehouse_store_state(p->gmcf->store, &state);

    ngx_http_gatehouse_metrics_family(p, "gatehouse_store_available", "gauge",
                                      "1 while the store answers.");
    ngx_http_gatehouse_metrics_sample(p, "gatehouse_store_available", NULL, 0,
                                      state.available);

    ngx_http_gatehouse_metrics_family(p, "gatehouse_degraded_since_seconds",
                                      "gauge",
                                      "When a degradation began; 0: none.");

    label.name = "what";

    for (i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
        label.value = gh_str(what[i]);
        ngx_http_gatehouse_metrics_sample(
            p, "gatehouse_degraded_since_seconds", &label, 1,
            p->gmcf->shm->degraded_since[i]);
    }

    ngx_gatehouse_counters_sum(p->gmcf->shm, &sum);

    ngx_http_gatehouse_metrics_family(
        p, "gatehouse_degraded_decisions_total", "counter",
        "Limits that this node decided by its own share.");

    label.value = GH_STR("limits");
    ngx_http_gatehouse_metrics_sample(
        p, "gatehouse_degraded_decisions_total", &label, 1,
        sum.degraded[NGX_GATEHOUSE_DEGRADED_LIMITS]);
}


static void
ngx_http_gatehouse_metrics_memory(ngx_http_gatehouse_page_t *p)
{
    size_t i;
    gh_label_t label;
    gh_cells_stats_t stats[2];

    static const char *what[] = { "rates", "quotas" };

    gh_cells_stats(p->gmcf->shm->rates, &stats[0]);
    gh_cells_stats(p->gmcf->shm->quotas, &stats[1]);

    label.name = "table";

    ngx_http_gatehouse_metrics_family(p, "gatehouse_cells_used", "gauge",
                                      "Limit cells in use.");

    for (i = 0; i < 2; i++) {
        label.value = gh_str(what[i]);
        ngx_http_gatehouse_metrics_sample(p, "gatehouse_cells_used", &label, 1,
                                          stats[i].used);
    }

    ngx_http_gatehouse_metrics_family(p, "gatehouse_cells_evicted_total",
                                      "counter",
                                      "Live limit cells given up for want of "
                                      "memory.");

    for (i = 0; i < 2; i++) {
        label.value = gh_str(what[i]);
        ngx_http_gatehouse_metrics_sample(p, "gatehouse_cells_evicted_total",
                                          &label, 1, stats[i].evictions);
    }

    ngx_http_gatehouse_metrics_replay(p);
}


/* Nonces and ids that were used and are remembered. */

static void
ngx_http_gatehouse_metrics_replay(ngx_http_gatehouse_page_t *p)
{
    size_t i;
    uint64_t value[3];
    gh_replay_stats_t stats;

    static const struct {
        const char *name, *type, *help;
    } families[] = {
        { "gatehouse_replay_used", "gauge", "Nonces remembered now." },
        { "gatehouse_replay_room", "gauge", "Nonces that fit at once." },
        { "gatehouse_replay_full_total", "counter",
          "Requests refused because no nonce could be remembered." }
    };

    gh_replay_stats(p->gmcf->shm->replay, ngx_time(), &stats);

    value[0] = stats.live;
    value[1] = stats.room;
    value[2] = stats.full;

    for (i = 0; i < 3; i++) {
        ngx_http_gatehouse_metrics_family(p, families[i].name,
                                          families[i].type, families[i].help);
        ngx_http_gatehouse_metrics_sample(p, families[i].name, NULL, 0,
                                          value[i]);
    }
}
