/*
 * How long a session stands, and when its token and its record are to be
 * renewed.
 */

#include "gh_session.h"

#define REFRESH_AHEAD_MAX_S 60
#define TOUCH_MIN_S 30


static int64_t touch_after_s(const gh_session_times_t *times);
static int64_t least(int64_t a, int64_t b);


gh_session_verdict_t
gh_session_judge(const gh_session_t *s, const gh_session_times_t *times,
                 int64_t seen_at_s, int64_t now_s)
{
    if (seen_at_s < s->seen_at_s) {
        seen_at_s = s->seen_at_s;
    }

    if (now_s - s->created_at_s >= times->absolute_s
        || now_s - seen_at_s >= times->idle_s)
    {
        return GH_SESSION_OVER;
    }

    if (s->expires_at_s == 0 || s->refresh_token.len == 0) {
        return GH_SESSION_STANDS;
    }

    if (now_s >= s->expires_at_s) {
        return GH_SESSION_WAIT;
    }

    int64_t since_s =
        s->refreshed_at_s != 0 ? s->refreshed_at_s : s->created_at_s;
    int64_t ahead_s =
        least((s->expires_at_s - since_s) / 10, REFRESH_AHEAD_MAX_S);

    return s->expires_at_s - now_s <= ahead_s ? GH_SESSION_REFRESH
                                              : GH_SESSION_STANDS;
}


bool
gh_session_grace(const gh_session_t *s, int64_t now_s)
{
    return s->expires_at_s == 0
           || now_s - s->expires_at_s < GH_SESSION_GRACE_S;
}


bool
gh_session_touch_due(const gh_session_t *s, const gh_session_times_t *times,
                     int64_t now_s)
{
    return now_s - s->seen_at_s >= touch_after_s(times);
}


int64_t
gh_session_ttl(const gh_session_t *s, const gh_session_times_t *times,
               int64_t now_s)
{
    int64_t idle_s =
        s->seen_at_s - now_s + times->idle_s + touch_after_s(times);
    int64_t absolute_s = s->created_at_s - now_s + times->absolute_s;
    int64_t ttl_s = least(idle_s, absolute_s);

    return ttl_s > 1 ? ttl_s : 1;
}


static int64_t
touch_after_s(const gh_session_times_t *times)
{
    return times->idle_s / 20 > TOUCH_MIN_S ? times->idle_s / 20 : TOUCH_MIN_S;
}


static int64_t
least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
