/*
 * Looks at every record of a part that came back from outside: what refers
 * to bytes or records must stay within the part, and what linking counts on
 * must hold. What a value may be is the image's to judge.
 */

#include "gh_policy_part.h"


typedef bool (*check_pt)(const gh_policy_part_t *part, const void *record);


static bool is_text(const gh_policy_part_t *part, gh_ref_t ref);
static bool span_fits(const gh_policy_part_t *part, gh_policy_kind_t kind,
                      gh_span_t span);
static bool versions_fit(const gh_policy_part_t *part);
static bool is_consumer(const gh_policy_part_t *part, uint32_t i);
static bool check_plan(const gh_policy_part_t *part, const void *record);
static bool check_limit(const gh_policy_part_t *part, const void *record);
static bool check_named(const gh_policy_part_t *part, const void *record);
static bool check_consumer(const gh_policy_part_t *part, const void *record);
static bool check_ref(const gh_policy_part_t *part, const void *record);
static bool check_key(const gh_policy_part_t *part, const void *record);
static bool check_token(const gh_policy_part_t *part, const void *record);
static bool check_signature(const gh_policy_part_t *part, const void *record);
static bool check_service(const gh_policy_part_t *part, const void *record);
static bool check_version_from(const gh_policy_part_t *part,
                               const void *record);
static bool check_version(const gh_policy_part_t *part, const void *record);
static bool check_deployment(const gh_policy_part_t *part, const void *record);


static const check_pt checks[GH_POLICY_LISTS] = {
    [GH_POLICY_PLANS] = check_plan,
    [GH_POLICY_LIMITS] = check_limit,
    [GH_POLICY_ALLOWED] = check_named,
    [GH_POLICY_CONSUMERS] = check_consumer,
    [GH_POLICY_REFS] = check_ref,
    [GH_POLICY_KEYS] = check_key,
    [GH_POLICY_TOKENS] = check_token,
    [GH_POLICY_SIGNATURES] = check_signature,
    [GH_POLICY_SERVICES] = check_service,
    [GH_POLICY_VERSION_FROMS] = check_version_from,
    [GH_POLICY_VERSIONS] = check_version,
    [GH_POLICY_DEPLOYMENTS] = check_deployment,
    [GH_POLICY_REQUIRED] = check_named,
    [GH_POLICY_POOL] = NULL,
};


bool
gh_policy_part_check(const gh_policy_part_t *part)
{
    for (unsigned kind = 0; kind < GH_POLICY_LISTS; kind++) {
        uint32_t n = checks[kind] == NULL ? 0 : part->lists[kind].n;

        for (uint32_t i = 0; i < n; i++) {
            if (!checks[kind](part, gh_policy_part_at(part, kind, i))) {
                return false;
            }
        }
    }

    return versions_fit(part);
}


static bool
is_text(const gh_policy_part_t *part, gh_ref_t ref)
{
    return (uint64_t) ref.off + ref.len <= part->lists[GH_POLICY_POOL].n;
}


static bool
span_fits(const gh_policy_part_t *part, gh_policy_kind_t kind, gh_span_t span)
{
    return (uint64_t) span.off + span.n <= part->lists[kind].n;
}


/* Each is entered into a hash table that has room for one entry of each. */
static bool
versions_fit(const gh_policy_part_t *part)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < part->lists[GH_POLICY_SERVICES].n; i++) {
        const gh_policy_service_t *service =
            gh_policy_part_at(part, GH_POLICY_SERVICES, i);

        n += service->image.versions.n;
    }

    return n <= part->lists[GH_POLICY_VERSIONS].n;
}


static bool
is_consumer(const gh_policy_part_t *part, uint32_t i)
{
    return i < part->lists[GH_POLICY_CONSUMERS].n;
}


static bool
check_plan(const gh_policy_part_t *part, const void *record)
{
    const gh_policy_plan_t *plan = record;

    return is_text(part, plan->image.name)
           && span_fits(part, GH_POLICY_LIMITS, plan->image.limits)
           && span_fits(part, GH_POLICY_ALLOWED, plan->image.services);
}


static bool
check_limit(const gh_policy_part_t *part, const void *record)
{
    const gh_image_limit_t *limit = record;

    return is_text(part, limit->name);
}


static bool
check_named(const gh_policy_part_t *part, const void *record)
{
    const gh_policy_named_t *named = record;

    return is_text(part, named->name);
}


static bool
check_consumer(const gh_policy_part_t *part, const void *record)
{
    const gh_policy_consumer_t *consumer = record;

    return is_text(part, consumer->image.name)
           && is_text(part, consumer->image.display_name)
           && is_text(part, consumer->image.email)
           && is_text(part, consumer->plan.name)
           && span_fits(part, GH_POLICY_REFS, consumer->image.groups)
           && span_fits(part, GH_POLICY_REFS, consumer->image.scopes);
}


static bool
check_ref(const gh_policy_part_t *part, const void *record)
{
    const gh_ref_t *ref = record;

    return is_text(part, *ref);
}


static bool
check_key(const gh_policy_part_t *part, const void *record)
{
    const gh_policy_key_t *key = record;

    return is_text(part, key->image.id)
           && is_consumer(part, key->image.consumer);
}


/* A span of pairs. */
static bool
check_token(const gh_policy_part_t *part, const void *record)
{
    const gh_policy_token_t *token = record;
    gh_span_t refs = { token->image.claims.off, 2 * token->image.claims.n };

    return is_text(part, token->image.issuer)
           && token->image.claims.n <= GH_IMAGE_CLAIMS_MAX
           && span_fits(part, GH_POLICY_REFS, refs)
           && is_consumer(part, token->image.consumer);
}


static bool
check_signature(const gh_policy_part_t *part, const void *record)
{
    const gh_policy_signature_t *signature = record;

    return is_text(part, signature->image.keyid)
           && is_text(part, signature->image.algorithm)
           && is_text(part, signature->image.key)
           && is_consumer(part, signature->image.consumer);
}


static bool
check_service(const gh_policy_part_t *part, const void *record)
{
    const gh_policy_service_t *service = record;

    return is_text(part, service->image.name)
           && is_text(part, service->image.access)
           && span_fits(part, GH_POLICY_VERSION_FROMS,
                        service->image.version_from)
           && span_fits(part, GH_POLICY_VERSIONS, service->image.versions);
}


static bool
check_version_from(const gh_policy_part_t *part, const void *record)
{
    const gh_image_version_from_t *version_from = record;

    return is_text(part, version_from->header);
}


static bool
check_version(const gh_policy_part_t *part, const void *record)
{
    const gh_policy_version_t *version = record;

    return is_text(part, version->image.name)
           && is_text(part, version->image.successor)
           && is_text(part, version->image.link)
           && span_fits(part, GH_POLICY_DEPLOYMENTS,
                        version->image.deployments);
}


static bool
check_deployment(const gh_policy_part_t *part, const void *record)
{
    const gh_policy_deployment_t *deployment = record;

    return is_text(part, deployment->image.name)
           && is_text(part, deployment->image.upstream);
}
