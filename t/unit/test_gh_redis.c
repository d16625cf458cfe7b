/*
 * What Redis answers, as the store takes it: replies are given as bytes.
 */

#include "gh_test_redis.h"


static gh_redis_verdict_t
judged(gh_write_t *w, const char *bytes)
{
    static gh_redis_changes_t changes;
    redisReply *reply = gh_test_reply(bytes);
    gh_redis_verdict_t verdict = gh_redis_write_judge(reply, w, &changes);

    freeReplyObject(reply);

    return verdict;
}


static void
assert_key(gh_kind_t kind, const char *name, const char *expected)
{
    char room[GH_REDIS_KEY_MAX + 1] = "";
    gh_buf_t key = { room, 0, GH_REDIS_KEY_MAX };

    assert_int_equal(gh_redis_key(kind, gh_str(name), &key), GH_OK);
    assert_string_equal(room, expected);
}


static void
a_quotas_name_can_be_told_from_its_key(void **state)
{
    static const char name[] = "0123456789abcdef0123456789abcdef";

    (void) state;

    assert_key(GH_KIND_QUOTA, name,
               "gh:{quota:0123456789abcdef0123456789abcdef}");

    /* any other name is hidden */
    assert_key(GH_KIND_KEY, name, "gh:{key:3eb1bd439947eb762998e566ccc2e099}");
    assert_key(GH_KIND_QUOTA, "alice@example.com",
               "gh:{quota:ff8d9819fc0e12bf0d24892e45987e24}");
}


static void
a_write_is_what_its_script_says(void **state)
{
    gh_write_t w = { .type = GH_WRITE_PUT };

    (void) state;

    assert_int_equal(judged(&w, "*2\r\n$2\r\nok\r\n$2\r\n17\r\n"),
                     GH_REDIS_DONE);
    assert_int_equal(w.rc, GH_OK);
    assert_int_equal(w.version, 17);

    assert_int_equal(judged(&w, "*2\r\n$8\r\nconflict\r\n$1\r\n3\r\n"),
                     GH_REDIS_DONE);
    assert_int_equal(w.rc, GH_CONFLICT);
    assert_int_equal(w.version, 3);
}


static void
a_line_that_cannot_be_read_ends_what_is_known(void **state)
{
    static const char good[] = "$20\r\n5:0:0123456789abcdef\r\n";
    static const char *const bad[] = {
        "$4\r\njunk\r\n",
        "$0\r\n\r\n",
        "$22\r\n6:250:0123456789abcdef\r\n",
        "$18\r\n6:0:0123456789abcd\r\n",
        "$20\r\n-:0:0123456789abcdef\r\n",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char bytes[200];
        gh_redis_changes_t changes;
        redisReply *reply;

        (void) snprintf(bytes, sizeof(bytes), "*4\r\n$1\r\n7\r\n%s%s%s", good,
                        bad[i], good);
        reply = gh_test_reply(bytes);

        assert_int_equal(gh_redis_changes_judge(reply, &changes),
                         GH_REDIS_DONE);
        assert_int_equal(changes.last, 7);
        assert_int_equal(changes.n, 1);
        assert_int_equal(changes.lines[0].sequence, 5);

        freeReplyObject(reply);
    }
}


static void
a_reply_of_another_shape_is_a_doubt(void **state)
{
    static const char *const replies[] = {
        "+OK\r\n",
        "$-1\r\n",
        ":1\r\n",
        "*0\r\n",
        "*2\r\n$2\r\nok\r\n$1\r\nx\r\n",
        "*2\r\n$2\r\nok\r\n:17\r\n",
        "*2\r\n$5\r\nmaybe\r\n$1\r\n1\r\n",
        "*3\r\n$2\r\nok\r\n$1\r\n1\r\n$1\r\n1\r\n",
        "*2\r\n*1\r\n+x\r\n$1\r\n1\r\n",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        gh_write_t w = { .type = GH_WRITE_PUT };
        gh_write_t logged = { .type = GH_WRITE_PUT, .log = true };

        assert_int_equal(judged(&w, replies[i]), GH_REDIS_DOUBT);
        assert_int_equal(judged(&logged, replies[i]), GH_REDIS_DOUBT);
    }
}


static void
more_is_never_granted_than_was_asked(void **state)
{
    gh_write_t w = { .type = GH_WRITE_TAKE, .n = 5 };

    (void) state;

    assert_int_equal(
        judged(&w, "*4\r\n$2\r\nok\r\n$1\r\n1\r\n$1\r\n6\r\n$1\r\n0\r\n"),
        GH_REDIS_DOUBT);
    assert_int_equal(
        judged(&w, "*4\r\n$2\r\nok\r\n$1\r\n1\r\n$1\r\n5\r\n$1\r\n0\r\n"),
        GH_REDIS_DONE);
}


static void
no_error_counts_as_done(void **state)
{
    static const struct {
        const char *text;
        gh_redis_verdict_t verdict;
    } errors[] = {
        { "-NOSCRIPT No matching script.\r\n", GH_REDIS_NOSCRIPT },
        { "-LOADING Redis is loading\r\n", GH_REDIS_LOADING },
        { "-READONLY You can't write\r\n", GH_REDIS_REPLICA },
        { "-MASTERDOWN Link with MASTER is down\r\n", GH_REDIS_REPLICA },
        { "-ERR Error running script: -READONLY x\r\n", GH_REDIS_REPLICA },
        { "-NOREPLICAS Not enough good replicas\r\n", GH_REDIS_READONLY },
        { "-MISCONF Redis is configured\r\n", GH_REDIS_READONLY },
        { "-NOAUTH Authentication required.\r\n", GH_REDIS_REFUSED },
        { "-OOM command not allowed\r\n", GH_REDIS_FULL },
        { "-ERR Error running script: -OOM command\r\n", GH_REDIS_FULL },
        { "-WRONGTYPE Operation\r\n", GH_REDIS_DAMAGED },
        { "-MOVED 1 127.0.0.1:1\r\n", GH_REDIS_REFUSED },
        { "-EXECABORT Transaction discarded\r\n", GH_REDIS_REFUSED },
        { "-ERR\r\n", GH_REDIS_REFUSED },
        { "-\r\n", GH_REDIS_REFUSED },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        gh_write_t w = { .type = GH_WRITE_PUT, .log = true };

        assert_int_equal(judged(&w, errors[i].text), errors[i].verdict);
    }
}


static void
an_error_within_is_told_by_its_word(void **state)
{
    redisReply *reply;
    const char *bytes = "*2\r\n$2\r\nok\r\n-READONLY no\r\n";

    (void) state;

    reply = gh_test_reply(bytes);
    assert_true(
        gh_str_eq(gh_redis_code(reply, GH_STR("ERR")), GH_STR("READONLY")));
    freeReplyObject(reply);

    reply = gh_test_reply("+OK\r\n");
    assert_true(gh_str_eq(gh_redis_code(reply, GH_STR("OOM")), GH_STR("OOM")));
    freeReplyObject(reply);
}


static void
an_array_without_end_is_no_reply(void **state)
{
    static const char *endless[] = { "*2000000\r\n",
                                     "*2\r\n:1\r\n*2000000\r\n" };

    (void) state;

    for (size_t i = 0; i < sizeof(endless) / sizeof(endless[0]); i++) {
        redisReader *reader = gh_redis_reader_create();
        void *reply = NULL;

        assert_int_equal(
            redisReaderFeed(reader, endless[i], strlen(endless[i])), REDIS_OK);
        assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_ERR);
        redisReaderFree(reader);
    }
}


static void
an_array_holds_whatever_redis_says(void **state)
{
    static const int types[] = { REDIS_REPLY_STRING, REDIS_REPLY_INTEGER,
                                 REDIS_REPLY_NIL,    REDIS_REPLY_STATUS,
                                 REDIS_REPLY_ERROR,  REDIS_REPLY_ARRAY };
    const char *bytes = "*6\r\n$1\r\na\r\n:7\r\n$-1\r\n+OK\r\n-ERR no\r\n"
                        "*1\r\n:8\r\n";
    redisReply *reply = gh_test_reply(bytes);

    (void) state;

    assert_non_null(reply);
    assert_int_equal(reply->elements, 6);

    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(reply->element[i]->type, types[i]);
    }

    assert_int_equal(reply->element[1]->integer, 7);
    assert_int_equal(reply->element[5]->element[0]->integer, 8);
    freeReplyObject(reply);
}


static void
a_name_is_hashed_within_its_kind(void **state)
{
    char room[GH_REDIS_KEY_MAX];
    gh_buf_t key = GH_BUF(room);

    (void) state;

    assert_int_equal(gh_redis_key(GH_KIND_KEY, GH_STR("alice"), &key), GH_OK);
    assert_int_equal(key.len, strlen("gh:{key:}") + 32);
    assert_memory_equal(key.data, "gh:{key:2bd806c97f0e00af1a1fc3328fa763a9}",
                        key.len);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quotas_name_can_be_told_from_its_key),
        cmocka_unit_test(a_write_is_what_its_script_says),
        cmocka_unit_test(a_line_that_cannot_be_read_ends_what_is_known),
        cmocka_unit_test(a_reply_of_another_shape_is_a_doubt),
        cmocka_unit_test(more_is_never_granted_than_was_asked),
        cmocka_unit_test(no_error_counts_as_done),
        cmocka_unit_test(an_error_within_is_told_by_its_word),
        cmocka_unit_test(an_array_without_end_is_no_reply),
        cmocka_unit_test(an_array_holds_whatever_redis_says),
        cmocka_unit_test(a_name_is_hashed_within_its_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
