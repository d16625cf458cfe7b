/*
 * How nodes share a rate through Redis: what is asked, and that no answer of
 * another shape, type or size than the scripts give is believed.
 */

#include "gh_test_redis.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define INFO_MAX 256

/* A bulk string of so many bytes, and arrays of them */
#define BULK(len, text) "$" #len "\r\n" text "\r\n"
#define SINCE BULK(1, "0")
#define EPOCH BULK(2, "17")
#define NODES BULK(1, "2")
#define NOW BULK(16, "1700000000000000")
#define SET BULK(10, "3600000000")
#define OK BULK(2, "ok")
#define ZERO BULK(1, "0")
#define FIVE BULK(1, "5")


static const struct {
    const char *bytes;
    gh_redis_verdict_t verdict;
} errors[] = {
    { "-NOSCRIPT No matching script.\r\n", GH_REDIS_NOSCRIPT },
    { "-OOM command not allowed\r\n", GH_REDIS_FULL },
    { "-ERR Error running script: -OOM command\r\n", GH_REDIS_FULL },
    { "-READONLY You can't write\r\n", GH_REDIS_REPLICA },
    { "-MASTERDOWN Link with MASTER is down\r\n", GH_REDIS_REPLICA },
    { "-MISCONF Redis is configured\r\n", GH_REDIS_READONLY },
    { "-WRONGTYPE Operation\r\n", GH_REDIS_DAMAGED },
    { "-LOADING Redis is loading\r\n", GH_REDIS_LOADING },
    { "-ERR Error running script\r\n", GH_REDIS_REFUSED },
    { "-\r\n", GH_REDIS_REFUSED },
};


static gh_redis_verdict_t
run_of(const char *bytes, uint64_t *run)
{
    redisReply *reply = gh_test_reply(bytes);
    gh_redis_verdict_t verdict = gh_redis_run_judge(reply, run);

    freeReplyObject(reply);

    return verdict;
}


static uint64_t
run_in(const char *info)
{
    char bytes[INFO_MAX + 32];
    uint64_t run = 1;

    assert_true(strlen(info) < INFO_MAX);
    (void) snprintf(bytes, sizeof(bytes), "$%zu\r\n%s\r\n", strlen(info),
                    info);
    assert_int_equal(run_of(bytes, &run), GH_REDIS_DONE);

    return run;
}


static gh_redis_verdict_t
beat_of(const char *bytes, gh_redis_beat_t *beat)
{
    redisReply *reply = gh_test_reply(bytes);
    gh_redis_verdict_t verdict = gh_redis_beat_judge(reply, beat);

    freeReplyObject(reply);

    return verdict;
}


static gh_redis_verdict_t
lease_of(const char *bytes, gh_write_t *w)
{
    redisReply *reply = gh_test_reply(bytes);
    gh_redis_verdict_t verdict = gh_redis_write_judge(reply, w, NULL);

    freeReplyObject(reply);

    return verdict;
}


/* ---- which run of the server it is ------------------------------------ */

static void
a_run_is_told_by_sixteen_digits_wherever_they_stand(void **state)
{
    static const char *const infos[] = {
        "run_id:0123456789abcdef0123456789abcdef01234567",
        "run_id:0123456789abcdef\r\n",
        "run_id:0123456789ABCDEF\n",
        "# Server\r\nredis_version:7.0.15\r\n"
        "run_id:0123456789abcdef0123456789abcdef01234567\r\ntcp_port:6379\r\n",
        "\n\n\nrun_id: 0123456789abcdef \n",
        "not_run_id:ffffffffffffffff\nrun_id:0123456789abcdef\n"
        "run_id:eeeeeeeeeeeeeeee\n",
    };

    (void) state;

    for (size_t i = 0; i < COUNT(infos); i++) {
        assert_int_equal(run_in(infos[i]), 0x0123456789abcdef);
    }
}


static void
a_run_that_is_not_said_is_none(void **state)
{
    static const char *const infos[] = {
        "",
        "run_id:",
        "run_id:\r\n",
        "run_id",
        "run_id:0123456789abcde",
        "run_id:0123456789abcde\n0",
        "run_id:0123456789abcdeg",
        "run_id:0x23456789abcdef",
        "run_id:-123456789abcdef",
        "run_id:01234567 9abcdef",
        "xrun_id:0123456789abcdef",
        "RUN_ID:0123456789abcdef",
        "x run_id:0123456789abcdef",
        "run_id:\r\n0123456789abcdef",
        "run_id:nonsense\nrun_id:0123456789abcdef",
        "\xff\xfe run_id",
    };

    (void) state;

    for (size_t i = 0; i < COUNT(infos); i++) {
        assert_int_equal(run_in(infos[i]), 0);
    }
}


static void
who_may_not_ask_for_the_run_asks_the_same_server_for_ever(void **state)
{
    uint64_t run = 1;

    (void) state;

    assert_int_equal(run_of("-NOPERM this user has no permissions\r\n", &run),
                     GH_REDIS_DONE);
    assert_int_equal(run, 0);
}


static void
what_is_no_text_does_not_say_the_run(void **state)
{
    static const char *const replies[] = {
        "+run_id:0123456789abcdef\r\n",
        ":81985529216486895\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "*0\r\n",
        "*1\r\n$23\r\nrun_id:0123456789abcdef\r\n",
    };

    (void) state;

    for (size_t i = 0; i < COUNT(replies); i++) {
        uint64_t run = 1;

        assert_int_equal(run_of(replies[i], &run), GH_REDIS_DOUBT);
        assert_int_equal(run, 0);
    }

    for (size_t i = 0; i < COUNT(errors); i++) {
        uint64_t run = 1;

        assert_int_equal(run_of(errors[i].bytes, &run), errors[i].verdict);
        assert_int_equal(run, 0);
    }
}


/* ---- the beat --------------------------------------------------------- */

static void
a_beat_says_since_when_which_epoch_how_many_and_what_time(void **state)
{
    gh_redis_beat_t beat;

    (void) state;

    assert_int_equal(
        beat_of("*5\r\n" BULK(16, "1699999999999999") EPOCH NODES NOW SET,
                &beat),
        GH_REDIS_DONE);
    assert_int_equal(beat.since_us, 1699999999999999);
    assert_int_equal(beat.epoch, 17);
    assert_int_equal(beat.nodes, 2);
    assert_int_equal(beat.now_us, 1700000000000000);
    assert_int_equal(beat.set_us, 3600000000);
}


static void
a_beat_goes_to_the_ends_of_its_numbers(void **state)
{
    gh_redis_beat_t beat;

    (void) state;

    assert_int_equal(beat_of("*5\r\n" BULK(20, "18446744073709551615")
                                 BULK(20, "18446744073709551615")
                                     BULK(20, "18446744073709551615")
                                         BULK(19, "4611686018427387903")
                                             BULK(20, "18446744073709551615"),
                             &beat),
                     GH_REDIS_DONE);
    assert_true(beat.since_us == UINT64_MAX);
    assert_true(beat.epoch == UINT64_MAX);
    assert_true(beat.nodes == UINT64_MAX);
    assert_true(beat.now_us == INT64_MAX / 2);
    assert_true(beat.set_us == UINT64_MAX);

    assert_int_equal(beat_of("*5\r\n" ZERO ZERO BULK(1, "1") ZERO ZERO, &beat),
                     GH_REDIS_DONE);
    assert_int_equal(beat.now_us, 0);
}


static void
a_beat_of_another_shape_is_a_doubt(void **state)
{
    static const char *const replies[] = {
        "+OK\r\n",
        "$-1\r\n",
        "$2\r\nok\r\n",
        ":4\r\n",
        "*-1\r\n",
        "*0\r\n",
        "*1\r\n" SINCE,
        "*2\r\n" SINCE EPOCH,
        "*3\r\n" SINCE EPOCH NODES,
        "*4\r\n" SINCE EPOCH NODES NOW,
        "*6\r\n" SINCE EPOCH NODES NOW SET SET,
        "*1\r\n*5\r\n" SINCE EPOCH NODES NOW SET,
        "*5\r\n*1\r\n" SINCE EPOCH NODES NOW SET,
        "*5\r\n" SINCE "*0\r\n" NODES NOW SET,
        "*5\r\n" SINCE EPOCH NODES NOW "-ERR no\r\n",
        "*5\r\n$-1\r\n" EPOCH NODES NOW SET,
        "*5\r\n" SINCE EPOCH "$-1\r\n" NOW SET,
        "*5\r\n" SINCE EPOCH ":2\r\n" NOW SET,
        "*5\r\n+0\r\n" EPOCH NODES NOW SET,
        "*5\r\n" SINCE EPOCH NODES "+1700000000000000\r\n" SET,
    };

    (void) state;

    for (size_t i = 0; i < COUNT(replies); i++) {
        gh_redis_beat_t beat;

        assert_int_equal(beat_of(replies[i], &beat), GH_REDIS_DOUBT);
    }

    for (size_t i = 0; i < COUNT(errors); i++) {
        gh_redis_beat_t beat;

        assert_int_equal(beat_of(errors[i].bytes, &beat), errors[i].verdict);
    }
}


static const char *const no_numbers[] = {
    BULK(0, ""),
    BULK(1, " "),
    BULK(2, " 1"),
    BULK(2, "1 "),
    BULK(2, "1\n"),
    BULK(2, "+1"),
    BULK(2, "-1"),
    BULK(3, "1.5"),
    BULK(2, "1."),
    BULK(3, "1e3"),
    BULK(3, "0x1"),
    BULK(3, "nan"),
    BULK(3, "inf"),
    BULK(4, "-nan"),
    BULK(1, "\xff"),
    BULK(20, "18446744073709551616"),
    BULK(20, "99999999999999999999"),
    BULK(42, "00000000000000000000000000000000000000001x"),
};


/* Each place of an array of four in turn, the others right. */
static void
assert_doubt_in_each_place(const char *const right[4],
                           gh_redis_verdict_t (*judge)(const char *bytes))
{
    for (size_t place = 0; place < 4; place++) {
        for (size_t i = 0; i < COUNT(no_numbers); i++) {
            char bytes[256] = "*4\r\n";

            for (size_t k = 0; k < 4; k++) {
                (void) strcat(bytes, k == place ? no_numbers[i] : right[k]);
            }

            assert_int_equal(judge(bytes), GH_REDIS_DOUBT);
        }
    }
}


static gh_redis_verdict_t
any_beat(const char *bytes)
{
    gh_redis_beat_t beat;

    return beat_of(bytes, &beat);
}


static void
a_beat_is_of_whole_numbers_that_can_be(void **state)
{
    static const char *const right[] = { SINCE, EPOCH, NODES, NOW, SET };
    static const char *const replies[] = {
        /* nobody is there, not even who asks */
        "*5\r\n" SINCE EPOCH ZERO NOW SET,
        /* so late that sums of times would overflow */
        "*5\r\n" SINCE EPOCH NODES BULK(19, "4611686018427387904") SET,
        "*5\r\n" SINCE EPOCH NODES BULK(20, "18446744073709551615") SET,
    };

    (void) state;

    assert_doubt_in_each_place(right, any_beat);

    for (size_t i = 0; i < COUNT(replies); i++) {
        assert_int_equal(any_beat(replies[i]), GH_REDIS_DOUBT);
    }
}


static void
a_beat_names_what_is_known_and_leaves_a_line_for_what_is_not(void **state)
{
    gh_redis_t r = { .node = { .id = "0123456789abcdef", .run = 0xabc } };
    gh_redis_bytes_t out;

    static const char first[] =
        "*9\r\n$7\r\nEVALSHA\r\n$3\r\nsha\r\n$1\r\n1\r\n$10\r\ngh:{nodes}\r\n"
        "$16\r\n0123456789abcdef\r\n$16\r\n0000000000000abc\r\n"
        "$1\r\n-\r\n$1\r\n-\r\n$1\r\n0\r\n";
    static const char later[] =
        "*9\r\n$7\r\nEVALSHA\r\n$3\r\nsha\r\n$1\r\n1\r\n$10\r\ngh:{nodes}\r\n"
        "$16\r\n0123456789abcdef\r\n$16\r\n0000000000000abc\r\n"
        "$16\r\nffffffffffffffff\r\n$2\r\n17\r\n$6\r\n250000\r\n";

    (void) state;

    (void) strcpy(r.sha[GH_REDIS_BEAT], "sha");

    assert_int_equal(gh_redis_beat_command(&r, 0, 0, 0, &out), GH_OK);
    assert_int_equal(out.replies, 1);
    assert_int_equal(out.len, sizeof(first) - 1);
    assert_memory_equal(out.data, first, out.len);
    free(out.data);

    assert_int_equal(gh_redis_beat_command(&r, UINT64_MAX, 17, 250000, &out),
                     GH_OK);
    assert_int_equal(out.len, sizeof(later) - 1);
    assert_memory_equal(out.data, later, out.len);
    free(out.data);
}


/* ---- a lease ---------------------------------------------------------- */

static void
a_lease_is_given_refused_or_void(void **state)
{
    static const struct {
        const char *bytes;
        gh_rc_t rc;
        uint64_t granted, left;
    } answers[] = {
        { "*4\r\n" OK ZERO FIVE BULK(5, "12345"), GH_OK, 5, 12345 },
        { "*4\r\n" OK ZERO ZERO ZERO, GH_OK, 0, 0 },
        { "*4\r\n" OK ZERO ZERO BULK(20, "18446744073709551615"), GH_OK, 0,
          UINT64_MAX },
        { "*4\r\n" BULK(6, "absent") ZERO ZERO ZERO, GH_ABSENT, 0, 0 },
        { "*4\r\n" BULK(8, "conflict") ZERO ZERO ZERO, GH_CONFLICT, 0, 0 },
        { "*4\r\n" BULK(7, "invalid") ZERO ZERO ZERO, GH_INVALID, 0, 0 },
    };

    (void) state;

    for (size_t i = 0; i < COUNT(answers); i++) {
        gh_write_t w = { .type = GH_WRITE_TAKE, .n = 5, .rc = GH_NOMEM };

        assert_int_equal(lease_of(answers[i].bytes, &w), GH_REDIS_DONE);
        assert_int_equal(w.rc, answers[i].rc);
        assert_true(w.granted == answers[i].granted);
        assert_true(w.left == answers[i].left);
    }
}


static gh_redis_verdict_t
any_lease(const char *bytes)
{
    gh_write_t w = { .type = GH_WRITE_TAKE, .n = 5 };

    return lease_of(bytes, &w);
}


static void
a_lease_of_another_shape_is_a_doubt(void **state)
{
    static const char *const right[] = { OK, ZERO, FIVE, ZERO };
    static const char *const replies[] = {
        "+OK\r\n",
        "$-1\r\n",
        OK,
        ":5\r\n",
        "*-1\r\n",
        "*0\r\n",
        "*1\r\n" OK,
        "*2\r\n" OK ZERO,
        "*3\r\n" OK ZERO FIVE,
        "*5\r\n" OK ZERO FIVE ZERO ZERO,
        "*1\r\n*4\r\n" OK ZERO FIVE ZERO,
        "*4\r\n*1\r\n" OK ZERO FIVE ZERO,
        "*4\r\n:0\r\n" ZERO FIVE ZERO,
        "*4\r\n$-1\r\n" ZERO FIVE ZERO,
        "*4\r\n-ERR no\r\n" ZERO FIVE ZERO,
        "*4\r\n" BULK(3, "ok ") ZERO FIVE ZERO,
        "*4\r\n" BULK(2, "OK") ZERO FIVE ZERO,
        "*4\r\n" BULK(4, "used") ZERO FIVE ZERO,
        "*4\r\n" OK ZERO ":5\r\n" ZERO,
        "*4\r\n" OK ZERO FIVE ":0\r\n",
        "*4\r\n" OK ZERO "$-1\r\n" ZERO,
        "*4\r\n" OK ZERO "*0\r\n" ZERO,
    };

    (void) state;

    assert_doubt_in_each_place(right, any_lease);

    for (size_t i = 0; i < COUNT(replies); i++) {
        assert_int_equal(any_lease(replies[i]), GH_REDIS_DOUBT);
    }

    for (size_t i = 0; i < COUNT(errors); i++) {
        assert_int_equal(any_lease(errors[i].bytes), errors[i].verdict);
    }
}


static void
no_lease_is_larger_than_what_was_asked_for(void **state)
{
    (void) state;

    assert_int_equal(any_lease("*4\r\n" OK ZERO BULK(1, "6") ZERO),
                     GH_REDIS_DOUBT);
    assert_int_equal(
        any_lease("*4\r\n" OK ZERO BULK(20, "18446744073709551615") ZERO),
        GH_REDIS_DOUBT);
}


/* What the script compares with its clock. */

static void
an_asking_says_what_time_it_is_there_and_who_asks(void **state)
{
    gh_redis_t r = { .node = { .id = "0123456789abcdef",
                               .run = 0xabc,
                               .since_us = 7,
                               .epoch = 17,
                               .set_us = 1000000,
                               .clock_us = 1700000000000000 } };
    gh_store_lease_t lease = { .rule = { .burst = 200,
                                         .interval_ns = 2000000 },
                               .need = 3,
                               .least = 1,
                               .unspent = 2,
                               .asked_ns = 4000999,
                               .sent_ns = 5000999 };
    static const char *const expected[GH_REDIS_LEASE_ARGS] = {
        "0123456789abcdef",
        "0000000000000abc",
        "7",
        "17",
        "1000000",
        "1700000000005000",
        "200",
        "2000000",
        "4000",
        "2",
        "3",
        "50",
        "1",
    };
    gh_redis_lease_args_t out;

    (void) state;

    gh_redis_lease_args(&r, &lease, &out);

    for (size_t i = 0; i < GH_REDIS_LEASE_ARGS; i++) {
        assert_int_equal(out.args[i].len, strlen(expected[i]));
        assert_memory_equal(out.args[i].data, expected[i], out.args[i].len);
    }
}


static void
a_time_before_the_first_second_is_said_as_none(void **state)
{
    gh_redis_t r = { .node = { .id = "0", .clock_us = -1000000 } };
    gh_store_lease_t lease = { .sent_ns = 1000 };
    gh_redis_lease_args_t out;

    (void) state;

    gh_redis_lease_args(&r, &lease, &out);
    assert_true(gh_str_eq(out.args[5], GH_STR("0")));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_told_by_sixteen_digits_wherever_they_stand),
        cmocka_unit_test(a_run_that_is_not_said_is_none),
        cmocka_unit_test(
            who_may_not_ask_for_the_run_asks_the_same_server_for_ever),
        cmocka_unit_test(what_is_no_text_does_not_say_the_run),
        cmocka_unit_test(
            a_beat_says_since_when_which_epoch_how_many_and_what_time),
        cmocka_unit_test(a_beat_goes_to_the_ends_of_its_numbers),
        cmocka_unit_test(a_beat_of_another_shape_is_a_doubt),
        cmocka_unit_test(a_beat_is_of_whole_numbers_that_can_be),
        cmocka_unit_test(
            a_beat_names_what_is_known_and_leaves_a_line_for_what_is_not),
        cmocka_unit_test(a_lease_is_given_refused_or_void),
        cmocka_unit_test(a_lease_of_another_shape_is_a_doubt),
        cmocka_unit_test(no_lease_is_larger_than_what_was_asked_for),
        cmocka_unit_test(an_asking_says_what_time_it_is_there_and_who_asks),
        cmocka_unit_test(a_time_before_the_first_second_is_said_as_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
