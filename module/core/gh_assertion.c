/*
 * Writes the claims of a principal and has them signed.
 */

#include "gh_assertion.h"

#include "gh_bytes.h"

#include <openssl/crypto.h>

#define CLAIMS_MAX (GH_ASSERTION_MAX / 2)


static bool is_key(const gh_assertion_key_t *key);
static gh_rc_t write_head(const gh_assertion_signer_t *signer,
                          const gh_principal_t *p, const uint8_t jti[16],
                          int64_t now_s, gh_buf_t *out);
static gh_rc_t write_claims(const gh_principal_t *p, gh_buf_t *out);
static gh_rc_t add_text(const char *before, gh_str_t value, gh_buf_t *out);
static gh_rc_t add_some(const char *before, gh_str_t value, gh_buf_t *out);
static gh_rc_t add_number(const char *before, int64_t n, gh_buf_t *out);
static gh_rc_t add_list(const char *before, const gh_str_t *items, size_t n,
                        gh_buf_t *out);


gh_rc_t
gh_assertion_build(const gh_assertion_signer_t *signer,
                   const gh_principal_t *p, const uint8_t jti[16],
                   int64_t now_s, gh_buf_t *out)
{
    char room[CLAIMS_MAX];
    gh_buf_t claims = GH_BUF(room);

    if (p == NULL || p->type == GH_PRINCIPAL_ANONYMOUS || p->id.len == 0) {
        return GH_ABSENT;
    }

    if (!is_key(&signer->key) || signer->issuer.len == 0
        || signer->audience.len == 0 || signer->life_s < 1
        || signer->life_s > GH_ASSERTION_LIFE_MAX_S || now_s < 0)
    {
        return GH_INVALID;
    }

    if (p->id.len > GH_PRINCIPAL_VALUE_MAX) {
        return GH_TOO_LONG;
    }

    gh_rc_t rc = write_head(signer, p, jti, now_s, &claims);

    if (rc == GH_OK) {
        rc = write_claims(p, &claims);
    }

    if (rc == GH_OK) {
        rc = gh_jwt_sign(signer->key.alg, signer->key.kid, signer->key.pkey,
                         gh_buf_str(&claims), out);
    }

    OPENSSL_cleanse(room, sizeof(room));

    return rc;
}


gh_rc_t
gh_assertion_subject(const gh_principal_t *p, gh_buf_t *out)
{
    size_t before = out->len;

    if (p == NULL || p->type == GH_PRINCIPAL_ANONYMOUS || p->id.len == 0) {
        return GH_ABSENT;
    }

    gh_rc_t rc = gh_json_quote(p->id, out);

    if (rc == GH_OK) {
        rc = write_claims(p, out);
    }

    if (rc != GH_OK) {
        out->len = before;
    }

    return rc;
}


static bool
is_key(const gh_assertion_key_t *key)
{
    return key->pkey != NULL && key->kid.len > 0 && key->kid.len <= GH_KID_MAX
           && (key->alg == GH_ALG_ES256 || key->alg == GH_ALG_EDDSA);
}


static gh_rc_t
write_head(const gh_assertion_signer_t *signer, const gh_principal_t *p,
           const uint8_t jti[16], int64_t now_s, gh_buf_t *out)
{
    char room[32];
    gh_buf_t id = GH_BUF(room);
    gh_rc_t rc =
        gh_base64url_encode((gh_str_t){ (const char *) jti, 16 }, &id);

    if (rc == GH_OK) {
        rc = add_text("{\"iss\":", signer->issuer, out);
    }

    if (rc == GH_OK) {
        rc = add_text(",\"aud\":", signer->audience, out);
    }

    if (rc == GH_OK) {
        rc = add_text(",\"sub\":", p->id, out);
    }

    if (rc == GH_OK) {
        rc = add_number(",\"iat\":", now_s, out);
    }

    if (rc == GH_OK) {
        rc = add_number(",\"exp\":", now_s + signer->life_s, out);
    }

    return rc == GH_OK ? add_text(",\"jti\":", gh_buf_str(&id), out) : rc;
}


static gh_rc_t
write_claims(const gh_principal_t *p, gh_buf_t *out)
{
    gh_rc_t rc = add_text(",\"method\":", gh_method_word(p->method), out);

    if (rc == GH_OK) {
        rc = add_some(",\"name\":", p->name, out);
    }

    if (rc == GH_OK) {
        rc = add_some(",\"email\":", p->email, out);
    }

    if (rc == GH_OK) {
        rc = add_some(",\"consumer\":", p->consumer, out);
    }

    if (rc == GH_OK) {
        rc = add_list(",\"groups\":[", p->groups, p->n_groups, out);
    }

    if (rc == GH_OK) {
        rc = add_list(",\"scopes\":[", p->scopes, p->n_scopes, out);
    }

    return rc == GH_OK ? gh_buf_add_char(out, '}') : rc;
}


static gh_rc_t
add_text(const char *before, gh_str_t value, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add(out, gh_str(before));

    return rc == GH_OK ? gh_json_quote(value, out) : rc;
}


static gh_rc_t
add_some(const char *before, gh_str_t value, gh_buf_t *out)
{
    return value.len == 0 || value.len > GH_PRINCIPAL_VALUE_MAX
               ? GH_OK
               : add_text(before, value, out);
}


static gh_rc_t
add_number(const char *before, int64_t n, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add(out, gh_str(before));

    return rc == GH_OK ? gh_buf_add_u64(out, (uint64_t) n) : rc;
}


/* As in the header, a piece of a group could be the name of another. */
static gh_rc_t
add_list(const char *before, const gh_str_t *items, size_t n, gh_buf_t *out)
{
    gh_rc_t rc = n == 0 ? GH_OK : gh_buf_add(out, gh_str(before));
    size_t begin = out->len;
    size_t bytes = 0;

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        if (items[i].len == 0) {
            continue;
        }

        bytes += items[i].len;

        if (bytes > GH_PRINCIPAL_LIST_MAX) {
            break;
        }

        rc = add_text(out->len > begin ? "," : "", items[i], out);
    }

    return n == 0 || rc != GH_OK ? rc : gh_buf_add_char(out, ']');
}


gh_rc_t
gh_assertion_jwks(const gh_assertion_key_t *keys, size_t n, gh_buf_t *out)
{
    size_t before = out->len;

    if (n == 0 || n > GH_ASSERTION_KEYS_MAX) {
        return GH_INVALID;
    }

    gh_rc_t rc = gh_buf_add(out, GH_STR("{\"keys\":["));

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        bool fine = is_key(&keys[i]);

        for (size_t j = 0; j < i; j++) {
            fine = fine && !gh_str_eq(keys[i].kid, keys[j].kid);
        }

        rc = !fine ? GH_INVALID : i == 0 ? GH_OK : gh_buf_add_char(out, ',');

        if (rc == GH_OK) {
            rc = gh_jwk_build(keys[i].pkey, keys[i].alg, keys[i].kid, out);
        }
    }

    if (rc == GH_OK) {
        rc = gh_buf_add(out, GH_STR("]}\n"));
    }

    if (rc != GH_OK) {
        out->len = before;
    }

    return rc;
}
