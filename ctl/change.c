/*
 * Ids come from a counter that is written with the change. If somebody else
 * took the id meanwhile it is tried again with the next one; if somebody else
 * touched one of the change's own records it is not.
 */

#include "change.h"
#include "store.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define ATTEMPTS 200
#define PATIENCE_S 3 /* before a word about the wait */
#define ID_DIGITS 20


typedef struct {
    bool (*each)(void *ctx, const gh_change_t *line);
    void *ctx;
    const char *subject; /* of ctl_change_last */
    gh_change_t *out;
    bool found;
} walk_t;


static gh_rc_t next_id(ctl_t *c, uint64_t *id, uint64_t *version);
static bool look_for_highest(void *ctx, gh_str_t name, gh_str_t value,
                             uint64_t version);
static gh_rc_t attempt(ctl_t *c, ctl_change_t *change, uint64_t counter,
                       char *why);
static gh_rc_t write_patiently(ctl_t *c, gh_write_t *batch, size_t n,
                               char *why);
static void still_waiting(int signal);
static size_t add_records(gh_write_t *batch, const ctl_change_t *change,
                          gh_str_t traffic);
static bool untouched(ctl_t *c, const ctl_change_t *change);
static bool walk(void *ctx, gh_str_t name, gh_str_t value, uint64_t version);
static bool keep_last(void *ctx, const gh_change_t *line);


static const char counter_name[] = "changes";


void
ctl_change_begin(ctl_t *c, ctl_change_t *change, const char *action,
                 const char *subject)
{
    const char *reason = c->options[CTL_OPT_REASON];

    memset(change, 0, sizeof(*change));

    gh_change_text(change->line.action, sizeof(change->line.action),
                   gh_str(action));
    gh_change_text(change->line.subject, sizeof(change->line.subject),
                   gh_str(subject));
    gh_change_text(change->line.reason, sizeof(change->line.reason),
                   gh_str(reason == NULL ? "" : reason));
}


void
ctl_change_add(ctl_change_t *change, gh_kind_t kind, gh_str_t name,
               const char *value, uint64_t if_version)
{
    gh_write_t *w = &change->writes[change->n++];

    w->type = value == NULL ? GH_WRITE_DELETE : GH_WRITE_PUT;
    w->kind = kind;
    w->name = name;
    w->value = gh_str(value == NULL ? "" : value);
    w->if_version = if_version;
    w->log = true;
}


ctl_exit_t
ctl_change_write(ctl_t *c, ctl_change_t *change)
{
    char why[GH_LMDB_WHY] = "somebody else writes all the time";
    uint64_t counter;
    gh_rc_t rc = GH_CONFLICT;

    gh_change_text(change->line.who, sizeof(change->line.who), gh_str(c->who));

    for (unsigned i = 0; i < ATTEMPTS && rc == GH_CONFLICT; i++) {
        change->line.at_s = (int64_t) time(NULL);

        if (next_id(c, &change->line.id, &counter) != GH_OK) {
            return ctl_store_failed(c, GH_KIND_META, gh_str(counter_name));
        }

        rc = attempt(c, change, counter, why);

        if (rc == GH_CONFLICT && !untouched(c, change)) {
            return CTL_PENDING;
        }
    }

    if (rc != GH_OK) {
        return ctl_fail(c, CTL_UNAVAILABLE,
                        "nothing was changed: the store does not take it: %s",
                        why);
    }

    c->change = change->line.id;
    ctl_store_sequence(c);

    return CTL_DONE;
}


/* A counter that is lost or damaged goes on behind the history. */
static gh_rc_t
next_id(ctl_t *c, uint64_t *id, uint64_t *version)
{
    gh_str_t value;
    gh_rc_t rc =
        ctl_store_read(c, GH_KIND_META, gh_str(counter_name), &value, version);

    *id = 0;

    if (rc == GH_OK && gh_str_to_u64(value, INT64_MAX - 1, id) == GH_OK) {
        ++*id;
        return GH_OK;
    }

    if (rc == GH_UNAVAILABLE) {
        return rc;
    }

    *version = rc == GH_ABSENT ? 0 : GH_VERSION_ANY;
    rc = ctl_store_each(c, GH_KIND_CHANGE, look_for_highest, id);
    ++*id;

    return rc == GH_ABSENT ? GH_OK : rc;
}


static bool
look_for_highest(void *ctx, gh_str_t name, gh_str_t value, uint64_t version)
{
    uint64_t *id = ctx, n;

    (void) value;
    (void) version;

    if (gh_str_to_u64(name, INT64_MAX - 1, &n) == GH_OK && n > *id) {
        *id = n;
    }

    return true;
}


static gh_rc_t
attempt(ctl_t *c, ctl_change_t *change, uint64_t counter, char *why)
{
    char line[GH_CHANGE_BYTES_MAX], traffic[GH_TRAFFIC_BYTES_MAX];
    char name[ID_DIGITS + 1], number[ID_DIGITS + 1], oldest[ID_DIGITS + 1];
    gh_buf_t line_text = GH_BUF(line), traffic_text = GH_BUF(traffic);
    gh_write_t batch[2 * CTL_CHANGE_WRITES_MAX + 3] = { 0 };
    size_t n;
    gh_rc_t rc;

    (void) snprintf(name, sizeof(name), "%020" PRIu64, change->line.id);
    (void) snprintf(number, sizeof(number), "%" PRIu64, change->line.id);

    change->line.after.change = change->line.id;

    if ((change->traffic && change->line.has_after
         && gh_traffic_encode(&change->line.after, &traffic_text) != GH_OK)
        || gh_change_encode(&change->line, &line_text) != GH_OK)
    {
        (void) snprintf(why, GH_LMDB_WHY, "such a change has no record");
        return GH_INVALID;
    }

    n = add_records(batch, change, gh_buf_str(&traffic_text));

    batch[n++] = (gh_write_t){ .type = GH_WRITE_PUT,
                               .kind = GH_KIND_CHANGE,
                               .name = gh_str(name),
                               .value = gh_buf_str(&line_text) };
    batch[n++] = (gh_write_t){ .type = GH_WRITE_PUT,
                               .kind = GH_KIND_META,
                               .name = gh_str(counter_name),
                               .value = gh_str(number),
                               .if_version = counter };

    /* one comes, one goes: nothing else trims the history */
    if (change->line.id > CTL_CHANGES_KEPT) {
        (void) snprintf(oldest, sizeof(oldest), "%020" PRIu64,
                        change->line.id - CTL_CHANGES_KEPT);
        batch[n++] = (gh_write_t){ .type = GH_WRITE_DELETE,
                                   .kind = GH_KIND_CHANGE,
                                   .name = gh_str(oldest),
                                   .if_version = GH_VERSION_ANY };
    }

    for (size_t i = 0; i < n; i++) {
        batch[i].group = 1;
        batch[i].now_s = change->line.at_s;
    }

    rc = write_patiently(c, batch, n, why);

    for (size_t i = 0; i < n && rc == GH_OK; i++) {
        rc = batch[i].rc == GH_ABSENT ? GH_OK : batch[i].rc;

        if (rc != GH_OK && rc != GH_CONFLICT) {
            (void) snprintf(
                why, GH_LMDB_WHY, "%s",
                rc == GH_FULL ? "it is full" : "it refuses the record");
        }
    }

    return rc;
}


/* A process that was stopped in the middle of a write keeps the lock: there
 * is nothing to do but to wait for it, and to say so. */
static gh_rc_t
write_patiently(ctl_t *c, gh_write_t *batch, size_t n, char *why)
{
    struct sigaction say = { .sa_handler = still_waiting,
                             .sa_flags = SA_RESTART };
    gh_rc_t rc;

    (void) sigaction(SIGALRM, &say, NULL);
    (void) alarm(PATIENCE_S);
    rc = ctl_store_write(c, batch, n, why);
    (void) alarm(0);

    return rc;
}


static void
still_waiting(int signal)
{
    static const char text[] =
        "gatehouse: waiting: another process holds the store's lock (is one "
        "stopped?), or the disk is slow; nothing is changed yet\n";

    (void) signal;
    (void) !write(STDERR_FILENO, text, sizeof(text) - 1);
}


/* A record that is gone is no conflict to a DELETE, so that it is put as it
 * was read before it is deleted. */
static size_t
add_records(gh_write_t *batch, const ctl_change_t *change, gh_str_t traffic)
{
    size_t n = 0;

    for (size_t i = 0; i < change->n; i++) {
        const gh_write_t *w = &change->writes[i];

        if (w->type == GH_WRITE_DELETE) {
            batch[n] = *w;
            batch[n].type = GH_WRITE_PUT;
            batch[n++].log = false;
        }

        batch[n] = *w;

        if (w->type == GH_WRITE_DELETE) {
            batch[n].if_version = GH_VERSION_ANY;
        } else if (change->traffic && i == 0) {
            batch[n].value = traffic;
        }

        n++;
    }

    return n;
}


static bool
untouched(ctl_t *c, const ctl_change_t *change)
{
    for (size_t i = 0; i < change->n; i++) {
        const gh_write_t *w = &change->writes[i];
        gh_str_t value;
        uint64_t version;
        gh_rc_t rc = ctl_store_read(c, w->kind, w->name, &value, &version);

        if (w->if_version != GH_VERSION_ANY
            && (rc == GH_OK ? version : 0) != w->if_version)
        {
            return false;
        }
    }

    return true;
}


gh_rc_t
ctl_change_read(ctl_t *c, uint64_t id, gh_change_t *out)
{
    char name[ID_DIGITS + 1];
    gh_str_t value;
    uint64_t version;
    gh_rc_t rc;

    (void) snprintf(name, sizeof(name), "%020" PRIu64, id);
    rc = ctl_store_read(c, GH_KIND_CHANGE, gh_str(name), &value, &version);

    return rc == GH_OK ? gh_change_decode(value, out) : rc;
}


gh_rc_t
ctl_change_each(ctl_t *c, bool (*each)(void *ctx, const gh_change_t *line),
                void *ctx)
{
    walk_t w = { .each = each, .ctx = ctx };

    return ctl_store_each(c, GH_KIND_CHANGE, walk, &w);
}


static bool
walk(void *ctx, gh_str_t name, gh_str_t value, uint64_t version)
{
    const walk_t *w = ctx;
    gh_change_t line;

    (void) name;
    (void) version;

    return gh_change_decode(value, &line) != GH_OK || w->each(w->ctx, &line);
}


gh_rc_t
ctl_change_last(ctl_t *c, const char *subject, gh_change_t *out)
{
    walk_t last = { .subject = subject, .out = out };
    gh_rc_t rc = ctl_change_each(c, keep_last, &last);

    return rc == GH_OK && !last.found ? GH_ABSENT : rc;
}


static bool
keep_last(void *ctx, const gh_change_t *line)
{
    walk_t *w = ctx;

    if (strcmp(line->subject, w->subject) == 0) {
        *w->out = *line;
        w->found = true;
    }

    return true;
}


const char *
ctl_change_words(ctl_t *c, const gh_change_t *line)
{
    return ctl_text(&c->arena, "change %" PRIu64 ", %s: %s by %s on %s UTC",
                    line->id, ctl_plain(c, gh_str(line->subject)),
                    line->action, ctl_plain(c, gh_str(line->who)),
                    ctl_when(c, line->at_s));
}
