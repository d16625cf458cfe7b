/*
 * What the fuzz targets share.
 */

#ifndef FUZZ_H
#define FUZZ_H

#include "gh.h"

#include <stdlib.h>


/* The target: bytes as they come from outside. It always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* What must hold whatever the bytes are; what does not is a find. */
static inline void
require(bool holds)
{
    if (!holds) {
        abort();
    }
}


/* A view that was cut out of a text; empty ones may lie anywhere. */
static inline bool
is_within(gh_str_t part, gh_str_t text)
{
    return part.len == 0
           || (part.data >= text.data
               && part.data + part.len <= text.data + text.len);
}


#endif
