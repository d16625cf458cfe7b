/*
 * Takes secrets out of a query before it is logged. It masks rather too much
 * than too little: names are read as loosely as any service might read them.
 */

#include "gh_logline.h"

#include "gh_target_bytes.h"


#define LONGEST 64 /* name that is told from longer ones */

#define SECRET(name)                                                          \
    {                                                                         \
        (name), sizeof(name) - 1                                              \
    }


static size_t end_of_name(gh_str_t target, size_t at);
static size_t find(gh_str_t s, size_t at, char c);
static gh_str_t part(gh_str_t s, size_t from, size_t to);
static bool is_secret(gh_str_t name, const gh_str_t *extra, size_t n);
static gh_str_t meant(gh_str_t name, char room[LONGEST]);
static char next_char(gh_str_t *s);


/* As meant() writes them. */
static const gh_str_t secrets[] = {
    SECRET("access_token"),
    SECRET("api_key"),
    SECRET("apikey"),
    SECRET("assertion"),
    SECRET("client_assertion"),
    SECRET("client_secret"),
    SECRET("code"),
    SECRET("code_verifier"),
    SECRET("id_token"),
    SECRET("id_token_hint"),
    SECRET("logout_token"),
    SECRET("passwd"),
    SECRET("password"),
    SECRET("refresh_token"),
    SECRET("samlrequest"),
    SECRET("samlresponse"),
    SECRET("secret"),
    SECRET("signature"),
    SECRET("state"),
    SECRET("token"),
};


gh_rc_t
gh_logline_mask_query(gh_str_t target, const gh_str_t *extra, size_t n,
                      gh_buf_t *out)
{
    size_t base = out->len, copied = 0, at = find(target, 0, '?');
    gh_rc_t rc = GH_OK;

    /* at is where a separator stands, the next name behind it */
    while (rc == GH_OK && at < target.len) {
        size_t name = at + 1;

        at = end_of_name(target, name);

        if (at == target.len || target.data[at] != '=') {
            continue;
        }

        if (!is_secret(part(target, name, at), extra, n)) {
            continue;
        }

        size_t value = at + 1;

        /* readers that split at '&' only take all of this for the value */
        at = find(target, value, '&');
        rc = gh_buf_add(out, part(target, copied, value));

        if (rc == GH_OK && at > value) {
            rc = gh_buf_add(out, GH_STR("***"));
        }

        copied = at;
    }

    if (rc == GH_OK) {
        rc = gh_buf_add(out, part(target, copied, target.len));
    }

    if (rc != GH_OK) {
        out->len = base;
    }

    return rc;
}


/* Behind a '=' there may be a name again: next=token=x. */
static size_t
end_of_name(gh_str_t target, size_t at)
{
    for (/* void */; at < target.len; at++) {
        switch (target.data[at]) {

        case '=':
        case '&':
        case ';':
        case '?':
            return at;

        default:
            break;
        }
    }

    return at;
}


/* The end when there is none. */
static size_t
find(gh_str_t s, size_t at, char c)
{
    const char *p = at < s.len ? memchr(s.data + at, c, s.len - at) : NULL;

    return p == NULL ? s.len : (size_t) (p - s.data);
}


static gh_str_t
part(gh_str_t s, size_t from, size_t to)
{
    return (gh_str_t){ s.len == 0 ? s.data : s.data + from, to - from };
}


static bool
is_secret(gh_str_t name, const gh_str_t *extra, size_t n)
{
    char room[LONGEST], extra_room[LONGEST];

    name = meant(name, room);

    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        if (gh_str_eq(name, secrets[i])) {
            return true;
        }
    }

    for (size_t i = 0; i < n; i++) {
        if (gh_str_eq(name, meant(extra[i], extra_room))) {
            return true;
        }
    }

    return false;
}


/* As PHP reads a name, without case: "+api.key[0]" is api_key. */
static gh_str_t
meant(gh_str_t name, char room[LONGEST])
{
    size_t len = 0;

    while (name.len > 0 && len < LONGEST) {
        char c = next_char(&name);

        if (c == '[') {
            break;
        }

        if (c == ' ' && len == 0) {
            continue;
        }

        if (c == '-' || c == '.' || c == ' ') {
            c = '_';
        }

        room[len++] = c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
    }

    return (gh_str_t){ room, len };
}


/* Decoded, and taken off the front. */
static char
next_char(gh_str_t *s)
{
    char c = *s->data == '+' ? ' ' : *s->data;
    int value = c == '%' ? gh_path_escaped(s->data, s->data + s->len) : -1;
    size_t n = value < 0 ? 1 : 3;

    s->data += n;
    s->len -= n;

    return value < 0 ? c : (char) value;
}
