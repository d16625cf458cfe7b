/*
 * Commands that have a file of their own; those about keys and traffic are
 * in key.h and traffic.h.
 */

#ifndef CTL_COMMANDS_H
#define CTL_COMMANDS_H

#include "ctl.h"


ctl_exit_t ctl_check(ctl_t *c);
ctl_exit_t ctl_diff(ctl_t *c);
ctl_exit_t ctl_apply(ctl_t *c);
ctl_exit_t ctl_history(ctl_t *c);
ctl_exit_t ctl_dev(ctl_t *c);
ctl_exit_t ctl_sign(ctl_t *c);
ctl_exit_t ctl_status(ctl_t *c);
ctl_exit_t ctl_consumer_show(ctl_t *c);
ctl_exit_t ctl_consumer_suspend(ctl_t *c);
ctl_exit_t ctl_consumer_resume(ctl_t *c);
ctl_exit_t ctl_session_list(ctl_t *c);
ctl_exit_t ctl_session_revoke(ctl_t *c);
ctl_exit_t ctl_store_show(ctl_t *c);
ctl_exit_t ctl_store_copy(ctl_t *c);
ctl_exit_t ctl_store_reseal(ctl_t *c);

/* The errors of a set, to people or as a document. CTL_REFUSED. */
ctl_exit_t ctl_check_report(const ctl_t *c, const gh_policy_errors_t *errors,
                            const char *directory);


#endif
