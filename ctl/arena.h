/*
 * Memory of a process that does one thing and ends: everything is freed at
 * once, and running out of it ends the process with a word. Nothing that the
 * tool has promised depends on memory it gets later: what is acknowledged is
 * on disk by then.
 */

#ifndef CTL_ARENA_H
#define CTL_ARENA_H

#include "gh.h"

typedef struct ctl_block_s ctl_block_t;

/* Caller's memory, zeroed. */
typedef struct {
    ctl_block_t *blocks;
} ctl_arena_t;


/* Zeroed; never NULL. Borrowed until the arena is cleared, as all below. */
void *ctl_alloc(ctl_arena_t *a, size_t size);
/* Copies with a NUL behind them. */
char *ctl_copy(ctl_arena_t *a, gh_str_t s);
char *ctl_text(ctl_arena_t *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Room for one more in an array of n elements whose capacity is the next
 * power of two: the same array, or a larger copy of it.
 */
void *ctl_grow(ctl_arena_t *a, void *array, size_t n, size_t size);

/* Wipes what it frees: keys pass through here. */
void ctl_arena_clear(ctl_arena_t *a);


#endif
