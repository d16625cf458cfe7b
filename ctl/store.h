/*
 * The store as the tool opens it: as the owner of its directory, never as
 * root, and without holding its lock for longer than a write.
 */

#ifndef CTL_STORE_H
#define CTL_STORE_H

#include "ctl.h"

enum {
    CTL_STORE_WRITE = 1,
    CTL_STORE_SECRET = 2 /* the root key too, into c->secret */
};


/*
 * Reads nginx.conf, becomes the owner of the store's directory and opens it.
 * From here on this process is not root any more. Else CTL_UNAVAILABLE after
 * a message.
 */
ctl_exit_t ctl_store_open(ctl_t *c, unsigned flags);

/* Only the first half, for who needs the state directory alone. */
ctl_exit_t ctl_store_become_owner(ctl_t *c);

/*
 * A record into *value, which lives in the arena. GH_ABSENT: *version is 0.
 * GH_INVALID: damaged, GH_UNAVAILABLE: could not be read.
 */
gh_rc_t ctl_store_read(ctl_t *c, gh_kind_t kind, gh_str_t name,
                       gh_str_t *value, uint64_t *version);

/* As gh_lmdb_each, _names, _get and _write do, in whichever store it is;
 * names of a store in Redis are of readable records only. */
gh_rc_t ctl_store_each(ctl_t *c, gh_kind_t kind,
                       bool (*each)(void *ctx, gh_str_t name, gh_str_t value,
                                    uint64_t version),
                       void *ctx);
gh_rc_t ctl_store_names(ctl_t *c, gh_kind_t kind,
                        bool (*each)(void *ctx, gh_str_t name), void *ctx);
gh_rc_t ctl_store_get(const ctl_t *c, gh_kind_t kind, gh_str_t name,
                      gh_buf_t *out, uint64_t *version, size_t *need);
gh_rc_t ctl_store_write(ctl_t *c, gh_write_t *batch, size_t n, char *why);
/* Keeps the last line of the change log in c->sequence. */
void ctl_store_sequence(ctl_t *c);

/* There is one, readable or not. */
bool ctl_store_has(const ctl_t *c, gh_kind_t kind, gh_str_t name);

/* Says which record could not be read. */
ctl_exit_t ctl_store_failed(const ctl_t *c, gh_kind_t kind, gh_str_t name);


#endif
