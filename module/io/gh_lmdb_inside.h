/*
 * What the gh_lmdb*.c files share and nobody else sees: the open store, its
 * four tables, and how keys and values lie in them.
 */

#ifndef GH_LMDB_INSIDE_H
#define GH_LMDB_INSIDE_H

#include <lmdb.h>
#include <limits.h>
#include <stdatomic.h>

#include "gh_lmdb.h"

#define GH_LMDB_LAYOUT 1

#define GH_LMDB_KEY_MAX (1 + GH_STORE_NAME_MAX)
#define GH_LMDB_HEAD_LEN 32 /* checksum, version, expiry, flags; 8 each */

#define GH_LMDB_LOGGED 1u /* flag: its expiry is a line of the change log */

/*
 * records  kind (1 byte), name → head, value
 * changes  sequence (8, big endian) → kind (4), hash of the name (8)
 * expiry   expires_at_s (8, big endian), key of the record → nothing
 * meta     "layout" → decimal
 */
struct gh_lmdb_s {
    MDB_env *env;
    MDB_dbi records, changes, expiry, meta;
    MDB_txn *look;      /* the reader's; reset between calls */
    unsigned looking;   /* calls of the reader inside one another */
    MDB_txn *tidy_look; /* the same for the thread that writes */
    size_t page_bytes;
    bool read_only;
    atomic_bool broken; /* by the reader and by the writer */
    char directory[PATH_MAX];
};

/* A record as it lies in the map; borrowed from the transaction. */
typedef struct {
    uint64_t version;
    int64_t expires_at_s; /* 0: never */
    uint64_t flags;
    gh_str_t value;
} gh_lmdb_stored_t;

typedef struct {
    unsigned char bytes[8 + GH_LMDB_KEY_MAX];
    size_t len;
} gh_lmdb_key_t;

/* A transaction that writes. */
typedef struct {
    gh_lmdb_t *db;
    MDB_txn *txn;
    uint64_t version;  /* of the last write */
    uint64_t sequence; /* of the last line */
    size_t pages_free; /* what is left before the reserve */
} gh_lmdb_batch_t;


void gh_lmdb_put_u64(unsigned char *to, uint64_t n); /* big endian */
uint64_t gh_lmdb_get_u64(const unsigned char *from);

/* name is at most GH_STORE_NAME_MAX. */
void gh_lmdb_record_key(gh_kind_t kind, gh_str_t name, gh_lmdb_key_t *key);
void gh_lmdb_expiry_key(int64_t at_s, const gh_lmdb_key_t *record,
                        gh_lmdb_key_t *key);
MDB_val gh_lmdb_val(const gh_lmdb_key_t *key);

/* GH_INVALID: too short, or the checksum (bound to the name) is wrong. */
gh_rc_t gh_lmdb_stored_parse(gh_kind_t kind, gh_str_t name, MDB_val raw,
                             gh_lmdb_stored_t *out);
/* raw has GH_LMDB_HEAD_LEN + value.len bytes. */
void gh_lmdb_stored_build(gh_kind_t kind, gh_str_t name,
                          const gh_lmdb_stored_t *s, MDB_val raw);

/*
 * Begins reading; ends it. May nest on the reader's thread. A result of
 * LMDB, 0 is good.
 */
int gh_lmdb_look(gh_lmdb_t *db);
void gh_lmdb_look_end(gh_lmdb_t *db);

/* The same for the thread that writes; ends with mdb_txn_reset. */
int gh_lmdb_tidy_look(gh_lmdb_t *db);

/* Waits for the writers' lock, with room in the file for what w may need. */
int gh_lmdb_batch_begin(gh_lmdb_t *db, gh_lmdb_batch_t *b, const gh_write_t *w,
                        size_t n);
/* At most so many pages for the value of one write. */
size_t gh_lmdb_pages_of(const gh_lmdb_t *db, const gh_write_t *w);

/* The last line's sequence as txn sees it; 0: none. */
int gh_lmdb_last_sequence(gh_lmdb_t *db, MDB_txn *txn, uint64_t *sequence);
/* Appends the line after *sequence and counts it. */
int gh_lmdb_log(gh_lmdb_t *db, MDB_txn *txn, uint64_t *sequence,
                gh_kind_t kind, gh_str_t name);
/* Removes lines that are too old. */
int gh_lmdb_log_trim(gh_lmdb_t *db, MDB_txn *txn, uint64_t sequence);

/*
 * Turns an error of LMDB or of the system into a result and a sentence;
 * marks the store broken if only opening again helps. db may be NULL.
 */
gh_rc_t gh_lmdb_failed(gh_lmdb_t *db, int err, char *why, size_t why_len);

/* Checks owner and mode of the directory and of what lies in it. */
gh_rc_t gh_lmdb_files_check(const gh_lmdb_options_t *o, const char *directory,
                            char *why, size_t why_len);
/* Says in the directory that a store lives there, durably. */
gh_rc_t gh_lmdb_files_stamp(const char *directory, char *why, size_t why_len);
/* True if directory/data.mdb is not the file behind fd. */
bool gh_lmdb_files_moved(const char *directory, int fd);

/* The file is long enough for `pages` more (it may be sparse). An errno. */
int gh_lmdb_files_extend(gh_lmdb_t *db, size_t pages);


#endif
