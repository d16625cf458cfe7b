/*
 * Station receive: what the outside says about principals goes away, the
 * request gets its id, and its target gets one canonical form or is refused.
 * Runs in server rewrite and again first in location rewrite, because an
 * error_page jump may enter there with everything still in place.
 */

#include "ngx_http_gatehouse.h"
#include "ngx_http_gatehouse_peer.h"


typedef struct {
    gh_header_set_t *principals;
    ngx_uint_t server_uses; /* this server has our directives */
    ngx_uint_t trusted;     /* the peer may say who it forwards */
    ngx_uint_t token;       /* Authorization is what we put there */
} ngx_http_gatehouse_clean_t;


static ngx_int_t ngx_http_gatehouse_receive_clean(
    ngx_http_gatehouse_request_t *gr);
static ngx_int_t ngx_http_gatehouse_receive_drop(void *data,
                                                 ngx_table_elt_t *h);
static ngx_int_t ngx_http_gatehouse_receive_hop(ngx_table_elt_t *h);
static ngx_uint_t ngx_http_gatehouse_receive_is(ngx_str_t *s, const char *word,
                                                size_t len);
static ngx_int_t ngx_http_gatehouse_receive_target(
    ngx_http_gatehouse_request_t *gr);
static ngx_uint_t ngx_http_gatehouse_receive_names(ngx_http_request_t *r);
static void ngx_http_gatehouse_receive_location(
    ngx_http_gatehouse_request_t *gr);
static ngx_int_t ngx_http_gatehouse_receive_host(
    ngx_http_gatehouse_request_t *gr);
static ngx_int_t ngx_http_gatehouse_receive_mask(
    ngx_http_request_t *r, ngx_http_gatehouse_loc_conf_t *glcf);


ngx_int_t
ngx_http_gatehouse_receive(ngx_http_request_t *r, ngx_uint_t server_rewrite)
{
    ngx_int_t rc;
    gh_target_flags_t refused;
    ngx_http_gatehouse_loc_conf_t *glcf;
    ngx_http_gatehouse_srv_conf_t *gscf;
    ngx_http_gatehouse_request_t *gr;

    if (r != r->main) {
        /* a subrequest inherits the cleaned list */
        return NGX_DECLINED;
    }

    gr = ngx_http_gatehouse_request(r);
    if (gr == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    gr->page = 0;
    gr->judged = 0;

    if (server_rewrite || !gr->cleaned || gr->n_forwarded) {
        rc = ngx_http_gatehouse_receive_clean(gr);
        if (rc != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        gr->cleaned = 1;
    }

    gscf = ngx_http_get_module_srv_conf(r, ngx_http_gatehouse_module);

    if (!gscf->used) {
        return NGX_DECLINED;
    }

    if (gr->original_target.data == NULL
        && ngx_http_gatehouse_receive_target(gr) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (server_rewrite) {
        return ngx_http_gatehouse_endpoint(gr);
    }

    glcf = ngx_http_get_module_loc_conf(r, ngx_http_gatehouse_module);
    ngx_http_gatehouse_receive_location(gr);

    if (r->args.len != 0 && ngx_http_gatehouse_receive_mask(r, glcf) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* after a redirect to a URI of the configuration the raw target is not
     * what anybody reads */

    if (r->valid_unparsed_uri) {
        refused = gr->target_flags & ~glcf->target_allow;

        if (refused != 0) {
            return ngx_http_gatehouse_refuse(gr, GH_REASON_TARGET_AMBIGUOUS);
        }
    }

    if (!r->internal && !ngx_http_gatehouse_receive_names(r)) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_TARGET_AMBIGUOUS);
    }

    if (!r->internal && ngx_http_gatehouse_receive_host(gr) != NGX_OK) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_HOST_MISMATCH);
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_gatehouse_receive_clean(ngx_http_gatehouse_request_t *gr)
{
    ngx_http_request_t *r;
    ngx_http_gatehouse_clean_t clean;
    ngx_http_gatehouse_srv_conf_t *gscf;

    r = gr->request;
    gscf = ngx_http_get_module_srv_conf(r, ngx_http_gatehouse_module);

    clean.principals = gr->gmcf->principal_names;
    clean.server_uses = gscf->used;
    clean.trusted = gscf->trusted != NULL
                    && ngx_http_gatehouse_peer_among(r, gscf->trusted);

    clean.token = gr->token_forwarded;

    gr->n_forwarded = 0;
    gr->token_forwarded = 0;

    if (gr->request_id.data == NULL && gscf->used
        && (ngx_http_gatehouse_receive_id(gr) != NGX_OK
            || ngx_http_gatehouse_receive_trace(gr, clean.trusted) != NGX_OK))
    {
        return NGX_ERROR;
    }

    return ngx_http_gatehouse_headers_drop(r, ngx_http_gatehouse_receive_drop,
                                           &clean);
}


static ngx_int_t
ngx_http_gatehouse_receive_drop(void *data, ngx_table_elt_t *h)
{
    ngx_http_gatehouse_clean_t *clean = data;

    switch (
        gh_header_classify(clean->principals, ngx_http_gatehouse_gh(h->key))) {
    case GH_HEADER_KEEP:
        if (clean->token
            && ngx_http_gatehouse_receive_is(&h->key, "authorization", 13))
        {
            return 1;
        }

        return clean->server_uses && ngx_http_gatehouse_receive_hop(h);

    case GH_HEADER_PRINCIPAL:
        return 1;

    case GH_HEADER_INTERNAL:
    case GH_HEADER_OVERRIDE:
        return clean->server_uses;

    case GH_HEADER_FORWARDED:
        return clean->server_uses && !clean->trusted;
    }

    return 1;
}


/*
 * What concerns this connection only, where a location hands it on with
 * proxy_set_header: the one upgrade is a websocket, and Connection names no
 * header that a proxy behind us would take away (ours among them).
 */

static ngx_int_t
ngx_http_gatehouse_receive_hop(ngx_table_elt_t *h)
{
    gh_str_t rest, item;
    ngx_str_t word;

    switch (h->key.len) {

    case sizeof("Upgrade") - 1:
        return ngx_http_gatehouse_receive_is(&h->key, "upgrade", 7)
               && !ngx_http_gatehouse_receive_is(&h->value, "websocket", 9);

    case sizeof("HTTP2-Settings") - 1:
        return ngx_http_gatehouse_receive_is(&h->key, "http2-settings", 14);

    case sizeof("Connection") - 1:
        if (!ngx_http_gatehouse_receive_is(&h->key, "connection", 10)) {
            return 0;
        }
        break;

    default:
        return 0;
    }

    rest = ngx_http_gatehouse_gh(h->value);

    while (rest.data != NULL) {
        item = gh_str_trim(gh_str_cut(rest, ',', &rest));
        word = ngx_http_gatehouse_ngx(item);

        if (!ngx_http_gatehouse_receive_is(&word, "close", 5)
            && !ngx_http_gatehouse_receive_is(&word, "keep-alive", 10)
            && !ngx_http_gatehouse_receive_is(&word, "upgrade", 7))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_gatehouse_receive_is(ngx_str_t *s, const char *word, size_t len)
{
    return s->len == len
           && ngx_strncasecmp(s->data, (u_char *) (uintptr_t) word, len) == 0;
}


/* Judged once, on what the client sent; what goes on is canonical. */

static ngx_int_t
ngx_http_gatehouse_receive_target(ngx_http_gatehouse_request_t *gr)
{
    bool canonical;
    gh_buf_t out;
    gh_str_t target;
    gh_target_flags_t flags;
    ngx_http_request_t *r;

    r = gr->request;
    gr->original_target = r->unparsed_uri;

    if (r->unparsed_uri.len == 0) {
        /* failed before its request line was read */
        return NGX_OK;
    }

    target = ngx_http_gatehouse_gh(r->unparsed_uri);

    /* nginx reduces "http://host/path" to its path in uri, but keeps the
     * absolute form here: "GET http://a/x" and "GET /x" are one target */

    if (target.data[0] != '/' && r->schema_start != NULL
        && r->uri_start != NULL && r->uri_end > r->uri_start)
    {
        target.data = (const char *) r->uri_start;
        target.len = (size_t) (r->uri_end - r->uri_start);

        if (target.data[0] != '/') {
            /* "http://host?query" */
            gr->target_flags |= GH_TARGET_FORM;
        }

        r->unparsed_uri = ngx_http_gatehouse_ngx(target);
    }

    if (target.len == 1 && target.data[0] == '*'
        && r->method == NGX_HTTP_OPTIONS) {
        return NGX_OK;
    }

    gr->target_flags |= gh_target_inspect(target, &canonical);

    if (canonical) {
        return NGX_OK;
    }

    out.cap = target.len * 3;
    out.len = 0;
    out.data = ngx_pnalloc(r->pool, out.cap);
    if (out.data == NULL) {
        return NGX_ERROR;
    }

    if (gh_target_canonical(target, &out, &flags) != GH_OK) {
        gr->target_flags |= GH_TARGET_FORM;
        return NGX_OK;
    }

    r->unparsed_uri.data = (u_char *) out.data;
    r->unparsed_uri.len = out.len;

    return NGX_OK;
}


/* False: another scheme than http and https, or a request line that names
 * another host than the Host header, which the service might go by. */

static ngx_uint_t
ngx_http_gatehouse_receive_names(ngx_http_request_t *r)
{
    u_char *end;
    ngx_str_t *host;

    if (r->schema.len != 0
        && !ngx_http_gatehouse_receive_is(&r->schema, "http", 4)
        && !ngx_http_gatehouse_receive_is(&r->schema, "https", 5))
    {
        return 0;
    }

    if (r->host_start == NULL || r->headers_in.host == NULL) {
        return 1;
    }

    /* with its port, up to the path, which may be missing; since nginx 1.29
     * an ":authority" is here too, and whole */

    end = r->uri_start;

    if (r->http_version >= NGX_HTTP_VERSION_20) {
        end = r->host_end;

    } else if (end < r->host_end) {
        for (end = r->host_end; *end != ' '; end++) {
            /* void */
        }
    }

    host = &r->headers_in.host->value;

    return host->len == (size_t) (end - r->host_start)
           && ngx_strncasecmp(host->data, r->host_start, host->len) == 0;
}


/*
 * A version is looked for anew with each location, after the prefix of the
 * last one that has a prefix: "try_files $uri @app" leaves the path as it is.
 */

static void
ngx_http_gatehouse_receive_location(ngx_http_gatehouse_request_t *gr)
{
    ngx_http_core_loc_conf_t *clcf;

    clcf = ngx_http_get_module_loc_conf(gr->request, ngx_http_core_module);

    gr->resolved_for = NULL;

    if (clcf->named) {
        return;
    }

    ngx_str_set(&gr->prefix, "/");

#if (NGX_PCRE)
    if (clcf->regex != NULL) {
        return;
    }
#endif

    gr->prefix = clcf->name;
}


/* The name that TLS asked for and the Host header must lead to one server:
 * else one virtual server's rules are checked and another's are meant. */

static ngx_int_t
ngx_http_gatehouse_receive_host(ngx_http_gatehouse_request_t *gr)
{
#if (NGX_HTTP_SSL && defined SSL_CTRL_SET_TLSEXT_HOSTNAME)
    ngx_http_request_t *r;
    ngx_http_connection_t *hc;
    ngx_http_core_srv_conf_t *by_name, *by_host;

    r = gr->request;
    hc = r->http_connection;

    if (hc == NULL || r->connection->ssl == NULL || hc->ssl_servername == NULL)
    {
        return NGX_OK;
    }

    by_name = ngx_http_get_module_srv_conf(hc->conf_ctx, ngx_http_core_module);
    by_host = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    return (by_name == by_host) ? NGX_OK : NGX_DECLINED;
#else
    return NGX_OK;
#endif
}


/* nginx writes the request line beside whatever it logs: a key in the query
 * is not for that. What goes on is made of the URI and not of this line. */

static ngx_int_t
ngx_http_gatehouse_receive_mask(ngx_http_request_t *r,
                                ngx_http_gatehouse_loc_conf_t *glcf)
{
    gh_buf_t out;
    gh_str_t line, extra, protocol;

    line = ngx_http_gatehouse_gh(r->request_line);
    extra = ngx_http_gatehouse_gh(glcf->api_key_query);

    out.cap = 4 * line.len + 1;
    out.len = 0;
    out.data = ngx_pnalloc(r->pool, out.cap);
    if (out.data == NULL) {
        return NGX_ERROR;
    }

    protocol = GH_STR("");

    while (line.len > 0 && line.data[line.len - 1] != ' ') {
        line.len--;
        protocol.len++;
    }

    protocol.data = line.data + line.len;

    if (line.len == 0) {
        return NGX_OK;
    }

    line.len--;

    if (gh_logline_mask_query(line, &extra, extra.len ? 1 : 0, &out) != GH_OK
        || gh_buf_add_char(&out, ' ') != GH_OK
        || gh_buf_add(&out, protocol) != GH_OK)
    {
        return NGX_ERROR;
    }

    r->request_line = ngx_http_gatehouse_ngx(gh_buf_str(&out));

    return NGX_OK;
}
