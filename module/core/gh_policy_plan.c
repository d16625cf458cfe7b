/*
 * A plan: named limits, the services it covers, and what a counter counts.
 */

#include "gh_policy_entry.h"
#include "gh_policy_names.h"


static void limits(gh_policy_reader_t *rd, void *record);
static void limit(gh_policy_reader_t *rd, gh_str_t name, gh_str_t at,
                  void *record);
static void services(gh_policy_reader_t *rd, void *record);
static void service(gh_policy_reader_t *rd, void *record);
static void per(gh_policy_reader_t *rd, void *record);


static const gh_policy_member_t members[] = {
    { "limits", GH_POLICY_OBJECT, false, limits },
    { "services", GH_POLICY_ARRAY, false, services },
    { "per", GH_POLICY_STRING, false, per },
};

static const gh_policy_shape_t shape = GH_POLICY_SHAPE(NULL, members);


void
gh_policy_plan(gh_policy_reader_t *rd, gh_str_t name, gh_str_t at,
               void *record)
{
    gh_policy_plan_t plan = { .place = gh_policy_place(rd, at) };

    (void) record;
    (void) gh_policy_name_check(rd, name, at, "plan");

    gh_policy_subject(rd, "plan", name);
    plan.image.name = gh_policy_keep(rd, name);
    plan.image.all_services = 1;

    if (gh_policy_want(rd, GH_POLICY_OBJECT, NULL)) {
        gh_policy_object(rd, &shape, &plan);
    }

    (void) gh_policy_add(rd, GH_POLICY_PLANS, &plan);
}


static void
limits(gh_policy_reader_t *rd, void *record)
{
    gh_policy_plan_t *plan = record;
    gh_str_t at = rd->token;

    plan->image.limits.off = gh_policy_count(rd, GH_POLICY_LIMITS);
    (void) gh_policy_entries(rd, limit, plan);
    plan->image.limits.n =
        gh_policy_count(rd, GH_POLICY_LIMITS) - plan->image.limits.off;

    if (plan->image.limits.n > GH_IMAGE_LIMITS_MAX) {
        gh_policy_complain(rd, at, "%s has %u limits, at most %u are possible",
                           rd->subject, plan->image.limits.n,
                           GH_IMAGE_LIMITS_MAX);
    }
}


static void
limit(gh_policy_reader_t *rd, gh_str_t name, gh_str_t at, void *record)
{
    gh_image_limit_t item = { .name = { 0, 0 } };
    const char *why;
    gh_str_t text;

    (void) record;
    (void) gh_policy_name_check(rd, name, at, "limit");
    item.name = gh_policy_intern(rd, name);

    if (!gh_policy_want(rd, GH_POLICY_STRING, "a limit")
        || !gh_policy_string(rd, &text))
    {
        return;
    }

    if (gh_limit_parse(text, &item.limit, &why) != GH_OK) {
        gh_policy_complain(rd, rd->token, "limit \"%s\" of %s: \"%s\": %s",
                           gh_policy_word(name).text, rd->subject,
                           gh_policy_word(text).text, why);
        return;
    }

    (void) gh_policy_add(rd, GH_POLICY_LIMITS, &item);
}


static void
services(gh_policy_reader_t *rd, void *record)
{
    gh_policy_plan_t *plan = record;
    gh_str_t at = rd->token;

    plan->image.all_services = 0;
    plan->image.services.off = gh_policy_count(rd, GH_POLICY_ALLOWED);
    size_t n = gh_policy_items(rd, service, plan);

    plan->image.services.n =
        gh_policy_count(rd, GH_POLICY_ALLOWED) - plan->image.services.off;

    if (n == 0) {
        gh_policy_complain(rd, at,
                           "\"services\" of %s is empty; name the services, "
                           "or leave it out for all of them",
                           rd->subject);
    }
}


static void
service(gh_policy_reader_t *rd, void *record)
{
    gh_policy_named_t item = { .place = gh_policy_place(rd, rd->token) };
    gh_str_t name;

    (void) record;

    if (!gh_policy_want(rd, GH_POLICY_STRING, "a service")
        || !gh_policy_string(rd, &name))
    {
        return;
    }

    /* an empty name would lead nowhere without a trace */
    if (!gh_policy_name_check(rd, name, rd->token, "service")) {
        return;
    }

    item.name = gh_policy_intern(rd, name);
    (void) gh_policy_add(rd, GH_POLICY_ALLOWED, &item);
}


static void
per(gh_policy_reader_t *rd, void *record)
{
    gh_policy_plan_t *plan = record;
    gh_str_t word;

    if (!gh_policy_string(rd, &word)) {
        return;
    }

    plan->image.per_service = gh_str_eq(word, GH_STR("service"));

    if (plan->image.per_service || gh_str_eq(word, GH_STR("consumer"))) {
        return;
    }

    gh_policy_choices_t choices = { .word = word };

    gh_policy_choice(&choices, GH_STR("consumer"));
    gh_policy_choice(&choices, GH_STR("service"));
    gh_policy_complain(rd, rd->token, "\"per\" of %s is \"%s\"%s", rd->subject,
                       gh_policy_word(word).text,
                       gh_policy_advice(&choices, "choices").text);
}
