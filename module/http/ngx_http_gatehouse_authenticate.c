/*
 * Station authenticate: which credential the request carries, and which
 * method judges it. A credential that is present and wrong is refused, never
 * passed on to the next method or to anonymous; two of one kind are refused.
 */

#include "ngx_http_gatehouse.h"


/* What the request carries, found in one walk over its headers. */
typedef struct {
    ngx_table_elt_t *authorization;
    ngx_table_elt_t *key_header;
    ngx_str_t key_argument;
    ngx_uint_t n_authorization, n_keys, n_signatures;
    ngx_str_t bearer; /* after the scheme */
    unsigned has_bearer : 1;
} ngx_http_gatehouse_credentials_t;


static ngx_int_t ngx_http_gatehouse_authenticate_method(
    ngx_http_gatehouse_request_t *gr, ngx_uint_t method,
    ngx_http_gatehouse_credentials_t *found);
static void ngx_http_gatehouse_credentials(
    ngx_http_request_t *r, ngx_http_gatehouse_loc_conf_t *glcf,
    ngx_http_gatehouse_credentials_t *found);
static void ngx_http_gatehouse_take_bearer(
    ngx_http_gatehouse_credentials_t *c);
static ngx_int_t ngx_http_gatehouse_authenticate_person(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_authenticate_t *auth);
static ngx_uint_t ngx_http_gatehouse_has(
    ngx_http_gatehouse_credentials_t *found, ngx_uint_t method);
static ngx_uint_t ngx_http_gatehouse_same_methods(
    ngx_http_gatehouse_authenticate_t *a,
    ngx_http_gatehouse_authenticate_t *b);
static void ngx_http_gatehouse_anonymous(ngx_http_gatehouse_request_t *gr,
                                         gh_reason_t reason);


ngx_int_t
ngx_http_gatehouse_authenticate(ngx_http_gatehouse_request_t *gr)
{
    ngx_int_t rc;
    ngx_uint_t i, method;
    ngx_http_request_t *r;
    ngx_http_gatehouse_loc_conf_t *glcf;
    ngx_http_gatehouse_credentials_t found;
    ngx_http_gatehouse_authenticate_t *auth;

    r = gr->request;
    glcf = ngx_http_get_module_loc_conf(r, ngx_http_gatehouse_module);
    auth = glcf->authenticate;

    if (auth == NULL || auth->off) {
        ngx_http_gatehouse_anonymous(gr, GH_REASON_PUBLIC);
        return NGX_OK;
    }

    if (glcf->dev != NULL) {
        gr->principal = *glcf->dev;
        gr->authenticated_by = auth;
        gr->reason = GH_REASON_OK;
        return NGX_OK;
    }

    if (gr->authenticated_by != NULL
        && gr->principal.type != GH_PRINCIPAL_ANONYMOUS
        && ngx_http_gatehouse_signature_holds(gr, glcf)
        && ngx_http_gatehouse_same_methods(gr->authenticated_by, auth))
    {
        /* verified under another location of equal methods */
        gr->reason = GH_REASON_OK;
        return NGX_OK;
    }

    ngx_http_gatehouse_anonymous(gr, GH_REASON_NONE);
    ngx_http_gatehouse_credentials(r, glcf, &found);

    method = GH_METHOD_NONE;

    for (i = 0; i < auth->n_methods; i++) {

        if (auth->methods[i] == GH_METHOD_OIDC) {
            rc = ngx_http_gatehouse_authenticate_person(gr, auth);

            if (rc != NGX_DECLINED) {
                return rc;
            }

            continue;
        }

        if (ngx_http_gatehouse_has(&found, auth->methods[i])) {
            method = auth->methods[i];
            break;
        }
    }

    if (method == GH_METHOD_NONE) {

        if (auth->optional) {
            gr->reason = GH_REASON_ANONYMOUS;
            return NGX_OK;
        }

        if (auth->oidc != NULL) {
            rc = ngx_http_gatehouse_login_prepare(gr, auth->oidc);

            if (rc != NGX_OK) {
                return rc;
            }
        }

        return ngx_http_gatehouse_refuse(gr, GH_REASON_CREDENTIAL_MISSING);
    }

    rc = ngx_http_gatehouse_limit_bad_check(gr);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_gatehouse_authenticate_method(gr, method, &found);

    if (rc == NGX_OK) {
        gr->authenticated_by = auth;
        gr->principal.method = method;
        gr->reason = GH_REASON_OK;

    } else if (rc == NGX_HTTP_UNAUTHORIZED) {
        ngx_http_gatehouse_anonymous(gr, gr->reason);
        ngx_http_gatehouse_limit_bad_charge(gr);
    }

    return rc;
}


/*
 * A session is no credential that anybody chose to send: none, an unknown
 * and an ended one are the same. A page of another site can open a websocket
 * with a person's cookie, so its origin has to be ours.
 */

static ngx_int_t
ngx_http_gatehouse_authenticate_person(ngx_http_gatehouse_request_t *gr,
                                       ngx_http_gatehouse_authenticate_t *auth)
{
    ngx_int_t rc;

    rc = ngx_http_gatehouse_session(gr, auth->oidc);

    if (rc != NGX_OK) {
        return rc;
    }

    if (gr->request->headers_in.upgrade != NULL
        && ngx_http_gatehouse_own_origin(gr->request) != NGX_OK)
    {
        ngx_http_gatehouse_anonymous(gr, GH_REASON_NONE);
        return ngx_http_gatehouse_refuse(gr, GH_REASON_ORIGIN_FOREIGN);
    }

    gr->authenticated_by = auth;
    gr->principal.method = GH_METHOD_OIDC;
    gr->reason = GH_REASON_OK;

    return NGX_OK;
}


static ngx_int_t
ngx_http_gatehouse_authenticate_method(ngx_http_gatehouse_request_t *gr,
                                       ngx_uint_t method,
                                       ngx_http_gatehouse_credentials_t *found)
{
    ngx_str_t *text;

    if (method == GH_METHOD_API_KEY) {

        if (found->n_keys != 1) {
            return ngx_http_gatehouse_refuse(gr,
                                             GH_REASON_CREDENTIAL_DUPLICATE);
        }

        text = found->key_header ? &found->key_header->value
                                 : &found->key_argument;

        return ngx_http_gatehouse_apikey(gr, text);
    }

    if (method == GH_METHOD_SIGNATURE) {
        return ngx_http_gatehouse_signature(gr);
    }

    if (found->n_authorization != 1) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_CREDENTIAL_DUPLICATE);
    }

    return ngx_http_gatehouse_token(gr, &found->bearer);
}


static ngx_uint_t
ngx_http_gatehouse_has(ngx_http_gatehouse_credentials_t *found,
                       ngx_uint_t method)
{
    if (method == GH_METHOD_SIGNATURE) {
        return found->n_signatures > 0;
    }

    return (method == GH_METHOD_API_KEY) ? found->n_keys > 0
                                         : found->has_bearer;
}


static void
ngx_http_gatehouse_credentials(ngx_http_request_t *r,
                               ngx_http_gatehouse_loc_conf_t *glcf,
                               ngx_http_gatehouse_credentials_t *found)
{
    ngx_uint_t i, n;
    ngx_str_t argument;
    ngx_list_part_t *part;
    ngx_table_elt_t *h;

    ngx_memzero(found, sizeof(ngx_http_gatehouse_credentials_t));

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (ngx_http_gatehouse_header_is(&h[i], &glcf->api_key_in)) {
                found->key_header = &h[i];
                found->n_keys++;
                continue;
            }

            /* either field alone is a signature that is not whole */

            if (ngx_http_gatehouse_header_called(&h[i], "signature")
                || ngx_http_gatehouse_header_called(&h[i], "signature-input"))
            {
                found->n_signatures++;
                continue;
            }

            if (ngx_http_gatehouse_header_called(&h[i], "authorization")) {
                found->authorization = &h[i];
                found->n_authorization++;
                ngx_http_gatehouse_take_bearer(found);
            }
        }
    }

    if (glcf->api_key_query.len == 0 || r->args.len == 0) {
        return;
    }

    n = ngx_http_gatehouse_argument(r->args, &glcf->api_key_query, &argument);
    if (n > 0) {
        found->key_argument = argument;
        found->n_keys += n;
    }
}


/* "Bearer" SP token. */

static void
ngx_http_gatehouse_take_bearer(ngx_http_gatehouse_credentials_t *c)
{
    ngx_str_t *value;

    value = &c->authorization->value;

    if (!ngx_http_gatehouse_bearer(value)
        || (value->len > 6 && value->data[6] != ' ' && value->data[6] != '\t'))
    {
        return;
    }

    c->has_bearer = 1;
    ngx_str_null(&c->bearer);

    if (value->len > 7 && value->data[6] == ' ') {
        c->bearer.data = value->data + 7;
        c->bearer.len = value->len - 7;
    }
}


/* How many arguments have that name; *value is the last one's. The name is
 * compared as sent: a key in an encoded name is no key. */

ngx_uint_t
ngx_http_gatehouse_argument(ngx_str_t args, ngx_str_t *name, ngx_str_t *value)
{
    gh_str_t rest, item, text;
    ngx_uint_t n;

    n = 0;
    rest = ngx_http_gatehouse_gh(args);

    while (rest.data != NULL) {
        item = gh_str_cut(rest, '&', &rest);
        item = gh_str_cut(item, '=', &text);

        if (item.len != name->len
            || ngx_memcmp(item.data, name->data, name->len) != 0) {
            continue;
        }

        n++;
        ngx_str_null(value);

        if (text.data != NULL) {
            *value = ngx_http_gatehouse_ngx(text);
        }
    }

    return n;
}


static ngx_uint_t
ngx_http_gatehouse_same_methods(ngx_http_gatehouse_authenticate_t *a,
                                ngx_http_gatehouse_authenticate_t *b)
{
    if (a == b) {
        return 1;
    }

    return a->n_methods == b->n_methods && a->n_issuers == b->n_issuers
           && a->oidc == b->oidc && a->optional == b->optional
           && ngx_memcmp(a->methods, b->methods,
                         a->n_methods * sizeof(a->methods[0]))
                  == 0
           && ngx_memcmp(a->issuers, b->issuers,
                         a->n_issuers * sizeof(a->issuers[0]))
                  == 0;
}


static void
ngx_http_gatehouse_anonymous(ngx_http_gatehouse_request_t *gr,
                             gh_reason_t reason)
{
    gh_str_t credential;

    /* the public id of a refused credential stays for the log */

    credential = gr->principal.credential;
    ngx_memzero(&gr->principal, sizeof(gh_principal_t));
    gr->principal.credential = credential;
    gr->consumer = NULL;

    gr->authenticated_by = NULL;
    gr->reason = reason;
}


/*
 * First of precontent: a request that got here without our word was let in by
 * another module (satisfy any). It has no principal, and our refusal is
 * withdrawn.
 */

ngx_int_t
ngx_http_gatehouse_admit(ngx_http_gatehouse_request_t *gr)
{
    ngx_http_gatehouse_loc_conf_t *glcf;

    glcf =
        ngx_http_get_module_loc_conf(gr->request, ngx_http_gatehouse_module);

    gr->page = 0;

    if (gr->judged) {
        return NGX_OK;
    }

    if (glcf->authenticate != NULL && !glcf->authenticate->off) {
        gr->refused = GH_REASON_NONE;
    }

    ngx_http_gatehouse_anonymous(
        gr, (glcf->authenticate == NULL || glcf->authenticate->off)
                ? GH_REASON_PUBLIC
                : GH_REASON_ADMITTED);

    return ngx_http_gatehouse_resolve(gr);
}
