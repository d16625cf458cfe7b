/*
 * Version names in paths and headers, and what is announced about versions
 * that go away. The Accept header is read in gh_version_accept.c.
 */

#include "gh_version.h"

#include "gh_time.h"


static bool name_char(char c, bool first);
static gh_str_t without_v(gh_str_t name);
static bool uri_valid(gh_str_t uri);
static gh_rc_t add_link(gh_str_t uri, gh_str_t rel, bool more, gh_buf_t *out);


bool
gh_version_name_valid(gh_str_t name)
{
    if (name.len == 0 || name.len > GH_VERSION_NAME_MAX) {
        return false;
    }

    for (size_t i = 0; i < name.len; i++) {
        if (!name_char(name.data[i], i == 0)) {
            return false;
        }
    }

    return true;
}


static bool
name_char(char c, bool first)
{
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
        return true;
    }

    return !first && (c == '.' || c == '_' || c == '-');
}


bool
gh_version_same(gh_str_t a, gh_str_t b)
{
    return gh_str_eq(without_v(a), without_v(b));
}


static gh_str_t
without_v(gh_str_t name)
{
    if (name.len >= 2 && name.data[0] == 'v' && name.data[1] >= '0'
        && name.data[1] <= '9')
    {
        name.data++;
        name.len--;
    }

    return name;
}


gh_rc_t
gh_version_from_path(gh_str_t path, gh_str_t prefix, gh_str_t *out,
                     gh_str_t *rest)
{
    if (path.len == 0 || !gh_str_starts(path, prefix)) {
        return GH_ABSENT;
    }

    gh_str_t tail = { path.data + prefix.len, path.len - prefix.len };

    if (prefix.len == 0 || prefix.data[prefix.len - 1] != '/') {

        /* location /api also takes /apiary */
        if (tail.len == 0 || tail.data[0] != '/') {
            return GH_ABSENT;
        }

        tail.data++;
        tail.len--;
    }

    gh_str_t after;
    gh_str_t name = gh_str_cut(tail, '/', &after);

    if (!gh_version_name_valid(name)) {
        return GH_ABSENT;
    }

    *out = name;
    *rest = after.data == NULL ? GH_STR("/")
                               : (gh_str_t){ after.data - 1, after.len + 1 };

    return GH_OK;
}


gh_rc_t
gh_version_from_header(gh_str_t value, gh_str_t *out)
{
    gh_str_t name = gh_str_trim(value);

    if (!gh_version_name_valid(name)) {
        return GH_INVALID;
    }

    *out = name;

    return GH_OK;
}


/* RFC 9745 section 2: a Date of structured fields (RFC 9651). */
gh_rc_t
gh_version_deprecation(int64_t deprecated_at_s, gh_buf_t *out)
{
    size_t start = out->len;

    if (deprecated_at_s <= 0) {
        return GH_OK;
    }

    if (deprecated_at_s > GH_TIME_MAX_S) {
        return GH_INVALID;
    }

    if (gh_buf_add_char(out, '@') != GH_OK
        || gh_buf_add_u64(out, (uint64_t) deprecated_at_s) != GH_OK)
    {
        out->len = start;
        return GH_TOO_LONG;
    }

    return GH_OK;
}


/* RFC 8594 section 3: an HTTP-date. */
gh_rc_t
gh_version_sunset(int64_t sunset_at_s, gh_buf_t *out)
{
    return sunset_at_s <= 0 ? GH_OK : gh_time_http(sunset_at_s, out);
}


gh_rc_t
gh_version_link(gh_str_t successor_uri, gh_str_t documentation_uri,
                gh_buf_t *out)
{
    size_t start = out->len;

    if (!uri_valid(successor_uri) || !uri_valid(documentation_uri)) {
        return GH_INVALID;
    }

    if (add_link(successor_uri, GH_STR("successor-version"), false, out)
            != GH_OK
        || add_link(documentation_uri, GH_STR("deprecation"),
                    successor_uri.len > 0, out)
               != GH_OK)
    {
        out->len = start;
        return GH_TOO_LONG;
    }

    return GH_OK;
}


static bool
uri_valid(gh_str_t uri)
{
    for (size_t i = 0; i < uri.len; i++) {
        char c = uri.data[i];

        if (c <= 0x20 || c > 0x7e || c == '<' || c == '>' || c == '"') {
            return false;
        }
    }

    return true;
}


static gh_rc_t
add_link(gh_str_t uri, gh_str_t rel, bool more, gh_buf_t *out)
{
    const gh_str_t parts[] = { more ? GH_STR(", <") : GH_STR("<"), uri,
                               GH_STR(">; rel=\""), rel, GH_STR("\"") };

    if (uri.len == 0) {
        return GH_OK;
    }

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        gh_rc_t rc = gh_buf_add(out, parts[i]);

        if (rc != GH_OK) {
            return rc;
        }
    }

    return GH_OK;
}
