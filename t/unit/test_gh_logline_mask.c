/*
 * Secrets in a request's query are masked in the decision line. Names
 * beginning with m and a number are rows of the table of information leaks
 * in docs/threat-model.md.
 */

#include "gh_test.h"

#include "gh_logline.h"


static void
assert_masked(const char *target, const char *expected)
{
    static const gh_str_t extra[] = { { "Session-Key", 11 } };
    char room[512];
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_logline_mask_query(gh_str(target), extra, 1, &out),
                     GH_OK);
    assert_str(gh_buf_str(&out), expected);
}


static void
m1_secrets_in_the_query_are_masked(void **state)
{
    (void) state;

    assert_masked("/cb?code=abc&state=def&x=1", "/cb?code=***&state=***&x=1");
    assert_masked("/x?api_key=gh_7f3a_s3cret", "/x?api_key=***");
    assert_masked("/x?a=1&access_token=t&b=2", "/x?a=1&access_token=***&b=2");
    assert_masked("/x?id_token=a&token=b&password=c&signature=d",
                  "/x?id_token=***&token=***&password=***&signature=***");
    assert_masked("/x?refresh_token=a&client_secret=b&SAMLResponse=c",
                  "/x?refresh_token=***&client_secret=***&SAMLResponse=***");
    assert_masked("/x?session-key=abc", "/x?session-key=***");
}


static void
m1_no_spelling_of_the_name_escapes_the_mask(void **state)
{
    (void) state;

    assert_masked("/x?API_KEY=s", "/x?API_KEY=***");
    assert_masked("/x?%61pi%5Fkey=s", "/x?%61pi%5Fkey=***");
    assert_masked("/x?api.key=s", "/x?api.key=***");
    assert_masked("/x?+token=s&%20token=s", "/x?+token=***&%20token=***");
    assert_masked("/x?token[]=s&token%5b0%5d=s",
                  "/x?token[]=***&token%5b0%5d=***");
    assert_masked("/x?a=1;token=s", "/x?a=1;token=***");
    assert_masked("/x?token=a;b;c&d=1", "/x?token=***&d=1");
    assert_masked("/x?token=a=b?c&d=1", "/x?token=***&d=1");
    assert_masked("/x?next=/y?token=s", "/x?next=/y?token=***");
    assert_masked("/x??token=s", "/x??token=***");
    assert_masked("/x?&token=s", "/x?&token=***");
}


static void
other_values_and_the_path_are_not_masked(void **state)
{
    static const char *const targets[] = {
        "",
        "/",
        "/token=abc",
        "/x?",
        "/x?token",
        "/x?token=",
        "/x?token&a=b",
        "/x?tokens=1",
        "/x?toke=1",
        "/x?=token",
        "/x?q=token",
        "/x?a&&b==",
        "/x?token%=1",
        "/x?codes=1&xstate=2",
        "?",
        "/x?=&=&=",
        "/x?[=1",
        "/x?0123456789012345678901234567890123456789012345678901234token=1",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        assert_masked(targets[i], targets[i]);
    }
}


static void
a_masked_target_that_does_not_fit_leaves_the_buffer_alone(void **state)
{
    gh_str_t target = GH_STR("/x?a=1&token=s&b=2");
    char room[64];
    gh_buf_t whole = GH_BUF(room);

    (void) state;

    assert_int_equal(gh_logline_mask_query(target, NULL, 0, &whole), GH_OK);

    for (size_t cap = 0; cap < whole.len; cap++) {
        gh_buf_t out = { room, 0, cap };

        assert_int_equal(gh_logline_mask_query(target, NULL, 0, &out),
                         GH_TOO_LONG);
        assert_int_equal(out.len, 0);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(m1_secrets_in_the_query_are_masked),
        cmocka_unit_test(m1_no_spelling_of_the_name_escapes_the_mask),
        cmocka_unit_test(other_values_and_the_path_are_not_masked),
        cmocka_unit_test(
            a_masked_target_that_does_not_fit_leaves_the_buffer_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
