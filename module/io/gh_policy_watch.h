/*
 * A thread that keeps the published image in step with its directory: looks
 * several times a second, waits until nothing changes any more, builds,
 * publishes. All of its file work is done on that thread; whoever started it
 * only asks for results. Looking is by file states, not by notifications:
 * those miss network and overlay file systems, link swaps and secrets
 * elsewhere, and 1,000 files cost a thousandth of a second.
 */

#ifndef GH_POLICY_WATCH_H
#define GH_POLICY_WATCH_H

#include "gh_policy_build.h"

typedef struct gh_policy_watch_s gh_policy_watch_t;

/* Borrowed as long as the thread runs. The functions are called from it. */
typedef struct {
    gh_policy_build_conf_t build; /* stopped and ctx are not used */
    unsigned quiet_ms;
    uint64_t (*in_force)(void *ctx); /* the generation; for the next one */
    void (*published)(void *ctx, uint64_t generation);
    void (*judged)(void *ctx); /* before each result; NULL: nobody waits */
    void *ctx;
} gh_policy_watch_conf_t;

typedef struct {
    gh_rc_t rc; /* of gh_policy_build_publish, but CONFLICT and AGAIN;
                   GH_ABSENT: what is published is what is there */
    gh_policy_report_t report;
} gh_policy_result_t;


/* GH_NOMEM: no memory or no thread. */
gh_rc_t gh_policy_watch_start(const gh_policy_watch_conf_t *conf,
                              gh_policy_watch_t **out);
/* Waits for the thread, which breaks off a build. NULL is fine. */
void gh_policy_watch_stop(gh_policy_watch_t *w);

/* The last result, once; false when nothing happened since. */
bool gh_policy_watch_result(gh_policy_watch_t *w, gh_policy_result_t *out);

/* Builds even if nothing changed: the published image is gone or damaged. */
void gh_policy_watch_rebuild(gh_policy_watch_t *w);


#endif
