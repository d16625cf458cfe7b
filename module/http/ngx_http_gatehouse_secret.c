/*
 * The root key: read from the files that gatehouse_secret names, or, with an
 * embedded store and none given, made once in the state directory by the
 * master at its first start (0600).
 */

#include "ngx_http_gatehouse_conf.h"
#include "ngx_http_gatehouse_corridor.h"
#include "gh_image_file.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>


#define NGX_HTTP_GATEHOUSE_SECRET_FILE_MAX 4096
#define ROOT_KEY "root.key"


static char *ngx_http_gatehouse_secret_read(u_char *path, gh_secret_t *s,
                                            ngx_uint_t *world_readable);
static ngx_int_t ngx_http_gatehouse_secret_make(
    u_char *path, ngx_http_gatehouse_main_conf_t *gmcf, ngx_log_t *log);
static void ngx_http_gatehouse_secret_cleanup(void *data);


char *
ngx_http_gatehouse_set_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_gatehouse_main_conf_t *gmcf = conf;

    char *message;
    ngx_str_t *value, file;
    ngx_uint_t i, open_to_all;

    if (gmcf->secret != NULL) {
        return "is duplicate";
    }

    if (cf->args->nelts > GH_SECRET_KEYS_MAX + 1) {
        return "takes at most four files";
    }

    gmcf->secret = ngx_http_gatehouse_secret_create(cf->pool);
    if (gmcf->secret == NULL) {
        return NGX_CONF_ERROR;
    }

    gmcf->used = 1;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (!ngx_http_gatehouse_file_word(&value[i], &file)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "a secret is given as a file: write "
                               "\"gatehouse_secret file:/path/to/key;\"");
            return NGX_CONF_ERROR;
        }

        if (ngx_conf_full_name(cf->cycle, &file, 1) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        message = ngx_http_gatehouse_secret_read(file.data, gmcf->secret,
                                                 &open_to_all);
        if (message != NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                               "root key \"%V\" %s", &file, message);
            return NGX_CONF_ERROR;
        }

        if (open_to_all) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "root key \"%V\" can be read by everybody; "
                               "run: chmod 600 %V",
                               &file, &file);
        }
    }

    return NGX_CONF_OK;
}


ngx_uint_t
ngx_http_gatehouse_file_word(ngx_str_t *word, ngx_str_t *path)
{
    if (word->len <= 5 || ngx_strncmp(word->data, "file:", 5) != 0) {
        return 0;
    }

    path->data = word->data + 5;
    path->len = word->len - 5;

    return 1;
}


gh_secret_t *
ngx_http_gatehouse_secret_create(ngx_pool_t *pool)
{
    gh_secret_t *s;
    ngx_pool_cleanup_t *cln;

    cln = ngx_pool_cleanup_add(pool, sizeof(gh_secret_t));
    if (cln == NULL) {
        return NULL;
    }

    s = cln->data;
    ngx_memzero(s, sizeof(gh_secret_t));
    cln->handler = ngx_http_gatehouse_secret_cleanup;

    return s;
}


static void
ngx_http_gatehouse_secret_cleanup(void *data)
{
    gh_secret_clear(data);
}


ngx_int_t
ngx_http_gatehouse_secret_init(ngx_cycle_t *cycle,
                               ngx_http_gatehouse_main_conf_t *gmcf)
{
    char *message;
    u_char path[NGX_MAX_PATH];
    ngx_uint_t open_to_all;

    if (gmcf->secret != NULL) {
        return NGX_OK;
    }

    gmcf->secret = ngx_http_gatehouse_secret_create(cycle->pool);
    if (gmcf->secret == NULL) {
        return NGX_ERROR;
    }

    ngx_snprintf(path, sizeof(path), "%V/" ROOT_KEY "%Z",
                 &gmcf->policies_conf.state);
    path[sizeof(path) - 1] = '\0';

    message = ngx_http_gatehouse_secret_read(path, gmcf->secret, &open_to_all);

    if (message != NULL && ngx_errno == NGX_ENOENT) {
        if (ngx_http_gatehouse_secret_make(path, gmcf, cycle->log) != NGX_OK) {
            return NGX_ERROR;
        }

        message =
            ngx_http_gatehouse_secret_read(path, gmcf->secret, &open_to_all);
    }

    if (message != NULL) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "gatehouse: root key \"%s\" %s", path, message);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* NULL when it was added, else what is wrong (ngx_errno says why). */

static char *
ngx_http_gatehouse_secret_read(u_char *path, gh_secret_t *s,
                               ngx_uint_t *world_readable)
{
    char *message;
    u_char text[NGX_HTTP_GATEHOUSE_SECRET_FILE_MAX];
    ssize_t n;
    gh_str_t bytes;
    ngx_fd_t fd;
    ngx_file_info_t fi;

    *world_readable = 0;

    fd = ngx_open_file(path, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        return "cannot be opened";
    }

    if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR) {
        *world_readable = (ngx_file_access(&fi) & S_IROTH) ? 1 : 0;
    }

    n = ngx_read_fd(fd, text, sizeof(text));
    (void) ngx_close_file(fd);

    if (n < 0) {
        return "cannot be read";
    }

    bytes.data = (char *) text;
    bytes.len = (size_t) n;

    ngx_set_errno(0);

    switch (gh_secret_add(s, bytes)) {

    case GH_OK:
        message = NULL;
        break;

    case GH_FULL:
        message = "is one too many: there is room for four";
        break;

    default:
        message = "holds less than 32 bytes of secret; make one with: "
                  "openssl rand -hex 32";
        break;
    }

    OPENSSL_cleanse(text, sizeof(text));

    return message;
}


static ngx_int_t
ngx_http_gatehouse_secret_make(u_char *path,
                               ngx_http_gatehouse_main_conf_t *gmcf,
                               ngx_log_t *log)
{
    char why[GH_IMAGE_WHY_MAX];
    u_char raw[32], text[65], state[NGX_MAX_PATH];
    gh_rc_t rc;
    gh_str_t bytes;

    if (RAND_bytes(raw, sizeof(raw)) != 1) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "gatehouse: no random numbers for the root key");
        return NGX_ERROR;
    }

    ngx_hex_dump(text, raw, sizeof(raw));
    text[64] = LF;

    (void) ngx_cpystrn(
        state, gmcf->policies_conf.state.data,
        ngx_min(gmcf->policies_conf.state.len + 1, sizeof(state)));

    bytes.data = (char *) text;
    bytes.len = sizeof(text);
    rc = gh_state_give((char *) state, ROOT_KEY, bytes, why);

    OPENSSL_cleanse(raw, sizeof(raw));
    OPENSSL_cleanse(text, sizeof(text));

    if (rc != GH_OK) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "gatehouse: no root key could be made: %s", why);
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_NOTICE, log, 0,
                  "gatehouse: made the root key \"%s\"; back it up with "
                  "the store",
                  path);

    return NGX_OK;
}
