/*
 * The module itself: its directives, its hooks, one handler per phase, and
 * what each worker opens at its start and closes at its end. What directives
 * mean is in the _conf files; what requests meet is in the stations.
 */

#include "ngx_http_gatehouse_conf.h"
#include "ngx_http_gatehouse_corridor.h"
#include "ngx_http_gatehouse_dev.h"
#include "ngx_http_gatehouse_forward.h"


static ngx_int_t ngx_http_gatehouse_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_gatehouse_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_gatehouse_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_gatehouse_init_process(ngx_cycle_t *cycle);
static void ngx_http_gatehouse_exit_process(ngx_cycle_t *cycle);


/* clang-format off */

#define NGX_HTTP_GATEHOUSE_ANYWHERE                                           \
    (NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF)

static ngx_command_t  ngx_http_gatehouse_commands[] = {

    { ngx_string("gatehouse_policies"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_gatehouse_set_policies,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_gatehouse_set_redis,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_store"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_gatehouse_set_store,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_memory"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_gatehouse_main_conf_t, memory),
      NULL },

    { ngx_string("gatehouse_secret"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_gatehouse_set_secret,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_streams"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_gatehouse_set_streams,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_token_issuer"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_gatehouse_set_token_issuer,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_oidc_provider"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_gatehouse_set_oidc_provider,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_dev_principal"),
      NGX_HTTP_SRV_CONF|NGX_CONF_1MORE,
      ngx_http_gatehouse_set_dev,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_pages"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_gatehouse_set_pages,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_trusted_proxies"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_1MORE,
      ngx_http_gatehouse_set_trusted_proxies,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_authenticate"),
      NGX_HTTP_GATEHOUSE_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_gatehouse_set_authenticate,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_authorize"),
      NGX_HTTP_GATEHOUSE_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_gatehouse_set_authorize,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_limit"),
      NGX_HTTP_GATEHOUSE_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_gatehouse_set_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_bad_credentials"),
      NGX_HTTP_GATEHOUSE_ANYWHERE|NGX_CONF_TAKE12,
      ngx_http_gatehouse_set_bad_credentials,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_service"),
      NGX_HTTP_GATEHOUSE_ANYWHERE|NGX_CONF_TAKE1,
      ngx_http_gatehouse_set_service,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_api_key"),
      NGX_HTTP_GATEHOUSE_ANYWHERE|NGX_CONF_TAKE12,
      ngx_http_gatehouse_set_api_key,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_signature"),
      NGX_HTTP_GATEHOUSE_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_gatehouse_set_signature,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_principal_headers"),
      NGX_HTTP_GATEHOUSE_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_gatehouse_set_principal_headers,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_forward"),
      NGX_HTTP_GATEHOUSE_ANYWHERE|NGX_CONF_TAKE1,
      ngx_http_gatehouse_set_forward,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_assertion"),
      NGX_HTTP_GATEHOUSE_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_gatehouse_set_assertion,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_assertion_jwks"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_gatehouse_set_assertion_jwks,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_request_id"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_1MORE,
      ngx_http_gatehouse_set_request_id,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_target"),
      NGX_HTTP_GATEHOUSE_ANYWHERE|NGX_CONF_TAKE1,
      ngx_http_gatehouse_set_target,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("gatehouse_status"),
      NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_ANY,
      ngx_http_gatehouse_set_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_gatehouse_module_ctx = {
    ngx_http_gatehouse_preconfiguration,   /* preconfiguration */
    ngx_http_gatehouse_postconfiguration,  /* postconfiguration */

    ngx_http_gatehouse_create_main_conf,   /* create main configuration */
    ngx_http_gatehouse_init_main_conf,     /* init main configuration */

    ngx_http_gatehouse_create_srv_conf,    /* create server configuration */
    ngx_http_gatehouse_merge_srv_conf,     /* merge server configuration */

    ngx_http_gatehouse_create_loc_conf,    /* create location configuration */
    ngx_http_gatehouse_merge_loc_conf      /* merge location configuration */
};


ngx_module_t  ngx_http_gatehouse_module = {
    NGX_MODULE_V1,
    &ngx_http_gatehouse_module_ctx,        /* module context */
    ngx_http_gatehouse_commands,           /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_gatehouse_init_module,        /* init module */
    ngx_http_gatehouse_init_process,       /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_gatehouse_exit_process,       /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};

/* clang-format on */


static ngx_int_t
ngx_http_gatehouse_preconfiguration(ngx_conf_t *cf)
{
    if (ngx_http_gatehouse_router_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_gatehouse_add_variables(cf);
}


static ngx_int_t
ngx_http_gatehouse_postconfiguration(ngx_conf_t *cf)
{
    ngx_uint_t i;
    ngx_str_t name;
    ngx_http_handler_pt *h;
    ngx_http_core_main_conf_t *cmcf;
    ngx_http_gatehouse_main_conf_t *gmcf;

    static const struct {
        ngx_http_phases phase;
        ngx_http_handler_pt handler;
    } phases[] = {
        { NGX_HTTP_SERVER_REWRITE_PHASE,
          ngx_http_gatehouse_server_rewrite_handler },
        { NGX_HTTP_REWRITE_PHASE, ngx_http_gatehouse_rewrite_handler },
        { NGX_HTTP_ACCESS_PHASE, ngx_http_gatehouse_access_handler },
        { NGX_HTTP_PRECONTENT_PHASE, ngx_http_gatehouse_precontent_handler },
        { NGX_HTTP_LOG_PHASE, ngx_http_gatehouse_record }
    };

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);

    if (!gmcf->used) {
        return NGX_OK;
    }

    if (ngx_http_gatehouse_guard(cf) != NGX_OK
        || ngx_http_gatehouse_dev_guard(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_gatehouse_policies_check(cf, &gmcf->policies_conf) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_set(&name, "request_id");
    gmcf->request_id_index = ngx_http_get_variable_index(cf, &name);
    if (gmcf->request_id_index == NGX_ERROR) {
        return NGX_ERROR;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    for (i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
        h = ngx_array_push(&cmcf->phases[phases[i].phase].handlers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = phases[i].handler;
    }

    ngx_http_gatehouse_answer_init();
    ngx_http_gatehouse_signature_init();

    return NGX_OK;
}


static ngx_http_gatehouse_main_conf_t *
ngx_http_gatehouse_cycle_conf(ngx_cycle_t *cycle)
{
    ngx_http_gatehouse_main_conf_t *gmcf;

    if (ngx_get_conf(cycle->conf_ctx, ngx_http_module) == NULL) {
        return NULL;
    }

    gmcf =
        ngx_http_cycle_get_module_main_conf(cycle, ngx_http_gatehouse_module);

    return (gmcf != NULL && gmcf->used) ? gmcf : NULL;
}


static ngx_int_t
ngx_http_gatehouse_init_module(ngx_cycle_t *cycle)
{
    ngx_core_conf_t *ccf;
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = ngx_http_gatehouse_cycle_conf(cycle);

    if (gmcf == NULL || ngx_test_config) {
        return NGX_OK;
    }

    /* without a `user` line its default is known only now */

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    gmcf->store_conf.user = ccf->user;
    gmcf->store_conf.group = ccf->group;
    gmcf->policies_conf.user = ccf->user;
    gmcf->policies_conf.group = ccf->group;

    if (ngx_gatehouse_store_prepare(&gmcf->store_conf, cycle->log) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_gatehouse_policies_prepare(&gmcf->policies_conf, cycle->log);

    if (ngx_http_gatehouse_forward_variables_init(cycle, gmcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_gatehouse_secret_init(cycle, gmcf);
}


static ngx_int_t
ngx_http_gatehouse_init_process(ngx_cycle_t *cycle)
{
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = ngx_http_gatehouse_cycle_conf(cycle);

    if (gmcf == NULL
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    return ngx_http_gatehouse_worker_open(cycle, gmcf);
}


static void
ngx_http_gatehouse_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = ngx_http_gatehouse_cycle_conf(cycle);

    if (gmcf != NULL
        && (ngx_process == NGX_PROCESS_WORKER
            || ngx_process == NGX_PROCESS_SINGLE))
    {
        ngx_http_gatehouse_worker_close(gmcf);
    }
}
