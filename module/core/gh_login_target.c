/*
 * Where a browser may be sent after a login. Browsers repair what they are
 * given (backslashes, tabs and line ends that vanish), so only what nobody
 * needs to repair passes.
 */

#include "gh_login.h"

#include "gh_target_bytes.h"


static bool is_plain(gh_str_t text);
static bool has_dots(gh_str_t path);
static bool is_dots(gh_str_t segment);
static bool head_is_plain(gh_str_t path);
static bool host_is_plain(gh_str_t host);


gh_str_t
gh_login_target(gh_str_t target)
{
    const gh_str_t root = GH_STR("/");
    size_t n = 0;

    if (target.len == 0 || target.len > GH_LOGIN_TARGET_MAX
        || target.data[0] != '/' || !is_plain(target))
    {
        return root;
    }

    while (n < target.len && target.data[n] != '?' && target.data[n] != '#') {
        n++;
    }

    gh_str_t path = { target.data, n };

    return head_is_plain(path) && !has_dots(path) ? target : root;
}


static bool
is_plain(gh_str_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c <= ' ' || c > '~' || c == '\\') {
            return false;
        }
    }

    return true;
}


/*
 * Nothing stands behind the first '/' that is, or that somebody who decodes
 * would take for, another one, white space, or the beginning of such.
 */
static bool
head_is_plain(gh_str_t path)
{
    if (path.len < 2) {
        return true;
    }

    if (path.data[1] != '%') {
        return path.data[1] != '/';
    }

    int c = gh_path_escaped(path.data + 1, path.data + path.len);

    return c > ' ' && c <= '~' && c != '/' && c != '\\' && c != '%';
}


/*
 * A browser has resolved them before it asks; left in, they can bring a
 * later "//" to the front.
 */
static bool
has_dots(gh_str_t path)
{
    while (path.data != NULL) {
        if (is_dots(gh_str_cut(path, '/', &path))) {
            return true;
        }
    }

    return false;
}


/* "." or "..", each dot maybe written %2e, and maybe with a parameter. */
static bool
is_dots(gh_str_t segment)
{
    unsigned dots = 0;
    size_t i = 0;

    while (i < segment.len && segment.data[i] != ';') {
        if (segment.data[i] == '.') {
            i++;

        } else if (segment.len - i >= 3 && segment.data[i] == '%'
                   && segment.data[i + 1] == '2'
                   && (segment.data[i + 2] | 0x20) == 'e')
        {
            i += 3;

        } else {
            return false;
        }

        dots++;
    }

    return dots == 1 || dots == 2;
}


bool
gh_login_host_within(gh_str_t host, gh_str_t domain)
{
    gh_str_t port;
    uint64_t number;

    host = gh_str_cut(host, ':', &port);

    if (port.data != NULL && gh_str_to_u64(port, 65535, &number) != GH_OK) {
        return false;
    }

    if (domain.len == 0 || host.len < domain.len || !host_is_plain(host)
        || !host_is_plain(domain))
    {
        return false;
    }

    size_t above = host.len - domain.len;

    return gh_str_eq_nocase((gh_str_t){ host.data + above, domain.len },
                            domain)
           && (above == 0 || host.data[above - 1] == '.');
}


/* Labels of letters, digits, '-' and '_', none of them empty. */
static bool
host_is_plain(gh_str_t host)
{
    char before = '.';

    for (size_t i = 0; i < host.len; i++) {
        char c = host.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_'
              || (c == '.' && before != '.')))
        {
            return false;
        }

        before = c;
    }

    return before != '.';
}
