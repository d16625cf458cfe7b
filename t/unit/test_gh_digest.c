/*
 * Content-Digest: the examples of RFC 9530 and RFC 9421, and what is no
 * proof of a body.
 */

#include "gh_test.h"

#include "gh_digest.h"

/* RFC 9421 appendix B.2, the body {"hello": "world"} */
#define HELLO "{\"hello\": \"world\"}"
#define HELLO_512                                                             \
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu"  \
    "7BNNyealdVLvRwEmTHWXvJwew==:"
/* RFC 9530 appendix B.1 and B.4: with a newline at its end; nothing */
#define HELLO_LINE_256 "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
#define NOTHING_256 "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
#define HELLO_256 "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"


static gh_rc_t
checked(const char *field, const char *body)
{
    gh_digest_t d;
    gh_rc_t rc = gh_digest_parse(gh_str(field), &d);

    if (rc != GH_OK) {
        return rc;
    }

    for (size_t i = 0; body[i] != '\0'; i++) {
        gh_digest_update(&d, (gh_str_t){ body + i, 1 });
    }

    return gh_digest_final(&d);
}


static void
the_specifications_digests_are_their_bodies(void **state)
{
    (void) state;
    assert_int_equal(checked(HELLO_512, HELLO), GH_OK);
    assert_int_equal(checked(HELLO_256, HELLO), GH_OK);
    assert_int_equal(checked(HELLO_LINE_256, HELLO "\n"), GH_OK);
    assert_int_equal(checked(NOTHING_256, ""), GH_OK);
}


static void
another_body_is_denied(void **state)
{
    (void) state;
    assert_int_equal(checked(HELLO_512, HELLO " "), GH_DENIED);
    assert_int_equal(checked(HELLO_256, ""), GH_DENIED);
    assert_int_equal(checked(HELLO_LINE_256, HELLO), GH_DENIED);
    assert_int_equal(checked(NOTHING_256, "x"), GH_DENIED);
}


static void
every_digest_that_is_known_must_hold(void **state)
{
    (void) state;
    assert_int_equal(checked(HELLO_256 ", " HELLO_512, HELLO), GH_OK);
    assert_int_equal(checked(HELLO_LINE_256 ", " HELLO_512, HELLO), GH_DENIED);
    assert_int_equal(checked(NOTHING_256 "," HELLO_512, ""), GH_DENIED);
    assert_int_equal(checked("md5=:YWJj:, " HELLO_256 ";x=1", HELLO), GH_OK);
}


static void
what_cannot_be_checked_is_said(void **state)
{
    (void) state;
    assert_int_equal(checked("", HELLO), GH_ABSENT);
    assert_int_equal(checked("md5=:YWJj:", HELLO), GH_ABSENT);
    assert_int_equal(checked("unixsum=:AA==:, sha=:AA==:", HELLO), GH_ABSENT);
    assert_int_equal(checked("sha-256=:YWJj:", HELLO), GH_INVALID);
    assert_int_equal(checked("sha-256=::", ""), GH_INVALID);
    assert_int_equal(checked("sha-256", HELLO), GH_INVALID);
    assert_int_equal(checked("md5=x", HELLO), GH_INVALID);
    assert_int_equal(checked("SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9"
                             "DBPE=",
                             HELLO),
                     GH_INVALID);
    assert_int_equal(checked(HELLO_256 ", " NOTHING_256, HELLO), GH_INVALID);
    assert_int_equal(checked(NOTHING_256 "," HELLO_256, HELLO), GH_INVALID);
}


static void
a_digest_is_built_as_it_is_read(void **state)
{
    char room[128];
    gh_buf_t out = GH_BUF(room);
    gh_buf_t small = { room, 0, sizeof(HELLO_256) - 2 };

    (void) state;
    assert_int_equal(gh_digest_build(GH_STR("sha-256"), gh_str(HELLO), &out),
                     GH_OK);
    assert_str(gh_buf_str(&out), HELLO_256);

    out.len = 0;
    assert_int_equal(gh_digest_build(GH_STR("sha-512"), gh_str(HELLO), &out),
                     GH_OK);
    assert_str(gh_buf_str(&out), HELLO_512);

    assert_int_equal(gh_digest_build(GH_STR("md5"), gh_str(HELLO), &out),
                     GH_INVALID);
    assert_int_equal(gh_digest_build(GH_STR("sha-256"), gh_str(HELLO), &small),
                     GH_TOO_LONG);
    assert_int_equal(small.len, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_specifications_digests_are_their_bodies),
        cmocka_unit_test(another_body_is_denied),
        cmocka_unit_test(every_digest_that_is_known_must_hold),
        cmocka_unit_test(what_cannot_be_checked_is_said),
        cmocka_unit_test(a_digest_is_built_as_it_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
