/*
 * Commands for Redis: whatever an argument holds, it stays one argument.
 */

#include "gh_test.h"

#include "gh_redis_command.h"


static void
arguments_stand_behind_their_length(void **state)
{
    char room[64];
    gh_buf_t out = GH_BUF(room);
    gh_str_t args[] = { GH_STR("GET"), GH_STR("a b") };

    (void) state;

    assert_int_equal(gh_redis_command_build(args, 2, &out), GH_OK);
    assert_int_equal(out.len, gh_redis_command_len(args, 2));
    assert_memory_equal(out.data, "*2\r\n$3\r\nGET\r\n$3\r\na b\r\n", out.len);
}


static void
no_byte_ends_an_argument_early(void **state)
{
    char room[128];
    gh_buf_t out = GH_BUF(room);
    gh_str_t args[] = { GH_STR("GET"), GH_STR("\r\nFLUSHALL\r\n\0%s%n"),
                        GH_STR("") };

    (void) state;

    assert_int_equal(gh_redis_command_build(args, 3, &out), GH_OK);
    assert_int_equal(out.len, gh_redis_command_len(args, 3));
    assert_memory_equal(
        out.data,
        "*3\r\n$3\r\nGET\r\n$17\r\n\r\nFLUSHALL\r\n\0%s%n\r\n$0\r\n\r\n",
        out.len);
}


static void
ten_and_a_hundred_bytes_take_more_digits(void **state)
{
    char room[2048], text[1000] = { 0 };

    (void) state;

    for (size_t len = 0; len <= 1000; len++) {
        gh_buf_t out = GH_BUF(room);
        gh_str_t arg = { text, len };

        assert_int_equal(gh_redis_command_build(&arg, 1, &out), GH_OK);
        assert_int_equal(out.len, gh_redis_command_len(&arg, 1));
    }
}


static void
what_does_not_fit_leaves_the_room_as_it_was(void **state)
{
    char room[19];
    gh_buf_t out = { room, 0, sizeof(room) };
    gh_str_t args[] = { GH_STR("GET"), GH_STR("k") };

    (void) state;

    assert_int_equal(gh_redis_command_len(args, 2), 20);
    assert_int_equal(gh_redis_command_build(args, 2, &out), GH_TOO_LONG);
    assert_int_equal(out.len, 0);
    assert_int_equal(gh_redis_command_build(args, 0, &out), GH_INVALID);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_stand_behind_their_length),
        cmocka_unit_test(no_byte_ends_an_argument_early),
        cmocka_unit_test(ten_and_a_hundred_bytes_take_more_digits),
        cmocka_unit_test(what_does_not_fit_leaves_the_room_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
