/*
 * A worker's connection to Redis: nginx's own connection and TLS, hiredis as
 * reader. Opens, names itself (AUTH, SELECT), carries bytes out once per turn
 * of the loop and replies in, one by one; lost or doubtful, it is closed and
 * opened again after a pause that doubles and is spread at random. What is
 * asked and which reply belongs to whom is its owner's.
 */

#ifndef NGX_GATEHOUSE_REDIS_CONNECTION_H
#define NGX_GATEHOUSE_REDIS_CONNECTION_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>

#include "gh_redis.h"


typedef struct ngx_gatehouse_redis_conf_s ngx_gatehouse_redis_conf_t;

/* From configuration; borrowed for the cycle. */
struct ngx_gatehouse_redis_conf_s {
    ngx_str_t name;  /* as gatehouse_redis calls it; "" for an address */
    ngx_str_t where; /* for messages: host:port */
    ngx_addr_t *addrs;
    ngx_uint_t naddrs;
    ngx_str_t username, password; /* secret */
    ngx_uint_t database;
    ngx_msec_t timeout;
    ngx_str_t state;  /* directory of what is this node's own */
    ngx_uint_t nodes; /* that share it, as long as it has not said; 0: one */
    ngx_uint_t tls;
    ngx_ssl_t *ssl;     /* NULL: plain */
    ngx_str_t ssl_name; /* NUL-terminated; must stand in the certificate */
    ngx_str_t ca, certificate, certificate_key;

    /* instead of addrs: who is asked where the primary of that name is */
    ngx_array_t *sentinels; /* of ngx_gatehouse_redis_conf_t *; may be NULL */
    ngx_str_t primary;
    ngx_str_t sentinel_username, sentinel_password; /* secret */
    ngx_str_t sentinel_ssl_name;
    ngx_uint_t sentinel_tls;
    ngx_resolver_t *resolver; /* for names that they say; may be NULL */
    ngx_uint_t sentinel;      /* this is one of them */

    u_char *file; /* of the declaration */
    ngx_uint_t line;
};

typedef struct ngx_gatehouse_redis_connection_s
    ngx_gatehouse_redis_connection_t;

/* What its owner does. */
typedef struct {
    /* Redis knows who asks, and is a primary if a sentinel called it one:
     * send what else must come first. May leave. */
    void (*opened)(ngx_gatehouse_redis_connection_t *conn);
    /* Every reply but those to the greeting. Other than NGX_OK: this is no
     * connection to stay on; *why says so. */
    ngx_int_t (*reply)(ngx_gatehouse_redis_connection_t *conn,
                       const redisReply *reply, const char **why);
    /* It is closed, and will be opened again by itself. */
    void (*lost)(ngx_gatehouse_redis_connection_t *conn, const char *why);
} ngx_gatehouse_redis_owner_t;

struct ngx_gatehouse_redis_connection_s {
    /* as given to start */
    ngx_gatehouse_redis_conf_t *conf;
    ngx_log_t *log;
    void *data;
    const ngx_gatehouse_redis_owner_t *owner;

    /* its own */
    ngx_addr_t *addrs; /* to try in turn; borrowed */
    ngx_uint_t naddrs; /* 0: it is not known where */
    ngx_peer_connection_t peer;
    redisReader *reader;
    u_char *out;
    size_t out_sent, out_len, out_cap;
    size_t fed;          /* bytes since the last whole reply */
    ngx_uint_t greeting; /* replies to AUTH, SELECT, ROLE that are due */
    ngx_uint_t address;  /* the next one to try */
    ngx_uint_t failures; /* in a row */
    ngx_msec_t settled_at;
    ngx_event_t timer; /* to open, or the end of opening */
    ngx_event_t flush;
    ngx_connection_t dummy;
    unsigned connected : 1;
    unsigned settled : 1;
    unsigned waiting : 1; /* for the next attempt, or for an address */
    unsigned moved : 1;   /* while lost is called: it goes elsewhere */
};


/* Owner's memory, zeroed; all else is borrowed until it is stopped. Begins to
 * open at once, or waits for an address where sentinels must say it. */
void ngx_gatehouse_redis_start(ngx_gatehouse_redis_connection_t *conn,
                               const ngx_gatehouse_redis_owner_t *owner,
                               void *data, ngx_gatehouse_redis_conf_t *conf,
                               ngx_log_t *log);
/* For good; lost is not called. */
void ngx_gatehouse_redis_stop(ngx_gatehouse_redis_connection_t *conn);

/* Takes over bytes->data, also when it fails; it is wiped. They go out at the
 * end of this turn of the loop. */
ngx_int_t ngx_gatehouse_redis_send(ngx_gatehouse_redis_connection_t *conn,
                                   gh_redis_bytes_t *bytes);
/* The same of one command, as Redis reads it. */
ngx_int_t ngx_gatehouse_redis_command(ngx_gatehouse_redis_connection_t *conn,
                                      const gh_str_t *args, size_t n);
/* The owner has all it needs to begin: opening has ended well. */
void ngx_gatehouse_redis_settled(ngx_gatehouse_redis_connection_t *conn);
/* To another place: at once, and without a pause; lost is called if it was
 * not waiting. addrs are borrowed until the next time; none: it waits. Not
 * from within reply. */
void ngx_gatehouse_redis_go(ngx_gatehouse_redis_connection_t *conn,
                            ngx_addr_t *addrs, ngx_uint_t naddrs);
/* Closes it, calls lost, opens it again later. Not from within reply. */
void ngx_gatehouse_redis_leave(ngx_gatehouse_redis_connection_t *conn,
                               const char *why);

/* Of the connection's own files: bytes in and out, when nginx says so. */
void ngx_gatehouse_redis_read(ngx_event_t *ev);
void ngx_gatehouse_redis_write(ngx_event_t *ev);
void ngx_gatehouse_redis_flush(ngx_event_t *ev);
/* A connection that was being opened is, or cannot be. */
void ngx_gatehouse_redis_connected(ngx_gatehouse_redis_connection_t *conn);
/* A reply of the greeting. Other than NGX_OK: as for reply. */
ngx_int_t ngx_gatehouse_redis_greeted(ngx_gatehouse_redis_connection_t *conn,
                                      const redisReply *reply,
                                      const char **why);


#endif
