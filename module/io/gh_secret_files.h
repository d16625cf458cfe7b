/*
 * Secrets that policy documents name as files: their paths, their bytes, and
 * the list of those that a set was made with, because a changed secret is a
 * changed set. Synchronous.
 */

#ifndef GH_SECRET_FILES_H
#define GH_SECRET_FILES_H

#include "gh_policy_dir.h"


typedef struct {
    char *path;
    gh_file_state_t state; /* before it was read; zeros: there was none */
    uint8_t content[GH_SHA256_LEN]; /* of its bytes, once it was read */
} gh_secret_file_t;

typedef struct {
    gh_secret_file_t *items;
    size_t n, cap;
} gh_secret_files_t;


/*
 * The path of a secret as documents write it: relative ones begin at the
 * directory of the policies. Ends with a NUL. GH_INVALID: bytes that no path
 * has; GH_TOO_LONG.
 */
gh_rc_t gh_secret_file_path(const char *directory, gh_str_t written,
                            char out[GH_POLICY_DIR_PATH_MAX]);

/*
 * Appends the bytes of a secret's file. *why is static text when it fails;
 * *mode (may be NULL) are its permission bits.
 */
gh_rc_t gh_secret_file_read(const char *path, gh_buf_t *out, unsigned *mode,
                            const char **why);

/* path is handed over, and looked at: the last item. GH_NOMEM. */
gh_rc_t gh_secret_files_add(gh_secret_files_t *secrets, char *path);
/* Looks at all of them again: true when one differs from the look before. */
bool gh_secret_files_changed(gh_secret_files_t *secrets);
void gh_secret_files_clear(gh_secret_files_t *secrets);


#endif
