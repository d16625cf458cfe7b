/*
 * Writes the fields of a decision line, text or JSON, into room whose size
 * the caller has reckoned: names as prepared literals, values escaped and
 * cut, numbers and times without printf.
 */

#ifndef GH_LOGLINE_PUT_H
#define GH_LOGLINE_PUT_H

#include "gh_logline.h"

#define GH_LOGLINE_NAME_MAX 16 /* with what stands around it */


/* A field's name as each form begins it; copied whole, so of one size. */
typedef struct {
    uint8_t text_len, json_len;
    char text[GH_LOGLINE_NAME_MAX], json[GH_LOGLINE_NAME_MAX];
} gh_logline_name_t;

typedef struct {
    char *at, *end;
    bool json;
    bool full; /* something did not fit: the line is no line */
} gh_logline_put_t;


#define GH_LOGLINE_NAME(name)                                                 \
    {                                                                         \
        sizeof(" " name "=") - 1, sizeof(",\"" name "\":") - 1, " " name "=", \
            ",\"" name "\":"                                                  \
    }


void gh_logline_put(gh_logline_put_t *w, gh_str_t s); /* as it is */

/* Nothing when value is empty. max counts what the value becomes, quotes
 * included; it is at least 16. */
void gh_logline_put_string(gh_logline_put_t *w, const gh_logline_name_t *name,
                           gh_str_t value, size_t max);

/* Nothing when value is 0. */
void gh_logline_put_number(gh_logline_put_t *w, const gh_logline_name_t *name,
                           uint64_t value);

/* "2026-11-23T03:11:00.123Z"; at_ms is in the years 1970 to 9999. */
void gh_logline_put_time(gh_logline_put_t *w, int64_t at_ms,
                         gh_logline_last_t *last);


#endif
