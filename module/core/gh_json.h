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
    unsigned line, column; /* from 1, where the offending token begins;
                              column counts bytes */
    char message[160];     /* what is wrong, NUL-terminated, no input bytes
                              outside printable ASCII; may quote the token, so
                              not for texts that hold secrets */
} gh_json_error_t;


/*
 * Parses the whole of text as one object or array.
 *
 *   max_bytes  refuse longer text with GH_TOO_LONG before reading it
 *   err        may be NULL
 *
 * GH_OK  *out is owned by the caller (json_decref)
 * GH_INVALID  not JSON, duplicate member, too deep, bytes after the end, NUL
 *             in a string, a number that does not fit 64 bits
 * GH_NOMEM    jansson's allocator said so
 */
gh_rc_t gh_json_parse(gh_str_t text, size_t max_bytes, json_t **out,
                      gh_json_error_t *err);

/*
 * Borrowed views; GH_ABSENT: no such member; GH_INVALID: another type (null
 * too), or not an object at all. *out is set on GH_OK only.
 */
gh_rc_t gh_json_str(const json_t *object, const char *name, gh_str_t *out);
gh_rc_t gh_json_bool(const json_t *object, const char *name, bool *out);

/*
 * A NumericDate (RFC 7519 section 2): integer or real, 0 to 2^53; the
 * fraction is cut. Strings, negatives, NaN-like values are GH_INVALID.
 */
gh_rc_t gh_json_date(const json_t *object, const char *name, int64_t *out_s);

/*
 * Follows a JSON pointer (RFC 6901). A text without a leading '/' is one
 * member name, taken as it is; the empty one means root. NULL when it leads
 * nowhere or is malformed. Borrowed.
 */
json_t *gh_json_pointer(json_t *root, gh_str_t pointer);

/*
 * Where the value at `pointer` begins in text (or, with name true, where
 * the member's name begins; in an array the value). text must have been
 * accepted by gh_json_parse. GH_ABSENT when the pointer leads nowhere.
 */
gh_rc_t gh_json_locate(gh_str_t text, gh_str_t pointer, bool name,
                       unsigned *line, unsigned *column);

/*
 * Appends s as a quoted JSON string on one line. Escaped are what RFC 8259
 * asks for, DEL, C1 controls, line separators and the byte order mark;
 * invalid UTF-8 becomes U+FFFD. GH_TOO_LONG leaves the buffer as it was.
 */
gh_rc_t gh_json_quote(gh_str_t s, gh_buf_t *out);


#endif
