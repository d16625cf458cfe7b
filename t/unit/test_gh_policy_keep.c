/*
 * Files as they were read, kept over a restart: what a start makes of them
 * and of what changed meanwhile is what a fresh reading makes; what is kept
 * is not believed when it is not whole, not ours or not of these files.
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


/* As a gateway that runs does it when all is quiet. */

static void
publish_and_keep(void)
{
    gh_policy_build_t *b = gh_test_set_builder();

    assert_int_equal(gh_test_set_try(b), GH_OK);
    assert_int_equal(gh_policy_build_keep(b), GH_OK);
    gh_policy_build_destroy(b);
}


/* How many files of the set were not read but taken. */

static unsigned
taken(const gh_policy_build_t *b)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < b->set->files.n; i++) {
        n += gh_policy_set_at(b->set, i)->borrowed;
    }

    return n;
}


static bool
has_plan(const char *name)
{
    gh_image_t image = gh_test_set_map();
    bool has = gh_image_plan_named(&image, gh_str(name)) != NULL;

    gh_image_file_unmap(&image);

    return has;
}


static void
a_start_reads_only_what_changed_since_it_was_kept(void **state)
{
    gh_policy_build_t *b;
    struct stat st;

    (void) state;

    gh_test_set_write("p/a.json", PLANS);
    gh_test_set_write("p/b.json", "{}");
    gh_test_set_write("p/c.json", SERVICES);
    publish_and_keep();
    assert_int_equal(stat(gh_test_path("s/policies.parts"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    b = gh_test_set_builder();
    assert_true(gh_policy_build_is_current(b, true, NULL));
    gh_policy_build_warm(b, &gh_test_set.report);
    assert_int_equal(taken(b), 3);

    /* one changed, one gone, one new, one the same bytes in another file */
    gh_test_set_write("p/a.json", OTHER_PLANS);
    gh_test_set_write("p/c.json", SERVICES);
    gh_test_set_write("p/d.json", "{}");
    assert_int_equal(unlink(gh_test_path("p/b.json")), 0);
    assert_int_equal(gh_test_set_try(b), GH_OK);
    assert_int_equal(taken(b), 1);
    assert_int_equal(b->set->files.n, 3);
    assert_true(has_plan("cold"));
    assert_false(has_plan("gold"));
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
    publish_and_keep();

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
    assert_true(has_plan("cold"));
    assert_false(has_plan("gold"));
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
            used += taken(b);

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
truncate_it(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size / 2), 0);
}


static void
empty_it(const char *path)
{
    assert_int_equal(truncate(path, 0), 0);
}


static void
put_at(const char *path, off_t at, const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, at), n);
    assert_int_equal(close(fd), 0);
}


static void
flip_a_byte(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    put_at(path, st.st_size - 9, "\xff", 1);
}


/* The image has the same beginning. */
static void
put_an_image_there(const char *path)
{
    assert_int_equal(unlink(path), 0);
    assert_int_equal(link(gh_test_path("s/policies.image"), path), 0);
}


static void
let_others_write(const char *path)
{
    assert_int_equal(chmod(path, 0660), 0);
}


static void
make_it_a_link(const char *path)
{
    assert_int_equal(rename(path, gh_test_path("elsewhere")), 0);
    assert_int_equal(symlink(gh_test_path("elsewhere"), path), 0);
}


static void
make_it_a_directory(const char *path)
{
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
}


static void
seal(const char *path, char *bytes, size_t n)
{
    uint64_t sum = gh_image_checksum(bytes, n);

    memcpy(bytes + offsetof(gh_image_head_t, checksum), &sum, sizeof(sum));
    put_at(path, 0, bytes, n);
}


static char *
slurp(const char *path, size_t *n)
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


/* 40 bytes into the file, whoever made it: with a right checksum. */
static void
make_it_another_versions(const char *path)
{
    size_t n;
    char *bytes = slurp(path, &n);

    bytes[40] = (char) ~bytes[40];
    seal(path, bytes, n);
    free(bytes);
}


static void
what_is_not_whole_or_not_ours_is_not_believed(void **state)
{
    void (*const harms[])(const char *path) = {
        truncate_it,
        empty_it,
        flip_a_byte,
        put_an_image_there,
        let_others_write,
        make_it_a_link,
        make_it_another_versions,
        make_it_a_directory,
    };

    (void) state;

    for (size_t i = 0; i < sizeof(harms) / sizeof(harms[0]); i++) {
        gh_policy_build_t *b;

        gh_test_set_write("p/a.json", PLANS);
        gh_test_set_write("p/b.json", SERVICES);
        publish_and_keep();
        harms[i](gh_test_path("s/policies.parts"));
        gh_test_set_write("p/b.json", "{}");

        b = gh_test_set_builder();
        assert_int_equal(gh_test_set_try(b), GH_OK);
        assert_int_equal(taken(b), 0);
        assert_true(has_plan("gold"));

        /* and it is replaced, unless something is in the way */
        assert_int_equal(
            gh_policy_build_keep(b),
            harms[i] == make_it_a_directory ? GH_UNAVAILABLE : GH_OK);
        assert_int_equal(taken(b), harms[i] == make_it_a_directory ? 0 : 2);
        gh_policy_build_destroy(b);
    }
}


static void
what_another_directory_held_is_not_taken(void **state)
{
    gh_policy_build_t *b;

    (void) state;

    gh_test_set_write("p/a.json", PLANS);
    publish_and_keep();
    assert_int_equal(rename(gh_test_path("p"), gh_test_path("q")), 0);
    (void) snprintf(gh_test_set.policies, sizeof(gh_test_set.policies), "%s",
                    gh_test_path("q"));

    b = gh_test_set_builder();
    assert_int_equal(gh_test_set_try(b), GH_OK);
    assert_int_equal(taken(b), 0);
    gh_policy_build_destroy(b);
}


/* A limit of nothing, by which somebody would divide. */

static void
values_that_no_file_can_have_are_read_again(void **state)
{
    static const uint64_t nine = 9, none = 0;
    size_t n;
    char *bytes, *amount;
    gh_image_t image;
    gh_policy_build_t *b;
    const gh_image_limit_t *limit;

    (void) state;

    gh_test_set_write("p/a.json", PLANS);
    publish_and_keep();

    bytes = slurp(gh_test_path("s/policies.parts"), &n);
    amount = memmem(bytes, n, &nine, sizeof(nine));
    assert_non_null(amount);
    memcpy(amount, &none, sizeof(none));
    seal(gh_test_path("s/policies.parts"), bytes, n);
    free(bytes);

    gh_test_set_write("p/b.json", "{}");
    b = gh_test_set_builder();
    assert_int_equal(gh_test_set_try(b), GH_CONFLICT);
    assert_int_equal(gh_test_set_try(b), GH_OK);
    assert_int_equal(taken(b), 0);
    gh_policy_build_destroy(b);

    image = gh_test_set_map();
    limit = gh_image_at(&image, gh_image_plan(&image, 0)->limits);
    assert_int_equal(limit->limit.amount, 9);
    gh_image_file_unmap(&image);
}


static void
an_invalid_set_leaves_what_was_kept(void **state)
{
    gh_policy_build_t *b;

    (void) state;

    gh_test_set_write("p/a.json", PLANS);
    gh_test_set_write("p/b.json", SERVICES);
    publish_and_keep();
    gh_test_set_write("p/b.json", "{");

    b = gh_test_set_builder();
    assert_int_equal(gh_test_set_try(b), GH_INVALID);
    assert_int_equal(gh_policy_build_keep(b), GH_INVALID);
    gh_policy_build_destroy(b);
    assert_true(has_plan("gold"));

    gh_test_set_write("p/b.json", SERVICES);
    b = gh_test_set_builder();
    assert_int_equal(gh_test_set_try(b), GH_OK);
    assert_int_equal(taken(b), 2);
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
    assert_true(has_plan("cold"));
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
    publish_and_keep();
    assert_int_equal(unlink(gh_test_path("p/b.json")), 0);

    b = gh_test_set_builder();
    assert_int_equal(gh_test_set_try(b), GH_OK);
    assert_int_equal(gh_policy_build_keep(b), GH_OK);
    gh_policy_build_destroy(b);

    bytes = slurp(gh_test_path("s/policies.parts"), &n);
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
    unsigned used = 0;
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
        used += taken(b);
        assert_true(has_plan(i % 2 == 0 ? "gold" : "cold"));
        assert_int_equal(gh_policy_build_keep(b), GH_OK);
        gh_policy_build_destroy(b);
    }

    assert_true(used > 0);
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
        STORY(what_is_not_whole_or_not_ours_is_not_believed),
        STORY(what_another_directory_held_is_not_taken),
        STORY(values_that_no_file_can_have_are_read_again),
        STORY(an_invalid_set_leaves_what_was_kept),
        STORY(a_full_disk_costs_what_is_kept_and_nothing_else),
        STORY(nothing_is_kept_while_another_process_builds),
        STORY(what_is_gone_from_the_files_is_not_kept_for_good),
        STORY(a_process_that_is_killed_leaves_the_old_or_the_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
