/*
 * store show and store reseal: what is in the store, and whether an older
 * root key is still needed for it.
 */

#include "commands.h"
#include "depends.h"
#include "side.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 10 /* for records that gateways write meanwhile */
#define WORD_S 2


typedef struct {
    ctl_t *c;
    ctl_side_t side;
    ctl_items_t items;
    ctl_batch_t *batch;
    bool reseal;
    size_t older; /* sealed with an older key, and still so */
    size_t resealed;
    size_t unreadable;
    ctl_depends_t depends;
    unsigned workers;
    int64_t said_at_s;
    char why[GH_LMDB_WHY];
} look_t;


static ctl_exit_t open_side(look_t *l, const char *words, bool write);
static ctl_exit_t look(look_t *l);
static gh_rc_t look_at(look_t *l, const ctl_item_t *items, size_t n);
static bool is_older(const look_t *l, const ctl_item_t *item,
                     const ctl_record_t *r);
static bool older_id(const look_t *l, uint32_t id);
static gh_rc_t reseal(look_t *l, const ctl_item_t *item, size_t at);
static gh_rc_t reseal_inner(look_t *l, const ctl_item_t *item,
                            const ctl_record_t *r, gh_buf_t *out);
static gh_rc_t reseal_lmdb(look_t *l, const ctl_item_t *item,
                           const ctl_record_t *r, gh_str_t value, bool *done);
static size_t older_of(const size_t n[GH_SECRET_KEYS_MAX]);
static void show(look_t *l);
static void say_older(look_t *l);
static json_t *to_json(look_t *l);


ctl_exit_t
ctl_store_show(ctl_t *c)
{
    look_t *l = ctl_alloc(&c->arena, sizeof(*l));
    ctl_exit_t rc = ctl_setup(c);

    l->c = c;

    if (rc == CTL_DONE) {
        rc = open_side(l, c->n_args > 0 ? c->args[0] : c->setup.store, false);
    }

    if (rc == CTL_DONE) {
        rc = look(l);
    }

    if (rc == CTL_DONE) {
        show(l);
        ctl_print_json(c, to_json(l));
    }

    if (l->batch != NULL) {
        ctl_batch_free(l->batch);
    }

    ctl_side_close(&l->side);

    return rc;
}


ctl_exit_t
ctl_store_reseal(ctl_t *c)
{
    look_t *l = ctl_alloc(&c->arena, sizeof(*l));
    ctl_exit_t rc = ctl_setup(c);
    bool needed = false;

    l->c = c;
    l->reseal = true;

    if (rc == CTL_DONE) {
        rc = open_side(l, c->setup.store, true);
    }

    if (rc == CTL_DONE) {
        rc = look(l);
    }

    if (rc == CTL_DONE) {
        needed = l->older + older_of(l->depends.keys)
                     + older_of(l->depends.sessions)
                 > 0;
        ctl_say(c,
                "%zu record%s sealed again with the first root key; %zu "
                "still %s an older one\n",
                l->resealed, l->resealed == 1 ? "" : "s", l->older,
                l->older == 1 ? "has" : "have");
        say_older(l);
        ctl_say(c, needed ? "the older root keys are still needed\n"
                          : "no older root key is needed any more\n");
        ctl_print_json(c, to_json(l));
    }

    if (l->batch != NULL) {
        ctl_batch_free(l->batch);
    }

    ctl_side_close(&l->side);

    return rc == CTL_DONE && needed ? CTL_PENDING : rc;
}


static ctl_exit_t
open_side(look_t *l, const char *words, bool write)
{
    ctl_t *c = l->c;
    ctl_exit_t rc;

    if (strncmp(words, "test:", 5) == 0) {
        words += 5;
    }

    l->batch = ctl_alloc(&c->arena, sizeof(*l->batch));
    rc = ctl_side_parse(c, words, false, &l->side);

    if (rc != CTL_DONE) {
        return rc;
    }

    l->side.writes = write;
    rc = ctl_side_open(c, &l->side, NULL);

    return rc == CTL_DONE ? ctl_side_root_key(c, &l->side) : rc;
}


static ctl_exit_t
look(look_t *l)
{
    ctl_t *c = l->c;
    gh_rc_t rc = ctl_side_list(c, &l->side, &l->items, l->why);

    l->said_at_s = (int64_t) time(NULL);

    for (size_t i = 0; i < l->items.n && rc == GH_OK; i += CTL_SIDE_BATCH) {
        size_t left = l->items.n - i;
        int64_t now_s = (int64_t) time(NULL);

        rc = look_at(l, &l->items.items[i],
                     left < CTL_SIDE_BATCH ? left : CTL_SIDE_BATCH);

        if (now_s - l->said_at_s >= WORD_S) {
            ctl_note(c, "%zu of %zu\n", i, l->items.n);
            l->said_at_s = now_s;
        }
    }

    if (rc == GH_OK) {
        rc = ctl_depends_count(c, &l->side, &l->items, l->batch, &l->depends,
                               l->why);
    }

    if (rc != GH_OK) {
        return ctl_fail(c, CTL_UNAVAILABLE, "%s: %s%s", l->side.words, l->why,
                        l->reseal ? "; run the same again: it goes on" : "");
    }

    return ctl_side_workers(c, &l->side, &l->workers) ? CTL_DONE
                                                      : CTL_UNAVAILABLE;
}


static gh_rc_t
look_at(look_t *l, const ctl_item_t *items, size_t n)
{
    gh_rc_t rc = ctl_side_read(&l->side, items, n, l->batch, l->why);

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        const ctl_record_t *r = &l->batch->records[i];

        if (r->rc == GH_OK && is_older(l, &items[i], r)) {
            rc = l->reseal ? reseal(l, &items[i], i) : GH_OK;
            l->older += l->reseal ? 0 : 1;
        } else if (r->rc != GH_OK && r->rc != GH_ABSENT) {
            l->unreadable++;
        }
    }

    return rc;
}


/* Of Redis each value is sealed; sessions are everywhere, and forms. */
static bool
is_older(const look_t *l, const ctl_item_t *item, const ctl_record_t *r)
{
    bool inner = item->kind == GH_KIND_SESSION || item->kind == GH_KIND_FORM;

    return (r->sealed_by != 0 && older_id(l, r->sealed_by))
           || (inner && older_id(l, gh_secret_sealed_by(r->value)));
}


static bool
older_id(const look_t *l, uint32_t id)
{
    for (unsigned i = 1; i < l->c->secret.n; i++) {
        if (l->c->secret.keys[i].id == id) {
            return id != l->c->secret.keys[0].id;
        }
    }

    return false;
}


/* What a gateway writes meanwhile is looked at again. */
static gh_rc_t
reseal(look_t *l, const ctl_item_t *item, size_t at)
{
    ctl_batch_t *again = NULL;
    const ctl_batch_t *batch = l->batch;
    gh_rc_t rc = GH_OK;
    bool done = false;

    for (unsigned i = 0; i < ROUNDS && rc == GH_OK && !done; i++) {
        const ctl_record_t *r = &batch->records[at];
        gh_buf_t value = { NULL, 0, 0 };

        if (r->rc != GH_OK || !is_older(l, item, r)) {
            return GH_OK;
        }

        rc = reseal_inner(l, item, r, &value);

        if (rc == GH_OK && l->side.redis != NULL) {
            gh_redis_at_t where = { item->kind, gh_str(item->key) };

            rc = gh_redis_bulk_reseal(&l->side.bulk, &where, &batch->found[at],
                                      gh_buf_str(&value), &done, l->why);
        } else if (rc == GH_OK) {
            rc = reseal_lmdb(l, item, r, gh_buf_str(&value), &done);
        }

        free(value.data);

        if (rc == GH_OK && !done) {
            again = again != NULL ? again
                                  : ctl_alloc(&l->c->arena, sizeof(*again));
            rc = ctl_side_read(&l->side, item, 1, again, l->why);
            batch = again;
            at = 0;
        }
    }

    if (again != NULL) {
        ctl_batch_free(again);
    }

    l->resealed += done;
    l->older += rc == GH_OK && !done;

    return rc;
}


/* out is released by the caller; empty: there is none inside. */
static gh_rc_t
reseal_inner(look_t *l, const ctl_item_t *item, const ctl_record_t *r,
             gh_buf_t *out)
{
    const gh_secret_t *secret = &l->c->secret;
    gh_buf_t plain = { NULL, 0, r->value.len };
    uint8_t nonce[12];
    gh_rc_t rc;

    if ((item->kind != GH_KIND_SESSION && item->kind != GH_KIND_FORM)
        || !older_id(l, gh_secret_sealed_by(r->value)))
    {
        return GH_OK;
    }

    plain.data = malloc(r->value.len);
    *out = (gh_buf_t){ malloc(r->value.len), 0, r->value.len };
    rc = plain.data == NULL || out->data == NULL
                 || RAND_bytes(nonce, sizeof(nonce)) != 1
             ? GH_NOMEM
             : gh_secret_open(secret, GH_PURPOSE_SESSION, r->name, r->value,
                              &plain);

    if (rc == GH_OK) {
        rc = gh_secret_seal(secret, GH_PURPOSE_SESSION, r->name, nonce,
                            gh_buf_str(&plain), out);
    }

    if (plain.data != NULL) {
        OPENSSL_cleanse(plain.data, plain.cap);
        free(plain.data);
    }

    /* what no key opens lets nobody in: it stays as it is until its end */

    if (rc == GH_DENIED) {
        free(out->data);
        *out = (gh_buf_t){ NULL, 0, 0 };
    }

    return rc == GH_DENIED ? GH_OK : rc;
}


/* Another version, which gateways hear of. */
static gh_rc_t
reseal_lmdb(look_t *l, const ctl_item_t *item, const ctl_record_t *r,
            gh_str_t value, bool *done)
{
    int64_t now_s = (int64_t) time(NULL);
    gh_write_t w = { .type = GH_WRITE_PUT,
                     .kind = item->kind,
                     .name = r->name,
                     .value = value,
                     .if_version = r->version,
                     .log = true,
                     .now_s = now_s };
    gh_rc_t rc;

    if (value.len == 0) {
        return GH_OK;
    }

    if (r->expires_at_s != 0) {
        w.ttl_s = r->expires_at_s > now_s ? r->expires_at_s - now_s : 1;
    }

    rc = gh_lmdb_write(l->side.db, &w, 1, l->why, sizeof(l->why));
    *done = rc == GH_OK && w.rc == GH_OK;

    if (rc == GH_OK && w.rc != GH_OK && w.rc != GH_CONFLICT) {
        (void) snprintf(l->why, sizeof(l->why), "it does not take a record");
        rc = w.rc == GH_FULL ? GH_FULL : GH_UNAVAILABLE;
    }

    return rc;
}


static size_t
older_of(const size_t n[GH_SECRET_KEYS_MAX])
{
    size_t sum = 0;

    for (unsigned i = 1; i < GH_SECRET_KEYS_MAX; i++) {
        sum += n[i];
    }

    return sum;
}


static void
show(look_t *l)
{
    ctl_t *c = l->c;
    char fingerprint[17];

    gh_secret_fingerprint(&c->secret, fingerprint);

    ctl_say(c, "store     %s; %u worker%s use%s it\n", l->side.words,
            l->workers, l->workers == 1 ? "" : "s",
            l->workers == 1 ? "s" : "");
    ctl_say(c, "records   %zu%s%s\n", l->items.n, l->items.n == 0 ? "" : ": ",
            ctl_items_words(c, &l->items));

    if (l->unreadable > 0) {
        ctl_say(c,
                "          %zu CANNOT BE READ: damaged, or sealed with a root "
                "key that is not named\n",
                l->unreadable);
    }

    ctl_say(c,
            "root key  %s (fingerprint) of %u; %zu record%s sealed with "
            "an older one\n",
            fingerprint, c->secret.n, l->older, l->older == 1 ? "" : "s");
    say_older(l);
}


static void
say_older(look_t *l)
{
    ctl_t *c = l->c;
    const ctl_depends_t *d = &l->depends;
    size_t keys = older_of(d->keys), sessions = older_of(d->sessions);

    if (keys > 0) {
        ctl_say(c,
                "          %zu issued key%s made with an older one: rotate "
                "%s (%s)\n",
                keys, keys == 1 ? " was" : "s were", keys == 1 ? "it" : "them",
                d->ids);
    }

    if (sessions > 0) {
        ctl_say(c,
                "          %zu session%s begun with an older one, the last "
                "may live until %s\n",
                sessions, sessions == 1 ? " was" : "s were",
                ctl_when_utc(c, d->sessions_end_s));
    }
}


static json_t *
to_json(look_t *l)
{
    const ctl_depends_t *d = &l->depends;
    char fingerprint[17];

    gh_secret_fingerprint(&l->c->secret, fingerprint);

    return json_pack(
        "{s:s, s:I, s:o, s:I, s:I, s:s, s:{s:I, s:I, s:I, s:I, s:s}}", "store",
        l->side.words, "workers", (json_int_t) l->workers, "records",
        ctl_items_json(&l->items), "n", (json_int_t) l->items.n, "unreadable",
        (json_int_t) l->unreadable, "root_key", fingerprint, "older_keys",
        "sealed", (json_int_t) l->older, "resealed", (json_int_t) l->resealed,
        "issued_keys", (json_int_t) older_of(d->keys), "sessions",
        (json_int_t) older_of(d->sessions), "ids", d->ids);
}
