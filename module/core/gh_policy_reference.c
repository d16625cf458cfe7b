/*
 * What files refer to must be there: plans of consumers, services of plans,
 * consumers in access rules, upstreams of deployments.
 */

#include "gh_policy_link.h"

#include <stdlib.h>


static void link_plans(gh_policy_link_t *l, uint32_t file);
static void link_allowed(gh_policy_link_t *l, uint32_t file);
static void sort_allowed(gh_policy_link_t *l, uint32_t file);
static int by_number(const void *a, const void *b);
static void link_required(gh_policy_link_t *l, uint32_t file);
static void link_upstreams(gh_policy_link_t *l, uint32_t file);
static uint32_t find(gh_policy_link_t *l, uint32_t file,
                     const gh_policy_named_t *named, gh_image_region_t slots);
static void complain_unknown(gh_policy_link_t *l, uint32_t file,
                             const gh_policy_named_t *named,
                             gh_image_region_t slots);
static gh_str_t name_of(const gh_policy_link_t *l, gh_image_region_t region,
                        uint32_t i);
static void set_u32(gh_policy_link_t *l, const uint32_t *where, uint32_t n);


void
gh_policy_link_references(gh_policy_link_t *l)
{
    for (uint32_t f = 0; f < l->set->files.n; f++) {
        link_plans(l, f);
        link_allowed(l, f);
        link_required(l, f);
        link_upstreams(l, f);
    }
}


static void
link_plans(gh_policy_link_t *l, uint32_t file)
{
    uint32_t n = gh_policy_link_n(l, file, GH_POLICY_CONSUMERS);
    uint32_t first = l->bases[file].first[GH_POLICY_CONSUMERS];

    for (uint32_t i = 0; i < n; i++) {
        const gh_policy_consumer_t *part =
            gh_policy_link_at(l, file, GH_POLICY_CONSUMERS, i);

        if (part->plan.name.len > 0) {
            uint32_t plan = find(l, file, &part->plan, GH_IMAGE_PLAN_SLOTS);

            set_u32(l, &gh_image_consumer_at(&l->im, first + i)->plan, plan);
        }
    }
}


/* Numbers of services, in the order of the file, then sorted per plan. */
static void
link_allowed(gh_policy_link_t *l, uint32_t file)
{
    uint32_t n = gh_policy_link_n(l, file, GH_POLICY_ALLOWED);
    uint32_t first = l->bases[file].first[GH_POLICY_ALLOWED];

    for (uint32_t i = 0; i < n; i++) {
        const gh_policy_named_t *named =
            gh_policy_link_at(l, file, GH_POLICY_ALLOWED, i);
        uint32_t service = find(l, file, named, GH_IMAGE_SERVICE_SLOTS);

        set_u32(l, gh_image_record(&l->im, GH_IMAGE_ALLOWED, first + i),
                service);
    }

    sort_allowed(l, file);
}


static void
sort_allowed(gh_policy_link_t *l, uint32_t file)
{
    uint32_t n = gh_policy_link_n(l, file, GH_POLICY_PLANS);
    uint32_t first = l->bases[file].first[GH_POLICY_PLANS];

    for (uint32_t i = 0; i < n; i++) {
        const gh_policy_plan_t *part =
            gh_policy_link_at(l, file, GH_POLICY_PLANS, i);
        const gh_image_plan_t *plan = gh_image_plan(&l->im, first + i);
        uint32_t *services =
            (uint32_t *) (void *) (l->image + plan->services.off);

        if (plan->services.n < 2) {
            continue;
        }

        qsort(services, plan->services.n, sizeof(*services), by_number);

        for (uint32_t j = 1; j < plan->services.n; j++) {
            if (services[j] == services[j - 1]
                && services[j] != GH_IMAGE_ABSENT) {
                gh_str_t name = name_of(l, GH_IMAGE_SERVICES, services[j]);
                gh_str_t whose = gh_image_str(&l->im, plan->name);

                gh_policy_link_complain(
                    l, file, part->place,
                    "plan \"%s\" names the service \"%s\" twice",
                    gh_policy_word(whose).text, gh_policy_word(name).text);
            }
        }
    }
}


static int
by_number(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}


static void
link_required(gh_policy_link_t *l, uint32_t file)
{
    uint32_t n = gh_policy_link_n(l, file, GH_POLICY_REQUIRED);

    for (uint32_t i = 0; i < n; i++) {
        (void) find(l, file, gh_policy_link_at(l, file, GH_POLICY_REQUIRED, i),
                    GH_IMAGE_CONSUMER_SLOTS);
    }
}


static void
link_upstreams(gh_policy_link_t *l, uint32_t file)
{
    const gh_policy_env_t *env = l->env;
    uint32_t n = gh_policy_link_n(l, file, GH_POLICY_DEPLOYMENTS);

    for (uint32_t i = 0; env->upstream_known != NULL && i < n; i++) {
        const gh_policy_deployment_t *part =
            gh_policy_link_at(l, file, GH_POLICY_DEPLOYMENTS, i);
        gh_str_t name = gh_policy_part_str(gh_policy_link_part(l, file),
                                           part->image.upstream);

        if (name.len == 0 || env->upstream_known(env->ctx, name)) {
            continue;
        }

        gh_policy_choices_t choices = { .word = name };

        gh_policy_choices_text(&choices, env->upstreams_text);
        gh_policy_link_complain(l, file, part->upstream_place,
                                "unknown upstream \"%s\"%s",
                                gh_policy_word(name).text,
                                gh_policy_advice(&choices, "upstreams").text);
    }
}


static uint32_t
find(gh_policy_link_t *l, uint32_t file, const gh_policy_named_t *named,
     gh_image_region_t slots)
{
    gh_image_wanted_t wanted = {
        .name = gh_policy_part_str(gh_policy_link_part(l, file), named->name)
    };
    uint32_t found = gh_image_find(&l->im, slots, &wanted, NULL);

    if (found == GH_IMAGE_ABSENT && !l->incomplete) {
        complain_unknown(l, file, named, slots);
    }

    return found;
}


static void
complain_unknown(gh_policy_link_t *l, uint32_t file,
                 const gh_policy_named_t *named, gh_image_region_t slots)
{
    gh_image_region_t region = gh_image_slots_of(slots);
    const char *noun = region == GH_IMAGE_PLANS       ? "plan"
                       : region == GH_IMAGE_CONSUMERS ? "consumer"
                                                      : "service";
    const char *nouns = region == GH_IMAGE_PLANS       ? "plans"
                        : region == GH_IMAGE_CONSUMERS ? "consumers"
                                                       : "services";
    gh_policy_choices_t choices = {
        .word = gh_policy_part_str(gh_policy_link_part(l, file), named->name)
    };
    uint32_t n =
        gh_policy_link_listens(l) ? gh_image_count(&l->im, region) : 0;

    for (uint32_t i = 0; i < n; i++) {
        gh_policy_choice(&choices, name_of(l, region, i));
    }

    gh_policy_link_complain(l, file, named->place, "unknown %s \"%s\"%s", noun,
                            gh_policy_word(choices.word).text,
                            gh_policy_advice(&choices, nouns).text);
}


static gh_str_t
name_of(const gh_policy_link_t *l, gh_image_region_t region, uint32_t i)
{
    /* the name is the first field of each */
    const gh_ref_t *name = gh_image_record(&l->im, region, i);

    return gh_image_str(&l->im, *name);
}


/* The image is ours as long as it is made. */
static void
set_u32(gh_policy_link_t *l, const uint32_t *where, uint32_t n)
{
    size_t off = (size_t) ((const char *) where - l->image);

    memcpy(l->image + off, &n, sizeof(n));
}
