/*
 * What the files of the tool's Redis share.
 */

#ifndef GH_REDIS_CLIENT_INSIDE_H
#define GH_REDIS_CLIENT_INSIDE_H

#include "gh_redis_client.h"
#include "gh_redis_sentinel.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>


struct gh_redis_client_s {
    gh_redis_t words;
    BIO *bio;
    SSL_CTX *tls;
    redisReader *reader;
    bool broken; /* no answer can be told from another any more */
};


/* NULL: *why says that it cannot be reached. wait_s: for it, and for each
 * answer later. *tls is the caller's. */
BIO *gh_redis_client_connect(const gh_redis_place_t *place, int wait_s,
                             SSL_CTX **tls, char *why);
/* User and password, where there are any. */
gh_rc_t gh_redis_client_name(gh_redis_client_t *c,
                             const gh_redis_place_t *place, char *why);
/* Where the sentinels of a place say that its primary is. */
gh_rc_t gh_redis_client_find(const gh_redis_place_t *place,
                             gh_redis_address_t *out, char *why);
/* GH_OK: it says that it is one. */
gh_rc_t gh_redis_client_primary(gh_redis_client_t *c, char *why);

/* The reply is the caller's; NULL: there is none, and none will be. */
redisReply *gh_redis_client_ask(gh_redis_client_t *c, const gh_str_t *args,
                                size_t n);
/* Takes over bytes->data. */
bool gh_redis_client_send(gh_redis_client_t *c, gh_redis_bytes_t *bytes);
redisReply *gh_redis_client_reply(gh_redis_client_t *c);
/* Where only an error matters: a sentence in why. */
gh_rc_t gh_redis_client_say(gh_redis_client_t *c, const gh_str_t *args,
                            size_t n, char *why);


#endif
