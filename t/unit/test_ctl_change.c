/*
 * The history of changes: numbered without holes, and bounded.
 */

#include "gh_test.h"
#include "gh_test_lmdb.h"

#include "change.h"


static uint64_t
change(ctl_t *c)
{
    ctl_change_t line;

    ctl_change_begin(c, &line, "suspend", "consumer acme");
    assert_int_equal(ctl_change_write(c, &line), CTL_DONE);

    return c->change;
}


static bool
is_kept(ctl_t *c, uint64_t id)
{
    gh_change_t line;

    return ctl_change_read(c, id, &line) == GH_OK && line.id == id;
}


static void
the_history_keeps_the_last_ten_thousand_changes(void **state)
{
    ctl_t c = { .who = "alice", .db = gh_test_lmdb_open() };
    gh_write_t counter = gh_test_put("changes", "9998");

    (void) state;

    assert_int_equal(change(&c), 1);
    assert_int_equal(change(&c), 2);

    counter.kind = GH_KIND_META;
    assert_int_equal(gh_test_write(c.db, &counter), GH_OK);
    assert_int_equal(change(&c), 9999);
    assert_int_equal(change(&c), 10000);
    assert_true(is_kept(&c, 1));

    assert_int_equal(change(&c), 10001);
    assert_false(is_kept(&c, 1));
    assert_true(is_kept(&c, 2));

    assert_int_equal(change(&c), 10002);
    assert_false(is_kept(&c, 2));
    assert_true(is_kept(&c, 9999));

    /* one that is gone already is no obstacle */
    assert_int_equal(change(&c), 10003);
    assert_true(is_kept(&c, 10003));

    gh_lmdb_close(c.db);
    ctl_arena_clear(&c.arena);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            the_history_keeps_the_last_ten_thousand_changes, gh_test_dir_setup,
            gh_test_dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
