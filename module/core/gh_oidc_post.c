/*
 * What is posted to a provider: a code, a refresh token, a token to be
 * revoked (RFC 6749 sections 4.1.3 and 6, RFC 7009), and how the client
 * proves who it is there (sections 2.3.1, RFC 7523).
 */

#include "gh_oidc.h"

#include "gh_bytes.h"

#include <openssl/crypto.h>

#define ASSERTION_LIFE_S 60
#define ASSERTION_MAX 8192
#define CLAIMS_MAX 4096
#define CREDENTIALS_MAX 4096


static gh_rc_t post(const gh_oidc_client_t *client,
                    const gh_form_field_t *fields, size_t n,
                    gh_oidc_post_t *post);
static gh_rc_t prove(const gh_oidc_client_t *client, gh_oidc_post_t *post);
static gh_rc_t basic(const gh_oidc_client_t *client, gh_buf_t *out);
static gh_rc_t assert_key(const gh_oidc_client_t *client,
                          gh_oidc_post_t *post);
static gh_rc_t sign(const gh_oidc_client_t *client, const gh_oidc_post_t *post,
                    gh_buf_t *out);
static gh_rc_t write_header(const gh_oidc_client_t *client, gh_buf_t *out);
static gh_rc_t write_claims(const gh_oidc_client_t *client,
                            const gh_oidc_post_t *post, gh_buf_t *out);
static gh_rc_t add_member(const char *before, gh_str_t value, gh_buf_t *out);
static gh_rc_t add_number(const char *before, int64_t n, gh_buf_t *out);


gh_rc_t
gh_oidc_post_code(const gh_oidc_client_t *client, gh_str_t code,
                  gh_str_t verifier, gh_oidc_post_t *out)
{
    const gh_form_field_t fields[] = {
        { GH_STR("grant_type"), GH_STR("authorization_code") },
        { GH_STR("code"), code },
        { GH_STR("redirect_uri"), client->redirect_uri },
        { GH_STR("code_verifier"), verifier },
    };

    return post(client, fields, sizeof(fields) / sizeof(fields[0]), out);
}


gh_rc_t
gh_oidc_post_refresh(const gh_oidc_client_t *client, gh_str_t token,
                     gh_oidc_post_t *out)
{
    const gh_form_field_t fields[] = {
        { GH_STR("grant_type"), GH_STR("refresh_token") },
        { GH_STR("refresh_token"), token },
    };

    return post(client, fields, sizeof(fields) / sizeof(fields[0]), out);
}


gh_rc_t
gh_oidc_post_revoke(const gh_oidc_client_t *client, gh_str_t token,
                    gh_str_t hint, gh_oidc_post_t *out)
{
    const gh_form_field_t fields[] = {
        { GH_STR("token"), token },
        { GH_STR("token_type_hint"), hint },
    };

    return post(client, fields, hint.len > 0 ? 2 : 1, out);
}


static gh_rc_t
post(const gh_oidc_client_t *client, const gh_form_field_t *fields, size_t n,
     gh_oidc_post_t *out)
{
    size_t form = out->form->len, authorization = out->authorization->len;
    gh_rc_t rc = GH_OK;

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        rc = gh_form_add(out->form, fields[i].name, fields[i].value);
    }

    if (rc == GH_OK) {
        rc = prove(client, out);
    }

    if (rc != GH_OK) {
        out->form->len = form;
        out->authorization->len = authorization;
    }

    return rc;
}


static gh_rc_t
prove(const gh_oidc_client_t *client, gh_oidc_post_t *out)
{
    gh_rc_t rc;

    switch (client->auth) {

    case GH_CLIENT_AUTH_BASIC:
        return basic(client, out->authorization);

    case GH_CLIENT_AUTH_POST:
        rc = gh_form_add(out->form, GH_STR("client_id"), client->client_id);

        return rc == GH_OK ? gh_form_add(out->form, GH_STR("client_secret"),
                                         client->client_secret)
                           : rc;

    case GH_CLIENT_AUTH_KEY:
        return assert_key(client, out);

    case GH_CLIENT_AUTH_NONE:
        return gh_form_add(out->form, GH_STR("client_id"), client->client_id);

    default:
        return GH_INVALID;
    }
}


/* Each half encoded, so that a ':' in the id is none (section 2.3.1). */
static gh_rc_t
basic(const gh_oidc_client_t *client, gh_buf_t *out)
{
    char room[CREDENTIALS_MAX];
    gh_buf_t both = GH_BUF(room);
    gh_rc_t rc = gh_form_encode(client->client_id, &both);

    if (rc == GH_OK) {
        rc = gh_buf_add_char(&both, ':');
    }

    if (rc == GH_OK) {
        rc = gh_form_encode(client->client_secret, &both);
    }

    if (rc == GH_OK) {
        rc = gh_buf_add(out, GH_STR("Basic "));
    }

    if (rc == GH_OK) {
        rc = gh_base64_encode(gh_buf_str(&both), out);
    }

    OPENSSL_cleanse(room, sizeof(room));

    return rc;
}


static gh_rc_t
assert_key(const gh_oidc_client_t *client, gh_oidc_post_t *out)
{
    char room[ASSERTION_MAX];
    gh_buf_t assertion = GH_BUF(room);
    gh_rc_t rc = sign(client, out, &assertion);

    if (rc == GH_OK) {
        rc = gh_form_add(out->form, GH_STR("client_id"), client->client_id);
    }

    if (rc == GH_OK) {
        rc = gh_form_add(out->form, GH_STR("client_assertion_type"),
                         GH_STR("urn:ietf:params:oauth:"
                                "client-assertion-type:jwt-bearer"));
    }

    if (rc == GH_OK) {
        rc = gh_form_add(out->form, GH_STR("client_assertion"),
                         gh_buf_str(&assertion));
    }

    OPENSSL_cleanse(room, sizeof(room));

    return rc;
}


static gh_rc_t
sign(const gh_oidc_client_t *client, const gh_oidc_post_t *out_post,
     gh_buf_t *out)
{
    char header_room[CLAIMS_MAX], claims_room[CLAIMS_MAX];
    gh_buf_t header = GH_BUF(header_room), claims = GH_BUF(claims_room);

    if (client->key == NULL) {
        return GH_INVALID;
    }

    gh_rc_t rc = write_header(client, &header);

    if (rc == GH_OK) {
        rc = write_claims(client, out_post, &claims);
    }

    return rc == GH_OK
               ? gh_jwt_sign_header(client->key_alg, gh_buf_str(&header),
                                    client->key, gh_buf_str(&claims), out)
               : rc;
}


static gh_rc_t
write_header(const gh_oidc_client_t *client, gh_buf_t *out)
{
    gh_rc_t rc = add_member("{\"alg\":", gh_alg_name(client->key_alg), out);

    if (rc == GH_OK) {
        rc = gh_buf_add(out, GH_STR(",\"typ\":\"client-authentication+jwt\""));
    }

    if (rc == GH_OK && client->kid.len > 0) {
        rc = add_member(",\"kid\":", client->kid, out);
    }

    return rc == GH_OK ? gh_buf_add_char(out, '}') : rc;
}


/*
 * The issuer and nothing else as audience, whatever endpoint this goes to:
 * an assertion that a hostile provider is sent is of no use to it at ours.
 */
static gh_rc_t
write_claims(const gh_oidc_client_t *client, const gh_oidc_post_t *out_post,
             gh_buf_t *out)
{
    char room[32];
    gh_buf_t jti = GH_BUF(room);
    gh_rc_t rc = gh_base64url_encode(
        (gh_str_t){ (const char *) out_post->jti, 16 }, &jti);

    if (rc == GH_OK) {
        rc = add_member("{\"iss\":", client->client_id, out);
    }

    if (rc == GH_OK) {
        rc = add_member(",\"sub\":", client->client_id, out);
    }

    if (rc == GH_OK) {
        rc = add_member(",\"aud\":", client->issuer, out);
    }

    if (rc == GH_OK) {
        rc = add_member(",\"jti\":", gh_buf_str(&jti), out);
    }

    if (rc == GH_OK) {
        rc = add_number(",\"iat\":", out_post->now_s, out);
    }

    if (rc == GH_OK) {
        rc = add_number(",\"exp\":", out_post->now_s + ASSERTION_LIFE_S, out);
    }

    return rc == GH_OK ? gh_buf_add_char(out, '}') : rc;
}


static gh_rc_t
add_member(const char *before, gh_str_t value, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add(out, gh_str(before));

    return rc == GH_OK ? gh_json_quote(value, out) : rc;
}


static gh_rc_t
add_number(const char *before, int64_t n, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add(out, gh_str(before));

    return rc == GH_OK ? gh_buf_add_u64(out, n < 0 ? 0 : (uint64_t) n) : rc;
}
