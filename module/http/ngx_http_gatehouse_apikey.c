/*
 * Method api_key: keys that the tool issued are found by their public id in
 * the store's memory, declared ones by their SHA-256 in the policy image. A
 * revocation or a suspension in the store always wins. A key that is refused
 * costs the same steps whatever is wrong with it: time tells nobody which ids
 * there are.
 */

#include "ngx_http_gatehouse.h"

#include <openssl/crypto.h>


static ngx_int_t ngx_http_gatehouse_apikey_verify(
    ngx_http_gatehouse_request_t *gr, gh_str_t text, const gh_apikey_t *key);
static ngx_int_t ngx_http_gatehouse_apikey_after_record(
    ngx_http_gatehouse_request_t *gr, gh_str_t text, ngx_int_t status);
static void ngx_http_gatehouse_apikey_no_record(
    ngx_http_gatehouse_request_t *gr, gh_str_t text);
static ngx_int_t ngx_http_gatehouse_apikey_issued(
    ngx_http_gatehouse_request_t *gr, gh_str_t text, gh_str_t record,
    uint64_t stamp);
static ngx_int_t ngx_http_gatehouse_apikey_declared(
    ngx_http_gatehouse_request_t *gr, gh_str_t text);
static ngx_int_t ngx_http_gatehouse_apikey_imported(
    ngx_http_gatehouse_request_t *gr, gh_str_t text);
static gh_str_t ngx_http_gatehouse_apikey_hash_name(
    gh_str_t text, char hex[2 * GH_SHA256_LEN]);
static gh_rc_t ngx_http_gatehouse_apikey_hash(gh_secret_t *secret,
                                              const gh_store_key_t *key,
                                              gh_str_t text,
                                              uint8_t hash[GH_SHA256_LEN]);


ngx_int_t
ngx_http_gatehouse_apikey(ngx_http_gatehouse_request_t *gr, ngx_str_t *text)
{
    gh_str_t s;
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

    return ngx_http_gatehouse_apikey_verify(gr, s, &key);
}


static ngx_int_t
ngx_http_gatehouse_apikey_verify(ngx_http_gatehouse_request_t *gr,
                                 gh_str_t text, const gh_apikey_t *key)
{
    gh_rc_t rc;
    uint64_t stamp;
    gh_str_t record;
    ngx_int_t status;

    gr->principal.credential = key->id;

    rc = ngx_http_gatehouse_lookup(gr, GH_KIND_KEY, key->id, &record, &stamp);

    if (rc == GH_OK) {
        status = ngx_http_gatehouse_apikey_issued(gr, text, record, stamp);

        return (status == NGX_HTTP_UNAUTHORIZED)
                   ? ngx_http_gatehouse_apikey_after_record(gr, text, status)
                   : status;
    }

    if (rc == GH_ABSENT) {
        status = ngx_http_gatehouse_apikey_declared(gr, text);

        if (status == NGX_HTTP_UNAUTHORIZED) {
            ngx_http_gatehouse_apikey_no_record(gr, text);
        }

        return status;
    }

    return ngx_http_gatehouse_not_asked(gr, rc);
}


/* Refused by its record: what a key without one is looked for in. */

static ngx_int_t
ngx_http_gatehouse_apikey_after_record(ngx_http_gatehouse_request_t *gr,
                                       gh_str_t text, ngx_int_t status)
{
    char hex[2 * GH_SHA256_LEN];
    uint8_t hash[GH_SHA256_LEN];
    gh_str_t found;

    gh_apikey_hash(text, hash);
    (void) gh_image_key(&gr->image->im, hash);

    return (ngx_http_gatehouse_lookup(
                gr, GH_KIND_KEY_HASH,
                ngx_http_gatehouse_apikey_hash_name(text, hex), &found, NULL)
            == GH_AGAIN)
               ? NGX_AGAIN
               : status;
}


/* Refused without a record: what one would have cost. */

static void
ngx_http_gatehouse_apikey_no_record(ngx_http_gatehouse_request_t *gr,
                                    gh_str_t text)
{
    void *doc;
    uint8_t hash[GH_SHA256_LEN];
    gh_store_key_t key;

    static const gh_str_t record = GH_STR(
        "{\"v\":1,\"id\":\"nobody1\",\"consumer\":\"nobody\",\"hash\":\""
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
        "\",\"pepper\":1234567890,\"created\":1700000000}");

    if (gr->gmcf->secret->n == 0
        || gh_store_key_decode(record, &key, &doc) != GH_OK)
    {
        return;
    }

    if (gh_apikey_hash_keyed(gr->gmcf->secret, 0, text, hash) == GH_OK) {
        (void) gh_equal_secret(hash, key.hash, GH_SHA256_LEN);
    }

    gh_store_doc_free(doc);
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
    u_char *copy;
    gh_str_t record, id;
    uint64_t stamp;

    rc = ngx_http_gatehouse_lookup(
        gr, GH_KIND_KEY_HASH, ngx_http_gatehouse_apikey_hash_name(text, hex),
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


/* Under which an imported key's id is found. */

static gh_str_t
ngx_http_gatehouse_apikey_hash_name(gh_str_t text, char hex[2 * GH_SHA256_LEN])
{
    gh_buf_t name;
    gh_str_t bytes;
    uint8_t hash[GH_SHA256_LEN];

    gh_apikey_hash(text, hash);

    bytes.data = (const char *) hash;
    bytes.len = sizeof(hash);

    name.data = hex;
    name.len = 0;
    name.cap = 2 * (size_t) GH_SHA256_LEN;

    (void) gh_hex_encode(bytes, &name);

    return gh_buf_str(&name);
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
