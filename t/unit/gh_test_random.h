/*
 * Policy documents by chance, the same ones for the same seed: of every kind
 * of entry, most of them valid, some with names that are unknown or declared
 * twice, some that are no JSON.
 */

#ifndef GH_TEST_RANDOM_H
#define GH_TEST_RANDOM_H

#include "gh_test.h"


/* What the documents name outside of themselves. */
typedef struct {
    const char *upstream, *issuer, *secret; /* secret: with "file:" */
} gh_test_outside_t;


/* 0 to n - 1. */
uint32_t gh_test_random(uint32_t *seed, uint32_t n);

/* The caller frees it. Names are those of `file`, but for a few. */
char *gh_test_random_document(uint32_t *seed, unsigned file,
                              const gh_test_outside_t *outside);


#endif
