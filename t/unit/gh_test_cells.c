/*
 * A table of cells for tests; see gh_test_cells.h.
 */

#include "gh_test_cells.h"

#include "gh_test.h"

#include <errno.h>
#include <sys/mman.h>


static void take_lock(void *ctx);
static void release_lock(void *ctx);


gh_test_cells_t *
gh_test_cells_create(size_t n)
{
    size_t size = gh_cells_size(n);
    gh_test_cells_t *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t attr;

    assert_true(t != MAP_FAILED && memory != MAP_FAILED);
    assert_int_equal(pthread_mutexattr_init(&attr), 0);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    assert_int_equal(pthread_mutex_init(&t->lock.mutex, &attr), 0);
    pthread_mutexattr_destroy(&attr);

    t->lock.lock = (gh_lock_t){ take_lock, release_lock, &t->lock };
    t->n = n;
    t->cells = gh_cells_init(memory, n);
    assert_non_null(t->cells);

    return t;
}


void
gh_test_cells_destroy(gh_test_cells_t *t)
{
    munmap(t->cells, gh_cells_size(t->n));
    munmap(t, sizeof(*t));
}


gh_cells_stats_t
gh_test_cells_stats(const gh_test_cells_t *t)
{
    gh_cells_stats_t s;

    gh_cells_stats(t->cells, &s);

    return s;
}


static void
take_lock(void *ctx)
{
    gh_test_lock_t *l = ctx;

    if (pthread_mutex_lock(&l->mutex) == EOWNERDEAD) {
        pthread_mutex_consistent(&l->mutex);
    }

    l->taken++;
}


static void
release_lock(void *ctx)
{
    gh_test_lock_t *l = ctx;

    pthread_mutex_unlock(&l->mutex);
}
