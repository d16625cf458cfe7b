/*
 * Housekeeping of the embedded store: slots of readers that died, records
 * that have expired, and whether the file is still the one in the directory.
 */

#include "gh_lmdb_inside.h"


#define TIDY_MAX 1000


static int anything_expired(gh_lmdb_t *db, int64_t now_s, bool *any);
static int remove_expired(gh_lmdb_t *db, int64_t now_s);
static int remove_one(gh_lmdb_batch_t *b, MDB_val key);


gh_rc_t
gh_lmdb_tidy(gh_lmdb_t *db, int64_t now_s, int *cleared)
{
    bool any = false;
    int fd, err;

    *cleared = 0;

    if (mdb_env_get_fd(db->env, &fd) != 0
        || gh_lmdb_files_moved(db->directory, fd))
    {
        atomic_store(&db->broken, true);
        return GH_UNAVAILABLE;
    }

    err = mdb_reader_check(db->env, cleared);

    if (err == 0 && !db->read_only) {
        err = anything_expired(db, now_s, &any);
    }

    if (err == 0 && any) {
        err = remove_expired(db, now_s);
    }

    return err == 0 ? GH_OK : gh_lmdb_failed(db, err, NULL, 0);
}


/* Most calls find nothing, and need not wait for the writers' lock. */
static int
anything_expired(gh_lmdb_t *db, int64_t now_s, bool *any)
{
    MDB_cursor *cursor;
    MDB_val key, raw;
    int err;

    err = gh_lmdb_tidy_look(db);
    if (err != 0) {
        return err;
    }

    err = mdb_cursor_open(db->tidy_look, db->expiry, &cursor);

    if (err == 0) {
        err = mdb_cursor_get(cursor, &key, &raw, MDB_FIRST);

        *any = err == 0 && key.mv_size > 8
               && gh_lmdb_get_u64(key.mv_data) <= (uint64_t) now_s;

        mdb_cursor_close(cursor);
    }

    mdb_txn_reset(db->tidy_look);

    return err == MDB_NOTFOUND ? 0 : err;
}


static int
remove_expired(gh_lmdb_t *db, int64_t now_s)
{
    MDB_val key, raw;
    MDB_cursor *cursor;
    gh_lmdb_batch_t b;
    int err = gh_lmdb_batch_begin(db, &b, NULL, 0);

    if (err != 0) {
        return err;
    }

    for (unsigned i = 0; i < TIDY_MAX && err == 0; i++) {
        err = mdb_cursor_open(b.txn, db->expiry, &cursor);

        if (err == 0) {
            err = mdb_cursor_get(cursor, &key, &raw, MDB_FIRST);
            mdb_cursor_close(cursor);
        }

        if (err == 0 && key.mv_size < 10) {
            err = MDB_CORRUPTED;
        }

        if (err != 0 || gh_lmdb_get_u64(key.mv_data) > (uint64_t) now_s) {
            break;
        }

        err = remove_one(&b, key);
    }

    if (err == 0 || err == MDB_NOTFOUND) {
        err = gh_lmdb_log_trim(db, b.txn, b.sequence);
    }

    if (err != 0) {
        mdb_txn_abort(b.txn);
        return err;
    }

    return mdb_txn_commit(b.txn);
}


/* Takes the entry away, and the record if that is still when it expires. */
static int
remove_one(gh_lmdb_batch_t *b, MDB_val key)
{
    const unsigned char *bytes = key.mv_data;
    gh_lmdb_stored_t s = { 0 };
    unsigned char copy[8 + GH_LMDB_KEY_MAX];
    MDB_val of_record, raw;
    int err;

    if (key.mv_size > sizeof(copy)) {
        return MDB_CORRUPTED;
    }

    memcpy(copy, bytes, key.mv_size);
    key.mv_data = copy;
    of_record = (MDB_val){ key.mv_size - 8, copy + 8 };

    gh_kind_t kind = (gh_kind_t) copy[8];
    gh_str_t name = { (const char *) copy + 9, key.mv_size - 9 };

    err = mdb_get(b->txn, b->db->records, &of_record, &raw);

    if (err == 0 && gh_lmdb_stored_parse(kind, name, raw, &s) == GH_OK
        && (uint64_t) s.expires_at_s == gh_lmdb_get_u64(copy))
    {
        bool logged = (s.flags & GH_LMDB_LOGGED) != 0;

        err = mdb_del(b->txn, b->db->records, &of_record, NULL);

        if (err == 0 && logged) {
            err = gh_lmdb_log(b->db, b->txn, &b->sequence, kind, name);
        }
    }

    if (err == 0 || err == MDB_NOTFOUND) {
        err = mdb_del(b->txn, b->db->expiry, &key, NULL);
    }

    return err;
}
