/*
 * A directory of policies as it stands on disk: which files make the set,
 * how each of them stood when it was looked at, and their bytes. Files are
 * *.json, in subdirectories too; names that begin with a dot and directories
 * named "schema" (JSON Schema for editors) are passed over, symbolic links are
 * followed, so that both a swapped "..data" (Kubernetes) and a swapped
 * directory are seen. Synchronous; for threads, the start of nginx and the
 * tool, never for an event loop.
 */

#ifndef GH_POLICY_DIR_H
#define GH_POLICY_DIR_H

#include "gh_policy.h"

#define GH_POLICY_DIR_FILES_MAX 100000
#define GH_POLICY_DIR_DEPTH_MAX 8
#define GH_POLICY_DIR_PATH_MAX 1024 /* bytes, with the NUL */


/* Equal states mean equal bytes: every write, rename or swap changes one. */
typedef struct {
    uint64_t device, inode, size;
    int64_t modified_ns, changed_ns;
} gh_file_state_t;

typedef struct {
    char *path; /* the directory as named, then "/name"; NUL-terminated */
    gh_file_state_t state;
    uint8_t content[GH_SHA256_LEN]; /* of its bytes, once it was read */
} gh_policy_file_t;

typedef struct {
    gh_policy_file_t *files; /* sorted by path */
    size_t n, cap;
    uint64_t bytes; /* of all of them */
} gh_policy_listing_t;


/*
 * Lists the directory into *out, which is the caller's, zeroed or cleared.
 * errors may be NULL; what is wrong is said there.
 *
 * GH_OK       *out is to be cleared
 * GH_INVALID  a directory or file cannot be looked at, or there is no file
 *             at all: an emptied directory is an accident until a file with
 *             {} says otherwise
 */
gh_rc_t gh_policy_listing_read(const char *directory, gh_policy_listing_t *out,
                               gh_policy_errors_t *errors);
/* One more, which sorts after those that are there; its content is not set.
 * GH_NOMEM. */
gh_rc_t gh_policy_listing_add(gh_policy_listing_t *listing, gh_str_t path,
                              const gh_file_state_t *state);
void gh_policy_listing_clear(gh_policy_listing_t *listing);

/* Same files in the same state. */
bool gh_policy_listing_same(const gh_policy_listing_t *a,
                            const gh_policy_listing_t *b);
/* NULL when there is none. */
const gh_policy_file_t *gh_policy_listing_find(
    const gh_policy_listing_t *listing, gh_str_t path);

/* The state of any file now, links followed; false when there is none. */
bool gh_file_state(const char *path, gh_file_state_t *out);
bool gh_file_state_same(const gh_file_state_t *a, const gh_file_state_t *b);

/* size bytes of fd. GH_CONFLICT: it is shorter; GH_UNAVAILABLE: errno. */
gh_rc_t gh_file_read(int fd, char *to, size_t size);

/*
 * The bytes of a listed file; text->data is owned by the caller (free).
 *
 * GH_CONFLICT  it is no longer what was listed: list again
 * GH_INVALID   it cannot be read, or is longer than GH_POLICY_FILE_MAX;
 *              said in errors
 * GH_NOMEM
 */
gh_rc_t gh_policy_file_read(const gh_policy_file_t *file, gh_str_t *text,
                            gh_policy_errors_t *errors);


#endif
