/*
 * What a root key is still needed for that nobody can seal anew: issued keys,
 * whose hashes were made with it, and sessions, whose cookies were.
 */

#ifndef CTL_DEPENDS_H
#define CTL_DEPENDS_H

#include "side.h"


/* Of each root key that is named; those of others open nothing anyway. */
typedef struct {
    size_t keys[GH_SECRET_KEYS_MAX];     /* issued, and not at their end */
    size_t sessions[GH_SECRET_KEYS_MAX]; /* begun with it */
    int64_t sessions_end_s;              /* the last of an older one */
    const char *ids; /* of such issued keys: "7f3a, 9b1c, ..." */
} ctl_depends_t;


/* Reads every issued key and session. GH_OK, or why. */
gh_rc_t ctl_depends_count(ctl_t *c, ctl_side_t *side, const ctl_items_t *items,
                          ctl_batch_t *room, ctl_depends_t *out, char *why);

/*
 * Before a copy from a directory: CTL_REFUSED after a message when something
 * depends on the root key in that directory and nginx.conf does not name it,
 * for gateways of the other store would not have it.
 */
ctl_exit_t ctl_depends_check(ctl_t *c, ctl_side_t *from,
                             const ctl_items_t *items, ctl_batch_t *room);


#endif
