/*
 * A provider's block when all of its members are read: what is missing, what
 * does not go together, and what follows from the rest.
 */

#include "ngx_http_gatehouse_oidc_conf.h"

#define OIDC_LOGIN_COOKIE "gh-login"


static char *ngx_http_gatehouse_oidc_client(ngx_conf_t *cf,
                                            ngx_http_gatehouse_oidc_t *oidc);
static char *ngx_http_gatehouse_oidc_paths(ngx_conf_t *cf,
                                           ngx_http_gatehouse_oidc_t *oidc);
static char *ngx_http_gatehouse_oidc_cookies(ngx_conf_t *cf,
                                             ngx_http_gatehouse_oidc_t *oidc);
static char *ngx_http_gatehouse_oidc_alone(ngx_conf_t *cf,
                                           ngx_http_gatehouse_oidc_t *oidc);
static ngx_uint_t ngx_http_gatehouse_oidc_same(const ngx_str_t *a,
                                               const ngx_str_t *b);
static ngx_uint_t ngx_http_gatehouse_oidc_path_ok(ngx_str_t *path);


char *
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

    if (rv == NGX_CONF_OK) {
        rv = ngx_http_gatehouse_oidc_cookies(cf, oidc);
    }

    return (rv == NGX_CONF_OK) ? ngx_http_gatehouse_oidc_alone(cf, oidc) : rv;
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


/* Two providers may share an address: what comes says whose it is. A cookie
 * cannot: each login would throw out who is in at the other one. */

static char *
ngx_http_gatehouse_oidc_alone(ngx_conf_t *cf, ngx_http_gatehouse_oidc_t *oidc)
{
    ngx_str_t *own;
    ngx_uint_t i, n;
    ngx_http_gatehouse_oidc_t **other;
    ngx_http_gatehouse_main_conf_t *gmcf;

    static const ngx_str_t taken[] = {
        ngx_string("__Host-" OIDC_LOGIN_COOKIE),
        ngx_string("__Secure-" OIDC_LOGIN_COOKIE),
        ngx_string(NGX_HTTP_GATEHOUSE_STICKY_NAME),
    };

    ngx_str_t *const paths[] = { &oidc->redirect_path,
                                 &oidc->login_uri,
                                 &oidc->logout_uri,
                                 &oidc->logged_out_uri,
                                 &oidc->backchannel_logout_uri,
                                 &oidc->frontchannel_logout_uri };

    own = &oidc->cookie_name;

    for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (ngx_http_gatehouse_oidc_same(own, &taken[i])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "provider \"%V\" would call its cookie "
                               "\"%V\", which Gatehouse uses for something "
                               "else; add \"cookie_name __Host-%V-people;\"",
                               &oidc->name, own, &oidc->name);
            return NGX_CONF_ERROR;
        }
    }

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);
    other = gmcf->providers.elts;

    for (i = 0; i < gmcf->providers.nelts; i++) {
        if (other[i] != oidc
            && ngx_http_gatehouse_oidc_same(own, &other[i]->cookie_name))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "providers \"%V\" and \"%V\" both have the "
                               "cookie_name \"%V\"; leave it out, and each "
                               "has its own",
                               &other[i]->name, &oidc->name, own);
            return NGX_CONF_ERROR;
        }
    }

    for (i = 1; i < sizeof(paths) / sizeof(paths[0]); i++) {
        for (n = 0; n < i; n++) {
            if (ngx_http_gatehouse_oidc_same(paths[i], paths[n])) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "provider \"%V\" has two meanings for the "
                                   "path \"%V\"; give each of its addresses "
                                   "one of its own",
                                   &oidc->name, paths[i]);
                return NGX_CONF_ERROR;
            }
        }
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_http_gatehouse_oidc_same(const ngx_str_t *a, const ngx_str_t *b)
{
    return a->len == b->len && ngx_memcmp(a->data, b->data, a->len) == 0;
}


/* Its keys and metadata are fetched like an issuer's; with an audience, its
 * access tokens are accepted where token=NAME says so. */

char *
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
ngx_http_gatehouse_oidc_path_ok(ngx_str_t *path)
{
    gh_str_t target = ngx_http_gatehouse_gh(*path);

    return path->len > 0 && path->data[0] == '/'
           && gh_login_target(target).len == path->len
           && ngx_strlchr(path->data, path->data + path->len, '?') == NULL;
}
