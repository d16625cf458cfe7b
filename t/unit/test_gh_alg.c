/*
 * The names of algorithms, the tables behind them, and ECDSA signatures from
 * one writing to the other.
 */

#include "gh_test.h"

#include "gh_alg.h"

#include <openssl/ec.h>
#include <openssl/objects.h>


static const gh_curve_t *
curve_of(gh_alg_t alg)
{
    return gh_alg_info(alg)->curve;
}


static void
every_name_is_read_back(void **state)
{
    (void) state;

    for (gh_alg_t alg = GH_ALG_NONE + 1; alg < GH_ALG_COUNT; alg++) {
        assert_int_equal(gh_alg_parse(gh_alg_name(alg)), alg);
    }

    assert_str(gh_alg_name(GH_ALG_PS384), "PS384");
    assert_str(gh_alg_name(GH_ALG_EDDSA), "EdDSA");
}


static void
the_name_of_rfc_9864_is_eddsa(void **state)
{
    (void) state;

    assert_int_equal(gh_alg_parse(GH_STR("Ed25519")), GH_ALG_EDDSA);
    assert_int_equal(gh_alg_parse(GH_STR("Ed448")), GH_ALG_NONE);
}


static void
d1_no_spelling_of_none_is_an_algorithm(void **state)
{
    static const char *const names[] = { "none", "None",  "NONE", "nOnE",
                                         "",     "none ", " none" };
    (void) state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(gh_alg_parse(gh_str(names[i])), GH_ALG_NONE);
    }
}


static void
names_are_exact(void **state)
{
    (void) state;

    assert_int_equal(gh_alg_parse(GH_STR("rs256")), GH_ALG_NONE);
    assert_int_equal(gh_alg_parse(GH_STR("RS256 ")), GH_ALG_NONE);
    assert_int_equal(gh_alg_parse(GH_STR("RS256\0")), GH_ALG_NONE);
    assert_int_equal(gh_alg_parse(GH_STR("RS25")), GH_ALG_NONE);
    assert_int_equal(gh_alg_parse(GH_STR("ES256K")), GH_ALG_NONE);
    assert_int_equal(gh_alg_parse(GH_STR("RSA1_5")), GH_ALG_NONE);
    assert_int_equal(gh_alg_parse((gh_str_t){ NULL, 0 }), GH_ALG_NONE);
}


static void
what_is_no_algorithm_has_no_family(void **state)
{
    (void) state;

    assert_int_equal(gh_alg_info(GH_ALG_COUNT)->family, GH_FAMILY_NONE);
    assert_int_equal(gh_alg_info(GH_ALG_NONE)->family, GH_FAMILY_NONE);
    assert_str(gh_alg_name(GH_ALG_COUNT), "");
}


static void
the_default_algorithms_leave_out_none_and_hmac(void **state)
{
    (void) state;

    for (gh_alg_t alg = GH_ALG_NONE; alg < GH_ALG_COUNT; alg++) {
        gh_family_t family = gh_alg_info(alg)->family;
        bool has_public_key =
            family != GH_FAMILY_NONE && family != GH_FAMILY_HMAC;

        assert_int_equal((GH_ALGS_DEFAULT >> alg & 1) == 1, has_public_key);
    }
}


static void
orders_are_those_of_the_curves(void **state)
{
    (void) state;

    for (gh_alg_t alg = GH_ALG_ES256; alg <= GH_ALG_ES512; alg++) {
        const gh_curve_t *curve = curve_of(alg);
        EC_GROUP *group =
            EC_GROUP_new_by_curve_name(OBJ_txt2nid(curve->group));
        unsigned char order[GH_COORDINATE_MAX];

        assert_non_null(group);
        assert_int_equal(curve->alg, alg);
        assert_int_equal((EC_GROUP_get_degree(group) + 7) / 8, curve->len);
        assert_int_equal(
            BN_bn2binpad(EC_GROUP_get0_order(group), order, (int) curve->len),
            curve->len);
        assert_memory_equal(order, curve->order, curve->len);
        EC_GROUP_free(group);
    }
}


static void
curves_are_found_by_both_their_names(void **state)
{
    (void) state;

    assert_ptr_equal(gh_curve_by_crv(GH_STR("P-256")), curve_of(GH_ALG_ES256));
    assert_ptr_equal(gh_curve_by_group(GH_STR("secp521r1")),
                     curve_of(GH_ALG_ES512));
    assert_null(gh_curve_by_crv(GH_STR("secp256k1")));
    assert_null(gh_curve_by_group(GH_STR("secp256k1")));
    assert_null(gh_curve_by_crv(GH_STR("")));
}


/* r and s of that many bytes, all zero but the last ones */
static gh_rc_t
to_der(gh_alg_t alg, const char *r_hex, const char *s_hex, gh_buf_t *der)
{
    char raw[2 * GH_COORDINATE_MAX] = { 0 };
    char bytes[GH_COORDINATE_MAX];
    gh_buf_t room = GH_BUF(bytes);
    size_t len = curve_of(alg)->len;

    gh_str_t r = gh_test_hex(r_hex, &room);
    memcpy(raw + len - r.len, r.data, r.len);
    room.len = 0;
    gh_str_t s = gh_test_hex(s_hex, &room);
    memcpy(raw + 2 * len - s.len, s.data, s.len);

    return gh_ecdsa_to_der(curve_of(alg), (gh_str_t){ raw, 2 * len }, der);
}


static void
der_takes_as_few_bytes_as_there_can_be(void **state)
{
    (void) state;
    char room[200], expected[200];
    gh_buf_t der = GH_BUF(room), e = GH_BUF(expected);

    assert_int_equal(to_der(GH_ALG_ES256, "01", "7f", &der), GH_OK);
    gh_str_t want = gh_test_hex("30 06 02 01 01 02 01 7f", &e);
    assert_true(gh_str_eq(gh_buf_str(&der), want));

    /* a top bit is not a sign */
    der.len = 0;
    assert_int_equal(to_der(GH_ALG_ES256, "80", "0102", &der), GH_OK);
    want = gh_test_hex("30 08 02 02 00 80 02 02 01 02", &e);
    assert_true(gh_str_eq(gh_buf_str(&der), want));
}


static void
the_longest_signature_comes_back(void **state)
{
    (void) state;
    char room[200], back_room[200];
    gh_buf_t der = GH_BUF(room), back = GH_BUF(back_room);
    const gh_curve_t *curve = curve_of(GH_ALG_ES512);
    char raw[2 * GH_COORDINATE_MAX];

    /* n - 1 twice */
    for (size_t i = 0; i < sizeof(raw); i++) {
        raw[i] = (char) curve->order[i % curve->len];
    }
    raw[curve->len - 1]--;
    raw[2 * curve->len - 1]--;

    gh_str_t signature = { raw, sizeof(raw) };
    assert_int_equal(gh_ecdsa_to_der(curve, signature, &der), GH_OK);
    assert_int_equal((uint8_t) room[1], 0x81);
    assert_int_equal(gh_ecdsa_from_der(curve, gh_buf_str(&der), &back), GH_OK);
    assert_true(gh_str_eq(gh_buf_str(&back), signature));

    /* and it does not write where there is no room */
    for (size_t cap = 0; cap < der.len; cap++) {
        gh_buf_t small = { back_room, 0, cap };

        assert_int_equal(gh_ecdsa_to_der(curve, signature, &small),
                         GH_TOO_LONG);
        assert_int_equal(small.len, 0);
    }
}


static void
d11_r_and_s_are_in_1_to_n_minus_1(void **state)
{
    (void) state;
    char room[200];

    for (gh_alg_t alg = GH_ALG_ES256; alg <= GH_ALG_ES512; alg++) {
        const gh_curve_t *curve = curve_of(alg);
        char n[GH_COORDINATE_MAX], beyond[GH_COORDINATE_MAX];
        char zero[GH_COORDINATE_MAX] = { 0 }, one[GH_COORDINATE_MAX] = { 0 };
        const char *bad[] = { zero, n, beyond };

        memcpy(n, curve->order, curve->len);
        memset(beyond, 0xff, sizeof(beyond));
        one[curve->len - 1] = 1;

        for (size_t i = 0; i < 6; i++) {
            char raw[2 * GH_COORDINATE_MAX];
            gh_buf_t der = GH_BUF(room);
            size_t at = i % 2 * curve->len;

            memcpy(raw + at, bad[i / 2], curve->len);
            memcpy(raw + curve->len - at, one, curve->len);
            assert_int_equal(
                gh_ecdsa_to_der(curve, (gh_str_t){ raw, 2 * curve->len },
                                &der),
                GH_INVALID);
        }
    }
}


static void
d12_r_and_s_are_as_long_as_the_curve(void **state)
{
    (void) state;
    char room[200], raw[64];
    gh_buf_t der = GH_BUF(room);
    const gh_curve_t *curve = curve_of(GH_ALG_ES256);

    memset(raw, 1, sizeof(raw));

    for (size_t len = 0; len < 64; len++) {
        assert_int_equal(gh_ecdsa_to_der(curve, (gh_str_t){ raw, len }, &der),
                         GH_INVALID);
    }

    assert_int_equal(gh_ecdsa_to_der(curve_of(GH_ALG_ES384),
                                     (gh_str_t){ raw, sizeof(raw) }, &der),
                     GH_INVALID);
}


static void
what_is_no_signature_in_der_is_refused(void **state)
{
    (void) state;
    char room[200], bytes[200], long_one[400] = { 0x30 };
    gh_buf_t raw = GH_BUF(room), b = GH_BUF(bytes);
    const gh_curve_t *curve = curve_of(GH_ALG_ES256);

    assert_int_equal(gh_ecdsa_from_der(curve, GH_STR(""), &raw), GH_INVALID);
    assert_int_equal(gh_ecdsa_from_der(curve, GH_STR("0\6\2\1\1"), &raw),
                     GH_INVALID);

    /* r of 33 bytes */
    gh_str_t der = gh_test_hex("30 26 02 21 01 00000000 00000000 00000000"
                               "00000000 00000000 00000000 00000000 00000000"
                               "02 01 01",
                               &b);
    assert_int_equal(gh_ecdsa_from_der(curve, der, &raw), GH_INVALID);

    assert_int_equal(
        gh_ecdsa_from_der(curve, (gh_str_t){ long_one, sizeof(long_one) },
                          &raw),
        GH_INVALID);
    assert_int_equal(raw.len, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_read_back),
        cmocka_unit_test(the_name_of_rfc_9864_is_eddsa),
        cmocka_unit_test(d1_no_spelling_of_none_is_an_algorithm),
        cmocka_unit_test(names_are_exact),
        cmocka_unit_test(what_is_no_algorithm_has_no_family),
        cmocka_unit_test(the_default_algorithms_leave_out_none_and_hmac),
        cmocka_unit_test(orders_are_those_of_the_curves),
        cmocka_unit_test(curves_are_found_by_both_their_names),
        cmocka_unit_test(der_takes_as_few_bytes_as_there_can_be),
        cmocka_unit_test(the_longest_signature_comes_back),
        cmocka_unit_test(d11_r_and_s_are_in_1_to_n_minus_1),
        cmocka_unit_test(d12_r_and_s_are_as_long_as_the_curve),
        cmocka_unit_test(what_is_no_signature_in_der_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
