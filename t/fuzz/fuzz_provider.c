/*
 * A provider's metadata: every endpoint that is believed is https at a host
 * that somebody named, and a login at it can be written.
 */

#include "fuzz.h"

#include "gh_oidc.h"


#define ISSUER "https://idp.test/realms/a"


static void
judge(gh_str_t endpoint, bool required)
{
    gh_url_t url;

    if (endpoint.len == 0) {
        require(!required);
        return;
    }

    require(gh_url_parse(endpoint, &url, NULL) == GH_OK && url.https);
    require((gh_str_eq_nocase(url.host, GH_STR("idp.test")) && url.port == 443)
            || (gh_str_eq_nocase(url.host, GH_STR("keys.test"))
                && url.port == 8443));
}


static void
ask(const gh_provider_t *p)
{
    const gh_oidc_client_t client = { .client_id = GH_STR("c") };
    const gh_oidc_ask_t asked = { .state = GH_STR("s") };
    char room[2 * GH_URL_MAX];
    gh_buf_t out = GH_BUF(room);

    require(gh_oidc_authorize_url(p, &client, &asked, NULL, 0, &out) == GH_OK);
    require(
        gh_str_starts(gh_buf_str(&out), p->authorization_endpoint)
        || p->authorization_endpoint.data[p->authorization_endpoint.len - 1]
               == '&');
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const gh_str_t hosts[] = { GH_STR("keys.test:8443") };
    const gh_provider_rules_t rules = { .issuer = GH_STR(ISSUER),
                                        .hosts = hosts,
                                        .n_hosts = 1 };
    char *copy = malloc(size + 1);
    const char *why = NULL;
    gh_provider_t p;

    require(copy != NULL);

    if (size > 0) {
        memcpy(copy, data, size);
    }

    if (gh_provider_parse((gh_str_t){ copy, size }, &rules, &p, &why) == GH_OK)
    {
        judge(p.authorization_endpoint, true);
        judge(p.token_endpoint, true);
        judge(p.jwks_uri, true);
        judge(p.userinfo_endpoint, false);
        judge(p.end_session_endpoint, false);
        judge(p.revocation_endpoint, false);
        ask(&p);
        gh_provider_clear(&p);

    } else {
        require(why != NULL && p.document == NULL);
    }

    free(copy);

    return 0;
}
