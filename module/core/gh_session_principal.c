/*
 * What a session's claims say about the person, read as carefully as what a
 * stranger says: a provider may let people choose their own.
 */

#include "gh_session.h"


static gh_str_t text_of(json_t *claims, gh_str_t pointer);
static gh_str_t email_of(json_t *claims, const gh_session_claims_t *c);
static bool is_verified(const json_t *claims);
static bool is_address(gh_str_t email);
static bool add_words(const json_t *value, bool split, size_t max,
                      gh_str_t *list, size_t *n);
static bool add_word(gh_str_t word, size_t max, gh_str_t *list, size_t *n);
static gh_str_t view(const json_t *string);
static json_t *claim(json_t *claims, gh_str_t pointer);


gh_rc_t
gh_session_principal(const gh_session_t *s, const gh_session_claims_t *claims,
                     gh_str_t *room, size_t max, gh_principal_t *out)
{
    memset(out, 0, sizeof(*out));

    if (s->id.len == 0) {
        return GH_INVALID;
    }

    out->type = GH_PRINCIPAL_USER;
    out->method = GH_METHOD_OIDC;
    out->id = s->id;
    out->issuer = s->issuer;
    out->credential = s->sub;
    out->claims = s->claims;
    out->name = text_of(s->claims, claims->name_claim);
    out->email = email_of(s->claims, claims);
    out->groups = room;
    out->scopes = room + max;

    bool groups = add_words(claim(s->claims, claims->groups_claim), false, max,
                            room, &out->n_groups);
    bool scopes = add_words(claim(s->claims, claims->scope_claim), true, max,
                            room + max, &out->n_scopes);

    return groups && scopes ? GH_OK : GH_TOO_LONG;
}


static gh_str_t
text_of(json_t *claims, gh_str_t pointer)
{
    const json_t *value = claim(claims, pointer);

    return json_is_string(value) ? view(value) : GH_STR("");
}


static gh_str_t
email_of(json_t *claims, const gh_session_claims_t *c)
{
    gh_str_t email = text_of(claims, c->email_claim);

    if (!is_address(email) || !(c->email_unverified || is_verified(claims))) {
        return GH_STR("");
    }

    return email;
}


/* Some providers do not say, some say it as a string. */
static bool
is_verified(const json_t *claims)
{
    const json_t *value = json_object_get(claims, "email_verified");

    return value == NULL || json_is_true(value)
           || (json_is_string(value)
               && gh_str_eq(view(value), GH_STR("true")));
}


/*
 * Of RFC 5321's addresses only those that nobody reads in two ways: no
 * quoted local part, no comment, no address in brackets.
 */
static bool
is_address(gh_str_t email)
{
    gh_str_t domain;
    gh_str_t local = gh_str_cut(email, '@', &domain);

    if (local.len == 0 || domain.len == 0 || domain.data[0] == '.'
        || domain.data[domain.len - 1] == '.')
    {
        return false;
    }

    for (size_t i = 0; i < email.len; i++) {
        char c = email.data[i];

        if (c <= ' ' || c > '~' || strchr("\"(),:;<>[\\]", c) != NULL) {
            return false;
        }
    }

    return memchr(domain.data, '@', domain.len) == NULL
           && memmem(domain.data, domain.len, "..", 2) == NULL;
}


/*
 * An array of strings; or one string, split at spaces when it is a scope
 * (RFC 8693 section 4.2). False when there are more than max.
 */
static bool
add_words(const json_t *value, bool split, size_t max, gh_str_t *list,
          size_t *n)
{
    bool fits = true;

    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *one = json_array_get(value, i);

        if (json_is_string(one)) {
            fits = add_word(view(one), max, list, n) && fits;
        }
    }

    if (!json_is_string(value)) {
        return fits;
    }

    gh_str_t rest = view(value);

    if (!split) {
        return add_word(rest, max, list, n);
    }

    while (rest.data != NULL) {
        fits = add_word(gh_str_cut(rest, ' ', &rest), max, list, n) && fits;
    }

    return fits;
}


static bool
add_word(gh_str_t word, size_t max, gh_str_t *list, size_t *n)
{
    if (word.len == 0) {
        return true;
    }

    if (*n == max) {
        return false;
    }

    list[(*n)++] = word;

    return true;
}


static gh_str_t
view(const json_t *string)
{
    return (gh_str_t){ json_string_value(string), json_string_length(string) };
}


static json_t *
claim(json_t *claims, gh_str_t pointer)
{
    return pointer.len == 0 ? NULL : gh_json_pointer(claims, pointer);
}
