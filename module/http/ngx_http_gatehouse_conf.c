/*
 * The three levels of configuration: how they begin, how an inner level
 * takes over from the outer one, and the directives that stand for the whole
 * http block. Those of a station are in the station's own _conf file.
 */

#include "ngx_http_gatehouse_conf.h"


static void ngx_http_gatehouse_names_free(void *data);
static ngx_int_t ngx_http_gatehouse_add_place(
    ngx_conf_t *cf, ngx_http_gatehouse_loc_conf_t *outer,
    ngx_http_gatehouse_loc_conf_t *glcf);
static void ngx_http_gatehouse_here(ngx_conf_t *cf, ngx_str_t *file,
                                    ngx_uint_t *line);


void *
ngx_http_gatehouse_create_main_conf(ngx_conf_t *cf)
{
    ngx_pool_cleanup_t *cln;
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_gatehouse_main_conf_t));
    if (gmcf == NULL) {
        return NULL;
    }

    gmcf->memory = NGX_CONF_UNSET_SIZE;
    gmcf->streams_check = NGX_CONF_UNSET_MSEC;

    if (ngx_array_init(&gmcf->issuers, cf->pool, 4, sizeof(void *)) != NGX_OK
        || ngx_array_init(&gmcf->providers, cf->pool, 2, sizeof(void *))
               != NGX_OK
        || ngx_array_init(&gmcf->limits, cf->pool, 4, sizeof(void *)) != NGX_OK
        || ngx_array_init(&gmcf->limit_uses, cf->pool, 4, sizeof(void *))
               != NGX_OK
        || ngx_array_init(&gmcf->places, cf->pool, 16,
                          sizeof(ngx_http_gatehouse_place_t))
               != NGX_OK
        || ngx_array_init(&gmcf->upstreams, cf->pool, 8, sizeof(ngx_str_t))
               != NGX_OK
        || ngx_array_init(&gmcf->issuer_names, cf->pool, 4, sizeof(ngx_str_t))
               != NGX_OK
        || ngx_array_init(&gmcf->key_sources, cf->pool, 4, sizeof(void *))
               != NGX_OK)
    {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (cln == NULL || ngx_http_gatehouse_headers_own(cf->pool, gmcf) != NGX_OK
        || gh_header_set_create(gh_alloc_libc(), &gmcf->principal_names)
               != GH_OK)
    {
        return NULL;
    }

    cln->handler = ngx_http_gatehouse_names_free;
    cln->data = gmcf->principal_names;

    return gmcf;
}


static void
ngx_http_gatehouse_names_free(void *data)
{
    gh_header_set_destroy(data);
}


char *
ngx_http_gatehouse_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_gatehouse_main_conf_t *gmcf = conf;

    ngx_core_conf_t *ccf;

    ngx_conf_init_size_value(gmcf->memory, 32 * 1024 * 1024);
    ngx_conf_init_msec_value(gmcf->streams_check, 30000);

    ccf =
        (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx, ngx_core_module);

    gmcf->store_conf.user = ccf->user;
    gmcf->store_conf.group = ccf->group;

    return NGX_CONF_OK;
}


void *
ngx_http_gatehouse_create_srv_conf(ngx_conf_t *cf)
{
    ngx_http_gatehouse_srv_conf_t *gscf;

    gscf = ngx_pcalloc(cf->pool, sizeof(ngx_http_gatehouse_srv_conf_t));
    if (gscf == NULL) {
        return NULL;
    }

    gscf->trusted = NGX_CONF_UNSET_PTR;

    return gscf;
}


char *
ngx_http_gatehouse_merge_srv_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_gatehouse_srv_conf_t *prev = parent;
    ngx_http_gatehouse_srv_conf_t *conf = child;

    ngx_conf_merge_ptr_value(conf->trusted, prev->trusted, NULL);

    return NGX_CONF_OK;
}


void *
ngx_http_gatehouse_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_gatehouse_loc_conf_t *glcf;

    glcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_gatehouse_loc_conf_t));
    if (glcf == NULL) {
        return NULL;
    }

    glcf->authenticate = NGX_CONF_UNSET_PTR;
    glcf->rule_lines = NGX_CONF_UNSET_PTR;
    glcf->limits = NGX_CONF_UNSET_PTR;
    glcf->bad_credentials = NGX_CONF_UNSET_PTR;
    glcf->bad_credentials_off = NGX_CONF_UNSET;
    glcf->service = NGX_CONF_UNSET_PTR;
    glcf->signature = NGX_CONF_UNSET_PTR;
    glcf->target_allow_set = NGX_CONF_UNSET_UINT;
    glcf->headers = NGX_CONF_UNSET_PTR;
    glcf->forward_credentials = NGX_CONF_UNSET;
    glcf->assertion = NGX_CONF_UNSET_PTR;
    glcf->dev = NGX_CONF_UNSET_PTR;
    glcf->request_id_trusted = NGX_CONF_UNSET_PTR;
    glcf->status = NGX_CONF_UNSET;
    glcf->status_allow = NGX_CONF_UNSET_PTR;

    ngx_http_gatehouse_here(cf, &glcf->file, &glcf->line);

    return glcf;
}


char *
ngx_http_gatehouse_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_gatehouse_loc_conf_t *prev = parent;
    ngx_http_gatehouse_loc_conf_t *conf = child;

    conf->own_authenticate = (conf->authenticate != NGX_CONF_UNSET_PTR);
    conf->own_authorize = (conf->rule_lines != NGX_CONF_UNSET_PTR);
    conf->own_limit = (conf->limits != NGX_CONF_UNSET_PTR);

    ngx_conf_merge_ptr_value(conf->authenticate, prev->authenticate, NULL);

    if (conf->own_authenticate && conf->authenticate->off
        && !conf->own_authorize) {
        /* public on purpose: nobody is there whom rules could admit */
        conf->rule_lines = NULL;

    } else if (!conf->own_authorize) {
        conf->rules = prev->rules;
    }

    ngx_conf_merge_ptr_value(conf->rule_lines, prev->rule_lines, NULL);
    ngx_conf_merge_ptr_value(conf->limits, prev->limits, NULL);

    if (conf->bad_credentials_off == NGX_CONF_UNSET) {
        conf->bad_credentials = prev->bad_credentials;
        conf->bad_credentials_off = prev->bad_credentials_off;
    }

    if (conf->bad_credentials == NGX_CONF_UNSET_PTR) {
        conf->bad_credentials = NULL;
    }

    ngx_conf_merge_ptr_value(conf->service, prev->service, NULL);

    if (conf->api_key_header.data == NULL) {
        conf->api_key_header = prev->api_key_header;
        conf->api_key_query = prev->api_key_query;
    }

    if (conf->api_key_header.data == NULL) {
        ngx_str_set(&conf->api_key_header, "X-API-Key");
    }

    if (ngx_http_gatehouse_header_make(cf->pool, &conf->api_key_header,
                                       &conf->api_key_in)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_gatehouse_merge_signature(cf, prev, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (conf->target_allow_set == NGX_CONF_UNSET_UINT) {
        conf->target_allow = prev->target_allow;
        conf->target_allow_set = prev->target_allow_set;
    }

    if (conf->headers == NGX_CONF_UNSET_PTR) {
        conf->headers = prev->headers;
    }

    if (conf->headers == NGX_CONF_UNSET_PTR) {
        conf->headers = ngx_http_gatehouse_default_headers(cf);
        if (conf->headers == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (conf->forward_credentials == NGX_CONF_UNSET) {
        conf->forward_token = prev->forward_token;
    }

    ngx_conf_merge_value(conf->forward_credentials, prev->forward_credentials,
                         0);
    ngx_conf_merge_ptr_value(conf->assertion, prev->assertion, NULL);
    ngx_conf_merge_ptr_value(conf->dev, prev->dev, NULL);

    if (conf->request_id_header.data == NULL) {
        conf->request_id_header = prev->request_id_header;
        conf->request_id_trusted = prev->request_id_trusted;
    }

    if (conf->request_id_header.data == NULL) {
        ngx_str_set(&conf->request_id_header, "X-Request-Id");
        conf->request_id_trusted = NULL;
    }

    if (ngx_http_gatehouse_header_make(cf->pool, &conf->request_id_header,
                                       &conf->request_id_out)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (conf->request_id_trusted == NGX_CONF_UNSET_PTR) {
        conf->request_id_trusted = NULL;
    }

    if (conf->status == NGX_CONF_UNSET) {
        conf->status = 0;
    }

    ngx_conf_merge_ptr_value(conf->status_allow, prev->status_allow, NULL);

    if (ngx_http_gatehouse_add_place(cf, prev, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* Locations of `if` and `limit_except` are gone from the trees later. */

static ngx_int_t
ngx_http_gatehouse_add_place(ngx_conf_t *cf,
                             ngx_http_gatehouse_loc_conf_t *outer,
                             ngx_http_gatehouse_loc_conf_t *glcf)
{
    ngx_http_gatehouse_place_t *place;
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);

    place = ngx_array_push(&gmcf->places);
    if (place == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(place, sizeof(ngx_http_gatehouse_place_t));

    place->cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    place->clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    place->glcf = glcf;
    place->outer = outer;
    place->file = glcf->file;
    place->line = glcf->line;

    return NGX_OK;
}


static void
ngx_http_gatehouse_here(ngx_conf_t *cf, ngx_str_t *file, ngx_uint_t *line)
{
    if (cf->conf_file == NULL) {
        return;
    }

    *file = cf->conf_file->file.name;
    *line = cf->conf_file->line;
}


char *
ngx_http_gatehouse_set_policies(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_gatehouse_main_conf_t *gmcf = conf;

    ngx_str_t *value;

    if (gmcf->policies_conf.directory.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    gmcf->policies_conf.directory = value[1];
    gmcf->used = 1;

    if (ngx_conf_full_name(cf->cycle, &gmcf->policies_conf.directory, 1)
        != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_gatehouse_set_store(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_gatehouse_main_conf_t *gmcf = conf;

    ngx_str_t *value;

    if (gmcf->store_set) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts > 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unexpected \"%V\": gatehouse_store takes one "
                           "address, for example "
                           "\"gatehouse_store lmdb:" GH_STATE_DIR ";\"",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    gmcf->store_conf.spec = value[1];
    gmcf->store_set = 1;
    gmcf->used = 1;

    return ngx_gatehouse_store_parse(cf, &gmcf->store_conf);
}


char *
ngx_http_gatehouse_set_trusted_proxies(ngx_conf_t *cf, ngx_command_t *cmd,
                                       void *conf)
{
    ngx_http_gatehouse_srv_conf_t *gscf = conf;

    if (gscf->trusted != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    return ngx_http_gatehouse_cidrs(cf, 1, &gscf->trusted);
}


/* The words from `first` on as a list of CIDRs; "off" alone is none. */

char *
ngx_http_gatehouse_cidrs(ngx_conf_t *cf, ngx_uint_t first, ngx_array_t **out)
{
    ngx_str_t *value;
    ngx_int_t rc;
    ngx_cidr_t *cidr;
    ngx_uint_t i;

    value = cf->args->elts;

    if (cf->args->nelts == first + 1
        && ngx_strcmp(value[first].data, "off") == 0) {
        *out = NULL;
        return NGX_CONF_OK;
    }

    *out = ngx_array_create(cf->pool, 4, sizeof(ngx_cidr_t));
    if (*out == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = first; i < cf->args->nelts; i++) {

        cidr = ngx_array_push(*out);
        if (cidr == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memzero(cidr, sizeof(ngx_cidr_t));

#if (NGX_HAVE_UNIX_DOMAIN)
        if (ngx_strcmp(value[i].data, "unix:") == 0) {
            cidr->family = AF_UNIX;
            continue;
        }
#endif

        rc = ngx_ptocidr(&value[i], cidr);

        if (rc == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is no address: write 10.0.0.0/8, "
                               "2001:db8::/32, a single address, or unix:",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        if (rc == NGX_DONE) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "low address bits of %V are meaningless",
                               &value[i]);
        }
    }

    return NGX_CONF_OK;
}


ngx_uint_t
ngx_http_gatehouse_option(ngx_str_t *word, const char *name, ngx_str_t *rest)
{
    size_t len;

    len = ngx_strlen(name);

    if (word->len <= len || word->data[len] != '='
        || ngx_strncmp(word->data, name, len) != 0)
    {
        return 0;
    }

    rest->data = word->data + len + 1;
    rest->len = word->len - len - 1;

    return 1;
}
