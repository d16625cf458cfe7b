/*
 * The root key: what may be one, what comes of it, and that nothing opens
 * which was not sealed here for that very name.
 */

#include "gh_test.h"
#include "gh_bytes.h"
#include "gh_secret.h"

#include <stdlib.h>
#include <openssl/err.h>

#define ROOT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER                                                                 \
    "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"


static const uint8_t nonce[12] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
static const gh_str_t name = { "session/42", 10 };


static gh_secret_t
secret_of(const char *first, const char *second)
{
    gh_secret_t s = { 0 };

    assert_int_equal(gh_secret_add(&s, gh_str(first)), GH_OK);
    if (second != NULL) {
        assert_int_equal(gh_secret_add(&s, gh_str(second)), GH_OK);
    }

    return s;
}


static gh_str_t
seal(const gh_secret_t *s, gh_str_t plain, gh_buf_t *out)
{
    size_t before = out->len;

    assert_int_equal(
        gh_secret_seal(s, GH_PURPOSE_SESSION, name, nonce, plain, out), GH_OK);
    assert_int_equal(out->len - before, GH_SEAL_OVERHEAD + plain.len);

    return (gh_str_t){ out->data + before, out->len - before };
}


static gh_rc_t
open_session(const gh_secret_t *s, gh_str_t sealed, gh_buf_t *out)
{
    out->len = 0;
    return gh_secret_open(s, GH_PURPOSE_SESSION, name, sealed, out);
}


static void
F6_a_root_key_must_carry_256_bits(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        size_t len;
        gh_rc_t rc;
    } cases[] = {
        { "", 0, GH_INVALID },
        { " \r\n\t ", 5, GH_INVALID },
        { "changeme", 8, GH_INVALID },
        { ROOT, 64, GH_OK },
        { ROOT, 63, GH_INVALID },
        { ROOT "\n", 65, GH_OK },
        { "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg", 43, GH_OK },
        { "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef-", 42, GH_INVALID },
        { "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZa+/defg=", 44, GH_OK },
        { "0123456789ABCDEFGHIJKLMNOPQRST+/", 32, GH_INVALID },
        { "0123456789 BCDEFGHIJKLMNOPQRSTUV", 32, GH_OK },
        { "0123456789 BCDEFGHIJKLMNOPQRSTU", 31, GH_INVALID },
        { "~123456789 BCDEFGHIJKLMNOPQRSTU\n", 32, GH_INVALID },
        { "\n123456789\xff"
          "BCDEFGHIJKLMNOPQRSTUV",
          32, GH_OK },
        { "0123456789\0BCDEFGHIJKLMNOPQRST\t\n", 32, GH_OK },
        { "0123456789\0BCDEFGHIJKLMNOPQRST\t", 31, GH_INVALID },
        { "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
          "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
          64, GH_INVALID },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        gh_secret_t s = { 0 };
        gh_str_t text = { cases[i].text, cases[i].len };
        char *exact = gh_test_exact(text);

        text.data = exact;
        assert_int_equal(gh_secret_add(&s, text), cases[i].rc);
        free(exact);
        assert_int_equal(s.n, cases[i].rc == GH_OK);
    }
}


static void
a_newline_at_the_end_of_the_file_makes_no_other_key(void **state)
{
    (void) state;
    gh_secret_t a = secret_of(ROOT, NULL);
    gh_secret_t b = secret_of("\t " ROOT " \r\n", NULL);

    assert_memory_equal(&a, &b, sizeof(a));
}


static void
a_file_of_raw_bytes_is_taken_whole(void **state)
{
    (void) state;
    gh_secret_t a = { 0 }, b = { 0 };
    gh_str_t raw = GH_STR("\x80"
                          "0123456789abcdefghijklmnopqrstuvwxyz\n");

    assert_int_equal(gh_secret_add(&a, raw), GH_OK);
    raw.len--;
    assert_int_equal(gh_secret_add(&b, raw), GH_OK);
    assert_memory_not_equal(&a, &b, sizeof(a));
}


static void
four_root_keys_are_enough(void **state)
{
    (void) state;
    gh_secret_t s = { 0 };

    for (unsigned i = 0; i < GH_SECRET_KEYS_MAX; i++) {
        assert_int_equal(gh_secret_add(&s, GH_STR(ROOT)), GH_OK);
    }

    assert_int_equal(gh_secret_add(&s, GH_STR(OTHER)), GH_FULL);
    assert_int_equal(s.n, GH_SECRET_KEYS_MAX);
}


static void
every_purpose_has_keys_of_its_own(void **state)
{
    (void) state;
    gh_secret_t s = secret_of(ROOT, NULL);
    const gh_hmac_key_t *all[2 * GH_PURPOSE_COUNT];

    for (unsigned i = 0; i < GH_PURPOSE_COUNT; i++) {
        all[2 * i] = &s.keys[0].mac[i];
        all[2 * i + 1] = &s.keys[0].seal[i];
    }

    for (unsigned i = 0; i < 2 * GH_PURPOSE_COUNT; i++) {
        for (unsigned j = 0; j < i; j++) {
            assert_memory_not_equal(all[i], all[j], sizeof(*all[i]));
        }
    }
}


/* Made with Python's hmac and cryptography: what is stored must stay. */
static void
sealed_values_and_macs_are_the_same_in_every_release(void **state)
{
    (void) state;
    gh_secret_t s = secret_of(ROOT, NULL);
    char room[128], vector_room[128], fingerprint[17];
    gh_buf_t out = GH_BUF(room), vectors = GH_BUF(vector_room);
    gh_str_t sealed = gh_test_hex("010f90e6b1000102030405060708090a0b74aaccd9"
                                  "fb185333b69f4b4b993a7adeecacc51b7511ae5795"
                                  "2e682a",
                                  &vectors);
    gh_str_t mac = gh_test_hex("575dc84c249fba17f898eb277a32113b"
                               "5f02b252c514fe7883d0bba007258203",
                               &vectors);
    uint8_t got[GH_SHA256_LEN];

    assert_true(gh_str_eq(seal(&s, GH_STR("hello, world"), &out), sealed));

    assert_int_equal(
        gh_secret_mac(&s, 0, GH_PURPOSE_API_KEY, GH_STR("gh_abcd_x"), got),
        GH_OK);
    assert_memory_equal(got, mac.data, sizeof(got));

    gh_secret_fingerprint(&s, fingerprint);
    assert_string_equal(fingerprint, "76e1c0aaf8942eb7");
}


static void
who_sealed_it_is_told_without_a_key(void **state)
{
    (void) state;
    gh_secret_t s = secret_of(ROOT, NULL);
    char room[200];
    gh_buf_t sealed = GH_BUF(room);
    gh_str_t whole;

    whole = seal(&s, GH_STR("top secret"), &sealed);
    assert_int_equal(gh_secret_sealed_by(whole), s.keys[0].id);

    assert_int_equal(
        gh_secret_sealed_by((gh_str_t){ whole.data, GH_SEAL_OVERHEAD - 1 }),
        0);
    assert_int_equal(gh_secret_sealed_by((gh_str_t){ NULL, 0 }), 0);
    room[0]++; /* another version */
    assert_int_equal(gh_secret_sealed_by(whole), 0);

    gh_secret_clear(&s);
}


static void
what_was_sealed_opens(void **state)
{
    (void) state;
    gh_secret_t s = secret_of(ROOT, NULL);
    char long_text[1000], sealed_room[1100], plain_room[1000];
    gh_buf_t sealed = GH_BUF(sealed_room), plain = GH_BUF(plain_room);

    memset(long_text, 'p', sizeof(long_text));

    for (size_t n = 0; n <= sizeof(long_text); n += n < 4 ? 1 : 83) {
        gh_str_t text = { n == 0 ? NULL : long_text, n };

        sealed.len = 0;
        assert_int_equal(open_session(&s, seal(&s, text, &sealed), &plain),
                         GH_OK);
        assert_true(gh_str_eq(gh_buf_str(&plain), text));
    }
}


static void
nothing_opens_into_no_room(void **state)
{
    (void) state;
    gh_secret_t s = secret_of(ROOT, NULL);
    char room[64];
    gh_buf_t sealed = GH_BUF(room), none = { NULL, 0, 0 };

    assert_int_equal(
        open_session(&s, seal(&s, (gh_str_t){ NULL, 0 }, &sealed), &none),
        GH_OK);
    assert_int_equal(none.len, 0);
}


static void
every_changed_bit_is_refused_and_leaves_no_text_behind(void **state)
{
    (void) state;
    gh_secret_t s = secret_of(ROOT, NULL);
    char room[64], plain_room[16];
    gh_buf_t sealed = GH_BUF(room), plain = GH_BUF(plain_room);
    gh_str_t whole = seal(&s, GH_STR("top secret"), &sealed);

    for (size_t bit = 0; bit < whole.len * 8; bit++) {
        memset(plain_room, 0, sizeof(plain_room));
        room[bit / 8] = (char) (room[bit / 8] ^ 1 << bit % 8);

        assert_int_equal(open_session(&s, whole, &plain), GH_DENIED);
        assert_int_equal(plain.len, 0);
        for (size_t i = 0; i < sizeof(plain_room); i++) {
            assert_int_equal(plain_room[i], 0);
        }

        room[bit / 8] = (char) (room[bit / 8] ^ 1 << bit % 8);
    }

    assert_int_equal(open_session(&s, whole, &plain), GH_OK);
}


static void
what_is_cut_short_is_refused(void **state)
{
    (void) state;
    gh_secret_t s = secret_of(ROOT, NULL);
    char room[64], plain_room[16];
    gh_buf_t sealed = GH_BUF(room), plain = GH_BUF(plain_room);
    gh_str_t whole = seal(&s, GH_STR("top secret"), &sealed);

    for (size_t n = 0; n < whole.len; n++) {
        char *exact = gh_test_exact((gh_str_t){ whole.data, n });

        assert_int_equal(open_session(&s, (gh_str_t){ exact, n }, &plain),
                         GH_DENIED);
        free(exact);
    }
}


static void
a_value_moved_to_another_name_or_purpose_does_not_open(void **state)
{
    (void) state;
    gh_secret_t s = secret_of(ROOT, NULL);
    char room[64], plain_room[16];
    gh_buf_t sealed = GH_BUF(room), plain = GH_BUF(plain_room);
    gh_str_t whole = seal(&s, GH_STR("alice"), &sealed);

    assert_int_equal(gh_secret_open(&s, GH_PURPOSE_SESSION,
                                    GH_STR("session/43"), whole, &plain),
                     GH_DENIED);
    assert_int_equal(gh_secret_open(&s, GH_PURPOSE_SESSION,
                                    GH_STR("session/4"), whole, &plain),
                     GH_DENIED);
    assert_int_equal(
        gh_secret_open(&s, GH_PURPOSE_SESSION, GH_STR(""), whole, &plain),
        GH_DENIED);
    assert_int_equal(gh_secret_open(&s, GH_PURPOSE_KEYS, name, whole, &plain),
                     GH_DENIED);
    assert_int_equal(gh_secret_open(&s, GH_PURPOSE_COUNT, name, whole, &plain),
                     GH_DENIED);
}


static void
the_first_key_seals_and_all_of_them_open(void **state)
{
    (void) state;
    gh_secret_t old = secret_of(OTHER, NULL);
    gh_secret_t both = secret_of(ROOT, OTHER);
    gh_secret_t new = secret_of(ROOT, NULL);
    char room[128], plain_room[16];
    gh_buf_t sealed = GH_BUF(room), plain = GH_BUF(plain_room);
    gh_str_t before = seal(&old, GH_STR("alice"), &sealed);
    gh_str_t after = seal(&both, GH_STR("bob"), &sealed);

    assert_int_equal(open_session(&both, before, &plain), GH_OK);
    assert_str(gh_buf_str(&plain), "alice");
    assert_int_equal(open_session(&new, after, &plain), GH_OK);
    assert_str(gh_buf_str(&plain), "bob");
    assert_int_equal(open_session(&new, before, &plain), GH_DENIED);
    assert_int_equal(open_session(&old, after, &plain), GH_DENIED);
}


static void
two_keys_with_one_id_are_both_tried(void **state)
{
    (void) state;
    gh_secret_t old = secret_of(OTHER, NULL);
    gh_secret_t both = secret_of(ROOT, OTHER);
    char room[128], plain_room[16];
    gh_buf_t sealed = GH_BUF(room), plain = GH_BUF(plain_room);

    old.keys[0].id = both.keys[0].id;
    both.keys[1].id = both.keys[0].id;

    assert_int_equal(
        open_session(&both, seal(&old, GH_STR("alice"), &sealed), &plain),
        GH_OK);
}


/* Room for a key is not a key: zeros there must open nothing. */
static void
keys_that_were_never_added_open_nothing(void **state)
{
    (void) state;
    gh_secret_t s = secret_of(ROOT, NULL), zero = { 0 };
    char room[64], plain_room[16];
    gh_buf_t sealed = GH_BUF(room), plain = GH_BUF(plain_room);

    zero.n = 1;

    gh_str_t forged = seal(&zero, GH_STR("admin"), &sealed);

    assert_int_equal(open_session(&zero, forged, &plain), GH_OK);
    assert_int_equal(open_session(&s, forged, &plain), GH_DENIED);
    assert_false(gh_secret_knows(&s, GH_STR("0000000000000000")));
}


static void
values_are_appended_to_what_is_there(void **state)
{
    (void) state;
    gh_secret_t s = secret_of(ROOT, NULL);
    char room[1 + GH_SEAL_OVERHEAD + 5] = "x", plain_room[6] = "y";
    gh_buf_t sealed = { room, 1, sizeof(room) - 1 };
    gh_buf_t plain = { plain_room, 1, sizeof(plain_room) - 1 };
    gh_str_t alice = GH_STR("alice"), none = { NULL, 0 };

    assert_int_equal(
        gh_secret_seal(&s, GH_PURPOSE_KEYS, none, nonce, alice, &sealed),
        GH_TOO_LONG);
    sealed.cap++;
    assert_int_equal(
        gh_secret_seal(&s, GH_PURPOSE_KEYS, none, nonce, alice, &sealed),
        GH_OK);
    assert_int_equal(room[0], 'x');
    assert_int_equal(sealed.len, sealed.cap);

    gh_str_t value = { room + 1, sealed.len - 1 };

    assert_int_equal(gh_secret_open(&s, GH_PURPOSE_KEYS, none, value, &plain),
                     GH_TOO_LONG);
    plain.cap++;
    assert_int_equal(gh_secret_open(&s, GH_PURPOSE_KEYS, none, value, &plain),
                     GH_OK);
    assert_str(gh_buf_str(&plain), "yalice");
}


static void
a_buffer_with_less_room_than_the_overhead_takes_nothing(void **state)
{
    (void) state;
    gh_secret_t s = secret_of(ROOT, NULL);
    char room[GH_SEAL_OVERHEAD + 10];
    gh_buf_t sealed = { room, 20, sizeof(room) };

    assert_int_equal(
        gh_secret_seal(&s, GH_PURPOSE_KEYS, name, nonce, GH_STR(""), &sealed),
        GH_TOO_LONG);
    assert_int_equal(sealed.len, 20);

    sealed.len = 10;
    assert_int_equal(
        gh_secret_seal(&s, GH_PURPOSE_KEYS, name, nonce, GH_STR(""), &sealed),
        GH_OK);
}


static void
nodes_know_each_other_while_keys_rotate(void **state)
{
    (void) state;
    gh_secret_t old = secret_of(OTHER, NULL);
    gh_secret_t both = secret_of(ROOT, OTHER);
    gh_secret_t none = { 0 };
    char a[17], b[17], empty[17];

    gh_secret_fingerprint(&old, a);
    gh_secret_fingerprint(&both, b);
    gh_secret_fingerprint(&none, empty);

    assert_string_not_equal(a, b);
    assert_string_equal(empty, "");
    assert_true(gh_secret_knows(&both, gh_str(a)));
    assert_true(gh_secret_knows(&both, gh_str(b)));
    assert_false(gh_secret_knows(&old, gh_str(b)));
    assert_false(gh_secret_knows(&none, gh_str(a)));
    assert_false(gh_secret_knows(&both, GH_STR("")));
    assert_false(gh_secret_knows(&both, GH_STR("0123456789abcde")));
}


static void
sealing_needs_a_key_and_room(void **state)
{
    (void) state;
    gh_secret_t s = secret_of(ROOT, NULL), none = { 0 };
    char room[GH_SEAL_OVERHEAD + 4];
    gh_buf_t out = GH_BUF(room);
    uint8_t mac[GH_SHA256_LEN];

    assert_int_equal(gh_secret_seal(&none, GH_PURPOSE_SESSION, name, nonce,
                                    GH_STR("abcd"), &out),
                     GH_ABSENT);
    assert_int_equal(gh_secret_mac(&none, 0, GH_PURPOSE_SESSION, name, mac),
                     GH_ABSENT);
    assert_int_equal(gh_secret_mac(&s, 1, GH_PURPOSE_SESSION, name, mac),
                     GH_ABSENT);
    assert_int_equal(gh_secret_mac(&s, 0, GH_PURPOSE_COUNT, name, mac),
                     GH_INVALID);
    assert_int_equal(gh_secret_seal(&s, GH_PURPOSE_COUNT, name, nonce,
                                    GH_STR("abcd"), &out),
                     GH_INVALID);
    assert_int_equal(gh_secret_seal(&s, GH_PURPOSE_SESSION, name, nonce,
                                    GH_STR("abcde"), &out),
                     GH_TOO_LONG);
    assert_int_equal(out.len, 0);
    assert_int_equal(gh_secret_seal(&s, GH_PURPOSE_SESSION, name, nonce,
                                    GH_STR("abcd"), &out),
                     GH_OK);
}


static void
opening_needs_room_for_the_text(void **state)
{
    (void) state;
    gh_secret_t s = secret_of(ROOT, NULL);
    char room[64], small[4];
    gh_buf_t sealed = GH_BUF(room), plain = GH_BUF(small);

    assert_int_equal(
        open_session(&s, seal(&s, GH_STR("alice"), &sealed), &plain),
        GH_TOO_LONG);
    assert_int_equal(plain.len, 0);
}


/* nginx would blame the next TLS connection for what is left there. */
static void
a_refused_value_leaves_openssl_no_error_behind(void **state)
{
    (void) state;
    gh_secret_t s = secret_of(ROOT, NULL);
    char room[64], plain_room[16];
    gh_buf_t sealed = GH_BUF(room), plain = GH_BUF(plain_room);
    gh_str_t whole = seal(&s, GH_STR("alice"), &sealed);

    room[20] = (char) (room[20] ^ 1);
    assert_int_equal(open_session(&s, whole, &plain), GH_DENIED);
    assert_int_equal(ERR_peek_error(), 0);
}


static void
clearing_leaves_nothing(void **state)
{
    (void) state;
    gh_secret_t s = secret_of(ROOT, OTHER), zero;

    memset(&zero, 0, sizeof(zero));
    gh_secret_clear(&s);
    assert_memory_equal(&s, &zero, sizeof(s));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(F6_a_root_key_must_carry_256_bits),
        cmocka_unit_test(a_newline_at_the_end_of_the_file_makes_no_other_key),
        cmocka_unit_test(a_file_of_raw_bytes_is_taken_whole),
        cmocka_unit_test(four_root_keys_are_enough),
        cmocka_unit_test(every_purpose_has_keys_of_its_own),
        cmocka_unit_test(sealed_values_and_macs_are_the_same_in_every_release),
        cmocka_unit_test(who_sealed_it_is_told_without_a_key),
        cmocka_unit_test(what_was_sealed_opens),
        cmocka_unit_test(nothing_opens_into_no_room),
        cmocka_unit_test(
            every_changed_bit_is_refused_and_leaves_no_text_behind),
        cmocka_unit_test(what_is_cut_short_is_refused),
        cmocka_unit_test(
            a_value_moved_to_another_name_or_purpose_does_not_open),
        cmocka_unit_test(the_first_key_seals_and_all_of_them_open),
        cmocka_unit_test(two_keys_with_one_id_are_both_tried),
        cmocka_unit_test(keys_that_were_never_added_open_nothing),
        cmocka_unit_test(values_are_appended_to_what_is_there),
        cmocka_unit_test(
            a_buffer_with_less_room_than_the_overhead_takes_nothing),
        cmocka_unit_test(nodes_know_each_other_while_keys_rotate),
        cmocka_unit_test(sealing_needs_a_key_and_room),
        cmocka_unit_test(opening_needs_room_for_the_text),
        cmocka_unit_test(a_refused_value_leaves_openssl_no_error_behind),
        cmocka_unit_test(clearing_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
