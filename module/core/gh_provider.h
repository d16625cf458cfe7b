/*
 * What an OpenID provider says about itself (OpenID Connect Discovery 1.0
 * section 3, RFC 8414), as far as logging people in needs it: where its
 * endpoints are, and that it is the one we mean.
 */

#ifndef GH_PROVIDER_H
#define GH_PROVIDER_H

#include "gh_jwk.h"
#include "gh_url.h"


/* How a client proves who it is at the token endpoint. */
typedef enum {
    GH_CLIENT_AUTH_AUTO = 0, /* what metadata offers: basic, else post */
    GH_CLIENT_AUTH_BASIC,    /* client_secret_basic */
    GH_CLIENT_AUTH_POST,     /* client_secret_post */
    GH_CLIENT_AUTH_KEY,      /* private_key_jwt */
    GH_CLIENT_AUTH_NONE      /* a public client; PKCE alone */
} gh_client_auth_t;

/* What configuration says; borrowed. */
typedef struct {
    gh_str_t issuer;
    const gh_str_t *hosts; /* besides the issuer's own host ("host" or
                              "host:port"): where endpoints may be */
    size_t n_hosts;
    bool loopback_http;
} gh_provider_rules_t;

/* Views into the copy that the metadata owns. Empty: there is none. */
typedef struct {
    gh_str_t authorization_endpoint;
    gh_str_t token_endpoint;
    gh_str_t jwks_uri;
    gh_str_t userinfo_endpoint;
    gh_str_t end_session_endpoint;
    gh_str_t revocation_endpoint;
    unsigned client_auth; /* bits 1u << gh_client_auth_t that it offers;
                             without the member: basic only (section 3) */
    bool sends_iss;       /* RFC 9207 section 3 */
    bool s256;            /* says that it knows PKCE S256 */
    json_t *document;     /* owned */
} gh_provider_t;


/*
 * Reads the document. The issuer must be exactly ours (section 4.3);
 * authorization_endpoint, token_endpoint and jwks_uri are required, each
 * endpoint callable (gh_url.h) and at the issuer's origin or one of hosts. An
 * optional endpoint elsewhere is left out, and *why says so.
 * response_types_supported, if there, has "code".
 *
 * GH_OK        out is to be cleared with gh_provider_clear; *why is NULL or
 *              names the first optional endpoint that was left out
 * GH_INVALID   *why is static text that names the member and the way out
 * GH_TOO_LONG  above GH_DISCOVERY_BYTES_MAX
 * GH_NOMEM
 */
gh_rc_t gh_provider_parse(gh_str_t document, const gh_provider_rules_t *rules,
                          gh_provider_t *out, const char **why);
void gh_provider_clear(gh_provider_t *p);

/* "client_secret_basic", ...; GH_CLIENT_AUTH_AUTO for any other word. */
gh_client_auth_t gh_client_auth_parse(gh_str_t word);


#endif
