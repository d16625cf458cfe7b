/*
 * The published policy image in its state directory, and the note beside it
 * that says what it was made from. An image is never written in place: a new
 * file takes the name at once, so that whoever has the old one mapped keeps
 * it whole. Synchronous.
 */

#ifndef GH_IMAGE_FILE_H
#define GH_IMAGE_FILE_H

#include "gh_image.h"
#include "gh_policy_dir.h"

#define GH_IMAGE_FILE_NAME "policies.image"
#define GH_IMAGE_NOTE_NAME "policies.note"
#define GH_IMAGE_LOCK_NAME "policies.lock"
#define GH_POLICY_PARTS_NAME "policies.parts" /* files as they were read */
#define GH_IMAGE_WHY_MAX 1200                 /* holds a path */


/* What the published image was made from; a text file. */
typedef struct {
    uint64_t generation;
    char directory[GH_POLICY_DIR_PATH_MAX];
    uint8_t states[GH_SHA256_LEN];  /* files and secrets, as they stood */
    uint8_t content[GH_SHA256_LEN]; /* their bytes */
    uint8_t names[GH_SHA256_LEN];   /* upstreams and issuers checked against */
    char **secrets;                 /* paths that the set names */
    size_t n_secrets;
} gh_image_note_t;


/* *why (GH_IMAGE_WHY_MAX bytes, NUL-terminated) says what failed. */

/*
 * Makes bytes the content of state/name: a temporary file, 0600, synced,
 * renamed, the directory synced. Only the holder of the lock may.
 * GH_UNAVAILABLE: the old content stays.
 */
gh_rc_t gh_state_replace(const char *state, const char *name, gh_str_t bytes,
                         char *why);
/* The same for a file that root makes for whoever owns the directory. */
gh_rc_t gh_state_give(const char *state, const char *name, gh_str_t bytes,
                      char *why);

/*
 * One process of those that share the state directory at a time. *fd is to be
 * closed, which gives it up; it also ends with the process. GH_CONFLICT:
 * another one has it.
 */
gh_rc_t gh_state_lock(const char *state, int *fd, char *why);

/*
 * Maps a file that gh_state_replace wrote, read-only. GH_ABSENT: there is
 * none; GH_INVALID: somebody other than this user may have written it.
 */
gh_rc_t gh_state_map(const char *state, const char *name, gh_str_t *out,
                     char *why);
void gh_state_unmap(gh_str_t mapped); /* data NULL is fine */

/*
 * Maps the published image read-only and checks it (every byte: tens of
 * milliseconds per 100 MB). GH_ABSENT: there is none; GH_INVALID: it is
 * damaged, of another layout, or does not belong to this user.
 */
gh_rc_t gh_image_file_map(const char *state, gh_image_t *out, char *why);
void gh_image_file_unmap(gh_image_t *image);

/* GH_ABSENT: none, or not readable as one. GH_OK: clear it. */
gh_rc_t gh_image_note_read(const char *state, gh_image_note_t *out);
gh_rc_t gh_image_note_write(const char *state, const gh_image_note_t *note,
                            char *why);
void gh_image_note_clear(gh_image_note_t *note);


#endif
