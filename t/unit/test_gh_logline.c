/*
 * The decision line: what is in it, and what cannot be put into it from
 * outside. Names beginning with m and a number are rows of the table of
 * information leaks in docs/threat-model.md.
 */

#include "gh_test.h"

#include "gh_json.h"
#include "gh_logline.h"


static gh_logline_t
refusal(void)
{
    return (gh_logline_t){
        .at_ms = INT64_C(1795403460123), /* 2026-11-23T03:11:00.123Z */
        .request_id = GH_STR("7d9f8c0a"),
        .source = GH_STR("192.0.2.1"),
        .http_method = GH_STR("GET"),
        .host = GH_STR("api.example.com"),
        .target = GH_STR("/orders?page=2"),
        .status = 401,
        .reason = GH_REASON_KEY_EXPIRED,
        .method = GH_METHOD_API_KEY,
        .principal = GH_STR("consumer:acme"),
        .consumer = GH_STR("acme"),
        .credential = GH_STR("7f3a"),
        .service = GH_STR("orders"),
        .version = GH_STR("v2"),
        .deployment = GH_STR("blue"),
        .duration_us = 1234,
        .upstream_us = 1000,
        .bytes_sent = 512,
        .generation = 7,
    };
}


static void
assert_text(const gh_logline_t *l, const char *expected)
{
    char room[GH_LOGLINE_MAX];
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_logline_text(l, &out), GH_OK);
    assert_str(gh_buf_str(&out), expected);
}


static void
assert_json(const gh_logline_t *l, const char *expected)
{
    char room[GH_LOGLINE_MAX];
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_logline_json(l, &out), GH_OK);
    assert_str(gh_buf_str(&out), expected);
}


static bool
holds(const gh_buf_t *out, const char *text)
{
    return memmem(out->data, out->len, text, strlen(text)) != NULL;
}


static void
a_refusal_is_one_line_of_text(void **state)
{
    gh_logline_t l = refusal();

    (void) state;

    assert_text(&l, "2026-11-23T03:11:00.123Z gatehouse: refused "
                    "reason=key_expired status=401 http_method=GET "
                    "host=api.example.com target=\"/orders?page=2\" "
                    "source=192.0.2.1 method=api_key "
                    "principal=consumer:acme consumer=acme credential=7f3a "
                    "service=orders version=v2 deployment=blue "
                    "request_id=7d9f8c0a duration_us=1234 upstream_us=1000 "
                    "bytes_sent=512 generation=7");
}


static void
the_same_refusal_is_one_json_object(void **state)
{
    gh_logline_t l = refusal();

    (void) state;

    assert_json(&l,
                "{\"time\":\"2026-11-23T03:11:00.123Z\","
                "\"decision\":\"refused\",\"reason\":\"key_expired\","
                "\"status\":401,\"http_method\":\"GET\","
                "\"host\":\"api.example.com\",\"target\":\"/orders?page=2\","
                "\"source\":\"192.0.2.1\",\"method\":\"api_key\","
                "\"principal\":\"consumer:acme\",\"consumer\":\"acme\","
                "\"credential\":\"7f3a\",\"service\":\"orders\","
                "\"version\":\"v2\",\"deployment\":\"blue\","
                "\"request_id\":\"7d9f8c0a\",\"duration_us\":1234,"
                "\"upstream_us\":1000,\"bytes_sent\":512,\"generation\":7}");
}


static void
who_it_was_may_be_written_before(void **state)
{
    (void) state;

    for (int json = 0; json <= 1; json++) {
        char who_room[GH_LOGLINE_WHO_MAX], a[GH_LOGLINE_MAX],
            b[GH_LOGLINE_MAX];
        gh_buf_t who = GH_BUF(who_room), plain = GH_BUF(a), with = GH_BUF(b);
        gh_logline_t line = refusal();

        line.credential = GH_STR("a \"b\"");
        assert_int_equal(gh_logline_who(&line, json, &who), GH_OK);
        assert_int_equal(json ? gh_logline_json(&line, &plain)
                              : gh_logline_text(&line, &plain),
                         GH_OK);

        line.who = gh_buf_str(&who);
        line.principal = line.consumer = line.credential = GH_STR("other");
        assert_int_equal(json ? gh_logline_json(&line, &with)
                              : gh_logline_text(&line, &with),
                         GH_OK);
        assert_true(gh_str_eq(gh_buf_str(&with), gh_buf_str(&plain)));
    }
}


static void
who_fits_the_stated_room_and_needs_some(void **state)
{
    (void) state;
    char long_value[2000], room[GH_LOGLINE_WHO_MAX];
    gh_buf_t out = GH_BUF(room), none = { room, 0, 16 };
    gh_logline_t line = refusal();

    memset(long_value, '"', sizeof(long_value));
    line.principal = (gh_str_t){ long_value, sizeof(long_value) };
    line.consumer = line.credential = line.principal;

    assert_int_equal(gh_logline_who(&line, false, &out), GH_OK);
    out.len = 0;
    assert_int_equal(gh_logline_who(&line, true, &out), GH_OK);
    assert_int_equal(gh_logline_who(&line, true, &none), GH_TOO_LONG);
    assert_int_equal(none.len, 0);
}


static void
numbers_of_every_length_are_whole(void **state)
{
    (void) state;
    gh_logline_t line = { .at_ms = -1 };

    for (uint64_t n = 1; n != 0; n = n > UINT64_MAX / 10 ? 0 : n * 10) {
        const uint64_t around[] = { n - 1, n, n + 1, n * 9 + (n - 1) };

        for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
            char expected[64];

            if (around[i] == 0) {
                continue;
            }

            line.bytes_sent = around[i];
            (void) snprintf(expected, sizeof(expected),
                            "gatehouse: undecided bytes_sent=%llu",
                            (unsigned long long) around[i]);
            assert_text(&line, expected);
        }
    }

    line.bytes_sent = UINT64_MAX;
    assert_text(&line, "gatehouse: undecided bytes_sent=18446744073709551615");
}


static void
what_is_not_known_is_left_out(void **state)
{
    gh_logline_t l = { .reason = GH_REASON_PUBLIC, .status = 200 };

    (void) state;

    assert_text(&l, "gatehouse: allowed reason=public status=200");
    assert_json(
        &l, "{\"decision\":\"allowed\",\"reason\":\"public\",\"status\":200}");

    l = (gh_logline_t){ .reason = GH_REASON_NONE };
    assert_text(&l, "gatehouse: undecided");
    assert_json(&l, "{\"decision\":\"undecided\"}");
}


static void
a_dry_run_says_what_it_would_have_been(void **state)
{
    gh_logline_t l = { .reason = GH_REASON_RULE_NONE,
                       .dry_run = true,
                       .status = 200 };

    (void) state;

    assert_text(&l,
                "gatehouse: refused reason=rule_none dry_run=1 status=200");
    assert_json(&l, "{\"decision\":\"refused\",\"reason\":\"rule_none\","
                    "\"dry_run\":true,\"status\":200}");
}


static void
time_is_the_civil_calendar(void **state)
{
    static const struct {
        int64_t at_ms;
        const char *text;
    } times[] = {
        { 1, "1970-01-01T00:00:00.001Z gatehouse: undecided" },
        { INT64_C(951782399999),
          "2000-02-28T23:59:59.999Z gatehouse: undecided" },
        { INT64_C(951782400000),
          "2000-02-29T00:00:00.000Z gatehouse: undecided" },
        { INT64_C(951868800000),
          "2000-03-01T00:00:00.000Z gatehouse: undecided" },
        { INT64_C(1767225599000),
          "2025-12-31T23:59:59.000Z gatehouse: undecided" },
        { INT64_C(4107542400000),
          "2100-03-01T00:00:00.000Z gatehouse: undecided" },
        { INT64_C(253402300799999),
          "9999-12-31T23:59:59.999Z gatehouse: undecided" },
        { INT64_C(253402300800000), "gatehouse: undecided" },
        { -1, "gatehouse: undecided" },
        { INT64_MIN, "gatehouse: undecided" },
        { INT64_MAX, "gatehouse: undecided" },
    };

    gh_logline_last_t last = { 0 };

    (void) state;

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        gh_logline_t l = { .at_ms = times[i].at_ms };

        assert_text(&l, times[i].text);

        /* and so with what was written of another second, and of this one */
        l.last = &last;
        assert_text(&l, times[i].text);
        assert_text(&l, times[i].text);
    }
}


static void
lines_of_one_second_differ_in_their_milliseconds(void **state)
{
    gh_logline_last_t last = { 0 };
    gh_logline_t l = { .at_ms = INT64_C(951782399999), .last = &last };

    (void) state;

    assert_text(&l, "2000-02-28T23:59:59.999Z gatehouse: undecided");
    l.at_ms -= 998;
    assert_text(&l, "2000-02-28T23:59:59.001Z gatehouse: undecided");
    l.at_ms += 999;
    assert_text(&l, "2000-02-29T00:00:00.000Z gatehouse: undecided");
}


static void
every_line_begins_with_its_own_decision(void **state)
{
    static const unsigned statuses[] = { 0, 200, 429, 0xffffffffu };
    gh_logline_last_t last = { 0 };

    (void) state;

    for (unsigned i = 0; i < 64 * 16; i++) {
        char plain[GH_LOGLINE_MAX], quick[GH_LOGLINE_MAX];
        gh_buf_t a = GH_BUF(plain), b = GH_BUF(quick);
        gh_logline_t l = refusal();
        unsigned one = i ^ i >> 1; /* the next differs in one thing */
        bool json = one % 2 != 0;

        l.reason = (gh_reason_t) (one / 16 % GH_REASON_COUNT);
        l.dry_run = one / 2 % 2 != 0;
        l.status = statuses[one / 4 % 4];
        assert_int_equal((json ? gh_logline_json : gh_logline_text)(&l, &a),
                         GH_OK);

        /* once as the first of its kind, once as one more */
        l.last = &last;
        for (int again = 0; again < 2; again++) {
            b.len = 0;
            assert_int_equal(
                (json ? gh_logline_json : gh_logline_text)(&l, &b), GH_OK);
            assert_int_equal(b.len, a.len);
            assert_memory_equal(b.data, a.data, a.len);
        }
    }
}


static void
m2_a_value_cannot_begin_a_line_or_a_field(void **state)
{
    gh_logline_t l = {
        .reason = GH_REASON_OK,
        .target = GH_STR("/x\r\ngatehouse: allowed"),
        .host = GH_STR("a reason=ok"),
        .principal = GH_STR("staff:\x1b[2J\"\\\0\x7f"),
    };

    (void) state;

    assert_text(&l, "gatehouse: allowed reason=ok host=\"a reason=ok\" "
                    "target=\"/x\\x0d\\x0agatehouse: allowed\" "
                    "principal=\"staff:\\x1b[2J\\\"\\\\\\x00\\x7f\"");
    assert_json(&l,
                "{\"decision\":\"allowed\",\"reason\":\"ok\","
                "\"host\":\"a reason=ok\","
                "\"target\":\"/x\\r\\ngatehouse: allowed\","
                "\"principal\":\"staff:\\u001b[2J\\\"\\\\\\u0000\\u007f\"}");
}


static void
m2_bytes_outside_ascii_cannot_hide_anything(void **state)
{
    gh_logline_t l = { .reason = GH_REASON_OK,
                       .consumer = GH_STR("\xef\xbb\xbf"
                                          "Cem \xc3\x96\xff") };

    (void) state;

    assert_text(&l, "gatehouse: allowed reason=ok "
                    "consumer=\"\\xef\\xbb\\xbf"
                    "Cem \\xc3\\x96\\xff\"");
    assert_json(&l, "{\"decision\":\"allowed\",\"reason\":\"ok\","
                    "\"consumer\":\"\\ufeff"
                    "Cem \xc3\x96\\ufffd\"}");
}


static void
a_long_value_is_cut_and_says_so(void **state)
{
    char target[3000], room[GH_LOGLINE_MAX];
    gh_buf_t out = GH_BUF(room);
    gh_logline_t l = { .target = { target, sizeof(target) },
                       .deployment = GH_STR("blue") };

    (void) state;

    memset(target, 'x', sizeof(target));
    target[0] = '/';

    assert_int_equal(gh_logline_text(&l, &out), GH_OK);
    assert_true(out.len < 1600);
    assert_true(holds(&out, "xxx...\" deployment=blue"));

    out.len = 0;
    assert_int_equal(gh_logline_json(&l, &out), GH_OK);
    assert_true(out.len < 1600);
    assert_true(holds(&out, "xxx...\",\"deployment\":\"blue\"}"));

    /* cut between characters, not inside one */
    for (size_t i = 1; i < sizeof(target); i++) {
        target[i] = i % 2 == 1 ? '\xc3' : '\x96';
    }

    for (l.target.len = 1; l.target.len < sizeof(target); l.target.len += 2) {
        out.len = 0;
        assert_int_equal(gh_logline_json(&l, &out), GH_OK);
        assert_false(holds(&out, "\\ufffd"));
    }
}


/* Long values are looked at sixteen bytes at a time. */
static void
no_byte_passes_anywhere_that_must_not(void **state)
{
    (void) state;

    for (size_t i = 0; i < 256 * 40 * 40; i++) {
        char c = (char) (unsigned char) (i % 256);
        size_t len = 1 + i / 256 % 40, at = i / 256 / 40;
        char value[40], room[GH_LOGLINE_MAX];
        gh_buf_t out = GH_BUF(room);
        gh_logline_t l = { .host = { value, len } };

        memset(value, 'x', sizeof(value));
        value[at] = c;

        bool quoted =
            at < len
            && (c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\');

        assert_int_equal(gh_logline_text(&l, &out), GH_OK);
        assert_int_equal(holds(&out, " host=\""), quoted);

        for (size_t j = 0; j < out.len; j++) {
            assert_in_range(room[j], ' ', '~');
        }

        out.len = 0;
        assert_int_equal(gh_logline_json(&l, &out), GH_OK);

        json_t *object = json_loadb(room, out.len, JSON_ALLOW_NUL, NULL);
        const json_t *host = json_object_get(object, "host");

        assert_non_null(object);

        if (c >= 0) {
            assert_int_equal(json_string_length(host), len);
            assert_memory_equal(json_string_value(host), value, len);
            assert_false(holds(&out, "\x7f"));
        }

        json_decref(object);
    }
}


static void
a_value_cut_among_escapes_is_still_a_json_string(void **state)
{
    char value[200], room[GH_LOGLINE_MAX];
    gh_logline_t l = { .deployment = { value, sizeof(value) } };

    (void) state;

    memset(value, 'x', sizeof(value));

    for (size_t quotes = 0; quotes < sizeof(value); quotes++) {
        gh_buf_t out = GH_BUF(room);

        assert_int_equal(gh_logline_json(&l, &out), GH_OK);

        json_t *object = json_loadb(room, out.len, 0, NULL);

        assert_non_null(object);
        json_decref(object);
        assert_true(holds(&out, "...\"}"));
        value[quotes] = '"';
    }
}


/* The worst that can come: every field full of what escapes longest. */
static void
any_line_fits_the_stated_room(void **state)
{
    static const char bytes[] = { 'x', '"', '\x01', '\xff', '\xc3', ' ' };
    static char value[5000];
    char room[GH_LOGLINE_MAX];

    (void) state;

    for (size_t i = 0; i < sizeof(bytes); i++) {
        gh_str_t all = { value, sizeof(value) };
        gh_buf_t out = GH_BUF(room);
        gh_logline_t l = {
            .at_ms = INT64_C(1795403460123),
            .request_id = all,
            .source = all,
            .http_method = all,
            .host = all,
            .target = all,
            .status = UINT32_MAX,
            .reason = GH_REASON_BAD_CREDENTIALS_LIMITED,
            .dry_run = true,
            .method = GH_METHOD_SIGNATURE,
            .principal = all,
            .consumer = all,
            .credential = all,
            .service = all,
            .version = all,
            .deployment = all,
            .duration_us = INT64_MAX,
            .upstream_us = INT64_MAX,
            .bytes_sent = INT64_MAX,
            .generation = INT64_MAX,
        };

        memset(value, bytes[i], sizeof(value));

        assert_int_equal(gh_logline_text(&l, &out), GH_OK);
        assert_true(out.len > 2500);
        assert_true(holds(&out, " generation=9223372036854775807"));

        out.len = 0;
        assert_int_equal(gh_logline_json(&l, &out), GH_OK);

        json_t *object;

        assert_int_equal(
            gh_json_parse(gh_buf_str(&out), sizeof(room), &object, NULL),
            GH_OK);
        assert_non_null(json_object_get(object, "generation"));
        json_decref(object);
    }
}


static void
a_line_that_does_not_fit_leaves_the_buffer_alone(void **state)
{
    char room[GH_LOGLINE_MAX], small[GH_LOGLINE_MAX];
    gh_logline_t l = refusal();

    (void) state;

    for (int json = 0; json < 2; json++) {
        gh_rc_t (*write)(const gh_logline_t *, gh_buf_t *) =
            json ? gh_logline_json : gh_logline_text;
        gh_buf_t whole = GH_BUF(room);

        assert_int_equal(write(&l, &whole), GH_OK);

        for (size_t cap = 0; cap < whole.len; cap++) {
            gh_buf_t out = { small, 0, cap };

            assert_int_equal(write(&l, &out), GH_TOO_LONG);
            assert_int_equal(out.len, 0);
        }

        /* and just enough is enough */
        gh_buf_t out = { small, 0, whole.len };

        assert_int_equal(write(&l, &out), GH_OK);
        assert_int_equal(memcmp(small, room, whole.len), 0);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_is_one_line_of_text),
        cmocka_unit_test(the_same_refusal_is_one_json_object),
        cmocka_unit_test(who_it_was_may_be_written_before),
        cmocka_unit_test(who_fits_the_stated_room_and_needs_some),
        cmocka_unit_test(numbers_of_every_length_are_whole),
        cmocka_unit_test(what_is_not_known_is_left_out),
        cmocka_unit_test(a_dry_run_says_what_it_would_have_been),
        cmocka_unit_test(time_is_the_civil_calendar),
        cmocka_unit_test(lines_of_one_second_differ_in_their_milliseconds),
        cmocka_unit_test(every_line_begins_with_its_own_decision),
        cmocka_unit_test(m2_a_value_cannot_begin_a_line_or_a_field),
        cmocka_unit_test(m2_bytes_outside_ascii_cannot_hide_anything),
        cmocka_unit_test(a_long_value_is_cut_and_says_so),
        cmocka_unit_test(no_byte_passes_anywhere_that_must_not),
        cmocka_unit_test(a_value_cut_among_escapes_is_still_a_json_string),
        cmocka_unit_test(any_line_fits_the_stated_room),
        cmocka_unit_test(a_line_that_does_not_fit_leaves_the_buffer_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
