/*
 * What the commands about keys share: their records, their ids, their dates.
 */

#ifndef CTL_KEY_H
#define CTL_KEY_H

#include "change.h"
#include "gh_apikey.h"


ctl_exit_t ctl_key_create(ctl_t *c);
ctl_exit_t ctl_key_list(ctl_t *c);
ctl_exit_t ctl_key_rotate(ctl_t *c);
ctl_exit_t ctl_key_revoke(ctl_t *c);
ctl_exit_t ctl_key_import(ctl_t *c);

/* --expires as a point in time, 0 without; CTL_USAGE after a message. */
ctl_exit_t ctl_key_expiry(const ctl_t *c, int64_t *at_s);
/* The option --id, or NULL; CTL_USAGE after a message. */
ctl_exit_t ctl_key_id(const ctl_t *c, const char **id);

/* A span such as "24h"; bare digits are not taken. */
gh_rc_t ctl_span(const char *text, int64_t *span_s);

/* An issued key's record; its strings live in the arena. GH_ABSENT,
 * GH_INVALID, GH_UNAVAILABLE as ctl_store_read. */
gh_rc_t ctl_key_read(ctl_t *c, gh_str_t id, gh_store_key_t *key,
                     uint64_t *version);
gh_rc_t ctl_key_decode(ctl_t *c, gh_str_t record, gh_store_key_t *key);

/* The record as text; NULL after a message. */
const char *ctl_key_record(ctl_t *c, const gh_store_key_t *key);

/* "key 7f3a of acme": the subject of a change. */
const char *ctl_key_subject(ctl_t *c, gh_str_t id, gh_str_t consumer);

/*
 * A new key for the consumer, with id or, if that is NULL, an id that nobody
 * has. Fills in id, hash, keyed and pepper of *key; *text is what its owner
 * sends. CTL_REFUSED, CTL_UNAVAILABLE after a message.
 */
ctl_exit_t ctl_key_make(ctl_t *c, const char *id, gh_store_key_t *key,
                        gh_str_t *text);

/* CTL_REFUSED after a message when an issued or a declared key has the id. */
ctl_exit_t ctl_key_id_free(ctl_t *c, gh_str_t id);
/* An id that nobody has; CTL_UNAVAILABLE after a message. */
ctl_exit_t ctl_key_id_random(ctl_t *c, gh_str_t *id);


#endif
