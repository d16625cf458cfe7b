/*
 * apply: the set in the directory is checked, and waited for until every
 * worker decides by it. The gateway takes it up by itself; this tells when,
 * or why not.
 */

#include "ask.h"
#include "commands.h"
#include "policies.h"
#include "store.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define PAUSE_MS 50


static ctl_exit_t check(ctl_t *c);
static ctl_exit_t wait_published(ctl_t *c, int64_t end_s,
                                 uint64_t *generation);


ctl_exit_t
ctl_apply(ctl_t *c)
{
    uint64_t generation = 0;
    int64_t end_s = ctl_wait_end(c);
    ctl_exit_t rc = ctl_setup(c);

    if (rc != CTL_DONE) {
        return rc;
    }

    if (c->setup.policies == NULL) {
        return ctl_fail(c, CTL_UNAVAILABLE,
                        "%s has no gatehouse_policies line", c->conf_file);
    }

    rc = check(c);
    rc = rc == CTL_DONE ? ctl_store_become_owner(c) : rc;
    rc = rc == CTL_DONE ? wait_published(c, end_s, &generation) : rc;

    if (rc != CTL_DONE) {
        return rc;
    }

    ctl_say(c, "%s is generation %" PRIu64 "\n", c->setup.policies,
            generation);
    ctl_print_json(c, json_pack("{s:s, s:I}", "directory", c->setup.policies,
                                "generation", (json_int_t) generation));

    return ctl_wait_generation(c, generation, end_s);
}


static ctl_exit_t
check(ctl_t *c)
{
    gh_policy_report_t *report = ctl_alloc(&c->arena, sizeof(*report));
    gh_rc_t rc = ctl_policies_builder(c, c->setup.policies, &c->build);

    if (rc == GH_OK) {
        rc = gh_policy_build_check(c->build, report);
    }

    if (rc == GH_INVALID) {
        return ctl_check_report(c, &report->errors, c->setup.policies);
    }

    return rc == GH_OK ? CTL_DONE
                       : ctl_fail(c, CTL_UNAVAILABLE,
                                  "%s cannot be checked: it changes all the "
                                  "time, or needs more memory than there is",
                                  c->setup.policies);
}


/* Published is what was made of exactly what is there now. */
static ctl_exit_t
wait_published(ctl_t *c, int64_t end_s, uint64_t *generation)
{
    struct timespec pause = { 0, PAUSE_MS * 1000000L };

    while (!gh_policy_build_is_current(c->build, false, generation)) {
        if ((int64_t) time(NULL) >= end_s) {
            return ctl_fail(c, CTL_PENDING,
                            "%s is valid, but no gateway took it up yet; see: "
                            "gatehouse status",
                            c->setup.policies);
        }

        (void) nanosleep(&pause, NULL);
    }

    return CTL_DONE;
}
