/*
 * The configuration walk: in a server that uses Gatehouse every location with
 * a content handler must say who may enter, our lines must stand where they
 * have effect, and what weakens them by accident is said aloud. Runs at the
 * end of configuration, so also in `nginx -t`.
 */

#include "ngx_http_gatehouse_conf.h"
#include "ngx_http_gatehouse_guard.h"
#include "ngx_gatehouse_redis.h"

#define NGX_HTTP_GATEHOUSE_EXEMPT_MAX 8


typedef struct {
    ngx_http_handler_pt handlers[NGX_HTTP_GATEHOUSE_EXEMPT_MAX];
    ngx_uint_t n;
} ngx_http_gatehouse_exempt_t;


static void ngx_http_gatehouse_guard_exempt(
    ngx_conf_t *cf, ngx_http_gatehouse_exempt_t *exempt);
static ngx_int_t ngx_http_gatehouse_guard_place(
    ngx_conf_t *cf, ngx_http_gatehouse_place_t *place,
    ngx_http_gatehouse_exempt_t *exempt);
static ngx_int_t ngx_http_gatehouse_guard_provider(
    ngx_conf_t *cf, ngx_http_gatehouse_srv_conf_t *gscf,
    ngx_http_gatehouse_loc_conf_t *glcf);
static ngx_int_t ngx_http_gatehouse_guard_needs(
    ngx_conf_t *cf, ngx_http_gatehouse_place_t *place);
static ngx_int_t ngx_http_gatehouse_guard_policies(
    ngx_conf_t *cf, ngx_http_gatehouse_place_t *place);
static ngx_uint_t ngx_http_gatehouse_guard_is_exempt(
    ngx_http_gatehouse_exempt_t *exempt, ngx_http_handler_pt handler);
static ngx_str_t ngx_http_gatehouse_state_directory(
    ngx_http_gatehouse_main_conf_t *gmcf);
static ngx_int_t ngx_http_gatehouse_guard_setup(
    ngx_conf_t *cf, ngx_http_gatehouse_main_conf_t *gmcf);


ngx_int_t
ngx_http_gatehouse_guard(ngx_conf_t *cf)
{
    ngx_int_t rc;
    ngx_uint_t i;
    ngx_http_gatehouse_place_t *place;
    ngx_http_gatehouse_exempt_t exempt;
    ngx_http_gatehouse_loc_conf_t *glcf;
    ngx_http_gatehouse_srv_conf_t *gscf;
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);

    place = gmcf->places.elts;

    for (i = 0; i < gmcf->places.nelts; i++) {

        glcf = place[i].glcf;
        place[i].server =
            (place[i].cscf->ctx->loc_conf[ngx_http_gatehouse_module.ctx_index]
             == glcf);

        if (glcf->authenticate != NULL || glcf->rules.len != 0
            || glcf->limits != NULL || glcf->service != NULL)
        {
            gscf =
                place[i]
                    .cscf->ctx->srv_conf[ngx_http_gatehouse_module.ctx_index];
            gscf->used = 1;
        }
    }

    ngx_http_gatehouse_guard_exempt(cf, &exempt);

    rc = NGX_OK;

    for (i = 0; i < gmcf->places.nelts; i++) {
        if (ngx_http_gatehouse_guard_place(cf, &place[i], &exempt) != NGX_OK) {
            /* all of them are said before it fails */
            rc = NGX_ERROR;
        }
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_gatehouse_guard_setup(cf, gmcf);
}


static ngx_int_t
ngx_http_gatehouse_guard_place(ngx_conf_t *cf,
                               ngx_http_gatehouse_place_t *place,
                               ngx_http_gatehouse_exempt_t *exempt)
{
    u_char name[NGX_HTTP_GATEHOUSE_GUARD_NAME];
    ngx_http_gatehouse_loc_conf_t *glcf;
    ngx_http_gatehouse_srv_conf_t *gscf;

    glcf = place->glcf;
    gscf = place->cscf->ctx->srv_conf[ngx_http_gatehouse_module.ctx_index];

    if (!gscf->used || glcf->status) {
        return NGX_OK;
    }

    if (ngx_http_gatehouse_guard_provider(cf, gscf, glcf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_gatehouse_guard_policies(cf, place) != NGX_OK) {
        return NGX_ERROR;
    }

    if (glcf->own_authenticate && glcf->authenticate->off
        && glcf->own_authorize) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "%s in %V:%ui is public (gatehouse_authenticate off) "
                      "but has gatehouse_authorize lines that nobody can "
                      "meet; remove one of them",
                      ngx_http_gatehouse_guard_name(place, name, sizeof(name)),
                      &place->file, place->line);
        return NGX_ERROR;
    }

    if (ngx_http_gatehouse_guard_return(cf, place) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_gatehouse_guard_warn(cf, place);
    ngx_http_gatehouse_guard_headers(cf, place);

    if (place->clcf->handler == NULL
        || ngx_http_gatehouse_guard_is_exempt(exempt, place->clcf->handler))
    {
        return NGX_OK;
    }

    return ngx_http_gatehouse_guard_needs(cf, place);
}


/* Callbacks and logouts are served where a provider is asked for. */

static ngx_int_t
ngx_http_gatehouse_guard_provider(ngx_conf_t *cf,
                                  ngx_http_gatehouse_srv_conf_t *gscf,
                                  ngx_http_gatehouse_loc_conf_t *glcf)
{
    ngx_uint_t i;
    ngx_http_gatehouse_oidc_t **used;

    if (glcf->authenticate == NULL || glcf->authenticate->oidc == NULL) {
        return NGX_OK;
    }

    if (gscf->providers == NULL) {
        gscf->providers = ngx_array_create(cf->pool, 2, sizeof(void *));
        if (gscf->providers == NULL) {
            return NGX_ERROR;
        }
    }

    used = gscf->providers->elts;

    for (i = 0; i < gscf->providers->nelts; i++) {
        if (used[i] == glcf->authenticate->oidc) {
            return NGX_OK;
        }
    }

    used = ngx_array_push(gscf->providers);
    if (used == NULL) {
        return NGX_ERROR;
    }

    *used = glcf->authenticate->oidc;

    return NGX_OK;
}


static ngx_int_t
ngx_http_gatehouse_guard_needs(ngx_conf_t *cf,
                               ngx_http_gatehouse_place_t *place)
{
    u_char name[NGX_HTTP_GATEHOUSE_GUARD_NAME];
    ngx_http_gatehouse_loc_conf_t *glcf;

    glcf = place->glcf;

    if (glcf->authenticate == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "%s in %V:%ui passes requests on but does not say who "
                      "may enter; add \"gatehouse_authenticate api_key;\" "
                      "or, if it is public on purpose, "
                      "\"gatehouse_authenticate off;\"",
                      ngx_http_gatehouse_guard_name(place, name, sizeof(name)),
                      &place->file, place->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* What only policies can answer needs a policies directory. */

static ngx_int_t
ngx_http_gatehouse_guard_policies(ngx_conf_t *cf,
                                  ngx_http_gatehouse_place_t *place)
{
    const char *what;
    ngx_uint_t i;
    ngx_http_gatehouse_limit_t **limit;
    ngx_http_gatehouse_loc_conf_t *glcf;
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);

    if (gmcf->policies_conf.directory.len != 0) {
        return NGX_OK;
    }

    glcf = place->glcf;
    what = NULL;

    if (glcf->authenticate != NULL && glcf->authenticate->api_key) {
        what = "gatehouse_authenticate api_key";
    }

    if (glcf->service != NULL) {
        what = "gatehouse_service";
    }

    if (glcf->limits != NULL) {
        limit = glcf->limits->elts;

        for (i = 0; i < glcf->limits->nelts; i++) {
            if (limit[i]->plan) {
                what = "gatehouse_limit plan";
            }
        }
    }

    if (what == NULL) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"%s\" in %V:%ui needs policies; add "
                  "\"gatehouse_policies /etc/gatehouse/policies;\" to the "
                  "http block",
                  what, &place->file, place->line);

    return NGX_ERROR;
}


u_char *
ngx_http_gatehouse_guard_name(ngx_http_gatehouse_place_t *place, u_char *buf,
                              size_t size)
{
    const char *kind;

    kind = "location ";

    if (place->server) {
        kind = "server ";

    } else if (place->clcf->noname) {
        kind = "a block inside location ";

    } else if (place->clcf->named) {
        kind = "named location ";

#if (NGX_PCRE)
    } else if (place->clcf->regex != NULL) {
        kind = "location ~ ";
#endif
    }

    ngx_snprintf(
        buf, size - 1, "%s\"%V\" of server \"%V\"%Z", kind,
        place->server ? &place->cscf->server_name : &place->clcf->name,
        &place->cscf->server_name);
    buf[size - 1] = '\0';

    return buf;
}


/*
 * Handlers that hand nothing on. Their addresses are found by letting the
 * directive without arguments set them on a scratch location.
 */

static void
ngx_http_gatehouse_guard_exempt(ngx_conf_t *cf,
                                ngx_http_gatehouse_exempt_t *exempt)
{
    void *own, *saved;
    ngx_uint_t i, n;
    ngx_conf_t scratch;
    ngx_array_t args;
    ngx_command_t *cmd;
    ngx_module_t *module;
    ngx_http_module_t *ctx;
    ngx_http_conf_ctx_t *http;
    ngx_http_core_loc_conf_t *clcf;
    ngx_str_t word;

    static const char *names[] = { "stub_status", "empty_gif", "flv", "mp4" };

    exempt->n = 0;
    http = cf->ctx;

    for (n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        for (i = 0; cf->cycle->modules[i] != NULL; i++) {

            module = cf->cycle->modules[i];

            if (module->type != NGX_HTTP_MODULE || module->commands == NULL) {
                continue;
            }

            for (cmd = module->commands; cmd->name.len; cmd++) {

                if (cmd->name.len != ngx_strlen(names[n])
                    || ngx_strcmp(cmd->name.data, names[n]) != 0)
                {
                    continue;
                }

                clcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_core_loc_conf_t));
                ctx = module->ctx;
                own = ctx->create_loc_conf ? ctx->create_loc_conf(cf) : NULL;

                if (clcf == NULL) {
                    return;
                }

                scratch = *cf;
                word = cmd->name;
                args.elts = &word;
                args.nelts = 1;
                scratch.args = &args;

                saved = http->loc_conf[ngx_http_core_module.ctx_index];
                http->loc_conf[ngx_http_core_module.ctx_index] = clcf;

                (void) cmd->set(&scratch, cmd, own);

                http->loc_conf[ngx_http_core_module.ctx_index] = saved;

                if (clcf->handler != NULL
                    && exempt->n < NGX_HTTP_GATEHOUSE_EXEMPT_MAX) {
                    exempt->handlers[exempt->n++] = clcf->handler;
                }
            }
        }
    }
}


static ngx_uint_t
ngx_http_gatehouse_guard_is_exempt(ngx_http_gatehouse_exempt_t *exempt,
                                   ngx_http_handler_pt handler)
{
    ngx_uint_t i;

    if (handler == ngx_http_gatehouse_status_handler
        || handler == ngx_http_gatehouse_assertion_jwks_handler)
    {
        return 1;
    }

    for (i = 0; i < exempt->n; i++) {
        if (exempt->handlers[i] == handler) {
            return 1;
        }
    }

    return 0;
}


/* Where this node keeps what is its own: beside an embedded store, where
 * Redis's words say, or in the built-in directory. */

static ngx_str_t
ngx_http_gatehouse_state_directory(ngx_http_gatehouse_main_conf_t *gmcf)
{
    u_char *p, *last;
    ngx_str_t dir, *spec;

    if (gmcf->store_conf.redis != NULL) {
        return gmcf->store_conf.redis->state;
    }

    spec = &gmcf->store_conf.spec;
    last = spec->data + spec->len;

    p = ngx_strnstr(spec->data, "lmdb:", spec->len);

    if (p == NULL) {
        ngx_str_set(&dir, GH_STATE_DIR);
        return dir;
    }

    dir.data = p + 5;

    for (p = dir.data; p < last && *p != '?'; p++) { /* void */
    }

    dir.len = (size_t) (p - dir.data);

    return dir;
}


/* What the rooms below need to know of this cycle. */

static ngx_int_t
ngx_http_gatehouse_guard_setup(ngx_conf_t *cf,
                               ngx_http_gatehouse_main_conf_t *gmcf)
{
    ngx_str_t *name;
    ngx_uint_t i;
    ngx_http_gatehouse_issuer_t **issuer;
    ngx_gatehouse_keys_source_t **source;
    ngx_gatehouse_policies_conf_t *pc;
    ngx_http_core_loc_conf_t *clcf;
    ngx_http_upstream_srv_conf_t **uscfp;

    uscfp = gmcf->umcf->upstreams.elts;

    for (i = 0; i < gmcf->umcf->upstreams.nelts; i++) {

        if (uscfp[i]->srv_conf == NULL) {
            continue;
        }

        name = ngx_array_push(&gmcf->upstreams);
        if (name == NULL) {
            return NGX_ERROR;
        }

        *name = uscfp[i]->host;
    }

    issuer = gmcf->issuers.elts;

    for (i = 0; i < gmcf->issuers.nelts; i++) {
        source = ngx_array_push(&gmcf->key_sources);
        if (source == NULL) {
            return NGX_ERROR;
        }

        *source = &issuer[i]->keys;
    }

    if (!gmcf->store_set) {
        ngx_str_set(&gmcf->store_conf.spec, "lmdb:" GH_STATE_DIR);

        if (ngx_gatehouse_store_parse(cf, &gmcf->store_conf) != NGX_CONF_OK) {
            return NGX_ERROR;
        }
    }

    if (gmcf->store_conf.redis != NULL && gmcf->secret == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a store in Redis needs a root key that all "
                           "gateways have: add \"gatehouse_secret "
                           "file:/path/to/key;\" (make it once with: openssl "
                           "rand -hex 32)");
        return NGX_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* without the directive http has one that knows nobody to ask */

    if (clcf->resolver != NULL && clcf->resolver->connections.nelts > 0) {
        ngx_gatehouse_redis_resolver(gmcf->store_conf.blocks, clcf->resolver);
    }

    gmcf->zone =
        ngx_gatehouse_shm_add(cf, gmcf->memory, &ngx_http_gatehouse_module);
    if (gmcf->zone == NULL) {
        return NGX_ERROR;
    }

    if (ngx_gatehouse_fetch_configure(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    pc = &gmcf->policies_conf;

    pc->state = ngx_http_gatehouse_state_directory(gmcf);
    pc->quiet = 300;
    pc->upstreams = &gmcf->upstreams;
    pc->issuers = &gmcf->issuer_names;
    pc->zone = gmcf->zone;
    pc->log = cf->log;
    pc->user = gmcf->store_conf.user;
    pc->group = gmcf->store_conf.group;
    pc->bind = ngx_http_gatehouse_bind;
    pc->unbind = ngx_http_gatehouse_unbind;
    pc->data = gmcf;

    return NGX_OK;
}
