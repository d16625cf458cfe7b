/*
 * Buckets of four cells, one cache line each; a hash belongs to two of them.
 * A cell is two words: a tag that says whose it is, and what is stored.
 *
 *   tag     56 bits of the hash (0: free) and an 8-bit turn, which goes up
 *           each time the cell changes hands
 *   stored  the value XOR mask(tag), or GIVING while it changes hands
 *
 * Why a mover that holds no lock is right. Hands change under the lock only,
 * and always so: stored becomes GIVING, then the tag is written, then the
 * new owner's value is stored. A mover reads its tag, reads stored, reads the
 * tag again, and exchanges stored for the new value.
 *
 * - Reading the same tag before and after means that stored was of that
 *   owner or GIVING: the next owner's value can only be seen together with
 *   the next tag (release and acquire), and a turn makes two tags differ.
 * - The exchange succeeds only if stored has not changed. A word of another
 *   owner is under another mask and equals it by a chance of 2^-64; the
 *   same owner with the same value is no harm. So the new value lands on
 *   the value it was made from, or nowhere.
 * - GIVING fails every exchange. Who meets it waits for the lock. With the
 *   lock held nobody is giving, so a GIVING that is found then was left by
 *   one who died: its cell is free. Neither owner lost anything: the old one
 *   was given up, the new one was never answered.
 * - A tag is written only after both buckets were searched under the lock;
 *   so no hash has two cells.
 *
 * What is left: a mover that is stopped between two neighbouring loads while
 * its cell changes hands 256 times; and a value that meets GIVING under its
 * mask (2^-64), which counts as left by a dead one and starts again.
 */

#include "gh_cells.h"

#define MAGIC UINT64_C(0x4748e7ce11500001) /* last: the layout */
#define CELLS 4                            /* per bucket */
#define CELLS_FILLED 3 /* of them, with as many hashes as asked for */
#define GIVING UINT64_MAX
#define TURN UINT64_C(0xff)


typedef struct {
    _Atomic uint64_t tag;
    _Atomic uint64_t stored;
} cell_t;

typedef struct {
    _Alignas(64) cell_t cells[CELLS];
} bucket_t;

struct gh_cells_s {
    _Alignas(64) _Atomic uint64_t magic;
    uint64_t n_buckets;
    _Atomic uint64_t used;      /* written under the lock */
    _Atomic uint64_t evictions; /* written under the lock */
    bucket_t buckets[];
};

/* The two buckets of a hash. */
typedef struct {
    uint64_t id; /* its tag without the turn; never 0 */
    size_t bucket[2];
} place_t;

/* A cell found by its tag. */
typedef struct {
    size_t bucket, cell;
    uint64_t tag;
} found_t;

/* In the order in which they are taken for a new hash. */
typedef enum {
    FREE = 0,
    IDLE,
    LIVE
} rank_t;

typedef struct {
    cell_t *cell;
    rank_t rank;
    uint64_t tag, stored, value;
} candidate_t;

/* What one call of gh_cells_move is about. */
typedef struct {
    uint64_t now_ns;
    gh_cells_idle_pt idle;
    gh_cells_step_pt step;
    void *data;
} move_t;


static size_t buckets_for(size_t n);
static uint64_t mix(uint64_t x);
static place_t place_of(const gh_cells_t *t, uint64_t hash);
static bool find(const gh_cells_t *t, const place_t *place, found_t *out);
static bool move_found(gh_cells_t *t, const found_t *at, const move_t *m,
                       gh_rc_t *rc);
static gh_rc_t move_locked(gh_cells_t *t, const place_t *place,
                           const move_t *m);
static void take_over(gh_cells_t *t, bucket_t *b);
static void insert(gh_cells_t *t, const place_t *place, const move_t *m,
                   uint64_t value);
static candidate_t choose(gh_cells_t *t, const place_t *place,
                          const move_t *m);
static unsigned survey(bucket_t *b, const move_t *m, candidate_t *best);
static candidate_t candidate(cell_t *cell, const move_t *m);
static rank_t rank_of(const candidate_t *c, const move_t *m);
static void count(_Atomic uint64_t *counter, uint64_t n);


size_t
gh_cells_size(size_t n)
{
    if (n == 0 || n > GH_CELLS_MAX) {
        return 0;
    }

    return sizeof(gh_cells_t) + buckets_for(n) * sizeof(bucket_t);
}


static size_t
buckets_for(size_t n)
{
    size_t buckets = (n + CELLS_FILLED - 1) / CELLS_FILLED;

    return buckets < 2 ? 2 : buckets;
}


gh_cells_t *
gh_cells_init(void *memory, size_t n)
{
    gh_cells_t *t = memory;

    if (gh_cells_size(n) == 0 || (uintptr_t) memory % 64 != 0) {
        return NULL;
    }

    t->n_buckets = buckets_for(n);
    atomic_store_explicit(&t->magic, MAGIC, memory_order_release);

    return t;
}


gh_cells_t *
gh_cells_attach(void *memory)
{
    gh_cells_t *t = memory;

    if ((uintptr_t) memory % 64 != 0
        || atomic_load_explicit(&t->magic, memory_order_acquire) != MAGIC)
    {
        return NULL;
    }

    return t;
}


gh_rc_t
gh_cells_move(gh_cells_t *t, uint64_t hash, uint64_t now_ns,
              const gh_lock_t *lock, gh_cells_idle_pt idle,
              gh_cells_step_pt step, void *data)
{
    const move_t m = { now_ns, idle, step, data };
    const place_t place = place_of(t, hash);
    found_t at;
    gh_rc_t rc;

    if (find(t, &place, &at)) {
        if (move_found(t, &at, &m, &rc)) {
            return rc;
        }

    } else if (step(0, data, &rc) == 0) {
        return rc; /* nothing to keep, no need to wait for the lock */
    }

    lock->lock(lock->ctx);
    rc = move_locked(t, &place, &m);
    lock->unlock(lock->ctx);

    return rc;
}


/* splitmix64's finalizer: every bit of x reaches every bit of the result. */
static uint64_t
mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);

    return x ^ (x >> 31);
}


static place_t
place_of(const gh_cells_t *t, uint64_t hash)
{
    uint64_t id = mix(hash) & ~TURN;

    if (id == 0) {
        id = TURN + 1;
    }

    uint64_t first = ((id >> 32) * t->n_buckets) >> 32;
    uint64_t second = ((mix(id) >> 32) * t->n_buckets) >> 32;

    if (second == first) {
        second = (first + 1) % t->n_buckets;
    }

    return (place_t){ id, { first, second } };
}


static bool
find(const gh_cells_t *t, const place_t *place, found_t *out)
{
    for (size_t i = 0; i < 2; i++) {
        const bucket_t *b = &t->buckets[place->bucket[i]];

        for (size_t c = 0; c < CELLS; c++) {
            uint64_t tag =
                atomic_load_explicit(&b->cells[c].tag, memory_order_acquire);

            if ((tag & ~TURN) == place->id) {
                *out = (found_t){ place->bucket[i], c, tag };
                return true;
            }
        }
    }

    return false;
}


/* False when the cell is changing hands, or has. */
static bool
move_found(gh_cells_t *t, const found_t *at, const move_t *m, gh_rc_t *rc)
{
    cell_t *cell = &t->buckets[at->bucket].cells[at->cell];
    uint64_t mask = mix(at->tag);

    for (;;) {
        uint64_t stored =
            atomic_load_explicit(&cell->stored, memory_order_acquire);
        uint64_t tag = atomic_load_explicit(&cell->tag, memory_order_acquire);

        if (stored == GIVING || tag != at->tag) {
            return false;
        }

        uint64_t old = stored ^ mask;
        uint64_t next = m->step(old, m->data, rc);

        if (next == old
            || atomic_compare_exchange_weak_explicit(
                &cell->stored, &stored, next ^ mask, memory_order_acq_rel,
                memory_order_relaxed))
        {
            return true;
        }
    }
}


static gh_rc_t
move_locked(gh_cells_t *t, const place_t *place, const move_t *m)
{
    found_t at;
    gh_rc_t rc;

    for (;;) {
        take_over(t, &t->buckets[place->bucket[0]]);
        take_over(t, &t->buckets[place->bucket[1]]);

        if (!find(t, place, &at)) {
            break;
        }

        if (move_found(t, &at, m, &rc)) {
            return rc;
        }
    }

    uint64_t value = m->step(0, m->data, &rc);

    if (value != 0) {
        insert(t, place, m, value);
    }

    return rc;
}


/* Frees what one who held the lock and died was giving away. */
static void
take_over(gh_cells_t *t, bucket_t *b)
{
    for (size_t c = 0; c < CELLS; c++) {
        cell_t *cell = &b->cells[c];

        if (atomic_load_explicit(&cell->stored, memory_order_acquire)
            != GIVING) {
            continue;
        }

        uint64_t tag = atomic_load_explicit(&cell->tag, memory_order_relaxed);

        if ((tag & ~TURN) != 0) {
            count(&t->used, UINT64_MAX); /* one less */
        }

        atomic_store_explicit(&cell->tag, (tag + 1) & TURN,
                              memory_order_release);
        atomic_store_explicit(&cell->stored, 0, memory_order_release);
    }
}


static void
insert(gh_cells_t *t, const place_t *place, const move_t *m, uint64_t value)
{
    candidate_t c;

    do {
        /* of a free cell nobody reads what is stored; it cannot fail there */
        c = choose(t, place, m);

    } while (!atomic_compare_exchange_strong_explicit(
        &c.cell->stored, &c.stored, GIVING, memory_order_acq_rel,
        memory_order_relaxed));

    uint64_t tag = place->id | ((c.tag + 1) & TURN);

    /* first: a take-over of a tag that was never counted would go below 0 */
    count(&t->used, c.rank == FREE ? 1 : 0);
    count(&t->evictions, c.rank == LIVE ? 1 : 0);

    atomic_store_explicit(&c.cell->tag, tag, memory_order_release);
    atomic_store_explicit(&c.cell->stored, value ^ mix(tag),
                          memory_order_release);
}


/* From the bucket with more room, so that neither runs full early. */
static candidate_t
choose(gh_cells_t *t, const place_t *place, const move_t *m)
{
    candidate_t a, b;
    unsigned room_a = survey(&t->buckets[place->bucket[0]], m, &a);
    unsigned room_b = survey(&t->buckets[place->bucket[1]], m, &b);

    if (room_a == 0 && room_b == 0) {
        return b.value < a.value ? b : a;
    }

    return room_b > room_a ? b : a;
}


/* How many cells are to be had, and which one first. */
static unsigned
survey(bucket_t *b, const move_t *m, candidate_t *best)
{
    *best = candidate(&b->cells[0], m);

    unsigned room = best->rank != LIVE;

    for (size_t i = 1; i < CELLS; i++) {
        candidate_t c = candidate(&b->cells[i], m);

        room += c.rank != LIVE;

        if (c.rank < best->rank
            || (c.rank == best->rank && c.value < best->value)) {
            *best = c;
        }
    }

    return room;
}


static candidate_t
candidate(cell_t *cell, const move_t *m)
{
    candidate_t c = { .cell = cell };

    c.stored = atomic_load_explicit(&cell->stored, memory_order_acquire);
    c.tag = atomic_load_explicit(&cell->tag, memory_order_relaxed);
    c.value = c.stored ^ mix(c.tag);
    c.rank = rank_of(&c, m);

    return c;
}


static rank_t
rank_of(const candidate_t *c, const move_t *m)
{
    if ((c->tag & ~TURN) == 0) {
        return FREE;
    }

    return m->idle(c->value, m->now_ns) ? IDLE : LIVE;
}


/* Under the lock; atomic for those who read the statistics. */
static void
count(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, now + n, memory_order_relaxed);
}


uint64_t
gh_cells_get(const gh_cells_t *t, uint64_t hash)
{
    const place_t place = place_of(t, hash);
    found_t at;

    while (find(t, &place, &at)) {
        const cell_t *cell = &t->buckets[at.bucket].cells[at.cell];
        uint64_t stored =
            atomic_load_explicit(&cell->stored, memory_order_acquire);

        if (stored == GIVING) {
            break;
        }

        if (atomic_load_explicit(&cell->tag, memory_order_acquire) == at.tag) {
            return stored ^ mix(at.tag);
        }
    }

    return 0;
}


void
gh_cells_stats(const gh_cells_t *t, gh_cells_stats_t *out)
{
    out->used = atomic_load_explicit(&t->used, memory_order_relaxed);
    out->evictions = atomic_load_explicit(&t->evictions, memory_order_relaxed);
}
