/*
 * Policy documents, a few in one input with a NUL between them: what is
 * accepted is JSON to jansson too and makes an image whose every record is
 * sound and found by its name; what is refused is complained about.
 */

#include "fuzz.h"

#include "gh_policy.h"


static bool set_files(gh_policy_set_t *set, gh_str_t input,
                      gh_policy_errors_t *errors);
static bool compile(gh_policy_set_t *set, const gh_policy_env_t *env,
                    bool files_ok, gh_policy_errors_t *errors);
static void are_json(gh_str_t input);
static void find_all(const gh_image_t *im);
static gh_rc_t read_secret(void *ctx, gh_str_t path, gh_buf_t *out,
                           const char **why);
static bool known(void *ctx, gh_str_t name);


static const uint8_t sip[16];

static const gh_policy_env_t env = {
    .upstream_known = known,
    .upstreams_text = "alpha, beta",
    .issuer_known = known,
    .issuers_text = "partners",
    .read_secret = read_secret,
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_str_t input = { (const char *) data, size };
    gh_policy_errors_t *errors = calloc(1, sizeof(*errors));
    gh_policy_set_t *set;

    require(errors != NULL);
    require(gh_policy_set_create(gh_alloc_libc(), &set) == GH_OK);

    bool files_ok = set_files(set, input, errors);

    (void) compile(set, &env, files_ok, errors);

    if (compile(set, NULL, files_ok, errors)) {
        are_json(input);
    }

    gh_policy_set_destroy(set);
    free(errors);

    return 0;
}


static bool
set_files(gh_policy_set_t *set, gh_str_t input, gh_policy_errors_t *errors)
{
    static const char names[] = "abcdefgh";
    bool ok = true;

    for (size_t i = 0; i < sizeof(names) - 1 && input.data != NULL; i++) {
        gh_str_t text = gh_str_cut(input, '\0', &input);
        gh_rc_t rc;

        errors->n = 0;
        rc = gh_policy_set_file(set, (gh_str_t){ names + i, 1 }, text, 1,
                                errors);

        require(rc == GH_OK || rc == GH_INVALID);
        require((rc == GH_OK) == (errors->n == 0));
        ok = ok && rc == GH_OK;
    }

    return ok;
}


static bool
compile(gh_policy_set_t *set, const gh_policy_env_t *with, bool files_ok,
        gh_policy_errors_t *errors)
{
    char room[1024];
    gh_str_t image;
    gh_image_t im;

    errors->n = 0;

    gh_rc_t rc = gh_policy_set_compile(set, with, 1, 1, sip, &image, errors);

    require(rc == GH_OK || rc == GH_INVALID);
    require((rc == GH_OK) == (errors->n == 0));
    require((rc == GH_OK) == (image.data != NULL));
    require(rc != GH_OK || files_ok);

    for (size_t i = 0; i < errors->n; i++) {
        gh_buf_t text = GH_BUF(room);

        require(gh_policy_error_text(&errors->items[i], &text) == GH_OK);
        require(errors->items[i].message[0] != '\0');
    }

    if (rc != GH_OK) {
        return false;
    }

    require(gh_image_open(image.data, image.len, true, &im) == GH_OK);
    find_all(&im);
    free((void *) (uintptr_t) image.data);

    return true;
}


/* All members of the outer level, twice in one document included. */
static void
are_json(gh_str_t input)
{
    for (size_t i = 0; i < 8 && input.data != NULL; i++) {
        gh_str_t text = gh_str_cut(input, '\0', &input);
        json_t *tree =
            json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);

        require(tree != NULL);
        json_decref(tree);
    }
}


static void
find_all(const gh_image_t *im)
{
    for (uint32_t i = 0; i < im->n_plans; i++) {
        const gh_image_plan_t *plan = gh_image_plan(im, i);

        require(gh_image_plan_named(im, gh_image_str(im, plan->name)) == plan);
    }

    for (uint32_t i = 0; i < im->n_consumers; i++) {
        const gh_image_consumer_t *c = gh_image_consumer_at(im, i);

        require(gh_image_consumer(im, gh_image_str(im, c->name)) == c);
    }

    for (uint32_t i = 0; i < im->n_keys; i++) {
        const gh_image_key_t *key = gh_image_key_at(im, i);

        require(gh_image_key(im, key->hash) == key);
        require(gh_image_key_by_id(im, gh_image_str(im, key->id)) == key);
    }

    for (uint32_t i = 0; i < im->n_signatures; i++) {
        const gh_image_signature_t *s = gh_image_signature_at(im, i);

        require(gh_image_signature(im, gh_image_str(im, s->keyid))
                == (s->key.len == 0 ? NULL : s));
    }

    for (uint32_t i = 0; i < im->n_services; i++) {
        const gh_image_service_t *s = gh_image_service_at(im, i);
        const gh_image_version_t *versions = gh_image_at(im, s->versions);

        require(gh_image_service(im, gh_image_str(im, s->name)) == s);

        for (uint32_t j = 0; j < s->versions.n; j++) {
            gh_str_t name = gh_image_str(im, versions[j].name);

            require(gh_image_version(im, s, name) == &versions[j]);
        }
    }
}


/* The path is the secret. */
static gh_rc_t
read_secret(void *ctx, gh_str_t path, gh_buf_t *out, const char **why)
{
    (void) ctx;
    *why = "is too far away";

    return path.data[0] == 'x' ? GH_UNAVAILABLE : gh_buf_add(out, path);
}


static bool
known(void *ctx, gh_str_t name)
{
    (void) ctx;

    return name.len % 2 == 0;
}
