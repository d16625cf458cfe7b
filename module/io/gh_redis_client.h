/*
 * Redis for the tool: the store's operations one after the other, on a
 * connection that is waited for. OpenSSL's BIO carries plain and TLS alike,
 * hiredis reads. Not for a worker.
 */

#ifndef GH_REDIS_CLIENT_H
#define GH_REDIS_CLIENT_H

#include "gh_redis.h"

#define GH_REDIS_CLIENT_WRITES 32 /* in one batch */

typedef struct gh_redis_client_s gh_redis_client_t;

typedef struct gh_redis_place_s gh_redis_place_t;

/* NUL-terminated; NULL where it is not given. */
struct gh_redis_place_s {
    const char *host, *port, *path;    /* path: of a socket, instead */
    const gh_redis_place_t *sentinels; /* instead of both: who is asked where
                                          the primary of that name is */
    size_t n_sentinels;
    const char *primary;
    const char *username, *password;
    unsigned database;
    bool tls;
    bool first; /* who may be the first to use it; else gateways are */
    const char *ssl_name, *ca, *certificate, *certificate_key;
};


/*
 * secret is borrowed until the end. GH_UNAVAILABLE: *why (GH_LMDB_WHY bytes)
 * says why it cannot be used; GH_NOMEM.
 */
gh_rc_t gh_redis_client_open(const gh_redis_place_t *place,
                             const gh_secret_t *secret,
                             gh_redis_client_t **out, char *why);
void gh_redis_client_close(gh_redis_client_t *c); /* NULL is welcome */

/* As gh_lmdb_get, _write, _each and _sequence; a batch is one group, and a
 * write that is refused leaves all undone. */
gh_rc_t gh_redis_client_get(gh_redis_client_t *c, gh_kind_t kind,
                            gh_str_t name, gh_buf_t *out, uint64_t *version,
                            size_t *need);
gh_rc_t gh_redis_client_write(gh_redis_client_t *c, gh_write_t *batch,
                              size_t n, char *why);
gh_rc_t gh_redis_client_each(gh_redis_client_t *c, gh_kind_t kind,
                             bool (*each)(void *ctx, gh_str_t name,
                                          gh_str_t value, uint64_t version),
                             void *ctx);
gh_rc_t gh_redis_client_sequence(gh_redis_client_t *c, uint64_t *sequence);


#endif
