/*
 * What is an API key, what is refused without a lookup, and what a new one
 * looks like.
 */

#include "gh_test.h"
#include "gh_apikey.h"
#include "gh_bytes.h"

#include <stdlib.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* Made with Python's int, zlib.crc32 and hashlib. */
#define KEY "gh_tc5lpn7kw0_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf_1TeEGv"
#define KEY_SHA256                                                            \
    "e608860100ba819755d884758a52e0bf8150b93cb6dcb30fa3d77f45b3f97b94"


/* clang-format off */
static const char *const wrong_form[] = {
#include "vectors/apikey_wrong_form.inc"
};
/* clang-format on */


static gh_rc_t
parse(gh_str_t text, gh_apikey_t *key)
{
    char *exact = gh_test_exact(text);
    gh_rc_t rc = gh_apikey_parse((gh_str_t){ exact, text.len }, key);

    if (rc == GH_OK && key->native) { /* borrowed: of the caller's text */
        key->id.data = text.data + (key->id.data - exact);
    }

    free(exact);
    return rc;
}


static void
a_new_key_is_its_randomness_in_base62(void **state)
{
    (void) state;
    static const uint8_t id_random[8] = { 0x10, 0x20, 0x30, 0x40,
                                          0x50, 0x60, 0x70, 0x80 };
    static const uint8_t ones[32] = {
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    };
    static const uint8_t zeros[32] = { 0 };
    uint8_t random[32];
    char room[128];
    gh_buf_t out = GH_BUF(room);

    for (size_t i = 0; i < sizeof(random); i++) {
        random[i] = (uint8_t) i;
    }

    assert_int_equal(
        gh_apikey_build((gh_str_t){ NULL, 0 }, random, id_random, &out),
        GH_OK);
    assert_str(gh_buf_str(&out), KEY);

    out.len = 0;
    assert_int_equal(gh_apikey_build(GH_STR("7f3a"), ones, NULL, &out), GH_OK);
    assert_str(gh_buf_str(&out), "gh_7f3a_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5"
                                 "rOw8Xp1_4cVhtC");

    out.len = 0;
    assert_int_equal(
        gh_apikey_build(GH_STR("0123456789abcdef"), zeros, NULL, &out), GH_OK);
    assert_str(gh_buf_str(&out), "gh_0123456789abcdef_000000000000000000000000"
                                 "0000000000000000000_2QKiL0");
}


static void
a_new_key_is_one_of_ours(void **state)
{
    (void) state;
    uint8_t random[32] = { 0 }, id_random[8] = { 0 };
    gh_apikey_t key;

    for (unsigned i = 0; i < 256; i++) {
        char room[128];
        gh_buf_t out = GH_BUF(room);

        random[i % 32] = (uint8_t) (random[i % 32] + i * 7 + 1);
        id_random[i % 8] = (uint8_t) (id_random[i % 8] + i * 11 + 1);

        assert_int_equal(
            gh_apikey_build((gh_str_t){ NULL, 0 }, random, id_random, &out),
            GH_OK);
        assert_int_equal(parse(gh_buf_str(&out), &key), GH_OK);
        assert_true(key.native);
        assert_int_equal(key.id.len, 10);
        assert_true(gh_apikey_id_valid(key.id));
    }
}


static void
a_key_is_appended_whole_or_not_at_all(void **state)
{
    (void) state;
    static const uint8_t random[32] = { 1 };
    char room[3 + 4 + 1 + 43 + 1 + 6 + 1] = "x";
    gh_buf_t out = { room, 1, sizeof(room) - 1 };

    assert_int_equal(gh_apikey_build(GH_STR("7f3a"), random, NULL, &out),
                     GH_TOO_LONG);
    assert_str(gh_buf_str(&out), "x");

    out.cap++;
    assert_int_equal(gh_apikey_build(GH_STR("7f3a"), random, NULL, &out),
                     GH_OK);
    assert_int_equal(out.len, out.cap);

    gh_apikey_t key;
    gh_str_t text = { room + 1, out.len - 1 };

    assert_int_equal(parse(text, &key), GH_OK);
    assert_true(key.native);
}


static void
no_key_is_built_for_a_name_that_is_no_id(void **state)
{
    (void) state;
    static const uint8_t random[32] = { 1 };
    char room[128];
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_apikey_build(GH_STR("abc"), random, NULL, &out),
                     GH_INVALID);
    assert_int_equal(gh_apikey_build(GH_STR("ACME"), random, NULL, &out),
                     GH_INVALID);
    assert_int_equal(gh_apikey_build(GH_STR("a_bc"), random, NULL, &out),
                     GH_INVALID);
    assert_int_equal(out.len, 0);
}


static void
ids_are_4_to_16_lower_case_letters_and_digits(void **state)
{
    (void) state;
    static const char *const wrong[] = {
        "",     "abc",  "0123456789abcdefg", "ABCD", "ab-d",
        "ab_d", "ab d", "abc\xe9",           "ab/:", "ab`{",
        "Abcd", "abcD",
    };

    assert_true(gh_apikey_id_valid(GH_STR("7f3a")));
    assert_true(gh_apikey_id_valid(GH_STR("az09az09az09az09")));
    assert_false(gh_apikey_id_valid(GH_STR("abc\0")));

    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_false(gh_apikey_id_valid(gh_str(wrong[i])));
    }
}


static void
our_key_tells_its_id(void **state)
{
    (void) state;
    gh_apikey_t key;

    assert_int_equal(parse(GH_STR(KEY), &key), GH_OK);
    assert_true(key.native);
    assert_str(key.id, "tc5lpn7kw0");
}


static void
a_typo_anywhere_is_refused_without_a_lookup(void **state)
{
    (void) state;
    char text[] = KEY;
    gh_apikey_t key;

    for (size_t i = 3; i < sizeof(text) - 1; i++) {
        char right = text[i];

        for (unsigned c = 0; c < 256; c++) {
            text[i] = (char) (unsigned char) c;

            if (text[i] != right) {
                assert_int_equal(
                    parse((gh_str_t){ text, sizeof(text) - 1 }, &key),
                    GH_INVALID);
                assert_false(key.native);
            }
        }

        text[i] = right;
    }
}


static void
our_prefix_is_ours_or_nothing(void **state)
{
    (void) state;
    static const char *const wrong[] = {
        "gh_12345",
        "gh______",
        "gh_7f3a_secret_000000",
        "gh_tc5lpn7kw0_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf_1TeEG",
        "gh_tc5lpn7kw0_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf_1TeEGv_",
        "gh_tc5lpn7kw0_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf_1TeEGv0",
        "gh_tc5lpn7kw0_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf",
        "gh_tc5lpn7kw0__003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf_1TeEGv",
        "gh_tc5lpn7kw0_03aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf_1TeEGv",
    };
    gh_apikey_t key;

    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_int_equal(parse(gh_str(wrong[i]), &key), GH_INVALID);
    }
}


static void
a_right_checksum_alone_does_not_make_a_key_ours(void **state)
{
    (void) state;
    gh_apikey_t key;

    for (size_t i = 0; i < COUNT(wrong_form); i++) {
        assert_int_equal(parse(gh_str(wrong_form[i]), &key), GH_INVALID);
        assert_false(key.native);
    }
}


static void
a_key_of_other_make_is_taken_as_it_is(void **state)
{
    (void) state;
    static const char *const foreign[] = {
        "12345678", "sk_live_51H8xq", "GH_TC5LPN7KW0",
        "gh-12345", "a,b;c=d\"e\\",
    };
    gh_apikey_t key;

    for (size_t i = 0; i < COUNT(foreign); i++) {
        assert_int_equal(parse(gh_str(foreign[i]), &key), GH_OK);
        assert_false(key.native);
        assert_int_equal(key.id.len, 0);
    }
}


static void
F4_odd_bytes_and_odd_lengths_are_refused_before_any_work(void **state)
{
    (void) state;
    char text[65536];
    gh_apikey_t key;

    assert_int_equal(gh_apikey_parse((gh_str_t){ NULL, 0 }, &key), GH_INVALID);

    memset(text, 'k', sizeof(text));
    assert_int_equal(parse((gh_str_t){ text, 7 }, &key), GH_INVALID);
    assert_int_equal(parse((gh_str_t){ text, 8 }, &key), GH_OK);
    assert_int_equal(parse((gh_str_t){ text, 256 }, &key), GH_OK);
    assert_int_equal(parse((gh_str_t){ text, 257 }, &key), GH_INVALID);
    assert_int_equal(parse((gh_str_t){ text, sizeof(text) }, &key),
                     GH_INVALID);

    for (unsigned c = 0; c < 256; c++) {
        for (size_t at = 0; at < 20; at += 19) {
            text[at] = (char) (unsigned char) c;
            assert_int_equal(parse((gh_str_t){ text, 20 }, &key),
                             c > ' ' && c < 127 ? GH_OK : GH_INVALID);
            text[at] = 'k';
        }
    }
}


static void
declared_keys_are_known_by_their_sha256(void **state)
{
    (void) state;
    uint8_t hash[GH_SHA256_LEN], declared[GH_SHA256_LEN];

    gh_apikey_hash(GH_STR(KEY), hash);
    assert_int_equal(
        gh_apikey_hash_parse(GH_STR("sha256:" KEY_SHA256), declared), GH_OK);
    assert_memory_equal(hash, declared, sizeof(hash));
}


static void
a_declared_hash_is_sha256_and_64_hex_characters(void **state)
{
    (void) state;
    static const char *const wrong[] = {
        "",
        "sha256:",
        KEY_SHA256,
        "SHA256:" KEY_SHA256,
        "sha512:" KEY_SHA256,
        "sha256:" KEY_SHA256 "0",
        "sha256:" KEY_SHA256 "00",
        "sha256: 08860100ba819755d884758a52e0bf8150b93cb6dcb30fa3d77f45b3f97b9"
        "4",
        "sha256:g608860100ba819755d884758a52e0bf8150b93cb6dcb30fa3d77f45b3f97b"
        "94",
    };
    uint8_t hash[GH_SHA256_LEN];

    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_int_equal(gh_apikey_hash_parse(gh_str(wrong[i]), hash),
                         GH_INVALID);
    }
}


static void
issued_keys_are_known_by_a_hash_that_only_we_can_make(void **state)
{
    (void) state;
    gh_secret_t s = { 0 };
    uint8_t plain[GH_SHA256_LEN], a[GH_SHA256_LEN], b[GH_SHA256_LEN];

    assert_int_equal(
        gh_secret_add(&s, GH_STR("a root key of thirty-two bytes or more")),
        GH_OK);
    assert_int_equal(
        gh_secret_add(&s, GH_STR("another key of thirty-two bytes or more")),
        GH_OK);

    gh_apikey_hash(GH_STR(KEY), plain);
    assert_int_equal(gh_apikey_hash_keyed(&s, 0, GH_STR(KEY), a), GH_OK);
    assert_int_equal(gh_apikey_hash_keyed(&s, 1, GH_STR(KEY), b), GH_OK);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a, plain, sizeof(a));
    assert_int_equal(gh_apikey_hash_keyed(&s, 2, GH_STR(KEY), a), GH_ABSENT);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_key_is_its_randomness_in_base62),
        cmocka_unit_test(a_new_key_is_one_of_ours),
        cmocka_unit_test(a_key_is_appended_whole_or_not_at_all),
        cmocka_unit_test(no_key_is_built_for_a_name_that_is_no_id),
        cmocka_unit_test(ids_are_4_to_16_lower_case_letters_and_digits),
        cmocka_unit_test(our_key_tells_its_id),
        cmocka_unit_test(a_typo_anywhere_is_refused_without_a_lookup),
        cmocka_unit_test(our_prefix_is_ours_or_nothing),
        cmocka_unit_test(a_right_checksum_alone_does_not_make_a_key_ours),
        cmocka_unit_test(a_key_of_other_make_is_taken_as_it_is),
        cmocka_unit_test(
            F4_odd_bytes_and_odd_lengths_are_refused_before_any_work),
        cmocka_unit_test(declared_keys_are_known_by_their_sha256),
        cmocka_unit_test(a_declared_hash_is_sha256_and_64_hex_characters),
        cmocka_unit_test(
            issued_keys_are_known_by_a_hash_that_only_we_can_make),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
