/*
 * The claims of an id_token (OpenID Connect Core 1.0 sections 3.1.3.7 and
 * 12.2), beyond what every token must say.
 */

#include "gh_oidc.h"

#include "gh_alg.h"
#include "gh_bytes.h"

#include <openssl/err.h>

#define SUB_MAX 255


static gh_rc_t check_kind(const gh_jwt_t *jwt, const json_t *claims,
                          const gh_id_token_rules_t *rules, int64_t now_s,
                          const char **what);
static const char *name_of(gh_reason_t reason);
static gh_rc_t check_subject(const json_t *claims,
                             const gh_id_token_rules_t *rules,
                             const char **what);
static gh_rc_t check_party(const json_t *claims,
                           const gh_id_token_rules_t *rules,
                           const char **what);
static gh_rc_t check_nonce(const json_t *claims,
                           const gh_id_token_rules_t *rules,
                           const char **what);
static gh_rc_t check_hash(const gh_jwt_t *jwt, const json_t *claims,
                          const char *name, gh_str_t of, const char **what);
static gh_rc_t half_hash(gh_alg_t alg, gh_str_t text, gh_buf_t *out);
static gh_rc_t check_login(const json_t *claims,
                           const gh_id_token_rules_t *rules, int64_t now_s,
                           const char **what);
static gh_rc_t deny(const char *which, const char **what);


gh_rc_t
gh_id_token_check(const gh_jwt_t *jwt, const json_t *claims,
                  const gh_id_token_rules_t *rules, int64_t now_s,
                  const char **what)
{
    *what = NULL;

    gh_rc_t rc = check_kind(jwt, claims, rules, now_s, what);

    if (rc == GH_OK) {
        rc = check_subject(claims, rules, what);
    }

    if (rc == GH_OK) {
        rc = check_party(claims, rules, what);
    }

    if (rc == GH_OK) {
        rc = check_nonce(claims, rules, what);
    }

    if (rc == GH_OK) {
        rc = check_hash(jwt, claims, "at_hash", rules->access_token, what);
    }

    if (rc == GH_OK) {
        rc = check_hash(jwt, claims, "c_hash", rules->code, what);
    }

    return rc == GH_OK ? check_login(claims, rules, now_s, what) : rc;
}


static gh_rc_t
check_kind(const gh_jwt_t *jwt, const json_t *claims,
           const gh_id_token_rules_t *rules, int64_t now_s, const char **what)
{
    static const gh_str_t types[] = { { "", 0 }, { "JWT", 3 } };

    const gh_jwt_policy_t policy = { .issuer = rules->issuer,
                                     .audiences = &rules->client_id,
                                     .n_audiences = 1,
                                     .types = types,
                                     .n_types = 2,
                                     .skew_s = rules->skew_s };
    gh_algs_t algs = rules->algs != 0 ? rules->algs : GH_ALGS_DEFAULT;
    gh_reason_t reason = GH_REASON_NONE;
    int64_t iat_s;

    if ((algs & 1u << jwt->alg) == 0) {
        return deny("alg", what);
    }

    if (gh_json_date(claims, "iat", &iat_s) != GH_OK) {
        return deny("iat", what);
    }

    return gh_jwt_check_claims(jwt, claims, &policy, now_s, &reason) == GH_OK
               ? GH_OK
               : deny(name_of(reason), what);
}


/* A malformed iat has been seen before. */
static const char *
name_of(gh_reason_t reason)
{
    switch (reason) {

    case GH_REASON_TOKEN_TYPE:
        return "typ";

    case GH_REASON_TOKEN_ISSUER:
        return "iss";

    case GH_REASON_TOKEN_AUDIENCE:
        return "aud";

    case GH_REASON_TOKEN_EXPIRED:
        return "exp";

    case GH_REASON_TOKEN_NOT_YET:
        return "iat or nbf";

    default:
        return "exp, nbf or sub";
    }
}


static gh_rc_t
check_subject(const json_t *claims, const gh_id_token_rules_t *rules,
              const char **what)
{
    gh_str_t sub;

    if (gh_json_str(claims, "sub", &sub) != GH_OK || sub.len == 0
        || sub.len > SUB_MAX
        || (rules->subject.len > 0 && !gh_str_eq(sub, rules->subject)))
    {
        return deny("sub", what);
    }

    return GH_OK;
}


/* Audiences beside us are only explained by an azp that says it is ours. */
static gh_rc_t
check_party(const json_t *claims, const gh_id_token_rules_t *rules,
            const char **what)
{
    const json_t *aud = json_object_get(claims, "aud");
    gh_str_t azp;
    gh_rc_t rc = gh_json_str(claims, "azp", &azp);

    if (rc == GH_OK) {
        return gh_str_eq(azp, rules->client_id) ? GH_OK : deny("azp", what);
    }

    if (rc == GH_INVALID) {
        return deny("azp", what);
    }

    for (size_t i = 0; i < json_array_size(aud); i++) {
        const json_t *one = json_array_get(aud, i);
        gh_str_t name = { json_string_value(one), json_string_length(one) };

        if (!gh_str_eq(name, rules->client_id)) {
            return deny("aud", what);
        }
    }

    return GH_OK;
}


static gh_rc_t
check_nonce(const json_t *claims, const gh_id_token_rules_t *rules,
            const char **what)
{
    gh_str_t nonce;
    gh_rc_t rc = gh_json_str(claims, "nonce", &nonce);
    bool refresh = rules->subject.len > 0;

    if (refresh && (rc == GH_ABSENT || rules->nonce.len == 0)) {
        return GH_OK;
    }

    return rc == GH_OK && nonce.len > 0 && gh_str_eq(nonce, rules->nonce)
               ? GH_OK
               : deny("nonce", what);
}


/* The left half of the hash that the algorithm uses (section 3.1.3.6). */
static gh_rc_t
check_hash(const gh_jwt_t *jwt, const json_t *claims, const char *name,
           gh_str_t of, const char **what)
{
    char room[GH_HASH_LEN_MAX];
    gh_buf_t ours = GH_BUF(room);
    gh_str_t theirs;

    if (of.len == 0 || json_object_get(claims, name) == NULL) {
        return GH_OK;
    }

    if (gh_json_str(claims, name, &theirs) != GH_OK) {
        return deny(name, what);
    }

    gh_rc_t rc = half_hash(jwt->alg, of, &ours);

    if (rc == GH_NOMEM) {
        *what = "memory";
        return GH_NOMEM;
    }

    return rc == GH_OK && gh_str_eq(theirs, gh_buf_str(&ours))
               ? GH_OK
               : deny(name, what);
}


/* Ed25519 is made of SHA-512 (RFC 8032 section 5.1). */
static gh_rc_t
half_hash(gh_alg_t alg, gh_str_t text, gh_buf_t *out)
{
    const gh_alg_info_t *info = gh_alg_info(alg);
    gh_hash_t hash =
        info->family == GH_FAMILY_EDDSA ? GH_HASH_SHA512 : info->hash;
    unsigned char digest[GH_HASH_LEN_MAX];
    size_t len;

    if (hash == GH_HASH_NONE) {
        return GH_INVALID;
    }

    if (EVP_Q_digest(NULL, gh_hash_name(hash), NULL, text.data, text.len,
                     digest, &len)
        != 1)
    {
        ERR_clear_error();
        return GH_NOMEM;
    }

    return gh_base64url_encode((gh_str_t){ (char *) digest, len / 2 }, out);
}


static gh_rc_t
check_login(const json_t *claims, const gh_id_token_rules_t *rules,
            int64_t now_s, const char **what)
{
    int64_t auth_s, skew_s = rules->skew_s;
    gh_str_t acr;

    if (skew_s < 0 || skew_s > GH_JWT_SKEW_MAX) {
        skew_s = skew_s < 0 ? 0 : GH_JWT_SKEW_MAX;
    }

    if (rules->max_age_s > 0
        && (gh_json_date(claims, "auth_time", &auth_s) != GH_OK
            || auth_s > now_s + skew_s
            || now_s - skew_s - auth_s > rules->max_age_s))
    {
        return deny("auth_time", what);
    }

    if (rules->n_acr == 0) {
        return GH_OK;
    }

    if (gh_json_str(claims, "acr", &acr) != GH_OK) {
        return deny("acr", what);
    }

    for (size_t i = 0; i < rules->n_acr; i++) {
        if (gh_str_eq(acr, rules->acr[i])) {
            return GH_OK;
        }
    }

    return deny("acr", what);
}


static gh_rc_t
deny(const char *which, const char **what)
{
    *what = which;
    return GH_DENIED;
}
