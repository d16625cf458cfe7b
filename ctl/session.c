/*
 * session list and revoke: who is logged in, and how that ends. Records are
 * opened with the root key; what is in them beside the person is never shown,
 * and wiped.
 */

#include "ask.h"
#include "change.h"
#include "commands.h"
#include "gh_policy_error.h"
#include "gh_session.h"
#include "store.h"
#include "table.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <time.h>

#define SHORT_ID 8 /* digits of a record's name that are shown */


typedef struct {
    const char *record; /* its name in the store */
    const char *id;     /* the beginning of it */
    const char *person; /* "staff:2482" */
    const char *name, *user, *email;
    const char *provider, *sub, *host;
    int64_t began_at_s, seen_at_s;
    uint64_t version;
} row_t;

typedef struct {
    ctl_t *c;
    const char **names;
    size_t n_names;
    row_t *rows;
    size_t n;
    size_t sealed; /* not ours to open */
} list_t;


static ctl_exit_t read_all(ctl_t *c, unsigned flags, list_t *l);
static bool add_name(void *ctx, gh_str_t name);
static void add_session(list_t *l, const char *name, gh_buf_t *room);
static const char *claim(ctl_t *c, const gh_session_t *s, const char *name);
static void keep_matching(list_t *l, const char *wanted);
static bool matches(const row_t *row, gh_str_t wanted);
static size_t people(const list_t *l);
static int by_person(const void *a, const void *b);
static void print(list_t *l);
static json_t *to_json(const row_t *row);
static ctl_exit_t end_one(ctl_t *c, const row_t *row);


ctl_exit_t
ctl_session_list(ctl_t *c)
{
    list_t l = { .c = c };
    ctl_exit_t rc = read_all(c, 0, &l);

    if (rc != CTL_DONE) {
        return rc;
    }

    if (c->n_args > 0) {
        keep_matching(&l, c->args[0]);
    }

    print(&l);

    if (l.sealed > 0) {
        ctl_note(c,
                 "%zu more cannot be opened with the root keys of %s: they "
                 "let nobody in\n",
                 l.sealed, c->conf_file);
    }

    return CTL_DONE;
}


ctl_exit_t
ctl_session_revoke(ctl_t *c)
{
    list_t l = { .c = c };
    json_t *list = json_array();
    ctl_exit_t rc = ctl_wait_check(c);

    rc = rc == CTL_DONE ? read_all(c, CTL_STORE_WRITE, &l) : rc;

    if (rc == CTL_DONE) {
        keep_matching(&l, c->args[0]);
    }

    if (rc == CTL_DONE && l.n == 0) {
        rc = ctl_fail(c, CTL_REFUSED,
                      "nobody who is logged in is \"%s\"; see: gatehouse "
                      "session list",
                      gh_policy_word(gh_str(c->args[0])).text);
    }

    if (rc == CTL_DONE && people(&l) > 1 && c->options[CTL_OPT_ALL] == NULL) {
        rc = ctl_fail(c, CTL_REFUSED,
                      "\"%s\" are %zu people; name one as gatehouse session "
                      "list has them, or end all with --all",
                      gh_policy_word(gh_str(c->args[0])).text, people(&l));
    }

    for (size_t i = 0; i < l.n && rc == CTL_DONE; i++) {
        rc = end_one(c, &l.rows[i]);

        if (rc == CTL_DONE) {
            (void) json_array_append_new(list, to_json(&l.rows[i]));
        }
    }

    if (rc != CTL_DONE) {
        json_decref(list);
        return rc;
    }

    ctl_say(c,
            "%zu session%s of %s ended; every worker knows within a second\n",
            l.n, l.n == 1 ? "" : "s",
            people(&l) == 1 ? l.rows[0].person : "several people");
    ctl_print_json(c, json_pack("{s:o, s:I}", "ended", list, "change",
                                (json_int_t) c->change));

    return ctl_wait(c);
}


static ctl_exit_t
read_all(ctl_t *c, unsigned flags, list_t *l)
{
    ctl_exit_t rc = ctl_store_open(c, flags | CTL_STORE_SECRET);
    gh_buf_t room = { NULL, 0, GH_SESSION_BYTES_MAX };

    if (rc != CTL_DONE) {
        return rc;
    }

    if (ctl_store_names(c, GH_KIND_SESSION, add_name, l) != GH_OK) {
        return ctl_fail(c, CTL_UNAVAILABLE, "the store cannot be read");
    }

    room.data = ctl_alloc(&c->arena, room.cap);

    for (size_t i = 0; i < l->n_names; i++) {
        add_session(l, l->names[i], &room);
    }

    OPENSSL_cleanse(room.data, room.cap);

    if (l->n > 0) {
        qsort(l->rows, l->n, sizeof(*l->rows), by_person);
    }

    return CTL_DONE;
}


static bool
add_name(void *ctx, gh_str_t name)
{
    list_t *l = ctx;

    l->names = ctl_grow(&l->c->arena, l->names, l->n_names, sizeof(*l->names));
    l->names[l->n_names++] = ctl_copy(&l->c->arena, name);

    return true;
}


/* One that has expired or went meanwhile is passed over. */
static void
add_session(list_t *l, const char *name, gh_buf_t *room)
{
    ctl_t *c = l->c;
    gh_session_t s;
    row_t *row;
    uint64_t version;
    gh_rc_t rc;

    room->len = 0;
    rc = ctl_store_get(c, GH_KIND_SESSION, gh_str(name), room, &version, NULL);

    if (rc == GH_ABSENT) {
        return;
    }

    if (rc != GH_OK
        || gh_session_open(&c->secret, gh_str(name), gh_buf_str(room), &s)
               != GH_OK)
    {
        l->sealed++;
        return;
    }

    l->rows = ctl_grow(&c->arena, l->rows, l->n, sizeof(*l->rows));
    row = &l->rows[l->n++];

    *row = (row_t){
        .record = name,
        .id = ctl_copy(&c->arena, (gh_str_t){ name, SHORT_ID }),
        .person = ctl_plain(c, s.id),
        .provider = ctl_plain(c, s.provider),
        .sub = ctl_plain(c, s.sub),
        .host = ctl_plain(c, s.host),
        .name = claim(c, &s, "name"),
        .user = claim(c, &s, "preferred_username"),
        .email = claim(c, &s, "email"),
        .began_at_s = s.created_at_s,
        .seen_at_s = s.seen_at_s,
        .version = version,
    };

    gh_session_clear(&s);
}


static const char *
claim(ctl_t *c, const gh_session_t *s, const char *name)
{
    gh_str_t text = GH_STR("");

    (void) gh_json_str(s->claims, name, &text);

    return ctl_plain(c, text);
}


static void
keep_matching(list_t *l, const char *wanted)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++) {
        if (matches(&l->rows[i], gh_str(wanted))) {
            l->rows[n++] = l->rows[i];
        }
    }

    l->n = n;
}


/* The short id is a prefix, so that a longer one may be given as well. */
static bool
matches(const row_t *row, gh_str_t wanted)
{
    if (wanted.len >= SHORT_ID && gh_str_starts(gh_str(row->record), wanted)) {
        return true;
    }

    return gh_str_eq(wanted, gh_str(row->person))
           || gh_str_eq(wanted, gh_str(row->sub))
           || (wanted.len > 0
               && (gh_str_eq_nocase(wanted, gh_str(row->name))
                   || gh_str_eq_nocase(wanted, gh_str(row->user))
                   || gh_str_eq_nocase(wanted, gh_str(row->email))));
}


/* Rows are in order of people. */
static size_t
people(const list_t *l)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++) {
        n += i == 0 || strcmp(l->rows[i - 1].person, l->rows[i].person) != 0;
    }

    return n;
}


static int
by_person(const void *a, const void *b)
{
    const row_t *one = a, *other = b;
    int order = strcmp(one->person, other->person);

    return order != 0 ? order
           : one->began_at_s != other->began_at_s
               ? (one->began_at_s < other->began_at_s ? -1 : 1)
               : strcmp(one->record, other->record);
}


static void
print(list_t *l)
{
    static const char *const heading[] = { "ID",   "PERSON", "NAME", "EMAIL",
                                           "HOST", "BEGAN",  "SEEN" };
    ctl_t *c = l->c;
    ctl_table_t t = { .columns = sizeof(heading) / sizeof(heading[0]) };
    json_t *list = json_array();

    ctl_table_row(c, &t, heading);

    for (size_t i = 0; i < l->n; i++) {
        const row_t *row = &l->rows[i];
        const char *cells[] = {
            row->id,
            row->person,
            row->name[0] != '\0' ? row->name : row->user,
            row->email,
            row->host,
            ctl_when(c, row->began_at_s),
            ctl_when(c, row->seen_at_s),
        };

        if (c->json) {
            (void) json_array_append_new(list, to_json(row));
        } else {
            ctl_table_row(c, &t, cells);
        }
    }

    ctl_table_print(c, &t);
    ctl_print_json(c, json_pack("{s:o, s:I}", "sessions", list, "sealed",
                                (json_int_t) l->sealed));
}


static json_t *
to_json(const row_t *row)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
                     row->id, "person", ctl_json_text(gh_str(row->person)),
                     "provider", ctl_json_text(gh_str(row->provider)), "sub",
                     ctl_json_text(gh_str(row->sub)), "name",
                     ctl_json_text(gh_str(row->name)), "email",
                     ctl_json_text(gh_str(row->email)), "host",
                     ctl_json_text(gh_str(row->host)), "began",
                     ctl_json_when(row->began_at_s), "seen",
                     ctl_json_when(row->seen_at_s));
}


/* A worker may write it at the same time (a refresh): it ends all the same,
 * since workers write only what is still there. */
static ctl_exit_t
end_one(ctl_t *c, const row_t *row)
{
    ctl_change_t change;

    ctl_change_begin(
        c, &change, "revoke",
        ctl_text(&c->arena, "session %s of %s", row->id, row->person));
    ctl_change_add(&change, GH_KIND_SESSION, gh_str(row->record), NULL,
                   GH_VERSION_ANY);

    return ctl_change_write(c, &change);
}
