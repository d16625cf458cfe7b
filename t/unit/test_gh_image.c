/*
 * The image as those see it who look things up: everything declared is
 * found, nothing else is, and a damaged image is not one.
 */

#include "gh_image_layout.h"
#include "gh_test_policies.h"

#include <stdlib.h>


typedef struct {
    char *bytes; /* aligned; opened from here */
    size_t len;
    gh_image_head_t *head;
    gh_image_t im;
} copy_t;


static void add_consumer(gh_buf_t *doc, const char *comma, unsigned i);
static void assert_is_found(const gh_image_t *im, unsigned i);
static copy_t copy_of(const gh_test_policies_t *t);
static gh_rc_t reopen(copy_t *c);
static void *record(copy_t *c, gh_image_region_t region, uint32_t i);
static const char *token_consumer(const gh_test_policies_t *t,
                                  const char *issuer, const char *claims);


static const char everything[] =
    "{ 'plans': { 'gold': { 'limits': { 's': '10r/s', 'd': '100r/day' },\n"
    "                       'services': ['b', 'a'] }, 'free': {} },\n"
    "  'consumers': { 'acme': { 'plan': 'gold', 'groups': ['g'],\n"
    "    'scopes': ['x'], 'name': 'Acme', 'email': 'a@b',\n"
    "    'credentials': {\n"
    "      'api_keys': [ { 'id': 'k1', 'hash': 'sha256:0102030405060708"
    "000000000000000000000000000000000000000000000000' } ],\n"
    "      'signatures': [ { 'keyid': 'k', 'algorithm': 'hmac-sha256',\n"
    "                        'secret': 'file:/s/good' } ],\n"
    "      'tokens': [ { 'issuer': 'partners',\n"
    "                    'claims': { 'azp': 'acme' } } ] } } },\n"
    "  'services': {\n"
    "    'a': { 'access': [ { 'groups': ['g'] } ],\n"
    "           'version_from': ['header:V'], 'default_version': 'v2',\n"
    "           'versions': {\n"
    "      'v1': { 'deployments': { 'x': { 'upstream': 'blue' } },\n"
    "              'successor': 'v2', 'link': '/docs' },\n"
    "      'v2': { 'deployments': { 'x': { 'upstream': 'green' } } } } },\n"
    "    'b': { 'versions': {\n"
    "      'v1': { 'deployments': { 'x': { 'upstream': 'blue' } } } } },\n"
    "    'c': { 'versions': {\n"
    "      'v1': { 'deployments': { 'x': { 'upstream': 'blue' } } } } } } }\n";


static void
any_damaged_byte_is_seen(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies_of(everything);
    copy_t c = copy_of(t);
    gh_image_t im;

    for (size_t i = 0; i < c.len; i++) {
        c.bytes[i] = (char) (c.bytes[i] ^ 0x10);
        assert_int_equal(gh_image_open(c.bytes, c.len, false, &im),
                         GH_INVALID);
        assert_null(im.base);
        c.bytes[i] = (char) (c.bytes[i] ^ 0x10);
    }

    assert_int_equal(gh_image_open(c.bytes, c.len, false, &im), GH_OK);

    free(c.bytes);
    gh_test_policies_end(t);
}


static void
a_part_of_an_image_is_none(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies_of(everything);
    gh_image_t im;

    for (size_t len = 0; len < t->image.len; len += 8) {
        char *part = malloc(len + 1);

        assert_non_null(part);
        memcpy(part, t->image.data, len);
        assert_int_equal(gh_image_open(part, len, true, &im), GH_INVALID);
        free(part);
    }

    /* nor is one that something follows, or that is not aligned */
    char *more = calloc(1, t->image.len + 8);

    assert_non_null(more);
    memcpy(more, t->image.data, t->image.len);
    assert_int_equal(gh_image_open(more, t->image.len + 8, true, &im),
                     GH_INVALID);
    memmove(more + 4, t->image.data, t->image.len);
    assert_int_equal(gh_image_open(more + 4, t->image.len, true, &im),
                     GH_INVALID);
    assert_int_equal(gh_image_open(NULL, 0, true, &im), GH_INVALID);

    free(more);
    gh_test_policies_end(t);
}


static void
another_layout_is_no_image(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies_of(everything);
    copy_t c = copy_of(t);

    c.head->magic++;
    assert_int_equal(reopen(&c), GH_INVALID);
    c.head->magic--;
    c.head->layout++;
    assert_int_equal(reopen(&c), GH_INVALID);
    c.head->layout--;
    assert_int_equal(reopen(&c), GH_OK);

    free(c.bytes);
    gh_test_policies_end(t);
}


/* Wrong records with a right checksum: somebody made them so. */
static void
no_record_leads_outside(void **state)
{
    (void) state;

#define WRONG(region, type, i, field, value)                                  \
    do {                                                                      \
        gh_test_policies_t *t = gh_test_policies_of(everything);              \
        copy_t c = copy_of(t);                                                \
        type *r = record(&c, region, i);                                      \
        r->field = value;                                                     \
        assert_int_equal(reopen(&c), GH_INVALID);                             \
        free(c.bytes);                                                        \
        gh_test_policies_end(t);                                              \
    } while (0)

    WRONG(GH_IMAGE_PLANS, gh_image_plan_t, 0, name.len, UINT32_MAX);
    WRONG(GH_IMAGE_PLANS, gh_image_plan_t, 0, name.off, 8);
    WRONG(GH_IMAGE_PLANS, gh_image_plan_t, 0, limits.n, 3);
    WRONG(GH_IMAGE_PLANS, gh_image_plan_t, 0, limits.off, 8);
    WRONG(GH_IMAGE_PLANS, gh_image_plan_t, 0, services.off,
          r->services.off + 1);
    WRONG(GH_IMAGE_PLANS, gh_image_plan_t, 1, services.off, UINT32_MAX);
    WRONG(GH_IMAGE_LIMITS, gh_image_limit_t, 0, limit.interval_ns, 0);
    WRONG(GH_IMAGE_LIMITS, gh_image_limit_t, 0, limit.burst, 0);
    WRONG(GH_IMAGE_LIMITS, gh_image_limit_t, 0, limit.kind, 2);
    WRONG(GH_IMAGE_LIMITS, gh_image_limit_t, 1, limit.period, 2);
    WRONG(GH_IMAGE_LIMITS, gh_image_limit_t, 1, limit.unit_s, 0);
    WRONG(GH_IMAGE_CONSUMERS, gh_image_consumer_t, 0, plan, 2);
    WRONG(GH_IMAGE_CONSUMERS, gh_image_consumer_t, 0, groups.n, 0x80000000);
    WRONG(GH_IMAGE_CONSUMERS, gh_image_consumer_t, 0, scopes.off, 1);
    WRONG(GH_IMAGE_CONSUMERS, gh_image_consumer_t, 0, email.off, 0);
    WRONG(GH_IMAGE_REFS, gh_ref_t, 0, len, 1u << 30);
    WRONG(GH_IMAGE_KEYS, gh_image_key_t, 0, consumer, 1);
    WRONG(GH_IMAGE_KEYS, gh_image_key_t, 0, id.off, UINT32_MAX);
    WRONG(GH_IMAGE_TOKENS, gh_image_token_t, 0, shape, 1);
    WRONG(GH_IMAGE_TOKENS, gh_image_token_t, 0, claims.n, 9);
    WRONG(GH_IMAGE_TOKENS, gh_image_token_t, 0, claims.n, 0x80000001);
    WRONG(GH_IMAGE_ISSUERS, gh_image_issuer_t, 0, shapes.n, 2);
    WRONG(GH_IMAGE_SHAPES, gh_image_shape_t, 0, claims.n, 9);
    WRONG(GH_IMAGE_SHAPES, gh_image_shape_t, 0, claims.off,
          r->claims.off + 16);
    WRONG(GH_IMAGE_SIGNATURES, gh_image_signature_t, 0, key.len, 33);
    WRONG(GH_IMAGE_SIGNATURES, gh_image_signature_t, 0, consumer, 1);
    WRONG(GH_IMAGE_SERVICES, gh_image_service_t, 0, index, 1);
    WRONG(GH_IMAGE_SERVICES, gh_image_service_t, 0, default_version, 2);
    WRONG(GH_IMAGE_SERVICES, gh_image_service_t, 0, versions.n, 0);
    WRONG(GH_IMAGE_SERVICES, gh_image_service_t, 0, access.off,
          r->access.off + 1);
    WRONG(GH_IMAGE_SERVICES, gh_image_service_t, 0, access.len, 1);
    WRONG(GH_IMAGE_VERSION_FROMS, gh_image_version_from_t, 0, from, 0);
    WRONG(GH_IMAGE_VERSIONS, gh_image_version_t, 0, index, 1);
    WRONG(GH_IMAGE_VERSIONS, gh_image_version_t, 0, sticky, 4);
    WRONG(GH_IMAGE_VERSIONS, gh_image_version_t, 0, deployments.n, 17);
    WRONG(GH_IMAGE_VERSIONS, gh_image_version_t, 1, deployments.n, 0);
    WRONG(GH_IMAGE_DEPLOYMENTS, gh_image_deployment_t, 0, index, 2);
    WRONG(GH_IMAGE_DEPLOYMENTS, gh_image_deployment_t, 0, initial_weight,
          10001);
#undef WRONG

    for (unsigned r = GH_IMAGE_PLAN_SLOTS; r < GH_IMAGE_REGIONS; r++) {
        gh_test_policies_t *t = gh_test_policies_of(everything);
        copy_t c = copy_of(t);
        uint32_t *slot = record(&c, r, 0);

        *slot = gh_image_count(&c.im, gh_image_slots_of(r));
        assert_int_equal(reopen(&c), GH_INVALID);
        free(c.bytes);
        gh_test_policies_end(t);
    }
}


static void
no_region_leads_outside(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies_of(everything);

    for (unsigned r = 0; r < GH_IMAGE_REGIONS; r++) {
        copy_t c = copy_of(t);

        c.head->regions[r].n += 0x10000000;
        assert_int_equal(reopen(&c), GH_INVALID);
        c.head->regions[r].n -= 0x10000000;
        c.head->regions[r].off += 1;
        assert_int_equal(reopen(&c), GH_INVALID);
        c.head->regions[r].off = 0;
        assert_int_equal(reopen(&c), GH_INVALID);
        free(c.bytes);
    }

    copy_t c = copy_of(t);

    c.head->plan_default = 2;
    assert_int_equal(reopen(&c), GH_INVALID);
    c.head->plan_default = 1;
    c.head->plan_anonymous = 0xfffffffe;
    assert_int_equal(reopen(&c), GH_INVALID);
    c.head->regions[GH_IMAGE_KEY_SLOTS].n = 3;
    c.head->plan_anonymous = 1;
    assert_int_equal(reopen(&c), GH_INVALID);

    free(c.bytes);
    gh_test_policies_end(t);
}


static void
a_table_without_a_free_slot_does_not_hang(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies_of(everything);
    copy_t c = copy_of(t);

    for (unsigned r = GH_IMAGE_PLAN_SLOTS; r < GH_IMAGE_REGIONS; r++) {
        memset(record(&c, r, 0), 0, 4 * gh_image_count(&c.im, r));
    }

    assert_int_equal(reopen(&c), GH_OK);
    assert_null(gh_image_consumer(&c.im, GH_STR("nobody")));
    assert_null(gh_image_key_by_id(&c.im, GH_STR("none")));
    assert_null(
        gh_image_version(&c.im, gh_image_service_at(&c.im, 2), GH_STR("v9")));

    free(c.bytes);
    gh_test_policies_end(t);
}


static void
a_plan_allows_the_services_it_names(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies_of(everything);
    const gh_image_t *im = &t->im;
    const gh_image_plan_t *gold = gh_image_plan_named(im, GH_STR("gold"));
    const gh_image_plan_t *all = gh_image_plan_named(im, GH_STR("free"));
    const gh_image_service_t *a = gh_image_service(im, GH_STR("a"));
    const gh_image_service_t *b = gh_image_service(im, GH_STR("b"));
    const gh_image_service_t *c = gh_image_service(im, GH_STR("c"));

    assert_true(gh_image_plan_allows(im, gold, a));
    assert_true(gh_image_plan_allows(im, gold, b));
    assert_false(gh_image_plan_allows(im, gold, c));
    assert_true(gh_image_plan_allows(im, all, c));

    gh_test_policies_end(t);
}


static void
what_was_never_declared_is_not_found(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies_of(everything);
    gh_test_policies_t *empty = gh_test_policies_of("{}");
    uint8_t hash[GH_SHA256_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8 };

    assert_non_null(gh_image_key(&t->im, hash));
    hash[31] = 1; /* the same place in the table */
    assert_null(gh_image_key(&t->im, hash));
    assert_null(gh_image_key(&empty->im, hash));

    for (int i = 0; i < 2; i++) {
        const gh_image_t *im = i == 0 ? &t->im : &empty->im;

        assert_null(gh_image_plan_named(im, GH_STR("silver")));
        assert_null(gh_image_consumer(im, GH_STR("")));
        assert_null(gh_image_consumer(im, GH_STR("acm")));
        assert_null(gh_image_service(im, GH_STR("A")));
        assert_null(gh_image_key_by_id(im, GH_STR("k2")));
        assert_null(gh_image_signature(im, GH_STR("acme")));
        assert_null(gh_image_plan(im, 2));
        assert_null(gh_image_consumer_at(im, im->n_consumers));
        assert_null(gh_image_deployment_at(im, GH_IMAGE_ABSENT));
    }

    assert_int_equal(empty->im.n_keys, 0);

    gh_test_policies_end(empty);
    gh_test_policies_end(t);
}


static void
a_token_is_known_by_all_of_its_claims(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies();

    (void) gh_test_policies_file(
        t, "c",
        "{'consumers':{"
        "'acme':{'credentials':{'tokens':["
        "{'issuer':'partners','claims':{'azp':'acme'}},"
        "{'issuer':'others','claims':{'azp':'acme','/ext/team':'red'}}]}},"
        "'blue':{'credentials':{'tokens':["
        "{'issuer':'partners','claims':{'azp':'acme','team':'blue'}}]}},"
        "'carl':{'credentials':{'tokens':["
        "{'issuer':'partners','claims':{'sub':'carl'}},"
        "{'issuer':'partners','claims':{'azp':'carl'}}]}}}}");
    assert_int_equal(gh_test_policies_compile(t, NULL), GH_OK);

    assert_string_equal(token_consumer(t, "partners", "{'azp':'acme'}"),
                        "acme");
    assert_string_equal(
        token_consumer(t, "partners", "{'azp':'acme','team':'red'}"), "acme");
    assert_string_equal(
        token_consumer(t, "partners", "{'azp':'acme','team':'blue'}"), "blue");
    assert_string_equal(token_consumer(t, "partners", "{'team':'blue'}"), "");
    assert_string_equal(token_consumer(t, "partners", "{'azp':'acm'}"), "");
    assert_string_equal(token_consumer(t, "partner", "{'azp':'acme'}"), "");
    assert_string_equal(token_consumer(t, "others", "{'azp':'acme'}"), "");
    assert_string_equal(
        token_consumer(t, "others", "{'azp':'acme','ext':{'team':'red'}}"),
        "acme");

    /* only strings, and only when one consumer alone matches best */
    assert_string_equal(token_consumer(t, "partners", "{'azp':['acme']}"), "");
    assert_string_equal(token_consumer(t, "partners", "{'azp':1}"), "");
    assert_string_equal(
        token_consumer(t, "partners", "{'azp':'acme','sub':'carl'}"), "");
    assert_string_equal(
        token_consumer(t, "partners", "{'azp':'carl','sub':'carl'}"), "carl");
    assert_string_equal(
        token_consumer(t, "partners",
                       "{'azp':'acme','sub':'carl','team':'blue'}"),
        "blue");

    gh_test_policies_end(t);
}


static void
each_of_many_is_found(void **state)
{
    (void) state;
    gh_test_policies_t *t = gh_test_policies();
    size_t cap = 4 << 20;
    char *text = malloc(cap);

    assert_non_null(text);

    for (unsigned f = 0; f < 4; f++) {
        gh_buf_t doc = { text, 0, cap };

        (void) gh_buf_add(&doc, GH_STR("{'consumers':{"));

        for (unsigned i = f; i < 20000; i += 4) {
            add_consumer(&doc, i == f ? "" : ",", i);
        }

        assert_int_equal(gh_buf_add_fmt(&doc, "}}"), GH_OK);
        text[doc.len] = '\0';
        assert_int_equal(
            gh_test_policies_file(t, (const char *[]){ "0", "1", "2", "3" }[f],
                                  text),
            GH_OK);
    }

    assert_int_equal(gh_test_policies_compile(t, NULL), GH_OK);
    assert_int_equal(t->im.n_keys, 20000);

    for (unsigned i = 0; i < 20000; i++) {
        assert_is_found(&t->im, i);
    }

    free(text);
    gh_test_policies_end(t);
}


static void
add_consumer(gh_buf_t *doc, const char *comma, unsigned i)
{
    uint8_t hash[GH_SHA256_LEN];

    gh_sha256((gh_str_t){ (const char *) &i, sizeof(i) }, hash);

    (void) gh_buf_add_fmt(doc,
                          "%s'c%u':{'credentials':{'api_keys':[{'id':'k%u',"
                          "'hash':'sha256:",
                          comma, i, i);
    (void) gh_hex_encode((gh_str_t){ (const char *) hash, sizeof(hash) }, doc);
    (void) gh_buf_add_fmt(doc, "'}]}}");
}


static void
assert_is_found(const gh_image_t *im, unsigned i)
{
    uint8_t hash[GH_SHA256_LEN];
    char room[16];
    gh_buf_t name = GH_BUF(room);

    (void) gh_buf_add_fmt(&name, "c%u", i);
    gh_sha256((gh_str_t){ (const char *) &i, sizeof(i) }, hash);

    const gh_image_consumer_t *consumer =
        gh_image_consumer(im, gh_buf_str(&name));
    const gh_image_key_t *key = gh_image_key(im, hash);

    assert_non_null(consumer);
    assert_non_null(key);
    assert_ptr_equal(gh_image_consumer_at(im, key->consumer), consumer);

    room[0] = 'k';
    assert_ptr_equal(gh_image_key_by_id(im, gh_buf_str(&name)), key);

    hash[31]++;
    assert_null(gh_image_key(im, hash));
}


static copy_t
copy_of(const gh_test_policies_t *t)
{
    copy_t c = { malloc(t->image.len), t->image.len, NULL, t->im };

    assert_non_null(c.bytes);
    memcpy(c.bytes, t->image.data, c.len);
    c.head = (gh_image_head_t *) (void *) c.bytes;
    assert_int_equal(reopen(&c), GH_OK);

    return c;
}


static gh_rc_t
reopen(copy_t *c)
{
    c->head->checksum = gh_image_checksum(c->bytes, c->len);

    return gh_image_open(c->bytes, c->len, true, &c->im);
}


static void *
record(copy_t *c, gh_image_region_t region, uint32_t i)
{
    const char *at = gh_image_record(&c->im, region, i);

    return c->bytes + (at - c->im.base);
}


static const char *
token_consumer(const gh_test_policies_t *t, const char *issuer,
               const char *claims)
{
    static char name[65];
    char text[256];
    size_t len = strlen(claims);
    json_t *tree;

    for (size_t i = 0; i < len; i++) {
        text[i] = '"';
        if (claims[i] != '\'') {
            text[i] = claims[i];
        }
    }

    assert_int_equal(
        gh_json_parse((gh_str_t){ text, len }, sizeof(text), &tree, NULL),
        GH_OK);

    const gh_image_token_t *token =
        gh_image_token(&t->im, gh_str(issuer), tree);

    json_decref(tree);
    name[0] = '\0';

    if (token != NULL) {
        const gh_image_consumer_t *consumer =
            gh_image_consumer_at(&t->im, token->consumer);
        gh_str_t found = gh_image_str(&t->im, consumer->name);

        memcpy(name, found.data, found.len);
        name[found.len] = '\0';
    }

    return name;
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_damaged_byte_is_seen),
        cmocka_unit_test(a_part_of_an_image_is_none),
        cmocka_unit_test(another_layout_is_no_image),
        cmocka_unit_test(no_record_leads_outside),
        cmocka_unit_test(no_region_leads_outside),
        cmocka_unit_test(a_table_without_a_free_slot_does_not_hang),
        cmocka_unit_test(a_plan_allows_the_services_it_names),
        cmocka_unit_test(what_was_never_declared_is_not_found),
        cmocka_unit_test(a_token_is_known_by_all_of_its_claims),
        cmocka_unit_test(each_of_many_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
