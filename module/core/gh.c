/*
 * Borrowed strings, bounded buffers and the C library's allocator. Every
 * function takes the empty string in both its forms: data NULL or not.
 */

#include "gh.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>


static void *libc_alloc(void *ctx, size_t size);
static void libc_free(void *ctx, void *p);
static char lower(char c);


static const gh_alloc_t libc = { libc_alloc, libc_free, NULL };


const gh_alloc_t *
gh_alloc_libc(void)
{
    return &libc;
}


static void *
libc_alloc(void *ctx, size_t size)
{
    (void) ctx;

    /* NULL must mean "no memory" and nothing else */
    return malloc(size == 0 ? 1 : size);
}


static void
libc_free(void *ctx, void *p)
{
    (void) ctx;
    free(p);
}


gh_str_t
gh_str(const char *nul_terminated)
{
    return (gh_str_t){ nul_terminated, strlen(nul_terminated) };
}


bool
gh_str_eq(gh_str_t a, gh_str_t b)
{
    if (a.len != b.len) {
        return false;
    }

    return a.len == 0 || memcmp(a.data, b.data, a.len) == 0;
}


bool
gh_str_eq_nocase(gh_str_t a, gh_str_t b)
{
    if (a.len != b.len) {
        return false;
    }

    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.data[i]) != lower(b.data[i])) {
            return false;
        }
    }

    return true;
}


/* tolower() would ask the locale. */
static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}


int
gh_str_cmp(gh_str_t a, gh_str_t b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.data, b.data, len);

    if (order != 0) {
        return order;
    }

    return a.len < b.len ? -1 : a.len > b.len;
}


bool
gh_str_starts(gh_str_t s, gh_str_t prefix)
{
    if (s.len < prefix.len) {
        return false;
    }

    return prefix.len == 0 || memcmp(s.data, prefix.data, prefix.len) == 0;
}


gh_str_t
gh_str_trim(gh_str_t s)
{
    while (s.len > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.len--;
    }

    while (s.len > 0
           && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t')) {
        s.len--;
    }

    return s;
}


gh_str_t
gh_str_cut(gh_str_t s, char sep, gh_str_t *rest)
{
    const char *at = s.len == 0 ? NULL : memchr(s.data, sep, s.len);

    if (at == NULL) {
        *rest = (gh_str_t){ NULL, 0 };
        return s;
    }

    size_t before = (size_t) (at - s.data);

    *rest = (gh_str_t){ at + 1, s.len - before - 1 };

    return (gh_str_t){ s.data, before };
}


gh_rc_t
gh_str_to_u64(gh_str_t s, uint64_t max, uint64_t *out)
{
    uint64_t n = 0;
    bool above = false;

    if (s.len == 0) {
        return GH_INVALID;
    }

    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') {
            return GH_INVALID;
        }

        uint64_t digit = (uint64_t) (s.data[i] - '0');

        if (digit > max || n > max / 10 || n * 10 > max - digit) {
            above = true; /* and keep looking whether it is a number */
            continue;
        }

        n = n * 10 + digit;
    }

    if (above) {
        return GH_TOO_LONG;
    }

    *out = n;
    return GH_OK;
}


gh_rc_t
gh_buf_add(gh_buf_t *b, gh_str_t s)
{
    if (s.len > b->cap - b->len) {
        return GH_TOO_LONG;
    }

    if (s.len > 0) {
        memcpy(b->data + b->len, s.data, s.len);
        b->len += s.len;
    }

    return GH_OK;
}


gh_rc_t
gh_buf_add_char(gh_buf_t *b, char c)
{
    if (b->len == b->cap) {
        return GH_TOO_LONG;
    }

    b->data[b->len++] = c;
    return GH_OK;
}


gh_rc_t
gh_buf_add_u64(gh_buf_t *b, uint64_t n)
{
    char digits[20]; /* of 2^64 - 1 */
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char) ('0' + n % 10);
        n /= 10;
    } while (n > 0);

    return gh_buf_add(b, (gh_str_t){ digits + at, sizeof(digits) - at });
}


gh_rc_t
gh_buf_add_fmt(gh_buf_t *b, const char *fmt, ...)
{
    size_t room = b->cap - b->len;
    va_list args;

    if (room == 0) {
        return GH_TOO_LONG;
    }

    va_start(args, fmt);
    int n = vsnprintf(b->data + b->len, room, fmt, args);
    va_end(args);

    if (n < 0) {
        return GH_INVALID;
    }

    if ((size_t) n >= room) {
        return GH_TOO_LONG;
    }

    b->len += (size_t) n;
    return GH_OK;
}


gh_str_t
gh_buf_str(const gh_buf_t *b)
{
    return (gh_str_t){ b->data, b->len };
}
