/*
 * Blocks behind the head of an image, with wrong bytes and a right checksum.
 */

#ifndef FUZZ_SEALED_H
#define FUZZ_SEALED_H

#include "fuzz.h"

#include "gh_image_layout.h"


/*
 * The block that an input stands for; the caller frees its bytes. The input
 * is either one itself or, so that seeds outlive a change of the layout, a
 * list of changes to a good one: 32 bits of offset, 32 bits of value, each.
 */
static inline gh_str_t
sealed(gh_str_t good, const uint8_t *data, size_t size)
{
    bool whole = size > 8 && memcmp(data, good.data, 8) == 0;
    size_t len = whole ? size : good.len;
    char *copy = malloc(len);

    require(copy != NULL);
    memcpy(copy, whole ? (const char *) data : good.data, len);

    for (; !whole && size >= 8; data += 8, size -= 8) {
        uint32_t off;

        memcpy(&off, data, sizeof(off));
        off = off % (uint32_t) (len / 4) * 4;
        memcpy(copy + off, data + 4, 4);
    }

    if (len >= sizeof(gh_image_head_t)) {
        uint64_t sum = gh_image_checksum(copy, len);
        uint64_t exact = len;

        memcpy(copy + offsetof(gh_image_head_t, checksum), &sum, sizeof(sum));
        memcpy(copy + offsetof(gh_image_head_t, size), &exact, sizeof(exact));
    }

    return (gh_str_t){ copy, len };
}


#endif
