/*
 * Mutations of the embedded store: a batch is one transaction and one sync.
 * What a single write may not do is its own result; what the disk or the map
 * refuses undoes the whole batch.
 */

#include "gh_lmdb_inside.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/statvfs.h>


/* What stands before a write. */
typedef struct {
    bool present; /* there, and not expired */
    bool damaged;
    gh_lmdb_stored_t stored;
} before_t;


static int write_all(gh_lmdb_t *db, gh_write_t *batch, size_t n);
static int cause_of(const gh_lmdb_t *db, int err);
static int apply_all(gh_lmdb_batch_t *b, gh_write_t *w, size_t n);
static int apply_group(gh_lmdb_batch_t *b, gh_write_t *w, size_t n);
static int apply(gh_lmdb_batch_t *b, gh_write_t *w);
static gh_rc_t check(const gh_write_t *w);
static int look_before(gh_lmdb_batch_t *b, const gh_write_t *w,
                       before_t *before);
static gh_rc_t judge(const gh_write_t *w, const before_t *before);
static int apply_put(gh_lmdb_batch_t *b, gh_write_t *w,
                     const before_t *before);
static int apply_take(gh_lmdb_batch_t *b, gh_write_t *w,
                      const before_t *before);
static int apply_delete(gh_lmdb_batch_t *b, gh_write_t *w,
                        const before_t *before);
static bool may_use_reserve(const gh_write_t *w, const before_t *before);
static int store(gh_lmdb_batch_t *b, gh_write_t *w, const before_t *before,
                 gh_lmdb_stored_t *after);
static int forget_expiry(gh_lmdb_batch_t *b, const gh_write_t *w,
                         const before_t *before);
static int log_line(gh_lmdb_batch_t *b, const gh_write_t *w);


gh_rc_t
gh_lmdb_write(gh_lmdb_t *db, gh_write_t *batch, size_t n, char *why,
              size_t why_len)
{
    gh_rc_t rc = GH_OK;
    int err;

    why[0] = '\0';

    if (n > GH_LMDB_BATCH_MAX) {
        (void) snprintf(why, why_len, "more than %d writes at once",
                        GH_LMDB_BATCH_MAX);
        rc = GH_TOO_LONG;
    } else if (db->read_only) {
        (void) snprintf(why, why_len, "the store was opened for reading");
        rc = GH_UNAVAILABLE;
    } else if (n > 0) {
        err = write_all(db, batch, n);

        if (err != 0) {
            rc = gh_lmdb_failed(db, cause_of(db, err), why, why_len);
            rc = rc == GH_INVALID ? GH_UNAVAILABLE : rc;
        }
    }

    for (size_t i = 0; i < n && rc != GH_OK; i++) {
        batch[i].rc = rc;
        batch[i].version = 0;
        batch[i].granted = 0;
        batch[i].left = 0;
    }

    return rc;
}


static int
write_all(gh_lmdb_t *db, gh_write_t *batch, size_t n)
{
    gh_lmdb_batch_t b;
    int err = gh_lmdb_batch_begin(db, &b, batch, n);

    if (err != 0) {
        return err;
    }

    err = apply_all(&b, batch, n);

    if (err == 0) {
        err = gh_lmdb_log_trim(db, b.txn, b.sequence);
    }

    if (err != 0) {
        mdb_txn_abort(b.txn);
        return err;
    }

    return mdb_txn_commit(b.txn);
}


/* LMDB calls a write that was cut short an I/O error. */
static int
cause_of(const gh_lmdb_t *db, int err)
{
    struct rlimit limit;
    struct statvfs fs;
    int fd;

    if (err != EIO || mdb_env_get_fd(db->env, &fd) != 0) {
        return err;
    }

    if (fstatvfs(fd, &fs) == 0 && fs.f_bavail < 64) {
        return ENOSPC;
    }

    if (getrlimit(RLIMIT_FSIZE, &limit) == 0
        && limit.rlim_cur != RLIM_INFINITY) {
        return EFBIG;
    }

    return err;
}


static int
apply_all(gh_lmdb_batch_t *b, gh_write_t *w, size_t n)
{
    size_t i = 0;
    int err = 0;

    while (i < n && err == 0) {
        size_t end = i + 1;

        if (w[i].group == 0) {
            err = apply(b, &w[i]);
        } else {
            while (end < n && w[end].group == w[i].group) {
                end++;
            }
            err = apply_group(b, &w[i], end - i);
        }

        i = end;
    }

    return err;
}


static int
apply_group(gh_lmdb_batch_t *b, gh_write_t *w, size_t n)
{
    gh_lmdb_batch_t group = *b;
    bool refused = false;
    size_t i;
    int err = mdb_txn_begin(b->db->env, b->txn, 0, &group.txn);

    for (i = 0; i < n && err == 0 && !refused; i++) {
        err = apply(&group, &w[i]);
        refused = err == 0 && w[i].rc != GH_OK && w[i].rc != GH_ABSENT;
    }

    if (err == 0 && !refused) {
        err = mdb_txn_commit(group.txn);
        group.txn = b->txn;
        *b = group;
        return err;
    }

    if (group.txn != b->txn) {
        mdb_txn_abort(group.txn);
    }

    /* i is one past the refused one */
    for (size_t k = 0; k < n; k++) {
        if (k + 1 != i) {
            w[k].rc = GH_CONFLICT;
            w[k].version = 0;
        }
        w[k].granted = 0;
        w[k].left = 0;
    }

    return err;
}


static int
apply(gh_lmdb_batch_t *b, gh_write_t *w)
{
    before_t before = { 0 };
    int err;

    b->version++;
    w->version = 0;
    w->granted = 0;
    w->left = 0;
    w->rc = check(w);

    if (w->rc != GH_OK) {
        return 0;
    }

    err = look_before(b, w, &before);
    if (err != 0) {
        return err;
    }

    w->version = before.present ? before.stored.version : 0;
    w->rc = judge(w, &before);

    if (w->rc != GH_OK) {
        return 0;
    }

    switch (w->type) {
    case GH_WRITE_DELETE:
        return apply_delete(b, w, &before);
    case GH_WRITE_TAKE:
        return apply_take(b, w, &before);
    case GH_WRITE_PUT:
    case GH_WRITE_CLAIM:
    default:
        return apply_put(b, w, &before);
    }
}


static gh_rc_t
check(const gh_write_t *w)
{
    if (w->name.len > GH_STORE_NAME_MAX || w->value.len > GH_STORE_VALUE_MAX) {
        return GH_TOO_LONG;
    }

    if (w->type < GH_WRITE_PUT || w->type > GH_WRITE_TAKE
        || !gh_kind_valid(w->kind) || w->name.len == 0)
    {
        return GH_INVALID;
    }

    /* so that sums do not overflow */
    if (w->now_s < 0 || w->now_s > UINT32_MAX * INT64_C(1000) || w->ttl_s < 0
        || w->ttl_s > UINT32_MAX
        || (w->type == GH_WRITE_CLAIM && w->ttl_s == 0)
        || (w->ttl_s > 0 && w->now_s == 0))
    {
        return GH_INVALID;
    }

    return GH_OK;
}


static int
look_before(gh_lmdb_batch_t *b, const gh_write_t *w, before_t *before)
{
    gh_lmdb_stored_t *s = &before->stored;
    gh_lmdb_key_t at;
    MDB_val key, raw;
    int err;

    gh_lmdb_record_key(w->kind, w->name, &at);
    key = gh_lmdb_val(&at);

    err = mdb_get(b->txn, b->db->records, &key, &raw);

    if (err == MDB_NOTFOUND) {
        return 0;
    }

    if (err != 0) {
        return err;
    }

    if (gh_lmdb_stored_parse(w->kind, w->name, raw, s) != GH_OK) {
        memset(s, 0, sizeof(*s));
        before->damaged = true;
        return 0;
    }

    before->present = s->expires_at_s == 0 || w->now_s < s->expires_at_s;

    /* the clock was set back since it was claimed */
    if (w->type == GH_WRITE_CLAIM && s->expires_at_s - w->now_s > 2 * w->ttl_s)
    {
        before->present = false;
    }

    return 0;
}


static gh_rc_t
judge(const gh_write_t *w, const before_t *before)
{
    switch (w->type) {

    case GH_WRITE_CLAIM:
        return before->present ? GH_CONFLICT : GH_OK;

    case GH_WRITE_TAKE:
        /* a damaged counter does not begin again at nothing */
        return before->damaged ? GH_INVALID : GH_OK;

    case GH_WRITE_DELETE:
        if (!before->present && !before->damaged) {
            return GH_ABSENT;
        }
        break;

    case GH_WRITE_PUT:
    default:
        break;
    }

    if (w->if_version == GH_VERSION_ANY) {
        return GH_OK;
    }

    if (before->damaged) {
        return GH_INVALID;
    }

    return w->if_version == (before->present ? before->stored.version : 0)
               ? GH_OK
               : GH_CONFLICT;
}


static int
apply_put(gh_lmdb_batch_t *b, gh_write_t *w, const before_t *before)
{
    gh_lmdb_stored_t after = { 0 };

    after.value = w->value;
    after.expires_at_s = w->ttl_s == 0 ? 0 : w->now_s + w->ttl_s;

    return store(b, w, before, &after);
}


static int
apply_take(gh_lmdb_batch_t *b, gh_write_t *w, const before_t *before)
{
    gh_lmdb_stored_t after = { 0 };
    char text[24];
    gh_buf_t digits = GH_BUF(text);
    uint64_t taken = 0, left;
    int err;

    if (before->present
        && gh_str_to_u64(before->stored.value, UINT64_MAX, &taken) != GH_OK)
    {
        w->rc = GH_INVALID;
        return 0;
    }

    left = w->limit > taken ? w->limit - taken : 0;
    w->granted = left < w->least ? 0 : w->n < left ? w->n : left;
    w->left = left - w->granted;

    if (w->granted == 0) {
        return 0;
    }

    (void) gh_buf_add_u64(&digits, taken + w->granted);
    after.value = gh_buf_str(&digits);

    if (before->present) {
        after.expires_at_s = before->stored.expires_at_s;
    } else if (w->ttl_s > 0) {
        after.expires_at_s = w->now_s + w->ttl_s;
    }

    err = store(b, w, before, &after);

    if (w->rc != GH_OK) {
        w->granted = 0;
        w->left = left;
    }

    return err;
}


static int
apply_delete(gh_lmdb_batch_t *b, gh_write_t *w, const before_t *before)
{
    gh_lmdb_key_t at;
    MDB_val key;
    int err = forget_expiry(b, w, before);

    gh_lmdb_record_key(w->kind, w->name, &at);
    key = gh_lmdb_val(&at);

    if (err == 0) {
        err = mdb_del(b->txn, b->db->records, &key, NULL);
    }

    w->version = b->version;

    return err == 0 ? log_line(b, w) : err;
}


/* An issued key is revoked by a change of its record. */
static bool
may_use_reserve(const gh_write_t *w, const before_t *before)
{
    return w->kind == GH_KIND_REVOKED || w->kind == GH_KIND_SUSPENDED
           || (w->kind == GH_KIND_KEY && before->present);
}


static int
store(gh_lmdb_batch_t *b, gh_write_t *w, const before_t *before,
      gh_lmdb_stored_t *after)
{
    size_t pages = gh_lmdb_pages_of(b->db, w);
    gh_lmdb_key_t at, expiry;
    MDB_val key, raw, nothing = { 0, NULL };
    int err;

    if (b->pages_free < pages && !may_use_reserve(w, before)) {
        w->rc = GH_FULL;
        return 0;
    }

    b->pages_free -= b->pages_free < pages ? b->pages_free : pages;

    /* LMDB moves pages: what lies in the map is copied before */
    after->version = b->version;
    after->flags = w->log ? GH_LMDB_LOGGED : 0;

    gh_lmdb_record_key(w->kind, w->name, &at);
    key = gh_lmdb_val(&at);
    raw = (MDB_val){ GH_LMDB_HEAD_LEN + after->value.len, NULL };

    err = forget_expiry(b, w, before);

    if (err == 0 && after->expires_at_s != 0) {
        gh_lmdb_expiry_key(after->expires_at_s, &at, &expiry);
        MDB_val when = gh_lmdb_val(&expiry);

        err = mdb_put(b->txn, b->db->expiry, &when, &nothing, 0);
    }

    if (err == 0) {
        err = mdb_put(b->txn, b->db->records, &key, &raw, MDB_RESERVE);
    }

    if (err != 0) {
        return err;
    }

    gh_lmdb_stored_build(w->kind, w->name, after, raw);
    w->version = b->version;

    return log_line(b, w);
}


static int
forget_expiry(gh_lmdb_batch_t *b, const gh_write_t *w, const before_t *before)
{
    gh_lmdb_key_t at, expiry;
    MDB_val key;
    int err;

    if (before->stored.expires_at_s == 0) {
        return 0;
    }

    gh_lmdb_record_key(w->kind, w->name, &at);
    gh_lmdb_expiry_key(before->stored.expires_at_s, &at, &expiry);
    key = gh_lmdb_val(&expiry);

    err = mdb_del(b->txn, b->db->expiry, &key, NULL);

    return err == MDB_NOTFOUND ? 0 : err;
}


static int
log_line(gh_lmdb_batch_t *b, const gh_write_t *w)
{
    if (!w->log) {
        return 0;
    }

    return gh_lmdb_log(b->db, b->txn, &b->sequence, w->kind, w->name);
}
