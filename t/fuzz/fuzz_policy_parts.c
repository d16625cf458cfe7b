/*
 * Kept parts with wrong bytes and a right checksum: what is opened can be
 * linked and compiled, and an image that comes of it can be looked through,
 * without leaving the bytes. The input is either parts or, so that seeds
 * outlive a change of the layout, a list of changes to good ones: 32 bits of
 * offset, 32 bits of value, each.
 */

#include "fuzz_sealed.h"

#include "gh_policy_parts.h"


static bool mark(void *ctx, gh_str_t path, uint8_t out[GH_POLICY_MARK_LEN]);
static gh_rc_t read_secret(void *ctx, gh_str_t path, gh_buf_t *out,
                           const char **why);
static gh_str_t good_parts(void);
static void compile(gh_policy_parts_t *parts);


static const uint8_t sip[16], maker[GH_SHA256_LEN];

static const char *const documents[] = {
    "{\"plans\":{\"gold\":{\"limits\":{\"s\":\"10r/s\",\"d\":\"9r/day\"},"
    "\"services\":[\"b\",\"a\"]},\"default\":{}},\"services\":{\"b\":"
    "{\"versions\":{\"v1\":{\"deployments\":{\"x\":{\"upstream\":\"u\"}}}}}}}",
    "{\"consumers\":{\"acme\":{\"plan\":\"gold\",\"groups\":[\"g\"],"
    "\"scopes\":[\"x\",\"y\"],\"name\":\"Acme\",\"email\":\"a@b\","
    "\"credentials\":{\"api_keys\":[{\"id\":\"k1\",\"hash\":\"sha256:"
    "0102030405060708000000000000000000000000000000000000000000000000\"}],"
    "\"signatures\":[{\"keyid\":\"k\",\"algorithm\":\"hmac-sha256\","
    "\"secret\":\"file:0123456789abcdef0123456789abcdef\"}],\"tokens\":["
    "{\"issuer\":\"i\",\"claims\":{\"azp\":\"acme\"}},"
    "{\"issuer\":\"i\",\"claims\":{\"azp\":\"x\",\"/a/b\":\"y\"}}]}}},"
    "\"services\":{\"a\":{\"access\":[{\"methods\":[\"PUT\"],"
    "\"consumers\":[\"acme\"],\"claims\":{\"level\":[1,2]}}],"
    "\"version_from\":[\"path\",\"header:V\"],\"default_version\":\"v2\","
    "\"versions\":{\"v1\":{\"deployments\":{\"x\":{\"upstream\":\"u\"}},"
    "\"successor\":\"v2\",\"link\":\"/docs\"},\"v2\":{\"deployments\":"
    "{\"x\":{\"upstream\":\"u\"}}}}}}}",
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gh_str_t block = sealed(good_parts(), data, size);
    gh_policy_parts_t parts;

    if (gh_policy_parts_open(block, maker, &parts) == GH_OK) {
        compile(&parts);

    } else {
        require(size > 0);
    }

    free((char *) (uintptr_t) block.data);

    return 0;
}


static bool
mark(void *ctx, gh_str_t path, uint8_t out[GH_POLICY_MARK_LEN])
{
    (void) ctx;
    (void) path;
    memset(out, 7, GH_POLICY_MARK_LEN);

    return true;
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
good_parts(void)
{
    static gh_str_t parts;
    gh_policy_set_t *set;

    if (parts.data != NULL) {
        return parts;
    }

    require(gh_policy_set_create(gh_alloc_libc(), &set) == GH_OK);
    require(gh_policy_set_file(set, GH_STR("p"), gh_str(documents[0]), 1, NULL)
            == GH_OK);
    require(gh_policy_set_file(set, GH_STR("q"), gh_str(documents[1]), 1, NULL)
            == GH_OK);
    require(gh_policy_parts_build(set, maker, mark, NULL, &parts) == GH_OK);
    gh_policy_set_destroy(set);

    return parts;
}


static void
compile(gh_policy_parts_t *parts)
{
    static const gh_policy_env_t env = { .read_secret = read_secret };
    static gh_policy_errors_t errors;
    gh_policy_kept_t kept;
    gh_policy_set_t *set;
    gh_str_t image;
    gh_image_t im;

    require(gh_policy_set_create(gh_alloc_libc(), &set) == GH_OK);

    while (gh_policy_parts_next(parts, &kept)) {
        require(gh_policy_set_take(set, &kept, 1) == GH_OK);
    }

    errors.n = 0;
    errors.more = 0;

    gh_rc_t rc = gh_policy_set_compile(set, &env, 1, 1, sip, &image, &errors);

    require(rc == GH_OK || rc == GH_INVALID);

    if (rc == GH_OK) {
        (void) gh_image_open(image.data, image.len, true, &im);
        free((void *) (uintptr_t) image.data);
    }

    gh_policy_set_destroy(set);
}
