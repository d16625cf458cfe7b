/*
 * Whole numbers in decimal, where many are written for each request.
 */

#ifndef GH_DECIMAL_H
#define GH_DECIMAL_H

#include "gh.h"

#define GH_DECIMAL_MAX 20 /* digits of 2^64 - 1 */


/* Writes n without leading zeros, at most GH_DECIMAL_MAX digits. Returns
 * where they end. */
char *gh_decimal_put(char *at, uint64_t n);

/* Two digits, a leading zero included. */
void gh_decimal_pair(char *at, uint32_t below_100);


#endif
