/*
 * What the store holds: kinds of records, their names, their encodings. The
 * five operations that move them are in io; both backends and the tool share
 * these words.
 */

#ifndef GH_STORE_H
#define GH_STORE_H

#include "gh_limit.h"

#define GH_STORE_NAME_MAX 200      /* bytes; a name is never empty */
#define GH_STORE_VALUE_MAX 1048576 /* bytes; a value may be empty */

/* As the version that a write expects: whatever stands there. */
#define GH_VERSION_ANY UINT64_MAX


/* Stable numbers: they are on disk. */
typedef enum {
    GH_KIND_KEY = 1,       /* issued or imported API key; name: its id */
    GH_KIND_KEY_HASH = 2,  /* imported key: name hex of SHA-256, value: id */
    GH_KIND_REVOKED = 3,   /* revoked declared key; name: key id */
    GH_KIND_SUSPENDED = 4, /* consumer suspended; name: consumer */
    GH_KIND_TRAFFIC = 5,   /* weights; name: service/version */
    GH_KIND_CHANGE = 6,    /* history; name: id, 20 digits */
    GH_KIND_KEYS = 7,      /* last good key set of an issuer; name: issuer */
    GH_KIND_METADATA = 8,  /* last good provider metadata */
    GH_KIND_QUOTA = 9,     /* reserved so far; name: see gh_store_quota_name */
    GH_KIND_CLAIM = 10,    /* claim(name, ttl) */
    GH_KIND_SESSION = 11,
    GH_KIND_SESSION_INDEX = 12,
    GH_KIND_USAGE = 13,
    GH_KIND_META = 14,  /* layout, epoch, fingerprint of the root key */
    GH_KIND_FORM = 15,  /* sent when its session had ended; name: login id */
    GH_KIND_LIMIT = 16, /* a rate that nodes share; as a quota's name */
    GH_KIND_MAX         /* one more than the last */
} gh_kind_t;

/* A record of kind META: into this store a copy was begun, and not ended. */
#define GH_STORE_COPY "copy"

/* One line of the change log. */
typedef struct {
    uint64_t sequence; /* from 1, without gaps */
    gh_kind_t kind;
    uint64_t name_hash; /* gh_store_name_hash */
} gh_store_change_t;

/*
 * What a node asks of a rate that it shares (gh_lease.h), at times of its
 * monotonic clock. Each asking of one counter is later than the one before.
 */
typedef struct {
    gh_limit_t rule;
    uint64_t need;    /* tokens for those who wait now */
    uint64_t least;   /* fewer are of no use to any of them: none, then */
    uint64_t unspent; /* of what it was given before */
    uint64_t asked_ns;
    uint64_t sent_ns; /* the last time that it was */
} gh_store_lease_t;

/* An API key as the store keeps it. */
typedef struct {
    gh_str_t id, consumer;
    uint8_t hash[GH_SHA256_LEN];
    bool keyed;      /* HMAC under the pepper; false: plain SHA-256 */
    uint32_t pepper; /* gh_secret_key_t.id that made it */
    int64_t created_at_s, expires_at_s, revoked_at_s; /* 0: never */
    gh_str_t note;
} gh_store_key_t;


/* The same on every machine and in every release: it is on disk. Not secret,
 * so a table that outsiders fill hashes it once more under a key. */
uint64_t gh_store_name_hash(gh_kind_t kind, gh_str_t name);
/* "key", "key_hash", ...; "unknown" for any other number. */
gh_str_t gh_kind_word(gh_kind_t kind);
/* False outside 1 to GH_KIND_MAX - 1. */
bool gh_kind_valid(gh_kind_t kind);

/*
 * JSON with a version member, appended to out. GH_INVALID: a record that
 * decode would refuse; GH_TOO_LONG: does not fit.
 */
gh_rc_t gh_store_key_encode(const gh_store_key_t *k, gh_buf_t *out);
/*
 * GH_OK: the strings of k are borrowed from *doc, which the caller releases
 * with gh_store_doc_free. Else *doc is NULL and k is not to be used.
 * GH_INVALID: no such record, another version of it, a member missing or of
 * another type. The caller compares k->id with the record's name.
 */
gh_rc_t gh_store_key_decode(gh_str_t text, gh_store_key_t *k, void **doc);
void gh_store_doc_free(void *doc);

/*
 * Collision-free names: parts are length-prefixed before hashing. Appends 32
 * characters, the hex of the first half of a SHA-256.
 */
gh_rc_t gh_store_quota_name(gh_str_t limit, gh_str_t subject, uint32_t period,
                            gh_buf_t *out);


#endif
