/*
 * Walks every record of an image, whose regions are known to lie in it: what
 * refers to bytes or records must stay within the region meant for them, and
 * the bounds that readers count on must hold.
 */

#include "gh_choose.h"
#include "gh_image_layout.h"
#include "gh_rules.h"


typedef bool (*check_pt)(const gh_image_t *im, const void *record, uint32_t i);


static bool check_slots(const gh_image_t *im, gh_image_region_t region);
static bool is_text(const gh_image_t *im, gh_ref_t ref);
static bool span_fits(const gh_image_t *im, gh_span_t span,
                      gh_image_region_t region, uint32_t most);
static bool claims_fit(const gh_image_t *im, gh_span_t claims);
static bool is_index(const gh_image_t *im, uint32_t i,
                     gh_image_region_t region);
static bool check_plan(const gh_image_t *im, const void *record, uint32_t i);
static bool check_limit(const gh_image_t *im, const void *record, uint32_t i);
static bool check_consumer(const gh_image_t *im, const void *record,
                           uint32_t i);
static bool check_ref(const gh_image_t *im, const void *record, uint32_t i);
static bool check_key(const gh_image_t *im, const void *record, uint32_t i);
static bool check_token(const gh_image_t *im, const void *record, uint32_t i);
static bool check_issuer(const gh_image_t *im, const void *record, uint32_t i);
static bool check_shape(const gh_image_t *im, const void *record, uint32_t i);
static bool check_signature(const gh_image_t *im, const void *record,
                            uint32_t i);
static bool check_service(const gh_image_t *im, const void *record,
                          uint32_t i);
static bool check_version_from(const gh_image_t *im, const void *record,
                               uint32_t i);
static bool check_version(const gh_image_t *im, const void *record,
                          uint32_t i);
static bool check_deployment(const gh_image_t *im, const void *record,
                             uint32_t i);


static const check_pt checks[GH_IMAGE_REGIONS] = {
    [GH_IMAGE_PLANS] = check_plan,
    [GH_IMAGE_LIMITS] = check_limit,
    [GH_IMAGE_CONSUMERS] = check_consumer,
    [GH_IMAGE_REFS] = check_ref,
    [GH_IMAGE_KEYS] = check_key,
    [GH_IMAGE_TOKENS] = check_token,
    [GH_IMAGE_ISSUERS] = check_issuer,
    [GH_IMAGE_SHAPES] = check_shape,
    [GH_IMAGE_SIGNATURES] = check_signature,
    [GH_IMAGE_SERVICES] = check_service,
    [GH_IMAGE_VERSION_FROMS] = check_version_from,
    [GH_IMAGE_VERSIONS] = check_version,
    [GH_IMAGE_DEPLOYMENTS] = check_deployment,
};


bool
gh_image_check(const gh_image_t *im)
{
    for (unsigned r = 0; r < GH_IMAGE_REGIONS; r++) {
        uint32_t n = gh_image_count(im, r);

        if (r >= GH_IMAGE_PLAN_SLOTS && !check_slots(im, r)) {
            return false;
        }

        for (uint32_t i = 0; checks[r] != NULL && i < n; i++) {
            if (!checks[r](im, gh_image_record(im, r, i), i)) {
                return false;
            }
        }
    }

    return true;
}


static bool
check_slots(const gh_image_t *im, gh_image_region_t region)
{
    gh_image_region_t records = gh_image_slots_of(region);
    uint32_t n = gh_image_count(im, region);

    for (uint32_t i = 0; i < n; i++) {
        const uint32_t *slot = gh_image_record(im, region, i);

        if (*slot != GH_IMAGE_ABSENT && !is_index(im, *slot, records)) {
            return false;
        }
    }

    return true;
}


static bool
is_text(const gh_image_t *im, gh_ref_t ref)
{
    const char *first = gh_image_record(im, GH_IMAGE_POOL, 0);
    uint64_t begin = (uint64_t) (first - im->base);
    uint64_t end = begin + gh_image_count(im, GH_IMAGE_POOL);

    if (ref.len == 0) {
        return ref.off <= im->size;
    }

    return ref.off >= begin && (uint64_t) ref.off + ref.len <= end;
}


static bool
span_fits(const gh_image_t *im, gh_span_t span, gh_image_region_t region,
          uint32_t most)
{
    const char *first = gh_image_record(im, region, 0);
    uint64_t begin = (uint64_t) (first - im->base);
    uint64_t size = gh_image_record_size(region);
    uint64_t end = begin + gh_image_count(im, region) * size;

    if (span.n == 0) {
        return span.off == 0;
    }

    return span.n <= most && span.off >= begin
           && (span.off - begin) % size == 0
           && span.off + span.n * size <= end;
}


static bool
claims_fit(const gh_image_t *im, gh_span_t claims)
{
    gh_span_t pairs = { claims.off, claims.n * 2 };

    return claims.n > 0 && claims.n <= GH_IMAGE_CLAIMS_MAX
           && span_fits(im, pairs, GH_IMAGE_REFS, UINT32_MAX);
}


static bool
is_index(const gh_image_t *im, uint32_t i, gh_image_region_t region)
{
    return i < gh_image_count(im, region);
}


static bool
check_plan(const gh_image_t *im, const void *record, uint32_t i)
{
    const gh_image_plan_t *plan = record;

    (void) i;

    return is_text(im, plan->name)
           && span_fits(im, plan->limits, GH_IMAGE_LIMITS, GH_IMAGE_LIMITS_MAX)
           && span_fits(im, plan->services, GH_IMAGE_ALLOWED, UINT32_MAX);
}


/* Nobody may divide by zero. */
static bool
check_limit(const gh_image_t *im, const void *record, uint32_t i)
{
    const gh_image_limit_t *item = record;
    const gh_limit_t *limit = &item->limit;

    (void) i;

    if (!is_text(im, item->name) || limit->amount == 0 || limit->unit_s == 0) {
        return false;
    }

    if (limit->kind == GH_LIMIT_QUOTA) {
        return limit->period <= GH_PERIOD_MONTH;
    }

    return limit->kind == GH_LIMIT_RATE && limit->burst > 0
           && limit->interval_ns > 0;
}


static bool
check_consumer(const gh_image_t *im, const void *record, uint32_t i)
{
    const gh_image_consumer_t *consumer = record;

    (void) i;

    return is_text(im, consumer->name) && is_text(im, consumer->display_name)
           && is_text(im, consumer->email)
           && (consumer->plan == GH_IMAGE_ABSENT
               || is_index(im, consumer->plan, GH_IMAGE_PLANS))
           && span_fits(im, consumer->groups, GH_IMAGE_REFS,
                        GH_IMAGE_MEMBERS_MAX)
           && span_fits(im, consumer->scopes, GH_IMAGE_REFS,
                        GH_IMAGE_MEMBERS_MAX);
}


static bool
check_ref(const gh_image_t *im, const void *record, uint32_t i)
{
    const gh_ref_t *ref = record;

    (void) i;

    return is_text(im, *ref);
}


static bool
check_key(const gh_image_t *im, const void *record, uint32_t i)
{
    const gh_image_key_t *key = record;

    (void) i;

    return is_text(im, key->id)
           && is_index(im, key->consumer, GH_IMAGE_CONSUMERS);
}


static bool
check_token(const gh_image_t *im, const void *record, uint32_t i)
{
    const gh_image_token_t *token = record;

    (void) i;

    return is_text(im, token->issuer) && claims_fit(im, token->claims)
           && is_index(im, token->consumer, GH_IMAGE_CONSUMERS)
           && is_index(im, token->shape, GH_IMAGE_SHAPES);
}


static bool
check_issuer(const gh_image_t *im, const void *record, uint32_t i)
{
    const gh_image_issuer_t *issuer = record;

    (void) i;

    return is_text(im, issuer->name) && issuer->shapes.n > 0
           && span_fits(im, issuer->shapes, GH_IMAGE_SHAPES,
                        GH_IMAGE_SHAPES_MAX);
}


static bool
check_shape(const gh_image_t *im, const void *record, uint32_t i)
{
    const gh_image_shape_t *shape = record;

    (void) i;

    return claims_fit(im, shape->claims);
}


static bool
check_signature(const gh_image_t *im, const void *record, uint32_t i)
{
    const gh_image_signature_t *signature = record;

    (void) i;

    return is_text(im, signature->keyid) && is_text(im, signature->algorithm)
           && is_text(im, signature->key)
           && is_index(im, signature->consumer, GH_IMAGE_CONSUMERS);
}


static bool
check_service(const gh_image_t *im, const void *record, uint32_t i)
{
    const gh_image_service_t *service = record;

    return is_text(im, service->name) && service->index == i
           && service->versions.n > 0
           && span_fits(im, service->versions, GH_IMAGE_VERSIONS, UINT32_MAX)
           && (service->default_version == GH_IMAGE_ABSENT
               || service->default_version < service->versions.n)
           && span_fits(im, service->version_from, GH_IMAGE_VERSION_FROMS,
                        GH_IMAGE_VERSION_FROMS_MAX)
           && is_text(im, service->access)
           && gh_rules_valid(gh_image_str(im, service->access));
}


static bool
check_version_from(const gh_image_t *im, const void *record, uint32_t i)
{
    const gh_image_version_from_t *from = record;

    (void) i;

    return from->from >= GH_VERSION_FROM_PATH
           && from->from <= GH_VERSION_FROM_MEDIA_TYPE
           && is_text(im, from->header);
}


static bool
check_version(const gh_image_t *im, const void *record, uint32_t i)
{
    const gh_image_version_t *version = record;

    return is_text(im, version->name) && version->index == i
           && version->deployments.n > 0
           && span_fits(im, version->deployments, GH_IMAGE_DEPLOYMENTS,
                        GH_DEPLOYMENTS_MAX)
           && is_text(im, version->successor) && is_text(im, version->link)
           && version->sticky <= GH_STICKY_SOURCE;
}


static bool
check_deployment(const gh_image_t *im, const void *record, uint32_t i)
{
    const gh_image_deployment_t *deployment = record;

    return is_text(im, deployment->name) && is_text(im, deployment->upstream)
           && deployment->initial_weight <= GH_WEIGHT_ALL
           && deployment->index == i;
}
