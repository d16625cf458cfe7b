/*
 * Putting a directory in the place of another one: copied beside it, then
 * exchanged in one step, so that nobody ever sees half of each.
 */

#ifndef CTL_PLACE_H
#define CTL_PLACE_H

#include "ctl.h"


/*
 * Makes a copy of `from` (files and directories, links followed, names that
 * begin with a dot passed over) the directory `to`, or the one that the link
 * `to` leads to, owned as that was. What was there is left beside it as
 * NAME.before. Both the same directory: nothing is done.
 *
 *   changed  asked once the copy is made: true when it is not what was
 *            checked
 *   ready    asked before the exchange, with the path of the copy: a message
 *            was said unless it is CTL_DONE
 *
 * CTL_REFUSED, CTL_UNAVAILABLE: after a message; nothing has changed.
 */
typedef struct {
    const char *from, *to;
    bool (*changed)(ctl_t *c);
    ctl_exit_t (*ready)(ctl_t *c, const char *copy);
} ctl_place_t;

ctl_exit_t ctl_place(ctl_t *c, const ctl_place_t *place);


#endif
