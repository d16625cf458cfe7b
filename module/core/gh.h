/*
 * The words every room of Gatehouse shares: results, borrowed strings,
 * bounded buffers and the allocator that is handed in. Nothing here
 * performs I/O, reads a clock or makes a random number.
 */

#ifndef GH_H
#define GH_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <string.h>


/*
 * Three different things (never fold them together): done, refused, and
 * "could not decide". GH_ABSENT is an answer ("there is none"), never a
 * failure to ask.
 */
typedef enum {
    GH_OK = 0,
    GH_AGAIN,       /* the answer comes later */
    GH_ABSENT,      /* asked, and there is none */
    GH_DENIED,      /* asked, and the answer is no */
    GH_INVALID,     /* the input is not what it must be */
    GH_TOO_LONG,    /* does not fit the stated bound */
    GH_CONFLICT,    /* somebody else was first (version, name, claim) */
    GH_FULL,        /* bounded room is used up */
    GH_UNAVAILABLE, /* could not ask */
    GH_NOMEM        /* could not ask: no memory */
} gh_rc_t;


/* Bytes that belong to someone else; not NUL-terminated. */
typedef struct {
    const char *data;
    size_t len;
} gh_str_t;


/* The caller's room to write into; len <= cap always. */
typedef struct {
    char *data;
    size_t len;
    size_t cap;
} gh_buf_t;


/* Where core gets memory; a test makes the n-th call fail. */
typedef struct {
    void *(*alloc)(void *ctx, size_t size);
    void (*free)(void *ctx, void *p); /* p may be NULL */
    void *ctx;
} gh_alloc_t;


#define GH_STR(literal)                                                       \
    (gh_str_t)                                                                \
    {                                                                         \
        (literal), sizeof(literal) - 1                                        \
    }
#define GH_BUF(array)                                                         \
    (gh_buf_t)                                                                \
    {                                                                         \
        (array), 0, sizeof(array)                                             \
    }

#define GH_SHA256_LEN 32
#define GH_NS_PER_S UINT64_C(1000000000)
#define GH_WEIGHT_ALL 10000u /* 100 % in hundredths of a percent */


/* malloc and free of the C library as a gh_alloc_t. */
const gh_alloc_t *gh_alloc_libc(void);


gh_str_t gh_str(const char *nul_terminated);
bool gh_str_eq(gh_str_t a, gh_str_t b);
bool gh_str_eq_nocase(gh_str_t a, gh_str_t b); /* ASCII only */
int gh_str_cmp(gh_str_t a, gh_str_t b);        /* bytewise, for sorting */
bool gh_str_starts(gh_str_t s, gh_str_t prefix);
gh_str_t gh_str_trim(gh_str_t s); /* spaces and tabs, both ends */

/*
 * Cuts s at the first `sep`: the part before it is returned, *rest is what
 * follows (data NULL when there was no separator).
 */
gh_str_t gh_str_cut(gh_str_t s, char sep, gh_str_t *rest);

/*
 * Unsigned decimal, the whole of s, no sign, no leading space.
 * GH_INVALID: not a number; GH_TOO_LONG: above max. *out is set on GH_OK
 * only.
 */
gh_rc_t gh_str_to_u64(gh_str_t s, uint64_t max, uint64_t *out);

/*
 * Append; all or nothing. GH_TOO_LONG leaves the buffer as it was.
 */
gh_rc_t gh_buf_add(gh_buf_t *b, gh_str_t s);
gh_rc_t gh_buf_add_char(gh_buf_t *b, char c);
gh_rc_t gh_buf_add_u64(gh_buf_t *b, uint64_t n);

/* Needs room for one byte more than it appends: printf ends with a NUL. */
gh_rc_t gh_buf_add_fmt(gh_buf_t *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* What the buffer holds, borrowed. */
gh_str_t gh_buf_str(const gh_buf_t *b);


#endif
