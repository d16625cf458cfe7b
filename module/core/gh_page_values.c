/*
 * Fills an operator's template: what is put in is never read again, so a
 * value that looks like a mark stays as it is.
 */

#include "gh_page_values.h"

#include "gh_html.h"


typedef enum {
    MARK_TITLE = 0,
    MARK_TEXT,
    MARK_REQUEST_ID,
    MARK_LINK,
    MARK_HINT,
    MARK_FIELDS,
    MARK_TOKEN,
    MARK_COUNT
} mark_t;


static mark_t find_mark(gh_str_t rest, size_t *at);
static gh_rc_t put(mark_t mark, gh_str_t title, gh_str_t text,
                   const gh_page_values_t *values, gh_buf_t *out);


static const gh_str_t marks[MARK_COUNT] = {
    [MARK_TITLE] = { "{{title}}", 9 },
    [MARK_TEXT] = { "{{text}}", 8 },
    [MARK_REQUEST_ID] = { "{{request_id}}", 14 },
    [MARK_LINK] = { "{{link}}", 8 },
    [MARK_HINT] = { "{{hint}}", 8 },
    [MARK_FIELDS] = { "{{fields}}", 10 },
    [MARK_TOKEN] = { "{{token}}", 9 },
};


gh_rc_t
gh_page_fill(gh_str_t template, gh_str_t title, gh_str_t text,
             const gh_page_values_t *values, gh_buf_t *out)
{
    gh_rc_t rc = GH_OK;

    while (rc == GH_OK) {
        size_t at;
        mark_t mark = find_mark(template, &at);

        rc = gh_buf_add(out, (gh_str_t){ template.data, at });

        if (mark == MARK_COUNT) {
            break;
        }

        if (rc == GH_OK) {
            rc = put(mark, title, text, values, out);
        }

        at += marks[mark].len;
        template.data += at;
        template.len -= at;
    }

    return rc;
}


/* The first one; MARK_COUNT, and all of rest, when there is none. */
static mark_t
find_mark(gh_str_t rest, size_t *at)
{
    for (size_t i = 0; i + 2 <= rest.len; i++) {
        gh_str_t here = { rest.data + i, rest.len - i };

        if (here.data[0] != '{' || here.data[1] != '{') {
            continue;
        }

        for (unsigned m = 0; m < MARK_COUNT; m++) {
            if (gh_str_starts(here, marks[m])) {
                *at = i;
                return (mark_t) m;
            }
        }
    }

    *at = rest.len;

    return MARK_COUNT;
}


static gh_rc_t
put(mark_t mark, gh_str_t title, gh_str_t text, const gh_page_values_t *values,
    gh_buf_t *out)
{
    switch (mark) {

    case MARK_TITLE:
        return gh_html_escape(title, out);

    case MARK_TEXT:
        return gh_html_escape(text, out);

    case MARK_REQUEST_ID:
        return gh_html_id(values->request_id, out);

    case MARK_LINK:
        return gh_page_link(values->link, out);

    case MARK_HINT:
        return gh_html_escape(values->hint, out);

    case MARK_FIELDS:
        return values->form == NULL ? GH_OK
                                    : gh_page_fields(values->form, out);

    case MARK_TOKEN:
        return gh_html_escape(values->token, out);

    default:
        return GH_OK;
    }
}


/* No javascript:, no data:, and no white space that hides them. */
gh_rc_t
gh_page_link(gh_str_t link, gh_buf_t *out)
{
    bool leads = gh_str_starts(link, GH_STR("/"))
                 || gh_str_starts(link, GH_STR("https://"))
                 || gh_str_starts(link, GH_STR("http://"));

    return gh_html_escape(leads ? link : GH_STR("/"), out);
}


gh_rc_t
gh_page_field(gh_str_t name, gh_str_t value, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add(out, GH_STR("<input type=\"hidden\" name=\""));

    if (rc == GH_OK) {
        rc = gh_html_escape(name, out);
    }

    if (rc == GH_OK) {
        rc = gh_buf_add(out, GH_STR("\" value=\""));
    }

    if (rc == GH_OK) {
        rc = gh_html_escape(value, out);
    }

    return rc == GH_OK ? gh_buf_add(out, GH_STR("\">\n")) : rc;
}


gh_rc_t
gh_page_fields(const gh_form_t *form, gh_buf_t *out)
{
    gh_rc_t rc = GH_OK;

    for (size_t i = 0; i < form->n && rc == GH_OK; i++) {
        rc = gh_page_field(form->fields[i].name, form->fields[i].value, out);
    }

    return rc;
}
