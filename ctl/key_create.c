/*
 * key create and key rotate: a new key, shown once and kept as a hash.
 */

#include "key.h"
#include "ask.h"
#include "policies.h"
#include "store.h"

#include <stdio.h>
#include <time.h>

#define OVERLAP_S (24 * 60 * 60)


static ctl_exit_t write_new(ctl_t *c, const gh_store_key_t *key);
static void warn_root_key(ctl_t *c);
static ctl_exit_t show(ctl_t *c, const gh_store_key_t *key, gh_str_t text,
                       const gh_store_key_t *old);
static ctl_exit_t parse_overlap(const ctl_t *c, int64_t *span_s);
static ctl_exit_t read_old(ctl_t *c, gh_store_key_t *old, uint64_t *version);
static ctl_exit_t not_issued(ctl_t *c, gh_str_t id);
static ctl_exit_t check_alive(ctl_t *c, const gh_store_key_t *old);
static ctl_exit_t write_rotated(ctl_t *c, const gh_store_key_t *key,
                                const gh_store_key_t *old, uint64_t version);


ctl_exit_t
ctl_key_create(ctl_t *c)
{
    const char *id = NULL, *note = c->options[CTL_OPT_NOTE];
    gh_store_key_t key = { .consumer = gh_str(c->args[0]),
                           .created_at_s = (int64_t) time(NULL),
                           .note = gh_str(note == NULL ? "" : note) };
    gh_str_t text = { NULL, 0 };
    bool pending = false;
    ctl_exit_t rc = ctl_key_expiry(c, &key.expires_at_s);

    rc = rc == CTL_DONE ? ctl_key_id(c, &id) : rc;
    rc = rc == CTL_DONE ? ctl_store_open(c, CTL_STORE_WRITE | CTL_STORE_SECRET)
                        : rc;
    rc = rc == CTL_DONE ? ctl_policies_consumer(c, c->args[0], &pending) : rc;
    rc = rc == CTL_DONE ? ctl_key_make(c, id, &key, &text) : rc;
    rc = rc == CTL_DONE ? write_new(c, &key) : rc;

    if (rc != CTL_DONE) {
        return rc;
    }

    if (pending) {
        ctl_note(c,
                 "the policies in force do not have %s yet; the key works "
                 "when they do\n",
                 c->args[0]);
    }

    return show(c, &key, text, NULL);
}


static ctl_exit_t
write_new(ctl_t *c, const gh_store_key_t *key)
{
    ctl_change_t change;
    const char *record = ctl_key_record(c, key);
    ctl_exit_t rc;

    if (record == NULL) {
        return CTL_USAGE;
    }

    ctl_change_begin(c, &change, "create",
                     ctl_key_subject(c, key->id, key->consumer));
    ctl_change_add(&change, GH_KIND_KEY, key->id, record, 0);

    rc = ctl_change_write(c, &change);

    return rc == CTL_PENDING ? ctl_fail(
               c, CTL_REFUSED, "somebody else made a key %.*s just now",
               (int) key->id.len, key->id.data)
                             : rc;
}


/* Keys are hashed with the first root key of nginx.conf as it is now, which
 * is not what the gateway has before it is reloaded. */
static void
warn_root_key(ctl_t *c)
{
    json_t *status = ctl_ask_status(c, false);
    const char *theirs =
        json_string_value(json_object_get(status, "root_key"));
    char ours[17];

    gh_secret_fingerprint(&c->secret, ours);

    if (theirs != NULL && strcmp(theirs, ours) != 0) {
        ctl_note(c,
                 "the running gateway begins with another root key (%s, "
                 "nginx.conf with %s): reload nginx if it refuses this key\n",
                 ctl_plain(c, gh_str(theirs)), ours);
    }

    json_decref(status);
}


/* The key alone on stdout, so that KEY=$(gatehouse key create acme) is it. */
static ctl_exit_t
show(ctl_t *c, const gh_store_key_t *key, gh_str_t text,
     const gh_store_key_t *old)
{
    ctl_say(c, "%.*s\n", (int) text.len, text.data);

    ctl_note(c, "key %.*s of %.*s, expires: %s; it is shown this once only\n",
             (int) key->id.len, key->id.data, (int) key->consumer.len,
             key->consumer.data, ctl_when_utc(c, key->expires_at_s));

    warn_root_key(c);

    if (old != NULL) {
        ctl_note(c, "key %.*s works until %s\n", (int) old->id.len,
                 old->id.data, ctl_when_utc(c, old->expires_at_s));
    }

    if (c->json) {
        json_t *o = json_pack(
            "{s:o, s:o, s:o, s:o, s:I}", "key", ctl_json_text(text), "id",
            ctl_json_text(key->id), "consumer", ctl_json_text(key->consumer),
            "expires", ctl_json_when(key->expires_at_s), "change",
            (json_int_t) c->change);

        if (old != NULL && o != NULL) {
            (void) json_object_set_new(
                o, "old",
                json_pack("{s:o, s:o}", "id", ctl_json_text(old->id),
                          "expires", ctl_json_when(old->expires_at_s)));
        }

        ctl_print_json(c, o);
    }

    return ctl_wait(c);
}


ctl_exit_t
ctl_key_rotate(ctl_t *c)
{
    const char *id = NULL;
    const char *note = c->options[CTL_OPT_NOTE];
    int64_t now_s = (int64_t) time(NULL), overlap_s = OVERLAP_S;
    gh_store_key_t old = { 0 }, key = { 0 };
    gh_str_t text = { NULL, 0 };
    uint64_t version = 0;
    ctl_exit_t rc = ctl_key_expiry(c, &key.expires_at_s);

    rc = rc == CTL_DONE ? ctl_key_id(c, &id) : rc;
    rc = rc == CTL_DONE ? parse_overlap(c, &overlap_s) : rc;
    rc = rc == CTL_DONE ? ctl_store_open(c, CTL_STORE_WRITE | CTL_STORE_SECRET)
                        : rc;
    rc = rc == CTL_DONE ? read_old(c, &old, &version) : rc;

    if (rc != CTL_DONE) {
        return rc;
    }

    key.consumer = old.consumer;
    key.created_at_s = now_s;
    key.note = note == NULL ? old.note : gh_str(note);

    /* a key of ninety days is followed by one of ninety days */
    if (c->options[CTL_OPT_EXPIRES] == NULL && old.expires_at_s != 0
        && old.created_at_s != 0)
    {
        key.expires_at_s = now_s + old.expires_at_s - old.created_at_s;
    }

    if (old.expires_at_s == 0 || old.expires_at_s > now_s + overlap_s) {
        old.expires_at_s = now_s + overlap_s;
    }

    rc = ctl_key_make(c, id, &key, &text);
    rc = rc == CTL_DONE ? write_rotated(c, &key, &old, version) : rc;

    return rc == CTL_DONE ? show(c, &key, text, &old) : rc;
}


static ctl_exit_t
parse_overlap(const ctl_t *c, int64_t *span_s)
{
    const char *text = c->options[CTL_OPT_OVERLAP];

    if (text == NULL || strcmp(text, "0") == 0) {
        *span_s = text == NULL ? OVERLAP_S : 0;
        return CTL_DONE;
    }

    if (ctl_span(text, span_s) != GH_OK || *span_s > INT64_C(100000000000)) {
        return ctl_fail(c, CTL_USAGE,
                        "--overlap \"%.40s\" is not a span such as 24h or 7d",
                        text);
    }

    return CTL_DONE;
}


static ctl_exit_t
read_old(ctl_t *c, gh_store_key_t *old, uint64_t *version)
{
    gh_str_t id = gh_str(c->args[0]);
    gh_rc_t rc = ctl_key_read(c, id, old, version);

    if (rc == GH_ABSENT) {
        return not_issued(c, id);
    }

    return rc == GH_OK ? check_alive(c, old)
                       : ctl_store_failed(c, GH_KIND_KEY, id);
}


static ctl_exit_t
not_issued(ctl_t *c, gh_str_t id)
{
    const gh_image_t *im;
    const gh_image_key_t *key = ctl_policies_key(c, id, &im);
    gh_str_t consumer;

    if (key == NULL) {
        return ctl_fail(c, CTL_REFUSED,
                        "there is no key %s; see: gatehouse key list",
                        ctl_plain(c, id));
    }

    consumer = gh_image_str(im, gh_image_consumer_at(im, key->consumer)->name);

    return ctl_fail(c, CTL_REFUSED,
                    "key %s is declared in %s: give %.*s a new one with "
                    "gatehouse key create %.*s, and give the old one an "
                    "\"expires\" there",
                    ctl_plain(c, id), c->setup.policies, (int) consumer.len,
                    consumer.data, (int) consumer.len, consumer.data);
}


static ctl_exit_t
check_alive(ctl_t *c, const gh_store_key_t *old)
{
    int64_t now_s = (int64_t) time(NULL);
    const char *what = old->revoked_at_s != 0 ? "was revoked" : "has expired";
    int64_t at_s =
        old->revoked_at_s != 0 ? old->revoked_at_s : old->expires_at_s;

    if (at_s == 0 || (old->revoked_at_s == 0 && at_s > now_s)) {
        return ctl_policies_consumer(c, ctl_copy(&c->arena, old->consumer),
                                     NULL);
    }

    return ctl_fail(c, CTL_REFUSED,
                    "key %s %s on %s; make a new one: gatehouse key create "
                    "%.*s",
                    c->args[0], what, ctl_when_utc(c, at_s),
                    (int) old->consumer.len, old->consumer.data);
}


static ctl_exit_t
write_rotated(ctl_t *c, const gh_store_key_t *key, const gh_store_key_t *old,
              uint64_t version)
{
    ctl_change_t change;
    const char *new_record = ctl_key_record(c, key);
    const char *old_record = ctl_key_record(c, old);
    ctl_exit_t rc;

    if (new_record == NULL || old_record == NULL) {
        return CTL_USAGE;
    }

    ctl_change_begin(c, &change, "rotate",
                     ctl_text(&c->arena, "%s, now %.*s",
                              ctl_key_subject(c, old->id, old->consumer),
                              (int) key->id.len, key->id.data));
    ctl_change_add(&change, GH_KIND_KEY, key->id, new_record, 0);
    ctl_change_add(&change, GH_KIND_KEY, old->id, old_record, version);

    rc = ctl_change_write(c, &change);

    return rc == CTL_PENDING
               ? ctl_fail(c, CTL_REFUSED,
                          "key %.*s was changed by somebody else just now; "
                          "see: gatehouse history --subject %.*s",
                          (int) old->id.len, old->id.data, (int) old->id.len,
                          old->id.data)
               : rc;
}
