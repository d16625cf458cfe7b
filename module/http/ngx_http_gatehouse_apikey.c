/*
 * Method api_key: keys that the tool issued are found by their public id in
 * the store's memory, declared ones by their SHA-256 in the policy image. A
 * revocation or a suspension in the store always wins.
 */

#include "ngx_http_gatehouse.h"

#include <openssl/crypto.h>


static ngx_int_t ngx_http_gatehouse_apikey_issued(
    ngx_http_gatehouse_request_t *gr, gh_str_t text, gh_str_t record,
    uint64_t stamp);
static ngx_int_t ngx_http_gatehouse_apikey_declared(
    ngx_http_gatehouse_request_t *gr, gh_str_t text);
static ngx_int_t ngx_http_gatehouse_apikey_imported(
    ngx_http_gatehouse_request_t *gr, gh_str_t text);
static gh_rc_t ngx_http_gatehouse_apikey_hash(gh_secret_t *secret,
                                              const gh_store_key_t *key,
                                              gh_str_t text,
                                              uint8_t hash[GH_SHA256_LEN]);


ngx_int_t
ngx_http_gatehouse_apikey(ngx_http_gatehouse_request_t *gr, ngx_str_t *text)
{
    gh_rc_t rc;
    uint64_t stamp;
    gh_str_t record, s;
    ngx_int_t status;
    gh_apikey_t key;

    s = ngx_http_gatehouse_gh(*text);

    if (gr->image == NULL) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_POLICIES_UNAVAILABLE);
    }

    status = ngx_http_gatehouse_known_check(gr, s);

    if (status != NGX_DECLINED) {
        return status;
    }

    if (gh_apikey_parse(s, &key) != GH_OK) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_CREDENTIAL_MALFORMED);
    }

    if (!key.native) {
        return ngx_http_gatehouse_apikey_declared(gr, s);
    }

    gr->principal.credential = key.id;

    rc = ngx_http_gatehouse_lookup(gr, GH_KIND_KEY, key.id, &record, &stamp);

    if (rc == GH_OK) {
        return ngx_http_gatehouse_apikey_issued(gr, s, record, stamp);
    }

    if (rc == GH_ABSENT) {
        return ngx_http_gatehouse_apikey_declared(gr, s);
    }

    return ngx_http_gatehouse_not_asked(gr, rc);
}


static ngx_int_t
ngx_http_gatehouse_apikey_issued(ngx_http_gatehouse_request_t *gr,
                                 gh_str_t text, gh_str_t record,
                                 uint64_t stamp)
{
    void *doc;
    uint8_t hash[GH_SHA256_LEN];
    ngx_int_t rc;
    gh_store_key_t key;
    const gh_image_consumer_t *consumer;
    ngx_http_gatehouse_verified_key_t verified;

    if (gh_store_key_decode(record, &key, &doc) != GH_OK) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_STORE_UNAVAILABLE);
    }

    if (ngx_http_gatehouse_apikey_hash(gr->gmcf->secret, &key, text, hash)
            != GH_OK
        || !gh_equal_secret(hash, key.hash, GH_SHA256_LEN))
    {
        rc = ngx_http_gatehouse_refuse(gr, GH_REASON_KEY_UNKNOWN);

    } else if (key.revoked_at_s != 0 && key.revoked_at_s <= ngx_time()) {
        rc = ngx_http_gatehouse_refuse(gr, GH_REASON_KEY_REVOKED);

    } else if (key.expires_at_s != 0 && key.expires_at_s <= ngx_time()) {
        rc = ngx_http_gatehouse_refuse(gr, GH_REASON_KEY_EXPIRED);

    } else {
        consumer = gh_image_consumer(&gr->image->im, key.consumer);

        rc = (consumer == NULL)
                 ? ngx_http_gatehouse_refuse(gr, GH_REASON_CONSUMER_UNKNOWN)
                 : ngx_http_gatehouse_apikey_consumer(gr, consumer);

        if (rc == NGX_OK && gh_str_starts(text, GH_STR("gh_"))) {
            verified.issued = 1;
            verified.stamp = stamp;
            verified.id.off = 0;
            verified.id.len = (uint32_t) key.id.len;
            verified.expires_at_s = key.expires_at_s;

            if (key.revoked_at_s != 0
                && (key.expires_at_s == 0
                    || key.revoked_at_s < key.expires_at_s))
            {
                verified.expires_at_s = key.revoked_at_s;
            }

            ngx_http_gatehouse_known_add(gr, text, consumer, &verified);
        }
    }

    gh_store_doc_free(doc);

    return rc;
}


/* With the pepper that made it: the first root key's, or an older one's. */

static gh_rc_t
ngx_http_gatehouse_apikey_hash(gh_secret_t *secret, const gh_store_key_t *key,
                               gh_str_t text, uint8_t hash[GH_SHA256_LEN])
{
    unsigned i;

    if (!key->keyed) {
        gh_apikey_hash(text, hash);
        return GH_OK;
    }

    for (i = 0; i < secret->n; i++) {
        if (secret->keys[i].id == key->pepper) {
            return gh_apikey_hash_keyed(secret, i, text, hash);
        }
    }

    return GH_ABSENT;
}


static ngx_int_t
ngx_http_gatehouse_apikey_declared(ngx_http_gatehouse_request_t *gr,
                                   gh_str_t text)
{
    gh_rc_t rc;
    uint8_t hash[GH_SHA256_LEN];
    gh_str_t record;
    ngx_int_t status;
    const gh_image_t *im;
    const gh_image_key_t *key;
    const gh_image_consumer_t *consumer;
    ngx_http_gatehouse_verified_key_t verified;

    im = &gr->image->im;

    gh_apikey_hash(text, hash);
    key = gh_image_key(im, hash);

    if (key == NULL) {
        return ngx_http_gatehouse_apikey_imported(gr, text);
    }

    gr->principal.credential = gh_image_str(im, key->id);

    rc = ngx_http_gatehouse_lookup(gr, GH_KIND_REVOKED,
                                   gr->principal.credential, &record, NULL);
    if (rc == GH_OK) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_KEY_REVOKED);
    }

    if (rc != GH_ABSENT) {
        return ngx_http_gatehouse_not_asked(gr, rc);
    }

    if (key->expires_at_s != 0 && key->expires_at_s <= ngx_time()) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_KEY_EXPIRED);
    }

    consumer = gh_image_consumer_at(im, key->consumer);
    status = ngx_http_gatehouse_apikey_consumer(gr, consumer);

    if (status == NGX_OK) {
        verified.issued = 0;
        verified.stamp = 0;
        verified.id = key->id;
        verified.expires_at_s = key->expires_at_s;

        ngx_http_gatehouse_known_add(gr, text, consumer, &verified);
    }

    return status;
}


/* A key of other make that was imported by its hash. */

static ngx_int_t
ngx_http_gatehouse_apikey_imported(ngx_http_gatehouse_request_t *gr,
                                   gh_str_t text)
{
    char hex[2 * GH_SHA256_LEN];
    gh_rc_t rc;
    uint8_t hash[GH_SHA256_LEN];
    gh_buf_t name;
    u_char *copy;
    gh_str_t record, id;
    uint64_t stamp;

    gh_apikey_hash(text, hash);

    id.data = (const char *) hash;
    id.len = sizeof(hash);

    name.data = hex;
    name.len = 0;
    name.cap = sizeof(hex);

    (void) gh_hex_encode(id, &name);

    rc = ngx_http_gatehouse_lookup(gr, GH_KIND_KEY_HASH, gh_buf_str(&name),
                                   &id, NULL);
    if (rc == GH_ABSENT) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_KEY_UNKNOWN);
    }

    if (rc != GH_OK) {
        return ngx_http_gatehouse_not_asked(gr, rc);
    }

    /* the record's bytes are borrowed only until the next look-up */

    copy = ngx_pnalloc(gr->request->pool, id.len);
    if (copy == NULL) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_INTERNAL);
    }

    ngx_memcpy(copy, id.data, id.len);
    id.data = (const char *) copy;
    gr->principal.credential = id;

    rc = ngx_http_gatehouse_lookup(gr, GH_KIND_KEY, id, &record, &stamp);

    if (rc == GH_ABSENT) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_KEY_UNKNOWN);
    }

    if (rc != GH_OK) {
        return ngx_http_gatehouse_not_asked(gr, rc);
    }

    return ngx_http_gatehouse_apikey_issued(gr, text, record, stamp);
}


ngx_int_t
ngx_http_gatehouse_apikey_consumer(ngx_http_gatehouse_request_t *gr,
                                   const gh_image_consumer_t *consumer)
{
    gh_rc_t rc;

    rc = ngx_http_gatehouse_be_consumer(gr, consumer);

    if (rc == GH_DENIED) {
        return ngx_http_gatehouse_refuse(gr, GH_REASON_CONSUMER_SUSPENDED);
    }

    return (rc == GH_OK) ? NGX_OK : ngx_http_gatehouse_not_asked(gr, rc);
}
