/*
 * What may be used once, as it is asked of Redis, and what its answers mean.
 */

#include "gh_test_redis.h"

#include "gh_redis_use.h"

#include <stdlib.h>


static gh_redis_verdict_t
judged(const char *bytes, gh_rc_t *rc)
{
    redisReply *reply = gh_test_reply(bytes);
    gh_redis_verdict_t verdict = gh_redis_use_judge(reply, rc);

    freeReplyObject(reply);

    return verdict;
}


static void
one_word_is_a_first_use(void **state)
{
    static const struct {
        const char *text;
        gh_rc_t rc;
    } answers[] = {
        { "$3\r\nnew\r\n", GH_OK },
        { "$4\r\nused\r\n", GH_CONFLICT },
        { "$7\r\ndamaged\r\n", GH_INVALID },
        { "$5\r\nyoung\r\n", GH_UNAVAILABLE },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        gh_rc_t rc = GH_NOMEM;

        assert_int_equal(judged(answers[i].text, &rc), GH_REDIS_DONE);
        assert_int_equal(rc, answers[i].rc);
    }
}


static void
any_other_answer_is_a_doubt_or_an_error(void **state)
{
    static const struct {
        const char *text;
        gh_redis_verdict_t verdict;
    } answers[] = {
        { "+new\r\n", GH_REDIS_DOUBT },
        { "+OK\r\n", GH_REDIS_DOUBT },
        { "$-1\r\n", GH_REDIS_DOUBT },
        { "$0\r\n\r\n", GH_REDIS_DOUBT },
        { "$4\r\nnew\n\r\n", GH_REDIS_DOUBT },
        { "$3\r\nNEW\r\n", GH_REDIS_DOUBT },
        { ":1\r\n", GH_REDIS_DOUBT },
        { "*0\r\n", GH_REDIS_DOUBT },
        { "*1\r\n$3\r\nnew\r\n", GH_REDIS_DOUBT },
        { "-NOSCRIPT No matching script.\r\n", GH_REDIS_NOSCRIPT },
        { "-READONLY You can't write\r\n", GH_REDIS_REPLICA },
        { "-OOM command not allowed\r\n", GH_REDIS_FULL },
        { "-ERR Error running script\r\n", GH_REDIS_REFUSED },
        { "-LOADING Redis is loading\r\n", GH_REDIS_LOADING },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        gh_rc_t rc = GH_NOMEM;

        assert_int_equal(judged(answers[i].text, &rc), answers[i].verdict);
        assert_int_equal(rc, GH_NOMEM);
    }
}


static void
a_name_of_any_bytes_is_one_key_beside_the_mark(void **state)
{
    static const char hostile[] = "*1\r\n$8\r\nFLUSHALL\r\n%s%n\0x";
    static const char head[] =
        "*8\r\n$7\r\nEVALSHA\r\n$3\r\nabc\r\n$1\r\n2\r\n"
        "$11\r\ngh:{replay}\r\n$44\r\ngh:{replay}:";
    static const char tail[] = "\r\n$1\r\n0\r\n$3\r\n126\r\n$1\r\n7\r\n";
    gh_redis_use_t use = { .name = { hostile, sizeof(hostile) - 1 },
                           .ttl_s = 126,
                           .needs_s = 7 };
    gh_redis_bytes_t out;

    (void) state;

    assert_int_equal(gh_redis_use_command(GH_STR("abc"), &use, &out), GH_OK);
    assert_int_equal(out.replies, 1);
    assert_int_equal(out.len, sizeof(head) - 1 + 32 + sizeof(tail) - 1);
    assert_memory_equal(out.data, head, sizeof(head) - 1);
    assert_memory_equal(out.data + sizeof(head) - 1 + 32, tail,
                        sizeof(tail) - 1);
    free(out.data);
}


static void
without_a_name_only_the_mark_is_seen_to(void **state)
{
    static const char bytes[] =
        "*7\r\n$7\r\nEVALSHA\r\n$3\r\nabc\r\n$1\r\n1\r\n"
        "$11\r\ngh:{replay}\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n0\r\n";
    gh_redis_use_t use = { .ttl_s = 1, .needs_s = -5, .look = true };
    gh_redis_bytes_t out;

    (void) state;

    assert_int_equal(gh_redis_use_command(GH_STR("abc"), &use, &out), GH_OK);
    assert_int_equal(out.len, sizeof(bytes) - 1);
    assert_memory_equal(out.data, bytes, sizeof(bytes) - 1);
    free(out.data);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_word_is_a_first_use),
        cmocka_unit_test(any_other_answer_is_a_doubt_or_an_error),
        cmocka_unit_test(a_name_of_any_bytes_is_one_key_beside_the_mark),
        cmocka_unit_test(without_a_name_only_the_mark_is_seen_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
