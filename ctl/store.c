/*
 * Owner, root key, open, read. Files that nginx.conf names are read as
 * whoever started the tool, those in the state directory as its owner, who
 * could put anything there.
 */

#include "store.h"
#include "store_redis.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <openssl/crypto.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_FILE_MAX 4096


static ctl_exit_t find_state(ctl_t *c, struct stat *st);
static ctl_exit_t refuse_root(const ctl_t *c);
static ctl_exit_t become(ctl_t *c, const struct stat *st);
static const char *user_name(ctl_t *c, uid_t uid);
static const char *find_who(ctl_t *c);
static ctl_exit_t read_made_secret(ctl_t *c);


ctl_exit_t
ctl_store_open(ctl_t *c, unsigned flags)
{
    char why[GH_LMDB_WHY];
    gh_lmdb_options_t o = { .uid = UINT32_MAX, .gid = UINT32_MAX };
    ctl_exit_t rc = ctl_setup(c);

    if (rc == CTL_DONE && c->setup.shared) {
        return ctl_store_open_redis(c);
    }

    if (rc == CTL_DONE && (flags & CTL_STORE_SECRET) != 0) {
        rc = ctl_store_read_secrets(c);
    }

    if (rc == CTL_DONE) {
        rc = ctl_store_become_owner(c);
    }

    if (rc == CTL_DONE && (flags & CTL_STORE_SECRET) != 0
        && c->setup.n_secrets == 0)
    {
        rc = read_made_secret(c);
    }

    if (rc != CTL_DONE) {
        return rc;
    }

    o.directory = gh_str(c->setup.state);
    o.map_bytes = c->setup.map_bytes;
    o.read_only = (flags & CTL_STORE_WRITE) == 0;

    if (gh_lmdb_open(&o, &c->db, why, sizeof(why)) != GH_OK) {
        return ctl_fail(c, CTL_UNAVAILABLE, "the store cannot be opened: %s",
                        why);
    }

    return CTL_DONE;
}


ctl_exit_t
ctl_store_become_owner(ctl_t *c)
{
    struct stat st = { 0 };
    ctl_exit_t rc = ctl_setup(c);

    if (rc == CTL_DONE) {
        rc = find_state(c, &st);
    }

    if (rc != CTL_DONE) {
        return rc;
    }

    if (c->who == NULL) {
        c->who = find_who(c);
    }

    /* whoever reaches Redis may ask it; root gives up what it need not be */

    if (c->setup.shared && geteuid() != 0) {
        return CTL_DONE;
    }

    if (geteuid() == st.st_uid) {
        return st.st_uid == 0 && !c->setup.shared ? refuse_root(c) : CTL_DONE;
    }

    if (geteuid() != 0) {
        const char *owner = user_name(c, st.st_uid);

        return ctl_fail(c, CTL_UNAVAILABLE,
                        "the store in %s belongs to %s: run this as root, or "
                        "as %s",
                        c->setup.state, owner, owner);
    }

    return become(c, &st);
}


static ctl_exit_t
find_state(ctl_t *c, struct stat *st)
{
    if (c->setup.state == NULL) {
        return ctl_fail(c, CTL_UNAVAILABLE,
                        "gatehouse_store \"%s\" in %s is not a store this "
                        "tool can open; it knows lmdb:/DIRECTORY and "
                        "redis://HOST:PORT",
                        c->setup.store, c->conf_file);
    }

    if (stat(c->setup.state, st) == 0) {
        return CTL_DONE;
    }

    if (errno == ENOENT && c->setup.shared) {
        st->st_uid = geteuid(); /* no gateway runs here: nobody to become */
        return CTL_DONE;
    }

    if (errno == ENOENT) {
        return ctl_fail(c, CTL_UNAVAILABLE,
                        "there is no store in %s yet: start nginx once with "
                        "%s",
                        c->setup.state, c->conf_file);
    }

    return ctl_fail(c, CTL_UNAVAILABLE, "%s: %s%s", c->setup.state,
                    strerror(errno),
                    errno == EACCES ? "; run this as root, or as the user of "
                                      "the workers"
                                    : "");
}


/* A directory of root's is one that nginx has not been started with, unless
 * its workers are root's, too. */
static ctl_exit_t
refuse_root(const ctl_t *c)
{
    if (c->setup.user != NULL && strcmp(c->setup.user, "root") == 0) {
        return CTL_DONE;
    }

    return ctl_fail(c, CTL_UNAVAILABLE,
                    "%s still belongs to root: start nginx once with %s, "
                    "which gives it to the user of its workers",
                    c->setup.state, c->conf_file);
}


static ctl_exit_t
become(ctl_t *c, const struct stat *st)
{
    const struct passwd *pw = getpwuid(st->st_uid);
    gid_t gid = st->st_gid;
    int failed =
        pw != NULL ? initgroups(pw->pw_name, gid) : setgroups(1, &gid);

    if (failed != 0 || setgid(gid) != 0 || setuid(st->st_uid) != 0
        || geteuid() != st->st_uid)
    {
        return ctl_fail(
            c, CTL_UNAVAILABLE, "cannot become %s, who owns %s: %s",
            user_name(c, st->st_uid), c->setup.state, strerror(errno));
    }

    return CTL_DONE;
}


static const char *
user_name(ctl_t *c, uid_t uid)
{
    const struct passwd *pw = getpwuid(uid);

    return pw != NULL ? ctl_copy(&c->arena, gh_str(pw->pw_name))
                      : ctl_text(&c->arena, "uid %u", (unsigned) uid);
}


/* Behind sudo the one who typed it; anybody else may not say who he is. */
static const char *
find_who(ctl_t *c)
{
    const char *sudo = getuid() == 0 ? getenv("SUDO_USER") : NULL;

    return sudo != NULL && sudo[0] != '\0' ? ctl_plain(c, gh_str(sudo))
                                           : user_name(c, getuid());
}


ctl_exit_t
ctl_store_read_secrets(ctl_t *c)
{
    ctl_exit_t rc = CTL_DONE;

    for (size_t i = 0; i < c->setup.n_secrets && rc == CTL_DONE; i++) {
        rc = ctl_store_read_secret(c, c->setup.secrets[i], &c->secret);
    }

    return rc;
}


/* The master makes it at its first start; two makers would make two. */
static ctl_exit_t
read_made_secret(ctl_t *c)
{
    const char *path = ctl_text(&c->arena, "%s/root.key", c->setup.state);

    if (access(path, F_OK) != 0 && errno == ENOENT) {
        return ctl_fail(c, CTL_UNAVAILABLE,
                        "there is no root key in %s yet: start nginx once, "
                        "which makes it, or name one with gatehouse_secret",
                        c->setup.state);
    }

    return ctl_store_read_secret(c, path, &c->secret);
}


ctl_exit_t
ctl_store_read_secret(ctl_t *c, const char *path, gh_secret_t *secret)
{
    char text[SECRET_FILE_MAX];
    ssize_t n = -1;
    gh_rc_t rc = GH_UNAVAILABLE;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd != -1) {
        n = read(fd, text, sizeof(text));
    }

    if (n < 0) {
        ctl_exit_t failed =
            ctl_fail(c, CTL_UNAVAILABLE, "the root key %s cannot be read: %s",
                     path, strerror(errno));
        if (fd != -1) {
            (void) close(fd);
        }
        return failed;
    }

    (void) close(fd);

    rc = gh_secret_add(secret, (gh_str_t){ text, (size_t) n });
    OPENSSL_cleanse(text, sizeof(text));

    if (rc != GH_OK) {
        return ctl_fail(c, CTL_UNAVAILABLE,
                        "the root key %s holds less than 32 bytes of secret; "
                        "make one with: openssl rand -hex 32",
                        path);
    }

    return CTL_DONE;
}


gh_rc_t
ctl_store_read(ctl_t *c, gh_kind_t kind, gh_str_t name, gh_str_t *value,
               uint64_t *version)
{
    char small[2048];
    gh_buf_t out = GH_BUF(small);
    size_t need = 0;
    gh_rc_t rc = ctl_store_get(c, kind, name, &out, version, &need);

    *value = (gh_str_t){ NULL, 0 };

    while (rc == GH_TOO_LONG && need > out.cap) {
        out = (gh_buf_t){ ctl_alloc(&c->arena, need), 0, need };
        rc = ctl_store_get(c, kind, name, &out, version, &need);
    }

    if (rc == GH_ABSENT) {
        *version = 0;
    }

    if (rc == GH_OK) {
        *value = (gh_str_t){ ctl_copy(&c->arena, gh_buf_str(&out)), out.len };
    }

    return rc;
}


bool
ctl_store_has(const ctl_t *c, gh_kind_t kind, gh_str_t name)
{
    char none[1];
    gh_buf_t out = { none, 0, 0 };
    uint64_t version;
    size_t need;

    return ctl_store_get(c, kind, name, &out, &version, &need) != GH_ABSENT;
}


ctl_exit_t
ctl_store_failed(const ctl_t *c, gh_kind_t kind, gh_str_t name)
{
    gh_str_t word = gh_kind_word(kind);

    return ctl_fail(c, CTL_UNAVAILABLE,
                    "the store's record of %.*s \"%.*s\" is damaged or "
                    "cannot be read; restore %s from a backup",
                    (int) word.len, word.data, (int) name.len, name.data,
                    c->redis != NULL ? "Redis" : c->setup.state);
}
