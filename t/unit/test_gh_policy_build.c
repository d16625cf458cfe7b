/*
 * From files to the published image: what is published, what is refused, and
 * what a second start finds.
 */

#include "gh_test_set.h"

#include "gh_policy_builder.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>


static void
a_valid_set_is_published_and_can_be_mapped(void **state)
{
    struct stat st;
    gh_image_t image;

    (void) state;

    gh_test_set_write("p/plans.json", PLANS);
    gh_test_set_write("p/orders.json", SERVICES);
    gh_test_set_publish();
    assert_int_equal(gh_test_set.report.generation, 1);

    image = gh_test_set_map();
    assert_int_equal(image.generation, 1);
    assert_non_null(gh_image_plan_named(&image, GH_STR("gold")));
    assert_non_null(gh_image_service(&image, GH_STR("orders")));
    gh_image_file_unmap(&image);

    assert_int_equal(stat(gh_test_path("s/policies.image"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(access(gh_test_path("s/policies.image.new"), F_OK), -1);
}


static void
an_invalid_set_leaves_the_old_image_and_says_where(void **state)
{
    char line[800];
    gh_buf_t text = GH_BUF(line);
    gh_image_t image;
    gh_policy_build_t *b = gh_test_set_builder();

    (void) state;

    gh_test_set_write("p/plans.json", PLANS);
    assert_int_equal(gh_test_set_try(b), GH_OK);

    gh_test_set_write("p/plans.json", "{ \"plans\":\n  { \"gold\": [] } }");
    assert_int_equal(gh_test_set_try(b), GH_INVALID);
    assert_int_equal(
        gh_policy_error_text(&gh_test_set.report.errors.items[0], &text),
        GH_OK);
    assert_non_null(strstr(line, "p/plans.json:2:"));

    image = gh_test_set_map();
    assert_int_equal(image.generation, 1);
    gh_image_file_unmap(&image);

    /* a file that did not change is complained about again */
    gh_test_set_write("p/other.json", "{}");
    assert_int_equal(gh_test_set_try(b), GH_INVALID);
    assert_true(gh_test_set.report.errors.n > 0);

    gh_test_set_write("p/plans.json", PLANS);
    assert_int_equal(gh_test_set_try(b), GH_OK);
    assert_int_equal(gh_test_set.report.generation, 2);

    gh_policy_build_destroy(b);
}


static void
a_name_that_the_configuration_lacks_is_refused(void **state)
{
    (void) state;

    gh_test_set_write("p/orders.json", SERVICES);
    gh_test_set.upstream = "elsewhere";

    gh_policy_build_t *b = gh_test_set_builder();

    assert_int_equal(gh_test_set_try(b), GH_INVALID);
    assert_non_null(
        strstr(gh_test_set.report.errors.items[0].message, "orders_v1"));
    assert_non_null(
        strstr(gh_test_set.report.errors.items[0].message, "elsewhere"));
    assert_int_equal(gh_policy_build_check(b, &gh_test_set.report),
                     GH_INVALID);

    gh_policy_build_destroy(b);
}


static void
generations_go_up_over_restarts_and_lost_notes(void **state)
{
    gh_policy_build_t *b;

    (void) state;

    gh_test_set_write("p/plans.json", PLANS);
    gh_test_set_publish();
    gh_test_set_publish();
    assert_int_equal(gh_test_set.report.generation, 2);

    assert_int_equal(unlink(gh_test_path("s/policies.note")), 0);
    gh_test_set_publish();
    assert_int_equal(gh_test_set.report.generation, 3);

    b = gh_test_set_builder();
    assert_int_equal(gh_policy_build_publish(b, 41, &gh_test_set.report),
                     GH_OK);
    assert_int_equal(gh_test_set.report.generation, 42);
    gh_policy_build_destroy(b);

    assert_int_equal(unlink(gh_test_path("s/policies.image")), 0);
    gh_test_set_publish();
    assert_int_equal(gh_test_set.report.generation, 43);
}


static void
a_second_start_has_nothing_to_do(void **state)
{
    (void) state;

    gh_test_set_write("p/plans.json", PLANS);
    assert_false(gh_test_set_current());
    gh_test_set_publish();
    assert_true(gh_test_set_current());

    gh_test_set_write("p/more.json", "{}");
    assert_false(gh_test_set_current());
    assert_int_equal(unlink(gh_test_path("p/more.json")), 0);
    assert_true(gh_test_set_current());

    /* the same bytes in another file */
    gh_test_set_write("p/plans.json", PLANS);
    assert_true(gh_test_set_current());

    /* other bytes that are as many */
    gh_test_set_write("p/plans.json", OTHER_PLANS);
    assert_false(gh_test_set_current());
}


static void
other_names_ask_for_another_check(void **state)
{
    uint64_t generation = 0;
    gh_policy_build_t *b;

    (void) state;

    gh_test_set_write("p/plans.json", PLANS);
    gh_test_set_publish();

    gh_test_set.upstream = "other_upstream";
    b = gh_test_set_builder();
    assert_false(gh_policy_build_is_current(b, true, NULL));
    assert_true(gh_policy_build_is_current(b, false, &generation));
    assert_int_equal(generation, 1);

    gh_policy_build_renew_note(b);
    assert_true(gh_policy_build_is_current(b, true, NULL));
    gh_policy_build_destroy(b);
}


static void
other_files_of_the_same_bytes_are_noted(void **state)
{
    struct stat before, after;
    gh_policy_build_t *b;

    (void) state;

    gh_test_set_write("p/plans.json", PLANS);
    gh_test_set_publish();
    assert_int_equal(stat(gh_test_path("s/policies.note"), &before), 0);

    gh_test_set_write("p/plans.json", PLANS);
    b = gh_test_set_builder();
    gh_policy_build_renew_note(b);
    assert_int_equal(stat(gh_test_path("s/policies.note"), &after), 0);
    assert_int_not_equal(before.st_ino, after.st_ino);

    gh_policy_build_renew_note(b);
    assert_int_equal(stat(gh_test_path("s/policies.note"), &before), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    gh_policy_build_destroy(b);
    assert_true(gh_test_set_current());
}


static void
the_image_of_another_directory_is_not_ours(void **state)
{
    (void) state;

    gh_test_set_write("p/plans.json", PLANS);
    gh_test_set_publish();
    assert_true(gh_test_set_current());

    assert_int_equal(rename(gh_test_path("p"), gh_test_path("q")), 0);
    (void) snprintf(gh_test_set.policies, sizeof(gh_test_set.policies), "%s",
                    gh_test_path("q"));
    assert_false(gh_test_set_current());
}


static void
a_changed_secret_is_a_changed_set(void **state)
{
    gh_policy_build_t *b = gh_test_set_builder();

    (void) state;

    gh_test_set_write("secret", "0123456789012345678901234567890123456789");
    gh_test_set_write("p/acme.json", SIGNED);
    assert_int_equal(gh_test_set_try(b), GH_OK);
    assert_false(gh_policy_build_look(b));
    assert_true(gh_test_set_current());

    gh_test_set_write("secret", "0123456789012345678901234567890123456789");
    assert_true(gh_test_set_current());
    assert_true(gh_policy_build_look(b));
    gh_test_set_write("secret", "9876543210987654321098765432109876543210");
    assert_false(gh_test_set_current());
    assert_true(gh_policy_build_look(b));
    assert_false(gh_policy_build_look(b));

    /* a start from the note looks at secrets, too */
    gh_test_set_publish();
    gh_policy_build_destroy(b);
    b = gh_test_set_builder();
    assert_true(gh_policy_build_is_current(b, true, NULL));
    assert_false(gh_policy_build_look(b));
    assert_int_equal(unlink(gh_test_path("secret")), 0);
    assert_true(gh_policy_build_look(b));
    assert_int_equal(gh_test_set_try(b), GH_INVALID);
    assert_non_null(
        strstr(gh_test_set.report.errors.items[0].message, "no such file"));

    gh_policy_build_destroy(b);
}


static void
a_secret_that_everybody_may_read_is_named(void **state)
{
    (void) state;

    gh_test_set_write("secret", "0123456789012345678901234567890123456789");
    gh_test_set_write("p/acme.json", SIGNED);
    gh_test_set_publish();
    assert_string_equal(gh_test_set.report.open_secret, "");

    assert_int_equal(chmod(gh_test_path("secret"), 0644), 0);
    gh_test_set_publish();
    assert_non_null(strstr(gh_test_set.report.open_secret, "secret"));
}


static void
files_that_others_may_not_read_are_found(void **state)
{
    const char *path;
    gh_policy_build_t *b = gh_test_set_builder();

    (void) state;

    gh_test_set_write("p/a.json", PLANS);
    gh_test_set_write("p/b.json", "{}");
    assert_int_equal(chmod(gh_test_path("p/a.json"), 0644), 0);
    assert_int_equal(gh_policy_build_check(b, &gh_test_set.report), GH_OK);

    /* nobody has that uid; the files are 0600 and somebody else's */
    path = gh_policy_build_unreadable(b, 54321, 54321);
    assert_non_null(path);
    assert_non_null(strstr(path, "b.json"));

    assert_int_equal(chmod(gh_test_path("p/b.json"), 0644), 0);
    assert_null(gh_policy_build_unreadable(b, 54321, 54321));

    gh_policy_build_destroy(b);
}


static void
a_build_that_is_told_to_stop_makes_nothing(void **state)
{
    gh_policy_build_t *b = gh_test_set_builder();

    (void) state;

    gh_test_set_write("p/plans.json", PLANS);
    gh_test_set.stop = true;
    assert_int_equal(gh_test_set_try(b), GH_NOMEM);
    assert_int_equal(access(gh_test_path("s/policies.image"), F_OK), -1);
    gh_policy_build_destroy(b);
}


static void
a_check_writes_nothing(void **state)
{
    gh_policy_build_t *b = gh_test_set_builder();

    (void) state;

    gh_test_set_write("p/plans.json", PLANS);
    assert_int_equal(gh_policy_build_check(b, &gh_test_set.report), GH_OK);
    assert_int_equal(access(gh_test_path("s/policies.image"), F_OK), -1);
    assert_int_equal(access(gh_test_path("s/policies.lock"), F_OK), -1);
    gh_policy_build_destroy(b);
}


static void
what_a_start_has_compiled_is_placed_without_another_build(void **state)
{
    gh_image_t image;
    gh_policy_build_t *b = gh_test_set_builder();

    (void) state;

    gh_test_set_write("p/plans.json", PLANS);
    assert_int_equal(gh_policy_build_make(b, &gh_test_set.report), GH_OK);
    assert_int_equal(access(gh_test_path("s/policies.image"), F_OK), -1);
    assert_int_equal(gh_policy_build_place(b, &gh_test_set.report), GH_OK);
    assert_true(gh_test_set_current());

    image = gh_test_set_map();
    assert_int_equal(image.generation, 1);
    gh_image_file_unmap(&image);

    assert_int_equal(gh_policy_build_place(b, &gh_test_set.report),
                     GH_CONFLICT); /* it is gone */
    gh_policy_build_destroy(b);
}


static void
what_is_no_longer_true_is_not_placed(void **state)
{
    gh_policy_build_t *b = gh_test_set_builder();

    (void) state;

    gh_test_set_write("p/plans.json", PLANS);
    assert_int_equal(gh_policy_build_make(b, &gh_test_set.report), GH_OK);
    gh_test_set_write("p/plans.json", OTHER_PLANS);
    assert_int_equal(gh_policy_build_place(b, &gh_test_set.report),
                     GH_CONFLICT);
    assert_int_equal(access(gh_test_path("s/policies.image"), F_OK), -1);

    /* somebody else was faster */
    gh_policy_report_t made;

    assert_int_equal(gh_policy_build_make(b, &made), GH_OK);
    gh_test_set_publish();
    assert_int_equal(gh_policy_build_place(b, &made), GH_CONFLICT);
    gh_policy_build_destroy(b);
}


static void
a_warmed_builder_reads_only_what_changes(void **state)
{
    gh_policy_build_t *b = gh_test_set_builder();

    (void) state;

    gh_test_set_write("p/plans.json", PLANS);
    gh_test_set_write("p/orders.json", SERVICES);
    gh_test_set_publish();

    assert_true(gh_policy_build_is_current(b, true, NULL));
    gh_policy_build_warm(b, &gh_test_set.report);
    assert_int_equal(b->loaded.n, 2);
    assert_false(gh_policy_build_look(b));

    gh_test_set_write("p/plans.json", OTHER_PLANS);
    assert_int_equal(gh_test_set_try(b), GH_OK);
    assert_int_equal(gh_test_set.report.generation, 2);
    gh_policy_build_destroy(b);
}


#define STORY(name)                                                           \
    cmocka_unit_test_setup_teardown(name, gh_test_set_begin, gh_test_set_end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(a_valid_set_is_published_and_can_be_mapped),
        STORY(an_invalid_set_leaves_the_old_image_and_says_where),
        STORY(a_name_that_the_configuration_lacks_is_refused),
        STORY(generations_go_up_over_restarts_and_lost_notes),
        STORY(a_second_start_has_nothing_to_do),
        STORY(other_names_ask_for_another_check),
        STORY(other_files_of_the_same_bytes_are_noted),
        STORY(the_image_of_another_directory_is_not_ours),
        STORY(a_changed_secret_is_a_changed_set),
        STORY(a_secret_that_everybody_may_read_is_named),
        STORY(files_that_others_may_not_read_are_found),
        STORY(a_build_that_is_told_to_stop_makes_nothing),
        STORY(a_check_writes_nothing),
        STORY(what_a_start_has_compiled_is_placed_without_another_build),
        STORY(what_is_no_longer_true_is_not_placed),
        STORY(a_warmed_builder_reads_only_what_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
