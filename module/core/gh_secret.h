/*
 * The root key and what is derived from it: HKDF-SHA-256 (RFC 5869) with a
 * label per purpose, the first root key seals, all of them open. Sealing is
 * AES-256-GCM under a key of the record's name and with that name as
 * associated data, so a value moved to another name does not open.
 */

#ifndef GH_SECRET_H
#define GH_SECRET_H

#include "gh_hash.h"

#define GH_SECRET_LEN 32
#define GH_SECRET_KEYS_MAX 4
#define GH_SEAL_OVERHEAD (1 + 4 + 12 + 16) /* version, key id, nonce, tag */


typedef enum {
    GH_PURPOSE_STATE_COOKIE = 0,
    GH_PURPOSE_SESSION,
    GH_PURPOSE_API_KEY, /* pepper of issued keys' hashes */
    GH_PURPOSE_STICKY,  /* signed sticky cookie */
    GH_PURPOSE_KEYS,    /* cached key sets and metadata */
    GH_PURPOSE_EXPLAIN,
    GH_PURPOSE_STORE, /* values in a store that others run */
    GH_PURPOSE_COUNT
} gh_purpose_t;


typedef struct {
    gh_hmac_key_t mac[GH_PURPOSE_COUNT];
    gh_hmac_key_t seal[GH_PURPOSE_COUNT]; /* gives each name its key */
    uint32_t id;            /* public, stands in front of what is sealed */
    uint8_t fingerprint[8]; /* public */
} gh_secret_key_t;

/* Caller's memory, zeroed; cleared with gh_secret_clear, which wipes. */
typedef struct {
    gh_secret_key_t keys[GH_SECRET_KEYS_MAX]; /* [0] seals, all open */
    unsigned n;
} gh_secret_t;


/*
 * Adds a root key: the bytes of its file as they are, but for white space at
 * both ends of a text. At least 64 characters if all are hexadecimal, 43 if
 * all are base64 of either kind, else 32 bytes.
 * GH_INVALID: shorter, empty or nothing but NULs; GH_FULL: four are there.
 */
gh_rc_t gh_secret_add(gh_secret_t *s, gh_str_t file_text);
void gh_secret_clear(gh_secret_t *s);

/*
 * Public, for comparing nodes: 16 hex characters of the key that seals,
 * NUL-terminated; empty when there is none.
 */
void gh_secret_fingerprint(const gh_secret_t *s, char out[17]);

/*
 * Whether what the key of that fingerprint sealed can be opened here: holds
 * on nodes that have the same keys in another order, as during a rotation.
 */
bool gh_secret_knows(const gh_secret_t *s, gh_str_t fingerprint);

/*
 * Seals plain for `name`; appends GH_SEAL_OVERHEAD + plain.len bytes.
 * `nonce` is 12 random bytes handed in, new for each call.
 * GH_ABSENT: there is no root key; GH_NOMEM: OpenSSL could not.
 */
gh_rc_t gh_secret_seal(const gh_secret_t *s, gh_purpose_t purpose,
                       gh_str_t name, const uint8_t nonce[12], gh_str_t plain,
                       gh_buf_t *out);

/*
 * Appends what was sealed. GH_DENIED: not ours, changed, or bound to another
 * name or purpose; GH_TOO_LONG: does not fit; GH_NOMEM as above.
 */
gh_rc_t gh_secret_open(const gh_secret_t *s, gh_purpose_t purpose,
                       gh_str_t name, gh_str_t sealed, gh_buf_t *out);

/* gh_secret_key_t.id of the key that sealed it; 0: it is nothing sealed. */
uint32_t gh_secret_sealed_by(gh_str_t sealed);

/* HMAC-SHA-256 under keys[i] of that purpose; GH_ABSENT: no such key. */
gh_rc_t gh_secret_mac(const gh_secret_t *s, unsigned i, gh_purpose_t purpose,
                      gh_str_t text, uint8_t out[GH_SHA256_LEN]);


#endif
