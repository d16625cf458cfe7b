/*
 * gatehouse_authenticate, gatehouse_api_key and gatehouse_bad_credentials:
 * who may enter a location, and by which proof.
 */

#include "ngx_http_gatehouse_conf.h"


static char *ngx_http_gatehouse_add_method(
    ngx_conf_t *cf, ngx_http_gatehouse_authenticate_t *auth, ngx_uint_t method,
    ngx_str_t *word);
static char *ngx_http_gatehouse_add_oidc(
    ngx_conf_t *cf, ngx_http_gatehouse_authenticate_t *auth, ngx_str_t *name,
    ngx_str_t *word);
static char *ngx_http_gatehouse_no_issuer(ngx_conf_t *cf, ngx_str_t *name);
static ngx_uint_t ngx_http_gatehouse_key_header_ok(ngx_str_t *name);
static ngx_uint_t ngx_http_gatehouse_token_name(ngx_str_t *name);


/*
 * gatehouse_authenticate off;
 * gatehouse_authenticate [optional] api_key token=NAME signature ...;
 */

char *
ngx_http_gatehouse_set_authenticate(ngx_conf_t *cf, ngx_command_t *cmd,
                                    void *conf)
{
    ngx_http_gatehouse_loc_conf_t *glcf = conf;

    char *rv;
    ngx_str_t *value, name;
    ngx_uint_t i;
    ngx_http_gatehouse_issuer_t *issuer;
    ngx_http_gatehouse_main_conf_t *gmcf;
    ngx_http_gatehouse_authenticate_t *auth;

    if (glcf->authenticate != NGX_CONF_UNSET_PTR) {
        return "is given twice here: put all methods on one line";
    }

    auth = ngx_pcalloc(cf->pool, sizeof(ngx_http_gatehouse_authenticate_t));
    if (auth == NULL) {
        return NGX_CONF_ERROR;
    }

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);
    gmcf->used = 1;

    glcf->authenticate = auth;
    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        auth->off = 1;
        return (cf->args->nelts == 2)
                   ? NGX_CONF_OK
                   : "\"off\" stands alone: it makes the location public";
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "optional") == 0) {
            auth->optional = 1;
            continue;
        }

        if (ngx_strcmp(value[i].data, "api_key") == 0) {
            rv = ngx_http_gatehouse_add_method(cf, auth, GH_METHOD_API_KEY,
                                               &value[i]);
            if (rv != NGX_CONF_OK) {
                return rv;
            }
            continue;
        }

        if (ngx_strcmp(value[i].data, "signature") == 0) {
            rv = ngx_http_gatehouse_add_method(cf, auth, GH_METHOD_SIGNATURE,
                                               &value[i]);
            if (rv != NGX_CONF_OK) {
                return rv;
            }
            continue;
        }

        if (ngx_http_gatehouse_option(&value[i], "token", &name)) {

            issuer = ngx_http_gatehouse_issuer_find(gmcf, &name);
            if (issuer == NULL) {
                return ngx_http_gatehouse_no_issuer(cf, &name);
            }

            if (auth->n_issuers == NGX_HTTP_GATEHOUSE_ISSUERS_MAX) {
                return "takes at most eight token issuers";
            }

            auth->issuers[auth->n_issuers++] = issuer;

            if (auth->n_issuers == 1) {
                rv = ngx_http_gatehouse_add_method(cf, auth, GH_METHOD_TOKEN,
                                                   &value[i]);
                if (rv != NGX_CONF_OK) {
                    return rv;
                }
            }
            continue;
        }

        if (ngx_http_gatehouse_option(&value[i], "oidc", &name)) {
            rv = ngx_http_gatehouse_add_oidc(cf, auth, &name, &value[i]);
            if (rv != NGX_CONF_OK) {
                return rv;
            }
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown method \"%V\" in "
                           "gatehouse_authenticate; methods are: "
                           "oidc=PROVIDER, api_key, token=ISSUER, signature, "
                           "and the words optional and off",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    if (auth->n_methods == 0) {
        return "names no method: add oidc=PROVIDER, api_key, token=ISSUER "
               "or signature, or write "
               "\"gatehouse_authenticate off;\" for a public location";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_gatehouse_add_method(ngx_conf_t *cf,
                              ngx_http_gatehouse_authenticate_t *auth,
                              ngx_uint_t method, ngx_str_t *word)
{
    ngx_uint_t i;

    for (i = 0; i < auth->n_methods; i++) {
        if (auth->methods[i] == method) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is named twice",
                               word);
            return NGX_CONF_ERROR;
        }
    }

    auth->methods[auth->n_methods++] = method;
    auth->api_key |= (method == GH_METHOD_API_KEY);
    auth->signature |= (method == GH_METHOD_SIGNATURE);

    return NGX_CONF_OK;
}


static char *
ngx_http_gatehouse_add_oidc(ngx_conf_t *cf,
                            ngx_http_gatehouse_authenticate_t *auth,
                            ngx_str_t *name, ngx_str_t *word)
{
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);
    auth->oidc = ngx_http_gatehouse_oidc_find(gmcf, name);

    if (auth->oidc == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown provider \"%V\"; declare "
                           "\"gatehouse_oidc_provider %V { issuer "
                           "https://...; client_id ...; client_secret "
                           "file:...; }\" above this line",
                           name, name);
        return NGX_CONF_ERROR;
    }

    return ngx_http_gatehouse_add_method(cf, auth, GH_METHOD_OIDC, word);
}


static char *
ngx_http_gatehouse_no_issuer(ngx_conf_t *cf, ngx_str_t *name)
{
    u_char *p, *last;
    u_char list[512];
    ngx_uint_t i;
    ngx_http_gatehouse_issuer_t **issuer;
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);
    issuer = gmcf->issuers.elts;

    p = list;
    last = list + sizeof(list);

    for (i = 0; i < gmcf->issuers.nelts; i++) {
        p = ngx_slprintf(p, last, "%s%V", i ? ", " : "", &issuer[i]->name);
    }

    if (p == list) {
        p = ngx_slprintf(p, last,
                         "none; declare \"gatehouse_token_issuer "
                         "%V { issuer https://...; audience ...; "
                         "}\" above this line",
                         name);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown token issuer \"%V\"; issuers are: %*s", name,
                       (size_t) (p - list), list);

    return NGX_CONF_ERROR;
}


/* gatehouse_api_key header=X-API-Key [query=api_key]; */

char *
ngx_http_gatehouse_set_api_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_gatehouse_loc_conf_t *glcf = conf;

    ngx_str_t *value, rest;
    ngx_uint_t i;

    if (glcf->api_key_header.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_http_gatehouse_option(&value[i], "header", &rest)
            && ngx_http_gatehouse_key_header_ok(&rest))
        {
            glcf->api_key_header = rest;
            continue;
        }

        if (ngx_http_gatehouse_option(&value[i], "query", &rest)
            && ngx_http_gatehouse_token_name(&rest))
        {
            glcf->api_key_query = rest;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unexpected \"%V\"; write "
                           "\"gatehouse_api_key header=X-API-Key;\" and, if "
                           "keys may come in the query, query=api_key",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    if (glcf->api_key_header.data == NULL) {
        ngx_str_set(&glcf->api_key_header, "X-API-Key");
    }

    return NGX_CONF_OK;
}


/* Not one that receive takes away, or that means something else. */

static ngx_uint_t
ngx_http_gatehouse_key_header_ok(ngx_str_t *name)
{
    if (name->len == sizeof("Authorization") - 1
        && ngx_strncasecmp(name->data, (u_char *) "authorization", name->len)
               == 0)
    {
        return 1;
    }

    return ngx_http_gatehouse_header_name_ok(name) == NGX_OK
           && gh_header_classify(NULL, ngx_http_gatehouse_gh(*name))
                  == GH_HEADER_KEEP;
}


/* Letters, digits, '-', '_' only: an argument name. */

static ngx_uint_t
ngx_http_gatehouse_token_name(ngx_str_t *name)
{
    u_char c;
    size_t i;

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_'))
        {
            return 0;
        }
    }

    return name->len > 0;
}
