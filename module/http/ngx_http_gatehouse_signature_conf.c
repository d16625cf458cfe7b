/*
 * gatehouse_signature: what a location requires of message signatures, and
 * how it tells callers.
 */

#include "ngx_http_gatehouse_conf.h"
#include "ngx_http_gatehouse_signature.h"

#define NGX_HTTP_GATEHOUSE_SIGNATURE_SKEW_MAX 3600
#define NGX_HTTP_GATEHOUSE_SIGNATURE_AHEAD_MAX 60


static char *ngx_http_gatehouse_signature_word(
    ngx_conf_t *cf, ngx_http_gatehouse_signature_conf_t *conf,
    ngx_str_t *word);
static ngx_http_gatehouse_signature_conf_t *
ngx_http_gatehouse_signature_create(ngx_conf_t *cf);
static char *ngx_http_gatehouse_signature_components(
    ngx_conf_t *cf, ngx_http_gatehouse_signature_conf_t *conf,
    ngx_str_t *list);
static char *ngx_http_gatehouse_signature_add(
    ngx_conf_t *cf, ngx_http_gatehouse_signature_conf_t *conf, gh_str_t name,
    size_t max);
static ngx_uint_t ngx_http_gatehouse_signature_name(gh_str_t name);
static ngx_uint_t ngx_http_gatehouse_signature_seconds(ngx_str_t *text,
                                                       int64_t max,
                                                       int64_t *out);
static ngx_uint_t ngx_http_gatehouse_signature_key_text(ngx_str_t *text);
static char *ngx_http_gatehouse_signature_finish(
    ngx_conf_t *cf, ngx_http_gatehouse_signature_conf_t *conf);
static ngx_http_gatehouse_signature_conf_t *
ngx_http_gatehouse_signature_default(ngx_conf_t *cf,
                                     ngx_http_gatehouse_main_conf_t *gmcf);
static ngx_int_t ngx_http_gatehouse_signature_accept(
    ngx_conf_t *cf, ngx_http_gatehouse_signature_conf_t *conf,
    ngx_uint_t digest, ngx_str_t *out);


/*
 * gatehouse_signature [components=NAME,...] [skew=60s] [ahead=5s]
 *                     [nonce=required|optional] [label=LABEL] [tag=TEXT];
 */

char *
ngx_http_gatehouse_set_signature(ngx_conf_t *cf, ngx_command_t *cmd,
                                 void *conf)
{
    ngx_http_gatehouse_loc_conf_t *glcf = conf;

    char *rv;
    ngx_str_t *value;
    ngx_uint_t i;

    if (glcf->signature != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    glcf->signature = ngx_http_gatehouse_signature_create(cf);
    if (glcf->signature == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        rv = ngx_http_gatehouse_signature_word(cf, glcf->signature, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return ngx_http_gatehouse_signature_finish(cf, glcf->signature);
}


static ngx_http_gatehouse_signature_conf_t *
ngx_http_gatehouse_signature_create(ngx_conf_t *cf)
{
    ngx_http_gatehouse_signature_conf_t *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_gatehouse_signature_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->policy.skew_s = NGX_HTTP_GATEHOUSE_SIGNATURE_SKEW;
    conf->policy.ahead_s = NGX_HTTP_GATEHOUSE_SIGNATURE_AHEAD;
    conf->policy.nonce_required = true;

    return conf;
}


static char *
ngx_http_gatehouse_signature_word(ngx_conf_t *cf,
                                  ngx_http_gatehouse_signature_conf_t *conf,
                                  ngx_str_t *word)
{
    ngx_str_t rest;
    gh_signature_policy_t *p;

    p = &conf->policy;

    if (ngx_http_gatehouse_option(word, "components", &rest)) {
        return ngx_http_gatehouse_signature_components(cf, conf, &rest);
    }

    if (ngx_http_gatehouse_option(word, "skew", &rest)) {
        return ngx_http_gatehouse_signature_seconds(
                   &rest, NGX_HTTP_GATEHOUSE_SIGNATURE_SKEW_MAX, &p->skew_s)
                       && p->skew_s > 0
                   ? NGX_CONF_OK
                   : "takes skew= from 1s to 1h";
    }

    if (ngx_http_gatehouse_option(word, "ahead", &rest)) {
        return ngx_http_gatehouse_signature_seconds(
                   &rest, NGX_HTTP_GATEHOUSE_SIGNATURE_AHEAD_MAX, &p->ahead_s)
                   ? NGX_CONF_OK
                   : "takes ahead= from 0s to 60s";
    }

    if (ngx_strcmp(word->data, "nonce=required") == 0
        || ngx_strcmp(word->data, "nonce=optional") == 0)
    {
        p->nonce_required = (word->data[6] == 'r');
        return NGX_CONF_OK;
    }

    if (ngx_http_gatehouse_option(word, "label", &rest)
        && ngx_http_gatehouse_signature_key_text(&rest))
    {
        p->label = ngx_http_gatehouse_gh(rest);
        return NGX_CONF_OK;
    }

    if (ngx_http_gatehouse_option(word, "tag", &rest)
        && ngx_http_gatehouse_signature_key_text(&rest))
    {
        p->tag = ngx_http_gatehouse_gh(rest);
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unexpected \"%V\" in gatehouse_signature; words are: "
                       "components=NAME,... skew=60s ahead=5s "
                       "nonce=required|optional label=LABEL tag=TEXT",
                       word);
    return NGX_CONF_ERROR;
}


static ngx_uint_t
ngx_http_gatehouse_signature_seconds(ngx_str_t *text, int64_t max,
                                     int64_t *out)
{
    *out = ngx_parse_time(text, 1);

    return *out != NGX_ERROR && *out <= max;
}


/* What a key of a dictionary is made of, which needs no escapes. */

static ngx_uint_t
ngx_http_gatehouse_signature_key_text(ngx_str_t *text)
{
    size_t i;
    u_char c;

    for (i = 0; i < text->len; i++) {
        c = text->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9' && i > 0)
              || ((c == '-' || c == '_' || c == '.') && i > 0)))
        {
            return 0;
        }
    }

    return text->len > 0;
}


static char *
ngx_http_gatehouse_signature_components(
    ngx_conf_t *cf, ngx_http_gatehouse_signature_conf_t *conf, ngx_str_t *list)
{
    char *rv;
    size_t max;
    ngx_uint_t i;
    gh_str_t rest, name;

    if (conf->policy.components != NULL) {
        return "names components= twice";
    }

    max = 1;

    for (i = 0; i < list->len; i++) {
        max += (list->data[i] == ',');
    }

    conf->policy.components = ngx_palloc(cf->pool, max * sizeof(gh_str_t));
    if (conf->policy.components == NULL) {
        return NGX_CONF_ERROR;
    }

    rest = ngx_http_gatehouse_gh(*list);

    while (rest.data != NULL) {
        name = gh_str_cut(rest, ',', &rest);

        rv = ngx_http_gatehouse_signature_add(cf, conf, name, max);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_gatehouse_signature_add(ngx_conf_t *cf,
                                 ngx_http_gatehouse_signature_conf_t *conf,
                                 gh_str_t name, size_t max)
{
    size_t i;
    gh_str_t *names;
    ngx_str_t word;
    gh_signature_policy_t *p;

    p = &conf->policy;
    names = (gh_str_t *) (uintptr_t) p->components;
    word = ngx_http_gatehouse_ngx(name);

    if (!ngx_http_gatehouse_signature_name(name)
        || max >= GH_SIGBASE_COMPONENTS_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown component \"%V\" in gatehouse_signature; "
                           "components are: @method, @target-uri, @authority, "
                           "@scheme, @request-target, @path, @query, and "
                           "names of headers in lower case",
                           &word);
        return NGX_CONF_ERROR;
    }

    if (gh_str_eq(name, GH_STR("content-digest"))) {
        p->digest = true;
        return NGX_CONF_OK;
    }

    for (i = 0; i < p->n_components; i++) {
        if (gh_str_eq(names[i], name)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is named twice",
                               &word);
            return NGX_CONF_ERROR;
        }
    }

    names[p->n_components++] = name;

    return NGX_CONF_OK;
}


/* A component without parameters, which a request can have. */

static ngx_uint_t
ngx_http_gatehouse_signature_name(gh_str_t name)
{
    char text[256];
    gh_buf_t out;
    gh_str_t list;
    gh_component_t component;

    out.data = text;
    out.len = 0;
    out.cap = sizeof(text);

    if (gh_sfv_add_string(name, &out) != GH_OK) {
        return 0;
    }

    list = gh_buf_str(&out);

    return gh_component_next(&list, &component) == GH_OK && list.len == 0;
}


static char *
ngx_http_gatehouse_signature_finish(ngx_conf_t *cf,
                                    ngx_http_gatehouse_signature_conf_t *conf)
{
    gh_signature_policy_t *p;

    static const gh_str_t usual[] = {
        { "@method", 7 }, { "@authority", 10 }, { "@path", 5 }, { "@query", 6 }
    };

    p = &conf->policy;

    if (p->components == NULL) {
        p->components = usual;
        p->n_components = sizeof(usual) / sizeof(usual[0]);
        p->digest = true;

    } else if (!p->digest) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "gatehouse_signature does not require "
                           "content-digest: whoever is on the way can change "
                           "the body");
    }

    if (ngx_http_gatehouse_signature_accept(cf, conf, 0, &conf->accept)
            != NGX_OK
        || ngx_http_gatehouse_signature_accept(cf, conf, p->digest,
                                               &conf->accept_body)
               != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* sig=("@method" ...);created;tag="..." (RFC 9421 section 5.1). */

static ngx_int_t
ngx_http_gatehouse_signature_accept(ngx_conf_t *cf,
                                    ngx_http_gatehouse_signature_conf_t *conf,
                                    ngx_uint_t digest, ngx_str_t *out)
{
    size_t i, len;
    u_char *p, *last;
    ngx_str_t label, tag, name;
    gh_signature_policy_t *policy;

    policy = &conf->policy;
    tag = ngx_http_gatehouse_ngx(policy->tag);
    label = ngx_http_gatehouse_ngx(policy->label);

    if (label.len == 0) {
        ngx_str_set(&label, "sig");
    }

    len = label.len + tag.len + 64;

    for (i = 0; i < policy->n_components; i++) {
        len += policy->components[i].len + 3;
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    out->data = p;
    last = p + len;
    p = ngx_slprintf(p, last, "%V=(", &label);

    for (i = 0; i < policy->n_components; i++) {
        name = ngx_http_gatehouse_ngx(policy->components[i]);
        p = ngx_slprintf(p, last, "%s\"%V\"", i ? " " : "", &name);
    }

    if (digest) {
        p = ngx_slprintf(p, last, "%s\"content-digest\"", i ? " " : "");
    }

    p = ngx_slprintf(p, last, ");created");

    if (tag.len != 0) {
        p = ngx_slprintf(p, last, ";tag=\"%V\"", &tag);
    }

    out->len = (size_t) (p - out->data);

    return NGX_OK;
}


static ngx_http_gatehouse_signature_conf_t *
ngx_http_gatehouse_signature_default(ngx_conf_t *cf,
                                     ngx_http_gatehouse_main_conf_t *gmcf)
{
    if (gmcf->signature == NULL) {

        gmcf->signature = ngx_http_gatehouse_signature_create(cf);

        if (gmcf->signature == NULL
            || ngx_http_gatehouse_signature_finish(cf, gmcf->signature)
                   != NGX_CONF_OK)
        {
            return NULL;
        }
    }

    return gmcf->signature;
}


/* After gatehouse_authenticate: what nobody uses widens nothing. */

char *
ngx_http_gatehouse_merge_signature(ngx_conf_t *cf,
                                   ngx_http_gatehouse_loc_conf_t *prev,
                                   ngx_http_gatehouse_loc_conf_t *conf)
{
    gh_signature_policy_t *p;
    ngx_http_gatehouse_main_conf_t *gmcf;

    if (conf->signature == NGX_CONF_UNSET_PTR) {
        conf->signature = prev->signature;
    }

    if (conf->authenticate == NULL || !conf->authenticate->signature) {
        return NGX_CONF_OK;
    }

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);

    if (conf->signature == NGX_CONF_UNSET_PTR) {

        conf->signature = ngx_http_gatehouse_signature_default(cf, gmcf);
        if (conf->signature == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    p = &conf->signature->policy;

    gmcf->signature_skew_s = ngx_max(gmcf->signature_skew_s, p->skew_s);
    gmcf->signature_ahead_s = ngx_max(gmcf->signature_ahead_s, p->ahead_s);

    return NGX_CONF_OK;
}
