/*
 * Opening the embedded store: a file that is truncated, foreign or of another
 * layout is found before anything reads it. Only the very first open of a
 * directory writes, and so needs the lock that writers share.
 */

#include "gh_lmdb_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>


#define MAP_BYTES (sizeof(size_t) > 4 ? (uint64_t) 16 << 30 : 1u << 30)
#define READERS_MAX 1024 /* two for each worker, old ones of reloads too */
#define TABLES 4


static gh_rc_t open_env(const gh_lmdb_options_t *o, gh_lmdb_t *db, char *why,
                        size_t why_len);
static int adopt_map(gh_lmdb_t *db, size_t map);
static gh_rc_t check_whole(gh_lmdb_t *db, char *why, size_t why_len);
static gh_rc_t open_tables(gh_lmdb_t *db, char *why, size_t why_len);
static int open_each_table(gh_lmdb_t *db, MDB_txn *txn, unsigned flags);
static gh_rc_t make_tables(gh_lmdb_t *db, char *why, size_t why_len);
static gh_rc_t check_layout(gh_lmdb_t *db, MDB_txn *txn, char *why,
                            size_t why_len);


gh_rc_t
gh_lmdb_open(const gh_lmdb_options_t *o, gh_lmdb_t **out, char *why,
             size_t why_len)
{
    uint64_t sequence;
    gh_lmdb_t *db;
    gh_rc_t rc;

    *out = NULL;
    why[0] = '\0';

    if (o->directory.len == 0 || o->directory.len >= PATH_MAX) {
        (void) snprintf(why, why_len,
                        "the store's directory has no name, or "
                        "one that is too long");
        return GH_INVALID;
    }

    db = calloc(1, sizeof(*db));
    if (db == NULL) {
        (void) snprintf(why, why_len, "no memory to open the store");
        return GH_UNAVAILABLE;
    }

    memcpy(db->directory, o->directory.data, o->directory.len);
    db->read_only = o->read_only;

    rc = gh_lmdb_files_check(o, db->directory, why, why_len);

    if (rc == GH_OK) {
        rc = open_env(o, db, why, why_len);
    }

    if (rc == GH_OK) {
        rc = check_whole(db, why, why_len);
    }

    if (rc == GH_OK) {
        rc = open_tables(db, why, why_len);
    }

    if (rc == GH_OK && gh_lmdb_sequence(db, &sequence) != GH_OK) {
        rc = gh_lmdb_failed(db, MDB_CORRUPTED, why, why_len);
    }

    if (rc == GH_OK && !o->read_only) {
        rc = gh_lmdb_files_stamp(db->directory, why, why_len);
    }

    if (rc != GH_OK) {
        gh_lmdb_close(db);
        return rc;
    }

    *out = db;

    return GH_OK;
}


static gh_rc_t
open_env(const gh_lmdb_options_t *o, gh_lmdb_t *db, char *why, size_t why_len)
{
    uint64_t map = o->map_bytes == 0 ? MAP_BYTES : o->map_bytes;
    long page = sysconf(_SC_PAGESIZE);
    char path[PATH_MAX + 32];
    struct stat st;
    int err;

    (void) snprintf(path, sizeof(path), "%s/data.mdb", db->directory);

    if (o->read_only && stat(path, &st) != 0) {
        (void) snprintf(why, why_len, "there is no store in %.160s yet",
                        db->directory);
        return GH_UNAVAILABLE;
    }

    map = (map + (uint64_t) page - 1) / (uint64_t) page * (uint64_t) page;

    err = mdb_env_create(&db->env);

    if (err == 0) {
        err = mdb_env_set_maxdbs(db->env, TABLES);
    }

    if (err == 0) {
        err = mdb_env_set_maxreaders(db->env, READERS_MAX);
    }

    if (err == 0) {
        err = mdb_env_set_mapsize(db->env, (size_t) map);
    }

    if (err == 0) {
        err = mdb_env_open(db->env, db->directory, MDB_NOTLS | MDB_NORDAHEAD,
                           0600);
    }

    if (err == ENOMEM) {
        (void) snprintf(why, why_len,
                        "no address space for a map of %llu MiB: give the "
                        "store a smaller size=, or raise the limit",
                        (unsigned long long) (map >> 20));
        return GH_UNAVAILABLE;
    }

    if (err == 0) {
        err = adopt_map(db, (size_t) map);
    }

    return err == 0 ? GH_OK : gh_lmdb_failed(db, err, why, why_len);
}


/* The largest size that anybody gave the store: a process with a smaller map
 * could not follow the others. */
static int
adopt_map(gh_lmdb_t *db, size_t map)
{
    MDB_envinfo info;
    int err = mdb_env_set_mapsize(db->env, 0);

    if (err == 0) {
        err = mdb_env_info(db->env, &info);
    }

    if (err == 0 && info.me_mapsize < map) {
        err = mdb_env_set_mapsize(db->env, map);
    }

    return err;
}


static gh_rc_t
check_whole(gh_lmdb_t *db, char *why, size_t why_len)
{
    MDB_envinfo info;
    MDB_stat stat;
    struct stat st;
    int fd, err;

    err = mdb_env_stat(db->env, &stat);

    if (err == 0) {
        err = mdb_env_info(db->env, &info);
    }

    if (err == 0) {
        err = mdb_env_get_fd(db->env, &fd);
    }

    if (err == 0 && fstat(fd, &st) != 0) {
        err = errno;
    }

    if (err != 0) {
        return gh_lmdb_failed(db, err, why, why_len);
    }

    db->page_bytes = stat.ms_psize;

    uint64_t need = (uint64_t) (info.me_last_pgno + 1) * stat.ms_psize;

    if ((uint64_t) st.st_size < need) {
        (void) snprintf(why, why_len,
                        "%.120s/data.mdb is truncated: it has %llu bytes and "
                        "needs %llu: restore it from a backup",
                        db->directory, (unsigned long long) st.st_size,
                        (unsigned long long) need);
        return GH_INVALID;
    }

    return GH_OK;
}


static gh_rc_t
open_tables(gh_lmdb_t *db, char *why, size_t why_len)
{
    MDB_txn *txn;
    gh_rc_t rc;
    int err = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn);

    if (err != 0) {
        return gh_lmdb_failed(db, err, why, why_len);
    }

    err = open_each_table(db, txn, 0);

    if (err == MDB_NOTFOUND) {
        mdb_txn_abort(txn);
        return make_tables(db, why, why_len);
    }

    rc = err == 0 ? check_layout(db, txn, why, why_len)
                  : gh_lmdb_failed(db, err, why, why_len);

    /* a commit keeps the handles */
    err = mdb_txn_commit(txn);

    return rc == GH_OK && err != 0 ? gh_lmdb_failed(db, err, why, why_len)
                                   : rc;
}


static int
open_each_table(gh_lmdb_t *db, MDB_txn *txn, unsigned flags)
{
    int err = mdb_dbi_open(txn, "meta", flags, &db->meta);

    if (err == 0) {
        err = mdb_dbi_open(txn, "records", flags, &db->records);
    }

    if (err == 0) {
        err = mdb_dbi_open(txn, "changes", flags, &db->changes);
    }

    if (err == 0) {
        err = mdb_dbi_open(txn, "expiry", flags, &db->expiry);
    }

    return err;
}


static gh_rc_t
make_tables(gh_lmdb_t *db, char *why, size_t why_len)
{
    char text[] = { '0' + GH_LMDB_LAYOUT };
    char name[] = "layout";
    MDB_val key = { sizeof(name) - 1, name }, value = { sizeof(text), text };
    MDB_stat stat;
    MDB_txn *txn;
    int err;

    if (db->read_only) {
        (void) snprintf(why, why_len, "there is no store in %.160s yet",
                        db->directory);
        return GH_UNAVAILABLE;
    }

    err = mdb_txn_begin(db->env, NULL, 0, &txn);
    if (err != 0) {
        return gh_lmdb_failed(db, err, why, why_len);
    }

    /* somebody else may have made them meanwhile */
    err = open_each_table(db, txn, 0);

    if (err == 0) {
        gh_rc_t rc = check_layout(db, txn, why, why_len);

        err = mdb_txn_commit(txn);
        return rc == GH_OK && err != 0 ? gh_lmdb_failed(db, err, why, why_len)
                                       : rc;
    }

    if (err == MDB_NOTFOUND) {
        err = mdb_env_stat(db->env, &stat);
    }

    if (err == 0 && stat.ms_entries > 0) {
        mdb_txn_abort(txn);
        (void) snprintf(why, why_len,
                        "%.160s holds an LMDB file of another program: name "
                        "another directory",
                        db->directory);
        return GH_INVALID;
    }

    if (err == 0) {
        err = gh_lmdb_files_extend(db, 16);
    }

    if (err == 0) {
        err = open_each_table(db, txn, MDB_CREATE);
    }

    if (err == 0) {
        err = mdb_put(txn, db->meta, &key, &value, 0);
    }

    if (err != 0) {
        mdb_txn_abort(txn);
        return gh_lmdb_failed(db, err, why, why_len);
    }

    err = mdb_txn_commit(txn);

    return err == 0 ? GH_OK : gh_lmdb_failed(db, err, why, why_len);
}


static gh_rc_t
check_layout(gh_lmdb_t *db, MDB_txn *txn, char *why, size_t why_len)
{
    char name[] = "layout";
    MDB_val key = { sizeof(name) - 1, name }, value;
    uint64_t layout = 0;
    int err = mdb_get(txn, db->meta, &key, &value);

    if (err != 0 && err != MDB_NOTFOUND) {
        return gh_lmdb_failed(db, err, why, why_len);
    }

    if (err == 0) {
        (void) gh_str_to_u64((gh_str_t){ value.mv_data, value.mv_size },
                             UINT32_MAX, &layout);
    }

    if (layout == GH_LMDB_LAYOUT) {
        return GH_OK;
    }

    (void) snprintf(why, why_len,
                    "the store in %.120s has layout %llu, this Gatehouse "
                    "reads layout %d: use the version that made it, or "
                    "another directory",
                    db->directory, (unsigned long long) layout,
                    GH_LMDB_LAYOUT);

    return GH_INVALID;
}


void
gh_lmdb_close(gh_lmdb_t *db)
{
    if (db == NULL) {
        return;
    }

    if (db->look != NULL) {
        mdb_txn_abort(db->look);
    }

    if (db->tidy_look != NULL) {
        mdb_txn_abort(db->tidy_look);
    }

    if (db->env != NULL) {
        mdb_env_close(db->env);
    }

    free(db);
}
