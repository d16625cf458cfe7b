/*
 * Reading a provider's metadata. A document that is not about our issuer, or
 * that leads to hosts we were not told of, is a mix-up or an attack: what is
 * required refuses the whole, what is optional is left out.
 */

#include "gh_provider.h"

#include "gh_discovery.h"


typedef struct {
    const json_t *doc;
    const gh_provider_rules_t *rules;
    gh_url_t ours;
    const char *why;
} gh_provider_reader_t;


static gh_rc_t read_document(gh_provider_reader_t *in, gh_provider_t *out);
static gh_rc_t read_endpoint(gh_provider_reader_t *in, const char *name,
                             bool required, gh_str_t *out);
static const char *judge_endpoint(const gh_provider_reader_t *in,
                                  gh_str_t text);
static bool host_is_ours(const gh_provider_reader_t *in, const gh_url_t *url);
static unsigned read_client_auth(const json_t *doc);
static bool list_has(const json_t *list, gh_str_t word);


gh_rc_t
gh_provider_parse(gh_str_t document, const gh_provider_rules_t *rules,
                  gh_provider_t *out, const char **why)
{
    gh_rc_t rc;
    json_t *doc;
    gh_provider_reader_t in = { .rules = rules, .why = "" };

    memset(out, 0, sizeof(*out));

    rc = gh_json_parse(document, GH_DISCOVERY_BYTES_MAX, &doc, NULL);
    if (rc != GH_OK) {
        *why = (rc == GH_TOO_LONG) ? "it is longer than 128 KB"
               : (rc == GH_NOMEM)  ? "no memory"
                                   : "it is not JSON";
        return rc;
    }

    in.doc = doc;
    rc = read_document(&in, out);
    *why = in.why;

    if (rc != GH_OK) {
        json_decref(doc);
        memset(out, 0, sizeof(*out));
        return rc;
    }

    out->document = doc;

    return GH_OK;
}


static gh_rc_t
read_document(gh_provider_reader_t *in, gh_provider_t *out)
{
    gh_rc_t rc;
    gh_str_t issuer;
    size_t i;

    const struct {
        const char *name;
        bool required;
        gh_str_t *to;
    } endpoints[] = {
        { "authorization_endpoint", true, &out->authorization_endpoint },
        { "token_endpoint", true, &out->token_endpoint },
        { "jwks_uri", true, &out->jwks_uri },
        { "userinfo_endpoint", false, &out->userinfo_endpoint },
        { "end_session_endpoint", false, &out->end_session_endpoint },
        { "revocation_endpoint", false, &out->revocation_endpoint },
    };

    if (gh_json_str(in->doc, "issuer", &issuer) != GH_OK
        || !gh_str_eq(issuer, in->rules->issuer)
        || gh_url_parse(issuer, &in->ours, NULL) != GH_OK)
    {
        in->why = "its issuer is not the configured one";
        return GH_INVALID;
    }

    for (i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        rc = read_endpoint(in, endpoints[i].name, endpoints[i].required,
                           endpoints[i].to);
        if (rc != GH_OK) {
            return rc;
        }
    }

    out->client_auth = read_client_auth(in->doc);
    out->s256 =
        list_has(json_object_get(in->doc, "code_challenge_methods_supported"),
                 GH_STR("S256"));

    rc =
        gh_json_bool(in->doc, "authorization_response_iss_parameter_supported",
                     &out->sends_iss);

    return (rc == GH_NOMEM) ? rc : GH_OK;
}


static gh_rc_t
read_endpoint(gh_provider_reader_t *in, const char *name, bool required,
              gh_str_t *out)
{
    gh_str_t text;
    const char *why;

    if (gh_json_str(in->doc, name, &text) != GH_OK) {

        if (required) {
            in->why = "it lacks authorization_endpoint, token_endpoint or "
                      "jwks_uri";
            return GH_INVALID;
        }

        return GH_OK;
    }

    why = judge_endpoint(in, text);

    if (why == NULL) {
        *out = text;
        return GH_OK;
    }

    in->why = why;

    return required ? GH_INVALID : GH_OK;
}


static const char *
judge_endpoint(const gh_provider_reader_t *in, gh_str_t text)
{
    gh_url_t url;

    if (gh_url_parse(text, &url, NULL) != GH_OK
        || gh_url_callable(&url, in->rules->loopback_http, NULL) != GH_OK)
    {
        return "one of its endpoints is not an https URL";
    }

    if (!host_is_ours(in, &url)) {
        return "one of its endpoints is at another host than the issuer; if "
               "that is right, name that host in endpoint_hosts";
    }

    return NULL;
}


static bool
host_is_ours(const gh_provider_reader_t *in, const gh_url_t *url)
{
    size_t i;
    uint64_t port;
    gh_str_t host, rest;

    if (gh_url_same_origin(&in->ours, url)) {
        return true;
    }

    for (i = 0; i < in->rules->n_hosts; i++) {

        host = gh_str_cut(in->rules->hosts[i], ':', &rest);
        port = 443;

        if (rest.data != NULL && gh_str_to_u64(rest, 65535, &port) != GH_OK) {
            continue;
        }

        if (url->https && url->port == port
            && gh_str_eq_nocase(url->host, host)) {
            return true;
        }
    }

    return false;
}


static unsigned
read_client_auth(const json_t *doc)
{
    size_t i;
    unsigned bits = 0;
    const json_t *list, *item;
    gh_client_auth_t way;

    list = json_object_get(doc, "token_endpoint_auth_methods_supported");

    if (!json_is_array(list)) {
        return 1u << GH_CLIENT_AUTH_BASIC;
    }

    for (i = 0; i < json_array_size(list); i++) {
        item = json_array_get(list, i);

        if (json_is_string(item)) {
            way = gh_client_auth_parse((gh_str_t){ json_string_value(item),
                                                   json_string_length(item) });

            if (way != GH_CLIENT_AUTH_AUTO) {
                bits |= 1u << way;
            }
        }
    }

    return bits;
}


static bool
list_has(const json_t *list, gh_str_t word)
{
    size_t i;
    const json_t *item;

    for (i = 0; i < json_array_size(list); i++) {
        item = json_array_get(list, i);

        if (json_is_string(item)
            && gh_str_eq((gh_str_t){ json_string_value(item),
                                     json_string_length(item) },
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
    size_t i;

    static const struct {
        gh_str_t word;
        gh_client_auth_t way;
    } ways[] = {
        { { "client_secret_basic", 19 }, GH_CLIENT_AUTH_BASIC },
        { { "client_secret_post", 18 }, GH_CLIENT_AUTH_POST },
        { { "private_key_jwt", 15 }, GH_CLIENT_AUTH_KEY },
        { { "none", 4 }, GH_CLIENT_AUTH_NONE },
    };

    for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (gh_str_eq(word, ways[i].word)) {
            return ways[i].way;
        }
    }

    return GH_CLIENT_AUTH_AUTO;
}
