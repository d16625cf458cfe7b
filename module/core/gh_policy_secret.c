/*
 * The algorithms of RFC 9421 and the keys that fit them.
 */

#include "gh_policy_secret.h"

#include "gh_signature.h"


typedef struct {
    const char *name;
    const char *unfit; /* what is wrong with a key of another kind */
} algorithm_t;


static const algorithm_t *algorithm_find(gh_str_t name);
static gh_str_t without_space(gh_str_t s);


static const algorithm_t algorithms[] = {
    { "hmac-sha256", "" },
    { "ed25519", "is no Ed25519 key, which this algorithm takes" },
    { "ecdsa-p256-sha256", "is no key on P-256, which this algorithm takes" },
    { "ecdsa-p384-sha384", "is no key on P-384, which this algorithm takes" },
    { "rsa-pss-sha512", "is no RSA key, which this algorithm takes" },
    { "rsa-v1_5-sha256", "is no RSA key, which this algorithm takes" },
};

#define ALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))


bool
gh_policy_algorithm_known(gh_str_t name, bool *hmac)
{
    const algorithm_t *found = algorithm_find(name);

    if (found == NULL) {
        return false;
    }

    *hmac = gh_signature_alg(name) == GH_ALG_HS256;
    return true;
}


void
gh_policy_algorithm_choices(gh_policy_choices_t *choices)
{
    for (size_t i = 0; i < ALGORITHMS; i++) {
        gh_policy_choice(choices, gh_str(algorithms[i].name));
    }
}


static const algorithm_t *
algorithm_find(gh_str_t name)
{
    for (size_t i = 0; i < ALGORITHMS; i++) {
        if (gh_str_eq(gh_str(algorithms[i].name), name)) {
            return &algorithms[i];
        }
    }

    return NULL;
}


gh_rc_t
gh_policy_secret_check(gh_str_t algorithm, gh_str_t text, const gh_alloc_t *a,
                       gh_str_t *key, const char **why)
{
    const algorithm_t *found = algorithm_find(algorithm);
    gh_jwks_t *set;

    *key = without_space(text);

    if (found == NULL || key->len == 0) {
        *why = "is empty";
        return GH_INVALID;
    }

    gh_alg_t alg = gh_signature_alg(algorithm);

    if (alg == GH_ALG_HS256) {
        *why = "holds less than 32 bytes";
        return key->len < GH_POLICY_SECRET_MIN ? GH_INVALID : GH_OK;
    }

    gh_rc_t rc = gh_jwks_from_pem(*key, a, &set);

    if (rc == GH_NOMEM) {
        return rc;
    }

    if (rc != GH_OK) {
        *why = "holds no public key in PEM that can be used";
        return GH_INVALID;
    }

    bool fits = (gh_jwks_at(set, 0)->algs & 1u << alg) != 0;

    gh_jwks_destroy(set);

    *why = found->unfit;
    return fits ? GH_OK : GH_INVALID;
}


static gh_str_t
without_space(gh_str_t s)
{
    static const char space[] = " \t\r\n";

    while (s.len > 0 && memchr(space, s.data[0], sizeof(space) - 1) != NULL) {
        s.data++;
        s.len--;
    }

    while (s.len > 0
           && memchr(space, s.data[s.len - 1], sizeof(space) - 1) != NULL)
    {
        s.len--;
    }

    return s;
}
