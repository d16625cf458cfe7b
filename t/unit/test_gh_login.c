/*
 * Logins on their way: what comes back is what was sent, for the browser
 * that began it, and not for long. Names beginning with e and a number are
 * rows of the table of logins in docs/threat-model.md.
 */

#include "gh_test.h"

#include "gh_bytes.h"
#include "gh_login.h"

#include <stdlib.h>
#include <openssl/err.h>

#define ROOT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER                                                                 \
    "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define NOW INT64_C(1800000000)


static const uint8_t nonce[12] = { 7 };
static const uint8_t random_a[32] = { 1, 2, 3 };
static const uint8_t random_b[32] = { 1, 2, 4 };


typedef struct {
    gh_secret_t secret;
    char cookie[GH_LOGIN_COOKIE_LEN], other[GH_LOGIN_COOKIE_LEN];
    char room[GH_LOGIN_STATE_MAX];
    gh_str_t state;
    gh_login_t login;
} scene_t;


static gh_str_t
text_of(const char cookie[GH_LOGIN_COOKIE_LEN])
{
    return (gh_str_t){ cookie, GH_LOGIN_COOKIE_LEN };
}


static void
begin(scene_t *s)
{
    gh_buf_t out = GH_BUF(s->room);

    memset(&s->secret, 0, sizeof(s->secret));
    assert_int_equal(gh_secret_add(&s->secret, GH_STR(ROOT)), GH_OK);
    gh_login_cookie(random_a, s->cookie);
    gh_login_cookie(random_b, s->other);

    s->login = (gh_login_t){ .id = { 9, 8, 7 },
                             .provider = GH_STR("staff"),
                             .origin = GH_STR("https://app.example.com"),
                             .target = GH_STR("/orders?open=1"),
                             .began_at_s = NOW,
                             .form = true };
    assert_int_equal(
        gh_login_seal(&s->secret, &s->login, text_of(s->cookie), nonce, &out),
        GH_OK);
    s->state = gh_buf_str(&out);
}


static gh_rc_t
come_back(const scene_t *s, gh_str_t state, gh_str_t cookie, int64_t now_s,
          gh_login_t *login)
{
    static char kept[GH_LOGIN_STATE_MAX];
    gh_buf_t room = GH_BUF(kept);

    return gh_login_open(&s->secret, state, cookie, now_s, &room, login);
}


static void
a_login_comes_back_as_it_went(void **state)
{
    scene_t s;
    gh_login_t login;

    (void) state;
    begin(&s);

    assert_int_equal(
        come_back(&s, s.state, text_of(s.cookie), NOW + 30, &login), GH_OK);
    assert_str(login.provider, "staff");
    assert_str(login.origin, "https://app.example.com");
    assert_str(login.target, "/orders?open=1");
    assert_memory_equal(login.id, s.login.id, GH_LOGIN_ID_LEN);
    assert_int_equal(login.began_at_s, NOW);
    assert_int_equal(login.key, 0);
    assert_true(login.form);
    assert_false(login.again || login.logout);
}


static void
each_mark_comes_back_alone(void **state)
{
    scene_t s;
    gh_login_t login;

    (void) state;
    begin(&s);

    for (unsigned i = 0; i < 8; i++) {
        char room[GH_LOGIN_STATE_MAX];
        gh_buf_t out = GH_BUF(room);

        s.login.again = (i & 1) != 0;
        s.login.form = (i & 2) != 0;
        s.login.logout = (i & 4) != 0;
        assert_int_equal(
            gh_login_seal(&s.secret, &s.login, text_of(s.cookie), nonce, &out),
            GH_OK);
        assert_int_equal(
            come_back(&s, gh_buf_str(&out), text_of(s.cookie), NOW, &login),
            GH_OK);
        assert_int_equal(login.again, s.login.again);
        assert_int_equal(login.form, s.login.form);
        assert_int_equal(login.logout, s.login.logout);
    }
}


static void
e2_another_browser_cannot_finish_it(void **state)
{
    scene_t s;
    gh_login_t login;
    static const char *const no_cookies[] = { "", "a", "=" };

    (void) state;
    begin(&s);

    assert_int_equal(come_back(&s, s.state, text_of(s.other), NOW, &login),
                     GH_CONFLICT);
    assert_str(login.provider, "staff");
    assert_str(login.target, "/orders?open=1");

    for (size_t i = 0; i < sizeof(no_cookies) / sizeof(no_cookies[0]); i++) {
        assert_int_equal(
            come_back(&s, s.state, gh_str(no_cookies[i]), NOW, &login),
            GH_CONFLICT);
    }

    assert_int_equal(
        come_back(&s, s.state, (gh_str_t){ NULL, 0 }, NOW, &login),
        GH_CONFLICT);
}


static void
e11_no_byte_of_the_state_can_be_changed(void **state)
{
    scene_t s;
    gh_login_t login;

    (void) state;
    begin(&s);

    for (size_t i = 0; i < s.state.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            char *copy = gh_test_exact(s.state);

            copy[i] = (char) (copy[i] ^ (1 << bit));
            assert_int_equal(come_back(&s, (gh_str_t){ copy, s.state.len },
                                       text_of(s.cookie), NOW, &login),
                             GH_DENIED);
            assert_int_equal(login.provider.len, 0);
            free(copy);
        }
    }

    for (size_t n = 0; n < s.state.len; n++) {
        char *copy = gh_test_exact((gh_str_t){ s.state.data, n });

        assert_int_equal(come_back(&s, (gh_str_t){ copy, n },
                                   text_of(s.cookie), NOW, &login),
                         GH_DENIED);
        free(copy);
    }
}


static void
e11_no_byte_of_the_cookie_can_be_changed(void **state)
{
    scene_t s;
    gh_login_t login;

    (void) state;
    begin(&s);

    for (size_t i = 0; i < GH_LOGIN_COOKIE_LEN; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            char copy[GH_LOGIN_COOKIE_LEN];

            memcpy(copy, s.cookie, sizeof(copy));
            copy[i] = (char) (copy[i] ^ (1 << bit));
            assert_int_equal(
                come_back(&s, s.state, text_of(copy), NOW, &login),
                GH_CONFLICT);
        }
    }
}


static void
e4_what_is_no_state_is_refused(void **state)
{
    scene_t s;
    gh_login_t login;
    char *long_text = malloc(100000);

    (void) state;
    begin(&s);
    assert_non_null(long_text);
    memset(long_text, 'A', 100000);

    assert_int_equal(come_back(&s, GH_STR(""), text_of(s.cookie), NOW, &login),
                     GH_DENIED);
    assert_int_equal(come_back(&s, (gh_str_t){ long_text, 100000 },
                               text_of(s.cookie), NOW, &login),
                     GH_DENIED);
    assert_int_equal(come_back(&s, (gh_str_t){ long_text, 2048 },
                               text_of(s.cookie), NOW, &login),
                     GH_DENIED);
    assert_int_equal(come_back(&s, (gh_str_t){ "\0\0\xff", 3 },
                               text_of(s.cookie), NOW, &login),
                     GH_DENIED);
    free(long_text);
}


static void
a_login_lasts_ten_minutes(void **state)
{
    scene_t s;
    gh_login_t login;
    gh_str_t cookie;

    (void) state;
    begin(&s);
    cookie = text_of(s.cookie);

    assert_int_equal(come_back(&s, s.state, cookie, NOW + 600, &login), GH_OK);
    assert_int_equal(come_back(&s, s.state, cookie, NOW + 601, &login),
                     GH_DENIED);
    assert_str(login.provider, "staff"); /* ours, so begin again */
    assert_int_equal(
        come_back(&s, s.state, text_of(s.other), NOW + 601, &login),
        GH_DENIED);

    assert_int_equal(come_back(&s, s.state, cookie, NOW - 60, &login), GH_OK);
    assert_int_equal(come_back(&s, s.state, cookie, NOW - 61, &login),
                     GH_DENIED);
}


static void
the_next_root_key_opens_what_the_last_one_sealed(void **state)
{
    scene_t s;
    gh_login_t login;
    gh_login_proofs_t before, after;

    (void) state;
    begin(&s);
    assert_int_equal(
        gh_login_proofs(&s.secret, text_of(s.cookie), &s.login, &before),
        GH_OK);

    memset(&s.secret, 0, sizeof(s.secret));
    assert_int_equal(gh_secret_add(&s.secret, GH_STR(OTHER)), GH_OK);
    assert_int_equal(come_back(&s, s.state, text_of(s.cookie), NOW, &login),
                     GH_DENIED);

    assert_int_equal(gh_secret_add(&s.secret, GH_STR(ROOT)), GH_OK);
    assert_int_equal(come_back(&s, s.state, text_of(s.cookie), NOW, &login),
                     GH_OK);
    assert_int_equal(login.key, 1);
    assert_int_equal(
        gh_login_proofs(&s.secret, text_of(s.cookie), &login, &after), GH_OK);
    assert_memory_equal(&before, &after, sizeof(before));
}


static void
e7_verifiers_are_long_and_each_login_has_its_own(void **state)
{
    scene_t s;
    gh_login_proofs_t first, again, other;
    uint8_t hash[GH_SHA256_LEN];
    char room[GH_LOGIN_COOKIE_LEN];
    gh_buf_t challenge = GH_BUF(room);

    (void) state;
    begin(&s);

    assert_int_equal(
        gh_login_proofs(&s.secret, text_of(s.cookie), &s.login, &first),
        GH_OK);
    assert_int_equal(
        gh_login_proofs(&s.secret, text_of(s.cookie), &s.login, &again),
        GH_OK);
    assert_memory_equal(&first, &again, sizeof(first));
    assert_memory_not_equal(first.nonce, first.verifier, sizeof(first.nonce));
    assert_true(sizeof(first.verifier) >= 43); /* RFC 7636 section 4.1 */

    gh_sha256((gh_str_t){ first.verifier, sizeof(first.verifier) }, hash);
    assert_int_equal(
        gh_base64url_encode((gh_str_t){ (char *) hash, 32 }, &challenge),
        GH_OK);
    assert_memory_equal(first.challenge, room, sizeof(room));

    assert_int_equal(
        gh_login_proofs(&s.secret, text_of(s.other), &s.login, &other), GH_OK);
    assert_memory_not_equal(first.nonce, other.nonce, sizeof(first.nonce));
    assert_memory_not_equal(first.verifier, other.verifier,
                            sizeof(first.verifier));

    s.login.id[15] ^= 1;
    assert_int_equal(
        gh_login_proofs(&s.secret, text_of(s.cookie), &s.login, &other),
        GH_OK);
    assert_memory_not_equal(first.nonce, other.nonce, sizeof(first.nonce));
    assert_memory_not_equal(first.verifier, other.verifier,
                            sizeof(first.verifier));

    assert_int_equal(
        gh_login_proofs(&s.secret, GH_STR("short"), &s.login, &other),
        GH_INVALID);
    s.login.key = 1;
    assert_int_equal(
        gh_login_proofs(&s.secret, text_of(s.cookie), &s.login, &other),
        GH_ABSENT);
}


static void
the_longest_login_fits_and_a_longer_one_is_refused(void **state)
{
    scene_t s;
    gh_login_t login;
    char text[GH_LOGIN_TARGET_MAX + 1], room[GH_LOGIN_STATE_MAX];

    (void) state;
    begin(&s);
    memset(text, '/', sizeof(text));

    gh_buf_t out = GH_BUF(room);
    gh_str_t cookie = text_of(s.cookie);

    s.login.origin = (gh_str_t){ text, GH_LOGIN_ORIGIN_MAX };
    s.login.target = (gh_str_t){ text, GH_LOGIN_TARGET_MAX };
    s.login.provider = (gh_str_t){ text, 100 };
    assert_int_equal(gh_login_seal(&s.secret, &s.login, cookie, nonce, &out),
                     GH_OK);
    assert_int_equal(come_back(&s, gh_buf_str(&out), cookie, NOW, &login),
                     GH_OK);
    assert_int_equal(login.target.len, GH_LOGIN_TARGET_MAX);

    out.len = 0;
    s.login.provider.len = 200;
    assert_int_equal(gh_login_seal(&s.secret, &s.login, cookie, nonce, &out),
                     GH_TOO_LONG);
    s.login.provider.len = 10;
    s.login.target.len++;
    assert_int_equal(gh_login_seal(&s.secret, &s.login, cookie, nonce, &out),
                     GH_TOO_LONG);
    s.login.target.len = 1;
    s.login.origin.len++;
    assert_int_equal(gh_login_seal(&s.secret, &s.login, cookie, nonce, &out),
                     GH_TOO_LONG);
    s.login.origin.len = 1;
    out.cap = 100;
    assert_int_equal(gh_login_seal(&s.secret, &s.login, cookie, nonce, &out),
                     GH_TOO_LONG);
    assert_int_equal(out.len, 0);
}


static void
what_cannot_be_sealed_is_not(void **state)
{
    scene_t s;
    gh_secret_t none = { 0 };
    char room[GH_LOGIN_STATE_MAX], small[16];
    gh_buf_t out = GH_BUF(room), little = GH_BUF(small);
    gh_login_t login;

    (void) state;
    begin(&s);

    assert_int_equal(
        gh_login_seal(&none, &s.login, text_of(s.cookie), nonce, &out),
        GH_ABSENT);
    assert_int_equal(
        gh_login_seal(&s.secret, &s.login, GH_STR("x"), nonce, &out),
        GH_INVALID);
    assert_int_equal(gh_login_open(&s.secret, s.state, text_of(s.cookie), NOW,
                                   &little, &login),
                     GH_TOO_LONG);
    s.login.provider.len = 0;
    assert_int_equal(
        gh_login_seal(&s.secret, &s.login, text_of(s.cookie), nonce, &out),
        GH_INVALID);
    assert_int_equal(out.len, 0);
}


static void
only_43_characters_of_32_bytes_are_a_cookie(void **state)
{
    scene_t s;

    (void) state;
    begin(&s);

    assert_true(gh_login_cookie_valid(text_of(s.cookie)));
    assert_false(gh_login_cookie_valid((gh_str_t){ s.cookie, 42 }));
    assert_false(gh_login_cookie_valid(GH_STR("")));
    assert_false(gh_login_cookie_valid(
        GH_STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")));
    /* stray bits, padding, the other alphabet */
    assert_false(gh_login_cookie_valid(
        GH_STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB")));
    assert_false(gh_login_cookie_valid(
        GH_STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")));
    assert_false(gh_login_cookie_valid(
        GH_STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+A")));
}


static void
e19_a_domain_ends_at_a_dot(void **state)
{
    static const struct {
        const char *host, *domain;
        bool within;
    } cases[] = {
        { "example.com", "example.com", true },
        { "app.example.com", "example.com", true },
        { "a.b.Example.COM", "eXample.com", true },
        { "app.example.com:8443", "example.com", true },
        { "example.com:443", "example.com", true },
        { "evilexample.com", "example.com", false },
        { "evil-example.com", "example.com", false },
        { "example.com.evil", "example.com", false },
        { "example.com.", "example.com", false },
        { ".example.com", "example.com", false },
        { "a..example.com", "example.com", false },
        { "com", "example.com", false },
        { "", "example.com", false },
        { "example.com", "", false },
        { "", "", false },
        { "example.com:", "example.com", false },
        { "example.com:x", "example.com", false },
        { "example.com:99999", "example.com", false },
        { "example.com:80:80", "example.com", false },
        { "evil.test/.example.com", "example.com", false },
        { "evil.test#.example.com", "example.com", false },
        { "evil.test\\.example.com", "example.com", false },
        { "u@app.example.com", "example.com", false },
        { "a b.example.com", "example.com", false },
        { "app.example.com", ".com", false },
        { "app.example.com", "com.", false },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (gh_login_host_within(gh_str(cases[i].host),
                                 gh_str(cases[i].domain))
            != cases[i].within)
        {
            fail_msg("%s within %s", cases[i].host, cases[i].domain);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_login_comes_back_as_it_went),
        cmocka_unit_test(each_mark_comes_back_alone),
        cmocka_unit_test(e2_another_browser_cannot_finish_it),
        cmocka_unit_test(e11_no_byte_of_the_state_can_be_changed),
        cmocka_unit_test(e11_no_byte_of_the_cookie_can_be_changed),
        cmocka_unit_test(e4_what_is_no_state_is_refused),
        cmocka_unit_test(a_login_lasts_ten_minutes),
        cmocka_unit_test(the_next_root_key_opens_what_the_last_one_sealed),
        cmocka_unit_test(e7_verifiers_are_long_and_each_login_has_its_own),
        cmocka_unit_test(the_longest_login_fits_and_a_longer_one_is_refused),
        cmocka_unit_test(what_cannot_be_sealed_is_not),
        cmocka_unit_test(only_43_characters_of_32_bytes_are_a_cookie),
        cmocka_unit_test(e19_a_domain_ends_at_a_dot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
