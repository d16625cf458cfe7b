/*
 * gatehouse_token_issuer NAME { ... }: whose tokens are accepted, where
 * their keys come from, and which claims mean what.
 */

#include "ngx_http_gatehouse_conf.h"
#include "ngx_gatehouse_block.h"


static char *ngx_http_gatehouse_issuer_member(ngx_conf_t *cf,
                                              ngx_command_t *dummy,
                                              void *conf);
static char *ngx_http_gatehouse_issuer_words(ngx_conf_t *cf,
                                             ngx_array_t **array);
static char *ngx_http_gatehouse_issuer_algorithms(
    ngx_conf_t *cf, ngx_http_gatehouse_issuer_t *issuer);
static char *ngx_http_gatehouse_issuer_time(
    ngx_conf_t *cf, ngx_http_gatehouse_issuer_t *issuer, ngx_uint_t *known);
static char *ngx_http_gatehouse_issuer_file(ngx_conf_t *cf, ngx_str_t *value,
                                            ngx_str_t *out);


typedef struct {
    ngx_str_t name;
    size_t offset; /* of an ngx_str_t in the issuer */
} ngx_http_gatehouse_issuer_text_t;


static const ngx_http_gatehouse_issuer_text_t texts[] = {
    { ngx_string("issuer"), offsetof(ngx_http_gatehouse_issuer_t, issuer) },
    { ngx_string("jwks_uri"),
      offsetof(ngx_http_gatehouse_issuer_t, keys.jwks_uri) },
    { ngx_string("groups_claim"),
      offsetof(ngx_http_gatehouse_issuer_t, groups_claim) },
    { ngx_string("scope_claim"),
      offsetof(ngx_http_gatehouse_issuer_t, scope_claim) },
    { ngx_string("name_claim"),
      offsetof(ngx_http_gatehouse_issuer_t, name_claim) },
    { ngx_string("email_claim"),
      offsetof(ngx_http_gatehouse_issuer_t, email_claim) }
};


static const ngx_http_gatehouse_issuer_text_t files[] = {
    { ngx_string("jwks_file"),
      offsetof(ngx_http_gatehouse_issuer_t, keys.jwks_file) },
    { ngx_string("secret"),
      offsetof(ngx_http_gatehouse_issuer_t, keys.secret_file) },
    { ngx_string("ssl_trusted_certificate"),
      offsetof(ngx_http_gatehouse_issuer_t, keys.ca_file) }
};


char *
ngx_http_gatehouse_set_token_issuer(ngx_conf_t *cf, ngx_command_t *cmd,
                                    void *conf)
{
    ngx_http_gatehouse_main_conf_t *gmcf = conf;

    char *rv;
    ngx_str_t *value, *name;
    ngx_http_gatehouse_issuer_t *issuer, **slot;

    value = cf->args->elts;
    issuer = ngx_http_gatehouse_issuer_find(gmcf, &value[1]);

    if (issuer != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "token issuer \"%V\" is declared already in "
                           "%s:%ui",
                           &value[1], issuer->file, issuer->line);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_gatehouse_oidc_find(gmcf, &value[1]) != NULL) {
        return "is declared twice: a provider of that name stands above";
    }

    issuer = ngx_pcalloc(cf->pool, sizeof(ngx_http_gatehouse_issuer_t));
    slot = ngx_array_push(&gmcf->issuers);
    name = ngx_array_push(&gmcf->issuer_names);

    if (issuer == NULL || slot == NULL || name == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = issuer;
    *name = value[1];

    gmcf->used = 1;

    ngx_http_gatehouse_issuer_defaults(cf, issuer, &value[1]);
    issuer->keys.index = gmcf->issuers.nelts - 1;

    rv = ngx_gatehouse_block_parse(cf, ngx_http_gatehouse_issuer_member,
                                   issuer);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_http_gatehouse_issuer_finish(cf, issuer);
}


void
ngx_http_gatehouse_issuer_defaults(ngx_conf_t *cf,
                                   ngx_http_gatehouse_issuer_t *issuer,
                                   ngx_str_t *name)
{
    issuer->name = *name;
    issuer->file = cf->conf_file->file.name.data;
    issuer->line = cf->conf_file->line;
    issuer->skew_s = -1;
    issuer->keys.name = *name;
    issuer->keys.refresh = 3600 * 1000;
    issuer->keys.min_interval = 30 * 1000;
    issuer->keys.stale_max = 24 * 3600 * 1000;
    ngx_str_set(&issuer->groups_claim, "groups");
    ngx_str_set(&issuer->scope_claim, "scope");
    ngx_str_set(&issuer->name_claim, "name");
    ngx_str_set(&issuer->email_claim, "email");
}


ngx_http_gatehouse_issuer_t *
ngx_http_gatehouse_issuer_find(ngx_http_gatehouse_main_conf_t *gmcf,
                               ngx_str_t *name)
{
    ngx_uint_t i;
    ngx_http_gatehouse_issuer_t **issuer;

    issuer = gmcf->issuers.elts;

    for (i = 0; i < gmcf->issuers.nelts; i++) {
        if (issuer[i]->name.len == name->len
            && ngx_memcmp(issuer[i]->name.data, name->data, name->len) == 0)
        {
            return issuer[i];
        }
    }

    return NULL;
}


static char *
ngx_http_gatehouse_issuer_member(ngx_conf_t *cf, ngx_command_t *dummy,
                                 void *conf)
{
    char *rv;
    ngx_str_t *value;
    ngx_uint_t known;

    /* ngx_conf_parse hands a custom handler its handler_conf */

    rv = ngx_http_gatehouse_issuer_take(cf, conf, &known);

    if (known) {
        return rv;
    }

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown member \"%V\" of gatehouse_token_issuer;"
                       " members are: issuer, audience, jwks_uri, "
                       "jwks_file, secret, algorithms, groups_claim, "
                       "scope_claim, name_claim, email_claim, skew, "
                       "jwks_refresh, jwks_min_interval, jwks_stale, "
                       "ssl_trusted_certificate",
                       &value[0]);

    return NGX_CONF_ERROR;
}


/* *known: 0 when it is no member of an issuer; nothing is said then. */

char *
ngx_http_gatehouse_issuer_take(ngx_conf_t *cf,
                               ngx_http_gatehouse_issuer_t *issuer,
                               ngx_uint_t *known)
{
    ngx_str_t *value, *slot;
    ngx_uint_t i;

    *known = 1;
    value = cf->args->elts;

    if (cf->args->nelts < 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" needs a value",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    if (ngx_strcmp(value[0].data, "audience") == 0) {
        return ngx_http_gatehouse_issuer_words(cf, &issuer->audiences);
    }

    if (ngx_strcmp(value[0].data, "algorithms") == 0) {
        return ngx_http_gatehouse_issuer_algorithms(cf, issuer);
    }

    if (cf->args->nelts > 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" takes one value",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (ngx_strcmp(value[0].data, texts[i].name.data) == 0) {
            slot = (ngx_str_t *) ((u_char *) issuer + texts[i].offset);
            *slot = value[1];
            return NGX_CONF_OK;
        }
    }

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (ngx_strcmp(value[0].data, files[i].name.data) == 0) {
            slot = (ngx_str_t *) ((u_char *) issuer + files[i].offset);
            return ngx_http_gatehouse_issuer_file(cf, &value[1], slot);
        }
    }

    return ngx_http_gatehouse_issuer_time(cf, issuer, known);
}


static char *
ngx_http_gatehouse_issuer_words(ngx_conf_t *cf, ngx_array_t **array)
{
    gh_str_t *word;
    ngx_str_t *value;
    ngx_uint_t i;

    if (*array == NULL) {
        *array = ngx_array_create(cf->pool, 2, sizeof(gh_str_t));
        if (*array == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        word = ngx_array_push(*array);
        if (word == NULL) {
            return NGX_CONF_ERROR;
        }

        *word = ngx_http_gatehouse_gh(value[i]);
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_gatehouse_issuer_algorithms(ngx_conf_t *cf,
                                     ngx_http_gatehouse_issuer_t *issuer)
{
    gh_alg_t alg;
    ngx_str_t *value;
    ngx_uint_t i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        alg = gh_alg_parse(ngx_http_gatehouse_gh(value[i]));

        if (alg == GH_ALG_NONE) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown algorithm \"%V\"; algorithms are: "
                               "RS256 RS384 RS512 PS256 PS384 PS512 ES256 "
                               "ES384 ES512 EdDSA, and with a secret HS256 "
                               "HS384 HS512",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        issuer->algs |= 1u << alg;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_gatehouse_issuer_time(ngx_conf_t *cf,
                               ngx_http_gatehouse_issuer_t *issuer,
                               ngx_uint_t *known)
{
    ngx_str_t *name, *value;
    ngx_msec_t *slot;
    ngx_msec_int_t ms;

    name = cf->args->elts;
    value = &name[1];
    ms = ngx_parse_time(value, 0);

    if (ngx_strcmp(name->data, "skew") == 0) {

        if (ms == NGX_ERROR || ms > 60 * 1000) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "skew \"%V\" is not a time of at most 60s",
                               value);
            return NGX_CONF_ERROR;
        }

        issuer->skew_s = (time_t) (ms / 1000);
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(name->data, "jwks_refresh") == 0) {
        slot = &issuer->keys.refresh;

    } else if (ngx_strcmp(name->data, "jwks_min_interval") == 0) {
        slot = &issuer->keys.min_interval;

    } else if (ngx_strcmp(name->data, "jwks_stale") == 0) {
        slot = &issuer->keys.stale_max;

    } else {
        *known = 0;
        return NGX_CONF_OK;
    }

    if (ms == NGX_ERROR || ms < 1000) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%V \"%V\" is not a time of at least 1s", name,
                           value);
        return NGX_CONF_ERROR;
    }

    *slot = (ngx_msec_t) ms;

    return NGX_CONF_OK;
}


/* "file:PATH", or a plain path for what is no secret. */

static char *
ngx_http_gatehouse_issuer_file(ngx_conf_t *cf, ngx_str_t *value,
                               ngx_str_t *out)
{
    ngx_str_t *words;

    words = cf->args->elts;

    if (!ngx_http_gatehouse_file_word(value, out)) {

        if (ngx_strcmp(words[0].data, "secret") == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "a secret is given as a file: write \"secret "
                               "file:/path/to/secret;\"");
            return NGX_CONF_ERROR;
        }

        *out = *value;
    }

    if (ngx_conf_full_name(cf->cycle, out, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_gatehouse_issuer_finish(ngx_conf_t *cf,
                                 ngx_http_gatehouse_issuer_t *issuer)
{
    char *message;
    gh_algs_t hs;
    gh_jwt_policy_t *p;

    if (issuer->issuer.len == 0) {
        return "needs \"issuer https://...;\", the exact \"iss\" of its "
               "tokens";
    }

    if (issuer->audiences == NULL) {
        return "needs \"audience NAME;\": a token that was made for another "
               "service must not open this one";
    }

    if ((issuer->keys.jwks_file.len != 0) + (issuer->keys.secret_file.len != 0)
            + (issuer->keys.jwks_uri.len != 0)
        > 1)
    {
        return "takes one of jwks_uri, jwks_file and secret";
    }

    hs = (1u << GH_ALG_HS256) | (1u << GH_ALG_HS384) | (1u << GH_ALG_HS512);

    if (issuer->keys.secret_file.len != 0) {

        if (issuer->algs == 0) {
            issuer->algs = hs;
        }

        if (issuer->algs & ~hs) {
            return "has a secret, so its algorithms are HS256, HS384, HS512";
        }

    } else {

        if (issuer->algs & hs) {
            return "names an HS algorithm but has no secret: a public key "
                   "must never verify as one";
        }

        if (issuer->algs == 0) {
            issuer->algs = GH_ALGS_DEFAULT;
        }
    }

    issuer->keys.issuer = issuer->issuer;

    message = ngx_gatehouse_keys_load(cf, &issuer->keys);
    if (message != NGX_CONF_OK) {
        return message;
    }

    p = &issuer->policy;
    p->issuer = ngx_http_gatehouse_gh(issuer->issuer);
    p->audiences = issuer->audiences->elts;
    p->n_audiences = issuer->audiences->nelts;
    p->algs = issuer->algs;
    p->skew_s = (issuer->skew_s < 0) ? 30 : issuer->skew_s;
    p->refuse_id_tokens = true;

    return NGX_CONF_OK;
}
