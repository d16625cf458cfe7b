/*
 * Which texts may be a name of something in policies: what ends up in
 * headers, labels, log lines and store records has an alphabet (I8).
 */

#ifndef GH_POLICY_NAMES_H
#define GH_POLICY_NAMES_H

#include "gh.h"

#define GH_POLICY_NAME_MAX 64
#define GH_POLICY_TEXT_MAX 256 /* names for people, groups of others */
#define GH_POLICY_UPSTREAM_MAX 128
#define GH_POLICY_URI_MAX 1024


/* [A-Za-z0-9][A-Za-z0-9._-]{0,63}; `more` are further inner characters. */
bool gh_policy_name_valid(gh_str_t s, const char *more);
/* scope-token of RFC 6749 section 3.3, at most 128 bytes. */
bool gh_policy_scope_valid(gh_str_t s);
/* token of RFC 9110 section 5.6.2, at most 64 bytes. */
bool gh_policy_token_valid(gh_str_t s);
/* The same without small letters: methods are case-sensitive. */
bool gh_policy_method_valid(gh_str_t s);
/* One line of 1 to 256 bytes without control characters. */
bool gh_policy_text_valid(gh_str_t s);
bool gh_policy_email_valid(gh_str_t s);
/* Name of an upstream block: visible ASCII that nginx needs no quotes for. */
bool gh_policy_upstream_valid(gh_str_t s);
/* https, http, or a reference without a scheme (RFC 3986 section 4.1). */
bool gh_policy_uri_valid(gh_str_t s);

/*
 * A member name, or a JSON pointer (RFC 6901); at most 256 bytes. "/azp" is
 * shortened to "azp", so that one claim has one spelling.
 */
bool gh_policy_pointer_parse(gh_str_t s, gh_str_t *out);


#endif
