/*
 * Reads a provider's metadata. A document that is not about our issuer is a
 * mix-up or an attack, so nothing of it is used; an endpoint at a host that
 * nobody named would be handed codes and secrets, so it is not called.
 */

#include "gh_provider.h"

#include "gh_discovery.h"


typedef struct {
    const char *name;
    size_t at; /* in gh_provider_t */
    bool required;
    const char *absent, *bad, *elsewhere; /* static; why */
} endpoint_t;


static gh_rc_t judge(const gh_provider_rules_t *rules, gh_provider_t *out,
                     const char **why);
static gh_rc_t read_endpoint(const endpoint_t *e,
                             const gh_provider_rules_t *rules,
                             gh_provider_t *out, const char **why);
static bool is_allowed(const gh_url_t *url, const gh_provider_rules_t *rules);
static bool is_host(const gh_url_t *url, gh_str_t allowed);
static gh_rc_t read_abilities(gh_provider_t *out, const char **why);
static bool lists(const json_t *array, gh_str_t word);


#define ENDPOINT(member, needed)                                              \
    {                                                                         \
#member, offsetof(gh_provider_t, member), needed,                     \
            "it names no " #member, "its " #member " is not an https URL",    \
            "its " #member " is at another host than the issuer; if that is " \
            "right, name that host in endpoint_hosts"                         \
    }

static const endpoint_t endpoints[] = {
    ENDPOINT(authorization_endpoint, true),
    ENDPOINT(token_endpoint, true),
    ENDPOINT(jwks_uri, true),
    ENDPOINT(userinfo_endpoint, false),
    ENDPOINT(end_session_endpoint, false),
    ENDPOINT(revocation_endpoint, false),
};

static const struct {
    gh_str_t word;
    gh_client_auth_t auth;
} client_auths[] = {
    { { "client_secret_basic", 19 }, GH_CLIENT_AUTH_BASIC },
    { { "client_secret_post", 18 }, GH_CLIENT_AUTH_POST },
    { { "private_key_jwt", 15 }, GH_CLIENT_AUTH_KEY },
    { { "none", 4 }, GH_CLIENT_AUTH_NONE },
};

#define N_AUTHS (sizeof(client_auths) / sizeof(client_auths[0]))


gh_rc_t
gh_provider_parse(gh_str_t document, const gh_provider_rules_t *rules,
                  gh_provider_t *out, const char **why)
{
    memset(out, 0, sizeof(*out));
    *why = NULL;

    gh_rc_t rc =
        gh_json_parse(document, GH_DISCOVERY_BYTES_MAX, &out->document, NULL);

    if (rc != GH_OK) {
        *why = rc == GH_TOO_LONG ? "it is longer than 128 KB"
               : rc == GH_NOMEM  ? "there is no memory for it"
                                 : "it is not JSON";
        return rc;
    }

    rc = judge(rules, out, why);

    if (rc != GH_OK) {
        gh_provider_clear(out);
    }

    return rc;
}


static gh_rc_t
judge(const gh_provider_rules_t *rules, gh_provider_t *out, const char **why)
{
    gh_str_t name;

    if (rules->issuer.len == 0
        || gh_json_str(out->document, "issuer", &name) != GH_OK
        || !gh_str_eq(name, rules->issuer))
    {
        *why = "its issuer is not the configured one";
        return GH_INVALID;
    }

    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        if (read_endpoint(&endpoints[i], rules, out, why) != GH_OK) {
            return GH_INVALID;
        }
    }

    return read_abilities(out, why);
}


/* *why is left at the first optional endpoint that is not called. */
static gh_rc_t
read_endpoint(const endpoint_t *e, const gh_provider_rules_t *rules,
              gh_provider_t *out, const char **why)
{
    const char *what = NULL;
    gh_str_t text = { "", 0 };
    gh_url_t url;

    if (gh_json_str(out->document, e->name, &text) != GH_OK || text.len == 0) {
        what = e->required ? e->absent : NULL;

    } else if (gh_url_parse(text, &url, NULL) != GH_OK
               || gh_url_callable(&url, rules->loopback_http, NULL) != GH_OK)
    {
        what = e->bad;

    } else if (!is_allowed(&url, rules)) {
        what = e->elsewhere;

    } else {
        memcpy((char *) out + e->at, &text, sizeof(text));
    }

    if (what != NULL && (*why == NULL || e->required)) {
        *why = what;
    }

    return what != NULL && e->required ? GH_INVALID : GH_OK;
}


static bool
is_allowed(const gh_url_t *url, const gh_provider_rules_t *rules)
{
    gh_url_t ours;

    if (gh_url_parse(rules->issuer, &ours, NULL) == GH_OK
        && gh_url_same_origin(&ours, url))
    {
        return true;
    }

    for (size_t i = 0; i < rules->n_hosts; i++) {
        if (is_host(url, rules->hosts[i])) {
            return true;
        }
    }

    return false;
}


/* Without a port only the scheme's own is meant. */
static bool
is_host(const gh_url_t *url, gh_str_t allowed)
{
    char room[GH_URL_MAX];
    gh_buf_t text = GH_BUF(room);
    gh_url_t theirs;

    return gh_buf_add(&text,
                      url->https ? GH_STR("https://") : GH_STR("http://"))
               == GH_OK
           && gh_buf_add(&text, allowed) == GH_OK
           && gh_url_parse(gh_buf_str(&text), &theirs, NULL) == GH_OK
           && theirs.path.len == 0 && !theirs.has_query
           && gh_url_same_origin(&theirs, url);
}


static gh_rc_t
read_abilities(gh_provider_t *out, const char **why)
{
    const json_t *doc = out->document;
    const json_t *auths =
        json_object_get(doc, "token_endpoint_auth_methods_supported");
    const json_t *types = json_object_get(doc, "response_types_supported");

    if (types != NULL && !lists(types, GH_STR("code"))) {
        *why = "its response_types_supported lack code, the only one that "
               "is asked for";
        return GH_INVALID;
    }

    for (size_t i = 0; i < N_AUTHS; i++) {
        if (lists(auths, client_auths[i].word)) {
            out->client_auth |= 1u << client_auths[i].auth;
        }
    }

    if (auths == NULL) {
        out->client_auth = 1u << GH_CLIENT_AUTH_BASIC;
    }

    /* what is no boolean does not take the protection away */
    out->sends_iss = json_is_true(json_object_get(
        doc, "authorization_response_iss_parameter_supported"));
    out->s256 = lists(json_object_get(doc, "code_challenge_methods_supported"),
                      GH_STR("S256"));

    return GH_OK;
}


static bool
lists(const json_t *array, gh_str_t word)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *one = json_array_get(array, i);

        if (json_is_string(one)
            && gh_str_eq(
                (gh_str_t){ json_string_value(one), json_string_length(one) },
                word))
        {
            return true;
        }
    }

    return false;
}


void
gh_provider_clear(gh_provider_t *p)
{
    json_decref(p->document);
    memset(p, 0, sizeof(*p));
}


gh_client_auth_t
gh_client_auth_parse(gh_str_t word)
{
    for (size_t i = 0; i < N_AUTHS; i++) {
        if (gh_str_eq(word, client_auths[i].word)) {
            return client_auths[i].auth;
        }
    }

    return GH_CLIENT_AUTH_AUTO;
}
