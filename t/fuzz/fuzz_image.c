/*
 * Images with wrong bytes and a right checksum: one that opens deep can be
 * read through and through without leaving it. The input is either an image
 * or, so that seeds outlive a change of the layout, a list of changes to a
 * good one: 32 bits of offset, 32 bits of value, each.
 */

#include "fuzz_sealed.h"

#include "gh_policy.h"


static gh_rc_t read_secret(void *ctx, gh_str_t path, gh_buf_t *out,
                           const char **why);
static gh_str_t good_image(void);
static void read_all(const gh_image_t *im);
static void read_names(const gh_image_t *im, gh_str_t name);
static void read_plans(const gh_image_t *im);
static void read_consumers(const gh_image_t *im);
static void read_services(const gh_image_t *im);
static void read_refs(const gh_image_t *im, gh_span_t refs);
static void read_bytes(gh_str_t bytes);


static const uint8_t sip[16];

static const char document[] =
    "{\"plans\":{\"gold\":{\"limits\":{\"s\":\"10r/s\",\"d\":\"9r/day\"},"
    "\"services\":[\"b\",\"a\"]},\"default\":{},\"anonymous\":{}},"
    "\"consumers\":{\"acme\":{\"plan\":\"gold\",\"groups\":[\"g\"],"
    "\"scopes\":[\"x\",\"y\"],\"name\":\"Acme\",\"email\":\"a@b\","
    "\"credentials\":{\"api_keys\":[{\"id\":\"k1\",\"hash\":\"sha256:"
    "0102030405060708000000000000000000000000000000000000000000000000\"},"
    "{\"id\":\"k2\",\"hash\":\"sha256:"
    "0202030405060708000000000000000000000000000000000000000000000000\"}],"
    "\"signatures\":[{\"keyid\":\"k\",\"algorithm\":\"hmac-sha256\","
    "\"secret\":\"file:0123456789abcdef0123456789abcdef\"}],\"tokens\":["
    "{\"issuer\":\"i\",\"claims\":{\"azp\":\"acme\"}},"
    "{\"issuer\":\"i\",\"claims\":{\"azp\":\"x\",\"/a/b\":\"y\"}}]}}},"
    "\"services\":{\"a\":{\"access\":[{\"methods\":[\"PUT\"],"
    "\"groups\":[\"g\"],\"claims\":{\"level\":[1,2]}}],"
    "\"version_from\":[\"path\",\"header:V\"],\"default_version\":\"v2\","
    "\"versions\":{\"v1\":{\"deployments\":{\"x\":{\"upstream\":\"u\"}},"
    "\"successor\":\"v2\",\"link\":\"/docs\"},\"v2\":{\"deployments\":"
    "{\"x\":{\"upstream\":\"u\"}}}}},\"b\":{\"versions\":{\"v1\":"
    "{\"deployments\":{\"x\":{\"upstream\":\"u\"}}}}}}}";


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_str_t block = sealed(good_image(), data, size);
    gh_image_t im;

    if (gh_image_open(block.data, block.len, true, &im) == GH_OK) {
        read_all(&im);
    }

    require(size > 0 || im.base == block.data);
    free((char *) (uintptr_t) block.data);

    return 0;
}


static gh_rc_t
read_secret(void *ctx, gh_str_t path, gh_buf_t *out, const char **why)
{
    (void) ctx;
    (void) why;

    return gh_buf_add(out, path);
}


/* Made once. */
static gh_str_t
good_image(void)
{
    static const gh_policy_env_t env = { .read_secret = read_secret };
    static gh_str_t image;
    gh_policy_set_t *set;

    if (image.data != NULL) {
        return image;
    }

    require(gh_policy_set_create(gh_alloc_libc(), &set) == GH_OK);
    require(gh_policy_set_file(set, GH_STR("p"), GH_STR(document), 1, NULL)
            == GH_OK);
    require(gh_policy_set_compile(set, &env, 1, 1, sip, &image, NULL)
            == GH_OK);
    gh_policy_set_destroy(set);

    return image;
}


static void
read_all(const gh_image_t *im)
{
    read_names(im, GH_STR("acme"));
    read_names(im, GH_STR("gold"));
    read_names(im, GH_STR("a"));
    read_names(im, GH_STR("k"));
    read_names(im, GH_STR("k2"));
    read_names(im, GH_STR("none"));
    read_plans(im);
    read_consumers(im);
    read_services(im);
}


static void
read_names(const gh_image_t *im, gh_str_t name)
{
    uint8_t hash[GH_SHA256_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    json_t *claims = json_pack("{s:s,s:s}", "azp", "acme", "sub", "x");

    require(claims != NULL);
    (void) gh_image_plan_named(im, name);
    (void) gh_image_consumer(im, name);
    (void) gh_image_key_by_id(im, name);
    (void) gh_image_key(im, hash);
    (void) gh_image_signature(im, name);
    (void) gh_image_token(im, GH_STR("i"), claims);

    const gh_image_service_t *service = gh_image_service(im, name);

    if (service != NULL) {
        (void) gh_image_version(im, service, GH_STR("v2"));
        (void) gh_image_version(im, service, GH_STR("v3"));
    }

    json_decref(claims);
}


static void
read_plans(const gh_image_t *im)
{
    for (uint32_t i = 0; i < im->n_plans; i++) {
        const gh_image_plan_t *plan = gh_image_plan(im, i);
        const gh_image_limit_t *limits = gh_image_at(im, plan->limits);

        read_bytes(gh_image_str(im, plan->name));

        for (uint32_t j = 0; j < plan->limits.n; j++) {
            gh_gcra_cell_t cell = 0;

            read_bytes(gh_image_str(im, limits[j].name));

            if (limits[j].limit.kind == GH_LIMIT_RATE) {
                (void) gh_gcra_take(&cell, &limits[j].limit, 1, 1, NULL);
            }
        }

        for (uint32_t j = 0; j < im->n_services; j++) {
            (void) gh_image_plan_allows(im, plan, gh_image_service_at(im, j));
        }
    }

    require(im->plan_default == GH_IMAGE_ABSENT
            || gh_image_plan(im, im->plan_default) != NULL);
}


static void
read_consumers(const gh_image_t *im)
{
    for (uint32_t i = 0; i < im->n_consumers; i++) {
        const gh_image_consumer_t *consumer = gh_image_consumer_at(im, i);

        read_bytes(gh_image_str(im, consumer->name));
        read_bytes(gh_image_str(im, consumer->display_name));
        read_bytes(gh_image_str(im, consumer->email));
        read_refs(im, consumer->groups);
        read_refs(im, consumer->scopes);
        require(consumer->plan == GH_IMAGE_ABSENT
                || gh_image_plan(im, consumer->plan) != NULL);
    }

    for (uint32_t i = 0; i < im->n_keys; i++) {
        const gh_image_key_t *key = gh_image_key_at(im, i);

        read_bytes(gh_image_str(im, key->id));
        require(gh_image_consumer_at(im, key->consumer) != NULL);
    }

    for (uint32_t i = 0; i < im->n_tokens; i++) {
        const gh_image_token_t *token = gh_image_token_at(im, i);
        gh_span_t pairs = { token->claims.off, token->claims.n * 2 };

        read_bytes(gh_image_str(im, token->issuer));
        read_refs(im, pairs);
        require(gh_image_consumer_at(im, token->consumer) != NULL);
    }

    for (uint32_t i = 0; i < im->n_signatures; i++) {
        const gh_image_signature_t *s = gh_image_signature_at(im, i);

        read_bytes(gh_image_str(im, s->keyid));
        read_bytes(gh_image_str(im, s->algorithm));
        read_bytes(gh_image_str(im, s->key));
        require(gh_image_consumer_at(im, s->consumer) != NULL);
    }
}


static void
read_services(const gh_image_t *im)
{
    gh_principal_t nobody = { .type = GH_PRINCIPAL_ANONYMOUS };
    gh_subject_t subject = { &nobody, GH_STR("PUT"), GH_STR("v1") };

    for (uint32_t i = 0; i < im->n_services; i++) {
        const gh_image_service_t *service = gh_image_service_at(im, i);
        const gh_image_version_from_t *from =
            gh_image_at(im, service->version_from);

        read_bytes(gh_image_str(im, service->name));
        (void) gh_rules_require(gh_image_str(im, service->access), &subject);
        (void) gh_image_version_default(im, service);

        for (uint32_t j = 0; j < service->version_from.n; j++) {
            read_bytes(gh_image_str(im, from[j].header));
        }
    }

    for (uint32_t i = 0; i < im->n_versions; i++) {
        const gh_image_version_t *version = gh_image_version_at(im, i);
        const gh_image_deployment_t *deployments =
            gh_image_at(im, version->deployments);

        read_bytes(gh_image_str(im, version->name));
        read_bytes(gh_image_str(im, version->successor));
        read_bytes(gh_image_str(im, version->link));

        for (uint32_t j = 0; j < version->deployments.n; j++) {
            read_bytes(gh_image_str(im, deployments[j].name));
            read_bytes(gh_image_str(im, deployments[j].upstream));
            require(deployments[j].index < im->n_deployments);
        }
    }
}


static void
read_refs(const gh_image_t *im, gh_span_t refs)
{
    const gh_ref_t *ref = gh_image_at(im, refs);

    for (uint32_t i = 0; i < refs.n; i++) {
        read_bytes(gh_image_str(im, ref[i]));
    }
}


/* A byte too far is seen by the sanitizer. */
static void
read_bytes(gh_str_t bytes)
{
    volatile char seen = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        seen = bytes.data[i];
    }

    (void) seen;
}
