/*
 * One store or the other: what a command asks goes to LMDB or to Redis. The
 * password of Redis is read, like the root key, as whoever started the tool.
 */

#include "store.h"
#include "store_redis.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <time.h>
#include <unistd.h>

#define PASSWORD_MAX 4096


typedef struct {
    bool (*each)(void *ctx, gh_str_t name);
    void *ctx;
} names_t;


static ctl_exit_t read_password(ctl_t *c, const char *path, char *text);
static bool name_only(void *ctx, gh_str_t name, gh_str_t value,
                      uint64_t version);


ctl_exit_t
ctl_store_open_redis(ctl_t *c)
{
    ctl_exit_t rc = ctl_store_read_secrets(c);

    if (rc == CTL_DONE && c->setup.n_secrets == 0) {
        rc = ctl_fail(c, CTL_UNAVAILABLE,
                      "a store in Redis needs a root key: name it with "
                      "gatehouse_secret in %s",
                      c->conf_file);
    }

    if (rc == CTL_DONE) {
        rc = ctl_store_connect(c, &c->setup, false, &c->redis);
    }

    return rc == CTL_DONE ? ctl_store_become_owner(c) : rc;
}


/* Certificates are read by whoever owns them: before becoming somebody else.
 */
ctl_exit_t
ctl_store_connect(ctl_t *c, const ctl_setup_t *setup, bool first,
                  gh_redis_client_t **out)
{
    char why[GH_LMDB_WHY] = "no memory";
    char password[PASSWORD_MAX] = "", asking[PASSWORD_MAX] = "";
    gh_redis_place_t place = setup->redis;
    gh_redis_place_t sentinels[GH_REDIS_SENTINELS_MAX];
    ctl_exit_t rc = CTL_DONE;
    gh_rc_t opened;

    place.first = first;

    memcpy(sentinels, setup->sentinels, sizeof(sentinels));
    place.sentinels = sentinels;
    place.n_sentinels = setup->n_sentinels;

    if (place.host == NULL && place.path == NULL
        && (place.n_sentinels == 0 || place.primary == NULL))
    {
        return ctl_fail(c, CTL_UNAVAILABLE,
                        "%s does not say where Redis is: gatehouse_redis "
                        "names no server, and no sentinel and primary",
                        c->conf_file);
    }

    if (setup->redis_password != NULL) {
        rc = read_password(c, setup->redis_password, password);
        place.password = password;
    }

    if (rc == CTL_DONE && setup->sentinel_password != NULL) {
        rc = read_password(c, setup->sentinel_password, asking);
    }

    for (size_t i = 0;
         setup->sentinel_password != NULL && i < place.n_sentinels; i++)
    {
        sentinels[i].password = asking;
    }

    opened = rc == CTL_DONE
                 ? gh_redis_client_open(&place, &c->secret, out, why)
                 : GH_INVALID;
    OPENSSL_cleanse(password, sizeof(password));
    OPENSSL_cleanse(asking, sizeof(asking));

    if (rc != CTL_DONE) {
        return rc;
    }

    return opened == GH_OK ? CTL_DONE
                           : ctl_fail(c, CTL_UNAVAILABLE,
                                      "the store cannot be opened: %s", why);
}


static ctl_exit_t
read_password(ctl_t *c, const char *path, char *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t n = fd == -1 ? -1 : read(fd, text, PASSWORD_MAX - 1);

    if (n < 0) {
        ctl_exit_t failed =
            ctl_fail(c, CTL_UNAVAILABLE,
                     "the password of Redis in %s cannot be read: %s", path,
                     strerror(errno));
        if (fd != -1) {
            (void) close(fd);
        }
        return failed;
    }

    (void) close(fd);

    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r')) {
        n--;
    }

    text[n] = '\0';

    return CTL_DONE;
}


gh_rc_t
ctl_store_get(const ctl_t *c, gh_kind_t kind, gh_str_t name, gh_buf_t *out,
              uint64_t *version, size_t *need)
{
    if (c->redis != NULL) {
        return gh_redis_client_get(c->redis, kind, name, out, version, need);
    }

    return gh_lmdb_get(c->db, kind, name, (int64_t) time(NULL), out, version,
                       need);
}


gh_rc_t
ctl_store_write(ctl_t *c, gh_write_t *batch, size_t n, char *why)
{
    return c->redis != NULL ? gh_redis_client_write(c->redis, batch, n, why)
                            : gh_lmdb_write(c->db, batch, n, why, GH_LMDB_WHY);
}


gh_rc_t
ctl_store_each(ctl_t *c, gh_kind_t kind,
               bool (*each)(void *ctx, gh_str_t name, gh_str_t value,
                            uint64_t version),
               void *ctx)
{
    return c->redis != NULL ? gh_redis_client_each(c->redis, kind, each, ctx)
                            : gh_lmdb_each(c->db, kind, GH_STR(""), each, ctx);
}


gh_rc_t
ctl_store_names(ctl_t *c, gh_kind_t kind,
                bool (*each)(void *ctx, gh_str_t name), void *ctx)
{
    names_t names = { each, ctx };

    return c->redis != NULL
               ? gh_redis_client_each(c->redis, kind, name_only, &names)
               : gh_lmdb_names(c->db, kind, each, ctx);
}


static bool
name_only(void *ctx, gh_str_t name, gh_str_t value, uint64_t version)
{
    const names_t *names = ctx;

    (void) value;
    (void) version;

    return names->each(names->ctx, name);
}


void
ctl_store_sequence(ctl_t *c)
{
    if (c->redis != NULL) {
        (void) gh_redis_client_sequence(c->redis, &c->sequence);
    } else {
        (void) gh_lmdb_sequence(c->db, &c->sequence);
    }
}
