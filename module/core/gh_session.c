/*
 * A session's cookie and its record. The record is two JSON texts, one line
 * each: what we know, then the claims as they came, so that these may be as
 * deep as a token's may.
 */

#include "gh_session.h"

#include "gh_bytes.h"
#include "gh_json_wipe.h"

#include <openssl/crypto.h>

#define VERSION 1
#define COOKIE_BYTES (GH_SESSION_ID_LEN + GH_SESSION_TAG_LEN)
#define PLAIN_MAX (GH_SESSION_BYTES_MAX - GH_SEAL_OVERHEAD)


typedef struct {
    const char *name;
    size_t at; /* in gh_session_t */
    bool required;
} member_t;


static gh_rc_t tag_of(const gh_secret_t *secret, unsigned key,
                      const uint8_t id[GH_SESSION_ID_LEN],
                      uint8_t tag[GH_SHA256_LEN]);
static gh_rc_t write_plain(const gh_session_t *s, gh_buf_t *out);
static gh_rc_t write_member(const char *name, gh_buf_t *out);
static gh_rc_t write_claims(const json_t *claims, gh_buf_t *out);
static gh_rc_t read_plain(gh_str_t plain, gh_session_t *out);
static gh_rc_t read_members(gh_session_t *out);
static gh_rc_t add_id(gh_session_t *out);


static const member_t strings[] = {
    { "provider", offsetof(gh_session_t, provider), true },
    { "issuer", offsetof(gh_session_t, issuer), true },
    { "client_id", offsetof(gh_session_t, client_id), true },
    { "host", offsetof(gh_session_t, host), true },
    { "sub", offsetof(gh_session_t, sub), true },
    { "sid", offsetof(gh_session_t, sid), false },
    { "access_token", offsetof(gh_session_t, access_token), false },
    { "refresh_token", offsetof(gh_session_t, refresh_token), false },
    { "id_token", offsetof(gh_session_t, id_token), false },
};

static const member_t times[] = {
    { "created_at_s", offsetof(gh_session_t, created_at_s), true },
    { "seen_at_s", offsetof(gh_session_t, seen_at_s), true },
    { "expires_at_s", offsetof(gh_session_t, expires_at_s), true },
    { "fresh_at_s", offsetof(gh_session_t, refreshed_at_s), true },
};

#define N_STRINGS (sizeof(strings) / sizeof(strings[0]))
#define N_TIMES (sizeof(times) / sizeof(times[0]))


gh_rc_t
gh_session_cookie(const gh_secret_t *secret,
                  const uint8_t id[GH_SESSION_ID_LEN],
                  char out[GH_SESSION_COOKIE_LEN])
{
    uint8_t tag[GH_SHA256_LEN];
    char room[COOKIE_BYTES];
    gh_buf_t text = { out, 0, GH_SESSION_COOKIE_LEN };

    if (tag_of(secret, 0, id, tag) != GH_OK) {
        return GH_ABSENT;
    }

    memcpy(room, id, GH_SESSION_ID_LEN);
    memcpy(room + GH_SESSION_ID_LEN, tag, GH_SESSION_TAG_LEN);

    gh_rc_t rc = gh_base64url_encode((gh_str_t){ room, sizeof(room) }, &text);

    OPENSSL_cleanse(room, sizeof(room));

    return rc;
}


static gh_rc_t
tag_of(const gh_secret_t *secret, unsigned key,
       const uint8_t id[GH_SESSION_ID_LEN], uint8_t tag[GH_SHA256_LEN])
{
    char text[1 + GH_SESSION_ID_LEN];

    text[0] = 'c'; /* an index name is a MAC under the same key */
    memcpy(text + 1, id, GH_SESSION_ID_LEN);

    gh_rc_t rc = gh_secret_mac(secret, key, GH_PURPOSE_SESSION,
                               (gh_str_t){ text, sizeof(text) }, tag);

    OPENSSL_cleanse(text, sizeof(text));

    return rc;
}


gh_rc_t
gh_session_name(const gh_secret_t *secret, gh_str_t cookie,
                char name[GH_SESSION_NAME_LEN])
{
    char room[COOKIE_BYTES];
    uint8_t id[GH_SESSION_ID_LEN], hash[GH_SHA256_LEN];
    gh_buf_t bytes = GH_BUF(room), text = { name, 0, GH_SESSION_NAME_LEN };
    bool ours = false;

    if (cookie.len != GH_SESSION_COOKIE_LEN
        || gh_base64url_decode(cookie, &bytes) != GH_OK)
    {
        return GH_DENIED;
    }

    memcpy(id, room, sizeof(id));

    for (unsigned i = 0; i < secret->n; i++) {
        ours = (tag_of(secret, i, id, hash) == GH_OK
                && gh_equal_secret(hash, room + GH_SESSION_ID_LEN,
                                   GH_SESSION_TAG_LEN))
               || ours;
    }

    gh_sha256((gh_str_t){ (const char *) id, sizeof(id) }, hash);
    OPENSSL_cleanse(room, sizeof(room));
    OPENSSL_cleanse(id, sizeof(id));

    if (!ours) {
        return GH_DENIED;
    }

    return gh_hex_encode((gh_str_t){ (const char *) hash, sizeof(hash) },
                         &text);
}


gh_rc_t
gh_session_seal(const gh_secret_t *secret, gh_str_t name,
                const gh_session_t *s, const uint8_t nonce[12], gh_buf_t *out)
{
    char room[PLAIN_MAX];
    gh_buf_t plain = GH_BUF(room);
    gh_rc_t rc = write_plain(s, &plain);

    if (rc == GH_OK) {
        rc = gh_secret_seal(secret, GH_PURPOSE_SESSION, name, nonce,
                            gh_buf_str(&plain), out);
    }

    OPENSSL_cleanse(room, sizeof(room));

    return rc;
}


static gh_rc_t
write_plain(const gh_session_t *s, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add(out, GH_STR("{\"v\":"));

    if (rc == GH_OK) {
        rc = gh_buf_add_u64(out, VERSION);
    }

    for (size_t i = 0; i < N_STRINGS && rc == GH_OK; i++) {
        gh_str_t value;

        memcpy(&value, (const char *) s + strings[i].at, sizeof(value));

        if (value.len == 0) {
            rc = strings[i].required ? GH_INVALID : GH_OK;
            continue;
        }

        rc = write_member(strings[i].name, out);

        if (rc == GH_OK) {
            rc = gh_json_quote(value, out);
        }
    }

    for (size_t i = 0; i < N_TIMES && rc == GH_OK; i++) {
        int64_t at_s;

        memcpy(&at_s, (const char *) s + times[i].at, sizeof(at_s));
        rc = write_member(times[i].name, out);

        if (rc == GH_OK) {
            rc = gh_buf_add_u64(out, at_s < 0 ? 0 : (uint64_t) at_s);
        }
    }

    if (rc == GH_OK) {
        rc = gh_buf_add(out, GH_STR("}\n"));
    }

    return rc == GH_OK ? write_claims(s->claims, out) : rc;
}


static gh_rc_t
write_member(const char *name, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add(out, GH_STR(",\""));

    if (rc == GH_OK) {
        rc = gh_buf_add(out, gh_str(name));
    }

    return rc == GH_OK ? gh_buf_add(out, GH_STR("\":")) : rc;
}


static gh_rc_t
write_claims(const json_t *claims, gh_buf_t *out)
{
    size_t room = out->cap - out->len;

    if (claims == NULL) {
        return gh_buf_add(out, GH_STR("{}"));
    }

    size_t n = json_dumpb(claims, out->data + out->len, room, JSON_COMPACT);

    if (n == 0) {
        return GH_NOMEM;
    }

    if (n > room) {
        return GH_TOO_LONG;
    }

    out->len += n;

    return GH_OK;
}


gh_rc_t
gh_session_open(const gh_secret_t *secret, gh_str_t name, gh_str_t sealed,
                gh_session_t *out)
{
    char room[PLAIN_MAX];
    gh_buf_t plain = GH_BUF(room);

    memset(out, 0, sizeof(*out));

    if (sealed.len > GH_SESSION_BYTES_MAX) {
        return GH_DENIED;
    }

    gh_rc_t rc =
        gh_secret_open(secret, GH_PURPOSE_SESSION, name, sealed, &plain);

    if (rc == GH_OK) {
        rc = read_plain(gh_buf_str(&plain), out);
    }

    OPENSSL_cleanse(room, sizeof(room));

    if (rc != GH_OK) {
        gh_session_clear(out);
    }

    return rc == GH_OK || rc == GH_NOMEM ? rc : GH_DENIED;
}


static gh_rc_t
read_plain(gh_str_t plain, gh_session_t *out)
{
    gh_str_t claims;
    gh_str_t head = gh_str_cut(plain, '\n', &claims);
    gh_rc_t rc = gh_json_parse(head, PLAIN_MAX, &out->document, NULL);

    if (rc == GH_OK) {
        rc = read_members(out);
    }

    if (rc == GH_OK) {
        rc = gh_json_parse(claims, PLAIN_MAX, &out->claims, NULL);
    }

    if (rc != GH_OK) {
        return rc;
    }

    /* handed over, also when there is no memory for it */
    if (json_object_set_new(out->document, "claims", out->claims) != 0) {
        out->claims = NULL;
        return GH_NOMEM;
    }

    return json_is_object(out->claims) ? add_id(out) : GH_INVALID;
}


static gh_rc_t
read_members(gh_session_t *out)
{
    const json_t *doc = out->document;

    if (json_integer_value(json_object_get(doc, "v")) != VERSION) {
        return GH_INVALID;
    }

    for (size_t i = 0; i < N_STRINGS; i++) {
        gh_str_t value = { "", 0 };
        gh_rc_t rc = gh_json_str(doc, strings[i].name, &value);

        if (rc == GH_INVALID || (strings[i].required && value.len == 0)) {
            return GH_INVALID;
        }

        memcpy((char *) out + strings[i].at, &value, sizeof(value));
    }

    for (size_t i = 0; i < N_TIMES; i++) {
        int64_t at_s;

        if (gh_json_date(doc, times[i].name, &at_s) != GH_OK) {
            return GH_INVALID;
        }

        memcpy((char *) out + times[i].at, &at_s, sizeof(at_s));
    }

    return GH_OK;
}


/* So that a principal's id needs no memory of its own. */
static gh_rc_t
add_id(gh_session_t *out)
{
    json_t *id = json_sprintf("%s:%s", out->provider.data, out->sub.data);

    if (id == NULL || json_object_set_new(out->document, "id", id) != 0) {
        return GH_NOMEM;
    }

    return gh_json_str(out->document, "id", &out->id);
}


void
gh_session_clear(gh_session_t *s)
{
    gh_json_wipe(s->document);
    memset(s, 0, sizeof(*s));
}
