/*
 * Documents by chance; see gh_test_random.h.
 */

#include "gh_test_random.h"

#include <stdio.h>
#include <stdlib.h>

#define DOCUMENT_MAX 65536
#define RARELY 200 /* once in so many names something is wrong with it */


typedef struct {
    uint32_t *seed;
    unsigned file;
    const gh_test_outside_t *outside;
    gh_buf_t text;
} maker_t;


static void say(maker_t *m, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static uint32_t some(maker_t *m, uint32_t n);
static unsigned own(maker_t *m);
static void plans(maker_t *m);
static void consumers(maker_t *m);
static void credentials(maker_t *m, unsigned number);
static void services(maker_t *m);
static void versions(maker_t *m);


uint32_t
gh_test_random(uint32_t *seed, uint32_t n)
{
    *seed = *seed * 1664525 + 1013904223;

    return (*seed >> 8) % n;
}


char *
gh_test_random_document(uint32_t *seed, unsigned file,
                        const gh_test_outside_t *outside)
{
    maker_t m = {
        seed, file, outside, { malloc(DOCUMENT_MAX), 0, DOCUMENT_MAX }
    };

    assert_non_null(m.text.data);

    say(&m, "{ \"owner\": \"somebody\"");
    plans(&m);
    consumers(&m);
    services(&m);
    say(&m, "%s", some(&m, RARELY) == 0 ? ",\n" : "\n}\n");

    return m.text.data;
}


static void
say(maker_t *m, const char *format, ...)
{
    va_list args;
    size_t room = m->text.cap - m->text.len;

    va_start(args, format);

    int n = vsnprintf(m->text.data + m->text.len, room, format, args);

    va_end(args);
    assert_true(n >= 0 && (size_t) n < room);
    m->text.len += (size_t) n;
}


static uint32_t
some(maker_t *m, uint32_t n)
{
    return gh_test_random(m->seed, n);
}


/* Mostly the file itself. */
static unsigned
own(maker_t *m)
{
    return some(m, RARELY) == 0 ? some(m, 6) : m->file;
}


static void
plans(maker_t *m)
{
    say(m, ",\n\"plans\": {");

    for (uint32_t i = 0, n = some(m, 3); i < n; i++) {
        say(m, "%s\n  \"p%u-%u\": { \"limits\": { \"s\": \"%ur/s\"%s }",
            i == 0 ? "" : ",", own(m), i, 1 + some(m, 50),
            some(m, 2) == 0 ? "" : ", \"month\": \"1000r/month\"");

        if (some(m, 3) == 0) {
            say(m, ", \"services\": [ \"s%u-0\" ]", own(m));
        }

        say(m, " }");
    }

    say(m, " }");
}


static void
consumers(maker_t *m)
{
    say(m, ",\n\"consumers\": {");

    for (uint32_t i = 0, n = some(m, 6); i < n; i++) {
        say(m, "%s\n  \"c%u-%u\": { \"scopes\": [ \"read\", \"x%u\" ]",
            i == 0 ? "" : ",", own(m), i, some(m, 4));

        if (some(m, RARELY) == 0) {
            say(m, ", \"plan\": \"p%u-0\"", some(m, 6));
        }

        if (some(m, 2) == 0) {
            say(m, ", \"name\": \"Caf\\u00e9 %u\", \"groups\": [ \"g\" ]", i);
        }

        credentials(m, m->file * 100 + i);
        say(m, " }");
    }

    say(m, " }");
}


static void
credentials(maker_t *m, unsigned number)
{
    say(m, ",\n    \"credentials\": { \"api_keys\": [");

    for (uint32_t i = 0, n = some(m, 3); i < n; i++) {
        say(m, "%s { \"id\": \"k%u-%u\", \"hash\": \"sha256:%056u%08x\"%s }",
            i == 0 ? "" : ",", number, i, number + 1, some(m, 1000000),
            some(m, 2) == 0 ? "" : ", \"expires\": \"2030-01-01\"");
    }

    say(m, " ], \"tokens\": [");

    for (uint32_t i = 0, n = some(m, 3); i < n; i++) {
        say(m,
            "%s { \"issuer\": \"%s\", \"claims\": { \"azp\": \"%u-%u\"%s } }",
            i == 0 ? "" : ",", m->outside->issuer, number, some(m, 1000000),
            some(m, 2) == 0 ? "" : ", \"/a/b\": \"y\"");
    }

    say(m, " ]");

    if (some(m, 4) == 0) {
        say(m,
            ", \"signatures\": [ { \"keyid\": \"q%u\", \"algorithm\":"
            " \"hmac-sha256\", \"secret\": \"%s\" } ]",
            number, m->outside->secret);
    }

    say(m, " }");
}


static void
services(maker_t *m)
{
    say(m, ",\n\"services\": {");

    for (uint32_t i = 0, n = 1 + some(m, 2); i < n; i++) {
        say(m, "%s\n  \"s%u-%u\": {", i == 0 ? "" : ",", own(m), i);

        if (some(m, 2) == 0) {
            say(m,
                " \"access\": [ { \"methods\": [ \"PUT\" ],"
                " \"groups\": [ \"g%u\" ], \"claims\": { \"a\": [ 1 ] } } ],",
                some(m, 9));
        }

        if (some(m, 3) == 0) {
            say(m, " \"version_from\": [ \"path\", \"header:V%u\" ],",
                some(m, 9));
        }

        versions(m);
        say(m, ", \"default_version\": \"v%d\" }", some(m, RARELY) == 0);
    }

    say(m, " }");
}


static void
versions(maker_t *m)
{
    say(m, " \"versions\": {");

    for (uint32_t i = 0, n = 1 + some(m, 2); i < n; i++) {
        say(m,
            "%s \"v%u\": { \"deployments\": { \"blue\":"
            " { \"upstream\": \"%s\" } }%s }",
            i == 0 ? "" : ",", i,
            some(m, RARELY) == 0 ? "nowhere" : m->outside->upstream,
            some(m, 3) == 0 ? ", \"sticky\": \"principal\"" : "");
    }

    say(m, " }");
}
