/*
 * Matches rules in place: no allocation, one pass over the block. What
 * cannot be read refuses.
 */

#include "gh_rules.h"

#include "gh_rules_block.h"


/* What became of a rule's conditions. */
typedef enum {
    ALL_HOLD = 0,
    ONE_FAILS,
    NOT_HERE, /* an access rule for other methods or versions */
    UNREADABLE
} outcome_t;


static bool opened(gh_str_t block, gh_str_t *rules);
static outcome_t judge(gh_str_t conditions, bool access,
                       const gh_subject_t *s);
static outcome_t condition(uint8_t word, gh_str_t body, const gh_subject_t *s);
static bool matches(gh_rule_word_t word, gh_str_t value,
                    const gh_subject_t *s);
static bool in_list(gh_str_t value, const gh_str_t *items, size_t n);
static bool is_anonymous(const gh_principal_t *p);


gh_reason_t
gh_rules_admit(gh_str_t block, const gh_subject_t *s)
{
    gh_reason_t reason = GH_REASON_RULE_NONE;
    gh_str_t rest, conditions;
    uint8_t kind;

    if (block.len == 0) {
        return GH_REASON_OK;
    }

    if (!opened(block, &rest)) {
        return GH_REASON_INTERNAL;
    }

    while (rest.len > 0) {
        if (!gh_rules_take(&rest, &kind, &conditions)
            || (kind != GH_RULE_ADMIT && kind != GH_RULE_DENY))
        {
            return GH_REASON_INTERNAL;
        }

        switch (judge(conditions, false, s)) {

        case UNREADABLE:
            return GH_REASON_INTERNAL;

        case ALL_HOLD:
            if (kind == GH_RULE_DENY) {
                return GH_REASON_RULE_DENY;
            }

            reason = GH_REASON_OK; /* unless a deny comes yet */
            break;

        case ONE_FAILS:
        case NOT_HERE:
            break;
        }
    }

    return reason;
}


gh_reason_t
gh_rules_require(gh_str_t block, const gh_subject_t *s)
{
    gh_str_t rest, conditions;
    uint8_t kind;

    if (block.len == 0) {
        return GH_REASON_OK;
    }

    if (!opened(block, &rest)) {
        return GH_REASON_INTERNAL;
    }

    while (rest.len > 0) {
        if (!gh_rules_take(&rest, &kind, &conditions)
            || kind != GH_RULE_ACCESS) {
            return GH_REASON_INTERNAL;
        }

        switch (judge(conditions, true, s)) {

        case UNREADABLE:
            return GH_REASON_INTERNAL;

        case ONE_FAILS:
            return GH_REASON_SERVICE_RULE;

        case ALL_HOLD:
        case NOT_HERE:
            break;
        }
    }

    return GH_REASON_OK;
}


static bool
opened(gh_str_t block, gh_str_t *rules)
{
    *rules = (gh_str_t){ block.data + 1, block.len - 1 };

    return block.len > 1 && block.data[0] == GH_RULES_FORMAT;
}


/* Where an access rule applies may stand behind what must hold there. */
static outcome_t
judge(gh_str_t conditions, bool access, const gh_subject_t *s)
{
    outcome_t outcome = ALL_HOLD;
    gh_str_t body;
    uint8_t word;

    while (conditions.len > 0) {
        if (!gh_rules_take(&conditions, &word, &body)) {
            return UNREADABLE;
        }

        switch (condition(word, body, s)) {

        case UNREADABLE:
            return UNREADABLE;

        case ONE_FAILS:
            if (!access) {
                return ONE_FAILS;
            }

            if (word == GH_WORD_METHOD || word == GH_WORD_VERSION) {
                return NOT_HERE;
            }

            outcome = ONE_FAILS;
            break;

        case ALL_HOLD:
        case NOT_HERE:
            break;
        }
    }

    return outcome;
}


static outcome_t
condition(uint8_t word, gh_str_t body, const gh_subject_t *s)
{
    gh_str_t pointer, value;

    if (!gh_rules_take_text(&body, &pointer)) {
        return UNREADABLE;
    }

    if (word == GH_WORD_CLAIM) {
        return !is_anonymous(s->principal)
                       && gh_rules_claim_matches(s->principal->claims, pointer,
                                                 body)
                   ? ALL_HOLD
                   : ONE_FAILS;
    }

    while (body.len > 0) {
        if (!gh_rules_take_text(&body, &value)) {
            return UNREADABLE;
        }

        if (matches((gh_rule_word_t) word, value, s)) {
            return ALL_HOLD;
        }
    }

    return ONE_FAILS;
}


static bool
matches(gh_rule_word_t word, gh_str_t value, const gh_subject_t *s)
{
    const gh_principal_t *p = s->principal;

    switch (word) {

    case GH_WORD_METHOD:
        return gh_str_eq(value, s->http_method)
               || (gh_str_eq(value, GH_STR("GET"))
                   && gh_str_eq(s->http_method, GH_STR("HEAD")));

    case GH_WORD_VERSION:
        return gh_str_eq(value, s->version);

    case GH_WORD_GROUP:
        return !is_anonymous(p) && in_list(value, p->groups, p->n_groups);

    case GH_WORD_SCOPE:
        return !is_anonymous(p) && in_list(value, p->scopes, p->n_scopes);

    case GH_WORD_CONSUMER:
        return !is_anonymous(p) && gh_str_eq(value, p->consumer);

    case GH_WORD_CLAIM:
        break;
    }

    return false;
}


static bool
in_list(gh_str_t value, const gh_str_t *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (gh_str_eq(value, items[i])) {
            return true;
        }
    }

    return false;
}


static bool
is_anonymous(const gh_principal_t *p)
{
    return p == NULL || p->type == GH_PRINCIPAL_ANONYMOUS;
}
