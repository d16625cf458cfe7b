/*
 * A set of policy files: what they say is found in the image, what they say
 * about each other must hold, and no failure leaves anything behind.
 */

#include "gh_test_policies.h"


static const gh_image_deployment_t *deployments_of(const gh_test_policies_t *t,
                                                   const char *service,
                                                   const char *version);
static gh_str_t first_of(const gh_test_policies_t *t, gh_span_t refs);
static gh_rc_t everything(const gh_alloc_t *a);


/* DESIGN's own sample, and every other member once. */
static const char plans[] =
    "{ '$schema': 'schema/policies.json', 'description': 'what people buy',\n"
    "  'plans': { 'gold': { 'limits': { 'second': '100r/s burst=200',\n"
    "                                   'month': '1000000r/month' },\n"
    "                       'services': ['orders'], 'owner': 'sales' },\n"
    "             'default': { 'limits': { 'minute': '60r/m' },\n"
    "                          'per': 'service' },\n"
    "             'anonymous': {} } }\n";

#define HASH_OF_ZEROS                                                         \
    "sha256:00000000000000000000000000000000000000000000000000000000000000"
#define HASH_A HASH_OF_ZEROS "0a"
#define HASH_B HASH_OF_ZEROS "0b"

static const char consumers[] =
    "{ 'consumers': {\n"
    "    'acme': {\n"
    "      'plan': 'gold', 'groups': ['partner'], 'name': 'Acme \\u00dcber',\n"
    "      'scopes': ['orders:read', 'orders:write'],\n"
    "      'email': 'api@acme.example', 'labels': { 'region': 'eu' },\n"
    "      'credentials': {\n"
    "        'api_keys': [\n"
    "          { 'id': '7f3a', 'hash': '" HASH_A "',\n"
    "            'expires': '2027-01-01T00:00:00Z' },\n"
    "          { 'id': '7f3b', 'hash': '" HASH_B "' } ],\n"
    "        'signatures': [\n"
    "          { 'keyid': 'acme-1', 'algorithm': 'hmac-sha256',\n"
    "            'secret': 'file:/s/good' },\n"
    "          { 'keyid': 'acme-2', 'algorithm': 'ed25519',\n"
    "            'public_key': 'file:/s/ed25519.pem' } ],\n"
    "        'tokens': [ { 'issuer': 'partners',\n"
    "                      'claims': { 'azp': 'acme' } } ] } },\n"
    "    'bob@example.com': {} } }\n";

static const char services[] =
    "{ 'services': { 'orders': {\n"
    "    'default_version': 'v2',\n"
    "    'version_from': ['path', 'header:API-Version', 'media-type'],\n"
    "    'strip_version': true,\n"
    "    'access': [ { 'methods': ['DELETE'], 'groups': ['admin'] },\n"
    "                { 'versions': ['v1'], 'consumers': ['acme'],\n"
    "                  'claims': { '/level': [1, true, 'x'] } } ],\n"
    "    'versions': {\n"
    "      'v1': { 'deployments': { 'main': { 'upstream': 'blue' } },\n"
    "              'deprecated': '2026-06-01', 'sunset': '2027-06-01',\n"
    "              'successor': 'v2', 'sticky': 'cookie',\n"
    "              'link': 'https://docs.example.com/v2' },\n"
    "      'v2': { 'deployments': {\n"
    "        'blue': { 'upstream': 'blue', 'initial_weight': '87.5%' },\n"
    "        'green': { 'upstream': 'green', 'initial_weight': '12.5%' } }\n"
    "    } } } } }\n";


static void
what_the_files_say_is_in_the_image(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies();
    uint8_t hash[GH_SHA256_LEN] = { [31] = 0x0a };

    assert_int_equal(gh_test_policies_file(t, "services.json", services),
                     GH_OK);
    assert_int_equal(gh_test_policies_file(t, "plans.json", plans), GH_OK);
    assert_int_equal(gh_test_policies_file(t, "consumers.json", consumers),
                     GH_OK);
    assert_int_equal(gh_test_policies_compile(t, &gh_test_policy_env), GH_OK);

    assert_int_equal(t->im.generation, 7);
    assert_int_equal(t->im.compiled_at_s, 1750000000);

    const gh_image_consumer_t *acme =
        gh_image_consumer(&t->im, GH_STR("acme"));

    assert_non_null(acme);
    assert_str(gh_image_str(&t->im, acme->display_name), "Acme \xc3\x9c"
                                                         "ber");
    assert_str(gh_image_str(&t->im, acme->email), "api@acme.example");
    assert_str(first_of(t, acme->groups), "partner");
    assert_int_equal(acme->scopes.n, 2);
    assert_str(first_of(t, acme->scopes), "orders:read");

    const gh_image_plan_t *gold = gh_image_plan(&t->im, acme->plan);

    assert_str(gh_image_str(&t->im, gold->name), "gold");
    assert_int_equal(gold->per_service, 0);
    assert_int_equal(gold->limits.n, 2);

    const gh_image_limit_t *limits = gh_image_at(&t->im, gold->limits);

    assert_str(gh_image_str(&t->im, limits[1].name), "month");
    assert_int_equal(limits[0].limit.burst, 200);
    assert_int_equal(limits[1].limit.kind, GH_LIMIT_QUOTA);

    const gh_image_key_t *key = gh_image_key(&t->im, hash);

    assert_non_null(key);
    assert_str(gh_image_str(&t->im, key->id), "7f3a");
    assert_int_equal(key->expires_at_s, 1798761600);
    assert_ptr_equal(gh_image_consumer_at(&t->im, key->consumer), acme);
    assert_int_equal(gh_image_key_by_id(&t->im, GH_STR("7f3b"))->expires_at_s,
                     0);

    gh_test_policies_end(t);
}


static void
reserved_plans_are_known_by_number(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies();

    (void) gh_test_policies_file(t, "a", services);
    (void) gh_test_policies_file(t, "b", plans);
    (void) gh_test_policies_file(t, "c", "{'consumers':{'acme':{}}}");
    assert_int_equal(gh_test_policies_compile(t, &gh_test_policy_env), GH_OK);

    const gh_image_plan_t *by_default =
        gh_image_plan(&t->im, t->im.plan_default);

    assert_str(gh_image_str(&t->im, by_default->name), "default");
    assert_int_equal(by_default->per_service, 1);
    assert_ptr_equal(gh_image_plan(&t->im, t->im.plan_anonymous),
                     gh_image_plan_named(&t->im, GH_STR("anonymous")));
    assert_int_equal(gh_image_consumer(&t->im, GH_STR("acme"))->plan,
                     GH_IMAGE_ABSENT);

    gh_test_policies_end(t);

    t = gh_test_policies_of("{}");
    assert_int_equal(t->im.plan_default, GH_IMAGE_ABSENT);
    assert_null(gh_image_plan(&t->im, t->im.plan_anonymous));
    gh_test_policies_end(t);
}


static void
services_have_versions_and_deployments(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies();

    (void) gh_test_policies_file(t, "a", services);
    (void) gh_test_policies_file(t, "b", "{'consumers':{'acme':{}}}");
    assert_int_equal(gh_test_policies_compile(t, &gh_test_policy_env), GH_OK);

    const gh_image_service_t *orders =
        gh_image_service(&t->im, GH_STR("orders"));
    const gh_image_version_from_t *from =
        gh_image_at(&t->im, orders->version_from);
    const gh_image_version_t *v1 =
        gh_image_version(&t->im, orders, GH_STR("v1"));
    const gh_image_version_t *v2 =
        gh_image_version(&t->im, orders, GH_STR("v2"));

    assert_int_equal(orders->strip_version, 1);
    assert_int_equal(orders->version_from.n, 3);
    assert_int_equal(from[0].from, GH_VERSION_FROM_PATH);
    assert_int_equal(from[1].from, GH_VERSION_FROM_HEADER);
    assert_str(gh_image_str(&t->im, from[1].header), "API-Version");
    assert_int_equal(from[2].from, GH_VERSION_FROM_MEDIA_TYPE);
    assert_true(orders->access.len > 0);
    assert_true(gh_rules_valid(gh_image_str(&t->im, orders->access)));

    assert_ptr_equal(gh_image_version_default(&t->im, orders), v2);
    assert_int_equal(v1->deprecated_at_s, 1780272000);
    assert_int_equal(v1->sunset_at_s, 1811808000);
    assert_str(gh_image_str(&t->im, v1->successor), "v2");
    assert_str(gh_image_str(&t->im, v1->link), "https://docs.example.com/v2");
    assert_int_equal(v1->sticky, GH_STICKY_COOKIE);
    assert_int_equal(v2->sticky, GH_STICKY_PRINCIPAL);
    assert_null(gh_image_version(&t->im, orders, GH_STR("v3")));

    const gh_image_deployment_t *first = deployments_of(t, "orders", "v2");

    assert_str(gh_image_str(&t->im, first[1].name), "green");
    assert_int_equal(first[0].initial_weight, 8750);
    assert_int_equal(first[1].initial_weight, 1250);
    assert_str(gh_image_str(&t->im, first[1].upstream), "green");
    assert_int_equal(deployments_of(t, "orders", "v1")->initial_weight,
                     GH_WEIGHT_ALL);

    gh_test_policies_end(t);
}


static void
access_rules_say_where_they_apply_and_what_must_hold(void **state)
{
    static const gh_str_t admin = { "admin", 5 };
    (void) state;
    gh_test_policies_t *t = gh_test_policies();
    json_t *claims = json_pack("{s:i}", "level", 1);
    gh_principal_t alice = { .type = GH_PRINCIPAL_CONSUMER };
    gh_subject_t asks = { &alice, GH_STR("GET"), GH_STR("v2") };

    (void) gh_test_policies_file(t, "s", services);
    (void) gh_test_policies_file(t, "c", "{'consumers':{'acme':{}}}");
    assert_int_equal(gh_test_policies_compile(t, &gh_test_policy_env), GH_OK);

    gh_str_t block = gh_image_str(
        &t->im, gh_image_service(&t->im, GH_STR("orders"))->access);

    assert_int_equal(gh_rules_require(block, &asks), GH_REASON_OK);

    asks.http_method = GH_STR("DELETE");
    assert_int_equal(gh_rules_require(block, &asks), GH_REASON_SERVICE_RULE);
    alice.groups = &admin;
    alice.n_groups = 1;
    assert_int_equal(gh_rules_require(block, &asks), GH_REASON_OK);

    asks.version = GH_STR("v1");
    assert_int_equal(gh_rules_require(block, &asks), GH_REASON_SERVICE_RULE);
    alice.consumer = GH_STR("acme");
    assert_int_equal(gh_rules_require(block, &asks), GH_REASON_SERVICE_RULE);
    alice.claims = claims;
    assert_int_equal(gh_rules_require(block, &asks), GH_REASON_OK);

    json_decref(claims);
    gh_test_policies_end(t);
}


static void
secrets_are_trimmed_and_bound_to_their_key_id(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies();

    (void) gh_test_policies_file(t, "p", "{'plans':{'gold':{}}}");
    (void) gh_test_policies_file(t, "c", consumers);
    assert_int_equal(gh_test_policies_compile(t, &gh_test_policy_env), GH_OK);

    const gh_image_signature_t *hmac =
        gh_image_signature(&t->im, GH_STR("acme-1"));
    const gh_image_signature_t *public_key =
        gh_image_signature(&t->im, GH_STR("acme-2"));

    assert_str(gh_image_str(&t->im, hmac->algorithm), "hmac-sha256");
    assert_str(gh_image_str(&t->im, hmac->key),
               "0123456789abcdef0123456789abcdef");
    assert_true(gh_str_starts(gh_image_str(&t->im, public_key->key),
                              GH_STR("-----BEGIN PUBLIC KEY-----")));

    /* F6: what was not read proves nothing */
    assert_int_equal(gh_test_policies_compile(t, NULL), GH_OK);
    assert_int_equal(t->im.n_signatures, 2);
    assert_int_equal(gh_image_signature_at(&t->im, 0)->key.len, 0);
    assert_null(gh_image_signature(&t->im, GH_STR("acme-1")));

    gh_test_policies_end(t);
}


/* JSON has many spellings for one text; the image has one. */
static void
escapes_are_understood_in_names_and_values(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies_of(
        "{'plans':{'g\\u006fld':{'limits':{'\\u0073':'1r\\/s'}}},"
        "'consumers':{'acme':{'pl\\u0061n':'\\u0067old',"
        "'groups':['\\u0061dmin'],'name':'\\ud83d\\ude00'}}}");
    const gh_image_consumer_t *acme =
        gh_image_consumer(&t->im, GH_STR("acme"));

    assert_ptr_equal(gh_image_plan(&t->im, acme->plan),
                     gh_image_plan_named(&t->im, GH_STR("gold")));
    assert_str(first_of(t, acme->groups), "admin");
    assert_str(gh_image_str(&t->im, acme->display_name), "\xf0\x9f\x98\x80");

    gh_test_policies_end(t);
}


/* A time of 0 stands for "never": what has long expired must not become
 * what never does. */
static void
the_beginning_of_time_is_not_never(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies_of(
        "{'consumers':{'a':{'credentials':{'api_keys':[{'id':'k1',"
        "'hash':'" HASH_A "','expires':'1970-01-01'}]}}}}");

    assert_int_equal(gh_image_key_at(&t->im, 0)->expires_at_s, 1);

    gh_test_policies_end(t);
}


static void
the_only_version_is_the_default(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies_of(
        "{'services':{'s':{'versions':{'v1':{'deployments':{'a':"
        "{'upstream':'blue'}}}}},'t':{'version_from':['path'],'versions':"
        "{'v1':{'deployments':{'a':{'upstream':'blue'}}},"
        "'v2':{'deployments':{'a':{'upstream':'blue'}}}}}}}");
    const gh_image_service_t *s = gh_image_service(&t->im, GH_STR("s"));
    const gh_image_service_t *two = gh_image_service(&t->im, GH_STR("t"));

    assert_ptr_equal(gh_image_version_default(&t->im, s),
                     gh_image_version(&t->im, s, GH_STR("v1")));
    assert_null(gh_image_version_default(&t->im, two));
    assert_ptr_not_equal(gh_image_version(&t->im, two, GH_STR("v1")),
                         gh_image_version(&t->im, s, GH_STR("v1")));

    gh_test_policies_end(t);
}


static void
no_memory_is_said_and_leaves_nothing_behind(void **state)
{
    (void) state;

    for (size_t n = 1;; n++) {
        gh_test_alloc_t *a = gh_test_alloc(n);
        gh_rc_t rc = everything(&a->alloc);

        assert_int_equal(rc, a->failed ? GH_NOMEM : GH_OK);

        if (!gh_test_alloc_end(a)) {
            assert_true(n > 50);
            break;
        }
    }
}


static gh_rc_t
everything(const gh_alloc_t *a)
{
    static const char *const texts[] = { plans, consumers, services,
                                         "{'plans':{'a':{'per':1}}}", "{}" };
    static const char *const paths[] = { "p", "c", "s", "x", "x" };
    gh_policy_set_t *set;
    gh_str_t image = { NULL, 0 };
    gh_rc_t rc = gh_policy_set_create(a, &set);

    for (size_t i = 0; rc == GH_OK && i < 5; i++) {
        char text[4096];
        size_t len = strlen(texts[i]);

        for (size_t j = 0; j < len; j++) {
            text[j] = texts[i][j] == '\'' ? '"' : texts[i][j];
        }

        rc = gh_policy_set_file(set, gh_str(paths[i]), (gh_str_t){ text, len },
                                1, NULL);

        if (i == 3 && rc == GH_INVALID) {
            rc = gh_policy_set_compile(set, &gh_test_policy_env, 1, 1,
                                       (const uint8_t *) "0123456789abcdef",
                                       &image, NULL);
            rc = rc == GH_INVALID ? GH_OK : rc;
        }
    }

    if (rc == GH_OK) {
        rc = gh_policy_set_compile(set, &gh_test_policy_env, 1, 1,
                                   (const uint8_t *) "0123456789abcdef",
                                   &image, NULL);
    }

    a->free(a->ctx, (void *) (uintptr_t) image.data);
    gh_policy_set_destroy(set);

    return rc;
}


static const gh_image_deployment_t *
deployments_of(const gh_test_policies_t *t, const char *service,
               const char *version)
{
    const gh_image_service_t *s = gh_image_service(&t->im, gh_str(service));
    const gh_image_version_t *v = gh_image_version(&t->im, s, gh_str(version));

    return gh_image_at(&t->im, v->deployments);
}


static gh_str_t
first_of(const gh_test_policies_t *t, gh_span_t refs)
{
    const gh_ref_t *first = gh_image_at(&t->im, refs);

    return gh_image_str(&t->im, first[0]);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_files_say_is_in_the_image),
        cmocka_unit_test(reserved_plans_are_known_by_number),
        cmocka_unit_test(services_have_versions_and_deployments),
        cmocka_unit_test(access_rules_say_where_they_apply_and_what_must_hold),
        cmocka_unit_test(secrets_are_trimmed_and_bound_to_their_key_id),
        cmocka_unit_test(escapes_are_understood_in_names_and_values),
        cmocka_unit_test(the_beginning_of_time_is_not_never),
        cmocka_unit_test(the_only_version_is_the_default),
        cmocka_unit_test(no_memory_is_said_and_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
