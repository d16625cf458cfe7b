/*
 * What is put into pages, ours and an operator's. Inside of the page files
 * only.
 */

#ifndef GH_PAGE_VALUES_H
#define GH_PAGE_VALUES_H

#include "gh_page.h"


/* An operator's template, filled. On GH_TOO_LONG the caller goes back. */
gh_rc_t gh_page_fill(gh_str_t template, gh_str_t title, gh_str_t text,
                     const gh_page_values_t *values, gh_buf_t *out);

/* For an attribute: a path or an http URL, "/" for anything else. */
gh_rc_t gh_page_link(gh_str_t link, gh_buf_t *out);

/* Hidden inputs. */
gh_rc_t gh_page_field(gh_str_t name, gh_str_t value, gh_buf_t *out);
gh_rc_t gh_page_fields(const gh_form_t *form, gh_buf_t *out);


#endif
