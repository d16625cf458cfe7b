/*
 * A fixed table of 64-bit cells in memory that several processes share
 * (GCRA words, quota words), found by a 64-bit hash made with a secret key.
 * Finding is lock-free; only an insert takes the lock that is handed in. A
 * cell whose owner died in mid-insert is taken over by the next insert.
 */

#ifndef GH_CELLS_H
#define GH_CELLS_H

#include <stdatomic.h>

#include "gh.h"

#define GH_CELLS_MAX UINT32_MAX

typedef struct gh_cells_s gh_cells_t;

typedef struct {
    void (*lock)(void *ctx); /* across processes; released for a dead one */
    void (*unlock)(void *ctx);
    void *ctx;
} gh_lock_t;

typedef struct {
    uint64_t used;      /* cells holding a hash; an insert that was killed may
                           leave it off by one */
    uint64_t evictions; /* live cells given up because there was no room */
} gh_cells_stats_t;


/*
 * Bytes needed for n cells (1 to GH_CELLS_MAX); 0 when n is out of range. A
 * third more are made than n: with n live hashes at once fewer than one in a
 * hundred is given up for want of room, with two thirds of n next to none.
 */
size_t gh_cells_size(size_t n);
/* Lays the table out in zeroed memory of that size; NULL when n is out of
 * range or memory is not aligned to 64. */
gh_cells_t *gh_cells_init(void *memory, size_t n);
/* The same memory mapped again (reload, another process): checks its magic;
 * NULL when it is not a table. */
gh_cells_t *gh_cells_attach(void *memory);

/*
 * Moves the cell of that hash from its old value to step(old), inserting it
 * with old = 0 when absent; `step` is pure, may be called several times, also
 * under the lock, and sets *rc, which is returned. A step that returns `old`
 * writes nothing, one that leaves an absent cell at 0 inserts nothing.
 *
 * A cell may be given to another hash when idle(value, now_ns) says that it
 * equals an absent one; now_ns is of whatever clock `idle` understands. Each
 * hash may lie in 8 cells; when all of them are live, the one whose value is
 * smallest goes and is counted. 56 bits of a hash are told apart.
 */
typedef uint64_t (*gh_cells_step_pt)(uint64_t old, void *data, gh_rc_t *rc);
typedef bool (*gh_cells_idle_pt)(uint64_t value, uint64_t now_ns);

gh_rc_t gh_cells_move(gh_cells_t *t, uint64_t hash, uint64_t now_ns,
                      const gh_lock_t *lock, gh_cells_idle_pt idle,
                      gh_cells_step_pt step, void *data);
/* The value now, 0 when absent. */
uint64_t gh_cells_get(const gh_cells_t *t, uint64_t hash);
void gh_cells_stats(const gh_cells_t *t, gh_cells_stats_t *out);


#endif
