/*
 * A transaction of the embedded store before its first write: the lock, a
 * file that is long enough, and how much room the map still has.
 */

#include "gh_lmdb_inside.h"


/*
 * Kept free for writes that must not fail because the map is full: what
 * deletes, revokes and suspends.
 */
#define RESERVE_PAGES 256


static int free_pages(gh_lmdb_t *db, size_t *pages);
static int count_free_list(gh_lmdb_t *db, size_t *pages);


int
gh_lmdb_batch_begin(gh_lmdb_t *db, gh_lmdb_batch_t *b, const gh_write_t *w,
                    size_t n)
{
    size_t pages = 64;
    int err = mdb_txn_begin(db->env, NULL, 0, &b->txn);

    if (err != 0) {
        return err;
    }

    b->db = db;
    b->version = (uint64_t) mdb_txn_id(b->txn) * GH_LMDB_BATCH_MAX;

    /* a write may touch a path in each table */
    for (size_t i = 0; i < n; i++) {
        pages += 16 + gh_lmdb_pages_of(db, &w[i]);
    }

    err = gh_lmdb_files_extend(db, pages);

    if (err == 0) {
        err = free_pages(db, &b->pages_free);
    }

    if (err == 0) {
        err = gh_lmdb_last_sequence(db, b->txn, &b->sequence);
    }

    if (err != 0) {
        mdb_txn_abort(b->txn);
    }

    return err;
}


static int
free_pages(gh_lmdb_t *db, size_t *pages)
{
    size_t map, left, reserve, listed = 0;
    MDB_envinfo info;
    int err = mdb_env_info(db->env, &info);

    if (err != 0) {
        return err;
    }

    map = info.me_mapsize / db->page_bytes;
    left = map - (info.me_last_pgno + 1);
    reserve = map / 8 < RESERVE_PAGES ? map / 8 : RESERVE_PAGES;

    /* the list may be long: read it only when it matters */
    if (left < map / 16 + 4 * reserve) {
        err = count_free_list(db, &listed);
    }

    left += listed;
    *pages = left > reserve ? left - reserve : 0;

    return err;
}


/* As mdb_stat does: each entry begins with how many pages it lists. */
static int
count_free_list(gh_lmdb_t *db, size_t *pages)
{
    MDB_cursor *cursor;
    MDB_val key, list;
    int err;

    err = gh_lmdb_tidy_look(db);
    if (err != 0) {
        return err;
    }

    err = mdb_cursor_open(db->tidy_look, 0, &cursor);

    if (err == 0) {
        while ((err = mdb_cursor_get(cursor, &key, &list, MDB_NEXT)) == 0) {
            size_t listed = 0;

            if (list.mv_size >= sizeof(listed)) {
                memcpy(&listed, list.mv_data, sizeof(listed));
            }
            *pages += listed;
        }

        mdb_cursor_close(cursor);
    }

    mdb_txn_reset(db->tidy_look);

    return err == MDB_NOTFOUND ? 0 : err;
}


int
gh_lmdb_tidy_look(gh_lmdb_t *db)
{
    if (db->tidy_look == NULL) {
        return mdb_txn_begin(db->env, NULL, MDB_RDONLY, &db->tidy_look);
    }

    return mdb_txn_renew(db->tidy_look);
}


size_t
gh_lmdb_pages_of(const gh_lmdb_t *db, const gh_write_t *w)
{
    return w->value.len / db->page_bytes + 2;
}
