/*
 * What /status and /metrics say about people who log in: how each provider
 * is, how logins and refreshes ended.
 */

#include "ngx_http_gatehouse_oidc.h"
#include "ngx_http_gatehouse_session.h"
#include "ngx_http_gatehouse_status.h"
#include "ngx_gatehouse_logins.h"


static json_t *status_provider(ngx_http_gatehouse_main_conf_t *gmcf,
                               ngx_http_gatehouse_oidc_t *oidc);
static json_t *status_age(int64_t at_s);


json_t *
ngx_http_gatehouse_status_providers(ngx_http_gatehouse_main_conf_t *gmcf)
{
    json_t *list;
    ngx_uint_t i;
    ngx_http_gatehouse_oidc_t **oidc;

    list = json_object();
    oidc = gmcf->providers.elts;

    for (i = 0; i < gmcf->providers.nelts; i++) {
        (void) json_object_set_new_nocheck(list, (char *) oidc[i]->name.data,
                                           status_provider(gmcf, oidc[i]));
    }

    return list;
}


/* Keys and metadata are fetched one after the other, or not at all. */

static json_t *
status_provider(ngx_http_gatehouse_main_conf_t *gmcf,
                ngx_http_gatehouse_oidc_t *oidc)
{
    json_t *o;
    ngx_gatehouse_keys_state_t state;

    ngx_gatehouse_keys_state(gmcf->keys, &oidc->issuer.keys, &state);

    o = json_pack(
        "{s:s%, s:o, s:o, s:I, s:I, s:I, s:b}", "issuer",
        oidc->client.issuer.data, oidc->client.issuer.len, "metadata_age",
        status_age(state.metadata ? state.fetched_at_s : 0), "keys_age",
        status_age(state.fetched_at_s), "keys", (json_int_t) state.keys,
        "fetches", (json_int_t) state.fetches, "failures",
        (json_int_t) state.failures, "stale", (int) state.stale);

    if (o != NULL && state.why[0] != '\0') {
        (void) json_object_set_new(o, "why", json_string(state.why));
    }

    return o;
}


/* Seconds; null: never. */

static json_t *
status_age(int64_t at_s)
{
    int64_t age;

    if (at_s == 0) {
        return json_null();
    }

    age = (int64_t) ngx_time() - at_s;

    return json_integer((json_int_t) (age > 0 ? age : 0));
}


json_t *
ngx_http_gatehouse_status_sessions(ngx_http_gatehouse_main_conf_t *gmcf)
{
    return json_pack("{s:I}", "open",
                     (json_int_t) ngx_http_gatehouse_sessions_open_now(gmcf));
}


gh_rc_t
ngx_http_gatehouse_metrics_oidc(ngx_http_gatehouse_main_conf_t *gmcf,
                                const ngx_gatehouse_counters_t *sum,
                                gh_buf_t *out)
{
    gh_rc_t rc;
    gh_label_t labels[2];
    ngx_uint_t i, k;

    static const gh_str_t logins[] = {
        { "ok", 2 }, { "failed", 6 }, { "expired", 7 }, { "unavailable", 11 }
    };
    static const gh_str_t refreshes[] = { { "ok", 2 },
                                          { "failed", 6 },
                                          { "ended", 5 } };

    labels[0].name = "provider";
    labels[1].name = "result";

    rc = gh_metrics_family("gatehouse_logins_total", "counter",
                           "Logins that came back, by how they ended.", out);

    for (i = 0;
         ngx_gatehouse_login_name(gmcf->shm, i, &labels[0].value) == NGX_OK;
         i++)
    {
        for (k = 0; k < sizeof(logins) / sizeof(logins[0]) && rc == GH_OK; k++)
        {
            labels[1].value = logins[k];
            rc = gh_metrics_sample("gatehouse_logins_total", labels, 2,
                                   sum->logins[i][k], out);
        }
    }

    if (rc == GH_OK) {
        rc = gh_metrics_family("gatehouse_session_refreshes_total", "counter",
                               "Refreshes of sessions' tokens, by how they "
                               "ended.",
                               out);
    }

    for (k = 0; k < sizeof(refreshes) / sizeof(refreshes[0]) && rc == GH_OK;
         k++) {
        labels[1].value = refreshes[k];
        rc = gh_metrics_sample("gatehouse_session_refreshes_total", &labels[1],
                               1, sum->refreshes[k], out);
    }

    return rc;
}
