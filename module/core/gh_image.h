/*
 * The policy image: one compiled, immutable, position-independent block that
 * every worker maps read-only. Offsets from its beginning instead of
 * pointers, hash tables for every lookup, a checksum over all of it. Reading
 * it needs no allocation and trusts nothing that gh_image_open has not
 * checked.
 */

#ifndef GH_IMAGE_H
#define GH_IMAGE_H

#include "gh_limit.h"
#include "gh_json.h"
#include "gh_version.h"

#define GH_IMAGE_MAGIC UINT64_C(0x3130495041434847) /* layout in the last 2 */
#define GH_IMAGE_ABSENT UINT32_MAX                  /* index of nothing */

/* Bounds that every image keeps, so that readers may count on room. */
#define GH_IMAGE_LIMITS_MAX 8u        /* of a plan */
#define GH_IMAGE_MEMBERS_MAX 256u     /* groups, and scopes, of a consumer */
#define GH_IMAGE_CLAIMS_MAX 8u        /* that a token is known by */
#define GH_IMAGE_SHAPES_MAX 16u       /* sets of claim names per issuer */
#define GH_IMAGE_VERSION_FROMS_MAX 8u /* of a service */


/* Bytes in the image: not NUL-terminated. */
typedef struct {
    uint32_t off, len;
} gh_ref_t;

/* n elements of one kind beginning at off (aligned for them). */
typedef struct {
    uint32_t off, n;
} gh_span_t;

typedef struct {
    gh_ref_t name;
    gh_limit_t limit;
} gh_image_limit_t;

typedef struct {
    gh_ref_t name;
    gh_span_t limits;      /* gh_image_limit_t */
    gh_span_t services;    /* uint32_t service indexes, sorted */
    uint32_t all_services; /* 1: the member was absent */
    uint32_t per_service;  /* 1: limits count per service */
} gh_image_plan_t;

typedef struct {
    gh_ref_t name;
    uint32_t plan; /* index; GH_IMAGE_ABSENT: none named */
    uint32_t reserved;
    gh_span_t groups; /* gh_ref_t */
    gh_span_t scopes; /* gh_ref_t */
    gh_ref_t display_name, email;
} gh_image_consumer_t;

typedef struct {
    uint8_t hash[GH_SHA256_LEN]; /* of the whole key text */
    gh_ref_t id;
    int64_t expires_at_s; /* 0: never */
    uint32_t consumer;
    uint32_t reserved;
} gh_image_key_t;

/* A token of this issuer whose claims all match acts for the consumer. */
typedef struct {
    gh_ref_t issuer;  /* the name of a gatehouse_token_issuer */
    gh_span_t claims; /* n pairs of gh_ref_t: pointer, value; by pointer */
    uint32_t consumer;
    uint32_t shape; /* index: which claims it names; private */
} gh_image_token_t;

typedef struct {
    gh_ref_t keyid, algorithm;
    gh_ref_t key; /* secret bytes, or a PEM public key; len 0 when the
                          set was compiled without reading secrets */
    uint32_t consumer;
    uint32_t reserved;
} gh_image_signature_t;

typedef struct {
    gh_ref_t name, upstream;
    uint32_t initial_weight; /* hundredths of a percent */
    uint32_t index;          /* of all deployments in the image */
    uint64_t name_hash;      /* gh_choose_hash */
} gh_image_deployment_t;

typedef enum {
    GH_STICKY_NONE = 0,  /* each request by itself */
    GH_STICKY_PRINCIPAL, /* else the source address */
    GH_STICKY_COOKIE,    /* signed cookie */
    GH_STICKY_SOURCE     /* source address */
} gh_sticky_t;

typedef struct {
    gh_ref_t name;
    gh_span_t deployments;   /* gh_image_deployment_t, in file order */
    int64_t deprecated_at_s; /* 0: not */
    int64_t sunset_at_s;     /* 0: never */
    gh_ref_t successor, link;
    uint32_t sticky; /* gh_sticky_t */
    uint32_t index;  /* of all versions in the image */
} gh_image_version_t;

typedef struct {
    uint32_t from;   /* gh_version_from_t */
    gh_ref_t header; /* for GH_VERSION_FROM_HEADER */
} gh_image_version_from_t;

typedef struct {
    gh_ref_t name;
    uint32_t default_version; /* index into versions; GH_IMAGE_ABSENT */
    uint32_t strip_version;
    gh_span_t version_from; /* gh_image_version_from_t, in order */
    gh_span_t versions;     /* gh_image_version_t */
    gh_ref_t access;        /* block for gh_rules_require; len 0: none */
    uint32_t index;
    uint32_t reserved;
} gh_image_service_t;

/* An opened image: borrowed memory and what was checked about it. */
typedef struct {
    const char *base;
    size_t size;
    uint64_t generation;
    int64_t compiled_at_s;
    uint32_t n_plans, n_consumers, n_keys, n_tokens, n_signatures, n_services,
        n_versions, n_deployments;
    uint32_t plan_default, plan_anonymous; /* GH_IMAGE_ABSENT: none */
    const void *header;                    /* private */
} gh_image_t;


/*
 * Checks magic, size and checksum and every table's bounds, so that later
 * lookups need no checks. GH_INVALID: not an image of this layout, or
 * damaged, or not aligned to 8. `deep` also walks every record (tests,
 * `check`), then nothing read through these functions leaves the image
 * whatever its bytes are; without it the checksum vouches for the records.
 */
gh_rc_t gh_image_open(const void *base, size_t size, bool deep,
                      gh_image_t *out);

gh_str_t gh_image_str(const gh_image_t *im, gh_ref_t ref);
const void *gh_image_at(const gh_image_t *im, gh_span_t span);

/* NULL for GH_IMAGE_ABSENT and beyond the last, here and in each _at. */
const gh_image_plan_t *gh_image_plan(const gh_image_t *im, uint32_t index);
const gh_image_plan_t *gh_image_plan_named(const gh_image_t *im,
                                           gh_str_t name);
bool gh_image_plan_allows(const gh_image_t *im, const gh_image_plan_t *plan,
                          const gh_image_service_t *service);

/* NULL when there is none. Constant cost whatever the size. */
const gh_image_consumer_t *gh_image_consumer(const gh_image_t *im,
                                             gh_str_t name);
const gh_image_consumer_t *gh_image_consumer_at(const gh_image_t *im,
                                                uint32_t index);
const gh_image_key_t *gh_image_key(const gh_image_t *im,
                                   const uint8_t hash[GH_SHA256_LEN]);
/* Declared keys by their id too, and in file order, for the tool. */
const gh_image_key_t *gh_image_key_by_id(const gh_image_t *im, gh_str_t id);
const gh_image_key_t *gh_image_key_at(const gh_image_t *im, uint32_t index);

/*
 * The token whose claims all match verified claims of the issuer; values
 * are compared as strings, only strings match. Of several the one with most
 * claims; NULL also when two consumers match equally well.
 */
const gh_image_token_t *gh_image_token(const gh_image_t *im, gh_str_t issuer,
                                       json_t *claims);
const gh_image_token_t *gh_image_token_at(const gh_image_t *im,
                                          uint32_t index);

/* Never one without a key: an empty secret proves nothing. */
const gh_image_signature_t *gh_image_signature(const gh_image_t *im,
                                               gh_str_t keyid);
const gh_image_signature_t *gh_image_signature_at(const gh_image_t *im,
                                                  uint32_t index);

const gh_image_service_t *gh_image_service(const gh_image_t *im,
                                           gh_str_t name);
const gh_image_version_t *gh_image_version(const gh_image_t *im,
                                           const gh_image_service_t *service,
                                           gh_str_t name);
/* NULL when the service has no default version. */
const gh_image_version_t *gh_image_version_default(
    const gh_image_t *im, const gh_image_service_t *service);

/* All in the order of the files, for status, binding and the tool; index is
 * the record's own `index`. */
const gh_image_service_t *gh_image_service_at(const gh_image_t *im,
                                              uint32_t index);
const gh_image_version_t *gh_image_version_at(const gh_image_t *im,
                                              uint32_t index);
const gh_image_deployment_t *gh_image_deployment_at(const gh_image_t *im,
                                                    uint32_t index);


#endif
