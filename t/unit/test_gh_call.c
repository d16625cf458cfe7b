/*
 * Calls to providers that answer, lie, hang and never stop (THREATS 1.J).
 */

#include "gh_test.h"

#include "gh_call.h"
#include "gh_test_dir.h"
#include "gh_test_server.h"

#include <stdlib.h>

#define OK_ANSWER                                                             \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"                   \
    "Content-Length: 7\r\n\r\n[1,2,3]"


static gh_call_t
call_to(const char *url)
{
    return (gh_call_t){ .url = url,
                        .max_bytes = 1000,
                        .deadline_ms = 20000,
                        .connect_ms = 20000,
                        .loopback_http = true };
}


static gh_answer_t
called(const gh_call_t *call)
{
    gh_answer_t answer;
    gh_caller_t *caller = gh_caller_create();

    assert_non_null(caller);
    gh_call(caller, call, &answer);
    gh_caller_destroy(caller);

    return answer;
}


static void
an_answer_has_status_type_and_body(void **state)
{
    gh_test_server_t *s = gh_test_server(GH_TEST_PLAIN, OK_ANSWER);
    gh_call_t call = call_to(gh_test_server_url(s, "127.0.0.1", "/keys?a"));
    gh_answer_t answer;

    (void) state;

    call.accept = "application/json";
    call.authorization = "Basic dGVzdA==";
    answer = called(&call);

    assert_int_equal(answer.rc, GH_OK);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.content_type, "application/json");
    assert_int_equal(answer.body_len, 7);
    assert_string_equal(answer.body, "[1,2,3]");
    gh_answer_clear(&answer);

    assert_non_null(
        strstr(gh_test_server_seen(s), "GET /keys?a HTTP/1.1\r\n"));
    assert_non_null(
        strstr(gh_test_server_seen(s), "Accept: application/json\r\n"));
    assert_non_null(
        strstr(gh_test_server_seen(s), "Authorization: Basic dGVzdA==\r\n"));
    assert_null(strstr(gh_test_server_seen(s), "Accept-Encoding"));

    gh_test_server_end(s);
}


static void
one_caller_keeps_its_connection(void **state)
{
    gh_test_server_t *s = gh_test_server(GH_TEST_PLAIN, OK_ANSWER);
    gh_call_t call = call_to(gh_test_server_url(s, "127.0.0.1", "/"));
    gh_answer_t answer;
    gh_caller_t *caller = gh_caller_create();

    (void) state;

    for (int i = 0; i < 3; i++) {
        gh_call(caller, &call, &answer);
        assert_int_equal(answer.rc, GH_OK);
        gh_answer_clear(&answer);
    }

    assert_int_equal(gh_test_server_requests(s), 3);
    assert_int_equal(gh_test_server_connections(s), 1);

    gh_caller_destroy(caller);
    gh_test_server_end(s);
}


static void
nothing_of_one_call_is_left_in_the_next(void **state)
{
    gh_test_server_t *s = gh_test_server(GH_TEST_PLAIN, OK_ANSWER);
    gh_call_t call = call_to(gh_test_server_url(s, "127.0.0.1", "/"));
    gh_answer_t answer;
    gh_caller_t *caller = gh_caller_create();

    (void) state;

    call.authorization = "Bearer secret";
    gh_call(caller, &call, &answer);
    gh_answer_clear(&answer);
    assert_non_null(strstr(gh_test_server_seen(s), "secret"));

    call.authorization = NULL;
    gh_call(caller, &call, &answer);
    gh_answer_clear(&answer);
    assert_null(strstr(gh_test_server_seen(s), "secret"));

    gh_caller_destroy(caller);
    gh_test_server_end(s);
}


static void
a_form_is_posted(void **state)
{
    gh_test_server_t *s = gh_test_server(
        GH_TEST_PLAIN, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
                       "Content-Length: 2\r\n\r\n{}");
    gh_call_t call = call_to(gh_test_server_url(s, "127.0.0.1", "/token"));
    gh_answer_t answer;

    (void) state;

    call.post = "token=abc";
    answer = called(&call);

    assert_int_equal(answer.rc, GH_OK);
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(gh_test_server_seen(s), "POST /token "));
    assert_non_null(strstr(gh_test_server_seen(s), "Content-Length: 9\r\n"));
    assert_null(strstr(gh_test_server_seen(s), "Expect"));

    gh_answer_clear(&answer);
    gh_test_server_end(s);
}


static void
a_redirect_is_an_answer_and_is_not_followed(void **state)
{
    gh_test_server_t *s = gh_test_server(
        GH_TEST_PLAIN, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n"
                       "Content-Length: 0\r\n\r\n");
    gh_call_t call = call_to(gh_test_server_url(s, "127.0.0.1", "/"));
    gh_answer_t answer = called(&call);

    (void) state;

    assert_int_equal(answer.rc, GH_OK);
    assert_int_equal(answer.status, 302);
    assert_int_equal(gh_test_server_requests(s), 1);

    gh_answer_clear(&answer);
    gh_test_server_end(s);
}


static void
a_body_up_to_the_bound_is_taken(void **state)
{
    gh_test_server_t *s = gh_test_server(GH_TEST_PLAIN, OK_ANSWER);
    gh_call_t call = call_to(gh_test_server_url(s, "127.0.0.1", "/"));
    gh_answer_t answer;

    (void) state;

    call.max_bytes = 7;
    answer = called(&call);
    assert_int_equal(answer.rc, GH_OK);
    gh_answer_clear(&answer);

    call.max_bytes = 6;
    answer = called(&call);
    assert_int_equal(answer.rc, GH_TOO_LONG);
    assert_string_equal(answer.why, "the answer is too long");
    gh_answer_clear(&answer);

    gh_test_server_end(s);
}


static void
an_endless_body_ends_at_the_bound(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nxxxxxxxx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        gh_test_server_t *s = gh_test_server(GH_TEST_ENDLESS, answers[i]);
        gh_call_t call = call_to(gh_test_server_url(s, "127.0.0.1", "/"));
        gh_answer_t answer = called(&call);

        assert_int_equal(answer.rc, GH_TOO_LONG);
        gh_answer_clear(&answer);
        gh_test_server_end(s);
    }
}


static void
endless_header_lines_end_too(void **state)
{
    gh_test_server_t *s =
        gh_test_server(GH_TEST_ENDLESS, "HTTP/1.1 200 OK\r\nX: abc\r\n");
    gh_call_t call = call_to(gh_test_server_url(s, "127.0.0.1", "/"));
    gh_answer_t answer = called(&call);

    (void) state;

    assert_int_equal(answer.rc, GH_TOO_LONG);
    gh_answer_clear(&answer);
    gh_test_server_end(s);
}


static void
what_is_not_http_is_no_answer(void **state)
{
    static const char *const answers[] = {
        "<html>hello</html>\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "+PONG\r\n",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        gh_test_server_t *s = gh_test_server(GH_TEST_PLAIN, answers[i]);
        gh_call_t call = call_to(gh_test_server_url(s, "127.0.0.1", "/"));
        gh_answer_t answer;

        call.deadline_ms = 2000;
        answer = called(&call);
        assert_int_equal(answer.rc, GH_UNAVAILABLE);
        assert_string_not_equal(answer.why, "");
        gh_answer_clear(&answer);
        gh_test_server_end(s);
    }
}


static void
silence_ends_at_the_deadline(void **state)
{
    gh_test_server_t *s = gh_test_server(GH_TEST_SILENT, "");
    gh_call_t call = call_to(gh_test_server_url(s, "127.0.0.1", "/"));
    gh_answer_t answer;

    (void) state;

    call.deadline_ms = 100;
    answer = called(&call);

    assert_int_equal(answer.rc, GH_UNAVAILABLE);
    assert_int_equal(gh_test_server_requests(s), 1);
    gh_answer_clear(&answer);
    gh_test_server_end(s);
}


static bool
say_stop(void *ctx)
{
    (void) ctx;

    return true;
}


static void
a_process_that_ends_does_not_wait_for_the_deadline(void **state)
{
    gh_test_server_t *s = gh_test_server(GH_TEST_SILENT, "");
    gh_call_t call = call_to(gh_test_server_url(s, "127.0.0.1", "/"));
    gh_answer_t answer;

    (void) state;

    call.deadline_ms = 600000;
    call.stopped = say_stop;
    answer = called(&call);

    assert_int_equal(answer.rc, GH_UNAVAILABLE);
    gh_answer_clear(&answer);
    gh_test_server_end(s);
}


static void
nobody_there_is_said(void **state)
{
    gh_test_server_t *s = gh_test_server(GH_TEST_PLAIN, OK_ANSWER);
    char url[256];
    gh_call_t call;
    gh_answer_t answer;

    (void) state;

    (void) strcpy(url, gh_test_server_url(s, "127.0.0.1", "/"));
    gh_test_server_end(s);

    call = call_to(url);
    answer = called(&call);
    assert_int_equal(answer.rc, GH_UNAVAILABLE);
    assert_non_null(strstr(answer.why, "Failed to connect"));
    gh_answer_clear(&answer);
}


static void
a_certificate_that_nobody_vouches_for_is_refused(void **state)
{
    gh_test_server_t *s = gh_test_server(GH_TEST_TLS, OK_ANSWER);
    gh_call_t call = call_to(gh_test_server_url(s, "127.0.0.1", "/"));
    gh_answer_t answer = called(&call);

    (void) state;

    assert_int_equal(answer.rc, GH_UNAVAILABLE);
    assert_non_null(strstr(answer.why, "certificate"));
    assert_int_equal(gh_test_server_requests(s), 0);

    gh_answer_clear(&answer);
    gh_test_server_end(s);
}


static void
a_certificate_is_checked_against_its_ca_and_name(void **state)
{
    const char *ca;
    gh_test_server_t *s = gh_test_server(GH_TEST_TLS, OK_ANSWER);
    gh_call_t call;
    gh_answer_t answer;

    (void) state;

    (void) gh_test_dir();
    ca = gh_test_path("ca.pem");
    gh_test_server_write_ca(s, ca);

    call = call_to(gh_test_server_url(s, "127.0.0.1", "/"));
    call.ca_file = ca;
    answer = called(&call);
    assert_int_equal(answer.rc, GH_OK);
    gh_answer_clear(&answer);

    /* the same server by an address that its certificate does not have */
    call.url = gh_test_server_url(s, "127.0.0.2", "/");
    answer = called(&call);
    assert_int_equal(answer.rc, GH_UNAVAILABLE);
    gh_answer_clear(&answer);

    gh_test_server_end(s);
    gh_test_dir_end();
}


static void
plain_http_is_refused_before_anything_is_sent(void **state)
{
    gh_test_server_t *s = gh_test_server(GH_TEST_PLAIN, OK_ANSWER);
    gh_call_t call = call_to(gh_test_server_url(s, "127.0.0.1", "/"));
    gh_answer_t answer;

    (void) state;

    call.loopback_http = false;
    answer = called(&call);
    assert_int_equal(answer.rc, GH_INVALID);
    gh_answer_clear(&answer);

    call = call_to("http://example.com/");
    answer = called(&call);
    assert_int_equal(answer.rc, GH_INVALID);
    gh_answer_clear(&answer);

    call = call_to("file:///etc/passwd");
    answer = called(&call);
    assert_int_equal(answer.rc, GH_INVALID);
    gh_answer_clear(&answer);

    assert_int_equal(gh_test_server_connections(s), 0);
    gh_test_server_end(s);
}


static void
a_header_cannot_be_smuggled_in(void **state)
{
    gh_call_t call = call_to("https://127.0.0.1/");
    gh_answer_t answer;

    (void) state;

    call.authorization = "Bearer a\r\nX: y";
    answer = called(&call);
    assert_int_equal(answer.rc, GH_INVALID);
    assert_null(strstr(answer.why, "Bearer"));
    gh_answer_clear(&answer);
}


static void
proxies_of_the_environment_are_not_used(void **state)
{
    gh_test_server_t *proxy = gh_test_server(GH_TEST_PLAIN, OK_ANSWER);
    gh_test_server_t *s = gh_test_server(GH_TEST_PLAIN, OK_ANSWER);
    gh_call_t call = call_to(gh_test_server_url(s, "127.0.0.1", "/"));
    gh_answer_t answer;

    (void) state;

    (void) setenv("http_proxy", gh_test_server_url(proxy, "127.0.0.1", "/"),
                  1);
    (void) setenv("ALL_PROXY", gh_test_server_url(proxy, "127.0.0.1", "/"), 1);
    answer = called(&call);
    (void) unsetenv("http_proxy");
    (void) unsetenv("ALL_PROXY");

    assert_int_equal(answer.rc, GH_OK);
    gh_answer_clear(&answer);
    assert_int_equal(gh_test_server_connections(proxy), 0);
    assert_int_equal(gh_test_server_connections(s), 1);

    gh_test_server_end(proxy);
    gh_test_server_end(s);
}


static int
begin(void **state)
{
    (void) state;

    return gh_call_begin() != GH_OK;
}


static int
end(void **state)
{
    (void) state;
    gh_call_end();

    return 0;
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_has_status_type_and_body),
        cmocka_unit_test(one_caller_keeps_its_connection),
        cmocka_unit_test(nothing_of_one_call_is_left_in_the_next),
        cmocka_unit_test(a_form_is_posted),
        cmocka_unit_test(a_redirect_is_an_answer_and_is_not_followed),
        cmocka_unit_test(a_body_up_to_the_bound_is_taken),
        cmocka_unit_test(an_endless_body_ends_at_the_bound),
        cmocka_unit_test(endless_header_lines_end_too),
        cmocka_unit_test(what_is_not_http_is_no_answer),
        cmocka_unit_test(silence_ends_at_the_deadline),
        cmocka_unit_test(a_process_that_ends_does_not_wait_for_the_deadline),
        cmocka_unit_test(nobody_there_is_said),
        cmocka_unit_test(a_certificate_that_nobody_vouches_for_is_refused),
        cmocka_unit_test(a_certificate_is_checked_against_its_ca_and_name),
        cmocka_unit_test(plain_http_is_refused_before_anything_is_sent),
        cmocka_unit_test(a_header_cannot_be_smuggled_in),
        cmocka_unit_test(proxies_of_the_environment_are_not_used),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
