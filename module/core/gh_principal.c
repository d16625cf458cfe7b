/*
 * Principals as words and as header values. Whatever a provider put into a
 * claim, what leaves here is one line of visible ASCII that decodes to it.
 */

#include "gh_principal.h"


/* What an encoder did with the value. */
typedef enum {
    WHOLE = 0,
    CUT,    /* max came first */
    NO_ROOM /* the buffer's end came first; nothing was appended */
} encoded_t;


static encoded_t encode(gh_str_t raw, size_t max, bool member, gh_buf_t *out);
static size_t plain_start(gh_str_t raw, size_t max, bool member,
                          gh_buf_t *out);
static size_t character_len(const char *at, size_t left);
static bool passes(gh_str_t raw, size_t i, bool member);
static inline bool stands(char c, bool member);
static void put_encoded(gh_str_t bytes, gh_buf_t *out);
static gh_rc_t anonymous_part(gh_part_t part, gh_buf_t *out);
static gh_rc_t who_part(gh_str_t value, gh_buf_t *out);
static gh_rc_t name_part(gh_str_t value, gh_buf_t *out);
static gh_rc_t email_part(gh_str_t value, gh_buf_t *out);
static gh_rc_t list_part(const gh_str_t *items, size_t n, gh_buf_t *out);
static gh_str_t subject(const gh_principal_t *p);


static const gh_str_t methods[GH_METHOD_COUNT] = {
    [GH_METHOD_NONE] = { "none", 4 },
    [GH_METHOD_API_KEY] = { "api_key", 7 },
    [GH_METHOD_TOKEN] = { "token", 5 },
    [GH_METHOD_OIDC] = { "oidc", 4 },
    [GH_METHOD_SIGNATURE] = { "signature", 9 },
};

static const gh_str_t types[] = {
    [GH_PRINCIPAL_ANONYMOUS] = { "anonymous", 9 },
    [GH_PRINCIPAL_USER] = { "user", 4 },
    [GH_PRINCIPAL_CONSUMER] = { "consumer", 8 },
    [GH_PRINCIPAL_CLIENT] = { "client", 6 },
};


gh_str_t
gh_method_word(gh_method_t method)
{
    return methods[(unsigned) method < GH_METHOD_COUNT ? method
                                                       : GH_METHOD_NONE];
}


gh_str_t
gh_principal_type_word(gh_principal_type_t type)
{
    return types[(unsigned) type < sizeof(types) / sizeof(types[0])
                     ? type
                     : GH_PRINCIPAL_ANONYMOUS];
}


gh_rc_t
gh_principal_value(gh_str_t raw, size_t max, gh_buf_t *out)
{
    return encode(raw, max, false, out) == NO_ROOM ? GH_TOO_LONG : GH_OK;
}


gh_rc_t
gh_principal_list(const gh_str_t *items, size_t n, size_t max, gh_buf_t *out)
{
    size_t base = out->len;

    for (size_t i = 0; i < n; i++) {
        size_t before = out->len, comma = before > base;

        if (items[i].len == 0 || before - base + comma >= max) {
            continue;
        }

        if (comma == 1 && gh_buf_add_char(out, ',') != GH_OK) {
            out->len = base;
            return GH_TOO_LONG;
        }

        switch (encode(items[i], max - (out->len - base), true, out)) {

        case WHOLE:
            break;

        case CUT:
            out->len = before;
            break;

        case NO_ROOM:
            out->len = base;
            return GH_TOO_LONG;
        }
    }

    return GH_OK;
}


static encoded_t
encode(gh_str_t raw, size_t max, bool member, gh_buf_t *out)
{
    size_t base = out->len, used = plain_start(raw, max, member, out);

    for (size_t i = used; i < raw.len; /* void */) {
        bool plain = passes(raw, i, member);
        size_t n = plain ? 1 : character_len(raw.data + i, raw.len - i);
        size_t need = plain ? 1 : 3 * n;

        if (need > max - used) {
            if (used > 0 && out->data[out->len - 1] == ' ') {
                out->len--;
            }

            return CUT;
        }

        if (need > out->cap - out->len) {
            out->len = base;
            return NO_ROOM;
        }

        if (plain) {
            out->data[out->len++] = raw.data[i];

        } else {
            put_encoded((gh_str_t){ raw.data + i, n }, out);
        }

        used += need;
        i += n;
    }

    return WHOLE;
}


/* Copies what needs no thought, which mostly is all of it. */
static size_t
plain_start(gh_str_t raw, size_t max, bool member, gh_buf_t *out)
{
    size_t room = out->cap - out->len;
    size_t n = 0, most = max < room ? max : room;

    most = raw.len < most ? raw.len : most;

    while (n < most && stands(raw.data[n], member)) {
        n++;
    }

    if (n > 0) {
        memcpy(out->data + out->len, raw.data, n);
        out->len += n;
    }

    return n;
}


/* A space passes between two bytes that are none. */
static bool
passes(gh_str_t raw, size_t i, bool member)
{
    char c = raw.data[i];

    if (c == ' ') {
        return i > 0 && i + 1 < raw.len && raw.data[i - 1] != ' '
               && raw.data[i + 1] != ' ';
    }

    return stands(c, member);
}


static inline bool
stands(char c, bool member)
{
    return c > ' ' && c < 0x7f && c != '%' && !(member && c == ',');
}


/* Bytes that belong together: as the first one of UTF-8 says, and 1 for
 * what is not UTF-8. */
static size_t
character_len(const char *at, size_t left)
{
    uint8_t first = (uint8_t) *at;
    size_t len = first < 0xc2   ? 1
                 : first < 0xe0 ? 2
                 : first < 0xf0 ? 3
                 : first < 0xf5 ? 4
                                : 1;

    if (len > left) {
        return 1;
    }

    for (size_t i = 1; i < len; i++) {
        if (((uint8_t) at[i] & 0xc0) != 0x80) {
            return 1;
        }
    }

    return len;
}


static void
put_encoded(gh_str_t bytes, gh_buf_t *out)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t byte = (uint8_t) bytes.data[i];

        out->data[out->len++] = '%';
        out->data[out->len++] = digits[byte >> 4];
        out->data[out->len++] = digits[byte & 15];
    }
}


gh_rc_t
gh_principal_part(const gh_principal_t *p, gh_part_t part, gh_buf_t *out)
{
    if (p == NULL || p->type == GH_PRINCIPAL_ANONYMOUS) {
        return anonymous_part(part, out);
    }

    switch (part) {

    case GH_PART_ID:
        return who_part(p->id, out);

    case GH_PART_TYPE:
        return gh_buf_add(out, gh_principal_type_word(p->type));

    case GH_PART_NAME:
        return name_part(p->name, out);

    case GH_PART_EMAIL:
        return email_part(p->email, out);

    case GH_PART_GROUPS:
        return list_part(p->groups, p->n_groups, out);

    case GH_PART_SCOPES:
        return list_part(p->scopes, p->n_scopes, out);

    case GH_PART_ISSUER:
        return who_part(p->issuer, out);

    case GH_PART_CONSUMER:
        return who_part(p->consumer, out);

    case GH_PART_METHOD:
        return p->method == GH_METHOD_NONE
                   ? GH_ABSENT
                   : gh_buf_add(out, gh_method_word(p->method));

    case GH_PART_SUBJECT:
        return who_part(subject(p), out);

    case GH_PART_CREDENTIAL:
        return who_part(
            p->type == GH_PRINCIPAL_USER ? subject(p) : p->credential, out);

    case GH_PART_ASSERTION:
    case GH_PART_ANONYMOUS:
    case GH_PART_NONE:
    case GH_PART_COUNT:
        break;
    }

    return GH_ABSENT;
}


static gh_rc_t
anonymous_part(gh_part_t part, gh_buf_t *out)
{
    return part == GH_PART_ANONYMOUS ? gh_buf_add(out, GH_STR("true"))
                                     : GH_ABSENT;
}


/* "2482" of "staff:2482". */
static gh_str_t
subject(const gh_principal_t *p)
{
    gh_str_t rest;

    (void) gh_str_cut(p->id, ':', &rest);

    return rest.data == NULL ? p->id : rest;
}


static gh_rc_t
who_part(gh_str_t value, gh_buf_t *out)
{
    size_t base = out->len;

    if (value.len == 0) {
        return GH_ABSENT;
    }

    if (encode(value, GH_PRINCIPAL_VALUE_MAX, false, out) != WHOLE) {
        out->len = base;
        return GH_TOO_LONG;
    }

    return GH_OK;
}


static gh_rc_t
name_part(gh_str_t value, gh_buf_t *out)
{
    return value.len == 0
               ? GH_ABSENT
               : gh_principal_value(value, GH_PRINCIPAL_VALUE_MAX, out);
}


static gh_rc_t
email_part(gh_str_t value, gh_buf_t *out)
{
    size_t base = out->len;

    if (value.len == 0) {
        return GH_ABSENT;
    }

    switch (encode(value, GH_PRINCIPAL_VALUE_MAX, false, out)) {

    case WHOLE:
        return GH_OK;

    case NO_ROOM:
        return GH_TOO_LONG;

    case CUT:
        break;
    }

    out->len = base;
    return GH_ABSENT;
}


static gh_rc_t
list_part(const gh_str_t *items, size_t n, gh_buf_t *out)
{
    size_t base = out->len;
    gh_rc_t rc = gh_principal_list(items, n, GH_PRINCIPAL_LIST_MAX, out);

    return rc == GH_OK && out->len == base ? GH_ABSENT : rc;
}
