/*
 * Help that begins with what one types.
 */

#ifndef CTL_HELP_H
#define CTL_HELP_H

#include "ctl.h"


/* For "gatehouse", "gatehouse help WORD", and --help anywhere. */
ctl_exit_t ctl_help(const ctl_t *c);


#endif
