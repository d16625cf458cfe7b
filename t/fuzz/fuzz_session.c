/*
 * Sessions: bytes that were not sealed here are no session; sealed ones, of
 * whatever release, are read without harm, come back when put away again,
 * and make a principal whose texts lie within them.
 */

#include "fuzz.h"

#include "gh_session.h"


#define NOW INT64_C(1800000000)
#define ROOT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NAME GH_STR("name")


static const uint8_t nonce[12] = { 1 };


static void
make_principal(const gh_session_t *s)
{
    const gh_session_claims_t means = { .provider = GH_STR("p"),
                                        .name_claim = GH_STR("name"),
                                        .email_claim = GH_STR("email"),
                                        .groups_claim = GH_STR("/a/b"),
                                        .scope_claim = GH_STR("scope") };
    const gh_session_times_t times = { 3600, 28800 };
    gh_str_t room[16];
    gh_principal_t p;
    gh_rc_t rc = gh_session_principal(s, &means, room, 8, &p);

    require(rc == GH_OK || rc == GH_TOO_LONG);
    require(p.n_groups <= 8 && p.n_scopes <= 8 && p.id.len > 2);
    require(memchr(p.email.data, '\n', p.email.len) == NULL);
    require(gh_session_ttl(s, &times, NOW) > 0);
    (void) gh_session_judge(s, &times, 0, NOW);
}


static void
put_away_again(const gh_secret_t *secret, const gh_session_t *s)
{
    gh_buf_t out = { malloc(GH_SESSION_BYTES_MAX), 0, GH_SESSION_BYTES_MAX };
    gh_session_t again;

    require(out.data != NULL);

    /* numbers may become longer when they are written once more */
    if (gh_session_seal(secret, NAME, s, nonce, &out) == GH_OK) {
        require(gh_session_open(secret, NAME, gh_buf_str(&out), &again)
                == GH_OK);
        require(gh_str_eq(s->id, again.id)
                && gh_str_eq(s->access_token, again.access_token)
                && s->seen_at_s == again.seen_at_s);
        gh_session_clear(&again);
    }

    free(out.data);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_secret_t secret = { .n = 0 };
    gh_str_t text = { (const char *) data, size };
    gh_buf_t sealed = { malloc(size + GH_SEAL_OVERHEAD), 0,
                        size + GH_SEAL_OVERHEAD };
    char name[GH_SESSION_NAME_LEN];
    gh_session_t s;

    require(sealed.data != NULL);
    require(gh_secret_add(&secret, GH_STR(ROOT)) == GH_OK);
    require(gh_session_open(&secret, NAME, text, &s) == GH_DENIED);
    require(gh_session_name(&secret, text, name) == GH_DENIED);

    if (gh_session_index_count(text) > 0) {
        require(gh_session_index_at(text, 0).len == GH_SESSION_NAME_LEN);
    }

    require(
        gh_secret_seal(&secret, GH_PURPOSE_SESSION, NAME, nonce, text, &sealed)
        == GH_OK);

    if (gh_session_open(&secret, NAME, gh_buf_str(&sealed), &s) == GH_OK) {
        make_principal(&s);
        put_away_again(&secret, &s);
        gh_session_clear(&s);
    }

    free(sealed.data);
    gh_secret_clear(&secret);

    return 0;
}
