/*
 * Keys and bare items of structured fields (RFC 9651 sections 4.2.3.1 and
 * 4.2.3.3 to 4.2.10), read and written.
 */

#include "gh_sfv_bare.h"
#include "gh_utf8.h"

#define DIGITS_MAX 15         /* of an integer */
#define DECIMAL_DIGITS_MAX 12 /* before the point */
#define FRACTION_DIGITS_MAX 3 /* behind it */


static gh_rc_t number(gh_str_t *rest, gh_sfv_t *out);
static gh_rc_t fraction(gh_str_t *rest, size_t digits, gh_sfv_t *out);
static gh_rc_t string(gh_str_t *rest, gh_sfv_t *out);
static gh_rc_t token(gh_str_t *rest, gh_sfv_t *out);
static gh_rc_t bytes(gh_str_t *rest, gh_sfv_t *out);
static bool base64_strict(gh_str_t s);
static gh_rc_t boolean(gh_str_t *rest, gh_sfv_t *out);
static gh_rc_t date(gh_str_t *rest, gh_sfv_t *out);
static gh_rc_t display(gh_str_t *rest, gh_sfv_t *out);
static gh_rc_t display_byte(gh_str_t *rest, char *out);
static int digit64(char c);
static int digit16(char c);
static bool is_alpha(char c);
static bool is_lower(char c);
static bool is_digit(char c);
static bool is_token(char c);
static gh_rc_t add_between(gh_buf_t *out, const char *before, gh_str_t text,
                           const char *after);
static gh_rc_t add_integer(int64_t n, gh_buf_t *out);
static gh_rc_t add_decimal(int64_t thousandths, gh_buf_t *out);


gh_rc_t
gh_sfv_bare(gh_str_t *rest, gh_sfv_t *out)
{
    if (rest->len == 0) {
        return GH_INVALID;
    }

    char c = rest->data[0];

    out->number = 0;
    out->params = (gh_str_t){ NULL, 0 };

    switch (c) {

    case '"':
        return string(rest, out);

    case ':':
        return bytes(rest, out);

    case '?':
        return boolean(rest, out);

    case '@':
        return date(rest, out);

    case '%':
        return display(rest, out);

    default:
        break;
    }

    if (is_alpha(c) || c == '*') {
        return token(rest, out);
    }

    return is_digit(c) || c == '-' ? number(rest, out) : GH_INVALID;
}


gh_rc_t
gh_sfv_key(gh_str_t *rest, gh_str_t *key)
{
    size_t n = 0;

    if (rest->len == 0 || !(is_lower(rest->data[0]) || rest->data[0] == '*')) {
        return GH_INVALID;
    }

    while (n < rest->len
           && (is_lower(rest->data[n]) || is_digit(rest->data[n])
               || (rest->data[n] != '\0'
                   && strchr("_-.*", rest->data[n]) != NULL)))
    {
        n++;
    }

    *key = (gh_str_t){ rest->data, n };
    *rest = (gh_str_t){ rest->data + n, rest->len - n };

    return GH_OK;
}


static gh_rc_t
number(gh_str_t *rest, gh_sfv_t *out)
{
    bool negative = rest->data[0] == '-';
    size_t n = negative ? 1 : 0, first = n;
    int64_t value = 0;

    while (n < rest->len && is_digit(rest->data[n])) {
        if (n - first == DIGITS_MAX) {
            return GH_INVALID;
        }

        value = value * 10 + (rest->data[n++] - '0');
    }

    if (n == first) {
        return GH_INVALID;
    }

    out->type = GH_SFV_INTEGER;
    out->number = value;
    out->text.data = rest->data;

    gh_str_t behind = { rest->data + n, rest->len - n };

    if (behind.len > 0 && behind.data[0] == '.'
        && fraction(&behind, n - first, out) != GH_OK)
    {
        return GH_INVALID;
    }

    out->text.len = rest->len - behind.len;
    *rest = behind;

    if (negative) {
        out->number = -out->number;
    }

    return GH_OK;
}


static gh_rc_t
fraction(gh_str_t *rest, size_t digits, gh_sfv_t *out)
{
    size_t n = 1;

    while (n < rest->len && is_digit(rest->data[n])) {
        if (n > FRACTION_DIGITS_MAX) {
            return GH_INVALID;
        }

        out->number = out->number * 10 + (rest->data[n++] - '0');
    }

    if (n == 1 || digits > DECIMAL_DIGITS_MAX) {
        return GH_INVALID;
    }

    for (size_t i = n; i <= FRACTION_DIGITS_MAX; i++) {
        out->number *= 10;
    }

    out->type = GH_SFV_DECIMAL;
    *rest = (gh_str_t){ rest->data + n, rest->len - n };

    return GH_OK;
}


static gh_rc_t
string(gh_str_t *rest, gh_sfv_t *out)
{
    for (size_t n = 1; n < rest->len; n++) {
        char c = rest->data[n];

        if (c == '"') {
            out->type = GH_SFV_STRING;
            out->text = (gh_str_t){ rest->data + 1, n - 1 };
            *rest = (gh_str_t){ rest->data + n + 1, rest->len - n - 1 };
            return GH_OK;
        }

        if (c == '\\') {
            n++;
            c = n < rest->len ? rest->data[n] : '\0';

            if (c != '"' && c != '\\') {
                return GH_INVALID;
            }
        }

        if (c < 0x20 || c > 0x7e) {
            return GH_INVALID;
        }
    }

    return GH_INVALID;
}


static gh_rc_t
token(gh_str_t *rest, gh_sfv_t *out)
{
    size_t n = 1;

    while (n < rest->len && is_token(rest->data[n])) {
        n++;
    }

    out->type = GH_SFV_TOKEN;
    out->text = (gh_str_t){ rest->data, n };
    *rest = (gh_str_t){ rest->data + n, rest->len - n };

    return GH_OK;
}


static gh_rc_t
bytes(gh_str_t *rest, gh_sfv_t *out)
{
    gh_str_t inside = { rest->data + 1, rest->len - 1 };
    gh_str_t behind;
    gh_str_t text = gh_str_cut(inside, ':', &behind);

    if (behind.data == NULL || !base64_strict(text)) {
        return GH_INVALID;
    }

    out->type = GH_SFV_BYTES;
    out->text = text;
    *rest = behind;

    return GH_OK;
}


/* One spelling per value: padded, and no bit set that means nothing. */
static bool
base64_strict(gh_str_t s)
{
    size_t len = s.len;

    if (len % 4 != 0) {
        return false;
    }

    while (len > 0 && s.len - len < 2 && s.data[len - 1] == '=') {
        len--;
    }

    for (size_t i = 0; i < len; i++) {
        if (digit64(s.data[i]) < 0) {
            return false;
        }
    }

    if (len == s.len) {
        return true;
    }

    int unused = s.len - len == 1 ? 0x03 : 0x0f;

    return (digit64(s.data[len - 1]) & unused) == 0;
}


static gh_rc_t
boolean(gh_str_t *rest, gh_sfv_t *out)
{
    if (rest->len < 2 || (rest->data[1] != '0' && rest->data[1] != '1')) {
        return GH_INVALID;
    }

    out->type = GH_SFV_BOOLEAN;
    out->text = (gh_str_t){ rest->data + 1, 1 };
    out->number = rest->data[1] - '0';
    *rest = (gh_str_t){ rest->data + 2, rest->len - 2 };

    return GH_OK;
}


static gh_rc_t
date(gh_str_t *rest, gh_sfv_t *out)
{
    gh_str_t behind = { rest->data + 1, rest->len - 1 };

    if (behind.len == 0 || number(&behind, out) != GH_OK
        || out->type != GH_SFV_INTEGER)
    {
        return GH_INVALID;
    }

    out->type = GH_SFV_DATE;
    *rest = behind;

    return GH_OK;
}


/* %"..." with UTF-8 in lower-case percent-encoding. */
static gh_rc_t
display(gh_str_t *rest, gh_sfv_t *out)
{
    gh_str_t behind = { rest->data + 1, rest->len - 1 };
    char point[4];
    size_t len = 0;
    uint32_t code;

    if (behind.len == 0 || behind.data[0] != '"') {
        return GH_INVALID;
    }

    behind = (gh_str_t){ behind.data + 1, behind.len - 1 };
    out->text = behind;

    while (behind.len > 0 && (behind.data[0] != '"' || len > 0)) {
        if (display_byte(&behind, &point[len++]) != GH_OK) {
            return GH_INVALID;
        }

        if (gh_utf8_first((gh_str_t){ point, len }, &code) == len) {
            len = 0;

        } else if (len == sizeof(point)) {
            return GH_INVALID;
        }
    }

    if (behind.len == 0) {
        return GH_INVALID;
    }

    out->type = GH_SFV_DISPLAY;
    out->text.len -= behind.len;
    *rest = (gh_str_t){ behind.data + 1, behind.len - 1 };

    return GH_OK;
}


static gh_rc_t
display_byte(gh_str_t *rest, char *out)
{
    char c = rest->data[0];
    size_t n = 1;

    if (c < 0x20 || c > 0x7e) {
        return GH_INVALID;
    }

    if (c == '%') {
        n = 3;

        int high = rest->len < n ? -1 : digit16(rest->data[1]);
        int low = rest->len < n ? -1 : digit16(rest->data[2]);

        if (high < 0 || low < 0) {
            return GH_INVALID;
        }

        c = (char) (high * 16 + low);

        if (c >= 0x20 && c <= 0x7e && c != '"' && c != '%') {
            return GH_INVALID; /* a second spelling of a plain character */
        }
    }

    *out = c;
    *rest = (gh_str_t){ rest->data + n, rest->len - n };

    return GH_OK;
}


static int
digit64(char c)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == '\0' ? NULL : strchr(letters, c);

    return at == NULL ? -1 : (int) (at - letters);
}


static int
digit16(char c)
{
    static const char letters[] = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(letters, c);

    return at == NULL ? -1 : (int) (at - letters);
}


static bool
is_alpha(char c)
{
    return is_lower(c) || (c >= 'A' && c <= 'Z');
}


static bool
is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}


static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}


static bool
is_token(char c)
{
    return is_alpha(c) || is_digit(c)
           || (c != '\0' && strchr("!#$%&'*+-.^_`|~:/", c) != NULL);
}


gh_rc_t
gh_sfv_add_bare(const gh_sfv_t *item, gh_buf_t *out)
{
    gh_str_t none = { NULL, 0 };

    switch (item->type) {

    case GH_SFV_INTEGER:
        return add_integer(item->number, out);

    case GH_SFV_DECIMAL:
        return add_decimal(item->number, out);

    case GH_SFV_DATE: {
        gh_rc_t rc = gh_buf_add_char(out, '@');

        return rc == GH_OK ? add_integer(item->number, out) : rc;
    }

    case GH_SFV_BOOLEAN:
        return add_between(out, item->number ? "?1" : "?0", none, "");

    case GH_SFV_TOKEN:
        return gh_buf_add(out, item->text);

    case GH_SFV_STRING:
        return add_between(out, "\"", item->text, "\"");

    case GH_SFV_BYTES:
        return add_between(out, ":", item->text, ":");

    case GH_SFV_DISPLAY:
        return add_between(out, "%\"", item->text, "\"");

    default:
        return GH_INVALID;
    }
}


static gh_rc_t
add_between(gh_buf_t *out, const char *before, gh_str_t text,
            const char *after)
{
    gh_rc_t rc = gh_buf_add(out, gh_str(before));

    if (rc == GH_OK && text.len > 0) {
        rc = gh_buf_add(out, text);
    }

    return rc == GH_OK ? gh_buf_add(out, gh_str(after)) : rc;
}


static gh_rc_t
add_integer(int64_t n, gh_buf_t *out)
{
    if (n >= 0) {
        return gh_buf_add_u64(out, (uint64_t) n);
    }

    gh_rc_t rc = gh_buf_add_char(out, '-');

    return rc == GH_OK ? gh_buf_add_u64(out, (uint64_t) -n) : rc;
}


/* At least one digit behind the point, and no zero at its end. */
static gh_rc_t
add_decimal(int64_t thousandths, gh_buf_t *out)
{
    uint64_t n = (uint64_t) (thousandths < 0 ? -thousandths : thousandths);
    uint64_t part = n % 1000;
    gh_rc_t rc = GH_OK;

    if (thousandths < 0) {
        rc = gh_buf_add_char(out, '-');
    }

    if (rc == GH_OK) {
        rc = gh_buf_add_u64(out, n / 1000);
    }

    if (rc == GH_OK) {
        rc = gh_buf_add_char(out, '.');
    }

    if (rc == GH_OK) {
        rc = gh_buf_add_char(out, (char) ('0' + part / 100));
    }

    if (rc == GH_OK && part % 100 != 0) {
        rc = gh_buf_add_char(out, (char) ('0' + part / 10 % 10));
    }

    if (rc == GH_OK && part % 10 != 0) {
        rc = gh_buf_add_char(out, (char) ('0' + part % 10));
    }

    return rc;
}
