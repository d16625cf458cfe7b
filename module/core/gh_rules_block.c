/*
 * Reads the pieces of a block within their bounds, and says whether a whole
 * one is well formed.
 */

#include "gh_rules_block.h"

#include "gh_json_path.h"


static bool rule_valid(uint8_t kind, gh_str_t conditions);
static bool condition_valid(uint8_t word, gh_str_t body);
static bool is_token(char c);


bool
gh_rules_take(gh_str_t *rest, uint8_t *tag, gh_str_t *body)
{
    if (rest->len < 3) {
        return false;
    }

    *tag = (uint8_t) rest->data[0];
    rest->data++;
    rest->len--;

    return gh_rules_take_text(rest, body);
}


bool
gh_rules_take_text(gh_str_t *rest, gh_str_t *text)
{
    if (rest->len < 2) {
        return false;
    }

    const uint8_t *p = (const uint8_t *) rest->data;
    size_t len = (size_t) p[0] | (size_t) p[1] << 8;

    if (rest->len - 2 < len) {
        return false;
    }

    *text = (gh_str_t){ rest->data + 2, len };
    rest->data += 2 + len;
    rest->len -= 2 + len;

    return true;
}


bool
gh_rules_valid(gh_str_t block)
{
    bool access = false;

    if (block.len == 0) {
        return true;
    }

    if (block.len == 1 || block.len > GH_RULES_MAX
        || block.data[0] != GH_RULES_FORMAT)
    {
        return false;
    }

    gh_str_t rest = { block.data + 1, block.len - 1 };

    for (bool first = true; rest.len > 0; first = false) {
        gh_str_t conditions;
        uint8_t kind;

        if (!gh_rules_take(&rest, &kind, &conditions)
            || !rule_valid(kind, conditions)) {
            return false;
        }

        if (!first && access != (kind == GH_RULE_ACCESS)) {
            return false;
        }

        access = kind == GH_RULE_ACCESS;
    }

    return true;
}


static bool
rule_valid(uint8_t kind, gh_str_t conditions)
{
    if (kind < GH_RULE_ADMIT || kind > GH_RULE_ACCESS) {
        return false;
    }

    /* nobody can type a line that admits everybody */
    if (kind == GH_RULE_ADMIT && conditions.len == 0) {
        return false;
    }

    while (conditions.len > 0) {
        gh_str_t body;
        uint8_t word;

        if (!gh_rules_take(&conditions, &word, &body)
            || !condition_valid(word, body)) {
            return false;
        }
    }

    return true;
}


static bool
condition_valid(uint8_t word, gh_str_t body)
{
    gh_str_t pointer, value;

    if (!gh_rules_take_text(&body, &pointer)
        || !gh_rules_word_valid((gh_rule_word_t) word, pointer)
        || body.len == 0)
    {
        return false;
    }

    while (body.len > 0) {
        if (!gh_rules_take_text(&body, &value)
            || !gh_rules_value_valid((gh_rule_word_t) word, value))
        {
            return false;
        }
    }

    return true;
}


bool
gh_rules_word_valid(gh_rule_word_t word, gh_str_t pointer)
{
    gh_json_path_t path;

    if (word == GH_WORD_CLAIM) {
        return pointer.len > 0 && gh_json_path_init(&path, pointer);
    }

    return word >= GH_WORD_GROUP && word < GH_WORD_CLAIM && pointer.len == 0;
}


bool
gh_rules_value_valid(gh_rule_word_t word, gh_str_t value)
{
    if (word == GH_WORD_METHOD) {
        for (size_t i = 0; i < value.len; i++) {
            if (!is_token(value.data[i])) {
                return false;
            }
        }
    }

    return value.len > 0;
}


/* RFC 9110 section 5.6.2; no lower-case method is in use, and one typed so
 * would never match. */
static bool
is_token(char c)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || (c != '\0' && strchr(others, c) != NULL);
}
