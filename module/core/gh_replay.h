/*
 * Replay memory: names (of nonces, of token ids) that may be used once, in
 * memory that several processes share. Fixed in size; a name is kept until
 * what it stands for would be refused without us, and never given up before:
 * full means refuse. What this memory cannot vouch for is refused too, since
 * it may have been used before the memory began, or before the clock went
 * back.
 */

#ifndef GH_REPLAY_H
#define GH_REPLAY_H

#include "gh_cells.h"
#include "gh_hash.h"

#define GH_REPLAY_NAME_LEN 16
#define GH_REPLAY_MAX (1u << 28) /* names */

typedef struct gh_replay_s gh_replay_t;

/* One use of something that may be used once. */
typedef struct {
    uint8_t name[GH_REPLAY_NAME_LEN];
    int64_t made_at_s;    /* by its maker's clock */
    int64_t expires_at_s; /* by ours; from then on everybody refuses it */
    int64_t ahead_s;      /* how far that clock may be ahead of ours */
} gh_replay_use_t;

typedef struct {
    uint64_t room; /* names that fit at once */
    uint64_t live; /* kept now */
    uint64_t full; /* refused for want of room, ever */
} gh_replay_stats_t;


/*
 * The name of one use: the first half of the SHA-256 of its parts, each with
 * its length before it. The same on every node, so that a shared store's
 * claim(name, ttl) can take this memory's place. kind: "signature", "jti".
 */
void gh_replay_name(gh_str_t kind, gh_str_t owner, gh_str_t once,
                    uint8_t out[GH_REPLAY_NAME_LEN]);

/* Bytes for n names at once; 0 when n is 0 or above GH_REPLAY_MAX. */
size_t gh_replay_size(size_t n);

/*
 * Lays the memory out in zeroed bytes of that size, aligned to 64; it begins
 * to remember at now_s. key is secret, so that nobody can choose names that
 * fall together. NULL: n or the alignment is wrong.
 */
gh_replay_t *gh_replay_init(void *memory, size_t n, const gh_sipkey_t *key,
                            int64_t now_s);

/*
 * Uses a name. Nobody may be let through but on GH_OK.
 *
 * GH_OK           nobody has used it before, and nobody can again
 * GH_CONFLICT     it was used
 * GH_FULL         there is no room to remember it
 * GH_UNAVAILABLE  it may have been used before this memory began, or has
 *                 expired already: it cannot vouch for it
 */
gh_rc_t gh_replay_claim(gh_replay_t *r, const gh_lock_t *lock,
                        const gh_replay_use_t *use, int64_t now_s);

/* Looks at all of it: for metrics, not for requests. */
void gh_replay_stats(const gh_replay_t *r, int64_t now_s,
                     gh_replay_stats_t *out);


#endif
