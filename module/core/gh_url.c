/*
 * A URL in one pass, from left to right; whatever two readers could read
 * differently is refused.
 */

#include "gh_url.h"

#include <arpa/inet.h>


static gh_rc_t refuse(const char **why, const char *what);
static bool is_plain(gh_str_t text);
static bool has_bad_escape(gh_str_t text);
static gh_rc_t parse_authority(gh_str_t authority, gh_url_t *out,
                               const char **why);
static gh_rc_t parse_port(gh_str_t text, gh_url_t *out, const char **why);
static gh_rc_t parse_name(gh_str_t host, gh_url_t *out, const char **why);
static bool is_label(gh_str_t label);
static bool ends_in_number(gh_str_t host);
static void judge_host(gh_url_t *out);
static bool to_address(gh_str_t host, int family, void *address);
static bool is_hex(char c);


gh_rc_t
gh_url_parse(gh_str_t text, gh_url_t *out, const char **why)
{
    size_t n;
    gh_rc_t rc;
    gh_str_t rest = text, target;

    memset(out, 0, sizeof(*out));

    if (text.len > GH_URL_MAX) {
        (void) refuse(why, "it is longer than 2048 bytes");
        return GH_TOO_LONG;
    }

    if (gh_str_starts(text, GH_STR("https://"))) {
        out->https = true;
        n = sizeof("https://") - 1;

    } else if (gh_str_starts(text, GH_STR("http://"))) {
        n = sizeof("http://") - 1;

    } else {
        return refuse(why, "it does not begin with https://");
    }

    if (!is_plain(text)) {
        return refuse(why, "it holds a byte that must be percent-encoded");
    }

    if (has_bad_escape(text)) {
        return refuse(why, "a percent sign is not followed by two digits");
    }

    rest.data += n;
    rest.len -= n;

    for (n = 0; n < rest.len && rest.data[n] != '/' && rest.data[n] != '?';
         n++) {
        /* the authority ends here */
    }

    target = (gh_str_t){ rest.data + n, rest.len - n };
    rest.len = n;

    out->path = gh_str_cut(target, '?', &out->query);
    out->has_query = out->query.data != NULL;
    out->port = out->https ? 443 : 80;

    rc = parse_authority(rest, out, why);
    if (rc == GH_OK) {
        judge_host(out);
    }

    return rc;
}


static gh_rc_t
refuse(const char **why, const char *what)
{
    if (why != NULL) {
        *why = what;
    }

    return GH_INVALID;
}


/* What RFC 3986 lets stand unencoded, but '#': fragments are not sent. */

static bool
is_plain(gh_str_t text)
{
    static const char also[] = "-._~:/?[]@!$&'()*+,;=%";
    char c;

    for (size_t i = 0; i < text.len; i++) {
        c = text.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9')
              || (c != '\0' && strchr(also, c) != NULL)))
        {
            return false;
        }
    }

    return true;
}


static bool
has_bad_escape(gh_str_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '%'
            && (text.len - i < 3 || !is_hex(text.data[i + 1])
                || !is_hex(text.data[i + 2])))
        {
            return true;
        }
    }

    return false;
}


static bool
is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')
           || (c >= 'A' && c <= 'F');
}


static gh_rc_t
parse_authority(gh_str_t authority, gh_url_t *out, const char **why)
{
    gh_str_t host, rest;
    struct in6_addr address;

    if (memchr(authority.data, '@', authority.len) != NULL) {
        return refuse(why, "it holds a user name");
    }

    if (authority.len == 0 || authority.data[0] != '[') {
        host = gh_str_cut(authority, ':', &rest);

        return (rest.data == NULL || parse_port(rest, out, why) == GH_OK)
                   ? parse_name(host, out, why)
                   : GH_INVALID;
    }

    authority.data++;
    authority.len--;
    host = gh_str_cut(authority, ']', &rest);

    if (rest.data == NULL || !to_address(host, AF_INET6, &address)) {
        return refuse(why, "what stands in brackets is no IPv6 address");
    }

    out->kind = GH_HOST_IPV6;
    out->host = host;

    if (rest.len == 0) {
        return GH_OK;
    }

    if (rest.data[0] != ':') {
        return refuse(why, "its host is malformed");
    }

    rest.data++;
    rest.len--;

    return parse_port(rest, out, why);
}


static gh_rc_t
parse_port(gh_str_t text, gh_url_t *out, const char **why)
{
    uint64_t port;

    if (gh_str_to_u64(text, 65535, &port) != GH_OK || port == 0
        || text.data[0] == '0')
    {
        return refuse(why, "its port is not a number from 1 to 65535");
    }

    out->port = (uint16_t) port;

    return GH_OK;
}


/*
 * Other spellings of addresses (127.1, 0x7f000001, 2130706433) are names to
 * some resolvers and addresses to others.
 */

static gh_rc_t
parse_name(gh_str_t host, gh_url_t *out, const char **why)
{
    gh_str_t label, rest = host;
    struct in_addr address;

    out->host = host;

    if (to_address(host, AF_INET, &address)) {
        out->kind = GH_HOST_IPV4;
        return GH_OK;
    }

    if (host.len == 0 || host.len > GH_HOST_MAX || ends_in_number(host)) {
        return refuse(why, "its host is neither a name nor an address");
    }

    do {
        label = gh_str_cut(rest, '.', &rest);

        if (!is_label(label)) {
            return refuse(why, "its host is not a name");
        }

    } while (rest.data != NULL);

    out->kind = GH_HOST_NAME;

    return GH_OK;
}


static bool
is_label(gh_str_t label)
{
    char c;

    if (label.len == 0 || label.len > 63 || label.data[0] == '-'
        || label.data[label.len - 1] == '-')
    {
        return false;
    }

    for (size_t i = 0; i < label.len; i++) {
        c = label.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_'))
        {
            return false;
        }
    }

    return true;
}


/* The last label is all digits, or hexadecimal as C writes it. */

static bool
ends_in_number(gh_str_t host)
{
    size_t i = host.len;
    gh_str_t last;

    while (i > 0 && host.data[i - 1] != '.') {
        i--;
    }

    last = (gh_str_t){ host.data + i, host.len - i };

    if (last.len >= 2 && last.data[0] == '0'
        && (last.data[1] == 'x' || last.data[1] == 'X'))
    {
        return true;
    }

    for (i = 0; i < last.len; i++) {
        if (last.data[i] < '0' || last.data[i] > '9') {
            return false;
        }
    }

    return true;
}


static void
judge_host(gh_url_t *out)
{
    uint8_t address[16] = { 0 };
    gh_address_t kind;

    if (out->kind == GH_HOST_NAME) {
        out->loopback = gh_str_eq_nocase(out->host, GH_STR("localhost"));
        return;
    }

    if (out->kind == GH_HOST_IPV4) {
        (void) to_address(out->host, AF_INET, address);
        kind = gh_address_v4(address);
    } else {
        (void) to_address(out->host, AF_INET6, address);
        kind = gh_address_v6(address);
    }

    out->loopback = kind == GH_ADDRESS_LOOPBACK;
    out->link_local = kind == GH_ADDRESS_LINK_LOCAL;
}


/* inet_pton is as strict as this wants to be: four decimal numbers. */

static bool
to_address(gh_str_t host, int family, void *address)
{
    char text[INET6_ADDRSTRLEN];

    if (host.len == 0 || host.len >= sizeof(text)) {
        return false;
    }

    memcpy(text, host.data, host.len);
    text[host.len] = '\0';

    return inet_pton(family, text, address) == 1;
}


gh_rc_t
gh_url_callable(const gh_url_t *url, bool loopback_http, const char **why)
{
    if (url->https) {
        return GH_OK;
    }

    if (!url->loopback) {
        return refuse(why, "it must be https");
    }

    if (!loopback_http) {
        return refuse(why, "it must be https, also on this machine");
    }

    return GH_OK;
}


bool
gh_url_same_origin(const gh_url_t *a, const gh_url_t *b)
{
    return a->https == b->https && a->port == b->port && a->kind == b->kind
           && gh_str_eq_nocase(a->host, b->host);
}


gh_rc_t
gh_url_discovery(gh_str_t issuer, gh_buf_t *out)
{
    size_t before = out->len;

    if (issuer.len > 0 && issuer.data[issuer.len - 1] == '/') {
        issuer.len--;
    }

    if (gh_buf_add(out, issuer) != GH_OK
        || gh_buf_add(out, GH_STR("/.well-known/openid-configuration"))
               != GH_OK)
    {
        out->len = before;
        return GH_TOO_LONG;
    }

    return GH_OK;
}


gh_address_t
gh_address_v4(const uint8_t address[4])
{
    uint8_t a = address[0], b = address[1];

    if (a == 127) {
        return GH_ADDRESS_LOOPBACK;
    }

    if (a == 169 && b == 254) {
        return GH_ADDRESS_LINK_LOCAL;
    }

    if (a == 0 || a >= 224) {
        return GH_ADDRESS_NEVER;
    }

    if (a == 10 || (a == 172 && (b & 0xf0) == 16) || (a == 192 && b == 168)
        || (a == 100 && (b & 0xc0) == 64))
    {
        return GH_ADDRESS_PRIVATE;
    }

    return GH_ADDRESS_PUBLIC;
}


gh_address_t
gh_address_v6(const uint8_t address[16])
{
    static const uint8_t zeros[12] = { 0 };
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };

    if (memcmp(address, zeros, 12) == 0) {
        if (memcmp(address + 12, zeros, 3) == 0) {
            return (address[15] == 1) ? GH_ADDRESS_LOOPBACK : GH_ADDRESS_NEVER;
        }

        return gh_address_v4(address + 12);
    }

    if (memcmp(address, mapped, 12) == 0 || memcmp(address, nat64, 12) == 0) {
        return gh_address_v4(address + 12);
    }

    if (address[0] == 0x20 && address[1] == 0x02) {
        return gh_address_v4(address + 2);
    }

    if (address[0] == 0xfe && (address[1] & 0xc0) == 0x80) {
        return GH_ADDRESS_LINK_LOCAL;
    }

    if ((address[0] & 0xfe) == 0xfc
        || (address[0] == 0xfe && (address[1] & 0xc0) == 0xc0))
    {
        return GH_ADDRESS_PRIVATE;
    }

    return (address[0] == 0xff) ? GH_ADDRESS_NEVER : GH_ADDRESS_PUBLIC;
}


bool
gh_url_may_reach(const gh_url_t *url, gh_address_t kind)
{
    switch (kind) {

    case GH_ADDRESS_LOOPBACK:
        return url->loopback;

    case GH_ADDRESS_LINK_LOCAL:
        return url->link_local;

    case GH_ADDRESS_PUBLIC:
    case GH_ADDRESS_PRIVATE:
        return !url->loopback;

    default:
        return false;
    }
}
