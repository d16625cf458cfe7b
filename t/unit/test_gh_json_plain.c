/*
 * Plain objects are what jansson makes of them, and everything else is left
 * to it.
 */

#include "gh_test.h"

#include "gh_json_plain.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))


static const char *const plain[] = {
    "{}",
    " { } ",
    "{\"iss\":\"http://a/\",\"aud\":[\"b\",\"c\"],\"exp\":1795443000}",
    "{\"email_verified\":true,\"nonce\":null,\"off\":false}",
    "\t{ \"a\" : [ 0 , 999999999999999 ] ,\r\n \"\" : \"\" }\n",
    "{\"a\":{\"b\":{\"c\":[]}},\"d\":[[[\"e\"]],{}]}",
};


/* From a block of exactly its size, so that every step off is seen. */
static gh_rc_t
read_exactly(gh_str_t text, json_t **out)
{
    char *exact = gh_test_exact(text);
    gh_rc_t rc = gh_json_plain((gh_str_t){ exact, text.len }, out);

    assert_int_equal(*out != NULL, rc == GH_OK);
    free(exact);

    return rc;
}


/* Plain or not: never something else than jansson says. */
static bool
is_read_like_jansson(gh_str_t text)
{
    json_t *value;

    if (read_exactly(text, &value) != GH_OK) {
        return false;
    }

    json_t *same =
        json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);

    if (!json_equal(value, same)) {
        fail_msg("jansson reads this differently: %.*s", (int) text.len,
                 text.data);
    }

    json_decref(same);
    json_decref(value);

    return true;
}


static void
plain_objects_are_what_jansson_makes_of_them(void **state)
{
    (void) state;

    for (size_t i = 0; i < COUNT(plain); i++) {
        assert_true(is_read_like_jansson(gh_str(plain[i])));
    }
}


static void
a_byte_more_less_or_different_is_never_read_differently(void **state)
{
    (void) state;
    char room[512];

    for (size_t i = 0; i < COUNT(plain); i++) {
        size_t len = strlen(plain[i]);

        for (size_t at = 0; at < len; at++) {
            (void) is_read_like_jansson((gh_str_t){ plain[i], at });

            memcpy(room, plain[i], at);
            memcpy(room + at, plain[i] + at + 1, len - at - 1);
            (void) is_read_like_jansson((gh_str_t){ room, len - 1 });

            for (int byte = 0; byte < 256; byte++) {
                memcpy(room, plain[i], len);
                room[at] = (char) byte;
                (void) is_read_like_jansson((gh_str_t){ room, len });

                memcpy(room + at + 1, plain[i] + at, len - at);
                (void) is_read_like_jansson((gh_str_t){ room, len + 1 });
            }
        }
    }
}


static void
what_needs_a_second_look_is_left_to_jansson(void **state)
{
    (void) state;
    static const char *const others[] = {
        "",
        "[]",
        "\"a\"",
        "{\"a\":1,\"a\":2}",         /* refused */
        "{\"a\":{\"b\":1,\"b\":1}}", /* so is this */
        "{\"a\":\"\\u0061\"}",       /* escapes */
        "{\"\\u0061\":1}",
        "{\"a\":\"\xc3\xa9\"}", /* UTF-8 */
        "{\"a\":\"\x7f\"}",
        "{\"a\":-1}",
        "{\"a\":1.0}",
        "{\"a\":1e3}",
        "{\"a\":01}",
        "{\"a\":1000000000000000}", /* sixteen digits */
        "{\"a\":[[[[1]]]]}",        /* deep */
        "{\"a\":1,}",
        "{\"a\":[1,]}",
        "{\"a\":truely}",
        "{\"a\":1} {}",
    };

    for (size_t i = 0; i < COUNT(others); i++) {
        json_t *value;

        assert_int_equal(read_exactly(gh_str(others[i]), &value), GH_ABSENT);
    }
}


static void
a_long_name_or_text_is_left_to_jansson(void **state)
{
    (void) state;
    static char room[GH_JSON_PLAIN_MAX + 1];
    json_t *value;

    for (size_t len = 62; len < 66; len++) {
        int n = snprintf(room, sizeof(room), "{\"%0*d\":1}", (int) len, 0);

        assert_int_equal(read_exactly((gh_str_t){ room, (size_t) n }, &value),
                         len < 64 ? GH_OK : GH_ABSENT);
        json_decref(value);
    }

    memset(room, ' ', sizeof(room));
    memcpy(room, "{}", 2);

    assert_int_equal(
        read_exactly((gh_str_t){ room, GH_JSON_PLAIN_MAX }, &value), GH_OK);
    json_decref(value);
    assert_int_equal(
        read_exactly((gh_str_t){ room, GH_JSON_PLAIN_MAX + 1 }, &value),
        GH_ABSENT);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_objects_are_what_jansson_makes_of_them),
        cmocka_unit_test(
            a_byte_more_less_or_different_is_never_read_differently),
        cmocka_unit_test(what_needs_a_second_look_is_left_to_jansson),
        cmocka_unit_test(a_long_name_or_text_is_left_to_jansson),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
