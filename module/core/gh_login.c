/*
 * A login's state: a fixed head, then provider, origin and target, each after
 * its length, sealed. The proofs are HMACs over cookie and id, which both
 * have one length, so nothing can slide from one into the other.
 */

#include "gh_login.h"

#include "gh_bytes.h"

#include <openssl/crypto.h>

#define VERSION 1
#define NAME GH_STR("login")
#define FLAG_AGAIN 1u
#define FLAG_FORM 2u
#define FLAG_LOGOUT 4u

#define AHEAD_MAX_S 60 /* the clock of the node that began it */

/* version, flags, key, id, began_at_s, binding, three lengths */
#define HEAD_LEN (1 + 1 + 4 + GH_LOGIN_ID_LEN + 8 + GH_SHA256_LEN)
#define SEALED_MAX (GH_LOGIN_STATE_MAX / 4 * 3)


typedef enum {
    PROOF_BINDING = 'b',
    PROOF_NONCE = 'n',
    PROOF_VERIFIER = 'v'
} proof_t;


static gh_rc_t write_plain(const gh_secret_t *secret, const gh_login_t *login,
                           gh_str_t cookie, gh_buf_t *out);
static gh_rc_t write_head(const gh_secret_t *secret, const gh_login_t *login,
                          const uint8_t binding[GH_SHA256_LEN], gh_buf_t *out);
static void put_number(uint64_t n, unsigned bytes, char *to);
static uint64_t get_number(const char *from, unsigned bytes);
static gh_rc_t add_text(gh_str_t text, gh_buf_t *out);
static gh_rc_t read_plain(gh_str_t plain, gh_login_t *login, uint32_t *key);
static bool take_text(gh_str_t *rest, gh_str_t *out);
static bool find_key(const gh_secret_t *secret, uint32_t id, unsigned *key);
static bool bound(const gh_secret_t *secret, const gh_login_t *login,
                  gh_str_t cookie, const char *binding);
static gh_rc_t prove(const gh_secret_t *secret, unsigned key, proof_t proof,
                     gh_str_t cookie, const uint8_t id[GH_LOGIN_ID_LEN],
                     uint8_t out[GH_SHA256_LEN]);
static void to_text(const uint8_t bytes[32], char out[GH_LOGIN_COOKIE_LEN]);


void
gh_login_cookie(const uint8_t random[32], char out[GH_LOGIN_COOKIE_LEN])
{
    to_text(random, out);
}


bool
gh_login_cookie_valid(gh_str_t cookie)
{
    char room[32];
    gh_buf_t bytes = GH_BUF(room);
    bool valid = cookie.len == GH_LOGIN_COOKIE_LEN
                 && gh_base64url_decode(cookie, &bytes) == GH_OK
                 && bytes.len == sizeof(room);

    OPENSSL_cleanse(room, sizeof(room));

    return valid;
}


gh_rc_t
gh_login_seal(const gh_secret_t *secret, const gh_login_t *login,
              gh_str_t cookie, const uint8_t nonce[12], gh_buf_t *out)
{
    char plain_room[SEALED_MAX], sealed_room[SEALED_MAX];
    gh_buf_t plain = GH_BUF(plain_room), sealed = GH_BUF(sealed_room);

    if (secret->n == 0) {
        return GH_ABSENT;
    }

    if (login->origin.len > GH_LOGIN_ORIGIN_MAX
        || login->target.len > GH_LOGIN_TARGET_MAX)
    {
        return GH_TOO_LONG;
    }

    if (login->provider.len == 0 || !gh_login_cookie_valid(cookie)) {
        return GH_INVALID;
    }

    gh_rc_t rc = write_plain(secret, login, cookie, &plain);

    if (rc == GH_OK) {
        rc = gh_secret_seal(secret, GH_PURPOSE_STATE_COOKIE, NAME, nonce,
                            gh_buf_str(&plain), &sealed);
    }

    OPENSSL_cleanse(plain_room, sizeof(plain_room));

    return rc == GH_OK ? gh_base64url_encode(gh_buf_str(&sealed), out) : rc;
}


static gh_rc_t
write_plain(const gh_secret_t *secret, const gh_login_t *login,
            gh_str_t cookie, gh_buf_t *out)
{
    uint8_t binding[GH_SHA256_LEN];
    gh_rc_t rc = prove(secret, 0, PROOF_BINDING, cookie, login->id, binding);

    if (rc == GH_OK) {
        rc = write_head(secret, login, binding, out);
    }

    if (rc == GH_OK) {
        rc = add_text(login->provider, out);
    }

    if (rc == GH_OK) {
        rc = add_text(login->origin, out);
    }

    return rc == GH_OK ? add_text(login->target, out) : rc;
}


static gh_rc_t
write_head(const gh_secret_t *secret, const gh_login_t *login,
           const uint8_t binding[GH_SHA256_LEN], gh_buf_t *out)
{
    char head[HEAD_LEN], *at = head;

    *at++ = VERSION;
    *at++ =
        (char) ((login->again ? FLAG_AGAIN : 0) | (login->form ? FLAG_FORM : 0)
                | (login->logout ? FLAG_LOGOUT : 0));
    put_number(secret->keys[0].id, 4, at);
    at += 4;
    memcpy(at, login->id, GH_LOGIN_ID_LEN);
    at += GH_LOGIN_ID_LEN;
    put_number((uint64_t) login->began_at_s, 8, at);
    at += 8;
    memcpy(at, binding, GH_SHA256_LEN);

    return gh_buf_add(out, (gh_str_t){ head, sizeof(head) });
}


static void
put_number(uint64_t n, unsigned bytes, char *to)
{
    for (unsigned i = 0; i < bytes; i++) {
        to[i] = (char) (uint8_t) (n >> (8 * (bytes - 1 - i)) & 255);
    }
}


static uint64_t
get_number(const char *from, unsigned bytes)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < bytes; i++) {
        n = n << 8 | (uint8_t) from[i];
    }

    return n;
}


static gh_rc_t
add_text(gh_str_t text, gh_buf_t *out)
{
    char len[2];

    if (text.len > UINT16_MAX) {
        return GH_TOO_LONG;
    }

    put_number(text.len, sizeof(len), len);

    gh_rc_t rc = gh_buf_add(out, (gh_str_t){ len, sizeof(len) });

    return rc == GH_OK ? gh_buf_add(out, text) : rc;
}


gh_rc_t
gh_login_open(const gh_secret_t *secret, gh_str_t state, gh_str_t cookie,
              int64_t now_s, gh_buf_t *room, gh_login_t *login)
{
    char sealed_room[SEALED_MAX];
    gh_buf_t sealed = GH_BUF(sealed_room);
    size_t before = room->len;
    uint32_t key;

    memset(login, 0, sizeof(*login));

    if (state.len > GH_LOGIN_STATE_MAX
        || gh_base64url_decode(state, &sealed) != GH_OK)
    {
        return GH_DENIED;
    }

    gh_rc_t rc = gh_secret_open(secret, GH_PURPOSE_STATE_COOKIE, NAME,
                                gh_buf_str(&sealed), room);

    if (rc != GH_OK) {
        return rc;
    }

    gh_str_t plain = { room->data + before, room->len - before };

    if (read_plain(plain, login, &key) != GH_OK
        || !find_key(secret, key, &login->key))
    {
        memset(login, 0, sizeof(*login));
        return GH_DENIED;
    }

    if (login->began_at_s > now_s + AHEAD_MAX_S
        || now_s - login->began_at_s > GH_LOGIN_TTL_S)
    {
        return GH_DENIED;
    }

    return bound(secret, login, cookie, plain.data + HEAD_LEN - GH_SHA256_LEN)
               ? GH_OK
               : GH_CONFLICT;
}


static gh_rc_t
read_plain(gh_str_t plain, gh_login_t *login, uint32_t *key)
{
    const char *at = plain.data + 2;
    uint64_t began_at;

    if (plain.len < HEAD_LEN || plain.data[0] != VERSION) {
        return GH_INVALID;
    }

    unsigned flags = (uint8_t) plain.data[1];

    login->again = (flags & FLAG_AGAIN) != 0;
    login->form = (flags & FLAG_FORM) != 0;
    login->logout = (flags & FLAG_LOGOUT) != 0;
    *key = (uint32_t) get_number(at, 4);
    memcpy(login->id, at + 4, GH_LOGIN_ID_LEN);
    began_at = get_number(at + 4 + GH_LOGIN_ID_LEN, 8);

    if (began_at > INT64_MAX / 2) {
        return GH_INVALID;
    }

    login->began_at_s = (int64_t) began_at;
    plain.data += HEAD_LEN;
    plain.len -= HEAD_LEN;

    return take_text(&plain, &login->provider)
                   && take_text(&plain, &login->origin)
                   && take_text(&plain, &login->target) && plain.len == 0
                   && login->provider.len > 0
               ? GH_OK
               : GH_INVALID;
}


static bool
take_text(gh_str_t *rest, gh_str_t *out)
{
    if (rest->len < 2) {
        return false;
    }

    size_t len = (size_t) get_number(rest->data, 2);

    if (rest->len - 2 < len) {
        return false;
    }

    *out = (gh_str_t){ rest->data + 2, len };
    rest->data += 2 + len;
    rest->len -= 2 + len;

    return true;
}


static bool
find_key(const gh_secret_t *secret, uint32_t id, unsigned *key)
{
    for (unsigned i = 0; i < secret->n; i++) {
        if (secret->keys[i].id == id) {
            *key = i;
            return true;
        }
    }

    return false;
}


static bool
bound(const gh_secret_t *secret, const gh_login_t *login, gh_str_t cookie,
      const char *binding)
{
    uint8_t ours[GH_SHA256_LEN];

    return gh_login_cookie_valid(cookie)
           && prove(secret, login->key, PROOF_BINDING, cookie, login->id, ours)
                  == GH_OK
           && gh_equal_secret(ours, binding, sizeof(ours));
}


static gh_rc_t
prove(const gh_secret_t *secret, unsigned key, proof_t proof, gh_str_t cookie,
      const uint8_t id[GH_LOGIN_ID_LEN], uint8_t out[GH_SHA256_LEN])
{
    char text[1 + GH_LOGIN_COOKIE_LEN + GH_LOGIN_ID_LEN];

    text[0] = (char) proof;
    memcpy(text + 1, cookie.data, GH_LOGIN_COOKIE_LEN);
    memcpy(text + 1 + GH_LOGIN_COOKIE_LEN, id, GH_LOGIN_ID_LEN);

    gh_rc_t rc = gh_secret_mac(secret, key, GH_PURPOSE_STATE_COOKIE,
                               (gh_str_t){ text, sizeof(text) }, out);

    OPENSSL_cleanse(text, sizeof(text));

    return rc;
}


gh_rc_t
gh_login_proofs(const gh_secret_t *secret, gh_str_t cookie,
                const gh_login_t *login, gh_login_proofs_t *out)
{
    uint8_t hash[GH_SHA256_LEN];

    if (!gh_login_cookie_valid(cookie)) {
        return GH_INVALID;
    }

    gh_rc_t rc =
        prove(secret, login->key, PROOF_NONCE, cookie, login->id, hash);

    if (rc != GH_OK) {
        return rc;
    }

    to_text(hash, out->nonce);

    rc = prove(secret, login->key, PROOF_VERIFIER, cookie, login->id, hash);

    if (rc == GH_OK) {
        to_text(hash, out->verifier);
        gh_sha256((gh_str_t){ out->verifier, sizeof(out->verifier) }, hash);
        to_text(hash, out->challenge);
    }

    OPENSSL_cleanse(hash, sizeof(hash));

    return rc;
}


/* 32 bytes are always 43 characters. */
static void
to_text(const uint8_t bytes[32], char out[GH_LOGIN_COOKIE_LEN])
{
    gh_buf_t text = { out, 0, GH_LOGIN_COOKIE_LEN };

    (void) gh_base64url_encode((gh_str_t){ (const char *) bytes, 32 }, &text);
}
