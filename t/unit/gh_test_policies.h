/*
 * Policy sets for tests: documents written with ' for ", an nginx that knows
 * a few upstreams and issuers, and secrets that are no files.
 */

#ifndef GH_TEST_POLICIES_H
#define GH_TEST_POLICIES_H

#include "gh_policy.h"
#include "gh_test.h"


typedef struct {
    gh_policy_set_t *set;
    gh_policy_errors_t errors; /* of the last file or compile */
    gh_str_t image;            /* len 0: none */
    gh_image_t im;             /* opened deep */
    gh_rc_t rc;                /* of the last file or compile */
} gh_test_policies_t;


/* Knows the upstreams blue and green, the issuer partners, the secrets of
 * gh_test_policy_secret. */
extern const gh_policy_env_t gh_test_policy_env;

gh_test_policies_t *gh_test_policies(void);
/* Adds or replaces a file; ' stands for ". */
gh_rc_t gh_test_policies_file(gh_test_policies_t *t, const char *path,
                              const char *text);
/* Compiles; env may be NULL. */
gh_rc_t gh_test_policies_compile(gh_test_policies_t *t,
                                 const gh_policy_env_t *env);
/* A set of one file, which must compile. */
gh_test_policies_t *gh_test_policies_of(const char *text);
void gh_test_policies_end(gh_test_policies_t *t);

/* Error i of the last call as its text, until the next is asked for. */
const char *gh_test_policies_error(gh_test_policies_t *t, size_t i);


#endif
