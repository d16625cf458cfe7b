/*
 * The lists of a part and their memory.
 */

#include "gh_policy_part.h"


static bool resize(gh_policy_list_t *list, const gh_alloc_t *a, uint32_t cap);


static const uint32_t sizes[GH_POLICY_LISTS] = {
    [GH_POLICY_PLANS] = sizeof(gh_policy_plan_t),
    [GH_POLICY_LIMITS] = sizeof(gh_image_limit_t),
    [GH_POLICY_ALLOWED] = sizeof(gh_policy_named_t),
    [GH_POLICY_CONSUMERS] = sizeof(gh_policy_consumer_t),
    [GH_POLICY_REFS] = sizeof(gh_ref_t),
    [GH_POLICY_KEYS] = sizeof(gh_policy_key_t),
    [GH_POLICY_TOKENS] = sizeof(gh_policy_token_t),
    [GH_POLICY_SIGNATURES] = sizeof(gh_policy_signature_t),
    [GH_POLICY_SERVICES] = sizeof(gh_policy_service_t),
    [GH_POLICY_VERSION_FROMS] = sizeof(gh_image_version_from_t),
    [GH_POLICY_VERSIONS] = sizeof(gh_policy_version_t),
    [GH_POLICY_DEPLOYMENTS] = sizeof(gh_policy_deployment_t),
    [GH_POLICY_REQUIRED] = sizeof(gh_policy_named_t),
    [GH_POLICY_POOL] = sizeof(char),
};


void
gh_policy_part_init(gh_policy_part_t *part)
{
    memset(part, 0, sizeof(*part));

    for (unsigned i = 0; i < GH_POLICY_LISTS; i++) {
        part->lists[i].size = sizes[i];
    }
}


void
gh_policy_part_clear(gh_policy_part_t *part, const gh_alloc_t *a)
{
    for (unsigned i = 0; i < GH_POLICY_LISTS; i++) {
        gh_policy_list_free(&part->lists[i], a);
    }
}


gh_rc_t
gh_policy_part_trim(gh_policy_part_t *part, const gh_alloc_t *a)
{
    for (unsigned i = 0; i < GH_POLICY_LISTS; i++) {
        gh_policy_list_t *list = &part->lists[i];

        if (list->n < list->cap && !resize(list, a, list->n)) {
            return GH_NOMEM;
        }
    }

    return GH_OK;
}


void *
gh_policy_list_add(gh_policy_list_t *list, const gh_alloc_t *a,
                   const void *items, uint32_t n)
{
    if (n > UINT32_MAX / 4 - list->n) {
        return NULL;
    }

    if (list->n + n > list->cap) {
        uint32_t cap = list->cap < 8 ? 8 : list->cap * 2;

        if (!resize(list, a, cap < list->n + n ? list->n + n : cap)) {
            return NULL;
        }
    }

    char *first = (char *) list->items + (size_t) list->n * list->size;

    if (items == NULL) {
        memset(first, 0, (size_t) n * list->size);

    } else {
        memcpy(first, items, (size_t) n * list->size);
    }

    list->n += n;
    return first;
}


static bool
resize(gh_policy_list_t *list, const gh_alloc_t *a, uint32_t cap)
{
    void *items = NULL;

    if (cap > 0) {
        items = a->alloc(a->ctx, (size_t) cap * list->size);
        if (items == NULL) {
            return false;
        }

        if (list->n > 0) {
            memcpy(items, list->items, (size_t) list->n * list->size);
        }
    }

    a->free(a->ctx, list->items);
    list->items = items;
    list->cap = cap;

    return true;
}


void
gh_policy_list_free(gh_policy_list_t *list, const gh_alloc_t *a)
{
    a->free(a->ctx, list->items);
    list->items = NULL;
    list->n = 0;
    list->cap = 0;
}


void *
gh_policy_part_at(const gh_policy_part_t *part, gh_policy_kind_t kind,
                  uint32_t i)
{
    const gh_policy_list_t *list = &part->lists[kind];

    return (char *) list->items + (size_t) i * list->size;
}


gh_str_t
gh_policy_part_str(const gh_policy_part_t *part, gh_ref_t ref)
{
    if (ref.len == 0) {
        return GH_STR("");
    }

    return (gh_str_t){
        (const char *) part->lists[GH_POLICY_POOL].items + ref.off, ref.len
    };
}
