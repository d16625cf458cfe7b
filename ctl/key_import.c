/*
 * key import: a key of other make, known by its hash only.
 */

#include "key.h"
#include "ask.h"
#include "gh_bytes.h"
#include "gh_policy_error.h"
#include "policies.h"
#include "store.h"

#include <time.h>


static ctl_exit_t parse_hash(const ctl_t *c, uint8_t hash[GH_SHA256_LEN],
                             gh_buf_t *hex);
static ctl_exit_t hash_free(ctl_t *c, const uint8_t hash[GH_SHA256_LEN],
                            gh_str_t hex);
static ctl_exit_t write_imported(ctl_t *c, const gh_store_key_t *key,
                                 gh_str_t hex);


ctl_exit_t
ctl_key_import(ctl_t *c)
{
    char room[2 * GH_SHA256_LEN];
    gh_buf_t hex = GH_BUF(room);
    const char *id = NULL, *note = c->options[CTL_OPT_NOTE];
    gh_store_key_t key = { .consumer = gh_str(c->args[0]),
                           .created_at_s = (int64_t) time(NULL),
                           .note = gh_str(note == NULL ? "" : note) };
    ctl_exit_t rc = parse_hash(c, key.hash, &hex);

    rc = rc == CTL_DONE ? ctl_key_expiry(c, &key.expires_at_s) : rc;
    rc = rc == CTL_DONE ? ctl_key_id(c, &id) : rc;
    rc = rc == CTL_DONE ? ctl_store_open(c, CTL_STORE_WRITE) : rc;
    rc = rc == CTL_DONE ? ctl_policies_consumer(c, c->args[0], NULL) : rc;
    rc = rc == CTL_DONE ? hash_free(c, key.hash, gh_buf_str(&hex)) : rc;

    if (rc == CTL_DONE && id == NULL) {
        rc = ctl_key_id_random(c, &key.id);
    } else if (rc == CTL_DONE) {
        key.id = gh_str(id);
        rc = ctl_key_id_free(c, key.id);
    }

    rc = rc == CTL_DONE ? write_imported(c, &key, gh_buf_str(&hex)) : rc;

    if (rc != CTL_DONE) {
        return rc;
    }

    ctl_say(c, "key %.*s of %s is imported, expires: %s\n", (int) key.id.len,
            key.id.data, c->args[0], ctl_when_utc(c, key.expires_at_s));
    ctl_print_json(
        c, json_pack("{s:o, s:o, s:o, s:I}", "id", ctl_json_text(key.id),
                     "consumer", ctl_json_text(key.consumer), "expires",
                     ctl_json_when(key.expires_at_s), "change",
                     (json_int_t) c->change));

    return ctl_wait(c);
}


static ctl_exit_t
parse_hash(const ctl_t *c, uint8_t hash[GH_SHA256_LEN], gh_buf_t *hex)
{
    const char *text = c->options[CTL_OPT_HASH];

    if (text == NULL || gh_apikey_hash_parse(gh_str(text), hash) != GH_OK) {
        return ctl_fail(c, CTL_USAGE,
                        "%s; write --hash sha256:..., as printf %%s \"$KEY\" "
                        "| sha256sum prints it (never the key itself)",
                        text == NULL ? "--hash is missing"
                                     : "--hash is not the hash of a key");
    }

    return gh_hex_encode((gh_str_t){ (const char *) hash, GH_SHA256_LEN }, hex)
                   == GH_OK
               ? CTL_DONE
               : CTL_USAGE;
}


static ctl_exit_t
hash_free(ctl_t *c, const uint8_t hash[GH_SHA256_LEN], gh_str_t hex)
{
    gh_str_t id = { NULL, 0 };
    uint64_t version;
    const gh_image_t *im = ctl_policies_any(c);
    const gh_image_key_t *key = im == NULL ? NULL : gh_image_key(im, hash);
    gh_rc_t rc = ctl_store_read(c, GH_KIND_KEY_HASH, hex, &id, &version);

    if (rc == GH_ABSENT && key == NULL) {
        return CTL_DONE;
    }

    if (rc != GH_OK && rc != GH_ABSENT) {
        return ctl_store_failed(c, GH_KIND_KEY_HASH, hex);
    }

    if (key != NULL) {
        id = gh_image_str(im, key->id);
    }

    return ctl_fail(c, CTL_REFUSED, "that key is known already: it is %.*s",
                    (int) id.len, id.data);
}


static ctl_exit_t
write_imported(ctl_t *c, const gh_store_key_t *key, gh_str_t hex)
{
    ctl_change_t change;
    const char *record = ctl_key_record(c, key);
    ctl_exit_t rc;

    if (record == NULL) {
        return CTL_USAGE;
    }

    ctl_change_begin(c, &change, "import",
                     ctl_key_subject(c, key->id, key->consumer));
    ctl_change_add(&change, GH_KIND_KEY, key->id, record, 0);
    ctl_change_add(&change, GH_KIND_KEY_HASH, hex,
                   ctl_copy(&c->arena, key->id), 0);

    rc = ctl_change_write(c, &change);

    return rc == CTL_PENDING
               ? ctl_fail(c, CTL_REFUSED,
                          "somebody else imported that key, or made a key "
                          "%.*s, just now",
                          (int) key->id.len, key->id.data)
               : rc;
}
