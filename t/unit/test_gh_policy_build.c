/*
 * From files to the published image: what is published, what is refused,
 * what a second start finds, and what a crash or a full disk leaves behind.
 */

#include "gh_test.h"

#include "gh_policy_build.h"
#include "gh_secret_files.h"
#include "gh_test_dir.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLANS                                                                 \
    "{ \"plans\": { \"gold\": { \"limits\": { \"s\": \"9r/s\" } } } }"
#define OTHER_PLANS                                                           \
    "{ \"plans\": { \"cold\": { \"limits\": { \"s\": \"9r/s\" } } } }"
#define SERVICES                                                              \
    "{ \"services\": { \"orders\": { \"versions\": { \"v1\": {"               \
    " \"deployments\": { \"blue\": { \"upstream\": \"orders_v1\" }"           \
    " } } } } } }"
#define SIGNED                                                                \
    "{ \"consumers\": { \"acme\": { \"credentials\": { \"signatures\": [ {"   \
    " \"keyid\": \"a\", \"algorithm\": \"hmac-sha256\","                      \
    " \"secret\": \"file:../secret\" } ] } } } }"

static char policies[PATH_MAX], state_dir[PATH_MAX];
static gh_policy_report_t report;
static const char *known_upstream;
static bool stop_now;


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
    assert_int_equal(chmod(temporary, 0600), 0);
    assert_int_equal(rename(temporary, gh_test_path(name)), 0);
}


static bool
upstream_known(void *ctx, gh_str_t name)
{
    (void) ctx;

    return gh_str_eq(name, gh_str(known_upstream));
}


static bool
is_stopped(void *ctx)
{
    (void) ctx;

    return stop_now;
}


static gh_policy_build_t *
builder(void)
{
    gh_policy_build_t *b;
    gh_policy_build_conf_t conf = { .directory = policies,
                                    .state = state_dir,
                                    .stopped = is_stopped };

    conf.names.upstream_known = upstream_known;
    conf.names.upstreams_text = known_upstream;
    memcpy(conf.names_hash, known_upstream, 8);
    assert_int_equal(gh_policy_build_create(&conf, &b), GH_OK);

    return b;
}


static gh_rc_t
published(gh_policy_build_t *b)
{
    return gh_policy_build_publish(b, 0, &report);
}


/* Publishes with a builder of its own, as a start does. */

static void
publish_all(void)
{
    gh_policy_build_t *b = builder();

    if (published(b) != GH_OK) {
        fail_msg("%s: %s %s", report.errors.items[0].file,
                 report.errors.items[0].message, report.why);
    }

    gh_policy_build_destroy(b);
}


static bool
is_current(void)
{
    bool current;
    gh_policy_build_t *b = builder();

    current = gh_policy_build_is_current(b, true, NULL);
    gh_policy_build_destroy(b);

    return current;
}


static gh_image_t
mapped(void)
{
    char why[GH_IMAGE_WHY_MAX];
    gh_image_t image;

    if (gh_image_file_map(state_dir, &image, why) != GH_OK) {
        fail_msg("%s", why);
    }

    return image;
}


static void
a_valid_set_is_published_and_can_be_mapped(void **state)
{
    struct stat st;
    gh_image_t image;

    (void) state;

    write_file("p/plans.json", PLANS);
    write_file("p/orders.json", SERVICES);
    publish_all();
    assert_int_equal(report.generation, 1);

    image = mapped();
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
    gh_policy_build_t *b = builder();

    (void) state;

    write_file("p/plans.json", PLANS);
    assert_int_equal(published(b), GH_OK);

    write_file("p/plans.json", "{ \"plans\":\n  { \"gold\": [] } }");
    assert_int_equal(published(b), GH_INVALID);
    assert_int_equal(gh_policy_error_text(&report.errors.items[0], &text),
                     GH_OK);
    assert_non_null(strstr(line, "p/plans.json:2:"));

    image = mapped();
    assert_int_equal(image.generation, 1);
    gh_image_file_unmap(&image);

    /* a file that did not change is complained about again */
    write_file("p/other.json", "{}");
    assert_int_equal(published(b), GH_INVALID);
    assert_true(report.errors.n > 0);

    write_file("p/plans.json", PLANS);
    assert_int_equal(published(b), GH_OK);
    assert_int_equal(report.generation, 2);

    gh_policy_build_destroy(b);
}


static void
a_name_that_the_configuration_lacks_is_refused(void **state)
{
    (void) state;

    write_file("p/orders.json", SERVICES);
    known_upstream = "elsewhere";

    gh_policy_build_t *b = builder();

    assert_int_equal(published(b), GH_INVALID);
    assert_non_null(strstr(report.errors.items[0].message, "orders_v1"));
    assert_non_null(strstr(report.errors.items[0].message, "elsewhere"));
    assert_int_equal(gh_policy_build_check(b, &report), GH_INVALID);

    gh_policy_build_destroy(b);
}


static void
generations_go_up_over_restarts_and_lost_notes(void **state)
{
    gh_policy_build_t *b;

    (void) state;

    write_file("p/plans.json", PLANS);
    publish_all();
    publish_all();
    assert_int_equal(report.generation, 2);

    assert_int_equal(unlink(gh_test_path("s/policies.note")), 0);
    publish_all();
    assert_int_equal(report.generation, 3);

    b = builder();
    assert_int_equal(gh_policy_build_publish(b, 41, &report), GH_OK);
    assert_int_equal(report.generation, 42);
    gh_policy_build_destroy(b);

    assert_int_equal(unlink(gh_test_path("s/policies.image")), 0);
    publish_all();
    assert_int_equal(report.generation, 43);
}


static void
a_second_start_has_nothing_to_do(void **state)
{
    (void) state;

    write_file("p/plans.json", PLANS);
    assert_false(is_current());
    publish_all();
    assert_true(is_current());

    write_file("p/more.json", "{}");
    assert_false(is_current());
    assert_int_equal(unlink(gh_test_path("p/more.json")), 0);
    assert_true(is_current());

    /* the same bytes in another file */
    write_file("p/plans.json", PLANS);
    assert_true(is_current());

    /* other bytes that are as many */
    write_file("p/plans.json", OTHER_PLANS);
    assert_false(is_current());
}


static void
other_names_ask_for_another_check(void **state)
{
    uint64_t generation = 0;
    gh_policy_build_t *b;

    (void) state;

    write_file("p/plans.json", PLANS);
    publish_all();

    known_upstream = "other_upstream";
    b = builder();
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

    write_file("p/plans.json", PLANS);
    publish_all();
    assert_int_equal(stat(gh_test_path("s/policies.note"), &before), 0);

    write_file("p/plans.json", PLANS);
    b = builder();
    gh_policy_build_renew_note(b);
    assert_int_equal(stat(gh_test_path("s/policies.note"), &after), 0);
    assert_int_not_equal(before.st_ino, after.st_ino);

    gh_policy_build_renew_note(b);
    assert_int_equal(stat(gh_test_path("s/policies.note"), &before), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    gh_policy_build_destroy(b);
    assert_true(is_current());
}


static void
the_image_of_another_directory_is_not_ours(void **state)
{
    (void) state;

    write_file("p/plans.json", PLANS);
    publish_all();
    assert_true(is_current());

    assert_int_equal(rename(gh_test_path("p"), gh_test_path("q")), 0);
    (void) snprintf(policies, sizeof(policies), "%s", gh_test_path("q"));
    assert_false(is_current());
}


static void
a_note_that_is_not_whole_is_no_note(void **state)
{
    char text[4096], path[PATH_MAX];
    FILE *f;
    size_t len;

    (void) state;

    write_file("p/plans.json", PLANS);
    publish_all();

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
            assert_int_equal(gh_image_note_read(state_dir, &note), GH_ABSENT);
        }
    }
}


static void
a_changed_secret_is_a_changed_set(void **state)
{
    gh_policy_build_t *b = builder();

    (void) state;

    write_file("secret", "0123456789012345678901234567890123456789");
    write_file("p/acme.json", SIGNED);
    assert_int_equal(published(b), GH_OK);
    assert_false(gh_policy_build_look(b));
    assert_true(is_current());

    write_file("secret", "0123456789012345678901234567890123456789");
    assert_true(is_current());
    assert_true(gh_policy_build_look(b));
    write_file("secret", "9876543210987654321098765432109876543210");
    assert_false(is_current());
    assert_true(gh_policy_build_look(b));
    assert_false(gh_policy_build_look(b));

    /* a start from the note looks at secrets, too */
    publish_all();
    gh_policy_build_destroy(b);
    b = builder();
    assert_true(gh_policy_build_is_current(b, true, NULL));
    assert_false(gh_policy_build_look(b));
    assert_int_equal(unlink(gh_test_path("secret")), 0);
    assert_true(gh_policy_build_look(b));
    assert_int_equal(published(b), GH_INVALID);
    assert_non_null(strstr(report.errors.items[0].message, "no such file"));

    gh_policy_build_destroy(b);
}


static void
a_secret_that_everybody_may_read_is_named(void **state)
{
    (void) state;

    write_file("secret", "0123456789012345678901234567890123456789");
    write_file("p/acme.json", SIGNED);
    publish_all();
    assert_string_equal(report.open_secret, "");

    assert_int_equal(chmod(gh_test_path("secret"), 0644), 0);
    publish_all();
    assert_non_null(strstr(report.open_secret, "secret"));
}


static void
files_that_others_may_not_read_are_found(void **state)
{
    const char *path;
    gh_policy_build_t *b = builder();

    (void) state;

    write_file("p/a.json", PLANS);
    write_file("p/b.json", "{}");
    assert_int_equal(chmod(gh_test_path("p/a.json"), 0644), 0);
    assert_int_equal(gh_policy_build_check(b, &report), GH_OK);

    /* nobody has that uid; the files are 0600 and somebody else's */
    path = gh_policy_build_unreadable(b, 54321, 54321);
    assert_non_null(path);
    assert_non_null(strstr(path, "b.json"));

    assert_int_equal(chmod(gh_test_path("p/b.json"), 0644), 0);
    assert_null(gh_policy_build_unreadable(b, 54321, 54321));

    gh_policy_build_destroy(b);
}


static void
only_one_process_builds_at_a_time(void **state)
{
    int fd;
    char why[GH_IMAGE_WHY_MAX];
    gh_policy_build_t *b = builder();

    (void) state;

    write_file("p/plans.json", PLANS);
    assert_int_equal(gh_state_lock(state_dir, &fd, why), GH_OK);
    assert_int_equal(published(b), GH_AGAIN);
    assert_int_equal(close(fd), 0);
    assert_int_equal(published(b), GH_OK);

    gh_policy_build_destroy(b);
}


static void
a_state_directory_that_takes_nothing_changes_nothing(void **state)
{
    struct rlimit before, small;
    gh_image_t image;
    gh_policy_build_t *b = builder();

    (void) state;

    write_file("p/plans.json", PLANS);
    assert_int_equal(published(b), GH_OK);
    write_file("p/orders.json", SERVICES);

    /* a full disk, as far as this process is concerned */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(published(b), GH_UNAVAILABLE);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);

    assert_non_null(strstr(report.why, "policies.image"));
    assert_int_equal(access(gh_test_path("s/policies.image.new"), F_OK), -1);
    image = mapped();
    assert_int_equal(image.generation, 1);
    gh_image_file_unmap(&image);

    assert_int_equal(published(b), GH_OK);
    assert_int_equal(report.generation, 2);

    (void) snprintf(state_dir, sizeof(state_dir), "%s", gh_test_path("gone"));
    assert_int_equal(published(b), GH_UNAVAILABLE);

    gh_policy_build_destroy(b);
}


static void
a_leftover_of_a_killed_process_is_no_obstacle(void **state)
{
    (void) state;

    write_file("s/policies.image.new", "half an im");
    write_file("p/plans.json", PLANS);
    publish_all();
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

    write_file("p/plans.json", PLANS);
    publish_all();

    fd = open(gh_test_path("s/policies.image"), O_RDWR);
    assert_true(fd >= 0);
    size = lseek(fd, 0, SEEK_END);

    for (off_t at = 0; at < size; at += 7) {
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 0x40;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);

        assert_int_equal(gh_image_file_map(state_dir, &image, why),
                         GH_INVALID);

        byte ^= 0x40;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }

    assert_int_equal(ftruncate(fd, size - 8), 0);
    assert_int_equal(gh_image_file_map(state_dir, &image, why), GH_INVALID);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(gh_image_file_map(state_dir, &image, why), GH_INVALID);
    assert_int_equal(close(fd), 0);

    assert_int_equal(unlink(gh_test_path("s/policies.image")), 0);
    assert_int_equal(gh_image_file_map(state_dir, &image, why), GH_ABSENT);
}


static void
an_image_that_others_may_write_is_not_mapped(void **state)
{
    char why[GH_IMAGE_WHY_MAX];
    gh_image_t image;

    (void) state;

    write_file("p/plans.json", PLANS);
    publish_all();

    assert_int_equal(chmod(gh_test_path("s/policies.image"), 0620), 0);
    assert_int_equal(gh_image_file_map(state_dir, &image, why), GH_INVALID);

    /* nor one that a link leads to */
    assert_int_equal(chmod(gh_test_path("s/policies.image"), 0600), 0);
    assert_int_equal(
        rename(gh_test_path("s/policies.image"), gh_test_path("image")), 0);
    assert_int_equal(symlink("../image", gh_test_path("s/policies.image")), 0);
    assert_int_not_equal(gh_image_file_map(state_dir, &image, why), GH_OK);
}


static void
an_old_image_stays_whole_for_those_who_have_it(void **state)
{
    gh_image_t old;

    (void) state;

    write_file("p/plans.json", PLANS);
    publish_all();
    old = mapped();

    write_file("p/plans.json", "{}");
    publish_all();

    assert_non_null(gh_image_plan_named(&old, GH_STR("gold")));
    gh_image_file_unmap(&old);

    old = mapped();
    assert_null(gh_image_plan_named(&old, GH_STR("gold")));
    gh_image_file_unmap(&old);
}


static void
a_build_that_is_told_to_stop_makes_nothing(void **state)
{
    gh_policy_build_t *b = builder();

    (void) state;

    write_file("p/plans.json", PLANS);
    stop_now = true;
    assert_int_equal(published(b), GH_NOMEM);
    assert_int_equal(access(gh_test_path("s/policies.image"), F_OK), -1);
    gh_policy_build_destroy(b);
}


static void
a_check_writes_nothing(void **state)
{
    gh_policy_build_t *b = builder();

    (void) state;

    write_file("p/plans.json", PLANS);
    assert_int_equal(gh_policy_build_check(b, &report), GH_OK);
    assert_int_equal(access(gh_test_path("s/policies.image"), F_OK), -1);
    assert_int_equal(access(gh_test_path("s/policies.lock"), F_OK), -1);
    gh_policy_build_destroy(b);
}


static int
begin(void **state)
{
    (void) state;

    (void) signal(SIGXFSZ, SIG_IGN);
    (void) gh_test_dir();
    (void) snprintf(policies, sizeof(policies), "%s", gh_test_path("p"));
    (void) snprintf(state_dir, sizeof(state_dir), "%s", gh_test_path("s"));
    known_upstream = "orders_v1";
    stop_now = false;

    return mkdir(policies, 0700) != 0 || mkdir(state_dir, 0700) != 0;
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
        STORY(a_valid_set_is_published_and_can_be_mapped),
        STORY(an_invalid_set_leaves_the_old_image_and_says_where),
        STORY(a_name_that_the_configuration_lacks_is_refused),
        STORY(generations_go_up_over_restarts_and_lost_notes),
        STORY(a_second_start_has_nothing_to_do),
        STORY(other_names_ask_for_another_check),
        STORY(other_files_of_the_same_bytes_are_noted),
        STORY(the_image_of_another_directory_is_not_ours),
        STORY(a_note_that_is_not_whole_is_no_note),
        STORY(a_changed_secret_is_a_changed_set),
        STORY(a_secret_that_everybody_may_read_is_named),
        STORY(files_that_others_may_not_read_are_found),
        STORY(only_one_process_builds_at_a_time),
        STORY(a_state_directory_that_takes_nothing_changes_nothing),
        STORY(a_leftover_of_a_killed_process_is_no_obstacle),
        STORY(a_damaged_image_is_not_mapped),
        STORY(an_image_that_others_may_write_is_not_mapped),
        STORY(an_old_image_stays_whole_for_those_who_have_it),
        STORY(a_build_that_is_told_to_stop_makes_nothing),
        STORY(a_check_writes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
