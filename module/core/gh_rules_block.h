/*
 * How rules lie in a block: bytes only, so that it may begin at any address
 * of any machine. Numbers are two bytes, low one first.
 *
 *     block      format (one byte), then rules
 *     rule       kind (one byte), length, conditions
 *     condition  word (one byte), length, pointer text, value texts
 *     text       length, bytes
 */

#ifndef GH_RULES_BLOCK_H
#define GH_RULES_BLOCK_H

#include "gh_rules.h"

#define GH_RULES_FORMAT 1


typedef enum {
    GH_RULE_ADMIT = 1,
    GH_RULE_DENY,
    GH_RULE_ACCESS
} gh_rule_kind_t;


/* Take the next rule or condition, or the next text, off the front of
 * *rest. False when it does not fit what is left. */
bool gh_rules_take(gh_str_t *rest, uint8_t *tag, gh_str_t *body);
bool gh_rules_take_text(gh_str_t *rest, gh_str_t *text);

/* What a condition may hold. */
bool gh_rules_word_valid(gh_rule_word_t word, gh_str_t pointer);
bool gh_rules_value_valid(gh_rule_word_t word, gh_str_t value);

/* Whether the verified claim at pointer is one of the values (texts, one
 * after the other, well formed); NULL claims have none. */
bool gh_rules_claim_matches(const json_t *claims, gh_str_t pointer,
                            gh_str_t values);


#endif
