/*
 * Hashes are what their papers say.
 */

#include "gh_test.h"
#include "gh_hash.h"

#include <stdlib.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))


/* clang-format off */
static const char *const siphash_vectors[] = {
#include "vectors/siphash_appendix_a.inc"
};

static const struct {
    const char *text;
    unsigned times;
    const char *digest;
} sha256_vectors[] = {
#include "vectors/fips180_sha256.inc"
};

static const struct {
    const char *section, *key, *data, *mac;
} hmac_vectors[] = {
#include "vectors/rfc4231_section_4.inc"
};

static const struct {
    const char *test, *key, *salt, *info, *result;
} hkdf_vectors[] = {
#include "vectors/rfc5869_appendix_a.inc"
};
/* clang-format on */


static void
siphash_is_the_papers_for_every_length(void **state)
{
    (void) state;
    char message[64];
    gh_sipkey_t key = { UINT64_C(0x0706050403020100),
                        UINT64_C(0x0f0e0d0c0b0a0908) };

    assert_int_equal(COUNT(siphash_vectors), sizeof(message));

    for (size_t n = 0; n < COUNT(siphash_vectors); n++) {
        char room[8];
        gh_buf_t b = GH_BUF(room);
        gh_str_t bytes = gh_test_hex(siphash_vectors[n], &b);
        uint64_t expected = 0;

        for (size_t i = 8; i-- > 0;) {
            expected = expected << 8 | (unsigned char) bytes.data[i];
        }

        assert_true(gh_siphash(&key, (gh_str_t){ message, n }) == expected);
        message[n] = (char) n;
    }
}


static void
siphash_of_128_bits_is_that_of_its_authors(void **state)
{
    (void) state;
    static const struct {
        size_t len;
        const char *hash;
    } vectors[] = {
        { 0, "a3817f04ba25a8e66df67214c7550293" },
        { 1, "da87c1d86b99af44347659119b22fc45" },
        { 8, "3b62a9ba6258f5610f83e264f31497b4" },
        { 15, "5493e99933b0a8117e08ec0f97cfc3d9" },
        { 63, "5150d1772f50834a503e069a973fbd7c" },
    };
    char message[64];
    gh_sipkey_t key = { UINT64_C(0x0706050403020100),
                        UINT64_C(0x0f0e0d0c0b0a0908) };

    for (size_t i = 0; i < sizeof(message); i++) {
        message[i] = (char) i;
    }

    for (size_t i = 0; i < COUNT(vectors); i++) {
        char room[16];
        gh_buf_t b = GH_BUF(room);
        gh_str_t bytes = gh_test_hex(vectors[i].hash, &b);
        uint64_t got[2];

        gh_siphash_128(&key, (gh_str_t){ message, vectors[i].len }, got);

        for (size_t n = 0; n < bytes.len; n++) {
            assert_int_equal((uint8_t) (got[n / 8] >> (8 * (n % 8))),
                             (uint8_t) bytes.data[n]);
        }
    }
}


static void
siphash_depends_on_every_bit_of_the_key(void **state)
{
    (void) state;
    gh_sipkey_t key = { 1, 2 };
    uint64_t before = gh_siphash(&key, GH_STR("acme"));

    for (unsigned bit = 0; bit < 64; bit++) {
        gh_sipkey_t a = { key.k0 ^ UINT64_C(1) << bit, key.k1 };
        gh_sipkey_t b = { key.k0, key.k1 ^ UINT64_C(1) << bit };

        assert_true(gh_siphash(&a, GH_STR("acme")) != before);
        assert_true(gh_siphash(&b, GH_STR("acme")) != before);
    }
}


static void
sha256_is_that_of_fips180(void **state)
{
    (void) state;

    for (size_t i = 0; i < COUNT(sha256_vectors); i++) {
        size_t len = strlen(sha256_vectors[i].text);
        size_t all = len * sha256_vectors[i].times;
        char *message = malloc(all + 1);
        char room[GH_SHA256_LEN];
        gh_buf_t b = GH_BUF(room);
        gh_str_t expected = gh_test_hex(sha256_vectors[i].digest, &b);
        uint8_t got[GH_SHA256_LEN];

        assert_non_null(message);
        for (size_t n = 0; n < sha256_vectors[i].times; n++) {
            memcpy(message + n * len, sha256_vectors[i].text, len);
        }

        gh_sha256((gh_str_t){ message, all }, got);
        assert_memory_equal(got, expected.data, sizeof(got));
        free(message);
    }
}


static void
hmac_is_that_of_rfc4231(void **state)
{
    (void) state;

    for (size_t i = 0; i < COUNT(hmac_vectors); i++) {
        char room[512];
        gh_buf_t b = GH_BUF(room);
        gh_str_t key = gh_test_hex(hmac_vectors[i].key, &b);
        gh_str_t data = gh_test_hex(hmac_vectors[i].data, &b);
        gh_str_t expected = gh_test_hex(hmac_vectors[i].mac, &b);
        uint8_t got[GH_SHA256_LEN];

        gh_hmac_sha256(key, data, got);
        assert_memory_equal(got, expected.data, sizeof(got));
    }
}


static void
hmac_hashes_a_key_only_when_it_is_longer_than_a_block(void **state)
{
    (void) state;
    char key[65];
    uint8_t hashed[GH_SHA256_LEN], a[GH_SHA256_LEN], b[GH_SHA256_LEN];

    memset(key, 'k', sizeof(key));

    for (size_t len = 64; len <= 65; len++) {
        gh_str_t whole = { key, len };

        gh_sha256(whole, hashed);
        gh_hmac_sha256(whole, GH_STR("m"), a);
        gh_hmac_sha256((gh_str_t){ (char *) hashed, sizeof(hashed) },
                       GH_STR("m"), b);
        assert_int_equal(memcmp(a, b, sizeof(a)) == 0, len == 65);
    }
}


static void
hkdf_is_that_of_rfc5869(void **state)
{
    (void) state;

    for (size_t i = 0; i < COUNT(hkdf_vectors); i++) {
        char room[512];
        uint8_t got[82];
        gh_buf_t b = GH_BUF(room);
        gh_str_t key = gh_test_hex(hkdf_vectors[i].key, &b);
        gh_str_t salt = gh_test_hex(hkdf_vectors[i].salt, &b);
        gh_str_t info = gh_test_hex(hkdf_vectors[i].info, &b);
        gh_str_t expected = gh_test_hex(hkdf_vectors[i].result, &b);

        assert_true(expected.len <= sizeof(got));
        assert_int_equal(gh_hkdf_sha256(salt, key, info, got, expected.len),
                         GH_OK);
        assert_memory_equal(got, expected.data, expected.len);
    }
}


static void
hkdf_of_any_length_is_the_start_of_a_longer_one(void **state)
{
    (void) state;
    gh_str_t one_byte = GH_STR("k"), none = { NULL, 0 };
    uint8_t whole[96], part[96], keyless[96];

    assert_int_equal(gh_hkdf_sha256(none, none, none, keyless, 96), GH_OK);
    assert_int_equal(gh_hkdf_sha256(one_byte, none, none, whole, 96), GH_OK);
    assert_memory_not_equal(whole, keyless, sizeof(whole));

    for (size_t n = 0; n <= sizeof(whole); n++) {
        memset(part, 0xa5, sizeof(part));
        assert_int_equal(gh_hkdf_sha256(one_byte, none, none, part, n), GH_OK);
        assert_memory_equal(part, whole, n);
        assert_true(n == sizeof(part) || part[n] == 0xa5);
    }
}


static void
hkdf_ends_where_its_counter_does(void **state)
{
    (void) state;
    size_t most = 255 * 32;
    uint8_t *out = malloc(most);
    gh_str_t key = GH_STR("key"), none = { NULL, 0 };

    assert_non_null(out);
    assert_int_equal(gh_hkdf_sha256(none, key, none, out, most), GH_OK);
    assert_int_equal(gh_hkdf_sha256(none, key, none, out, most + 1),
                     GH_TOO_LONG);
    assert_int_equal(gh_hkdf_sha256(none, key, none, out, 0), GH_OK);
    free(out);
}


static void
secrets_are_equal_only_if_every_byte_is(void **state)
{
    (void) state;
    uint8_t a[67] = { 0 }, b[67] = { 0 };

    assert_true(gh_equal_secret(a, b, sizeof(a)));
    assert_true(gh_equal_secret(a, b, 0));

    for (size_t i = 0; i < sizeof(a); i++) {
        b[i] = 128;

        for (size_t len = 0; len <= sizeof(a); len++) {
            assert_int_equal(gh_equal_secret(a, b, len), len <= i);
        }

        b[i] = 0;
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_is_the_papers_for_every_length),
        cmocka_unit_test(siphash_of_128_bits_is_that_of_its_authors),
        cmocka_unit_test(siphash_depends_on_every_bit_of_the_key),
        cmocka_unit_test(sha256_is_that_of_fips180),
        cmocka_unit_test(hmac_is_that_of_rfc4231),
        cmocka_unit_test(
            hmac_hashes_a_key_only_when_it_is_longer_than_a_block),
        cmocka_unit_test(hkdf_is_that_of_rfc5869),
        cmocka_unit_test(hkdf_of_any_length_is_the_start_of_a_longer_one),
        cmocka_unit_test(hkdf_ends_where_its_counter_does),
        cmocka_unit_test(secrets_are_equal_only_if_every_byte_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
