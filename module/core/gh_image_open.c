/*
 * Opening an image: its layout, its bounds, its checksum.
 */

#include "gh_image_layout.h"


static bool regions_fit(const gh_image_head_t *head);
static uint64_t mix(uint64_t lane, uint64_t word);


static const uint32_t record_sizes[GH_IMAGE_REGIONS] = {
    [GH_IMAGE_PLANS] = sizeof(gh_image_plan_t),
    [GH_IMAGE_LIMITS] = sizeof(gh_image_limit_t),
    [GH_IMAGE_ALLOWED] = sizeof(uint32_t),
    [GH_IMAGE_CONSUMERS] = sizeof(gh_image_consumer_t),
    [GH_IMAGE_REFS] = sizeof(gh_ref_t),
    [GH_IMAGE_KEYS] = sizeof(gh_image_key_t),
    [GH_IMAGE_TOKENS] = sizeof(gh_image_token_t),
    [GH_IMAGE_ISSUERS] = sizeof(gh_image_issuer_t),
    [GH_IMAGE_SHAPES] = sizeof(gh_image_shape_t),
    [GH_IMAGE_SIGNATURES] = sizeof(gh_image_signature_t),
    [GH_IMAGE_SERVICES] = sizeof(gh_image_service_t),
    [GH_IMAGE_VERSION_FROMS] = sizeof(gh_image_version_from_t),
    [GH_IMAGE_VERSIONS] = sizeof(gh_image_version_t),
    [GH_IMAGE_DEPLOYMENTS] = sizeof(gh_image_deployment_t),
    [GH_IMAGE_POOL] = sizeof(char),
    [GH_IMAGE_PLAN_SLOTS] = sizeof(uint32_t),
    [GH_IMAGE_CONSUMER_SLOTS] = sizeof(uint32_t),
    [GH_IMAGE_KEY_SLOTS] = sizeof(uint32_t),
    [GH_IMAGE_KEY_ID_SLOTS] = sizeof(uint32_t),
    [GH_IMAGE_TOKEN_SLOTS] = sizeof(uint32_t),
    [GH_IMAGE_ISSUER_SLOTS] = sizeof(uint32_t),
    [GH_IMAGE_SIGNATURE_SLOTS] = sizeof(uint32_t),
    [GH_IMAGE_SERVICE_SLOTS] = sizeof(uint32_t),
    [GH_IMAGE_VERSION_SLOTS] = sizeof(uint32_t),
};


uint32_t
gh_image_record_size(gh_image_region_t region)
{
    return record_sizes[region];
}


uint64_t
gh_image_layout(void)
{
    uint64_t h = mix(sizeof(gh_image_head_t), GH_IMAGE_REGIONS);

    for (unsigned i = 0; i < GH_IMAGE_REGIONS; i++) {
        h = mix(h, record_sizes[i]);
    }

    return h;
}


gh_rc_t
gh_image_open(const void *base, size_t size, bool deep, gh_image_t *out)
{
    const gh_image_head_t *head = base;

    memset(out, 0, sizeof(*out));

    if (base == NULL || (uintptr_t) base % 8 != 0 || size < sizeof(*head)
        || head->magic != GH_IMAGE_MAGIC || head->size != size
        || head->layout != gh_image_layout() || !regions_fit(head)
        || head->checksum != gh_image_checksum(base, size))
    {
        return GH_INVALID;
    }

    gh_image_attach(base, out);

    if ((head->plan_default != GH_IMAGE_ABSENT
         && head->plan_default >= out->n_plans)
        || (head->plan_anonymous != GH_IMAGE_ABSENT
            && head->plan_anonymous >= out->n_plans)
        || (deep && !gh_image_check(out)))
    {
        memset(out, 0, sizeof(*out));
        return GH_INVALID;
    }

    return GH_OK;
}


static bool
regions_fit(const gh_image_head_t *head)
{
    for (unsigned i = 0; i < GH_IMAGE_REGIONS; i++) {
        gh_span_t span = head->regions[i];
        uint64_t end = span.off + (uint64_t) span.n * record_sizes[i];

        if (span.off < sizeof(*head) || span.off % 8 != 0 || end > head->size)
        {
            return false;
        }

        /* slots are found by a mask */
        if (i >= GH_IMAGE_PLAN_SLOTS && (span.n & (span.n - 1)) != 0) {
            return false;
        }
    }

    return true;
}


void
gh_image_attach(const void *base, gh_image_t *out)
{
    const gh_image_head_t *head = base;

    *out = (gh_image_t){
        .base = base,
        .size = (size_t) head->size,
        .generation = head->generation,
        .compiled_at_s = head->compiled_at_s,
        .n_plans = head->regions[GH_IMAGE_PLANS].n,
        .n_consumers = head->regions[GH_IMAGE_CONSUMERS].n,
        .n_keys = head->regions[GH_IMAGE_KEYS].n,
        .n_tokens = head->regions[GH_IMAGE_TOKENS].n,
        .n_signatures = head->regions[GH_IMAGE_SIGNATURES].n,
        .n_services = head->regions[GH_IMAGE_SERVICES].n,
        .n_versions = head->regions[GH_IMAGE_VERSIONS].n,
        .n_deployments = head->regions[GH_IMAGE_DEPLOYMENTS].n,
        .plan_default = head->plan_default,
        .plan_anonymous = head->plan_anonymous,
        .header = head,
    };
}


/*
 * Four lanes of words, so that it runs as fast as memory. Each step is
 * one-to-one in the lane and in the word: damage of a single word is always
 * seen. It finds accidents; owner and mode of the file keep enemies out.
 */
uint64_t
gh_image_checksum(const void *base, size_t size)
{
    const size_t begin = offsetof(gh_image_head_t, checksum) + 8;
    const char *at = (const char *) base + begin;
    size_t left = size - begin;
    uint64_t words[4];
    uint64_t lanes[4] = { size, 1, 2, 3 };

    while (left >= sizeof(words)) {
        memcpy(words, at, sizeof(words));
        lanes[0] = mix(lanes[0], words[0]);
        lanes[1] = mix(lanes[1], words[1]);
        lanes[2] = mix(lanes[2], words[2]);
        lanes[3] = mix(lanes[3], words[3]);
        at += sizeof(words);
        left -= sizeof(words);
    }

    memset(words, 0, sizeof(words));
    memcpy(words, at, left);

    uint64_t h = GH_IMAGE_MAGIC;

    for (unsigned i = 0; i < 4; i++) {
        h = mix(h, mix(lanes[i], words[i]));
    }

    return h;
}


static uint64_t
mix(uint64_t lane, uint64_t word)
{
    lane = (lane ^ word) * UINT64_C(0xff51afd7ed558ccd);

    return lane ^ lane >> 29;
}
