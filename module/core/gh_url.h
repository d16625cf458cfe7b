/*
 * Addresses of providers, read strictly (RFC 3986 without what no provider
 * needs: user names, fragments, odd spellings of numbers) and judged: which
 * may be called at all, and which resolved addresses a name may lead to.
 */

#ifndef GH_URL_H
#define GH_URL_H

#include "gh.h"

#define GH_URL_MAX 2048
#define GH_HOST_MAX 253


typedef enum {
    GH_HOST_NAME = 0,
    GH_HOST_IPV4,
    GH_HOST_IPV6
} gh_host_t;

/* Parts are borrowed from the text. */
typedef struct {
    bool https; /* else http */
    gh_host_t kind;
    gh_str_t host;  /* as written, an IPv6 address without brackets */
    uint16_t port;  /* the scheme's when none is written */
    gh_str_t path;  /* from '/' on; may be empty */
    gh_str_t query; /* after '?' */
    bool has_query;
    bool loopback;   /* written as 127.0.0.0/8, [::1] or localhost */
    bool link_local; /* written as 169.254.0.0/16 or fe80::/10 */
} gh_url_t;

typedef enum {
    GH_ADDRESS_PUBLIC = 0,
    GH_ADDRESS_PRIVATE, /* RFC 1918, 6598, 4193 */
    GH_ADDRESS_LOOPBACK,
    GH_ADDRESS_LINK_LOCAL, /* where clouds keep their metadata, too */
    GH_ADDRESS_NEVER       /* unspecified, multicast, reserved */
} gh_address_t;


/*
 * The whole of text: "https://" or "http://", host, ":port", path, query.
 * GH_INVALID: *why (static, may be NULL) says what it must not hold;
 * GH_TOO_LONG: above GH_URL_MAX.
 */
gh_rc_t gh_url_parse(gh_str_t text, gh_url_t *out, const char **why);

/*
 * What a provider may be called by: https; http only to a loopback address
 * written as one, and only if so allowed. *why as above.
 */
gh_rc_t gh_url_callable(const gh_url_t *url, bool loopback_http,
                        const char **why);

/* Scheme, host (in any case) and port are equal. */
bool gh_url_same_origin(const gh_url_t *a, const gh_url_t *b);

/*
 * Appends issuer + "/.well-known/openid-configuration" (OpenID Connect
 * Discovery section 4.1); one '/' at the issuer's end is not doubled.
 */
gh_rc_t gh_url_discovery(gh_str_t issuer, gh_buf_t *out);

/* IPv4 addresses inside of IPv6 ones (mapped, NAT64, 6to4) count as such. */
gh_address_t gh_address_v4(const uint8_t address[4]);
gh_address_t gh_address_v6(const uint8_t address[16]);

/*
 * May a connection for this URL go to an address of that kind? Loopback and
 * link-local ones only if the URL says so itself: a name whose owner points
 * it inward opens nothing (DNS rebinding). Private networks may: that is
 * where providers of one's own stand.
 */
bool gh_url_may_reach(const gh_url_t *url, gh_address_t kind);


#endif
