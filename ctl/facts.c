/*
 * Facts are built member by member in the words of the policy documents.
 */

#include "facts.h"
#include "gh_bytes.h"

#include <inttypes.h>
#include <stdio.h>

#define SHORT 160 /* of texts made here */


static uint32_t count_plans(const gh_image_t *im);
static uint32_t count_consumers(const gh_image_t *im);
static uint32_t count_services(const gh_image_t *im);
static gh_str_t name_plan(const gh_image_t *im, uint32_t i);
static gh_str_t name_consumer(const gh_image_t *im, uint32_t i);
static gh_str_t name_service(const gh_image_t *im, uint32_t i);
static uint32_t find_plan(const gh_image_t *im, gh_str_t name);
static uint32_t find_consumer(const gh_image_t *im, gh_str_t name);
static uint32_t find_service(const gh_image_t *im, gh_str_t name);
static json_t *facts_plan(const ctl_facts_t *f, uint32_t i);
static json_t *facts_consumer(const ctl_facts_t *f, uint32_t i);
static json_t *facts_service(const ctl_facts_t *f, uint32_t i);

static ctl_chain_t chain(ctl_t *c, const gh_image_t *im, uint32_t n,
                         uint32_t (*owner)(const gh_image_t *im, uint32_t i));
static uint32_t key_owner(const gh_image_t *im, uint32_t i);
static uint32_t token_owner(const gh_image_t *im, uint32_t i);
static uint32_t signature_owner(const gh_image_t *im, uint32_t i);
static json_t *keys(const ctl_facts_t *f, uint32_t consumer);
static json_t *tokens(const ctl_facts_t *f, uint32_t consumer);
static json_t *signatures(const ctl_facts_t *f, uint32_t consumer);
static json_t *versions(const gh_image_t *im,
                        const gh_image_service_t *service);
static json_t *deployments(const gh_image_t *im,
                           const gh_image_version_t *version);
static json_t *version_from(const gh_image_t *im,
                            const gh_image_service_t *service);
static json_t *limit(const gh_limit_t *l);
static json_t *strings(const gh_image_t *im, gh_span_t span);
static json_t *text(const gh_image_t *im, gh_ref_t ref);
static json_t *digest(gh_str_t bytes);
static void put(json_t *object, gh_str_t name, json_t *value);


const ctl_facts_kind_t ctl_facts_kinds[CTL_FACTS_KINDS] = {
    { "plan", count_plans, name_plan, find_plan, facts_plan },
    { "consumer", count_consumers, name_consumer, find_consumer,
      facts_consumer },
    { "service", count_services, name_service, find_service, facts_service },
};


void
ctl_facts_init(ctl_t *c, const gh_image_t *im, ctl_facts_t *out)
{
    out->im = im;
    out->keys = chain(c, im, im->n_keys, key_owner);
    out->tokens = chain(c, im, im->n_tokens, token_owner);
    out->signatures = chain(c, im, im->n_signatures, signature_owner);
}


static ctl_chain_t
chain(ctl_t *c, const gh_image_t *im, uint32_t n,
      uint32_t (*owner)(const gh_image_t *im, uint32_t i))
{
    size_t consumers = (size_t) im->n_consumers + 1;
    ctl_chain_t out = {
        ctl_alloc(&c->arena, consumers * sizeof(uint32_t)),
        ctl_alloc(&c->arena, ((size_t) n + 1) * sizeof(uint32_t)),
    };

    for (size_t i = 0; i < consumers; i++) {
        out.first[i] = GH_IMAGE_ABSENT;
    }

    for (uint32_t i = n; i-- > 0;) {
        uint32_t consumer = owner(im, i);

        if (consumer < im->n_consumers) {
            out.next[i] = out.first[consumer];
            out.first[consumer] = i;
        }
    }

    return out;
}


static uint32_t
key_owner(const gh_image_t *im, uint32_t i)
{
    return gh_image_key_at(im, i)->consumer;
}


static uint32_t
token_owner(const gh_image_t *im, uint32_t i)
{
    return gh_image_token_at(im, i)->consumer;
}


static uint32_t
signature_owner(const gh_image_t *im, uint32_t i)
{
    return gh_image_signature_at(im, i)->consumer;
}


static uint32_t
count_plans(const gh_image_t *im)
{
    return im->n_plans;
}


static uint32_t
count_consumers(const gh_image_t *im)
{
    return im->n_consumers;
}


static uint32_t
count_services(const gh_image_t *im)
{
    return im->n_services;
}


static gh_str_t
name_plan(const gh_image_t *im, uint32_t i)
{
    return gh_image_str(im, gh_image_plan(im, i)->name);
}


static gh_str_t
name_consumer(const gh_image_t *im, uint32_t i)
{
    return gh_image_str(im, gh_image_consumer_at(im, i)->name);
}


static gh_str_t
name_service(const gh_image_t *im, uint32_t i)
{
    return gh_image_str(im, gh_image_service_at(im, i)->name);
}


static uint32_t
find_plan(const gh_image_t *im, gh_str_t name)
{
    const gh_image_plan_t *plan = gh_image_plan_named(im, name);

    return plan == NULL ? GH_IMAGE_ABSENT
                        : (uint32_t) (plan - gh_image_plan(im, 0));
}


static uint32_t
find_consumer(const gh_image_t *im, gh_str_t name)
{
    const gh_image_consumer_t *consumer = gh_image_consumer(im, name);

    return consumer == NULL
               ? GH_IMAGE_ABSENT
               : (uint32_t) (consumer - gh_image_consumer_at(im, 0));
}


static uint32_t
find_service(const gh_image_t *im, gh_str_t name)
{
    const gh_image_service_t *service = gh_image_service(im, name);

    return service == NULL ? GH_IMAGE_ABSENT : service->index;
}


static json_t *
facts_plan(const ctl_facts_t *f, uint32_t index)
{
    const gh_image_t *im = f->im;
    const gh_image_plan_t *plan = gh_image_plan(im, index);
    const gh_image_limit_t *limits = gh_image_at(im, plan->limits);
    const uint32_t *services = gh_image_at(im, plan->services);
    json_t *by_name = json_object(), *list = json_array();

    for (uint32_t i = 0; i < plan->limits.n; i++) {
        put(by_name, gh_image_str(im, limits[i].name),
            limit(&limits[i].limit));
    }

    for (uint32_t i = 0; i < plan->services.n; i++) {
        const gh_image_service_t *s = gh_image_service_at(im, services[i]);

        (void) json_array_append_new(list, text(im, s->name));
    }

    if (plan->all_services) {
        json_decref(list);
        list = json_string("all");
    }

    return json_pack("{s:o, s:o, s:s}", "limits", by_name, "services", list,
                     "per", plan->per_service ? "service" : "consumer");
}


static json_t *
limit(const gh_limit_t *l)
{
    char room[SHORT];

    if (l->kind == GH_LIMIT_QUOTA) {
        (void) snprintf(room, sizeof(room), "%" PRIu64 "r/%s", l->amount,
                        l->unit_s > 86400 ? "month" : "day");
    } else {
        (void) snprintf(room, sizeof(room), "%" PRIu64 "r/%s burst=%" PRIu64,
                        l->amount,
                        l->unit_s == 1    ? "s"
                        : l->unit_s == 60 ? "m"
                                          : "h",
                        l->burst);
    }

    return json_string(room);
}


static json_t *
facts_consumer(const ctl_facts_t *f, uint32_t index)
{
    const gh_image_t *im = f->im;
    const gh_image_consumer_t *consumer = gh_image_consumer_at(im, index);
    const gh_image_plan_t *plan = gh_image_plan(im, consumer->plan);

    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "plan",
        plan == NULL ? json_null() : text(im, plan->name), "groups",
        strings(im, consumer->groups), "scopes", strings(im, consumer->scopes),
        "name", text(im, consumer->display_name), "email",
        text(im, consumer->email), "api_keys", keys(f, index), "tokens",
        tokens(f, index), "signatures", signatures(f, index));
}


static json_t *
keys(const ctl_facts_t *f, uint32_t consumer)
{
    json_t *out = json_object();

    for (uint32_t i = f->keys.first[consumer]; i != GH_IMAGE_ABSENT;
         i = f->keys.next[i])
    {
        const gh_image_key_t *key = gh_image_key_at(f->im, i);
        gh_str_t hash = { (const char *) key->hash, sizeof(key->hash) };

        put(out, gh_image_str(f->im, key->id),
            json_pack("{s:o, s:I}", "key", digest(hash), "expires",
                      (json_int_t) key->expires_at_s));
    }

    return out;
}


/* Named after the claims that must match. */
static json_t *
tokens(const ctl_facts_t *f, uint32_t consumer)
{
    json_t *out = json_object();

    for (uint32_t i = f->tokens.first[consumer]; i != GH_IMAGE_ABSENT;
         i = f->tokens.next[i])
    {
        const gh_image_token_t *token = gh_image_token_at(f->im, i);
        const gh_ref_t *pairs = gh_image_at(f->im, token->claims);
        char room[1024];
        gh_buf_t name = GH_BUF(room);

        (void) gh_buf_add(&name, gh_image_str(f->im, token->issuer));

        for (uint32_t k = 0; k < token->claims.n; k++) {
            (void) gh_buf_add_char(&name, ' ');
            (void) gh_buf_add(&name, gh_image_str(f->im, pairs[2 * k]));
            (void) gh_buf_add_char(&name, '=');
            (void) gh_buf_add(&name, gh_image_str(f->im, pairs[2 * k + 1]));
        }

        put(out, gh_buf_str(&name), json_object());
    }

    return out;
}


static json_t *
signatures(const ctl_facts_t *f, uint32_t consumer)
{
    json_t *out = json_object();

    for (uint32_t i = f->signatures.first[consumer]; i != GH_IMAGE_ABSENT;
         i = f->signatures.next[i])
    {
        const gh_image_signature_t *s = gh_image_signature_at(f->im, i);

        put(out, gh_image_str(f->im, s->keyid),
            json_pack("{s:o, s:o}", "algorithm", text(f->im, s->algorithm),
                      "key", digest(gh_image_str(f->im, s->key))));
    }

    return out;
}


static json_t *
facts_service(const ctl_facts_t *f, uint32_t index)
{
    const gh_image_t *im = f->im;
    const gh_image_service_t *s = gh_image_service_at(im, index);
    const gh_image_version_t *fallback = gh_image_version_default(im, s);
    json_t *access = json_object();

    if (s->access.len > 0) {
        put(access, GH_STR("rules"),
            json_pack("{s:o}", "rules", digest(gh_image_str(im, s->access))));
    }

    return json_pack("{s:o, s:o, s:b, s:o, s:o}", "default_version",
                     fallback == NULL ? json_null() : text(im, fallback->name),
                     "version_from", version_from(im, s), "strip_version",
                     s->strip_version != 0, "access", access, "versions",
                     versions(im, s));
}


static json_t *
version_from(const gh_image_t *im, const gh_image_service_t *service)
{
    const gh_image_version_from_t *from =
        gh_image_at(im, service->version_from);
    json_t *list = json_array();

    for (uint32_t i = 0; i < service->version_from.n; i++) {
        char room[SHORT];
        gh_buf_t out = GH_BUF(room);

        if (from[i].from == GH_VERSION_FROM_HEADER) {
            (void) gh_buf_add(&out, GH_STR("header:"));
            (void) gh_buf_add(&out, gh_image_str(im, from[i].header));
        } else {
            (void) gh_buf_add(&out, from[i].from == GH_VERSION_FROM_PATH
                                        ? GH_STR("path")
                                        : GH_STR("media-type"));
        }

        (void) json_array_append_new(list, ctl_json_text(gh_buf_str(&out)));
    }

    return list;
}


static json_t *
versions(const gh_image_t *im, const gh_image_service_t *service)
{
    const gh_image_version_t *v = gh_image_at(im, service->versions);
    json_t *out = json_object();

    for (uint32_t i = 0; i < service->versions.n; i++) {
        put(out, gh_image_str(im, v[i].name),
            json_pack("{s:o, s:I, s:I, s:o, s:o, s:i}", "deployments",
                      deployments(im, &v[i]), "deprecated",
                      (json_int_t) v[i].deprecated_at_s, "sunset",
                      (json_int_t) v[i].sunset_at_s, "successor",
                      text(im, v[i].successor), "link", text(im, v[i].link),
                      "sticky", (int) v[i].sticky));
    }

    return out;
}


static json_t *
deployments(const gh_image_t *im, const gh_image_version_t *version)
{
    const gh_image_deployment_t *d = gh_image_at(im, version->deployments);
    json_t *out = json_object();

    for (uint32_t i = 0; i < version->deployments.n; i++) {
        put(out, gh_image_str(im, d[i].name),
            json_pack("{s:o, s:I}", "upstream", text(im, d[i].upstream),
                      "initial_weight", (json_int_t) d[i].initial_weight));
    }

    return out;
}


static json_t *
strings(const gh_image_t *im, gh_span_t span)
{
    const gh_ref_t *refs = gh_image_at(im, span);
    json_t *list = json_array();

    for (uint32_t i = 0; i < span.n; i++) {
        (void) json_array_append_new(list, text(im, refs[i]));
    }

    return list;
}


static json_t *
text(const gh_image_t *im, gh_ref_t ref)
{
    return ctl_json_text(gh_image_str(im, ref));
}


static json_t *
digest(gh_str_t bytes)
{
    uint8_t hash[GH_SHA256_LEN];
    char room[2 * GH_SHA256_LEN];
    gh_buf_t hex = GH_BUF(room);

    gh_sha256(bytes, hash);
    (void) gh_hex_encode((gh_str_t){ (const char *) hash, sizeof(hash) },
                         &hex);

    return ctl_json_text(gh_buf_str(&hex));
}


/* value is handed over; names of policies have no NUL in them. */
static void
put(json_t *object, gh_str_t name, json_t *value)
{
    char room[1025];
    size_t len = name.len < sizeof(room) ? name.len : sizeof(room) - 1;

    memcpy(room, name.data, len);
    room[len] = '\0';
    (void) json_object_set_new(object, room, value);
}
