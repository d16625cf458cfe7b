/*
 * Message signatures: which fields are read, which label counts, what a
 * location requires, and that only the key's own algorithm proves anything
 * (THREATS F8, F10, F11).
 */

#include "gh_test_jwt.h"

#include "gh_bytes.h"
#include "gh_signature.h"

#include <stdlib.h>

#define NOW INT64_C(1800000000)
#define INPUT "sig=(\"@method\");created=1800000000;keyid=\"k\""


static const gh_str_t usual[] = {
    { "@method", 7 },
    { "@authority", 10 },
    { "@path", 5 },
    { "@query", 6 },
};

static gh_signature_policy_t
usual_policy(void)
{
    return (gh_signature_policy_t){ .components = usual,
                                    .n_components = 4,
                                    .digest = true,
                                    .skew_s = 60,
                                    .ahead_s = 5 };
}


static bool
is_ours(void *data, gh_str_t keyid)
{
    (void) data;

    return gh_str_starts(keyid, GH_STR("ours"));
}


static void
assert_read(const char *input, const char *signature, gh_rc_t expected)
{
    gh_signatures_t all;
    gh_rc_t rc = gh_signatures_parse(gh_str(input), gh_str(signature), &all);

    if (rc != expected) {
        fail_msg("%s, %s: %d instead of %d", input, signature, rc, expected);
    }
}


/* One signature of that inner list and parameters. */
static gh_signature_t
signature_of(const char *member)
{
    gh_signatures_t all;
    gh_str_t input = gh_test_text("sig=%s", member);

    assert_int_equal(gh_signatures_parse(input, GH_STR("sig=:YQ==:"), &all),
                     GH_OK);
    assert_int_equal(all.n, 1);

    return all.list[0];
}


static gh_reason_t
checked(const char *member, bool body)
{
    gh_signature_policy_t policy = usual_policy();
    gh_signature_t s = signature_of(member);
    gh_reason_t reason = GH_REASON_OK;
    gh_rc_t rc = gh_signature_check(&s, &policy, NOW, body, &reason);

    assert_int_equal(rc == GH_OK, reason == GH_REASON_OK);

    return reason;
}


static void
both_fields_are_read(void **state)
{
    gh_signatures_t all;

    (void) state;
    assert_int_equal(
        gh_signatures_parse(
            GH_STR("a=(\"@method\" \"date\");created=17;expires=18;"
                   "keyid=\"k\\\"1\";alg=\"ed25519\";nonce=\"n\";tag=\"t\";"
                   "later=?1, b=()"),
            GH_STR("b=:Yg==:, a=:YQ==:"), &all),
        GH_OK);
    assert_int_equal(all.n, 2);
    assert_str(all.list[0].label, "a");
    assert_str(all.list[0].components, "\"@method\" \"date\"");
    assert_str(all.list[0].value, "YQ==");
    assert_str(all.list[0].keyid, "k\\\"1");
    assert_str(all.list[0].alg, "ed25519");
    assert_str(all.list[0].nonce, "n");
    assert_str(all.list[0].tag, "t");
    assert_int_equal(all.list[0].created_at_s, 17);
    assert_int_equal(all.list[0].expires_at_s, 18);
    assert_str(all.list[1].label, "b");
    assert_str(all.list[1].value, "Yg==");
    assert_null(all.list[1].keyid.data);
    assert_false(all.list[1].created);
}


static void
F11_malformed_fields_are_refused(void **state)
{
    (void) state;
    assert_read(INPUT, "sig=:YQ==:", GH_OK);
    assert_read("", "", GH_INVALID);
    assert_read(INPUT, "", GH_INVALID);
    assert_read("", "sig=:YQ==:", GH_INVALID);
    assert_read(INPUT, "other=:YQ==:", GH_INVALID);
    assert_read(INPUT, "sig=:YQ==:, other=:YQ==:", GH_INVALID);
    assert_read(INPUT ", sig=()", "sig=:YQ==:", GH_INVALID);
    assert_read(INPUT ", " INPUT, "sig=:YQ==:, sig=:YQ==:", GH_INVALID);
    assert_read(INPUT, "sig=:YQ==:, sig=:YQ==:", GH_INVALID);
    assert_read(INPUT, "sig=::", GH_INVALID);
    assert_read(INPUT, "sig=\"YQ==\"", GH_INVALID);
    assert_read(INPUT, "sig=:YQ:", GH_INVALID);
    assert_read(INPUT, "sig=:YR==:", GH_INVALID);
    assert_read(INPUT, "sig", GH_INVALID);
    assert_read(INPUT ",", "sig=:YQ==:", GH_INVALID);
    assert_read("sig", "sig=:YQ==:", GH_INVALID);
    assert_read("sig=\"@method\"", "sig=:YQ==:", GH_INVALID);
    assert_read("sig=(\"@method\"", "sig=:YQ==:", GH_INVALID);
    assert_read("Sig=()", "Sig=:YQ==:", GH_INVALID);
    assert_read("sig=();created=\"1\"", "sig=:YQ==:", GH_INVALID);
    assert_read("sig=();created=1.5", "sig=:YQ==:", GH_INVALID);
    assert_read("sig=();created", "sig=:YQ==:", GH_INVALID);
    assert_read("sig=();created=1;created=2", "sig=:YQ==:", GH_INVALID);
    assert_read("sig=();expires=@1", "sig=:YQ==:", GH_INVALID);
    assert_read("sig=();keyid=k", "sig=:YQ==:", GH_INVALID);
    assert_read("sig=();keyid=\"a\";keyid=\"b\"", "sig=:YQ==:", GH_INVALID);
    assert_read("sig=();alg=ed25519", "sig=:YQ==:", GH_INVALID);
    assert_read("sig=();nonce=1", "sig=:YQ==:", GH_INVALID);
    assert_read("sig=();tag=?1", "sig=:YQ==:", GH_INVALID);
}


static void
labels_and_bytes_are_bounded(void **state)
{
    char inputs[GH_SIGNATURE_FIELD_MAX + 64], values[1024];
    gh_buf_t input = GH_BUF(inputs), value = GH_BUF(values);
    gh_signatures_t all;

    (void) state;

    for (int i = 0; i <= GH_SIGNATURE_LABELS_MAX; i++) {
        const char *comma = i > 0 ? "," : "";

        assert_int_equal(gh_buf_add_fmt(&input, "%sl%d=()", comma, i), GH_OK);
        assert_int_equal(gh_buf_add_fmt(&value, "%sl%d=:YQ==:", comma, i),
                         GH_OK);
        assert_int_equal(
            gh_signatures_parse(gh_buf_str(&input), gh_buf_str(&value), &all),
            i < GH_SIGNATURE_LABELS_MAX ? GH_OK : GH_TOO_LONG);
    }

    memset(inputs, ' ', sizeof(inputs));
    assert_int_equal(
        gh_signatures_parse((gh_str_t){ inputs, GH_SIGNATURE_FIELD_MAX + 1 },
                            GH_STR("sig=:YQ==:"), &all),
        GH_TOO_LONG);
}


static const gh_signature_t *
chosen(const char *input, const gh_signature_policy_t *policy,
       gh_rc_t expected)
{
    static gh_signatures_t all;
    const gh_signature_t *s = NULL;
    gh_str_t value = GH_STR("a=:YQ==:, b=:Yg==:, c=:Yw==:");

    assert_int_equal(gh_signatures_parse(gh_str(input), value, &all), GH_OK);
    assert_int_equal(gh_signature_choose(&all, policy, is_ours, NULL, &s),
                     expected);

    return s;
}


static void
F11_the_label_whose_key_is_ours_counts(void **state)
{
    gh_signature_policy_t any = { .skew_s = 1 };

    (void) state;
    assert_str(
        chosen("a=();keyid=\"x\", b=();keyid=\"ours\", c=()", &any, GH_OK)
            ->label,
        "b");
    assert_str(
        chosen("a=();keyid=\"x\", b=();keyid=\"y\", c=()", &any, GH_ABSENT)
            ->label,
        "a");
    (void) chosen("a=();keyid=\"ours\", b=();keyid=\"ours2\", c=()", &any,
                  GH_DENIED);
    (void) chosen("a=();keyid=\"ours\", b=();keyid=\"ours\", c=()", &any,
                  GH_DENIED);
}


static void
F11_only_the_wanted_label_or_tag_counts(void **state)
{
    static const char input[] = "a=();keyid=\"ours1\";tag=\"x\", "
                                "b=();keyid=\"ours2\";tag=\"y\", c=()";
    gh_signature_policy_t b = { .label = GH_STR("b") };
    gh_signature_policy_t c = { .label = GH_STR("c") };
    gh_signature_policy_t x = { .tag = GH_STR("x") };
    gh_signature_policy_t z = { .tag = GH_STR("z") };
    gh_signature_policy_t both = { .label = GH_STR("a"), .tag = GH_STR("y") };

    (void) state;
    assert_str(chosen(input, &b, GH_OK)->label, "b");
    assert_str(chosen(input, &c, GH_ABSENT)->label, "c");
    assert_str(chosen(input, &x, GH_OK)->label, "a");
    assert_null(chosen(input, &z, GH_ABSENT));
    assert_null(chosen(input, &both, GH_ABSENT));
}


#define FULL "(\"@method\" \"@authority\" \"@path\" \"@query\")"
#define WITH_DIGEST                                                           \
    "(\"@method\" \"@authority\" \"@path\" \"@query\" \"content-digest\""


static void
F8_what_a_location_requires_must_be_covered(void **state)
{
    (void) state;
    assert_int_equal(checked(FULL ";created=1800000000", false), GH_REASON_OK);
    assert_int_equal(checked("();created=1800000000", false),
                     GH_REASON_SIGNATURE_COVERAGE);
    assert_int_equal(
        checked("(\"@method\" \"@authority\" \"@path\");created=1800000000",
                false),
        GH_REASON_SIGNATURE_COVERAGE);
    assert_int_equal(
        checked("(\"@method\" \"@target-uri\");created=1800000000", false),
        GH_REASON_OK);
    assert_int_equal(checked("(\"@method\" \"@authority\" "
                             "\"@request-target\");created=1800000000",
                             false),
                     GH_REASON_OK);
    assert_int_equal(
        checked("(\"@method\" \"@request-target\");created=1800000000", false),
        GH_REASON_SIGNATURE_COVERAGE);
    assert_int_equal(checked("(\"@method\" \"@authority\" \"@path\" "
                             "\"@query-param\";name=\"a\");created=1800000000",
                             false),
                     GH_REASON_SIGNATURE_COVERAGE);
}


static void
F9_a_body_must_be_covered_by_its_digest(void **state)
{
    (void) state;
    assert_int_equal(checked(FULL ";created=1800000000", true),
                     GH_REASON_SIGNATURE_COVERAGE);
    assert_int_equal(checked(WITH_DIGEST ");created=1800000000", true),
                     GH_REASON_OK);
    assert_int_equal(checked(WITH_DIGEST ";sf);created=1800000000", true),
                     GH_REASON_OK);
    assert_int_equal(checked(WITH_DIGEST ";bs);created=1800000000", true),
                     GH_REASON_OK);
    assert_int_equal(
        checked(WITH_DIGEST ";key=\"sha-512\");created=1800000000", true),
        GH_REASON_OK);
    assert_int_equal(
        checked(WITH_DIGEST ";key=\"md5\");created=1800000000", true),
        GH_REASON_SIGNATURE_COVERAGE);
}


static void
F10_times_are_held_to_our_clock(void **state)
{
    (void) state;
    assert_int_equal(checked(FULL, false), GH_REASON_SIGNATURE_COVERAGE);
    assert_int_equal(checked(FULL ";expires=1800000100", false),
                     GH_REASON_SIGNATURE_COVERAGE);
    assert_int_equal(checked(FULL ";created=1799999940", false), GH_REASON_OK);
    assert_int_equal(checked(FULL ";created=1799999939", false),
                     GH_REASON_SIGNATURE_EXPIRED);
    assert_int_equal(checked(FULL ";created=1800000005", false), GH_REASON_OK);
    assert_int_equal(checked(FULL ";created=1800000006", false),
                     GH_REASON_SIGNATURE_NOT_YET);
    assert_int_equal(checked(FULL ";created=999999999999999", false),
                     GH_REASON_SIGNATURE_NOT_YET);
    assert_int_equal(checked(FULL ";created=-999999999999999", false),
                     GH_REASON_SIGNATURE_EXPIRED);
    assert_int_equal(
        checked(FULL ";created=1799999990;expires=1800000000", false),
        GH_REASON_SIGNATURE_EXPIRED);
    assert_int_equal(
        checked(FULL ";created=1799999990;expires=1800000001", false),
        GH_REASON_OK);
}


static void
F10_a_nonce_is_there_when_it_must_be(void **state)
{
    gh_signature_policy_t policy = { .skew_s = 60, .nonce_required = true };
    gh_reason_t reason = GH_REASON_OK;
    gh_signature_t none = signature_of("();created=1800000000");
    gh_signature_t empty = signature_of("();created=1800000000;nonce=\"\"");
    gh_signature_t one = signature_of("();created=1800000000;nonce=\"a\"");
    gh_signature_t longest =
        signature_of(gh_test_text("();created=1800000000;nonce=\"%0*d\"",
                                  GH_SIGNATURE_NONCE_MAX, 1)
                         .data);
    gh_signature_t too_long =
        signature_of(gh_test_text("();created=1800000000;nonce=\"%0*d\"",
                                  GH_SIGNATURE_NONCE_MAX + 1, 1)
                         .data);

    (void) state;
    assert_int_equal(gh_signature_check(&one, &policy, NOW, false, &reason),
                     GH_OK);
    assert_int_equal(
        gh_signature_check(&longest, &policy, NOW, false, &reason), GH_OK);
    assert_int_equal(gh_signature_check(&none, &policy, NOW, false, &reason),
                     GH_DENIED);
    assert_int_equal(reason, GH_REASON_SIGNATURE_NONCE);

    policy.nonce_required = false;
    assert_int_equal(gh_signature_check(&none, &policy, NOW, false, &reason),
                     GH_OK);
    assert_int_equal(gh_signature_check(&empty, &policy, NOW, false, &reason),
                     GH_DENIED);
    assert_int_equal(
        gh_signature_check(&too_long, &policy, NOW, false, &reason),
        GH_DENIED);
}


/* Base, signed by the test's own key for alg, and verified as `algorithm`. */
static gh_rc_t
round_trip(const char *algorithm, const char *alg_param, gh_str_t base,
           gh_str_t judged)
{
    char raw[GH_SIGNATURE_MAX];
    gh_alg_t alg = gh_signature_alg(gh_str(algorithm));
    gh_buf_t bytes = GH_BUF(raw);
    gh_reason_t reason = GH_REASON_OK;
    bool hmac = alg == GH_ALG_HS256;

    assert_int_equal(
        gh_signature_sign(alg, gh_test_secret(),
                          hmac ? NULL : gh_test_key(alg), base, &bytes),
        GH_OK);

    char text[2 * GH_SIGNATURE_MAX];
    gh_buf_t value = GH_BUF(text);

    assert_int_equal(gh_base64_encode(gh_buf_str(&bytes), &value), GH_OK);

    gh_signature_t s = { .value = gh_buf_str(&value) };

    if (alg_param != NULL) {
        s.alg = gh_str(alg_param);
    }

    gh_jwks_t *keys = hmac ? NULL : gh_test_jwks_of(alg, "k");
    gh_rc_t rc = gh_signature_verify(&s, gh_str(algorithm), gh_test_secret(),
                                     keys, judged, &reason);

    assert_int_equal(rc == GH_OK, reason == GH_REASON_OK);
    gh_jwks_destroy(keys);

    return rc;
}


static void
every_algorithm_signs_and_verifies(void **state)
{
    static const char *const names[] = {
        "hmac-sha256",       "ed25519",        "ecdsa-p256-sha256",
        "ecdsa-p384-sha384", "rsa-pss-sha512", "rsa-v1_5-sha256"
    };

    (void) state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        gh_str_t base = GH_STR("\"@signature-params\": ()");
        gh_str_t other = GH_STR("\"@signature-params\": (!");

        assert_int_equal(round_trip(names[i], NULL, base, base), GH_OK);
        assert_int_equal(round_trip(names[i], names[i], base, base), GH_OK);
        assert_int_equal(round_trip(names[i], NULL, base, other), GH_DENIED);
    }

    assert_int_equal(gh_signature_alg(GH_STR("none")), GH_ALG_NONE);
    assert_int_equal(gh_signature_alg(GH_STR("HMAC-SHA256")), GH_ALG_NONE);
    assert_int_equal(gh_signature_alg(GH_STR("")), GH_ALG_NONE);
}


/* RFC 9421 section 7.3.6. */
static void
F11_the_key_chooses_the_algorithm(void **state)
{
    gh_str_t base = GH_STR("base");

    (void) state;
    assert_int_equal(round_trip("ed25519", "hmac-sha256", base, base),
                     GH_DENIED);
    assert_int_equal(round_trip("hmac-sha256", "ed25519", base, base),
                     GH_DENIED);
    assert_int_equal(
        round_trip("rsa-pss-sha512", "rsa-v1_5-sha256", base, base),
        GH_DENIED);
    assert_int_equal(round_trip("ed25519", "", base, base), GH_DENIED);
}


static void
F6_an_empty_secret_proves_nothing(void **state)
{
    uint8_t mac[GH_SHA256_LEN];
    char text[64];
    gh_buf_t value = GH_BUF(text);
    gh_reason_t reason = GH_REASON_OK;

    (void) state;
    gh_hmac_sha256(GH_STR(""), GH_STR("base"), mac);
    assert_int_equal(
        gh_base64_encode((gh_str_t){ (char *) mac, sizeof(mac) }, &value),
        GH_OK);

    gh_signature_t s = { .value = gh_buf_str(&value) };

    assert_int_equal(gh_signature_verify(&s, GH_STR("hmac-sha256"), GH_STR(""),
                                         NULL, GH_STR("base"), &reason),
                     GH_DENIED);
}


static void
a_draft_is_what_signers_send(void **state)
{
    char room[512];
    gh_buf_t out = GH_BUF(room);
    gh_str_t parts[] = { GH_STR("@method"), GH_STR("@query-param;name=\"id\""),
                         GH_STR("content-digest") };
    gh_signature_draft_t draft = { .components = parts,
                                   .n_components = 3,
                                   .keyid = GH_STR("a\"b"),
                                   .alg = GH_STR("ed25519"),
                                   .nonce = GH_STR("n"),
                                   .created_at_s = 17,
                                   .expires_at_s = 18 };

    (void) state;
    assert_int_equal(gh_signature_draft(&draft, &out), GH_OK);
    assert_str(gh_buf_str(&out),
               "(\"@method\" \"@query-param\";name=\"id\" "
               "\"content-digest\");created=17;expires=18;keyid=\"a\\\"b\";"
               "alg=\"ed25519\";nonce=\"n\"");

    for (size_t cap = 0; cap < out.len; cap++) {
        char small[512];
        gh_buf_t little = { small, 0, cap };

        assert_int_equal(gh_signature_draft(&draft, &little), GH_TOO_LONG);
        assert_int_equal(little.len, 0);
    }

    parts[1] = GH_STR("@Method");
    out.len = 0;
    assert_int_equal(gh_signature_draft(&draft, &out), GH_INVALID);
    parts[1] = GH_STR("date\";x");
    assert_int_equal(gh_signature_draft(&draft, &out), GH_INVALID);
    draft.n_components = 1;
    draft.keyid = GH_STR("a\n");
    assert_int_equal(gh_signature_draft(&draft, &out), GH_INVALID);
}


static void
a_key_of_another_kind_does_not_sign(void **state)
{
    char raw[GH_SIGNATURE_MAX];
    gh_buf_t bytes = GH_BUF(raw);
    gh_str_t none = { NULL, 0 };

    (void) state;
    assert_int_equal(
        gh_signature_sign(GH_ALG_EDDSA, none, gh_test_key(GH_ALG_ES256),
                          GH_STR("x"), &bytes),
        GH_INVALID);
    assert_int_equal(
        gh_signature_sign(GH_ALG_EDDSA, none, NULL, GH_STR("x"), &bytes),
        GH_INVALID);
    assert_int_equal(
        gh_signature_sign(GH_ALG_HS256, none, NULL, GH_STR("x"), &bytes),
        GH_INVALID);
    assert_int_equal(bytes.len, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_fields_are_read),
        cmocka_unit_test(F11_malformed_fields_are_refused),
        cmocka_unit_test(labels_and_bytes_are_bounded),
        cmocka_unit_test(F11_the_label_whose_key_is_ours_counts),
        cmocka_unit_test(F11_only_the_wanted_label_or_tag_counts),
        cmocka_unit_test(F8_what_a_location_requires_must_be_covered),
        cmocka_unit_test(F9_a_body_must_be_covered_by_its_digest),
        cmocka_unit_test(F10_times_are_held_to_our_clock),
        cmocka_unit_test(F10_a_nonce_is_there_when_it_must_be),
        cmocka_unit_test(every_algorithm_signs_and_verifies),
        cmocka_unit_test(F11_the_key_chooses_the_algorithm),
        cmocka_unit_test(F6_an_empty_secret_proves_nothing),
        cmocka_unit_test(a_draft_is_what_signers_send),
        cmocka_unit_test(a_key_of_another_kind_does_not_sign),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
