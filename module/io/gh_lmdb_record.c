/*
 * How keys and values lie in the store's tables, and what LMDB's errors mean
 * to an operator. The checksum finds damage, not forgery: it is SipHash under
 * a key made from kind and name, so a value does not hold under another name.
 */

#include "gh_lmdb_inside.h"
#include "gh_bytes.h"

#include <errno.h>
#include <stdio.h>


typedef struct {
    int err;
    gh_rc_t rc;
    bool broken; /* only opening again helps */
    const char *text;
} meaning_t;


static void put_checksum(gh_kind_t kind, gh_str_t name, const MDB_val *raw,
                         unsigned char to[8]);
static const meaning_t *meaning_of(int err);


static const meaning_t meanings[] = {
    { MDB_MAP_FULL, GH_FULL, false,
      "the store's map is full: give it a larger size=" },
    { ENOSPC, GH_FULL, false, "no space left on the store's disk: make room" },
    { EDQUOT, GH_FULL, false,
      "the disk quota of the store's owner is used up: make room" },
    { EFBIG, GH_FULL, false,
      "the store's file would exceed a file size limit: raise the limit" },
    { EIO, GH_UNAVAILABLE, false,
      "the store's disk does not write (full, or I/O errors: see the "
      "system's log)" },
    { EROFS, GH_UNAVAILABLE, false,
      "the store's file system is mounted read-only" },
    { EACCES, GH_UNAVAILABLE, false,
      "the store's files may not be opened by this user: their owner must be "
      "the user of the workers" },
    { MDB_READERS_FULL, GH_UNAVAILABLE, false,
      "too many processes have the store open" },
    { MDB_INVALID, GH_INVALID, true,
      "data.mdb is no LMDB file, or its head is damaged: restore it from a "
      "backup, or name another directory" },
    { MDB_INCOMPATIBLE, GH_INVALID, true,
      "data.mdb is an LMDB file of another program: name another directory" },
    { MDB_VERSION_MISMATCH, GH_INVALID, true,
      "data.mdb was made by another version of LMDB: restore it with "
      "mdb_dump and mdb_load" },
    { MDB_CORRUPTED, GH_INVALID, true,
      "data.mdb is damaged: restore it from a backup" },
    { MDB_PAGE_NOTFOUND, GH_INVALID, true,
      "data.mdb is damaged: restore it from a backup" },
    { MDB_PANIC, GH_UNAVAILABLE, true,
      "an earlier write failed half way; the store is opened again" },
    { MDB_MAP_RESIZED, GH_UNAVAILABLE, true,
      "another process gave the store a larger size=" },
    { MDB_BAD_RSLOT, GH_UNAVAILABLE, true,
      "another process took this one for dead; the store is opened again" },
    { MDB_BAD_TXN, GH_UNAVAILABLE, false, "the transaction failed earlier" },
};


void
gh_lmdb_put_u64(unsigned char *to, uint64_t n)
{
    for (unsigned i = 0; i < 8; i++) {
        to[i] = (unsigned char) (n >> (56 - 8 * i) & 0xff);
    }
}


uint64_t
gh_lmdb_get_u64(const unsigned char *from)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < 8; i++) {
        n = n << 8 | from[i];
    }

    return n;
}


void
gh_lmdb_record_key(gh_kind_t kind, gh_str_t name, gh_lmdb_key_t *key)
{
    key->bytes[0] = (unsigned char) kind;
    key->len = 1 + name.len;

    if (name.len > 0) {
        memcpy(key->bytes + 1, name.data, name.len);
    }
}


void
gh_lmdb_expiry_key(int64_t at_s, const gh_lmdb_key_t *record,
                   gh_lmdb_key_t *key)
{
    gh_lmdb_put_u64(key->bytes, (uint64_t) at_s);
    memcpy(key->bytes + 8, record->bytes, record->len);
    key->len = 8 + record->len;
}


MDB_val
gh_lmdb_val(const gh_lmdb_key_t *key)
{
    /* LMDB wants a pointer that it will not write through */
    union {
        const unsigned char *from;
        void *to;
    } bytes = { .from = key->bytes };

    return (MDB_val){ key->len, bytes.to };
}


gh_rc_t
gh_lmdb_stored_parse(gh_kind_t kind, gh_str_t name, MDB_val raw,
                     gh_lmdb_stored_t *out)
{
    const unsigned char *head = raw.mv_data;
    unsigned char checksum[8];

    if (raw.mv_size < GH_LMDB_HEAD_LEN) {
        return GH_INVALID;
    }

    put_checksum(kind, name, &raw, checksum);

    if (memcmp(head, checksum, sizeof(checksum)) != 0) {
        return GH_INVALID;
    }

    out->version = gh_lmdb_get_u64(head + 8);
    out->expires_at_s = (int64_t) gh_lmdb_get_u64(head + 16);
    out->flags = gh_lmdb_get_u64(head + 24);
    out->value = (gh_str_t){ (const char *) head + GH_LMDB_HEAD_LEN,
                             raw.mv_size - GH_LMDB_HEAD_LEN };

    return GH_OK;
}


void
gh_lmdb_stored_build(gh_kind_t kind, gh_str_t name, const gh_lmdb_stored_t *s,
                     MDB_val raw)
{
    unsigned char *head = raw.mv_data;

    gh_lmdb_put_u64(head + 8, s->version);
    gh_lmdb_put_u64(head + 16, (uint64_t) s->expires_at_s);
    gh_lmdb_put_u64(head + 24, s->flags);

    if (s->value.len > 0) {
        memcpy(head + GH_LMDB_HEAD_LEN, s->value.data, s->value.len);
    }

    put_checksum(kind, name, &raw, head);
}


static void
put_checksum(gh_kind_t kind, gh_str_t name, const MDB_val *raw,
             unsigned char to[8])
{
    gh_sipkey_t key = { UINT64_C(0x73746f7265000001),
                        gh_store_name_hash(kind, name) };
    gh_str_t covered = { (const char *) raw->mv_data + 8, raw->mv_size - 8 };

    gh_lmdb_put_u64(to, gh_siphash(&key, covered));
}


gh_rc_t
gh_lmdb_failed(gh_lmdb_t *db, int err, char *why, size_t why_len)
{
    const meaning_t *m = meaning_of(err);

    if (db != NULL && m != NULL && m->broken) {
        atomic_store(&db->broken, true);
    }

    if (why_len > 0) {
        (void) snprintf(why, why_len, "%s%s%.120s",
                        m == NULL ? mdb_strerror(err) : m->text,
                        db == NULL ? "" : ": ",
                        db == NULL ? "" : db->directory);
    }

    return m == NULL ? GH_UNAVAILABLE : m->rc;
}


static const meaning_t *
meaning_of(int err)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if (meanings[i].err == err) {
            return &meanings[i];
        }
    }

    return NULL;
}
