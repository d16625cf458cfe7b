/*
 * The embedded store on disk: LMDB behind plain, synchronous functions that
 * know nothing of nginx. Workers read in the loop and write on their writer
 * thread; the tool does both. Every value carries its own checksum; a
 * mutation and its line in the change log are one transaction.
 */

#ifndef GH_LMDB_H
#define GH_LMDB_H

#include "gh_store.h"

#define GH_LMDB_BATCH_MAX 4096 /* writes in one transaction */
#define GH_LMDB_LOG_KEPT 65536 /* lines of the change log */
#define GH_LMDB_WHY 300        /* room for a sentence of what is wrong */

typedef struct gh_lmdb_s gh_lmdb_t;

typedef struct {
    gh_str_t directory; /* made if missing: 0700, owned by uid/gid */
    size_t map_bytes;   /* 0: 16 GiB, sparse */
    unsigned uid, gid;  /* who the files must belong to; the tool becomes
                           them before it opens (UINT32_MAX: the caller) */
    bool read_only;     /* makes nothing, refuses writes */
} gh_lmdb_options_t;

typedef enum {
    GH_WRITE_PUT = 1, /* if_version: GH_VERSION_ANY, 0 (must be absent) or n */
    GH_WRITE_DELETE,  /* if_version: GH_VERSION_ANY or n; absent: GH_ABSENT */
    GH_WRITE_CLAIM,   /* name is free, or its claim has expired */
    GH_WRITE_TAKE     /* reservation: add n to a counter, at most to `limit` */
} gh_write_type_t;

/*
 * One mutation of a batch; results are written into it. All claimants of a
 * name give the same ttl_s: a claim that would last longer than twice that
 * was made before the clock was set back, and counts as expired. A counter's
 * expiry is that of its first TAKE; its value is decimal text.
 */
typedef struct {
    gh_write_type_t type;
    gh_kind_t kind;
    gh_str_t name, value;          /* borrowed until the batch returns */
    uint64_t if_version;           /* PUT, DELETE */
    bool log;                      /* append a line to the change log */
    int64_t now_s;                 /* UTC; 0: nothing has expired */
    int64_t ttl_s;                 /* CLAIM; PUT, TAKE: 0 never expires */
    uint64_t n, limit;             /* TAKE */
    uint64_t least;                /* TAKE: with less left, nothing is taken */
    const gh_store_lease_t *lease; /* TAKE of a rate; n: at most. Only where
                                      nodes share a store */
    unsigned group; /* neighbours of one group > 0 hold together: if
                             one is refused none of the group is done, and
                             the others are GH_CONFLICT */

    gh_rc_t rc;       /* OK, ABSENT (DELETE), CONFLICT, FULL, INVALID,
                         TOO_LONG, UNAVAILABLE */
    uint64_t version; /* after the write; grows, never used twice */
    uint64_t granted; /* TAKE: 0, least..n */
    uint64_t left;    /* TAKE: of the limit, after this; of a rate in
                         thousandths of a token */
} gh_write_t;

/* What a read tells beside the value. */
typedef struct {
    uint64_t version;
    int64_t expires_at_s; /* 0: never */
    size_t need;          /* bytes of the value */
} gh_lmdb_record_t;

typedef struct {
    uint64_t map_bytes, used_bytes, records, sequence;
    unsigned readers, readers_max;
} gh_lmdb_stats_t;


/*
 * Makes the directory if it is missing and gives it to its owner, or says in
 * *why what is wrong with it: not a directory, another owner, writable by
 * others. A directory of root's is given away only if it is empty. Opens
 * nothing: for a master process and for a tool that is still root.
 */
gh_rc_t gh_lmdb_prepare(const gh_lmdb_options_t *o, char *why, size_t why_len);

/*
 * *why (at least GH_LMDB_WHY bytes) says in clear words what is wrong and
 * what to do: wrong owner, mode, not a store, other layout version,
 * truncated, map does not fit, disk full. GH_UNAVAILABLE: cannot be opened
 * now; GH_INVALID: must not be opened (other layout, damaged). One open per
 * process. May wait for another process (the store's lock): not for a loop.
 */
gh_rc_t gh_lmdb_open(const gh_lmdb_options_t *o, gh_lmdb_t **out, char *why,
                     size_t why_len);
void gh_lmdb_close(gh_lmdb_t *db); /* NULL is welcome */

/*
 * True after an error that only closing and opening again can heal, also
 * when data.mdb was replaced by another file (gh_lmdb_tidy looks).
 */
bool gh_lmdb_broken(const gh_lmdb_t *db);

/*
 * Copies the value into out (appended) and says what else is known of it.
 * GH_ABSENT: there is none (or it has expired at now_s); GH_INVALID: its
 * checksum is wrong; GH_TOO_LONG: record->need says how much;
 * GH_UNAVAILABLE: could not ask. Holds no transaction after it returns. Not
 * for two threads at once on one gh_lmdb_t (one reader).
 */
gh_rc_t gh_lmdb_read(gh_lmdb_t *db, gh_kind_t kind, gh_str_t name,
                     int64_t now_s, gh_buf_t *out, gh_lmdb_record_t *record);
/* The same; version and need may be NULL. */
gh_rc_t gh_lmdb_get(gh_lmdb_t *db, gh_kind_t kind, gh_str_t name,
                    int64_t now_s, gh_buf_t *out, uint64_t *version,
                    size_t *need);

/*
 * All of the batch in one transaction and one sync; the caller's thread
 * waits. GH_OK: look at each rc. GH_UNAVAILABLE, GH_FULL, GH_TOO_LONG
 * (more than GH_LMDB_BATCH_MAX): nothing was done (disk or map full, I/O
 * error: *why), and each rc says the same. May run beside a reader of the
 * same gh_lmdb_t. A nearly full map takes no new records but still deletes,
 * revokes and suspends.
 */
gh_rc_t gh_lmdb_write(gh_lmdb_t *db, gh_write_t *batch, size_t n, char *why,
                      size_t why_len);

/* The last sequence, cheap. A reader, as gh_lmdb_read. */
gh_rc_t gh_lmdb_sequence(gh_lmdb_t *db, uint64_t *sequence);
/*
 * Lines after `since`, at most n; *got of them. GH_ABSENT: lines after
 * `since` have been trimmed (the log keeps GH_LMDB_LOG_KEPT), or the log
 * ends before it (another store): drop everything cached.
 */
gh_rc_t gh_lmdb_changes(gh_lmdb_t *db, uint64_t since, gh_store_change_t *out,
                        size_t n, size_t *got);

/*
 * Calls each(ctx, name, value, version) for every record of a kind in name
 * order, from > `after` on, until it returns false; damaged ones are passed
 * over, expired ones are shown until they are tidied. Inside one read
 * transaction: short work only.
 */
gh_rc_t gh_lmdb_each(gh_lmdb_t *db, gh_kind_t kind, gh_str_t after,
                     bool (*each)(void *ctx, gh_str_t name, gh_str_t value,
                                  uint64_t version),
                     void *ctx);

/* The same of their names alone, of damaged ones too, from the first on. */
gh_rc_t gh_lmdb_names(gh_lmdb_t *db, gh_kind_t kind,
                      bool (*each)(void *ctx, gh_str_t name), void *ctx);

/*
 * Clears slots of dead readers; *cleared of them. Removes what has expired
 * (at most 1000 records a call). On the thread that writes.
 */
gh_rc_t gh_lmdb_tidy(gh_lmdb_t *db, int64_t now_s, int *cleared);

gh_rc_t gh_lmdb_stats(gh_lmdb_t *db, gh_lmdb_stats_t *out);


#endif
