/*
 * What the unit tests share: cmocka with what it needs, an allocator whose
 * n-th call fails and that finds leaks, comparing strings that end nowhere,
 * and bytes written as hexadecimal.
 */

#ifndef GH_TEST_H
#define GH_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "gh.h"


/*
 * An allocator for one story. To try every allocation once:
 *
 *     for (size_t n = 1;; n++) {
 *         gh_test_alloc_t *t = gh_test_alloc(n);
 *
 *         rc = gh_thing_create(&t->alloc, &thing);
 *         assert_int_equal(rc, t->failed ? GH_NOMEM : GH_OK);
 *         gh_thing_destroy(thing);
 *         if (!gh_test_alloc_end(t)) {
 *             break;
 *         }
 *     }
 */
typedef struct {
    gh_alloc_t alloc;
    size_t calls; /* so far, the failed one included */
    size_t live;  /* blocks handed out and not yet freed */
    bool failed;  /* the n-th call has come */
} gh_test_alloc_t;


/* The n-th call fails, all others succeed; with 0 none fails. */
gh_test_alloc_t *gh_test_alloc(size_t n);

/*
 * Fails the test when a block is still live. True when the n-th call came,
 * so that there may be an n + 1.
 */
bool gh_test_alloc_end(gh_test_alloc_t *t);


/* Compares a gh_str_t with a NUL-terminated text. */
#define assert_str(got, expected)                                             \
    gh_test_assert_str((got), (expected), __FILE__, __LINE__)

void gh_test_assert_str(gh_str_t got, const char *expected, const char *file,
                        int line);

/*
 * A copy in a block of exactly that size, so that a sanitizer sees every
 * step off its end (cmocka's test_malloc has room around it). Owned: free().
 */
char *gh_test_exact(gh_str_t s);

/*
 * The bytes that `hex` spells (spaces are passed over), appended to room and
 * borrowed from it; fails the test when they do not fit.
 */
gh_str_t gh_test_hex(const char *hex, gh_buf_t *room);


#endif
