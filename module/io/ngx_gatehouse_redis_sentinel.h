/*
 * Where the primary is, in a worker: a connection to every sentinel, which
 * says so when it is asked and when that changes. Names that they say are
 * resolved by nginx's resolver. Whom to believe is gh_redis_elect's.
 */

#ifndef NGX_GATEHOUSE_REDIS_SENTINEL_H
#define NGX_GATEHOUSE_REDIS_SENTINEL_H

#include "ngx_gatehouse_redis_connection.h"
#include "gh_redis_sentinel.h"

#define NGX_GATEHOUSE_REDIS_ADDRS 8 /* of one name */


typedef struct ngx_gatehouse_redis_finder_s ngx_gatehouse_redis_finder_t;

typedef struct {
    ngx_gatehouse_redis_connection_t conn;
    ngx_gatehouse_redis_finder_t *finder;
    gh_redis_vote_t *vote;
    ngx_msec_t asked_at;
    unsigned asked : 1;      /* and its answer is due */
    unsigned subscribed : 1; /* to switches, or will be at once */
} ngx_gatehouse_redis_asked_t;

struct ngx_gatehouse_redis_finder_s {
    /* the owner's */
    ngx_gatehouse_redis_conf_t *conf;
    ngx_log_t *log;
    void *data;
    /* The primary is at addrs, naddrs of them; 0: it has moved to where is
     * not known yet. */
    void (*found)(ngx_gatehouse_redis_finder_t *finder);
    /* It is not known where; said again while that is so. */
    void (*none)(ngx_gatehouse_redis_finder_t *finder, const char *why);
    /* One sentinel cannot be asked; the others are. */
    void (*away)(ngx_gatehouse_redis_finder_t *finder, ngx_str_t *where,
                 const char *why);

    /* What they elected answers, and is a primary: more than half are needed
     * to leave it. */
    ngx_uint_t content;

    ngx_addr_t addrs[NGX_GATEHOUSE_REDIS_ADDRS];
    ngx_uint_t naddrs;
    ngx_str_t where; /* "host:port"; empty: not known */

    /* its own */
    ngx_gatehouse_redis_asked_t *asked; /* one for each sentinel */
    gh_redis_vote_t votes[GH_REDIS_SENTINELS_MAX];
    gh_redis_address_t current; /* what they have elected */
    ngx_sockaddr_t sockaddrs[NGX_GATEHOUSE_REDIS_ADDRS];
    u_char text[GH_REDIS_HOST_MAX + 8];
    ngx_resolver_ctx_t *resolving;
    ngx_event_t tick;
    ngx_connection_t dummy;
    unsigned elected : 1; /* current is set */
};


/* Owner's memory, zeroed and its fields set. NGX_ERROR: there is none. */
ngx_int_t ngx_gatehouse_redis_find_start(ngx_gatehouse_redis_finder_t *finder);
void ngx_gatehouse_redis_find_stop(ngx_gatehouse_redis_finder_t *finder);
/* The primary is lost, or says that it is none: asks all again. */
void ngx_gatehouse_redis_find_again(ngx_gatehouse_redis_finder_t *finder);


#endif
