/*
 * What the two readers of request targets share: what each byte means in a
 * path (RFC 3986 sections 2 and 3.3), and percent-encodings.
 */

#ifndef GH_TARGET_BYTES_H
#define GH_TARGET_BYTES_H

#include "gh.h"


/* Above DELIM a byte needs a look; from HASH on it does so in a query too. */
typedef enum {
    GH_PATH_FREE = 0, /* unreserved: the only ones that are decoded */
    GH_PATH_DELIM,    /* sub-delims, ':' and '@', which pass as they came */
    GH_PATH_ODD,      /* not allowed raw in a path, means nothing special */
    GH_PATH_HIGH,     /* not ASCII */
    GH_PATH_SLASH,
    GH_PATH_PERCENT,
    GH_PATH_QUESTION,
    GH_PATH_SEMICOLON,
    GH_PATH_BACKSLASH,
    GH_PATH_HASH,
    GH_PATH_SPACE,
    GH_PATH_CONTROL
} gh_path_kind_t;


extern const uint8_t gh_path_kinds[256];

/* The byte that the escape at `at` stands for, -1 when it is none; at < end
 * and *at is '%'. */
int gh_path_escaped(const char *at, const char *end);


#endif
