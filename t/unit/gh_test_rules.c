/*
 * Blocks of rules for tests; see gh_test_rules.h.
 */

#include "gh_test_rules.h"


static const gh_str_t groups[] = { { "staff", 5 }, { "night", 5 } };
static const gh_str_t scopes[] = { { "orders:read", 11 } };

const gh_principal_t gh_test_alice = { .type = GH_PRINCIPAL_USER,
                                       .id = { "staff:2482", 10 },
                                       .groups = groups,
                                       .n_groups = 2,
                                       .scopes = scopes,
                                       .n_scopes = 1 };
const gh_principal_t gh_test_acme = { .type = GH_PRINCIPAL_CONSUMER,
                                      .id = { "consumer:acme", 13 },
                                      .consumer = { "acme", 4 } };


#define WORDS 8


gh_str_t
gh_test_rules(const char *const *line)
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


void
gh_test_rules_free(gh_str_t block)
{
    const gh_alloc_t *a = gh_alloc_libc();

    a->free(a->ctx, (void *) (uintptr_t) block.data);
}
