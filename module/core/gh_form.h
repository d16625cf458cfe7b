/*
 * application/x-www-form-urlencoded (WHATWG URL section 5): the arguments of
 * a callback, the forms that providers are posted, and a person's form that
 * an expired session interrupted. Bounded, and strict on the way in.
 */

#ifndef GH_FORM_H
#define GH_FORM_H

#include "gh.h"

#define GH_FORM_FIELDS_MAX 128


/* Decoded; views into the room handed to gh_form_parse. */
typedef struct {
    gh_str_t name, value;
} gh_form_field_t;

typedef struct {
    gh_form_field_t fields[GH_FORM_FIELDS_MAX];
    size_t n;
} gh_form_t;


/*
 * Splits at '&', decodes '+' and %XX of names and values into room, which
 * must hold text.len bytes. Empty items are passed over.
 *
 * GH_INVALID   a '%' without two hex digits, a NUL, or bytes that are not
 *              UTF-8
 * GH_FULL      more fields than GH_FORM_FIELDS_MAX
 * GH_TOO_LONG  room is smaller than text
 */
gh_rc_t gh_form_parse(gh_str_t text, gh_buf_t *room, gh_form_t *out);

/*
 * GH_OK: there is exactly one of that name; GH_ABSENT; GH_CONFLICT: several.
 */
gh_rc_t gh_form_one(const gh_form_t *form, gh_str_t name, gh_str_t *value);

/* Appends "name=value", encoded, with a '&' before it unless out is empty or
 * ends with '?'. All or nothing; GH_TOO_LONG. */
gh_rc_t gh_form_add(gh_buf_t *out, gh_str_t name, gh_str_t value);

/* The encoding of one text alone, as client_secret_basic wants it (RFC 6749
 * section 2.3.1); appends. */
gh_rc_t gh_form_encode(gh_str_t text, gh_buf_t *out);


#endif
