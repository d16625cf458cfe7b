/*
 * The signer's side of message signatures, for the tool and for tests: what
 * goes into Signature-Input, and the bytes of the signature.
 */

#include "gh_signature.h"

#include "gh_hash.h"


static gh_rc_t add_components(const gh_signature_draft_t *d, gh_buf_t *out);
static gh_rc_t add_component(gh_str_t component, gh_buf_t *out);
static gh_rc_t add_time(const char *key, int64_t at_s, gh_buf_t *out);
static gh_rc_t add_text(const char *key, gh_str_t text, gh_buf_t *out);


gh_rc_t
gh_signature_draft(const gh_signature_draft_t *d, gh_buf_t *out)
{
    size_t before = out->len;
    gh_rc_t rc = add_components(d, out);

    if (rc == GH_OK) {
        rc = add_time(";created=", d->created_at_s, out);
    }

    if (rc == GH_OK) {
        rc = add_time(";expires=", d->expires_at_s, out);
    }

    const struct {
        const char *key;
        gh_str_t text;
    } texts[] = {
        { ";keyid=", d->keyid },
        { ";alg=", d->alg },
        { ";nonce=", d->nonce },
        { ";tag=", d->tag },
    };

    for (size_t i = 0; rc == GH_OK && i < 4; i++) {
        rc = add_text(texts[i].key, texts[i].text, out);
    }

    if (rc != GH_OK) {
        out->len = before;
    }

    return rc;
}


static gh_rc_t
add_components(const gh_signature_draft_t *d, gh_buf_t *out)
{
    gh_rc_t rc = gh_buf_add_char(out, '(');
    size_t first = out->len;

    for (size_t i = 0; rc == GH_OK && i < d->n_components; i++) {
        if (i > 0) {
            rc = gh_buf_add_char(out, ' ');
        }

        if (rc == GH_OK) {
            rc = add_component(d->components[i], out);
        }
    }

    gh_str_t listed = { out->data + first, out->len - first };
    gh_component_t c;

    while (rc == GH_OK) {
        rc = gh_component_next(&listed, &c);
    }

    if (rc == GH_ABSENT && listed.len == 0) {
        return gh_buf_add_char(out, ')');
    }

    return rc == GH_TOO_LONG ? rc : GH_INVALID;
}


/* Its name is given without quotes, its parameters as they are written. */
static gh_rc_t
add_component(gh_str_t component, gh_buf_t *out)
{
    gh_str_t params;
    gh_str_t name = gh_str_cut(component, ';', &params);
    gh_rc_t rc = gh_sfv_add_string(name, out);

    if (rc != GH_OK || params.data == NULL) {
        return rc;
    }

    return gh_buf_add(out, (gh_str_t){ params.data - 1, params.len + 1 });
}


static gh_rc_t
add_time(const char *key, int64_t at_s, gh_buf_t *out)
{
    if (at_s <= 0) {
        return GH_OK;
    }

    gh_rc_t rc = gh_buf_add(out, gh_str(key));

    return rc == GH_OK ? gh_buf_add_u64(out, (uint64_t) at_s) : rc;
}


static gh_rc_t
add_text(const char *key, gh_str_t text, gh_buf_t *out)
{
    if (text.len == 0) {
        return GH_OK;
    }

    gh_rc_t rc = gh_buf_add(out, gh_str(key));

    return rc == GH_OK ? gh_sfv_add_string(text, out) : rc;
}


gh_rc_t
gh_signature_sign(gh_alg_t alg, gh_str_t secret, EVP_PKEY *pkey, gh_str_t base,
                  gh_buf_t *out)
{
    uint8_t mac[GH_SHA256_LEN];

    if (alg != GH_ALG_HS256) {
        return pkey == NULL ? GH_INVALID : gh_jwk_sign(alg, pkey, base, out);
    }

    if (secret.len == 0) {
        return GH_INVALID;
    }

    gh_hmac_sha256(secret, base, mac);

    return gh_buf_add(out, (gh_str_t){ (const char *) mac, sizeof(mac) });
}
