/*
 * gatehouse_assertion and gatehouse_assertion_jwks: keys that sign, keys that
 * will, and what every assertion says.
 */

#include "ngx_http_gatehouse_assertion.h"
#include "ngx_http_gatehouse_conf.h"

#include <openssl/x509.h>

#define ASSERTION_KID_LEN 16


static char *assertion_word(ngx_conf_t *cf, ngx_str_t *word,
                            ngx_http_gatehouse_assertion_t *a);
static char *assertion_key(ngx_conf_t *cf, const char *name, ngx_str_t *file,
                           gh_assertion_key_t *key);
static ngx_int_t assertion_kid(ngx_conf_t *cf, gh_assertion_key_t *key);
static char *assertion_count(ngx_conf_t *cf,
                             ngx_http_gatehouse_main_conf_t *gmcf);


/* gatehouse_assertion key=file:... [next=file:...] issuer=... audience=...
 * [lifetime=60s] | off; */

char *
ngx_http_gatehouse_set_assertion(ngx_conf_t *cf, ngx_command_t *cmd,
                                 void *conf)
{
    ngx_http_gatehouse_loc_conf_t *glcf = conf;

    char *rv;
    ngx_str_t *value;
    ngx_uint_t i;
    ngx_http_gatehouse_assertion_t *a, **slot;
    ngx_http_gatehouse_main_conf_t *gmcf;

    if (glcf->assertion != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    a = ngx_pcalloc(cf->pool, sizeof(ngx_http_gatehouse_assertion_t));
    if (a == NULL) {
        return NGX_CONF_ERROR;
    }

    glcf->assertion = a;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    a->n_keys = 1; /* the first signs */
    a->signer.life_s = GH_ASSERTION_LIFE_MAX_S;

    for (i = 1; i < cf->args->nelts; i++) {
        rv = assertion_word(cf, &value[i], a);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (a->keys[0].pkey == NULL || a->signer.issuer.len == 0
        || a->signer.audience.len == 0)
    {
        return "needs key=file:PATH, issuer=URL and audience=NAME; make a key "
               "with: openssl genpkey -algorithm ed25519";
    }

    a->signer.key = a->keys[0];

    gmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_gatehouse_module);

    if (gmcf->assertions == NULL) {
        gmcf->assertions = ngx_array_create(cf->pool, 2, sizeof(void *));
    }

    slot = gmcf->assertions ? ngx_array_push(gmcf->assertions) : NULL;
    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = a;

    return assertion_count(cf, gmcf);
}


static char *
assertion_word(ngx_conf_t *cf, ngx_str_t *word,
               ngx_http_gatehouse_assertion_t *a)
{
    ngx_int_t seconds;
    ngx_str_t rest;

    if (ngx_http_gatehouse_option(word, "key", &rest)) {
        return assertion_key(cf, "key", &rest, &a->keys[0]);
    }

    if (ngx_http_gatehouse_option(word, "next", &rest)
        && a->n_keys < GH_ASSERTION_KEYS_MAX)
    {
        return assertion_key(cf, "next", &rest, &a->keys[a->n_keys++]);
    }

    if (ngx_http_gatehouse_option(word, "issuer", &rest)) {
        a->signer.issuer = ngx_http_gatehouse_gh(rest);
        return NGX_CONF_OK;
    }

    if (ngx_http_gatehouse_option(word, "audience", &rest)) {
        a->signer.audience = ngx_http_gatehouse_gh(rest);
        return NGX_CONF_OK;
    }

    if (ngx_http_gatehouse_option(word, "lifetime", &rest)) {
        seconds = ngx_parse_time(&rest, 1);

        if (seconds == NGX_ERROR || seconds < 1
            || seconds > GH_ASSERTION_LIFE_MAX_S) {
            return "takes a lifetime from 1s to 60s: who gets hold of an "
                   "assertion is that principal so long";
        }

        a->signer.life_s = seconds;
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unexpected \"%V\" in gatehouse_assertion; words are: "
                       "key=file:, next=file:, issuer=, audience=, lifetime=, "
                       "off",
                       word);

    return NGX_CONF_ERROR;
}


static char *
assertion_key(ngx_conf_t *cf, const char *name, ngx_str_t *file,
              gh_assertion_key_t *key)
{
    char curve[32];
    size_t len;
    ngx_str_t what;

    if (key->pkey != NULL) {
        return "takes one key=; others that are published are next=";
    }

    what.data = (u_char *) (uintptr_t) name;
    what.len = ngx_strlen(name);

    key->pkey = ngx_http_gatehouse_file_key(cf, &what, file);
    if (key->pkey == NULL) {
        return NGX_CONF_ERROR;
    }

    if (EVP_PKEY_get_base_id(key->pkey) == EVP_PKEY_ED25519) {
        key->alg = GH_ALG_EDDSA;

    } else if (EVP_PKEY_get_base_id(key->pkey) == EVP_PKEY_EC
               && EVP_PKEY_get_group_name(key->pkey, curve, sizeof(curve),
                                          &len)
                      == 1
               && ngx_strcmp(curve, "prime256v1") == 0)
    {
        key->alg = GH_ALG_ES256;

    } else {
        return "signs with EC P-256 (ES256) or Ed25519 (EdDSA); make a key "
               "with: openssl genpkey -algorithm ed25519";
    }

    return (assertion_kid(cf, key) == NGX_OK) ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* The beginning of the SHA-256 of the public key: nobody has to think of
 * names, and equal keys have equal ones. */

static ngx_int_t
assertion_kid(ngx_conf_t *cf, gh_assertion_key_t *key)
{
    int n;
    u_char *der, *kid, digest[EVP_MAX_MD_SIZE];

    der = NULL;
    kid = ngx_pnalloc(cf->pool, ASSERTION_KID_LEN);
    n = i2d_PUBKEY(key->pkey, &der);

    if (kid == NULL || n <= 0
        || EVP_Digest(der, (size_t) n, digest, NULL, EVP_sha256(), NULL) != 1)
    {
        OPENSSL_free(der);
        return NGX_ERROR;
    }

    OPENSSL_free(der);

    (void) ngx_hex_dump(kid, digest, ASSERTION_KID_LEN / 2);
    key->kid.data = (char *) kid;
    key->kid.len = ASSERTION_KID_LEN;

    return NGX_OK;
}


static char *
assertion_count(ngx_conf_t *cf, ngx_http_gatehouse_main_conf_t *gmcf)
{
    ngx_uint_t i, j, k, m, n, seen;
    ngx_http_gatehouse_assertion_t **a;

    n = 0;
    a = gmcf->assertions->elts;

    for (i = 0; i < gmcf->assertions->nelts; i++) {
        for (j = 0; j < a[i]->n_keys; j++) {
            seen = 0;

            for (k = 0; k <= i && !seen; k++) {
                for (m = 0; m < (k < i ? a[k]->n_keys : j); m++) {
                    seen |= gh_str_eq(a[k]->keys[m].kid, a[i]->keys[j].kid);
                }
            }

            n += !seen;
        }
    }

    return (n <= GH_ASSERTION_KEYS_MAX)
               ? NGX_CONF_OK
               : "makes more than 16 keys to be published; let locations "
                 "share one";
}


/* gatehouse_assertion_jwks; */

char *
ngx_http_gatehouse_set_assertion_jwks(ngx_conf_t *cf, ngx_command_t *cmd,
                                      void *conf)
{
    ngx_http_core_loc_conf_t *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler != NULL) {
        return "is a page of its own: give it a location of its own";
    }

    clcf->handler = ngx_http_gatehouse_assertion_jwks_handler;

    return NGX_CONF_OK;
}
