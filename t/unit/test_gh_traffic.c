/*
 * Weights: how words change them, what is refused, and that the store gives
 * back what was put into it and nothing else.
 */

#include "gh_test.h"

#include "gh_traffic.h"

#include <stdio.h>
#include <stdlib.h>


/* "blue=90% green=10%" */
static gh_traffic_t
traffic_of(const char *text)
{
    gh_traffic_t t = { .change = 7 };
    gh_str_t rest = gh_str(text);

    while (rest.data != NULL) {
        gh_str_t weight;
        gh_str_t name = gh_str_cut(gh_str_cut(rest, ' ', &rest), '=', &weight);
        gh_traffic_weight_t *w = &t.weights[t.n++];

        assert_true(name.len <= GH_NAME_MAX);
        memcpy(w->name, name.data, name.len);
        assert_int_equal(gh_weight_parse(weight, &w->weight), GH_OK);
    }

    return t;
}


static void
assert_traffic(const gh_traffic_t *t, const char *expected)
{
    char room[2048];
    gh_buf_t out = GH_BUF(room);

    for (size_t i = 0; i < t->n; i++) {
        assert_int_equal(gh_buf_add_fmt(&out, "%s%s=", i > 0 ? " " : "",
                                        t->weights[i].name),
                         GH_OK);
        assert_int_equal(gh_weight_text(t->weights[i].weight, &out), GH_OK);
    }

    assert_str(gh_buf_str(&out), expected);
}


static size_t
split(const char *text, gh_str_t words[GH_DEPLOYMENTS_MAX + 1])
{
    size_t n = 0;
    gh_str_t rest = gh_str(text);

    while (rest.data != NULL && rest.len > 0) {
        words[n++] = gh_str_cut(rest, ' ', &rest);
    }

    return n;
}


static void
assert_set(const char *now, const char *words, const char *expected)
{
    gh_traffic_t t = traffic_of(now), next;
    gh_str_t list[GH_DEPLOYMENTS_MAX + 1];
    size_t n = split(words, list);
    const char *message = NULL;

    if (gh_traffic_set(&t, list, n, &next, &message) != GH_OK) {
        fail_msg("%s: %s", words, message);
    }

    assert_traffic(&next, expected);
    assert_int_equal(next.change, 0);
}


static void
assert_set_refused(const char *now, const char *words, const char *because)
{
    gh_traffic_t t = traffic_of(now), next = { .change = 77 };
    gh_str_t list[GH_DEPLOYMENTS_MAX + 1];
    size_t n = split(words, list);
    const char *message = NULL;

    assert_int_equal(gh_traffic_set(&t, list, n, &next, &message), GH_INVALID);
    assert_non_null(message);

    if (strstr(message, because) == NULL) {
        fail_msg("%s: %s", words, message);
    }

    assert_int_equal(next.change, 77);
}


static void
a_tenth_for_green_leaves_nine_for_blue(void **state)
{
    (void) state;

    assert_set("blue=100% green=0%", "green=10%", "blue=90% green=10%");
    assert_set("blue=90% green=10%", "green=30%", "blue=70% green=30%");
    assert_set("blue=90% green=10%", "green=0.01%", "blue=99.99% green=0.01%");
    assert_set("blue=0% green=100%", "green=10%", "blue=90% green=10%");
    assert_set("blue=50% green=50%", "green=100%", "blue=0% green=100%");
    assert_set("blue=50% green=50%", "green=0%", "blue=100% green=0%");
}


static void
the_others_share_the_rest_in_the_proportion_they_had(void **state)
{
    (void) state;

    assert_set("blue=60% green=30% canary=10%", "canary=40%",
               "blue=40% green=20% canary=40%");
    assert_set("blue=60% green=40% canary=0%", "canary=10%",
               "blue=54% green=36% canary=10%");
    assert_set("blue=60% green=40% canary=0%", "blue=80%",
               "blue=80% green=20% canary=0%");
    assert_set("blue=60% green=40% canary=0%", "canary=5% blue=5%",
               "blue=5% green=90% canary=5%");
}


static void
what_cannot_be_split_goes_to_the_largest(void **state)
{
    (void) state;

    assert_set("a=33.33% b=33.34% c=33.33% d=0%", "d=0.01%",
               "a=33.32% b=33.35% c=33.32% d=0.01%");
    assert_set("a=0.01% b=0.01% c=99.98%", "c=50%", "a=25% b=25% c=50%");
    assert_set("a=50% b=25% c=25%", "a=99.99%", "a=99.99% b=0.01% c=0%");
}


static void
all_may_be_given_if_they_add_up(void **state)
{
    (void) state;

    assert_set("blue=100% green=0%", "green=25% blue=75%",
               "blue=75% green=25%");
    assert_set("blue=100%", "blue=100%", "blue=100%");
    assert_set_refused("blue=100% green=0%", "green=25% blue=74.99%",
                       "less than 100");
    assert_set_refused("blue=100%", "blue=10%", "less than 100");
}


static void
more_than_everything_is_refused(void **state)
{
    (void) state;

    assert_set_refused("blue=100% green=0%", "green=25% blue=75.01%",
                       "more than 100");
    assert_set_refused("a=100% b=0% c=0%", "a=60% b=60%", "more than 100");
}


static void
words_that_say_nothing_clear_are_refused(void **state)
{
    (void) state;
    static const char now[] = "blue=100% green=0%";

    assert_set_refused(now, "", "no weight");
    assert_set_refused(now, "red=10%", "no such deployment");
    assert_set_refused(now, "gree=10%", "no such deployment");
    assert_set_refused(now, "=10%", "no such deployment");
    assert_set_refused(now, "green", "expected");
    assert_set_refused(now, "green=", "expected");
    assert_set_refused(now, "green=10", "expected");
    assert_set_refused(now, "green=101%", "expected");
    assert_set_refused(now, "green=0.001%", "expected");
    assert_set_refused(now, "green=10% green=10%", "twice");
    assert_set_refused("a=100% b=0% c=0%", "a=50%", "no traffic");
}


static void
every_result_adds_up_to_everything(void **state)
{
    (void) state;
    uint64_t seed = 1;

    for (int round = 0; round < 5000; round++) {
        gh_traffic_t t = { .n = 1 + (size_t) (round % GH_DEPLOYMENTS_MAX) };
        gh_traffic_t next;
        uint32_t left = GH_WEIGHT_ALL, sum = 0;
        char word[32];
        const char *message;

        for (size_t i = 0; i < t.n; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1;
            (void) snprintf(t.weights[i].name, sizeof(t.weights[i].name),
                            "d%zu", i);
            t.weights[i].weight =
                i == t.n - 1 ? left : (uint32_t) (seed >> 40) % (left + 1);
            left -= t.weights[i].weight;
        }

        (void) snprintf(word, sizeof(word), "d0=%u.%02u%%",
                        (unsigned) (seed >> 33) % 100,
                        (unsigned) (seed >> 50) % 100);

        gh_str_t words = gh_str(word);

        if (gh_traffic_set(&t, &words, 1, &next, &message) == GH_OK) {
            for (size_t i = 0; i < next.n; i++) {
                sum += next.weights[i].weight;
            }

            assert_int_equal(sum, GH_WEIGHT_ALL);
        }
    }
}


static void
a_switch_sends_all_to_one(void **state)
{
    (void) state;
    gh_traffic_t now = traffic_of("blue=90% green=10%"), next = { .n = 77 };

    assert_int_equal(gh_traffic_switch(&now, GH_STR("red"), &next), GH_ABSENT);
    assert_int_equal(next.n, 77);
    assert_int_equal(gh_traffic_switch(&now, GH_STR("green"), &next), GH_OK);
    assert_traffic(&next, "blue=0% green=100%");
    assert_int_equal(next.change, 0);

    /* in place, and back */
    assert_int_equal(gh_traffic_switch(&next, GH_STR("blue"), &next), GH_OK);
    assert_traffic(&next, "blue=100% green=0%");
}


static void
weights_fit_while_all_their_deployments_exist(void **state)
{
    (void) state;
    gh_traffic_t t = traffic_of("blue=90% green=10%");
    gh_str_t names[] = { GH_STR("canary"), GH_STR("green"), GH_STR("blue") };

    assert_true(gh_traffic_fits(&t, names, 3));
    assert_false(gh_traffic_fits(&t, names, 2));
    assert_false(gh_traffic_fits(&t, names, 0));
    names[2] = GH_STR("bluee");
    assert_false(gh_traffic_fits(&t, names, 3));
}


static void
weights_come_back_as_they_were_put(void **state)
{
    (void) state;
    gh_traffic_t t = traffic_of("blue=90% green=9.99% c\"\\=0.01%"), back;
    char room[GH_TRAFFIC_BYTES_MAX];
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_traffic_encode(&t, &out), GH_OK);
    assert_str(gh_buf_str(&out),
               "{\"v\":1,\"change\":7,\"weights\":{\"blue\":9000,"
               "\"green\":999,\"c\\\"\\\\\":1}}");
    assert_int_equal(gh_traffic_decode(gh_buf_str(&out), &back), GH_OK);
    assert_int_equal(back.change, 7);
    assert_traffic(&back, "blue=90% green=9.99% c\"\\=0.01%");
}


static gh_change_t
sample_change(void)
{
    gh_change_t c = { .id = 9,
                      .at_s = 1748736000,
                      .who = "root",
                      .subject = "traffic orders/v2",
                      .action = "set",
                      .reason = "caf\xc3\xa9 \"now\"\n",
                      .before_change = 7,
                      .had_before = true };

    c.before = traffic_of("blue=100%");

    return c;
}


static void
a_change_comes_back_as_it_was_put(void **state)
{
    (void) state;
    gh_change_t c = sample_change(), back;
    char room[GH_CHANGE_BYTES_MAX];
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_change_encode(&c, &out), GH_OK);
    assert_str(gh_buf_str(&out),
               "{\"v\":1,\"id\":9,\"at\":1748736000,\"who\":\"root\","
               "\"subject\":\"traffic orders/v2\",\"action\":\"set\","
               "\"reason\":\"caf\xc3\xa9 \\\"now\\\"\\n\","
               "\"before_change\":7,\"before\":{\"change\":7,"
               "\"weights\":{\"blue\":10000}},\"after\":null}");
    assert_int_equal(gh_change_decode(gh_buf_str(&out), &back), GH_OK);
    assert_int_equal(back.id, 9);
    assert_int_equal(back.at_s, 1748736000);
    assert_string_equal(back.who, c.who);
    assert_string_equal(back.subject, c.subject);
    assert_string_equal(back.action, c.action);
    assert_string_equal(back.reason, c.reason);
    assert_int_equal(back.before_change, 7);
    assert_true(back.had_before);
    assert_false(back.has_after);
    assert_traffic(&back.before, "blue=100%");
    assert_int_equal(back.after.n, 0);
}


static void
the_stated_room_is_enough_for_the_largest_record(void **state)
{
    (void) state;
    gh_change_t c = sample_change(), back;
    char room[GH_CHANGE_BYTES_MAX];
    gh_buf_t out = { room, 0, GH_TRAFFIC_BYTES_MAX };

    c.id = c.before_change = INT64_MAX;
    c.at_s = INT64_MAX;
    memset(c.who, 1, sizeof(c.who));
    memset(c.subject, 1, sizeof(c.subject));
    memset(c.action, 1, sizeof(c.action));
    memset(c.reason, 1, sizeof(c.reason));
    c.before.n = GH_DEPLOYMENTS_MAX;
    c.before.change = INT64_MAX;

    for (size_t i = 0; i < GH_DEPLOYMENTS_MAX; i++) {
        char *name = c.before.weights[i].name;

        memset(name, '"', GH_NAME_MAX);
        name[0] = (char) ('a' + i);
        name[GH_NAME_MAX] = '\0';
        c.before.weights[i].weight = 625;
    }

    c.has_after = true;
    c.after = c.before;

    assert_int_equal(gh_traffic_encode(&c.before, &out), GH_OK);
    assert_int_equal(gh_traffic_decode(gh_buf_str(&out), &back.before), GH_OK);
    out = GH_BUF(room);
    assert_int_equal(gh_change_encode(&c, &out), GH_OK);
    assert_int_equal(gh_change_decode(gh_buf_str(&out), &back), GH_OK);
    assert_int_equal(strlen(back.reason), sizeof(back.reason) - 1);
}


static void
texts_are_cut_between_characters(void **state)
{
    (void) state;
    char room[8];

    gh_change_text(room, sizeof(room), GH_STR("short"));
    assert_string_equal(room, "short");
    gh_change_text(room, sizeof(room), GH_STR("seven 7"));
    assert_string_equal(room, "seven 7");
    gh_change_text(room, sizeof(room), GH_STR("too long"));
    assert_string_equal(room, "too lon");
    gh_change_text(room, sizeof(room), GH_STR("123456\xc3\xa9"));
    assert_string_equal(room, "123456");
    gh_change_text(room, sizeof(room), GH_STR("12345\xc3\xa9z"));
    assert_string_equal(room, "12345\xc3\xa9");
    gh_change_text(room, sizeof(room), GH_STR("1234\xf0\x9f\x98\x80"));
    assert_string_equal(room, "1234");
    gh_change_text(room, sizeof(room), GH_STR("a\0b"));
    assert_string_equal(room, "a");
    gh_change_text(room, sizeof(room), GH_STR(""));
    assert_string_equal(room, "");
    gh_change_text(room, sizeof(room), (gh_str_t){ NULL, 0 });
    assert_string_equal(room, "");
}


static void
longer_texts_of_a_record_are_cut_not_refused(void **state)
{
    (void) state;
    char text[GH_CHANGE_BYTES_MAX];
    gh_buf_t out = GH_BUF(text);
    gh_change_t back;

    assert_int_equal(
        gh_buf_add_fmt(&out,
                       "{\"v\":1,\"id\":1,\"at\":0,\"who\":\"%0300d\","
                       "\"subject\":\"\",\"action\":\"\",\"reason\":\"\","
                       "\"before_change\":0,\"before\":null,\"after\":null,"
                       "\"later\":{}}",
                       0),
        GH_OK);
    assert_int_equal(gh_change_decode(gh_buf_str(&out), &back), GH_OK);
    assert_int_equal(strlen(back.who), sizeof(back.who) - 1);
}


static void
what_is_no_record_is_refused(void **state)
{
    (void) state;
    static const char *bad[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"v\":1}",
        "{\"v\":2,\"change\":7,\"weights\":{\"blue\":10000}}",
        "{\"v\":0,\"change\":7,\"weights\":{\"blue\":10000}}",
        "{\"v\":\"1\",\"change\":7,\"weights\":{\"blue\":10000}}",
        "{\"change\":7,\"weights\":{\"blue\":10000}}",
        "{\"v\":1,\"weights\":{\"blue\":10000}}",
        "{\"v\":1,\"change\":-1,\"weights\":{\"blue\":10000}}",
        "{\"v\":1,\"change\":7.0,\"weights\":{\"blue\":10000}}",
        "{\"v\":1,\"change\":99999999999999999999,\"weights\":{\"b\":10000}}",
        "{\"v\":1,\"change\":7,\"weights\":{}}",
        "{\"v\":1,\"change\":7,\"weights\":[]}",
        "{\"v\":1,\"change\":7,\"weights\":null}",
        "{\"v\":1,\"change\":7,\"weights\":{\"blue\":9999}}",
        "{\"v\":1,\"change\":7,\"weights\":{\"blue\":10001}}",
        "{\"v\":1,\"change\":7,\"weights\":{\"a\":10000,\"b\":-1,\"c\":1}}",
        "{\"v\":1,\"change\":7,\"weights\":{\"blue\":\"10000\"}}",
        "{\"v\":1,\"change\":7,\"weights\":{\"blue\":5000,\"blue\":5000}}",
        "{\"v\":1,\"change\":7,\"weights\":{\"\":10000}}",
        "{\"v\":1,\"change\":7,\"weights\":{\"a b\":10000}}",
        "{\"v\":1,\"change\":7,\"weights\":{\"\xc3\xa9\":10000}}",
        "{\"v\":1,\"change\":7,\"weights\":{\"blue\":10000}} x",
        "{\"v\":1,\"change\":7,\"weights\":{"
        "\"12345678901234567890123456789012345678901234567890123456789012345"
        "\":10000}}",
        "{\"v\":1,\"change\":7,\"weights\":{\"a\":10000,\"b\":0,\"c\":0,"
        "\"d\":0,\"e\":0,\"f\":0,\"g\":0,\"h\":0,\"i\":0,\"j\":0,\"k\":0,"
        "\"l\":0,\"m\":0,\"n\":0,\"o\":0,\"p\":0,\"q\":0}}",
    };
    gh_traffic_t t;
    gh_change_t c;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (gh_traffic_decode(gh_str(bad[i]), &t) != GH_INVALID) {
            fail_msg("%s was taken for weights", bad[i]);
        }

        assert_int_equal(gh_change_decode(gh_str(bad[i]), &c), GH_INVALID);
    }
}


/* Each member in turn is taken away, or made another type. */
static void
a_change_with_a_part_missing_is_refused(void **state)
{
    (void) state;
    static const char *members[] = { "v",       "id",
                                     "at",      "who",
                                     "subject", "action",
                                     "reason",  "before_change",
                                     "before",  "after" };
    gh_change_t c = sample_change(), back;
    char room[GH_CHANGE_BYTES_MAX];
    gh_buf_t out = GH_BUF(room);
    json_t *whole;

    assert_int_equal(gh_change_encode(&c, &out), GH_OK);
    assert_int_equal(gh_json_parse(gh_buf_str(&out), out.len, &whole, NULL),
                     GH_OK);

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        for (int how = 0; how < 2; how++) {
            json_t *copy = json_deep_copy(whole);

            if (how == 0) {
                json_object_del(copy, members[i]);

            } else {
                json_object_set_new(copy, members[i], json_true());
            }

            char *text = json_dumps(copy, 0);

            assert_int_equal(gh_change_decode(gh_str(text), &back),
                             GH_INVALID);
            free(text);
            json_decref(copy);
        }
    }

    json_decref(whole);
}


static void
what_would_not_come_back_is_not_written(void **state)
{
    (void) state;
    char room[GH_CHANGE_BYTES_MAX];
    gh_buf_t out = GH_BUF(room);
    gh_traffic_t t;
    gh_change_t c;

    t = traffic_of("blue=50% green=49.99%");
    assert_int_equal(gh_traffic_encode(&t, &out), GH_INVALID);
    t = traffic_of("blue=50% blue=50%");
    assert_int_equal(gh_traffic_encode(&t, &out), GH_INVALID);
    t = traffic_of("=100%");
    assert_int_equal(gh_traffic_encode(&t, &out), GH_INVALID);
    t = traffic_of("blue=100%");
    t.n = 0;
    assert_int_equal(gh_traffic_encode(&t, &out), GH_INVALID);
    t.n = GH_DEPLOYMENTS_MAX + 1;
    assert_int_equal(gh_traffic_encode(&t, &out), GH_INVALID);
    t.n = 1;
    t.change = UINT64_MAX;
    assert_int_equal(gh_traffic_encode(&t, &out), GH_INVALID);
    t.change = 1;
    memset(t.weights[0].name, 'a', sizeof(t.weights[0].name));
    assert_int_equal(gh_traffic_encode(&t, &out), GH_INVALID);

    c = sample_change();
    c.id = 0;
    assert_int_equal(gh_change_encode(&c, &out), GH_INVALID);
    c = sample_change();
    c.at_s = -1;
    assert_int_equal(gh_change_encode(&c, &out), GH_INVALID);
    c = sample_change();
    c.has_after = true;
    assert_int_equal(gh_change_encode(&c, &out), GH_INVALID);
    assert_int_equal(out.len, 0);
}


static void
a_record_is_written_whole_or_not_at_all(void **state)
{
    (void) state;
    gh_change_t c = sample_change();
    char room[GH_CHANGE_BYTES_MAX];

    for (size_t cap = 0;; cap++) {
        gh_buf_t out = { room, 0, cap };
        gh_rc_t rc = gh_change_encode(&c, &out);

        if (rc == GH_OK) {
            assert_int_equal(out.len, cap); /* the first that fits */
            break;
        }

        assert_int_equal(rc, GH_TOO_LONG);
        assert_int_equal(out.len, 0);
        rc = gh_traffic_encode(&c.before, &out);
        assert_true(rc == GH_OK || out.len == 0);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tenth_for_green_leaves_nine_for_blue),
        cmocka_unit_test(the_others_share_the_rest_in_the_proportion_they_had),
        cmocka_unit_test(what_cannot_be_split_goes_to_the_largest),
        cmocka_unit_test(all_may_be_given_if_they_add_up),
        cmocka_unit_test(more_than_everything_is_refused),
        cmocka_unit_test(words_that_say_nothing_clear_are_refused),
        cmocka_unit_test(every_result_adds_up_to_everything),
        cmocka_unit_test(a_switch_sends_all_to_one),
        cmocka_unit_test(weights_fit_while_all_their_deployments_exist),
        cmocka_unit_test(weights_come_back_as_they_were_put),
        cmocka_unit_test(a_change_comes_back_as_it_was_put),
        cmocka_unit_test(the_stated_room_is_enough_for_the_largest_record),
        cmocka_unit_test(texts_are_cut_between_characters),
        cmocka_unit_test(longer_texts_of_a_record_are_cut_not_refused),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(a_change_with_a_part_missing_is_refused),
        cmocka_unit_test(what_would_not_come_back_is_not_written),
        cmocka_unit_test(a_record_is_written_whole_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
