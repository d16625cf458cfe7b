/*
 * The command line: words of the command, its arguments, options anywhere.
 */

#ifndef CTL_ARGS_H
#define CTL_ARGS_H

#include "ctl.h"


/* Fills in c. CTL_USAGE after a message that names the nearest word. */
ctl_exit_t ctl_args_parse(ctl_t *c, int argc, char **argv);

/* The command of these words; word NULL for a group without second words.
 * NULL: there is none. */
const ctl_command_t *ctl_command_find(const char *group, const char *word);
bool ctl_group_known(const char *group);
ctl_exit_t ctl_unknown_group(const ctl_t *c, const char *word);

/* Says that a word is none of those there are, and which was meant; kind is
 * "command", "key command" and so on. */
ctl_exit_t ctl_unknown(const ctl_t *c, const char *kind, const char *word,
                       const char *const *known, size_t n);

const char *ctl_option_word(ctl_opt_t option); /* "--id" */


#endif
