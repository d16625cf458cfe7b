/*
 * The builder's inside, for the two who write rules into it: access rules
 * piece by piece, and authorize lines from their words.
 */

#ifndef GH_RULES_BUILD_H
#define GH_RULES_BUILD_H

#include "gh_rules_block.h"


struct gh_rules_builder_s {
    gh_alloc_t alloc;
    uint8_t *data; /* what is written so far */
    size_t len, cap;
    size_t rule;      /* where the open rule begins, 0: none is open */
    size_t condition; /* the same of its open condition */
};


/*
 * Each leaves the builder as it was unless the result is GH_OK; GH_INVALID
 * when it is not the time for it, GH_FULL, GH_NOMEM.
 */
gh_rc_t gh_rules_rule_open(gh_rules_builder_t *b, gh_rule_kind_t kind);
gh_rc_t gh_rules_condition_open(gh_rules_builder_t *b, gh_rule_word_t word,
                                gh_str_t pointer);
gh_rc_t gh_rules_value_add(gh_rules_builder_t *b, gh_str_t value);

/* What is open gets its length. */
void gh_rules_condition_close(gh_rules_builder_t *b);
void gh_rules_rule_close(gh_rules_builder_t *b);

/* Forgets all from `len` on. */
void gh_rules_rule_drop(gh_rules_builder_t *b);
void gh_rules_condition_drop(gh_rules_builder_t *b);


#endif
