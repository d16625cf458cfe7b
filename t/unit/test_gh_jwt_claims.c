/*
 * Claims against a policy (THREATS 1.D, D23 to D25 and D33): who made the
 * token, for whom, of which kind, and when it holds.
 */

#include "gh_test_jwt.h"

#define ISSUER "\"iss\":\"https://tokens.example.com\""
#define AUDIENCE "\"aud\":\"https://api.example.com\""
#define EXPIRES "\"exp\":1800000300"


static gh_reason_t
check_at(const char *header, const char *claims, const gh_jwt_policy_t *p,
         int64_t now_s)
{
    gh_reason_t reason = GH_REASON_OK;
    json_t *doc = NULL;
    gh_jwt_t jwt = { .header = NULL };

    assert_int_equal(gh_json_parse(gh_str(header), 8192, &jwt.header, NULL),
                     GH_OK);
    assert_int_equal(gh_json_parse(gh_str(claims), 8192, &doc, NULL), GH_OK);

    gh_rc_t rc = gh_jwt_check_claims(&jwt, doc, p, now_s, &reason);

    json_decref(doc);
    gh_jwt_clear(&jwt);
    assert_int_equal(rc, reason == GH_REASON_OK ? GH_OK : GH_DENIED);
    return reason;
}


/* Good claims and one more, for example "\"nbf\":7". */
static gh_reason_t
check_with(const char *more, const gh_jwt_policy_t *p)
{
    const char *claims =
        gh_test_text("{" ISSUER "," AUDIENCE "," EXPIRES ",%s}", more).data;

    return check_at("{\"alg\":\"ES256\"}", claims, p, GH_TEST_NOW);
}


/* The same with this for exp, or without. */
static gh_reason_t
check_exp(const char *exp)
{
    gh_jwt_policy_t policy = gh_test_policy();
    const char *claims = gh_test_text("{" ISSUER "," AUDIENCE "%s%s}",
                                      exp[0] != '\0' ? ",\"exp\":" : "", exp)
                             .data;

    return check_at("{\"alg\":\"ES256\"}", claims, &policy, GH_TEST_NOW);
}


static gh_reason_t
check_type(const char *header, const gh_jwt_policy_t *p)
{
    return check_at(header, GH_TEST_CLAIMS, p, GH_TEST_NOW);
}


#define assert_reason(got, expected)                                          \
    assert_str(gh_reason_info(got)->word, gh_reason_info(expected)->word.data)


static void
d23_exp_is_required_and_a_date(void **state)
{
    static const char *const wrong[] = {
        "",
        "\"9999999999\"",
        "1e300",
        "-1",
        "null",
        "true",
        "[1800000300]",
        "{}",
        "-0.5",
        "\"\"",
        "9007199254740993",
        "9223372036854775807",
        "1e16",
    };
    (void) state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_reason(check_exp(wrong[i]), GH_REASON_TOKEN_CLAIM);
    }

    assert_reason(check_exp("1800000300"), GH_REASON_OK);
    assert_reason(check_exp("1800000300.75"), GH_REASON_OK);
    assert_reason(check_exp("1.8000003e9"), GH_REASON_OK);
    assert_reason(check_exp("9007199254740992"), GH_REASON_OK);
}


static void
d23_a_token_ends_with_the_second_it_names(void **state)
{
    (void) state;
    gh_jwt_policy_t policy = gh_test_policy();

    assert_reason(check_exp("1800000000"), GH_REASON_TOKEN_EXPIRED);
    assert_reason(check_exp("1800000000.9"), GH_REASON_TOKEN_EXPIRED);
    assert_reason(check_exp("1800000001"), GH_REASON_OK);
    assert_reason(check_exp("0"), GH_REASON_TOKEN_EXPIRED);

    assert_reason(check_at("{}", GH_TEST_CLAIMS, &policy, 1800000299),
                  GH_REASON_OK);
    assert_reason(check_at("{}", GH_TEST_CLAIMS, &policy, 1800000300),
                  GH_REASON_TOKEN_EXPIRED);

    policy.skew_s = 30;
    assert_reason(check_at("{}", GH_TEST_CLAIMS, &policy, 1800000329),
                  GH_REASON_OK);
    assert_reason(check_at("{}", GH_TEST_CLAIMS, &policy, 1800000330),
                  GH_REASON_TOKEN_EXPIRED);
}


static void
d23_no_skew_is_larger_than_a_minute(void **state)
{
    (void) state;
    gh_jwt_policy_t policy = gh_test_policy();

    policy.skew_s = INT64_MAX;
    assert_reason(check_at("{}", GH_TEST_CLAIMS, &policy, 1800000359),
                  GH_REASON_OK);
    assert_reason(check_at("{}", GH_TEST_CLAIMS, &policy, 1800000360),
                  GH_REASON_TOKEN_EXPIRED);

    policy.skew_s = -100;
    assert_reason(check_at("{}", GH_TEST_CLAIMS, &policy, 1800000299),
                  GH_REASON_OK);
}


static void
d23_nbf_and_iat_are_not_in_the_future(void **state)
{
    (void) state;
    gh_jwt_policy_t policy = gh_test_policy();

    assert_reason(check_with("\"nbf\":1800000000", &policy), GH_REASON_OK);
    assert_reason(check_with("\"nbf\":1800000001", &policy),
                  GH_REASON_TOKEN_NOT_YET);
    assert_reason(check_with("\"iat\":1800000000.5", &policy), GH_REASON_OK);
    assert_reason(check_with("\"iat\":1800000001", &policy),
                  GH_REASON_TOKEN_NOT_YET);

    policy.skew_s = 60;
    assert_reason(check_with("\"nbf\":1800000060", &policy), GH_REASON_OK);
    assert_reason(check_with("\"nbf\":1800000061", &policy),
                  GH_REASON_TOKEN_NOT_YET);
    assert_reason(check_with("\"iat\":1800000060", &policy), GH_REASON_OK);
    assert_reason(check_with("\"iat\":1800000061", &policy),
                  GH_REASON_TOKEN_NOT_YET);
}


static void
d23_nbf_and_iat_are_dates(void **state)
{
    static const char *const names[] = { "nbf", "iat" };
    static const char *const wrong[] = { "\"1\"", "null",  "true",
                                         "-1",    "1e300", "[]" };
    (void) state;
    gh_jwt_policy_t policy = gh_test_policy();

    for (size_t i = 0; i < 2; i++) {
        for (size_t k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++) {
            const char *more =
                gh_test_text("\"%s\":%s", names[i], wrong[k]).data;

            assert_reason(check_with(more, &policy), GH_REASON_TOKEN_CLAIM);
        }
    }
}


static void
a_token_may_be_too_old_for_a_policy(void **state)
{
    (void) state;
    gh_jwt_policy_t policy = gh_test_policy();

    assert_reason(check_with("\"iat\":1", &policy), GH_REASON_OK);

    policy.max_age_s = 600;
    assert_reason(check_with("\"iat\":1799999400", &policy), GH_REASON_OK);
    assert_reason(check_with("\"iat\":1799999399", &policy),
                  GH_REASON_TOKEN_EXPIRED);
    assert_reason(check_with("\"x\":1", &policy), GH_REASON_TOKEN_CLAIM);

    policy.skew_s = 5;
    assert_reason(check_with("\"iat\":1799999395", &policy), GH_REASON_OK);
    assert_reason(check_with("\"iat\":1799999394", &policy),
                  GH_REASON_TOKEN_EXPIRED);
}


static gh_reason_t
check_issuer_is(const char *iss)
{
    gh_jwt_policy_t policy = gh_test_policy();
    const char *claims = gh_test_text("{%s%s" AUDIENCE "," EXPIRES "}", iss,
                                      iss[0] != '\0' ? "," : "")
                             .data;

    return check_at("{}", claims, &policy, GH_TEST_NOW);
}


static void
d24_the_issuer_is_exact(void **state)
{
    static const char *const wrong[] = {
        "",
        "\"iss\":\"\"",
        "\"iss\":null",
        "\"iss\":[\"https://tokens.example.com\"]",
        "\"iss\":\"https://tokens.example.com/\"",
        "\"iss\":\"https://tokens.example.co\"",
        "\"iss\":\"https://tokens.example.com.evil.test\"",
        "\"iss\":\"HTTPS://tokens.example.com\"",
        "\"iss\":\"http://tokens.example.com\"",
        "\"iss\":\" https://tokens.example.com\"",
        "\"ISS\":\"https://tokens.example.com\"",
    };
    (void) state;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_reason(check_issuer_is(wrong[i]), GH_REASON_TOKEN_ISSUER);
    }

    assert_reason(check_issuer_is(ISSUER), GH_REASON_OK);
    assert_reason(
        check_issuer_is("\"iss\":\"https:\\/\\/tokens.example.com\""),
        GH_REASON_OK);
}


static void
d24_a_policy_without_issuer_or_audience_admits_nobody(void **state)
{
    (void) state;
    gh_jwt_policy_t policy = gh_test_policy();

    policy.n_audiences = 0;
    assert_reason(check_type("{}", &policy), GH_REASON_TOKEN_AUDIENCE);

    policy = gh_test_policy();
    policy.issuer = (gh_str_t){ NULL, 0 };
    assert_reason(check_type("{}", &policy), GH_REASON_TOKEN_ISSUER);
    assert_reason(check_at("{}", "{\"iss\":\"\"," AUDIENCE "," EXPIRES "}",
                           &policy, GH_TEST_NOW),
                  GH_REASON_TOKEN_ISSUER);
}


static gh_reason_t
check_audience_is(const char *aud, const gh_jwt_policy_t *policy)
{
    const char *claims = gh_test_text("{" ISSUER "," EXPIRES "%s%s}",
                                      aud[0] != '\0' ? ",\"aud\":" : "", aud)
                             .data;

    return check_at("{}", claims, policy, GH_TEST_NOW);
}


static void
d24_the_audience_names_us_exactly(void **state)
{
    static const char *const wrong[] = {
        "",
        "\"\"",
        "[]",
        "[\"\"]",
        "null",
        "7",
        "true",
        "{}",
        "{\"https://api.example.com\":true}",
        "\"other\"",
        "[\"other\"]",
        "\"https://api.example.com/\"",
        "\"https://api.example.co\"",
        "\"https://api.example.com.evil.test\"",
        "\"xhttps://api.example.com\"",
        "\"HTTPS://API.EXAMPLE.COM\"",
        "\"https://api.example.com other\"",
        "\"https://api.example.com,other\"",
        "[[\"https://api.example.com\"]]",
        "[\"https://api.example.com\",7]",
        "[null,\"https://api.example.com\"]",
    };
    (void) state;
    gh_jwt_policy_t policy = gh_test_policy();

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_reason(check_audience_is(wrong[i], &policy),
                      GH_REASON_TOKEN_AUDIENCE);
    }

    assert_reason(check_audience_is("\"https://api.example.com\"", &policy),
                  GH_REASON_OK);
    assert_reason(
        check_audience_is("[\"other\",\"https://api.example.com\"]", &policy),
        GH_REASON_OK);
}


static void
any_audience_of_the_policy_will_do(void **state)
{
    static const gh_str_t audiences[] = { { "one", 3 },
                                          { "", 0 },
                                          { "two", 3 } };
    (void) state;
    gh_jwt_policy_t policy = gh_test_policy();

    policy.audiences = audiences;
    policy.n_audiences = 3;
    assert_reason(check_audience_is("\"two\"", &policy), GH_REASON_OK);
    assert_reason(check_audience_is("[\"x\",\"one\"]", &policy), GH_REASON_OK);
    assert_reason(check_audience_is("\"three\"", &policy),
                  GH_REASON_TOKEN_AUDIENCE);
    assert_reason(check_audience_is("\"\"", &policy),
                  GH_REASON_TOKEN_AUDIENCE);
}


/* Another issuer of ours, with a key we know, is still another issuer. */
static void
d24_another_issuers_good_token_is_refused(void **state)
{
    (void) state;
    gh_jwks_t *keys = gh_test_jwks_of(GH_ALG_ES256, "");
    gh_jwt_policy_t policy = gh_test_policy();
    gh_str_t token = gh_test_token(
        GH_ALG_ES256, NULL,
        "{\"iss\":\"https://other.example.com\"," AUDIENCE "," EXPIRES "}");

    assert_judged(token, keys, &policy, GH_REASON_TOKEN_ISSUER);
    policy.issuer = GH_STR("https://other.example.com");
    assert_judged(token, keys, &policy, GH_REASON_OK);
    gh_jwks_destroy(keys);
}


static void
d25_a_token_of_another_type_is_refused(void **state)
{
    static const char *const wrong[] = {
        "{\"typ\":\"dpop+jwt\"}",
        "{\"typ\":\"logout+jwt\"}",
        "{\"typ\":\"secevent+jwt\"}",
        "{\"typ\":\"id_token\"}",
        "{\"typ\":\"\"}",
        "{\"typ\":null}",
        "{\"typ\":7}",
        "{\"typ\":[\"JWT\"]}",
        "{\"typ\":\"JWT \"}",
        "{\"typ\":\"application/\"}",
        "{\"typ\":\"application/x/jwt\"}",
        "{\"typ\":\"text/jwt\"}",
        "{\"typ\":\"application/application/jwt\"}",
    };
    (void) state;
    gh_jwt_policy_t policy = gh_test_policy();

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_reason(check_type(wrong[i], &policy), GH_REASON_TOKEN_TYPE);
    }
}


static void
d25_types_have_no_case_and_imply_application(void **state)
{
    static const char *const right[] = {
        "{}",
        "{\"typ\":\"JWT\"}",
        "{\"typ\":\"jwt\"}",
        "{\"typ\":\"at+jwt\"}",
        "{\"typ\":\"AT+JWT\"}",
        "{\"typ\":\"application/at+jwt\"}",
        "{\"typ\":\"Application/JWT\"}",
    };
    (void) state;
    gh_jwt_policy_t policy = gh_test_policy();

    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        assert_reason(check_type(right[i], &policy), GH_REASON_OK);
    }
}


static void
d25_a_policy_says_which_types_it_takes(void **state)
{
    static const gh_str_t only[] = { { "application/at+jwt", 18 } };
    static const gh_str_t optional[] = { { "", 0 }, { "x/jwt", 5 } };
    (void) state;
    gh_jwt_policy_t policy = gh_test_policy();

    policy.types = only;
    policy.n_types = 1;
    assert_reason(check_type("{\"typ\":\"at+jwt\"}", &policy), GH_REASON_OK);
    assert_reason(check_type("{\"typ\":\"JWT\"}", &policy),
                  GH_REASON_TOKEN_TYPE);
    assert_reason(check_type("{}", &policy), GH_REASON_TOKEN_TYPE);

    policy.types = optional;
    policy.n_types = 2;
    assert_reason(check_type("{}", &policy), GH_REASON_OK);
    assert_reason(check_type("{\"typ\":\"\"}", &policy), GH_REASON_TOKEN_TYPE);
    assert_reason(check_type("{\"typ\":\"X/JWT\"}", &policy), GH_REASON_OK);
    assert_reason(check_type("{\"typ\":\"application/x/jwt\"}", &policy),
                  GH_REASON_TOKEN_TYPE);
    assert_reason(check_type("{\"typ\":\"JWT\"}", &policy),
                  GH_REASON_TOKEN_TYPE);
}


static void
d25_id_and_logout_tokens_are_no_access_tokens(void **state)
{
    static const char *const claims[] = {
        "\"nonce\":\"n\"",  "\"at_hash\":\"x\"",
        "\"c_hash\":\"x\"", "\"s_hash\":\"x\"",
        "\"nonce\":null",   "\"events\":{\"http://logout.example\":{}}",
    };
    (void) state;
    gh_jwt_policy_t policy = gh_test_policy();

    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        policy.refuse_id_tokens = true;
        assert_reason(check_with(claims[i], &policy), GH_REASON_TOKEN_TYPE);
        policy.refuse_id_tokens = false;
        assert_reason(check_with(claims[i], &policy), GH_REASON_OK);
    }

    policy.refuse_id_tokens = true;
    assert_reason(check_with("\"scope\":\"a\"", &policy), GH_REASON_OK);
}


static void
a_subject_is_a_string_or_not_there(void **state)
{
    (void) state;
    gh_jwt_policy_t policy = gh_test_policy();

    assert_reason(check_with("\"sub\":\"alice\"", &policy), GH_REASON_OK);
    assert_reason(check_with("\"x\":1", &policy), GH_REASON_OK);
    assert_reason(check_with("\"sub\":7", &policy), GH_REASON_TOKEN_CLAIM);
    assert_reason(check_with("\"sub\":null", &policy), GH_REASON_TOKEN_CLAIM);
    assert_reason(check_with("\"sub\":[\"alice\"]", &policy),
                  GH_REASON_TOKEN_CLAIM);
}


/* A cached token: time has passed, or another policy asks. */
static void
d33_a_cached_token_is_asked_again(void **state)
{
    static const gh_str_t elsewhere[] = { { "https://b.example.com", 21 } };
    (void) state;
    gh_jwt_policy_t policy = gh_test_policy();
    gh_reason_t reason = GH_REASON_OK;
    json_t *claims = NULL;

    assert_int_equal(
        gh_json_parse(GH_STR("{" ISSUER "," AUDIENCE "," EXPIRES
                             ",\"nbf\":1799999990,\"nonce\":\"n\"}"),
                      8192, &claims, NULL),
        GH_OK);
    assert_int_equal(gh_jwt_recheck(claims, &policy, GH_TEST_NOW, &reason),
                     GH_OK);
    assert_int_equal(reason, GH_REASON_OK);

    assert_int_equal(gh_jwt_recheck(claims, &policy, 1800000300, &reason),
                     GH_DENIED);
    assert_reason(reason, GH_REASON_TOKEN_EXPIRED);

    /* the clock was set back */
    assert_int_equal(gh_jwt_recheck(claims, &policy, 1799999989, &reason),
                     GH_DENIED);
    assert_reason(reason, GH_REASON_TOKEN_NOT_YET);

    policy.refuse_id_tokens = true;
    assert_int_equal(gh_jwt_recheck(claims, &policy, GH_TEST_NOW, &reason),
                     GH_DENIED);
    assert_reason(reason, GH_REASON_TOKEN_TYPE);

    policy = gh_test_policy();
    policy.audiences = elsewhere;
    assert_int_equal(gh_jwt_recheck(claims, &policy, GH_TEST_NOW, &reason),
                     GH_DENIED);
    assert_reason(reason, GH_REASON_TOKEN_AUDIENCE);

    policy = gh_test_policy();
    policy.issuer = GH_STR("https://b.example.com");
    assert_int_equal(gh_jwt_recheck(claims, &policy, GH_TEST_NOW, &reason),
                     GH_DENIED);
    assert_reason(reason, GH_REASON_TOKEN_ISSUER);
    json_decref(claims);
}


/* Its span says the same as asking it each second. */
static void
d33_a_cached_token_needs_no_asking_within_its_span(void **state)
{
    static const char *const times[] = {
        "",
        ",\"nbf\":1799999990",
        ",\"iat\":1799999995",
        ",\"nbf\":1799999990,\"iat\":1799999980",
        ",\"nbf\":1799999970,\"iat\":1799999980.5",
    };
    (void) state;

    for (size_t i = 0; i < 4 * sizeof(times) / sizeof(times[0]); i++) {
        gh_jwt_policy_t policy = gh_test_policy();
        char text[512];
        int64_t from_s, until_s;
        json_t *claims = NULL;

        policy.skew_s = i & 1 ? 7 : 0;
        policy.max_age_s = i & 2 && i >= 8 ? 30 : 0;

        (void) snprintf(text, sizeof(text), "{" ISSUER "," AUDIENCE ",%s%s}",
                        "\"exp\":1800000050", times[i / 4]);
        assert_int_equal(gh_json_parse(gh_str(text), 8192, &claims, NULL),
                         GH_OK);
        gh_jwt_span(claims, &policy, &from_s, &until_s);

        for (int64_t now_s = 1799999900; now_s < 1800000100; now_s++) {
            gh_reason_t reason = GH_REASON_OK;
            bool passes =
                gh_jwt_recheck(claims, &policy, now_s, &reason) == GH_OK;

            assert_int_equal(passes, from_s <= now_s && now_s < until_s);
        }

        json_decref(claims);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(d23_exp_is_required_and_a_date),
        cmocka_unit_test(d23_a_token_ends_with_the_second_it_names),
        cmocka_unit_test(d23_no_skew_is_larger_than_a_minute),
        cmocka_unit_test(d23_nbf_and_iat_are_not_in_the_future),
        cmocka_unit_test(d23_nbf_and_iat_are_dates),
        cmocka_unit_test(a_token_may_be_too_old_for_a_policy),
        cmocka_unit_test(d24_the_issuer_is_exact),
        cmocka_unit_test(
            d24_a_policy_without_issuer_or_audience_admits_nobody),
        cmocka_unit_test(d24_the_audience_names_us_exactly),
        cmocka_unit_test(any_audience_of_the_policy_will_do),
        cmocka_unit_test(d24_another_issuers_good_token_is_refused),
        cmocka_unit_test(d25_a_token_of_another_type_is_refused),
        cmocka_unit_test(d25_types_have_no_case_and_imply_application),
        cmocka_unit_test(d25_a_policy_says_which_types_it_takes),
        cmocka_unit_test(d25_id_and_logout_tokens_are_no_access_tokens),
        cmocka_unit_test(a_subject_is_a_string_or_not_there),
        cmocka_unit_test(d33_a_cached_token_is_asked_again),
        cmocka_unit_test(d33_a_cached_token_needs_no_asking_within_its_span),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
