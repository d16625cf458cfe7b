/*
 * gatehouse_oidc_provider NAME { ... }: who logs people in, how we prove who
 * we are to them, and which claims mean what.
 */

#include "ngx_http_gatehouse_oidc.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#define OIDC_SECRET_MAX 4096
#define OIDC_LOGIN_COOKIE "gh-login"


typedef char *(*ngx_http_gatehouse_oidc_pt)(ngx_conf_t *cf,
                                            ngx_http_gatehouse_oidc_t *oidc,
                                            ngx_str_t *value);

typedef struct {
    ngx_str_t name;
    ngx_http_gatehouse_oidc_pt set;
    size_t offset; /* of an ngx_str_t, when set is NULL */
} ngx_http_gatehouse_oidc_member_t;


static char *ngx_http_gatehouse_oidc_member(ngx_conf_t *cf,
                                            ngx_command_t *dummy, void *conf);
static char *ngx_http_gatehouse_oidc_delegate(ngx_conf_t *cf,
                                              ngx_http_gatehouse_oidc_t *oidc);
static char *ngx_http_gatehouse_oidc_auth(ngx_conf_t *cf,
                                          ngx_http_gatehouse_oidc_t *oidc,
                                          ngx_str_t *value);
static char *ngx_http_gatehouse_oidc_secret(ngx_conf_t *cf,
                                            ngx_http_gatehouse_oidc_t *oidc,
                                            ngx_str_t *value);
static char *ngx_http_gatehouse_oidc_key(ngx_conf_t *cf,
                                         ngx_http_gatehouse_oidc_t *oidc,
                                         ngx_str_t *value);
static char *ngx_http_gatehouse_oidc_scope(ngx_conf_t *cf,
                                           ngx_http_gatehouse_oidc_t *oidc,
                                           ngx_str_t *value);
static char *ngx_http_gatehouse_oidc_session(ngx_conf_t *cf,
                                             ngx_http_gatehouse_oidc_t *oidc,
                                             ngx_str_t *value);
static char *ngx_http_gatehouse_oidc_hosts(ngx_conf_t *cf,
                                           ngx_http_gatehouse_oidc_t *oidc,
                                           ngx_str_t *value);
static char *ngx_http_gatehouse_oidc_argument(ngx_conf_t *cf,
                                              ngx_http_gatehouse_oidc_t *oidc,
                                              ngx_str_t *value);
static char *ngx_http_gatehouse_oidc_acr(ngx_conf_t *cf,
                                         ngx_http_gatehouse_oidc_t *oidc,
                                         ngx_str_t *value);
static char *ngx_http_gatehouse_oidc_age(ngx_conf_t *cf,
                                         ngx_http_gatehouse_oidc_t *oidc,
                                         ngx_str_t *value);
static char *ngx_http_gatehouse_oidc_flag(ngx_conf_t *cf,
                                          ngx_http_gatehouse_oidc_t *oidc,
                                          ngx_str_t *value);
static char *ngx_http_gatehouse_oidc_finish(ngx_conf_t *cf,
                                            ngx_http_gatehouse_oidc_t *oidc);
static char *ngx_http_gatehouse_oidc_paths(ngx_conf_t *cf,
                                           ngx_http_gatehouse_oidc_t *oidc);
static char *ngx_http_gatehouse_oidc_cookies(ngx_conf_t *cf,
                                             ngx_http_gatehouse_oidc_t *oidc);
static char *ngx_http_gatehouse_oidc_client(ngx_conf_t *cf,
                                            ngx_http_gatehouse_oidc_t *oidc);
static char *ngx_http_gatehouse_oidc_issuer(
    ngx_conf_t *cf, ngx_http_gatehouse_main_conf_t *gmcf,
    ngx_http_gatehouse_oidc_t *oidc);
static ngx_uint_t ngx_http_gatehouse_oidc_name_ok(ngx_str_t *name, size_t max);
static char *ngx_http_gatehouse_oidc_words(ngx_conf_t *cf, ngx_array_t **array,
                                           ngx_str_t *value);
static ngx_uint_t ngx_http_gatehouse_oidc_path_ok(ngx_str_t *path);
static char *ngx_http_gatehouse_oidc_file(ngx_conf_t *cf, ngx_str_t *value,
                                          ngx_str_t *text);
static char *ngx_http_gatehouse_oidc_read(ngx_conf_t *cf, ngx_str_t *path,
                                          ngx_fd_t fd, ngx_str_t *text);
static void ngx_http_gatehouse_oidc_wipe(void *data);
static void ngx_http_gatehouse_oidc_free_key(void *data);


#define OIDC_TEXT(member)                                                     \
    {                                                                         \
        ngx_string(#member), NULL,                                            \
            offsetof(ngx_http_gatehouse_oidc_t, member)                       \
    }

static const ngx_http_gatehouse_oidc_member_t members[] = {
    OIDC_TEXT(client_id),
    OIDC_TEXT(redirect_uri),
    OIDC_TEXT(login_uri),
    OIDC_TEXT(logout_uri),
    OIDC_TEXT(post_logout_uri),
    OIDC_TEXT(backchannel_logout_uri),
    OIDC_TEXT(frontchannel_logout_uri),
    OIDC_TEXT(cookie_name),
    OIDC_TEXT(cookie_domain),
    { ngx_string("private_key_id"), NULL,
      offsetof(ngx_http_gatehouse_oidc_t, key_id) },
    { ngx_string("client_authentication"), ngx_http_gatehouse_oidc_auth, 0 },
    { ngx_string("client_secret"), ngx_http_gatehouse_oidc_secret, 0 },
    { ngx_string("private_key"), ngx_http_gatehouse_oidc_key, 0 },
    { ngx_string("scope"), ngx_http_gatehouse_oidc_scope, 0 },
    { ngx_string("session_timeout"), ngx_http_gatehouse_oidc_session, 0 },
    { ngx_string("session_lifetime"), ngx_http_gatehouse_oidc_session, 0 },
    { ngx_string("endpoint_hosts"), ngx_http_gatehouse_oidc_hosts, 0 },
    { ngx_string("argument"), ngx_http_gatehouse_oidc_argument, 0 },
    { ngx_string("acr_values"), ngx_http_gatehouse_oidc_acr, 0 },
    { ngx_string("max_age"), ngx_http_gatehouse_oidc_age, 0 },
    { ngx_string("userinfo"), ngx_http_gatehouse_oidc_flag, 0 },
    { ngx_string("unverified_email"), ngx_http_gatehouse_oidc_flag, 0 },
};


char *
ngx_http_gatehouse_set_oidc_provider(ngx_conf_t *cf, ngx_command_t *cmd,
                                     void *conf)
{
    ngx_http_gatehouse_main_conf_t *gmcf = conf;

    char *rv;
    ngx_str_t *value, word;
    ngx_conf_t save;
    ngx_http_gatehouse_oidc_t *oidc, **slot;

    value = cf->args->elts;

    if (ngx_http_gatehouse_oidc_find(gmcf, &value[1]) != NULL
        || ngx_http_gatehouse_issuer_find(gmcf, &value[1]) != NULL)
    {
        return "is declared twice: a provider or token issuer of that name "
               "stands above";
    }

    if (!ngx_http_gatehouse_oidc_name_ok(&value[1], 32)) {
        return "takes a name of letters, digits, '-' and '_', at most 32: it "
               "qualifies its people (NAME:SUBJECT) and names their cookie";
    }

    oidc = ngx_pcalloc(cf->pool, sizeof(ngx_http_gatehouse_oidc_t));
    slot = ngx_array_push(&gmcf->providers);

    if (oidc == NULL || slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = oidc;
    gmcf->used = 1;

    oidc->arguments = ngx_array_create(cf->pool, 2, sizeof(gh_form_field_t));
    if (oidc->arguments == NULL) {
        return NGX_CONF_ERROR;
    }

    oidc->name = value[1];
    oidc->userinfo = 1;
    oidc->times.idle_s = 30 * 60;
    oidc->times.absolute_s = 8 * 3600;
    ngx_http_gatehouse_issuer_defaults(cf, &oidc->issuer, &value[1]);

    word = value[0];
    save = *cf;
    cf->handler = ngx_http_gatehouse_oidc_member;
    cf->handler_conf = (char *) oidc;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    /* messages name the directive, not the last member */
    value = cf->args->elts;
    value[0] = word;

    if (rv == NGX_CONF_OK) {
        rv = ngx_http_gatehouse_oidc_finish(cf, oidc);
    }

    return (rv == NGX_CONF_OK) ? ngx_http_gatehouse_oidc_issuer(cf, gmcf, oidc)
                               : rv;
}


ngx_http_gatehouse_oidc_t *
ngx_http_gatehouse_oidc_find(ngx_http_gatehouse_main_conf_t *gmcf,
                             ngx_str_t *name)
{
    ngx_uint_t i;
    ngx_http_gatehouse_oidc_t **oidc;

    oidc = gmcf->providers.elts;

    for (i = 0; i < gmcf->providers.nelts; i++) {
        if (oidc[i]->name.len == name->len
            && ngx_memcmp(oidc[i]->name.data, name->data, name->len) == 0)
        {
            return oidc[i];
        }
    }

    return NULL;
}


static char *
ngx_http_gatehouse_oidc_member(ngx_conf_t *cf, ngx_command_t *dummy,
                               void *conf)
{
    ngx_http_gatehouse_oidc_t *oidc = conf;

    ngx_str_t *value, *slot;
    ngx_uint_t i;

    value = cf->args->elts;

    if (cf->args->nelts < 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" needs a value",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {

        if (value[0].len != members[i].name.len
            || ngx_memcmp(value[0].data, members[i].name.data, value[0].len)
                   != 0)
        {
            continue;
        }

        if (members[i].set != NULL) {
            return members[i].set(cf, oidc, value);
        }

        slot = (ngx_str_t *) ((u_char *) oidc + members[i].offset);

        if (cf->args->nelts > 2 || slot->data != NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is given once, with one value",
                               &value[0]);
            return NGX_CONF_ERROR;
        }

        *slot = value[1];
        return NGX_CONF_OK;
    }

    return ngx_http_gatehouse_oidc_delegate(cf, oidc);
}


/* What a provider has in common with an issuer of tokens. */

static char *
ngx_http_gatehouse_oidc_delegate(ngx_conf_t *cf,
                                 ngx_http_gatehouse_oidc_t *oidc)
{
    char *rv;
    ngx_str_t *value;
    ngx_uint_t known;

    value = cf->args->elts;

    if (ngx_strcmp(value[0].data, "secret") != 0
        && ngx_strcmp(value[0].data, "jwks_file") != 0)
    {
        rv = ngx_http_gatehouse_issuer_take(cf, &oidc->issuer, &known);

        if (known) {
            return rv;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown member \"%V\" of gatehouse_oidc_provider; "
                       "members are: issuer, client_id, client_secret, "
                       "client_authentication, private_key, private_key_id, "
                       "scope, redirect_uri, login_uri, logout_uri, "
                       "post_logout_uri, "
                       "backchannel_logout_uri, frontchannel_logout_uri, "
                       "cookie_name, cookie_domain, session_timeout, "
                       "session_lifetime, groups_claim, name_claim, "
                       "email_claim, scope_claim, unverified_email, userinfo, "
                       "acr_values, max_age, argument, audience, algorithms, "
                       "skew, endpoint_hosts, jwks_uri, jwks_refresh, "
                       "jwks_min_interval, jwks_stale, "
                       "ssl_trusted_certificate",
                       &value[0]);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_gatehouse_oidc_auth(ngx_conf_t *cf, ngx_http_gatehouse_oidc_t *oidc,
                             ngx_str_t *value)
{
    oidc->client.auth = gh_client_auth_parse(ngx_http_gatehouse_gh(value[1]));

    if (oidc->client.auth == GH_CLIENT_AUTH_AUTO) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown client_authentication \"%V\"; ways are: "
                           "client_secret_basic, client_secret_post, "
                           "private_key_jwt, none",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_gatehouse_oidc_secret(ngx_conf_t *cf, ngx_http_gatehouse_oidc_t *oidc,
                               ngx_str_t *value)
{
    char *rv;
    ngx_str_t text;

    rv = ngx_http_gatehouse_oidc_file(cf, value, &text);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    oidc->client.client_secret = ngx_http_gatehouse_gh(text);

    return NGX_CONF_OK;
}


static char *
ngx_http_gatehouse_oidc_key(ngx_conf_t *cf, ngx_http_gatehouse_oidc_t *oidc,
                            ngx_str_t *value)
{
    BIO *bio;
    char *rv;
    ngx_str_t text;
    ngx_pool_cleanup_t *cln;

    rv = ngx_http_gatehouse_oidc_file(cf, value, &text);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    bio = BIO_new_mem_buf(text.data, (int) text.len);

    if (cln == NULL || bio == NULL) {
        BIO_free(bio);
        return NGX_CONF_ERROR;
    }

    oidc->client.key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ERR_clear_error();

    if (oidc->client.key == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "private_key holds no private key in PEM that can "
                           "be read without a pass phrase");
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_gatehouse_oidc_free_key;
    cln->data = oidc->client.key;

    switch (EVP_PKEY_get_base_id(oidc->client.key)) {

    case EVP_PKEY_RSA:
        oidc->client.key_alg = GH_ALG_PS256;
        break;

    case EVP_PKEY_EC:
        oidc->client.key_alg = GH_ALG_ES256;
        break;

    case EVP_PKEY_ED25519:
        oidc->client.key_alg = GH_ALG_EDDSA;
        break;

    default:
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "private_key is neither RSA, EC P-256 nor "
                           "Ed25519");
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts > 2) {
        oidc->client.key_alg = gh_alg_parse(ngx_http_gatehouse_gh(value[2]));

        if (oidc->client.key_alg == GH_ALG_NONE) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown algorithm \"%V\" of private_key",
                               &value[2]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_gatehouse_oidc_scope(ngx_conf_t *cf, ngx_http_gatehouse_oidc_t *oidc,
                              ngx_str_t *value)
{
    u_char *p;
    size_t len;
    ngx_uint_t i, openid;

    openid = 0;
    len = sizeof("openid");

    for (i = 1; i < cf->args->nelts; i++) {
        len += value[i].len + 1;
        openid |= (ngx_strcmp(value[i].data, "openid") == 0);
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    oidc->scope.data = p;

    if (!openid) {
        p = ngx_cpymem(p, "openid ", sizeof("openid ") - 1);
    }

    for (i = 1; i < cf->args->nelts; i++) {
        p = ngx_cpymem(p, value[i].data, value[i].len);

        if (i + 1 < cf->args->nelts) {
            *p++ = ' ';
        }
    }

    oidc->scope.len = (size_t) (p - oidc->scope.data);

    return NGX_CONF_OK;
}


static char *
ngx_http_gatehouse_oidc_session(ngx_conf_t *cf,
                                ngx_http_gatehouse_oidc_t *oidc,
                                ngx_str_t *value)
{
    ngx_int_t seconds;

    seconds = ngx_parse_time(&value[1], 1);

    if (seconds == NGX_ERROR || seconds < 1 || cf->args->nelts > 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%V \"%V\" is not a time of at least 1s", &value[0],
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    if (ngx_strcmp(value[0].data, "session_timeout") == 0) {
        oidc->times.idle_s = seconds;

    } else {
        oidc->times.absolute_s = seconds;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_gatehouse_oidc_words(ngx_conf_t *cf, ngx_array_t **array,
                              ngx_str_t *value)
{
    gh_str_t *word;
    ngx_uint_t i;

    if (*array == NULL) {
        *array = ngx_array_create(cf->pool, 2, sizeof(gh_str_t));
    }

    for (i = 1; *array != NULL && i < cf->args->nelts; i++) {
        word = ngx_array_push(*array);
        if (word == NULL) {
            return NGX_CONF_ERROR;
        }

        *word = ngx_http_gatehouse_gh(value[i]);
    }

    return (*array == NULL) ? NGX_CONF_ERROR : NGX_CONF_OK;
}


static char *
ngx_http_gatehouse_oidc_hosts(ngx_conf_t *cf, ngx_http_gatehouse_oidc_t *oidc,
                              ngx_str_t *value)
{
    return ngx_http_gatehouse_oidc_words(cf, &oidc->hosts, value);
}


/* argument prompt=select_account domain_hint=example.com; */

static char *
ngx_http_gatehouse_oidc_argument(ngx_conf_t *cf,
                                 ngx_http_gatehouse_oidc_t *oidc,
                                 ngx_str_t *value)
{
    gh_str_t text;
    ngx_uint_t i;
    gh_form_field_t *field;

    for (i = 1; i < cf->args->nelts; i++) {
        field = ngx_array_push(oidc->arguments);
        if (field == NULL) {
            return NGX_CONF_ERROR;
        }

        text = ngx_http_gatehouse_gh(value[i]);
        field->name = gh_str_cut(text, '=', &field->value);

        if (field->name.len == 0 || field->value.data == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "argument \"%V\" is not NAME=VALUE", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_gatehouse_oidc_acr(ngx_conf_t *cf, ngx_http_gatehouse_oidc_t *oidc,
                            ngx_str_t *value)
{
    return ngx_http_gatehouse_oidc_words(cf, &oidc->acr, value);
}


static char *
ngx_http_gatehouse_oidc_age(ngx_conf_t *cf, ngx_http_gatehouse_oidc_t *oidc,
                            ngx_str_t *value)
{
    u_char *p;
    ngx_int_t seconds;
    gh_form_field_t *field;

    seconds = ngx_parse_time(&value[1], 1);
    p = ngx_pnalloc(cf->pool, NGX_INT64_LEN);
    field = ngx_array_push(oidc->arguments);

    if (p == NULL || field == NULL) {
        return NGX_CONF_ERROR;
    }

    if (seconds == NGX_ERROR || seconds < 1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "max_age \"%V\" is not a time of at least 1s",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    oidc->max_age = seconds;
    field->name = GH_STR("max_age");
    field->value.data = (char *) p;
    field->value.len = (size_t) (ngx_sprintf(p, "%i", seconds) - p);

    return NGX_CONF_OK;
}


static char *
ngx_http_gatehouse_oidc_flag(ngx_conf_t *cf, ngx_http_gatehouse_oidc_t *oidc,
                             ngx_str_t *value)
{
    ngx_uint_t on;

    on = (ngx_strcmp(value[1].data, "on") == 0);

    if (!on && ngx_strcmp(value[1].data, "off") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V is \"on\" or \"off\"",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    if (ngx_strcmp(value[0].data, "userinfo") == 0) {
        oidc->userinfo = (ngx_flag_t) on;

    } else {
        oidc->email_any = on ? 1 : 0;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_gatehouse_oidc_finish(ngx_conf_t *cf, ngx_http_gatehouse_oidc_t *oidc)
{
    char *rv;

    if (oidc->issuer.issuer.len == 0) {
        return "needs \"issuer https://...;\", the provider's address as its "
               "tokens name it";
    }

    if (oidc->client_id.len == 0) {
        return "needs \"client_id NAME;\", as registered at the provider";
    }

    if (oidc->times.idle_s > oidc->times.absolute_s) {
        oidc->times.idle_s = oidc->times.absolute_s;
    }

    rv = ngx_http_gatehouse_oidc_client(cf, oidc);

    if (rv == NGX_CONF_OK) {
        rv = ngx_http_gatehouse_oidc_paths(cf, oidc);
    }

    return (rv == NGX_CONF_OK) ? ngx_http_gatehouse_oidc_cookies(cf, oidc)
                               : rv;
}


static char *
ngx_http_gatehouse_oidc_client(ngx_conf_t *cf, ngx_http_gatehouse_oidc_t *oidc)
{
    u_char *p;
    size_t len;
    gh_str_t *acr;
    ngx_uint_t i;
    gh_form_field_t *field;
    gh_oidc_client_t *client = &oidc->client;

    if (client->auth == GH_CLIENT_AUTH_KEY ? client->key == NULL
        : client->auth != GH_CLIENT_AUTH_NONE
            ? client->client_secret.len == 0 && client->key == NULL
            : 0)
    {
        return "needs \"client_secret file:...;\" or \"private_key "
               "file:...;\", or client_authentication none for a public "
               "client";
    }

    if (oidc->scope.len == 0) {
        ngx_str_set(&oidc->scope, "openid profile email");
    }

    client->issuer = ngx_http_gatehouse_gh(oidc->issuer.issuer);
    client->client_id = ngx_http_gatehouse_gh(oidc->client_id);
    client->scope = ngx_http_gatehouse_gh(oidc->scope);
    client->kid = ngx_http_gatehouse_gh(oidc->key_id);

    if (oidc->acr == NULL) {
        return NGX_CONF_OK;
    }

    /* asked for, and looked for in the answer */

    acr = oidc->acr->elts;
    len = 0;

    for (i = 0; i < oidc->acr->nelts; i++) {
        len += acr[i].len + 1;
    }

    p = ngx_pnalloc(cf->pool, len);
    field = ngx_array_push(oidc->arguments);

    if (p == NULL || field == NULL) {
        return NGX_CONF_ERROR;
    }

    field->name = GH_STR("acr_values");
    field->value.data = (char *) p;
    field->value.len = len - 1;

    for (i = 0; i < oidc->acr->nelts; i++) {
        p = ngx_cpymem(p, acr[i].data, acr[i].len);
        *p++ = ' ';
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_gatehouse_oidc_paths(ngx_conf_t *cf, ngx_http_gatehouse_oidc_t *oidc)
{
    size_t i;
    gh_url_t url;
    ngx_str_t *path;

    static const struct {
        size_t offset;
        ngx_str_t standard;
    } paths[] = {
        { offsetof(ngx_http_gatehouse_oidc_t, redirect_uri),
          ngx_string("/oidc_callback") },
        { offsetof(ngx_http_gatehouse_oidc_t, logout_uri),
          ngx_string("/oidc_logout") },
        { offsetof(ngx_http_gatehouse_oidc_t, backchannel_logout_uri),
          ngx_string("/oidc_backchannel_logout") },
        { offsetof(ngx_http_gatehouse_oidc_t, frontchannel_logout_uri),
          ngx_string("/oidc_frontchannel_logout") },
        { offsetof(ngx_http_gatehouse_oidc_t, post_logout_uri),
          ngx_string("/oidc_logged_out") },
        { offsetof(ngx_http_gatehouse_oidc_t, login_uri),
          ngx_string("/oidc_login") },
    };

    ngx_str_set(&oidc->logged_out_uri, "/oidc_logged_out");

    for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        path = (ngx_str_t *) ((u_char *) oidc + paths[i].offset);

        if (path->len == 0) {
            *path = paths[i].standard;
        }

        if (i > 0 && !ngx_http_gatehouse_oidc_path_ok(path)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is not a path: it begins with '/' and "
                               "has no query; the host is the request's own",
                               path);
            return NGX_CONF_ERROR;
        }
    }

    oidc->redirect_path = oidc->redirect_uri;

    if (oidc->redirect_uri.data[0] != '/') {

        if (gh_url_parse(ngx_http_gatehouse_gh(oidc->redirect_uri), &url, NULL)
                != GH_OK
            || (!url.https && !url.loopback) || url.has_query)
        {
            return "has a redirect_uri that is neither a path nor an https "
                   "address without a query";
        }

        oidc->redirect_path = ngx_http_gatehouse_ngx(url.path);
        oidc->redirect_origin.data = oidc->redirect_uri.data;
        oidc->redirect_origin.len = oidc->redirect_uri.len - url.path.len;
    }

    return ngx_http_gatehouse_oidc_path_ok(&oidc->redirect_path)
               ? NGX_CONF_OK
               : "has a redirect_uri without a plain path such as "
                 "/oidc_callback";
}


/* __Host- cookies belong to one host; a domain's cookie cannot be one. */

static char *
ngx_http_gatehouse_oidc_cookies(ngx_conf_t *cf,
                                ngx_http_gatehouse_oidc_t *oidc)
{
    u_char *p;
    size_t len;
    ngx_str_t *domain;

    domain = &oidc->cookie_domain;

    if (domain->len != 0 && domain->data[0] == '.') {
        domain->data++;
        domain->len--;
    }

    if (domain->len != 0
        && (ngx_strlchr(domain->data, domain->data + domain->len, '.') == NULL
            || oidc->redirect_origin.len == 0))
    {
        return "with cookie_domain needs a domain with a dot, and one "
               "callback host: \"redirect_uri https://HOST/oidc_callback;\"";
    }

    if (domain->len != 0
        && !gh_login_host_within(
            (gh_str_t){ (char *) oidc->redirect_origin.data + 8,
                        oidc->redirect_origin.len - 8 },
            ngx_http_gatehouse_gh(*domain)))
    {
        return "has a redirect_uri outside of its cookie_domain";
    }

    if (domain->len != 0) {
        ngx_str_set(&oidc->login_cookie_name, "__Secure-" OIDC_LOGIN_COOKIE);

    } else {
        ngx_str_set(&oidc->login_cookie_name, "__Host-" OIDC_LOGIN_COOKIE);
    }

    if (oidc->cookie_name.len == 0) {
        len = sizeof("__Secure-gh-") + oidc->name.len;

        p = ngx_pnalloc(cf->pool, len);
        if (p == NULL) {
            return NGX_CONF_ERROR;
        }

        oidc->cookie_name.data = p;
        p = ngx_sprintf(p, "%s%V", domain->len ? "__Secure-gh-" : "__Host-gh-",
                        &oidc->name);
        oidc->cookie_name.len = (size_t) (p - oidc->cookie_name.data);
    }

    if (!ngx_http_gatehouse_oidc_name_ok(&oidc->cookie_name, 64)) {
        return "has a cookie_name that is not of letters, digits, '-' and "
               "'_', at most 64";
    }

    if (domain->len != 0 && oidc->cookie_name.len > 7
        && ngx_strncmp(oidc->cookie_name.data, "__Host-", 7) == 0)
    {
        return "has a cookie_name that begins with __Host-, which no cookie "
               "of a domain may have";
    }

    return NGX_CONF_OK;
}


/* Its keys and metadata are fetched like an issuer's; with an audience, its
 * access tokens are accepted where token=NAME says so. */

static char *
ngx_http_gatehouse_oidc_issuer(ngx_conf_t *cf,
                               ngx_http_gatehouse_main_conf_t *gmcf,
                               ngx_http_gatehouse_oidc_t *oidc)
{
    char *rv;
    gh_str_t *audience;
    ngx_uint_t tokens;
    gh_provider_rules_t *rules;
    ngx_http_gatehouse_issuer_t *issuer, **slot;
    ngx_str_t *name;
    ngx_gatehouse_keys_source_t **source;

    issuer = &oidc->issuer;
    tokens = issuer->audiences != NULL;

    if (!tokens) {
        issuer->audiences = ngx_array_create(cf->pool, 1, sizeof(gh_str_t));
        if (issuer->audiences == NULL) {
            return NGX_CONF_ERROR;
        }

        audience = ngx_array_push(issuer->audiences);
        *audience = ngx_http_gatehouse_gh(oidc->client_id);
    }

    rules = &oidc->rules;
    rules->issuer = ngx_http_gatehouse_gh(issuer->issuer);
    rules->hosts = oidc->hosts ? oidc->hosts->elts : NULL;
    rules->n_hosts = oidc->hosts ? oidc->hosts->nelts : 0;
    rules->loopback_http = gh_str_starts(rules->issuer, GH_STR("http:"));
    issuer->keys.metadata = rules;

    rv = ngx_http_gatehouse_issuer_finish(cf, issuer);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    oidc->claims.provider = ngx_http_gatehouse_gh(oidc->name);
    oidc->claims.name_claim = ngx_http_gatehouse_gh(issuer->name_claim);
    oidc->claims.email_claim = ngx_http_gatehouse_gh(issuer->email_claim);
    oidc->claims.groups_claim = ngx_http_gatehouse_gh(issuer->groups_claim);
    oidc->claims.scope_claim = ngx_http_gatehouse_gh(issuer->scope_claim);
    oidc->claims.email_unverified = oidc->email_any;

    if (!tokens) {
        source = ngx_array_push(&gmcf->key_sources);
        if (source == NULL) {
            return NGX_CONF_ERROR;
        }

        *source = &issuer->keys;
        return NGX_CONF_OK;
    }

    slot = ngx_array_push(&gmcf->issuers);
    name = ngx_array_push(&gmcf->issuer_names);

    if (slot == NULL || name == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = issuer;
    *name = oidc->name;

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_http_gatehouse_oidc_name_ok(ngx_str_t *name, size_t max)
{
    size_t i;
    u_char c;

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_'))
        {
            return 0;
        }
    }

    return name->len > 0 && name->len <= max;
}


static ngx_uint_t
ngx_http_gatehouse_oidc_path_ok(ngx_str_t *path)
{
    gh_str_t target = ngx_http_gatehouse_gh(*path);

    return path->len > 0 && path->data[0] == '/'
           && gh_login_target(target).len == path->len
           && ngx_strlchr(path->data, path->data + path->len, '?') == NULL;
}


/* "file:PATH": its text without the line's end; wiped with the cycle. */

static char *
ngx_http_gatehouse_oidc_file(ngx_conf_t *cf, ngx_str_t *value, ngx_str_t *text)
{
    char *rv;
    ngx_fd_t fd;
    ngx_str_t path;

    if (!ngx_http_gatehouse_file_word(&value[1], &path)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a secret is given as a file: write \"%V "
                           "file:/path/to/it;\"",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(path.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "%V \"%V\" cannot be opened", &value[0], &path);
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_gatehouse_oidc_read(cf, &path, fd, text);

    (void) ngx_close_file(fd);

    return rv;
}


static char *
ngx_http_gatehouse_oidc_read(ngx_conf_t *cf, ngx_str_t *path, ngx_fd_t fd,
                             ngx_str_t *text)
{
    ssize_t n;
    ngx_str_t *copy;
    ngx_file_info_t fi;
    ngx_pool_cleanup_t *cln;

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_str_t));
    text->data = ngx_pnalloc(cf->pool, OIDC_SECRET_MAX * 4);

    if (cln == NULL || text->data == NULL) {
        return NGX_CONF_ERROR;
    }

    copy = cln->data;
    copy->data = text->data;
    copy->len = OIDC_SECRET_MAX * 4;
    ngx_memzero(copy->data, copy->len);
    cln->handler = ngx_http_gatehouse_oidc_wipe;

    n = ngx_read_fd(fd, text->data, copy->len);

    while (n > 0 && (text->data[n - 1] == '\n' || text->data[n - 1] == '\r')) {
        n--;
    }

    if (n <= 0 || (size_t) n == copy->len || text->data[n - 1] == '\0') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is empty, too long or ends with a NUL: a "
                           "secret stands there, and nothing else",
                           path);
        return NGX_CONF_ERROR;
    }

    text->len = (size_t) n;

    if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR
        && (ngx_file_access(&fi) & S_IROTH)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "the secret \"%V\" can be read by everybody on "
                           "this machine; chmod o-r it",
                           path);
    }

    return NGX_CONF_OK;
}


static void
ngx_http_gatehouse_oidc_wipe(void *data)
{
    ngx_str_t *text = data;

    OPENSSL_cleanse(text->data, text->len);
}


static void
ngx_http_gatehouse_oidc_free_key(void *data)
{
    EVP_PKEY_free(data);
}
