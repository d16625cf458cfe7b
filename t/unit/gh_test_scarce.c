/*
 * Puts allocators of its own into OpenSSL and jansson, for one program.
 */

#include "gh_test_scarce.h"

#include <stdlib.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/err.h>


static size_t calls, fails_at;
static bool json_is_scarce; /* jansson, too */


static bool
fails(void)
{
    return fails_at > 0 && ++calls == fails_at;
}


static void *
scarce_malloc(size_t size, const char *file, int line)
{
    (void) file, (void) line;
    return fails() ? NULL : malloc(size);
}


static void *
scarce_realloc(void *p, size_t size, const char *file, int line)
{
    (void) file, (void) line;
    return fails() ? NULL : realloc(p, size);
}


static void
plain_free(void *p, const char *file, int line)
{
    (void) file, (void) line;
    free(p);
}


static void *
json_scarce_malloc(size_t size)
{
    return json_is_scarce && fails() ? NULL : malloc(size);
}


bool
gh_test_scarce_begin(void)
{
    json_set_alloc_funcs(json_scarce_malloc, free);

    return CRYPTO_set_mem_functions(scarce_malloc, scarce_realloc, plain_free)
           == 1;
}


void
gh_test_json_is_scarce(bool scarce)
{
    json_is_scarce = scarce;
}


void
gh_test_scarce(gh_test_story_t story, void *arg, gh_rc_t expected,
               gh_rc_t also)
{
    bool came = true;
    size_t scarce = 0;

    /* what is made once per process is made before */
    assert_int_equal(story(arg), expected);

    for (size_t n = 1; came; n++) {
        calls = 0;
        fails_at = n;
        gh_rc_t rc = story(arg);
        came = calls >= n;
        fails_at = 0;

        if (rc == GH_NOMEM) {
            assert_true(came);
            scarce++;

        } else if (rc != expected && rc != also) {
            fail_msg("allocation %zu: result %d, expected %d", n, (int) rc,
                     (int) expected);
        }

        ERR_clear_error();
    }

    assert_true(scarce > 0);
}
