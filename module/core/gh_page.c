/*
 * The pages of logging in and out. What they say is a table; what people and
 * providers put into them is escaped, and a link leads nowhere but to http.
 */

#include "gh_page.h"

#include "gh_html.h"
#include "gh_page_values.h"
#include "gh_url.h"


typedef struct {
    gh_str_t word, title, text, action;
    unsigned status;
    bool form; /* its action posts */
} page_t;


static gh_rc_t write_ours(const page_t *p, const gh_page_values_t *values,
                          gh_buf_t *out);
static gh_rc_t write_action(const page_t *p, const gh_page_values_t *values,
                            gh_buf_t *out);
static gh_rc_t write_note(const gh_page_values_t *values, gh_buf_t *out);
static const page_t *page_of(gh_page_t page);


static const page_t pages[GH_PAGE_COUNT] = {
    [GH_PAGE_LOGIN_FAILED] = { { "login_failed", 12 },
                               { "You could not be logged in", 26 },
                               { "The login was refused, or did not come "
                                 "back as it should. Nothing was changed.",
                                 78 },
                               { "Try again", 9 },
                               403,
                               false },
    [GH_PAGE_LOGIN_AWAY] = { { "login_away", 10 },
                             { "Logging in is not possible now", 30 },
                             { "The login service does not answer. Please "
                               "try again in a minute.",
                               64 },
                             { "Try again", 9 },
                             503,
                             false },
    [GH_PAGE_LOGIN_EXPIRED] = { { "login_expired", 13 },
                                { "The login took too long", 23 },
                                { "It was begun more than ten minutes ago, "
                                  "or in another browser.",
                                  62 },
                                { "Log in again", 12 },
                                400,
                                false },
    [GH_PAGE_LOGGED_OUT] = { { "logged_out", 10 },
                             { "You are logged out", 18 },
                             { "On a computer that others use too, close "
                               "the browser as well.",
                               61 },
                             { "Log in again", 12 },
                             200,
                             false },
    [GH_PAGE_LOGOUT_CONFIRM] = { { "logout_confirm", 14 },
                                 { "Do you want to log out?", 23 },
                                 { "What you have not saved may be lost.",
                                   36 },
                                 { "Log out", 7 },
                                 200,
                                 true },
    [GH_PAGE_FORM_RESUME] = { { "form_resume", 11 },
                              { "Your form has not been sent yet", 31 },
                              { "You had been logged out when you sent it. "
                                "Now that you are logged in again, it can "
                                "be sent as you filled it in.",
                                111 },
                              { "Send the form", 13 },
                              200,
                              true },
};


gh_rc_t
gh_page_make(gh_page_t page, gh_str_t template, const gh_page_values_t *values,
             gh_buf_t *out)
{
    const page_t *p = page_of(page);
    size_t before = out->len;
    gh_rc_t rc = template.len == 0
                     ? write_ours(p, values, out)
                     : gh_page_fill(template, p->title, p->text, values, out);

    if (rc == GH_OK && out->len - before > GH_PAGE_MAX) {
        rc = GH_TOO_LONG;
    }

    if (rc != GH_OK) {
        out->len = before;
    }

    return rc;
}


static gh_rc_t
write_ours(const page_t *p, const gh_page_values_t *values, gh_buf_t *out)
{
    const gh_str_t text[] = { GH_STR("<p>"), p->text, GH_STR("</p>\n") };
    gh_rc_t rc = gh_html_begin(p->title, out);

    if (rc == GH_OK) {
        rc = gh_html_add(out, text, 3);
    }

    if (rc == GH_OK && (p->form || values->link.len > 0)) {
        rc = write_action(p, values, out);
    }

    if (rc == GH_OK) {
        rc = write_note(values, out);
    }

    return rc == GH_OK ? gh_html_end(out) : rc;
}


static gh_rc_t
write_action(const page_t *p, const gh_page_values_t *values, gh_buf_t *out)
{
    const gh_str_t link[] = { GH_STR("\">"), p->action, GH_STR("</a></p>\n") };
    const gh_str_t button[] = { GH_STR("<p><button type=\"submit\">"),
                                p->action,
                                GH_STR("</button></p>\n</form>\n") };
    gh_rc_t rc =
        gh_buf_add(out, p->form ? GH_STR("<form method=\"post\" action=\"")
                                : GH_STR("<p><a href=\""));

    if (rc == GH_OK) {
        rc = gh_page_link(values->link, out);
    }

    if (rc == GH_OK && !p->form) {
        return gh_html_add(out, link, 3);
    }

    if (rc == GH_OK) {
        rc = gh_buf_add(out, GH_STR("\">\n"));
    }

    if (rc == GH_OK && values->token.len > 0) {
        rc = gh_page_field(GH_STR("token"), values->token, out);
    }

    if (rc == GH_OK && values->form != NULL) {
        rc = gh_page_fields(values->form, out);
    }

    return rc == GH_OK ? gh_html_add(out, button, 3) : rc;
}


/* What support asks for. */
static gh_rc_t
write_note(const gh_page_values_t *values, gh_buf_t *out)
{
    gh_rc_t rc = GH_OK;

    if (values->request_id.len == 0 && values->hint.len == 0) {
        return GH_OK;
    }

    rc = gh_buf_add(out, GH_STR("<p>For support: "));

    if (rc == GH_OK && values->hint.len > 0) {
        rc = gh_html_escape(values->hint, out);
    }

    if (rc == GH_OK && values->hint.len > 0 && values->request_id.len > 0) {
        rc = gh_buf_add(out, GH_STR(", "));
    }

    if (rc == GH_OK && values->request_id.len > 0) {
        rc = gh_buf_add(out, GH_STR("request id <code>"));

        if (rc == GH_OK) {
            rc = gh_html_id(values->request_id, out);
        }

        if (rc == GH_OK) {
            rc = gh_buf_add(out, GH_STR("</code>"));
        }
    }

    return rc == GH_OK ? gh_buf_add(out, GH_STR("</p>\n")) : rc;
}


unsigned
gh_page_status(gh_page_t page)
{
    return page_of(page)->status;
}


gh_page_t
gh_page_parse(gh_str_t word)
{
    for (unsigned i = 0; i < GH_PAGE_COUNT; i++) {
        if (gh_str_eq(word, pages[i].word)) {
            return (gh_page_t) i;
        }
    }

    return GH_PAGE_COUNT;
}


gh_str_t
gh_page_word(gh_page_t page)
{
    return page_of(page)->word;
}


static const page_t *
page_of(gh_page_t page)
{
    return &pages[(unsigned) page < GH_PAGE_COUNT ? page
                                                  : GH_PAGE_LOGIN_FAILED];
}


gh_rc_t
gh_page_csp(gh_str_t form_origin, gh_buf_t *out)
{
    return gh_page_csp_style(GH_STR(GH_HTML_STYLE_SOURCE), form_origin, out);
}


gh_rc_t
gh_page_csp_style(gh_str_t source, gh_str_t form_origin, gh_buf_t *out)
{
    size_t before = out->len;
    gh_url_t url;
    const gh_str_t parts[] = {
        GH_STR("default-src 'none'; style-src "),
        source,
        GH_STR("; base-uri 'none'; form-action 'self'"),
        form_origin.len > 0 ? GH_STR(" ") : GH_STR(""),
        form_origin,
        GH_STR("; frame-ancestors 'none'"),
    };

    /* a URL may hold ';' and ',', but not in its host */
    if (form_origin.len > 0
        && (gh_url_parse(form_origin, &url, NULL) != GH_OK || url.path.len > 0
            || url.has_query))
    {
        return GH_INVALID;
    }

    gh_rc_t rc = gh_html_add(out, parts, 6);

    if (rc != GH_OK) {
        out->len = before;
    }

    return rc;
}


gh_rc_t
gh_page_escape(gh_str_t text, gh_buf_t *out)
{
    return gh_html_escape(text, out);
}
