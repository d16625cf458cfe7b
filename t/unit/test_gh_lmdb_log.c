/*
 * The change log of the embedded store, what expires from it, and how its
 * records are listed.
 */

#include "gh_test_dir.h"
#include "gh_test_lmdb.h"


static void
the_log_tells_of_each_change_once_and_in_order(void **state)
{
    (void) state;
    gh_store_change_t lines[8];
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w[4];
    uint64_t last;
    size_t got;

    assert_int_equal(gh_lmdb_changes(db, 0, lines, 8, &got), GH_OK);
    assert_int_equal(got, 0);

    for (size_t i = 0; i < 4; i++) {
        static const char *const names[] = { "a", "quiet", "c", "d" };
        w[i] = gh_test_put(names[i], "v");
        w[i].log = i != 1;
    }

    w[2].kind = GH_KIND_REVOKED;
    w[3].if_version = 9; /* refused: nothing changed */

    assert_int_equal(gh_test_write_all(db, w, 4), GH_OK);
    assert_int_equal(gh_lmdb_sequence(db, &last), GH_OK);
    assert_int_equal(last, 2);

    assert_int_equal(gh_lmdb_changes(db, 0, lines, 8, &got), GH_OK);
    assert_int_equal(got, 2);
    assert_int_equal(lines[0].sequence, 1);
    assert_int_equal(lines[0].kind, GH_KIND_KEY);
    assert_true(lines[0].name_hash
                == gh_store_name_hash(GH_KIND_KEY, GH_STR("a")));
    assert_int_equal(lines[1].sequence, 2);
    assert_int_equal(lines[1].kind, GH_KIND_REVOKED);

    assert_int_equal(gh_lmdb_changes(db, 1, lines, 8, &got), GH_OK);
    assert_int_equal(got, 1);
    assert_int_equal(lines[0].sequence, 2);

    assert_int_equal(gh_lmdb_changes(db, 0, lines, 1, &got), GH_OK);
    assert_int_equal(got, 1);

    gh_lmdb_close(db);
}


static void
the_log_goes_on_after_closing(void **state)
{
    (void) state;
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w = gh_test_put("a", "v");
    uint64_t last;

    w.log = true;
    assert_int_equal(gh_test_write(db, &w), GH_OK);
    gh_lmdb_close(db);

    db = gh_test_lmdb_open();
    assert_int_equal(gh_test_write(db, &w), GH_OK);
    assert_int_equal(gh_lmdb_sequence(db, &last), GH_OK);
    assert_int_equal(last, 2);

    gh_lmdb_close(db);
}


static void
who_is_too_far_behind_is_told_of_the_gap(void **state)
{
    (void) state;
    static gh_write_t w[GH_LMDB_BATCH_MAX];
    gh_store_change_t line;
    gh_lmdb_t *db = gh_test_lmdb_open();
    uint64_t last;
    size_t got;

    for (size_t i = 0; i < GH_LMDB_BATCH_MAX; i++) {
        w[i] = gh_test_put("a", "v");
        w[i].log = true;
    }

    for (size_t i = 0; i < GH_LMDB_LOG_KEPT / GH_LMDB_BATCH_MAX; i++) {
        assert_int_equal(gh_test_write_all(db, w, GH_LMDB_BATCH_MAX), GH_OK);
    }

    assert_int_equal(gh_lmdb_sequence(db, &last), GH_OK);
    assert_int_equal(last, GH_LMDB_LOG_KEPT);
    assert_int_equal(gh_lmdb_changes(db, 0, &line, 1, &got), GH_OK);
    assert_int_equal(line.sequence, 1);

    /* three more, and the first three are gone */
    assert_int_equal(gh_test_write_all(db, w, 3), GH_OK);
    assert_int_equal(gh_lmdb_changes(db, 0, &line, 1, &got), GH_ABSENT);
    assert_int_equal(gh_lmdb_changes(db, 2, &line, 1, &got), GH_ABSENT);
    assert_int_equal(got, 0);
    assert_int_equal(gh_lmdb_changes(db, 3, &line, 1, &got), GH_OK);
    assert_int_equal(line.sequence, 4);

    gh_lmdb_close(db);
}


static void
a_log_that_ends_before_it_was_followed_is_a_gap(void **state)
{
    (void) state;
    gh_store_change_t line;
    gh_lmdb_t *db = gh_test_lmdb_open();
    size_t got;

    /* a backup was restored, or it is another store */
    assert_int_equal(gh_lmdb_changes(db, 1, &line, 1, &got), GH_ABSENT);

    gh_lmdb_close(db);
}


static void
what_has_expired_is_removed_and_the_log_tells_of_it(void **state)
{
    (void) state;
    gh_store_change_t lines[4];
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_lmdb_stats_t stats;
    gh_write_t w[3];
    size_t got;
    int cleared;

    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = { "logged", "quiet", "later" };
        w[i] = gh_test_put(names[i], "v");
        w[i].log = i == 0;
        w[i].ttl_s = i == 2 ? 120 : 60;
    }

    assert_int_equal(gh_test_write_all(db, w, 3), GH_OK);

    /* put again with another time: the old one counts no more */
    w[1].now_s = T0 + 1;
    w[1].ttl_s = 10;
    assert_int_equal(gh_test_write(db, &w[1]), GH_OK);

    assert_int_equal(gh_lmdb_tidy(db, T0 + 10, &cleared), GH_OK);
    assert_int_equal(gh_lmdb_stats(db, &stats), GH_OK);
    assert_int_equal(stats.records, 3);

    assert_int_equal(gh_lmdb_tidy(db, T0 + 11, &cleared), GH_OK);
    assert_int_equal(gh_lmdb_stats(db, &stats), GH_OK);
    assert_int_equal(stats.records, 2);
    assert_int_equal(stats.sequence, 1);

    assert_int_equal(gh_lmdb_tidy(db, T0 + 60, &cleared), GH_OK);
    assert_int_equal(gh_lmdb_stats(db, &stats), GH_OK);
    assert_int_equal(stats.records, 1);
    assert_int_equal(gh_lmdb_changes(db, 1, lines, 4, &got), GH_OK);
    assert_int_equal(got, 1);
    assert_true(lines[0].name_hash
                == gh_store_name_hash(GH_KIND_KEY, GH_STR("logged")));
    assert_int_equal(cleared, 0);

    gh_lmdb_close(db);
}


static void
a_record_whose_time_was_taken_off_is_not_removed(void **state)
{
    (void) state;
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w = gh_test_put("alice", "v");
    int cleared;

    w.ttl_s = 60;
    assert_int_equal(gh_test_write(db, &w), GH_OK);
    w.ttl_s = 0;
    assert_int_equal(gh_test_write(db, &w), GH_OK);

    assert_int_equal(gh_lmdb_tidy(db, T0 + 3600, &cleared), GH_OK);
    gh_test_assert_value(db, "alice", "v");

    gh_lmdb_close(db);
}


typedef struct {
    char text[64];
    size_t n, stop_after;
} listing_t;


static bool
list(void *ctx, gh_str_t name, gh_str_t value, uint64_t version)
{
    listing_t *l = ctx;
    size_t at = strlen(l->text);

    assert_str(value, "v");
    assert_true(version > 0);
    (void) snprintf(l->text + at, sizeof(l->text) - at, "%.*s ",
                    (int) name.len, name.data);

    return ++l->n != l->stop_after;
}


static void
records_of_a_kind_are_shown_in_the_order_of_their_names(void **state)
{
    (void) state;
    gh_lmdb_t *db = gh_test_lmdb_open();
    listing_t all = { 0 }, after = { 0 }, two = { .stop_after = 2 },
              none = { 0 };
    gh_write_t w[6];

    for (size_t i = 0; i < 6; i++) {
        static const char *const names[] = { "c", "a", "bb", "b", "x", "y" };
        w[i] = gh_test_put(names[i], "v");
    }

    w[4].kind = GH_KIND_KEY_HASH;
    w[5].kind = GH_KIND_MAX - 1;

    assert_int_equal(gh_test_write_all(db, w, 6), GH_OK);

    assert_int_equal(gh_lmdb_each(db, GH_KIND_KEY, GH_STR(""), list, &all),
                     GH_OK);
    assert_string_equal(all.text, "a b bb c ");

    assert_int_equal(gh_lmdb_each(db, GH_KIND_KEY, GH_STR("b"), list, &after),
                     GH_OK);
    assert_string_equal(after.text, "bb c ");

    assert_int_equal(gh_lmdb_each(db, GH_KIND_KEY, GH_STR(""), list, &two),
                     GH_OK);
    assert_string_equal(two.text, "a b ");

    assert_int_equal(
        gh_lmdb_each(db, GH_KIND_REVOKED, GH_STR(""), list, &none), GH_OK);
    assert_string_equal(none.text, "");

    gh_lmdb_close(db);
}


typedef struct {
    gh_lmdb_t *db;
    size_t n;
} nested_t;


static bool
read_again(void *ctx, gh_str_t name, gh_str_t value, uint64_t version)
{
    nested_t *nested = ctx;
    char room[16];
    gh_buf_t out = GH_BUF(room);

    (void) value;
    (void) version;
    assert_int_equal(
        gh_lmdb_get(nested->db, GH_KIND_KEY, name, T0, &out, NULL, NULL),
        GH_OK);
    nested->n++;

    return true;
}


static void
a_record_may_be_read_while_others_are_shown(void **state)
{
    (void) state;
    nested_t nested = { gh_test_lmdb_open(), 0 };
    gh_write_t w[2] = { gh_test_put("a", "v"), gh_test_put("b", "v") };

    assert_int_equal(gh_test_write_all(nested.db, w, 2), GH_OK);
    assert_int_equal(
        gh_lmdb_each(nested.db, GH_KIND_KEY, GH_STR(""), read_again, &nested),
        GH_OK);
    assert_int_equal(nested.n, 2);

    gh_lmdb_close(nested.db);
}


#define STORY(name)                                                           \
    cmocka_unit_test_setup_teardown(name, gh_test_dir_setup,                  \
                                    gh_test_dir_teardown)


int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(the_log_tells_of_each_change_once_and_in_order),
        STORY(the_log_goes_on_after_closing),
        STORY(who_is_too_far_behind_is_told_of_the_gap),
        STORY(a_log_that_ends_before_it_was_followed_is_a_gap),
        STORY(what_has_expired_is_removed_and_the_log_tells_of_it),
        STORY(a_record_whose_time_was_taken_off_is_not_removed),
        STORY(records_of_a_kind_are_shown_in_the_order_of_their_names),
        STORY(a_record_may_be_read_while_others_are_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
