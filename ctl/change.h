/*
 * A change that is asked for by a person: the records it touches and its line
 * in the history become true in one transaction, or not at all. Change ids
 * are global and grow; nothing is overwritten that was not read before.
 */

#ifndef CTL_CHANGE_H
#define CTL_CHANGE_H

#include "ctl.h"
#include "gh_traffic.h"

#define CTL_CHANGE_WRITES_MAX 4
#define CTL_CHANGES_KEPT 10000 /* lines of the history */


typedef struct {
    /* The caller's records, with if_version as it was read (0: absent). */
    gh_write_t writes[CTL_CHANGE_WRITES_MAX];
    size_t n;
    bool traffic; /* writes[0] puts line.after, with the change's id in it */

    gh_change_t line; /* id, at_s and who are set by ctl_change_write */
} ctl_change_t;


/* Sets subject, action and reason; the reason is what --reason says. */
void ctl_change_begin(ctl_t *c, ctl_change_t *change, const char *action,
                      const char *subject);
/* Adds a record to be put, or with value NULL deleted. */
void ctl_change_add(ctl_change_t *change, gh_kind_t kind, gh_str_t name,
                    const char *value, uint64_t if_version);

/*
 * CTL_DONE: it is on disk; c->change and c->sequence are set. CTL_PENDING:
 * one of the records is no longer what it was, nothing was written, and the
 * caller says what that means. CTL_UNAVAILABLE after a message.
 */
ctl_exit_t ctl_change_write(ctl_t *c, ctl_change_t *change);

/* A line of the history. GH_ABSENT: there is none of that id. */
gh_rc_t ctl_change_read(ctl_t *c, uint64_t id, gh_change_t *out);

/* Calls each for every line, oldest first, until it returns false. */
gh_rc_t ctl_change_each(ctl_t *c,
                        bool (*each)(void *ctx, const gh_change_t *line),
                        void *ctx);
/* The newest line about exactly that subject. GH_ABSENT: none. */
gh_rc_t ctl_change_last(ctl_t *c, const char *subject, gh_change_t *out);

/* "change 12, traffic orders/v2: set by alice on 2026-06-01 12:00:00" */
const char *ctl_change_words(ctl_t *c, const gh_change_t *line);


#endif
