/*
 * A store as one of two: where a copy comes from or goes to, or the one that
 * is looked at record by record. Records are listed first, then read and
 * written by the hundred; a record is known by the name of its key in Redis,
 * whichever store it is in.
 */

#ifndef CTL_SIDE_H
#define CTL_SIDE_H

#include "ctl.h"
#include "gh_redis_bulk.h"

#define CTL_SIDE_BATCH 256 /* records read or written at once */


typedef struct {
    const char *words; /* as gatehouse_store takes them */
    bool target;       /* may be made, and be used by nobody yet */
    bool writes;       /* a target does */
    ctl_setup_t setup; /* that of nginx.conf with this store in it */
    gh_lmdb_t *db;     /* one of the two, when it is open */
    gh_redis_client_t *redis;
    gh_redis_bulk_t bulk;
} ctl_side_t;

/* In the arena. */
typedef struct {
    gh_kind_t kind;
    const char *key;
    gh_str_t name; /* NULL data in Redis, where it stands in the value */
} ctl_item_t;

typedef struct {
    ctl_item_t *items; /* by kind, what takes away first; then by key */
    size_t n;
} ctl_items_t;

/* Borrowed from the batch. */
typedef struct {
    gh_rc_t rc; /* OK, ABSENT (went, or expired), INVALID: unreadable */
    gh_str_t name, value;
    int64_t expires_at_s;
    uint32_t sealed_by; /* Redis: gh_secret_key_t.id; else 0 */
    uint64_t version;
} ctl_record_t;

/* Caller's memory, zeroed; released with ctl_batch_free. */
typedef struct {
    size_t n;
    ctl_record_t records[CTL_SIDE_BATCH];
    gh_redis_found_t found[CTL_SIDE_BATCH];
    gh_buf_t room[CTL_SIDE_BATCH];
} ctl_batch_t;


/* What is said where words are no store. */
ctl_exit_t ctl_side_parse(ctl_t *c, const char *words, bool target,
                          ctl_side_t *out);

/*
 * Opens one or two (to NULL); at most one is a directory. Whatever is read
 * as who started the tool is read before this process becomes the owner of
 * that directory. A target that is not there yet is made. Else a message.
 */
ctl_exit_t ctl_side_open(ctl_t *c, ctl_side_t *from, ctl_side_t *to);
void ctl_side_close(ctl_side_t *side);

/* With no root key in nginx.conf, that of an open directory. */
ctl_exit_t ctl_side_root_key(ctl_t *c, const ctl_side_t *side);

/* Workers that have it open; false after a message. */
bool ctl_side_workers(ctl_t *c, ctl_side_t *side, unsigned *n);

/* All that is copied. What fails is said in why (GH_LMDB_WHY bytes), as with
 * all below; GH_FULL or GH_UNAVAILABLE. */
gh_rc_t ctl_side_list(ctl_t *c, ctl_side_t *side, ctl_items_t *out, char *why);
/* -1 when it is not there. */
long ctl_items_find(const ctl_items_t *items, const ctl_item_t *item);

/* items[0..n) into the batch, what it held before is released; n is at most
 * CTL_SIDE_BATCH. Names are needed where the side is a directory. */
gh_rc_t ctl_side_read(ctl_side_t *side, const ctl_item_t *items, size_t n,
                      ctl_batch_t *batch, char *why);
void ctl_batch_free(ctl_batch_t *batch);

typedef gh_redis_restore_t ctl_side_write_t;

/* Each with its line in the change log, all or (in Redis: of 64) none. */
gh_rc_t ctl_side_write(ctl_side_t *side, const ctl_side_write_t *w, size_t n,
                       char *why);
/* Takes away what has no readable name; only in Redis there is such. */
gh_rc_t ctl_side_clear(ctl_side_t *side, const ctl_item_t *item, char *why);

/* "12 keys, 3 sessions": how many of which kind, without an item of skip. */
const char *ctl_items_words(ctl_t *c, const ctl_items_t *items);
json_t *ctl_items_json(const ctl_items_t *items);


#endif
