/*
 * Reads a token's text (RFC 7515 section 7.1) and finds the keys that may
 * have signed it. What a header may not say is a table; the claims are in
 * gh_jwt_claims.c.
 */

#include "gh_bytes.h"
#include "gh_jwt.h"

#define PART_BYTES_MAX (GH_JWT_LONG_MAX / 4 * 3)
#define PART_BYTES_MOST 1024 /* of nearly every one */


static gh_rc_t parse(gh_str_t text, size_t max, gh_jwt_last_t *last,
                     gh_jwt_t *out, gh_reason_t *reason);
static gh_rc_t split(gh_str_t text, gh_jwt_t *out, gh_str_t *header_b64,
                     gh_reason_t *reason);
static gh_rc_t read_header(gh_jwt_t *jwt, gh_str_t header_b64,
                           gh_reason_t *reason);
static bool is_last(const gh_jwt_last_t *last, gh_str_t header_b64);
static void repeat(const gh_jwt_last_t *last, gh_jwt_t *jwt);
static void remember(gh_jwt_last_t *last, gh_str_t header_b64,
                     const gh_jwt_t *jwt);
static gh_rc_t read_object(gh_str_t b64, json_t **out, gh_reason_t *reason);
static gh_rc_t read_long_object(gh_str_t b64, json_t **out,
                                gh_reason_t *reason);
static gh_rc_t read_object_in(gh_buf_t *json, gh_str_t b64, json_t **out,
                              gh_reason_t *reason);
static gh_rc_t read_signature(gh_jwt_t *jwt, gh_reason_t *reason);
static bool is_candidate(const gh_jwk_t *key, gh_str_t kid, bool known);
static gh_rc_t refuse(gh_rc_t rc, gh_reason_t why, gh_reason_t *reason);


/*
 * What a header may not say: critical extensions, of which we know none
 * (RFC 7515 section 4.1.11, RFC 7797), the members of an encrypted token
 * (RFC 7516), and keys that a token brings along (RFC 7515 section 10.3).
 */
static const struct {
    const char *name;
    gh_reason_t reason;
} refused[] = {
    { "crit", GH_REASON_TOKEN_CRITICAL }, { "b64", GH_REASON_TOKEN_CRITICAL },
    { "enc", GH_REASON_TOKEN_ENCRYPTED }, { "zip", GH_REASON_TOKEN_ENCRYPTED },
    { "jwk", GH_REASON_TOKEN_MALFORMED }, { "jku", GH_REASON_TOKEN_MALFORMED },
    { "x5u", GH_REASON_TOKEN_MALFORMED }, { "x5c", GH_REASON_TOKEN_MALFORMED },
};


gh_rc_t
gh_jwt_parse(gh_str_t text, gh_jwt_t *out, gh_reason_t *reason)
{
    return parse(text, GH_JWT_BYTES_MAX, NULL, out, reason);
}


gh_rc_t
gh_jwt_parse_long(gh_str_t text, gh_jwt_t *out, gh_reason_t *reason)
{
    return parse(text, GH_JWT_LONG_MAX, NULL, out, reason);
}


gh_rc_t
gh_jwt_parse_like(gh_str_t text, gh_jwt_last_t *last, gh_jwt_t *out,
                  gh_reason_t *reason)
{
    return parse(text, GH_JWT_BYTES_MAX, last, out, reason);
}


static gh_rc_t
parse(gh_str_t text, size_t max, gh_jwt_last_t *last, gh_jwt_t *out,
      gh_reason_t *reason)
{
    gh_str_t header_b64;

    out->header = NULL;
    out->kid = (gh_str_t){ NULL, 0 };
    out->alg = GH_ALG_NONE;
    out->signature_len = 0;

    if (text.len > max) {
        return refuse(GH_INVALID, GH_REASON_TOKEN_MALFORMED, reason);
    }

    gh_rc_t rc = split(text, out, &header_b64, reason);

    if (rc == GH_OK && last != NULL && is_last(last, header_b64)) {
        repeat(last, out);

    } else if (rc == GH_OK) {
        rc = read_header(out, header_b64, reason);

        if (rc == GH_OK && last != NULL) {
            remember(last, header_b64, out);
        }
    }

    if (rc == GH_OK) {
        rc = read_signature(out, reason);
    }

    if (rc != GH_OK) {
        gh_jwt_clear(out);
    }

    return rc;
}


void
gh_jwt_clear(gh_jwt_t *jwt)
{
    json_decref(jwt->header);
    jwt->header = NULL;
    jwt->kid = (gh_str_t){ NULL, 0 };
}


void
gh_jwt_last_clear(gh_jwt_last_t *last)
{
    json_decref(last->header);
    *last = (gh_jwt_last_t){ .len = 0 };
}


static gh_rc_t
split(gh_str_t text, gh_jwt_t *out, gh_str_t *header_b64, gh_reason_t *reason)
{
    gh_str_t rest, more;

    *header_b64 = gh_str_cut(text, '.', &rest);
    out->payload_b64 = gh_str_cut(rest, '.', &rest);
    out->signature_b64 = gh_str_cut(rest, '.', &more);

    if (rest.data == NULL) {
        return refuse(GH_INVALID, GH_REASON_TOKEN_MALFORMED, reason);
    }

    out->signing_input =
        (gh_str_t){ text.data, (size_t) (rest.data - text.data) - 1 };

    if (more.data == NULL) {
        return GH_OK;
    }

    (void) gh_str_cut(more, '.', &more);

    if (more.data != NULL) {
        (void) gh_str_cut(more, '.', &rest);

        if (rest.data == NULL) {
            return refuse(GH_INVALID, GH_REASON_TOKEN_ENCRYPTED, reason);
        }
    }

    return refuse(GH_INVALID, GH_REASON_TOKEN_MALFORMED, reason);
}


static gh_rc_t
read_header(gh_jwt_t *jwt, gh_str_t header_b64, gh_reason_t *reason)
{
    gh_str_t alg;
    gh_rc_t rc = read_object(header_b64, &jwt->header, reason);

    if (rc != GH_OK) {
        return rc;
    }

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (json_object_get(jwt->header, refused[i].name) != NULL) {
            return refuse(GH_INVALID, refused[i].reason, reason);
        }
    }

    if (gh_json_str(jwt->header, "alg", &alg) == GH_OK) {
        jwt->alg = gh_alg_parse(alg);
    }

    if (jwt->alg == GH_ALG_NONE) {
        return refuse(GH_INVALID, GH_REASON_TOKEN_ALGORITHM, reason);
    }

    if (gh_json_str(jwt->header, "kid", &jwt->kid) == GH_INVALID
        || jwt->kid.len > GH_KID_MAX)
    {
        return refuse(GH_INVALID, GH_REASON_TOKEN_MALFORMED, reason);
    }

    return GH_OK;
}


static bool
is_last(const gh_jwt_last_t *last, gh_str_t header_b64)
{
    return last->header != NULL
           && gh_str_eq((gh_str_t){ last->b64, last->len }, header_b64);
}


static void
repeat(const gh_jwt_last_t *last, gh_jwt_t *jwt)
{
    jwt->header = json_incref(last->header);
    jwt->alg = last->alg;
    jwt->kid = last->kid;
}


static void
remember(gh_jwt_last_t *last, gh_str_t header_b64, const gh_jwt_t *jwt)
{
    if (header_b64.len > sizeof(last->b64)) {
        return;
    }

    json_decref(last->header);
    last->header = json_incref(jwt->header);
    last->alg = jwt->alg;
    last->kid = jwt->kid;
    last->len = header_b64.len;
    memcpy(last->b64, header_b64.data, header_b64.len);
}


/*
 * The text is bounded, so what it stands for is. Two rooms, since a compiler
 * that is told to clear what it reserves clears all of it.
 */
static gh_rc_t
read_object(gh_str_t b64, json_t **out, gh_reason_t *reason)
{
    if (b64.len / 4 * 3 + 3 > PART_BYTES_MOST) {
        return read_long_object(b64, out, reason);
    }

    char room[PART_BYTES_MOST];
    gh_buf_t json = GH_BUF(room);

    return read_object_in(&json, b64, out, reason);
}


__attribute__((noinline)) static gh_rc_t
read_long_object(gh_str_t b64, json_t **out, gh_reason_t *reason)
{
    char room[PART_BYTES_MAX];
    gh_buf_t json = GH_BUF(room);

    return read_object_in(&json, b64, out, reason);
}


static gh_rc_t
read_object_in(gh_buf_t *json, gh_str_t b64, json_t **out, gh_reason_t *reason)
{
    if (gh_base64url_decode(b64, json) != GH_OK) {
        return refuse(GH_INVALID, GH_REASON_TOKEN_MALFORMED, reason);
    }

    gh_rc_t rc = gh_json_parse(gh_buf_str(json), json->cap, out, NULL);

    if (rc == GH_NOMEM) {
        return refuse(GH_NOMEM, GH_REASON_INTERNAL, reason);
    }

    if (rc != GH_OK) {
        return refuse(GH_INVALID, GH_REASON_TOKEN_MALFORMED, reason);
    }

    if (!json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        return refuse(GH_INVALID, GH_REASON_TOKEN_MALFORMED, reason);
    }

    return GH_OK;
}


static gh_rc_t
read_signature(gh_jwt_t *jwt, gh_reason_t *reason)
{
    gh_buf_t bytes = GH_BUF(jwt->signature);

    if (gh_base64url_decode(jwt->signature_b64, &bytes) != GH_OK
        || bytes.len == 0) {
        return refuse(GH_INVALID, GH_REASON_TOKEN_MALFORMED, reason);
    }

    jwt->signature_len = bytes.len;
    return GH_OK;
}


gh_rc_t
gh_jwt_peek(const gh_jwt_t *jwt, json_t **claims, gh_reason_t *reason)
{
    *claims = NULL;

    return read_object(jwt->payload_b64, claims, reason);
}


gh_rc_t
gh_jwt_verify(const gh_jwt_t *jwt, const gh_jwks_t *keys, gh_algs_t algs,
              gh_reason_t *reason)
{
    gh_str_t none = { NULL, 0 };
    gh_str_t kid = gh_jwks_any_kid(keys) ? none : jwt->kid;
    gh_str_t signature = { jwt->signature, jwt->signature_len };
    gh_reason_t why = GH_REASON_TOKEN_ALGORITHM;
    bool known = kid.len == 0 || gh_jwks_has_kid(keys, kid);
    unsigned tries = 0;

    if (((algs != 0 ? algs : GH_ALGS_DEFAULT) & 1u << jwt->alg) == 0) {
        return refuse(GH_DENIED, GH_REASON_TOKEN_ALGORITHM, reason);
    }

    for (size_t i = 0; i < gh_jwks_count(keys); i++) {
        const gh_jwk_t *key = gh_jwks_at(keys, i);
        size_t len = gh_jwk_signature_len(key, jwt->alg);

        if (len == 0 || !is_candidate(key, kid, known)) {
            continue;
        }

        why = GH_REASON_TOKEN_SIGNATURE;

        if (len != signature.len || tries == GH_JWT_TRIES_MAX) {
            continue;
        }

        gh_rc_t rc =
            gh_jwk_verify(keys, i, jwt->alg, jwt->signing_input, signature);

        if (rc == GH_OK) {
            return GH_OK;
        }

        if (rc != GH_DENIED) {
            return refuse(rc, GH_REASON_INTERNAL, reason);
        }

        tries++;
    }

    if (!known) {
        return refuse(GH_ABSENT, GH_REASON_TOKEN_KEY_UNKNOWN, reason);
    }

    return refuse(GH_DENIED, why, reason);
}


/* A key without a kid may be the one that nobody else claims to be. */
static bool
is_candidate(const gh_jwk_t *key, gh_str_t kid, bool known)
{
    if (kid.len == 0) {
        return true;
    }

    return known ? gh_str_eq(key->kid, kid) : key->kid.len == 0;
}


static gh_rc_t
refuse(gh_rc_t rc, gh_reason_t why, gh_reason_t *reason)
{
    *reason = why;
    return rc;
}
