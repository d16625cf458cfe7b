/*
 * Structured field values (RFC 9651, which RFC 8941 became): items, lists and
 * dictionaries are walked member by member over the text itself, nothing is
 * allocated, and any of them can be written again in its canonical form.
 * Stricter than the specification where it lets a reader choose: a key that
 * comes twice is refused, base64 has one spelling, and counts are bounded.
 */

#ifndef GH_SFV_H
#define GH_SFV_H

#include "gh.h"

#define GH_SFV_MEMBERS_MAX 128 /* of a list, a dictionary, an inner list */
#define GH_SFV_PARAMS_MAX 32   /* of one member */


typedef enum {
    GH_SFV_INTEGER = 0,
    GH_SFV_DECIMAL,
    GH_SFV_STRING,
    GH_SFV_TOKEN,
    GH_SFV_BYTES,
    GH_SFV_BOOLEAN,
    GH_SFV_DATE,
    GH_SFV_DISPLAY,
    GH_SFV_INNER_LIST
} gh_sfv_type_t;

/* What a whole field is, which only its definition says. */
typedef enum {
    GH_SFV_ITEM = 0,
    GH_SFV_LIST,
    GH_SFV_DICTIONARY
} gh_sfv_kind_t;

/* One member, item or parameter. Views into the text that was walked. */
typedef struct {
    gh_str_t key; /* of a dictionary's member or a parameter, else empty */
    gh_sfv_type_t type;
    gh_str_t text;   /* between its marks: a string without its quotes but
                        with its escapes (so equal texts are equal strings),
                        the base64 of bytes, the inside of an inner list; a
                        token or number as written */
    int64_t number;  /* INTEGER, DATE (seconds); DECIMAL in thousandths;
                        BOOLEAN 0 or 1 */
    gh_str_t params; /* as written from the first ';' on; empty: none */
} gh_sfv_t;


/*
 * The whole of text is of that kind: syntax, keys that come once, counts.
 * An empty text is an empty list or dictionary and no item.
 * GH_INVALID; GH_TOO_LONG: more than the bounds above. *n (may be NULL) is
 * the number of members.
 */
gh_rc_t gh_sfv_check(gh_sfv_kind_t kind, gh_str_t text, size_t *n);

/* A text that is one item (or a boolean, ...) with its parameters. */
gh_rc_t gh_sfv_item(gh_str_t text, gh_sfv_t *out);

/*
 * The next member; *rest moves behind it and its comma. GH_ABSENT at the end;
 * GH_INVALID and GH_TOO_LONG as above. A key that comes twice is seen by
 * gh_sfv_check only.
 */
gh_rc_t gh_sfv_list_next(gh_str_t *rest, gh_sfv_t *out);
gh_rc_t gh_sfv_dictionary_next(gh_str_t *rest, gh_sfv_t *out);

/* The next item of an inner list's text, or parameter of params. */
gh_rc_t gh_sfv_inner_next(gh_str_t *rest, gh_sfv_t *out);
gh_rc_t gh_sfv_param_next(gh_str_t *rest, gh_sfv_t *out);

/*
 * Dictionary member of that key: GH_OK, GH_ABSENT, GH_INVALID. The text has
 * passed gh_sfv_check.
 */
gh_rc_t gh_sfv_dictionary_get(gh_str_t text, gh_str_t key, gh_sfv_t *out);

/*
 * Appends the canonical form (RFC 9651 section 4.1). GH_INVALID: text is not
 * of that kind; GH_TOO_LONG: does not fit, or beyond the bounds. All or
 * nothing.
 */
gh_rc_t gh_sfv_canonical(gh_sfv_kind_t kind, gh_str_t text, gh_buf_t *out);
/* The same of one member without its key; with its parameters. */
gh_rc_t gh_sfv_add(const gh_sfv_t *member, gh_buf_t *out);
gh_rc_t gh_sfv_add_params(gh_str_t params, gh_buf_t *out);

/* Appends s as a string with its quotes and escapes. GH_INVALID: it holds
 * what a string cannot. All or nothing. */
gh_rc_t gh_sfv_add_string(gh_str_t s, gh_buf_t *out);


#endif
