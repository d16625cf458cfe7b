/*
 * Reading a discovery document. A document that is not about our issuer is a
 * mix-up or an attack, so nothing of it is used.
 */

#include "gh_discovery.h"

#include "gh_json.h"


static gh_rc_t judge(const json_t *doc, gh_str_t issuer, bool loopback_http,
                     gh_str_t *uri, const char **why);


gh_rc_t
gh_discovery_keys(gh_str_t document, gh_str_t issuer, bool loopback_http,
                  gh_buf_t *jwks_uri, const char **why)
{
    gh_rc_t rc;
    json_t *doc;
    gh_str_t uri;

    rc = gh_json_parse(document, GH_DISCOVERY_BYTES_MAX, &doc, NULL);
    if (rc != GH_OK) {
        *why = (rc == GH_TOO_LONG) ? "it is longer than 128 KB"
                                   : "it is not JSON";
        return rc;
    }

    rc = judge(doc, issuer, loopback_http, &uri, why);

    if (rc == GH_OK) {
        rc = gh_buf_add(jwks_uri, uri);
        *why = "its jwks_uri is too long";
    }

    json_decref(doc);

    return rc;
}


static gh_rc_t
judge(const json_t *doc, gh_str_t issuer, bool loopback_http, gh_str_t *uri,
      const char **why)
{
    gh_str_t name;
    gh_url_t ours, theirs;

    if (gh_json_str(doc, "issuer", &name) != GH_OK || !gh_str_eq(name, issuer))
    {
        *why = "its issuer is not the configured one";
        return GH_INVALID;
    }

    if (gh_json_str(doc, "jwks_uri", uri) != GH_OK) {
        *why = "it names no jwks_uri";
        return GH_INVALID;
    }

    if (gh_url_parse(*uri, &theirs, NULL) != GH_OK
        || gh_url_callable(&theirs, loopback_http, NULL) != GH_OK)
    {
        *why = "its jwks_uri is not an https URL";
        return GH_INVALID;
    }

    if (gh_url_parse(issuer, &ours, NULL) != GH_OK
        || !gh_url_same_origin(&ours, &theirs))
    {
        *why = "its jwks_uri is at another host than the issuer; if that is "
               "right, configure jwks_uri";
        return GH_INVALID;
    }

    return GH_OK;
}
