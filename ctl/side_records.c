/*
 * Records of a side: listed, read, written. The order of kinds is that in
 * which they are copied: what takes something away stands there before what
 * it is taken from, so that half a copy lets nobody in whom a whole one would
 * not.
 */

#include "side.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>


typedef struct {
    ctl_t *c;
    ctl_items_t *out;
    gh_kind_t kind;
} list_t;


static unsigned rank(gh_kind_t kind);
static void add_key(void *ctx, gh_kind_t kind, gh_str_t key);
static bool add_name(void *ctx, gh_str_t name);
static void add(list_t *l, gh_kind_t kind, gh_str_t key, gh_str_t name);
static int compare(const void *a, const void *b);
static void only_once(ctl_items_t *items);
static gh_rc_t read_redis(ctl_side_t *side, const ctl_item_t *items, size_t n,
                          ctl_batch_t *batch, char *why);
static gh_rc_t read_lmdb(ctl_side_t *side, const ctl_item_t *item,
                         gh_buf_t *room, ctl_record_t *out);
static gh_rc_t write_lmdb(ctl_side_t *side, const ctl_side_write_t *w,
                          size_t n, char *why);


static const gh_kind_t order[] = {
    GH_KIND_REVOKED,       GH_KIND_SUSPENDED, GH_KIND_TRAFFIC,
    GH_KIND_META,          GH_KIND_CHANGE,    GH_KIND_QUOTA,
    GH_KIND_CLAIM,         GH_KIND_METADATA,  GH_KIND_KEYS,
    GH_KIND_USAGE,         GH_KIND_KEY,       GH_KIND_KEY_HASH,
    GH_KIND_SESSION_INDEX, GH_KIND_SESSION,   GH_KIND_FORM,
};

#define KINDS (sizeof(order) / sizeof(order[0]))


gh_rc_t
ctl_side_list(ctl_t *c, ctl_side_t *side, ctl_items_t *out, char *why)
{
    list_t l = { c, out, GH_KIND_KEY };
    gh_rc_t rc = GH_OK;

    memset(out, 0, sizeof(*out));

    if (side->redis != NULL) {
        rc = gh_redis_bulk_walk(&side->bulk, add_key, &l, why);
    }

    for (size_t i = 0; i < KINDS && side->db != NULL && rc == GH_OK; i++) {
        l.kind = order[i];
        rc = gh_lmdb_names(side->db, order[i], add_name, &l);

        if (rc != GH_OK) {
            (void) snprintf(why, GH_LMDB_WHY, "it cannot be read");
        }
    }

    only_once(out);

    return rc;
}


static void
add_key(void *ctx, gh_kind_t kind, gh_str_t key)
{
    if (rank(kind) < KINDS) {
        add(ctx, kind, key, (gh_str_t){ NULL, 0 });
    }
}


static bool
add_name(void *ctx, gh_str_t name)
{
    list_t *l = ctx;
    char room[GH_REDIS_KEY_MAX];
    gh_buf_t key = GH_BUF(room);

    (void) gh_redis_key(l->kind, name, &key);
    add(l, l->kind, gh_buf_str(&key),
        (gh_str_t){ ctl_copy(&l->c->arena, name), name.len });

    return true;
}


static void
add(list_t *l, gh_kind_t kind, gh_str_t key, gh_str_t name)
{
    ctl_items_t *items = l->out;
    ctl_arena_t *arena = &l->c->arena;

    items->items =
        ctl_grow(arena, items->items, items->n, sizeof(*items->items));
    items->items[items->n++] =
        (ctl_item_t){ kind, ctl_copy(arena, key), name };
}


/* KINDS: not copied. */
static unsigned
rank(gh_kind_t kind)
{
    unsigned i = 0;

    while (i < KINDS && order[i] != kind) {
        i++;
    }

    return i;
}


static int
compare(const void *a, const void *b)
{
    const ctl_item_t *one = a, *other = b;
    unsigned left = rank(one->kind), right = rank(other->kind);

    return left != right ? (left < right ? -1 : 1)
                         : strcmp(one->key, other->key);
}


/* A walk through Redis may come by a key twice. */
static void
only_once(ctl_items_t *items)
{
    size_t n = 0;

    if (items->n > 0) {
        qsort(items->items, items->n, sizeof(*items->items), compare);
    }

    for (size_t i = 0; i < items->n; i++) {
        if (n == 0 || compare(&items->items[n - 1], &items->items[i]) != 0) {
            items->items[n++] = items->items[i];
        }
    }

    items->n = n;
}


long
ctl_items_find(const ctl_items_t *items, const ctl_item_t *item)
{
    const ctl_item_t *found = items->n == 0
                                  ? NULL
                                  : bsearch(item, items->items, items->n,
                                            sizeof(*items->items), compare);

    return found == NULL ? -1 : (long) (found - items->items);
}


gh_rc_t
ctl_side_read(ctl_side_t *side, const ctl_item_t *items, size_t n,
              ctl_batch_t *batch, char *why)
{
    gh_rc_t rc = GH_OK;

    ctl_batch_free(batch);
    batch->n = n;

    if (side->redis != NULL) {
        return read_redis(side, items, n, batch, why);
    }

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        rc = read_lmdb(side, &items[i], &batch->room[i], &batch->records[i]);
    }

    if (rc != GH_OK) {
        (void) snprintf(why, GH_LMDB_WHY, "it cannot be read");
    }

    return rc;
}


static gh_rc_t
read_redis(ctl_side_t *side, const ctl_item_t *items, size_t n,
           ctl_batch_t *batch, char *why)
{
    gh_redis_at_t at[GH_REDIS_BULK];
    gh_rc_t rc = GH_OK;

    for (size_t i = 0; i < n && rc == GH_OK; i += GH_REDIS_BULK) {
        size_t some = n - i < GH_REDIS_BULK ? n - i : GH_REDIS_BULK;

        for (size_t k = 0; k < some; k++) {
            at[k] =
                (gh_redis_at_t){ items[i + k].kind, gh_str(items[i + k].key) };
        }

        rc = gh_redis_bulk_read(&side->bulk, at, some, &batch->found[i], why);
    }

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        const gh_redis_found_t *f = &batch->found[i];

        batch->records[i] = (ctl_record_t){ f->rc,
                                            f->record.name,
                                            { f->record.value, f->record.len },
                                            f->record.expires_at_s,
                                            f->sealed_by,
                                            f->record.version };
    }

    return rc;
}


static gh_rc_t
read_lmdb(ctl_side_t *side, const ctl_item_t *item, gh_buf_t *room,
          ctl_record_t *out)
{
    int64_t now_s = (int64_t) time(NULL);
    gh_lmdb_record_t record;

    *out = (ctl_record_t){ .name = item->name };
    out->rc =
        gh_lmdb_read(side->db, item->kind, out->name, now_s, room, &record);

    while (out->rc == GH_TOO_LONG && record.need > room->cap) {
        free(room->data);
        *room = (gh_buf_t){ malloc(record.need), 0, record.need };

        if (room->data == NULL) {
            room->cap = 0;
            return GH_NOMEM;
        }

        out->rc = gh_lmdb_read(side->db, item->kind, out->name, now_s, room,
                               &record);
    }

    out->value = gh_buf_str(room);
    out->expires_at_s = record.expires_at_s;
    out->version = record.version;

    return out->rc == GH_UNAVAILABLE ? GH_UNAVAILABLE : GH_OK;
}


void
ctl_batch_free(ctl_batch_t *batch)
{
    gh_redis_bulk_free(batch->found, batch->n);

    for (size_t i = 0; i < batch->n; i++) {
        if (batch->room[i].data != NULL) {
            OPENSSL_cleanse(batch->room[i].data, batch->room[i].cap);
            free(batch->room[i].data);
        }
    }

    memset(batch, 0, sizeof(*batch));
}


gh_rc_t
ctl_side_write(ctl_side_t *side, const ctl_side_write_t *w, size_t n,
               char *why)
{
    gh_rc_t rc = GH_OK;

    if (side->db != NULL) {
        return n == 0 ? GH_OK : write_lmdb(side, w, n, why);
    }

    for (size_t i = 0; i < n && rc == GH_OK; i += GH_REDIS_BULK) {
        rc = gh_redis_bulk_write(&side->bulk, &w[i],
                                 n - i < GH_REDIS_BULK ? n - i : GH_REDIS_BULK,
                                 why);
    }

    return rc;
}


static gh_rc_t
write_lmdb(ctl_side_t *side, const ctl_side_write_t *w, size_t n, char *why)
{
    gh_write_t batch[CTL_SIDE_BATCH];
    int64_t now_s = (int64_t) time(NULL);
    gh_rc_t rc;

    memset(batch, 0, sizeof(batch));

    for (size_t i = 0; i < n; i++) {
        batch[i] = (gh_write_t){
            .type = w[i].remove ? GH_WRITE_DELETE : GH_WRITE_PUT,
            .kind = w[i].kind,
            .name = w[i].name,
            .value = w[i].value,
            .if_version = GH_VERSION_ANY,
            .log = true,
            .now_s = now_s,
            .ttl_s = w[i].expires_at_s == 0 ? 0 : w[i].expires_at_s - now_s,
        };

        /* it ended meanwhile: nothing is to be there */
        if (!w[i].remove && w[i].expires_at_s != 0 && batch[i].ttl_s <= 0) {
            batch[i].type = GH_WRITE_DELETE;
            batch[i].ttl_s = 0;
        }
    }

    rc = gh_lmdb_write(side->db, batch, n, why, GH_LMDB_WHY);

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        if (batch[i].rc != GH_OK && batch[i].rc != GH_ABSENT) {
            rc = batch[i].rc == GH_FULL ? GH_FULL : GH_UNAVAILABLE;
            (void) snprintf(why, GH_LMDB_WHY, "%s",
                            rc == GH_FULL
                                ? "the store's map is full: give it a larger "
                                  "size="
                                : "it refuses a record");
        }
    }

    return rc;
}


gh_rc_t
ctl_side_clear(ctl_side_t *side, const ctl_item_t *item, char *why)
{
    ctl_side_write_t w = { .kind = item->kind, .remove = true };

    if (side->redis != NULL) {
        return gh_redis_bulk_clear(&side->bulk, gh_str(item->key), why);
    }

    w.name = item->name;

    return ctl_side_write(side, &w, 1, why);
}


const char *
ctl_items_words(ctl_t *c, const ctl_items_t *items)
{
    static const struct {
        gh_kind_t kind;
        const char *one, *many;
    } nouns[] = {
        { GH_KIND_KEY, "issued key", "issued keys" },
        { GH_KIND_REVOKED, "revoked key", "revoked keys" },
        { GH_KIND_SUSPENDED, "suspended consumer", "suspended consumers" },
        { GH_KIND_TRAFFIC, "version's weights", "versions' weights" },
        { GH_KIND_CHANGE, "change", "changes" },
        { GH_KIND_QUOTA, "quota counter", "quota counters" },
        { GH_KIND_SESSION, "session", "sessions" },
    };
    const char *text = "";
    size_t left = items->n;

    for (size_t k = 0; k < sizeof(nouns) / sizeof(nouns[0]); k++) {
        size_t n = 0;

        for (size_t i = 0; i < items->n; i++) {
            n += items->items[i].kind == nouns[k].kind;
        }

        if (n > 0) {
            text = ctl_text(&c->arena, "%s%s%zu %s", text,
                            text[0] == '\0' ? "" : ", ", n,
                            n == 1 ? nouns[k].one : nouns[k].many);
            left -= n;
        }
    }

    return left == 0 ? text
                     : ctl_text(&c->arena, "%s%s%zu other%s", text,
                                text[0] == '\0' ? "" : ", ", left,
                                left == 1 ? "" : "s");
}


json_t *
ctl_items_json(const ctl_items_t *items)
{
    json_t *kinds = json_object();

    for (size_t k = 0; k < KINDS; k++) {
        json_int_t n = 0;

        for (size_t i = 0; i < items->n; i++) {
            n += items->items[i].kind == order[k];
        }

        if (n > 0) {
            (void) json_object_set_new(kinds, gh_kind_word(order[k]).data,
                                       json_integer(n));
        }
    }

    return kinds;
}
