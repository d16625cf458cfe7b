/*
 * The embedded store on disk: LMDB behind plain, synchronous functions that
 * know nothing of nginx. Workers read in the loop and write on their writer
 * thread; the tool does both. Every value carries its own checksum; a
 * mutation and its line in the change log are one transaction.
 */

#ifndef GH_LMDB_H
#define GH_LMDB_H

#include "gh_store.h"

typedef struct gh_lmdb_s gh_lmdb_t;

typedef struct {
    gh_str_t directory;  /* made if missing: 0700, owned by uid/gid */
    size_t   map_bytes;  /* 0: 16 GiB, sparse */
    unsigned uid, gid;   /* who the files must belong to; the tool becomes
                            them before it opens (UINT32_MAX: the caller) */
    bool     read_only;
} gh_lmdb_options_t;

typedef enum {
    GH_WRITE_PUT = 1, /* if_version: GH_VERSION_ANY, 0 (must be absent) or n */
    GH_WRITE_DELETE,
    GH_WRITE_CLAIM,   /* name is free, or its claim has expired */
    GH_WRITE_TAKE     /* reservation: add n to a counter, at most to `limit` */
} gh_write_type_t;

#define GH_VERSION_ANY UINT64_MAX

/* One mutation of a batch; results are written into it. */
typedef struct {
    gh_write_type_t type;
    gh_kind_t       kind;
    gh_str_t        name, value; /* borrowed until the batch returns */
    uint64_t        if_version;
    bool            log;         /* append a line to the change log */
    int64_t         now_s, ttl_s; /* CLAIM; PUT with ttl_s > 0 expires */
    uint64_t        n, limit;    /* TAKE */
    unsigned        group;       /* writes of one group > 0 hold together: if
                                    one is refused none of the group is done */

    gh_rc_t         rc;          /* OK, CONFLICT, FULL, UNAVAILABLE */
    uint64_t        version;     /* after the write */
    uint64_t        granted;     /* TAKE: 0..n */
} gh_write_t;


/*
 * *why (at least 300 bytes) says in clear words what is wrong and what to
 * do: wrong owner, mode, not a store, other layout version, truncated, map
 * does not fit, disk full. GH_UNAVAILABLE: cannot be opened now; GH_INVALID:
 * must not be opened (other layout, damaged). One open per process.
 */
gh_rc_t gh_lmdb_open(const gh_lmdb_options_t *o, gh_lmdb_t **out,
                     char *why, size_t why_len);
void gh_lmdb_close(gh_lmdb_t *db);

/*
 * Copies the value into out (appended) and its version. GH_ABSENT: there is
 * none (or it has expired at now_s); GH_INVALID: its checksum is wrong;
 * GH_TOO_LONG: *need (may be NULL) says how much. Holds no transaction after
 * it returns. Not for two threads at once on one gh_lmdb_t (one reader).
 */
gh_rc_t gh_lmdb_get(gh_lmdb_t *db, gh_kind_t kind, gh_str_t name,
                    int64_t now_s, gh_buf_t *out, uint64_t *version,
                    size_t *need);

/*
 * All of the batch in one transaction and one sync; the caller's thread
 * waits. GH_OK: look at each rc. GH_UNAVAILABLE/GH_FULL: nothing was done
 * (disk or map full, I/O error: *why). May run beside a reader of the same gh_lmdb_t.
 */
gh_rc_t gh_lmdb_write(gh_lmdb_t *db, gh_write_t *batch, size_t n, char *why,
                      size_t why_len);

/* The last sequence, cheap. */
gh_rc_t gh_lmdb_sequence(gh_lmdb_t *db, uint64_t *sequence);
/*
 * Lines after `since`, at most n; *got of them. GH_ABSENT: lines after
 * `since` have been trimmed (the log keeps 65,536): drop everything cached.
 */
gh_rc_t gh_lmdb_changes(gh_lmdb_t *db, uint64_t since, gh_store_change_t *out,
                        size_t n, size_t *got);

/* Calls each(name, value, version) for every record of a kind in name order, from > `after`
 * on, until it returns false. Inside one read transaction: short work only.*/
gh_rc_t gh_lmdb_each(gh_lmdb_t *db, gh_kind_t kind, gh_str_t after,
                     bool (*each)(void *ctx, gh_str_t name, gh_str_t value,
                                  uint64_t version),
                     void *ctx);

/* Clears slots of dead readers; *cleared of them. Removes what has expired
 * (at most 1000 records a call). */
gh_rc_t gh_lmdb_tidy(gh_lmdb_t *db, int64_t now_s, int *cleared);

typedef struct {
    uint64_t map_bytes, used_bytes, records, sequence;
    unsigned readers, readers_max;
} gh_lmdb_stats_t;

gh_rc_t gh_lmdb_stats(gh_lmdb_t *db, gh_lmdb_stats_t *out);


#endif
