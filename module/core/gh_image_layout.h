/*
 * How an image is laid out: a head, then regions of records and of hash
 * slots. Shared by those who read an image and those who make one; the HTTP
 * room reads through gh_image.h. Change anything here or in the records and
 * the layout in GH_IMAGE_MAGIC changes too.
 */

#ifndef GH_IMAGE_LAYOUT_H
#define GH_IMAGE_LAYOUT_H

#include "gh_bytes.h"
#include "gh_image.h"


typedef enum {
    GH_IMAGE_PLANS = 0,     /* gh_image_plan_t */
    GH_IMAGE_LIMITS,        /* gh_image_limit_t, of plans */
    GH_IMAGE_ALLOWED,       /* uint32_t, services of plans */
    GH_IMAGE_CONSUMERS,     /* gh_image_consumer_t */
    GH_IMAGE_REFS,          /* gh_ref_t: groups, scopes, pairs of claims */
    GH_IMAGE_KEYS,          /* gh_image_key_t */
    GH_IMAGE_TOKENS,        /* gh_image_token_t */
    GH_IMAGE_ISSUERS,       /* gh_image_issuer_t */
    GH_IMAGE_SHAPES,        /* gh_image_shape_t, of issuers */
    GH_IMAGE_SIGNATURES,    /* gh_image_signature_t */
    GH_IMAGE_SERVICES,      /* gh_image_service_t */
    GH_IMAGE_VERSION_FROMS, /* gh_image_version_from_t, of services */
    GH_IMAGE_VERSIONS,      /* gh_image_version_t, of services */
    GH_IMAGE_DEPLOYMENTS,   /* gh_image_deployment_t, of versions */
    GH_IMAGE_POOL,          /* char */

    /* open addressing, uint32_t indexes or GH_IMAGE_ABSENT, at most half
     * full, a power of two or none at all */
    GH_IMAGE_PLAN_SLOTS,
    GH_IMAGE_CONSUMER_SLOTS,
    GH_IMAGE_KEY_SLOTS, /* by the first bytes of the hash */
    GH_IMAGE_KEY_ID_SLOTS,
    GH_IMAGE_TOKEN_SLOTS, /* by shape and values */
    GH_IMAGE_ISSUER_SLOTS,
    GH_IMAGE_SIGNATURE_SLOTS,
    GH_IMAGE_SERVICE_SLOTS,
    GH_IMAGE_VERSION_SLOTS, /* by service and name */
    GH_IMAGE_REGIONS
} gh_image_region_t;

/* Which claims some tokens of an issuer name. Within an issuer those with
 * the most claims come first. */
typedef struct {
    gh_span_t claims; /* of one such token: its pointers count */
} gh_image_shape_t;

typedef struct {
    gh_ref_t name;
    gh_span_t shapes;
} gh_image_issuer_t;

typedef struct {
    uint64_t magic;
    uint64_t size;     /* of the whole image */
    uint64_t checksum; /* of everything but itself */
    uint64_t layout;   /* gh_image_layout() */
    uint64_t generation;
    int64_t compiled_at_s;
    gh_sipkey_t sip;
    gh_span_t regions[GH_IMAGE_REGIONS];
    uint32_t plan_default, plan_anonymous;
} gh_image_head_t;

/* What a slot is compared with: a name, and what it is a name in. */
typedef struct {
    gh_str_t name;
    uint32_t within;     /* service or shape */
    uint32_t n;          /* values of a token */
    const uint8_t *hash; /* of an API key */
    const gh_str_t *values;
} gh_image_wanted_t;


/* Bytes of one record or slot. */
uint32_t gh_image_record_size(gh_image_region_t region);
/* Changes whenever a record's size does. */
uint64_t gh_image_layout(void);
uint64_t gh_image_checksum(const void *base, size_t size);

/* What gh_image_open fills in, nothing checked. */
void gh_image_attach(const void *base, gh_image_t *out);

/* Walks every record; the regions' bounds have been checked. */
bool gh_image_check(const gh_image_t *im);

/* The records that a region of slots leads to. */
gh_image_region_t gh_image_slots_of(gh_image_region_t slots);

/* Record i of a region. */
const void *gh_image_record(const gh_image_t *im, gh_image_region_t region,
                            uint32_t i);
uint32_t gh_image_count(const gh_image_t *im, gh_image_region_t region);

/*
 * The index of what is wanted, or GH_IMAGE_ABSENT. *free_slot (may be NULL) is
 * then where it would go, GH_IMAGE_ABSENT in a full table.
 */
uint32_t gh_image_find(const gh_image_t *im, gh_image_region_t slots,
                       const gh_image_wanted_t *wanted, uint32_t *free_slot);

/*
 * The same in steps, for whoever looks for a million of them: what each
 * needs comes from memory while others are looked at. The hash, then the
 * slot, then the record that is there, if any, then the look.
 */
uint64_t gh_image_hash(const gh_image_t *im, gh_image_region_t slots,
                       const gh_image_wanted_t *wanted);
void gh_image_fetch_slot(const gh_image_t *im, gh_image_region_t slots,
                         uint64_t hash);
void gh_image_fetch_record(const gh_image_t *im, gh_image_region_t slots,
                           uint64_t hash);
uint32_t gh_image_find_hash(const gh_image_t *im, gh_image_region_t slots,
                            const gh_image_wanted_t *wanted, uint64_t hash,
                            uint32_t *free_slot);


#endif
