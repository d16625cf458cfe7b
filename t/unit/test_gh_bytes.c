/*
 * One text per value, and one value per text.
 */

#include "gh_test.h"
#include "gh_bytes.h"

#include <stdlib.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))


/* clang-format off */
static const struct {
    const char *text, *base64, *base16;
} base_vectors[] = {
#include "vectors/rfc4648_section_10.inc"
};
/* clang-format on */


typedef gh_rc_t (*coder_t)(gh_str_t in, gh_buf_t *out);


static gh_rc_t
run(coder_t coder, gh_str_t in, gh_buf_t *out)
{
    out->len = 0;
    return coder(in, out);
}


/* In a block of exactly its size, so that a sanitizer sees every step off. */
static gh_rc_t
run_exact(coder_t coder, gh_str_t in, gh_buf_t *out)
{
    char *copy = gh_test_exact(in);
    gh_rc_t rc = run(coder, (gh_str_t){ copy, in.len }, out);

    free(copy);

    return rc;
}


static void
base64_and_hex_are_those_of_rfc4648(void **state)
{
    (void) state;
    char room[32];
    gh_buf_t out = GH_BUF(room);

    for (size_t i = 0; i < COUNT(base_vectors); i++) {
        gh_str_t text = gh_str(base_vectors[i].text);
        gh_str_t base64 = gh_str(base_vectors[i].base64);
        gh_str_t unpadded = gh_str_cut(base64, '=', &(gh_str_t){ NULL, 0 });
        char plain[16];

        assert_int_equal(run(gh_base64_encode, text, &out), GH_OK);
        assert_str(gh_buf_str(&out), base_vectors[i].base64);
        assert_int_equal(run(gh_base64_decode, base64, &out), GH_OK);
        assert_str(gh_buf_str(&out), base_vectors[i].text);

        memcpy(plain, unpadded.data, unpadded.len);
        plain[unpadded.len] = '\0';
        assert_int_equal(run(gh_base64url_encode, text, &out), GH_OK);
        assert_str(gh_buf_str(&out), plain);
        assert_int_equal(run(gh_base64url_decode, unpadded, &out), GH_OK);
        assert_str(gh_buf_str(&out), base_vectors[i].text);

        assert_int_equal(run(gh_hex_encode, text, &out), GH_OK);
        assert_str(gh_buf_str(&out), base_vectors[i].base16);
        assert_int_equal(
            run(gh_hex_decode, gh_str(base_vectors[i].base16), &out), GH_OK);
        assert_str(gh_buf_str(&out), base_vectors[i].text);
    }
}


static void
bytes_come_back_through_every_text(void **state)
{
    (void) state;
    static const coder_t pairs[][2] = {
        { gh_base64url_encode, gh_base64url_decode },
        { gh_base64_encode, gh_base64_decode },
        { gh_hex_encode, gh_hex_decode },
    };
    char bytes[256], text_room[520], back_room[256];
    gh_buf_t text = GH_BUF(text_room), back = GH_BUF(back_room);

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char) (unsigned char) (i * 167 + 13);
    }

    for (size_t p = 0; p < COUNT(pairs); p++) {
        for (size_t n = 0; n <= sizeof(bytes); n++) {
            gh_str_t in = { bytes, n };

            assert_int_equal(run_exact(pairs[p][0], in, &text), GH_OK);
            assert_int_equal(run_exact(pairs[p][1], gh_buf_str(&text), &back),
                             GH_OK);
            assert_true(gh_str_eq(gh_buf_str(&back), in));
        }
    }
}


static void
D22_base64url_has_one_text_per_value(void **state)
{
    (void) state;
    static const char *const refused[] = {
        "Zg==", "Zg=",     "Z",    "ZgZgZ", " Zg",  "Zg ",   "Z g",    "Zg\n",
        "Zm+v", "Zm/v",    "Zh",   "Zi",    "Zo",   "Zv",    "Zm9",    "Zm-_=",
        "Zm.v", "Zm\xc3v", "====", "=",     "Zm8=", "Zm9vZ", "Zm9vZh",
    };
    char room[32];
    gh_buf_t out = GH_BUF(room);

    for (size_t i = 0; i < COUNT(refused); i++) {
        assert_int_equal(
            run_exact(gh_base64url_decode, gh_str(refused[i]), &out),
            GH_INVALID);
        assert_int_equal(out.len, 0);
    }

    assert_int_equal(run(gh_base64url_decode, GH_STR("Zm9v\0"), &out),
                     GH_INVALID);
    assert_int_equal(run(gh_base64url_decode, GH_STR("-_-_"), &out), GH_OK);
}


static void
two_letters_make_256_values_and_never_a_second_text(void **state)
{
    (void) state;
    unsigned accepted = 0;

    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            char text[2] = { (char) (unsigned char) a,
                             (char) (unsigned char) b };
            char room[1], again[2];
            gh_buf_t out = GH_BUF(room), back = GH_BUF(again);

            if (gh_base64url_decode((gh_str_t){ text, 2 }, &out) == GH_OK) {
                accepted++;
                assert_int_equal(gh_base64url_encode(gh_buf_str(&out), &back),
                                 GH_OK);
                assert_memory_equal(again, text, 2);
            }
        }
    }

    assert_int_equal(accepted, 256);
}


static void
D35_padded_base64_takes_its_own_letters_and_padding_only(void **state)
{
    (void) state;
    static const char *const refused[] = {
        "Zg",     "Zg=",      "Zh==",   "Zm9=",  "Zm-v",
        "Zm_v",   "Zg==Zg==", "=Zg=",   "Z===",  "====",
        "Zm8=\n", "Zm8 ",     "Zg==\n", "Zm9v=", "Zm9v====",
    };
    char room[32];
    gh_buf_t out = GH_BUF(room);

    for (size_t i = 0; i < COUNT(refused); i++) {
        assert_int_equal(run_exact(gh_base64_decode, gh_str(refused[i]), &out),
                         GH_INVALID);
        assert_int_equal(out.len, 0);
    }

    assert_int_equal(run(gh_base64_decode, GH_STR("+/+/"), &out), GH_OK);
    assert_int_equal(out.len, 3);
}


static void
hex_is_read_in_either_case_and_in_pairs(void **state)
{
    (void) state;
    static const char *const refused[] = { "a",  "abc", "0x", "0g", "g0",
                                           " 0", "0 ",  "--", "@0", "`0" };
    char room[8];
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(run(gh_hex_decode, GH_STR("00fFAB9"), &out), GH_INVALID);
    assert_int_equal(run(gh_hex_decode, GH_STR("00fFAB90"), &out), GH_OK);
    assert_int_equal(out.len, 4);
    assert_memory_equal(room, "\x00\xff\xab\x90", 4);

    for (size_t i = 0; i < COUNT(refused); i++) {
        assert_int_equal(run_exact(gh_hex_decode, gh_str(refused[i]), &out),
                         GH_INVALID);
    }
}


static void
a_text_that_does_not_fit_leaves_the_buffer_as_it_was(void **state)
{
    (void) state;
    static const struct {
        coder_t coder;
        const char *in;
        size_t needs;
    } cases[] = {
        { gh_base64url_decode, "Zm9vYg", 4 },
        { gh_base64url_encode, "foob", 6 },
        { gh_base64_decode, "Zm9vYg==", 4 },
        { gh_base64_encode, "foob", 8 },
        { gh_hex_decode, "00ff", 2 },
        { gh_hex_encode, "ab", 4 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char room[16] = "x";
        gh_buf_t out = { room, 1, cases[i].needs };

        assert_int_equal(cases[i].coder(gh_str(cases[i].in), &out),
                         GH_TOO_LONG);
        assert_str(gh_buf_str(&out), "x");

        out.cap++;
        assert_int_equal(cases[i].coder(gh_str(cases[i].in), &out), GH_OK);
        assert_int_equal(out.len, out.cap);
        assert_int_equal(room[0], 'x');
    }
}


static void
what_is_wrong_is_said_before_what_does_not_fit(void **state)
{
    (void) state;
    gh_buf_t none = { NULL, 0, 0 };

    assert_int_equal(gh_base64url_decode(GH_STR("Zm9v*"), &none), GH_INVALID);
    assert_int_equal(gh_base64_decode(GH_STR("Zm9*"), &none), GH_INVALID);
    assert_int_equal(gh_hex_decode(GH_STR("0g"), &none), GH_INVALID);
    assert_int_equal(gh_base64url_decode(GH_STR("Zm9v"), &none), GH_TOO_LONG);
}


static void
nothing_becomes_nothing_even_without_room(void **state)
{
    (void) state;
    static const coder_t coders[] = {
        gh_base64url_decode, gh_base64url_encode, gh_base64_decode,
        gh_base64_encode,    gh_hex_decode,       gh_hex_encode,
    };
    gh_buf_t none = { NULL, 0, 0 };

    for (size_t i = 0; i < COUNT(coders); i++) {
        assert_int_equal(coders[i]((gh_str_t){ NULL, 0 }, &none), GH_OK);
        assert_int_equal(none.len, 0);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_and_hex_are_those_of_rfc4648),
        cmocka_unit_test(bytes_come_back_through_every_text),
        cmocka_unit_test(D22_base64url_has_one_text_per_value),
        cmocka_unit_test(two_letters_make_256_values_and_never_a_second_text),
        cmocka_unit_test(
            D35_padded_base64_takes_its_own_letters_and_padding_only),
        cmocka_unit_test(hex_is_read_in_either_case_and_in_pairs),
        cmocka_unit_test(a_text_that_does_not_fit_leaves_the_buffer_as_it_was),
        cmocka_unit_test(what_is_wrong_is_said_before_what_does_not_fit),
        cmocka_unit_test(nothing_becomes_nothing_even_without_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
