/*
 * Writes the canonical form of a request target: unreserved characters
 * decoded, what a path may not hold encoded, dot segments removed (RFC 3986
 * sections 5.2.4 and 6.2.2). Only for targets that gh_target_inspect finds
 * not canonical yet.
 */

#include "gh_target.h"
#include "gh_target_bytes.h"


static bool rewrite_path(const char *at, const char *end, gh_buf_t *out);
static const char *rewrite_one(const char *at, const char *end, gh_buf_t *out);
static bool close_segment(size_t base, size_t segment, bool last,
                          gh_buf_t *out);
static bool rewrite_query(const char *at, const char *end, gh_buf_t *out);
static bool put(gh_buf_t *out, uint8_t byte);
static bool put_encoded(gh_buf_t *out, uint8_t byte);


gh_rc_t
gh_target_canonical(gh_str_t target, gh_buf_t *out, gh_target_flags_t *flags)
{
    bool canonical;

    *flags = gh_target_inspect(target, &canonical);

    if (canonical) {
        return gh_buf_add(out, target);
    }

    const char *end = target.data + target.len;
    const char *query = memchr(target.data, '?', target.len);
    size_t base = out->len;

    if (query == NULL) {
        query = end;
    }

    if (!rewrite_path(target.data, query, out)
        || !rewrite_query(query, end, out)) {
        out->len = base;
        return GH_TOO_LONG;
    }

    return GH_OK;
}


/* The path begins with a slash; a segment is what begins with one. */
static bool
rewrite_path(const char *at, const char *end, gh_buf_t *out)
{
    size_t base = out->len;

    while (at < end) {
        size_t segment = out->len;

        if (!put(out, '/')) {
            return false;
        }

        at++;

        while (at < end && *at != '/') {
            at = rewrite_one(at, end, out);

            if (at == NULL) {
                return false;
            }
        }

        if (!close_segment(base, segment, at == end, out)) {
            return false;
        }
    }

    return true;
}


/* Returns where the next one is, NULL when there is no room. */
static const char *
rewrite_one(const char *at, const char *end, gh_buf_t *out)
{
    uint8_t byte = (uint8_t) *at;
    gh_path_kind_t kind = gh_path_kinds[byte];

    if (kind <= GH_PATH_DELIM || kind == GH_PATH_SEMICOLON
        || kind == GH_PATH_HASH) {
        return put(out, byte) ? at + 1 : NULL;
    }

    int value = kind == GH_PATH_PERCENT ? gh_path_escaped(at, end) : -1;

    if (value < 0) {
        return put_encoded(out, byte) ? at + 1 : NULL;
    }

    byte = (uint8_t) value;

    if (gh_path_kinds[byte] == GH_PATH_FREE) {
        return put(out, byte) ? at + 3 : NULL;
    }

    return put_encoded(out, byte) ? at + 3 : NULL;
}


/* Takes a dot segment off again, and with .. the one before it. */
static bool
close_segment(size_t base, size_t segment, bool last, gh_buf_t *out)
{
    gh_str_t text = { out->data + segment, out->len - segment };

    if (gh_str_eq(text, GH_STR("/.."))) {
        while (segment > base && out->data[--segment] != '/') {
            /* back to the slash of the segment before */
        }

    } else if (!gh_str_eq(text, GH_STR("/."))) {
        return true;
    }

    out->len = segment;

    return !last || put(out, '/');
}


static bool
rewrite_query(const char *at, const char *end, gh_buf_t *out)
{
    for (/* void */; at < end; at++) {
        uint8_t byte = (uint8_t) *at;

        if (!(gh_path_kinds[byte] > GH_PATH_HASH ? put_encoded(out, byte)
                                                 : put(out, byte)))
        {
            return false;
        }
    }

    return true;
}


static bool
put(gh_buf_t *out, uint8_t byte)
{
    if (out->len == out->cap) {
        return false;
    }

    out->data[out->len++] = (char) byte;

    return true;
}


static bool
put_encoded(gh_buf_t *out, uint8_t byte)
{
    static const char digits[] = "0123456789ABCDEF";

    if (out->cap - out->len < 3) {
        return false;
    }

    out->data[out->len++] = '%';
    out->data[out->len++] = digits[byte >> 4];
    out->data[out->len++] = digits[byte & 15];

    return true;
}
