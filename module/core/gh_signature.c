/*
 * Reads signatures, says which one counts and whether it may (RFC 9421
 * sections 3.2 and 4). The arithmetic is that of JOSE, where keys are judged
 * already.
 */

#include "gh_signature.h"

#include "gh_bytes.h"
#include "gh_digest.h"
#include "gh_hash.h"


static gh_rc_t parse_label(const gh_sfv_t *m, gh_str_t signature,
                           gh_signature_t *out);
static gh_rc_t parse_params(gh_signature_t *s);
static gh_rc_t check_time(const gh_signature_t *s,
                          const gh_signature_policy_t *p, int64_t now_s,
                          gh_reason_t *reason);
static gh_rc_t check_nonce(const gh_signature_t *s,
                           const gh_signature_policy_t *p,
                           gh_reason_t *reason);
static bool is_wanted(const gh_signature_t *s, const gh_signature_policy_t *p);
static bool contains(gh_str_t whole, gh_str_t component);
static gh_rc_t deny(gh_reason_t *reason, gh_reason_t which);


static const struct {
    const char *name;
    gh_alg_t alg;
} algorithms[] = {
    { "hmac-sha256", GH_ALG_HS256 },
    { "ed25519", GH_ALG_EDDSA },
    { "ecdsa-p256-sha256", GH_ALG_ES256 },
    { "ecdsa-p384-sha384", GH_ALG_ES384 },
    { "rsa-pss-sha512", GH_ALG_PS512 },
    { "rsa-v1_5-sha256", GH_ALG_RS256 },
};


gh_alg_t
gh_signature_alg(gh_str_t name)
{
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        if (gh_str_eq(name, gh_str(algorithms[i].name))) {
            return algorithms[i].alg;
        }
    }

    return GH_ALG_NONE;
}


gh_rc_t
gh_signatures_parse(gh_str_t input, gh_str_t signature, gh_signatures_t *out)
{
    size_t n_inputs = 0, n_signatures = 0;
    gh_sfv_t m;

    out->n = 0;

    if (input.len > GH_SIGNATURE_FIELD_MAX
        || signature.len > GH_SIGNATURE_FIELD_MAX)
    {
        return GH_TOO_LONG;
    }

    gh_rc_t rc = gh_sfv_check(GH_SFV_DICTIONARY, input, &n_inputs);

    if (rc == GH_OK) {
        rc = gh_sfv_check(GH_SFV_DICTIONARY, signature, &n_signatures);
    }

    if (rc != GH_OK) {
        return rc;
    }

    /* with as many labels in both, each of one is in the other */
    if (n_inputs == 0 || n_inputs != n_signatures) {
        return GH_INVALID;
    }

    if (n_inputs > GH_SIGNATURE_LABELS_MAX) {
        return GH_TOO_LONG;
    }

    while ((rc = gh_sfv_dictionary_next(&input, &m)) == GH_OK) {
        if (parse_label(&m, signature, &out->list[out->n]) != GH_OK) {
            return GH_INVALID;
        }

        out->n++;
    }

    return rc == GH_ABSENT ? GH_OK : rc;
}


static gh_rc_t
parse_label(const gh_sfv_t *m, gh_str_t signature, gh_signature_t *out)
{
    gh_sfv_t bytes;

    *out = (gh_signature_t){ .label = m->key,
                             .components = m->text,
                             .params = m->params };

    if (m->type != GH_SFV_INNER_LIST
        || gh_sfv_dictionary_get(signature, m->key, &bytes) != GH_OK
        || bytes.type != GH_SFV_BYTES || bytes.text.len == 0)
    {
        return GH_INVALID;
    }

    out->value = bytes.text;

    return parse_params(out);
}


/* Others than these are signed, and mean nothing to us (section 2.3). */
static gh_rc_t
parse_params(gh_signature_t *s)
{
    const struct {
        const char *key;
        gh_str_t *text;
        bool *given;
        int64_t *number;
    } known[] = {
        { "created", NULL, &s->created, &s->created_at_s },
        { "expires", NULL, &s->expires, &s->expires_at_s },
        { "keyid", &s->keyid, NULL, NULL },
        { "alg", &s->alg, NULL, NULL },
        { "nonce", &s->nonce, NULL, NULL },
        { "tag", &s->tag, NULL, NULL },
    };
    gh_str_t rest = s->params;
    gh_sfv_t p;

    while (gh_sfv_param_next(&rest, &p) == GH_OK) {
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
            if (!gh_str_eq(p.key, gh_str(known[i].key))) {
                continue;
            }

            if (p.type
                != (known[i].text != NULL ? GH_SFV_STRING : GH_SFV_INTEGER)) {
                return GH_INVALID;
            }

            if (known[i].text != NULL) {
                *known[i].text = p.text;

            } else {
                *known[i].given = true;
                *known[i].number = p.number;
            }
        }
    }

    return GH_OK;
}


gh_rc_t
gh_signature_choose(const gh_signatures_t *all, const gh_signature_policy_t *p,
                    gh_signature_known_pt known, void *data,
                    const gh_signature_t **out)
{
    bool found = false;

    *out = NULL;

    for (size_t i = 0; i < all->n; i++) {
        const gh_signature_t *s = &all->list[i];

        if (!is_wanted(s, p)) {
            continue;
        }

        if (s->keyid.data != NULL && known(data, s->keyid)) {
            if (found) {
                return GH_DENIED;
            }

            found = true;
            *out = s;

        } else if (*out == NULL) {
            *out = s;
        }
    }

    return found ? GH_OK : GH_ABSENT;
}


static bool
is_wanted(const gh_signature_t *s, const gh_signature_policy_t *p)
{
    return (p->label.len == 0 || gh_str_eq(s->label, p->label))
           && (p->tag.len == 0
               || (s->tag.data != NULL && gh_str_eq(s->tag, p->tag)));
}


gh_rc_t
gh_signature_check(const gh_signature_t *s, const gh_signature_policy_t *p,
                   int64_t now_s, bool body, gh_reason_t *reason)
{
    gh_rc_t rc = check_time(s, p, now_s, reason);

    if (rc == GH_OK) {
        rc = check_nonce(s, p, reason);
    }

    if (rc != GH_OK) {
        return rc;
    }

    for (size_t i = 0; i < p->n_components; i++) {
        if (!gh_signature_covers(s, p->components[i])) {
            return deny(reason, GH_REASON_SIGNATURE_COVERAGE);
        }
    }

    if (p->digest && body && !gh_signature_covers(s, GH_STR("content-digest")))
    {
        return deny(reason, GH_REASON_SIGNATURE_COVERAGE);
    }

    return GH_OK;
}


/* No number here is longer than 15 digits, nor is a span: none overflows. */
static gh_rc_t
check_time(const gh_signature_t *s, const gh_signature_policy_t *p,
           int64_t now_s, gh_reason_t *reason)
{
    if (!s->created || s->created_at_s > now_s + p->ahead_s) {
        return deny(reason, s->created ? GH_REASON_SIGNATURE_NOT_YET
                                       : GH_REASON_SIGNATURE_COVERAGE);
    }

    if (s->created_at_s < now_s - p->skew_s
        || (s->expires && s->expires_at_s <= now_s))
    {
        return deny(reason, GH_REASON_SIGNATURE_EXPIRED);
    }

    return GH_OK;
}


static gh_rc_t
check_nonce(const gh_signature_t *s, const gh_signature_policy_t *p,
            gh_reason_t *reason)
{
    if (s->nonce.data == NULL || s->nonce.len == 0) {
        return p->nonce_required || s->nonce.data != NULL
                   ? deny(reason, GH_REASON_SIGNATURE_NONCE)
                   : GH_OK;
    }

    return s->nonce.len > GH_SIGNATURE_NONCE_MAX
               ? deny(reason, GH_REASON_SIGNATURE_NONCE)
               : GH_OK;
}


bool
gh_signature_covers(const gh_signature_t *s, gh_str_t component)
{
    bool digest = gh_str_eq(component, GH_STR("content-digest"));
    gh_str_t rest = s->components;
    gh_component_t c;

    while (gh_component_next(&rest, &c) == GH_OK) {
        if (contains(c.name, component)) {
            return true;
        }

        if (gh_str_eq(c.name, component) && c.param.data == NULL
            && (c.key.data == NULL || (digest && gh_digest_known(c.key))))
        {
            return true;
        }
    }

    return false;
}


/* A target says where, whatever its form. */
static bool
contains(gh_str_t whole, gh_str_t component)
{
    bool of_target = gh_str_eq(component, GH_STR("@path"))
                     || gh_str_eq(component, GH_STR("@query"));

    if (gh_str_eq(whole, GH_STR("@target-uri"))) {
        return of_target || gh_str_eq(component, GH_STR("@authority"))
               || gh_str_eq(component, GH_STR("@scheme"));
    }

    return of_target && gh_str_eq(whole, GH_STR("@request-target"));
}


gh_rc_t
gh_signature_verify(const gh_signature_t *s, gh_str_t algorithm,
                    gh_str_t secret, const gh_jwks_t *keys, gh_str_t base,
                    gh_reason_t *reason)
{
    gh_alg_t alg = gh_signature_alg(algorithm);
    char room[GH_SIGNATURE_MAX];
    uint8_t mac[GH_SHA256_LEN];
    gh_buf_t value = GH_BUF(room);

    if (alg == GH_ALG_NONE
        || (s->alg.data != NULL && !gh_str_eq(s->alg, algorithm)))
    {
        return deny(reason, GH_REASON_SIGNATURE_ALGORITHM);
    }

    if (gh_base64_decode(s->value, &value) != GH_OK) {
        return deny(reason, GH_REASON_SIGNATURE_WRONG);
    }

    if (alg != GH_ALG_HS256) {
        gh_rc_t rc = gh_jwk_verify(keys, 0, alg, base, gh_buf_str(&value));

        return rc == GH_DENIED ? deny(reason, GH_REASON_SIGNATURE_WRONG) : rc;
    }

    if (secret.len == 0) {
        return deny(reason, GH_REASON_SIGNATURE_WRONG);
    }

    gh_hmac_sha256(secret, base, mac);

    return value.len == sizeof(mac)
                   && gh_equal_secret(mac, value.data, sizeof(mac))
               ? GH_OK
               : deny(reason, GH_REASON_SIGNATURE_WRONG);
}


static gh_rc_t
deny(gh_reason_t *reason, gh_reason_t which)
{
    *reason = which;

    return GH_DENIED;
}
