/*
 * An operator's template, looked at before anybody sees it: what would break
 * the page or its policy is said then, not when somebody cannot log in.
 */

#include "gh_page.h"

#include "gh_bytes.h"
#include "gh_hash.h"
#include "gh_utf8.h"


static const char *look(gh_page_t page, gh_str_t template, gh_str_t *style);
static const char *look_at_style(gh_str_t template, gh_str_t *style);
static bool has(gh_str_t text, const char *what);
static size_t find(gh_str_t text, const char *what);


gh_rc_t
gh_page_template(gh_page_t page, gh_str_t template, gh_buf_t *source,
                 const char **why)
{
    uint8_t digest[GH_SHA256_LEN];
    gh_str_t style = { NULL, 0 };
    size_t before = source->len;

    *why = look(page, template, &style);

    if (*why != NULL) {
        return GH_INVALID;
    }

    if (style.data == NULL) {
        return gh_buf_add(source, GH_STR("'none'"));
    }

    gh_sha256(style, digest);

    gh_rc_t rc = gh_buf_add(source, GH_STR("'sha256-"));

    if (rc == GH_OK) {
        rc = gh_base64_encode(
            (gh_str_t){ (const char *) digest, sizeof(digest) }, source);
    }

    if (rc == GH_OK) {
        rc = gh_buf_add_char(source, '\'');
    }

    if (rc != GH_OK) {
        source->len = before;
    }

    return rc;
}


static const char *
look(gh_page_t page, gh_str_t template, gh_str_t *style)
{
    if (template.len == 0) {
        return "is empty";
    }

    if (template.len > GH_PAGE_TEMPLATE_MAX) {
        return "is longer than 64 kB";
    }

    if (!gh_utf8_valid(template)) {
        return "is not UTF-8";
    }

    if (has(template, "<script")) {
        return "has a script, which no browser would run here: pages of a "
               "login are without";
    }

    if (has(template, "style=")) {
        return "has a style= attribute, which no browser would apply here: "
               "put it into its <style>";
    }

    if (page == GH_PAGE_FORM_RESUME && !has(template, "{{fields}}")) {
        return "has no {{fields}}: the form that somebody filled in would "
               "be lost";
    }

    if (page == GH_PAGE_LOGOUT_CONFIRM && !has(template, "{{token}}")) {
        return "has no {{token}}: nobody could log out with it; write "
               "<input type=\"hidden\" name=\"token\" value=\"{{token}}\">";
    }

    if ((page == GH_PAGE_FORM_RESUME || page == GH_PAGE_LOGOUT_CONFIRM)
        && (!has(template, "{{link}}") || !has(template, "<form")))
    {
        return "has no form that posts to {{link}}";
    }

    return look_at_style(template, style);
}


/* One, and as it stands in the file: its hash is what a browser asks for. */
static const char *
look_at_style(gh_str_t template, gh_str_t *style)
{
    size_t at = find(template, "<style");
    gh_str_t rest = { template.data + at, template.len - at };

    if (at == template.len) {
        return NULL;
    }

    if (!gh_str_starts(rest, GH_STR("<style>"))) {
        return "has a <style> with attributes; write it as <style>";
    }

    rest.data += 7;
    rest.len -= 7;

    size_t len = find(rest, "</style>");

    if (len == rest.len) {
        return "has a <style> that is not ended by </style>";
    }

    *style = (gh_str_t){ rest.data, len };

    if (has(*style, "{{")) {
        return "has a {{ in its <style>, where nothing is replaced";
    }

    rest.data += len;
    rest.len -= len;

    return has(rest, "<style") ? "has more than one <style>" : NULL;
}


static bool
has(gh_str_t text, const char *what)
{
    return find(text, what) < text.len;
}


/* In any case of letters; text.len when it is not there. */
static size_t
find(gh_str_t text, const char *what)
{
    gh_str_t wanted = gh_str(what);

    for (size_t i = 0; i + wanted.len <= text.len; i++) {
        if (gh_str_eq_nocase((gh_str_t){ text.data + i, wanted.len }, wanted))
        {
            return i;
        }
    }

    return text.len;
}
