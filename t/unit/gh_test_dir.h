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

/* The same for cmocka_unit_test_setup_teardown. */
int gh_test_dir_setup(void **state);
int gh_test_dir_teardown(void **state);

/*
 * Runs story(ctx) in a child, which ends with its result as exit status.
 * The child has no cmocka: it returns non-zero instead of asserting.
 */
pid_t gh_test_fork(int (*story)(void *ctx), void *ctx);
/* Waits for it; its exit status, or minus the signal that ended it. */
int gh_test_wait(pid_t child);
/* kill -9, and waits. */
void gh_test_kill(pid_t child);


/* Two pipes to a child: a byte is a step of the story. */
typedef struct {
    int to_child[2], to_parent[2];
} gh_test_steps_t;

void gh_test_steps_begin(gh_test_steps_t *s);
void gh_test_steps_end(gh_test_steps_t *s);
void gh_test_step(int fd[2]);
/* False when the other side is gone. */
bool gh_test_await(int fd[2]);


#endif
