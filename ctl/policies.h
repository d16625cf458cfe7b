/*
 * The policies as the tool sees them: the set that the gateway has in force,
 * and the one that is in the directory now.
 */

#ifndef CTL_POLICIES_H
#define CTL_POLICIES_H

#include "ctl.h"


/* A builder for directory with the names of nginx.conf, if they are known. */
gh_rc_t ctl_policies_builder(ctl_t *c, const char *directory,
                             gh_policy_build_t **out);

/* The set in force, as published in the state directory; NULL when there is
 * none. After ctl_store_become_owner. */
const gh_image_t *ctl_policies_in_force(ctl_t *c);

/* The set in the directory, compiled now unless it is the one in force; NULL
 * when it is not valid. */
const gh_image_t *ctl_policies_compiled(ctl_t *c);

/*
 * The set in any directory, compiled with the names of nginx.conf into
 * c->compiled_image. CTL_REFUSED after every error it has.
 */
ctl_exit_t ctl_policies_compile(ctl_t *c, const char *directory);

/* The one in force, else the compiled one, else a message and NULL. */
const gh_image_t *ctl_policies_any(ctl_t *c);

/*
 * CTL_DONE when the consumer is declared; *pending (may be NULL): only in the
 * directory, not yet in force. Else a message that names the nearest.
 */
ctl_exit_t ctl_policies_consumer(ctl_t *c, const char *name, bool *pending);

/* The declared key of that id, in force or in the directory. NULL: none. */
const gh_image_key_t *ctl_policies_key(ctl_t *c, gh_str_t id,
                                       const gh_image_t **im);


#endif
