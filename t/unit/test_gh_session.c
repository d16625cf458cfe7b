/*
 * Sessions: the cookie is ours or nothing, the record opens under its name
 * alone, and limits hold to the second. Names beginning with e and a number
 * are rows of the table of logins in docs/threat-model.md.
 */

#include "gh_test.h"

#include "gh_session.h"

#include <stdio.h>
#include <stdlib.h>

#define ROOT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER                                                                 \
    "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define NOW INT64_C(1800000000)
#define HOUR 3600


static const uint8_t nonce[12] = { 7 };
static const uint8_t id[GH_SESSION_ID_LEN] = { 1, 2, 3 };
static const gh_session_times_t times = { HOUR, 8 * HOUR };


static gh_secret_t
secret_of(const char *first, const char *second)
{
    gh_secret_t s = { 0 };

    assert_int_equal(gh_secret_add(&s, gh_str(first)), GH_OK);
    if (second != NULL) {
        assert_int_equal(gh_secret_add(&s, gh_str(second)), GH_OK);
    }

    return s;
}


static gh_session_t
session(void)
{
    return (gh_session_t){ .provider = GH_STR("staff"),
                           .issuer = GH_STR("https://idp.test/a"),
                           .client_id = GH_STR("gatehouse"),
                           .host = GH_STR("app.example.com"),
                           .sub = GH_STR("2482"),
                           .sid = GH_STR("s-1"),
                           .created_at_s = NOW,
                           .seen_at_s = NOW,
                           .expires_at_s = NOW + 300,
                           .refreshed_at_s = NOW,
                           .access_token = GH_STR("at\"\n"),
                           .refresh_token = GH_STR("rt") };
}


static gh_str_t
name_of(const char *cookie, const gh_secret_t *secret, char *room)
{
    gh_str_t text = { cookie, GH_SESSION_COOKIE_LEN };

    assert_int_equal(gh_session_name(secret, text, room), GH_OK);
    return (gh_str_t){ room, GH_SESSION_NAME_LEN };
}


static void
a_session_comes_back_as_it_was_put_away(void **state)
{
    gh_secret_t secret = secret_of(ROOT, NULL);
    char room[4096];
    gh_buf_t out = GH_BUF(room);
    gh_session_t s = session(), back;

    (void) state;
    s.claims = json_pack("{s:s, s:[i, f], s:{s:n}}", "name", "Al\xc3\xafs",
                         "x", 1, 2.5, "deep", "er");

    assert_int_equal(gh_session_seal(&secret, GH_STR("name"), &s, nonce, &out),
                     GH_OK);
    assert_int_equal(
        gh_session_open(&secret, GH_STR("name"), gh_buf_str(&out), &back),
        GH_OK);

    assert_str(back.provider, "staff");
    assert_str(back.issuer, "https://idp.test/a");
    assert_str(back.client_id, "gatehouse");
    assert_str(back.host, "app.example.com");
    assert_str(back.sub, "2482");
    assert_str(back.sid, "s-1");
    assert_str(back.id, "staff:2482");
    assert_str(back.access_token, "at\"\n");
    assert_str(back.refresh_token, "rt");
    assert_str(back.id_token, "");
    assert_int_equal(back.created_at_s, NOW);
    assert_int_equal(back.expires_at_s, NOW + 300);
    assert_true(json_equal(back.claims, s.claims));

    gh_session_clear(&back);
    gh_session_clear(&back); /* once more does no harm */
    json_decref(s.claims);
}


/* As deep as an id_token may be. */
static void
claims_may_be_as_deep_as_a_tokens(void **state)
{
    gh_secret_t secret = secret_of(ROOT, NULL);
    char room[4096];
    gh_buf_t out = GH_BUF(room);
    gh_session_t s = session(), back;

    (void) state;
    assert_int_equal(
        gh_json_parse(GH_STR("{\"a\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}"), 4096,
                      &s.claims, NULL),
        GH_OK);
    assert_int_equal(gh_session_seal(&secret, GH_STR("name"), &s, nonce, &out),
                     GH_OK);
    assert_int_equal(
        gh_session_open(&secret, GH_STR("name"), gh_buf_str(&out), &back),
        GH_OK);
    assert_true(json_equal(back.claims, s.claims));
    gh_session_clear(&back);
    json_decref(s.claims);
}


static void
a_record_opens_under_its_own_name_alone(void **state)
{
    gh_secret_t secret = secret_of(ROOT, NULL);
    gh_secret_t other = secret_of(OTHER, NULL);
    gh_secret_t rotated = secret_of(OTHER, ROOT);
    char room[4096];
    gh_buf_t out = GH_BUF(room);
    gh_session_t s = session(), back;

    (void) state;
    assert_int_equal(gh_session_seal(&secret, GH_STR("name"), &s, nonce, &out),
                     GH_OK);

    assert_int_equal(
        gh_session_open(&secret, GH_STR("nama"), gh_buf_str(&out), &back),
        GH_DENIED);
    assert_null(back.document);
    assert_int_equal(
        gh_session_open(&other, GH_STR("name"), gh_buf_str(&out), &back),
        GH_DENIED);
    assert_int_equal(
        gh_session_open(&rotated, GH_STR("name"), gh_buf_str(&out), &back),
        GH_OK);
    gh_session_clear(&back);
}


static void
e11_no_byte_of_a_record_can_be_changed(void **state)
{
    gh_secret_t secret = secret_of(ROOT, NULL);
    char room[4096];
    gh_buf_t out = GH_BUF(room);
    gh_session_t s = session(), back;

    (void) state;
    assert_int_equal(gh_session_seal(&secret, GH_STR("name"), &s, nonce, &out),
                     GH_OK);

    for (size_t i = 0; i < out.len; i++) {
        room[i] ^= 4;
        assert_int_equal(
            gh_session_open(&secret, GH_STR("name"), gh_buf_str(&out), &back),
            GH_DENIED);
        room[i] ^= 4;
        assert_int_equal(gh_session_open(&secret, GH_STR("name"),
                                         (gh_str_t){ room, i }, &back),
                         GH_DENIED);
    }
}


/* What another release wrote counts as absent. */
static void
a_record_of_another_make_counts_as_absent(void **state)
{
    static const char *const texts[] = {
        "",
        "{}",
        "{}\n{}",
        "[]\n{}",
        "{\"v\":2,\"provider\":\"a\",\"issuer\":\"b\",\"client_id\":\"c\","
        "\"host\":\"d\",\"sub\":\"e\",\"created_at_s\":1,\"seen_at_s\":1,"
        "\"expires_at_s\":1,\"fresh_at_s\":1}\n{}",
        "{\"v\":1,\"provider\":\"a\",\"issuer\":\"b\",\"client_id\":\"c\","
        "\"host\":\"d\",\"sub\":\"\",\"created_at_s\":1,\"seen_at_s\":1,"
        "\"expires_at_s\":1,\"fresh_at_s\":1}\n{}",
        "{\"v\":1,\"provider\":\"a\",\"issuer\":\"b\",\"client_id\":\"c\","
        "\"host\":\"d\",\"sub\":\"e\",\"sid\":1,\"created_at_s\":1,"
        "\"seen_at_s\":1,\"expires_at_s\":1,\"fresh_at_s\":1}\n{}",
        "{\"v\":1,\"provider\":\"a\",\"issuer\":\"b\",\"client_id\":\"c\","
        "\"host\":\"d\",\"sub\":\"e\",\"created_at_s\":-1,\"seen_at_s\":1,"
        "\"expires_at_s\":1,\"fresh_at_s\":1}\n{}",
        "{\"v\":1,\"provider\":\"a\",\"issuer\":\"b\",\"client_id\":\"c\","
        "\"host\":\"d\",\"sub\":\"e\",\"created_at_s\":1,\"seen_at_s\":1,"
        "\"expires_at_s\":1,\"fresh_at_s\":1}\n[]",
        "{\"v\":1,\"provider\":\"a\",\"issuer\":\"b\",\"client_id\":\"c\","
        "\"host\":\"d\",\"sub\":\"e\",\"created_at_s\":1,\"seen_at_s\":1,"
        "\"expires_at_s\":1,\"fresh_at_s\":1}",
    };
    gh_secret_t secret = secret_of(ROOT, NULL);

    (void) state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char room[1024];
        gh_buf_t out = GH_BUF(room);
        gh_session_t back;

        assert_int_equal(
            gh_secret_seal(&secret, GH_PURPOSE_SESSION, GH_STR("n"), nonce,
                           gh_str(texts[i]), &out),
            GH_OK);
        assert_int_equal(
            gh_session_open(&secret, GH_STR("n"), gh_buf_str(&out), &back),
            GH_DENIED);
        assert_null(back.document);
    }
}


static void
what_is_no_session_is_not_put_away(void **state)
{
    gh_secret_t secret = secret_of(ROOT, NULL), none = { 0 };
    char room[4096], token[GH_SESSION_BYTES_MAX];
    gh_buf_t out = GH_BUF(room);
    gh_session_t s = session();

    (void) state;
    assert_int_equal(gh_session_seal(&none, GH_STR("n"), &s, nonce, &out),
                     GH_ABSENT);

    s.sub.len = 0;
    assert_int_equal(gh_session_seal(&secret, GH_STR("n"), &s, nonce, &out),
                     GH_INVALID);

    s = session();
    memset(token, 'x', sizeof(token));
    s.id_token = (gh_str_t){ token, 8192 };
    assert_int_equal(gh_session_seal(&secret, GH_STR("n"), &s, nonce, &out),
                     GH_TOO_LONG);
    s.id_token.len = sizeof(token);
    assert_int_equal(gh_session_seal(&secret, GH_STR("n"), &s, nonce, &out),
                     GH_TOO_LONG);
    assert_int_equal(out.len, 0);
}


static void
a_cookie_leads_to_one_record_under_any_root_key(void **state)
{
    gh_secret_t first = secret_of(ROOT, NULL);
    gh_secret_t rotated = secret_of(OTHER, ROOT);
    char old[GH_SESSION_COOKIE_LEN], young[GH_SESSION_COOKIE_LEN];
    char room_a[GH_SESSION_NAME_LEN], room_b[GH_SESSION_NAME_LEN];

    (void) state;
    assert_int_equal(gh_session_cookie(&first, id, old), GH_OK);
    assert_int_equal(gh_session_cookie(&rotated, id, young), GH_OK);
    assert_memory_not_equal(old, young, sizeof(old));

    gh_str_t a = name_of(old, &first, room_a);

    assert_true(gh_str_eq(a, name_of(old, &rotated, room_b)));
    assert_true(gh_str_eq(a, name_of(young, &rotated, room_b)));
    assert_int_equal(
        gh_session_name(&first, (gh_str_t){ young, sizeof(young) }, room_b),
        GH_DENIED);
    /* the store does not show what the cookie says */
    assert_null(memmem(room_a, sizeof(room_a), "010203", 6));

    gh_secret_t none = { 0 };

    assert_int_equal(gh_session_cookie(&none, id, old), GH_ABSENT);
    assert_int_equal(
        gh_session_name(&none, (gh_str_t){ old, sizeof(old) }, room_b),
        GH_DENIED);
}


static void
e11_no_byte_of_the_cookie_can_be_changed(void **state)
{
    gh_secret_t secret = secret_of(OTHER, ROOT);
    char cookie[GH_SESSION_COOKIE_LEN], name[GH_SESSION_NAME_LEN];

    (void) state;
    assert_int_equal(gh_session_cookie(&secret, id, cookie), GH_OK);

    for (size_t i = 0; i < sizeof(cookie); i++) {
        char was = cookie[i];

        for (int c = 0; c < 256; c++) {
            cookie[i] = (char) c;
            assert_int_equal(
                gh_session_name(&secret, (gh_str_t){ cookie, sizeof(cookie) },
                                name),
                cookie[i] == was ? GH_OK : GH_DENIED);
        }

        cookie[i] = was;
        assert_int_equal(
            gh_session_name(&secret, (gh_str_t){ cookie, i }, name),
            GH_DENIED);
    }
}


static void
e11_random_cookies_lead_nowhere(void **state)
{
    gh_secret_t secret = secret_of(OTHER, ROOT);
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
                                   "qrstuvwxyz0123456789-_";
    char cookie[GH_SESSION_COOKIE_LEN], name[GH_SESSION_NAME_LEN];
    uint64_t seed = 42;

    (void) state;

    for (int n = 0; n < 20000; n++) {
        for (size_t i = 0; i < sizeof(cookie); i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            cookie[i] = alphabet[seed >> 58];
        }

        assert_int_equal(
            gh_session_name(&secret, (gh_str_t){ cookie, sizeof(cookie) },
                            name),
            GH_DENIED);
    }
}


static void
limits_hold_to_the_second(void **state)
{
    gh_session_t s = session();

    (void) state;
    s.expires_at_s = 0;

    assert_int_equal(gh_session_judge(&s, &times, NOW, NOW + HOUR - 1),
                     GH_SESSION_STANDS);
    assert_int_equal(gh_session_judge(&s, &times, NOW, NOW + HOUR),
                     GH_SESSION_OVER);
    /* somebody has seen it since */
    assert_int_equal(gh_session_judge(&s, &times, NOW + 1, NOW + HOUR),
                     GH_SESSION_STANDS);
    /* who knows less than the record does not end it */
    assert_int_equal(gh_session_judge(&s, &times, 0, NOW + 1),
                     GH_SESSION_STANDS);
    assert_int_equal(
        gh_session_judge(&s, &times, NOW + 8 * HOUR - 1, NOW + 8 * HOUR - 1),
        GH_SESSION_STANDS);
    assert_int_equal(
        gh_session_judge(&s, &times, NOW + 8 * HOUR - 1, NOW + 8 * HOUR),
        GH_SESSION_OVER);
}


static void
a_token_is_refreshed_before_it_expires(void **state)
{
    gh_session_t s = session();

    (void) state;

    /* 300 s of life: 30 s ahead */
    assert_int_equal(gh_session_judge(&s, &times, NOW, NOW + 269),
                     GH_SESSION_STANDS);
    assert_int_equal(gh_session_judge(&s, &times, NOW, NOW + 270),
                     GH_SESSION_REFRESH);
    assert_int_equal(gh_session_judge(&s, &times, NOW, NOW + 299),
                     GH_SESSION_REFRESH);
    assert_int_equal(gh_session_judge(&s, &times, NOW, NOW + 300),
                     GH_SESSION_WAIT);

    /* never more than a minute ahead */
    s.expires_at_s = NOW + 2 * HOUR;
    assert_int_equal(
        gh_session_judge(&s, &times, NOW + HOUR + 1, NOW + 2 * HOUR - 61),
        GH_SESSION_STANDS);
    assert_int_equal(
        gh_session_judge(&s, &times, NOW + HOUR + 1, NOW + 2 * HOUR - 60),
        GH_SESSION_REFRESH);

    /* its life began when it was refreshed */
    s.refreshed_at_s = NOW + 2 * HOUR - 100;
    assert_int_equal(
        gh_session_judge(&s, &times, NOW + HOUR + 1, NOW + 2 * HOUR - 60),
        GH_SESSION_STANDS);
}


static void
without_a_refresh_token_a_session_stands_until_its_limits(void **state)
{
    gh_session_t s = session();

    (void) state;
    s.refresh_token.len = 0;
    assert_int_equal(gh_session_judge(&s, &times, NOW, NOW + 1000),
                     GH_SESSION_STANDS);
    assert_int_equal(gh_session_judge(&s, &times, NOW, NOW + HOUR),
                     GH_SESSION_OVER);
}


static void
a_token_that_could_not_be_refreshed_has_five_minutes(void **state)
{
    gh_session_t s = session();

    (void) state;
    assert_true(gh_session_grace(&s, NOW + 599));
    assert_false(gh_session_grace(&s, NOW + 600));
    s.expires_at_s = 0;
    assert_true(gh_session_grace(&s, NOW + 600));
}


static void
last_seen_is_written_now_and_then(void **state)
{
    gh_session_t s = session();
    const gh_session_times_t brief = { 60, HOUR };

    (void) state;
    assert_false(gh_session_touch_due(&s, &times, NOW + 179));
    assert_true(gh_session_touch_due(&s, &times, NOW + 180));
    assert_false(gh_session_touch_due(&s, &brief, NOW + 29));
    assert_true(gh_session_touch_due(&s, &brief, NOW + 30));
}


static void
the_store_keeps_a_record_as_long_as_it_may_stand(void **state)
{
    gh_session_t s = session();

    (void) state;
    assert_int_equal(gh_session_ttl(&s, &times, NOW), HOUR + 180);
    assert_int_equal(gh_session_ttl(&s, &times, NOW + 80), HOUR + 100);
    s.seen_at_s = NOW + 8 * HOUR - 10;
    assert_int_equal(gh_session_ttl(&s, &times, NOW + 8 * HOUR - 10), 10);
    /* 0 would be for ever */
    assert_int_equal(gh_session_ttl(&s, &times, NOW + 9 * HOUR), 1);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_comes_back_as_it_was_put_away),
        cmocka_unit_test(claims_may_be_as_deep_as_a_tokens),
        cmocka_unit_test(a_record_opens_under_its_own_name_alone),
        cmocka_unit_test(e11_no_byte_of_a_record_can_be_changed),
        cmocka_unit_test(a_record_of_another_make_counts_as_absent),
        cmocka_unit_test(what_is_no_session_is_not_put_away),
        cmocka_unit_test(a_cookie_leads_to_one_record_under_any_root_key),
        cmocka_unit_test(e11_no_byte_of_the_cookie_can_be_changed),
        cmocka_unit_test(e11_random_cookies_lead_nowhere),
        cmocka_unit_test(limits_hold_to_the_second),
        cmocka_unit_test(a_token_is_refreshed_before_it_expires),
        cmocka_unit_test(
            without_a_refresh_token_a_session_stands_until_its_limits),
        cmocka_unit_test(a_token_that_could_not_be_refreshed_has_five_minutes),
        cmocka_unit_test(last_seen_is_written_now_and_then),
        cmocka_unit_test(the_store_keeps_a_record_as_long_as_it_may_stand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
