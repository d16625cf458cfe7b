/*
 * The published image as a file: what a crash, a full disk, another process
 * or a stranger does to it, and what is mapped all the same.
 */

#include "gh_test_set.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>


static void
a_note_that_is_not_whole_is_no_note(void **state)
{
    char text[4096], path[PATH_MAX];
    FILE *f;
    size_t len;

    (void) state;

    gh_test_set_write("p/plans.json", PLANS);
    gh_test_set_publish();

    (void) snprintf(path, sizeof(path), "%s", gh_test_path("s/policies.note"));
    f = fopen(path, "r");
    assert_non_null(f);
    len = fread(text, 1, sizeof(text), f);
    (void) fclose(f);
    assert_true(len > 100);

    for (size_t cut = 0; cut < len; cut++) {
        gh_image_note_t note;

        f = fopen(path, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, cut, f), cut);
        assert_int_equal(fclose(f), 0);

        /* without the last newline it says all the same */
        if (cut < len - 1) {
            assert_int_equal(gh_image_note_read(gh_test_set.state, &note),
                             GH_ABSENT);
        }
    }
}


static void
a_leftover_of_a_killed_process_is_no_obstacle(void **state)
{
    (void) state;

    gh_test_set_write("s/policies.image.new", "half an im");
    gh_test_set_write("p/plans.json", PLANS);
    gh_test_set_publish();
    assert_int_equal(access(gh_test_path("s/policies.image.new"), F_OK), -1);
}


static void
a_damaged_image_is_not_mapped(void **state)
{
    int fd;
    char byte, why[GH_IMAGE_WHY_MAX];
    off_t size;
    gh_image_t image;

    (void) state;

    gh_test_set_write("p/plans.json", PLANS);
    gh_test_set_publish();

    fd = open(gh_test_path("s/policies.image"), O_RDWR);
    assert_true(fd >= 0);
    size = lseek(fd, 0, SEEK_END);

    for (off_t at = 0; at < size; at += 7) {
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 0x40;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);

        assert_int_equal(gh_image_file_map(gh_test_set.state, &image, why),
                         GH_INVALID);

        byte ^= 0x40;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }

    assert_int_equal(ftruncate(fd, size - 8), 0);
    assert_int_equal(gh_image_file_map(gh_test_set.state, &image, why),
                     GH_INVALID);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(gh_image_file_map(gh_test_set.state, &image, why),
                     GH_INVALID);
    assert_int_equal(close(fd), 0);

    assert_int_equal(unlink(gh_test_path("s/policies.image")), 0);
    assert_int_equal(gh_image_file_map(gh_test_set.state, &image, why),
                     GH_ABSENT);
}


static void
an_image_that_others_may_write_is_not_mapped(void **state)
{
    char why[GH_IMAGE_WHY_MAX];
    gh_image_t image;

    (void) state;

    gh_test_set_write("p/plans.json", PLANS);
    gh_test_set_publish();

    assert_int_equal(chmod(gh_test_path("s/policies.image"), 0620), 0);
    assert_int_equal(gh_image_file_map(gh_test_set.state, &image, why),
                     GH_INVALID);

    /* nor one that a link leads to */
    assert_int_equal(chmod(gh_test_path("s/policies.image"), 0600), 0);
    assert_int_equal(
        rename(gh_test_path("s/policies.image"), gh_test_path("image")), 0);
    assert_int_equal(symlink("../image", gh_test_path("s/policies.image")), 0);
    assert_int_not_equal(gh_image_file_map(gh_test_set.state, &image, why),
                         GH_OK);
}


static void
an_old_image_stays_whole_for_those_who_have_it(void **state)
{
    gh_image_t old;

    (void) state;

    gh_test_set_write("p/plans.json", PLANS);
    gh_test_set_publish();
    old = gh_test_set_map();

    gh_test_set_write("p/plans.json", "{}");
    gh_test_set_publish();

    assert_non_null(gh_image_plan_named(&old, GH_STR("gold")));
    gh_image_file_unmap(&old);

    old = gh_test_set_map();
    assert_null(gh_image_plan_named(&old, GH_STR("gold")));
    gh_image_file_unmap(&old);
}


static void
a_state_directory_that_takes_nothing_changes_nothing(void **state)
{
    struct rlimit before, small;
    gh_image_t image;
    gh_policy_build_t *b = gh_test_set_builder();

    (void) state;

    gh_test_set_write("p/plans.json", PLANS);
    assert_int_equal(gh_test_set_try(b), GH_OK);
    gh_test_set_write("p/orders.json", SERVICES);

    /* a full disk, as far as this process is concerned */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(gh_test_set_try(b), GH_UNAVAILABLE);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);

    assert_non_null(strstr(gh_test_set.report.why, "policies.image"));
    assert_int_equal(access(gh_test_path("s/policies.image.new"), F_OK), -1);
    image = gh_test_set_map();
    assert_int_equal(image.generation, 1);
    gh_image_file_unmap(&image);

    assert_int_equal(gh_test_set_try(b), GH_OK);
    assert_int_equal(gh_test_set.report.generation, 2);

    (void) snprintf(gh_test_set.state, sizeof(gh_test_set.state), "%s",
                    gh_test_path("gone"));
    assert_int_equal(gh_test_set_try(b), GH_UNAVAILABLE);

    gh_policy_build_destroy(b);
}


static void
only_one_process_builds_at_a_time(void **state)
{
    int fd;
    char why[GH_IMAGE_WHY_MAX];
    gh_policy_build_t *b = gh_test_set_builder();

    (void) state;

    gh_test_set_write("p/plans.json", PLANS);
    assert_int_equal(gh_state_lock(gh_test_set.state, &fd, why), GH_OK);
    assert_int_equal(gh_test_set_try(b), GH_AGAIN);
    assert_int_equal(close(fd), 0);
    assert_int_equal(gh_test_set_try(b), GH_OK);

    gh_policy_build_destroy(b);
}


#define STORY(name)                                                           \
    cmocka_unit_test_setup_teardown(name, gh_test_set_begin, gh_test_set_end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_note_that_is_not_whole_is_no_note),
        STORY(a_leftover_of_a_killed_process_is_no_obstacle),
        STORY(a_damaged_image_is_not_mapped),
        STORY(an_image_that_others_may_write_is_not_mapped),
        STORY(an_old_image_stays_whole_for_those_who_have_it),
        STORY(a_state_directory_that_takes_nothing_changes_nothing),
        STORY(only_one_process_builds_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
