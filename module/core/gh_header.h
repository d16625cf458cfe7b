/*
 * Names of request headers as services behind may read them: CGI, WSGI and
 * PHP fold '-', '_', '.' and more into one, so a name is compared after
 * folding. Says which names never pass from outside.
 */

#ifndef GH_HEADER_H
#define GH_HEADER_H

#include "gh.h"

#define GH_HEADER_NAME_MAX 128 /* of a configured name */


/* Why a header from outside is taken away. */
typedef enum {
    GH_HEADER_KEEP = 0,
    GH_HEADER_PRINCIPAL, /* names a principal: never from anyone */
    GH_HEADER_INTERNAL,  /* steers a gateway or a framework behind it
                            (x-gatehouse-*, x-original-url, x-rewrite-url,
                            x-accel-*, proxy ...): never from anyone */
    GH_HEADER_OVERRIDE,  /* another HTTP method than the one that was judged
                            (x-http-method-override and its kin) */
    GH_HEADER_FORWARDED  /* what a proxy before us knew: x-forwarded-*,
                            forwarded, x-real-ip, client addresses, schemes
                            and certificates: only from trusted peers. Via
                            passes: nobody decides by it */
} gh_header_class_t;

/* A folded set: built at configuration time, read-only afterwards. */
typedef struct gh_header_set_s gh_header_set_t;


/*
 * Folded equality: letters of either case are equal, and all bytes that are
 * neither letter nor digit are '-' (older CGI makes '_' of every one).
 */
bool gh_header_eq(gh_str_t a, gh_str_t b);
bool gh_header_starts(gh_str_t name, gh_str_t prefix);

/* Owned by the caller; the allocator must outlive it. GH_NOMEM. */
gh_rc_t gh_header_set_create(const gh_alloc_t *a, gh_header_set_t **out);
void gh_header_set_destroy(gh_header_set_t *set); /* NULL is fine */

/*
 * Copies the name; a trailing '*' makes it a prefix. One that is there
 * already is fine.
 *
 * GH_INVALID: no header name (RFC 9110 section 5.1), or "*" alone
 * GH_TOO_LONG: above GH_HEADER_NAME_MAX bytes
 * GH_NOMEM: the set is as it was
 */
gh_rc_t gh_header_set_add(gh_header_set_t *set, gh_str_t name);

/*
 * The class of a header name. The built-in names (every "x-principal*",
 * internal, override, forwarded) need no set; `principals` (may be NULL) is
 * the union of all names configured anywhere and goes before the built-in
 * ones: a name in it is GH_HEADER_PRINCIPAL, from trusted peers too. Quick
 * for ordinary names: one look at the bytes that tell names apart, no
 * allocation.
 */
gh_header_class_t gh_header_classify(const gh_header_set_t *principals,
                                     gh_str_t name);


#endif
