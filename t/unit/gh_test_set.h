/*
 * A set of policies in real files and the state directory it is published
 * to, fresh for each story: setup and teardown of stories about builds.
 */

#ifndef GH_TEST_SET_H
#define GH_TEST_SET_H

#include <limits.h>

#include "gh_policy_build.h"
#include "gh_test.h"
#include "gh_test_dir.h"

#define PLANS                                                                 \
    "{ \"plans\": { \"gold\": { \"limits\": { \"s\": \"9r/s\" } } } }"
#define OTHER_PLANS                                                           \
    "{ \"plans\": { \"cold\": { \"limits\": { \"s\": \"9r/s\" } } } }"
#define SERVICES                                                              \
    "{ \"services\": { \"orders\": { \"versions\": { \"v1\": {"               \
    " \"deployments\": { \"blue\": { \"upstream\": \"orders_v1\" }"           \
    " } } } } } }"
#define SIGNED                                                                \
    "{ \"consumers\": { \"acme\": { \"credentials\": { \"signatures\": [ {"   \
    " \"keyid\": \"a\", \"algorithm\": \"hmac-sha256\","                      \
    " \"secret\": \"file:../secret\" } ] } } } }"


/* The story's own; directories "p" and "s" of gh_test_dir. */
typedef struct {
    char policies[PATH_MAX], state[PATH_MAX];
    const char *upstream;      /* the one that is known: orders_v1 */
    bool stop;                 /* what the builder is told when it asks */
    gh_policy_report_t report; /* of the last build */
} gh_test_set_t;

extern gh_test_set_t gh_test_set;

int gh_test_set_begin(void **state);
int gh_test_set_end(void **state);

/* A file below gh_test_dir, 0600, put in place by rename. */
void gh_test_set_write(const char *name, const char *text);
/* All *n bytes of a file; the caller frees them. */
char *gh_test_set_slurp(const char *path, size_t *n);

gh_policy_build_t *gh_test_set_builder(void);
gh_rc_t gh_test_set_try(gh_policy_build_t *b); /* to publish */
/* The same with a builder of its own, as a start does; it must succeed. */
void gh_test_set_publish(void);
/* And keeps what was read, as a gateway does when all is quiet. */
void gh_test_set_publish_and_keep(void);
/* How many files of the builder's set were not read but taken. */
unsigned gh_test_set_taken(const gh_policy_build_t *b);
bool gh_test_set_has_plan(const char *name); /* what is published */
bool gh_test_set_current(void);
gh_image_t gh_test_set_map(void);


#endif
