/*
 * Texts of bytes: base64url (RFC 4648 section 5, no padding, strict), base64
 * and hexadecimal. Includes the hashes, whose bytes these texts mostly are.
 */

#ifndef GH_BYTES_H
#define GH_BYTES_H

#include "gh_hash.h"


/*
 * Strict: no padding, no white space, no characters outside the alphabet,
 * unused trailing bits zero (so one text per value).
 * GH_INVALID or GH_TOO_LONG (would not fit out->cap); appends, and on a
 * refusal out->len is as it was. GH_INVALID is looked for first.
 */
gh_rc_t gh_base64url_decode(gh_str_t text, gh_buf_t *out);
gh_rc_t gh_base64url_encode(gh_str_t bytes, gh_buf_t *out);
/* With padding, + and /: Content-Digest, Signature, x5c. Strict. */
gh_rc_t gh_base64_decode(gh_str_t text, gh_buf_t *out);
gh_rc_t gh_base64_encode(gh_str_t bytes, gh_buf_t *out);
gh_rc_t gh_hex_decode(gh_str_t text, gh_buf_t *out);  /* either case */
gh_rc_t gh_hex_encode(gh_str_t bytes, gh_buf_t *out); /* lower case */
void gh_hex_of_8(const void *bytes, char text[16]);   /* of eight, the same */


#endif
