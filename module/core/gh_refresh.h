/*
 * When something fetched from a provider (a key set, metadata) is asked for
 * again: at its interval with some spread, after failures with growing
 * pauses, and at the request of outsiders only once per interval. Times are
 * milliseconds of a monotonic clock, handed in; they may lie before 0.
 */

#ifndef GH_REFRESH_H
#define GH_REFRESH_H

#include "gh.h"

#define GH_REFRESH_RETRY_MS 1000
#define GH_REFRESH_RETRY_MAX_MS 30000


typedef struct {
    int64_t refresh_ms;      /* between two successes */
    int64_t min_interval_ms; /* between two attempts that outsiders cause */
    int64_t stale_max_ms;    /* age up to which it is used */
} gh_refresh_rules_t;

/* Zeroed: never asked. Fixed width, also for shared memory. */
typedef struct {
    uint32_t fetched;   /* 1: fetched_ms holds */
    uint32_t asked;     /* 1: asked_ms and due_ms hold */
    int64_t fetched_ms; /* when the last success was asked for */
    int64_t asked_ms;   /* the last attempt */
    int64_t due_ms;     /* when to ask by ourselves */
    uint64_t under_way; /* 1: an attempt began and has not ended */
    uint64_t failures;  /* in a row */
    uint64_t outside;   /* 1: outside_ms holds */
    int64_t outside_ms; /* the last attempt that outsiders caused */
} gh_refresh_t;


bool gh_refresh_is_due(const gh_refresh_t *r, int64_t now_ms);
/* Young enough to be used. */
bool gh_refresh_is_usable(const gh_refresh_t *r,
                          const gh_refresh_rules_t *rules, int64_t now_ms);
/* The last attempts failed. */
bool gh_refresh_is_failing(const gh_refresh_t *r);
/* May an outsider's request (an unknown kid) cause an attempt? What was asked
 * for by ourselves does not count: keys may move a moment after it. */
bool gh_refresh_may_ask(const gh_refresh_t *r, const gh_refresh_rules_t *rules,
                        int64_t now_ms);

/* An attempt begins; it ends with one of the two below. If neither is heard
 * of, it is due again after 30 s. */
void gh_refresh_begin(gh_refresh_t *r, int64_t now_ms);
/* The same, and an outsider's request has caused it. */
void gh_refresh_begin_outside(gh_refresh_t *r, int64_t now_ms);
/* The maker of the attempt under way is gone: due at once. Outsiders still
 * wait for their interval. */
void gh_refresh_lapse(gh_refresh_t *r);
/* random: any number, for a spread of a tenth. */
void gh_refresh_succeed(gh_refresh_t *r, const gh_refresh_rules_t *rules,
                        int64_t now_ms, uint64_t random);
void gh_refresh_fail(gh_refresh_t *r, int64_t now_ms, uint64_t random);

/* What was kept elsewhere and is age_ms old; the next attempt stays due. */
void gh_refresh_restore(gh_refresh_t *r, int64_t now_ms, int64_t age_ms);


#endif
