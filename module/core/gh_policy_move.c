/*
 * Moves the records of all parts into the image, where references count
 * from its beginning and numbers through all files.
 */

#include "gh_policy_link.h"


typedef struct {
    gh_policy_link_t *l;
    uint32_t file;
    const uint32_t *first; /* numbers of the file's first records */
} move_t;

typedef void (*move_pt)(const move_t *m, const void *from, void *to,
                        uint32_t number);


static void move_list(const move_t *m, gh_policy_kind_t kind);
static gh_ref_t text(const move_t *m, gh_ref_t ref);
static gh_span_t span(const move_t *m, gh_policy_kind_t kind,
                      gh_span_t within);
static void move_plan(const move_t *m, const void *from, void *to,
                      uint32_t number);
static void move_limit(const move_t *m, const void *from, void *to,
                       uint32_t number);
static void move_consumer(const move_t *m, const void *from, void *to,
                          uint32_t number);
static void move_ref(const move_t *m, const void *from, void *to,
                     uint32_t number);
static void move_key(const move_t *m, const void *from, void *to,
                     uint32_t number);
static void move_token(const move_t *m, const void *from, void *to,
                       uint32_t number);
static void move_signature(const move_t *m, const void *from, void *to,
                           uint32_t number);
static void move_service(const move_t *m, const void *from, void *to,
                         uint32_t number);
static void move_version_from(const move_t *m, const void *from, void *to,
                              uint32_t number);
static void move_version(const move_t *m, const void *from, void *to,
                         uint32_t number);
static void move_deployment(const move_t *m, const void *from, void *to,
                            uint32_t number);
static void move_pool(const move_t *m);
static void add_shapes(gh_policy_link_t *l);
static void add_issuers(gh_policy_link_t *l);
static void add_secrets(gh_policy_link_t *l);
static void *target(const gh_policy_link_t *l, gh_image_region_t region,
                    uint32_t i);
static uint32_t region_off(const gh_policy_link_t *l,
                           gh_image_region_t region);


/* Where lists go; those without a function are bytes, or are linked. */
static const struct {
    gh_image_region_t region;
    move_pt move;
} moves[GH_POLICY_LISTS] = {
    [GH_POLICY_PLANS] = { GH_IMAGE_PLANS, move_plan },
    [GH_POLICY_LIMITS] = { GH_IMAGE_LIMITS, move_limit },
    [GH_POLICY_ALLOWED] = { GH_IMAGE_ALLOWED, NULL },
    [GH_POLICY_CONSUMERS] = { GH_IMAGE_CONSUMERS, move_consumer },
    [GH_POLICY_REFS] = { GH_IMAGE_REFS, move_ref },
    [GH_POLICY_KEYS] = { GH_IMAGE_KEYS, move_key },
    [GH_POLICY_TOKENS] = { GH_IMAGE_TOKENS, move_token },
    [GH_POLICY_SIGNATURES] = { GH_IMAGE_SIGNATURES, move_signature },
    [GH_POLICY_SERVICES] = { GH_IMAGE_SERVICES, move_service },
    [GH_POLICY_VERSION_FROMS] = { GH_IMAGE_VERSION_FROMS, move_version_from },
    [GH_POLICY_VERSIONS] = { GH_IMAGE_VERSIONS, move_version },
    [GH_POLICY_DEPLOYMENTS] = { GH_IMAGE_DEPLOYMENTS, move_deployment },
    [GH_POLICY_REQUIRED] = { GH_IMAGE_REGIONS, NULL },
    [GH_POLICY_POOL] = { GH_IMAGE_POOL, NULL },
};


void
gh_policy_move(gh_policy_link_t *l)
{
    for (uint32_t f = 0; f < l->set->files.n; f++) {
        move_t m = { l, f, l->bases[f].first };

        for (unsigned kind = 0; kind < GH_POLICY_LISTS; kind++) {
            if (moves[kind].move != NULL) {
                move_list(&m, kind);
            }
        }

        move_pool(&m);
    }

    add_shapes(l);
    add_issuers(l);
    add_secrets(l);
}


static void
move_list(const move_t *m, gh_policy_kind_t kind)
{
    uint32_t n = gh_policy_link_n(m->l, m->file, kind);

    for (uint32_t i = 0; i < n; i++) {
        uint32_t number = m->first[kind] + i;

        moves[kind].move(m, gh_policy_link_at(m->l, m->file, kind, i),
                         target(m->l, moves[kind].region, number), number);
    }
}


static void
move_pool(const move_t *m)
{
    const gh_policy_list_t *pool =
        &gh_policy_link_part(m->l, m->file)->lists[GH_POLICY_POOL];

    if (pool->n > 0) {
        memcpy(target(m->l, GH_IMAGE_POOL, m->first[GH_POLICY_POOL]),
               pool->items, pool->n);
    }
}


static void *
target(const gh_policy_link_t *l, gh_image_region_t region, uint32_t i)
{
    return l->image + region_off(l, region)
           + (size_t) i * gh_image_record_size(region);
}


static uint32_t
region_off(const gh_policy_link_t *l, gh_image_region_t region)
{
    const gh_image_head_t *head = l->im.header;

    return head->regions[region].off;
}


static gh_ref_t
text(const move_t *m, gh_ref_t ref)
{
    if (ref.len == 0) {
        return (gh_ref_t){ 0, 0 };
    }

    ref.off += region_off(m->l, GH_IMAGE_POOL) + m->first[GH_POLICY_POOL];

    return ref;
}


static gh_span_t
span(const move_t *m, gh_policy_kind_t kind, gh_span_t within)
{
    gh_image_region_t region = moves[kind].region;

    if (within.n == 0) {
        return (gh_span_t){ 0, 0 };
    }

    within.off =
        region_off(m->l, region)
        + (m->first[kind] + within.off) * gh_image_record_size(region);

    return within;
}


static void
move_plan(const move_t *m, const void *from, void *to, uint32_t number)
{
    const gh_policy_plan_t *part = from;
    gh_image_plan_t *plan = to;

    (void) number;
    *plan = part->image;
    plan->name = text(m, plan->name);
    plan->limits = span(m, GH_POLICY_LIMITS, plan->limits);
    plan->services = span(m, GH_POLICY_ALLOWED, plan->services);
}


static void
move_limit(const move_t *m, const void *from, void *to, uint32_t number)
{
    gh_image_limit_t *limit = to;

    (void) number;
    memcpy(limit, from, sizeof(*limit));
    limit->name = text(m, limit->name);
}


static void
move_consumer(const move_t *m, const void *from, void *to, uint32_t number)
{
    const gh_policy_consumer_t *part = from;
    gh_image_consumer_t *consumer = to;

    (void) number;
    *consumer = part->image;
    consumer->name = text(m, consumer->name);
    consumer->display_name = text(m, consumer->display_name);
    consumer->email = text(m, consumer->email);
    consumer->groups = span(m, GH_POLICY_REFS, consumer->groups);
    consumer->scopes = span(m, GH_POLICY_REFS, consumer->scopes);
}


static void
move_ref(const move_t *m, const void *from, void *to, uint32_t number)
{
    const gh_ref_t *part = from;
    gh_ref_t *ref = to;

    (void) number;
    *ref = text(m, *part);
}


static void
move_key(const move_t *m, const void *from, void *to, uint32_t number)
{
    const gh_policy_key_t *part = from;
    gh_image_key_t *key = to;

    (void) number;
    *key = part->image;
    key->id = text(m, key->id);
    key->consumer += m->first[GH_POLICY_CONSUMERS];
}


static void
move_token(const move_t *m, const void *from, void *to, uint32_t number)
{
    const gh_policy_token_t *part = from;
    const uint32_t *shape_of = m->l->token_shapes.items;
    const gh_policy_token_shape_t *shapes = m->l->shapes.items;
    gh_image_token_t *token = to;

    *token = part->image;
    token->issuer = text(m, token->issuer);
    token->claims = span(m, GH_POLICY_REFS, token->claims);
    token->consumer += m->first[GH_POLICY_CONSUMERS];
    token->shape = GH_IMAGE_ABSENT;

    if (shape_of[number] != GH_IMAGE_ABSENT) {
        token->shape = shapes[shape_of[number]].sorted;
    }
}


static void
move_signature(const move_t *m, const void *from, void *to, uint32_t number)
{
    const gh_policy_signature_t *part = from;
    const gh_ref_t *secret_refs = m->l->secret_refs.items;
    gh_image_signature_t *signature = to;

    *signature = part->image;
    signature->keyid = text(m, signature->keyid);
    signature->algorithm = text(m, signature->algorithm);
    signature->consumer += m->first[GH_POLICY_CONSUMERS];
    signature->key = secret_refs[number];

    if (signature->key.len > 0) {
        signature->key.off += region_off(m->l, GH_IMAGE_POOL)
                              + (uint32_t) m->l->totals[GH_POLICY_POOL];
    }
}


static void
move_service(const move_t *m, const void *from, void *to, uint32_t number)
{
    const gh_policy_service_t *part = from;
    gh_image_service_t *service = to;

    *service = part->image;
    service->name = text(m, service->name);
    service->access = text(m, service->access);
    service->version_from =
        span(m, GH_POLICY_VERSION_FROMS, service->version_from);
    service->versions = span(m, GH_POLICY_VERSIONS, service->versions);
    service->index = number;
}


static void
move_version_from(const move_t *m, const void *from, void *to, uint32_t number)
{
    gh_image_version_from_t *version_from = to;

    (void) number;
    memcpy(version_from, from, sizeof(*version_from));
    version_from->header = text(m, version_from->header);
}


static void
move_version(const move_t *m, const void *from, void *to, uint32_t number)
{
    const gh_policy_version_t *part = from;
    gh_image_version_t *version = to;

    *version = part->image;
    version->name = text(m, version->name);
    version->deployments =
        span(m, GH_POLICY_DEPLOYMENTS, version->deployments);
    version->successor = text(m, version->successor);
    version->link = text(m, version->link);
    version->index = number;
}


static void
move_deployment(const move_t *m, const void *from, void *to, uint32_t number)
{
    const gh_policy_deployment_t *part = from;
    gh_image_deployment_t *deployment = to;

    *deployment = part->image;
    deployment->name = text(m, deployment->name);
    deployment->upstream = text(m, deployment->upstream);
    deployment->index = number;
}


static void
add_shapes(gh_policy_link_t *l)
{
    const gh_policy_token_shape_t *shapes = l->shapes.items;

    for (uint32_t i = 0; i < l->shapes.n; i++) {
        uint32_t token =
            l->bases[shapes[i].file].first[GH_POLICY_TOKENS] + shapes[i].token;
        const gh_image_token_t *first =
            gh_image_record(&l->im, GH_IMAGE_TOKENS, token);
        gh_image_shape_t *shape = target(l, GH_IMAGE_SHAPES, shapes[i].sorted);

        shape->claims = first->claims;
    }
}


/* Shapes are sorted by issuer. The name is that in one of its tokens. */
static void
add_issuers(gh_policy_link_t *l)
{
    const gh_policy_token_shape_t *shapes = l->shapes.items;
    uint32_t size = gh_image_record_size(GH_IMAGE_SHAPES);

    for (uint32_t i = 0; i < l->shapes.n; i++) {
        gh_image_issuer_t *issuer =
            target(l, GH_IMAGE_ISSUERS, shapes[i].issuer);
        uint32_t token =
            l->bases[shapes[i].file].first[GH_POLICY_TOKENS] + shapes[i].token;
        const gh_image_token_t *first =
            gh_image_record(&l->im, GH_IMAGE_TOKENS, token);
        uint32_t off =
            region_off(l, GH_IMAGE_SHAPES) + shapes[i].sorted * size;

        if (issuer->shapes.n == 0 || off < issuer->shapes.off) {
            issuer->shapes.off = off;
        }

        issuer->shapes.n++;
        issuer->name = first->issuer;
    }
}


static void
add_secrets(gh_policy_link_t *l)
{
    if (l->secrets_len > 0) {
        memcpy(target(l, GH_IMAGE_POOL, (uint32_t) l->totals[GH_POLICY_POOL]),
               l->secrets, l->secrets_len);
    }
}
