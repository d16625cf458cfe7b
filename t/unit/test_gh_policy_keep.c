/*
 * Files as they were read, kept over a restart: what a start makes of them
 * and of what changed meanwhile is what a fresh reading makes.
 */

#include "gh_test_set.h"

#include "gh_image_layout.h"
#include "gh_policy_builder.h"
#include "gh_policy_parts.h"
#include "gh_policy_set.h"
#include "gh_test_random.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET "0123456789012345678901234567890123456789"
#define FILES 5
#define ROUNDS 25
#define SEEDS 8
#define KILLS 40


static const gh_test_outside_t outside = { "orders_v1", "partners",
                                           "file:../secret" };


static void
a_start_reads_only_what_changed_since_it_was_kept(void **state)
{
    gh_policy_build_t *b;
    struct stat st;

    (void) state;

    gh_test_set_write("p/a.json", PLANS);
    gh_test_set_write("p/b.json", "{}");
    gh_test_set_write("p/c.json", SERVICES);
    gh_test_set_publish_and_keep();
    assert_int_equal(stat(gh_test_path("s/policies.parts"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    b = gh_test_set_builder();
    assert_true(gh_policy_build_is_current(b, true, NULL));
    gh_policy_build_warm(b, &gh_test_set.report);
    assert_int_equal(gh_test_set_taken(b), 3);

    /* one changed, one gone, one new, one the same bytes in another file */
    gh_test_set_write("p/a.json", OTHER_PLANS);
    gh_test_set_write("p/c.json", SERVICES);
    gh_test_set_write("p/d.json", "{}");
    assert_int_equal(unlink(gh_test_path("p/b.json")), 0);
    assert_int_equal(gh_test_set_try(b), GH_OK);
    assert_int_equal(gh_test_set_taken(b), 1);
    assert_int_equal(b->set->files.n, 3);
    assert_true(gh_test_set_has_plan("cold"));
    assert_false(gh_test_set_has_plan("gold"));
    gh_policy_build_destroy(b);
}


static void
other_bytes_of_the_same_size_and_time_are_seen(void **state)
{
    struct stat before, after;
    struct timespec times[2];
    gh_policy_build_t *b;
    int fd;

    (void) state;

    gh_test_set_write("p/a.json", PLANS);
    assert_int_equal(stat(gh_test_path("p/a.json"), &before), 0);
    gh_test_set_publish_and_keep();

    /* in place, and with the clock set back */
    fd = open(gh_test_path("p/a.json"), O_WRONLY);
    assert_int_equal(write(fd, OTHER_PLANS, sizeof(OTHER_PLANS) - 1),
                     sizeof(OTHER_PLANS) - 1);
    times[0] = before.st_atim;
    times[1] = before.st_mtim;
    assert_int_equal(futimens(fd, times), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(stat(gh_test_path("p/a.json"), &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_memory_equal(&before.st_mtim, &after.st_mtim,
                        sizeof(before.st_mtim));

    b = gh_test_set_builder();
    assert_false(gh_policy_build_is_current(b, true, NULL));
    assert_int_equal(gh_test_set_try(b), GH_OK);
    assert_true(gh_test_set_has_plan("cold"));
    assert_false(gh_test_set_has_plan("gold"));
    gh_policy_build_destroy(b);
}


static void
edit_by_chance(uint32_t *seed)
{
    char name[32];
    unsigned file = gh_test_random(seed, FILES);
    char *text = gh_test_random_document(seed, file, &outside);

    (void) snprintf(name, sizeof(name), "p/%u.json", file);

    if (gh_test_random(seed, 6) > 0) {
        gh_test_set_write(name, text);

    } else {
        (void) unlink(gh_test_path(name));
    }

    free(text);
}


static gh_rc_t
read_secret(void *ctx, gh_str_t path, gh_buf_t *out, const char **why)
{
    (void) ctx;
    (void) path;
    (void) why;

    return gh_buf_add(out, GH_STR(SECRET));
}


/* The image that is published, and one of the same number, time and hashing
 * that a builder makes which has never seen anything. */

static void
assert_as_fresh(gh_rc_t rc)
{
    gh_policy_build_t *fresh = gh_test_set_builder();
    static gh_policy_report_t report;

    fresh->conf.state = NULL;
    assert_int_equal(gh_policy_build_check(fresh, &report), rc);

    if (rc == GH_INVALID) {
        assert_int_equal(report.errors.n, gh_test_set.report.errors.n);
        assert_memory_equal(report.errors.items,
                            gh_test_set.report.errors.items,
                            report.errors.n * sizeof(gh_policy_error_t));

    } else {
        gh_policy_env_t env = fresh->conf.names;
        gh_image_t image = gh_test_set_map();
        const gh_image_head_t *head = image.header;
        gh_str_t made;

        env.read_secret = read_secret;
        assert_int_equal(image.generation, gh_test_set.report.generation);
        assert_int_equal(
            gh_policy_set_compile(fresh->set, &env, image.generation,
                                  image.compiled_at_s,
                                  (const uint8_t *) &head->sip, &made, NULL),
            GH_OK);
        assert_int_equal(made.len, image.size);
        assert_memory_equal(made.data, image.base, made.len);
        free((void *) (uintptr_t) made.data);
        gh_image_file_unmap(&image);
    }

    gh_policy_build_destroy(fresh);
}


static void
whatever_happens_the_image_is_that_of_a_fresh_reading(void **state)
{
    unsigned valid = 0, invalid = 0, used = 0;

    (void) state;
    gh_test_set_write("secret", SECRET);

    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        uint32_t chance = seed;
        gh_policy_build_t *b = gh_test_set_builder();

        for (unsigned round = 0; round < ROUNDS; round++) {
            do {
                edit_by_chance(&chance);
            } while (gh_test_random(&chance, 3) == 0);

            gh_test_set_write("p/plain.json", "{}");

            gh_rc_t rc = gh_test_set_try(b);

            assert_true(rc == GH_OK || rc == GH_INVALID);
            assert_as_fresh(rc);
            valid += rc == GH_OK;
            invalid += rc == GH_INVALID;
            used += gh_test_set_taken(b);

            if (gh_test_random(&chance, 3) == 0) {
                gh_rc_t kept = gh_policy_build_keep(b);

                assert_true(kept == GH_OK || rc != GH_OK);
            }

            if (gh_test_random(&chance, 3) == 0) {
                gh_policy_build_destroy(b);
                b = gh_test_set_builder();
            }
        }

        gh_policy_build_destroy(b);
    }

    /* all of it was there */
    assert_true(valid > SEEDS * ROUNDS / 3);
    assert_true(invalid > SEEDS);
    assert_true(used > SEEDS * ROUNDS);
}


static void
an_invalid_set_leaves_what_was_kept(void **state)
{
    gh_policy_build_t *b;

    (void) state;

    gh_test_set_write("p/a.json", PLANS);
    gh_test_set_write("p/b.json", SERVICES);
    gh_test_set_publish_and_keep();
    gh_test_set_write("p/b.json", "{");

    b = gh_test_set_builder();
    assert_int_equal(gh_test_set_try(b), GH_INVALID);
    assert_int_equal(gh_policy_build_keep(b), GH_INVALID);
    gh_policy_build_destroy(b);
    assert_true(gh_test_set_has_plan("gold"));

    gh_test_set_write("p/b.json", SERVICES);
    b = gh_test_set_builder();
    assert_int_equal(gh_test_set_try(b), GH_OK);
    assert_int_equal(gh_test_set_taken(b), 2);
    gh_policy_build_destroy(b);
}


static void
a_full_disk_costs_what_is_kept_and_nothing_else(void **state)
{
    struct rlimit before, little = { 100, 100 };
    gh_policy_build_t *b = gh_test_set_builder();

    (void) state;

    gh_test_set_write("p/a.json", PLANS);
    assert_int_equal(gh_test_set_try(b), GH_OK);

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    little.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    assert_int_equal(gh_policy_build_keep(b), GH_UNAVAILABLE);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(access(gh_test_path("s/policies.parts"), F_OK), -1);
    assert_int_equal(access(gh_test_path("s/policies.parts.new"), F_OK), -1);

    gh_test_set_write("p/a.json", OTHER_PLANS);
    assert_int_equal(gh_test_set_try(b), GH_OK);
    assert_true(gh_test_set_has_plan("cold"));
    assert_int_equal(gh_policy_build_keep(b), GH_OK);
    gh_policy_build_destroy(b);
}


static void
nothing_is_kept_while_another_process_builds(void **state)
{
    int fd;
    char why[GH_IMAGE_WHY_MAX];
    gh_policy_build_t *b = gh_test_set_builder();

    (void) state;

    gh_test_set_write("p/a.json", PLANS);
    assert_int_equal(gh_test_set_try(b), GH_OK);
    assert_int_equal(gh_state_lock(gh_test_set.state, &fd, why), GH_OK);
    assert_int_equal(gh_policy_build_keep(b), GH_AGAIN);
    assert_int_equal(close(fd), 0);
    assert_int_equal(gh_policy_build_keep(b), GH_OK);

    /* once is enough */
    assert_int_equal(unlink(gh_test_path("s/policies.parts")), 0);
    assert_int_equal(gh_policy_build_keep(b), GH_OK);
    assert_int_equal(access(gh_test_path("s/policies.parts"), F_OK), -1);
    gh_policy_build_destroy(b);
}


static void
what_is_gone_from_the_files_is_not_kept_for_good(void **state)
{
    size_t n;
    char *bytes;
    gh_policy_build_t *b;

    (void) state;

    gh_test_set_write("p/a.json", PLANS);
    gh_test_set_write("p/b.json", SERVICES);
    gh_test_set_publish_and_keep();
    assert_int_equal(unlink(gh_test_path("p/b.json")), 0);

    b = gh_test_set_builder();
    assert_int_equal(gh_test_set_try(b), GH_OK);
    assert_int_equal(gh_policy_build_keep(b), GH_OK);
    gh_policy_build_destroy(b);

    bytes = gh_test_set_slurp(gh_test_path("s/policies.parts"), &n);
    assert_non_null(memmem(bytes, n, "gold", 4));
    assert_null(memmem(bytes, n, "orders_v1", 9));
    free(bytes);
}


static int
keep_all_the_time(void *ctx)
{
    gh_test_steps_t *steps = ctx;
    gh_policy_build_t *b = gh_test_set_builder();

    if (gh_test_set_try(b) != GH_OK) {
        return 1;
    }

    gh_test_step(steps->to_parent);

    for (;;) {
        b->unkept = true;

        if (gh_policy_build_keep(b) != GH_OK) {
            return 1;
        }
    }
}


static void
a_process_that_is_killed_leaves_the_old_or_the_new(void **state)
{
    uint32_t seed = 1;

    (void) state;

    for (unsigned i = 0; i < KILLS; i++) {
        gh_test_steps_t steps;
        pid_t child;
        gh_policy_build_t *b;

        gh_test_set_write("p/a.json", i % 2 == 0 ? PLANS : OTHER_PLANS);
        gh_test_set_write("p/b.json", SERVICES);
        gh_test_steps_begin(&steps);
        child = gh_test_fork(keep_all_the_time, &steps);
        assert_true(gh_test_await(steps.to_parent));
        (void) usleep(gh_test_random(&seed, 3000));
        gh_test_kill(child);
        gh_test_steps_end(&steps);

        gh_test_set_write("p/c.json", i % 2 == 0 ? "{}" : "{ }");
        b = gh_test_set_builder();
        assert_int_equal(gh_test_set_try(b), GH_OK);

        /* b.json is in both; a file that is half written has none */
        assert_true(i == 0 || gh_test_set_taken(b) > 0);
        assert_true(gh_test_set_has_plan(i % 2 == 0 ? "gold" : "cold"));
        assert_int_equal(gh_policy_build_keep(b), GH_OK);
        gh_policy_build_destroy(b);
    }
}


#define STORY(name)                                                           \
    cmocka_unit_test_setup_teardown(name, gh_test_set_begin, gh_test_set_end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_start_reads_only_what_changed_since_it_was_kept),
        STORY(other_bytes_of_the_same_size_and_time_are_seen),
        STORY(whatever_happens_the_image_is_that_of_a_fresh_reading),
        STORY(an_invalid_set_leaves_what_was_kept),
        STORY(a_full_disk_costs_what_is_kept_and_nothing_else),
        STORY(nothing_is_kept_while_another_process_builds),
        STORY(what_is_gone_from_the_files_is_not_kept_for_good),
        STORY(a_process_that_is_killed_leaves_the_old_or_the_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
