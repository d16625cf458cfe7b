/*
 * HTTP message signatures (RFC 9421) of requests: the Signature-Input and
 * Signature fields, which of several labels counts, what a location requires
 * of it, and whether the key made it. The key chooses the algorithm. Nothing
 * is allocated.
 */

#ifndef GH_SIGNATURE_H
#define GH_SIGNATURE_H

#include "gh_jwk.h"
#include "gh_reason.h"
#include "gh_sigbase.h"

#define GH_SIGNATURE_LABELS_MAX 8
#define GH_SIGNATURE_FIELD_MAX 8192 /* bytes of either field */
#define GH_SIGNATURE_NONCE_MAX 256


/* One label of the two fields, not yet believed. Views into them. */
typedef struct {
    gh_str_t label;
    gh_str_t components; /* inside of the inner list */
    gh_str_t params;     /* from the first ';' on */
    gh_str_t value;      /* base64 of the signature */

    /* parameters: as written between their quotes; data NULL: absent */
    gh_str_t keyid, alg, nonce, tag;
    bool created, expires; /* given */
    int64_t created_at_s, expires_at_s;
} gh_signature_t;

typedef struct {
    gh_signature_t list[GH_SIGNATURE_LABELS_MAX];
    size_t n;
} gh_signatures_t;

/* What a location accepts; borrowed for the call. */
typedef struct {
    gh_str_t label, tag;        /* only this one counts; empty: any */
    const gh_str_t *components; /* required: "@method", "date" */
    size_t n_components;
    bool digest; /* content-digest, when there is a body */
    bool nonce_required;
    int64_t skew_s;  /* how old a signature may be */
    int64_t ahead_s; /* how far the signer's clock may be ahead of ours */
} gh_signature_policy_t;

/* Whether a key of that id is ours. */
typedef bool (*gh_signature_known_pt)(void *data, gh_str_t keyid);


/* "hmac-sha256" and the others of section 3.3; GH_ALG_NONE: no such name. */
gh_alg_t gh_signature_alg(gh_str_t name);

/*
 * Reads both fields, each as one value with its lines joined by commas.
 *
 * GH_INVALID   no dictionaries of inner lists and byte sequences, a label in
 *              one field only or twice, a parameter of another type than its
 *              definition says, an empty signature
 * GH_TOO_LONG  beyond the bounds above
 */
gh_rc_t gh_signatures_parse(gh_str_t input, gh_str_t signature,
                            gh_signatures_t *out);

/*
 * The one signature that counts: of those with the policy's label and tag
 * the one whose key is ours, so that what others signed on the way is no
 * concern of ours.
 *
 * GH_OK      *out is it
 * GH_ABSENT  none is by a key of ours; *out is one to look at all the same,
 *            so that this takes as long, or NULL
 * GH_DENIED  several are: nobody says which one counts
 */
gh_rc_t gh_signature_choose(const gh_signatures_t *all,
                            const gh_signature_policy_t *p,
                            gh_signature_known_pt known, void *data,
                            const gh_signature_t **out);

/*
 * Everything that needs no key: what it covers, when it was made, its nonce.
 * GH_DENIED, and *reason says which. `body`: the request has one.
 */
gh_rc_t gh_signature_check(const gh_signature_t *s,
                           const gh_signature_policy_t *p, int64_t now_s,
                           bool body, gh_reason_t *reason);

/*
 * Whether that component is covered: itself, a structured or binary form of
 * the field, or @target-uri and @request-target for what they contain. Of
 * content-digest also one digest that is checked (;key="sha-256").
 */
bool gh_signature_covers(const gh_signature_t *s, gh_str_t component);

/*
 * Whether the signature over base is by the key: for hmac-sha256 `secret`,
 * for all others the one key of `keys`. An alg parameter must be that name.
 * GH_OK; GH_DENIED, and *reason says why; GH_NOMEM.
 */
gh_rc_t gh_signature_verify(const gh_signature_t *s, gh_str_t algorithm,
                            gh_str_t secret, const gh_jwks_t *keys,
                            gh_str_t base, gh_reason_t *reason);


/* What a signer puts into Signature-Input. Empty texts and zero times are
 * left out. */
typedef struct {
    const gh_str_t *components; /* "@method", "@query-param;name=\"id\"" */
    size_t n_components;
    gh_str_t keyid, alg, nonce, tag;
    int64_t created_at_s, expires_at_s;
} gh_signature_draft_t;

/*
 * Appends the member's value: ("@method" ...);created=...;keyid="...".
 * GH_INVALID: a component or a text that cannot be written so; GH_TOO_LONG.
 * All or nothing.
 */
gh_rc_t gh_signature_draft(const gh_signature_draft_t *d, gh_buf_t *out);

/*
 * Signs base: appends the bytes, for hmac-sha256 by secret, else by pkey.
 * GH_INVALID: the key does not go with the algorithm; GH_TOO_LONG; GH_NOMEM.
 */
gh_rc_t gh_signature_sign(gh_alg_t alg, gh_str_t secret, EVP_PKEY *pkey,
                          gh_str_t base, gh_buf_t *out);


#endif
