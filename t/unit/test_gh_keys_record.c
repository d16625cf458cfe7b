/*
 * Key sets as the store keeps them, and the names they have there.
 */

#include "gh_test.h"

#include "gh_keys_record.h"

#include <stdio.h>


static void
a_record_comes_back_as_it_was(void **state)
{
    char room[100];
    gh_buf_t out = GH_BUF(room);
    gh_keys_record_t in = { 1800000000, GH_STR("{\"keys\":\n[]}") }, back;

    (void) state;

    assert_int_equal(gh_keys_record_encode(&in, &out), GH_OK);
    assert_int_equal(gh_keys_record_decode(gh_buf_str(&out), &back), GH_OK);
    assert_int_equal(back.fetched_at_s, 1800000000);
    assert_str(back.text, "{\"keys\":\n[]}");
}


static void
a_record_that_does_not_fit_leaves_nothing(void **state)
{
    char room[10];
    gh_buf_t out = GH_BUF(room);
    gh_keys_record_t in = { 1800000000, GH_STR("{}") };

    (void) state;

    assert_int_equal(gh_keys_record_encode(&in, &out), GH_TOO_LONG);
    assert_int_equal(out.len, 0);
}


static void
what_is_no_record_is_refused(void **state)
{
    static const char *const values[] = {
        "",
        "\n",
        "1",
        "1 5",
        "1 5\n",
        "2 5\n{}",
        "1 -5\n{}",
        "1 x\n{}",
        "1\n{}",
        " 1 5\n{}",
        "{\"keys\":[]}",
        "1 5 \n{}",
        "1 99999999999999999999\n{}",
    };
    gh_keys_record_t back;

    (void) state;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        assert_int_equal(gh_keys_record_decode(gh_str(values[i]), &back),
                         GH_INVALID);
    }
}


static void
a_name_is_the_issuer_and_where_its_keys_are(void **state)
{
    char room[GH_STORE_NAME_MAX];
    gh_buf_t out = GH_BUF(room);

    (void) state;

    assert_int_equal(
        gh_keys_record_name(GH_STR("https://a.test"), GH_STR(""), &out),
        GH_OK);
    assert_str(gh_buf_str(&out), "https://a.test");

    out.len = 0;
    assert_int_equal(gh_keys_record_name(GH_STR("https://a.test"),
                                         GH_STR("https://b.test/k"), &out),
                     GH_OK);
    assert_str(gh_buf_str(&out), "https://a.test https://b.test/k");
}


static void
a_long_name_is_a_hash_that_tells_sources_apart(void **state)
{
    char issuer[300], one[GH_STORE_NAME_MAX], other[GH_STORE_NAME_MAX];
    gh_buf_t first = GH_BUF(one), second = GH_BUF(other);

    (void) state;

    memset(issuer, 'a', sizeof(issuer));

    assert_int_equal(
        gh_keys_record_name((gh_str_t){ issuer, 300 }, GH_STR("b"), &first),
        GH_OK);
    assert_int_equal(
        gh_keys_record_name((gh_str_t){ issuer, 299 }, GH_STR("ab"), &second),
        GH_OK);
    assert_int_equal(first.len, 64);
    assert_int_equal(second.len, 64);
    assert_memory_not_equal(one, other, 64);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_back_as_it_was),
        cmocka_unit_test(a_record_that_does_not_fit_leaves_nothing),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(a_name_is_the_issuer_and_where_its_keys_are),
        cmocka_unit_test(a_long_name_is_a_hash_that_tells_sources_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
