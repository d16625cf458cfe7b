/*
 * The embedded store when things go wrong: processes that die or race, files
 * that are cut, damaged, replaced or somebody else's, disks and maps that
 * are full. Nothing acknowledged is lost, and each fault has its sentence.
 */

#include "gh_test_lmdb.h"
#include "gh_lmdb_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>


#define SKIP 77


/* Two pipes to a child: one byte each way is a step of the story. */
typedef struct {
    int to_child[2], to_parent[2];
    unsigned number;
} steps_t;


static void
steps_begin(steps_t *s)
{
    assert_int_equal(pipe(s->to_child), 0);
    assert_int_equal(pipe(s->to_parent), 0);
}


static void
steps_end(steps_t *s)
{
    (void) close(s->to_child[0]);
    (void) close(s->to_child[1]);
    (void) close(s->to_parent[0]);
    (void) close(s->to_parent[1]);
}


static void
step(int fd[2])
{
    (void) !write(fd[1], "x", 1);
}


static bool
await(int fd[2])
{
    char c;

    return read(fd[0], &c, 1) == 1;
}


/* In a child: no assertions. */
static gh_lmdb_t *
child_opens(void)
{
    gh_lmdb_options_t o = gh_test_lmdb_options();
    char why[GH_LMDB_WHY];
    gh_lmdb_t *db = NULL;

    if (gh_lmdb_open(&o, &db, why, sizeof(why)) != GH_OK) {
        (void) fprintf(stderr, "child: %s\n", why);
    }

    return db;
}


static gh_rc_t
child_writes(gh_lmdb_t *db, gh_write_t *w, size_t n)
{
    char why[GH_LMDB_WHY];

    return gh_lmdb_write(db, w, n, why, sizeof(why));
}


static uint64_t
number_of(gh_lmdb_t *db, const char *name, uint64_t *version)
{
    char room[32];
    gh_buf_t out = GH_BUF(room);
    uint64_t n = 0;

    *version = 0;

    if (gh_lmdb_get(db, GH_KIND_KEY, gh_str(name), T0, &out, version, NULL)
        == GH_OK)
    {
        (void) gh_str_to_u64(gh_buf_str(&out), UINT64_MAX, &n);
    }

    return n;
}


/* Opening must fail; *why is what the operator reads. */
static gh_rc_t
open_fails(const gh_lmdb_options_t *o, char why[GH_LMDB_WHY])
{
    gh_lmdb_t *db;
    gh_rc_t rc = gh_lmdb_open(o, &db, why, GH_LMDB_WHY);

    assert_true(rc == GH_INVALID || rc == GH_UNAVAILABLE);
    assert_null(db);
    assert_true(strlen(why) > 20);

    return rc;
}


static void
assert_open_says(const char *words, gh_rc_t expected)
{
    gh_lmdb_options_t o = gh_test_lmdb_options();
    char why[GH_LMDB_WHY];
    gh_rc_t rc = open_fails(&o, why);

    if (rc != expected || strstr(why, words) == NULL) {
        fail_msg("%d, \"%s\" instead of \"%s\"", (int) rc, why, words);
    }
}


/* A store with a few pages of records, closed again. */
static void
fill(unsigned n)
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


static off_t
size_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);

    return st.st_size;
}


static void
write_file(const char *path, const char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd != -1);
    assert_int_equal(write(fd, bytes, len), (ssize_t) len);
    (void) close(fd);
}


/* Writes three records of one number at once, for ever. */
static int
write_for_ever(void *ctx)
{
    steps_t *s = ctx;
    gh_lmdb_t *db = child_opens();
    uint64_t version, i;

    if (db == NULL) {
        return 1;
    }

    for (i = number_of(db, "a", &version) + 1;; i++) {
        char text[32];

        (void) snprintf(text, sizeof(text), "%llu", (unsigned long long) i);

        gh_write_t w[3] = { gh_test_put("a", text), gh_test_put("b", text),
                            gh_test_put("c", text) };

        w[0].log = w[1].log = w[2].log = true;

        if (child_writes(db, w, 3) != GH_OK) {
            return 2;
        }

        step(s->to_parent);
    }
}


static void
kill_9_amid_writes_loses_nothing_acknowledged(void **state)
{
    (void) state;
    uint64_t acknowledged = 0, a, b, c, version, sequence;

    for (unsigned round = 0; round < 25; round++) {
        steps_t s;
        char byte;

        steps_begin(&s);
        pid_t child = gh_test_fork(write_for_ever, &s);

        for (unsigned i = 0; i <= round * 7 % 11; i++) {
            assert_true(await(s.to_parent));
            acknowledged++;
        }

        gh_test_kill(child);

        /* what else it had said by then */
        (void) close(s.to_parent[1]);
        while (read(s.to_parent[0], &byte, 1) == 1) {
            acknowledged++;
        }
        s.to_parent[1] = -1;
        steps_end(&s);

        gh_lmdb_t *db = gh_test_lmdb_open();

        a = number_of(db, "a", &version);
        b = number_of(db, "b", &version);
        c = number_of(db, "c", &version);
        assert_int_equal(gh_lmdb_sequence(db, &sequence), GH_OK);

        /* whole, and one more at most than was said */
        assert_true(a == b && b == c);
        assert_true(a == acknowledged || a == acknowledged + 1);
        assert_true(sequence == 3 * a);
        acknowledged = a;

        gh_lmdb_close(db);
    }
}


/* Takes the writers' lock in the midst of a write, and stays there. */
static int
hold_the_lock(void *ctx)
{
    steps_t *s = ctx;
    gh_write_t w = gh_test_put("torn", "never committed");
    gh_lmdb_batch_t b;
    gh_lmdb_t *db;

    if (!await(s->to_child) || (db = child_opens()) == NULL
        || gh_lmdb_batch_begin(db, &b, &w, 1) != 0
        || gh_lmdb_log(db, b.txn, &b.sequence, w.kind, w.name) != 0)
    {
        return 1;
    }

    step(s->to_parent);
    (void) await(s->to_child);

    return 0;
}


static void
who_dies_holding_the_lock_does_not_keep_it(void **state)
{
    (void) state;
    steps_t s;

    steps_begin(&s);

    pid_t child = gh_test_fork(hold_the_lock, &s);
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w = gh_test_put("alice", "v");
    uint64_t sequence;

    step(s.to_child);
    assert_true(await(s.to_parent));

    /* readers never wait for it */
    assert_int_equal(gh_test_get(db, GH_KIND_KEY, "alice"), GH_ABSENT);

    gh_test_kill(child);
    assert_int_equal(gh_test_write(db, &w), GH_OK);

    assert_int_equal(gh_lmdb_sequence(db, &sequence), GH_OK);
    assert_int_equal(sequence, 0);
    assert_int_equal(gh_test_get(db, GH_KIND_KEY, "torn"), GH_ABSENT);

    gh_lmdb_close(db);
    steps_end(&s);
}


static int
read_and_stay(void *ctx)
{
    steps_t *s = ctx;
    gh_lmdb_t *db;

    if (!await(s->to_child) || (db = child_opens()) == NULL
        || gh_lmdb_look(db) != 0)
    {
        return 1;
    }

    step(s->to_parent);
    (void) await(s->to_child);

    return 0;
}


static void
slots_of_readers_that_died_are_cleared(void **state)
{
    (void) state;
    steps_t s;
    int cleared = 0;

    steps_begin(&s);

    pid_t child = gh_test_fork(read_and_stay, &s);
    gh_lmdb_t *db = gh_test_lmdb_open();

    step(s.to_child);
    assert_true(await(s.to_parent));

    assert_int_equal(gh_lmdb_tidy(db, T0, &cleared), GH_OK);
    assert_int_equal(cleared, 0);

    gh_test_kill(child);

    assert_int_equal(gh_lmdb_tidy(db, T0, &cleared), GH_OK);
    assert_int_equal(cleared, 1);
    assert_int_equal(gh_lmdb_tidy(db, T0, &cleared), GH_OK);
    assert_int_equal(cleared, 0);

    gh_lmdb_close(db);
    steps_end(&s);
}


#define INCREMENTS 40


static int
increment(void *ctx)
{
    gh_lmdb_t *db = child_opens();
    unsigned done = 0;

    (void) ctx;

    while (db != NULL && done < INCREMENTS) {
        uint64_t version, n = number_of(db, "counter", &version) + 1;
        char text[32];

        (void) snprintf(text, sizeof(text), "%llu", (unsigned long long) n);

        gh_write_t w = gh_test_put("counter", text);

        w.if_version = version;
        w.log = true;

        if (child_writes(db, &w, 1) != GH_OK) {
            return 1;
        }

        if (w.rc == GH_OK) {
            done++;
        } else if (w.rc != GH_CONFLICT) {
            return 2;
        }
    }

    gh_lmdb_close(db);

    return db == NULL;
}


static void
i9_of_several_processes_that_change_one_record_none_is_lost(void **state)
{
    (void) state;
    pid_t children[3];
    uint64_t version, sequence;

    for (size_t i = 0; i < 3; i++) {
        children[i] = gh_test_fork(increment, NULL);
    }

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(gh_test_wait(children[i]), 0);
    }

    gh_lmdb_t *db = gh_test_lmdb_open();

    assert_int_equal(number_of(db, "counter", &version), 3 * INCREMENTS);
    assert_int_equal(gh_lmdb_sequence(db, &sequence), GH_OK);
    assert_int_equal(sequence, 3 * INCREMENTS);

    gh_lmdb_close(db);
}


static int
take_all(void *ctx)
{
    steps_t *s = ctx;
    gh_lmdb_t *db = child_opens();
    uint64_t total = 0;

    while (db != NULL) {
        gh_write_t w = gh_test_put("month", "");

        w.type = GH_WRITE_TAKE;
        w.n = 7;
        w.limit = 500;

        if (child_writes(db, &w, 1) != GH_OK || w.rc != GH_OK) {
            return 1;
        }

        if (w.granted == 0) {
            break;
        }

        total += w.granted;
    }

    gh_lmdb_close(db);

    return write(s->to_parent[1], &total, sizeof(total)) != sizeof(total);
}


static void
several_processes_together_take_no_more_than_the_limit(void **state)
{
    (void) state;
    pid_t children[4];
    uint64_t total = 0, part;
    steps_t s;

    steps_begin(&s);

    for (size_t i = 0; i < 4; i++) {
        children[i] = gh_test_fork(take_all, &s);
    }

    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(gh_test_wait(children[i]), 0);
        assert_int_equal(read(s.to_parent[0], &part, sizeof(part)),
                         sizeof(part));
        total += part;
    }

    assert_int_equal(total, 500);
    steps_end(&s);
}


static int
claim(void *ctx)
{
    steps_t *s = ctx;
    gh_lmdb_t *db = child_opens();
    gh_write_t w = gh_test_put("refresh", "me");

    w.type = GH_WRITE_CLAIM;
    w.ttl_s = 10;

    if (db == NULL || !await(s->to_child) || child_writes(db, &w, 1) != GH_OK)
    {
        return 2;
    }

    gh_lmdb_close(db);

    return w.rc == GH_OK ? 0 : 1;
}


static void
one_of_several_processes_gets_the_claim(void **state)
{
    (void) state;
    pid_t children[4];
    unsigned won = 0;
    steps_t s;

    steps_begin(&s);

    for (size_t i = 0; i < 4; i++) {
        children[i] = gh_test_fork(claim, &s);
    }

    for (size_t i = 0; i < 4; i++) {
        step(s.to_child);
    }

    for (size_t i = 0; i < 4; i++) {
        int result = gh_test_wait(children[i]);

        assert_in_range(result, 0, 1);
        won += result == 0;
    }

    assert_int_equal(won, 1);
    steps_end(&s);
}


static void
a_truncated_file_is_not_opened(void **state)
{
    (void) state;
    gh_lmdb_options_t o = gh_test_lmdb_options();
    char why[GH_LMDB_WHY];
    off_t size;

    fill(200);
    size = size_of(gh_test_path("store/data.mdb"));
    assert_true(size > 20 * 4096);

    /* the tail may be room for later; the sixth page is not */
    for (off_t cut = 6 * 4096; cut > 0; cut -= 3000) {
        assert_int_equal(truncate(gh_test_path("store/data.mdb"), cut), 0);
        assert_int_equal(open_fails(&o, why), GH_INVALID);
    }

    assert_int_equal(truncate(gh_test_path("store/data.mdb"), 6 * 4096), 0);
    assert_open_says("is no LMDB file", GH_INVALID); /* its head is gone */
}


static void
how_much_of_a_truncated_file_is_missing_is_said(void **state)
{
    (void) state;

    fill(200);
    assert_int_equal(truncate(gh_test_path("store/data.mdb"), 24576), 0);
    assert_open_says("data.mdb is truncated: it has 24576 bytes and needs",
                     GH_INVALID);
}


static void
a_file_whose_last_pages_were_given_back_is_not_truncated(void **state)
{
    (void) state;
    static char big[GH_STORE_VALUE_MAX];
    gh_write_t w[4] = { gh_test_put("a", ""), gh_test_put("b", ""),
                        gh_test_put("a", ""), gh_test_put("b", "") };
    gh_lmdb_t *db;

    memset(big, 'b', sizeof(big));
    w[0].value = w[1].value = (gh_str_t){ big, sizeof(big) };
    w[2].type = w[3].type = GH_WRITE_DELETE;

    /* LMDB takes pages back at once only where some were free before */
    fill(30);
    db = gh_test_lmdb_open();
    assert_int_equal(gh_test_write_all(db, w, 4), GH_OK);
    assert_int_equal(w[3].rc, GH_OK);
    gh_lmdb_close(db);

    gh_lmdb_close(gh_test_lmdb_open());
}


static void
a_store_whose_file_is_gone_or_empty_does_not_begin_anew(void **state)
{
    (void) state;

    fill(1);
    assert_int_equal(truncate(gh_test_path("store/data.mdb"), 0), 0);
    assert_open_says("held a store, but data.mdb is missing or empty",
                     GH_INVALID);

    assert_int_equal(unlink(gh_test_path("store/data.mdb")), 0);
    assert_open_says("held a store, but data.mdb is missing or empty",
                     GH_INVALID);

    /* as the sentence says: an empty directory is a new store */
    assert_int_equal(unlink(gh_test_path("store/lock.mdb")), 0);
    assert_int_equal(unlink(gh_test_path("store/gatehouse.store")), 0);
    gh_lmdb_close(gh_test_lmdb_open());
}


static void
a_store_that_died_in_its_first_moment_is_made_again(void **state)
{
    (void) state;

    /* killed between making the files and filling them */
    assert_int_equal(mkdir(gh_test_path("store"), 0700), 0);
    write_file(gh_test_path("store/data.mdb"), "", 0);
    write_file(gh_test_path("store/lock.mdb"), "", 0);

    gh_lmdb_close(gh_test_lmdb_open());
}


static void
a_file_of_something_else_is_not_touched(void **state)
{
    (void) state;
    char junk[16384];

    memset(junk, 'j', sizeof(junk));
    assert_int_equal(mkdir(gh_test_path("store"), 0700), 0);
    write_file(gh_test_path("store/data.mdb"), junk, sizeof(junk));

    assert_open_says("is no LMDB file", GH_INVALID);
    assert_int_equal(size_of(gh_test_path("store/data.mdb")), sizeof(junk));
}


/* Puts name=value into a table (or into the main one) behind our back. */
static void
meddle(const char *table, const char *name, const char *value)
{
    char n[32], v[32];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val key = { strlen(name), n }, raw = { strlen(value), v };

    (void) snprintf(n, sizeof(n), "%s", name);
    (void) snprintf(v, sizeof(v), "%s", value);

    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_open(env, gh_test_path("store"), 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, table, MDB_CREATE, &dbi), 0);
    assert_int_equal(mdb_put(txn, dbi, &key, &raw, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}


static void
a_store_of_another_layout_is_not_opened(void **state)
{
    (void) state;

    fill(1);
    meddle("meta", "layout", "2");
    assert_open_says("has layout 2, this Gatehouse reads layout 1",
                     GH_INVALID);

    meddle("meta", "layout", "one");
    assert_open_says("has layout 0", GH_INVALID);
}


static void
an_lmdb_file_of_another_program_is_not_opened(void **state)
{
    (void) state;

    assert_int_equal(mkdir(gh_test_path("store"), 0700), 0);
    meddle(NULL, "dn", "dc=example");
    assert_open_says("of another program", GH_INVALID);
    gh_test_dir_end();

    (void) gh_test_dir();
    assert_int_equal(mkdir(gh_test_path("store"), 0700), 0);
    meddle(NULL, "meta", "data");
    assert_open_says("of another program", GH_INVALID);
}


static void
a_damaged_value_is_never_given_out(void **state)
{
    (void) state;
    static const char marker[] = "the-value-that-will-be-damaged";
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w = gh_test_put("alice", marker);
    static char file[4 << 20];
    ssize_t len;
    int fd, found = 0;

    assert_int_equal(gh_test_write(db, &w), GH_OK);
    gh_lmdb_close(db);

    fd = open(gh_test_path("store/data.mdb"), O_RDWR);
    assert_true(fd != -1);
    len = pread(fd, file, sizeof(file), 0);

    for (ssize_t i = 0; i + (ssize_t) sizeof(marker) < len; i++) {
        if (memcmp(file + i, marker, sizeof(marker) - 1) == 0) {
            assert_int_equal(pwrite(fd, "T", 1, i), 1);
            found++;
        }
    }

    (void) close(fd);
    assert_true(found > 0);

    db = gh_test_lmdb_open();
    assert_int_equal(gh_test_get(db, GH_KIND_KEY, "alice"), GH_INVALID);

    /* who wants to know the version cannot; who writes it anew heals it */
    w.if_version = w.version;
    assert_int_equal(gh_test_write(db, &w), GH_INVALID);
    w.if_version = GH_VERSION_ANY;
    assert_int_equal(gh_test_write(db, &w), GH_OK);
    gh_test_assert_value(db, "alice", marker);

    gh_lmdb_close(db);
}


static void
h3_a_value_moved_to_another_name_does_not_hold(void **state)
{
    (void) state;
    unsigned char bytes[GH_LMDB_HEAD_LEN + 5];
    MDB_val raw = { sizeof(bytes), bytes };
    gh_lmdb_stored_t s = { 3, 0, 0, GH_STR("value") }, out;

    gh_lmdb_stored_build(GH_KIND_SESSION, GH_STR("alice"), &s, raw);

    assert_int_equal(
        gh_lmdb_stored_parse(GH_KIND_SESSION, GH_STR("alice"), raw, &out),
        GH_OK);
    assert_int_equal(
        gh_lmdb_stored_parse(GH_KIND_SESSION, GH_STR("bob"), raw, &out),
        GH_INVALID);
    assert_int_equal(
        gh_lmdb_stored_parse(GH_KIND_KEY, GH_STR("alice"), raw, &out),
        GH_INVALID);

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] ^= 0x10;
        assert_int_equal(
            gh_lmdb_stored_parse(GH_KIND_SESSION, GH_STR("alice"), raw, &out),
            GH_INVALID);
        bytes[i] ^= 0x10;

        assert_int_equal(gh_lmdb_stored_parse(GH_KIND_SESSION, GH_STR("alice"),
                                              (MDB_val){ i, bytes }, &out),
                         GH_INVALID);
    }
}


static void
a_file_replaced_under_us_is_noticed(void **state)
{
    (void) state;
    gh_lmdb_t *db = gh_test_lmdb_open();
    int cleared;

    assert_int_equal(gh_lmdb_tidy(db, T0, &cleared), GH_OK);
    assert_false(gh_lmdb_broken(db));

    /* somebody restores a backup */
    assert_int_equal(
        rename(gh_test_path("store/data.mdb"), gh_test_path("store/old")), 0);
    assert_int_equal(gh_lmdb_tidy(db, T0, &cleared), GH_UNAVAILABLE);
    assert_true(gh_lmdb_broken(db));

    gh_lmdb_close(db);
}


static void
a_larger_map_of_another_process_is_taken_over(void **state)
{
    (void) state;
    gh_lmdb_options_t o = gh_test_lmdb_options();
    char why[GH_LMDB_WHY];
    gh_lmdb_stats_t stats;
    gh_lmdb_t *db;

    fill(1);

    o.map_bytes = 8 << 20;
    assert_int_equal(gh_lmdb_open(&o, &db, why, sizeof(why)), GH_OK);
    assert_int_equal(gh_lmdb_stats(db, &stats), GH_OK);
    assert_int_equal(stats.map_bytes, 64 << 20);

    gh_lmdb_close(db);
}


static void
a_directory_open_to_others_is_refused(void **state)
{
    (void) state;

    assert_int_equal(mkdir(gh_test_path("store"), 0700), 0);
    assert_int_equal(chmod(gh_test_path("store"), 0770), 0);
    assert_open_says("is writable by others than its owner", GH_UNAVAILABLE);

    assert_int_equal(chmod(gh_test_path("store"), 01777), 0);
    assert_open_says("is writable by others than its owner", GH_UNAVAILABLE);
}


static void
what_is_not_a_directory_or_lies_nowhere_is_refused(void **state)
{
    (void) state;
    gh_lmdb_options_t o = gh_test_lmdb_options();
    char why[GH_LMDB_WHY], longest[PATH_MAX + 1];

    write_file(gh_test_path("store"), "x", 1);
    assert_open_says("cannot be opened: Not a directory", GH_UNAVAILABLE);

    o.directory = gh_str(gh_test_path("no/where"));
    assert_int_equal(open_fails(&o, why), GH_UNAVAILABLE);
    assert_non_null(strstr(why, "cannot be made: No such file"));

    o.directory = GH_STR("");
    assert_int_equal(open_fails(&o, why), GH_INVALID);

    memset(longest, 'a', sizeof(longest));
    o.directory = (gh_str_t){ longest, sizeof(longest) };
    assert_int_equal(open_fails(&o, why), GH_INVALID);
}


static void
files_open_to_others_are_refused(void **state)
{
    (void) state;

    fill(1);
    assert_int_equal(chmod(gh_test_path("store/data.mdb"), 0640), 0);
    assert_open_says("data.mdb is open to others", GH_UNAVAILABLE);

    assert_int_equal(chmod(gh_test_path("store/data.mdb"), 0600), 0);
    assert_int_equal(chmod(gh_test_path("store/lock.mdb"), 0606), 0);
    assert_open_says("lock.mdb is open to others", GH_UNAVAILABLE);

    assert_int_equal(unlink(gh_test_path("store/lock.mdb")), 0);
    assert_int_equal(symlink("data.mdb", gh_test_path("store/lock.mdb")), 0);
    assert_open_says("lock.mdb is not a file", GH_INVALID);
}


static void
files_are_made_for_their_owner_alone(void **state)
{
    (void) state;
    static const char *const names[] = { "store/data.mdb", "store/lock.mdb",
                                         "store/gatehouse.store" };
    mode_t before = umask(0);
    struct stat st;

    fill(1);
    (void) umask(before);

    assert_int_equal(stat(gh_test_path("store"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(stat(gh_test_path(names[i]), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
}


#define STRANGER 12345u


static void
a_store_of_another_user_is_refused(void **state)
{
    (void) state;
    const char *path;

    if (geteuid() != 0) {
        skip();
    }

    fill(1);
    path = gh_test_path("store/data.mdb");
    assert_int_equal(chown(path, STRANGER, STRANGER), 0);
    assert_open_says("data.mdb belongs to user 12345, the store's owner is "
                     "user 0",
                     GH_UNAVAILABLE);

    path = gh_test_path("store");
    assert_int_equal(chown(path, STRANGER, STRANGER), 0);
    assert_open_says("belongs to user 12345, the store's owner is user 0: "
                     "chown -R 0",
                     GH_UNAVAILABLE);
}


static void
what_root_makes_belongs_to_the_owner(void **state)
{
    (void) state;
    static const char *const names[] = { "store", "store/data.mdb",
                                         "store/lock.mdb",
                                         "store/gatehouse.store" };
    gh_lmdb_options_t o = gh_test_lmdb_options();
    char why[GH_LMDB_WHY];
    struct stat st;
    gh_lmdb_t *db;

    if (geteuid() != 0) {
        skip();
    }

    o.uid = o.gid = STRANGER;
    assert_int_equal(gh_lmdb_prepare(&o, why, sizeof(why)), GH_OK);
    assert_int_equal(gh_lmdb_open(&o, &db, why, sizeof(why)), GH_OK);
    gh_lmdb_close(db);

    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(stat(gh_test_path(names[i]), &st), 0);
        assert_int_equal(st.st_uid, STRANGER);
        assert_int_equal(st.st_mode & 077, 0);
    }
}


static void
root_gives_away_only_an_empty_directory(void **state)
{
    (void) state;
    gh_lmdb_options_t o = gh_test_lmdb_options();
    char why[GH_LMDB_WHY];
    struct stat st;

    if (geteuid() != 0) {
        skip();
    }

    o.uid = o.gid = STRANGER;
    assert_int_equal(mkdir(gh_test_path("store"), 0755), 0);
    write_file(gh_test_path("store/important"), "x", 1);

    assert_int_equal(gh_lmdb_prepare(&o, why, sizeof(why)), GH_UNAVAILABLE);
    assert_non_null(strstr(why, "belongs to user 0"));

    assert_int_equal(unlink(gh_test_path("store/important")), 0);
    assert_int_equal(gh_lmdb_prepare(&o, why, sizeof(why)), GH_OK);
    assert_int_equal(stat(gh_test_path("store"), &st), 0);
    assert_int_equal(st.st_uid, STRANGER);
    assert_int_equal(st.st_mode & 07777, 0700);
}


static int
open_as_somebody(void *ctx)
{
    gh_lmdb_options_t o = gh_test_lmdb_options();
    char why[GH_LMDB_WHY];
    gh_lmdb_t *db;

    (void) ctx;

    o.uid = o.gid = STRANGER;

    if (setuid(STRANGER + 1) != 0) {
        return 1;
    }

    return gh_lmdb_open(&o, &db, why, sizeof(why)) == GH_UNAVAILABLE ? 0 : 2;
}


static void
somebody_else_is_told_to_be_the_owner(void **state)
{
    (void) state;
    gh_lmdb_options_t o = gh_test_lmdb_options();
    char why[GH_LMDB_WHY];

    if (geteuid() != 0) {
        skip();
    }

    o.uid = o.gid = STRANGER;
    assert_int_equal(chmod(gh_test_path("."), 0755), 0);
    assert_int_equal(gh_lmdb_prepare(&o, why, sizeof(why)), GH_OK);
    assert_int_equal(gh_test_wait(gh_test_fork(open_as_somebody, NULL)), 0);
}


/* Puts records of 3 KB until the store takes no more; how many. */
static unsigned
put_until_full(gh_lmdb_t *db, gh_rc_t *rc, char why[GH_LMDB_WHY])
{
    char value[3000];

    memset(value, 'v', sizeof(value));

    for (unsigned i = 0;; i++) {
        char name[32];

        (void) snprintf(name, sizeof(name), "filler%06u", i);

        gh_write_t w = gh_test_put(name, "");

        w.value = (gh_str_t){ value, sizeof(value) };
        (void) gh_lmdb_write(db, &w, 1, why, GH_LMDB_WHY);
        *rc = w.rc;

        if (w.rc != GH_OK) {
            return i;
        }
    }
}


static void
a_full_map_takes_no_records_but_still_revokes_and_deletes(void **state)
{
    (void) state;
    gh_lmdb_options_t o = gh_test_lmdb_options();
    char why[GH_LMDB_WHY];
    gh_lmdb_t *db;
    gh_write_t w;
    gh_rc_t rc;

    o.map_bytes = 4 << 20;
    assert_int_equal(gh_lmdb_open(&o, &db, why, sizeof(why)), GH_OK);

    assert_true(put_until_full(db, &rc, why) > 100);
    assert_int_equal(rc, GH_FULL);

    /* what is there is still read */
    assert_int_equal(gh_test_get(db, GH_KIND_KEY, "filler000000"),
                     GH_TOO_LONG);

    for (unsigned i = 0; i < 100; i++) {
        char name[32];

        (void) snprintf(name, sizeof(name), "revoked%u", i);
        w = gh_test_put(name, "{}");
        w.kind = GH_KIND_REVOKED;
        w.log = true;
        assert_int_equal(gh_test_write(db, &w), GH_OK);
    }

    w = gh_test_put("acme", "{}");
    w.kind = GH_KIND_SUSPENDED;
    assert_int_equal(gh_test_write(db, &w), GH_OK);

    /* and deleting makes room again */
    for (unsigned i = 0; i < 100; i++) {
        char name[32];

        (void) snprintf(name, sizeof(name), "filler%06u", i);
        w = gh_test_put(name, "");
        w.type = GH_WRITE_DELETE;
        assert_int_equal(gh_test_write(db, &w), GH_OK);
    }

    w = gh_test_put("alice", "v");
    assert_int_equal(gh_test_write(db, &w), GH_OK);

    gh_lmdb_close(db);
}


static void
one_write_too_large_for_a_full_map_does_not_hinder_its_batch(void **state)
{
    (void) state;
    static char big[GH_STORE_VALUE_MAX];
    gh_lmdb_options_t o = gh_test_lmdb_options();
    char why[GH_LMDB_WHY];
    gh_write_t w[2] = { gh_test_put("big", ""), gh_test_put("alice", "v") };
    gh_lmdb_t *db;

    o.map_bytes = 1 << 20;
    w[0].value = (gh_str_t){ big, sizeof(big) };

    assert_int_equal(gh_lmdb_open(&o, &db, why, sizeof(why)), GH_OK);
    assert_int_equal(gh_test_write_all(db, w, 2), GH_OK);
    assert_int_equal(w[0].rc, GH_FULL);
    assert_int_equal(w[1].rc, GH_OK);

    gh_lmdb_close(db);
}


static int
write_beyond_a_limit(void *ctx)
{
    struct rlimit limit = { 300000, 300000 }, none;
    char why[GH_LMDB_WHY];
    gh_lmdb_t *db = child_opens();
    gh_write_t w = gh_test_put("alice", "v");
    gh_rc_t rc;
    unsigned n;

    (void) ctx;
    (void) signal(SIGXFSZ, SIG_IGN);

    if (db == NULL || getrlimit(RLIMIT_FSIZE, &none) != 0) {
        return 1;
    }

    limit.rlim_max = none.rlim_max;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return 1;
    }

    n = put_until_full(db, &rc, why);

    if (rc != GH_FULL || strstr(why, "file size limit") == NULL) {
        (void) fprintf(stderr, "%u: %d %s\n", n, (int) rc, why);
        return 2;
    }

    /* room again: the same open store goes on */
    if (setrlimit(RLIMIT_FSIZE, &none) != 0 || child_writes(db, &w, 1) != GH_OK
        || w.rc != GH_OK)
    {
        return 3;
    }

    gh_lmdb_close(db);

    return 0;
}


static void
a_file_size_limit_refuses_the_write_and_nothing_else(void **state)
{
    (void) state;

    fill(1);
    assert_int_equal(gh_test_wait(gh_test_fork(write_beyond_a_limit, NULL)),
                     0);

    gh_lmdb_t *db = gh_test_lmdb_open();

    gh_test_assert_value(db, "alice", "v");
    gh_lmdb_close(db);
}


/* A file system of its own, where nobody else sees it. */
static bool
mount_small_disk(const char *path)
{
    return unshare(CLONE_NEWNS) == 0
           && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0
           && mount("tmpfs", path, "tmpfs", 0, "size=2m,mode=700") == 0;
}


static int
write_to_a_full_disk(void *ctx)
{
    char why[GH_LMDB_WHY], other[GH_LMDB_WHY], name[32];
    gh_write_t w = gh_test_put("alice", "v");
    gh_lmdb_t *db;
    gh_rc_t rc;

    (void) ctx;

    if (!mount_small_disk(gh_test_path("."))) {
        return SKIP;
    }

    db = child_opens();
    if (db == NULL || child_writes(db, &w, 1) != GH_OK) {
        return 1;
    }

    unsigned n = put_until_full(db, &rc, why);

    if (n < 100 || rc != GH_FULL || strstr(why, "no space left") == NULL) {
        (void) fprintf(stderr, "%u: %d %s\n", n, (int) rc, why);
        return 2;
    }

    /* what was acknowledged is there, the refused one is not, also later */
    for (unsigned round = 0; round < 2; round++) {
        gh_buf_t out = GH_BUF(other);

        (void) snprintf(name, sizeof(name), "filler%06u", n);

        if (gh_lmdb_get(db, GH_KIND_KEY, GH_STR("alice"), T0, &out, NULL, NULL)
                != GH_OK
            || gh_lmdb_get(db, GH_KIND_KEY, gh_str(name), T0, &out, NULL, NULL)
                   != GH_ABSENT)
        {
            return 3;
        }

        gh_lmdb_close(db);
        if ((db = child_opens()) == NULL) {
            return 4;
        }
    }

    gh_lmdb_close(db);

    return 0;
}


static void
a_full_disk_refuses_the_write_and_loses_nothing(void **state)
{
    (void) state;
    int result = gh_test_wait(gh_test_fork(write_to_a_full_disk, NULL));

    if (result == SKIP) {
        skip();
    }

    assert_int_equal(result, 0);
}


static int
open_on_a_read_only_disk(void *ctx)
{
    gh_lmdb_options_t o = gh_test_lmdb_options();
    char why[GH_LMDB_WHY];
    gh_write_t w = gh_test_put("alice", "v");
    gh_lmdb_t *db;

    (void) ctx;

    if (!mount_small_disk(gh_test_path("."))) {
        return SKIP;
    }

    db = child_opens();
    if (db == NULL || child_writes(db, &w, 1) != GH_OK) {
        return 1;
    }
    gh_lmdb_close(db);

    if (mount("none", gh_test_path("."), NULL, MS_REMOUNT | MS_RDONLY, NULL)
        != 0) {
        return 2;
    }

    if (gh_lmdb_open(&o, &db, why, sizeof(why)) != GH_UNAVAILABLE
        || strstr(why, "mounted read-only") == NULL)
    {
        (void) fprintf(stderr, "%s\n", why);
        return 3;
    }

    return 0;
}


static void
a_disk_mounted_read_only_has_its_sentence(void **state)
{
    (void) state;
    int result = gh_test_wait(gh_test_fork(open_on_a_read_only_disk, NULL));

    if (result == SKIP) {
        skip();
    }

    assert_int_equal(result, 0);
}


static int
open_with_little_memory(void *ctx)
{
    struct rlimit limit = { 1u << 30, 1u << 30 };
    gh_lmdb_options_t o = gh_test_lmdb_options();
    char why[GH_LMDB_WHY];
    gh_lmdb_t *db;

    (void) ctx;
    o.map_bytes = 0;

    if (setrlimit(RLIMIT_AS, &limit) != 0) {
        return 1;
    }

    if (gh_lmdb_open(&o, &db, why, sizeof(why)) != GH_UNAVAILABLE
        || strstr(why, "map of 16384 MiB") == NULL)
    {
        (void) fprintf(stderr, "%s\n", why);
        return 2;
    }

    return 0;
}


static void
a_map_that_does_not_fit_is_said_to_be_too_large(void **state)
{
    (void) state;

#if defined(__SANITIZE_ADDRESS__)
    skip(); /* the sanitizer's own map does not fit either */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    skip();
#endif
#endif

    assert_int_equal(gh_test_wait(gh_test_fork(open_with_little_memory, NULL)),
                     0);
}


static int
begin(void **state)
{
    (void) state;
    (void) gh_test_dir();

    return 0;
}


static int
end(void **state)
{
    (void) state;
    gh_test_dir_end();

    return 0;
}


#define STORY(name) cmocka_unit_test_setup_teardown(name, begin, end)


int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(kill_9_amid_writes_loses_nothing_acknowledged),
        STORY(who_dies_holding_the_lock_does_not_keep_it),
        STORY(slots_of_readers_that_died_are_cleared),
        STORY(i9_of_several_processes_that_change_one_record_none_is_lost),
        STORY(several_processes_together_take_no_more_than_the_limit),
        STORY(one_of_several_processes_gets_the_claim),
        STORY(a_truncated_file_is_not_opened),
        STORY(how_much_of_a_truncated_file_is_missing_is_said),
        STORY(a_file_whose_last_pages_were_given_back_is_not_truncated),
        STORY(a_store_whose_file_is_gone_or_empty_does_not_begin_anew),
        STORY(a_store_that_died_in_its_first_moment_is_made_again),
        STORY(a_file_of_something_else_is_not_touched),
        STORY(a_store_of_another_layout_is_not_opened),
        STORY(an_lmdb_file_of_another_program_is_not_opened),
        STORY(a_damaged_value_is_never_given_out),
        STORY(h3_a_value_moved_to_another_name_does_not_hold),
        STORY(a_file_replaced_under_us_is_noticed),
        STORY(a_larger_map_of_another_process_is_taken_over),
        STORY(a_directory_open_to_others_is_refused),
        STORY(what_is_not_a_directory_or_lies_nowhere_is_refused),
        STORY(files_open_to_others_are_refused),
        STORY(files_are_made_for_their_owner_alone),
        STORY(a_store_of_another_user_is_refused),
        STORY(what_root_makes_belongs_to_the_owner),
        STORY(root_gives_away_only_an_empty_directory),
        STORY(somebody_else_is_told_to_be_the_owner),
        STORY(a_full_map_takes_no_records_but_still_revokes_and_deletes),
        STORY(one_write_too_large_for_a_full_map_does_not_hinder_its_batch),
        STORY(a_file_size_limit_refuses_the_write_and_nothing_else),
        STORY(a_full_disk_refuses_the_write_and_loses_nothing),
        STORY(a_disk_mounted_read_only_has_its_sentence),
        STORY(a_map_that_does_not_fit_is_said_to_be_too_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
