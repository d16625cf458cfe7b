/*
 * What one policy file says, in compact form: a pool of bytes and a list per
 * kind of record. References to bytes and spans of records count from the
 * beginning of the part's own pool and lists; compiling moves them.
 */

#ifndef GH_POLICY_PART_H
#define GH_POLICY_PART_H

#include "gh_image.h"


/* Where something stands in its file, from 1. */
typedef struct {
    uint32_t line, column;
} gh_policy_place_t;

/* n items of one size, one after another. */
typedef struct {
    void *items;
    uint32_t n, cap;
    uint32_t size;
} gh_policy_list_t;

/* A name that must lead somewhere. */
typedef struct {
    gh_ref_t name;
    gh_policy_place_t place;
} gh_policy_named_t;

/* Each record is the image's, with what linking needs beside it. */
typedef struct {
    gh_image_plan_t image; /* services: a span of GH_POLICY_ALLOWED */
    gh_policy_place_t place;
} gh_policy_plan_t;

typedef struct {
    gh_image_consumer_t image;
    gh_policy_place_t place;
    gh_policy_named_t plan; /* len 0: none named */
} gh_policy_consumer_t;

typedef struct {
    gh_image_key_t image;
    gh_policy_place_t place;
} gh_policy_key_t;

typedef struct {
    gh_image_token_t image; /* claims sorted by pointer */
    gh_policy_place_t place;
    gh_policy_place_t issuer_place;
} gh_policy_token_t;

typedef struct {
    gh_image_signature_t image; /* key: what stands after "file:" */
    gh_policy_place_t place;
    gh_policy_place_t key_place;
} gh_policy_signature_t;

typedef struct {
    gh_image_service_t image;
    gh_policy_place_t place;
} gh_policy_service_t;

typedef struct {
    gh_image_version_t image;
    gh_policy_place_t successor_place;
} gh_policy_version_t;

typedef struct {
    gh_image_deployment_t image;
    gh_policy_place_t upstream_place;
} gh_policy_deployment_t;

typedef enum {
    GH_POLICY_PLANS = 0,     /* gh_policy_plan_t */
    GH_POLICY_LIMITS,        /* gh_image_limit_t */
    GH_POLICY_ALLOWED,       /* gh_policy_named_t: services of plans */
    GH_POLICY_CONSUMERS,     /* gh_policy_consumer_t */
    GH_POLICY_REFS,          /* gh_ref_t: groups, scopes, claims */
    GH_POLICY_KEYS,          /* gh_policy_key_t */
    GH_POLICY_TOKENS,        /* gh_policy_token_t */
    GH_POLICY_SIGNATURES,    /* gh_policy_signature_t */
    GH_POLICY_SERVICES,      /* gh_policy_service_t */
    GH_POLICY_VERSION_FROMS, /* gh_image_version_from_t */
    GH_POLICY_VERSIONS,      /* gh_policy_version_t */
    GH_POLICY_DEPLOYMENTS,   /* gh_policy_deployment_t */
    GH_POLICY_REQUIRED,      /* gh_policy_named_t: consumers in access rules */
    GH_POLICY_POOL,          /* char */
    GH_POLICY_LISTS
} gh_policy_kind_t;

typedef struct {
    gh_policy_list_t lists[GH_POLICY_LISTS];
    bool incomplete; /* not JSON: names may be missing */
} gh_policy_part_t;


void gh_policy_part_init(gh_policy_part_t *part);
void gh_policy_part_clear(gh_policy_part_t *part, const gh_alloc_t *a);
/* Gives back the room that the lists did not need. */
gh_rc_t gh_policy_part_trim(gh_policy_part_t *part, const gh_alloc_t *a);

/* Whether all that its records refer to is in the part: for one whose bytes
 * were read back. */
bool gh_policy_part_check(const gh_policy_part_t *part);

/*
 * Appends n items, zeros if items is NULL. The first of them, or NULL when
 * there is no memory (the list is as it was). Moves the items.
 */
void *gh_policy_list_add(gh_policy_list_t *list, const gh_alloc_t *a,
                         const void *items, uint32_t n);
void gh_policy_list_free(gh_policy_list_t *list, const gh_alloc_t *a);

/* Item i of a list of that kind; i must be there. */
void *gh_policy_part_at(const gh_policy_part_t *part, gh_policy_kind_t kind,
                        uint32_t i);
gh_str_t gh_policy_part_str(const gh_policy_part_t *part, gh_ref_t ref);


#endif
