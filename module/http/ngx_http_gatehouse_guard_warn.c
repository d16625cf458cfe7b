/*
 * What the configuration walk looks for in one block beyond its word on who
 * may enter: a `return` that answers before anybody is asked, lines lost to
 * an inner level, files handed to everybody, and protection that subrequests
 * do not meet. All but the first are warnings.
 */

#include "ngx_http_gatehouse_guard.h"


/* The layouts of these modules are private; only what comes first is read,
 * and has been first since the modules exist. */

typedef struct {
    ngx_array_t *codes; /* bytes */
} ngx_http_gatehouse_rewrite_t;

typedef struct {
    ngx_str_t uri;
} ngx_http_gatehouse_auth_request_t;

typedef struct {
    ngx_array_t *uris; /* ngx_str_t */
} ngx_http_gatehouse_mirror_t;


/* What a location's rewrite lines come to. */
typedef struct {
    ngx_uint_t always;    /* a 2xx for every request */
    ngx_uint_t sometimes; /* a 2xx in an `if` or after a `rewrite` */
    ngx_uint_t answers;   /* there is a return or a rewrite */
} ngx_http_gatehouse_returns_t;


static void ngx_http_gatehouse_guard_returns(
    ngx_conf_t *cf, ngx_http_gatehouse_place_t *place,
    ngx_http_gatehouse_returns_t *out);
static void ngx_http_gatehouse_guard_dropped(
    ngx_conf_t *cf, ngx_http_gatehouse_place_t *place);
static ngx_uint_t ngx_http_gatehouse_guard_line_in(ngx_array_t *line,
                                                   ngx_array_t *lines);
static ngx_uint_t ngx_http_gatehouse_guard_limit_in(
    ngx_http_gatehouse_limit_t *limit, ngx_array_t *limits);
static void ngx_http_gatehouse_guard_asked(ngx_conf_t *cf,
                                           ngx_http_gatehouse_place_t *place,
                                           ngx_str_t *uri, const char *by);
static void ngx_http_gatehouse_guard_only_deny(
    ngx_conf_t *cf, ngx_http_gatehouse_place_t *place);
static void ngx_http_gatehouse_guard_secure(ngx_conf_t *cf,
                                            ngx_http_gatehouse_place_t *place);
static ngx_uint_t ngx_http_gatehouse_guard_listens_tls(
    ngx_conf_t *cf, ngx_http_core_srv_conf_t *cscf);
static void *ngx_http_gatehouse_guard_conf_of(
    ngx_conf_t *cf, ngx_http_gatehouse_place_t *place, const char *module);


ngx_int_t
ngx_http_gatehouse_guard_return(ngx_conf_t *cf,
                                ngx_http_gatehouse_place_t *place)
{
    u_char name[NGX_HTTP_GATEHOUSE_GUARD_NAME];
    ngx_uint_t protects;
    ngx_http_gatehouse_returns_t returns;
    ngx_http_gatehouse_loc_conf_t *glcf;

    glcf = place->glcf;

    protects = (glcf->authenticate != NULL && !glcf->authenticate->off)
               || glcf->limits != NULL;

    if (!protects || place->clcf->noname) {
        return NGX_OK;
    }

    ngx_http_gatehouse_guard_returns(cf, place, &returns);
    (void) ngx_http_gatehouse_guard_name(place, name, sizeof(name));

    if (returns.always
        && (glcf->own_authenticate || glcf->own_authorize || glcf->own_limit))
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "%s in %V:%ui answers every request with \"return %ui\" "
                      "before its gatehouse lines are asked; pass requests "
                      "on instead, or remove those lines",
                      name, &place->file, place->line, returns.always);
        return NGX_ERROR;
    }

    if (returns.always || returns.sometimes) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "%s in %V:%ui answers %srequests with \"return %ui\", "
                      "for which gatehouse lines are not asked; pass them on "
                      "instead if they need protection",
                      name, &place->file, place->line,
                      returns.always ? "" : "some ",
                      returns.always ? returns.always : returns.sometimes);
    }

    return NGX_OK;
}


/*
 * Rewrite lines are compiled into codes of whole words, each beginning with
 * the address of what runs it. Those of an `if` stand in the same array.
 */

static void
ngx_http_gatehouse_guard_returns(ngx_conf_t *cf,
                                 ngx_http_gatehouse_place_t *place,
                                 ngx_http_gatehouse_returns_t *out)
{
    u_char *p, *end, *inside;
    ngx_uint_t maybe;
    ngx_http_script_code_pt code;
    ngx_http_script_if_code_t *condition;
    ngx_http_script_return_code_t *answer;
    ngx_http_gatehouse_rewrite_t *rewrite;

    ngx_memzero(out, sizeof(ngx_http_gatehouse_returns_t));

    rewrite =
        ngx_http_gatehouse_guard_conf_of(cf, place, "ngx_http_rewrite_module");
    if (rewrite == NULL || rewrite->codes == NULL) {
        return;
    }

    p = rewrite->codes->elts;
    end = p + rewrite->codes->nelts;
    inside = p;
    maybe = 0;

    for (/* void */; p + sizeof(uintptr_t) <= end; p += sizeof(uintptr_t)) {

        code = *(ngx_http_script_code_pt *) p;

        if (code == ngx_http_script_if_code) {
            condition = (ngx_http_script_if_code_t *) p;
            inside = ngx_max(inside, p + condition->next);
            continue;
        }

#if (NGX_PCRE)
        if (code == ngx_http_script_regex_start_code
            && !((ngx_http_script_regex_code_t *) p)->test)
        {
            out->answers = 1;
            maybe = 1;
            continue;
        }
#endif

        if (code == ngx_http_script_break_code && p >= inside && !maybe) {
            return;
        }

        if (code != ngx_http_script_return_code) {
            continue;
        }

        answer = (ngx_http_script_return_code_t *) p;
        out->answers = 1;

        if (p < inside || maybe) {
            if (answer->status >= 200 && answer->status < 300) {
                out->sometimes = answer->status;
            }
            continue;
        }

        if (answer->status >= 200 && answer->status < 300) {
            out->always = answer->status;
        }

        return;
    }
}


void
ngx_http_gatehouse_guard_warn(ngx_conf_t *cf,
                              ngx_http_gatehouse_place_t *place)
{
    u_char name[NGX_HTTP_GATEHOUSE_GUARD_NAME];
    ngx_str_t *uri;
    ngx_uint_t i;
    ngx_http_gatehouse_mirror_t *mirror;
    ngx_http_gatehouse_returns_t returns;
    ngx_http_gatehouse_loc_conf_t *glcf;
    ngx_http_gatehouse_auth_request_t *ar;

    glcf = place->glcf;

    ngx_http_gatehouse_guard_dropped(cf, place);
    ngx_http_gatehouse_guard_only_deny(cf, place);
    ngx_http_gatehouse_guard_secure(cf, place);

    ar = ngx_http_gatehouse_guard_conf_of(cf, place,
                                          "ngx_http_auth_request_module");
    if (ar != NULL && ar->uri.len != 0) {
        ngx_http_gatehouse_guard_asked(cf, place, &ar->uri, "auth_request");
    }

    mirror =
        ngx_http_gatehouse_guard_conf_of(cf, place, "ngx_http_mirror_module");

    if (mirror != NULL && mirror->uris != NULL) {
        uri = mirror->uris->elts;

        for (i = 0; i < mirror->uris->nelts; i++) {
            ngx_http_gatehouse_guard_asked(cf, place, &uri[i], "mirror");
        }
    }

    if (place->server || place->clcf->noname || place->clcf->named
        || place->clcf->internal || place->clcf->handler != NULL
        || glcf->authenticate != NULL)
    {
        return;
    }

    ngx_http_gatehouse_guard_returns(cf, place, &returns);

    if (returns.answers) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                  "%s in %V:%ui serves files to everybody; if that is meant, "
                  "say \"gatehouse_authenticate off;\" there",
                  ngx_http_gatehouse_guard_name(place, name, sizeof(name)),
                  &place->file, place->line);
}


/* Browsers keep the session, a Secure cookie, only from https. */

static void
ngx_http_gatehouse_guard_secure(ngx_conf_t *cf,
                                ngx_http_gatehouse_place_t *place)
{
    u_char name[NGX_HTTP_GATEHOUSE_GUARD_NAME];
    ngx_http_gatehouse_loc_conf_t *glcf;
    ngx_http_gatehouse_srv_conf_t *gscf;

    glcf = place->glcf;
    gscf = place->cscf->ctx->srv_conf[ngx_http_gatehouse_module.ctx_index];

    if (!glcf->own_authenticate || glcf->authenticate->oidc == NULL
        || (gscf->trusted != NULL && gscf->trusted->nelts > 0)
        || ngx_http_gatehouse_guard_listens_tls(cf, place->cscf))
    {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                  "%s in %V:%ui asks for a login, but its server has no "
                  "\"listen ... ssl\", so browsers keep no session; add one, "
                  "or name the proxy that ends TLS in "
                  "gatehouse_trusted_proxies",
                  ngx_http_gatehouse_guard_name(place, name, sizeof(name)),
                  &place->file, place->line);
}


static ngx_uint_t
ngx_http_gatehouse_guard_listens_tls(ngx_conf_t *cf,
                                     ngx_http_core_srv_conf_t *cscf)
{
    ngx_uint_t p, a, s, tls;
    ngx_http_conf_port_t *port;
    ngx_http_conf_addr_t *addr;
    ngx_http_core_srv_conf_t **server;
    ngx_http_core_main_conf_t *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    port = cmcf->ports->elts;

    for (p = 0; p < cmcf->ports->nelts; p++) {
        addr = port[p].addrs.elts;

        for (a = 0; a < port[p].addrs.nelts; a++) {
            tls = 0;
#if (NGX_HTTP_SSL)
            tls |= addr[a].opt.ssl;
#endif
#if (NGX_HTTP_V3)
            tls |= addr[a].opt.quic;
#endif
            server = addr[a].servers.elts;

            for (s = 0; tls && s < addr[a].servers.nelts; s++) {
                if (server[s] == cscf) {
                    return 1;
                }
            }
        }
    }

    return 0;
}


/* A line of an inner level takes the place of the outer ones. */

static void
ngx_http_gatehouse_guard_dropped(ngx_conf_t *cf,
                                 ngx_http_gatehouse_place_t *place)
{
    const char *what;
    u_char name[NGX_HTTP_GATEHOUSE_GUARD_NAME];
    ngx_uint_t i;
    ngx_array_t **line;
    ngx_http_gatehouse_limit_t **limit;
    ngx_http_gatehouse_loc_conf_t *glcf, *outer;

    glcf = place->glcf;
    outer = place->outer;
    what = NULL;

    if (glcf->own_limit && outer->limits != NULL
        && outer->limits != NGX_CONF_UNSET_PTR)
    {
        limit = outer->limits->elts;

        for (i = 0; i < outer->limits->nelts; i++) {
            if (!ngx_http_gatehouse_guard_limit_in(limit[i], glcf->limits)) {
                what = "gatehouse_limit";
            }
        }
    }

    if (glcf->own_authorize && outer->rule_lines != NULL
        && outer->rule_lines != NGX_CONF_UNSET_PTR)
    {
        line = outer->rule_lines->elts;

        for (i = 0; i < outer->rule_lines->nelts; i++) {
            if (!ngx_http_gatehouse_guard_line_in(line[i], glcf->rule_lines)) {
                what = "gatehouse_authorize";
            }
        }
    }

    if (what == NULL) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                  "%s in %V:%ui has %s lines of its own, so those of the "
                  "level around it do not hold there; repeat them if they "
                  "should",
                  ngx_http_gatehouse_guard_name(place, name, sizeof(name)),
                  &place->file, place->line, what);
}


/* Lines that only refuse let nobody in; a bare "deny" says so on purpose. */

static void
ngx_http_gatehouse_guard_only_deny(ngx_conf_t *cf,
                                   ngx_http_gatehouse_place_t *place)
{
    u_char name[NGX_HTTP_GATEHOUSE_GUARD_NAME];
    gh_str_t *word;
    ngx_uint_t i;
    ngx_array_t **line;
    ngx_http_gatehouse_loc_conf_t *glcf;

    glcf = place->glcf;

    if (!glcf->own_authorize || glcf->rule_lines == NULL) {
        return;
    }

    line = glcf->rule_lines->elts;

    for (i = 0; i < glcf->rule_lines->nelts; i++) {
        word = line[i]->elts;

        if (!gh_str_eq(word[0], GH_STR("deny")) || line[i]->nelts == 1) {
            return;
        }
    }

    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                  "%s in %V:%ui has only gatehouse_authorize lines that deny, "
                  "so nobody is let in; add a line that admits, or write "
                  "\"gatehouse_authorize deny;\"",
                  ngx_http_gatehouse_guard_name(place, name, sizeof(name)),
                  &place->file, place->line);
}


static ngx_uint_t
ngx_http_gatehouse_guard_line_in(ngx_array_t *line, ngx_array_t *lines)
{
    gh_str_t *a, *b;
    ngx_uint_t i, k;
    ngx_array_t **other;

    a = line->elts;
    other = lines->elts;

    for (i = 0; i < lines->nelts; i++) {

        if (other[i]->nelts != line->nelts) {
            continue;
        }

        b = other[i]->elts;

        for (k = 0; k < line->nelts && gh_str_eq(a[k], b[k]); k++) {
            /* void */
        }

        if (k == line->nelts) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_gatehouse_guard_limit_in(ngx_http_gatehouse_limit_t *limit,
                                  ngx_array_t *limits)
{
    ngx_uint_t i;
    ngx_http_gatehouse_limit_t **other;

    if (limits == NULL) {
        /* off, on purpose */
        return 1;
    }

    other = limits->elts;

    for (i = 0; i < limits->nelts; i++) {
        if (other[i]->plan == limit->plan
            && other[i]->name.len == limit->name.len
            && ngx_memcmp(other[i]->name.data, limit->name.data,
                          limit->name.len)
                   == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* nginx runs no access phase for subrequests. */

static void
ngx_http_gatehouse_guard_asked(ngx_conf_t *cf,
                               ngx_http_gatehouse_place_t *place,
                               ngx_str_t *uri, const char *by)
{
    ngx_uint_t i;
    ngx_http_gatehouse_place_t *other;
    ngx_http_gatehouse_loc_conf_t *glcf;
    ngx_http_gatehouse_main_conf_t *gmcf;

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);
    other = gmcf->places.elts;

    for (i = 0; i < gmcf->places.nelts; i++) {

        glcf = other[i].glcf;

        if (other[i].cscf != place->cscf || other[i].server
            || other[i].subrequest || other[i].clcf->noname
            || other[i].clcf->name.len != uri->len
            || ngx_memcmp(other[i].clcf->name.data, uri->data, uri->len) != 0
            || !glcf->own_authenticate || glcf->authenticate->off)
        {
            continue;
        }

        other[i].subrequest = 1;

        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "gatehouse_authenticate of location \"%V\" in %V:%ui "
                      "is not asked when %s calls it: nginx checks no access "
                      "of subrequests; protect the locations that call it",
                      uri, &other[i].file, other[i].line, by);
    }
}


static void *
ngx_http_gatehouse_guard_conf_of(ngx_conf_t *cf,
                                 ngx_http_gatehouse_place_t *place,
                                 const char *module)
{
    void **loc_conf;
    ngx_uint_t i;
    ngx_module_t *m;

    loc_conf =
        place->server ? place->cscf->ctx->loc_conf : place->clcf->loc_conf;

    for (i = 0; cf->cycle->modules[i] != NULL; i++) {

        m = cf->cycle->modules[i];

        if (m->type == NGX_HTTP_MODULE && m->name != NULL
            && ngx_strcmp(m->name, module) == 0)
        {
            return loc_conf[m->ctx_index];
        }
    }

    return NULL;
}
