/*
 * What the configuration walk says of lines of nginx's own that keep from the
 * service behind what the gateway tells it: a proxy_set_header of the same
 * name, and proxy_pass_request_headers off. Where a module keeps what such a
 * line says is read from its table of directives.
 */

#include "ngx_http_gatehouse_guard.h"


static void ngx_http_gatehouse_guard_set(ngx_conf_t *cf,
                                         ngx_http_gatehouse_place_t *place,
                                         ngx_command_t *cmd,
                                         ngx_array_t *lines);
static const char *ngx_http_gatehouse_guard_sent(
    ngx_http_gatehouse_loc_conf_t *glcf, ngx_str_t *name);
static ngx_uint_t ngx_http_gatehouse_guard_ends(ngx_str_t *name,
                                                const char *end);


void
ngx_http_gatehouse_guard_headers(ngx_conf_t *cf,
                                 ngx_http_gatehouse_place_t *place)
{
    u_char name[NGX_HTTP_GATEHOUSE_GUARD_NAME], *conf;
    ngx_uint_t i;
    ngx_module_t *m;
    ngx_command_t *cmd;
    ngx_http_gatehouse_loc_conf_t *glcf;

    glcf = place->glcf;

    if (place->server || place->clcf->noname || place->clcf->handler == NULL
        || glcf->authenticate == NULL || glcf->authenticate->off
        || ngx_http_gatehouse_guard_sent(glcf, NULL) == NULL)
    {
        return;
    }

    for (i = 0; cf->cycle->modules[i] != NULL; i++) {

        m = cf->cycle->modules[i];

        if (m->type != NGX_HTTP_MODULE || m->commands == NULL) {
            continue;
        }

        conf = place->clcf->loc_conf[m->ctx_index];

        for (cmd = m->commands; cmd->name.len != 0; cmd++) {

            if (cmd->set == ngx_conf_set_keyval_slot
                && ngx_http_gatehouse_guard_ends(&cmd->name, "_set_header"))
            {
                ngx_http_gatehouse_guard_set(
                    cf, place, cmd, *(ngx_array_t **) (conf + cmd->offset));
            }

            if (cmd->set == ngx_conf_set_flag_slot
                && ngx_http_gatehouse_guard_ends(&cmd->name,
                                                 "_pass_request_headers")
                && *(ngx_flag_t *) (conf + cmd->offset) == 0)
            {
                ngx_log_error(
                    NGX_LOG_WARN, cf->log, 0,
                    "%s in %V:%ui has \"%V off\", so the service behind is "
                    "not told who calls; remove that line, or say "
                    "\"gatehouse_principal_headers off;\" there",
                    ngx_http_gatehouse_guard_name(place, name, sizeof(name)),
                    &place->file, place->line, &cmd->name);
            }
        }
    }
}


/* A line that gives one of our own variables means it. */

static void
ngx_http_gatehouse_guard_set(ngx_conf_t *cf, ngx_http_gatehouse_place_t *place,
                             ngx_command_t *cmd, ngx_array_t *lines)
{
    u_char name[NGX_HTTP_GATEHOUSE_GUARD_NAME];
    ngx_uint_t i;
    const char *by;
    ngx_keyval_t *line;

    if (lines == NULL || lines == NGX_CONF_UNSET_PTR) {
        return;
    }

    line = lines->elts;

    for (i = 0; i < lines->nelts; i++) {

        by = ngx_http_gatehouse_guard_sent(place->glcf, &line[i].key);

        if (by == NULL
            || ngx_strstr(line[i].value.data, "$gatehouse_") != NULL) {
            continue;
        }

        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "%s in %V:%ui has \"%V %V\", which takes the place of "
                      "what %s tells the service behind; remove that line, "
                      "or give the header another name",
                      ngx_http_gatehouse_guard_name(place, name, sizeof(name)),
                      &place->file, place->line, &cmd->name, &line[i].key, by);
    }
}


/* The directive that sends a header of that name (NULL: any) from here, or
 * NULL. */

static const char *
ngx_http_gatehouse_guard_sent(ngx_http_gatehouse_loc_conf_t *glcf,
                              ngx_str_t *name)
{
    ngx_uint_t i;
    ngx_http_gatehouse_header_t *header;

    if (glcf->headers != NULL && glcf->headers->nelts > 0) {

        header = glcf->headers->elts;

        for (i = 0; i < glcf->headers->nelts; i++) {
            if (name == NULL
                || (header[i].name.len == name->len
                    && ngx_strncasecmp(header[i].name.data, name->data,
                                       name->len)
                           == 0))
            {
                return "gatehouse_principal_headers";
            }
        }
    }

    if (glcf->assertion != NULL
        && (name == NULL
            || gh_str_eq_nocase(ngx_http_gatehouse_gh(*name),
                                GH_STR("X-Principal-Assertion"))))
    {
        return "gatehouse_assertion";
    }

    if (glcf->forward_token != 0
        && (name == NULL
            || gh_str_eq_nocase(ngx_http_gatehouse_gh(*name),
                                GH_STR("Authorization"))))
    {
        return "gatehouse_forward";
    }

    return NULL;
}


static ngx_uint_t
ngx_http_gatehouse_guard_ends(ngx_str_t *name, const char *end)
{
    size_t len;

    len = ngx_strlen(end);

    return name->len > len
           && ngx_memcmp(name->data + name->len - len, end, len) == 0;
}
