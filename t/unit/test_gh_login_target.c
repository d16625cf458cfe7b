/*
 * Where a browser may be sent after a login (rows e17 and e18 of the table of
 * logins in docs/threat-model.md). The payloads are made of heads, separators,
 * encodings and hosts of our own; the judge is not the code under test but a
 * small browser: it repairs and resolves as the URL Standard (WHATWG,
 * section 4.4) says, with RFC 3986 as the second reader.
 */

#include "gh_test.h"

#include "gh_login.h"

#include <stdio.h>

#define ORIGIN_HOST "gw.test"


/*
 * A browser at https://gw.test/deep/er: where would Location lead? Fills in
 * the host; false when the scheme is no longer ours.
 */
typedef struct {
    char text[4096]; /* without what browsers drop */
    size_t len;
    char host[4096];
    size_t host_len;
} browser_t;


/* Leading and trailing controls and spaces go, TAB CR LF go everywhere. */
static void
repair(gh_str_t url, browser_t *b)
{
    while (url.len > 0 && (unsigned char) url.data[0] <= ' ') {
        url.data++;
        url.len--;
    }

    while (url.len > 0 && (unsigned char) url.data[url.len - 1] <= ' ') {
        url.len--;
    }

    b->len = 0;

    for (size_t i = 0; i < url.len && b->len < sizeof(b->text); i++) {
        if (strchr("\t\r\n", url.data[i]) == NULL) {
            b->text[b->len++] = url.data[i];
        }
    }
}


static bool
is_slash(const browser_t *b, size_t i)
{
    return i < b->len && (b->text[i] == '/' || b->text[i] == '\\');
}


/* How long the scheme is, with its ':'; 0 when there is none. */
static size_t
scheme_len(const browser_t *b)
{
    for (size_t i = 0; i < b->len; i++) {
        char c = b->text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (c == ':' && i > 0) {
            return i + 1;
        }

        if (!letter
            && (i == 0
                || !((c >= '0' && c <= '9') || c == '+' || c == '-'
                     || c == '.')))
        {
            return 0;
        }
    }

    return 0;
}


/* What stands between the slashes and the next slash, '?' or '#', after the
 * last '@' and before the port. */
static void
take_host(browser_t *b, size_t at)
{
    size_t end = at;

    while (end < b->len && !is_slash(b, end) && b->text[end] != '?'
           && b->text[end] != '#')
    {
        if (b->text[end++] == '@') {
            at = end;
        }
    }

    b->host_len = end - at;
    memcpy(b->host, b->text + at, b->host_len);

    char *port = memchr(b->host, ':', b->host_len);

    if (port != NULL) {
        b->host_len = (size_t) (port - b->host);
    }
}


/* How long a dot that begins at i is, "." or "%2e"; 0 when there is none. */
static size_t
dot_len(const browser_t *b, size_t i)
{
    if (i < b->len && b->text[i] == '.') {
        return 1;
    }

    return b->len - i >= 3 && b->text[i] == '%' && b->text[i + 1] == '2'
                   && (b->text[i + 2] == 'e' || b->text[i + 2] == 'E')
               ? 3
               : 0;
}


/*
 * The path as RFC 3986 section 5.2.4 makes it, as whoever hands it on may:
 * the segments that are left, and whether the first of them is empty while
 * others follow, which is another host to the next reader.
 */
static bool
becomes_a_host(const browser_t *b)
{
    bool empty[sizeof(b->text)];
    size_t n = 0, i = 0;

    while (is_slash(b, i)) {
        size_t begin = ++i, dots = 0, more;

        while ((more = dot_len(b, i)) > 0) {
            dots++;
            i += more;
        }

        bool only =
            dots > 0 && (i == b->len || strchr("/\\?#;", b->text[i]) != NULL);

        while (i < b->len && !is_slash(b, i) && b->text[i] != '?'
               && b->text[i] != '#') {
            i++;
        }

        if (only && dots == 2 && n > 0) {
            n--;

        } else if (!only || dots > 2) {
            empty[n++] = i == begin;
        }
    }

    return n > 1 && empty[0];
}


static bool
stays(gh_str_t url)
{
    browser_t b = { .len = 0 };
    size_t at = 0, n;

    repair(url, &b);
    n = scheme_len(&b);

    if (n > 0) {
        gh_str_t scheme = { b.text, n };

        /* "https:x" is relative for a browser, absolute for others */
        if (!gh_str_eq_nocase(scheme, GH_STR("https:")) || !is_slash(&b, n)) {
            return false;
        }

        at = n;

        while (is_slash(&b, at)) {
            at++;
        }

        take_host(&b, at);

        return gh_str_eq_nocase((gh_str_t){ b.host, b.host_len },
                                GH_STR(ORIGIN_HOST));
    }

    /* "//host", however the slashes are written: RFC 3986 and browsers */
    if ((is_slash(&b, 0) && is_slash(&b, 1)) || becomes_a_host(&b)) {
        return false;
    }

    return b.len == url.len; /* what needed repair is read in two ways */
}


/* Once more after a proxy or a framework has decoded it. */
static gh_str_t
decoded(gh_str_t url, char *room)
{
    size_t len = 0;

    for (size_t i = 0; i < url.len; i++) {
        unsigned c;

        if (url.data[i] == '%' && i + 2 < url.len
            && sscanf(url.data + i + 1, "%2x", &c) == 1)
        {
            room[len++] = (char) (unsigned char) c;
            i += 2;

        } else {
            room[len++] = url.data[i];
        }
    }

    return (gh_str_t){ room, len };
}


static size_t payloads, passed;


static void
try_one(const char *text, size_t len)
{
    char room[4096], twice[4096];
    gh_str_t payload = { text, len };
    gh_str_t got = gh_login_target(payload);

    payloads++;

    if (!gh_str_eq(got, GH_STR("/"))) {
        passed++;
        assert_true(gh_str_eq(got, payload));
    }

    gh_str_t once = decoded(got, room);

    if (got.len == 0 || got.data[0] != '/' || !stays(got)
        || (once.len > 1 && !stays((gh_str_t){ once.data, 2 }))
        || !stays((gh_str_t){
            decoded(once, twice).data,
            decoded(once, twice).len < 2 ? decoded(once, twice).len : 2 }))
    {
        fail_msg("%.*s leads away as %.*s", (int) len, text, (int) got.len,
                 got.data);
    }
}


static const char *const heads[] = {
    "",
    "/",
    "//",
    "///",
    "////",
    "\\",
    "\\\\",
    "/\\",
    "\\/",
    "/\\/",
    "//\\",
    "/\t/",
    "\t//",
    "/\n/",
    "/\r\n/",
    "\r//",
    " //",
    "/ /",
    "\x01//",
    "/\x0b/",
    "/%09/",
    "/%0a/",
    "/%0d%0a/",
    "/%20/",
    "/%2f",
    "/%2F/",
    "/%5c",
    "/%5C/",
    "/%5c%5c",
    "%2f%2f",
    "/%252f",
    "/%255c",
    "/%00/",
    "/./",
    "/.//",
    "/..//",
    "/../",
    "/%2e//",
    "/%2E%2e//",
    "/.%2e/\\",
    "/..;//",
    "/x/..//",
    "/x/../..//",
    "http:",
    "https:",
    "http:/",
    "https:/",
    "http://",
    "https://",
    "https:///",
    "HTTPS://",
    "hTTp:\\\\",
    "https:\\/",
    "ftp://",
    "ws://",
    "data:",
    "javascript:",
    "java\tscript:",
    "vbscript:",
    "file://",
    "blob:https://",
    "view-source:",
    "/\xe3\x80\x82",
    "/%E3%80%82",
    "/\xc2\xa0/",
    "/%C2%A0/",
    "/\xef\xbc\x8f",
    "/%EF%BC%8F",
    "/\xe2\x88\x95",
    "?",
    "#",
    "/?//",
    "/#//",
    "/;//",
    "/:/",
    "/@",
    "/%",
    "/%2",
    "/%zz",
    "/*//",
};

static const char *const hosts[] = {
    "evil.test",
    "evil.test/%2e%2e",
    "gw.test@evil.test",
    "gw.test.evil.test",
    "evilgw.test",
    "evil%E3%80%82test",
    "evil.test:443",
    "[::1]",
    "2130706433",
    "alert(1)",
    "a\r\nSet-Cookie: x=1",
    "a%0d%0aSet-Cookie:%20x=1",
};


static void
e17_no_payload_leads_off_the_origin(void **state)
{
    (void) state;

    payloads = 0;
    passed = 0;

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        for (size_t j = 0; j < sizeof(hosts) / sizeof(hosts[0]); j++) {
            char text[256];
            int n = snprintf(text, sizeof(text), "%s%s", heads[i], hosts[j]);

            try_one(text, (size_t) n);
        }
    }

    assert_true(payloads >= 300);
    assert_true(passed > 0); /* some stay, such as /evil.test */
}


/* Each byte and each encoded byte where a second slash could stand. */
static void
e17_no_byte_behind_the_first_slash_leads_off_the_origin(void **state)
{
    (void) state;

    for (int c = 0; c < 256; c++) {
        char text[64];
        int n;

        memcpy(text, "/x/evil.test", 12);
        text[1] = (char) c;
        try_one(text, 12);

        memcpy(text, "/xx/evil.test", 13);
        text[1] = (char) c;
        text[2] = '/';
        try_one(text, 13);

        n = snprintf(text, sizeof(text), "/%%%02x/evil.test", (unsigned) c);
        try_one(text, (size_t) n);

        n = snprintf(text, sizeof(text), "/%%25%02X/evil.test", (unsigned) c);
        try_one(text, (size_t) n);

        n = snprintf(text, sizeof(text), "/.%c/evil.test", c == 0 ? 1 : c);
        try_one(text, (size_t) n);
    }
}


/* Three bytes of those that matter, all of their orders. */
static void
e17_no_short_beginning_leads_off_the_origin(void **state)
{
    static const char bytes[] = "/\\.%:@?#; \t\n2fF5cCeE0x";
    enum {
        N = sizeof(bytes) - 1
    };

    (void) state;

    for (size_t i = 0; i < (size_t) N * N * N * N; i++) {
        char text[16] = { bytes[i % N], bytes[i / N % N], bytes[i / N / N % N],
                          bytes[i / N / N / N] };

        memcpy(text + 4, "evil.test", 9);
        try_one(text, 13);
        text[3] = '/';
        try_one(text, 13);
    }
}


static void
e18_what_a_browser_asked_for_is_returned_to(void **state)
{
    static const char *const targets[] = {
        "/",
        "/orders",
        "/orders/42?open=1&sort=-date",
        "/a//b",
        "/search?q=%2F%2Fevil.test",
        "/login?next=https://idp.test/",
        "/a/%2e%2e.txt",
        "/.well-known/x",
        "/...",
        "/a/..b/c",
        "/caf%C3%A9/x",
        "/x/%E3%80%82",
        "/a:b@c;d=e,f!$&'()*+",
        "/~alice/",
        "/?a",
        "/#top",
        "/%41",
        "/a?x=../..//",
        "/a\"<>^`{|}",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        assert_str(gh_login_target(gh_str(targets[i])), targets[i]);
    }
}


static void
what_is_too_long_goes_to_the_start(void **state)
{
    char text[GH_LOGIN_TARGET_MAX + 1];

    (void) state;
    memset(text, 'a', sizeof(text));
    text[0] = '/';
    assert_int_equal(
        gh_login_target((gh_str_t){ text, GH_LOGIN_TARGET_MAX }).len,
        GH_LOGIN_TARGET_MAX);
    assert_str(gh_login_target((gh_str_t){ text, sizeof(text) }), "/");
    assert_str(gh_login_target(GH_STR("")), "/");
    assert_str(gh_login_target((gh_str_t){ NULL, 0 }), "/");
    assert_str(gh_login_target((gh_str_t){ "/a\0b", 4 }), "/");
}


/* The judge itself can say no: else it would prove nothing. */
static void
the_judge_knows_where_browsers_go(void **state)
{
    static const char *const away[] = {
        "//evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "/\t/evil.test",
        "https://evil.test",
        "https:evil.test",
        "https:/evil.test",
        "javascript:x",
        "https://gw.test@evil.test",
        "https://gw.test.evil.test",
        "HTTP://evil.test",
        "\n//evil.test",
        "/.//evil.test",
        "/x/..//evil.test",
        "/%2e%2E//evil.test",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(away) / sizeof(away[0]); i++) {
        assert_false(stays(gh_str(away[i])));
    }

    assert_true(stays(GH_STR("https://gw.test/x")));
    assert_true(stays(GH_STR("HTTPS://u@GW.test:443/x")));
    assert_true(stays(GH_STR("/x//evil.test")));
    assert_true(stays(GH_STR("x")));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_judge_knows_where_browsers_go),
        cmocka_unit_test(e17_no_payload_leads_off_the_origin),
        cmocka_unit_test(
            e17_no_byte_behind_the_first_slash_leads_off_the_origin),
        cmocka_unit_test(e17_no_short_beginning_leads_off_the_origin),
        cmocka_unit_test(e18_what_a_browser_asked_for_is_returned_to),
        cmocka_unit_test(what_is_too_long_goes_to_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
