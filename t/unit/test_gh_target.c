/*
 * Request targets that were read in two ways, and the one way in which ours
 * are read. Names beginning with b and a number are rows of the path and
 * rule-matching table of docs/threat-model.md.
 */

#include "gh_test.h"

#include "gh_target.h"


#define FLAG(name) GH_TARGET_##name


static void assert_flags(const char *target, gh_target_flags_t expected);
static void assert_becomes(const char *target, const char *expected);


static gh_target_flags_t
flags_of(gh_str_t target)
{
    char room[512];
    gh_buf_t out = GH_BUF(room);
    gh_target_flags_t flags, inspected;
    bool canonical;

    assert_int_equal(gh_target_canonical(target, &out, &flags), GH_OK);
    inspected = gh_target_inspect(target, &canonical);
    assert_int_equal(inspected, flags);
    assert_int_equal(canonical, gh_str_eq(gh_buf_str(&out), target));

    return flags;
}


static void
assert_flags(const char *target, gh_target_flags_t expected)
{
    gh_target_flags_t flags = flags_of(gh_str(target));

    if (flags != expected) {
        char room[256];
        gh_buf_t text = GH_BUF(room);

        assert_int_equal(gh_target_flags_text(flags, &text), GH_OK);
        fail_msg("%s is %.*s", target, (int) text.len, text.data);
    }
}


/* And stays so when it is read again. */
static void
assert_becomes(const char *target, const char *expected)
{
    char room[512], again[512];
    gh_buf_t out = GH_BUF(room), second = GH_BUF(again);
    gh_target_flags_t flags, flags_second;
    bool canonical;

    assert_int_equal(gh_target_canonical(gh_str(target), &out, &flags), GH_OK);
    assert_str(gh_buf_str(&out), expected);

    assert_int_equal(
        gh_target_canonical(gh_buf_str(&out), &second, &flags_second), GH_OK);
    assert_str(gh_buf_str(&second), expected);
    assert_int_equal(flags_second & ~flags, 0);

    (void) gh_target_inspect(gh_buf_str(&out), &canonical);
    assert_true(canonical);
}


static void
ordinary_targets_are_clean_and_their_own_canonical_form(void **state)
{
    static const char *const targets[] = {
        "/",
        "/orders",
        "/orders/17/",
        "/orders/17.json?fields=id,name&page=2",
        "/v1.2/~alice/a-b_c/index.html",
        "/a.b/..c/...d/....",
        "/caf%C3%A9/%20x",
        "/matrix@host:80/!$&'()*+,=",
        "/x?a/../b//c;d\\e%2f%zz%",
        "/x?",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        assert_flags(targets[i], 0);
        assert_becomes(targets[i], targets[i]);
    }
}


static void
unreserved_characters_are_decoded_and_the_rest_is_upper_case(void **state)
{
    (void) state;

    assert_becomes("/%41%7a%30%2d%2E%5f%7e", "/Az0-._~");
    assert_becomes("/a%2fb%3fc%c3%a9", "/a%2Fb%3Fc%C3%A9");
    assert_becomes("/%21%40%3a", "/%21%40%3A");
    assert_flags("/%41%21", 0);
}


static void
characters_that_no_path_may_hold_get_one_spelling(void **state)
{
    (void) state;

    assert_becomes("/a\"<b>[c]^`{|}", "/a%22%3Cb%3E%5Bc%5D%5E%60%7B%7C%7D");
    assert_becomes("/caf\xc3\xa9", "/caf%C3%A9");
    assert_becomes("/a b\\c\x7f", "/a%20b%5Cc%7F");
}


static void
dot_segments_are_removed_as_the_rfc_says(void **state)
{
    (void) state;

    /* RFC 3986 sections 5.2.4 and 5.4 */
    assert_becomes("/a/b/c/./../../g", "/a/g");
    assert_becomes("/.", "/");
    assert_becomes("/..", "/");
    assert_becomes("/a/..", "/");
    assert_becomes("/a/b/..", "/a/");
    assert_becomes("/a/b/.", "/a/b/");
    assert_becomes("/../../../g", "/g");
    assert_becomes("/a/../?q=/../x", "/?q=/../x");
    assert_becomes("/a/..?q", "/?q");
    assert_becomes("/a//../b", "/a/b");
    assert_becomes("/..//x", "//x");
}


static void
b1_double_slashes_are_named(void **state)
{
    (void) state;

    assert_flags("//admin/x", FLAG(DOUBLE_SLASH));
    assert_flags("///admin", FLAG(DOUBLE_SLASH));
    assert_flags("/public//..//admin/x",
                 FLAG(DOUBLE_SLASH) | FLAG(DOT_SEGMENT));
    assert_flags("/admin//", FLAG(DOUBLE_SLASH));
    assert_becomes("/public/..//admin/x", "//admin/x");
}


static void
b2_dot_segments_are_named_in_every_spelling(void **state)
{
    static const char *const targets[] = {
        "/./admin",
        "/public/../admin",
        "/public/%2e%2e/admin",
        "/admin/.",
        "/public/.%2E/x",
        "/public/%2e./x",
        "/admin/..",
        "/%2e",
        "/public/%2E%2e?x",
        "/public/.?x",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        assert_flags(targets[i], FLAG(DOT_SEGMENT));
    }

    assert_becomes("/./admin", "/admin");
    assert_becomes("/public/%2e%2E/admin", "/admin");
    assert_becomes("/admin/.", "/admin/");
    assert_flags("/admin/..;/admin", FLAG(DOT_SEGMENT) | FLAG(SEMICOLON));
}


static void
b3_an_encoded_slash_is_named(void **state)
{
    (void) state;

    assert_flags("/admin%2fx", FLAG(ENCODED_SLASH));
    assert_flags("/admin%2Fx", FLAG(ENCODED_SLASH));
    assert_becomes("/admin%2fx", "/admin%2Fx");
}


/* So that a location which lets encoded slashes in is not open to it. */
static void
b3_dots_beside_an_encoded_slash_are_a_dot_segment_too(void **state)
{
    gh_target_flags_t both = FLAG(ENCODED_SLASH) | FLAG(DOT_SEGMENT);

    (void) state;

    assert_flags("/public%2f..%2fadmin", both);
    assert_flags("/public/%2e%2e%2fadmin", both);
    assert_flags("/public%2f../admin", both);
    assert_flags("/public%2f%2e", both);
    assert_flags("/public%2f...%2fadmin", FLAG(ENCODED_SLASH));
    assert_flags("/public%2f..x", FLAG(ENCODED_SLASH));
    assert_becomes("/public%2f..%2fadmin", "/public%2F..%2Fadmin");
}


static void
b3_backslashes_are_named_raw_and_encoded(void **state)
{
    gh_target_flags_t both = FLAG(BACKSLASH) | FLAG(DOT_SEGMENT);

    (void) state;

    assert_flags("/public\\..\\admin", both);
    assert_flags("/public%5c..%5cadmin", both);
    assert_flags("/public%5C.", both);
    assert_flags("/a\\b", FLAG(BACKSLASH));
    assert_flags("/\\evil", FLAG(BACKSLASH));
    assert_becomes("/a\\b", "/a%5Cb");
}


static void
b4_path_parameters_are_named(void **state)
{
    (void) state;

    assert_flags("/admin;x", FLAG(SEMICOLON));
    assert_flags("/admin;/x", FLAG(SEMICOLON));
    assert_flags("/;/admin", FLAG(SEMICOLON));
    assert_flags("/admin%3bx", FLAG(SEMICOLON));
    assert_becomes("/admin;x%3by", "/admin;x%3By");
}


static void
b4_dots_before_a_parameter_are_a_dot_segment_too(void **state)
{
    gh_target_flags_t both = FLAG(SEMICOLON) | FLAG(DOT_SEGMENT);

    (void) state;

    assert_flags("/public;/../admin", both);
    assert_flags("/public/..;/admin", both);
    assert_flags("/public/..;x=y/admin", both);
    assert_flags("/public/%2e%2e%3b/admin", both);
    assert_flags("/public/.;/admin", both);
    assert_becomes("/public/..;/admin", "/public/..;/admin");
}


static void
b5_a_fragment_is_never_part_of_a_target(void **state)
{
    (void) state;

    assert_flags("/admin#/public", FLAG(FRAGMENT));
    assert_flags("/public#/../admin", FLAG(FRAGMENT) | FLAG(DOT_SEGMENT));
    assert_flags("/a?b#c", FLAG(FRAGMENT));
    assert_true((GH_TARGET_NEVER & FLAG(FRAGMENT)) != 0);

    /* encoded it is a name, and still named */
    assert_flags("/%23/../admin", FLAG(ENCODED_HASH) | FLAG(DOT_SEGMENT));
    assert_becomes("/%23/../admin", "/admin");
    assert_flags("/public/..%23x", FLAG(ENCODED_HASH) | FLAG(DOT_SEGMENT));
}


static void
b6_a_path_in_the_query_is_not_part_of_the_path(void **state)
{
    (void) state;

    assert_becomes("/api/private/x?path=/status",
                   "/api/private/x?path=/status");
    assert_becomes("/admin?/public/../", "/admin?/public/../");
    assert_flags("/admin?/public/../", 0);
}


static void
b7_encoded_letters_and_dots_cannot_hide_a_prefix(void **state)
{
    (void) state;

    assert_becomes("/ap%69/admin", "/api/admin");
    assert_becomes("/api%2e/admin", "/api./admin");
    assert_becomes("/api%2e%2e/admin", "/api../admin");
    assert_becomes("/api../admin", "/api../admin");
    assert_becomes("/api/%2e%2e/admin", "/admin");
}


static void
b8_a_double_encoding_stays_literal_and_is_named(void **state)
{
    (void) state;

    assert_flags("/a%252e%252e/admin", FLAG(ENCODED_PERCENT));
    assert_becomes("/a%252e%252e/admin", "/a%252e%252e/admin");
    assert_flags("/%252e%252e/admin", FLAG(ENCODED_PERCENT));
    assert_flags("/mypath%3Ffoo=bar", FLAG(ENCODED_QUESTION));
    assert_becomes("/mypath%3ffoo=bar", "/mypath%3Ffoo=bar");
    assert_flags("/public/..%3fx", FLAG(ENCODED_QUESTION) | FLAG(DOT_SEGMENT));
}


static void
b9_control_bytes_are_named_and_never_pass(void **state)
{
    (void) state;

    assert_flags("/admin/%00", FLAG(NUL));
    assert_flags("/admin/%0a", FLAG(CONTROL));
    assert_flags("/admin/%7F", FLAG(CONTROL));
    assert_flags("/admin/\x01", FLAG(CONTROL));
    assert_flags("/admin\t", FLAG(CONTROL));
    assert_flags("/admin?x=\x01", FLAG(CONTROL));
    assert_int_equal(flags_of(GH_STR("/a\0b")), FLAG(NUL));
    assert_int_equal(flags_of(GH_STR("/a?\0b")), FLAG(NUL));
    assert_flags("/public/..%00/x", FLAG(NUL) | FLAG(DOT_SEGMENT));
    assert_becomes("/admin?x=\x01\x7f", "/admin?x=%01%7F");
    assert_true((GH_TARGET_NEVER & FLAG(NUL)) != 0);
    assert_true((GH_TARGET_NEVER & FLAG(CONTROL)) != 0);
}


static void
b9_legal_punctuation_is_kept_and_not_named(void **state)
{
    (void) state;

    assert_flags("/admin/*", 0);
    assert_becomes("/admin/!$&'()*+,=:@", "/admin/!$&'()*+,=:@");
    assert_flags("/admin/!$&'()*+,;=:@", FLAG(SEMICOLON));
}


static void
b9_bytes_outside_ascii_are_named_and_checked_as_utf8(void **state)
{
    (void) state;

    assert_flags("/caf\xc3\xa9", FLAG(NOT_ASCII));
    assert_flags("/admin/\xff", FLAG(NOT_ASCII) | FLAG(NOT_UTF8));
    assert_flags("/caf\xc3%a9", FLAG(NOT_ASCII));
    assert_flags("/%ff", FLAG(NOT_UTF8));
    assert_flags("/%e2%82%ac/%f0%9f%98%80", 0);
    assert_becomes("/admin/\xff", "/admin/%FF");
}


static void
overlong_slashes_and_dots_are_not_utf8(void **state)
{
    static const char *const targets[] = {
        "/a%c0%afb",     "/%c0%ae%c0%ae/x", "/%e0%80%af",
        "/%f0%80%80%af", "/%ed%a0%80",      "/%f4%90%80%80",
        "/%f5%80%80%80", "/%e2%82",         "/%e2%82/%ac",
        "/%80",          "/%c3x",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        assert_flags(targets[i], FLAG(NOT_UTF8));
    }
}


static void
b11_a_target_that_is_no_path_is_named(void **state)
{
    static const char *const targets[] = { "",   "admin",
                                           "*",  "http://gw/admin",
                                           "?x", "%2e" };

    (void) state;

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        assert_true((flags_of(gh_str(targets[i])) & FLAG(FORM)) != 0);
        assert_becomes(targets[i], targets[i]);
    }

    assert_true((flags_of(GH_STR("../admin")) & FLAG(DOT_SEGMENT)) != 0);
    assert_true((GH_TARGET_NEVER & FLAG(FORM)) != 0);
}


static void
b11_a_raw_space_is_named(void **state)
{
    (void) state;

    assert_flags("/admin x", FLAG(SPACE));
    assert_flags("/admin?x y", FLAG(SPACE));
    assert_becomes("/admin x?y z", "/admin%20x?y%20z");
    assert_flags("/admin%20x", 0);
}


/* "%%34%31" must not become "%41", which a second reader takes for A. */
static void
a_bad_encoding_cannot_become_a_good_one(void **state)
{
    gh_target_flags_t bad = FLAG(BAD_ENCODING) | FLAG(ENCODED_PERCENT);

    (void) state;

    assert_flags("/%", bad);
    assert_flags("/%4", bad);
    assert_flags("/%zz", bad);
    assert_flags("/%4g", bad);
    assert_flags("/a?%zz%", 0);
    assert_becomes("/%%34%31", "/%2541");
    assert_becomes("/%2", "/%252");
    assert_becomes("/%?%zz%", "/%25?%zz%");
}


static void
b22_a_canonical_form_is_its_own_canonical_form(void **state)
{
    static const char bytes[] = "/.%2eEfFcC5;\\?#a \x80\xc3";
    size_t n = sizeof(bytes) - 1;

    (void) state;

    /* every string of five of these, behind a slash */
    for (size_t i = 0; i < n * n * n * n * n; i++) {
        char target[7] = { '/' };
        char room[32], again[96];
        gh_buf_t out = GH_BUF(room), second = GH_BUF(again);
        gh_target_flags_t flags, flags_second;
        size_t rest = i;
        bool canonical;

        for (size_t j = 1; j < 6; j++, rest /= n) {
            target[j] = bytes[rest % n];
        }

        gh_str_t text = gh_str(target);

        assert_int_equal(gh_target_canonical(text, &out, &flags), GH_OK);
        assert_true(out.len <= 3 * text.len);

        (void) gh_target_inspect(text, &canonical);

        if (canonical != gh_str_eq(text, gh_buf_str(&out))) {
            fail_msg("%s: canonical is not what it is said to be", target);
        }

        assert_int_equal(
            gh_target_canonical(gh_buf_str(&out), &second, &flags_second),
            GH_OK);

        if (!gh_str_eq(gh_buf_str(&out), gh_buf_str(&second))
            || (flags_second & ~flags) != 0)
        {
            fail_msg("%s: read again it is %.*s", target, (int) second.len,
                     second.data);
        }
    }
}


static void
a_target_that_does_not_fit_leaves_the_buffer_alone(void **state)
{
    char room[16];
    gh_target_flags_t flags;

    (void) state;

    /* one clean, one with every kind of rewriting at its end */
    static const char *const targets[] = { "/abcd", "/a b", "/a/..",
                                           "/a%2f", "/%5",  "/a?b \x01" };

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        gh_buf_t all = GH_BUF(room);

        assert_int_equal(gh_target_canonical(gh_str(targets[i]), &all, &flags),
                         GH_OK);

        for (size_t cap = 0; cap < all.len; cap++) {
            gh_buf_t out = { room, 0, cap };

            assert_int_equal(
                gh_target_canonical(gh_str(targets[i]), &out, &flags),
                GH_TOO_LONG);
            assert_int_equal(out.len, 0);
        }
    }
}


static void
the_result_is_appended(void **state)
{
    char room[32] = "/x/";
    gh_buf_t out = { room, 3, sizeof(room) };
    gh_target_flags_t flags;

    (void) state;

    assert_int_equal(gh_target_canonical(GH_STR("/../../b"), &out, &flags),
                     GH_OK);
    assert_str(gh_buf_str(&out), "/x//b");
}


static void
every_flag_has_a_word_and_every_word_its_flag(void **state)
{
    char room[256];
    gh_buf_t text = GH_BUF(room);
    gh_target_flags_t all = 0;

    (void) state;

    for (uint32_t flag = 1; flag <= GH_TARGET_SPACE; flag <<= 1) {
        gh_str_t word = gh_target_flag_word((gh_target_flag_t) flag);

        assert_true(word.len > 0);
        assert_int_equal(word.len, strlen(word.data));
        assert_int_equal(gh_target_flag_parse(word), flag);
        all |= flag;
    }

    assert_int_equal(gh_target_flag_parse(GH_STR("slash")), 0);
    assert_int_equal(gh_target_flag_parse(GH_STR("")), 0);
    assert_int_equal(gh_target_flag_word((gh_target_flag_t) 3).len, 0);

    assert_int_equal(
        gh_target_flags_text(FLAG(ENCODED_SLASH) | FLAG(SEMICOLON), &text),
        GH_OK);
    assert_str(gh_buf_str(&text), "encoded-slash,semicolon");

    text.len = 0;
    assert_int_equal(gh_target_flags_text(0, &text), GH_OK);
    assert_int_equal(text.len, 0);
    assert_int_equal(gh_target_flags_text(all, &text), GH_OK);

    for (size_t cap = 0; cap < text.len; cap++) {
        gh_buf_t small = { room, 0, cap };

        assert_int_equal(gh_target_flags_text(all, &small), GH_TOO_LONG);
        assert_int_equal(small.len, 0);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            ordinary_targets_are_clean_and_their_own_canonical_form),
        cmocka_unit_test(
            unreserved_characters_are_decoded_and_the_rest_is_upper_case),
        cmocka_unit_test(characters_that_no_path_may_hold_get_one_spelling),
        cmocka_unit_test(dot_segments_are_removed_as_the_rfc_says),
        cmocka_unit_test(b1_double_slashes_are_named),
        cmocka_unit_test(b2_dot_segments_are_named_in_every_spelling),
        cmocka_unit_test(b3_an_encoded_slash_is_named),
        cmocka_unit_test(
            b3_dots_beside_an_encoded_slash_are_a_dot_segment_too),
        cmocka_unit_test(b3_backslashes_are_named_raw_and_encoded),
        cmocka_unit_test(b4_path_parameters_are_named),
        cmocka_unit_test(b4_dots_before_a_parameter_are_a_dot_segment_too),
        cmocka_unit_test(b5_a_fragment_is_never_part_of_a_target),
        cmocka_unit_test(b6_a_path_in_the_query_is_not_part_of_the_path),
        cmocka_unit_test(b7_encoded_letters_and_dots_cannot_hide_a_prefix),
        cmocka_unit_test(b8_a_double_encoding_stays_literal_and_is_named),
        cmocka_unit_test(b9_control_bytes_are_named_and_never_pass),
        cmocka_unit_test(b9_legal_punctuation_is_kept_and_not_named),
        cmocka_unit_test(b9_bytes_outside_ascii_are_named_and_checked_as_utf8),
        cmocka_unit_test(overlong_slashes_and_dots_are_not_utf8),
        cmocka_unit_test(b11_a_target_that_is_no_path_is_named),
        cmocka_unit_test(b11_a_raw_space_is_named),
        cmocka_unit_test(a_bad_encoding_cannot_become_a_good_one),
        cmocka_unit_test(b22_a_canonical_form_is_its_own_canonical_form),
        cmocka_unit_test(a_target_that_does_not_fit_leaves_the_buffer_alone),
        cmocka_unit_test(the_result_is_appended),
        cmocka_unit_test(every_flag_has_a_word_and_every_word_its_flag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
