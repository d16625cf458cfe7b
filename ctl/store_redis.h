/*
 * The store when it is in Redis.
 */

#ifndef CTL_STORE_REDIS_H
#define CTL_STORE_REDIS_H

#include "ctl.h"


/* As ctl_store_open; the root key is always read, for all is sealed. */
ctl_exit_t ctl_store_open_redis(ctl_t *c);

/* Redis alone, as setup says where it is; `first`: it may be that nobody has
 * used it yet. The root keys must be read. */
ctl_exit_t ctl_store_connect(ctl_t *c, const ctl_setup_t *setup, bool first,
                             gh_redis_client_t **out);

/* The files that gatehouse_secret names; in store.c. */
ctl_exit_t ctl_store_read_secrets(ctl_t *c);
/* One more, of any file. */
ctl_exit_t ctl_store_read_secret(ctl_t *c, const char *path,
                                 gh_secret_t *secret);


#endif
