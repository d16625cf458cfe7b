/*
 * gatehouse_principal_headers and gatehouse_forward: what the service behind
 * is told about the caller, and under which names. Every name used anywhere
 * is taken away from outside requests everywhere.
 */

#include "ngx_http_gatehouse_conf.h"
#include "ngx_http_gatehouse_handover.h"


static char *ngx_http_gatehouse_preset(ngx_conf_t *cf, ngx_str_t *name,
                                       ngx_array_t *headers);
static char *ngx_http_gatehouse_own_header(ngx_conf_t *cf, ngx_str_t *word,
                                           ngx_array_t *headers);


/* gatehouse_principal_headers default|kong|...|off [NAME=part ...]; */

char *
ngx_http_gatehouse_set_principal_headers(ngx_conf_t *cf, ngx_command_t *cmd,
                                         void *conf)
{
    ngx_http_gatehouse_loc_conf_t *glcf = conf;

    char *rv;
    ngx_str_t *value;
    ngx_uint_t i;

    if (glcf->headers != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    glcf->headers =
        ngx_array_create(cf->pool, 8, sizeof(ngx_http_gatehouse_header_t));
    if (glcf->headers == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strlchr(value[i].data, value[i].data + value[i].len, '=')) {
            rv = ngx_http_gatehouse_own_header(cf, &value[i], glcf->headers);

        } else if (i > 1) {
            rv = "takes one preset, and it comes first";

        } else if (ngx_strcmp(value[i].data, "off") == 0) {
            rv = NGX_CONF_OK;

        } else {
            rv = ngx_http_gatehouse_preset(cf, &value[i], glcf->headers);
        }

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


/* The default preset, for a location that says nothing. */

ngx_array_t *
ngx_http_gatehouse_default_headers(ngx_conf_t *cf)
{
    ngx_http_gatehouse_main_conf_t *gmcf;

    static ngx_str_t name = ngx_string("default");

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);

    if (gmcf->default_headers != NULL) {
        return gmcf->default_headers;
    }

    gmcf->default_headers =
        ngx_array_create(cf->pool, 10, sizeof(ngx_http_gatehouse_header_t));

    if (gmcf->default_headers == NULL
        || ngx_http_gatehouse_preset(cf, &name, gmcf->default_headers)
               != NGX_CONF_OK)
    {
        return NULL;
    }

    return gmcf->default_headers;
}


static char *
ngx_http_gatehouse_preset(ngx_conf_t *cf, ngx_str_t *name,
                          ngx_array_t *headers)
{
    size_t i, n;
    ngx_str_t header;
    const gh_principal_header_t *preset;

    preset = gh_principal_preset(ngx_http_gatehouse_gh(*name), &n);

    if (preset == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown preset \"%V\"; presets are: default, "
                           "kong, oauth2-proxy, mod_auth_openidc, off",
                           name);
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < n; i++) {
        header = ngx_http_gatehouse_ngx(preset[i].name);

        if (ngx_http_gatehouse_header_add(cf, &header, preset[i].part, headers)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* "X-User=id": one header more, of one part of the principal. */

static char *
ngx_http_gatehouse_own_header(ngx_conf_t *cf, ngx_str_t *word,
                              ngx_array_t *headers)
{
    gh_part_t part;
    gh_str_t name, text, claim;
    ngx_str_t header;
    ngx_http_gatehouse_header_t *last;

    name = gh_str_cut(ngx_http_gatehouse_gh(*word), '=', &text);
    header = ngx_http_gatehouse_ngx(name);

    if (ngx_http_gatehouse_header_name_ok(&header) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" cannot be the name of a principal header; "
                           "take one of its own, such as X-User",
                           &header);
        return NGX_CONF_ERROR;
    }

    claim = GH_STR("");

    if (text.len > 6 && ngx_strncmp(text.data, "claim:", 6) == 0) {
        part = GH_PART_COUNT;
        claim.data = text.data + 6;
        claim.len = text.len - 6;

        if (!gh_principal_claim_valid(claim)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" leads to no claim: write claim:NAME or "
                               "a JSON pointer, claim:/address/country, in "
                               "which '~' is ~0 and '/' in a name is ~1",
                               word);
            return NGX_CONF_ERROR;
        }

    } else if (!gh_part_parse(text, &part)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown part \"%*s\" in \"%V\"; parts are: id, "
                           "type, name, email, groups, scopes, issuer, "
                           "consumer, method, subject, claim:POINTER",
                           text.len, text.data, word);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_gatehouse_header_add(cf, &header, part, headers) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    last = headers->elts;
    last[headers->nelts - 1].claim = claim;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_gatehouse_header_add(ngx_conf_t *cf, ngx_str_t *name, gh_part_t part,
                              ngx_array_t *headers)
{
    ngx_http_gatehouse_header_t *header;
    ngx_http_gatehouse_main_conf_t *gmcf;

    header = ngx_array_push(headers);
    if (header == NULL) {
        return NGX_ERROR;
    }

    header->part = part;
    header->claim = GH_STR("");

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);

    if (gh_header_set_add(gmcf->principal_names, ngx_http_gatehouse_gh(*name))
        != GH_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_gatehouse_header_make(cf->pool, name, header);
}


ngx_int_t
ngx_http_gatehouse_header_make(ngx_pool_t *pool, ngx_str_t *name,
                               ngx_http_gatehouse_header_t *header)
{
    header->name = *name;
    header->lowcase = ngx_pnalloc(pool, name->len + 1);
    if (header->lowcase == NULL) {
        return NGX_ERROR;
    }

    header->hash = ngx_hash_strlow(header->lowcase, name->data, name->len);

    return NGX_OK;
}


/* Of a name's real hash: by it nginx finds that a proxy_set_header of the
 * same name takes the place of ours. */

ngx_int_t
ngx_http_gatehouse_headers_own(ngx_pool_t *pool,
                               ngx_http_gatehouse_main_conf_t *gmcf)
{
    ngx_str_t trace = ngx_string("traceparent");
    ngx_str_t token = ngx_string("Authorization");
    ngx_str_t assertion = ngx_string("X-Principal-Assertion");

    return (ngx_http_gatehouse_header_make(pool, &trace, &gmcf->trace_header)
                == NGX_OK
            && ngx_http_gatehouse_header_make(pool, &token,
                                              &gmcf->token_header)
                   == NGX_OK
            && ngx_http_gatehouse_header_make(pool, &assertion,
                                              &gmcf->assertion_header)
                   == NGX_OK)
               ? NGX_OK
               : NGX_ERROR;
}


ngx_int_t
ngx_http_gatehouse_header_name_ok(ngx_str_t *name)
{
    u_char c;
    size_t i;
    ngx_uint_t n;

    static const char *never[] = {
        "host",   "connection",   "content-length", "transfer-encoding",
        "te",     "upgrade",      "trailer",        "authorization",
        "cookie", "content-type", "expect",         NULL
    };

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_'))
        {
            return NGX_ERROR;
        }
    }

    for (n = 0; never[n] != NULL; n++) {
        if (name->len == ngx_strlen(never[n])
            && ngx_strncasecmp(name->data, (u_char *) (uintptr_t) never[n],
                               name->len)
                   == 0)
        {
            return NGX_ERROR;
        }
    }

    return (name->len && name->len <= GH_HEADER_NAME_MAX) ? NGX_OK : NGX_ERROR;
}


/* gatehouse_forward access_token | id_token | credentials | off; */

char *
ngx_http_gatehouse_set_forward(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_gatehouse_loc_conf_t *glcf = conf;

    ngx_str_t *value;
    ngx_uint_t i;

    static const struct {
        const char *word;
        ngx_flag_t credentials;
        ngx_http_gatehouse_handover_e token;
    } words[] = { { "access_token", 0, NGX_HTTP_GATEHOUSE_HANDOVER_ACCESS },
                  { "id_token", 0, NGX_HTTP_GATEHOUSE_HANDOVER_ID },
                  { "credentials", 1, NGX_HTTP_GATEHOUSE_HANDOVER_NONE },
                  { "off", 0, NGX_HTTP_GATEHOUSE_HANDOVER_NONE } };

    if (glcf->forward_credentials != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {

        if (ngx_strcmp(value[1].data, words[i].word) == 0) {
            glcf->forward_credentials = words[i].credentials;
            glcf->forward_token = words[i].token;
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unexpected \"%V\" in gatehouse_forward; words are: "
                       "access_token, id_token, credentials, off",
                       &value[1]);

    return NGX_CONF_ERROR;
}
