/*
 * The credentials of a consumer: API keys by their hash, keys for message
 * signatures (RFC 9421), and claims of tokens that stand for the consumer.
 */

#include "gh_apikey.h"
#include "gh_policy_entry.h"
#include "gh_policy_names.h"


static void api_keys(gh_policy_reader_t *rd, void *record);
static void api_key(gh_policy_reader_t *rd, void *record);
static void key_id(gh_policy_reader_t *rd, void *record);
static void key_hash(gh_policy_reader_t *rd, void *record);
static void key_expires(gh_policy_reader_t *rd, void *record);
static void tokens(gh_policy_reader_t *rd, void *record);
static void token(gh_policy_reader_t *rd, void *record);
static void token_issuer(gh_policy_reader_t *rd, void *record);
static void token_claims(gh_policy_reader_t *rd, void *record);
static void token_claim(gh_policy_reader_t *rd, gh_str_t name, gh_str_t at,
                        void *record);
static void sort_claims(gh_policy_reader_t *rd, gh_span_t claims, gh_str_t at);


static const gh_policy_member_t key_members[] = {
    { "id", GH_POLICY_STRING, true, key_id },
    { "hash", GH_POLICY_STRING, true, key_hash },
    { "expires", GH_POLICY_STRING, false, key_expires },
};

static const gh_policy_shape_t key_shape =
    GH_POLICY_SHAPE("an API key", key_members);

static const gh_policy_member_t token_members[] = {
    { "issuer", GH_POLICY_STRING, true, token_issuer },
    { "claims", GH_POLICY_OBJECT, true, token_claims },
};

static const gh_policy_shape_t token_shape =
    GH_POLICY_SHAPE("a token", token_members);

static const gh_policy_member_t members[] = {
    { "api_keys", GH_POLICY_ARRAY, false, api_keys },
    { "signatures", GH_POLICY_ARRAY, false, gh_policy_signatures },
    { "tokens", GH_POLICY_ARRAY, false, tokens },
};

static const gh_policy_shape_t shape = GH_POLICY_SHAPE("credentials", members);


void
gh_policy_credentials(gh_policy_reader_t *rd, void *record)
{
    gh_policy_object(rd, &shape, record);
}


static void
api_keys(gh_policy_reader_t *rd, void *record)
{
    (void) gh_policy_items(rd, api_key, record);
}


static void
api_key(gh_policy_reader_t *rd, void *record)
{
    gh_policy_key_t key = { .place = gh_policy_place(rd, rd->token) };

    (void) record;
    key.image.consumer = gh_policy_count(rd, GH_POLICY_CONSUMERS);

    if (!gh_policy_want(rd, GH_POLICY_OBJECT, "an API key")) {
        return;
    }

    gh_policy_object(rd, &key_shape, &key);
    (void) gh_policy_add(rd, GH_POLICY_KEYS, &key);
}


static void
key_id(gh_policy_reader_t *rd, void *record)
{
    gh_policy_key_t *key = record;
    gh_str_t id;

    if (gh_policy_string(rd, &id)
        && gh_policy_name_check(rd, id, rd->token, "key"))
    {
        key->image.id = gh_policy_keep(rd, id);
    }
}


static void
key_hash(gh_policy_reader_t *rd, void *record)
{
    uint8_t of_nothing[GH_SHA256_LEN];
    gh_policy_key_t *key = record;
    gh_str_t text;

    if (!gh_policy_string(rd, &text)) {
        return;
    }

    if (gh_apikey_hash_parse(text, key->image.hash) != GH_OK) {
        gh_policy_complain(rd, rd->token,
                           "\"hash\" in an API key of %s must be \"sha256:\" "
                           "and 64 hexadecimal digits, the hash of the whole "
                           "key",
                           rd->subject);
        return;
    }

    gh_apikey_hash(GH_STR(""), of_nothing);

    if (memcmp(key->image.hash, of_nothing, GH_SHA256_LEN) == 0) {
        gh_policy_complain(rd, rd->token,
                           "\"hash\" in an API key of %s is the hash of the "
                           "empty text; was the key's variable set?",
                           rd->subject);
    }
}


static void
key_expires(gh_policy_reader_t *rd, void *record)
{
    gh_policy_key_t *key = record;

    key->image.expires_at_s = gh_policy_time(rd, "expires");
}


static void
tokens(gh_policy_reader_t *rd, void *record)
{
    (void) gh_policy_items(rd, token, record);
}


static void
token(gh_policy_reader_t *rd, void *record)
{
    gh_policy_token_t item = { .place = gh_policy_place(rd, rd->token) };

    (void) record;
    item.image.consumer = gh_policy_count(rd, GH_POLICY_CONSUMERS);

    if (!gh_policy_want(rd, GH_POLICY_OBJECT, "a token")) {
        return;
    }

    gh_policy_object(rd, &token_shape, &item);
    (void) gh_policy_add(rd, GH_POLICY_TOKENS, &item);
}


static void
token_issuer(gh_policy_reader_t *rd, void *record)
{
    gh_policy_token_t *item = record;
    gh_str_t name;

    if (gh_policy_string(rd, &name)
        && gh_policy_name_check(rd, name, rd->token, "token issuer"))
    {
        item->image.issuer = gh_policy_intern(rd, name);
        item->issuer_place = gh_policy_place(rd, rd->token);
    }
}


/* No claim at all would make every token of the issuer this consumer (F5). */
static void
token_claims(gh_policy_reader_t *rd, void *record)
{
    gh_policy_token_t *item = record;
    gh_str_t at = rd->token;
    uint32_t first = gh_policy_count(rd, GH_POLICY_REFS);
    size_t n = gh_policy_entries(rd, token_claim, record);

    if (rd->rc != GH_OK) {
        return;
    }

    if (n == 0) {
        gh_policy_complain(rd, at,
                           "\"claims\" of a token of %s is empty: every token "
                           "of the issuer would match; name at least one, as "
                           "in { \"azp\": \"acme\" }",
                           rd->subject);
        return;
    }

    if (n > GH_IMAGE_CLAIMS_MAX) {
        gh_policy_complain(rd, at, "a token of %s has more than %u claims",
                           rd->subject, GH_IMAGE_CLAIMS_MAX);
        return;
    }

    item->image.claims =
        (gh_span_t){ first,
                     (gh_policy_count(rd, GH_POLICY_REFS) - first) / 2 };

    sort_claims(rd, item->image.claims, at);
}


static void
token_claim(gh_policy_reader_t *rd, gh_str_t name, gh_str_t at, void *record)
{
    gh_ref_t pair[2];
    gh_str_t pointer, value;

    (void) record;

    if (!gh_policy_pointer_parse(name, &pointer)) {
        gh_policy_complain(rd, at,
                           "\"%s\" is neither the name of a claim nor a JSON "
                           "pointer to one",
                           gh_policy_word(name).text);
        gh_policy_skip(rd);
        return;
    }

    pair[0] = gh_policy_intern(rd, pointer);

    if (!gh_policy_want(rd, GH_POLICY_STRING, "the value of a claim")
        || !gh_policy_string(rd, &value))
    {
        return;
    }

    if (!gh_policy_text_valid(value)) {
        gh_policy_complain(rd, rd->token,
                           "the value of a claim of %s must be one line of 1 "
                           "to %d bytes",
                           rd->subject, GH_POLICY_TEXT_MAX);
        return;
    }

    pair[1] = gh_policy_keep(rd, value);

    (void) gh_policy_add(rd, GH_POLICY_REFS, &pair[0]);
    (void) gh_policy_add(rd, GH_POLICY_REFS, &pair[1]);
}


/* By pointer, so that equal sets are equal lists; there are few. */
static void
sort_claims(gh_policy_reader_t *rd, gh_span_t claims, gh_str_t at)
{
    for (uint32_t i = 1; i < claims.n; i++) {
        for (uint32_t j = i; j > 0; j--) {
            gh_ref_t *pair = gh_policy_part_at(rd->part, GH_POLICY_REFS,
                                               claims.off + 2 * (j - 1));
            gh_ref_t moved[2] = { pair[0], pair[1] };
            int order = gh_str_cmp(gh_policy_part_str(rd->part, pair[0]),
                                   gh_policy_part_str(rd->part, pair[2]));

            if (order == 0) {
                gh_policy_complain(rd, at,
                                   "\"claims\" of a token of %s names one "
                                   "claim twice, as a name and as a pointer",
                                   rd->subject);
                return;
            }

            if (order < 0) {
                break;
            }

            memmove(pair, pair + 2, sizeof(moved));
            memcpy(pair + 2, moved, sizeof(moved));
        }
    }
}
