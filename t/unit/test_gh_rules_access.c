/*
 * Access rules of a service: where they apply, what must hold there, and
 * what the builder does not take.
 */

#include "gh_test_rules.h"


static gh_subject_t
asks(const gh_principal_t *p, const char *http_method)
{
    return (gh_subject_t){ p, gh_str(http_method), GH_STR("v2") };
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
    gh_principal_t admin = gh_test_acme;
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

    gh_subject_t s = asks(&gh_test_alice, "DELETE");

    assert_int_equal(gh_rules_require(block, &s), GH_REASON_SERVICE_RULE);

    s.version = GH_STR("v1");
    assert_int_equal(gh_rules_require(block, &s), GH_REASON_OK);

    s = asks(&gh_test_alice, "GET");
    assert_int_equal(gh_rules_require(block, &s), GH_REASON_OK);

    s = asks(NULL, "DELETE");
    assert_int_equal(gh_rules_require(block, &s), GH_REASON_SERVICE_RULE);

    admin.groups = admins;
    admin.n_groups = 1;
    s = asks(&admin, "DELETE");
    assert_int_equal(gh_rules_require(block, &s), GH_REASON_OK);

    gh_test_rules_free(block);
}


static void
every_access_rule_that_applies_must_hold(void **state)
{
    gh_rules_builder_t *b = builder();
    gh_subject_t s = asks(&gh_test_alice, "GET");
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
    s = asks(&gh_test_alice, "HEAD");
    assert_int_equal(gh_rules_require(block, &s), GH_REASON_SERVICE_RULE);
    s = asks(&gh_test_alice, "POST");
    assert_int_equal(gh_rules_require(block, &s), GH_REASON_OK);

    gh_test_rules_free(block);
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
    gh_test_rules_free(block);
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
    gh_test_rules_free(block);

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
    gh_test_rules_free(block);
}


/* An image with the wrong kind of block is an error, not an open door. */
static void
a_block_of_the_other_kind_refuses(void **state)
{
    static const char *const line[] = { "method=GET", NULL };
    gh_str_t block = gh_test_rules(line), access;
    gh_subject_t s = asks(&gh_test_alice, "GET");
    gh_rules_builder_t *b = builder();

    (void) state;

    assert_int_equal(gh_rules_require(block, &s), GH_REASON_INTERNAL);

    assert_int_equal(gh_rules_open(b), GH_OK);
    assert_int_equal(add(b, GH_WORD_GROUP, "staff"), GH_OK);
    assert_int_equal(gh_rules_close(b), GH_OK);
    assert_int_equal(gh_rules_finish(b, &access), GH_OK);
    assert_int_equal(gh_rules_admit(access, &s), GH_REASON_INTERNAL);

    gh_test_rules_free(block);
    gh_test_rules_free(access);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_access_rule_holds_where_it_applies),
        cmocka_unit_test(every_access_rule_that_applies_must_hold),
        cmocka_unit_test(
            a_condition_that_means_nothing_is_refused_and_leaves_no_trace),
        cmocka_unit_test(a_rule_left_open_gives_no_block),
        cmocka_unit_test(a_block_is_bounded_and_what_was_full_still_works),
        cmocka_unit_test(a_block_of_the_other_kind_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
