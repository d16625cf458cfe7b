/* See documents.h. */

#include "documents.h"
#include "gh_apikey.h"
#include "gh_bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PLANS 10
#define ENTRY_MAX 4096


typedef struct {
    char *text;
    size_t len, cap;
} text_t;


static void consumers(text_t *t, const documents_t *docs, uint32_t file);
static void keys(text_t *t, uint32_t first, uint32_t n);
static void plans(text_t *t);
static void services(text_t *t, const documents_t *docs);
static void deployment(text_t *t, const documents_t *docs, uint32_t service,
                       const char *name, const char *weight);
static void add(text_t *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));


gh_str_t
documents_file(const documents_t *docs, uint32_t file)
{
    text_t t = { NULL, 0, 0 };

    if (file < docs->files) {
        consumers(&t, docs, file);

    } else {
        add(&t, "{ ");
        plans(&t);
        add(&t, ",\n  ");
        services(&t, docs);
        add(&t, " }\n");
    }

    return (gh_str_t){ t.text, t.len };
}


gh_str_t
documents_key(uint32_t key, char room[DOCUMENTS_KEY_MAX])
{
    int len = snprintf(room, DOCUMENTS_KEY_MAX, "gatehouse-bench-%07u", key);

    return (gh_str_t){ room, (size_t) len };
}


static void
consumers(text_t *t, const documents_t *docs, uint32_t file)
{
    uint64_t n = docs->consumers;
    uint32_t each = docs->keys / docs->consumers;
    uint32_t first = (uint32_t) (n * file / docs->files);
    uint32_t end = (uint32_t) (n * (file + 1) / docs->files);

    add(t, "{ \"consumers\": {\n");

    for (uint32_t c = first; c < end; c++) {
        add(t,
            "%s  \"c%u\": { \"plan\": \"plan%u\", \"groups\": [\"partner\"],\n"
            "    \"scopes\": [\"orders:read\", \"orders:write\"],\n"
            "    \"credentials\": {\n"
            "      \"tokens\": [ { \"issuer\": \"partners\",\n"
            "                    \"claims\": { \"azp\": \"c%u\" } } ],\n"
            "      \"api_keys\": [",
            c == first ? "" : ",\n", c, c % PLANS, c);
        keys(t, c * each, each);
        add(t, " ] } }");
    }

    add(t, " } }\n");
}


static void
keys(text_t *t, uint32_t first, uint32_t n)
{
    for (uint32_t key = first; key < first + n; key++) {
        uint8_t hash[GH_SHA256_LEN];
        char text[DOCUMENTS_KEY_MAX], room[2 * GH_SHA256_LEN];
        gh_buf_t hex = GH_BUF(room);

        gh_apikey_hash(documents_key(key, text), hash);
        (void) gh_hex_encode((gh_str_t){ (const char *) hash, sizeof(hash) },
                             &hex);
        add(t,
            "%s\n        { \"id\": \"k%07u\", \"hash\": \"sha256:%.*s\","
            " \"expires\": \"2099-01-01T00:00:00Z\" }",
            key == first ? "" : ",", key, (int) hex.len, hex.data);
    }
}


static void
plans(text_t *t)
{
    add(t, "\"plans\": {");

    for (int i = 0; i < PLANS; i++) {
        add(t,
            "%s\n  \"plan%d\": { \"limits\": { \"second\": "
            "\"1000000r/s burst=1000000\" } }",
            i == 0 ? "" : ",", i);
    }

    add(t, " }");
}


static void
services(text_t *t, const documents_t *docs)
{
    add(t, "\"services\": {");

    for (uint32_t i = 0; i < docs->services; i++) {
        add(t,
            "%s\n    \"s%u\": { \"default_version\": \"v2\",\n"
            "      \"version_from\": [\"path\"],\n"
            "      \"access\": [ { \"methods\": [\"DELETE\"], "
            "\"groups\": [\"admin\"] } ],\n"
            "      \"versions\": {\n        \"v1\": { \"deployments\": {",
            i == 0 ? "" : ",", i);
        deployment(t, docs, i, "v1", "100%");
        add(t, " } },\n        \"v2\": { \"deployments\": {");
        deployment(t, docs, i, "blue", "50%");
        add(t, ",");
        deployment(t, docs, i, "green", "50%");
        add(t, " } } } }");
    }

    add(t, " }");
}


static void
deployment(text_t *t, const documents_t *docs, uint32_t service,
           const char *name, const char *weight)
{
    if (docs->upstream != NULL) {
        add(t, "\n          \"%s\": { \"upstream\": \"%s\",", name,
            docs->upstream);

    } else {
        add(t, "\n          \"%s\": { \"upstream\": \"s%u_%s\",", name,
            service, name);
    }

    add(t, " \"initial_weight\": \"%s\" }", weight);
}


static void
add(text_t *t, const char *format, ...)
{
    if (t->cap - t->len < ENTRY_MAX) {
        t->cap = t->cap == 0 ? 1 << 20 : t->cap * 2;
        t->text = realloc(t->text, t->cap);

        if (t->text == NULL) {
            abort();
        }
    }

    va_list args;

    va_start(args, format);
    t->len += (size_t) vsnprintf(t->text + t->len, ENTRY_MAX, format, args);
    va_end(args);
}
