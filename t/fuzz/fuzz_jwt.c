/*
 * A token, or a header and claims in JSON with a newline between them, which
 * are made into a token: nothing but what the keys below have signed may be
 * accepted, whatever else is said; every refusal has a reason; and a parsed
 * token has one text.
 */

#include "fuzz.h"

#include "gh_bytes.h"
#include "gh_jwt.h"

#include <openssl/err.h>

#define NOW INT64_C(1800000000)


static gh_jwks_t *the_keys(void);
static gh_str_t make_token(gh_str_t text, gh_buf_t *out);
static void judge(gh_str_t text);
static gh_rc_t claims_hold(const gh_jwt_t *jwt, gh_reason_t *reason);
static void check_one_text(const gh_jwt_t *jwt);
static void check_signed(gh_str_t signing_input);


/* Public halves; the private ones signed the seeds and are gone. */
static const char keys_json[] =
    "{\"keys\":[{\"use\":\"sig\",\"kid\":\"r\",\"kty\":\"RSA\",\"n\":\"nqWFB"
    "G3Zb_dDWhA1DqOUEWobsilmEGo8qVaOoDE29Kr8SSdHg52UrgsHHrpq8Fnav_IXLCgODSa7"
    "f4jIikYHM-L7YowyO8T4MGIqq03LbZVP7G7-SGjoOgchKFAr0-Zz3LCFwAoIIA3yHp41t0N"
    "F2XWNrqHtdw0p1DQ5rOb9rq5puefPhFNuCVCd43PFR3nokfxIS6MxV8tLKlk7RU17kAg2lh"
    "JjsX8v464uSjYZ5ymHgBPaBEaQAab1OtQ5R9Ru_0rEV9TSIaIEUOzX9GVyfB4wY996-mY7j"
    "42Ki6aYEGKG_UX1OU9RPW5ivx_teYzmN3mMqzAUkTyNBJ2lXYrtWw\",\"e\":\"AQAB\"}"
    ",{\"use\":\"sig\",\"kid\":\"e\",\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
    "\"u5U9nrIjqo5St3jc7RDa-y6UZ0zheDy_TwVmUyp-6ac\",\"y\":\"AmGWj_FOlrnEroz"
    "qafNGzWEfHfIyOkHf0Wog87NjLMA\"},{\"use\":\"sig\",\"kid\":\"e\",\"kty\":"
    "\"EC\",\"crv\":\"P-256\",\"x\":\"S_MlkCkhrCIy6MGDhOtUsSPPQM_tt8e-EIkWQE"
    "rpALA\",\"y\":\"LU2kNqMbzVSlCslV2WBemnx3N5sHmibMShU_Tx-tYiE\"},{\"use\""
    ":\"sig\",\"kid\":\"d\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"3Wwi"
    "sQIDS6-wZ8Mg22MVtkYru42Ew3mXsh4AZKBgmz0\"}]}";

/* What they have signed: these headers, each with this payload. */
static const char *const headers[] = {
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InIifQ",
    "eyJhbGciOiJQUzM4NCIsImtpZCI6InIifQ",
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImUifQ",
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImQifQ",
    "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9",
};

static const char payload[] =
    "eyJpc3MiOiJodHRwczovL2kiLCJhdWQiOlsiYSIsImIiXSwic3ViIjoicyIsImlhdCI6MTc"
    "5OTk5OTk5MCwibmJmIjoxNzk5OTk5OTkwLjUsImV4cCI6MTgwMDAwMDMwMH0";


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char room[2 * GH_JWT_BYTES_MAX];
    gh_buf_t out = GH_BUF(room);
    gh_str_t text = { (const char *) data, size };

    if (size > 0 && data[0] == '{' && size <= GH_JWT_BYTES_MAX) {
        text = make_token(text, &out);
    }

    judge(text);
    return 0;
}


/* Made once: a set is read-only. */
static gh_jwks_t *
the_keys(void)
{
    static gh_jwks_t *keys;

    if (keys == NULL) {
        require(gh_jwks_parse(gh_str(keys_json), gh_alloc_libc(), &keys, NULL)
                == GH_OK);
        require(gh_jwks_count(keys) == 4);
    }

    return keys;
}


static gh_str_t
make_token(gh_str_t text, gh_buf_t *out)
{
    static const char zeros[64];
    gh_str_t claims, header = gh_str_cut(text, '\n', &claims);

    require(gh_base64url_encode(header, out) == GH_OK);
    require(gh_buf_add_char(out, '.') == GH_OK);
    require(gh_base64url_encode(claims, out) == GH_OK);
    require(gh_buf_add_char(out, '.') == GH_OK);
    require(gh_base64url_encode((gh_str_t){ zeros, sizeof(zeros) }, out)
            == GH_OK);

    return gh_buf_str(out);
}


static void
judge(gh_str_t text)
{
    gh_reason_t reason = GH_REASON_NONE;
    gh_jwt_t jwt;

    gh_rc_t rc = gh_jwt_parse(text, &jwt, &reason);

    require(rc == GH_OK || rc == GH_INVALID);
    require((rc == GH_OK) == (reason == GH_REASON_NONE));

    if (rc != GH_OK) {
        require(jwt.header == NULL);
        return;
    }

    require(text.len <= GH_JWT_BYTES_MAX && jwt.kid.len <= GH_KID_MAX);
    require(jwt.alg > GH_ALG_NONE && jwt.alg < GH_ALG_COUNT);
    check_one_text(&jwt);

    (void) claims_hold(&jwt, &reason);

    /* also where the claims do not hold, and with every algorithm allowed */
    rc = gh_jwt_verify(&jwt, the_keys(), ~(gh_algs_t) 0, &reason);
    require(rc == GH_OK || rc == GH_DENIED || rc == GH_ABSENT);
    require(ERR_peek_error() == 0);

    if (rc == GH_OK) {
        check_signed(jwt.signing_input);
    }

    gh_jwt_clear(&jwt);
}


static gh_rc_t
claims_hold(const gh_jwt_t *jwt, gh_reason_t *reason)
{
    static const gh_str_t audiences[] = { { "a", 1 } };
    gh_jwt_policy_t policy = { .issuer = GH_STR("https://i"),
                               .audiences = audiences,
                               .n_audiences = 1,
                               .skew_s = 5,
                               .max_age_s = 600,
                               .refuse_id_tokens = true };
    json_t *claims;
    int64_t exp_s;

    gh_rc_t rc = gh_jwt_peek(jwt, &claims, reason);

    require((rc == GH_OK) == (claims != NULL));

    if (rc != GH_OK) {
        require(rc == GH_INVALID && *reason != GH_REASON_NONE);
        return rc;
    }

    rc = gh_jwt_check_claims(jwt, claims, &policy, NOW, reason);
    require(rc == GH_OK || (rc == GH_DENIED && *reason != GH_REASON_NONE));

    if (rc == GH_OK) {
        require(gh_json_date(claims, "exp", &exp_s) == GH_OK
                && exp_s + 5 > NOW);
        require(gh_jwt_recheck(claims, &policy, exp_s + 5, reason)
                == GH_DENIED);
    }

    json_decref(claims);
    return rc;
}


static void
check_one_text(const gh_jwt_t *jwt)
{
    char room[2 * GH_SIGNATURE_MAX];
    gh_buf_t out = GH_BUF(room);
    gh_str_t signature = { jwt->signature, jwt->signature_len };

    require(gh_base64url_encode(signature, &out) == GH_OK);
    require(gh_str_eq(gh_buf_str(&out), jwt->signature_b64));
}


static void
check_signed(gh_str_t signing_input)
{
    gh_str_t rest, header = gh_str_cut(signing_input, '.', &rest);
    bool known = false;

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        known = known || gh_str_eq(header, gh_str(headers[i]));
    }

    require(known && gh_str_eq(rest, gh_str(payload)));
}
