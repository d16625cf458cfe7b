/*
 * The generic cell rate algorithm on one word: the theoretical arrival time
 * (TAT), the instant at which the bucket will be full again. How much is
 * taken from the bucket is how far the word lies in the future.
 *
 * Why the bound is exact. Take the requests accepted with a clock in [a, b],
 * in the order in which their exchanges took hold. The first leaves the word
 * at a + cost * interval or later, each one moves it on by cost * interval,
 * and the last was accepted only because that left it at or before
 * b + burst * interval. So their costs add up to at most
 * burst + (b - a) / interval, whichever caller came with which clock.
 * Nothing else moves the word backwards but what is said below.
 */

#include "gh_limit.h"


static uint64_t believable(uint64_t tat, uint64_t now_ns, uint64_t depth);


uint64_t
gh_gcra_step(uint64_t tat, const gh_limit_t *limit, uint64_t now_ns,
             uint64_t cost, gh_limit_state_t *state, gh_rc_t *rc)
{
    uint64_t interval = limit->interval_ns;
    uint64_t depth = limit->burst * interval;
    bool ever = cost <= limit->burst && interval > 0;
    uint64_t need = ever ? cost * interval : 0;
    uint64_t retry = 0;

    tat = believable(tat, now_ns, depth);

    uint64_t used = tat > now_ns ? tat - now_ns : 0;

    if (!ever) {
        *rc = GH_DENIED;
        retry = UINT64_MAX;

    } else if (used + need > depth) {
        *rc = GH_DENIED;
        retry = used + need - depth;

    } else {
        *rc = GH_OK;
        used += need;
        tat = now_ns + used;
    }

    if (state != NULL) {
        /* a caller with a late clock may see more used than there is */
        state->remaining =
            used < depth && interval > 0 ? (depth - used) / interval : 0;
        state->reset_ns = used;
        state->retry_ns = retry;
    }

    return tat;
}


/*
 * No request leaves the word beyond now + depth. If it is there all the
 * same, the clock stepped or the limit was made smaller, and waiting for it
 * could take for ever: start from an empty bucket. A caller that was stopped
 * between reading its clock and coming here finds it ahead as well, and must
 * not hand out again what others have spent; hence the allowance.
 */
static uint64_t
believable(uint64_t tat, uint64_t now_ns, uint64_t depth)
{
    uint64_t latest = now_ns + depth;

    return tat > latest + GH_GCRA_SKEW_NS ? latest : tat;
}


gh_rc_t
gh_gcra_take(gh_gcra_cell_t *cell, const gh_limit_t *limit, uint64_t now_ns,
             uint64_t cost, gh_limit_state_t *state)
{
    uint64_t tat = atomic_load_explicit(cell, memory_order_relaxed);
    gh_rc_t rc;

    for (;;) {
        uint64_t next = gh_gcra_step(tat, limit, now_ns, cost, state, &rc);

        /* relaxed: the word guards nothing but itself */
        if (next == tat
            || atomic_compare_exchange_weak_explicit(
                cell, &tat, next, memory_order_relaxed, memory_order_relaxed))
        {
            return rc;
        }
    }
}


gh_rc_t
gh_gcra_peek(const gh_gcra_cell_t *cell, const gh_limit_t *limit,
             uint64_t now_ns, uint64_t cost, gh_limit_state_t *state)
{
    gh_rc_t rc;

    (void) gh_gcra_step(atomic_load_explicit(cell, memory_order_relaxed),
                        limit, now_ns, cost, state, &rc);
    if (rc != GH_OK || state == NULL) {
        return rc;
    }

    /* what the step charged was not taken */
    state->remaining += cost;
    state->reset_ns -= cost * limit->interval_ns;

    return GH_OK;
}


/*
 * Time gives back, too: whatever of the cost came back while it was held may
 * have been taken by others already. Returning only the rest leaves the word
 * nowhere earlier than if the cost had never been taken.
 */
uint64_t
gh_gcra_give_back_step(uint64_t tat, const gh_limit_t *limit, uint64_t cost,
                       uint64_t held_ns)
{
    uint64_t taken = cost * limit->interval_ns;

    if (held_ns >= taken) {
        return tat;
    }

    uint64_t back = taken - held_ns;

    return tat > back ? tat - back : 0;
}


void
gh_gcra_give_back(gh_gcra_cell_t *cell, const gh_limit_t *limit, uint64_t cost,
                  uint64_t held_ns)
{
    uint64_t tat = atomic_load_explicit(cell, memory_order_relaxed);
    uint64_t next;

    do {
        next = gh_gcra_give_back_step(tat, limit, cost, held_ns);

    } while (!atomic_compare_exchange_weak_explicit(
        cell, &tat, next, memory_order_relaxed, memory_order_relaxed));
}


/*
 * The allowance keeps a cell until the latest clock of all callers has
 * passed it, or a late one would find its bucket fuller than it left it.
 */
bool
gh_gcra_idle(uint64_t tat, uint64_t now_ns)
{
    return tat == 0
           || (tat <= UINT64_MAX - GH_GCRA_SKEW_NS
               && tat + GH_GCRA_SKEW_NS <= now_ns);
}
