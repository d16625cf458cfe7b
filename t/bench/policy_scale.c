/*
 * How long large policy sets take: makes one in memory, reads and compiles
 * it, replaces one file, keeps and recalls what was read, looks things up,
 * and prints what it measured ("name value unit"; seconds are of CPU). Or
 * writes such a set for a gateway that runs.
 *
 * usage: policy_scale [--write DIR UPSTREAM] [KEYS [CONSUMERS [SERVICES
 *        [FILES]]]]
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "documents.h"
#include "gh_policy_parts.h"

#define LOOKUPS 1000000u


static double now_s(void);
static void measure(const documents_t *docs);
static void write_all(const documents_t *docs, const char *dir);
static void must(gh_rc_t rc, const gh_policy_errors_t *errors);
static void read_all(gh_policy_set_t *set, const documents_t *docs);
static size_t read_one(gh_policy_set_t *set, const documents_t *docs,
                       uint32_t file, double *took_s);
static gh_str_t compile(gh_policy_set_t *set, const char *what);
static void keep_and_recall(gh_policy_set_t *set, const documents_t *docs);
static bool no_mark(void *ctx, gh_str_t path, uint8_t out[GH_POLICY_MARK_LEN]);
static void look_up(const gh_image_t *im, const documents_t *docs);
static void say(const char *name, double value, const char *unit);
static double memory_mb(void);


int
main(int argc, char **argv)
{
    documents_t docs = { 1000000, 100000, 10000, 100, NULL };
    uint32_t *fields[] = { &docs.keys, &docs.consumers, &docs.services,
                           &docs.files };
    const char *dir = NULL;
    int i = 1;

    if (argc > 3 && strcmp(argv[1], "--write") == 0) {
        dir = argv[2];
        docs.upstream = argv[3];
        i = 4;
    }

    for (int field = 0; i < argc && field < 4; field++) {
        *fields[field] = (uint32_t) strtoul(argv[i++], NULL, 10);
    }

    if (dir != NULL) {
        write_all(&docs, dir);

    } else {
        measure(&docs);
    }

    return 0;
}


static void
write_all(const documents_t *docs, const char *dir)
{
    for (uint32_t i = 0; i <= docs->files; i++) {
        char path[512];
        gh_str_t text = documents_file(docs, i);

        (void) snprintf(path, sizeof(path), "%s/%06u.json", dir, i);

        FILE *out = fopen(path, "w");

        if (out == NULL || fwrite(text.data, text.len, 1, out) != 1
            || fclose(out) != 0)
        {
            perror(path);
            exit(1);
        }

        free((void *) (uintptr_t) text.data);
    }
}


static void
measure(const documents_t *docs)
{
    gh_policy_set_t *set;
    gh_image_t im;

    must(gh_policy_set_create(gh_alloc_libc(), &set), NULL);
    read_all(set, docs);

    gh_str_t image = compile(set, "compile");
    double begun = now_s();

    must(gh_image_open(image.data, image.len, false, &im), NULL);
    say("open", now_s() - begun, "s");

    begun = now_s();
    must(gh_image_open(image.data, image.len, true, &im), NULL);
    say("open_checked", now_s() - begun, "s");

    say("image", (double) image.len / 1e6, "MB");
    say("bytes_a_key", (double) image.len / docs->keys, "bytes");
    look_up(&im, docs);

    double read_s;
    size_t size = read_one(set, docs, docs->files / 2, &read_s);

    say("one_file", (double) size / 1e6, "MB");
    say("read_one_file", read_s, "s");

    gh_str_t again = compile(set, "compile_again");

    free((void *) (uintptr_t) again.data);
    free((void *) (uintptr_t) image.data);
    keep_and_recall(set, docs);
    say("memory_most", memory_mb(), "MB");
}


static void
read_all(gh_policy_set_t *set, const documents_t *docs)
{
    double read_s = 0, file_s;
    size_t size = 0;

    for (uint32_t i = 0; i <= docs->files; i++) {
        size += read_one(set, docs, i, &file_s);
        read_s += file_s;
    }

    say("documents", (double) size / 1e6, "MB");
    say("files", docs->files + 1, "files");
    say("read", read_s, "s");
    say("memory_after_reading", memory_mb(), "MB");
}


static size_t
read_one(gh_policy_set_t *set, const documents_t *docs, uint32_t file,
         double *took_s)
{
    static gh_policy_errors_t errors;
    gh_str_t text = documents_file(docs, file);
    char path[64];

    (void) snprintf(path, sizeof(path), "policies/%06u.json", file);

    double begun = now_s();

    must(gh_policy_set_file(set, gh_str(path), text, 1, &errors), &errors);
    *took_s = now_s() - begun;
    free((void *) (uintptr_t) text.data);

    return text.len;
}


static gh_str_t
compile(gh_policy_set_t *set, const char *what)
{
    static gh_policy_errors_t errors;
    gh_str_t image;
    double begun = now_s();

    must(gh_policy_set_compile(set, NULL, 1, 1,
                               (const uint8_t *) "0123456789abcdef", &image,
                               &errors),
         &errors);
    say(what, now_s() - begun, "s");

    return image;
}


/* As a restart does, and the first change after it. Takes the set. */
static void
keep_and_recall(gh_policy_set_t *set, const documents_t *docs)
{
    static const uint8_t maker[GH_SHA256_LEN];
    gh_str_t bytes;
    gh_policy_parts_t parts;
    gh_policy_kept_t kept;
    double read_s, begun = now_s();

    must(gh_policy_parts_build(set, maker, no_mark, NULL, &bytes), NULL);
    say("keep", now_s() - begun, "s");
    say("kept", (double) bytes.len / 1e6, "MB");

    gh_policy_set_destroy(set);
    must(gh_policy_set_create(gh_alloc_libc(), &set), NULL);
    begun = now_s();
    must(gh_policy_parts_open(bytes, maker, &parts), NULL);

    while (gh_policy_parts_next(&parts, &kept)) {
        must(gh_policy_set_take(set, &kept, 1), NULL);
    }

    say("recall", now_s() - begun, "s");
    (void) read_one(set, docs, docs->files / 2, &read_s);

    gh_str_t image = compile(set, "compile_recalled");

    free((void *) (uintptr_t) image.data);
    gh_policy_set_destroy(set);
    free((void *) (uintptr_t) bytes.data);
}


static bool
no_mark(void *ctx, gh_str_t path, uint8_t out[GH_POLICY_MARK_LEN])
{
    (void) ctx;
    (void) path;
    memset(out, 0, GH_POLICY_MARK_LEN);

    return true;
}


static void
look_up(const gh_image_t *im, const documents_t *docs)
{
    uint32_t seed = 1, found = 0;
    double begun = now_s();

    for (uint32_t i = 0; i < LOOKUPS; i++) {
        const gh_image_key_t *key;

        seed = seed * 1664525 + 1013904223;
        key = gh_image_key_at(im, seed % docs->keys);
        found += gh_image_key(im, key->hash) == key;
    }

    say("key_by_hash", (now_s() - begun) * 1e9 / LOOKUPS, "ns");

    begun = now_s();

    for (uint32_t i = 0; i < LOOKUPS; i++) {
        char name[16];
        int len;

        seed = seed * 1664525 + 1013904223;
        len = snprintf(name, sizeof(name), "c%u", seed % docs->consumers);
        found +=
            gh_image_consumer(im, (gh_str_t){ name, (size_t) len }) != NULL;
    }

    say("consumer_by_name", (now_s() - begun) * 1e9 / LOOKUPS, "ns");

    if (found != 2 * LOOKUPS) {
        (void) fprintf(stderr, "not all were found\n");
        exit(1);
    }
}


static void
must(gh_rc_t rc, const gh_policy_errors_t *errors)
{
    if (rc == GH_OK) {
        return;
    }

    if (errors != NULL && errors->n > 0) {
        (void) fprintf(stderr, "%s:%u:%u: %s\n", errors->items[0].file,
                       errors->items[0].line, errors->items[0].column,
                       errors->items[0].message);
    }

    (void) fprintf(stderr, "failed: %d\n", rc);
    exit(1);
}


/* Of the processor: it repeats, also on a busy machine. */
static double
now_s(void)
{
    struct timespec t;

    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);

    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}


static void
say(const char *name, double value, const char *unit)
{
    (void) printf("%-20s %12.3f %s\n", name, value, unit);
}


/* The most that there ever was. */
static double
memory_mb(void)
{
    struct rusage usage;

    (void) getrusage(RUSAGE_SELF, &usage);

    return (double) usage.ru_maxrss / 1e3;
}
