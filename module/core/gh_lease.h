/*
 * What one node holds of a rate that several nodes share: tokens that the
 * shared store handed out in advance, in one 64-bit word that the node's
 * workers share. The store counts every token that is out against the burst,
 * so they may be spent at any time before the lease ends, and by anybody
 * here, without asking again.
 */

#ifndef GH_LEASE_H
#define GH_LEASE_H

#include "gh_limit.h"

#define GH_LEASE_LIFE_NS GH_NS_PER_S /* from when it was asked for */
#define GH_LEASE_TOKENS 50           /* handed out ahead of demand, at most */
#define GH_LEASE_NEED_MAX 255        /* asked for at once, at most */
#define GH_LEASE_HELD_MAX 511
#define GH_LEASE_STEP_NS (UINT64_C(1) << 26) /* a lease ends on such a step */

_Static_assert(GH_COST_MAX <= GH_LEASE_NEED_MAX, "any cost can be leased");

/*
 * The steps below are for gh_cells_move with gh_gcra_idle: the word of a
 * counter that nobody has asked for lately is like an absent one.
 */

typedef enum {
    GH_LEASE_TAKEN = 0,
    GH_LEASE_LOW,  /* taken; ask for more before it is used up */
    GH_LEASE_EMPTY /* not taken: ask, or wait for whoever asks already */
} gh_lease_verdict_t;

typedef struct {
    gh_lease_verdict_t verdict;
    uint64_t left;
    unsigned serial; /* of the asking before or under way */
    bool asking;     /* somebody has asked and has no answer yet */
} gh_lease_taken_t;

typedef struct {
    bool begun;       /* false: somebody else asks */
    uint64_t unspent; /* what this node may still spend, for the store */
    unsigned serial;  /* for gh_lease_grant_step or gh_lease_fail_step */
} gh_lease_asked_t;


/* Spends `cost` (>= 1). now_ns was read after the word was: a decision is of
 * a time at which the token was there. */
uint64_t gh_lease_take_step(uint64_t word, uint64_t now_ns, uint64_t cost,
                            gh_lease_taken_t *out);

/*
 * Gives back what was taken under `serial`. It is lost if somebody has asked
 * since: the store was told that it is spent.
 */
uint64_t gh_lease_give_back_step(uint64_t word, uint64_t now_ns,
                                 unsigned serial, uint64_t cost);

/* One asks at a time; what has ended is given up. */
uint64_t gh_lease_ask_step(uint64_t word, uint64_t now_ns,
                           gh_lease_asked_t *out);

/*
 * The store's answer. *used is false when it is not to be used: whoever
 * waited for it too long has given it up. The caller must also drop an
 * answer that took longer than anybody waits.
 */
uint64_t gh_lease_grant_step(uint64_t word, unsigned serial, uint64_t granted,
                             uint64_t ends_ns, bool *used);

/* No answer; what is left may be spent until it ends. */
uint64_t gh_lease_fail_step(uint64_t word, unsigned serial);


/* One node's part of a limit while the store cannot be asked: 1/nodes of its
 * rate and of its burst, at least a burst of one. */
void gh_lease_share(const gh_limit_t *limit, uint64_t nodes, gh_limit_t *out);

/*
 * The GCRA word (gh_limit.h) of a bucket that the store said holds
 * level_milli thousandths of a token at now_ns: until it is asked again,
 * nobody can get more than that and what comes back. gap_ns: before it is
 * over an empty bucket looks empty.
 */
uint64_t gh_lease_level(const gh_limit_t *limit, uint64_t level_milli,
                        uint64_t now_ns, uint64_t gap_ns);


#endif
