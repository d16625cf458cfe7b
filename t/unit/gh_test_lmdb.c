/*
 * A small store for stories; see gh_test_lmdb.h.
 */

#include "gh_test_lmdb.h"


gh_lmdb_options_t
gh_test_lmdb_options(void)
{
    gh_lmdb_options_t o = { 0 };

    o.directory = gh_str(gh_test_path("store"));
    o.map_bytes = 64u << 20;
    o.uid = UINT32_MAX;
    o.gid = UINT32_MAX;

    return o;
}


gh_lmdb_t *
gh_test_lmdb_open(void)
{
    gh_lmdb_options_t o = gh_test_lmdb_options();
    char why[GH_LMDB_WHY];
    gh_lmdb_t *db;

    if (gh_lmdb_open(&o, &db, why, sizeof(why)) != GH_OK) {
        fail_msg("%s", why);
    }

    return db;
}


gh_write_t
gh_test_put(const char *name, const char *value)
{
    gh_write_t w = { 0 };

    w.type = GH_WRITE_PUT;
    w.kind = GH_KIND_KEY;
    w.name = gh_str(name);
    w.value = gh_str(value);
    w.if_version = GH_VERSION_ANY;
    w.now_s = T0;

    return w;
}


gh_rc_t
gh_test_write_all(gh_lmdb_t *db, gh_write_t *w, size_t n)
{
    char why[GH_LMDB_WHY];

    return gh_lmdb_write(db, w, n, why, sizeof(why));
}


gh_rc_t
gh_test_write(gh_lmdb_t *db, gh_write_t *w)
{
    (void) gh_test_write_all(db, w, 1);

    return w->rc;
}


gh_rc_t
gh_test_get(gh_lmdb_t *db, gh_kind_t kind, const char *name)
{
    char room[64];
    gh_buf_t out = GH_BUF(room);

    return gh_lmdb_get(db, kind, gh_str(name), T0, &out, NULL, NULL);
}


void
gh_test_assert_value(gh_lmdb_t *db, const char *name, const char *value)
{
    char room[64];
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(
        gh_lmdb_get(db, GH_KIND_KEY, gh_str(name), T0, &out, NULL, NULL),
        GH_OK);
    assert_str(gh_buf_str(&out), value);
}


gh_lmdb_t *
gh_test_lmdb_child(void)
{
    gh_lmdb_options_t o = gh_test_lmdb_options();
    char why[GH_LMDB_WHY];
    gh_lmdb_t *db = NULL;

    if (gh_lmdb_open(&o, &db, why, sizeof(why)) != GH_OK) {
        (void) fprintf(stderr, "child: %s\n", why);
    }

    return db;
}


void
gh_test_lmdb_fill(unsigned n)
{
    gh_lmdb_t *db = gh_test_lmdb_open();
    char name[16], value[200];

    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';

    for (unsigned i = 0; i < n; i++) {
        (void) snprintf(name, sizeof(name), "key%u", i);

        gh_write_t w = gh_test_put(name, value);

        assert_int_equal(gh_test_write(db, &w), GH_OK);
    }

    gh_lmdb_close(db);
}


gh_rc_t
gh_test_lmdb_open_fails(const gh_lmdb_options_t *o, char why[GH_LMDB_WHY])
{
    gh_lmdb_t *db;
    gh_rc_t rc = gh_lmdb_open(o, &db, why, GH_LMDB_WHY);

    assert_true(rc == GH_INVALID || rc == GH_UNAVAILABLE);
    assert_null(db);
    assert_true(strlen(why) > 20);

    return rc;
}


void
gh_test_lmdb_open_says(const char *words, gh_rc_t expected)
{
    gh_lmdb_options_t o = gh_test_lmdb_options();
    char why[GH_LMDB_WHY];
    gh_rc_t rc = gh_test_lmdb_open_fails(&o, why);

    if (rc != expected || strstr(why, words) == NULL) {
        fail_msg("%d, \"%s\" instead of \"%s\"", (int) rc, why, words);
    }
}


int
gh_test_hold_lock(void *steps)
{
    gh_test_steps_t *s = steps;
    gh_write_t w = gh_test_put("torn", "never committed");
    gh_lmdb_batch_t b;
    gh_lmdb_t *db;

    if (!gh_test_await(s->to_child) || (db = gh_test_lmdb_child()) == NULL
        || gh_lmdb_batch_begin(db, &b, &w, 1) != 0
        || gh_lmdb_log(db, b.txn, &b.sequence, w.kind, w.name) != 0)
    {
        return 1;
    }

    gh_test_step(s->to_parent);
    (void) gh_test_await(s->to_child);

    mdb_txn_abort(b.txn);
    gh_lmdb_close(db);

    return 0;
}
