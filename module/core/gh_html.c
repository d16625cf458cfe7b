/*
 * Writes HTML (WHATWG HTML section 13.1) that needs no script and no file
 * beside it.
 */

#include "gh_html.h"

#include "gh_utf8.h"


static gh_rc_t add_character(gh_str_t character, uint32_t code, gh_buf_t *out);


gh_rc_t
gh_html_begin(gh_str_t title, gh_buf_t *out)
{
    const gh_str_t parts[] = {
        GH_STR("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
               "<meta charset=\"utf-8\">\n"
               "<meta name=\"viewport\" "
               "content=\"width=device-width, initial-scale=1\">\n"
               "<meta name=\"robots\" content=\"noindex\">\n<title>"),
        title,
        GH_STR("</title>\n<style>" GH_HTML_STYLE
               "</style>\n</head>\n<body>\n<main>\n<h1>"),
        title,
        GH_STR("</h1>\n"),
    };

    return gh_html_add(out, parts, sizeof(parts) / sizeof(parts[0]));
}


gh_rc_t
gh_html_end(gh_buf_t *out)
{
    return gh_buf_add(out, GH_STR("</main>\n</body>\n</html>\n"));
}


gh_rc_t
gh_html_add(gh_buf_t *out, const gh_str_t *parts, size_t n)
{
    gh_rc_t rc = GH_OK;

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        rc = gh_buf_add(out, parts[i]);
    }

    return rc;
}


gh_rc_t
gh_html_escape(gh_str_t text, gh_buf_t *out)
{
    size_t before = out->len;
    gh_rc_t rc = GH_OK;

    while (text.len > 0 && rc == GH_OK) {
        uint32_t code = 0;
        size_t n = gh_utf8_first(text, &code);

        if (n == 0) {
            n = 1;
            rc = gh_buf_add(out, GH_STR("\xef\xbf\xbd"));

        } else {
            rc = add_character((gh_str_t){ text.data, n }, code, out);
        }

        text.data += n;
        text.len -= n;
    }

    if (rc != GH_OK) {
        out->len = before;
    }

    return rc;
}


static gh_rc_t
add_character(gh_str_t character, uint32_t code, gh_buf_t *out)
{
    switch (code) {

    case '&':
        return gh_buf_add(out, GH_STR("&amp;"));

    case '<':
        return gh_buf_add(out, GH_STR("&lt;"));

    case '>':
        return gh_buf_add(out, GH_STR("&gt;"));

    case '"':
        return gh_buf_add(out, GH_STR("&quot;"));

    case '\'':
        return gh_buf_add(out, GH_STR("&#39;"));

    case '\t':
    case '\r':
    case '\n':
        return gh_buf_add(out, character);

    default:
        break;
    }

    return code < ' ' || (code >= 0x7f && code < 0xa0)
               ? GH_OK
               : gh_buf_add(out, character);
}


gh_rc_t
gh_html_id(gh_str_t id, gh_buf_t *out)
{
    size_t before = out->len;
    gh_rc_t rc = GH_OK;

    for (size_t i = 0; i < id.len && rc == GH_OK; i++) {
        bool visible = id.data[i] > ' ' && id.data[i] <= '~';

        rc = visible ? gh_html_escape((gh_str_t){ id.data + i, 1 }, out)
                     : gh_buf_add_char(out, '?');
    }

    if (rc != GH_OK) {
        out->len = before;
    }

    return rc;
}
