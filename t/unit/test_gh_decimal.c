/*
 * Numbers in decimal: what printf writes, for every number of digits.
 */

#include "gh_test.h"

#include <inttypes.h>
#include <stdio.h>

#include "gh_decimal.h"


static void
assert_written(uint64_t n)
{
    char text[GH_DECIMAL_MAX + 1], room[GH_DECIMAL_MAX + 1];
    int len = snprintf(text, sizeof(text), "%" PRIu64, n);

    memset(room, '#', sizeof(room));

    char *end = gh_decimal_put(room, n);

    assert_int_equal(end - room, len);
    assert_memory_equal(room, text, (size_t) len);
    assert_int_equal(*end, '#');
}


static void
numbers_around_each_power_of_ten_are_written_whole(void **state)
{
    (void) state;

    for (uint64_t n = 1;; n *= 10) {
        for (uint64_t beside = 0; beside < 20; beside++) {
            assert_written(n + beside);
            assert_written(n - beside);
        }

        if (n > UINT64_MAX / 10) {
            break;
        }
    }
}


static void
numbers_around_each_power_of_two_are_written_whole(void **state)
{
    (void) state;

    for (unsigned bit = 0; bit < 64; bit++) {
        assert_written((UINT64_C(1) << bit) - 1);
        assert_written(UINT64_C(1) << bit);
        assert_written((UINT64_C(1) << bit) + 1);
    }

    assert_written(UINT64_MAX);
}


static void
two_digits_keep_their_zero(void **state)
{
    (void) state;
    char room[2], text[16];

    for (uint32_t n = 0; n < 100; n++) {
        (void) snprintf(text, sizeof(text), "%02" PRIu32, n);
        gh_decimal_pair(room, n);
        assert_memory_equal(room, text, 2);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_around_each_power_of_ten_are_written_whole),
        cmocka_unit_test(numbers_around_each_power_of_two_are_written_whole),
        cmocka_unit_test(two_digits_keep_their_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
