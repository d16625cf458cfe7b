/*
 * A service: its versions, how a request names one of them, and what must
 * hold for those who enter.
 */

#include "gh_header.h"
#include "gh_policy_entry.h"
#include "gh_policy_names.h"


static void default_version(gh_policy_reader_t *rd, void *record);
static void version_from(gh_policy_reader_t *rd, void *record);
static void version_source(gh_policy_reader_t *rd, void *record);
static bool version_source_parse(gh_policy_reader_t *rd, gh_str_t text,
                                 gh_image_version_from_t *out);
static bool version_source_twice(gh_policy_reader_t *rd,
                                 const gh_policy_service_draft_t *draft,
                                 const gh_image_version_from_t *from);
static void strip_version(gh_policy_reader_t *rd, void *record);
static void service_check(gh_policy_reader_t *rd, gh_str_t at,
                          gh_policy_service_draft_t *draft);
static uint32_t version_find(gh_policy_reader_t *rd,
                             const gh_policy_service_draft_t *draft,
                             gh_ref_t name, gh_policy_place_t place,
                             const char *what);
static void default_find(gh_policy_reader_t *rd, gh_str_t at,
                         gh_policy_service_draft_t *draft);
static void successors_check(gh_policy_reader_t *rd,
                             const gh_policy_service_draft_t *draft);


static const gh_policy_member_t members[] = {
    { "default_version", GH_POLICY_STRING, false, default_version },
    { "version_from", GH_POLICY_ARRAY, false, version_from },
    { "strip_version", GH_POLICY_BOOL, false, strip_version },
    { "access", GH_POLICY_ARRAY, false, gh_policy_access },
    { "versions", GH_POLICY_OBJECT, true, gh_policy_versions },
};

static const gh_policy_shape_t shape = GH_POLICY_SHAPE(NULL, members);


void
gh_policy_service(gh_policy_reader_t *rd, gh_str_t name, gh_str_t at,
                  void *record)
{
    gh_policy_service_draft_t draft = {
        .service.place = gh_policy_place(rd, at),
        .rule_versions.size = sizeof(gh_policy_named_t),
    };

    (void) record;
    (void) gh_policy_name_check(rd, name, at, "service");

    gh_policy_subject(rd, "service", name);
    draft.service.image.name = gh_policy_keep(rd, name);
    draft.service.image.default_version = GH_IMAGE_ABSENT;

    if (gh_policy_want(rd, GH_POLICY_OBJECT, NULL)) {
        gh_policy_object(rd, &shape, &draft);
        gh_policy_subject(
            rd, "service",
            gh_policy_part_str(rd->part, draft.service.image.name));

        if (rd->rc == GH_OK) {
            service_check(rd, at, &draft);
        }
    }

    gh_policy_list_free(&draft.rule_versions, rd->a);
    (void) gh_policy_add(rd, GH_POLICY_SERVICES, &draft.service);
}


static void
default_version(gh_policy_reader_t *rd, void *record)
{
    gh_policy_service_draft_t *draft = record;
    gh_str_t name;

    if (gh_policy_string(rd, &name)) {
        draft->default_version.name = gh_policy_intern(rd, name);
        draft->default_version.place = gh_policy_place(rd, rd->token);
    }
}


static void
version_from(gh_policy_reader_t *rd, void *record)
{
    gh_policy_service_draft_t *draft = record;
    gh_span_t *span = &draft->service.image.version_from;
    gh_str_t at = rd->token;

    span->off = gh_policy_count(rd, GH_POLICY_VERSION_FROMS);

    if (gh_policy_items(rd, version_source, draft)
        > GH_IMAGE_VERSION_FROMS_MAX) {
        gh_policy_complain(rd, at, "\"version_from\" of %s names more than %u",
                           rd->subject, GH_IMAGE_VERSION_FROMS_MAX);
    }

    span->n = gh_policy_count(rd, GH_POLICY_VERSION_FROMS) - span->off;
}


static void
version_source(gh_policy_reader_t *rd, void *record)
{
    gh_policy_service_draft_t *draft = record;
    gh_image_version_from_t from = { .header = { 0, 0 } };
    gh_str_t text;

    if (!gh_policy_want(rd, GH_POLICY_STRING, "a place in \"version_from\"")
        || !gh_policy_string(rd, &text)
        || !version_source_parse(rd, text, &from)
        || version_source_twice(rd, draft, &from))
    {
        return;
    }

    if (from.from == GH_VERSION_FROM_PATH) {
        draft->from_path = true;
    }

    (void) gh_policy_add(rd, GH_POLICY_VERSION_FROMS, &from);
}


static bool
version_source_parse(gh_policy_reader_t *rd, gh_str_t text,
                     gh_image_version_from_t *out)
{
    gh_str_t name;
    gh_str_t word = gh_str_cut(text, ':', &name);

    if (gh_str_eq(text, GH_STR("path"))) {
        out->from = GH_VERSION_FROM_PATH;
        return true;
    }

    if (gh_str_eq(text, GH_STR("media-type"))) {
        out->from = GH_VERSION_FROM_MEDIA_TYPE;
        return true;
    }

    if (gh_str_eq(word, GH_STR("header")) && name.data != NULL
        && gh_policy_token_valid(name))
    {
        if (gh_header_classify(NULL, name) != GH_HEADER_KEEP) {
            gh_policy_complain(rd, rd->token,
                               "header \"%s\" in \"version_from\" of %s never "
                               "comes in from outside: the gateway removes "
                               "it; take another, as in \"API-Version\"",
                               gh_policy_word(name).text, rd->subject);
            return false;
        }

        out->from = GH_VERSION_FROM_HEADER;
        out->header = gh_policy_intern(rd, name);
        return true;
    }

    gh_policy_choices_t choices = { .word = text };

    gh_policy_choice(&choices, GH_STR("path"));
    gh_policy_choice(&choices, GH_STR("header:API-Version"));
    gh_policy_choice(&choices, GH_STR("media-type"));
    gh_policy_complain(rd, rd->token, "\"version_from\" of %s: \"%s\"%s",
                       rd->subject, gh_policy_word(text).text,
                       gh_policy_advice(&choices, "choices").text);
    return false;
}


static bool
version_source_twice(gh_policy_reader_t *rd,
                     const gh_policy_service_draft_t *draft,
                     const gh_image_version_from_t *from)
{
    gh_str_t header = gh_policy_part_str(rd->part, from->header);
    uint32_t end = gh_policy_count(rd, GH_POLICY_VERSION_FROMS);

    for (uint32_t i = draft->service.image.version_from.off; i < end; i++) {
        const gh_image_version_from_t *other =
            gh_policy_part_at(rd->part, GH_POLICY_VERSION_FROMS, i);

        if (other->from == from->from
            && gh_str_eq_nocase(gh_policy_part_str(rd->part, other->header),
                                header))
        {
            gh_policy_complain(rd, rd->token,
                               "\"version_from\" of %s names this place twice",
                               rd->subject);
            return true;
        }
    }

    return false;
}


static void
strip_version(gh_policy_reader_t *rd, void *record)
{
    gh_policy_service_draft_t *draft = record;

    if (gh_policy_token_is(rd, 't')) {
        draft->service.image.strip_version = 1;
        draft->strip_at = rd->token;
    }
}


/* What only all members together can tell. */
static void
service_check(gh_policy_reader_t *rd, gh_str_t at,
              gh_policy_service_draft_t *draft)
{
    if (draft->service.image.strip_version && !draft->from_path) {
        gh_policy_complain(rd, draft->strip_at,
                           "\"strip_version\" of %s takes the version out of "
                           "the path, but \"version_from\" does not name "
                           "\"path\"",
                           rd->subject);
    }

    /* none was read: that has been complained about */
    if (draft->service.image.versions.n == 0) {
        return;
    }

    default_find(rd, at, draft);
    successors_check(rd, draft);

    for (uint32_t i = 0; i < draft->rule_versions.n; i++) {
        const gh_policy_named_t *rule =
            (const gh_policy_named_t *) draft->rule_versions.items + i;

        (void) version_find(rd, draft, rule->name, rule->place,
                            "an access rule");
    }
}


static void
default_find(gh_policy_reader_t *rd, gh_str_t at,
             gh_policy_service_draft_t *draft)
{
    gh_image_service_t *service = &draft->service.image;
    const gh_policy_named_t *named = &draft->default_version;

    if (named->place.line > 0) {
        service->default_version = version_find(
            rd, draft, named->name, named->place, "\"default_version\"");
        return;
    }

    if (service->versions.n == 1) {
        service->default_version = 0;

    } else if (service->version_from.n == 0) {
        gh_policy_complain(rd, at,
                           "%s has %u versions and no request can choose: add "
                           "\"default_version\", or \"version_from\" as in "
                           "[\"path\"]",
                           rd->subject, service->versions.n);
    }
}


/* The index among the service's versions, or GH_IMAGE_ABSENT and a
 * complaint. */
static uint32_t
version_find(gh_policy_reader_t *rd, const gh_policy_service_draft_t *draft,
             gh_ref_t name, gh_policy_place_t place, const char *what)
{
    gh_span_t versions = draft->service.image.versions;
    gh_str_t word = gh_policy_part_str(rd->part, name);
    gh_policy_choices_t choices = { .word = word };

    for (uint32_t i = 0; i < versions.n; i++) {
        const gh_policy_version_t *version =
            gh_policy_part_at(rd->part, GH_POLICY_VERSIONS, versions.off + i);
        gh_str_t other = gh_policy_part_str(rd->part, version->image.name);

        if (gh_str_eq(other, word)) {
            return i;
        }

        gh_policy_choice(&choices, other);
    }

    gh_policy_complain_at(rd, place, "unknown version \"%s\" in %s of %s%s",
                          gh_policy_word(word).text, what, rd->subject,
                          gh_policy_advice(&choices, "versions").text);
    return GH_IMAGE_ABSENT;
}


static void
successors_check(gh_policy_reader_t *rd,
                 const gh_policy_service_draft_t *draft)
{
    gh_span_t versions = draft->service.image.versions;

    for (uint32_t i = 0; i < versions.n; i++) {
        const gh_policy_version_t *version =
            gh_policy_part_at(rd->part, GH_POLICY_VERSIONS, versions.off + i);

        if (version->successor_place.line == 0) {
            continue;
        }

        uint32_t found =
            version_find(rd, draft, version->image.successor,
                         version->successor_place, "\"successor\"");

        if (found == i) {
            gh_str_t name = gh_policy_part_str(rd->part, version->image.name);

            gh_policy_complain_at(rd, version->successor_place,
                                  "version \"%s\" of %s cannot be its own "
                                  "successor",
                                  gh_policy_word(name).text, rd->subject);
        }
    }
}
