/*
 * Logins on their way: a state that was not sealed here opens for nobody, one
 * that was (by another release, say) is read within its bounds, and no target
 * is more than a path.
 */

#include "fuzz.h"

#include "gh_bytes.h"
#include "gh_login.h"


#define NOW INT64_C(1800000000)
#define ROOT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define COOKIE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


static gh_rc_t
open_state(const gh_secret_t *secret, gh_str_t state)
{
    char kept[GH_LOGIN_STATE_MAX];
    gh_buf_t room = GH_BUF(kept);
    gh_login_t login;
    gh_rc_t rc =
        gh_login_open(secret, state, GH_STR(COOKIE), NOW, &room, &login);

    require(rc == GH_OK || rc == GH_CONFLICT || rc == GH_DENIED);

    if (rc != GH_DENIED) {
        require(login.provider.len > 0 && login.key == 0);
        require(login.began_at_s + GH_LOGIN_TTL_S >= NOW);
        require(
            login.target.len == 0
            || (login.target.data > kept
                && login.target.data + login.target.len <= kept + room.len));
    }

    return rc;
}


static void
seal_and_open(const gh_secret_t *secret, gh_str_t plain)
{
    static const uint8_t nonce[12] = { 1 };

    char sealed_room[GH_LOGIN_STATE_MAX], text_room[GH_LOGIN_STATE_MAX];
    gh_buf_t sealed = GH_BUF(sealed_room), text = GH_BUF(text_room);

    if (gh_secret_seal(secret, GH_PURPOSE_STATE_COOKIE, GH_STR("login"), nonce,
                       plain, &sealed)
            == GH_OK
        && gh_base64url_encode(gh_buf_str(&sealed), &text) == GH_OK)
    {
        (void) open_state(secret, gh_buf_str(&text));
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_secret_t secret = { .n = 0 };
    char *copy = malloc(size + 1);
    gh_str_t text = { copy, size };

    require(copy != NULL);
    require(gh_secret_add(&secret, GH_STR(ROOT)) == GH_OK);

    if (size > 0) {
        memcpy(copy, data, size);
    }

    /* nobody who has not the key can make one */
    require(open_state(&secret, text) == GH_DENIED);
    seal_and_open(&secret, text);

    gh_str_t target = gh_login_target(text);

    require(target.len > 0 && target.data[0] == '/');
    require(target.len == 1
            || (target.data[1] != '/' && target.data[1] != '\\'));
    require(memchr(target.data, '\\', target.len) == NULL);
    require(memchr(target.data, '\n', target.len) == NULL);

    (void) gh_login_cookie_valid(text);

    if (gh_login_host_within(text, GH_STR("example.com"))) {
        require(memchr(copy, '/', size) == NULL);
        require(memchr(copy, '@', size) == NULL);
    }

    free(copy);
    gh_secret_clear(&secret);

    return 0;
}
