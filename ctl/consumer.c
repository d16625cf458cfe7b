/*
 * consumer show, suspend and resume: what to do at three in the morning.
 */

#include "change.h"
#include "ask.h"
#include "commands.h"
#include "gh_policy_error.h"
#include "key.h"
#include "policies.h"
#include "store.h"

#include <time.h>


static ctl_exit_t open_consumer(ctl_t *c, unsigned flags);
static void show_words(ctl_t *c, const char *title, const gh_image_t *im,
                       gh_span_t span);
static json_t *json_words(const gh_image_t *im, gh_span_t span);
static ctl_exit_t parse_for(const ctl_t *c, int64_t *span_s);
static ctl_exit_t read_suspended(ctl_t *c, bool *suspended, uint64_t *version);
static ctl_exit_t write_suspended(ctl_t *c, bool suspend, uint64_t version,
                                  int64_t span_s);
static ctl_exit_t done(ctl_t *c, bool suspended, bool already);


ctl_exit_t
ctl_consumer_show(ctl_t *c)
{
    const gh_image_consumer_t *consumer;
    const gh_image_plan_t *plan;
    const gh_image_t *im;
    bool suspended = false;
    uint64_t version;
    gh_str_t name, email;
    ctl_exit_t rc = open_consumer(c, 0);

    rc = rc == CTL_DONE ? read_suspended(c, &suspended, &version) : rc;

    if (rc != CTL_DONE) {
        return rc;
    }

    im = ctl_policies_any(c);
    consumer = gh_image_consumer(im, gh_str(c->args[0]));

    if (consumer == NULL) {
        im = ctl_policies_compiled(c);
        consumer = gh_image_consumer(im, gh_str(c->args[0]));
    }

    plan =
        gh_image_plan(im, consumer->plan == GH_IMAGE_ABSENT ? im->plan_default
                                                            : consumer->plan);
    name = gh_image_str(im, consumer->display_name);
    email = gh_image_str(im, consumer->email);

    ctl_say(c, "%s%s\n", c->args[0],
            suspended ? ": SUSPENDED, every credential is refused" : "");

    if (name.len > 0) {
        ctl_say(c, "  name    %.*s\n", (int) name.len, name.data);
    }

    if (email.len > 0) {
        ctl_say(c, "  email   %.*s\n", (int) email.len, email.data);
    }

    gh_str_t plan_name =
        plan == NULL ? GH_STR("(none)") : gh_image_str(im, plan->name);

    ctl_say(c, "  plan    %.*s%s\n", (int) plan_name.len, plan_name.data,
            consumer->plan == GH_IMAGE_ABSENT ? " (none is named)" : "");
    show_words(c, "groups", im, consumer->groups);
    show_words(c, "scopes", im, consumer->scopes);
    ctl_say(c, "  keys    gatehouse key list %s\n", c->args[0]);

    ctl_print_json(
        c,
        json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o}", "consumer",
                  c->args[0], "suspended", (int) suspended, "name",
                  ctl_json_text(name), "email", ctl_json_text(email), "plan",
                  plan == NULL ? json_null() : ctl_json_text(plan_name),
                  "groups", json_words(im, consumer->groups), "scopes",
                  json_words(im, consumer->scopes)));

    return CTL_DONE;
}


static ctl_exit_t
open_consumer(ctl_t *c, unsigned flags)
{
    ctl_exit_t rc = ctl_store_open(c, flags);

    return rc == CTL_DONE ? ctl_policies_consumer(c, c->args[0], NULL) : rc;
}


static void
show_words(ctl_t *c, const char *title, const gh_image_t *im, gh_span_t span)
{
    const gh_ref_t *refs = gh_image_at(im, span);

    if (span.n == 0) {
        return;
    }

    ctl_say(c, "  %-7s", title);

    for (uint32_t i = 0; i < span.n; i++) {
        gh_str_t word = gh_image_str(im, refs[i]);

        ctl_say(c, "%s %.*s", i == 0 ? "" : ",", (int) word.len, word.data);
    }

    ctl_say(c, "\n");
}


static json_t *
json_words(const gh_image_t *im, gh_span_t span)
{
    const gh_ref_t *refs = gh_image_at(im, span);
    json_t *list = json_array();

    for (uint32_t i = 0; i < span.n; i++) {
        (void) json_array_append_new(list,
                                     ctl_json_text(gh_image_str(im, refs[i])));
    }

    return list;
}


ctl_exit_t
ctl_consumer_suspend(ctl_t *c)
{
    int64_t span_s = 0;
    uint64_t version = 0;
    bool suspended = false;
    ctl_exit_t rc = parse_for(c, &span_s);

    rc = rc == CTL_DONE ? open_consumer(c, CTL_STORE_WRITE) : rc;
    rc = rc == CTL_DONE ? read_suspended(c, &suspended, &version) : rc;

    if (rc != CTL_DONE) {
        return rc;
    }

    /* --for changes how long; without it nothing is left to do */
    if (suspended && span_s == 0) {
        return done(c, true, true);
    }

    rc = write_suspended(c, true, version, span_s);

    return rc == CTL_DONE ? done(c, true, false) : rc;
}


static ctl_exit_t
parse_for(const ctl_t *c, int64_t *span_s)
{
    const char *text = c->options[CTL_OPT_FOR];

    *span_s = 0;

    if (text == NULL
        || (ctl_span(text, span_s) == GH_OK && *span_s > 0
            && *span_s < UINT32_MAX))
    {
        return CTL_DONE;
    }

    return ctl_fail(c, CTL_USAGE, "--for \"%s\" is not a span such as 2h",
                    gh_policy_word(gh_str(text)).text);
}


static ctl_exit_t
read_suspended(ctl_t *c, bool *suspended, uint64_t *version)
{
    gh_str_t value, name = gh_str(c->args[0]);
    gh_rc_t rc = ctl_store_read(c, GH_KIND_SUSPENDED, name, &value, version);

    *suspended = rc == GH_OK;

    return rc == GH_OK || rc == GH_ABSENT
               ? CTL_DONE
               : ctl_store_failed(c, GH_KIND_SUSPENDED, name);
}


ctl_exit_t
ctl_consumer_resume(ctl_t *c)
{
    uint64_t version = 0;
    bool suspended = false;
    ctl_exit_t rc = ctl_store_open(c, CTL_STORE_WRITE);

    rc = rc == CTL_DONE ? read_suspended(c, &suspended, &version) : rc;

    if (rc != CTL_DONE) {
        return rc;
    }

    /* also of a consumer that the policies have no more */
    if (!suspended) {
        rc = ctl_policies_consumer(c, c->args[0], NULL);
        return rc == CTL_DONE ? done(c, false, true) : rc;
    }

    rc = write_suspended(c, false, version, 0);

    return rc == CTL_DONE ? done(c, false, false) : rc;
}


static ctl_exit_t
write_suspended(ctl_t *c, bool suspend, uint64_t version, int64_t span_s)
{
    ctl_change_t change;
    ctl_exit_t rc;

    ctl_change_begin(c, &change, suspend ? "suspend" : "resume",
                     ctl_text(&c->arena, "consumer %s%s%s", c->args[0],
                              span_s > 0 ? " for " : "",
                              span_s > 0 ? c->options[CTL_OPT_FOR] : ""));
    ctl_change_add(&change, GH_KIND_SUSPENDED, gh_str(c->args[0]),
                   suspend ? ctl_text(&c->arena, "{\"v\":1,\"at\":%lld}",
                                      (long long) time(NULL))
                           : NULL,
                   version);
    change.writes[0].ttl_s = span_s;

    rc = ctl_change_write(c, &change);

    return rc == CTL_PENDING
               ? ctl_fail(c, CTL_REFUSED,
                          "somebody else suspended or resumed %s just now; "
                          "see: gatehouse consumer show %s",
                          c->args[0], c->args[0])
               : rc;
}


static ctl_exit_t
done(ctl_t *c, bool suspended, bool already)
{
    ctl_say(c, "consumer %s %s %s%s\n", c->args[0], already ? "was" : "is",
            suspended ? "suspended" : "not suspended",
            already ? " before" : "; every worker knows within a second");

    ctl_print_json(
        c, json_pack(
               "{s:s, s:b, s:b, s:o}", "consumer", c->args[0], "suspended",
               (int) suspended, "already", (int) already, "change",
               already ? json_null() : json_integer((json_int_t) c->change)));

    if (already) {
        ctl_store_sequence(c);
    }

    return ctl_wait(c);
}
