/*
 * Which keys of a set are usable and what each allows (THREATS 1.D): keys
 * that are weak, costly, malformed or for something else are ignored.
 */

#include "gh_test_jwt.h"

#include "gh_bytes.h"

#include <openssl/bn.h>
#include <openssl/err.h>

#define RSA_ALGS                                                              \
    (1u << GH_ALG_RS256 | 1u << GH_ALG_RS384 | 1u << GH_ALG_RS512             \
     | 1u << GH_ALG_PS256 | 1u << GH_ALG_PS384 | 1u << GH_ALG_PS512)


/* Parses {"keys":[json_keys]} for its result alone. */
static gh_rc_t
parse_keys(const char *json_keys, unsigned *skipped)
{
    gh_str_t text = gh_test_text("{\"keys\":[%s]}", json_keys);
    gh_jwks_t *set = NULL;
    gh_rc_t rc = gh_jwks_parse(text, gh_alloc_libc(), &set, skipped);

    assert_true((rc == GH_OK) == (set != NULL));
    assert_int_equal(ERR_peek_error(), 0);
    gh_jwks_destroy(set);
    return rc;
}


#define assert_usable(json) assert_int_equal(parse_keys(json, NULL), GH_OK)
#define assert_ignored(json)                                                  \
    assert_int_equal(parse_keys(json, NULL), GH_ABSENT)


/* The member's value of a key's JSON, between its quotes. */
static gh_str_t
value_of(const char *jwk, const char *name)
{
    const char *at = strstr(jwk, gh_test_text("\"%s\":\"", name).data);

    assert_non_null(at);
    at += strlen(name) + 4;
    return gh_test_text("%.*s", (int) strcspn(at, "\""), at);
}


/* jwk with something more, for example ",\"use\":\"enc\"" */
static const char *
with(const char *jwk, const char *more)
{
    return gh_test_text("%.*s%s}", (int) strlen(jwk) - 1, jwk, more).data;
}


/* A key's JSON without "use", so that a story can say another one. */
static const char *
plain_ec(void)
{
    const char *jwk = gh_test_jwk(gh_test_key(GH_ALG_ES256), GH_ALG_NONE, "");

    return gh_test_text("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\","
                        "\"y\":\"%s\"}",
                        value_of(jwk, "x").data, value_of(jwk, "y").data)
        .data;
}


static gh_str_t
base64url_of(const BIGNUM *n)
{
    char bytes[4096];
    int len = BN_bn2bin(n, (unsigned char *) bytes);

    return gh_test_base64url((gh_str_t){ bytes, (size_t) len });
}


/* An RSA key with a modulus of so many bits and e = 2^k + add. */
static const char *
rsa_jwk(int bits, int k, unsigned add)
{
    BIGNUM *n = BN_new(), *e = BN_new();

    assert_int_equal(BN_rand(n, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD), 1);
    assert_int_equal(k < 0 || BN_set_bit(e, k), 1);
    assert_int_equal(BN_add_word(e, add), 1);

    gh_str_t n64 = base64url_of(n), e64 = base64url_of(e);
    const char *jwk =
        gh_test_text("{\"kty\":\"RSA\",\"n\":\"%.*s\",\"e\":\"%.*s\"}",
                     (int) n64.len, n64.data, (int) e64.len, e64.data)
            .data;

    BN_free(n);
    BN_free(e);
    return jwk;
}


static void
every_kind_of_key_allows_what_its_type_does(void **state)
{
    static const struct {
        gh_alg_t alg;
        gh_algs_t allowed;
    } cases[] = {
        { GH_ALG_RS256, RSA_ALGS },
        { GH_ALG_ES256, 1u << GH_ALG_ES256 },
        { GH_ALG_ES384, 1u << GH_ALG_ES384 },
        { GH_ALG_ES512, 1u << GH_ALG_ES512 },
        { GH_ALG_EDDSA, 1u << GH_ALG_EDDSA },
    };
    (void) state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gh_jwks_t *set = gh_test_jwks_of(cases[i].alg, "k1");

        assert_int_equal(gh_jwks_count(set), 1);
        assert_int_equal(gh_jwks_at(set, 0)->algs, cases[i].allowed);
        assert_str(gh_jwks_at(set, 0)->kid, "k1");
        assert_int_equal(
            EVP_PKEY_eq(gh_jwks_at(set, 0)->pkey, gh_test_key(cases[i].alg)),
            1);
        assert_null(gh_jwks_at(set, 1));
        gh_jwks_destroy(set);
    }
}


static void
a_key_that_says_its_algorithm_allows_no_other(void **state)
{
    (void) state;
    EVP_PKEY *rsa = gh_test_key(GH_ALG_RS256);
    gh_jwks_t *set = gh_test_jwks(gh_test_jwk(rsa, GH_ALG_PS384, ""));

    assert_int_equal(gh_jwks_at(set, 0)->algs, 1u << GH_ALG_PS384);
    assert_int_equal(gh_jwk_signature_len(gh_jwks_at(set, 0), GH_ALG_PS384),
                     256);
    assert_int_equal(gh_jwk_signature_len(gh_jwks_at(set, 0), GH_ALG_RS256),
                     0);
    gh_jwks_destroy(set);
}


static void
a_key_whose_algorithm_is_not_its_types_is_ignored(void **state)
{
    (void) state;

    assert_ignored(with(plain_ec(), ",\"alg\":\"RS256\""));
    assert_ignored(with(plain_ec(), ",\"alg\":\"ES384\""));
    assert_ignored(with(plain_ec(), ",\"alg\":\"HS256\""));
    assert_ignored(with(plain_ec(), ",\"alg\":\"none\""));
    assert_ignored(with(plain_ec(), ",\"alg\":\"\""));
    assert_ignored(with(plain_ec(), ",\"alg\":null"));
    assert_ignored(with(plain_ec(), ",\"alg\":[\"ES256\"]"));
    assert_usable(with(plain_ec(), ",\"alg\":\"ES256\""));
}


static void
use_and_key_ops_are_honoured(void **state)
{
    (void) state;

    assert_usable(plain_ec());
    assert_usable(with(plain_ec(), ",\"use\":\"sig\""));
    assert_ignored(with(plain_ec(), ",\"use\":\"enc\""));
    assert_ignored(with(plain_ec(), ",\"use\":\"SIG\""));
    assert_ignored(with(plain_ec(), ",\"use\":1"));
    assert_usable(with(plain_ec(), ",\"key_ops\":[\"verify\"]"));
    assert_usable(with(plain_ec(), ",\"key_ops\":[\"sign\",\"verify\"]"));
    assert_ignored(with(plain_ec(), ",\"key_ops\":[\"sign\"]"));
    assert_ignored(with(plain_ec(), ",\"key_ops\":[]"));
    assert_ignored(with(plain_ec(), ",\"key_ops\":\"verify\""));
    assert_ignored(with(plain_ec(), ",\"key_ops\":[1,null,{}]"));
    assert_ignored(
        with(plain_ec(), ",\"use\":\"enc\",\"key_ops\":[\"verify\"]"));
}


static void
a_kid_is_a_string_of_bounded_length(void **state)
{
    char kid[GH_KID_MAX + 2];
    (void) state;

    assert_ignored(with(plain_ec(), ",\"kid\":7"));
    assert_ignored(with(plain_ec(), ",\"kid\":null"));
    assert_usable(with(plain_ec(), ",\"kid\":\"\""));

    memset(kid, 'k', sizeof(kid));
    kid[GH_KID_MAX] = '\0';
    assert_usable(with(plain_ec(), gh_test_text(",\"kid\":\"%s\"", kid).data));

    kid[GH_KID_MAX] = 'k';
    kid[GH_KID_MAX + 1] = '\0';
    assert_ignored(
        with(plain_ec(), gh_test_text(",\"kid\":\"%s\"", kid).data));
}


static void
a_private_key_in_a_set_is_ignored(void **state)
{
    static const char *const parts[] = { "d",  "p",  "q",   "dp",
                                         "dq", "qi", "oth", "k" };
    (void) state;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        assert_ignored(
            with(plain_ec(), gh_test_text(",\"%s\":\"AQAB\"", parts[i]).data));
    }
}


static void
d13_a_point_beside_its_curve_is_ignored(void **state)
{
    (void) state;
    const char *jwk = gh_test_jwk(gh_test_key(GH_ALG_ES256), GH_ALG_NONE, "");
    gh_str_t x = value_of(jwk, "x"), y = value_of(jwk, "y");
    char zeros[44], p256[] = "_____wAAAAEAAAAAAAAAAAAAAAD_______________8";

    static const char format[] = "{\"kty\":\"EC\",\"crv\":\"%s\","
                                 "\"x\":\"%s\",\"y\":\"%s\"}";
    const char *crv = "P-256";

    memset(zeros, 'A', 43);
    zeros[43] = '\0';

    assert_usable(gh_test_text(format, crv, x.data, y.data).data);
    assert_ignored(gh_test_text(format, crv, y.data, x.data).data);
    assert_ignored(gh_test_text(format, crv, x.data, x.data).data);
    assert_ignored(gh_test_text(format, crv, zeros, zeros).data);
    assert_ignored(gh_test_text(format, crv, zeros, y.data).data);
    assert_ignored(gh_test_text(format, crv, p256, y.data).data);
}


static void
d13_a_coordinate_of_another_length_is_ignored(void **state)
{
    (void) state;
    const char *jwk = gh_test_jwk(gh_test_key(GH_ALG_ES256), GH_ALG_NONE, "");
    gh_str_t x = value_of(jwk, "x"), y = value_of(jwk, "y");
    char bytes[66] = { 0 };
    gh_buf_t room = { bytes + 1, 0, 64 };

    static const char format[] = "{\"kty\":\"EC\",\"crv\":\"P-256\","
                                 "\"x\":\"%.*s\",\"y\":\"%.*s\"}";

    assert_int_equal(gh_base64url_decode(x, &room), GH_OK);
    assert_int_equal(gh_base64url_decode(y, &room), GH_OK);

    /* a zero before x; the last byte of x moved to y; y without its last */
    gh_str_t parts[][2] = {
        { { bytes, 33 }, { bytes + 33, 32 } },
        { { bytes + 1, 31 }, { bytes + 32, 33 } },
        { { bytes + 1, 32 }, { bytes + 33, 31 } },
        { { bytes + 1, 64 }, { bytes, 0 } },
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        gh_str_t a = gh_test_base64url(parts[i][0]);
        gh_str_t b = gh_test_base64url(parts[i][1]);

        assert_ignored(gh_test_text(format, (int) a.len, a.data, (int) b.len,
                                    b.len > 0 ? b.data : "")
                           .data);
    }
}


static void
d13_a_curve_that_is_not_ours_is_ignored(void **state)
{
    static const char *const names[] = {
        "secp256k1", "P-192", "P-384", "P-521", "p-256", "prime256v1", "",
    };
    (void) state;
    const char *jwk = gh_test_jwk(gh_test_key(GH_ALG_ES256), GH_ALG_NONE, "");

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_ignored(gh_test_text("{\"kty\":\"EC\",\"crv\":\"%s\","
                                    "\"x\":\"%s\",\"y\":\"%s\"}",
                                    names[i], value_of(jwk, "x").data,
                                    value_of(jwk, "y").data)
                           .data);
    }
}


static const char *
ed25519_jwk(const unsigned char y[32])
{
    gh_str_t x = gh_test_base64url((gh_str_t){ (const char *) y, 32 });

    return gh_test_text("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%.*s\"}",
                        (int) x.len, x.data)
        .data;
}


/*
 * y of the points of order 1, 2, 4 and 8, little-endian; found with
 * 2 y^2 = 1 - d y^4 for the last two.
 */
static void
d14_a_key_of_small_order_is_ignored(void **state)
{
    static const char *const points[] = {
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    };
    (void) state;

    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        char bytes[32];
        gh_buf_t room = GH_BUF(bytes);

        (void) gh_test_hex(points[i], &room);
        assert_ignored(ed25519_jwk((unsigned char *) bytes));
        bytes[31] = (char) (uint8_t) (bytes[31] | 0x80); /* the sign of x */
        assert_ignored(ed25519_jwk((unsigned char *) bytes));
    }
}


static void
d14_a_key_written_above_the_prime_is_ignored(void **state)
{
    unsigned char y[32];
    (void) state;

    memset(y, 0xff, sizeof(y));

    for (unsigned low = 0xed; low <= 0xff; low++) {
        y[0] = (unsigned char) low;
        y[31] = 0x7f;
        assert_ignored(ed25519_jwk(y));
        y[31] = 0xff;
        assert_ignored(ed25519_jwk(y));
    }

    y[0] = 0xeb; /* p - 2 is below */
    y[31] = 0x7f;
    assert_usable(ed25519_jwk(y));
}


static void
d14_only_ed25519_and_only_32_bytes(void **state)
{
    (void) state;
    const char *jwk = gh_test_jwk(gh_test_key(GH_ALG_EDDSA), GH_ALG_NONE, "");
    gh_str_t x = value_of(jwk, "x");

    static const char format[] = "{\"kty\":\"%s\",\"crv\":\"%s\","
                                 "\"x\":\"%.*s\"}";

    assert_usable(
        gh_test_text(format, "OKP", "Ed25519", (int) x.len, x.data).data);
    assert_ignored(
        gh_test_text(format, "OKP", "X25519", (int) x.len, x.data).data);
    assert_ignored(
        gh_test_text(format, "OKP", "Ed448", (int) x.len, x.data).data);
    assert_ignored(
        gh_test_text(format, "EC", "Ed25519", (int) x.len, x.data).data);
    assert_ignored(gh_test_text(format, "OKP", "Ed25519", 42, x.data).data);
    assert_ignored(gh_test_text(format, "OKP", "Ed25519", 40, x.data).data);
    assert_ignored(
        gh_test_text("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%.*sA\"}",
                     (int) x.len, x.data)
            .data);
}


static void
d15_a_weak_rsa_key_is_ignored(void **state)
{
    (void) state;

    assert_usable(rsa_jwk(2048, 16, 1));
    assert_ignored(rsa_jwk(1024, 16, 1));
    assert_ignored(rsa_jwk(2047, 16, 1));
    assert_ignored(rsa_jwk(2048, -1, 0));
    assert_ignored(rsa_jwk(2048, -1, 1));
    assert_ignored(rsa_jwk(2048, -1, 2));
    assert_usable(rsa_jwk(2048, -1, 3));
    assert_ignored(rsa_jwk(2048, 16, 0));
}


static void
d15_an_even_modulus_is_ignored(void **state)
{
    (void) state;
    char bytes[256] = { 0 };

    memset(bytes, 0xaa, sizeof(bytes));
    gh_str_t even = gh_test_base64url((gh_str_t){ bytes, sizeof(bytes) });
    assert_ignored(gh_test_text("{\"kty\":\"RSA\",\"e\":\"AQAB\","
                                "\"n\":\"%.*s\"}",
                                (int) even.len, even.data)
                       .data);

    bytes[255] = (char) 0xab;
    gh_str_t odd = gh_test_base64url((gh_str_t){ bytes, sizeof(bytes) });
    assert_usable(gh_test_text("{\"kty\":\"RSA\",\"e\":\"AQAB\","
                               "\"n\":\"%.*s\"}",
                               (int) odd.len, odd.data)
                      .data);
}


static void
d15_a_roca_key_is_ignored(void **state)
{
    (void) state;
    json_t *data = gh_test_data("roca_2048.json");
    char *jwk = json_dumps(json_object_get(data, "jwk"), 0);

    assert_non_null(jwk);
    assert_ignored(jwk);
    free(jwk);
    json_decref(data);
}


static void
d15_a_modulus_after_a_zero_byte_is_the_same_key(void **state)
{
    (void) state;
    const char *jwk = gh_test_jwk(gh_test_key(GH_ALG_RS256), GH_ALG_NONE, "");
    char bytes[258] = { 0 };
    gh_buf_t room = { bytes + 2, 0, 256 };

    static const char format[] = "{\"kty\":\"RSA\",\"e\":\"AQAB\","
                                 "\"n\":\"%.*s\"}";

    assert_int_equal(gh_base64url_decode(value_of(jwk, "n"), &room), GH_OK);

    gh_str_t n = gh_test_base64url((gh_str_t){ bytes + 1, 257 });
    gh_jwks_t *set =
        gh_test_jwks(gh_test_text(format, (int) n.len, n.data).data);

    assert_int_equal(
        EVP_PKEY_eq(gh_jwks_at(set, 0)->pkey, gh_test_key(GH_ALG_RS256)), 1);
    assert_int_equal(gh_jwk_signature_len(gh_jwks_at(set, 0), GH_ALG_RS256),
                     256);
    gh_jwks_destroy(set);
}


static void
d16_a_costly_rsa_key_is_ignored(void **state)
{
    (void) state;

    assert_usable(rsa_jwk(8192, 16, 1));
    assert_ignored(rsa_jwk(8193, 16, 1));
    assert_ignored(rsa_jwk(16384, 16, 1));
    assert_ignored(rsa_jwk(2048, 4095, 1));
    assert_ignored(rsa_jwk(2048, 33, 1));
    assert_ignored(rsa_jwk(2048, 32, 1));
    assert_usable(rsa_jwk(2048, 31, 0x7fffffff));
}


static void
d22_a_key_in_sloppy_base64url_is_ignored(void **state)
{
    (void) state;
    const char *jwk = gh_test_jwk(gh_test_key(GH_ALG_EDDSA), GH_ALG_NONE, "");
    gh_str_t x = value_of(jwk, "x");

    static const char *const tails[] = { "", "=", " ", "\\n", "A" };

    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        const char *sloppy =
            gh_test_text("{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                         "\"x\":\"%.*s%s\"}",
                         (int) x.len, x.data, tails[i])
                .data;

        assert_int_equal(parse_keys(sloppy, NULL), i == 0 ? GH_OK : GH_ABSENT);
    }
}


static void
d35_certificates_in_either_base64_are_passed_over(void **state)
{
    (void) state;

    assert_usable(with(plain_ec(), ",\"x5c\":[\"MIIB+/8=\",\"AA==\"]"));
    assert_usable(with(plain_ec(), ",\"x5c\":[\"MIIB-_8\"],\"x5t\":\"a+/=\""));
    assert_usable(with(plain_ec(), ",\"x5c\":7,\"x5u\":\"http://x/\""));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_key_allows_what_its_type_does),
        cmocka_unit_test(a_key_that_says_its_algorithm_allows_no_other),
        cmocka_unit_test(a_key_whose_algorithm_is_not_its_types_is_ignored),
        cmocka_unit_test(use_and_key_ops_are_honoured),
        cmocka_unit_test(a_kid_is_a_string_of_bounded_length),
        cmocka_unit_test(a_private_key_in_a_set_is_ignored),
        cmocka_unit_test(d13_a_point_beside_its_curve_is_ignored),
        cmocka_unit_test(d13_a_coordinate_of_another_length_is_ignored),
        cmocka_unit_test(d13_a_curve_that_is_not_ours_is_ignored),
        cmocka_unit_test(d14_a_key_of_small_order_is_ignored),
        cmocka_unit_test(d14_a_key_written_above_the_prime_is_ignored),
        cmocka_unit_test(d14_only_ed25519_and_only_32_bytes),
        cmocka_unit_test(d15_a_weak_rsa_key_is_ignored),
        cmocka_unit_test(d15_an_even_modulus_is_ignored),
        cmocka_unit_test(d15_a_roca_key_is_ignored),
        cmocka_unit_test(d15_a_modulus_after_a_zero_byte_is_the_same_key),
        cmocka_unit_test(d16_a_costly_rsa_key_is_ignored),
        cmocka_unit_test(d22_a_key_in_sloppy_base64url_is_ignored),
        cmocka_unit_test(d35_certificates_in_either_base64_are_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
