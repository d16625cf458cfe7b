/*
 * gatehouse_oidc_provider NAME { ... }: who logs people in, how we prove who
 * we are to them, and which claims mean what.
 */

#include "ngx_http_gatehouse_oidc_conf.h"
#include "ngx_gatehouse_block.h"


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
static char *ngx_http_gatehouse_oidc_scope(ngx_conf_t *cf,
                                           ngx_http_gatehouse_oidc_t *oidc,
                                           ngx_str_t *value);
static char *ngx_http_gatehouse_oidc_session(ngx_conf_t *cf,
                                             ngx_http_gatehouse_oidc_t *oidc,
                                             ngx_str_t *value);
static char *ngx_http_gatehouse_oidc_words(ngx_conf_t *cf, ngx_array_t **array,
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
    ngx_str_t *value;
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

    rv = ngx_gatehouse_block_parse(cf, ngx_http_gatehouse_oidc_member, oidc);

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


ngx_uint_t
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
