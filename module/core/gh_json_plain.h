/*
 * A short way to read what tokens and sessions mostly are. Not a reader of
 * its own: whatever is not plain is jansson's to read or to refuse.
 */

#ifndef GH_JSON_PLAIN_H
#define GH_JSON_PLAIN_H

#include <jansson.h>

#include "gh.h"

#define GH_JSON_PLAIN_MAX 8192 /* bytes of a text worth the try */


/*
 * Reads the whole of text as an object of plain values: strings of printable
 * ASCII without escapes, whole numbers from 0 of at most 15 digits, true,
 * false, null, and lists and objects of these, not deep.
 *
 * GH_OK      *out is owned by the caller, and what jansson would have made
 * GH_ABSENT  not plain, or no JSON at all
 * GH_NOMEM   jansson's allocator said so
 */
gh_rc_t gh_json_plain(gh_str_t text, json_t **out);


#endif
