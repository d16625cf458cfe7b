/*
 * The request vectors of RFC 9421 appendix B, at their own time: the base is
 * theirs byte for byte, the signature verifies, and no byte can be changed
 * (THREATS F12).
 */

#include "gh_test_jwt.h"

#include "gh_bytes.h"
#include "gh_digest.h"
#include "gh_signature.h"

#include <stdio.h>
#include <stdlib.h>

#define CREATED_AT INT64_C(1618884473)
#define TEXT_MAX 8192


/* A vector with its message and key; texts are copies that may be changed. */
typedef struct {
    gh_message_t msg;
    gh_message_field_t fields[16];
    gh_str_t input, signature, keyid, algorithm, secret, body;
    json_t *base; /* its lines */
    gh_jwks_t *keys;
    char secret_room[128];
} vector_t;

static json_t *data;
static char *room;
static size_t room_len;


static gh_str_t
copied(const char *text)
{
    size_t len = strlen(text);

    assert_true(room_len + len <= TEXT_MAX);
    memcpy(room + room_len, text, len);
    room_len += len;

    return (gh_str_t){ room + room_len - len, len };
}


static gh_str_t
member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    assert_non_null(text);

    return copied(text);
}


static void
load_message(const json_t *m, vector_t *v)
{
    const json_t *fields = json_object_get(m, "fields");

    v->msg.method = member(m, "method");
    v->msg.scheme = member(m, "scheme");
    v->msg.target = member(m, "target");
    v->msg.fields = v->fields;
    v->msg.n_fields = json_array_size(fields);
    v->body = member(m, "body");
    assert_true(v->msg.n_fields <= 16);

    for (size_t i = 0; i < v->msg.n_fields; i++) {
        const json_t *pair = json_array_get(fields, i);

        v->fields[i].name = copied(json_string_value(json_array_get(pair, 0)));
        v->fields[i].value =
            copied(json_string_value(json_array_get(pair, 1)));
    }

    v->msg.host = v->fields[0].value;
}


static void
load(size_t i, vector_t *v)
{
    const json_t *one = json_array_get(json_object_get(data, "vectors"), i);

    memset(v, 0, sizeof(*v));
    room_len = 0;

    v->keyid = member(one, "key");
    v->input = member(one, "input");
    v->signature = member(one, "signature");
    v->base = json_object_get(one, "base");

    const json_t *key =
        json_object_get(json_object_get(data, "keys"),
                        json_string_value(json_object_get(one, "key")));
    const json_t *m =
        json_object_get(json_object_get(data, "messages"),
                        json_string_value(json_object_get(one, "message")));

    load_message(m, v);
    v->algorithm = member(key, "algorithm");

    if (gh_str_eq(v->algorithm, GH_STR("hmac-sha256"))) {
        gh_buf_t secret = GH_BUF(v->secret_room);

        assert_int_equal(
            gh_base64_decode(member(key, "secret_base64"), &secret), GH_OK);
        v->secret = gh_buf_str(&secret);

    } else {
        assert_int_equal(gh_jwks_from_pem(member(key, "public_key"),
                                          gh_alloc_libc(), &v->keys),
                         GH_OK);
    }
}


static size_t
count(void)
{
    return json_array_size(json_object_get(data, "vectors"));
}


static bool
is_that_key(void *ours, gh_str_t keyid)
{
    return gh_str_eq(*(const gh_str_t *) ours, keyid);
}


/* From the two fields to the verdict; *base is the base that was made. */
static gh_rc_t
judge(vector_t *v, gh_buf_t *base)
{
    static const gh_signature_policy_t policy = { .skew_s = 60 };
    gh_reason_t reason = GH_REASON_NONE;
    gh_signatures_t all;
    const gh_signature_t *s;

    gh_rc_t rc = gh_signatures_parse(v->input, v->signature, &all);

    if (rc != GH_OK) {
        return rc;
    }

    rc = gh_signature_choose(&all, &policy, is_that_key, &v->keyid, &s);

    if (rc == GH_OK) {
        rc = gh_signature_check(s, &policy, CREATED_AT, true, &reason);
    }

    if (rc == GH_OK) {
        rc = gh_sigbase_build(&v->msg, s->components, s->params, base);
    }

    return rc == GH_OK ? gh_signature_verify(
               s, v->algorithm, v->secret, v->keys, gh_buf_str(base), &reason)
                       : rc;
}


static void
the_base_is_the_specifications_and_verifies(void **state)
{
    (void) state;

    for (size_t i = 0; i < count(); i++) {
        char made[4096], printed[4096];
        gh_buf_t base = GH_BUF(made), expected = GH_BUF(printed);
        vector_t v;

        load(i, &v);
        assert_int_equal(judge(&v, &base), GH_OK);

        for (size_t n = 0; n < json_array_size(v.base); n++) {
            assert_int_equal(
                gh_buf_add_fmt(&expected, "%s%s", n > 0 ? "\n" : "",
                               json_string_value(json_array_get(v.base, n))),
                GH_OK);
        }

        printed[expected.len] = '\0';
        assert_str(gh_buf_str(&base), printed);
        gh_jwks_destroy(v.keys);
    }
}


static void
F9_the_messages_digest_is_their_bodys(void **state)
{
    char text[256];
    gh_buf_t field = GH_BUF(text);
    gh_digest_t d;
    vector_t v;

    (void) state;
    load(0, &v);
    assert_int_equal(
        gh_message_field(&v.msg, GH_STR("content-digest"), &field), GH_OK);
    assert_int_equal(gh_digest_parse(gh_buf_str(&field), &d), GH_OK);
    gh_digest_update(&d, v.body);
    assert_int_equal(gh_digest_final(&d), GH_OK);
    gh_jwks_destroy(v.keys);
}


/* Changes each byte of text to each of two others and back. */
static void
change_each(vector_t *v, gh_str_t text, const char *what, bool covered)
{
    char *bytes = room + (text.data - room);

    for (size_t i = 0; i < text.len; i++) {
        for (int bit = 0; bit < 2; bit++) {
            char made[4096];
            gh_buf_t base = GH_BUF(made);
            char before = bytes[i];

            bytes[i] = (char) (before ^ (bit == 0 ? 1 : 4));

            gh_rc_t rc = judge(v, &base);

            if ((rc == GH_OK) == covered) {
                fail_msg("%.*s: byte %zu of %s: %d", (int) v->keyid.len,
                         v->keyid.data, i, what, rc);
            }

            bytes[i] = before;
        }
    }
}


/* Whether the vector's own base has a line for it. */
static bool
is_covered(const vector_t *v, const char *component)
{
    for (size_t n = 0; n + 1 < json_array_size(v->base); n++) {
        const char *line = json_string_value(json_array_get(v->base, n));

        if (strncmp(line + 1, component, strlen(component)) == 0
            && line[1 + strlen(component)] == '"')
        {
            return true;
        }
    }

    return false;
}


static void
F12_no_byte_of_either_field_can_be_changed(void **state)
{
    (void) state;

    for (size_t i = 0; i < count(); i++) {
        vector_t v;

        load(i, &v);
        change_each(&v, v.input, "Signature-Input", true);
        change_each(&v, v.signature, "Signature", true);
        gh_jwks_destroy(v.keys);
    }
}


static void
F12_no_byte_that_is_covered_can_be_changed(void **state)
{
    static const char *const lower[] = { "date",           "content-type",
                                         "content-digest", "content-length",
                                         "client-cert",    "accept" };

    (void) state;

    for (size_t i = 0; i < count(); i++) {
        vector_t v;

        load(i, &v);
        change_each(&v, v.msg.method, "@method", is_covered(&v, "@method"));
        change_each(&v, v.msg.host, "@authority",
                    is_covered(&v, "@authority"));

        for (size_t f = 1; f < v.msg.n_fields; f++) {
            for (size_t n = 0; n < sizeof(lower) / sizeof(lower[0]); n++) {
                if (gh_str_eq_nocase(v.fields[f].name, gh_str(lower[n]))) {
                    change_each(&v, v.fields[f].value, lower[n],
                                is_covered(&v, lower[n]));
                }
            }
        }

        gh_str_t query;
        gh_str_t path = gh_str_cut(v.msg.target, '?', &query);

        if (is_covered(&v, "@path")) {
            change_each(&v, (gh_str_t){ path.data + 1, path.len - 1 }, "@path",
                        true);
        }

        if (is_covered(&v, "@query")) {
            change_each(&v, query, "@query", true);
        }

        gh_jwks_destroy(v.keys);
    }
}


/* B.2.2: Pet=dog is covered, param=Value is not. */
static void
F8_a_covered_query_parameter_alone_is_fixed(void **state)
{
    vector_t v;

    (void) state;
    load(1, &v);
    change_each(&v, (gh_str_t){ v.msg.target.data + 17, 7 }, "Pet=dog", true);
    change_each(&v, (gh_str_t){ v.msg.target.data + 11, 5 }, "Value", false);
    gh_jwks_destroy(v.keys);
}


/* B.4: what a proxy may do to the message and what not. */
static void
transformations_that_keep_the_meaning_keep_the_signature(void **state)
{
    char made[4096];
    gh_buf_t base = GH_BUF(made);
    vector_t v;

    (void) state;
    load(count() - 1, &v);
    v.msg.target = GH_STR("/demo?name1=Value1&Name2=value2&param=added");
    v.fields[1].name = GH_STR("Referer");
    v.fields[2].value = GH_STR("application/json, */*");
    v.msg.n_fields = 3;
    assert_int_equal(judge(&v, &base), GH_OK);

    base.len = 0;
    v.fields[2].value = GH_STR("*/*, application/json");
    assert_int_equal(judge(&v, &base), GH_DENIED);
    gh_jwks_destroy(v.keys);
}


static int
open_data(void **state)
{
    (void) state;
    data = gh_test_data("rfc9421_b.json");
    room = malloc(TEXT_MAX);

    return room == NULL;
}


static int
close_data(void **state)
{
    (void) state;
    json_decref(data);
    free(room);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_base_is_the_specifications_and_verifies),
        cmocka_unit_test(F9_the_messages_digest_is_their_bodys),
        cmocka_unit_test(F12_no_byte_of_either_field_can_be_changed),
        cmocka_unit_test(F12_no_byte_that_is_covered_can_be_changed),
        cmocka_unit_test(F8_a_covered_query_parameter_alone_is_fixed),
        cmocka_unit_test(
            transformations_that_keep_the_meaning_keep_the_signature),
    };

    return cmocka_run_group_tests(tests, open_data, close_data);
}
