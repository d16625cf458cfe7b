/*
 * Compiles a set into an image: counts, lays out, moves, links, seals.
 */

#include "gh_policy_link.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>


typedef struct {
    uint64_t generation;
    int64_t now_s;
    const uint8_t *sip;
} seal_t;


static void report_broken(gh_policy_link_t *l);
static void count(gh_policy_link_t *l);
static void lay_out(gh_policy_link_t *l, const seal_t *seal);
static uint64_t records_of(const gh_policy_link_t *l,
                           gh_image_region_t region);
static uint64_t slots_for(uint64_t records);
static void seal_image(gh_policy_link_t *l);
static void release(gh_policy_link_t *l);


static const gh_policy_env_t knows_nothing;

/* Where the number of a region's records comes from. */
static const gh_policy_kind_t kinds[] = {
    [GH_IMAGE_PLANS] = GH_POLICY_PLANS,
    [GH_IMAGE_LIMITS] = GH_POLICY_LIMITS,
    [GH_IMAGE_ALLOWED] = GH_POLICY_ALLOWED,
    [GH_IMAGE_CONSUMERS] = GH_POLICY_CONSUMERS,
    [GH_IMAGE_REFS] = GH_POLICY_REFS,
    [GH_IMAGE_KEYS] = GH_POLICY_KEYS,
    [GH_IMAGE_TOKENS] = GH_POLICY_TOKENS,
    [GH_IMAGE_ISSUERS] = GH_POLICY_LISTS,
    [GH_IMAGE_SHAPES] = GH_POLICY_LISTS,
    [GH_IMAGE_SIGNATURES] = GH_POLICY_SIGNATURES,
    [GH_IMAGE_SERVICES] = GH_POLICY_SERVICES,
    [GH_IMAGE_VERSION_FROMS] = GH_POLICY_VERSION_FROMS,
    [GH_IMAGE_VERSIONS] = GH_POLICY_VERSIONS,
    [GH_IMAGE_DEPLOYMENTS] = GH_POLICY_DEPLOYMENTS,
    [GH_IMAGE_POOL] = GH_POLICY_POOL,
};


gh_rc_t
gh_policy_set_compile(gh_policy_set_t *set, const gh_policy_env_t *env,
                      uint64_t generation, int64_t now_s,
                      const uint8_t sip[16], gh_str_t *image,
                      gh_policy_errors_t *errors)
{
    seal_t seal = { generation, now_s, sip };
    gh_policy_link_t l = {
        .a = set->a,
        .set = set,
        .env = env == NULL ? &knows_nothing : env,
        .errors = errors,
        .issuers.size = sizeof(gh_policy_issuer_t),
        .shapes.size = sizeof(gh_policy_token_shape_t),
        .token_shapes.size = sizeof(uint32_t),
        .secret_refs.size = sizeof(gh_ref_t),
    };

    *image = (gh_str_t){ NULL, 0 };

    report_broken(&l);
    count(&l);
    gh_policy_link_tokens(&l);
    gh_policy_link_secrets(&l);
    lay_out(&l, &seal);

    if (l.image != NULL) {
        gh_policy_move(&l);
        gh_policy_link_names(&l);
        gh_policy_link_references(&l);
    }

    if (l.image != NULL && l.rc == GH_OK && !l.complained) {
        seal_image(&l);
        *image = (gh_str_t){ l.image, l.im.size };
        l.image = NULL;
    }

    release(&l);

    if (l.rc != GH_OK) {
        return l.rc;
    }

    return l.complained ? GH_INVALID : GH_OK;
}


static void
report_broken(gh_policy_link_t *l)
{
    for (uint32_t f = 0; f < l->set->files.n; f++) {
        const gh_policy_source_t *file = gh_policy_set_at(l->set, f);

        if (file->broken) {
            l->complained = true;
            gh_policy_file_errors(file, l->errors);
        }

        if (file->part.incomplete) {
            l->incomplete = true;
        }
    }
}


static void
count(gh_policy_link_t *l)
{
    size_t size = (l->set->files.n + (size_t) 1) * sizeof(gh_policy_base_t);

    l->bases = l->a->alloc(l->a->ctx, size);
    if (l->bases == NULL) {
        l->rc = GH_NOMEM;
        return;
    }

    for (uint32_t f = 0; f < l->set->files.n; f++) {
        for (unsigned kind = 0; kind < GH_POLICY_LISTS; kind++) {
            /* beyond 32 bits the image is refused before this is used */
            l->bases[f].first[kind] = (uint32_t) l->totals[kind];
            l->totals[kind] += gh_policy_link_n(l, f, kind);
        }
    }
}


static void
lay_out(gh_policy_link_t *l, const seal_t *seal)
{
    gh_image_head_t head = {
        .magic = GH_IMAGE_MAGIC,
        .size = sizeof(head),
        .layout = gh_image_layout(),
        .generation = seal->generation,
        .compiled_at_s = seal->now_s,
        .plan_default = GH_IMAGE_ABSENT,
        .plan_anonymous = GH_IMAGE_ABSENT,
    };

    memcpy(&head.sip, seal->sip, sizeof(head.sip));

    for (unsigned r = 0; r < GH_IMAGE_REGIONS; r++) {
        uint64_t n = records_of(l, r);

        head.regions[r] = (gh_span_t){ (uint32_t) head.size, (uint32_t) n };
        head.size += (n * gh_image_record_size(r) + 7) / 8 * 8;
    }

    if (head.size > UINT32_MAX) {
        gh_policy_link_complain(l, GH_IMAGE_ABSENT,
                                (gh_policy_place_t){ 0, 0 },
                                "the compiled policies would be larger than "
                                "4 GiB");
        return;
    }

    if (l->rc != GH_OK) {
        return;
    }

    l->image = l->a->alloc(l->a->ctx, (size_t) head.size);
    if (l->image == NULL) {
        l->rc = GH_NOMEM;
        return;
    }

    uint32_t slots = head.regions[GH_IMAGE_PLAN_SLOTS].off;

    memset(l->image, 0, slots);
    memset(l->image + slots, 0xff, (size_t) head.size - slots);
    memcpy(l->image, &head, sizeof(head));
    gh_image_attach(l->image, &l->im);
}


static uint64_t
records_of(const gh_policy_link_t *l, gh_image_region_t region)
{
    if (region >= GH_IMAGE_PLAN_SLOTS) {
        return slots_for(records_of(l, gh_image_slots_of(region)));
    }

    if (region == GH_IMAGE_ISSUERS) {
        return l->issuers.n;
    }

    if (region == GH_IMAGE_SHAPES) {
        return l->shapes.n;
    }

    uint64_t n = l->totals[kinds[region]];

    return region == GH_IMAGE_POOL ? n + l->secrets_len : n;
}


/* At most half of them are used, so that a probe is short. */
static uint64_t
slots_for(uint64_t records)
{
    uint64_t n = records == 0 ? 0 : 2;

    while (n < records * 2) {
        n *= 2;
    }

    return n;
}


static void
seal_image(gh_policy_link_t *l)
{
    gh_image_head_t *head = (gh_image_head_t *) (void *) l->image;
    gh_image_wanted_t by_default = { .name = GH_STR("default") };
    gh_image_wanted_t anonymous = { .name = GH_STR("anonymous") };

    head->plan_default =
        gh_image_find(&l->im, GH_IMAGE_PLAN_SLOTS, &by_default, NULL);
    head->plan_anonymous =
        gh_image_find(&l->im, GH_IMAGE_PLAN_SLOTS, &anonymous, NULL);

    head->checksum = gh_image_checksum(l->image, l->im.size);
}


static void
release(gh_policy_link_t *l)
{
    if (l->image != NULL) {
        const gh_image_head_t *head = l->im.header;
        size_t secrets = head->regions[GH_IMAGE_POOL].off
                         + (size_t) l->totals[GH_POLICY_POOL];

        OPENSSL_cleanse(l->image + secrets, l->secrets_len);
        l->a->free(l->a->ctx, l->image);
    }

    gh_policy_secrets_release(l);
    gh_policy_list_free(&l->issuers, l->a);
    gh_policy_list_free(&l->shapes, l->a);
    gh_policy_list_free(&l->token_shapes, l->a);
    gh_policy_list_free(&l->secret_refs, l->a);
    l->a->free(l->a->ctx, l->bases);
}


const gh_policy_part_t *
gh_policy_link_part(const gh_policy_link_t *l, uint32_t file)
{
    return &gh_policy_set_at(l->set, file)->part;
}


uint32_t
gh_policy_link_n(const gh_policy_link_t *l, uint32_t file,
                 gh_policy_kind_t kind)
{
    return gh_policy_link_part(l, file)->lists[kind].n;
}


const void *
gh_policy_link_at(const gh_policy_link_t *l, uint32_t file,
                  gh_policy_kind_t kind, uint32_t i)
{
    return gh_policy_part_at(gh_policy_link_part(l, file), kind, i);
}


void
gh_policy_link_complain(gh_policy_link_t *l, uint32_t file,
                        gh_policy_place_t place, const char *format, ...)
{
    char message[sizeof(((gh_policy_error_t *) NULL)->message)];
    gh_str_t path = GH_STR("policies");
    va_list args;

    va_start(args, format);
    (void) vsnprintf(message, sizeof(message), format, args);
    va_end(args);

    if (file < l->set->files.n) {
        path = gh_policy_set_at(l->set, file)->path;
    }

    l->complained = true;
    gh_policy_error_add(l->errors, path, place, "%s", message);
}


bool
gh_policy_link_listens(const gh_policy_link_t *l)
{
    return l->errors != NULL && l->errors->n < GH_POLICY_ERRORS_MAX;
}


void
gh_policy_choices_text(gh_policy_choices_t *c, const char *text)
{
    gh_str_t rest = text == NULL ? GH_STR("") : gh_str(text);

    while (rest.len > 0) {
        gh_str_t word = gh_str_trim(gh_str_cut(rest, ',', &rest));

        if (word.len > 0) {
            gh_policy_choice(c, word);
        }
    }
}
