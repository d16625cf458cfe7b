/*
 * What is believed of a token endpoint's answer and of userinfo. Names
 * beginning with e or j and a number are rows of docs/threat-model.md; fapi
 * ones are modules of the certification.
 */

#include "gh_test.h"

#include "gh_oidc.h"

#include <stdlib.h>


static char said[128];


static gh_rc_t
parse(long status, const char *body, bool login, gh_oidc_reply_t *out)
{
    char room[64];
    gh_buf_t buf = GH_BUF(room);
    gh_str_t error = GH_STR("untouched");
    gh_rc_t rc =
        gh_oidc_reply_parse(status, gh_str(body), login, &buf, out, &error);

    assert_true(error.len < sizeof(said));
    memcpy(said, error.data, error.len);
    said[error.len] = '\0';
    assert_true((rc == GH_OK) == (error.len == 0));

    if (rc != GH_OK) {
        assert_null(out->document);
        assert_int_equal(out->access_token.len, 0);
    }

    return rc;
}


static gh_rc_t
judged(long status, const char *body, bool login)
{
    gh_oidc_reply_t reply;
    gh_rc_t rc = parse(status, body, login, &reply);

    gh_oidc_reply_clear(&reply);

    return rc;
}


static void
a_reply_is_taken_apart(void **state)
{
    gh_oidc_reply_t r;

    (void) state;
    assert_int_equal(
        parse(200,
              "{\"access_token\":\"at\",\"token_type\":\"Bearer\","
              "\"id_token\":\"a.b.c\",\"refresh_token\":\"rt\","
              "\"expires_in\":300,\"scope\":\"openid email\",\"x\":[]}",
              true, &r),
        GH_OK);
    assert_str(r.access_token, "at");
    assert_str(r.id_token, "a.b.c");
    assert_str(r.refresh_token, "rt");
    assert_str(r.scope, "openid email");
    assert_int_equal(r.expires_in_s, 300);
    gh_oidc_reply_clear(&r);
    gh_oidc_reply_clear(&r);
}


#define AT "\"access_token\":\"at\""
#define BEARER "\"token_type\":\"Bearer\""

static void
replies_are_judged(void **state)
{
    static const struct {
        const char *name;
        long status;
        const char *body;
        bool login;
        gh_rc_t rc;
    } rows[] = {
        { "fapi token-endpoint-response-without-expires_in", 200,
          "{" AT "," BEARER ",\"id_token\":\"i\"}", true, GH_OK },
        { "fapi token-type-case-insensitivity", 200,
          "{" AT ",\"token_type\":\"bEARER\",\"id_token\":\"i\"}", true,
          GH_OK },
        { "a refresh without id_token", 200, "{" AT "," BEARER "}", false,
          GH_OK },
        { "nulls", 200,
          "{" AT "," BEARER ",\"refresh_token\":null,\"expires_in\":null,"
          "\"scope\":null,\"id_token\":null}",
          false, GH_OK },
        { "digits as a string", 200,
          "{" AT "," BEARER ",\"expires_in\":\"300\"}", false, GH_OK },
        { "a fraction", 200, "{" AT "," BEARER ",\"expires_in\":300.5}", false,
          GH_OK },
        { "no id_token", 200, "{" AT "," BEARER "}", true, GH_INVALID },
        { "an empty id_token", 200, "{" AT "," BEARER ",\"id_token\":\"\"}",
          true, GH_INVALID },
        { "no access_token", 200, "{" BEARER ",\"id_token\":\"i\"}", true,
          GH_INVALID },
        { "an empty access_token", 200, "{\"access_token\":\"\"," BEARER "}",
          false, GH_INVALID },
        { "no token_type", 200, "{" AT "}", false, GH_INVALID },
        { "another token_type", 200, "{" AT ",\"token_type\":\"DPoP\"}", false,
          GH_INVALID },
        { "a token of two lines", 200,
          "{\"access_token\":\"a\\r\\nb\"," BEARER "}", false, GH_INVALID },
        { "a token beyond ASCII", 200,
          "{\"access_token\":\"\\u00e9\"," BEARER "}", false, GH_INVALID },
        { "a refresh_token of two lines", 200,
          "{" AT "," BEARER ",\"refresh_token\":\"a\\nb\"}", false,
          GH_INVALID },
        { "a refresh_token that is a number", 200,
          "{" AT "," BEARER ",\"refresh_token\":1}", false, GH_INVALID },
        { "negative life", 200, "{" AT "," BEARER ",\"expires_in\":-1}", false,
          GH_INVALID },
        { "life of words", 200, "{" AT "," BEARER ",\"expires_in\":\"soon\"}",
          false, GH_INVALID },
        { "life of an object", 200, "{" AT "," BEARER ",\"expires_in\":{}}",
          false, GH_INVALID },
        { "j5 an array", 200, "[{" AT "," BEARER "}]", false, GH_INVALID },
        { "j5 html", 200, "<html>", false, GH_INVALID },
        { "j5 nothing", 200, "", false, GH_INVALID },
        { "j5 twice", 200, "{" AT "," AT "," BEARER "}", false, GH_INVALID },
        { "j5 a tail", 200, "{" AT "," BEARER "} {}", false, GH_INVALID },
        { "j4 a redirect", 302, "{" AT "," BEARER "}", false, GH_INVALID },
        { "created", 201, "{" AT "," BEARER "}", false, GH_INVALID },
        { "away", 503, "{\"error\":\"server_error\"}", false, GH_INVALID },
        { "no status", 0, "{" AT "," BEARER "}", false, GH_INVALID },
        { "refused", 400, "{\"error\":\"invalid_grant\"}", false, GH_DENIED },
        { "refused", 401, "{\"error\":\"invalid_client\",\"x\":1}", true,
          GH_DENIED },
        { "refused but not so", 200, "{\"error\":\"invalid_grant\"}", false,
          GH_INVALID },
        { "refused with tokens", 400,
          "{\"error\":\"invalid_grant\"," AT "," BEARER "}", false,
          GH_DENIED },
        { "refused without words", 400, "{}", false, GH_INVALID },
        { "refused without words", 400, "{\"error\":\"\"}", false,
          GH_INVALID },
        { "refused without words", 400, "{\"error\":{}}", false, GH_INVALID },
        { "refused without words", 400, "nope", false, GH_INVALID },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        gh_rc_t rc = judged(rows[i].status, rows[i].body, rows[i].login);

        if (rc != rows[i].rc) {
            fail_msg("%s: %s: result %d, %s", rows[i].name, rows[i].body,
                     (int) rc, said);
        }
    }
}


static void
e22_a_providers_word_is_cut_and_harmless(void **state)
{
    (void) state;

    assert_int_equal(judged(400, "{\"error\":\"invalid_grant\"}", false),
                     GH_DENIED);
    assert_string_equal(said, "invalid_grant");

    assert_int_equal(
        judged(400, "{\"error\":\"a\\\"b'c`d\\\\e f\\ng\\u00e9\"}", false),
        GH_DENIED);
    assert_string_equal(said, "a?b?c?d?e?f?g??");

    assert_int_equal(judged(400,
                            "{\"error\":\"0123456789012345678901234567890123"
                            "456789012345678901234567890123456789\"}",
                            false),
                     GH_DENIED);
    assert_int_equal(strlen(said), 64);
}


static void
a_life_of_ages_is_ten_years(void **state)
{
    gh_oidc_reply_t r;

    (void) state;
    assert_int_equal(
        parse(200, "{" AT "," BEARER ",\"expires_in\":9e15}", false, &r),
        GH_OK);
    assert_int_equal(r.expires_in_s, 315360000);
    gh_oidc_reply_clear(&r);
}


static void
j5_a_reply_is_bounded_and_so_is_each_token(void **state)
{
    gh_oidc_reply_t r;
    char *body = malloc(GH_OIDC_REPLY_MAX + 2), room[64];
    gh_buf_t buf = GH_BUF(room);
    gh_str_t error;

    (void) state;
    memset(body, ' ', GH_OIDC_REPLY_MAX + 2);
    assert_int_equal(
        gh_oidc_reply_parse(200, (gh_str_t){ body, GH_OIDC_REPLY_MAX + 1 },
                            false, &buf, &r, &error),
        GH_INVALID);
    assert_str(error, "the reply is longer than 1 MB");

    for (size_t over = 0; over < 2; over++) {
        gh_buf_t text = { body, 0, GH_OIDC_REPLY_MAX };

        assert_int_equal(gh_buf_add(&text, GH_STR("{" AT "," BEARER
                                                  ",\"refresh_token\":\"")),
                         GH_OK);
        memset(body + text.len, 'x', GH_OIDC_TOKEN_MAX + over);
        text.len += GH_OIDC_TOKEN_MAX + over;
        assert_int_equal(gh_buf_add(&text, GH_STR("\"}")), GH_OK);
        assert_int_equal(gh_oidc_reply_parse(200, gh_buf_str(&text), false,
                                             &buf, &r, &error),
                         over == 0 ? GH_OK : GH_INVALID);
        gh_oidc_reply_clear(&r);
    }

    free(body);
}


static void
userinfo_is_about_the_same_person(void **state)
{
    static const struct {
        const char *name;
        long status;
        const char *type, *body, *sub;
        gh_rc_t rc;
    } rows[] = {
        { "-scope-userinfo-claims", 200, "application/json",
          "{\"sub\":\"1\",\"email\":\"a@b\"}", "1", GH_OK },
        { "parameters", 200, "Application/JSON ; charset=UTF-8",
          "{\"sub\":\"1\"}", "1", GH_OK },
        { "e27 -userinfo-invalid-sub", 200, "application/json",
          "{\"sub\":\"2\"}", "1", GH_DENIED },
        { "e27 a prefix", 200, "application/json", "{\"sub\":\"12\"}", "1",
          GH_DENIED },
        { "e27 no sub", 200, "application/json", "{}", "1", GH_DENIED },
        { "e27 a number", 200, "application/json", "{\"sub\":1}", "1",
          GH_DENIED },
        { "e27 nobody", 200, "application/json", "{\"sub\":\"\"}", "",
          GH_DENIED },
        { "j5 an array", 200, "application/json", "[{\"sub\":\"1\"}]", "1",
          GH_INVALID },
        { "j5 html", 200, "text/html", "{\"sub\":\"1\"}", "1", GH_INVALID },
        { "j5 no type", 200, "", "{\"sub\":\"1\"}", "1", GH_INVALID },
        { "signed", 200, "application/jwt", "a.b.c", "1", GH_INVALID },
        { "j5 garbage", 200, "application/json", "{\"sub\":\"1\"", "1",
          GH_INVALID },
        { "j5 twice", 200, "application/json", "{\"sub\":\"1\",\"sub\":\"1\"}",
          "1", GH_INVALID },
        { "refused", 401, "application/json", "{\"sub\":\"1\"}", "1",
          GH_INVALID },
        { "j4 a redirect", 302, "application/json", "{\"sub\":\"1\"}", "1",
          GH_INVALID },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *claims = NULL;
        const char *what = "untouched";
        gh_rc_t rc = gh_userinfo_parse(rows[i].status, gh_str(rows[i].type),
                                       gh_str(rows[i].body),
                                       gh_str(rows[i].sub), &claims, &what);

        if (rc != rows[i].rc) {
            fail_msg("%s: %s: result %d", rows[i].name, rows[i].body,
                     (int) rc);
        }

        assert_true((rc == GH_OK) == (claims != NULL));
        assert_true((rc == GH_OK) == (what == NULL));
        json_decref(claims);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_is_taken_apart),
        cmocka_unit_test(replies_are_judged),
        cmocka_unit_test(e22_a_providers_word_is_cut_and_harmless),
        cmocka_unit_test(a_life_of_ages_is_ten_years),
        cmocka_unit_test(j5_a_reply_is_bounded_and_so_is_each_token),
        cmocka_unit_test(userinfo_is_about_the_same_person),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
