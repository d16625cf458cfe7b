/*
 * Enters every name into its hash table, once: who declares it a second time
 * is told where the first is.
 */

#include "gh_policy_link.h"

#include <stdarg.h>
#include <stdio.h>


/* Room for what gh_image_wanted_t borrows. */
typedef struct {
    gh_image_wanted_t wanted;
    gh_str_t values[GH_IMAGE_CLAIMS_MAX];
    gh_str_t shown; /* in the complaint */
    uint64_t hash;
    bool is_any; /* false: there is nothing to enter */
} wanted_t;

/* What a record is known by, and what to say when two are alike. */
typedef struct {
    gh_image_region_t slots;
    gh_policy_kind_t kind;
    /* False: there is nothing to enter. */
    bool (*want)(const gh_image_t *im, const void *record, wanted_t *w);
    gh_policy_place_t (*place)(const void *part_record);
    const char *what;
    const char *twice;
} table_t;


#define STEP 8 /* records, from one access to memory to the next */
#define RING (4 * STEP)


static void enter_records(gh_policy_link_t *l, const table_t *table);
static void enter_versions(gh_policy_link_t *l);
static void enter_issuers(gh_policy_link_t *l);
static void enter_begin(const gh_policy_link_t *l, const table_t *table,
                        wanted_t *w, uint32_t i);
static void enter_end(gh_policy_link_t *l, const table_t *table,
                      const wanted_t *w, uint32_t i);
static uint32_t enter(gh_policy_link_t *l, gh_image_region_t slots,
                      const gh_image_wanted_t *wanted, uint64_t hash,
                      uint32_t i);
static void complain_twice(gh_policy_link_t *l, const table_t *table,
                           const wanted_t *w, uint32_t first, uint32_t second);
static uint32_t file_of(const gh_policy_link_t *l, gh_policy_kind_t kind,
                        uint32_t number);
static bool want_plan(const gh_image_t *im, const void *record, wanted_t *w);
static bool want_consumer(const gh_image_t *im, const void *record,
                          wanted_t *w);
static bool want_service(const gh_image_t *im, const void *record,
                         wanted_t *w);
static bool want_key(const gh_image_t *im, const void *record, wanted_t *w);
static bool want_key_id(const gh_image_t *im, const void *record, wanted_t *w);
static bool want_signature(const gh_image_t *im, const void *record,
                           wanted_t *w);
static bool want_token(const gh_image_t *im, const void *record, wanted_t *w);
static gh_policy_place_t place_plan(const void *record);
static gh_policy_place_t place_consumer(const void *record);
static gh_policy_place_t place_service(const void *record);
static gh_policy_place_t place_key(const void *record);
static gh_policy_place_t place_signature(const void *record);
static gh_policy_place_t place_token(const void *record);


static const table_t tables[] = {
    { GH_IMAGE_PLAN_SLOTS, GH_POLICY_PLANS, want_plan, place_plan, "plan",
      "is declared twice" },
    { GH_IMAGE_CONSUMER_SLOTS, GH_POLICY_CONSUMERS, want_consumer,
      place_consumer, "consumer", "is declared twice" },
    { GH_IMAGE_SERVICE_SLOTS, GH_POLICY_SERVICES, want_service, place_service,
      "service", "is declared twice" },
    { GH_IMAGE_KEY_ID_SLOTS, GH_POLICY_KEYS, want_key_id, place_key, "API key",
      "is declared twice" },
    { GH_IMAGE_KEY_SLOTS, GH_POLICY_KEYS, want_key, place_key, "API key",
      "has the hash of another key" },
    { GH_IMAGE_SIGNATURE_SLOTS, GH_POLICY_SIGNATURES, want_signature,
      place_signature, "keyid", "is declared twice" },
    { GH_IMAGE_TOKEN_SLOTS, GH_POLICY_TOKENS, want_token, place_token,
      "consumer", "is known by the same claims as another token" },
};


void
gh_policy_link_names(gh_policy_link_t *l)
{
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        enter_records(l, &tables[i]);
    }

    enter_versions(l);
    enter_issuers(l);
}


/* A table of a million is far larger than a cache, and so are its records:
 * nearly all of the time would be spent waiting for memory. */
static void
enter_records(gh_policy_link_t *l, const table_t *table)
{
    uint32_t n = gh_image_count(&l->im, gh_image_slots_of(table->slots));
    wanted_t ring[RING];

    memset(ring, 0, sizeof(ring));

    for (uint64_t i = 0; i < (uint64_t) n + 2 * STEP; i++) {
        if (i < n) {
            enter_begin(l, table, &ring[i % RING], (uint32_t) i);
        }

        if (i >= STEP && i - STEP < n && ring[(i - STEP) % RING].is_any) {
            gh_image_fetch_record(&l->im, table->slots,
                                  ring[(i - STEP) % RING].hash);
        }

        if (i >= 2 * STEP && ring[(i - 2 * STEP) % RING].is_any) {
            enter_end(l, table, &ring[(i - 2 * STEP) % RING],
                      (uint32_t) (i - 2 * STEP));
        }
    }
}


static void
enter_begin(const gh_policy_link_t *l, const table_t *table, wanted_t *w,
            uint32_t i)
{
    gh_image_region_t records = gh_image_slots_of(table->slots);

    w->wanted = (gh_image_wanted_t){ .values = w->values };
    w->is_any = table->want(&l->im, gh_image_record(&l->im, records, i), w);

    if (w->is_any) {
        w->hash = gh_image_hash(&l->im, table->slots, &w->wanted);
        gh_image_fetch_slot(&l->im, table->slots, w->hash);
    }
}


static void
enter_end(gh_policy_link_t *l, const table_t *table, const wanted_t *w,
          uint32_t i)
{
    uint32_t other = enter(l, table->slots, &w->wanted, w->hash, i);

    if (other != GH_IMAGE_ABSENT) {
        complain_twice(l, table, w, other, i);
    }
}


/* Twice in one service has been refused when the file was read. */
static void
enter_versions(gh_policy_link_t *l)
{
    for (uint32_t s = 0; s < l->im.n_services; s++) {
        const gh_image_service_t *service = gh_image_service_at(&l->im, s);
        const gh_image_version_t *versions =
            gh_image_at(&l->im, service->versions);

        for (uint32_t i = 0; i < service->versions.n; i++) {
            gh_image_wanted_t wanted = {
                .name = gh_image_str(&l->im, versions[i].name), .within = s
            };

            (void) enter(
                l, GH_IMAGE_VERSION_SLOTS, &wanted,
                gh_image_hash(&l->im, GH_IMAGE_VERSION_SLOTS, &wanted),
                versions[i].index);
        }
    }
}


static void
enter_issuers(gh_policy_link_t *l)
{
    for (uint32_t i = 0; i < l->issuers.n; i++) {
        const gh_image_issuer_t *issuer =
            gh_image_record(&l->im, GH_IMAGE_ISSUERS, i);
        gh_image_wanted_t wanted = { .name =
                                         gh_image_str(&l->im, issuer->name) };

        (void) enter(l, GH_IMAGE_ISSUER_SLOTS, &wanted,
                     gh_image_hash(&l->im, GH_IMAGE_ISSUER_SLOTS, &wanted), i);
    }
}


/* The record that is there already, or GH_IMAGE_ABSENT. */
static uint32_t
enter(gh_policy_link_t *l, gh_image_region_t slots,
      const gh_image_wanted_t *wanted, uint64_t hash, uint32_t i)
{
    const gh_image_head_t *head = l->im.header;
    uint32_t free_slot = GH_IMAGE_ABSENT;
    uint32_t other =
        gh_image_find_hash(&l->im, slots, wanted, hash, &free_slot);

    if (other == GH_IMAGE_ABSENT) {
        memcpy(l->image + head->regions[slots].off
                   + (size_t) free_slot * sizeof(i),
               &i, sizeof(i));
    }

    return other;
}


static void
complain_twice(gh_policy_link_t *l, const table_t *table, const wanted_t *w,
               uint32_t first, uint32_t second)
{
    uint32_t first_file = file_of(l, table->kind, first);
    uint32_t second_file = file_of(l, table->kind, second);
    gh_policy_place_t at = table->place(
        gh_policy_link_at(l, first_file, table->kind,
                          first - l->bases[first_file].first[table->kind]));
    gh_policy_place_t here = table->place(
        gh_policy_link_at(l, second_file, table->kind,
                          second - l->bases[second_file].first[table->kind]));
    gh_policy_path_t path =
        gh_policy_path(gh_policy_set_at(l->set, first_file)->path);

    gh_policy_link_complain(l, second_file, here,
                            "%s \"%s\" %s; the first is at %s:%u:%u",
                            table->what, gh_policy_word(w->shown).text,
                            table->twice, path.text, at.line, at.column);
}


/* The last file that begins at or before the record and has any. */
static uint32_t
file_of(const gh_policy_link_t *l, gh_policy_kind_t kind, uint32_t number)
{
    uint32_t low = 0, high = l->set->files.n;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (l->bases[middle].first[kind] <= number) {
            low = middle;

        } else {
            high = middle;
        }
    }

    return low;
}


static bool
want_plan(const gh_image_t *im, const void *record, wanted_t *w)
{
    const gh_image_plan_t *plan = record;

    w->wanted.name = w->shown = gh_image_str(im, plan->name);
    return w->shown.len > 0;
}


static bool
want_consumer(const gh_image_t *im, const void *record, wanted_t *w)
{
    const gh_image_consumer_t *consumer = record;

    w->wanted.name = w->shown = gh_image_str(im, consumer->name);
    return w->shown.len > 0;
}


static bool
want_service(const gh_image_t *im, const void *record, wanted_t *w)
{
    const gh_image_service_t *service = record;

    w->wanted.name = w->shown = gh_image_str(im, service->name);
    return w->shown.len > 0;
}


/* A hash of zeros stands for one that could not be read. */
static bool
want_key(const gh_image_t *im, const void *record, wanted_t *w)
{
    static const uint8_t none[GH_SHA256_LEN];
    const gh_image_key_t *key = record;

    w->wanted.hash = key->hash;
    w->shown = gh_image_str(im, key->id);
    return memcmp(key->hash, none, sizeof(none)) != 0;
}


static bool
want_key_id(const gh_image_t *im, const void *record, wanted_t *w)
{
    const gh_image_key_t *key = record;

    w->wanted.name = w->shown = gh_image_str(im, key->id);
    return w->shown.len > 0;
}


static bool
want_signature(const gh_image_t *im, const void *record, wanted_t *w)
{
    const gh_image_signature_t *signature = record;

    w->wanted.name = w->shown = gh_image_str(im, signature->keyid);
    return w->shown.len > 0;
}


static bool
want_token(const gh_image_t *im, const void *record, wanted_t *w)
{
    const gh_image_token_t *token = record;
    const gh_ref_t *claims = gh_image_at(im, token->claims);

    if (token->shape == GH_IMAGE_ABSENT) {
        return false;
    }

    w->wanted.within = token->shape;
    w->wanted.n = token->claims.n;

    for (uint32_t i = 0; i < token->claims.n; i++) {
        w->values[i] = gh_image_str(im, claims[2 * i + 1]);
    }

    w->shown =
        gh_image_str(im, gh_image_consumer_at(im, token->consumer)->name);
    return true;
}


static gh_policy_place_t
place_plan(const void *record)
{
    const gh_policy_plan_t *plan = record;

    return plan->place;
}


static gh_policy_place_t
place_consumer(const void *record)
{
    const gh_policy_consumer_t *consumer = record;

    return consumer->place;
}


static gh_policy_place_t
place_service(const void *record)
{
    const gh_policy_service_t *service = record;

    return service->place;
}


static gh_policy_place_t
place_key(const void *record)
{
    const gh_policy_key_t *key = record;

    return key->place;
}


static gh_policy_place_t
place_signature(const void *record)
{
    const gh_policy_signature_t *signature = record;

    return signature->place;
}


static gh_policy_place_t
place_token(const void *record)
{
    const gh_policy_token_t *token = record;

    return token->place;
}
