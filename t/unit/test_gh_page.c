/*
 * The pages people see: whatever is put into one stays text. Names beginning
 * with e and a number are rows of the table of logins in
 * docs/threat-model.md.
 */

#include "gh_test.h"

#include "gh_bytes.h"
#include "gh_page.h"

#include <stdlib.h>

#define EVIL "'\"><script>alert(1)</script>&amp;\x01\x7f\xc2\x85\xff"


static const gh_str_t none = { NULL, 0 };


static bool
holds(const gh_buf_t *out, const char *text)
{
    return memmem(out->data, out->len, text, strlen(text)) != NULL;
}


static size_t
count(const gh_buf_t *out, const char *text)
{
    const char *at = out->data, *end = out->data + out->len;
    size_t n = 0;

    while ((at = memmem(at, (size_t) (end - at), text, strlen(text))) != NULL)
    {
        n++;
        at++;
    }

    return n;
}


static void
every_page_is_whole_and_for_people(void **state)
{
    gh_form_t form = { .n = 1,
                       .fields = { { GH_STR("a"), GH_STR("1\r\n2") } } };
    const gh_page_values_t values = { .request_id = GH_STR("7d9f"),
                                      .link = GH_STR("/again?a=1&b=2"),
                                      .form = &form };
    char room[8192];

    (void) state;

    for (unsigned i = 0; i < GH_PAGE_COUNT; i++) {
        gh_buf_t out = GH_BUF(room);

        assert_int_equal(gh_page_make((gh_page_t) i, none, &values, &out),
                         GH_OK);
        assert_true(
            gh_str_starts(gh_buf_str(&out), GH_STR("<!DOCTYPE html>\n")));
        assert_true(holds(&out, "<html lang=\"en\">"));
        assert_true(holds(&out, "</title>\n<style>"));
        assert_int_equal(count(&out, "<main>"), 1);
        assert_int_equal(count(&out, "<h1>"), 1);
        assert_int_equal(count(&out, "<title>"), 1);
        assert_int_equal(count(&out, "<p>"), count(&out, "</p>"));
        assert_int_equal(count(&out, "<form"), count(&out, "</form>"));
        assert_true(holds(&out, "/again?a=1&amp;b=2"));
        assert_true(holds(&out, ":focus-visible"));
        assert_true(holds(&out, "request id <code>7d9f</code>"));
        assert_false(holds(&out, "<script"));
        assert_false(holds(&out, "http:"));
        assert_false(holds(&out, "atehouse"));
        assert_memory_equal(room + out.len - 8, "</html>\n", 8);
    }
}


static void
pages_have_words_and_statuses(void **state)
{
    static const unsigned statuses[] = { 403, 503, 400, 200, 200, 200 };

    (void) state;

    for (unsigned i = 0; i < GH_PAGE_COUNT; i++) {
        assert_int_equal(gh_page_parse(gh_page_word((gh_page_t) i)), i);
        assert_int_equal(gh_page_status((gh_page_t) i), statuses[i]);
    }

    assert_str(gh_page_word(GH_PAGE_LOGIN_FAILED), "login_failed");
    assert_int_equal(gh_page_parse(GH_STR("login")), GH_PAGE_COUNT);
    assert_int_equal(gh_page_parse(GH_STR("")), GH_PAGE_COUNT);
    assert_str(gh_page_word(GH_PAGE_COUNT), "login_failed");
}


static void
the_texts_are_as_long_as_the_table_says(void **state)
{
    char room[1024];

    (void) state;

    for (unsigned i = 0; i < GH_PAGE_COUNT; i++) {
        const gh_page_values_t values = { .hint = GH_STR("") };
        gh_buf_t out = GH_BUF(room);

        assert_int_equal(
            gh_page_make((gh_page_t) i, GH_STR("{{title}}|{{text}}"), &values,
                         &out),
            GH_OK);
        assert_null(memchr(room, '\0', out.len));
        assert_true(room[out.len - 1] == '.');
    }
}


static void
e21_a_forms_fields_cannot_leave_their_place(void **state)
{
    gh_form_t form = { .n = 2,
                       .fields = { { GH_STR(EVIL), GH_STR(EVIL) },
                                   { GH_STR("b"), GH_STR("") } } };
    const gh_page_values_t values = { .link = GH_STR("/\"><script>"),
                                      .form = &form };
    char room[8192];
    gh_buf_t out = GH_BUF(room);

    (void) state;
    assert_int_equal(gh_page_make(GH_PAGE_FORM_RESUME, none, &values, &out),
                     GH_OK);
    assert_true(holds(&out, "<form method=\"post\" "
                            "action=\"/&quot;&gt;&lt;script&gt;\">"));
    assert_true(holds(
        &out, "<input type=\"hidden\" "
              "name=\"&#39;&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"
              "&amp;amp;\xef\xbf\xbd\" "
              "value=\"&#39;&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"
              "&amp;amp;\xef\xbf\xbd\">\n"));
    assert_true(holds(&out, "name=\"b\" value=\"\">"));
    assert_false(holds(&out, "<script"));
}


static void
e22_a_hint_and_a_request_id_are_text(void **state)
{
    const gh_page_values_t values = { .hint = GH_STR(EVIL),
                                      .request_id = GH_STR(EVIL "\n"),
                                      .token = GH_STR(EVIL),
                                      .link = GH_STR("/") };
    char room[8192];

    (void) state;

    for (unsigned i = 0; i < GH_PAGE_COUNT; i++) {
        gh_buf_t out = GH_BUF(room);

        assert_int_equal(gh_page_make((gh_page_t) i, none, &values, &out),
                         GH_OK);
        assert_false(holds(&out, "<script"));
        assert_false(holds(&out, "\x01"));
        assert_false(holds(&out, "\xff"));

        out.len = 0;
        assert_int_equal(gh_page_make((gh_page_t) i,
                                      GH_STR("{{hint}}{{request_id}}"
                                             "{{token}}{{link}}"),
                                      &values, &out),
                         GH_OK);
        assert_false(holds(&out, "<"));
        assert_false(holds(&out, "\""));
    }
}


static void
e18_a_link_is_a_path_or_http(void **state)
{
    static const char *const links[][2] = {
        { "/a", "/a" },
        { "https://idp.test/x", "https://idp.test/x" },
        { "http://127.0.0.1/", "http://127.0.0.1/" },
        { "javascript:alert(1)", "/" },
        { "data:text/html,x", "/" },
        { " /a", "/" },
        { "\tjavascript:alert(1)", "/" },
        { "HTTPS://idp.test", "/" },
        { "", "/" },
    };
    char room[256];

    (void) state;

    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        const gh_page_values_t values = { .link = gh_str(links[i][0]) };
        gh_buf_t out = GH_BUF(room);

        assert_int_equal(gh_page_make(GH_PAGE_LOGGED_OUT, GH_STR("{{link}}"),
                                      &values, &out),
                         GH_OK);
        assert_str(gh_buf_str(&out), links[i][1]);
    }
}


static void
a_page_without_a_link_has_none(void **state)
{
    const gh_page_values_t values = { .link = GH_STR("") };
    char room[4096];
    gh_buf_t out = GH_BUF(room);

    (void) state;
    assert_int_equal(gh_page_make(GH_PAGE_LOGGED_OUT, none, &values, &out),
                     GH_OK);
    assert_false(holds(&out, "<a "));
    assert_false(holds(&out, "support"));
}


static void
a_logout_is_confirmed_with_a_token(void **state)
{
    const gh_page_values_t values = { .link = GH_STR("/logout"),
                                      .token = GH_STR("t0k") };
    char room[4096];
    gh_buf_t out = GH_BUF(room);

    (void) state;
    assert_int_equal(gh_page_make(GH_PAGE_LOGOUT_CONFIRM, none, &values, &out),
                     GH_OK);
    assert_true(holds(&out, "<form method=\"post\" action=\"/logout\">\n"
                            "<input type=\"hidden\" name=\"token\" "
                            "value=\"t0k\">\n<p><button type=\"submit\">"
                            "Log out</button></p>\n</form>"));
}


static void
an_operators_page_is_filled_once(void **state)
{
    gh_form_t form = { .n = 1,
                       .fields = { { GH_STR("{{link}}"), GH_STR("v") } } };
    const gh_page_values_t values = { .request_id = GH_STR("{{token}}"),
                                      .link = GH_STR("/{{hint}}"),
                                      .token = GH_STR("secret"),
                                      .hint = GH_STR("{{fields}}"),
                                      .form = &form };
    char room[4096];
    gh_buf_t out = GH_BUF(room);

    (void) state;
    assert_int_equal(
        gh_page_make(GH_PAGE_FORM_RESUME,
                     GH_STR("{{{request_id}}} {{link}}{{hint}} {{fields}}"
                            "{{other}} {{ link }} {{{ {{link {{"),
                     &values, &out),
        GH_OK);
    assert_str(gh_buf_str(&out),
               "{{{token}}} /{{hint}}{{fields}} "
               "<input type=\"hidden\" name=\"{{link}}\" value=\"v\">\n"
               "{{other}} {{ link }} {{{ {{link {{");
}


/* A changed style without a changed hash would be a page without style. */
static void
e32_the_policy_allows_our_style_and_nothing_else(void **state)
{
    const gh_page_values_t values = { .link = GH_STR("/") };
    char room[4096], text[512], sum[64];
    gh_buf_t out = GH_BUF(room), csp = GH_BUF(text), hash = GH_BUF(sum);
    uint8_t digest[GH_SHA256_LEN];

    (void) state;
    assert_int_equal(gh_page_make(GH_PAGE_LOGGED_OUT, none, &values, &out),
                     GH_OK);

    char *start = memmem(room, out.len, "<style>", 7);
    char *end = memmem(room, out.len, "</style>", 8);

    assert_true(start != NULL && end != NULL);
    start += 7;
    gh_sha256((gh_str_t){ start, (size_t) (end - start) }, digest);
    assert_int_equal(
        gh_base64_encode((gh_str_t){ (char *) digest, sizeof(digest) }, &hash),
        GH_OK);

    assert_int_equal(gh_page_csp(GH_STR(""), &csp), GH_OK);
    assert_true(
        gh_str_starts(gh_buf_str(&csp), GH_STR("default-src 'none'; ")));
    assert_non_null(memmem(text, csp.len, sum, hash.len));
    assert_true(holds(&csp, "; form-action 'self'; frame-ancestors 'none'"));
    assert_true(holds(&csp, "base-uri 'none'"));
    assert_false(holds(&csp, "unsafe"));

    csp.len = 0;
    assert_int_equal(gh_page_csp(GH_STR("https://idp.test:8443"), &csp),
                     GH_OK);
    assert_true(holds(&csp, "; form-action 'self' https://idp.test:8443; "
                            "frame-ancestors 'none'"));
}


static void
a_policy_cannot_be_added_to(void **state)
{
    static const char *const origins[] = {
        "https://idp.test/",  "https://idp.test; script-src *",
        "https://idp.test *", "*",
        "https://idp.test,*", "'unsafe-inline'",
        "https://idp.test?x", "javascript:",
        "https://idp.test;x", "https://a b",
    };
    char room[512];
    gh_buf_t out = GH_BUF(room);

    (void) state;

    for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
        assert_int_equal(gh_page_csp(gh_str(origins[i]), &out), GH_INVALID);
        assert_int_equal(out.len, 0);
    }
}


static void
what_does_not_fit_leaves_the_buffer_alone(void **state)
{
    gh_form_t form = { .n = 1, .fields = { { GH_STR("a"), GH_STR("<>") } } };
    const gh_page_values_t values = { .request_id = GH_STR("7"),
                                      .link = GH_STR("/"),
                                      .hint = GH_STR("h"),
                                      .token = GH_STR("t"),
                                      .form = &form };
    static const char *const templates[] = { NULL,
                                             "x{{fields}}{{title}}{{text}}"
                                             "{{link}}{{hint}}{{token}}" };
    char room[8192], small[8192];

    (void) state;

    for (unsigned t = 0; t < 2; t++) {
        gh_str_t text = templates[t] == NULL ? none : gh_str(templates[t]);
        gh_buf_t whole = GH_BUF(room);

        assert_int_equal(
            gh_page_make(GH_PAGE_FORM_RESUME, text, &values, &whole), GH_OK);

        for (size_t cap = 0; cap < whole.len; cap++) {
            gh_buf_t out = { small, 0, cap };

            assert_int_equal(
                gh_page_make(GH_PAGE_FORM_RESUME, text, &values, &out),
                GH_TOO_LONG);
            assert_int_equal(out.len, 0);
        }
    }

    for (size_t cap = 0; cap < 150; cap++) {
        gh_buf_t out = { small, 0, cap };

        assert_int_equal(gh_page_csp(GH_STR("https://a"), &out),
                         out.len == 0 ? GH_TOO_LONG : GH_OK);
    }
}


static void
a_page_is_bounded(void **state)
{
    char *huge = malloc(2 * GH_PAGE_MAX);
    gh_buf_t out = { huge, 0, 2 * GH_PAGE_MAX };
    char *text = malloc(GH_PAGE_MAX + 1);
    const gh_page_values_t values = { .link = GH_STR("/") };

    (void) state;
    memset(text, 'x', GH_PAGE_MAX + 1);
    assert_int_equal(
        gh_page_make(GH_PAGE_LOGGED_OUT, (gh_str_t){ text, GH_PAGE_MAX },
                     &values, &out),
        GH_OK);
    out.len = 0;
    assert_int_equal(
        gh_page_make(GH_PAGE_LOGGED_OUT, (gh_str_t){ text, GH_PAGE_MAX + 1 },
                     &values, &out),
        GH_TOO_LONG);
    assert_int_equal(out.len, 0);
    free(text);
    free(huge);
}


static void
ordinary_text_stays_as_it_is(void **state)
{
    char room[256];
    gh_buf_t out = GH_BUF(room);

    (void) state;
    assert_int_equal(
        gh_page_escape(GH_STR("Gr\xc3\xbc\xc3\x9f Gott\t\r\n\xe2\x82\xac"),
                       &out),
        GH_OK);
    assert_str(gh_buf_str(&out), "Gr\xc3\xbc\xc3\x9f Gott\t\r\n\xe2\x82\xac");
    out.len = 0;
    assert_int_equal(
        gh_page_escape((gh_str_t){ "a\0b\x1f\xed\xa0\x80\xc0\xaf", 9 }, &out),
        GH_OK);
    assert_str(gh_buf_str(&out),
               "ab\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf"
               "\xbd");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_is_whole_and_for_people),
        cmocka_unit_test(pages_have_words_and_statuses),
        cmocka_unit_test(the_texts_are_as_long_as_the_table_says),
        cmocka_unit_test(e21_a_forms_fields_cannot_leave_their_place),
        cmocka_unit_test(e22_a_hint_and_a_request_id_are_text),
        cmocka_unit_test(e18_a_link_is_a_path_or_http),
        cmocka_unit_test(a_page_without_a_link_has_none),
        cmocka_unit_test(a_logout_is_confirmed_with_a_token),
        cmocka_unit_test(an_operators_page_is_filled_once),
        cmocka_unit_test(e32_the_policy_allows_our_style_and_nothing_else),
        cmocka_unit_test(a_policy_cannot_be_added_to),
        cmocka_unit_test(what_does_not_fit_leaves_the_buffer_alone),
        cmocka_unit_test(a_page_is_bounded),
        cmocka_unit_test(ordinary_text_stays_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
