/*
 * The access rules of a service: "methods" and "versions" say where a rule
 * applies, the other members what must hold there. They become a block for
 * gh_rules_require.
 */

#include "gh_policy_entry.h"
#include "gh_policy_names.h"
#include "gh_rules.h"


/* One rule while it is read. */
typedef struct {
    gh_policy_service_draft_t *service;
    gh_rules_builder_t *builder;
    gh_rule_word_t word;     /* of the condition being read */
    gh_policy_list_t refs;   /* gh_ref_t: its values */
    gh_policy_list_t values; /* gh_str_t: the same */
    bool required;           /* something must hold */
} rule_t;

typedef bool (*valid_pt)(gh_str_t s);


static void rule(gh_policy_reader_t *rd, void *record);
static void methods(gh_policy_reader_t *rd, void *record);
static void versions(gh_policy_reader_t *rd, void *record);
static void groups(gh_policy_reader_t *rd, void *record);
static void scopes(gh_policy_reader_t *rd, void *record);
static void consumers(gh_policy_reader_t *rd, void *record);
static void claims(gh_policy_reader_t *rd, void *record);
static void claim(gh_policy_reader_t *rd, gh_str_t name, gh_str_t at,
                  void *record);
static void one_value(gh_policy_reader_t *rd, void *record);
static bool value_text(gh_policy_reader_t *rd, const rule_t *r, gh_str_t *out);
static void value_check(gh_policy_reader_t *rd, rule_t *r, gh_str_t value,
                        gh_ref_t ref);
static void condition(gh_policy_reader_t *rd, rule_t *r, gh_rule_word_t word);
static void condition_add(gh_policy_reader_t *rd, rule_t *r, gh_str_t at,
                          gh_ref_t pointer);
static void built(gh_policy_reader_t *rd, gh_str_t at, gh_rc_t rc);
static void block_keep(gh_policy_reader_t *rd, gh_str_t block,
                       gh_ref_t *access);


static const gh_policy_member_t members[] = {
    { "methods", GH_POLICY_ARRAY, false, methods },
    { "versions", GH_POLICY_ARRAY, false, versions },
    { "groups", GH_POLICY_ARRAY, false, groups },
    { "scopes", GH_POLICY_ARRAY, false, scopes },
    { "consumers", GH_POLICY_ARRAY, false, consumers },
    { "claims", GH_POLICY_OBJECT, false, claims },
};

static const gh_policy_shape_t shape =
    GH_POLICY_SHAPE("an access rule", members);


void
gh_policy_access(gh_policy_reader_t *rd, void *record)
{
    rule_t r = {
        .service = record,
        .refs.size = sizeof(gh_ref_t),
        .values.size = sizeof(gh_str_t),
    };
    gh_str_t at = rd->token;
    gh_str_t block;

    built(rd, at, gh_rules_begin(rd->a, &r.builder));

    if (rd->rc == GH_OK) {
        (void) gh_policy_items(rd, rule, &r);

        if (rd->rc != GH_OK) {
            gh_rules_abandon(r.builder);

        } else {
            gh_rc_t rc = gh_rules_finish(r.builder, &block);

            built(rd, at, rc);

            if (rc == GH_OK) {
                block_keep(rd, block, &r.service->service.image.access);
            }
        }
    }

    gh_policy_list_free(&r.refs, rd->a);
    gh_policy_list_free(&r.values, rd->a);
}


static void
rule(gh_policy_reader_t *rd, void *record)
{
    rule_t *r = record;
    gh_str_t at = rd->token;

    if (!gh_policy_want(rd, GH_POLICY_OBJECT, "an access rule")) {
        return;
    }

    bool complained = rd->complained;

    rd->complained = false;
    r->required = false;
    built(rd, at, gh_rules_open(r->builder));

    if (rd->rc != GH_OK) {
        return;
    }

    gh_policy_object(rd, &shape, r);

    if (rd->rc != GH_OK) {
        return;
    }

    gh_rc_t rc = gh_rules_close(r->builder);

    if (!r->required && !rd->complained) {
        gh_policy_complain(rd, at,
                           "an access rule of %s says where it applies but "
                           "not what must hold there; add \"groups\", "
                           "\"scopes\", \"consumers\" or \"claims\"",
                           rd->subject);
    }

    built(rd, at, rc);
    rd->complained = rd->complained || complained;
}


static void
methods(gh_policy_reader_t *rd, void *record)
{
    condition(rd, record, GH_WORD_METHOD);
}


static void
versions(gh_policy_reader_t *rd, void *record)
{
    condition(rd, record, GH_WORD_VERSION);
}


static void
groups(gh_policy_reader_t *rd, void *record)
{
    condition(rd, record, GH_WORD_GROUP);
}


static void
scopes(gh_policy_reader_t *rd, void *record)
{
    condition(rd, record, GH_WORD_SCOPE);
}


static void
consumers(gh_policy_reader_t *rd, void *record)
{
    condition(rd, record, GH_WORD_CONSUMER);
}


static void
condition(gh_policy_reader_t *rd, rule_t *r, gh_rule_word_t word)
{
    gh_str_t at = rd->token;

    r->word = word;
    r->refs.n = 0;

    if (word != GH_WORD_METHOD && word != GH_WORD_VERSION) {
        r->required = true;
    }

    if (gh_policy_items(rd, one_value, r) == 0) {
        gh_policy_complain(rd, at,
                           "an empty list in an access rule of %s; name at "
                           "least one, or leave it out",
                           rd->subject);
    }

    condition_add(rd, r, at, (gh_ref_t){ 0, 0 });
}


static void
claims(gh_policy_reader_t *rd, void *record)
{
    rule_t *r = record;
    gh_str_t at = rd->token;

    r->word = GH_WORD_CLAIM;
    r->required = true;

    if (gh_policy_entries(rd, claim, r) == 0) {
        gh_policy_complain(rd, at,
                           "\"claims\" in an access rule of %s is empty; name "
                           "at least one, or leave it out",
                           rd->subject);
    }
}


static void
claim(gh_policy_reader_t *rd, gh_str_t name, gh_str_t at, void *record)
{
    rule_t *r = record;
    gh_str_t pointer;

    if (!gh_policy_pointer_parse(name, &pointer)) {
        gh_policy_complain(rd, at,
                           "\"%s\" is neither the name of a claim nor a JSON "
                           "pointer to one",
                           gh_policy_word(name).text);
        gh_policy_skip(rd);
        return;
    }

    gh_ref_t kept = gh_policy_intern(rd, pointer);

    r->refs.n = 0;

    if (gh_policy_type(rd) != GH_POLICY_ARRAY) {
        one_value(rd, r);

    } else if (gh_policy_items(rd, one_value, r) == 0) {
        gh_policy_complain(rd, at,
                           "claim \"%s\" in an access rule of %s has no "
                           "values; name at least one",
                           gh_policy_word(name).text, rd->subject);
    }

    condition_add(rd, r, at, kept);
}


static void
one_value(gh_policy_reader_t *rd, void *record)
{
    rule_t *r = record;
    gh_str_t value;

    if (!value_text(rd, r, &value)) {
        return;
    }

    gh_ref_t ref = gh_policy_intern(rd, value);

    if (gh_policy_list_add(&r->refs, rd->a, &ref, 1) == NULL) {
        rd->rc = GH_NOMEM;
        return;
    }

    value_check(rd, r, gh_policy_part_str(rd->part, ref), ref);
}


/* Claims are not only strings; what stands there is compared as a text. */
static bool
value_text(gh_policy_reader_t *rd, const rule_t *r, gh_str_t *out)
{
    static const char digits[] = "0123456789";
    gh_policy_type_t type = gh_policy_type(rd);

    if (r->word == GH_WORD_CLAIM && type == GH_POLICY_BOOL) {
        *out = rd->token;
        return true;
    }

    if (r->word == GH_WORD_CLAIM && type == GH_POLICY_NUMBER) {
        size_t i = rd->token.data[0] == '-';

        while (i < rd->token.len
               && memchr(digits, rd->token.data[i], sizeof(digits) - 1))
        {
            i++;
        }

        *out = rd->token;
        if (i == rd->token.len) {
            return true;
        }

        gh_policy_complain(rd, rd->token,
                           "the value of a claim of %s must be a whole "
                           "number, a string, true or false",
                           rd->subject);
        return false;
    }

    return gh_policy_want(rd, GH_POLICY_STRING, "a value in an access rule")
           && gh_policy_string(rd, out);
}


/* Names of things that are declared must lead to them; groups, scopes and
 * claims also come from issuers that we know nothing about. */
static void
value_check(gh_policy_reader_t *rd, rule_t *r, gh_str_t value, gh_ref_t ref)
{
    gh_policy_named_t named = { ref, gh_policy_place(rd, rd->token) };

    if (!gh_policy_text_valid(value)
        || (r->word == GH_WORD_SCOPE && !gh_policy_scope_valid(value)))
    {
        gh_policy_complain(rd, rd->token,
                           "\"%s\" in an access rule of %s can match nothing",
                           gh_policy_word(value).text, rd->subject);

    } else if (r->word == GH_WORD_METHOD && !gh_policy_method_valid(value)) {
        gh_policy_complain(rd, rd->token,
                           "\"%s\" in an access rule of %s is no method; "
                           "methods are written as in \"GET\"",
                           gh_policy_word(value).text, rd->subject);

    } else if (r->word == GH_WORD_CONSUMER) {
        (void) gh_policy_add(rd, GH_POLICY_REQUIRED, &named);

    } else if (r->word == GH_WORD_VERSION
               && gh_policy_list_add(&r->service->rule_versions, rd->a, &named,
                                     1)
                      == NULL)
    {
        rd->rc = GH_NOMEM;
    }
}


/* The pool does not move any more while the values are borrowed. */
static void
condition_add(gh_policy_reader_t *rd, rule_t *r, gh_str_t at, gh_ref_t pointer)
{
    const gh_ref_t *refs = r->refs.items;

    r->values.n = 0;

    for (uint32_t i = 0; i < r->refs.n && rd->rc == GH_OK; i++) {
        gh_str_t value = gh_policy_part_str(rd->part, refs[i]);

        if (gh_policy_list_add(&r->values, rd->a, &value, 1) == NULL) {
            rd->rc = GH_NOMEM;
        }
    }

    if (rd->rc == GH_OK && r->values.n > 0) {
        built(rd, at,
              gh_rules_condition(r->builder, r->word,
                                 gh_policy_part_str(rd->part, pointer),
                                 r->values.items, r->values.n));
    }
}


/* What has been complained about may well be refused by the builder too. */
static void
built(gh_policy_reader_t *rd, gh_str_t at, gh_rc_t rc)
{
    if (rc == GH_NOMEM) {
        rd->rc = GH_NOMEM;

    } else if (rc == GH_FULL) {
        gh_policy_complain(rd, at,
                           "the access rules of %s are too long: more than %d "
                           "bytes",
                           rd->subject, GH_RULES_MAX);

    } else if (rc != GH_OK && !rd->complained) {
        gh_policy_complain(rd, at,
                           "an access rule of %s names one claim twice, as a "
                           "name and as a pointer",
                           rd->subject);
    }
}


static void
block_keep(gh_policy_reader_t *rd, gh_str_t block, gh_ref_t *access)
{
    union {
        const char *borrowed;
        void *owned;
    } data = { block.data };

    *access = gh_policy_keep(rd, block);
    rd->a->free(rd->a->ctx, data.owned);
}
