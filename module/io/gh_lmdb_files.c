/*
 * The directory of the store and the files in it: who owns them, who may
 * write them, and whether what lies there can be a whole store. LMDB looks
 * at none of this: it would map a truncated file and die of SIGBUS, and make
 * an empty store where the old one was lost, revocations with it.
 */

#include "gh_lmdb_inside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>


#define STAMP "gatehouse.store"

/* The file grows in steps: a sparse tail costs nothing. */
#define STEP_PAGES 256


static gh_rc_t give_away(int fd, const gh_lmdb_options_t *o, const char *path,
                         char *why, size_t why_len);
static gh_rc_t check_directory(const struct stat *st, unsigned uid,
                               const char *path, char *why, size_t why_len);
static bool is_empty(int fd);
static gh_rc_t check_file(const gh_lmdb_options_t *o, const char *directory,
                          const char *name, char *why, size_t why_len);
static gh_rc_t make_file(const gh_lmdb_options_t *o, const char *path,
                         char *why, size_t why_len);
static gh_rc_t check_stamp(const char *directory, char *why, size_t why_len);
static unsigned owner(const gh_lmdb_options_t *o);


gh_rc_t
gh_lmdb_prepare(const gh_lmdb_options_t *o, char *why, size_t why_len)
{
    char path[PATH_MAX];
    struct stat st;
    gh_rc_t rc;

    if (o->directory.len == 0 || o->directory.len >= sizeof(path)) {
        (void) snprintf(why, why_len,
                        "the store's directory has no name, or "
                        "one that is too long");
        return GH_INVALID;
    }

    memcpy(path, o->directory.data, o->directory.len);
    path[o->directory.len] = '\0';

    if (!o->read_only && mkdir(path, 0700) != 0 && errno != EEXIST) {
        (void) snprintf(why, why_len, "%.160s cannot be made: %s", path,
                        strerror(errno));
        return GH_UNAVAILABLE;
    }

    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd == -1 && errno == ENOENT) {
        (void) snprintf(why, why_len, "there is no store in %.160s yet", path);
        rc = GH_UNAVAILABLE;
    } else if (fd == -1 || fstat(fd, &st) != 0) {
        (void) snprintf(why, why_len, "%.160s cannot be opened: %s", path,
                        strerror(errno));
        rc = GH_UNAVAILABLE;
    } else if (!o->read_only && geteuid() == 0 && st.st_uid == 0
               && owner(o) != 0 && is_empty(fd))
    {
        rc = give_away(fd, o, path, why, why_len);
    } else {
        rc = check_directory(&st, owner(o), path, why, why_len);
    }

    if (fd != -1) {
        (void) close(fd);
    }

    return rc;
}


static gh_rc_t
give_away(int fd, const gh_lmdb_options_t *o, const char *path, char *why,
          size_t why_len)
{
    if (fchown(fd, o->uid, o->gid) != 0 || fchmod(fd, 0700) != 0) {
        (void) snprintf(why, why_len, "%.160s cannot be given to user %u: %s",
                        path, o->uid, strerror(errno));
        return GH_UNAVAILABLE;
    }

    return GH_OK;
}


static gh_rc_t
check_directory(const struct stat *st, unsigned uid, const char *path,
                char *why, size_t why_len)
{
    if (st->st_uid != uid) {
        (void) snprintf(why, why_len,
                        "%.120s belongs to user %u, the store's owner is user "
                        "%u: chown -R %u that directory, or name another one",
                        path, (unsigned) st->st_uid, uid, uid);
        return GH_UNAVAILABLE;
    }

    if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        (void) snprintf(why, why_len,
                        "%.160s is writable by others than its owner: chmod "
                        "700 that directory, or name another one",
                        path);
        return GH_UNAVAILABLE;
    }

    return GH_OK;
}


static bool
is_empty(int fd)
{
    bool empty = true;
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy == -1 ? NULL : fdopendir(copy);

    if (dir == NULL) {
        if (copy != -1) {
            (void) close(copy);
        }
        return false;
    }

    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            empty = false;
            break;
        }
    }

    (void) closedir(dir);

    return empty;
}


gh_rc_t
gh_lmdb_files_check(const gh_lmdb_options_t *o, const char *directory,
                    char *why, size_t why_len)
{
    gh_rc_t rc = gh_lmdb_prepare(o, why, why_len);

    if (rc != GH_OK) {
        return rc;
    }

    if (geteuid() != owner(o) && geteuid() != 0) {
        (void) snprintf(why, why_len,
                        "the store in %.120s belongs to user %u, this is user "
                        "%u: run as its owner or as root",
                        directory, owner(o), (unsigned) geteuid());
        return GH_UNAVAILABLE;
    }

    rc = check_stamp(directory, why, why_len);

    if (rc == GH_OK) {
        rc = check_file(o, directory, "data.mdb", why, why_len);
    }

    return rc == GH_OK ? check_file(o, directory, "lock.mdb", why, why_len)
                       : rc;
}


/* The stamp is looked at first: whoever makes a store makes it last. */
static gh_rc_t
check_stamp(const char *directory, char *why, size_t why_len)
{
    char path[PATH_MAX + 32];
    struct stat st;

    (void) snprintf(path, sizeof(path), "%s/" STAMP, directory);

    if (stat(path, &st) != 0) {
        return GH_OK;
    }

    (void) snprintf(path, sizeof(path), "%s/data.mdb", directory);

    if (stat(path, &st) == 0 && st.st_size > 0) {
        return GH_OK;
    }

    (void) snprintf(why, why_len,
                    "%.120s held a store, but data.mdb is missing or empty: "
                    "restore it from a backup; or empty the directory to "
                    "begin anew, which forgets keys and revocations",
                    directory);

    return GH_INVALID;
}


static gh_rc_t
check_file(const gh_lmdb_options_t *o, const char *directory, const char *name,
           char *why, size_t why_len)
{
    char path[PATH_MAX + 32];
    struct stat st;

    (void) snprintf(path, sizeof(path), "%s/%s", directory, name);

    if (lstat(path, &st) != 0) {
        /* root's files would keep their owner out */
        if (errno == ENOENT && geteuid() != owner(o) && !o->read_only) {
            return make_file(o, path, why, why_len);
        }
        return GH_OK;
    }

    if (!S_ISREG(st.st_mode)) {
        (void) snprintf(why, why_len, "%.160s is not a file", path);
        return GH_INVALID;
    }

    if (st.st_uid != owner(o)) {
        (void) snprintf(why, why_len,
                        "%.160s belongs to user %u, the store's owner is user "
                        "%u: chown it",
                        path, (unsigned) st.st_uid, owner(o));
        return GH_UNAVAILABLE;
    }

    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        (void) snprintf(why, why_len,
                        "%.160s is open to others than its owner: chmod 600 "
                        "that file",
                        path);
        return GH_UNAVAILABLE;
    }

    return GH_OK;
}


static gh_rc_t
make_file(const gh_lmdb_options_t *o, const char *path, char *why,
          size_t why_len)
{
    int fd =
        open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd == -1 || fchown(fd, o->uid, o->gid) != 0) {
        (void) snprintf(why, why_len, "%.160s cannot be made: %s", path,
                        strerror(errno));
        if (fd != -1) {
            (void) close(fd);
        }
        return GH_UNAVAILABLE;
    }

    (void) close(fd);

    return GH_OK;
}


gh_rc_t
gh_lmdb_files_stamp(const char *directory, char *why, size_t why_len)
{
    static const char text[] = "A store of Gatehouse lives here. Copy it with "
                               "mdb_copy while it is in use.\n";
    char path[PATH_MAX + 32];
    struct stat st, of_data;
    bool done = false;

    (void) snprintf(path, sizeof(path), "%s/data.mdb", directory);

    if (stat(path, &of_data) != 0) {
        return GH_OK;
    }

    (void) snprintf(path, sizeof(path), "%s/" STAMP, directory);

    if (stat(path, &st) == 0 && st.st_size > 0) {
        return GH_OK;
    }

    int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd != -1 && dir != -1) {
        done = (geteuid() == of_data.st_uid
                || fchown(fd, of_data.st_uid, of_data.st_gid) == 0)
               && write(fd, text, sizeof(text) - 1) == sizeof(text) - 1
               && fsync(fd) == 0 && fsync(dir) == 0;
    }

    if (!done) {
        (void) snprintf(why, why_len, "%.160s cannot be written: %s", path,
                        strerror(errno));
    }

    if (fd != -1) {
        (void) close(fd);
    }

    if (dir != -1) {
        (void) close(dir);
    }

    return done ? GH_OK : GH_UNAVAILABLE;
}


bool
gh_lmdb_files_moved(const char *directory, int fd)
{
    char path[PATH_MAX + 32];
    struct stat ours, there;

    (void) snprintf(path, sizeof(path), "%s/data.mdb", directory);

    if (fstat(fd, &ours) != 0 || stat(path, &there) != 0) {
        return true;
    }

    return ours.st_dev != there.st_dev || ours.st_ino != there.st_ino;
}


/*
 * LMDB does not write pages that a transaction took and gave back, so a
 * sound file may end before the last page that it counts. Made longer
 * before each transaction, a file that is too short is a truncated one.
 */
int
gh_lmdb_files_extend(gh_lmdb_t *db, size_t pages)
{
    MDB_envinfo info;
    struct stat st;
    int fd;

    if (mdb_env_get_fd(db->env, &fd) != 0 || mdb_env_info(db->env, &info) != 0
        || fstat(fd, &st) != 0)
    {
        return EIO;
    }

    size_t map = info.me_mapsize / db->page_bytes;
    size_t need = info.me_last_pgno + 1 + pages;

    if (need > map) {
        need = map;
    }

    if ((uint64_t) st.st_size >= (uint64_t) need * db->page_bytes) {
        return 0;
    }

    need = need + STEP_PAGES > map ? map : need + STEP_PAGES;

    return ftruncate(fd, (off_t) (need * db->page_bytes)) == 0 ? 0 : errno;
}


static unsigned
owner(const gh_lmdb_options_t *o)
{
    return o->uid == UINT32_MAX ? (unsigned) geteuid() : o->uid;
}
