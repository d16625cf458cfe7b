/*
 * The relying party's side of OpenID Connect without any I/O: where to send
 * the browser, what to post to the token endpoint, and what to believe of
 * what comes back (OpenID Connect Core 1.0, RFC 6749, 7636, 7523, 9207).
 */

#ifndef GH_OIDC_H
#define GH_OIDC_H

#include "gh_form.h"
#include "gh_jwt.h"
#include "gh_provider.h"
#include "gh_secret.h"

#define GH_OIDC_REPLY_MAX 1048576 /* bytes of a token or userinfo reply */
#define GH_OIDC_TOKEN_MAX 16384   /* bytes of one token that is kept */


/* The client, as configured; borrowed. */
typedef struct {
    gh_str_t issuer, client_id, client_secret;
    gh_client_auth_t auth; /* never AUTO here: gh_oidc_client_auth */
    EVP_PKEY *key;         /* private_key_jwt */
    gh_alg_t key_alg;
    gh_str_t kid;
    gh_str_t redirect_uri; /* absolute, as registered */
    gh_str_t scope;        /* "openid profile email" */
} gh_oidc_client_t;

/* What one login carries from its begin to its callback. */
typedef struct {
    gh_str_t state;     /* the parameter, sealed: gh_login.h */
    gh_str_t nonce;     /* base64url */
    gh_str_t challenge; /* base64url of SHA-256 of the verifier */
} gh_oidc_ask_t;

/* The configured way, or for AUTO the best that the provider offers and the
 * client has: a key, basic, post. GH_ABSENT: none fits. */
gh_rc_t gh_oidc_client_auth(const gh_provider_t *p, gh_client_auth_t wanted,
                            bool has_key, gh_client_auth_t *out);

/*
 * The address for the browser: the authorization endpoint (its own query
 * kept) with response_type=code, client_id, redirect_uri, scope, state,
 * nonce, code_challenge, code_challenge_method=S256, then `extra` (name=value
 * pairs, ours win over equal names). GH_TOO_LONG.
 */
gh_rc_t gh_oidc_authorize_url(const gh_provider_t *p,
                              const gh_oidc_client_t *client,
                              const gh_oidc_ask_t *ask,
                              const gh_form_field_t *extra, size_t n_extra,
                              gh_buf_t *out);

/*
 * Forms for the token and revocation endpoints, and what stands in
 * Authorization (empty unless basic). jti: 16 random bytes for
 * private_key_jwt, whose audience is the issuer and nothing else
 * (RFC 7523bis), typ "client-authentication+jwt", and which lives 60 s.
 * GH_TOO_LONG, GH_INVALID (the key does not sign), GH_NOMEM. The buffers hold
 * secrets: the caller wipes them.
 */
typedef struct {
    gh_buf_t *form, *authorization;
    const uint8_t *jti; /* 16 bytes */
    int64_t now_s;
} gh_oidc_post_t;

gh_rc_t gh_oidc_post_code(const gh_oidc_client_t *client, gh_str_t code,
                          gh_str_t verifier, gh_oidc_post_t *post);
gh_rc_t gh_oidc_post_refresh(const gh_oidc_client_t *client, gh_str_t token,
                             gh_oidc_post_t *post);
gh_rc_t gh_oidc_post_revoke(const gh_oidc_client_t *client, gh_str_t token,
                            gh_str_t hint, gh_oidc_post_t *post);

/*
 * The end_session_endpoint with id_token_hint, client_id,
 * post_logout_redirect_uri and state, each unless empty (RP-Initiated Logout
 * 1.0). GH_ABSENT: the provider has none.
 */
gh_rc_t gh_oidc_logout_url(const gh_provider_t *p, gh_str_t client_id,
                           gh_str_t id_token, gh_str_t back, gh_str_t state,
                           gh_buf_t *out);

/* The token endpoint's answer (RFC 6749 sections 5.1, 5.2). */
typedef struct {
    gh_str_t access_token, id_token, refresh_token, scope;
    int64_t expires_in_s; /* 0: not said */
    json_t *document;     /* owned; wiped by gh_oidc_reply_clear */
} gh_oidc_reply_t;

/*
 * GH_OK        200, a JSON object with access_token, token_type Bearer (in
 *              any case); when `login`, with id_token. Clear it.
 * GH_DENIED    the provider refused: *error is its code, cut to 64 visible
 *              ASCII bytes without quotes, and stands in room
 * GH_INVALID   anything else; *error says what, static
 * GH_NOMEM
 */
gh_rc_t gh_oidc_reply_parse(long status, gh_str_t body, bool login,
                            gh_buf_t *room, gh_oidc_reply_t *out,
                            gh_str_t *error);
void gh_oidc_reply_clear(gh_oidc_reply_t *reply);


/* What an id_token must say (Core section 3.1.3.7); borrowed. */
typedef struct {
    gh_str_t issuer, client_id;
    gh_algs_t algs;        /* 0: GH_ALGS_DEFAULT */
    gh_str_t nonce;        /* required of a login; of a refresh only looked
                               at when both have one (section 12.2) */
    gh_str_t access_token; /* for at_hash; empty: not looked at */
    gh_str_t code;         /* for c_hash; the same */
    gh_str_t subject;      /* a refresh: must be the same; empty: a login */
    int64_t max_age_s;     /* of auth_time; 0: not asked */
    const gh_str_t *acr;   /* any of; n_acr 0: not asked */
    size_t n_acr;
    int64_t skew_s;
} gh_id_token_rules_t;

/*
 * All of it but the signature: typ, iss exact, sub (1 to 255 bytes), aud has
 * the client and nothing that azp does not explain, azp if there is the
 * client, exp, iat (required) and nbf within the skew, nonce, at_hash, c_hash
 * when there, auth_time and acr as asked. GH_DENIED: *what (static) names the
 * claim; for the log.
 */
gh_rc_t gh_id_token_check(const gh_jwt_t *jwt, const json_t *claims,
                          const gh_id_token_rules_t *rules, int64_t now_s,
                          const char **what);

/*
 * A logout token (Back-Channel Logout 1.0 section 2.6) but its signature:
 * iss, aud, iat (at most two minutes old), exp if there, jti, events, sid or
 * sub, no nonce. GH_DENIED as above; sid, sub and jti are views into claims.
 */
typedef struct {
    gh_str_t sid, sub, jti;
    int64_t made_at_s; /* iat */
} gh_logout_token_t;

gh_rc_t gh_logout_token_check(const gh_jwt_t *jwt, const json_t *claims,
                              const gh_id_token_rules_t *rules, int64_t now_s,
                              gh_logout_token_t *out, const char **what);

/*
 * Userinfo: a JSON object whose sub is the id_token's (Core section 5.3.2).
 *
 * GH_OK       *claims is owned by the caller
 * GH_DENIED   it is about somebody else, or does not say about whom
 * GH_INVALID  anything else; *what as above
 * GH_NOMEM
 */
gh_rc_t gh_userinfo_parse(long status, gh_str_t content_type, gh_str_t body,
                          gh_str_t sub, json_t **claims, const char **what);


#endif
