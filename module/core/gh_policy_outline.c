/*
 * Walks the two outer levels of a document by itself (RFC 8259 section 4)
 * and lets jansson judge each value it finds there.
 */

#include "gh_policy_outline.h"

#define NAMES_MAX 32 /* unknown ones beyond are complained about anyway */


typedef struct {
    gh_str_t names[NAMES_MAX];
    size_t n;
} seen_t;


static bool walk(gh_policy_reader_t *rd, seen_t *seen);
static bool member(gh_policy_reader_t *rd, seen_t *seen);
static bool remember(gh_policy_reader_t *rd, seen_t *seen, gh_str_t name);
static bool is_section(gh_str_t name);
static bool value(gh_policy_reader_t *rd);
static bool judge(gh_policy_reader_t *rd, gh_str_t text, gh_str_t bare);
static bool refused(gh_policy_reader_t *rd, gh_str_t text,
                    const gh_json_error_t *why);
static size_t offset_of(gh_str_t text, const gh_json_error_t *why);
static bool find_twin(gh_str_t text, size_t second, gh_str_t *first);
static bool syntax(gh_policy_reader_t *rd, const char *message);


bool
gh_policy_outline(gh_policy_reader_t *rd)
{
    seen_t seen = { .n = 0 };

    gh_policy_next(rd);

    if (rd->token.len == 0) {
        return syntax(rd, "the file is empty; an empty document is {}");
    }

    if (gh_str_starts(rd->token, GH_STR("\xef\xbb\xbf"))) {
        return syntax(rd, "not JSON: begins with a byte order mark; save it "
                          "without one");
    }

    if (!gh_policy_token_is(rd, '{')) {
        return syntax(rd, "a policy document is an object: { \"plans\": ..., "
                          "\"consumers\": ..., \"services\": ... }");
    }

    if (!walk(rd, &seen)) {
        return false;
    }

    gh_policy_next(rd);

    if (rd->token.len > 0) {
        return syntax(rd, "something follows the end of the document");
    }

    return !rd->complained;
}


/* An object, from its brace to its brace; seen is NULL on the inner level. */
static bool
walk(gh_policy_reader_t *rd, seen_t *seen)
{
    gh_policy_next(rd);

    if (gh_policy_token_is(rd, '}')) {
        return true;
    }

    for (;;) {
        if (!gh_policy_token_is(rd, '"') || rd->token.len < 2
            || rd->token.data[rd->token.len - 1] != '"')
        {
            return syntax(rd, "not JSON: expected a name in double quotes");
        }

        if (!member(rd, seen)) {
            return false;
        }

        gh_policy_next(rd);

        if (gh_policy_token_is(rd, '}')) {
            return true;
        }

        if (!gh_policy_token_is(rd, ',')) {
            return syntax(rd, "not JSON: expected ',' or '}'");
        }

        gh_policy_next(rd);
    }
}


static bool
member(gh_policy_reader_t *rd, seen_t *seen)
{
    gh_str_t name = rd->token;

    if (seen != NULL && !remember(rd, seen, name)) {
        return false;
    }

    gh_policy_next(rd);

    if (!gh_policy_token_is(rd, ':')) {
        return syntax(rd, "not JSON: expected ':'");
    }

    gh_policy_next(rd);

    if (seen != NULL && is_section(name) && gh_policy_token_is(rd, '{')) {
        return walk(rd, NULL);
    }

    return value(rd);
}


static bool
remember(gh_policy_reader_t *rd, seen_t *seen, gh_str_t name)
{
    /* one spelling each, so that twice is seen */
    if (memchr(name.data, '\\', name.len) != NULL) {
        return syntax(rd, "members of a document are written without '\\'");
    }

    for (size_t i = 0; i < seen->n; i++) {
        if (gh_str_eq(seen->names[i], name)) {
            gh_policy_place_t first = gh_policy_place(rd, seen->names[i]);

            gh_policy_complain(rd, name,
                               "member %s appears twice; the first is at "
                               "%u:%u; put all entries into one",
                               gh_policy_word(name).text, first.line,
                               first.column);
            return false;
        }
    }

    if (seen->n < NAMES_MAX) {
        seen->names[seen->n++] = name;
    }

    return true;
}


static bool
is_section(gh_str_t name)
{
    return gh_str_eq(name, GH_STR("\"plans\""))
           || gh_str_eq(name, GH_STR("\"consumers\""))
           || gh_str_eq(name, GH_STR("\"services\""));
}


/* jansson reads objects and arrays: anything else is put into an array. */
static bool
value(gh_policy_reader_t *rd)
{
    gh_str_t first = rd->token;

    if (gh_policy_token_is(rd, '{') || gh_policy_token_is(rd, '[')) {
        gh_policy_skip(rd);

        gh_str_t text = { first.data, (size_t) (rd->token.data + rd->token.len
                                                - first.data) };

        return judge(rd, text, text);
    }

    rd->scratch.n = 0;

    if (gh_policy_list_add(&rd->scratch, rd->a, "[", 1) == NULL
        || (first.len > 0
            && gh_policy_list_add(&rd->scratch, rd->a, first.data,
                                  (uint32_t) first.len)
                   == NULL)
        || gh_policy_list_add(&rd->scratch, rd->a, "]", 1) == NULL)
    {
        rd->rc = GH_NOMEM;
        return false;
    }

    return judge(rd, (gh_str_t){ rd->scratch.items, rd->scratch.n }, first);
}


/* bare is what stands in the document. */
static bool
judge(gh_policy_reader_t *rd, gh_str_t text, gh_str_t bare)
{
    gh_json_error_t why;
    json_t *tree;
    gh_rc_t rc = gh_json_parse(text, text.len, &tree, &why);

    json_decref(tree);

    if (rc == GH_OK) {
        return true;
    }

    if (rc == GH_NOMEM) {
        rd->rc = GH_NOMEM;
        return false;
    }

    if (bare.data != text.data) {
        gh_policy_complain(rd, bare, "not JSON: %s", why.message);
        return false;
    }

    return refused(rd, text, &why);
}


/* True if what follows can still be judged. */
static bool
refused(gh_policy_reader_t *rd, gh_str_t text, const gh_json_error_t *why)
{
    size_t offset = offset_of(text, why);
    gh_str_t at = { text.data + offset, 0 };
    gh_str_t first;

    if (!find_twin(text, offset, &first)) {
        gh_policy_complain(rd, at, "not JSON: %s", why->message);
        return false;
    }

    gh_policy_place_t place = gh_policy_place(rd, first);

    gh_policy_complain(rd, at, "%s; the first is at %u:%u", why->message,
                       place.line, place.column);
    return true;
}


static size_t
offset_of(gh_str_t text, const gh_json_error_t *why)
{
    size_t line_at = 0;

    for (unsigned line = 1; line < why->line; line++) {
        const char *newline =
            memchr(text.data + line_at, '\n', text.len - line_at);

        if (newline == NULL) {
            break;
        }

        line_at = (size_t) (newline - text.data) + 1;
    }

    size_t offset = line_at + (why->column == 0 ? 0 : why->column - 1);

    return offset <= text.len ? offset : text.len;
}


/*
 * The member of the same object and name before the one at `second`. What
 * was not complained about for coming twice finds none: a string that is no
 * member's name is not followed by a colon.
 */
static bool
find_twin(gh_str_t text, size_t second, gh_str_t *first)
{
    gh_json_scan_t scan = { text, 0 };
    size_t opened[GH_JSON_DEPTH_MAX + 1] = { 0 };
    size_t depth = 0;
    gh_str_t token, name = { NULL, 0 };

    while (name.data == NULL && gh_json_scan_next(&scan, &token)) {
        char c = token.data[0];

        if ((size_t) (token.data - text.data) == second) {
            name = token;

        } else if ((c == '{' || c == '[') && depth < GH_JSON_DEPTH_MAX) {
            opened[++depth] = scan.at;

        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }

    if (name.data == NULL || name.data[0] != '"') {
        return false;
    }

    scan.at = opened[depth];
    depth = 0;

    while (gh_json_scan_next(&scan, &token) && token.data < name.data) {
        char c = token.data[0];

        if (c == '{' || c == '[') {
            depth++;

        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;

        } else if (depth == 0 && gh_str_eq(token, name)) {
            *first = token;

            if (!gh_json_scan_next(&scan, &token)) {
                return false;
            }

            if (token.data[0] == ':') {
                return true;
            }
        }
    }

    return false;
}


static bool
syntax(gh_policy_reader_t *rd, const char *message)
{
    gh_policy_complain(rd, rd->token, "%s", message);

    return false;
}
