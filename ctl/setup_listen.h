/*
 * Where a server block answers for gatehouse_status.
 */

#ifndef CTL_SETUP_LISTEN_H
#define CTL_SETUP_LISTEN_H

#include "setup.h"


/* Adds the server's listeners when it, or a location of it, has
 * gatehouse_status; those we can speak to come first. */
void ctl_setup_server(ctl_arena_t *arena, ctl_setup_t *setup,
                      const ctl_directive_t *server);


#endif
