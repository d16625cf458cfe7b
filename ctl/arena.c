/*
 * The arena: a list of blocks, newest first.
 */

#include "arena.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>


struct ctl_block_s {
    ctl_block_t *next;
    size_t size;
    max_align_t data[];
};


void *
ctl_alloc(ctl_arena_t *a, size_t size)
{
    ctl_block_t *b = NULL;

    if (size < SIZE_MAX / 2) {
        b = calloc(1, sizeof(*b) + size);
    }

    if (b == NULL) {
        (void) fputs("gatehouse: out of memory\n", stderr);
        exit(3);
    }

    b->size = size;
    b->next = a->blocks;
    a->blocks = b;

    return b->data;
}


char *
ctl_copy(ctl_arena_t *a, gh_str_t s)
{
    char *copy = ctl_alloc(a, s.len + 1);

    if (s.len > 0) {
        memcpy(copy, s.data, s.len);
    }

    return copy;
}


char *
ctl_text(ctl_arena_t *a, const char *fmt, ...)
{
    va_list args;
    char *text;
    int len;

    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);

    if (len < 0) {
        return ctl_copy(a, GH_STR(""));
    }

    text = ctl_alloc(a, (size_t) len + 1);

    va_start(args, fmt);
    (void) vsnprintf(text, (size_t) len + 1, fmt, args);
    va_end(args);

    return text;
}


void *
ctl_grow(ctl_arena_t *a, void *array, size_t n, size_t size)
{
    void *larger;

    if (n != 0 && (n & (n - 1)) != 0) {
        return array;
    }

    larger = ctl_alloc(a, (n == 0 ? 1 : 2 * n) * size);

    if (n > 0) {
        memcpy(larger, array, n * size);
    }

    return larger;
}


void
ctl_arena_clear(ctl_arena_t *a)
{
    while (a->blocks != NULL) {
        ctl_block_t *b = a->blocks;

        a->blocks = b->next;
        OPENSSL_cleanse(b->data, b->size);
        free(b);
    }
}
