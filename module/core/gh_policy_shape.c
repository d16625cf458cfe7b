/*
 * Walks objects and arrays of a policy document by table: members that are
 * unknown, of the wrong type or missing are complained about, the others
 * taken by whoever knows them.
 */

#include "gh_policy_read.h"

#include <stdio.h>


/* "plan "gold"", "an API key of consumer "acme"" */
typedef struct {
    char text[232];
} whose_t;


static void member_read(gh_policy_reader_t *rd, const gh_policy_shape_t *shape,
                        void *record, uint32_t *seen);
static const gh_policy_member_t *member_find(const gh_policy_member_t *members,
                                             size_t n, gh_str_t name);
static void member_unknown(gh_policy_reader_t *rd,
                           const gh_policy_shape_t *shape, gh_str_t name,
                           gh_str_t at);
static whose_t whose(const gh_policy_reader_t *rd, const char *what);


/* Welcome in every object with a shape; $schema is for editors. */
static const gh_policy_member_t welcome[] = {
    { "description", GH_POLICY_STRING, false, NULL },
    { "owner", GH_POLICY_STRING, false, NULL },
    { "labels", GH_POLICY_OBJECT, false, NULL },
    { "$schema", GH_POLICY_STRING, false, NULL },
};

#define WELCOME (sizeof(welcome) / sizeof(welcome[0]))

static const char *const type_words[] = {
    [GH_POLICY_STRING] = "a string", [GH_POLICY_OBJECT] = "an object",
    [GH_POLICY_ARRAY] = "an array",  [GH_POLICY_BOOL] = "true or false",
    [GH_POLICY_NUMBER] = "a number", [GH_POLICY_NULL] = "null",
};


void
gh_policy_object(gh_policy_reader_t *rd, const gh_policy_shape_t *shape,
                 void *record)
{
    gh_str_t opened = rd->token;
    uint32_t seen = 0;

    for (gh_policy_next(rd); gh_policy_token_is(rd, '"'); gh_policy_next(rd)) {
        member_read(rd, shape, record, &seen);

        if (rd->rc != GH_OK) {
            return;
        }

        gh_policy_next(rd);
        if (!gh_policy_token_is(rd, ',')) {
            break;
        }
    }

    for (size_t i = 0; i < shape->n; i++) {
        if (shape->members[i].required && (seen & UINT32_C(1) << i) == 0) {
            gh_policy_complain(rd, opened, "\"%s\" is missing in %s",
                               shape->members[i].name,
                               whose(rd, shape->what).text);
        }
    }
}


static void
member_read(gh_policy_reader_t *rd, const gh_policy_shape_t *shape,
            void *record, uint32_t *seen)
{
    gh_str_t at = rd->token;
    gh_str_t name;
    bool read = gh_policy_text(rd, at, &rd->decoded[0], &name);

    gh_policy_next(rd); /* the colon */
    gh_policy_next(rd);

    if (!read) {
        gh_policy_skip(rd);
        return;
    }

    const gh_policy_member_t *member =
        member_find(shape->members, shape->n, name);

    if (member != NULL) {
        *seen |= UINT32_C(1) << (member - shape->members);

    } else {
        member = member_find(welcome, WELCOME, name);
    }

    if (member == NULL) {
        member_unknown(rd, shape, name, at);
        gh_policy_skip(rd);
        return;
    }

    if (gh_policy_type(rd) != member->type) {
        gh_policy_complain(rd, rd->token, "\"%s\" of %s must be %s, not %s",
                           member->name, whose(rd, shape->what).text,
                           type_words[member->type],
                           type_words[gh_policy_type(rd)]);
        gh_policy_skip(rd);
        return;
    }

    if (member->take == NULL) {
        gh_policy_skip(rd);
        return;
    }

    member->take(rd, record);
}


static const gh_policy_member_t *
member_find(const gh_policy_member_t *members, size_t n, gh_str_t name)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(members[i].name);

        if (len == name.len && memcmp(members[i].name, name.data, len) == 0) {
            return &members[i];
        }
    }

    return NULL;
}


static void
member_unknown(gh_policy_reader_t *rd, const gh_policy_shape_t *shape,
               gh_str_t name, gh_str_t at)
{
    gh_policy_choices_t choices = { .word = name };

    for (size_t i = 0; i < shape->n; i++) {
        gh_policy_choice(&choices, gh_str(shape->members[i].name));
    }

    for (size_t i = 0; i < WELCOME; i++) {
        gh_policy_choice(&choices, gh_str(welcome[i].name));
    }

    gh_policy_complain(rd, at, "unknown member \"%s\" in %s%s",
                       gh_policy_word(name).text, whose(rd, shape->what).text,
                       gh_policy_advice(&choices, "members").text);
}


static whose_t
whose(const gh_policy_reader_t *rd, const char *what)
{
    whose_t w;

    if (what == NULL) {
        (void) snprintf(w.text, sizeof(w.text), "%s", rd->subject);

    } else {
        (void) snprintf(w.text, sizeof(w.text), "%s of %s", what, rd->subject);
    }

    return w;
}


size_t
gh_policy_entries(gh_policy_reader_t *rd, gh_policy_entry_pt take,
                  void *record)
{
    size_t n = 0;
    gh_str_t name;

    for (gh_policy_next(rd); gh_policy_token_is(rd, '"'); gh_policy_next(rd)) {
        gh_str_t at = rd->token;
        bool read = gh_policy_text(rd, at, &rd->decoded[0], &name);

        gh_policy_next(rd); /* the colon */
        gh_policy_next(rd);

        if (read) {
            take(rd, name, at, record);

        } else {
            gh_policy_skip(rd);
        }

        n++;
        gh_policy_next(rd);

        if (rd->rc != GH_OK || !gh_policy_token_is(rd, ',')) {
            break;
        }
    }

    return n;
}


size_t
gh_policy_items(gh_policy_reader_t *rd, gh_policy_take_pt take, void *record)
{
    size_t n = 0;

    gh_policy_next(rd);

    while (rd->token.len > 0 && !gh_policy_token_is(rd, ']')) {
        take(rd, record);
        n++;

        gh_policy_next(rd);
        if (rd->rc != GH_OK || !gh_policy_token_is(rd, ',')) {
            break;
        }

        gh_policy_next(rd);
    }

    return n;
}


bool
gh_policy_want(gh_policy_reader_t *rd, gh_policy_type_t type, const char *what)
{
    if (gh_policy_type(rd) == type) {
        return true;
    }

    gh_policy_complain(rd, rd->token, "%s must be %s, not %s",
                       whose(rd, what).text, type_words[type],
                       type_words[gh_policy_type(rd)]);
    gh_policy_skip(rd);

    return false;
}
