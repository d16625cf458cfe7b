/*
 * A token endpoint's answer and userinfo: the first byte is the status and
 * whether it is a login. Tokens that are believed are one line each.
 */

#include "fuzz.h"

#include "gh_oidc.h"


static void
judge_token(gh_str_t token, bool required)
{
    require(token.len <= GH_OIDC_TOKEN_MAX && (token.len > 0 || !required));

    for (size_t i = 0; i < token.len; i++) {
        require(token.data[i] >= ' ' && token.data[i] <= '~');
    }
}


static void
read_reply(long status, bool login, gh_str_t body)
{
    char room[80];
    gh_buf_t kept = GH_BUF(room);
    gh_oidc_reply_t reply;
    gh_str_t error;
    gh_rc_t rc =
        gh_oidc_reply_parse(status, body, login, &kept, &reply, &error);

    if (rc == GH_OK) {
        require(status == 200 && error.len == 0);
        judge_token(reply.access_token, true);
        judge_token(reply.id_token, login);
        judge_token(reply.refresh_token, false);
        require(reply.expires_in_s >= 0);
        gh_oidc_reply_clear(&reply);
        return;
    }

    require(reply.document == NULL && error.len > 0);
    require(rc != GH_DENIED || (status == 400 && error.len <= 64));
    require(memchr(error.data, '\n', error.len) == NULL);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *claims;
    const char *what;

    if (size == 0) {
        return 0;
    }

    char *copy = malloc(size);
    gh_str_t body = { copy, size - 1 };
    long status = (data[0] & 1) != 0 ? 200 : (data[0] & 2) != 0 ? 400 : 302;

    require(copy != NULL);
    memcpy(copy, data + 1, size - 1);

    read_reply(status, (data[0] & 4) != 0, body);

    if (gh_userinfo_parse(status, GH_STR("application/json"), body,
                          GH_STR("2482"), &claims, &what)
        == GH_OK)
    {
        gh_str_t sub;

        require(gh_json_str(claims, "sub", &sub) == GH_OK
                && gh_str_eq(sub, GH_STR("2482")));
        json_decref(claims);
    }

    free(copy);

    return 0;
}
