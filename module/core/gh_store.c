/*
 * The words of the store: hashes of names, words for kinds, and the record
 * of an API key as JSON. A record that is not exactly what encode makes, or
 * of another version, is refused: a stored value may be anything.
 */

#include "gh_store.h"
#include "gh_bytes.h"
#include "gh_json.h"


#define KEY_VERSION 1


static gh_rc_t check_key(const gh_store_key_t *k);
static gh_rc_t add_str(gh_buf_t *out, const char *member, gh_str_t value);
static gh_rc_t add_date(gh_buf_t *out, const char *member, int64_t at_s);
static gh_rc_t decode_key(const json_t *object, gh_store_key_t *k);
static gh_rc_t get_hash(const json_t *object, uint8_t hash[GH_SHA256_LEN]);
static gh_rc_t get_pepper(const json_t *object, gh_store_key_t *k);
static gh_rc_t get_date(const json_t *object, const char *name, int64_t *at_s);
static size_t put_part(char *to, gh_str_t part);


static const char *const kind_words[GH_KIND_MAX] = {
    [GH_KIND_KEY] = "key",         [GH_KIND_KEY_HASH] = "key_hash",
    [GH_KIND_REVOKED] = "revoked", [GH_KIND_SUSPENDED] = "suspended",
    [GH_KIND_TRAFFIC] = "traffic", [GH_KIND_CHANGE] = "change",
    [GH_KIND_KEYS] = "keys",       [GH_KIND_METADATA] = "metadata",
    [GH_KIND_QUOTA] = "quota",     [GH_KIND_CLAIM] = "claim",
    [GH_KIND_SESSION] = "session", [GH_KIND_SESSION_INDEX] = "session_index",
    [GH_KIND_USAGE] = "usage",     [GH_KIND_META] = "meta",
    [GH_KIND_FORM] = "form",       [GH_KIND_LIMIT] = "limit",
};

/* Numbers are text in JSON and doubles in half of its readers. */
static const int64_t date_max = INT64_C(1) << 53;


uint64_t
gh_store_name_hash(gh_kind_t kind, gh_str_t name)
{
    gh_sipkey_t key = { UINT64_C(0x67617465686f7573), (uint64_t) kind };

    return gh_siphash(&key, name);
}


bool
gh_kind_valid(gh_kind_t kind)
{
    return kind >= GH_KIND_KEY && kind < GH_KIND_MAX;
}


gh_str_t
gh_kind_word(gh_kind_t kind)
{
    return gh_str(gh_kind_valid(kind) ? kind_words[kind] : "unknown");
}


gh_rc_t
gh_store_key_encode(const gh_store_key_t *k, gh_buf_t *out)
{
    char hex[2 * GH_SHA256_LEN];
    gh_buf_t hash = GH_BUF(hex);
    size_t start = out->len;

    if (check_key(k) != GH_OK) {
        return GH_INVALID;
    }

    (void) gh_hex_encode((gh_str_t){ (const char *) k->hash, sizeof(k->hash) },
                         &hash);

    if (gh_buf_add_fmt(out, "{\"v\":%d", KEY_VERSION) != GH_OK
        || add_str(out, "id", k->id) != GH_OK
        || add_str(out, "consumer", k->consumer) != GH_OK
        || add_str(out, "hash", gh_buf_str(&hash)) != GH_OK
        || (k->keyed
            && gh_buf_add_fmt(out, ",\"pepper\":%lu",
                              (unsigned long) k->pepper)
                   != GH_OK)
        || add_date(out, "created", k->created_at_s) != GH_OK
        || add_date(out, "expires", k->expires_at_s) != GH_OK
        || add_date(out, "revoked", k->revoked_at_s) != GH_OK
        || (k->note.len > 0 && add_str(out, "note", k->note) != GH_OK)
        || gh_buf_add_char(out, '}') != GH_OK)
    {
        out->len = start;
        return GH_TOO_LONG;
    }

    return GH_OK;
}


static gh_rc_t
check_key(const gh_store_key_t *k)
{
    const int64_t dates[] = { k->created_at_s, k->expires_at_s,
                              k->revoked_at_s };

    if (k->id.len == 0 || k->id.len > GH_STORE_NAME_MAX || k->consumer.len == 0
        || k->consumer.len > GH_STORE_NAME_MAX)
    {
        return GH_INVALID;
    }

    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        if (dates[i] < 0 || dates[i] > date_max) {
            return GH_INVALID;
        }
    }

    return GH_OK;
}


static gh_rc_t
add_str(gh_buf_t *out, const char *member, gh_str_t value)
{
    if (gh_buf_add_fmt(out, ",\"%s\":", member) != GH_OK) {
        return GH_TOO_LONG;
    }

    return gh_json_quote(value, out);
}


static gh_rc_t
add_date(gh_buf_t *out, const char *member, int64_t at_s)
{
    if (at_s == 0) {
        return GH_OK;
    }

    return gh_buf_add_fmt(out, ",\"%s\":%lld", member, (long long) at_s);
}


gh_rc_t
gh_store_key_decode(gh_str_t text, gh_store_key_t *k, void **doc)
{
    json_t *object;

    *doc = NULL;
    memset(k, 0, sizeof(*k));

    if (gh_json_parse(text, GH_STORE_VALUE_MAX, &object, NULL) != GH_OK) {
        return GH_INVALID;
    }

    if (decode_key(object, k) != GH_OK || check_key(k) != GH_OK) {
        json_decref(object);
        return GH_INVALID;
    }

    *doc = object;

    return GH_OK;
}


static gh_rc_t
decode_key(const json_t *object, gh_store_key_t *k)
{
    const json_t *version = json_object_get(object, "v");

    if (!json_is_integer(version)
        || json_integer_value(version) != KEY_VERSION) {
        return GH_INVALID;
    }

    if (gh_json_str(object, "id", &k->id) != GH_OK
        || gh_json_str(object, "consumer", &k->consumer) != GH_OK
        || get_hash(object, k->hash) != GH_OK || get_pepper(object, k) != GH_OK
        || get_date(object, "created", &k->created_at_s) != GH_OK
        || get_date(object, "expires", &k->expires_at_s) != GH_OK
        || get_date(object, "revoked", &k->revoked_at_s) != GH_OK)
    {
        return GH_INVALID;
    }

    return gh_json_str(object, "note", &k->note) == GH_INVALID ? GH_INVALID
                                                               : GH_OK;
}


static gh_rc_t
get_hash(const json_t *object, uint8_t hash[GH_SHA256_LEN])
{
    gh_buf_t bytes = { (char *) hash, 0, GH_SHA256_LEN };
    gh_str_t hex;

    if (gh_json_str(object, "hash", &hex) != GH_OK
        || hex.len != 2 * (size_t) GH_SHA256_LEN)
    {
        return GH_INVALID;
    }

    return gh_hex_decode(hex, &bytes);
}


/* Present exactly when the hash is keyed. */
static gh_rc_t
get_pepper(const json_t *object, gh_store_key_t *k)
{
    const json_t *pepper = json_object_get(object, "pepper");

    if (pepper == NULL) {
        return GH_OK;
    }

    if (!json_is_integer(pepper) || json_integer_value(pepper) < 0
        || json_integer_value(pepper) > UINT32_MAX)
    {
        return GH_INVALID;
    }

    k->keyed = true;
    k->pepper = (uint32_t) json_integer_value(pepper);

    return GH_OK;
}


static gh_rc_t
get_date(const json_t *object, const char *name, int64_t *at_s)
{
    gh_rc_t rc = gh_json_date(object, name, at_s);

    return rc == GH_ABSENT ? GH_OK : rc;
}


void
gh_store_doc_free(void *doc)
{
    json_decref(doc);
}


gh_rc_t
gh_store_quota_name(gh_str_t limit, gh_str_t subject, uint32_t period,
                    gh_buf_t *out)
{
    char bytes[2 * (8 + GH_SHA256_LEN) + 4];
    uint8_t digest[GH_SHA256_LEN];
    size_t len = 0;

    len += put_part(bytes, limit);
    len += put_part(bytes + len, subject);

    for (unsigned i = 0; i < 4; i++) {
        bytes[len++] = (char) (unsigned char) (period >> (8 * i) & 0xff);
    }

    gh_sha256((gh_str_t){ bytes, len }, digest);

    return gh_hex_encode(
        (gh_str_t){ (const char *) digest, GH_SHA256_LEN / 2 }, out);
}


/* Length and SHA-256: any length of subject, a fixed length here. */
static size_t
put_part(char *to, gh_str_t part)
{
    uint8_t digest[GH_SHA256_LEN];

    for (unsigned i = 0; i < 8; i++) {
        to[i] = (char) (unsigned char) ((uint64_t) part.len >> (8 * i) & 0xff);
    }

    gh_sha256(part, digest);
    memcpy(to + 8, digest, sizeof(digest));

    return 8 + sizeof(digest);
}
