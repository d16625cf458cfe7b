/*
 * The tokens of a JSON text and where they begin. Tolerant: it never says
 * whether the text is JSON, which is jansson's to judge; it bounds depth
 * before jansson recurses and finds places after jansson has spoken.
 */

#ifndef GH_JSON_SCAN_H
#define GH_JSON_SCAN_H

#include "gh.h"


typedef struct {
    gh_str_t text;
    size_t at; /* where the next token is looked for */
} gh_json_scan_t;


/*
 * The next token: one of {}[]:, or a string with its quotes (the last quote
 * may be missing at the end of the text) or a run of anything else.
 * False at the end of the text.
 */
bool gh_json_scan_next(gh_json_scan_t *scan, gh_str_t *token);

/* Line and column of a byte, from 1; offset may be the text's length. */
void gh_json_scan_place(gh_str_t text, size_t offset, unsigned *line,
                        unsigned *column);


#endif
