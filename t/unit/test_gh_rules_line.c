/*
 * Authorize lines as people type them, and what they are told when a word is
 * wrong: the word, and the way out.
 */

#include "gh_test.h"

#include "gh_rules.h"


#define WORDS 8


static size_t
split(const char *line, gh_str_t words[WORDS])
{
    gh_str_t rest = gh_str(line);
    size_t n = 0;

    while (rest.data != NULL && rest.len > 0) {
        assert_true(n < WORDS);
        words[n++] = gh_str_cut(rest, ' ', &rest);
    }

    return n;
}


/* And the builder is none the worse for it. */
static void
assert_refused(const char *line, const char *expected)
{
    gh_rules_builder_t *b;
    gh_str_t words[WORDS], block;
    size_t n = split(line, words);
    char room[512];
    gh_buf_t message = GH_BUF(room);

    assert_int_equal(gh_rules_begin(gh_alloc_libc(), &b), GH_OK);
    assert_int_equal(gh_rules_add_line(b, words, n, &message), GH_INVALID);
    assert_string_equal(room, expected);
    assert_int_equal(message.len, strlen(expected));
    assert_int_equal(gh_rules_add_line(b, words, n, NULL), GH_INVALID);

    assert_int_equal(gh_rules_finish(b, &block), GH_OK);
    assert_int_equal(block.len, 0);
}


static void
good_lines_are_taken(void **state)
{
    static const char *const lines[] = {
        "group=staff,admin",
        "deny",
        "deny group=banned",
        "method=GET,HEAD scope=orders:read",
        "method=M-SEARCH",
        "claim:/realm_access/roles=x",
        "claim:email=a@b.example",
        "claim:https://example.com/roles=admin",
        "claim:a~b=x",
        "group=deny",
        "group=a=b",
        "scope=https://www.example.com/auth/read",
        "consumer=acme consumer=bell",
    };
    gh_rules_builder_t *b;
    gh_str_t block;
    const gh_alloc_t *a = gh_alloc_libc();

    (void) state;
    assert_int_equal(gh_rules_begin(a, &b), GH_OK);

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        gh_str_t words[WORDS];
        size_t n = split(lines[i], words);
        char room[512] = "";
        gh_buf_t message = GH_BUF(room);

        assert_int_equal(gh_rules_add_line(b, words, n, &message), GH_OK);
        assert_string_equal(room, "");
    }

    assert_int_equal(gh_rules_finish(b, &block), GH_OK);
    assert_true(gh_rules_valid(block));
    a->free(a->ctx, (void *) (uintptr_t) block.data);
}


static void
a_wrong_word_is_named_with_the_way_out(void **state)
{
    (void) state;

    assert_refused("grup=staff",
                   "unknown word \"grup\"; words are: group, scope, consumer, "
                   "method, claim:POINTER");
    assert_refused("Group=staff",
                   "unknown word \"Group\"; words are: group, scope, "
                   "consumer, method, claim:POINTER");
    assert_refused("version=v2",
                   "unknown word \"version\"; words are: group, scope, "
                   "consumer, method, claim:POINTER");
    assert_refused("=x", "unknown word \"\"; words are: group, scope, "
                         "consumer, method, claim:POINTER");
    assert_refused("group=staff grup=admin",
                   "unknown word \"grup\"; words are: group, scope, consumer, "
                   "method, claim:POINTER");
    assert_refused("", "no rule; say who may enter, as in group=staff");
}


static void
deny_is_only_a_first_word(void **state)
{
    (void) state;

    assert_refused("group=staff deny",
                   "\"deny\" must be the first word of its line, once");
    assert_refused("deny deny",
                   "\"deny\" must be the first word of its line, once");
    assert_refused("deny=x", "unknown word \"deny\"; words are: group, scope, "
                             "consumer, method, claim:POINTER");
    assert_refused("dry_run group=staff",
                   "\"dry_run\" must be the last word of its line, once");
}


static void
an_empty_value_is_refused(void **state)
{
    (void) state;

    assert_refused("group=", "empty value in \"group=\"; write "
                             "group=NAME[,NAME...]");
    assert_refused("group=staff,,admin",
                   "empty value in \"group=staff,,admin\"; write "
                   "group=NAME[,NAME...]");
    assert_refused("scope=a,", "empty value in \"scope=a,\"; write "
                               "scope=SCOPE[,SCOPE...]");
    assert_refused("method=,GET", "empty value in \"method=,GET\"; write "
                                  "method=GET[,POST...]");
}


static void
a_word_without_its_value_is_refused(void **state)
{
    (void) state;

    assert_refused("group", "cannot read \"group\"; write "
                            "group=NAME[,NAME...]");
    assert_refused("consumer", "cannot read \"consumer\"; write "
                               "consumer=NAME[,NAME...]");
    assert_refused("group:x=y", "cannot read \"group:x=y\"; write "
                                "group=NAME[,NAME...]");
}


static void
a_claim_needs_a_pointer_that_leads_somewhere(void **state)
{
#define FORM                                                                  \
    "claim:POINTER=VALUE[,VALUE...], as in claim:/realm_access/roles=admin"

    (void) state;

    assert_refused("claim=x", "cannot read \"claim=x\"; write " FORM);
    assert_refused("claim:=x", "cannot read \"claim:=x\"; write " FORM);
    assert_refused("claim:/a", "cannot read \"claim:/a\"; write " FORM);
    assert_refused("claim:/a=", "empty value in \"claim:/a=\"; write " FORM);
    assert_refused("claim:/a~x=1", "malformed pointer in \"claim:/a~x=1\"; "
                                   "write ~0 for ~ and ~1 for / in a name");
}


static void
b13_a_method_in_lower_case_is_refused_where_it_is_typed(void **state)
{
    (void) state;

    assert_refused("method=get",
                   "method \"get\" is in lower case, and methods are told "
                   "apart by case; write GET");
    assert_refused("method=GET,Post",
                   "method \"Post\" is in lower case, and methods are told "
                   "apart by case; write POST");
    assert_refused("method=GET/1", "\"GET/1\" is no HTTP method; write words "
                                   "such as GET or POST");
    assert_refused("method=g@t", "\"g@t\" is no HTTP method; write words "
                                 "such as GET or POST");
}


static void
a_long_or_odd_word_is_shown_cut_and_harmless(void **state)
{
    (void) state;

    assert_refused(
        "x0123456789012345678901234567890123456789012345678901234567890123456",
        "unknown word \"x01234567890123456789012345678901234567890123456789012"
        "3456789012...\"; words are: group, scope, consumer, method, "
        "claim:POINTER");
    assert_refused("gr\x1b\xc3\xa9=x",
                   "unknown word \"gr???\"; words are: group, scope, "
                   "consumer, method, claim:POINTER");
}


static void
a_message_without_room_is_cut_but_ends(void **state)
{
    gh_rules_builder_t *b;
    gh_str_t word = GH_STR("grup=x");
    char room[32];

    (void) state;
    assert_int_equal(gh_rules_begin(gh_alloc_libc(), &b), GH_OK);

    for (size_t cap = 0; cap < sizeof(room); cap++) {
        gh_buf_t message = { room, 0, cap };

        memset(room, '#', sizeof(room));
        assert_int_equal(gh_rules_add_line(b, &word, 1, &message), GH_INVALID);
        assert_int_equal(message.len, cap == 0 ? 0 : cap - 1);
        assert_true(cap == 0 || room[cap - 1] == '\0');
        assert_true(room[cap] == '#');
    }

    gh_rules_abandon(b);
}


static void
a_line_too_many_is_refused_and_the_others_stay(void **state)
{
    static char word[40000];
    gh_rules_builder_t *b;
    gh_str_t w = { word, sizeof(word) }, block;
    char room[512];
    gh_buf_t message = GH_BUF(room);
    const gh_alloc_t *a = gh_alloc_libc();

    (void) state;

    memset(word, 'x', sizeof(word));
    memcpy(word, "group=", 6);

    assert_int_equal(gh_rules_begin(a, &b), GH_OK);
    assert_int_equal(gh_rules_add_line(b, &w, 1, &message), GH_OK);
    assert_int_equal(gh_rules_add_line(b, &w, 1, &message), GH_FULL);
    assert_string_equal(room,
                        "the rules of one place are above 65535 bytes; give "
                        "the names in them a common group");
    assert_int_equal(gh_rules_finish(b, &block), GH_OK);
    assert_true(gh_rules_valid(block));
    assert_in_range(block.len, 40000, 40020);
    a->free(a->ctx, (void *) (uintptr_t) block.data);
}


static void
running_out_of_memory_leaves_nothing_behind(void **state)
{
    static char longest[600];
    gh_str_t words[] = { { "deny", 4 }, { longest, sizeof(longest) } };

    (void) state;

    memset(longest, 'x', sizeof(longest));
    memcpy(longest, "group=", 6);

    for (size_t n = 1;; n++) {
        gh_test_alloc_t *t = gh_test_alloc(n);
        gh_rules_builder_t *b = NULL;
        gh_str_t block = { NULL, 0 };
        char room[128] = "";
        gh_buf_t message = GH_BUF(room);
        gh_rc_t rc = gh_rules_begin(&t->alloc, &b);

        if (rc == GH_OK) {
            rc = gh_rules_add_line(b, words, 2, &message);

            if (rc == GH_OK) {
                rc = gh_rules_finish(b, &block);

            } else {
                assert_string_equal(room, "no memory for the rules");
                gh_rules_abandon(b);
            }
        }

        assert_int_equal(rc, t->failed ? GH_NOMEM : GH_OK);
        t->alloc.free(t->alloc.ctx, (void *) (uintptr_t) block.data);

        if (!gh_test_alloc_end(t)) {
            break;
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines_are_taken),
        cmocka_unit_test(a_wrong_word_is_named_with_the_way_out),
        cmocka_unit_test(deny_is_only_a_first_word),
        cmocka_unit_test(an_empty_value_is_refused),
        cmocka_unit_test(a_word_without_its_value_is_refused),
        cmocka_unit_test(a_claim_needs_a_pointer_that_leads_somewhere),
        cmocka_unit_test(
            b13_a_method_in_lower_case_is_refused_where_it_is_typed),
        cmocka_unit_test(a_long_or_odd_word_is_shown_cut_and_harmless),
        cmocka_unit_test(a_message_without_room_is_cut_but_ends),
        cmocka_unit_test(a_line_too_many_is_refused_and_the_others_stay),
        cmocka_unit_test(running_out_of_memory_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
