/*
 * Due times. Nothing here is ever in the far future because of a clock: all
 * spans begin at the `now` that was handed in.
 */

#include "gh_refresh.h"


bool
gh_refresh_is_due(const gh_refresh_t *r, int64_t now_ms)
{
    return !r->asked || now_ms >= r->due_ms;
}


bool
gh_refresh_is_usable(const gh_refresh_t *r, const gh_refresh_rules_t *rules,
                     int64_t now_ms)
{
    return r->fetched && now_ms - r->fetched_ms <= rules->stale_max_ms;
}


bool
gh_refresh_is_failing(const gh_refresh_t *r)
{
    return r->failures > 0;
}


bool
gh_refresh_may_ask(const gh_refresh_t *r, const gh_refresh_rules_t *rules,
                   int64_t now_ms)
{
    return !r->outside || now_ms - r->outside_ms >= rules->min_interval_ms;
}


void
gh_refresh_begin(gh_refresh_t *r, int64_t now_ms)
{
    r->asked = 1;
    r->under_way = 1;
    r->asked_ms = now_ms;
    r->due_ms = now_ms + GH_REFRESH_RETRY_MAX_MS;
}


void
gh_refresh_begin_outside(gh_refresh_t *r, int64_t now_ms)
{
    gh_refresh_begin(r, now_ms);
    r->outside = 1;
    r->outside_ms = now_ms;
}


void
gh_refresh_lapse(gh_refresh_t *r)
{
    if (r->under_way) {
        r->under_way = 0;
        r->due_ms = r->asked_ms;
    }
}


void
gh_refresh_succeed(gh_refresh_t *r, const gh_refresh_rules_t *rules,
                   int64_t now_ms, uint64_t random)
{
    int64_t tenth = rules->refresh_ms / 10;

    r->fetched = 1;
    r->fetched_ms = r->asked ? r->asked_ms : now_ms;
    r->under_way = 0;
    r->failures = 0;
    r->due_ms = now_ms + rules->refresh_ms - tenth
                + (int64_t) (random % (uint64_t) (2 * tenth + 1));
}


/* 1, 2, 4 ... 30 seconds, of which half is spread. */

void
gh_refresh_fail(gh_refresh_t *r, int64_t now_ms, uint64_t random)
{
    uint64_t shift = (r->failures < 5) ? r->failures : 5;
    uint64_t pause = (uint64_t) GH_REFRESH_RETRY_MS << shift;

    if (pause > GH_REFRESH_RETRY_MAX_MS) {
        pause = GH_REFRESH_RETRY_MAX_MS;
    }

    r->under_way = 0;
    r->failures++;
    r->due_ms = now_ms + (int64_t) (pause / 2 + random % (pause / 2 + 1));
}


void
gh_refresh_restore(gh_refresh_t *r, int64_t now_ms, int64_t age_ms)
{
    r->fetched = 1;
    r->fetched_ms = now_ms - ((age_ms > 0) ? age_ms : 0);
}
