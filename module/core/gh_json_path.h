/*
 * The steps of a JSON pointer (RFC 6901), one at a time and without copies,
 * for those who walk a tree and those who walk the text.
 */

#ifndef GH_JSON_PATH_H
#define GH_JSON_PATH_H

#include "gh.h"


typedef struct {
    gh_str_t rest; /* borrowed; data NULL when no step is left */
    bool plain;    /* one member name as it is: no '/', no '~' */
} gh_json_path_t;


/* False for a '~' that is neither ~0 nor ~1. */
bool gh_json_path_init(gh_json_path_t *path, gh_str_t pointer);

/* The next step, still escaped; false when none is left. */
bool gh_json_path_next(gh_json_path_t *path, gh_str_t *step);

/*
 * Takes the next byte of a step's meaning off its front; -1 at the end.
 */
int gh_json_path_byte(const gh_json_path_t *path, gh_str_t *step);

/* Digits without a leading zero; false otherwise ("-" too). */
bool gh_json_path_index(gh_str_t step, size_t *index);


#endif
