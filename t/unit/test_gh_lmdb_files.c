/*
 * The files of the embedded store when they are cut, damaged, replaced or
 * somebody else's. None is opened by mistake, and each fault has its
 * sentence.
 */

#include "gh_test_lmdb.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>


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


static void
a_truncated_file_is_not_opened(void **state)
{
    (void) state;
    gh_lmdb_options_t o = gh_test_lmdb_options();
    char why[GH_LMDB_WHY];
    off_t size;

    gh_test_lmdb_fill(200);
    size = size_of(gh_test_path("store/data.mdb"));
    assert_true(size > 20 * 4096);

    /* the tail may be room for later; the sixth page is not */
    for (off_t cut = 6 * 4096; cut > 0; cut -= 3000) {
        assert_int_equal(truncate(gh_test_path("store/data.mdb"), cut), 0);
        assert_int_equal(gh_test_lmdb_open_fails(&o, why), GH_INVALID);
    }

    assert_int_equal(truncate(gh_test_path("store/data.mdb"), 6 * 4096), 0);
    gh_test_lmdb_open_says("is no LMDB file",
                           GH_INVALID); /* its head is gone */
}


static void
how_much_of_a_truncated_file_is_missing_is_said(void **state)
{
    (void) state;

    gh_test_lmdb_fill(200);
    assert_int_equal(truncate(gh_test_path("store/data.mdb"), 24576), 0);
    gh_test_lmdb_open_says(
        "data.mdb is truncated: it has 24576 bytes and needs", GH_INVALID);
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
    gh_test_lmdb_fill(30);
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

    gh_test_lmdb_fill(1);
    assert_int_equal(truncate(gh_test_path("store/data.mdb"), 0), 0);
    gh_test_lmdb_open_says("held a store, but data.mdb is missing or empty",
                           GH_INVALID);

    assert_int_equal(unlink(gh_test_path("store/data.mdb")), 0);
    gh_test_lmdb_open_says("held a store, but data.mdb is missing or empty",
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

    gh_test_lmdb_open_says("is no LMDB file", GH_INVALID);
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

    gh_test_lmdb_fill(1);
    meddle("meta", "layout", "2");
    gh_test_lmdb_open_says("has layout 2, this Gatehouse reads layout 1",
                           GH_INVALID);

    meddle("meta", "layout", "one");
    gh_test_lmdb_open_says("has layout 0", GH_INVALID);
}


static void
an_lmdb_file_of_another_program_is_not_opened(void **state)
{
    (void) state;

    assert_int_equal(mkdir(gh_test_path("store"), 0700), 0);
    meddle(NULL, "dn", "dc=example");
    gh_test_lmdb_open_says("of another program", GH_INVALID);
    gh_test_dir_end();

    (void) gh_test_dir();
    assert_int_equal(mkdir(gh_test_path("store"), 0700), 0);
    meddle(NULL, "meta", "data");
    gh_test_lmdb_open_says("of another program", GH_INVALID);
}


static bool
count_name(void *ctx, gh_str_t name)
{
    unsigned *n = ctx;

    *n += gh_str_eq(name, GH_STR("alice"));

    return true;
}


static bool
count_record(void *ctx, gh_str_t name, gh_str_t value, uint64_t version)
{
    (void) value;
    (void) version;

    return count_name(ctx, name);
}


/* A walk over values passes it over; one over names does not. */
static void
assert_named_but_not_shown(gh_lmdb_t *db)
{
    unsigned named = 0, shown = 0;

    assert_int_equal(gh_lmdb_names(db, GH_KIND_KEY, count_name, &named),
                     GH_OK);
    assert_int_equal(
        gh_lmdb_each(db, GH_KIND_KEY, GH_STR(""), count_record, &shown),
        GH_OK);
    assert_int_equal(named, 1);
    assert_int_equal(shown, 0);
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
    assert_named_but_not_shown(db);

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

    gh_test_lmdb_fill(1);

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
    gh_test_lmdb_open_says("is writable by others than its owner",
                           GH_UNAVAILABLE);

    assert_int_equal(chmod(gh_test_path("store"), 01777), 0);
    gh_test_lmdb_open_says("is writable by others than its owner",
                           GH_UNAVAILABLE);
}


static void
what_is_not_a_directory_or_lies_nowhere_is_refused(void **state)
{
    (void) state;
    gh_lmdb_options_t o = gh_test_lmdb_options();
    char why[GH_LMDB_WHY], longest[PATH_MAX + 1];

    write_file(gh_test_path("store"), "x", 1);
    gh_test_lmdb_open_says("cannot be opened: Not a directory",
                           GH_UNAVAILABLE);

    o.directory = gh_str(gh_test_path("no/where"));
    assert_int_equal(gh_test_lmdb_open_fails(&o, why), GH_UNAVAILABLE);
    assert_non_null(strstr(why, "cannot be made: No such file"));

    o.directory = GH_STR("");
    assert_int_equal(gh_test_lmdb_open_fails(&o, why), GH_INVALID);

    memset(longest, 'a', sizeof(longest));
    o.directory = (gh_str_t){ longest, sizeof(longest) };
    assert_int_equal(gh_test_lmdb_open_fails(&o, why), GH_INVALID);
}


static void
files_open_to_others_are_refused(void **state)
{
    (void) state;

    gh_test_lmdb_fill(1);
    assert_int_equal(chmod(gh_test_path("store/data.mdb"), 0640), 0);
    gh_test_lmdb_open_says("data.mdb is open to others", GH_UNAVAILABLE);

    assert_int_equal(chmod(gh_test_path("store/data.mdb"), 0600), 0);
    assert_int_equal(chmod(gh_test_path("store/lock.mdb"), 0606), 0);
    gh_test_lmdb_open_says("lock.mdb is open to others", GH_UNAVAILABLE);

    assert_int_equal(unlink(gh_test_path("store/lock.mdb")), 0);
    assert_int_equal(symlink("data.mdb", gh_test_path("store/lock.mdb")), 0);
    gh_test_lmdb_open_says("lock.mdb is not a file", GH_INVALID);
}


static void
files_are_made_for_their_owner_alone(void **state)
{
    (void) state;
    static const char *const names[] = { "store/data.mdb", "store/lock.mdb",
                                         "store/gatehouse.store" };
    mode_t before = umask(0);
    struct stat st;

    gh_test_lmdb_fill(1);
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

    gh_test_lmdb_fill(1);
    path = gh_test_path("store/data.mdb");
    assert_int_equal(chown(path, STRANGER, STRANGER), 0);
    gh_test_lmdb_open_says(
        "data.mdb belongs to user 12345, the store's owner is "
        "user 0",
        GH_UNAVAILABLE);

    path = gh_test_path("store");
    assert_int_equal(chown(path, STRANGER, STRANGER), 0);
    gh_test_lmdb_open_says(
        "belongs to user 12345, the store's owner is user 0: "
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


#define STORY(name)                                                           \
    cmocka_unit_test_setup_teardown(name, gh_test_dir_setup,                  \
                                    gh_test_dir_teardown)


int
main(void)
{
    const struct CMUnitTest tests[] = {
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
