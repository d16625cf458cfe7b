/*
 * Tokens, strings and places of a policy document, and adding to its part.
 */

#include "gh_policy_read.h"

#include <stdarg.h>
#include <stdio.h>


static bool unescape(gh_policy_reader_t *rd, json_t **slot, gh_str_t token,
                     gh_str_t *out);
static void complain(gh_policy_reader_t *rd, gh_policy_place_t place,
                     const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
static uint32_t recent_slot(gh_str_t s);


void
gh_policy_reader_init(gh_policy_reader_t *rd, gh_str_t text)
{
    memset(rd, 0, sizeof(*rd));
    rd->scan.text = text;
    rd->line = 1;
    rd->scratch.size = 1;
}


void
gh_policy_reader_clear(gh_policy_reader_t *rd)
{
    json_decref(rd->decoded[0]);
    json_decref(rd->decoded[1]);
    gh_policy_list_free(&rd->scratch, rd->a);
}


void
gh_policy_next(gh_policy_reader_t *rd)
{
    if (!gh_json_scan_next(&rd->scan, &rd->token)) {
        rd->token = (gh_str_t){ rd->scan.text.data + rd->scan.text.len, 0 };
    }
}


bool
gh_policy_token_is(const gh_policy_reader_t *rd, char c)
{
    return rd->token.len > 0 && rd->token.data[0] == c;
}


void
gh_policy_skip(gh_policy_reader_t *rd)
{
    size_t depth = 0;

    for (;;) {
        if (gh_policy_token_is(rd, '{') || gh_policy_token_is(rd, '[')) {
            depth++;

        } else if (depth > 0
                   && (gh_policy_token_is(rd, '}')
                       || gh_policy_token_is(rd, ']')))
        {
            depth--;
        }

        if (depth == 0 || rd->token.len == 0) {
            return;
        }

        gh_policy_next(rd);
    }
}


gh_policy_type_t
gh_policy_type(const gh_policy_reader_t *rd)
{
    switch (rd->token.len == 0 ? '\0' : rd->token.data[0]) {

    case '"':
        return GH_POLICY_STRING;

    case '{':
        return GH_POLICY_OBJECT;

    case '[':
        return GH_POLICY_ARRAY;

    case 't':
    case 'f':
        return GH_POLICY_BOOL;

    case 'n':
        return GH_POLICY_NULL;

    default:
        return GH_POLICY_NUMBER;
    }
}


bool
gh_policy_string(gh_policy_reader_t *rd, gh_str_t *out)
{
    return gh_policy_text(rd, rd->token, &rd->decoded[1], out);
}


/*
 * What a string token says. Names and values have a slot each, so that a
 * name outlives its value.
 */
bool
gh_policy_text(gh_policy_reader_t *rd, gh_str_t token, json_t **slot,
               gh_str_t *out)
{
    if (token.len < 2 || token.data[token.len - 1] != '"') {
        gh_policy_complain(rd, token, "the text ends too early");
        return false;
    }

    *out = (gh_str_t){ token.data + 1, token.len - 2 };

    if (memchr(out->data, '\\', out->len) == NULL) {
        return true;
    }

    return unescape(rd, slot, token, out);
}


/* Rare enough to let jansson do it. */
static bool
unescape(gh_policy_reader_t *rd, json_t **slot, gh_str_t token, gh_str_t *out)
{
    gh_json_error_t why;
    json_t *array;

    rd->scratch.n = 0;

    if (gh_policy_list_add(&rd->scratch, rd->a, "[", 1) == NULL
        || gh_policy_list_add(&rd->scratch, rd->a, token.data,
                              (uint32_t) token.len)
               == NULL
        || gh_policy_list_add(&rd->scratch, rd->a, "]", 1) == NULL)
    {
        rd->rc = GH_NOMEM;
        return false;
    }

    gh_str_t text = { rd->scratch.items, rd->scratch.n };
    gh_rc_t rc = gh_json_parse(text, text.len, &array, &why);

    if (rc == GH_NOMEM) {
        rd->rc = GH_NOMEM;
        return false;
    }

    if (rc != GH_OK) {
        gh_policy_complain(rd, token, "%s", why.message);
        return false;
    }

    json_decref(*slot);
    *slot = json_incref(json_array_get(array, 0));
    json_decref(array);

    *out = (gh_str_t){ json_string_value(*slot), json_string_length(*slot) };
    return true;
}


gh_policy_place_t
gh_policy_place(gh_policy_reader_t *rd, gh_str_t at)
{
    gh_str_t text = rd->scan.text;
    size_t offset = (size_t) (at.data - text.data);

    if (offset < rd->line_at) {
        rd->line = 1;
        rd->line_at = 0;
    }

    if (offset < rd->placed_at) {
        rd->placed_at = rd->line_at;
    }

    while (rd->placed_at < offset) {
        const char *from = text.data + rd->placed_at;
        const char *newline = memchr(from, '\n', offset - rd->placed_at);

        if (newline == NULL) {
            break;
        }

        rd->line++;
        rd->line_at = (size_t) (newline - text.data) + 1;
        rd->placed_at = rd->line_at;
    }

    rd->placed_at = offset;

    return (gh_policy_place_t){ rd->line,
                                (uint32_t) (offset - rd->line_at + 1) };
}


void
gh_policy_complain(gh_policy_reader_t *rd, gh_str_t at, const char *format,
                   ...)
{
    gh_policy_place_t place = { 0, 0 };
    va_list args;

    /* what will not be kept need not be found */
    if (rd->errors != NULL && rd->errors->n < GH_POLICY_ERRORS_MAX) {
        place = gh_policy_place(rd, at);
    }

    va_start(args, format);
    complain(rd, place, format, args);
    va_end(args);
}


void
gh_policy_complain_at(gh_policy_reader_t *rd, gh_policy_place_t place,
                      const char *format, ...)
{
    va_list args;

    va_start(args, format);
    complain(rd, place, format, args);
    va_end(args);
}


static void
complain(gh_policy_reader_t *rd, gh_policy_place_t place, const char *format,
         va_list args)
{
    char message[sizeof(((gh_policy_error_t *) NULL)->message)];

    (void) vsnprintf(message, sizeof(message), format, args);

    rd->complained = true;
    gh_policy_error_add(rd->errors, rd->file, place, "%s", message);
}


uint32_t
gh_policy_add(gh_policy_reader_t *rd, gh_policy_kind_t kind, const void *item)
{
    gh_policy_list_t *list = &rd->part->lists[kind];

    if (gh_policy_list_add(list, rd->a, item, 1) == NULL) {
        rd->rc = GH_NOMEM;
        return 0;
    }

    return list->n - 1;
}


uint32_t
gh_policy_count(const gh_policy_reader_t *rd, gh_policy_kind_t kind)
{
    return rd->part->lists[kind].n;
}


gh_ref_t
gh_policy_keep(gh_policy_reader_t *rd, gh_str_t s)
{
    gh_policy_list_t *pool = &rd->part->lists[GH_POLICY_POOL];
    gh_ref_t ref = { pool->n, (uint32_t) s.len };

    if (s.len == 0) {
        return (gh_ref_t){ 0, 0 };
    }

    if (gh_policy_list_add(pool, rd->a, s.data, ref.len) == NULL) {
        rd->rc = GH_NOMEM;
        return (gh_ref_t){ 0, 0 };
    }

    return ref;
}


gh_ref_t
gh_policy_intern(gh_policy_reader_t *rd, gh_str_t s)
{
    gh_ref_t *recent = &rd->recent[recent_slot(s)];

    if (recent->len != s.len
        || !gh_str_eq(gh_policy_part_str(rd->part, *recent), s))
    {
        *recent = gh_policy_keep(rd, s);
    }

    return *recent;
}


/* Any spread will do: a miss costs a few bytes. */
static uint32_t
recent_slot(gh_str_t s)
{
    uint32_t h = (uint32_t) s.len;

    for (size_t i = 0; i < s.len; i++) {
        h = h * 31 + (unsigned char) s.data[i];
    }

    return (h ^ h >> 16) & (GH_POLICY_RECENT - 1);
}
