/*
 * The claims of a token against a policy (RFC 7519 section 4.1, RFC 8725
 * section 3): who made it, for whom, of which kind, and when it holds. No
 * claim is believed here; that takes the signature too.
 */

#include "gh_jwt.h"


static gh_rc_t check_type(const json_t *header, const gh_jwt_policy_t *p,
                          gh_reason_t *reason);
static bool same_type(gh_str_t a, gh_str_t b);
static gh_str_t short_type(gh_str_t type);
static gh_rc_t check_issuer(const json_t *claims, const gh_jwt_policy_t *p,
                            gh_reason_t *reason);
static gh_rc_t check_audience(const json_t *claims, const gh_jwt_policy_t *p,
                              gh_reason_t *reason);
static bool is_for_us(const json_t *audience, const gh_jwt_policy_t *p);
static gh_rc_t check_kind(const json_t *claims, const gh_jwt_policy_t *p,
                          gh_reason_t *reason);
static gh_rc_t check_times(const json_t *claims, const gh_jwt_policy_t *p,
                           int64_t now_s, gh_reason_t *reason);
static gh_rc_t check_age(const json_t *claims, const gh_jwt_policy_t *p,
                         int64_t now_s, gh_reason_t *reason);
static int64_t skew_of(const gh_jwt_policy_t *p);
static gh_rc_t deny(gh_reason_t why, gh_reason_t *reason);


/* A resource server's: RFC 7519 section 5.1, RFC 9068 section 2.1 */
static const gh_str_t default_types[] = {
    { "", 0 },
    { "JWT", 3 },
    { "at+jwt", 6 },
};

/*
 * Claims of ID tokens (OpenID Connect Core section 3.3.2.11) and of logout
 * and event tokens (RFC 8417 section 2.2).
 */
static const char *const foreign_claims[] = { "nonce", "at_hash", "c_hash",
                                              "s_hash", "events" };


gh_rc_t
gh_jwt_check_claims(const gh_jwt_t *jwt, const json_t *claims,
                    const gh_jwt_policy_t *p, int64_t now_s,
                    gh_reason_t *reason)
{
    gh_rc_t rc = check_type(jwt->header, p, reason);

    return rc == GH_OK ? gh_jwt_recheck(claims, p, now_s, reason) : rc;
}


gh_rc_t
gh_jwt_recheck(const json_t *claims, const gh_jwt_policy_t *p, int64_t now_s,
               gh_reason_t *reason)
{
    gh_rc_t rc = check_issuer(claims, p, reason);

    if (rc == GH_OK) {
        rc = check_audience(claims, p, reason);
    }

    if (rc == GH_OK) {
        rc = check_times(claims, p, now_s, reason);
    }

    if (rc == GH_OK) {
        rc = check_age(claims, p, now_s, reason);
    }

    return rc == GH_OK ? check_kind(claims, p, reason) : rc;
}


static gh_rc_t
check_type(const json_t *header, const gh_jwt_policy_t *p, gh_reason_t *reason)
{
    const gh_str_t *types = p->types;
    size_t n = p->n_types;
    gh_str_t type = { "", 0 };

    if (types == NULL) {
        types = default_types;
        n = sizeof(default_types) / sizeof(default_types[0]);
    }

    gh_rc_t rc = gh_json_str(header, "typ", &type);

    /* a typ that is there and empty is not a typ that is absent */
    if (rc == GH_INVALID || (rc == GH_OK && type.len == 0)) {
        return deny(GH_REASON_TOKEN_TYPE, reason);
    }

    for (size_t i = 0; i < n; i++) {
        if (same_type(type, types[i])) {
            return GH_OK;
        }
    }

    return deny(GH_REASON_TOKEN_TYPE, reason);
}


static bool
same_type(gh_str_t a, gh_str_t b)
{
    return gh_str_eq_nocase(short_type(a), short_type(b));
}


/* RFC 7515 section 4.1.9: "application/" is implied, if no other '/' is. */
static gh_str_t
short_type(gh_str_t type)
{
    const gh_str_t implied = GH_STR("application/");

    if (type.len <= implied.len
        || !gh_str_eq_nocase((gh_str_t){ type.data, implied.len }, implied))
    {
        return type;
    }

    gh_str_t rest = { type.data + implied.len, type.len - implied.len };

    return memchr(rest.data, '/', rest.len) == NULL ? rest : type;
}


static gh_rc_t
check_issuer(const json_t *claims, const gh_jwt_policy_t *p,
             gh_reason_t *reason)
{
    gh_str_t issuer;

    if (p->issuer.len == 0 || gh_json_str(claims, "iss", &issuer) != GH_OK
        || !gh_str_eq(issuer, p->issuer))
    {
        return deny(GH_REASON_TOKEN_ISSUER, reason);
    }

    return GH_OK;
}


/* One string, or an array of nothing but strings (RFC 7519 section 4.1.3). */
static gh_rc_t
check_audience(const json_t *claims, const gh_jwt_policy_t *p,
               gh_reason_t *reason)
{
    const json_t *aud = json_object_get(claims, "aud");
    bool found = false;

    if (json_is_string(aud)) {
        found = is_for_us(aud, p);
    }

    for (size_t i = 0; i < json_array_size(aud); i++) {
        const json_t *one = json_array_get(aud, i);

        if (!json_is_string(one)) {
            return deny(GH_REASON_TOKEN_AUDIENCE, reason);
        }

        found = found || is_for_us(one, p);
    }

    return found ? GH_OK : deny(GH_REASON_TOKEN_AUDIENCE, reason);
}


static bool
is_for_us(const json_t *audience, const gh_jwt_policy_t *p)
{
    gh_str_t name = { json_string_value(audience),
                      json_string_length(audience) };

    for (size_t i = 0; i < p->n_audiences; i++) {
        if (name.len > 0 && gh_str_eq(name, p->audiences[i])) {
            return true;
        }
    }

    return false;
}


static gh_rc_t
check_times(const json_t *claims, const gh_jwt_policy_t *p, int64_t now_s,
            gh_reason_t *reason)
{
    int64_t exp_s, nbf_s;

    gh_rc_t rc = gh_json_date(claims, "exp", &exp_s);

    if (rc == GH_INVALID || (rc == GH_ABSENT && !p->exp_optional)) {
        return deny(GH_REASON_TOKEN_CLAIM, reason);
    }

    if (rc == GH_OK && now_s - skew_of(p) >= exp_s) {
        return deny(GH_REASON_TOKEN_EXPIRED, reason);
    }

    rc = gh_json_date(claims, "nbf", &nbf_s);

    if (rc == GH_INVALID) {
        return deny(GH_REASON_TOKEN_CLAIM, reason);
    }

    if (rc == GH_OK && nbf_s > now_s + skew_of(p)) {
        return deny(GH_REASON_TOKEN_NOT_YET, reason);
    }

    return GH_OK;
}


static gh_rc_t
check_age(const json_t *claims, const gh_jwt_policy_t *p, int64_t now_s,
          gh_reason_t *reason)
{
    int64_t iat_s;
    gh_rc_t rc = gh_json_date(claims, "iat", &iat_s);

    if (rc == GH_INVALID || (rc == GH_ABSENT && p->max_age_s > 0)) {
        return deny(GH_REASON_TOKEN_CLAIM, reason);
    }

    if (rc == GH_ABSENT) {
        return GH_OK;
    }

    if (iat_s > now_s + skew_of(p)) {
        return deny(GH_REASON_TOKEN_NOT_YET, reason);
    }

    if (p->max_age_s > 0 && now_s - skew_of(p) - iat_s > p->max_age_s) {
        return deny(GH_REASON_TOKEN_EXPIRED, reason);
    }

    return GH_OK;
}


/* An ID token is for the client, a logout token for nobody but its issuer. */
static gh_rc_t
check_kind(const json_t *claims, const gh_jwt_policy_t *p, gh_reason_t *reason)
{
    size_t n = sizeof(foreign_claims) / sizeof(foreign_claims[0]);
    gh_str_t sub;

    if (gh_json_str(claims, "sub", &sub) == GH_INVALID) {
        return deny(GH_REASON_TOKEN_CLAIM, reason);
    }

    for (size_t i = 0; p->refuse_id_tokens && i < n; i++) {
        if (json_object_get(claims, foreign_claims[i]) != NULL) {
            return deny(GH_REASON_TOKEN_TYPE, reason);
        }
    }

    return GH_OK;
}


void
gh_jwt_span(const json_t *claims, const gh_jwt_policy_t *p, int64_t *from_s,
            int64_t *until_s)
{
    int64_t at_s;

    *from_s = 0;
    *until_s = INT64_MAX;

    if (gh_json_date(claims, "exp", &at_s) == GH_OK) {
        *until_s = at_s + skew_of(p);
    }

    if (gh_json_date(claims, "nbf", &at_s) == GH_OK) {
        *from_s = at_s - skew_of(p);
    }

    if (gh_json_date(claims, "iat", &at_s) != GH_OK) {
        return;
    }

    if (*from_s < at_s - skew_of(p)) {
        *from_s = at_s - skew_of(p);
    }

    /* as old as max_age is not too old */
    if (p->max_age_s > 0 && p->max_age_s < *until_s - at_s - skew_of(p) - 1) {
        *until_s = at_s + skew_of(p) + p->max_age_s + 1;
    }
}


static int64_t
skew_of(const gh_jwt_policy_t *p)
{
    if (p->skew_s < 0) {
        return 0;
    }

    return p->skew_s < GH_JWT_SKEW_MAX ? p->skew_s : GH_JWT_SKEW_MAX;
}


static gh_rc_t
deny(gh_reason_t why, gh_reason_t *reason)
{
    *reason = why;
    return GH_DENIED;
}
