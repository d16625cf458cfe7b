/*
 * Root keys: each becomes one key per purpose by HKDF, and only those are
 * kept. Sealing takes a key of its own for every name, so that random nonces
 * stay far from their bound (NIST SP 800-38D section 8.3) however many values
 * a fleet seals.
 */

#include "gh_secret.h"
#include "gh_bytes.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#define SEAL_VERSION 1
#define HEAD_LEN (1 + 4)
#define NONCE_LEN 12
#define TAG_LEN 16


/* One sealed value, taken apart; the text is plain or ciphered. */
typedef struct {
    const uint8_t *head;
    const uint8_t *nonce;
    gh_str_t name;
    gh_str_t text;
} sealed_t;


static gh_str_t trim(gh_str_t text);
static bool is_space(char c);
static bool long_enough(gh_str_t key);
static bool all_zero(gh_str_t s);
static bool all_of(gh_str_t s, const char *letters);
static void derive_key(gh_str_t root, const char *label, gh_hmac_key_t *out);
static void derive(gh_str_t root, const char *label, uint8_t *out, size_t len);
static void name_key(const gh_secret_key_t *root, gh_purpose_t purpose,
                     gh_str_t name, uint8_t out[GH_SECRET_LEN]);
static void write_id(uint32_t id, uint8_t out[4]);
static gh_rc_t encrypt(const uint8_t key[GH_SECRET_LEN], const sealed_t *s,
                       uint8_t *out);
static gh_rc_t decrypt(const uint8_t key[GH_SECRET_LEN], const sealed_t *s,
                       uint8_t *out);
static gh_rc_t begin(EVP_CIPHER_CTX *ctx, int encrypting,
                     const uint8_t key[GH_SECRET_LEN], const sealed_t *s);


/* A MAC must never come out equal to a key that seals: two labels each. */
static const struct {
    const char *mac, *seal;
} labels[GH_PURPOSE_COUNT] = {
    [GH_PURPOSE_STATE_COOKIE] = { "gatehouse 1 mac state cookie",
                                  "gatehouse 1 seal state cookie" },
    [GH_PURPOSE_SESSION] = { "gatehouse 1 mac session",
                             "gatehouse 1 seal session" },
    [GH_PURPOSE_API_KEY] = { "gatehouse 1 mac api key",
                             "gatehouse 1 seal api key" },
    [GH_PURPOSE_STICKY] = { "gatehouse 1 mac sticky cookie",
                            "gatehouse 1 seal sticky cookie" },
    [GH_PURPOSE_KEYS] = { "gatehouse 1 mac keys", "gatehouse 1 seal keys" },
    [GH_PURPOSE_EXPLAIN] = { "gatehouse 1 mac explain",
                             "gatehouse 1 seal explain" },
    [GH_PURPOSE_STORE] = { "gatehouse 1 mac store", "gatehouse 1 seal store" },
};


gh_rc_t
gh_secret_add(gh_secret_t *s, gh_str_t file_text)
{
    gh_str_t root = trim(file_text);
    uint8_t id[4];

    if (!long_enough(root)) {
        return GH_INVALID;
    }

    if (s->n == GH_SECRET_KEYS_MAX) {
        return GH_FULL;
    }

    gh_secret_key_t *key = &s->keys[s->n++];

    for (unsigned i = 0; i < GH_PURPOSE_COUNT; i++) {
        derive_key(root, labels[i].mac, &key->mac[i]);
        derive_key(root, labels[i].seal, &key->seal[i]);
    }

    derive(root, "gatehouse 1 id", id, sizeof(id));
    key->id = (uint32_t) id[0] << 24 | (uint32_t) id[1] << 16
              | (uint32_t) id[2] << 8 | id[3];

    derive(root, "gatehouse 1 fingerprint", key->fingerprint,
           sizeof(key->fingerprint));

    return GH_OK;
}


/* A file of raw bytes may begin or end with what looks like white space. */
static gh_str_t
trim(gh_str_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((text.data[i] < ' ' || text.data[i] > '~')
            && !is_space(text.data[i])) {
            return text;
        }
    }

    while (text.len > 0 && is_space(text.data[0])) {
        text.data++;
        text.len--;
    }

    while (text.len > 0 && is_space(text.data[text.len - 1])) {
        text.len--;
    }

    return text;
}


static bool
is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}


/*
 * 256 bits by what the letters can carry; a file of NULs is what a failed
 * write leaves behind.
 */
static bool
long_enough(gh_str_t key)
{
    static const char hex[] = "0123456789abcdefABCDEF";
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz"
                                 "0123456789-_+/=";

    if (all_of(key, hex)) {
        return key.len >= 64;
    }

    if (all_zero(key)) {
        return false;
    }

    return key.len >= (all_of(key, base64) ? 43 : 32);
}


static bool
all_zero(gh_str_t s)
{
    size_t i = 0;

    while (i < s.len && s.data[i] == '\0') {
        i++;
    }

    return i == s.len;
}


static bool
all_of(gh_str_t s, const char *letters)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '\0' || strchr(letters, s.data[i]) == NULL) {
            return false;
        }
    }

    return true;
}


static void
derive_key(gh_str_t root, const char *label, gh_hmac_key_t *out)
{
    uint8_t key[GH_SECRET_LEN];

    derive(root, label, key, sizeof(key));
    gh_hmac_key_init(out, (gh_str_t){ (char *) key, sizeof(key) });
    OPENSSL_cleanse(key, sizeof(key));
}


static void
derive(gh_str_t root, const char *label, uint8_t *out, size_t len)
{
    /* cannot be refused: every length asked for here is short */
    (void) gh_hkdf_sha256(GH_STR(""), root, gh_str(label), out, len);
}


void
gh_secret_clear(gh_secret_t *s)
{
    OPENSSL_cleanse(s, sizeof(*s));
}


void
gh_secret_fingerprint(const gh_secret_t *s, char out[17])
{
    gh_buf_t text = { out, 0, 16 };

    if (s->n > 0) {
        (void) gh_hex_encode((gh_str_t){ (const char *) s->keys[0].fingerprint,
                                         sizeof(s->keys[0].fingerprint) },
                             &text);
    }

    out[text.len] = '\0';
}


bool
gh_secret_knows(const gh_secret_t *s, gh_str_t fingerprint)
{
    uint8_t room[sizeof(s->keys[0].fingerprint)];
    gh_buf_t bytes = { (char *) room, 0, sizeof(room) };

    if (gh_hex_decode(fingerprint, &bytes) != GH_OK
        || bytes.len != sizeof(room)) {
        return false;
    }

    for (unsigned i = 0; i < s->n; i++) {
        if (memcmp(room, s->keys[i].fingerprint, sizeof(room)) == 0) {
            return true;
        }
    }

    return false;
}


gh_rc_t
gh_secret_seal(const gh_secret_t *s, gh_purpose_t purpose, gh_str_t name,
               const uint8_t nonce[12], gh_str_t plain, gh_buf_t *out)
{
    uint8_t key[GH_SECRET_LEN], head[HEAD_LEN] = { SEAL_VERSION };
    sealed_t parts = { head, nonce, name, plain };

    if (s->n == 0) {
        return GH_ABSENT;
    }

    if ((unsigned) purpose >= GH_PURPOSE_COUNT) {
        return GH_INVALID;
    }

    if (out->cap - out->len < GH_SEAL_OVERHEAD
        || plain.len > out->cap - out->len - GH_SEAL_OVERHEAD
        || plain.len > INT_MAX || name.len > INT_MAX)
    {
        return GH_TOO_LONG;
    }

    uint8_t *to = (uint8_t *) out->data + out->len;

    write_id(s->keys[0].id, head + 1);
    memcpy(to, head, HEAD_LEN);
    memcpy(to + HEAD_LEN, nonce, NONCE_LEN);
    name_key(&s->keys[0], purpose, name, key);
    gh_rc_t rc = encrypt(key, &parts, to + HEAD_LEN + NONCE_LEN);

    OPENSSL_cleanse(key, sizeof(key));

    if (rc == GH_OK) {
        out->len += GH_SEAL_OVERHEAD + plain.len;
    }

    return rc;
}


static void
name_key(const gh_secret_key_t *root, gh_purpose_t purpose, gh_str_t name,
         uint8_t out[GH_SECRET_LEN])
{
    gh_hmac_keyed(&root->seal[purpose], name, out);
}


static void
write_id(uint32_t id, uint8_t out[4])
{
    for (unsigned i = 0; i < 4; i++) {
        out[i] = (uint8_t) (id >> (24 - 8 * i) & 255);
    }
}


gh_rc_t
gh_secret_open(const gh_secret_t *s, gh_purpose_t purpose, gh_str_t name,
               gh_str_t sealed, gh_buf_t *out)
{
    gh_rc_t rc = GH_DENIED;
    uint8_t key[GH_SECRET_LEN], id[4], *to = NULL;

    if (sealed.len < GH_SEAL_OVERHEAD || sealed.data[0] != SEAL_VERSION
        || sealed.len > INT_MAX || name.len > INT_MAX
        || (unsigned) purpose >= GH_PURPOSE_COUNT)
    {
        return GH_DENIED;
    }

    const uint8_t *from = (const uint8_t *) sealed.data;
    sealed_t parts = { from,
                       from + HEAD_LEN,
                       name,
                       { sealed.data + HEAD_LEN + NONCE_LEN,
                         sealed.len - GH_SEAL_OVERHEAD } };

    if (parts.text.len > out->cap - out->len) {
        return GH_TOO_LONG;
    }

    if (out->cap > 0) {
        to = (uint8_t *) out->data + out->len;
    }

    for (unsigned i = 0; i < s->n && rc == GH_DENIED; i++) {
        write_id(s->keys[i].id, id);

        if (memcmp(id, from + 1, sizeof(id)) == 0) {
            name_key(&s->keys[i], purpose, name, key);
            rc = decrypt(key, &parts, to);
        }
    }

    OPENSSL_cleanse(key, sizeof(key));

    if (rc == GH_OK) {
        out->len += parts.text.len;
    }

    return rc;
}


static gh_rc_t
encrypt(const uint8_t key[GH_SECRET_LEN], const sealed_t *s, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t *tag = out + s->text.len;
    gh_rc_t rc = begin(ctx, 1, key, s);
    int n;

    if (rc == GH_OK
        && (EVP_EncryptUpdate(ctx, out, &n, (const uint8_t *) s->text.data,
                              (int) s->text.len)
                != 1
            || EVP_EncryptFinal_ex(ctx, tag, &n) != 1
            || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, tag)
                   != 1))
    {
        rc = GH_NOMEM;
    }

    EVP_CIPHER_CTX_free(ctx);
    return rc;
}


/* The tag stands behind s->text. */
static gh_rc_t
decrypt(const uint8_t key[GH_SECRET_LEN], const sealed_t *s, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    const uint8_t *text = (const uint8_t *) s->text.data;
    uint8_t tag[TAG_LEN], none;
    gh_rc_t rc = begin(ctx, 0, key, s);
    int n;

    memcpy(tag, text + s->text.len, TAG_LEN);

    if (rc == GH_OK
        && (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) != 1
            || EVP_DecryptUpdate(ctx, s->text.len == 0 ? &none : out, &n, text,
                                 (int) s->text.len)
                   != 1))
    {
        rc = GH_NOMEM;
    }

    if (rc == GH_OK && EVP_DecryptFinal_ex(ctx, &none, &n) != 1) {
        OPENSSL_cleanse(out, s->text.len); /* nobody reads what is forged */
        rc = GH_DENIED;
    }

    EVP_CIPHER_CTX_free(ctx);
    return rc;
}


static gh_rc_t
begin(EVP_CIPHER_CTX *ctx, int encrypting, const uint8_t key[GH_SECRET_LEN],
      const sealed_t *s)
{
    int n;

    /* version and id have one length, so nothing slides into the name */
    if (ctx == NULL
        || EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, s->nonce,
                             encrypting)
               != 1
        || EVP_CipherUpdate(ctx, NULL, &n, s->head, HEAD_LEN) != 1
        || (s->name.len > 0
            && EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *) s->name.data,
                                (int) s->name.len)
                   != 1))
    {
        return GH_NOMEM;
    }

    return GH_OK;
}


uint32_t
gh_secret_sealed_by(gh_str_t sealed)
{
    uint32_t id = 0;

    if (sealed.len < GH_SEAL_OVERHEAD || sealed.data[0] != SEAL_VERSION) {
        return 0;
    }

    for (unsigned i = 1; i < HEAD_LEN; i++) {
        id = id << 8 | (uint8_t) sealed.data[i];
    }

    return id;
}


gh_rc_t
gh_secret_mac(const gh_secret_t *s, unsigned i, gh_purpose_t purpose,
              gh_str_t text, uint8_t out[GH_SHA256_LEN])
{
    if (i >= s->n) {
        return GH_ABSENT;
    }

    if ((unsigned) purpose >= GH_PURPOSE_COUNT) {
        return GH_INVALID;
    }

    gh_hmac_keyed(&s->keys[i].mac[purpose], text, out);
    return GH_OK;
}
