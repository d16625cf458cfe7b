/*
 * Which sessions a provider means when it says that somebody has left
 * (OpenID Connect Back-Channel Logout 1.0 section 2.4).
 */

#include "gh_session.h"

#include "gh_bytes.h"

#include <openssl/crypto.h>

#define TEXT_MAX 8192 /* of issuer, client and sid or sub together */


static gh_rc_t add_part(gh_str_t part, gh_buf_t *out);
static bool find(gh_str_t list, const char name[GH_SESSION_NAME_LEN],
                 size_t *at);
static bool is_list(gh_str_t list);
static bool is_hex(gh_str_t text);


gh_rc_t
gh_session_index_name(const gh_secret_t *secret, unsigned key,
                      const gh_session_index_t *what,
                      char name[GH_SESSION_NAME_LEN])
{
    const gh_str_t parts[] = { what->kind, what->issuer, what->client_id,
                               what->value };
    char room[TEXT_MAX];
    uint8_t mac[GH_SHA256_LEN];
    gh_buf_t text = GH_BUF(room), hex = { name, 0, GH_SESSION_NAME_LEN };
    gh_rc_t rc = gh_buf_add_char(&text, 'i'); /* no cookie's tag */

    for (size_t i = 0; i < 4 && rc == GH_OK; i++) {
        rc = add_part(parts[i], &text);
    }

    if (rc == GH_OK) {
        rc = gh_secret_mac(secret, key, GH_PURPOSE_SESSION, gh_buf_str(&text),
                           mac);
    }

    if (rc == GH_OK) {
        rc =
            gh_hex_encode((gh_str_t){ (const char *) mac, sizeof(mac) }, &hex);
    }

    return rc;
}


static gh_rc_t
add_part(gh_str_t part, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add_u64(out, part.len);

    if (rc == GH_OK) {
        rc = gh_buf_add_char(out, ':');
    }

    return rc == GH_OK ? gh_buf_add(out, part) : rc;
}


gh_rc_t
gh_session_index_add(gh_str_t list, const char name[GH_SESSION_NAME_LEN],
                     gh_buf_t *out)
{
    const gh_str_t one = { name, GH_SESSION_NAME_LEN };
    size_t at;

    if (!is_list(list) || !is_hex(one)) {
        return GH_INVALID;
    }

    bool there = find(list, name, &at);
    size_t more = there ? 0 : one.len;

    if (!there && list.len / one.len >= GH_SESSION_INDEX_MAX) {
        return GH_FULL;
    }

    if (out->cap - out->len < list.len + more) {
        return GH_TOO_LONG;
    }

    (void) gh_buf_add(out, list);

    return there ? GH_OK : gh_buf_add(out, one);
}


gh_rc_t
gh_session_index_remove(gh_str_t list, const char name[GH_SESSION_NAME_LEN],
                        gh_buf_t *out)
{
    size_t at;

    if (!is_list(list)) {
        return GH_INVALID;
    }

    if (!find(list, name, &at)) {
        return GH_ABSENT;
    }

    if (out->cap - out->len < list.len - GH_SESSION_NAME_LEN) {
        return GH_TOO_LONG;
    }

    (void) gh_buf_add(out, (gh_str_t){ list.data, at });
    at += GH_SESSION_NAME_LEN;

    return gh_buf_add(out, (gh_str_t){ list.data + at, list.len - at });
}


static bool
find(gh_str_t list, const char name[GH_SESSION_NAME_LEN], size_t *at)
{
    for (*at = 0; *at < list.len; *at += GH_SESSION_NAME_LEN) {
        if (memcmp(list.data + *at, name, GH_SESSION_NAME_LEN) == 0) {
            return true;
        }
    }

    return false;
}


size_t
gh_session_index_count(gh_str_t list)
{
    return is_list(list) ? list.len / GH_SESSION_NAME_LEN : 0;
}


gh_str_t
gh_session_index_at(gh_str_t list, size_t i)
{
    return (gh_str_t){ list.data + i * GH_SESSION_NAME_LEN,
                       GH_SESSION_NAME_LEN };
}


static bool
is_list(gh_str_t list)
{
    return list.len % GH_SESSION_NAME_LEN == 0 && is_hex(list);
}


static bool
is_hex(gh_str_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
    }

    return true;
}
