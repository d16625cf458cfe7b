/*
 * Limits as arithmetic: a rate is GCRA in one 64-bit word (the theoretical
 * arrival time), moved by compare-and-swap so that any number of workers
 * share it; a quota is an amount per calendar period spent from reservations
 * taken in advance. Time is handed in: nanoseconds of a monotonic clock for
 * rates, the number of a calendar period for quotas.
 */

#ifndef GH_LIMIT_H
#define GH_LIMIT_H

#include <stdatomic.h>

#include "gh_time.h"

#define GH_RATE_PER_S_MAX UINT64_C(10000000)
#define GH_QUOTA_MAX UINT64_C(100000000000)
#define GH_BURST_SPAN_S UINT64_C(31622400) /* 366 days refill any bucket */

#define GH_COST_MAX UINT64_C(255) /* of one request */

/* Clocks of the callers of one cell may differ by this much. */
#define GH_GCRA_SKEW_NS (10 * GH_NS_PER_S)


typedef enum {
    GH_LIMIT_RATE = 0, /* per second, minute, hour: GCRA */
    GH_LIMIT_QUOTA     /* per day, month: calendar, UTC */
} gh_limit_kind_t;

/* Fixed width: also stored in the policy image. */
typedef struct {
    uint32_t kind;        /* gh_limit_kind_t */
    uint32_t period;      /* gh_period_t of a quota */
    uint64_t amount;      /* requests per unit, as written */
    uint64_t unit_s;      /* 1, 60, 3600, 86400, 2592000 */
    uint64_t burst;       /* rate: bucket size in requests, >= 1 */
    uint64_t interval_ns; /* rate: time one request takes to come back */
} gh_limit_t;

/* Zero is a full bucket. */
typedef _Atomic uint64_t gh_gcra_cell_t;

typedef struct {
    uint64_t remaining; /* requests that would pass at this instant */
    uint64_t reset_ns;  /* rate: until the bucket is full again */
    uint64_t retry_ns;  /* refused: until the same cost would pass */
} gh_limit_state_t;


/*
 * "100r/s burst=200", "60r/m", "5000r/h", "100000r/day", "1000000r/month".
 * burst defaults to the amount; a quota has none. GH_INVALID sets *message
 * (static text) to what is wrong. interval_ns is rounded up, so the rate is
 * never exceeded; GH_RATE_PER_S_MAX keeps what that costs below 1 %.
 */
gh_rc_t gh_limit_parse(gh_str_t text, gh_limit_t *out, const char **message);

/*
 * How much of a limit a request takes: a whole number, 0 to GH_COST_MAX;
 * nothing at all means 1. *cost is always set. GH_INVALID: no number, it
 * counts as 1; GH_TOO_LONG: more, it counts as the most.
 */
gh_rc_t gh_cost_parse(gh_str_t text, uint64_t *cost);

/* The most that a limit ever admits at once. */
uint64_t gh_limit_most(const gh_limit_t *limit);

/* Whether a limit from outside (image) is one that gh_limit_parse makes. */
bool gh_limit_valid(const gh_limit_t *limit);


/*
 * Takes `cost` (>= 1) at now_ns (< 2^62). GH_OK or GH_DENIED (nothing is
 * charged; a cost above burst is denied with retry_ns UINT64_MAX). state may
 * be NULL. Accepted in any window T: at most burst + T / interval_ns, in
 * whatever order the callers come and however their clocks differ, up to
 * GH_GCRA_SKEW_NS. A word further in the future than that (a clock that
 * jumped, a limit that was changed) is brought back to an empty bucket.
 */
gh_rc_t gh_gcra_take(gh_gcra_cell_t *cell, const gh_limit_t *limit,
                     uint64_t now_ns, uint64_t cost, gh_limit_state_t *state);
/* Same answer without charging. */
gh_rc_t gh_gcra_peek(const gh_gcra_cell_t *cell, const gh_limit_t *limit,
                     uint64_t now_ns, uint64_t cost, gh_limit_state_t *state);

/*
 * Gives back what was taken and not used (another window refused), held_ns
 * after it was taken. What came back by itself meanwhile is not given
 * twice, so the bound above stays exact if held_ns is not less than what
 * passed on the clocks of all callers.
 */
void gh_gcra_give_back(gh_gcra_cell_t *cell, const gh_limit_t *limit,
                       uint64_t cost, uint64_t held_ns);

/*
 * The same as pure steps for a table of cells (gh_cells.h): the new value of
 * the word. The functions above are these in a compare-and-swap loop.
 */
uint64_t gh_gcra_step(uint64_t tat, const gh_limit_t *limit, uint64_t now_ns,
                      uint64_t cost, gh_limit_state_t *state, gh_rc_t *rc);
uint64_t gh_gcra_give_back_step(uint64_t tat, const gh_limit_t *limit,
                                uint64_t cost, uint64_t held_ns);
/* True when the word has been equal to zero for GH_GCRA_SKEW_NS. */
bool gh_gcra_idle(uint64_t tat, uint64_t now_ns);


/*
 * A quota's cell: period number and what is left of this node's reservation.
 * Zero means nothing reserved yet. `period` is gh_period_number() of now.
 */
typedef _Atomic uint64_t gh_quota_cell_t;

typedef enum {
    GH_QUOTA_TAKEN = 0,
    GH_QUOTA_LOW,      /* taken; reserve more soon */
    GH_QUOTA_EMPTY,    /* ask the store for a reservation, then again */
    GH_QUOTA_EXHAUSTED /* the period's amount is used up */
} gh_quota_verdict_t;

/*
 * Takes `cost` (>= 1) from the reservation, or nothing. *left is what is
 * reserved afterwards. A cell that is ahead of `period` (another caller saw
 * midnight first) serves from its newer period; one behind is empty. A cost
 * above gh_quota_reservation() needs a reservation of that cost.
 */
gh_quota_verdict_t gh_quota_take(gh_quota_cell_t *cell,
                                 const gh_limit_t *limit, uint32_t period,
                                 uint64_t cost, uint64_t *left);
/*
 * Adds a reservation of `granted` for that period; 0 marks it exhausted. One
 * for an older period than the cell's is ignored while the cell has
 * something left.
 */
void gh_quota_grant(gh_quota_cell_t *cell, uint32_t period, uint64_t granted);

/* As pure steps; *verdict and *left are set. */
uint64_t gh_quota_take_step(uint64_t word, const gh_limit_t *limit,
                            uint32_t period, uint64_t cost,
                            gh_quota_verdict_t *verdict, uint64_t *left);
uint64_t gh_quota_grant_step(uint64_t word, uint32_t period, uint64_t granted);
/* For gh_cells_move with now_ns of the wall clock: the word's period is over,
 * or nothing is left to lose. */
bool gh_quota_idle(uint64_t word, uint64_t now_ns);

/* How much to reserve at once: max(1, min(amount / 100, 1000)). */
uint64_t gh_quota_reservation(const gh_limit_t *limit);


/* What headers say of a limit whatever its state, made once. */
typedef struct {
    gh_str_t policy; /* its item of RateLimit-Policy; len 0: not shown */
    size_t name_len; /* of the quoted name that this begins with */
} gh_limit_text_t;

#define GH_LIMIT_TEXT_MAX(name_len) (2 * (name_len) + 40)

/*
 * "second";q=200;w=2 (draft-ietf-httpapi-ratelimit-headers): for a rate, q
 * is the burst and w the seconds it takes to refill it (rounded up, at least
 * 1). Appended to out, which lends it to *text. GH_INVALID: a name that is
 * not visible ASCII (RFC 9651 section 3.3.3); GH_TOO_LONG: no room, never
 * with GH_LIMIT_TEXT_MAX. Then out is as it was and *text is not shown.
 */
gh_rc_t gh_limit_text(gh_str_t name, const gh_limit_t *limit, gh_buf_t *out,
                      gh_limit_text_t *text);

/* One named limit as headers show it. */
typedef struct {
    gh_limit_text_t text;
    gh_limit_state_t state; /* quota: remaining; reset_ns to period end */
} gh_limit_shown_t;

/*
 * RateLimit-Policy: "second";q=200;w=2 and RateLimit: "second";r=1;t=1.
 * Appends, all or nothing. GH_INVALID: one is not shown; GH_TOO_LONG: there
 * may not be room enough.
 */
gh_rc_t gh_limit_policy_field(const gh_limit_shown_t *shown, size_t n,
                              gh_buf_t *out);
gh_rc_t gh_limit_field(const gh_limit_shown_t *shown, size_t n, gh_buf_t *out);

/* Room for one item of either field, and what stands between two. */
#define GH_LIMIT_FIELD_MAX(text) ((text).policy.len + 40)


#endif
