/*
 * The header names under which services know principals: ours, and those of
 * the gateways and proxies that people come from, as their own sources name
 * them. What such a name carried there and we do not have is only taken away.
 */

#include "gh_principal.h"


#define HEADER(name, part)                                                    \
    {                                                                         \
        { name, sizeof(name) - 1 }, part                                      \
    }
#define PRESET(name, headers)                                                 \
    {                                                                         \
        { name, sizeof(name) - 1 }, headers,                                  \
            sizeof(headers) / sizeof(headers[0])                              \
    }


typedef struct {
    gh_str_t name;
    const gh_principal_header_t *headers;
    size_t n;
} preset_t;


static const gh_principal_header_t ours[] = {
    HEADER("X-Principal", GH_PART_ID),
    HEADER("X-Principal-Type", GH_PART_TYPE),
    HEADER("X-Principal-Name", GH_PART_NAME),
    HEADER("X-Principal-Email", GH_PART_EMAIL),
    HEADER("X-Principal-Groups", GH_PART_GROUPS),
    HEADER("X-Principal-Scopes", GH_PART_SCOPES),
    HEADER("X-Principal-Issuer", GH_PART_ISSUER),
    HEADER("X-Principal-Consumer", GH_PART_CONSUMER),
    HEADER("X-Principal-Method", GH_PART_METHOD),
};

/* Kong's consumer has an id and a user name; ours has one name. */
static const gh_principal_header_t kong[] = {
    HEADER("X-Consumer-ID", GH_PART_CONSUMER),
    HEADER("X-Consumer-Username", GH_PART_CONSUMER),
    HEADER("X-Consumer-Custom-ID", GH_PART_NONE),
    HEADER("X-Consumer-Groups", GH_PART_GROUPS),
    HEADER("X-Authenticated-Groups", GH_PART_GROUPS),
    HEADER("X-Authenticated-Scope", GH_PART_SCOPES),
    HEADER("X-Authenticated-Userid", GH_PART_NONE),
    HEADER("X-Credential-Identifier", GH_PART_CREDENTIAL),
    HEADER("X-Credential-Username", GH_PART_NONE),
    HEADER("X-Anonymous-Consumer", GH_PART_ANONYMOUS),
};

/* X-Forwarded-* as it proxies, X-Auth-Request-* as it answers auth_request. */
static const gh_principal_header_t oauth2_proxy[] = {
    HEADER("X-Forwarded-User", GH_PART_SUBJECT),
    HEADER("X-Forwarded-Email", GH_PART_EMAIL),
    HEADER("X-Forwarded-Groups", GH_PART_GROUPS),
    HEADER("X-Forwarded-Preferred-Username", GH_PART_NAME),
    HEADER("X-Forwarded-Access-Token", GH_PART_NONE),
    HEADER("X-Auth-Request-User", GH_PART_SUBJECT),
    HEADER("X-Auth-Request-Email", GH_PART_EMAIL),
    HEADER("X-Auth-Request-Groups", GH_PART_GROUPS),
    HEADER("X-Auth-Request-Preferred-Username", GH_PART_NAME),
    HEADER("X-Auth-Request-Access-Token", GH_PART_NONE),
};

/* The scope claim is separated by spaces there, so it is not sent. */
static const gh_principal_header_t mod_auth_openidc[] = {
    HEADER("OIDC_CLAIM_sub", GH_PART_SUBJECT),
    HEADER("OIDC_CLAIM_iss", GH_PART_ISSUER),
    HEADER("OIDC_CLAIM_email", GH_PART_EMAIL),
    HEADER("OIDC_CLAIM_name", GH_PART_NAME),
    HEADER("OIDC_CLAIM_preferred_username", GH_PART_NAME),
    HEADER("OIDC_CLAIM_groups", GH_PART_GROUPS),
    HEADER("OIDC_*", GH_PART_NONE),
};

static const preset_t presets[] = {
    PRESET("default", ours),
    PRESET("kong", kong),
    PRESET("oauth2-proxy", oauth2_proxy),
    PRESET("mod_auth_openidc", mod_auth_openidc),
};

/* GH_PART_NONE is no word. */
static const gh_str_t parts[] = {
    [GH_PART_ID] = { "id", 2 },
    [GH_PART_TYPE] = { "type", 4 },
    [GH_PART_NAME] = { "name", 4 },
    [GH_PART_EMAIL] = { "email", 5 },
    [GH_PART_GROUPS] = { "groups", 6 },
    [GH_PART_SCOPES] = { "scopes", 6 },
    [GH_PART_ISSUER] = { "issuer", 6 },
    [GH_PART_CONSUMER] = { "consumer", 8 },
    [GH_PART_METHOD] = { "method", 6 },
    [GH_PART_ASSERTION] = { "assertion", 9 },
    [GH_PART_SUBJECT] = { "subject", 7 },
    [GH_PART_ANONYMOUS] = { "anonymous", 9 },
    [GH_PART_CREDENTIAL] = { "credential", 10 },
};


const gh_principal_header_t *
gh_principal_preset(gh_str_t name, size_t *n)
{
    for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
        if (gh_str_eq(name, presets[i].name)) {
            *n = presets[i].n;
            return presets[i].headers;
        }
    }

    *n = 0;
    return NULL;
}


bool
gh_part_parse(gh_str_t word, gh_part_t *out)
{
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (gh_str_eq(word, parts[i])) {
            *out = (gh_part_t) i;
            return true;
        }
    }

    return false;
}
