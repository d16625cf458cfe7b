/*
 * What a provider answers, as metadata and at its token and userinfo
 * endpoints: a refusal's code is harmless text, what is taken has what it
 * must have, and endpoints are where the issuer is.
 */

#include "gh_oidc.h"
#include "gh_provider.h"

#include <stdlib.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
static void reply(long status, gh_str_t body, bool login);
static void metadata(gh_str_t document);
static void must(bool holds);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_str_t body = { (const char *) data, size };
    json_t *claims = NULL;
    const char *what = NULL;

    reply(200, body, true);
    reply(200, body, false);
    reply(400, body, true);
    metadata(body);

    if (gh_userinfo_parse(200, GH_STR("application/json"), body,
                          GH_STR("alice"), &claims, &what)
        == GH_OK)
    {
        must(json_is_object(claims));
        must(strcmp(json_string_value(json_object_get(claims, "sub")), "alice")
             == 0);
        json_decref(claims);
    }

    return 0;
}


static void
reply(long status, gh_str_t body, bool login)
{
    char text[256];
    gh_buf_t room = GH_BUF(text);
    gh_oidc_reply_t out;
    gh_str_t error = GH_STR("");
    gh_rc_t rc = gh_oidc_reply_parse(status, body, login, &room, &out, &error);

    if (rc == GH_OK) {
        must(status == 200 && out.access_token.len != 0);
        must(!login || out.id_token.len != 0);
        must(out.expires_in_s >= 0);
        gh_oidc_reply_clear(&out);

    } else if (rc == GH_DENIED) {
        must(error.len <= 64);

        for (size_t i = 0; i < error.len; i++) {
            must(error.data[i] > 0x20 && error.data[i] < 0x7f
                 && error.data[i] != '"');
        }
    }
}


static void
metadata(gh_str_t document)
{
    static const gh_provider_rules_t rules = { GH_STR("https://i.test"), NULL,
                                               0, false };
    static const char origin[] = "https://i.test";
    const char *why = NULL;
    gh_provider_t p;

    if (gh_provider_parse(document, &rules, &p, &why) != GH_OK) {
        return;
    }

    must(p.token_endpoint.len > sizeof(origin) - 1);
    must(p.jwks_uri.len > sizeof(origin) - 1);
    must(p.authorization_endpoint.len > sizeof(origin) - 1);
    gh_provider_clear(&p);
}


static void
must(bool holds)
{
    if (!holds) {
        abort();
    }
}
