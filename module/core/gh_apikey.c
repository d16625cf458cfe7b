/*
 * The text of an API key: taken apart, checked, built and hashed. What a key
 * belongs to is asked elsewhere, by its id or its hash.
 */

#include "gh_apikey.h"
#include "gh_bytes.h"

#include <openssl/crypto.h>

#define ID_DERIVED_LEN 10
#define FOREIGN_LEN_MIN 8


static bool visible(gh_str_t text);
static bool all_base62(gh_str_t text);
static void checksum(gh_str_t text, char out[GH_APIKEY_SUM_LEN]);
static uint32_t crc32_ieee(gh_str_t text);
static void derive_id(const uint8_t random[8], char out[ID_DERIVED_LEN]);
static void base62(const uint8_t random[32], char out[GH_APIKEY_SECRET_LEN]);


static const char digits62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "abcdefghijklmnopqrstuvwxyz";


gh_rc_t
gh_apikey_parse(gh_str_t text, gh_apikey_t *out)
{
    char sum[GH_APIKEY_SUM_LEN];
    gh_str_t rest, secret;

    *out = (gh_apikey_t){ { NULL, 0 }, false };

    if (text.len < FOREIGN_LEN_MIN || text.len > GH_APIKEY_TEXT_MAX
        || !visible(text))
    {
        return GH_INVALID;
    }

    if (!gh_str_starts(text, GH_STR("gh_"))) {
        return GH_OK;
    }

    (void) gh_str_cut(text, '_', &rest);
    gh_str_t id = gh_str_cut(rest, '_', &rest);

    secret = gh_str_cut(rest, '_', &rest);

    if (!gh_apikey_id_valid(id) || secret.len != GH_APIKEY_SECRET_LEN
        || !all_base62(secret) || rest.len != GH_APIKEY_SUM_LEN)
    {
        return GH_INVALID;
    }

    checksum((gh_str_t){ text.data, text.len - GH_APIKEY_SUM_LEN - 1 }, sum);

    if (memcmp(sum, rest.data, sizeof(sum)) != 0) {
        return GH_INVALID;
    }

    *out = (gh_apikey_t){ id, true };
    return GH_OK;
}


static bool
visible(gh_str_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '!' || text.data[i] > '~') {
            return false;
        }
    }

    return true;
}


static bool
all_base62(gh_str_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
              || (c >= 'a' && c <= 'z')))
        {
            return false;
        }
    }

    return true;
}


bool
gh_apikey_id_valid(gh_str_t id)
{
    if (id.len < GH_APIKEY_ID_MIN || id.len > GH_APIKEY_ID_MAX) {
        return false;
    }

    for (size_t i = 0; i < id.len; i++) {
        char c = id.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'))) {
            return false;
        }
    }

    return true;
}


/* CRC-32 in base62: a typo is found, nothing is proven. */
static void
checksum(gh_str_t text, char out[GH_APIKEY_SUM_LEN])
{
    uint32_t crc = crc32_ieee(text);

    for (size_t i = GH_APIKEY_SUM_LEN; i-- > 0;) {
        out[i] = digits62[crc % 62];
        crc /= 62;
    }
}


/* IEEE 802.3, reflected, a nibble at a time. */
static uint32_t
crc32_ieee(gh_str_t text)
{
    static const uint32_t nibbles[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < text.len; i++) {
        crc ^= (unsigned char) text.data[i];
        crc = crc >> 4 ^ nibbles[crc & 15];
        crc = crc >> 4 ^ nibbles[crc & 15];
    }

    return ~crc;
}


gh_rc_t
gh_apikey_build(gh_str_t id, const uint8_t random[32],
                const uint8_t id_random[8], gh_buf_t *out)
{
    char derived[ID_DERIVED_LEN], secret[GH_APIKEY_SECRET_LEN];
    char sum[GH_APIKEY_SUM_LEN];
    size_t before = out->len;

    if (id.len == 0) {
        derive_id(id_random, derived);
        id = (gh_str_t){ derived, sizeof(derived) };
    }

    if (!gh_apikey_id_valid(id)) {
        return GH_INVALID;
    }

    if (out->cap - before < 3 + id.len + 1 + sizeof(secret) + 1 + sizeof(sum))
    {
        return GH_TOO_LONG;
    }

    base62(random, secret);

    (void) gh_buf_add(out, GH_STR("gh_"));
    (void) gh_buf_add(out, id);
    (void) gh_buf_add_char(out, '_');
    (void) gh_buf_add(out, (gh_str_t){ secret, sizeof(secret) });
    checksum((gh_str_t){ out->data + before, out->len - before }, sum);
    (void) gh_buf_add_char(out, '_');
    (void) gh_buf_add(out, (gh_str_t){ sum, sizeof(sum) });

    OPENSSL_cleanse(secret, sizeof(secret));
    return GH_OK;
}


/* 36^10 is far below 2^64: no id is noticeably likelier than another. */
static void
derive_id(const uint8_t random[8], char out[ID_DERIVED_LEN])
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";

    uint64_t n = 0;

    for (size_t i = 0; i < 8; i++) {
        n = n << 8 | random[i];
    }

    for (size_t i = ID_DERIVED_LEN; i-- > 0;) {
        out[i] = letters[n % 36];
        n /= 36;
    }
}


/* All 256 bits as one number: 62^43 is just above 2^256. */
static void
base62(const uint8_t random[32], char out[GH_APIKEY_SECRET_LEN])
{
    uint8_t number[32];

    memcpy(number, random, sizeof(number));

    for (size_t i = GH_APIKEY_SECRET_LEN; i-- > 0;) {
        unsigned rest = 0;

        for (size_t j = 0; j < sizeof(number); j++) {
            rest = rest << 8 | number[j];
            number[j] = (uint8_t) (rest / 62);
            rest %= 62;
        }

        out[i] = digits62[rest];
    }

    OPENSSL_cleanse(number, sizeof(number));
}


void
gh_apikey_hash(gh_str_t text, uint8_t out[GH_SHA256_LEN])
{
    gh_sha256(text, out);
}


gh_rc_t
gh_apikey_hash_keyed(const gh_secret_t *s, unsigned i, gh_str_t text,
                     uint8_t out[GH_SHA256_LEN])
{
    return gh_secret_mac(s, i, GH_PURPOSE_API_KEY, text, out);
}


gh_rc_t
gh_apikey_hash_parse(gh_str_t text, uint8_t out[GH_SHA256_LEN])
{
    gh_str_t prefix = GH_STR("sha256:");
    gh_buf_t bytes = { (char *) out, 0, GH_SHA256_LEN };

    if (text.len != prefix.len + (size_t) 2 * GH_SHA256_LEN
        || !gh_str_starts(text, prefix))
    {
        return GH_INVALID;
    }

    return gh_hex_decode(
        (gh_str_t){ text.data + prefix.len, text.len - prefix.len }, &bytes);
}
