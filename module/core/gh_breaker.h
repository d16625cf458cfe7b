/*
 * A circuit breaker for one provider: after three failures in a row nobody
 * asks for a second, then one probe at a time decides; the pause doubles up
 * to half a minute and is spread at random, so that many nodes do not come
 * back together.
 */

#ifndef GH_BREAKER_H
#define GH_BREAKER_H

#include "gh.h"

#define GH_BREAKER_FAILURES 3
#define GH_BREAKER_FIRST_MS 1000
#define GH_BREAKER_MAX_MS 30000


/* Zeroed: closed. One thread. */
typedef struct {
    unsigned failures; /* in a row, at most GH_BREAKER_FAILURES */
    bool probing;
    uint64_t pause_ms; /* of the last opening; 0: closed */
    uint64_t open_until_ms;
} gh_breaker_t;


/*
 * May a call be made now? When it says so while the breaker is open, that
 * call is the probe. Each call that was let through ends with
 * gh_breaker_done.
 */
bool gh_breaker_admit(gh_breaker_t *b, uint64_t now_ms);

/* random: any number, for the spread (half to all of the pause). */
void gh_breaker_done(gh_breaker_t *b, bool answered, uint64_t now_ms,
                     uint64_t random);


#endif
