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
#define GH_SESSION_COOKIE_LEN 64   /* base64url of id and tag */
#define GH_SESSION_NAME_LEN 64     /* hex of SHA-256 */
#define GH_SESSION_BYTES_MAX 65536 /* of a record, sealed */
#define GH_SESSION_INDEX_MAX 1024  /* sessions in one index record */
#define GH_SESSION_GRACE_S 300     /* a token that could not be refreshed */


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
    gh_str_t id;        /* "PROVIDER:SUB"; by _open, not looked at by _seal */
    int64_t created_at_s;
    int64_t seen_at_s;    /* as last written */
    int64_t expires_at_s; /* of the access token; 0: not said */
    int64_t refreshed_at_s;
    gh_str_t access_token, refresh_token, id_token; /* may be empty */
    json_t *claims;   /* id_token's and userinfo's, merged */
    json_t *document; /* owned, claims with it: gh_session_clear wipes and
                         frees */
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

/*
 * The record: JSON with a version, sealed for its name; appends. s->document
 * is not looked at. nonce: 12 random bytes. GH_INVALID: provider, issuer,
 * client_id, host or sub is empty; GH_TOO_LONG: beyond GH_SESSION_BYTES_MAX
 * or out's room; GH_ABSENT: there is no root key; GH_NOMEM.
 */
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
 * its life, at most 60 s, is left. Whether a session whose refresh failed may
 * still be served is gh_session_grace.
 */
gh_session_verdict_t gh_session_judge(const gh_session_t *s,
                                      const gh_session_times_t *times,
                                      int64_t seen_at_s, int64_t now_s);

/* Its token expired less than GH_SESSION_GRACE_S ago, or not at all: while
 * the provider cannot be asked it is served as it is. */
bool gh_session_grace(const gh_session_t *s, int64_t now_s);

/* When seen_at_s is to be written again: max(30 s, idle / 20) later. */
bool gh_session_touch_due(const gh_session_t *s,
                          const gh_session_times_t *times, int64_t now_s);
/* For how many seconds from now the store is to keep the record, so that it
 * outlives what is not yet written of seen_at_s; at least 1. */
int64_t gh_session_ttl(const gh_session_t *s, const gh_session_times_t *times,
                       int64_t now_s);

/*
 * Names in the index (GH_KIND_SESSION_INDEX) for back-channel logout, hex of
 * a MAC over length-prefixed kind, issuer, client and sid or sub: nobody who
 * reads the store learns who is logged in. Made under keys[0]; a logout looks
 * under each, since a session may be older than the key that is first now.
 * GH_ABSENT: there is no keys[key].
 */
typedef struct {
    gh_str_t kind; /* "sid" or "sub" */
    gh_str_t issuer, client_id;
    gh_str_t value; /* the sid, the sub */
} gh_session_index_t;

gh_rc_t gh_session_index_name(const gh_secret_t *secret, unsigned key,
                              const gh_session_index_t *what,
                              char name[GH_SESSION_NAME_LEN]);

/*
 * Each index record is a list of session names, the oldest first, 64 hex
 * characters each. _add and _remove append the changed list to out.
 *
 * GH_ABSENT    _remove: it was not there; _add: GH_OK when it was
 * GH_INVALID   the list is none, or name no name
 * GH_FULL      _add: GH_SESSION_INDEX_MAX are there; end the oldest first
 * GH_TOO_LONG  out has no room
 */
gh_rc_t gh_session_index_add(gh_str_t list,
                             const char name[GH_SESSION_NAME_LEN],
                             gh_buf_t *out);
gh_rc_t gh_session_index_remove(gh_str_t list,
                                const char name[GH_SESSION_NAME_LEN],
                                gh_buf_t *out);
/* How many there are; 0 when it is no list. The i-th, borrowed. */
size_t gh_session_index_count(gh_str_t list);
gh_str_t gh_session_index_at(gh_str_t list, size_t i);

/* Which claims mean what for a principal. */
typedef struct {
    gh_str_t provider; /* qualifies the id */
    gh_str_t name_claim, email_claim, groups_claim, scope_claim;
    bool email_unverified; /* accept email although email_verified is false */
} gh_session_claims_t;

/*
 * The principal of a session that _open gave: type user, method oidc, id
 * PROVIDER:SUB. Claims are names or JSON pointers; an empty one is not looked
 * for. Lists are put in room, which holds 2 * max (groups, then scopes; views
 * into s->claims); empty members and members of other types are left out. An
 * email with two '@', a control byte, anything beyond ASCII, a trailing dot
 * or not verified (email_verified there and not true) is left out.
 *
 * GH_TOO_LONG: more than max groups or scopes; the rest is left out
 * GH_INVALID: the session has no id
 */
gh_rc_t gh_session_principal(const gh_session_t *s,
                             const gh_session_claims_t *claims, gh_str_t *room,
                             size_t max, gh_principal_t *out);


#endif
