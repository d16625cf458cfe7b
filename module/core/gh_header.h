/*
 * Names of request headers as services behind may read them: CGI, WSGI and
 * PHP fold '-', '_' and '.' into one, so a name is compared after folding.
 * Says which names never pass from outside.
 */

#ifndef GH_HEADER_H
#define GH_HEADER_H

#include "gh.h"


/* Why a header from outside is taken away. */
typedef enum {
    GH_HEADER_KEEP = 0,
    GH_HEADER_PRINCIPAL,  /* names a principal */
    GH_HEADER_INTERNAL,   /* x-gatehouse-*, x-original-url, x-rewrite-url */
    GH_HEADER_OVERRIDE,   /* x-http-method-override and its kin */
    GH_HEADER_FORWARDED   /* x-forwarded-*, forwarded, x-real-ip, client
                             certificate headers: only from trusted peers */
} gh_header_class_t;

/* A folded set: built at configuration time, read-only afterwards. */
typedef struct gh_header_set_s gh_header_set_t;


/* Folded equality: case, and '_' '.' ' ' equal to '-'. */
bool gh_header_eq(gh_str_t a, gh_str_t b);
bool gh_header_starts(gh_str_t name, gh_str_t prefix);

gh_rc_t gh_header_set_create(const gh_alloc_t *a, gh_header_set_t **out);
void gh_header_set_destroy(gh_header_set_t *set);
/* Copies the name; a trailing '*' makes it a prefix. */
gh_rc_t gh_header_set_add(gh_header_set_t *set, gh_str_t name);

/*
 * The class of a header name. The built-in names (every "x-principal*",
 * internal, override, forwarded) need no set; `principals` (may be NULL) is
 * the union of all names configured anywhere. Quick for ordinary names: one
 * pass, no allocation.
 */
gh_header_class_t gh_header_classify(const gh_header_set_t *principals,
                                     gh_str_t name);


#endif
