/*
 * The two kinds of components, for the files of gh_sigbase only.
 */

#ifndef GH_SIGBASE_VALUE_H
#define GH_SIGBASE_VALUE_H

#include "gh_sigbase.h"


/* Append a value as gh_component_value says, but for what is not ASCII; out
 * is not restored. */
gh_rc_t gh_sigbase_derived(const gh_message_t *msg, const gh_component_t *c,
                           gh_buf_t *out);
gh_rc_t gh_sigbase_field(const gh_message_t *msg, const gh_component_t *c,
                         gh_buf_t *out);


#endif
