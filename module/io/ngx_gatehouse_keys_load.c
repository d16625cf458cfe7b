/*
 * What is known of an issuer's keys when the configuration is read: sets from
 * files and secrets, and whether the addresses of the others may be called.
 */

#include "ngx_gatehouse_keys.h"
#include "ngx_gatehouse_keys_slot.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "gh_url.h"

#define LOAD_MESSAGE 600


typedef gh_rc_t (*load_parse_pt)(gh_str_t text, gh_jwks_t **set,
                                 const char **why);


static char *load_remote(ngx_conf_t *cf,
                         const ngx_gatehouse_keys_source_t *source);
static char *load_url(ngx_conf_t *cf, const char *member,
                      const ngx_str_t *value);
static char *load_ca(ngx_conf_t *cf, const ngx_str_t *file);
static char *load_fixed(ngx_conf_t *cf, ngx_gatehouse_keys_source_t *source);
static char *load_file(ngx_conf_t *cf, const char *member,
                       const ngx_str_t *file, ngx_str_t *text);
static void load_modes(ngx_conf_t *cf, const char *member,
                       const ngx_str_t *file, ngx_file_info_t *fi);
static gh_rc_t parse_keys(gh_str_t text, gh_jwks_t **set, const char **why);
static gh_rc_t parse_secret(gh_str_t text, gh_jwks_t **set, const char **why);
static void load_cleanup(void *data);
static char *load_message(ngx_conf_t *cf, const char *fmt, ...);


char *
ngx_gatehouse_keys_load(ngx_conf_t *cf, ngx_gatehouse_keys_source_t *source)
{
    if (source->jwks_file.len > 0 || source->secret_file.len > 0) {
        return load_fixed(cf, source);
    }

    return load_remote(cf, source);
}


static char *
load_remote(ngx_conf_t *cf, const ngx_gatehouse_keys_source_t *source)
{
    char *message;

    if (source->index >= NGX_GATEHOUSE_KEYS_SLOTS) {
        return "is one too many: keys of at most 128 issuers are fetched";
    }

    message = (source->jwks_uri.len > 0)
                  ? load_url(cf, "jwks_uri", &source->jwks_uri)
                  : load_url(cf, "issuer", &source->issuer);

    if (message == NULL && source->ca_file.len > 0) {
        message = load_ca(cf, &source->ca_file);
    }

    return message;
}


static char *
load_url(ngx_conf_t *cf, const char *member, const ngx_str_t *value)
{
    gh_str_t text = { (const char *) value->data, value->len };
    gh_url_t url;
    const char *why = "";

    if (gh_url_parse(text, &url, &why) != GH_OK
        || gh_url_callable(&url, true, &why) != GH_OK)
    {
        return load_message(cf, "has %s \"%V\", which cannot be called: %s",
                            member, value, why);
    }

    return NULL;
}


static char *
load_ca(ngx_conf_t *cf, const ngx_str_t *file)
{
    X509_STORE *store;
    ngx_int_t loaded;

    store = X509_STORE_new();
    if (store == NULL) {
        return "could not be checked: no memory";
    }

    loaded = X509_STORE_load_locations(store, (char *) file->data, NULL);
    X509_STORE_free(store);
    ERR_clear_error();

    return loaded ? NULL
                  : load_message(cf,
                                 "has ssl_trusted_certificate \"%V\", in "
                                 "which no certificate could be read",
                                 file);
}


static char *
load_fixed(ngx_conf_t *cf, ngx_gatehouse_keys_source_t *source)
{
    char *message;
    gh_rc_t rc;
    ngx_str_t text, *file;
    gh_jwks_t *set;
    const char *member, *why = "";
    load_parse_pt parse;
    ngx_pool_cleanup_t *cleanup;

    if (source->secret_file.len > 0) {
        file = &source->secret_file;
        member = "secret";
        parse = parse_secret;
    } else {
        file = &source->jwks_file;
        member = "jwks_file";
        parse = parse_keys;
    }

    cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    if (cleanup == NULL) {
        return "could not be read: no memory";
    }

    message = load_file(cf, member, file, &text);
    if (message != NULL) {
        return message;
    }

    rc = parse((gh_str_t){ (const char *) text.data, text.len }, &set, &why);

    OPENSSL_cleanse(text.data, text.len);
    ngx_free(text.data);

    if (rc != GH_OK) {
        return load_message(cf, "has %s \"%V\", which cannot be used: %s",
                            member, file, why);
    }

    source->fixed = set;
    cleanup->handler = load_cleanup;
    cleanup->data = set;

    return NULL;
}


static void
load_cleanup(void *data)
{
    gh_jwks_destroy(data);
}


/* text->data is freed by the caller. */

static char *
load_file(ngx_conf_t *cf, const char *member, const ngx_str_t *name,
          ngx_str_t *text)
{
    char *message = NULL;
    ssize_t n;
    ngx_file_t file;
    ngx_file_info_t fi;

    ngx_memzero(&file, sizeof(ngx_file_t));
    file.name = *name;
    file.log = cf->log;

    file.fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (file.fd == NGX_INVALID_FILE) {
        return load_message(cf, "has %s \"%V\", which cannot be opened: %s",
                            member, name, strerror(ngx_errno));
    }

    text->data = NULL;

    if (ngx_fd_info(file.fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        message = load_message(cf, "has %s \"%V\", which is no regular file",
                               member, name);

    } else if (ngx_file_size(&fi) == 0) {
        message =
            load_message(cf, "has %s \"%V\", which is empty", member, name);

    } else if (ngx_file_size(&fi) > GH_JWKS_BYTES_MAX) {
        message = load_message(cf, "has %s \"%V\", which is longer than 512k",
                               member, name);

    } else {
        text->len = (size_t) ngx_file_size(&fi);
        text->data = ngx_alloc(text->len, cf->log);

        n = (text->data != NULL)
                ? ngx_read_file(&file, text->data, text->len, 0)
                : NGX_ERROR;

        if (n != (ssize_t) text->len) {
            message = load_message(cf, "has %s \"%V\", which cannot be read",
                                   member, name);
            ngx_free(text->data);
        }
    }

    (void) ngx_close_file(file.fd);

    if (message == NULL) {
        load_modes(cf, member, name, &fi);
    }

    return message;
}


static void
load_modes(ngx_conf_t *cf, const char *member, const ngx_str_t *file,
           ngx_file_info_t *fi)
{
    if (member[0] == 's' && (ngx_file_access(fi) & 0004) != 0) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "the secret \"%V\" can be read by everybody on "
                           "this machine; chmod o-r it",
                           file);
    }

    if ((ngx_file_access(fi) & 0002) != 0) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%V\" can be written by everybody on this "
                           "machine: anybody may sign tokens; chmod o-w it",
                           file);
    }
}


/* A JWKS begins with '{', which no PEM does. */

static gh_rc_t
parse_keys(gh_str_t text, gh_jwks_t **set, const char **why)
{
    size_t i;
    gh_rc_t rc;

    for (i = 0; i < text.len && isspace((u_char) text.data[i]); i++) {
        /* to the first word */
    }

    if (i < text.len && text.data[i] == '{') {
        rc = gh_jwks_parse(text, gh_alloc_libc(), set, NULL);

        *why = (rc == GH_ABSENT)     ? "it holds no key that could verify"
               : (rc == GH_TOO_LONG) ? "it holds more than 64 keys"
                                     : "it is not a JSON Web Key Set";
        return rc;
    }

    *why = "it is neither a JSON Web Key Set nor one public key or "
           "certificate in PEM of a strength that is accepted";

    return gh_jwks_from_pem(text, gh_alloc_libc(), set);
}


/* Editors and shells end a file with a line; that is not the secret. */

static gh_rc_t
parse_secret(gh_str_t text, gh_jwks_t **set, const char **why)
{
    if (text.len > 0 && text.data[text.len - 1] == '\n') {
        text.len--;
    }

    if (text.len > 0 && text.data[text.len - 1] == '\r') {
        text.len--;
    }

    *why = "a secret has at least 32 bytes (openssl rand -base64 48 makes "
           "one), and no NUL at its end";

    if (text.len > 0 && text.data[text.len - 1] == '\0') {
        return GH_INVALID;
    }

    return gh_jwks_from_secret(text, gh_alloc_libc(), set);
}


static char *
load_message(ngx_conf_t *cf, const char *fmt, ...)
{
    u_char *p, *text;
    va_list args;

    text = ngx_pnalloc(cf->pool, LOAD_MESSAGE);
    if (text == NULL) {
        return "cannot be used";
    }

    va_start(args, fmt);
    p = ngx_vslprintf(text, text + LOAD_MESSAGE - 1, fmt, args);
    va_end(args);

    *p = '\0';

    return (char *) text;
}
