/*
 * A policy document: plans, consumers and services in any mix.
 */

#include "gh_policy_entry.h"
#include "gh_policy_names.h"
#include "gh_policy_outline.h"

#include <stdio.h>


static void plans(gh_policy_reader_t *rd, void *record);
static void consumers(gh_policy_reader_t *rd, void *record);
static void services(gh_policy_reader_t *rd, void *record);


static const gh_policy_member_t members[] = {
    { "plans", GH_POLICY_OBJECT, false, plans },
    { "consumers", GH_POLICY_OBJECT, false, consumers },
    { "services", GH_POLICY_OBJECT, false, services },
};

static const gh_policy_shape_t document = GH_POLICY_SHAPE(NULL, members);


gh_rc_t
gh_policy_document(gh_policy_reader_t *rd)
{
    if (!gh_policy_outline(rd)) {
        rd->part->incomplete = true;
        return rd->rc != GH_OK ? rd->rc : GH_INVALID;
    }

    rd->scan.at = 0;
    (void) snprintf(rd->subject, sizeof(rd->subject), "a policy document");

    gh_policy_next(rd);
    gh_policy_object(rd, &document, NULL);

    if (rd->rc != GH_OK) {
        return rd->rc;
    }

    return rd->complained ? GH_INVALID : GH_OK;
}


static void
plans(gh_policy_reader_t *rd, void *record)
{
    (void) gh_policy_entries(rd, gh_policy_plan, record);
}


static void
consumers(gh_policy_reader_t *rd, void *record)
{
    (void) gh_policy_entries(rd, gh_policy_consumer, record);
}


static void
services(gh_policy_reader_t *rd, void *record)
{
    (void) gh_policy_entries(rd, gh_policy_service, record);
}


bool
gh_policy_name_check(gh_policy_reader_t *rd, gh_str_t name, gh_str_t at,
                     const char *what)
{
    if (gh_policy_name_valid(name, "")) {
        return true;
    }

    gh_policy_complain(rd, at,
                       "\"%s\" cannot be the name of a %s: letters, digits, "
                       "'.', '_' and '-', beginning with a letter or digit, "
                       "at most %d",
                       gh_policy_word(name).text, what, GH_POLICY_NAME_MAX);
    return false;
}


void
gh_policy_subject(gh_policy_reader_t *rd, const char *what, gh_str_t name)
{
    (void) snprintf(rd->subject, sizeof(rd->subject), "%s \"%s\"", what,
                    gh_policy_word(name).text);
}


int64_t
gh_policy_time(gh_policy_reader_t *rd, const char *what)
{
    int64_t at_s;
    gh_str_t text;

    if (!gh_policy_string(rd, &text)) {
        return 0;
    }

    if (gh_time_parse(text, &at_s) != GH_OK) {
        gh_policy_complain(rd, rd->token,
                           "\"%s\" of %s: \"%s\" is no time; write "
                           "\"2027-06-01\" or \"2027-06-01T08:00:00Z\"",
                           what, rd->subject, gh_policy_word(text).text);
        return 0;
    }

    return at_s < 1 ? 1 : at_s;
}
