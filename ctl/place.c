/*
 * One at a time, by a lock on the directory that holds both. A copy that was
 * left behind by a tool that died is removed by the next one. Everything is
 * opened below a descriptor, so that no link planted meanwhile is followed.
 */

#include "place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 8
#define CHUNK 65536


typedef struct {
    ctl_t *c;
    const ctl_place_t *place;
    char from[PATH_MAX], to[PATH_MAX]; /* links resolved */
    const char *base;                  /* the last part of to */
    const char *copy, *before;         /* names beside it */
    int parent;                        /* what holds them all; locked */
    struct stat owner;                 /* of to */
    const char *failed;                /* a path, for the message */
} place_t;


static ctl_exit_t resolve(place_t *p);
static bool is_inside(const char *path, const char *directory);
static ctl_exit_t lock_parent(place_t *p);
static ctl_exit_t copy_and_exchange(place_t *p);
static bool copy_directory(place_t *p, const char *from, int parent,
                           const char *name, unsigned depth);
static bool copy_entries(place_t *p, DIR *d, const char *from, int to,
                         unsigned depth);
static bool copy_entry(place_t *p, const char *path, int to, const char *name,
                       unsigned depth);
static bool copy_file(place_t *p, const char *path, int to, const char *name);
static bool copy_bytes(int from, int to);
static bool own(const place_t *p, int fd, mode_t mode);
static bool exchange(const place_t *p);
static bool remove_tree(int parent, const char *name);
static bool remove_entries(int directory);
static ctl_exit_t failed(const place_t *p, const char *what);


ctl_exit_t
ctl_place(ctl_t *c, const ctl_place_t *place)
{
    place_t p = { .c = c, .place = place, .parent = -1 };
    ctl_exit_t rc = resolve(&p);

    if (rc != CTL_DONE || strcmp(p.from, p.to) == 0) {
        return rc;
    }

    rc = lock_parent(&p);

    if (rc == CTL_DONE) {
        rc = copy_and_exchange(&p);
    }

    if (rc != CTL_DONE && p.parent != -1) {
        (void) remove_tree(p.parent, p.copy);
    }

    if (p.parent != -1) {
        (void) close(p.parent);
    }

    return rc;
}


static ctl_exit_t
resolve(place_t *p)
{
    p->failed = p->place->from;

    if (realpath(p->place->from, p->from) == NULL) {
        return failed(p, "cannot be found");
    }

    p->failed = p->place->to;

    if (realpath(p->place->to, p->to) == NULL || stat(p->to, &p->owner) == -1)
    {
        return failed(p, "cannot be found");
    }

    if (strcmp(p->from, p->to) != 0
        && (is_inside(p->from, p->to) || is_inside(p->to, p->from)))
    {
        return ctl_fail(p->c, CTL_REFUSED,
                        "%s and %s lie one in the other; keep what is to be "
                        "put in force elsewhere",
                        p->from, p->to);
    }

    return CTL_DONE;
}


static bool
is_inside(const char *path, const char *directory)
{
    size_t len = strlen(directory);

    return strncmp(path, directory, len) == 0 && path[len] == '/';
}


static ctl_exit_t
lock_parent(place_t *p)
{
    char *parent = ctl_copy(&p->c->arena, gh_str(p->to));
    char *slash = strrchr(parent, '/');

    p->base = p->to + (slash - parent) + 1;
    p->copy = ctl_text(&p->c->arena, ".%s.new", p->base);
    p->before = ctl_text(&p->c->arena, "%s.before", p->base);
    slash[slash == parent] = '\0';

    p->failed = parent;
    p->parent = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (p->parent == -1) {
        return failed(p, "cannot be opened");
    }

    if (flock(p->parent, LOCK_EX | LOCK_NB) == -1) {
        (void) close(p->parent);
        p->parent = -1;

        return errno == EWOULDBLOCK
                   ? ctl_fail(p->c, CTL_REFUSED,
                              "another apply is under way in %s", parent)
                   : failed(p, "cannot be locked");
    }

    return CTL_DONE;
}


static ctl_exit_t
copy_and_exchange(place_t *p)
{
    ctl_t *c = p->c;
    const char *path;
    ctl_exit_t rc;

    if (faccessat(p->parent, p->copy, F_OK, AT_SYMLINK_NOFOLLOW) == 0
        && !remove_tree(p->parent, p->copy))
    {
        p->failed = p->copy;
        return failed(p, "is left over and cannot be removed");
    }

    if (!copy_directory(p, p->from, p->parent, p->copy, 0)
        || syncfs(p->parent) == -1)
    {
        return failed(p, "cannot be copied");
    }

    if (p->place->changed(c)) {
        return ctl_fail(c, CTL_REFUSED,
                        "%s changed while it was copied; try again", p->from);
    }

    path =
        ctl_text(&c->arena, "%.*s%s", (int) (p->base - p->to), p->to, p->copy);
    rc = p->place->ready(c, path);

    if (rc != CTL_DONE) {
        return rc;
    }

    if (!exchange(p)) {
        p->failed = p->to;
        return failed(p, "cannot be exchanged in one step (is it a mount of "
                         "its own?)");
    }

    /* it is done: what is left is tidying */
    if (!remove_tree(p->parent, p->before)
        || renameat(p->parent, p->copy, p->parent, p->before) == -1)
    {
        ctl_note(c, "warning: what was there before is in %s\n", path);
    }

    (void) fsync(p->parent);

    return CTL_DONE;
}


static bool
copy_directory(place_t *p, const char *from, int parent, const char *name,
               unsigned depth)
{
    struct stat st;
    DIR *d;
    int to = -1;
    bool done;

    p->failed = from;

    if (depth > DEPTH_MAX) {
        errno = ELOOP;
        return false;
    }

    d = opendir(from);
    if (d == NULL) {
        return false;
    }

    done = fstat(dirfd(d), &st) == 0 && mkdirat(parent, name, 0700) == 0;

    if (done) {
        to = openat(parent, name,
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        done = to != -1;
    }

    done = done && copy_entries(p, d, from, to, depth)
           && own(p, to, depth == 0 ? p->owner.st_mode : st.st_mode);

    (void) closedir(d);

    if (to != -1) {
        (void) close(to);
    }

    return done;
}


static bool
copy_entries(place_t *p, DIR *d, const char *from, int to, unsigned depth)
{
    const struct dirent *entry;

    for (;;) {
        errno = 0;
        entry = readdir(d);

        if (entry == NULL) {
            return errno == 0;
        }

        if (entry->d_name[0] != '.'
            && !copy_entry(
                p, ctl_text(&p->c->arena, "%s/%s", from, entry->d_name), to,
                entry->d_name, depth))
        {
            return false;
        }
    }
}


static bool
copy_entry(place_t *p, const char *path, int to, const char *name,
           unsigned depth)
{
    struct stat st;

    p->failed = path;

    if (stat(path, &st) == -1) {
        return false;
    }

    if (S_ISDIR(st.st_mode)) {
        return copy_directory(p, path, to, name, depth + 1);
    }

    if (S_ISREG(st.st_mode)) {
        return copy_file(p, path, to, name);
    }

    errno = EINVAL;

    return false;
}


static bool
copy_file(place_t *p, const char *path, int to, const char *name)
{
    struct stat st;
    int in = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), out;
    bool done;

    if (in == -1) {
        return false;
    }

    out = openat(to, name,
                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    done = out != -1 && fstat(in, &st) == 0 && copy_bytes(in, out)
           && own(p, out, st.st_mode);

    if (out != -1 && close(out) == -1) {
        done = false;
    }

    (void) close(in);

    return done;
}


static bool
copy_bytes(int from, int to)
{
    char room[CHUNK];

    for (;;) {
        ssize_t n = read(from, room, sizeof(room)), done = 0;

        if (n <= 0) {
            return n == 0;
        }

        while (done < n) {
            ssize_t written = write(to, room + done, (size_t) (n - done));

            if (written == -1) {
                return false;
            }

            done += written;
        }
    }
}


/* Belongs to whom the directory belongs that it takes the place of. */
static bool
own(const place_t *p, int fd, mode_t mode)
{
    if (geteuid() == 0 && fchown(fd, p->owner.st_uid, p->owner.st_gid) == -1) {
        return false;
    }

    return fchmod(fd, mode & 0777) == 0;
}


static bool
exchange(const place_t *p)
{
    return renameat2(p->parent, p->copy, p->parent, p->base, RENAME_EXCHANGE)
           == 0;
}


/* True also when there is none. */
static bool
remove_tree(int parent, const char *name)
{
    int fd =
        openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool done;

    if (fd == -1) {
        return errno == ENOENT
               || (errno != EACCES && unlinkat(parent, name, 0) == 0);
    }

    done = remove_entries(fd);

    return done && unlinkat(parent, name, AT_REMOVEDIR) == 0;
}


/* The descriptor is handed over. */
static bool
remove_entries(int directory)
{
    DIR *d = fdopendir(directory);
    const struct dirent *entry;
    bool done = true;

    if (d == NULL) {
        (void) close(directory);
        return false;
    }

    while (done && (entry = readdir(d)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0
            && strcmp(entry->d_name, "..") != 0) {
            done = remove_tree(dirfd(d), entry->d_name);
        }
    }

    (void) closedir(d);

    return done;
}


static ctl_exit_t
failed(const place_t *p, const char *what)
{
    char room[128];

    return ctl_fail(p->c, CTL_UNAVAILABLE, "%s %s: %s", p->failed, what,
                    strerror_r(errno, room, sizeof(room)));
}
