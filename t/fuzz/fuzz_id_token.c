/*
 * Claims of id_tokens and logout tokens. The first byte says the algorithm,
 * the typ and whether it is a refresh; what is believed says, read in another
 * way, what it must.
 */

#include "fuzz.h"

#include "gh_oidc.h"


#define NOW INT64_C(1800000000)


static const char *
text_of(const json_t *claims, const char *name)
{
    const char *text = json_string_value(json_object_get(claims, name));

    return text == NULL ? "" : text;
}


static void
judge_login(const gh_jwt_t *jwt, const json_t *claims, bool refresh)
{
    const gh_id_token_rules_t rules = {
        .issuer = GH_STR("https://idp.test"),
        .client_id = GH_STR("gatehouse"),
        .nonce = GH_STR("n"),
        .access_token = GH_STR("at"),
        .subject = refresh ? GH_STR("2482") : GH_STR(""),
    };
    const char *what = NULL;
    gh_rc_t rc = gh_id_token_check(jwt, claims, &rules, NOW, &what);

    require((rc == GH_OK) == (what == NULL));

    if (rc == GH_OK) {
        const char *nonce = text_of(claims, "nonce");

        require(strcmp(text_of(claims, "iss"), "https://idp.test") == 0);
        require(text_of(claims, "sub")[0] != '\0');
        require(strcmp(nonce, "n") == 0 || (refresh && nonce[0] == '\0'));
        require(json_object_get(claims, "aud") != NULL);
        require(json_number_value(json_object_get(claims, "exp"))
                > (double) NOW);
    }
}


static void
judge_logout(const gh_jwt_t *jwt, const json_t *claims)
{
    const gh_id_token_rules_t rules = { .issuer = GH_STR("https://idp.test"),
                                        .client_id = GH_STR("gatehouse") };
    const char *what = NULL;
    gh_logout_token_t out;

    if (gh_logout_token_check(jwt, claims, &rules, NOW, &out, &what) == GH_OK)
    {
        require(out.jti.len > 0 && out.sid.len + out.sub.len > 0);
        require(json_object_get(claims, "nonce") == NULL);
        require(json_is_object(json_object_get(claims, "events")));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = { NULL, "JWT", "logout+jwt", "at+jwt" };

    json_t *claims = NULL;

    if (size == 0) {
        return 0;
    }

    gh_jwt_t jwt = { .alg = (gh_alg_t) (data[0] % GH_ALG_COUNT) };
    const char *type = types[data[0] >> 4 & 3];

    if (gh_json_parse((gh_str_t){ (const char *) data + 1, size - 1 }, 65536,
                      &claims, NULL)
        != GH_OK)
    {
        return 0;
    }

    jwt.header = json_object();

    if (type != NULL) {
        require(json_object_set_new(jwt.header, "typ", json_string(type))
                == 0);
    }

    judge_login(&jwt, claims, false);
    judge_login(&jwt, claims, true);
    judge_logout(&jwt, claims);

    gh_jwt_clear(&jwt);
    json_decref(claims);

    return 0;
}
