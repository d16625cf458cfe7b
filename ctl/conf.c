/*
 * Directives and blocks from words, includes in place. A file that we may not
 * read is passed over and remembered: nginx reads as root, people do not.
 */

#include "conf.h"
#include "conf_token.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (64 * 1024 * 1024)
#define WORDS_MAX 100000


/* A file being read, and those that include it. */
typedef struct source_s source_t;

struct source_s {
    const source_t *from;
    const char *file;
    dev_t device;
    ino_t inode;
    unsigned depth; /* of files */
    ctl_conf_text_t text;
};

typedef struct {
    ctl_arena_t *arena;
    ctl_conf_t *conf;
} reader_t;


static gh_rc_t wrong(reader_t *r, const char *file, unsigned line,
                     const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static gh_rc_t read_file(reader_t *r, const char *file, const source_t *from,
                         ctl_directive_t *into);
static gh_rc_t load(reader_t *r, int fd, source_t *s);
static gh_rc_t read_block(reader_t *r, source_t *s, ctl_directive_t *block,
                          unsigned depth);
static gh_rc_t read_directive(reader_t *r, source_t *s, ctl_directive_t *d,
                              ctl_conf_token_t *end);
static gh_rc_t include(reader_t *r, const source_t *s,
                       const ctl_directive_t *d);
static bool is_lua(const ctl_directive_t *d);


gh_rc_t
ctl_conf_read(ctl_arena_t *arena, const char *path, ctl_conf_t *conf)
{
    reader_t r = { arena, conf };
    const char *slash = strrchr(path, '/');

    memset(conf, 0, sizeof(*conf));

    conf->root.block = true;
    conf->prefix =
        slash == NULL
            ? ctl_copy(arena, GH_STR("./"))
            : ctl_copy(arena, (gh_str_t){ path, (size_t) (slash - path) + 1 });

    return read_file(&r, ctl_copy(arena, gh_str(path)), NULL, &conf->root);
}


static gh_rc_t
wrong(reader_t *r, const char *file, unsigned line, const char *fmt, ...)
{
    va_list args;
    int n = snprintf(r->conf->why, CTL_CONF_WHY, "%.200s:%u: ", file, line);

    if (n > 0 && n < CTL_CONF_WHY) {
        va_start(args, fmt);
        (void) vsnprintf(r->conf->why + n, CTL_CONF_WHY - (size_t) n, fmt,
                         args);
        va_end(args);
    }

    return GH_INVALID;
}


static gh_rc_t
read_file(reader_t *r, const char *file, const source_t *from,
          ctl_directive_t *into)
{
    source_t s = { .from = from, .file = file };
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    gh_rc_t rc;

    if (fd == -1 && from != NULL && errno == EACCES) {
        r->conf->unread = file;
        return GH_OK;
    }

    if (fd == -1) {
        (void) snprintf(r->conf->why, CTL_CONF_WHY, "%.250s: %s", file,
                        strerror(errno));
        return GH_UNAVAILABLE;
    }

    rc = load(r, fd, &s);
    (void) close(fd);

    if (rc != GH_OK) {
        return rc;
    }

    for (const source_t *outer = from; outer != NULL; outer = outer->from) {
        if (outer->device == s.device && outer->inode == s.inode) {
            return wrong(r, from->file, from->text.line,
                         "%.150s includes itself", file);
        }
    }

    s.depth = from == NULL ? 0 : from->depth + 1;

    if (s.depth > CTL_CONF_DEPTH_MAX) {
        return wrong(r, from->file, from->text.line,
                     "includes are nested too deep");
    }

    return read_block(r, &s, into, 0);
}


static gh_rc_t
load(reader_t *r, int fd, source_t *s)
{
    struct stat st;
    char *text;
    size_t len = 0;
    ssize_t n = 1;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
        (void) snprintf(r->conf->why, CTL_CONF_WHY,
                        "%.250s is not a file of configuration", s->file);
        return GH_UNAVAILABLE;
    }

    text = ctl_alloc(r->arena, (size_t) st.st_size + 1);

    while (n > 0 && len < (size_t) st.st_size) {
        n = read(fd, text + len, (size_t) st.st_size - len);
        len += n > 0 ? (size_t) n : 0;
    }

    s->device = st.st_dev;
    s->inode = st.st_ino;
    s->text = (ctl_conf_text_t){ text, text + len, 1 };

    return GH_OK;
}


static gh_rc_t
read_block(reader_t *r, source_t *s, ctl_directive_t *block, unsigned depth)
{
    gh_rc_t rc = GH_OK;

    if (depth > CTL_CONF_DEPTH_MAX) {
        return wrong(r, s->file, s->text.line, "blocks are nested too deep");
    }

    while (rc == GH_OK) {
        ctl_directive_t *d = ctl_alloc(r->arena, sizeof(*d));
        ctl_conf_token_t end;

        d->file = s->file;
        d->parent = block;

        rc = read_directive(r, s, d, &end);

        if (rc != GH_OK) {
            return rc;
        }

        if (end == CTL_CONF_END || end == CTL_CONF_CLOSE) {
            if ((end == CTL_CONF_CLOSE) == (depth > 0)) {
                return GH_OK;
            }
            return wrong(
                r, s->file, s->text.line,
                depth > 0 ? "a block is not closed" : "unexpected \"}\"");
        }

        if (block->last == NULL) {
            block->first = d;
        } else {
            block->last->next = d;
        }

        block->last = d;

        if (end == CTL_CONF_OPEN) {
            d->block = true;
            rc = is_lua(d) ? (ctl_conf_skip_lua(&s->text)
                                  ? GH_OK
                                  : wrong(r, s->file, d->line,
                                          "a block of Lua is not closed"))
                           : read_block(r, s, d, depth + 1);
        } else if (strcmp(d->words[0], "include") == 0) {
            rc = include(r, s, d);
        }
    }

    return rc;
}


/* Up to the `;` or `{` behind it; END and CLOSE only where none begins. */
static gh_rc_t
read_directive(reader_t *r, source_t *s, ctl_directive_t *d,
               ctl_conf_token_t *end)
{
    char *word;
    unsigned line;

    for (;;) {
        *end = ctl_conf_token(r->arena, &s->text, &word, &line);

        if (*end == CTL_CONF_WRONG) {
            return wrong(r, s->file, line, "%s", word);
        }

        if (*end != CTL_CONF_WORD) {
            break;
        }

        if (d->n == 0) {
            d->line = line;
        }

        if (d->n == WORDS_MAX) {
            return wrong(r, s->file, line, "a directive of too many words");
        }

        d->words = ctl_grow(r->arena, d->words, d->n, sizeof(*d->words));
        d->words[d->n++] = word;
    }

    bool ended = *end == CTL_CONF_SEMICOLON || *end == CTL_CONF_OPEN;

    if ((d->n > 0) == ended) {
        return GH_OK;
    }

    if (*end == CTL_CONF_END) {
        return wrong(r, s->file, d->line,
                     "\"%.80s\" is not ended by \";\" or \"}\"", d->words[0]);
    }

    return wrong(r, s->file, line, "unexpected \"%c\"",
                 *end == CTL_CONF_SEMICOLON ? ';'
                 : *end == CTL_CONF_OPEN    ? '{'
                                            : '}');
}


static bool
is_lua(const ctl_directive_t *d)
{
    static const char tail[] = "_by_lua_block";
    size_t len = strlen(d->words[0]);

    return len > sizeof(tail) - 1
           && strcmp(d->words[0] + len - (sizeof(tail) - 1), tail) == 0;
}


static gh_rc_t
include(reader_t *r, const source_t *s, const ctl_directive_t *d)
{
    gh_rc_t rc = GH_OK;
    glob_t found;
    char *path;

    if (d->n != 2) {
        return wrong(r, d->file, d->line, "include takes one name");
    }

    path = ctl_conf_path(r->arena, r->conf, d->words[1]);

    if (strpbrk(path, "*?[") == NULL) {
        rc = read_file(r, path, s, d->parent);

        return rc == GH_UNAVAILABLE
                   ? wrong(r, d->file, d->line, "include %.200s: %s", path,
                           strerror(errno))
                   : rc;
    }

    if (glob(path, 0, NULL, &found) != 0) {
        return GH_OK; /* as nginx: none is fine */
    }

    for (size_t i = 0; i < found.gl_pathc && rc == GH_OK; i++) {
        rc = read_file(r, ctl_copy(r->arena, gh_str(found.gl_pathv[i])), s,
                       d->parent);
    }

    globfree(&found);

    return rc;
}


const ctl_directive_t *
ctl_conf_next(const ctl_directive_t *block, const char *name,
              const ctl_directive_t *after)
{
    const ctl_directive_t *d = after == NULL ? block->first : after->next;

    while (d != NULL && strcmp(d->words[0], name) != 0) {
        d = d->next;
    }

    return d;
}


char *
ctl_conf_path(ctl_arena_t *arena, const ctl_conf_t *conf, const char *name)
{
    return ctl_text(arena, "%s%s", name[0] == '/' ? "" : conf->prefix, name);
}
