/*
 * Waiting until a change is in force in every worker, as /status tells it.
 */

#include "ask.h"
#include "gh_policy_error.h"
#include "gh_time.h"

#include <stdio.h>
#include <time.h>

#define WAIT_S 10
#define PAUSE_MS 50


static ctl_exit_t wait_for(ctl_t *c, const char *member, uint64_t number,
                           int64_t end_s);
static bool reached(const json_t *status, const char *member, uint64_t number,
                    size_t *workers, size_t *behind);


ctl_exit_t
ctl_wait_check(const ctl_t *c)
{
    const char *text = c->options[CTL_OPT_WAIT];
    int64_t span_s;

    if (text == NULL || text[0] == '\0'
        || gh_duration_parse(gh_str(text), &span_s) == GH_OK)
    {
        return CTL_DONE;
    }

    return ctl_fail(c, CTL_USAGE, "--wait=%s is not a span such as 10s",
                    gh_policy_word(gh_str(text)).text);
}


ctl_exit_t
ctl_wait(ctl_t *c)
{
    return c->options[CTL_OPT_WAIT] == NULL
               ? CTL_DONE
               : wait_for(c, "sequence", c->sequence, ctl_wait_end(c));
}


ctl_exit_t
ctl_wait_generation(ctl_t *c, uint64_t generation, int64_t end_s)
{
    return wait_for(c, "generation", generation, end_s);
}


int64_t
ctl_wait_end(const ctl_t *c)
{
    const char *text = c->options[CTL_OPT_WAIT];
    int64_t span_s = WAIT_S;

    if (text != NULL && text[0] != '\0') {
        (void) gh_duration_parse(gh_str(text), &span_s);
    }

    return (int64_t) time(NULL) + span_s;
}


static ctl_exit_t
wait_for(ctl_t *c, const char *member, uint64_t number, int64_t end_s)
{
    struct timespec pause = { 0, PAUSE_MS * 1000000L };
    size_t workers = 0, behind = 0;

    (void) fflush(stdout); /* the answer is true whatever comes */

    for (;;) {
        json_t *status = ctl_ask_status(c, false);
        bool done = status != NULL
                    && reached(status, member, number, &workers, &behind);

        json_decref(status);

        if (done) {
            ctl_note(c, "in force in %zu %s\n", workers,
                     workers == 1 ? "worker" : "workers");
            return CTL_DONE;
        }

        if ((int64_t) time(NULL) >= end_s) {
            break;
        }

        (void) nanosleep(&pause, NULL);
    }

    if (workers == 0) {
        ctl_note(c, "gatehouse: it is written, but nobody could be asked "
                    "whether it is in force; see: gatehouse status\n");
    } else {
        ctl_note(c,
                 "gatehouse: it is written, but %zu of %zu workers do not "
                 "have it yet; see: gatehouse status\n",
                 behind, workers);
    }

    return CTL_PENDING;
}


static bool
reached(const json_t *status, const char *member, uint64_t number,
        size_t *workers, size_t *behind)
{
    const json_t *list = json_object_get(status, "workers"), *worker;
    size_t i;

    *workers = json_array_size(list);
    *behind = 0;

    json_array_foreach(list, i, worker)
    {
        json_int_t at = json_integer_value(json_object_get(worker, member));

        if (at < 0 || (uint64_t) at < number) {
            ++*behind;
        }
    }

    return *workers > 0 && *behind == 0;
}
