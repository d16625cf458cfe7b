/*
 * apply: the set in the directory is checked, or that of another directory
 * put in its place, and waited for until every worker decides by it. The
 * gateway takes it up by itself; this tells when, or why not.
 */

#include "ask.h"
#include "commands.h"
#include "place.h"
#include "policies.h"
#include "store.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_MS 50


static ctl_exit_t put_in_place(ctl_t *c, const char *directory);
static bool changed(ctl_t *c);
static ctl_exit_t readable(ctl_t *c, const char *copy);
static ctl_exit_t check(ctl_t *c, const char *directory);
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

    rc = c->n_args > 0 ? put_in_place(c, c->args[0])
                       : check(c, c->setup.policies);
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


/* Then c->build looks at the gateway's own directory. */
static ctl_exit_t
put_in_place(ctl_t *c, const char *directory)
{
    const ctl_place_t place = { .from = directory,
                                .to = c->setup.policies,
                                .changed = changed,
                                .ready = readable };
    ctl_exit_t rc = check(c, directory);

    rc = rc == CTL_DONE ? ctl_place(c, &place) : rc;

    if (rc != CTL_DONE) {
        return rc;
    }

    gh_policy_build_destroy(c->build);
    c->build = NULL;

    return ctl_policies_builder(c, c->setup.policies, &c->build) == GH_OK
               ? CTL_DONE
               : ctl_fail(c, CTL_UNAVAILABLE, "no memory");
}


static bool
changed(ctl_t *c)
{
    return gh_policy_build_look(c->build);
}


/* What the workers may not read they will never take up. */
static ctl_exit_t
readable(ctl_t *c, const char *copy)
{
    const struct passwd *pw =
        c->setup.user == NULL ? NULL : getpwnam(c->setup.user);
    const char *path = NULL;
    gh_policy_build_t *b;

    if (geteuid() != 0 || pw == NULL) {
        return CTL_DONE;
    }

    if (ctl_policies_builder(c, copy, &b) != GH_OK) {
        return ctl_fail(c, CTL_UNAVAILABLE, "no memory");
    }

    (void) gh_policy_build_look(b);
    path = gh_policy_build_unreadable(b, pw->pw_uid, pw->pw_gid);

    if (path != NULL) {
        path = ctl_copy(&c->arena, gh_str(path + strlen(copy) + 1));
    }

    gh_policy_build_destroy(b);

    return path == NULL
               ? CTL_DONE
               : ctl_fail(c, CTL_REFUSED,
                          "%s could not be read by %s, the user of the "
                          "workers; see its mode, and the group of %s",
                          path, c->setup.user, c->setup.policies);
}


static ctl_exit_t
check(ctl_t *c, const char *directory)
{
    gh_policy_report_t *report = ctl_alloc(&c->arena, sizeof(*report));
    gh_rc_t rc = ctl_policies_builder(c, directory, &c->build);

    if (rc == GH_OK) {
        rc = gh_policy_build_check(c->build, report);
    }

    if (rc == GH_INVALID) {
        return ctl_check_report(c, &report->errors, directory);
    }

    return rc == GH_OK ? CTL_DONE
                       : ctl_fail(c, CTL_UNAVAILABLE,
                                  "%s cannot be checked: it changes all the "
                                  "time, or needs more memory than there is",
                                  directory);
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
