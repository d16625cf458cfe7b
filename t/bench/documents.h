/*
 * Policy documents of any size, the same ones every time: the last file holds
 * plans and services, the others consumers with their keys.
 */

#ifndef BENCH_DOCUMENTS_H
#define BENCH_DOCUMENTS_H

#include "gh.h"

#define DOCUMENTS_KEY_MAX 32

typedef struct {
    uint32_t keys, consumers, services, files; /* at least 1 each */
    const char *upstream; /* of all deployments; NULL: one for each */
} documents_t;

/* The text of file 0 to docs->files; the caller frees it. */
gh_str_t documents_file(const documents_t *docs, uint32_t file);

/* The text of a key, as a request sends it. */
gh_str_t documents_key(uint32_t key, char room[DOCUMENTS_KEY_MAX]);

#endif
