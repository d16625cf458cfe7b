/*
 * What sentinels say about a primary, judged as bytes from outside: which
 * address, whom to believe when they differ, and whether what answers there
 * is a primary at all. Workers and the tool share it.
 */

#ifndef GH_REDIS_SENTINEL_H
#define GH_REDIS_SENTINEL_H

#include "gh_redis.h"

#define GH_REDIS_HOST_MAX 254
#define GH_REDIS_SENTINELS_MAX 16
#define GH_REDIS_SWITCH "+switch-master" /* the channel */

typedef struct {
    char host[GH_REDIS_HOST_MAX]; /* NUL-terminated, in its usual writing */
    uint16_t port;
    bool name; /* host is a name, and must be resolved */
} gh_redis_address_t;

typedef enum {
    GH_REDIS_VOTE_DUE = 0, /* may still come */
    GH_REDIS_VOTE_AWAY,
    GH_REDIS_VOTE_UNKNOWN, /* it knows no primary of that name */
    GH_REDIS_VOTE_NAMED
} gh_redis_vote_state_t;

typedef struct {
    gh_redis_vote_state_t state;
    gh_redis_address_t address; /* NAMED */
} gh_redis_vote_t;


/* What stands behind "primary": letters, digits, ".", "-", "_". */
bool gh_redis_primary_valid(gh_str_t name);

/*
 * false: neither an address that one can connect to nor a host name, or no
 * port. An address is written anew, a name in small letters.
 */
bool gh_redis_address_parse(gh_str_t host, gh_str_t port,
                            gh_redis_address_t *out);
bool gh_redis_address_eq(const gh_redis_address_t *a,
                         const gh_redis_address_t *b);

/* Asks one sentinel; as gh_redis_command. */
gh_rc_t gh_redis_primary_command(gh_str_t name, gh_redis_bytes_t *out);
/* Its reply. DONE: *vote is UNKNOWN or NAMED. */
gh_redis_verdict_t gh_redis_primary_judge(const redisReply *reply,
                                          gh_redis_vote_t *vote);

/*
 * A message of the channel: "NAME OLDHOST OLDPORT NEWHOST NEWPORT". GH_OK;
 * GH_ABSENT: of another primary; GH_INVALID: no such message.
 */
gh_rc_t gh_redis_switch_parse(gh_str_t text, gh_str_t name,
                              gh_redis_address_t *out);

/*
 * The vote to follow; n: none, so that what is stays. More than half of all
 * sentinels decide at once, as they do about a failover. Fewer do only where
 * there is no primary to stay with, none is due any more, and they are more
 * than those for any other address.
 */
size_t gh_redis_elect(const gh_redis_vote_t *votes, size_t n, bool stay);
/* Why there is none, behind the primary's name. */
const char *gh_redis_elect_words(const gh_redis_vote_t *votes, size_t n);

/* The reply to ROLE. DONE: a primary; REPLICA. */
gh_redis_verdict_t gh_redis_role_judge(const redisReply *reply);


#endif
