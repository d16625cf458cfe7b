/*
 * What the commands of the tool share: the command line as it was understood,
 * how they answer people and programs, and the exit status that says which
 * kind of answer it was.
 */

#ifndef CTL_H
#define CTL_H

#include <jansson.h>

#include "gh_image.h"
#include "gh_lmdb.h"
#include "gh_redis_client.h"
#include "gh_policy_build.h"
#include "setup.h"

#ifndef GH_CONF_FILE
#define GH_CONF_FILE "/etc/nginx/nginx.conf"
#endif

#define CTL_ARGS_MAX 64


/* Exit status. */
typedef enum {
    CTL_DONE = 0,
    CTL_REFUSED = 1,     /* asked, and the answer is no */
    CTL_USAGE = 2,       /* the command line is not understood */
    CTL_UNAVAILABLE = 3, /* store, gateway or configuration is away */
    CTL_PENDING = 4      /* accepted, not yet in force everywhere */
} ctl_exit_t;

typedef enum {
    CTL_OPT_ID = 0,
    CTL_OPT_EXPIRES,
    CTL_OPT_NOTE,
    CTL_OPT_OVERLAP,
    CTL_OPT_REASON,
    CTL_OPT_HASH,
    CTL_OPT_WAIT, /* "" without a value */
    CTL_OPT_SUBJECT,
    CTL_OPT_FOR,
    CTL_OPT_LIMIT,
    CTL_OPT_KEYID,
    CTL_OPT_SECRET,
    CTL_OPT_KEY,
    CTL_OPT_ALGORITHM,
    CTL_OPT_COMPONENTS,
    CTL_OPT_LABEL,
    CTL_OPT_TAG,
    CTL_OPT_ALL, /* "" */
    CTL_OPT_AS,
    CTL_OPT_GROUP,
    CTL_OPT_NAME,
    CTL_OPT_EMAIL,
    CTL_OPT_CLAIM,
    CTL_OPT_PORT,
    CTL_OPT_REPLACE, /* "" */
    CTL_OPT_COUNT
} ctl_opt_t;

typedef struct ctl_s ctl_t;

typedef struct {
    const char *group, *name; /* "key", "create"; name NULL: no second word */
    ctl_exit_t (*run)(ctl_t *c);
    unsigned options; /* bits, 1 << ctl_opt_t */
    size_t args_min, args_max;
    const char *usage;    /* what follows the words of the command */
    const char *summary;  /* one line */
    const char *examples; /* lines */
    const char *text;     /* more to know; lines */
} ctl_command_t;

struct ctl_s {
    ctl_arena_t arena;
    const char *program;
    const char *conf_file, *prefix;
    bool json, help, version;
    const ctl_command_t *command; /* NULL: none was named */
    const char *args[CTL_ARGS_MAX];
    size_t n_args;
    const char *options[CTL_OPT_COUNT]; /* NULL: not given */

    ctl_setup_t setup; /* after ctl_setup */
    bool setup_read;
    gh_lmdb_t *db;            /* after ctl_store_open, */
    gh_redis_client_t *redis; /* or this one */
    const char *who;          /* asks for this, as history has it */
    gh_secret_t secret;       /* after ctl_store_open with CTL_STORE_SECRET */
    gh_image_t published;     /* after ctl_policies: the set in force */
    gh_policy_build_t *build;
    gh_str_t compiled; /* after ctl_policies_compile: an image */
    gh_image_t compiled_image;

    uint64_t change, sequence; /* of the change that was written last */
};


/* NULL-terminated by a group of NULL; in the order in which help shows it. */
extern const ctl_command_t ctl_commands[];


/* Reads nginx.conf once. Else a word was said and the status is returned. */
ctl_exit_t ctl_setup(ctl_t *c);

/*
 * Says what is wrong, to people on stderr, with --json as the document on
 * stdout too, and returns exit. The text says what, and the way out; it
 * needs no full stop and no "gatehouse:".
 */
ctl_exit_t ctl_fail(const ctl_t *c, ctl_exit_t exit, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* For people, on stdout; nothing with --json. */
void ctl_say(const ctl_t *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* For people, on stderr, whatever stdout is for. */
void ctl_note(const ctl_t *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The document of --json; handed over, NULL is out of memory. Without --json
 * only released. */
void ctl_print_json(const ctl_t *c, json_t *document);

/* Text from outside made fit for a terminal: control bytes as '?'. */
const char *ctl_plain(ctl_t *c, gh_str_t s);

/* "2027-06-01 12:00:00" (UTC), or "never" for 0. */
const char *ctl_when(ctl_t *c, int64_t at_s);
/* "never" or "2027-06-01 12:00:00 UTC", for sentences. */
const char *ctl_when_utc(ctl_t *c, int64_t at_s);
/* RFC 3339 or null. */
json_t *ctl_json_when(int64_t at_s);
json_t *ctl_json_text(gh_str_t s);


#endif
