/*
 * A table of cells in memory that threads and child processes share, with a
 * lock that outlives a holder who died.
 */

#ifndef GH_TEST_CELLS_H
#define GH_TEST_CELLS_H

#include <pthread.h>

#include "gh_cells.h"


typedef struct {
    gh_lock_t lock;
    pthread_mutex_t mutex;
    unsigned taken; /* how often */
} gh_test_lock_t;

typedef struct {
    gh_cells_t *cells;
    gh_test_lock_t lock;
    size_t n;
} gh_test_cells_t;


/* Fails the test when there is no memory. */
gh_test_cells_t *gh_test_cells_create(size_t n);
void gh_test_cells_destroy(gh_test_cells_t *t);

gh_cells_stats_t gh_test_cells_stats(const gh_test_cells_t *t);


#endif
