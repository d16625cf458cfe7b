/*
 * Reads JSON (RFC 8259) through jansson, more strictly than jansson by
 * itself: depth is bounded before it recurses, a member that appears twice
 * is refused, and errors name the place where the offending token begins.
 */

#include "gh_json.h"
#include "gh_json_scan.h"

#include <stdio.h>


static gh_rc_t check_depth(gh_str_t text, gh_json_error_t *err);
static gh_rc_t explain(gh_str_t text, const json_error_t *from,
                       gh_json_error_t *err);
static bool no_memory(const json_error_t *from, gh_str_t token);
static size_t offending(gh_str_t text, const json_error_t *from,
                        gh_str_t *token);
static gh_rc_t fail(gh_rc_t rc, gh_str_t text, size_t offset,
                    gh_json_error_t *err, const char *message);


/* A NumericDate that a double holds to the second. */
static const int64_t date_max = INT64_C(1) << 53;


gh_rc_t
gh_json_parse(gh_str_t text, size_t max_bytes, json_t **out,
              gh_json_error_t *err)
{
    json_error_t from;
    gh_json_error_t unasked;

    if (err == NULL) {
        err = &unasked;
    }

    *out = NULL;

    if (text.len > max_bytes) {
        return fail(GH_TOO_LONG, text, 0, err, "the text is too long");
    }

    if (check_depth(text, err) != GH_OK) {
        return GH_INVALID;
    }

    *out = json_loadb(text.len == 0 ? "" : text.data, text.len,
                      JSON_REJECT_DUPLICATES, &from);

    return *out == NULL ? explain(text, &from, err) : GH_OK;
}


/* jansson recurses, by itself up to 2048 deep. */
static gh_rc_t
check_depth(gh_str_t text, gh_json_error_t *err)
{
    gh_json_scan_t scan = { text, 0 };
    gh_str_t token;
    unsigned depth = 0;

    while (gh_json_scan_next(&scan, &token)) {
        char c = token.data[0];

        if (c == '{' || c == '[') {
            depth++;

        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }

        if (depth > GH_JSON_DEPTH_MAX) {
            return fail(GH_INVALID, text, (size_t) (token.data - text.data),
                        err, "nested too deeply");
        }
    }

    return GH_OK;
}


static gh_rc_t
explain(gh_str_t text, const json_error_t *from, gh_json_error_t *err)
{
    char twice[sizeof(err->message)];
    const char *message = from->text;
    gh_str_t token;
    size_t at = offending(text, from, &token);

    if (no_memory(from, token)) {
        return fail(GH_NOMEM, text, 0, err, "no memory");
    }

    switch (json_error_code(from)) {

    case json_error_invalid_utf8:
        message = "not UTF-8";
        break;

    case json_error_premature_end_of_input:
        message = "the text ends too early";
        break;

    case json_error_end_of_input_expected:
        message = "something follows the end";
        break;

    case json_error_null_character:
    case json_error_null_byte_in_key:
        message = "\\u0000 is not allowed";
        break;

    case json_error_numeric_overflow:
        message = "the number is too large";
        break;

    case json_error_duplicate_key:
        (void) snprintf(twice, sizeof(twice), "member %.*s appears twice",
                        token.len < 80 ? (int) token.len : 80, token.data);
        message = twice;
        break;

    default:
        break;
    }

    return fail(GH_INVALID, text, at, err, message);
}


/*
 * jansson says nothing when malloc fails, or calls a sound string, for which
 * it had no memory, a wrong token; of unsound ones it says what is wrong.
 */
static bool
no_memory(const json_error_t *from, gh_str_t token)
{
    if (from->text[0] == '\0'
        || json_error_code(from) == json_error_out_of_memory) {
        return true;
    }

    return token.len > 0 && token.data[0] == '"'
           && (strncmp(from->text, "invalid token", 13) == 0
               || strncmp(from->text, "string or", 9) == 0);
}


/*
 * Where the last token begins that jansson has read from; it counts the
 * bytes it took, up to and including that token.
 */
static size_t
offending(gh_str_t text, const json_error_t *from, gh_str_t *token)
{
    gh_json_scan_t scan = { text, 0 };
    size_t taken = from->position < 0 ? 0 : (size_t) from->position;
    size_t begins = 0, ends = 0;
    gh_str_t next;

    *token = (gh_str_t){ "", 0 };

    if (json_error_code(from) == json_error_invalid_utf8) {
        return taken;
    }

    while (gh_json_scan_next(&scan, &next)
           && (size_t) (next.data - text.data) < taken)
    {
        *token = next;
        begins = (size_t) (next.data - text.data);
        ends = scan.at;
    }

    /* what is missing is missing behind it, unless it is half a string */
    if (json_error_code(from) == json_error_premature_end_of_input
        && strncmp(from->text, "premature", 9) != 0)
    {
        return ends;
    }

    return begins;
}


static gh_rc_t
fail(gh_rc_t rc, gh_str_t text, size_t offset, gh_json_error_t *err,
     const char *message)
{
    size_t len = strnlen(message, sizeof(err->message) - 1);

    gh_json_scan_place(text, offset, &err->line, &err->column);

    for (size_t i = 0; i < len; i++) {
        bool printable = message[i] >= ' ' && message[i] <= '~';

        err->message[i] = '?';
        if (printable) {
            err->message[i] = message[i];
        }
    }

    err->message[len] = '\0';
    return rc;
}


gh_rc_t
gh_json_str(const json_t *object, const char *name, gh_str_t *out)
{
    const json_t *value = json_object_get(object, name);

    if (value == NULL) {
        return json_is_object(object) ? GH_ABSENT : GH_INVALID;
    }

    if (!json_is_string(value)) {
        return GH_INVALID;
    }

    *out = (gh_str_t){ json_string_value(value), json_string_length(value) };
    return GH_OK;
}


gh_rc_t
gh_json_bool(const json_t *object, const char *name, bool *out)
{
    const json_t *value = json_object_get(object, name);

    if (value == NULL) {
        return json_is_object(object) ? GH_ABSENT : GH_INVALID;
    }

    if (!json_is_boolean(value)) {
        return GH_INVALID;
    }

    *out = json_is_true(value);
    return GH_OK;
}


gh_rc_t
gh_json_date(const json_t *object, const char *name, int64_t *out_s)
{
    const json_t *value = json_object_get(object, name);

    if (value == NULL) {
        return json_is_object(object) ? GH_ABSENT : GH_INVALID;
    }

    if (json_is_integer(value)) {
        json_int_t n = json_integer_value(value);

        if (n < 0 || n > date_max) {
            return GH_INVALID;
        }

        *out_s = (int64_t) n;
        return GH_OK;
    }

    /* compared as a double before it becomes an integer (RFC 7519) */
    double real = json_real_value(value);

    if (!json_is_real(value) || !(real >= 0) || real > (double) date_max) {
        return GH_INVALID;
    }

    *out_s = (int64_t) real;
    return GH_OK;
}
