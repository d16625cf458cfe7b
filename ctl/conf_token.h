/*
 * The words of nginx.conf, one after the other, by nginx's own rules.
 */

#ifndef CTL_CONF_TOKEN_H
#define CTL_CONF_TOKEN_H

#include "arena.h"

typedef struct {
    const char *p, *end; /* what is left of the text */
    unsigned line;
} ctl_conf_text_t;

typedef enum {
    CTL_CONF_END = 0, /* of the text */
    CTL_CONF_WORD,
    CTL_CONF_SEMICOLON,
    CTL_CONF_OPEN,
    CTL_CONF_CLOSE,
    CTL_CONF_WRONG /* word is a message */
} ctl_conf_token_t;


/* The next token; *word is its text without quotes and escapes, *line where
 * it begins. */
ctl_conf_token_t ctl_conf_token(ctl_arena_t *a, ctl_conf_text_t *t,
                                char **word, unsigned *line);

/*
 * Behind the `{` of a block of Lua: passes over everything up to its `}`,
 * strings and comments of Lua understood. False: it does not end.
 */
bool ctl_conf_skip_lua(ctl_conf_text_t *t);


#endif
