/*
 * A lease in one word:
 *
 *   bits 63..26  when it ends: nanoseconds, the low bits left out
 *   bits 25..16  serial of the asking, counts on when one begins
 *   bit  15      somebody asks
 *   bits 14..9   what was held after the last answer, at most 63
 *   bits  8..0   left
 *
 * Why nothing is spent that the store does not count. The store keeps of
 * each node how much it may still spend and until when. A node tells it how
 * much is left when it begins to ask; from then on it can only become less,
 * until the answer adds what the store has added as well. An answer is added
 * only while its asking stands in the word, and the store takes no asking
 * that is older than one it has seen. The store's end is later than ours.
 *
 * As a number the word is close to when the lease ends, so that a table of
 * GCRA words can hold it and gives up the oldest first.
 */

#include "gh_lease.h"

#define END_MASK (~(GH_LEASE_STEP_NS - 1))
#define SERIAL_SHIFT 16
#define SERIAL_MASK UINT64_C(0x3ff)
#define ASKING (UINT64_C(1) << 15)
#define BASE_SHIFT 9
#define BASE_MAX UINT64_C(0x3f)
#define LEFT_MASK UINT64_C(0x1ff)

#define RENEW_NS (GH_NS_PER_S / 4) /* before it ends, if it is worth it */
#define RENEW_BASE 8


static uint64_t left_of(uint64_t word, uint64_t now_ns);
static unsigned serial_of(uint64_t word);
static bool worth_asking(uint64_t word, uint64_t now_ns, uint64_t left);


uint64_t
gh_lease_take_step(uint64_t word, uint64_t now_ns, uint64_t cost,
                   gh_lease_taken_t *out)
{
    uint64_t left = left_of(word, now_ns);

    out->serial = serial_of(word);
    out->asking = (word & ASKING) != 0;
    out->left = left;

    if (left < cost) {
        out->verdict = GH_LEASE_EMPTY;
        return word;
    }

    out->left = left - cost;
    out->verdict = !out->asking && worth_asking(word, now_ns, left - cost)
                       ? GH_LEASE_LOW
                       : GH_LEASE_TAKEN;

    return word - cost;
}


/* A quarter is left, or it ends soon: of little leases neither. */

static bool
worth_asking(uint64_t word, uint64_t now_ns, uint64_t left)
{
    uint64_t base = word >> BASE_SHIFT & BASE_MAX;

    return left < base / 4
           || (base >= RENEW_BASE && (word & END_MASK) - now_ns < RENEW_NS);
}


uint64_t
gh_lease_give_back_step(uint64_t word, uint64_t now_ns, unsigned serial,
                        uint64_t cost)
{
    if (serial_of(word) != serial || (word & END_MASK) <= now_ns
        || (word & LEFT_MASK) + cost > GH_LEASE_HELD_MAX)
    {
        return word;
    }

    return word + cost;
}


uint64_t
gh_lease_ask_step(uint64_t word, uint64_t now_ns, gh_lease_asked_t *out)
{
    uint64_t serial = (serial_of(word) + 1) & SERIAL_MASK;
    uint64_t end = word & END_MASK, base = word & BASE_MAX << BASE_SHIFT;

    out->begun = (word & ASKING) == 0;
    out->serial = serial_of(word);
    out->unspent = left_of(word, now_ns);

    if (!out->begun) {
        return word;
    }

    out->serial = (unsigned) serial;

    if (out->unspent == 0) {
        /* over; the cell stays ours while we ask */
        end = now_ns & END_MASK;
        base = 0;
    }

    return end | serial << SERIAL_SHIFT | ASKING | base | out->unspent;
}


uint64_t
gh_lease_grant_step(uint64_t word, unsigned serial, uint64_t granted,
                    uint64_t ends_ns, bool *used)
{
    uint64_t left = word & LEFT_MASK, base;

    *used = (word & ASKING) != 0 && serial_of(word) == serial;

    if (!*used) {
        return word;
    }

    /* never more than the word can say; what it cannot is lost */
    left = granted > GH_LEASE_HELD_MAX - left ? GH_LEASE_HELD_MAX
                                              : left + granted;
    base = left < BASE_MAX ? left : BASE_MAX;

    return (ends_ns & END_MASK) | (uint64_t) serial << SERIAL_SHIFT
           | base << BASE_SHIFT | left;
}


uint64_t
gh_lease_fail_step(uint64_t word, unsigned serial)
{
    return serial_of(word) == serial ? word & ~ASKING : word;
}


static uint64_t
left_of(uint64_t word, uint64_t now_ns)
{
    return (word & END_MASK) > now_ns ? word & LEFT_MASK : 0;
}


static unsigned
serial_of(uint64_t word)
{
    return (unsigned) (word >> SERIAL_SHIFT & SERIAL_MASK);
}


void
gh_lease_share(const gh_limit_t *limit, uint64_t nodes, gh_limit_t *out)
{
    *out = *limit;

    if (nodes > 1) {
        out->burst = limit->burst / nodes > 0 ? limit->burst / nodes : 1;
        out->interval_ns = limit->interval_ns * nodes;
    }
}


uint64_t
gh_lease_level(const gh_limit_t *limit, uint64_t level_milli, uint64_t now_ns,
               uint64_t gap_ns)
{
    uint64_t interval = limit->interval_ns, depth = limit->burst * interval;
    uint64_t whole = level_milli / 1000;
    uint64_t level;

    if (whole >= limit->burst) {
        return now_ns;
    }

    level = whole * interval
            + (uint64_t) ((double) interval * (double) (level_milli % 1000)
                          / 1000.0);

    if (whole == 0 && level + gap_ns > interval) {
        /* one token would be there before the gap is over */
        return now_ns + depth - interval + gap_ns;
    }

    return now_ns + depth - level;
}
