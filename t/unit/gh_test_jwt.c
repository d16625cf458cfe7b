/*
 * What the stories about keys and tokens share; see gh_test_jwt.h.
 */

#include "gh_test_jwt.h"

#include "gh_bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#define TEXTS 64
#define TEXT_MAX 32768


static EVP_PKEY *make_key(gh_alg_t alg);
static gh_buf_t *next_text(void);


gh_str_t
gh_test_secret(void)
{
    return GH_STR("a local secret of sixty-four bytes which only the tests"
                  " may know");
}


EVP_PKEY *
gh_test_key(gh_alg_t alg)
{
    static EVP_PKEY *keys[GH_ALG_COUNT];

    /* one RSA key serves for six algorithms */
    gh_alg_t slot =
        alg >= GH_ALG_RS256 && alg <= GH_ALG_PS512 ? GH_ALG_RS256 : alg;

    if (keys[slot] == NULL) {
        keys[slot] = make_key(slot);
    }

    return keys[slot];
}


EVP_PKEY *
gh_test_other_key(gh_alg_t alg)
{
    static EVP_PKEY *keys[GH_ALG_COUNT];

    gh_alg_t slot =
        alg >= GH_ALG_RS256 && alg <= GH_ALG_PS512 ? GH_ALG_RS256 : alg;

    if (keys[slot] == NULL) {
        keys[slot] = make_key(slot);
    }

    return keys[slot];
}


static EVP_PKEY *
make_key(gh_alg_t alg)
{
    gh_str_t secret = gh_test_secret();
    EVP_PKEY *pkey = NULL;

    switch (alg) {

    case GH_ALG_ES256:
        pkey = EVP_EC_gen("P-256");
        break;

    case GH_ALG_ES384:
        pkey = EVP_EC_gen("P-384");
        break;

    case GH_ALG_ES512:
        pkey = EVP_EC_gen("P-521");
        break;

    case GH_ALG_EDDSA:
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        break;

    case GH_ALG_HS256:
    case GH_ALG_HS384:
    case GH_ALG_HS512:
        pkey = EVP_PKEY_new_raw_private_key_ex(
            NULL, "HMAC", NULL, (const unsigned char *) secret.data,
            secret.len);
        break;

    default:
        pkey = EVP_RSA_gen(2048);
        break;
    }

    assert_non_null(pkey);
    return pkey;
}


gh_jwks_t *
gh_test_jwks(const char *json_keys)
{
    gh_str_t text = gh_test_text("{\"keys\":[%s]}", json_keys);
    gh_jwks_t *set = NULL;

    assert_int_equal(gh_jwks_parse(text, gh_alloc_libc(), &set, NULL), GH_OK);
    return set;
}


gh_jwks_t *
gh_test_jwks_of(gh_alg_t alg, const char *kid)
{
    return gh_test_jwks(gh_test_jwk(gh_test_key(alg), GH_ALG_NONE, kid));
}


const char *
gh_test_jwk(EVP_PKEY *pkey, gh_alg_t alg, const char *kid)
{
    gh_buf_t *out = next_text();

    assert_int_equal(gh_jwk_build(pkey, alg, gh_str(kid), out), GH_OK);
    assert_int_equal(gh_buf_add_char(out, '\0'), GH_OK);
    return out->data;
}


gh_str_t
gh_test_token(gh_alg_t alg, const char *header, const char *claims)
{
    return gh_test_token_by(gh_test_key(alg), alg, header, claims);
}


gh_str_t
gh_test_token_by(EVP_PKEY *pkey, gh_alg_t alg, const char *header,
                 const char *claims)
{
    gh_buf_t *out = next_text();
    gh_str_t no_kid = { NULL, 0 };
    gh_rc_t rc;

    if (header == NULL) {
        rc = gh_jwt_sign(alg, no_kid, pkey, gh_str(claims), out);

    } else {
        rc =
            gh_jwt_sign_header(alg, gh_str(header), pkey, gh_str(claims), out);
    }

    assert_int_equal(rc, GH_OK);
    return gh_buf_str(out);
}


gh_str_t
gh_test_token_kid(gh_alg_t alg, const char *kid)
{
    const char *name = gh_alg_name(alg).data;
    gh_str_t header = gh_test_text("{\"alg\":\"%s\"}", name);

    if (kid != NULL) {
        header = gh_test_text("{\"alg\":\"%s\",\"kid\":\"%s\"}", name, kid);
    }

    return gh_test_token(alg, header.data, GH_TEST_CLAIMS);
}


gh_str_t
gh_test_text(const char *fmt, ...)
{
    gh_buf_t *out = next_text();
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(out->data, out->cap, fmt, args);
    va_end(args);

    assert_true(n >= 0 && (size_t) n < out->cap);
    return (gh_str_t){ out->data, (size_t) n };
}


gh_str_t
gh_test_base64url(gh_str_t bytes)
{
    gh_buf_t *out = next_text();

    assert_int_equal(gh_base64url_encode(bytes, out), GH_OK);
    return gh_buf_str(out);
}


gh_str_t
gh_test_resigned(gh_str_t token, gh_str_t signature)
{
    const char *dot = memrchr(token.data, '.', token.len);
    gh_str_t b64 = gh_test_base64url(signature);

    assert_non_null(dot);
    return gh_test_text("%.*s.%.*s", (int) (dot - token.data), token.data,
                        (int) b64.len, b64.len > 0 ? b64.data : "");
}


gh_str_t
gh_test_signature(gh_str_t token, char room[GH_SIGNATURE_MAX])
{
    gh_reason_t reason;
    gh_jwt_t jwt;

    assert_int_equal(gh_jwt_parse(token, &jwt, &reason), GH_OK);
    memcpy(room, jwt.signature, jwt.signature_len);
    gh_jwt_clear(&jwt);
    return (gh_str_t){ room, jwt.signature_len };
}


json_t *
gh_test_data(const char *name)
{
    json_error_t error;
    json_t *data =
        json_load_file(gh_test_text("t/unit/data/%s", name).data, 0, &error);

    if (data == NULL) {
        fail_msg("%s: %s", name, error.text);
    }

    return data;
}


gh_jwt_policy_t
gh_test_policy(void)
{
    static const gh_str_t audiences[] = { { "https://api.example.com", 23 } };

    return (gh_jwt_policy_t){ .issuer = GH_STR("https://tokens.example.com"),
                              .audiences = audiences,
                              .n_audiences = 1 };
}


gh_reason_t
gh_test_judge(gh_str_t token, const gh_jwks_t *keys,
              const gh_jwt_policy_t *policy)
{
    gh_reason_t reason = GH_REASON_NONE;
    json_t *claims = NULL;
    gh_jwt_t jwt;

    /* a copy of exactly this size: reading past it is a sanitizer report */
    char *text = malloc(token.len + 1);

    assert_non_null(text);
    memcpy(text, token.data, token.len);

    char *exact = realloc(text, token.len > 0 ? token.len : 1);
    gh_str_t copy = { exact, token.len };

    assert_non_null(exact);

    gh_rc_t rc = gh_jwt_parse(copy, &jwt, &reason);

    if (rc == GH_OK) {
        rc = gh_jwt_peek(&jwt, &claims, &reason);
    }

    if (rc == GH_OK) {
        rc = gh_jwt_check_claims(&jwt, claims, policy, GH_TEST_NOW, &reason);
    }

    if (rc == GH_OK) {
        rc = gh_jwt_verify(&jwt, keys, policy->algs, &reason);
    }

    json_decref(claims);
    gh_jwt_clear(&jwt);
    free(exact);

    /* a refusal has a reason, and no reason comes without a refusal */
    assert_true((rc == GH_OK) == (reason == GH_REASON_NONE));
    return rc == GH_OK ? GH_REASON_OK : reason;
}


gh_reason_t
gh_test_parse(gh_str_t token)
{
    gh_reason_t reason = GH_REASON_NONE;
    gh_jwt_t jwt;
    gh_rc_t rc = gh_jwt_parse(token, &jwt, &reason);

    if (rc == GH_OK) {
        assert_int_equal(reason, GH_REASON_NONE);
        gh_jwt_clear(&jwt);
        return GH_REASON_OK;
    }

    assert_int_equal(rc, GH_INVALID);
    assert_null(jwt.header);
    return reason;
}


gh_reason_t
gh_test_verify(gh_str_t token, const gh_jwks_t *keys, gh_algs_t algs)
{
    gh_reason_t reason = GH_REASON_OK;
    gh_jwt_t jwt;

    assert_int_equal(gh_jwt_parse(token, &jwt, &reason), GH_OK);

    gh_rc_t rc = gh_jwt_verify(&jwt, keys, algs, &reason);
    gh_rc_t expected = reason == GH_REASON_OK                  ? GH_OK
                       : reason == GH_REASON_TOKEN_KEY_UNKNOWN ? GH_ABSENT
                                                               : GH_DENIED;

    gh_jwt_clear(&jwt);
    assert_int_equal(rc, expected);
    assert_int_equal(ERR_peek_error(), 0);
    return reason;
}


/* Texts live in a ring, so that a story can be told without freeing. */
static gh_buf_t *
next_text(void)
{
    static char room[TEXTS][TEXT_MAX];
    static gh_buf_t texts[TEXTS];
    static size_t next;

    size_t i = next++ % TEXTS;

    texts[i] = (gh_buf_t){ room[i], 0, TEXT_MAX };
    return &texts[i];
}
