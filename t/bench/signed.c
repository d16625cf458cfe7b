/*
 * Prints as many signed POST requests as asked for, one per line, each with a
 * nonce of its own: path, a space, and the headers, parted by tabs.
 *
 * usage: signed KEY.pem KEYID COUNT AUTHORITY PATH BODY
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/pem.h>
#include <openssl/rand.h>

#include "gh_bytes.h"
#include "gh_digest.h"
#include "gh_sigbase.h"
#include "gh_signature.h"

#define BODY_MAX (1024 * 1024)


typedef struct {
    EVP_PKEY *key;
    gh_str_t keyid, digest;
    gh_message_t message;
    gh_message_field_t field;
} signer_t;


static EVP_PKEY *read_key(const char *path);
static bool read_digest(const char *path, gh_buf_t *out);
static bool print_request(const signer_t *s);
static bool draft(const signer_t *s, gh_buf_t *input);


int
main(int argc, char **argv)
{
    char room[256];
    gh_buf_t digest = GH_BUF(room);

    if (argc != 7) {
        (void) fprintf(stderr, "usage: signed KEY.pem KEYID COUNT AUTHORITY"
                               " PATH BODY\n");
        return 2;
    }

    signer_t s = { .key = read_key(argv[1]), .keyid = gh_str(argv[2]) };
    long count = strtol(argv[3], NULL, 10);
    bool done = s.key != NULL && read_digest(argv[6], &digest);

    s.digest = gh_buf_str(&digest);
    s.field = (gh_message_field_t){ GH_STR("content-digest"), s.digest };
    s.message = (gh_message_t){ .method = GH_STR("POST"),
                                .scheme = GH_STR("http"),
                                .host = gh_str(argv[4]),
                                .target = gh_str(argv[5]),
                                .fields = &s.field,
                                .n_fields = 1 };

    for (long i = 0; done && i < count; i++) {
        done = print_request(&s);
    }

    EVP_PKEY_free(s.key);

    if (!done) {
        (void) fprintf(stderr, "signed: it could not be signed\n");
    }

    return done ? 0 : 1;
}


static EVP_PKEY *
read_key(const char *path)
{
    EVP_PKEY *key = NULL;
    FILE *in = fopen(path, "r");

    if (in != NULL) {
        key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
        (void) fclose(in);
    }

    return key;
}


static bool
read_digest(const char *path, gh_buf_t *out)
{
    static char body[BODY_MAX];
    FILE *in = fopen(path, "r");

    if (in == NULL) {
        return false;
    }

    size_t len = fread(body, 1, sizeof(body), in);

    (void) fclose(in);

    return gh_digest_build(GH_STR("sha-256"), (gh_str_t){ body, len }, out)
           == GH_OK;
}


static bool
print_request(const signer_t *s)
{
    char input_room[1024], base_room[2048], bytes_room[GH_SIGNATURE_MAX];
    char text_room[2 * GH_SIGNATURE_MAX];
    gh_buf_t input = GH_BUF(input_room), base = GH_BUF(base_room);
    gh_buf_t bytes = GH_BUF(bytes_room), text = GH_BUF(text_room);

    if (!draft(s, &input)) {
        return false;
    }

    /* ("@method" ...);created=... */
    const char *end = memchr(input.data, ')', input.len);
    gh_str_t params = { end + 1, input.len - (size_t) (end + 1 - input.data) };
    gh_str_t inside = { input.data + 1, (size_t) (end - input.data - 1) };

    if (gh_sigbase_build(&s->message, inside, params, &base) != GH_OK
        || gh_signature_sign(gh_signature_alg(GH_STR("ecdsa-p256-sha256")),
                             GH_STR(""), s->key, gh_buf_str(&base), &bytes)
               != GH_OK
        || gh_base64_encode(gh_buf_str(&bytes), &text) != GH_OK)
    {
        return false;
    }

    (void) printf("%.*s Content-Digest: %.*s\tSignature-Input: sig=%.*s"
                  "\tSignature: sig=:%.*s:\n",
                  (int) s->message.target.len, s->message.target.data,
                  (int) s->digest.len, s->digest.data, (int) input.len,
                  input.data, (int) text.len, text.data);

    return true;
}


static bool
draft(const signer_t *s, gh_buf_t *input)
{
    static const gh_str_t covered[] = {
        { "@method", 7 }, { "@authority", 10 },     { "@path", 5 },
        { "@query", 6 },  { "content-digest", 14 },
    };
    uint8_t random[16];
    char room[2 * sizeof(random)];
    gh_buf_t nonce = GH_BUF(room);

    if (RAND_bytes(random, sizeof(random)) != 1
        || gh_hex_encode((gh_str_t){ (char *) random, sizeof(random) }, &nonce)
               != GH_OK)
    {
        return false;
    }

    gh_signature_draft_t d = { .components = covered,
                               .n_components =
                                   sizeof(covered) / sizeof(covered[0]),
                               .keyid = s->keyid,
                               .nonce = gh_buf_str(&nonce),
                               .created_at_s = (int64_t) time(NULL) };

    return gh_signature_draft(&d, input) == GH_OK;
}
