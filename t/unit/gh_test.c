/*
 * What the unit tests share; see gh_test.h.
 */

#include "gh_test.h"

#include <stdio.h>
#include <stdlib.h>


/* What the tested code sees is `shared`; when to fail is not its business. */
typedef struct {
    gh_test_alloc_t shared;
    size_t fails_at;
} tester_t;


static void *tester_alloc(void *ctx, size_t size);
static void tester_free(void *ctx, void *p);
static unsigned digit(char c);


gh_test_alloc_t *
gh_test_alloc(size_t n)
{
    tester_t *t = calloc(1, sizeof(*t));

    assert_non_null(t);
    t->shared.alloc = (gh_alloc_t){ tester_alloc, tester_free, t };
    t->fails_at = n;

    return &t->shared;
}


static void *
tester_alloc(void *ctx, size_t size)
{
    tester_t *t = ctx;

    if (++t->shared.calls == t->fails_at) {
        t->shared.failed = true;
        return NULL;
    }

    void *p = malloc(size == 0 ? 1 : size);

    assert_non_null(p);
    memset(p, 0xa5, size); /* nobody may count on zeros */
    t->shared.live++;

    return p;
}


static void
tester_free(void *ctx, void *p)
{
    tester_t *t = ctx;

    if (p == NULL) {
        return;
    }

    assert_true(t->shared.live > 0);
    t->shared.live--;
    free(p);
}


bool
gh_test_alloc_end(gh_test_alloc_t *t)
{
    bool failed = t->failed;
    size_t live = t->live;

    free(t->alloc.ctx);

    if (live > 0) {
        fail_msg("%zu blocks are still live", live);
    }

    return failed;
}


void
gh_test_assert_str(gh_str_t got, const char *expected, const char *file,
                   int line)
{
    size_t len = strlen(expected);

    if (got.len == len && (len == 0 || memcmp(got.data, expected, len) == 0)) {
        return;
    }

    print_error("got \"%.*s\", expected \"%s\"\n", (int) got.len,
                got.len == 0 ? "" : got.data, expected);
    _fail(file, line);
}


char *
gh_test_exact(gh_str_t s)
{
    char *copy = malloc(s.len); /* of 0 bytes: not NULL in glibc */

    assert_non_null(copy);
    if (s.len > 0) {
        memcpy(copy, s.data, s.len);
    }

    return copy;
}


gh_str_t
gh_test_hex(const char *hex, gh_buf_t *room)
{
    size_t start = room->len;

    while (*hex != '\0') {
        if (*hex == ' ') {
            hex++;
            continue;
        }

        unsigned byte = digit(hex[0]) << 4 | digit(hex[1]);

        assert_true(room->len < room->cap);
        room->data[room->len++] = (char) (unsigned char) byte;
        hex += 2;
    }

    return (gh_str_t){ room->data + start, room->len - start };
}


static unsigned
digit(char c)
{
    static const char digits[] = "0123456789abcdef";

    const char *at = c == '\0' ? NULL : strchr(digits, c);

    assert_non_null(at);

    return (unsigned) (at - digits);
}
