/*
 * A small store for stories, in the directory of gh_test_dir.h.
 */

#ifndef GH_TEST_LMDB_H
#define GH_TEST_LMDB_H

#include <stdio.h>

#include "gh_lmdb.h"
#include "gh_test_dir.h"

#define T0 INT64_C(1767225600) /* "now" in these stories */


/* That directory, 64 MiB, the caller's own. */
gh_lmdb_options_t gh_test_lmdb_options(void);
/* Opened, or the story fails with the reason. */
gh_lmdb_t *gh_test_lmdb_open(void);

/* A PUT of kind KEY at T0, whatever the version. Both texts borrowed. */
gh_write_t gh_test_put(const char *name, const char *value);
/* Results of the batch; the story fails if the store could not. */
gh_rc_t gh_test_write_all(gh_lmdb_t *db, gh_write_t *w, size_t n);
/* The result of a single one. */
gh_rc_t gh_test_write(gh_lmdb_t *db, gh_write_t *w);

gh_rc_t gh_test_get(gh_lmdb_t *db, gh_kind_t kind, const char *name);
/* Of kind KEY. */
void gh_test_assert_value(gh_lmdb_t *db, const char *name, const char *value);


#endif
