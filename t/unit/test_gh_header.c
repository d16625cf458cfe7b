/*
 * Headers that came from outside and were believed. Names beginning with a
 * or b and a number are rows of docs/threat-model.md: forged principals, and
 * path, host and method confusion.
 */

#include "gh_test.h"

#include "gh_header.h"


static void assert_class(const gh_header_set_t *set, const char *name,
                         gh_header_class_t expected);
static gh_header_set_t *set_of(const char *const *names, size_t n);


#define SET_OF(names) set_of((names), sizeof(names) / sizeof((names)[0]))


static void
assert_class(const gh_header_set_t *set, const char *name,
             gh_header_class_t expected)
{
    gh_header_class_t class = gh_header_classify(set, gh_str(name));

    if (class != expected) {
        fail_msg("%s is of class %d, not %d", name, (int) class,
                 (int) expected);
    }
}


static gh_header_set_t *
set_of(const char *const *names, size_t n)
{
    gh_header_set_t *set;

    assert_int_equal(gh_header_set_create(gh_alloc_libc(), &set), GH_OK);

    for (size_t i = 0; i < n; i++) {
        assert_int_equal(gh_header_set_add(set, gh_str(names[i])), GH_OK);
    }

    return set;
}


static void
ordinary_headers_pass(void **state)
{
    static const char *const names[] = {
        "Host",
        "User-Agent",
        "Accept",
        "Accept-Encoding",
        "Accept-Language",
        "Content-Type",
        "Content-Length",
        "Content-Digest",
        "Cookie",
        "Connection",
        "Cache-Control",
        "Authorization",
        "Date",
        "Expect",
        "From",
        "If-None-Match",
        "Origin",
        "Range",
        "Referer",
        "TE",
        "Trailer",
        "Upgrade",
        "Via",
        "Prefer",
        "Priority",
        "Signature",
        "Signature-Input",
        "Sec-Fetch-Mode",
        "Server-Timing",
        "traceparent",
        "tracestate",
        "X-Request-Id",
        "X-Requested-With",
        "X-CSRF-Token",
        "X-API-Key",
        "X-Client-Version",
        "X-Client-Data",
        "X-Tenant",
        "X-Real-Time",
        "X-Original-Filename",
        "X-Hostage",
        "X-Princess",
        "X-Accelerate",
        "X-Forwar",
        "Proxy-Authorization",
        "Proxys",
        "x",
        "x-",
        "x-a",
        "-",
        "_",
        "",
        "Forward",
        "Client-Id",
        "X-Sender",
        "X-Telemetry",
        "X-Methods",
        "X-Url",
        "WWW",
        "Time",
        "Signature-Key",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_class(NULL, names[i], GH_HEADER_KEEP);
    }
}


static void
a1_every_name_that_begins_like_the_principal_is_one(void **state)
{
    static const char *const names[] = {
        "X-Principal",           "X-Principal-Type",     "X-Principal-Name",
        "X-Principal-Email",     "X-Principal-Groups",   "X-Principal-Scopes",
        "X-Principal-Issuer",    "X-Principal-Consumer", "X-Principal-Method",
        "X-Principal-Assertion", "X-Principal-Roles",    "X-Principals",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_class(NULL, names[i], GH_HEADER_PRINCIPAL);
    }
}


static void
a3_a_principal_is_known_in_every_spelling(void **state)
{
    static const char *const names[] = {
        "X_Principal",        "x_principal", "X-PRINCIPAL",
        "x-principal_groups", "X.Principal", "X Principal",
        "X_PRINCIPAL.Groups", "x+principal", "X\tPrincipal",
        "X\xc2Principal",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_class(NULL, names[i], GH_HEADER_PRINCIPAL);
    }
}


static void
a3_a_configured_name_is_known_in_every_spelling(void **state)
{
    static const char *const names[] = { "X-Consumer-ID", "OIDC_CLAIM_*",
                                         "Remote-User" };
    gh_header_set_t *set = SET_OF(names);

    (void) state;

    assert_class(set, "x_consumer_id", GH_HEADER_PRINCIPAL);
    assert_class(set, "X.Consumer-Id", GH_HEADER_PRINCIPAL);
    assert_class(set, "oidc-claim-sub", GH_HEADER_PRINCIPAL);
    assert_class(set, "OIDC_CLAIM_", GH_HEADER_PRINCIPAL);
    assert_class(set, "OIDC.CLAIM.email", GH_HEADER_PRINCIPAL);
    assert_class(set, "REMOTE_USER", GH_HEADER_PRINCIPAL);

    assert_class(set, "OIDC_CLAIM", GH_HEADER_KEEP);
    assert_class(set, "X-Consumer-IDs", GH_HEADER_KEEP);
    assert_class(set, "X-Consumer-I", GH_HEADER_KEEP);
    assert_class(set, "Remote-Users", GH_HEADER_KEEP);
    assert_class(set, "Host", GH_HEADER_KEEP);
    assert_class(set, "", GH_HEADER_KEEP);
    assert_class(NULL, "X-Consumer-ID", GH_HEADER_KEEP);

    gh_header_set_destroy(set);
}


static void
a8_headers_that_steer_a_gateway_are_internal(void **state)
{
    static const char *const names[] = {
        "X-Gatehouse-Route",
        "X-Gatehouse-Canary",
        "X_Gatehouse_Original_URI",
        "X-Gatehouse",
        "X-Original-URL",
        "X_Original_Url",
        "X-Original-URI",
        "X-Original-Method",
        "X-Rewrite-URL",
        "X-Accel-Redirect",
        "X-Accel-Buffering",
        "X-Accel-Mapping",
        "X-Envoy-Original-Path",
        "X-Sendfile-Type",
        "Proxy",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_class(NULL, names[i], GH_HEADER_INTERNAL);
    }
}


static void
a9_a11_what_a_proxy_says_needs_a_trusted_peer(void **state)
{
    static const char *const names[] = {
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "X-Forwarded-Proto",
        "X-Forwarded-Prefix",
        "X-Forwarded-Server",
        "X-Forwarded-User",
        "X-Forwarded-Email",
        "X-Forwarded-Groups",
        "X-Forwarded-Access-Token",
        "X-Forwarded-Uri",
        "X-Forwarded-Method",
        "X-Forwarded",
        "X-Forward-For",
        "x_forwarded_for",
        "Forwarded",
        "Forwarded-For",
        "X-Real-IP",
        "X_Real_Ip",
        "X-Real-Port",
        "True-Client-IP",
        "X-True-Client-IP",
        "CF-Connecting-IP",
        "CF-Connecting-IPv6",
        "CF-Pseudo-IPv4",
        "X-Client-IP",
        "Client-IP",
        "X-Cluster-Client-IP",
        "Fastly-Client-IP",
        "Fly-Client-IP",
        "X-Original-Forwarded-For",
        "X-Original-For",
        "X-Original-Host",
        "X-Originating-IP",
        "X-Remote-IP",
        "X-Remote-Addr",
        "X-ProxyUser-Ip",
        "Proxy-Client-IP",
        "WL-Proxy-Client-IP",
        "X-Envoy-External-Address",
        "X-Envoy-Internal",
        "X-Azure-ClientIP",
        "X-Azure-SocketIP",
        "X-Appengine-User-IP",
        "X-Host",
        "X-HTTP-Host-Override",
        "X-Host-Override",
        "X-Scheme",
        "X-Url-Scheme",
        "X-Script-Name",
        "Front-End-Https",
        "X-Original-Proto",
        "X-Original-Prefix",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_class(NULL, names[i], GH_HEADER_FORWARDED);
    }

    assert_class(NULL, "Via", GH_HEADER_KEEP);
}


static void
a11_a_client_certificate_in_a_header_needs_a_trusted_peer(void **state)
{
    static const char *const names[] = {
        "X-Client-Cert",
        "X-Client-Cert-Chain",
        "X-Client-Certificate",
        "X-SSL-Client-Cert",
        "X-SSL-Client-Verify",
        "X-SSL",
        "X_SSL_CERT",
        "X-Forwarded-Client-Cert",
        "X-Forwarded-Tls-Client-Cert",
        "SSL-Client-Cert",
        "SSL_CLIENT_S_DN",
        "ssl-client-verify",
        "X-TLS-Client-Subject",
        "X-ARR-ClientCert",
        "X-Apigee-Client-Cert",
        "X_Foo_Client_Cert",
        "Client-Cert",
        "Client-Cert-Chain",
        "X-Amzn-Mtls-Clientcert",
        "X-Client-DN",
        "X-Client-Verify",
        "X-Client-Subject-DN",
        "X-Client-Issuer-DN",
        "X-Client-SAN",
        "X-Amzn-Oidc-Identity",
        "X-Ms-Client-Principal-Name",
        "X-Goog-Authenticated-User-Email",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_class(NULL, names[i], GH_HEADER_FORWARDED);
    }

    assert_class(NULL, "Some-Client-Cert", GH_HEADER_KEEP);
    assert_class(NULL, "X-My-Client-Certs", GH_HEADER_KEEP);
}


/* X-Forwarded-User of oauth2-proxy is a principal then, whoever sends it. */
static void
a11_a_configured_principal_is_not_trusted_from_a_trusted_peer(void **state)
{
    static const char *const names[] = { "X-Forwarded-User" };
    gh_header_set_t *set = SET_OF(names);

    (void) state;

    assert_class(set, "X-Forwarded-User", GH_HEADER_PRINCIPAL);
    assert_class(set, "x_forwarded_user", GH_HEADER_PRINCIPAL);
    assert_class(set, "X-Forwarded-For", GH_HEADER_FORWARDED);

    gh_header_set_destroy(set);
}


static void
b12_method_overrides_are_named(void **state)
{
    static const char *const names[] = {
        "X-HTTP-Method-Override", "X-HTTP-Method",        "X-Method-Override",
        "x_http_method_override", "X-Http-Verb-Override",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_class(NULL, names[i], GH_HEADER_OVERRIDE);
    }
}


static void
a_prefix_of_one_letter_covers_all_its_names(void **state)
{
    static const char *const wide[] = { "X-*" }, *const wider[] = { "x*" },
                             *const plain[] = { "r*" };
    gh_header_set_t *set = SET_OF(wide);

    (void) state;

    assert_class(set, "X-Anything", GH_HEADER_PRINCIPAL);
    assert_class(set, "x_", GH_HEADER_PRINCIPAL);
    assert_class(set, "Xylophone", GH_HEADER_KEEP);
    gh_header_set_destroy(set);

    set = SET_OF(wider);
    assert_class(set, "X-Anything", GH_HEADER_PRINCIPAL);
    assert_class(set, "Xylophone", GH_HEADER_PRINCIPAL);
    assert_class(set, "X", GH_HEADER_PRINCIPAL);
    assert_class(set, "Host", GH_HEADER_KEEP);
    gh_header_set_destroy(set);

    set = SET_OF(plain);
    assert_class(set, "Remote-User", GH_HEADER_PRINCIPAL);
    assert_class(set, "X-Remote-User", GH_HEADER_KEEP);
    gh_header_set_destroy(set);
}


/*
 * A set looks at three bytes first; without a set every name is compared
 * whole. Each built-in name, cut, continued and with one byte changed.
 */
static void
a_quick_look_judges_like_a_whole_comparison(void **state)
{
    static const char *const names[] = {
        "x-accel-",
        "x-amzn-mtls-",
        "x-amzn-oidc-",
        "x-appengine-user-ip",
        "x-arr-",
        "x-azure-clientip",
        "x-azure-socketip",
        "x-client-cert",
        "x-client-dn",
        "x-client-ip",
        "x-client-issuer",
        "x-client-san",
        "x-client-subject",
        "x-client-verify",
        "x-cluster-client-ip",
        "x-envoy-original-path",
        "x-envoy-",
        "x-forward",
        "x-gatehouse",
        "x-goog-authenticated-user-",
        "x-http-method",
        "x-http-verb-override",
        "x-http-host-override",
        "x-host",
        "x-host-override",
        "x-method-override",
        "x-ms-client-principal",
        "x-original-method",
        "x-original-uri",
        "x-original-url",
        "x-original-for",
        "x-original-forwarded-",
        "x-original-host",
        "x-original-prefix",
        "x-original-proto",
        "x-originating-ip",
        "x-principal",
        "x-proxyuser-ip",
        "x-real-ip",
        "x-real-port",
        "x-remote-addr",
        "x-remote-ip",
        "x-rewrite-url",
        "x-scheme",
        "x-script-name",
        "x-sendfile-type",
        "x-ssl",
        "x-tls-",
        "x-true-client-ip",
        "x-url-scheme",
        "cf-connecting-",
        "cf-pseudo-ipv4",
        "client-cert",
        "client-ip",
        "fastly-client-ip",
        "fly-client-ip",
        "forwarded",
        "front-end-https",
        "proxy",
        "proxy-client-ip",
        "ssl-client-",
        "true-client-ip",
        "wl-proxy-",
    };
    static const char *const mine[] = { "Remote-User", "X-Me*" };
    gh_header_set_t *empty = set_of(NULL, 0), *set = SET_OF(mine);

    (void) state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char name[64];
        size_t len = strlen(names[i]);

        memcpy(name, names[i], len);
        memcpy(name + len, "z-", 2);

        for (size_t n = 0; n <= len + 2; n++) {
            gh_str_t s = { name, n };

            assert_int_equal(gh_header_classify(empty, s),
                             gh_header_classify(NULL, s));
        }

        for (size_t at = 0; at < len; at++) {
            for (int c = 0; c < 256; c++) {
                gh_str_t s = { name, len };

                name[at] = (char) c;

                gh_header_class_t class = gh_header_classify(NULL, s);

                assert_int_equal(gh_header_classify(empty, s), class);
                assert_int_equal(gh_header_classify(set, s),
                                 gh_header_starts(s, GH_STR("x-me"))
                                     ? GH_HEADER_PRINCIPAL
                                     : class);
            }

            name[at] = names[i][at];
        }
    }

    gh_header_set_destroy(empty);
    gh_header_set_destroy(set);
}


static void
only_header_names_can_be_added(void **state)
{
    char longest[GH_HEADER_NAME_MAX + 1];
    gh_header_set_t *set;

    (void) state;

    memset(longest, 'a', sizeof(longest));
    assert_int_equal(gh_header_set_create(gh_alloc_libc(), &set), GH_OK);

    assert_int_equal(gh_header_set_add(set, GH_STR("")), GH_INVALID);
    assert_int_equal(gh_header_set_add(set, GH_STR("*")), GH_INVALID);
    assert_int_equal(gh_header_set_add(set, GH_STR("X User")), GH_INVALID);
    assert_int_equal(gh_header_set_add(set, GH_STR("X-User:")), GH_INVALID);
    assert_int_equal(gh_header_set_add(set, GH_STR("X\0")), GH_INVALID);
    assert_int_equal(gh_header_set_add(set, GH_STR("X-\xc3\xa9")), GH_INVALID);
    assert_int_equal(
        gh_header_set_add(set, (gh_str_t){ longest, sizeof(longest) }),
        GH_TOO_LONG);
    assert_int_equal(
        gh_header_set_add(set, (gh_str_t){ longest, sizeof(longest) - 1 }),
        GH_OK);

    gh_header_set_destroy(set);
}


static void
a_set_survives_running_out_of_memory(void **state)
{
    (void) state;

    for (size_t n = 1;; n++) {
        gh_test_alloc_t *t = gh_test_alloc(n);
        gh_header_set_t *set = NULL;
        gh_rc_t rc = gh_header_set_create(&t->alloc, &set);

        if (rc == GH_OK) {
            rc = gh_header_set_add(set, GH_STR("X-User"));
        }

        if (rc == GH_OK) {
            /* there already: the copy goes again */
            rc = gh_header_set_add(set, GH_STR("x_user"));
        }

        assert_int_equal(rc, t->failed ? GH_NOMEM : GH_OK);
        gh_header_set_destroy(set);

        if (!gh_test_alloc_end(t)) {
            break;
        }
    }
}


static void
folded_names_are_equal_and_begin_alike(void **state)
{
    (void) state;

    assert_true(gh_header_eq(GH_STR("X-API-Key"), GH_STR("x_api.key")));
    assert_true(gh_header_eq(GH_STR(""), GH_STR("")));
    assert_false(gh_header_eq(GH_STR("X-API-Key"), GH_STR("X-API-Keys")));
    assert_false(gh_header_eq(GH_STR("XAPIKey"), GH_STR("X-API-Key")));
    assert_false(gh_header_eq(GH_STR("a"), GH_STR("1")));

    assert_true(gh_header_starts(GH_STR("X_User_Id"), GH_STR("x-user")));
    assert_true(gh_header_starts(GH_STR("X"), GH_STR("")));
    assert_false(gh_header_starts(GH_STR("X-Use"), GH_STR("x-user")));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_headers_pass),
        cmocka_unit_test(a1_every_name_that_begins_like_the_principal_is_one),
        cmocka_unit_test(a3_a_principal_is_known_in_every_spelling),
        cmocka_unit_test(a3_a_configured_name_is_known_in_every_spelling),
        cmocka_unit_test(a8_headers_that_steer_a_gateway_are_internal),
        cmocka_unit_test(a9_a11_what_a_proxy_says_needs_a_trusted_peer),
        cmocka_unit_test(
            a11_a_client_certificate_in_a_header_needs_a_trusted_peer),
        cmocka_unit_test(
            a11_a_configured_principal_is_not_trusted_from_a_trusted_peer),
        cmocka_unit_test(b12_method_overrides_are_named),
        cmocka_unit_test(a_prefix_of_one_letter_covers_all_its_names),
        cmocka_unit_test(a_quick_look_judges_like_a_whole_comparison),
        cmocka_unit_test(only_header_names_can_be_added),
        cmocka_unit_test(a_set_survives_running_out_of_memory),
        cmocka_unit_test(folded_names_are_equal_and_begin_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
