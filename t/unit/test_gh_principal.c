/*
 * What a service behind learns about a principal, whatever a provider put
 * into its claims. Names beginning with a and a number are rows of the table
 * of forged principals in docs/threat-model.md.
 */

#include "gh_test.h"

#include "gh_header.h"
#include "gh_principal.h"


static const gh_str_t groups[] = { { "staff", 5 }, { "night shift", 11 } };
static const gh_str_t scopes[] = { { "orders:read", 11 } };


static gh_principal_t
alice(void)
{
    return (gh_principal_t){
        .type = GH_PRINCIPAL_USER,
        .method = GH_METHOD_OIDC,
        .id = GH_STR("staff:2482"),
        .name = GH_STR("Alice Archer"),
        .email = GH_STR("alice@example.com"),
        .issuer = GH_STR("https://idp.example.com/realms/staff"),
        .credential = GH_STR("s_91ab"),
        .groups = groups,
        .n_groups = 2,
        .scopes = scopes,
        .n_scopes = 1,
    };
}


static gh_principal_t
acme(void)
{
    return (gh_principal_t){
        .type = GH_PRINCIPAL_CONSUMER,
        .method = GH_METHOD_API_KEY,
        .id = GH_STR("consumer:acme"),
        .consumer = GH_STR("acme"),
        .credential = GH_STR("7f3a"),
    };
}


static void
assert_value(gh_str_t raw, size_t max, const char *expected)
{
    char room[4096];
    gh_buf_t out = GH_BUF(room);

    assert_int_equal(gh_principal_value(raw, max, &out), GH_OK);
    assert_str(gh_buf_str(&out), expected);
}


/* expected NULL: there is none. */
static void
assert_part(const gh_principal_t *p, gh_part_t part, const char *expected)
{
    char room[8192];
    gh_buf_t out = GH_BUF(room);
    gh_rc_t rc = gh_principal_part(p, part, &out);

    assert_int_equal(rc, expected == NULL ? GH_ABSENT : GH_OK);
    assert_str(gh_buf_str(&out), expected == NULL ? "" : expected);
}


static void
a_plain_value_passes_as_it_is(void **state)
{
    (void) state;

    assert_value(GH_STR("consumer:acme"), 100, "consumer:acme");
    assert_value(GH_STR("Alice B. Archer, \"PhD\""), 100,
                 "Alice B. Archer, \"PhD\"");
    assert_value(GH_STR(""), 100, "");
    assert_value(GH_STR("100%"), 100, "100%25");
}


static void
a7_a_line_break_in_a_claim_makes_no_new_header(void **state)
{
    (void) state;

    assert_value(GH_STR("a\r\nX-Principal-Groups: admin"), 100,
                 "a%0D%0AX-Principal-Groups: admin");
    assert_value(GH_STR("a\nb\rc\0d\x7f\te"), 100, "a%0Ab%0Dc%00d%7F%09e");
}


static void
a7_letters_outside_ascii_are_percent_encoded_utf8(void **state)
{
    (void) state;

    assert_value(GH_STR("Cem \xc3\x96zdemir"), 100, "Cem %C3%96zdemir");
    assert_value(GH_STR("\xef\xbb\xbf\xf0\x9f\x98\x80"), 100,
                 "%EF%BB%BF%F0%9F%98%80");
    assert_value(GH_STR("\xff\xc3"), 100, "%FF%C3");
}


static void
a7_spaces_that_a_reader_would_drop_are_encoded(void **state)
{
    (void) state;

    assert_value(GH_STR(" a"), 100, "%20a");
    assert_value(GH_STR("a "), 100, "a%20");
    assert_value(GH_STR("a  b"), 100, "a%20%20b");
    assert_value(GH_STR(" "), 100, "%20");
}


static void
a7_a_long_value_is_cut_on_a_whole_character(void **state)
{
    (void) state;

    assert_value(GH_STR("abcdef"), 6, "abcdef");
    assert_value(GH_STR("abcdef"), 5, "abcde");
    assert_value(GH_STR("ab\xc3\x96"), 8, "ab%C3%96");
    assert_value(GH_STR("ab\xc3\x96"), 7, "ab");
    assert_value(GH_STR("ab\xf0\x9f\x98\x80"), 13, "ab");
    assert_value(GH_STR("ab\xe2\x82\xac"), 11, "ab%E2%82%AC");
    assert_value(GH_STR("ab\xe2\x82\xac"), 10, "ab");
    assert_value(GH_STR("ab%"), 4, "ab");
    assert_value(GH_STR("ab c"), 3, "ab"); /* no space at the end either */
    assert_value(GH_STR("abc"), 0, "");

    /* not UTF-8: each byte for itself */
    assert_value(GH_STR("ab\xf0\x9f"), 5, "ab%F0");
}


static void
a7_twenty_kilobytes_of_name_are_one_short_header(void **state)
{
    static char name[20000];
    gh_principal_t p = alice();
    char room[2048];
    gh_buf_t out = GH_BUF(room);

    (void) state;

    memset(name, 'x', sizeof(name));
    p.name = (gh_str_t){ name, sizeof(name) };

    assert_int_equal(gh_principal_part(&p, GH_PART_NAME, &out), GH_OK);
    assert_int_equal(out.len, GH_PRINCIPAL_VALUE_MAX);
}


/* Cut, it could be somebody else's. */
static void
what_says_who_this_is_is_never_cut(void **state)
{
    static const gh_part_t who[] = { GH_PART_ID, GH_PART_SUBJECT,
                                     GH_PART_ISSUER, GH_PART_CONSUMER,
                                     GH_PART_CREDENTIAL };
    static char text[GH_PRINCIPAL_VALUE_MAX + 1];
    char room[2048];
    gh_buf_t out = GH_BUF(room);
    gh_principal_t p = { .type = GH_PRINCIPAL_CLIENT };

    (void) state;

    memset(text, 'x', sizeof(text));

    p.id = p.issuer = p.consumer = p.credential = p.email =
        (gh_str_t){ text, sizeof(text) };

    for (size_t i = 0; i < sizeof(who) / sizeof(who[0]); i++) {
        assert_int_equal(gh_principal_part(&p, who[i], &out), GH_TOO_LONG);
        assert_int_equal(out.len, 0);
    }

    /* this one is not needed to know them */
    assert_int_equal(gh_principal_part(&p, GH_PART_EMAIL, &out), GH_ABSENT);
    assert_int_equal(out.len, 0);

    p.id.len--;
    assert_int_equal(gh_principal_part(&p, GH_PART_ID, &out), GH_OK);
    assert_int_equal(out.len, GH_PRINCIPAL_VALUE_MAX);
}


static void
a5_members_of_a_list_cannot_be_taken_apart(void **state)
{
    static const gh_str_t items[] = { { "staff,admin", 11 },
                                      { "", 0 },
                                      { "a%2Cb", 5 },
                                      { " x", 2 },
                                      { "r\xc3\xa9", 3 } };
    char room[128];
    gh_buf_t out = GH_BUF(room);

    (void) state;

    assert_int_equal(gh_principal_list(items, 5, 100, &out), GH_OK);
    assert_str(gh_buf_str(&out), "staff%2Cadmin,a%252Cb,%20x,r%C3%A9");
}


/* "administrators-of-nothing" cut after "admin" would be a promotion. */
static void
members_that_do_not_fit_are_left_out_whole(void **state)
{
    static const gh_str_t items[] = { { "staff", 5 },
                                      { "administrators-of-nothing", 25 },
                                      { "x", 1 } };
    char room[128];
    gh_buf_t out = GH_BUF(room);

    (void) state;

    assert_int_equal(gh_principal_list(items, 3, 11, &out), GH_OK);
    assert_str(gh_buf_str(&out), "staff,x");

    for (size_t max = 0; max < 40; max++) {
        out.len = 0;
        assert_int_equal(gh_principal_list(items, 3, max, &out), GH_OK);
        assert_true(out.len <= max);
        assert_true(out.len == 0 || out.data[out.len - 1] != ',');
    }

    assert_str(gh_buf_str(&out), "staff,administrators-of-nothing,x");
}


static void
what_does_not_fit_leaves_the_buffer_alone(void **state)
{
    static const gh_str_t items[] = { { "a", 1 }, { "\xc3\xa9", 2 } };
    char room[32] = "before";
    gh_principal_t p = acme();

    (void) state;

    for (size_t cap = 6; cap < 6 + 8; cap++) {
        gh_buf_t out = { room, 6, cap };

        assert_int_equal(gh_principal_value(GH_STR("ab\xc3\xa9"), 100, &out),
                         GH_TOO_LONG);
        assert_int_equal(gh_principal_list(items, 2, 100, &out), GH_TOO_LONG);
        assert_int_equal(gh_principal_part(&p, GH_PART_ID, &out), GH_TOO_LONG);
        assert_int_equal(gh_principal_part(&p, GH_PART_TYPE, &out),
                         cap < 14 ? GH_TOO_LONG : GH_OK);
        assert_str(gh_buf_str(&out), "before");
    }
}


static void
a_user_is_known_by_every_part(void **state)
{
    gh_principal_t p = alice();

    (void) state;

    assert_part(&p, GH_PART_ID, "staff:2482");
    assert_part(&p, GH_PART_TYPE, "user");
    assert_part(&p, GH_PART_NAME, "Alice Archer");
    assert_part(&p, GH_PART_EMAIL, "alice@example.com");
    assert_part(&p, GH_PART_GROUPS, "staff,night shift");
    assert_part(&p, GH_PART_SCOPES, "orders:read");
    assert_part(&p, GH_PART_ISSUER, "https://idp.example.com/realms/staff");
    assert_part(&p, GH_PART_METHOD, "oidc");
    assert_part(&p, GH_PART_SUBJECT, "2482");
    assert_part(&p, GH_PART_CREDENTIAL, "2482"); /* not the session */
    assert_part(&p, GH_PART_CONSUMER, NULL);
    assert_part(&p, GH_PART_ANONYMOUS, NULL);
    assert_part(&p, GH_PART_ASSERTION, NULL);
    assert_part(&p, GH_PART_NONE, NULL);
}


static void
a6_a_part_that_is_missing_gives_no_header(void **state)
{
    static const gh_str_t empty[] = { { "", 0 } };
    gh_principal_t p = acme();

    (void) state;

    assert_part(&p, GH_PART_EMAIL, NULL);
    assert_part(&p, GH_PART_NAME, NULL);
    assert_part(&p, GH_PART_GROUPS, NULL);
    assert_part(&p, GH_PART_SCOPES, NULL);
    assert_part(&p, GH_PART_ISSUER, NULL);
    assert_part(&p, GH_PART_CONSUMER, "acme");
    assert_part(&p, GH_PART_SUBJECT, "acme");
    assert_part(&p, GH_PART_CREDENTIAL, "7f3a");

    p.groups = empty;
    p.n_groups = 1;
    assert_part(&p, GH_PART_GROUPS, NULL);

    p.method = GH_METHOD_NONE;
    assert_part(&p, GH_PART_METHOD, NULL);
}


static void
a13_an_anonymous_principal_gives_no_header_but_that(void **state)
{
    gh_principal_t p = alice();

    (void) state;

    p.type = GH_PRINCIPAL_ANONYMOUS; /* whatever else is in it */

    for (int part = 0; part < GH_PART_COUNT; part++) {
        const char *expected = part == GH_PART_ANONYMOUS ? "true" : NULL;

        assert_part(&p, (gh_part_t) part, expected);
        assert_part(NULL, (gh_part_t) part, expected);
    }
}


static void
an_id_without_a_qualifier_is_its_own_subject(void **state)
{
    gh_principal_t p = acme();

    (void) state;

    p.id = GH_STR("acme");
    assert_part(&p, GH_PART_SUBJECT, "acme");
    p.id = GH_STR("staff:urn:x:2482");
    assert_part(&p, GH_PART_SUBJECT, "urn:x:2482");
    p.id = GH_STR("staff:");
    assert_part(&p, GH_PART_SUBJECT, NULL);
}


static void
every_preset_can_be_taken_away_from_outside(void **state)
{
    static const char *const presets[] = { "default", "kong", "oauth2-proxy",
                                           "mod_auth_openidc" };
    gh_header_set_t *set;

    (void) state;

    for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
        size_t n;
        const gh_principal_header_t *headers =
            gh_principal_preset(gh_str(presets[i]), &n);

        assert_non_null(headers);
        assert_true(n > 0);
        assert_int_equal(gh_header_set_create(gh_alloc_libc(), &set), GH_OK);

        for (size_t j = 0; j < n; j++) {
            assert_int_equal(gh_header_set_add(set, headers[j].name), GH_OK);
            assert_true(headers[j].part < GH_PART_COUNT);
        }

        for (size_t j = 0; j < n; j++) {
            assert_int_equal(gh_header_classify(set, headers[j].name),
                             GH_HEADER_PRINCIPAL);
        }

        gh_header_set_destroy(set);
    }
}


static void
a_preset_sends_what_its_services_know(void **state)
{
    size_t n;
    const gh_principal_header_t *h =
        gh_principal_preset(GH_STR("default"), &n);

    (void) state;

    assert_int_equal(n, 9);
    assert_str(h[0].name, "X-Principal");
    assert_int_equal(h[0].part, GH_PART_ID);
    assert_str(h[8].name, "X-Principal-Method");

    h = gh_principal_preset(GH_STR("oauth2-proxy"), &n);
    assert_str(h[0].name, "X-Forwarded-User");
    assert_int_equal(h[0].part, GH_PART_SUBJECT);

    h = gh_principal_preset(GH_STR("kong"), &n);
    assert_str(h[0].name, "X-Consumer-ID");
    assert_int_equal(h[0].part, GH_PART_CONSUMER);

    h = gh_principal_preset(GH_STR("mod_auth_openidc"), &n);
    assert_str(h[0].name, "OIDC_CLAIM_sub");
    assert_str(h[n - 1].name, "OIDC_*");
    assert_int_equal(h[n - 1].part, GH_PART_NONE);

    assert_null(gh_principal_preset(GH_STR("traefik"), &n));
    assert_int_equal(n, 0);
    assert_null(gh_principal_preset(GH_STR(""), &n));
}


static void
every_part_that_can_be_sent_has_a_word(void **state)
{
    static const char *const words[] = { "id",        "type",     "name",
                                         "email",     "groups",   "scopes",
                                         "issuer",    "consumer", "method",
                                         "assertion", "subject",  "anonymous",
                                         "credential" };
    gh_part_t part;

    (void) state;

    assert_int_equal(sizeof(words) / sizeof(words[0]), GH_PART_NONE);

    for (size_t i = 0; i < GH_PART_NONE; i++) {
        assert_true(gh_part_parse(gh_str(words[i]), &part));
        assert_int_equal(part, i);
    }

    assert_false(gh_part_parse(GH_STR("none"), &part));
    assert_false(gh_part_parse(GH_STR("group"), &part));
    assert_false(gh_part_parse(GH_STR(""), &part));
}


static void
methods_and_types_have_one_word_each(void **state)
{
    (void) state;

    assert_str(gh_method_word(GH_METHOD_NONE), "none");
    assert_str(gh_method_word(GH_METHOD_API_KEY), "api_key");
    assert_str(gh_method_word(GH_METHOD_TOKEN), "token");
    assert_str(gh_method_word(GH_METHOD_OIDC), "oidc");
    assert_str(gh_method_word(GH_METHOD_SIGNATURE), "signature");
    assert_str(gh_method_word((gh_method_t) 99), "none");

    assert_str(gh_principal_type_word(GH_PRINCIPAL_ANONYMOUS), "anonymous");
    assert_str(gh_principal_type_word(GH_PRINCIPAL_USER), "user");
    assert_str(gh_principal_type_word(GH_PRINCIPAL_CONSUMER), "consumer");
    assert_str(gh_principal_type_word(GH_PRINCIPAL_CLIENT), "client");
    assert_str(gh_principal_type_word((gh_principal_type_t) 99), "anonymous");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_value_passes_as_it_is),
        cmocka_unit_test(a7_a_line_break_in_a_claim_makes_no_new_header),
        cmocka_unit_test(a7_letters_outside_ascii_are_percent_encoded_utf8),
        cmocka_unit_test(a7_spaces_that_a_reader_would_drop_are_encoded),
        cmocka_unit_test(a7_a_long_value_is_cut_on_a_whole_character),
        cmocka_unit_test(a7_twenty_kilobytes_of_name_are_one_short_header),
        cmocka_unit_test(what_says_who_this_is_is_never_cut),
        cmocka_unit_test(a5_members_of_a_list_cannot_be_taken_apart),
        cmocka_unit_test(members_that_do_not_fit_are_left_out_whole),
        cmocka_unit_test(what_does_not_fit_leaves_the_buffer_alone),
        cmocka_unit_test(a_user_is_known_by_every_part),
        cmocka_unit_test(a6_a_part_that_is_missing_gives_no_header),
        cmocka_unit_test(a13_an_anonymous_principal_gives_no_header_but_that),
        cmocka_unit_test(an_id_without_a_qualifier_is_its_own_subject),
        cmocka_unit_test(every_preset_can_be_taken_away_from_outside),
        cmocka_unit_test(a_preset_sends_what_its_services_know),
        cmocka_unit_test(every_part_that_can_be_sent_has_a_word),
        cmocka_unit_test(methods_and_types_have_one_word_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
