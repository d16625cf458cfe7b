/*
 * Who waits in a worker for what is being fetched. A waiter lives in its
 * asker's memory, is zeroed before its first use, and is called from an event
 * of its own; who goes away cancels it (from a pool cleanup).
 */

#ifndef NGX_GATEHOUSE_WAITER_H
#define NGX_GATEHOUSE_WAITER_H

#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    ngx_queue_t queue;
    void (*handler)(void *data); /* ask again now */
    void *data;
    ngx_msec_t since; /* of a lease: when it began to wait, 0: it does not */
    unsigned linked : 1;
    unsigned denied : 1; /* by a quota: could not ask, no credit is left */
    unsigned told : 1;   /* by a quota: what the store has left is known now */
    unsigned alone : 1;  /* of a lease: could not ask, decide by our share */
} ngx_gatehouse_waiter_t;


/* To the end of a queue, from wherever else it waited. */
void ngx_gatehouse_waiter_link(ngx_queue_t *waiters,
                               ngx_gatehouse_waiter_t *waiter);
/* It is not called any more. */
void ngx_gatehouse_waiter_cancel(ngx_gatehouse_waiter_t *waiter);
/* Takes the first one off the queue, which is not empty; its handler is for
 * the caller to call. */
ngx_gatehouse_waiter_t *ngx_gatehouse_waiter_first(ngx_queue_t *waiters);


#endif
