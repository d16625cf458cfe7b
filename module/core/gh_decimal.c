/*
 * Whole numbers in decimal, two digits at once.
 */

#include "gh_decimal.h"


static inline size_t decimal_len(uint64_t n);


static const char pairs[] =
    "00010203040506070809101112131415161718192021222324"
    "25262728293031323334353637383940414243444546474849"
    "50515253545556575859606162636465666768697071727374"
    "75767778798081828384858687888990919293949596979899";


char *
gh_decimal_put(char *at, uint64_t n)
{
    char *end = at + decimal_len(n), *to = end;

    for (/* void */; n >= 10; n /= 100) {
        to -= 2;
        gh_decimal_pair(to, (uint32_t) (n % 100));
    }

    if (to > at) {
        *at = (char) ('0' + n);
    }

    return end;
}


/* 1233/4096 is the logarithm of 2, and one power of ten tells whether it was
 * too much; of 0 as of 1. */
static inline size_t
decimal_len(uint64_t n)
{
    static const uint64_t powers[] = {
        UINT64_C(1),
        UINT64_C(10),
        UINT64_C(100),
        UINT64_C(1000),
        UINT64_C(10000),
        UINT64_C(100000),
        UINT64_C(1000000),
        UINT64_C(10000000),
        UINT64_C(100000000),
        UINT64_C(1000000000),
        UINT64_C(10000000000),
        UINT64_C(100000000000),
        UINT64_C(1000000000000),
        UINT64_C(10000000000000),
        UINT64_C(100000000000000),
        UINT64_C(1000000000000000),
        UINT64_C(10000000000000000),
        UINT64_C(100000000000000000),
        UINT64_C(1000000000000000000),
        UINT64_C(10000000000000000000),
    };
    size_t guess = (size_t) (64 - __builtin_clzll(n | 1)) * 1233 >> 12;

    return guess + ((n | 1) >= powers[guess]);
}


void
gh_decimal_pair(char *at, uint32_t below_100)
{
    memcpy(at, pairs + below_100 * 2, 2);
}
