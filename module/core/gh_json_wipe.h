/*
 * Ends a JSON tree that holds secrets: jansson frees strings as they are.
 */

#ifndef GH_JSON_WIPE_H
#define GH_JSON_WIPE_H

#include "gh_json.h"


/*
 * Overwrites every string value below root, whoever else holds it, and gives
 * one reference back. Member names stay: they are no secrets. NULL is fine.
 */
void gh_json_wipe(json_t *root);


#endif
