/*
 * Station authorize: the location's own lines, then the access rules of the
 * service and what the consumer's plan includes. Everything must hold.
 */

#include "ngx_http_gatehouse_conf.h"


static void ngx_http_gatehouse_rules_free(void *data);


/* gatehouse_authorize [deny] name=value[,value] ...; may be repeated */

char *
ngx_http_gatehouse_set_authorize(ngx_conf_t *cf, ngx_command_t *cmd,
                                 void *conf)
{
    ngx_http_gatehouse_loc_conf_t *glcf = conf;

    char text[512];
    gh_rc_t rc;
    gh_buf_t message;
    ngx_str_t *value;
    ngx_uint_t i;
    ngx_array_t *line, **slot;
    gh_str_t *word;
    gh_rules_builder_t *builder;
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);
    gmcf->used = 1;

    if (glcf->rule_lines == NGX_CONF_UNSET_PTR) {
        glcf->rule_lines =
            ngx_array_create(cf->pool, 2, sizeof(ngx_array_t *));
        if (glcf->rule_lines == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    slot = ngx_array_push(glcf->rule_lines);
    line = ngx_array_create(cf->pool, cf->args->nelts, sizeof(gh_str_t));
    if (slot == NULL || line == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = line;
    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        word = ngx_array_push(line);
        if (word == NULL) {
            return NGX_CONF_ERROR;
        }

        *word = ngx_http_gatehouse_gh(value[i]);
    }

    /* the block is made anew with each line: errors name the right place */

    if (gh_rules_begin(gh_alloc_libc(), &builder) != GH_OK) {
        return NGX_CONF_ERROR;
    }

    message.data = text;
    message.len = 0;
    message.cap = sizeof(text) - 1;

    slot = glcf->rule_lines->elts;

    for (i = 0; i < glcf->rule_lines->nelts; i++) {

        rc = gh_rules_add_line(builder, slot[i]->elts, slot[i]->nelts,
                               &message);

        if (rc != GH_OK) {
            gh_rules_abandon(builder);
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "gatehouse_authorize: %*s", message.len,
                               message.data);
            return NGX_CONF_ERROR;
        }
    }

    return ngx_http_gatehouse_rules_take(cf, builder, &glcf->rules);
}


/* Copies the finished block into the configuration's pool. */

char *
ngx_http_gatehouse_rules_take(ngx_conf_t *cf, gh_rules_builder_t *builder,
                              gh_str_t *out)
{
    gh_str_t block;
    ngx_pool_cleanup_t *cln;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        gh_rules_abandon(builder);
        return NGX_CONF_ERROR;
    }

    if (gh_rules_finish(builder, &block) != GH_OK) {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_gatehouse_rules_free;
    cln->data = (void *) (uintptr_t) block.data;

    *out = block;

    return NGX_CONF_OK;
}


static void
ngx_http_gatehouse_rules_free(void *data)
{
    const gh_alloc_t *a;

    a = gh_alloc_libc();
    a->free(a->ctx, data);
}


ngx_int_t
ngx_http_gatehouse_authorize(ngx_http_gatehouse_request_t *gr)
{
    gh_reason_t reason;
    gh_subject_t subject;
    const gh_image_t *im;
    const gh_image_plan_t *plan;
    ngx_http_request_t *r;
    ngx_http_gatehouse_loc_conf_t *glcf;

    r = gr->request;
    glcf = ngx_http_get_module_loc_conf(r, ngx_http_gatehouse_module);

    if (glcf->rules.len == 0 && gr->service == NULL) {
        return NGX_OK;
    }

    im = gr->image ? &gr->image->im : NULL;

    ngx_memzero(&subject, sizeof(gh_subject_t));
    subject.principal = &gr->principal;
    subject.http_method = ngx_http_gatehouse_gh(r->method_name);

    if (gr->version != NULL) {
        subject.version = gh_image_str(im, gr->version->name);
    }

    reason = gh_rules_admit(glcf->rules, &subject);

    if (!gh_reason_admits(reason)) {
        return ngx_http_gatehouse_refuse(gr, reason);
    }

    if (gr->service == NULL) {
        return NGX_OK;
    }

    reason = gh_rules_require(gh_image_str(im, gr->service->access), &subject);

    if (!gh_reason_admits(reason)) {
        return ngx_http_gatehouse_refuse(gr, reason);
    }

    plan = ngx_http_gatehouse_plan(gr);

    if (plan != NULL && !gh_image_plan_allows(im, plan, gr->service)) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_PLAN_SERVICE);
    }

    return NGX_OK;
}


/* The plan a principal is on: the consumer's own, else `default`; callers
 * without a principal are on `anonymous`. NULL: no limits of a plan. */

const gh_image_plan_t *
ngx_http_gatehouse_plan(ngx_http_gatehouse_request_t *gr)
{
    const gh_image_t *im;
    const gh_image_consumer_t *consumer;

    if (gr->image == NULL) {
        return NULL;
    }

    im = &gr->image->im;

    if (gr->principal.type == GH_PRINCIPAL_ANONYMOUS) {
        return gh_image_plan(im, im->plan_anonymous);
    }

    if (gr->principal.consumer.len != 0) {
        consumer = gr->consumer
                       ? gr->consumer
                       : gh_image_consumer(im, gr->principal.consumer);

        if (consumer != NULL && consumer->plan != GH_IMAGE_ABSENT) {
            return gh_image_plan(im, consumer->plan);
        }
    }

    return gh_image_plan(im, im->plan_default);
}
