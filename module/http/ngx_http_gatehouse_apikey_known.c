/*
 * API keys that this worker has verified before. A key is known again by 128
 * bits of SipHash under a secret key of the worker, so no text is kept; what
 * may change since (expiry, policies, and in the store revocation and
 * suspension) is looked at on every request, the store's records as one
 * number that tells whether any of them changed.
 */

#include "ngx_http_gatehouse.h"

#define NGX_HTTP_GATEHOUSE_KNOWN_KEYS 8192 /* a power of two */


struct ngx_http_gatehouse_known_key_s {
    ngx_http_gatehouse_known_t *known; /* held; this lives in its pool */
    uint64_t hash[2];
    uint64_t generation; /* of the policies */
    uint64_t records;    /* their version when it was let in; 0: ask */
    uint64_t stamp;      /* of an issued key's record */
    int64_t expires_at_s;
    uint32_t consumer; /* its index in the policies */
    unsigned issued : 1;
};


static ngx_http_gatehouse_known_key_t **ngx_http_gatehouse_known_slot(
    ngx_http_gatehouse_main_conf_t *gmcf, gh_str_t text, uint64_t hash[2]);
static gh_rc_t ngx_http_gatehouse_known_ask(
    ngx_http_gatehouse_request_t *gr, ngx_http_gatehouse_known_key_t *key,
    const gh_image_consumer_t *consumer);


ngx_int_t
ngx_http_gatehouse_known_open(ngx_cycle_t *cycle,
                              ngx_http_gatehouse_main_conf_t *gmcf)
{
    gmcf->known_keys =
        ngx_pcalloc(cycle->pool,
                    NGX_HTTP_GATEHOUSE_KNOWN_KEYS * sizeof(*gmcf->known_keys));

    return (gmcf->known_keys == NULL) ? NGX_ERROR : NGX_OK;
}


void
ngx_http_gatehouse_known_close(ngx_http_gatehouse_main_conf_t *gmcf)
{
    ngx_uint_t i;

    if (gmcf->known_keys == NULL) {
        return;
    }

    for (i = 0; i < NGX_HTTP_GATEHOUSE_KNOWN_KEYS; i++) {
        if (gmcf->known_keys[i] != NULL) {
            ngx_http_gatehouse_known_release(gmcf->known_keys[i]->known);
        }
    }

    gmcf->known_keys = NULL;
}


/*
 * NGX_DECLINED: not known, or something about it changed: verify it. Else
 * the key was right, and the rest is as the verification would have it.
 */

ngx_int_t
ngx_http_gatehouse_known_check(ngx_http_gatehouse_request_t *gr, gh_str_t text)
{
    gh_rc_t rc;
    uint64_t hash[2], records;
    const gh_image_t *im;
    const gh_image_consumer_t *consumer;
    ngx_http_gatehouse_known_key_t *key;

    if (text.len < sizeof("gh_") + GH_APIKEY_ID_MIN
        || text.len > GH_APIKEY_TEXT_MAX)
    {
        return NGX_DECLINED;
    }

    im = &gr->image->im;
    key = *ngx_http_gatehouse_known_slot(gr->gmcf, text, hash);

    if (key == NULL || key->hash[0] != hash[0] || key->hash[1] != hash[1]
        || key->generation != im->generation
        || (key->expires_at_s != 0 && key->expires_at_s <= ngx_time()))
    {
        return NGX_DECLINED;
    }

    consumer = gh_image_consumer_at(im, key->consumer);
    records = ngx_gatehouse_records_version(gr->gmcf->records);

    if (records == 0 || key->records != records) {

        rc = ngx_http_gatehouse_known_ask(gr, key, consumer);

        if (rc == GH_ABSENT) {
            return NGX_DECLINED;
        }

        if (rc != GH_OK) {
            gr->principal.credential = key->known->principal.credential;
        }

        if (rc == GH_DENIED) {
            return ngx_http_gatehouse_refuse(gr, GH_REASON_CONSUMER_SUSPENDED);
        }

        if (rc != GH_OK) {
            return ngx_http_gatehouse_not_asked(gr, rc);
        }

        key->records = records;
    }

    ngx_http_gatehouse_known_use(gr, key->known, consumer);

    return NGX_OK;
}


/* GH_OK: neither revoked nor changed, and GH_ABSENT: it is one of them;
 * GH_DENIED: its consumer is suspended. */

static gh_rc_t
ngx_http_gatehouse_known_ask(ngx_http_gatehouse_request_t *gr,
                             ngx_http_gatehouse_known_key_t *key,
                             const gh_image_consumer_t *consumer)
{
    gh_rc_t rc;
    uint64_t stamp;
    gh_str_t id, record;

    id = key->known->principal.credential;

    if (key->issued) {
        rc = ngx_http_gatehouse_lookup(gr, GH_KIND_KEY, id, &record, &stamp);

        if (rc == GH_OK && stamp != key->stamp) {
            return GH_ABSENT;
        }

    } else {
        rc = ngx_http_gatehouse_lookup(gr, GH_KIND_REVOKED, id, &record, NULL);
        rc = (rc == GH_OK) ? GH_ABSENT : (rc == GH_ABSENT) ? GH_OK : rc;
    }

    return (rc == GH_OK) ? ngx_http_gatehouse_consumer_stands(gr, consumer)
                         : rc;
}


/* Remembers a key that was just verified; without memory it does not. */

void
ngx_http_gatehouse_known_add(ngx_http_gatehouse_request_t *gr, gh_str_t text,
                             const gh_image_consumer_t *consumer,
                             const ngx_http_gatehouse_verified_key_t *verified)
{
    uint64_t hash[2];
    gh_principal_t principal;
    ngx_http_gatehouse_known_t *known;
    ngx_http_gatehouse_known_key_t *key, **slot;

    principal = gr->principal;
    principal.method = GH_METHOD_API_KEY;

    known = ngx_http_gatehouse_known_create(gr->gmcf, &principal);
    if (known == NULL) {
        return;
    }

    key = ngx_pcalloc(known->pool, sizeof(ngx_http_gatehouse_known_key_t));
    if (key == NULL) {
        ngx_http_gatehouse_known_release(known);
        return;
    }

    slot = ngx_http_gatehouse_known_slot(gr->gmcf, text, hash);

    key->known = known;
    key->hash[0] = hash[0];
    key->hash[1] = hash[1];
    key->generation = gr->image->im.generation;
    key->stamp = verified->stamp;
    key->expires_at_s = verified->expires_at_s;
    key->consumer =
        (uint32_t) (consumer - gh_image_consumer_at(&gr->image->im, 0));
    key->issued = verified->issued;

    if (*slot != NULL) {
        ngx_http_gatehouse_known_release((*slot)->known);
    }

    *slot = key;
}


static ngx_http_gatehouse_known_key_t **
ngx_http_gatehouse_known_slot(ngx_http_gatehouse_main_conf_t *gmcf,
                              gh_str_t text, uint64_t hash[2])
{
    gh_siphash_128(&gmcf->sip, text, hash);

    return &gmcf->known_keys[hash[0] & (NGX_HTTP_GATEHOUSE_KNOWN_KEYS - 1)];
}
