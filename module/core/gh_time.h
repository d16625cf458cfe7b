/*
 * Points in time as texts: RFC 3339 in policies and the store, HTTP-date in
 * Sunset, seconds in structured fields; calendar periods of quotas. UTC only.
 */

#ifndef GH_TIME_H
#define GH_TIME_H

#include "gh.h"


typedef enum {
    GH_PERIOD_DAY = 0,
    GH_PERIOD_MONTH
} gh_period_t;


/*
 * "2027-06-01T00:00:00Z" (an offset is accepted and applied, fractions are
 * cut) or "2027-06-01" (midnight UTC). GH_INVALID otherwise; no such day is
 * invalid too. Range: years 1970 to 9999.
 */
gh_rc_t gh_time_parse(gh_str_t text, int64_t *out_s);
gh_rc_t gh_time_rfc3339(int64_t at_s, gh_buf_t *out); /* appends ...Z */
gh_rc_t gh_time_http(int64_t at_s, gh_buf_t *out);    /* IMF-fixdate */

/* The number of the period that holds at_s: days since 1970, or months. */
uint32_t gh_period_number(gh_period_t period, int64_t at_s);
/* When that period ends (the first second of the next one). */
int64_t gh_period_end(gh_period_t period, uint32_t number);

/* "90s" "30m" "2h" "7d" to seconds; bare digits are seconds. */
gh_rc_t gh_duration_parse(gh_str_t text, int64_t *out_s);


#endif
