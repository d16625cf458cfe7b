/*
 * key revoke: what must work when everything else does not. A key that was
 * issued gets the date of its end, a declared one a record of its own; both
 * when both have the id. What is revoked already stays as it is.
 */

#include "key.h"
#include "ask.h"
#include "gh_time.h"
#include "policies.h"
#include "store.h"

#include <time.h>

#define ATTEMPTS 20


static ctl_exit_t try_revoke(ctl_t *c, gh_str_t id, bool *already);
static ctl_exit_t add_issued(ctl_t *c, gh_str_t id, ctl_change_t *change,
                             gh_str_t *consumer, bool *known);
static ctl_exit_t add_declared(ctl_t *c, gh_str_t id, ctl_change_t *change,
                               gh_str_t *consumer, bool *known);


ctl_exit_t
ctl_key_revoke(ctl_t *c)
{
    gh_str_t id = gh_str(c->args[0]);
    bool already = false;
    ctl_exit_t rc = ctl_store_open(c, CTL_STORE_WRITE);

    if (rc != CTL_DONE) {
        return rc;
    }

    /* whatever somebody else made of it meanwhile, it ends */
    rc = CTL_PENDING;

    for (unsigned i = 0; i < ATTEMPTS && rc == CTL_PENDING; i++) {
        rc = try_revoke(c, id, &already);
    }

    if (rc == CTL_PENDING) {
        return ctl_fail(c, CTL_UNAVAILABLE,
                        "NOT revoked: somebody else changes key %s all the "
                        "time",
                        c->args[0]);
    }

    if (rc != CTL_DONE) {
        return rc;
    }

    if (already) {
        ctl_say(c, "key %s was revoked before\n", c->args[0]);
        ctl_store_sequence(c);
    } else {
        ctl_say(c,
                "key %s is revoked; every worker refuses it within a "
                "second\n",
                c->args[0]);
    }

    ctl_print_json(
        c, json_pack(
               "{s:o, s:b, s:o}", "id", ctl_json_text(id), "already",
               (int) already, "change",
               already ? json_null() : json_integer((json_int_t) c->change)));

    return ctl_wait(c);
}


static ctl_exit_t
try_revoke(ctl_t *c, gh_str_t id, bool *already)
{
    gh_str_t consumer = GH_STR("?");
    bool known = false;
    ctl_change_t change;
    ctl_exit_t rc;

    ctl_change_begin(c, &change, "revoke", "");

    rc = add_issued(c, id, &change, &consumer, &known);
    rc = rc == CTL_DONE ? add_declared(c, id, &change, &consumer, &known) : rc;

    if (rc != CTL_DONE) {
        return rc;
    }

    if (!known) {
        return ctl_fail(c, CTL_REFUSED,
                        "there is no key %s; see: gatehouse key list",
                        ctl_plain(c, id));
    }

    *already = change.n == 0;

    if (*already) {
        return CTL_DONE;
    }

    gh_change_text(change.line.subject, sizeof(change.line.subject),
                   gh_str(ctl_key_subject(c, id, consumer)));

    return ctl_change_write(c, &change);
}


/* A record that cannot be read lets nobody in, and is replaced by nothing. */
static ctl_exit_t
add_issued(ctl_t *c, gh_str_t id, ctl_change_t *change, gh_str_t *consumer,
           bool *known)
{
    gh_store_key_t key;
    uint64_t version;
    const char *record;
    gh_rc_t rc = ctl_key_read(c, id, &key, &version);

    if (rc == GH_ABSENT) {
        return CTL_DONE;
    }

    if (rc != GH_OK) {
        return ctl_store_failed(c, GH_KIND_KEY, id);
    }

    *known = true;
    *consumer = key.consumer;

    if (key.revoked_at_s != 0) {
        return CTL_DONE;
    }

    key.revoked_at_s = (int64_t) time(NULL);
    record = ctl_key_record(c, &key);

    if (record == NULL) {
        return CTL_UNAVAILABLE;
    }

    ctl_change_add(change, GH_KIND_KEY, id, record, version);

    return CTL_DONE;
}


/* When the policies cannot be read, any id of a key is believed. */
static ctl_exit_t
add_declared(ctl_t *c, gh_str_t id, ctl_change_t *change, gh_str_t *consumer,
             bool *known)
{
    const gh_image_t *im;
    const gh_image_key_t *key = ctl_policies_key(c, id, &im);
    gh_str_t value;
    uint64_t version;
    gh_rc_t rc;

    if (key != NULL) {
        *known = true;
        *consumer =
            gh_image_str(im, gh_image_consumer_at(im, key->consumer)->name);

    } else if (*known || ctl_policies_in_force(c) != NULL
               || ctl_policies_compiled(c) != NULL || c->setup.policies == NULL
               || id.len == 0 || id.len > GH_STORE_NAME_MAX)
    {
        return CTL_DONE;

    } else {
        *known = true;
        ctl_note(c,
                 "the policies in %s are not valid and none are in force, so "
                 "nobody can say whether they declare a key %s: it is "
                 "revoked anyway\n",
                 c->setup.policies, ctl_plain(c, id));
    }

    rc = ctl_store_read(c, GH_KIND_REVOKED, id, &value, &version);

    if (rc == GH_OK) {
        return CTL_DONE;
    }

    if (rc == GH_UNAVAILABLE) {
        return ctl_store_failed(c, GH_KIND_REVOKED, id);
    }

    ctl_change_add(
        change, GH_KIND_REVOKED, id,
        ctl_text(&c->arena, "{\"v\":1,\"at\":%lld}", (long long) time(NULL)),
        rc == GH_ABSENT ? 0 : GH_VERSION_ANY);

    return CTL_DONE;
}
