/*
 * Writes JSON strings that stay one line and harmless wherever they are
 * shown: beyond what RFC 8259 section 7 asks, DEL, C1 controls, the line
 * separators and the byte order mark are escaped too.
 */

#include "gh_json.h"

#include "gh_utf8.h"


static size_t plain_run(gh_str_t s);
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
            n = gh_utf8_first(s, &code);
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
