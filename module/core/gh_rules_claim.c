/*
 * Compares a verified claim with the texts of a rule. A rule knows no types,
 * so the text of a value is what counts; objects and null match nothing.
 */

#include "gh_rules_block.h"

#include <stdlib.h>


#define NUMBER_MAX 40 /* bytes of a number in a rule */


static bool one_of(const json_t *claim, gh_str_t values);
static bool claim_is(const json_t *claim, gh_str_t value);
static bool integer_is(json_int_t n, gh_str_t value);
static bool real_is(double n, gh_str_t value);


bool
gh_rules_claim_matches(const json_t *claims, gh_str_t pointer, gh_str_t values)
{
    if (claims == NULL) {
        return false;
    }

    /* only read, but jansson's getters give what could be written */
    const json_t *claim =
        gh_json_pointer((json_t *) (uintptr_t) claims, pointer);

    if (!json_is_array(claim)) {
        return one_of(claim, values);
    }

    for (size_t i = 0; i < json_array_size(claim); i++) {
        if (one_of(json_array_get(claim, i), values)) {
            return true;
        }
    }

    return false;
}


static bool
one_of(const json_t *claim, gh_str_t values)
{
    gh_str_t value;

    while (values.len > 0 && gh_rules_take_text(&values, &value)) {
        if (claim_is(claim, value)) {
            return true;
        }
    }

    return false;
}


static bool
claim_is(const json_t *claim, gh_str_t value)
{
    if (claim == NULL) {
        return false;
    }

    switch (json_typeof(claim)) {

    case JSON_STRING:
        return gh_str_eq(value, (gh_str_t){ json_string_value(claim),
                                            json_string_length(claim) });

    case JSON_INTEGER:
        return integer_is(json_integer_value(claim), value);

    case JSON_REAL:
        return real_is(json_real_value(claim), value);

    case JSON_TRUE:
        return gh_str_eq(value, GH_STR("true"));

    case JSON_FALSE:
        return gh_str_eq(value, GH_STR("false"));

    case JSON_OBJECT:
    case JSON_ARRAY:
    case JSON_NULL:
        break;
    }

    return false;
}


static bool
integer_is(json_int_t n, gh_str_t value)
{
    char room[NUMBER_MAX];
    gh_buf_t text = GH_BUF(room);
    uint64_t size = n < 0 ? 0 - (uint64_t) n : (uint64_t) n;

    (void) gh_buf_add(&text, n < 0 ? GH_STR("-") : GH_STR(""));
    (void) gh_buf_add_u64(&text, size);

    return gh_str_eq(value, gh_buf_str(&text));
}


/* Written as JSON writes numbers: strtod() alone takes "inf" and "0x1" too. */
static bool
real_is(double n, gh_str_t value)
{
    char text[NUMBER_MAX + 1], *end;

    if (value.len == 0 || value.len > NUMBER_MAX) {
        return false;
    }

    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] == '\0'
            || strchr("0123456789+-.eE", value.data[i]) == NULL) {
            return false;
        }

        text[i] = value.data[i];
    }

    text[value.len] = '\0';

    double wanted = strtod(text, &end);

    return end == text + value.len && n <= wanted && n >= wanted;
}
