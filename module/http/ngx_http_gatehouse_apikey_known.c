/*
 * API keys that this worker has verified before. A key is known again by 128
 * bits of SipHash under secret keys of the worker, so no text is kept; what
 * may change since (revocation, expiry, policies, suspension) is looked at on
 * every request.
 */

#include "ngx_http_gatehouse.h"

#define NGX_HTTP_GATEHOUSE_KNOWN_KEYS 8192 /* a power of two */


struct ngx_http_gatehouse_known_key_s {
    uint64_t hash[2];
    uint64_t generation; /* of the policies; 0: empty */
    uint64_t stamp;      /* of an issued key's record */
    int64_t expires_at_s;
    uint32_t consumer; /* its index in the policies */
    gh_ref_t id;       /* declared: in the image; issued: len, in the text */
    unsigned issued : 1;
};


static void ngx_http_gatehouse_known_hash(ngx_http_gatehouse_main_conf_t *gmcf,
                                          gh_str_t text, uint64_t hash[2]);


ngx_int_t
ngx_http_gatehouse_known_open(ngx_cycle_t *cycle,
                              ngx_http_gatehouse_main_conf_t *gmcf)
{
    gmcf->known_keys =
        ngx_pcalloc(cycle->pool, NGX_HTTP_GATEHOUSE_KNOWN_KEYS
                                     * sizeof(ngx_http_gatehouse_known_key_t));

    return (gmcf->known_keys == NULL) ? NGX_ERROR : NGX_OK;
}


/*
 * NGX_DECLINED: not known, or something about it changed: verify it. Else
 * the key was right, and the rest is as the verification would have it.
 */

ngx_int_t
ngx_http_gatehouse_known_check(ngx_http_gatehouse_request_t *gr, gh_str_t text)
{
    gh_rc_t rc;
    uint64_t hash[2], stamp;
    gh_str_t id, record;
    const gh_image_t *im;
    ngx_http_gatehouse_known_key_t *known;

    if (text.len < sizeof("gh_") + GH_APIKEY_ID_MIN
        || text.len > GH_APIKEY_TEXT_MAX)
    {
        return NGX_DECLINED;
    }

    ngx_http_gatehouse_known_hash(gr->gmcf, text, hash);

    im = &gr->image->im;
    known =
        &gr->gmcf->known_keys[hash[0] & (NGX_HTTP_GATEHOUSE_KNOWN_KEYS - 1)];

    if (known->hash[0] != hash[0] || known->hash[1] != hash[1]
        || known->generation != im->generation
        || (known->expires_at_s != 0 && known->expires_at_s <= ngx_time()))
    {
        return NGX_DECLINED;
    }

    if (known->issued) {
        id.data = text.data + sizeof("gh_") - 1;
        id.len = known->id.len;

    } else {
        id = gh_image_str(im, known->id);
    }

    if (known->issued) {
        rc = ngx_http_gatehouse_lookup(gr, GH_KIND_KEY, id, &record, &stamp);

        if (rc == GH_OK && stamp != known->stamp) {
            return NGX_DECLINED;
        }

    } else {
        rc = ngx_http_gatehouse_lookup(gr, GH_KIND_REVOKED, id, &record, NULL);
        rc = (rc == GH_OK) ? GH_ABSENT : (rc == GH_ABSENT) ? GH_OK : rc;
    }

    gr->principal.credential = id;

    if (rc == GH_ABSENT) {
        return NGX_DECLINED;
    }

    if (rc != GH_OK) {
        return ngx_http_gatehouse_not_asked(gr, rc);
    }

    return ngx_http_gatehouse_apikey_consumer(
        gr, gh_image_consumer_at(im, known->consumer));
}


/* Remembers a key that was just verified. */

void
ngx_http_gatehouse_known_add(ngx_http_gatehouse_request_t *gr, gh_str_t text,
                             const gh_image_consumer_t *consumer,
                             const ngx_http_gatehouse_verified_key_t *key)
{
    uint64_t hash[2];
    ngx_http_gatehouse_known_key_t *known;

    ngx_http_gatehouse_known_hash(gr->gmcf, text, hash);

    known =
        &gr->gmcf->known_keys[hash[0] & (NGX_HTTP_GATEHOUSE_KNOWN_KEYS - 1)];

    known->hash[0] = hash[0];
    known->hash[1] = hash[1];
    known->generation = gr->image->im.generation;
    known->stamp = key->stamp;
    known->expires_at_s = key->expires_at_s;
    known->consumer =
        (uint32_t) (consumer - gh_image_consumer_at(&gr->image->im, 0));
    known->issued = key->issued;
    known->id = key->id;
}


static void
ngx_http_gatehouse_known_hash(ngx_http_gatehouse_main_conf_t *gmcf,
                              gh_str_t text, uint64_t hash[2])
{
    gh_siphash_128(&gmcf->sip, text, hash);
}
