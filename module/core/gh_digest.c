/*
 * Digests of bodies. The low-level hashes of OpenSSL, as in gh_hash: they
 * fetch nothing, allocate nothing and cannot fail.
 */

#define OPENSSL_SUPPRESS_DEPRECATED

#include "gh_digest.h"

#include "gh_bytes.h"
#include "gh_sfv.h"


static gh_rc_t expect(const gh_sfv_t *m, uint8_t *out, size_t len);


gh_rc_t
gh_digest_parse(gh_str_t field, gh_digest_t *d)
{
    gh_rc_t rc = gh_sfv_check(GH_SFV_DICTIONARY, field, NULL);
    gh_sfv_t m;

    d->sha256_given = false;
    d->sha512_given = false;

    while (rc == GH_OK) {
        rc = gh_sfv_dictionary_next(&field, &m);

        if (rc != GH_OK) {
            break;
        }

        if (m.type != GH_SFV_BYTES) {
            return GH_INVALID;
        }

        if (gh_str_eq(m.key, GH_STR("sha-256"))) {
            rc = expect(&m, d->sha256_expected, GH_SHA256_LEN);
            d->sha256_given = true;

        } else if (gh_str_eq(m.key, GH_STR("sha-512"))) {
            rc = expect(&m, d->sha512_expected, GH_SHA512_LEN);
            d->sha512_given = true;
        }
    }

    if (rc != GH_ABSENT) {
        return GH_INVALID;
    }

    (void) SHA256_Init(&d->sha256);
    (void) SHA512_Init(&d->sha512);

    return d->sha256_given || d->sha512_given ? GH_OK : GH_ABSENT;
}


static gh_rc_t
expect(const gh_sfv_t *m, uint8_t *out, size_t len)
{
    char room[GH_SHA512_LEN];
    gh_buf_t bytes = GH_BUF(room);

    if (gh_base64_decode(m->text, &bytes) != GH_OK || bytes.len != len) {
        return GH_INVALID;
    }

    memcpy(out, bytes.data, len);

    return GH_OK;
}


void
gh_digest_update(gh_digest_t *d, gh_str_t bytes)
{
    if (d->sha256_given) {
        (void) SHA256_Update(&d->sha256, bytes.data, bytes.len);
    }

    if (d->sha512_given) {
        (void) SHA512_Update(&d->sha512, bytes.data, bytes.len);
    }
}


gh_rc_t
gh_digest_final(gh_digest_t *d)
{
    uint8_t sum[GH_SHA512_LEN];

    if (d->sha256_given) {
        (void) SHA256_Final(sum, &d->sha256);

        if (!gh_equal_secret(sum, d->sha256_expected, GH_SHA256_LEN)) {
            return GH_DENIED;
        }
    }

    if (d->sha512_given) {
        (void) SHA512_Final(sum, &d->sha512);

        if (!gh_equal_secret(sum, d->sha512_expected, GH_SHA512_LEN)) {
            return GH_DENIED;
        }
    }

    return d->sha256_given || d->sha512_given ? GH_OK : GH_DENIED;
}


bool
gh_digest_known(gh_str_t algorithm)
{
    return gh_str_eq(algorithm, GH_STR("sha-256"))
           || gh_str_eq(algorithm, GH_STR("sha-512"));
}


gh_rc_t
gh_digest_build(gh_str_t algorithm, gh_str_t body, gh_buf_t *out)
{
    uint8_t sum[GH_SHA512_LEN];
    size_t before = out->len;
    size_t len = GH_SHA512_LEN;

    if (!gh_digest_known(algorithm)) {
        return GH_INVALID;
    }

    if (gh_str_eq(algorithm, GH_STR("sha-256"))) {
        len = GH_SHA256_LEN;
        gh_sha256(body, sum);

    } else {
        SHA512_CTX ctx;

        (void) SHA512_Init(&ctx);
        (void) SHA512_Update(&ctx, body.data, body.len);
        (void) SHA512_Final(sum, &ctx);
    }

    gh_rc_t rc = gh_buf_add(out, algorithm);

    if (rc == GH_OK) {
        rc = gh_buf_add(out, GH_STR("=:"));
    }

    if (rc == GH_OK) {
        rc = gh_base64_encode((gh_str_t){ (const char *) sum, len }, out);
    }

    if (rc == GH_OK) {
        rc = gh_buf_add_char(out, ':');
    }

    if (rc != GH_OK) {
        out->len = before;
    }

    return rc;
}
