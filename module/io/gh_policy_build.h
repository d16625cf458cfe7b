/*
 * From a directory of policies to the published image. Keeps what it has read
 * between two builds, and beside the image for the next process, so that only
 * changed files are parsed again; a note beside the image says what it was
 * made from, so that a start needs no build at all. Synchronous; one thread
 * at a time.
 */

#ifndef GH_POLICY_BUILD_H
#define GH_POLICY_BUILD_H

#include "gh_image_file.h"

typedef struct gh_policy_build_s gh_policy_build_t;

/* Borrowed as long as the builder lives. */
typedef struct {
    const char *directory, *state;     /* state: only for publishing */
    gh_policy_env_t names;             /* its read_secret is not used */
    uint8_t names_hash[GH_SHA256_LEN]; /* over all names it knows */
    bool (*stopped)(void *ctx);        /* asked often; NULL: never */
    void *ctx;
} gh_policy_build_conf_t;

typedef struct {
    gh_policy_errors_t errors;                /* GH_INVALID */
    char why[GH_IMAGE_WHY_MAX];               /* GH_UNAVAILABLE */
    char open_secret[GH_POLICY_DIR_PATH_MAX]; /* "", or one that everybody
                                                 may read */
    uint64_t generation;                      /* published */
} gh_policy_report_t;


/* GH_NOMEM. */
gh_rc_t gh_policy_build_create(const gh_policy_build_conf_t *conf,
                               gh_policy_build_t **out);
void gh_policy_build_destroy(gh_policy_build_t *b); /* NULL is fine */
/* After a build or a destroy: gives what big sets needed back to the system,
 * of which the C library would keep hundreds of megabytes (and a master would
 * hand them to each worker). */
void gh_policy_build_trim(void);

/*
 * Reads and compiles everything and throws the image away: `nginx -t` and
 * the tool. report is the caller's and is written whole. GH_OK, GH_INVALID,
 * GH_NOMEM, GH_CONFLICT (it changes all the time).
 */
gh_rc_t gh_policy_build_check(gh_policy_build_t *b,
                              gh_policy_report_t *report);

/*
 * The same for the start of a master: the image is kept in b, for _place, and
 * report->generation is the number it would have.
 */
gh_rc_t gh_policy_build_make(gh_policy_build_t *b, gh_policy_report_t *report);
/*
 * Publishes what was kept, of that report. Once; whatever comes of it nothing
 * is kept any more.
 *
 * GH_CONFLICT     something was published since, or the files changed
 * GH_AGAIN        another process builds
 * GH_UNAVAILABLE  report->why
 */
gh_rc_t gh_policy_build_place(gh_policy_build_t *b,
                              gh_policy_report_t *report);

/*
 * True when the published image was made of the bytes that are there now,
 * and, with `names`, checked against the same names. *generation (may be
 * NULL) is its number. The builder then looks from here on.
 */
bool gh_policy_build_is_current(gh_policy_build_t *b, bool names,
                                uint64_t *generation);

/*
 * Looks at the directory and at all secrets it names: true when something
 * differs from the last look. The first look differs from nothing at all.
 */
bool gh_policy_build_look(gh_policy_build_t *b);

/* Reads what is not kept, so that the next build need only read what
 * changes. */
void gh_policy_build_warm(gh_policy_build_t *b, gh_policy_report_t *report);

/*
 * Builds and publishes; the new generation is above `least` and above any
 * that was published before.
 *
 * GH_OK           published: report->generation
 * GH_INVALID      report->errors; what is published stays
 * GH_CONFLICT     something changed meanwhile: look, wait, build again
 * GH_AGAIN        another process builds
 * GH_UNAVAILABLE  report->why: the state directory does not take it
 * GH_NOMEM        or stopped
 */
gh_rc_t gh_policy_build_publish(gh_policy_build_t *b, uint64_t least,
                                gh_policy_report_t *report);

/*
 * Keeps what was read where the next process finds it, unless it is there
 * already. Not for every change: what is kept of the other files stays good.
 *
 * GH_AGAIN        another process builds
 * GH_INVALID      the last load failed
 * GH_UNAVAILABLE  the state directory does not take it; GH_NOMEM
 */
gh_rc_t gh_policy_build_keep(gh_policy_build_t *b);

/* Between two builds: gives back the memory that only builds need. */
void gh_policy_build_rest(gh_policy_build_t *b);

/* Notes that the image is good for other files of the same bytes and for
 * other names, so that the next start sees it at a glance. */
void gh_policy_build_renew_note(gh_policy_build_t *b);

/*
 * A file of the set that uid and its groups may not read as far as
 * permission bits tell; NULL when there is none. Borrowed from the builder.
 */
const char *gh_policy_build_unreadable(gh_policy_build_t *b, uint32_t uid,
                                       uint32_t gid);


#endif
