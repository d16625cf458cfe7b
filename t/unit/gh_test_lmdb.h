/*
 * A small store for stories, in the directory of gh_test_dir.h.
 */

#ifndef GH_TEST_LMDB_H
#define GH_TEST_LMDB_H

#include <stdio.h>

#include "gh_lmdb_inside.h"
#include "gh_test_dir.h"

#define T0 INT64_C(1767225600) /* "now" in these stories */


/* That directory, 64 MiB, the caller's own. */
gh_lmdb_options_t gh_test_lmdb_options(void);
/* Opened, or the story fails with the reason. */
gh_lmdb_t *gh_test_lmdb_open(void);
/* The same in a child, which does not assert: NULL, and the reason said. */
gh_lmdb_t *gh_test_lmdb_child(void);
/* A store with n records of 200 bytes, closed again. */
void gh_test_lmdb_fill(unsigned n);

/* Opening must fail with a sentence in why; GH_INVALID or GH_UNAVAILABLE. */
gh_rc_t gh_test_lmdb_open_fails(const gh_lmdb_options_t *o,
                                char why[GH_LMDB_WHY]);
/* And this is in the sentence. */
void gh_test_lmdb_open_says(const char *words, gh_rc_t expected);

/* A PUT of kind KEY at T0, whatever the version. Both texts borrowed. */
gh_write_t gh_test_put(const char *name, const char *value);
/* Results of the batch; the story fails if the store could not. */
gh_rc_t gh_test_write_all(gh_lmdb_t *db, gh_write_t *w, size_t n);
/* The result of a single one. */
gh_rc_t gh_test_write(gh_lmdb_t *db, gh_write_t *w);

gh_rc_t gh_test_get(gh_lmdb_t *db, gh_kind_t kind, const char *name);
/* Of kind KEY. */
void gh_test_assert_value(gh_lmdb_t *db, const char *name, const char *value);

/*
 * A story for gh_test_fork, with gh_test_steps_t: at the first step it takes
 * the lock that writers share, amid a write, and steps; at the second one it
 * lets go of it and ends.
 */
int gh_test_hold_lock(void *steps);


#endif
