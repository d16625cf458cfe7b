/*
 * Writes rules as gh_rules_block.h lays them out. Lengths are filled in when
 * a rule or condition closes; what does not get that far is taken back.
 */

#include "gh_rules_build.h"


#define FIRST_CAP 256


static bool holds(const gh_rules_builder_t *b, gh_rule_word_t word,
                  gh_str_t pointer);
static gh_rc_t add_head(gh_rules_builder_t *b, uint8_t tag, size_t *where);
static gh_rc_t add_text(gh_rules_builder_t *b, gh_str_t text);
static gh_rc_t reserve(gh_rules_builder_t *b, size_t n);
static void put_number(uint8_t *at, size_t n);


gh_rc_t
gh_rules_begin(const gh_alloc_t *a, gh_rules_builder_t **out)
{
    gh_rules_builder_t *b = a->alloc(a->ctx, sizeof(*b));

    if (b == NULL) {
        return GH_NOMEM;
    }

    *b = (gh_rules_builder_t){ .alloc = *a };
    *out = b;

    return GH_OK;
}


void
gh_rules_abandon(gh_rules_builder_t *b)
{
    if (b == NULL) {
        return;
    }

    gh_alloc_t a = b->alloc;

    a.free(a.ctx, b->data);
    a.free(a.ctx, b);
}


gh_rc_t
gh_rules_open(gh_rules_builder_t *b)
{
    return gh_rules_rule_open(b, GH_RULE_ACCESS);
}


gh_rc_t
gh_rules_condition(gh_rules_builder_t *b, gh_rule_word_t word,
                   gh_str_t pointer, const gh_str_t *values, size_t n)
{
    if (n == 0 || b->rule == 0 || holds(b, word, pointer)) {
        return GH_INVALID;
    }

    gh_rc_t rc = gh_rules_condition_open(b, word, pointer);

    if (rc != GH_OK) {
        return rc;
    }

    for (size_t i = 0; i < n; i++) {
        rc = gh_rules_value_add(b, values[i]);

        if (rc != GH_OK) {
            gh_rules_condition_drop(b);
            return rc;
        }
    }

    gh_rules_condition_close(b);

    return GH_OK;
}


/* Whether the open rule has such a condition already. */
static bool
holds(const gh_rules_builder_t *b, gh_rule_word_t word, gh_str_t pointer)
{
    gh_str_t rest = { (const char *) b->data + b->rule + 3,
                      b->len - b->rule - 3 };
    gh_str_t body, other;
    uint8_t tag;

    while (gh_rules_take(&rest, &tag, &body)) {
        if (tag == word && gh_rules_take_text(&body, &other)
            && gh_str_eq(pointer, other))
        {
            return true;
        }
    }

    return false;
}


gh_rc_t
gh_rules_close(gh_rules_builder_t *b)
{
    if (b->rule == 0) {
        return GH_INVALID;
    }

    gh_rules_rule_close(b);

    return GH_OK;
}


gh_rc_t
gh_rules_finish(gh_rules_builder_t *b, gh_str_t *out)
{
    gh_alloc_t a = b->alloc;
    gh_rc_t rc = GH_OK;

    *out = (gh_str_t){ NULL, 0 };

    if (b->rule != 0) {
        rc = GH_INVALID;

    } else if (b->len > 0) {
        char *block = a.alloc(a.ctx, b->len);

        if (block == NULL) {
            rc = GH_NOMEM;

        } else {
            memcpy(block, b->data, b->len);
            *out = (gh_str_t){ block, b->len };
        }
    }

    gh_rules_abandon(b);

    return rc;
}


gh_rc_t
gh_rules_rule_open(gh_rules_builder_t *b, gh_rule_kind_t kind)
{
    bool first = b->len == 0;

    if (b->rule != 0) {
        return GH_INVALID;
    }

    /* the first rule stands behind the format */
    if (!first && (b->data[1] == GH_RULE_ACCESS) != (kind == GH_RULE_ACCESS)) {
        return GH_INVALID;
    }

    gh_rc_t rc = reserve(b, 1);

    if (rc != GH_OK) {
        return rc;
    }

    if (first) {
        b->data[b->len++] = GH_RULES_FORMAT;
    }

    rc = add_head(b, (uint8_t) kind, &b->rule);

    if (rc != GH_OK && first) {
        b->len = 0;
    }

    return rc;
}


gh_rc_t
gh_rules_condition_open(gh_rules_builder_t *b, gh_rule_word_t word,
                        gh_str_t pointer)
{
    if (b->rule == 0 || b->condition != 0
        || !gh_rules_word_valid(word, pointer)) {
        return GH_INVALID;
    }

    gh_rc_t rc = add_head(b, (uint8_t) word, &b->condition);

    if (rc == GH_OK) {
        rc = add_text(b, pointer);

        if (rc != GH_OK) {
            gh_rules_condition_drop(b);
        }
    }

    return rc;
}


gh_rc_t
gh_rules_value_add(gh_rules_builder_t *b, gh_str_t value)
{
    gh_rule_word_t word = (gh_rule_word_t) b->data[b->condition];

    return gh_rules_value_valid(word, value) ? add_text(b, value) : GH_INVALID;
}


void
gh_rules_condition_close(gh_rules_builder_t *b)
{
    put_number(b->data + b->condition + 1, b->len - b->condition - 3);
    b->condition = 0;
}


void
gh_rules_condition_drop(gh_rules_builder_t *b)
{
    b->len = b->condition;
    b->condition = 0;
}


void
gh_rules_rule_close(gh_rules_builder_t *b)
{
    put_number(b->data + b->rule + 1, b->len - b->rule - 3);
    b->rule = 0;
}


/* With the format, when it was the first. */
void
gh_rules_rule_drop(gh_rules_builder_t *b)
{
    b->len = b->rule == 1 ? 0 : b->rule;
    b->rule = 0;
    b->condition = 0;
}


/* A tag and room for a length. */
static gh_rc_t
add_head(gh_rules_builder_t *b, uint8_t tag, size_t *where)
{
    gh_rc_t rc = reserve(b, 3);

    if (rc == GH_OK) {
        *where = b->len;
        b->data[b->len++] = tag;
        put_number(b->data + b->len, 0);
        b->len += 2;
    }

    return rc;
}


static gh_rc_t
add_text(gh_rules_builder_t *b, gh_str_t text)
{
    if (text.len > GH_RULES_MAX) {
        return GH_FULL;
    }

    gh_rc_t rc = reserve(b, 2 + text.len);

    if (rc == GH_OK) {
        put_number(b->data + b->len, text.len);
        b->len += 2;

        if (text.len > 0) {
            memcpy(b->data + b->len, text.data, text.len);
            b->len += text.len;
        }
    }

    return rc;
}


/* No part of a block is longer than the block, so all lengths fit. */
static gh_rc_t
reserve(gh_rules_builder_t *b, size_t n)
{
    size_t cap = b->cap == 0 ? FIRST_CAP : b->cap;

    if (n > GH_RULES_MAX - b->len) {
        return GH_FULL;
    }

    if (n <= b->cap - b->len) {
        return GH_OK;
    }

    while (cap < b->len + n) {
        cap *= 2;
    }

    uint8_t *data = b->alloc.alloc(b->alloc.ctx, cap);

    if (data == NULL) {
        return GH_NOMEM;
    }

    if (b->len > 0) {
        memcpy(data, b->data, b->len);
    }

    b->alloc.free(b->alloc.ctx, b->data);
    b->data = data;
    b->cap = cap;

    return GH_OK;
}


static void
put_number(uint8_t *at, size_t n)
{
    at[0] = (uint8_t) (n & 0xff);
    at[1] = (uint8_t) (n >> 8);
}
