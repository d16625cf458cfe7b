/*
 * What the files of the Redis backend share.
 */

#ifndef NGX_GATEHOUSE_STORE_REDIS_H
#define NGX_GATEHOUSE_STORE_REDIS_H

#include "ngx_gatehouse_store_backend.h"
#include "ngx_gatehouse_redis_sentinel.h"

#define NGX_GATEHOUSE_REDIS_RUN_HIDDEN 1 /* of a server that does not say */


typedef enum {
    NGX_GATEHOUSE_REDIS_SCRIPT = 0, /* SCRIPT LOAD */
    NGX_GATEHOUSE_REDIS_ROOT_SET,
    NGX_GATEHOUSE_REDIS_ROOT_GET,
    NGX_GATEHOUSE_REDIS_WHOLE, /* TYPE of the mark of a copy */
    NGX_GATEHOUSE_REDIS_RUN,   /* INFO server */
    NGX_GATEHOUSE_REDIS_BEAT,
    NGX_GATEHOUSE_REDIS_CHANGES,
    NGX_GATEHOUSE_REDIS_GET,
    NGX_GATEHOUSE_REDIS_WRITE,
    NGX_GATEHOUSE_REDIS_USE /* a claim that is made once */
} ngx_gatehouse_redis_question_e;

/* A question whose replies are due, in the order of asking. */
typedef struct {
    ngx_queue_t queue;
    ngx_gatehouse_redis_question_e type;
    ngx_gatehouse_store_op_t *op; /* NULL: nobody waits any more */
    gh_kind_t kind;
    gh_redis_bytes_t bytes; /* until they are sent */
    unsigned replies, got;
    gh_redis_verdict_t verdict; /* of the replies before the last */
    gh_str_t code;              /* its word; of constants only */
    ngx_msec_t asked_at;
    ngx_uint_t script;    /* SCRIPT: which */
    ngx_uint_t tries;     /* before this, on connections that are left */
    unsigned again : 1;   /* after the scripts were lost */
    unsigned look : 1;    /* USE: whose the mark is */
    unsigned first : 1;   /* CHANGES: where the log stands */
    unsigned overdue : 1; /* somebody has waited for it in vain */
} ngx_gatehouse_redis_slot_t;

typedef struct {
    ngx_gatehouse_redis_conf_t *conf;
    gh_redis_t words;
    ngx_gatehouse_redis_connection_t ops, channel;
    ngx_gatehouse_redis_finder_t finder; /* where sentinels are asked */
    ngx_queue_t asked;                   /* slots on the connection */
    ngx_queue_t waiting;                 /* slots for when it is there */
    ngx_uint_t n;                        /* slots in both */
    ngx_event_t follow;
    uint64_t sequence; /* followed so far */
    uint64_t wanted;   /* the channel has told of it */
    ngx_gatehouse_node_t alone;
    uint64_t beat_us;  /* when the last beat was sent; monotonic */
    uint64_t followed; /* the run of the server whose log it is; 0: none */
    ngx_msec_t lost_at, demoted_at, follow_due;
    unsigned demoted : 1;  /* said to be a replica; another is to be found */
    unsigned draining : 1; /* ... and still owes replies */
    unsigned beating : 1;
    unsigned polling : 1;
    unsigned loading : 1; /* scripts */
    unsigned unsure : 1;  /* whether uses were lost: the mark will say */
    unsigned ready : 1;   /* operations may be sent */
    unsigned hopeful : 1; /* not there, but will be at once: they may wait */
    unsigned lost : 1;    /* it was there, until lost_at */
    char why[300];
} ngx_gatehouse_redis_t;


ngx_int_t ngx_gatehouse_store_redis_submit(ngx_gatehouse_store_t *store,
                                           ngx_gatehouse_store_op_t *op);
void ngx_gatehouse_store_redis_cancel(ngx_gatehouse_store_t *store,
                                      ngx_gatehouse_store_op_t *op);

/* Takes over bytes.data, also when it fails. op may be NULL. */
ngx_gatehouse_redis_slot_t *ngx_gatehouse_store_redis_ask(
    ngx_gatehouse_store_t *store, ngx_gatehouse_redis_question_e type,
    gh_redis_bytes_t *bytes, ngx_gatehouse_store_op_t *op);
/* What is sent for it, by what is known now; bytes->data is the caller's. */
gh_rc_t ngx_gatehouse_store_redis_command(ngx_gatehouse_store_t *store,
                                          ngx_gatehouse_store_op_t *op,
                                          gh_redis_bytes_t *bytes);
/* Nothing was done, and is asked once more, where there is a connection next:
 * `tries` of them were in vain before. */
ngx_int_t ngx_gatehouse_store_redis_elsewhere(ngx_gatehouse_store_t *store,
                                              ngx_gatehouse_store_op_t *op,
                                              ngx_uint_t tries);
/* Loads the scripts, unless that is under way. */
ngx_int_t ngx_gatehouse_store_redis_load(ngx_gatehouse_store_t *store);
/* What waited goes out. */
void ngx_gatehouse_store_redis_release(ngx_gatehouse_store_t *store);
/* All that is under way ends with GH_UNAVAILABLE. */
void ngx_gatehouse_store_redis_fail(ngx_gatehouse_store_t *store);
void ngx_gatehouse_store_redis_free(ngx_gatehouse_store_t *store,
                                    ngx_gatehouse_redis_slot_t *slot);
/* Makes sure that Redis knows since when it has kept all uses. */
ngx_int_t ngx_gatehouse_store_redis_mark(ngx_gatehouse_store_t *store);
/* The reply that an operation has waited for. */
ngx_int_t ngx_gatehouse_store_redis_answer(ngx_gatehouse_store_t *store,
                                           ngx_gatehouse_redis_slot_t *slot,
                                           const redisReply *reply,
                                           const char **why);

/* Opens the channel, and asks from time to time. */
void ngx_gatehouse_store_redis_follow(ngx_gatehouse_store_t *store);
/* Somebody waited in vain for a reply that is still due. */
ngx_uint_t ngx_gatehouse_store_redis_late(ngx_gatehouse_store_t *store);
/* A reply is due for so long that it will not come any more. */
ngx_uint_t ngx_gatehouse_store_redis_silent(ngx_gatehouse_store_t *store);
/* again: the scripts were lost; first: of a connection. */
ngx_int_t ngx_gatehouse_store_redis_ask_changes(ngx_gatehouse_store_t *store,
                                                ngx_uint_t again,
                                                ngx_uint_t first);
/* This node is there; what time is it? */
ngx_int_t ngx_gatehouse_store_redis_beat(ngx_gatehouse_store_t *store);
ngx_int_t ngx_gatehouse_store_redis_beaten(ngx_gatehouse_store_t *store,
                                           ngx_gatehouse_redis_slot_t *slot,
                                           const redisReply *reply,
                                           const char **why);
/* Which run of the server it is; asks for the rest. */
ngx_int_t ngx_gatehouse_store_redis_run(ngx_gatehouse_store_t *store,
                                        const redisReply *reply);
/* Lines of the change log, in order, to all followers. */
void ngx_gatehouse_store_redis_lines(ngx_gatehouse_store_t *store,
                                     const gh_redis_changes_t *changes);
/* Asks for lines, unless that is under way. */
void ngx_gatehouse_store_redis_poll(ngx_gatehouse_store_t *store);
/* With sentinels: looks for the primary, and goes there. */
ngx_int_t ngx_gatehouse_store_redis_find(ngx_gatehouse_store_t *store);
/* It has said that it is a replica. Where sentinels know another this one is
 * left as soon as it owes no reply any more. */
void ngx_gatehouse_store_redis_demoted(ngx_gatehouse_store_t *store);
/* It is lost. Operations may wait a moment: it will be there, or elsewhere. */
ngx_uint_t ngx_gatehouse_store_redis_hope(ngx_gatehouse_store_t *store);
/* That moment is not over. */
ngx_uint_t ngx_gatehouse_store_redis_waits(ngx_gatehouse_store_t *store);
/* "Redis at HOST WORDS", for stands and complain. */
const char *ngx_gatehouse_store_redis_say(ngx_gatehouse_store_t *store,
                                          const char *words);


#endif
