/*
 * traffic set, switch, reset and undo. Each is a compare-and-set against what
 * was read; whoever was faster is named.
 */

#include "traffic.h"
#include "ask.h"
#include "gh_policy_error.h"
#include "policies.h"
#include "store.h"

#include <inttypes.h>
#include <stdio.h>


static ctl_exit_t open_split(ctl_t *c, ctl_split_t *split, bool known);
static ctl_exit_t write_next(ctl_t *c, const ctl_split_t *split,
                             const char *action, const gh_traffic_t *next);
static ctl_exit_t overtaken(ctl_t *c, const ctl_split_t *split);
static ctl_exit_t show_done(ctl_t *c, const ctl_split_t *split,
                            const gh_change_t *line);
static ctl_exit_t no_deployment(const ctl_t *c, const ctl_split_t *split,
                                const char *name);
static ctl_exit_t find_undone(ctl_t *c, gh_change_t *line);


ctl_exit_t
ctl_traffic_set(ctl_t *c)
{
    gh_str_t words[CTL_ARGS_MAX], text;
    const char *message = "";
    ctl_split_t split;
    gh_traffic_t now, next;
    size_t n = 0;
    ctl_exit_t rc = open_split(c, &split, true);

    if (rc != CTL_DONE) {
        return rc;
    }

    for (size_t i = 1; i < c->n_args; i++) {
        words[n++] = gh_str(c->args[i]);
        text = gh_str_cut(gh_str(c->args[i]), '=', &text);

        const char *name = ctl_copy(&c->arena, text);
        size_t at = 0;

        while (at < split.n && !gh_str_eq(split.names[at], text)) {
            at++;
        }

        if (at == split.n) {
            return no_deployment(c, &split, name);
        }
    }

    now = ctl_split_now(&split);

    if (gh_traffic_set(&now, words, n, &next, &message) != GH_OK) {
        return ctl_fail(c, CTL_REFUSED, "%s: %s; it has now: %s", split.name,
                        message, ctl_weights(c, &now));
    }

    return write_next(c, &split, "set", &next);
}


ctl_exit_t
ctl_traffic_switch(ctl_t *c)
{
    ctl_split_t split;
    gh_traffic_t now, next;
    ctl_exit_t rc = open_split(c, &split, true);

    if (rc != CTL_DONE) {
        return rc;
    }

    now = ctl_split_now(&split);

    if (gh_traffic_switch(&now, gh_str(c->args[1]), &next) != GH_OK) {
        return no_deployment(c, &split, c->args[1]);
    }

    return write_next(c, &split, "switch", &next);
}


ctl_exit_t
ctl_traffic_reset(ctl_t *c)
{
    ctl_split_t split;
    ctl_exit_t rc = open_split(c, &split, false);

    if (rc != CTL_DONE) {
        return rc;
    }

    if (!split.stored) {
        ctl_say(c, "%s has the weights of its file already: %s\n", split.name,
                ctl_weights(c, &split.file));
        ctl_print_json(c, json_pack("{s:s, s:o}", "version", split.name,
                                    "change", json_null()));
        ctl_store_sequence(c);
        return ctl_wait(c);
    }

    return write_next(c, &split, "reset", NULL);
}


static ctl_exit_t
open_split(ctl_t *c, ctl_split_t *split, bool known)
{
    ctl_exit_t rc = ctl_store_open(c, CTL_STORE_WRITE);

    if (rc == CTL_DONE) {
        rc = ctl_split_read(c, c->args[0], split);
    }

    if (rc == CTL_DONE && known && !split->known) {
        return ctl_fail(c, CTL_REFUSED,
                        "the policies have no version %s any more; to remove "
                        "what the store says: gatehouse traffic reset %s",
                        split->name, split->name);
    }

    return rc;
}


/* next NULL: the file rules again. */
static ctl_exit_t
write_next(ctl_t *c, const ctl_split_t *split, const char *action,
           const gh_traffic_t *next)
{
    ctl_change_t change;
    gh_change_t *line = &change.line;
    ctl_exit_t rc;

    ctl_change_begin(c, &change, action, ctl_traffic_subject(c, split->name));

    line->had_before = split->stored;
    line->before = split->record;
    line->before_change = split->stored ? split->record.change : 0;
    line->has_after = next != NULL;
    change.traffic = true;

    if (next != NULL) {
        line->after = *next;
    }

    ctl_change_add(&change, GH_KIND_TRAFFIC, gh_str(split->name),
                   next != NULL ? "" : NULL, split->version);

    rc = ctl_change_write(c, &change);

    if (rc == CTL_PENDING) {
        return overtaken(c, split);
    }

    return rc == CTL_DONE ? show_done(c, split, line) : rc;
}


static ctl_exit_t
overtaken(ctl_t *c, const ctl_split_t *split)
{
    gh_change_t line;

    if (ctl_change_last(c, ctl_traffic_subject(c, split->name), &line)
        != GH_OK) {
        return ctl_fail(c, CTL_REFUSED,
                        "%s was changed by somebody else just now; see: "
                        "gatehouse traffic show %s",
                        split->name, split->name);
    }

    return ctl_fail(
        c, CTL_REFUSED,
        "nothing was changed: somebody was faster (%s, now %s); "
        "look, and decide again",
        ctl_change_words(c, &line),
        line.has_after ? ctl_weights(c, &line.after) : "as in the file");
}


static ctl_exit_t
show_done(ctl_t *c, const ctl_split_t *split, const gh_change_t *line)
{
    gh_traffic_t before = ctl_split_now(split);
    const gh_traffic_t *after = line->has_after ? &line->after : &split->file;

    ctl_say(c, "change %" PRIu64 ": %s %s -> %s\n", line->id, split->name,
            split->known ? ctl_weights(c, &before) : "(unknown)",
            after->n > 0 ? ctl_weights(c, after) : "(unknown)");

    if (c->options[CTL_OPT_WAIT] == NULL) {
        ctl_say(c,
                "every worker has it within a second; to take it back: "
                "gatehouse traffic undo %" PRIu64 "\n",
                line->id);
    }

    ctl_print_json(
        c, json_pack("{s:I, s:s, s:s, s:o, s:o}", "change",
                     (json_int_t) line->id, "version", split->name, "action",
                     line->action, "before", ctl_json_weights(&before),
                     "after", ctl_json_weights(after)));

    return ctl_wait(c);
}


static ctl_exit_t
no_deployment(const ctl_t *c, const ctl_split_t *split, const char *name)
{
    gh_policy_choices_t choices = { .word = gh_str(name) };

    for (size_t i = 0; i < split->n; i++) {
        gh_policy_choice(&choices, split->names[i]);
    }

    return ctl_fail(c, CTL_REFUSED, "%s has no deployment \"%s\"%s",
                    split->name, gh_policy_word(gh_str(name)).text,
                    gh_policy_advice(&choices, "deployments").text);
}


/* Restores what stood before a change, unless a newer one stands. */
ctl_exit_t
ctl_traffic_undo(ctl_t *c)
{
    gh_change_t line = { 0 }, last;
    ctl_split_t split = { 0 };
    ctl_exit_t rc = ctl_store_open(c, CTL_STORE_WRITE);

    rc = rc == CTL_DONE ? find_undone(c, &line) : rc;
    rc = rc == CTL_DONE ? ctl_split_read(
             c, ctl_copy(&c->arena, gh_str(line.subject + 8)), &split)
                        : rc;

    if (rc != CTL_DONE) {
        return rc;
    }

    if (ctl_change_last(c, line.subject, &last) == GH_OK && last.id > line.id)
    {
        return ctl_fail(c, CTL_REFUSED,
                        "a newer change of %s stands: %s; undo that one "
                        "first, or set the weights you want",
                        split.name, ctl_change_words(c, &last));
    }

    if (line.had_before
        && (!split.known
            || !gh_traffic_fits(&line.before, split.names, split.n)))
    {
        return ctl_fail(c, CTL_REFUSED,
                        "what stood before change %" PRIu64 " (%s) names "
                        "deployments that %s does not have any more",
                        line.id, ctl_weights(c, &line.before), split.name);
    }

    return write_next(c, &split, "undo",
                      line.had_before ? &line.before : NULL);
}


static ctl_exit_t
find_undone(ctl_t *c, gh_change_t *line)
{
    uint64_t id;

    if (gh_str_to_u64(gh_str(c->args[0]), INT64_MAX, &id) != GH_OK) {
        return ctl_fail(c, CTL_USAGE,
                        "\"%s\" is not the number of a change; see: gatehouse "
                        "history",
                        gh_policy_word(gh_str(c->args[0])).text);
    }

    if (ctl_change_read(c, id, line) != GH_OK) {
        return ctl_fail(
            c, CTL_REFUSED,
            "there is no change %" PRIu64 "; see: gatehouse history", id);
    }

    if (strncmp(line->subject, "traffic ", 8) != 0) {
        return ctl_fail(c, CTL_REFUSED,
                        "change %" PRIu64 " is not about traffic (%s of %s), "
                        "and only traffic can be undone",
                        id, line->action, ctl_plain(c, gh_str(line->subject)));
    }

    return CTL_DONE;
}
