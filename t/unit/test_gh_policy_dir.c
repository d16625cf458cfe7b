/*
 * Directories of policies as people and machines make them: links that are
 * swapped, files that editors leave, what cannot be read.
 */

#include "gh_test.h"

#include "gh_policy_dir.h"
#include "gh_test_dir.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>


static const char *dir;


static void
write_file(const char *name, const char *text)
{
    FILE *f = fopen(gh_test_path(name), "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}


static void
make_dir(const char *name)
{
    assert_int_equal(mkdir(gh_test_path(name), 0700), 0);
}


static void
make_link(const char *to, const char *name)
{
    assert_int_equal(symlink(to, gh_test_path(name)), 0);
}


static gh_policy_listing_t
listed(void)
{
    gh_policy_listing_t listing = { NULL, 0, 0, 0 };
    static gh_policy_errors_t errors;

    errors.n = errors.more = 0;

    if (gh_policy_listing_read(dir, &listing, &errors) != GH_OK) {
        fail_msg("%s: %s", errors.items[0].file, errors.items[0].message);
    }

    return listing;
}


/* The names below the directory, joined. */

static void
assert_names(const char *expected)
{
    char names[1000];
    gh_buf_t out = GH_BUF(names);
    gh_policy_listing_t listing = listed();

    for (size_t i = 0; i < listing.n; i++) {
        (void) gh_buf_add_fmt(&out, "%s%s", i == 0 ? "" : " ",
                              listing.files[i].path + strlen(dir) + 1);
    }

    assert_str(gh_buf_str(&out), expected);
    gh_policy_listing_clear(&listing);
}


static void
assert_complaint(const char *about, const char *says)
{
    gh_policy_listing_t listing = { NULL, 0, 0, 0 };
    static gh_policy_errors_t errors;

    errors.n = errors.more = 0;

    assert_int_equal(gh_policy_listing_read(dir, &listing, &errors),
                     GH_INVALID);
    assert_int_equal(listing.n, 0);
    assert_true(errors.n > 0);
    assert_non_null(strstr(errors.items[0].file, about));
    assert_non_null(strstr(errors.items[0].message, says));
}


/* Whether what `change` does is seen. */

static bool
is_seen(void (*change)(void))
{
    bool same;
    gh_policy_listing_t before = listed(), after;

    change();
    after = listed();
    same = gh_policy_listing_same(&before, &after);

    gh_policy_listing_clear(&before);
    gh_policy_listing_clear(&after);

    return !same;
}


static void
json_files_are_listed_by_name_at_any_depth(void **state)
{
    (void) state;

    write_file("b.json", "{}");
    write_file("a.json", "{}");
    write_file("README.md", "");
    write_file("json", "");
    make_dir("teams");
    make_dir("teams/one");
    write_file("teams/one/c.json", "{}");
    make_dir("empty");

    assert_names("a.json b.json teams/one/c.json");
}


static void
names_that_begin_with_a_dot_are_passed_over(void **state)
{
    (void) state;

    write_file("a.json", "{}");
    write_file(".json", "{}");
    write_file(".a.json", "{}");
    write_file("..a.json", "{}");
    make_dir(".git");
    write_file(".git/x.json", "{}");
    make_link("nowhere", ".#a.json");

    assert_names("a.json");
}


static void
directories_named_schema_are_passed_over(void **state)
{
    (void) state;

    write_file("a.json", "{}");
    make_dir("schema");
    write_file("schema/policies.json", "{ \"type\": \"object\" }");
    make_dir("teams");
    make_dir("teams/schema");
    write_file("teams/schema/x.json", "{}");
    write_file("teams/schema.json", "{}");
    make_dir("schemas");
    write_file("schemas/b.json", "{}");

    assert_names("a.json schemas/b.json teams/schema.json");
}


static void
swap_data(void)
{
    make_dir("..2");
    write_file("..2/a.json", "{}");
    make_link("..2", "..new");
    assert_int_equal(rename(gh_test_path("..new"), gh_test_path("..data")), 0);
}


static void
a_swapped_data_link_of_kubernetes_is_seen(void **state)
{
    (void) state;

    make_dir("..1");
    write_file("..1/a.json", "{}");
    make_link("..1", "..data");
    make_link("..data/a.json", "a.json");

    assert_names("a.json");
    assert_true(is_seen(swap_data));
    assert_names("a.json");
}


static void
swap_current(void)
{
    make_dir("v2");
    write_file("v2/a.json", "{}");
    make_link("v2", "next");
    assert_int_equal(rename(gh_test_path("next"), gh_test_path("current")), 0);
}


static void
a_swapped_directory_is_seen(void **state)
{
    char other[PATH_MAX];

    (void) state;

    make_dir("v1");
    write_file("v1/a.json", "{}");
    make_link("v1", "current");

    (void) snprintf(other, sizeof(other), "%s", gh_test_path("current"));
    dir = other;

    assert_names("a.json");
    assert_true(is_seen(swap_current));
    assert_names("a.json");
}


static void
do_nothing(void)
{
}


static void
touch_nothing_that_counts(void)
{
    write_file("a.json~", "{}");
    write_file(".a.json.swp", "{}");
    write_file("notes.txt", "x");
}


static void
write_other_text(void)
{
    write_file("a.json", "[]");
}


static void
add_a_file(void)
{
    write_file("b.json", "{}");
}


static void
remove_a_file(void)
{
    assert_int_equal(unlink(gh_test_path("b.json")), 0);
}


static void
replace_by_rename(void)
{
    write_file("a.new", "{}");
    assert_int_equal(rename(gh_test_path("a.new"), gh_test_path("a.json")), 0);
}


static void
every_change_is_seen_and_nothing_else(void **state)
{
    (void) state;

    write_file("a.json", "{}");

    assert_false(is_seen(do_nothing));
    assert_false(is_seen(touch_nothing_that_counts));
    assert_true(is_seen(add_a_file));
    assert_true(is_seen(remove_a_file));
    assert_true(is_seen(replace_by_rename));

    /* the clock of the file system moves in steps of milliseconds */
    (void) usleep(20000);
    assert_true(is_seen(write_other_text));
}


static void
a_directory_without_a_file_is_an_accident(void **state)
{
    (void) state;

    assert_complaint(dir, "{}");

    write_file("README.md", "");
    assert_complaint(dir, "{}");
}


static void
a_directory_that_is_not_there_is_named(void **state)
{
    (void) state;

    dir = gh_test_path("missing");
    assert_complaint("missing", "No such file or directory");
}


static void
a_link_that_leads_nowhere_is_named(void **state)
{
    (void) state;

    write_file("a.json", "{}");
    make_link("missing", "b.json");
    assert_complaint("b.json", "No such file");
}


static void
what_is_not_a_file_is_named(void **state)
{
    (void) state;

    assert_int_equal(mkfifo(gh_test_path("pipe.json"), 0600), 0);
    assert_complaint("pipe.json", "not a regular file");
}


static void
links_in_a_ring_end(void **state)
{
    (void) state;

    write_file("a.json", "{}");
    make_dir("sub");
    write_file("sub/b.json", "{}");
    make_link("..", "sub/up");
    make_link(".", "self");

    assert_names("a.json sub/b.json");
}


static void
directories_have_a_depth(void **state)
{
    (void) state;

    write_file("a.json", "{}");
    make_dir("1");
    make_dir("1/2");
    make_dir("1/2/3");
    make_dir("1/2/3/4");
    make_dir("1/2/3/4/5");
    make_dir("1/2/3/4/5/6");
    make_dir("1/2/3/4/5/6/7");
    write_file("1/2/3/4/5/6/7/b.json", "{}");
    assert_names("1/2/3/4/5/6/7/b.json a.json");

    make_dir("1/2/3/4/5/6/7/8");
    assert_complaint("7/8", "too deep");
}


static void
bytes_are_read_as_they_were_listed(void **state)
{
    gh_str_t text;
    gh_policy_listing_t listing;

    (void) state;

    write_file("a.json", "{ \"plans\": {} }");
    listing = listed();

    assert_int_equal(listing.n, 1);
    assert_int_equal(listing.bytes, 15);
    assert_int_equal(gh_policy_file_read(&listing.files[0], &text, NULL),
                     GH_OK);
    assert_str(text, "{ \"plans\": {} }");
    free((void *) (uintptr_t) text.data);

    replace_by_rename();
    assert_int_equal(gh_policy_file_read(&listing.files[0], &text, NULL),
                     GH_CONFLICT);

    assert_int_equal(unlink(gh_test_path("a.json")), 0);
    assert_int_equal(gh_policy_file_read(&listing.files[0], &text, NULL),
                     GH_CONFLICT);

    gh_policy_listing_clear(&listing);
}


static void
a_file_is_found_by_its_path(void **state)
{
    gh_policy_listing_t listing;

    (void) state;

    write_file("a.json", "{}");
    write_file("b.json", "{}");
    write_file("c.json", "{}");
    listing = listed();

    assert_ptr_equal(
        gh_policy_listing_find(&listing, gh_str(gh_test_path("b.json"))),
        &listing.files[1]);
    assert_null(
        gh_policy_listing_find(&listing, gh_str(gh_test_path("b.jso"))));
    assert_null(
        gh_policy_listing_find(&listing, gh_str(gh_test_path("d.json"))));

    gh_policy_listing_clear(&listing);
}


static int
begin(void **state)
{
    (void) state;
    dir = gh_test_dir();

    return 0;
}


static int
end(void **state)
{
    (void) state;
    gh_test_dir_end();

    return 0;
}


#define STORY(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(json_files_are_listed_by_name_at_any_depth),
        STORY(names_that_begin_with_a_dot_are_passed_over),
        STORY(directories_named_schema_are_passed_over),
        STORY(a_swapped_data_link_of_kubernetes_is_seen),
        STORY(a_swapped_directory_is_seen),
        STORY(every_change_is_seen_and_nothing_else),
        STORY(a_directory_without_a_file_is_an_accident),
        STORY(a_directory_that_is_not_there_is_named),
        STORY(a_link_that_leads_nowhere_is_named),
        STORY(what_is_not_a_file_is_named),
        STORY(links_in_a_ring_end),
        STORY(directories_have_a_depth),
        STORY(bytes_are_read_as_they_were_listed),
        STORY(a_file_is_found_by_its_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
