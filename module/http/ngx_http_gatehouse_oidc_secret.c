/*
 * How a client proves who it is to a provider: its secret or its private key,
 * read from a file and wiped with the cycle.
 */

#include "ngx_http_gatehouse_oidc_conf.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#define OIDC_SECRET_MAX 4096


static char *ngx_http_gatehouse_oidc_read(ngx_conf_t *cf, ngx_str_t *path,
                                          ngx_fd_t fd, ngx_str_t *text);
static void ngx_http_gatehouse_oidc_wipe(void *data);
static void ngx_http_gatehouse_oidc_free_key(void *data);


char *
ngx_http_gatehouse_oidc_secret(ngx_conf_t *cf, ngx_http_gatehouse_oidc_t *oidc,
                               ngx_str_t *value)
{
    char *rv;
    ngx_str_t text;

    rv = ngx_http_gatehouse_file_text(cf, &value[0], &value[1], &text);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    oidc->client.client_secret = ngx_http_gatehouse_gh(text);

    return NGX_CONF_OK;
}


char *
ngx_http_gatehouse_oidc_key(ngx_conf_t *cf, ngx_http_gatehouse_oidc_t *oidc,
                            ngx_str_t *value)
{
    char signature[GH_SIGNATURE_MAX];
    gh_buf_t out;
    ngx_str_t name;

    oidc->client.key = ngx_http_gatehouse_file_key(cf, &value[0], &value[1]);

    if (oidc->client.key == NULL) {
        return NGX_CONF_ERROR;
    }

    switch (EVP_PKEY_get_base_id(oidc->client.key)) {

    case EVP_PKEY_RSA:
        oidc->client.key_alg = GH_ALG_PS256;
        break;

    case EVP_PKEY_EC:
        oidc->client.key_alg = GH_ALG_ES256;
        break;

    case EVP_PKEY_ED25519:
        oidc->client.key_alg = GH_ALG_EDDSA;
        break;

    default:
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "private_key is neither RSA, EC P-256 nor "
                           "Ed25519");
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts > 2) {
        oidc->client.key_alg = gh_alg_parse(ngx_http_gatehouse_gh(value[2]));

        if (oidc->client.key_alg == GH_ALG_NONE) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown algorithm \"%V\" of private_key",
                               &value[2]);
            return NGX_CONF_ERROR;
        }
    }

    /* the key says by itself whether it can */

    out = (gh_buf_t){ signature, 0, sizeof(signature) };

    if (gh_jwk_sign(oidc->client.key_alg, oidc->client.key, GH_STR("try"),
                    &out)
        != GH_OK)
    {
        name = ngx_http_gatehouse_ngx(gh_alg_name(oidc->client.key_alg));
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "private_key cannot sign with %V; RSA (2048 bits "
                           "or more) signs with PS256 or RS256, EC P-256 with "
                           "ES256, Ed25519 with EdDSA",
                           &name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


EVP_PKEY *
ngx_http_gatehouse_file_key(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *word)
{
    BIO *bio;
    EVP_PKEY *key;
    ngx_str_t text;
    ngx_pool_cleanup_t *cln;

    if (ngx_http_gatehouse_file_text(cf, name, word, &text) != NGX_CONF_OK) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    bio = BIO_new_mem_buf(text.data, (int) text.len);

    if (cln == NULL || bio == NULL) {
        BIO_free(bio);
        return NULL;
    }

    key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    ERR_clear_error();

    if (key == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%V holds no private key in PEM that can be read "
                           "without a pass phrase",
                           name);
        return NULL;
    }

    cln->handler = ngx_http_gatehouse_oidc_free_key;
    cln->data = key;

    return key;
}


char *
ngx_http_gatehouse_file_text(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *word,
                             ngx_str_t *text)
{
    char *rv;
    ngx_fd_t fd;
    ngx_str_t path;

    if (!ngx_http_gatehouse_file_word(word, &path)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a secret is given as a file: write \"%V "
                           "file:/path/to/it;\"",
                           name);
        return NGX_CONF_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(path.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "%V \"%V\" cannot be opened", name, &path);
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_gatehouse_oidc_read(cf, &path, fd, text);

    (void) ngx_close_file(fd);

    return rv;
}


static char *
ngx_http_gatehouse_oidc_read(ngx_conf_t *cf, ngx_str_t *path, ngx_fd_t fd,
                             ngx_str_t *text)
{
    ssize_t n;
    ngx_str_t *copy;
    ngx_file_info_t fi;
    ngx_pool_cleanup_t *cln;

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_str_t));
    text->data = ngx_pnalloc(cf->pool, OIDC_SECRET_MAX * 4);

    if (cln == NULL || text->data == NULL) {
        return NGX_CONF_ERROR;
    }

    copy = cln->data;
    copy->data = text->data;
    copy->len = OIDC_SECRET_MAX * 4;
    ngx_memzero(copy->data, copy->len);
    cln->handler = ngx_http_gatehouse_oidc_wipe;

    n = ngx_read_fd(fd, text->data, copy->len);

    while (n > 0 && (text->data[n - 1] == '\n' || text->data[n - 1] == '\r')) {
        n--;
    }

    if (n <= 0 || (size_t) n == copy->len || text->data[n - 1] == '\0') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is empty, too long or ends with a NUL: a "
                           "secret stands there, and nothing else",
                           path);
        return NGX_CONF_ERROR;
    }

    text->len = (size_t) n;

    if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR
        && (ngx_file_access(&fi) & S_IROTH)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "the secret \"%V\" can be read by everybody on "
                           "this machine; chmod o-r it",
                           path);
    }

    return NGX_CONF_OK;
}


static void
ngx_http_gatehouse_oidc_wipe(void *data)
{
    ngx_str_t *text = data;

    OPENSSL_cleanse(text->data, text->len);
}


static void
ngx_http_gatehouse_oidc_free_key(void *data)
{
    EVP_PKEY_free(data);
}
