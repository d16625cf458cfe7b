/*
 * nginx's variables of the request line and headers, when they were read
 * before the request was made what the service gets (by set, if, map, a
 * limit's key): nginx remembers their values for as long as the request.
 */

#include "ngx_http_gatehouse_forward.h"


static ngx_uint_t ngx_http_gatehouse_forward_heard(
    ngx_http_core_main_conf_t *cmcf, ngx_http_variable_t *v);


ngx_int_t
ngx_http_gatehouse_forward_variables_init(ngx_cycle_t *cycle,
                                          ngx_http_gatehouse_main_conf_t *gmcf)
{
    ngx_uint_t i, *index;
    ngx_http_variable_t *v;
    ngx_http_core_main_conf_t *cmcf;

    gmcf->heard = ngx_array_create(cycle->pool, 4, sizeof(ngx_uint_t));
    if (gmcf->heard == NULL) {
        return NGX_ERROR;
    }

    cmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_core_module);
    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {

        if (!ngx_http_gatehouse_forward_heard(cmcf, &v[i])) {
            continue;
        }

        index = ngx_array_push(gmcf->heard);
        if (index == NULL) {
            return NGX_ERROR;
        }

        *index = i;
    }

    return NGX_OK;
}


/* Not those to which the configuration gives a value under such a name: of
 * these the index knows nothing any more. */

static ngx_uint_t
ngx_http_gatehouse_forward_heard(ngx_http_core_main_conf_t *cmcf,
                                 ngx_http_variable_t *v)
{
    gh_str_t name;
    ngx_http_variable_t *own;

    name = ngx_http_gatehouse_gh(v->name);

    if (!gh_str_starts(name, GH_STR("http_"))
        && !gh_str_starts(name, GH_STR("cookie_"))
        && !gh_str_eq(name, GH_STR("request_uri")))
    {
        return 0;
    }

    own = ngx_hash_find(&cmcf->variables_hash,
                        ngx_hash_key(v->name.data, v->name.len), v->name.data,
                        v->name.len);

    return own == NULL || !(own->flags & NGX_HTTP_VAR_CHANGEABLE);
}


void
ngx_http_gatehouse_forward_variables(ngx_http_gatehouse_request_t *gr)
{
    ngx_uint_t i, *index;
    ngx_http_variable_value_t *v;

    if (gr->gmcf->heard == NULL) {
        return;
    }

    v = gr->request->variables;
    index = gr->gmcf->heard->elts;

    for (i = 0; i < gr->gmcf->heard->nelts; i++) {
        v[index[i]].valid = 0;
        v[index[i]].not_found = 0;
    }
}
