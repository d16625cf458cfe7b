/*
 * gatehouse: keys, traffic, history and the state of the gateway, from the
 * nginx.conf that the gateway itself reads. This file finds the command and
 * cleans up behind it.
 */

#include "args.h"
#include "ask.h"
#include "help.h"
#include "gh_policy_builder.h"

#include <stdio.h>
#include <unistd.h>


static ctl_exit_t run(ctl_t *c, int argc, char **argv);
static ctl_exit_t finish(ctl_exit_t rc);
static void clear(ctl_t *c);


int
main(int argc, char **argv)
{
    ctl_t c = { 0 };
    ctl_exit_t rc = finish(run(&c, argc, argv));

    clear(&c);

    return (int) rc;
}


static ctl_exit_t
run(ctl_t *c, int argc, char **argv)
{
    ctl_exit_t rc = ctl_args_parse(c, argc, argv);

    if (rc != CTL_DONE) {
        return rc;
    }

    if (c->version) {
        (void) printf("gatehouse %s\n", GH_VERSION);
        return CTL_DONE;
    }

    if (c->help || c->command == NULL) {
        return ctl_help(c);
    }

    rc = ctl_wait_check(c);

    return rc == CTL_DONE ? c->command->run(c) : rc;
}


/* Half an answer is no answer: a full disk behind stdout is said. */
static ctl_exit_t
finish(ctl_exit_t rc)
{
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        (void) fputs("gatehouse: the answer cannot be written\n", stderr);
        return CTL_UNAVAILABLE;
    }

    return rc;
}


static void
clear(ctl_t *c)
{
    gh_lmdb_close(c->db);
    gh_redis_client_close(c->redis);
    gh_secret_clear(&c->secret);
    gh_image_file_unmap(&c->published);

    if (c->compiled.data != NULL) {
        gh_policy_build_free_image(c->build, c->compiled);
    }

    gh_policy_build_destroy(c->build);
    ctl_arena_clear(&c->arena);
}
