/*
 * Public keys of the policy image, parsed once per worker and kept while they
 * are used: reading PEM costs more than most verifications. A fixed number of
 * places; two keys of one place take turns.
 */

#include "ngx_http_gatehouse_signature.h"

#define NGX_HTTP_GATEHOUSE_SIGNATURE_KEYS 1024


typedef struct {
    uint64_t generation;
    const gh_image_signature_t *key; /* where it is in that image */
    gh_jwks_t *set;
} ngx_http_gatehouse_signature_place_t;

struct ngx_http_gatehouse_signature_keys_s {
    ngx_http_gatehouse_signature_place_t
        places[NGX_HTTP_GATEHOUSE_SIGNATURE_KEYS];
};


ngx_int_t
ngx_http_gatehouse_signature_open(ngx_cycle_t *cycle,
                                  ngx_http_gatehouse_main_conf_t *gmcf)
{
    gmcf->signature_keys =
        ngx_pcalloc(cycle->pool, sizeof(ngx_http_gatehouse_signature_keys_t));

    return (gmcf->signature_keys == NULL) ? NGX_ERROR : NGX_OK;
}


void
ngx_http_gatehouse_signature_close(ngx_http_gatehouse_main_conf_t *gmcf)
{
    ngx_uint_t i;

    for (i = 0;
         gmcf->signature_keys != NULL && i < NGX_HTTP_GATEHOUSE_SIGNATURE_KEYS;
         i++)
    {
        gh_jwks_destroy(gmcf->signature_keys->places[i].set);
        gmcf->signature_keys->places[i].set = NULL;
    }
}


gh_jwks_t *
ngx_http_gatehouse_signature_key(ngx_http_gatehouse_request_t *gr,
                                 const gh_image_signature_t *key)
{
    uint64_t at;
    const gh_image_t *im;
    ngx_http_gatehouse_signature_place_t *place;

    im = &gr->image->im;
    at = (uint64_t) (key - gh_image_signature_at(im, 0));
    place = &gr->gmcf->signature_keys
                 ->places[at % NGX_HTTP_GATEHOUSE_SIGNATURE_KEYS];

    if (place->set != NULL && place->key == key
        && place->generation == im->generation)
    {
        return place->set;
    }

    gh_jwks_destroy(place->set);
    place->set = NULL;

    if (gh_jwks_from_pem(gh_image_str(im, key->key), gh_alloc_libc(),
                         &place->set)
        != GH_OK)
    {
        /* it was judged when the set was compiled: no memory */
        place->set = NULL;
        return NULL;
    }

    place->key = key;
    place->generation = im->generation;

    return place->set;
}
