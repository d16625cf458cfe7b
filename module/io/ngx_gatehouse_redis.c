/*
 * Words about Redis in nginx.conf: an address, or a block with what an
 * address cannot say. Passwords come from files only.
 */

#include "ngx_gatehouse_redis.h"


#define REDIS_FILE_MAX 4096
#define REDIS_TIMEOUT 100
#define REDIS_PORT 6379


static ngx_gatehouse_redis_conf_t *redis_create(ngx_conf_t *cf);
static char *redis_say(ngx_conf_t *cf, const char *fmt, ngx_str_t *word);
static char *redis_address(ngx_conf_t *cf, ngx_str_t address,
                           ngx_gatehouse_redis_conf_t *rc);
static char *redis_resolve(ngx_conf_t *cf, ngx_str_t *address,
                           ngx_gatehouse_redis_conf_t *rc);
static char *redis_arguments(ngx_conf_t *cf, ngx_str_t args,
                             ngx_gatehouse_redis_conf_t *rc);
static char *redis_value(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *value,
                         ngx_gatehouse_redis_conf_t *rc);
static char *redis_member(ngx_conf_t *cf, ngx_command_t *dummy, void *conf);
static char *redis_password(ngx_conf_t *cf, ngx_str_t *value,
                            ngx_gatehouse_redis_conf_t *rc);
static void redis_wipe(void *data);
static char *redis_finish(ngx_conf_t *cf, ngx_gatehouse_redis_conf_t *rc);
static char *redis_tls(ngx_conf_t *cf, ngx_gatehouse_redis_conf_t *rc);


static ngx_uint_t
redis_starts(ngx_str_t *s, const char *word)
{
    size_t len = ngx_strlen(word);

    return s->len >= len && ngx_strncmp(s->data, word, len) == 0;
}


static ngx_uint_t
redis_is(ngx_str_t *s, const char *word)
{
    return s->len == ngx_strlen(word) && redis_starts(s, word);
}


ngx_uint_t
ngx_gatehouse_redis_spec(ngx_str_t *spec)
{
    return redis_starts(spec, "redis://") || redis_starts(spec, "rediss://")
           || redis_starts(spec, "redis=");
}


char *
ngx_gatehouse_redis_find(ngx_conf_t *cf, ngx_str_t *spec, ngx_array_t *blocks,
                         ngx_gatehouse_redis_conf_t **out)
{
    char *rv;
    ngx_str_t name;
    ngx_uint_t i;
    ngx_gatehouse_redis_conf_t **rc;

    if (!redis_starts(spec, "redis=")) {
        *out = redis_create(cf);
        if (*out == NULL) {
            return NGX_CONF_ERROR;
        }

        rv = redis_address(cf, *spec, *out);

        return rv == NGX_CONF_OK ? redis_finish(cf, *out) : rv;
    }

    name.data = spec->data + 6;
    name.len = spec->len - 6;

    for (i = 0; blocks != NULL && i < blocks->nelts; i++) {
        rc = blocks->elts;

        if (rc[i]->name.len == name.len
            && ngx_memcmp(rc[i]->name.data, name.data, name.len) == 0)
        {
            *out = rc[i];
            return NGX_CONF_OK;
        }
    }

    return redis_say(cf,
                     "names \"redis=%V\", but no \"gatehouse_redis\" block of "
                     "that name stands before it%Z",
                     &name);
}


static ngx_gatehouse_redis_conf_t *
redis_create(ngx_conf_t *cf)
{
    ngx_gatehouse_redis_conf_t *rc;

    rc = ngx_pcalloc(cf->pool, sizeof(ngx_gatehouse_redis_conf_t));

    if (rc != NULL) {
        rc->timeout = REDIS_TIMEOUT;
        rc->file = cf->conf_file->file.name.data;
        rc->line = cf->conf_file->line;
        ngx_str_set(&rc->state, GH_STATE_DIR);
    }

    return rc;
}


static char *
redis_say(ngx_conf_t *cf, const char *fmt, ngx_str_t *word)
{
    u_char *text;
    size_t len;

    len = ngx_strlen(fmt) + word->len + 1;

    text = ngx_pnalloc(cf->pool, len);
    if (text == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_snprintf(text, len, fmt, word);

    return (char *) text;
}


/* [redis[s]://]HOST[:PORT][/DATABASE][?NAME=VALUE...], unix:/PATH for HOST */

static char *
redis_address(ngx_conf_t *cf, ngx_str_t s, ngx_gatehouse_redis_conf_t *rc)
{
    char *rv;
    u_char *p;
    ngx_str_t args, number, name;

    ngx_str_null(&args);

    if (redis_starts(&s, "rediss://")) {
        rc->tls = 1;
        s.data += 9;
        s.len -= 9;

    } else if (redis_starts(&s, "redis://")) {
        s.data += 8;
        s.len -= 8;
    }

    p = ngx_strlchr(s.data, s.data + s.len, '?');

    if (p != NULL) {
        args.data = p + 1;
        args.len = (size_t) (s.data + s.len - args.data);
        s.len = (size_t) (p - s.data);
    }

    if (ngx_strlchr(s.data, s.data + s.len, '@') != NULL) {
        return "has a password in an address; give it as a file in a "
               "\"gatehouse_redis\" block";
    }

    p = redis_starts(&s, "unix:") ? NULL
                                  : ngx_strlchr(s.data, s.data + s.len, '/');

    if (p != NULL) {
        number.data = p + 1;
        number.len = (size_t) (s.data + s.len - number.data);
        s.len = (size_t) (p - s.data);
        ngx_str_set(&name, "database");

        rv =
            number.len > 0 ? redis_value(cf, &name, &number, rc) : NGX_CONF_OK;
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    rv = redis_arguments(cf, args, rc);

    return rv == NGX_CONF_OK ? redis_resolve(cf, &s, rc) : rv;
}


static char *
redis_resolve(ngx_conf_t *cf, ngx_str_t *address,
              ngx_gatehouse_redis_conf_t *rc)
{
    ngx_url_t u;

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.url = *address;
    u.default_port = REDIS_PORT;

    if (address->len == 0 || ngx_parse_url(cf->pool, &u) != NGX_OK
        || u.naddrs == 0 || u.uri.len > 0)
    {
        if (u.err != NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in \"%V\"", u.err,
                               address);
            return NGX_CONF_ERROR;
        }

        return redis_say(cf,
                         "has no address in \"%V\"; write "
                         "redis://HOST:PORT/DATABASE or "
                         "redis://unix:/PATH%Z",
                         address);
    }

    rc->addrs = u.addrs;
    rc->naddrs = u.naddrs;
    rc->where = *address;

    if (rc->ssl_name.len > 0 || u.family == AF_UNIX) {
        return NGX_CONF_OK;
    }

    rc->ssl_name.len = u.host.len;
    rc->ssl_name.data = ngx_pnalloc(cf->pool, u.host.len + 1);

    if (rc->ssl_name.data == NULL) {
        return NGX_CONF_ERROR;
    }

    (void) ngx_cpystrn(rc->ssl_name.data, u.host.data, u.host.len + 1);

    return NGX_CONF_OK;
}


static char *
redis_arguments(ngx_conf_t *cf, ngx_str_t args, ngx_gatehouse_redis_conf_t *rc)
{
    char *rv;
    u_char *p, *q, *last;
    ngx_str_t name, value;

    if (args.len == 0) {
        return NGX_CONF_OK;
    }

    last = args.data + args.len;

    for (p = args.data; p < last; p = q + 1) {
        q = ngx_strlchr(p, last, '&');
        q = q != NULL ? q : last;

        name.data = p;
        value.data = ngx_strlchr(p, q, '=');
        value.data = value.data != NULL ? value.data + 1 : q;
        name.len = (size_t) (value.data - p) - (value.data > p ? 1 : 0);
        value.len = (size_t) (q - value.data);

        rv = redis_value(cf, &name, &value, rc);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


/* What stands in an address as in a block. */

static char *
redis_value(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *value,
            ngx_gatehouse_redis_conf_t *rc)
{
    ngx_int_t n;

    if (redis_is(name, "database")) {
        n = ngx_atoi(value->data, value->len);

        if (n == NGX_ERROR || n > 65535) {
            return redis_say(cf, "has a database \"%V\" that is no number%Z",
                             value);
        }

        rc->database = (ngx_uint_t) n;
        return NGX_CONF_OK;
    }

    if (redis_is(name, "timeout")) {
        n = ngx_parse_time(value, 0);

        if (n == NGX_ERROR || n < 1 || n > 60000) {
            return redis_say(cf,
                             "has a timeout \"%V\" that is not between 1ms "
                             "and 60s%Z",
                             value);
        }

        rc->timeout = (ngx_msec_t) n;
        return NGX_CONF_OK;
    }

    if (redis_is(name, "state")) {

        if (value->len < 2 || value->data[0] != '/') {
            return redis_say(cf,
                             "has a state directory \"%V\" that is not "
                             "absolute%Z",
                             value);
        }

        rc->state = *value;
        return NGX_CONF_OK;
    }

    return redis_say(cf,
                     "has an unknown \"%V\"; an address of Redis takes "
                     "database=, timeout= and state=%Z",
                     name);
}


char *
ngx_gatehouse_redis_block(ngx_conf_t *cf, ngx_array_t *blocks)
{
    char *rv;
    ngx_str_t *value, word, spec;
    ngx_conf_t save;
    ngx_gatehouse_redis_conf_t *rc, *other, **slot;

    value = cf->args->elts;

    spec.len = 6 + value[1].len;
    spec.data = ngx_pnalloc(cf->pool, spec.len);
    rc = redis_create(cf);

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

    word = value[0];
    save = *cf;
    cf->handler = redis_member;
    cf->handler_conf = (char *) rc;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    /* messages name the directive, not the last member */
    value = cf->args->elts;
    value[0] = word;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    slot = ngx_array_push(blocks);
    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = rc;

    return redis_finish(cf, rc);
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
        { "ssl_name", &rc->ssl_name, 0 },
        { "ssl_trusted_certificate", &rc->ca, 1 },
        { "ssl_certificate", &rc->certificate, 1 },
        { "ssl_certificate_key", &rc->certificate_key, 1 },
    };

    value = cf->args->elts;

    if (cf->args->nelts != 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" takes one value",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (redis_is(&value[0], texts[i].name)) {
            *texts[i].slot = value[1];

            return texts[i].file
                           && ngx_conf_full_name(cf->cycle, texts[i].slot, 1)
                                  != NGX_OK
                       ? NGX_CONF_ERROR
                       : NGX_CONF_OK;
        }
    }

    if (redis_is(&value[0], "password")) {
        rv = redis_password(cf, &value[1], rc);

    } else if (redis_is(&value[0], "server")) {
        rv = rc->addrs == NULL ? redis_address(cf, value[1], rc)
                               : "is duplicate";

    } else if (redis_is(&value[0], "database")
               || redis_is(&value[0], "timeout")
               || redis_is(&value[0], "state"))
    {
        rv = redis_value(cf, &value[0], &value[1], rc);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown member \"%V\" of gatehouse_redis; members "
                           "are: server, username, password, database, "
                           "timeout, state, ssl_trusted_certificate, "
                           "ssl_certificate, ssl_certificate_key, ssl_name",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    if (rv == NGX_CONF_OK || rv == NGX_CONF_ERROR) {
        return rv;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" %s", &value[0], rv);

    return NGX_CONF_ERROR;
}


static char *
redis_password(ngx_conf_t *cf, ngx_str_t *value,
               ngx_gatehouse_redis_conf_t *rc)
{
    u_char *text;
    ssize_t n;
    ngx_fd_t fd;
    ngx_str_t path;
    ngx_file_info_t fi;
    ngx_pool_cleanup_t *cln;

    if (!redis_starts(value, "file:") || value->len == 5) {
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

    rc->password.data = text;
    rc->password.len = (size_t) n;

    return NGX_CONF_OK;
}


static void
redis_wipe(void *data)
{
    ngx_explicit_memzero(data, REDIS_FILE_MAX);
}


static char *
redis_finish(ngx_conf_t *cf, ngx_gatehouse_redis_conf_t *rc)
{
    if (rc->addrs == NULL) {
        return "has no server";
    }

    if (rc->username.len > 0 && rc->password.len == 0) {
        return "has a username but no password";
    }

    if (rc->tls) {
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
redis_tls(ngx_conf_t *cf, ngx_gatehouse_redis_conf_t *rc)
{
    ngx_pool_cleanup_t *cln;

    if (rc->ssl_name.len == 0) {
        return "has TLS on a socket; say with ssl_name whose certificate it "
               "must be";
    }

    if ((rc->certificate.len > 0) != (rc->certificate_key.len > 0)) {
        return "has one of ssl_certificate and ssl_certificate_key";
    }

    rc->ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (rc->ssl == NULL || cln == NULL) {
        return NGX_CONF_ERROR;
    }

    rc->ssl->log = cf->log;

    if (ngx_ssl_create(rc->ssl, NGX_SSL_TLSv1_2 | NGX_SSL_TLSv1_3, NULL)
        != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = rc->ssl;

    if (rc->certificate.len > 0
        && ngx_ssl_certificate(cf, rc->ssl, &rc->certificate,
                               &rc->certificate_key, NULL)
               != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (rc->ca.len > 0) {
        return ngx_ssl_trusted_certificate(cf, rc->ssl, &rc->ca, 9) == NGX_OK
                   ? NGX_CONF_OK
                   : NGX_CONF_ERROR;
    }

    return SSL_CTX_set_default_verify_paths(rc->ssl->ctx) == 1
               ? NGX_CONF_OK
               : NGX_CONF_ERROR;
}
