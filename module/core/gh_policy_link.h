/*
 * Parts become one image: what the steps of compiling share. Numbers of
 * records count through all files in the order of their paths.
 */

#ifndef GH_POLICY_LINK_H
#define GH_POLICY_LINK_H

#include "gh_image_layout.h"
#include "gh_policy_error.h"
#include "gh_policy_set.h"

#define GH_POLICY_ISSUERS_MAX 64


/* The numbers of a file's first records. */
typedef struct {
    uint32_t first[GH_POLICY_LISTS];
} gh_policy_base_t;

/* A token issuer that consumers name; strings are borrowed from parts. */
typedef struct {
    gh_str_t name;
    uint32_t n_shapes;
} gh_policy_issuer_t;

/* Which claims tokens name, by the first such token. */
typedef struct {
    uint32_t issuer;
    uint32_t file, token; /* token: within the file */
    uint32_t n;           /* claims */
    uint32_t sorted;      /* its number in the image */
} gh_policy_token_shape_t;

typedef struct {
    const gh_alloc_t *a;
    const gh_policy_set_t *set;
    const gh_policy_env_t *env;
    gh_policy_errors_t *errors;
    gh_rc_t rc; /* GH_OK, or GH_NOMEM for good */
    bool complained;
    bool incomplete; /* names may be missing: nothing is unknown */

    gh_policy_base_t *bases; /* per file */
    uint64_t totals[GH_POLICY_LISTS];

    gh_policy_list_t issuers;      /* gh_policy_issuer_t */
    gh_policy_list_t shapes;       /* gh_policy_token_shape_t */
    gh_policy_list_t token_shapes; /* uint32_t per token: into shapes */

    char *secrets; /* wiped when released */
    size_t secrets_len, secrets_cap;
    gh_policy_list_t secret_refs; /* gh_ref_t per signature: into secrets */

    char *image;
    gh_image_t im; /* of image, while it is made */
} gh_policy_link_t;


/* Steps, in this order. Each may complain and go on. */
void gh_policy_link_tokens(gh_policy_link_t *l);
void gh_policy_link_secrets(gh_policy_link_t *l);
void gh_policy_move(gh_policy_link_t *l); /* records into l->image */
void gh_policy_link_names(gh_policy_link_t *l);
void gh_policy_link_references(gh_policy_link_t *l);

void gh_policy_secrets_release(gh_policy_link_t *l);

const gh_policy_part_t *gh_policy_link_part(const gh_policy_link_t *l,
                                            uint32_t file);
uint32_t gh_policy_link_n(const gh_policy_link_t *l, uint32_t file,
                          gh_policy_kind_t kind);
const void *gh_policy_link_at(const gh_policy_link_t *l, uint32_t file,
                              gh_policy_kind_t kind, uint32_t i);

void gh_policy_link_complain(gh_policy_link_t *l, uint32_t file,
                             gh_policy_place_t place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* False: complaints are only counted from here on, so spare the advice. */
bool gh_policy_link_listens(const gh_policy_link_t *l);

/* Adds each of "a, b, c". */
void gh_policy_choices_text(gh_policy_choices_t *c, const char *text);


#endif
