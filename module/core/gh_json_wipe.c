/*
 * Walks a tree that gh_json_parse made, so that its depth is bounded.
 */

#include "gh_json_wipe.h"

#include <openssl/crypto.h>


static void wipe(json_t *at);
static void wipe_string(json_t *at);


void
gh_json_wipe(json_t *root)
{
    wipe(root);
    json_decref(root);
}


static void
wipe(json_t *at)
{
    const char *name;
    json_t *value;
    size_t i;

    if (json_is_string(at)) {
        wipe_string(at);

    } else if (json_is_array(at)) {
        json_array_foreach(at, i, value)
        {
            wipe(value);
        }

    } else if (json_is_object(at)) {
        json_object_foreach(at, name, value)
        {
            wipe(value);
        }
    }
}


static void
wipe_string(json_t *at)
{
    void *bytes = (void *) (uintptr_t) json_string_value(at);

    OPENSSL_cleanse(bytes, json_string_length(at));
}
