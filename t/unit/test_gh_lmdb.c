/*
 * The embedded store as its callers see it, on real files: records and their
 * versions, claims, counters, groups. What happens to files and to processes
 * is told beside this one.
 */

#include "gh_test_dir.h"
#include "gh_test_lmdb.h"


static void
a_record_is_read_as_it_was_written(void **state)
{
    (void) state;
    char room[64];
    gh_buf_t out = GH_BUF(room);
    gh_lmdb_record_t record;
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w = gh_test_put("alice", "wonder\0land");

    w.value = (gh_str_t){ "wonder\0land", 11 };
    assert_int_equal(gh_test_write(db, &w), GH_OK);

    assert_int_equal(
        gh_lmdb_read(db, GH_KIND_KEY, GH_STR("alice"), T0, &out, &record),
        GH_OK);
    assert_int_equal(out.len, 11);
    assert_memory_equal(out.data, "wonder\0land", 11);
    assert_true(record.version == w.version);
    assert_true(record.version != 0);
    assert_int_equal(record.expires_at_s, 0);

    gh_lmdb_close(db);
}


static void
a_record_is_known_by_kind_and_name_together(void **state)
{
    (void) state;
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w = gh_test_put("alice", "key");

    assert_int_equal(gh_test_write(db, &w), GH_OK);

    assert_int_equal(gh_test_get(db, GH_KIND_REVOKED, "alice"), GH_ABSENT);
    assert_int_equal(gh_test_get(db, GH_KIND_KEY, "alic"), GH_ABSENT);
    assert_int_equal(gh_test_get(db, GH_KIND_KEY, "alice"), GH_OK);

    gh_lmdb_close(db);
}


static void
what_was_written_is_there_after_closing(void **state)
{
    (void) state;
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w = gh_test_put("alice", "wonderland");

    assert_int_equal(gh_test_write(db, &w), GH_OK);
    gh_lmdb_close(db);

    db = gh_test_lmdb_open();
    gh_test_assert_value(db, "alice", "wonderland");
    gh_lmdb_close(db);
}


static void
a_value_too_long_for_the_room_says_how_long_it_is(void **state)
{
    (void) state;
    char room[4];
    gh_buf_t out = GH_BUF(room);
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w = gh_test_put("alice", "wonderland");
    uint64_t version;
    size_t need;

    assert_int_equal(gh_test_write(db, &w), GH_OK);
    assert_int_equal(gh_lmdb_get(db, GH_KIND_KEY, GH_STR("alice"), T0, &out,
                                 &version, &need),
                     GH_TOO_LONG);
    assert_int_equal(need, 10);
    assert_int_equal(out.len, 0);

    gh_lmdb_close(db);
}


static void
names_and_values_have_bounds(void **state)
{
    (void) state;
    static char big[GH_STORE_VALUE_MAX + 1];
    char name[GH_STORE_NAME_MAX + 1];
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w[6];

    memset(big, 'v', sizeof(big));
    memset(name, 'n', sizeof(name));

    for (size_t i = 0; i < 6; i++) {
        w[i] = gh_test_put("n", "v");
    }

    w[0].name = (gh_str_t){ name, GH_STORE_NAME_MAX };
    w[0].value = (gh_str_t){ big, GH_STORE_VALUE_MAX };
    w[1].name = (gh_str_t){ name, GH_STORE_NAME_MAX + 1 };
    w[2].name = (gh_str_t){ name, 0 };
    w[3].value = (gh_str_t){ big, GH_STORE_VALUE_MAX + 1 };
    w[4].kind = GH_KIND_MAX;
    w[5].value = (gh_str_t){ NULL, 0 };

    assert_int_equal(gh_test_write_all(db, w, 6), GH_OK);
    assert_int_equal(w[0].rc, GH_OK);
    assert_int_equal(w[1].rc, GH_TOO_LONG);
    assert_int_equal(w[2].rc, GH_INVALID);
    assert_int_equal(w[3].rc, GH_TOO_LONG);
    assert_int_equal(w[4].rc, GH_INVALID);
    assert_int_equal(w[5].rc, GH_OK);
    gh_test_assert_value(db, "n", "");

    gh_lmdb_close(db);
}


static void
a_put_that_expects_another_version_is_a_conflict(void **state)
{
    (void) state;
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t first = gh_test_put("orders/v2", "blue"), second = first;

    first.if_version = 0;
    assert_int_equal(gh_test_write(db, &first), GH_OK);

    second.value = GH_STR("green");
    second.if_version = first.version;
    assert_int_equal(gh_test_write(db, &second), GH_OK);
    assert_true(second.version > first.version);

    /* whoever still thinks of the first */
    first.if_version = first.version;
    assert_int_equal(gh_test_write(db, &first), GH_CONFLICT);
    assert_true(first.version == second.version);
    gh_test_assert_value(db, "orders/v2", "green");

    first.type = GH_WRITE_DELETE;
    first.if_version = 1;
    assert_int_equal(gh_test_write(db, &first), GH_CONFLICT);

    gh_lmdb_close(db);
}


static void
a_put_that_must_be_the_first_is_one(void **state)
{
    (void) state;
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w = gh_test_put("7f3a", "a key");

    w.if_version = 0;
    assert_int_equal(gh_test_write(db, &w), GH_OK);
    assert_int_equal(gh_test_write(db, &w), GH_CONFLICT);

    gh_lmdb_close(db);
}


static void
a_version_is_not_used_again_after_a_deletion(void **state)
{
    (void) state;
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w = gh_test_put("orders/v2", "blue");
    uint64_t old;

    assert_int_equal(gh_test_write(db, &w), GH_OK);
    old = w.version;

    w.type = GH_WRITE_DELETE;
    assert_int_equal(gh_test_write(db, &w), GH_OK);
    assert_int_equal(gh_test_get(db, GH_KIND_KEY, "orders/v2"), GH_ABSENT);
    assert_int_equal(gh_test_write(db, &w), GH_ABSENT);

    w.type = GH_WRITE_PUT;
    assert_int_equal(gh_test_write(db, &w), GH_OK);

    w.if_version = old;
    assert_int_equal(gh_test_write(db, &w), GH_CONFLICT);

    gh_lmdb_close(db);
}


static void
two_writes_of_one_batch_have_two_versions(void **state)
{
    (void) state;
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w[2] = { gh_test_put("a", "1"), gh_test_put("a", "2") }, next;

    assert_int_equal(gh_test_write_all(db, w, 2), GH_OK);
    assert_true(w[1].version > w[0].version);

    next = gh_test_put("a", "3");
    next.if_version = w[0].version;
    assert_int_equal(gh_test_write(db, &next), GH_CONFLICT);
    next.if_version = w[1].version;
    assert_int_equal(gh_test_write(db, &next), GH_OK);
    assert_true(next.version > w[1].version);

    gh_lmdb_close(db);
}


static void
a_record_with_a_time_to_live_is_absent_when_it_is_over(void **state)
{
    (void) state;
    char room[64];
    gh_buf_t out = GH_BUF(room);
    gh_lmdb_record_t record;
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w = gh_test_put("acme", "suspended");

    w.ttl_s = 60;
    assert_int_equal(gh_test_write(db, &w), GH_OK);

    assert_int_equal(
        gh_lmdb_read(db, GH_KIND_KEY, GH_STR("acme"), T0 + 59, &out, &record),
        GH_OK);
    assert_int_equal(record.expires_at_s, T0 + 60);
    assert_int_equal(
        gh_lmdb_read(db, GH_KIND_KEY, GH_STR("acme"), T0 + 60, &out, &record),
        GH_ABSENT);

    /* and may be put again as if it had never been */
    w.now_s = T0 + 60;
    w.if_version = 0;
    assert_int_equal(gh_test_write(db, &w), GH_OK);

    gh_lmdb_close(db);
}


static void
a_claim_is_held_by_one_until_it_expires(void **state)
{
    (void) state;
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w = gh_test_put("refresh", "worker 1");

    w.type = GH_WRITE_CLAIM;
    w.kind = GH_KIND_CLAIM;
    w.ttl_s = 10;
    assert_int_equal(gh_test_write(db, &w), GH_OK);

    w.now_s = T0 + 9;
    assert_int_equal(gh_test_write(db, &w), GH_CONFLICT);

    w.now_s = T0 + 10;
    assert_int_equal(gh_test_write(db, &w), GH_OK);

    gh_lmdb_close(db);
}


static void
a_claim_given_back_is_free(void **state)
{
    (void) state;
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w = gh_test_put("refresh", "worker 1"), back;

    w.type = GH_WRITE_CLAIM;
    w.ttl_s = 10;
    assert_int_equal(gh_test_write(db, &w), GH_OK);

    back = w;
    back.type = GH_WRITE_DELETE;
    back.if_version = w.version;
    assert_int_equal(gh_test_write(db, &back), GH_OK);
    assert_int_equal(gh_test_write(db, &w), GH_OK);

    /* not by one whose claim ran out and was taken by another */
    assert_int_equal(gh_test_write(db, &back), GH_CONFLICT);

    gh_lmdb_close(db);
}


static void
a_clock_set_back_does_not_hold_a_claim_for_ever(void **state)
{
    (void) state;
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w = gh_test_put("refresh", "worker 1");

    w.type = GH_WRITE_CLAIM;
    w.ttl_s = 10;
    assert_int_equal(gh_test_write(db, &w), GH_OK);

    w.now_s = T0 - 5;
    assert_int_equal(gh_test_write(db, &w), GH_CONFLICT);

    w.now_s = T0 - 86400;
    assert_int_equal(gh_test_write(db, &w), GH_OK);

    gh_lmdb_close(db);
}


static void
a_counter_grants_no_more_than_its_limit(void **state)
{
    (void) state;
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w = gh_test_put("month", "");

    w.type = GH_WRITE_TAKE;
    w.n = 40;
    w.limit = 100;

    assert_int_equal(gh_test_write(db, &w), GH_OK);
    assert_int_equal(w.granted, 40);
    assert_int_equal(gh_test_write(db, &w), GH_OK);
    assert_int_equal(w.granted, 40);
    assert_int_equal(w.left, 20);
    assert_int_equal(gh_test_write(db, &w), GH_OK);
    assert_int_equal(w.granted, 20);
    assert_int_equal(w.left, 0);
    assert_int_equal(gh_test_write(db, &w), GH_OK);
    assert_int_equal(w.granted, 0);
    gh_test_assert_value(db, "month", "100");

    /* a plan made smaller grants nothing more, a larger one the rest */
    w.limit = 50;
    assert_int_equal(gh_test_write(db, &w), GH_OK);
    assert_int_equal(w.granted, 0);

    w.limit = UINT64_MAX;
    w.n = UINT64_MAX;
    assert_int_equal(gh_test_write(db, &w), GH_OK);
    assert_true(w.granted == UINT64_MAX - 100);

    gh_lmdb_close(db);
}


static void
a_counter_grants_nothing_when_less_is_left_than_is_of_use(void **state)
{
    (void) state;
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w = gh_test_put("month", "");

    w.type = GH_WRITE_TAKE;
    w.n = 70;
    w.limit = 100;
    assert_int_equal(gh_test_write(db, &w), GH_OK);
    assert_int_equal(w.granted, 70);

    w.n = 60;
    w.least = 31;
    assert_int_equal(gh_test_write(db, &w), GH_OK);
    assert_int_equal(w.granted, 0);
    assert_int_equal(w.left, 30);
    gh_test_assert_value(db, "month", "70");

    w.least = 30;
    assert_int_equal(gh_test_write(db, &w), GH_OK);
    assert_int_equal(w.granted, 30);
    assert_int_equal(w.left, 0);

    gh_lmdb_close(db);
}


static void
a_counter_expires_by_its_first_take(void **state)
{
    (void) state;
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w = gh_test_put("day", "");

    w.type = GH_WRITE_TAKE;
    w.n = 10;
    w.limit = 10;
    w.ttl_s = 100;
    assert_int_equal(gh_test_write(db, &w), GH_OK);

    w.now_s = T0 + 99;
    assert_int_equal(gh_test_write(db, &w), GH_OK);
    assert_int_equal(w.granted, 0);

    w.now_s = T0 + 100;
    assert_int_equal(gh_test_write(db, &w), GH_OK);
    assert_int_equal(w.granted, 10);

    gh_lmdb_close(db);
}


static void
a_counter_that_is_no_number_grants_nothing(void **state)
{
    (void) state;
    static const char *const junk[] = { "", "-1", "1e3", "full",
                                        "18446744073709551616" };
    gh_lmdb_t *db = gh_test_lmdb_open();

    for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
        gh_write_t put = gh_test_put("month", junk[i]), take = put;

        take.type = GH_WRITE_TAKE;
        take.n = 1;
        take.limit = 100;

        assert_int_equal(gh_test_write(db, &put), GH_OK);
        assert_int_equal(gh_test_write(db, &take), GH_INVALID);
        assert_int_equal(take.granted, 0);
    }

    gh_lmdb_close(db);
}


static void
writes_of_a_group_hold_together(void **state)
{
    (void) state;
    gh_lmdb_t *db = gh_test_lmdb_open();
    uint64_t before, after;
    gh_write_t w[5];

    for (size_t i = 0; i < 5; i++) {
        static const char *const names[] = { "alone", "weights", "history",
                                             "more", "after" };
        w[i] = gh_test_put(names[i], "new");
        w[i].log = true;
    }

    w[1].group = w[2].group = w[3].group = 7;
    w[2].if_version = 12345; /* somebody was faster */

    assert_int_equal(gh_lmdb_sequence(db, &before), GH_OK);
    assert_int_equal(gh_test_write_all(db, w, 5), GH_OK);

    assert_int_equal(w[0].rc, GH_OK);
    assert_int_equal(w[1].rc, GH_CONFLICT);
    assert_int_equal(w[2].rc, GH_CONFLICT);
    assert_int_equal(w[3].rc, GH_CONFLICT);
    assert_int_equal(w[4].rc, GH_OK);

    gh_test_assert_value(db, "alone", "new");
    gh_test_assert_value(db, "after", "new");
    assert_int_equal(gh_test_get(db, GH_KIND_KEY, "weights"), GH_ABSENT);
    assert_int_equal(gh_test_get(db, GH_KIND_KEY, "more"), GH_ABSENT);

    /* nor does the log tell of what was not done */
    assert_int_equal(gh_lmdb_sequence(db, &after), GH_OK);
    assert_int_equal(after - before, 2);

    w[2].if_version = GH_VERSION_ANY;
    assert_int_equal(gh_test_write_all(db, w, 5), GH_OK);
    gh_test_assert_value(db, "weights", "new");
    gh_test_assert_value(db, "history", "new");
    gh_test_assert_value(db, "more", "new");

    gh_lmdb_close(db);
}


static void
two_groups_side_by_side_do_not_touch_each_other(void **state)
{
    (void) state;
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w[4];

    for (size_t i = 0; i < 4; i++) {
        static const char *const names[] = { "a", "b", "c", "d" };
        w[i] = gh_test_put(names[i], "v");
        w[i].group = i < 2 ? 1 : 2;
    }

    w[0].if_version = 5;

    assert_int_equal(gh_test_write_all(db, w, 4), GH_OK);
    assert_int_equal(w[1].rc, GH_CONFLICT);
    assert_int_equal(w[2].rc, GH_OK);
    assert_int_equal(w[3].rc, GH_OK);
    assert_int_equal(gh_test_get(db, GH_KIND_KEY, "b"), GH_ABSENT);
    assert_int_equal(gh_test_get(db, GH_KIND_KEY, "d"), GH_OK);

    gh_lmdb_close(db);
}


static void
one_batch_is_bounded(void **state)
{
    (void) state;
    static gh_write_t w[GH_LMDB_BATCH_MAX + 1];
    gh_lmdb_t *db = gh_test_lmdb_open();

    for (size_t i = 0; i < GH_LMDB_BATCH_MAX + 1; i++) {
        w[i] = gh_test_put("n", "v");
    }

    assert_int_equal(gh_test_write_all(db, w, GH_LMDB_BATCH_MAX + 1),
                     GH_TOO_LONG);
    assert_int_equal(w[0].rc, GH_TOO_LONG);
    assert_int_equal(gh_test_get(db, GH_KIND_KEY, "n"), GH_ABSENT);

    assert_int_equal(gh_test_write_all(db, w, GH_LMDB_BATCH_MAX), GH_OK);
    assert_int_equal(gh_test_write_all(db, w, 0), GH_OK);

    gh_lmdb_close(db);
}


static void
who_opens_for_reading_cannot_write(void **state)
{
    (void) state;
    gh_lmdb_options_t o = gh_test_lmdb_options();
    char why[GH_LMDB_WHY];
    gh_write_t w = gh_test_put("alice", "v");
    gh_lmdb_t *db;

    /* nor does it make a store where there is none */
    o.read_only = true;
    assert_int_equal(gh_lmdb_open(&o, &db, why, sizeof(why)), GH_UNAVAILABLE);
    assert_non_null(strstr(why, "no store"));

    db = gh_test_lmdb_open();
    assert_int_equal(gh_test_write(db, &w), GH_OK);
    gh_lmdb_close(db);

    assert_int_equal(gh_lmdb_open(&o, &db, why, sizeof(why)), GH_OK);
    gh_test_assert_value(db, "alice", "v");
    assert_int_equal(gh_test_write(db, &w), GH_UNAVAILABLE);

    gh_lmdb_close(db);
}


static void
a_value_that_is_overwritten_for_ever_does_not_grow_the_file(void **state)
{
    (void) state;
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w = gh_test_put("alice", "v");
    gh_lmdb_stats_t early, late;

    /* reads between: a reader that was not reset would pin every page */
    for (unsigned i = 0; i < 300; i++) {
        assert_int_equal(gh_test_write(db, &w), GH_OK);
        assert_int_equal(gh_test_get(db, GH_KIND_KEY, "alice"), GH_OK);

        if (i == 20) {
            assert_int_equal(gh_lmdb_stats(db, &early), GH_OK);
        }
    }

    assert_int_equal(gh_lmdb_stats(db, &late), GH_OK);
    assert_true(late.used_bytes <= early.used_bytes + 4 * 4096);

    gh_lmdb_close(db);
}


#define STORY(name)                                                           \
    cmocka_unit_test_setup_teardown(name, gh_test_dir_setup,                  \
                                    gh_test_dir_teardown)


int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_record_is_read_as_it_was_written),
        STORY(a_record_is_known_by_kind_and_name_together),
        STORY(what_was_written_is_there_after_closing),
        STORY(a_value_too_long_for_the_room_says_how_long_it_is),
        STORY(names_and_values_have_bounds),
        STORY(a_put_that_expects_another_version_is_a_conflict),
        STORY(a_put_that_must_be_the_first_is_one),
        STORY(a_version_is_not_used_again_after_a_deletion),
        STORY(two_writes_of_one_batch_have_two_versions),
        STORY(a_record_with_a_time_to_live_is_absent_when_it_is_over),
        STORY(a_claim_is_held_by_one_until_it_expires),
        STORY(a_claim_given_back_is_free),
        STORY(a_clock_set_back_does_not_hold_a_claim_for_ever),
        STORY(a_counter_grants_no_more_than_its_limit),
        STORY(a_counter_grants_nothing_when_less_is_left_than_is_of_use),
        STORY(a_counter_expires_by_its_first_take),
        STORY(a_counter_that_is_no_number_grants_nothing),
        STORY(writes_of_a_group_hold_together),
        STORY(two_groups_side_by_side_do_not_touch_each_other),
        STORY(one_batch_is_bounded),
        STORY(who_opens_for_reading_cannot_write),
        STORY(a_value_that_is_overwritten_for_ever_does_not_grow_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
