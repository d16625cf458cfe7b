/*
 * Parts of a set as bytes: a set that is made of them compiles to the same
 * image as one that was read, whatever changed meanwhile; bytes that are not
 * what was made are not believed.
 */

#include "gh_policy_parts.h"

#include <stdlib.h>

#include "gh_test_policies.h"
#include "gh_test_random.h"

#define FILES 5
#define ROUNDS 12
#define SEEDS 40

typedef struct {
    char *texts[FILES]; /* NULL: there is no such file */
    bool changed[FILES];
} directory_t;


static const uint8_t maker[GH_SHA256_LEN] = "this version";
static const uint8_t stranger[GH_SHA256_LEN] = "another one";
static const uint8_t sip[16] = "0123456789abcdef";
static const gh_test_outside_t outside = { "blue", "partners",
                                           "file:/s/good" };


/* Its name again. */
static bool
mark(void *ctx, gh_str_t path, uint8_t out[GH_POLICY_MARK_LEN])
{
    (void) ctx;
    memset(out, 0, GH_POLICY_MARK_LEN);
    memcpy(out, path.data, path.len);

    return true;
}


static bool
no_mark(void *ctx, gh_str_t path, uint8_t out[GH_POLICY_MARK_LEN])
{
    (void) ctx;
    (void) path;
    (void) out;

    return false;
}


static gh_str_t
path_of(unsigned file)
{
    static const char *const paths[FILES] = { "a", "b/a", "b/c", "bb", "c" };

    return gh_str(paths[file]);
}


static void
edit(directory_t *d, uint32_t *seed)
{
    for (unsigned i = 0; i < FILES; i++) {
        d->changed[i] = gh_test_random(seed, 3) == 0;

        if (!d->changed[i]) {
            continue;
        }

        free(d->texts[i]);
        d->texts[i] = NULL;

        if (gh_test_random(seed, 5) > 0) {
            d->texts[i] = gh_test_random_document(seed, i, &outside);
        }
    }
}


static void
read_into(gh_policy_set_t *set, const directory_t *d, bool only_changed)
{
    for (unsigned i = 0; i < FILES; i++) {
        if (d->texts[i] != NULL && (d->changed[i] || !only_changed)) {
            gh_rc_t rc = gh_policy_set_file(set, path_of(i),
                                            gh_str(d->texts[i]), 1, NULL);

            assert_true(rc == GH_OK || rc == GH_INVALID);
        }
    }
}


/* What did not change, of what was kept. */
static void
take_into(gh_policy_set_t *set, const directory_t *d, gh_str_t bytes)
{
    gh_policy_parts_t parts;
    gh_policy_kept_t kept;

    if (bytes.data == NULL) {
        return;
    }

    assert_int_equal(gh_policy_parts_open(bytes, maker, &parts), GH_OK);

    while (gh_policy_parts_next(&parts, &kept)) {
        for (unsigned i = 0; i < FILES; i++) {
            if (!d->changed[i] && gh_str_eq(path_of(i), kept.path)) {
                assert_memory_equal(kept.mark, kept.path.data, kept.path.len);
                assert_int_equal(gh_policy_set_take(set, &kept, 1), GH_OK);
            }
        }
    }
}


static gh_policy_set_t *
new_set(void)
{
    gh_policy_set_t *set;

    assert_int_equal(gh_policy_set_create(gh_alloc_libc(), &set), GH_OK);

    return set;
}


/* Both are compiled: equal images, or equal complaints. */
static gh_rc_t
assert_same(gh_policy_set_t *a, gh_policy_set_t *b)
{
    static gh_policy_errors_t errors[2];
    gh_str_t images[2];
    gh_policy_set_t *sets[2] = { a, b };
    gh_rc_t rc[2];

    memset(errors, 0, sizeof(errors));

    for (int i = 0; i < 2; i++) {
        rc[i] = gh_policy_set_compile(sets[i], &gh_test_policy_env, 3, 4, sip,
                                      &images[i], &errors[i]);
    }

    assert_int_equal(rc[0], rc[1]);
    assert_int_equal(errors[0].n, errors[1].n);
    assert_memory_equal(errors[0].items, errors[1].items,
                        errors[0].n * sizeof(errors[0].items[0]));
    assert_int_equal(images[0].len, images[1].len);

    if (rc[0] == GH_OK) {
        assert_memory_equal(images[0].data, images[1].data, images[0].len);
    }

    free((void *) (uintptr_t) images[0].data);
    free((void *) (uintptr_t) images[1].data);

    return rc[0];
}


/* Each round is a start: what is there is the directory and what was kept
 * when all was valid for the last time. */
static unsigned
tell(uint32_t seed)
{
    directory_t d = { { NULL }, { false } };
    directory_t since = d;
    gh_str_t kept = { NULL, 0 };
    unsigned valid = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        gh_policy_set_t *fresh = new_set(), *set = new_set();

        edit(&d, &seed);

        for (unsigned i = 0; i < FILES; i++) {
            since.changed[i] = since.changed[i] || d.changed[i];
            since.texts[i] = d.texts[i];
        }

        read_into(fresh, &d, false);
        take_into(set, &since, kept);
        read_into(set, &since, kept.data != NULL);

        if (assert_same(fresh, set) == GH_OK) {
            gh_str_t bytes;

            assert_int_equal(
                gh_policy_parts_build(set, maker, mark, NULL, &bytes), GH_OK);
            valid++;
            gh_policy_set_destroy(set);
            free((void *) (uintptr_t) kept.data);
            kept = bytes;
            memset(since.changed, 0, sizeof(since.changed));

        } else {
            gh_policy_set_destroy(set);
        }

        gh_policy_set_destroy(fresh);
    }

    for (unsigned i = 0; i < FILES; i++) {
        free(d.texts[i]);
    }

    free((void *) (uintptr_t) kept.data);

    return valid;
}


static void
whatever_changed_the_image_is_that_of_a_fresh_reading(void **state)
{
    unsigned valid = 0;

    (void) state;

    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        valid += tell(seed);
    }

    /* both kinds are many */
    assert_in_range(valid, SEEDS * ROUNDS / 2, SEEDS * ROUNDS * 9 / 10);
}


/* The caller frees it. */
static gh_str_t
good_bytes(void)
{
    gh_str_t bytes;
    gh_policy_set_t *set = new_set();
    uint32_t seed = 1;
    char *text = gh_test_random_document(&seed, 0, &outside);

    assert_int_equal(
        gh_policy_set_file(set, path_of(0), gh_str(text), 1, NULL), GH_OK);
    assert_int_equal(gh_policy_parts_build(set, maker, mark, NULL, &bytes),
                     GH_OK);
    free(text);
    gh_policy_set_destroy(set);

    return bytes;
}


static void
damaged_bytes_are_not_believed(void **state)
{
    gh_policy_parts_t parts;
    gh_str_t bytes = good_bytes();
    char *room = malloc(bytes.len + 8);

    (void) state;
    assert_non_null(room);
    assert_int_equal(gh_policy_parts_open(bytes, maker, &parts), GH_OK);

    for (size_t i = 0; i < bytes.len; i++) {
        memcpy(room, bytes.data, bytes.len);
        room[i] = (char) (room[i] ^ 0x10);
        assert_int_equal(
            gh_policy_parts_open((gh_str_t){ room, bytes.len }, maker, &parts),
            GH_INVALID);
    }

    for (size_t len = 0; len < bytes.len; len++) {
        assert_int_equal(
            gh_policy_parts_open((gh_str_t){ bytes.data, len }, maker, &parts),
            GH_INVALID);
    }

    memset(room, 0, bytes.len + 8);
    memcpy(room, bytes.data, bytes.len);
    assert_int_equal(
        gh_policy_parts_open((gh_str_t){ room, bytes.len + 8 }, maker, &parts),
        GH_INVALID);

    free(room);
    free((void *) (uintptr_t) bytes.data);
}


static void
another_makers_bytes_are_not_believed(void **state)
{
    gh_policy_parts_t parts;
    gh_str_t bytes = good_bytes();

    (void) state;
    assert_int_equal(gh_policy_parts_open(bytes, stranger, &parts),
                     GH_INVALID);
    free((void *) (uintptr_t) bytes.data);
}


static void
what_is_broken_or_unknown_is_not_kept(void **state)
{
    gh_str_t bytes;
    gh_policy_set_t *set = new_set();

    (void) state;
    assert_int_equal(
        gh_policy_set_file(set, GH_STR("a"), GH_STR("{}"), 1, NULL), GH_OK);
    assert_int_equal(gh_policy_parts_build(set, maker, no_mark, NULL, &bytes),
                     GH_INVALID);
    assert_null(bytes.data);

    assert_int_equal(
        gh_policy_set_file(set, GH_STR("b"), GH_STR("{"), 1, NULL),
        GH_INVALID);
    assert_int_equal(gh_policy_parts_build(set, maker, mark, NULL, &bytes),
                     GH_INVALID);
    assert_null(bytes.data);

    gh_policy_set_destroy(set);
}


/* A file that was taken is replaced and dropped like any other. */
static void
a_file_that_was_taken_can_change_break_and_go(void **state)
{
    gh_str_t bytes = good_bytes();
    gh_policy_parts_t parts;
    gh_policy_kept_t kept;
    gh_policy_set_t *set = new_set();

    (void) state;
    assert_int_equal(gh_policy_parts_open(bytes, maker, &parts), GH_OK);
    assert_true(gh_policy_parts_next(&parts, &kept));
    assert_int_equal(gh_policy_set_take(set, &kept, 77), GH_OK);
    assert_int_equal(gh_policy_set_stamp(set, path_of(0)), 77);
    assert_int_equal(gh_policy_set_take(set, &kept, 78), GH_OK);
    assert_int_equal(gh_policy_set_stamp(set, path_of(0)), 78);

    assert_int_equal(
        gh_policy_set_file(set, path_of(0), GH_STR("{"), 79, NULL),
        GH_INVALID);
    assert_int_equal(gh_policy_set_stamp(set, path_of(0)), 79);
    assert_int_equal(gh_policy_set_take(set, &kept, 80), GH_OK);

    gh_policy_set_destroy(set);
    free((void *) (uintptr_t) bytes.data);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            whatever_changed_the_image_is_that_of_a_fresh_reading),
        cmocka_unit_test(damaged_bytes_are_not_believed),
        cmocka_unit_test(another_makers_bytes_are_not_believed),
        cmocka_unit_test(what_is_broken_or_unknown_is_not_kept),
        cmocka_unit_test(a_file_that_was_taken_can_change_break_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
