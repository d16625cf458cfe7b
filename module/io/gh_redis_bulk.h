/*
 * Many records of Redis at once, for the tool: found, read, written as they
 * were somewhere else, sealed anew. Questions go out together, so that a far
 * Redis costs a round trip for each GH_REDIS_BULK of them.
 */

#ifndef GH_REDIS_BULK_H
#define GH_REDIS_BULK_H

#include "gh_redis_client.h"

#define GH_REDIS_BULK 64 /* records in one call */

/* Caller's memory; after gh_redis_bulk_begin. */
typedef struct {
    gh_redis_client_t *client; /* borrowed */
    char restore[41], reseal[41];
} gh_redis_bulk_t;

/* Where a record is. */
typedef struct {
    gh_kind_t kind;
    gh_str_t key; /* gh_redis_key; borrowed */
} gh_redis_at_t;

/* As it was found; released with gh_redis_bulk_free. */
typedef struct {
    gh_rc_t rc; /* OK, ABSENT, INVALID: none of ours, or no key opens it */
    gh_redis_record_t record; /* OK; its name, a quota's too */
    char quota[2 * 16];       /* where that name is */
    uint32_t sealed_by;       /* gh_secret_key_t.id; 0: it is not sealed */
} gh_redis_found_t;

typedef struct {
    gh_str_t name, value; /* borrowed */
    int64_t expires_at_s; /* 0: never */
    gh_kind_t kind;
    bool remove; /* whatever stands there goes */
} gh_redis_restore_t;


/* GH_UNAVAILABLE: *why (GH_LMDB_WHY bytes), here and below. */
gh_rc_t gh_redis_bulk_begin(gh_redis_client_t *client, gh_redis_bulk_t *out,
                            char *why);

/* Where records are, of every kind that is copied: each at least once. */
gh_rc_t gh_redis_bulk_walk(gh_redis_bulk_t *b,
                           void (*each)(void *ctx, gh_kind_t kind,
                                        gh_str_t key),
                           void *ctx, char *why);

/* n of them; unless GH_OK there is nothing to free. */
gh_rc_t gh_redis_bulk_read(gh_redis_bulk_t *b, const gh_redis_at_t *at,
                           size_t n, gh_redis_found_t *out, char *why);
void gh_redis_bulk_free(gh_redis_found_t *found, size_t n);

/*
 * All of them in one MULTI, each with its line in the change log: whatever
 * stood there is no more, and the expiry is exactly that. What expired
 * meanwhile is not there afterwards. GH_FULL, GH_UNAVAILABLE: none is done,
 * unless why says that it may be.
 */
gh_rc_t gh_redis_bulk_write(gh_redis_bulk_t *b, const gh_redis_restore_t *w,
                            size_t n, char *why);

/*
 * Seals anew what was found, under the same version and expiry: nobody has
 * to hear of it. value: instead of the one that was found, NULL data: the
 * same. *done is false if the record is another one by now.
 */
gh_rc_t gh_redis_bulk_reseal(gh_redis_bulk_t *b, const gh_redis_at_t *at,
                             const gh_redis_found_t *found, gh_str_t value,
                             bool *done, char *why);

/* Takes away what is at a key and no record of ours. */
gh_rc_t gh_redis_bulk_clear(gh_redis_bulk_t *b, gh_str_t key, char *why);

/* Workers that listen to its changes. */
gh_rc_t gh_redis_bulk_listeners(gh_redis_bulk_t *b, uint64_t *n, char *why);

/* "gh:{kind:hash}": which kind, and whether its records are copied. */
bool gh_redis_bulk_kind(gh_str_t key, gh_kind_t *kind);


#endif
