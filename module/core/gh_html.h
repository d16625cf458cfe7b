/*
 * What the pages of refusals and of logins share: how they begin and end,
 * one small style known by its hash, and escaping.
 */

#ifndef GH_HTML_H
#define GH_HTML_H

#include "gh.h"

/* GH_HTML_STYLE_SOURCE is its hash, as Content-Security-Policy wants it. */
#define GH_HTML_STYLE                                                         \
    "html{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}"        \
    "main{max-width:36rem;margin:15vh auto 0;padding:0 1.5rem}"               \
    "h1{font-size:1.5rem;line-height:1.25}"                                   \
    "code{overflow-wrap:anywhere}"                                            \
    "button{font:inherit;padding:.5rem 1.25rem}"                              \
    "a:focus-visible,button:focus-visible{outline:3px solid;"                 \
    "outline-offset:3px}"
#define GH_HTML_STYLE_SOURCE                                                  \
    "'sha256-vyJjIMbgqIdDGgxzjb5NZakFI1sFzrW/W/2+LFEG7IQ='"


/*
 * From the document type to the heading, and from the end of the last
 * paragraph on. title is HTML already. On GH_TOO_LONG something may have been
 * appended: the caller goes back.
 */
gh_rc_t gh_html_begin(gh_str_t title, gh_buf_t *out);
gh_rc_t gh_html_end(gh_buf_t *out);

/* Appends all of parts, or as many as fit: GH_TOO_LONG. */
gh_rc_t gh_html_add(gh_buf_t *out, const gh_str_t *parts, size_t n);

/*
 * Appends text so that it stays text, also between quotes: & < > " ' are
 * escaped, controls but TAB CR LF dropped, what is not UTF-8 becomes U+FFFD.
 * All or nothing.
 */
gh_rc_t gh_html_escape(gh_str_t text, gh_buf_t *out);

/* A request id: what is not visible ASCII becomes '?'. As above. */
gh_rc_t gh_html_id(gh_str_t id, gh_buf_t *out);


#endif
