/*
 * A person's session: an opaque id in a cookie, and a record under the hash
 * of that id, sealed and bound to its name. What may be decided about it
 * without I/O: whether it still stands, is to be touched, or refreshed.
 */

#ifndef GH_SESSION_H
#define GH_SESSION_H

#include "gh_principal.h"
#include "gh_secret.h"

#define GH_SESSION_ID_LEN 32
#define GH_SESSION_TAG_LEN 16
#define GH_SESSION_COOKIE_LEN 64 /* base64url of id and tag */
#define GH_SESSION_NAME_LEN 64   /* hex of SHA-256 */
#define GH_SESSION_BYTES_MAX 65536
#define GH_SESSION_GRACE_S 300 /* a token that could not be refreshed */


/* From configuration; seconds. */
typedef struct {
    int64_t idle_s;     /* of inactivity */
    int64_t absolute_s; /* since login */
} gh_session_times_t;

/* Strings are borrowed from the document. */
typedef struct {
    gh_str_t provider; /* its name in configuration */
    gh_str_t issuer;
    gh_str_t client_id; /* the session holds for it alone */
    gh_str_t host;      /* or the cookie domain; the same */
    gh_str_t sub, sid;  /* sid may be empty */
    int64_t created_at_s;
    int64_t seen_at_s;    /* as last written */
    int64_t expires_at_s; /* of the access token; 0: not said */
    int64_t refreshed_at_s;
    gh_str_t access_token, refresh_token, id_token; /* may be empty */
    json_t *claims;   /* id_token's and userinfo's, merged */
    json_t *document; /* owned: gh_session_clear wipes and frees */
} gh_session_t;


/*
 * The cookie's text: base64url of the id (random, handed in) and a tag under
 * the root key, so that nobody can make us look for an id that we never gave.
 * GH_ABSENT: there is no root key.
 */
gh_rc_t gh_session_cookie(const gh_secret_t *secret,
                          const uint8_t id[GH_SESSION_ID_LEN],
                          char out[GH_SESSION_COOKIE_LEN]);
/* GH_OK: ours (any of the root keys); name is the record's, hex. GH_DENIED. */
gh_rc_t gh_session_name(const gh_secret_t *secret, gh_str_t cookie,
                        char name[GH_SESSION_NAME_LEN]);

/* The record: JSON with a version, sealed for its name; appends. s->document
 * is not looked at. nonce: 12 random bytes. */
gh_rc_t gh_session_seal(const gh_secret_t *secret, gh_str_t name,
                        const gh_session_t *s, const uint8_t nonce[12],
                        gh_buf_t *out);
/* GH_OK: clear it. GH_DENIED: not ours, changed, another name, another
 * version of it: it counts as absent. GH_NOMEM. */
gh_rc_t gh_session_open(const gh_secret_t *secret, gh_str_t name,
                        gh_str_t sealed, gh_session_t *out);
void gh_session_clear(gh_session_t *s);


typedef enum {
    GH_SESSION_STANDS = 0,
    GH_SESSION_REFRESH, /* stands; its token is to be refreshed, nobody need
                           wait for it */
    GH_SESSION_WAIT,    /* its token has expired: wait for the refresh */
    GH_SESSION_OVER     /* idle or absolute limit, or no way to refresh */
} gh_session_verdict_t;

/*
 * seen_at_s: the latest that anybody knows of, may be above s->seen_at_s. A
 * session whose token expired and which has no refresh token stands until
 * its limits: only the tokens are stale. A token is refreshed when a tenth of
 * its life, at most 60 s, is left.
 */
gh_session_verdict_t gh_session_judge(const gh_session_t *s,
                                      const gh_session_times_t *times,
                                      int64_t seen_at_s, int64_t now_s);

/* When seen_at_s is to be written again: max(30 s, idle / 20) later. */
bool gh_session_touch_due(const gh_session_t *s,
                          const gh_session_times_t *times, int64_t now_s);
/* Until when the store is to keep the record. */
int64_t gh_session_ttl(const gh_session_t *s, const gh_session_times_t *times,
                       int64_t now_s);

/*
 * Names in the index (GH_KIND_SESSION_INDEX) for back-channel logout, hex of
 * a MAC over length-prefixed issuer, client and sid or sub: nobody who reads
 * the store learns who is logged in. Each record is a list of session names:
 * _index_add and _index_remove change its sealed-free text (64 hex each).
 */
gh_rc_t gh_session_index_name(const gh_secret_t *secret, gh_str_t kind,
                              gh_str_t issuer, gh_str_t value,
                              char name[GH_SESSION_NAME_LEN]);

/* Which claims mean what for a principal. */
typedef struct {
    gh_str_t provider; /* qualifies the id */
    gh_str_t name_claim, email_claim, groups_claim, scope_claim;
    bool email_unverified; /* accept email although email_verified is false */
} gh_session_claims_t;

/*
 * The principal of a session: type user, method oidc, id PROVIDER:SUB. Lists
 * are put in room (views into s->claims), at most max of each; empty members
 * and members of other types are left out. An email with two '@', a control
 * byte, a trailing dot or not verified (email_verified false) is left out.
 */
gh_rc_t gh_session_principal(const gh_session_t *s,
                             const gh_session_claims_t *claims, gh_str_t *room,
                             size_t max, gh_principal_t *out);


#endif
