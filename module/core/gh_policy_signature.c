/*
 * Keys for message signatures: an algorithm of RFC 9421 section 3.3 and the
 * file that holds what it needs. The file itself is read when the set is
 * compiled.
 */

#include "gh_policy_entry.h"
#include "gh_policy_names.h"
#include "gh_policy_secret.h"


typedef struct {
    gh_policy_signature_t record;
    bool hmac;
    gh_str_t algorithm_at, secret_at, public_key_at; /* len 0: not given */
} draft_t;


static void signature(gh_policy_reader_t *rd, void *record);
static void signature_check(gh_policy_reader_t *rd, const draft_t *draft);
static void keyid(gh_policy_reader_t *rd, void *record);
static void algorithm(gh_policy_reader_t *rd, void *record);
static void secret(gh_policy_reader_t *rd, void *record);
static void public_key(gh_policy_reader_t *rd, void *record);
static void file(gh_policy_reader_t *rd, draft_t *draft, const char *what);


static const gh_policy_member_t members[] = {
    { "keyid", GH_POLICY_STRING, true, keyid },
    { "algorithm", GH_POLICY_STRING, true, algorithm },
    { "secret", GH_POLICY_STRING, false, secret },
    { "public_key", GH_POLICY_STRING, false, public_key },
};

static const gh_policy_shape_t shape = GH_POLICY_SHAPE("a signature", members);


void
gh_policy_signatures(gh_policy_reader_t *rd, void *record)
{
    (void) gh_policy_items(rd, signature, record);
}


static void
signature(gh_policy_reader_t *rd, void *record)
{
    draft_t draft = { .record.place = gh_policy_place(rd, rd->token) };

    bool complained = rd->complained;

    (void) record;
    draft.record.image.consumer = gh_policy_count(rd, GH_POLICY_CONSUMERS);

    if (!gh_policy_want(rd, GH_POLICY_OBJECT, "a signature")) {
        return;
    }

    rd->complained = false;
    gh_policy_object(rd, &shape, &draft);
    signature_check(rd, &draft);

    /* one complaint is enough: the file is not looked at */
    if (rd->complained) {
        draft.record.image.key = (gh_ref_t){ 0, 0 };
    }

    rd->complained = rd->complained || complained;
    (void) gh_policy_add(rd, GH_POLICY_SIGNATURES, &draft.record);
}


/* A shared secret proves with HMAC, a public key with everything else. */
static void
signature_check(gh_policy_reader_t *rd, const draft_t *draft)
{
    gh_str_t wrong = draft->hmac ? draft->public_key_at : draft->secret_at;
    gh_str_t right = draft->hmac ? draft->secret_at : draft->public_key_at;
    const char *member = draft->hmac ? "secret" : "public_key";

    if (draft->algorithm_at.len == 0) {
        return;
    }

    if (wrong.len > 0) {
        gh_policy_complain(rd, wrong,
                           "this algorithm takes a \"%s\" in a signature of "
                           "%s, not a \"%s\"",
                           member, rd->subject,
                           draft->hmac ? "public_key" : "secret");

    } else if (right.len == 0) {
        gh_policy_complain(rd, draft->algorithm_at,
                           "\"%s\" is missing in a signature of %s, as in "
                           "\"file:/etc/gatehouse/secrets/acme\"",
                           member, rd->subject);
    }
}


static void
keyid(gh_policy_reader_t *rd, void *record)
{
    draft_t *draft = record;
    gh_str_t id;

    if (gh_policy_string(rd, &id)
        && gh_policy_name_check(rd, id, rd->token, "keyid"))
    {
        draft->record.image.keyid = gh_policy_keep(rd, id);
    }
}


static void
algorithm(gh_policy_reader_t *rd, void *record)
{
    draft_t *draft = record;
    gh_policy_choices_t choices = { .n = 0 };
    gh_str_t name;

    if (!gh_policy_string(rd, &name)) {
        return;
    }

    if (gh_policy_algorithm_known(name, &draft->hmac)) {
        draft->algorithm_at = rd->token;
        draft->record.image.algorithm = gh_policy_intern(rd, name);
        return;
    }

    choices.word = name;
    gh_policy_algorithm_choices(&choices);
    gh_policy_complain(rd, rd->token, "unknown algorithm \"%s\"%s",
                       gh_policy_word(name).text,
                       gh_policy_advice(&choices, "algorithms").text);
}


static void
secret(gh_policy_reader_t *rd, void *record)
{
    draft_t *draft = record;

    draft->secret_at = rd->token;
    file(rd, draft, "secret");
}


static void
public_key(gh_policy_reader_t *rd, void *record)
{
    draft_t *draft = record;

    draft->public_key_at = rd->token;
    file(rd, draft, "public_key");
}


/* The text is not shown: it may be the secret itself. */
static void
file(gh_policy_reader_t *rd, draft_t *draft, const char *what)
{
    gh_str_t prefix = GH_STR("file:");
    gh_str_t text;

    if (!gh_policy_string(rd, &text)) {
        return;
    }

    gh_str_t path = { text.data + prefix.len, text.len - prefix.len };

    if (!gh_str_starts(text, prefix) || path.len == 0 || path.len > 4096) {
        gh_policy_complain(rd, rd->token,
                           "\"%s\" in a signature of %s must name a file, as "
                           "in \"file:/etc/gatehouse/secrets/acme\"; policies "
                           "hold no secrets",
                           what, rd->subject);
        return;
    }

    draft->record.image.key = gh_policy_keep(rd, path);
    draft->record.key_place = gh_policy_place(rd, rd->token);
}
