/*
 * Logins, sessions and replies while memory runs out inside OpenSSL and
 * jansson: nobody is logged out, and nothing believed, for want of memory.
 */

#include "gh_test_jwt.h"
#include "gh_test_scarce.h"

#include "gh_assertion.h"
#include "gh_login.h"
#include "gh_oidc.h"
#include "gh_session.h"

#define ROOT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define COOKIE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define NOW GH_TEST_NOW


static const uint8_t random_bytes[32] = { 1 };


static gh_secret_t
secret_of(void)
{
    gh_secret_t s = { .n = 0 };

    assert_int_equal(gh_secret_add(&s, GH_STR(ROOT)), GH_OK);

    return s;
}


typedef struct {
    gh_secret_t secret;
    char room[4096];
    gh_buf_t sealed;
} scene_t;


static gh_rc_t
seal_login(void *arg)
{
    scene_t *s = arg;
    const gh_login_t login = { .provider = GH_STR("p"),
                               .origin = GH_STR("o"),
                               .target = GH_STR("/"),
                               .began_at_s = NOW };

    s->sealed = GH_BUF(s->room);

    gh_rc_t rc = gh_login_seal(&s->secret, &login, GH_STR(COOKIE),
                               random_bytes, &s->sealed);

    assert_int_equal(rc == GH_OK, s->sealed.len > 0);

    return rc;
}


static gh_rc_t
open_login(void *arg)
{
    const scene_t *s = arg;
    char kept[GH_LOGIN_STATE_MAX];
    gh_buf_t room = GH_BUF(kept);
    gh_login_t login;

    return gh_login_open(&s->secret, gh_buf_str(&s->sealed), GH_STR(COOKIE),
                         NOW, &room, &login);
}


static void
a_login_is_neither_begun_by_halves_nor_called_forged(void **state)
{
    scene_t s = { .secret = secret_of() };

    (void) state;
    gh_test_scarce(seal_login, &s, GH_OK, GH_OK);
    assert_int_equal(seal_login(&s), GH_OK);
    gh_test_scarce(open_login, &s, GH_OK, GH_OK);
}


static gh_rc_t
seal_session(void *arg)
{
    scene_t *s = arg;
    gh_session_t session = { .provider = GH_STR("p"),
                             .issuer = GH_STR("i"),
                             .client_id = GH_STR("c"),
                             .host = GH_STR("h"),
                             .sub = GH_STR("1"),
                             .access_token = GH_STR("at") };

    s->sealed = GH_BUF(s->room);

    gh_rc_t rc = gh_session_seal(&s->secret, GH_STR("n"), &session,
                                 random_bytes, &s->sealed);

    assert_int_equal(rc == GH_OK, s->sealed.len > 0);

    return rc;
}


static gh_rc_t
open_session(void *arg)
{
    const scene_t *s = arg;
    gh_session_t session;
    gh_rc_t rc = gh_session_open(&s->secret, GH_STR("n"),
                                 gh_buf_str(&s->sealed), &session);

    if (rc == GH_OK) {
        assert_str(session.id, "p:1");
        assert_str(session.access_token, "at");
    }

    gh_session_clear(&session);

    return rc;
}


static void
nobody_is_logged_out_for_want_of_memory(void **state)
{
    scene_t s = { .secret = secret_of() };

    (void) state;
    gh_test_scarce(seal_session, &s, GH_OK, GH_OK);
    assert_int_equal(seal_session(&s), GH_OK);
    gh_test_scarce(open_session, &s, GH_OK, GH_OK);
    gh_test_json_is_scarce(true);
    gh_test_scarce(open_session, &s, GH_OK, GH_OK);
    gh_test_json_is_scarce(false);
}


static gh_rc_t
read_reply(void *arg)
{
    char room[64];
    gh_buf_t kept = GH_BUF(room);
    gh_oidc_reply_t reply;
    gh_str_t error;
    gh_rc_t rc = gh_oidc_reply_parse(
        200, GH_STR("{\"access_token\":\"at\",\"token_type\":\"Bearer\"}"),
        false, &kept, &reply, &error);

    (void) arg;
    assert_int_equal(rc == GH_OK, reply.document != NULL);
    gh_oidc_reply_clear(&reply);

    return rc;
}


static gh_rc_t
read_userinfo(void *arg)
{
    json_t *claims;
    const char *what;
    gh_rc_t rc = gh_userinfo_parse(200, GH_STR("application/json"),
                                   GH_STR("{\"sub\":\"1\"}"), GH_STR("1"),
                                   &claims, &what);

    (void) arg;
    assert_int_equal(rc == GH_OK, claims != NULL);
    json_decref(claims);

    return rc;
}


/* jansson drops letters, or worse, where a token above 16 bytes cannot grow;
 * so these hold none. */
static void
a_provider_is_not_blamed_for_want_of_memory(void **state)
{
    (void) state;
    gh_test_json_is_scarce(true);
    gh_test_scarce(read_reply, NULL, GH_OK, GH_OK);
    gh_test_scarce(read_userinfo, NULL, GH_OK, GH_OK);
    gh_test_json_is_scarce(false);
}


static gh_rc_t
check_hash(void *arg)
{
    const gh_id_token_rules_t rules = {
        .issuer = GH_STR("https://tokens.example.com"),
        .client_id = GH_STR("https://api.example.com"),
        .subject = GH_STR("alice"),
        .access_token = GH_STR("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"),
    };
    gh_jwt_t jwt = { .alg = GH_ALG_RS256, .header = json_object() };
    const char *what;
    gh_rc_t rc = gh_id_token_check(&jwt, arg, &rules, NOW, &what);

    assert_int_equal(rc == GH_OK, what == NULL);
    gh_jwt_clear(&jwt);

    return rc;
}


static void
a_hash_that_could_not_be_made_is_not_a_wrong_one(void **state)
{
    json_t *claims = json_loads(GH_TEST_CLAIMS, 0, NULL);

    (void) state;
    (void) json_object_set_new(claims, "iat", json_integer(NOW));
    (void) json_object_set_new(claims, "at_hash",
                               json_string("77QmUPtjPfzWtF2AnpK9RQ"));
    gh_test_scarce(check_hash, claims, GH_OK, GH_OK);
    json_decref(claims);
}


static gh_rc_t
post_with_key(void *arg)
{
    char form_room[4096], head_room[16];
    gh_buf_t form = GH_BUF(form_room), head = GH_BUF(head_room);
    const gh_oidc_client_t client = { .issuer = GH_STR("i"),
                                      .client_id = GH_STR("c"),
                                      .auth = GH_CLIENT_AUTH_KEY,
                                      .key = gh_test_key(GH_ALG_ES256),
                                      .key_alg = GH_ALG_ES256 };
    gh_oidc_post_t post = { &form, &head, random_bytes, NOW };
    gh_rc_t rc = gh_oidc_post_refresh(&client, GH_STR("t"), &post);

    (void) arg;
    assert_int_equal(rc == GH_OK, form.len > 0);

    return rc;
}


static gh_rc_t
assert_principal(void *arg)
{
    char room[4096];
    gh_buf_t out = GH_BUF(room);
    const gh_assertion_signer_t signer = {
        .key = { gh_test_key(GH_ALG_EDDSA), GH_ALG_EDDSA, GH_STR("k") },
        .issuer = GH_STR("i"),
        .audience = GH_STR("a"),
        .life_s = 60,
    };
    const gh_principal_t p = { .type = GH_PRINCIPAL_USER,
                               .id = GH_STR("p:1") };
    gh_rc_t rc = gh_assertion_build(&signer, &p, random_bytes, NOW, &out);

    (void) arg;
    assert_int_equal(rc == GH_OK, out.len > 0);

    return rc;
}


static void
what_could_not_be_signed_is_not_sent(void **state)
{
    (void) state;
    gh_test_scarce(post_with_key, NULL, GH_OK, GH_INVALID);
    gh_test_scarce(assert_principal, NULL, GH_OK, GH_INVALID);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_login_is_neither_begun_by_halves_nor_called_forged),
        cmocka_unit_test(nobody_is_logged_out_for_want_of_memory),
        cmocka_unit_test(a_provider_is_not_blamed_for_want_of_memory),
        cmocka_unit_test(a_hash_that_could_not_be_made_is_not_a_wrong_one),
        cmocka_unit_test(what_could_not_be_signed_is_not_sent),
    };

    if (!gh_test_scarce_begin()) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
