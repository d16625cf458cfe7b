/*
 * What an image of policies says about one plan, consumer or service, as JSON
 * that can be compared. Of secrets it has digests, which are for comparing
 * only: nothing inside an object of objects is ever shown.
 */

#ifndef CTL_FACTS_H
#define CTL_FACTS_H

#include "ctl.h"

#define CTL_FACTS_KINDS 3


/* Credentials of a consumer are found through chains: next[i] is the one
 * after i, GH_IMAGE_ABSENT the end. */
typedef struct {
    uint32_t *first; /* by consumer */
    uint32_t *next;
} ctl_chain_t;

typedef struct {
    const gh_image_t *im;
    ctl_chain_t keys, tokens, signatures;
} ctl_facts_t;

typedef struct {
    const char *kind; /* "plan" */
    uint32_t (*count)(const gh_image_t *im);
    gh_str_t (*name)(const gh_image_t *im, uint32_t index);
    /* GH_IMAGE_ABSENT: none of that name */
    uint32_t (*find)(const gh_image_t *im, gh_str_t name);
    /* Owned by the caller. Members are scalars or arrays, or objects whose
     * members have names of their own. */
    json_t *(*facts)(const ctl_facts_t *f, uint32_t index);
} ctl_facts_kind_t;


extern const ctl_facts_kind_t ctl_facts_kinds[CTL_FACTS_KINDS];


void ctl_facts_init(ctl_t *c, const gh_image_t *im, ctl_facts_t *out);


#endif
