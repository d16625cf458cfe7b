/*
 * Points in time as texts: RFC 3339 in policies and the store, HTTP-date in
 * Sunset, seconds in structured fields; calendar periods of quotas. UTC only.
 */

#ifndef GH_TIME_H
#define GH_TIME_H

#include "gh.h"

#define GH_TIME_MAX_S INT64_C(253402300799) /* 9999-12-31T23:59:59Z */


typedef enum {
    GH_PERIOD_DAY = 0,
    GH_PERIOD_MONTH
} gh_period_t;


/*
 * "2027-06-01T00:00:00Z" (an offset is accepted and applied, fractions are
 * cut, 23:59:60 UTC at the end of a month is the second after it) or
 * "2027-06-01" (midnight UTC). GH_INVALID otherwise; no such day is invalid
 * too. Range: years 1970 to 9999.
 */
gh_rc_t gh_time_parse(gh_str_t text, int64_t *out_s);
/* GH_INVALID: outside the range. */
gh_rc_t gh_time_rfc3339(int64_t at_s, gh_buf_t *out); /* appends ...Z */
gh_rc_t gh_time_http(int64_t at_s, gh_buf_t *out);    /* IMF-fixdate */

/*
 * The number of the period that holds at_s: days since 1970, or months since
 * 1970 counted from GH_PERIOD_MONTHS, so that a number also says its kind.
 * What is before 1970 is in the first period, after 9999 in the last.
 */
#define GH_PERIOD_MONTHS (UINT32_C(1) << 22)

uint32_t gh_period_number(gh_period_t period, int64_t at_s);
/* When that period ends (the first second of the next one). */
int64_t gh_period_end(gh_period_t period, uint32_t number);
/* The kind that a number is of. */
gh_period_t gh_period_of(uint32_t number);

/*
 * "90s" "30m" "2h" "7d" to seconds; bare digits are seconds. GH_TOO_LONG:
 * above GH_TIME_MAX_S.
 */
gh_rc_t gh_duration_parse(gh_str_t text, int64_t *out_s);


#endif
