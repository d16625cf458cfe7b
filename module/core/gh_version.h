/*
 * Which version of a service a request asks for: in its path, a header or
 * the media type it accepts (RFC 9110 section 12.5.1), and what is announced
 * about a version that is going away (RFC 9745, RFC 8594, RFC 8288).
 */

#ifndef GH_VERSION_NAME_H
#define GH_VERSION_NAME_H

#include "gh.h"

#define GH_VERSION_NAME_MAX 32


typedef enum {
    GH_VERSION_FROM_PATH = 1,  /* first segment after the location's prefix */
    GH_VERSION_FROM_HEADER,    /* header:NAME */
    GH_VERSION_FROM_MEDIA_TYPE /* application/vnd.x.v2+json, ;version=2 */
} gh_version_from_t;

/* [a-z0-9][a-z0-9._-]{0,31} */
bool gh_version_name_valid(gh_str_t name);

/* Equal, or equal but for a 'v' before the first digit: "2" and "v2". */
bool gh_version_same(gh_str_t a, gh_str_t b);

/*
 * The first segment of path after prefix ("/api/" in "/api/v1/x" → "v1"; a
 * prefix without its last slash is followed by one). GH_ABSENT when there is
 * none, or none that is a version name. *rest begins at the slash after it
 * (or is "/"), for strip_version.
 */
gh_rc_t gh_version_from_path(gh_str_t path, gh_str_t prefix, gh_str_t *out,
                             gh_str_t *rest);

/*
 * From one header value: trimmed, "2" is as good as "v2" when only that is
 * known (the caller tries both). GH_INVALID when it is no version name.
 */
gh_rc_t gh_version_from_header(gh_str_t value, gh_str_t *out);

/*
 * From an Accept value: the version parameter, or the ".vN" / "-vN" at the
 * end of a subtype or before its structured suffix, of the first media range
 * that has one; ranges with q=0 are refused, not accepted, and count for
 * nothing. N is digits, also with dots. *out is borrowed from accept.
 *
 * GH_ABSENT    none has; what is no media range is passed over
 * GH_CONFLICT  two versions are named; "2" and "v2" are the same
 * GH_INVALID   a version that is no version name, or a quoted string without
 *              an end
 */
gh_rc_t gh_version_from_accept(gh_str_t accept, gh_str_t *out);

/*
 * Deprecation: @1748736000, Sunset: IMF-fixdate, Link with
 * rel="successor-version" / rel="deprecation". Zero or empty is left out;
 * each appends one field value, or nothing. GH_INVALID: a URI with bytes
 * that would end it ('>', spaces, controls, beyond ASCII), a time beyond
 * the year 9999.
 */
gh_rc_t gh_version_deprecation(int64_t deprecated_at_s, gh_buf_t *out);
gh_rc_t gh_version_sunset(int64_t sunset_at_s, gh_buf_t *out);
gh_rc_t gh_version_link(gh_str_t successor_uri, gh_str_t documentation_uri,
                        gh_buf_t *out);


#endif
