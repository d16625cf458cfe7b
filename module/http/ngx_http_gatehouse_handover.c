/*
 * gatehouse_forward access_token and id_token: the token that the service
 * behind gets, from the caller's session, or the bearer token by which the
 * caller was let in.
 */

#include "ngx_http_gatehouse_handover.h"
#include "ngx_http_gatehouse_oidc.h"


static gh_str_t handover_token(ngx_http_gatehouse_request_t *gr,
                               ngx_uint_t what);
static ngx_uint_t handover_is_token(gh_str_t token);


ngx_int_t
ngx_http_gatehouse_handover(ngx_http_gatehouse_request_t *gr, ngx_uint_t what,
                            ngx_str_t *value)
{
    u_char *p;
    gh_str_t token;

    token = handover_token(gr, what);

    if (!handover_is_token(token)) {
        return NGX_DECLINED;
    }

    value->len = sizeof("Bearer ") - 1 + token.len;
    value->data = ngx_pnalloc(gr->request->pool, value->len);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(value->data, "Bearer ", sizeof("Bearer ") - 1);
    ngx_memcpy(p, token.data, token.len);

    return NGX_OK;
}


/* Of the method that let this request in: a request may hold what an earlier
 * location asked for. */

static gh_str_t
handover_token(ngx_http_gatehouse_request_t *gr, ngx_uint_t what)
{
    if (gr->principal.type == GH_PRINCIPAL_ANONYMOUS) {
        return GH_STR("");
    }

    if (gr->principal.method == GH_METHOD_OIDC && gr->session != NULL) {
        return (what == NGX_HTTP_GATEHOUSE_HANDOVER_ID)
                   ? gr->session->session.id_token
                   : gr->session->session.access_token;
    }

    if (gr->principal.method == GH_METHOD_TOKEN && gr->token != NULL
        && what == NGX_HTTP_GATEHOUSE_HANDOVER_ACCESS)
    {
        return gr->token->text;
    }

    return GH_STR("");
}


/* Nothing that ends the header's line, whatever the provider made. */

static ngx_uint_t
handover_is_token(gh_str_t token)
{
    size_t i;

    for (i = 0; i < token.len; i++) {
        if (token.data[i] <= ' ' || token.data[i] > '~') {
            return 0;
        }
    }

    return token.len > 0 && token.len <= GH_OIDC_TOKEN_MAX;
}
