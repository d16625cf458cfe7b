/*
 * A set of policies looked at by itself, where there is no gateway: in a
 * repository, before a commit.
 */

#ifndef CTL_CHECK_ALONE_H
#define CTL_CHECK_ALONE_H

#include "ctl.h"


/*
 * Reads and compiles what is in the directory; names of upstreams and issuers
 * are taken as they are, of secrets only the form is looked at. GH_OK,
 * GH_INVALID (errors), GH_NOMEM, GH_CONFLICT (it changes meanwhile).
 */
gh_rc_t ctl_check_alone(const char *directory, gh_policy_errors_t *errors);


#endif
