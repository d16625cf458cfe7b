/*
 * A login on its way: nothing is kept on the server. The `state` parameter is
 * sealed and says for whom and whereto; one cookie per browser binds it.
 * Nonce and PKCE verifier are derived from both, so neither alone is worth
 * anything.
 */

#ifndef GH_LOGIN_H
#define GH_LOGIN_H

#include "gh_secret.h"

#define GH_LOGIN_TTL_S 600
#define GH_LOGIN_TARGET_MAX 1024 /* bytes of where to return */
#define GH_LOGIN_ORIGIN_MAX 300
#define GH_LOGIN_STATE_MAX 2048 /* of the parameter */
#define GH_LOGIN_COOKIE_LEN 43  /* base64url of 32 bytes */
#define GH_LOGIN_ID_LEN 16


/* Views are borrowed, after _open from the room handed in. */
typedef struct {
    uint8_t id[GH_LOGIN_ID_LEN]; /* random, new for each login */
    gh_str_t provider;           /* its name in configuration */
    gh_str_t origin; /* "https://app.example.com"; where it began */
    gh_str_t target; /* path and query to return to */
    int64_t began_at_s;
    bool again;   /* begun once more by a callback that was
                                    bound to another cookie: not a third time */
    bool form;    /* a form is kept under id */
    unsigned key; /* the root key that sealed it; by _open */
    bool logout;  /* no login: the way back from the provider's
                                    end_session_endpoint */
} gh_login_t;

typedef struct {
    char nonce[GH_LOGIN_COOKIE_LEN];
    char verifier[GH_LOGIN_COOKIE_LEN];
    char challenge[GH_LOGIN_COOKIE_LEN];
} gh_login_proofs_t;


/* The cookie's text: base64url of 32 random bytes handed in. */
void gh_login_cookie(const uint8_t random[32], char out[GH_LOGIN_COOKIE_LEN]);
/* It could be one of ours: exactly so long, strict base64url. */
bool gh_login_cookie_valid(gh_str_t cookie);

/*
 * Seals the login, bound to the cookie by a MAC inside; appends base64url.
 * nonce: 12 random bytes. GH_TOO_LONG, GH_ABSENT (no root key), GH_INVALID
 * (no provider, or no cookie of ours), GH_NOMEM.
 */
gh_rc_t gh_login_seal(const gh_secret_t *secret, const gh_login_t *login,
                      gh_str_t cookie, const uint8_t nonce[12], gh_buf_t *out);

/*
 * GH_OK        ours, bound to this cookie, at most GH_LOGIN_TTL_S old
 * GH_CONFLICT  ours and young, but bound to another cookie or none came;
 *              login is filled in
 * GH_DENIED    not ours, changed, or too old (then login is filled in when it
 *              was ours: login->provider.len != 0)
 * GH_TOO_LONG  room is too small (GH_LOGIN_STATE_MAX suffices); GH_NOMEM
 */
gh_rc_t gh_login_open(const gh_secret_t *secret, gh_str_t state,
                      gh_str_t cookie, int64_t now_s, gh_buf_t *room,
                      gh_login_t *login);

/* Nonce and verifier: HMACs under the root key login->key (0 at the begin),
 * over cookie and id. */
gh_rc_t gh_login_proofs(const gh_secret_t *secret, gh_str_t cookie,
                        const gh_login_t *login, gh_login_proofs_t *out);

/*
 * Where to return after a login: `target` as the client sent it (path and
 * query) or, of a parameter, what it claims to be. Only a path of our own
 * origin passes: begins with one '/', no second '/' or '\' after it, no
 * backslash, control byte, byte above 0x7e or space anywhere, no encoded
 * form of these or of '%' at its head, no dot segments, at most
 * GH_LOGIN_TARGET_MAX. Anything else is "/". The result is borrowed.
 */
gh_str_t gh_login_target(gh_str_t target);

/*
 * Whether host ("app.example.com", any case, maybe ":port") is `domain`
 * ("example.com") or below it, at a dot.
 */
bool gh_login_host_within(gh_str_t host, gh_str_t domain);


#endif
