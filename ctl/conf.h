/*
 * nginx.conf as nginx reads it: words, quotes, escapes, comments, blocks and
 * includes, into a tree. Knows no directive but `include`; blocks of Lua are
 * passed over. What the tool needs to know is asked of the tree (setup.h), so
 * there is never a second configuration.
 */

#ifndef CTL_CONF_H
#define CTL_CONF_H

#include "arena.h"

#define CTL_CONF_DEPTH_MAX 32 /* of includes, and of blocks */
#define CTL_CONF_WHY 400

typedef struct ctl_directive_s ctl_directive_t;

struct ctl_directive_s {
    char **words; /* words[0] is the name; each NUL-terminated */
    size_t n;
    const char *file;
    unsigned line; /* where its first word stands */
    bool block;
    ctl_directive_t *parent; /* the root's is NULL */
    ctl_directive_t *first, *last, *next;
};

typedef struct {
    ctl_directive_t root; /* no words */
    const char *prefix;   /* of relative names: "/etc/nginx/" */
    const char *unread;   /* an included file that we may not read, if any */
    char why[CTL_CONF_WHY];
} ctl_conf_t;


/*
 * Reads path and what it includes. The tree lives in the arena.
 *
 * GH_UNAVAILABLE  path cannot be opened: conf->why
 * GH_INVALID      not a configuration, or one that includes itself:
 *                 conf->why begins with "file:line: "
 */
gh_rc_t ctl_conf_read(ctl_arena_t *arena, const char *path, ctl_conf_t *conf);

/* The next directive of that name among a block's own, after `after` (NULL:
 * the first); NULL when there is none. */
const ctl_directive_t *ctl_conf_next(const ctl_directive_t *block,
                                     const char *name,
                                     const ctl_directive_t *after);

/* A name as nginx completes it: relative ones begin at the prefix. */
char *ctl_conf_path(ctl_arena_t *arena, const ctl_conf_t *conf,
                    const char *name);


#endif
