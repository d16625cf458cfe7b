/*
 * Walks a directory of policies. Everything below the root is looked at
 * relative to the opened directory, so that a swap in the middle of a walk
 * gives the old set or the new one; what was mixed all the same is found by
 * comparing two listings.
 */

#include "gh_policy_dir.h"

#include "gh_policy_error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>


/* One walk; the stack of open directories finds links that lead in a ring. */
typedef struct {
    gh_policy_listing_t *out;
    gh_policy_errors_t *errors;
    gh_rc_t rc;
    char path[GH_POLICY_DIR_PATH_MAX];
    size_t len;
    unsigned depth;
    struct {
        dev_t device;
        ino_t inode;
    } above[GH_POLICY_DIR_DEPTH_MAX];
} walk_t;


static void walk_directory(walk_t *w, int fd);
static bool walk_enter(walk_t *w, int fd);
static void walk_entry(walk_t *w, int fd, const struct dirent *entry);
static void walk_file(walk_t *w, const struct stat *st);
static bool is_policy_name(const char *name);
static bool is_schema(const char *name);
static void complain(walk_t *w, const char *what, int error);
static gh_str_t path_of(const walk_t *w);
static int compare_files(const void *a, const void *b);
static void state_of(const struct stat *st, gh_file_state_t *out);
static gh_rc_t unreadable(const gh_policy_file_t *file, int error,
                          gh_policy_errors_t *errors);


gh_rc_t
gh_policy_listing_read(const char *directory, gh_policy_listing_t *out,
                       gh_policy_errors_t *errors)
{
    walk_t w = { .out = out, .errors = errors, .rc = GH_OK };
    int fd;

    w.len = strlen(directory);

    while (w.len > 1 && directory[w.len - 1] == '/') {
        w.len--;
    }

    if (w.len >= sizeof(w.path)) {
        w.len = 0;
        complain(&w, "the path of the directory is too long", 0);
        return w.rc;
    }

    memcpy(w.path, directory, w.len);

    fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd == -1) {
        complain(&w, "cannot be opened", errno);
    } else {
        walk_directory(&w, fd);
    }

    if (w.rc == GH_OK && out->n == 0) {
        complain(&w,
                 "holds no policy file (*.json); a file with {} in it makes "
                 "an empty set",
                 0);
    }

    if (w.rc != GH_OK) {
        gh_policy_listing_clear(out);
        return w.rc;
    }

    qsort(out->files, out->n, sizeof(gh_policy_file_t), compare_files);

    return GH_OK;
}


void
gh_policy_listing_clear(gh_policy_listing_t *listing)
{
    for (size_t i = 0; i < listing->n; i++) {
        free(listing->files[i].path);
    }

    free(listing->files);
    memset(listing, 0, sizeof(*listing));
}


/* Closes fd. Goes on after a complaint, so that one look finds them all. */

static void
walk_directory(walk_t *w, int fd)
{
    DIR *dir;
    struct dirent *entry;

    if (!walk_enter(w, fd)) {
        (void) close(fd);
        return;
    }

    dir = fdopendir(fd);
    if (dir == NULL) {
        complain(w, "cannot be read", errno);
        (void) close(fd);
        w->depth--;
        return;
    }

    while (w->rc != GH_NOMEM) {
        errno = 0;
        entry = readdir(dir);

        if (entry == NULL) {
            if (errno != 0) {
                complain(w, "cannot be read", errno);
            }
            break;
        }

        if (entry->d_name[0] != '.') {
            walk_entry(w, dirfd(dir), entry);
        }
    }

    (void) closedir(dir);
    w->depth--;
}


/* False: it is one of those above it (passed over), or too deep. */

static bool
walk_enter(walk_t *w, int fd)
{
    struct stat st;

    if (fstat(fd, &st) == -1) {
        complain(w, "cannot be read", errno);
        return false;
    }

    for (unsigned i = 0; i < w->depth; i++) {
        if (w->above[i].device == st.st_dev && w->above[i].inode == st.st_ino)
        {
            return false;
        }
    }

    if (w->depth == GH_POLICY_DIR_DEPTH_MAX) {
        complain(w, "lies too deep: at most 8 directories", 0);
        return false;
    }

    w->above[w->depth].device = st.st_dev;
    w->above[w->depth].inode = st.st_ino;
    w->depth++;

    return true;
}


static void
walk_entry(walk_t *w, int fd, const struct dirent *entry)
{
    int child;
    size_t len = w->len, name_len = strlen(entry->d_name);
    bool wanted = is_policy_name(entry->d_name);
    struct stat st;

    if (!wanted && entry->d_type != DT_DIR && entry->d_type != DT_LNK
        && entry->d_type != DT_UNKNOWN)
    {
        return;
    }

    if (w->len + 1 + name_len >= sizeof(w->path)) {
        complain(w, "holds a name that is too long", 0);
        return;
    }

    w->path[w->len++] = '/';
    memcpy(w->path + w->len, entry->d_name, name_len);
    w->len += name_len;

    if (fstatat(fd, entry->d_name, &st, 0) == -1) {
        /* gone since it was listed, or a link that leads nowhere */
        if (wanted
            && fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
            complain(w, "cannot be looked at", ENOENT);
        }

    } else if (S_ISDIR(st.st_mode) && is_schema(entry->d_name)) {
        /* for editors: what "$schema" of a document names */

    } else if (S_ISDIR(st.st_mode)) {
        child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (child == -1) {
            complain(w, "cannot be opened", errno);
        } else {
            walk_directory(w, child);
        }

    } else if (wanted && !S_ISREG(st.st_mode)) {
        complain(w, "is not a regular file", 0);

    } else if (wanted) {
        walk_file(w, &st);
    }

    w->len = len;
}


static void
walk_file(walk_t *w, const struct stat *st)
{
    gh_policy_listing_t *out = w->out;
    gh_file_state_t state;

    if (out->n == GH_POLICY_DIR_FILES_MAX) {
        if (w->rc == GH_OK) {
            complain(w, "is one file too many: at most 100000", 0);
        }
        return;
    }

    state_of(st, &state);

    if (gh_policy_listing_add(out, path_of(w), &state) != GH_OK) {
        w->rc = GH_NOMEM;
    }
}


gh_rc_t
gh_policy_listing_add(gh_policy_listing_t *listing, gh_str_t path,
                      const gh_file_state_t *state)
{
    gh_policy_file_t *files, *file;
    size_t cap;

    if (listing->n == listing->cap) {
        cap = (listing->cap == 0) ? 64 : listing->cap * 2;

        files = realloc(listing->files, cap * sizeof(gh_policy_file_t));
        if (files == NULL) {
            return GH_NOMEM;
        }

        listing->files = files;
        listing->cap = cap;
    }

    file = &listing->files[listing->n];

    file->path = strndup(path.data, path.len);
    if (file->path == NULL) {
        return GH_NOMEM;
    }

    file->state = *state;
    listing->bytes += state->size;
    listing->n++;

    return GH_OK;
}


static bool
is_policy_name(const char *name)
{
    size_t len = strlen(name);

    return len > 5 && strcmp(name + len - 5, ".json") == 0;
}


static bool
is_schema(const char *name)
{
    return strcmp(name, "schema") == 0;
}


static void
complain(walk_t *w, const char *what, int error)
{
    char room[128];
    gh_policy_place_t nowhere = { 0, 0 };

    if (w->rc == GH_OK) {
        w->rc = GH_INVALID;
    }

    if (error == 0) {
        gh_policy_error_add(w->errors, path_of(w), nowhere, "%s", what);
        return;
    }

    gh_policy_error_add(w->errors, path_of(w), nowhere, "%s: %s", what,
                        strerror_r(error, room, sizeof(room)));
}


static gh_str_t
path_of(const walk_t *w)
{
    return (gh_str_t){ w->path, w->len };
}


static int
compare_files(const void *a, const void *b)
{
    const gh_policy_file_t *one = a, *other = b;

    return strcmp(one->path, other->path);
}


bool
gh_policy_listing_same(const gh_policy_listing_t *a,
                       const gh_policy_listing_t *b)
{
    if (a->n != b->n) {
        return false;
    }

    for (size_t i = 0; i < a->n; i++) {
        if (!gh_file_state_same(&a->files[i].state, &b->files[i].state)
            || strcmp(a->files[i].path, b->files[i].path) != 0)
        {
            return false;
        }
    }

    return true;
}


const gh_policy_file_t *
gh_policy_listing_find(const gh_policy_listing_t *listing, gh_str_t path)
{
    size_t low = 0, high = listing->n, middle;
    int order;

    while (low < high) {
        middle = low + (high - low) / 2;
        order = gh_str_cmp(path, gh_str(listing->files[middle].path));

        if (order == 0) {
            return &listing->files[middle];
        }

        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }

    return NULL;
}


bool
gh_file_state(const char *path, gh_file_state_t *out)
{
    struct stat st;

    if (stat(path, &st) == -1) {
        memset(out, 0, sizeof(*out));
        return false;
    }

    state_of(&st, out);

    return true;
}


static void
state_of(const struct stat *st, gh_file_state_t *out)
{
    out->device = st->st_dev;
    out->inode = st->st_ino;
    out->size = (uint64_t) st->st_size;
    out->modified_ns = (int64_t) st->st_mtim.tv_sec * (int64_t) GH_NS_PER_S
                       + st->st_mtim.tv_nsec;
    out->changed_ns = (int64_t) st->st_ctim.tv_sec * (int64_t) GH_NS_PER_S
                      + st->st_ctim.tv_nsec;
}


bool
gh_file_state_same(const gh_file_state_t *a, const gh_file_state_t *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size
           && a->modified_ns == b->modified_ns
           && a->changed_ns == b->changed_ns;
}


gh_rc_t
gh_policy_file_read(const gh_policy_file_t *file, gh_str_t *text,
                    gh_policy_errors_t *errors)
{
    int fd;
    char *data = NULL;
    gh_rc_t rc = GH_CONFLICT;
    struct stat st;
    gh_file_state_t state;

    if (file->state.size > GH_POLICY_FILE_MAX) {
        return unreadable(file, EFBIG, errors);
    }

    fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd == -1) {
        if (errno == ENOENT) {
            return GH_CONFLICT;
        }

        return unreadable(file, errno, errors);
    }

    if (fstat(fd, &st) == -1) {
        goto failed;
    }

    state_of(&st, &state);

    if (!gh_file_state_same(&state, &file->state)) {
        goto failed;
    }

    data = malloc((size_t) state.size + 1);
    if (data == NULL) {
        rc = GH_NOMEM;
        goto failed;
    }

    rc = gh_file_read(fd, data, (size_t) state.size);
    if (rc != GH_OK) {
        if (rc == GH_UNAVAILABLE) {
            rc = unreadable(file, errno, errors);
        }
        goto failed;
    }

    (void) close(fd);
    text->data = data;
    text->len = (size_t) state.size;

    return GH_OK;

failed:

    free(data);
    (void) close(fd);

    return rc;
}


static gh_rc_t
unreadable(const gh_policy_file_t *file, int error, gh_policy_errors_t *errors)
{
    char room[128];
    gh_policy_place_t nowhere = { 0, 0 };

    gh_policy_error_add(errors, gh_str(file->path), nowhere,
                        "cannot be read: %s",
                        strerror_r(error, room, sizeof(room)));

    return GH_INVALID;
}


gh_rc_t
gh_file_read(int fd, char *to, size_t size)
{
    size_t done = 0;
    ssize_t n;

    while (done < size) {
        n = read(fd, to + done, size - done);

        if (n > 0) {
            done += (size_t) n;

        } else if (n == 0) {
            return GH_CONFLICT;

        } else if (errno != EINTR) {
            return GH_UNAVAILABLE;
        }
    }

    return GH_OK;
}
