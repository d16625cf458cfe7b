/*
 * Where a browser is sent: to log in (OpenID Connect Core 1.0 section
 * 3.1.2.1, RFC 7636) and to log out (RP-Initiated Logout 1.0 section 2).
 */

#include "gh_oidc.h"


static gh_rc_t begin(gh_str_t endpoint, gh_buf_t *out);
static gh_rc_t add_all(const gh_form_field_t *fields, size_t n, bool empty,
                       gh_buf_t *out);
static gh_rc_t add(gh_str_t name, gh_str_t value, gh_buf_t *out);
static bool is_ours(gh_str_t name);


/* A request object would say all of it once more, and differently. */
static const gh_str_t ours[] = {
    { "response_type", 13 },  { "client_id", 9 },
    { "redirect_uri", 12 },   { "scope", 5 },
    { "state", 5 },           { "nonce", 5 },
    { "code_challenge", 14 }, { "code_challenge_method", 21 },
    { "response_mode", 13 },  { "request", 7 },
    { "request_uri", 11 },
};


gh_rc_t
gh_oidc_client_auth(const gh_provider_t *p, gh_client_auth_t wanted,
                    bool has_key, gh_client_auth_t *out)
{
    if (wanted != GH_CLIENT_AUTH_AUTO) {
        *out = wanted;
        return wanted == GH_CLIENT_AUTH_KEY && !has_key ? GH_ABSENT : GH_OK;
    }

    if (has_key && (p->client_auth & 1u << GH_CLIENT_AUTH_KEY) != 0) {
        *out = GH_CLIENT_AUTH_KEY;

    } else if ((p->client_auth & 1u << GH_CLIENT_AUTH_BASIC) != 0) {
        *out = GH_CLIENT_AUTH_BASIC;

    } else if ((p->client_auth & 1u << GH_CLIENT_AUTH_POST) != 0) {
        *out = GH_CLIENT_AUTH_POST;

    } else {
        return GH_ABSENT;
    }

    return GH_OK;
}


gh_rc_t
gh_oidc_authorize_url(const gh_provider_t *p, const gh_oidc_client_t *client,
                      const gh_oidc_ask_t *ask, const gh_form_field_t *extra,
                      size_t n_extra, gh_buf_t *out)
{
    const gh_form_field_t fields[] = {
        { GH_STR("response_type"), GH_STR("code") },
        { GH_STR("client_id"), client->client_id },
        { GH_STR("redirect_uri"), client->redirect_uri },
        { GH_STR("scope"), client->scope },
        { GH_STR("state"), ask->state },
        { GH_STR("nonce"), ask->nonce },
        { GH_STR("code_challenge"), ask->challenge },
        { GH_STR("code_challenge_method"), GH_STR("S256") },
    };
    size_t before = out->len;
    gh_rc_t rc = begin(p->authorization_endpoint, out);

    if (rc == GH_OK) {
        rc = add_all(fields, sizeof(fields) / sizeof(fields[0]), true, out);
    }

    for (size_t i = 0; i < n_extra && rc == GH_OK; i++) {
        if (!is_ours(extra[i].name)) {
            rc = add(extra[i].name, extra[i].value, out);
        }
    }

    if (rc != GH_OK) {
        out->len = before;
    }

    return rc;
}


static bool
is_ours(gh_str_t name)
{
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (gh_str_eq(name, ours[i])) {
            return true;
        }
    }

    return false;
}


gh_rc_t
gh_oidc_logout_url(const gh_provider_t *p, gh_str_t client_id,
                   gh_str_t id_token, gh_str_t back, gh_str_t state,
                   gh_buf_t *out)
{
    const gh_form_field_t fields[] = {
        { GH_STR("id_token_hint"), id_token },
        { GH_STR("client_id"), client_id },
        { GH_STR("post_logout_redirect_uri"), back },
        { GH_STR("state"), state },
    };
    size_t before = out->len;

    if (p->end_session_endpoint.len == 0) {
        return GH_ABSENT;
    }

    gh_rc_t rc = begin(p->end_session_endpoint, out);

    if (rc == GH_OK) {
        rc = add_all(fields, sizeof(fields) / sizeof(fields[0]), false, out);
    }

    if (rc != GH_OK) {
        out->len = before;
    }

    return rc;
}


/* The endpoint, its own query kept, so that parameters may follow. */
static gh_rc_t
begin(gh_str_t endpoint, gh_buf_t *out)
{
    gh_str_t query;
    gh_rc_t rc = gh_buf_add(out, endpoint);

    (void) gh_str_cut(endpoint, '?', &query);

    if (rc == GH_OK && query.data == NULL) {
        rc = gh_buf_add_char(out, '?');
    }

    return rc;
}


static gh_rc_t
add_all(const gh_form_field_t *fields, size_t n, bool empty, gh_buf_t *out)
{
    gh_rc_t rc = GH_OK;

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        if (empty || fields[i].value.len > 0) {
            rc = add(fields[i].name, fields[i].value, out);
        }
    }

    return rc;
}


/* A query that ends in '&' does not get a second one. */
static gh_rc_t
add(gh_str_t name, gh_str_t value, gh_buf_t *out)
{
    size_t before = out->len;

    if (before > 0 && out->data[before - 1] == '&') {
        out->len--;
    }

    gh_rc_t rc = gh_form_add(out, name, value);

    if (rc != GH_OK) {
        out->len = before;
    }

    return rc;
}
