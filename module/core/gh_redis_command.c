/*
 * Commands for Redis, formatted by length and by nothing else.
 */

#include "gh_redis_command.h"


static size_t digits(size_t n);


size_t
gh_redis_command_len(const gh_str_t *args, size_t n)
{
    size_t len = 1 + digits(n) + 2;

    for (size_t i = 0; i < n; i++) {
        len += 1 + digits(args[i].len) + 2 + args[i].len + 2;
    }

    return len;
}


static size_t
digits(size_t n)
{
    size_t d = 1;

    while (n >= 10) {
        n /= 10;
        d++;
    }

    return d;
}


gh_rc_t
gh_redis_command_build(const gh_str_t *args, size_t n, gh_buf_t *out)
{
    if (n == 0) {
        return GH_INVALID;
    }

    if (out->cap - out->len < gh_redis_command_len(args, n)) {
        return GH_TOO_LONG;
    }

    (void) gh_buf_add_char(out, '*');
    (void) gh_buf_add_u64(out, n);
    (void) gh_buf_add(out, GH_STR("\r\n"));

    for (size_t i = 0; i < n; i++) {
        (void) gh_buf_add_char(out, '$');
        (void) gh_buf_add_u64(out, args[i].len);
        (void) gh_buf_add(out, GH_STR("\r\n"));
        (void) gh_buf_add(out, args[i]);
        (void) gh_buf_add(out, GH_STR("\r\n"));
    }

    return GH_OK;
}
