/*
 * The claims of a logout token (OpenID Connect Back-Channel Logout 1.0
 * section 2.6): that it is one, and no id_token somebody caught.
 */

#include "gh_oidc.h"

#define EVENT "http://schemas.openid.net/event/backchannel-logout"
#define AGE_MAX_S 120
#define TEXT_MAX 255


static const char *check_token(const gh_jwt_t *jwt, const json_t *claims,
                               const gh_id_token_rules_t *rules,
                               int64_t now_s);
static const char *read_whom(const json_t *claims, gh_logout_token_t *out);
static bool read_text(const json_t *claims, const char *name, gh_str_t *out);


gh_rc_t
gh_logout_token_check(const gh_jwt_t *jwt, const json_t *claims,
                      const gh_id_token_rules_t *rules, int64_t now_s,
                      gh_logout_token_t *out, const char **what)
{
    memset(out, 0, sizeof(*out));
    *what = check_token(jwt, claims, rules, now_s);

    if (*what == NULL) {
        *what = read_whom(claims, out);
    }

    if (*what == NULL) {
        return GH_OK;
    }

    memset(out, 0, sizeof(*out));

    return GH_DENIED;
}


/* NULL, or the claim that is not as it must be. */
static const char *
check_token(const gh_jwt_t *jwt, const json_t *claims,
            const gh_id_token_rules_t *rules, int64_t now_s)
{
    static const gh_str_t types[] = { { "logout+jwt", 10 },
                                      { "JWT", 3 },
                                      { "", 0 } };

    const gh_jwt_policy_t policy = { .issuer = rules->issuer,
                                     .audiences = &rules->client_id,
                                     .n_audiences = 1,
                                     .types = types,
                                     .n_types = 3,
                                     .skew_s = rules->skew_s,
                                     .max_age_s = AGE_MAX_S,
                                     .exp_optional = true };
    gh_algs_t algs = rules->algs != 0 ? rules->algs : GH_ALGS_DEFAULT;
    gh_reason_t reason = GH_REASON_NONE;

    if ((algs & 1u << jwt->alg) == 0) {
        return "alg";
    }

    if (gh_jwt_check_claims(jwt, claims, &policy, now_s, &reason) == GH_OK) {
        return NULL;
    }

    return reason == GH_REASON_TOKEN_TYPE       ? "typ"
           : reason == GH_REASON_TOKEN_ISSUER   ? "iss"
           : reason == GH_REASON_TOKEN_AUDIENCE ? "aud"
                                                : "iat, exp or nbf";
}


static const char *
read_whom(const json_t *claims, gh_logout_token_t *out)
{
    const json_t *events = json_object_get(claims, "events");

    if (!json_is_object(json_object_get(events, EVENT))) {
        return "events";
    }

    if (json_object_get(claims, "nonce") != NULL) {
        return "nonce";
    }

    if (gh_json_date(claims, "iat", &out->made_at_s) != GH_OK) {
        return "iat, exp or nbf";
    }

    if (!read_text(claims, "jti", &out->jti) || out->jti.len == 0) {
        return "jti";
    }

    if (!read_text(claims, "sid", &out->sid)) {
        return "sid";
    }

    if (!read_text(claims, "sub", &out->sub)) {
        return "sub";
    }

    return out->sid.len == 0 && out->sub.len == 0 ? "sid and sub" : NULL;
}


/* Absent is fine, empty is not. */
static bool
read_text(const json_t *claims, const char *name, gh_str_t *out)
{
    gh_rc_t rc = gh_json_str(claims, name, out);

    return rc == GH_ABSENT
           || (rc == GH_OK && out->len > 0 && out->len <= TEXT_MAX);
}
