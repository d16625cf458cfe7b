/*
 * check: the whole set of policies as nginx would take it, every error with
 * its place.
 */

#include "check_alone.h"
#include "commands.h"
#include "policies.h"
#include "gh_policy_build.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>


static ctl_exit_t find_directory(ctl_t *c, const char **directory,
                                 bool *alone);
static ctl_exit_t report_valid(ctl_t *c, const gh_policy_report_t *report,
                               const char *directory, bool alone);
static json_t *errors_json(const gh_policy_errors_t *errors);
static void warn(ctl_t *c, gh_policy_build_t *build,
                 const gh_policy_report_t *report, json_t *warnings);


ctl_exit_t
ctl_check(ctl_t *c)
{
    const char *directory = NULL;
    bool alone = false;
    gh_policy_report_t *report = ctl_alloc(&c->arena, sizeof(*report));
    gh_rc_t checked;
    ctl_exit_t rc = find_directory(c, &directory, &alone);

    if (rc != CTL_DONE) {
        return rc;
    }

    if (alone) {
        checked = ctl_check_alone(directory, &report->errors);

    } else if (ctl_policies_builder(c, directory, &c->build) == GH_OK) {
        checked = gh_policy_build_check(c->build, report);

    } else {
        checked = GH_NOMEM;
    }

    if (checked == GH_INVALID) {
        return ctl_check_report(c, &report->errors, directory);
    }

    if (checked != GH_OK) {
        return ctl_fail(c, CTL_UNAVAILABLE,
                        checked == GH_CONFLICT
                            ? "%s changes all the time; wait until it is "
                              "still"
                            : "%s needs more memory than there is",
                        directory);
    }

    return report_valid(c, report, directory, alone);
}


/* A directory that is given is checked without a gateway's nginx.conf, too:
 * the one that a package brings knows nothing of it. */
static ctl_exit_t
find_directory(ctl_t *c, const char **directory, bool *alone)
{
    bool asked = c->conf_file != NULL || c->n_args == 0;
    ctl_exit_t rc = CTL_DONE;

    if (asked || access(GH_CONF_FILE, R_OK) == 0) {
        rc = ctl_setup(c);
    }

    if (rc != CTL_DONE) {
        return rc;
    }

    *alone = !asked && c->setup.policies == NULL;
    *directory = c->n_args > 0 ? c->args[0] : c->setup.policies;

    if (*directory == NULL) {
        return ctl_fail(c, CTL_UNAVAILABLE,
                        "%s has no gatehouse_policies line; name a directory: "
                        "gatehouse check DIR",
                        c->conf_file);
    }

    return CTL_DONE;
}


static ctl_exit_t
report_valid(ctl_t *c, const gh_policy_report_t *report, const char *directory,
             bool alone)
{
    json_t *warnings = json_array();
    bool names = !alone && c->setup.conf.unread == NULL;

    if (!alone) {
        warn(c, c->build, report, warnings);
    }

    ctl_say(c, "%s is valid%s\n", directory,
            names ? ""
                  : "; without a gateway's nginx.conf, names of upstreams and "
                    "issuers are taken as they are");
    ctl_print_json(
        c, json_pack("{s:b, s:s, s:b, s:o, s:o}", "valid", 1, "directory",
                     directory, "names_checked", (int) names, "errors",
                     json_array(), "warnings", warnings));

    return CTL_DONE;
}


ctl_exit_t
ctl_check_report(const ctl_t *c, const gh_policy_errors_t *errors,
                 const char *directory)
{
    size_t n = errors->n + errors->more;

    if (c->json) {
        ctl_print_json(
            c, json_pack("{s:b, s:s, s:o, s:I}", "valid", 0, "directory",
                         directory, "errors", errors_json(errors), "more",
                         (json_int_t) errors->more));
        return CTL_REFUSED;
    }

    for (size_t i = 0; i < errors->n; i++) {
        char text[1024];
        gh_buf_t out = GH_BUF(text);

        (void) gh_policy_error_text(&errors->items[i], &out);
        (void) fprintf(stderr, "%.*s\n", (int) out.len, out.data);
    }

    (void) fprintf(stderr, "gatehouse: %zu %s in %s%s\n", n,
                   n == 1 ? "error" : "errors", directory,
                   errors->more > 0 ? ", not all of them are shown" : "");

    return CTL_REFUSED;
}


static json_t *
errors_json(const gh_policy_errors_t *errors)
{
    json_t *list = json_array();

    for (size_t i = 0; i < errors->n; i++) {
        const gh_policy_error_t *e = &errors->items[i];

        (void) json_array_append_new(
            list, json_pack("{s:o, s:i, s:i, s:o}", "file",
                            ctl_json_text(gh_str(e->file)), "line",
                            (int) e->line, "column", (int) e->column,
                            "message", ctl_json_text(gh_str(e->message))));
    }

    return list;
}


/* What is valid and yet not as it should be. */
static void
warn(ctl_t *c, gh_policy_build_t *build, const gh_policy_report_t *report,
     json_t *warnings)
{
    const struct passwd *pw =
        c->setup.user == NULL ? NULL : getpwnam(c->setup.user);
    const char *unreadable = NULL, *text;

    if (report->open_secret[0] != '\0') {
        text = ctl_text(&c->arena,
                        "the secret %s can be read by everybody; run: chmod "
                        "640 %s",
                        report->open_secret, report->open_secret);
        (void) json_array_append_new(warnings, ctl_json_text(gh_str(text)));
        ctl_note(c, "warning: %s\n", text);
    }

    if (geteuid() == 0 && pw != NULL) {
        unreadable = gh_policy_build_unreadable(build, pw->pw_uid, pw->pw_gid);
    }

    if (unreadable != NULL) {
        text = ctl_text(&c->arena,
                        "%s cannot be read by %s, the user of the workers",
                        unreadable, c->setup.user);
        (void) json_array_append_new(warnings, ctl_json_text(gh_str(text)));
        ctl_note(c, "warning: %s\n", text);
    }

    if (c->setup.conf.unread != NULL) {
        text = ctl_text(&c->arena,
                        "%s cannot be read: names of upstreams and issuers "
                        "are not looked at",
                        c->setup.conf.unread);
        (void) json_array_append_new(warnings, ctl_json_text(gh_str(text)));
        ctl_note(c, "warning: %s\n", text);
    }
}
