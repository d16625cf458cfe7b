/*
 * What is kept of files is not believed when it is not whole, not ours or not
 * of these files: then all is read again.
 */

#include "gh_test_set.h"

#include "gh_image_layout.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>


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


/* 40 bytes into the file, whoever made it: with a right checksum. */
static void
make_it_another_versions(const char *path)
{
    size_t n;
    char *bytes = gh_test_set_slurp(path, &n);

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
        gh_test_set_publish_and_keep();
        harms[i](gh_test_path("s/policies.parts"));
        gh_test_set_write("p/b.json", "{}");

        b = gh_test_set_builder();
        assert_int_equal(gh_test_set_try(b), GH_OK);
        assert_int_equal(gh_test_set_taken(b), 0);
        assert_true(gh_test_set_has_plan("gold"));

        /* and it is replaced, unless something is in the way */
        assert_int_equal(
            gh_policy_build_keep(b),
            harms[i] == make_it_a_directory ? GH_UNAVAILABLE : GH_OK);
        assert_int_equal(gh_test_set_taken(b),
                         harms[i] == make_it_a_directory ? 0 : 2);
        gh_policy_build_destroy(b);
    }
}


static void
what_another_directory_held_is_not_taken(void **state)
{
    gh_policy_build_t *b;

    (void) state;

    gh_test_set_write("p/a.json", PLANS);
    gh_test_set_publish_and_keep();
    assert_int_equal(rename(gh_test_path("p"), gh_test_path("q")), 0);
    (void) snprintf(gh_test_set.policies, sizeof(gh_test_set.policies), "%s",
                    gh_test_path("q"));

    b = gh_test_set_builder();
    assert_int_equal(gh_test_set_try(b), GH_OK);
    assert_int_equal(gh_test_set_taken(b), 0);
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
    gh_test_set_publish_and_keep();

    bytes = gh_test_set_slurp(gh_test_path("s/policies.parts"), &n);
    amount = memmem(bytes, n, &nine, sizeof(nine));
    assert_non_null(amount);
    memcpy(amount, &none, sizeof(none));
    seal(gh_test_path("s/policies.parts"), bytes, n);
    free(bytes);

    gh_test_set_write("p/b.json", "{}");
    b = gh_test_set_builder();
    assert_int_equal(gh_test_set_try(b), GH_CONFLICT);
    assert_int_equal(gh_test_set_try(b), GH_OK);
    assert_int_equal(gh_test_set_taken(b), 0);
    gh_policy_build_destroy(b);

    image = gh_test_set_map();
    limit = gh_image_at(&image, gh_image_plan(&image, 0)->limits);
    assert_int_equal(limit->limit.amount, 9);
    gh_image_file_unmap(&image);
}


#define STORY(name)                                                           \
    cmocka_unit_test_setup_teardown(name, gh_test_set_begin, gh_test_set_end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(what_is_not_whole_or_not_ours_is_not_believed),
        STORY(what_another_directory_held_is_not_taken),
        STORY(values_that_no_file_can_have_are_read_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
