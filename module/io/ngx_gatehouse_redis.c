/*
 * Addresses of Redis in nginx.conf, and finding the one that a store names.
 */

#include "ngx_gatehouse_redis_inside.h"


#define REDIS_TIMEOUT 100
#define REDIS_NODES_MAX 1000
#define REDIS_PORT 6379


static char *redis_arguments(ngx_conf_t *cf, ngx_str_t args,
                             ngx_gatehouse_redis_conf_t *rc);


ngx_uint_t
ngx_gatehouse_redis_starts(ngx_str_t *s, const char *word)
{
    size_t len = ngx_strlen(word);

    return s->len >= len && ngx_strncmp(s->data, word, len) == 0;
}


ngx_uint_t
ngx_gatehouse_redis_is(ngx_str_t *s, const char *word)
{
    return s->len == ngx_strlen(word) && ngx_gatehouse_redis_starts(s, word);
}


ngx_uint_t
ngx_gatehouse_redis_spec(ngx_str_t *spec)
{
    return ngx_gatehouse_redis_starts(spec, "redis://")
           || ngx_gatehouse_redis_starts(spec, "rediss://")
           || ngx_gatehouse_redis_starts(spec, "redis=");
}


char *
ngx_gatehouse_redis_find(ngx_conf_t *cf, ngx_str_t *spec, ngx_array_t *blocks,
                         ngx_gatehouse_redis_conf_t **out)
{
    char *rv;
    ngx_str_t name;
    ngx_uint_t i;
    ngx_gatehouse_redis_conf_t **rc;

    if (!ngx_gatehouse_redis_starts(spec, "redis=")) {
        *out = ngx_gatehouse_redis_create(cf);
        if (*out == NULL) {
            return NGX_CONF_ERROR;
        }

        rv = ngx_gatehouse_redis_address(cf, *spec, *out);

        return rv == NGX_CONF_OK ? ngx_gatehouse_redis_finish(cf, *out) : rv;
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

    return ngx_gatehouse_redis_say(
        cf,
        "names \"redis=%V\", but no \"gatehouse_redis\" block of "
        "that name stands before it%Z",
        &name);
}


ngx_gatehouse_redis_conf_t *
ngx_gatehouse_redis_create(ngx_conf_t *cf)
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


char *
ngx_gatehouse_redis_say(ngx_conf_t *cf, const char *fmt, ngx_str_t *word)
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


ngx_uint_t
ngx_gatehouse_redis_scheme(ngx_str_t *s)
{
    ngx_uint_t tls;
    size_t len;

    tls = ngx_gatehouse_redis_starts(s, "rediss://");
    len = tls ? 9 : ngx_gatehouse_redis_starts(s, "redis://") ? 8 : 0;
    s->data += len;
    s->len -= len;

    return tls;
}


/* [redis[s]://]HOST[:PORT][/DATABASE][?NAME=VALUE...], unix:/PATH for HOST */

char *
ngx_gatehouse_redis_address(ngx_conf_t *cf, ngx_str_t s,
                            ngx_gatehouse_redis_conf_t *rc)
{
    char *rv;
    u_char *p;
    ngx_str_t args, number, name;

    ngx_str_null(&args);

    rc->tls = ngx_gatehouse_redis_scheme(&s);

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

    p = ngx_gatehouse_redis_starts(&s, "unix:")
            ? NULL
            : ngx_strlchr(s.data, s.data + s.len, '/');

    if (p != NULL) {
        number.data = p + 1;
        number.len = (size_t) (s.data + s.len - number.data);
        s.len = (size_t) (p - s.data);
        ngx_str_set(&name, "database");

        rv = number.len > 0 ? ngx_gatehouse_redis_value(cf, &name, &number, rc)
                            : NGX_CONF_OK;
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    rv = redis_arguments(cf, args, rc);

    return rv == NGX_CONF_OK
               ? ngx_gatehouse_redis_resolve(cf, &s, REDIS_PORT, rc)
               : rv;
}


char *
ngx_gatehouse_redis_resolve(ngx_conf_t *cf, ngx_str_t *address, in_port_t port,
                            ngx_gatehouse_redis_conf_t *rc)
{
    ngx_url_t u;

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.url = *address;
    u.default_port = port;

    if (address->len == 0 || ngx_parse_url(cf->pool, &u) != NGX_OK
        || u.naddrs == 0 || u.uri.len > 0)
    {
        if (u.err != NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in \"%V\"", u.err,
                               address);
            return NGX_CONF_ERROR;
        }

        return ngx_gatehouse_redis_say(cf,
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

        rv = ngx_gatehouse_redis_value(cf, &name, &value, rc);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


/* What stands in an address as in a block. */

char *
ngx_gatehouse_redis_value(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *value,
                          ngx_gatehouse_redis_conf_t *rc)
{
    ngx_int_t n;

    if (ngx_gatehouse_redis_is(name, "database")) {
        n = ngx_atoi(value->data, value->len);

        if (n == NGX_ERROR || n > 65535) {
            return ngx_gatehouse_redis_say(
                cf, "has a database \"%V\" that is no number%Z", value);
        }

        rc->database = (ngx_uint_t) n;
        return NGX_CONF_OK;
    }

    if (ngx_gatehouse_redis_is(name, "timeout")) {
        n = ngx_parse_time(value, 0);

        if (n == NGX_ERROR || n < 1 || n > 60000) {
            return ngx_gatehouse_redis_say(
                cf,
                "has a timeout \"%V\" that is not between 1ms "
                "and 60s%Z",
                value);
        }

        rc->timeout = (ngx_msec_t) n;
        return NGX_CONF_OK;
    }

    if (ngx_gatehouse_redis_is(name, "state")) {

        if (value->len < 2 || value->data[0] != '/') {
            return ngx_gatehouse_redis_say(
                cf,
                "has a state directory \"%V\" that is not "
                "absolute%Z",
                value);
        }

        rc->state = *value;
        return NGX_CONF_OK;
    }

    if (ngx_gatehouse_redis_is(name, "nodes")) {
        n = ngx_atoi(value->data, value->len);

        if (n == NGX_ERROR || n < 1 || n > REDIS_NODES_MAX) {
            return ngx_gatehouse_redis_say(cf,
                                           "has a number of nodes \"%V\" that "
                                           "is not between 1 and 1000%Z",
                                           value);
        }

        rc->nodes = (ngx_uint_t) n;
        return NGX_CONF_OK;
    }

    return ngx_gatehouse_redis_say(
        cf,
        "has an unknown \"%V\"; an address of Redis takes "
        "database=, timeout=, nodes= and state=%Z",
        name);
}
