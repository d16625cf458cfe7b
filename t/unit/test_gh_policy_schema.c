/*
 * What ships in policies/ is held to what the compiler does: the sample set
 * compiles, and the JSON Schema knows each member that the compiler knows,
 * no other, and which of them must be there. Runs from the project's top.
 */

#include "gh_test_policies.h"

#include <stdio.h>
#include <stdlib.h>


/* An object of the schema, and a document where its members stand at %s. */
typedef struct {
    const char *file;
    const char *pointer; /* "": the whole file */
    const char *document;
} object_t;


static const object_t objects[] = {
    { "policies.json", "", "{%s}" },
    { "plan.json", "", "{'plans':{'p':{%s}}}" },
    { "consumer.json", "", "{'consumers':{'c':{%s}}}" },
    { "consumer.json", "/properties/credentials",
      "{'consumers':{'c':{'credentials':{%s}}}}" },
    { "consumer.json", "/properties/credentials/properties/api_keys/items",
      "{'consumers':{'c':{'credentials':{'api_keys':[{%s}]}}}}" },
    { "consumer.json", "/properties/credentials/properties/signatures/items",
      "{'consumers':{'c':{'credentials':{'signatures':[{%s}]}}}}" },
    { "consumer.json", "/properties/credentials/properties/tokens/items",
      "{'consumers':{'c':{'credentials':{'tokens':[{%s}]}}}}" },
    { "service.json", "", "{'services':{'s':{%s}}}" },
    { "service.json", "/properties/access/items",
      "{'services':{'s':{'access':[{%s}],'versions':{'v':{'deployments':"
      "{'d':{'upstream':'u'}}}}}}}" },
    { "service.json", "/properties/versions/additionalProperties",
      "{'services':{'s':{'versions':{'v':{%s}}}}}" },
    { "service.json",
      "/properties/versions/additionalProperties/properties/deployments/"
      "additionalProperties",
      "{'services':{'s':{'versions':{'v':{'deployments':{'d':{%s}}}}}}}" },
};

#define OBJECTS (sizeof(objects) / sizeof(objects[0]))


static json_t *schema_of(const object_t *object, json_t **whole);
static json_t *welcome_of(json_t **whole);
static gh_str_t slurp(const char *path, gh_buf_t *room);
static json_t *parsed(const char *path);
static const char *complaint(gh_test_policies_t *t, const object_t *object,
                             const char *members, const char *with);
static bool is_listed(const char *list, const char *name);


static void
the_sample_set_compiles(void **state)
{
    static const char *const paths[] = { "policies/plans.json",
                                         "policies/consumers.json",
                                         "policies/services.json" };
    (void) state;
    gh_test_policies_t *t = gh_test_policies();

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char *room = calloc(1, 65536);
        gh_buf_t text = { room, 0, 65535 };

        assert_non_null(room);
        (void) slurp(paths[i], &text);

        if (gh_test_policies_file(t, paths[i], room) != GH_OK) {
            fail_msg("%s", gh_test_policies_error(t, 0));
        }

        free(room);
    }

    if (gh_test_policies_compile(t, NULL) != GH_OK) {
        fail_msg("%s", gh_test_policies_error(t, 0));
    }

    assert_non_null(gh_image_consumer(&t->im, GH_STR("acme")));
    assert_int_equal(t->im.n_services, 2);
    assert_int_not_equal(t->im.plan_default, GH_IMAGE_ABSENT);
    assert_int_not_equal(t->im.plan_anonymous, GH_IMAGE_ABSENT);

    gh_test_policies_end(t);
}


static void
the_schema_knows_the_members_that_the_compiler_knows(void **state)
{
    (void) state;

    for (size_t i = 0; i < OBJECTS; i++) {
        gh_test_policies_t *t = gh_test_policies();
        json_t *whole, *common;
        const json_t *schema = schema_of(&objects[i], &whole);
        json_t *known = json_copy(json_object_get(schema, "properties"));
        size_t n = 0;

        assert_int_equal(json_object_update(known, welcome_of(&common)), 0);
        assert_true(
            json_is_false(json_object_get(schema, "unevaluatedProperties")));

        const char *list =
            complaint(t, &objects[i], "'no-such-member':1", "members are: ");

        for (void *m = json_object_iter(known); m != NULL;
             m = json_object_iter_next(known, m))
        {
            n++;
            if (!is_listed(list, json_object_iter_key(m))) {
                fail_msg("%s%s: \"%s\" is not in: %s", objects[i].file,
                         objects[i].pointer, json_object_iter_key(m), list);
            }
        }

        for (const char *comma = list; comma != NULL; n--) {
            comma = strchr(comma, ',');
            comma = comma == NULL ? NULL : comma + 1;
        }

        if (n != 0) {
            fail_msg("%s%s does not have all of: %s", objects[i].file,
                     objects[i].pointer, list);
        }

        json_decref(known);
        json_decref(common);
        json_decref(whole);
        gh_test_policies_end(t);
    }
}


static void
the_schema_requires_what_the_compiler_requires(void **state)
{
    (void) state;

    for (size_t i = 0; i < OBJECTS; i++) {
        gh_test_policies_t *t = gh_test_policies();
        json_t *whole;
        const json_t *schema = schema_of(&objects[i], &whole);
        const json_t *required = json_object_get(schema, "required");
        size_t missing = 0;

        for (size_t j = 0; j < json_array_size(required); j++) {
            char with[80];

            (void) snprintf(with, sizeof(with), "\"%s\" is missing in",
                            json_string_value(json_array_get(required, j)));
            (void) complaint(t, &objects[i], "'labels':{}", with);
        }

        for (size_t j = 0; j < t->errors.n; j++) {
            missing +=
                strstr(gh_test_policies_error(t, j), "is missing in") != NULL;
        }

        assert_int_equal(missing, json_array_size(required));

        json_decref(whole);
        gh_test_policies_end(t);
    }
}


/* The schema of one object, borrowed from *whole. */
static json_t *
schema_of(const object_t *object, json_t **whole)
{
    char path[128];

    (void) snprintf(path, sizeof(path), "policies/schema/%s", object->file);
    *whole = parsed(path);

    json_t *schema = object->pointer[0] == '\0'
                         ? *whole
                         : gh_json_pointer(*whole, gh_str(object->pointer));

    assert_non_null(schema);

    return schema;
}


static json_t *
welcome_of(json_t **whole)
{
    *whole = parsed("policies/schema/common.json");

    json_t *welcome =
        gh_json_pointer(*whole, GH_STR("/$defs/welcome/properties"));

    assert_non_null(welcome);

    return welcome;
}


static json_t *
parsed(const char *path)
{
    char *room = calloc(1, 65536);
    gh_buf_t text = { room, 0, 65535 };
    json_t *tree;

    assert_non_null(room);
    assert_int_equal(gh_json_parse(slurp(path, &text), 65536, &tree, NULL),
                     GH_OK);
    free(room);

    return tree;
}


static gh_str_t
slurp(const char *path, gh_buf_t *room)
{
    FILE *file = fopen(path, "rb");

    if (file == NULL) {
        fail_msg("%s: not there; run this from the project's top", path);
    }

    room->len = fread(room->data, 1, room->cap, file);
    assert_true(room->len < room->cap);
    (void) fclose(file);

    return gh_buf_str(room);
}


/* What follows `with` in the complaint about these members that has it. */
static const char *
complaint(gh_test_policies_t *t, const object_t *object, const char *members,
          const char *with)
{
    char document[512];
    const char *at = strstr(object->document, "%s");

    assert_non_null(at);
    (void) snprintf(document, sizeof(document), "%.*s%s%s",
                    (int) (at - object->document), object->document, members,
                    at + 2);
    (void) gh_test_policies_file(t, "p", document);

    for (size_t i = 0; i < t->errors.n; i++) {
        const char *found = strstr(gh_test_policies_error(t, i), with);

        if (found != NULL) {
            return found + strlen(with);
        }
    }

    fail_msg("%s: nobody says: %s", document, with);
    return NULL;
}


/* In "a, b, c". */
static bool
is_listed(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = list; at != NULL; at = strchr(at, ' ')) {
        at += *at == ' ';

        if (strncmp(at, name, len) == 0 && (at[len] == ',' || !at[len])) {
            return true;
        }
    }

    return false;
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_set_compiles),
        cmocka_unit_test(the_schema_knows_the_members_that_the_compiler_knows),
        cmocka_unit_test(the_schema_requires_what_the_compiler_requires),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
