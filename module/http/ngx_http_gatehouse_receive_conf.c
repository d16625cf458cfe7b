/*
 * gatehouse_target, gatehouse_request_id: what a location accepts as a
 * target, and whose request ids are believed.
 */

#include "ngx_http_gatehouse_conf.h"


/* gatehouse_target strict | allow=encoded-slash,semicolon,...; */

char *
ngx_http_gatehouse_set_target(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_gatehouse_loc_conf_t *glcf = conf;

    char known[512];
    gh_buf_t list;
    gh_str_t rest, word;
    ngx_str_t *value, words;
    gh_target_flags_t flag;

    if (glcf->target_allow_set != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    glcf->target_allow_set = 1;
    glcf->target_allow = 0;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "strict") == 0) {
        return NGX_CONF_OK;
    }

    if (!ngx_http_gatehouse_option(&value[1], "allow", &words)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unexpected \"%V\"; write \"gatehouse_target "
                           "strict;\" or \"gatehouse_target "
                           "allow=encoded-slash;\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    rest = ngx_http_gatehouse_gh(words);

    while (rest.data != NULL) {
        word = gh_str_cut(rest, ',', &rest);
        flag = gh_target_flag_parse(word);

        if (flag == 0 || (flag & GH_TARGET_NEVER)) {
            list.data = known;
            list.len = 0;
            list.cap = sizeof(known);
            (void) gh_target_flags_text(0xffffu & ~GH_TARGET_NEVER, &list);

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%*s\" cannot be allowed in a target; what "
                               "can is: %*s",
                               word.len, word.data, list.len, list.data);
            return NGX_CONF_ERROR;
        }

        glcf->target_allow |= flag;
    }

    return NGX_CONF_OK;
}


/* gatehouse_request_id [header=X-Request-Id] trusted=CIDR ...; */

char *
ngx_http_gatehouse_set_request_id(ngx_conf_t *cf, ngx_command_t *cmd,
                                  void *conf)
{
    ngx_http_gatehouse_loc_conf_t *glcf = conf;

    ngx_str_t *value, rest;
    ngx_uint_t i;
    ngx_cidr_t *cidr;

    if (glcf->request_id_header.data != NULL) {
        return "is duplicate";
    }

    glcf->request_id_trusted =
        ngx_array_create(cf->pool, 2, sizeof(ngx_cidr_t));
    if (glcf->request_id_trusted == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&glcf->request_id_header, "X-Request-Id");

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_http_gatehouse_option(&value[i], "header", &rest)
            && ngx_http_gatehouse_header_name_ok(&rest) == NGX_OK
            && gh_header_classify(NULL, ngx_http_gatehouse_gh(rest))
                   == GH_HEADER_KEEP)
        {
            glcf->request_id_header = rest;
            continue;
        }

        if (ngx_http_gatehouse_option(&value[i], "trusted", &rest)) {

            cidr = ngx_array_push(glcf->request_id_trusted);
            if (cidr == NULL) {
                return NGX_CONF_ERROR;
            }

            ngx_memzero(cidr, sizeof(ngx_cidr_t));

            if (ngx_ptocidr(&rest, cidr) != NGX_ERROR) {
                continue;
            }
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unexpected \"%V\"; write \"gatehouse_request_id "
                           "header=X-Request-Id trusted=10.0.0.0/8;\"",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    if (glcf->request_id_trusted->nelts == 0) {
        glcf->request_id_trusted = NULL;
    }

    return NGX_CONF_OK;
}
