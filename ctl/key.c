/*
 * Records, ids and dates of API keys.
 */

#include "key.h"
#include "gh_policy_error.h"
#include "gh_time.h"
#include "policies.h"
#include "store.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <time.h>

#define RECORD_MAX 8192
#define NOTE_MAX 500
#define ID_ATTEMPTS 20


static ctl_exit_t build(ctl_t *c, gh_str_t id, gh_buf_t *text);
static bool id_taken(ctl_t *c, gh_str_t id, const char **by);


ctl_exit_t
ctl_key_expiry(const ctl_t *c, int64_t *at_s)
{
    const char *text = c->options[CTL_OPT_EXPIRES];
    int64_t now_s = (int64_t) time(NULL), span_s;

    *at_s = 0;

    if (text == NULL) {
        return CTL_DONE;
    }

    if (ctl_span(text, &span_s) == GH_OK && span_s < GH_TIME_MAX_S - now_s) {
        *at_s = now_s + span_s;
    } else if (gh_time_parse(gh_str(text), at_s) != GH_OK) {
        return ctl_fail(c, CTL_USAGE,
                        "--expires \"%s\" is neither a span such as 90d or "
                        "12h nor a date such as 2027-06-01 or "
                        "2027-06-01T12:00:00Z",
                        gh_policy_word(gh_str(text)).text);
    }

    if (*at_s <= now_s) {
        return ctl_fail(c, CTL_USAGE, "--expires %s has passed already",
                        gh_policy_word(gh_str(text)).text);
    }

    return CTL_DONE;
}


gh_rc_t
ctl_span(const char *text, int64_t *span_s)
{
    size_t len = strlen(text);

    if (len == 0 || strchr("smhd", text[len - 1]) == NULL) {
        return GH_INVALID;
    }

    return gh_duration_parse((gh_str_t){ text, len }, span_s);
}


ctl_exit_t
ctl_key_id(const ctl_t *c, const char **id)
{
    *id = c->options[CTL_OPT_ID];

    if (*id != NULL && !gh_apikey_id_valid(gh_str(*id))) {
        return ctl_fail(c, CTL_USAGE,
                        "--id \"%s\" is not an id: it has %d to %d "
                        "characters of a-z and 0-9",
                        gh_policy_word(gh_str(*id)).text, GH_APIKEY_ID_MIN,
                        GH_APIKEY_ID_MAX);
    }

    return CTL_DONE;
}


gh_rc_t
ctl_key_read(ctl_t *c, gh_str_t id, gh_store_key_t *key, uint64_t *version)
{
    gh_str_t record;
    gh_rc_t rc = ctl_store_read(c, GH_KIND_KEY, id, &record, version);

    return rc == GH_OK ? ctl_key_decode(c, record, key) : rc;
}


gh_rc_t
ctl_key_decode(ctl_t *c, gh_str_t record, gh_store_key_t *key)
{
    void *doc;
    gh_rc_t rc = gh_store_key_decode(record, key, &doc);

    if (rc == GH_OK) {
        key->id = gh_str(ctl_copy(&c->arena, key->id));
        key->consumer = gh_str(ctl_copy(&c->arena, key->consumer));
        key->note = gh_str(ctl_copy(&c->arena, key->note));
        gh_store_doc_free(doc);
    }

    return rc;
}


const char *
ctl_key_record(ctl_t *c, const gh_store_key_t *key)
{
    gh_buf_t out = { ctl_alloc(&c->arena, RECORD_MAX), 0, RECORD_MAX - 1 };
    gh_rc_t rc = key->note.len > NOTE_MAX ? GH_TOO_LONG
                                          : gh_store_key_encode(key, &out);

    if (rc != GH_OK) {
        (void) ctl_fail(c, CTL_USAGE, "--note is longer than %d bytes",
                        NOTE_MAX);
        return NULL;
    }

    return out.data;
}


const char *
ctl_key_subject(ctl_t *c, gh_str_t id, gh_str_t consumer)
{
    return ctl_text(&c->arena, "key %.*s of %.*s", (int) id.len, id.data,
                    (int) consumer.len, consumer.data);
}


ctl_exit_t
ctl_key_make(ctl_t *c, const char *id, gh_store_key_t *key, gh_str_t *text)
{
    char *room = ctl_alloc(&c->arena, GH_APIKEY_TEXT_MAX + 1);
    gh_buf_t out = { room, 0, GH_APIKEY_TEXT_MAX };
    ctl_exit_t rc;

    if (id == NULL) {
        rc = ctl_key_id_random(c, &key->id);
    } else {
        key->id = gh_str(id);
        rc = ctl_key_id_free(c, key->id);
    }

    if (rc == CTL_DONE) {
        rc = build(c, key->id, &out);
    }

    if (rc != CTL_DONE) {
        return rc;
    }

    *text = gh_buf_str(&out);
    key->keyed = true;
    key->pepper = c->secret.keys[0].id;

    if (gh_apikey_hash_keyed(&c->secret, 0, *text, key->hash) != GH_OK) {
        return ctl_fail(c, CTL_UNAVAILABLE, "there is no root key");
    }

    return CTL_DONE;
}


static ctl_exit_t
build(ctl_t *c, gh_str_t id, gh_buf_t *text)
{
    uint8_t random[32], id_random[8];
    gh_rc_t rc = GH_UNAVAILABLE;

    if (RAND_bytes(random, sizeof(random)) == 1
        && RAND_bytes(id_random, sizeof(id_random)) == 1)
    {
        rc = gh_apikey_build(id, random, id_random, text);
    }

    OPENSSL_cleanse(random, sizeof(random));

    return rc == GH_OK
               ? CTL_DONE
               : ctl_fail(c, CTL_UNAVAILABLE, "no random numbers for a key");
}


ctl_exit_t
ctl_key_id_random(ctl_t *c, gh_str_t *id)
{
    const char *by;

    for (unsigned i = 0; i < ID_ATTEMPTS; i++) {
        char room[GH_APIKEY_TEXT_MAX + 1];
        gh_buf_t text = GH_BUF(room);
        gh_apikey_t made;
        ctl_exit_t rc = build(c, GH_STR(""), &text);

        if (rc != CTL_DONE) {
            return rc;
        }

        if (gh_apikey_parse(gh_buf_str(&text), &made) == GH_OK
            && !id_taken(c, made.id, &by))
        {
            *id = gh_str(ctl_copy(&c->arena, made.id));
            OPENSSL_cleanse(room, sizeof(room));
            return CTL_DONE;
        }
    }

    return ctl_fail(c, CTL_UNAVAILABLE, "no id is free; give one with --id");
}


ctl_exit_t
ctl_key_id_free(ctl_t *c, gh_str_t id)
{
    const char *by;

    if (!id_taken(c, id, &by)) {
        return CTL_DONE;
    }

    return ctl_fail(c, CTL_REFUSED,
                    "there is a key %.*s already, %s; choose another --id, or "
                    "leave it out",
                    (int) id.len, id.data, by);
}


/* An issued key is looked for first, so that it would hide a declared one of
 * the same id. */
static bool
id_taken(ctl_t *c, gh_str_t id, const char **by)
{
    gh_str_t value;
    uint64_t version;
    const gh_image_t *im;

    *by = "issued";

    if (ctl_store_read(c, GH_KIND_KEY, id, &value, &version) != GH_ABSENT) {
        return true;
    }

    *by = "declared in the policies";

    return ctl_policies_key(c, id, &im) != NULL;
}
