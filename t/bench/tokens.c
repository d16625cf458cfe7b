/*
 * Prints as many different tokens as asked for, one per line, all valid for a
 * day.
 *
 * usage: tokens ALGORITHM KEY.pem COUNT ISSUER AUDIENCE CLIENT
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/pem.h>

#include "gh_bytes.h"
#include "gh_jwt.h"

#define DAY_S 86400


static EVP_PKEY *read_key(const char *path);
static void print_token(gh_alg_t alg, EVP_PKEY *key, long number,
                        char **names);


int
main(int argc, char **argv)
{
    if (argc != 7) {
        (void) fprintf(stderr, "usage: tokens ALGORITHM KEY.pem COUNT ISSUER"
                               " AUDIENCE CLIENT\n");
        return 2;
    }

    gh_alg_t alg = gh_alg_parse(gh_str(argv[1]));
    EVP_PKEY *key = read_key(argv[2]);
    long count = strtol(argv[3], NULL, 10);

    if (alg == GH_ALG_NONE || key == NULL) {
        (void) fprintf(stderr, "tokens: no such %s: %s\n",
                       alg == GH_ALG_NONE ? "algorithm" : "key",
                       alg == GH_ALG_NONE ? argv[1] : argv[2]);
        return 1;
    }

    for (long i = 0; i < count; i++) {
        print_token(alg, key, i, argv + 4);
    }

    EVP_PKEY_free(key);

    return 0;
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


/* names: issuer, audience, client */
static void
print_token(gh_alg_t alg, EVP_PKEY *key, long number, char **names)
{
    char claims[1024], room[4096];
    gh_buf_t token = GH_BUF(room);
    long long now = (long long) time(NULL);

    (void) snprintf(claims, sizeof(claims),
                    "{\"iss\":\"%s\",\"aud\":\"%s\",\"azp\":\"%s\","
                    "\"sub\":\"%s\",\"scope\":\"orders:read orders:write\","
                    "\"iat\":%lld,\"exp\":%lld,\"jti\":\"%08ld\"}",
                    names[0], names[1], names[2], names[2], now, now + DAY_S,
                    number);

    if (gh_jwt_sign(alg, (gh_str_t){ NULL, 0 }, key, gh_str(claims), &token)
        != GH_OK)
    {
        (void) fprintf(stderr, "tokens: could not sign\n");
        exit(1);
    }

    (void) printf("%.*s\n", (int) token.len, token.data);
}
