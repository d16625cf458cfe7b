/*
 * Policy sets for tests; see gh_test_policies.h.
 */

#include "gh_test_policies.h"

#include <stdlib.h>


static bool upstream_known(void *ctx, gh_str_t name);
static bool issuer_known(void *ctx, gh_str_t name);
static gh_rc_t read_secret(void *ctx, gh_str_t path, gh_buf_t *out,
                           const char **why);


const gh_policy_env_t gh_test_policy_env = {
    .upstream_known = upstream_known,
    .upstreams_text = "blue, green",
    .issuer_known = issuer_known,
    .issuers_text = "partners",
    .read_secret = read_secret,
};

static const uint8_t sip[16] = "0123456789abcdef";

/* Public halves of keys that were made for this. */
static const char ed25519[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
    "-----END PUBLIC KEY-----\n";

static const struct {
    const char *path;
    const char *text;
} secrets[] = {
    { "/s/good", "0123456789abcdef0123456789abcdef\n" },
    { "/s/long", "  0123456789abcdef0123456789abcdef0123456789abcdef  \r\n" },
    { "/s/short", "0123456789abcdef0123456789abcde\n" },
    { "/s/empty", "" },
    { "/s/blank", " \r\n\n" },
    { "/s/ed25519.pem", ed25519 },
    { "/s/text.pem", "not a key" },
};


static bool
upstream_known(void *ctx, gh_str_t name)
{
    (void) ctx;
    return gh_str_eq(name, GH_STR("blue")) || gh_str_eq(name, GH_STR("green"));
}


static bool
issuer_known(void *ctx, gh_str_t name)
{
    (void) ctx;
    return gh_str_eq(name, GH_STR("partners"));
}


static gh_rc_t
read_secret(void *ctx, gh_str_t path, gh_buf_t *out, const char **why)
{
    (void) ctx;

    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        if (gh_str_eq(gh_str(secrets[i].path), path)) {
            return gh_buf_add(out, gh_str(secrets[i].text));
        }
    }

    if (gh_str_eq(path, GH_STR("/s/huge"))) {
        return GH_TOO_LONG;
    }

    *why = "does not exist";
    return GH_ABSENT;
}


gh_test_policies_t *
gh_test_policies(void)
{
    gh_test_policies_t *t = calloc(1, sizeof(*t));

    assert_non_null(t);
    assert_int_equal(gh_policy_set_create(gh_alloc_libc(), &t->set), GH_OK);

    return t;
}


gh_rc_t
gh_test_policies_file(gh_test_policies_t *t, const char *path,
                      const char *text)
{
    size_t len = strlen(text);
    char *copy = malloc(len + 1);

    assert_non_null(copy);

    for (size_t i = 0; i < len; i++) {
        copy[i] = '"';
        if (text[i] != '\'') {
            copy[i] = text[i];
        }
    }

    t->errors.n = 0;
    t->errors.more = 0;
    t->rc = gh_policy_set_file(t->set, gh_str(path), (gh_str_t){ copy, len },
                               1, &t->errors);
    free(copy);

    return t->rc;
}


gh_rc_t
gh_test_policies_compile(gh_test_policies_t *t, const gh_policy_env_t *env)
{
    free((void *) (uintptr_t) t->image.data);
    t->errors.n = 0;
    t->errors.more = 0;
    t->rc = gh_policy_set_compile(t->set, env, 7, 1750000000, sip, &t->image,
                                  &t->errors);

    if (t->rc == GH_OK) {
        assert_int_equal(t->errors.n, 0);
        assert_int_equal(
            gh_image_open(t->image.data, t->image.len, true, &t->im), GH_OK);

    } else {
        assert_null(t->image.data);
        assert_true(t->rc != GH_INVALID || t->errors.n > 0);
    }

    return t->rc;
}


gh_test_policies_t *
gh_test_policies_of(const char *text)
{
    gh_test_policies_t *t = gh_test_policies();

    (void) gh_test_policies_file(t, "policies.json", text);

    if (gh_test_policies_compile(t, &gh_test_policy_env) != GH_OK) {
        fail_msg("%s", gh_test_policies_error(t, 0));
    }

    return t;
}


void
gh_test_policies_end(gh_test_policies_t *t)
{
    free((void *) (uintptr_t) t->image.data);
    gh_policy_set_destroy(t->set);
    free(t);
}


const char *
gh_test_policies_error(gh_test_policies_t *t, size_t i)
{
    static char room[1024];
    gh_buf_t text = GH_BUF(room);

    if (i >= t->errors.n) {
        return "(no such error)";
    }

    assert_int_equal(gh_policy_error_text(&t->errors.items[i], &text), GH_OK);
    room[text.len] = '\0';

    return room;
}
