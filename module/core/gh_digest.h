/*
 * Content-Digest (RFC 9530): what a body is to hash to, and hashing it piece
 * by piece as it comes. sha-256 and sha-512; other algorithms prove nothing
 * here and are passed over.
 */

#ifndef GH_DIGEST_H
#define GH_DIGEST_H

#include <openssl/sha.h>

#include "gh_hash.h"

#define GH_SHA512_LEN 64


/* Caller's memory; holds no secret and needs no release. */
typedef struct {
    bool sha256_given, sha512_given;
    uint8_t sha256_expected[GH_SHA256_LEN];
    uint8_t sha512_expected[GH_SHA512_LEN];
    SHA256_CTX sha256;
    SHA512_CTX sha512;
} gh_digest_t;


/*
 * Reads the whole field, its lines joined by commas, and begins to hash.
 *
 * GH_OK       at least one digest is of an algorithm we know
 * GH_ABSENT   none is: nothing that could be checked
 * GH_INVALID  no dictionary of byte sequences, an algorithm twice, or a
 *             digest that is not as long as its algorithm's
 */
gh_rc_t gh_digest_parse(gh_str_t field, gh_digest_t *d);

/* The next piece of the body. */
void gh_digest_update(gh_digest_t *d, gh_str_t bytes);

/* At the body's end, once: GH_OK when every digest given is the body's, else
 * GH_DENIED. */
gh_rc_t gh_digest_final(gh_digest_t *d);

/* True for the names of algorithms that are checked: "sha-256", "sha-512". */
bool gh_digest_known(gh_str_t algorithm);

/*
 * Appends "sha-256=:...:" of a whole body. GH_INVALID: an algorithm that is
 * not known; GH_TOO_LONG. All or nothing.
 */
gh_rc_t gh_digest_build(gh_str_t algorithm, gh_str_t body, gh_buf_t *out);


#endif
