/*
 * Policies for stories; see gh_test_set.h.
 */

#include "gh_test_set.h"

#include "gh_policy_builder.h"
#include "gh_policy_set.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

gh_test_set_t gh_test_set;

static bool upstream_known(void *ctx, gh_str_t name);
static bool is_stopped(void *ctx);


char *
gh_test_set_slurp(const char *path, size_t *n)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    char *bytes;

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    *n = (size_t) st.st_size;
    bytes = malloc(*n);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, *n), *n);
    assert_int_equal(close(fd), 0);

    return bytes;
}


void
gh_test_set_write(const char *name, const char *text)
{
    char temporary[PATH_MAX];
    FILE *f;

    (void) snprintf(temporary, sizeof(temporary), "%s", gh_test_path("new"));
    f = fopen(temporary, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(temporary, 0600), 0);
    assert_int_equal(rename(temporary, gh_test_path(name)), 0);
}


static bool
upstream_known(void *ctx, gh_str_t name)
{
    (void) ctx;

    return gh_str_eq(name, gh_str(gh_test_set.upstream));
}


static bool
is_stopped(void *ctx)
{
    (void) ctx;

    return gh_test_set.stop;
}


gh_policy_build_t *
gh_test_set_builder(void)
{
    gh_policy_build_t *b;
    gh_policy_build_conf_t conf = { .directory = gh_test_set.policies,
                                    .state = gh_test_set.state,
                                    .stopped = is_stopped };

    conf.names.upstream_known = upstream_known;
    conf.names.upstreams_text = gh_test_set.upstream;
    memcpy(conf.names_hash, gh_test_set.upstream, 8);
    assert_int_equal(gh_policy_build_create(&conf, &b), GH_OK);

    return b;
}


gh_rc_t
gh_test_set_try(gh_policy_build_t *b)
{
    return gh_policy_build_publish(b, 0, &gh_test_set.report);
}


/* Publishes with a builder of its own, as a start does. */

void
gh_test_set_publish(void)
{
    gh_policy_build_t *b = gh_test_set_builder();

    if (gh_test_set_try(b) != GH_OK) {
        fail_msg("%s: %s %s", gh_test_set.report.errors.items[0].file,
                 gh_test_set.report.errors.items[0].message,
                 gh_test_set.report.why);
    }

    gh_policy_build_destroy(b);
}


void
gh_test_set_publish_and_keep(void)
{
    gh_policy_build_t *b = gh_test_set_builder();

    assert_int_equal(gh_test_set_try(b), GH_OK);
    assert_int_equal(gh_policy_build_keep(b), GH_OK);
    gh_policy_build_destroy(b);
}


unsigned
gh_test_set_taken(const gh_policy_build_t *b)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < b->set->files.n; i++) {
        n += gh_policy_set_at(b->set, i)->borrowed;
    }

    return n;
}


bool
gh_test_set_has_plan(const char *name)
{
    gh_image_t image = gh_test_set_map();
    bool has = gh_image_plan_named(&image, gh_str(name)) != NULL;

    gh_image_file_unmap(&image);

    return has;
}


bool
gh_test_set_current(void)
{
    bool current;
    gh_policy_build_t *b = gh_test_set_builder();

    current = gh_policy_build_is_current(b, true, NULL);
    gh_policy_build_destroy(b);

    return current;
}


gh_image_t
gh_test_set_map(void)
{
    char why[GH_IMAGE_WHY_MAX];
    gh_image_t image;

    if (gh_image_file_map(gh_test_set.state, &image, why) != GH_OK) {
        fail_msg("%s", why);
    }

    return image;
}


int
gh_test_set_begin(void **state)
{
    (void) state;

    (void) signal(SIGXFSZ, SIG_IGN);
    (void) gh_test_dir();
    (void) snprintf(gh_test_set.policies, sizeof(gh_test_set.policies), "%s",
                    gh_test_path("p"));
    (void) snprintf(gh_test_set.state, sizeof(gh_test_set.state), "%s",
                    gh_test_path("s"));
    gh_test_set.upstream = "orders_v1";
    gh_test_set.stop = false;

    return mkdir(gh_test_set.policies, 0700) != 0
           || mkdir(gh_test_set.state, 0700) != 0;
}


int
gh_test_set_end(void **state)
{
    (void) state;
    gh_test_dir_end();

    return 0;
}
