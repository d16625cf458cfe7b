/*
 * store copy: all records of one store into another. While it is under way a
 * record in the target says so: who repeats a copy that was killed need not
 * say that what it left may be replaced.
 */

#include "commands.h"
#include "depends.h"
#include "gh_bytes.h"
#include "side.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MARK GH_STORE_COPY
#define WORD_S 2 /* between two words on how far it is */


typedef struct {
    ctl_t *c;
    ctl_side_t from, to;
    ctl_items_t source, target;
    ctl_batch_t *read, *there;
    ctl_item_t mark;
    bool began;               /* the mark is in the target */
    bool unfinished, nothing; /* of the target, before */
    unsigned workers_from, workers_to;
    size_t written, same, removed, gone;
    size_t unreadable;
    const char *example; /* an unreadable one */
    int64_t said_at_s;
    char why[GH_LMDB_WHY];
} copy_t;


static ctl_exit_t run(copy_t *p);
static ctl_exit_t list(copy_t *p);
static void take_mark(copy_t *p, ctl_items_t *items, bool *there);
static ctl_exit_t may_begin(copy_t *p);
static bool is_made_by_itself(gh_kind_t kind);
static ctl_exit_t begin(copy_t *p);
static gh_rc_t read_mark(copy_t *p, ctl_side_t *side, gh_str_t *value);
static gh_rc_t write_mark(copy_t *p, const char *value);
static ctl_exit_t copy_all(copy_t *p);
static gh_rc_t copy_some(copy_t *p, const ctl_item_t *items, size_t n);
static gh_rc_t read_there(copy_t *p, const ctl_item_t *items, size_t n);
static bool is_same(const ctl_record_t *a, const ctl_record_t *b);
static void keep_unreadable(copy_t *p, const ctl_item_t *item);
static ctl_exit_t remove_rest(copy_t *p);
static gh_rc_t remove_one(copy_t *p, const ctl_item_t *item);
static void say_progress(copy_t *p, size_t n);
static ctl_exit_t interrupted(copy_t *p, const ctl_side_t *side, size_t n);
static ctl_exit_t finish(copy_t *p);
static void say_workers(copy_t *p);


ctl_exit_t
ctl_store_copy(ctl_t *c)
{
    copy_t *p = ctl_alloc(&c->arena, sizeof(*p));
    ctl_exit_t rc = ctl_setup(c);

    p->c = c;
    p->read = ctl_alloc(&c->arena, sizeof(*p->read));
    p->there = ctl_alloc(&c->arena, sizeof(*p->there));
    p->mark = (ctl_item_t){ GH_KIND_META, NULL, GH_STR(MARK) };

    if (rc == CTL_DONE) {
        rc = ctl_side_parse(c, c->args[0], false, &p->from);
    }

    if (rc == CTL_DONE) {
        rc = ctl_side_parse(c, c->args[1], true, &p->to);
    }

    if (rc == CTL_DONE && !p->from.setup.shared && !p->to.setup.shared) {
        rc = ctl_fail(c, CTL_USAGE,
                      "both are embedded stores: stop nginx and copy the "
                      "directory, with its root.key");
    }

    if (rc == CTL_DONE) {
        rc = ctl_side_open(c, &p->from, &p->to);
    }

    if (rc == CTL_DONE) {
        rc = run(p);
    }

    ctl_batch_free(p->read);
    ctl_batch_free(p->there);
    ctl_side_close(&p->from);
    ctl_side_close(&p->to);

    return rc;
}


static ctl_exit_t
run(copy_t *p)
{
    ctl_exit_t rc = list(p);

    if (rc == CTL_DONE) {
        rc = may_begin(p);
    }

    if (rc == CTL_DONE && p->from.db != NULL) {
        rc = ctl_depends_check(p->c, &p->from, &p->source, p->read);
    }

    if (rc == CTL_DONE) {
        rc = begin(p);
    }

    if (rc == CTL_DONE) {
        rc = copy_all(p);
    }

    if (rc == CTL_DONE) {
        rc = remove_rest(p);
    }

    return rc == CTL_DONE ? finish(p) : rc;
}


static ctl_exit_t
list(copy_t *p)
{
    char room[GH_REDIS_KEY_MAX];
    gh_buf_t key = GH_BUF(room);
    bool unfinished;

    (void) gh_redis_key(GH_KIND_META, GH_STR(MARK), &key);
    p->mark.key = ctl_copy(&p->c->arena, gh_buf_str(&key));

    if (ctl_side_list(p->c, &p->from, &p->source, p->why) != GH_OK) {
        return ctl_fail(p->c, CTL_UNAVAILABLE, "%s: %s", p->from.words,
                        p->why);
    }

    if (ctl_side_list(p->c, &p->to, &p->target, p->why) != GH_OK) {
        return ctl_fail(p->c, CTL_UNAVAILABLE, "%s: %s", p->to.words, p->why);
    }

    take_mark(p, &p->source, &unfinished);
    take_mark(p, &p->target, &p->unfinished);

    if (unfinished) {
        return ctl_fail(p->c, CTL_REFUSED,
                        "%s is itself a copy that was not finished: finish "
                        "that one first",
                        p->from.words);
    }

    return ctl_side_workers(p->c, &p->from, &p->workers_from)
                   && ctl_side_workers(p->c, &p->to, &p->workers_to)
               ? CTL_DONE
               : CTL_UNAVAILABLE;
}


static void
take_mark(copy_t *p, ctl_items_t *items, bool *there)
{
    long at = ctl_items_find(items, &p->mark);

    *there = at >= 0;

    if (at >= 0) {
        memmove(&items->items[at], &items->items[at + 1],
                (items->n - (size_t) at - 1) * sizeof(*items->items));
        items->n--;
    }
}


static ctl_exit_t
may_begin(copy_t *p)
{
    ctl_t *c = p->c;
    size_t n = 0;

    for (size_t i = 0; i < p->target.n; i++) {
        n += !is_made_by_itself(p->target.items[i].kind);
    }

    p->nothing = p->target.n == 0;

    if (n == 0 || c->options[CTL_OPT_REPLACE] != NULL) {
        return CTL_DONE;
    }

    if (p->unfinished && p->workers_to == 0) {
        ctl_note(c, "goes on with the copy that was not finished\n");
        return CTL_DONE;
    }

    if (p->unfinished) {
        return ctl_fail(c, CTL_REFUSED,
                        "a copy to %s was not finished, and %u workers use "
                        "it: stop them, or say --replace, and what they have "
                        "written there goes",
                        p->to.words, p->workers_to);
    }

    return ctl_fail(c, CTL_REFUSED,
                    "%s is not empty (%s): with --replace it becomes what %s "
                    "is, and what only it has goes",
                    p->to.words, ctl_items_words(c, &p->target),
                    p->from.words);
}


/* Any gateway makes these again when it needs them. */
static bool
is_made_by_itself(gh_kind_t kind)
{
    return kind == GH_KIND_KEYS || kind == GH_KIND_METADATA
           || kind == GH_KIND_CLAIM;
}


/* What is written into one and found in the other is written in both. */
static ctl_exit_t
begin(copy_t *p)
{
    uint8_t random[16];
    char hex[2 * sizeof(random) + 1] = "";
    gh_buf_t out = { hex, 0, sizeof(hex) - 1 };
    gh_str_t found;
    gh_rc_t rc;

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return ctl_fail(p->c, CTL_UNAVAILABLE, "no random numbers");
    }

    (void) gh_hex_encode((gh_str_t){ (char *) random, sizeof(random) }, &out);

    if (write_mark(p, hex) != GH_OK) {
        return interrupted(p, &p->to, 0);
    }

    p->began = true;
    rc = read_mark(p, &p->from, &found);

    if (rc == GH_OK && gh_str_eq(found, gh_buf_str(&out))) {
        (void) ctl_side_clear(&p->to, &p->mark, p->why);
        return ctl_fail(p->c, CTL_REFUSED, "%s and %s are the same store",
                        p->from.words, p->to.words);
    }

    if (rc != GH_OK && rc != GH_ABSENT) {
        return interrupted(p, &p->from, 0);
    }

    ctl_note(p->c, "%zu records to copy\n", p->source.n);
    p->said_at_s = (int64_t) time(NULL);

    return CTL_DONE;
}


static gh_rc_t
write_mark(copy_t *p, const char *value)
{
    ctl_side_write_t w = { .kind = GH_KIND_META,
                           .name = GH_STR(MARK),
                           .value = gh_str(value) };

    return ctl_side_write(&p->to, &w, 1, p->why);
}


static gh_rc_t
read_mark(copy_t *p, ctl_side_t *side, gh_str_t *value)
{
    gh_rc_t rc = ctl_side_read(side, &p->mark, 1, p->read, p->why);

    if (rc != GH_OK) {
        return rc;
    }

    *value = p->read->records[0].value;

    return p->read->records[0].rc == GH_OK ? GH_OK : GH_ABSENT;
}


static ctl_exit_t
copy_all(copy_t *p)
{
    gh_rc_t rc;

    for (size_t i = 0; i < p->source.n; i += CTL_SIDE_BATCH) {
        size_t left = p->source.n - i;
        size_t n = left < CTL_SIDE_BATCH ? left : CTL_SIDE_BATCH;

        rc = ctl_side_read(&p->from, &p->source.items[i], n, p->read, p->why);

        if (rc != GH_OK) {
            return interrupted(p, &p->from, i);
        }

        rc = copy_some(p, &p->source.items[i], n);

        if (rc != GH_OK) {
            return interrupted(p, &p->to, i);
        }

        say_progress(p, i + n);
    }

    return CTL_DONE;
}


static gh_rc_t
copy_some(copy_t *p, const ctl_item_t *items, size_t n)
{
    ctl_side_write_t w[CTL_SIDE_BATCH];
    size_t m = 0;
    gh_rc_t rc = p->nothing ? GH_OK : read_there(p, items, n);

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        const ctl_record_t *r = &p->read->records[i];

        if (r->rc == GH_ABSENT) {
            p->gone++;

        } else if (r->rc != GH_OK) {
            keep_unreadable(p, &items[i]);

        } else if (!p->nothing && is_same(r, &p->there->records[i])) {
            p->same++;

        } else {
            w[m++] = (ctl_side_write_t){ .kind = items[i].kind,
                                         .name = r->name,
                                         .value = r->value,
                                         .expires_at_s = r->expires_at_s };
        }
    }

    rc = rc == GH_OK ? ctl_side_write(&p->to, w, m, p->why) : rc;
    p->written += rc == GH_OK ? m : 0;

    return rc;
}


/* Under the names that the source has. */
static gh_rc_t
read_there(copy_t *p, const ctl_item_t *items, size_t n)
{
    ctl_item_t there[CTL_SIDE_BATCH];

    for (size_t i = 0; i < n; i++) {
        there[i] = items[i];
        there[i].name = p->read->records[i].rc == GH_OK
                            ? p->read->records[i].name
                            : GH_STR("?");
    }

    return ctl_side_read(&p->to, there, n, p->there, p->why);
}


static bool
is_same(const ctl_record_t *a, const ctl_record_t *b)
{
    return b->rc == GH_OK && a->expires_at_s == b->expires_at_s
           && gh_str_eq(a->value, b->value);
}


static void
keep_unreadable(copy_t *p, const ctl_item_t *item)
{
    p->unreadable++;

    if (p->example == NULL) {
        p->example = item->name.data != NULL ? ctl_text(
                         &p->c->arena, "%s %s", gh_kind_word(item->kind).data,
                         ctl_plain(p->c, item->name))
                                             : item->key;
    }
}


/* Whoever holds a claim in the target goes on holding it: it ends by itself.
 */
static ctl_exit_t
remove_rest(copy_t *p)
{
    for (size_t i = 0; i < p->target.n; i++) {
        const ctl_item_t *item = &p->target.items[i];

        if (item->kind == GH_KIND_CLAIM
            || ctl_items_find(&p->source, item) >= 0) {
            continue;
        }

        if (remove_one(p, item) != GH_OK) {
            return interrupted(p, &p->to, p->source.n);
        }

        p->removed++;
    }

    return CTL_DONE;
}


static gh_rc_t
remove_one(copy_t *p, const ctl_item_t *item)
{
    ctl_side_write_t w = { .kind = item->kind, .remove = true };
    gh_rc_t rc = ctl_side_read(&p->to, item, 1, p->there, p->why);

    if (rc != GH_OK || p->there->records[0].rc == GH_ABSENT) {
        return rc;
    }

    if (p->there->records[0].rc != GH_OK) {
        return ctl_side_clear(&p->to, item, p->why);
    }

    w.name = p->there->records[0].name;

    return ctl_side_write(&p->to, &w, 1, p->why);
}


static void
say_progress(copy_t *p, size_t n)
{
    int64_t now_s = (int64_t) time(NULL);

    if (n < p->source.n && now_s - p->said_at_s >= WORD_S) {
        ctl_note(p->c, "%zu of %zu\n", n, p->source.n);
        p->said_at_s = now_s;
    }
}


static ctl_exit_t
interrupted(copy_t *p, const ctl_side_t *side, size_t n)
{
    return ctl_fail(p->c, CTL_UNAVAILABLE,
                    "%s: %s; %zu of %zu records were looked at. %s the same "
                    "again: it goes on",
                    side->words, p->why, n, p->source.n,
                    p->began ? "What was copied is whole; mend that and run"
                             : "Nothing was copied; mend that and run");
}


static ctl_exit_t
finish(copy_t *p)
{
    ctl_t *c = p->c;
    ctl_exit_t rc = CTL_DONE;
    ctl_side_write_t w = { .kind = GH_KIND_META,
                           .name = GH_STR(MARK),
                           .remove = true };

    if (ctl_side_write(&p->to, &w, 1, p->why) != GH_OK) {
        return interrupted(p, &p->to, p->source.n);
    }

    ctl_say(c,
            "copied %s to %s: %s%zu written, %zu were the same, %zu "
            "removed\n",
            p->from.words, p->to.words,
            p->source.n == 0
                ? "nothing is there; "
                : ctl_text(&c->arena, "%s; ", ctl_items_words(c, &p->source)),
            p->written, p->same, p->removed);

    say_workers(p);

    if (p->unreadable > 0) {
        rc = CTL_REFUSED;
        (void) fprintf(stderr,
                       "gatehouse: %zu records of %s cannot be read (%s%s): "
                       "they are damaged, or sealed with a root key that %s "
                       "does not name. They are not in %s; when they can be "
                       "read, run this again with --replace\n",
                       p->unreadable, p->from.words, p->example,
                       p->unreadable > 1 ? ", ..." : "", c->conf_file,
                       p->to.words);
    }

    ctl_print_json(
        c,
        json_pack("{s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I}", "result",
                  rc == CTL_DONE ? "done" : "refused", "from", p->from.words,
                  "to", p->to.words, "records", ctl_items_json(&p->source),
                  "written", (json_int_t) p->written, "same",
                  (json_int_t) p->same, "removed", (json_int_t) p->removed,
                  "unreadable", (json_int_t) p->unreadable, "workers",
                  (json_int_t) p->workers_from));

    return rc;
}


static void
say_workers(copy_t *p)
{
    unsigned n = p->workers_from;

    if (n == 0) {
        return;
    }

    ctl_note(p->c,
             "%u worker%s still use%s %s: what they change from now on is not "
             "in %s. To lose nothing stop nginx, run this again with "
             "--replace (it writes what differs), and start nginx with "
             "gatehouse_store %s\n",
             n, n == 1 ? "" : "s", n == 1 ? "s" : "", p->from.words,
             p->to.words, p->to.words);
}
