/*
 * A gatehouse_redis block: what an address cannot say. Passwords come from
 * files only.
 */

#include "ngx_gatehouse_redis_inside.h"
#include "ngx_gatehouse_block.h"


#define REDIS_FILE_MAX 4096
#define REDIS_SENTINEL_PORT 26379


static char *redis_member(ngx_conf_t *cf, ngx_command_t *dummy, void *conf);
static char *redis_sentinel(ngx_conf_t *cf, ngx_str_t *value,
                            ngx_gatehouse_redis_conf_t *rc);
static char *redis_primary(ngx_str_t *value, ngx_gatehouse_redis_conf_t *rc);
static char *redis_resolver(ngx_conf_t *cf, ngx_gatehouse_redis_conf_t *rc);
static char *redis_password(ngx_conf_t *cf, ngx_str_t *value, ngx_str_t *slot);
static void redis_wipe(void *data);
static char *redis_sentinels(ngx_gatehouse_redis_conf_t *rc);
static char *redis_no_sentinel(ngx_gatehouse_redis_conf_t *rc);
static char *redis_tls(ngx_conf_t *cf, ngx_gatehouse_redis_conf_t *rc);


char *
ngx_gatehouse_redis_block(ngx_conf_t *cf, ngx_array_t *blocks)
{
    char *rv;
    ngx_str_t *value, spec;
    ngx_gatehouse_redis_conf_t *rc, *other, **slot;

    value = cf->args->elts;

    spec.len = 6 + value[1].len;
    spec.data = ngx_pnalloc(cf->pool, spec.len);
    rc = ngx_gatehouse_redis_create(cf);

    if (spec.data == NULL || rc == NULL) {
        return NGX_CONF_ERROR;
    }

    (void) ngx_sprintf(spec.data, "redis=%V", &value[1]);

    if (ngx_gatehouse_redis_find(cf, &spec, blocks, &other) == NGX_CONF_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "Redis \"%V\" is declared already in %s:%ui",
                           &value[1], other->file, other->line);
        return NGX_CONF_ERROR;
    }

    rc->name = value[1];

    rv = ngx_gatehouse_block_parse(cf, redis_member, rc);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    slot = ngx_array_push(blocks);
    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = rc;

    return ngx_gatehouse_redis_finish(cf, rc);
}


static char *
redis_member(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    char *rv;
    ngx_str_t *value;
    ngx_uint_t i;
    ngx_gatehouse_redis_conf_t *rc = conf;

    const struct {
        const char *name;
        ngx_str_t *slot;
        ngx_uint_t file;
    } texts[] = {
        { "username", &rc->username, 0 },
        { "sentinel_username", &rc->sentinel_username, 0 },
        { "ssl_name", &rc->ssl_name, 0 },
        { "sentinel_ssl_name", &rc->sentinel_ssl_name, 0 },
        { "ssl_trusted_certificate", &rc->ca, 1 },
        { "ssl_certificate", &rc->certificate, 1 },
        { "ssl_certificate_key", &rc->certificate_key, 1 },
    };

    value = cf->args->elts;

    if (ngx_gatehouse_redis_is(&value[0], "resolver")) {
        return redis_resolver(cf, rc);
    }

    if (cf->args->nelts != 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" takes one value",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (ngx_gatehouse_redis_is(&value[0], texts[i].name)) {
            *texts[i].slot = value[1];

            return texts[i].file
                           && ngx_conf_full_name(cf->cycle, texts[i].slot, 1)
                                  != NGX_OK
                       ? NGX_CONF_ERROR
                       : NGX_CONF_OK;
        }
    }

    if (ngx_gatehouse_redis_is(&value[0], "password")) {
        rv = redis_password(cf, &value[1], &rc->password);

    } else if (ngx_gatehouse_redis_is(&value[0], "sentinel_password")) {
        rv = redis_password(cf, &value[1], &rc->sentinel_password);

    } else if (ngx_gatehouse_redis_is(&value[0], "server")) {
        rv = rc->addrs == NULL ? ngx_gatehouse_redis_address(cf, value[1], rc)
                               : "is duplicate";

    } else if (ngx_gatehouse_redis_is(&value[0], "sentinel")) {
        rv = redis_sentinel(cf, &value[1], rc);

    } else if (ngx_gatehouse_redis_is(&value[0], "primary")) {
        rv = redis_primary(&value[1], rc);

    } else if (ngx_gatehouse_redis_is(&value[0], "database")
               || ngx_gatehouse_redis_is(&value[0], "timeout")
               || ngx_gatehouse_redis_is(&value[0], "nodes")
               || ngx_gatehouse_redis_is(&value[0], "state"))
    {
        rv = ngx_gatehouse_redis_value(cf, &value[0], &value[1], rc);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown member \"%V\" of gatehouse_redis; members "
                           "are: server, sentinel, primary, username, "
                           "password, sentinel_username, sentinel_password, "
                           "database, timeout, nodes, state, resolver, "
                           "ssl_trusted_certificate, ssl_certificate, "
                           "ssl_certificate_key, ssl_name, sentinel_ssl_name",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    if (rv == NGX_CONF_OK || rv == NGX_CONF_ERROR) {
        return rv;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" %s", &value[0], rv);

    return NGX_CONF_ERROR;
}


/* A sentinel is a Redis of its own: where it is, and who asks it. */

static char *
redis_sentinel(ngx_conf_t *cf, ngx_str_t *value,
               ngx_gatehouse_redis_conf_t *rc)
{
    char *rv;
    ngx_str_t address = *value;
    ngx_gatehouse_redis_conf_t *sentinel, **slot;

    if (rc->sentinels == NULL) {
        rc->sentinels = ngx_array_create(cf->pool, 3,
                                         sizeof(ngx_gatehouse_redis_conf_t *));
    }

    sentinel = ngx_gatehouse_redis_create(cf);

    if (rc->sentinels == NULL || sentinel == NULL) {
        return NGX_CONF_ERROR;
    }

    if (rc->sentinels->nelts == GH_REDIS_SENTINELS_MAX) {
        return "is one too many; more than 16 are not asked";
    }

    sentinel->sentinel = 1;
    sentinel->tls = ngx_gatehouse_redis_scheme(&address);

    rv = ngx_strncmp(address.data, "unix:", 5) == 0
             ? "is asked over the network; write \"sentinel HOST:PORT;\""
             : ngx_gatehouse_redis_resolve(cf, &address, REDIS_SENTINEL_PORT,
                                           sentinel);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    slot = rc->sentinels->elts;

    if (rc->sentinels->nelts > 0 && slot[0]->tls != sentinel->tls) {
        return "has TLS where another has none, or none where another has it";
    }

    slot = ngx_array_push(rc->sentinels);
    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = sentinel;

    return NGX_CONF_OK;
}


static char *
redis_primary(ngx_str_t *value, ngx_gatehouse_redis_conf_t *rc)
{
    gh_str_t name;
    ngx_str_t s = *value;

    if (rc->primary.len > 0) {
        return "is duplicate";
    }

    rc->tls = ngx_gatehouse_redis_scheme(&s);

    name.data = (char *) s.data;
    name.len = s.len;

    if (!gh_redis_primary_valid(name)) {
        return "is the name under which sentinels watch it: letters, digits, "
               "\".\", \"-\", \"_\"";
    }

    rc->primary = s;

    return NGX_CONF_OK;
}


static char *
redis_resolver(ngx_conf_t *cf, ngx_gatehouse_redis_conf_t *rc)
{
    ngx_str_t *value;

    value = cf->args->elts;

    if (rc->resolver != NULL || cf->args->nelts < 2) {
        ngx_conf_log_error(
            NGX_LOG_EMERG, cf, 0, "\"resolver\" is %s",
            rc->resolver != NULL ? "duplicate" : "followed by addresses");
        return NGX_CONF_ERROR;
    }

    rc->resolver = ngx_resolver_create(cf, &value[1], cf->args->nelts - 1);

    return rc->resolver != NULL ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
redis_password(ngx_conf_t *cf, ngx_str_t *value, ngx_str_t *slot)
{
    u_char *text;
    ssize_t n;
    ngx_fd_t fd;
    ngx_str_t path;
    ngx_file_info_t fi;
    ngx_pool_cleanup_t *cln;

    if (!ngx_gatehouse_redis_starts(value, "file:") || value->len == 5) {
        return "is given as a file: write \"password file:/path;\"";
    }

    path.data = value->data + 5;
    path.len = value->len - 5;
    text = ngx_pcalloc(cf->pool, REDIS_FILE_MAX);
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (text == NULL || cln == NULL
        || ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(path.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "password file \"%V\" cannot be opened", &path);
        return NGX_CONF_ERROR;
    }

    if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR
        && (ngx_file_access(&fi) & S_IROTH)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "password file \"%V\" can be read by everybody; "
                           "run: chmod 600 %V",
                           &path, &path);
    }

    n = ngx_read_fd(fd, text, REDIS_FILE_MAX);
    (void) ngx_close_file(fd);

    cln->handler = redis_wipe;
    cln->data = text;

    /* the line's end is the editor's */

    while (n > 0 && (text[n - 1] == LF || text[n - 1] == CR)) {
        n--;
    }

    if (n <= 0 || n == REDIS_FILE_MAX) {
        return "is empty, or longer than a password";
    }

    slot->data = text;
    slot->len = (size_t) n;

    return NGX_CONF_OK;
}


static void
redis_wipe(void *data)
{
    ngx_explicit_memzero(data, REDIS_FILE_MAX);
}


void
ngx_gatehouse_redis_resolver(ngx_array_t *blocks, ngx_resolver_t *resolver)
{
    ngx_uint_t i;
    ngx_gatehouse_redis_conf_t **rc;

    for (i = 0; blocks != NULL && i < blocks->nelts; i++) {
        rc = blocks->elts;

        if (rc[i]->resolver == NULL) {
            rc[i]->resolver = resolver;
        }
    }
}


char *
ngx_gatehouse_redis_finish(ngx_conf_t *cf, ngx_gatehouse_redis_conf_t *rc)
{
    char *rv;

    rv = rc->sentinels != NULL ? redis_sentinels(rc) : redis_no_sentinel(rc);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (rc->username.len > 0 && rc->password.len == 0) {
        return "has a username but no password";
    }

    if (rc->tls || rc->sentinel_tls) {
        return redis_tls(cf, rc);
    }

    if (rc->ca.len > 0 || rc->certificate.len > 0
        || rc->certificate_key.len > 0) {
        return "has certificates but a server without TLS; write "
               "\"server rediss://HOST:PORT;\"";
    }

    return NGX_CONF_OK;
}


static char *
redis_sentinels(ngx_gatehouse_redis_conf_t *rc)
{
    ngx_uint_t i;
    ngx_gatehouse_redis_conf_t **sentinel;

    if (rc->addrs != NULL) {
        return "has a server and sentinels; leave the server out, sentinels "
               "say where it is";
    }

    if (rc->primary.len == 0) {
        return "has sentinels but not the name that they watch; write "
               "\"primary mymaster;\"";
    }

    if (rc->sentinel_username.len > 0 && rc->sentinel_password.len == 0) {
        return "has a sentinel_username but no sentinel_password";
    }

    /* a sentinel says where a primary is, not whose certificate is right */

    if (rc->tls && rc->ssl_name.len == 0) {
        return "has a primary with TLS; say with ssl_name whose certificate "
               "it must be";
    }

    sentinel = rc->sentinels->elts;
    rc->where = rc->primary;
    rc->sentinel_tls = sentinel[0]->tls;

    for (i = 0; i < rc->sentinels->nelts; i++) {
        sentinel[i]->timeout = rc->timeout;
        sentinel[i]->username = rc->sentinel_username;
        sentinel[i]->password = rc->sentinel_password;

        if (rc->sentinel_ssl_name.len > 0) {
            sentinel[i]->ssl_name = rc->sentinel_ssl_name;
        }
    }

    return NGX_CONF_OK;
}


static char *
redis_no_sentinel(ngx_gatehouse_redis_conf_t *rc)
{
    if (rc->primary.len > 0 || rc->sentinel_username.len > 0
        || rc->sentinel_password.len > 0 || rc->sentinel_ssl_name.len > 0
        || rc->resolver != NULL)
    {
        return "has words about sentinels but no sentinel; write \"sentinel "
               "HOST:PORT;\"";
    }

    return rc->addrs != NULL ? NGX_CONF_OK : "has no server and no sentinel";
}


static char *
redis_tls(ngx_conf_t *cf, ngx_gatehouse_redis_conf_t *rc)
{
    ngx_ssl_t *ssl;
    ngx_uint_t i;
    ngx_pool_cleanup_t *cln;
    ngx_gatehouse_redis_conf_t **sentinel;

    if (rc->tls && rc->ssl_name.len == 0) {
        return "has TLS on a socket; say with ssl_name whose certificate it "
               "must be";
    }

    if ((rc->certificate.len > 0) != (rc->certificate_key.len > 0)) {
        return "has one of ssl_certificate and ssl_certificate_key";
    }

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (ssl == NULL || cln == NULL) {
        return NGX_CONF_ERROR;
    }

    ssl->log = cf->log;
    rc->ssl = rc->tls ? ssl : NULL;

    for (i = 0; rc->sentinel_tls && i < rc->sentinels->nelts; i++) {
        sentinel = rc->sentinels->elts;
        sentinel[i]->ssl = ssl;
    }

    if (ngx_ssl_create(ssl, NGX_SSL_TLSv1_2 | NGX_SSL_TLSv1_3, NULL) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    if (rc->certificate.len > 0
        && ngx_ssl_certificate(cf, ssl, &rc->certificate, &rc->certificate_key,
                               NULL)
               != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (rc->ca.len > 0) {
        return ngx_ssl_trusted_certificate(cf, ssl, &rc->ca, 9) == NGX_OK
                   ? NGX_CONF_OK
                   : NGX_CONF_ERROR;
    }

    return SSL_CTX_set_default_verify_paths(ssl->ctx) == 1 ? NGX_CONF_OK
                                                           : NGX_CONF_ERROR;
}
