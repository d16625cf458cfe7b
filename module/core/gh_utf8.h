/*
 * Whether bytes are UTF-8, for those who hand them on to somebody who may
 * read them more loosely.
 */

#ifndef GH_UTF8_H
#define GH_UTF8_H

#include "gh.h"


/*
 * The first code point of s and its length; 0 when it is not UTF-8
 * (RFC 3629: no second spelling, no surrogate, nothing above U+10FFFF) or s
 * is empty.
 */
size_t gh_utf8_first(gh_str_t s, uint32_t *code);

/* All of it is; the empty text too. */
bool gh_utf8_valid(gh_str_t s);


#endif
