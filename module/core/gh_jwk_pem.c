/*
 * A key set of one local key in PEM (RFC 7468): "PUBLIC KEY" or
 * "CERTIFICATE", exactly one block. Nothing is ever decrypted or asked for.
 */

#include "gh_jwk_set.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>


typedef struct {
    char *name, *header;
    unsigned char *der;
    long len;
} block_t;


static bool read_only_block(gh_str_t pem, block_t *b);
static void clear_block(block_t *b);
static EVP_PKEY *public_key(const block_t *b);
static gh_rc_t make_set(EVP_PKEY *pkey, const gh_alloc_t *a, gh_jwks_t **out);


gh_rc_t
gh_jwks_from_pem(gh_str_t pem, const gh_alloc_t *a, gh_jwks_t **out)
{
    block_t b = { NULL, NULL, NULL, 0 };

    if (pem.len > GH_PEM_BYTES_MAX) {
        return GH_TOO_LONG;
    }

    ERR_clear_error();

    if (!read_only_block(pem, &b)) {
        return gh_openssl_refusal();
    }

    EVP_PKEY *pkey = public_key(&b);

    clear_block(&b);

    if (pkey == NULL) {
        return gh_openssl_refusal();
    }

    /* decoders leave traces of the formats they tried in vain */
    ERR_clear_error();

    return make_set(pkey, a, out);
}


static bool
read_only_block(gh_str_t pem, block_t *b)
{
    block_t second = { NULL, NULL, NULL, 0 };
    BIO *bio = BIO_new_mem_buf(pem.data, (int) pem.len);

    if (bio == NULL) {
        return false;
    }

    bool found = PEM_read_bio(bio, &b->name, &b->header, &b->der, &b->len) == 1
                 && b->name != NULL;

    /* and then there is no other, nor half of one */
    (void) PEM_read_bio(bio, &second.name, &second.header, &second.der,
                        &second.len);
    bool alone = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;

    BIO_free(bio);
    clear_block(&second);

    /* a header means that the block is encrypted */
    if (!found || !alone || b->header[0] != '\0') {
        clear_block(b);
        return false;
    }

    ERR_clear_error();
    return true;
}


/* What was refused may have been a private key. */
static void
clear_block(block_t *b)
{
    OPENSSL_free(b->name);
    OPENSSL_free(b->header);
    OPENSSL_clear_free(b->der, (size_t) b->len);
    *b = (block_t){ NULL, NULL, NULL, 0 };
}


/* NULL: neither a public key nor a certificate, or bytes after it. */
static EVP_PKEY *
public_key(const block_t *b)
{
    const unsigned char *p = b->der;
    EVP_PKEY *pkey = NULL;

    if (strcmp(b->name, PEM_STRING_PUBLIC) == 0) {
        pkey = d2i_PUBKEY(NULL, &p, b->len);

    } else if (strcmp(b->name, PEM_STRING_X509) == 0) {
        X509 *cert = d2i_X509(NULL, &p, b->len);

        pkey = cert != NULL ? X509_get_pubkey(cert) : NULL;
        X509_free(cert);
    }

    if (pkey != NULL && p != b->der + b->len) {
        EVP_PKEY_free(pkey);
        return NULL;
    }

    return pkey;
}


static gh_rc_t
make_set(EVP_PKEY *pkey, const gh_alloc_t *a, gh_jwks_t **out)
{
    gh_jwk_t key = { .pkey = pkey };
    gh_jwks_t *set;

    gh_rc_t rc = gh_jwk_admit(pkey, &key.algs);

    if (rc == GH_OK) {
        rc = gh_jwks_create(a, 1, &set);
    }

    if (rc != GH_OK) {
        EVP_PKEY_free(pkey);
        return rc;
    }

    rc = gh_jwks_add(set, &key);

    if (rc != GH_OK) {
        gh_jwks_destroy(set);
        return rc;
    }

    set->any_kid = true;
    *out = set;
    return GH_OK;
}
