/*
 * Discovery documents: only one that is about our issuer is believed, and
 * only a jwks_uri at the issuer's own address is followed.
 */

#include "gh_test.h"

#include "gh_discovery.h"

#include <stdio.h>

#define ISSUER "https://idp.test/realms/a"


static gh_rc_t
keys_of(const char *document, char *room, size_t size)
{
    gh_rc_t rc;
    gh_buf_t out = { room, 0, size - 1 };
    const char *why = NULL;

    rc =
        gh_discovery_keys(gh_str(document), GH_STR(ISSUER), false, &out, &why);
    room[out.len] = '\0';

    if (rc != GH_OK) {
        assert_non_null(why);
        assert_int_equal(out.len, 0);
    }

    return rc;
}


static gh_rc_t
with_uri(const char *uri)
{
    char document[512], room[256];

    (void) snprintf(document, sizeof(document),
                    "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"%s\"}", uri);

    return keys_of(document, room, sizeof(room));
}


static void
our_issuers_keys_are_found(void **state)
{
    char room[256];

    (void) state;

    assert_int_equal(keys_of("{\"issuer\":\"" ISSUER "\",\"x\":[1],"
                             "\"jwks_uri\":\"https://idp.test/certs?x\"}",
                             room, sizeof(room)),
                     GH_OK);
    assert_string_equal(room, "https://idp.test/certs?x");
}


static void
another_issuer_is_not_believed(void **state)
{
    static const char *const documents[] = {
        "{\"jwks_uri\":\"https://idp.test/certs\"}",
        "{\"issuer\":\"\",\"jwks_uri\":\"https://idp.test/certs\"}",
        "{\"issuer\":\"https://idp.test/realms/b\","
        "\"jwks_uri\":\"https://idp.test/certs\"}",
        "{\"issuer\":\"https://idp.test/realms/a/\","
        "\"jwks_uri\":\"https://idp.test/certs\"}",
        "{\"issuer\":\"https://IDP.test/realms/a\","
        "\"jwks_uri\":\"https://idp.test/certs\"}",
        "{\"issuer\":[\"" ISSUER "\"],"
        "\"jwks_uri\":\"https://idp.test/certs\"}",
    };
    char room[256];

    (void) state;

    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        assert_int_equal(keys_of(documents[i], room, sizeof(room)),
                         GH_INVALID);
    }
}


static void
what_is_no_document_is_refused(void **state)
{
    char room[256];

    (void) state;

    assert_int_equal(keys_of("", room, sizeof(room)), GH_INVALID);
    assert_int_equal(keys_of("<html>", room, sizeof(room)), GH_INVALID);
    assert_int_equal(keys_of("[]", room, sizeof(room)), GH_INVALID);
    assert_int_equal(keys_of("{}", room, sizeof(room)), GH_INVALID);
    assert_int_equal(
        keys_of("{\"issuer\":\"" ISSUER "\"}", room, sizeof(room)),
        GH_INVALID);
    assert_int_equal(keys_of("{\"issuer\":\"" ISSUER "\",\"issuer\":\"x\","
                             "\"jwks_uri\":\"https://idp.test/c\"}",
                             room, sizeof(room)),
                     GH_INVALID);
}


static void
keys_elsewhere_must_be_configured(void **state)
{
    (void) state;

    assert_int_equal(with_uri("https://idp.test/certs"), GH_OK);
    assert_int_equal(with_uri("https://idp.test:443/certs"), GH_OK);

    assert_int_equal(with_uri("https://keys.idp.test/certs"), GH_INVALID);
    assert_int_equal(with_uri("https://idp.test:8443/certs"), GH_INVALID);
    assert_int_equal(with_uri("http://idp.test/certs"), GH_INVALID);
    assert_int_equal(with_uri("http://169.254.169.254/"), GH_INVALID);
    assert_int_equal(with_uri("file:///etc/passwd"), GH_INVALID);
    assert_int_equal(with_uri("gopher://idp.test/"), GH_INVALID);
    assert_int_equal(with_uri("https://x@idp.test/"), GH_INVALID);
    assert_int_equal(with_uri("/certs"), GH_INVALID);
    assert_int_equal(with_uri(""), GH_INVALID);
}


static void
http_on_this_machine_is_for_those_who_ask_for_it(void **state)
{
    static const char document[] = "{\"issuer\":\"http://127.0.0.1:90\","
                                   "\"jwks_uri\":\"http://127.0.0.1:90/k\"}";
    char room[64];
    gh_buf_t out = GH_BUF(room);
    const char *why;

    (void) state;

    assert_int_equal(
        gh_discovery_keys(GH_STR(document), GH_STR("http://127.0.0.1:90"),
                          false, &out, &why),
        GH_INVALID);
    assert_int_equal(
        gh_discovery_keys(GH_STR(document), GH_STR("http://127.0.0.1:90"),
                          true, &out, &why),
        GH_OK);
    assert_str(gh_buf_str(&out), "http://127.0.0.1:90/k");
}


static void
a_uri_that_does_not_fit_is_not_cut(void **state)
{
    char room[10];

    (void) state;

    assert_int_equal(keys_of("{\"issuer\":\"" ISSUER "\","
                             "\"jwks_uri\":\"https://idp.test/certs\"}",
                             room, sizeof(room)),
                     GH_TOO_LONG);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_issuers_keys_are_found),
        cmocka_unit_test(another_issuer_is_not_believed),
        cmocka_unit_test(what_is_no_document_is_refused),
        cmocka_unit_test(keys_elsewhere_must_be_configured),
        cmocka_unit_test(http_on_this_machine_is_for_those_who_ask_for_it),
        cmocka_unit_test(a_uri_that_does_not_fit_is_not_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
