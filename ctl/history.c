/*
 * history: what was changed, by whom, when, from what to what, and why.
 */

#include "commands.h"
#include "gh_policy_error.h"
#include "store.h"
#include "traffic.h"

#include <inttypes.h>
#include <stdio.h>

#define LIMIT 20


typedef struct {
    ctl_t *c;
    const char *subject; /* NULL: all */
    uint64_t *ids;       /* a ring of the newest */
    size_t limit, n;
} history_t;


static bool keep(void *ctx, const gh_change_t *line);
static void show_people(ctl_t *c, const gh_change_t *line);
static json_t *show_json(const gh_change_t *line);
static json_t *side(bool there, const gh_traffic_t *t);


ctl_exit_t
ctl_history(ctl_t *c)
{
    history_t h = { .c = c, .subject = c->options[CTL_OPT_SUBJECT] };
    const char *limit = c->options[CTL_OPT_LIMIT];
    uint64_t n = LIMIT;
    json_t *list;
    ctl_exit_t rc;

    if (limit != NULL && gh_str_to_u64(gh_str(limit), 1000000, &n) != GH_OK) {
        return ctl_fail(c, CTL_USAGE, "--limit \"%s\" is not a number",
                        gh_policy_word(gh_str(limit)).text);
    }

    rc = ctl_store_open(c, 0);
    if (rc != CTL_DONE) {
        return rc;
    }

    h.limit = n == 0 ? SIZE_MAX : (size_t) n;

    if (ctl_change_each(c, keep, &h) != GH_OK) {
        return ctl_fail(c, CTL_UNAVAILABLE, "the store cannot be read");
    }

    list = json_array();

    for (size_t i = 0; i < h.n && i < h.limit; i++) {
        gh_change_t line;

        if (ctl_change_read(c, h.ids[(h.n - 1 - i) % h.limit], &line) != GH_OK)
        {
            continue;
        }

        if (c->json) {
            (void) json_array_append_new(list, show_json(&line));
        } else {
            show_people(c, &line);
        }
    }

    if (h.n == 0) {
        ctl_say(c, "no changes%s\n", h.subject == NULL ? " yet" : " of that");
    } else if (h.n > h.limit) {
        ctl_say(c, "(%zu older ones: --limit 0)\n", h.n - h.limit);
    }

    ctl_print_json(c, json_pack("{s:o}", "history", list));

    return CTL_DONE;
}


static bool
keep(void *ctx, const gh_change_t *line)
{
    history_t *h = ctx;

    if (h->subject != NULL && strstr(line->subject, h->subject) == NULL) {
        return true;
    }

    if (h->n < h->limit) {
        h->ids = ctl_grow(&h->c->arena, h->ids, h->n, sizeof(*h->ids));
    }

    h->ids[h->n % h->limit] = line->id;
    h->n++;

    return true;
}


static void
show_people(ctl_t *c, const gh_change_t *line)
{
    const char *reason = ctl_plain(c, gh_str(line->reason));

    ctl_say(c, "%" PRIu64 "  %s UTC  %s  %s %s\n", line->id,
            ctl_when(c, line->at_s), ctl_plain(c, gh_str(line->who)),
            ctl_plain(c, gh_str(line->action)),
            ctl_plain(c, gh_str(line->subject)));

    if (line->had_before || line->has_after) {
        ctl_say(
            c, "      %s -> %s\n",
            line->had_before ? ctl_weights(c, &line->before)
                             : "as in the file",
            line->has_after ? ctl_weights(c, &line->after) : "as in the file");
    }

    if (reason[0] != '\0') {
        ctl_say(c, "      %s\n", reason);
    }
}


static json_t *
show_json(const gh_change_t *line)
{
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o}", "change",
                     (json_int_t) line->id, "at", ctl_json_when(line->at_s),
                     "who", ctl_json_text(gh_str(line->who)), "action",
                     ctl_json_text(gh_str(line->action)), "subject",
                     ctl_json_text(gh_str(line->subject)), "reason",
                     ctl_json_text(gh_str(line->reason)), "before_change",
                     (json_int_t) line->before_change, "before",
                     side(line->had_before, &line->before), "after",
                     side(line->has_after, &line->after));
}


/* null is the policy file's, or a change that has no weights. */
static json_t *
side(bool there, const gh_traffic_t *t)
{
    return there ? ctl_json_weights(t) : json_null();
}
