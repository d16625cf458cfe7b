/*
 * What a refusal tells the world, and that it tells no more.
 */

#include "gh_test.h"
#include "gh_reason.h"


static bool
same_outside(gh_reason_t a, gh_reason_t b)
{
    const gh_reason_info_t *x = gh_reason_info(a), *y = gh_reason_info(b);

    return x->status == y->status && gh_str_eq(x->type, y->type)
           && gh_str_eq(x->title, y->title) && gh_str_eq(x->detail, y->detail);
}


static void
every_reason_has_a_word_of_its_own_that_leads_back(void **state)
{
    (void) state;

    for (unsigned i = 0; i < GH_REASON_COUNT; i++) {
        const gh_reason_info_t *info = gh_reason_info((gh_reason_t) i);

        assert_true(info->word.len > 0);
        assert_int_equal(gh_reason_parse(info->word), i);

        for (size_t c = 0; c < info->word.len; c++) {
            assert_true(
                (info->word.data[c] >= 'a' && info->word.data[c] <= 'z')
                || info->word.data[c] == '_');
        }
    }
}


static void
words_are_the_names_in_the_code(void **state)
{
    (void) state;
    static const struct {
        gh_reason_t reason;
        const char *word;
    } cases[] = {
        { GH_REASON_NONE, "none" },
        { GH_REASON_OK, "ok" },
        { GH_REASON_ADMITTED, "admitted" },
        { GH_REASON_TARGET_AMBIGUOUS, "target_ambiguous" },
        { GH_REASON_HOST_MISMATCH, "host_mismatch" },
        { GH_REASON_VERSION_SUNSET, "version_sunset" },
        { GH_REASON_CREDENTIAL_MISSING, "credential_missing" },
        { GH_REASON_KEY_REVOKED, "key_revoked" },
        { GH_REASON_TOKEN_SIGNATURE, "token_signature" },
        { GH_REASON_TOKEN_CLAIM, "token_claim" },
        { GH_REASON_SIGNATURE_REPLAYED, "signature_replayed" },
        { GH_REASON_RULE_NONE, "rule_none" },
        { GH_REASON_PLAN_SERVICE, "plan_service" },
        { GH_REASON_QUOTA_EXHAUSTED, "quota_exhausted" },
        { GH_REASON_BAD_CREDENTIALS_LIMITED, "bad_credentials_limited" },
        { GH_REASON_NO_DEPLOYMENT, "no_deployment" },
        { GH_REASON_INTERNAL, "internal" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_str(gh_reason_info(cases[i].reason)->word, cases[i].word);
    }

    assert_int_equal(gh_reason_parse(GH_STR("no_such_word")), GH_REASON_NONE);
    assert_int_equal(gh_reason_parse(GH_STR("")), GH_REASON_NONE);
    assert_int_equal(gh_reason_parse(GH_STR("OK")), GH_REASON_NONE);
}


static void
only_the_four_that_let_through_admit(void **state)
{
    (void) state;

    for (unsigned i = 0; i < GH_REASON_COUNT; i++) {
        bool admits = i >= GH_REASON_OK && i <= GH_REASON_ADMITTED;

        assert_int_equal(gh_reason_admits((gh_reason_t) i), admits);
        assert_int_equal(gh_reason_info((gh_reason_t) i)->status == 0, admits);
    }
}


static void
no_decision_and_no_such_reason_are_internal_errors(void **state)
{
    (void) state;

    assert_int_equal(gh_reason_info(GH_REASON_NONE)->status, 500);
    assert_ptr_equal(gh_reason_info(GH_REASON_COUNT),
                     gh_reason_info(GH_REASON_INTERNAL));
    assert_ptr_equal(gh_reason_info((gh_reason_t) 100000),
                     gh_reason_info(GH_REASON_INTERNAL));
    assert_false(gh_reason_admits(GH_REASON_COUNT));
    assert_false(gh_reason_admits((gh_reason_t) 100000));
}


static void
F3_all_failed_credentials_look_alike(void **state)
{
    (void) state;

    for (unsigned i = GH_REASON_CREDENTIAL_MISSING;
         i <= GH_REASON_SIGNATURE_REPLAYED; i++)
    {
        assert_true(
            same_outside((gh_reason_t) i, GH_REASON_CREDENTIAL_MISSING));
        assert_int_equal(gh_reason_info((gh_reason_t) i)->status, 401);
    }
}


static void
all_refusals_by_rule_look_alike(void **state)
{
    (void) state;

    for (unsigned i = GH_REASON_RULE_NONE; i <= GH_REASON_PLAN_SERVICE; i++) {
        assert_true(same_outside((gh_reason_t) i, GH_REASON_RULE_NONE));
        assert_int_equal(gh_reason_info((gh_reason_t) i)->status, 403);
    }
}


static void
whatever_could_not_be_decided_looks_alike(void **state)
{
    (void) state;

    for (unsigned i = GH_REASON_STORE_UNAVAILABLE; i <= GH_REASON_OVERLOADED;
         i++) {
        assert_true(
            same_outside((gh_reason_t) i, GH_REASON_STORE_UNAVAILABLE));
        assert_int_equal(gh_reason_info((gh_reason_t) i)->status, 503);
    }

    assert_int_equal(gh_reason_info(GH_REASON_INTERNAL)->status, 500);
}


static void
rate_and_quota_are_told_apart(void **state)
{
    (void) state;
    const gh_reason_info_t *rate = gh_reason_info(GH_REASON_RATE_LIMITED);
    const gh_reason_info_t *quota = gh_reason_info(GH_REASON_QUOTA_EXHAUSTED);

    assert_int_equal(rate->status, 429);
    assert_int_equal(quota->status, 429);
    assert_int_equal(gh_reason_info(GH_REASON_BAD_CREDENTIALS_LIMITED)->status,
                     429);
    assert_true(gh_str_eq(rate->title, quota->title));
    assert_false(gh_str_eq(rate->type, quota->type));
    assert_false(gh_str_eq(rate->detail, quota->detail));
    assert_int_equal(gh_reason_info(GH_REASON_COST_ABOVE_LIMIT)->status, 429);
    assert_false(gh_str_eq(rate->type,
                           gh_reason_info(GH_REASON_COST_ABOVE_LIMIT)->type));
}


static void
requests_that_lead_nowhere_say_why(void **state)
{
    (void) state;

    assert_int_equal(gh_reason_info(GH_REASON_TARGET_AMBIGUOUS)->status, 400);
    assert_int_equal(gh_reason_info(GH_REASON_HEADER_AMBIGUOUS)->status, 400);
    assert_int_equal(gh_reason_info(GH_REASON_VERSION_CONFLICT)->status, 400);
    assert_int_equal(gh_reason_info(GH_REASON_HOST_MISMATCH)->status, 421);
    assert_int_equal(gh_reason_info(GH_REASON_SERVICE_UNKNOWN)->status, 404);
    assert_int_equal(gh_reason_info(GH_REASON_VERSION_UNKNOWN)->status, 404);
    assert_int_equal(gh_reason_info(GH_REASON_VERSION_SUNSET)->status, 410);
    assert_false(
        same_outside(GH_REASON_TARGET_AMBIGUOUS, GH_REASON_HEADER_AMBIGUOUS));
}


static void
every_refusal_has_texts_that_need_no_escaping(void **state)
{
    (void) state;

    for (unsigned i = 0; i < GH_REASON_COUNT; i++) {
        const gh_reason_info_t *info = gh_reason_info((gh_reason_t) i);
        gh_str_t texts[] = { info->type, info->title, info->detail };

        for (size_t t = 0; t < sizeof(texts) / sizeof(*texts); t++) {
            assert_int_equal(texts[t].len == 0, info->status == 0);

            for (size_t c = 0; c < texts[t].len; c++) {
                assert_true(texts[t].data[c] >= ' '
                            && texts[t].data[c] <= '~');
                assert_null(strchr("\"\\<>&'", texts[t].data[c]));
            }
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_has_a_word_of_its_own_that_leads_back),
        cmocka_unit_test(words_are_the_names_in_the_code),
        cmocka_unit_test(only_the_four_that_let_through_admit),
        cmocka_unit_test(no_decision_and_no_such_reason_are_internal_errors),
        cmocka_unit_test(F3_all_failed_credentials_look_alike),
        cmocka_unit_test(all_refusals_by_rule_look_alike),
        cmocka_unit_test(whatever_could_not_be_decided_looks_alike),
        cmocka_unit_test(rate_and_quota_are_told_apart),
        cmocka_unit_test(requests_that_lead_nowhere_say_why),
        cmocka_unit_test(every_refusal_has_texts_that_need_no_escaping),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
