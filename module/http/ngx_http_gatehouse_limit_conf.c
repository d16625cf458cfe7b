/*
 * gatehouse_limit and gatehouse_bad_credentials: which limits hold where. A
 * name is one counter, wherever it is used.
 */

#include "ngx_http_gatehouse_conf.h"


static char *ngx_http_gatehouse_limit_words(ngx_conf_t *cf,
                                            ngx_http_gatehouse_limit_t *limit,
                                            ngx_uint_t first);
static ngx_http_complex_value_t *ngx_http_gatehouse_limit_text(
    ngx_conf_t *cf, ngx_str_t *text);
static char *ngx_http_gatehouse_limit_costs(ngx_conf_t *cf,
                                            ngx_http_gatehouse_limit_t *limit,
                                            ngx_str_t *text);
static char *ngx_http_gatehouse_limit_rate(ngx_conf_t *cf,
                                           ngx_http_gatehouse_limit_t *limit,
                                           ngx_str_t *rate, ngx_str_t *burst);
static char *ngx_http_gatehouse_limit_known(ngx_conf_t *cf,
                                            ngx_http_gatehouse_limit_t *limit);
static char *ngx_http_gatehouse_limit_say(ngx_conf_t *cf,
                                          ngx_http_gatehouse_limit_t *limit);


/*
 * gatehouse_limit plan [cost=N];
 * gatehouse_limit name=login rate=5r/m [burst=5] [key=$variable] [cost=N];
 * gatehouse_limit off;
 */

char *
ngx_http_gatehouse_set_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_gatehouse_loc_conf_t *glcf = conf;

    char *rv;
    ngx_str_t *value, cost;
    ngx_uint_t i;
    ngx_http_gatehouse_limit_t *limit, **slot;
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);
    gmcf->used = 1;

    value = cf->args->elts;

    if (glcf->limits == NULL) {
        return "stands beside \"gatehouse_limit off;\"";
    }

    if (ngx_strcmp(value[1].data, "off") == 0) {

        if (glcf->limits != NGX_CONF_UNSET_PTR || cf->args->nelts != 2) {
            return "\"off\" stands alone";
        }

        glcf->limits = NULL;
        return NGX_CONF_OK;
    }

    limit = ngx_pcalloc(cf->pool, sizeof(ngx_http_gatehouse_limit_t));
    if (limit == NULL) {
        return NGX_CONF_ERROR;
    }

    limit->file = cf->conf_file->file.name.data;
    limit->line = cf->conf_file->line;

    if (ngx_strcmp(value[1].data, "plan") == 0) {

        limit->plan = 1;

        for (i = 2; i < cf->args->nelts; i++) {

            if (!ngx_http_gatehouse_option(&value[i], "cost", &cost)) {
                return "takes only cost= beside \"plan\": rates are in the "
                       "policies";
            }

            rv = ngx_http_gatehouse_limit_costs(cf, limit, &cost);
            if (rv != NGX_CONF_OK) {
                return rv;
            }
        }

    } else {
        rv = ngx_http_gatehouse_limit_words(cf, limit, 1);
        if (rv != NGX_CONF_OK) {
            return rv;
        }

        rv = ngx_http_gatehouse_limit_known(cf, limit);
        if (rv != NGX_CONF_OK) {
            return rv;
        }

        rv = ngx_http_gatehouse_limit_say(cf, limit);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (glcf->limits == NGX_CONF_UNSET_PTR) {
        glcf->limits = ngx_array_create(cf->pool, 2, sizeof(void *));
        if (glcf->limits == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    slot = glcf->limits->elts;

    for (i = 0; i < glcf->limits->nelts; i++) {
        if ((limit->plan && slot[i]->plan)
            || (!limit->plan && slot[i]->name.len == limit->name.len
                && ngx_memcmp(slot[i]->name.data, limit->name.data,
                              limit->name.len)
                       == 0))
        {
            return "is given twice here";
        }
    }

    slot = ngx_array_push(glcf->limits);
    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = limit;

    return NGX_CONF_OK;
}


static char *
ngx_http_gatehouse_limit_words(ngx_conf_t *cf,
                               ngx_http_gatehouse_limit_t *limit,
                               ngx_uint_t first)
{
    char *rv;
    ngx_str_t *value, rest, rate, burst;
    ngx_uint_t i;

    ngx_str_null(&rate);
    ngx_str_null(&burst);

    value = cf->args->elts;

    for (i = first; i < cf->args->nelts; i++) {

        if (ngx_http_gatehouse_option(&value[i], "name", &limit->name)
            || ngx_http_gatehouse_option(&value[i], "rate", &rate)
            || ngx_http_gatehouse_option(&value[i], "burst", &burst))
        {
            continue;
        }

        if (ngx_http_gatehouse_option(&value[i], "key", &rest)) {

            limit->key = ngx_http_gatehouse_limit_text(cf, &rest);
            if (limit->key == NULL) {
                return NGX_CONF_ERROR;
            }
            continue;
        }

        if (ngx_http_gatehouse_option(&value[i], "cost", &rest)) {

            rv = ngx_http_gatehouse_limit_costs(cf, limit, &rest);
            if (rv != NGX_CONF_OK) {
                return rv;
            }
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unexpected \"%V\"; write \"gatehouse_limit "
                           "plan;\" or \"gatehouse_limit name=login "
                           "rate=5r/m burst=5 key=$remote_addr;\"",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    if (limit->name.len == 0) {
        return "needs name=NAME: one name is one counter, wherever it is "
               "used";
    }

    if (limit->name.len > GH_NAME_MAX) {
        return "has a name of more than 64 bytes";
    }

    if (rate.len == 0) {
        return "needs rate=, for example rate=5r/m or rate=10000r/day";
    }

    return ngx_http_gatehouse_limit_rate(cf, limit, &rate, &burst);
}


static ngx_http_complex_value_t *
ngx_http_gatehouse_limit_text(ngx_conf_t *cf, ngx_str_t *text)
{
    ngx_http_complex_value_t *cv;
    ngx_http_compile_complex_value_t ccv;

    cv = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (cv == NULL) {
        return NULL;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));
    ccv.cf = cf;
    ccv.value = text;
    ccv.complex_value = cv;

    return (ngx_http_compile_complex_value(&ccv) == NGX_OK) ? cv : NULL;
}


/* A cost without variables can be judged here. */

static char *
ngx_http_gatehouse_limit_costs(ngx_conf_t *cf,
                               ngx_http_gatehouse_limit_t *limit,
                               ngx_str_t *text)
{
    uint64_t cost;

    if (limit->cost != NULL) {
        return "has cost= twice";
    }

    if (ngx_http_script_variables_count(text) == 0
        && (text->len == 0
            || gh_cost_parse(ngx_http_gatehouse_gh(*text), &cost) != GH_OK))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "cost \"%V\" is no whole number from 0 to %uL, "
                           "and no variable",
                           text, GH_COST_MAX);
        return NGX_CONF_ERROR;
    }

    limit->cost = ngx_http_gatehouse_limit_text(cf, text);

    return (limit->cost != NULL) ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_gatehouse_limit_rate(ngx_conf_t *cf,
                              ngx_http_gatehouse_limit_t *limit,
                              ngx_str_t *rate, ngx_str_t *burst)
{
    u_char text[128], *p;
    gh_str_t s;
    const char *message;

    p = burst->len
            ? ngx_snprintf(text, sizeof(text), "%V burst=%V", rate, burst)
            : ngx_snprintf(text, sizeof(text), "%V", rate);

    s.data = (char *) text;
    s.len = (size_t) (p - text);

    if (gh_limit_parse(s, &limit->limit, &message) != GH_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "limit \"%*s\": %s", s.len,
                           text, message);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* One name, one counter: the same everywhere, or it is a mistake. */

static char *
ngx_http_gatehouse_limit_known(ngx_conf_t *cf,
                               ngx_http_gatehouse_limit_t *limit)
{
    ngx_uint_t i;
    ngx_http_gatehouse_limit_t **known;
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);
    known = gmcf->limits.elts;

    for (i = 0; i < gmcf->limits.nelts; i++) {

        if (known[i]->name.len != limit->name.len
            || ngx_memcmp(known[i]->name.data, limit->name.data,
                          limit->name.len)
                   != 0)
        {
            continue;
        }

        if (ngx_memcmp(&known[i]->limit, &limit->limit, sizeof(gh_limit_t))
            == 0) {
            return NGX_CONF_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "limit \"%V\" has another rate in %s:%ui; one "
                           "name is one counter: give this one a name of "
                           "its own",
                           &limit->name, known[i]->file, known[i]->line);
        return NGX_CONF_ERROR;
    }

    known = ngx_array_push(&gmcf->limits);
    if (known == NULL) {
        return NGX_CONF_ERROR;
    }

    *known = limit;

    return NGX_CONF_OK;
}


/* A name that headers cannot say is counted all the same. */

static char *
ngx_http_gatehouse_limit_say(ngx_conf_t *cf, ngx_http_gatehouse_limit_t *limit)
{
    gh_buf_t out;
    ngx_http_gatehouse_limit_t **slot;
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);

    out.cap = GH_LIMIT_TEXT_MAX(limit->name.len);
    out.len = 0;
    out.data = ngx_pnalloc(cf->pool, out.cap);
    slot = ngx_array_push(&gmcf->limit_uses);

    if (out.data == NULL || slot == NULL) {
        return NGX_CONF_ERROR;
    }

    (void) gh_limit_text(ngx_http_gatehouse_gh(limit->name), &limit->limit,
                         &out, &limit->text);
    *slot = limit;

    return NGX_CONF_OK;
}


/* gatehouse_bad_credentials rate=10r/s [burst=50] | off; */

char *
ngx_http_gatehouse_set_bad_credentials(ngx_conf_t *cf, ngx_command_t *cmd,
                                       void *conf)
{
    ngx_http_gatehouse_loc_conf_t *glcf = conf;

    ngx_str_t *value, rate, burst;
    ngx_uint_t i;
    ngx_http_gatehouse_limit_t *limit;

    if (glcf->bad_credentials_off != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        glcf->bad_credentials_off = 1;
        glcf->bad_credentials = NULL;
        return (cf->args->nelts == 2) ? NGX_CONF_OK : "\"off\" stands alone";
    }

    ngx_str_null(&rate);
    ngx_str_null(&burst);

    for (i = 1; i < cf->args->nelts; i++) {
        if (!ngx_http_gatehouse_option(&value[i], "rate", &rate)
            && !ngx_http_gatehouse_option(&value[i], "burst", &burst))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unexpected \"%V\"; write "
                               "\"gatehouse_bad_credentials rate=10r/s "
                               "burst=50;\" or \"off\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    if (rate.len == 0) {
        return "needs rate=, for example rate=10r/s";
    }

    limit = ngx_pcalloc(cf->pool, sizeof(ngx_http_gatehouse_limit_t));
    if (limit == NULL) {
        return NGX_CONF_ERROR;
    }

    glcf->bad_credentials_off = 0;
    glcf->bad_credentials = limit;
    ngx_str_set(&limit->name, "bad-credentials");

    if (ngx_http_gatehouse_limit_rate(cf, limit, &rate, &burst) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (limit->limit.kind != GH_LIMIT_RATE) {
        return "takes a rate per second, minute or hour";
    }

    return NGX_CONF_OK;
}
