/*
 * The examples of the specifications, as they are printed there: t/unit/data
 * has a file per section.
 */

#include "gh_test_jwt.h"

#include "gh_bytes.h"

#include <stdlib.h>


typedef struct {
    json_t *data;
    gh_jwks_t *keys;
    gh_alg_t alg;
    gh_str_t jws;
    gh_str_t secret; /* oct only */
    char room[128];
} vector_t;


static void
load(const char *name, vector_t *v)
{
    gh_str_t alg, k;

    v->data = gh_test_data(name);
    v->secret = (gh_str_t){ NULL, 0 };

    json_t *jwk = json_object_get(v->data, "jwk");
    assert_int_equal(gh_json_str(v->data, "alg", &alg), GH_OK);
    assert_int_equal(gh_json_str(v->data, "jws", &v->jws), GH_OK);
    v->alg = gh_alg_parse(alg);
    assert_int_not_equal(v->alg, GH_ALG_NONE);

    if (gh_json_str(jwk, "k", &k) == GH_OK) {
        gh_buf_t secret = GH_BUF(v->room);

        assert_int_equal(gh_base64url_decode(k, &secret), GH_OK);
        v->secret = gh_buf_str(&secret);
        assert_int_equal(
            gh_jwks_from_secret(v->secret, gh_alloc_libc(), &v->keys), GH_OK);
        return;
    }

    char *text = json_dumps(jwk, 0);
    v->keys = gh_test_jwks(text);
    free(text);
}


static void
unload(vector_t *v)
{
    gh_jwks_destroy(v->keys);
    json_decref(v->data);
}


static void
check(const char *name)
{
    vector_t v;

    load(name, &v);
    assert_verified(v.jws, v.keys, 1u << v.alg, GH_REASON_OK);

    /* and it is this text that verifies, not any */
    gh_str_t other = gh_test_text("%.*s", (int) v.jws.len, v.jws.data);
    char *letter = strchr(other.data, '.');
    letter[7] = letter[7] == 'A' ? 'B' : 'A';
    assert_verified(other, v.keys, 1u << v.alg, GH_REASON_TOKEN_SIGNATURE);
    unload(&v);
}


/* Signs the vector's header and payload again with that key. */
static void
assert_signs_the_same(const vector_t *v, EVP_PKEY *pkey)
{
    char header_room[512], payload_room[512], out_room[1024];
    gh_buf_t header = GH_BUF(header_room), payload = GH_BUF(payload_room);
    gh_buf_t out = GH_BUF(out_room);
    gh_str_t rest;

    assert_non_null(pkey);
    assert_int_equal(
        gh_base64url_decode(gh_str_cut(v->jws, '.', &rest), &header), GH_OK);
    assert_int_equal(
        gh_base64url_decode(gh_str_cut(rest, '.', &rest), &payload), GH_OK);
    assert_int_equal(gh_jwt_sign_header(v->alg, gh_buf_str(&header), pkey,
                                        gh_buf_str(&payload), &out),
                     GH_OK);
    assert_true(gh_str_eq(gh_buf_str(&out), v->jws));
    EVP_PKEY_free(pkey);
}


static void
rfc_7515_a_1_hs256_verifies_and_is_made_again(void **state)
{
    (void) state;
    vector_t v;

    check("rfc7515_a_1.json");
    load("rfc7515_a_1.json", &v);
    assert_signs_the_same(
        &v, EVP_PKEY_new_raw_private_key_ex(
                NULL, "HMAC", NULL, (const unsigned char *) v.secret.data,
                v.secret.len));
    unload(&v);
}


static void
rfc_7515_a_3_es256_verifies(void **state)
{
    (void) state;

    check("rfc7515_a_3.json");
}


static void
rfc_7520_4_1_rs256_verifies(void **state)
{
    (void) state;

    check("rfc7520_4_1.json");
}


static void
rfc_7520_4_2_ps384_verifies(void **state)
{
    (void) state;

    check("rfc7520_4_2.json");
}


static void
rfc_7520_4_3_es512_verifies(void **state)
{
    (void) state;

    check("rfc7520_4_3.json");
}


static void
rfc_7520_4_4_hs256_verifies_and_is_made_again(void **state)
{
    (void) state;
    vector_t v;

    check("rfc7520_4_4.json");
    load("rfc7520_4_4.json", &v);
    assert_signs_the_same(
        &v, EVP_PKEY_new_raw_private_key_ex(
                NULL, "HMAC", NULL, (const unsigned char *) v.secret.data,
                v.secret.len));
    unload(&v);
}


static void
rfc_8037_a_4_eddsa_verifies_and_is_made_again(void **state)
{
    (void) state;
    vector_t v;
    char room[32];
    gh_buf_t d = GH_BUF(room);
    gh_str_t text;

    check("rfc8037_a_4.json");
    load("rfc8037_a_4.json", &v);
    assert_int_equal(gh_json_str(v.data, "private_key", &text), GH_OK);
    assert_int_equal(gh_base64url_decode(text, &d), GH_OK);
    assert_signs_the_same(
        &v, EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
                                         (const unsigned char *) room, d.len));
    unload(&v);
}


/* The claims of RFC 7519 section 3.1, in the token of RFC 7515 A.1. */
static void
rfc_7519_3_1_has_expired_and_names_nobody(void **state)
{
    static const gh_str_t audiences[] = { { "anybody", 7 } };
    (void) state;
    vector_t v;
    gh_reason_t reason;
    gh_jwt_t jwt;
    json_t *claims;
    gh_jwt_policy_t policy = { .issuer = GH_STR("joe"),
                               .audiences = audiences,
                               .n_audiences = 1 };

    load("rfc7515_a_1.json", &v);
    assert_int_equal(gh_jwt_parse(v.jws, &jwt, &reason), GH_OK);
    assert_int_equal(gh_jwt_peek(&jwt, &claims, &reason), GH_OK);

    assert_int_equal(
        gh_jwt_check_claims(&jwt, claims, &policy, 1300819379, &reason),
        GH_DENIED);
    assert_int_equal(reason, GH_REASON_TOKEN_AUDIENCE);

    assert_int_equal(
        json_object_set_new(claims, "aud", json_string("anybody")), 0);
    assert_int_equal(
        gh_jwt_check_claims(&jwt, claims, &policy, 1300819379, &reason),
        GH_OK);
    assert_int_equal(
        gh_jwt_check_claims(&jwt, claims, &policy, 1300819380, &reason),
        GH_DENIED);
    assert_int_equal(reason, GH_REASON_TOKEN_EXPIRED);

    json_decref(claims);
    gh_jwt_clear(&jwt);
    unload(&v);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_7515_a_1_hs256_verifies_and_is_made_again),
        cmocka_unit_test(rfc_7515_a_3_es256_verifies),
        cmocka_unit_test(rfc_7520_4_1_rs256_verifies),
        cmocka_unit_test(rfc_7520_4_2_ps384_verifies),
        cmocka_unit_test(rfc_7520_4_3_es512_verifies),
        cmocka_unit_test(rfc_7520_4_4_hs256_verifies_and_is_made_again),
        cmocka_unit_test(rfc_8037_a_4_eddsa_verifies_and_is_made_again),
        cmocka_unit_test(rfc_7519_3_1_has_expired_and_names_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
