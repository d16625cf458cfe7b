/*
 * URLs of providers: what is read, what is refused, and which addresses a
 * URL may lead to (THREATS 1.J).
 */

#include "gh_test.h"

#include "gh_url.h"

#include <arpa/inet.h>


static gh_url_t
parsed(const char *text)
{
    gh_url_t url;
    const char *why = "";

    if (gh_url_parse(gh_str(text), &url, &why) != GH_OK) {
        fail_msg("%s was refused: %s", text, why);
    }

    return url;
}


static void
assert_refused(const char *text)
{
    gh_url_t url;
    const char *why = NULL;

    if (gh_url_parse(gh_str(text), &url, &why) != GH_INVALID) {
        fail_msg("%s was taken for a URL", text);
    }

    assert_non_null(why);
}


static gh_address_t
kind_of(const char *text)
{
    uint8_t address[16];

    if (inet_pton(AF_INET, text, address) == 1) {
        return gh_address_v4(address);
    }

    assert_int_equal(inet_pton(AF_INET6, text, address), 1);

    return gh_address_v6(address);
}


static void
a_url_has_its_parts(void **state)
{
    gh_url_t url = parsed("https://Idp.example.com:8443/realms/a?x=1?y");

    (void) state;

    assert_true(url.https);
    assert_int_equal(url.kind, GH_HOST_NAME);
    assert_str(url.host, "Idp.example.com");
    assert_int_equal(url.port, 8443);
    assert_str(url.path, "/realms/a");
    assert_true(url.has_query);
    assert_str(url.query, "x=1?y");
    assert_false(url.loopback);
}


static void
the_port_is_the_schemes_unless_written(void **state)
{
    (void) state;

    assert_int_equal(parsed("https://a.test").port, 443);
    assert_int_equal(parsed("http://a.test/").port, 80);
    assert_int_equal(parsed("https://a.test:1").port, 1);
    assert_int_equal(parsed("https://[2001:db8::1]:65535/").port, 65535);
    assert_str(parsed("https://[2001:db8::1]:65535/").host, "2001:db8::1");

    assert_refused("https://a.test:");
    assert_refused("https://a.test:0");
    assert_refused("https://a.test:0443");
    assert_refused("https://a.test:65536");
    assert_refused("https://a.test:443a");
    assert_refused("https://a.test:+443");
    assert_refused("https://[::1]443");
}


static void
what_two_readers_could_read_differently_is_refused(void **state)
{
    static const char *const urls[] = {
        "",
        "https:",
        "https://",
        "https:///path",
        "//a.test/",
        "HTTPS://a.test/",
        " https://a.test/",
        "https://a.test/ ",
        "ftp://a.test/",
        "file:///etc/passwd",
        "gopher://a.test/",
        "unix:/run/x",
        "https://user@a.test/",
        "https://a.test@evil.test/",
        "https://a.test:pw@evil.test/",
        "https://a.test\\@evil.test/",
        "https://a.test/#x",
        "https://a.test/a b",
        "https://a.test/\t",
        "https://a.test/\r\nX: y",
        "https://a.test/%",
        "https://a.test/%2",
        "https://a.test/%zz",
        "https://a.test/\xc3\xa4",
        "https://\xc3\xa4.test/",
        "https://a..test/",
        "https://.test/",
        "https://a.test./",
        "https://-a.test/",
        "https://a%2etest/",
        "https://a,b.test/",
        "https://[::1",
        "https://[::1%25eth0]/",
        "https://[127.0.0.1]/",
        "https://[]/",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        assert_refused(urls[i]);
    }
}


static void
numbers_that_resolvers_take_for_addresses_are_refused(void **state)
{
    (void) state;

    assert_refused("https://127.1/");
    assert_refused("https://2130706433/");
    assert_refused("https://0x7f000001/");
    assert_refused("https://0x7f.0.0.1/");
    assert_refused("https://0177.0.0.1/");
    assert_refused("https://127.0.0.01/");
    assert_refused("https://127.0.0.256/");
    assert_refused("https://1.2.3.4.5/");
    assert_refused("https://a.1/");
    assert_refused("https://a.0x1/");

    assert_int_equal(parsed("https://127.0.0.1/").kind, GH_HOST_IPV4);
    assert_int_equal(parsed("https://1.2.3.4.example/").kind, GH_HOST_NAME);
}


static void
a_url_that_is_too_long_is_too_long(void **state)
{
    char text[GH_URL_MAX + 2];
    gh_url_t url;

    (void) state;

    memset(text, 'a', sizeof(text));
    memcpy(text, "https://a.test/", 15);

    assert_int_equal(gh_url_parse((gh_str_t){ text, GH_URL_MAX }, &url, NULL),
                     GH_OK);
    assert_int_equal(
        gh_url_parse((gh_str_t){ text, GH_URL_MAX + 1 }, &url, NULL),
        GH_TOO_LONG);
}


static void
http_is_for_this_machine_only_and_only_when_told(void **state)
{
    gh_url_t url;
    const char *why;

    (void) state;

    url = parsed("https://a.test/");
    assert_int_equal(gh_url_callable(&url, false, &why), GH_OK);

    url = parsed("http://a.test/");
    assert_int_equal(gh_url_callable(&url, true, &why), GH_INVALID);

    url = parsed("http://10.0.0.1/");
    assert_int_equal(gh_url_callable(&url, true, &why), GH_INVALID);

    url = parsed("http://localhost.evil.test/");
    assert_int_equal(gh_url_callable(&url, true, &why), GH_INVALID);

    url = parsed("http://127.0.0.1:80/");
    assert_int_equal(gh_url_callable(&url, true, &why), GH_OK);
    assert_int_equal(gh_url_callable(&url, false, &why), GH_INVALID);

    url = parsed("http://[::1]/");
    assert_int_equal(gh_url_callable(&url, true, &why), GH_OK);

    url = parsed("http://LocalHost/");
    assert_int_equal(gh_url_callable(&url, true, &why), GH_OK);
}


static void
addresses_have_kinds(void **state)
{
    (void) state;

    assert_int_equal(kind_of("93.184.216.34"), GH_ADDRESS_PUBLIC);
    assert_int_equal(kind_of("172.15.255.255"), GH_ADDRESS_PUBLIC);
    assert_int_equal(kind_of("172.32.0.0"), GH_ADDRESS_PUBLIC);
    assert_int_equal(kind_of("100.128.0.0"), GH_ADDRESS_PUBLIC);
    assert_int_equal(kind_of("2001:db8::1"), GH_ADDRESS_PUBLIC);

    assert_int_equal(kind_of("10.1.2.3"), GH_ADDRESS_PRIVATE);
    assert_int_equal(kind_of("172.16.0.0"), GH_ADDRESS_PRIVATE);
    assert_int_equal(kind_of("172.31.255.255"), GH_ADDRESS_PRIVATE);
    assert_int_equal(kind_of("192.168.0.1"), GH_ADDRESS_PRIVATE);
    assert_int_equal(kind_of("100.64.0.1"), GH_ADDRESS_PRIVATE);
    assert_int_equal(kind_of("fd00::1"), GH_ADDRESS_PRIVATE);
    assert_int_equal(kind_of("fec0::1"), GH_ADDRESS_PRIVATE);

    assert_int_equal(kind_of("127.0.0.1"), GH_ADDRESS_LOOPBACK);
    assert_int_equal(kind_of("127.255.255.255"), GH_ADDRESS_LOOPBACK);
    assert_int_equal(kind_of("::1"), GH_ADDRESS_LOOPBACK);

    assert_int_equal(kind_of("169.254.169.254"), GH_ADDRESS_LINK_LOCAL);
    assert_int_equal(kind_of("fe80::1"), GH_ADDRESS_LINK_LOCAL);
    assert_int_equal(kind_of("febf::1"), GH_ADDRESS_LINK_LOCAL);

    assert_int_equal(kind_of("0.0.0.0"), GH_ADDRESS_NEVER);
    assert_int_equal(kind_of("224.0.0.1"), GH_ADDRESS_NEVER);
    assert_int_equal(kind_of("255.255.255.255"), GH_ADDRESS_NEVER);
    assert_int_equal(kind_of("::"), GH_ADDRESS_NEVER);
    assert_int_equal(kind_of("ff02::1"), GH_ADDRESS_NEVER);
}


static void
an_address_inside_an_address_keeps_its_kind(void **state)
{
    (void) state;

    assert_int_equal(kind_of("::ffff:127.0.0.1"), GH_ADDRESS_LOOPBACK);
    assert_int_equal(kind_of("::ffff:8.8.8.8"), GH_ADDRESS_PUBLIC);
    assert_int_equal(kind_of("::127.0.0.1"), GH_ADDRESS_LOOPBACK);
    assert_int_equal(kind_of("64:ff9b::169.254.169.254"),
                     GH_ADDRESS_LINK_LOCAL);
    assert_int_equal(kind_of("2002:7f00:1::"), GH_ADDRESS_LOOPBACK);
    assert_int_equal(kind_of("2002:a9fe:a9fe::"), GH_ADDRESS_LINK_LOCAL);
}


static void
a_name_never_leads_to_this_machine_or_to_the_link(void **state)
{
    gh_url_t name = parsed("https://idp.example.com/");

    (void) state;

    assert_true(gh_url_may_reach(&name, GH_ADDRESS_PUBLIC));
    assert_true(gh_url_may_reach(&name, GH_ADDRESS_PRIVATE));
    assert_false(gh_url_may_reach(&name, GH_ADDRESS_LOOPBACK));
    assert_false(gh_url_may_reach(&name, GH_ADDRESS_LINK_LOCAL));
    assert_false(gh_url_may_reach(&name, GH_ADDRESS_NEVER));
}


static void
a_loopback_url_leads_nowhere_else(void **state)
{
    gh_url_t loopback = parsed("https://localhost/");
    gh_url_t link = parsed("https://169.254.1.1/");

    (void) state;

    assert_true(gh_url_may_reach(&loopback, GH_ADDRESS_LOOPBACK));
    assert_false(gh_url_may_reach(&loopback, GH_ADDRESS_PUBLIC));
    assert_false(gh_url_may_reach(&loopback, GH_ADDRESS_PRIVATE));

    assert_true(gh_url_may_reach(&link, GH_ADDRESS_LINK_LOCAL));
    assert_false(gh_url_may_reach(&link, GH_ADDRESS_LOOPBACK));
}


static void
an_origin_is_scheme_host_and_port(void **state)
{
    gh_url_t a = parsed("https://idp.test/a"), b;

    (void) state;

    b = parsed("https://IDP.test:443/b?c");
    assert_true(gh_url_same_origin(&a, &b));
    b = parsed("https://idp.test:8443/a");
    assert_false(gh_url_same_origin(&a, &b));
    b = parsed("http://idp.test:443/a");
    assert_false(gh_url_same_origin(&a, &b));
    b = parsed("https://idp.test.evil/a");
    assert_false(gh_url_same_origin(&a, &b));
}


static void
the_discovery_document_stands_below_the_issuer(void **state)
{
    char room[80];
    gh_buf_t out = GH_BUF(room);

    (void) state;

    assert_int_equal(gh_url_discovery(GH_STR("https://a.test"), &out), GH_OK);
    assert_str(gh_buf_str(&out),
               "https://a.test/.well-known/openid-configuration");

    out.len = 0;
    assert_int_equal(gh_url_discovery(GH_STR("https://a.test/r/"), &out),
                     GH_OK);
    assert_str(gh_buf_str(&out),
               "https://a.test/r/.well-known/openid-configuration");

    out.len = 0;
    out.cap = 46;
    assert_int_equal(gh_url_discovery(GH_STR("https://a.test"), &out),
                     GH_TOO_LONG);
    assert_int_equal(out.len, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_has_its_parts),
        cmocka_unit_test(the_port_is_the_schemes_unless_written),
        cmocka_unit_test(what_two_readers_could_read_differently_is_refused),
        cmocka_unit_test(
            numbers_that_resolvers_take_for_addresses_are_refused),
        cmocka_unit_test(a_url_that_is_too_long_is_too_long),
        cmocka_unit_test(http_is_for_this_machine_only_and_only_when_told),
        cmocka_unit_test(addresses_have_kinds),
        cmocka_unit_test(an_address_inside_an_address_keeps_its_kind),
        cmocka_unit_test(a_name_never_leads_to_this_machine_or_to_the_link),
        cmocka_unit_test(a_loopback_url_leads_nowhere_else),
        cmocka_unit_test(an_origin_is_scheme_host_and_port),
        cmocka_unit_test(the_discovery_document_stands_below_the_issuer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
