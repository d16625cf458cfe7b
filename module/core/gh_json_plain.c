/*
 * Objects of plain values (RFC 8259). jansson takes thousands of instructions
 * to look at a token's claims byte by byte; most of them need no second look.
 */

#include "gh_json_plain.h"

#define DEPTH_MAX 4
#define NAME_MAX_BYTES 63
#define DIGITS_MAX 15

#define SPACE 1
#define PLAIN 2 /* stands for itself in a string */


/* Bytes that are left, and how deep they are. */
typedef struct {
    const char *at, *end;
    unsigned depth;
} plain_t;


static gh_rc_t read_value(plain_t *p, json_t **out);
static gh_rc_t read_object(plain_t *p, json_t **out);
static gh_rc_t read_member(plain_t *p, json_t *object);
static gh_rc_t read_array(plain_t *p, json_t **out);
static gh_rc_t read_item(plain_t *p, json_t *array);
static gh_rc_t read_string(plain_t *p, json_t **out);
static gh_rc_t read_number(plain_t *p, json_t **out);
static gh_rc_t read_word(plain_t *p, gh_str_t word, json_t *value,
                         json_t **out);
static bool open_list(plain_t *p);
static bool next(plain_t *p, char close, bool *more);
static bool text_of(plain_t *p, gh_str_t *out);
static bool take(plain_t *p, char c);
static char ahead(plain_t *p);
static gh_rc_t made(json_t *value, json_t **out);


/* clang-format off */
static const uint8_t kinds[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    3, 2, 0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0
};
/* clang-format on */


gh_rc_t
gh_json_plain(gh_str_t text, json_t **out)
{
    *out = NULL;

    if (text.len == 0 || text.len > GH_JSON_PLAIN_MAX) {
        return GH_ABSENT;
    }

    plain_t p = { text.data, text.data + text.len, 0 };
    gh_rc_t rc = ahead(&p) == '{' ? read_object(&p, out) : GH_ABSENT;

    (void) ahead(&p);

    if (rc == GH_OK && p.at != p.end) {
        json_decref(*out);
        rc = GH_ABSENT;
    }

    if (rc != GH_OK) {
        *out = NULL;
    }

    return rc;
}


static gh_rc_t
read_value(plain_t *p, json_t **out)
{
    switch (ahead(p)) {

    case '"':
        return read_string(p, out);

    case '{':
        return read_object(p, out);

    case '[':
        return read_array(p, out);

    case 't':
        return read_word(p, GH_STR("true"), json_true(), out);

    case 'f':
        return read_word(p, GH_STR("false"), json_false(), out);

    case 'n':
        return read_word(p, GH_STR("null"), json_null(), out);

    default:
        return read_number(p, out);
    }
}


static gh_rc_t
read_object(plain_t *p, json_t **out)
{
    bool more = true;
    gh_rc_t rc = open_list(p) ? made(json_object(), out) : GH_ABSENT;

    if (rc != GH_OK) {
        return rc;
    }

    if (ahead(p) == '}') {
        more = !take(p, '}');
    }

    while (rc == GH_OK && more) {
        rc = read_member(p, *out);

        if (rc == GH_OK && !next(p, '}', &more)) {
            rc = GH_ABSENT;
        }
    }

    if (rc != GH_OK) {
        json_decref(*out);
    }

    p->depth--;

    return rc;
}


/* One that is there already is replaced, and jansson asked, who refuses. */
static gh_rc_t
read_member(plain_t *p, json_t *object)
{
    char name[NAME_MAX_BYTES + 1];
    gh_str_t text;
    json_t *value;

    if (!text_of(p, &text) || text.len > NAME_MAX_BYTES || ahead(p) != ':') {
        return GH_ABSENT;
    }

    memcpy(name, text.data, text.len);
    name[text.len] = '\0';
    (void) take(p, ':');

    size_t before = json_object_size(object);
    gh_rc_t rc = read_value(p, &value);

    if (rc != GH_OK) {
        return rc;
    }

    /* takes the value over, also on failure */
    if (json_object_set_new_nocheck(object, name, value) != 0) {
        return GH_NOMEM;
    }

    return json_object_size(object) > before ? GH_OK : GH_ABSENT;
}


static gh_rc_t
read_array(plain_t *p, json_t **out)
{
    bool more = true;
    gh_rc_t rc = open_list(p) ? made(json_array(), out) : GH_ABSENT;

    if (rc != GH_OK) {
        return rc;
    }

    if (ahead(p) == ']') {
        more = !take(p, ']');
    }

    while (rc == GH_OK && more) {
        rc = read_item(p, *out);

        if (rc == GH_OK && !next(p, ']', &more)) {
            rc = GH_ABSENT;
        }
    }

    if (rc != GH_OK) {
        json_decref(*out);
    }

    p->depth--;

    return rc;
}


static gh_rc_t
read_item(plain_t *p, json_t *array)
{
    json_t *value;
    gh_rc_t rc = read_value(p, &value);

    if (rc != GH_OK) {
        return rc;
    }

    return json_array_append_new(array, value) == 0 ? GH_OK : GH_NOMEM;
}


static gh_rc_t
read_string(plain_t *p, json_t **out)
{
    gh_str_t text;

    if (!text_of(p, &text)) {
        return GH_ABSENT;
    }

    return made(json_stringn_nocheck(text.data, text.len), out);
}


/* Not "01", and no sign, fraction or exponent: what follows tells. */
static gh_rc_t
read_number(plain_t *p, json_t **out)
{
    const char *first = p->at;
    json_int_t n = 0;

    while (p->at < p->end && *p->at >= '0' && *p->at <= '9'
           && p->at - first < DIGITS_MAX)
    {
        n = n * 10 + (*p->at - '0');
        p->at++;
    }

    if (p->at == first || p->at == p->end
        || (*first == '0' && p->at - first > 1)) {
        return GH_ABSENT;
    }

    char c = *p->at;

    if (c != ',' && c != '}' && c != ']' && (kinds[(uint8_t) c] & SPACE) == 0)
    {
        return GH_ABSENT;
    }

    return made(json_integer(n), out);
}


/* What follows it is for the list to judge: no letter may. */
static gh_rc_t
read_word(plain_t *p, gh_str_t word, json_t *value, json_t **out)
{
    if ((size_t) (p->end - p->at) < word.len
        || memcmp(p->at, word.data, word.len) != 0)
    {
        return GH_ABSENT;
    }

    p->at += word.len;
    *out = value;

    return GH_OK;
}


/* jansson recurses, and so does this. */
static bool
open_list(plain_t *p)
{
    if (p->depth == DEPTH_MAX) {
        return false;
    }

    p->at++;
    p->depth++;

    return true;
}


/* A comma, after which there is more, or the end. */
static bool
next(plain_t *p, char close, bool *more)
{
    char c = ahead(p);

    *more = c == ',';

    return (c == ',' || c == close) && take(p, c);
}


static bool
text_of(plain_t *p, gh_str_t *out)
{
    if (ahead(p) != '"') {
        return false;
    }

    const char *first = p->at + 1, *at = first;

    while (at < p->end && (kinds[(uint8_t) *at] & PLAIN) != 0) {
        at++;
    }

    if (at == p->end || *at != '"') {
        return false;
    }

    *out = (gh_str_t){ first, (size_t) (at - first) };
    p->at = at + 1;

    return true;
}


static bool
take(plain_t *p, char c)
{
    bool is = p->at < p->end && *p->at == c;

    p->at += is;

    return is;
}


/* The next byte that is no space; '\0', which nothing here begins with, at
 * the end. */
static char
ahead(plain_t *p)
{
    while (p->at < p->end && (kinds[(uint8_t) *p->at] & SPACE) != 0) {
        p->at++;
    }

    return p->at < p->end ? *p->at : '\0';
}


static gh_rc_t
made(json_t *value, json_t **out)
{
    *out = value;

    return value != NULL ? GH_OK : GH_NOMEM;
}
