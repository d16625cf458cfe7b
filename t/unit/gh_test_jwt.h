/*
 * What the stories about keys and tokens share: keys that are made once per
 * program, key sets and tokens of them, and a judge that walks a token
 * through every check in the order a gate does.
 */

#ifndef GH_TEST_JWT_H
#define GH_TEST_JWT_H

#include "gh_test.h"

#include "gh_jwt.h"

#define GH_TEST_NOW INT64_C(1800000000)

/* Claims that hold at GH_TEST_NOW under gh_test_policy(). */
#define GH_TEST_CLAIMS                                                        \
    "{\"iss\":\"https://tokens.example.com\","                                \
    "\"aud\":\"https://api.example.com\",\"sub\":\"alice\","                  \
    "\"exp\":1800000300}"


/* Ours and somebody else's private key for alg; kept for the program. */
EVP_PKEY *gh_test_key(gh_alg_t alg);
EVP_PKEY *gh_test_other_key(gh_alg_t alg);
gh_str_t gh_test_secret(void); /* of HS*: 64 bytes */

/* A set of the keys written in JSON, parsed; the caller destroys it. */
gh_jwks_t *gh_test_jwks(const char *json_keys);
/* A set of the public half of gh_test_key(alg), called kid, no "alg". */
gh_jwks_t *gh_test_jwks_of(gh_alg_t alg, const char *kid);
/* That key as JSON; kept until 64 more have been asked for. */
const char *gh_test_jwk(EVP_PKEY *pkey, gh_alg_t alg, const char *kid);

/*
 * Tokens and parts of them; texts are kept until 64 more have been made.
 * header is JSON, taken as it is; a NULL header is gh_jwt_sign's own.
 */
gh_str_t gh_test_token(gh_alg_t alg, const char *header, const char *claims);
gh_str_t gh_test_token_by(EVP_PKEY *pkey, gh_alg_t alg, const char *header,
                          const char *claims);
/* Under {"alg":...,"kid":...}, claims of GH_TEST_CLAIMS; kid may be NULL. */
gh_str_t gh_test_token_kid(gh_alg_t alg, const char *kid);
gh_str_t gh_test_text(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
gh_str_t gh_test_base64url(gh_str_t bytes);
/* The token with another signature. */
gh_str_t gh_test_resigned(gh_str_t token, gh_str_t signature);
/* The bytes of its signature, in room. */
gh_str_t gh_test_signature(gh_str_t token, char room[GH_SIGNATURE_MAX]);

/* t/unit/data/NAME as JSON, seen from the root of the source; owned. */
json_t *gh_test_data(const char *name);

/* Issuer and audience of GH_TEST_CLAIMS, no skew, everything else off. */
gh_jwt_policy_t gh_test_policy(void);

/* GH_REASON_OK, or why the token is refused at GH_TEST_NOW. */
gh_reason_t gh_test_judge(gh_str_t token, const gh_jwks_t *keys,
                          const gh_jwt_policy_t *policy);

/* The word of it, so that a failing test says which. */
#define assert_judged(token, keys, policy, reason)                            \
    assert_str(gh_reason_info(gh_test_judge(token, keys, policy))->word,      \
               gh_reason_info(reason)->word.data)

/* The same of gh_jwt_parse alone. */
gh_reason_t gh_test_parse(gh_str_t token);

#define assert_parsed(token, reason)                                          \
    assert_str(gh_reason_info(gh_test_parse(token))->word,                    \
               gh_reason_info(reason)->word.data)

/* The same of gh_jwt_verify alone. */
gh_reason_t gh_test_verify(gh_str_t token, const gh_jwks_t *keys,
                           gh_algs_t algs);

#define assert_verified(token, keys, algs, reason)                            \
    assert_str(gh_reason_info(gh_test_verify(token, keys, algs))->word,       \
               gh_reason_info(reason)->word.data)


#endif
