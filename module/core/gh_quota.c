/*
 * Quotas: what is left of this node's reservation and the calendar period it
 * is for, in one word. The amount itself is counted where reservations come
 * from; what is lost here (a crash, a cell given away) was already counted
 * there, so that a loss can only refuse too early.
 *
 *   bits 63..40  number of the period
 *   bit  39      the store has nothing more to give for it
 *   bits 38..0   left of the reservation
 */

#include "gh_limit.h"

#define PERIOD_SHIFT 40
#define PERIOD_MAX UINT64_C(0xffffff)
#define EXHAUSTED (UINT64_C(1) << 39)
/* one below all ones: UINT64_MAX is not a word (gh_cells.h) */
#define LEFT_MAX (EXHAUSTED - 2)


static uint64_t pack(uint64_t period, bool exhausted, uint64_t left);
static uint64_t period_of(uint64_t word);
static uint64_t left_of(uint64_t word);


uint64_t
gh_quota_take_step(uint64_t word, const gh_limit_t *limit, uint32_t period,
                   uint64_t cost, gh_quota_verdict_t *verdict, uint64_t *left)
{
    bool exhausted = (word & EXHAUSTED) != 0;

    *left = period_of(word) < period ? 0 : left_of(word);

    if (*left < cost) {
        /* only of its own period does the word know that it is used up */
        *verdict = exhausted && period_of(word) == period ? GH_QUOTA_EXHAUSTED
                                                          : GH_QUOTA_EMPTY;
        return word;
    }

    *left -= cost;
    *verdict = !exhausted && *left < (gh_quota_reservation(limit) + 3) / 4
                   ? GH_QUOTA_LOW
                   : GH_QUOTA_TAKEN;

    return word - cost;
}


/*
 * Around midnight grants for both periods are on their way. The late one is
 * dropped while the newer has something to lose, and else takes the word, so
 * that a clock that was a day ahead for a moment locks nobody out for a day.
 */
uint64_t
gh_quota_grant_step(uint64_t word, uint32_t period, uint64_t granted)
{
    uint64_t left = left_of(word);

    if (period != period_of(word)) {

        if (period < period_of(word) && left > 0) {
            return word;
        }

        left = 0;
    }

    left = granted > LEFT_MAX - left ? LEFT_MAX : left + granted;

    return pack(period, granted == 0, left);
}


bool
gh_quota_idle(uint64_t word, uint64_t now_ns)
{
    uint32_t period = (uint32_t) period_of(word);
    int64_t now_s = (int64_t) (now_ns / GH_NS_PER_S);

    return (left_of(word) == 0 && (word & EXHAUSTED) == 0)
           || period < gh_period_number(gh_period_of(period), now_s);
}


gh_quota_verdict_t
gh_quota_take(gh_quota_cell_t *cell, const gh_limit_t *limit, uint32_t period,
              uint64_t cost, uint64_t *left)
{
    uint64_t word = atomic_load_explicit(cell, memory_order_relaxed);
    gh_quota_verdict_t verdict;

    for (;;) {
        uint64_t next =
            gh_quota_take_step(word, limit, period, cost, &verdict, left);

        /* relaxed: the word guards nothing but itself */
        if (next == word
            || atomic_compare_exchange_weak_explicit(
                cell, &word, next, memory_order_relaxed, memory_order_relaxed))
        {
            return verdict;
        }
    }
}


void
gh_quota_grant(gh_quota_cell_t *cell, uint32_t period, uint64_t granted)
{
    uint64_t word = atomic_load_explicit(cell, memory_order_relaxed);
    uint64_t next;

    do {
        next = gh_quota_grant_step(word, period, granted);

    } while (!atomic_compare_exchange_weak_explicit(
        cell, &word, next, memory_order_relaxed, memory_order_relaxed));
}


uint64_t
gh_quota_reservation(const gh_limit_t *limit)
{
    uint64_t share = limit->amount / 100;

    if (share < 1) {
        return 1;
    }

    return share < 1000 ? share : 1000;
}


static uint64_t
pack(uint64_t period, bool exhausted, uint64_t left)
{
    return (period & PERIOD_MAX) << PERIOD_SHIFT | (exhausted ? EXHAUSTED : 0)
           | left;
}


static uint64_t
period_of(uint64_t word)
{
    return word >> PERIOD_SHIFT;
}


static uint64_t
left_of(uint64_t word)
{
    return word & (EXHAUSTED - 1);
}
