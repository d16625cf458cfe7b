/*
 * What nginx.conf says that the tool needs: where policies, store, root key
 * and status are, and which names policies may use. The defaults are the
 * module's.
 */

#ifndef CTL_SETUP_H
#define CTL_SETUP_H

#include "conf.h"
#include "gh_redis_client.h"
#include "gh_redis_sentinel.h"
#include "gh_secret.h"

#define CTL_STATUS_MAX 8


/* Sorted, each once. */
typedef struct {
    const char **items;
    size_t n;
    const char *text; /* "a, b, c", for messages; cut when there are many */
} ctl_names_t;

/* A listener that answers /status and /ready. */
typedef struct {
    const char *host; /* numeric or a name; a path for a unix socket */
    const char *port;
    bool unix_socket;
    bool tls;           /* ssl, quic or proxy_protocol: not for us */
    const char *path;   /* before "/status": "" or "/gatehouse" */
    const char *header; /* of Host */
} ctl_listener_t;

typedef struct {
    ctl_conf_t conf;
    const char *policies; /* directory; NULL: none */
    const char *store;    /* the words of gatehouse_store */
    const char *state;    /* directory of this node; NULL: unknown store */
    size_t map_bytes;     /* 0: the default */
    bool shared;          /* the store is in Redis: */
    gh_redis_place_t redis;
    const char *redis_password; /* file; NULL: none */
    gh_redis_place_t sentinels[GH_REDIS_SENTINELS_MAX];
    size_t n_sentinels;
    const char *sentinel_password; /* as redis_password */
    const char *secrets[GH_SECRET_KEYS_MAX];
    size_t n_secrets;
    const char *user; /* of the workers, as nginx.conf has it; NULL: none */
    ctl_names_t upstreams, issuers;
    ctl_listener_t listeners[CTL_STATUS_MAX];
    size_t n_listeners;
} ctl_setup_t;


/* As ctl_conf_read; setup->conf.why says what is wrong. */
gh_rc_t ctl_setup_read(ctl_arena_t *arena, const char *path,
                       ctl_setup_t *setup);

/* The same with another store in it: words as gatehouse_store takes them.
 * state is NULL where they are no store. */
void ctl_setup_store(ctl_arena_t *arena, const ctl_setup_t *setup,
                     const char *words, ctl_setup_t *out);

bool ctl_names_have(const ctl_names_t *names, gh_str_t name);


#endif
