/*
 * Buckets of eight names, two cache lines each; a name belongs to two of
 * them. Everything happens under the lock that is handed in. Who dies while
 * writing one has not answered for it.
 *
 * A slot is free once its name has expired. Time is never looked at alone:
 * the horizon is the latest time this memory has seen, everything that
 * expires beyond it is still here, and everything else is refused. So a
 * clock that goes back forgets nothing.
 */

#include "gh_replay.h"

#define SLOTS 8         /* per bucket */
#define FILLED_TENTHS 7 /* of the slots, with as many names as asked for */


typedef struct {
    uint64_t tag;
    int64_t expires_at_s; /* 0: never used */
} slot_t;

typedef struct {
    _Alignas(64) slot_t slots[SLOTS];
} bucket_t;

struct gh_replay_s {
    _Alignas(64) gh_sipkey_t key;
    uint64_t n_buckets;
    int64_t began_at_s;
    int64_t horizon_s; /* under the lock */
    uint64_t full;     /* under the lock */
    bucket_t buckets[];
};


static gh_rc_t claim(gh_replay_t *r, const gh_replay_use_t *use,
                     int64_t now_s);
static slot_t *find(gh_replay_t *r, uint64_t tag, bool *used);
static unsigned survey(gh_replay_t *r, bucket_t *b, uint64_t tag,
                       slot_t **unused, bool *used);
static size_t buckets_for(size_t n);
static void add_part(char *text, size_t *len, gh_str_t part);


void
gh_replay_name(gh_str_t kind, gh_str_t owner, gh_str_t once,
               uint8_t out[GH_REPLAY_NAME_LEN])
{
    const gh_str_t parts[] = { kind, owner, once };
    char text[3 * (8 + GH_SHA256_LEN)];
    uint8_t sum[GH_SHA256_LEN];
    size_t len = 0;

    for (size_t i = 0; i < 3; i++) {
        add_part(text, &len, parts[i]);
    }

    gh_sha256((gh_str_t){ text, len }, sum);
    memcpy(out, sum, GH_REPLAY_NAME_LEN);
}


/* Its length and its hash: texts of any length, framed. */
static void
add_part(char *text, size_t *len, gh_str_t part)
{
    uint8_t sum[GH_SHA256_LEN];

    for (unsigned shift = 0; shift < 64; shift += 8) {
        text[(*len)++] = (char) ((uint64_t) part.len >> shift);
    }

    gh_sha256(part, sum);
    memcpy(text + *len, sum, sizeof(sum));
    *len += sizeof(sum);
}


size_t
gh_replay_size(size_t n)
{
    if (n == 0 || n > GH_REPLAY_MAX) {
        return 0;
    }

    return sizeof(gh_replay_t) + buckets_for(n) * sizeof(bucket_t);
}


static size_t
buckets_for(size_t n)
{
    size_t buckets = (n * 10 / FILLED_TENTHS + SLOTS - 1) / SLOTS;

    return buckets < 2 ? 2 : buckets;
}


gh_replay_t *
gh_replay_init(void *memory, size_t n, const gh_sipkey_t *key, int64_t now_s)
{
    gh_replay_t *r = memory;

    if (gh_replay_size(n) == 0 || (uintptr_t) memory % 64 != 0) {
        return NULL;
    }

    r->key = *key;
    r->n_buckets = buckets_for(n);
    r->began_at_s = now_s;
    r->horizon_s = now_s;

    return r;
}


gh_rc_t
gh_replay_claim(gh_replay_t *r, const gh_lock_t *lock,
                const gh_replay_use_t *use, int64_t now_s)
{
    lock->lock(lock->ctx);

    gh_rc_t rc = claim(r, use, now_s);

    lock->unlock(lock->ctx);

    return rc;
}


static gh_rc_t
claim(gh_replay_t *r, const gh_replay_use_t *use, int64_t now_s)
{
    gh_str_t name = { (const char *) use->name, GH_REPLAY_NAME_LEN };
    uint64_t tag = gh_siphash(&r->key, name);
    bool used = false;

    if (now_s > r->horizon_s) {
        r->horizon_s = now_s;
    }

    /* by a clock that is ahead it may have been made after we began, and
     * have been used before */
    if (use->made_at_s <= r->began_at_s + use->ahead_s
        || use->expires_at_s <= r->horizon_s)
    {
        return GH_UNAVAILABLE;
    }

    slot_t *slot = find(r, tag, &used);

    if (used) {
        return GH_CONFLICT;
    }

    if (slot == NULL) {
        r->full++;
        return GH_FULL;
    }

    slot->tag = tag;
    slot->expires_at_s = use->expires_at_s;

    return GH_OK;
}


/* A free slot of the emptier of the two buckets, NULL when there is none. */
static slot_t *
find(gh_replay_t *r, uint64_t tag, bool *used)
{
    uint64_t other = tag * UINT64_C(0x9e3779b97f4a7c15);
    size_t first = (size_t) (((tag >> 32) * r->n_buckets) >> 32);
    size_t second = (size_t) (((other >> 32) * r->n_buckets) >> 32);
    slot_t *unused[2] = { NULL, NULL };

    if (second == first) {
        second = (first + 1) % r->n_buckets;
    }

    unsigned a = survey(r, &r->buckets[first], tag, &unused[0], used);
    unsigned b = survey(r, &r->buckets[second], tag, &unused[1], used);

    return unused[a >= b ? 0 : 1];
}


/* How many slots of it are free; *unused is one of them. */
static unsigned
survey(gh_replay_t *r, bucket_t *b, uint64_t tag, slot_t **unused, bool *used)
{
    unsigned n = 0;

    for (size_t i = 0; i < SLOTS; i++) {
        slot_t *slot = &b->slots[i];

        if (slot->expires_at_s <= r->horizon_s) {
            *unused = slot;
            n++;

        } else if (slot->tag == tag) {
            *used = true;
        }
    }

    return n;
}


void
gh_replay_stats(const gh_replay_t *r, int64_t now_s, gh_replay_stats_t *out)
{
    *out =
        (gh_replay_stats_t){ .room = r->n_buckets * SLOTS, .full = r->full };

    for (uint64_t i = 0; i < r->n_buckets; i++) {
        for (size_t s = 0; s < SLOTS; s++) {
            out->live += r->buckets[i].slots[s].expires_at_s > now_s;
        }
    }
}
