/*
 * Directories and children for stories; see gh_test_dir.h.
 */

#include "gh_test_dir.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>


static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *at);


static char directory[PATH_MAX];


const char *
gh_test_dir(void)
{
    const char *base = getenv("TMPDIR");

    (void) snprintf(directory, sizeof(directory), "%s/gatehouse-unit-XXXXXX",
                    base == NULL ? "/tmp" : base);
    assert_non_null(mkdtemp(directory));

    return directory;
}


const char *
gh_test_path(const char *name)
{
    static char paths[4][PATH_MAX + 64];
    static unsigned turn;
    char *path = paths[turn++ % 4];

    (void) snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);

    return path;
}


void
gh_test_dir_end(void)
{
    if (directory[0] != '\0') {
        (void) nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        directory[0] = '\0';
    }
}


static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void) st;
    (void) type;
    (void) at;

    return remove(path);
}


pid_t
gh_test_fork(int (*story)(void *ctx), void *ctx)
{
    pid_t child = fork();

    assert_true(child >= 0);

    if (child == 0) {
        /* a story that fails must not leave its child waiting for ever */
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(story(ctx));
    }

    return child;
}


int
gh_test_wait(pid_t child)
{
    int status;

    while (waitpid(child, &status, 0) == -1) {
        assert_int_equal(errno, EINTR);
    }

    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}


void
gh_test_kill(pid_t child)
{
    assert_int_equal(kill(child, SIGKILL), 0);
    (void) gh_test_wait(child);
}


int
gh_test_dir_setup(void **state)
{
    (void) state;
    (void) gh_test_dir();

    return 0;
}


int
gh_test_dir_teardown(void **state)
{
    (void) state;
    gh_test_dir_end();

    return 0;
}


void
gh_test_steps_begin(gh_test_steps_t *s)
{
    assert_int_equal(pipe(s->to_child), 0);
    assert_int_equal(pipe(s->to_parent), 0);
}


void
gh_test_steps_end(gh_test_steps_t *s)
{
    (void) close(s->to_child[0]);
    (void) close(s->to_child[1]);
    (void) close(s->to_parent[0]);
    (void) close(s->to_parent[1]);
}


void
gh_test_step(int fd[2])
{
    (void) !write(fd[1], "x", 1);
}


bool
gh_test_await(int fd[2])
{
    char c;

    return read(fd[0], &c, 1) == 1;
}
