/*
 * Components of requests and the base they make: the examples of RFC 9421
 * section 2, and what cannot be covered (THREATS F11, F12).
 */

#include "gh_test.h"

#include "gh_sigbase.h"

#include <stdlib.h>

#define FIELD(n, v)                                                           \
    {                                                                         \
        { n, sizeof(n) - 1 },                                                 \
        {                                                                     \
            v, sizeof(v) - 1                                                  \
        }                                                                     \
    }


static const gh_message_field_t fields[] = {
    FIELD("Host", "www.example.com"),
    FIELD("X-OWS-Header", "   Leading and trailing whitespace. \t "),
    FIELD("X-Obs-Fold-Header", "Obsolete\r\n    line folding."),
    FIELD("Cache-Control", "max-age=60"),
    FIELD("Cache-Control", "    must-revalidate"),
    FIELD("Example-Dict", " a=1,    b=2;x=1;y=2,   c=(a   b   c), d"),
    FIELD("Priority", "u=1,   i=?1"),
    FIELD("X-Empty-Header", ""),
    FIELD("Example-Header", "value, with, lots"),
    FIELD("Example-Header", "of, commas"),
    FIELD("X-Latin", "caf\xe9"),
    FIELD("Content-Digest", "not a dictionary!"),
};

static gh_message_t
message(const char *target)
{
    return (gh_message_t){ .method = GH_STR("GET"),
                           .scheme = GH_STR("https"),
                           .target = gh_str(target),
                           .host = GH_STR("www.example.com"),
                           .fields = fields,
                           .n_fields = sizeof(fields) / sizeof(fields[0]) };
}


/* The base's lines before the last, or why there is none. */
static gh_rc_t
base_of(const gh_message_t *msg, const char *components, gh_buf_t *out)
{
    static const char last[] = "\"@signature-params\": ";
    gh_rc_t rc =
        gh_sigbase_build(msg, gh_str(components), (gh_str_t){ NULL, 0 }, out);

    if (rc != GH_OK) {
        assert_int_equal(out->len, 0);
        return rc;
    }

    for (size_t i = out->len; i > 0; i--) {
        if (out->data[i - 1] == '\n') {
            out->len = i - 1;
            return rc;
        }
    }

    assert_memory_equal(out->data, last, sizeof(last) - 1);
    out->len = 0;

    return rc;
}


static void
assert_value(const gh_message_t *msg, const char *component,
             const char *expected)
{
    char room[2048];
    gh_buf_t out = GH_BUF(room);
    size_t len = strlen(component);

    if (base_of(msg, component, &out) != GH_OK) {
        fail_msg("%s was refused", component);
    }

    assert_true(out.len >= len + 2);
    assert_memory_equal(out.data, component, len);
    assert_memory_equal(out.data + len, ": ", 2);

    gh_str_t value = { out.data + len + 2, out.len - len - 2 };

    assert_str(value, expected);
}


static void
assert_target_value(const char *target, const char *component,
                    const char *expected)
{
    gh_message_t msg = message(target);

    assert_value(&msg, component, expected);
}


static void
assert_refused(const char *target, const char *components, gh_rc_t expected)
{
    char room[2048];
    gh_buf_t out = GH_BUF(room);
    gh_message_t msg = message(target);
    gh_rc_t rc = base_of(&msg, components, &out);

    if (rc != expected) {
        fail_msg("(%s): %d instead of %d", components, rc, expected);
    }
}


/* Section 2.1. */
static void
F12_fields_are_trimmed_unfolded_and_joined(void **state)
{
    (void) state;
    assert_target_value("/", "\"host\"", "www.example.com");
    assert_target_value("/", "\"x-ows-header\"",
                        "Leading and trailing whitespace.");
    assert_target_value("/", "\"x-obs-fold-header\"",
                        "Obsolete line folding.");
    assert_target_value("/", "\"cache-control\"",
                        "max-age=60, must-revalidate");
    assert_target_value("/", "\"example-dict\"",
                        "a=1,    b=2;x=1;y=2,   c=(a   b   c), d");
    assert_target_value("/", "\"x-empty-header\"", "");
}


/* Sections 2.1.1 to 2.1.3. */
static void
structured_members_and_bytes_are_the_specifications(void **state)
{
    (void) state;
    assert_target_value("/", "\"priority\";sf", "u=1, i");
    assert_target_value("/", "\"example-dict\";key=\"a\"", "1");
    assert_target_value("/", "\"example-dict\";key=\"b\"", "2;x=1;y=2");
    assert_target_value("/", "\"example-dict\";key=\"c\"", "(a b c)");
    assert_target_value("/", "\"example-dict\";key=\"d\"", "?1");
    assert_target_value("/", "\"priority\";sf;key=\"i\"", "?1");
    assert_target_value("/", "\"example-header\"",
                        "value, with, lots, of, commas");
    assert_target_value("/", "\"example-header\";bs",
                        ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:");
    assert_target_value("/", "\"x-empty-header\";bs", "::");
    assert_target_value("/", "\"x-latin\";bs", ":Y2Fm6Q==:");
}


/* Section 2.2. */
static void
derived_components_are_the_specifications(void **state)
{
    static const char target[] = "/path?param=value";

    (void) state;
    assert_target_value(target, "\"@method\"", "GET");
    assert_target_value(target, "\"@target-uri\"",
                        "https://www.example.com/path?param=value");
    assert_target_value(target, "\"@authority\"", "www.example.com");
    assert_target_value(target, "\"@scheme\"", "https");
    assert_target_value(target, "\"@request-target\"", "/path?param=value");
    assert_target_value(target, "\"@path\"", "/path");
    assert_target_value(target, "\"@query\"", "?param=value");
    assert_target_value("/path?queryString", "\"@query\"", "?queryString");
    assert_target_value("/path", "\"@query\"", "?");
    assert_target_value("/path?", "\"@query\"", "?");
    assert_target_value("/path?a?b", "\"@query\"", "?a?b");
    assert_target_value("/path?", "\"@target-uri\"",
                        "https://www.example.com/path?");
    assert_target_value("/a/../b//c%2fD", "\"@path\"", "/a/../b//c%2fD");
}


static void
F12_other_forms_of_the_target_name_the_same_resource(void **state)
{
    (void) state;
    assert_target_value("http://Other.example:443?a=b", "\"@path\"", "/");
    assert_target_value("http://Other.example?a=b", "\"@query\"", "?a=b");
    assert_target_value("http://Other.example/x", "\"@authority\"",
                        "other.example");
    assert_target_value("http://Other.example/x?y", "\"@target-uri\"",
                        "https://other.example/x?y");
    assert_target_value("http://Other.example/x?y", "\"@request-target\"",
                        "http://Other.example/x?y");
    assert_target_value("*", "\"@path\"", "/");
    assert_target_value("*", "\"@request-target\"", "*");
    assert_target_value("*", "\"@target-uri\"", "https://www.example.com");
}


static void
F12_an_authority_is_lower_case_without_its_schemes_port(void **state)
{
    static const struct {
        const char *scheme, *host, *authority;
    } cases[] = {
        { "https", "WWW.Example.COM", "www.example.com" },
        { "https", "a.test:443", "a.test" },
        { "https", "a.test:", "a.test" },
        { "https", "a.test:80", "a.test:80" },
        { "https", "a.test:8443", "a.test:8443" },
        { "http", "a.test:80", "a.test" },
        { "http", "a.test:443", "a.test:443" },
        { "http", "[::1]:80", "[::1]" },
        { "http", "[2001:DB8::80]", "[2001:db8::80]" },
        { "http", "127.0.0.1:8080", "127.0.0.1:8080" },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gh_message_t msg = message("/");

        msg.scheme = gh_str(cases[i].scheme);
        msg.host = gh_str(cases[i].host);
        assert_value(&msg, "\"@authority\"", cases[i].authority);
    }
}


/* Section 2.2.8. */
static void
query_parameters_are_the_specifications(void **state)
{
    static const char target[] = "/path?param=value&foo=bar&baz=batman&qux=";
    static const char odd[] =
        "/parameters?var=this%20is%20a%20big%0Amultiline%20value&"
        "bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something";

    (void) state;
    assert_target_value(target, "\"@query-param\";name=\"baz\"", "batman");
    assert_target_value(target, "\"@query-param\";name=\"qux\"", "");
    assert_target_value(target, "\"@query-param\";name=\"param\"", "value");
    assert_target_value(odd, "\"@query-param\";name=\"var\"",
                        "this%20is%20a%20big%0Amultiline%20value");
    assert_target_value(odd, "\"@query-param\";name=\"bar\"",
                        "with%20plus%20whitespace");
    assert_target_value(odd, "\"@query-param\";name=\"fa%C3%A7ade%22%3A%20\"",
                        "something");
    assert_target_value("/?a=%zz%4", "\"@query-param\";name=\"a\"",
                        "%25zz%254");
    assert_target_value("/?a&&b=1", "\"@query-param\";name=\"a\"", "");

    assert_refused(target, "\"@query-param\";name=\"none\"", GH_DENIED);
    assert_refused("/?a=1&b&a=1", "\"@query-param\";name=\"a\"", GH_DENIED);
    assert_refused("/?a=1&%61=2", "\"@query-param\";name=\"a\"", GH_DENIED);
    assert_refused("/", "\"@query-param\";name=\"a\"", GH_DENIED);
}


static void
F11_what_requests_do_not_have_is_refused(void **state)
{
    (void) state;
    assert_refused("/", "\"@status\"", GH_DENIED);
    assert_refused("/", "\"@method\";req", GH_DENIED);
    assert_refused("/", "\"host\";tr", GH_DENIED);
    assert_refused("/", "\"@new-thing\"", GH_DENIED);
    assert_refused("/", "\"x-none\"", GH_DENIED);
    assert_refused("/", "\"x-none\";bs", GH_DENIED);
    assert_refused("/", "\"example-dict\";key=\"z\"", GH_DENIED);
    assert_refused("/", "\"example-dict\";sf", GH_DENIED); /* of what kind? */
    assert_refused("/", "\"content-digest\";sf", GH_DENIED);
    assert_refused("/", "\"content-digest\";key=\"sha-256\"", GH_DENIED);
    assert_refused("/", "\"x-latin\"", GH_DENIED);
}


static void
F11_malformed_components_are_refused(void **state)
{
    static const char *const lists[] = {
        "\"Host\"",
        "host",
        "\"host",
        "\"\"",
        "\"@\"",
        "1",
        "\"ho st\"",
        "\"host\\\"\"",
        "\"host:\"",
        "\"host\";sf=1",
        "\"host\";sf=?0",
        "\"host\";bs=\"x\"",
        "\"example-dict\";key",
        "\"host\";key=a",
        "\"host\";bs;sf",
        "\"host\";bs;key=\"a\"",
        "\"host\";name=\"a\"",
        "\"host\";new",
        "\"@method\";sf",
        "\"@path\";bs",
        "\"@query\";key=\"a\"",
        "\"@query\";name=\"a\"",
        "\"@query-param\"",
        "\"@query-param\";name=a",
        "\"@query-param\";name=\"a\";bs",
        "\"host\";req=?0",
        "\"host\" \"host\"",
        "\"@method\" \"host\" \"@method\"",
        "\"example-dict\";key=\"a\" \"example-dict\";key=\"a\"",
        "\"priority\";sf;key=\"u\" \"priority\";key=\"u\";sf",
        "\"host\"\"priority\"",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        assert_refused("/", lists[i], GH_INVALID);
    }
}


static void
the_same_field_in_other_forms_is_another_component(void **state)
{
    char room[512];
    gh_buf_t out = GH_BUF(room);
    gh_message_t msg = message("/");

    (void) state;
    assert_int_equal(base_of(&msg,
                             "\"priority\" \"priority\";sf \"priority\";bs "
                             "\"priority\";key=\"u\" \"priority\";key=\"i\"",
                             &out),
                     GH_OK);
    assert_str(gh_buf_str(&out), "\"priority\": u=1,   i=?1\n"
                                 "\"priority\";sf: u=1, i\n"
                                 "\"priority\";bs: :dT0xLCAgIGk9PzE=:\n"
                                 "\"priority\";key=\"u\": 1\n"
                                 "\"priority\";key=\"i\": ?1");
}


static void
components_are_bounded(void **state)
{
    char list[2048], room[8192];
    gh_buf_t text = GH_BUF(list), out = GH_BUF(room);
    gh_message_field_t many[GH_SIGBASE_COMPONENTS_MAX + 1];
    char names[GH_SIGBASE_COMPONENTS_MAX + 1][3];
    gh_message_t msg = message("/");

    (void) state;
    msg.fields = many;
    msg.n_fields = GH_SIGBASE_COMPONENTS_MAX + 1;

    for (size_t i = 0; i <= GH_SIGBASE_COMPONENTS_MAX; i++) {
        names[i][0] = (char) ('a' + i / 26);
        names[i][1] = (char) ('a' + i % 26);
        many[i].name = (gh_str_t){ names[i], 2 };
        many[i].value = GH_STR("v");

        if (i == GH_SIGBASE_COMPONENTS_MAX) {
            assert_int_equal(gh_sigbase_build(&msg, gh_buf_str(&text),
                                              (gh_str_t){ NULL, 0 }, &out),
                             GH_OK);
        }

        assert_int_equal(gh_buf_add_fmt(&text, "\"%.2s\" ", names[i]), GH_OK);
    }

    out.len = 0;
    assert_int_equal(
        gh_sigbase_build(&msg, gh_buf_str(&text), (gh_str_t){ NULL, 0 }, &out),
        GH_INVALID);
    assert_int_equal(out.len, 0);
}


static void
a_base_that_does_not_fit_is_not_begun(void **state)
{
    static const char list[] =
        "\"@target-uri\" \"priority\";sf \"example-header\";bs "
        "\"@query-param\";name=\"a\" \"cache-control\"";
    char room[1024];
    gh_buf_t whole = GH_BUF(room);
    gh_message_t msg = message("/?a=%20b");
    gh_str_t params = GH_STR(";created=1;keyid=\"k\"");

    (void) state;
    assert_int_equal(gh_sigbase_build(&msg, gh_str(list), params, &whole),
                     GH_OK);

    for (size_t cap = 0; cap < whole.len; cap++) {
        char *small = malloc(cap + 1);
        gh_buf_t out = { small, 0, cap };

        assert_non_null(small);
        assert_int_equal(gh_sigbase_build(&msg, gh_str(list), params, &out),
                         GH_TOO_LONG);
        assert_int_equal(out.len, 0);
        free(small);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(F12_fields_are_trimmed_unfolded_and_joined),
        cmocka_unit_test(structured_members_and_bytes_are_the_specifications),
        cmocka_unit_test(derived_components_are_the_specifications),
        cmocka_unit_test(F12_other_forms_of_the_target_name_the_same_resource),
        cmocka_unit_test(
            F12_an_authority_is_lower_case_without_its_schemes_port),
        cmocka_unit_test(query_parameters_are_the_specifications),
        cmocka_unit_test(F11_what_requests_do_not_have_is_refused),
        cmocka_unit_test(F11_malformed_components_are_refused),
        cmocka_unit_test(the_same_field_in_other_forms_is_another_component),
        cmocka_unit_test(components_are_bounded),
        cmocka_unit_test(a_base_that_does_not_fit_is_not_begun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
