/*
 * API keys: gh_<id>_<secret>_<checksum>. The id is public ([a-z0-9]{4,16}),
 * secret and checksum are base62, the checksum is over everything before it
 * so that a typo is refused without a lookup and leak scanners can tell.
 * Keys of other make are opaque texts known by their SHA-256 only; a text that
 * begins with gh_ is ours or nothing.
 */

#ifndef GH_APIKEY_H
#define GH_APIKEY_H

#include "gh_secret.h"

#define GH_APIKEY_ID_MIN 4
#define GH_APIKEY_ID_MAX 16
#define GH_APIKEY_SECRET_LEN 43 /* base62 of 256 bits */
#define GH_APIKEY_SUM_LEN 6
#define GH_APIKEY_TEXT_MAX 256 /* longer is refused before any work */


typedef struct {
    gh_str_t id; /* borrowed from the text; empty for a foreign key */
    bool native; /* has our form and its checksum is right */
} gh_apikey_t;


/*
 * Looks at a presented key. GH_OK for a native key with the right checksum
 * and for a foreign one (native false; visible ASCII, 8 to 256 bytes);
 * GH_INVALID for a text that begins with gh_ and is not of our form or has a
 * wrong checksum, for anything shorter or longer than that or with bytes
 * outside visible ASCII.
 */
gh_rc_t gh_apikey_parse(gh_str_t text, gh_apikey_t *out);

bool gh_apikey_id_valid(gh_str_t id);

/*
 * Builds the text of a new key from 32 random bytes handed in and its id.
 * If id is empty, one of 10 characters is derived from id_random (8 bytes,
 * else not read). GH_INVALID: not an id; GH_TOO_LONG: does not fit.
 */
gh_rc_t gh_apikey_build(gh_str_t id, const uint8_t random[32],
                        const uint8_t id_random[8], gh_buf_t *out);

/* SHA-256 of the whole text: how declared and imported keys are known. */
void gh_apikey_hash(gh_str_t text, uint8_t out[GH_SHA256_LEN]);

/* HMAC under the pepper keys[i]: how issued keys are known. */
gh_rc_t gh_apikey_hash_keyed(const gh_secret_t *s, unsigned i, gh_str_t text,
                             uint8_t out[GH_SHA256_LEN]);

/* "sha256:<64 hex>" to bytes; GH_INVALID otherwise. */
gh_rc_t gh_apikey_hash_parse(gh_str_t text, uint8_t out[GH_SHA256_LEN]);


#endif
