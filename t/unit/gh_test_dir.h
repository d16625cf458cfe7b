/*
 * For stories with real files and real processes: a directory that is gone
 * when the story ends, and children that are waited for or killed.
 */

#ifndef GH_TEST_DIR_H
#define GH_TEST_DIR_H

#include <sys/types.h>

#include "gh_test.h"


/* A fresh directory, 0700; its path is valid until gh_test_dir_end. */
const char *gh_test_dir(void);
/* "<the directory>/name" in one of a few rotating buffers. */
const char *gh_test_path(const char *name);
/* Removes it with everything in it. */
void gh_test_dir_end(void);

/*
 * Runs story(ctx) in a child, which ends with its result as exit status.
 * The child has no cmocka: it returns non-zero instead of asserting.
 */
pid_t gh_test_fork(int (*story)(void *ctx), void *ctx);
/* Waits for it; its exit status, or minus the signal that ended it. */
int gh_test_wait(pid_t child);
/* kill -9, and waits. */
void gh_test_kill(pid_t child);


#endif
