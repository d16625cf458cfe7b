/*
 * The pages that people see: plain, accessible, without scripts, in one
 * template each that an operator may replace. Everything that is put into
 * one is escaped here.
 */

#ifndef GH_PAGE_H
#define GH_PAGE_H

#include "gh_form.h"

#define GH_PAGE_MAX 131072
#define GH_PAGE_TEMPLATE_MAX 65536
#define GH_PAGE_STYLE_MAX 64 /* of a source for style-src */


typedef enum {
    GH_PAGE_LOGIN_FAILED = 0, /* the provider or the callback refused */
    GH_PAGE_LOGIN_AWAY,       /* the provider cannot be reached now */
    GH_PAGE_LOGIN_EXPIRED,    /* took too long, or another browser's */
    GH_PAGE_LOGGED_OUT,
    GH_PAGE_LOGOUT_CONFIRM, /* a form that posts */
    GH_PAGE_FORM_RESUME,    /* a form that the login interrupted */
    GH_PAGE_COUNT
} gh_page_t;

typedef struct {
    gh_str_t request_id;   /* may be empty */
    gh_str_t link;         /* own path or URL: "try again", "back", or the
                              form's action */
    gh_str_t token;        /* hidden field of LOGOUT_CONFIRM */
    const gh_form_t *form; /* FORM_RESUME: hidden fields */
    gh_str_t hint;         /* one short word for support; may be empty */
} gh_page_values_t;


/*
 * Appends the page, UTF-8. template NULL or empty: ours. In an operator's,
 * {{title}} {{text}} {{request_id}} {{link}} {{hint}} {{fields}} {{token}}
 * are replaced, escaped; unknown ones stay. A link that is neither a path nor
 * an http URL is "/". GH_TOO_LONG: no room, or above GH_PAGE_MAX; out is as
 * it was.
 */
gh_rc_t gh_page_make(gh_page_t page, gh_str_t template,
                     const gh_page_values_t *values, gh_buf_t *out);
unsigned gh_page_status(gh_page_t page);
/* "login_failed", ... as files of an operator are named; GH_PAGE_COUNT: no
 * such page. */
gh_page_t gh_page_parse(gh_str_t word);
gh_str_t gh_page_word(gh_page_t page);
/* default-src 'none', own style by its hash, form-action 'self' and
 * form_origin unless empty, frame-ancestors 'none'; appends. GH_INVALID:
 * form_origin is more than scheme, host and port. */
gh_rc_t gh_page_csp(gh_str_t form_origin, gh_buf_t *out);
/* The same with another style: what gh_page_template appended. */
gh_rc_t gh_page_csp_style(gh_str_t source, gh_str_t form_origin,
                          gh_buf_t *out);

/*
 * Whether an operator's template can be that page: UTF-8, no script, at most
 * one <style>, the fields without which a form says nothing. Appends the hash
 * of its style as a source for style-src, 'none' without one. GH_INVALID:
 * *why says what to change, static, to follow the file's name. GH_TOO_LONG.
 */
gh_rc_t gh_page_template(gh_page_t page, gh_str_t text, gh_buf_t *source,
                         const char **why);

/* Appends text with & < > " ' escaped, controls but TAB CR LF dropped, and
 * U+FFFD for what is not UTF-8. */
gh_rc_t gh_page_escape(gh_str_t text, gh_buf_t *out);


#endif
