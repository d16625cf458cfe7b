/*
 * Reading from the embedded store: a read renews the one read transaction,
 * copies out and resets it, so that no page stays pinned.
 */

#include "gh_lmdb_inside.h"


/* What a walk over the records of a kind shows: one of the two. */
typedef struct {
    bool (*each)(void *ctx, gh_str_t name, gh_str_t value, uint64_t version);
    bool (*name)(void *ctx, gh_str_t name);
    void *ctx;
} walk_t;


static gh_rc_t walk(gh_lmdb_t *db, gh_kind_t kind, gh_str_t after,
                    const walk_t *w);
static bool show(const walk_t *w, gh_kind_t kind, gh_str_t name, MDB_val raw);
static gh_rc_t read_stored(gh_lmdb_t *db, gh_kind_t kind, gh_str_t name,
                           gh_lmdb_stored_t *stored);


bool
gh_lmdb_broken(const gh_lmdb_t *db)
{
    return atomic_load(&db->broken);
}


int
gh_lmdb_look(gh_lmdb_t *db)
{
    int err;

    if (db->looking++ > 0) {
        return 0;
    }

    if (db->look == NULL) {
        err = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &db->look);
    } else {
        err = mdb_txn_renew(db->look);
    }

    if (err != 0) {
        db->looking--;
        (void) gh_lmdb_failed(db, err, NULL, 0);
    }

    return err;
}


void
gh_lmdb_look_end(gh_lmdb_t *db)
{
    if (--db->looking == 0) {
        mdb_txn_reset(db->look);
    }
}


gh_rc_t
gh_lmdb_read(gh_lmdb_t *db, gh_kind_t kind, gh_str_t name, int64_t now_s,
             gh_buf_t *out, gh_lmdb_record_t *record)
{
    gh_lmdb_stored_t stored = { 0 };
    gh_rc_t rc;

    *record = (gh_lmdb_record_t){ 0 };

    if (!gh_kind_valid(kind) || name.len == 0 || name.len > GH_STORE_NAME_MAX)
    {
        return GH_INVALID;
    }

    if (gh_lmdb_look(db) != 0) {
        return GH_UNAVAILABLE;
    }

    rc = read_stored(db, kind, name, &stored);

    if (rc == GH_OK && stored.expires_at_s != 0
        && now_s >= stored.expires_at_s) {
        rc = GH_ABSENT;
    }

    if (rc == GH_OK) {
        record->version = stored.version;
        record->expires_at_s = stored.expires_at_s;
        record->need = stored.value.len;
        rc = gh_buf_add(out, stored.value);
    }

    gh_lmdb_look_end(db);

    return rc;
}


static gh_rc_t
read_stored(gh_lmdb_t *db, gh_kind_t kind, gh_str_t name,
            gh_lmdb_stored_t *stored)
{
    gh_lmdb_key_t at;
    MDB_val key, raw;
    int err;

    gh_lmdb_record_key(kind, name, &at);
    key = gh_lmdb_val(&at);

    err = mdb_get(db->look, db->records, &key, &raw);

    if (err == MDB_NOTFOUND) {
        return GH_ABSENT;
    }

    return err == 0 ? gh_lmdb_stored_parse(kind, name, raw, stored)
                    : gh_lmdb_failed(db, err, NULL, 0);
}


gh_rc_t
gh_lmdb_get(gh_lmdb_t *db, gh_kind_t kind, gh_str_t name, int64_t now_s,
            gh_buf_t *out, uint64_t *version, size_t *need)
{
    gh_lmdb_record_t record;
    gh_rc_t rc = gh_lmdb_read(db, kind, name, now_s, out, &record);

    if (version != NULL) {
        *version = record.version;
    }

    if (need != NULL) {
        *need = record.need;
    }

    return rc;
}


gh_rc_t
gh_lmdb_each(gh_lmdb_t *db, gh_kind_t kind, gh_str_t after,
             bool (*each)(void *ctx, gh_str_t name, gh_str_t value,
                          uint64_t version),
             void *ctx)
{
    walk_t w = { .each = each, .ctx = ctx };

    return walk(db, kind, after, &w);
}


gh_rc_t
gh_lmdb_names(gh_lmdb_t *db, gh_kind_t kind,
              bool (*each)(void *ctx, gh_str_t name), void *ctx)
{
    walk_t w = { .name = each, .ctx = ctx };

    return walk(db, kind, GH_STR(""), &w);
}


static gh_rc_t
walk(gh_lmdb_t *db, gh_kind_t kind, gh_str_t after, const walk_t *w)
{
    gh_lmdb_key_t at;
    MDB_cursor *cursor;
    MDB_val key, raw;
    int err;

    if (!gh_kind_valid(kind) || after.len > GH_STORE_NAME_MAX) {
        return GH_INVALID;
    }

    if (gh_lmdb_look(db) != 0) {
        return GH_UNAVAILABLE;
    }

    gh_lmdb_record_key(kind, after, &at);
    key = gh_lmdb_val(&at);

    err = mdb_cursor_open(db->look, db->records, &cursor);

    if (err == 0) {
        err = mdb_cursor_get(cursor, &key, &raw, MDB_SET_RANGE);

        while (err == 0 && key.mv_size > 1
               && *(unsigned char *) key.mv_data == (unsigned char) kind)
        {
            gh_str_t name = { (char *) key.mv_data + 1, key.mv_size - 1 };

            if (gh_str_cmp(name, after) > 0 && !show(w, kind, name, raw)) {
                break;
            }

            err = mdb_cursor_get(cursor, &key, &raw, MDB_NEXT);
        }

        mdb_cursor_close(cursor);
    }

    gh_lmdb_look_end(db);

    return err == 0 || err == MDB_NOTFOUND ? GH_OK
                                           : gh_lmdb_failed(db, err, NULL, 0);
}


/* False: enough. */
static bool
show(const walk_t *w, gh_kind_t kind, gh_str_t name, MDB_val raw)
{
    gh_lmdb_stored_t stored;

    if (w->name != NULL) {
        return w->name(w->ctx, name);
    }

    return w->each == NULL
           || gh_lmdb_stored_parse(kind, name, raw, &stored) != GH_OK
           || w->each(w->ctx, name, stored.value, stored.version);
}


gh_rc_t
gh_lmdb_stats(gh_lmdb_t *db, gh_lmdb_stats_t *out)
{
    MDB_envinfo info;
    MDB_stat stat;
    int err = gh_lmdb_look(db);

    memset(out, 0, sizeof(*out));

    if (err != 0) {
        return GH_UNAVAILABLE;
    }

    err = mdb_env_info(db->env, &info);

    if (err == 0) {
        err = mdb_stat(db->look, db->records, &stat);
    }

    if (err == 0) {
        err = gh_lmdb_last_sequence(db, db->look, &out->sequence);
    }

    gh_lmdb_look_end(db);

    if (err != 0) {
        return gh_lmdb_failed(db, err, NULL, 0);
    }

    out->map_bytes = info.me_mapsize;
    out->used_bytes = (uint64_t) (info.me_last_pgno + 1) * db->page_bytes;
    out->records = stat.ms_entries;
    out->readers = info.me_numreaders;
    out->readers_max = info.me_maxreaders;

    return GH_OK;
}
