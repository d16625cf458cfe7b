/*
 * key list: declared and issued keys side by side, and which of them are of
 * no use any more.
 */

#include "key.h"
#include "policies.h"
#include "store.h"
#include "table.h"

#include <stdlib.h>
#include <time.h>


typedef struct {
    gh_store_key_t key; /* strings in the arena or an image */
    const char *from;   /* "issued", "imported", "declared" */
    const char *state;
} row_t;

typedef struct {
    ctl_t *c;
    const gh_image_t *im; /* NULL: nobody knows */
    gh_str_t consumer;    /* only its keys; empty: all */
    row_t *rows;
    size_t n;
    int64_t now_s;
    bool damaged;
} list_t;


static bool add_issued(void *ctx, gh_str_t name, gh_str_t value,
                       uint64_t version);
static void add(list_t *l, const gh_store_key_t *key, const char *from);
static void add_declared(list_t *l);
static int by_consumer(const void *a, const void *b);
static void judge(list_t *l);
static const char *judge_row(list_t *l, row_t *row);
static void print(list_t *l);
static json_t *to_json(const row_t *row);


ctl_exit_t
ctl_key_list(ctl_t *c)
{
    list_t l = { .c = c, .now_s = (int64_t) time(NULL) };
    ctl_exit_t rc = ctl_store_open(c, 0);

    if (rc != CTL_DONE) {
        return rc;
    }

    l.im = ctl_policies_in_force(c);

    if (l.im == NULL) {
        l.im = ctl_policies_compiled(c);
    }

    if (c->n_args > 0) {
        l.consumer = gh_str(c->args[0]);
    }

    if (ctl_store_each(c, GH_KIND_KEY, add_issued, &l) != GH_OK) {
        return ctl_fail(c, CTL_UNAVAILABLE, "the store cannot be read");
    }

    add_declared(&l);

    if (l.n == 0 && c->n_args > 0 && l.im != NULL) {
        rc = ctl_policies_consumer(c, c->args[0], NULL);
        if (rc != CTL_DONE) {
            return rc;
        }
    }

    judge(&l);

    if (l.n > 0) {
        qsort(l.rows, l.n, sizeof(*l.rows), by_consumer);
    }

    print(&l);

    if (l.im == NULL) {
        ctl_note(c, "no policies can be read: declared keys are not shown, "
                    "and whether consumers exist is not known\n");
    }

    return CTL_DONE;
}


/* Inside a read transaction: decodes and copies, reads nothing else. */
static bool
add_issued(void *ctx, gh_str_t name, gh_str_t value, uint64_t version)
{
    list_t *l = ctx;
    gh_store_key_t key;

    (void) version;

    if (ctl_key_decode(l->c, value, &key) != GH_OK || !gh_str_eq(key.id, name))
    {
        l->damaged = true;
        return true;
    }

    add(l, &key, key.keyed ? "issued" : "imported");

    return true;
}


static void
add(list_t *l, const gh_store_key_t *key, const char *from)
{
    if (l->consumer.len > 0 && !gh_str_eq(l->consumer, key->consumer)) {
        return;
    }

    l->rows = ctl_grow(&l->c->arena, l->rows, l->n, sizeof(*l->rows));
    l->rows[l->n++] = (row_t){ .key = *key, .from = from };
}


static void
add_declared(list_t *l)
{
    for (uint32_t i = 0; l->im != NULL && i < l->im->n_keys; i++) {
        const gh_image_key_t *k = gh_image_key_at(l->im, i);
        gh_store_key_t key = {
            .id = gh_image_str(l->im, k->id),
            .consumer = gh_image_str(
                l->im, gh_image_consumer_at(l->im, k->consumer)->name),
            .expires_at_s = k->expires_at_s,
        };

        add(l, &key, "declared");
    }
}


static int
by_consumer(const void *a, const void *b)
{
    const row_t *one = a, *other = b;
    int order = gh_str_cmp(one->key.consumer, other->key.consumer);

    return order != 0 ? order : gh_str_cmp(one->key.id, other->key.id);
}


static void
judge(list_t *l)
{
    for (size_t i = 0; i < l->n; i++) {
        l->rows[i].state = judge_row(l, &l->rows[i]);
    }
}


static const char *
judge_row(list_t *l, row_t *row)
{
    const gh_store_key_t *k = &row->key;
    bool declared = row->from[0] == 'd';

    if (k->revoked_at_s != 0
        || (declared && ctl_store_has(l->c, GH_KIND_REVOKED, k->id)))
    {
        return "revoked";
    }

    if (l->im != NULL && gh_image_consumer(l->im, k->consumer) == NULL) {
        return "dead: no such consumer";
    }

    if (k->expires_at_s != 0 && k->expires_at_s <= l->now_s) {
        return "expired";
    }

    if (declared && ctl_store_has(l->c, GH_KIND_KEY, k->id)) {
        return "dead: hidden by the issued key of that id";
    }

    return ctl_store_has(l->c, GH_KIND_SUSPENDED, k->consumer) ? "suspended"
                                                               : "works";
}


static void
print(list_t *l)
{
    static const char *const heading[] = { "ID",      "CONSUMER", "FROM",
                                           "CREATED", "EXPIRES",  "STATE",
                                           "NOTE" };
    ctl_t *c = l->c;
    ctl_table_t t = { .columns = sizeof(heading) / sizeof(heading[0]) };
    json_t *list = json_array();

    ctl_table_row(c, &t, heading);

    for (size_t i = 0; i < l->n; i++) {
        const gh_store_key_t *k = &l->rows[i].key;
        const char *cells[] = {
            ctl_plain(c, k->id),
            ctl_plain(c, k->consumer),
            l->rows[i].from,
            k->created_at_s == 0 ? "" : ctl_when(c, k->created_at_s),
            ctl_when(c, k->expires_at_s),
            l->rows[i].state,
            ctl_plain(c, k->note),
        };

        if (c->json) {
            (void) json_array_append_new(list, to_json(&l->rows[i]));
        } else {
            ctl_table_row(c, &t, cells);
        }
    }

    ctl_table_print(c, &t);
    ctl_print_json(c, json_pack("{s:o, s:b}", "keys", list, "policies_known",
                                (int) (l->im != NULL)));

    if (l->damaged) {
        ctl_note(c, "some records of keys are damaged; nobody gets in by "
                    "them\n");
    }
}


static json_t *
to_json(const row_t *row)
{
    const gh_store_key_t *k = &row->key;

    return json_pack(
        "{s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o}", "id", ctl_json_text(k->id),
        "consumer", ctl_json_text(k->consumer), "from", row->from, "state",
        row->state, "created", ctl_json_when(k->created_at_s), "expires",
        ctl_json_when(k->expires_at_s), "revoked",
        ctl_json_when(k->revoked_at_s), "note", ctl_json_text(k->note));
}
