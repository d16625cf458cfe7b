/*
 * Blocks as they come from outside: the same at every address, and what is
 * no block admits nobody.
 */

#include "gh_test_rules.h"


static gh_subject_t
asks(const gh_principal_t *p, const char *http_method)
{
    return (gh_subject_t){ p, gh_str(http_method), GH_STR("v2") };
}


static void
a_block_is_the_same_at_every_address(void **state)
{
    static const char *const line[] = { "group=staff method=GET", NULL };
    gh_str_t block = gh_test_rules(line);
    gh_subject_t s = asks(&gh_test_alice, "GET");
    char room[128];

    (void) state;

    for (size_t at = 0; at < 9; at++) {
        memcpy(room + at, block.data, block.len);
        assert_true(gh_rules_valid((gh_str_t){ room + at, block.len }));
        assert_int_equal(
            gh_rules_admit((gh_str_t){ room + at, block.len }, &s),
            GH_REASON_OK);
    }

    gh_test_rules_free(block);
}


static void
a_damaged_block_is_found_or_admits_nobody_else(void **state)
{
    static const char *const text[] = { "group=admin claim:/a/b=x,y",
                                        "deny method=PUT", NULL };
    gh_str_t block = gh_test_rules(text);
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

    gh_test_rules_free(block);
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


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_the_same_at_every_address),
        cmocka_unit_test(a_damaged_block_is_found_or_admits_nobody_else),
        cmocka_unit_test(what_nobody_could_have_typed_is_not_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
