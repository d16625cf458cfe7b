/*
 * Key sets: made, filled, looked through, taken down. What makes a key
 * usable is decided in gh_jwk_import.c, what it verifies in gh_jwk_verify.c.
 */

#include "gh_jwk_set.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rsa.h>


static gh_rc_t fetch_hashes(gh_jwks_t *set);
static gh_rc_t add_keys(gh_jwks_t *set, const json_t *keys, unsigned *skipped);
static gh_rc_t copy(const gh_jwks_t *set, gh_str_t from, gh_str_t *to);
static gh_rc_t prepare(const gh_jwks_t *set, gh_jwk_entry_t *e);
static EVP_PKEY_CTX *prepare_one(const gh_jwks_t *set, EVP_PKEY *pkey,
                                 const gh_alg_info_t *info);
static void clear(const gh_jwks_t *set, gh_jwk_entry_t *e);


gh_rc_t
gh_jwks_parse(gh_str_t text, const gh_alloc_t *a, gh_jwks_t **out,
              unsigned *skipped)
{
    json_t *doc;
    gh_jwks_t *set = NULL;
    unsigned passed_over = 0;

    gh_rc_t rc = gh_json_parse(text, GH_JWKS_BYTES_MAX, &doc, NULL);

    if (rc != GH_OK) {
        return rc;
    }

    const json_t *keys = json_object_get(doc, "keys");

    if (!json_is_array(keys)) {
        rc = GH_INVALID;

    } else if (json_array_size(keys) > GH_JWKS_KEYS_MAX) {
        rc = GH_TOO_LONG;

    } else {
        ERR_clear_error();
        rc = gh_jwks_create(a, json_array_size(keys), &set);
    }

    if (rc == GH_OK) {
        rc = add_keys(set, keys, &passed_over);
    }

    json_decref(doc);

    if (rc == GH_OK && set->n == 0) {
        rc = GH_ABSENT;
    }

    if ((rc == GH_OK || rc == GH_ABSENT) && skipped != NULL) {
        *skipped = passed_over;
    }

    if (rc != GH_OK) {
        gh_jwks_destroy(set);
        return rc;
    }

    *out = set;
    return GH_OK;
}


/* One bad key never poisons the set. */
static gh_rc_t
add_keys(gh_jwks_t *set, const json_t *keys, unsigned *skipped)
{
    for (size_t i = 0; i < json_array_size(keys); i++) {
        gh_jwk_t key;
        gh_rc_t rc = gh_jwk_import(json_array_get(keys, i), &key);

        if (rc == GH_OK) {
            rc = gh_jwks_add(set, &key);
        }

        if (rc == GH_INVALID) {
            (*skipped)++;

        } else if (rc != GH_OK) {
            return rc;
        }
    }

    return GH_OK;
}


gh_rc_t
gh_jwks_from_secret(gh_str_t secret, const gh_alloc_t *a, gh_jwks_t **out)
{
    gh_jwk_t key = { .algs = 1u << GH_ALG_HS256, .secret = secret };
    gh_jwks_t *set;

    if (secret.len < GH_HS_SECRET_MIN) {
        return GH_INVALID;
    }

    if (secret.len > GH_HS_SECRET_MAX) {
        return GH_TOO_LONG;
    }

    /* RFC 7518 section 3.2: a key at least as long as the hash */
    if (secret.len >= gh_hash_len(GH_HASH_SHA384)) {
        key.algs |= 1u << GH_ALG_HS384;
    }

    if (secret.len >= gh_hash_len(GH_HASH_SHA512)) {
        key.algs |= 1u << GH_ALG_HS512;
    }

    ERR_clear_error();

    if (gh_jwks_create(a, 1, &set) != GH_OK) {
        return GH_NOMEM;
    }

    gh_rc_t rc = gh_jwks_add(set, &key);

    if (rc != GH_OK) {
        gh_jwks_destroy(set);
        return rc;
    }

    set->any_kid = true;
    *out = set;
    return GH_OK;
}


gh_rc_t
gh_jwks_create(const gh_alloc_t *a, size_t cap, gh_jwks_t **out)
{
    size_t size = sizeof(gh_jwks_t) + cap * sizeof(gh_jwk_entry_t);
    gh_jwks_t *set = a->alloc(a->ctx, size);

    if (set == NULL) {
        return GH_NOMEM;
    }

    memset(set, 0, size);
    set->alloc = *a;
    set->cap = cap;

    gh_rc_t rc = fetch_hashes(set);

    if (rc != GH_OK) {
        gh_jwks_destroy(set);
        return rc;
    }

    *out = set;
    return GH_OK;
}


static gh_rc_t
fetch_hashes(gh_jwks_t *set)
{
    for (gh_hash_t h = GH_HASH_NONE + 1; h < GH_HASH_COUNT; h++) {
        set->md[h] = EVP_MD_fetch(NULL, gh_hash_name(h), NULL);

        if (set->md[h] == NULL) {
            return gh_openssl_nomem();
        }
    }

    return GH_OK;
}


gh_rc_t
gh_jwks_add(gh_jwks_t *set, const gh_jwk_t *key)
{
    if (set->n == set->cap) {
        EVP_PKEY_free(key->pkey);
        return GH_FULL;
    }

    gh_jwk_entry_t *e = &set->keys[set->n];

    e->jwk.algs = key->algs;
    e->jwk.pkey = key->pkey;

    gh_rc_t rc = copy(set, key->kid, &e->jwk.kid);

    if (rc == GH_OK) {
        rc = copy(set, key->secret, &e->jwk.secret);
    }

    if (rc == GH_OK) {
        rc = prepare(set, e);
    }

    if (rc != GH_OK) {
        clear(set, e);
        return rc;
    }

    set->n++;
    return GH_OK;
}


static gh_rc_t
copy(const gh_jwks_t *set, gh_str_t from, gh_str_t *to)
{
    if (from.len == 0) {
        return GH_OK;
    }

    char *p = set->alloc.alloc(set->alloc.ctx, from.len);

    if (p == NULL) {
        return GH_NOMEM;
    }

    memcpy(p, from.data, from.len);
    *to = (gh_str_t){ p, from.len };
    return GH_OK;
}


static gh_rc_t
prepare(const gh_jwks_t *set, gh_jwk_entry_t *e)
{
    for (gh_alg_t alg = GH_ALG_NONE + 1; alg < GH_ALG_COUNT; alg++) {
        const gh_alg_info_t *info = gh_alg_info(alg);

        if ((e->jwk.algs & 1u << alg) == 0 || info->family == GH_FAMILY_HMAC
            || info->family == GH_FAMILY_EDDSA)
        {
            continue;
        }

        e->ready[alg] = prepare_one(set, e->jwk.pkey, info);

        if (e->ready[alg] == NULL) {
            return gh_openssl_nomem(); /* a sound key: nothing to refuse */
        }
    }

    return GH_OK;
}


static EVP_PKEY_CTX *
prepare_one(const gh_jwks_t *set, EVP_PKEY *pkey, const gh_alg_info_t *info)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

    if (ctx == NULL || EVP_PKEY_verify_init(ctx) <= 0) {
        goto failed;
    }

    if (info->family == GH_FAMILY_RSA
        && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) <= 0)
    {
        goto failed;
    }

    if (info->family == GH_FAMILY_PSS
        && (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) <= 0
            || EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, set->md[info->hash]) <= 0
            || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST)
                   <= 0))
    {
        goto failed;
    }

    if (EVP_PKEY_CTX_set_signature_md(ctx, set->md[info->hash]) <= 0) {
        goto failed;
    }

    return ctx;

failed:

    EVP_PKEY_CTX_free(ctx);
    return NULL;
}


void
gh_jwks_destroy(gh_jwks_t *set)
{
    if (set == NULL) {
        return;
    }

    for (size_t i = 0; i < set->n; i++) {
        clear(set, &set->keys[i]);
    }

    for (gh_hash_t h = GH_HASH_NONE; h < GH_HASH_COUNT; h++) {
        EVP_MD_free(set->md[h]);
    }

    gh_alloc_t a = set->alloc;

    a.free(a.ctx, set);
}


static void
clear(const gh_jwks_t *set, gh_jwk_entry_t *e)
{
    /* these two are our copies, borrowed by everybody else */
    void *kid = (void *) (uintptr_t) e->jwk.kid.data;
    void *secret = (void *) (uintptr_t) e->jwk.secret.data;

    for (gh_alg_t alg = GH_ALG_NONE; alg < GH_ALG_COUNT; alg++) {
        EVP_PKEY_CTX_free(e->ready[alg]);
    }

    if (secret != NULL) {
        OPENSSL_cleanse(secret, e->jwk.secret.len);
    }

    EVP_PKEY_free(e->jwk.pkey);
    set->alloc.free(set->alloc.ctx, kid);
    set->alloc.free(set->alloc.ctx, secret);
    memset(e, 0, sizeof(*e));
}


size_t
gh_jwks_count(const gh_jwks_t *set)
{
    return set->n;
}


const gh_jwk_t *
gh_jwks_at(const gh_jwks_t *set, size_t i)
{
    return i < set->n ? &set->keys[i].jwk : NULL;
}


bool
gh_jwks_has_kid(const gh_jwks_t *set, gh_str_t kid)
{
    for (size_t i = 0; i < set->n && kid.len > 0; i++) {
        if (gh_str_eq(set->keys[i].jwk.kid, kid)) {
            return true;
        }
    }

    return false;
}


bool
gh_jwks_any_kid(const gh_jwks_t *set)
{
    return set->any_kid;
}


gh_rc_t
gh_openssl_nomem(void)
{
    ERR_clear_error();
    return GH_NOMEM;
}


gh_rc_t
gh_openssl_failure(int lib)
{
    gh_rc_t rc = GH_NOMEM;
    unsigned long error;

    while ((error = ERR_get_error()) != 0) {
        if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) {
            return gh_openssl_nomem();
        }

        /* a common error only passes on what another part has said */
        if (ERR_GET_LIB(error) == lib && !ERR_COMMON_ERROR(error)) {
            rc = GH_INVALID;
        }
    }

    return rc;
}


gh_rc_t
gh_openssl_refusal(void)
{
    unsigned long error;

    while ((error = ERR_get_error()) != 0) {
        if (ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) {
            return gh_openssl_nomem();
        }
    }

    return GH_INVALID;
}
