/*
 * Processes that have the embedded store open, from LMDB's table of readers,
 * which LMDB itself shows as text only: one line each, the pid first.
 */

#include "gh_lmdb_users.h"
#include "gh_lmdb_inside.h"

#include <stdlib.h>
#include <unistd.h>

#define USERS_MAX 256


typedef struct {
    long pids[USERS_MAX];
    unsigned n;
} users_t;


static int add_line(const char *line, void *ctx);


gh_rc_t
gh_lmdb_users(gh_lmdb_t *db, unsigned *n)
{
    users_t users = { .n = 0 };
    int cleared;
    int err = mdb_reader_check(db->env, &cleared);

    *n = 0;

    if (err != 0) {
        return gh_lmdb_failed(db, err, NULL, 0);
    }

    if (mdb_reader_list(db->env, add_line, &users) < 0) {
        return GH_UNAVAILABLE;
    }

    *n = users.n;

    return GH_OK;
}


/* A worker has several slots; the heading and "(no ...)" begin otherwise. */
static int
add_line(const char *line, void *ctx)
{
    users_t *users = ctx;
    char *end;
    long pid = strtol(line, &end, 10);

    if (end == line || pid <= 0 || pid == (long) getpid()) {
        return 0;
    }

    for (unsigned i = 0; i < users->n; i++) {
        if (users->pids[i] == pid) {
            return 0;
        }
    }

    if (users->n < USERS_MAX) {
        users->pids[users->n++] = pid;
    }

    return 0;
}
