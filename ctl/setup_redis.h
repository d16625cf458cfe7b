/*
 * Where Redis is, if gatehouse_store names one.
 */

#ifndef CTL_SETUP_REDIS_H
#define CTL_SETUP_REDIS_H

#include "setup.h"


/* From setup->store and the gatehouse_redis blocks. */
void ctl_setup_redis(ctl_arena_t *arena, ctl_setup_t *setup);

/* There is a gatehouse_redis block of that name. */
bool ctl_setup_has_redis(const ctl_setup_t *setup, const char *name);


#endif
