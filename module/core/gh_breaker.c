/*
 * Three states in three fields: closed (pause_ms is 0), open, and open with
 * a probe under way.
 */

#include "gh_breaker.h"


bool
gh_breaker_admit(gh_breaker_t *b, uint64_t now_ms)
{
    if (b->pause_ms == 0) {
        return true;
    }

    if (b->probing || now_ms < b->open_until_ms) {
        return false;
    }

    b->probing = true;

    return true;
}


/*
 * A call that was let through before the breaker opened may end while it is
 * open: its failure is no news, its success closes it.
 */

void
gh_breaker_done(gh_breaker_t *b, bool answered, uint64_t now_ms,
                uint64_t random)
{
    uint64_t half;

    if (answered) {
        memset(b, 0, sizeof(*b));
        return;
    }

    if (b->pause_ms == 0) {
        if (++b->failures < GH_BREAKER_FAILURES) {
            return;
        }

        b->pause_ms = GH_BREAKER_FIRST_MS;

    } else if (!b->probing) {
        return;

    } else if (b->pause_ms < GH_BREAKER_MAX_MS) {
        b->pause_ms *= 2;
    }

    if (b->pause_ms > GH_BREAKER_MAX_MS) {
        b->pause_ms = GH_BREAKER_MAX_MS;
    }

    half = b->pause_ms / 2;
    b->probing = false;
    b->open_until_ms = now_ms + half + random % (half + 1);
}
