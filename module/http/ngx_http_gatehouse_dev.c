/*
 * gatehouse_dev_principal, by which the tool's dev command gives a service
 * the headers that it will have in production. Whoever reaches such a server
 * is that principal, so each of its addresses has to be loopback.
 */

#include "ngx_http_gatehouse_dev.h"
#include "ngx_http_gatehouse_conf.h"


static void dev_free(void *data);
static ngx_int_t dev_word(ngx_conf_t *cf, ngx_str_t *word, gh_principal_t *p,
                          ngx_array_t *groups, json_t *claims);
static ngx_uint_t dev_is_loopback(struct sockaddr *sa);
static ngx_int_t dev_guard_address(ngx_conf_t *cf, ngx_http_conf_addr_t *addr);


/* gatehouse_dev_principal SUB [group=... name=... email=... claim=NAME=VALUE];
 */

char *
ngx_http_gatehouse_set_dev(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_gatehouse_loc_conf_t *glcf = conf;

    json_t *claims;
    u_char *id;
    ngx_str_t *value;
    ngx_uint_t i;
    ngx_array_t *groups;
    gh_principal_t *p;
    ngx_pool_cleanup_t *cln;
    ngx_http_gatehouse_main_conf_t *gmcf;

    if (glcf->dev != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    p = ngx_pcalloc(cf->pool, sizeof(gh_principal_t));
    groups = ngx_array_create(cf->pool, 4, sizeof(gh_str_t));
    id = ngx_pnalloc(cf->pool, sizeof("dev:") - 1 + value[1].len);
    cln = ngx_pool_cleanup_add(cf->pool, 0);
    claims = json_object();

    if (p == NULL || groups == NULL || id == NULL || cln == NULL
        || claims == NULL) {
        json_decref(claims);
        return NGX_CONF_ERROR;
    }

    cln->handler = dev_free;
    cln->data = claims;
    glcf->dev = p;

    p->type = GH_PRINCIPAL_USER;
    p->method = GH_METHOD_OIDC;
    p->issuer = GH_STR("https://dev.invalid");
    p->credential = ngx_http_gatehouse_gh(value[1]);
    p->claims = claims;
    p->id.data = (char *) id;
    p->id.len = sizeof("dev:") - 1 + value[1].len;
    ngx_memcpy(ngx_cpymem(id, "dev:", 4), value[1].data, value[1].len);

    if (value[1].len == 0 || value[1].len > 255
        || json_object_set_new(
               claims, "sub",
               json_stringn((char *) value[1].data, value[1].len))
               != 0)
    {
        return "needs a name of 1 to 255 bytes of UTF-8";
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (dev_word(cf, &value[i], p, groups, claims) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    p->groups = groups->elts;
    p->n_groups = groups->nelts;

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);
    gmcf->used = 1;

    return NGX_CONF_OK;
}


static void
dev_free(void *data)
{
    json_decref(data);
}


static ngx_int_t
dev_word(ngx_conf_t *cf, ngx_str_t *word, gh_principal_t *p,
         ngx_array_t *groups, json_t *claims)
{
    char name[128];
    gh_str_t key, text;
    gh_str_t *group;
    ngx_str_t rest;

    if (ngx_http_gatehouse_option(word, "name", &rest)) {
        p->name = ngx_http_gatehouse_gh(rest);
        return NGX_OK;
    }

    if (ngx_http_gatehouse_option(word, "email", &rest)) {
        p->email = ngx_http_gatehouse_gh(rest);
        return NGX_OK;
    }

    if (ngx_http_gatehouse_option(word, "group", &rest)) {
        group = ngx_array_push(groups);
        if (group == NULL) {
            return NGX_ERROR;
        }

        *group = ngx_http_gatehouse_gh(rest);
        return NGX_OK;
    }

    if (ngx_http_gatehouse_option(word, "claim", &rest)) {
        key = gh_str_cut(ngx_http_gatehouse_gh(rest), '=', &text);

        if (key.len > 0 && key.len < sizeof(name) && text.data != NULL) {
            ngx_memcpy(name, key.data, key.len);
            name[key.len] = '\0';

            if (json_object_set_new(claims, name,
                                    json_stringn(text.data, text.len))
                == 0) {
                return NGX_OK;
            }
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unexpected \"%V\" in gatehouse_dev_principal; words "
                       "are: group=, name=, email=, claim=NAME=VALUE",
                       word);

    return NGX_ERROR;
}


ngx_int_t
ngx_http_gatehouse_dev_guard(ngx_conf_t *cf)
{
    ngx_uint_t i, k;
    ngx_http_conf_port_t *port;
    ngx_http_conf_addr_t *addr;
    ngx_http_core_main_conf_t *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (cmcf->ports == NULL) {
        return NGX_OK;
    }

    port = cmcf->ports->elts;

    for (i = 0; i < cmcf->ports->nelts; i++) {
        addr = port[i].addrs.elts;

        for (k = 0; k < port[i].addrs.nelts; k++) {
            if (!dev_is_loopback(addr[k].opt.sockaddr)
                && dev_guard_address(cf, &addr[k]) != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* A location below may have it where its server does not. */

static ngx_int_t
dev_guard_address(ngx_conf_t *cf, ngx_http_conf_addr_t *addr)
{
    ngx_uint_t i, k;
    ngx_http_core_srv_conf_t **cscf;
    ngx_http_gatehouse_place_t *place;
    ngx_http_gatehouse_loc_conf_t *glcf;
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);

    cscf = addr->servers.elts;
    place = gmcf->places.elts;

    for (i = 0; i < addr->servers.nelts; i++) {
        for (k = 0; k < gmcf->places.nelts; k++) {
            glcf = place[k].glcf;

            if (place[k].cscf != cscf[i] || glcf->dev == NULL) {
                continue;
            }

            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "gatehouse_dev_principal makes everybody who "
                          "reaches this server that principal, and it listens "
                          "on %V, in %V:%ui; every listen has to be loopback, "
                          "such as 127.0.0.1:8080",
                          &addr->opt.addr_text, &place[k].file, place[k].line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
dev_is_loopback(struct sockaddr *sa)
{
    struct sockaddr_in *sin;

    if (sa->sa_family == AF_INET) {
        sin = (struct sockaddr_in *) sa;
        return (ntohl(sin->sin_addr.s_addr) >> 24) == 127;
    }

#if (NGX_HAVE_INET6)
    if (sa->sa_family == AF_INET6) {
        return IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *) sa)->sin6_addr);
    }
#endif

    return 0;
}
