/*
 * A presented API key, and a declared hash: what is taken for ours has an id
 * and a checksum, what is refused tells nothing, and no text is both.
 */

#include "fuzz.h"

#include "gh_apikey.h"


static void is_ours(gh_str_t text, gh_str_t id);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_str_t text = { (const char *) data, size };
    gh_apikey_t key;
    uint8_t hash[GH_SHA256_LEN];
    gh_rc_t rc = gh_apikey_parse(text, &key);

    require(rc == GH_OK || rc == GH_INVALID);

    if (rc == GH_OK && key.native) {
        is_ours(text, key.id);

    } else {
        require(!key.native && key.id.len == 0);
        require(rc == GH_INVALID || !gh_str_starts(text, GH_STR("gh_")));
    }

    (void) gh_apikey_hash_parse(text, hash);
    (void) gh_apikey_id_valid(text);

    return 0;
}


/* One changed character anywhere is a typo, and refused. */
static void
is_ours(gh_str_t text, gh_str_t id)
{
    char copy[GH_APIKEY_TEXT_MAX];
    gh_apikey_t key;

    require(text.len <= sizeof(copy));
    require(gh_apikey_id_valid(id));
    require(id.data == text.data + 3);
    memcpy(copy, text.data, text.len);

    for (size_t i = 3; i < text.len; i++) {
        copy[i] = text.data[i] == 'a' ? 'b' : 'a';
        require(gh_apikey_parse((gh_str_t){ copy, text.len }, &key)
                == GH_INVALID);
        copy[i] = text.data[i];
    }
}
