/*
 * How long large policy sets take: makes one in memory, reads and compiles
 * it, replaces one file, looks things up, and prints what it measured, in
 * seconds of CPU.
 *
 * usage: policy_scale [KEYS [CONSUMERS [SERVICES [FILES]]]]
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "gh_apikey.h"
#include "gh_bytes.h"
#include "gh_policy.h"

#define LOOKUPS 1000000u


typedef struct {
    uint32_t keys, consumers, services, files;
} scale_t;

typedef struct {
    char *text;
    size_t len, cap;
} document_t;


static double now_s(void);
static void add(document_t *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void hash_of_key(uint32_t key, uint8_t out[GH_SHA256_LEN]);
static void consumers_file(const scale_t *s, uint32_t file, document_t *d);
static void services_file(const scale_t *s, document_t *d);
static void must(gh_rc_t rc, const gh_policy_errors_t *errors);
static void read_all(gh_policy_set_t *set, const scale_t *s);
static size_t read_one(gh_policy_set_t *set, const scale_t *s, uint32_t file,
                       double *took_s);
static gh_str_t compile(gh_policy_set_t *set, const char *what);
static void look_up(const gh_image_t *im, const scale_t *s);
static double memory_mb(void);


int
main(int argc, char **argv)
{
    scale_t s = { 1000000, 100000, 10000, 100 };
    uint32_t *fields[] = { &s.keys, &s.consumers, &s.services, &s.files };
    gh_policy_set_t *set;
    gh_image_t im;

    for (int i = 1; i < argc && i < 5; i++) {
        *fields[i - 1] = (uint32_t) strtoul(argv[i], NULL, 10);
    }

    must(gh_policy_set_create(gh_alloc_libc(), &set), NULL);
    read_all(set, &s);

    gh_str_t image = compile(set, "first compile");
    double begun = now_s();

    must(gh_image_open(image.data, image.len, false, &im), NULL);
    (void) printf("open                 %8.3f s\n", now_s() - begun);

    begun = now_s();
    must(gh_image_open(image.data, image.len, true, &im), NULL);
    (void) printf("open, every record   %8.3f s\n", now_s() - begun);

    (void) printf("image                %8.1f MB, %.0f bytes a key\n",
                  (double) image.len / 1e6, (double) image.len / s.keys);
    look_up(&im, &s);

    double read_s;
    size_t size = read_one(set, &s, s.files / 2, &read_s);

    (void) printf("one file again       %8.3f s (%.1f MB)\n", read_s,
                  (double) size / 1e6);

    gh_str_t again = compile(set, "compile again");

    free((void *) (uintptr_t) again.data);
    free((void *) (uintptr_t) image.data);
    gh_policy_set_destroy(set);

    return 0;
}


static void
read_all(gh_policy_set_t *set, const scale_t *s)
{
    double read_s = 0, file_s;
    size_t size = 0;

    for (uint32_t i = 0; i <= s->files; i++) {
        size += read_one(set, s, i, &file_s);
        read_s += file_s;
    }

    (void) printf("documents            %8.1f MB in %u files\n",
                  (double) size / 1e6, s->files + 1);
    (void) printf("read                 %8.3f s, then %.0f MB in memory\n",
                  read_s, memory_mb());
}


/* File s->files holds plans and services, the others consumers. */
static size_t
read_one(gh_policy_set_t *set, const scale_t *s, uint32_t file, double *took_s)
{
    static gh_policy_errors_t errors;
    document_t d = { NULL, 0, 0 };
    char path[64];

    if (file == s->files) {
        services_file(s, &d);

    } else {
        consumers_file(s, file, &d);
    }

    (void) snprintf(path, sizeof(path), "policies/%06u.json", file);

    double begun = now_s();

    must(gh_policy_set_file(set, gh_str(path), (gh_str_t){ d.text, d.len }, 1,
                            &errors),
         &errors);
    *took_s = now_s() - begun;
    free(d.text);

    return d.len;
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
    (void) printf("%-20s %8.3f s, at most %.0f MB in memory\n", what,
                  now_s() - begun, memory_mb());

    return image;
}


static void
look_up(const gh_image_t *im, const scale_t *s)
{
    uint32_t seed = 1, found = 0;
    double begun = now_s();

    for (uint32_t i = 0; i < LOOKUPS; i++) {
        const gh_image_key_t *key;

        seed = seed * 1664525 + 1013904223;
        key = gh_image_key_at(im, seed % s->keys);
        found += gh_image_key(im, key->hash) == key;
    }

    (void) printf("a key by its hash    %8.0f ns (twice into memory)\n",
                  (now_s() - begun) * 1e9 / LOOKUPS);

    begun = now_s();

    for (uint32_t i = 0; i < LOOKUPS; i++) {
        char name[16];
        int len;

        seed = seed * 1664525 + 1013904223;
        len = snprintf(name, sizeof(name), "c%u", seed % s->consumers);
        found +=
            gh_image_consumer(im, (gh_str_t){ name, (size_t) len }) != NULL;
    }

    (void) printf("a consumer by name   %8.0f ns (printing it included)\n",
                  (now_s() - begun) * 1e9 / LOOKUPS);

    if (found != 2 * LOOKUPS) {
        (void) fprintf(stderr, "not all were found\n");
        exit(1);
    }
}


static void
consumers_file(const scale_t *s, uint32_t file, document_t *d)
{
    uint32_t per_consumer = s->keys / s->consumers;
    uint32_t first = (uint32_t) ((uint64_t) s->consumers * file / s->files);
    uint32_t end =
        (uint32_t) ((uint64_t) s->consumers * (file + 1) / s->files);

    add(d, "{ \"consumers\": {\n");

    for (uint32_t c = first; c < end; c++) {
        add(d,
            "%s  \"c%u\": { \"plan\": \"plan%u\", \"groups\": [\"partner\"],\n"
            "    \"scopes\": [\"orders:read\", \"orders:write\"],\n"
            "    \"credentials\": {\n"
            "      \"tokens\": [ { \"issuer\": \"partners\",\n"
            "                    \"claims\": { \"azp\": \"c%u\" } } ],\n"
            "      \"api_keys\": [",
            c == first ? "" : ",\n", c, c % 10, c);

        for (uint32_t k = 0; k < per_consumer; k++) {
            uint8_t hash[GH_SHA256_LEN];
            char room[2 * GH_SHA256_LEN];
            gh_buf_t hex = GH_BUF(room);
            uint32_t number = c * per_consumer + k;

            hash_of_key(number, hash);
            (void) gh_hex_encode(
                (gh_str_t){ (const char *) hash, sizeof(hash) }, &hex);
            add(d,
                "%s\n        { \"id\": \"k%07u\", \"hash\": \"sha256:%.*s\","
                " \"expires\": \"2030-01-01T00:00:00Z\" }",
                k == 0 ? "" : ",", number, (int) hex.len, hex.data);
        }

        add(d, " ] } }");
    }

    add(d, " } }\n");
}


static void
hash_of_key(uint32_t key, uint8_t out[GH_SHA256_LEN])
{
    gh_apikey_hash((gh_str_t){ (const char *) &key, sizeof(key) }, out);
}


static void
services_file(const scale_t *s, document_t *d)
{
    add(d, "{ \"plans\": {");

    for (int i = 0; i < 10; i++) {
        add(d,
            "%s\n  \"plan%d\": { \"limits\": { \"second\": \"100r/s\", "
            "\"month\": \"1000000r/month\" } }",
            i == 0 ? "" : ",", i);
    }

    add(d, " },\n  \"services\": {");

    for (uint32_t i = 0; i < s->services; i++) {
        add(d,
            "%s\n    \"s%u\": { \"default_version\": \"v2\",\n"
            "      \"version_from\": [\"path\"],\n"
            "      \"access\": [ { \"methods\": [\"DELETE\"], "
            "\"groups\": [\"admin\"] } ],\n"
            "      \"versions\": {\n"
            "        \"v1\": { \"deployments\": { \"main\": { "
            "\"upstream\": \"s%u_v1\" } } },\n"
            "        \"v2\": { \"deployments\": {\n"
            "          \"blue\": { \"upstream\": \"s%u_blue\", "
            "\"initial_weight\": \"100%%\" },\n"
            "          \"green\": { \"upstream\": \"s%u_green\", "
            "\"initial_weight\": \"0%%\" } } } } }",
            i == 0 ? "" : ",", i, i, i, i);
    }

    add(d, " } }\n");
}


static void
add(document_t *d, const char *format, ...)
{
    if (d->cap - d->len < 4096) {
        d->cap = d->cap == 0 ? 1 << 20 : d->cap * 2;
        d->text = realloc(d->text, d->cap);

        if (d->text == NULL) {
            abort();
        }
    }

    va_list args;

    va_start(args, format);
    d->len += (size_t) vsnprintf(d->text + d->len, 4096, format, args);
    va_end(args);
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


/* The most that there ever was. */
static double
memory_mb(void)
{
    struct rusage usage;

    (void) getrusage(RUSAGE_SELF, &usage);

    return (double) usage.ru_maxrss / 1e3;
}
