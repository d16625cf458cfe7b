/*
 * usage: replay DIRECTORY
 *
 * Stands in for libFuzzer in the ordinary test run: feeds every seed of a
 * corpus to a fuzz target and says so in TAP. The name of a seed is printed
 * before its turn, so a crash can be laid at its door.
 */

#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SEED_MAX (16 * 1024 * 1024)


static int by_name(const struct dirent **a, const struct dirent **b);
static int visible(const struct dirent *entry);
static int feed(const char *dir, const char *name);


int
main(int argc, char **argv)
{
    struct dirent **seeds = NULL;

    if (argc != 2) {
        (void) fprintf(stderr, "usage: replay DIRECTORY\n");
        return 2;
    }

    int n = scandir(argv[1], &seeds, visible, by_name);
    int failed = 0;

    (void) printf("1..1\n");

    if (n <= 0) {
        (void) printf("not ok 1 - no seeds in %s\n", argv[1]);
        return 1;
    }

    for (int i = 0; i < n; i++) {
        (void) printf("# %s\n", seeds[i]->d_name);
        (void) fflush(stdout);
        failed |= feed(argv[1], seeds[i]->d_name);
        free(seeds[i]);
    }
    free(seeds);

    (void) printf("%sok 1 - %d seeds of %s\n", failed ? "not " : "", n,
                  argv[1]);
    return failed;
}


static int
by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}


static int
visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}


/* The input gets a block of exactly its size, so reading past it shows. */

static int
feed(const char *dir, const char *name)
{
    char path[4096];

    (void) snprintf(path, sizeof(path), "%s/%s", dir, name);

    FILE *file = fopen(path, "rb");
    uint8_t *all = malloc(SEED_MAX);

    if (file == NULL || all == NULL) {
        (void) printf("# %s: %s\n", path, strerror(errno));
        exit(1);
    }

    size_t size = fread(all, 1, SEED_MAX, file);
    uint8_t *data = malloc(size > 0 ? size : 1);

    if (ferror(file) || data == NULL) {
        (void) printf("# %s cannot be read\n", path);
        exit(1);
    }

    (void) fclose(file);
    memcpy(data, all, size);
    free(all);

    int rc = LLVMFuzzerTestOneInput(data, size);

    free(data);
    return rc != 0;
}
