/*
 * The change log: lines numbered from 1 without gaps, appended in the same
 * transaction as the record that they tell of, and cut off at its old end.
 */

#include "gh_lmdb_inside.h"


#define LINE_LEN 12 /* kind 4, hash of the name 8; big endian */


static gh_rc_t read_lines(gh_lmdb_t *db, MDB_cursor *cursor, uint64_t since,
                          gh_store_change_t *out, size_t n, size_t *got);
static int parse_line(MDB_val key, MDB_val raw, gh_store_change_t *line);
static MDB_val sequence_key(uint64_t sequence, unsigned char bytes[8]);


int
gh_lmdb_last_sequence(gh_lmdb_t *db, MDB_txn *txn, uint64_t *sequence)
{
    MDB_val key, raw;
    MDB_cursor *cursor;
    int err = mdb_cursor_open(txn, db->changes, &cursor);

    *sequence = 0;

    if (err != 0) {
        return err;
    }

    err = mdb_cursor_get(cursor, &key, &raw, MDB_LAST);

    if (err == 0) {
        if (key.mv_size == 8) {
            *sequence = gh_lmdb_get_u64(key.mv_data);
        } else {
            err = MDB_CORRUPTED;
        }
    }

    mdb_cursor_close(cursor);

    return err == MDB_NOTFOUND ? 0 : err;
}


int
gh_lmdb_log(gh_lmdb_t *db, MDB_txn *txn, uint64_t *sequence, gh_kind_t kind,
            gh_str_t name)
{
    unsigned char at[8], line[LINE_LEN] = { 0, 0, 0, (unsigned char) kind };
    MDB_val key = sequence_key(*sequence + 1, at);
    MDB_val raw = { sizeof(line), line };
    int err;

    gh_lmdb_put_u64(line + 4, gh_store_name_hash(kind, name));

    err = mdb_put(txn, db->changes, &key, &raw, MDB_APPEND);

    if (err == 0) {
        (*sequence)++;
    }

    return err;
}


int
gh_lmdb_log_trim(gh_lmdb_t *db, MDB_txn *txn, uint64_t sequence)
{
    MDB_val key, raw;
    MDB_cursor *cursor;
    int err;

    if (sequence <= GH_LMDB_LOG_KEPT) {
        return 0;
    }

    err = mdb_cursor_open(txn, db->changes, &cursor);
    if (err != 0) {
        return err;
    }

    for (;;) {
        err = mdb_cursor_get(cursor, &key, &raw, MDB_FIRST);

        if (err != 0 || key.mv_size != 8
            || gh_lmdb_get_u64(key.mv_data) > sequence - GH_LMDB_LOG_KEPT)
        {
            break;
        }

        err = mdb_cursor_del(cursor, 0);
        if (err != 0) {
            break;
        }
    }

    mdb_cursor_close(cursor);

    return err == MDB_NOTFOUND ? 0 : err;
}


gh_rc_t
gh_lmdb_sequence(gh_lmdb_t *db, uint64_t *sequence)
{
    int err;

    *sequence = 0;

    if (gh_lmdb_look(db) != 0) {
        return GH_UNAVAILABLE;
    }

    err = gh_lmdb_last_sequence(db, db->look, sequence);

    gh_lmdb_look_end(db);

    return err == 0 ? GH_OK : gh_lmdb_failed(db, err, NULL, 0);
}


gh_rc_t
gh_lmdb_changes(gh_lmdb_t *db, uint64_t since, gh_store_change_t *out,
                size_t n, size_t *got)
{
    MDB_cursor *cursor;
    uint64_t last;
    gh_rc_t rc = GH_OK;
    int err;

    *got = 0;

    if (gh_lmdb_look(db) != 0) {
        return GH_UNAVAILABLE;
    }

    err = gh_lmdb_last_sequence(db, db->look, &last);

    if (err == 0 && since > last) {
        rc = GH_ABSENT;

    } else if (err == 0 && since < last) {
        err = mdb_cursor_open(db->look, db->changes, &cursor);

        if (err == 0) {
            rc = read_lines(db, cursor, since, out, n, got);
            mdb_cursor_close(cursor);
        }
    }

    gh_lmdb_look_end(db);

    return err == 0 ? rc : gh_lmdb_failed(db, err, NULL, 0);
}


static gh_rc_t
read_lines(gh_lmdb_t *db, MDB_cursor *cursor, uint64_t since,
           gh_store_change_t *out, size_t n, size_t *got)
{
    unsigned char at[8];
    MDB_val key = sequence_key(since + 1, at), raw;
    int err = mdb_cursor_get(cursor, &key, &raw, MDB_SET_RANGE);

    while (err == 0 && *got < n) {
        err = parse_line(key, raw, &out[*got]);

        /* also when the first of them has been trimmed */
        if (err == 0 && out[*got].sequence != since + 1 + *got) {
            return GH_ABSENT;
        }

        if (err == 0) {
            (*got)++;
            err = mdb_cursor_get(cursor, &key, &raw, MDB_NEXT);
        }
    }

    return err == 0 || err == MDB_NOTFOUND ? GH_OK
                                           : gh_lmdb_failed(db, err, NULL, 0);
}


static int
parse_line(MDB_val key, MDB_val raw, gh_store_change_t *line)
{
    const unsigned char *bytes = raw.mv_data;

    if (key.mv_size != 8 || raw.mv_size != LINE_LEN) {
        return MDB_CORRUPTED;
    }

    line->sequence = gh_lmdb_get_u64(key.mv_data);
    line->kind = (gh_kind_t) bytes[3]; /* of a newer release: any number */
    line->name_hash = gh_lmdb_get_u64(bytes + 4);

    return 0;
}


static MDB_val
sequence_key(uint64_t sequence, unsigned char bytes[8])
{
    gh_lmdb_put_u64(bytes, sequence);

    return (MDB_val){ 8, bytes };
}
