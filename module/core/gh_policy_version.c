/*
 * The versions of a service, their deployments and their end.
 */

#include "gh_choose.h"
#include "gh_policy_entry.h"
#include "gh_policy_names.h"

#include <stdio.h>


typedef struct {
    gh_str_t at; /* len 0: none given */
    uint32_t weight;
} weight_t;

typedef struct {
    gh_policy_version_t record;
    gh_str_t deployments_at, sunset_at;
    weight_t weights[GH_DEPLOYMENTS_MAX];
    uint32_t n;                        /* deployments met so far */
    gh_policy_deployment_t deployment; /* the one being read */
} draft_t;


static void version(gh_policy_reader_t *rd, gh_str_t name, gh_str_t at,
                    void *record);
static void version_subject(gh_policy_reader_t *rd, gh_str_t name,
                            const gh_policy_service_draft_t *service);
static void deployments(gh_policy_reader_t *rd, void *record);
static void deployment(gh_policy_reader_t *rd, gh_str_t name, gh_str_t at,
                       void *record);
static void upstream(gh_policy_reader_t *rd, void *record);
static void initial_weight(gh_policy_reader_t *rd, void *record);
static void weights_check(gh_policy_reader_t *rd, const draft_t *draft,
                          gh_str_t at);
static void weights_missing(gh_policy_reader_t *rd, const draft_t *draft,
                            gh_str_t at, uint32_t sum);
static void weights_even(gh_policy_reader_t *rd, const draft_t *draft,
                         gh_str_t at);
static gh_str_t deployment_name(gh_policy_reader_t *rd, const draft_t *draft,
                                uint32_t i);
static void deprecated(gh_policy_reader_t *rd, void *record);
static void sunset(gh_policy_reader_t *rd, void *record);
static void successor(gh_policy_reader_t *rd, void *record);
static void link_to(gh_policy_reader_t *rd, void *record);
static void sticky(gh_policy_reader_t *rd, void *record);


static const gh_policy_member_t version_members[] = {
    { "deployments", GH_POLICY_OBJECT, true, deployments },
    { "deprecated", GH_POLICY_STRING, false, deprecated },
    { "sunset", GH_POLICY_STRING, false, sunset },
    { "successor", GH_POLICY_STRING, false, successor },
    { "link", GH_POLICY_STRING, false, link_to },
    { "sticky", GH_POLICY_STRING, false, sticky },
};

static const gh_policy_shape_t version_shape =
    GH_POLICY_SHAPE(NULL, version_members);

static const gh_policy_member_t deployment_members[] = {
    { "upstream", GH_POLICY_STRING, true, upstream },
    { "initial_weight", GH_POLICY_STRING, false, initial_weight },
};

static const gh_policy_shape_t deployment_shape =
    GH_POLICY_SHAPE("a deployment", deployment_members);

static const char *const sticky_words[] = {
    [GH_STICKY_NONE] = "none",
    [GH_STICKY_PRINCIPAL] = "principal",
    [GH_STICKY_COOKIE] = "cookie",
    [GH_STICKY_SOURCE] = "source",
};

#define STICKY_WORDS (sizeof(sticky_words) / sizeof(sticky_words[0]))


void
gh_policy_versions(gh_policy_reader_t *rd, void *record)
{
    gh_policy_service_draft_t *service = record;
    gh_span_t *span = &service->service.image.versions;
    gh_str_t at = rd->token;

    span->off = gh_policy_count(rd, GH_POLICY_VERSIONS);

    if (gh_policy_entries(rd, version, service) == 0) {
        gh_policy_complain(rd, at,
                           "%s has no versions; one is enough: { \"v1\": { "
                           "\"deployments\": { \"main\": { \"upstream\": "
                           "\"NAME\" } } } }",
                           rd->subject);
    }

    span->n = gh_policy_count(rd, GH_POLICY_VERSIONS) - span->off;
}


static void
version(gh_policy_reader_t *rd, gh_str_t name, gh_str_t at, void *record)
{
    gh_policy_service_draft_t *service = record;
    draft_t draft = { .n = 0 };

    if (!gh_version_name_valid(name)) {
        gh_policy_complain(rd, at,
                           "\"%s\" cannot be the name of a version: small "
                           "letters, digits, '.', '_' and '-', beginning with "
                           "a letter or digit, at most 32",
                           gh_policy_word(name).text);
    }

    version_subject(rd, name, service);
    draft.record.image.name = gh_policy_intern(rd, name);
    draft.record.image.sticky = GH_STICKY_PRINCIPAL;

    if (gh_policy_want(rd, GH_POLICY_OBJECT, NULL)) {
        gh_policy_object(rd, &version_shape, &draft);
    }

    const gh_image_version_t *image = &draft.record.image;

    if (image->sunset_at_s > 0 && image->sunset_at_s < image->deprecated_at_s)
    {
        gh_policy_complain(rd, draft.sunset_at,
                           "the sunset of %s is before it is deprecated",
                           rd->subject);
    }

    (void) gh_policy_add(rd, GH_POLICY_VERSIONS, &draft.record);

    gh_policy_subject(
        rd, "service",
        gh_policy_part_str(rd->part, service->service.image.name));
}


static void
version_subject(gh_policy_reader_t *rd, gh_str_t name,
                const gh_policy_service_draft_t *service)
{
    gh_str_t of = gh_policy_part_str(rd->part, service->service.image.name);

    (void) snprintf(rd->subject, sizeof(rd->subject),
                    "version \"%s\" of service \"%s\"",
                    gh_policy_word(name).text, gh_policy_word(of).text);
}


static void
deployments(gh_policy_reader_t *rd, void *record)
{
    draft_t *draft = record;
    gh_span_t *span = &draft->record.image.deployments;
    gh_str_t at = rd->token;
    bool complained = rd->complained;

    rd->complained = false;
    span->off = gh_policy_count(rd, GH_POLICY_DEPLOYMENTS);
    size_t n = gh_policy_entries(rd, deployment, draft);
    span->n = gh_policy_count(rd, GH_POLICY_DEPLOYMENTS) - span->off;

    if (n == 0) {
        gh_policy_complain(rd, at,
                           "%s has no deployments; one is enough: { \"main\": "
                           "{ \"upstream\": \"NAME\" } }",
                           rd->subject);

    } else if (n > GH_DEPLOYMENTS_MAX) {
        gh_policy_complain(rd, at,
                           "%s has %zu deployments, at most %d are "
                           "possible",
                           rd->subject, n, GH_DEPLOYMENTS_MAX);

    } else if (draft->n > 0 && !rd->complained && rd->rc == GH_OK) {
        weights_check(rd, draft, at);
    }

    rd->complained = rd->complained || complained;
}


static void
deployment(gh_policy_reader_t *rd, gh_str_t name, gh_str_t at, void *record)
{
    draft_t *draft = record;

    memset(&draft->deployment, 0, sizeof(draft->deployment));
    (void) gh_policy_name_check(rd, name, at, "deployment");

    draft->deployment.image.name = gh_policy_intern(rd, name);
    draft->deployment.image.name_hash = gh_choose_hash(name);
    draft->deployment.image.initial_weight = GH_WEIGHT_ALL;

    if (gh_policy_want(rd, GH_POLICY_OBJECT, "a deployment")) {
        gh_policy_object(rd, &deployment_shape, draft);
    }

    draft->n++;
    (void) gh_policy_add(rd, GH_POLICY_DEPLOYMENTS, &draft->deployment);
}


static void
upstream(gh_policy_reader_t *rd, void *record)
{
    draft_t *draft = record;
    gh_str_t name;

    if (!gh_policy_string(rd, &name)) {
        return;
    }

    if (!gh_policy_upstream_valid(name)) {
        gh_policy_complain(rd, rd->token,
                           "\"%s\" cannot be the name of an upstream",
                           gh_policy_word(name).text);
        return;
    }

    draft->deployment.image.upstream = gh_policy_intern(rd, name);
    draft->deployment.upstream_place = gh_policy_place(rd, rd->token);
}


static void
initial_weight(gh_policy_reader_t *rd, void *record)
{
    draft_t *draft = record;
    uint32_t weight;
    gh_str_t text;

    if (!gh_policy_string(rd, &text)) {
        return;
    }

    if (gh_weight_parse(text, &weight) != GH_OK) {
        gh_policy_complain(rd, rd->token,
                           "\"initial_weight\" in a deployment of %s: \"%s\" "
                           "is no weight; write \"0%%\" to \"100%%\", in "
                           "steps of \"0.01%%\"",
                           rd->subject, gh_policy_word(text).text);
        return;
    }

    draft->deployment.image.initial_weight = weight;

    if (draft->n < GH_DEPLOYMENTS_MAX) {
        draft->weights[draft->n] = (weight_t){ rd->token, weight };
    }
}


/* They must add up, and nobody's share is guessed. */
static void
weights_check(gh_policy_reader_t *rd, const draft_t *draft, gh_str_t at)
{
    uint32_t sum = 0, given = 0;

    for (uint32_t i = 0; i < draft->n; i++) {
        given += draft->weights[i].at.len > 0;
        sum += draft->weights[i].weight;
    }

    if (given == 0 && draft->n == 1) {
        return;
    }

    if (given == 0) {
        weights_even(rd, draft, at);
        return;
    }

    if (given < draft->n) {
        weights_missing(rd, draft, at, sum);
        return;
    }

    if (sum != GH_WEIGHT_ALL) {
        char room[32];
        gh_buf_t text = GH_BUF(room);

        (void) gh_weight_text(sum, &text);
        gh_policy_complain(rd, draft->weights[draft->n - 1].at,
                           "the initial weights of %s add up to %.*s; they "
                           "must add up to 100%%",
                           rd->subject, (int) text.len, text.data);
    }
}


static void
weights_missing(gh_policy_reader_t *rd, const draft_t *draft, gh_str_t at,
                uint32_t sum)
{
    uint32_t i = 0;
    char room[32];
    gh_buf_t text = GH_BUF(room);

    while (draft->weights[i].at.len > 0) {
        i++;
    }

    (void) gh_weight_text(sum > GH_WEIGHT_ALL ? 0 : GH_WEIGHT_ALL - sum,
                          &text);
    gh_policy_complain(rd, at,
                       "deployment \"%s\" of %s has no \"initial_weight\"; "
                       "%.*s is what the others leave",
                       gh_policy_word(deployment_name(rd, draft, i)).text,
                       rd->subject, (int) text.len, text.data);
}


static void
weights_even(gh_policy_reader_t *rd, const draft_t *draft, gh_str_t at)
{
    char room[200];
    gh_buf_t text = GH_BUF(room);
    uint32_t share = GH_WEIGHT_ALL / draft->n;

    for (uint32_t i = 0; i < draft->n; i++) {
        gh_policy_word_t name = gh_policy_word(deployment_name(rd, draft, i));
        uint32_t weight =
            i == 0 ? GH_WEIGHT_ALL - share * (draft->n - 1) : share;

        /* what does not fit is left out */
        (void) gh_buf_add_fmt(&text, "%s%s ", i == 0 ? "" : ", ", name.text);
        (void) gh_weight_text(weight, &text);
    }

    gh_policy_complain(rd, at,
                       "the deployments of %s have no \"initial_weight\"; an "
                       "even split is %.*s",
                       rd->subject, (int) text.len, text.data);
}


static gh_str_t
deployment_name(gh_policy_reader_t *rd, const draft_t *draft, uint32_t i)
{
    const gh_policy_deployment_t *found =
        gh_policy_part_at(rd->part, GH_POLICY_DEPLOYMENTS,
                          draft->record.image.deployments.off + i);

    return gh_policy_part_str(rd->part, found->image.name);
}


static void
deprecated(gh_policy_reader_t *rd, void *record)
{
    draft_t *draft = record;

    draft->record.image.deprecated_at_s = gh_policy_time(rd, "deprecated");
}


static void
sunset(gh_policy_reader_t *rd, void *record)
{
    draft_t *draft = record;

    draft->sunset_at = rd->token;
    draft->record.image.sunset_at_s = gh_policy_time(rd, "sunset");
}


/* Whether there is such a version is known when all have been read. */
static void
successor(gh_policy_reader_t *rd, void *record)
{
    draft_t *draft = record;
    gh_str_t name;

    if (gh_policy_string(rd, &name)) {
        draft->record.image.successor = gh_policy_intern(rd, name);
        draft->record.successor_place = gh_policy_place(rd, rd->token);
    }
}


static void
link_to(gh_policy_reader_t *rd, void *record)
{
    draft_t *draft = record;
    gh_str_t uri;

    if (!gh_policy_string(rd, &uri)) {
        return;
    }

    if (!gh_policy_uri_valid(uri)) {
        gh_policy_complain(rd, rd->token,
                           "\"link\" of %s: \"%s\" is neither an https or "
                           "http URI nor a path",
                           rd->subject, gh_policy_word(uri).text);
        return;
    }

    draft->record.image.link = gh_policy_keep(rd, uri);
}


static void
sticky(gh_policy_reader_t *rd, void *record)
{
    draft_t *draft = record;
    gh_policy_choices_t choices = { .n = 0 };
    gh_str_t word;

    if (!gh_policy_string(rd, &word)) {
        return;
    }

    choices.word = word;

    for (uint32_t i = 0; i < STICKY_WORDS; i++) {
        if (gh_str_eq(gh_str(sticky_words[i]), word)) {
            draft->record.image.sticky = i;
            return;
        }

        gh_policy_choice(&choices, gh_str(sticky_words[i]));
    }

    gh_policy_complain(rd, rd->token, "\"sticky\" of %s is \"%s\"%s",
                       rd->subject, gh_policy_word(word).text,
                       gh_policy_advice(&choices, "choices").text);
}
