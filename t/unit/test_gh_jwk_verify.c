/*
 * Which signatures count (THREATS 1.D): exactly one encoding of a signature
 * by the key, for each algorithm.
 */

#include "gh_test_jwt.h"

#include <openssl/bn.h>
#include <openssl/rsa.h>

#define ALL_ALGS (~(gh_algs_t) 1)


static void
every_bit_of_token_and_signature_counts(void **state)
{
    static const gh_alg_t algs[] = { GH_ALG_RS256, GH_ALG_PS256, GH_ALG_ES256,
                                     GH_ALG_EDDSA };
    (void) state;

    for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
        gh_jwks_t *keys = gh_test_jwks_of(algs[i], "");
        gh_str_t made = gh_test_token_kid(algs[i], NULL);
        char kept[1024], room[GH_SIGNATURE_MAX];
        gh_str_t signature = gh_test_signature(made, room);
        gh_str_t token = { kept, made.len };

        assert_true(made.len < sizeof(kept));
        memcpy(kept, made.data, made.len);

        for (size_t bit = 0; bit < signature.len * 8; bit += 7) {
            room[bit / 8] = (char) (room[bit / 8] ^ (1 << bit % 8));
            assert_verified(gh_test_resigned(token, signature), keys, 0,
                            GH_REASON_TOKEN_SIGNATURE);
            room[bit / 8] = (char) (room[bit / 8] ^ (1 << bit % 8));
        }

        /* the same signature under other claims */
        gh_str_t other = gh_test_token(algs[i], NULL, "{\"sub\":\"admin\"}");
        assert_verified(gh_test_resigned(other, signature), keys, 0,
                        GH_REASON_TOKEN_SIGNATURE);
        gh_jwks_destroy(keys);
    }
}


static void
d11_a_zero_ecdsa_signature_is_refused(void **state)
{
    (void) state;
    char zeros[132] = { 0 };

    for (gh_alg_t alg = GH_ALG_ES256; alg <= GH_ALG_ES512; alg++) {
        gh_jwks_t *keys = gh_test_jwks_of(alg, "");
        size_t len = gh_jwk_signature_len(gh_jwks_at(keys, 0), alg);

        assert_verified(gh_test_resigned(gh_test_token_kid(alg, NULL),
                                         (gh_str_t){ zeros, len }),
                        keys, 0, GH_REASON_TOKEN_SIGNATURE);
        gh_jwks_destroy(keys);
    }
}


/* half 0: r, half 1: s becomes zero, n or what it was plus n. */
static void
d11_r_and_s_outside_their_range_are_refused(void **state)
{
    static const char n256[] = "ffffffff00000000ffffffffffffffff"
                               "bce6faada7179e84f3b9cac2fc632551";
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_ES256, "");
    gh_str_t token = gh_test_token_kid(GH_ALG_ES256, NULL);
    char room[GH_SIGNATURE_MAX], n_room[32];
    gh_buf_t n_buf = GH_BUF(n_room);
    gh_str_t n = gh_test_hex(n256, &n_buf);

    for (size_t half = 0; half < 2; half++) {
        gh_str_t signature = gh_test_signature(token, room);

        memset(room + half * 32, 0, 32);
        assert_verified(gh_test_resigned(token, signature), keys, 0,
                        GH_REASON_TOKEN_SIGNATURE);
        memcpy(room + half * 32, n.data, 32);
        assert_verified(gh_test_resigned(token, signature), keys, 0,
                        GH_REASON_TOKEN_SIGNATURE);
        memset(room + half * 32, 0xff, 32);
        assert_verified(gh_test_resigned(token, signature), keys, 0,
                        GH_REASON_TOKEN_SIGNATURE);
    }

    gh_jwks_destroy(keys);
}


/* On P-521 seven bits are to spare, so that r + n fits. */
static void
d11_r_plus_n_is_not_r(void **state)
{
    static const char n521[] =
        "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
        "fffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e9138"
        "6409";
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_ES512, "");
    gh_str_t token = gh_test_token_kid(GH_ALG_ES512, NULL);
    char room[GH_SIGNATURE_MAX];
    BIGNUM *n = NULL, *x = NULL;

    assert_true(BN_hex2bn(&n, n521) > 0);

    for (size_t half = 0; half < 2; half++) {
        gh_str_t signature = gh_test_signature(token, room);
        unsigned char *p = (unsigned char *) room + half * 66;

        x = BN_bin2bn(p, 66, x);
        assert_int_equal(BN_add(x, x, n), 1);
        assert_int_equal(BN_bn2binpad(x, p, 66), 66);
        assert_verified(gh_test_resigned(token, signature), keys, 0,
                        GH_REASON_TOKEN_SIGNATURE);
    }

    BN_free(n);
    BN_free(x);
    gh_jwks_destroy(keys);
}


static void
d12_only_r_and_s_side_by_side_are_a_signature(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_ES256, "");
    gh_str_t token = gh_test_token_kid(GH_ALG_ES256, NULL);
    char room[GH_SIGNATURE_MAX] = { 0 };
    unsigned char der[80];
    size_t der_len = sizeof(der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const char *dot = memrchr(token.data, '.', token.len);

    /* the right signature in DER */
    assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL,
                                           gh_test_key(GH_ALG_ES256), NULL),
                     1);
    assert_int_equal(
        EVP_DigestSign(ctx, der, &der_len, (const unsigned char *) token.data,
                       (size_t) (dot - token.data)),
        1);
    EVP_MD_CTX_free(ctx);
    assert_verified(
        gh_test_resigned(token, (gh_str_t){ (char *) der, der_len }), keys, 0,
        GH_REASON_TOKEN_SIGNATURE);

    gh_str_t signature = gh_test_signature(token, room);
    assert_int_equal(signature.len, 64);
    assert_verified(gh_test_resigned(token, signature), keys, 0, GH_REASON_OK);
    assert_verified(gh_test_resigned(token, (gh_str_t){ room, 63 }), keys, 0,
                    GH_REASON_TOKEN_SIGNATURE);
    assert_verified(gh_test_resigned(token, (gh_str_t){ room, 65 }), keys, 0,
                    GH_REASON_TOKEN_SIGNATURE);
    assert_verified(gh_test_resigned(token, (gh_str_t){ room, 96 }), keys, 0,
                    GH_REASON_TOKEN_SIGNATURE);
    gh_jwks_destroy(keys);
}


/* S + L is the same S to a lax verifier, so one token had many texts. */
static void
d14_s_of_an_eddsa_signature_is_below_the_order(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_EDDSA, "");
    gh_str_t token = gh_test_token_kid(GH_ALG_EDDSA, NULL);
    char room[GH_SIGNATURE_MAX];
    gh_str_t signature = gh_test_signature(token, room);
    unsigned char *s_bytes = (unsigned char *) room + 32;
    BIGNUM *order = NULL;
    BIGNUM *s = BN_lebin2bn(s_bytes, 32, NULL);

    assert_true(BN_hex2bn(&order, "1000000000000000000000000000000014def9dea2"
                                  "f79cd65812631a5cf5d3ed")
                > 0);
    assert_verified(gh_test_resigned(token, signature), keys, 0, GH_REASON_OK);

    for (unsigned k = 1; k < 15; k++) {
        assert_int_equal(BN_add(s, s, order), 1);
        assert_int_equal(BN_bn2lebinpad(s, s_bytes, 32), 32);
        assert_verified(gh_test_resigned(token, signature), keys, 0,
                        GH_REASON_TOKEN_SIGNATURE);
    }

    BN_free(order);
    BN_free(s);
    gh_jwks_destroy(keys);
}


/* The private key's bare arithmetic on a block of our own. */
static gh_str_t
raw_rsa(const unsigned char block[256], char out[256])
{
    EVP_PKEY_CTX *ctx =
        EVP_PKEY_CTX_new_from_pkey(NULL, gh_test_key(GH_ALG_RS256), NULL);
    size_t len = 256;

    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
    assert_int_equal(
        EVP_PKEY_sign(ctx, (unsigned char *) out, &len, block, 256), 1);
    EVP_PKEY_CTX_free(ctx);
    return (gh_str_t){ out, len };
}


/* EMSA-PKCS1-v1_5 of a token (RFC 8017 section 9.2) with `head` instead. */
static void
pkcs1_block(gh_str_t token, const char *head_hex, unsigned char block[256])
{
    char head_room[64];
    gh_buf_t head_buf = GH_BUF(head_room);
    gh_str_t head = gh_test_hex(head_hex, &head_buf);
    const char *dot = memrchr(token.data, '.', token.len);
    size_t at = 256 - 32 - head.len;

    memset(block, 0xff, 256);
    block[0] = 0;
    block[1] = 1;
    block[at - 1] = 0;
    memcpy(block + at, head.data, head.len);
    assert_int_equal(EVP_Digest(token.data, (size_t) (dot - token.data),
                                block + 224, NULL, EVP_sha256(), NULL),
                     1);
}


#define SHA256_INFO "3031300d060960864801650304020105000420"


static void
d15_pkcs1_padding_is_exact(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_RS256, "");
    gh_str_t token = gh_test_token_kid(GH_ALG_RS256, NULL);
    unsigned char block[256], bad[256];
    char room[256];

    pkcs1_block(token, SHA256_INFO, block);
    assert_verified(gh_test_resigned(token, raw_rsa(block, room)), keys, 0,
                    GH_REASON_OK);

    static const struct {
        size_t at;
        unsigned char flip;
    } changes[] = {
        { 0, 1 },      /* 01 00, still below the modulus */
        { 1, 3 },      /* 00 02, the block type of encryption */
        { 1, 1 },      /* 00 00, that of old times */
        { 2, 0xff },   /* padding that ends at once */
        { 2, 1 },      /* padding that is not ff */
        { 100, 0xff }, /* garbage between padding and hash */
        { 204, 0xff }, /* padding that does not end */
        { 206, 1 },    /* lengths that do not add up */
        { 219, 7 },    /* the name of another hash */
        { 255, 1 },    /* another hash */
    };

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        memcpy(bad, block, sizeof(bad));
        bad[changes[i].at] ^= changes[i].flip;
        bad[1] = bad[0] != 0 ? 0 : bad[1];
        assert_verified(gh_test_resigned(token, raw_rsa(bad, room)), keys, 0,
                        GH_REASON_TOKEN_SIGNATURE);
    }

    gh_jwks_destroy(keys);
}


static void
d15_the_name_of_the_hash_is_exact(void **state)
{
    static const char *const heads[] = {
        "",                                         /* bare hash */
        "302f300b06096086480165030402010420",       /* without NULL */
        "303130 0d06096086480165030402020500 0420", /* SHA-384's name */
        "308131300d060960864801650304020105000420", /* BER length */
        "3033300f0609608648016503040201050200000420",
    };
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_RS256, "");
    gh_str_t token = gh_test_token_kid(GH_ALG_RS256, NULL);
    unsigned char block[256];
    char room[256];

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        pkcs1_block(token, heads[i], block);
        assert_verified(gh_test_resigned(token, raw_rsa(block, room)), keys, 0,
                        GH_REASON_TOKEN_SIGNATURE);
    }

    gh_jwks_destroy(keys);
}


/* Bleichenbacher, 2006: what matters on the left, garbage on the right. */
static void
d15_bytes_after_the_hash_are_refused(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_RS256, "");
    gh_str_t token = gh_test_token_kid(GH_ALG_RS256, NULL);
    unsigned char block[256], left[256];
    char room[256];

    pkcs1_block(token, SHA256_INFO, block);
    memset(left, 0xa5, sizeof(left));
    memcpy(left, block, 10);
    memcpy(left + 10, block + 204, 52);
    assert_verified(gh_test_resigned(token, raw_rsa(left, room)), keys, 0,
                    GH_REASON_TOKEN_SIGNATURE);
    gh_jwks_destroy(keys);
}


static void
d15_an_rsa_signature_is_as_long_as_the_modulus(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_RS256, "");
    gh_str_t token = gh_test_token_kid(GH_ALG_RS256, NULL);
    char room[GH_SIGNATURE_MAX], longer[258] = { 0 };
    gh_str_t signature = gh_test_signature(token, room);

    memcpy(longer + 1, room, 256);
    assert_verified(gh_test_resigned(token, (gh_str_t){ longer, 257 }), keys,
                    0, GH_REASON_TOKEN_SIGNATURE);
    assert_verified(gh_test_resigned(token, (gh_str_t){ longer + 1, 257 }),
                    keys, 0, GH_REASON_TOKEN_SIGNATURE);
    assert_verified(gh_test_resigned(token, (gh_str_t){ room, 255 }), keys, 0,
                    GH_REASON_TOKEN_SIGNATURE);

    /* not below the modulus */
    memset(room, 0xff, 256);
    assert_verified(gh_test_resigned(token, signature), keys, 0,
                    GH_REASON_TOKEN_SIGNATURE);
    gh_jwks_destroy(keys);
}


/* The same token under PSS with another salt length or mask. */
static gh_str_t
pss_resigned(gh_str_t token, int salt_len, const char *mgf1)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const char *dot = memrchr(token.data, '.', token.len);
    unsigned char signature[256];
    size_t len = sizeof(signature);
    EVP_PKEY_CTX *pctx;

    assert_int_equal(EVP_DigestSignInit_ex(ctx, &pctx, "SHA256", NULL, NULL,
                                           gh_test_key(GH_ALG_PS256), NULL),
                     1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING),
                     1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salt_len), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md_name(pctx, mgf1, NULL), 1);
    assert_int_equal(EVP_DigestSign(ctx, signature, &len,
                                    (const unsigned char *) token.data,
                                    (size_t) (dot - token.data)),
                     1);
    EVP_MD_CTX_free(ctx);
    return gh_test_resigned(token, (gh_str_t){ (char *) signature, len });
}


static void
d15_the_salt_of_pss_is_as_long_as_the_hash(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_PS256, "");
    gh_str_t token = gh_test_token_kid(GH_ALG_PS256, NULL);

    assert_verified(pss_resigned(token, 32, "SHA256"), keys, 0, GH_REASON_OK);
    assert_verified(pss_resigned(token, 0, "SHA256"), keys, 0,
                    GH_REASON_TOKEN_SIGNATURE);
    assert_verified(pss_resigned(token, 31, "SHA256"), keys, 0,
                    GH_REASON_TOKEN_SIGNATURE);
    assert_verified(pss_resigned(token, RSA_PSS_SALTLEN_MAX, "SHA256"), keys,
                    0, GH_REASON_TOKEN_SIGNATURE);
    assert_verified(pss_resigned(token, 32, "SHA384"), keys, 0,
                    GH_REASON_TOKEN_SIGNATURE);
    gh_jwks_destroy(keys);
}


static void
d17_a_mac_cut_short_is_refused(void **state)
{
    (void) state;
    gh_jwks_t *keys = NULL;
    gh_str_t token = gh_test_token_kid(GH_ALG_HS256, NULL);
    char room[GH_SIGNATURE_MAX];
    gh_str_t mac = gh_test_signature(token, room);

    assert_int_equal(
        gh_jwks_from_secret(gh_test_secret(), gh_alloc_libc(), &keys), GH_OK);

    for (size_t len = 1; len < mac.len; len++) {
        assert_verified(gh_test_resigned(token, (gh_str_t){ room, len }), keys,
                        ALL_ALGS, GH_REASON_TOKEN_SIGNATURE);
    }

    gh_jwks_destroy(keys);
}


static void
a_key_is_asked_only_for_what_it_allows(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_ES256, "");
    gh_str_t input = GH_STR("input"), none = { NULL, 0 };
    char bytes[64] = { 1 };
    gh_str_t signature = { bytes, sizeof(bytes) };

    assert_int_equal(gh_jwk_verify(keys, 1, GH_ALG_ES256, input, signature),
                     GH_DENIED);
    assert_int_equal(gh_jwk_verify(keys, 0, GH_ALG_ES256, input, none),
                     GH_DENIED);
    assert_int_equal(gh_jwk_verify(keys, 0, GH_ALG_NONE, input, none),
                     GH_DENIED);
    assert_int_equal(gh_jwk_verify(keys, 0, GH_ALG_NONE, input, signature),
                     GH_DENIED);
    assert_int_equal(gh_jwk_verify(keys, 0, GH_ALG_COUNT, input, signature),
                     GH_DENIED);
    assert_int_equal(gh_jwk_verify(keys, 0, GH_ALG_EDDSA, input, signature),
                     GH_DENIED);
    gh_jwks_destroy(keys);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_of_token_and_signature_counts),
        cmocka_unit_test(d11_a_zero_ecdsa_signature_is_refused),
        cmocka_unit_test(d11_r_and_s_outside_their_range_are_refused),
        cmocka_unit_test(d11_r_plus_n_is_not_r),
        cmocka_unit_test(d12_only_r_and_s_side_by_side_are_a_signature),
        cmocka_unit_test(d14_s_of_an_eddsa_signature_is_below_the_order),
        cmocka_unit_test(d15_pkcs1_padding_is_exact),
        cmocka_unit_test(d15_the_name_of_the_hash_is_exact),
        cmocka_unit_test(d15_bytes_after_the_hash_are_refused),
        cmocka_unit_test(d15_an_rsa_signature_is_as_long_as_the_modulus),
        cmocka_unit_test(d15_the_salt_of_pss_is_as_long_as_the_hash),
        cmocka_unit_test(d17_a_mac_cut_short_is_refused),
        cmocka_unit_test(a_key_is_asked_only_for_what_it_allows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
