/*
 * The watching thread, by what it publishes: conditions are waited for, with
 * a deadline far beyond what it needs.
 */

#include "gh_test.h"

#include "gh_policy_watch.h"
#include "gh_test_dir.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GIVE_UP_S 60

#define PLANS(name) "{ \"plans\": { \"" name "\": {} } }"

static char policies[PATH_MAX], state_dir[PATH_MAX];
static _Atomic uint64_t in_force;
static gh_policy_watch_t *watch;
static gh_policy_result_t result;


static void
write_file(const char *name, const char *text)
{
    char temporary[PATH_MAX];
    FILE *f;

    (void) snprintf(temporary, sizeof(temporary), "%s", gh_test_path("new"));
    f = fopen(temporary, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(rename(temporary, gh_test_path(name)), 0);
}


static uint64_t
generation(void *ctx)
{
    (void) ctx;

    return atomic_load(&in_force);
}


static void
published(void *ctx, uint64_t generation_now)
{
    (void) ctx;
    atomic_store(&in_force, generation_now);
}


static void
start(void)
{
    gh_policy_watch_conf_t conf = { .quiet_ms = 30,
                                    .in_force = generation,
                                    .published = published };

    conf.build.directory = policies;
    conf.build.state = state_dir;
    assert_int_equal(gh_policy_watch_start(&conf, &watch), GH_OK);
}


static void
stop(void)
{
    gh_policy_watch_stop(watch);
    watch = NULL;
}


/* The next result. */

static gh_rc_t
next(void)
{
    time_t end = time(NULL) + GIVE_UP_S;

    while (!gh_policy_watch_result(watch, &result)) {
        if (time(NULL) > end) {
            fail_msg("nothing happened in %d s", GIVE_UP_S);
        }
        (void) usleep(1000);
    }

    return result.rc;
}


static bool
has_plan(const char *name)
{
    bool has;
    char why[GH_IMAGE_WHY_MAX];
    gh_image_t image;

    if (gh_image_file_map(state_dir, &image, why) != GH_OK) {
        fail_msg("%s", why);
    }

    has = gh_image_plan_named(&image, gh_str(name)) != NULL;
    gh_image_file_unmap(&image);

    return has;
}


static void
a_start_publishes_and_a_second_one_need_not(void **state)
{
    (void) state;

    write_file("p/a.json", PLANS("gold"));
    start();
    assert_int_equal(next(), GH_OK);
    assert_int_equal(atomic_load(&in_force), 1);
    assert_true(has_plan("gold"));
    stop();

    start();
    assert_int_equal(next(), GH_ABSENT);
    assert_int_equal(atomic_load(&in_force), 1);
    stop();
}


static void
what_is_written_comes_into_force_by_itself(void **state)
{
    (void) state;

    write_file("p/a.json", PLANS("gold"));
    start();
    assert_int_equal(next(), GH_OK);

    write_file("p/b.json", PLANS("silver"));
    assert_int_equal(next(), GH_OK);
    assert_int_equal(result.report.generation, 2);
    assert_true(has_plan("silver"));

    assert_int_equal(unlink(gh_test_path("p/b.json")), 0);
    assert_int_equal(next(), GH_OK);
    assert_false(has_plan("silver"));
    stop();
}


/* Of a watcher that published, and of one that found the image there. */

static void
what_was_read_is_kept_when_all_is_quiet(void **state)
{
    (void) state;

    write_file("p/a.json", PLANS("gold"));

    for (int i = 0; i < 2; i++) {
        time_t end = time(NULL) + GIVE_UP_S;

        start();
        assert_int_equal(next(), i == 0 ? GH_OK : GH_ABSENT);

        while (access(gh_test_path("s/policies.parts"), F_OK) == -1) {
            assert_true(time(NULL) <= end);
            (void) usleep(1000);
        }

        write_file("p/b.json", i == 0 ? PLANS("silver") : PLANS("bronze"));
        assert_int_equal(next(), GH_OK);
        assert_true(has_plan("gold"));
        assert_true(has_plan(i == 0 ? "silver" : "bronze"));
        stop();
        assert_int_equal(unlink(gh_test_path("s/policies.parts")), 0);
    }
}


static void
what_is_wrong_is_said_once_and_then_mended(void **state)
{
    (void) state;

    write_file("p/a.json", PLANS("gold"));
    start();
    assert_int_equal(next(), GH_OK);

    write_file("p/a.json", "{ \"plans\": 3 }");
    assert_int_equal(next(), GH_INVALID);
    assert_true(result.report.errors.n > 0);
    assert_int_equal(atomic_load(&in_force), 1);
    assert_true(has_plan("gold"));

    write_file("p/a.json", PLANS("bronze"));
    assert_int_equal(next(), GH_OK);
    assert_true(has_plan("bronze"));
    stop();
}


static void
an_emptied_directory_leaves_the_set_in_force(void **state)
{
    (void) state;

    write_file("p/a.json", PLANS("gold"));
    start();
    assert_int_equal(next(), GH_OK);

    assert_int_equal(unlink(gh_test_path("p/a.json")), 0);
    assert_int_equal(next(), GH_INVALID);
    assert_true(has_plan("gold"));

    write_file("p/empty.json", "{}");
    assert_int_equal(next(), GH_OK);
    assert_false(has_plan("gold"));
    stop();
}


static void
an_image_that_is_gone_is_made_again_when_asked_for(void **state)
{
    (void) state;

    write_file("p/a.json", PLANS("gold"));
    start();
    assert_int_equal(next(), GH_OK);

    assert_int_equal(unlink(gh_test_path("s/policies.image")), 0);
    gh_policy_watch_rebuild(watch);
    assert_int_equal(next(), GH_OK);
    assert_int_equal(result.report.generation, 2);
    assert_true(has_plan("gold"));
    stop();
}


static void
what_was_written_between_two_watchers_is_not_lost(void **state)
{
    (void) state;

    write_file("p/a.json", PLANS("gold"));
    start();
    assert_int_equal(next(), GH_OK);
    stop();

    write_file("p/a.json", PLANS("silver"));
    start();
    assert_int_equal(next(), GH_OK);
    assert_true(has_plan("silver"));
    stop();
}


static void
the_state_directory_coming_back_is_enough(void **state)
{
    int fd;
    char why[GH_IMAGE_WHY_MAX];

    (void) state;

    write_file("p/a.json", PLANS("gold"));

    /* another process builds, and stops doing so */
    assert_int_equal(gh_state_lock(state_dir, &fd, why), GH_OK);
    start();
    (void) usleep(50000);
    assert_false(gh_policy_watch_result(watch, &result));
    assert_int_equal(close(fd), 0);
    assert_int_equal(next(), GH_OK);
    stop();
}


/* Writers that never rest and a thread that is stopped at any moment. */

static void
stopping_is_safe_at_any_moment(void **state)
{
    (void) state;

    for (useconds_t us = 0; us < 40000; us += 1500) {
        char text[200];

        (void) snprintf(text, sizeof(text), "{ \"plans\": { \"p%u\": {} } }",
                        (unsigned) us);
        write_file("p/a.json", text);
        start();
        (void) usleep(us);
        stop();
    }

    start();
    (void) next();
    assert_true(has_plan("p39000"));
    stop();
}


static int
begin(void **state)
{
    (void) state;

    (void) gh_test_dir();
    (void) snprintf(policies, sizeof(policies), "%s", gh_test_path("p"));
    (void) snprintf(state_dir, sizeof(state_dir), "%s", gh_test_path("s"));
    atomic_store(&in_force, 0);

    return mkdir(policies, 0700) != 0 || mkdir(state_dir, 0700) != 0;
}


static int
end(void **state)
{
    (void) state;

    if (watch != NULL) {
        stop();
    }

    gh_test_dir_end();

    return 0;
}


#define STORY(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_start_publishes_and_a_second_one_need_not),
        STORY(what_is_written_comes_into_force_by_itself),
        STORY(what_was_read_is_kept_when_all_is_quiet),
        STORY(what_is_wrong_is_said_once_and_then_mended),
        STORY(an_emptied_directory_leaves_the_set_in_force),
        STORY(an_image_that_is_gone_is_made_again_when_asked_for),
        STORY(what_was_written_between_two_watchers_is_not_lost),
        STORY(the_state_directory_coming_back_is_enough),
        STORY(stopping_is_safe_at_any_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
