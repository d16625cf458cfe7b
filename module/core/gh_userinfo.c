/*
 * What the userinfo endpoint answers (OpenID Connect Core 1.0 section 5.3).
 */

#include "gh_oidc.h"


static bool is_json(gh_str_t content_type);
static gh_rc_t refuse(gh_rc_t rc, const char *which, const char **what);


gh_rc_t
gh_userinfo_parse(long status, gh_str_t content_type, gh_str_t body,
                  gh_str_t sub, json_t **claims, const char **what)
{
    gh_str_t theirs;

    *claims = NULL;
    *what = NULL;

    if (status != 200) {
        return refuse(GH_INVALID, "the status is not 200", what);
    }

    if (!is_json(content_type)) {
        return refuse(GH_INVALID, "it is not application/json", what);
    }

    gh_rc_t rc = gh_json_parse(body, GH_OIDC_REPLY_MAX, claims, NULL);

    if (rc == GH_NOMEM) {
        return refuse(GH_NOMEM, "there is no memory for it", what);
    }

    if (rc != GH_OK || !json_is_object(*claims)) {
        json_decref(*claims);
        *claims = NULL;
        return refuse(GH_INVALID, "it is not a JSON object", what);
    }

    if (sub.len == 0 || gh_json_str(*claims, "sub", &theirs) != GH_OK
        || !gh_str_eq(theirs, sub))
    {
        json_decref(*claims);
        *claims = NULL;
        return refuse(GH_DENIED, "its sub is not the id_token's", what);
    }

    return GH_OK;
}


static bool
is_json(gh_str_t content_type)
{
    gh_str_t parameters;
    gh_str_t type = gh_str_cut(content_type, ';', &parameters);

    return gh_str_eq_nocase(gh_str_trim(type), GH_STR("application/json"));
}


static gh_rc_t
refuse(gh_rc_t rc, const char *which, const char **what)
{
    *what = which;
    return rc;
}
