/*
 * Opening the two sides of a copy: Redis first, while this process may still
 * read passwords and certificates, then the directory as its owner.
 */

#include "side.h"
#include "gh_lmdb_users.h"
#include "setup_redis.h"
#include "store.h"
#include "store_redis.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>


static ctl_exit_t connect_redis(ctl_t *c, ctl_side_t *side);
static ctl_exit_t open_directory(ctl_t *c, ctl_side_t *side);
static ctl_exit_t prepare(ctl_t *c, const ctl_side_t *side);


ctl_exit_t
ctl_side_parse(ctl_t *c, const char *words, bool target, ctl_side_t *out)
{
    const gh_redis_place_t *place = &out->setup.redis;

    memset(out, 0, sizeof(*out));
    out->words = words;
    out->target = target;
    ctl_setup_store(&c->arena, &c->setup, words, &out->setup);

    if (out->setup.shared && strncmp(words, "redis=", 6) == 0
        && !ctl_setup_has_redis(&c->setup, words + 6))
    {
        return ctl_fail(c, CTL_USAGE, "%s has no gatehouse_redis \"%s\"",
                        c->conf_file, words + 6);
    }

    if (out->setup.state == NULL
        || (out->setup.shared && place->path == NULL
            && (place->host == NULL || place->host[0] == '\0')
            && strncmp(words, "redis=", 6) != 0))
    {
        return ctl_fail(c, CTL_USAGE,
                        "\"%s\" is no store; write lmdb:/DIRECTORY, "
                        "redis://HOST:PORT, or redis=NAME of a "
                        "gatehouse_redis in %s",
                        words, c->conf_file);
    }

    return CTL_DONE;
}


ctl_exit_t
ctl_side_open(ctl_t *c, ctl_side_t *from, ctl_side_t *to)
{
    ctl_side_t *sides[] = { from, to };
    ctl_side_t *directory = NULL;
    ctl_exit_t rc = ctl_store_read_secrets(c);

    for (size_t i = 0; i < 2 && rc == CTL_DONE; i++) {
        if (sides[i] == NULL) {
            continue;
        }

        if (sides[i]->setup.shared) {
            rc = connect_redis(c, sides[i]);
        } else {
            directory = sides[i];
        }
    }

    if (rc != CTL_DONE) {
        return rc;
    }

    /* from here on it is the store that the tool works in */

    if (directory == NULL && from == NULL) {
        return CTL_DONE;
    }

    c->setup = directory != NULL ? directory->setup : from->setup;

    return directory != NULL ? open_directory(c, directory)
                             : ctl_store_become_owner(c);
}


static ctl_exit_t
connect_redis(ctl_t *c, ctl_side_t *side)
{
    char why[GH_LMDB_WHY] = "";
    ctl_exit_t rc;

    if (c->setup.n_secrets == 0) {
        return ctl_fail(
            c, CTL_UNAVAILABLE,
            "a store in Redis needs a root key: name it with gatehouse_secret "
            "in %s; that of an embedded store is root.key in its directory, "
            "and issued keys need it as long as they live",
            c->conf_file);
    }

    rc = ctl_store_connect(c, &side->setup, side->target, &side->redis);

    if (rc == CTL_DONE
        && gh_redis_bulk_begin(side->redis, &side->bulk, why) != GH_OK)
    {
        rc = ctl_fail(c, CTL_UNAVAILABLE, "%s cannot be used: %s", side->words,
                      why);
    }

    return rc;
}


static ctl_exit_t
open_directory(ctl_t *c, ctl_side_t *side)
{
    char why[GH_LMDB_WHY];
    gh_lmdb_options_t o = { .directory = gh_str(side->setup.state),
                            .map_bytes = side->setup.map_bytes,
                            .uid = UINT32_MAX,
                            .gid = UINT32_MAX,
                            .read_only = !side->target && !side->writes };
    ctl_exit_t rc = side->target ? prepare(c, side) : CTL_DONE;

    if (rc == CTL_DONE) {
        rc = ctl_store_become_owner(c);
    }

    if (rc == CTL_DONE
        && gh_lmdb_open(&o, &side->db, why, sizeof(why)) != GH_OK) {
        rc = ctl_fail(c, CTL_UNAVAILABLE, "%s cannot be opened: %s",
                      side->words, why);
    }

    return rc;
}


/* As nginx would at its first start; whose it is to be stands there. */
static ctl_exit_t
prepare(ctl_t *c, const ctl_side_t *side)
{
    char why[GH_LMDB_WHY];
    const char *user = side->setup.user;
    const struct passwd *pw = NULL;
    struct stat st;
    gh_lmdb_options_t o = { .directory = gh_str(side->setup.state),
                            .uid = UINT32_MAX,
                            .gid = UINT32_MAX };

    if (stat(side->setup.state, &st) == 0 && st.st_uid != 0) {
        return CTL_DONE;
    }

    if (geteuid() == 0) {
        pw = user != NULL ? getpwnam(user) : NULL;

        if (pw == NULL) {
            return ctl_fail(c, CTL_UNAVAILABLE,
                            "%s is not there yet, and %s does not say who the "
                            "workers are: make it, owned by their user and "
                            "with mode 700",
                            side->setup.state, c->conf_file);
        }

        o.uid = pw->pw_uid;
        o.gid = pw->pw_gid;
    }

    if (gh_lmdb_prepare(&o, why, sizeof(why)) != GH_OK) {
        return ctl_fail(c, CTL_UNAVAILABLE, "%s cannot be used: %s",
                        side->words, why);
    }

    return CTL_DONE;
}


ctl_exit_t
ctl_side_root_key(ctl_t *c, const ctl_side_t *side)
{
    if (c->secret.n > 0 || side->db == NULL) {
        return CTL_DONE;
    }

    return ctl_store_read_secret(
        c, ctl_text(&c->arena, "%s/root.key", side->setup.state), &c->secret);
}


void
ctl_side_close(ctl_side_t *side)
{
    gh_lmdb_close(side->db);
    gh_redis_client_close(side->redis);
    side->db = NULL;
    side->redis = NULL;
}


bool
ctl_side_workers(ctl_t *c, ctl_side_t *side, unsigned *n)
{
    char why[GH_LMDB_WHY] = "its table of readers cannot be read";
    uint64_t listeners = 0;
    gh_rc_t rc;

    *n = 0;

    if (side->redis != NULL) {
        rc = gh_redis_bulk_listeners(&side->bulk, &listeners, why);
        *n = (unsigned) listeners;
    } else {
        rc = gh_lmdb_users(side->db, n);
    }

    if (rc != GH_OK) {
        (void) ctl_fail(c, CTL_UNAVAILABLE, "%s: %s", side->words, why);
    }

    return rc == GH_OK;
}
