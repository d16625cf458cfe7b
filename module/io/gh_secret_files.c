/*
 * Reading the files of secrets and remembering how they stood. Their bytes
 * are the caller's; nothing of them is kept here.
 */

#include "gh_secret_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>


gh_rc_t
gh_secret_file_path(const char *directory, gh_str_t written,
                    char out[GH_POLICY_DIR_PATH_MAX])
{
    int n;

    if (written.len == 0) {
        return GH_INVALID;
    }

    for (size_t i = 0; i < written.len; i++) {
        if ((unsigned char) written.data[i] < 0x20) {
            return GH_INVALID;
        }
    }

    if (written.len >= GH_POLICY_DIR_PATH_MAX) {
        return GH_TOO_LONG;
    }

    if (written.data[0] == '/') {
        n = snprintf(out, GH_POLICY_DIR_PATH_MAX, "%.*s", (int) written.len,
                     written.data);
    } else {
        n = snprintf(out, GH_POLICY_DIR_PATH_MAX, "%s/%.*s", directory,
                     (int) written.len, written.data);
    }

    return (n > 0 && n < GH_POLICY_DIR_PATH_MAX) ? GH_OK : GH_TOO_LONG;
}


gh_rc_t
gh_secret_file_read(const char *path, gh_buf_t *out, unsigned *mode,
                    const char **why)
{
    int fd;
    gh_rc_t rc;
    struct stat st;

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd == -1) {
        *why = (errno == ENOENT)   ? "there is no such file"
               : (errno == EACCES) ? "permission denied: the workers' user "
                                     "must be able to read it"
                                   : "it cannot be opened";
        return GH_INVALID;
    }

    rc = GH_INVALID;

    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
        *why = "it is not a regular file";

    } else if (st.st_size == 0) {
        *why = "it is empty";

    } else if ((size_t) st.st_size > out->cap - out->len) {
        *why = "it is too long for a secret";

    } else if (gh_file_read(fd, out->data + out->len, (size_t) st.st_size)
               != GH_OK)
    {
        *why = "it cannot be read, or changed meanwhile";

    } else {
        out->len += (size_t) st.st_size;
        rc = GH_OK;
    }

    if (rc == GH_OK && mode != NULL) {
        *mode = st.st_mode & 07777;
    }

    (void) close(fd);

    return rc;
}


gh_rc_t
gh_secret_files_add(gh_secret_files_t *secrets, char *path)
{
    size_t cap;
    gh_secret_file_t *items;

    if (secrets->n == secrets->cap) {
        cap = (secrets->cap == 0) ? 16 : secrets->cap * 2;

        items = realloc(secrets->items, cap * sizeof(gh_secret_file_t));
        if (items == NULL) {
            free(path);
            return GH_NOMEM;
        }

        secrets->items = items;
        secrets->cap = cap;
    }

    memset(&secrets->items[secrets->n], 0, sizeof(gh_secret_file_t));
    secrets->items[secrets->n].path = path;
    (void) gh_file_state(path, &secrets->items[secrets->n].state);
    secrets->n++;

    return GH_OK;
}


bool
gh_secret_files_changed(gh_secret_files_t *secrets)
{
    bool changed = false;
    gh_file_state_t now;

    for (size_t i = 0; i < secrets->n; i++) {
        (void) gh_file_state(secrets->items[i].path, &now);

        if (!gh_file_state_same(&now, &secrets->items[i].state)) {
            secrets->items[i].state = now;
            changed = true;
        }
    }

    return changed;
}


void
gh_secret_files_clear(gh_secret_files_t *secrets)
{
    for (size_t i = 0; i < secrets->n; i++) {
        free(secrets->items[i].path);
    }

    free(secrets->items);
    memset(secrets, 0, sizeof(*secrets));
}
