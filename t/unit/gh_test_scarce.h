/*
 * Stories told while memory runs out inside OpenSSL and jansson, whose
 * allocations no gh_alloc_t reaches.
 */

#ifndef GH_TEST_SCARCE_H
#define GH_TEST_SCARCE_H

#include "gh_test.h"


typedef gh_rc_t (*gh_test_story_t)(void *arg);


/* To be called first in main, before anything of theirs allocates; false
 * when it was too late. */
bool gh_test_scarce_begin(void);

/* Whether jansson's allocations fail, too; not at first. */
void gh_test_json_is_scarce(bool scarce);

/*
 * Tells the story with the first, the second, ... allocation failing. Each
 * time it ends as it should, or with GH_NOMEM, or with what `also` says; at
 * least once there was no memory.
 */
void gh_test_scarce(gh_test_story_t story, void *arg, gh_rc_t expected,
                    gh_rc_t also);


#endif
