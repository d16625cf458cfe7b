/*
 * The store when it is in Redis.
 */

#ifndef CTL_STORE_REDIS_H
#define CTL_STORE_REDIS_H

#include "ctl.h"


/* As ctl_store_open; the root key is always read, for all is sealed. */
ctl_exit_t ctl_store_open_redis(ctl_t *c);

/* The files that gatehouse_secret names; in store.c. */
ctl_exit_t ctl_store_read_secrets(ctl_t *c);


#endif
