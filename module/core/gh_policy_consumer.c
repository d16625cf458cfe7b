/*
 * A consumer: its plan, what it is a member of, and what it is called.
 */

#include "gh_policy_entry.h"
#include "gh_policy_names.h"


static void consumer_name_check(gh_policy_reader_t *rd, gh_str_t name,
                                gh_str_t at);
static void plan(gh_policy_reader_t *rd, void *record);
static void groups(gh_policy_reader_t *rd, void *record);
static void group(gh_policy_reader_t *rd, void *record);
static void scopes(gh_policy_reader_t *rd, void *record);
static void scope(gh_policy_reader_t *rd, void *record);
static gh_span_t texts(gh_policy_reader_t *rd, gh_policy_take_pt take,
                       const char *what);
static void display_name(gh_policy_reader_t *rd, void *record);
static void email(gh_policy_reader_t *rd, void *record);


static const gh_policy_member_t members[] = {
    { "plan", GH_POLICY_STRING, false, plan },
    { "groups", GH_POLICY_ARRAY, false, groups },
    { "scopes", GH_POLICY_ARRAY, false, scopes },
    { "name", GH_POLICY_STRING, false, display_name },
    { "email", GH_POLICY_STRING, false, email },
    { "credentials", GH_POLICY_OBJECT, false, gh_policy_credentials },
};

static const gh_policy_shape_t shape = GH_POLICY_SHAPE(NULL, members);


void
gh_policy_consumer(gh_policy_reader_t *rd, gh_str_t name, gh_str_t at,
                   void *record)
{
    gh_policy_consumer_t consumer = { .place = gh_policy_place(rd, at) };

    (void) record;
    consumer_name_check(rd, name, at);

    gh_policy_subject(rd, "consumer", name);
    consumer.image.name = gh_policy_keep(rd, name);
    consumer.image.plan = GH_IMAGE_ABSENT;

    if (gh_policy_want(rd, GH_POLICY_OBJECT, NULL)) {
        gh_policy_object(rd, &shape, &consumer);
    }

    (void) gh_policy_add(rd, GH_POLICY_CONSUMERS, &consumer);
}


static void
consumer_name_check(gh_policy_reader_t *rd, gh_str_t name, gh_str_t at)
{
    if (!gh_policy_name_valid(name, "@")) {
        gh_policy_complain(rd, at,
                           "\"%s\" cannot be the name of a consumer: letters, "
                           "digits, '.', '_', '-' and '@', beginning with a "
                           "letter or digit, at most %d",
                           gh_policy_word(name).text, GH_POLICY_NAME_MAX);
    }
}


static void
plan(gh_policy_reader_t *rd, void *record)
{
    gh_policy_consumer_t *consumer = record;
    gh_str_t name;

    if (!gh_policy_string(rd, &name)
        || !gh_policy_name_check(rd, name, rd->token, "plan"))
    {
        return;
    }

    consumer->plan.name = gh_policy_intern(rd, name);
    consumer->plan.place = gh_policy_place(rd, rd->token);
}


static void
groups(gh_policy_reader_t *rd, void *record)
{
    gh_policy_consumer_t *consumer = record;

    consumer->image.groups = texts(rd, group, "groups");
}


static void
scopes(gh_policy_reader_t *rd, void *record)
{
    gh_policy_consumer_t *consumer = record;

    consumer->image.scopes = texts(rd, scope, "scopes");
}


static gh_span_t
texts(gh_policy_reader_t *rd, gh_policy_take_pt take, const char *what)
{
    gh_str_t at = rd->token;
    uint32_t first = gh_policy_count(rd, GH_POLICY_REFS);

    if (gh_policy_items(rd, take, NULL) > GH_IMAGE_MEMBERS_MAX) {
        gh_policy_complain(rd, at, "%s has more than %u %s", rd->subject,
                           GH_IMAGE_MEMBERS_MAX, what);
    }

    return (gh_span_t){ first, gh_policy_count(rd, GH_POLICY_REFS) - first };
}


static void
group(gh_policy_reader_t *rd, void *record)
{
    gh_str_t name;

    (void) record;

    if (!gh_policy_want(rd, GH_POLICY_STRING, "a group")
        || !gh_policy_string(rd, &name)
        || !gh_policy_name_check(rd, name, rd->token, "group"))
    {
        return;
    }

    gh_ref_t ref = gh_policy_intern(rd, name);

    (void) gh_policy_add(rd, GH_POLICY_REFS, &ref);
}


static void
scope(gh_policy_reader_t *rd, void *record)
{
    gh_str_t name;

    (void) record;

    if (!gh_policy_want(rd, GH_POLICY_STRING, "a scope")
        || !gh_policy_string(rd, &name))
    {
        return;
    }

    if (!gh_policy_scope_valid(name)) {
        gh_policy_complain(rd, rd->token,
                           "\"%s\" cannot be a scope: printable ASCII without "
                           "space, '\"' and '\\', at most 128",
                           gh_policy_word(name).text);
        return;
    }

    gh_ref_t ref = gh_policy_intern(rd, name);

    (void) gh_policy_add(rd, GH_POLICY_REFS, &ref);
}


static void
display_name(gh_policy_reader_t *rd, void *record)
{
    gh_policy_consumer_t *consumer = record;
    gh_str_t name;

    if (!gh_policy_string(rd, &name)) {
        return;
    }

    if (!gh_policy_text_valid(name)) {
        gh_policy_complain(rd, rd->token,
                           "\"name\" of %s must be one line of 1 to %d bytes",
                           rd->subject, GH_POLICY_TEXT_MAX);
        return;
    }

    consumer->image.display_name = gh_policy_keep(rd, name);
}


static void
email(gh_policy_reader_t *rd, void *record)
{
    gh_policy_consumer_t *consumer = record;
    gh_str_t address;

    if (!gh_policy_string(rd, &address)) {
        return;
    }

    if (!gh_policy_email_valid(address)) {
        gh_policy_complain(rd, rd->token,
                           "\"email\" of %s: \"%s\" is no address",
                           rd->subject, gh_policy_word(address).text);
        return;
    }

    consumer->image.email = gh_policy_keep(rd, address);
}
