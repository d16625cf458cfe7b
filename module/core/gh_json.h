/*
 * JSON as Gatehouse reads it: jansson with duplicate members refused, depth
 * and size bounded, no NUL in strings, and the line and column of any value
 * on demand. Values are jansson's own (json_t), so callers use its getters.
 */

#ifndef GH_JSON_H
#define GH_JSON_H

#include <jansson.h>

#include "gh.h"

#define GH_JSON_DEPTH_MAX 16

typedef struct {
    unsigned line, column; /* from 1; column counts bytes */
    char     message[160]; /* what is wrong, NUL-terminated, no input bytes
                              outside printable ASCII */
} gh_json_error_t;


/*
 * Parses the whole of text as one object or array.
 *
 *   max_bytes  refuse longer text with GH_TOO_LONG before reading it
 *   err        may be NULL
 *
 * GH_OK  *out is owned by the caller (json_decref)
 * GH_INVALID  not JSON, duplicate member, too deep, bytes after the end
 */
gh_rc_t gh_json_parse(gh_str_t text, size_t max_bytes, json_t **out,
                      gh_json_error_t *err);

/* Borrowed views; GH_ABSENT: no such member; GH_INVALID: another type. */
gh_rc_t gh_json_str(const json_t *object, const char *name, gh_str_t *out);
gh_rc_t gh_json_bool(const json_t *object, const char *name, bool *out);

/*
 * A NumericDate (RFC 7519 section 2): integer or real, 0 to 2^53; the
 * fraction is cut. Strings, negatives, NaN-like values are GH_INVALID.
 */
gh_rc_t gh_json_date(const json_t *object, const char *name, int64_t *out_s);

/*
 * Follows a JSON pointer (RFC 6901). A text without a leading '/' is one
 * member name. NULL when it leads nowhere or is malformed. Borrowed.
 */
json_t *gh_json_pointer(json_t *root, gh_str_t pointer);

/*
 * Where the value at `pointer` begins in text (or, with name true, where
 * the member's name begins). text must have been accepted by gh_json_parse.
 * GH_ABSENT when the pointer leads nowhere.
 */
gh_rc_t gh_json_locate(gh_str_t text, gh_str_t pointer, bool name,
                       unsigned *line, unsigned *column);

/* Appends s as a quoted JSON string, escaping as RFC 8259 asks; invalid
 * UTF-8 becomes U+FFFD. */
gh_rc_t gh_json_quote(gh_str_t s, gh_buf_t *out);


#endif
