/*
 * An operator's template of a page: what would break it is said when it is
 * read, and its style is allowed by its hash.
 */

#include "gh_test.h"

#include "gh_page.h"


static char room[GH_PAGE_STYLE_MAX];


static void
assert_refused(gh_page_t page, const char *text)
{
    gh_buf_t source = GH_BUF(room);
    const char *why = NULL;

    assert_int_equal(gh_page_template(page, gh_str(text), &source, &why),
                     GH_INVALID);
    assert_non_null(why);
    assert_int_equal(source.len, 0);
}


static void
a_style_is_allowed_by_its_hash(void **state)
{
    (void) state;
    gh_buf_t source = GH_BUF(room);
    const char *why;

    assert_int_equal(
        gh_page_template(GH_PAGE_LOGGED_OUT, GH_STR("<style></style>"),
                         &source, &why),
        GH_OK);
    /* of the empty text */
    assert_str(gh_buf_str(&source),
               "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='");
}


static void
a_page_without_style_allows_none(void **state)
{
    (void) state;
    gh_buf_t source = GH_BUF(room);
    const char *why;

    assert_int_equal(gh_page_template(GH_PAGE_LOGGED_OUT, GH_STR("{{text}}"),
                                      &source, &why),
                     GH_OK);
    assert_str(gh_buf_str(&source), "'none'");
}


static void
what_no_browser_would_show_is_refused(void **state)
{
    (void) state;

    assert_refused(GH_PAGE_LOGGED_OUT, "");
    assert_refused(GH_PAGE_LOGGED_OUT, "<ScRiPt>");
    assert_refused(GH_PAGE_LOGGED_OUT, "<p STYLE=x>");
    assert_refused(GH_PAGE_LOGGED_OUT, "<style media=print></style>");
    assert_refused(GH_PAGE_LOGGED_OUT, "<style>");
    assert_refused(GH_PAGE_LOGGED_OUT, "<style>{{</style>");
    assert_refused(GH_PAGE_LOGGED_OUT, "<style></style><style></style>");
    assert_refused(GH_PAGE_LOGGED_OUT, "\xc3");
}


static void
a_form_has_what_it_sends(void **state)
{
    (void) state;
    gh_buf_t source = GH_BUF(room);
    const char *why;

    assert_refused(GH_PAGE_LOGOUT_CONFIRM, "<form action={{link}}>");
    assert_refused(GH_PAGE_LOGOUT_CONFIRM, "{{token}}{{link}}");
    assert_refused(GH_PAGE_FORM_RESUME, "<form action={{link}}>");
    assert_refused(GH_PAGE_FORM_RESUME, "<form>{{fields}}");
    assert_int_equal(
        gh_page_template(GH_PAGE_FORM_RESUME,
                         GH_STR("<form action=\"{{link}}\">{{fields}}"),
                         &source, &why),
        GH_OK);
}


static void
room_that_is_too_small_is_left_as_it_was(void **state)
{
    (void) state;
    const char *why;

    for (size_t cap = 0; cap < 53; cap++) {
        gh_buf_t source = { room, 0, cap };

        assert_int_equal(
            gh_page_template(GH_PAGE_LOGGED_OUT, GH_STR("<style></style>"),
                             &source, &why),
            GH_TOO_LONG);
        assert_int_equal(source.len, 0);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_style_is_allowed_by_its_hash),
        cmocka_unit_test(a_page_without_style_allows_none),
        cmocka_unit_test(what_no_browser_would_show_is_refused),
        cmocka_unit_test(a_form_has_what_it_sends),
        cmocka_unit_test(room_that_is_too_small_is_left_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
