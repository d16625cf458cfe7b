/*
 * What sentinels say, and what is believed: replies are given as bytes.
 */

#include "gh_test_redis.h"

#include "gh_redis_sentinel.h"


static gh_redis_verdict_t
judged(const char *bytes, gh_redis_vote_t *vote)
{
    redisReply *reply = gh_test_reply(bytes);
    gh_redis_verdict_t verdict = gh_redis_primary_judge(reply, vote);

    freeReplyObject(reply);

    return verdict;
}


static gh_redis_verdict_t
role(const char *bytes)
{
    redisReply *reply = gh_test_reply(bytes);
    gh_redis_verdict_t verdict = gh_redis_role_judge(reply);

    freeReplyObject(reply);

    return verdict;
}


static void
a_sentinel_names_an_address_or_a_host(void **state)
{
    gh_redis_vote_t vote;

    (void) state;

    assert_int_equal(judged("*2\r\n$8\r\n10.0.0.7\r\n$4\r\n6379\r\n", &vote),
                     GH_REDIS_DONE);
    assert_int_equal(vote.state, GH_REDIS_VOTE_NAMED);
    assert_string_equal(vote.address.host, "10.0.0.7");
    assert_int_equal(vote.address.port, 6379);
    assert_false(vote.address.name);

    assert_int_equal(judged("*2\r\n$8\r\nRedis-1a\r\n$4\r\n6380\r\n", &vote),
                     GH_REDIS_DONE);
    assert_string_equal(vote.address.host, "redis-1a");
    assert_true(vote.address.name);

    assert_int_equal(judged("*2\r\n$7\r\n::0:0:1\r\n$1\r\n1\r\n", &vote),
                     GH_REDIS_DONE);
    assert_string_equal(vote.address.host, "::1");
    assert_false(vote.address.name);
}


static void
one_that_does_not_know_the_name_says_so(void **state)
{
    gh_redis_vote_t vote;

    (void) state;

    assert_int_equal(judged("*-1\r\n", &vote), GH_REDIS_DONE);
    assert_int_equal(vote.state, GH_REDIS_VOTE_UNKNOWN);

    assert_int_equal(judged("-NOAUTH Authentication required.\r\n", &vote),
                     GH_REDIS_REFUSED);
    assert_int_equal(vote.state, GH_REDIS_VOTE_AWAY);
    assert_int_equal(judged("-NOPERM this user has no permissions\r\n", &vote),
                     GH_REDIS_REFUSED);
}


static void
what_else_it_says_is_a_doubt(void **state)
{
    static const char *const replies[] = {
        "+OK\r\n",
        ":1\r\n",
        "*0\r\n",
        "$8\r\n10.0.0.7\r\n",
        "*1\r\n$8\r\n10.0.0.7\r\n",
        "*3\r\n$8\r\n10.0.0.7\r\n$1\r\n1\r\n$1\r\n1\r\n",
        "*2\r\n$8\r\n10.0.0.7\r\n:6379\r\n",
        "*2\r\n+10.0.0.7\r\n$1\r\n1\r\n",
        "*2\r\n$-1\r\n$1\r\n1\r\n",
        "*2\r\n*1\r\n$1\r\na\r\n$1\r\n1\r\n",
        "*2\r\n$0\r\n\r\n$1\r\n1\r\n",
    };
    gh_redis_vote_t vote;

    (void) state;

    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        assert_int_equal(judged(replies[i], &vote), GH_REDIS_DOUBT);
        assert_int_equal(vote.state, GH_REDIS_VOTE_AWAY);
    }
}


static void
hostile_hosts_and_ports_are_none(void **state)
{
    static const char *const hosts[] = {
        "0.0.0.0",    "224.0.0.1",    "255.255.255.255",
        "::",         "ff02::1",      "127.1",
        "1",          "a..b",         ".a",
        "a.",         "-a",           "a b",
        "a/b",        "a:b",          "unix:/tmp/x",
        "a\r\nb",     "%s%n",         "http://x",
        "[::1]",      "fe80::1%eth0", "user@host",
        "a\x80",      "1.2.3.4.5",    "10.0.0.7:80",
        "a.b.0x7f.1",
    };
    static const char *const ports[] = {
        "", "0", "65536", "-1", "+1", " 1", "1 ", "1a", "99999999999999999999",
    };
    char longest[300];
    gh_redis_address_t address;

    (void) state;

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        assert_false(gh_redis_address_parse(gh_str(hosts[i]), GH_STR("6379"),
                                            &address));
    }

    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        assert_false(gh_redis_address_parse(GH_STR("10.0.0.7"),
                                            gh_str(ports[i]), &address));
    }

    memset(longest, 'a', sizeof(longest));
    assert_false(gh_redis_address_parse((gh_str_t){ longest, 64 }, GH_STR("1"),
                                        &address));

    for (size_t i = 50; i < sizeof(longest); i += 50) {
        longest[i] = '.';
    }

    assert_true(gh_redis_address_parse((gh_str_t){ longest, 253 }, GH_STR("1"),
                                       &address));
    assert_false(gh_redis_address_parse((gh_str_t){ longest, 254 },
                                        GH_STR("1"), &address));
    assert_false(gh_redis_address_parse((gh_str_t){ "a\0b", 3 }, GH_STR("1"),
                                        &address));
    assert_false(gh_redis_address_parse(GH_STR(""), GH_STR("1"), &address));
}


static void
a_switch_is_read_for_its_own_primary(void **state)
{
    gh_redis_address_t address;

    (void) state;

    assert_int_equal(
        gh_redis_switch_parse(GH_STR("main 10.0.0.1 6379 10.0.0.2 6380"),
                              GH_STR("main"), &address),
        GH_OK);
    assert_string_equal(address.host, "10.0.0.2");
    assert_int_equal(address.port, 6380);

    assert_int_equal(
        gh_redis_switch_parse(GH_STR("other 10.0.0.1 6379 10.0.0.2 6380"),
                              GH_STR("main"), &address),
        GH_ABSENT);
}


static void
a_switch_of_another_shape_is_none(void **state)
{
    static const char *const texts[] = {
        "",
        "main",
        "main 10.0.0.1 6379 10.0.0.2",
        "main 10.0.0.1 6379 10.0.0.2 ",
        "main 10.0.0.1 6379 10.0.0.2 0",
        "main 10.0.0.1 6379 10.0.0.2 6380 ",
        "main 10.0.0.1 6379 10.0.0.2 6380 more",
        "main  10.0.0.1 6379 10.0.0.2 6380",
        "main 10.0.0.1 6379 0.0.0.0 6380",
        "ma\nin 10.0.0.1 6379 10.0.0.2 6380",
    };
    gh_redis_address_t address;

    (void) state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(
            gh_redis_switch_parse(gh_str(texts[i]), GH_STR("main"), &address),
            GH_INVALID);
    }
}


/* "a" and "b" name addresses, "u" knows none, "-" is away, "?" is due. */

static char
chosen(const char *words, bool stay)
{
    gh_redis_vote_t votes[8];
    size_t n = strlen(words), i;

    memset(votes, 0, sizeof(votes));

    for (i = 0; i < n; i++) {
        votes[i].state = words[i] == '?'   ? GH_REDIS_VOTE_DUE
                         : words[i] == '-' ? GH_REDIS_VOTE_AWAY
                         : words[i] == 'u' ? GH_REDIS_VOTE_UNKNOWN
                                           : GH_REDIS_VOTE_NAMED;
        votes[i].address.host[0] = words[i];
    }

    i = gh_redis_elect(votes, n, stay);

    return i == n ? '0' : words[i];
}


static char
elected(const char *words)
{
    return chosen(words, false);
}


static void
more_than_half_of_the_sentinels_decide(void **state)
{
    (void) state;

    assert_int_equal(elected("aab"), 'a');
    assert_int_equal(elected("baa"), 'a');
    assert_int_equal(elected("aa?"), 'a');
    assert_int_equal(elected("?aa??"), '0');
    assert_int_equal(elected("?aaa?"), 'a');
    assert_int_equal(elected("a"), 'a');
    assert_int_equal(elected("uaa"), 'a');
}


static void
fewer_are_believed_only_where_others_are_away(void **state)
{
    (void) state;

    assert_int_equal(elected("a--"), 'a');
    assert_int_equal(elected("a-?"), '0');
    assert_int_equal(elected("au-"), 'a');
    assert_int_equal(elected("aab--"), 'a');
    assert_int_equal(elected("aab-?"), '0');
}


static void
a_primary_that_answers_is_left_for_more_than_half_only(void **state)
{
    (void) state;

    assert_int_equal(chosen("a--", true), '0');
    assert_int_equal(chosen("au-", true), '0');
    assert_int_equal(chosen("aab--", true), '0');
    assert_int_equal(chosen("aa-", true), 'a');
    assert_int_equal(chosen("aab", true), 'a');
    assert_int_equal(chosen("a", true), 'a');
}


static void
a_tie_changes_nothing(void **state)
{
    (void) state;

    assert_int_equal(elected("ab-"), '0');
    assert_int_equal(elected("abc"), '0');
    assert_int_equal(elected("aabb-"), '0');
    assert_int_equal(elected("---"), '0');
    assert_int_equal(elected("uuu"), '0');
    assert_int_equal(elected("???"), '0');
}


static void
what_is_not_decided_is_explained(void **state)
{
    gh_redis_vote_t votes[2];

    (void) state;

    memset(votes, 0, sizeof(votes));
    assert_string_equal(gh_redis_elect_words(votes, 2),
                        "is not known: no sentinel answers");
    votes[0].state = GH_REDIS_VOTE_UNKNOWN;
    assert_string_equal(gh_redis_elect_words(votes, 2),
                        "is a name that no sentinel knows");
    votes[1].state = GH_REDIS_VOTE_NAMED;
    assert_string_equal(gh_redis_elect_words(votes, 2),
                        "is named differently by its sentinels");
}


static void
only_a_master_is_a_primary(void **state)
{
    (void) state;

    assert_int_equal(role("*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"),
                     GH_REDIS_DONE);
    assert_int_equal(role("*5\r\n$5\r\nslave\r\n$1\r\na\r\n:1\r\n$1\r\nc\r\n"
                          ":0\r\n"),
                     GH_REDIS_REPLICA);
    assert_int_equal(role("*2\r\n$8\r\nsentinel\r\n*0\r\n"), GH_REDIS_DOUBT);
    assert_int_equal(role("*0\r\n"), GH_REDIS_DOUBT);
    assert_int_equal(role("*-1\r\n"), GH_REDIS_DOUBT);
    assert_int_equal(role("+master\r\n"), GH_REDIS_DOUBT);
    assert_int_equal(role("*1\r\n*1\r\n$6\r\nmaster\r\n"), GH_REDIS_DOUBT);
    assert_int_equal(role("-LOADING Redis is loading\r\n"), GH_REDIS_LOADING);
    assert_int_equal(role("-NOPERM no role for you\r\n"), GH_REDIS_REFUSED);
}


static void
a_primary_has_a_plain_name(void **state)
{
    (void) state;

    assert_true(gh_redis_primary_valid(GH_STR("my.Master-1_x")));
    assert_false(gh_redis_primary_valid(GH_STR("")));
    assert_false(gh_redis_primary_valid(GH_STR("my master")));
    assert_false(gh_redis_primary_valid(GH_STR("a/b")));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sentinel_names_an_address_or_a_host),
        cmocka_unit_test(one_that_does_not_know_the_name_says_so),
        cmocka_unit_test(what_else_it_says_is_a_doubt),
        cmocka_unit_test(hostile_hosts_and_ports_are_none),
        cmocka_unit_test(a_switch_is_read_for_its_own_primary),
        cmocka_unit_test(a_switch_of_another_shape_is_none),
        cmocka_unit_test(more_than_half_of_the_sentinels_decide),
        cmocka_unit_test(fewer_are_believed_only_where_others_are_away),
        cmocka_unit_test(
            a_primary_that_answers_is_left_for_more_than_half_only),
        cmocka_unit_test(a_tie_changes_nothing),
        cmocka_unit_test(what_is_not_decided_is_explained),
        cmocka_unit_test(only_a_master_is_a_primary),
        cmocka_unit_test(a_primary_has_a_plain_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
