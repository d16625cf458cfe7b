/*
 * Looking things up in an image.
 */

#include "gh_image_layout.h"


static const void *named(const gh_image_t *im, gh_image_region_t slots,
                         gh_image_region_t records, gh_str_t name);
static const void *record_at(const gh_image_t *im, gh_image_region_t region,
                             uint32_t i);
static const gh_image_token_t *token_of_shape(const gh_image_t *im, uint32_t i,
                                              json_t *claims);


gh_str_t
gh_image_str(const gh_image_t *im, gh_ref_t ref)
{
    return (gh_str_t){ im->base + ref.off, ref.len };
}


const void *
gh_image_at(const gh_image_t *im, gh_span_t span)
{
    return im->base + span.off;
}


static const void *
record_at(const gh_image_t *im, gh_image_region_t region, uint32_t i)
{
    if (i >= gh_image_count(im, region)) {
        return NULL;
    }

    return gh_image_record(im, region, i);
}


static const void *
named(const gh_image_t *im, gh_image_region_t slots, gh_image_region_t records,
      gh_str_t name)
{
    gh_image_wanted_t wanted = { .name = name };

    return record_at(im, records, gh_image_find(im, slots, &wanted, NULL));
}


const gh_image_plan_t *
gh_image_plan(const gh_image_t *im, uint32_t index)
{
    return record_at(im, GH_IMAGE_PLANS, index);
}


const gh_image_plan_t *
gh_image_plan_named(const gh_image_t *im, gh_str_t name)
{
    return named(im, GH_IMAGE_PLAN_SLOTS, GH_IMAGE_PLANS, name);
}


bool
gh_image_plan_allows(const gh_image_t *im, const gh_image_plan_t *plan,
                     const gh_image_service_t *service)
{
    const uint32_t *services = gh_image_at(im, plan->services);
    uint32_t low = 0, high = plan->services.n;

    if (plan->all_services) {
        return true;
    }

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (services[middle] < service->index) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low < plan->services.n && services[low] == service->index;
}


const gh_image_consumer_t *
gh_image_consumer(const gh_image_t *im, gh_str_t name)
{
    return named(im, GH_IMAGE_CONSUMER_SLOTS, GH_IMAGE_CONSUMERS, name);
}


const gh_image_consumer_t *
gh_image_consumer_at(const gh_image_t *im, uint32_t index)
{
    return record_at(im, GH_IMAGE_CONSUMERS, index);
}


const gh_image_key_t *
gh_image_key(const gh_image_t *im, const uint8_t hash[GH_SHA256_LEN])
{
    gh_image_wanted_t wanted = { .hash = hash };

    return record_at(im, GH_IMAGE_KEYS,
                     gh_image_find(im, GH_IMAGE_KEY_SLOTS, &wanted, NULL));
}


const gh_image_key_t *
gh_image_key_by_id(const gh_image_t *im, gh_str_t id)
{
    return named(im, GH_IMAGE_KEY_ID_SLOTS, GH_IMAGE_KEYS, id);
}


const gh_image_key_t *
gh_image_key_at(const gh_image_t *im, uint32_t index)
{
    return record_at(im, GH_IMAGE_KEYS, index);
}


/* Shapes with the most claims come first. */
const gh_image_token_t *
gh_image_token(const gh_image_t *im, gh_str_t issuer, json_t *claims)
{
    const gh_image_issuer_t *found =
        named(im, GH_IMAGE_ISSUER_SLOTS, GH_IMAGE_ISSUERS, issuer);
    const gh_image_token_t *best = NULL;

    if (found == NULL) {
        return NULL;
    }

    const gh_image_shape_t *first = gh_image_record(im, GH_IMAGE_SHAPES, 0);
    const gh_image_shape_t *shapes = gh_image_at(im, found->shapes);
    uint32_t offset = (uint32_t) (shapes - first);

    for (uint32_t i = 0; i < found->shapes.n; i++) {
        if (best != NULL && shapes[i].claims.n < best->claims.n) {
            break;
        }

        const gh_image_token_t *token = token_of_shape(im, offset + i, claims);

        if (token != NULL && best != NULL && token->consumer != best->consumer)
        {
            return NULL;
        }

        best = token != NULL ? token : best;
    }

    return best;
}


static const gh_image_token_t *
token_of_shape(const gh_image_t *im, uint32_t i, json_t *claims)
{
    const gh_image_shape_t *shape = gh_image_record(im, GH_IMAGE_SHAPES, i);
    const gh_ref_t *pairs = gh_image_at(im, shape->claims);
    gh_str_t values[GH_IMAGE_CLAIMS_MAX];
    gh_image_wanted_t wanted = { .within = i,
                                 .values = values,
                                 .n = shape->claims.n };

    for (uint32_t j = 0; j < wanted.n; j++) {
        const json_t *value =
            gh_json_pointer(claims, gh_image_str(im, pairs[2 * j]));

        if (!json_is_string(value)) {
            return NULL;
        }

        values[j] =
            (gh_str_t){ json_string_value(value), json_string_length(value) };
    }

    return record_at(im, GH_IMAGE_TOKENS,
                     gh_image_find(im, GH_IMAGE_TOKEN_SLOTS, &wanted, NULL));
}


const gh_image_token_t *
gh_image_token_at(const gh_image_t *im, uint32_t index)
{
    return record_at(im, GH_IMAGE_TOKENS, index);
}


const gh_image_signature_t *
gh_image_signature(const gh_image_t *im, gh_str_t keyid)
{
    const gh_image_signature_t *signature =
        named(im, GH_IMAGE_SIGNATURE_SLOTS, GH_IMAGE_SIGNATURES, keyid);

    return signature == NULL || signature->key.len == 0 ? NULL : signature;
}


const gh_image_signature_t *
gh_image_signature_at(const gh_image_t *im, uint32_t index)
{
    return record_at(im, GH_IMAGE_SIGNATURES, index);
}


const gh_image_service_t *
gh_image_service(const gh_image_t *im, gh_str_t name)
{
    return named(im, GH_IMAGE_SERVICE_SLOTS, GH_IMAGE_SERVICES, name);
}


const gh_image_version_t *
gh_image_version(const gh_image_t *im, const gh_image_service_t *service,
                 gh_str_t name)
{
    gh_image_wanted_t wanted = { .name = name, .within = service->index };

    return record_at(im, GH_IMAGE_VERSIONS,
                     gh_image_find(im, GH_IMAGE_VERSION_SLOTS, &wanted, NULL));
}


const gh_image_version_t *
gh_image_version_default(const gh_image_t *im,
                         const gh_image_service_t *service)
{
    const gh_image_version_t *versions = gh_image_at(im, service->versions);

    if (service->default_version >= service->versions.n) {
        return NULL;
    }

    return &versions[service->default_version];
}


const gh_image_service_t *
gh_image_service_at(const gh_image_t *im, uint32_t index)
{
    return record_at(im, GH_IMAGE_SERVICES, index);
}


const gh_image_version_t *
gh_image_version_at(const gh_image_t *im, uint32_t index)
{
    return record_at(im, GH_IMAGE_VERSIONS, index);
}


const gh_image_deployment_t *
gh_image_deployment_at(const gh_image_t *im, uint32_t index)
{
    return record_at(im, GH_IMAGE_DEPLOYMENTS, index);
}
