/*
 * What refused callers are told, and what they are not. Names beginning with
 * m and a number are rows of the table of information leaks in
 * docs/threat-model.md.
 */

#include "gh_test.h"

#include "gh_bytes.h"
#include "gh_json.h"
#include "gh_problem.h"


static bool
holds(const gh_buf_t *out, const char *text)
{
    return memmem(out->data, out->len, text, strlen(text)) != NULL;
}


static void
a_refusal_is_a_problem_document(void **state)
{
    char room[GH_PROBLEM_MAX];
    gh_buf_t out = GH_BUF(room);

    (void) state;

    assert_int_equal(
        gh_problem_json(GH_REASON_RULE_NONE, GH_STR("7d9f"), &out), GH_OK);
    assert_str(gh_buf_str(&out),
               "{\"type\":\"urn:gatehouse:problem:forbidden\","
               "\"title\":\"Not allowed\",\"status\":403,"
               "\"detail\":\"This caller may not send this request. The owner "
               "of the service can grant access.\","
               "\"request_id\":\"7d9f\"}\n");
}


static void
without_a_request_id_there_is_none_in_the_document(void **state)
{
    char room[GH_PROBLEM_MAX], id[300];
    gh_buf_t out = GH_BUF(room);

    (void) state;

    memset(id, 'x', sizeof(id));

    assert_int_equal(gh_problem_json(GH_REASON_RULE_NONE, GH_STR(""), &out),
                     GH_OK);
    assert_int_equal(gh_problem_json(GH_REASON_RULE_NONE,
                                     (gh_str_t){ id, sizeof(id) }, &out),
                     GH_OK);
    assert_int_equal(gh_problem_html(GH_REASON_RULE_NONE, GH_STR(""), &out),
                     GH_OK);
    assert_false(holds(&out, "request_id"));
    assert_false(holds(&out, "request id"));
}


/* Never a hole: the table's texts go into both forms as they are. */
static void
every_reason_makes_a_document_and_a_page(void **state)
{
    char room[GH_PROBLEM_MAX], id[256];
    gh_str_t worst = { id, sizeof(id) };

    (void) state;

    memset(id, '&', sizeof(id));

    for (int i = -1; i <= GH_REASON_COUNT; i++) {
        gh_reason_t reason = (gh_reason_t) i;
        gh_buf_t out = GH_BUF(room);
        gh_str_t type, title, detail, request_id;
        json_t *object;

        assert_int_equal(gh_problem_json(reason, worst, &out), GH_OK);
        assert_int_equal(
            gh_json_parse(gh_buf_str(&out), sizeof(room), &object, NULL),
            GH_OK);
        assert_int_equal(gh_json_str(object, "type", &type), GH_OK);
        assert_int_equal(gh_json_str(object, "title", &title), GH_OK);
        assert_int_equal(gh_json_str(object, "detail", &detail), GH_OK);
        assert_int_equal(gh_json_str(object, "request_id", &request_id),
                         GH_OK);
        assert_true(gh_str_starts(type, GH_STR("urn:gatehouse:problem:")));
        assert_true(title.len > 0 && detail.len > 0);
        assert_in_range(json_integer_value(json_object_get(object, "status")),
                        400, 599);
        json_decref(object);

        out.len = 0;
        assert_int_equal(gh_problem_html(reason, worst, &out), GH_OK);

        for (size_t j = 0; j < out.len; j++) {
            assert_true(room[j] == '\n' || (room[j] >= ' ' && room[j] <= '~'));
        }
    }
}


static void
a_reason_that_admits_is_an_error_here(void **state)
{
    char room[GH_PROBLEM_MAX];
    gh_buf_t out = GH_BUF(room);

    (void) state;

    assert_int_equal(gh_problem_json(GH_REASON_OK, GH_STR(""), &out), GH_OK);
    assert_true(holds(&out, "\"status\":500"));
}


static void
m4_all_failed_credentials_look_alike(void **state)
{
    static const gh_reason_t reasons[] = {
        GH_REASON_KEY_UNKNOWN,     GH_REASON_KEY_EXPIRED,
        GH_REASON_KEY_REVOKED,     GH_REASON_CONSUMER_SUSPENDED,
        GH_REASON_TOKEN_SIGNATURE, GH_REASON_TOKEN_EXPIRED
    };
    char room[GH_PROBLEM_MAX], other[GH_PROBLEM_MAX];
    gh_str_t id = GH_STR("7d9f");

    (void) state;

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        gh_buf_t first = GH_BUF(room), second = GH_BUF(other);

        assert_int_equal(
            gh_problem_json(GH_REASON_CREDENTIAL_MISSING, id, &first), GH_OK);
        assert_int_equal(gh_problem_json(reasons[i], id, &second), GH_OK);
        assert_int_equal(
            gh_problem_html(GH_REASON_CREDENTIAL_MISSING, id, &first), GH_OK);
        assert_int_equal(gh_problem_html(reasons[i], id, &second), GH_OK);
        assert_true(gh_str_eq(gh_buf_str(&first), gh_buf_str(&second)));
    }
}


static void
m4_neither_form_names_product_or_version(void **state)
{
    char room[GH_PROBLEM_MAX];
    gh_buf_t out = GH_BUF(room);

    (void) state;

    assert_int_equal(gh_problem_html(GH_REASON_INTERNAL, GH_STR("7d9f"), &out),
                     GH_OK);
    assert_false(holds(&out, "nginx"));
    assert_false(holds(&out, "Gatehouse"));
    assert_false(holds(&out, "gatehouse"));
}


static void
the_page_is_for_people_and_their_readers(void **state)
{
    char room[GH_PROBLEM_MAX];
    gh_buf_t out = GH_BUF(room);

    (void) state;

    assert_int_equal(
        gh_problem_html(GH_REASON_RULE_DENY, GH_STR("7d9f"), &out), GH_OK);
    assert_true(gh_str_starts(gh_buf_str(&out), GH_STR("<!DOCTYPE html>\n")));
    assert_true(holds(&out, "<html lang=\"en\">"));
    assert_true(holds(&out, "<meta charset=\"utf-8\">"));
    assert_true(holds(&out, "<title>Not allowed</title>"));
    assert_true(holds(&out, "<h1>Not allowed</h1>"));
    assert_true(holds(&out, "Status 403, request id <code>7d9f</code>"));
    assert_false(holds(&out, "<script"));
    assert_false(holds(&out, "http:"));
    assert_false(holds(&out, "https:"));
}


static void
m2_a_request_id_cannot_leave_its_place(void **state)
{
    char room[GH_PROBLEM_MAX];
    gh_buf_t out = GH_BUF(room);
    gh_str_t id = GH_STR("\"}<script>alert(1)</script>&\n\0\xff");

    (void) state;

    assert_int_equal(gh_problem_html(GH_REASON_RULE_DENY, id, &out), GH_OK);
    assert_false(holds(&out, "<script"));
    assert_true(holds(&out,
                      "<code>&quot;}&lt;script&gt;alert(1)&lt;/script&gt;"
                      "&amp;??"
                      "?</code>"));

    out.len = 0;
    assert_int_equal(gh_problem_json(GH_REASON_RULE_DENY, id, &out), GH_OK);
    assert_true(holds(&out, "\"request_id\":\"\\\"}<script>alert(1)</script>"
                            "&\\n\\u0000\\ufffd\"}\n"));
}


/* A changed style without a changed hash would be a page without style. */
static void
the_policy_of_the_page_allows_its_style_and_nothing_else(void **state)
{
    char room[GH_PROBLEM_MAX], text[128];
    gh_buf_t out = GH_BUF(room), hash = GH_BUF(text);
    uint8_t digest[GH_SHA256_LEN];
    gh_str_t csp = gh_problem_csp();

    (void) state;

    assert_int_equal(gh_problem_html(GH_REASON_RULE_DENY, GH_STR(""), &out),
                     GH_OK);

    char *start = memmem(room, out.len, "<style>", 7);
    char *end = memmem(room, out.len, "</style>", 8);

    assert_true(start != NULL && end != NULL);
    start += 7;
    gh_sha256((gh_str_t){ start, (size_t) (end - start) }, digest);

    assert_int_equal(gh_buf_add(&hash, GH_STR(" style-src 'sha256-")), GH_OK);
    assert_int_equal(
        gh_base64_encode((gh_str_t){ (char *) digest, sizeof(digest) }, &hash),
        GH_OK);
    assert_int_equal(gh_buf_add(&hash, GH_STR("';")), GH_OK);

    assert_non_null(memmem(csp.data, csp.len, hash.data, hash.len));
    assert_true(gh_str_starts(csp, GH_STR("default-src 'none'; ")));
    assert_non_null(memmem(csp.data, csp.len, "frame-ancestors 'none'", 22));
}


static void
browsers_get_a_page(void **state)
{
    static const char *const accepts[] = {
        "text/html",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "text/html, application/xhtml+xml, image/jxr, */*;q=0.8",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,"
        "image/webp,image/apng,*/*;q=0.8,"
        "application/signed-exchange;v=b3;q=0.7",
        "TEXT/HTML; charset=utf-8, application/json;q=0.9",
        "application/xhtml+xml",
        "text/html;q=0.002,application/json;q=0.001",
        "text/html ; Q=0.5 , */* ; q=0.1",
        "text/html;q=0.5,application/*;q=0.1,*/*",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(accepts) / sizeof(accepts[0]); i++) {
        if (!gh_problem_wants_html(gh_str(accepts[i]))) {
            fail_msg("%s is a browser's", accepts[i]);
        }
    }
}


static void
programs_get_a_document(void **state)
{
    static const char *const accepts[] = {
        "",
        "*/*",
        "application/json",
        "application/json, text/plain, */*",
        "text/html, application/json",
        "text/html, */*",
        "text/html;q=0.5, application/json",
        "text/html;q=0.5, application/problem+json;q=0.6",
        "text/html;q=0",
        "text/html;q=",
        "text/html;q=2",
        "text/html;q=1.1",
        "text/html;q=0.12345",
        "text/html;q=x",
        "text/html;q=0x1",
        "text/*",
        "text/plain",
        "text/htmlx",
        "application/grpc",
        ",,;;,;q=1,=",
        "text/html;level=1;q=0.1,application/*;q=0.2",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(accepts) / sizeof(accepts[0]); i++) {
        if (gh_problem_wants_html(gh_str(accepts[i]))) {
            fail_msg("%s is a program's", accepts[i]);
        }
    }

    assert_false(gh_problem_wants_html((gh_str_t){ NULL, 0 }));
}


static void
what_does_not_fit_leaves_the_buffer_alone(void **state)
{
    char room[GH_PROBLEM_MAX], small[GH_PROBLEM_MAX];
    gh_str_t id = GH_STR("<7d9f>");

    (void) state;

    for (int html = 0; html < 2; html++) {
        gh_rc_t (*write)(gh_reason_t, gh_str_t, gh_buf_t *) =
            html ? gh_problem_html : gh_problem_json;
        gh_buf_t whole = GH_BUF(room);

        assert_int_equal(write(GH_REASON_RULE_DENY, id, &whole), GH_OK);

        for (size_t cap = 0; cap < whole.len; cap++) {
            gh_buf_t out = { small, 0, cap };

            assert_int_equal(write(GH_REASON_RULE_DENY, id, &out),
                             GH_TOO_LONG);
            assert_int_equal(out.len, 0);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_is_a_problem_document),
        cmocka_unit_test(without_a_request_id_there_is_none_in_the_document),
        cmocka_unit_test(every_reason_makes_a_document_and_a_page),
        cmocka_unit_test(a_reason_that_admits_is_an_error_here),
        cmocka_unit_test(m4_all_failed_credentials_look_alike),
        cmocka_unit_test(m4_neither_form_names_product_or_version),
        cmocka_unit_test(the_page_is_for_people_and_their_readers),
        cmocka_unit_test(m2_a_request_id_cannot_leave_its_place),
        cmocka_unit_test(
            the_policy_of_the_page_allows_its_style_and_nothing_else),
        cmocka_unit_test(browsers_get_a_page),
        cmocka_unit_test(programs_get_a_document),
        cmocka_unit_test(what_does_not_fit_leaves_the_buffer_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
