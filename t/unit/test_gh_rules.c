/*
 * Rules as data: what a block admits, refuses and requires, and that what is
 * no block admits nobody. How lines are typed: test_gh_rules_line.c. Names
 * beginning with a or b and a number are rows of docs/threat-model.md.
 */

#include "gh_test.h"

#include "gh_rules.h"


#define WORDS 8

/* "deny group=staff" and so on, up to a NULL; freed by block_free. */
static gh_str_t lines(const char *const *line);
static void block_free(gh_str_t block);
static void assert_admit(gh_str_t block, const gh_subject_t *s,
                         gh_reason_t expected);


static const gh_str_t groups[] = { { "staff", 5 }, { "night", 5 } };
static const gh_str_t scopes[] = { { "orders:read", 11 } };
static const gh_principal_t alice = { .type = GH_PRINCIPAL_USER,
                                      .id = { "staff:2482", 10 },
                                      .groups = groups,
                                      .n_groups = 2,
                                      .scopes = scopes,
                                      .n_scopes = 1 };
static const gh_principal_t acme = { .type = GH_PRINCIPAL_CONSUMER,
                                     .id = { "consumer:acme", 13 },
                                     .consumer = { "acme", 4 } };


static gh_str_t
lines(const char *const *line)
{
    gh_rules_builder_t *b;
    gh_str_t block;

    assert_int_equal(gh_rules_begin(gh_alloc_libc(), &b), GH_OK);

    for (/* void */; *line != NULL; line++) {
        gh_str_t words[WORDS], rest = gh_str(*line);
        size_t n = 0;

        while (rest.data != NULL) {
            assert_true(n < WORDS);
            words[n++] = gh_str_cut(rest, ' ', &rest);
        }

        assert_int_equal(gh_rules_add_line(b, words, n, NULL), GH_OK);
    }

    assert_int_equal(gh_rules_finish(b, &block), GH_OK);
    assert_true(gh_rules_valid(block));

    return block;
}


static void
block_free(gh_str_t block)
{
    const gh_alloc_t *a = gh_alloc_libc();

    a->free(a->ctx, (void *) (uintptr_t) block.data);
}


static void
assert_admit(gh_str_t block, const gh_subject_t *s, gh_reason_t expected)
{
    gh_reason_t reason = gh_rules_admit(block, s);

    if (reason != expected) {
        gh_str_t word = gh_reason_info(reason)->word;

        fail_msg("judged %.*s", (int) word.len, word.data);
    }
}


static gh_subject_t
asks(const gh_principal_t *p, const char *http_method)
{
    return (gh_subject_t){ p, gh_str(http_method), GH_STR("v2") };
}


static void
without_lines_everybody_is_admitted(void **state)
{
    static const char *const none[] = { NULL };
    gh_str_t block = lines(none);
    gh_subject_t s = asks(NULL, "GET");

    (void) state;

    assert_int_equal(block.len, 0);
    assert_admit(block, &s, GH_REASON_OK);
    assert_int_equal(gh_rules_require(block, &s), GH_REASON_OK);
}


static void
all_names_of_a_line_must_hold(void **state)
{
    static const char *const line[] = { "group=staff scope=orders:read",
                                        NULL };
    gh_str_t block = lines(line);
    gh_subject_t s = asks(&alice, "GET");
    gh_principal_t without = alice;

    (void) state;

    assert_admit(block, &s, GH_REASON_OK);

    without.n_scopes = 0;
    s.principal = &without;
    assert_admit(block, &s, GH_REASON_RULE_NONE);
    block_free(block);
}


static void
a_comma_or_a_repeated_name_means_any_of(void **state)
{
    static const char *const
        comma[] = { "group=admin,night", NULL },
        *const repeated[] = { "group=admin scope=orders:read group=night",
                              NULL },
        *const neither[] = { "group=admin,nigh", NULL };
    gh_subject_t s = asks(&alice, "GET");
    gh_str_t block = lines(comma);

    (void) state;

    assert_admit(block, &s, GH_REASON_OK);
    block_free(block);

    block = lines(repeated);
    assert_admit(block, &s, GH_REASON_OK);
    block_free(block);

    block = lines(neither);
    assert_admit(block, &s, GH_REASON_RULE_NONE);
    block_free(block);
}


static void
any_line_admits(void **state)
{
    static const char *const two[] = { "method=GET,PUT scope=orders:read",
                                       "consumer=acme", NULL };
    gh_str_t block = lines(two);
    gh_subject_t s = asks(&alice, "GET");

    (void) state;

    assert_admit(block, &s, GH_REASON_OK);

    s = asks(&alice, "POST");
    assert_admit(block, &s, GH_REASON_RULE_NONE);

    s = asks(&acme, "POST");
    assert_admit(block, &s, GH_REASON_OK);

    block_free(block);
}


static void
deny_beats_every_admit_wherever_it_stands(void **state)
{
    static const char *const before[] = { "deny group=night", "group=staff",
                                          NULL },
                             *const after[] = { "group=staff",
                                                "deny group=night", NULL };
    gh_subject_t s = asks(&alice, "GET");
    gh_principal_t by_day = alice;
    gh_str_t block = lines(before);

    (void) state;

    assert_admit(block, &s, GH_REASON_RULE_DENY);
    block_free(block);

    block = lines(after);
    assert_admit(block, &s, GH_REASON_RULE_DENY);

    by_day.n_groups = 1;
    s.principal = &by_day;
    assert_admit(block, &s, GH_REASON_OK);
    block_free(block);
}


static void
deny_alone_refuses_everybody(void **state)
{
    static const char *const line[] = { "group=staff", "deny", NULL },
                             *const only[] = { "deny group=admin", NULL };
    gh_str_t block = lines(line);
    gh_subject_t s = asks(&alice, "GET");

    (void) state;

    assert_admit(block, &s, GH_REASON_RULE_DENY);
    s.principal = NULL;
    assert_admit(block, &s, GH_REASON_RULE_DENY);
    block_free(block);

    /* and deny lines that do not match admit nobody */
    block = lines(only);
    s.principal = &alice;
    assert_admit(block, &s, GH_REASON_RULE_NONE);
    block_free(block);
}


static void
the_anonymous_principal_has_no_group_scope_consumer_or_claim(void **state)
{
    static const char *const wants[][2] = { { "group=staff", NULL },
                                            { "scope=orders:read", NULL },
                                            { "consumer=acme", NULL },
                                            { "claim:sub=2482", NULL } };
    json_t *claims = json_pack("{s:s}", "sub", "2482");
    gh_principal_t nobody = alice;

    (void) state;

    /* whatever was left in it */
    nobody.type = GH_PRINCIPAL_ANONYMOUS;
    nobody.consumer = GH_STR("acme");
    nobody.claims = claims;

    for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
        gh_str_t block = lines(wants[i]);
        gh_subject_t s = asks(&nobody, "GET");

        assert_admit(block, &s, GH_REASON_RULE_NONE);
        s.principal = NULL;
        assert_admit(block, &s, GH_REASON_RULE_NONE);
        nobody.type = GH_PRINCIPAL_CONSUMER;
        s.principal = &nobody;
        assert_admit(block, &s, GH_REASON_OK);
        nobody.type = GH_PRINCIPAL_ANONYMOUS;
        block_free(block);
    }

    json_decref(claims);
}


static void
b13_a_line_for_get_is_for_no_other_method(void **state)
{
    static const char *const others[] = { "POST",     "FOO",   "get",
                                          "PROPFIND", "TRACE", "CONNECT",
                                          "OPTIONS",  "GETS",  "GE",
                                          "" };
    static const char *const line[] = { "method=GET group=staff", NULL };
    gh_str_t block = lines(line);

    (void) state;

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        gh_subject_t s = asks(&alice, others[i]);

        assert_admit(block, &s, GH_REASON_RULE_NONE);
    }

    block_free(block);
}


static void
b13_head_is_judged_as_get(void **state)
{
    static const char *const admit[] = { "method=GET", NULL },
                             *const deny[] = { "deny method=GET",
                                               "group=staff", NULL },
                             *const head[] = { "method=HEAD", NULL };
    gh_subject_t s = asks(&alice, "HEAD");
    gh_str_t block = lines(admit);

    (void) state;

    assert_admit(block, &s, GH_REASON_OK);
    block_free(block);

    block = lines(deny);
    assert_admit(block, &s, GH_REASON_RULE_DENY);
    block_free(block);

    /* but not the other way round */
    block = lines(head);
    assert_admit(block, &s, GH_REASON_OK);
    s = asks(&alice, "GET");
    assert_admit(block, &s, GH_REASON_RULE_NONE);
    block_free(block);
}


static void
a5_a_member_is_a_whole_name(void **state)
{
    static const gh_str_t odd[] = { { "user,admin", 10 },
                                    { "admin ", 6 },
                                    { "Admin", 5 },
                                    { "", 0 },
                                    { "admin\0", 6 } };
    static const char *const line[] = { "group=admin", NULL };
    gh_str_t block = lines(line);
    gh_principal_t p = alice;
    gh_subject_t s = asks(&p, "GET");

    (void) state;

    p.groups = odd;
    p.n_groups = sizeof(odd) / sizeof(odd[0]);
    assert_admit(block, &s, GH_REASON_RULE_NONE);
    block_free(block);
}


static bool
claim_admits(json_t *claims, const char *word)
{
    const char *const line[] = { word, NULL };
    gh_str_t block = lines(line);
    gh_principal_t p = alice;
    gh_subject_t s = asks(&p, "GET");

    p.claims = claims;
    gh_reason_t reason = gh_rules_admit(block, &s);
    block_free(block);

    return reason == GH_REASON_OK;
}


static void
claims_are_compared_by_their_text(void **state)
{
    json_t *c = json_loads("{ \"s\": \"x=y z\", \"i\": 42, \"n\": -7,"
                           " \"r\": 1.5, \"w\": 2.0, \"t\": true,"
                           " \"f\": false, \"z\": null, \"o\": {\"a\": \"b\"},"
                           " \"min\": -9223372036854775808,"
                           " \"roles\": [\"a\", 7, true, [\"deep\"], null] }",
                           0, NULL);

    (void) state;
    assert_non_null(c);

    assert_true(claim_admits(c, "claim:i=42"));
    assert_true(claim_admits(c, "claim:n=-7"));
    assert_true(claim_admits(c, "claim:r=1.5"));
    assert_true(claim_admits(c, "claim:r=15e-1"));
    assert_true(claim_admits(c, "claim:w=2"));
    assert_true(claim_admits(c, "claim:t=true"));
    assert_true(claim_admits(c, "claim:f=false"));
    assert_true(claim_admits(c, "claim:/o/a=b"));
    assert_true(claim_admits(c, "claim:min=-9223372036854775808"));
    assert_true(claim_admits(c, "claim:s=no,x=y"
                                " claim:s=maybe")
                == false);

    assert_true(claim_admits(c, "claim:/roles=a"));
    assert_true(claim_admits(c, "claim:roles=x,7"));
    assert_true(claim_admits(c, "claim:roles=true"));
    assert_true(claim_admits(c, "claim:/roles/1=7"));

    assert_false(claim_admits(c, "claim:i=042"));
    assert_false(claim_admits(c, "claim:i=42.0"));
    assert_false(claim_admits(c, "claim:i=4"));
    assert_false(claim_admits(c, "claim:r=0x1.8"));
    assert_false(claim_admits(c, "claim:r=1.5."));
    assert_false(claim_admits(c, "claim:r=nan"));
    assert_false(claim_admits(c, "claim:t=1"));
    assert_false(claim_admits(c, "claim:t=TRUE"));
    assert_false(claim_admits(c, "claim:z=null"));
    assert_false(claim_admits(c, "claim:o=b"));
    assert_false(claim_admits(c, "claim:roles=deep"));
    assert_false(claim_admits(c, "claim:roles=null"));
    assert_false(claim_admits(c, "claim:missing=x"));
    assert_false(claim_admits(c, "claim:/s/deeper=x"));
    assert_false(claim_admits(NULL, "claim:i=42"));

    json_decref(c);
}


/* Not a pointer, but a name that issuers use. */
static void
a_claim_may_be_named_by_a_url(void **state)
{
    json_t *c = json_pack("{s:[s]}", "https://example.com/roles", "admin");

    (void) state;

    assert_true(claim_admits(c, "claim:https://example.com/roles=admin"));
    assert_false(claim_admits(c, "claim:/https://example.com/roles=admin"));
    json_decref(c);
}


static void
claims_of_different_pointers_must_all_hold(void **state)
{
    json_t *c = json_pack("{s:s,s:s}", "a", "1", "b", "2");

    (void) state;

    assert_true(claim_admits(c, "claim:a=1 claim:b=2"));
    assert_true(claim_admits(c, "claim:a=9 claim:b=2 claim:a=1"));
    assert_false(claim_admits(c, "claim:a=1 claim:b=9"));
    json_decref(c);
}


static gh_rules_builder_t *
builder(void)
{
    gh_rules_builder_t *b;

    assert_int_equal(gh_rules_begin(gh_alloc_libc(), &b), GH_OK);

    return b;
}


static gh_rc_t
add(gh_rules_builder_t *b, gh_rule_word_t word, const char *value)
{
    gh_str_t v = gh_str(value);

    return gh_rules_condition(b, word, GH_STR(""), &v, 1);
}


static void
an_access_rule_holds_where_it_applies(void **state)
{
    gh_rules_builder_t *b = builder();
    gh_principal_t admin = acme;
    static const gh_str_t admins[] = { { "admin", 5 } };
    gh_str_t block;

    (void) state;

    /* DELETE of v2 is for admins, named in this order or the other */
    assert_int_equal(gh_rules_open(b), GH_OK);
    assert_int_equal(add(b, GH_WORD_GROUP, "admin"), GH_OK);
    assert_int_equal(add(b, GH_WORD_METHOD, "DELETE"), GH_OK);
    assert_int_equal(add(b, GH_WORD_VERSION, "v2"), GH_OK);
    assert_int_equal(gh_rules_close(b), GH_OK);
    assert_int_equal(gh_rules_finish(b, &block), GH_OK);
    assert_true(gh_rules_valid(block));

    gh_subject_t s = asks(&alice, "DELETE");

    assert_int_equal(gh_rules_require(block, &s), GH_REASON_SERVICE_RULE);

    s.version = GH_STR("v1");
    assert_int_equal(gh_rules_require(block, &s), GH_REASON_OK);

    s = asks(&alice, "GET");
    assert_int_equal(gh_rules_require(block, &s), GH_REASON_OK);

    s = asks(NULL, "DELETE");
    assert_int_equal(gh_rules_require(block, &s), GH_REASON_SERVICE_RULE);

    admin.groups = admins;
    admin.n_groups = 1;
    s = asks(&admin, "DELETE");
    assert_int_equal(gh_rules_require(block, &s), GH_REASON_OK);

    block_free(block);
}


static void
every_access_rule_that_applies_must_hold(void **state)
{
    gh_rules_builder_t *b = builder();
    gh_subject_t s = asks(&alice, "GET");
    gh_str_t block;

    (void) state;

    assert_int_equal(gh_rules_open(b), GH_OK);
    assert_int_equal(add(b, GH_WORD_GROUP, "staff"), GH_OK);
    assert_int_equal(gh_rules_close(b), GH_OK);
    assert_int_equal(gh_rules_open(b), GH_OK);
    assert_int_equal(add(b, GH_WORD_METHOD, "GET"), GH_OK);
    assert_int_equal(add(b, GH_WORD_SCOPE, "orders:write"), GH_OK);
    assert_int_equal(gh_rules_close(b), GH_OK);
    assert_int_equal(gh_rules_finish(b, &block), GH_OK);

    assert_int_equal(gh_rules_require(block, &s), GH_REASON_SERVICE_RULE);
    s = asks(&alice, "HEAD");
    assert_int_equal(gh_rules_require(block, &s), GH_REASON_SERVICE_RULE);
    s = asks(&alice, "POST");
    assert_int_equal(gh_rules_require(block, &s), GH_REASON_OK);

    block_free(block);
}


static void
a_condition_that_means_nothing_is_refused_and_leaves_no_trace(void **state)
{
    gh_rules_builder_t *b = builder();
    gh_str_t empty = GH_STR(""), x = GH_STR("x"), block;
    gh_str_t two[] = { { "staff", 5 }, { "", 0 } };

    (void) state;

    assert_int_equal(add(b, GH_WORD_GROUP, "x"), GH_INVALID); /* not open */
    assert_int_equal(gh_rules_close(b), GH_INVALID);
    assert_int_equal(gh_rules_open(b), GH_OK);
    assert_int_equal(gh_rules_open(b), GH_INVALID);

    assert_int_equal(add(b, GH_WORD_GROUP, ""), GH_INVALID);
    assert_int_equal(add(b, GH_WORD_METHOD, "get"), GH_INVALID);
    assert_int_equal(add(b, GH_WORD_METHOD, "G T"), GH_INVALID);
    assert_int_equal(add(b, (gh_rule_word_t) 0, "x"), GH_INVALID);
    assert_int_equal(add(b, (gh_rule_word_t) 7, "x"), GH_INVALID);
    assert_int_equal(gh_rules_condition(b, GH_WORD_GROUP, empty, &x, 0),
                     GH_INVALID);
    assert_int_equal(gh_rules_condition(b, GH_WORD_GROUP, empty, two, 2),
                     GH_INVALID);
    assert_int_equal(gh_rules_condition(b, GH_WORD_GROUP, x, &x, 1),
                     GH_INVALID);
    assert_int_equal(gh_rules_condition(b, GH_WORD_CLAIM, empty, &x, 1),
                     GH_INVALID);
    assert_int_equal(
        gh_rules_condition(b, GH_WORD_CLAIM, GH_STR("/a~2"), &x, 1),
        GH_INVALID);

    assert_int_equal(add(b, GH_WORD_GROUP, "staff"), GH_OK);
    assert_int_equal(add(b, GH_WORD_GROUP, "again"), GH_INVALID);
    assert_int_equal(gh_rules_condition(b, GH_WORD_CLAIM, GH_STR("a"), &x, 1),
                     GH_OK);
    assert_int_equal(gh_rules_condition(b, GH_WORD_CLAIM, GH_STR("a"), &x, 1),
                     GH_INVALID);
    assert_int_equal(gh_rules_condition(b, GH_WORD_CLAIM, GH_STR("b"), &x, 1),
                     GH_OK);

    /* lines and access rules are judged differently: not in one block */
    assert_int_equal(gh_rules_add_line(b, two, 1, NULL), GH_INVALID);
    assert_int_equal(gh_rules_close(b), GH_OK);
    x = GH_STR("group=a");
    assert_int_equal(gh_rules_add_line(b, &x, 1, NULL), GH_INVALID);

    assert_int_equal(gh_rules_finish(b, &block), GH_OK);
    assert_true(gh_rules_valid(block));
    assert_int_equal(block.len, 1 + 3 + (3 + 2 + 7) + 2 * (3 + 3 + 3));
    block_free(block);
}


static void
a_rule_left_open_gives_no_block(void **state)
{
    gh_rules_builder_t *b = builder();
    gh_str_t block;

    (void) state;

    assert_int_equal(gh_rules_open(b), GH_OK);
    assert_int_equal(gh_rules_finish(b, &block), GH_INVALID);
    assert_int_equal(block.len, 0);

    gh_rules_abandon(NULL);
    gh_rules_abandon(builder());
}


static void
a_block_is_bounded_and_what_was_full_still_works(void **state)
{
    static char value[40000];
    gh_rules_builder_t *b = builder();
    gh_str_t v = { value, sizeof(value) }, block;

    (void) state;

    memset(value, 'x', sizeof(value));

    assert_int_equal(gh_rules_open(b), GH_OK);
    assert_int_equal(gh_rules_condition(b, GH_WORD_GROUP, GH_STR(""), &v, 1),
                     GH_OK);
    assert_int_equal(gh_rules_condition(b, GH_WORD_SCOPE, GH_STR(""), &v, 1),
                     GH_FULL);
    v.len = 70000; /* only the length is looked at */
    assert_int_equal(gh_rules_condition(b, GH_WORD_SCOPE, GH_STR(""), &v, 1),
                     GH_FULL);
    assert_int_equal(add(b, GH_WORD_SCOPE, "y"), GH_OK);
    assert_int_equal(gh_rules_close(b), GH_OK);
    assert_int_equal(gh_rules_finish(b, &block), GH_OK);
    assert_true(gh_rules_valid(block));
    block_free(block);

    /* filled to the last byte */
    b = builder();
    assert_int_equal(gh_rules_open(b), GH_OK);

    for (int i = 0; i < 2; i++) {
        v.len = i == 0 ? 40000 : GH_RULES_MAX - (1 + 3 + 7 + 40000) - 7;
        assert_int_equal(
            gh_rules_condition(b, i == 0 ? GH_WORD_GROUP : GH_WORD_SCOPE,
                               GH_STR(""), &v, 1),
            GH_OK);
    }

    assert_int_equal(gh_rules_close(b), GH_OK);
    assert_int_equal(gh_rules_open(b), GH_FULL);
    assert_int_equal(gh_rules_finish(b, &block), GH_OK);
    assert_int_equal(block.len, GH_RULES_MAX);
    assert_true(gh_rules_valid(block));
    block_free(block);
}


static void
a_block_is_the_same_at_every_address(void **state)
{
    static const char *const line[] = { "group=staff method=GET", NULL };
    gh_str_t block = lines(line);
    gh_subject_t s = asks(&alice, "GET");
    char room[128];

    (void) state;

    for (size_t at = 0; at < 9; at++) {
        memcpy(room + at, block.data, block.len);
        assert_true(gh_rules_valid((gh_str_t){ room + at, block.len }));
        assert_admit((gh_str_t){ room + at, block.len }, &s, GH_REASON_OK);
    }

    block_free(block);
}


static void
a_damaged_block_is_found_or_admits_nobody_else(void **state)
{
    static const char *const text[] = { "group=admin claim:/a/b=x,y",
                                        "deny method=PUT", NULL };
    gh_str_t block = lines(text);
    gh_subject_t s = asks(NULL, "GET");
    char room[128];

    (void) state;

    /* cut anywhere: not well formed, and nobody comes in */
    for (size_t len = 1; len < block.len; len++) {
        char *cut = malloc(len);

        assert_non_null(cut);
        memcpy(cut, block.data, len);

        gh_str_t less = { cut, len };

        /* but for a cut between two rules, which no reader can see */
        if (gh_rules_valid(less)) {
            assert_int_equal(len, block.len - 3 - 3 - 2 - 5);
        }

        assert_false(gh_reason_admits(gh_rules_admit(less, &s)));
        assert_false(gh_reason_admits(gh_rules_require(less, &s)));
        free(cut);
    }

    /* every byte in turn becomes something else */
    for (size_t i = 0; i < block.len; i++) {
        memcpy(room, block.data, block.len);
        room[i] = (char) ~room[i];

        gh_str_t other = { room, block.len };

        (void) gh_rules_valid(other);
        assert_false(gh_reason_admits(gh_rules_admit(other, &s)));
    }

    block_free(block);
}


static void
what_nobody_could_have_typed_is_not_valid(void **state)
{
    static const gh_str_t blocks[] = {
        { "\1", 1 },                         /* no rule */
        { "\2\1\0\0", 4 },                   /* another format */
        { "\1\1\0\0", 4 },                   /* a line for everybody */
        { "\1\4\0\0", 4 },                   /* no such kind */
        { "\1\2\0\0\3\0\0", 7 },             /* line and access rule */
        { "\1\1\5\0\1\2\0\0\0", 9 },         /* no value */
        { "\1\1\7\0\1\4\0\0\0\0\0", 11 },    /* an empty value */
        { "\1\1\10\0\7\5\0\0\0\1\0x", 12 },  /* no such word */
        { "\1\1\10\0\6\5\0\0\0\1\0x", 12 },  /* a claim of nowhere */
        { "\1\1\11\0\1\6\0\1\0a\1\0x", 13 }, /* a group with a pointer */
        { "\1\1\10\0\4\5\0\0\0\1\0x", 12 },  /* a method in lower case */
        { "\1\1\10\0\1\5\0\0\0\1\0xx", 13 }, /* a byte too many */
        { "\1\1\11\0\1\5\0\0\0\1\0xx", 13 }, /* the same inside */
        { "\1\1\11\0\1\6\0\0\0\1\0xx", 13 }, /* and further inside */
    };
    static const gh_str_t good = { "\1\1\10\0\1\5\0\0\0\1\0x", 12 };

    (void) state;

    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
        if (gh_rules_valid(blocks[i])) {
            fail_msg("block %zu is valid", i);
        }
    }

    assert_true(gh_rules_valid(good));
    assert_true(gh_rules_valid((gh_str_t){ NULL, 0 }));
}


/* An image with the wrong kind of block is an error, not an open door. */
static void
a_block_of_the_other_kind_refuses(void **state)
{
    static const char *const line[] = { "method=GET", NULL };
    gh_str_t block = lines(line), access;
    gh_subject_t s = asks(&alice, "GET");
    gh_rules_builder_t *b = builder();

    (void) state;

    assert_int_equal(gh_rules_require(block, &s), GH_REASON_INTERNAL);

    assert_int_equal(gh_rules_open(b), GH_OK);
    assert_int_equal(add(b, GH_WORD_GROUP, "staff"), GH_OK);
    assert_int_equal(gh_rules_close(b), GH_OK);
    assert_int_equal(gh_rules_finish(b, &access), GH_OK);
    assert_admit(access, &s, GH_REASON_INTERNAL);

    block_free(block);
    block_free(access);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_lines_everybody_is_admitted),
        cmocka_unit_test(all_names_of_a_line_must_hold),
        cmocka_unit_test(a_comma_or_a_repeated_name_means_any_of),
        cmocka_unit_test(any_line_admits),
        cmocka_unit_test(deny_beats_every_admit_wherever_it_stands),
        cmocka_unit_test(deny_alone_refuses_everybody),
        cmocka_unit_test(
            the_anonymous_principal_has_no_group_scope_consumer_or_claim),
        cmocka_unit_test(b13_a_line_for_get_is_for_no_other_method),
        cmocka_unit_test(b13_head_is_judged_as_get),
        cmocka_unit_test(a5_a_member_is_a_whole_name),
        cmocka_unit_test(claims_are_compared_by_their_text),
        cmocka_unit_test(a_claim_may_be_named_by_a_url),
        cmocka_unit_test(claims_of_different_pointers_must_all_hold),
        cmocka_unit_test(an_access_rule_holds_where_it_applies),
        cmocka_unit_test(every_access_rule_that_applies_must_hold),
        cmocka_unit_test(
            a_condition_that_means_nothing_is_refused_and_leaves_no_trace),
        cmocka_unit_test(a_rule_left_open_gives_no_block),
        cmocka_unit_test(a_block_is_bounded_and_what_was_full_still_works),
        cmocka_unit_test(a_block_is_the_same_at_every_address),
        cmocka_unit_test(a_damaged_block_is_found_or_admits_nobody_else),
        cmocka_unit_test(what_nobody_could_have_typed_is_not_valid),
        cmocka_unit_test(a_block_of_the_other_kind_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
