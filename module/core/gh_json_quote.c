/*
 * Writes JSON strings that stay one line and harmless wherever they are
 * shown: beyond what RFC 8259 section 7 asks, DEL, C1 controls, the line
 * separators and the byte order mark are escaped too.
 */

#include "gh_json.h"


static size_t plain_run(gh_str_t s);
static size_t decode(gh_str_t s, uint32_t *code);
static bool hides(uint32_t code);
static gh_rc_t add_escape(gh_buf_t *out, uint32_t code);


gh_rc_t
gh_json_quote(gh_str_t s, gh_buf_t *out)
{
    size_t before = out->len;
    gh_rc_t rc = gh_buf_add_char(out, '"');

    while (rc == GH_OK && s.len > 0) {
        uint32_t code = 0;
        size_t n = plain_run(s);
        bool escape = false;

        if (n == 0) {
            n = decode(s, &code);
            escape = n == 0 || hides(code);
        }

        if (n == 0) {
            n = 1;
            code = 0xfffd;
        }

        rc = escape ? add_escape(out, code)
                    : gh_buf_add(out, (gh_str_t){ s.data, n });
        s.data += n;
        s.len -= n;
    }

    if (rc == GH_OK) {
        rc = gh_buf_add_char(out, '"');
    }

    if (rc != GH_OK) {
        out->len = before;
    }

    return rc;
}


/* How many bytes at the front go through as they are. */
static size_t
plain_run(gh_str_t s)
{
    size_t n = 0;

    while (n < s.len && s.data[n] >= ' ' && s.data[n] <= '~'
           && s.data[n] != '"' && s.data[n] != '\\')
    {
        n++;
    }

    return n;
}


/*
 * The first code point of s and its length; 0 when it is not UTF-8
 * (RFC 3629: no second spelling, no surrogate, nothing above U+10FFFF).
 */
static size_t
decode(gh_str_t s, uint32_t *code)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    unsigned char c = (unsigned char) s.data[0];
    size_t n = c < 0x80   ? 1
               : c < 0xc0 ? 0
               : c < 0xe0 ? 2
               : c < 0xf0 ? 3
               : c < 0xf8 ? 4
                          : 0;

    if (n == 0 || n > s.len) {
        return 0;
    }

    *code = n == 1 ? c : c & (0x7fu >> n);

    for (size_t i = 1; i < n; i++) {
        c = (unsigned char) s.data[i];

        if ((c & 0xc0) != 0x80) {
            return 0;
        }

        *code = *code << 6 | (c & 0x3f);
    }

    if (*code < least[n] || *code > 0x10ffff
        || (*code >= 0xd800 && *code < 0xe000))
    {
        return 0;
    }

    return n;
}


static bool
hides(uint32_t code)
{
    return code < 0x20 || code == '"' || code == '\\'
           || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029
           || code == 0xfeff;
}


static gh_rc_t
add_escape(gh_buf_t *out, uint32_t code)
{
    static const char hex[] = "0123456789abcdef";

    char text[6] = { '\\', 'u' };

    switch (code) {

    case '"':
        return gh_buf_add(out, GH_STR("\\\""));

    case '\\':
        return gh_buf_add(out, GH_STR("\\\\"));

    case '\n':
        return gh_buf_add(out, GH_STR("\\n"));

    case '\r':
        return gh_buf_add(out, GH_STR("\\r"));

    case '\t':
        return gh_buf_add(out, GH_STR("\\t"));

    default:
        for (unsigned i = 0; i < 4; i++) {
            text[2 + i] = hex[code >> (12 - 4 * i) & 15];
        }

        return gh_buf_add(out, (gh_str_t){ text, sizeof(text) });
    }
}
