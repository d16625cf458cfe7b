/*
 * The embedded store without room: a full map, a full disk, limits of the
 * system. A write that cannot be done is refused, and nothing else happens.
 */

#include "gh_test_lmdb.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>


#define SKIP 77 /* exit status of a child that may not mount */


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
    gh_lmdb_t *db = gh_test_lmdb_child();
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
    if (setrlimit(RLIMIT_FSIZE, &none) != 0
        || gh_test_write_all(db, &w, 1) != GH_OK || w.rc != GH_OK)
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

    gh_test_lmdb_fill(1);
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

    db = gh_test_lmdb_child();
    if (db == NULL || gh_test_write_all(db, &w, 1) != GH_OK) {
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
        if ((db = gh_test_lmdb_child()) == NULL) {
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

    db = gh_test_lmdb_child();
    if (db == NULL || gh_test_write_all(db, &w, 1) != GH_OK) {
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


#define STORY(name)                                                           \
    cmocka_unit_test_setup_teardown(name, gh_test_dir_setup,                  \
                                    gh_test_dir_teardown)


int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_full_map_takes_no_records_but_still_revokes_and_deletes),
        STORY(one_write_too_large_for_a_full_map_does_not_hinder_its_batch),
        STORY(a_file_size_limit_refuses_the_write_and_nothing_else),
        STORY(a_full_disk_refuses_the_write_and_loses_nothing),
        STORY(a_disk_mounted_read_only_has_its_sentence),
        STORY(a_map_that_does_not_fit_is_said_to_be_too_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
