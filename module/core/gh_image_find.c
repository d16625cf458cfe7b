/*
 * The hash tables of an image: what is looked up in which, by what hash, and
 * when a slot holds what is wanted. A probe ends even in a table without a
 * free slot.
 */

#include "gh_image_layout.h"


typedef struct {
    gh_image_region_t records;
    uint64_t (*hash)(const gh_image_t *im, const gh_image_wanted_t *wanted);
    bool (*same)(const gh_image_t *im, uint32_t i,
                 const gh_image_wanted_t *wanted);
} table_t;


static inline uint32_t probe(const gh_image_t *im, gh_image_region_t slots,
                             const gh_image_wanted_t *wanted, uint64_t hash,
                             uint32_t *free_slot);
static const gh_image_head_t *head_of(const gh_image_t *im);
static uint64_t hash_name(const gh_image_t *im,
                          const gh_image_wanted_t *wanted);
static uint64_t hash_key(const gh_image_t *im,
                         const gh_image_wanted_t *wanted);
static uint64_t hash_version(const gh_image_t *im,
                             const gh_image_wanted_t *wanted);
static uint64_t hash_token(const gh_image_t *im,
                           const gh_image_wanted_t *wanted);
static bool same_plan(const gh_image_t *im, uint32_t i,
                      const gh_image_wanted_t *wanted);
static bool same_consumer(const gh_image_t *im, uint32_t i,
                          const gh_image_wanted_t *wanted);
static bool same_key(const gh_image_t *im, uint32_t i,
                     const gh_image_wanted_t *wanted);
static bool same_key_id(const gh_image_t *im, uint32_t i,
                        const gh_image_wanted_t *wanted);
static bool same_token(const gh_image_t *im, uint32_t i,
                       const gh_image_wanted_t *wanted);
static bool same_issuer(const gh_image_t *im, uint32_t i,
                        const gh_image_wanted_t *wanted);
static bool same_signature(const gh_image_t *im, uint32_t i,
                           const gh_image_wanted_t *wanted);
static bool same_service(const gh_image_t *im, uint32_t i,
                         const gh_image_wanted_t *wanted);
static bool same_version(const gh_image_t *im, uint32_t i,
                         const gh_image_wanted_t *wanted);


static const table_t tables[GH_IMAGE_REGIONS] = {
    [GH_IMAGE_PLAN_SLOTS] = { GH_IMAGE_PLANS, hash_name, same_plan },
    [GH_IMAGE_CONSUMER_SLOTS] = { GH_IMAGE_CONSUMERS, hash_name,
                                  same_consumer },
    [GH_IMAGE_KEY_SLOTS] = { GH_IMAGE_KEYS, hash_key, same_key },
    [GH_IMAGE_KEY_ID_SLOTS] = { GH_IMAGE_KEYS, hash_name, same_key_id },
    [GH_IMAGE_TOKEN_SLOTS] = { GH_IMAGE_TOKENS, hash_token, same_token },
    [GH_IMAGE_ISSUER_SLOTS] = { GH_IMAGE_ISSUERS, hash_name, same_issuer },
    [GH_IMAGE_SIGNATURE_SLOTS] = { GH_IMAGE_SIGNATURES, hash_name,
                                   same_signature },
    [GH_IMAGE_SERVICE_SLOTS] = { GH_IMAGE_SERVICES, hash_name, same_service },
    [GH_IMAGE_VERSION_SLOTS] = { GH_IMAGE_VERSIONS, hash_version,
                                 same_version },
};


uint32_t
gh_image_find(const gh_image_t *im, gh_image_region_t slots,
              const gh_image_wanted_t *wanted, uint32_t *free_slot)
{
    return probe(im, slots, wanted, tables[slots].hash(im, wanted), free_slot);
}


uint64_t
gh_image_hash(const gh_image_t *im, gh_image_region_t slots,
              const gh_image_wanted_t *wanted)
{
    return tables[slots].hash(im, wanted);
}


uint32_t
gh_image_find_hash(const gh_image_t *im, gh_image_region_t slots,
                   const gh_image_wanted_t *wanted, uint64_t hash,
                   uint32_t *free_slot)
{
    return probe(im, slots, wanted, hash, free_slot);
}


/* Requests wait for it: in the text of whoever calls it. */
static inline uint32_t
probe(const gh_image_t *im, gh_image_region_t slots,
      const gh_image_wanted_t *wanted, uint64_t hash, uint32_t *free_slot)
{
    const table_t *table = &tables[slots];
    gh_span_t span = head_of(im)->regions[slots];
    const uint32_t *slot = gh_image_at(im, span);
    uint32_t unused = GH_IMAGE_ABSENT;

    if (span.n == 0) {
        return GH_IMAGE_ABSENT;
    }

    uint32_t mask = span.n - 1;
    uint32_t at = (uint32_t) hash & mask;

    for (uint32_t i = 0; i <= mask; i++, at = (at + 1) & mask) {
        if (slot[at] == GH_IMAGE_ABSENT) {
            unused = at;
            break;
        }

        if (table->same(im, slot[at], wanted)) {
            return slot[at];
        }
    }

    if (free_slot != NULL) {
        *free_slot = unused;
    }

    return GH_IMAGE_ABSENT;
}


void
gh_image_fetch_slot(const gh_image_t *im, gh_image_region_t slots,
                    uint64_t hash)
{
    gh_span_t span = head_of(im)->regions[slots];
    const uint32_t *slot = gh_image_at(im, span);

    if (span.n > 0) {
        __builtin_prefetch(&slot[(uint32_t) hash & (span.n - 1)]);
    }
}


void
gh_image_fetch_record(const gh_image_t *im, gh_image_region_t slots,
                      uint64_t hash)
{
    gh_span_t span = head_of(im)->regions[slots];
    const uint32_t *slot = gh_image_at(im, span);
    uint32_t i =
        span.n == 0 ? GH_IMAGE_ABSENT : slot[(uint32_t) hash & (span.n - 1)];

    if (i != GH_IMAGE_ABSENT) {
        __builtin_prefetch(gh_image_record(im, tables[slots].records, i));
    }
}


gh_image_region_t
gh_image_slots_of(gh_image_region_t slots)
{
    return tables[slots].records;
}


static const gh_image_head_t *
head_of(const gh_image_t *im)
{
    return im->header;
}


const void *
gh_image_record(const gh_image_t *im, gh_image_region_t region, uint32_t i)
{
    const char *first = gh_image_at(im, head_of(im)->regions[region]);

    return first + (size_t) i * gh_image_record_size(region);
}


uint32_t
gh_image_count(const gh_image_t *im, gh_image_region_t region)
{
    return head_of(im)->regions[region].n;
}


static uint64_t
hash_name(const gh_image_t *im, const gh_image_wanted_t *wanted)
{
    return gh_siphash(&head_of(im)->sip, wanted->name);
}


/* A hash already, of a text that only its owner knows. */
static uint64_t
hash_key(const gh_image_t *im, const gh_image_wanted_t *wanted)
{
    uint64_t first;

    (void) im;
    memcpy(&first, wanted->hash, sizeof(first));

    return first;
}


static uint64_t
hash_version(const gh_image_t *im, const gh_image_wanted_t *wanted)
{
    return hash_name(im, wanted)
           ^ (wanted->within + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);
}


static uint64_t
hash_token(const gh_image_t *im, const gh_image_wanted_t *wanted)
{
    uint64_t h = wanted->within;

    for (uint32_t i = 0; i < wanted->n; i++) {
        h ^= gh_siphash(&head_of(im)->sip, wanted->values[i]);
        h *= UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 32;
    }

    return h;
}


static bool
same_plan(const gh_image_t *im, uint32_t i, const gh_image_wanted_t *wanted)
{
    const gh_image_plan_t *plan = gh_image_record(im, GH_IMAGE_PLANS, i);

    return gh_str_eq(gh_image_str(im, plan->name), wanted->name);
}


static bool
same_consumer(const gh_image_t *im, uint32_t i,
              const gh_image_wanted_t *wanted)
{
    const gh_image_consumer_t *consumer =
        gh_image_record(im, GH_IMAGE_CONSUMERS, i);

    return gh_str_eq(gh_image_str(im, consumer->name), wanted->name);
}


/* By words and to the end: how far two hashes agree takes no time to tell. */
static bool
same_key(const gh_image_t *im, uint32_t i, const gh_image_wanted_t *wanted)
{
    const gh_image_key_t *key = gh_image_record(im, GH_IMAGE_KEYS, i);
    uint64_t a[GH_SHA256_LEN / 8], b[GH_SHA256_LEN / 8];

    memcpy(a, key->hash, sizeof(a));
    memcpy(b, wanted->hash, sizeof(b));

    return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]))
           == 0;
}


static bool
same_key_id(const gh_image_t *im, uint32_t i, const gh_image_wanted_t *wanted)
{
    const gh_image_key_t *key = gh_image_record(im, GH_IMAGE_KEYS, i);

    return gh_str_eq(gh_image_str(im, key->id), wanted->name);
}


/* The shape stands for the issuer and the names of the claims. */
static bool
same_token(const gh_image_t *im, uint32_t i, const gh_image_wanted_t *wanted)
{
    const gh_image_token_t *token = gh_image_record(im, GH_IMAGE_TOKENS, i);
    const gh_ref_t *claims = gh_image_at(im, token->claims);

    if (token->shape != wanted->within || token->claims.n != wanted->n) {
        return false;
    }

    for (uint32_t j = 0; j < wanted->n; j++) {
        gh_str_t value = gh_image_str(im, claims[2 * j + 1]);

        if (!gh_str_eq(value, wanted->values[j])) {
            return false;
        }
    }

    return true;
}


static bool
same_issuer(const gh_image_t *im, uint32_t i, const gh_image_wanted_t *wanted)
{
    const gh_image_issuer_t *issuer = gh_image_record(im, GH_IMAGE_ISSUERS, i);

    return gh_str_eq(gh_image_str(im, issuer->name), wanted->name);
}


static bool
same_signature(const gh_image_t *im, uint32_t i,
               const gh_image_wanted_t *wanted)
{
    const gh_image_signature_t *signature =
        gh_image_record(im, GH_IMAGE_SIGNATURES, i);

    return gh_str_eq(gh_image_str(im, signature->keyid), wanted->name);
}


static bool
same_service(const gh_image_t *im, uint32_t i, const gh_image_wanted_t *wanted)
{
    const gh_image_service_t *service =
        gh_image_record(im, GH_IMAGE_SERVICES, i);

    return gh_str_eq(gh_image_str(im, service->name), wanted->name);
}


/* Versions of one name belong to many services. */
static bool
same_version(const gh_image_t *im, uint32_t i, const gh_image_wanted_t *wanted)
{
    const gh_image_service_t *service =
        gh_image_record(im, GH_IMAGE_SERVICES, wanted->within);
    const gh_image_version_t *version =
        gh_image_record(im, GH_IMAGE_VERSIONS, i);
    const gh_image_version_t *first = gh_image_at(im, service->versions);

    return version >= first && version < first + service->versions.n
           && gh_str_eq(gh_image_str(im, version->name), wanted->name);
}
