/*
 * Who may do what, as data: authorize lines of a location and access rules
 * of a service, both kept as one flat, position-independent block that is
 * matched in place (configuration pool or policy image).
 */

#ifndef GH_RULES_H
#define GH_RULES_H

#include "gh_principal.h"
#include "gh_reason.h"

#define GH_RULES_MAX 65535 /* bytes of a block */


typedef enum {
    GH_WORD_GROUP = 1,
    GH_WORD_SCOPE,
    GH_WORD_CONSUMER,
    GH_WORD_METHOD,  /* HTTP method; GET covers HEAD */
    GH_WORD_VERSION, /* of the service; not in authorize lines */
    GH_WORD_CLAIM    /* claim:POINTER=value; strings, numbers, true/false, and
                        members of arrays. Whole numbers are compared by
                        their decimal text, others by value */
} gh_rule_word_t;

/* What a rule looks at; borrowed. principal NULL is the anonymous one. */
typedef struct {
    const gh_principal_t *principal;
    gh_str_t http_method;
    gh_str_t version;
} gh_subject_t;

/* Holds lines or access rules, never both. */
typedef struct gh_rules_builder_s gh_rules_builder_t;


/* The allocator must outlive the builder. GH_NOMEM. */
gh_rc_t gh_rules_begin(const gh_alloc_t *a, gh_rules_builder_t **out);
void gh_rules_abandon(gh_rules_builder_t *b); /* NULL is fine */

/*
 * One authorize line: words as typed ("deny", "group=staff,admin",
 * "claim:/realm_access/roles=x"); a claim's pointer ends at the first '='.
 * Different names must all hold, a comma or a repeated name means any of.
 * "deny" alone refuses everybody.
 *
 *   message  rewritten from its beginning unless the result is GH_OK: what
 *            is wrong with which word, and the way out; NUL-terminated, cut
 *            at cap. May be NULL
 *
 * GH_INVALID: a word is wrong; GH_FULL: the block would grow beyond
 *     GH_RULES_MAX; GH_NOMEM. The builder is as it was.
 */
gh_rc_t gh_rules_add_line(gh_rules_builder_t *b, const gh_str_t *words,
                          size_t n, gh_buf_t *message);

/*
 * One access rule of a service: methods and versions say where it applies,
 * the others must hold there. Add conditions between open and close, each
 * word (of claims: each pointer) once; any of the values suffices. pointer
 * is empty except for claims.
 *
 * GH_INVALID: not the time for it, an unknown or repeated word, no value or
 *     an empty one, a malformed pointer, a method in lower case
 * GH_FULL, GH_NOMEM: as above. The builder is as it was.
 */
gh_rc_t gh_rules_open(gh_rules_builder_t *b);
gh_rc_t gh_rules_condition(gh_rules_builder_t *b, gh_rule_word_t word,
                           gh_str_t pointer, const gh_str_t *values, size_t n);
gh_rc_t gh_rules_close(gh_rules_builder_t *b);

/*
 * The block, allocated from the builder's allocator and owned by the caller;
 * the builder is gone, also on failure. An empty builder gives an empty
 * block (data NULL, len 0). GH_INVALID: a rule is still open; GH_NOMEM.
 */
gh_rc_t gh_rules_finish(gh_rules_builder_t *b, gh_str_t *out);

/* Checks that a block from outside (image) is well formed. */
bool gh_rules_valid(gh_str_t block);

/*
 * Lines of a location: a matching deny refuses (GH_REASON_RULE_DENY), else
 * any matching line admits, else GH_REASON_RULE_NONE (also when there are
 * only deny lines). An empty block admits: GH_REASON_OK. The anonymous
 * principal matches no group, scope, consumer or claim.
 *
 * A block that cannot be read, or holds access rules: GH_REASON_INTERNAL.
 * Whatever its bytes are, nothing outside of it is read.
 */
gh_reason_t gh_rules_admit(gh_str_t block, const gh_subject_t *s);

/* Access rules of a service: every one that applies must hold, else
 * GH_REASON_SERVICE_RULE. GH_REASON_OK otherwise; GH_REASON_INTERNAL as
 * above. */
gh_reason_t gh_rules_require(gh_str_t block, const gh_subject_t *s);


#endif
