/*
 * A key set as the store keeps it: when it was fetched, and its text.
 */

#ifndef GH_KEYS_RECORD_H
#define GH_KEYS_RECORD_H

#include "gh_store.h"


typedef struct {
    int64_t fetched_at_s;
    gh_str_t text; /* borrowed */
} gh_keys_record_t;


/* GH_TOO_LONG. */
gh_rc_t gh_keys_record_encode(const gh_keys_record_t *record, gh_buf_t *out);
/* GH_INVALID: not such a record. */
gh_rc_t gh_keys_record_decode(gh_str_t value, gh_keys_record_t *out);

/*
 * Appends the record's name: the issuer, and where its keys were asked for
 * when that was configured; a hash of both when that is too long for a name.
 */
gh_rc_t gh_keys_record_name(gh_str_t issuer, gh_str_t jwks_uri, gh_buf_t *out);


#endif
