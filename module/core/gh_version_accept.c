/*
 * The version that an Accept value asks for (RFC 9110 section 12.5.1). It is
 * read by its grammar, so that a comma or semicolon in a quoted string ends
 * nothing; what is no media range is passed over, as clients send such.
 */

#include "gh_version.h"


/* One media range, as far as we need it. */
typedef struct {
    bool refused;     /* q=0 */
    gh_str_t version; /* len 0: none */
    bool conflict;
    bool invalid;
} range_t;


static bool cut_unquoted(gh_str_t *s, char sep, gh_str_t *out);
static void read_range(gh_str_t text, range_t *out);
static void read_parameter(gh_str_t text, range_t *out);
static void add_version(gh_str_t name, range_t *out);
static gh_str_t unquoted(gh_str_t value);
static bool q_is_zero(gh_str_t value);
static gh_str_t of_subtype(gh_str_t subtype);
static bool is_number(gh_str_t s);


gh_rc_t
gh_version_from_accept(gh_str_t accept, gh_str_t *out)
{
    gh_str_t found = { NULL, 0 };
    gh_rc_t rc = GH_OK;

    while (accept.data != NULL && rc == GH_OK) {
        gh_str_t text;
        range_t range = { 0 };

        if (!cut_unquoted(&accept, ',', &text)) {
            return GH_INVALID;
        }

        read_range(gh_str_trim(text), &range);

        if (range.refused) {
            continue;
        }

        if (range.invalid) {
            return GH_INVALID;
        }

        if (range.conflict
            || (found.len > 0 && range.version.len > 0
                && !gh_version_same(found, range.version)))
        {
            rc = GH_CONFLICT;
        }

        if (found.len == 0) {
            found = range.version;
        }
    }

    if (rc == GH_OK && found.len == 0) {
        return GH_ABSENT;
    }

    if (rc == GH_OK) {
        *out = found;
    }

    return rc;
}


/*
 * What is before the first `sep` outside quotes goes to *out; *s becomes
 * what follows (data NULL: nothing). False: a quoted string has no end.
 */
static bool
cut_unquoted(gh_str_t *s, char sep, gh_str_t *out)
{
    bool quoted = false;

    for (size_t i = 0; i < s->len; i++) {
        char c = s->data[i];

        if (c == '"') {
            quoted = !quoted;

        } else if (c == '\\' && quoted) {
            i++;

        } else if (c == sep && !quoted) {
            *out = (gh_str_t){ s->data, i };
            *s = (gh_str_t){ s->data + i + 1, s->len - i - 1 };
            return true;
        }
    }

    *out = *s;
    *s = (gh_str_t){ NULL, 0 };

    return !quoted;
}


static void
read_range(gh_str_t text, range_t *out)
{
    gh_str_t type, subtype, parameter;

    (void) cut_unquoted(&text, ';', &type);
    type = gh_str_trim(type);
    (void) gh_str_cut(type, '/', &subtype);

    if (subtype.len == 0) {
        return;
    }

    while (text.data != NULL) {
        (void) cut_unquoted(&text, ';', &parameter);
        read_parameter(gh_str_trim(parameter), out);
    }

    gh_str_t name = of_subtype(subtype);

    if (name.len > 0) {
        add_version(name, out);
    }
}


static void
read_parameter(gh_str_t text, range_t *out)
{
    gh_str_t value;
    gh_str_t name = gh_str_trim(gh_str_cut(text, '=', &value));

    value = gh_str_trim(value);

    if (gh_str_eq_nocase(name, GH_STR("q"))) {
        out->refused = out->refused || q_is_zero(value);

    } else if (gh_str_eq_nocase(name, GH_STR("version"))) {
        add_version(unquoted(value), out);
    }
}


static void
add_version(gh_str_t name, range_t *out)
{
    if (!gh_version_name_valid(name)) {
        out->invalid = true;

    } else if (out->version.len == 0) {
        out->version = name;

    } else if (!gh_version_same(out->version, name)) {
        out->conflict = true;
    }
}


/* Escapes stay: no version name has a backslash. */
static gh_str_t
unquoted(gh_str_t value)
{
    if (value.len >= 2 && value.data[0] == '"'
        && value.data[value.len - 1] == '"') {
        value.data++;
        value.len -= 2;
    }

    return value;
}


/* 0, 0.0, 0.000 (RFC 9110 section 12.4.2); more zeros mean the same. */
static bool
q_is_zero(gh_str_t value)
{
    if (value.len == 0 || value.data[0] != '0'
        || (value.len > 1 && value.data[1] != '.'))
    {
        return false;
    }

    for (size_t i = 2; i < value.len; i++) {
        if (value.data[i] != '0') {
            return false;
        }
    }

    return true;
}


/* "v2" of "vnd.example.orders.v2+json"; the longest, so "v2.1" of ".v2.1". */
static gh_str_t
of_subtype(gh_str_t subtype)
{
    gh_str_t suffix;
    gh_str_t stem = gh_str_cut(subtype, '+', &suffix);

    for (size_t i = 0; i + 2 < stem.len; i++) {
        gh_str_t name = { stem.data + i + 1, stem.len - i - 1 };

        if ((stem.data[i] == '.' || stem.data[i] == '-') && name.data[0] == 'v'
            && is_number((gh_str_t){ name.data + 1, name.len - 1 }))
        {
            return name;
        }
    }

    return (gh_str_t){ NULL, 0 };
}


/* Digits, with single dots between them. */
static bool
is_number(gh_str_t s)
{
    bool digit = false;

    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '.' && digit) {
            digit = false;

        } else if (s.data[i] >= '0' && s.data[i] <= '9') {
            digit = true;

        } else {
            return false;
        }
    }

    return digit;
}
