/*
 * The embedded store and processes that die or race: nothing acknowledged
 * is lost, nothing is done twice, and nobody who is dead keeps anything.
 */

#include "gh_test_lmdb.h"
#include "gh_lmdb_users.h"

#include <unistd.h>


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


/* Writes three records of one number at once, for ever. */
static int
write_for_ever(void *ctx)
{
    gh_test_steps_t *s = ctx;
    gh_lmdb_t *db = gh_test_lmdb_child();
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

        if (gh_test_write_all(db, w, 3) != GH_OK) {
            return 2;
        }

        gh_test_step(s->to_parent);
    }
}


static void
kill_9_amid_writes_loses_nothing_acknowledged(void **state)
{
    (void) state;
    uint64_t acknowledged = 0, a, b, c, version, sequence;

    for (unsigned round = 0; round < 25; round++) {
        gh_test_steps_t s;
        char byte;

        gh_test_steps_begin(&s);
        pid_t child = gh_test_fork(write_for_ever, &s);

        for (unsigned i = 0; i <= round * 7 % 11; i++) {
            assert_true(gh_test_await(s.to_parent));
            acknowledged++;
        }

        gh_test_kill(child);

        /* what else it had said by then */
        (void) close(s.to_parent[1]);
        while (read(s.to_parent[0], &byte, 1) == 1) {
            acknowledged++;
        }
        s.to_parent[1] = -1;
        gh_test_steps_end(&s);

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


static void
who_dies_holding_the_lock_does_not_keep_it(void **state)
{
    (void) state;
    gh_test_steps_t s;

    gh_test_steps_begin(&s);

    pid_t child = gh_test_fork(gh_test_hold_lock, &s);
    gh_lmdb_t *db = gh_test_lmdb_open();
    gh_write_t w = gh_test_put("alice", "v");
    uint64_t sequence;

    gh_test_step(s.to_child);
    assert_true(gh_test_await(s.to_parent));

    /* readers never wait for it */
    assert_int_equal(gh_test_get(db, GH_KIND_KEY, "alice"), GH_ABSENT);

    gh_test_kill(child);
    assert_int_equal(gh_test_write(db, &w), GH_OK);

    assert_int_equal(gh_lmdb_sequence(db, &sequence), GH_OK);
    assert_int_equal(sequence, 0);
    assert_int_equal(gh_test_get(db, GH_KIND_KEY, "torn"), GH_ABSENT);

    gh_lmdb_close(db);
    gh_test_steps_end(&s);
}


static int
read_and_stay(void *ctx)
{
    gh_test_steps_t *s = ctx;
    gh_lmdb_t *db;

    if (!gh_test_await(s->to_child) || (db = gh_test_lmdb_child()) == NULL
        || gh_lmdb_look(db) != 0)
    {
        return 1;
    }

    gh_test_step(s->to_parent);
    (void) gh_test_await(s->to_child);

    return 0;
}


static void
slots_of_readers_that_died_are_cleared(void **state)
{
    (void) state;
    gh_test_steps_t s;
    int cleared = 0;

    gh_test_steps_begin(&s);

    pid_t child = gh_test_fork(read_and_stay, &s);
    gh_lmdb_t *db = gh_test_lmdb_open();

    gh_test_step(s.to_child);
    assert_true(gh_test_await(s.to_parent));

    assert_int_equal(gh_lmdb_tidy(db, T0, &cleared), GH_OK);
    assert_int_equal(cleared, 0);

    gh_test_kill(child);

    assert_int_equal(gh_lmdb_tidy(db, T0, &cleared), GH_OK);
    assert_int_equal(cleared, 1);
    assert_int_equal(gh_lmdb_tidy(db, T0, &cleared), GH_OK);
    assert_int_equal(cleared, 0);

    gh_lmdb_close(db);
    gh_test_steps_end(&s);
}


static void
who_reads_the_store_is_counted_until_he_dies(void **state)
{
    (void) state;
    gh_test_steps_t s;
    unsigned n = 7;

    gh_test_steps_begin(&s);

    pid_t child = gh_test_fork(read_and_stay, &s);
    gh_lmdb_t *db = gh_test_lmdb_open();

    /* oneself does not count */
    assert_int_equal(gh_test_get(db, GH_KIND_KEY, "alice"), GH_ABSENT);
    assert_int_equal(gh_lmdb_users(db, &n), GH_OK);
    assert_int_equal(n, 0);

    gh_test_step(s.to_child);
    assert_true(gh_test_await(s.to_parent));
    assert_int_equal(gh_lmdb_users(db, &n), GH_OK);
    assert_int_equal(n, 1);

    gh_test_kill(child);
    assert_int_equal(gh_lmdb_users(db, &n), GH_OK);
    assert_int_equal(n, 0);

    gh_lmdb_close(db);
    gh_test_steps_end(&s);
}


#define INCREMENTS 40


static int
increment(void *ctx)
{
    gh_lmdb_t *db = gh_test_lmdb_child();
    unsigned done = 0;

    (void) ctx;

    while (db != NULL && done < INCREMENTS) {
        uint64_t version, n = number_of(db, "counter", &version) + 1;
        char text[32];

        (void) snprintf(text, sizeof(text), "%llu", (unsigned long long) n);

        gh_write_t w = gh_test_put("counter", text);

        w.if_version = version;
        w.log = true;

        if (gh_test_write_all(db, &w, 1) != GH_OK) {
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
    gh_test_steps_t *s = ctx;
    gh_lmdb_t *db = gh_test_lmdb_child();
    uint64_t total = 0;

    while (db != NULL) {
        gh_write_t w = gh_test_put("month", "");

        w.type = GH_WRITE_TAKE;
        w.n = 7;
        w.limit = 500;

        if (gh_test_write_all(db, &w, 1) != GH_OK || w.rc != GH_OK) {
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
    gh_test_steps_t s;

    gh_test_steps_begin(&s);

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
    gh_test_steps_end(&s);
}


static int
claim(void *ctx)
{
    gh_test_steps_t *s = ctx;
    gh_lmdb_t *db = gh_test_lmdb_child();
    gh_write_t w = gh_test_put("refresh", "me");

    w.type = GH_WRITE_CLAIM;
    w.ttl_s = 10;

    if (db == NULL || !gh_test_await(s->to_child)
        || gh_test_write_all(db, &w, 1) != GH_OK)
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
    gh_test_steps_t s;

    gh_test_steps_begin(&s);

    for (size_t i = 0; i < 4; i++) {
        children[i] = gh_test_fork(claim, &s);
    }

    for (size_t i = 0; i < 4; i++) {
        gh_test_step(s.to_child);
    }

    for (size_t i = 0; i < 4; i++) {
        int result = gh_test_wait(children[i]);

        assert_in_range(result, 0, 1);
        won += result == 0;
    }

    assert_int_equal(won, 1);
    gh_test_steps_end(&s);
}


#define STORY(name)                                                           \
    cmocka_unit_test_setup_teardown(name, gh_test_dir_setup,                  \
                                    gh_test_dir_teardown)


int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(kill_9_amid_writes_loses_nothing_acknowledged),
        STORY(who_dies_holding_the_lock_does_not_keep_it),
        STORY(slots_of_readers_that_died_are_cleared),
        STORY(who_reads_the_store_is_counted_until_he_dies),
        STORY(i9_of_several_processes_that_change_one_record_none_is_lost),
        STORY(several_processes_together_take_no_more_than_the_limit),
        STORY(one_of_several_processes_gets_the_claim),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
