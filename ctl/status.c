/*
 * status: the answer to "is all well?", from /status and /ready.
 */

#include "ask.h"
#include "commands.h"

#include <stdio.h>


static void show(ctl_t *c, const json_t *s, const ctl_answer_t *ready);
static void show_policies(ctl_t *c, const json_t *p);
static void show_store(ctl_t *c, const json_t *s);
static void show_issuers(ctl_t *c, const json_t *issuers);
static const char *text(ctl_t *c, const json_t *o, const char *name);
static json_int_t number(const json_t *o, const char *name);


/* CTL_REFUSED: it answers, and it is not ready. */
ctl_exit_t
ctl_status(ctl_t *c)
{
    ctl_answer_t ready;
    json_t *status;
    ctl_exit_t rc = ctl_setup(c);

    if (rc != CTL_DONE) {
        return rc;
    }

    status = ctl_ask_status(c, true);
    if (status == NULL) {
        return CTL_UNAVAILABLE;
    }

    if (ctl_ask(c, "/ready", &ready) != GH_OK) {
        json_decref(status);
        return ctl_fail(c, CTL_UNAVAILABLE, "%s", ready.why);
    }

    show(c, status, &ready);
    (void) json_object_set_new(status, "ready",
                               json_boolean(ready.status == 200));
    ctl_print_json(c, status);

    return ready.status == 200 ? CTL_DONE : CTL_REFUSED;
}


static void
show(ctl_t *c, const json_t *s, const ctl_answer_t *ready)
{
    const json_t *since;
    const char *what;
    gh_str_t word = gh_str_trim((gh_str_t){
        ready->body.data,
        ready->body.len > 0 && ready->body.data[ready->body.len - 1] == '\n'
            ? ready->body.len - 1
            : ready->body.len });

    ctl_say(c, "gateway   %s; gatehouse %s in nginx %s, %zu workers\n",
            ctl_plain(c, word), text(c, s, "gatehouse"), text(c, s, "nginx"),
            json_array_size(json_object_get(s, "workers")));

    json_object_foreach((json_t *) (uintptr_t) json_object_get(s, "degraded"),
                        what, since)
    {
        ctl_say(c, "DEGRADED  %s since %s\n", ctl_plain(c, gh_str(what)),
                json_is_string(since)
                    ? ctl_plain(c, gh_str(json_string_value(since)))
                    : "?");
    }

    ctl_say(c, "root key  %s (fingerprint)\n", text(c, s, "root_key"));
    show_policies(c, json_object_get(s, "policies"));
    show_store(c, json_object_get(s, "store"));
    show_issuers(c, json_object_get(s, "issuers"));
}


static void
show_policies(ctl_t *c, const json_t *p)
{
    ctl_say(c,
            "policies  generation %lld from %s, %lld consumers, %lld keys, "
            "%lld services\n",
            (long long) number(p, "generation"), text(c, p, "directory"),
            (long long) number(p, "consumers"), (long long) number(p, "keys"),
            (long long) number(p, "services"));

    if (json_is_true(json_object_get(p, "invalid"))) {
        ctl_say(c, "          REFUSED, the older set stays in force: %s\n",
                text(c, p, "error"));
    }
}


static void
show_store(ctl_t *c, const json_t *s)
{
    bool available = json_is_true(json_object_get(s, "available"));
    bool writable = json_is_true(json_object_get(s, "writable"));

    const char *size = "";

    /* Redis would have to walk its keys: that is what store show does */

    if (number(s, "map_bytes") > 0) {
        size = ctl_text(&c->arena, "%lld records, %lld KiB of %lld MiB, ",
                        (long long) number(s, "records"),
                        (long long) number(s, "used_bytes") / 1024,
                        (long long) number(s, "map_bytes") / 1048576);
    }

    ctl_say(c, "store     %s, %s; %schange log at %lld\n",
            text(c, s, "backend"),
            !available  ? "AWAY"
            : !writable ? "available, NOT WRITABLE"
                        : "available",
            size, (long long) number(s, "sequence"));

    if (!available || !writable) {
        ctl_say(c, "          %s\n", text(c, s, "why"));
    }
}


static void
show_issuers(ctl_t *c, const json_t *issuers)
{
    const char *name;
    const json_t *i;

    json_object_foreach((json_t *) (uintptr_t) issuers, name, i)
    {
        ctl_say(
            c, "issuer    %s: %lld keys, fetched %s%s%s%s\n",
            ctl_plain(c, gh_str(name)), (long long) number(i, "keys"),
            text(c, i, "fetched"),
            json_is_true(json_object_get(i, "stale")) ? ", OUT OF DATE" : "",
            json_object_get(i, "why") == NULL ? "" : ": ",
            json_object_get(i, "why") == NULL ? "" : text(c, i, "why"));
    }
}


static const char *
text(ctl_t *c, const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));

    return s == NULL ? "-" : ctl_plain(c, gh_str(s));
}


static json_int_t
number(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}
