/*
 * Blocks of rules for tests, from lines as people type them.
 */

#ifndef GH_TEST_RULES_H
#define GH_TEST_RULES_H

#include "gh_test.h"

#include "gh_rules.h"


/* "deny group=staff" and so on, up to a NULL; the block is well formed and
 * belongs to the caller. */
gh_str_t gh_test_rules(const char *const *line);
void gh_test_rules_free(gh_str_t block);

/* A user, staff:2482, of the groups staff and night, who may orders:read. */
extern const gh_principal_t gh_test_alice;
/* A consumer. */
extern const gh_principal_t gh_test_acme;


#endif
