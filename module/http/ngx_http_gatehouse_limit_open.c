/*
 * What counters and headers need of a limit whatever the request: its hash
 * and its text, made once, for each line of the configuration and for each
 * plan of a set of policies.
 */

#include "ngx_http_gatehouse.h"


static uint64_t ngx_http_gatehouse_limit_hash(gh_sipkey_t *key, gh_str_t kind,
                                              gh_str_t scope, gh_str_t name,
                                              const gh_limit_t *limit);


void
ngx_http_gatehouse_limits_open(ngx_http_gatehouse_main_conf_t *gmcf)
{
    ngx_uint_t i;
    ngx_http_gatehouse_limit_t **limit;

    limit = gmcf->limit_uses.elts;

    for (i = 0; i < gmcf->limit_uses.nelts; i++) {
        limit[i]->hash = ngx_http_gatehouse_limit_hash(
            &gmcf->shm->sip, GH_STR("name"), GH_STR(""),
            ngx_http_gatehouse_gh(limit[i]->name), &limit[i]->limit);
    }
}


ngx_int_t
ngx_http_gatehouse_bind_plan(ngx_http_gatehouse_main_conf_t *gmcf,
                             const gh_image_t *im, uint32_t index,
                             ngx_http_gatehouse_bound_t *bound)
{
    uint32_t i;
    gh_buf_t out;
    gh_str_t name;
    const gh_image_plan_t *plan;
    const gh_image_limit_t *limits;
    ngx_http_gatehouse_plan_limit_t *made;

    plan = gh_image_plan(im, index);
    limits = gh_image_at(im, plan->limits);

    made = ngx_pcalloc(bound->pool, (plan->limits.n + 1) * sizeof(*made));
    if (made == NULL) {
        return NGX_ERROR;
    }

    bound->plans[index] = made;

    for (i = 0; i < plan->limits.n; i++) {
        name = gh_image_str(im, limits[i].name);

        out.cap = GH_LIMIT_TEXT_MAX(name.len);
        out.len = 0;
        out.data = ngx_pnalloc(bound->pool, out.cap);
        if (out.data == NULL) {
            return NGX_ERROR;
        }

        (void) gh_limit_text(name, &limits[i].limit, &out, &made[i].text);

        made[i].hash = ngx_http_gatehouse_limit_hash(
            &gmcf->shm->sip, GH_STR("plan"), gh_image_str(im, plan->name),
            name, &limits[i].limit);
    }

    return NGX_OK;
}


/* Each word with its length, so that no two names run into each other. A
 * changed quota begins anew. */

static uint64_t
ngx_http_gatehouse_limit_hash(gh_sipkey_t *key, gh_str_t kind, gh_str_t scope,
                              gh_str_t name, const gh_limit_t *limit)
{
    size_t i;
    uint64_t parts[4];
    gh_str_t s;

    const gh_str_t words[] = { kind, scope, name };

    for (i = 0; i < 3; i++) {
        parts[i] = gh_siphash(key, words[i]);
    }

    parts[3] = (limit->kind == GH_LIMIT_QUOTA) ? limit->amount : 0;

    s.data = (const char *) parts;
    s.len = sizeof(parts);

    return gh_siphash(key, s);
}
