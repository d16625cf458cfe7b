/*
 * What the token endpoint answers (RFC 6749 sections 5.1 and 5.2).
 */

#include "gh_oidc.h"

#include "gh_json_wipe.h"

#define ERROR_MAX 64
#define EXPIRES_MAX_S INT64_C(315360000) /* ten years; more is no promise */


static gh_rc_t judge(long status, const json_t *doc, gh_buf_t *room,
                     gh_str_t *error);
static gh_rc_t refused(const json_t *doc, gh_buf_t *room, gh_str_t *error);
static gh_rc_t read_tokens(gh_oidc_reply_t *out, bool login, gh_str_t *error);
static gh_rc_t optional(const json_t *doc, const char *name, gh_str_t *out);
static gh_rc_t read_life(const json_t *doc, int64_t *out_s);
static bool is_token(gh_str_t text);


gh_rc_t
gh_oidc_reply_parse(long status, gh_str_t body, bool login, gh_buf_t *room,
                    gh_oidc_reply_t *out, gh_str_t *error)
{
    memset(out, 0, sizeof(*out));
    *error = GH_STR("the reply is not a JSON object");

    gh_rc_t rc = gh_json_parse(body, GH_OIDC_REPLY_MAX, &out->document, NULL);

    if (rc == GH_NOMEM) {
        *error = GH_STR("there is no memory for the reply");
        return GH_NOMEM;
    }

    if (rc == GH_TOO_LONG) {
        *error = GH_STR("the reply is longer than 1 MB");
        return GH_INVALID;
    }

    rc = rc == GH_OK ? judge(status, out->document, room, error)
                     : judge(status, NULL, room, error);

    if (rc == GH_OK) {
        rc = read_tokens(out, login, error);
    }

    if (rc == GH_OK) {
        *error = GH_STR("");

    } else {
        gh_oidc_reply_clear(out);
    }

    return rc;
}


/* A refusal has a code in it; 5xx and the like are no refusals. */
static gh_rc_t
judge(long status, const json_t *doc, gh_buf_t *room, gh_str_t *error)
{
    if (status >= 400 && status < 500 && json_is_object(doc)
        && refused(doc, room, error) == GH_OK)
    {
        return GH_DENIED;
    }

    if (status != 200) {
        *error = GH_STR("the status is neither 200 nor a refusal");
        return GH_INVALID;
    }

    return json_is_object(doc) ? GH_OK : GH_INVALID;
}


/* RFC 6749 section 5.2 allows visible ASCII without '"' and '\'. */
static gh_rc_t
refused(const json_t *doc, gh_buf_t *room, gh_str_t *error)
{
    size_t begin = room->len;
    gh_str_t code;

    if (gh_json_str(doc, "error", &code) != GH_OK || code.len == 0) {
        return GH_ABSENT;
    }

    for (size_t i = 0; i < code.len && room->len - begin < ERROR_MAX; i++) {
        char c = code.data[i];
        bool fine = c > ' ' && c <= '~' && c != '"' && c != '\'' && c != '\\'
                    && c != '`';

        if (gh_buf_add_char(room, fine ? c : '?') != GH_OK) {
            break;
        }
    }

    *error = (gh_str_t){ room->data + begin, room->len - begin };

    return GH_OK;
}


static gh_rc_t
read_tokens(gh_oidc_reply_t *out, bool login, gh_str_t *error)
{
    const json_t *doc = out->document;
    gh_str_t type;

    if (gh_json_str(doc, "access_token", &out->access_token) != GH_OK
        || out->access_token.len == 0)
    {
        *error = GH_STR("the reply has no access_token");
        return GH_INVALID;
    }

    if (gh_json_str(doc, "token_type", &type) != GH_OK
        || !gh_str_eq_nocase(type, GH_STR("Bearer")))
    {
        *error = GH_STR("the reply's token_type is not Bearer");
        return GH_INVALID;
    }

    if (optional(doc, "id_token", &out->id_token) != GH_OK
        || optional(doc, "refresh_token", &out->refresh_token) != GH_OK
        || optional(doc, "scope", &out->scope) != GH_OK
        || read_life(doc, &out->expires_in_s) != GH_OK)
    {
        *error = GH_STR("a member of the reply is of another type than it "
                        "must be");
        return GH_INVALID;
    }

    if (login && out->id_token.len == 0) {
        *error = GH_STR("the reply has no id_token; is openid in scope?");
        return GH_INVALID;
    }

    if (!is_token(out->access_token) || !is_token(out->id_token)
        || !is_token(out->refresh_token))
    {
        *error = GH_STR("a token of the reply is too long, or not of visible "
                        "characters");
        return GH_INVALID;
    }

    return GH_OK;
}


/* Providers send null for what they do not give. */
static gh_rc_t
optional(const json_t *doc, const char *name, gh_str_t *out)
{
    *out = (gh_str_t){ "", 0 };

    if (json_is_null(json_object_get(doc, name))) {
        return GH_OK;
    }

    return gh_json_str(doc, name, out) == GH_INVALID ? GH_INVALID : GH_OK;
}


/* A number, which some providers write as a string of digits. */
static gh_rc_t
read_life(const json_t *doc, int64_t *out_s)
{
    gh_str_t text;
    uint64_t n;

    *out_s = 0;

    if (json_is_null(json_object_get(doc, "expires_in"))) {
        return GH_OK;
    }

    if (gh_json_str(doc, "expires_in", &text) == GH_OK) {
        if (gh_str_to_u64(text, (uint64_t) EXPIRES_MAX_S, &n) != GH_OK) {
            return GH_INVALID;
        }

        *out_s = (int64_t) n;
        return GH_OK;
    }

    gh_rc_t rc = gh_json_date(doc, "expires_in", out_s);

    if (*out_s > EXPIRES_MAX_S) {
        *out_s = EXPIRES_MAX_S;
    }

    return rc == GH_INVALID ? GH_INVALID : GH_OK;
}


/* RFC 6749 appendix A.12; it may become a header's value (RFC 6750). */
static bool
is_token(gh_str_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~') {
            return false;
        }
    }

    return text.len <= GH_OIDC_TOKEN_MAX;
}


void
gh_oidc_reply_clear(gh_oidc_reply_t *reply)
{
    gh_json_wipe(reply->document);
    memset(reply, 0, sizeof(*reply));
}
