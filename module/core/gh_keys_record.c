/*
 * "1 <fetched_at_s>\n" and the text of the set as it came.
 */

#include "gh_keys_record.h"

#include "gh_bytes.h"


gh_rc_t
gh_keys_record_encode(const gh_keys_record_t *record, gh_buf_t *out)
{
    size_t before = out->len;

    if (gh_buf_add(out, GH_STR("1 ")) == GH_OK
        && gh_buf_add_u64(out, (uint64_t) record->fetched_at_s) == GH_OK
        && gh_buf_add_char(out, '\n') == GH_OK
        && gh_buf_add(out, record->text) == GH_OK)
    {
        return GH_OK;
    }

    out->len = before;

    return GH_TOO_LONG;
}


gh_rc_t
gh_keys_record_decode(gh_str_t value, gh_keys_record_t *out)
{
    gh_str_t head, at;
    uint64_t fetched_at_s;

    head = gh_str_cut(value, '\n', &out->text);

    if (!gh_str_eq(gh_str_cut(head, ' ', &at), GH_STR("1"))
        || gh_str_to_u64(at, INT64_MAX, &fetched_at_s) != GH_OK
        || out->text.len == 0)
    {
        return GH_INVALID;
    }

    out->fetched_at_s = (int64_t) fetched_at_s;

    return GH_OK;
}


/* Neither part can hold a space, so no two sources have one name. */

gh_rc_t
gh_keys_record_name(gh_str_t issuer, gh_str_t jwks_uri, gh_buf_t *out)
{
    size_t before = out->len;
    uint8_t both[2 * GH_SHA256_LEN], hash[GH_SHA256_LEN];

    if (issuer.len + 1 + jwks_uri.len > GH_STORE_NAME_MAX) {
        gh_sha256(issuer, both);
        gh_sha256(jwks_uri, both + GH_SHA256_LEN);
        gh_sha256((gh_str_t){ (const char *) both, sizeof(both) }, hash);

        return gh_hex_encode((gh_str_t){ (const char *) hash, sizeof(hash) },
                             out);
    }

    if (gh_buf_add(out, issuer) == GH_OK
        && (jwks_uri.len == 0
            || (gh_buf_add_char(out, ' ') == GH_OK
                && gh_buf_add(out, jwks_uri) == GH_OK)))
    {
        return GH_OK;
    }

    out->len = before;

    return GH_TOO_LONG;
}
